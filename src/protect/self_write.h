/* self_write.h - self-generated texts, sampled at temperature 1. */
#ifndef WG_PROTECT_SELF_WRITE_H
#define WG_PROTECT_SELF_WRITE_H

#include "session/generate.h"

typedef struct wg_self_text {
    wg_ids ids;
    int64_t given; /* number of tokens of the opening, which was not generated */
    wg_text text;  /* the generated text; without a tokenizer "t5 t17 .." */
} wg_self_text;

/* Generates texts. Texts with an even number begin with `begin` only. Odd ones, if `opening` is not
 * empty, begin with `opening`: the model generates a question, and after `closing` the answer. */
typedef struct wg_self_writer {
    wg_session *session;
    int64_t tokens; /* maximum tokens of a text, without opening and closing */
    uint64_t seed, calls;
    wg_ids begin, opening, closing;
    wg_text before, after; /* texts of opening and closing */
    bool chat;             /* the layout is a chat template */
    wg_self_text *text;    /* [n] */
    int64_t n, room;
} wg_self_writer;

/* Finds the begin-of-text token and the layout of `forget`, whose rows were read with `options`.
 * Free with wg_self_writer_close, also after failure. */
WAGLE_CHECK wagle_status wg_self_writer_open(wagle_ctx *ctx, wg_session *s,
                                             const wagle_data *options, const wg_dataset *forget,
                                             wg_self_writer *w);
/* Generates n more texts. */
WAGLE_CHECK wagle_status wg_self_write(wagle_ctx *ctx, wg_self_writer *w, int64_t n);
/* Adds the text of ids, or their numbers if the folder has no tokenizer. */
WAGLE_CHECK wagle_status wg_self_read(wagle_ctx *ctx, const wg_session *s, const int32_t *ids,
                                      int64_t n, wg_text *out);
void wg_self_writer_close(wg_self_writer *w);

#endif
