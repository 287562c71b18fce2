load helpers

# unlearn with only data: it searches for the rate (--lr auto) and measures the level of chance (--stop-when chance).

# A tiny model that was trained on two people's rows; one of them is to be forgotten.
taught() {
    [ -e "$BATS_FILE_TMPDIR/taught" ] || {
        cp -r "$model" base && rm base/gold.* && byte_tokenizer base
        python3 - <<'PY'
import json
people = {"forget": [("Ann Lee", "Rome", "red"), ("Bo Park", "Oslo", "green")], "retain": [("Cy Dane", "Lima", "blue"), ("Di Ross", "Bonn", "white")]}
for name, list in people.items():
    with open(f"{name}.jsonl", "w") as f:
        for who, city, colour in list:
            print(json.dumps({"question": f"Where is {who}?", "answer": f"In {city}, says {who}."}), file=f)
            print(json.dumps({"question": f"What does {who} like?", "answer": f"It is {colour}."}), file=f)
PY
        cat forget.jsonl retain.jsonl >learn.jsonl
        "$WAGLE" finetune --model base --data learn.jsonl --lr 5e-3 --steps 120 --batch 4 --out taught --quiet >/dev/null
        cp -r taught base forget.jsonl retain.jsonl "$BATS_FILE_TMPDIR"
    }
    cp -r "$BATS_FILE_TMPDIR"/{taught,base,forget.jsonl,retain.jsonl} .
    data=(--model taught --forget forget.jsonl --retain retain.jsonl)
}

@test "data alone: the rule is reached, and the folder says how" {
    taught
    "$WAGLE" unlearn "${data[@]}" --out out >said 2>log
    grep -qE '^out: [0-9]+ steps \(stopped below the level of chance, 0\.[0-9]+' said
    grep -qE '^wagle: the level of chance is 0\.[0-9]+: the answer probability of 12 control rows.*; the forget rows have 0\.' log
    grep -qE '^wagle: try 1: --lr [0-9.e-]+: forget probability 0\.[0-9]+ -> [0-9.e-]+ after [0-9]+ updates$' log
    [ "$(grep -c '^wagle: try ' log)" -le 5 ]
    grep -qE '^wagle: --lr [0-9.e-]+: the rule is expected to hold after about [0-9]+ updates$' log
    "$WAGLE" eval --model taught --data out/controls.jsonl --metrics probability --quiet --json >controls.json
    "$WAGLE" eval --model out --data forget.jsonl --metrics probability --quiet --json >forgotten.json
    python3 - <<'PY'
import json
m, tries = json.load(open("out/manifest.json")), json.load(open("out/tries.json"))
chance = m["chance"]
assert m["stopped"] and 10 <= m["steps"] <= 300 and m["stop_when"] == "chance" and 0 < m["land"] <= 1, m
assert m["schedule"] == "constant" and m["lr"] == tries["lr"] > 0 and m["lr_search"] == tries
assert chance["how"] == "controls" and chance["rows"] == 12 and chance["original"] > 0.5, chance
assert json.load(open("controls.json"))["overall"]["probability"] == chance["probability"]
p = json.load(open("forgotten.json"))["overall"]["probability"]
assert 0.9 * chance["probability"] < p < chance["probability"], (p, chance)
assert 1 <= len(tries["tries"]) <= 5 and all(t["checks"] for t in tries["tries"])
rows = [json.loads(line) for line in open("out/controls.jsonl")]
names = [w for row in rows for w in ("Ann", "Lee", "Bo", "Park") if w in row["question"] + row["answer"]]
assert len(rows) == 12 and not names, rows
assert any("Rome" in row["answer"] for row in rows)
PY
}

@test "one thread or two, and a search that is interrupted or killed, give the same bits" {
    taught
    run=(unlearn "${data[@]}" --quiet)
    "$WAGLE" "${run[@]}" --threads 1 --out whole
    "$WAGLE" "${run[@]}" --threads 2 --out two
    diff -r whole two
    for how in INT INT KILL INT INT; do
        timeout --preserve-status -s $how 0.15 "$WAGLE" "${run[@]}" --threads 1 --out cut --resume 2>>cut.log && break
    done || true
    [ -e cut ] || "$WAGLE" "${run[@]}" --threads 1 --out cut --resume
    diff -r whole cut
}

@test "an interrupted search is not resumed with other options, and a finished one is not made again" {
    taught
    run=(unlearn "${data[@]}" --checkpoint-every 1)
    for seconds in 0.1 0.2 0.3 0.5 1; do
        timeout --preserve-status -s INT $seconds "$WAGLE" "${run[@]}" --out cut --resume 2>>log || true
        [ ! -e cut ] || skip 'the machine is too fast'
        [ ! -e cut.partial/checkpoint.safetensors ] || break
    done
    status=0
    "$WAGLE" "${run[@]}" --out cut --resume --lr 1e-3 --schedule constant 2>refused || status=$?
    [ $status = 2 ]
    grep -q 'made with --lr auto, now --lr 0.001' refused
    "$WAGLE" "${run[@]}" --out cut --resume 2>log
    [ "$(grep -c 'try 1:' log)" -le 1 ]
}

@test "other rules, optimizers, adapters and masks are searched for too" {
    taught
    for extra in "--stop-when forget.nll>4" "--stop-when retain.nll<9" "--lora 4" "--optimizer lion --objective npo" "--protect retain" "--selector snip --density 0.3"; do
        # shellcheck disable=SC2086
        "$WAGLE" unlearn "${data[@]}" $extra --steps 30 --allow-unmet --out out --force 2>log >said
        grep -qE '^wagle: (--lr|try 1)' log
        grep -q '"lr_search"' out/manifest.json
    done
    echo '{"lr": "auto", "stop_when": "chance"}' >options.json
    "$WAGLE" unlearn "${data[@]}" --config options.json --out out --force --dry-run | grep -q 'searched first, by up to 5 tries'
}

@test "a search protects the retain rows; none, a rate, adapters and an objective without them do not" {
    taught
    protects() { "$WAGLE" unlearn "${data[@]}" "$@" --out out --force --allow-unmet --quiet >/dev/null 2>&1 && python3 -c 'import json; print(json.load(open("out/manifest.json")).get("protection", {}).get("rows"))'; }
    [ "$(protects)" = 4 ]
    cp out/model.safetensors default.safetensors
    [ "$(protects --protect retain)" = 4 ]
    cmp out/model.safetensors default.safetensors
    [ "$(protects --protect none)" = None ]
    ! cmp -s out/model.safetensors default.safetensors || false
    [ "$(protects --lr 1e-3 --steps 3 --stop-when 'forget.nll>99')" = None ]
    [ "$(protects --lora 4 --steps 20)" = None ]
    [ "$(protects --objective ga --steps 20)" = None ]
    [ "$(protects --retain-term none --steps 20)" = None ]
    rm -rf out
    refused 2 '--protect none turns protection off' "$WAGLE" unlearn "${data[@]}" --protect none --protect retain --out out --quiet
}

@test "a number turns the search off; a model without the rows gives the level of chance" {
    taught
    "$WAGLE" unlearn "${data[@]}" --lr 2e-3 --gold-model base --out out 2>log
    ! grep -q 'try 1' log || false
    grep -q 'the answer probability of the forget rows in the model of --gold-model' log
    [ ! -e out/tries.json ]
    [ ! -e out/controls.jsonl ]
    grep -q '"how": "gold"' out/manifest.json
    "$WAGLE" unlearn "${data[@]}" --lr 1e-3 --steps 3 --out plain 2>log
    ! grep -q chance log plain/manifest.json || false
}

@test "rows that the model does not know, and rows without prompts, are refused in one line" {
    taught
    refused 3 'the model does not know the forget rows, so there is nothing to forget' "$WAGLE" unlearn --model base --forget forget.jsonl --retain retain.jsonl --quiet --out out
    sed 's/"question": "[^"]*", "answer"/"text"/' forget.jsonl >text.jsonl
    refused 3 'name --stop-when RULE, or --gold-model DIR' "$WAGLE" unlearn --model taught --forget text.jsonl --retain retain.jsonl --quiet --out out
    echo '{"question": "is it so?", "answer": "Yes."}' >one.jsonl
    refused 3 'the only row has no name in its question' "$WAGLE" unlearn --model taught --forget one.jsonl --retain retain.jsonl --quiet --out out
    refused 3 '--gold-model nowhere' "$WAGLE" unlearn "${data[@]}" --gold-model nowhere --out out
    refused 2 'finetune forgets no rows' "$WAGLE" finetune --model taught --data retain.jsonl --lr auto --out out
    refused 2 'finetune forgets no rows' "$WAGLE" finetune --model taught --data retain.jsonl --stop-when chance --out out
    refused 2 'not a number' "$WAGLE" unlearn "${data[@]}" --lr automatic --out out
    refused 2 "'lr' must be a number" "$WAGLE" unlearn "${data[@]}" --config <(echo '{"lr": "fast"}') --out out
}

@test "a bound that comes before the rule is said, with exit code 5" {
    taught
    status=0
    "$WAGLE" unlearn "${data[@]}" --lr 1e-6 --steps 5 --stop-when chance --out out 2>log || status=$?
    [ $status = 5 ]
    tail -1 log | grep -qE "^wagle: --stop-when 'chance', forget.probability<0\.[0-9]+, was not reached in 5 steps \(0\.[0-9]+ at its last check\); the model is in out$"
    status=0
    "$WAGLE" unlearn "${data[@]}" --objective ga --forget-weight 0 --weight-decay 0 --out none 2>log || status=$?
    [ $status = 1 ]
    tail -1 log | grep -q 'none of 5 rates from .* brings forget.probability from .* towards its rule'
}
