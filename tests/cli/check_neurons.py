"""Checks a mask of --scope neurons against its definition.

    check_neurons.py SCORES MASK DENSITY INSPECTED    MASK: layout bool; INSPECTED: output of `inspect --json`"""
import json, struct, sys


def read(path):
    """Metadata, and of each tensor its rows; a vector is one row."""
    raw = open(path, "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    head = json.loads(raw[8:8 + size])
    metadata, tensors = head.pop("__metadata__"), {}
    for name, t in head.items():
        data = raw[8 + size + t["data_offsets"][0]:8 + size + t["data_offsets"][1]]
        values = struct.unpack(f"<{len(data) // 4}f", data) if t["dtype"] == "F32" else list(data)
        wide = t["shape"][-1]
        tensors[name] = [values[i:i + wide] for i in range(0, len(values), wide)]
        vectors.update([name] if len(t["shape"]) == 1 else [])
    return metadata, tensors


def total(row):
    result = 0.0
    for x in row:
        result += x  # in this order: sum() compensates
    return result


vectors = set()
metadata, scores = read(sys.argv[1])
mask = read(sys.argv[2])[1]
density, inspected = float(sys.argv[3]), json.load(open(sys.argv[4]))
transposed = json.loads(metadata["transposed"])
assert transposed == sorted(n for n in scores if ".h." in n and n not in vectors)  # gpt2's layers; of a llama none
names = [n for n in sorted(scores) if n not in vectors and not any(part in n for part in ("embed", "wte", "wpe"))]
turn = lambda name, rows: list(zip(*rows)) if name in transposed else rows
size = {n: sum(map(len, scores[n])) for n in scores}
neurons = sorted((-total(row), n, i) for n in names for i, row in enumerate(turn(n, scores[n])))
k = int(density * sum(size[n] for n in names) + 0.5)
taken, want = 0, {n: set() for n in scores}
for _, name, i in neurons:
    width = len(turn(name, scores[name])[0])
    if taken >= k or (taken + width > k and taken + width - k >= k - taken):
        break
    want[name].add(i)
    taken += width
for name in scores:
    rows = turn(name, mask[name])
    assert {i for i, row in enumerate(rows) if all(row)} == want[name], name
    assert sum(map(sum, rows)) == len(want[name]) * len(rows[0]), name
assert inspected["neurons"] == sum(map(len, want.values())) and inspected["selected"] == taken
assert inspected["neurons_by_tensor"] == {n: {"selected": len(want[n]), "of": len(turn(n, scores[n])), "stored_as": "columns" if n in transposed else "rows"}
                                          for n in names if want[n]}
