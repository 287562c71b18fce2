#include "optim/lora.h"

#include "base/number.h"
#include "base/pattern.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct adapter {
    int tensor;
    int64_t O, I, first; /* masters: A [r,I], then B [O,r] */
    wg_buffer merged;    /* [O,I] */
} adapter;

struct wg_lora {
    int64_t r, n;
    double scale;
    adapter *of;      /* [n] in order of the tensors */
    wg_buffer stored; /* a block of a matrix */
};

static bool is_target(const wg_model *m, int t, const char *const *patterns)
{
    const wg_tensor *x = &m->files.tensor[t];

    if (!wg_model_is_weight(m, t) || x->shape.rank != 2 || t == wg_model_tensor(m, WG_EMBED, 0) ||
        t == wg_model_tensor(m, WG_HEAD, 0) || t == wg_model_tensor(m, WG_POSITION, 0))
        return false;
    return patterns == NULL || patterns[0] == NULL || wg_matches_any(x->name, patterns);
}

wagle_status wg_lora_new(wagle_ctx *ctx, wg_optimizer *a, const wagle_train_options *o)
{
    const wg_model *m = a->model;
    wg_lora *l = NULL;

    WG_TRY(WG_ALLOC(ctx, &l, 1));
    a->lora = l;
    l->r = o->lora;
    l->scale = (o->lora_alpha > 0 ? o->lora_alpha : 2 * (double)o->lora) / (double)o->lora;
    WG_TRY(WG_ALLOC(ctx, &l->of, m->files.n));
    for (int t = 0; t < m->files.n; t++) {
        const wg_tensor *x = &m->files.tensor[t];
        if (!is_target(m, t, o->lora_targets))
            continue;
        adapter *d = &l->of[l->n++];
        *d = (adapter){.tensor = t, .O = x->shape.dim[0], .I = x->shape.dim[1], .first = a->n};
        a->n += l->r * (d->O + d->I);
        WG_TRY(wg_buffer_reserve(ctx, m->ops, &d->merged, x->count));
    }
    WG_TRY(wg_buffer_reserve(ctx, m->ops, &l->stored, WG_LORA_BLOCK));
    return l->n > 0 ? WAGLE_OK
                    : wg_fail(ctx, WAGLE_E_USAGE, "@{lora_targets} matches no matrix of a layer");
}

void wg_lora_sizes(const wg_model *m, const wagle_train_options *o, int64_t *adapters,
                   int64_t *targets)
{
    *adapters = *targets = 0;
    for (int t = 0; t < m->files.n; t++) {
        const wg_tensor *x = &m->files.tensor[t];
        if (!is_target(m, t, o->lora_targets))
            continue;
        *adapters += o->lora * (x->shape.dim[0] + x->shape.dim[1]);
        *targets += x->count;
    }
}

void wg_lora_free(const wg_ops *ops, wg_lora *l)
{
    if (l == NULL)
        return;
    for (int64_t i = 0; l->of != NULL && i < l->n; i++)
        wg_buffer_free(ops, &l->of[i].merged);
    wg_buffer_free(ops, &l->stored);
    wg_free(l->of);
    wg_free(l);
}

void wg_lora_merge(wg_optimizer *a)
{
    const wg_lora *l = a->lora;
    const wg_ops *ops = a->model->ops;

    for (int64_t i = 0; i < l->n; i++) {
        const adapter *d = &l->of[i];
        const wg_tensor *t = &a->model->files.tensor[d->tensor];
        const char *stored = ops->stored(ops, t->data, t->bytes);
        const float *A = a->master + d->first, *B = A + l->r * d->I;
        float *merged = d->merged.data;
        ops->gemm(ops, d->O, d->I, l->r, wg_matrix(B, l->r), wg_matrix(A, d->I), false, merged,
                  d->I);
        for (int64_t at = 0; at < t->count; at += WG_LORA_BLOCK) {
            const int64_t n = t->count - at < WG_LORA_BLOCK ? t->count - at : WG_LORA_BLOCK;
            ops->widen(ops, t->dtype, stored + (size_t)at * wg_dtype_size(t->dtype), n,
                       l->stored.data);
            ops->axpby(ops, n, 1, l->stored.data, (float)l->scale, merged + at);
        }
        wg_model_done(a->model, d->tensor);
    }
}

wagle_status wg_lora_start(wagle_ctx *ctx, wg_optimizer *a, uint64_t seed)
{
    const wg_lora *l = a->lora;
    float *normal = NULL;

    WG_TRY(WG_ALLOC(ctx, &normal, a->n)); /* more than any A has */
    for (int64_t i = 0; i < l->n; i++) {
        const adapter *d = &l->of[i];
        for (int64_t j = 0; j < l->r * d->I; j++) {
            const double x = wg_random_normal(seed, (uint64_t)d->tensor, (uint64_t)j);
            normal[j] = (float)(x / sqrt((double)d->I)); /* on the host */
        }
        a->model->ops->upload(a->model->ops, a->master + d->first, normal,
                              (size_t)(l->r * d->I) * sizeof *normal);
        a->model->overlay[d->tensor] = (wg_overlay){.value = d->merged.data};
    }
    wg_free(normal);
    wg_lora_merge(a);
    return WAGLE_OK;
}

void wg_lora_round(wg_optimizer *a)
{
    const wg_lora *l = a->lora;
    const wg_ops *ops = a->model->ops;

    for (int64_t i = 0; i < l->n; i++) {
        const wg_tensor *t = &a->model->files.tensor[l->of[i].tensor];
        ops->round(ops, t->dtype, t->count, l->of[i].merged.data);
    }
}

void wg_lora_scale(wg_optimizer *a, double share)
{
    const wg_lora *l = a->lora;
    const wg_ops *ops = a->model->ops;

    for (int64_t i = 0; i < l->n; i++) {
        const int64_t b = l->of[i].first + l->r * l->of[i].I, n = l->r * l->of[i].O;
        ops->zero(ops, a->master + b, (size_t)n * sizeof *a->master);
        ops->interpolate(ops, n, share, a->gradient + b, a->master + b);
    }
    wg_lora_merge(a);
}

static int compare_tensors(const void *a, const void *b)
{
    return ((const adapter *)a)->tensor - ((const adapter *)b)->tensor;
}

static const adapter *find_adapter(const wg_lora *l, int tensor)
{
    const adapter key = {.tensor = tensor};

    return bsearch(&key, l->of, (size_t)l->n, sizeof *l->of, compare_tensors);
}

bool wg_lora_wants(const wg_lora *l, int tensor)
{
    return find_adapter(l, tensor) != NULL;
}

void wg_lora_accept(wg_optimizer *a, int tensor, const float *grad)
{
    const wg_lora *l = a->lora;
    const wg_ops *ops = a->model->ops;
    const adapter *d = find_adapter(l, tensor);

    if (d == NULL)
        return;
    const float *A = a->master + d->first, *B = A + l->r * d->I;
    float *dA = a->gradient + d->first, *dB = dA + l->r * d->I;
    const int64_t n = l->r * (d->I + d->O);
    if (a->adding)
        ops->scale(ops, n, 1 / (float)l->scale, dA);
    else
        ops->zero(ops, dA, (size_t)n * sizeof *dA);
    ops->gemm(ops, l->r, d->I, d->O, wg_transpose(wg_matrix(B, l->r)), wg_matrix(grad, d->I), true,
              dA, d->I);
    ops->gemm(ops, d->O, l->r, d->I, wg_matrix(grad, d->I), wg_transpose(wg_matrix(A, d->I)), true,
              dB, l->r);
    ops->scale(ops, n, (float)l->scale, dA);
}

/* --- a folder that PEFT loads ------------------------------------------------------------------
 */

enum { KEY_BYTES = WG_NAME_BYTES + 64 };
static const char key_prefix[] = "base_model.model.", weight_end[] = ".weight";

/* A weight's role, and its layer. */
static wg_role role_of(const wg_model *m, int tensor, int64_t *layer)
{
    int role = 0;

    *layer = 0;
    for (; role < wg_config_roles(&m->config); role++)
        for (*layer = 0; *layer < wg_config_layers(&m->config, (wg_role)role); ++*layer)
            if (wg_model_tensor(m, (wg_role)role, *layer) == tensor)
                return (wg_role)role;
    return (wg_role)role; /* not reached */
}

/* "model.layers.0.mlp.up_proj": as the model's class calls the matrix, whatever its file does. */
static void module_of(const wg_model *m, int tensor, char module[WG_NAME_BYTES])
{
    wg_shape shape;
    int64_t layer;
    const wg_role role = role_of(m, tensor, &layer);

    wg_config_tensor(&m->config, role, layer, module, &shape);
    if (wg_ends_with(module, weight_end))
        module[strlen(module) - (sizeof weight_end - 1)] = '\0';
}

static const char *last_part(const char *module)
{
    const char *dot = strrchr(module, '.');

    return dot != NULL ? dot + 1 : module;
}

/* Every matrix of the layers whose name ends in this part has an adapter: it names them all. */
static bool names_all(const wg_model *m, const wg_lora *l, const char *part)
{
    char end[WG_NAME_BYTES + 16];

    snprintf(end, sizeof end, ".%s%s", part, weight_end);
    for (int t = 0; t < m->files.n; t++)
        if (wg_ends_with(m->files.tensor[t].name, end) && is_target(m, t, NULL) &&
            !wg_lora_wants(l, t))
            return false;
    return true;
}

static bool is_listed(const json_t *list, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), name) == 0)
            return true;
    return false;
}

wagle_status wg_lora_check_written(wagle_ctx *ctx, const wg_model *m, const wagle_train_options *o)
{
    const char *first = NULL;
    int64_t n = 0;

    if (o->lora == 0 || o->out_adapter == NULL || m->config.X == 0)
        return WAGLE_OK;
    for (int role = 0; role < wg_config_roles(&m->config); role++)
        for (int64_t layer = 0; layer < wg_config_layers(&m->config, (wg_role)role); layer++) {
            const int t = wg_model_tensor(m, (wg_role)role, layer);
            if ((role != WG_ROUTER && role < WG_EXPERT_ROLES) || t < 0 ||
                !is_target(m, t, o->lora_targets))
                continue;
            first = n++ == 0 ? m->files.tensor[t].name : first;
        }
    return n == 0 ? WAGLE_OK
                  : wg_fail(ctx, WAGLE_E_USAGE,
                            "@{out_adapter}: %lld matrices that get an adapter are experts or "
                            "routers, '%.64s' first; PEFT with transformers 5 does not find these: "
                            "choose others with @{lora_targets attention}",
                            (long long)n, first);
}

static json_t *list_targets(const wg_model *m, const wg_lora *l)
{
    json_t *list = json_array();
    char module[WG_NAME_BYTES];

    for (int64_t i = 0; i < l->n; i++) {
        module_of(m, l->of[i].tensor, module);
        const char *part = last_part(module);
        if (!is_listed(list, part)) /* else it is named already */
            json_array_append_new(list, json_string(names_all(m, l, part) ? part : module));
    }
    return list;
}

static wagle_status write_config(wagle_ctx *ctx, const wg_optimizer *a, const char *base,
                                 const char *folder)
{
    const wg_lora *l = a->lora;
    const double alpha = l->scale * (double)l->r;
    char *path = wg_path_join(ctx, folder, "adapter_config.json");
    json_t *config =
        json_pack("{s:s, s:s, s:o, s:I, s:o, s:f, s:s, s:o, s:b, s:b, s:b, s:b, s:b}", "peft_type",
                  "LORA", "task_type", "CAUSAL_LM", "base_model_name_or_path", wg_json_bytes(base),
                  "r", (json_int_t)l->r, "lora_alpha",
                  alpha == floor(alpha) ? json_integer((json_int_t)alpha) : json_real(alpha),
                  "lora_dropout", 0.0, "bias", "none", "target_modules", list_targets(a->model, l),
                  "fan_in_fan_out", (int)a->model->config.family->transposed, "use_rslora", 0,
                  "use_dora", 0, "init_lora_weights", 1, "inference_mode", 1);
    wagle_status st = path != NULL && config != NULL ? wg_json_write(ctx, path, config, true)
                                                     : wg_json_memory(ctx);

    json_decref(config);
    wg_free(path);
    return st;
}

/* out [columns,rows] of x [rows,columns]; both on the host. */
static void transpose(const float *x, int64_t rows, int64_t columns, float *out)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            out[j * rows + i] = x[i * columns + j]; /* on the host */
}

/* A matrix that is stored [in,out] trained as its transpose: there B^T is PEFT's A, and A^T its B.
 * host [r*(I+O)]: the masters, A first. */
static void list_parts(const wg_model *m, const wg_lora *l, const adapter *d, const float *host,
                       float *turned, char name[2][KEY_BYTES], wg_tensor part[2])
{
    const bool swap = wg_model_is_transposed(m, d->tensor);
    const int64_t in = swap ? d->O : d->I, out = swap ? d->I : d->O;
    const float *A = host, *B = host + l->r * d->I;
    char module[WG_NAME_BYTES];

    if (swap) {
        transpose(B, d->O, l->r, turned);
        transpose(A, l->r, d->I, turned + l->r * d->O);
        A = turned;
        B = turned + l->r * d->O;
    }
    module_of(m, d->tensor, module);
    snprintf(name[0], KEY_BYTES, "%s%s.lora_A.weight", key_prefix, module);
    snprintf(name[1], KEY_BYTES, "%s%s.lora_B.weight", key_prefix, module);
    part[0] = (wg_tensor){.name = name[0], .shape = {2, {l->r, in}}, .data = A};
    part[1] = (wg_tensor){.name = name[1], .shape = {2, {out, l->r}}, .data = B};
    for (int k = 0; k < 2; k++) {
        part[k].dtype = WG_F32;
        part[k].count = part[k].shape.dim[0] * part[k].shape.dim[1];
        part[k].bytes = (size_t)part[k].count * sizeof(float);
    }
}

static wagle_status write_weights(wagle_ctx *ctx, const wg_optimizer *a, const char *folder)
{
    const wg_lora *l = a->lora;
    char *path = wg_path_join(ctx, folder, "adapter_model.safetensors");
    char(*name)[2][KEY_BYTES] = wg_alloc(ctx, l->n, sizeof *name);
    wg_tensor *part = wg_alloc(ctx, 2 * l->n, sizeof *part);
    float *host = wg_alloc(ctx, a->n, sizeof *host), *turned = wg_alloc(ctx, a->n, sizeof *turned);
    json_t *metadata = json_pack("{s:s}", "format", "pt");
    wagle_status st = WAGLE_E_RESOURCE;

    if (path != NULL && name != NULL && part != NULL && host != NULL && turned != NULL)
        st = a->model->ops->download(a->model->ops, ctx, host, a->master,
                                     (size_t)a->n * sizeof *host);
    for (int64_t i = 0; st == WAGLE_OK && i < l->n; i++)
        list_parts(a->model, l, &l->of[i], host + l->of[i].first, turned + l->of[i].first, name[i],
                   &part[2 * i]);
    if (st == WAGLE_OK)
        st = wg_safetensors_write(ctx, path, part, 2 * l->n, metadata, true);
    json_decref(metadata);
    wg_free(path);
    wg_free(name);
    wg_free(part);
    wg_free(host);
    wg_free(turned);
    return st;
}

wagle_status wg_lora_write(wagle_ctx *ctx, const wg_optimizer *a, const char *base, const char *out)
{
    wg_partial folder;
    wagle_status st;

    WG_TRY(wg_partial_new(ctx, out, &folder));
    st = write_config(ctx, a, base, folder.path);
    if (st == WAGLE_OK)
        st = write_weights(ctx, a, folder.path);
    if (st == WAGLE_OK)
        st = wg_partial_commit(ctx, &folder, out);
    wg_partial_end(&folder, false);
    return st;
}
