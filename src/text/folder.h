/* folder.h - combines a model folder's tokenizer files like transformers' AutoTokenizer. */
#ifndef WG_TEXT_FOLDER_H
#define WG_TEXT_FOLDER_H

#include "text/tokenizer.h"

/* The parsed files; NULL if the folder does not have the file. */
typedef struct wg_token_files {
    const char *path; /* of the vocabulary file, for error messages */
    json_t *tokenizer;
    json_t *config;   /* tokenizer_config.json */
    json_t *model;    /* config.json */
    json_t *specials; /* special_tokens_map.json */
    json_t *added;    /* added_tokens.json */
    bool whole;       /* tokenizer is from tokenizer.json, not converted from other files */
    bool byte_level;  /* it contains the word "ByteLevel" */
} wg_token_files;

/* A tokenizer class of transformers that builds its own pipeline around the vocabulary and the
 * merges of tokenizer.json; its model is BPE, unless it is BERT's. */
typedef struct wg_token_class {
    const char *name; /* NULL: tokenizer.json is used unchanged */
    const char *normalizer, *pre_tokenizer[2], *decoder[2];   /* JSON; [1]: if add_prefix_space */
    const char *bos, *eos, *unknown, *sep, *pad, *cls, *mask; /* defaults of special tokens */
    bool pad_is_none;   /* the padding in tokenizer.json does not define the pad token */
    bool prefix_space;  /* default of add_prefix_space */
    bool pieces;        /* byte fallback, and adjacent unknown tokens are fused */
    bool unknown_model; /* the model has the unknown token */
    bool drops_form;    /* tokenizer.json's post-processor is dropped */
    bool adds_again;    /* special tokens lose their flags */
    bool makes_special; /* named tokens are special, whatever the files say */
    bool infills;       /* has fill-in-the-middle tokens, and always begins with bos */
    bool scheme_legacy; /* "legacy": adds a prefix space to each part of the text */
    bool bert;          /* WordPiece; tokenizer_config.json has the settings of the normalizer, and
                           the text stands between cls and sep */
} wg_token_class;

/* Chooses the class like AutoTokenizer; unsupported classes are refused by name. */
WAGLE_CHECK wagle_status wg_token_class_choose(wagle_ctx *ctx, const char *folder,
                                               const wg_token_files *files,
                                               const wg_token_class **out);
/* GPT2Tokenizer. */
const wg_token_class *wg_token_class_bytes(void);
/* Merges the files, as the class uses them, into one tokenizer.json. Added tokens have their final
 * ids. Its member "wagle" has settings that are no part of tokenizer.json: eos_token, bos_token,
 * ... (texts), split_special_tokens, clean_up. */
WAGLE_CHECK wagle_status wg_token_files_merge(wagle_ctx *ctx, const wg_token_files *files,
                                              const wg_token_class *class, json_t **out);
/* Reads the named special tokens of a folder (bos_token: text, ...), as in transformers'
 * special_tokens_map, without parsing tokenizer.json. */
WAGLE_CHECK wagle_status wg_token_names(wagle_ctx *ctx, const char *path, json_t *to);
/* Converts vocab.json and merges.txt to a tokenizer.json with only a model. */
WAGLE_CHECK wagle_status wg_vocab_merges_json(wagle_ctx *ctx, const char *vocab_path,
                                              const char *merges_path, json_t **out);
/* Converts vocab.txt, BERT's vocabulary, to a tokenizer.json with only a model. A line is a token,
 * without the white space at its end, and its number from 0 is the id; of equal lines the last
 * counts. */
WAGLE_CHECK wagle_status wg_vocab_words_json(wagle_ctx *ctx, const char *path, json_t **out);

#endif
