/* import.h - what the parts of an import share. */
#ifndef WG_GGUF_IMPORT_H
#define WG_GGUF_IMPORT_H

#include "gguf/map.h"
#include "gguf/reader.h"

typedef struct wg_importer {
    wagle_ctx *ctx;
    const wagle_import_options *o;
    wg_gguf g;
    const wg_gguf_arch *arch;
    wg_dtype dtype;
    wg_partial folder;   /* that is being made */
    const char *partial; /* its path */
    int64_t V;
    bool pieces; /* tokenizer.ggml.model is llama, else gpt2 */
    json_int_t bos, eos, unknown, eot, eom, pad, sep, mask; /* ids, -1: none */
} wg_importer;

WAGLE_CHECK wagle_status wg_import_refuse(const wg_importer *m, const char *what, const char *name);
/* Writes a JSON file of the folder; steals json, NULL is a lack of memory. */
WAGLE_CHECK wagle_status wg_import_put(wg_importer *m, const char *name, json_t *json);
/* The tokenizer's model, and ids of the tokens that have a name. */
WAGLE_CHECK wagle_status wg_import_ids(wg_importer *m);
/* config.json and generation_config.json. */
WAGLE_CHECK wagle_status wg_import_config(wg_importer *m);
/* The tensor of that name is no weight: config.json holds what it says. */
bool wg_import_makes_config(const wg_importer *m, const char *tensor);
/* Ids of the tokens that end a text, ascending, as llama.cpp finds them. */
WAGLE_CHECK wagle_status wg_import_ends(wg_importer *m, json_t **out);
/* tokenizer.json and tokenizer_config.json. */
WAGLE_CHECK wagle_status wg_import_tokenizer(wg_importer *m);

#endif
