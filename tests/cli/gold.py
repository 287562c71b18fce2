"""Helpers for gold files in the command's tests: extracts rows, and compares within the tolerances.

    gold.py rows DATA.safetensors PREFIX OUT.jsonl
    gold.py folder MODEL WEIGHTS.safetensors OUT     MODEL with these weights
    gold.py tensor FILE NAME OUT                     a single tensor
    gold.py gradient MINE GOLD [FACTS OBJECTIVE OUTPUT]
    gold.py weights MINE GOLD                        within 2e-5
    gold.py log LOG GOLD_JSON RUN
"""
import array, json, os, shutil, struct, sys


def read(path):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    head, out = json.loads(raw[8:8 + n]), {}
    for name, t in head.items():
        if name != "__metadata__":
            a, b = t["data_offsets"]
            data = array.array("f" if t["dtype"] == "F32" else "i")
            data.frombytes(raw[8 + n + a:8 + n + b])
            out[name] = (data, t["shape"], t["dtype"])
    return out


def write(path, tensors):
    at, head, body = 0, {}, b""
    for name, (data, shape, dtype) in tensors.items():
        raw = data.tobytes()
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(raw)]}
        at += len(raw)
        body += raw
    text = json.dumps(head).encode()
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + body)


def rows(data, prefix, out):
    t = read(data)
    with open(out, "w") as f:
        k = 0
        while f"{prefix}.input_ids.{k}" in t:
            f.write(json.dumps({"input_ids": list(t[f"{prefix}.input_ids.{k}"][0]),
                                "labels": list(t[f"{prefix}.labels.{k}"][0])}) + "\n")
            k += 1


def folder(model, weights, out):
    os.makedirs(out)
    for name in os.listdir(model):
        if name.startswith(("config", "generation")):
            shutil.copy(f"{model}/{name}", out)
    write(f"{out}/model.safetensors", read(weights))


def tensor(path, name, out):
    write(out, {name: read(path)[name]})


def close(what, a, b, relative):
    if abs(a - b) > relative * abs(b):
        sys.exit(f"{what}: {a}, {b} expected")


def gradient(mine, gold, facts=None, objective=None, output=None):
    a, b = read(mine), read(gold)
    largest = max(max(map(abs, t[0])) for t in b.values())
    for name, (want, _, _) in b.items():
        worst = max(abs(x - y) for x, y in zip(a[name][0], want))
        if worst > 1e-4 * max(max(map(abs, want)), 1e-3 * largest):
            sys.exit(f"{name}: {worst}")
    if facts:
        want, have = json.load(open(facts))["objectives"][objective], json.load(open(output))
        for key in ("loss", "forget", "grad_norm"):
            close(f"{objective} {key}", have[key], want[key], 1e-4)
        if want["retain"]:
            close(f"{objective} retain", have["retain"], want["retain"], 1e-4)
        for x, y in zip(have["per_sequence"], want["per_sequence"]):
            close(f"{objective} term", x, y, 1e-4)


def weights(mine, gold):
    a, b = read(mine), read(gold)
    for name, (want, _, _) in b.items():
        worst = max(abs(x - y) for x, y in zip(a[name][0], want))
        if worst > 2e-5:
            sys.exit(f"{name}: {worst}")


def log(path, gold, run):
    steps = [s for s in map(json.loads, open(path)) if "loss" in s]
    want = json.load(open(gold))["runs"][run]
    assert len(steps) == len(want)
    for s, w in zip(steps, want):
        for key in ("loss", "grad_norm"):
            close(f"step {w['step']} {key}", s[key], w[key], 1e-4)
        assert abs(s["lr"] - w["lr"]) < 1e-12


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
