/* tally.h - what an evaluation would compute. In a dry run it is counted instead of computed: a
 * session with a tally gives losses of 1 and texts without tokens. */
#ifndef WG_SESSION_TALLY_H
#define WG_SESSION_TALLY_H

#include "session/session.h"

typedef struct wg_tally {
    wg_intent pass;                       /* of the largest */
    int64_t rows, tokens, labels;         /* losses; tokens that rows share count once */
    int64_t graded_tokens, graded_labels; /* of passes that go back too */
    int64_t texts, prompt_tokens;
    int64_t new_tokens, steps; /* at most: a model may end a text earlier */
    int64_t at_once, longest;  /* texts that are written together; tokens of one, with its prompt */
    int64_t read_at_once;      /* tokens of prompts */
    int64_t second;            /* bytes: a second model that is open meanwhile, and its passes */
    const char *left_out;      /* what is not counted, or NULL */
} wg_tally;

/* A pass over the batch; back: its gradients too. */
void wg_tally_pass(wg_tally *t, const wg_batch *b, bool back);
/* Texts of n prompts, of at most most[i] new tokens each; `at_once` are written together. */
void wg_tally_texts(wg_tally *t, const wg_ids *prompt, const int64_t *limit, int64_t most,
                    int64_t n, int64_t at_once);
/* A second model computes the same losses while the first one stays open. */
void wg_tally_second(wg_tally *t, const wg_model *m);
/* Measures the machine, and writes the plan for wagle_plan. */
WAGLE_CHECK wagle_status wg_tally_tell(wagle_ctx *ctx, wg_session *s, const wg_tally *t);

#endif
