/* wagle.h - make a large language model forget chosen data and keep the rest.
 *
 * The only public header. From simple to advanced: context, then one function a command
 * (import ... evaluate), each taking a plain structure of options. Fill a structure with its
 * wagle_*_defaults() first, so that members added later keep sane values.
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
 * Ownership: `T **out` is the caller's to free with the function named there; `const T *` is
 * borrowed for the call. Strings are UTF-8. A context serves one thread at a time. */
#ifndef WAGLE_H
#define WAGLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define WAGLE_API __attribute__((visibility("default")))
#define WAGLE_CHECK __attribute__((warn_unused_result))
#else
#define WAGLE_API
#define WAGLE_CHECK
#endif

#define WAGLE_VERSION_MAJOR 0
#define WAGLE_VERSION_MINOR 1
#define WAGLE_VERSION_PATCH 0
#define WAGLE_VERSION "0.1.0"
/* The version of the library that runs, which may be another than this header's. Any thread. */
WAGLE_API const char *wagle_version(void);

/* What a call came to; the number is also the exit code of the command. */
typedef enum wagle_status {
    WAGLE_OK = 0,
    WAGLE_E_RUN = 1,      /* the run failed: NaN in a loss, a metric that cannot be had */
    WAGLE_E_USAGE = 2,    /* an option is wrong or missing */
    WAGLE_E_INPUT = 3,    /* a file is missing, damaged or does not fit the others */
    WAGLE_E_RESOURCE = 4, /* not enough memory or disk */
    WAGLE_E_UNMET = 5,    /* --stop-when was not reached; the model was written all the same */
    WAGLE_E_INTERRUPTED = 130
} wagle_status;

/* --- context ----------------------------------------------------------------------------- */

typedef struct wagle_ctx wagle_ctx;

/* stage: what is being done; done of total units; detail may be NULL. Called from the calling
 * thread only. */
typedef void wagle_progress_fn(void *user, const char *stage, int64_t done, int64_t total,
                               const char *detail);
/* A line of log without newline. level: 0 warning, 1 information, 2 detail. */
typedef void wagle_log_fn(void *user, int level, const char *line);

WAGLE_API WAGLE_CHECK wagle_status wagle_ctx_new(wagle_ctx **out);
WAGLE_API void wagle_ctx_free(wagle_ctx *ctx);
/* The line that explains the last failure; "" if none. Valid until the next call. */
WAGLE_API const char *wagle_message(const wagle_ctx *ctx);
WAGLE_API void wagle_on_progress(wagle_ctx *ctx, wagle_progress_fn *fn, void *user);
WAGLE_API void wagle_on_log(wagle_ctx *ctx, wagle_log_fn *fn, void *user);
/* Worker threads; 0 = as many as the machine offers. Results do not depend on it. */
WAGLE_API void wagle_set_threads(wagle_ctx *ctx, int threads);
/* Where calls compute: device "cpu" (NULL), "cuda", "cuda:N" or "auto" (a card if there is one);
 * precision of products on a card: "bf16" (NULL), "tf32" or "f32". WAGLE_E_USAGE: no such name.
 * That a card is missing is said by the call that wants it. */
WAGLE_API WAGLE_CHECK wagle_status wagle_set_device(wagle_ctx *ctx, const char *device,
                                                    const char *precision);
/* Bytes a run may take; 0: no bound. A run obeys, or is refused before it starts. */
WAGLE_API void wagle_set_memory(wagle_ctx *ctx, int64_t bytes);
/* attribute, finetune and unlearn then only plan: wagle_plan has what they would take. */
WAGLE_API void wagle_set_dry_run(wagle_ctx *ctx, bool on);
/* The plan of the last dry run as text, "" if there was none; valid until the next call. */
WAGLE_API const char *wagle_plan(const wagle_ctx *ctx);
/* Asks the running call to stop at the next safe point; calls that begin later run. Safe in a
 * signal handler. */
WAGLE_API void wagle_interrupt(wagle_ctx *ctx);

/* Text made by the library (JSON, generated text): free with wagle_string_free. */
WAGLE_API void wagle_string_free(char *text);

/* --- rows of data ------------------------------------------------------------------------ */

/* A data file: JSON Lines, JSON array or CSV of question/answer, prompt/completion, text, or
 * pre-tokenised {"input_ids":[...],"labels":[...]}, or chats {"messages":[...]}:
 * docs/reference/data.md. */
typedef struct wagle_data {
    const char *path; /* FILE, or FILE@WEIGHT: what its rows' terms are multiplied by in training */
    const char *const *more;  /* further such files, NULL-terminated, or NULL */
    const char *prompt_field; /* NULL: question or prompt */
    const char *answer_field; /* NULL: answer or completion */
    const char *text_field;   /* NULL: text */
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
} wagle_data;

#define WAGLE_DEFAULT_PROMPT "### Question: {prompt}\n### Answer: "

/* --- models ------------------------------------------------------------------------------ */

typedef struct wagle_import_options {
    const char *gguf, *out;
    const char *dtype; /* bf16, f16, f32; NULL: the file's own, bf16 of quantised weights */
    bool force;
} wagle_import_options;

WAGLE_API void wagle_import_defaults(wagle_import_options *o);
/* GGUF to a model folder: weights, config, tokenizer, chat template. */
WAGLE_API WAGLE_CHECK wagle_status wagle_import(wagle_ctx *ctx, const wagle_import_options *o);

typedef struct wagle_export_options {
    const char *model, *out; /* a model folder, the GGUF file to make */
    const char *type;        /* of matrices: f32, f16, bf16, q8_0; NULL: the model's own */
    bool force;
} wagle_export_options;

WAGLE_API void wagle_export_defaults(wagle_export_options *o);
/* A model folder to a GGUF file that llama.cpp loads: llama, mistral without a window, qwen2,
 * qwen3, phi3, gemma, gemma2, gpt2. Vectors stay float32. */
WAGLE_API WAGLE_CHECK wagle_status wagle_export(wagle_ctx *ctx, const wagle_export_options *o);

typedef struct wagle_init_options {
    const char *config, *out; /* config.json of the model to make */
    const char *dtype;        /* bf16, f16, f32 */
    uint64_t seed;
    bool force;
} wagle_init_options;

WAGLE_API void wagle_init_defaults(wagle_init_options *o);
/* A model folder with random weights (deviation: the config's initializer_range; norms 1), written
 * as it is made: for benchmarks and tests of any size. No tokenizer. */
WAGLE_API WAGLE_CHECK wagle_status wagle_init(wagle_ctx *ctx, const wagle_init_options *o);

typedef struct wagle_inspect_options {
    const char *path;
    bool json, layers, tensors; /* one line per layer, one line per tensor */
} wagle_inspect_options;

/* What is in a model folder, safetensors, GGUF, score or mask file: text, or JSON; free *out with
 * wagle_string_free. */
WAGLE_API WAGLE_CHECK wagle_status wagle_inspect(wagle_ctx *ctx, const wagle_inspect_options *o,
                                                 char **out);

/* --- text -------------------------------------------------------------------------------- */

typedef struct wagle_tokenizer wagle_tokenizer;

/* folder: holds tokenizer.json. Free with wagle_tokenizer_free. */
WAGLE_API WAGLE_CHECK wagle_status wagle_tokenizer_open(wagle_ctx *ctx, const char *folder,
                                                        wagle_tokenizer **out);
WAGLE_API void wagle_tokenizer_free(wagle_tokenizer *t);
/* text [bytes] need not end in NUL. *ids (free with wagle_ids_free) has *n tokens. */
WAGLE_API WAGLE_CHECK wagle_status wagle_encode(wagle_ctx *ctx, const wagle_tokenizer *t,
                                                const char *text, size_t bytes, bool special,
                                                int32_t **ids, int64_t *n);
WAGLE_API WAGLE_CHECK wagle_status wagle_decode(wagle_ctx *ctx, const wagle_tokenizer *t,
                                                const int32_t *ids, int64_t n, bool skip_special,
                                                char **text, size_t *bytes);
WAGLE_API void wagle_ids_free(int32_t *ids);

/* --- engine, laid open ------------------------------------------------------------------- */

/* logits.K [T,V] for row K of the data, float32, into a safetensors file. */
WAGLE_API WAGLE_CHECK wagle_status wagle_logits(wagle_ctx *ctx, const char *model,
                                                const wagle_data *data, const char *out,
                                                bool force);
/* One tensor a weight: the sum over rows of the gradient of the token-mean NLL. */
WAGLE_API WAGLE_CHECK wagle_status wagle_gradient(wagle_ctx *ctx, const char *model,
                                                  const wagle_data *data, const char *out,
                                                  bool force);

/* --- attribution and masks --------------------------------------------------------------- */

/* What stands for the curvature of the retain loss in wagle's score. */
typedef enum wagle_gamma_kind {
    WAGLE_GAMMA_DIAG, /* the Fisher diagonal of each weight: the default (docs/study.md says why) */
    WAGLE_GAMMA_NUMBER, /* one number for all weights */
    WAGLE_GAMMA_PROTECT /* no curvature: the retain gradient is multiplied by the factors of the
                           rows to protect */
} wagle_gamma_kind;

typedef struct wagle_gamma {
    wagle_gamma_kind kind;
    double value; /* the number, above 0; 0: the mean of the Fisher diagonal of the retain set */
} wagle_gamma;

typedef struct wagle_attribute_options {
    const char *model, *out, *selector;
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
} wagle_attribute_options;

WAGLE_API void wagle_attribute_defaults(wagle_attribute_options *o);
/* gamma as it is written: "auto", "diag", "protect" or a number above 0. False for any other text,
 * and gamma->value is then -1, which attribution refuses. */
WAGLE_API bool wagle_gamma_read(const char *text, wagle_gamma *gamma);
WAGLE_API WAGLE_CHECK wagle_status wagle_attribute(wagle_ctx *ctx,
                                                   const wagle_attribute_options *o);

typedef struct wagle_mask_options {
    const char *scores, *out, *format; /* format: bits, bool */
    const char *const *include; /* glob patterns over tensor names, NULL-terminated, or NULL */
    const char *const *exclude;
    double density;          /* share of the weights that remain after include and exclude, (0,1] */
    const double *densities; /* [n_densities] of one reading of `scores`, in place of `density`;
                                in `out` {} becomes each */
    int64_t n_densities;
    /* What the density is a share of: global, tensor or row. neurons: of all again, but whole
     * output neurons are selected, by their summed scores. */
    const char *scope;
    bool force;
    wagle_attribute_options data; /* where scores is NULL: they are made twice and not stored */
    const char *op; /* and, or, minus, invert: of masks [n_masks] in place of scores */
    const char *const *masks;
    int64_t n_masks;
} wagle_mask_options;

WAGLE_API void wagle_mask_defaults(wagle_mask_options *o);
WAGLE_API WAGLE_CHECK wagle_status wagle_mask(wagle_ctx *ctx, const wagle_mask_options *o);

typedef struct wagle_compare_options {
    const char *const *masks; /* n of them */
    int64_t n;
    const char *svg; /* a heat map of layers x modules to write, or NULL */
    bool json, force;
} wagle_compare_options;

/* Jaccard indices and the share of each tensor, as text or JSON; wagle_string_free. */
WAGLE_API WAGLE_CHECK wagle_status wagle_compare_masks(wagle_ctx *ctx,
                                                       const wagle_compare_options *o, char **out);

/* --- training ---------------------------------------------------------------------------- */

typedef struct wagle_param {
    const char *key; /* as in the objective's table: npo.beta */
    double value;
} wagle_param;

/* The members are the rows of train_options.def, beside this header: type, member, and above them
 * what it is. */
typedef struct wagle_train_options {
#define WAGLE_OPTION(type, member, ...) type member;
#include "train_options.def"
#undef WAGLE_OPTION
} wagle_train_options;

typedef struct wagle_train_result {
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

WAGLE_API void wagle_finetune_defaults(wagle_train_options *o);
WAGLE_API void wagle_unlearn_defaults(wagle_train_options *o);
/* result may be NULL. An interrupted run leaves OUT.partial with a checkpoint for `resume`. A
 * stop_when that was not reached is WAGLE_E_UNMET, unless allow_unmet; the model is in `out` all
 * the same, and result is filled. */
WAGLE_API WAGLE_CHECK wagle_status wagle_finetune(wagle_ctx *ctx, const wagle_train_options *o,
                                                  wagle_train_result *result);
WAGLE_API WAGLE_CHECK wagle_status wagle_unlearn(wagle_ctx *ctx, const wagle_train_options *o,
                                                 wagle_train_result *result);

/* The gradient of an objective's total loss over all rows, a tensor each weight, into o->out. *json
 * (may be NULL; wagle_string_free):
 * {"objective","loss","forget","retain","per_sequence","grad_norm"}.
 */
WAGLE_API WAGLE_CHECK wagle_status wagle_objective_gradient(wagle_ctx *ctx,
                                                            const wagle_train_options *o,
                                                            char **json);

/* --- sweeps ------------------------------------------------------------------------------ */

typedef struct wagle_sweep_options {
    const char *spec; /* a JSON object: docs/reference/sweep.md */
    const char *out;  /* a folder; one of the same spec goes on where it stopped */
    bool force;
} wagle_sweep_options;

/* *table: Markdown; also in OUT, with runs.json and pareto.svg; in a dry run the table of the runs
 * that there are, and nothing is written. wagle_string_free. */
WAGLE_API WAGLE_CHECK wagle_status wagle_sweep(wagle_ctx *ctx, const wagle_sweep_options *o,
                                               char **table);

typedef struct wagle_join_options {
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

WAGLE_API void wagle_join_defaults(wagle_join_options *o);
/* Joins sweeps that ran the same methods on different tasks: means over tasks, and each method
 * paired with the baseline of its objective. *table: Markdown; also in OUT, with summary.json and
 * plot.svg (docs/reference/sweep.md); a dry run writes nothing. wagle_string_free. WAGLE_E_INPUT,
 * naming the folder, where two sweeps have other columns, objectives or settings. */
WAGLE_API WAGLE_CHECK wagle_status wagle_join_sweeps(wagle_ctx *ctx, const wagle_join_options *o,
                                                     char **table);

/* --- patches ----------------------------------------------------------------------------- */

typedef struct wagle_diff_options {
    const char *before, *after, *out; /* two model folders, the patch to make */
    bool hash_old;                    /* old values are only hashed: smaller, no way back */
    bool force;
} wagle_diff_options;

WAGLE_API WAGLE_CHECK wagle_status wagle_diff(wagle_ctx *ctx, const wagle_diff_options *o);

typedef struct wagle_patch_options {
    const char *model, *patch, *out; /* a model folder, a patch, the folder to make */
    bool force;
} wagle_patch_options;

/* Refused (WAGLE_E_INPUT, nothing written) where the patch was made for other weights. */
WAGLE_API WAGLE_CHECK wagle_status wagle_apply(wagle_ctx *ctx, const wagle_patch_options *o);
WAGLE_API WAGLE_CHECK wagle_status wagle_revert(wagle_ctx *ctx, const wagle_patch_options *o);

/* --- generation and evaluation ----------------------------------------------------------- */

typedef struct wagle_generate_options {
    const char *model;
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
} wagle_generate_options;

typedef struct wagle_generation {
    char *text;     /* free with wagle_string_free, on success only; it may hold NUL */
    size_t bytes;   /* of it */
    int64_t tokens; /* that it took */
} wagle_generation;

WAGLE_API void wagle_generate_defaults(wagle_generate_options *o);
/* out [n] */
WAGLE_API WAGLE_CHECK wagle_status wagle_generate(wagle_ctx *ctx, const wagle_generate_options *o,
                                                  wagle_generation *out);

typedef struct wagle_eval_options {
    const char *model, *metrics; /* comma-separated names; NULL: nll,perplexity,probability */
    wagle_data data;
    int64_t max_tokens; /* of generated answers */
    const char *out;    /* a file that gets the JSON too, or NULL */
    bool redact;        /* texts of rows become keyed hashes (docs/security.md) */
    bool force;
} wagle_eval_options;

WAGLE_API void wagle_eval_defaults(wagle_eval_options *o);
/* *json: {"metrics":[..],"overall":{..},"rows":[..]}; free with wagle_string_free. */
WAGLE_API WAGLE_CHECK wagle_status wagle_eval(wagle_ctx *ctx, const wagle_eval_options *o,
                                              char **json);

/* --- suites -------------------------------------------------------------------------------- */

typedef struct wagle_suite_options {
    const char *model;       /* a model folder; unless `recompute` */
    const char *suites;      /* comma-separated names */
    const char *const *sets; /* NAME=FILE, NULL-terminated: data sets by the suite's names */
    wagle_data data;         /* how rows are laid out; its path is not used */
    const char *gold;        /* result of the same suites for the model that never saw the forget
                                set, or NULL */
    const char *reference; /* folder of another model: membership compares with it, robustness takes
                              changes back to it; or NULL */
    const char *out;       /* X.json gets the result, X.rows.jsonl the rows; NULL: neither */
    const char *recompute; /* a result or its rows: metrics are made anew, without a model */
    int64_t max_tokens;    /* of generated texts */
    int64_t resamples;     /* of rows, for 95 % intervals */
    int64_t shots;         /* mcq: solved examples before each question */
    int64_t prefix, length; /* copyright: tokens that are given, and that are to come */
    int64_t verbatim;       /* copyright: tokens in a row that count as reproduced */
    double temperature;     /* of sampled continuations */
    const char *scorer;     /* toxicity: a command; reads one text per line, writes 0 to 1 */
    int64_t relearn_steps;  /* robustness */
    double relearn_lr;
    bool no_eos; /* tofu: answers do not end with the end-of-text token */
    uint64_t seed;
    bool redact; /* texts of the rows kept become keyed hashes (docs/security.md) */
    bool force;
} wagle_suite_options;

WAGLE_API void wagle_suite_defaults(wagle_suite_options *o);
/* *json: {"model","suites":{NAME:{"metrics":{NAME:{"value","low","high","n"}},"seconds"}}, ...};
 * wagle_string_free. */
WAGLE_API WAGLE_CHECK wagle_status wagle_suite_run(wagle_ctx *ctx, const wagle_suite_options *o,
                                                   char **json);

typedef struct wagle_difference_options {
    const char *a, *b; /* results with their rows; A,B,..: of several seeds */
    int64_t resamples;
    uint64_t seed;
} wagle_difference_options;

WAGLE_API void wagle_difference_defaults(wagle_difference_options *o);
/* What differs between two results, by paired resampling of rows. *json: {"a","b","differences":
 * [{"suite","metric","a","b","difference","low","high","p","n"}]}. */
WAGLE_API WAGLE_CHECK wagle_status wagle_difference(wagle_ctx *ctx,
                                                    const wagle_difference_options *o, char **json);

typedef struct wagle_report_options {
    const char *const *runs;     /* folders of runs and results of suites, PATH or LABEL=PATH,
                                    NULL-terminated; entries with the same label are one model. At most
                                    one is a certificate of wagle forget: certificate.json, or the
                                    folder that holds it; the page then begins with it */
    const char *out;             /* an HTML file */
    const char *title;           /* NULL: a title that fits what the page shows */
    const char *original, *gold; /* labels; NULL: what the runs and names say */
    int64_t resamples;           /* of rows, for differences between models */
    bool redact; /* texts of rows become keyed hashes (docs/security.md); numbers stay */
    bool force;
} wagle_report_options;

WAGLE_API void wagle_report_defaults(wagle_report_options *o);
/* One self-contained page: verdict, metrics with intervals, plots, examples, sources. */
WAGLE_API WAGLE_CHECK wagle_status wagle_report(wagle_ctx *ctx, const wagle_report_options *o);

/* ROUGE of one pair as rouge_score computes it: out[i] = precision, recall, F1 of
 * ROUGE-1, ROUGE-2, ROUGE-L. */
WAGLE_API WAGLE_CHECK wagle_status wagle_rouge(wagle_ctx *ctx, const char *reference,
                                               const char *candidate, bool stem, double out[3][3]);

/* --- forget: the whole job in one call --------------------------------------------------- */

/* Asked before work goes on with rows that were made, not given; text says what they are. False
 * ends the call. */
typedef bool wagle_confirm_fn(void *user, const char *text);

typedef struct wagle_forget_options {
    const char *model; /* a model folder, a GGUF file, or what wagle_forget made before */
    const char *data;  /* rows; a table of people (CSV or JSON objects); or a folder of documents */
    wagle_data rows;   /* how the rows are read; its path is not used */
    const char *retain;      /* rows to keep; NULL: rows that the model writes itself */
    const char *gold_model;  /* folder of a model that never saw the data; NULL: the level of chance
                                is measured on invented people */
    const char *out;         /* a folder to make */
    const char *export_file; /* also write the forgotten model as this GGUF file; or NULL */
    const char *export_type; /* as in wagle_export_options */
    const char *objective;   /* NULL: npo, and where that does not reach chance, graddiff */
    double lr;               /* 0: searched for */
    bool no_undo;            /* do not write undo.patch, which holds the data that is forgotten */
    bool redact;             /* texts of rows are replaced by hashes in what is written */
    bool force;
    uint64_t seed;
    wagle_confirm_fn *confirm; /* NULL: go on */
    void *confirm_user;
} wagle_forget_options;

typedef struct wagle_forget_result {
    bool forgotten; /* every test passed */
    char *text;     /* two sentences and a table; wagle_string_free */
} wagle_forget_result;

WAGLE_API void wagle_forget_defaults(wagle_forget_options *o);
/* Reads the data, measures what the model knows of them, forgets them, tests the result and writes
 * OUT/model, undo.patch, certificate.json, report.html, rows/ and evidence/. An interrupted call
 * goes on when it is made again. WAGLE_E_INPUT where the model knows nothing of the data. In a dry
 * run wagle_plan has the commands that it stands for, and nothing is written. */
WAGLE_API WAGLE_CHECK wagle_status wagle_forget(wagle_ctx *ctx, const wagle_forget_options *o,
                                                wagle_forget_result *result);

/* --- demo -------------------------------------------------------------------------------- */

typedef struct wagle_demo_options {
    const char *out;
    uint64_t seed;
    bool force;
} wagle_demo_options;

WAGLE_API void wagle_demo_defaults(wagle_demo_options *o);
/* *text: the table and the questions asked before and after; free with wagle_string_free. */
WAGLE_API WAGLE_CHECK wagle_status wagle_demo(wagle_ctx *ctx, const wagle_demo_options *o,
                                              char **text);

/* --- what there is ----------------------------------------------------------------------- */

/* What a thing of a table reads of the options; an option that it does not read is without effect.
 */
enum {
    WAGLE_USES_FORGET = 1 << 0,      /* objective: has a forget term; selector: forget rows */
    WAGLE_USES_RETAIN = 1 << 1,      /* objective: has a retain term; selector: retain rows */
    WAGLE_USES_REFUSAL = 1 << 2,     /* `refusal` */
    WAGLE_USES_REFERENCE = 1 << 3,   /* `reference` */
    WAGLE_USES_CONTROL = 1 << 4,     /* `rmu_control` */
    WAGLE_USES_GAMMA = 1 << 5,       /* `gamma` */
    WAGLE_USES_DAMPING = 1 << 6,     /* `damping` */
    WAGLE_USES_TEXTS = 1 << 7,       /* suite: `max_tokens` */
    WAGLE_USES_TEMPERATURE = 1 << 8, /* suite: `temperature` */
    WAGLE_USES_SHOTS = 1 << 9,
    WAGLE_USES_WINDOWS = 1 << 10, /* `prefix`, `length`, `verbatim` */
    WAGLE_USES_SCORER = 1 << 11,
    WAGLE_USES_RELEARN = 1 << 12, /* `relearn_steps`, `relearn_lr` */
    WAGLE_USES_GOLD = 1 << 13,
    WAGLE_USES_EOS = 1 << 14,     /* `no_eos` */
    WAGLE_USES_PROTECT = 1 << 15, /* selector: `protect`, whatever gamma is */
    WAGLE_USES_FACTS = 1 << 16    /* suite: `facts_field` of the data */
};

typedef struct wagle_info {
    const char *name, *summary;
    unsigned uses;       /* WAGLE_USES_*; 0 where the table does not say */
    const char *formula; /* objective: of a row's forget term; selector: of the score; else NULL */
    const char *source;  /* the paper; NULL where the table does not say */
} wagle_info;

typedef struct wagle_param_info {
    const char *key, *help;
    double value, min, max;
} wagle_param_info;

/* i-th objective, selector, optimizer, metric, chat layout, family (model_type of config.json, and
 * its models); name is NULL past the last. */
WAGLE_API wagle_info wagle_objective_info(int i);
WAGLE_API wagle_info wagle_selector_info(int i);
WAGLE_API wagle_info wagle_optimizer_info(int i);
WAGLE_API wagle_info wagle_metric_info(int i);
WAGLE_API wagle_info wagle_suite_info(int i);
/* i-th data set of a suite; "*": any other name. */
WAGLE_API wagle_info wagle_suite_set_info(int suite, int i);
WAGLE_API wagle_info wagle_chat_info(int i);
WAGLE_API wagle_info wagle_family_info(int i);
/* i-th option over all objectives; key is NULL past the last. */
WAGLE_API wagle_param_info wagle_objective_param(int i);
/* Whether the objective of that name has the option. */
WAGLE_API bool wagle_objective_has(const char *objective, const char *key);
/* Peak resident memory of this process, bytes. */
WAGLE_API int64_t wagle_peak_memory(void);

#ifdef __cplusplus
}
#endif
#endif
