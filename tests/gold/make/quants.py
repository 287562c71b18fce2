"""GGUF block formats: random blocks of each and their values by the `gguf` package (PyPI).

    python3 quants.py          writes ../quants/quants.safetensors
"""
import json, pathlib, struct
import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants

rng = np.random.default_rng(1)
header, data = {}, b""


def add(name, dtype, array):
    global data
    raw = array.tobytes()
    header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw


for name in ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K", "Q2_K", "Q3_K",
             "IQ4_NL", "IQ4_XS", "TQ1_0", "TQ2_0", "MXFP4"):
    kind = GGMLQuantizationType[name]
    block, size = GGML_QUANT_SIZES[kind]
    n = max(2, 512 // block)
    raw = rng.integers(0, 256, (n, size), dtype=np.uint8)
    halves = {"Q6_K": (size - 2,), "Q4_0": (0,), "Q5_0": (0,), "Q8_0": (0,),
              "Q2_K": (80, 82), "Q3_K": (108,), "IQ4_NL": (0,), "IQ4_XS": (0,), "TQ1_0": (52,), "TQ2_0": (64,),
              "MXFP4": ()}.get(name, (0, 2))
    for at in halves:  # scales are finite halves, some of them subnormal
        scale = (rng.standard_normal(n) * 10.0 ** rng.integers(-6, 1, n)).astype(np.float16)
        raw[:, at:at + 2] = scale.view(np.uint8).reshape(n, 2)
    add(name + ".blocks", "U8", raw)
    add(name + ".values", "F32", quants.dequantize(raw, kind).astype(np.float32).reshape(-1))
text = json.dumps(header).encode()
out = pathlib.Path(__file__).resolve().parent.parent / "quants" / "quants.safetensors"
out.write_bytes(struct.pack("<Q", len(text)) + text + data)
