/* quiz.h - a set of questions of one benchmark, and their prompts. */
#ifndef WG_SUITE_QUIZ_H
#define WG_SUITE_QUIZ_H

#include "suite/question.h"
#include "text/chat.h"

typedef struct wg_quiz {
    char set[64]; /* name in results */
    const wg_benchmark *benchmark;
    wg_answers rows;
    wg_question *question; /* [rows.rows.n] */
} wg_quiz;

/* set: NAME or NAME:BENCHMARK, which determines the benchmark unless b is not NULL. select: the
 * rows. Free with wg_quiz_close, also after failure. */
WAGLE_CHECK wagle_status wg_quiz_open(wagle_ctx *ctx, const char *set, const char *path,
                                      const wg_rows_select *select, const wg_benchmark *b,
                                      wg_quiz *out);
void wg_quiz_close(wg_quiz *q);

/* How prompts are built. */
typedef struct wg_prompt_options {
    wg_way way;
    int64_t shots;       /* solved examples before each question */
    const wg_quiz *dev;  /* the source of the solved examples */
    const wg_chat *chat; /* NULL for plain text */
    const char *system;  /* text before the benchmark's header in the system message, or NULL */
} wg_prompt_options;

/* The prompt for choice k of question i: header, solved examples, question. With a chat template,
 * the header is the system message and examples are turns. */
WAGLE_CHECK wagle_status wg_quiz_context(wagle_ctx *ctx, const wg_quiz *q,
                                         const wg_prompt_options *options, int64_t i, int64_t k,
                                         wg_text *out);
/* The text that is scored after the prompt. */
WAGLE_CHECK wagle_status wg_quiz_continuation(wagle_ctx *ctx, const wg_question *q,
                                              const wg_prompt_options *options, int64_t k,
                                              wg_text *out);
/* Number of choices of a question for that way. */
int64_t wg_quiz_choices(const wg_question *q, wg_way way);

#endif
