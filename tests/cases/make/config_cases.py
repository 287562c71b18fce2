"""Cases of config.json, of tied weights and of shards' paths: python3 tests/cases/make/config_cases.py

Random tiny models; transformers loads each folder as it lies on disk, and its logits are the right answers."""
import json, os, pathlib, shutil, warnings

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="critical")
import torch, transformers as T
from safetensors.torch import load_file, save_file

warnings.filterwarnings("ignore")
T.logging.disable_progress_bar()
HERE = pathlib.Path(__file__).resolve().parent.parent
V, D = 40, 16
SIZES = dict(vocab_size=V, hidden_size=D, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=64)
GATED = dict(**SIZES, intermediate_size=24)
IDS = [int(i) for i in torch.randint(0, V, (20,), generator=torch.Generator().manual_seed(5))]
LOGITS = "wagle logits --model model --data ids.jsonl --out logits.safetensors --force --quiet"
UNLEARN = "wagle unlearn --model model --forget ids.jsonl --retain retain.jsonl --objective graddiff --steps 3 --lr 1e-2 --out out --force --quiet"


def begin(name, config, edits=None, drop=()):
    """model/ of a case: weights as transformers stores them, config.json with the edits."""
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    config.architectures = None
    text = config.to_diff_dict()
    text.update(edits or {})
    text = {k: v for k, v in text.items() if k not in drop and k not in ("transformers_version", "_name_or_path")}
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "config.json").write_text(json.dumps(text, indent=1) + "\n")
    (folder / "ids.jsonl").write_text(json.dumps({"input_ids": IDS}) + "\n")
    (folder / "retain.jsonl").write_text(json.dumps({"input_ids": IDS[::-1]}) + "\n")
    model = T.AutoModelForCausalLM.from_config(T.AutoConfig.from_pretrained(folder / "model"), dtype=torch.float32)
    g = torch.Generator().manual_seed(sum(name.encode()))
    with torch.no_grad():
        for _, p in sorted(model.named_parameters()):
            p.copy_(torch.randn(p.shape, generator=g) * (0.3 if p.dim() > 1 else 0.1) + (p if p.dim() == 1 else 0))
    shutil.rmtree("/tmp/config-case", ignore_errors=True)
    model.save_pretrained("/tmp/config-case")
    weights = load_file("/tmp/config-case/model.safetensors")
    save(folder, weights)
    return folder, weights


def save(folder, weights, file="model.safetensors"):
    (folder / "model" / file).parent.mkdir(exist_ok=True)
    save_file({k: v.clone() for k, v in weights.items()}, folder / "model" / file, metadata={"format": "pt"})


def shards(folder, parts, extra=None, metadata={"total_size": 0}):
    """parts: {spelling in weight_map: (file, tensors)}"""
    (folder / "model" / "model.safetensors").unlink()
    weight_map = {}
    for spelling, (file, tensors) in parts.items():
        save(folder, tensors, file)
        weight_map.update({name: spelling for name in tensors})
    index = {"metadata": metadata, "weight_map": {**weight_map, **(extra or {})}}
    (folder / "model" / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")


def halves(weights, a="a.safetensors", b="b.safetensors"):
    names = sorted(weights)
    return {a: (a, {n: weights[n] for n in names[:len(names) // 2]}), b: (b, {n: weights[n] for n in names[len(names) // 2:]})}


def last_row(folder, model="model"):
    theirs = T.AutoModelForCausalLM.from_pretrained(folder / model, dtype=torch.float32, local_files_only=True).eval()
    with torch.no_grad():
        row = theirs(input_ids=torch.tensor([IDS])).logits[0, -1]
    return [round(x, 6) for x in row[:12].tolist()]


def right(folder, run=LOGITS, model="model"):
    return {"run": run, "logits": {"file": "logits.safetensors", "tensor": "logits.0", "last_row": last_row(folder, model), "tolerance": 1e-4}}


def end(folder, kind, why, steps):
    case = {"kind": kind, "judge": f"transformers {T.__version__}", "why": why, "steps": steps}
    (folder / "case.json").write_text(json.dumps(case, indent=1) + "\n")


def refused(*texts):
    return {"run": LOGITS, "rc": 3, "stderr": list(texts), "stderr_lines": 1}


def config_case(name, why, config, edits=None, drop=(), ignored=None):
    folder, _ = begin(name, config, edits, drop)
    said = [{"run": "wagle inspect model", "stdout": [f"ignored_keys       {ignored}"]}] if ignored else []
    end(folder, "config", why, [right(folder), *said])


def equal(name_a, name_b):
    return {"run": "true", "tensors_equal": [["out/model.safetensors", name_a, "out/model.safetensors", name_b]]}


CHANGED = {"run": "cmp -s model/model.safetensors out/model.safetensors", "rc": 1}
OUT_LOGITS = "wagle logits --model {} --data ids.jsonl --out {}.safetensors --force --quiet"
SAME_LOGITS = {"run": "true", "tensors_equal": [["a.safetensors", "logits.0", "b.safetensors", "logits.0"]]}


def configs():
    llama = lambda **more: T.LlamaConfig(**GATED, num_key_value_heads=1, **more)
    config_case("config-mistral-layer-types", "a mistral with layer_types is a ministral: only those layers have the window",
                T.MistralConfig(**GATED, num_key_value_heads=1, sliding_window=4), {"layer_types": ["full_attention", "sliding_attention"]})
    config_case("config-gemma3-old-names", "sliding_window_pattern, rope_local_base_freq and rope_scaling of the first Gemma 3 files",
                T.Gemma3TextConfig(**{**GATED, "num_hidden_layers": 4}, num_key_value_heads=1, head_dim=8, sliding_window=4),
                {"sliding_window_pattern": 3, "rope_theta": 5000.0, "rope_local_base_freq": 300.0, "rope_scaling": {"rope_type": "linear", "factor": 8.0}},
                ("layer_types", "rope_parameters"))
    config_case("config-qwen2-max-window-layers-missing", "without max_window_layers the first 28 layers have no window",
                T.Qwen2Config(**{**GATED, "num_hidden_layers": 30}, num_key_value_heads=1, use_sliding_window=True, sliding_window=4),
                {}, ("max_window_layers", "layer_types"))
    config_case("config-rope-scaling-before-rope-parameters", "where both are there, rope_scaling counts",
                llama(), {"rope_parameters": {"rope_type": "default", "rope_theta": 300.0}, "rope_scaling": {"type": "linear", "factor": 4.0}, "rope_theta": 500.0})
    config_case("config-yarn", "yarn with the positions of pre-training beside it",
                llama(), {"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 500.0, "beta_fast": 4.0}, "original_max_position_embeddings": 16})
    config_case("config-partial-rotary-factor-left-over", "llama turns whole heads, whatever partial_rotary_factor says", llama(), {"partial_rotary_factor": 0.5}, (), "partial_rotary_factor\n")
    config_case("config-gemma2-caps-missing", "without their keys Gemma 2's caps are 50 and 30, and not none",
                T.Gemma2Config(**GATED, num_key_value_heads=1, head_dim=8, query_pre_attn_scalar=1), {}, ("attn_logit_softcapping", "final_logit_softcapping"))
    config_case("config-gpt-neox-rotary-pct", "rotary_pct and rotary_emb_base, beside names that GPT-NeoX does not know",
                T.GPTNeoXConfig(**GATED), {"rotary_pct": 0.5, "rotary_emb_base": 500, "rope_theta": 20.0, "partial_rotary_factor": 1.0, "rms_norm_eps": 0.5}, ("rope_parameters",),
                "partial_rotary_factor, rms_norm_eps, rope_theta\n")
    config_case("config-gpt2-other-names", "num_attention_heads is another name of GPT-2's n_head, and scores may be left unscaled",
                T.GPT2Config(vocab_size=V, n_embd=D, n_layer=2, n_head=4, n_positions=64),
                {"num_attention_heads": 2, "scale_attn_weights": False, "activation": "relu", "intermediate_size": 99})
    config_case("config-phi3-original-beside", "Phi 3's own original_max_position_embeddings counts before that of its scaling",
                T.Phi3Config(**GATED, num_key_value_heads=1, pad_token_id=None),
                {"rope_parameters": {"rope_type": "longrope", "rope_theta": 500.0, "short_factor": [1.0, 1.5, 2.0, 3.0], "long_factor": [4.0] * 4,
                                     "original_max_position_embeddings": 4}, "original_max_position_embeddings": 32})
    for name, why, edits, text in (
            ("config-quantised", "a quantised folder is refused by name", {"quantization_config": {"quant_method": "gptq", "bits": 4}}, "quantization_config"),
            ("config-not-causal", "attention that is not causal is refused by name", {"is_causal": False}, "is_causal"),
            ("config-rope-type-unknown", "a scaling of positions that we lack is refused by name", {"rope_scaling": {"rope_type": "mrope", "mrope_section": [2, 1, 1]}}, "mrope")):
        folder, _ = begin(name, llama())
        text_now = json.loads((folder / "model" / "config.json").read_text())
        (folder / "model" / "config.json").write_text(json.dumps({**text_now, **edits}, indent=1) + "\n")
        end(folder, "config", why, [refused(text)])


def tied():
    llama = T.LlamaConfig(**GATED, num_key_value_heads=1, tie_word_embeddings=True)
    folder, w = begin("tied-head-differs", llama)
    g = torch.Generator().manual_seed(1)
    save(folder, {**w, "lm_head.weight": torch.randn(V, D, generator=g) * 0.3})
    end(folder, "tied weights", "a head that differs from the embedding is a head of its own, whatever tie_word_embeddings says",
        [{**right(folder), "stderr": ["lm_head.weight", "not tied"]}, {"run": UNLEARN}, CHANGED,
         {"run": OUT_LOGITS.format("out", "a"), "stderr": ["not tied"]}])

    folder, w = begin("tied-index-names-absent-head", llama)
    shards(folder, halves(w), {"lm_head.weight": "b.safetensors"})
    end(folder, "tied weights", "the index names lm_head.weight, which is the embedding and stored nowhere", [right(folder), {"run": UNLEARN}])

    folder, w = begin("tied-index-names-absent-embedding", llama)
    weights = {("lm_head.weight" if k == "model.embed_tokens.weight" else k): v for k, v in w.items()}
    shards(folder, halves(weights), {"model.embed_tokens.weight": "a.safetensors"})
    end(folder, "tied weights", "the index names the embedding, but only the head is stored", [right(folder), {"run": UNLEARN}])

    folder, w = begin("tied-gpt2-without-prefix", T.GPT2Config(vocab_size=V, n_embd=D, n_layer=2, n_head=2, n_positions=64))
    weights = {k.removeprefix("transformer."): v for k, v in w.items()}
    save(folder, {**weights, "lm_head.weight": weights["wte.weight"]})
    end(folder, "tied weights", "GPT-2 without the prefix, its head stored too", [right(folder), {"run": UNLEARN}, CHANGED, equal("wte.weight", "lm_head.weight")])

    folder, w = begin("tied-opt-only-head", T.OPTConfig(**SIZES, ffn_dim=24, word_embed_proj_dim=8, do_layer_norm_before=False))
    save(folder, {("lm_head.weight" if k == "model.decoder.embed_tokens.weight" else k): v for k, v in w.items()})
    end(folder, "tied weights", "of OPT's tied matrix only the head is stored", [right(folder), {"run": UNLEARN}, CHANGED])

    folder, w = begin("tied-falcon-twice", T.FalconConfig(**SIZES))
    half = {k: v.to(torch.bfloat16) for k, v in w.items()}
    save(folder, {**half, "lm_head.weight": half["transformer.word_embeddings.weight"]})
    patch = "wagle diff model out --out p.safetensors --force --quiet && mkdir once && cp model/config.json once"
    end(folder, "tied weights", "a patch changes both copies of a tied matrix, and a mask selects from one",
        [right(folder), {"run": UNLEARN + " --selector magnitude --density 0.3"}, CHANGED, equal("transformer.word_embeddings.weight", "lm_head.weight"),
         {"run": patch}, {"run": "wagle apply model p.safetensors --out again --force --quiet", "same_files": [["again/model.safetensors", "out/model.safetensors"]]},
         {"run": "wagle revert again p.safetensors --out back --force --quiet", "same_files": [["back/model.safetensors", "model/model.safetensors"]]}])

    folder, w = begin("tied-patch-of-other-storage", llama)
    (folder / "twice").mkdir()
    shutil.copy(folder / "model" / "config.json", folder / "twice" / "config.json")
    save_file({**w, "lm_head.weight": w["model.embed_tokens.weight"].clone()}, folder / "twice" / "model.safetensors", metadata={"format": "pt"})
    end(folder, "tied weights", "a patch of a folder that stores the tied matrix once changes both copies of one that stores it twice",
        [{"run": UNLEARN}, {"run": "wagle diff model out --out p.safetensors --force --quiet"},
         {"run": "wagle apply twice p.safetensors --out both --force --quiet",
          "tensors_equal": [["both/model.safetensors", "lm_head.weight", "both/model.safetensors", "model.embed_tokens.weight"]]},
         {"run": OUT_LOGITS.format("out", "a")}, {"run": OUT_LOGITS.format("both", "b")}, SAME_LOGITS,
         {"run": "wagle revert both p.safetensors --out back --force --quiet", "same_files": [["back/model.safetensors", "twice/model.safetensors"]]}])

    folder, w = begin("tied-gpt-neox-lm-head", T.GPTNeoXConfig(**GATED, tie_word_embeddings=True))
    save(folder, {**w, "lm_head.weight": w["gpt_neox.embed_in.weight"]})
    end(folder, "tied weights", "GPT-NeoX's head under transformers' own name, tied and stored twice", [right(folder), {"run": UNLEARN}, CHANGED, equal("gpt_neox.embed_in.weight", "lm_head.weight")])

    folder, w = begin("tied-gemma-base-model", T.GemmaConfig(**GATED, num_key_value_heads=1, head_dim=8))
    save(folder, {k.removeprefix("model."): v for k, v in w.items()})
    end(folder, "tied weights", "Gemma saved without its head: no prefix, and the head is the embedding", [right(folder), {"run": UNLEARN}, CHANGED])


def paths():
    llama = T.LlamaConfig(**GATED, num_key_value_heads=1)
    folder, w = begin("index-deeper-folder", llama)
    two = halves(w)
    (_, (_, first)), (_, (_, second)) = two.items()
    shards(folder, {"part/a.safetensors": ("part/a.safetensors", first), "./part//b.safetensors": ("part/b.safetensors", second)})
    end(folder, "paths", "shards may lie deeper in the folder, and the output has them there too",
        [right(folder), {"run": UNLEARN}, {"run": "test -f out/part/a.safetensors && test -f out/part/b.safetensors && ! cmp -s out/part/b.safetensors model/part/b.safetensors"},
         {"run": OUT_LOGITS.format("out", "a")}])

    folder, w = begin("index-two-spellings", llama)
    shards(folder, halves(w), {sorted(w)[0]: "./a.safetensors", sorted(w)[1]: ".//a.safetensors"}, metadata={})
    end(folder, "paths", "one file in three spellings, and metadata without total_size", [right(folder), {"run": UNLEARN}])

    for name, path in (("index-parent-folder", "../model/b.safetensors"), ("index-hidden-parent", "./part/../../model/b.safetensors"), ("index-absolute", "/b.safetensors")):
        folder, w = begin(name, llama)
        shards(folder, halves(w), {sorted(w)[-1]: path})
        end(folder, "paths", "weight_map leaves the folder: refused by name", [refused(sorted(w)[-1], "inside the folder")])

    folder, w = begin("index-shard-lacks-tensor", llama)
    shards(folder, halves({k: v for k, v in w.items() if k != "model.norm.weight"}), {"model.norm.weight": "b.safetensors"})
    end(folder, "paths", "a tensor that the index names and no shard has is missing", [refused("model.norm.weight")])

    folder, w = begin("shards-are-links", llama)
    shards(folder, halves(w))
    links = "mkdir -p cache/blobs cache/snapshots/main && for f in model/*; do h=$(sha256sum $f | cut -c1-16); cp $f cache/blobs/$h; ln -s ../../blobs/$h cache/snapshots/main/$(basename $f); done"
    end(folder, "paths", "a folder of links into blobs, as the Hugging Face cache has it",
        [{"run": links}, right(folder, LOGITS.replace("--model model", "--model cache/snapshots/main")),
         {"run": UNLEARN.replace("--model model", "--model cache/snapshots/main")},
         {"run": "test -f out/a.safetensors && ! test -L out/a.safetensors && ! test -L out/config.json && ! cmp -s out/a.safetensors model/a.safetensors"}])


configs()
tied()
paths()
