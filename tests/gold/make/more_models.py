"""The families and features that models.py has no case of, in the same form: python more_models.py [out_dir]"""
import models
from models import C, D, L, V, T

models.SEED = 1007
ROPE = lambda **more: {"rope_type": "default", "rope_theta": 10000.0, **more}
LONG = {"rope_type": "longrope", "rope_theta": 10000.0, "short_factor": [1.0, 1.1, 1.3, 1.6, 2.0, 2.5],
        "long_factor": [1.0, 1.5, 2.0, 3.0, 4.0, 6.0], "original_max_position_embeddings": 64}
models.FAMILIES = {
    "gemma3": T.Gemma3TextConfig(**{**C, "num_hidden_layers": 7}, intermediate_size=80, num_attention_heads=4, num_key_value_heads=2,
                                 head_dim=20, sliding_window=9, query_pre_attn_scalar=24),
    "stablelm": T.StableLmConfig(**C, intermediate_size=80, num_attention_heads=4, num_key_value_heads=2, use_qkv_bias=True,
                                 rope_parameters=ROPE(partial_rotary_factor=0.5), tie_word_embeddings=False),
    "falcon": T.FalconConfig(vocab_size=V, hidden_size=D, num_hidden_layers=L, num_attention_heads=4, initializer_range=0.15,
                             bos_token_id=1, eos_token_id=2, multi_query=True, parallel_attn=True, bias=False, alibi=False),
    "qwen2-swa": T.Qwen2Config(**C, intermediate_size=80, num_attention_heads=4, num_key_value_heads=4, tie_word_embeddings=False,
                               use_sliding_window=True, sliding_window=9, max_window_layers=1),
    "phi3-longrope": T.Phi3Config(**C, intermediate_size=80, num_attention_heads=4, rope_parameters=LONG,
                                  original_max_position_embeddings=64, sliding_window=9),
    "gpt_neox-sequential": T.GPTNeoXConfig(**C, intermediate_size=96, num_attention_heads=4, use_parallel_residual=False,
                                           attention_bias=False, rope_parameters=ROPE(partial_rotary_factor=0.5)),
    "llama-bias": T.LlamaConfig(**C, intermediate_size=80, num_attention_heads=4, attention_bias=True, mlp_bias=True,
                                tie_word_embeddings=False),
    "opt-350m": T.OPTConfig(vocab_size=V, hidden_size=D, num_hidden_layers=L, ffn_dim=96, num_attention_heads=4, max_position_embeddings=128,
                            word_embed_proj_dim=20, do_layer_norm_before=False, init_std=0.15, bos_token_id=1, eos_token_id=2, pad_token_id=0),
    "olmo": T.OlmoConfig(**C, intermediate_size=80, num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True),
    "olmo-clip": T.OlmoConfig(**C, intermediate_size=80, num_attention_heads=4, attention_bias=True, clip_qkv=0.7, tie_word_embeddings=False),
    "gptj": T.GPTJConfig(vocab_size=V, n_embd=D, n_layer=L, n_head=4, n_inner=96, rotary_dim=6, n_positions=128, initializer_range=0.15,
                         bos_token_id=1, eos_token_id=2),
    "mixtral": T.MixtralConfig(**C, intermediate_size=28, num_attention_heads=4, num_key_value_heads=2, num_local_experts=5,
                               num_experts_per_tok=2, sliding_window=9),
    "olmoe": T.OlmoeConfig(**C, intermediate_size=24, num_attention_heads=4, num_key_value_heads=2, num_experts=4, num_experts_per_tok=2),
    "qwen2_moe": T.Qwen2MoeConfig(**C, intermediate_size=40, num_attention_heads=4, num_key_value_heads=2, num_experts=4, num_experts_per_tok=2,
                                  moe_intermediate_size=20, shared_expert_intermediate_size=36, mlp_only_layers=[1]),
    "qwen3_moe": T.Qwen3MoeConfig(**C, intermediate_size=40, num_attention_heads=4, num_key_value_heads=2, head_dim=20, num_experts=6,
                                  num_experts_per_tok=3, moe_intermediate_size=20, norm_topk_prob=True, decoder_sparse_step=2),
    "llama4": T.Llama4TextConfig(**{**C, "num_hidden_layers": 4}, intermediate_size=20, intermediate_size_mlp=40, num_attention_heads=4,
                                 num_key_value_heads=2, head_dim=16, num_local_experts=4, num_experts_per_tok=2, moe_layers=[1, 2],
                                 no_rope_layers=[1, 1, 0, 0], attention_chunk_size=9, floor_scale=4, attn_scale=0.3),
    "llama4-bias": T.Llama4TextConfig(**{**C, "num_hidden_layers": 4}, intermediate_size=20, intermediate_size_mlp=40, num_attention_heads=6,
                                      num_key_value_heads=2, head_dim=8, num_local_experts=5, num_experts_per_tok=1, interleave_moe_layer_step=2,
                                      no_rope_layer_interval=3, attention_chunk_size=16, attn_temperature_tuning=False, use_qk_norm=False,
                                      attention_bias=True, tie_word_embeddings=True, rope_parameters=models.ROPE3),
}
models.SHARDED = set()

if __name__ == "__main__":
    models.main()
