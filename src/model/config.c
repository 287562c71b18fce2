#include "model/model.h"

#include <math.h>
#include <string.h>

enum { MOST = 1 << 24 };

typedef struct source {
    wagle_ctx *ctx;
    const char *path;
    const json_t *json;
} source;

/* The value of the first of the keys (divided by |) that has one; NULL: none, or null. */
static const json_t *lookup(const json_t *from, const char *keys)
{
    for (const char *at = keys; *at != '\0';) {
        const size_t n = strcspn(at, "|");
        const json_t *value = json_object_getn(from, at, n);
        if (value != NULL && !json_is_null(value))
            return value;
        at += n + (at[n] == '|');
    }
    return NULL;
}

static bool is_true(const source *s, const char *key, bool otherwise)
{
    const json_t *value = lookup(s->json, key);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

/* A whole number of 1..MOST; fallback < 0: one of the keys must be there. */
static wagle_status whole(const source *s, const char *keys, int64_t fallback, int64_t *out)
{
    const json_t *value = lookup(s->json, keys);

    *out = fallback;
    if (value == NULL && fallback >= 0)
        return WAGLE_OK;
    if (!json_is_integer(value) || json_integer_value(value) < 1 ||
        json_integer_value(value) > MOST)
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: '%.*s' must be a whole number from 1 to %d",
                       s->path, (int)strcspn(keys, "|"), keys, MOST);
    *out = json_integer_value(value);
    return WAGLE_OK;
}

static wagle_status number(const source *s, const json_t *from, const char *keys, double fallback,
                           double *out)
{
    const json_t *value = lookup(from, keys);

    *out = fallback;
    if (value == NULL)
        return WAGLE_OK;
    *out = json_number_value(value);
    if (!json_is_number(value) || !(*out > 0) || !isfinite(*out))
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: '%.*s' must be a number above 0", s->path,
                       (int)strcspn(keys, "|"), keys);
    return WAGLE_OK;
}

/* --- rotary positions ------------------------------------------------------------------------- */

/* Phi 3 (Ding et al. 2024, arXiv 2402.13753): beyond the length of pre-training other factors hold,
 * so sequences are bound to that length. */
static wagle_status read_long_rope(const source *s, const json_t *scaling, wg_config *c,
                                   wg_rope *rope)
{
    const json_t *factors = json_object_get(scaling, "short_factor");
    double stretch;

    WG_TRY(number(s, s->json, "original_max_position_embeddings", 4096, &rope->original));
    WG_TRY(number(s, scaling, "original_max_position_embeddings", rope->original, &rope->original));
    WG_TRY(number(s, scaling, "factor", (double)c->max_position / rope->original, &stretch));
    WG_TRY(
        number(s, scaling, "attention_factor",
               stretch > 1 && rope->original > 1 ? sqrt(1 + log(stretch) / log(rope->original)) : 1,
               &rope->scale));
    if (!json_is_array(factors) || (int64_t)json_array_size(factors) != c->r / 2)
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: short_factor must hold %lld numbers", s->path,
                       (long long)(c->r / 2));
    for (int64_t i = 0; i < c->r / 2; i++) {
        rope->divide[i] = json_number_value(json_array_get(factors, (size_t)i));
        if (!(rope->divide[i] > 0) || !isfinite(rope->divide[i]))
            return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: short_factor must hold numbers above 0",
                           s->path);
    }
    if (rope->original < (double)c->max_position)
        c->max_position = (int64_t)rope->original;
    return WAGLE_OK;
}

static wagle_status read_scaling(const source *s, const json_t *scaling, wg_config *c,
                                 wg_rope *rope)
{
    static const struct {
        const char *name;
        wg_rope_kind kind;
    } kinds[] = {{"default", WG_ROPE_DEFAULT},
                 {"linear", WG_ROPE_LINEAR},
                 {"llama3", WG_ROPE_LLAMA3},
                 {"longrope", WG_ROPE_LONG},
                 {"su", WG_ROPE_LONG}};
    const json_t *value = lookup(scaling, "rope_type|type");
    const char *name = json_is_string(value) ? json_string_value(value) : "default";
    size_t i = 0;

    while (i < sizeof kinds / sizeof *kinds && strcmp(kinds[i].name, name) != 0)
        i++;
    if (i == sizeof kinds / sizeof *kinds)
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: rope scaling '%.32s' is not supported", s->path,
                       name);
    rope->kind = kinds[i].kind;
    rope->scale = 1;
    if (rope->kind == WG_ROPE_LONG)
        return read_long_rope(s, scaling, c, rope);
    WG_TRY(number(s, scaling, "factor", 1, &rope->factor));
    WG_TRY(number(s, scaling, "low_freq_factor", 1, &rope->low));
    WG_TRY(number(s, scaling, "high_freq_factor", 4, &rope->high));
    WG_TRY(number(s, scaling, "original_max_position_embeddings", 8192, &rope->original));
    if (rope->kind == WG_ROPE_LLAMA3 && rope->high <= rope->low)
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: high_freq_factor must be above low_freq_factor",
                       s->path);
    return WAGLE_OK;
}

/* rope_parameters (transformers 5; perhaps by kind of layer), or rope_theta and rope_scaling. */
static wagle_status read_rope(const source *s, wg_config *c)
{
    const json_t *now = lookup(s->json, "rope_parameters");
    const json_t *full = lookup(now, "full_attention"), *local = lookup(now, "sliding_attention");
    const json_t *scaling = full != NULL  ? full
                            : now != NULL ? now
                                          : lookup(s->json, "rope_scaling");
    double theta, turning;

    if (c->family->no_rope)
        return WAGLE_OK;
    WG_TRY(number(s, s->json, "partial_rotary_factor|rotary_pct",
                  c->family->rotary > 0 ? c->family->rotary : 1, &turning));
    WG_TRY(number(s, now, "partial_rotary_factor", turning, &turning));
    c->r = (int64_t)((double)c->h * turning);
    if (c->r < 2 || c->r > c->h || c->r % 2 != 0 || c->r / 2 > WG_PAIRS_MOST)
        return wg_fail(s->ctx, WAGLE_E_INPUT,
                       "%s: of a head of size %lld, %lld numbers cannot turn", s->path,
                       (long long)c->h, (long long)c->r);
    WG_TRY(number(s, s->json, "rope_theta|rotary_emb_base", 10000, &theta));
    WG_TRY(number(s, scaling, "rope_theta", theta, &c->rope[0].theta));
    WG_TRY(read_scaling(s, scaling, c, &c->rope[0]));
    c->local_rope = local != NULL || lookup(s->json, "rope_local_base_freq") != NULL;
    WG_TRY(number(s, s->json, "rope_local_base_freq", 10000, &theta));
    WG_TRY(number(s, local, "rope_theta", theta, &c->rope[1].theta));
    return read_scaling(s, local, c, &c->rope[1]);
}

/* --- what the family leaves open -------------------------------------------------------------- */

static wagle_status read_activation(const source *s, wg_config *c)
{
    static const struct {
        const char *name;
        wg_activation act;
    } known[] = {{"silu", WG_SILU},
                 {"swish", WG_SILU},
                 {"gelu", WG_GELU},
                 {"gelu_new", WG_GELU_TANH},
                 {"gelu_pytorch_tanh", WG_GELU_TANH},
                 {"relu", WG_RELU}};
    const json_t *value =
        lookup(s->json, "hidden_activation|hidden_act|activation_function|activation");
    const char *name = json_is_string(value) ? json_string_value(value) : c->family->activation;

    if (value != NULL && !json_is_string(value))
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: hidden_act must be a name", s->path);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, name) == 0) {
            c->activation = known[i].act;
            return WAGLE_OK;
        }
    return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: activation '%.32s' is not supported", s->path, name);
}

static wagle_status read_family(const source *s, wg_config *c)
{
    const char *type = json_string_value(json_object_get(s->json, "model_type"));

    c->family = type != NULL ? wg_family_find(type) : NULL;
    if (c->family == NULL &&
        (lookup(s->json, "num_local_experts|num_experts|n_routed_experts") != NULL))
        return wg_fail(s->ctx, WAGLE_E_INPUT,
                       "%s: '%.32s' is a mixture of experts; those are not supported", s->path,
                       type != NULL ? type : "(no model_type)");
    if (c->family == NULL)
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: model_type '%.32s' is not supported", s->path,
                       type != NULL ? type : "(none)");
    for (int i = 0; i < 8 && c->family->must_be_off[i] != NULL; i++)
        if (is_true(s, c->family->must_be_off[i], false))
            return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: %s is not supported", s->path,
                           c->family->must_be_off[i]);
    for (int i = 0; i < 4 && c->family->must_be_on[i] != NULL; i++)
        if (!is_true(s, c->family->must_be_on[i], true))
            return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: %s = false is not supported", s->path,
                           c->family->must_be_on[i]);
    c->parallel = c->family->parallel ||
                  (c->family->parallel_key != NULL && is_true(s, c->family->parallel_key, true));
    c->norm_sum = c->family->before_key != NULL && !is_true(s, c->family->before_key, true);
    c->tied = is_true(s, "tie_word_embeddings", c->family->tied);
    return read_activation(s, c);
}

static void choose_tensors(const source *s, wg_config *c)
{
    for (int role = 0; role < WG_ROLES; role++) {
        const wg_family_tensor *t = &c->family->tensor[role];
        const char *when = t->when;
        c->has[role] = t->pattern != NULL && !(role == WG_HEAD && c->tied);
        if (c->has[role] && when != NULL)
            c->has[role] = *when == '-'   ? !is_true(s, when + 1, true)
                           : *when == '+' ? is_true(s, when + 1, true)
                                          : is_true(s, when, false);
        if ((role == WG_PROJECT_IN || role == WG_PROJECT_OUT) && c->E == c->D)
            c->has[role] = false;
    }
}

static wagle_status read_heads(const source *s, wg_config *c)
{
    const char *one = c->family->grouped_key;
    double scalar;

    WG_TRY(whole(s, "num_attention_heads|n_head", -1, &c->H));
    WG_TRY(
        whole(s, "num_key_value_heads", one == NULL || !is_true(s, one, true) ? c->H : 1, &c->K));
    WG_TRY(whole(s, "head_dim", c->D / c->H, &c->h));
    if (c->H % c->K != 0 || c->h < 2 || c->h % 2 != 0 || c->h > 4096)
        return wg_fail(s->ctx, WAGLE_E_INPUT,
                       "%s: %lld heads, %lld key/value heads, head size %lld do not make a model",
                       s->path, (long long)c->H, (long long)c->K, (long long)c->h);
    WG_TRY(number(s, s->json, "query_pre_attn_scalar", (double)c->h, &scalar));
    c->attention_scale = 1 / sqrt(scalar);
    return WAGLE_OK;
}

static wagle_status read_sizes(const source *s, wg_config *c)
{
    const bool gated =
        c->family->tensor[WG_GATE].pattern != NULL || c->family->tensor[WG_GATE_UP].pattern != NULL;

    WG_TRY(whole(s, "vocab_size", -1, &c->V));
    WG_TRY(whole(s, "hidden_size|n_embd", -1, &c->D));
    WG_TRY(whole(s, "intermediate_size|ffn_dim|n_inner|ffn_hidden_size", gated ? -1 : 4 * c->D,
                 &c->F));
    WG_TRY(whole(s, "num_hidden_layers|n_layer", -1, &c->L));
    WG_TRY(whole(s, "max_position_embeddings|n_positions", 2048, &c->max_position));
    c->E = c->D;
    if (c->family->tensor[WG_PROJECT_IN].pattern != NULL)
        WG_TRY(whole(s, "word_embed_proj_dim", c->D, &c->E));
    WG_TRY(number(s, s->json, "rms_norm_eps|layer_norm_eps|layer_norm_epsilon",
                  c->family->eps > 0 ? c->family->eps : 1e-6, &c->eps));
    WG_TRY(number(s, s->json, "attn_logit_softcapping", 0, &c->attention_cap));
    WG_TRY(number(s, s->json, "final_logit_softcapping", 0, &c->final_cap));
    c->embed_scale = c->family->scaled_embeddings ? sqrt((double)c->D) : 1;
    if (c->E > WG_EMBED_MOST && c->E != c->D)
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: word_embed_proj_dim %lld; at most %d", s->path,
                       (long long)c->E, WG_EMBED_MOST);
    if (c->L > WG_LAYERS_MOST)
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: %lld layers; at most %d", s->path,
                       (long long)c->L, WG_LAYERS_MOST);
    return read_heads(s, c);
}

static wagle_status read_windows(const source *s, wg_config *c)
{
    const json_t *types = lookup(s->json, "layer_types");
    int64_t from = 0;

    if (lookup(s->json, "sliding_window") == NULL ||
        (c->family->window_key != NULL && !is_true(s, c->family->window_key, false)))
        return WAGLE_OK;
    WG_TRY(whole(s, "sliding_window", -1, &c->window));
    if (c->family->window_key != NULL)
        WG_TRY(whole(s, "max_window_layers", c->L, &from));
    for (int64_t l = 0; l < c->L; l++) {
        const char *type = json_string_value(json_array_get(types, (size_t)l));
        bool windowed = l >= from;
        if (types != NULL)
            windowed = type != NULL && strcmp(type, "sliding_attention") == 0;
        else if (c->family->windows == WG_WINDOW_EVEN)
            windowed = l % 2 == 0;
        else if (c->family->windows == WG_WINDOW_FIVE_OF_SIX)
            windowed = (l + 1) % 6 != 0;
        if (types != NULL && !windowed && (type == NULL || strcmp(type, "full_attention") != 0))
            return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: layer_types: '%.32s' is not supported",
                           s->path, type != NULL ? type : "(none)");
        c->windowed[l / 64] |= (uint64_t)windowed << (l % 64);
    }
    return WAGLE_OK;
}

wagle_status wg_config_read(wagle_ctx *ctx, const char *folder, wg_config *out)
{
    char *path = wg_path_join(ctx, folder, "config.json");
    json_t *json = NULL;
    wagle_status st = path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    *out = (wg_config){0};
    if (st == WAGLE_OK)
        st = wg_json_read(ctx, path, &json);
    const source s = {ctx, path, json};
    if (st == WAGLE_OK && !json_is_object(json))
        st = wg_fail(ctx, WAGLE_E_INPUT, "%s: not a JSON object", path);
    if (st == WAGLE_OK)
        st = read_family(&s, out);
    if (st == WAGLE_OK)
        st = read_sizes(&s, out);
    if (st == WAGLE_OK)
        st = read_windows(&s, out);
    if (st == WAGLE_OK)
        st = read_rope(&s, out);
    if (st == WAGLE_OK)
        choose_tensors(&s, out);
    if (st == WAGLE_OK)
        st = wg_config_ends(ctx, folder, path, json, out);
    json_decref(json);
    wg_free(path);
    return st;
}

/* Frequency of pair i of r/2; llama3: Dubey et al. 2024 as transformers computes it. */
static double frequency(const wg_config *c, const wg_rope *r, int64_t i)
{
    const double f = pow(r->theta, -2.0 * (double)i / (double)c->r);
    const double wavelength = 6.283185307179586 / f;

    if (r->kind == WG_ROPE_DEFAULT)
        return f;
    if (r->kind == WG_ROPE_LONG)
        return f / r->divide[i];
    if (r->kind == WG_ROPE_LINEAR || wavelength > r->original / r->low)
        return f / r->factor;
    if (wavelength < r->original / r->high)
        return f;
    const double smooth = (r->original / wavelength - r->low) / (r->high - r->low);
    return (1 - smooth) * f / r->factor + smooth * f;
}

double wg_rope_factor(const wg_config *c, int which, int64_t i)
{
    const wg_rope *r = &c->rope[which];

    return pow(r->theta, -2.0 * (double)i / (double)c->r) / frequency(c, r, i);
}

void wg_rope_tables(const wg_config *c, int which, int64_t positions, wg_real *cosine,
                    wg_real *sine)
{
    const wg_rope *r = &c->rope[which];

    for (int64_t i = 0; i < c->r / 2; i++) {
        const double f = frequency(c, r, i);
        for (int64_t p = 0; p < positions; p++) {
            cosine[p * (c->r / 2) + i] = (wg_real)(r->scale * cos((double)p * f));
            sine[p * (c->r / 2) + i] = (wg_real)(r->scale * sin((double)p * f));
        }
    }
}
