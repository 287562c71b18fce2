/* family.h - a model family is data: names of its type, of its tensors, and their shapes.
 * Forward and backward (block.c) branch on features, never on a family's name. */
#ifndef WG_MODEL_FAMILY_H
#define WG_MODEL_FAMILY_H

#include "base/context.h"

/* Dimensions a shape is written in; Q = H*h, P = K*h. */
typedef enum wg_dim { WG_DIM_NONE, WG_DIM_V, WG_DIM_D, WG_DIM_F, WG_DIM_Q, WG_DIM_P } wg_dim;

typedef enum wg_role {
    WG_EMBED,
    WG_FINAL_NORM,
    WG_HEAD,
    WG_LAYER_ROLES, /* from here on: one a layer */
    WG_ATTENTION_NORM = WG_LAYER_ROLES,
    WG_QUERY,
    WG_KEY,
    WG_VALUE,
    WG_OUTPUT,
    WG_MLP_NORM,
    WG_GATE,
    WG_UP,
    WG_DOWN,
    WG_ROLES
} wg_role;

typedef struct wg_family_tensor {
    const char *pattern; /* tensor name, %d is the layer */
    wg_dim shape[2];
} wg_family_tensor;

typedef struct wg_family {
    const char *model_type[4]; /* of config.json, NULL-terminated */
    wg_family_tensor tensor[WG_ROLES];
    const char *must_be_off[8]; /* config keys that, if true, ask for what the family lacks */
} wg_family;

/* By config.json's model_type; NULL if unknown. */
const wg_family *wg_family_find(const char *model_type);

#endif
