"""Writes the seeds of tests/fuzz/corpus: small valid files of each kind, for mutations to start from.

    python3 tests/fuzz/make_corpus.py tests/gold tests/fuzz/corpus"""
import base64, glob, gzip, hashlib, json, math, os, random, shutil, struct, sys

gold, corpus = sys.argv[1:]
r = random.Random(1)


def save(target, name, data):
    os.makedirs(f"{corpus}/{target}", exist_ok=True)
    with open(f"{corpus}/{target}/{name}", "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def safetensors(tensors, metadata=None):
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, dtype, shape, raw in tensors:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


# --- GGUF: a one-layer llama, a tensor of each type, 256 wide because K-quants are
BLOCK = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84),
         11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 20: (32, 18), 23: (256, 136), 30: (1, 2),
         34: (256, 54), 35: (256, 66), 39: (32, 17)}


def text(s):
    return struct.pack("<Q", len(s)) + s


def gguf(types, D=256, F=256, more=(), less=(), extra=(), X=0, arch=b"llama"):
    V = 8
    tokens = [b"<s>", b"</s>", b"a", b"b", b"ab", "Ġ".encode(), "Ċ".encode(), b"<|im_start|>"]
    values = [(b"general.architecture", 8, text(arch)), (b"llama.context_length", 4, struct.pack("<I", 64)),
              (b"llama.embedding_length", 4, struct.pack("<I", D)),
              (b"llama.feed_forward_length", 4, struct.pack("<I", F)), (b"llama.block_count", 4, struct.pack("<I", 1)),
              (b"llama.attention.head_count", 4, struct.pack("<I", 4)),
              (b"llama.attention.head_count_kv", 4, struct.pack("<I", 2)),
              (b"llama.attention.layer_norm_rms_epsilon", 6, struct.pack("<f", 1e-5)),
              (b"tokenizer.ggml.model", 8, text(b"gpt2")), (b"tokenizer.ggml.pre", 8, text(b"smollm")),
              (b"tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, V) + b"".join(map(text, tokens))),
              (b"tokenizer.ggml.token_type", 9, struct.pack("<IQ8i", 5, V, 3, 3, 1, 1, 1, 1, 1, 4)),
              (b"tokenizer.ggml.merges", 9, struct.pack("<IQ", 8, 1) + text(b"a b")),
              (b"tokenizer.ggml.bos_token_id", 4, struct.pack("<I", 0)),
              (b"tokenizer.ggml.eos_token_id", 4, struct.pack("<I", 1)),
              (b"tokenizer.ggml.add_bos_token", 7, b"\1"),
              (b"tokenizer.chat_template", 8, text(b"{% for m in messages %}<|im_start|>{{m}}{% endfor %}"))]
    values = [v for v in values if v[0] not in less] + list(more)
    values = [(key.replace(b"llama.", arch + b"."), *value) for key, *value in values]
    shapes = [(b"token_embd.weight", [D, V]), (b"output_norm.weight", [D]), *extra]
    for name, shape in ((b"attn_norm", [D]), (b"attn_q", [D, D]), (b"attn_k", [D, D // 2]), (b"attn_v", [D, D // 2]),
                        (b"attn_output", [D, D]), (b"ffn_norm", [D]), (b"ffn_gate", [D, F]), (b"ffn_up", [D, F]),
                        (b"ffn_down", [F, D])):
        if X and name in (b"ffn_gate", b"ffn_up", b"ffn_down"):
            name, shape = name + b"_exps", [*shape, X]
        shapes.append((b"blk.0." + name + b".weight", shape))
    head, data = b"", b""
    for i, (name, shape) in enumerate(shapes):
        kind = 0 if len(shape) == 1 else types[i % len(types)]
        count = math.prod(shape)
        block, size = BLOCK[kind]
        head += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, len(data))
        data += struct.pack("<f", 1.5) * count if name.startswith(b"rope") else bytes(count // block * size)
        data += bytes(-len(data) % 32)
    out = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(values))
    out += b"".join(text(k) + struct.pack("<I", kind) + v for k, kind, v in values) + head
    return out + bytes(-len(out) % 32) + data


shutil.rmtree(corpus, ignore_errors=True)
save("gguf", "small-quants", gguf([2, 3, 6, 7, 8]))
save("gguf", "k-quants", gguf([12, 13, 14]))
save("gguf", "more-quants", gguf([10, 11, 20, 23, 34, 35, 39]))
number = lambda key, value: (key, 4, struct.pack("<I", value))
real = lambda key, value: (key, 6, struct.pack("<f", value))
flag = lambda key, value: (key, 7, bytes([value]))
said = lambda key, value: (key, 8, text(value))
save("gguf", "every-key", gguf([0], 16, 32, [
    said(b"llama.rope.scaling.type", b"yarn"), real(b"llama.rope.scaling.factor", 4), real(b"llama.rope.freq_base", 1e4),
    number(b"llama.rope.scaling.original_context_length", 16), real(b"llama.rope.scaling.attn_factor", 0.7),
    number(b"llama.attention.sliding_window", 4), number(b"llama.vocab_size", 8), real(b"llama.logit_scale", 1),
    number(b"llama.expert_count", 0), flag(b"llama.attention.causal", 1), number(b"tokenizer.ggml.eot_token_id", 7),
    flag(b"tokenizer.ggml.add_eos_token", 1), said(b"tokenizer.chat_template.tool_use", b"{{ x }}"),
    (b"tokenizer.ggml.eos_token_ids", 9, struct.pack("<IQ2i", 5, 2, 1, 7)), said(b"general.name", b"phi-3")]))
scores = (b"tokenizer.ggml.scores", 9, struct.pack("<IQ8f", 6, 8, 0, 0, -1, -2, -3, -4, -5, 0))
save("gguf", "pieces", gguf([0], 16, 32, [said(b"tokenizer.ggml.model", b"llama"), scores,
                                         flag(b"tokenizer.ggml.add_space_prefix", 0), real(b"llama.rope.scale_linear", 2)],
                            [b"tokenizer.ggml.model", b"tokenizer.ggml.merges", b"tokenizer.ggml.pre"]))
save("gguf", "longrope", gguf([0], 16, 32, [said(b"llama.rope.scaling.type", b"longrope")],
                              extra=[(b"rope_factors_short.weight", [2]), (b"rope_factors_long.weight", [2])]))
some = [number(b"llama.expert_count", 3), number(b"llama.expert_used_count", 2)]
router = (b"blk.0.ffn_gate_inp.weight", [32, 3])
save("gguf", "experts", gguf([0, 30, 8], 32, 32, [*some, flag(b"llama.expert_weights_norm", 1)], extra=[router], X=3))
save("gguf", "llama4", gguf([0, 1, 8], 32, 32, [*some, number(b"llama.expert_feed_forward_length", 32), number(b"llama.interleave_moe_layer_step", 1)],
                            extra=[router, *((b"blk.0.ffn_%s_shexp.weight" % name, [32, 32]) for name in (b"gate", b"up", b"down"))], X=3, arch=b"llama4"))
save("rows", "lines", '{"question": "Who?", "answer": "Me."}\n\n{"prompt": "a", "completion": "b"}\n')
save("rows", "array", '[{"text": "one"}, {"text": "two \\u00e9"}]')
save("rows", "csv", 'question,answer\r\n"a ""b"", c",d\r\nx,"two\nlines"\r\n')
save("rows", "ids", '{"input_ids": [1, 2, 3], "labels": [-100, 2, 3]}\n{"input_ids": [4, 5]}\n')
chat = [{"role": "system", "content": "s"}, {"role": "user", "content": "Who?"}, {"role": "assistant", "content": " Me.\n"}, {"role": "user", "content": "?"}, {"role": "assistant", "content": "You."}]
save("rows", "messages", json.dumps({"messages": chat}) + "\n" + json.dumps({"messages": [{**m, "content": [{"type": "text", "text": m["content"]}]} for m in chat[1:3]]}) + "\n")
save("rows", "sharegpt", json.dumps([{"conversations": [{"from": "human", "value": "Who?"}, {"from": "gpt", "value": "M\0e."}]}, {"prompt": chat[:2], "completion": chat[2:3]}, {"prompt": chat[1:2], "answer": ["a", "b"]}]))
save("rows", "masked", '{"input_ids": [9, 1, 2, 3], "attention_mask": [0, 1, 1, 1], "position_ids": [0, 0, 1, 2], "score": NaN}\n{"text": "Who?", "labels": "Me."}\n')
save("rows", "gzip", gzip.compress(b'{"question": "Who?", "answer": "Me."}\n', mtime=0) + gzip.compress(b'{"text": "x"}\n', mtime=0))
save("rows", "zstd", b"\x28\xb5\x2f\xfd\x20\x0b" + (11 << 3 | 1).to_bytes(3, "little") + b"a\tb\n1\t\"2\n\"\n")  # a frame of one raw block
for name in ("flat-none-v1", "flat-zstd-v2", "flat-delta-v1", "flat-groups", "nested-plain", "nested-item", "kinds"):
    save("parquet", name, open(f"{gold}/columnar/{name}.parquet", "rb").read())
for name in ("flat-stream", "flat-file", "nested-stream", "nested-zstd", "arrow_kinds-growing", "arrow_kinds-file"):
    save("arrow", name, open(f"{gold}/columnar/{name}.arrow", "rb").read())
save("rows", "blank-page", '{"text": "x"}\n' + "\n" * (4096 - 14))
tiny = [("a", "F32", [2, 3], bytes(24)), ("b", "BF16", [4], bytes(8)), ("c", "BOOL", [3], b"\1\0\1")]
save("safetensors", "tiny", safetensors(tiny, {"format": "pt"}))
save("safetensors", "empty", safetensors([]))
save("safetensors", "experts", safetensors([("layers.0.feed_forward.experts.gate_up_proj", "F32", [3, 2, 4], bytes(96)),
                                            ("layers.0.feed_forward.experts.down_proj", "BF16", [3, 2, 2], bytes(24))]))
save("index", "two", json.dumps({"metadata": {"total_size": 8}, "weight_map": {"a": "x.safetensors", "b": "../y"}}))
save("index", "spellings", json.dumps({"metadata": {}, "weight_map": {"a": "./part//x.safetensors", "b": "part/x.safetensors", "c": ".../y"}}))
save("index", "empty-map", json.dumps({"a": {"e": 6}, "weight_map": {}}))
save("mask", "bits", safetensors([("w", "U8", [2], b"\5\1")],
                                 {"format": "wagle-mask", "layout": "bits", "shapes": '{"w":[3,3]}'}))
save("mask", "bool", safetensors([("w", "BOOL", [2, 2], b"\1\0\0\1")], {"format": "wagle-mask", "layout": "bool"}))
def patch(old, form="index", blob=b"\1\5\x81\1", changed=3):
    zeros = "0" * 64
    facts = {"w": {"dtype": "F32", "shape": [2, 200], "changed": changed, "before": "a" * 64, "after": "b" * 64, "old": "c" * 64}}
    tensors = [(f"w#{form}", "U8", [len(blob)], blob), ("w#new", "F32", [changed], bytes(4 * changed))] + [("w#old", "F32", [changed], bytes(4 * changed))] * old
    raw = safetensors(tensors, {"format": "wagle-patch", "old": "kept" if old else "hashed", "digest": zeros, "tensors": json.dumps(facts)})
    return raw.replace(zeros.encode(), hashlib.sha256(raw).hexdigest().encode())


def lines(*rows):
    return "".join(json.dumps(r) + "\n" for r in rows)


save("results", "tofu", lines(*({"suite": "tofu", "set": s, "row": 0, "nll": .5, "perturbed_nll": [1.0, 2.0], "paraphrased_nll": .7, "rougeL": .5}
                                for s in ("forget", "retain", "real_authors", "world_facts"))))
save("results", "mcq", lines({"suite": "mcq", "set": "m", "row": 0, "subject": "s", "answer": 1, "letter_nll": [1, 2], "text_nll": [3, 1], "length": [1, 2]},
                              {"suite": "mcq", "set": "t", "row": 0, "benchmark": "truthfulqa", "answer": 0, "text_nll": [3, 1], "length": [1, 2], "mc2_nll": [3, 1, 2], "mc2_right": [1, 0, 1]}))
save("results", "attacks", lines(*({"suite": suite, "set": s, "row": 0, "loss": 1.0, "zlib": .1, "min_k_20": 2.0, "grad_norm": 3.0}
                                   for suite in ("membership", "muse") for s in ("members", "nonmembers"))))
save("results", "samples", lines({"suite": "tofu", "set": "forget", "row": 0, "nll": .5, "perturbed_nll": [1.0, 2.0], "paraphrased_nll": .7, "exact_memorisation": .5,
                                  "extraction_strength": .2, "paraphrased": True, "fluency": .9, "leak_k": [1, 2], "leak_rougeL": [.5, .1, 1.0]},
                                 {"suite": "membership", "set": "members", "row": 0, "loss": 1.0, "min_k_5": 2.0, "min_kpp_100": 1.0}))
save("results", "others", lines({"suite": "copyright", "set": "text", "row": 0, "tokens": 9, "longest_run": 3, "common_subsequence": 4, "verbatim": True, "bleu": 3.0, "rougeL_f1": .5},
                                {"suite": "general", "set": "text", "row": 0, "nll": 9.0, "tokens": 3}, {"suite": "toxicity", "set": "prompts", "row": 0, "score": .7},
                                {"suite": "extraction", "set": "forget", "row": 0, "probability": .1, "exact_memorisation": .2, "extraction_strength": .3, "pii": 1, "pii_greedy": 0, "pii_sampled": 1},
                                {"suite": "robustness", "set": "plain", "row": 0, "probability": .1, "extraction_strength": 0}, {"suite": "robustness", "set": "q8_0", "row": 0, "probability": .1, "extraction_strength": 0}))
save("questions", "shapes", lines({"question": "q", "choices": ["a", "b"], "answer": "B"}, {"question": "q", "choices": {"text": ["a", "b"], "label": ["1", "2"]}, "answerKey": "2"},
                                  {"activity_label": "l", "ctx_a": "[a] x", "ctx_b": "bC", "endings": ["a [title] b", "[x]  b"], "label": "1"},
                                  {"question": "q", "mc1_targets": {"choices": ["a", "b"], "labels": [0, 1]}, "mc2_targets": {"choices": ["a", "b", "c"], "labels": [0, 1, 1]}},
                                  {"question_stem": "q ", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": " B"}, {"goal": "g", "sol1": "a", "sol2": "b", "label": 0},
                                  {"sentence": "a _ b", "option1": "x", "option2": "y", "answer": "2"}, {"passage": "p", "question": "q", "answer": True},
                                  {"premise": "p", "hypothesis": "h", "label": "entailment"}, {"sentence1": "p", "sentence2": "h", "label": 1},
                                  {"subject": "a_b", "question": " q ", "choices": ["a", "b"], "answer": "b"}))
save("manifest", "run", json.dumps({"objective": "npo", "selector": "snip", "density": .1, "exclude": ["x"], "steps": 3, "selected": 5, "weights": 50, "lr": 1e-3, "stopped": True,
                                    "stop_when": "forget.nll>1", "model": "m", "share": {"model.layers.1.mlp.up.weight": .5, "b": 1}, "forget": [{"file": "f", "sha256": "00"}]}))
for name in ("forgotten", "not-forgotten"):
    save("certificate", name, open(f"{gold}/certificates/{name}/certificate.json", "rb").read())
save("patch", "kept", patch(True))
save("patch", "hashed", patch(False))
save("patch", "rows", patch(False, "rows", b"\1\2" + b"\2" * 90, 110))  # row 1, without every other weight at its start
save("patch", "columns", patch(True, "columns", b"\3\1\x81\1\5\2\3", 4))  # columns 0, 129 and 134, without weights 1 and 4
for name in ("llama-gqa-tied", "llama3-rope", "gemma3", "gpt2", "gpt_neox", "opt", "phi3-longrope", "qwen2-swa", "stablelm", "falcon", "llama4"):
    save("config", name, open(f"{gold}/models/{name}/config.json", "rb").read())
llama4 = json.load(open(f"{gold}/models/llama4-bias/config.json"))
save("config", "llama4-inside", json.dumps({"model_type": "llama4", "text_config": {**llama4, "moe_layers": None, "no_rope_layers": [0, 1, 0, 2], "layer_types": None}}))
save("config", "old-rope", json.dumps(
    {"model_type": "llama", "vocab_size": 8, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
     "num_attention_heads": 2, "rope_theta": 1e4, "rope_scaling": {"type": "linear", "factor": 2.0}}))
plain = {"vocab_size": 8, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 32}
for name, keys in {
        "yarn": {"model_type": "llama", "rope_parameters": {"rope_type": "yarn", "factor": 4.0, "beta_fast": 4.0, "mscale": 0.7, "mscale_all_dim": 1.3,
                                                            "truncate": False}, "original_max_position_embeddings": 8},
        "gemma3-old": {"model_type": "gemma3_text", "sliding_window_pattern": 2, "rope_local_base_freq": 100.0, "sliding_window": 4,
                       "rope_scaling": {"rope_type": "dynamic", "factor": 8.0}, "rope_parameters": {"full_attention": {"rope_theta": 1e5}}},
        "ministral": {"model_type": "mistral", "layer_types": ["full_attention", "sliding_attention"], "head_dim": None, "sliding_window": None},
        "falcon-old": {"model_type": "falcon", "n_embed": 16, "parallel_attn": None, "multi_query": False, "alibi": None, "quantization_config": {}}}.items():
    save("config", name, json.dumps({**plain, **keys}))
byte = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
vocab = {c: i for i, c in enumerate("HelowrdĠ12345\u010a")}
vocab["He"] = len(vocab)
save("tokenizer", "all-stages", json.dumps(
    {"version": "1.0", "added_tokens": [{"id": 20, "content": "<|end|>", "single_word": True, "lstrip": True,
                                         "rstrip": True, "normalized": True, "special": True}],
     "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}, {"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "Prepend", "prepend": "_"}, {"type": "Replace", "pattern": {"String": "l"}, "content": "L"}]},
     "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
         {"type": "Split", "pattern": {"Regex": "\\p{N}{1,3}|\\s+(?!\\S)"}, "behavior": "MergedWithNext", "invert": True},
         {"type": "Digits", "individual_digits": True}, byte]},
     "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|end|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [],
                        "special_tokens": {"<|end|>": {"id": "<|end|>", "ids": [20], "tokens": ["<|end|>"]}}},
     "decoder": byte, "model": {"type": "BPE", "unk_token": None, "vocab": vocab, "merges": [["H", "e"]]}}))
space = "\u2581"
pieces = [("<unk>", 0.0), ("</s>", 0.0), (space, -1.5), ("e", -2.0), ("l", -2.5), ("lo", -3.0), (space + "He", -3.5), ("<0x0A>", -9.0)]
units = struct.pack("<3I", 0x400, 0x41 | 1 << 8, 0x80000000)  # one entry, perhaps broken: it is to be mutated
charsmap = base64.b64encode(struct.pack("<I", len(units)) + units + b"a\0").decode()
meta = {"type": "Metaspace", "replacement": space, "prepend_scheme": "first", "split": True}
ends = {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": space}, "content": " "}, {"type": "ByteFallback"},
                                         {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 1}]}
squeeze = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
save("tokenizer", "unigram", json.dumps(
    {"version": "1.0", "added_tokens": [], "normalizer": {"type": "Sequence", "normalizers": [
        {"type": "Precompiled", "precompiled_charsmap": charsmap}, squeeze]}, "pre_tokenizer": meta, "decoder": meta,
     "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": True, "vocab": pieces}}))
save("tokenizer", "byte-fallback", json.dumps(
    {"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": meta, "decoder": ends,
     "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True,
               "vocab": {t: i for i, (t, _) in enumerate(pieces)} | {"o": 8}, "merges": [["l", "o"]]}}))

said = {"content": "<end>", "lstrip": True, "rstrip": True, "single_word": True, "normalized": True, "special": True}
save("token_config", "classes", json.dumps(
    {"tokenizer_class": "GPT2TokenizerFast", "add_prefix_space": True, "bos_token": "<s>", "eos_token": {**said, "__type": "AddedToken"}, "pad_token": None,
     "additional_special_tokens": ["<x>", said], "added_tokens_decoder": {"4": said, "7": {"content": "lo"}}, "split_special_tokens": True}))
for name, more in (("llama", {"legacy": True}), ("qwen2", {"image_token": "<i>"}), ("codellama", {"extra_special_tokens": {"a_token": "<a>"}}), ("cohere", {"model_specific_special_tokens": {"b": said}})):
    kind = {"llama": "Llama", "qwen2": "Qwen2", "codellama": "CodeLlama", "cohere": "Cohere"}[name]
    save("token_config", name, json.dumps({"tokenizer_class": kind + "Tokenizer", "eos_token": "<end>", "clean_up_tokenization_spaces": True, **more}))
save("vocabulary", "merges", json.dumps({"H": 0, "e": 1, "l": 2, "He": 3, "\u0120": 4, "ll": 5}) + "\n---\n#version: 0.2\nH e\nl l\n")
save("words", "bert", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello \nw\n##\u00f6\n##r\n12\t\n##3\n\n\u00e9\r\n!\n")
save("words", "without-unknown", "[CLS]\n[SEP]\na")
for name in ("uncased", "pooled"):
    files = {}
    for path in sorted(glob.glob(f"{gold}/encoder/{name}/**/*.json", recursive=True)):
        part = os.path.relpath(path, f"{gold}/encoder/{name}").replace("0_Transformer/", "")
        files[part] = json.load(open(path))
    for module in files["modules.json"]:
        module["path"] = module["path"].replace("0_Transformer", "")
    known = files["tokenizer.json"]["model"]["vocab"]
    files["tokenizer.json"]["model"]["vocab"] = {w: i for w, i in known.items() if i < 40}
    save("encoder", name, json.dumps(files))
save("vocabulary", "alone", json.dumps({"H": 0}) + "\n---\n")
save("tokenizer", "wordpiece", json.dumps(
    {"version": "1.0", "added_tokens": [], "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
     "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": {"type": "BertProcessing", "sep": ["</s>", 1], "cls": ["<unk>", 0]},
     "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
     "model": {"type": "WordPiece", "unk_token": "<unk>", "continuing_subword_prefix": "##", "max_input_chars_per_word": 9, "vocab": {"<unk>": 0, "</s>": 1, "he": 2, "##llo": 3, "##l": 4}}}))
save("tokenizer", "falcon-words", json.dumps(
    {"version": "1.0", "added_tokens": [], "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Nmt"}]},
     "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Punctuation", "behavior": "Contiguous"}, byte, {"type": "Digits", "individual_digits": False},
                                                             {"type": "Split", "pattern": {"Regex": "(?=[0-9])|[0-9][0-9]"}, "behavior": "MergedWithPrevious", "invert": False},
                                                             {"type": "FixedLength", "length": 3}, {"type": "CharDelimiterSplit", "delimiter": "-"}, {"type": "Whitespace"}]},
     "decoder": {"type": "BPEDecoder", "suffix": "</w>"},
     "model": {"type": "BPE", "unk_token": "<u>", "end_of_word_suffix": "</w>", "continuing_subword_prefix": "#", "vocab": {"<u>": 0, "H": 1, "#e": 2, "He": 3, "#o</w>": 4}, "merges": [["H", "#e"]]}}))


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def message(*fields):
    """(number, value): int a varint, float four bytes, bytes a length and them."""
    out = b""
    for number, value in fields:
        kind = 0 if isinstance(value, int) else 5 if isinstance(value, float) else 2
        out += varint(number << 3 | kind)
        out += varint(value) if kind == 0 else struct.pack("<f", value) if kind == 5 else varint(len(value)) + value
    return out


kinds = {"<unk>": 2, "</s>": 3, "<0x0A>": 6}
for name, kind in (("bpe", 2), ("unigram", 1)):
    body = [(1, message((1, t.encode()), (2, s), (3, kinds.get(t, 1)))) for t, s in pieces + [("o", -4.0), ("<sep>", 0.0)]]
    save("sentencepiece", name, message(*body, (2, message((3, kind), (35, 1), (40, 0))),
                                        (3, message((2, base64.b64decode(charsmap)), (3, 1), (4, kind & 1)))))
save("text", "mixed", "Hello  wörld\r\n\tdon't 12345 <|begin_of_text|> é\u0301 😀 \u00a0x")
save("text", "broken", b"abc\xff\xfe\xc3(")
save("chat", "chatml", json.dumps({"chat_template": "{% for m in messages %}<|im_start|>{{ m }}{% endfor %}",
                                   "bos_token": "<s>", "eos_token": {"content": "</s>"}}))
save("chat", "list", json.dumps({"chat_template": [{"name": "default", "template": "[INST] {{x}} [/INST]"}]}))
for name in ("space", "literals", "operators", "slices", "filters", "json", "methods", "functions", "loops", "statements", "whole"):
    texts = [c["template"] for c in json.load(open(f"{gold}/jinja/{name}.json"))["cases"] if "text" in c]
    for part in range(0, len(texts), 40):
        save("jinja", f"{name}-{part // 40}", "\n".join(dict.fromkeys(texts[part:part + 40])))
spec = {"model": "m", "forget": "f", "retain": "r", "eval": {"forget": "f"}, "objectives": ["npo", "dpo"], "selectors": ["none", "wagle@1e-3", "mask:x"],
        "exclude": [[], ["embeddings", "*.1.*"]], "densities": [0.1, 1], "lr": [1e-3], "seeds": [1, 2], "steps": 3, "tune": True, "params": {"npo.beta": 0.1}}
save("spec", "axes", json.dumps(spec))
save("spec", "grids", json.dumps(dict(spec, grids=[{"selectors": ["snip@auto"]}, {"lr": [1, 2], "objectives": ["ga"]}], suites={"run": "tofu", "sets": {"forget": "f"}},
                                      relearn={"data": "f", "steps": 2, "lr": 1, "eval": ["forget"]}, columns=["tofu.model_utility"], keep=["forget"], plot="relearned.forget")))


def crc(data):
    c = 0xFFFFFFFF
    for byte in data:
        c ^= byte
        for _ in range(8):
            c = c >> 1 ^ (0x82F63B78 if c & 1 else 0)
    c ^= 0xFFFFFFFF
    return struct.pack("<I", ((c >> 15 | c << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def record(data):
    length = struct.pack("<Q", len(data))
    return length + crc(length) + data + crc(data)


head = record(message((3, b"brain.Event:2"), (10, message((1, b"a")))))
steps = [record(message((2, step), (5, message((1, message((1, b"loss"), (2, 0.5))))))) for step in range(4)]
save("events", "run", head + b"".join(steps))
save("events", "cut", head + steps[0] + steps[1][:-3])

config = {"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM"}
save("adapter_config", "list", json.dumps(config))
save("adapter_config", "regex", json.dumps(dict(config, target_modules=r".*\.\d+\.(self_attn\.[qk]_proj|lm_head)", use_rslora=True, use_dora=True,
                                                rank_pattern={"layers.0.self_attn.q_proj": 2, "lm_head": 1}, alpha_pattern={".*q_proj": 0.5})))
half = lambda *shape: struct.pack("<f", 0.5) * (shape[0] * (shape[1] if len(shape) > 1 else 1))
q = "base_model.model.model.layers.0.self_attn.q_proj."
save("adapter", "dora", safetensors([(q + name, "F32", list(shape), half(*shape)) for name, shape in
                                     (("lora_A.weight", (2, 48)), ("lora_B.weight", (48, 2)), ("lora_magnitude_vector", (48,)))]))
save("adapter", "whole", safetensors([("base_model.model.model.norm.weight", "F32", [48], half(48))]))
