/* change.h - a patch and the model folder that it changes: found, checked, and its values. */
#ifndef WG_MODELDIR_CHANGE_H
#define WG_MODELDIR_CHANGE_H

#include "io/patch.h"
#include "model/model.h"

/* The list of patches in a folder: wagle-patches.json (patches.c). */
#define WG_LEDGER "wagle-patches.json"

typedef enum wg_change_use {
    WG_CHANGE_APPLY,
    WG_CHANGE_REVERT,
    WG_CHANGE_ADD /* the folder is the base of a merge */
} wg_change_use;

typedef struct wg_change {
    const char *path; /* of the patch */
    wg_change_use use;
    wg_patch patch;
    const wg_tensors *files; /* borrowed: of the folder */
    wg_config config;        /* for the names of a tied matrix, which may be stored twice */
    wg_tie tie;
    json_t *ledger; /* the folder's list of patches */
    double scale;   /* share of the change that is applied; of a revert, that was */
} wg_change;

/* Opens the patch at `path` for a folder and its open files, which it fits: its tensors have the
 * hashes that the patch was made for, or the folder's list of patches knows them and the changed
 * weights have the values that it expects. WAGLE_E_INPUT, naming the patch, if not. Close with
 * wg_change_close, also after failure. */
WAGLE_CHECK wagle_status wg_change_open(wagle_ctx *ctx, const char *path, const char *folder,
                                        const wg_tensors *files, wg_change_use use, double scale,
                                        wg_change *out);
void wg_change_close(wg_change *c);

/* What the patch changes in a tensor of the folder; NULL: nothing. */
const wg_patch_tensor *wg_change_find(const wg_change *c, const wg_tensor *t);
/* The changed value k of the tensor with the patch, at the scale; old: its value before. */
void wg_changed_value(const wg_change *c, const wg_patch_tensor *p, int64_t k, const void *old,
                      void *out);

/* The patch's entry in a list of patches, by the hash of its file; -1: none. */
int64_t wg_ledger_find(const json_t *patches, const char *hash);

#endif
