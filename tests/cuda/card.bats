load ../cli/helpers

# The command on a card that is pretended (tests/cuda/fake, in $CARD).
card() { LD_LIBRARY_PATH=$CARD XDG_CACHE_HOME=$work/cache "$@"; }
f32=(--device cuda --precision f32)
run=(unlearn --forget forget.jsonl --retain retain.jsonl --batch 2)
short=(--steps 3 --lr 1e-3)

@test "the same command on a card writes the same bytes, and what the CPU writes but for rounding" {
    mkdir cache
    card "$WAGLE" "${run[@]}" "${short[@]}" --model "$model" "${f32[@]}" --out one
    card "$WAGLE" "${run[@]}" "${short[@]}" --model "$model" "${f32[@]}" --out two
    "$WAGLE" "${run[@]}" "${short[@]}" --model "$model" --out cpu
    cmp one/model.safetensors two/model.safetensors
    python3 - <<'PY'
import struct, json
def floats(path):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    return struct.unpack(f"<{(len(raw) - 8 - n) // 4}f", raw[8 + n:])
a, b = floats("one/model.safetensors"), floats("cpu/model.safetensors")
assert len(a) == len(b) and max(abs(x - y) for x, y in zip(a, b)) < 2e-4
PY
}

@test "unselected weights keep their bits in F32, BF16 and F16 folders" {
    mkdir cache
    python3 "$BATS_TEST_DIRNAME/../cli/make_f16.py" "$GOLD/models/llama-mha" f16
    for folder in "$GOLD/models/llama-gqa-tied" "$GOLD/models/llama-gqa-tied-bf16" f16; do
        rm -rf scores mask out
        card "$WAGLE" attribute --model "$folder" --forget forget.jsonl --retain retain.jsonl "${f32[@]}" --out scores
        "$WAGLE" mask --scores scores --density 0.2 --out mask --format bool
        card "$WAGLE" "${run[@]}" --model "$folder" --mask mask --weight-decay 0.1 --lr 1e-2 --steps 3 --device cuda --out out
        python3 "$BATS_TEST_DIRNAME/../cli/compare_unselected.py" "$folder" out mask
    done
}

@test "a run on a card that is interrupted, or killed, goes on to the same bytes" {
    mkdir cache
    long=("${run[@]}" --model "$model" "${f32[@]}" --lr 1e-3 --steps 12 --checkpoint-every 2)
    card "$WAGLE" "${long[@]}" --out whole
    stopped=no
    for seconds in 0.3 0.6 1.2; do
        card timeout --preserve-status -s INT $seconds "$WAGLE" "${long[@]}" --out cut --resume 2>>log && break
        stopped=yes
    done || true
    [ $stopped = yes ]
    [ -e cut ] || card "$WAGLE" "${long[@]}" --out cut --resume
    cmp whole/model.safetensors cut/model.safetensors
    for ((n = 100; ; n *= 2)); do # the n-th launch kills the process; the first that comes after a checkpoint
        rm -rf cut cut.partial
        status=0
        WG_FAKE_KILLS=cuLaunchKernel:$n card "$WAGLE" "${long[@]}" --out cut 2>>log || status=$?
        [ $status = 137 ]
        [ ! -e cut ]
        [ ! -e cut.partial/checkpoint.safetensors ] || break
    done
    card "$WAGLE" "${long[@]}" --out cut --resume
    cmp whole/model.safetensors cut/model.safetensors
}

@test "eval, scores and generated text are those of the CPU" {
    mkdir cache
    cp -r "$model" tiny
    byte_tokenizer tiny
    for device in cpu cuda; do
        card "$WAGLE" eval --model tiny --data forget.jsonl --device $device --precision f32 --out $device.json >/dev/null
        card "$WAGLE" generate --model tiny --prompt 'abc' --max-tokens 8 --device $device --precision f32 >$device.txt
    done
    cmp cpu.txt cuda.txt
    python3 - <<'PY'
import json
def numbers(x):
    if isinstance(x, dict):
        return [n for k, v in sorted(x.items()) if k not in ("seconds", "wagle", "device", "threads") for n in numbers(v)]
    if isinstance(x, list):
        return [n for v in x for n in numbers(v)]
    return [x] if isinstance(x, float) else []
a, b = (numbers(json.load(open(f"{d}.json"))) for d in ("cpu", "cuda"))
assert a and len(a) == len(b)
assert all(abs(x - y) <= 1e-4 * max(1, abs(x)) for x, y in zip(a, b)), (a, b)
PY
}

@test "two jobs of a sweep on one card write what one writes" {
    mkdir cache
    python3 - <<'PY'
import json, os
json.dump({"model": os.environ["GOLD"] + "/models/llama-gqa-tied", "forget": "forget.jsonl", "retain": "retain.jsonl", "eval": {"forget": "forget.jsonl"},
           "objectives": ["npo"], "selectors": ["none", "snip"], "densities": [0.4], "lr": [1e-3], "steps": 1, "batch": 2}, open("spec.json", "w"))
PY
    for jobs in 1 2; do
        card "$WAGLE" sweep spec.json --out jobs$jobs --jobs $jobs "${f32[@]}"
        sed -i '/"seconds"/d' jobs$jobs/runs.json
    done
    diff -r jobs1 jobs2
    for jobs in 1 2; do # which share the limit
        card "$WAGLE" sweep spec.json --out small$jobs --jobs $jobs --gpu-memory 100K "${f32[@]}" --quiet 2> stderr.txt && return 1
        grep -qF -- "--gpu-memory" stderr.txt
    done
}

@test "without a card: one line that names the library, nothing written; auto is the CPU, and says so" {
    ! ldconfig -p | grep -q libcuda.so.1 || skip "there is a driver"
    refused 4 'libcuda.so.1 was not found: this machine has no driver for NVIDIA cards' \
        "$WAGLE" "${run[@]}" "${short[@]}" --model "$model" "${f32[@]}" --out out
    "$WAGLE" "${run[@]}" "${short[@]}" --model "$model" --device auto --out a 2>log
    grep -q 'device auto: no card (libcuda.so.1 .*); computing on the CPU' log
    "$WAGLE" "${run[@]}" "${short[@]}" --model "$model" --out b
    cmp a/model.safetensors b/model.safetensors
    "$WAGLE" "${run[@]}" "${short[@]}" --model "$model" --device auto --precision f32 --out c
    cmp c/model.safetensors b/model.safetensors
    refused 4 "precision tf32 needs a card, and device auto found none (libcuda.so.1 was not found" \
        "$WAGLE" "${run[@]}" "${short[@]}" --model "$model" --device auto --precision tf32 --out out
    refused 2 "precision tf32 is of a card; the CPU computes in f32 or bf16" \
        "$WAGLE" "${run[@]}" "${short[@]}" --model "$model" --precision tf32 --out out
    "$WAGLE" "${run[@]}" "${short[@]}" --model "$model" --device auto --precision bf16 --out d
    "$WAGLE" "${run[@]}" "${short[@]}" --model "$model" --precision bf16 --out e
    cmp d/model.safetensors e/model.safetensors
    ! cmp -s a/model.safetensors d/model.safetensors || false
}

@test "each library that is missing is refused by name" {
    mkdir cache
    known=$(compgen -G '/usr/local/cuda/lib*/libnvrtc.so*'; ldconfig -p | awk '/libnvrtc|libcublasLt/ {print $NF}')
    for file in $known; do
        [ ! -e "$file" ] || skip "CUDA is installed: $file"
    done
    for library in libnvrtc libcublasLt; do
        rm -rf part && cp -r "$CARD" part && rm part/$library.so.13
        CARD=part refused 4 "$library, which" card "$WAGLE" "${run[@]}" "${short[@]}" --model "$model" "${f32[@]}" --out out
    done
}

@test "a library that lacks a function is refused by that function's name" {
    mkdir cache
    for library in libcuda.so.1 libnvrtc.so.13 libcublasLt.so.13; do
        case $library in
            libcuda*) prefix=cu ;;
            libnvrtc*) prefix=nvrtc ;;
            *) prefix=cublasLt ;;
        esac
        names=$(grep -oE "\"$prefix[A-Z]\w+\"" "$BATS_TEST_DIRNAME/../../src/ops/cuda/api.h" | tr -d '"')
        [ -n "$names" ]
        for name in $names; do
            rm -rf old && cp -r "$CARD" old
            # the name in the table of symbols becomes another of the same length
            python3 - old/$library $name <<'PY'
import sys
path, name = sys.argv[1], sys.argv[2].encode()
raw = open(path, "rb").read()
assert b"\0" + name + b"\0" in raw
open(path, "wb").write(raw.replace(b"\0" + name + b"\0", b"\0" + b"x" * len(name) + b"\0"))
PY
            CARD=old refused 4 "has no $name" card "$WAGLE" "${run[@]}" "${short[@]}" --model "$model" "${f32[@]}" --out out
        done
    done
}

# Runs a command whose N-th call of a function fails, and all after it. Fails where the command is neither whole nor refused in one
# line. Returns 100 where it is whole: the function is not called so often, or nothing depends on it.
failing() {
    local call=$1 status=0
    shift
    rm -rf cache/* out
    WG_FAKE_FAILS=$call card "$WAGLE" "$@" --model "$model" "${f32[@]}" --out out >stdout 2>stderr || status=$?
    if [ $status = 0 ]; then
        [ -e out ] || { echo "$call: no output"; return 1; }
        return 100
    fi
    { [ $status = 1 ] || [ $status = 4 ]; } || { echo "$call: exit $status"; cat stderr; return 1; }
    [ "$(grep -vc warning: stderr)" = 1 ] || { echo "$call:"; cat stderr; return 1; }
    [ ! -e out ] && [ ! -e out.partial ] || { echo "$call: left behind: $(ls)"; return 1; }
}
unlearning=("${run[@]}" --lr 1e-3 --warmup 0 --steps 1)
attributing=(attribute --forget forget.jsonl --retain retain.jsonl)

@test "each function of the libraries fails at its first call: one line, and nothing is left behind" {
    mkdir cache
    failed=0
    for name in $(grep -oE '"(cu|nvrtc|cublasLt)[A-Z]\w+"' "$BATS_TEST_DIRNAME/../../src/ops/cuda/api.h" | tr -d '"'); do
        status=0
        failing $name:1 "${unlearning[@]}" || status=$?
        [ $status = 0 ] || [ $status = 100 ] || return 1
        failed=$((failed + (status == 0)))
    done
    [ $failed -gt 25 ]
}

@test "an allocation, copy or launch fails, at the first, 6th, 36th, 216th call and so on: one line, and nothing is left behind" {
    mkdir cache
    for name in cuMemAlloc_v2 cuMemsetD8Async cuMemcpyDtoDAsync_v2 cuMemcpyHtoDAsync_v2 cuMemcpyDtoHAsync_v2 cuLaunchKernel cublasLtMatmul; do
        grep -q "\"$name\"" "$BATS_TEST_DIRNAME/../../src/ops/cuda/api.h"
        for command in unlearning attributing; do
            declare -n words=$command
            for ((n = 1; ; n *= 6)); do
                status=0
                failing $name:$n "${words[@]}" || status=$?
                [ $status != 100 ] || break
                [ $status = 0 ] || return 1
            done
        done
    done
}

@test "a mixture of experts is refused on a card before its weights are read" {
    mkdir cache model && cp "$GOLD/models/mixtral/config.json" model/ # no weights
    status=0
    card "$WAGLE" eval --model model --data forget.jsonl "${f32[@]}" 2>told || status=$?
    [ "$status" = 2 ]
    grep -q 'device cuda has no mixtures of experts; use --device cpu' told
}
