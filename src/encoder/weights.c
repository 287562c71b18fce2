/* weights.c - the tensors of a BERT model: found by name, checked, and widened to float32. */
#include "encoder/parts.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef struct finder {
    wagle_ctx *ctx;
    const wg_ops *ops;
    const char *folder, *prefix; /* of names: "" or "bert." */
    const wg_encoder_config *c;
    wg_encoder_weights *w;
    int64_t used; /* reals of w->widened; before it has memory, they are only counted */
} finder;

/* A tensor by its name, under which LayerNorm's weight and bias may also be gamma and beta. */
static const wg_tensor *find(const finder *f, const char *name)
{
    static const char *const older[][2] = {{"LayerNorm.weight", "LayerNorm.gamma"},
                                           {"LayerNorm.bias", "LayerNorm.beta"}};
    char text[128];
    const wg_tensor *t;

    snprintf(text, sizeof text, "%s%s", f->prefix, name);
    t = wg_tensors_find(&f->w->files, text);
    for (int i = 0; t == NULL && i < 2; i++)
        if (wg_ends_with(text, older[i][0])) {
            const size_t n = strlen(text) - strlen(older[i][0]);
            snprintf(text + n, sizeof text - n, "%s", older[i][1]);
            t = wg_tensors_find(&f->w->files, text);
        }
    return t;
}

static wagle_status find_weights(const finder *f, const char *name, int rank, int64_t rows,
                                 int64_t columns, wg_weights *out, int64_t *count)
{
    const wg_shape want = {.rank = rank, .dim = {rows, rank > 1 ? columns : 0}};
    const wg_tensor *t = find(f, name);
    char has[96], says[96];

    if (t == NULL)
        return wg_fail(f->ctx, WAGLE_E_INPUT, "%s: no tensor '%s%s'", f->folder, f->prefix, name);
    if (!wg_dtype_is_weight(t->dtype))
        return wg_fail(f->ctx, WAGLE_E_INPUT, "%s: tensor '%s': type %s is not supported",
                       f->folder, t->name, wg_dtype_name(t->dtype));
    if (!wg_shape_equal(&t->shape, &want))
        return wg_fail(f->ctx, WAGLE_E_INPUT, "%s: tensor '%s': shape %s, config.json says %s",
                       f->folder, t->name, wg_shape_text(&t->shape, has),
                       wg_shape_text(&want, says));
    *out = (wg_weights){.type = t->dtype, .stored = t->data};
    *count = t->count;
    return WAGLE_OK;
}

/* The same as float32: where it is stored, or widened. */
static wagle_status find_reals(finder *f, const char *name, int rank, int64_t rows, int64_t columns,
                               const wg_real **out)
{
    wg_weights w;
    int64_t n;

    WG_TRY(find_weights(f, name, rank, rows, columns, &w, &n));
    *out = wg_weights_in_place(&w, WG_F32, 0);
    if (*out != NULL)
        return WAGLE_OK;
    if (f->w->widened.data != NULL)
        *out = wg_weights_as(f->ops, &w, WG_F32, 0, n, f->w->widened.data + f->used);
    f->used += wg_panel_bytes(WG_F32, n) / (int64_t)sizeof(wg_real);
    return WAGLE_OK;
}

/* "NAME.weight" and "NAME.bias"; columns 0: of a norm. */
static wagle_status find_affine(finder *f, const char *name, int64_t rows, int64_t columns,
                                wg_affine *out)
{
    char text[96];

    snprintf(text, sizeof text, "%s.weight", name);
    WG_TRY(find_reals(f, text, columns > 0 ? 2 : 1, rows, columns, &out->weight));
    snprintf(text, sizeof text, "%s.bias", name);
    return find_reals(f, text, 1, rows, 0, &out->bias);
}

static wagle_status find_layer(finder *f, int64_t l, wg_encoder_layer *layer)
{
    const int64_t D = f->c->D, F = f->c->F;
    const struct {
        const char *name;
        int64_t rows, columns;
        wg_affine *to;
    } parts[] = {{"attention.self.query", D, D, &layer->query},
                 {"attention.self.key", D, D, &layer->key},
                 {"attention.self.value", D, D, &layer->value},
                 {"attention.output.dense", D, D, &layer->output},
                 {"attention.output.LayerNorm", D, 0, &layer->attention_norm},
                 {"intermediate.dense", F, D, &layer->up},
                 {"output.dense", D, F, &layer->down},
                 {"output.LayerNorm", D, 0, &layer->norm}};
    char name[80];

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        snprintf(name, sizeof name, "encoder.layer.%lld.%s", (long long)l, parts[i].name);
        WG_TRY(find_affine(f, name, parts[i].rows, parts[i].columns, parts[i].to));
    }
    return WAGLE_OK;
}

static wagle_status find_all(finder *f)
{
    const wg_encoder_config *c = f->c;
    wg_encoder_weights *w = f->w;
    int64_t n;

    WG_TRY(find_weights(f, "embeddings.word_embeddings.weight", 2, c->V, c->D, &w->words, &n));
    WG_TRY(
        find_weights(f, "embeddings.position_embeddings.weight", 2, c->P, c->D, &w->positions, &n));
    WG_TRY(find_weights(f, "embeddings.token_type_embeddings.weight", 2, c->K, c->D, &w->segments,
                        &n));
    WG_TRY(find_affine(f, "embeddings.LayerNorm", c->D, 0, &w->norm));
    for (int64_t l = 0; l < c->L; l++)
        WG_TRY(find_layer(f, l, &w->layer[l]));
    return WAGLE_OK;
}

wagle_status wg_encoder_weights_open(wagle_ctx *ctx, const wg_ops *ops, const char *folder,
                                     const wg_encoder_config *c, wg_encoder_weights *out)
{
    finder f = {ctx, ops, folder, "", c, out, 0};

    *out = (wg_encoder_weights){0};
    WG_TRY(wg_tensors_open(ctx, folder, &out->files));
    if (wg_tensors_find(&out->files, "bert.embeddings.word_embeddings.weight") != NULL)
        f.prefix = "bert.";
    WG_TRY(WG_ALLOC(ctx, &out->layer, c->L));
    WG_TRY(find_all(&f));
    if (f.used == 0)
        return WAGLE_OK;
    WG_TRY(wg_buffer_reserve(ctx, ops, &out->widened, f.used));
    f.used = 0;
    return find_all(&f);
}

void wg_encoder_weights_close(const wg_ops *ops, wg_encoder_weights *w)
{
    wg_buffer_free(ops, &w->widened);
    wg_free(w->layer);
    wg_tensors_close(&w->files);
}
