/* keys.h - a table of how an import handles each metadata key of a GGUF file, so that no key that
 * affects arithmetic or tokens is ignored by accident. */
#ifndef WG_GGUF_KEYS_H
#define WG_GGUF_KEYS_H

#include "gguf/reader.h"

/* Checks every key `arch`.* and tokenizer.* of the file, and some of general.*. A key must be known
 * and of the right type, and either used by the import, harmless, or set to a value that has no
 * effect. Any other key is refused by name. */
WAGLE_CHECK wagle_status wg_gguf_check_keys(wagle_ctx *ctx, const wg_gguf *g, const char *arch);

/* Fails with "FILE: key 'K' is V; EXPECTED". */
WAGLE_CHECK wagle_status wg_gguf_refuse_key(wagle_ctx *ctx, const wg_gguf *g, const char *key,
                                            const char *expected);

#endif
