/* topk_together.c - a mask by several processes, each of which has the scores of its slices.
 *
 * Counts of keys are added over the processes: by their upper 16 bits, then, of those in the bin of
 * the threshold, by their lower ones. Each process selects what is above the threshold. Of scores
 * that equal it the earlier ones (name, index) are selected, wherever they are. */
#include "mask/attribute.h"
#include "mask/topk.h"

#include "dist/dist.h"

#include <string.h>

/* Weights [first, first+n) of a tensor, whose scores lie at `at`. */
typedef struct stretch {
    int tensor;
    int64_t first, n, at;
} stretch;

typedef struct slices {
    const wg_choice *choice;
    const wg_model *model;
    wg_mask *mask;
    wg_mask_tensor **of; /* [files.n] their part of the mask, NULL: left out */
    int64_t *ties;       /* [files.n] scores that equal the threshold */
    stretch *list;
    int64_t n, list_room;
    float *score;
    int64_t at, score_room;
    int64_t *bin;   /* [WG_BINS] */
    uint64_t *tied; /* bits of a tensor's ties */
    int64_t tied_room;
} slices;

static wagle_status keep(void *user, wagle_ctx *ctx, int tensor, int64_t first, const float *score,
                         int64_t n)
{
    slices *s = user;

    if (s->of[tensor] == NULL || n == 0)
        return WAGLE_OK;
    WG_TRY(WG_GROW(ctx, &s->score, &s->score_room, s->at + n));
    WG_TRY(WG_GROW(ctx, &s->list, &s->list_room, s->n + 1));
    memcpy(s->score + s->at, score, (size_t)n * sizeof *score);
    s->list[s->n++] = (stretch){tensor, first, n, s->at};
    s->at += n;
    return WAGLE_OK;
}

static uint32_t key_of(const slices *s, const stretch *x, int64_t i)
{
    uint32_t bits;

    memcpy(&bits, &s->score[x->at + i], sizeof bits);
    return wg_score_key(bits);
}

/* Counts keys by their upper 16 bits (any), or those with these upper bits by their lower ones. */
static wagle_status count(wagle_ctx *ctx, slices *s, bool any, uint32_t upper)
{
    memset(s->bin, 0, WG_BINS * sizeof *s->bin);
    for (int64_t j = 0; j < s->n; j++)
        for (int64_t i = 0; i < s->list[j].n; i++) {
            const uint32_t key = key_of(s, &s->list[j], i);
            if (any)
                s->bin[key >> 16]++;
            else if (key >> 16 == upper)
                s->bin[key & 0xFFFF]++;
        }
    return wg_add_counts(ctx, s->bin, WG_BINS);
}

/* Selects the weights whose keys are above the threshold and counts those that equal it; or (one
 * tensor) marks those that equal it in s->tied. */
static void mark(slices *s, int tensor, uint32_t threshold)
{
    for (int64_t j = 0; j < s->n; j++) {
        const stretch *x = &s->list[j];
        for (int64_t i = 0; (tensor < 0 || tensor == x->tensor) && i < x->n; i++) {
            const uint32_t key = key_of(s, x, i);
            const int64_t at = x->first + i;
            if (tensor >= 0 && key == threshold)
                s->tied[at >> 6] |= (uint64_t)1 << (at & 63);
            else if (tensor < 0 && key > threshold)
                s->of[x->tensor]->bits[at >> 6] |= (uint64_t)1 << (at & 63);
            else if (tensor < 0 && key == threshold)
                s->ties[x->tensor]++;
        }
    }
}

static int64_t words_of(const wg_mask_tensor *t)
{
    return (t->count + 63) / 64;
}

/* The first ties of a tensor are selected, as long as some are wanted. */
static wagle_status select_ties(wagle_ctx *ctx, slices *s, int tensor, uint32_t threshold,
                                int64_t *want)
{
    wg_mask_tensor *t = s->of[tensor];

    WG_TRY(WG_GROW(ctx, &s->tied, &s->tied_room, words_of(t)));
    memset(s->tied, 0, (size_t)words_of(t) * sizeof *s->tied);
    mark(s, tensor, threshold);
    WG_TRY(wg_add_counts(ctx, (int64_t *)s->tied, words_of(t)));
    for (int64_t w = 0; w < words_of(t); w++)
        for (uint64_t left = s->tied[w]; left != 0 && *want > 0; left &= left - 1, --*want)
            t->bits[w] |= left & -left;
    return WAGLE_OK;
}

/* Tensors of a model are in order of their names. */
static wagle_status choose(wagle_ctx *ctx, slices *s, int64_t want)
{
    const int n = (int)s->model->files.n;

    WG_TRY(count(ctx, s, true, 0));
    const uint32_t upper = wg_topk_cut(s->bin, &want);
    WG_TRY(count(ctx, s, false, upper));
    const uint32_t threshold = upper << 16 | wg_topk_cut(s->bin, &want);
    mark(s, -1, threshold);
    WG_TRY(wg_add_counts(ctx, s->ties, n));
    for (int t = 0; t < n; t++) {
        if (s->of[t] == NULL)
            continue;
        WG_TRY(wg_add_counts(ctx, (int64_t *)s->of[t]->bits, words_of(s->of[t])));
        if (s->ties[t] > 0 && want > 0)
            WG_TRY(select_ties(ctx, s, t, threshold, &want));
    }
    wg_mask_count(s->mask);
    return WAGLE_OK;
}

/* About as many as the slices of a process have: each is rounded to whole weights. */
static int64_t scores_kept(const wagle_ctx *ctx, const wg_model *m)
{
    const int64_t all = wg_model_parameters(m);

    return all / wg_ranks(ctx) + all / 1024 + m->files.n;
}

static wagle_status run(wagle_ctx *ctx, wg_attribution *a, slices *s)
{
    int64_t all = 0, want;

    WG_TRY(WG_ALLOC(ctx, &s->of, s->model->files.n));
    WG_TRY(WG_ALLOC(ctx, &s->ties, s->model->files.n));
    WG_TRY(WG_ALLOC(ctx, &s->bin, WG_BINS));
    WG_TRY(wg_scored_mask(ctx, a, s->mask));
    for (int t = 0; t < s->model->files.n; t++) {
        const char *name = s->model->files.tensor[t].name;
        if (!wg_is_scored(a, t) || !wg_is_included(name, s->choice))
            continue;
        s->of[t] = (wg_mask_tensor *)(uintptr_t)wg_mask_find(s->mask, name);
        all += s->of[t]->count;
    }
    if (all == 0)
        return wg_fail(ctx, WAGLE_E_USAGE, "%s: no tensor is left after @{include} and @{exclude}",
                       s->model->folder);
    WG_TRY(wg_density_count(ctx, s->choice->density, all, &want));
    WG_TRY(WG_GROW(ctx, &s->score, &s->score_room, scores_kept(ctx, s->model)));
    WG_TRY(wg_score_slices(ctx, a, keep, s));
    return choose(ctx, s, want);
}

int64_t wg_slice_scores_bytes(const wagle_ctx *ctx, const wg_model *m)
{
    return (int64_t)sizeof(float) * scores_kept(ctx, m);
}

wagle_status wg_select_together(wagle_ctx *ctx, wg_attribution *a, const wg_choice *choice,
                                wg_mask *out)
{
    slices s = {.choice = choice, .model = a->session.model, .mask = out};
    wagle_status st;

    *out = (wg_mask){0};
    WG_TRY(wg_check_density(ctx, choice->density));
    st = run(ctx, a, &s);
    wg_free(s.of);
    wg_free(s.ties);
    wg_free(s.list);
    wg_free(s.score);
    wg_free(s.bin);
    wg_free(s.tied);
    return st;
}
