/* adapter.h - PEFT LoRA adapters: adapter_config.json and adapter_model.safetensors.
 *
 * What merging makes of a stored matrix W, as PEFT's merge_and_unload does:
 *   LoRA   W + s B A          A [r,in], B [out,r], s = alpha/r, or alpha/sqrt(r) with rsLoRA
 *   DoRA   m (W + s B A) / |W + s B A|     norms of the rows [in] of each output; m [out]
 * or a whole tensor in its place (modules_to_save, trained biases). Computed in float32 and rounded
 * once to W's type; sums over r are in order, so threads do not change bits. */
#ifndef WG_MODELDIR_ADAPTER_H
#define WG_MODELDIR_ADAPTER_H

#include "base/pool.h"
#include "model/model.h"
#include "modeldir/adapter_config.h"

typedef struct wg_adapter_change {
    const wg_tensor *base;      /* the tensor of the model */
    const wg_tensor *whole;     /* in its place; or NULL */
    const wg_tensor *a, *b;     /* A [r,in] and B [out,r]; or NULL */
    const wg_tensor *magnitude; /* m [out]; NULL: no DoRA */
    bool turned;                /* the base is stored [in,out] */
    double scale;
} wg_adapter_change;

typedef struct wg_adapter {
    char *config_path;
    wg_adapter_config config;
    wg_tensors files;
    wg_config model;
    wg_tie tie;
    wg_adapter_change *change; /* [n] by base */
    int64_t n;
} wg_adapter;

/* Reads the adapter for the tensors of a model folder and checks that everything in it fits and is
 * understood. `model` must outlive it. Close with wg_adapter_close, also after failure. */
WAGLE_CHECK wagle_status wg_adapter_open(wagle_ctx *ctx, const char *folder,
                                         const char *model_folder, const wg_tensors *model,
                                         wg_adapter *out);
void wg_adapter_close(wg_adapter *a);
/* What becomes of a tensor of the model; NULL: nothing. */
const wg_adapter_change *wg_adapter_find(const wg_adapter *a, const wg_tensor *t);
/* The merged tensor, in the base's type, into `out` [base->bytes]. WAGLE_E_INPUT where a weight
 * would not be finite. */
WAGLE_CHECK wagle_status wg_adapter_merge(wagle_ctx *ctx, wg_pool *pool, const wg_adapter_change *c,
                                          void *out);

#endif
