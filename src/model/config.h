/* config.h - reading config.json: what config.c and rope.c share. */
#ifndef WG_MODEL_CONFIG_H
#define WG_MODEL_CONFIG_H

#include "model/model.h"

typedef struct wg_config_source {
    wagle_ctx *ctx;
    const char *path;
    const json_t *json;  /* of the text model */
    const json_t *whole; /* config.json */
    const wg_family *family;
    double value[WG_CFG_KEYS]; /* of the family's keys: as they are there, or the defaults */
} wg_config_source;

/* The failure of a key whose value is not what it must be: "a number above 0". */
WAGLE_CHECK wagle_status wg_config_wrong(const wg_config_source *s, const char *key,
                                         const char *wanted, const json_t *found);
/* A number above 0. */
WAGLE_CHECK wagle_status wg_config_real(const wg_config_source *s, const char *key,
                                        const json_t *value, double *out);
/* c->rope and c->r, from rope_parameters or the older keys. */
WAGLE_CHECK wagle_status wg_config_rope(const wg_config_source *s, wg_config *c);

#endif
