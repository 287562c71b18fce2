/* loader.h - what the readers of a tokenizer.json share. */
#ifndef WG_TEXT_LOADER_H
#define WG_TEXT_LOADER_H

#include "text/tokenizer.h"

typedef struct wg_loader {
    wagle_ctx *ctx;
    const char *what; /* names the file in errors */
    wagle_tokenizer *t;
} wg_loader;

WAGLE_CHECK wagle_status wg_load_refuse(const wg_loader *l, const char *part, const char *name);
/* A copy in the tokenizer's arena. */
WAGLE_CHECK wagle_status wg_load_keep(const wg_loader *l, const char *text, size_t bytes,
                                      const char **out);
/* The part's "type"; "(none)". */
const char *wg_load_type(const json_t *part);
bool wg_load_flag(const json_t *part, const char *key, bool fallback);
/* One part each, that is no Sequence. */
WAGLE_CHECK wagle_status wg_load_normalizer(const wg_loader *l, const json_t *part);
WAGLE_CHECK wagle_status wg_load_pretokenizer(const wg_loader *l, const json_t *part);
WAGLE_CHECK wagle_status wg_load_decoder(const wg_loader *l, const json_t *part);

#endif
