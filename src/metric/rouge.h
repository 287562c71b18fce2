/* rouge.h - ROUGE (Lin 2004) as in the rouge_score package, including tokenizer and stemmer. */
#ifndef WG_METRIC_ROUGE_H
#define WG_METRIC_ROUGE_H

#include "base/text.h"

/* Replaces a lower-case ASCII word by its stem: Porter 1980 with NLTK's extensions. The buffer must
 * have space for one byte more than the word. */
void wg_porter_stem(char *word);
/* out[i] = precision, recall, F1 of ROUGE-1, ROUGE-2, ROUGE-L. With several references [n], each of
 * the three uses the reference with the highest F1, as in score_multi of rouge_score. */
WAGLE_CHECK wagle_status wg_rouge(wagle_ctx *ctx, const wg_str *reference, int64_t n,
                                  wg_str candidate, bool stem, double out[3][3]);

#endif
