/* loader.h - shared by the readers of a tokenizer.json. */
#ifndef WG_TEXT_LOADER_H
#define WG_TEXT_LOADER_H

#include "text/tokenizer.h"

typedef struct wg_loader {
    wagle_ctx *ctx;
    const char *what; /* name of the file in error messages */
    wagle_tokenizer *t;
} wg_loader;

WAGLE_CHECK wagle_status wg_load_refuse(const wg_loader *l, const char *part, const char *name);
/* Copies a text to the tokenizer's arena. */
WAGLE_CHECK wagle_status wg_load_keep(const wg_loader *l, const char *text, size_t bytes,
                                      const char **out);
/* The "type" of a part, or "(none)". */
const char *wg_load_type(const json_t *part);
bool wg_load_flag(const json_t *part, const char *key, bool fallback);
/* Read one part, which is not a Sequence. */
WAGLE_CHECK wagle_status wg_load_normalizer(const wg_loader *l, const json_t *part);
WAGLE_CHECK wagle_status wg_load_pretokenizer(const wg_loader *l, const json_t *part);
WAGLE_CHECK wagle_status wg_load_decoder(const wg_loader *l, const json_t *part);

#endif
