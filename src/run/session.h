/* session.h - what every driver starts from: an open model, its reader of rows, its engine. */
#ifndef WG_RUN_SESSION_H
#define WG_RUN_SESSION_H

#include "engine/engine.h"
#include "io/mask.h"
#include "selector/selector.h"

typedef struct wg_session {
    wg_model *model;
    wg_engine *engine;
    wg_reader reader;
    wg_batch batch;
} wg_session;

WAGLE_CHECK wagle_status wg_session_open(wagle_ctx *ctx, const char *folder, wg_session *out);
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

/* Which weights of all: the k = floor(density*n + 0.5) highest scores of all tensors together, of
 * each tensor, or of each row of each matrix; ties to the earlier (name, index). Of tensors that
 * match include (all if NULL) and not exclude. WG_SCOPE_NEURONS: whole neurons, as neurons.c says.
 */
typedef enum wg_scope { WG_SCOPE_GLOBAL, WG_SCOPE_TENSOR, WG_SCOPE_ROW, WG_SCOPE_NEURONS } wg_scope;

/* Metadata of scores and masks: a JSON list of the matrices that are stored [in, out]. */
#define WG_TRANSPOSED "transposed"
/* That list, NULL where the file has none; and whether a matrix is in it (in NULL none is). */
WAGLE_CHECK wagle_status wg_transposed_read(wagle_ctx *ctx, const wg_tensors *file, json_t **names);
bool wg_transposed_has(const json_t *names, const char *name);

typedef struct wg_choice {
    double density;
    wg_scope scope;
    const char *const *include, *const *exclude;
} wg_choice;

/* By its name: global, tensor, row, neurons. */
WAGLE_CHECK wagle_status wg_scope_find(wagle_ctx *ctx, const char *name, wg_scope *out);
/* Mask out of a score file. */
WAGLE_CHECK wagle_status wg_select(wagle_ctx *ctx, const wg_tensors *scores,
                                   const wg_choice *choice, wg_mask *out);
/* A mask of each density [n] in place of choice->density, in the passes of one; out [n]. */
WAGLE_CHECK wagle_status wg_select_several(wagle_ctx *ctx, const wg_tensors *scores,
                                           const wg_choice *choice, const double *density,
                                           int64_t n, wg_mask *out);

#endif
