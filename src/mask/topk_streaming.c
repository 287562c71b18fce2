/* topk_streaming.c - a mask directly from data: scores are computed twice and never stored.
 *
 * The first pass counts keys by their upper 16 bits, which gives the bin of the threshold. The
 * second pass selects the weights above that bin, and stores the lower 16 bits of those in it to
 * rank them exactly. One of 65,536 bins holds well below one percent of the weights. */
#include "mask/attribute.h"
#include "mask/topk.h"

#include <stdlib.h>
#include <string.h>

/* The weights of one tensor that fall in the threshold's bin. */
typedef struct candidates {
    uint64_t *bits; /* a bit per weight, as in a mask */
    uint16_t *low;  /* [n] in order of the bits */
    int64_t n, room;
    wg_mask_tensor *mask; /* NULL: the tensor is excluded */
} candidates;

typedef struct direct {
    candidates *of; /* [files.n] */
    int64_t n, count;
    int64_t *bin; /* [WG_BINS] */
    uint32_t upper;
    bool second;
    wg_mask *mask;
} direct;

static wagle_status take(void *user, wagle_ctx *ctx, int tensor, int64_t first, const float *score,
                         int64_t n)
{
    direct *d = user;
    candidates *c = &d->of[tensor];

    for (int64_t i = 0; c->mask != NULL && i < n; i++) {
        const int64_t at = first + i;
        uint32_t key;
        memcpy(&key, &score[i], sizeof key);
        key = wg_score_key(key);
        if (!d->second)
            d->bin[key >> 16]++;
        else if (key >> 16 > d->upper)
            c->mask->bits[at >> 6] |= (uint64_t)1 << (at & 63);
        else if (key >> 16 == d->upper) {
            WG_TRY(WG_GROW(ctx, &c->low, &c->room, c->n + 1));
            c->low[c->n++] = (uint16_t)key;
            c->bits[at >> 6] |= (uint64_t)1 << (at & 63);
        }
    }
    return WAGLE_OK;
}

wagle_status wg_scored_mask(wagle_ctx *ctx, const wg_attribution *a, wg_mask *out)
{
    const wg_tensors *files = &a->session.model->files;
    wg_tensor *list;
    int64_t n = 0;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &list, files->n));
    for (int t = 0; t < files->n; t++)
        if (wg_is_scored(a, t))
            list[n++] = files->tensor[t];
    st = wg_mask_new(ctx, list, n, out);
    wg_free(list);
    return st;
}

static wagle_status choose_tensors(wagle_ctx *ctx, const wg_attribution *a, const wg_choice *choice,
                                   direct *d)
{
    const wg_model *m = a->session.model;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &d->of, m->files.n));
    d->n = m->files.n;
    st = wg_scored_mask(ctx, a, d->mask);
    for (int t = 0; st == WAGLE_OK && t < m->files.n; t++) {
        const char *name = m->files.tensor[t].name;
        candidates *c = &d->of[t];
        if (!wg_is_scored(a, t) || !wg_is_included(name, choice))
            continue;
        c->mask = (wg_mask_tensor *)(uintptr_t)wg_mask_find(d->mask, name);
        d->count += c->mask->count;
        st = WG_ALLOC(ctx, &c->bits, (c->mask->count + 63) / 64);
    }
    if (st == WAGLE_OK && d->count == 0)
        st = wg_fail(ctx, WAGLE_E_USAGE, "%s: no tensor is left after @{include} and @{exclude}",
                     m->folder);
    return st;
}

static int by_name(const void *a, const void *b)
{
    const candidates *x = a, *y = b;

    return x->mask == NULL || y->mask == NULL ? (x->mask == NULL) - (y->mask == NULL)
                                              : strcmp(x->mask->name, y->mask->name);
}

/* Selects the best `want` candidates; ties go to the earlier (name, index). */
static void rank(direct *d, int64_t want)
{
    memset(d->bin, 0, WG_BINS * sizeof *d->bin);
    for (int64_t t = 0; t < d->n; t++)
        for (int64_t i = 0; i < d->of[t].n; i++)
            d->bin[d->of[t].low[i]]++;
    const uint32_t threshold = wg_topk_cut(d->bin, &want);
    qsort(d->of, (size_t)d->n, sizeof *d->of, by_name);
    for (int64_t t = 0; t < d->n && d->of[t].mask != NULL; t++) {
        const candidates *c = &d->of[t];
        int64_t k = 0;
        for (int64_t w = 0; w < (c->mask->count + 63) / 64; w++)
            for (uint64_t left = c->bits[w]; left != 0; left &= left - 1, k++)
                if (c->low[k] > threshold || (c->low[k] == threshold && want-- > 0))
                    c->mask->bits[w] |= left & -left;
    }
}

static wagle_status run(wagle_ctx *ctx, wg_attribution *a, double density, direct *d)
{
    int64_t want;

    WG_TRY(wg_density_count(ctx, density, d->count, &want));
    WG_TRY(WG_ALLOC(ctx, &d->bin, WG_BINS));
    WG_TRY(wg_score(ctx, a, take, d));
    d->upper = wg_topk_cut(d->bin, &want);
    d->second = true;
    WG_TRY(wg_score(ctx, a, take, d));
    rank(d, want);
    return WAGLE_OK;
}

wagle_status wg_select_directly(wagle_ctx *ctx, wg_attribution *a, const wg_choice *choice,
                                wg_mask *out)
{
    direct d = {.mask = out};
    wagle_status st;

    *out = (wg_mask){0};
    WG_TRY(wg_check_density(ctx, choice->density));
    st = choose_tensors(ctx, a, choice, &d);
    if (st == WAGLE_OK)
        st = run(ctx, a, choice->density, &d);
    for (int64_t t = 0; d.of != NULL && t < d.n; t++) {
        wg_free(d.of[t].bits);
        wg_free(d.of[t].low);
    }
    wg_mask_count(out);
    wg_free(d.of);
    wg_free(d.bin);
    return st;
}
