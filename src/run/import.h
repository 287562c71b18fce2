/* import.h - what the parts of an import share. */
#ifndef WG_RUN_IMPORT_H
#define WG_RUN_IMPORT_H

#include "io/gguf.h"
#include "run/ggufmap.h"

typedef struct wg_importer {
    wagle_ctx *ctx;
    const wagle_import_options *o;
    wg_gguf g;
    const wg_gguf_arch *arch;
    wg_dtype dtype;
    char *partial; /* the folder that is being made */
    int64_t V;
} wg_importer;

WAGLE_CHECK wagle_status wg_import_refuse(const wg_importer *m, const char *what, const char *name);
/* Writes a JSON file of the folder; steals json, NULL is a lack of memory. */
WAGLE_CHECK wagle_status wg_import_put(wg_importer *m, const char *name, json_t *json);
/* An id, or -1. */
json_int_t wg_import_token(const wg_importer *m, const char *key);
/* tokenizer.json and tokenizer_config.json. */
WAGLE_CHECK wagle_status wg_import_tokenizer(wg_importer *m);

#endif
