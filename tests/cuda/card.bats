load ../cli/helpers

# The command on a card that is pretended (tests/cuda/fake, in $CARD).
card() { LD_LIBRARY_PATH=$CARD XDG_CACHE_HOME=$work/cache "$@"; }
f32=(--device cuda --precision f32)
run=(unlearn --forget forget.jsonl --retain retain.jsonl --steps 3 --lr 1e-3 --batch 2)

@test "the same command on a card writes the same bytes, and what the CPU writes but for rounding" {
    mkdir cache
    card "$WAGLE" "${run[@]}" --model "$model" "${f32[@]}" --out one
    card "$WAGLE" "${run[@]}" --model "$model" "${f32[@]}" --out two
    "$WAGLE" "${run[@]}" --model "$model" --out cpu
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
