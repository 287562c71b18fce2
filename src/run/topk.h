/* topk.h - float scores as integers of the same order, for radix selection. */
#ifndef WG_RUN_TOPK_H
#define WG_RUN_TOPK_H

#include "run/session.h"

enum { WG_BINS = 1 << 16 };

/* -0 is 0. */
static inline uint32_t wg_score_key(uint32_t bits)
{
    return bits == 0x80000000u ? bits : bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/* The highest bin b of WG_BINS such that at least `want` keys are in bins >= b; *want becomes what
 * is still wanted from it. There must be as many. */
static inline uint32_t wg_topk_cut(const int64_t *bin, int64_t *want)
{
    uint32_t b = WG_BINS - 1;

    while (bin[b] < *want)
        *want -= bin[b--];
    return b;
}

/* A share above 0 and at most 1. */
WAGLE_CHECK wagle_status wg_check_density(wagle_ctx *ctx, double density);
/* Every score of the tensor is a finite number. */
WAGLE_CHECK wagle_status wg_check_finite(wagle_ctx *ctx, const wg_tensor *scores);
/* Weights that it selects of `count`; none is a failure. */
WAGLE_CHECK wagle_status wg_density_count(wagle_ctx *ctx, double density, int64_t count,
                                          int64_t *k);
/* A tensor's name matches include (or there are no such patterns) and not exclude. */
bool wg_is_included(const char *name, const wg_choice *choice);
/* neurons.c: fills a mask for each density [n], empty before, from the tensors [n_tensors] of a
 * score file, in order of name. */
WAGLE_CHECK wagle_status wg_select_neurons(wagle_ctx *ctx, const wg_tensors *scores,
                                           const wg_tensor *const *tensor, int64_t n_tensors,
                                           const double *density, int64_t n, wg_mask *out);

#endif
