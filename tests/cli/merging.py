"""Computes merged folders again, weight by weight.

    merging.py sum OUT BASE|- W MODEL [W MODEL ...]    OUT is the weighted sum, or BASE plus weighted differences
    merging.py scale OUT OLD NEW SCALE                 OUT is OLD + SCALE * (NEW - OLD)

Arithmetic is float32, in the order of the arguments; a weight that is the same in all models keeps its bits,
and one that a single model changes, whose weight beside a base is 1, has the bits of that model."""
import sys
from tensors import number, single, stored, weights


def merge(kind, was, others, base):
    """was: bits of the base or of the first model; others: (weight, bits)."""
    if all(bits == was for _, bits in others):
        return was
    changes = [(w, bits) for w, bits in others if bits != was and w != 0]
    if base and len(changes) == 1 and changes[0][0] == 1:
        return stored(kind, number(kind, changes[0][1]))
    x, total = number(kind, was), number(kind, was) if base else 0.0
    for w, bits in others:
        y = number(kind, bits)
        total = single(total + single(single(w) * (single(y - x) if base else y)))
    return stored(kind, total)


kind, out = sys.argv[1], weights(sys.argv[2])
if kind == "scale":
    base, models = sys.argv[3], [(float(sys.argv[5]), weights(sys.argv[4]))]
else:
    base, rest = sys.argv[3], sys.argv[4:]
    models = [(float(w), weights(m)) for w, m in zip(rest[::2], rest[1::2])]
first = models[0][1] if base == "-" else weights(base)
changed = 0
for name, (dtype, was) in first.items():
    for i, bits in enumerate(was):
        want = merge(dtype, bits, [(w, m[name][1][i]) for w, m in models], base != "-")
        assert out[name][1][i] == want, (name, i, number(dtype, out[name][1][i]), number(dtype, want))
        changed += want != bits
assert changed > 100, changed
