/* notweights.h - files that hold tensors in another form than safetensors, by their first bytes. */
#ifndef WG_IO_NOTWEIGHTS_H
#define WG_IO_NOTWEIGHTS_H

#include "base/context.h"

/* WAGLE_E_INPUT, which says what the file is and what makes safetensors of it, if it is known. */
WAGLE_CHECK wagle_status wg_not_weights(wagle_ctx *ctx, const char *path, const unsigned char *data,
                                        size_t bytes);

#endif
