"""wagle reads config.json as transformers does: logits over a grid of configs, family by family.

    python3 tests/peer/check_configs.py build/release/wagle [--family NAME] [--show] [--gold tests/gold/configs]

Each case is a tiny random model whose config.json is edited as text: a key missing, null, left over from another family,
in its old or new spelling, of another value. transformers loads the folder as it lies on disk. Then wagle must compute
the same logits (2e-4), or refuse the folder by name; never something else. --gold writes a part of the cases, which
wagle got right, for tests/gold/test_configs.c. Needs torch and transformers; not needed by users."""
import argparse, collections, contextlib, copy, hashlib, io, json, os, pathlib, re, shutil, struct, subprocess, sys, tempfile, warnings

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="critical", OMP_NUM_THREADS="1")
try:
    import torch, transformers as T
    from safetensors.torch import load_file, save_file
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)
warnings.filterwarnings("ignore")
T.logging.set_verbosity(60)
T.logging.disable_progress_bar()
torch.set_num_threads(1)

DROP = ...  # the key is left out
V, D, F, H = 40, 16, 24, 2
SIZES = dict(vocab_size=V, hidden_size=D, num_hidden_layers=2, num_attention_heads=H, max_position_embeddings=64)
GATED = dict(**SIZES, intermediate_size=F)
BASE = {
    "llama": T.LlamaConfig(**GATED, num_key_value_heads=1),
    "mistral": T.MistralConfig(**GATED, num_key_value_heads=1, sliding_window=5),
    "qwen2": T.Qwen2Config(**GATED, num_key_value_heads=1),
    "qwen3": T.Qwen3Config(**GATED, num_key_value_heads=1, head_dim=12),
    "gemma": T.GemmaConfig(**GATED, num_key_value_heads=1, head_dim=12),
    "gemma2": T.Gemma2Config(**GATED, num_key_value_heads=1, head_dim=12, sliding_window=5, attn_logit_softcapping=2.0,
                             final_logit_softcapping=4.0, query_pre_attn_scalar=24),
    "gemma3": T.Gemma3TextConfig(**{**GATED, "num_hidden_layers": 7}, num_key_value_heads=1, head_dim=12, sliding_window=5,
                                 query_pre_attn_scalar=24),
    "phi": T.PhiConfig(**GATED),
    "phi3": T.Phi3Config(**GATED, pad_token_id=None, num_key_value_heads=1),
    "stablelm": T.StableLmConfig(**GATED, num_key_value_heads=1, rope_parameters={"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5}),
    "olmo": T.OlmoConfig(**GATED, num_key_value_heads=1, clip_qkv=0.05),
    "olmo2": T.Olmo2Config(**GATED, num_key_value_heads=1),
    "gpt_neox": T.GPTNeoXConfig(**GATED, rope_parameters={"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5}),
    "opt": T.OPTConfig(**SIZES, ffn_dim=F, word_embed_proj_dim=D),
    "falcon": T.FalconConfig(**SIZES),
    "gpt2": T.GPT2Config(vocab_size=V, n_embd=D, n_layer=2, n_head=H, n_positions=64),
    "gptj": T.GPTJConfig(vocab_size=V, n_embd=D, n_layer=2, n_head=H, n_positions=64, rotary_dim=4),
    "mixtral": T.MixtralConfig(**GATED, num_key_value_heads=1, num_local_experts=4, sliding_window=5),
    "olmoe": T.OlmoeConfig(**GATED, num_key_value_heads=1, num_experts=4, num_experts_per_tok=2),
    "qwen2_moe": T.Qwen2MoeConfig(**GATED, num_key_value_heads=1, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=12,
                                  shared_expert_intermediate_size=20),
    "qwen3_moe": T.Qwen3MoeConfig(**GATED, num_key_value_heads=1, head_dim=12, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=12),
    "llama4": T.Llama4TextConfig(**{**GATED, "num_hidden_layers": 3}, intermediate_size_mlp=20, num_key_value_heads=1, head_dim=12, num_local_experts=4,
                                 moe_layers=[1, 2], no_rope_layers=[1, 1, 0], attention_chunk_size=5, floor_scale=4, attn_scale=0.3),
}
NO_ROPE = ("opt", "gpt2", "gptj")
IDS = [[int(i) for i in torch.randint(0, V, (n,), generator=torch.Generator().manual_seed(n))] for n in (24, 13)]

# What the fields are called in some family: left over in any other.
LEFT_OVER = [
    ("sliding_window", 4), ("sliding_window", None), ("use_sliding_window", True), ("use_sliding_window", False),
    ("max_window_layers", 1), ("sliding_window_pattern", 2), ("_sliding_window_pattern", 3), ("attention_chunk_size", 4),
    ("partial_rotary_factor", 0.5), ("partial_rotary_factor", None), ("rotary_pct", 0.5), ("rotary_emb_base", 100), ("rope_theta", 100.0),
    ("rope_local_base_freq", 100.0), ("original_max_position_embeddings", 8), ("head_dim", D // H), ("head_dim", 2 * D // H), ("head_dim", None),
    ("query_pre_attn_scalar", 64), ("attn_logit_softcapping", 1.0), ("final_logit_softcapping", 1.0), ("attn_logit_softcapping", None),
    ("final_logit_softcapping", None), ("logits_scaling", 2.0), ("residual_multiplier", 0.5), ("attention_multiplier", 0.5), ("embedding_multiplier", 2.0),
    ("hidden_act", "relu"), ("hidden_act", "gelu"), ("hidden_activation", "relu"), ("hidden_activation", "gelu"), ("activation_function", "relu"),
    ("activation", "relu"), ("hidden_act", "quick_gelu"), ("hidden_act", "gelu_fast"), ("hidden_act", "swish"), ("hidden_act", "gelu_new"),
    ("activation_function", "gelu"), ("activation", "gelu_new"), ("hidden_activation", "gelu_fast"), ("activation_function", "relu2"),
    ("rms_norm_eps", 0.1), ("layer_norm_eps", 0.1), ("layer_norm_epsilon", 0.1), ("attention_bias", True), ("attention_bias", False), ("mlp_bias", True),
    ("qkv_bias", True), ("use_qkv_bias", True), ("bias", True), ("enable_bias", False), ("clip_qkv", 0.1), ("use_qk_norm", True), ("qk_layernorm", True),
    ("alibi", True), ("alibi", None), ("parallel_attn", False), ("new_decoder_architecture", True), ("multi_query", False), ("multi_query", None),
    ("num_ln_in_parallel_attn", 2), ("num_kv_heads", 1), ("num_key_value_heads", H), ("num_key_value_heads", None), ("use_parallel_residual", True),
    ("use_parallel_residual", False), ("scale_attn_weights", False), ("scale_attn_by_inverse_layer_idx", True), ("reorder_and_upcast_attn", True),
    ("do_layer_norm_before", False), ("_remove_final_layer_norm", True), ("layer_norm_elementwise_affine", False), ("word_embed_proj_dim", 8),
    ("tie_word_embeddings", True), ("tie_word_embeddings", False), ("intermediate_size", 32), ("ffn_dim", 32), ("n_inner", 32), ("ffn_hidden_size", 32),
    ("n_embd", 32), ("n_embed", 32), ("hidden_size", 32), ("n_head", 4), ("num_attention_heads", 4), ("n_layer", 1), ("num_hidden_layers", 1), ("n_positions", 32),
    ("n_ctx", 16), ("max_position_embeddings", 128), ("pretraining_tp", 2), ("chunk_size_feed_forward", 2), ("is_decoder", True), ("is_causal", False),
    ("is_causal", True), ("use_bidirectional_attention", True), ("use_bidirectional_attention", False), ("num_local_experts", 4), ("quantization_config", None),
    ("quantization_config", {"quant_method": "awq", "bits": 4}), ("per_layer_config", {"0": {"num_attention_heads": 1}}), ("torch_dtype", "float32"),
    ("auto_map", {"AutoModelForCausalLM": "modeling_x.X"}), ("layer_types", ["full_attention"] * 2), ("layer_types", ["full_attention", "sliding_attention"]),
    ("layer_types", None), ("layer_types", ["attention"] * 2), ("layer_types", ["linear_attention"] * 2), ("layer_types", ["full_attention"]),
    ("pad_token_id", 3), ("scale_embeddings", True), ("initializer_range", 0.5), ("tie_encoder_decoder", True), ("cache_implementation", "hybrid"),
]
WRONG_TYPES = [("tie_word_embeddings", "false"), ("tie_word_embeddings", 1), ("tie_word_embeddings", None), ("vocab_size", "40"), ("vocab_size", 40.0), ("num_hidden_layers", True),
               ("hidden_act", 3), ("activation_function", None), ("layer_types", "full_attention"), ("rope_scaling", "linear"), ("rope_parameters", [1]),
               ("attention_bias", 1), ("sliding_window", "4"), ("rms_norm_eps", "1e-6"), ("rope_theta", "10000"), ("rope_theta", None)]
KEYS = ["vocab_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size", "head_dim", "hidden_act", "hidden_activation",
        "activation_function", "activation", "max_position_embeddings", "n_positions", "rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "tie_word_embeddings",
        "rope_parameters", "attention_bias", "mlp_bias", "sliding_window", "use_sliding_window", "max_window_layers", "layer_types", "query_pre_attn_scalar",
        "attn_logit_softcapping", "final_logit_softcapping", "use_parallel_residual", "use_qkv_bias", "n_inner", "n_layer", "n_head", "scale_attn_weights",
        "do_layer_norm_before", "word_embed_proj_dim", "enable_bias", "ffn_dim", "ffn_hidden_size", "multi_query", "parallel_attn", "bias", "alibi",
        "original_max_position_embeddings", "dtype", "architectures", "use_cache", "attention_dropout", "num_kv_heads", "use_bidirectional_attention"]


def ropes(family, r):
    """(name, edits): ways of writing positions. r: how many of a head's numbers turn."""
    short = [1.0 + 0.25 * i for i in range(r // 2)]
    long = [1.5 + 0.5 * i for i in range(r // 2)]
    llama3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0)
    kinds = {
        "default": dict(rope_type="default"),
        "linear": dict(rope_type="linear", factor=4.0),
        "dynamic": dict(rope_type="dynamic", factor=4.0),
        "llama3": dict(**llama3, original_max_position_embeddings=16),
        "llama3-nowhere": llama3,
        "yarn": dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16),
        "yarn-nowhere": dict(rope_type="yarn", factor=4.0),
        "yarn-mscale": dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16, mscale=0.7, mscale_all_dim=1.3),
        "yarn-betas": dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16, beta_fast=4.0, beta_slow=0.5, truncate=False),
        "yarn-attention": dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16, attention_factor=0.8),
        "longrope": dict(rope_type="longrope", short_factor=short, long_factor=long, original_max_position_embeddings=32),
        "longrope-factor": dict(rope_type="longrope", short_factor=short, long_factor=long, original_max_position_embeddings=32, factor=3.0),
        "longrope-attention": dict(rope_type="longrope", short_factor=short, long_factor=long, original_max_position_embeddings=32, attention_factor=0.9),
        "longrope-short": dict(rope_type="longrope", short_factor=short, long_factor=long, original_max_position_embeddings=8),
        "su": dict(rope_type="su", short_factor=short, long_factor=long, original_max_position_embeddings=32),
        "proportional": dict(rope_type="proportional", partial_rotary_factor=0.5),
        "mrope": dict(rope_type="mrope", mrope_section=[2, 1, 1]),
    }
    theta = "rotary_emb_base" if family == "gpt_neox" else "rope_theta"
    for name, kind in kinds.items():
        yield f"rope_scaling {name}", {"rope_parameters": DROP, "rope_scaling": kind, theta: 500.0}
        yield f"rope_parameters {name}", {"rope_parameters": {**kind, "rope_theta": 500.0}}
    old = lambda kind: {"type" if k == "rope_type" else k: v for k, v in kind.items()}
    for name in ("linear", "dynamic", "llama3", "yarn", "longrope", "su"):
        yield f"type {name}", {"rope_parameters": DROP, "rope_scaling": old(kinds[name])}
    for name in ("llama3-nowhere", "yarn-nowhere", "llama3", "longrope", "linear"):
        yield f"original outside {name}", {"rope_parameters": kinds[name], "original_max_position_embeddings": 24}
    yield "both linear first", {"rope_parameters": {"rope_type": "default", "rope_theta": 300.0}, "rope_scaling": kinds["linear"], theta: 500.0}
    yield "both default first", {"rope_parameters": {**kinds["linear"], "rope_theta": 300.0}, "rope_scaling": kinds["default"], theta: 500.0}
    yield "empty scaling", {"rope_scaling": {}}
    yield "null scaling", {"rope_scaling": None, "rope_parameters": DROP, theta: 500.0}
    yield "theta in both", {"rope_parameters": {"rope_type": "default", "rope_theta": 300.0}, theta: 500.0}
    yield "theta outside", {"rope_parameters": {"rope_type": "default"}, theta: 500.0}
    yield "theta whole", {"rope_parameters": DROP, theta: 500}
    yield "no theta", {"rope_parameters": {"rope_type": "linear", "factor": 2.0}}
    yield "type and rope_type", {"rope_parameters": {"rope_type": "linear", "type": "dynamic", "factor": 2.0, "rope_theta": 500.0}}
    yield "null rope_type", {"rope_parameters": {"rope_type": None, "rope_theta": 500.0}}
    yield "share inside", {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 0.25}}
    yield "share in both", {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 0.25}, "partial_rotary_factor": 0.5}
    yield "share outside", {"rope_parameters": DROP, "partial_rotary_factor": 0.25, "rope_theta": 500.0}
    yield "share scaled", {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 500.0}, "partial_rotary_factor": 0.5}
    yield "share whole", {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 500.0}, "partial_rotary_factor": 1.0}
    yield "share odd", {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 0.4}}
    yield "llama3 without high", {"rope_parameters": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0}}
    yield "linear without factor", {"rope_parameters": {"rope_type": "linear"}}
    yield "linear less than 1", {"rope_parameters": {"rope_type": "linear", "factor": 0.5}}
    yield "dynamic beyond", {"rope_parameters": kinds["dynamic"], "max_position_embeddings": 12}
    full, local = {"rope_type": "linear", "factor": 2.0, "rope_theta": 900.0}, {"rope_type": "default", "rope_theta": 200.0}
    yield "by kind", {"rope_parameters": {"full_attention": full, "sliding_attention": local}}
    yield "by kind, full alone", {"rope_parameters": {"full_attention": full}}
    yield "by kind, local null", {"rope_parameters": {"full_attention": full, "sliding_attention": None}}
    yield "by kind, scaling too", {"rope_parameters": {"full_attention": full, "sliding_attention": local}, "rope_scaling": {"rope_type": "linear", "factor": 5.0}}
    yield "by kind, yarn", {"rope_parameters": {"full_attention": kinds["yarn-nowhere"], "sliding_attention": kinds["linear"]}, theta: 500.0}
    yield "local base", {"rope_parameters": DROP, "rope_theta": 500.0, "rope_local_base_freq": 100.0, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}}


EXTRA = {  # what several keys together say
    "qwen2": [("window", {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1, "layer_types": DROP}),
              ("window from 0", {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 0, "layer_types": DROP}),
              ("window, from missing", {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": DROP, "layer_types": DROP}),
              ("window, deep", {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": DROP, "layer_types": DROP, "num_hidden_layers": 30}),
              ("window missing", {"use_sliding_window": True, "sliding_window": DROP, "max_window_layers": 0, "layer_types": DROP}),
              ("window null", {"use_sliding_window": True, "sliding_window": None, "max_window_layers": 0, "layer_types": DROP}),
              ("types with window", {"use_sliding_window": True, "sliding_window": 5, "layer_types": ["sliding_attention", "full_attention"]}),
              ("types without use", {"use_sliding_window": False, "sliding_window": 5, "layer_types": ["sliding_attention", "full_attention"]}),
              ("old types", {"use_sliding_window": True, "sliding_window": 5, "layer_types": ["sliding_attention", "attention"]})],
    "mistral": [("ministral", {"sliding_window": 5, "layer_types": ["full_attention", "sliding_attention"]}), ("ministral by name", {"model_type": "ministral", "sliding_window": 5, "layer_types": ["sliding_attention", "full_attention"]}),
                ("ministral without types", {"model_type": "ministral", "sliding_window": 5}), ("window null", {"sliding_window": None}),
                ("use false", {"sliding_window": 5, "use_sliding_window": False}), ("max_window_layers", {"sliding_window": 5, "max_window_layers": 1})],
    "phi3": [("window", {"sliding_window": 5}), ("window and types", {"sliding_window": 5, "layer_types": ["full_attention"] * 2})],
    "gemma2": [("types", {"layer_types": ["full_attention", "sliding_attention"]}), ("pattern", {"layer_types": DROP, "sliding_window_pattern": 1}),
               ("no types", {"layer_types": DROP}), ("no caps", {"attn_logit_softcapping": None, "final_logit_softcapping": None}),
               ("hidden_act alone", {"hidden_activation": DROP, "hidden_act": "relu"}), ("act gelu", {"hidden_activation": "gelu"})],
    "gemma3": [("pattern 3", {"layer_types": DROP, "sliding_window_pattern": 3}), ("pattern 1", {"layer_types": DROP, "sliding_window_pattern": 1}),
               ("pattern null", {"layer_types": DROP, "sliding_window_pattern": None}), ("pattern 0", {"layer_types": DROP, "sliding_window_pattern": 0}),
               ("pattern and types", {"sliding_window_pattern": 2}), ("types", {"layer_types": (["full_attention", "sliding_attention"] * 4)[:7]}),
               ("no types", {"layer_types": DROP}), ("old names", {"layer_types": DROP, "rope_parameters": DROP, "sliding_window_pattern": 2,
                                                                  "rope_theta": 5000.0, "rope_local_base_freq": 300.0, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}),
               ("caps", {"attn_logit_softcapping": 1.0, "final_logit_softcapping": 2.0})],
    "gemma": [("gelu both", {"hidden_act": "gelu", "hidden_activation": "gelu"}), ("activation null", {"hidden_act": "gelu", "hidden_activation": None}),
              ("activation alone", {"hidden_act": DROP, "hidden_activation": "relu"}), ("gelu_new", {"hidden_act": "gelu_new"})],
    "falcon": [("old names", {"num_attention_heads": DROP, "num_hidden_layers": DROP, "n_head": H, "n_layer": 2}), ("sequential", {"parallel_attn": False}),
               ("sequential, heads", {"parallel_attn": False, "multi_query": False, "bias": True}), ("groups", {"multi_query": False, "num_kv_heads": 1}),
               ("new, two norms", {"new_decoder_architecture": True, "num_kv_heads": 1}), ("alibi", {"alibi": True})],
    "opt": [("350m", {"word_embed_proj_dim": 8, "do_layer_norm_before": False}), ("untied 350m", {"word_embed_proj_dim": 8, "do_layer_norm_before": False, "tie_word_embeddings": False}),
            ("no bias, gelu", {"enable_bias": False, "activation_function": "gelu"})],
    "gpt2": [("other names", {"n_embd": DROP, "hidden_size": D, "n_head": DROP, "num_attention_heads": 4, "n_layer": DROP, "num_hidden_layers": 1}),
             ("both names", {"n_embd": 32, "hidden_size": D, "n_head": 2, "num_attention_heads": 4}), ("both scales", {"scale_attn_by_inverse_layer_idx": True, "scale_attn_weights": False}),
             ("inner null", {"n_inner": None}), ("inner", {"n_inner": 20})],
    "gptj": [(f"rotary_dim {n}", {"rotary_dim": n}) for n in (2, 3, D // H, D, None, DROP)],
    "olmo": [("clip 0.5, bias", {"clip_qkv": 0.5, "attention_bias": True}), ("no clip", {"clip_qkv": None})],
    "stablelm": [("parallel, bias", {"use_parallel_residual": True, "use_qkv_bias": True})],
    "gpt_neox": [("sequential, no bias", {"use_parallel_residual": False, "attention_bias": False}),
                 ("old names", {"rope_parameters": DROP, "rotary_pct": 0.5, "rotary_emb_base": 500}),
                 ("wrong names", {"rope_parameters": DROP, "partial_rotary_factor": 0.5, "rope_theta": 500.0}), ("tied", {"tie_word_embeddings": True})],
}
EXTRA["qwen3"] = EXTRA["qwen2"]
MIXTURES = [(f"{key} {value}", {key: value}) for key, value in
            [("num_experts_per_tok", 1), ("num_experts_per_tok", 4), ("norm_topk_prob", True), ("decoder_sparse_step", 2), ("decoder_sparse_step", 3),
             ("mlp_only_layers", [0]), ("mlp_only_layers", [1, 7]), ("mlp_only_layers", None), ("output_router_logits", True), ("router_jitter_noise", 0.1),
             ("qkv_bias", False), ("moe_intermediate_size", 16), ("shared_expert_intermediate_size", 8), ("num_experts", 2), ("num_local_experts", 2)]]
for mixture in ("mixtral", "olmoe", "qwen2_moe", "qwen3_moe"):
    EXTRA[mixture] = MIXTURES
TYPES = {"layer_types": DROP}
EXTRA["llama4"] = MIXTURES + [(f"{key} {value}", {key: value, **TYPES}) for key, value in
    [("moe_layers", None), ("moe_layers", []), ("moe_layers", [0, 7, -1]), ("moe_layers", "1"), ("moe_layers", [1.5]), ("interleave_moe_layer_step", 2),
     ("no_rope_layers", None), ("no_rope_layers", []), ("no_rope_layers", [0, 1, 2]), ("no_rope_layers", [1, 0]), ("no_rope_layers", [0, 0, 0, 1]),
     ("no_rope_layers", [1, 1, 1]), ("no_rope_layers", [0, 0, 0]), ("no_rope_layers", [1, True, 0]), ("attention_chunk_size", 1), ("attention_chunk_size", 7),
     ("attention_chunk_size", None), ("attention_chunk_size", 0), ("attention_chunk_size", 64), ("use_qk_norm", False), ("use_qk_norm", None), ("floor_scale", 1),
     ("floor_scale", 0), ("floor_scale", 100), ("attn_scale", 1.5), ("attn_scale", 0), ("attn_scale", -0.1), ("attn_temperature_tuning", False), ("attn_temperature_tuning", None),
     ("attn_temperature_tuning", 4), ("intermediate_size_mlp", 8), ("intermediate_size", 8), ("num_local_experts", 2)]]
EXTRA["llama4"] += [("steps of 2", {"moe_layers": None, "interleave_moe_layer_step": 2}), ("steps of 5", {"moe_layers": None, "interleave_moe_layer_step": 5}),
                    ("intervals of 2", {"no_rope_layers": None, "no_rope_layer_interval": 2, **TYPES}), ("intervals of 1", {"no_rope_layers": [], "no_rope_layer_interval": 1, **TYPES}),
                    ("intervals of 0", {"no_rope_layers": None, "no_rope_layer_interval": 0, **TYPES}), ("no mixture", {"moe_layers": []}),
                    ("types of their own", {"layer_types": ["full_attention", "chunked_attention", "chunked_attention"]}),
                    ("chunks without a size", {"attention_chunk_size": None}), ("windows", {"layer_types": ["sliding_attention"] * 3}),
                    ("attention_factor, no norm", {"use_qk_norm": False, "rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e4}})]
EXTRA["qwen3_moe"] = MIXTURES + [("window", {"use_sliding_window": True, "sliding_window": 5})]


def cases(family, base):
    yield "as saved", {}
    for key in KEYS:
        if key in base:
            yield f"no {key}", {key: DROP}
            yield f"null {key}", {key: None}
    for key, value in LEFT_OVER + WRONG_TYPES:
        if base.get(key, DROP) != value and not (key == "hidden_size" and family not in ("falcon", "gpt2")):
            yield f"{key} = {json.dumps(value)}", {key: value}
    if family not in NO_ROPE:
        share = base["rope_parameters"].get("partial_rotary_factor", 1) if family != "gemma3" else 1
        yield from ropes(family, int((base.get("head_dim") or D // H) * share))
    yield from EXTRA.get(family, [])


class Models:
    """Random weights, one set for each set of names and shapes."""
    def __init__(self, folder):
        self.folder, self.files = folder, {}

    def weights(self, family, config):
        model = T.AutoModelForCausalLM.from_config(copy.deepcopy(config), dtype=torch.float32)
        shapes = sorted((name, tuple(p.shape)) for name, p in model.named_parameters())
        key = hashlib.sha256(repr((family, shapes)).encode()).hexdigest()[:12]
        if key not in self.files:
            g = torch.Generator().manual_seed(int(key, 16) % 2**31)
            with torch.no_grad():
                for _, p in sorted(model.named_parameters()):
                    p.copy_(torch.randn(p.shape, generator=g) * (0.3 if p.dim() > 1 else 0.1) + (p if p.dim() == 1 else 0))
            path = self.folder / f"{family}-{key}"
            model.save_pretrained(path)
            self.files[key] = path / "model.safetensors"
        return self.files[key]


def ask_transformers(folder):
    model = T.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()
    with torch.no_grad():
        rows = [model(input_ids=torch.tensor([ids])).logits[0] for ids in IDS]
    if not all(torch.isfinite(r).all() for r in rows):
        raise ValueError("logits that are not finite")
    return rows


def ask_wagle(wagle, folder):
    """Logits, or the line with which it refuses."""
    out = folder.parent / "logits.safetensors"
    done = subprocess.run([wagle, "logits", "--model", folder, "--data", folder / "ids.jsonl", "--out", out, "--force", "--quiet"], capture_output=True, text=True)
    if done.returncode not in (0, 3):
        raise SystemExit(f"{folder}: exit code {done.returncode}: {done.stderr}")
    if done.returncode == 3:
        return done.stderr.strip().replace(str(folder), "").replace("wagle: ", "").lstrip("/: ")
    found = load_file(out)
    return [found[f"logits.{i}"] for i in range(len(IDS))]


def run(options):
    wagle, counts, wrong, refusals, gold, bases = os.path.abspath(options.wagle), {}, [], collections.Counter(), [], {}
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        models = Models(scratch)
        for family, config in BASE.items():
            if options.family and family != options.family:
                continue
            config.architectures = None
            config.save_pretrained(scratch / "base")
            base = json.loads((scratch / "base" / "config.json").read_text())
            bases[family] = {"config": {k: v for k, v in base.items() if k != "transformers_version"}, "last_row": None}
            plain, n = models.weights(family, config), counts.setdefault(family, collections.Counter())
            for name, edits in cases(family, base):
                folder = scratch / "case"
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                text = {k: v for k, v in {**base, **copy.deepcopy(edits)}.items() if v is not DROP}
                (folder / "config.json").write_text(json.dumps(text))
                (folder / "ids.jsonl").write_text("".join(json.dumps({"input_ids": ids}) + "\n" for ids in IDS))
                weights, theirs = plain, None
                try:
                    with contextlib.redirect_stderr(io.StringIO()):
                        weights = models.weights(family, T.AutoConfig.from_pretrained(folder))
                        shutil.copy(weights, folder / "model.safetensors")
                        theirs = ask_transformers(folder)
                except Exception as error:
                    why = f"{type(error).__name__}: {error}".split("\n")[0][:110]
                    shutil.copy(weights, folder / "model.safetensors")
                ours = ask_wagle(wagle, folder)
                if theirs is None:
                    outcome = "neither" if isinstance(ours, str) else "wagle alone"
                elif isinstance(ours, str):
                    outcome = "refused"
                    refusals[family, re.sub(r"^.*?config\.json: ", "", ours)[:140]] += 1
                else:
                    error = max((a - b).abs().max().item() for a, b in zip(ours, theirs))
                    outcome = "equal" if error <= 2e-4 else "DIFFERENT"
                    if outcome == "equal":
                        gold.append((family, name, weights, edits, [round(x, 5) for x in theirs[0][-1, :12].tolist()]))
                    else:
                        wrong.append(f"{family}: {name}: {error:.2g}")
                n[outcome] += 1
                if options.show:
                    print(f"{family:9} {outcome:11} {name}" + (f"   [{ours}]" if isinstance(ours, str) else "") + (f"   <{why}>" if theirs is None else ""))
        if options.gold:
            write_gold(options.gold, bases, gold)
    return counts, wrong, refusals


def write_gold(folder, bases, gold):
    """A part of the cases that were equal: of each family's results each a few ways to say it in config.json."""
    folder = pathlib.Path(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    seen, rows, room = collections.Counter(), [], collections.Counter()
    for family, name, weights, edits, last in gold:
        if not edits:
            bases[family]["last_row"] = last
        file, bytes = f"{weights.parent.name}.safetensors", weights.stat().st_size
        new = not (folder / file).exists()
        if seen[family, tuple(last)] >= (6 if last == bases[family]["last_row"] else 2) or (new and edits and room[family] + bytes > 60000):
            continue
        if new:
            shutil.copy(weights, folder / file)
            room[family] += bytes
        seen[family, tuple(last)] += 1
        rows.append({"family": family, "name": name, "weights": file, "set": {k: v for k, v in edits.items() if v is not DROP},
                     "drop": [k for k, v in edits.items() if v is DROP], "last_row": last})
    with open(folder / "cases.json", "w") as f:
        f.write('{"ids": %s, "tolerance": 2e-4,\n"base": {\n' % json.dumps(IDS[0]))
        f.write(",\n".join(f"{json.dumps(k)}: {json.dumps(v['config'])}" for k, v in bases.items()))
        f.write('},\n"cases": [\n' + ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows) + "\n]}\n")
    print(f"{len(rows)} cases written to {folder}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("wagle")
    parser.add_argument("--family")
    parser.add_argument("--show", action="store_true", help="print each case")
    parser.add_argument("--gold", help="folder to write gold cases to")
    options = parser.parse_args()
    counts, wrong, refusals = run(options)
    columns = ["equal", "refused", "neither", "wagle alone", "DIFFERENT"]
    print("| family | cases | equal | refused by wagle alone | refused by both | refused by transformers alone | different |\n|---|---|---|---|---|---|---|")
    total = collections.Counter()
    for family, n in counts.items():
        total.update(n)
        print(f"| {family} | {sum(n.values())} | " + " | ".join(str(n[c]) for c in columns) + " |")
    print(f"| all | {sum(total.values())} | " + " | ".join(str(total[c]) for c in columns) + " |")
    if not options.gold:
        for (family, reason), n in sorted(refusals.items()):
            print(f"  {family}: {n} x {reason}")
    print("\n".join(["different:"] + wrong) if wrong else "none differs")
    sys.exit(bool(wrong))


main()
