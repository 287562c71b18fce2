"""Tiny random GGUF files, written by gguf-py (PyPI: gguf), for check_gguf.py and tests/cases/make/gguf_files.py."""
import gguf
import numpy as np

U32, F32, TEXT, BOOL, LIST = "add_uint32", "add_float32", "add_string", "add_bool", "add_array"
MIXTURES = ["olmoe", "qwen2moe", "qwen3moe", "llama4"]  # and llama with experts: Mixtral
WORDS = ["in", "th", "he", "the", "er", "an", " t", " th", " the", " a", "12", "123", "ll", "'ll", "'s", "..", "  ",
         "\n\n", "\r\n", "nd", "and", " and", "Ab", "AB", "ab", "bc", "abc", "!!", "?!", "é", "ü", "日", "日本", " 1", "00"]


def byte_characters():
    """The characters that stand for bytes in byte-level vocabularies."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [b for b in range(256) if b not in seen]
    return {b: chr(b) for b in seen} | {b: chr(256 + i) for i, b in enumerate(hidden)}


def byte_vocabulary(extra=("<s>", "<end>", "<pad>", "<|x|>", "[U]"), texts=()):
    """tokens, types, merges, ids of `extra`; every pair of bytes of `texts` is a token, so that each cut shows."""
    char = byte_characters()
    tokens, merges = list(char[b] for b in range(256)), []
    pairs = [text.encode()[i:i + 2] for text in texts for i in range(len(text.encode()) - 1)]
    for word in [w.encode() for w in WORDS] + pairs:
        part = [char[b] for b in word]
        while len(part) > 1:
            if part[0] + part[1] not in tokens:
                tokens.append(part[0] + part[1])
            if f"{part[0]} {part[1]}" not in merges:
                merges.append(f"{part[0]} {part[1]}")
            part = [part[0] + part[1]] + part[2:]
    ids = {text: len(tokens) + i for i, text in enumerate(extra)}
    types = [1] * len(tokens) + [4 if text == "[U]" else 3 for text in extra]
    return tokens + list(extra), types, merges, ids


def piece_vocabulary():
    """A SentencePiece vocabulary; the third is scores in place of merges."""
    pieces = ["▁", "H", "t", "h", "e", "r", "i", "n", "a", "d", "1", "2", "3", "s", "l", "o", "w", "x", "é", "日", "▁t", "he",
              "▁the", "in", "er", "▁a", "▁H", "an", "and", "▁and", "12", "▁1", "ll", "▁▁"]
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)] + pieces + ["<end>", "[U]"]
    types = [2, 3, 3] + [6] * 256 + [1] * len(pieces) + [3, 4]
    scores = [0.0] * 259 + [-float(i + 1) for i in range(len(pieces))] + [0.0, 0.0]
    return tokens, types, scores, {"<s>": 1, "<end>": 2}


def metadata(arch, size, vocabulary, model, pre):
    tokens, types, merges, ids = vocabulary
    D, F, L, H, K, h, r = size
    keys = {"context_length": (U32, 512), "embedding_length": (U32, D), "block_count": (U32, L),
            "feed_forward_length": (U32, F), "attention.head_count": (U32, H), "attention.head_count_kv": (U32, K)}
    if arch == "gpt2":
        keys["attention.layer_norm_epsilon"] = F32, 1e-5
    else:
        keys |= {"attention.layer_norm_rms_epsilon": (F32, 1e-6), "attention.key_length": (U32, h),
                 "attention.value_length": (U32, h), "rope.dimension_count": (U32, r), "rope.freq_base": (F32, 10000.0)}
    if arch == "olmo":
        del keys["attention.layer_norm_rms_epsilon"]
        keys["attention.layer_norm_epsilon"] = F32, 1e-5
    if arch == "gemma2":
        keys |= {"attn_logit_softcapping": (F32, 50.0), "final_logit_softcapping": (F32, 30.0),
                 "attention.sliding_window": (U32, 4)}
    keys = {f"{arch}.{key}": value for key, value in keys.items()}
    g = "tokenizer.ggml."
    keys |= {g + "model": (TEXT, model), g + "tokens": (LIST, tokens), g + "token_type": (LIST, types),
             g + "bos_token_id": (U32, ids["<s>"]), g + "eos_token_id": (U32, ids["<end>"])}
    return keys | ({g + "pre": (TEXT, pre), g + "merges": (LIST, merges)} if model == "gpt2" else
                   {g + "scores": (LIST, merges)})


def mixture_keys(arch, mixture):
    X, used, FX, FS = mixture
    keys = {"expert_count": (U32, X), "expert_used_count": (U32, used)} if X else {}
    if arch in ("qwen2moe", "qwen3moe", "llama4"):
        keys["expert_feed_forward_length"] = U32, FX
    if arch == "qwen2moe":
        keys["expert_shared_feed_forward_length"] = U32, FS
    if arch == "llama4":
        keys["interleave_moe_layer_step"] = U32, 2
    return {f"{arch}.{key}": value for key, value in keys.items()}


def expert_weights(arch, D, F, mixture, matrix):
    """The feed-forward layer of a layer that is a mixture."""
    X, _, FX, FS = mixture
    FX = F if arch in ("llama", "olmoe") else FX
    FS = {"qwen2moe": FS, "llama4": FX}.get(arch)
    one = {"ffn_gate_inp.weight": matrix(X, D), "ffn_gate_exps.weight": matrix(X, FX, D), "ffn_up_exps.weight": matrix(X, FX, D),
           "ffn_down_exps.weight": matrix(X, D, FX)}
    if FS:
        one |= {"ffn_gate_shexp.weight": matrix(FS, D), "ffn_up_shexp.weight": matrix(FS, D), "ffn_down_shexp.weight": matrix(D, FS)}
    return one | ({"ffn_gate_inp_shexp.weight": matrix(D)} if arch == "qwen2moe" else {})


def weights(arch, size, V, tied, seed, mixture=(0, 0, 0, 0)):
    D, F, L, H, K, h, _ = size
    random = np.random.default_rng(seed)
    matrix = lambda *shape, by=0.3: (random.standard_normal(shape) * by).astype(np.float32)
    norm = lambda n: (1 + 0.1 * random.standard_normal(n)).astype(np.float32)
    all = {"token_embd.weight": matrix(V, D, by=0.5), "output_norm.weight": norm(D)}
    if not tied and not arch.startswith("gemma"):
        all["output.weight"] = matrix(V, D, by=0.5)
    if arch == "gpt2":
        all |= {"position_embd.weight": matrix(512, D, by=0.1), "output_norm.bias": matrix(D)}
    for layer in range(L):
        one = {"attn_norm.weight": norm(D), "ffn_norm.weight": norm(D), "ffn_down.weight": matrix(D, F),
               "attn_output.weight": matrix(D, H * h)}
        if arch == "gpt2":
            one |= {"attn_norm.bias": matrix(D), "ffn_norm.bias": matrix(D), "attn_qkv.weight": matrix(3 * D, D),
                    "attn_qkv.bias": matrix(3 * D), "attn_output.bias": matrix(D), "ffn_up.weight": matrix(F, D),
                    "ffn_up.bias": matrix(F), "ffn_down.bias": matrix(D)}
        elif arch == "phi3":
            one |= {"attn_qkv.weight": matrix((H + 2 * K) * h, D), "ffn_up.weight": matrix(2 * F, D)}
        else:
            one |= {"attn_q.weight": matrix(H * h, D), "attn_k.weight": matrix(K * h, D),
                    "attn_v.weight": matrix(K * h, D), "ffn_gate.weight": matrix(F, D), "ffn_up.weight": matrix(F, D)}
        if arch in ("qwen2", "qwen2moe"):
            one |= {"attn_q.bias": matrix(H * h), "attn_k.bias": matrix(K * h), "attn_v.bias": matrix(K * h)}
        if arch in ("qwen3", "qwen3moe"):
            one |= {"attn_q_norm.weight": norm(h), "attn_k_norm.weight": norm(h)}
        if arch == "gemma2":
            one |= {"post_attention_norm.weight": norm(D), "post_ffw_norm.weight": norm(D)}
        if arch == "olmo2":
            one |= {"post_attention_norm.weight": norm(D), "post_ffw_norm.weight": norm(D),
                    "attn_q_norm.weight": norm(H * h), "attn_k_norm.weight": norm(K * h)}
        if arch == "olmoe":
            one |= {"attn_q_norm.weight": norm(H * h), "attn_k_norm.weight": norm(K * h)}
        if mixture[0] and (arch != "llama4" or layer % 2):
            for name in ("gate", "up", "down"):
                del one[f"ffn_{name}.weight"]
            one |= expert_weights(arch, D, F, mixture, matrix)
        if arch in ("olmo", "olmo2"):
            del one["attn_norm.weight"], one["ffn_norm.weight"]
        all |= {f"blk.{layer}.{name}": value for name, value in one.items()}
    if arch == "olmo":
        del all["output_norm.weight"]
    return all


def write(path, arch="llama", keys={}, drop=(), tensors={}, vocabulary=None, model="gpt2", pre=None, D=32, F=64, L=2,
          H=4, K=2, h=8, r=None, tied=False, seed=0, quantise=None, X=0, used=2, FX=32, FS=64):
    """ARCH in keys and drop stands for the architecture; a tensor that is None is left out. X experts: by default 4 in a
    mixture that has an architecture of its own."""
    size = D, F, L, H, H if arch in ("gpt2", "olmoe") else K, h, r or h
    mixture = X or 4 * (arch in MIXTURES), used, FX, FS
    pre = pre or ("qwen2" if arch == "qwen2" else "gpt-2")
    vocabulary = vocabulary or (byte_vocabulary() if model == "gpt2" else piece_vocabulary())
    named = lambda key: key.replace("ARCH", arch)
    all_keys = metadata(arch, size, vocabulary, model, pre) | mixture_keys(arch, mixture) | {named(key): value for key, value in keys.items()}
    all_tensors = weights(arch, size, len(vocabulary[0]), tied, seed, mixture) | dict(tensors)
    writer = gguf.GGUFWriter(path, arch)
    for key, (add, value) in all_keys.items():
        if key not in map(named, drop):
            getattr(writer, add)(key, value)
    for name, value in all_tensors.items():
        if hasattr(value, "kind"):  # raw blocks
            writer.add_tensor(name, np.asarray(value), raw_dtype=value.kind)
        elif value is not None and quantise and value.ndim > 1 and "ffn_gate_inp." not in name:
            kind = gguf.GGMLQuantizationType[quantise]
            writer.add_tensor(name, gguf.quants.quantize(value, kind), raw_dtype=kind)
        elif value is not None:
            writer.add_tensor(name, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return vocabulary
