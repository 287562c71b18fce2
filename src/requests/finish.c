/* finish.c - how OUT.partial becomes OUT, and what a later call finds if that was cut off. */
#include "requests/requests.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static wagle_status move(wagle_ctx *ctx, const char *from, const char *to)
{
    return rename(from, to) == 0 ? WAGLE_OK : wg_fail_errno(ctx, errno, "%s", to);
}

/* *same: both are there, with the same bytes. */
static wagle_status compare_files(wagle_ctx *ctx, const char *a, const char *b, bool *same)
{
    wg_map first, second;

    *same = false;
    if (!wg_exists(a) || !wg_exists(b))
        return WAGLE_OK;
    WG_TRY(wg_map_open(ctx, a, &first));
    const wagle_status st = wg_map_open(ctx, b, &second);
    if (st == WAGLE_OK) {
        *same = first.bytes == second.bytes && memcmp(first.data, second.data, first.bytes) == 0;
        wg_map_close(&second);
    }
    wg_map_close(&first);
    return st;
}

/* requests.json is first in the model, so that a folder with requests/ of this call also has it. */
wagle_status wg_requests_finish(wg_requests *r)
{
    const char *last = wg_requests_model(r, r->n), *all = wg_requests_path(r, "requests");
    const char *into = wg_requests_path(r, "model-%d/requests", r->n);
    const char *state = wg_requests_path(r, "model-%d/" WG_REQUESTS_FILE, r->n);

    if (last == NULL || all == NULL || into == NULL || state == NULL)
        return WAGLE_E_RESOURCE;
    WG_TRY(wg_requests_whole_patch(r, last));
    WG_TRY(wg_requests_save(r));
    WG_TRY(wg_json_write(r->ctx, state, r->state, true));
    WG_TRY(move(r->ctx, all, into));
    return wg_replace_folder(r->ctx, last, r->t->out);
}

wagle_status wg_requests_is_out(wg_requests *r, bool *finished)
{
    const char *here = wg_requests_path(r, WG_REQUESTS_FILE);
    char *there = wg_path_join(r->ctx, r->t->out, WG_REQUESTS_FILE);
    const wagle_status st = here != NULL && there != NULL
                                ? compare_files(r->ctx, here, there, finished)
                                : WAGLE_E_RESOURCE;

    wg_free(there);
    return st;
}

/* Whether the folder of the last model is what this call left there: what replaced an older OUT
 * leaves that in its place. */
static wagle_status is_own(wg_requests *r, int k, bool *own)
{
    const char *here = wg_requests_path(r, WG_REQUESTS_FILE),
               *state = wg_requests_path(r, "model-%d/" WG_REQUESTS_FILE, k),
               *all = wg_requests_path(r, "requests"),
               *into = wg_requests_path(r, "model-%d/requests", k),
               *manifest = wg_requests_path(r, "model-%d/manifest.json", k),
               *kept = wg_requests_path(r, "requests/%d/manifest.json", k);

    *own = false;
    if (here == NULL || state == NULL || all == NULL || into == NULL || manifest == NULL ||
        kept == NULL)
        return WAGLE_E_RESOURCE;
    if (wg_exists(state)) {
        WG_TRY(compare_files(r->ctx, here, state, own));
        if (!*own)
            return WAGLE_OK;
        if (!wg_exists(all))
            WG_TRY(move(r->ctx, into, all));
        if (unlink(state) != 0)
            return wg_fail_errno(r->ctx, errno, "%s", state);
    }
    return compare_files(r->ctx, manifest, kept, own);
}

wagle_status wg_requests_take_back(wg_requests *r)
{
    const int k = wg_requests_done(r) - 1;
    bool own;

    if (k < 1)
        return WAGLE_OK;
    WG_TRY(is_own(r, k, &own));
    return own ? WAGLE_OK
               : wg_fail(r->ctx, WAGLE_E_INPUT,
                         "%s: model-%d is not the model that request %d left; @{force=true} "
                         "without @{resume=true} starts again",
                         r->folder.path, k, k);
}
