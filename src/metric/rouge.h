/* rouge.h - ROUGE (Lin 2004) as the rouge_score package computes it, tokenizer and stemmer
 * included. */
#ifndef WG_METRIC_ROUGE_H
#define WG_METRIC_ROUGE_H

#include "base/text.h"

/* Replaces the lower-case ASCII word by its stem: Porter 1980 with NLTK's extensions. The buffer
 * must have room for one byte more than the word. */
void wg_porter_stem(char *word);
/* out[i] = precision, recall, F1 of ROUGE-1, ROUGE-2, ROUGE-L. Of several references [n] each of
 * the three takes the one of highest F1, as rouge_score's score_multi does. */
WAGLE_CHECK wagle_status wg_rouge(wagle_ctx *ctx, const wg_str *reference, int64_t n,
                                  wg_str candidate, bool stem, double out[3][3]);

#endif
