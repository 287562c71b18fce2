#include "io/mask.h"

#include <stdlib.h>
#include <string.h>

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const wg_mask_tensor *)a)->name, ((const wg_mask_tensor *)b)->name);
}

wagle_status wg_mask_new(wagle_ctx *ctx, const wg_tensor *tensors, int64_t n, wg_mask *out)
{
    wagle_status st;

    *out = (wg_mask){0};
    WG_TRY_GOTO(WG_ALLOC(ctx, &out->tensor, n), fail);
    for (int64_t i = 0; i < n; i++) {
        wg_mask_tensor *t = &out->tensor[out->n++];
        t->name = wg_arena_text(ctx, &out->arena, tensors[i].name, strlen(tensors[i].name));
        t->shape = tensors[i].shape;
        t->count = tensors[i].count;
        out->count += t->count;
        WG_TRY_GOTO(t->name != NULL ? WAGLE_OK : WAGLE_E_RESOURCE, fail);
        WG_TRY_GOTO(WG_ALLOC(ctx, &t->bits, (t->count + 63) / 64), fail);
    }
    qsort(out->tensor, (size_t)out->n, sizeof *out->tensor, compare_names);
    return WAGLE_OK;
fail:
    wg_mask_free(out);
    return st;
}

void wg_mask_free(wg_mask *mask)
{
    for (int64_t i = 0; i < mask->n; i++)
        wg_free(mask->tensor[i].bits);
    wg_free(mask->tensor);
    wg_arena_free(&mask->arena);
    *mask = (wg_mask){0};
}

const wg_mask_tensor *wg_mask_find(const wg_mask *mask, const char *name)
{
    const wg_mask_tensor key = {.name = name};

    return mask->n == 0
               ? NULL
               : bsearch(&key, mask->tensor, (size_t)mask->n, sizeof *mask->tensor, compare_names);
}

void wg_mask_count(wg_mask *mask)
{
    mask->selected = 0;
    for (int64_t i = 0; i < mask->n; i++) {
        wg_mask_tensor *t = &mask->tensor[i];
        t->selected = 0;
        for (int64_t w = 0; w < (t->count + 63) / 64; w++)
            t->selected += __builtin_popcountll(t->bits[w]);
        mask->selected += t->selected;
    }
}

int64_t wg_mask_slices(const uint64_t *bits, const wg_shape *matrix, bool columns)
{
    const wg_slices slices = wg_matrix_slices(matrix, columns);
    int64_t whole = 0;

    for (int64_t i = 0; i < slices.n; i++) {
        const bool first = slices.width > 0 && wg_bit(bits, i * slices.step);
        for (int64_t j = 1; j < slices.width; j++)
            if (wg_bit(bits, i * slices.step + j * slices.stride) != first)
                return -1;
        whole += first;
    }
    return whole;
}

/* The unpacked shape of a packed tensor, from the metadata. */
static wagle_status packed_shape(wagle_ctx *ctx, const char *path, const json_t *shapes,
                                 wg_tensor *t)
{
    const json_t *dims = json_object_get(shapes, t->name);
    int64_t count = 0;

    t->shape.rank = (int)json_array_size(dims);
    if (json_is_array(dims) && t->shape.rank <= WG_RANK)
        for (int i = 0; i < t->shape.rank; i++)
            t->shape.dim[i] = json_integer_value(json_array_get(dims, (size_t)i));
    if (!json_is_array(dims) || t->shape.rank > WG_RANK || !wg_shape_count(&t->shape, &count) ||
        (count + 7) / 8 != t->count)
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: tensor '%s': its %lld bytes do not fit the shape in the metadata", path,
                       t->name, (long long)t->count);
    t->count = count;
    return WAGLE_OK;
}

static wagle_status fill(wagle_ctx *ctx, const char *path, wg_mask *mask, const wg_tensor *source,
                         bool packed)
{
    wg_mask_tensor *t = (wg_mask_tensor *)(uintptr_t)wg_mask_find(mask, source->name);
    const unsigned char *bytes = source->data;
    const int64_t tail = t->count & 63;

    if (packed) {
        memcpy(t->bits, bytes, source->bytes);
        if (tail != 0 && (t->bits[t->count >> 6] >> tail) != 0)
            return wg_fail(ctx, WAGLE_E_INPUT, "%s: tensor '%s': bits set past its last weight",
                           path, t->name);
        return WAGLE_OK;
    }
    for (int64_t i = 0; i < t->count; i++) {
        if (bytes[i] > 1)
            return wg_fail(ctx, WAGLE_E_INPUT,
                           "%s: tensor '%s': holds %d; a mask holds only 0 and 1", path, t->name,
                           bytes[i]);
        t->bits[i >> 6] |= (uint64_t)bytes[i] << (i & 63);
    }
    return WAGLE_OK;
}

wagle_status wg_mask_read(wagle_ctx *ctx, const char *path, wg_mask *out)
{
    wg_tensors file;
    json_t *shapes = NULL;
    wagle_status st;

    *out = (wg_mask){0};
    WG_TRY(wg_tensors_open(ctx, path, &file));
    const char *layout = wg_tensors_metadata(&file, "layout");
    const char *text = wg_tensors_metadata(&file, "shapes");
    const bool packed = layout != NULL && strcmp(layout, "bits") == 0;
    st = file.n > 0 ? WAGLE_OK : wg_fail(ctx, WAGLE_E_INPUT, "%s: this mask has no tensors", path);
    if (st == WAGLE_OK && packed)
        st = wg_json_parse(ctx, path, text ? text : "", text ? strlen(text) : 0, &shapes);
    for (int64_t i = 0; st == WAGLE_OK && i < file.n; i++) {
        if (file.tensor[i].dtype != WG_U8 && file.tensor[i].dtype != WG_BOOL)
            st = wg_fail(ctx, WAGLE_E_INPUT, "%s: tensor '%s' is %s: this is not a mask", path,
                         file.tensor[i].name, wg_dtype_name(file.tensor[i].dtype));
        else if (packed)
            st = packed_shape(ctx, path, shapes, &file.tensor[i]);
    }
    if (st == WAGLE_OK)
        st = wg_mask_new(ctx, file.tensor, file.n, out);
    for (int64_t i = 0; st == WAGLE_OK && i < file.n; i++)
        st = fill(ctx, path, out, &file.tensor[i], packed);
    wg_mask_count(out);
    json_decref(shapes);
    wg_tensors_close(&file);
    if (st != WAGLE_OK)
        wg_mask_free(out);
    return st;
}

static json_t *shape_json(const wg_shape *s)
{
    json_t *dims = json_array();

    for (int i = 0; i < s->rank; i++)
        json_array_append_new(dims, json_integer(s->dim[i]));
    return dims;
}

static wagle_status write_metadata(wagle_ctx *ctx, const wg_mask *mask, bool packed, json_t *all)
{
    json_t *shapes = json_object();
    char *text = NULL;
    wagle_status st = WAGLE_OK;

    for (int64_t i = 0; st == WAGLE_OK && packed && i < mask->n; i++)
        st = wg_json_set(ctx, shapes, mask->tensor[i].name, shape_json(&mask->tensor[i].shape));
    if (st == WAGLE_OK)
        st = wg_json_text(ctx, shapes, false, &text);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, all, "format", json_string("wagle-mask"));
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, all, "layout", json_string(packed ? "bits" : "bool"));
    if (st == WAGLE_OK && packed)
        st = wg_json_set(ctx, all, "shapes", json_string(text));
    wg_free(text);
    json_decref(shapes);
    return st;
}

static wagle_status write_bools(wagle_ctx *ctx, wg_output *out, const wg_mask_tensor *t)
{
    unsigned char block[4096];

    for (int64_t i = 0; i < t->count; i += (int64_t)sizeof block) {
        const int64_t n =
            t->count - i < (int64_t)sizeof block ? t->count - i : (int64_t)sizeof block;
        for (int64_t j = 0; j < n; j++)
            block[j] = wg_mask_has(t, i + j);
        WG_TRY(wg_output_write(ctx, out, block, (size_t)n));
    }
    return WAGLE_OK;
}

wagle_status wg_mask_write(wagle_ctx *ctx, const char *path, const wg_mask *mask, bool packed,
                           const json_t *metadata, bool force)
{
    json_t *all = metadata != NULL ? json_deep_copy(metadata) : json_object();
    wg_tensor *list = NULL;
    wg_output out = {.fd = -1};
    wagle_status st;

    WG_TRY_GOTO(write_metadata(ctx, mask, packed, all), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &list, mask->n), done);
    for (int64_t i = 0; i < mask->n; i++) {
        const wg_mask_tensor *t = &mask->tensor[i];
        const int64_t bytes = packed ? (t->count + 7) / 8 : t->count;
        list[i] = (wg_tensor){.name = t->name,
                              .dtype = packed ? WG_U8 : WG_BOOL,
                              .shape = packed ? (wg_shape){1, {bytes}} : t->shape,
                              .bytes = (size_t)bytes,
                              .data = t->bits};
    }
    WG_TRY_GOTO(wg_output_open(ctx, path, force, &out), done);
    WG_TRY_GOTO(wg_safetensors_header(ctx, &out, list, mask->n, all, NULL), done);
    for (int64_t i = 0; i < mask->n; i++)
        WG_TRY_GOTO(packed ? wg_output_write(ctx, &out, list[i].data, list[i].bytes)
                           : write_bools(ctx, &out, &mask->tensor[i]),
                    done);
    st = wg_output_commit(ctx, &out);
done:
    wg_output_abort(&out);
    wg_free(list);
    json_decref(all);
    return st;
}
