#include "metric/frame.h"

#include "base/number.h"
#include "base/text.h"
#include "metric/statistics.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

wagle_status wg_frame_add(wagle_ctx *ctx, wg_frame *f, const char *set, const char *name,
                          double value)
{
    wg_column *c = NULL;

    for (int64_t i = 0; i < f->n && c == NULL; i++)
        if (strcmp(f->column[i].set, set) == 0 && strcmp(f->column[i].name, name) == 0)
            c = &f->column[i];
    if (c == NULL) {
        WG_TRY(WG_GROW(ctx, &f->column, &f->capacity, f->n + 1));
        c = &f->column[f->n];
        *c = (wg_column){.set = wg_arena_text(ctx, &f->names, set, strlen(set)),
                         .name = wg_arena_text(ctx, &f->names, name, strlen(name))};
        if (c->set == NULL || c->name == NULL)
            return WAGLE_E_RESOURCE;
        f->n++;
    }
    WG_TRY(WG_GROW(ctx, &c->value, &c->capacity, c->n + 1));
    c->value[c->n++] = value;
    return WAGLE_OK;
}

const wg_column *wg_frame_find(const wg_frame *f, const char *set, const char *name)
{
    for (int64_t i = 0; i < f->n; i++)
        if (strcmp(f->column[i].set, set) == 0 && strcmp(f->column[i].name, name) == 0)
            return &f->column[i];
    return NULL;
}

void wg_frame_free(wg_frame *f)
{
    for (int64_t i = 0; i < f->n; i++)
        wg_free(f->column[i].value);
    wg_free(f->column);
    wg_arena_free(&f->names);
    *f = (wg_frame){0};
}

wagle_status wg_measures_add(wagle_ctx *ctx, wg_measures *m, double value, int64_t n,
                             const char *format, ...)
{
    wg_measure *one;
    va_list args;

    WG_TRY(WG_GROW(ctx, &m->measure, &m->capacity, m->n + 1));
    one = &m->measure[m->n++];
    *one = (wg_measure){.value = value, .n = n, .low = NAN, .high = NAN, .p = NAN};
    va_start(args, format);
    vsnprintf(one->name, sizeof one->name, format, args);
    va_end(args);
    return WAGLE_OK;
}

void wg_measures_is_test(wg_measures *m)
{
    m->measure[m->n - 1].test = true;
}

const wg_measure *wg_measures_find(const wg_measures *m, const char *name)
{
    for (int64_t i = 0; i < m->n; i++)
        if (strcmp(m->measure[i].name, name) == 0)
            return &m->measure[i];
    return NULL;
}

void wg_measures_free(wg_measures *m)
{
    for (int64_t i = 0; i < m->n; i++)
        wg_free(m->measure[i].sample);
    wg_free(m->measure);
    *m = (wg_measures){0};
}

/* --- resampling ------------------------------------------------------------------------------- */

/* Makes a frame of the same shape. */
static wagle_status new_like(wagle_ctx *ctx, const wg_frame *f, wg_frame *out)
{
    for (int64_t i = 0; i < f->n; i++)
        for (int64_t k = 0; k < f->column[i].n; k++)
            WG_TRY(wg_frame_add(ctx, out, f->column[i].set, f->column[i].name, 0));
    return WAGLE_OK;
}

/* Draws rows with replacement. A set's draws depend only on the seed, the round, its name and its
 * size.
 */
static void draw(const wg_frame *f, uint64_t seed, int64_t round, wg_frame *out)
{
    for (int64_t i = 0; i < f->n; i++) {
        const wg_column *c = &f->column[i];
        const uint64_t stream = wg_hash_bytes(c->set, strlen(c->set)) ^ (uint64_t)c->n;
        for (int64_t k = 0; k < c->n; k++)
            out->column[i].value[k] =
                c->value[wg_random_below(seed, stream, (uint64_t)(round * c->n + k), c->n)];
    }
}

static wagle_status allocate_samples(wagle_ctx *ctx, wg_measures *m, int64_t resamples)
{
    for (int64_t i = 0; i < m->n && resamples > 0; i++)
        WG_TRY(WG_ALLOC(ctx, &m->measure[i].sample, resamples));
    return WAGLE_OK;
}

/* Stores the metrics of resample r. */
static wagle_status store_sample(wagle_ctx *ctx, const wg_measures *again, int64_t r,
                                 wg_measures *out)
{
    for (int64_t i = 0; i < out->n; i++)
        out->measure[i].sample[r] = i < again->n ? again->measure[i].value : NAN;
    return wg_check_interrupt(ctx);
}

/* Sets the interval from the percentiles of the finite values. */
static void interval(wg_measure *m, int64_t resamples)
{
    int64_t n = 0;

    for (int64_t r = 0; r < resamples && !m->test; r++)
        if (isfinite(m->sample[r]))
            m->sample[n++] = m->sample[r];
    wg_sort(m->sample, n);
    m->low = wg_quantile(m->sample, n, 0.025);
    m->high = wg_quantile(m->sample, n, 0.975);
}

wagle_status wg_bootstrap(wagle_ctx *ctx, const wg_frame *f, wg_measuring *measure,
                          int64_t resamples, uint64_t seed, wg_measures *out)
{
    wg_frame drawn = {0};
    wagle_status st = measure(ctx, f, out);

    if (st == WAGLE_OK && resamples > 0)
        st = new_like(ctx, f, &drawn);
    if (st == WAGLE_OK)
        st = allocate_samples(ctx, out, resamples);
    for (int64_t r = 0; st == WAGLE_OK && r < resamples; r++) {
        wg_measures again = {0};
        draw(f, seed, r, &drawn);
        st = measure(ctx, &drawn, &again);
        if (st == WAGLE_OK)
            st = store_sample(ctx, &again, r, out);
        wg_measures_free(&again);
    }
    for (int64_t i = 0; st == WAGLE_OK && resamples > 0 && i < out->n; i++)
        interval(&out->measure[i], resamples);
    wg_frame_free(&drawn);
    return st;
}

/* out += b - a, for metrics that both have. */
static wagle_status subtract(wagle_ctx *ctx, const wg_measures *a, const wg_measures *b,
                             wg_measures *out)
{
    for (int64_t i = 0; i < b->n; i++) {
        const wg_measure *other = wg_measures_find(a, b->measure[i].name);
        if (other == NULL || b->measure[i].test)
            continue;
        WG_TRY(wg_measures_add(ctx, out, b->measure[i].value - other->value, b->measure[i].n, "%s",
                               b->measure[i].name));
        out->measure[out->n - 1].side[0] = other->value;
        out->measure[out->n - 1].side[1] = b->measure[i].value;
    }
    return WAGLE_OK;
}

/* Averages over seeds the metrics that all have. */
static wagle_status average(wagle_ctx *ctx, const wg_frame *const *seed, int64_t n,
                            wg_measuring *measure, wg_measures *out)
{
    wagle_status st = measure(ctx, seed[0], out);

    for (int64_t k = 1; st == WAGLE_OK && k < n; k++) {
        wg_measures more = {0};
        st = measure(ctx, seed[k], &more);
        for (int64_t i = 0; st == WAGLE_OK && i < out->n; i++) {
            const wg_measure *same = wg_measures_find(&more, out->measure[i].name);
            out->measure[i].value +=
                ((same != NULL ? same->value : NAN) - out->measure[i].value) / (double)(k + 1);
        }
        wg_measures_free(&more);
    }
    return st;
}

static wagle_status difference(wagle_ctx *ctx, const wg_side *a, const wg_side *b,
                               wg_measuring *measure, wg_measures *out)
{
    wg_measures x = {0}, y = {0};
    wagle_status st = average(ctx, a->seed, a->n, measure, &x);

    if (st == WAGLE_OK)
        st = average(ctx, b->seed, b->n, measure, &y);
    if (st == WAGLE_OK)
        st = subtract(ctx, &x, &y, out);
    wg_measures_free(&x);
    wg_measures_free(&y);
    return st;
}

/* A resampled side: the same rows in each seed. If there are several seeds, these are resampled
 * too. */
typedef struct drawn {
    wg_frame *frame; /* [n] */
    const wg_frame **seed;
    wg_side side;
} drawn;

static wagle_status make_drawn(wagle_ctx *ctx, const wg_side *of, drawn *out)
{
    WG_TRY(WG_ALLOC(ctx, &out->frame, of->n));
    WG_TRY(WG_ALLOC(ctx, &out->seed, of->n));
    out->side = (wg_side){out->seed, of->n};
    for (int64_t k = 0; k < of->n; k++)
        WG_TRY(new_like(ctx, of->seed[k], &out->frame[k]));
    return WAGLE_OK;
}

static void draw_side(const wg_side *of, uint64_t stream, uint64_t seed, int64_t round, drawn *out)
{
    for (int64_t k = 0; k < of->n; k++) {
        const int64_t which =
            of->n == 1 ? 0 : wg_random_below(seed, stream, (uint64_t)(round * of->n + k), of->n);
        draw(of->seed[k], seed, round, &out->frame[k]);
        out->seed[k] = &out->frame[which];
    }
}

static void free_drawn(drawn *d, int64_t n)
{
    for (int64_t k = 0; d->frame != NULL && k < n; k++)
        wg_frame_free(&d->frame[k]);
    wg_free(d->frame);
    wg_free(d->seed);
}

/* Two-sided p: twice the smaller share of resampled differences on either side of 0, at least
 * 1/resamples. */
static double two_sided(const wg_measure *m, int64_t resamples)
{
    int64_t below = 0, above = 0;

    for (int64_t r = 0; r < resamples; r++) {
        below += !(m->sample[r] > 0);
        above += !(m->sample[r] < 0);
    }
    const double p = 2.0 * (double)(below < above ? below : above) / (double)resamples;
    return fmin(1, fmax(p, 1.0 / (double)resamples));
}

wagle_status wg_bootstrap_difference(wagle_ctx *ctx, const wg_side *a, const wg_side *b,
                                     wg_measuring *measure, int64_t resamples, uint64_t seed,
                                     wg_measures *out)
{
    drawn da = {0}, db = {0};
    wagle_status st = difference(ctx, a, b, measure, out);

    if (st == WAGLE_OK)
        st = make_drawn(ctx, a, &da);
    if (st == WAGLE_OK)
        st = make_drawn(ctx, b, &db);
    if (st == WAGLE_OK)
        st = allocate_samples(ctx, out, resamples);
    for (int64_t r = 0; st == WAGLE_OK && r < resamples; r++) {
        wg_measures again = {0};
        draw_side(a, 1, seed, r, &da);
        draw_side(b, 2, seed, r, &db);
        st = difference(ctx, &da.side, &db.side, measure, &again);
        if (st == WAGLE_OK)
            st = store_sample(ctx, &again, r, out);
        wg_measures_free(&again);
    }
    for (int64_t i = 0; st == WAGLE_OK && resamples > 0 && i < out->n; i++) {
        out->measure[i].p = two_sided(&out->measure[i], resamples);
        interval(&out->measure[i], resamples);
    }
    free_drawn(&da, a->n);
    free_drawn(&db, b->n);
    return st;
}
