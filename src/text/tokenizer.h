/* tokenizer.h - runs a tokenizer.json like the `tokenizers` library: BPE on bytes or on characters
 * with byte fallback, Unigram, WordPiece and WordLevel.
 *
 *   text -> split off added tokens -> normalise -> split off added tokens in normalised form
 *        -> pre-tokenise into pieces -> the model, on each piece -> post-process (template)
 *
 * tokenizer.c runs the stages. Each stage has a file: added.c, normalize.c (charsmap.c),
 * pretokenize.c, bpe.c, unigram.c, wordpiece.c, decode.c. The document is read by load.c,
 * loadsteps.c and model.c. It is made from the files of a folder, like in transformers, by folder.c
 * (class.c, special.c, addtokens.c, merge.c), and from older formats by sentencepiece.c,
 * vocabmerges.c and vocabwords.c. */
#ifndef WG_TEXT_TOKENIZER_H
#define WG_TEXT_TOKENIZER_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/json.h"
#include "base/text.h"
#include <pcre2.h>

/* Hash table from text to number with open addressing; keys are borrowed. */
typedef struct wg_string_table {
    struct wg_string_slot {
        const char *key;
        int32_t bytes, value;
    } * slot;
    uint64_t size; /* a power of two, or 0 */
} wg_string_table;

WAGLE_CHECK wagle_status wg_string_table_new(wagle_ctx *ctx, wg_string_table *t, int64_t n);
void wg_string_table_put(wg_string_table *t, const char *key, size_t bytes, int32_t value);
int32_t wg_string_table_get(const wg_string_table *t, const char *key, size_t bytes); /* or -1 */

typedef struct wg_merge_slot {
    uint64_t pair; /* left << 32 | right, or UINT64_MAX */
    int32_t rank, id;
} wg_merge_slot;

typedef struct wg_added_token {
    const char *text; /* to search for; in normalised form if `normalized` */
    size_t bytes;
    int32_t id;
    bool special, normalized, single_word, lstrip, rstrip;
    bool skipped; /* is special in one of the files, regardless of the final flag */
} wg_added_token;

typedef enum wg_normal_kind {
    WG_NORMAL_NFC,
    WG_NORMAL_NFD,
    WG_NORMAL_NFKC,
    WG_NORMAL_NFKD,
    WG_NORMAL_LOWERCASE,
    WG_NORMAL_PREPEND,
    WG_NORMAL_REPLACE,
    WG_NORMAL_STRIP,
    WG_NORMAL_CHARSMAP,
    WG_NORMAL_STRIP_ACCENTS,
    WG_NORMAL_BERT,
    WG_NORMAL_NMT,
    WG_NORMAL_BYTE_LEVEL
} wg_normal_kind;

/* SentencePiece's compiled normalisation: a double-array trie of replacements. */
typedef struct wg_charsmap {
    const uint32_t *unit;
    size_t units;
    const char *text; /* [bytes] replacements, each with its NUL */
    size_t bytes;
} wg_charsmap;

typedef struct wg_normal_step {
    wg_normal_kind kind;
    const char *pattern, *content;       /* replace: pattern by content; prepend: content */
    pcre2_code *regex;                   /* replace: instead of the pattern */
    bool left, right;                    /* strip */
    bool clean, chinese, accents, lower; /* bert */
    wg_charsmap map;
} wg_normal_step;

typedef enum wg_split_kind {
    WG_SPLIT_REGEX,
    WG_SPLIT_BYTE_LEVEL,
    WG_SPLIT_METASPACE,
    WG_SPLIT_WORDS,
    WG_SPLIT_LENGTH,
    WG_SPLIT_DIGITS, /* this and the following: each character of a class */
    WG_SPLIT_SPACES,
    WG_SPLIT_PUNCTUATION,
    WG_SPLIT_DELIMITER
} wg_split_kind;
typedef enum wg_prepend { WG_PREPEND_ALWAYS, WG_PREPEND_FIRST, WG_PREPEND_NEVER } wg_prepend;
typedef enum wg_split_behavior {
    WG_ISOLATED,
    WG_REMOVED,
    WG_MERGED_WITH_PREVIOUS,
    WG_MERGED_WITH_NEXT,
    WG_CONTIGUOUS
} wg_split_behavior;

typedef struct wg_split_step {
    wg_split_kind kind;
    pcre2_code *regex; /* NULL: none */
    wg_split_behavior behavior;
    bool invert, prefix_space;
    bool maps_bytes; /* maps bytes to the characters that represent them */
    int32_t delimiter;
    int64_t length;
    const char *space; /* metaspace: the symbol for a space */
    wg_prepend prepend;
} wg_split_step;

typedef enum wg_decode_kind {
    WG_DECODE_BYTE_LEVEL,
    WG_DECODE_BYTE_FALLBACK,
    WG_DECODE_FUSE,
    WG_DECODE_REPLACE,
    WG_DECODE_STRIP,
    WG_DECODE_METASPACE,
    WG_DECODE_BPE,
    WG_DECODE_WORDPIECE
} wg_decode_kind;

typedef struct wg_decode_step {
    wg_decode_kind kind;
    const char *pattern, *content; /* replace; strip: content; metaspace, bpe: pattern;
                                      wordpiece: pattern is the prefix */
    pcre2_code *regex;             /* replace: instead of the pattern */
    int64_t start, stop;           /* strip: maximum number; metaspace: start > 0 drops the first */
    bool clean;                    /* wordpiece */
} wg_decode_step;

enum { WG_STEPS = 32, WG_TEMPLATE = 16, WG_TEMPLATE_TEXT = -1 };

typedef enum wg_model_kind {
    WG_MODEL_BPE,
    WG_MODEL_UNIGRAM,
    WG_MODEL_WORDPIECE,
    WG_MODEL_WORDLEVEL
} wg_model_kind;

struct wagle_tokenizer {
    wg_arena arena;
    wg_model_kind kind;
    const char **token; /* [n_ids] text for decoding; NULL if no token has the id */
    bool *skipped;      /* [n_ids] special tokens, which decoding can skip */
    int64_t n_ids;
    wg_string_table by_text; /* the model's vocabulary, without added tokens */
    wg_string_table by_name; /* added tokens */
    wg_merge_slot *merge;    /* [merge_size] */
    uint64_t merge_size;
    int32_t byte_id[256]; /* token of a single byte, -1 if none */
    bool byte_level;      /* pieces are bytes, not characters */
    bool byte_fallback;   /* a character that is no token becomes the tokens of its bytes, if all
                             exist */
    bool fuse_unknown;    /* adjacent unknown characters become one unknown token */
    bool ignore_merges;
    const char *prefix, *suffix; /* of tokens that continue or end a word; NULL: none */
    int32_t unknown;             /* -1: none */
    const char *unknown_name;    /* named by a file but not in the vocabulary; or NULL */
    const char *unknown_where;   /* that file */
    int32_t eos;                 /* end-of-text token for training; -1: the folder names none */
    bool split_special;          /* special tokens in a text are treated as text */
    bool clean_up;               /* decoding drops spaces before punctuation */
    double *score;               /* [n_ids] Unigram */
    double least_score;
    size_t longest;   /* bytes of the longest token */
    int64_t max_word; /* WordPiece: maximum characters of a word */

    wg_added_token *added; /* [n_added] by normalized, first byte, then longest first */
    int64_t n_added;
    int64_t added_from[2][257]; /* start of the tokens with each first byte */

    wg_normal_step normal[WG_STEPS];
    int n_normal;
    wg_split_step split[WG_STEPS];
    int n_split;
    bool marks_first;          /* a step puts a space before the start of the whole text */
    int32_t form[WG_TEMPLATE]; /* ids, with WG_TEMPLATE_TEXT in place of the text */
    int n_form;
    wg_decode_step decode[WG_STEPS];
    int n_decode;
};

/* Spans of a text: the result of pre-tokenisation. */
typedef struct wg_spans {
    struct wg_span {
        int64_t start, bytes;
        bool first; /* it is at the start of the whole text */
    } * span;
    int64_t n, capacity;
} wg_spans;

typedef struct wg_ids {
    int32_t *id;
    int64_t n, capacity;
} wg_ids;

WAGLE_CHECK wagle_status wg_ids_add(wagle_ctx *ctx, wg_ids *ids, int32_t id);

/* Writes the UTF-8 character that represents byte b in byte-level vocabularies; returns its length.
 */
int wg_byte_to_char(unsigned char b, char out[4]);
int wg_char_to_byte(int32_t code); /* -1 if it represents no byte */
/* Adds text with each byte replaced by the character that represents it. */
WAGLE_CHECK wagle_status wg_map_bytes(wagle_ctx *ctx, const char *text, int64_t bytes,
                                      wg_text *out);

/* Merges a folder's tokenizer files into one document (folder.h). *path is the vocabulary file.
 * Free both (json_decref, wg_free), also after failure. */
WAGLE_CHECK wagle_status wg_tokenizer_json(wagle_ctx *ctx, const char *folder, char **path,
                                           json_t **out);
/* wagle_tokenizer_open within a call. */
WAGLE_CHECK wagle_status wg_tokenizer_open(wagle_ctx *ctx, const char *folder,
                                           wagle_tokenizer **out);
WAGLE_CHECK wagle_status wg_tokenizer_parse(wagle_ctx *ctx, const char *what, const json_t *json,
                                            wagle_tokenizer **out);
/* Normalises a text. *first: the text is at the start of the whole text; on return, whether its
 * first character still is. */
WAGLE_CHECK wagle_status wg_normalize(wagle_ctx *ctx, const wagle_tokenizer *t, wg_text *text,
                                      bool *first);
/* Reads a charsmap, which borrows `data`; it must be aligned for uint32_t. */
WAGLE_CHECK wagle_status wg_charsmap_read(wagle_ctx *ctx, const char *what, const void *data,
                                          size_t bytes, wg_charsmap *out);
WAGLE_CHECK wagle_status wg_charsmap_apply(wagle_ctx *ctx, const wg_charsmap *m, const wg_text *in,
                                           wg_text *out);
/* Splits a text, which a prefix space may change. first: it is at the start of the whole text. */
WAGLE_CHECK wagle_status wg_pretokenize(wagle_ctx *ctx, const wagle_tokenizer *t, bool first,
                                        wg_text *text, wg_spans *out);
WAGLE_CHECK wagle_status wg_bpe(wagle_ctx *ctx, const wagle_tokenizer *t, const char *piece,
                                int64_t bytes, wg_ids *out);
WAGLE_CHECK wagle_status wg_unigram(wagle_ctx *ctx, const wagle_tokenizer *t, const char *piece,
                                    int64_t bytes, wg_ids *out);
/* WordPiece: repeatedly takes the longest token at the start of the rest. WordLevel: the whole
 * piece. */
WAGLE_CHECK wagle_status wg_wordpiece(wagle_ctx *ctx, const wagle_tokenizer *t, const char *piece,
                                      int64_t bytes, wg_ids *out);
WAGLE_CHECK wagle_status wg_wordlevel(wagle_ctx *ctx, const wagle_tokenizer *t, const char *piece,
                                      int64_t bytes, wg_ids *out);
/* Adds the unknown token. Fails if the file names one that is not in its vocabulary. */
WAGLE_CHECK wagle_status wg_add_unknown(wagle_ctx *ctx, const wagle_tokenizer *t, wg_ids *out);
/* Adds the tokens of a character's bytes, if byte_fallback is set and all are tokens. */
WAGLE_CHECK wagle_status wg_add_bytes(wagle_ctx *ctx, const wagle_tokenizer *t, const char *text,
                                      size_t bytes, bool *done, wg_ids *out);
/* Reads "model" and "added_tokens" of a tokenizer.json; `what` names the file in error messages. */
WAGLE_CHECK wagle_status wg_load_model(wagle_ctx *ctx, const char *what, wagle_tokenizer *t,
                                       const json_t *root);
/* A piece of a SentencePiece model, as in its file and in GGUF. */
enum {
    WG_PIECE_NORMAL = 1,
    WG_PIECE_UNKNOWN,
    WG_PIECE_CONTROL,
    WG_PIECE_USER_DEFINED,
    WG_PIECE_UNUSED,
    WG_PIECE_BYTE
};

typedef struct wg_sp_piece {
    const char *text; /* not terminated */
    size_t bytes;
    float score;
    int type;
} wg_sp_piece;

/* Makes a tokenizer.json from BPE pieces [n] with byte fallback. */
WAGLE_CHECK wagle_status wg_pieces_json(wagle_ctx *ctx, const char *what, const wg_sp_piece *pieces,
                                        int64_t n, int32_t unknown, bool dummy_prefix,
                                        json_t **out);
typedef struct wg_sp_form {
    bool legacy;   /* adds a space to each part between added tokens, not only the first */
    bool in_class; /* for a tokenizer class that uses only the vocabulary */
} wg_sp_form;

/* Converts a SentencePiece tokenizer.model to a tokenizer.json. */
WAGLE_CHECK wagle_status wg_sentencepiece_json(wagle_ctx *ctx, const char *what, const void *data,
                                               size_t bytes, const wg_sp_form *form, json_t **out);
/* Finds the next added token (in normalised form or not) in text [bytes] from *at on; the text
 * before `from` is already consumed. Returns NULL at the end. Otherwise *start and *stop are its
 * bounds, including stripped spaces, and *at is the next position. */
const wg_added_token *wg_added_next(const wagle_tokenizer *t, bool normalized, const char *text,
                                    int64_t bytes, int64_t from, int64_t *at, int64_t *start,
                                    int64_t *stop);
/* The id of a token, or -1. */
int32_t wg_token_id(const wagle_tokenizer *t, const char *text);
/* Decodes ids to text; invalid UTF-8 is replaced. Ids out of range are an error. */
WAGLE_CHECK wagle_status wg_decode(wagle_ctx *ctx, const wagle_tokenizer *t, const int32_t *ids,
                                   int64_t n, bool skip_special, wg_text *out);
WAGLE_CHECK wagle_status wg_encode(wagle_ctx *ctx, const wagle_tokenizer *t, const char *text,
                                   size_t bytes, bool special, wg_ids *out);
/* Unicode White_Space; letters, marks, digits and connectors; Nd, Nl and No; P and ASCII's symbols.
 */
bool wg_is_space(int32_t code);
bool wg_is_word(int32_t code);
bool wg_is_number(int32_t code);
bool wg_is_punctuation(int32_t code);
/* A mark, punctuation or format character that was none in Unicode 8 (unicode8.c). */
bool wg_unicode8_lacks(int32_t code);

/* Learns byte-level BPE (Sennrich et al. 2016) of at most vocab_size tokens from texts [n]: the
 * most frequent pair is merged, ties to the pair of smaller ids. specials: NULL-terminated.
 * For small corpora: time grows with merges x different words. *out is a tokenizer.json. */
WAGLE_CHECK wagle_status wg_bpe_train(wagle_ctx *ctx, const char *const *texts, int64_t n,
                                      int64_t vocab_size, const char *const *specials,
                                      json_t **out);

#endif
