/* special.h - the tokens that tokenizer_config.json and its companions add to a vocabulary. */
#ifndef WG_TEXT_SPECIAL_H
#define WG_TEXT_SPECIAL_H

#include "text/folder.h"

enum { WG_NAMED_MOST = 64 };

/* An AddedToken of the `tokenizers` library; text is borrowed. */
typedef struct wg_token {
    const char *text; /* NULL: none */
    bool plain;       /* named by its text alone */
    bool by_class;    /* no file names it, the class does */
    bool special, normalized, single_word, lstrip, rstrip;
    bool says_normalized; /* the file does; else what is not special is */
} wg_token;

/* What the folder names: special tokens by name, further ones, and those of added_tokens_decoder
 * or of the files that came before it. */
typedef struct wg_special {
    wagle_ctx *ctx;
    const wg_token_files *files;
    const wg_token_class *class;
    struct {
        const char *name;
        wg_token token;
    } named[WG_NAMED_MOST]; /* [n_named] the first seven: bos, eos, unk, sep, pad, cls, mask */
    int n_named, n_other;   /* other names: how many times one was read */
    wg_token *further;      /* [n_further] */
    int64_t n_further;
    struct wg_decoder_token {
        json_int_t id;
        int64_t place; /* in the files: the later one counts */
        wg_token token;
    } * decoder; /* [n_decoder] in order of id */
    int64_t n_decoder, room_decoder, room_further;
} wg_special;

/* Free with wg_special_free, on failure too. */
WAGLE_CHECK wagle_status wg_special_read(wagle_ctx *ctx, const wg_token_files *files,
                                         const wg_token_class *class, wg_special *out);
void wg_special_free(wg_special *s);

/* The added tokens of a vocabulary, with the ids and flags they come to. */
typedef struct wg_added {
    wagle_ctx *ctx;
    const json_t *vocab;     /* an object, or a list of [text, score] */
    wg_string_table by_text; /* of a list */
    struct wg_added_entry {
        wg_token token;
        json_int_t id;
        bool skipped;        /* a decoder leaves it out among the special ones */
        bool was_normalized; /* and decodes as its normalised form */
        int64_t turn;        /* when it was put last */
        bool by_class;       /* no file has it */
    } * entry;               /* [n] */
    int64_t n, room, turns;
    wg_string_table index; /* of entry, by text */
    json_int_t last;       /* largest id of an added token, -1: none */
} wg_added;

WAGLE_CHECK wagle_status wg_added_begin(wagle_ctx *ctx, const json_t *vocab, int64_t most,
                                        wg_added *out);
/* One call of add_tokens with tokens [n]. */
WAGLE_CHECK wagle_status wg_added_put(wg_added *a, const wg_token *tokens, int64_t n);
/* The entry of a text; NULL: it is no added token. */
const struct wg_added_entry *wg_added_find(const wg_added *a, const char *text);
WAGLE_CHECK wagle_status wg_added_json(const wg_added *a, json_t **out);
void wg_added_free(wg_added *a);
bool wg_token_same(const wg_token *a, const wg_token *b);
/* A token of JSON: a text, which is a special token, or an object with content. */
bool wg_token_read(const json_t *value, wg_token *out);
void wg_token_make_special(wg_token *t);

#endif
