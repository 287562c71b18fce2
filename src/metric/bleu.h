/* bleu.h - BLEU (Papineni et al. 2002) as in sacrebleu: 13a tokenizer, 4-grams, exponential
 * smoothing. From 0 to 100. */
#ifndef WG_METRIC_BLEU_H
#define WG_METRIC_BLEU_H

#include "base/text.h"

enum { WG_BLEU_ORDER = 4 };

/* Counts of one pair, or summed over a corpus. */
typedef struct wg_bleu_counts {
    double correct[WG_BLEU_ORDER], total[WG_BLEU_ORDER];
    double candidate, reference; /* words */
} wg_bleu_counts;

WAGLE_CHECK wagle_status wg_bleu_count(wagle_ctx *ctx, wg_str reference, wg_str candidate,
                                       wg_bleu_counts *out);
/* sentence: ignores orders for which the candidate is too short. */
double wg_bleu_score(const wg_bleu_counts *counts, bool sentence);

#endif
