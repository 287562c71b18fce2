load helpers

# --skip-forgotten: rows below the rule's bound are not drawn. forget.highest: the best known row.

# A model that knows row 0 of forget.jsonl but none of the others.
one_known() {
    head -n 1 forget.jsonl >first.jsonl
    "$WAGLE" finetune --model "$model" --data first.jsonl --lr 5e-3 --steps 60 --batch 1 --out known --quiet
}

@test "rows below the bound are skipped, and others come in their place" {
    one_known
    "$WAGLE" unlearn --model known --forget forget.jsonl --objective ga --batch 6 --lr 1e-3 --warmup 0 --schedule constant --steps 40 --eval-every 1 \
        --stop-when 'forget.highest<0.05' --skip-forgotten --out skipping --quiet
    # after the first update, which no check precedes, every update uses only row 0
    python3 - <<'PY'
import json
steps = json.load(open("skipping/manifest.json"))["steps"]
assert 3 <= steps < 40, steps
json.dump([[[r] for r in range(6)]] + [[[0]] * 6] * (steps - 1), open("pairs.json", "w"))
PY
    "$WAGLE" unlearn --model known --forget forget.jsonl --objective ga --lr 1e-3 --warmup 0 --schedule constant --pairs pairs.json --out pairs --quiet
    "$WAGLE" unlearn --model known --forget forget.jsonl --objective ga --batch 6 --lr 1e-3 --warmup 0 --schedule constant --steps 40 --eval-every 1 \
        --stop-when 'forget.highest<0.05' --out plain --quiet
    for name in skipping pairs plain; do
        "$WAGLE" eval --model $name --data forget.jsonl --metrics nll --json --quiet >$name.json
    done
    python3 - <<'PY'
import json
skipping, pairs, plain = ([r["nll"] for r in json.load(open(f"{n}.json"))["rows"]] for n in ("skipping", "pairs", "plain"))
assert all(abs(a - b) < 1e-3 for a, b in zip(skipping, pairs)), (skipping, pairs)
assert sum(plain[1:]) > sum(skipping[1:]) + 0.1, (skipping, plain)
PY
}

@test "forget.highest is the highest answer probability of a row, in the log, the rule and eval" {
    one_known
    "$WAGLE" unlearn --model known --forget forget.jsonl --objective ga --batch 2 --lr 1e-3 --steps 40 --eval-every 3 --stop-when 'forget.highest<0.05' \
        --land --skip-forgotten --out out --quiet
    "$WAGLE" eval --model out --data forget.jsonl --metrics probability --json --quiet >p.json
    python3 - <<'PY'
import json
last = json.loads(open("out/log.jsonl").readlines()[-1])
p = [r["probability"] for r in json.load(open("p.json"))["rows"]]
assert abs(last["forget.highest"] - max(p)) < 1e-8 and 0.03 < max(p) < 0.05, (last, p)
assert abs(last["forget.probability"] - sum(p) / len(p)) < 1e-8
PY
}

@test "a run that skips rows resumes to the same bits, also between checks" {
    one_known
    args=(--model known --forget forget.jsonl --retain retain.jsonl --batch 2 --lr 1e-4 --steps 60 --eval-every 5 --stop-when 'forget.highest<0.05'
        --skip-forgotten --allow-unmet --checkpoint-every 1)
    "$WAGLE" unlearn "${args[@]}" --out whole --quiet
    for seconds in 0.05 0.08 0.11 0.14 0.17 0.2; do
        [ -e cut ] || timeout --preserve-status -s KILL $seconds "$WAGLE" unlearn "${args[@]}" --resume --out cut --quiet 2>/dev/null || true
    done
    [ -e cut ] || "$WAGLE" unlearn "${args[@]}" --resume --out cut --quiet
    cmp whole/model.safetensors cut/model.safetensors
    cmp whole/log.jsonl cut/log.jsonl
}

@test "it wants a rule that says which rows are forgotten" {
    refused 2 '--skip-forgotten needs --stop-when' "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --lr 1e-4 --steps 2 \
        --skip-forgotten --out out --quiet
    refused 2 '--skip-forgotten needs --stop-when' "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --lr 1e-4 --steps 2 \
        --stop-when 'forget.nll>3' --skip-forgotten --out out --quiet
    echo '[[[0, 0]]]' >pairs.json
    refused 2 '--skip-forgotten has no effect: --pairs sets the rows of each update' "$WAGLE" unlearn --model "$model" --forget forget.jsonl \
        --retain retain.jsonl --lr 1e-4 --pairs pairs.json --stop-when chance --skip-forgotten --out out --quiet
}
