/* compare.c - overlap of masks, and their densities by layer and role. */
#include "mask/topk.h"

#include "base/options.h"
#include "session/session.h"

#include "plot/plot.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct comparison {
    const char *const *path;
    wg_mask *mask; /* [n] */
    int64_t n;
} comparison;

static int64_t common(const wg_mask_tensor *a, const wg_mask_tensor *b)
{
    int64_t n = 0;

    for (int64_t w = 0; w < (a->count + 63) / 64; w++)
        n += __builtin_popcountll(a->bits[w] & b->bits[w]);
    return n;
}

/* Jaccard index: weights in both masks over weights in either. */
static double jaccard(const wg_mask *a, const wg_mask *b)
{
    int64_t both = 0;

    for (int64_t i = 0; i < a->n; i++) {
        const wg_mask_tensor *other = wg_mask_find(b, a->tensor[i].name);
        if (other != NULL && other->count == a->tensor[i].count)
            both += common(&a->tensor[i], other);
    }
    const int64_t either = a->selected + b->selected - both;
    return either > 0 ? (double)both / (double)either : 1;
}

static wagle_status as_json(wagle_ctx *ctx, const comparison *c, json_t **out)
{
    json_t *masks = json_array(), *matrix = json_array();

    for (int64_t i = 0; i < c->n; i++) {
        json_t *tensors = json_object(), *row = json_array();
        for (int64_t t = 0; t < c->mask[i].n; t++) {
            const wg_mask_tensor *m = &c->mask[i].tensor[t];
            json_object_set_new(tensors, m->name,
                                json_real((double)m->selected / (double)(m->count ? m->count : 1)));
        }
        for (int64_t j = 0; j < c->n; j++)
            json_array_append_new(row, json_real(jaccard(&c->mask[i], &c->mask[j])));
        json_array_append_new(matrix, row);
        json_array_append_new(masks,
                              json_pack("{s:o, s:I, s:I, s:o}", "mask", wg_json_bytes(c->path[i]),
                                        "selected", (json_int_t)c->mask[i].selected, "weights",
                                        (json_int_t)c->mask[i].count, "density", tensors));
    }
    *out = json_pack("{s:s, s:o, s:o}", "schema", "wagle-compare-masks-1", "masks", masks,
                     "jaccard", matrix);
    return *out != NULL ? WAGLE_OK : wg_json_memory(ctx);
}

static wagle_status as_table(wagle_ctx *ctx, const comparison *c, wg_text *t)
{
    WG_TRY(
        wg_text_printf(ctx, t, "Jaccard: weights in both masks over weights in either\n%-24s", ""));
    for (int64_t j = 0; j < c->n; j++)
        WG_TRY(wg_text_printf(ctx, t, " %9lld", (long long)j + 1));
    for (int64_t i = 0; i < c->n; i++) {
        WG_TRY(
            wg_text_printf(ctx, t, "\n%lld %-22.22s", (long long)i + 1, wg_path_name(c->path[i])));
        for (int64_t j = 0; j < c->n; j++)
            WG_TRY(wg_text_printf(ctx, t, " %9.4f", jaccard(&c->mask[i], &c->mask[j])));
    }
    WG_TRY(wg_text_printf(ctx, t, "\n\nshare of each tensor that is selected\n%-52s", "tensor"));
    for (int64_t j = 0; j < c->n; j++)
        WG_TRY(wg_text_printf(ctx, t, " %9lld", (long long)j + 1));
    for (int64_t i = 0; i < c->mask[0].n; i++) {
        WG_TRY(wg_text_printf(ctx, t, "\n%-52.52s", c->mask[0].tensor[i].name));
        for (int64_t j = 0; j < c->n; j++) {
            const wg_mask_tensor *m = wg_mask_find(&c->mask[j], c->mask[0].tensor[i].name);
            WG_TRY(wg_text_printf(ctx, t, " %9.5f",
                                  m != NULL && m->count > 0 ? (double)m->selected / (double)m->count
                                                            : 0.0));
        }
    }
    return wg_text_addz(ctx, t, "\n");
}

/* --- heat map ----------------------------------------------------------------------------------
 */

static wagle_status draw(wagle_ctx *ctx, const comparison *c, const char *path, bool force)
{
    wg_text svg = {0};
    wg_heat *h;
    wagle_status st = WAGLE_OK;

    WG_TRY(WG_ALLOC(ctx, &h, c->n));
    for (int64_t i = 0; st == WAGLE_OK && i < c->n; i++) {
        const wg_mask *m = &c->mask[i];
        h[i].title = wg_path_name(c->path[i]);
        for (int64_t t = 0; st == WAGLE_OK && t < m->n; t++)
            st = wg_heat_add(ctx, &h[i], m->tensor[t].name,
                             (double)m->tensor[t].selected /
                                 (double)(m->tensor[t].count ? m->tensor[t].count : 1));
    }
    if (st == WAGLE_OK)
        st = wg_plot_heats(ctx, h, c->n, &svg);
    if (st == WAGLE_OK)
        st = wg_write_file(ctx, path, svg.text, (size_t)svg.bytes, force);
    for (int64_t i = 0; i < c->n; i++) {
        wg_heat_free(&h[i]);
    }
    wg_free(h);
    wg_text_free(&svg);
    return st;
}

static wagle_status tell(wagle_ctx *ctx, const comparison *c, const wagle_compare_options *o,
                         char **out)
{
    wg_text t = {0};
    json_t *json = NULL;
    wagle_status st;

    if (o->svg != NULL)
        WG_TRY(draw(ctx, c, o->svg, o->force));
    if (o->json) {
        st = as_json(ctx, c, &json);
        if (st == WAGLE_OK)
            st = wg_json_text(ctx, json, false, out);
        json_decref(json);
        return st;
    }
    st = as_table(ctx, c, &t);
    *out = st == WAGLE_OK ? wg_text_take(ctx, &t) : NULL;
    wg_text_free(&t);
    return st == WAGLE_OK && *out == NULL ? WAGLE_E_RESOURCE : st;
}

WG_DEFAULTS(wagle_compare_defaults, wagle_compare_options, 0)

wagle_status wagle_compare_masks(wagle_ctx *ctx, const wagle_compare_options *given, char **out)
{
    wagle_compare_options own;
    const wagle_compare_options *o = &own;
    comparison c = {0};
    wagle_status st = WAGLE_OK;

    *out = NULL;
    wg_begin(ctx);
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_compare));
    c.path = o->masks;
    if (o->n < 1)
        return wg_fail(ctx, WAGLE_E_USAGE, "@{compare} needs masks to compare");
    if (o->svg != NULL)
        WG_TRY(wg_output_check(ctx, o->svg, o->force, o->masks, (int)o->n));
    WG_TRY(WG_ALLOC(ctx, &c.mask, o->n));
    for (; st == WAGLE_OK && c.n < o->n; c.n++)
        st = wg_mask_read(ctx, o->masks[c.n], &c.mask[c.n]);
    if (st == WAGLE_OK)
        st = tell(ctx, &c, o, out);
    for (int64_t i = 0; i < c.n; i++)
        wg_mask_free(&c.mask[i]);
    wg_free(c.mask);
    return st;
}
