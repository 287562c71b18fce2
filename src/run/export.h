/* export.h - what the parts of an export share. */
#ifndef WG_RUN_EXPORT_H
#define WG_RUN_EXPORT_H

#include "io/ggufwrite.h"
#include "run/ggufmap.h"

/* The tokenizer of a model folder, of V tokens, as keys of the file. */
WAGLE_CHECK wagle_status wg_export_tokenizer(wagle_ctx *ctx, const char *folder, int64_t V,
                                             wg_gguf_head *head);

#endif
