load helpers

@test "inspect tells scores and masks in lines: kind, selector, gamma as it was given, density, counts, data" {
    "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --gamma 1e-6 --out scores --quiet
    "$WAGLE" mask --scores scores --density 0.1 --out mask --quiet
    "$WAGLE" mask --model "$model" --forget forget.jsonl --retain retain.jsonl --gamma 1e-6 --density 0.1 --out mask2 --quiet
    cmp mask mask2
    hash=$(sha256sum <forget.jsonl | cut -d' ' -f1)
    for file in scores mask; do
        "$WAGLE" inspect $file >told
        grep -qx 'selector  *wagle' told
        grep -qx 'gamma  *1e-06' told
        grep -qx 'loss  *nll' told
        grep -qx 'forget  *forget.jsonl' told
        grep -qx "forget_sha256  *$hash" told
        grep -qx 'forget_rows  *6' told
        grep -qx 'retain  *retain.jsonl' told
        grep -qx 'retain_rows  *8' told
        ! grep -q '[{}]' told || false
    done
    grep -qx 'kind  *mask' told
    grep -qx 'density  *0.1' told
    grep -qx 'selected  *6869' told
    grep -qx 'weights  *68688' told
    "$WAGLE" inspect scores | grep -qx 'kind  *scores'
    "$WAGLE" inspect mask --tensors | grep -qE '^ +[0-9]+  model\.embed_tokens\.weight$'
    "$WAGLE" inspect mask --json | python3 -c '
import json, sys
m = json.load(sys.stdin)
assert m["kind"] == "mask" and m["selected"] == sum(m["selected_by_tensor"].values()) == 6869 and m["gamma"] == "1e-06"'
    "$WAGLE" attribute --model "$model" --forget forget.jsonl --forget retain.jsonl@2 --retain retain.jsonl --out diag --quiet
    "$WAGLE" inspect diag >told
    grep -qx 'gamma  *diag' told
    grep -q 'mean_fisher' told
    grep -qx 'forget  *forget.jsonl, retain.jsonl@2' told
    "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --gamma auto --out auto --quiet
    "$WAGLE" inspect auto | grep -qx 'gamma  *auto'
    "$WAGLE" attribute --model "$model" --selector random --seed 7 --out random --quiet
    "$WAGLE" inspect random | grep -qx 'seed  *7'
}

@test "inspect tells runs, results, patches and specs in lines" {
    "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --steps 2 --lr 1e-3 --out run --out-patch p --quiet
    "$WAGLE" inspect run/manifest.json >told
    grep -qx 'kind  *manifest' told
    grep -qx 'objective  *graddiff' told
    grep -qx 'forget  *forget.jsonl' told
    "$WAGLE" inspect p | grep -qx 'kind  *patch'
    "$WAGLE" inspect run | grep -qx 'kind  *model'
    "$WAGLE" eval --model run --data forget.jsonl --metrics nll --out e.json --quiet
    "$WAGLE" inspect e.json | grep -q '^overall.nll '
    echo '{"a": 1}' >other.json
    refused 3 'JSON, but not a result of eval' "$WAGLE" inspect other.json
    refused 3 'no config.json' "$WAGLE" inspect .
}

@test "paths with quotes, new lines and bytes that are no UTF-8 are right in JSON" {
    for name in "a\"b'c" $'a\nb' $'a\\b' $'a\xffb'; do
        "$WAGLE" finetune --model "$model" --data forget.jsonl --steps 1 --out "$name" --json --quiet >result.json
        python3 - "$name" <<'PY'
import json, os, sys
result = json.load(open("result.json"))
assert result["out"] == os.fsencode(sys.argv[1]).decode("utf-8", "replace"), result
PY
        cp forget.jsonl "$name.jsonl"
        "$WAGLE" eval --model "$name" --data "$name.jsonl" --metrics nll --json --quiet | python3 -c 'import json, sys; json.load(sys.stdin)'
        "$WAGLE" inspect "$name" --json | python3 -c 'import json, sys; json.load(sys.stdin)'
        "$WAGLE" attribute --model "$model" --forget "$name.jsonl" --retain retain.jsonl --out "$name.scores" --quiet
        "$WAGLE" inspect "$name.scores" --json | python3 -c 'import json, sys; json.load(sys.stdin)'
    done
}
