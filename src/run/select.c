/* select.c - exact global top-k by radix selection: float keys keep their order as integers, so
 * two streaming passes of 65,536 counters each give the threshold; a third writes the mask. */
#include "run/attribute.h"
#include "run/topk.h"

#include "base/number.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct selection {
    const wg_tensor **tensor; /* [n] in order of name */
    int64_t n, count;
    uint32_t threshold;
    int64_t ties; /* keys equal to the threshold that are still taken */
} selection;

wagle_status wg_check_density(wagle_ctx *ctx, double density)
{
    return density > 0 && density <= 1
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_USAGE, "density %g: a share above 0 and at most 1", density);
}

wagle_status wg_density_count(wagle_ctx *ctx, double density, int64_t count, int64_t *k)
{
    *k = (int64_t)floor(density * (double)count + 0.5);
    return *k > 0 ? WAGLE_OK
                  : wg_fail(ctx, WAGLE_E_USAGE, "density %g of %lld weights selects none", density,
                            (long long)count);
}

bool wg_is_included(const char *name, const char *const *include, const char *const *exclude)
{
    return (include == NULL || include[0] == NULL || wg_matches_any(name, include)) &&
           !wg_matches_any(name, exclude);
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

/* Index of the first score that is infinite or no number, or -1. */
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

static wagle_status choose_tensors(wagle_ctx *ctx, const wg_tensors *scores,
                                   const char *const *include, const char *const *exclude,
                                   selection *s)
{
    WG_TRY(WG_ALLOC(ctx, &s->tensor, scores->n));
    for (int64_t i = 0; i < scores->n; i++) {
        const wg_tensor *t = &scores->tensor[i];
        if (t->dtype != WG_F32)
            return wg_fail(ctx, WAGLE_E_INPUT, "%s: tensor '%s' is %s: this is not a score file",
                           scores->file[0], t->name, wg_dtype_name(t->dtype));
        if (!wg_is_included(t->name, include, exclude))
            continue;
        s->tensor[s->n++] = t;
        s->count += t->count;
    }
    if (s->count == 0)
        return wg_fail(ctx, WAGLE_E_USAGE, "%s: no tensor is left after include and exclude",
                       scores->file[0]);
    return WAGLE_OK;
}

/* Counts keys by 16 bits: the upper ones, or the lower ones of keys whose upper are `upper`. */
static wagle_status histogram(wagle_ctx *ctx, const selection *s, int64_t upper, int64_t *bin)
{
    memset(bin, 0, WG_BINS * sizeof *bin);
    for (int64_t j = 0; j < s->n; j++) {
        const wg_tensor *t = s->tensor[j];
        const int64_t odd = upper < 0 ? find_odd(t) : -1;
        if (odd >= 0)
            return wg_fail(ctx, WAGLE_E_INPUT, "score of '%s' at %lld is not finite", t->name,
                           (long long)odd);
        for (int64_t i = 0; upper < 0 && i < t->count; i++)
            bin[key_of(t, i) >> 16]++;
        for (int64_t i = 0; upper >= 0 && i < t->count; i++) {
            const uint32_t key = key_of(t, i);
            if (key >> 16 == (uint32_t)upper)
                bin[key & 0xFFFF]++;
        }
    }
    return WAGLE_OK;
}

static wagle_status find_threshold(wagle_ctx *ctx, selection *s, int64_t k)
{
    int64_t *bin, want = k;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &bin, WG_BINS));
    st = histogram(ctx, s, -1, bin);
    if (st == WAGLE_OK) {
        const uint32_t upper = wg_topk_cut(bin, &want);
        st = histogram(ctx, s, upper, bin);
        if (st == WAGLE_OK)
            s->threshold = upper << 16 | wg_topk_cut(bin, &want);
        s->ties = want;
    }
    wg_free(bin);
    return st;
}

/* The bits of weights [first, first+64) of a tensor. */
static uint64_t choose_word(selection *s, const wg_tensor *t, int64_t first)
{
    const int64_t n = t->count - first < 64 ? t->count - first : 64;
    uint64_t above = 0, equal = 0;

    for (int64_t i = 0; i < n; i++) {
        const uint32_t key = key_of(t, first + i);
        above |= (uint64_t)(key > s->threshold) << i;
        equal |= (uint64_t)(key == s->threshold) << i;
    }
    for (; equal != 0 && s->ties > 0; equal &= equal - 1, s->ties--)
        above |= equal & -equal;
    return above;
}

wagle_status wg_select(wagle_ctx *ctx, const wg_tensors *scores, double density,
                       const char *const *include, const char *const *exclude, wg_mask *out)
{
    selection s = {0};
    int64_t k;
    wagle_status st;

    *out = (wg_mask){0};
    WG_TRY(wg_check_density(ctx, density));
    st = choose_tensors(ctx, scores, include, exclude, &s);
    if (st == WAGLE_OK)
        st = wg_density_count(ctx, density, s.count, &k);
    if (st == WAGLE_OK)
        st = find_threshold(ctx, &s, k);
    if (st == WAGLE_OK)
        st = wg_mask_new(ctx, scores->tensor, scores->n, out);
    for (int64_t j = 0; st == WAGLE_OK && j < s.n; j++) {
        wg_mask_tensor *m = (wg_mask_tensor *)(uintptr_t)wg_mask_find(out, s.tensor[j]->name);
        for (int64_t i = 0; i < m->count; i += 64)
            m->bits[i / 64] = choose_word(&s, s.tensor[j], i);
    }
    wg_mask_count(out);
    wg_free(s.tensor);
    return st;
}

void wagle_mask_defaults(wagle_mask_options *o)
{
    *o = (wagle_mask_options){.format = "bits", .density = 0.1};
    wagle_attribute_defaults(&o->data);
}

static void warn_if_lopsided(wagle_ctx *ctx, const wg_mask *mask)
{
    for (int64_t i = 0; i < mask->n; i++)
        if (mask->n > 1 && 2 * mask->tensor[i].selected > mask->selected)
            wg_log(ctx, 0, "more than half of the mask (%.0f %%) lies in '%s'",
                   100.0 * (double)mask->tensor[i].selected / (double)mask->selected,
                   mask->tensor[i].name);
}

/* From the score file, or from data. */
static wagle_status make_mask(wagle_ctx *ctx, const wagle_mask_options *o, wg_mask *out)
{
    wagle_attribute_options data = o->data;
    wg_attribution a;
    wg_tensors scores;
    wagle_status st = WAGLE_OK;

    if (o->scores != NULL) {
        WG_TRY(wg_tensors_open(ctx, o->scores, &scores));
        st = wg_select(ctx, &scores, o->density, o->include, o->exclude, out);
        wg_tensors_close(&scores);
        return st;
    }
    data.out = o->out;
    data.force = o->force;
    WG_TRY(wg_attribution_open(ctx, &data, &a));
    if (!ctx->dry_run)
        st = wg_select_directly(ctx, &a, o->density, o->include, o->exclude, out);
    wg_attribution_close(&a);
    return st;
}

wagle_status wagle_mask(wagle_ctx *ctx, const wagle_mask_options *o)
{
    wg_mask mask = {0};
    json_t *facts = NULL;
    wagle_status st;

    wg_begin(ctx);
    if ((o->scores == NULL) == (o->data.model == NULL) || o->out == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "mask wants --scores or --model, and --out");
    if (strcmp(o->format, "bits") != 0 && strcmp(o->format, "bool") != 0)
        return wg_fail(ctx, WAGLE_E_USAGE, "--format %.32s: bits or bool", o->format);
    WG_TRY(wg_check_absent(ctx, o->out, o->force));
    st = make_mask(ctx, o, &mask);
    if (st == WAGLE_OK && !ctx->dry_run) {
        char density[32];
        snprintf(density, sizeof density, "%.17g", o->density);
        facts = json_object();
        st = wg_json_set(ctx, facts, "density", json_string(density));
        if (st == WAGLE_OK)
            st = wg_mask_write(ctx, o->out, &mask, strcmp(o->format, "bits") == 0, facts, o->force);
    }
    if (st == WAGLE_OK && !ctx->dry_run) {
        warn_if_lopsided(ctx, &mask);
        wg_log(ctx, 1, "%lld of %lld weights selected", (long long)mask.selected,
               (long long)mask.count);
    }
    json_decref(facts);
    wg_mask_free(&mask);
    return st;
}
