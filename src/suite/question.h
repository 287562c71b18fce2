/* question.h - a row of a multiple-choice benchmark as texts and choices. */
#ifndef WG_SUITE_QUESTION_H
#define WG_SUITE_QUESTION_H

#include "suite/benchmark.h"

enum { WG_CHOICES_MOST = 100, WG_LETTERS = 26 };

/* Texts are JSON strings, so that they may hold any character. */
struct wg_question {
    const wg_benchmark *benchmark;
    const json_t *row;       /* borrowed */
    json_t *texts;           /* object: the texts that prompts name */
    json_t *choices;         /* texts */
    json_t *mc2, *mc2_right; /* texts, and marks: 1 for right; or NULL */
    int64_t n, answer;       /* number of choices; index of the right one */
};

/* Reads row i. Fails, with file and line, if a column is missing or has the wrong type, if there
 * are fewer than two choices, or if the answer is no choice or is ambiguous. Free with
 * wg_question_free, also after failure. */
WAGLE_CHECK wagle_status wg_question_read(wagle_ctx *ctx, const wg_benchmark *b,
                                          const wg_answers *a, int64_t i, wg_question *out);
void wg_question_free(wg_question *q);

/* Reads a text of the row. Fails if it is missing, is no text or is empty. */
WAGLE_CHECK wagle_status wg_question_text(wagle_ctx *ctx, const wg_answers *a, int64_t i,
                                          const char *column, const json_t **out);
/* Sets a text of the question. */
WAGLE_CHECK wagle_status wg_question_set(wagle_ctx *ctx, wg_question *q, const char *name,
                                         const char *text, size_t bytes);

/* --- prepare.c: texts derived from columns ---------------------------------------------------- */

/* MMLU, WMDP: the question without white space around it; MMLU's subject with spaces. */
WAGLE_CHECK wagle_status wg_prepare_stripped(wagle_ctx *ctx, const wg_answers *a, int64_t i,
                                             wg_question *q);
/* HellaSwag: label and contexts as `query`. Marks in brackets are removed from it and from the
 * endings. */
WAGLE_CHECK wagle_status wg_prepare_hellaswag(wagle_ctx *ctx, const wg_answers *a, int64_t i,
                                              wg_question *q);
/* WinoGrande: the texts before and after the blank. */
WAGLE_CHECK wagle_status wg_prepare_winogrande(wagle_ctx *ctx, const wg_answers *a, int64_t i,
                                               wg_question *q);

#endif
