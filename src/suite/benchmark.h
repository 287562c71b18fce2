/* benchmark.h - multiple-choice benchmarks: the columns of their rows, and the prompts of
 * lm-evaluation-harness 0.4.13. */
#ifndef WG_SUITE_BENCHMARK_H
#define WG_SUITE_BENCHMARK_H

#include "suite/suite.h"

/* How choices are scored: by their letters, by their texts, or by the texts of TruthfulQA's mc2
 * list, which has several right ones. */
typedef enum wg_way { WG_BY_LETTER, WG_BY_TEXT, WG_BY_MC2, WG_WAYS } wg_way;

typedef struct wg_question wg_question;

typedef struct wg_benchmark {
    const char *name;
    const char *columns[2]; /* that identify its rows ("a.b": b in object a) */
    bool any_column;        /* one of `columns` is enough */
    /* header: text before the first question, or NULL. prompt: NULL if this way is not used. {name}
     * is the text of that column, {letters} the "A. choice" lines, {choice} the choice. */
    struct {
        const char *header, *prompt;
    } template[WG_WAYS];
    const char *choices;     /* column of texts; or: */
    const char *option[2];   /* one column for each choice; or: */
    const char *fixed[2];    /* choices that are the same for all rows */
    const char *labels;      /* column of the choices' labels, of which the answer is one */
    const char *answer[2];   /* column of the right choice: the first that the row has */
    const char *names[2][2]; /* other names of the first and the second choice in that column */
    int first;               /* number of the first choice */
    const char *rest;        /* scored instead of the choice, if the prompt contains the choice */
    /* Computes texts from the row's columns; NULL if the prompts use the columns directly. */
    wagle_status (*prepare)(wagle_ctx *ctx, const wg_answers *a, int64_t i, wg_question *q);
    bool normed;   /* acc_norm is reported */
    bool subjects; /* rows have a subject column */
    bool solved;   /* the prompt contains solved examples */
} wg_benchmark;

/* Finds the benchmark of a row. set: NAME or NAME:BENCHMARK. Fails, with file and line, if the
 * columns match no benchmark or BENCHMARK does not exist. */
WAGLE_CHECK wagle_status wg_benchmark_choose(wagle_ctx *ctx, const char *set, const wg_answers *a,
                                             int64_t i, const wg_benchmark **out);
/* Finds a benchmark by its name in results; NULL if there is none. */
const wg_benchmark *wg_benchmark_find(const char *name);
/* Whether the row has choices that can be scored that way. */
bool wg_benchmark_asks(const wg_benchmark *b, wg_way way, const json_t *row);
/* Fails with `what` and the columns of row i. */
WAGLE_CHECK wagle_status wg_columns_fail(wagle_ctx *ctx, const wg_answers *a, int64_t i,
                                         const char *what);
/* The value of a row at a path "a" or "a.b", or NULL. */
const json_t *wg_column_of(const json_t *row, const char *path);

#endif
