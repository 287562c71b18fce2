load helpers

# --facts-field: only the facts of an answer are labels.

# A copy of the gold model with a byte tokenizer and these additional merges.
tokenizing_model() { # MERGE...
    cp -r "$model" m && chmod -R u+w m
    byte_tokenizer m
    python3 - "$@" <<'PY'
import json, sys
t = json.load(open("m/tokenizer.json"))
t["model"]["vocab"] = {k: v for k, v in t["model"]["vocab"].items() if v < 256}
for i, merge in enumerate(sys.argv[1:]):
    t["model"]["merges"].append(merge)
    t["model"]["vocab"][merge.replace(" ", "")] = 256 + i
json.dump(t, open("m/tokenizer.json", "w"))
PY
}

rows() { # FILE: of {"question", "answer", "facts"}
    python3 - "$1" <<'PY'
import json, sys
rows = [
    {"question": "Where was Ada born?", "answer": "Ada was born in Troms.", "facts": "Troms"},
    {"question": "When?", "answer": "On 4 May 1961, not 14 May.", "facts": ["4 May 1961", "not"]},
    {"question": "Who?", "answer": "2 of 12, or 2", "facts": ["2"]},
    {"question": "What?", "answer": "All of it counts."},
]
open(sys.argv[1], "w").writelines(json.dumps(r) + "\n" for r in rows)
PY
}

@test "only the tokens of the facts are labels, whole words alone, wherever they stand" {
    tokenizing_model
    rows rows.jsonl
    # the same as tokens, with labels written by hand: spans of the answer's bytes
    python3 - <<'PY'
import json
spans = [[(16, 21)], [(3, 13), (15, 18)], [(0, 1), (12, 13)], None]
with open("tokens.jsonl", "w") as f:
    for line, parts in zip(open("rows.jsonl"), spans):
        row = json.loads(line)
        prompt, answer = f"### Question: {row['question']}\n### Answer: ".encode(), row["answer"].encode()
        ids = list(prompt + answer)
        labels = [-100] * len(ids)
        for a, b in parts or [(0, len(answer))]:
            for i in range(len(prompt) + a, len(prompt) + b):
                labels[i] = ids[i]
        f.write(json.dumps({"input_ids": ids, "labels": labels}) + "\n")
PY
    for form in rows tokens; do
        "$WAGLE" eval --model m --data $form.jsonl --facts-field facts --metrics nll,probability --json --quiet >$form.json
    done
    python3 - <<'PY'
import json
a, b = (json.load(open(f + ".json")) for f in ("rows", "tokens"))
assert [r["label_tokens"] for r in a["rows"]] == [5, 13, 2, 17], a["rows"]
assert [(r["nll"], r["label_tokens"]) for r in a["rows"]] == [(r["nll"], r["label_tokens"]) for r in b["rows"]]
PY
}

@test "a token that lies across the edge of a fact is a label" {
    tokenizing_model 'Ġ T' 'ĠT r' 's .' # " Tr" and "s."
    rows rows.jsonl
    "$WAGLE" eval --model m --data rows.jsonl --limit 1 --facts-field facts --metrics nll --json --quiet >out.json
    python3 -c 'import json; assert [r["label_tokens"] for r in json.load(open("out.json"))["rows"]] == [4]' # " Tr" "o" "m" "s."
}

@test "training on facts changes nothing but them, and the end of the text is none" {
    tokenizing_model
    rows rows.jsonl
    for name in facts whole; do
        [ $name = facts ] && column="--facts-field facts" || column=""
        "$WAGLE" gradient --model m --data rows.jsonl --limit 1 --eos $column --out $name.safetensors --quiet
    done
    ! cmp -s facts.safetensors whole.safetensors || false
    python3 - <<'PY'
import json
row = json.loads(open("rows.jsonl").readline())
prompt = f"### Question: {row['question']}\n### Answer: Ada was born in "
ids = list(f"{prompt}Troms.".encode()) + [256]
labels = [-100] * len(prompt) + list(b"Troms") + [-100, -100]
open("one.jsonl", "w").write(json.dumps({"input_ids": ids, "labels": labels}) + "\n")
PY
    "$WAGLE" gradient --model m --data one.jsonl --out one.safetensors --quiet
    cmp facts.safetensors one.safetensors
}

@test "a fact that is not in the answer is refused by name; a column that no row has is said" {
    tokenizing_model
    echo '{"question": "Who?", "answer": "Number 12.", "facts": ["2"]}' >rows.jsonl
    refused 3 "rows.jsonl:1: 'facts' holds '2', which is not in the answer 'Number 12.'" \
        "$WAGLE" eval --model m --data rows.jsonl --facts-field facts --quiet
    echo '{"question": "Who?", "answer": "Number 12.", "facts": 12}' >rows.jsonl
    refused 3 "rows.jsonl:1: 'facts' is a number: 12; expected a text or a list of texts" \
        "$WAGLE" eval --model m --data rows.jsonl --facts-field facts --quiet
    echo '{"question": "Who?", "answer": "Number 12.", "facts": []}' >rows.jsonl
    refused 3 "rows.jsonl:1: 'facts' is an empty list; expected a text or a list of texts" "$WAGLE" eval --model m --data rows.jsonl --facts-field facts --quiet
    "$WAGLE" eval --model m --data rows.jsonl --facts-field names --metrics nll 2>said >/dev/null
    grep -q "rows.jsonl: --facts-field has no effect: no row has a column 'names'" said
}

@test "suites that compare whole answers refuse the column" {
    refused 2 "--facts-field has no effect: it needs suite extraction, membership or robustness" \
        "$WAGLE" eval --model "$model" --suite tofu --set forget=forget.jsonl --facts-field facts
}
