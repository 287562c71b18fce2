/* rewind.h - a changed model with a share of its changes taken back. */
#ifndef WG_MODELDIR_REWIND_H
#define WG_MODELDIR_REWIND_H

#include "io/safetensors.h"

/* Writes the folder `changed` into the existing folder `out`, with that share of the changed
 * weights which moved least set back to what they were in `before` (ties may take a few more).
 * Refused: other tensors or shapes. */
WAGLE_CHECK wagle_status wg_write_rewound(wagle_ctx *ctx, const char *before, const char *changed,
                                          double share, const char *out);

#endif
