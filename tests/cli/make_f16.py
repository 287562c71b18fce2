"""Copies a sharded F32 model folder as F16: python3 make_f16.py FROM TO"""
import json, os, shutil, struct, sys
source, to = sys.argv[1:]
os.mkdir(to)
for name in os.listdir(source):
    if not name.endswith(".safetensors") or name.startswith("gold"):
        shutil.copy(os.path.join(source, name), to)
        continue
    raw = open(os.path.join(source, name), "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    header, data, out, at = json.loads(raw[8:8 + n]), raw[8 + n:], b"", 0
    for key, t in sorted(((k, v) for k, v in header.items() if k != "__metadata__"), key=lambda x: x[1]["data_offsets"]):
        b, e = t["data_offsets"]
        values = struct.unpack(f"<{(e - b) // 4}f", data[b:e])
        t.update(dtype="F16", data_offsets=[at, at + (e - b) // 2])
        out += struct.pack(f"<{len(values)}e", *values)
        at += (e - b) // 2
    text = json.dumps(header).encode()
    open(os.path.join(to, name), "wb").write(struct.pack("<Q", len(text)) + text + out)
