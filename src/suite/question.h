/* question.h - a row of a multiple-choice benchmark as texts and choices. */
#ifndef WG_SUITE_QUESTION_H
#define WG_SUITE_QUESTION_H

#include "suite/benchmark.h"

enum { WG_CHOICES_MOST = 100, WG_LETTERS = 26 };

/* Texts are JSON strings, so that they may hold any character. */
struct wg_question {
    const wg_benchmark *benchmark;
    const json_t *row;       /* borrowed */
    json_t *texts;           /* object: what the prompts name */
    json_t *choices;         /* texts */
    json_t *mc2, *mc2_right; /* texts, and 1 for those that are right; or NULL */
    int64_t n, answer;       /* choices; which is right, from 0 */
};

/* Row i as the benchmark stores it. Refused with file and line: columns that are missing or of
 * another type, fewer than two choices, an answer that is none of them or could be two. Free with
 * wg_question_free, also after failure. */
WAGLE_CHECK wagle_status wg_question_read(wagle_ctx *ctx, const wg_benchmark *b,
                                          const wg_answers *a, int64_t i, wg_question *out);
void wg_question_free(wg_question *q);

/* A text of the row: refused if it is missing, no text, or empty. */
WAGLE_CHECK wagle_status wg_question_text(wagle_ctx *ctx, const wg_answers *a, int64_t i,
                                          const char *column, const json_t **out);
/* Sets a text of the question. */
WAGLE_CHECK wagle_status wg_question_set(wagle_ctx *ctx, wg_question *q, const char *name,
                                         const char *text, size_t bytes);

/* --- prepare.c: texts that are made of columns -------------------------------------------------
 */

/* MMLU, WMDP: the question without white space around it; MMLU's subject with spaces. */
WAGLE_CHECK wagle_status wg_prepare_stripped(wagle_ctx *ctx, const wg_answers *a, int64_t i,
                                             wg_question *q);
/* HellaSwag: label and contexts as `query`; marks in brackets are taken out of it and of the
 * endings. */
WAGLE_CHECK wagle_status wg_prepare_hellaswag(wagle_ctx *ctx, const wg_answers *a, int64_t i,
                                              wg_question *q);
/* WinoGrande: what is before the blank and after it. */
WAGLE_CHECK wagle_status wg_prepare_winogrande(wagle_ctx *ctx, const wg_answers *a, int64_t i,
                                               wg_question *q);

#endif
