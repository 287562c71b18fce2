/* special.h - the tokens that tokenizer_config.json and related files add to a vocabulary. */
#ifndef WG_TEXT_SPECIAL_H
#define WG_TEXT_SPECIAL_H

#include "text/folder.h"

enum { WG_MAX_NAMED = 64 };

/* An AddedToken of the `tokenizers` library; text is borrowed. */
typedef struct wg_token {
    const char *text; /* NULL if there is no token */
    bool plain;       /* given only by its text */
    bool by_class;    /* a default of the class, not in any file */
    bool special, normalized, single_word, lstrip, rstrip;
    bool says_normalized; /* the file sets `normalized`; the default is !special */
} wg_token;

/* Special tokens of a folder: by name, additional ones, and those of added_tokens_decoder or the
 * older files. */
typedef struct wg_special {
    wagle_ctx *ctx;
    const wg_token_files *files;
    const wg_token_class *class;
    struct {
        const char *name;
        wg_token token;
    } named[WG_MAX_NAMED]; /* [n_named] first bos, eos, unk, sep, pad, cls, mask */
    int n_named, n_other;  /* n_other: how often another name was read */
    wg_token *further;     /* [n_further] */
    int64_t n_further;
    struct wg_decoder_token {
        json_int_t id;
        int64_t place; /* position in the files; the later one is used */
        wg_token token;
    } * decoder; /* [n_decoder] sorted by id */
    int64_t n_decoder, capacity_decoder, capacity_further;
} wg_special;

/* Free with wg_special_free, also after failure. */
WAGLE_CHECK wagle_status wg_special_read(wagle_ctx *ctx, const wg_token_files *files,
                                         const wg_token_class *class, wg_special *out);
void wg_special_free(wg_special *s);

/* The added tokens of a vocabulary, with their ids and flags. */
typedef struct wg_added {
    wagle_ctx *ctx;
    const json_t *vocab;     /* an object, or a list of [text, score] */
    wg_string_table by_text; /* index of a list */
    struct wg_added_entry {
        wg_token token;
        json_int_t id;
        bool skipped;        /* skipped as a special token in decoding */
        bool was_normalized; /* decodes to its normalised form */
        int64_t turn;        /* of the last call that added it */
        bool by_class;       /* a default of the class, not in any file */
    } * entry;               /* [n] */
    int64_t n, capacity, turns;
    wg_string_table index; /* entries by text */
    json_int_t last;       /* largest id of an added token, -1: none */
} wg_added;

WAGLE_CHECK wagle_status wg_added_begin(wagle_ctx *ctx, const json_t *vocab, int64_t most,
                                        wg_added *out);
/* One call of add_tokens with tokens [n]. */
WAGLE_CHECK wagle_status wg_added_put(wg_added *a, const wg_token *tokens, int64_t n);
/* The entry of a text, or NULL if it is no added token. */
const struct wg_added_entry *wg_added_find(const wg_added *a, const char *text);
WAGLE_CHECK wagle_status wg_added_json(const wg_added *a, json_t **out);
void wg_added_free(wg_added *a);
bool wg_token_same(const wg_token *a, const wg_token *b);
/* Reads a token from JSON: a text, which is a special token, or an object with content. */
bool wg_token_read(const json_t *value, wg_token *out);
void wg_token_make_special(wg_token *t);

#endif
