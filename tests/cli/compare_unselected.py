"""Checks that every weight outside a bool mask has the same bytes in both folders, and that some inside differ."""
import glob, json, os, struct, sys

def parts(name, shape, data):
    """A tensor of all experts of a layer: those of each, as a mask names them."""
    if len(shape) < 3 or ".experts." not in name:
        return {name: data}
    layer, matrix = name.rsplit(".", 1)
    size = len(data) // shape[0]
    return {f"{layer}.{e}.{matrix}": data[e * size:(e + 1) * size] for e in range(shape[0])}

def tensors(path):
    raw, out = open(path, "rb").read(), {}
    n = struct.unpack("<Q", raw[:8])[0]
    for k, v in json.loads(raw[8:8 + n]).items():
        if k != "__metadata__":
            out.update(parts(k, v["shape"], raw[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]]))
    return out

before, after, mask = sys.argv[1:]
mask, changed = tensors(mask), 0
for path in glob.glob(os.path.join(before, "model*.safetensors")):
    new = tensors(os.path.join(after, os.path.basename(path)))
    for name, old in tensors(path).items():
        if name not in mask:  # no weight of the text model
            assert old == new[name], name
            continue
        size = len(old) // len(mask[name])
        for i, selected in enumerate(mask[name]):
            same = old[i * size:(i + 1) * size] == new[name][i * size:(i + 1) * size]
            assert same or selected, f"{name}[{i}] changed"
            changed += not same
assert changed > 1000, changed
