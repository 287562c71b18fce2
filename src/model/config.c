#include "model/model.h"

#include <math.h>
#include <string.h>

enum { MOST = 1 << 24 };

typedef struct source {
    wagle_ctx *ctx;
    const char *path;
    const json_t *json;
} source;

/* A whole number of 1..MOST; fallback < 0: the key must be there. */
static wagle_status whole(const source *s, const char *key, int64_t fallback, int64_t *out)
{
    const json_t *value = json_object_get(s->json, key);

    *out = fallback;
    if ((value == NULL || json_is_null(value)) && fallback >= 0)
        return WAGLE_OK;
    if (!json_is_integer(value) || json_integer_value(value) < 1 ||
        json_integer_value(value) > MOST)
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: '%s' must be a whole number from 1 to %d",
                       s->path, key, MOST);
    *out = json_integer_value(value);
    return WAGLE_OK;
}

static wagle_status number(const source *s, const json_t *from, const char *key, double fallback,
                           double *out)
{
    const json_t *value = json_object_get(from, key);

    *out = fallback;
    if (value == NULL || json_is_null(value))
        return WAGLE_OK;
    *out = json_number_value(value);
    if (!json_is_number(value) || !(*out > 0) || !isfinite(*out))
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: '%s' must be a number above 0", s->path, key);
    return WAGLE_OK;
}

/* rope_parameters (transformers 5), or rope_theta and rope_scaling before it. */
static wagle_status read_rope(const source *s, wg_rope *rope)
{
    const json_t *now = json_object_get(s->json, "rope_parameters");
    const json_t *scaling = json_is_object(now) ? now : json_object_get(s->json, "rope_scaling");
    const char *kind = json_string_value(json_object_get(scaling, "rope_type"));

    kind = kind != NULL ? kind : json_string_value(json_object_get(scaling, "type"));
    WG_TRY(number(s, s->json, "rope_theta", 10000, &rope->theta));
    WG_TRY(number(s, scaling, "rope_theta", rope->theta, &rope->theta));
    if (kind == NULL || strcmp(kind, "default") == 0)
        return WAGLE_OK;
    rope->kind = strcmp(kind, "linear") == 0   ? WG_ROPE_LINEAR
                 : strcmp(kind, "llama3") == 0 ? WG_ROPE_LLAMA3
                                               : WG_ROPE_DEFAULT;
    if (rope->kind == WG_ROPE_DEFAULT)
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: rope scaling '%.32s' is not supported", s->path,
                       kind);
    WG_TRY(number(s, scaling, "factor", 1, &rope->factor));
    WG_TRY(number(s, scaling, "low_freq_factor", 1, &rope->low));
    WG_TRY(number(s, scaling, "high_freq_factor", 4, &rope->high));
    WG_TRY(number(s, scaling, "original_max_position_embeddings", 8192, &rope->original));
    if (rope->kind == WG_ROPE_LLAMA3 && rope->high <= rope->low)
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: high_freq_factor must be above low_freq_factor",
                       s->path);
    return WAGLE_OK;
}

static wagle_status read_family(const source *s, wg_config *c)
{
    const char *type = json_string_value(json_object_get(s->json, "model_type"));
    const char *activation = json_string_value(json_object_get(s->json, "hidden_act"));

    c->family = type != NULL ? wg_family_find(type) : NULL;
    if (c->family == NULL)
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: model_type '%.32s' is not supported", s->path,
                       type != NULL ? type : "(none)");
    if (activation != NULL && strcmp(activation, "silu") != 0)
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: hidden_act '%.32s' is not supported", s->path,
                       activation);
    for (int i = 0; i < 8 && c->family->must_be_off[i] != NULL; i++)
        if (json_is_true(json_object_get(s->json, c->family->must_be_off[i])))
            return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: %s is not supported", s->path,
                           c->family->must_be_off[i]);
    return WAGLE_OK;
}

static void add_eos(wg_config *c, const json_t *value)
{
    if (json_is_integer(value) && json_integer_value(value) >= 0 &&
        json_integer_value(value) < c->V && c->n_eos < WG_EOS_MOST)
        c->eos[c->n_eos++] = (int32_t)json_integer_value(value);
}

static wagle_status read_sizes(const source *s, wg_config *c)
{
    const json_t *eos = json_object_get(s->json, "eos_token_id"), *one;
    size_t i;

    WG_TRY(whole(s, "vocab_size", -1, &c->V));
    WG_TRY(whole(s, "hidden_size", -1, &c->D));
    WG_TRY(whole(s, "intermediate_size", -1, &c->F));
    WG_TRY(whole(s, "num_hidden_layers", -1, &c->L));
    WG_TRY(whole(s, "num_attention_heads", -1, &c->H));
    WG_TRY(whole(s, "num_key_value_heads", c->H, &c->K));
    WG_TRY(whole(s, "head_dim", c->D / c->H, &c->h));
    WG_TRY(whole(s, "max_position_embeddings", 2048, &c->max_position));
    WG_TRY(number(s, s->json, "rms_norm_eps", 1e-6, &c->eps));
    c->tied = json_is_true(json_object_get(s->json, "tie_word_embeddings"));
    add_eos(c, eos);
    json_array_foreach (eos, i, one)
        add_eos(c, one);
    if (c->L > 4096 || c->H % c->K != 0 || c->h < 2 || c->h % 2 != 0 || c->h > 4096)
        return wg_fail(s->ctx, WAGLE_E_INPUT,
                       "%s: %lld layers, %lld heads, %lld key/value heads, head size %lld do not "
                       "make a model",
                       s->path, (long long)c->L, (long long)c->H, (long long)c->K, (long long)c->h);
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
        st = read_rope(&s, &out->rope);
    json_decref(json);
    wg_free(path);
    return st;
}

/* Frequency of pair i of h/2; llama3: Dubey et al. 2024 as transformers computes it. */
static double frequency(const wg_config *c, int64_t i)
{
    const wg_rope *r = &c->rope;
    const double f = pow(r->theta, -2.0 * (double)i / (double)c->h);
    const double wavelength = 6.283185307179586 / f;

    if (r->kind == WG_ROPE_DEFAULT)
        return f;
    if (r->kind == WG_ROPE_LINEAR || wavelength > r->original / r->low)
        return f / r->factor;
    if (wavelength < r->original / r->high)
        return f;
    const double smooth = (r->original / wavelength - r->low) / (r->high - r->low);
    return (1 - smooth) * f / r->factor + smooth * f;
}

void wg_rope_tables(const wg_config *c, int64_t positions, wg_real *cosine, wg_real *sine)
{
    for (int64_t i = 0; i < c->h / 2; i++) {
        const double f = frequency(c, i);
        for (int64_t p = 0; p < positions; p++) {
            cosine[p * (c->h / 2) + i] = (wg_real)cos((double)p * f);
            sine[p * (c->h / 2) + i] = (wg_real)sin((double)p * f);
        }
    }
}
