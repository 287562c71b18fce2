load helpers

spec() {
    python3 - "$@" <<'PY'
import json, os, sys
spec = {"model": os.environ["GOLD"] + "/models/llama-gqa-tied", "forget": "forget.jsonl", "retain": "retain.jsonl",
        "eval": {"forget": "forget.jsonl", "kept": "retain.jsonl"}, "objectives": ["graddiff", "npo"],
        "selectors": ["none", "wagle@1e-6"], "exclude": [[], ["embeddings"]], "densities": [0.4], "lr": [1e-4, 1e-3],
        "seeds": [1, 2], "steps": 2, "batch": 2, "relearn": {"data": "forget.jsonl", "steps": 2, "lr": 1e-3}}
for change in sys.argv[1:]:
    exec(change)
json.dump(spec, open("spec.json", "w"))
PY
}
without_times() { python3 -c 'import json, sys; print({k: {a: b for a, b in r.items() if a != "seconds"} for k, r in json.load(open(sys.argv[1])).items()})' "$1"; }

@test "a sweep runs the grid once, tells each method at its best rate, and resumes" {
    spec
    "$WAGLE" sweep spec.json --out whole >table
    [ "$(python3 -c 'import json; print(len(json.load(open("whole/runs.json"))))')" = 24 ]
    [ "$(grep -c '^| graddiff' table)" = 3 ] && [ "$(grep -c '^| npo' table)" = 3 ]
    grep -q '^| npo | wagle@1e-6 | embeddings | 0.4 |' table
    python3 -c 'import xml.dom.minidom as m; assert len(m.parse("whole/pareto.svg").getElementsByTagName("circle")) >= 6'
    [ ! -e whole/model ]
    for _ in 1 2 3; do timeout --preserve-status -s INT 0.4 "$WAGLE" sweep spec.json --out cut || true; done
    timeout -s KILL 0.4 "$WAGLE" sweep spec.json --out cut || true
    "$WAGLE" sweep spec.json --out cut >table2
    [ "$(without_times whole/runs.json)" = "$(without_times cut/runs.json)" ]
    cmp table table2
}

@test "with tune the seeds after the first run only each method's best rate" {
    spec 'spec["tune"] = True'
    "$WAGLE" sweep spec.json --out tuned >table
    [ "$(python3 -c 'import json; r = json.load(open("tuned/runs.json")); print(len(r), sum(x["seed"] == 1 for x in r.values()))')" = "18 12" ]
    grep -q '2/2\|0/2' table && [ "$(grep -c '/2 |' table)" = 6 ]
}

@test "specs that cannot be run are refused, with the key" {
    spec 'del spec["eval"]'; refused 3 "'eval': an object" "$WAGLE" sweep spec.json --out out
    spec 'spec["lr"] = []'; refused 3 "'lr': a list is wanted" "$WAGLE" sweep spec.json --out out
    spec 'spec["lr"] = ["x"]'; refused 3 "'lr': a list of numbers" "$WAGLE" sweep spec.json --out out
    spec 'spec["exclude"] = ["embeddings"]'; refused 3 "'exclude': a list of lists" "$WAGLE" sweep spec.json --out out
    refused 3 'nosuch' "$WAGLE" sweep nosuch.json --out out
    refused 2 'which SPEC' "$WAGLE" sweep --out out
    mkdir there; spec; refused 2 'exists and is no sweep' "$WAGLE" sweep spec.json --out there
}
