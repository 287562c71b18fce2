#include "run/train.h"

#include <string.h>

enum { CHUNK = 1 << 18 };

/* Bytes of a partly trained stretch: the stored ones, but for selected weights. */
static void patch(const wg_tensor *t, const wg_overlay *o, int64_t first, int64_t n, char *bytes,
                  int64_t *next)
{
    const size_t size = wg_dtype_size(t->dtype);

    if (o->bits == NULL) {
        wg_from_float(t->dtype, o->value + first, n, bytes);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        if (o->bits[(first + i) / 64] >> ((first + i) % 64) & 1)
            wg_from_float(t->dtype, &o->value[(*next)++], 1, bytes + (size_t)i * size);
}

static wagle_status write_tensor(wagle_ctx *ctx, const wg_model *m, const wg_tensor *t, char *chunk,
                                 wg_output *out)
{
    const wg_overlay *o = &m->overlay[t - m->files.tensor];
    const size_t size = wg_dtype_size(t->dtype);
    int64_t next = 0;

    if (o->value == NULL)
        return wg_output_write(ctx, out, t->data, t->bytes);
    for (int64_t first = 0; first < t->count; first += CHUNK) {
        const int64_t n = t->count - first < CHUNK ? t->count - first : CHUNK;
        memcpy(chunk, (const char *)t->data + (size_t)first * size, (size_t)n * size);
        patch(t, o, first, n, chunk, &next);
        WG_TRY(wg_output_write(ctx, out, chunk, (size_t)n * size));
    }
    return WAGLE_OK;
}

/* The tensor whose data begin at `at` in the shard, of those with data. */
static const wg_tensor *tensor_at(const wg_model *m, int file, const unsigned char *at)
{
    for (int64_t i = 0; i < m->files.n; i++)
        if (m->files.tensor[i].file == file && m->files.tensor[i].data == at &&
            m->files.tensor[i].bytes > 0)
            return &m->files.tensor[i];
    return NULL;
}

static wagle_status write_shard(wagle_ctx *ctx, const wg_model *m, int file, const char *path)
{
    const wg_map *map = &m->files.map[file];
    const unsigned char *at = map->data + wg_tensors_data_start(&m->files, file);
    char *chunk = NULL;
    wg_output out = {.fd = -1};
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &chunk, CHUNK * (int64_t)sizeof(float)));
    WG_TRY_GOTO(wg_output_open(ctx, path, true, &out), done);
    WG_TRY_GOTO(wg_output_reserve(ctx, &out, map->bytes), done);
    WG_TRY_GOTO(wg_output_write(ctx, &out, map->data, (size_t)(at - map->data)), done);
    while (at < map->data + map->bytes) {
        const wg_tensor *t = tensor_at(m, file, at);
        WG_TRY_GOTO(write_tensor(ctx, m, t, chunk, &out), done);
        wg_map_release(t->data, t->bytes);
        at += t->bytes;
    }
    st = wg_output_commit(ctx, &out);
done:
    wg_output_abort(&out);
    wg_free(chunk);
    return st;
}

static bool left_behind(const char *name)
{
    static const char *const ours[] = {"manifest.json", "log.jsonl", "checkpoint.safetensors"};

    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (strcmp(name, ours[i]) == 0)
            return true;
    return wg_ends_with(name, ".partial");
}

static wagle_status write_one(wagle_ctx *ctx, const wg_model *m, const char *name, const char *out)
{
    char *from = wg_path_join(ctx, m->folder, name), *to = wg_path_join(ctx, out, name);
    wagle_status st = from != NULL && to != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
    int shard = -1;

    for (int f = 0; f < m->files.n_files; f++)
        if (strcmp(wg_path_name(m->files.file[f]), name) == 0)
            shard = f;
    if (st == WAGLE_OK && !wg_is_folder(from) && !left_behind(name))
        st = shard >= 0 ? write_shard(ctx, m, shard, to) : wg_copy_file(ctx, from, to);
    wg_free(from);
    wg_free(to);
    return st;
}

wagle_status wg_write_model(wagle_ctx *ctx, const wg_model *m, const char *out)
{
    char **names;
    wagle_status st = WAGLE_OK;

    WG_TRY(wg_list_folder(ctx, m->folder, &names));
    for (char **name = names; st == WAGLE_OK && *name != NULL; name++)
        st = write_one(ctx, m, *name, out);
    wg_free_names(names);
    return st;
}
