#include "run/folder.h"

#include <string.h>

typedef struct writing {
    const char *folder;
    const wg_tensors *files;
    wg_write_tensor *write;
    void *user;
} writing;

/* The tensor whose data begin at `at` in the shard, of those with data. */
static const wg_tensor *tensor_at(const wg_tensors *files, int file, const unsigned char *at)
{
    for (int64_t i = 0; i < files->n; i++)
        if (files->tensor[i].file == file && files->tensor[i].data == at &&
            files->tensor[i].bytes > 0)
            return &files->tensor[i];
    return NULL;
}

static wagle_status write_shard(wagle_ctx *ctx, const writing *w, int file, const char *path)
{
    const wg_map *map = &w->files->map[file];
    const unsigned char *at = map->data + wg_tensors_data_start(w->files, file);
    wg_output out = {.fd = -1};
    wagle_status st;

    WG_TRY_GOTO(wg_output_open(ctx, path, true, &out), done);
    WG_TRY_GOTO(wg_output_reserve(ctx, &out, map->bytes), done);
    WG_TRY_GOTO(wg_output_write(ctx, &out, map->data, (size_t)(at - map->data)), done);
    while (at < map->data + map->bytes) {
        const wg_tensor *t = tensor_at(w->files, file, at);
        WG_TRY_GOTO(w->write(w->user, ctx, t, &out), done);
        wg_map_release(t->data, t->bytes);
        at += t->bytes;
    }
    st = wg_output_commit(ctx, &out);
done:
    wg_output_abort(&out);
    return st;
}

static bool left_behind(const char *name)
{
    static const char *const ours[] = {"manifest.json", "log.jsonl", "checkpoint.safetensors",
                                       "wagle-patches.json"};

    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (strcmp(name, ours[i]) == 0)
            return true;
    return wg_ends_with(name, ".partial");
}

static wagle_status write_one(wagle_ctx *ctx, const writing *w, const char *name, const char *out)
{
    char *from = wg_path_join(ctx, w->folder, name), *to = wg_path_join(ctx, out, name);
    wagle_status st = from != NULL && to != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
    int shard = -1;

    for (int f = 0; f < w->files->n_files; f++)
        if (strcmp(wg_tensors_shard(w->files, f), name) == 0)
            shard = f;
    if (st == WAGLE_OK && !wg_is_folder(from) && !left_behind(name))
        st = shard >= 0 ? write_shard(ctx, w, shard, to) : wg_copy_file(ctx, from, to);
    wg_free(from);
    wg_free(to);
    return st;
}

/* Shards that lie deeper in the folder: part/a.safetensors. */
static wagle_status write_deep_shards(wagle_ctx *ctx, const writing *w, const char *out)
{
    wagle_status st = WAGLE_OK;

    for (int f = 0; st == WAGLE_OK && f < w->files->n_files; f++) {
        const char *shard = wg_tensors_shard(w->files, f);
        char *to = wg_path_join(ctx, out, shard);
        st = to != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
        for (char *at = st == WAGLE_OK ? to + strlen(to) - strlen(shard) : NULL;
             st == WAGLE_OK && (at = strchr(at, '/')) != NULL; at++) {
            *at = '\0';
            st = wg_make_folder(ctx, to);
            *at = '/';
        }
        if (st == WAGLE_OK && strchr(shard, '/') != NULL)
            st = write_shard(ctx, w, f, to);
        wg_free(to);
    }
    return st;
}

wagle_status wg_write_folder(wagle_ctx *ctx, const char *folder, const wg_tensors *files,
                             const char *out, wg_write_tensor *write, void *user)
{
    const writing w = {folder, files, write, user};
    char **names;
    wagle_status st = WAGLE_OK;

    WG_TRY(wg_list_folder(ctx, folder, &names));
    for (char **name = names; st == WAGLE_OK && *name != NULL; name++)
        st = write_one(ctx, &w, *name, out);
    if (st == WAGLE_OK)
        st = write_deep_shards(ctx, &w, out);
    wg_free_names(names);
    return st;
}
