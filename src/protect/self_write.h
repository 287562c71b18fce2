/* self_write.h - texts that the model writes itself, sampled at temperature 1. */
#ifndef WG_PROTECT_SELF_WRITE_H
#define WG_PROTECT_SELF_WRITE_H

#include "session/generate.h"

typedef struct wg_own_text {
    wg_ids ids;
    int64_t given; /* first tokens that the model did not write: the opening */
    wg_text text;  /* of the other tokens; without a tokenizer "t5 t17 .." */
} wg_own_text;

/* Even texts begin with `begin` alone; odd ones with `opening`, if it has tokens: the model writes
 * a question, and after `closing` the answer. */
typedef struct wg_own_writer {
    wg_session *session;
    int64_t tokens; /* that each text has at most beside opening and closing */
    uint64_t seed, calls;
    wg_ids begin, opening, closing;
    wg_text before, after; /* texts of opening and closing, as rows are laid out */
    bool chat;             /* they are a chat template's */
    wg_own_text *text;     /* [n] */
    int64_t n, room;
} wg_own_writer;

/* Finds the begin-of-text token and the layout of `forget`, whose rows were read by `options`. Free
 * with wg_own_writer_close, also after failure. */
WAGLE_CHECK wagle_status wg_own_writer_open(wagle_ctx *ctx, wg_session *s,
                                            const wagle_data *options, const wg_dataset *forget,
                                            wg_own_writer *w);
/* n more texts. */
WAGLE_CHECK wagle_status wg_own_write(wagle_ctx *ctx, wg_own_writer *w, int64_t n);
/* Adds the text of ids, or their numbers where the folder has no tokenizer. */
WAGLE_CHECK wagle_status wg_own_read(wagle_ctx *ctx, const wg_session *s, const int32_t *ids,
                                     int64_t n, wg_text *out);
void wg_own_writer_close(wg_own_writer *w);

#endif
