/* notweights.h - recognises tensor files that are not safetensors by their first bytes. */
#ifndef WG_IO_NOTWEIGHTS_H
#define WG_IO_NOTWEIGHTS_H

#include "base/context.h"

/* Fails with WAGLE_E_INPUT if the format is known; the message names it and says how to convert it.
 */
WAGLE_CHECK wagle_status wg_not_weights(wagle_ctx *ctx, const char *path, const unsigned char *data,
                                        size_t bytes);

#endif
