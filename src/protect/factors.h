/* factors.h - the rows to protect, and the factors that follow from them. */
#ifndef WG_PROTECT_FACTORS_H
#define WG_PROTECT_FACTORS_H

#include "optim/protect.h"
#include "session/session.h"

#define WG_PROTECT_DAMPING                                                                         \
    0.1 /* of what training and scores do where their options say nothing                          \
         */
#define WG_PROTECT_RANK (-1)

/* --- rows.c -----------------------------------------------------------------------------
 */

/* Free with wg_protect_rows_free. */
typedef struct wg_protect_rows {
    wg_dataset all;          /* every row; it borrows from the others and from the retain rows */
    wg_dataset files, texts; /* rows of files, pieces of .txt files */
    wg_dataset self;         /* written by the model */
    wg_text written;         /* the same as JSON Lines: protect.jsonl of the run's folder */
} wg_protect_rows;

/* What o says of the rows to protect, of damping and rank goes with the rest. */
WAGLE_CHECK wagle_status wg_protect_check(wagle_ctx *ctx, const wagle_train_options *o, bool plain);
/* Whether o asks for rows that the model writes. */
bool wg_protect_by_self(const wagle_train_options *o);
/* Whether an entry of --protect names a file: not `retain`, not `self:N`. */
bool wg_protect_names_file(const char *entry);
/* The rows that o names: files, whole texts, `retain` (the rows given), `self:N`. Rows that are
 * too short to protect anything are an error where none is left. */
WAGLE_CHECK wagle_status wg_protect_rows_load(wagle_ctx *ctx, wg_session *s,
                                              const wagle_train_options *o,
                                              const wg_dataset *forget, const wg_dataset *retain,
                                              wg_protect_rows *out);
void wg_protect_rows_free(wg_protect_rows *rows);

/* --- factors.c ---------------------------------------------------------------------------------
 */

/* Tokens that the rows' covariances are means over: all but each row's last. */
int64_t wg_protect_tokens(const wg_dataset *rows);
/* What o says of the rank, against the model: more than the widest matrix has is a usage error. */
WAGLE_CHECK wagle_status wg_protect_check_model(wagle_ctx *ctx, const wg_model *m,
                                                const wagle_train_options *o);
/* Bytes that the factors take at most; that making them takes beside a forward pass; that an
 * update of `trained` weights takes beside the optimizer's state. */
int64_t wg_protect_bytes(const wg_model *m, const wagle_train_options *o, int64_t tokens);
int64_t wg_protect_work(const wg_model *m, const wagle_train_options *o, int64_t tokens);
int64_t wg_protect_update_bytes(const wg_model *m, const wagle_train_options *o, int64_t trained);
/* Whether the pass over the rows that makes them fits into --memory. factors: bytes of them that
 * stay in memory. The engine's limit is that of the pass afterwards. */
WAGLE_CHECK wagle_status wg_protect_fits(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                                         const wagle_train_options *o, int64_t factors);

/* Factors of every matrix but the embeddings, of the model as it is stored, in one pass over the
 * rows. scratch: NULL, or a folder for files that hold them. */
WAGLE_CHECK wagle_status wg_protect_make(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                                         const wagle_train_options *o, const char *scratch,
                                         wg_protect *out);

#endif
