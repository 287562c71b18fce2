"""GGUF files with one key or tensor changed: `wagle import` uses the change as llama.cpp does, or refuses it by name.

    python3 tests/peer/check_gguf.py build/release/wagle

Needs gguf; with transformers, what it computes from the imported folder is compared too, and with cyllama (a package that
holds llama.cpp), what llama.cpp computes from the file. Exits with 77 (skipped) without gguf. Not needed by users."""
import collections, itertools, json, os, shutil, subprocess, sys, tempfile

os.environ.update(HF_HUB_OFFLINE="1", GGML_NO_BACKTRACE="1", OMP_NUM_THREADS="1")
try:
    import numpy as np
    import llama_judge
    from make_gguf import BOOL, F32, LIST, MIXTURES, TEXT, U32, byte_vocabulary, write
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)
try:
    import torch
    from safetensors.numpy import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer
except ImportError:
    torch = None
wagle = os.path.abspath(sys.argv[1])
TEXTS = ["Hi there the end", "It's 12345 and I'll  see\n\nthe  AbAB!! x?!", "été über 日本語", "a b [U] <end> <|x|>  tab\there\r\nnew",
         "1000000 x123y 3.14 $5+<=> ^~ a_b", "HELLO World'S don'T CamelCase", "\n \n  x\n", "naïve—dash…“quote” 한국어",
         "foo.bar(baz)[i]=='x';//c\n}", "αβγ ΔΕ Ж я ½ ²", "日本語テキスト。中文，测试！", "😀😀 emoji"]
ARCHS = ["llama", "qwen2", "qwen3", "gemma", "gemma2", "phi3", "olmo2"]
PRE = """default gpt-2 phi-2 mpt olmo jais trillion granite-docling smollm starcoder refact command-r codeshell exaone
minerva-7b llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 smaug-bpe dbrx chatglm-bpe qwen2 deepseek-r1-qwen
kormo megrez stablelm2 hunyuan grok-2 qwen35 tekken gpt-4o llama4 kanana2 minimax-m2 falcon deepseek-llm deepseek-coder
poro-chat bloom gpt3-finnish viking bailingmoe llada-moe seed-coder exaone-moe jais-2 youtu""".split()


def mixtures():
    """The same of mixtures of experts."""
    rope = "ARCH.rope.scaling."
    yarn = {rope + "type": (TEXT, "yarn"), rope + "factor": (F32, 4.0), rope + "original_context_length": (U32, 16)}
    for arch in MIXTURES + ["llama"]:
        some, sized = dict(arch=arch, X=5, L=4), arch[:4] == "qwen"
        yield arch + " mixture", some, None
        yield arch + " mixture, other sizes", dict(some, X=7, used=3, FX=96, FS=32), None
        yield arch + " mixture, all experts", dict(some, used=5), None
        yield arch + " mixture, a list", dict(some, keys={"ARCH.expert_used_count": (LIST, [2, 2, 2, 2])}), None
        yield arch + " mixture, yarn", dict(some, keys=yarn), "use_qk_norm" if arch == "llama4" else None
        yield arch + " mixture, a window", dict(some, keys={"ARCH.attention.sliding_window": (U32, 3)}), \
            "ARCH.attention.sliding_window" if arch == "llama4" else None
        if sized:
            yield arch + " mixture, no sizes", dict(some, drop=["ARCH.expert_feed_forward_length",
                                                                "ARCH.expert_shared_feed_forward_length"]), None
        if arch not in ("olmoe", "qwen2moe"):
            yield arch + " mixture, tied", dict(some, tied=True), None
        for kind in ("F16", "BF16", "Q8_0", "Q4_0", "Q5_1"):
            yield f"{arch} mixture, type {kind}", dict(some, quantise=kind), None
        refused = {"expert_count": (U32, 6, "shape [5,32], expected [6,32]"), "expert_used_count": (U32, 6),
                   "expert_group_count": (U32, 2), "expert_weights_scale": (F32, 2.5), "expert_gating_func": (U32, 3),
                   "leading_dense_block_count": (U32, 1), "expert_shared_count": (U32, 2), "moe_every_n_layers": (U32, 2),
                   "expert_weights_norm": (BOOL, arch not in ("llama", "qwen3moe")), "expert_new_thing": (U32, 1)}
        for key, (kind, value, *said) in refused.items():
            yield f"{arch} mixture, {key} {value}", dict(some, keys={"ARCH." + key: (kind, value)}), (*said, "ARCH." + key)[0]
        yield arch + " mixture, unlike layers", dict(some, keys={"ARCH.expert_used_count": (LIST, [2, 1, 2, 2])}), "expert_used_count"
        yield arch + " mixture, no count", dict(some, drop=["ARCH.expert_count"]), "expert_used_count" if arch == "llama" else "expert_count"
        yield arch + " mixture, no used count", dict(some, drop=["ARCH.expert_used_count"]), "expert_used_count"
        yield arch + " mixture, no gates", dict(some, tensors={"blk.1.ffn_gate_exps.weight": None}), "blk.1.ffn_gate_exps.weight"
        few = np.ones((4, 32, 32), np.float32)
        yield arch + " mixture, an expert less", dict(some, tensors={"blk.1.ffn_down_exps.weight": few}), "blk.1.ffn_down_exps.weight"
        bias = np.ones(5, np.float32)
        yield arch + " mixture, a router's bias", dict(some, tensors={"blk.1.exp_probs_b.bias": bias}), "blk.1.exp_probs_b.bias"
    some, step = dict(arch="llama4", X=5, L=4), "ARCH.interleave_moe_layer_step"
    yield "llama4, 128 experts", dict(some, X=128), None
    yield "llama4, llama 3's factors", dict(some, tensors={"rope_freqs.weight": np.ones(4, np.float32)}), None
    yield "llama4, Scout's factors", dict(some, tensors={"rope_freqs.weight": np.array([1, 1, 16, 16], np.float32)}), None
    yield "llama4, a mixture in each layer", dict(some, keys={step: (U32, 1)}), "blk.0.ffn_gate_inp.weight"
    yield "llama4, no step", dict(some, drop=[step]), step


def variants():
    """name, what is changed, and the key or tensor that a refusal names (None: it must be used)."""
    rope = "ARCH.rope.scaling."
    yarn = {rope + "type": (TEXT, "yarn"), rope + "factor": (F32, 4.0), rope + "original_context_length": (U32, 16)}
    for arch in ARCHS + ["gpt2", "olmo"]:
        yield arch, dict(arch=arch), None
    yield "olmo, clipped", dict(arch="olmo", keys={"ARCH.attention.clamp_kqv": (F32, 0.5)}), None
    yield "olmo, tied", dict(arch="olmo", tied=True), None
    yield "olmo eps", dict(arch="olmo", keys={"ARCH.attention.layer_norm_epsilon": (F32, 0.1)}), "ARCH.attention.layer_norm_epsilon"
    yield "olmo linear", dict(arch="olmo", keys={rope + "type": (TEXT, "linear"), rope + "factor": (F32, 4.0)}), None
    yield "olmo2 window", dict(arch="olmo2", keys={"ARCH.attention.sliding_window": (U32, 3)}), "ARCH.attention.sliding_window"
    for arch in ARCHS:
        scaled = None if arch != "phi3" else rope + "factor"
        yield arch + " linear", dict(arch=arch, keys={rope + "type": (TEXT, "linear"), rope + "factor": (F32, 4.0)}), scaled
        yield arch + " factor alone", dict(arch=arch, keys={rope + "factor": (F32, 2.5)}), scaled
        yield arch + " scale_linear", dict(arch=arch, keys={"ARCH.rope.scale_linear": (F32, 4.0)}), scaled and "rope."
        yield arch + " none", dict(arch=arch, keys={rope + "type": (TEXT, "none"), rope + "factor": (F32, 4.0)}), \
            None if arch != "gemma2" else rope + "type"
        yield arch + " yarn", dict(arch=arch, keys=yarn), scaled
        yield arch + " yarn, attn_factor", dict(arch=arch, keys=yarn | {rope + "attn_factor": (F32, 0.7)}), scaled
        yield arch + " theta", dict(arch=arch, keys={"ARCH.rope.freq_base": (F32, 500000.0)}), None
        yield arch + " no theta", dict(arch=arch, drop=["ARCH.rope.freq_base"]), None
        yield arch + " part of a head", dict(arch=arch, keys={"ARCH.rope.dimension_count": (U32, 4)}), \
            None if arch == "phi3" else "ARCH.rope.dimension_count"
        yield arch + " eps", dict(arch=arch, keys={"ARCH.attention.layer_norm_rms_epsilon": (F32, 0.1)}), None
        yield arch + " no eps", dict(arch=arch, drop=["ARCH.attention.layer_norm_rms_epsilon"]), \
            "ARCH.attention.layer_norm_rms_epsilon"
        for key in ("attn_logit_softcapping", "final_logit_softcapping"):
            yield f"{arch} {key}", dict(arch=arch, keys={"ARCH." + key: (F32, 3.0)}), None if arch == "gemma2" else "ARCH." + key
    refused = {rope + "type": (TEXT, "ntk"), rope + "attn_factor": (F32, 0.7), rope + "yarn_beta_fast": (F32, 16.0),
               rope + "yarn_log_multiplier": (F32, 0.1), rope + "alpha": (F32, 2.0), "ARCH.rope.freq_base_swa": (F32, 500.0),
               "ARCH.expert_used_count": (U32, 2), "ARCH.attention.causal": (BOOL, False), "ARCH.pooling_type": (U32, 1),
               "ARCH.use_parallel_residual": (BOOL, True), "ARCH.logit_scale": (F32, 2.0), "ARCH.residual_scale": (F32, 2.0),
               "ARCH.embedding_scale": (F32, 2.0), "ARCH.attention.scale": (F32, 0.1), "ARCH.attention.clamp_kqv": (F32, 1.0),
               "ARCH.attention.max_alibi_bias": (F32, 8.0), "ARCH.vocab_size": (U32, 17), "ARCH.rope.new_thing": (F32, 1.0),
               "ARCH.hidden_activation": (TEXT, "gelu"), "ARCH.tensor_data_layout": (TEXT, "reference"),
               "ARCH.attention.value_length": (U32, 4), "ARCH.attention.head_count": (LIST, [4, 2]),
               "ARCH.rope.scaling.factor": (TEXT, "4"), "ARCH.nextn_predict_layers": (U32, 1), "general.type": (TEXT, "adapter"),
               "general.quantization_version": (U32, 1), "tokenizer.ggml.add_sep_token": (BOOL, True),
               "tokenizer.ggml.remove_extra_whitespaces": (BOOL, True), "tokenizer.ggml.normalizer.lowercase": (BOOL, True),
               "tokenizer.ggml.precompiled_charsmap": (LIST, [1, 2, 3]), "tokenizer.ggml.suppress_tokens": (LIST, [1]),
               "tokenizer.ggml.bos_token_id": (U32, 100000), "tokenizer.ggml.pre": (TEXT, "nonsense"),
               "tokenizer.ggml.model": (TEXT, "t5"), "tokenizer.ggml.new_thing": (BOOL, True)}
    for key, value in refused.items():
        yield f"{key} {value[1]}", dict(keys={key: value}), key
    used = {"ARCH.attention.sliding_window": (U32, 3), "ARCH.attention.scale": (F32, 8 ** -0.5), "ARCH.logit_scale": (F32, 1.0),
            "ARCH.tensor_data_layout": (TEXT, "Meta AI original pth"), "ARCH.expert_count": (U32, 0),
            "ARCH.attention.head_count": (LIST, [4, 4]), "tokenizer.ggml.add_bos_token": (BOOL, True),
            "tokenizer.ggml.add_eos_token": (BOOL, True), "tokenizer.ggml.add_space_prefix": (BOOL, True),
            "tokenizer.ggml.eot_token_id": (U32, 258), "general.description": (TEXT, "a file")}
    for key, value in used.items():
        yield f"{key} {value[1]}", dict(keys={key: value}), None
    lists = lambda *v: np.array(v, np.float32)
    long = {"rope_factors_short.weight": lists(1, 1.1, 1.5, 2), "rope_factors_long.weight": lists(1, 2, 3, 4)}
    yield "llama 3's factors of 1", dict(tensors={"rope_freqs.weight": lists(1, 1, 1, 1)}), None
    yield "factors of no model", dict(tensors={"rope_freqs.weight": lists(1, 2, 3, 9)}), "rope_freqs.weight"
    yield "factors in qwen2", dict(arch="qwen2", tensors={"rope_freqs.weight": lists(1, 1, 1, 1)}), "rope_freqs.weight"
    yield "longrope", dict(arch="phi3", tensors=long, keys={rope + "original_context_length": (U32, 512),
                                                            rope + "attn_factor": (F32, 1.19)}), None
    yield "longrope and linear", dict(arch="phi3", tensors=long, keys={rope + "factor": (F32, 2.0)}), rope + "factor"
    yield "gemma2, every third", dict(arch="gemma2", L=4, keys={"ARCH.attention.sliding_window_pattern": (U32, 3)}), None
    yield "gemma2, no window", dict(arch="gemma2", drop=["ARCH.attention.sliding_window"]), None
    yield "gemma2, no caps", dict(arch="gemma2", drop=["ARCH.attn_logit_softcapping", "ARCH.final_logit_softcapping"]), None
    yield "tied", dict(tied=True), None
    yield "experts in qwen2", dict(arch="qwen2", keys={"ARCH.expert_count": (U32, 8)}), "ARCH.expert_count"
    yield "experts without a used count", dict(keys={"ARCH.expert_count": (U32, 8)}), "ARCH.expert_used_count"
    for kind in ("F16", "BF16", "Q8_0", "Q4_0", "Q5_1"):
        yield "type " + kind, dict(quantise=kind), None
    for text in ("<|im_end|>", "<fim_prefix>"):
        tokens, types, merges, ids = byte_vocabulary(("<s>", "<end>", text))
        types[ids[text]] = 1
        yield "normal token " + text, dict(vocabulary=(tokens, types, merges, ids)), None
    for key, value in {None: None, "add_bos_token": False, "add_eos_token": True, "add_space_prefix": False}.items():
        yield f"SentencePiece {key}", dict(model="llama", keys={"tokenizer.ggml." + key: (BOOL, value)} if key else {}), None
    yield "SentencePiece, no ids", dict(model="llama", drop=["tokenizer.ggml.bos_token_id", "tokenizer.ggml.eos_token_id"]), None
    yield "pre gpt-2 in qwen2", dict(arch="qwen2", pre="gpt-2"), "tokenizer.ggml.pre"
    for pre in PRE:
        yield "pre " + pre, dict(pre=pre, vocabulary=byte_vocabulary(texts=TEXTS)), None


def run(*command):
    done = subprocess.run([wagle, *command], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def tokens_of(folder):
    return [json.loads(run("tokenize", "--model", folder, "--text", text, "--json")[1])["ids"] for text in TEXTS]


def logits_of(folder, ids):
    with open("row.jsonl", "w") as f:
        json.dump({"input_ids": ids}, f)
    status, _, error = run("logits", "--model", folder, "--data", "row.jsonl", "--out", "logits", "--force", "--quiet")
    assert status == 0, error
    return load_file("logits")["logits.0"][-1]


def against_llama(path, ids, row, ours, options):
    loose = 1e-2 if options.get("arch", "llama")[:3] in ("gem", "gpt") else 1e-4  # llama.cpp's GELU is a table of halves
    found = llama_judge.compute(path, TEXTS, row)
    if found is None:
        return []
    counts["files in llama.cpp"] += 1
    texts, error, wrong = sum(a != b for a, b in zip(found[0], ids)), np.abs(found[1] - ours).max(), []
    if texts > 0:
        wrong.append(f"ids of llama.cpp: {texts} texts")
    if error > loose and not (path == "a.gguf" and "quantise" in options):  # which rounds activations too
        wrong.append(f"logits of llama.cpp by {error:.1e}")
    return wrong


def compare(name, options):
    """What of the import is not as in transformers and llama.cpp."""
    ids = tokens_of("imported")
    row = next(i for i in ids if len(i) > 12)[:40]
    ours, wrong = logits_of("imported", row), []
    if torch:
        tokenizer = AutoTokenizer.from_pretrained("imported")
        if [tokenizer(text)["input_ids"] for text in TEXTS] != ids:
            wrong.append("ids of transformers")
        with torch.no_grad():
            model = AutoModelForCausalLM.from_pretrained("imported", dtype=torch.float32).eval()
            theirs = model(input_ids=torch.tensor([row])).logits[0, -1].numpy()
        if np.abs(theirs - ours).max() > 1e-4:
            wrong.append(f"logits of transformers by {np.abs(theirs - ours).max():.1e}")
    wrong += against_llama("a.gguf", ids, row, ours, options)
    status, _, error = run("export", "imported", "--out", "b.gguf", "--type", "f32", "--force", "--quiet")
    if status == 0:
        run("import", "b.gguf", "--out", "again", "--dtype", "f32", "--force", "--quiet")
        if tokens_of("again") != ids or np.abs(logits_of("again", row) - ours).max() > 1e-4:
            wrong.append("exported and imported again")
        wrong += ["exported: " + line for line in against_llama("b.gguf", ids, row, ours, options)]
        counts["exported and imported again"] += 1
    else:
        wrong.append("export: " + error.strip())
    return wrong


counts, failures = collections.Counter(), 0
with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    for name, options, refusal in itertools.chain(mixtures(), variants()):
        write("a.gguf", **options)
        shutil.rmtree("imported", ignore_errors=True)
        status, _, error = run("import", "a.gguf", "--out", "imported", "--dtype", "f32", "--quiet")
        counts["variants"] += 1
        if status == 3 and refusal and refusal.replace("ARCH", options.get("arch", "llama")) in error:
            counts["refused by name"] += 1
            continue
        wrong = [error.strip() or "not refused"] if status or refusal else compare(name, options)
        counts["used"] += not wrong
        failures += bool(wrong)
        if wrong:
            print(f"{name}: " + "; ".join(wrong))
print(", ".join(f"{value} {key}" for key, value in counts.items()), "- transformers", "compared," if torch else "not installed,",
      "llama.cpp", "compared" if llama_judge.llama_cpp else "not installed")
sys.exit(failures > 0)
