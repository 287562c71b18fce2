/* question.h - multiple-choice questions in the shapes that benchmarks store them in. */
#ifndef WG_SUITE_QUESTION_H
#define WG_SUITE_QUESTION_H

#include "suite/suite.h"

enum { WG_CHOICES_MOST = 26 };

/* Texts are borrowed from the row. */
typedef struct wg_question {
    const char *text, *subject;
    const char *choice[WG_CHOICES_MOST];
    int64_t n, answer; /* choices; which is right, from 0 */
} wg_question;

/* MMLU and WMDP {question, choices, answer}, ARC {question, choices {text, label}, answerKey},
 * HellaSwag {ctx, endings, label}, TruthfulQA {question, mc1_targets {choices, labels}}. Refused
 * with file and line: no choices, fewer than two, an answer that is none of them. */
WAGLE_CHECK wagle_status wg_question_read(wagle_ctx *ctx, const wg_answers *a, int64_t i,
                                          wg_question *out);

#endif
