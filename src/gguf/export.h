/* export.h - what the parts of an export share. */
#ifndef WG_GGUF_EXPORT_H
#define WG_GGUF_EXPORT_H

#include "gguf/map.h"
#include "gguf/writer.h"

enum { WG_ROPE_LISTS = 2 };

typedef struct wg_exporter {
    wagle_ctx *ctx;
    const wagle_export_options *o;
    const wg_gguf_arch *arch;
    wg_gguf_type type;
    wg_model *m;
    wg_gguf_head head;
    struct {
        const char *name; /* of a tensor of r/2 factors of the positions; NULL: there is none */
        float factor[WG_PAIRS_MOST];
    } rope[WG_ROPE_LISTS];
} wg_exporter;

/* The config as keys ARCH.*; what llama.cpp's architecture cannot compute is refused by name. */
WAGLE_CHECK wagle_status wg_export_config(wg_exporter *e);
/* The tokenizer as wagle uses it, as keys tokenizer.*; what they cannot say is refused by name. */
WAGLE_CHECK wagle_status wg_export_tokenizer(wg_exporter *e);
/* The folder's chat templates. */
WAGLE_CHECK wagle_status wg_export_templates(wg_exporter *e);
/* A JSON file of the folder; NULL in *out: there is none. */
WAGLE_CHECK wagle_status wg_export_read(wg_exporter *e, const char *name, json_t **out);

#endif
