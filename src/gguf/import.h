/* import.h - shared by the parts of an import. */
#ifndef WG_GGUF_IMPORT_H
#define WG_GGUF_IMPORT_H

#include "gguf/map.h"
#include "gguf/reader.h"

typedef struct wg_importer {
    wagle_ctx *ctx;
    const wagle_import_options *o;
    wg_gguf g;
    const wg_gguf_arch *arch;
    wg_dtype dtype;      /* of all weights; or where exact is set, of the most exact of them */
    bool exact;          /* each tensor in a type that holds its values exactly */
    const char *partial; /* the folder being written */
    int64_t V;
    bool pieces; /* tokenizer.ggml.model is llama, not gpt2 */
    json_int_t bos, eos, unknown, eot, eom, pad, sep, mask; /* token ids, -1: none */
} wg_importer;

/* Imports to a folder that exists and is empty, each tensor in a type that holds its values
 * exactly: bf16 and f16 as they are, all others in f32. weights: else all other files.
 * WAGLE_E_RESOURCE, before anything is written, where the disk has no room for them. */
WAGLE_CHECK wagle_status wg_import_files(wagle_ctx *ctx, const char *gguf, const char *folder,
                                         bool weights);
WAGLE_CHECK wagle_status wg_import_refuse(const wg_importer *m, const char *what, const char *name);
/* Writes a JSON file to the folder. Steals json; NULL means that memory ran out. */
WAGLE_CHECK wagle_status wg_import_put(wg_importer *m, const char *name, json_t *json);
/* Reads the tokenizer's model and the ids of named tokens. */
WAGLE_CHECK wagle_status wg_import_ids(wg_importer *m);
/* Writes config.json and generation_config.json. */
WAGLE_CHECK wagle_status wg_import_config(wg_importer *m);
/* Whether the tensor is not a weight but is stored in config.json. */
bool wg_import_makes_config(const wg_importer *m, const char *tensor);
/* Lists the ids of end tokens in ascending order, as llama.cpp finds them. */
WAGLE_CHECK wagle_status wg_import_ends(wg_importer *m, json_t **out);
/* Writes tokenizer.json and tokenizer_config.json. */
WAGLE_CHECK wagle_status wg_import_tokenizer(wg_importer *m);

#endif
