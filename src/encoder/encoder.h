/* encoder.h - sentence embeddings of a BERT encoder (Devlin et al. 2019, arXiv 1810.04805), as
 * sentence-transformers computes them (Reimers and Gurevych 2019, arXiv 1908.10084), in float32.
 *
 *   text -> token ids, cut to the longest length -> hidden states -> pooling (-> unit length)
 *
 * folder.c reads the files of sentence-transformers around the model, config.c its config.json,
 * weights.c its tensors. forward.c computes the hidden states, pooling.c an embedding of them, and
 * encoder.c does it for texts. */
#ifndef WG_ENCODER_ENCODER_H
#define WG_ENCODER_ENCODER_H

#include "base/text.h"
#include "ops/ops.h"

typedef struct wg_encoder wg_encoder;

/* Opens a folder of sentence-transformers, or of a plain BERT model, whose embeddings are then the
 * means of the hidden states. ops: the embeddings are computed by its back end for memory of the
 * host; it must outlive the encoder. Close with wg_encoder_close. */
WAGLE_CHECK wagle_status wg_encoder_open(wagle_ctx *ctx, const wg_ops *ops, const char *folder,
                                         wg_encoder **out);
void wg_encoder_close(wg_encoder *e);
/* Numbers of an embedding. */
int64_t wg_encoder_width(const wg_encoder *e);
/* Embeds n texts in UTF-8: embedding [n,width]. The bits of an embedding depend on neither the
 * other texts nor the number of threads. One call at a time. */
WAGLE_CHECK wagle_status wg_encoder_embed(wagle_ctx *ctx, wg_encoder *e, const wg_str *text,
                                          int64_t n, float *embedding);
/* The cosine of two embeddings [n]; 0 if one is 0. */
double wg_cosine(const float *a, const float *b, int64_t n);

#endif
