/* map.h - llama.cpp's names of architectures, tensors and pre-tokenizers. */
#ifndef WG_GGUF_MAP_H
#define WG_GGUF_MAP_H

#include "base/json.h"
#include "model/model.h"

typedef struct wg_gguf_arch {
    const char *name, *model_type, *class_name; /* llama.cpp's name, and two of transformers */
    const char *eps_key;                        /* key after "attention." */
    wg_activation activation;
    bool permuted;    /* rows of q and k are stored with the halves of each head interleaved */
    bool windows;     /* has a sliding window */
    bool caps;        /* soft-caps attention scores and logits */
    bool output_bias; /* attention output and feed-forward layer may have biases */
    bool square;      /* H * h equals D */
    bool tied;        /* output head and embedding are tied */
    bool untied;      /* they are never tied */
    bool clips;       /* may clip q, k and v */
    bool mixture;     /* layers are mixtures of experts */
    bool sum_to_one;  /* the weights of a token's experts are divided by their sum */
    bool ungrouped;   /* each head has a key/value head of its own */
    bool chunked;     /* Llama 4's attention, whose numbers llama.cpp knows without keys */
} wg_gguf_arch;

/* What llama.cpp computes with for Llama 4, whatever the file says. */
enum {
    WG_LLAMA4_CHUNK = 8192,  /* tokens of a chunk, and after which queries grow */
    WG_LLAMA4_UNTURNED = 4,  /* every fourth layer has no positions, and no chunks */
    WG_LLAMA4_MAVERICK = 128 /* with so many experts, q and k have no norms */
};
#define WG_LLAMA4_STRETCH 0.1

/* Finds an architecture by llama.cpp's name, and whether the file has experts where llama.cpp gives
 * a mixture the same name as another model; or by model_type. NULL if there is none. */
const wg_gguf_arch *wg_gguf_arch_named(const char *name, bool mixture);
const wg_gguf_arch *wg_gguf_arch_of(const char *model_type);
/* All names, for messages. */
extern const char wg_gguf_arch_names[], wg_gguf_model_types[];

/* Writes llama.cpp's name of a role's tensor: for a role of expert 0, of the one that holds all
 * experts. WG_EXPERT_GATE_UP has none: it is two tensors there. */
void wg_gguf_role_name(wg_role role, int64_t layer, char out[WG_NAME_BYTES]);
/* Whether the rows of this tensor are permuted. */
bool wg_gguf_permuted(const wg_gguf_arch *arch, wg_role role);
/* The row of the GGUF tensor that corresponds to our row r; heads have size h. */
int64_t wg_gguf_row(int64_t r, int64_t h);
/* The inverse: our row that corresponds to row r of the GGUF tensor. */
int64_t wg_gguf_our_row(int64_t r, int64_t h);
/* Whether our tensor is [in, out] and must be transposed. */
bool wg_gguf_transposed(const wg_config *c, wg_role role, const wg_shape *shape);

/* Whether llama.cpp treats a token with that text as a control token regardless of the file;
 * whether it is an end token. */
bool wg_gguf_special(const char *text, size_t bytes);
bool wg_gguf_ends_text(const char *text, size_t bytes);

/* The meaning of llama.cpp's name of a pre-tokenizer. */
typedef struct wg_gguf_pre {
    json_t *pre,
        *normalizer; /* parts of a tokenizer.json; free with json_decref; NULL if memory runs out */
    bool ignore_merges; /* a piece that is a token is not split */
    bool adds_bos;      /* unless the file says otherwise */
} wg_gguf_pre;

/* Returns false if the name is not known. */
bool wg_gguf_pretokenizer(const char *name, wg_gguf_pre *out);
enum { WG_PRE_BYTES = 32 };
/* The inverse: finds the name, written to `out`. NULL if no pre-tokenizer does the same. */
const char *wg_gguf_pretokenizer_name(const json_t *pre, bool ignore_merges, bool nfc,
                                      char out[WG_PRE_BYTES]);

#endif
