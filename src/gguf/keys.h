/* keys.h - what an import does with each metadata key of a GGUF file: a table, so that no key
 * that changes arithmetic or tokens is passed over. */
#ifndef WG_GGUF_KEYS_H
#define WG_GGUF_KEYS_H

#include "gguf/reader.h"

/* Checks every key `arch`.* and tokenizer.* of the file, and the few of general.* that matter:
 * known, of the right kind, and either used by the import, harmless, or of the one value that
 * changes nothing. Any other is refused by its name. */
WAGLE_CHECK wagle_status wg_gguf_check_keys(wagle_ctx *ctx, const wg_gguf *g, const char *arch);

/* The failure of a key's value: "FILE: key 'K' is V; EXPECTED". */
WAGLE_CHECK wagle_status wg_gguf_refuse_key(wagle_ctx *ctx, const wg_gguf *g, const char *key,
                                            const char *expected);

#endif
