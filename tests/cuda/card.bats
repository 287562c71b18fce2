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

@test "a run on a card that is interrupted goes on to the same bytes" {
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

@test "without a card: one line, nothing written, and auto is the CPU" {
    ! ldconfig -p | grep -q libcuda.so.1 || skip "there is a driver"
    refused 4 'no driver for NVIDIA cards' "$WAGLE" "${run[@]}" "${short[@]}" --model "$model" "${f32[@]}" --out out
    "$WAGLE" "${run[@]}" "${short[@]}" --model "$model" --device auto --out a
    "$WAGLE" "${run[@]}" "${short[@]}" --model "$model" --out b
    cmp a/model.safetensors b/model.safetensors
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

@test "a call that fails, early or late, is one line, and nothing is left behind" {
    mkdir cache
    failed=0
    for name in $(grep -oE '"(cu|nvrtc|cublasLt)[A-Z]\w+"' "$BATS_TEST_DIRNAME/../../src/ops/cuda/api.h" | tr -d '"'); do
        case $name in
            cuMem*Async* | cuMemAlloc* | cuMemFree* | cuStreamSync* | cuLaunch* | cuCtxSet* | cublasLtMatmul) late=60 ;;
            *) late= ;;
        esac
        for n in 1 $late; do
            rm -rf cache/* out
            status=0
            WG_FAKE_FAILS=$name:$n card "$WAGLE" "${run[@]}" --lr 1e-3 --warmup 0 --steps 1 --model "$model" "${f32[@]}" --out out >stdout 2>stderr || status=$?
            if [ $status = 0 ]; then # it is not called so often, or nothing depends on it
                [ -e out ] || { echo "$name:$n: no output"; return 1; }
                continue
            fi
            failed=$((failed + 1))
            { [ $status = 1 ] || [ $status = 4 ]; } || { echo "$name:$n: exit $status"; cat stderr; return 1; }
            [ "$(grep -vc warning: stderr)" = 1 ] || { echo "$name:$n:"; cat stderr; return 1; }
            [ ! -e out ] && [ ! -e out.partial ] || { echo "$name:$n: left behind: $(ls)"; return 1; }
        done
    done
    [ $failed -gt 25 ]
}
