/* topk.c - exact global top-k by radix selection. Floats are mapped to integers of the same order.
 * Two streaming passes with 65,536 counters each find the threshold; a third writes the mask. The
 * same passes serve all requested densities. */
#include "mask/attribute.h"
#include "mask/topk.h"

#include "base/number.h"
#include "base/pattern.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The selection for one density. */
typedef struct cut {
    double density;
    int64_t k;
    uint32_t upper, threshold; /* upper: the upper 16 bits of the threshold */
    int64_t ties;              /* number of keys equal to the threshold that are selected */
    int64_t *bin; /* counts of the keys with these upper bits, by their lower 16 bits */
    wg_mask *out;
} cut;

typedef struct selection {
    const wg_tensor **tensor; /* [n] sorted by name */
    int64_t n, count;
    cut *cut; /* [cuts] */
    int64_t cuts;
} selection;

wagle_status wg_check_density(wagle_ctx *ctx, double density)
{
    if (density >= 2 && density <= 100)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "density %g: must be above 0 and at most 1; %g per cent is %g", density,
                       density, density / 100);
    return density > 0 && density <= 1
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_USAGE, "density %g: must be above 0 and at most 1", density);
}

wagle_status wg_density_count(wagle_ctx *ctx, double density, int64_t count, int64_t *k)
{
    *k = (int64_t)floor(density * (double)count + 0.5);
    return *k > 0 ? WAGLE_OK
                  : wg_fail(ctx, WAGLE_E_USAGE, "density %g of %lld weights selects no weight",
                            density, (long long)count);
}

bool wg_is_included(const char *name, const wg_choice *c)
{
    return (c->include == NULL || c->include[0] == NULL || wg_matches_any(name, c->include)) &&
           !wg_matches_any(name, c->exclude);
}

static uint32_t bits_of(const wg_tensor *t, int64_t i)
{
    uint32_t bits;

    memcpy(&bits, (const char *)t->data + 4 * i, sizeof bits);
    return bits;
}

static uint32_t key_of(const wg_tensor *t, int64_t i)
{
    return wg_score_key(bits_of(t, i));
}

/* Index of the first score that is infinite or NaN, or -1. */
static int64_t find_odd(const wg_tensor *t)
{
    uint32_t most = 0;

    for (int64_t i = 0; i < t->count; i++) {
        const uint32_t magnitude = bits_of(t, i) & 0x7FFFFFFFu;
        most = magnitude > most ? magnitude : most;
    }
    for (int64_t i = 0; most >= 0x7F800000u && i < t->count; i++)
        if ((bits_of(t, i) & 0x7FFFFFFFu) >= 0x7F800000u)
            return i;
    return -1;
}

wagle_status wg_check_finite(wagle_ctx *ctx, const wg_tensor *scores)
{
    const int64_t odd = find_odd(scores);

    return odd < 0 ? WAGLE_OK
                   : wg_fail(ctx, WAGLE_E_INPUT, "score of '%s' at %lld is not finite",
                             scores->name, (long long)odd);
}

static wagle_status choose_tensors(wagle_ctx *ctx, const wg_tensors *scores,
                                   const wg_choice *choice, selection *s)
{
    WG_TRY(WG_ALLOC(ctx, &s->tensor, scores->n));
    for (int64_t i = 0; i < scores->n; i++) {
        const wg_tensor *t = &scores->tensor[i];
        if (t->dtype != WG_F32)
            return wg_fail(ctx, WAGLE_E_INPUT, "%s: tensor '%s' is %s: this is not a score file",
                           scores->file[0], t->name, wg_dtype_name(t->dtype));
        if (!wg_is_included(t->name, choice))
            continue;
        s->tensor[s->n++] = t;
        s->count += t->count;
    }
    if (s->count == 0)
        return wg_fail(ctx, WAGLE_E_USAGE, "%s: no tensor is left after @{include} and @{exclude}",
                       scores->file[0]);
    return WAGLE_OK;
}

/* Counts keys by their upper 16 bits. */
static wagle_status count_upper(wagle_ctx *ctx, const selection *s, int64_t *bin)
{
    memset(bin, 0, WG_BINS * sizeof *bin);
    for (int64_t j = 0; j < s->n; j++) {
        const wg_tensor *t = s->tensor[j];
        WG_TRY(wg_check_finite(ctx, t));
        for (int64_t i = 0; i < t->count; i++)
            bin[key_of(t, i) >> 16]++;
    }
    return WAGLE_OK;
}

/* For each cut, counts the keys with its upper bits by their lower 16 bits. */
static void count_lower(selection *s)
{
    for (int64_t j = 0; j < s->n; j++)
        for (int64_t i = 0; i < s->tensor[j]->count; i++) {
            const uint32_t key = key_of(s->tensor[j], i);
            for (int64_t c = 0; c < s->cuts; c++)
                if (key >> 16 == s->cut[c].upper)
                    s->cut[c].bin[key & 0xFFFF]++;
        }
}

static wagle_status find_thresholds(wagle_ctx *ctx, selection *s)
{
    int64_t *bin;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &bin, WG_BINS));
    st = count_upper(ctx, s, bin);
    for (int64_t c = 0; st == WAGLE_OK && c < s->cuts; c++) {
        s->cut[c].ties = s->cut[c].k;
        s->cut[c].upper = wg_topk_cut(bin, &s->cut[c].ties);
        st = WG_ALLOC(ctx, &s->cut[c].bin, WG_BINS);
    }
    if (st == WAGLE_OK)
        count_lower(s);
    for (int64_t c = 0; c < s->cuts; c++) {
        cut *d = &s->cut[c];
        if (st == WAGLE_OK)
            d->threshold = d->upper << 16 | wg_topk_cut(d->bin, &d->ties);
        wg_free(d->bin);
        d->bin = NULL;
    }
    wg_free(bin);
    return st;
}

/* The mask bits of weights [first, first+64) of a tensor. */
static uint64_t choose_word(cut *c, const wg_tensor *t, int64_t first)
{
    const int64_t n = t->count - first < 64 ? t->count - first : 64;
    uint64_t above = 0, equal = 0;

    for (int64_t i = 0; i < n; i++) {
        const uint32_t key = key_of(t, first + i);
        above |= (uint64_t)(key > c->threshold) << i;
        equal |= (uint64_t)(key == c->threshold) << i;
    }
    for (; equal != 0 && c->ties > 0; equal &= equal - 1, c->ties--)
        above |= equal & -equal;
    return above;
}

static wg_mask_tensor *mask_of(const cut *c, const wg_tensor *t)
{
    return (wg_mask_tensor *)(uintptr_t)wg_mask_find(c->out, t->name);
}

/* Selects the highest scores of all tensors of s together. */
static wagle_status select_together(wagle_ctx *ctx, selection *s)
{
    for (int64_t c = 0; c < s->cuts; c++)
        WG_TRY(wg_density_count(ctx, s->cut[c].density, s->count, &s->cut[c].k));
    WG_TRY(find_thresholds(ctx, s));
    for (int64_t j = 0; j < s->n; j++)
        for (int64_t c = 0; c < s->cuts; c++) {
            wg_mask_tensor *m = mask_of(&s->cut[c], s->tensor[j]);
            for (int64_t i = 0; i < m->count; i += 64)
                m->bits[i / 64] = choose_word(&s->cut[c], s->tensor[j], i);
        }
    return WAGLE_OK;
}

/* Selects the highest scores of each tensor. A tensor that is too small for the density is skipped.
 */
static wagle_status select_each(wagle_ctx *ctx, const selection *s)
{
    for (int64_t j = 0; j < s->n; j++)
        for (int64_t c = 0; c < s->cuts; c++) {
            selection one = {.tensor = &s->tensor[j],
                             .n = 1,
                             .count = s->tensor[j]->count,
                             .cut = &s->cut[c],
                             .cuts = 1};
            if (s->cut[c].density * (double)one.count >= 0.5)
                WG_TRY(select_together(ctx, &one));
        }
    return WAGLE_OK;
}

typedef struct ranked {
    uint32_t key;
    int64_t index;
} ranked;

static int best_first(const void *a, const void *b)
{
    const ranked *x = a, *y = b;

    return x->key != y->key ? (x->key < y->key ? 1 : -1) : x->index < y->index ? -1 : 1;
}

static int64_t width_of(const wg_tensor *t)
{
    return t->shape.rank > 1 ? t->shape.dim[t->shape.rank - 1] : t->count;
}

/* Selects the highest scores of each row of a matrix, or of a whole vector. */
static wagle_status select_rows(wagle_ctx *ctx, const selection *s, const wg_tensor *t)
{
    const int64_t width = width_of(t);
    ranked *row;

    WG_TRY(wg_check_finite(ctx, t));
    WG_TRY(WG_ALLOC(ctx, &row, width));
    for (int64_t first = 0; first < t->count; first += width) {
        for (int64_t i = 0; i < width; i++)
            row[i] = (ranked){key_of(t, first + i), first + i};
        qsort(row, (size_t)width, sizeof *row, best_first);
        for (int64_t c = 0; c < s->cuts; c++) {
            uint64_t *bits = mask_of(&s->cut[c], t)->bits;
            const int64_t k = (int64_t)floor(s->cut[c].density * (double)width + 0.5);
            for (int64_t i = 0; i < k; i++)
                bits[row[i].index >> 6] |= (uint64_t)1 << (row[i].index & 63);
        }
    }
    wg_free(row);
    return WAGLE_OK;
}

static wagle_status select_scope(wagle_ctx *ctx, wagle_scope scope, selection *s)
{
    if (scope == WAGLE_SCOPE_GLOBAL)
        return select_together(ctx, s);
    if (scope == WAGLE_SCOPE_TENSOR)
        return select_each(ctx, s);
    for (int64_t j = 0; j < s->n; j++)
        WG_TRY(select_rows(ctx, s, s->tensor[j]));
    return WAGLE_OK;
}

wagle_status wg_select_several(wagle_ctx *ctx, const wg_tensors *scores, const wg_choice *choice,
                               const double *density, int64_t n, wg_mask *out)
{
    selection s = {.cuts = n};
    wagle_status st;

    for (int64_t c = 0; c < n; c++) {
        out[c] = (wg_mask){0};
        WG_TRY(wg_check_density(ctx, density[c]));
    }
    WG_TRY(WG_ALLOC(ctx, &s.cut, n));
    st = choose_tensors(ctx, scores, choice, &s);
    for (int64_t c = 0; st == WAGLE_OK && c < n; c++) {
        s.cut[c] = (cut){.density = density[c], .out = &out[c]};
        st = wg_mask_new(ctx, scores->tensor, scores->n, &out[c]);
    }
    if (st == WAGLE_OK)
        st = choice->scope == WAGLE_SCOPE_NEURONS
                 ? wg_select_neurons(ctx, scores, s.tensor, s.n, density, n, out)
                 : select_scope(ctx, choice->scope, &s);
    for (int64_t c = 0; st == WAGLE_OK && c < n; c++) {
        wg_mask_count(&out[c]);
        if (out[c].selected == 0)
            st = wg_fail(ctx, WAGLE_E_USAGE, "density %g selects no weight", density[c]);
    }
    for (int64_t c = 0; st != WAGLE_OK && c < n; c++)
        wg_mask_free(&out[c]);
    wg_free(s.cut);
    wg_free(s.tensor);
    return st;
}

wagle_status wg_select(wagle_ctx *ctx, const wg_tensors *scores, const wg_choice *choice,
                       wg_mask *out)
{
    return wg_select_several(ctx, scores, choice, &choice->density, 1, out);
}
