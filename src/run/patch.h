/* patch.h - making, applying and taking back patches of model folders. */
#ifndef WG_RUN_PATCH_H
#define WG_RUN_PATCH_H

#include "io/patch.h"

/* The patch from model folder `before` to `after`, with the old values. */
WAGLE_CHECK wagle_status wg_patch_make(wagle_ctx *ctx, const char *before, const char *after,
                                       const char *out, bool force);

#endif
