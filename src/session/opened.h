/* opened.h - a model folder that stays open for many calls, and what training makes of it.
 *
 * An open model never changes, so threads may share it. A session borrows it: overlays, engine and
 * rows are the session's own. A trained one shares the files of the model that it was made of,
 * which it keeps open; tensors with trained weights are in memory, as they would be written. */
#ifndef WG_SESSION_OPENED_H
#define WG_SESSION_OPENED_H

#include "session/session.h"

#include "base/file.h"
#include <stdatomic.h>

struct wagle_model {
    wg_model *model;            /* without overlays */
    wagle_tokenizer *tokenizer; /* of base, if there is one; NULL: the folder has none */
    wagle_model *base;          /* whose files and tokenizer a trained one uses; or NULL */
    char *gguf, *unpacked;      /* a GGUF file, and the folder with its files; or NULL */
    wg_tensor *tensor;          /* [files.n] of a trained one */
    wg_scratch changed;         /* the tensors that are in no file */
    atomic_int users;
};

/* model: a model folder or a GGUF file. */
WAGLE_CHECK wagle_status wg_opened_new(wagle_ctx *ctx, const char *model, wagle_model **out);
/* What training has made of it: the overlays of `trained`, which borrows base's model. */
WAGLE_CHECK wagle_status wg_opened_trained(wagle_ctx *ctx, const wagle_model *base,
                                           const wg_model *trained, wagle_model **out);
/* base with weights [n] in place of its own. */
WAGLE_CHECK wagle_status wg_opened_with(wagle_ctx *ctx, const wagle_model *base,
                                        const wagle_weight *weights, int64_t n, wagle_model **out);
void wg_opened_free(wagle_model *m);
/* The folder or GGUF file that it was opened from, or what it was trained of was. */
const char *wg_opened_path(const wagle_model *m);
bool wg_opened_is_gguf(const wagle_model *m);
WAGLE_CHECK wagle_status wg_opened_save(wagle_ctx *ctx, const wagle_model *m, const char *out,
                                        bool force);

#endif
