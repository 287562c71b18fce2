/* decode.h - one token a step for several sequences at once, each with its key/value cache. */
#ifndef WG_MODEL_DECODE_H
#define WG_MODEL_DECODE_H

#include "model/model.h"

typedef struct wg_decoder wg_decoder;

/* B sequences of at most `capacity` tokens. Weights are read as stored (overlays are not seen). */
WAGLE_CHECK wagle_status wg_decoder_new(wagle_ctx *ctx, const wg_model *m, int64_t B,
                                        int64_t capacity, wg_decoder **out);
/* From now on steps read matrices in 8 bits, which are made of the stored ones here (q8.h).
 * Prefills read the stored ones still. */
WAGLE_CHECK wagle_status wg_decoder_use_q8(wagle_ctx *ctx, wg_decoder *d);
void wg_decoder_free(wg_decoder *d);
/* Bytes of such a decoder, on a card where the model is on one: caches, and what a step or a
 * prefill of `tokens` together needs beside them. */
typedef struct wg_decoder_size {
    int64_t caches, scratch;
} wg_decoder_size;
wg_decoder_size wg_decoder_size_of(const wg_model *m, int64_t B, int64_t capacity, int64_t tokens);
/* Most tokens that a prefill reads together, of prompts that have `all`, the longest `longest`. */
int64_t wg_decoder_read_at_once(int64_t longest, int64_t all);
/* The caches of sequences which[i], i < n, become those of the first length[i] tokens of ids[i],
 * all together; what they held is gone. Grows its scratch. */
WAGLE_CHECK wagle_status wg_decoder_prefill(wagle_ctx *ctx, wg_decoder *d, const int64_t *which,
                                            const int32_t *const *ids, const int64_t *length,
                                            int64_t n);
/* Appends token[i] to sequence which[i], i < n; logits [n,V] of the next token, on the host. */
WAGLE_CHECK wagle_status wg_decoder_step(wagle_ctx *ctx, wg_decoder *d, const int64_t *which,
                                         const int32_t *token, int64_t n, wg_real *logits);

#endif
