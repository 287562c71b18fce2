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

@test "a text follows the prompt's own tokens, where the row's answer would change the last one" {
    cp -r "$model" m && chmod -R u+w m
    byte_tokenizer m
    python3 - <<'PY'
import json
d = json.load(open("m/tokenizer.json"))
vocab = d["model"]["vocab"]
for at, pair in ((300, ']"'), (301, "Ġw")):
    del vocab[f"<{at}>"]
    vocab[pair] = at
    d["model"]["merges"].append(" ".join(pair))
json.dump(d, open("m/tokenizer.json", "w"))
PY
    written() { # after the prompt $1 of a row with the answer $2
        python3 -c 'import json, sys; print(json.dumps({"question": sys.argv[1], "answer": sys.argv[2]}))' "$1" "$2" >row.jsonl
        "$WAGLE" eval --model m --data row.jsonl --prompt '{prompt}' --metrics rouge1 --max-tokens 8 --json --quiet | python3 -c 'import json, sys; print(json.load(sys.stdin)["rows"][0]["generated"])'
    }
    after() { "$WAGLE" generate --model m --no-chat --prompt "$1" --max-tokens 8 --json --quiet | python3 -c 'import json, sys; print(json.load(sys.stdin)["text"])'; }
    after '[who]' >own
    written '[who]' 'me' >plain
    cmp own plain
    written '[who]' '"me"' >crossed
    cmp own crossed
    after 'who:' >own
    written 'who: ' 'word' >spaced # the space is of the answer's first token
    cmp own spaced
    python3 - <<'PY' # a tokenizer that ends each text with a token
import json
d = json.load(open("m/tokenizer.json"))
end = {"SpecialToken": {"id": "<256>", "type_id": 0}}
d["post_processor"] = {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}, end], "pair": [],
                       "special_tokens": {"<256>": {"id": "<256>", "ids": [256], "tokens": ["<256>"]}}}
json.dump(d, open("m/tokenizer.json", "w"))
PY
    written '[who]' 'me' >plain
    written '[who]' '"me"' >crossed
    cmp plain crossed
}
