#include "gguf/map.h"

#include <stdio.h>
#include <string.h>

#define RMS "attention.layer_norm_rms_epsilon"
static const wg_gguf_arch archs[] = {
    {"llama", "llama", "LlamaForCausalLM", RMS, WG_SILU, .permuted = true, .output_bias = true},
    {"llama", "mistral", "MistralForCausalLM", RMS, WG_SILU, .permuted = true, .output_bias = true},
    {"qwen2", "qwen2", "Qwen2ForCausalLM", RMS, WG_SILU, .square = true},
    {"qwen3", "qwen3", "Qwen3ForCausalLM", RMS, WG_SILU, .permuted = false},
    {"phi3", "phi3", "Phi3ForCausalLM", RMS, WG_SILU, .windows = true, .square = true},
    {"gemma", "gemma", "GemmaForCausalLM", RMS, WG_GELU_TANH, .tied = true},
    {"gemma2", "gemma2", "Gemma2ForCausalLM", RMS, WG_GELU_TANH, .windows = true, .caps = true,
     .tied = true},
    {"gpt2", "gpt2", "GPT2LMHeadModel", "attention.layer_norm_epsilon", WG_GELU_TANH,
     .output_bias = true, .square = true},
    {"olmo", "olmo", "OlmoForCausalLM", "attention.layer_norm_epsilon", WG_SILU, .permuted = true,
     .square = true, .clips = true},
    {"olmo2", "olmo2", "Olmo2ForCausalLM", RMS, WG_SILU, .square = true, .untied = true},
    {"llama", "mixtral", "MixtralForCausalLM", RMS, WG_SILU, .permuted = true, .mixture = true,
     .sum_to_one = true},
    {"olmoe", "olmoe", "OlmoeForCausalLM", RMS, WG_SILU, .square = true, .untied = true,
     .mixture = true, .ungrouped = true},
    {"qwen2moe", "qwen2_moe", "Qwen2MoeForCausalLM", RMS, WG_SILU, .square = true, .untied = true,
     .mixture = true},
    {"qwen3moe", "qwen3_moe", "Qwen3MoeForCausalLM", RMS, WG_SILU, .mixture = true,
     .sum_to_one = true},
    {"llama4", "llama4_text", "Llama4ForCausalLM", RMS, WG_SILU, .mixture = true, .chunked = true},
};
const char wg_gguf_arch_names[] = "llama, qwen2, qwen3, phi3, gemma, gemma2, gpt2, olmo, olmo2, "
                                  "olmoe, qwen2moe, qwen3moe, llama4";
const char wg_gguf_model_types[] = "llama, mistral, qwen2, qwen3, phi3, gemma, gemma2, gpt2, olmo, "
                                   "olmo2, mixtral, olmoe, qwen2_moe, qwen3_moe, llama4_text";
enum { ARCHS = sizeof archs / sizeof *archs };

const wg_gguf_arch *wg_gguf_arch_named(const char *name, bool mixture)
{
    const wg_gguf_arch *first = NULL;

    for (int i = 0; i < ARCHS; i++) {
        if (strcmp(archs[i].name, name) != 0)
            continue;
        if (archs[i].mixture == mixture)
            return &archs[i];
        first = first != NULL ? first : &archs[i];
    }
    return first;
}

const wg_gguf_arch *wg_gguf_arch_of(const char *model_type)
{
    for (int i = 0; i < ARCHS; i++)
        if (strcmp(archs[i].model_type, model_type) == 0)
            return &archs[i];
    return NULL;
}

/* Name stems; a bias has the stem of its matrix or norm. */
static const char *const stems[WG_ROLES] = {
    [WG_EMBED] = "token_embd",
    [WG_POSITION] = "position_embd",
    [WG_FINAL_NORM] = "output_norm",
    [WG_HEAD] = "output",
    [WG_ATTENTION_NORM] = "attn_norm",
    [WG_QUERY] = "attn_q",
    [WG_KEY] = "attn_k",
    [WG_VALUE] = "attn_v",
    [WG_QKV] = "attn_qkv",
    [WG_QUERY_NORM] = "attn_q_norm",
    [WG_KEY_NORM] = "attn_k_norm",
    [WG_OUTPUT] = "attn_output",
    [WG_ATTENTION_POST_NORM] = "post_attention_norm",
    [WG_MLP_NORM] = "ffn_norm",
    [WG_GATE] = "ffn_gate",
    [WG_UP] = "ffn_up",
    [WG_GATE_UP] = "ffn_up",
    [WG_DOWN] = "ffn_down",
    [WG_MLP_POST_NORM] = "post_ffw_norm",
    [WG_ROUTER] = "ffn_gate_inp",
    [WG_SHARED_SCALE] = "ffn_gate_inp_shexp",
    [WG_SHARED_GATE] = "ffn_gate_shexp",
    [WG_SHARED_UP] = "ffn_up_shexp",
    [WG_SHARED_DOWN] = "ffn_down_shexp",
    [WG_EXPERT_GATE] = "ffn_gate_exps",
    [WG_EXPERT_UP] = "ffn_up_exps",
    [WG_EXPERT_DOWN] = "ffn_down_exps",
};

void wg_gguf_role_name(wg_role role, int64_t layer, char out[WG_NAME_BYTES])
{
    const bool bias = stems[role] == NULL;
    const char *stem = bias ? stems[role - 1] : stems[role], *end = bias ? "bias" : "weight";

    if (role < WG_LAYER_ROLES)
        snprintf(out, WG_NAME_BYTES, "%s.%s", stem, end);
    else
        snprintf(out, WG_NAME_BYTES, "blk.%d.%s.%s", (int)layer, stem, end);
}

bool wg_gguf_permuted(const wg_gguf_arch *arch, wg_role role)
{
    return arch->permuted && role >= WG_QUERY && role <= WG_KEY_BIAS;
}

int64_t wg_gguf_row(int64_t r, int64_t h)
{
    const int64_t i = r % h;

    return r / h * h + i % (h / 2) * 2 + i / (h / 2);
}

int64_t wg_gguf_our_row(int64_t r, int64_t h)
{
    const int64_t i = r % h;

    return r / h * h + i % 2 * (h / 2) + i / 2;
}

bool wg_gguf_transposed(const wg_config *c, wg_role role, const wg_shape *shape)
{
    return wg_is_stored_turned(c->family, role) && shape->rank == 2;
}

/* --- special tokens by text ------------------------------------------------------------------- */

/* llama.cpp treats tokens with these texts as control tokens regardless of the file; some are end
 * tokens. */
static const struct special_text {
    const char *text;
    bool ends;
} special_texts[] = {
    {"<|eot_id|>", true},
    {"<|im_end|>", true},
    {"<|end|>", true},
    {"<|return|>", true},
    {"<|call|>", true},
    {"<|flush|>", true},
    {"<|calls|>", true},
    {"<end_of_turn>", true},
    {"<|endoftext|>", true},
    {"</s>", true},
    {"<|eom_id|>", true},
    {"<EOT>", true},
    {"_<EOT>", true},
    {"[EOT]", true},
    {"[EOS]", true},
    {"<|end_of_text|>", true},
    {"<end_of_utterance>", true},
    {"<eos>", true},
    {"<\xEF\xBD\x9C"
     "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>",
     true},
    /* fill-in-the-middle: padding, repository and file separator are end tokens too */
    {"<|fim_pad|>", true},
    {"<fim-pad>", true},
    {"<fim_pad>", true},
    {"<PAD>", true},
    {"[PAD]", true},
    {"<|fim_repo|>", true},
    {"<|repo_name|>", true},
    {"<fim-repo>", true},
    {"<REPO>", true},
    {"<reponame>", true},
    {"<|file_sep|>", true},
    {"<|fim_prefix|>", false},
    {"<fim-prefix>", false},
    {"<fim_prefix>", false},
    {"<PRE>", false},
    {"<|fim_suffix|>", false},
    {"<fim-suffix>", false},
    {"<fim_suffix>", false},
    {"<SUF>", false},
    {"<|fim_middle|>", false},
    {"<fim-middle>", false},
    {"<fim_middle>", false},
    {"<MID>", false},
};
enum { SPECIAL_TEXTS = sizeof special_texts / sizeof *special_texts };

static const struct special_text *special_text(const char *text, size_t bytes)
{
    for (int i = 0; i < SPECIAL_TEXTS; i++)
        if (strlen(special_texts[i].text) == bytes &&
            memcmp(special_texts[i].text, text, bytes) == 0)
            return &special_texts[i];
    return NULL;
}

bool wg_gguf_special(const char *text, size_t bytes)
{
    return special_text(text, bytes) != NULL;
}

bool wg_gguf_ends_text(const char *text, size_t bytes)
{
    const struct special_text *t = special_text(text, bytes);

    return t != NULL && t->ends;
}
