#include "run/ggufmap.h"

#include <stdio.h>
#include <string.h>

#define RMS "attention.layer_norm_rms_epsilon"
static const wg_gguf_arch archs[] = {
    {"llama", "llama", "LlamaForCausalLM", true, false, RMS},
    {"llama", "mistral", "MistralForCausalLM", true, false, RMS},
    {"qwen2", "qwen2", "Qwen2ForCausalLM", false, false, RMS},
    {"qwen3", "qwen3", "Qwen3ForCausalLM", false, false, RMS},
    {"phi3", "phi3", "Phi3ForCausalLM", false, true, RMS},
    {"gemma", "gemma", "GemmaForCausalLM", false, false, RMS},
    {"gemma2", "gemma2", "Gemma2ForCausalLM", false, true, RMS},
    {"gpt2", "gpt2", "GPT2LMHeadModel", false, false, "attention.layer_norm_epsilon"},
};
const char wg_gguf_arch_list[] = "llama, mistral, qwen2, qwen3, phi3, gemma, gemma2, gpt2";
enum { ARCHS = sizeof archs / sizeof *archs };

const wg_gguf_arch *wg_gguf_arch_named(const char *name)
{
    for (int i = 0; i < ARCHS; i++)
        if (strcmp(archs[i].name, name) == 0)
            return &archs[i];
    return NULL;
}

const wg_gguf_arch *wg_gguf_arch_of(const char *model_type)
{
    for (int i = 0; i < ARCHS; i++)
        if (strcmp(archs[i].model_type, model_type) == 0)
            return &archs[i];
    return NULL;
}

/* Stems; a bias has that of the matrix or norm before it. */
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

bool wg_gguf_turned(const wg_config *c, wg_role role, const wg_shape *shape)
{
    return c->family->transposed && role >= WG_LAYER_ROLES && shape->rank == 2;
}
