/* config.c - config.json as transformers' configuration class of that model type reads it: the
 * family's table says which keys count, and what holds where they are missing. Keys that the class
 * does not know are ignored as it ignores them. */
#include "model/config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 1 << 24 };
typedef wg_config_source source;

/* --- values ----------------------------------------------------------------------------------- */

static const char *describe(const json_t *value, char text[48])
{
    static const char *const names[] = {[JSON_OBJECT] = "an object",
                                        [JSON_ARRAY] = "a list",
                                        [JSON_TRUE] = "true",
                                        [JSON_FALSE] = "false",
                                        [JSON_NULL] = "null"};

    if (json_is_string(value))
        snprintf(text, 48, "\"%.32s\"", json_string_value(value));
    else if (json_is_number(value))
        snprintf(text, 48, "%.15g", json_number_value(value));
    else
        snprintf(text, 48, "%s", value != NULL ? names[json_typeof(value)] : "nothing");
    return text;
}

wagle_status wg_config_wrong(const source *s, const char *key, const char *wanted,
                             const json_t *found)
{
    char text[48];

    return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: '%s' must be %s, found %s", s->path, key, wanted,
                   describe(found, text));
}

wagle_status wg_config_real(const source *s, const char *key, const json_t *value, double *out)
{
    *out = json_number_value(value);
    if (!json_is_number(value) || !(*out > 0) || !isfinite(*out))
        return wg_config_wrong(s, key, "a number above 0", value);
    return WAGLE_OK;
}

static wagle_status whole(const source *s, const char *key, const json_t *value, int64_t least,
                          double *out)
{
    char wanted[64];

    *out = json_number_value(value);
    snprintf(wanted, sizeof wanted, "a whole number from %d to %d", (int)least, MOST);
    if (!json_is_integer(value) || json_integer_value(value) < least ||
        json_integer_value(value) > MOST)
        return wg_config_wrong(s, key, wanted, value);
    return WAGLE_OK;
}

static wagle_status flag(const source *s, const char *key, const json_t *value, double *out)
{
    *out = json_is_true(value);
    return json_is_boolean(value) ? WAGLE_OK : wg_config_wrong(s, key, "true or false", value);
}

/* s->value[id]: of the key's spellings, the last that is there. */
static wagle_status read_key(source *s, wg_cfg id)
{
    const wg_family_key *key = &s->family->key[id];
    char name[64];

    s->value[id] = key->fallback;
    for (const char *at = key->name; at != NULL && *at != '\0';) {
        const size_t n = strcspn(at, "|");
        snprintf(name, sizeof name, "%.*s", (int)n, at);
        const json_t *value = json_object_get(s->json, name);
        at += n + (at[n] == '|');
        if (value == NULL)
            continue;
        if (key->nullable && json_is_null(value))
            s->value[id] = 0;
        else if (id < WG_CFG_REALS)
            WG_TRY(whole(s, name, value, id != WG_CFG_WINDOW_FROM, &s->value[id]));
        else if (id < WG_CFG_FLAGS)
            WG_TRY(wg_config_real(s, name, value, &s->value[id]));
        else
            WG_TRY(flag(s, name, value, &s->value[id]));
    }
    return WAGLE_OK;
}

static bool is_set(const source *s, wg_cfg flag)
{
    return s->value[flag] != 0;
}

/* A whole number, or what the family takes in its place. */
static int64_t size(const source *s, wg_cfg id, int64_t otherwise)
{
    return s->value[id] > 0 ? (int64_t)s->value[id] : otherwise;
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
                 {"gelu_python", WG_GELU},
                 {"gelu_new", WG_GELU_TANH},
                 {"gelu_fast", WG_GELU_TANH},
                 {"gelu_accurate", WG_GELU_TANH},
                 {"gelu_pytorch_tanh", WG_GELU_TANH},
                 {"gelu_python_tanh", WG_GELU_TANH},
                 {"relu", WG_RELU}};
    const char *key = s->family->activation_key;
    const json_t *value = json_object_get(s->json, key);
    const char *name = value == NULL ? s->family->activation : json_string_value(value);

    if (name == NULL)
        return wg_config_wrong(s, key, "a name", value);
    if (s->family->gelu_is_tanh && strcmp(name, "gelu") == 0)
        name = "gelu_pytorch_tanh";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, name) == 0) {
            c->activation = known[i].act;
            return WAGLE_OK;
        }
    return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: activation '%.32s' is not supported", s->path, name);
}

/* Keys that change what any model computes. Empty objects change nothing. */
static wagle_status refuse_general(const source *s, const json_t *json)
{
    static const struct {
        const char *key, *why;
    } changes[] = {
        {"quantization_config", "quantised weights are not read; load the unquantised model"},
        {"per_layer_config", "layers that differ are not supported"},
        {"transformers_weights", "weights under another name are not read"}};
    const json_t *causal = json_object_get(json, "is_causal");

    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const json_t *value = json_object_get(json, changes[i].key);
        if (value != NULL && !json_is_null(value) &&
            !(json_is_object(value) && json_object_size(value) == 0))
            return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: %s: %s", s->path, changes[i].key,
                           changes[i].why);
    }
    if (causal != NULL && !json_is_true(causal))
        return wg_fail(s->ctx, WAGLE_E_INPUT,
                       "%s: is_causal must be true: attention is causal here", s->path);
    return WAGLE_OK;
}

/* Keys of the family that ask for what we lack. null is as if they were not there. */
static wagle_status refuse_lacking(const source *s)
{
    const wg_family *f = s->family;

    for (int i = 0; i < 8 && f->must_be_off[i] != NULL; i++) {
        const json_t *value = json_object_get(s->json, f->must_be_off[i]);
        const bool zero = json_is_number(value) && json_number_value(value) == 0;
        if (value != NULL && !json_is_false(value) && !json_is_null(value) && !zero)
            return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: %s is not supported", s->path,
                           f->must_be_off[i]);
    }
    for (int i = 0; i < 4 && f->must_be_on[i] != NULL; i++) {
        const json_t *value = json_object_get(s->json, f->must_be_on[i]);
        if (value != NULL && !json_is_true(value) && !json_is_null(value))
            return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: %s = false is not supported", s->path,
                           f->must_be_on[i]);
    }
    WG_TRY(refuse_general(s, s->whole));
    return refuse_general(s, s->json);
}

const json_t *wg_config_of_text(const json_t *json, const wg_family **family)
{
    const char *type = json_string_value(json_object_get(json, "model_type"));
    const json_t *text = json_object_get(json, "text_config");

    *family = type != NULL && json_is_object(text) ? wg_family_inside(type) : NULL;
    return *family != NULL ? text : json;
}

/* The family of the config, or of its text_config, which s->json then becomes. */
static wagle_status find_family(source *s, wg_config *c)
{
    const wg_family *inside;

    s->json = wg_config_of_text(s->whole, &inside);
    c->inside = inside != NULL;
    const char *type = json_string_value(json_object_get(s->json, "model_type"));
    s->family = c->family = type != NULL ? wg_family_find(type) : inside;
    if (c->inside && c->family != inside)
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: text_config: model_type must be '%s'", s->path,
                       inside->model_type[0]);
    return WAGLE_OK;
}

static wagle_status read_family(source *s, wg_config *c)
{
    static const char *const experts[] = {"num_local_experts", "num_experts", "n_routed_experts"};
    WG_TRY(find_family(s, c));
    const char *type = json_string_value(json_object_get(s->json, "model_type"));
    for (size_t i = 0; i < 3 && c->family == NULL; i++)
        if (json_object_get(s->json, experts[i]) != NULL)
            return wg_fail(s->ctx, WAGLE_E_INPUT,
                           "%s: '%.32s' is a mixture of experts that is not supported (supported "
                           "are llama4_text, mixtral, olmoe, qwen2_moe, qwen3_moe)",
                           s->path, type != NULL ? type : "(no model_type)");
    if (c->family == NULL)
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: model_type '%.32s' is not supported", s->path,
                       type != NULL ? type : "(none)");
    WG_TRY(refuse_lacking(s));
    for (int id = 0; id < WG_CFG_KEYS; id++)
        WG_TRY(read_key(s, (wg_cfg)id));
    c->parallel = is_set(s, WG_CFG_PARALLEL);
    c->norm_sum = c->family->key[WG_CFG_NORM_BEFORE].name != NULL && !is_set(s, WG_CFG_NORM_BEFORE);
    c->tied = is_set(s, WG_CFG_TIED);
    return read_activation(s, c);
}

static void choose_tensors(const source *s, wg_config *c)
{
    int64_t mixtures = 0;

    for (int64_t l = 0; l < c->L; l++)
        mixtures += wg_config_is_mixture(c, l);
    for (int role = 0; role < WG_ROLES; role++) {
        const wg_family_tensor *t = &c->family->tensor[role];
        c->has[role] = t->pattern != NULL && !(role == WG_HEAD && c->tied) &&
                       !(wg_is_of_mixture((wg_role)role) && mixtures == 0) &&
                       !(wg_is_of_mlp((wg_role)role) && mixtures == c->L);
        if (t->when != 0)
            c->has[role] &= t->when > 0 ? is_set(s, (wg_cfg)t->when) : !is_set(s, (wg_cfg)-t->when);
        if ((role == WG_PROJECT_IN || role == WG_PROJECT_OUT) && c->E == c->D)
            c->has[role] = false;
    }
}

static wagle_status read_heads(const source *s, wg_config *c)
{
    const json_t *given = json_object_get(s->json, "head_dim");
    const wg_family_key *scale = &c->family->key[WG_CFG_SCALE];

    c->H = size(s, WG_CFG_H, 1);
    c->K = is_set(s, WG_CFG_ONE_GROUP) ? 1 : size(s, WG_CFG_K, c->H);
    c->h = size(s, WG_CFG_HEAD, c->D / c->H);
    if (c->family->fixed_head && c->h * c->H != c->D)
        return wg_fail(s->ctx, WAGLE_E_INPUT,
                       "%s: head_dim %lld: in this model type it is hidden_size over "
                       "num_attention_heads, %lld / %lld",
                       s->path, (long long)c->h, (long long)c->D, (long long)c->H);
    if (c->H % c->K != 0 || c->h < 2 || c->h % 2 != 0 || c->h > 4096 ||
        (given == NULL && size(s, WG_CFG_HEAD, 0) == 0 && c->D % c->H != 0))
        return wg_fail(s->ctx, WAGLE_E_INPUT,
                       "%s: %lld heads, %lld key/value heads, head size %lld do not fit together",
                       s->path, (long long)c->H, (long long)c->K, (long long)c->h);
    c->attention_scale =
        1 / sqrt(s->value[WG_CFG_QUERY_SCALAR] > 0 ? s->value[WG_CFG_QUERY_SCALAR] : (double)c->h);
    c->attention_scale = scale->name != NULL && !is_set(s, WG_CFG_SCALE) ? 1 : c->attention_scale;
    c->layer_scale = is_set(s, WG_CFG_LAYER_SCALE);
    return WAGLE_OK;
}

/* --- mixtures of experts ---------------------------------------------------------------------- */

/* Layers that mlp_only_layers lists are no mixtures. */
static wagle_status read_mlp_only(const source *s, wg_config *c)
{
    const json_t *list =
        c->family->mlp_only_layers ? json_object_get(s->json, "mlp_only_layers") : NULL;
    const json_t *value;
    size_t i;

    if (list != NULL && !json_is_null(list) && !json_is_array(list))
        return wg_config_wrong(s, "mlp_only_layers", "a list of layers", list);
    json_array_foreach (list, i, value) {
        const int64_t l = json_integer_value(value);
        if (!json_is_integer(value))
            return wg_config_wrong(s, "mlp_only_layers", "a list of layers, from 0", value);
        if (l >= 0 && l < c->L)
            c->mixture[l / 64] &= ~((uint64_t)1 << (l % 64));
    }
    return WAGLE_OK;
}

/* A list of whole numbers; NULL where the family does not read it, or it is missing or null. */
static wagle_status read_list(const source *s, bool reads, const char *key, const json_t **out)
{
    const json_t *value;
    size_t i;

    *out = reads ? json_object_get(s->json, key) : NULL;
    *out = json_is_null(*out) ? NULL : *out;
    if (*out != NULL && !json_is_array(*out))
        return wg_config_wrong(s, key, "a list of whole numbers", *out);
    json_array_foreach (*out, i, value)
        if (!json_is_integer(value))
            return wg_config_wrong(s, key, "a list of whole numbers", value);
    return WAGLE_OK;
}

static void set_layer(uint64_t *layers, int64_t l)
{
    layers[l / 64] |= (uint64_t)1 << (l % 64);
}

/* Layers that are a mixture: those of moe_layers, or every n-th. */
static wagle_status choose_mixtures(const source *s, wg_config *c)
{
    const int64_t every = size(s, WG_CFG_MIXTURE_EVERY, 1);
    const json_t *list, *value;
    size_t i;

    WG_TRY(read_list(s, c->family->moe_layers, "moe_layers", &list));
    for (int64_t l = every - 1; list == NULL && l < c->L; l += every)
        set_layer(c->mixture, l);
    json_array_foreach (list, i, value) {
        const json_int_t l = json_integer_value(value);
        if (l >= 0 && l < c->L)
            set_layer(c->mixture, l);
    }
    return read_mlp_only(s, c);
}

static bool has_mixtures(const wg_config *c)
{
    for (int64_t l = 0; l < c->L; l++)
        if (wg_config_is_mixture(c, l))
            return true;
    return false;
}

static wagle_status read_mixtures(const source *s, wg_config *c)
{
    if (c->family->key[WG_CFG_EXPERTS].name == NULL)
        return WAGLE_OK;
    c->X = size(s, WG_CFG_EXPERTS, 1);
    c->used = size(s, WG_CFG_EXPERTS_USED, 1);
    c->FX = size(s, WG_CFG_EXPERT_F, c->F);
    c->FS = size(s, WG_CFG_SHARED_F, 0);
    c->sum_to_one = is_set(s, WG_CFG_SUM_TO_ONE);
    if (c->X > WG_EXPERTS_MOST || c->used > c->X)
        return wg_fail(s->ctx, WAGLE_E_INPUT,
                       "%s: %lld of %lld experts a token: of at most %d experts, a token can use "
                       "each once",
                       s->path, (long long)c->used, (long long)c->X, WG_EXPERTS_MOST);
    WG_TRY(choose_mixtures(s, c));
    if (has_mixtures(c))
        return WAGLE_OK;
    if (c->family->moe_layers)
        return wg_fail(s->ctx, WAGLE_E_INPUT,
                       "%s: no layer is a mixture of experts (moe_layers, "
                       "interleave_moe_layer_step), which is not supported for this model type",
                       s->path);
    c->X = c->used = c->FX = c->FS = 0;
    return WAGLE_OK;
}

/* --- layers without positions ----------------------------------------------------------------- */

/* An empty list is as none. */
static wagle_status read_turns(const source *s, wg_config *c)
{
    const int64_t every = size(s, WG_CFG_UNTURNED_EVERY, 0);
    const json_t *list;

    WG_TRY(read_list(s, c->family->no_rope_layers, "no_rope_layers", &list));
    list = json_array_size(list) > 0 ? list : NULL;
    if (list != NULL && (int64_t)json_array_size(list) < c->L)
        return wg_fail(s->ctx, WAGLE_E_INPUT,
                       "%s: no_rope_layers has %lld numbers for %lld layers: one each, 0 where "
                       "positions do not turn",
                       s->path, (long long)json_array_size(list), (long long)c->L);
    for (int64_t l = 0; l < c->L; l++)
        if (list != NULL ? json_integer_value(json_array_get(list, (size_t)l)) == 0
                         : every > 0 && (l + 1) % every == 0)
            set_layer(c->unturned, l);
    c->bare_head_norms = is_set(s, WG_CFG_HEAD_NORMS);
    c->stretch = s->value[WG_CFG_STRETCH];
    c->stretch_from = is_set(s, WG_CFG_STRETCHES) ? s->value[WG_CFG_STRETCH_FROM] : 0;
    return WAGLE_OK;
}

static wagle_status read_sizes(const source *s, wg_config *c)
{
    c->V = size(s, WG_CFG_V, 1);
    c->D = size(s, WG_CFG_D, 1);
    c->F = size(s, WG_CFG_F, 4 * c->D);
    c->L = size(s, WG_CFG_L, 1);
    c->E = size(s, WG_CFG_E, c->D);
    c->max_position = size(s, WG_CFG_POSITIONS, 1);
    c->bounded = c->family->no_rope;
    c->eps = s->value[WG_CFG_EPS];
    c->attention_cap = s->value[WG_CFG_ATTENTION_CAP];
    c->final_cap = s->value[WG_CFG_FINAL_CAP];
    c->clip_qkv = s->value[WG_CFG_CLIP_QKV];
    c->embed_scale = c->family->scaled_embeddings ? sqrt((double)c->D) : 1;
    if (c->E > WG_EMBED_MOST && c->E != c->D)
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: word_embed_proj_dim %lld; at most %d", s->path,
                       (long long)c->E, WG_EMBED_MOST);
    if (c->L > WG_LAYERS_MOST)
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: %lld layers; at most %d", s->path,
                       (long long)c->L, WG_LAYERS_MOST);
    WG_TRY(read_mixtures(s, c));
    WG_TRY(read_turns(s, c));
    return read_heads(s, c);
}

/* A layer's kind, as layer_types names it. */
static wagle_status read_layer_type(const source *s, const json_t *types, int64_t layer,
                                    bool *windowed)
{
    const json_t *value = json_array_get(types, (size_t)layer);
    const char *type = json_string_value(value);
    const bool chunked = s->family->chunked;

    if (type == NULL)
        return wg_config_wrong(s, "layer_types", "a list of names, one a layer", value);
    *windowed = strcmp(type, chunked ? "chunked_attention" : "sliding_attention") == 0;
    if (!*windowed && strcmp(type, "full_attention") != 0 &&
        (chunked || strcmp(type, "attention") != 0))
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: layer_types: '%.32s' is not supported", s->path,
                       type);
    return WAGLE_OK;
}

static wagle_status read_windows(const source *s, wg_config *c)
{
    const json_t *types = c->family->layer_types ? json_object_get(s->json, "layer_types") : NULL;
    const bool asked = c->family->key[WG_CFG_USE_WINDOW].name != NULL;
    const bool chunked = c->family->chunked;
    const int64_t every = size(s, WG_CFG_WINDOW_EVERY, 0);

    types = json_is_null(types) ? NULL : types;
    if (types != NULL && (int64_t)json_array_size(types) != c->L)
        return wg_fail(s->ctx, WAGLE_E_INPUT,
                       "%s: layer_types must be a list of %lld names, one a layer", s->path,
                       (long long)c->L);
    if (!asked || is_set(s, WG_CFG_USE_WINDOW))
        c->window = size(s, WG_CFG_WINDOW, 0);
    for (int64_t l = 0; l < c->L; l++) {
        bool windowed = every > 0 ? (l + 1) % every != 0
                                  : c->window > 0 && (double)l >= s->value[WG_CFG_WINDOW_FROM];
        windowed &= !chunked || !wg_has_layer(c->unturned, l);
        if (types != NULL)
            WG_TRY(read_layer_type(s, types, l, &windowed));
        if (windowed && c->window == 0)
            return wg_fail(s->ctx, WAGLE_E_INPUT,
                           "%s: layer %lld has %s attention, and there is no %s%s", s->path,
                           (long long)l, chunked ? "chunked" : "sliding",
                           chunked ? "attention_chunk_size" : "sliding_window",
                           asked ? " in use (use_sliding_window)" : "");
        if (windowed)
            set_layer(c->windowed, l);
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
    source s = {.ctx = ctx, .path = path, .json = json, .whole = json};
    if (st == WAGLE_OK && !json_is_object(json))
        st = wg_fail(ctx, WAGLE_E_INPUT, "%s: not a JSON object", path);
    if (st == WAGLE_OK)
        st = read_family(&s, out);
    if (st == WAGLE_OK)
        st = read_sizes(&s, out);
    if (st == WAGLE_OK)
        st = read_windows(&s, out);
    if (st == WAGLE_OK)
        st = wg_config_rope(&s, out);
    if (st == WAGLE_OK)
        choose_tensors(&s, out);
    if (st == WAGLE_OK)
        st = wg_config_generation(ctx, folder, path, s.json, out);
    json_decref(json);
    wg_free(path);
    return st;
}
