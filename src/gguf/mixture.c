/* mixture.c - which type each tensor of a GGUF file gets. A mixture stores most matrices in one
 * type and the more sensitive ones in a finer type. The rules are those of llama.cpp's quantiser
 * without an importance matrix (llama-quant.cpp). */
#include "gguf/export.h"

#include <string.h>

/* file_type: llama.cpp's number of the mixture (general.file_type). */
static const struct mixture {
    wg_gguf_type type, finer;
    int file_type;
} mixtures[] = {
    [WAGLE_GGUF_F32] = {WG_GGML_F32, WG_GGML_F32, 0},
    [WAGLE_GGUF_F16] = {WG_GGML_F16, WG_GGML_F16, 1},
    [WAGLE_GGUF_BF16] = {WG_GGML_BF16, WG_GGML_BF16, 32},
    [WAGLE_GGUF_Q8_0] = {WG_GGML_Q8_0, WG_GGML_Q8_0, 7},
    [WAGLE_GGUF_Q6_K] = {WG_GGML_Q6_K, WG_GGML_Q6_K, 18},
    [WAGLE_GGUF_Q5_K_M] = {WG_GGML_Q5_K, WG_GGML_Q6_K, 17},
    [WAGLE_GGUF_Q4_K_M] = {WG_GGML_Q4_K, WG_GGML_Q6_K, 15},
    [WAGLE_GGUF_Q4_0] = {WG_GGML_Q4_0, WG_GGML_Q4_0, 2},
};

int wg_export_file_type(const wg_exporter *e)
{
    return mixtures[e->type].file_type;
}

/* The first and the last eighth of the layers, and every third between them. */
static bool is_sensitive(int64_t layer, int64_t L)
{
    return layer < L / 8 || layer >= 7 * L / 8 || (layer - L / 8) % 3 == 2;
}

/* What llama.cpp takes for a 70B model. Its value matrices are small, because many heads share
 * them. */
static bool is_70b(const wg_exporter *e)
{
    const wg_config *c = &e->m->config;

    return c->L == 80 && ((strcmp(e->arch->name, "llama") == 0 && c->H != c->K) ||
                          strcmp(e->arch->name, "qwen2") == 0);
}

/* Models with 8 experts (Mixtral) have attention in finer types, since it is small beside them. */
static wg_gguf_type type_beside_8(wg_role role, wg_gguf_type type)
{
    if (role == WG_KEY || role == WG_VALUE || role == WG_QKV)
        return WG_GGML_Q8_0;
    return role == WG_OUTPUT && type == WG_GGML_Q4_K ? WG_GGML_Q5_K : type;
}

static wg_gguf_type type_of_role(const wg_exporter *e, wg_role role, int64_t layer)
{
    const wg_config *c = &e->m->config;
    const struct mixture *mix = &mixtures[e->type];
    const bool logits = role == WG_HEAD || (role == WG_EMBED && !wg_config_has(c, WG_HEAD, 0));
    const bool value = role == WG_VALUE || role == WG_QKV;
    const bool down = role == WG_DOWN || role == WG_SHARED_DOWN || role == WG_EXPERT_DOWN;
    wg_gguf_type type = mix->type;

    if (!wg_ggml_is_quantised(type) || type == WG_GGML_Q8_0)
        return type;
    if (logits)
        return WG_GGML_Q6_K;
    if ((value || down) && is_sensitive(layer, c->L))
        type = mix->finer;
    type = value && type == WG_GGML_Q4_K && is_70b(e) ? WG_GGML_Q5_K : type;
    return c->X == 8 ? type_beside_8(role, type) : type;
}

/* The type for rows that are not a whole number of blocks. */
static wg_gguf_type fallback(wg_gguf_type type)
{
    return type == WG_GGML_Q4_K   ? WG_GGML_Q5_0
           : type == WG_GGML_Q5_K ? WG_GGML_Q5_1
           : type == WG_GGML_Q6_K ? WG_GGML_Q8_0
                                  : WG_GGML_F16;
}

wg_gguf_type wg_export_type(const wg_exporter *e, const wg_export_tensor *t, bool *fell_back)
{
    wg_gguf_type type = type_of_role(e, t->role, t->layer);

    *fell_back = false;
    if (t->shape.rank == 1 || t->role == WG_ROUTER ||
        (t->role == WG_POSITION && wg_ggml_is_quantised(type)))
        return WG_GGML_F32;
    for (; t->shape.dim[t->shape.rank - 1] % wg_ggml_block(type) != 0; *fell_back = true)
        type = fallback(type);
    return type;
}
