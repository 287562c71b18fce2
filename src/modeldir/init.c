/* init.c - a model folder of any size with random weights, streamed. */
#include "base/options.h"
#include "base/number.h"
#include "model/model.h"
#include <math.h>
#include <string.h>

enum { CHUNK = 1 << 16 };

typedef struct initializer {
    wagle_ctx *ctx;
    const wagle_init_options *o;
    wg_config config;
    double deviation;
    wg_dtype dtype;
    wg_tensor *tensor; /* [n] */
    int64_t n;
    wg_arena arena;
    float *values; /* [CHUNK] */
    char *stored;  /* [CHUNK] of the type */
} initializer;

static wagle_status add_tensor(initializer *m, wg_role role, int64_t layer)
{
    wg_tensor *t = &m->tensor[m->n];
    char name[WG_NAME_BYTES];

    if (!wg_config_has(&m->config, role, layer))
        return WAGLE_OK;
    if (!wg_config_stored(&m->config, role, layer, name, &t->shape))
        return WAGLE_OK; /* it is in the tensor of expert 0 */
    t->dtype = m->dtype;
    t->name = wg_arena_text(m->ctx, &m->arena, name, strlen(name));
    if (t->name == NULL)
        return WAGLE_E_RESOURCE;
    if (!wg_shape_count(&t->shape, &t->count))
        return wg_fail(m->ctx, WAGLE_E_INPUT, "%s: tensor '%s' is too large", m->o->config, name);
    t->bytes = (size_t)t->count * wg_dtype_size(m->dtype);
    m->n++;
    return WAGLE_OK;
}

/* In the order in which a pass reads them: layer by layer. */
static wagle_status list_tensors(initializer *m)
{
    const int64_t most = wg_model_place_of(&m->config, WG_LAYER_ROLES, m->config.L);

    WG_TRY(WG_ALLOC(m->ctx, &m->tensor, most));
    for (int role = 0; role < WG_LAYER_ROLES; role++)
        WG_TRY(add_tensor(m, (wg_role)role, 0));
    for (int64_t layer = 0; layer < m->config.L; layer++)
        for (int role = WG_LAYER_ROLES; role < wg_config_roles(&m->config); role++)
            WG_TRY(add_tensor(m, (wg_role)role, layer));
    return WAGLE_OK;
}

/* Nearly normal: four 16-bit uniform numbers, whose sum has mean 131070 and variance
 * 4 (2^32 - 1) / 12. One draw a weight and no transcendental function. */
static float draw(uint64_t seed, uint64_t stream, uint64_t i, float scale)
{
    const uint64_t r = wg_random(seed, stream, i);
    const int64_t sum = (int64_t)(r & 0xFFFF) + (int64_t)(r >> 16 & 0xFFFF) +
                        (int64_t)(r >> 32 & 0xFFFF) + (int64_t)(r >> 48);

    return scale * (float)(sum - 131070);
}

static wagle_status write_values(initializer *m, int64_t tensor, wg_output *out)
{
    const wg_tensor *t = &m->tensor[tensor];
    const float scale = (float)(m->deviation / sqrt(4.0 * 4294967295.0 / 12.0));

    for (int64_t first = 0; first < t->count; first += CHUNK) {
        const int64_t n = t->count - first < CHUNK ? t->count - first : CHUNK;
        for (int64_t i = 0; i < n; i++)
            m->values[i] = t->shape.rank == 1
                               ? 1.0f
                               : draw(m->o->seed, (uint64_t)tensor, (uint64_t)(first + i), scale);
        wg_from_float(m->dtype, m->values, n, m->stored);
        WG_TRY(wg_output_write(m->ctx, out, m->stored, (size_t)n * wg_dtype_size(m->dtype)));
        WG_TRY(wg_check_interrupt(m->ctx));
    }
    return WAGLE_OK;
}

static wagle_status write_weights(initializer *m, const char *path)
{
    wg_output out = {.fd = -1};
    json_t *facts = json_pack("{s:s}", "format", "pt");
    wagle_status st = facts != NULL ? WAGLE_OK : wg_json_memory(m->ctx);

    WG_TRY_GOTO(st, done);
    WG_TRY_GOTO(WG_ALLOC(m->ctx, &m->values, CHUNK), done);
    WG_TRY_GOTO(WG_ALLOC(m->ctx, &m->stored, CHUNK * (int64_t)sizeof(float)), done);
    WG_TRY_GOTO(wg_output_open(m->ctx, path, true, &out), done);
    WG_TRY_GOTO(wg_safetensors_header(m->ctx, &out, m->tensor, m->n, facts, NULL), done);
    for (int64_t t = 0; t < m->n; t++) {
        WG_TRY_GOTO(write_values(m, t, &out), done);
        wg_progress(m->ctx, "init", t + 1, m->n, NULL);
    }
    st = wg_output_commit(m->ctx, &out);
done:
    wg_output_abort(&out);
    json_decref(facts);
    return st;
}

/* The config as it was given, but for the type. */
static wagle_status write_config(initializer *m, const char *path)
{
    static const char *const names[] = {
        [WG_F32] = "float32", [WG_F16] = "float16", [WG_BF16] = "bfloat16"};
    const json_t *range;
    json_t *json;
    wagle_status st;

    WG_TRY(wg_json_read(m->ctx, m->o->config, &json));
    range = json_object_get(json, "initializer_range");
    m->deviation = json_is_number(range) ? json_number_value(range) : 0.02;
    json_object_del(json, "torch_dtype");
    st = !json_is_object(json)
             ? wg_fail(m->ctx, WAGLE_E_INPUT, "%s: not a JSON object", m->o->config)
             : wg_json_set(m->ctx, json, "dtype", json_string(names[m->dtype]));
    if (st == WAGLE_OK)
        st = wg_json_write(m->ctx, path, json, true);
    json_decref(json);
    return st;
}

static wagle_status make(initializer *m, const char *folder)
{
    char *config = wg_path_join(m->ctx, folder, "config.json");
    char *weights = wg_path_join(m->ctx, folder, "model.safetensors");
    wagle_status st = config != NULL && weights != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK)
        st = wg_make_folder(m->ctx, folder);
    if (st == WAGLE_OK)
        st = write_config(m, config);
    if (st == WAGLE_OK)
        st = wg_config_read(m->ctx, folder, &m->config);
    if (st == WAGLE_OK)
        st = list_tensors(m);
    if (st == WAGLE_OK)
        st = write_weights(m, weights);
    wg_free(config);
    wg_free(weights);
    return st;
}

WG_DEFAULTS(wagle_init_defaults, wagle_init_options, .dtype = WAGLE_DTYPE_BF16, .seed = 1)

wagle_status wagle_init(wagle_ctx *ctx, const wagle_init_options *given)
{
    wagle_init_options own;
    const wagle_init_options *o = &own;
    initializer m = {.ctx = ctx, .o = o};
    wg_partial folder;
    wagle_status st;

    wg_begin(ctx);
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_init));
    if (o->config == NULL || o->out == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "init needs @{config config.json} and @{out DIR}");
    WG_TRY(wg_weight_dtype(ctx, o->dtype, &m.dtype));
    if (o->dtype == WAGLE_DTYPE_AUTO)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{dtype}: a model to make has no type of its own; name one");
    WG_TRY(wg_output_check(ctx, o->out, o->force, WG_INPUTS(o->config)));
    WG_TRY(wg_partial_new(ctx, o->out, &folder));
    st = make(&m, folder.path);
    if (st == WAGLE_OK)
        st = wg_partial_commit(ctx, &folder, o->out);
    wg_partial_end(&folder, false);
    wg_free(m.tensor);
    wg_free(m.values);
    wg_free(m.stored);
    wg_arena_free(&m.arena);
    return st;
}
