/* requests.h - requests to forget that are unlearned one after another: each starts from the model
 * that the one before it left, and after each all so far are asked again.
 *
 * OUT.partial has the model of the last request that ended (model-K), what is known of each request
 * (requests/K), and requests.json: what the runs follow from, and the table. A request is in the
 * table once everything about it is on disk, so a killed call goes on with the next. */
#ifndef WG_REQUESTS_REQUESTS_H
#define WG_REQUESTS_REQUESTS_H

#include "base/file.h"
#include "base/json.h"

#define WG_REQUESTS_FILE "requests.json"

enum { WG_REQUESTS_MOST = 1000 };

typedef struct wg_requests {
    wagle_ctx *ctx;
    const wagle_requests_options *o;
    const wagle_train_options *t; /* of all: `forget` has every file */
    const char **file;            /* [n] FILE or FILE@WEIGHT */
    int n;
    wg_partial folder;
    json_t *state; /* requests.json; "unchanged": a patch that was not written, because no stored
                      weight changed */
    bool changed;  /* files that were not unlearned yet are others than in the call before */
    wg_arena arena;
} wg_requests;

/* --- requests.c ------------------------------------------------------------------------------- */

/* Whether the metrics of rows need texts that the model writes. */
bool wg_requests_write(const wagle_requests_options *o);
/* A path in OUT.partial; lives as long as the requests. NULL without memory. */
const char *wg_requests_path(wg_requests *r, const char *format, ...) WG_PRINTF(2);
/* The model after k requests; 0: the one that was given. */
const char *wg_requests_model(wg_requests *r, int k);
/* Options of request k, from 1, which starts from `model` and writes `out`. */
wagle_train_options wg_request_options(const wg_requests *r, int k, const char *model,
                                       const char *out);
/* Rows of the i-th file, from 0. */
wagle_data wg_request_rows(const wg_requests *r, int i);
/* The file's name for people, without folders. */
const char *wg_request_name(const wg_requests *r, int i);

/* --- state.c: requests.json ------------------------------------------------------------------- */

/* Fills r->state, from OUT.partial or OUT if a call with the same options was there before.
 * *finished: OUT has all of it. Other options are refused with WAGLE_E_USAGE. */
WAGLE_CHECK wagle_status wg_requests_open(wg_requests *r, bool *finished);
WAGLE_CHECK wagle_status wg_requests_save(const wg_requests *r);
/* Rows of the table: one for the untouched model, and one for each request that ended. */
int wg_requests_done(const wg_requests *r);

/* --- ask.c: what the model knows after k requests --------------------------------------------- */

/* Asks the requests so far, the retain rows and the suites, and adds the row to the table. */
WAGLE_CHECK wagle_status wg_requests_ask(wg_requests *r, int k);
/* Asks the untouched model again, in place of the first row: of requests that changed. */
WAGLE_CHECK wagle_status wg_requests_ask_again(wg_requests *r);

/* --- patches.c -------------------------------------------------------------------------------- */

/* Before the first run: the patches replace nothing. known: this call goes on, and they may be
 * there already. */
WAGLE_CHECK wagle_status wg_requests_check_patches(wg_requests *r, bool known);
/* With {} in out_patch: what request k changed. */
WAGLE_CHECK wagle_status wg_requests_patch(wg_requests *r, int k);
/* Removes it: request k became another one. */
WAGLE_CHECK wagle_status wg_requests_drop_patch(wg_requests *r, int k);
/* Without: what all changed; `last` is the model after them. */
WAGLE_CHECK wagle_status wg_requests_whole_patch(wg_requests *r, const char *last);
/* The same of an OUT that is finished, if the patch is not there. */
WAGLE_CHECK wagle_status wg_requests_finished_patch(wg_requests *r);

/* --- finish.c: OUT.partial becomes OUT ---------------------------------------------------------
 */

/* The last model, with requests.json and requests/, becomes OUT. A call may be killed after any
 * step of it; the next one finds out which by requests.json, which is the same bytes wherever it
 * is. */
WAGLE_CHECK wagle_status wg_requests_finish(wg_requests *r);
/* *finished: OUT is already what OUT.partial says, so only OUT.partial is left to remove. */
WAGLE_CHECK wagle_status wg_requests_is_out(wg_requests *r, bool *finished);
/* Before requests go on: what wg_requests_finish put into the last model is taken out of it again.
 * Refused if that folder is not the model that the last request left. */
WAGLE_CHECK wagle_status wg_requests_take_back(wg_requests *r);

/* --- plan.c ----------------------------------------------------------------------------------- */

/* The plan of a dry run: of each request, and of all. */
WAGLE_CHECK wagle_status wg_requests_plan(wg_requests *r);

#endif
