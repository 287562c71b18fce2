"""Blocks that llama.cpp's quantiser makes of given rows, through cyllama (a package of PyPI that holds it); needs gguf too.

    python3 quantised.py       writes ../quants/quantised.safetensors: values [rows, 256], and NAME.bytes [rows, bytes] of each type
"""
import json, pathlib, struct, sys, tempfile
import numpy as np
from cyllama.llama import llama_cpp
from gguf import GGUFReader

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parents[1] / "peer"))
from make_gguf import write

FILE_TYPES = {"Q4_0": 2, "Q5_0": 8, "Q5_1": 9, "Q8_0": 7, "Q4_K": 15, "Q5_K": 17, "Q6_K": 18}
TENSOR = "blk.0.ffn_down.weight"  # whose first 32 rows are ours
rng = np.random.default_rng(2)


def rows():
    """Weights as they are, and what is rare: outliers, zeros, equal values, one sign, large and tiny ones, 16-bit weights."""
    x = rng.standard_normal((32, 256)).astype(np.float32) * 0.05
    x[1:4] *= np.float32([[1e-6], [1e-3], [30]])
    x[4, ::37] *= 50                                # outliers
    x[5, :128] = 0
    x[6] = 0
    x[7] = 0.25
    x[8] = -0.25
    x[9] = np.abs(x[9])
    x[10] = -np.abs(x[10])
    x[11, :32] *= 1e-4                              # a part whose scale becomes 0
    x[12, 64:96] = 0.125                            # a part of equal values
    x[13] = np.sign(x[13]) * 0.03125                # two values
    x[14] = np.round(x[14] * 64) / 64               # few levels, so that sums are equal
    x[15] *= np.exp(rng.standard_normal(256) * 2)   # heavy tails
    x[16] = np.linspace(-1, 1, 256)
    x[17] = np.tile([1, -1], 128)
    x[18] = 0
    x[18, 100] = 1                                  # one value alone
    x[19] = rng.standard_normal(256) * 1e-30        # scales that float16 rounds to 0
    x[20:24] *= rng.choice([0, 1], (4, 256))        # pruned
    x[24:] = (x[24:].view(np.uint32) & 0xFFFF0000).view(np.float32)  # bf16
    return x.astype(np.float32)


x = rows()
entries = {"values": ("F32", x)}
with tempfile.TemporaryDirectory() as work:
    write(work + "/plain.gguf", D=256, F=256, h=64, L=1, tensors={TENSOR: np.tile(x, (8, 1))})
    for name, number in FILE_TYPES.items():
        options = llama_cpp.LlamaModelQuantizeParams()
        options.ftype, options.pure, options.nthread = number, True, 1
        llama_cpp.model_quantize(work + "/plain.gguf", work + "/made.gguf", options)
        tensor = next(t for t in GGUFReader(work + "/made.gguf").tensors if t.name == TENSOR)
        assert tensor.tensor_type.name == name, tensor.tensor_type
        entries[name + ".bytes"] = "U8", np.array(tensor.data[:32])
header, data = {}, b""
for name, (dtype, array) in entries.items():
    raw = array.tobytes()
    header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(header).encode()
(here.parent / "quants" / "quantised.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
