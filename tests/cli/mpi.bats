load helpers

# wagle-mpi, started by mpirun: the bits of one process, resuming on another number, errors.

# More rows, and what the commands have in common.
prepare() {
    MPI=$WAGLE-mpi
    [ -x "$MPI" ] || skip "built without MPI (-DWAGLE_MPI=ON)"
    python3 - <<'PY'
import json, random
r = random.Random(7)
for name in ("forget", "retain"):
    with open(f"{name}.jsonl", "w") as f:
        for _ in range(10):
            f.write(json.dumps({"input_ids": [r.randrange(3, 320) for _ in range(r.randrange(6, 20))]}) + "\n")
PY
    data="--model $model --forget forget.jsonl --retain retain.jsonl --force --quiet"
    run_of="$data --lr 1e-3 --batch 6 --checkpoint-every 1"
}

# start N ARGUMENTS: wagle-mpi in N processes, which may be more than processors.
start() {
    local n=$1
    shift
    timeout 120 mpirun --allow-run-as-root --oversubscribe --bind-to none -n "$n" "$MPI" "$@"
}

# says WORDS command...: fails, and one process says why, once.
says() {
    local words=$1
    shift
    ! "$@" > stdout.txt 2> stderr.txt || return 1
    [ "$(grep -cF -- "$words" stderr.txt)" = 1 ] || { cat stderr.txt; return 1; }
}

same() { cmp "$1/model.safetensors" "$2/model.safetensors"; }

# shellcheck disable=SC2086
@test "scores and weights do not depend on the number of processes" {
    prepare
    "$WAGLE" attribute $data --parts 8 --out scores
    "$WAGLE" unlearn $run_of --steps 8 --parts 8 --out alone
    for n in 1 3; do
        start "$n" attribute $data --out scores-mpi
        cmp scores scores-mpi
        start "$n" unlearn $run_of --steps 8 --out together
        same alone together
    done
    grep -q '"parts": 8' together/manifest.json
}

# shellcheck disable=SC2086
@test "metrics are those of one process, printed once" {
    prepare
    "$WAGLE" eval --model "$model" --data forget.jsonl --metrics nll --json --quiet > alone.json
    start 3 eval --model "$model" --data forget.jsonl --metrics nll --json --quiet --out out.json > together.json
    cmp alone.json together.json
    [ -s out.json ]
}

# shellcheck disable=SC2086
@test "a process that is killed ends the run, which another number resumes" {
    prepare
    "$WAGLE" unlearn $run_of --steps 40 --parts 8 --out alone
    start 3 unlearn $run_of --steps 40 --out together 2>/dev/null &
    for _ in $(seq 400); do
        [ -e together.partial/checkpoint.safetensors ] && break
        sleep 0.05
    done
    pkill -KILL -n -f "$MPI unlearn" || true
    ! wait $! || skip "it ended before it was killed"
    start 2 unlearn $run_of --steps 40 --out together --resume
    same alone together
}

# shellcheck disable=SC2086
@test "what cannot run together is refused in one line" {
    prepare
    says "wagle: inspect: runs in one process; start \`wagle inspect\` without mpirun" start 2 inspect "$model"
    says "wagle: --lora cannot be used with --parts 8" start 2 unlearn $run_of --steps 8 --out out --lora 4
    says "wagle: --parts 2: there are 3 processes, and each needs a part" start 3 unlearn $run_of --steps 8 --out out --parts 2
    says "wagle: --parts 16: there are only 10 forget rows, and each part needs one" start 2 attribute $data --out out --parts 16
    says "wagle: no-such-model: no such model folder" start 2 eval --model no-such-model --data forget.jsonl
    OMPI_COMM_WORLD_SIZE=2 says "start wagle-mpi instead of wagle" "$WAGLE" --version
}

# shellcheck disable=SC2086
@test "a plan for processes says what they then send" {
    prepare
    "$WAGLE" unlearn $data --lr 1e-3 --steps 4 --out planned --dry-run --ranks 4 --json > plan.json
    "$WAGLE" unlearn $data --lr 1e-3 --steps 4 --out planned --dry-run --ranks 4 > plan
    grep -q "memory of each process" plan
    start 4 unlearn --model "$model" --forget forget.jsonl --retain retain.jsonl --force --lr 1e-3 --steps 4 --out together --verbose 2> said > /dev/null
    python3 - <<'PY'
import json, re
planned = json.load(open("plan.json"))["processes"]["sent_bytes"] / 1e6
sent = float(re.search(r"sent ([\d.]+) MB a step", open("said").read())[1])
assert abs(planned - sent) < 0.06 < sent, (planned, sent) # of which one digit is printed
PY
    "$WAGLE" attribute $data --out planned --dry-run --ranks 2 --json | python3 -c 'import json, sys; assert json.load(sys.stdin)["processes"]["count"] == 2'
    says "--ranks has no effect: it needs --dry-run" "$WAGLE" unlearn $data --lr 1e-3 --steps 4 --out out --ranks 4
    says "--parts 2: there are 4 processes" "$WAGLE" unlearn $data --lr 1e-3 --steps 4 --out out --dry-run --ranks 4 --parts 2
}

@test "texts are those of one process, in the order of the prompts" {
    prepare
    cp -r "$model" model && byte_tokenizer model
    ask() { "$@" generate --model model --prompt one --prompt two --prompt "and three" --prompt 4 --temperature 0.7 --max-tokens 12 --json --quiet; }
    ask "$WAGLE" > alone.json
    for n in 1 2 3; do
        ask start "$n" > together.json
        cmp alone.json together.json
    done
}

# shellcheck disable=SC2086
@test "processes that share the weights of a model write the same bits" {
    prepare
    "$WAGLE" unlearn $run_of --steps 3 --parts 8 --selector wagle --density 0.2 --out alone
    "$WAGLE" eval --model "$model" --data forget.jsonl --metrics nll --json --quiet > alone.json
    cp -r "$model" model && byte_tokenizer model
    "$WAGLE" generate --model model --prompt one --prompt two --max-tokens 6 --json --quiet > alone.texts
    for n in 2 3; do
        start "$n" unlearn $run_of --steps 3 --selector wagle --density 0.2 --share-weights --out together
        same alone together
        start "$n" eval --model "$model" --data forget.jsonl --metrics nll --json --quiet --share-weights > together.json
        cmp alone.json together.json
        start "$n" generate --model model --prompt one --prompt two --max-tokens 6 --json --quiet --share-weights > together.texts
        cmp alone.texts together.texts
    done
    "$WAGLE" unlearn $run_of --steps 3 --share-weights --parts 8 --selector wagle --density 0.2 --out once # alone it changes nothing
    same alone once
    "$WAGLE" unlearn $run_of --steps 3 --out planned --dry-run --ranks 4 --json > plan.json
    "$WAGLE" unlearn $run_of --steps 3 --out planned --dry-run --ranks 4 --share-weights --json > shared.json
    python3 - <<'PY'
import json
plan, shared = (json.load(open(f"{name}.json"))["processes"] for name in ("plan", "shared"))
assert shared["mapped_bytes"] == plan["mapped_bytes"] // 4, (plan, shared)
PY
    printf GGUF > other.gguf
    says "--share-weights" start 2 eval --model other.gguf --data forget.jsonl --share-weights
}

@test "a mask is made by the first process, and the others wait" {
    prepare
    # shellcheck disable=SC2086
    "$WAGLE" attribute $data --out scores
    "$WAGLE" mask --scores scores --density 0.2 --out alone --quiet
    start 2 mask --scores scores --density 0.2 --out together 2> said
    cmp alone together
    grep -q "mask runs in the first process; the others wait" said
    says "wagle: together: exists" start 2 mask --scores scores --density 0.2 --out together --quiet
}

write_spec() {
    python3 - "$model" "$@" <<'PY'
import json, sys
spec = {"model": sys.argv[1], "forget": "forget.jsonl", "retain": "retain.jsonl", "eval": {"forget": "forget.jsonl"}, "objectives": ["graddiff", "npo"],
        "selectors": ["none", "wagle@1e-6"], "densities": [0.4], "lr": [1e-4, 1e-3], "seeds": [1, 2], "tune": True, "steps": 4, "batch": 2}
for change in sys.argv[2:]:
    exec(change)
json.dump(spec, open("spec.json", "w"))
PY
}

# Tables, and runs without how long they took.
same_sweep() {
    cmp "$1/table.md" "$2/table.md"
    python3 - "$1" "$2" <<'PY'
import json, sys
def runs(folder):
    all = json.load(open(folder + "/runs.json"))
    return [(key, {k: v for k, v in run.items() if "seconds" not in k}) for key, run in all.items()]
a, b = map(runs, sys.argv[1:])
assert a == b and len(a) > 3, (a, b)
PY
    [ ! -e "$2/running" ]
    [ ! -e "$2/lock" ]
}

@test "points of a sweep are handed out, and the tables are those of one process" {
    prepare
    write_spec
    "$WAGLE" sweep spec.json --out alone --quiet > alone.txt
    for n in 2 3; do
        start "$n" sweep spec.json --out together --force --quiet --threads 1 --jobs $((4 - n)) > together.txt
        cmp alone.txt together.txt
        same_sweep alone together
        for mask in alone/mask-* alone/scores-*; do cmp "$mask" "together/$(basename "$mask")"; done
    done
    start 3 sweep spec.json --out spread --verbose > /dev/null 2> said
    for r in 1 2; do grep -q "was run by process $r" said; done
    mkdir other && touch other/file
    says "exists and is not a sweep" start 2 sweep spec.json --out other
}

@test "the rates that a sweep searches are those of one process" {
    prepare
    write_spec 'del spec["tune"]; spec.update(lr=3e-4, updates=8, steps=24, eval_every=2, stop_when="forget.nll>5.9", seeds=[1])'
    "$WAGLE" sweep spec.json --out alone --quiet > alone.txt
    start 3 sweep spec.json --out together --quiet --threads 1 > together.txt
    cmp alone.txt together.txt
    same_sweep alone together
}

@test "a sweep whose process is killed or told to stop goes on with what was run" {
    prepare
    write_spec 'spec["steps"] = 40'
    "$WAGLE" sweep spec.json --out alone --quiet > /dev/null
    for signal in KILL TERM; do
        rm -rf together
        start 3 sweep spec.json --out together --quiet --threads 1 > /dev/null 2> said &
        for _ in $(seq 400); do
            [ -e together/runs.json ] && break
            sleep 0.05
        done
        pkill "-$signal" -n -f "$MPI sweep" || true
        ! wait $! || skip "it ended before it was killed"
        start 2 sweep spec.json --out together --quiet --threads 1 > /dev/null
        same_sweep alone together
    done
}
