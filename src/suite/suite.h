/* suite.h - evaluation suites. Each has three steps; the last two need no model:
 *
 *   run      model and data sets -> a JSON object for each row, saved as JSON Lines
 *   derive   a row -> numbers, in columns by set and name
 *   measure  columns -> metrics; called again on resampled columns for intervals */
#ifndef WG_SUITE_SUITE_H
#define WG_SUITE_SUITE_H

#include "io/rows.h"
#include "metric/frame.h"
#include "session/generate.h"
#include "train/train.h"

enum { WG_SUITE_SETS = 10, WG_MAX_SUITES = 16, WG_MAX_SAMPLES = 100000 };

typedef struct wg_set_info {
    const char *name, *what;
    bool needed;
    unsigned uses;      /* WAGLE_USES_* of options that are read only where the set is given */
    int64_t max_tokens; /* of the texts generated for it; 0: WAGLE_SUITE_TOKENS */
    bool sampled;       /* its answers are sampled for leak@k */
} wg_set_info;
enum { WG_OWN_LENGTH = -1 }; /* max_tokens: an option of the suite says how long texts are */

/* The state of an evaluation. */
typedef struct wg_evaluation {
    const wagle_suite_options *o;
    const struct wg_suite *chosen[WG_MAX_SUITES]; /* o->suites, by wg_evaluation_check */
    int n_chosen;
    const struct wg_suite *suite; /* the current one */
    const char *model;            /* folder */
    wg_session *session;
    json_t *rows;               /* array, filled by `run` with wg_evaluation_row */
    json_t *seconds;            /* by suite */
    json_t *layouts;            /* by suite: layout of its questions */
    json_t *gold;               /* rows of the gold result, or NULL */
    struct wg_encoder *encoder; /* of the current suite (similar.h), or NULL */
} wg_evaluation;

typedef struct wg_suite {
    const char *name, *summary;
    bool texts_if_asked;            /* with max_tokens 0 it generates none */
    bool remakes_model;             /* it writes changed models, so it needs the folder */
    bool own_prompts;               /* the data options do not affect the prompts */
    unsigned uses;                  /* WAGLE_USES_*, except those of its sets */
    wg_set_info set[WG_SUITE_SETS]; /* ends with a NULL name; "*" allows any other name */
    wagle_status (*check)(wagle_ctx *ctx, const wg_evaluation *e); /* of its sets; or NULL */
    wagle_status (*run)(wagle_ctx *ctx, wg_evaluation *e);
    wagle_status (*derive)(wagle_ctx *ctx, const json_t *row, const char *set, wg_frame *f);
    wg_measuring *measure;
    /* Or NULL: adds the metrics that could not be computed, NAME: why, to `into`. */
    wagle_status (*left_out)(wagle_ctx *ctx, const wg_frame *f, const wg_measures *m, json_t *into);
} wg_suite;

#define WG_SUITE(name) extern const wg_suite wg_suite_##name;
#include "suite/suite.def"
#undef WG_SUITE

const wg_suite *wg_suite_at(int i); /* NULL past the last */
WAGLE_CHECK wagle_status wg_suite_find(wagle_ctx *ctx, wg_str name, const wg_suite **out);
/* Whether the suite of "SUITE.METRIC" is among names with commas between them, or NULL. */
bool wg_suite_named_in(const char *names, const char *metric);

/* Whether the suite has a set of exactly that name. */
bool wg_suite_lists(const wg_suite *s, const char *name);

/* --- evaluate.c: the steps of an evaluation --------------------------------------------------- */

/* Fills e->chosen. */
WAGLE_CHECK wagle_status wg_evaluation_choose(wagle_ctx *ctx, wg_evaluation *e);
/* The same. Checks that suites and sets have known names, that the files exist, and
 * that options have an effect. */
WAGLE_CHECK wagle_status wg_evaluation_check(wagle_ctx *ctx, wg_evaluation *e);
/* Calls visit for each chosen suite, with e->suite set. */
WAGLE_CHECK wagle_status wg_evaluation_each(wagle_ctx *ctx, wg_evaluation *e,
                                            wagle_status (*visit)(wagle_ctx *ctx,
                                                                  wg_evaluation *e));
/* Allocates lists and reads the gold result. Call wg_evaluation_end also after failure. */
WAGLE_CHECK wagle_status wg_evaluation_begin(wagle_ctx *ctx, wg_evaluation *e);
void wg_evaluation_end(wg_evaluation *e);
/* Runs all suites with e->session. */
WAGLE_CHECK wagle_status wg_evaluation_run(wagle_ctx *ctx, wg_evaluation *e);
/* Adds their metrics to the object `suites`. */
WAGLE_CHECK wagle_status wg_evaluation_measure(wagle_ctx *ctx, const wg_evaluation *e,
                                               json_t *suites);

/* --- helpers of suites ------------------------------------------------------------------------ */

/* File of a data set, or NULL. */
const char *wg_evaluation_set(const wg_evaluation *e, const char *name);
/* Name and file of the i-th set given; false past the last. */
bool wg_evaluation_set_at(const wg_evaluation *e, int i, char name[64], const char **file);
/* Whether no suite of this evaluation lists the set by name; suites with "*" use such sets. */
bool wg_evaluation_is_spare(const wg_evaluation *e, const char *name);
/* Whether the current suite generates text for one of the sets given. */
bool wg_evaluation_writes(const wg_evaluation *e);
/* Whether answers to a set of the current suite are sampled for leak@k. */
bool wg_evaluation_samples(const wg_evaluation *e, const char *set);
/* Most tokens of a text that is generated for a set of the current suite. */
int64_t wg_evaluation_tokens(const wg_evaluation *e, const char *set);
/* Options for reading the rows of `path`. */
wagle_data wg_evaluation_data(const wg_evaluation *e, const char *path);
/* Adds a row {"suite","set","row"}; *out is borrowed, for adding more members. */
WAGLE_CHECK wagle_status wg_evaluation_row(wagle_ctx *ctx, wg_evaluation *e, const char *set,
                                           int64_t row, json_t **out);
/* Reads a text file for wg_next_line. Fails if it has no line or contains a NUL. */
WAGLE_CHECK wagle_status wg_read_list(wagle_ctx *ctx, const char *path, const char *what,
                                      wg_text *out);
/* A list of different whole numbers, from low to high, with commas between them. */
enum { WG_COUNTS = 32 };
typedef struct wg_counts {
    int64_t at[WG_COUNTS];
    int n;
} wg_counts;
WAGLE_CHECK wagle_status wg_counts_read(wagle_ctx *ctx, const char *option, const char *text,
                                        int64_t low, int64_t high, wg_counts *out);
bool wg_counts_have(const wg_counts *c, int64_t value);
/* Sets a text decoded from tokens; bytes that are not UTF-8 become U+FFFD. */
WAGLE_CHECK wagle_status wg_row_set_text(wagle_ctx *ctx, json_t *row, const char *key, wg_str text);

/* The same for an element of an array. */
WAGLE_CHECK wagle_status wg_row_add_text(wagle_ctx *ctx, json_t *array, wg_str text);

/* Rows of a file. Each row has one or more examples with different answers to the same prompt,
 * whose common prefix is computed once, and optionally a generated continuation. */
typedef struct wg_answers {
    wg_rows rows;
    const char *path;
    wagle_data data;  /* how rows are laid out */
    wg_dataset set;   /* examples; of row i: [first[i], first[i+1]) */
    int64_t *first;   /* [rows.n + 1] */
    wg_str *question; /* [rows.n] the question, as the row has it */
    wg_ids *given;    /* [rows.n] prompts in place of those of the examples; or NULL. n 0: none */
    wg_row_score *score;     /* [set.n] */
    wg_ids *made;            /* [rows.n] generated tokens */
    wg_text *generated;      /* [rows.n] the same as text */
    const char *const *ends; /* the suite's own ends of texts, which `stop` replaces; or NULL */
    int64_t room;
} wg_answers;

/* Opens the rows of a set's file. */
WAGLE_CHECK wagle_status wg_answers_open(wagle_ctx *ctx, wg_evaluation *e, const char *path,
                                         wg_answers *out);
void wg_answers_close(wg_answers *a);
/* The same, with one example per row: its prompt and its answer. */
typedef enum wg_load {
    WG_PROMPTS,   /* rows may have no answer */
    WG_ANSWERED,  /* rows without an answer are refused */
    WG_CONTINUED, /* the answer continues the text of the prompt; no layout unless --prompt gives
                     one */
    WG_STARTS,    /* the same, but rows may have no answer */
} wg_load;
WAGLE_CHECK wagle_status wg_answers_load(wagle_ctx *ctx, wg_evaluation *e, const char *path,
                                         wg_load how, wg_answers *out);
/* One example per answered row of the first n, or of all (0), with `before` before each question.
 */
WAGLE_CHECK wagle_status wg_answers_load_after(wagle_ctx *ctx, wg_evaluation *e, const char *path,
                                               int64_t n, const wg_preamble *before,
                                               wg_answers *out);
/* Solved rows that stand before questions: of a file the first n, or all (0). */
typedef struct wg_solved {
    wg_text text;
    json_t *turns;
    wg_preamble before; /* of both */
} wg_solved;
WAGLE_CHECK wagle_status wg_solved_read(wagle_ctx *ctx, wg_evaluation *e, const char *path,
                                        int64_t n, wg_solved *out);
void wg_solved_free(wg_solved *s);
/* Lays out row i, with `before` (or NULL) in front. Free with wg_asked_free. */
WAGLE_CHECK wagle_status wg_answers_ask(wagle_ctx *ctx, wg_evaluation *e, const wg_answers *a,
                                        int64_t i, const wg_preamble *before, bool answered,
                                        wg_asked *out);
wg_record wg_answers_record(const wg_answers *a, int64_t i);
/* Copies the question of row i to a->question. */
WAGLE_CHECK wagle_status wg_answers_keep_question(wagle_ctx *ctx, wg_answers *a, int64_t i,
                                                  wg_str question);
/* Adds an example for row i: the prompt with one more answer. */
WAGLE_CHECK wagle_status wg_answers_add_to(wagle_ctx *ctx, wg_evaluation *e, wg_answers *a,
                                           int64_t i, const wg_asked *asked, wg_str answer);
/* Adds an example for each text of row i's perturbed_answer. Every row must have as many,
 * *perturbed, which the first one sets. */
WAGLE_CHECK wagle_status wg_answers_add_perturbed(wagle_ctx *ctx, wg_evaluation *e, wg_answers *a,
                                                  int64_t i, const wg_asked *asked,
                                                  int64_t *perturbed);
/* Completes row i. */
void wg_answers_end_row(wg_answers *a, int64_t i);
WAGLE_CHECK wagle_status wg_answers_score(wagle_ctx *ctx, wg_evaluation *e, wg_answers *a,
                                          bool hits, bool spread, const char *progress);
/* Generates a continuation of each row's prompt (the first example without its labels) into
 * a->generated, of as many tokens as the set takes. temperature 0: greedy. */
WAGLE_CHECK wagle_status wg_answers_generate(wagle_ctx *ctx, wg_evaluation *e, wg_answers *a,
                                             const char *set, double temperature);
/* How texts of the set are generated; temperature 0: greedy. */
wg_sampling wg_answers_sampling(const wg_evaluation *e, const wg_answers *a, const char *set,
                                double temperature);
/* Samples `each` continuations of each row's prompt; made, text [each, rows]. */
WAGLE_CHECK wagle_status wg_answers_sample(wagle_ctx *ctx, wg_evaluation *e, const wg_answers *a,
                                           int64_t each, const wg_sampling *how, wg_ids *made,
                                           wg_text *text);
/* Token-mean nll of example k, in nats. */
double wg_answers_mean(const wg_answers *a, int64_t k);
/* ROUGE of the text generated for row i against the answers of its first example. */
WAGLE_CHECK wagle_status wg_answers_rouge(wagle_ctx *ctx, const wg_answers *a, int64_t i, bool stem,
                                          double out[3][3]);
WAGLE_CHECK wagle_status wg_answers_fail(wagle_ctx *ctx, const wg_answers *a, int64_t i,
                                         const char *format, ...) WG_PRINTF(4);

/* --- saved rows ------------------------------------------------------------------------------- */

/* Reads a finite number of a row. Fails, naming suite, set and row, if there is none. */
WAGLE_CHECK wagle_status wg_row_number(wagle_ctx *ctx, const json_t *row, const char *key,
                                       double *out);
/* Reads a list of finite numbers; free *out with wg_free. */
WAGLE_CHECK wagle_status wg_row_numbers(wagle_ctx *ctx, const json_t *row, const char *key,
                                        double **out, int64_t *n);
WAGLE_CHECK wagle_status wg_row_fail(wagle_ctx *ctx, const json_t *row, const char *key,
                                     const char *what);
/* Adds a number of the row to the column of the same name. */
WAGLE_CHECK wagle_status wg_row_column(wagle_ctx *ctx, const json_t *row, const char *set,
                                       const char *key, wg_frame *f);
/* Adds SET.NAME, the mean of that column, if the column exists. */
WAGLE_CHECK wagle_status wg_measure_mean(wagle_ctx *ctx, const wg_frame *f, const char *set,
                                         const char *name, wg_measures *out);
/* Whether the columns include some of a gold result. */
bool wg_frame_has_gold(const wg_frame *f);
/* Adds the mean of every column, except those of the gold result. */
WAGLE_CHECK wagle_status wg_measure_means(wagle_ctx *ctx, const wg_frame *f, wg_measures *out);

#endif
