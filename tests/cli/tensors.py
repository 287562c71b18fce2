"""Reads the weights of a model folder, and converts float32 and bf16 numbers."""
import glob, json, struct


def single(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def bf16(x):
    bits = struct.unpack("<I", struct.pack("<f", x))[0]
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16 & 0xFFFF


def weights(folder):
    out = {}
    for path in sorted(glob.glob(folder + "/model*.safetensors")):
        raw = open(path, "rb").read()
        n = struct.unpack("<Q", raw[:8])[0]
        for name, v in json.loads(raw[8:8 + n]).items():
            if name == "__metadata__":
                continue
            data = raw[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]]
            if v["dtype"] == "F32":
                out[name] = "F32", struct.unpack(f"<{len(data) // 4}I", data)
            else:
                out[name] = v["dtype"], struct.unpack(f"<{len(data) // 2}H", data)
    return out


def number(kind, bits):
    return struct.unpack("<f", struct.pack("<I", bits if kind == "F32" else bits << 16))[0]


def stored(kind, x):
    return struct.unpack("<I", struct.pack("<f", x))[0] if kind == "F32" else bf16(x)


def numbers(folder):
    return {name: [number(kind, x) for x in bits] for name, (kind, bits) in weights(folder).items()}
