/* adapter_config.h - adapter_config.json of a PEFT LoRA adapter. */
#ifndef WG_MODELDIR_ADAPTER_CONFIG_H
#define WG_MODELDIR_ADAPTER_CONFIG_H

#include "base/json.h"

typedef struct wg_adapter_config {
    json_t *json;
    const char *path; /* of the file, for messages; borrowed */
    const char *base; /* name of the model that it was made for; or NULL */
    int64_t rank;
    double alpha;
    bool rslora, dora;
} wg_adapter_config;

/* Checks everything in the file. WAGLE_E_INPUT, naming the key, where it asks for what is not
 * supported. Free with wg_adapter_config_free, also after failure. `json` is stolen. */
WAGLE_CHECK wagle_status wg_adapter_config_read(wagle_ctx *ctx, const char *path, json_t *json,
                                                wg_adapter_config *out);
void wg_adapter_config_free(wg_adapter_config *c);
/* Whether target_modules names the module ("model.layers.0.mlp.up_proj"). */
WAGLE_CHECK wagle_status wg_adapter_targets(wagle_ctx *ctx, const wg_adapter_config *c,
                                            const char *module, bool *is);
/* The module's rank, and what its product is multiplied by, with rank_pattern and alpha_pattern. */
WAGLE_CHECK wagle_status wg_adapter_scale(wagle_ctx *ctx, const wg_adapter_config *c,
                                          const char *module, int64_t *rank, double *scale);

#endif
