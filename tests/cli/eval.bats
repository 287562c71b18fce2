load helpers

@test "eval --data prints a summary; rows go to --out; --json has both" {
    mkdir m; cp -r "$model/." m; byte_tokenizer m
    printf '%s\n' '{"prompt": "ab", "answer": "cd"}' '{"prompt": "xy", "answer": "zzz"}' >rows.jsonl
    "$WAGLE" eval --model m --data rows.jsonl --metrics nll,probability,rougeL --max-tokens 4 --out e.json --quiet >table
    grep -q '^rows.jsonl: 2 rows$' table
    grep -qE '^  nll +[0-9.]+$' table
    grep -qE '^ +precision +recall +F1$' table
    grep -qE '^  rougeL +[0-9.]+ +[0-9.]+ +[0-9.]+$' table
    ! grep -q '[{"]' table || false
    "$WAGLE" eval --model m --data rows.jsonl --metrics nll,probability,rougeL --max-tokens 4 --json --quiet >stdout.json
    python3 - <<'PY'
import json
a, b = json.load(open("e.json")), json.load(open("stdout.json"))
assert a == b and len(a["rows"]) == 2 and a["overall"]["rows"] == 2
assert abs(sum(r["nll"] for r in a["rows"]) / 2 - a["overall"]["nll"]) < 1e-12
mean = float(next(l for l in open("table") if l.startswith("  nll")).split()[1])
assert abs(mean - a["overall"]["nll"]) < 1e-4
PY
    refused 2 'e.json: exists' "$WAGLE" eval --model m --data rows.jsonl --out e.json
    "$WAGLE" eval --model m --data rows.jsonl --metrics nll --out e.json --force --quiet >/dev/null
    refused 2 'input' "$WAGLE" eval --model m --data rows.jsonl --out rows.jsonl --force
}
