/* map.h - what llama.cpp calls things: architectures, tensors, pre-tokenizers. */
#ifndef WG_GGUF_MAP_H
#define WG_GGUF_MAP_H

#include "base/json.h"
#include "model/model.h"

typedef struct wg_gguf_arch {
    const char *name, *model_type, *class_name; /* llama.cpp's, transformers' two */
    const char *eps_key;                        /* attention.... */
    wg_activation activation;
    bool permuted;    /* rows of q and k: a head's halves lie interleaved */
    bool windows;     /* it has a sliding window */
    bool caps;        /* of attention scores and logits */
    bool output_bias; /* attention's output and the feed-forward layer may have biases */
    bool square;      /* heads make up the width */
    bool tied;        /* the head is the embedding */
} wg_gguf_arch;

/* By llama.cpp's name, or by model_type; NULL: there is none. */
const wg_gguf_arch *wg_gguf_arch_named(const char *name);
const wg_gguf_arch *wg_gguf_arch_of(const char *model_type);
/* Names of all, for messages. */
extern const char wg_gguf_arch_list[];

/* llama.cpp's name of a role's tensor. */
void wg_gguf_role_name(wg_role role, int64_t layer, char out[WG_NAME_BYTES]);
/* The tensor is one of those whose rows are permuted. */
bool wg_gguf_permuted(const wg_gguf_arch *arch, wg_role role);
/* Row of the GGUF tensor that is row r of ours, heads of size h. */
int64_t wg_gguf_row(int64_t r, int64_t h);
/* The inverse: our row that becomes row r of the GGUF tensor. */
int64_t wg_gguf_our_row(int64_t r, int64_t h);
/* Ours is [in, out], the file's [out, in]. */
bool wg_gguf_turned(const wg_config *c, wg_role role, const wg_shape *shape);

/* llama.cpp takes a token of that text as a control token, whatever the file says; it ends a text.
 */
bool wg_gguf_special(const char *text, size_t bytes);
bool wg_gguf_ends_text(const char *text, size_t bytes);

/* What llama.cpp's name of a pre-tokenizer stands for. */
typedef struct wg_gguf_pre {
    json_t *pre, *normalizer; /* of a tokenizer.json; free both with json_decref; NULL: no memory */
    bool ignore_merges;       /* a piece that is a token is taken whole */
    bool adds_bos;            /* unless the file says otherwise */
} wg_gguf_pre;

/* False: none of that name is known. */
bool wg_gguf_pretokenizer(const char *name, wg_gguf_pre *out);
enum { WG_PRE_BYTES = 32 };
/* The inverse, in `out`; NULL: none does the same. */
const char *wg_gguf_pretokenizer_name(const json_t *pre, bool ignore_merges, bool nfc,
                                      char out[WG_PRE_BYTES]);

#endif
