/* compare.c - what differs between two results, by paired resampling of their rows. */
#include "suite/results.h"

#include <math.h>

/* The metric's values on either side. */
static wagle_status sides(wagle_ctx *ctx, const wg_suite *s, const wg_frame f[2],
                          wg_measures out[2])
{
    WG_TRY(s->measure(ctx, &f[0], &out[0]));
    return s->measure(ctx, &f[1], &out[1]);
}

static wagle_status note(wagle_ctx *ctx, const wg_suite *s, const wg_measures side[2],
                         const wg_measure *d, json_t *list)
{
    const wg_measure *a = wg_measures_find(&side[0], d->name);
    const wg_measure *b = wg_measures_find(&side[1], d->name);
    const bool differs = d->low > 0 || d->high < 0;
    json_t *one = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:I}", "suite", s->name,
                            "metric", d->name, "a", wg_json_real(a->value), "b",
                            wg_json_real(b->value), "difference", wg_json_real(d->value), "low",
                            wg_json_real(d->low), "high", wg_json_real(d->high), "p",
                            wg_json_real(d->p), "significant", (int)differs, "n", (json_int_t)d->n);

    return one != NULL && json_array_append_new(list, one) == 0 ? WAGLE_OK : wg_json_memory(ctx);
}

static wagle_status compare_suite(wagle_ctx *ctx, const wagle_difference_options *o,
                                  const wg_suite *s, json_t *const rows[2], json_t *list)
{
    wg_frame f[2] = {{0}, {0}};
    wg_measures side[2] = {{0}, {0}}, d = {0};
    wagle_status st = WAGLE_OK;

    for (int k = 0; st == WAGLE_OK && k < 2; k++)
        st = wg_results_frame(ctx, s, rows[k], "", &f[k]);
    if (st == WAGLE_OK)
        st = sides(ctx, s, f, side);
    if (st == WAGLE_OK)
        st = wg_bootstrap_difference(ctx, &f[0], &f[1], s->measure, o->resamples, o->seed, &d);
    for (int64_t i = 0; st == WAGLE_OK && i < d.n; i++)
        st = note(ctx, s, side, &d.measure[i], list);
    wg_measures_free(&d);
    for (int k = 0; k < 2; k++) {
        wg_measures_free(&side[k]);
        wg_frame_free(&f[k]);
    }
    return st;
}

wagle_status wagle_difference(wagle_ctx *ctx, const wagle_difference_options *o, char **json)
{
    json_t *rows[2] = {NULL, NULL}, *list = json_array(), *root = NULL;
    bool any = false;
    wagle_status st;

    wg_begin(ctx);
    *json = NULL;
    st = wg_results_read(ctx, o->a, &rows[0]);
    if (st == WAGLE_OK)
        st = wg_results_read(ctx, o->b, &rows[1]);
    for (int i = 0; st == WAGLE_OK && wg_suite_at(i) != NULL; i++) {
        const wg_suite *s = wg_suite_at(i);
        if (!wg_results_has(rows[0], s) || !wg_results_has(rows[1], s))
            continue;
        any = true;
        st = compare_suite(ctx, o, s, rows, list);
    }
    if (st == WAGLE_OK && !any)
        st = wg_fail(ctx, WAGLE_E_INPUT, "%s and %s have no suite in common", o->a, o->b);
    if (st == WAGLE_OK) {
        root = json_pack("{s:s, s:s, s:O}", "a", o->a, "b", o->b, "differences", list);
        st = root != NULL ? wg_json_text(ctx, root, true, json) : wg_json_memory(ctx);
    }
    json_decref(root);
    json_decref(list);
    json_decref(rows[0]);
    json_decref(rows[1]);
    return st;
}
