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
    ! "$@" > stdout.txt 2> stderr.txt
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
