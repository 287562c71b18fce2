/* export.h - shared by the parts of an export. */
#ifndef WG_GGUF_EXPORT_H
#define WG_GGUF_EXPORT_H

#include "gguf/map.h"
#include "gguf/writer.h"

enum { WG_ROPE_LISTS = 2 };

typedef struct wg_exporter {
    wagle_ctx *ctx;
    const wagle_export_options *o;
    const wg_gguf_arch *arch;
    wagle_gguf_type type; /* not WAGLE_GGUF_AUTO */
    wg_model *m;
    wg_gguf_head head;
    int64_t fell_back[WG_GGML_TYPES]; /* matrices of this type because of their width */
    struct {
        const char *name; /* name of a tensor of r/2 RoPE factors, or NULL */
        float factor[WG_PAIRS_MOST];
    } rope[WG_ROPE_LISTS];
} wg_exporter;

/* A tensor of the file. */
typedef struct wg_export_tensor {
    wg_role role; /* of ours; for all experts, of expert 0 */
    wg_role as;   /* whose name it has: another for each half of WG_EXPERT_GATE_UP */
    int64_t layer;
    wg_shape shape; /* slowest dimension first */
} wg_export_tensor;

/* The type of a tensor. *fell_back: another than the mixture says, because its rows are not whole
 * blocks. */
wg_gguf_type wg_export_type(const wg_exporter *e, const wg_export_tensor *t, bool *fell_back);
/* llama.cpp's number of the file's mixture of types. */
int wg_export_file_type(const wg_exporter *e);
/* Writes the config as keys ARCH.*. Refuses, by name, what llama.cpp's architecture cannot compute.
 */
WAGLE_CHECK wagle_status wg_export_config(wg_exporter *e);
/* Writes the tokenizer as keys tokenizer.*. Refuses, by name, what the keys cannot express. */
WAGLE_CHECK wagle_status wg_export_tokenizer(wg_exporter *e);
/* Writes the folder's chat templates. */
WAGLE_CHECK wagle_status wg_export_templates(wg_exporter *e);
/* Reads a JSON file of the folder; *out is NULL if there is none. */
WAGLE_CHECK wagle_status wg_export_read(wg_exporter *e, const char *name, json_t **out);

#endif
