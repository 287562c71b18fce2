/* benchmark.h - the benchmarks of multiple choice: which columns their rows have, and what
 * lm-evaluation-harness 0.4.13 asks for them. */
#ifndef WG_SUITE_BENCHMARK_H
#define WG_SUITE_BENCHMARK_H

#include "suite/suite.h"

/* How choices are asked for: by their letters; by their texts; by the texts of TruthfulQA's list
 * that has several right ones. */
typedef enum wg_way { WG_BY_LETTER, WG_BY_TEXT, WG_BY_MC2, WG_WAYS } wg_way;

typedef struct wg_question wg_question;

typedef struct wg_benchmark {
    const char *name;
    const char *tell[2]; /* its rows have these columns ("a.b": b in object a) */
    bool either;         /* one of them is enough */
    /* header before the first question, NULL: none; prompt NULL: not asked this way. Of {name}
     * stands the text of that column, of {letters} "A. choice" lines, of {choice} the choice */
    struct {
        const char *header, *prompt;
    } ask[WG_WAYS];
    const char *choices;     /* column of texts, or */
    const char *option[2];   /* the column of each, or */
    const char *fixed[2];    /* the same for all rows */
    const char *labels;      /* column of names of the choices, which the answer is one of */
    const char *answer[2];   /* column of the right one: the first that the row has */
    const char *names[2][2]; /* other names of the first and the second choice in that column */
    int first;               /* number of the first choice */
    const char *rest;        /* what is scored in place of the choice, which stands in the prompt */
    /* Texts of a row that are made of its columns; NULL: the columns themselves. */
    wagle_status (*prepare)(wagle_ctx *ctx, const wg_answers *a, int64_t i, wg_question *q);
    bool normed;   /* acc_norm is a metric of it */
    bool subjects; /* rows name their subject */
    bool solved;   /* its prompt has solved examples of its own */
} wg_benchmark;

/* The benchmark that rows like this one are of. set: NAME or NAME:BENCHMARK. Refused with file and
 * line: columns of no benchmark, a benchmark that is not there. */
WAGLE_CHECK wagle_status wg_benchmark_choose(wagle_ctx *ctx, const char *set, const wg_answers *a,
                                             int64_t i, const wg_benchmark **out);
/* By the name that results have; NULL: none. */
const wg_benchmark *wg_benchmark_find(const char *name);
/* Whether the benchmark has choices of that way in the row. */
bool wg_benchmark_asks(const wg_benchmark *b, wg_way way, const json_t *row);
/* `what` is wrong with row i; the columns it has are named. */
WAGLE_CHECK wagle_status wg_columns_fail(wagle_ctx *ctx, const wg_answers *a, int64_t i,
                                         const char *what);
/* A value of a row by its path, a.b; NULL: none. */
const json_t *wg_column_of(const json_t *row, const char *path);

#endif
