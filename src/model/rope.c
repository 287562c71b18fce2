/* rope.c - rotary positions: what config.json says of them, and their frequencies. */
#include "model/config.h"

#include <math.h>
#include <string.h>

/* A key is looked up in the first of the objects (or NULL) that has it. */
typedef struct parameters {
    const json_t *from[2];
    const json_t *truncate; /* the object of yarn's "truncate" */
    bool no_type;           /* "type", the older name of rope_type, does not count */
} parameters;

static const json_t *at(const parameters *p, const char *key)
{
    const json_t *value = json_object_get(p->from[0], key);

    value = value != NULL ? value : json_object_get(p->from[1], key);
    return json_is_null(value) ? NULL : value;
}

/* A number above 0, or the fallback where there is none. */
static wagle_status number(const wg_config_source *s, const parameters *p, const char *key,
                           double fallback, double *out)
{
    const json_t *value = at(p, key);

    *out = fallback;
    return value == NULL ? WAGLE_OK : wg_config_real(s, key, value, out);
}

typedef struct kind {
    const char *name;
    wg_rope_kind kind;
    const char *needs[3];
} kind;

static const kind kinds[] = {
    {"default", WG_ROPE_DEFAULT, {NULL}},
    {"linear", WG_ROPE_LINEAR, {"factor"}},
    {"dynamic", WG_ROPE_DYNAMIC, {"factor"}},
    {"llama3", WG_ROPE_LLAMA3, {"factor", "low_freq_factor", "high_freq_factor"}},
    {"yarn", WG_ROPE_YARN, {"factor"}},
    {"longrope", WG_ROPE_LONG, {"short_factor", "long_factor"}},
};

/* Phi 3 has longrope alone, and published it as su and yarn before. */
static bool is_long_alias(const wg_config_source *s, const char *name)
{
    return s->family->long_rope && (strcmp(name, "su") == 0 || strcmp(name, "yarn") == 0);
}

static wagle_status find_kind(const wg_config_source *s, const parameters *p, const kind **out)
{
    const json_t *older = p->no_type ? NULL : at(p, "type");
    const json_t *value = at(p, "rope_type") != NULL ? at(p, "rope_type") : older;
    const char *name = value == NULL ? "default" : json_string_value(value);

    if (name == NULL)
        return wg_config_wrong(s, "rope_type", "a name", value);
    name = is_long_alias(s, name) ? "longrope" : name;
    *out = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, name) == 0)
            *out = &kinds[i];
    if (*out == NULL ||
        (s->family->long_rope && (*out)->kind != WG_ROPE_DEFAULT && (*out)->kind != WG_ROPE_LONG))
        return wg_fail(s->ctx, WAGLE_E_INPUT,
                       "%s: rope scaling '%.32s' is not supported for this model type", s->path,
                       name);
    for (int i = 0; i < 3 && (*out)->needs[i] != NULL; i++)
        if (at(p, (*out)->needs[i]) == NULL)
            return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: rope scaling '%s' without '%s'", s->path,
                           name, (*out)->needs[i]);
    return WAGLE_OK;
}

/* Positions of pre-training: those beside the scaling count before those in it. */
static wagle_status read_original(const wg_config_source *s, const parameters *p,
                                  const wg_config *c, wg_rope *rope)
{
    const double beside = s->value[WG_CFG_ORIGINAL];

    WG_TRY(
        number(s, p, "original_max_position_embeddings", (double)c->max_position, &rope->original));
    rope->original = beside > 0 ? beside : rope->original;
    return WAGLE_OK;
}

/* Ding et al. 2024, arXiv 2402.13753. Beyond the positions of pre-training other factors hold, so
 * sequences are bound to those. */
static wagle_status read_long(const wg_config_source *s, const parameters *p, wg_config *c,
                              wg_rope *rope)
{
    const json_t *factors = at(p, "short_factor");
    double stretch;

    WG_TRY(number(s, p, "factor", (double)c->max_position / rope->original, &stretch));
    WG_TRY(
        number(s, p, "attention_factor",
               stretch > 1 && rope->original > 1 ? sqrt(1 + log(stretch) / log(rope->original)) : 1,
               &rope->scale));
    if (!json_is_array(factors) || (int64_t)json_array_size(factors) != c->r / 2)
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: short_factor must hold %lld numbers", s->path,
                       (long long)(c->r / 2));
    for (int64_t i = 0; i < c->r / 2; i++)
        WG_TRY(wg_config_real(s, "short_factor", json_array_get(factors, (size_t)i),
                              &rope->divide[i]));
    c->bounded = true;
    if (rope->original < (double)c->max_position)
        c->max_position = (int64_t)rope->original;
    return WAGLE_OK;
}

static double yarn_scale(double factor, double weight)
{
    return factor > 1 ? 0.1 * weight * log(factor) + 1 : 1;
}

/* The pair (a real number) that turns so often within the positions of pre-training. */
static double yarn_pair(const wg_config *c, const wg_rope *rope, double turns)
{
    return (double)c->r * log(rope->original / (turns * 6.283185307179586)) /
           (2 * log(rope->theta));
}

/* Peng et al. 2023, arXiv 2309.00071: fast pairs turn as before, slow ones are divided by the
 * factor, with a ramp between. */
static wagle_status read_yarn(const wg_config_source *s, const parameters *p, const wg_config *c,
                              wg_rope *rope)
{
    const json_t *truncate = json_object_get(p->truncate, "truncate");
    double factor, fast, slow, m, m_all;

    WG_TRY(number(s, p, "factor", (double)c->max_position / rope->original, &factor));
    WG_TRY(number(s, p, "beta_fast", 32, &fast));
    WG_TRY(number(s, p, "beta_slow", 1, &slow));
    WG_TRY(number(s, p, "mscale", 0, &m));
    WG_TRY(number(s, p, "mscale_all_dim", 0, &m_all));
    WG_TRY(number(s, p, "attention_factor",
                  m > 0 && m_all > 0 ? yarn_scale(factor, m) / yarn_scale(factor, m_all)
                                     : yarn_scale(factor, 1),
                  &rope->scale));
    if (truncate != NULL && !json_is_boolean(truncate))
        return wg_config_wrong(s, "truncate", "true or false", truncate);
    if (!(rope->theta > 1))
        return wg_fail(s->ctx, WAGLE_E_INPUT,
                       "%s: rope scaling 'yarn' with rope_theta %g: it must "
                       "be above 1",
                       s->path, rope->theta);
    double low = yarn_pair(c, rope, fast), high = yarn_pair(c, rope, slow);
    if (!json_is_false(truncate)) {
        low = floor(low);
        high = ceil(high);
    }
    low = fmax(low, 0);
    high = fmin(high, (double)c->r - 1);
    high += low == high ? 0.001 : 0;
    for (int64_t i = 0; i < c->r / 2; i++) {
        const double slowed = fmin(fmax(((double)i - low) / (high - low), 0), 1);
        rope->divide[i] = 1 / (slowed / factor + 1 - slowed);
    }
    return WAGLE_OK;
}

/* How many of a head's numbers turn. Families whose share is fixed take another one with a scaling
 * alone, and then cannot compute with it. */
static wagle_status read_share(const wg_config_source *s, const parameters *p, const kind *k,
                               wg_config *c)
{
    const double usual = s->value[WG_CFG_ROTARY];
    double share;

    WG_TRY(number(s, p, "partial_rotary_factor", usual > 0 ? usual : 1, &share));
    const double turning = floor((double)c->h * share);
    if (!s->family->turns_share && k->kind != WG_ROPE_DEFAULT && turning != (double)c->h)
        return wg_fail(s->ctx, WAGLE_E_INPUT,
                       "%s: partial_rotary_factor %g with rope scaling '%s' is not supported for "
                       "this model type",
                       s->path, share, k->name);
    c->r = s->family->turns_share && turning <= (double)c->h ? (int64_t)turning : c->h;
    if (turning > (double)c->h && s->family->turns_share)
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: partial_rotary_factor %g: it must be at most 1",
                       s->path, share);
    if (c->r < 2 || c->r % 2 != 0 || c->r / 2 > WG_PAIRS_MOST)
        return wg_fail(s->ctx, WAGLE_E_INPUT,
                       "%s: heads have %lld numbers, of which %lld cannot be rotated", s->path,
                       (long long)c->h, (long long)c->r);
    return WAGLE_OK;
}

/* Norms of q and k come after their turn there, and are computed before it here. That is the same
 * only if the turn keeps lengths. */
static wagle_status check_lengths(const wg_config_source *s, const wg_config *c, const wg_rope *r)
{
    if (c->bare_head_norms && r->scale != 1)
        return wg_fail(s->ctx, WAGLE_E_INPUT,
                       "%s: rope scaling that multiplies q and k (attention_factor %g) with "
                       "%s is not supported",
                       s->path, r->scale, s->family->key[WG_CFG_HEAD_NORMS].name);
    return WAGLE_OK;
}

static wagle_status read_one(const wg_config_source *s, const parameters *p, double theta,
                             wg_config *c, wg_rope *rope)
{
    const kind *k = kinds;

    WG_TRY(find_kind(s, p, &k));
    WG_TRY(read_share(s, p, k, c));
    WG_TRY(number(s, p, "rope_theta", theta, &rope->theta));
    if (!(rope->theta > 0))
        return wg_config_wrong(s, "rope_theta", "a number above 0", json_null());
    WG_TRY(read_original(s, p, c, rope));
    rope->kind = k->kind;
    rope->scale = 1;
    if (rope->kind == WG_ROPE_LONG)
        return read_long(s, p, c, rope);
    if (rope->kind == WG_ROPE_YARN)
        return read_yarn(s, p, c, rope);
    WG_TRY(number(s, p, "factor", 1, &rope->factor));
    WG_TRY(number(s, p, "low_freq_factor", 1, &rope->low));
    WG_TRY(number(s, p, "high_freq_factor", 4, &rope->high));
    c->bounded |= rope->kind == WG_ROPE_DYNAMIC; /* beyond its positions, frequencies change */
    if (rope->kind == WG_ROPE_LLAMA3 && rope->high < rope->low)
        return wg_fail(s->ctx, WAGLE_E_INPUT,
                       "%s: high_freq_factor must not be below low_freq_factor", s->path);
    return WAGLE_OK;
}

/* *out: the object; NULL: there is none, or an empty one. */
static wagle_status object(const wg_config_source *s, const json_t *from, const char *key,
                           const json_t **out)
{
    const json_t *value = json_object_get(from, key);

    *out = json_object_size(value) > 0 ? value : NULL;
    if (value != NULL && !json_is_object(value) && !json_is_null(value))
        return wg_config_wrong(s, key, "an object", value);
    return WAGLE_OK;
}

/* A size in place of a share, and frequencies that no key changes. */
static wagle_status read_size(const wg_config_source *s, wg_config *c)
{
    c->r = (int64_t)s->value[WG_CFG_ROTARY_SIZE];
    if (c->r < 2 || c->r > c->h || c->r % 2 != 0 || c->r / 2 > WG_PAIRS_MOST)
        return wg_fail(s->ctx, WAGLE_E_INPUT,
                       "%s: heads have %lld numbers, of which %lld cannot be rotated", s->path,
                       (long long)c->h, (long long)c->r);
    c->rope[0] = (wg_rope){.theta = s->value[WG_CFG_THETA], .factor = 1, .scale = 1};
    c->bounded = true; /* transformers has a table of max_position rows */
    return WAGLE_OK;
}

wagle_status wg_config_rope(const wg_config_source *s, wg_config *c)
{
    const json_t *now, *before, *full, *local;
    const double theta = s->value[WG_CFG_THETA];

    if (s->family->no_rope)
        return WAGLE_OK;
    if (s->family->key[WG_CFG_ROTARY_SIZE].name != NULL)
        return read_size(s, c);
    WG_TRY(object(s, s->json, "rope_parameters", &now));
    WG_TRY(object(s, s->json, "rope_scaling", &before));
    if (!s->family->rope_by_kind)
        now = before != NULL ? before : now;
    WG_TRY(object(s, now, "full_attention", &full));
    WG_TRY(object(s, now, "sliding_attention", &local));
    if (!s->family->rope_by_kind && (full != NULL || local != NULL))
        return wg_fail(s->ctx, WAGLE_E_INPUT,
                       "%s: rope_parameters by kind of layer are not supported for this model type",
                       s->path);
    if (!s->family->rope_by_kind) {
        WG_TRY(read_one(s, &(parameters){{now}, now, false}, theta, c, &c->rope[0]));
        return check_lengths(s, c, &c->rope[0]);
    }
    c->local_rope = true;
    WG_TRY(read_one(s, &(parameters){{before, full}, now, full == NULL}, theta, c, &c->rope[0]));
    return read_one(s, &(parameters){{local}, now, false}, s->value[WG_CFG_LOCAL_THETA], c,
                    &c->rope[1]);
}

/* --- frequencies ------------------------------------------------------------------------------ */

/* Frequency of pair i of r/2; llama3: Dubey et al. 2024 as transformers computes it. */
static double frequency(const wg_config *c, const wg_rope *r, int64_t i)
{
    const double f = pow(r->theta, -2.0 * (double)i / (double)c->r);
    const double wavelength = 6.283185307179586 / f;

    if (r->kind == WG_ROPE_DEFAULT || r->kind == WG_ROPE_DYNAMIC)
        return f;
    if (r->kind == WG_ROPE_LONG || r->kind == WG_ROPE_YARN)
        return f / r->divide[i];
    if (r->kind == WG_ROPE_LINEAR || wavelength > r->original / r->low)
        return f / r->factor;
    if (wavelength < r->original / r->high || r->high == r->low)
        return f;
    const double smooth = (r->original / wavelength - r->low) / (r->high - r->low);
    return (1 - smooth) * f / r->factor + smooth * f;
}

double wg_rope_factor(const wg_config *c, int which, int64_t i)
{
    const wg_rope *r = &c->rope[which];

    return pow(r->theta, -2.0 * (double)i / (double)c->r) / frequency(c, r, i);
}

/* Queries of layers without positions grow with theirs (Nakanishi 2025, arXiv 2501.19399). */
static void stretches(const wg_config *c, int64_t positions, wg_real *cosine, wg_real *sine)
{
    for (int64_t p = 0; p < positions; p++) {
        const double steps = floor((double)(p + 1) / c->stretch_from);
        for (int64_t i = 0; i < c->r / 2; i++) {
            cosine[p * (c->r / 2) + i] = (wg_real)(1 + c->stretch * log1p(steps));
            sine[p * (c->r / 2) + i] = 0;
        }
    }
}

void wg_rope_tables(const wg_config *c, int which, int64_t positions, wg_real *cosine,
                    wg_real *sine)
{
    const wg_rope *r = &c->rope[which];

    if (which == 1 && c->stretch_from > 0) {
        stretches(c, positions, cosine, sine);
        return;
    }
    for (int64_t i = 0; i < c->r / 2; i++) {
        const double f = frequency(c, r, i);
        for (int64_t p = 0; p < positions; p++) {
            cosine[p * (c->r / 2) + i] = (wg_real)(r->scale * cos((double)p * f));
            sine[p * (c->r / 2) + i] = (wg_real)(r->scale * sin((double)p * f));
        }
    }
}

wagle_status wg_rope_upload(wagle_ctx *ctx, const wg_model *m, int which, int64_t positions,
                            wg_buffer *cosine, wg_buffer *sine)
{
    const int64_t n = positions * m->config.r / 2;
    wg_real *table = NULL;

    WG_TRY(wg_buffer_reserve(ctx, m->ops, cosine, n));
    WG_TRY(wg_buffer_reserve(ctx, m->ops, sine, n));
    WG_TRY(WG_ALLOC(ctx, &table, 2 * n));
    wg_rope_tables(&m->config, which, positions, table, table + n);
    m->ops->upload(m->ops, cosine->data, table, (size_t)n * sizeof *table);
    m->ops->upload(m->ops, sine->data, table + n, (size_t)n * sizeof *table);
    wg_free(table);
    return WAGLE_OK;
}
