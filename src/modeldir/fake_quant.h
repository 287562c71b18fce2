/* fake_quant.h - a model as it is after a trip through a block format. */
#ifndef WG_MODELDIR_FAKE_QUANT_H
#define WG_MODELDIR_FAKE_QUANT_H

#include "model/model.h"

typedef enum wg_block_kind { WG_BLOCK_Q8_0, WG_BLOCK_Q4_0 } wg_block_kind;

/* By ggml's name; -1: none of these. */
int wg_block_kind_find(const char *name);

/* x [n], n a multiple of 32, to the values that ggml's blocks of 32 keep of it: q8_0 signed bytes,
 * q4_0 four bits; both with a scale in half precision. */
void wg_block_round(wg_block_kind kind, int64_t n, float *x);
/* Writes config.json and float32 weights into the new folder `out`: matrices rounded (rows that are
 * no multiple of 32 stay), of q4_0 the embedding and the head to q8_0, vectors as they are. */
WAGLE_CHECK wagle_status wg_write_rounded(wagle_ctx *ctx, const wg_model *m, wg_block_kind kind,
                                          const char *out);

#endif
