/* patches.c - diff, apply, revert.
 *
 * A patch is bound to the bytes of the tensors it was made for. Beside the patched model lies
 * wagle-patches.json: the patches it has, in order, with each touched tensor's hash before and
 * after. With it a patch made for an earlier state also applies, if the weights it changes still
 * have the old values: patches that touch different weights go in any order.
 *
 * A patch may be applied with a scale: old + scale * (new - old). The entry in wagle-patches.json
 * then has the scale, so that the patch can be taken back exactly. */
#include "io/patch.h"

#include "base/choose.h"
#include "base/options.h"
#include "model/model.h"
#include "modeldir/folder.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEDGER "wagle-patches.json"

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

/* --- the ledger ------------------------------------------------------------------------------- */

/* {"patches": [{"patch": hash, "tensors": {NAME: {"before": hash, "after": hash}}}]} */
static wagle_status read_ledger(wagle_ctx *ctx, const char *folder, json_t **out)
{
    char *path = wg_path_join(ctx, folder, LEDGER);
    wagle_status st = path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    *out = NULL;
    if (st == WAGLE_OK && wg_exists(path))
        st = wg_json_read(ctx, path, out);
    if (st == WAGLE_OK && *out != NULL && !json_is_array(json_object_get(*out, "patches")))
        st = wg_fail(ctx, WAGLE_E_INPUT, "%s: not a list of patches", path);
    if (st == WAGLE_OK && *out == NULL) {
        *out = json_pack("{s:[]}", "patches");
        st = *out != NULL ? WAGLE_OK : wg_json_memory(ctx);
    }
    wg_free(path);
    return st;
}

static const char *hash_in(const json_t *entry, const char *tensor, const char *when)
{
    const json_t *t = json_object_get(json_object_get(entry, "tensors"), tensor);

    return json_string_value(json_object_get(t, when));
}

static bool same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* The tensor had the hash `wanted` before some patch of the ledger, and has `now` after the last
 * that touched it. */
static bool ledger_knows(const json_t *patches, const char *tensor, const char *wanted,
                         const char *now)
{
    const char *last = NULL;
    bool known = false;

    for (size_t i = 0; i < json_array_size(patches); i++) {
        const json_t *entry = json_array_get(patches, i);
        const char *after = hash_in(entry, tensor, "after");
        known |= same(hash_in(entry, tensor, "before"), wanted);
        last = after != NULL ? after : last;
    }
    return known && same(last, now);
}

static int64_t find_entry(const json_t *patches, const char *hash)
{
    for (size_t i = 0; i < json_array_size(patches); i++)
        if (same(json_string_value(json_object_get(json_array_get(patches, i), "patch")), hash))
            return (int64_t)i;
    return -1;
}

/* --- changing a folder -------------------------------------------------------------------------
 */

typedef struct change {
    const char *patch_path;
    wg_patch patch;
    wg_tensors files;
    wg_config config; /* for the names of a tied matrix, which the folder may store twice */
    wg_tie tie;
    json_t *ledger, *entry; /* entry: of this patch, as it comes out */
    bool revert;
    double scale; /* share of the change that is applied, or that was */
    unsigned char *chunk;
} change;

enum { CHUNK_BYTES = 1 << 20 };

/* The folder's tensor that the patch means by this name. */
static const wg_tensor *find_tensor(const change *c, const char *name)
{
    const wg_tensor *t = wg_tensors_find(&c->files, name);

    return t == NULL && c->tie.stored != NULL && wg_tie_names(&c->config, name) ? c->tie.stored : t;
}

/* What the patch changes in the folder's tensor; NULL: nothing. */
static const wg_patch_tensor *find_patch(const change *c, const wg_tensor *t)
{
    const wg_patch_tensor *p = wg_patch_find(&c->patch, t->name);

    if (p != NULL || (t != c->tie.stored && t != c->tie.copy))
        return p;
    for (int64_t i = 0; i < c->patch.n; i++)
        if (wg_tie_names(&c->config, c->patch.tensor[i].name))
            return &c->patch.tensor[i];
    return NULL;
}

/* The changed value k of the tensor, as it is with the patch: of `old`, its value before. */
static void changed_value(const change *c, const wg_patch_tensor *p, int64_t k, const void *old,
                          void *out)
{
    const size_t size = wg_dtype_size(p->dtype);
    const unsigned char *fresh = p->fresh + (size_t)k * size;
    float was, is;

    if (c->scale == 1) {
        memcpy(out, fresh, size);
        return;
    }
    wg_to_float(p->dtype, old, 1, &was);
    wg_to_float(p->dtype, fresh, 1, &is);
    was += (float)c->scale * (is - was);
    wg_from_float(p->dtype, &was, 1, out);
}

/* The weights that the patch touches have the values that it expects. */
static wagle_status values_fit(wagle_ctx *ctx, const change *c, const wg_patch_tensor *p,
                               const wg_tensor *t, bool *fit)
{
    const size_t size = wg_dtype_size(t->dtype);
    wg_patch_walk w = {0};
    char found[WG_SHA256_TEXT], changed[8];
    wg_sha256 h;

    *fit = true;
    if (p->old == NULL) {
        WG_TRY(wg_sha256_begin(ctx, &h));
        while (wg_patch_next(p, &w))
            wg_sha256_add(&h, (const char *)t->data + (size_t)w.index * size, size);
        wg_sha256_end(&h, found);
        *fit = same(found, p->old_hash);
        return WAGLE_OK;
    }
    while (*fit && wg_patch_next(p, &w)) {
        const void *old = p->old + (size_t)(w.next - 1) * size;
        if (c->revert)
            changed_value(c, p, w.next - 1, old, changed);
        *fit = memcmp((const char *)t->data + (size_t)w.index * size, c->revert ? changed : old,
                      size) == 0;
    }
    return WAGLE_OK;
}

static wagle_status refuse(wagle_ctx *ctx, const change *c, const char *tensor, bool touched)
{
    if (touched && c->revert)
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: tensor '%s' was patched again later; revert the later patch first",
                       c->patch_path, tensor);
    if (touched)
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: overlaps a patch that was applied to this model, in tensor '%s'",
                       c->patch_path, tensor);
    return wg_fail(ctx, WAGLE_E_INPUT,
                   "%s: tensor '%s' is not what the patch %s: this is another model", c->patch_path,
                   tensor, c->revert ? "left" : "was made for");
}

static wagle_status check_tensor(wagle_ctx *ctx, const change *c, const wg_patch_tensor *p)
{
    const json_t *patches = json_object_get(c->ledger, "patches");
    const wg_tensor *t = find_tensor(c, p->name);
    char now[WG_SHA256_TEXT];
    bool fit;

    if (c->scale != 1 && !wg_dtype_is_weight(p->dtype))
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: @{scale}: tensor '%s' is %s, which is not scaled",
                       c->patch_path, p->name, wg_dtype_name(p->dtype));
    if (t == NULL || t->dtype != p->dtype || !wg_shape_equal(&t->shape, &p->shape))
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: the model has no tensor '%s' of that type and shape", c->patch_path,
                       p->name);
    WG_TRY(wg_tensor_hash(ctx, t, now));
    const bool straight = same(now, c->revert ? p->after : p->before);
    if (!straight && !ledger_knows(patches, t->name, p->before, now))
        return refuse(ctx, c, p->name, false);
    WG_TRY(values_fit(ctx, c, p, t, &fit));
    return fit ? WAGLE_OK : refuse(ctx, c, p->name, !straight);
}

static wagle_status check(wagle_ctx *ctx, const change *c)
{
    const json_t *patches = json_object_get(c->ledger, "patches");
    const int64_t at = find_entry(patches, c->patch.hash);

    if (c->revert && !c->patch.keeps_old)
        return wg_fail(
            ctx, WAGLE_E_INPUT,
            "%s: made with @{old=hash}, so it holds no old values and cannot be reverted",
            c->patch_path);
    if (!c->revert && at >= 0)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: this patch is already applied to this model",
                       c->patch_path);
    for (int64_t i = 0; i < c->patch.n; i++) {
        WG_TRY(wg_check_interrupt(ctx));
        WG_TRY(check_tensor(ctx, c, &c->patch.tensor[i]));
        wg_progress(ctx, "check", i + 1, c->patch.n, NULL);
    }
    return WAGLE_OK;
}

/* Of a patch that is taken back: the scale that it was applied with. */
static void find_scale(change *c)
{
    const json_t *patches = json_object_get(c->ledger, "patches");
    const int64_t at = find_entry(patches, c->patch.hash);
    const json_t *scale =
        at >= 0 ? json_object_get(json_array_get(patches, (size_t)at), "scale") : NULL;

    if (c->revert)
        c->scale = json_is_number(scale) ? json_number_value(scale) : 1;
}

/* Notes the tensor's hashes, old and new. */
static wagle_status note(wagle_ctx *ctx, const change *c, const wg_tensor *t, const char *after)
{
    char before[WG_SHA256_TEXT];

    WG_TRY(wg_tensor_hash(ctx, t, before));
    return wg_json_set(ctx, json_object_get(c->entry, "tensors"), t->name,
                       json_pack("{s:s, s:s}", "before", before, "after", after));
}

/* A scaled value that its type turns into infinity would be no weight. */
static wagle_status check_value(wagle_ctx *ctx, const change *c, const wg_tensor *t,
                                const void *value)
{
    float x;

    if (c->scale == 1 || c->revert)
        return WAGLE_OK;
    wg_to_float(t->dtype, value, 1, &x);
    return isfinite(x) ? WAGLE_OK
                       : wg_fail(ctx, WAGLE_E_INPUT,
                                 "tensor '%s': with @{scale} %g a weight would be more than %s can "
                                 "hold",
                                 t->name, c->scale, wg_dtype_name(t->dtype));
}

/* The tensor with the patch's values, hashed as it goes. */
static wagle_status write_changed(const change *c, wagle_ctx *ctx, const wg_tensor *t,
                                  const wg_patch_tensor *p, wg_output *out, wg_sha256 *after)
{
    const size_t size = wg_dtype_size(t->dtype), whole = CHUNK_BYTES / size * size;
    wg_patch_walk w = {0};
    bool more = wg_patch_next(p, &w);

    for (size_t at = 0; at < t->bytes; at += whole) {
        const size_t n = t->bytes - at < whole ? t->bytes - at : whole;
        memcpy(c->chunk, (const char *)t->data + at, n);
        for (; more && (size_t)w.index * size < at + n; more = wg_patch_next(p, &w)) {
            unsigned char *to = c->chunk + (size_t)w.index * size - at;
            if (c->revert)
                memcpy(to, p->old + (size_t)(w.next - 1) * size, size);
            else
                changed_value(c, p, w.next - 1, (const char *)t->data + (size_t)w.index * size, to);
            WG_TRY(check_value(ctx, c, t, to));
        }
        wg_sha256_add(after, c->chunk, n);
        WG_TRY(wg_output_write(ctx, out, c->chunk, n));
    }
    return WAGLE_OK;
}

static wagle_status write_tensor(void *user, wagle_ctx *ctx, const wg_tensor *t, wg_output *out)
{
    const change *c = user;
    const wg_patch_tensor *p = find_patch(c, t);
    char text[WG_SHA256_TEXT];
    wg_sha256 after;
    wagle_status st;

    if (p == NULL)
        return wg_output_write(ctx, out, t->data, t->bytes);
    WG_TRY(wg_sha256_begin(ctx, &after));
    st = write_changed(c, ctx, t, p, out, &after);
    wg_sha256_end(&after, text);
    return st == WAGLE_OK ? note(ctx, c, t, text) : st;
}

/* In all entries: of `name`, the hash `from` at that time is now `to`. */
static void rehash(json_t *patches, const char *name, const char *when, const char *from,
                   json_t *to)
{
    for (size_t i = 0; i < json_array_size(patches); i++) {
        json_t *t = json_object_get(json_object_get(json_array_get(patches, i), "tensors"), name);
        if (same(json_string_value(json_object_get(t, when)), from))
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

static wagle_status write_ledger(wagle_ctx *ctx, const change *c, const char *folder)
{
    json_t *patches = json_object_get(c->ledger, "patches");
    const int64_t at = find_entry(patches, c->patch.hash);
    char *path;
    wagle_status st;

    if (!c->revert && json_array_append(patches, c->entry) != 0)
        return wg_json_memory(ctx);
    if (c->revert && at >= 0)
        take_out(patches, (size_t)at, c->entry);
    if (json_array_size(patches) == 0)
        return WAGLE_OK;
    path = wg_path_join(ctx, folder, LEDGER);
    st = path != NULL ? wg_json_write(ctx, path, c->ledger, true) : WAGLE_E_RESOURCE;
    wg_free(path);
    return st;
}

static wagle_status write_folder(wagle_ctx *ctx, change *c, const wagle_patch_options *o)
{
    wg_partial partial;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &c->chunk, CHUNK_BYTES));
    c->entry = json_pack("{s:s, s:{}}", "patch", c->patch.hash, "tensors");
    if (c->entry == NULL)
        return wg_json_memory(ctx);
    if (c->scale != 1)
        WG_TRY(wg_json_set(ctx, c->entry, "scale", json_real(c->scale)));
    WG_TRY(wg_partial_new(ctx, o->out, &partial));
    st = wg_write_folder(ctx, o->model, &c->files, partial.path, write_tensor, c);
    if (st == WAGLE_OK)
        st = write_ledger(ctx, c, partial.path);
    if (st == WAGLE_OK)
        st = wg_partial_commit(ctx, &partial, o->out);
    wg_partial_end(&partial, false);
    return st;
}

static wagle_status change_folder(wagle_ctx *ctx, const wagle_patch_options *given, bool revert)
{
    wagle_patch_options own;
    const wagle_patch_options *o = &own;
    change c = {.revert = revert, .scale = 1};
    wagle_status st;

    wg_begin(ctx);
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_patch));
    c.patch_path = o->patch;
    if (o->model == NULL || o->patch == NULL || o->out == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "%s needs a model folder, a patch and @{out DIR}",
                       revert ? "revert" : "apply");
    if (!revert && (!isfinite(o->scale) || o->scale == 0))
        return wg_fail(ctx, WAGLE_E_USAGE, "@{scale} %g: must be a number other than 0", o->scale);
    c.scale = o->scale;
    WG_TRY(wg_output_check(ctx, o->out, o->force, WG_INPUTS(o->model, o->patch)));
    WG_TRY_GOTO(wg_patch_open(ctx, o->patch, &c.patch), done);
    WG_TRY_GOTO(wg_tensors_open(ctx, o->model, &c.files), done);
    WG_TRY_GOTO(wg_tie_of_folder(ctx, o->model, &c.files, &c.config, &c.tie), done);
    WG_TRY_GOTO(read_ledger(ctx, o->model, &c.ledger), done);
    find_scale(&c);
    WG_TRY_GOTO(check(ctx, &c), done);
    WG_TRY_GOTO(wg_tell_left_out(ctx, o->model, &c.files), done);
    st = write_folder(ctx, &c, o);
done:
    wg_patch_close(&c.patch);
    wg_tensors_close(&c.files);
    json_decref(c.ledger);
    json_decref(c.entry);
    wg_free(c.chunk);
    return st;
}

WG_DEFAULTS(wagle_patch_defaults, wagle_patch_options, .scale = 1)

wagle_status wagle_apply(wagle_ctx *ctx, const wagle_patch_options *o)
{
    return change_folder(ctx, o, false);
}

wagle_status wagle_revert(wagle_ctx *ctx, const wagle_patch_options *o)
{
    return change_folder(ctx, o, true);
}
