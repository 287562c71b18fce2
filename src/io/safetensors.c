#include "io/safetensors.h"

#include "io/notweights.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HEADER = 100 << 20, MAX_PATH = 4096 };
static const char index_name[] = "model.safetensors.index.json";

static wagle_status fail_tensor(wagle_ctx *ctx, const char *path, const char *name,
                                const char *what)
{
    return wg_fail(ctx, WAGLE_E_INPUT, "%s: tensor '%s': %s", path, name, what);
}

/* Parses one entry of the header. Its offsets count from the start of the data. */
static wagle_status parse_entry(wagle_ctx *ctx, wg_tensors *t, int file, const char *name,
                                const json_t *entry, size_t data_start, wg_tensor *out)
{
    const char *path = t->file[file];
    const size_t available = t->map[file].bytes - data_start;
    const json_t *shape = json_object_get(entry, "shape");
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    json_int_t begin, end;

    if (dtype == NULL || !json_is_array(shape) || json_array_size(offsets) != 2)
        return fail_tensor(ctx, path, name, "needs dtype, shape and data_offsets");
    if (json_array_size(shape) > WG_RANK)
        return fail_tensor(ctx, path, name, "more than 4 dimensions");
    *out = (wg_tensor){.dtype = wg_dtype_by_name(dtype), .file = file};
    if (out->dtype == WG_OTHER)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: tensor '%s': dtype %.16s is not supported", path,
                       name, dtype);
    out->shape.rank = (int)json_array_size(shape);
    for (int i = 0; i < out->shape.rank; i++) {
        const json_t *dim = json_array_get(shape, (size_t)i);
        if (!json_is_integer(dim))
            return fail_tensor(ctx, path, name, "a dimension is not a whole number");
        out->shape.dim[i] = json_integer_value(dim);
    }
    if (!json_is_integer(json_array_get(offsets, 0)) ||
        !json_is_integer(json_array_get(offsets, 1)))
        return fail_tensor(ctx, path, name, "data_offsets are not whole numbers");
    begin = json_integer_value(json_array_get(offsets, 0));
    end = json_integer_value(json_array_get(offsets, 1));
    if (begin < 0 || end < begin || (uint64_t)end > available)
        return wg_fail(
            ctx, WAGLE_E_INPUT,
            "%s: tensor '%s': data_offsets [%lld,%lld] extend past the file's %zu data bytes", path,
            name, (long long)begin, (long long)end, available);
    out->bytes = (size_t)(end - begin);
    if (!wg_shape_count(&out->shape, &out->count) ||
        out->count > INT64_MAX / (int64_t)wg_dtype_size(out->dtype) ||
        (size_t)out->count * wg_dtype_size(out->dtype) != out->bytes)
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: tensor '%s': %zu bytes of data do not fit its shape and dtype %s", path,
                       name, out->bytes, dtype);
    out->data = out->place = t->map[file].data + data_start + begin;
    out->name = wg_arena_text(ctx, &t->arena, name, strlen(name));
    return out->name != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

static int compare_offsets(const void *a, const void *b)
{
    const wg_tensor *x = a, *y = b;
    const uintptr_t p = (uintptr_t)x->data, q = (uintptr_t)y->data;

    if (p != q)
        return p < q ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const wg_tensor *)a)->name, ((const wg_tensor *)b)->name);
}

/* Checks that the tensors of one file cover its data without gap or overlap. */
static wagle_status check_tiling(wagle_ctx *ctx, const wg_tensors *t, int file, wg_tensor *list,
                                 int64_t n, size_t data_start)
{
    size_t at = data_start;

    qsort(list, (size_t)n, sizeof *list, compare_offsets);
    for (int64_t i = 0; i < n; i++) {
        const size_t begin = (size_t)((const unsigned char *)list[i].data - t->map[file].data);
        if (begin != at)
            return fail_tensor(ctx, t->file[file], list[i].name,
                               begin < at ? "overlaps another tensor" : "a gap before its data");
        at += list[i].bytes;
    }
    if (at != t->map[file].bytes)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: %zu bytes after the last tensor", t->file[file],
                       t->map[file].bytes - at);
    return WAGLE_OK;
}

const char *wg_tensors_shard(const wg_tensors *t, int64_t file)
{
    return t->file[file] + t->beginning;
}

size_t wg_tensors_data_start(const wg_tensors *t, int file)
{
    uint64_t header;

    memcpy(&header, t->map[file].data, sizeof header);
    return sizeof header + (size_t)header;
}

static wagle_status open_file(wagle_ctx *ctx, wg_tensors *t, int file, int64_t *capacity)
{
    const char *path = t->file[file], *name;
    const int64_t first = t->n;
    json_t *header = NULL, *entry;
    uint64_t length = 0;
    wagle_status st;

    WG_TRY(wg_map_open(ctx, path, &t->map[file]));
    if (t->map[file].bytes >= sizeof length)
        memcpy(&length, t->map[file].data, sizeof length);
    if (t->map[file].bytes < 10 || length > t->map[file].bytes - 8 || length > MAX_HEADER) {
        WG_TRY(wg_not_weights(ctx, path, t->map[file].data, t->map[file].bytes));
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: not a safetensors file: %zu bytes, the header claims %llu", path,
                       t->map[file].bytes, (unsigned long long)length);
    }
    WG_TRY(wg_json_parse(ctx, path, (const char *)t->map[file].data + 8, length, &header));
    if (!json_is_object(header)) {
        st = wg_fail(ctx, WAGLE_E_INPUT, "%s: the header is not a JSON object", path);
        goto done;
    }
    WG_TRY_GOTO(WG_GROW(ctx, &t->tensor, capacity, t->n + 1), done);
    json_object_foreach (header, name, entry) {
        if (strcmp(name, "__metadata__") == 0) {
            if (t->metadata == NULL && json_is_object(entry))
                t->metadata = json_incref(entry);
            continue;
        }
        WG_TRY_GOTO(WG_GROW(ctx, &t->tensor, capacity, t->n + 1), done);
        WG_TRY_GOTO(parse_entry(ctx, t, file, name, entry, 8 + length, &t->tensor[t->n]), done);
        t->n++;
    }
    st = check_tiling(ctx, t, file, t->tensor + first, t->n - first, 8 + length);
done:
    json_decref(header);
    return st;
}

/* Normalises the path of a shard in the index (removes "." and doubled slashes): inside [MAX_PATH].
 * Returns false if it names no file inside the folder. */
static bool inside_folder(const json_t *value, char *inside)
{
    const char *from = json_string_value(value);
    size_t n = 0;

    if (from == NULL || from[0] == '/' || strlen(from) != json_string_length(value) ||
        strlen(from) >= MAX_PATH || from[0] == '\0' || from[strlen(from) - 1] == '/')
        return false;
    while (*from != '\0') {
        const size_t part = strcspn(from, "/");
        if (part == 2 && memcmp(from, "..", 2) == 0)
            return false;
        if (part > 0 && !(part == 1 && *from == '.')) {
            if (n > 0)
                inside[n++] = '/';
            memcpy(inside + n, from, part);
            n += part;
        }
        from += part + (from[part] == '/');
    }
    inside[n] = '\0';
    return n > 0;
}

/* Lists the files named by an index, in order of first occurrence. */
static wagle_status list_shards(wagle_ctx *ctx, wg_tensors *t, const char *folder,
                                const json_t *map)
{
    char shard[MAX_PATH];
    const char *name;
    json_t *value;

    t->beginning = strlen(folder) + 1;
    json_object_foreach ((json_t *)(uintptr_t)map, name, value) {
        int64_t i = 0;
        if (!inside_folder(value, shard))
            return wg_fail(ctx, WAGLE_E_INPUT,
                           "%s/%s: tensor '%s': not a file name inside the folder", folder,
                           index_name, name);
        while (i < t->n_files && strcmp(wg_tensors_shard(t, i), shard) != 0)
            i++;
        if (i < t->n_files)
            continue;
        t->file[t->n_files] = wg_path_join(ctx, folder, shard);
        if (t->file[t->n_files++] == NULL)
            return WAGLE_E_RESOURCE;
    }
    return WAGLE_OK;
}

static wagle_status open_index(wagle_ctx *ctx, wg_tensors *t, const char *folder, json_t **map)
{
    char *path = wg_path_join(ctx, folder, index_name);
    json_t *index = NULL;
    wagle_status st = path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK)
        st = wg_json_read(ctx, path, &index);
    if (st == WAGLE_OK && !json_is_object(json_object_get(index, "weight_map")))
        st = wg_fail(ctx, WAGLE_E_INPUT, "%s: it has no object 'weight_map'", path);
    if (st == WAGLE_OK) {
        *map = json_incref(json_object_get(index, "weight_map"));
        st = WG_ALLOC(ctx, &t->file, (int64_t)json_object_size(*map) + 1);
    }
    if (st == WAGLE_OK)
        st = list_shards(ctx, t, folder, *map);
    json_decref(index);
    wg_free(path);
    return st;
}

static bool holds(wagle_ctx *ctx, const char *folder, const char *name)
{
    char *path = wg_path_join(ctx, folder, name);
    const bool there = path != NULL && wg_exists(path);

    wg_free(path);
    return there;
}

/* Finds the files of `path`. *map is the index's weight_map, or NULL. */
static wagle_status find_files(wagle_ctx *ctx, wg_tensors *t, const char *path, json_t **map)
{
    char *single;

    if (wg_is_folder(path)) {
        single = wg_path_join(ctx, path, "model.safetensors");
        if (single == NULL)
            return WAGLE_E_RESOURCE;
        if (!wg_exists(single)) {
            wg_free(single);
            if (!holds(ctx, path, index_name))
                return wg_fail(
                    ctx, WAGLE_E_INPUT, "%s: no model.safetensors and no index of shards%s", path,
                    holds(ctx, path, "pytorch_model.bin") ||
                            holds(ctx, path, "pytorch_model.bin.index.json")
                        ? "; pytorch_model.bin is a pickle, which is not supported: in Python, "
                          "AutoModelForCausalLM.from_pretrained(DIR).save_pretrained(NEW) converts "
                          "it"
                        : " in this folder");
            return open_index(ctx, t, path, map);
        }
    } else {
        single = wg_copy_text(ctx, path, strlen(path));
    }
    if (single == NULL || WG_ALLOC(ctx, &t->file, 1) != WAGLE_OK) {
        wg_free(single);
        return WAGLE_E_RESOURCE;
    }
    t->file[t->n_files++] = single;
    t->beginning = (size_t)(wg_path_name(single) - single);
    return WAGLE_OK;
}

/* Checks that tensors are in the files that the index names. A missing tensor is no error here,
 * because an index may name a tied head; the code that needs a tensor reports it. */
static wagle_status check_index(wagle_ctx *ctx, const wg_tensors *t, json_t *map)
{
    char shard[MAX_PATH];
    const char *name;
    json_t *value;

    json_object_foreach (map, name, value) {
        const wg_tensor *found = wg_tensors_find(t, name);
        if (found != NULL && inside_folder(value, shard) &&
            strcmp(wg_tensors_shard(t, found->file), shard) != 0)
            return wg_fail(ctx, WAGLE_E_INPUT, "%s: tensor '%s' is not in %s but in %s", index_name,
                           name, shard, wg_tensors_shard(t, found->file));
    }
    return WAGLE_OK;
}

void wg_merged_free(wg_merged *m)
{
    if (m == NULL || atomic_fetch_sub(&m->users, 1) > 1)
        return;
    wg_scratch_free(&m->pages);
    wg_arena_free(&m->names);
    wg_free(m->tensor);
    wg_free(m->folder);
    wg_free(m);
}

/* Tensors of m's folder get the data that m has. */
static void take_merged(wg_merged *m, const char *path, wg_tensors *t)
{
    char real[PATH_MAX];

    if (m == NULL || realpath(path, real) == NULL || strcmp(real, m->folder) != 0)
        return;
    for (int64_t i = 0; i < m->n; i++) {
        const wg_tensor *found = wg_tensors_find(t, m->tensor[i].name);
        if (found != NULL && found->bytes == m->tensor[i].bytes)
            t->tensor[found - t->tensor].data = m->tensor[i].data;
    }
    t->merged = m;
    atomic_fetch_add(&m->users, 1);
}

/* By name, none twice. */
static wagle_status sort_names(wagle_ctx *ctx, const char *path, wg_tensors *t, const char *twice)
{
    if (t->n > 1)
        qsort(t->tensor, (size_t)t->n, sizeof *t->tensor, compare_names);
    for (int64_t i = 1; i < t->n; i++)
        if (strcmp(t->tensor[i - 1].name, t->tensor[i].name) == 0)
            return fail_tensor(ctx, path, t->tensor[i].name, twice);
    return WAGLE_OK;
}

wagle_status wg_tensors_open(wagle_ctx *ctx, const char *path, wg_tensors *out)
{
    int64_t capacity = 0, stored;
    json_t *map = NULL;
    wagle_status st;

    *out = (wg_tensors){0};
    WG_TRY_GOTO(find_files(ctx, out, path, &map), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &out->map, out->n_files), done);
    for (int file = 0; file < out->n_files; file++)
        WG_TRY_GOTO(open_file(ctx, out, file, &capacity), done);
    WG_TRY_GOTO(sort_names(ctx, path, out, "in two shards"), done);
    if (map != NULL)
        WG_TRY_GOTO(check_index(ctx, out, map), done);
    stored = out->n;
    WG_TRY_GOTO(wg_tensors_split(ctx, out), done);
    if (out->n > stored)
        st = sort_names(ctx, path, out, "stored twice: alone, and in one tensor of all experts");
done:
    json_decref(map);
    if (st == WAGLE_OK)
        take_merged(ctx->merged, path, out);
    else
        wg_tensors_close(out);
    return st;
}

wagle_status wg_tensors_share(wagle_ctx *ctx, wg_tensors *t)
{
    if (ctx->shared == NULL)
        return WAGLE_OK;
    WG_TRY(WG_ALLOC(ctx, &t->region, t->n_files));
    t->shared = ctx->shared;
    for (int64_t i = 0; i < t->n_files; i++)
        WG_TRY(wg_shared_open(ctx, t->file[i], &t->map[i], t->n_files, &t->region[i]));
    for (int64_t i = 0; i < t->n; i++) {
        wg_tensor *x = &t->tensor[i];
        if (x->data == x->place)
            x->data = t->region[x->file] + ((const unsigned char *)x->place - t->map[x->file].data);
    }
    return WAGLE_OK;
}

const void *wg_tensor_bytes(const wg_tensors *t, const wg_tensor *tensor)
{
    const int file = tensor->file;
    const uintptr_t data = (uintptr_t)tensor->data;
    const uintptr_t region = t->shared != NULL ? (uintptr_t)t->region[file] : 0;

    return region != 0 && data >= region && data < region + t->map[file].bytes ? tensor->place
                                                                               : tensor->data;
}

void wg_tensors_close(wg_tensors *t)
{
    for (int64_t i = 0; i < t->n_files; i++) {
        if (t->region != NULL)
            wg_shared_close(t->shared, t->region[i]);
        if (t->map != NULL)
            wg_map_close(&t->map[i]);
        wg_free(t->file[i]);
    }
    wg_free(t->map);
    wg_free(t->region);
    wg_free(t->file);
    wg_free(t->tensor);
    json_decref(t->metadata);
    wg_arena_free(&t->arena);
    wg_merged_free(t->merged);
    *t = (wg_tensors){0};
}

const wg_tensor *wg_tensors_find(const wg_tensors *t, const char *name)
{
    const wg_tensor key = {.name = name};

    return t->n == 0 ? NULL
                     : bsearch(&key, t->tensor, (size_t)t->n, sizeof *t->tensor, compare_names);
}

const char *wg_tensors_metadata(const wg_tensors *t, const char *key)
{
    return json_string_value(json_object_get(t->metadata, key));
}

static json_t *entry_of(const wg_tensor *t, size_t at)
{
    json_t *shape = json_array();

    for (int i = 0; i < t->shape.rank; i++)
        json_array_append_new(shape, json_integer(t->shape.dim[i]));
    return json_pack("{s:s, s:o, s:[I,I]}", "dtype", wg_dtype_name(t->dtype), "shape", shape,
                     "data_offsets", (json_int_t)at, (json_int_t)(at + t->bytes));
}

wagle_status wg_safetensors_header(wagle_ctx *ctx, wg_output *out, const wg_tensor *tensors,
                                   int64_t n, const json_t *metadata, size_t *start)
{
    json_t *header = json_object();
    char *text = NULL;
    uint64_t length;
    size_t at = 0;
    wagle_status st = WAGLE_OK;

    if (metadata != NULL)
        WG_TRY_GOTO(wg_json_set(ctx, header, "__metadata__", json_deep_copy(metadata)), done);
    for (int64_t i = 0; i < n; i++) {
        WG_TRY_GOTO(wg_json_set(ctx, header, tensors[i].name, entry_of(&tensors[i], at)), done);
        at += tensors[i].bytes;
    }
    WG_TRY_GOTO(wg_json_text(ctx, header, false, &text), done);
    length = (strlen(text) + 7) / 8 * 8; /* padded with spaces, so that data is aligned to 8 */
    WG_TRY_GOTO(wg_output_write(ctx, out, &length, sizeof length), done);
    WG_TRY_GOTO(wg_output_write(ctx, out, text, strlen(text)), done);
    st = wg_output_write(ctx, out, "        ", (size_t)length - strlen(text));
    if (start != NULL)
        *start = sizeof length + (size_t)length;
done:
    wg_free(text);
    json_decref(header);
    return st;
}

wagle_status wg_safetensors_write(wagle_ctx *ctx, const char *path, const wg_tensor *tensors,
                                  int64_t n, const json_t *metadata, bool force)
{
    wg_output out;
    wagle_status st;

    WG_TRY(wg_output_open(ctx, path, force, &out));
    WG_TRY_GOTO(wg_safetensors_header(ctx, &out, tensors, n, metadata, NULL), fail);
    for (int64_t i = 0; i < n; i++)
        WG_TRY_GOTO(wg_output_write(ctx, &out, tensors[i].data, tensors[i].bytes), fail);
    return wg_output_commit(ctx, &out);
fail:
    wg_output_abort(&out);
    return st;
}
