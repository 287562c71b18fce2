/* adapter.c - what is in an adapter's files, and which tensors of the model it changes. */
#include "modeldir/adapter.h"

#include <stdlib.h>
#include <string.h>

typedef enum part { LORA_A, LORA_B, EMBEDDING_A, EMBEDDING_B, MAGNITUDE, WHOLE } part;

/* Ends of names in adapter_model.safetensors. `tensor` is what the module's tensor is called. */
static const struct {
    const char *end;
    part part;
    const char *tensor;
} ends[] = {
    {".lora_A.weight", LORA_A, ".weight"},
    {".lora_B.weight", LORA_B, ".weight"},
    {".lora_embedding_A", EMBEDDING_A, ".weight"},
    {".lora_embedding_B", EMBEDDING_B, ".weight"},
    {".lora_magnitude_vector", MAGNITUDE, ".weight"},
    {".lora_magnitude_vector.weight", MAGNITUDE, ".weight"},
    {".base_layer.weight", WHOLE, ".weight"},
    {".base_layer.bias", WHOLE, ".bias"},
    {".weight", WHOLE, ".weight"},
    {".bias", WHOLE, ".bias"},
};
enum { ENDS = sizeof ends / sizeof *ends };
static const char prefix[] = "base_model.model.";

/* A name of the file: "base_model.model." MODULE END. */
typedef struct key {
    char module[WG_NAME_BYTES], tensor[WG_NAME_BYTES];
    part part;
    bool of_expert; /* the module's tensor is called as the module, and stored [in, out] */
} key;

static wagle_status read_key(wagle_ctx *ctx, const char *name, key *out)
{
    const size_t n = sizeof prefix - 1;
    int i = 0;

    out->of_expert = false;
    while (i < ENDS && !wg_ends_with(name, ends[i].end))
        i++;
    if (strncmp(name, prefix, n) != 0 || i == ENDS || strlen(name) - n >= WG_NAME_BYTES)
        return wg_fail(ctx, WAGLE_E_INPUT, "adapter: tensor '%.128s' is of no known kind", name);
    out->part = ends[i].part;
    memcpy(out->module, name + n, strlen(name) - n + 1);
    out->module[strlen(name) - n - strlen(ends[i].end)] = '\0';
    if (out->part == WHOLE && strstr(out->module, ".lora_") != NULL)
        return wg_fail(ctx, WAGLE_E_INPUT, "adapter: tensor '%.128s' (lora_bias) is not supported",
                       name);
    if (snprintf(out->tensor, sizeof out->tensor, "%s%s", out->module, ends[i].tensor) >=
        (int)sizeof out->tensor)
        return wg_fail(ctx, WAGLE_E_INPUT, "adapter: the name '%.64s...' is too long", name);
    return WAGLE_OK;
}

/* The tensor of the model, under any of its names. */
static const wg_tensor *find_base(const wg_adapter *a, const wg_tensors *model, const char *name)
{
    const char *own = a->model.family->prefix;
    const wg_tensor *t = wg_tensors_find(model, name);
    char other[2 * WG_NAME_BYTES];

    if (a->tie.stored != NULL && wg_tie_names(&a->model, name))
        return a->tie.stored;
    if (t == NULL && own != NULL && strncmp(name, own, strlen(own)) == 0)
        t = wg_tensors_find(model, name + strlen(own));
    if (t == NULL && a->model.inside) {
        snprintf(other, sizeof other, "%s%s", a->model.family->outer_prefix, name);
        t = wg_tensors_find(model, other);
    }
    return t;
}

static wg_adapter_change *change_of(wg_adapter *a, const wg_tensor *base)
{
    int64_t i = 0;

    while (i < a->n && a->change[i].base != base)
        i++;
    if (i == a->n)
        a->change[a->n++] = (wg_adapter_change){.base = base};
    return &a->change[i];
}

/* Embeddings are stored [V,D], so in and out are as in a matrix that is stored [in,out]. */
static bool is_turned(const wg_adapter *a, const wg_tensor *base, const key *k)
{
    wg_shape shape;
    char name[WG_NAME_BYTES];
    const char *own = a->model.family->prefix;

    if (k->part == EMBEDDING_A || k->part == EMBEDDING_B || k->of_expert)
        return true;
    for (int role = WG_LAYER_ROLES; a->model.family->transposed && role < WG_ROLES; role++)
        for (int64_t layer = 0; wg_config_has(&a->model, (wg_role)role, layer); layer++) {
            wg_config_tensor(&a->model, (wg_role)role, layer, name, &shape);
            if (strcmp(name, base->name) == 0 ||
                (own != NULL && strcmp(name + strlen(own), base->name) == 0))
                return shape.rank == 2;
        }
    return false;
}

static wagle_status add_lora(wagle_ctx *ctx, wg_adapter *a, const wg_tensor *base, const key *k,
                             const wg_tensor *t)
{
    wg_adapter_change *c = change_of(a, base);
    int64_t rank;
    bool is;

    WG_TRY(wg_adapter_targets(ctx, &a->config, k->module, &is));
    if (!is)
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: target_modules does not name '%s', which the adapter has",
                       a->config_path, k->module);
    WG_TRY(wg_adapter_scale(ctx, &a->config, k->module, &rank, &c->scale));
    c->turned = is_turned(a, base, k);
    if (k->part == LORA_A || k->part == EMBEDDING_A) {
        c->a = t;
        if (t->shape.dim[0] != rank)
            return wg_fail(ctx, WAGLE_E_INPUT, "adapter: '%s' has rank %lld, %s says %lld",
                           k->module, (long long)t->shape.dim[0], a->config_path, (long long)rank);
    } else if (k->part == MAGNITUDE) {
        c->magnitude = t;
    } else {
        c->b = t;
    }
    return WAGLE_OK;
}

/* A whole tensor in place of one of the model's. */
static wagle_status add_whole(wagle_ctx *ctx, wg_adapter *a, const wg_tensor *base,
                              const wg_tensor *t)
{
    char has[96], wants[96];

    if (!wg_shape_equal(&t->shape, &base->shape))
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "adapter: '%s' has shape %s, the model's '%s' has %s: it was made for "
                       "another model",
                       t->name, wg_shape_text(&t->shape, has), base->name,
                       wg_shape_text(&base->shape, wants));
    if (base == a->tie.stored) {
        if (t->dtype == base->dtype && memcmp(t->data, base->data, base->bytes) == 0)
            return WAGLE_OK;
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "adapter: '%s' replaces the embedding or the head of a model that ties the "
                       "two, which is not supported",
                       t->name);
    }
    change_of(a, base)->whole = t;
    return WAGLE_OK;
}

static wagle_status add_tensor(wagle_ctx *ctx, wg_adapter *a, const wg_tensors *model,
                               const wg_tensor *t)
{
    const wg_tensor *base;
    key k;

    WG_TRY(read_key(ctx, t->name, &k));
    base = find_base(a, model, k.tensor);
    if (base == NULL && k.part != WHOLE) { /* of an expert of several in one tensor */
        base = find_base(a, model, k.module);
        k.of_expert = base != NULL;
    }
    if (base == NULL || !wg_dtype_is_weight(base->dtype))
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "adapter: it changes '%s', and the model has no such "
                       "weights: it was made for another model",
                       k.tensor);
    if (!wg_dtype_is_weight(t->dtype))
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "adapter: tensor '%s': %s; supported are F32, F16 and "
                       "BF16",
                       t->name, wg_dtype_name(t->dtype));
    return k.part == WHOLE ? add_whole(ctx, a, base, t) : add_lora(ctx, a, base, &k, t);
}

static wagle_status check_change(wagle_ctx *ctx, const wg_adapter *a, const wg_adapter_change *c)
{
    const wg_shape *shape = &c->base->shape;
    const char *name = c->base->name;

    if (c->a == NULL && c->b == NULL && c->magnitude == NULL)
        return WAGLE_OK;
    if (c->a == NULL || c->b == NULL)
        return wg_fail(ctx, WAGLE_E_INPUT, "adapter: '%s' has only one of lora_A and lora_B", name);
    if (shape->rank != 2 || c->a->shape.rank != 2 || c->b->shape.rank != 2 ||
        c->a->shape.dim[0] != c->b->shape.dim[1] || c->a->shape.dim[1] != shape->dim[!c->turned] ||
        c->b->shape.dim[0] != shape->dim[c->turned]) {
        char x[96], y[96], z[96];
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "adapter: lora_A %s and lora_B %s do not fit the model's '%s' %s: it was "
                       "made for another model",
                       wg_shape_text(&c->a->shape, x), wg_shape_text(&c->b->shape, y), name,
                       wg_shape_text(shape, z));
    }
    if (a->config.dora != (c->magnitude != NULL))
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "adapter: '%s' %s lora_magnitude_vector, but %s says "
                       "use_dora %s",
                       name, c->magnitude != NULL ? "has a" : "has no", a->config_path,
                       a->config.dora ? "true" : "false");
    if (c->magnitude != NULL && (c->magnitude->count != c->b->shape.dim[0] ||
                                 strstr(c->a->name, ".lora_embedding_A") != NULL))
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "adapter: the lora_magnitude_vector of '%s' does not "
                       "fit, or is of an embedding, which is not supported",
                       name);
    if (c->base == a->tie.stored)
        wg_log(ctx, 0,
               "the adapter changes '%s', which this model uses as embedding and as head: "
               "both change, as in PEFT's merge_and_unload",
               name);
    return WAGLE_OK;
}

static int by_base(const void *x, const void *y)
{
    const wg_tensor *a = ((const wg_adapter_change *)x)->base,
                    *b = ((const wg_adapter_change *)y)->base;

    return (a > b) - (a < b);
}

static wagle_status open_files(wagle_ctx *ctx, const char *folder, wg_adapter *a)
{
    char *weights = wg_path_join(ctx, folder, "adapter_model.safetensors");
    char *pickle = wg_path_join(ctx, folder, "adapter_model.bin");
    json_t *json = NULL;
    wagle_status st = WAGLE_E_RESOURCE;

    a->config_path = wg_path_join(ctx, folder, "adapter_config.json");
    if (weights != NULL && pickle != NULL && a->config_path != NULL)
        st = wg_json_read(ctx, a->config_path, &json);
    if (st == WAGLE_OK)
        st = wg_adapter_config_read(ctx, a->config_path, json, &a->config);
    if (st == WAGLE_OK && !wg_exists(weights) && wg_exists(pickle))
        st = wg_fail(ctx, WAGLE_E_INPUT,
                     "%s: a pickle, which is not supported; PEFT's save_pretrained writes "
                     "adapter_model.safetensors",
                     pickle);
    if (st == WAGLE_OK)
        st = wg_tensors_open(ctx, weights, &a->files);
    wg_free(weights);
    wg_free(pickle);
    return st;
}

wagle_status wg_adapter_open(wagle_ctx *ctx, const char *folder, const char *model_folder,
                             const wg_tensors *model, wg_adapter *out)
{
    const char *base;

    *out = (wg_adapter){0};
    WG_TRY(open_files(ctx, folder, out));
    WG_TRY(wg_config_read(ctx, model_folder, &out->model));
    WG_TRY(wg_tie_settle(ctx, model_folder, model, &out->model, &out->tie));
    WG_TRY(WG_ALLOC(ctx, &out->change, out->files.n + 1));
    for (int64_t i = 0; i < out->files.n; i++)
        WG_TRY(add_tensor(ctx, out, model, &out->files.tensor[i]));
    if (out->files.n == 0)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: the adapter has no tensors", folder);
    for (int64_t i = 0; i < out->n; i++)
        WG_TRY(check_change(ctx, out, &out->change[i]));
    qsort(out->change, (size_t)out->n, sizeof *out->change, by_base);
    base = out->config.base;
    if (base != NULL && strcmp(wg_path_name(base), wg_path_name(model_folder)) != 0)
        wg_log(ctx, 1, "the adapter names '%.128s' as its base; it is merged into %.128s", base,
               model_folder);
    return WAGLE_OK;
}

void wg_adapter_close(wg_adapter *a)
{
    wg_adapter_config_free(&a->config);
    wg_tensors_close(&a->files);
    wg_free(a->change);
    wg_free(a->config_path);
    *a = (wg_adapter){0};
}

const wg_adapter_change *wg_adapter_find(const wg_adapter *a, const wg_tensor *t)
{
    const wg_adapter_change wanted = {.base = t == a->tie.copy && t != NULL ? a->tie.stored : t};

    return a->n > 0 ? bsearch(&wanted, a->change, (size_t)a->n, sizeof *a->change, by_base) : NULL;
}
