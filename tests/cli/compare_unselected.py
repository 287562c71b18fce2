"""Checks that every weight outside a bool mask has the same bytes in both folders, and that some inside differ."""
import glob, json, os, struct, sys

def tensors(path):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    return {k: raw[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]]
            for k, v in json.loads(raw[8:8 + n]).items() if k != "__metadata__"}

before, after, mask = sys.argv[1:]
mask, changed = tensors(mask), 0
for path in glob.glob(os.path.join(before, "model*.safetensors")):
    new = tensors(os.path.join(after, os.path.basename(path)))
    for name, old in tensors(path).items():
        size = len(old) // len(mask[name])
        for i, selected in enumerate(mask[name]):
            same = old[i * size:(i + 1) * size] == new[name][i * size:(i + 1) * size]
            assert same or selected, f"{name}[{i}] changed"
            changed += not same
assert changed > 1000, changed
