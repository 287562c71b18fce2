"""Models and masks for the benchmark, of any size in seconds: wagle makes one layer and a sixteenth of the vocabulary, which are repeated."""
import json, os, shutil, struct, subprocess, time

SHARE = 16  # of the vocabulary


def weights_of(config):
    """How many weights the model has."""
    d, layers = config["hidden_size"], config["num_hidden_layers"]
    h = config.get("head_dim", d // config["num_attention_heads"])
    attention = 2 * d * h * (config["num_attention_heads"] + config["num_key_value_heads"])
    layer = attention + 3 * d * config["intermediate_size"] + 2 * d
    return layers * layer + d + config["vocab_size"] * d * (1 if config["tie_word_embeddings"] else 2)


def grown(name, layers):
    """The names under which a tensor is in the large file, and how often its rows are repeated there."""
    if ".layers.0." in name:
        return [name.replace(".layers.0.", f".layers.{i}.") for i in range(layers)], 1
    return [name], SHARE if "embed_tokens" in name or "lm_head" in name else 1


def repeat(source, target, layers, until):
    """Writes the safetensors file of the large model, or of a mask for it."""
    with open(source, "rb") as f:
        small = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
        base = f.tell()
        meta, header, at = small.pop("__metadata__"), {}, 0
        if "shapes" in meta:
            meta["shapes"] = json.dumps({n: [s[0] * times, *s[1:]] for name, s in json.loads(meta["shapes"]).items()
                                         for names, times in [grown(name, layers)] for n in names})
        for name, entry in small.items():
            names, times = grown(name, layers)
            begin, end = entry["data_offsets"]
            for n in names:
                shape = [entry["shape"][0] * times, *entry["shape"][1:]]
                header[n] = {"dtype": entry["dtype"], "shape": shape, "data_offsets": [at, at + (end - begin) * times]}
                at += (end - begin) * times
        text = json.dumps({"__metadata__": meta, **header}).encode()
        text += b" " * (-len(text) % 8)
        with open(target, "wb") as out:
            out.write(struct.pack("<Q", len(text)) + text)
            for name, entry in small.items():
                names, times = grown(name, layers)
                f.seek(base + entry["data_offsets"][0])
                data = f.read(entry["data_offsets"][1] - entry["data_offsets"][0])
                for _ in range(len(names) * times):
                    if time.monotonic() > until:
                        raise TimeoutError
                    out.write(data)


def make(wagle, config_path, folder, seconds):
    """folder/model with random bf16 weights, folder/mask with 10 % of them: the same of each layer. TimeoutError if it takes longer."""
    until = time.monotonic() + seconds
    config = json.load(open(config_path))
    os.makedirs(f"{folder}/model", exist_ok=True)
    small = dict(config, num_hidden_layers=1, vocab_size=config["vocab_size"] // SHARE, bos_token_id=1, eos_token_id=2)
    json.dump(small, open(f"{folder}/small.json", "w"))
    quiet = ["--force", "--quiet"]
    subprocess.check_call([wagle, "init", "--config", f"{folder}/small.json", "--dtype", "bf16", "--out", f"{folder}/small", *quiet], timeout=seconds)
    subprocess.check_call([wagle, "mask", "--model", f"{folder}/small", "--selector", "random", "--density", "0.1", "--out", f"{folder}/small-mask",
                           *quiet], stdout=subprocess.DEVNULL, timeout=seconds)
    repeat(f"{folder}/small/model.safetensors", f"{folder}/model/model.safetensors", config["num_hidden_layers"], until)
    repeat(f"{folder}/small-mask", f"{folder}/mask", config["num_hidden_layers"], until)
    shutil.copy(config_path, f"{folder}/model/config.json")
    shutil.rmtree(f"{folder}/small")
