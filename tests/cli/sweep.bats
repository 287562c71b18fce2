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
    [ "$(grep -c '^| graddiff' table)" = 3 ]
    [ "$(grep -c '^| npo' table)" = 3 ]
    grep -q '^| npo | wagle@1e-6 | embeddings | 0.4 |' table
    python3 -c 'import xml.dom.minidom as m; assert sum(e.hasAttribute("fill-opacity") for e in m.parse("whole/pareto.svg").getElementsByTagName("*")) >= 6'
    [ ! -e whole/model ]
    for _ in 1 2 3; do timeout --preserve-status -s INT 0.4 "$WAGLE" sweep spec.json --out cut || true; done
    timeout -s KILL 0.4 "$WAGLE" sweep spec.json --out cut || sleep 0.2 # a killed process is not gone at once
    "$WAGLE" sweep spec.json --out cut >table2
    [ "$(without_times whole/runs.json)" = "$(without_times cut/runs.json)" ]
    cmp table table2
    "$WAGLE" sweep spec.json --out whole --dry-run >table4 2>said
    cmp table table4
    grep -q '24 of 24 runs are done' said
    "$WAGLE" sweep spec.json --out none --dry-run 2>&1 | grep -q '0 of 24 runs'
    [ ! -e none ]
    # axes and the shown metrics may change; the definition of runs may not
    cp whole/runs.json before.json
    spec 'spec["selectors"].append("random"); spec["keep"] = ["kept"]'
    "$WAGLE" sweep spec.json --out whole >table3
    python3 -c 'import json; a, b = json.load(open("before.json")), json.load(open("whole/runs.json")); assert len(b) == 40 and all(b[k] == a[k] for k in a)'
    spec 'spec["steps"] = 3'
    run "$WAGLE" sweep spec.json --out whole
    [ "$status" = 2 ]
    [[ $output == *"differs in more than the axes"* ]]
}

@test "a second sweep in the same folder is refused by name and process" {
    spec 'spec["objectives"] = ["npo"]; spec["selectors"] = ["none"]; spec["lr"] = [1e-4]; spec["seeds"] = [1]'
    "$WAGLE" sweep spec.json --out one >/dev/null
    [ ! -e one/lock ]
    echo 4711 >one/lock
    exec 8<one/lock
    flock 8
    for more in "" --force; do
        run "$WAGLE" sweep spec.json --out one $more
        [ "$status" = 2 ]
        [[ $output == *"one: process 4711 is using it"* ]]
    done
    exec 8<&-
    "$WAGLE" sweep spec.json --out one --force >/dev/null # its lock is free
    [ ! -e one/lock ]
    [ -e one/runs.json ]
}

@test "with tune the seeds after the first run only each method's best rate" {
    spec 'spec["tune"] = True'
    "$WAGLE" sweep spec.json --out tuned >table
    [ "$(python3 -c 'import json; r = json.load(open("tuned/runs.json")); print(len(r), sum(x["seed"] == 1 for x in r.values()))')" = "18 12" ]
    grep -q '2/2\|0/2' table
    [ "$(grep -c '/2 |' table)" = 6 ]
    # rates of one method may be in two grids; results of other rates are not counted
    spec 'del spec["selectors"], spec["exclude"], spec["densities"], spec["lr"]' 'spec["tune"] = True; spec["objectives"] = ["npo"]' \
        'spec["grids"] = [{"selectors": ["none"], "lr": [1e-3]}, {"selectors": ["random"], "densities": [0.1], "lr": [1e-3]}, {"selectors": ["none"], "lr": [2e-3]}]'
    "$WAGLE" sweep spec.json --out split >/dev/null
    "$WAGLE" sweep spec.json --out split --dry-run 2>said >/dev/null
    grep -q '5 of 5 runs are done' said
}

@test "updates in place of rates: each method gets the rate at which its run takes so many" {
    spec 'del spec["lr"], spec["steps"]; spec.update(selectors=["none", "random"], exclude=[[]], updates=10, stop_when="forget.nll>7", land=True, schedule="constant")'
    "$WAGLE" sweep spec.json --out whole >table
    python3 - <<'PY'
import json
runs = json.load(open("whole/runs.json"))
kept = [r for r in runs.values() if r["accepted"]]
assert len(kept) == 8 and len({(r["objective"], r["selector"], r["seed"]) for r in kept}) == 8
for r in kept:
    assert r["stopped"] and 9 <= r["steps"] <= 11 and 0 < r["land"] <= 1 and 7 < r["stop_value"] < 7.1, r
    assert r["eval"]["kept"]["n"] == 8 and r["relearned"] and 0.7 < r["relative_work"] < 1.3, r
tries = [r for r in runs.values() if not r["accepted"]]
assert tries and len(runs) <= 3 * len(kept), len(runs)
for r in tries:
    assert "eval" not in r and "relearned" not in r and r["steps"] <= 11 and not 9 <= r["steps"] * r["stopped"] <= 11, r
PY
    [ "$(grep -c '2/2' table)" = 4 ]
    rate=$(python3 -c 'import json; print(next("%.3g" % r["lr"] for r in json.load(open("whole/summary.json")) if r["objective"] == "npo" and r["selector"] == "none"))')
    grep -q "^| npo | none | - | 1 | $rate | 2/2 |" table
    # a run of the command at that rate takes as many updates
    lr=$(python3 -c 'import json; print(next(r["lr"] for r in json.load(open("whole/runs.json")).values() if r["accepted"] and r["objective"] == "npo" and r["selector"] == "none" and r["seed"] == 2))')
    "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --objective npo --lr "$lr" --steps 30 --batch 2 --schedule constant \
        --seed 2 --eval-every 1 --stop-when 'forget.nll>7' --land --out one --json >said
    python3 - "$lr" <<'PY'
import json, sys
said, runs = json.load(open("said")), json.load(open("whole/runs.json"))
run = next(r for r in runs.values() if r["accepted"] and r["lr"] == float(sys.argv[1]) and r["seed"] == 2 and r["objective"] == "npo")
assert said["steps"] == run["steps"] and said["land"] == run["land"], (said, run)
PY
    # after an interruption and a kill, the tries are the same; dry runs count methods
    for _ in 1 2 3; do timeout --preserve-status -s INT 0.7 "$WAGLE" sweep spec.json --out cut || true; done
    timeout -s KILL 0.7 "$WAGLE" sweep spec.json --out cut || sleep 0.2 # a killed process is not gone at once
    "$WAGLE" sweep spec.json --out cut >table2
    [ "$(without_times whole/runs.json)" = "$(without_times cut/runs.json)" ]
    cmp table table2
    "$WAGLE" sweep spec.json --out whole --dry-run >table3 2>said
    cmp table table3
    grep -q '8 of 8 runs are done' said
    [ ! -e whole/model ]
    [ ! -e whole/model.partial ]
}

@test "a rule that no rate reaches in time, and rates that are too high: the nearest is taken" {
    spec 'del spec["relearn"], spec["steps"]' 'spec.update(objectives=["graddiff"], selectors=["none"], seeds=[1], updates=2, stop_when="forget.nll>-1", lr=1e-3)'
    "$WAGLE" sweep spec.json --out early >table # stops at the first check, whatever the rate
    python3 -c 'import json; r = json.load(open("early/runs.json")); assert sum(x["accepted"] for x in r.values()) == 1 and 1 < len(r) <= 8, r'
    grep -q '| 1/1 | 1.0 |' table
    spec 'del spec["relearn"], spec["steps"]' 'spec.update(objectives=["graddiff"], selectors=["none"], seeds=[1], updates=2, stop_when="forget.nll>1e9", lr=1e30, clip=0)'
    "$WAGLE" sweep spec.json --out wild >table 2>said
    python3 -c 'import json; r = json.load(open("wild/runs.json")); assert sum(x["accepted"] for x in r.values()) == 1 and len(r) <= 8 and any("failed" in x for x in r.values()), r'
}

@test "a search that cannot be is refused before the first run, with the key" {
    wrong() { spec 'del spec["steps"]; spec.update(updates=10, stop_when="forget.nll>7", lr=1e-3)' "$2"; refused "$1" "$3" "$WAGLE" sweep spec.json --out out; }
    wrong 3 'del spec["stop_when"]' "'updates': needs 'stop_when'"
    wrong 3 'spec["lr"] = [1e-3]' "'lr': with 'updates' it must be one number above 0"
    wrong 3 'spec["lr"] = 0' "'lr': with 'updates' it must be one number above 0"
    wrong 3 'spec["steps"] = 10' "'steps': must be at least 1.1 times 'updates'"
    wrong 3 'spec["eval_every"] = 4; spec["steps"] = 30' "'eval_every': no evaluation falls within 10 %"
    wrong 3 'spec["updates"] = 0' "'updates': must be from 1 to a million"
    wrong 3 'spec["updates"] = 1.5' "'updates': expected a whole number"
    spec 'spec["lr"] = 1e-3'; refused 3 "'lr': expected a list" "$WAGLE" sweep spec.json --out out
    spec 'spec["land"] = True'; refused 2 "--land needs --stop-when" "$WAGLE" sweep spec.json --out out
}

@test "grids are joined: a method that two of them have runs once" {
    spec 'del spec["selectors"], spec["exclude"], spec["densities"]' 'spec["seeds"] = [1]; spec["objectives"] = ["npo"]' \
        'spec["grids"] = [{"selectors": ["none", "random"], "densities": [0.1]}, {"selectors": ["none", "random"], "densities": [0.1, 0.3], "exclude": [[], ["norms"]]}]'
    "$WAGLE" sweep spec.json --out joined >table
    [ "$(sed -n '/^All:/,$p' table | grep -c '^| npo')" = 5 ]
    [ "$(python3 -c 'import json; print(len(json.load(open("joined/runs.json"))))')" = 10 ]
    [ "$(sed -n '1,/^All:/p' table | grep -c '^| npo | random')" = 2 ] # each selector at its best density
}

@test "wagle@protect: scores by the factors of the rows that the point protects, or of the retain rows" {
    spec 'del spec["relearn"]' 'spec.update(objectives=["graddiff"], selectors=["wagle@protect"], exclude=[[]], densities=[0.3], lr=[1e-3], seeds=[1])' \
        'spec.update(protect=["none", "./forget.jsonl@1@4"])'
    "$WAGLE" sweep spec.json --out swept >table
    grep -q '^| graddiff | wagle@protect | - | 0.3 |' table
    grep -q '^| graddiff | wagle@protect, protect ./forget.jsonl@1@4 | - | 0.3 |' table
    made() { "$WAGLE" mask --model "$model" --forget forget.jsonl --retain retain.jsonl --gamma protect --density 0.3 --out "$@"; }
    made plain
    made rows --protect forget.jsonl --protect-damping 1 --protect-rank 4 --exclude embeddings
    [ "$(find swept -name 'mask-wagle*' | wc -l)" = 2 ]
    for want in plain rows; do
        same=0
        for mine in swept/mask-wagle*; do
            ! cmp -s $want "$mine" || same=$((same + 1))
        done
        [ $same = 1 ] || { echo "$want: $same"; return 1; }
    done
}

@test "protected rows and scopes are axes: numbers of the commands" {
    spec 'del spec["relearn"]' 'spec.update(objectives=["graddiff"], selectors=["none", "wagle@1e-6/neurons"], exclude=[[]], densities=[0.3], lr=[1e-3], seeds=[1])' \
        'spec.update(protect=["none", "retain@0.1", "./forget.jsonl@1@4"])'
    "$WAGLE" sweep spec.json --out swept >table
    grep -q '^| graddiff | none | - | 1 |' table
    grep -q '^| graddiff | none, protect retain@0.1 | - | 1 |' table
    grep -q '^| graddiff | wagle@1e-6/neurons, protect ./forget.jsonl@1@4 | - | 0.3 |' table
    run=(unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --lr 1e-3 --steps 2 --batch 2 --seed 1)
    "$WAGLE" mask --model "$model" --forget forget.jsonl --retain retain.jsonl --selector wagle --gamma 1e-6 --density 0.3 --scope neurons \
        --exclude embeddings --out neurons.mask
    "$WAGLE" "${run[@]}" --protect retain --protect-damping 0.1 --out retain
    "$WAGLE" "${run[@]}" --protect forget.jsonl --protect-damping 1 --protect-rank 4 --mask neurons.mask --out neurons
    python3 - "$WAGLE" <<'PY'
import json, subprocess, sys
runs = json.load(open("swept/runs.json"))
assert len(runs) == 6 and sum("protect" in r for r in runs.values()) == 4, list(runs)
def kept(name):
    words = [sys.argv[1], "eval", "--model", name, "--data", "retain.jsonl", "--metrics", "probability", "--quiet", "--json"]
    return json.loads(subprocess.check_output(words))["overall"]["probability"]
for key, name in (("none protect retain@0.1 1", "retain"), ("wagle@1e-6/neurons protect ./forget.jsonl@1@4 0.3", "neurons")):
    run = runs[f"graddiff {key} lr 0.001 seed 1"]
    assert abs(run["eval"]["kept"]["probability"] - kept(name)) < 1e-9 * kept(name), (key, run)
assert len({r["eval"]["kept"]["probability"] for r in runs.values()}) == 6
table, whole = (runs[f"graddiff wagle@1e-6/neurons{p} 0.3 lr 0.001 seed 1"]["selected"] for p in (" protect retain@0.1", ""))
assert table < whole # the share is of what is left without the embedding, which is the head too
PY
    ls swept | grep -c '^scores-' | grep -qx 1
    wrong() { spec "spec.update($2)"; refused "$1" "$3" "$WAGLE" sweep spec.json --out out; }
    for text in retain retain@ retain@0 retain@-1 retain@x @1 retain@1@x retain@1@-2 retain@1@2@3 retain@1x; do
        wrong 3 "protect=['none', '$text']" "'protect': '$text': expected none, ROWS@DAMPING or ROWS@DAMPING@RANK"
    done
    wrong 3 'protect="none"' "'protect': expected a list of texts"
    wrong 3 'protect=[1]' "'protect': expected a list of names"
    wrong 3 'protect=["gone.jsonl@1"]' "gone.jsonl: no such file"
    wrong 2 'protect=["self:0@1"]' "self:N"
    wrong 2 'selectors=["wagle/neuron"]' "--scope neuron: must be global, tensor, row or neurons"
}

@test "what a sweep excludes is what mask excludes: an expression with a plus, a long list" {
    local names=(model.layers.0.none.of.this.name.{1..30})
    for more in norms "${names[*]} attention"; do
        local list=('re:layers\.1.+down' $more)
        printf '%s\n' "${list[@]}" >list
        spec 'spec.update(objectives=["npo"], selectors=["snip"], exclude=[open("list").read().split()], lr=[1e-3], seeds=[1])'
        "$WAGLE" sweep spec.json --out swept --force >/dev/null
        "$WAGLE" mask --model "$model" --forget forget.jsonl --retain retain.jsonl --selector snip --density 0.4 "${list[@]/#/--exclude=}" --out want --force
        cmp want swept/mask-snip*
        rm -r swept
    done
}

@test "a sweep's numbers are those of the commands, reference losses shared or not" {
    spec 'spec.update(objectives=["graddiff", "npo", "dpo"], selectors=["none"], lr=[1e-3], seeds=[1], refusal="forget.jsonl", alpha=2, params={"npo.beta": 0.5})'
    "$WAGLE" sweep spec.json --out swept >/dev/null
    "$WAGLE" unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --objective npo --npo-beta 0.5 --lr 1e-3 --steps 2 --batch 2 \
        --alpha 2 --seed 1 --out one
    "$WAGLE" eval --model one --data retain.jsonl --metrics probability --json >kept.json
    python3 - <<'PY'
import json
have = json.load(open("swept/runs.json"))["npo none 1 lr 0.001 seed 1"]["eval"]["kept"]["probability"]
want = json.load(open("kept.json"))["overall"]["probability"]
assert abs(have - want) < 1e-9 * want, (have, want)
summary = json.load(open("swept/summary.json"))
assert len(summary) == 3 and summary[0]["forget"]["mean"] >= 0 and "half" not in summary[0]["forget"]
PY
}

@test "suites in a sweep: columns of their metrics, and results that compare and report read" {
    cp -r "$model" tiny && byte_tokenizer tiny
    for name in forget kept; do
        for i in 1 2 3 4; do printf '{"question": "%s %d?", "answer": "It is %d.", "perturbed_answer": ["It was %d.", "No, %d."]}\n' $name $i $i $i $i; done >$name.json
    done
    spec 'spec.update(model="tiny", forget="forget.json", retain="kept.json", selectors=["none", "random"], exclude=[[]], lr=[1e-3], relearn={"data": "forget.json", "steps": 1, "lr": 1e-3, "eval": ["kept"]})' \
        'spec.update(eval={"forget": "forget.json", "kept": "kept.json"}, suites={"run": "tofu", "sets": {"forget": "forget.json", "real_authors": "kept.json"}, "max_tokens": 0})' \
        'spec.update(columns=["forget", "tofu.real_authors.probability", "relearned.kept"], keep=["tofu.real_authors.probability"], plot="tofu.forget.truth_ratio")'
    "$WAGLE" sweep spec.json --out swept >table
    grep -q '| forget | tofu.real_authors.probability | kept, relearned |' table
    ! grep -q ' - |$' table || false
    "$WAGLE" compare swept/results/npo_none_1_lr_0.001_seed_1.json,swept/results/npo_none_1_lr_0.001_seed_2.json \
        swept/results/npo_random_0.4_lr_0.001_seed_1.json,swept/results/npo_random_0.4_lr_0.001_seed_2.json >compared
    grep -q 'tofu.real_authors.probability' compared
    ! grep -q rougeL swept/results/npo_none_1_lr_0.001_seed_1.json || false # no text was made
    grep -q 'tofu.forget.truth_ratio' swept/pareto.svg
    python3 -c 'import json; s = json.load(open("spec.json")); s.update(stop_when="tofu.forget.probability<2", eval_every=1, selectors=["none"], steps=5); json.dump(s, open("spec.json", "w"))'
    "$WAGLE" sweep spec.json --out stopped >/dev/null
    python3 -c 'import json; assert all(r["stopped"] and r["steps"] == 1 for r in json.load(open("stopped/runs.json")).values())'
}

@test "a mask that is given takes part in a sweep" {
    "$WAGLE" mask --model "$model" --forget forget.jsonl --retain retain.jsonl --selector snip --density 0.4 --out own.mask
    spec 'spec.update(selectors=["snip", "mask:own.mask"], exclude=[[]], lr=[1e-3], seeds=[1])'
    "$WAGLE" sweep spec.json --out swept >table
    python3 - <<'PY'
import json
runs = json.load(open("swept/runs.json"))
assert len(runs) == 4
for objective in ("graddiff", "npo"):
    own, snip = runs[f"{objective} mask:own.mask 0 lr 0.001 seed 1"], runs[f"{objective} snip 0.4 lr 0.001 seed 1"]
    assert own["selected"] == snip["selected"] and own["eval"] == snip["eval"]
PY
    spec 'spec.update(selectors=["mask:none.mask"])'
    refused 3 "none.mask: no such file" "$WAGLE" sweep spec.json --out out
}

@test "specs that cannot be run are refused, with the key" {
    spec 'del spec["eval"]'; refused 3 "'eval': expected an object" "$WAGLE" sweep spec.json --out out
    spec 'spec["lr"] = []'; refused 3 "'lr': expected a list" "$WAGLE" sweep spec.json --out out
    spec 'spec["lr"] = ["x"]'; refused 3 "'lr': expected a list of numbers" "$WAGLE" sweep spec.json --out out
    spec 'spec["exclude"] = ["embeddings"]'; refused 3 "'exclude': expected a list of lists" "$WAGLE" sweep spec.json --out out
    refused 3 'nosuch' "$WAGLE" sweep nosuch.json --out out
    refused 2 'which SPEC' "$WAGLE" sweep --out out
    spec 'spec["stepz"] = 4'; refused 3 "'stepz': there is no such key" "$WAGLE" sweep spec.json --out out
    spec 'spec["steps"] = "4"'; refused 3 "'steps': expected a whole number" "$WAGLE" sweep spec.json --out out
    spec 'spec["selectors"] = ["wagle@dig"]'; refused 3 "'wagle@dig': expected auto, diag, protect" "$WAGLE" sweep spec.json --out out
    spec 'spec["selectors"] = ["wagel"]'; refused 2 "wagel" "$WAGLE" sweep spec.json --out out
    spec 'spec["objectives"] = ["np"]'; refused 2 "np" "$WAGLE" sweep spec.json --out out
    spec 'spec["relearn"]["data"] = "gone.jsonl"'; refused 3 "gone.jsonl: no such file" "$WAGLE" sweep spec.json --out out
    spec 'spec["eval"]["a.b"] = "forget.jsonl"'; refused 3 "names without dots" "$WAGLE" sweep spec.json --out out
    spec 'spec["grids"] = [{"seeds": [1]}]'; refused 3 "'seeds': not an axis" "$WAGLE" sweep spec.json --out out
    spec 'spec["suites"] = {"run": "tofu", "sets": {"forget": 3}}'; refused 3 "sets: expected an object" "$WAGLE" sweep spec.json --out out
    mkdir there; spec; refused 2 'exists and is not a sweep' "$WAGLE" sweep spec.json --out there
}

@test "what cannot run is refused before the first run, with the key" {
    wrong() { spec "$2"; refused "$1" "$3" "$WAGLE" sweep spec.json --out out; }
    wrong 2 'spec["densities"] = [80]' '80 per cent is 0.8'
    wrong 2 'spec["lr"] = [1e-3, 0]' '--lr 0'
    wrong 2 'spec["alpha"] = -1' '--alpha'
    wrong 2 'spec["batch"] = 0' '--batch 0'
    wrong 3 'spec["batch"] = 1.5' "'batch': expected a whole number"
    wrong 2 'spec["optimizer"] = "adamx"' 'adamx'
    wrong 2 'spec["schedule"] = "line"' 'line'
    wrong 2 'spec["state"] = "f8"' 'f8'
    wrong 2 'spec["retain_term"] = "nl"' 'nl'
    wrong 2 'spec["stop_when"] = "forget.joy<1"' 'forget.joy'
    wrong 2 'spec["exclude"] = [["layers:x"]]' 'layers:x'
    wrong 3 'spec["exclude"] = [[1]]' "'exclude'"
    wrong 3 'spec["seeds"] = [-1]' "'seeds'"
    wrong 3 'spec["params"] = {"npo.bet": 1}' "npo.bet"
    wrong 3 'spec["params"] = {"npo.beta": "1"}' "'npo.beta' must be a number"
    wrong 2 'spec["params"] = {"npo.beta": 1000}' "npo.beta 1000"
    wrong 3 'spec["selectors"] = ["mask:forget.jsonl"]' "forget.jsonl: not a safetensors file"
    wrong 3 'spec["relearn"]["step"] = 3' "'relearn' has no key 'step'"
    wrong 3 'spec["relearn"]["steps"] = 0' "'steps' must be 1 or more"
    wrong 3 'spec["relearn"]["lr"] = 0' "'lr' must be above 0"
    wrong 3 'spec["relearn"]["eval"] = ["nothing"]' "'eval' must name sets"
    wrong 3 'spec["suites"] = {"run": "mcq", "set": {}}' "'suites' has no key 'set'"
    wrong 3 'spec["suites"] = {"run": "mcq", "limit": "3"}' "'limit' must be a whole number"
    wrong 2 'spec["suites"] = {"run": "mcqs", "sets": {}}' "no suite 'mcqs'"
    wrong 3 'spec["columns"] = ["nothing"]' "'columns': there will be no column 'nothing'"
    wrong 3 'spec["columns"] = ["tofu.model_utility"]' "no column 'tofu.model_utility'"
    wrong 3 'spec["keep"] = ["relearned.nothing"]' "'keep'"
    wrong 3 'spec["plot"] = "nothing"' "'plot'"
    spec; mkdir -p m; cp -r "$model/." m; spec 'spec["model"] = "m"'
    "$WAGLE" sweep spec.json --out m --force 2>stderr.txt && return 1
    [ -e m/model.safetensors ] # an output never replaces an input
}

@test "a column that no suite gives is refused before the first run" {
    mkdir m; cp -r "$model/." m; byte_tokenizer m
    python3 - <<'PY'
import json
row = {"question": "ab", "answer": "cd", "perturbed_answer": ["ce"], "paraphrased_answer": "cd"}
json.dump([row, dict(row, answer="xy")], open("tofu.json", "w"))
for name in ("forget", "retain", "unseen", "again"):
    open(name + ".jsonl", "w").write("".join(json.dumps({"question": name + str(i), "answer": "c" * (i + 1)}) + "\n" for i in range(3)))
PY
    tofu='spec.update(model="m", objectives=["graddiff"], selectors=["none"], seeds=[1], lr=[1e-4], columns=["forget", "tofu.COLUMN"], suites={"run": "tofu", "sets": {"forget": "tofu.json"}, "max_tokens": 0})'
    spec "${tofu/COLUMN/model_utility}"
    "$WAGLE" sweep spec.json --out cut 2>stderr.txt && return 1
    grep -q "'columns': these sets give no 'tofu.model_utility', because max_tokens 0" stderr.txt
    [ ! -e cut ]
    spec "${tofu/COLUMN/forget.probability}"
    "$WAGLE" sweep spec.json --out whole >/dev/null
}

# Four tasks with runs.json like those of sweeps. Kept in "unseen": all weights 0.5, 0.6, 0.7, 0.6; the other methods add their gain.
tasks() {
    python3 - "$@" <<'PY'
import json, os, sys
def run(objective, selector, density, kept, lr=1e-3, seed=1, **more):
    return {"objective": objective, "selector": selector, "exclude": "", "density": density, "lr": lr, "seed": seed,
            "eval": {"forget": {"probability": 0.1}, "unseen": {"probability": kept}}, "relearned": {"unseen": {"probability": 0.3}},
            "steps": 60, "stopped": True, "loss": 1.0, "selected": 5, "seconds": 1.0} | more
base = [0.5, 0.6, 0.7, 0.6]
gain = {"random": [0.01, -0.004, 0.006, -0.002], "protected": [0.12, 0.08, 0.2, 0.05]}
specs, runs = [], []
for t in range(4):
    specs.append({"model": f"model{t}", "forget": f"forget{t}.jsonl", "retain": "retain.jsonl", "eval": {"forget": f"forget{t}.jsonl", "unseen": "u.jsonl"},
                  "objectives": ["graddiff"], "selectors": ["none"], "lr": [1e-3, 2e-3], "steps": 200, "relearn": {"data": f"a{t}.jsonl", "lr": 1e-4, "eval": ["unseen"]}})
    runs.append({"none": run("graddiff", "none", 1, base[t]), "none lr 0.002": run("graddiff", "none", 1, 0.9, lr=2e-3, stopped=False),
                 "random": run("graddiff", "random", 0.1, base[t] + gain["random"][t]),
                 "bad": {"objective": "graddiff", "selector": "random", "failed": "the loss is not finite"},
                 "protected": run("graddiff", "none", 1, base[t] + gain["protected"][t], protect="retain@0.1")})
for change in sys.argv[1:]:
    exec(change)
for t in range(4):
    os.makedirs(f"task{t}", exist_ok=True)
    json.dump(specs[t], open(f"task{t}/spec.json", "w"))
    json.dump(runs[t], open(f"task{t}/runs.json", "w"))
PY
}
method() { python3 -c "import json, sys; m = next(m for m in json.load(open('study/summary.json'))['methods'] if m['method'] == sys.argv[1]); print($2)" "$1"; }

@test "sweeps of several tasks are joined: means over tasks, and paired tests against all weights" {
    tasks
    "$WAGLE" sweep --join task0 task1 task2 task3 --out study >table
    [ "$(cat table)" = "$(cat study/table.md)" ]
    grep -q '^| graddiff | all weights | 4 | 4/4 | 60 | 0.001 | 0.100 ± 0.000 | 0.600 ± 0.130 | 0.300 ± 0.000 |$' table
    # the numbers of tests/unit/test_paired.c, Holm's correction over two methods
    grep -q '^| graddiff | all weights, protect retain@0.1 | 4 | +0.112 ± 0.103 | 0.125 | 0.250 | 0.967 |$' table
    grep -q '^| graddiff | random 0.1 | 4 | +0.003 ± 0.011 | 0.625 | 0.625 | 0.007 |$' table
    grep -q 'with 4 pairs the smallest p that the test can reach is 0.125; after Holm.s correction over 2 methods it is 0.25' table
    grep -q 'no difference can be significant at 0.05: that takes 7 tasks' table
    [ "$(method 'all weights, protect retain@0.1' "m['protect'], m['paired']['unseen']['p'], m['paired']['unseen']['smallest_p'], m['columns']['unseen']['values'][2]")" = "retain@0.1 0.125 0.125 0.9" ]
    [ "$(method 'all weights' "m['baseline'], 'paired' in m, m['rate']['mean']")" = "True False 0.001" ] # the rate that reached the rule
    python3 -c 'import xml.dom.minidom as m; d = m.parse("study/plot.svg"); assert len(d.getElementsByTagName("circle")) == 3; assert "random 0.1" in d.toxml() and "unseen, relearned" in d.toxml()'
    refused 2 "study" "$WAGLE" sweep --join task0 task1 --out study
    "$WAGLE" sweep --join task0 task1 --out study --force --baseline 'random 0.1' --column relearned.unseen --margin 0.05 >table
    grep -q '^## unseen, relearned: difference from random 0.1$' table
    grep -q '^| graddiff | all weights | 2 | +0.000 ± 0.000 | 1.000 | 1.000 | 0 |$' table
    "$WAGLE" sweep --join task0 task1 --dry-run >table2
    grep -q '^| graddiff | random 0.1 | 2 |' table2
}

@test "a join counts accepted tries alone, pairs by seed, and says what is missing" {
    tasks 'for t in range(4): specs[t]["objectives"] = ["graddiff", "npo"]; specs[t]["eval"]["kept"] = "k"; specs[t]["keep"] = ["unseen"]; specs[t]["columns"] = ["unseen"]; specs[t] |= {"updates": 60, "lr": 1e-4}' \
        'for t in range(4): runs[t] |= {"try": run("graddiff", "snip", 0.1, 0.9, accepted=False), "found": run("graddiff", "snip", 0.1, 0.8, lr=5e-4, accepted=True)}' \
        'del runs[1]["random"], runs[2]["found"]; runs[0]["npo"] = run("npo", "random", 0.1, 0.4)' \
        'for t in range(4): runs[t] |= {"none 2": run("graddiff", "none", 1, base[t] + 0.1, seed=2), "random 2": run("graddiff", "random", 0.1, base[t] + 0.15, seed=2), "random 3": run("graddiff", "random", 0.1, 0.0, seed=3)}' \
        '[run.setdefault("accepted", True) for t in range(4) for run in runs[t].values()]'
    "$WAGLE" sweep --join task* --out study >table
    [ "$(method 'snip 0.1' "m['tasks'], m['runs'], m['rate']['high'], m['columns']['unseen']['values'], m['paired']['unseen']['pairs']")" = "3 3 0.0005 [0.8, 0.8, None, 0.8] 3" ]
    # (0.06 / 2 + 0.05 + 0.056 / 2 + 0.048 / 2) / 4: seed 1 as in gain, seed 2 0.05 better, seed 3 without a counterpart
    [ "$(method 'random 0.1' "m['tasks'], m['runs'], round(m['paired']['unseen']['mean'], 6), m['paired']['unseen']['pairs']")" = "4 11 0.033 4" ]
    grep -q "npo: no task has runs of 'all weights' and of another method" table
    grep -q '^| npo | random 0.1 | 0 | - | - | - | - |$' table
}

@test "sweeps that do not fit together are not joined, and the folder is named" {
    tasks
    refused 2 "two or more folders" "$WAGLE" sweep --join task0 --out out
    refused 2 "task0/: the same folder as task0" "$WAGLE" sweep --join task0 task0/ --out out
    refused 3 "nosuch: not a sweep" "$WAGLE" sweep --join task0 nosuch --out out
    refused 2 "--baseline 'dense': no such method; choose from 'all weights, protect retain@0.1', 'random 0.1', 'all weights'" "$WAGLE" sweep --join task0 task1 --out out --baseline dense
    refused 2 "--column 'kept': no run has this column" "$WAGLE" sweep --join task0 task1 --out out --column kept
    refused 2 "--margin has no effect: it needs --join" "$WAGLE" sweep task0/spec.json --out out --margin 0.1
    refused 2 "give one SPEC.json, not also 'task1'" "$WAGLE" sweep task0 task1 --out out
    refused 2 "task1" "$WAGLE" sweep --join task0 task1 --out task1 --force
    tasks 'specs[1]["columns"] = ["forget"]'; refused 3 "task1: its columns differ from those of task0" "$WAGLE" sweep --join task0 task1 --out out
    tasks 'specs[1]["keep"] = ["forget"]'; refused 3 "task1: its columns in 'keep' differ from those of task0" "$WAGLE" sweep --join task0 task1 --out out
    tasks 'specs[1]["objectives"] = ["npo"]'; refused 3 "task1: its objectives differ from those of task0" "$WAGLE" sweep --join task0 task1 --out out
    tasks 'specs[2]["batch"] = 4'; refused 3 "task2: its spec and that of task0 differ in 'batch'" "$WAGLE" sweep --join task0 task1 task2 --out out
    tasks 'specs[1]["relearn"]["lr"] = 1'; refused 3 "differ in 'relearn'" "$WAGLE" sweep --join task0 task1 --out out
    tasks 'specs[1]["stepz"] = 1'; refused 3 "task1: sweep: 'stepz'" "$WAGLE" sweep --join task0 task1 --out out
    tasks 'del runs[1]["none"]["lr"]'; refused 3 "task1/runs.json: 'none': not a run of a sweep ('lr'" "$WAGLE" sweep --join task0 task1 --out out
    tasks 'specs[1]["columns"] = [3]'; refused 3 "'columns': expected a list of columns" "$WAGLE" sweep --join task0 task1 --out out
}

@test "models are asked again after their matrices were rounded to blocks" {
    # rows of 64 weights: two blocks
    python3 -c 'import json, sys; json.dump(json.load(open(sys.argv[1])) | {"hidden_size": 64, "intermediate_size": 96}, open("wide.json", "w"))' "$model/config.json"
    "$WAGLE" init --config wide.json --out wide --seed 1
    spec 'spec.update(model="wide", objectives=["graddiff"], selectors=["none"], seeds=[1], lr=[1e-3], rounded=["q4_0", "q8_0"], columns=["forget", "q4_0.forget", "q8_0.forget"])'
    "$WAGLE" sweep spec.json --out rounded >table
    # eight bits change less than four, and both change something
    python3 - <<'PY'
import json
run = next(iter(json.load(open("rounded/runs.json")).values()))
plain = run["eval"]["forget"]["nll"]
four, eight = (abs(run["rounded"][k]["forget"]["nll"] - plain) for k in ("q4_0", "q8_0"))
assert 0 < eight < four, (plain, eight, four)
PY
    [ ! -e rounded/rounded ]
    grep -q 'q4_0' table
    spec 'spec["rounded"] = ["q5_0"]'
    refused 3 "'rounded': expected a list of q4_0 and q8_0" "$WAGLE" sweep spec.json --out out
    spec 'spec["columns"] = ["q4_0.forget"]'
    refused 3 "no column 'q4_0.forget'" "$WAGLE" sweep spec.json --out out
}

# both FOLDERS...: the sweeps that were made as "out" in these folders wrote the same files, apart from times.
same_sweeps() {
    python3 - "$@" <<'PY'
import json, os, sys
def without_times(x):
    if isinstance(x, dict):
        return {k: without_times(v) for k, v in x.items() if k != "seconds"}
    return x
def content(path):
    raw = open(path, "rb").read()
    return json.dumps(without_times(json.loads(raw))).encode() if path.endswith(".json") else raw # keeps the order of keys
def files(root):
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, root)] = content(path)
    return found
want = files(sys.argv[1])
for other in sys.argv[2:]:
    have = files(other)
    assert sorted(have) == sorted(want), (sorted(want), sorted(have))
    assert not (different := [k for k in want if have[k] != want[k]]), different
PY
}
# The spec for the sweeps one/out, three/out, ..
in_folders() {
    local name
    for name in "$@"; do
        mkdir -p $name
        cp forget.jsonl retain.jsonl spec.json $name
    done
}

@test "with --jobs several points run at once, and the files are those of one job" {
    for more in 'spec.update(seeds=[1], objectives=["npo"]); spec["selectors"] += ["random", "wagle@1e-6/tensor"]' 'spec.update(tune=True, objectives=["npo"])' \
        'del spec["lr"], spec["steps"]; spec.update(selectors=["none", "random"], exclude=[[]], updates=10, stop_when="forget.nll>7", schedule="constant")'; do
        rm -rf one three cut
        spec "$more"
        in_folders one three cut
        (cd one && "$WAGLE" sweep spec.json --out out >table)
        (cd three && "$WAGLE" sweep spec.json --out out --jobs 3 --threads 2 --memory 2G >table)
        same_sweeps one three
        [ ! -e three/out/running ]
        # an interruption, kills, and another number of jobs
        cd cut
        for signal in INT KILL INT KILL; do
            "$WAGLE" sweep spec.json --out out --jobs 3 >/dev/null 2>>../log &
            until [ -e out/spec.json ]; do sleep 0.05; done
            sleep 0.2
            kill -$signal $! && wait $! || true
        done
        "$WAGLE" sweep spec.json --out out --jobs 2 >table
        cd ..
        same_sweeps one cut
    done
}

@test "with --jobs a point that fails is a result, and one that cannot run ends the sweep" {
    spec 'spec.update(objectives=["graddiff"], selectors=["none"], lr=[1e-4, 1e30, 1e-3], clip=0, steps=4)'
    in_folders one three
    (cd one && "$WAGLE" sweep spec.json --out out >table 2>said)
    (cd three && "$WAGLE" sweep spec.json --out out --jobs 3 >table 2>said)
    [ "$(grep -c 'lr 1e+30 seed' one/said)" = 2 ]
    [ "$(grep -c 'lr 1e+30 seed' three/said)" = 2 ]
    rm one/said three/said
    same_sweeps one three
    # rows that no longer can be read: exit 3 and one line; what ran before is kept
    spec 'spec.update(objectives=["graddiff"], selectors=["none"])'
    "$WAGLE" sweep spec.json --out out --jobs 2 >/dev/null
    spec 'spec.update(objectives=["graddiff"], selectors=["none"], seeds=[1, 2, 3])'
    cp out/runs.json before.json
    cp forget.jsonl good.jsonl
    echo '{"prompt": 3}' >forget.jsonl
    status=0
    "$WAGLE" sweep spec.json --out out --jobs 2 >stdout.txt 2>stderr.txt || status=$?
    [ "$status" = 3 ]
    [ "$(wc -l <stderr.txt)" = 1 ]
    grep -q 'forget.jsonl:1' stderr.txt
    [ ! -e out/running ]
    [ ! -e out/lock ]
    cp good.jsonl forget.jsonl
    "$WAGLE" sweep spec.json --out out --jobs 2 >/dev/null
    python3 -c 'import json; a, b = json.load(open("before.json")), json.load(open("out/runs.json")); assert len(b) == 6 and all(b[k] == a[k] for k in a)'
}

@test "--jobs that cannot be, or that cannot start, are refused" {
    spec
    for n in 0 65 -1 1.5; do refused 2 "--jobs" "$WAGLE" sweep spec.json --out out --jobs $n; done
    mkdir joined
    refused 2 "--jobs has no effect" "$WAGLE" sweep --join joined joined --out out --jobs 2
    status=0
    "$WAGLE" sweep spec.json --out small --jobs 3 --memory 60M >stdout.txt 2>stderr.txt || status=$?
    cat stderr.txt
    [ "$status" = 4 ]
    [ "$(wc -l <stderr.txt)" = 1 ]
    grep -q 'not enough memory: .*--memory is 0.02 GB.*(3 points run at once; use fewer --jobs)' stderr.txt
    "$WAGLE" sweep spec.json --out small --memory 60M >/dev/null
}

@test "where and fields choose the rows of a spec's files" {
    python3 - <<'PY2'
import json
for name in ("forget", "retain"):
    rows = [json.loads(line) for line in open(f"{name}.jsonl")]
    with open(f"{name}-all.jsonl", "w") as f:
        for i, row in enumerate(rows + rows[:2]):
            f.write(json.dumps({"ids": row["input_ids"], "labels": row["labels"], "part": "a" if i < len(rows) else "b"}) + "\n")
PY2
    few='spec["objectives"] = ["npo"]; spec["selectors"] = ["none", "snip"]; spec["exclude"] = [[]]; spec["lr"] = [1e-4]; spec["seeds"] = [1]'
    spec "$few"
    "$WAGLE" sweep spec.json --out one >/dev/null
    spec "$few" 'spec |= {"forget": "forget-all.jsonl", "retain": "retain-all.jsonl", "eval": {"forget": "forget-all.jsonl", "kept": "retain-all.jsonl"}}' \
        'spec["relearn"]["data"] = "forget-all.jsonl"; spec |= {"where": ["part=a"], "fields": ["ids=input_ids"]}'
    "$WAGLE" sweep spec.json --out two >/dev/null
    [ "$(without_times one/runs.json)" = "$(without_times two/runs.json)" ]
    spec "$few" 'spec["where"] = "part=a"'
    refused 3 "'where': expected a list" "$WAGLE" sweep spec.json --out out
}

@test "adapters whose paths differ only in / and _, or are long, have scores and masks of their own" {
    mkdir ad
    long=$(printf 'long%.0s' {1..30})/$(printf 'path%.0s' {1..30})
    mkdir -p "$(dirname "$long")"
    at=(ad/1 ad_1 "$long")
    for k in 0 1 2; do
        "$WAGLE" finetune --model "$model" --data forget.jsonl --steps $((2 * k + 2)) --lr 3e-3 --warmup 0 --lora 2 --out x --out-adapter "${at[k]}" --force --quiet >/dev/null
    done
    short='spec["objectives"] = ["npo"]; spec["selectors"] = ["snip"]; spec["exclude"] = [[]]; spec["lr"] = [1e-3]; spec["seeds"] = [1]; del spec["relearn"]'
    spec "$short" "spec['adapter'] = ['ad/1', 'ad_1', '$long']"
    "$WAGLE" sweep spec.json --out all --quiet >/dev/null
    [ "$(find all -name 'scores-*' | wc -l)" = 3 ]
    [ "$(find all -name 'mask-*' | wc -l)" = 3 ]
    for a in "${at[@]}"; do
        spec "$short" "spec['adapter'] = '$a'"
        rm -rf one
        "$WAGLE" sweep spec.json --out one --quiet >/dev/null
        python3 - <<'PY'
import json
(key, one), = json.load(open("one/runs.json")).items()
assert one["eval"] == json.load(open("all/runs.json"))[key]["eval"], key
PY
    done
}

@test "adapters of a model are an axis: each run is that of unlearn --adapter, and scores are its own" {
    for k in 1 2; do
        "$WAGLE" finetune --model "$model" --data forget.jsonl --steps $((2 * k)) --lr 3e-3 --warmup 0 --lora 2 --out x --out-adapter ad$k --force --quiet >/dev/null
    done
    spec 'spec["objectives"] = ["graddiff", "npo"]; spec["selectors"] = ["none", "snip"]; spec["exclude"] = [[]]; spec["lr"] = [1e-3]; spec["seeds"] = [1]' \
        'spec["adapter"] = ["none", "ad1", "ad2"]; del spec["relearn"]'
    "$WAGLE" sweep spec.json --out all >table
    "$WAGLE" sweep spec.json --out two --jobs 2 >table2
    cmp table table2
    [ "$(grep -c ', adapter ad[12] |' table)" = 8 ]
    for a in none ad1 ad2; do
        with=() && [ $a = none ] || with=(--adapter $a)
        "$WAGLE" unlearn --model "$model" "${with[@]}" --forget forget.jsonl --retain retain.jsonl --objective npo --lr 1e-3 --steps 2 --batch 2 --seed 1 \
            --schedule linear --selector snip --density 0.4 --out m --force --quiet >/dev/null
        "$WAGLE" eval --model m --data retain.jsonl --json >eval.json
        python3 - $a <<'PY'
import json, sys
a = sys.argv[1]
runs = [r for r in json.load(open("all/runs.json")).values() if r.get("adapter", "none") == a and r["objective"] == "npo" and r["selector"] == "snip"]
assert len(runs) == 1, runs
want = json.load(open("eval.json"))["overall"]["probability"]
assert abs(runs[0]["eval"]["kept"]["probability"] - want) < 1e-12, (a, runs[0]["eval"], want)
PY
    done
    spec 'spec["objectives"] = ["npo"]; spec["selectors"] = ["snip"]; spec["exclude"] = [[]]; spec["lr"] = [1e-3]; spec["seeds"] = [1]' \
        'spec["adapter"] = "ad2"; del spec["relearn"]'
    "$WAGLE" sweep spec.json --out one >/dev/null
    python3 - <<'PY'
import json
(key, one), = json.load(open("one/runs.json")).items()
both = json.load(open("all/runs.json"))
assert "adapter ad2" in key and one["eval"] == both[key]["eval"] and json.load(open("one/summary.json"))[0]["adapter"] == "ad2"
PY
    spec 'spec["adapter"] = ["ad1", "nothere"]'
    refused 3 "nothere: no such folder (named in the spec)" "$WAGLE" sweep spec.json --out out
    spec 'spec["adapter"] = 3'
    refused 3 "'adapter': expected a folder, or a list of folders" "$WAGLE" sweep spec.json --out out
    mkdir bad && echo '{}' >bad/adapter_config.json
    spec 'spec["adapter"] = "bad"'
    refused 3 "bad" "$WAGLE" sweep spec.json --out out
}
