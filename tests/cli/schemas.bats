load helpers

# Outputs of commands match the schemas in docs/reference/schemas, whose objects allow no unknown keys.
valid() { python3 "$BATS_TEST_DIRNAME/validate.py" "$@"; }
invalid() { ! python3 "$BATS_TEST_DIRNAME/validate.py" "$@" >/dev/null || { echo "fits $1: ${*:2}"; return 1; }; }

questions() {
    cp -r "$model" m && chmod -R u+w m && byte_tokenizer m
    for set in forget retain; do
        for i in 1 2 3 4 5 6; do echo "{\"question\": \"who $set $i\", \"answer\": \"abc $i\"}"; done >"$set.jsonl"
    done
}

@test "manifest.json and log.jsonl of every kind of run fit their schemas" {
    questions
    run_of() { "$WAGLE" unlearn --model m --forget forget.jsonl --retain retain.jsonl --lr 1e-2 --steps 3 --warmup 0 --out "$@" --quiet >/dev/null; }
    run_of plain
    run_of selected --selector wagle --gamma protect --density 0.1 --include layers:0-1 --exclude norms --no-decay norms
    run_of masked --selector random --density 0.2 --clip-before-mask --reduction tokens
    run_of rectified --rectify 0.8
    run_of protected --protect retain --protect forget.jsonl --forget retain.jsonl@2 --monitor --eval-every 1
    run_of landed --stop-when 'forget.probability<0.9' --land --eval-every 1
    run_of watched --suite extraction --set forget=forget.jsonl --max-tokens 4 --eval-every 1
    "$WAGLE" mask --model m --forget forget.jsonl --retain retain.jsonl --density 0.1 --out mask --quiet
    run_of from_mask --mask mask --objective pdu
    run_of adapted --adapter "$GOLD/adapters/list" --objective po --lora 2
    "$WAGLE" finetune --model m --data retain.jsonl --data forget.jsonl@0.5 --steps 2 --out tuned --quiet >/dev/null
    "$WAGLE" finetune --model m --data forget.jsonl --lr 1e-2 --steps 60 --out known --quiet >/dev/null
    "$WAGLE" unlearn --model known --forget forget.jsonl --retain retain.jsonl --out auto --allow-unmet --quiet >/dev/null
    valid tries auto/tries.json
    valid manifest ./*/manifest.json
    valid log-line ./*/log.jsonl
    [ "$(ls ./*/manifest.json | wc -l)" = 12 ]
    python3 -c "import json; m = json.load(open('plain/manifest.json')); m['rate'] = 1; json.dump(m, open('more.json', 'w'))"
    invalid manifest more.json
    echo '{"step": 1, "los": 2}' >bad.jsonl; invalid log-line bad.jsonl
}

@test "facts of the machine, and losses of gradients, fit their schemas" {
    "$WAGLE" doctor --json >facts.json
    valid doctor facts.json
    for objective in graddiff npo l1-sparse; do
        "$WAGLE" gradient --model "$model" --objective $objective --forget forget.jsonl --retain retain.jsonl --out $objective.safetensors --json >$objective.json
    done
    valid objective-gradient graddiff.json npo.json l1-sparse.json
    invalid doctor npo.json
}

@test "results, rows and comparisons fit their schemas" {
    questions
    for k in a b; do
        "$WAGLE" eval --model m --suite extraction,robustness,membership --set forget=forget.jsonl --set members=forget.jsonl --set nonmembers=retain.jsonl \
            --set relearn=retain.jsonl --resamples 9 --max-tokens 4 --relearn-steps 1 --out $k.json >/dev/null
    done
    "$WAGLE" eval --recompute a.json --resamples 5 --json >again.json
    valid result a.json again.json
    valid rows-line a.rows.jsonl
    "$WAGLE" compare a.json b.json --resamples 9 --json >c.json
    valid compare c.json
    "$WAGLE" eval --model m --data forget.jsonl --metrics nll,perplexity,probability,rouge1,rougeL --max-tokens 4 --json >d.json
    valid rows-result d.json
    invalid result c.json
    invalid compare d.json
    invalid rows-result a.json
    python3 - a.json c.json d.json <<'PY'
import json, sys
assert [json.load(open(f))["schema"] for f in sys.argv[1:]] == ["wagle-result-1", "wagle-compare-1", "wagle-rows-result-1"]
PY
    for file in a.json d.json; do "$WAGLE" inspect $file --json >"$file.inspect.json"; done
    valid inspect ./*.inspect.json
}

@test "inspect, masks compared and a patch's header fit their schemas" {
    "$WAGLE" attribute --model "$model" --forget forget.jsonl --retain retain.jsonl --gamma protect --out scores --quiet
    "$WAGLE" attribute --model "$model" --forget forget.jsonl --selector random --seed 3 --out random --quiet
    "$WAGLE" mask --scores scores --density 0.1 --include layers:0-1 --exclude norms --out mask --quiet
    "$WAGLE" mask --scores random --density 0.2 --scope neurons --format bool --out neurons --quiet
    "$WAGLE" mask --op minus neurons mask --out minus --quiet
    "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --mask mask --lr 1e-2 --warmup 0 --steps 2 --out new --out-patch p.patch --quiet >/dev/null
    "$WAGLE" diff "$model" new --old hash --out hashed.patch --quiet
    cp -r "$model" folder && chmod -R u+w folder && byte_tokenizer folder
    "$WAGLE" export folder --out model.gguf --quiet
    for file in scores random mask neurons minus p.patch hashed.patch folder model.gguf new/manifest.json new/model.safetensors; do
        name=${file//\//-}
        "$WAGLE" inspect "$file" --json >"$name.inspect.json"
        "$WAGLE" inspect "$file" --tensors --json >"$name.tensors.json"
    done
    valid inspect ./*.inspect.json ./*.tensors.json
    "$WAGLE" mask --compare mask neurons minus --json >masks.json
    valid compare-masks masks.json
    python3 - p.patch hashed.patch <<'PY'
import json, struct, sys
for path in sys.argv[1:]:
    with open(path, "rb") as f:
        meta = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))["__metadata__"]
    json.dump(meta, open(path + ".header.json", "w"))
    json.dump(json.loads(meta["tensors"]), open(path + ".touched.json", "w"))
PY
    valid patch-header ./*.header.json
    valid 'patch-header#tensors' ./*.touched.json
    invalid patch-header masks.json
}

@test "a sweep's spec and both summaries fit their schemas" {
    python3 - "$model" <<'PY'
import json, sys
spec = {"model": sys.argv[1], "forget": "forget.jsonl", "retain": "retain.jsonl", "eval": {"forget": "forget.jsonl", "retain": "retain.jsonl"},
        "objectives": ["graddiff", "npo"], "params": {"npo.beta": 0.1}, "selectors": ["none", "random"], "densities": [0.4], "exclude": [[]],
        "grids": [{"selectors": ["none"], "protect": ["retain@0.1"]}], "lr": [1e-3], "seeds": [1, 2], "steps": 2, "schedule": "constant",
        "stop_when": "forget.probability<0.9", "eval_every": 1, "land": True, "relearn": {"data": "forget.jsonl", "steps": 1, "lr": 1e-3}, "rounded": ["q8_0"]}
json.dump(spec, open("spec.json", "w"))
json.dump(dict(spec, epochs=3), open("wrong.json", "w"))
PY
    valid sweep-spec spec.json
    invalid sweep-spec wrong.json
    "$WAGLE" sweep spec.json --out one --quiet >/dev/null
    "$WAGLE" sweep spec.json --out two --quiet >/dev/null
    "$WAGLE" sweep --join one two --out study --quiet >/dev/null
    valid summary one/summary.json study/summary.json
}

@test "a --config object fits the schema of its command, and the schema knows every option" {
    cat >run.json <<'JSON'
{"forget": ["forget.jsonl"], "retain": "retain.jsonl", "lr": 0.001, "steps": 2, "clip": 1, "memory": "2G", "npo.beta": 0.2, "objective": "npo", "force": true}
JSON
    "$WAGLE" unlearn --config run.json --model "$model" --out out --quiet >/dev/null
    valid 'config#unlearn' run.json
    for wrong in '{"lr": 0}' '{"lr": "automatic"}' '{"steps": 1.5}' '{"schedule": "step"}' '{"learning_rate": 1}' '{"force": 1}' '{"npo.beta": -1}'; do
        echo "$wrong" >wrong.json; invalid 'config#unlearn' wrong.json
    done
    for command in $("$WAGLE" help --list); do
        [ "$command" != init ] || continue
        { "$WAGLE" help "$command" | grep -oE '^  --[a-z0-9-]+' | tr -d ' ' | cut -c3-; echo threads; echo quiet; } | tr -d .- | sort -u >options
        python3 -c "import json, sys; print('\n'.join(json.load(open(sys.argv[1]))['\$defs'][sys.argv[2]]['properties']))" \
            "$BATS_TEST_DIRNAME/../../docs/reference/schemas/config.json" "$command" | tr -d '._-' | sort -u | comm -23 options - >missing
        [ ! -s missing ] || { echo "$command: $(cat missing)"; return 1; }
    done
}

@test "every schema is of draft 2020-12 and names what it describes" {
    for schema in "$BATS_TEST_DIRNAME"/../../docs/reference/schemas/*.json; do
        python3 - "$schema" <<'PY'
import json, sys
from jsonschema import Draft202012Validator
s = json.load(open(sys.argv[1]))
Draft202012Validator.check_schema(s)
assert s["$schema"].endswith("2020-12/schema") and s["title"] and s["description"], sys.argv[1]
PY
    done
}
