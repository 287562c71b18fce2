/* leak.h - leak@k: several sampled answers to each row, of which the worst counts. */
#ifndef WG_SUITE_LEAK_H
#define WG_SUITE_LEAK_H

#include "suite/suite.h"

/* How a sampled answer is scored, by ROUGE-L. */
typedef struct wg_leak_score {
    const char *name; /* rows have the scores as leak_NAME */
    bool stem;
    int part; /* of wg_rouge: 1 recall, 2 F1 */
} wg_leak_score;

typedef struct wg_leak {
    int64_t rows, samples;
    wg_counts k;   /* numbers of samples of which the worst counts */
    wg_ids *made;  /* [samples, rows] */
    wg_text *text; /* the same */
} wg_leak;

/* Checks samples, leak_k and temperature; *k is empty without samples. */
WAGLE_CHECK wagle_status wg_leak_counts(wagle_ctx *ctx, const wagle_suite_options *o, wg_counts *k);
/* Samples answers to each row of a set; without samples, and where the set's answers are not
 * sampled, out->samples is 0. Sample j of a row does not depend on how many are drawn. Free with
 * wg_leak_free, also after failure. */
WAGLE_CHECK wagle_status wg_leak_draw(wagle_ctx *ctx, wg_evaluation *e, wg_answers *a,
                                      const char *set, wg_leak *out);
/* Adds leak_k, leak_NAME and samples to the object of row i: scores against references [n]. */
WAGLE_CHECK wagle_status wg_leak_write(wagle_ctx *ctx, const wg_leak *leak, int64_t i,
                                       const wg_leak_score *how, const wg_str *reference, int64_t n,
                                       json_t *row);
void wg_leak_free(wg_leak *leak);
/* Adds a column leak_NAME_at_K for each list leak_NAME of a row, and each K of its leak_k. */
WAGLE_CHECK wagle_status wg_leak_derive(wagle_ctx *ctx, const json_t *row, const char *set,
                                        wg_frame *f);
/* Adds the means of these columns of a set. */
WAGLE_CHECK wagle_status wg_leak_measure(wagle_ctx *ctx, const wg_frame *f, const char *set,
                                         wg_measures *out);

#endif
