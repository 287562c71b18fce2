/* session.h - what every driver starts from: an open model, its reader of rows, its engine. */
#ifndef WG_SESSION_SESSION_H
#define WG_SESSION_SESSION_H

#include "data/dataset.h"
#include "engine/engine.h"

typedef struct wg_session {
    wg_model *model;
    wg_engine *engine;
    wg_reader reader;
    wg_batch batch;
    const wagle_model *opened; /* whose model and tokenizer these are; or NULL */
    char *unpacked;            /* of a GGUF file: the folder with its files; or NULL */
    struct wg_tally *tally;    /* in a dry run: what would be computed is counted here; or NULL */
} wg_session;

/* model: a model folder, or a GGUF file, which is unpacked for as long as the session is open. */
WAGLE_CHECK wagle_status wg_session_open(wagle_ctx *ctx, const char *model, wg_session *out);
/* The same; opened, if it is not NULL, in place of the model. */
WAGLE_CHECK wagle_status wg_session_begin(wagle_ctx *ctx, const char *model,
                                          const wagle_model *opened, wg_session *out);
/* The untouched model of another session, which must outlive this one; rows are not read here. */
WAGLE_CHECK wagle_status wg_session_borrow(wagle_ctx *ctx, const wg_session *of, wg_session *out);
void wg_session_close(wg_session *s);
/* Fills s->batch with all rows of a, then all of b (or NULL) as the second stream. */
WAGLE_CHECK wagle_status wg_session_batch(wagle_ctx *ctx, wg_session *s, const wg_dataset *a,
                                          const wg_dataset *b);
/* weight [M]: 1/labels of the row's sequence, so that gradients are of token-mean NLL. */
void wg_token_mean_weights(const wg_batch *b, wg_real *weight);

/* The seeds' streams of the counter-based generator. */
enum {
    WG_STREAM_SHUFFLE = 1,
    WG_STREAM_PAIR,
    WG_STREAM_REFUSAL,
    WG_STREAM_SAMPLE,
    WG_STREAM_LABEL,
    WG_STREAM_CONTROL,
    WG_STREAM_SELF,
    WG_STREAM_NAMES,
    WG_STREAM_INVENTED,
    WG_STREAM_LEFT
};

#endif
