/* suite.h - suites of the evaluation. Each goes three steps, so that the last two need no model:
 *
 *   run      model and data sets -> a JSON object a row, kept as JSON Lines
 *   derive   a row -> numbers, in columns by set and name
 *   measure  columns -> metrics; resampled for intervals */
#ifndef WG_SUITE_SUITE_H
#define WG_SUITE_SUITE_H

#include "io/rows.h"
#include "metric/frame.h"
#include "session/generate.h"
#include "train/train.h"

enum { WG_SUITE_SETS = 10, WG_SUITES_MOST = 16 };

typedef struct wg_set_info {
    const char *name, *what;
    bool needed;
} wg_set_info;

/* What a suite runs with. */
typedef struct wg_evaluation {
    const wagle_suite_options *o;
    const struct wg_suite *chosen[WG_SUITES_MOST]; /* o->suites, by wg_evaluation_check */
    int n_chosen;
    const struct wg_suite *suite; /* at hand */
    const char *model;            /* folder */
    wg_session *session;
    json_t *rows;    /* array: what `run` adds to, by wg_evaluation_row */
    json_t *seconds; /* by suite */
    json_t *layouts; /* by suite: how its questions were laid out */
    json_t *gold;    /* rows of the gold result, or NULL */
} wg_evaluation;

typedef struct wg_suite {
    const char *name, *summary;
    enum { WG_NO_TEXTS, WG_TEXTS_IF_ASKED, WG_TEXTS } writes; /* asked: max_tokens above 0 */
    bool remakes_model;                                       /* it wants the folder */
    bool own_prompts;               /* the data options have no say in how rows are laid out */
    unsigned uses;                  /* WAGLE_USES_*, but what follows from `writes` */
    wg_set_info set[WG_SUITE_SETS]; /* ends with a NULL name; "*": any other name */
    wagle_status (*run)(wagle_ctx *ctx, wg_evaluation *e);
    wagle_status (*derive)(wagle_ctx *ctx, const json_t *row, const char *set, wg_frame *f);
    wg_measuring *measure;
} wg_suite;

#define WG_SUITE(name) extern const wg_suite wg_suite_##name;
#include "suite/suite.def"
#undef WG_SUITE

const wg_suite *wg_suite_at(int i); /* NULL past the last */
WAGLE_CHECK wagle_status wg_suite_find(wagle_ctx *ctx, wg_str name, const wg_suite **out);
/* Whether the suite of "SUITE.METRIC" is among names with commas between them, or NULL. */
bool wg_suite_named_in(const char *names, const char *metric);

/* Whether the suite has a set of that very name. */
bool wg_suite_lists(const wg_suite *s, const char *name);

/* --- evaluate.c: the steps of an evaluation ----------------------------------------------------
 */

/* Fills e->chosen; suites and sets have known names, and files are there. */
WAGLE_CHECK wagle_status wg_evaluation_check(wagle_ctx *ctx, wg_evaluation *e);
/* Calls visit with e->suite for each suite named. */
WAGLE_CHECK wagle_status wg_evaluation_each(wagle_ctx *ctx, wg_evaluation *e,
                                            wagle_status (*visit)(wagle_ctx *ctx,
                                                                  wg_evaluation *e));
/* Room for rows, and what the options name. wg_evaluation_end also after failure. */
WAGLE_CHECK wagle_status wg_evaluation_begin(wagle_ctx *ctx, wg_evaluation *e);
void wg_evaluation_end(wg_evaluation *e);
/* All suites, with e->session. */
WAGLE_CHECK wagle_status wg_evaluation_run(wagle_ctx *ctx, wg_evaluation *e);
/* Their metrics, into the object `suites`. */
WAGLE_CHECK wagle_status wg_evaluation_measure(wagle_ctx *ctx, const wg_evaluation *e,
                                               json_t *suites);

/* --- what suites are made of -------------------------------------------------------------------
 */

/* File of a data set, or NULL. */
const char *wg_evaluation_set(const wg_evaluation *e, const char *name);
/* i-th of the sets given, name (copied to `name` [64]) and file; false past the last. */
bool wg_evaluation_set_at(const wg_evaluation *e, int i, char name[64], const char **file);
/* A set that no suite of this evaluation has a name for: for those that take any. */
bool wg_evaluation_is_spare(const wg_evaluation *e, const char *name);
/* How the evaluation reads rows of `path`. */
wagle_data wg_evaluation_data(const wg_evaluation *e, const char *path);
/* Adds a row {"suite","set","row"}, borrowed, to be filled. */
WAGLE_CHECK wagle_status wg_evaluation_row(wagle_ctx *ctx, wg_evaluation *e, const char *set,
                                           int64_t row, json_t **out);
/* A text file of lines, for wg_next_line: refused without any, or with a NUL in it. */
WAGLE_CHECK wagle_status wg_read_list(wagle_ctx *ctx, const char *path, const char *what,
                                      wg_text *out);
/* Text made of ids, under a key of a row; bytes that are no UTF-8 become U+FFFD. */
WAGLE_CHECK wagle_status wg_row_set_text(wagle_ctx *ctx, json_t *row, const char *key, wg_str text);

/* Rows of a file, and what was made of them: for each, examples with their own answers, whose
 * common first tokens are computed once, and a prompt to continue. */
typedef struct wg_answers {
    wg_rows rows;
    const char *path;
    wagle_data data;     /* how they are laid out */
    wg_dataset set;      /* examples; of row i: [first[i], first[i+1]) */
    int64_t *first;      /* [rows.n + 1] */
    wg_str *question;    /* [rows.n] what is asked, as the row has it */
    wg_row_score *score; /* [set.n] */
    wg_ids *made;        /* [rows.n] */
    wg_text *generated;  /* [rows.n] text of made */
    int64_t room;
} wg_answers;

/* Opens the rows of a set's file. */
WAGLE_CHECK wagle_status wg_answers_open(wagle_ctx *ctx, wg_evaluation *e, const char *path,
                                         wg_answers *out);
void wg_answers_close(wg_answers *a);
/* The same with one example a row: its prompt and its answer. */
typedef enum wg_load {
    WG_PROMPTS,   /* rows without an answer are only prompts */
    WG_ANSWERED,  /* they are refused */
    WG_CONTINUED, /* prompts are text that goes on in the answer: bare, unless --prompt says more */
    WG_STARTS,    /* the same, and an answer may be missing */
} wg_load;
WAGLE_CHECK wagle_status wg_answers_load(wagle_ctx *ctx, wg_evaluation *e, const char *path,
                                         wg_load how, wg_answers *out);
/* Row i as it is laid out, after `before` (may be NULL); wg_asked_free. */
WAGLE_CHECK wagle_status wg_answers_ask(wagle_ctx *ctx, wg_evaluation *e, const wg_answers *a,
                                        int64_t i, const wg_before *before, bool answered,
                                        wg_asked *out);
wg_record wg_answers_record(const wg_answers *a, int64_t i);
/* A copy of what row i asks, into a->question. */
WAGLE_CHECK wagle_status wg_answers_keep_question(wagle_ctx *ctx, wg_answers *a, int64_t i,
                                                  wg_str question);
/* One more answer to a prompt of the row at hand. */
WAGLE_CHECK wagle_status wg_answers_add_to(wagle_ctx *ctx, wg_evaluation *e, wg_answers *a,
                                           int64_t i, const wg_asked *asked, wg_str answer);
/* The row at hand is complete. */
void wg_answers_end_row(wg_answers *a, int64_t i);
WAGLE_CHECK wagle_status wg_answers_score(wagle_ctx *ctx, wg_evaluation *e, wg_answers *a,
                                          bool hits, bool spread, const char *progress);
/* Continues what stands before the labels of each row's first example; a->generated. temperature 0:
 * greedy. */
WAGLE_CHECK wagle_status wg_answers_generate(wagle_ctx *ctx, wg_evaluation *e, wg_answers *a,
                                             double temperature);
/* Token-mean nll of example k, in nats. */
double wg_answers_mean(const wg_answers *a, int64_t k);
/* ROUGE of the text generated for row i against the answers of its first example. */
WAGLE_CHECK wagle_status wg_answers_rouge(wagle_ctx *ctx, const wg_answers *a, int64_t i, bool stem,
                                          double out[3][3]);
WAGLE_CHECK wagle_status wg_answers_fail(wagle_ctx *ctx, const wg_answers *a, int64_t i,
                                         const char *format, ...) WG_PRINTF(4);

/* --- of rows kept ------------------------------------------------------------------------------
 */

/* A finite number of a row; refused, with suite, set and row named, where it is not there. */
WAGLE_CHECK wagle_status wg_row_number(wagle_ctx *ctx, const json_t *row, const char *key,
                                       double *out);
/* Finite numbers of a list; free *out with wg_free. */
WAGLE_CHECK wagle_status wg_row_numbers(wagle_ctx *ctx, const json_t *row, const char *key,
                                        double **out, int64_t *n);
WAGLE_CHECK wagle_status wg_row_fail(wagle_ctx *ctx, const json_t *row, const char *key,
                                     const char *what);
/* A number of the row under its own name as a column. */
WAGLE_CHECK wagle_status wg_row_column(wagle_ctx *ctx, const json_t *row, const char *set,
                                       const char *key, wg_frame *f);
/* Adds SET.NAME, the mean of that column, if it is there. */
WAGLE_CHECK wagle_status wg_measure_mean(wagle_ctx *ctx, const wg_frame *f, const char *set,
                                         const char *name, wg_measures *out);
/* Adds the mean of every column of a set that is not of the gold result. */
WAGLE_CHECK wagle_status wg_measure_means(wagle_ctx *ctx, const wg_frame *f, wg_measures *out);

#endif
