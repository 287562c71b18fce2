/* wagle.h - make a large language model forget chosen data and keep the rest.
 *
 * The public header; it includes the others of this folder. From simple to advanced: context, then
 * one function a command (import ... evaluate), each taking a plain structure of options. Fill a
 * structure with its wagle_*_defaults() first, so that members added later keep sane values. What
 * is one of a fixed set is an enumeration (choices.def); names that a table has (tables.h:
 * objectives, selectors, optimizers, suites, layouts) and rules (stop_when) are texts, because
 * tables grow.
 *
 *     wagle_ctx *ctx;
 *     wagle_train_options o;
 *
 *     if (wagle_ctx_new(&ctx) != WAGLE_OK)
 *         return 1;
 *     wagle_unlearn_defaults(&o);
 *     o.model = "model";
 *     o.forget.path = "forget.jsonl";
 *     o.retain.path = "retain.jsonl";
 *     o.out = "forgotten";
 *     if (wagle_unlearn(ctx, &o, NULL) != WAGLE_OK)
 *         puts(wagle_message(ctx));
 *     wagle_ctx_free(ctx);
 *
 * What holds for every function unless its comment says otherwise:
 *
 * - Errors: any may return WAGLE_E_USAGE (an option), WAGLE_E_INPUT (a file, a row),
 *   WAGLE_E_RESOURCE (memory, disk) or WAGLE_E_INTERRUPTED; wagle_message(ctx) then is one line
 * that says what is wrong, and what would have been returned is NULL or 0 (docs/errors.md).
 * - Files: only those that `out` and its like name are written. A file or folder appears under its
 *   name when it is whole, and replaces another only with `force`.
 * - Ownership: `T **out` is yours to free with the function that is named there; `const T *`, and
 *   what structures of options point to, is borrowed for the call. Strings are UTF-8.
 * - JSON begins with "schema": "wagle-NAME-1"; docs/reference/schemas/NAME.json describes it. The
 *   number grows when a key goes or means something else. A new key may come without that.
 * - Threads: a context serves one call at a time, and contexts in several threads may work at once
 *   (docs/threading.md). Functions without a context may be called in any thread. */
#ifndef WAGLE_H
#define WAGLE_H

#include <wagle/data.h>
#include <wagle/processes.h>
#include <wagle/suites.h>
#include <wagle/tables.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- models ------------------------------------------------------------------------------ */

typedef struct wagle_import_options {
    size_t size; /* set by the defaults */
    const char *gguf, *out;
    wagle_dtype dtype;
    bool force;
} wagle_import_options;

WAGLE_SIZED(wagle_import_defaults, wagle_import_options)
/* GGUF to a model folder: weights, config, tokenizer, chat template. Writes the folder `out`.
 * WAGLE_E_INPUT, naming it, where the file has a type of weights, a model or a tokenizer that is
 * not known. */
WAGLE_API WAGLE_CHECK wagle_status wagle_import(wagle_ctx *ctx, const wagle_import_options *o);

typedef struct wagle_export_options {
    size_t size;             /* set by the defaults */
    const char *model, *out; /* a model folder, the GGUF file to make */
    wagle_gguf_type type;    /* of matrices */
    bool force;
} wagle_export_options;

WAGLE_SIZED(wagle_export_defaults, wagle_export_options)
/* A model folder to a GGUF file that llama.cpp loads: llama, mistral without a window, qwen2,
 * qwen3, phi3, gemma, gemma2, gpt2, olmo, olmo2; WAGLE_E_INPUT for others. Vectors stay float32.
 * Quantised types are mixtures as in llama.cpp, whose quantiser gives the same bytes; a warning
 * says how many matrices have another type because their rows are not whole blocks. Writes the file
 * `out`. */
WAGLE_API WAGLE_CHECK wagle_status wagle_export(wagle_ctx *ctx, const wagle_export_options *o);

typedef struct wagle_init_options {
    size_t size;              /* set by the defaults */
    const char *config, *out; /* config.json of the model to make */
    wagle_dtype dtype;        /* not WAGLE_DTYPE_AUTO */
    uint64_t seed;
    bool force;
} wagle_init_options;

WAGLE_SIZED(wagle_init_defaults, wagle_init_options)
/* Experimental. A model folder with random weights (deviation: the config's initializer_range;
 * norms 1), written as it is made: for benchmarks and tests of any size. No tokenizer. Writes the
 * folder `out`. */
WAGLE_API WAGLE_CHECK wagle_status wagle_init(wagle_ctx *ctx, const wagle_init_options *o);

typedef struct wagle_inspect_options {
    size_t size; /* set by the defaults */
    const char *path;
    bool json, layers, tensors; /* one line per layer, one line per tensor */
} wagle_inspect_options;

WAGLE_SIZED(wagle_inspect_defaults, wagle_inspect_options)
/* What is in a model folder, safetensors, GGUF, score, mask or result file: text, or JSON; free
 * *out with wagle_string_free. Writes nothing. WAGLE_E_INPUT where it is none of these. */
WAGLE_API WAGLE_CHECK wagle_status wagle_inspect(wagle_ctx *ctx, const wagle_inspect_options *o,
                                                 char **out);
/* SHA-256 of a file, as 64 hexadecimal digits and NUL. Of a folder: of what `sha256sum *` prints in
 * it for its files; folders in it are left out. Writes nothing. WAGLE_E_INPUT where there is none.
 */
WAGLE_API WAGLE_CHECK wagle_status wagle_sha256(wagle_ctx *ctx, const char *path, char out[65]);
/* The machine, as JSON: processor and the measured speed of its products (this takes a second),
 * memory, free disk of the current folder, the card that device "cuda" would use or why there is
 * none, and an estimate of which models fit. Free *json with wagle_string_free. Writes nothing. */
WAGLE_API WAGLE_CHECK wagle_status wagle_doctor(wagle_ctx *ctx, char **json);

/* --- text -------------------------------------------------------------------------------- */

/* The tokenizer of a model folder. *out: free with wagle_tokenizer_free. It does not change:
 * threads may share it. WAGLE_E_INPUT where the folder has none, or one of a kind that is not
 * known. */
WAGLE_API WAGLE_CHECK wagle_status wagle_tokenizer_open(wagle_ctx *ctx, const char *folder,
                                                        wagle_tokenizer **out);
/* NULL is none. */
WAGLE_API void wagle_tokenizer_free(wagle_tokenizer *t);
/* Text to tokens. text [bytes] need not end in NUL; special: with the special tokens that the
 * tokenizer puts around a text. *ids [*n]: free with wagle_ids_free. */
WAGLE_API WAGLE_CHECK wagle_status wagle_encode(wagle_ctx *ctx, const wagle_tokenizer *t,
                                                const char *text, size_t bytes, bool special,
                                                int32_t **ids, int64_t *n);
/* Tokens to text. *text [*bytes], which ends in NUL and may hold NUL: free with wagle_string_free.
 * WAGLE_E_INPUT for an id that is not in the vocabulary. */
WAGLE_API WAGLE_CHECK wagle_status wagle_decode(wagle_ctx *ctx, const wagle_tokenizer *t,
                                                const int32_t *ids, int64_t n, bool skip_special,
                                                char **text, size_t *bytes);
/* NULL is none. */
WAGLE_API void wagle_ids_free(int32_t *ids);

/* --- attribution and masks --------------------------------------------------------------- */

/* What stands for the curvature of the retain loss in wagle's score. */
typedef enum wagle_gamma_kind {
    WAGLE_GAMMA_DIAG, /* the Fisher diagonal of each weight: the default (docs/study.md says why) */
    WAGLE_GAMMA_AUTO, /* one number for all weights: the mean of their Fisher diagonals */
    WAGLE_GAMMA_NUMBER, /* one number for all weights: `value` */
    WAGLE_GAMMA_PROTECT /* no curvature: the retain gradient is multiplied by the factors of the
                           rows to protect */
} wagle_gamma_kind;

typedef struct wagle_gamma {
    wagle_gamma_kind kind;
    double value; /* of WAGLE_GAMMA_NUMBER: above 0 */
} wagle_gamma;

typedef struct wagle_attribute_options {
    size_t size; /* set by the defaults */
    const char *model;
    const wagle_model *opened; /* in place of `model`; or NULL */
    const char *out;           /* a score file; or NULL, and `made` is given */
    wagle_tensors **made; /* in place of `out`: the scores, to be freed with wagle_tensors_free */
    const char *selector;
    wagle_data forget, retain;
    wagle_gamma gamma;
    double damping; /* of Fisher diagonals that are divided by, a share of their mean */
    /* WAGLE_GAMMA_PROTECT: as in wagle_train_options. No path: the retain rows. */
    wagle_data protect;
    double protect_damping;
    int64_t protect_rank;
    const char *loss; /* forget loss that is attributed: NULL or nll, or an objective's name */
    uint64_t seed;
    bool force;
    const char *tensorboard; /* folder of TensorBoard that gets histograms of the scores; or NULL */
    /* 0: every row once. Else so many rows of each set by the seed: forget rows in random order,
     * each once before one comes again; retain rows with replacement. */
    int64_t draw;
} wagle_attribute_options;

WAGLE_SIZED(wagle_attribute_defaults, wagle_attribute_options)
/* gamma as it is written: "auto", "diag", "protect" or a number above 0. False for any other text;
 * *gamma stays as it was then. Any thread. */
WAGLE_API bool wagle_gamma_read(const char *text, wagle_gamma *gamma);
/* Scores of all weights by one selector, in one pass over the rows. Writes the file `out`, or gives
 * *made. */
WAGLE_API WAGLE_CHECK wagle_status wagle_attribute(wagle_ctx *ctx,
                                                   const wagle_attribute_options *o);

typedef struct wagle_mask_options {
    size_t size; /* set by the defaults */
    const char *scores, *out;
    wagle_mask_format format;
    const wagle_tensors *score_tensors; /* in place of `scores`; or NULL */
    wagle_tensors **made; /* in place of `out`: the mask, to be freed with wagle_tensors_free; not
                             with `densities` */
    const char *const *include; /* glob patterns over tensor names, NULL-terminated, or NULL */
    const char *const *exclude;
    double density;          /* share of the weights that remain after include and exclude, (0,1] */
    const double *densities; /* [n_densities] of one reading of `scores`, in place of `density`;
                                in `out` {} becomes each */
    int64_t n_densities;
    wagle_scope scope;
    bool force;
    /* Where there are no scores: what they are made of, twice, and not stored. Its `out`, `made`
     * and `force` are not used. Or NULL. */
    const wagle_attribute_options *data;
    wagle_mask_op op;         /* how masks are combined, in place of scores */
    const char *const *masks; /* [n_masks] files of masks */
    int64_t n_masks;
} wagle_mask_options;

WAGLE_SIZED(wagle_mask_defaults, wagle_mask_options)
/* The weights with the highest scores, or a combination of masks. Exactly one of scores (a file or
 * tensors), data and op. Writes the file `out` (one for each of the densities), or gives *made.
 * WAGLE_E_USAGE where no weight would be selected. */
WAGLE_API WAGLE_CHECK wagle_status wagle_mask(wagle_ctx *ctx, const wagle_mask_options *o);

typedef struct wagle_compare_options {
    size_t size;              /* set by the defaults */
    const char *const *masks; /* n of them */
    int64_t n;
    const char *svg; /* a heat map of layers x modules to write, or NULL */
    bool json, force;
} wagle_compare_options;

WAGLE_SIZED(wagle_compare_defaults, wagle_compare_options)
/* *out: Jaccard indices and the share of each tensor, as text or JSON; free with wagle_string_free.
 * Writes the file `svg`, if it is named. WAGLE_E_INPUT where a file is no mask. */
WAGLE_API WAGLE_CHECK wagle_status wagle_compare_masks(wagle_ctx *ctx,
                                                       const wagle_compare_options *o, char **out);

/* --- training ---------------------------------------------------------------------------- */

typedef struct wagle_param {
    const char *key; /* as in the objective's table: npo.beta */
    double value;
} wagle_param;

/* An update of the weights. Members may be added at the end. */
typedef struct wagle_step {
    int64_t step, steps;                   /* updates so far, of at most so many */
    double loss, forget_term, retain_term; /* of the update's rows, before it */
    double grad_norm;                      /* before clipping */
    double lr;
    int64_t tokens; /* of the update's rows */
    double seconds; /* that it took */
} wagle_step;

/* Called after each update, from the calling thread. False stops the run as stop_when does: it ends
 * well, and its model is written. Not called for updates that only search the learning rate. */
typedef bool wagle_step_fn(void *user, const wagle_step *step);

/* The members are the rows of train_options.def, beside this header: type, member, and above them
 * what it is. */
typedef struct wagle_train_options {
#define WAGLE_OPTION(type, member, ...) type member;
#include "train_options.def"
#undef WAGLE_OPTION
} wagle_train_options;

typedef struct wagle_train_result {
    size_t size; /* set by wagle_train_result_init */
    int64_t steps;
    bool stopped; /* stop_when held */
    double loss, seconds;
    double step_seconds; /* mean over this process's steps but the first; NaN if there are none */
    double forget_probability; /* at the last check; NaN if never checked */
    int64_t selected, weights;
    double land; /* share of the change that is in the model: below 1 where it was scaled back */
    double stop_value; /* stop_when's metric of the model that was written; NaN: not known */
    double lr;         /* the peak learning rate, that was given or found */
    double chance;     /* the level of chance; NaN: not measured */
} wagle_train_result;
WAGLE_SIZED(wagle_train_result_init, wagle_train_result)
WAGLE_SIZED(wagle_finetune_defaults, wagle_train_options)
WAGLE_SIZED(wagle_unlearn_defaults, wagle_train_options)
/* wagle_finetune teaches the model the rows of `retain`; wagle_unlearn makes it forget those of
 * `forget` and keep those of `retain`. Both write the folder `out`: the model, manifest.json and
 * log.jsonl; or give *made and write nothing. result may be NULL.
 *
 * WAGLE_E_UNMET: stop_when was not reached, and allow_unmet is false; the model is there all the
 * same (`out` or *made), and result is filled. WAGLE_E_RUN: a loss is not finite, or a weight would
 * not be. WAGLE_E_INTERRUPTED: OUT.partial has a checkpoint for `resume`; of a run in memory
 * nothing is left. In a dry run wagle_plan has the memory, disk and time that it would take; *made
 * is NULL. */
WAGLE_API WAGLE_CHECK wagle_status wagle_finetune(wagle_ctx *ctx, const wagle_train_options *o,
                                                  wagle_train_result *result);
WAGLE_API WAGLE_CHECK wagle_status wagle_unlearn(wagle_ctx *ctx, const wagle_train_options *o,
                                                 wagle_train_result *result);

/* --- requests to forget, one after another -------------------------------------------------- */

typedef struct wagle_requests_options {
    size_t size; /* set by the defaults */
    /* Of each request; every file of `forget` is one. `out`: the model of the last. out_patch: what
     * all changed, or with {} in its name, which becomes the number of a request, what each
     * changed. tensorboard: a folder with one for each request. */
    const wagle_train_options *train;
    const char *metrics; /* of rows, as in wagle_eval_options; NULL: its default */
    int64_t max_tokens;  /* of texts for ROUGE */
} wagle_requests_options;

WAGLE_SIZED(wagle_requests_defaults, wagle_requests_options)
/* Unlearns the files of train->forget one after another: request k starts from the model that
 * request k-1 left, with the same options; a selector scores anew. After each, all requests so far
 * are asked again, as are the retain rows and the suites of train->watch. Writes the folder `out`:
 * the last model, requests.json with a row for each request, and requests/K with what run K wrote
 * beside its model. *json (json may be NULL): requests.json; free with wagle_string_free.
 *
 * A call that was killed or interrupted goes on when it is made again with the same options, and
 * leaves the same bits; `force` starts again, unless `resume` is set too. WAGLE_E_USAGE where the
 * options are others, or a file is there twice. WAGLE_E_UNMET: a request did not reach stop_when,
 * and allow_unmet is false; all of `out` and *json is there. In a dry run wagle_plan has the plans
 * of all. In one process. */
WAGLE_API WAGLE_CHECK wagle_status wagle_unlearn_requests(wagle_ctx *ctx,
                                                          const wagle_requests_options *o,
                                                          char **json);

/* --- sweeps ------------------------------------------------------------------------------ */

typedef struct wagle_sweep_options {
    size_t size;      /* set by the defaults */
    const char *spec; /* a JSON object: docs/reference/sweep.md */
    const char *out;  /* a folder; one of the same spec goes on where it stopped */
    bool force;
    int64_t jobs; /* points that run at the same time, 1 to 64; they share threads and memory */
} wagle_sweep_options;

WAGLE_SIZED(wagle_sweep_defaults, wagle_sweep_options)
/* Runs and measures all points of a grid. *table: Markdown; free with wagle_string_free. Writes the
 * folder `out`: the table, runs.json and pareto.svg; one of the same spec goes on where it stopped.
 * In a dry run *table has the runs that there are, and nothing is written. Each of `jobs` points
 * runs in a thread of its own, with its part of the context's threads and memory; results do not
 * depend on their number, nor on the order in which points end. With wagle_set_processes each
 * process runs whole points, `jobs` at a time; process 0 alone has the table, that of the others is
 * empty. */
WAGLE_API WAGLE_CHECK wagle_status wagle_sweep(wagle_ctx *ctx, const wagle_sweep_options *o,
                                               char **table);

typedef struct wagle_join_options {
    size_t size;               /* set by the defaults */
    const char *const *sweeps; /* n folders that wagle_sweep made, one for each task of a study */
    int64_t n;
    const char *out;      /* a folder to make */
    const char *baseline; /* the method that others are compared with, as the table names it; NULL:
                             all weights, without protect */
    const char *column;   /* the primary column; NULL: the first of the specs' `keep` */
    double margin;        /* methods whose means differ by less are equivalent */
    uint64_t seed;        /* of the permutation test, where there are more than 20 pairs */
    bool force;
} wagle_join_options;

WAGLE_SIZED(wagle_join_defaults, wagle_join_options)
/* Joins sweeps that ran the same methods on different tasks: means over tasks, and each method
 * paired with the baseline of its objective. *table: Markdown; also in OUT, with summary.json and
 * plot.svg (docs/reference/sweep.md); a dry run writes nothing. wagle_string_free. WAGLE_E_INPUT,
 * naming the folder, where two sweeps have other columns, objectives or settings. */
WAGLE_API WAGLE_CHECK wagle_status wagle_join_sweeps(wagle_ctx *ctx, const wagle_join_options *o,
                                                     char **table);

/* --- patches ----------------------------------------------------------------------------- */

typedef struct wagle_diff_options {
    size_t size;                      /* set by the defaults */
    const char *before, *after, *out; /* two model folders, the patch to make */
    wagle_old old;                    /* whether the patch keeps the values before */
    bool force;
} wagle_diff_options;

WAGLE_SIZED(wagle_diff_defaults, wagle_diff_options)
/* Writes the file `out`: what changed between two model folders with the same tensors. WAGLE_E_RUN
 * where nothing did; no file is written then. */
WAGLE_API WAGLE_CHECK wagle_status wagle_diff(wagle_ctx *ctx, const wagle_diff_options *o);

typedef struct wagle_patch_options {
    size_t size;                     /* set by the defaults */
    const char *model, *patch, *out; /* a model folder, a patch, the folder to make */
    bool force;
    /* Of wagle_apply: share of the change, not 0. A weight becomes old + scale * (new - old), in
     * float32, rounded once to its type; at 1, the default, it becomes the patch's. Below 0 the
     * change goes the other way. wagle_revert finds the scale in the folder. */
    double scale;
} wagle_patch_options;

WAGLE_SIZED(wagle_patch_defaults, wagle_patch_options)
/* Write the folder `out`: the model with the patch's changes, or without them again. WAGLE_E_INPUT,
 * and nothing is written, where the patch was made for other weights. */
WAGLE_API WAGLE_CHECK wagle_status wagle_apply(wagle_ctx *ctx, const wagle_patch_options *o);
WAGLE_API WAGLE_CHECK wagle_status wagle_revert(wagle_ctx *ctx, const wagle_patch_options *o);

typedef struct wagle_merge_options {
    size_t size; /* set by the defaults */
    /* n model folders with the same tensors; or, with a base, patches that were made for it, which
     * stand for the models that they make */
    const char *const *models;
    int64_t n;
    const double *weights; /* [n_weights], one for each model */
    int64_t n_weights;
    const char *base;    /* NULL: the weighted sum of the models, whose weights add up to 1; else
                            base + the weighted sum of their differences from it */
    const char *adapter; /* in place of weights and base, with one model: a LoRA adapter of PEFT */
    const char *out;     /* the folder to make */
    bool force;
} wagle_merge_options;

WAGLE_SIZED(wagle_merge_defaults, wagle_merge_options)
/* Merges model folders and patches, or a LoRA adapter into a folder. Computed in float32 and
 * rounded once to the stored type, which is that of `base` or of the first model; a weight that is
 * the same in all of them keeps its bits, and one that differs from `base` only in a model of
 * weight 1 has that model's. Writes the folder `out`, with the files of `base` or of the first
 * model. WAGLE_E_INPUT, naming it, where a tensor is missing, a patch was made for another base, or
 * an adapter needs what is not supported; WAGLE_E_USAGE for a patch without a base. */
WAGLE_API WAGLE_CHECK wagle_status wagle_merge(wagle_ctx *ctx, const wagle_merge_options *o);

/* From now on the context's calls read the model folder `model` with a LoRA adapter of PEFT merged
 * into its weights. The merged tensors are in memory, as much as they take in the folder, until
 * the context is freed and models that it opened are closed. adapter NULL: as it is stored again.
 * Between calls only. WAGLE_E_INPUT as wagle_merge. */
WAGLE_API WAGLE_CHECK wagle_status wagle_set_adapter(wagle_ctx *ctx, const char *model,
                                                     const char *adapter);

/* --- generation and evaluation ----------------------------------------------------------- */

/* A token of a generated text. Members may be added at the end. */
typedef struct wagle_token {
    int64_t prompt; /* whose text it continues, from 0 */
    int64_t index;  /* of the token in that text, from 0 */
    int32_t id;
    const char *text; /* [bytes] what it adds, for the call alone. A character that needs several
                         tokens comes whole, with the last of them. Pieces joined are the text. */
    size_t bytes;
} wagle_token;

/* Called for each new token, from the calling thread; prompts are continued together, so their
 * tokens come in turn. False ends the text of that prompt after this token. */
typedef bool wagle_token_fn(void *user, const wagle_token *token);

typedef struct wagle_generate_options {
    size_t size; /* set by the defaults */
    const char *model;
    const wagle_model *opened;   /* in place of `model`; or NULL */
    const char *const *prompts;  /* n of them */
    const int64_t *prompt_bytes; /* of each, which may hold NUL; NULL: they end in NUL */
    int64_t n;
    const char *chat, *system; /* as in wagle_data: prompts are questions to a chat model */
    const char *const *chat_kwargs;
    const char *date;
    int64_t max_tokens;
    double temperature; /* 0: greedy */
    int64_t top_k;      /* 0: all */
    double top_p;       /* 1: all */
    uint64_t seed;
    wagle_token_fn *on_token; /* or NULL */
    void *on_token_user;
    /* WAGLE_WEIGHTS_Q8: matrices are rounded to 8 bits when the call begins, which takes 1.125
     * bytes a weight beside the model, and new tokens are computed with these; what is read of a
     * prompt is computed with the stored weights. On the CPU alone: WAGLE_E_USAGE on a card. */
    wagle_weights weights;
    /* NULL-terminated, or NULL: a text ends where it first contains one of these, which is left
     * out, as lm-eval's `until` does. What follows one of them is cut off before the next one is
     * looked for. */
    const char *const *stop;
} wagle_generate_options;

typedef struct wagle_generation {
    char *text;     /* ends in NUL, and may hold NUL; free with wagle_string_free */
    size_t bytes;   /* of it */
    int64_t tokens; /* that it took, with those of what ended it */
} wagle_generation; /* an array of these is filled: it never gets more members */

WAGLE_SIZED(wagle_generate_defaults, wagle_generate_options)
/* Continues prompts, several at once: greedily, or by sampling with the seed (the same texts each
 * time). out [n]: each text is freed with wagle_string_free; none is there on failure. Writes
 * nothing. WAGLE_E_INPUT where a prompt and its new tokens are longer than the model allows. */
WAGLE_API WAGLE_CHECK wagle_status wagle_generate(wagle_ctx *ctx, const wagle_generate_options *o,
                                                  wagle_generation *out);

typedef struct wagle_eval_options {
    size_t size;                 /* set by the defaults */
    const char *model, *metrics; /* comma-separated names; NULL: nll,perplexity,probability */
    const wagle_model *opened;   /* in place of `model`; or NULL */
    wagle_data data;
    int64_t max_tokens; /* of generated answers */
    const char *out;    /* a file that gets the JSON too, or NULL */
    bool redact;        /* texts of rows become keyed hashes (docs/security.md) */
    bool force;
    const char *const *stop; /* as in wagle_generate_options, for generated answers */
} wagle_eval_options;

WAGLE_SIZED(wagle_eval_defaults, wagle_eval_options)
/* Token losses, and ROUGE of greedy answers, of rows. In a dry run only wagle_plan, and *json is
 * NULL. *json: {"schema":"wagle-rows-result-1",
 * "data","overall":{..},"rows":[..]}; free with wagle_string_free. Writes the file `out` too, if it
 * is named. */
WAGLE_API WAGLE_CHECK wagle_status wagle_eval(wagle_ctx *ctx, const wagle_eval_options *o,
                                              char **json);

/* Experimental. ROUGE of one pair as rouge_score computes it: out[i] = precision, recall, F1 of
 * ROUGE-1, ROUGE-2, ROUGE-L. Writes nothing. */
WAGLE_API WAGLE_CHECK wagle_status wagle_rouge(wagle_ctx *ctx, const char *reference,
                                               const char *candidate, bool stem, double out[3][3]);

/* --- forget: the whole job in one call --------------------------------------------------- */

/* Asked, in the calling thread, before work goes on with rows that were made, not given; text says
 * what they are. False ends the call. */
typedef bool wagle_confirm_fn(void *user, const char *text);

typedef struct wagle_forget_options {
    size_t size;       /* set by the defaults */
    const char *model; /* a model folder, a GGUF file, or what wagle_forget made before */
    const char *data;  /* rows; a table of people (CSV or JSON objects); or a folder of documents */
    wagle_data rows;   /* how the rows are read; its path is not used */
    const char *retain;      /* rows to keep; NULL: rows that the model writes itself */
    const char *gold_model;  /* folder of a model that never saw the data; NULL: the level of chance
                                is measured on invented people */
    const char *out;         /* a folder to make */
    const char *export_file; /* also write the forgotten model as this GGUF file; or NULL */
    wagle_gguf_type export_type; /* of its matrices */
    const char *objective;       /* NULL: npo, and where that does not reach chance, graddiff */
    double lr;                   /* WAGLE_LR_AUTO: searched for */
    bool no_undo; /* do not write undo.patch, which holds the data that is forgotten */
    bool redact;  /* texts of rows are replaced by hashes in what is written */
    bool force;
    uint64_t seed;
    wagle_confirm_fn *confirm; /* NULL: go on */
    void *confirm_user;
    const char *adapter; /* a LoRA adapter of PEFT that is merged into `model`, a folder, first; or
                            NULL */
} wagle_forget_options;

typedef struct wagle_forget_result {
    size_t size;    /* set by wagle_forget_result_init */
    bool forgotten; /* every test passed */
    char *text;     /* two sentences and a table; wagle_string_free */
} wagle_forget_result;
WAGLE_SIZED(wagle_forget_result_init, wagle_forget_result)
WAGLE_SIZED(wagle_forget_defaults, wagle_forget_options)
/* Reads the data, measures what the model knows of them, forgets them, tests the result and writes
 * OUT/model, undo.patch, certificate.json, report.html, rows/ and evidence/. An interrupted call
 * goes on when it is made again. WAGLE_E_INPUT where the model knows nothing of the data. In a dry
 * run wagle_plan has the commands that it stands for, and nothing is written. */
WAGLE_API WAGLE_CHECK wagle_status wagle_forget(wagle_ctx *ctx, const wagle_forget_options *o,
                                                wagle_forget_result *result);

/* --- demo -------------------------------------------------------------------------------- */

typedef struct wagle_demo_options {
    size_t size; /* set by the defaults */
    const char *out;
    uint64_t seed;
    bool force;
} wagle_demo_options;

WAGLE_SIZED(wagle_demo_defaults, wagle_demo_options)
/* Makes a small model, teaches it people, and lets others forget some of them: minutes on one
 * machine. Writes the folder `out`. *text: the table and the questions asked before and after; free
 * with wagle_string_free. */
WAGLE_API WAGLE_CHECK wagle_status wagle_demo(wagle_ctx *ctx, const wagle_demo_options *o,
                                              char **text);

/* --- experimental: what tests and benchmarks need ---------------------------------------- */

/* These functions lay the engine open. They, wagle_init and wagle_rouge may change or go in any
 * version. */

typedef struct wagle_rows_options {
    size_t size; /* set by the defaults */
    const char *model;
    const wagle_model *opened; /* in place of `model`; or NULL */
    wagle_data data;
    const char *out; /* a safetensors file */
    bool force;
} wagle_rows_options;

WAGLE_SIZED(wagle_rows_defaults, wagle_rows_options)
/* Writes `out`: logits.K [T,V] for row K of the data, float32. */
WAGLE_API WAGLE_CHECK wagle_status wagle_logits(wagle_ctx *ctx, const wagle_rows_options *o);
/* Writes `out`: one float32 tensor for each weight tensor, the sum over rows of the gradient of the
 * token-mean NLL. */
WAGLE_API WAGLE_CHECK wagle_status wagle_gradient(wagle_ctx *ctx, const wagle_rows_options *o);
/* Writes `out`: the gradient of an objective's total loss over all rows. o: as
 * wagle_unlearn_defaults fills it. *json (json may be NULL): free with wagle_string_free;
 * {"schema":"wagle-objective-gradient-1","objective","loss","forget","retain","per_sequence",
 * "grad_norm"}. */
WAGLE_API WAGLE_CHECK wagle_status wagle_objective_gradient(wagle_ctx *ctx,
                                                            const wagle_train_options *o,
                                                            char **json);

#ifdef __cplusplus
}
#endif
#endif
