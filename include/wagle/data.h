/* data.h - rows of data, and what is held in memory: open models, rows, scores and masks. Include
 * wagle.h. */
#ifndef WAGLE_DATA_H
#define WAGLE_DATA_H

#include <wagle/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- open models ------------------------------------------------------------------------- */

/* A model folder that is open: its weights are mapped and its tokenizer is read, once for many
 * calls. It never changes, so contexts in several threads may use one at the same time; training
 * makes another one (`made` of wagle_train_options). The files of the folder must stay as they are
 * while it is open. Every structure of options with a `model` has a member `opened`, which takes an
 * open model in place of the folder. */
typedef struct wagle_model wagle_model;

/* path: a model folder, or a GGUF file, which is unpacked to a temporary folder ($TMPDIR, /tmp)
 * until the model is closed: with exactly its weights, quantised ones in float32. *out: close with
 * wagle_model_close. A folder without a tokenizer serves rows of tokens. Errors: WAGLE_E_INPUT
 * where it is missing, damaged or of a model type that is not known; WAGLE_E_RESOURCE where the
 * disk has no room for the temporary folder. */
WAGLE_API WAGLE_CHECK wagle_status wagle_model_open(wagle_ctx *ctx, const char *path,
                                                    wagle_model **out);
/* NULL is none. No call may still use it. A model that training made from it stays usable. Any
 * thread. */
WAGLE_API void wagle_model_close(wagle_model *model);
/* Writes a model folder with its weights, in the files and types of the folder that it was opened
 * from, and the other files of that folder. Errors: WAGLE_E_USAGE where `out` exists and force is
 * false, or is that folder; WAGLE_E_RESOURCE where the disk is full; nothing is left then. */
WAGLE_API WAGLE_CHECK wagle_status wagle_model_save(wagle_ctx *ctx, const wagle_model *model,
                                                    const char *out, bool force);
/* The folder or GGUF file that it was opened from, as it was given. Valid as long as the model. Any
 * thread. */
WAGLE_API const char *wagle_model_folder(const wagle_model *model);
/* Its tokenizer, for wagle_encode and wagle_decode: valid as long as the model, not to be freed.
 * NULL: its folder has none. Any thread. */
typedef struct wagle_tokenizer wagle_tokenizer;
WAGLE_API const wagle_tokenizer *wagle_model_tokenizer(const wagle_model *model);

/* A weight tensor as it is in a file of the model's folder. */
typedef struct wagle_weight {
    const char *name;
    const char *type; /* as safetensors calls it: F32, F16, BF16 */
    int rank;
    int64_t shape[4]; /* [rank] */
    const void *data; /* [bytes] little-endian, in the order of the shape */
    size_t bytes;
} wagle_weight; /* an array of these is read: it never gets more members */

/* The i-th weight tensor, from 0, in the order of names; name is NULL past the last. A view: valid
 * as long as the model. Of a trained model it has the trained weights. Any thread. */
WAGLE_API wagle_weight wagle_model_weight(const wagle_model *model, int64_t i);
/* *out: another open model with the values of weights [n] in place of its own, which are copied;
 * close with wagle_model_close. Errors: WAGLE_E_INPUT, naming it, where a tensor is not in the
 * model, is given twice, or has another type or shape there. */
WAGLE_API WAGLE_CHECK wagle_status wagle_model_with(wagle_ctx *ctx, const wagle_model *model,
                                                    const wagle_weight *weights, int64_t n,
                                                    wagle_model **out);

/* --- rows of data ------------------------------------------------------------------------ */

/* A data file: JSON Lines, JSON array, CSV, TSV (compressed or not) or Parquet, or a folder of such
 * files, of question/answer, prompt/completion, text, or pre-tokenised
 * {"input_ids":[...],"labels":[...]}, or chats {"messages":[...]}: docs/reference/data.md. */
/* Rows in memory, in place of files. They are laid out and made tokens when a call reads them, so
 * one data set serves several models. After its rows are added, threads may share it. */
typedef struct wagle_dataset wagle_dataset;

/* *out: free with wagle_dataset_free. */
WAGLE_API WAGLE_CHECK wagle_status wagle_dataset_new(wagle_ctx *ctx, wagle_dataset **out);
/* NULL is none. Any thread. */
WAGLE_API void wagle_dataset_free(wagle_dataset *rows);
/* One row: a prompt and its answer, as columns `prompt` and `answer`; prompt NULL: plain text, as
 * column `text`. Copied. WAGLE_E_INPUT where they are not UTF-8. */
WAGLE_API WAGLE_CHECK wagle_status wagle_dataset_add_text(wagle_ctx *ctx, wagle_dataset *rows,
                                                          const char *prompt, const char *answer);
/* One row of tokens ids [n]. labels [n], or NULL: the same; -100 carries no loss. Copied. That they
 * are of the vocabulary is checked when they are read. */
WAGLE_API WAGLE_CHECK wagle_status wagle_dataset_add_tokens(wagle_ctx *ctx, wagle_dataset *rows,
                                                            const int32_t *ids,
                                                            const int32_t *labels, int64_t n);
/* One row as a JSON object [bytes], with any columns that a file may have (chats, facts, weights).
 * WAGLE_E_INPUT where it is no object. */
WAGLE_API WAGLE_CHECK wagle_status wagle_dataset_add_json(wagle_ctx *ctx, wagle_dataset *rows,
                                                          const char *json, size_t bytes);
/* How many there are. */
WAGLE_API int64_t wagle_dataset_count(const wagle_dataset *rows);

typedef struct wagle_data {
    const char *path; /* FILE or folder, or FILE@WEIGHT: what its rows' terms are multiplied by in
                         training */
    const char *const *more;   /* further such files, NULL-terminated, or NULL */
    const wagle_dataset *rows; /* in place of `path` and `more`: rows in memory; or NULL */
    const char *prompt_field;  /* NULL: question or prompt */
    const char *answer_field;  /* NULL: answer or completion */
    const char *text_field;    /* NULL: text */
    /* A column with the facts of the answer, a text or a list of texts that stand in it: only their
     * tokens are labels. NULL, and in rows without the column: all tokens of the answer. */
    const char *facts_field;
    const char *prompt; /* template with {name} of any field; NULL: the default */
    /* NULL or "auto": the folder's chat template where it has one and there is no `prompt`; "none";
     * "required": an error where there is none; else the name of a template or layout. Plain text
     * and input_ids are never laid out. */
    const char *chat;
    const char *system;             /* system message, where a row has none; or NULL */
    const char *const *chat_kwargs; /* "key=value" for the template, NULL-terminated, or NULL */
    const char *date;               /* YYYY-MM-DD that a template asks for; NULL: today */
    bool all_turns;                 /* every answer of a conversation is trained on, not the last */
    int64_t max_length;             /* tokens; 0: what the model allows */
    int64_t limit;                  /* first rows only; 0: all */
    bool truncate;                  /* cut rows that are too long instead of refusing them */
    bool eos;                       /* end each answer with the end-of-text token */
    /* Which rows are read: "column=text" or "column!=text", which must all hold; NULL-terminated,
     * or NULL. A number or truth value is compared as JSON writes it. */
    const char *const *where;
    /* Other names for columns: "column=name", NULL-terminated, or NULL. `where` has the names that
     * the file has, all other members the new ones. */
    const char *const *fields;
    const void *reserved[2]; /* NULL: it is part of other structures, and cannot grow */
} wagle_data;

#define WAGLE_DEFAULT_PROMPT "### Question: {prompt}\n### Answer: "

/* --- scores and masks in memory ---------------------------------------------------------- */

/* A view of one tensor of scores or of a mask. */
typedef struct wagle_tensor {
    const char *name; /* as in the model's files */
    int rank;
    int64_t shape[4];     /* [rank] */
    int64_t count;        /* weights: the product of the shape */
    bool transposed;      /* a matrix that is stored [in, out]; masks by neurons need to know */
    const float *scores;  /* [count] of scores; NULL of a mask */
    const uint64_t *bits; /* of a mask: weight i is bit i % 64 of word i / 64, unused bits are 0;
                             NULL of scores */
} wagle_tensor;

/* Scores or a mask. What the library makes (`made`) is freed with wagle_tensors_free; your own is
 * a structure with views of your memory, which a call borrows. */
typedef struct wagle_tensors {
    int64_t n;
    const wagle_tensor *tensor; /* [n] */
} wagle_tensors;

/* For what the library made; NULL is none. Any thread. */
WAGLE_API void wagle_tensors_free(wagle_tensors *tensors);

#ifdef __cplusplus
}
#endif
#endif
