/* import_config.c - converts the keys of a GGUF file to config.json, so that transformers computes
 * the same as llama.cpp. Keys for which that is not possible are refused by name. */
#include "gguf/import.h"
#include "gguf/keys.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { KEY_BYTES = 128 };

static const char *full(const wg_importer *m, const char *key, char out[KEY_BYTES])
{
    snprintf(out, KEY_BYTES, "%s.%s", m->arch->name, key);
    return out;
}

static double number(const wg_importer *m, const char *key, double fallback)
{
    char name[KEY_BYTES];
    return wg_gguf_number(&m->g, full(m, key, name), fallback);
}

static wagle_status refuse(const wg_importer *m, const char *key, const char *expected)
{
    char name[KEY_BYTES];
    return wg_gguf_refuse_key(m->ctx, &m->g, full(m, key, name), expected);
}

static bool is(const wg_importer *m, const char *arch)
{
    return strcmp(m->arch->name, arch) == 0;
}

/* Reads an integer, which may also be a list of equal numbers per layer. fallback 0: it is
 * required. */
static wagle_status whole(const wg_importer *m, const char *key, double fallback, double *out)
{
    char name[KEY_BYTES];
    const wg_gguf_value *v = wg_gguf_find(&m->g, full(m, key, name));

    *out = v != NULL ? wg_gguf_element(v, 0) : fallback;
    for (uint64_t i = 1; v != NULL && i < v->count; i++)
        if (wg_gguf_element(v, i) != *out)
            return refuse(m, key, "it must be the same for all layers");
    if (!(*out >= 1 && *out <= 1 << 24) || floor(*out) != *out)
        return refuse(m, key, "a whole number from 1 to 16777216 was expected");
    return WAGLE_OK;
}

static wagle_status put_whole(const wg_importer *m, json_t *c, const char *key, double value)
{
    return wg_json_set(m->ctx, c, key, json_integer((json_int_t)value));
}

static wagle_status put_real(const wg_importer *m, json_t *c, const char *key, double value)
{
    return wg_json_set(m->ctx, c, key, json_real(value));
}

/* Reads a number above 0. fallback 0: it is required. */
static wagle_status positive(const wg_importer *m, const char *key, double fallback, double *out)
{
    *out = number(m, key, fallback);
    return *out > 0 && isfinite(*out) ? WAGLE_OK : refuse(m, key, "a number above 0 was expected");
}

/* --- sizes ------------------------------------------------------------------------------------ */

typedef struct sizes {
    double D, F, L, H, K, h, r, context;
    double X, used, FX, FS, every; /* of a mixture of experts: every n-th layer is one */
} sizes;

/* Where expert_feed_forward_length and expert_shared_feed_forward_length are missing, llama.cpp
 * takes sizes of its own. */
static wagle_status read_experts(const wg_importer *m, sizes *s)
{
    const bool mixture = m->arch->mixture, sized = !is(m, "llama") && !is(m, "olmoe");

    if (is(m, "llama") && number(m, "expert_weights_norm", mixture) != mixture)
        return refuse(m, "expert_weights_norm",
                      mixture ? "llama.cpp divides by the sum all the same"
                              : "the file has no experts (expert_count)");
    if (!mixture)
        return number(m, "expert_used_count", 0) == 0
                   ? WAGLE_OK
                   : refuse(m, "expert_used_count", "the file has no experts (expert_count)");
    WG_TRY(whole(m, "expert_count", 0, &s->X));
    WG_TRY(whole(m, "expert_used_count", 0, &s->used));
    if (s->X > WG_EXPERTS_MOST)
        return refuse(m, "expert_count", "at most 512 are supported");
    if (s->used > s->X)
        return refuse(m, "expert_used_count", "a token uses each expert once at most");
    s->FX = s->F;
    if (sized)
        WG_TRY(whole(m, "expert_feed_forward_length", is(m, "llama4") ? 0 : floor(s->F / s->used),
                     &s->FX));
    if (is(m, "qwen2moe"))
        WG_TRY(whole(m, "expert_shared_feed_forward_length", s->F, &s->FS));
    return is(m, "llama4") ? whole(m, "interleave_moe_layer_step", 0, &s->every) : WAGLE_OK;
}

static wagle_status read_sizes(const wg_importer *m, sizes *s)
{
    WG_TRY(whole(m, "embedding_length", 0, &s->D));
    WG_TRY(whole(m, "feed_forward_length", 0, &s->F));
    WG_TRY(whole(m, "block_count", 0, &s->L));
    WG_TRY(whole(m, "attention.head_count", 0, &s->H));
    WG_TRY(whole(m, "context_length", 0, &s->context));
    WG_TRY(whole(m, "attention.head_count_kv", s->H, &s->K));
    WG_TRY(whole(m, "attention.key_length", floor(s->D / s->H), &s->h));
    WG_TRY(read_experts(m, s));
    if (number(m, "attention.value_length", floor(s->D / s->H)) != s->h)
        return refuse(m, "attention.value_length", "it must be attention.key_length");
    if (number(m, "vocab_size", (double)m->V) != (double)m->V)
        return refuse(m, "vocab_size", "token_embd.weight has another number of rows");
    if (is(m, "gpt2") && (s->K != s->H || s->h * s->H != s->D))
        return refuse(m, s->K != s->H ? "attention.head_count_kv" : "attention.key_length",
                      "GPT-2's heads are all alike and make up embedding_length");
    s->r = is(m, "gpt2") ? 0 : number(m, "rope.dimension_count", s->h);
    if (is(m, "phi3") ? !(s->r >= 2 && s->r <= s->h && fmod(s->r, 2) == 0)
                      : s->r != 0 && s->r != s->h)
        return refuse(m, "rope.dimension_count",
                      is(m, "phi3") ? "an even number up to the head size was expected"
                                    : "it must be the head size, attention.key_length");
    return is(m, "gpt2") || s->r > 0
               ? WAGLE_OK
               : refuse(m, "rope.dimension_count", "a number above 0 was expected");
}

/* llama.cpp knows these numbers without keys; it takes a file with 128 experts for Maverick, which
 * has no norms of q and k. */
static wagle_status put_llama4(const wg_importer *m, const sizes *s, json_t *c)
{
    WG_TRY(put_whole(m, c, "intermediate_size_mlp", s->F));
    WG_TRY(put_whole(m, c, "intermediate_size", s->FX));
    WG_TRY(put_whole(m, c, "interleave_moe_layer_step", s->every));
    WG_TRY(put_whole(m, c, "attention_chunk_size", WG_LLAMA4_CHUNK));
    WG_TRY(put_whole(m, c, "no_rope_layer_interval", WG_LLAMA4_UNTURNED));
    WG_TRY(put_whole(m, c, "floor_scale", WG_LLAMA4_CHUNK));
    WG_TRY(put_real(m, c, "attn_scale", WG_LLAMA4_STRETCH));
    WG_TRY(wg_json_set(m->ctx, c, "attn_temperature_tuning", json_true()));
    return wg_json_set(m->ctx, c, "use_qk_norm", json_boolean(s->X != WG_LLAMA4_MAVERICK));
}

static wagle_status put_experts(const wg_importer *m, const sizes *s, json_t *c)
{
    WG_TRY(put_whole(m, c, is(m, "llama") || is(m, "llama4") ? "num_local_experts" : "num_experts",
                     s->X));
    WG_TRY(put_whole(m, c, "num_experts_per_tok", s->used));
    if (is(m, "llama4"))
        return put_llama4(m, s, c);
    if (is(m, "llama"))
        return WAGLE_OK;
    WG_TRY(wg_json_set(m->ctx, c, "norm_topk_prob", json_boolean(m->arch->sum_to_one)));
    if (is(m, "olmoe"))
        return WAGLE_OK;
    WG_TRY(put_whole(m, c, "moe_intermediate_size", s->FX));
    WG_TRY(put_whole(m, c, "decoder_sparse_step", 1));
    WG_TRY(wg_json_set(m->ctx, c, "mlp_only_layers", json_array()));
    if (is(m, "qwen3moe"))
        return WAGLE_OK;
    WG_TRY(put_whole(m, c, "shared_expert_intermediate_size", s->FS));
    return wg_json_set(m->ctx, c, "qkv_bias",
                       json_boolean(wg_gguf_find_tensor(&m->g, "blk.0.attn_q.bias") != NULL));
}

/* Writes the sizes under GPT-2's names or the usual ones. */
static wagle_status put_sizes(const wg_importer *m, const sizes *s, json_t *c)
{
    const bool old = is(m, "gpt2");

    WG_TRY(put_whole(m, c, old ? "n_embd" : "hidden_size", s->D));
    WG_TRY(put_whole(m, c, old ? "n_inner" : "intermediate_size", s->F));
    if (m->arch->mixture)
        WG_TRY(put_experts(m, s, c));
    WG_TRY(put_whole(m, c, old ? "n_layer" : "num_hidden_layers", s->L));
    WG_TRY(put_whole(m, c, old ? "n_head" : "num_attention_heads", s->H));
    WG_TRY(put_whole(m, c, old ? "n_positions" : "max_position_embeddings", s->context));
    if (old)
        return WAGLE_OK;
    WG_TRY(put_whole(m, c, "num_key_value_heads", s->K));
    return put_whole(m, c, "head_dim", s->h);
}

/* --- positions -------------------------------------------------------------------------------- */

static bool makes_factors(const wg_config *like, const float *factor, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const double want = wg_rope_factor(like, 0, i);
        if (!(fabs((double)factor[i] - want) <= 1e-4 * want))
            return false;
    }
    return true;
}

/* Reads a tensor of r/2 factors. */
static wagle_status read_factors(const wg_importer *m, const char *name, const sizes *s,
                                 float factor[WG_PAIRS_MOST])
{
    const wg_gguf_tensor *t = wg_gguf_find_tensor(&m->g, name);

    if (t == NULL)
        return wg_fail(m->ctx, WAGLE_E_INPUT, "%s: no tensor '%s'", m->o->gguf, name);
    if (t->shape.rank != 1 || t->count > WG_PAIRS_MOST || (double)t->count * 2 != s->r ||
        wg_ggml_block(t->type) != 1)
        return wg_import_refuse(m, "the shape or type of tensor", name);
    wg_gguf_dequantise(t, 0, t->count, factor);
    for (int64_t i = 0; i < t->count; i++)
        if (!(factor[i] > 0) || !isfinite(factor[i]))
            return wg_import_refuse(m, "a factor that is not above 0, in tensor", name);
    return WAGLE_OK;
}

/* The pre-training length and high_freq_factor are found by search: 4, as in Llama 3, or 1, as in
 * Llama 4. */
static bool find_llama3(wg_rope *rope, const wg_config *like, const float *factor, int64_t n)
{
    for (int high = 4; high >= 1; high -= 3)
        for (int original = 32; original <= 1 << 24; original *= 2) {
            rope->high = high;
            rope->original = original;
            if (makes_factors(like, factor, n))
                return true;
        }
    return false;
}

/* Llama 3's RoPE scaling is stored as the divisor of each frequency. The largest divisor is the
 * factor. If no length gives the divisors, the file is refused. */
static wagle_status put_llama3(const wg_importer *m, const sizes *s, double theta, json_t *c)
{
    const int64_t n = (int64_t)s->r / 2;
    wg_config like = {.r = 2 * n, .rope = {{WG_ROPE_LLAMA3, theta, 1, 1, 4, 32, 1, {0}}}};
    wg_rope *rope = &like.rope[0];
    float factor[WG_PAIRS_MOST] = {0};

    WG_TRY(read_factors(m, "rope_freqs.weight", s, factor));
    for (int64_t i = 0; i < n; i++)
        rope->factor = fmax(rope->factor, (double)factor[i]);
    if (!find_llama3(rope, &like, factor, n))
        return wg_import_refuse(m, "scaling of positions other than Llama 3's, in",
                                "rope_freqs.weight");
    if (rope->factor == 1)
        return WAGLE_OK;
    return wg_json_set(m->ctx, c, "rope_scaling",
                       json_pack("{s:s, s:f, s:f, s:f, s:i}", "rope_type", "llama3", "factor",
                                 rope->factor, "low_freq_factor", 1.0, "high_freq_factor",
                                 rope->high, "original_max_position_embeddings",
                                 (int)rope->original));
}

static json_t *real_list(const float *value, int64_t n)
{
    json_t *list = json_array();

    for (int64_t i = 0; list != NULL && i < n; i++)
        if (json_array_append_new(list, json_real((double)value[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

/* Phi 3 has one list of divisors up to the pre-training length, and another beyond it. */
static wagle_status put_long(const wg_importer *m, const sizes *s, json_t *c)
{
    const int64_t n = (int64_t)s->r / 2;
    float near[WG_PAIRS_MOST] = {0}, far[WG_PAIRS_MOST] = {0};
    double scale, original;

    WG_TRY(read_factors(m, "rope_factors_short.weight", s, near));
    WG_TRY(read_factors(m, "rope_factors_long.weight", s, far));
    WG_TRY(positive(m, "rope.scaling.attn_factor", 1, &scale));
    WG_TRY(whole(m, "rope.scaling.original_context_length", s->context, &original));
    WG_TRY(put_whole(m, c, "original_max_position_embeddings", original));
    return wg_json_set(m->ctx, c, "rope_scaling",
                       json_pack("{s:s, s:o, s:o, s:f, s:I}", "rope_type", "longrope",
                                 "short_factor", real_list(near, n), "long_factor",
                                 real_list(far, n), "attention_factor", scale,
                                 "original_max_position_embeddings", (json_int_t)original));
}

/* llama.cpp multiplies cosines and sines by 1 + ln(factor)/10 and by attn_factor. */
static wagle_status put_yarn(const wg_importer *m, const sizes *s, double factor, json_t *c)
{
    const double usual = 0.1 * log(factor) + 1;
    double scale, given_scale, original;

    WG_TRY(positive(m, "rope.scaling.attn_factor", 1, &scale));
    WG_TRY(positive(m, "rope.scaling.yarn_attn_factor", 1, &given_scale));
    if (given_scale != 1 && fabs(given_scale - usual) > 1e-4)
        return refuse(m, "rope.scaling.yarn_attn_factor", "llama.cpp does not use it; 1 is read");
    WG_TRY(whole(m, "rope.scaling.original_context_length", s->context, &original));
    return wg_json_set(m->ctx, c, "rope_scaling",
                       json_pack("{s:s, s:f, s:I, s:f}", "rope_type", "yarn", "factor", factor,
                                 "original_max_position_embeddings", (json_int_t)original,
                                 "attention_factor", usual * scale));
}

/* Reads the divisor of positions from the new key, else the old one; 0 or no key means 1. */
static wagle_status read_factor(const wg_importer *m, const char *type, double *out)
{
    const double now = number(m, "rope.scaling.factor", -1);

    *out = now != -1 ? now : number(m, "rope.scale_linear", 0);
    if (strcmp(type, "none") == 0 && is(m, "gemma2") && *out != 0 && *out != 1)
        return refuse(m, "rope.scaling.type", "llama.cpp scales layers with a window all the same");
    if (*out == 0 || strcmp(type, "none") == 0)
        *out = 1;
    return *out > 0 && isfinite(*out)
               ? WAGLE_OK
               : refuse(m, now != -1 ? "rope.scaling.factor" : "rope.scale_linear",
                        "a number above 0 was expected");
}

/* llama.cpp can apply several kinds of scaling together, but config.json can express only one. */
static wagle_status put_scaling(const wg_importer *m, const sizes *s, double theta, json_t *c)
{
    const bool listed = wg_gguf_find_tensor(&m->g, "rope_freqs.weight") != NULL;
    const bool lists = wg_gguf_find_tensor(&m->g, "rope_factors_short.weight") != NULL ||
                       wg_gguf_find_tensor(&m->g, "rope_factors_long.weight") != NULL;
    char name[KEY_BYTES], *type;
    double factor;

    WG_TRY(wg_gguf_string(m->ctx, (wg_gguf *)(uintptr_t)&m->g, full(m, "rope.scaling.type", name),
                          &type));
    type = type != NULL ? type : "linear";
    WG_TRY(read_factor(m, type, &factor));
    if (strcmp(type, "none") != 0 && strcmp(type, "linear") != 0 && strcmp(type, "yarn") != 0 &&
        strcmp(type, "longrope") != 0)
        return refuse(m, "rope.scaling.type", "none, linear, yarn and longrope are supported");
    if (strcmp(type, "longrope") == 0 && !lists && number(m, "rope.scaling.attn_factor", 1) != 1)
        return refuse(m, "rope.scaling.type", "and there is no tensor rope_factors_short.weight");
    if ((listed || lists) && (factor != 1 || strcmp(type, "yarn") == 0 || (listed && lists)))
        return refuse(m, strcmp(type, "yarn") == 0 ? "rope.scaling.type" : "rope.scaling.factor",
                      "scaling by a tensor of factors as well is not supported");
    if (lists)
        return put_long(m, s, c);
    if (is(m, "phi3") && (factor != 1 || strcmp(type, "yarn") == 0))
        return refuse(m, factor != 1 ? "rope.scaling.factor" : "rope.scaling.type",
                      "transformers' Phi 3 has longrope alone");
    if (strcmp(type, "yarn") == 0)
        return put_yarn(m, s, factor, c);
    if (number(m, "rope.scaling.attn_factor", 1) != 1)
        return refuse(m, "rope.scaling.attn_factor",
                      "without yarn or longrope only 1 is supported");
    if (listed)
        return put_llama3(m, s, theta, c);
    return factor == 1
               ? WAGLE_OK
               : wg_json_set(m->ctx, c, "rope_scaling",
                             json_pack("{s:s, s:f}", "rope_type", "linear", "factor", factor));
}

static wagle_status put_positions(const wg_importer *m, const sizes *s, json_t *c)
{
    double theta, share = s->r / s->h;

    WG_TRY(positive(m, "rope.freq_base", 10000, &theta));
    if (number(m, "rope.freq_base_swa", theta) != theta)
        return refuse(m, "rope.freq_base_swa", "it must be rope.freq_base");
    WG_TRY(put_real(m, c, "rope_theta", theta));
    if ((double)(int64_t)(s->h * share) < s->r)
        share = nextafter(share, 2);
    if (is(m, "phi3"))
        WG_TRY(put_real(m, c, "partial_rotary_factor", share));
    return put_scaling(m, s, theta, c);
}

/* --- windows, caps, activation ---------------------------------------------------------------- */

/* Windows of Gemma 2: every n-th layer has none (n = 2 by default), or the file has a flag per
 * layer.
 */
static wagle_status put_pattern(const wg_importer *m, const sizes *s, json_t *c)
{
    char name[KEY_BYTES];
    const wg_gguf_value *v = wg_gguf_find(&m->g, full(m, "attention.sliding_window_pattern", name));
    json_t *list;
    const double every = v != NULL ? wg_gguf_element(v, 0) : 2;
    wagle_status st = WAGLE_OK;

    if (v == NULL)
        return WAGLE_OK;
    if ((v->array && (double)v->count != s->L) ||
        (!v->array && !(every >= 0 && every <= 1 << 24 && floor(every) == every)))
        return refuse(m, "attention.sliding_window_pattern", "one flag a layer was expected");
    list = json_array();
    for (int64_t l = 0; list != NULL && st == WAGLE_OK && l < (int64_t)s->L; l++) {
        const bool window = v->array     ? wg_gguf_element(v, (uint64_t)l) != 0
                            : every == 0 ? true
                                         : l % (int64_t)every < (int64_t)every - 1;
        if (json_array_append_new(
                list, json_string(window ? "sliding_attention" : "full_attention")) != 0)
            st = wg_json_memory(m->ctx);
    }
    if (st != WAGLE_OK) {
        json_decref(list);
        return st;
    }
    return wg_json_set(m->ctx, c, "layer_types", list);
}

static wagle_status put_gemma2(const wg_importer *m, const sizes *s, json_t *c)
{
    double cap, window;

    /* the 27B model, which has 46 layers, scales by D/H */
    WG_TRY(put_whole(m, c, "query_pre_attn_scalar", s->L == 46 ? floor(s->D / s->H) : s->h));
    WG_TRY(positive(m, "attn_logit_softcapping", 50, &cap));
    WG_TRY(put_real(m, c, "attn_logit_softcapping", cap));
    WG_TRY(positive(m, "final_logit_softcapping", 30, &cap));
    WG_TRY(put_real(m, c, "final_logit_softcapping", cap));
    WG_TRY(whole(m, "attention.sliding_window", 4096, &window));
    WG_TRY(put_whole(m, c, "sliding_window", window));
    return put_pattern(m, s, c);
}

/* For these architectures, llama.cpp computes the scale of attention scores itself. */
static wagle_status check_scale(const wg_importer *m, const sizes *s)
{
    const double share = is(m, "gemma2") && s->L == 46 ? floor(s->D / s->H) : s->h;
    const double scale = number(m, "attention.scale", 0);

    return scale == 0 || fabs(scale * sqrt(share) - 1) < 1e-4
               ? WAGLE_OK
               : refuse(m, "attention.scale", "1 / sqrt(head size) is supported");
}

/* OLMo's bound of q, k and v; 0: none. */
static wagle_status put_clip(const wg_importer *m, json_t *c)
{
    double clip = number(m, "attention.clamp_kqv", 0);

    if (clip == 0)
        return WAGLE_OK;
    WG_TRY(positive(m, "attention.clamp_kqv", 0, &clip));
    return put_real(m, c, "clip_qkv", clip);
}

static wagle_status put_features(const wg_importer *m, const sizes *s, json_t *c)
{
    const bool old = is(m, "gpt2"), olmo = is(m, "olmo");
    double eps, window;

    WG_TRY(positive(m, m->arch->eps_key, 0, &eps));
    if (olmo && fabs(eps / 1e-5 - 1) > 1e-6)
        return refuse(m, m->arch->eps_key, "transformers' OLMo has 1e-5 alone");
    if (!olmo)
        WG_TRY(put_real(m, c, old ? "layer_norm_epsilon" : "rms_norm_eps", eps));
    WG_TRY(check_scale(m, s));
    if (old)
        return WAGLE_OK;
    if (olmo)
        WG_TRY(put_clip(m, c));
    WG_TRY(put_positions(m, s, c));
    if (is(m, "phi3") && number(m, "attention.sliding_window", 0) != 0) {
        WG_TRY(whole(m, "attention.sliding_window", 0, &window));
        WG_TRY(put_whole(m, c, "sliding_window", window));
    }
    if (is(m, "gemma2"))
        WG_TRY(put_gemma2(m, s, c));
    return is(m, "gemma") || is(m, "gemma2")
               ? wg_json_set(m->ctx, c, "hidden_activation", json_string("gelu_pytorch_tanh"))
               : WAGLE_OK;
}

/* --- the files -------------------------------------------------------------------------------- */

static json_t *id_or_null(json_int_t id)
{
    return id >= 0 ? json_integer(id) : json_null();
}

/* Whether the model has these optional biases. */
static json_t *has_bias(const wg_importer *m, const char *tensor)
{
    return json_boolean(m->arch->permuted && wg_gguf_find_tensor(&m->g, tensor) != NULL);
}

static json_t *begin_config(const wg_importer *m)
{
    const char *dtype = m->dtype == WG_BF16  ? "bfloat16"
                        : m->dtype == WG_F16 ? "float16"
                                             : "float32";

    return json_pack("{s:[s], s:s, s:s, s:I, s:b, s:o, s:o, s:o, s:o, s:o}", "architectures",
                     m->arch->class_name, "model_type", m->arch->model_type, "dtype", dtype,
                     "vocab_size", (json_int_t)m->V, "tie_word_embeddings",
                     (int)(wg_gguf_find_tensor(&m->g, "output.weight") == NULL), "attention_bias",
                     has_bias(m, "blk.0.attn_q.bias"), "mlp_bias",
                     has_bias(m, "blk.0.ffn_gate.bias"), "bos_token_id", id_or_null(m->bos),
                     "eos_token_id", id_or_null(m->eos), "pad_token_id", id_or_null(m->pad));
}

static wagle_status put_generation(wg_importer *m)
{
    json_t *ends = NULL, *eos;

    WG_TRY(wg_import_ends(m, &ends));
    eos = json_array_size(ends) == 1   ? json_incref(json_array_get(ends, 0))
          : json_array_size(ends) == 0 ? json_null()
                                       : json_incref(ends);
    json_decref(ends);
    return wg_import_put(m, "generation_config.json",
                         json_pack("{s:b, s:o, s:o}", "_from_model_config", 1, "bos_token_id",
                                   id_or_null(m->bos), "eos_token_id", eos));
}

wagle_status wg_import_config(wg_importer *m)
{
    json_t *c = NULL;
    sizes s = {0};
    wagle_status st = read_sizes(m, &s);

    if (st == WAGLE_OK) {
        c = begin_config(m);
        st = c != NULL ? put_sizes(m, &s, c) : wg_json_memory(m->ctx);
    }
    if (st == WAGLE_OK)
        st = put_features(m, &s, c);
    if (st != WAGLE_OK) {
        json_decref(c);
        return st;
    }
    WG_TRY(wg_import_put(m, "config.json", c));
    return put_generation(m);
}

bool wg_import_makes_config(const wg_importer *m, const char *tensor)
{
    return ((is(m, "llama") || is(m, "llama4")) && strcmp(tensor, "rope_freqs.weight") == 0) ||
           ((is(m, "llama") || is(m, "phi3")) &&
            (strcmp(tensor, "rope_factors_short.weight") == 0 ||
             strcmp(tensor, "rope_factors_long.weight") == 0));
}
