/* lora.h - low-rank adapters (Hu et al. 2021, arXiv 2106.09685): of each target W [O,I]
 *   W + scale * B A,   A [r,I], B [O,r],   scale = alpha / r
 * A starts normal with deviation 1/sqrt(I), B starts 0. The product is merged into the model that
 * is written. The merged matrix of each target is held in float32 while training: a
 * baseline to compare with, not a way to save memory. */
#ifndef WG_OPTIM_LORA_H
#define WG_OPTIM_LORA_H

#include "optim/optimizer.h"

enum { WG_LORA_BLOCK = 1 << 20 }; /* weights that are merged at a time */

/* Finds the targets: matrices of layers whose name matches o->lora_targets (NULL: all of them).
 * Fills a->n. */
WAGLE_CHECK wagle_status wg_lora_new(wagle_ctx *ctx, wg_optimizer *a, const wagle_train_options *o);
/* Weights of the adapters, and of their targets, that it will make. */
void wg_lora_sizes(const wg_model *m, const wagle_train_options *o, int64_t *adapters,
                   int64_t *targets);
/* Starts the masters at a->master, and the overlays. */
WAGLE_CHECK wagle_status wg_lora_start(wagle_ctx *ctx, wg_optimizer *a, uint64_t seed);
void wg_lora_free(const wg_ops *ops, wg_lora *l);
bool wg_lora_wants(const wg_lora *l, int tensor);
/* The adapter's gradient out of the matrix's. */
void wg_lora_accept(wg_optimizer *a, int tensor, const float *grad);
/* Rounds each merged matrix to its stored type. */
void wg_lora_round(wg_optimizer *a);
/* B becomes share * B of a->gradient, which holds the masters to scale, and so does the product. */
void wg_lora_scale(wg_optimizer *a, double share);
/* The merged matrices out of the masters. */
void wg_lora_merge(wg_optimizer *a);
/* WAGLE_E_USAGE, naming one, where o->out_adapter asks for a folder with adapters of experts or
 * routers. transformers 5 has these as parameters, not as modules, so PEFT would not load them. */
WAGLE_CHECK wagle_status wg_lora_check_written(wagle_ctx *ctx, const wg_model *m,
                                               const wagle_train_options *o);
/* Writes the folder `out`, replacing it: the adapters as PEFT saves them, in float32. base: the
 * model's name in adapter_config.json. */
WAGLE_CHECK wagle_status wg_lora_write(wagle_ctx *ctx, const wg_optimizer *a, const char *base,
                                       const char *out);

#endif
