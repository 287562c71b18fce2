#include "io/patchform.h"

#include <stdlib.h>
#include <string.h>

static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
enum { DIGITS = sizeof zeros - 1, PIECE = 1 << 16 };

wagle_status wg_tensor_hash(wagle_ctx *ctx, const wg_tensor *t, char text[WG_SHA256_TEXT])
{
    wg_sha256 h;

    WG_TRY(wg_sha256_begin(ctx, &h));
    wg_sha256_add(&h, t->data, t->bytes);
    wg_sha256_end(&h, text);
    return WAGLE_OK;
}

/* --- reading ---------------------------------------------------------------------------------- */

static wagle_status fail_damaged(wagle_ctx *ctx, const char *path, const char *what)
{
    return wg_fail(ctx, WAGLE_E_INPUT, "%s: %s: this patch is damaged, or is not a patch", path,
                   what);
}

/* Finds the digits of the digest in the file's header. */
static const unsigned char *find_digest(const wg_map *map, const char *digest)
{
    return strlen(digest) == DIGITS ? memmem(map->data, map->bytes, digest, DIGITS) : NULL;
}

static wagle_status check_digest(wagle_ctx *ctx, const char *path, wg_patch *p)
{
    const wg_map *map = &p->file.map[0];
    const char *digest = wg_tensors_metadata(&p->file, "digest");
    const unsigned char *at = digest != NULL ? find_digest(map, digest) : NULL;
    char found[WG_SHA256_TEXT];
    wg_sha256 h;

    if (at == NULL)
        return fail_damaged(ctx, path, "no digest");
    WG_TRY(wg_sha256_begin(ctx, &h));
    wg_sha256_add(&h, map->data, (size_t)(at - map->data));
    wg_sha256_add(&h, zeros, DIGITS);
    wg_sha256_add(&h, at + DIGITS, map->bytes - (size_t)(at - map->data) - DIGITS);
    wg_sha256_end(&h, found);
    memcpy(p->hash, digest, WG_SHA256_TEXT);
    p->bytes = map->bytes;
    return memcmp(found, digest, DIGITS) == 0 ? WAGLE_OK
                                              : fail_damaged(ctx, path, "its digest does not fit");
}

static const wg_tensor *part(const wg_patch *p, const char *name, const char *kind)
{
    char full[512];

    return snprintf(full, sizeof full, "%s#%s", name, kind) < (int)sizeof full
               ? wg_tensors_find(&p->file, full)
               : NULL;
}

static bool read_shape(const json_t *list, wg_shape *shape)
{
    if (!json_is_array(list) || json_array_size(list) > WG_RANK)
        return false;
    shape->rank = (int)json_array_size(list);
    for (int i = 0; i < shape->rank; i++)
        shape->dim[i] = json_integer_value(json_array_get(list, (size_t)i));
    return true;
}

static bool is_hash(const char *text)
{
    return text != NULL && strlen(text) == DIGITS && strspn(text, "0123456789abcdef") == DIGITS;
}

static bool has_layout(const wg_tensor *t, wg_dtype dtype, int64_t count)
{
    return t != NULL && t->dtype == dtype && t->count == count;
}

/* Finds the tensor that lists the changed weights, and its form; NULL if there is none. */
static const wg_tensor *find_form(const wg_patch *p, const char *name, wg_patch_form *form)
{
    const wg_tensor *found = NULL;

    for (int f = 0; found == NULL && f < WG_PATCH_FORMS; f++) {
        *form = (wg_patch_form)f;
        found = part(p, name, wg_patch_form_name[f]);
    }
    return found;
}

static bool read_tensor(const wg_patch *p, const char *name, const json_t *facts,
                        wg_patch_tensor *t)
{
    const char *dtype = json_string_value(json_object_get(facts, "dtype"));
    const wg_tensor *fresh = part(p, name, "new"), *old = part(p, name, "old"), *index;

    *t = (wg_patch_tensor){.name = name,
                           .before = json_string_value(json_object_get(facts, "before")),
                           .after = json_string_value(json_object_get(facts, "after")),
                           .old_hash = json_string_value(json_object_get(facts, "old")),
                           .changed = json_integer_value(json_object_get(facts, "changed"))};
    index = find_form(p, name, &t->form);
    t->dtype = dtype != NULL ? wg_dtype_by_name(dtype) : WG_OTHER;
    if (!read_shape(json_object_get(facts, "shape"), &t->shape) ||
        !wg_shape_count(&t->shape, &t->count) || t->changed < 1 || t->changed > t->count ||
        wg_dtype_size(t->dtype) == 0)
        return false;
    if (!is_hash(t->before) || !is_hash(t->after) || !is_hash(t->old_hash) || index == NULL ||
        index->dtype != WG_U8 || !has_layout(fresh, t->dtype, t->changed) ||
        (p->keeps_old ? !has_layout(old, t->dtype, t->changed) : old != NULL))
        return false;
    t->index = index->data;
    t->index_bytes = index->bytes;
    t->fresh = fresh->data;
    t->old = old != NULL ? old->data : NULL;
    return wg_patch_read_form(t);
}

static int compare_patch_names(const void *a, const void *b)
{
    return strcmp(((const wg_patch_tensor *)a)->name, ((const wg_patch_tensor *)b)->name);
}

static wagle_status read_tensors(wagle_ctx *ctx, const char *path, wg_patch *p)
{
    const char *text = wg_tensors_metadata(&p->file, "tensors"), *name;
    const char *old = wg_tensors_metadata(&p->file, "old");
    json_t *facts;

    if (text == NULL || old == NULL)
        return fail_damaged(ctx, path, "no list of tensors");
    p->keeps_old = strcmp(old, "kept") == 0;
    WG_TRY(wg_json_parse(ctx, path, text, strlen(text), &p->facts));
    WG_TRY(WG_ALLOC(ctx, &p->tensor, (int64_t)json_object_size(p->facts)));
    json_object_foreach (p->facts, name, facts) {
        if (!read_tensor(p, name, facts, &p->tensor[p->n]))
            return fail_damaged(ctx, path, name);
        p->changed += p->tensor[p->n++].changed;
    }
    if (p->file.n != p->n * (p->keeps_old ? 3 : 2))
        return fail_damaged(ctx, path, "tensors that it does not list");
    qsort(p->tensor, (size_t)p->n, sizeof *p->tensor, compare_patch_names);
    return WAGLE_OK;
}

bool wg_is_patch(const wg_tensors *file)
{
    const char *format = wg_tensors_metadata(file, "format");

    return format != NULL && strcmp(format, "wagle-patch") == 0 && file->n_files == 1;
}

wagle_status wg_patch_open(wagle_ctx *ctx, const char *path, wg_patch *out)
{
    wagle_status st;

    *out = (wg_patch){0};
    WG_TRY(wg_tensors_open(ctx, path, &out->file));
    st = wg_is_patch(&out->file) ? read_tensors(ctx, path, out)
                                 : wg_fail(ctx, WAGLE_E_INPUT, "%s: not a patch", path);
    if (st == WAGLE_OK) /* checked last, so that fuzzing reaches the checks above */
        st = check_digest(ctx, path, out);
    if (st != WAGLE_OK)
        wg_patch_close(out);
    return st;
}

void wg_patch_close(wg_patch *p)
{
    wg_free(p->tensor);
    json_decref(p->facts);
    wg_tensors_close(&p->file);
    *p = (wg_patch){0};
}

const wg_patch_tensor *wg_patch_find(const wg_patch *p, const char *name)
{
    const wg_patch_tensor key = {.name = name};

    return p->n == 0
               ? NULL
               : bsearch(&key, p->tensor, (size_t)p->n, sizeof *p->tensor, compare_patch_names);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* The difference of one tensor. */
typedef struct difference {
    const wg_tensor *before, *after;
    int64_t changed;
    wg_patch_form form;
    size_t index_bytes;
    char hash[3][WG_SHA256_TEXT]; /* of the tensor before and after, and of the old values */
    char name[3][320];
} difference;

typedef struct writer {
    wagle_ctx *ctx;
    wg_output *out; /* NULL to only count */
    wg_sha256 old;
    unsigned char piece[PIECE];
    size_t used;
} writer;

enum { INDEX, FRESH, OLD };

static wagle_status flush(writer *w)
{
    const size_t n = w->used;

    w->used = 0;
    return w->out != NULL && n > 0 ? wg_output_write(w->ctx, w->out, w->piece, n) : WAGLE_OK;
}

static wagle_status put(writer *w, const void *data, size_t n)
{
    if (w->used + n > PIECE)
        WG_TRY(flush(w));
    memcpy(w->piece + w->used, data, n);
    w->used += n;
    return WAGLE_OK;
}

static wagle_status put_form(void *user, const void *data, size_t n)
{
    return put(user, data, n);
}

/* Writes the changed values, old or new, or only counts them and hashes the old ones. */
static wagle_status for_each_value(writer *w, difference *d, int kind)
{
    const size_t size = wg_dtype_size(d->before->dtype);
    const char *a = d->before->data, *b = d->after->data;

    for (int64_t i = 0; i < d->before->count; i++, a += size, b += size) {
        if (memcmp(a, b, size) == 0)
            continue;
        if (w->out != NULL) {
            WG_TRY(put(w, kind == FRESH ? b : a, size));
            continue;
        }
        d->changed++;
        wg_sha256_add(&w->old, a, size);
    }
    return flush(w);
}

static wagle_status write_part(writer *w, difference *d, int kind)
{
    size_t bytes;

    if (kind != INDEX)
        return for_each_value(w, d, kind);
    WG_TRY(wg_patch_encode(w->ctx, d->before, d->after, d->form, put_form, w, &bytes));
    return flush(w);
}

static wagle_status compare(writer *w, const wg_tensors *before, const wg_tensors *after,
                            difference *list, int64_t *n)
{
    for (int64_t i = 0; i < before->n; i++) {
        const wg_tensor *a = &before->tensor[i], *b = wg_tensors_find(after, a->name);
        difference *d = &list[*n];
        if (b == NULL || a->dtype != b->dtype || !wg_shape_equal(&a->shape, &b->shape) ||
            wg_dtype_size(a->dtype) == 0)
            return wg_fail(w->ctx, WAGLE_E_INPUT,
                           "tensor '%s' is not in both models with one type and shape", a->name);
        if (memcmp(a->data, b->data, a->bytes) == 0)
            continue;
        *d = (difference){.before = a, .after = b};
        WG_TRY(wg_sha256_begin(w->ctx, &w->old));
        WG_TRY(for_each_value(w, d, OLD));
        wg_sha256_end(&w->old, d->hash[OLD]);
        WG_TRY(wg_patch_choose(w->ctx, a, b, &d->form, &d->index_bytes));
        WG_TRY(wg_tensor_hash(w->ctx, a, d->hash[0]));
        WG_TRY(wg_tensor_hash(w->ctx, b, d->hash[1]));
        wg_progress(w->ctx, "compare", i + 1, before->n, NULL);
        ++*n;
    }
    if (before->n != after->n)
        return wg_fail(w->ctx, WAGLE_E_INPUT, "the two models have %lld and %lld tensors",
                       (long long)before->n, (long long)after->n);
    return *n > 0 ? WAGLE_OK
                  : wg_fail(w->ctx, WAGLE_E_RUN,
                            "the two models are the same, so there is nothing to write");
}

static json_t *facts_of(const difference *d)
{
    json_t *shape = json_array();

    for (int i = 0; i < d->before->shape.rank; i++)
        json_array_append_new(shape, json_integer(d->before->shape.dim[i]));
    return json_pack("{s:s, s:o, s:I, s:s, s:s, s:s}", "dtype", wg_dtype_name(d->before->dtype),
                     "shape", shape, "changed", (json_int_t)d->changed, "before", d->hash[0],
                     "after", d->hash[1], "old", d->hash[OLD]);
}

static wagle_status metadata_of(wagle_ctx *ctx, const difference *list, int64_t n, bool keep_old,
                                json_t **out)
{
    json_t *facts = json_object();
    char *text = NULL;
    wagle_status st = facts != NULL ? WAGLE_OK : wg_json_memory(ctx);

    for (int64_t i = 0; st == WAGLE_OK && i < n; i++)
        st = wg_json_set(ctx, facts, list[i].before->name, facts_of(&list[i]));
    if (st == WAGLE_OK)
        st = wg_json_text(ctx, facts, false, &text);
    if (st == WAGLE_OK) {
        *out = json_pack("{s:s, s:s, s:s, s:s}", "format", "wagle-patch", "old",
                         keep_old ? "kept" : "hashed", "digest", zeros, "tensors", text);
        st = *out != NULL ? WAGLE_OK : wg_json_memory(ctx);
    }
    wg_free(text);
    json_decref(facts);
    return st;
}

/* Lists the tensors of the file in order; at most 3 for each difference. */
static int64_t list_parts(difference *list, int64_t n, bool keep_old, wg_tensor *out)
{
    static const char *const kinds[] = {[FRESH] = "new", [OLD] = "old"};
    int64_t m = 0;

    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < (keep_old ? 3 : 2); k++) {
            difference *d = &list[i];
            const bool index = k == INDEX;
            const int64_t count = index ? (int64_t)d->index_bytes : d->changed;
            snprintf(d->name[k], sizeof d->name[k], "%.300s#%s", d->before->name,
                     index ? wg_patch_form_name[d->form] : kinds[k]);
            out[m] = (wg_tensor){.name = d->name[k],
                                 .dtype = index ? WG_U8 : d->before->dtype,
                                 .shape = {1, {count}},
                                 .count = count};
            out[m].bytes = (size_t)count * wg_dtype_size(out[m].dtype);
            m++;
        }
    return m;
}

static wagle_status write_unsigned(writer *w, const char *path, difference *list, int64_t n,
                                   bool keep_old)
{
    wg_output out = {.fd = -1};
    wg_tensor *parts = NULL;
    json_t *metadata = NULL;
    wagle_status st;

    WG_TRY_GOTO(metadata_of(w->ctx, list, n, keep_old, &metadata), done);
    WG_TRY_GOTO(WG_ALLOC(w->ctx, &parts, 3 * n), done);
    WG_TRY_GOTO(wg_output_open(w->ctx, path, true, &out), done);
    WG_TRY_GOTO(wg_safetensors_header(w->ctx, &out, parts, list_parts(list, n, keep_old, parts),
                                      metadata, NULL),
                done);
    w->out = &out;
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < (keep_old ? 3 : 2); k++)
            WG_TRY_GOTO(write_part(w, &list[i], k), done);
    st = wg_output_commit(w->ctx, &out);
done:
    wg_output_abort(&out);
    wg_free(parts);
    json_decref(metadata);
    return st;
}

/* Copies the draft to `path` with its digest filled in. */
static wagle_status sign(wagle_ctx *ctx, const char *draft, const char *path, bool force)
{
    wg_map map = {0};
    wg_output out = {.fd = -1};
    wg_sha256 h;
    char digest[WG_SHA256_TEXT];
    const unsigned char *at;
    wagle_status st;

    WG_TRY(wg_map_open(ctx, draft, &map));
    at = find_digest(&map, zeros);
    WG_TRY_GOTO(at != NULL ? wg_sha256_begin(ctx, &h) : fail_damaged(ctx, draft, "no digest"),
                done);
    wg_sha256_add(&h, map.data, map.bytes);
    wg_sha256_end(&h, digest);
    WG_TRY_GOTO(wg_output_open(ctx, path, force, &out), done);
    WG_TRY_GOTO(wg_output_write(ctx, &out, map.data, (size_t)(at - map.data)), done);
    WG_TRY_GOTO(wg_output_write(ctx, &out, digest, DIGITS), done);
    WG_TRY_GOTO(
        wg_output_write(ctx, &out, at + DIGITS, map.bytes - (size_t)(at - map.data) - DIGITS),
        done);
    st = wg_output_commit(ctx, &out);
done:
    wg_output_abort(&out);
    wg_map_close(&map);
    return st;
}

wagle_status wg_patch_write(wagle_ctx *ctx, const char *path, const wg_tensors *before,
                            const wg_tensors *after, bool keep_old, bool force)
{
    writer *w = NULL;
    difference *list = NULL;
    wg_text draft = {0};
    int64_t n = 0;
    wagle_status st;

    WG_TRY(wg_check_absent(ctx, path, force));
    WG_TRY(WG_ALLOC(ctx, &w, 1));
    w->ctx = ctx;
    WG_TRY_GOTO(WG_ALLOC(ctx, &list, before->n), done);
    WG_TRY_GOTO(compare(w, before, after, list, &n), done);
    WG_TRY_GOTO(wg_text_printf(ctx, &draft, "%s.unsigned", path), done);
    st = write_unsigned(w, draft.text, list, n, keep_old);
    if (st == WAGLE_OK)
        st = sign(ctx, draft.text, path, force);
    wg_remove_tree(draft.text);
done:
    wg_text_free(&draft);
    wg_free(list);
    wg_free(w);
    return st;
}
