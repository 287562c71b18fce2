/* patches.c - diff, apply, revert.
 *
 * A patch is bound to the bytes of the tensors it was made for. Beside the patched model lies
 * wagle-patches.json: the patches it has, in order, with each touched tensor's hash before and
 * after. With it a patch made for an earlier state also applies, if the weights it changes still
 * have the old values: patches that touch different weights go in any order.
 *
 * A patch may be applied with a scale: old + scale * (new - old). The entry in wagle-patches.json
 * then has the scale, so that the patch can be taken back exactly. */
#include "modeldir/change.h"

#include "base/choose.h"
#include "base/options.h"
#include "modeldir/folder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 1 << 20 };

WG_DEFAULTS(wagle_diff_defaults, wagle_diff_options, 0)

wagle_status wagle_diff(wagle_ctx *ctx, const wagle_diff_options *given)
{
    wagle_diff_options own;
    const wagle_diff_options *o = &own;
    wg_tensors a, b;
    wagle_status st;

    wg_begin(ctx);
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_diff));
    if (o->before == NULL || o->after == NULL || o->out == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "diff needs two model folders and @{out FILE}");
    WG_TRY(wg_check_choice(ctx, "old", (int)o->old, wg_words_of_wagle_old));
    WG_TRY(wg_output_check(ctx, o->out, o->force, WG_INPUTS(o->before, o->after)));
    WG_TRY(wg_tensors_open(ctx, o->before, &a));
    st = wg_tensors_open(ctx, o->after, &b);
    if (st == WAGLE_OK) {
        st = wg_patch_write(ctx, o->out, &a, &b, o->old == WAGLE_OLD_KEEP, o->force);
        wg_tensors_close(&b);
    }
    wg_tensors_close(&a);
    return st;
}

/* --- changing a folder -------------------------------------------------------------------------
 */

typedef struct writing {
    const wg_change *change;
    json_t *entry; /* of this patch, as it comes out */
    unsigned char *chunk;
} writing;

/* Notes the tensor's hashes, old and new. */
static wagle_status note(wagle_ctx *ctx, const writing *w, const wg_tensor *t, const char *after)
{
    char before[WG_SHA256_TEXT];

    WG_TRY(wg_tensor_hash(ctx, t, before));
    return wg_json_set(ctx, json_object_get(w->entry, "tensors"), t->name,
                       json_pack("{s:s, s:s}", "before", before, "after", after));
}

/* A scaled value that its type turns into infinity would be no weight. */
static wagle_status check_value(wagle_ctx *ctx, const wg_change *c, const wg_tensor *t,
                                const void *value)
{
    float x;

    if (c->scale == 1 || c->use == WG_CHANGE_REVERT)
        return WAGLE_OK;
    wg_to_float(t->dtype, value, 1, &x);
    return isfinite(x) ? WAGLE_OK
                       : wg_fail(ctx, WAGLE_E_INPUT,
                                 "tensor '%s': with @{scale} %g a weight would be more than %s can "
                                 "hold",
                                 t->name, c->scale, wg_dtype_name(t->dtype));
}

/* The tensor with the patch's values, hashed as it goes. */
static wagle_status write_changed(const writing *w, wagle_ctx *ctx, const wg_tensor *t,
                                  const wg_patch_tensor *p, wg_output *out, wg_sha256 *after)
{
    const wg_change *c = w->change;
    const size_t size = wg_dtype_size(t->dtype), whole = CHUNK_BYTES / size * size;
    wg_patch_walk at = {0};
    bool more = wg_patch_next(p, &at);

    for (size_t begin = 0; begin < t->bytes; begin += whole) {
        const size_t n = t->bytes - begin < whole ? t->bytes - begin : whole;
        memcpy(w->chunk, (const char *)t->data + begin, n);
        for (; more && (size_t)at.index * size < begin + n; more = wg_patch_next(p, &at)) {
            const size_t place = (size_t)at.index * size;
            unsigned char *to = w->chunk + place - begin;
            if (c->use == WG_CHANGE_REVERT)
                memcpy(to, p->old + (size_t)(at.next - 1) * size, size);
            else
                wg_changed_value(c, p, at.next - 1, (const char *)t->data + place, to);
            WG_TRY(check_value(ctx, c, t, to));
        }
        wg_sha256_add(after, w->chunk, n);
        WG_TRY(wg_output_write(ctx, out, w->chunk, n));
    }
    return WAGLE_OK;
}

static wagle_status write_tensor(void *user, wagle_ctx *ctx, const wg_tensor *t, wg_output *out)
{
    const writing *w = user;
    const wg_patch_tensor *p = wg_change_find(w->change, t);
    char text[WG_SHA256_TEXT];
    wg_sha256 after;
    wagle_status st;

    if (p == NULL)
        return wg_output_write(ctx, out, t->data, t->bytes);
    WG_TRY(wg_sha256_begin(ctx, &after));
    st = write_changed(w, ctx, t, p, out, &after);
    wg_sha256_end(&after, text);
    return st == WAGLE_OK ? note(ctx, w, t, text) : st;
}

/* In all entries: of `name`, the hash `from` at that time is now `to`. */
static void rehash(json_t *patches, const char *name, const char *when, const char *from,
                   json_t *to)
{
    for (size_t i = 0; i < json_array_size(patches); i++) {
        json_t *t = json_object_get(json_object_get(json_array_get(patches, i), "tensors"), name);
        const char *hash = json_string_value(json_object_get(t, when));
        if (hash != NULL && from != NULL && strcmp(hash, from) == 0)
            json_object_set(t, when, to);
    }
}

/* The states that the other entries name, without the patch that was taken back. */
static void take_out(json_t *patches, size_t at, const json_t *entry)
{
    json_t *gone = json_incref(json_array_get(patches, at)), *was, *now;
    const char *name;

    json_array_remove(patches, at);
    json_object_foreach (json_object_get(gone, "tensors"), name, was)
        rehash(patches, name, "before", json_string_value(json_object_get(was, "after")),
               json_object_get(was, "before"));
    json_object_foreach (json_object_get(entry, "tensors"), name, now)
        rehash(patches, name, "after", json_string_value(json_object_get(now, "before")),
               json_object_get(now, "after"));
    json_decref(gone);
}

static wagle_status write_ledger(wagle_ctx *ctx, const writing *w, const char *folder)
{
    const wg_change *c = w->change;
    const bool revert = c->use == WG_CHANGE_REVERT;
    json_t *patches = json_object_get(c->ledger, "patches");
    const int64_t at = wg_ledger_find(patches, c->patch.hash);
    char *path;
    wagle_status st;

    if (!revert && json_array_append(patches, w->entry) != 0)
        return wg_json_memory(ctx);
    if (revert && at >= 0)
        take_out(patches, (size_t)at, w->entry);
    if (json_array_size(patches) == 0)
        return WAGLE_OK;
    path = wg_path_join(ctx, folder, WG_LEDGER);
    st = path != NULL ? wg_json_write(ctx, path, c->ledger, true) : WAGLE_E_RESOURCE;
    wg_free(path);
    return st;
}

static wagle_status write_folder(wagle_ctx *ctx, writing *w, const wagle_patch_options *o)
{
    const wg_change *c = w->change;
    wg_partial partial;
    wagle_status st;

    WG_TRY(wg_tell_left_out(ctx, o->model, c->files));
    WG_TRY(WG_ALLOC(ctx, &w->chunk, CHUNK_BYTES));
    w->entry = json_pack("{s:s, s:{}}", "patch", c->patch.hash, "tensors");
    if (w->entry == NULL)
        return wg_json_memory(ctx);
    if (c->scale != 1)
        WG_TRY(wg_json_set(ctx, w->entry, "scale", json_real(c->scale)));
    WG_TRY(wg_partial_new(ctx, o->out, &partial));
    st = wg_write_folder(ctx, o->model, c->files, partial.path, write_tensor, w);
    if (st == WAGLE_OK)
        st = write_ledger(ctx, w, partial.path);
    if (st == WAGLE_OK)
        st = wg_partial_commit(ctx, &partial, o->out);
    wg_partial_end(&partial, false);
    return st;
}

static wagle_status change_folder(wagle_ctx *ctx, const wagle_patch_options *given,
                                  wg_change_use use)
{
    wagle_patch_options own;
    const wagle_patch_options *o = &own;
    wg_change c = {0};
    writing w = {.change = &c};
    wg_tensors files = {0};
    wagle_status st;

    wg_begin(ctx);
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_patch));
    if (o->model == NULL || o->patch == NULL || o->out == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "%s needs a model folder, a patch and @{out DIR}",
                       use == WG_CHANGE_REVERT ? "revert" : "apply");
    if (use == WG_CHANGE_APPLY && (!isfinite(o->scale) || o->scale == 0))
        return wg_fail(ctx, WAGLE_E_USAGE, "@{scale} %g: must be a number other than 0", o->scale);
    WG_TRY(wg_output_check(ctx, o->out, o->force, WG_INPUTS(o->model, o->patch)));
    WG_TRY_GOTO(wg_tensors_open(ctx, o->model, &files), done);
    WG_TRY_GOTO(wg_change_open(ctx, o->patch, o->model, &files, use, o->scale, &c), done);
    st = write_folder(ctx, &w, o);
done:
    wg_change_close(&c);
    wg_tensors_close(&files);
    json_decref(w.entry);
    wg_free(w.chunk);
    return st;
}

WG_DEFAULTS(wagle_patch_defaults, wagle_patch_options, .scale = 1)

wagle_status wagle_apply(wagle_ctx *ctx, const wagle_patch_options *o)
{
    return change_folder(ctx, o, WG_CHANGE_APPLY);
}

wagle_status wagle_revert(wagle_ctx *ctx, const wagle_patch_options *o)
{
    return change_folder(ctx, o, WG_CHANGE_REVERT);
}
