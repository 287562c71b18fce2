"""An independent reader of patches, which can also rewrite them.

    patch_forms.py sizes PATCH          checks that some tensor stores rows (or columns), in fewer bytes than an index per weight
    patch_forms.py indices PATCH OUT    writes the same patch with only indices, as in earlier versions
    patch_forms.py damage PATCH FOLDER  writes patches with a correct digest and wrong rows, one file each"""
import hashlib, json, os, struct, sys


def numbers(data):
    out, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            out.append(value)
            value = shift = 0
    assert shift == 0
    return out


def encode(*values):
    out = b""
    for n in values:
        while n > 127:
            out, n = out + bytes([n & 127 | 128]), n >> 7
        out += bytes([n])
    return out


def sums(gaps):
    out, at = [], -1
    for gap in gaps:
        at += gap
        out.append(at)
    return out


def read(path):
    raw = open(path, "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    head = json.loads(raw[8:8 + size])
    metadata = head.pop("__metadata__")
    return metadata, {n: (t["dtype"], raw[8 + size + t["data_offsets"][0]:8 + size + t["data_offsets"][1]]) for n, t in head.items()}


def write(path, metadata, parts):
    width = {"U8": 1, "F32": 4, "BF16": 2, "F16": 2}
    head, data = {"__metadata__": {**metadata, "digest": "0" * 64}}, b""
    for name, (dtype, raw) in parts.items():
        head[name] = {"dtype": dtype, "shape": [len(raw) // width[dtype]], "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(head).encode()
    raw = struct.pack("<Q", len(text)) + text + data
    open(path, "wb").write(raw.replace(b"0" * 64, hashlib.sha256(raw).hexdigest().encode(), 1))


def changed(form, shape, data):
    """Indices of the weights that changed, in order."""
    values = numbers(data)
    if form == "index":
        return sums(values)
    slices, kept = sums(values[1:1 + values[0]]), set(sums(values[1 + values[0]:]))
    rows, wide = shape
    weights = ([r * wide + c for r in slices for c in range(wide)] if form == "rows" else
               [r * wide + c for r in range(rows) for c in slices])
    return [w for place, w in enumerate(weights) if place not in kept]


def sliced(metadata, parts):
    """name, form and facts of each tensor that stores rows or columns."""
    facts = json.loads(metadata["tensors"])
    return [(*name.rsplit("#", 1), facts[name.rsplit("#", 1)[0]]) for name in parts if name.endswith(("#rows", "#columns"))]


def sizes(path):
    metadata, parts = read(path)
    found = sliced(metadata, parts)
    assert found
    for name, form, facts in found:
        data = parts[f"{name}#{form}"][1]
        indices = changed(form, facts["shape"], data)
        gaps = [b - a for a, b in zip([-1] + indices, indices)]
        assert len(indices) == facts["changed"] and len(data) < len(encode(*gaps)), name
    print(*sorted({form for _, form, _ in found}))


def as_indices(path, out):
    metadata, parts = read(path)
    result = {}
    for name, (dtype, data) in parts.items():
        tensor, form = name.rsplit("#", 1)
        if form in ("rows", "columns"):
            indices = changed(form, json.loads(metadata["tensors"])[tensor]["shape"], data)
            name, data = tensor + "#index", encode(*(b - a for a, b in zip([-1] + indices, indices)))
        result[name] = (dtype, data)
    write(out, metadata, result)


def damage(path, folder):
    metadata, parts = read(path)
    name, form, facts = sliced(metadata, parts)[0]
    key = f"{name}#{form}"
    values = numbers(parts[key][1])
    n, of = values[0], facts["shape"][form == "columns"]
    across = facts["shape"][form != "columns"]
    gaps, kept = values[1:1 + n], values[1 + n:]
    bad = {
        "none": [0], "empty": [], "more-than-given": [of, *gaps], "too-many": [of + 1] + [1] * (of + 1), "fewer": [n - 1, *gaps[1:], *kept],
        "twice": [n, gaps[0], 0, *gaps[2:], *kept], "past-the-last": [n, *gaps[:-1], gaps[-1] + of, *kept], "first-too-high": [n, of + 1, *gaps[1:], *kept],
        "huge": [n, 2**62, *gaps[1:], *kept], "huge-count": [2**62, *gaps, *kept], "kept-past-the-last": [n, *gaps, n * across + 1],
        "kept-twice": [n, *gaps, 1, 0], "one-kept-more": [n, *gaps, *(kept or [1]), 1], "all-kept": [n, *gaps] + [1] * (n * across)}
    for what, list_ in bad.items():
        write(f"{folder}/{what}", metadata, {**parts, key: ("U8", encode(*list_))})
    write(f"{folder}/endless", metadata, {**parts, key: ("U8", parts[key][1] + b"\x81")})
    write(f"{folder}/too-long", metadata, {**parts, key: ("U8", b"\x80" * 12 + parts[key][1])})
    write(f"{folder}/both-forms", metadata, {**parts, name + "#index": ("U8", b"\1")})
    write(f"{folder}/other-form", metadata, {n.replace("#" + form, {"rows": "#columns", "columns": "#rows"}[form]) if n == key else n: p for n, p in parts.items()})
    write(f"{folder}/no-form", metadata, {n: p for n, p in parts.items() if n != key})
    for what, shape in (("vector", [facts["shape"][0] * facts["shape"][1]]), ("cube", [1, *facts["shape"]]), ("empty-shape", [0, 5])):
        write(f"{folder}/{what}", {**metadata, "tensors": json.dumps({**json.loads(metadata["tensors"]), name: {**facts, "shape": shape}})}, parts)
    for what, count in (("changed-more", facts["changed"] + 1), ("changed-none", 0)):
        write(f"{folder}/{what}", {**metadata, "tensors": json.dumps({**json.loads(metadata["tensors"]), name: {**facts, "changed": count}})}, parts)


if __name__ == "__main__":
    {"sizes": sizes, "indices": as_indices, "damage": damage}[sys.argv[1]](*sys.argv[2:])
