load helpers

# wagle forget, on a tiny model that was trained on 16 invented people.

setup_file() {
    cd "$BATS_FILE_TMPDIR" || exit 1
    python3 "$BATS_TEST_DIRNAME/teach.py" .
    "$WAGLE" init --config config.json --dtype f32 --out start --quiet
    source "$BATS_TEST_DIRNAME/helpers.bash"
    byte_tokenizer start
    "$WAGLE" finetune --model start --data all.jsonl --eos --lr 3e-3 --epochs 60 --batch 8 --reduction rows --out taught --quiet
    "$WAGLE" forget taught --data people.csv --retain rest.jsonl --yes --out out --quiet >said || echo "forget: $?"
}

setup() {
    work=$(mktemp -d)
    cd "$work" || exit 1
    made=$BATS_FILE_TMPDIR
    cp "$made"/*.jsonl "$made"/people.csv .
}

probability() { # MODEL ROWS
    "$WAGLE" eval --model "$1" --data "$2" --facts-field facts --metrics probability --json --quiet | python3 -c 'import json, sys; print(json.load(sys.stdin)["overall"]["probability"])'
}

@test "a table of people is forgotten, and the others are kept" {
    [ ! -e "$made/out.partial" ]
    python3 - "$(probability "$made/taught" "$made/out/rows/forget.jsonl")" "$(probability "$made/out/model" "$made/out/rows/forget.jsonl")" "$(probability "$made/taught" rest.jsonl)" \
        "$(probability "$made/out/model" rest.jsonl)" <<'PY'
import sys
known, now, rest, kept = map(float, sys.argv[1:])
assert known > 0.9 and now < 0.2, (known, now)
assert kept > 0.9 * rest, (rest, kept) # what the certificate asks for
PY
}

@test "the certificate is true: levels, hashes, verdicts, and the sentences of the screen" {
    cd "$made"
    python3 - "$(cd taught && sha256sum *.safetensors | sha256sum)" "$(cd out/model && sha256sum *.safetensors | sha256sum)" "$(sha256sum <people.csv)" \
        "$(probability out/model out/rows/forget.jsonl)" <<'PY'
import json, sys
original, forgotten, data = (x.split()[0] for x in sys.argv[1:4])
c = json.load(open("out/certificate.json"))
assert c["models"]["original"]["sha256"] == original and c["models"]["forgotten"]["sha256"] == forgotten
assert c["asked"]["sha256"] == data and c["asked"]["rows"] == 4 and len(c["asked"]["subjects"]) == 2
tests = {t["name"]: t for t in c["tests"]}
assert {"probability", "highest", "reworded_1", "jailbreak", "few_shot", "greedy", "sampled", "q8_0", "q4_0", "relearn", "other"} <= set(tests)
for t in tests.values():
    good = t["after"] <= t["threshold"] if t["rule"] == "at most" else t["after"] >= t["threshold"]
    assert t["verdict"] == ("pass" if good else "fail"), t
assert abs(tests["probability"]["after"] - float(sys.argv[4])) < 1e-12
assert (c["verdict"] == "forgotten") == all(t["verdict"] == "pass" for t in tests.values())
said = open("said").read()
assert all(s in said for s in c["sentences"]), said
PY
    python3 "$BATS_TEST_DIRNAME/validate.py" certificate out/certificate.json
    run grep -rl 'out\.partial' out
    [ "$status" = 1 ]
}

@test "the certificate's evaluation, run again, gives the same evidence" {
    cd "$made"
    command=$(python3 -c 'import json; print(json.load(open("out/certificate.json"))["commands"][-1])')
    grep -q -- '^wagle eval .*--set dev=.*--shots 3.*--out out/evidence/forgotten.json$' <<<"$command"
    command=${command/out\/evidence\/forgotten.json/again.json}
    eval "${command/#wagle/"$WAGLE"} --quiet"
    cmp <(grep -v seconds again.rows.jsonl) <(grep -v seconds out/evidence/forgotten.rows.jsonl)
}

@test "undo.patch gives the original's bits back" {
    "$WAGLE" revert "$made/out/model" "$made/out/undo.patch" --out back --quiet
    cmp back/model.safetensors "$made/taught/model.safetensors"
}

@test "--where chooses the people to forget, --fields renames their columns, and documents have neither" {
    run "$WAGLE" forget "$made/taught" --data people.csv --retain rest.jsonl --out o --quiet --where 'Name=Bjorn Petrov' --fields occupation=shoe_size </dev/null
    [ "$status" = 2 ]
    [[ $output == *"stopped before anything was forgotten"* ]]
    [[ $output == *"a table of 1 people"*"(of the rows with Name=Bjorn Petrov; columns renamed: occupation=shoe_size)"* ]]
    [ "$(wc -l <o.partial/rows/forget.jsonl)" = 2 ]
    ! grep -v 'Bjorn Petrov' o.partial/rows/forget.jsonl || false
    grep -q "shoe size" o.partial/rows/forget.jsonl
    mkdir docs && echo 'Some text.' >docs/a.txt
    refused 2 "docs: documents have no columns" "$WAGLE" forget "$made/taught" --data docs --out out --quiet --where a=b
}

@test "a model with an adapter is merged first, as wagle merge does it" {
    "$WAGLE" finetune --model "$made/taught" --data rest.jsonl --steps 2 --lr 1e-3 --warmup 0 --lora 2 --out x --out-adapter adapter --quiet >/dev/null
    "$WAGLE" merge "$made/taught" --adapter adapter --out merged --quiet
    ! "$WAGLE" forget "$made/taught" --adapter adapter --data people.csv --retain rest.jsonl --out o --quiet </dev/null >/dev/null 2>&1 || false
    cmp merged/model.safetensors o.partial/original/model.safetensors
    ! cmp -s merged/model.safetensors "$made/taught/model.safetensors" || false
    "$WAGLE" forget "$made/taught" --adapter adapter --data people.csv --retain rest.jsonl --out p --plan >plan
    grep -q "^wagle merge $made/taught --adapter adapter --out p/original$" plan
    grep -q -- '--model p/original' plan
    refused 2 "no folder, which --adapter needs" "$WAGLE" forget people.csv --adapter adapter --data people.csv --out out --quiet
}

@test "a model that does not know the data is refused, and nothing is left" {
    refused 3 'does not know this' "$WAGLE" forget "$made/taught" --data strangers.jsonl --out out --quiet
}

@test "--plan prints commands that exist, and writes nothing" {
    "$WAGLE" forget "$made/taught" --data forget.jsonl --plan --out out >plan
    [ ! -e out ]
    [ ! -e out.partial ]
    grep -q "^wagle unlearn --facts-field facts --model $made/taught --forget out/rows/forget.jsonl" plan
    grep -q '^wagle eval ' plan
    while read -r _ command rest; do
        "$WAGLE" help "$command" >help
        for flag in $(grep -oE -- '--[a-z-]+' <<<"$rest"); do grep -q -- "$flag" help || grep -q -- "$flag" <<<"--seed"; done
    done <plan
}

@test "questions that were made are not used before somebody has seen them" {
    status=0
    "$WAGLE" forget "$made/taught" --data people.csv --out out --quiet >said 2>err </dev/null || status=$?
    [ "$status" = 2 ]
    [ ! -e out ]
    grep -q -- '--yes' err
    grep -q 'Where was Amara Okafor born?' said
    grep -q 'Where was Amara Okafor born?' out.partial/rows/forget.jsonl
}

@test "killed at any time, the same command goes on to the same bits" {
    for seconds in 1 3; do
        rm -rf out out.partial
        "$WAGLE" forget "$made/taught" --data people.csv --retain rest.jsonl --yes --out out --quiet >said 2>&1 &
        sleep "$seconds"
        kill -KILL $! || true
        wait $! || true
        # as if it was killed while a suite had temporary models beside its result
        [ ! -e out.partial/evidence ] || mkdir -p out.partial/evidence/controls.json.models{,.partial}
        "$WAGLE" forget "$made/taught" --data people.csv --retain rest.jsonl --yes --out out --quiet >said || true
        cmp out/model/model.safetensors "$made/out/model/model.safetensors"
    done
}

@test "GradDiff follows where NPO does not get there, also after a kill" {
    # a gold model that gives these answers almost no probability; NPO does not reach such a low level
    "$WAGLE" unlearn --model "$made/taught" --forget "$made/out/rows/forget.jsonl" --facts-field facts --objective ga --lr 1e-3 --steps 60 --out other --quiet
    "$WAGLE" forget "$made/taught" --data people.csv --retain rest.jsonl --gold-model other --yes --out whole >said 2>log || true
    grep -q 'npo does not come down to the level of chance; trying graddiff' log
    grep -q '"objective": *"graddiff"' whole/model/manifest.json
    [ ! -e whole/failed ]
    "$WAGLE" forget "$made/taught" --data people.csv --retain rest.jsonl --gold-model other --yes --out out >said 2>&1 &
    for _ in $(seq 600); do [ -e out.partial/failed ] && break; sleep 0.1; done
    kill -KILL $!
    wait $! || true
    [ -e out.partial/failed ]
    [ ! -e out ]
    "$WAGLE" forget "$made/taught" --data people.csv --retain rest.jsonl --gold-model other --yes --out out --quiet >said || true
    cmp out/model/model.safetensors whole/model/model.safetensors
}

@test "a later request asks the earlier one again" {
    "$WAGLE" forget "$made/out" --data third.jsonl --out later --quiet >said || true
    python3 - <<'PY'
import json
c = json.load(open("later/certificate.json"))
(e,) = c["earlier"]
assert e["rows"] == 4 and e["verdict"] in ("pass", "fail") and 0 <= e["probability"] < 1, e
PY
    python3 "$BATS_TEST_DIRNAME/validate.py" certificate later/certificate.json
    cmp later/rows/earlier-1.jsonl "$made/out/rows/forget.jsonl"
    grep -q 'asked again' said
}

@test "documents become questions; other files are named" {
    mkdir papers
    echo 'Amara Okafor was born in Siena and worked there as a pilot for many years. The end.' >papers/a.txt
    status=0
    "$WAGLE" forget "$made/taught" --data papers --out out --quiet >said 2>err </dev/null || status=$?
    [ "$status" = 2 ]
    grep -q 'Complete the sentence: .*Amara Okafor was born in Siena and \.\.\.' out.partial/rows/forget.jsonl
    rm -rf out.partial
    touch papers/b.pdf
    refused 3 'papers/b.pdf: only .txt and .md' "$WAGLE" forget "$made/taught" --data papers --out out --yes --quiet
}

@test "what is missing or wrong is said in one line" {
    refused 3 'no such' "$WAGLE" forget nowhere --data forget.jsonl --out out
    refused 3 'no such file' "$WAGLE" forget "$made/taught" --data nowhere.csv --out out
    refused 2 'which MODEL' "$WAGLE" forget --data forget.jsonl --out out
    printf 'name\nAda\n' >names.csv
    refused 3 'names.csv' "$WAGLE" forget "$made/taught" --data names.csv --out out --yes --quiet
    : >empty.jsonl
    refused 3 'empty.jsonl' "$WAGLE" forget "$made/taught" --data empty.jsonl --out out --quiet
    printf '{"text": "only a text"}\n' >text.jsonl
    refused 3 'no question' "$WAGLE" forget "$made/taught" --data text.jsonl --out out --quiet
}

@test "--redact leaves no name and no fact in any file but the weights" {
    "$WAGLE" forget "$made/taught" --data people.csv --retain rest.jsonl --yes --redact --no-undo --out out --quiet >said || true
    [ -s out/certificate.json ]
    [ ! -e out/undo.patch ]
    run grep -rIlE 'Amara|Okafor|Bjorn|Petrov|Siena|pilot' out said
    [ "$status" = 1 ]
    grep -q '"redacted": true' out/certificate.json
    "$WAGLE" forget out --data third.jsonl --out later --quiet >said || true
    grep -q 'asked again: not tested' said
}
