#include "modeldir/change.h"

#include <string.h>

/* --- the ledger ------------------------------------------------------------------------------- */

/* {"patches": [{"patch": hash, "tensors": {NAME: {"before": hash, "after": hash}}}]} */
static wagle_status read_ledger(wagle_ctx *ctx, const char *folder, json_t **out)
{
    char *path = wg_path_join(ctx, folder, WG_LEDGER);
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

int64_t wg_ledger_find(const json_t *patches, const char *hash)
{
    for (size_t i = 0; i < json_array_size(patches); i++)
        if (same(json_string_value(json_object_get(json_array_get(patches, i), "patch")), hash))
            return (int64_t)i;
    return -1;
}

/* --- finding and checking ----------------------------------------------------------------------
 */

/* The folder's tensor that the patch means by this name. */
static const wg_tensor *find_tensor(const wg_change *c, const char *name)
{
    const wg_tensor *t = wg_tensors_find(c->files, name);

    return t == NULL && c->tie.stored != NULL && wg_tie_names(&c->config, name) ? c->tie.stored : t;
}

const wg_patch_tensor *wg_change_find(const wg_change *c, const wg_tensor *t)
{
    const wg_patch_tensor *p = wg_patch_find(&c->patch, t->name);

    if (p != NULL || (t != c->tie.stored && t != c->tie.copy))
        return p;
    for (int64_t i = 0; i < c->patch.n; i++)
        if (wg_tie_names(&c->config, c->patch.tensor[i].name))
            return &c->patch.tensor[i];
    return NULL;
}

void wg_changed_value(const wg_change *c, const wg_patch_tensor *p, int64_t k, const void *old,
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
static wagle_status values_fit(wagle_ctx *ctx, const wg_change *c, const wg_patch_tensor *p,
                               const wg_tensor *t, bool *fit)
{
    const size_t size = wg_dtype_size(t->dtype);
    const bool revert = c->use == WG_CHANGE_REVERT;
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
        if (revert)
            wg_changed_value(c, p, w.next - 1, old, changed);
        *fit = memcmp((const char *)t->data + (size_t)w.index * size, revert ? changed : old,
                      size) == 0;
    }
    return WAGLE_OK;
}

static wagle_status refuse(wagle_ctx *ctx, const wg_change *c, const char *tensor, bool touched)
{
    static const char *const overlaps[] = {
        [WG_CHANGE_APPLY] =
            "%s: overlaps a patch that was applied to this model, in tensor '%s'; `wagle merge` "
            "with @{base} and @{weights} adds patches that overlap",
        [WG_CHANGE_REVERT] =
            "%s: tensor '%s' was patched again later; revert the later patch first",
        [WG_CHANGE_ADD] = "%s: overlaps a patch that was applied to the base, in tensor '%s'; give "
                          "the model without that patch as @{base}",
    };

    if (touched)
        return wg_fail(ctx, WAGLE_E_INPUT, overlaps[c->use], c->path, tensor);
    return wg_fail(ctx, WAGLE_E_INPUT,
                   "%s: tensor '%s' is not what the patch %s: this is another model", c->path,
                   tensor, c->use == WG_CHANGE_REVERT ? "left" : "was made for");
}

static wagle_status check_tensor(wagle_ctx *ctx, const wg_change *c, const wg_patch_tensor *p)
{
    const json_t *patches = json_object_get(c->ledger, "patches");
    const wg_tensor *t = find_tensor(c, p->name);
    char now[WG_SHA256_TEXT];
    bool fit;

    if (c->scale != 1 && !wg_dtype_is_weight(p->dtype))
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: @{scale}: tensor '%s' is %s, which is not scaled",
                       c->path, p->name, wg_dtype_name(p->dtype));
    if (c->use == WG_CHANGE_ADD && !wg_dtype_is_weight(p->dtype))
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: tensor '%s' is %s, which is not added", c->path,
                       p->name, wg_dtype_name(p->dtype));
    if (t == NULL || t->dtype != p->dtype || !wg_shape_equal(&t->shape, &p->shape))
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: the model has no tensor '%s' of that type and shape", c->path, p->name);
    WG_TRY(wg_tensor_hash(ctx, t, now));
    const bool straight = same(now, c->use == WG_CHANGE_REVERT ? p->after : p->before);
    if (!straight && !ledger_knows(patches, t->name, p->before, now))
        return refuse(ctx, c, p->name, false);
    WG_TRY(values_fit(ctx, c, p, t, &fit));
    return fit ? WAGLE_OK : refuse(ctx, c, p->name, !straight);
}

static wagle_status check(wagle_ctx *ctx, const wg_change *c)
{
    const json_t *patches = json_object_get(c->ledger, "patches");
    const int64_t at = wg_ledger_find(patches, c->patch.hash);

    if (c->use == WG_CHANGE_REVERT && !c->patch.keeps_old)
        return wg_fail(
            ctx, WAGLE_E_INPUT,
            "%s: made with @{old=hash}, so it holds no old values and cannot be reverted", c->path);
    if (c->use != WG_CHANGE_REVERT && at >= 0)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: this patch is already applied to this model",
                       c->path);
    for (int64_t i = 0; i < c->patch.n; i++) {
        WG_TRY(wg_check_interrupt(ctx));
        WG_TRY(check_tensor(ctx, c, &c->patch.tensor[i]));
        wg_progress(ctx, "check", i + 1, c->patch.n, NULL);
    }
    return WAGLE_OK;
}

/* Of a patch that is taken back: the scale that it was applied with. */
static void find_scale(wg_change *c)
{
    const json_t *patches = json_object_get(c->ledger, "patches");
    const int64_t at = wg_ledger_find(patches, c->patch.hash);
    const json_t *scale =
        at >= 0 ? json_object_get(json_array_get(patches, (size_t)at), "scale") : NULL;

    if (c->use == WG_CHANGE_REVERT)
        c->scale = json_is_number(scale) ? json_number_value(scale) : 1;
}

wagle_status wg_change_open(wagle_ctx *ctx, const char *path, const char *folder,
                            const wg_tensors *files, wg_change_use use, double scale,
                            wg_change *out)
{
    *out = (wg_change){.path = path, .use = use, .files = files, .scale = scale};
    WG_TRY(wg_patch_open(ctx, path, &out->patch));
    WG_TRY(wg_tie_of_folder(ctx, folder, files, &out->config, &out->tie));
    WG_TRY(read_ledger(ctx, folder, &out->ledger));
    find_scale(out);
    return check(ctx, out);
}

void wg_change_close(wg_change *c)
{
    wg_patch_close(&c->patch);
    json_decref(c->ledger);
    c->ledger = NULL;
}
