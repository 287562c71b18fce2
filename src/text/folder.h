/* folder.h - a model folder's tokenizer files, put together as transformers' AutoTokenizer does. */
#ifndef WG_TEXT_FOLDER_H
#define WG_TEXT_FOLDER_H

#include "text/tokenizer.h"

/* The files, parsed; NULL: the folder has none. */
typedef struct wg_token_files {
    const char *path; /* of what holds the vocabulary, for errors */
    json_t *tokenizer;
    json_t *config;   /* tokenizer_config.json */
    json_t *model;    /* config.json */
    json_t *specials; /* special_tokens_map.json */
    json_t *added;    /* added_tokens.json */
    bool whole;       /* tokenizer is a tokenizer.json of the folder, not made of other files */
    bool byte_level;  /* and the word "ByteLevel" stands in it */
} wg_token_files;

/* A tokenizer class of transformers that builds its own pipeline around the vocabulary and the
 * merges of tokenizer.json. */
typedef struct wg_token_class {
    const char *name; /* NULL: tokenizer.json is used as it is */
    const char *normalizer, *pre_tokenizer[2], *decoder[2]; /* JSON; [1]: with add_prefix_space */
    const char *bos, *eos, *unknown, *sep, *pad, *cls,
        *mask;          /* special tokens that are not named */
    bool pad_is_none;   /* the padding of tokenizer.json does not name it */
    bool prefix_space;  /* what add_prefix_space is if it is not named */
    bool pieces;        /* the model falls back to bytes, and unknown neighbours become one */
    bool unknown_model; /* the model has the unknown token */
    bool drops_form;    /* tokenizer.json's post-processor is dropped */
    bool adds_again;    /* special tokens lose their flags */
    bool makes_special; /* tokens that are named are special, whatever the files say */
    bool infills;       /* has tokens to fill in the middle, and always begins with bos */
    bool scheme_legacy; /* "legacy": a prefix space at each part of the text */
} wg_token_class;

/* The class that AutoTokenizer takes; a class that is not known here is refused by name. */
WAGLE_CHECK wagle_status wg_token_class_choose(wagle_ctx *ctx, const char *folder,
                                               const wg_token_files *files,
                                               const wg_token_class **out);
/* GPT2Tokenizer. */
const wg_token_class *wg_token_class_bytes(void);
/* A tokenizer.json of the files as the class uses them. Added tokens have the ids that they get,
 * and "wagle" holds what tokenizer.json has no place for: eos_token, bos_token, ... (texts),
 * split_special_tokens, clean_up. */
WAGLE_CHECK wagle_status wg_token_files_merge(wagle_ctx *ctx, const wg_token_files *files,
                                              const wg_token_class *class, json_t **out);
/* Named special tokens of a folder (bos_token: text, ...), as transformers' special_tokens_map has
 * them; tokenizer.json is not parsed for it. */
WAGLE_CHECK wagle_status wg_token_names(wagle_ctx *ctx, const char *path, json_t *to);
/* vocab.json and merges.txt as a tokenizer.json that has a model alone. */
WAGLE_CHECK wagle_status wg_vocab_merges_json(wagle_ctx *ctx, const char *vocab_path,
                                              const char *merges_path, json_t **out);

#endif
