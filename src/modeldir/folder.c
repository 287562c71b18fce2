#include "modeldir/folder.h"

#include <fnmatch.h>
#include <string.h>

typedef struct writing {
    const char *out;
    const wg_tensors *files;
    wg_write_tensor *write;
    void *user;
} writing;

/* The tensor whose data begin at `at` in the shard, of those with data. */
static const wg_tensor *tensor_at(const wg_tensors *files, int file, const unsigned char *at)
{
    for (int64_t i = 0; i < files->n; i++)
        if (files->tensor[i].file == file && files->tensor[i].place == at &&
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
        wg_map_release(wg_tensor_bytes(w->files, t), t->bytes);
        at += t->bytes;
    }
    st = wg_output_commit(ctx, &out);
done:
    wg_output_abort(&out);
    return st;
}

/* --- what goes with the weights ----------------------------------------------------------------
 *
 * An allow-list: a folder may hold the same weights again in other formats, and those have not
 * forgotten anything. Code is copied because config.json's auto_map names it: without it the folder
 * would not load in transformers. Nothing here runs it. */

typedef enum fate { COPIED, OURS, ADAPTER, WEIGHTS, FOLDER, UNKNOWN, FATES } fate;

/* The first pattern that fits decides; none: UNKNOWN. */
static const struct {
    const char *pattern;
    fate fate;
} table[] = {
    {"manifest.json", OURS},
    {"log.jsonl", OURS},
    {"log.csv", OURS},
    {"protect.jsonl", OURS},
    {"controls.jsonl", OURS},
    {"tries.json", OURS},
    {"requests.json", OURS},
    {"checkpoint.safetensors", OURS},
    {"wagle-patches.json", OURS},
    {"lock", OURS},
    {"*.partial", OURS},
    {"adapter_config.json", ADAPTER},
    {"adapter_model.*", ADAPTER},
    {"config.json", COPIED},
    {"configuration.json", COPIED},
    {"*_config.json", COPIED}, /* generation, tokenizer, preprocessor, processor */
    {"tokenizer.json", COPIED},
    {"tokenizer.model*", COPIED},
    {"tekken.json", COPIED},
    {"*.tiktoken", COPIED},
    {"spiece.model", COPIED},
    {"sentencepiece*.model", COPIED},
    {"*.spm", COPIED},
    {"vocab.json", COPIED},
    {"vocab.txt", COPIED},
    {"merges.txt", COPIED},
    {"added_tokens.json", COPIED},
    {"special_tokens_map.json", COPIED},
    {"chat_template.*", COPIED},
    {"*.jinja", COPIED},
    {"*.md", COPIED},
    {"README*", COPIED},
    {"LICENSE*", COPIED},
    {"LICENCE*", COPIED},
    {"NOTICE*", COPIED},
    {"COPYING*", COPIED},
    {"USE_POLICY*", COPIED},
    {".gitattributes", COPIED},
    {"modeling_*.py", COPIED},
    {"configuration_*.py", COPIED},
    {"tokenization_*.py", COPIED},
    {"processing_*.py", COPIED},
    {"*.safetensors", WEIGHTS},
    {"*.index.json", WEIGHTS},
    {"*.bin", WEIGHTS},
    {"*.gguf", WEIGHTS},
    {"*.ggml", WEIGHTS},
    {"*.h5", WEIGHTS},
    {"*.msgpack", WEIGHTS},
    {"*.onnx*", WEIGHTS},
    {"*.pt", WEIGHTS},
    {"*.pth", WEIGHTS},
    {"*.ckpt", WEIGHTS},
    {"*.pkl", WEIGHTS},
    {"*.npz", WEIGHTS},
    {"*.ot", WEIGHTS},
};

static const char templates[] = "additional_chat_templates";
static const char of_requests[] = "requests"; /* what unlearn --requests wrote of each */

/* Which of the files that were read has this name; -1: none. */
static int shard_of(const wg_tensors *files, const char *name)
{
    for (int f = 0; f < files->n_files; f++)
        if (strcmp(wg_tensors_shard(files, f), name) == 0)
            return f;
    return -1;
}

/* Whether a file that was read lies in this folder of the model's. */
static bool holds_shards(const wg_tensors *files, const char *name)
{
    const size_t n = strlen(name);

    for (int f = 0; f < files->n_files; f++)
        if (strncmp(wg_tensors_shard(files, f), name, n) == 0 &&
            wg_tensors_shard(files, f)[n] == '/')
            return true;
    return false;
}

static fate fate_of(const wg_tensors *files, const char *name, const char *path)
{
    if (wg_is_folder(path))
        return strcmp(name, templates) == 0                                  ? COPIED
               : holds_shards(files, name) || strcmp(name, of_requests) == 0 ? OURS
                                                                             : FOLDER;
    if (shard_of(files, name) >= 0)
        return COPIED;
    /* the shards' index, unless one file was read in its place as transformers does */
    if (strcmp(name, "model.safetensors.index.json") == 0 &&
        shard_of(files, "model.safetensors") < 0)
        return COPIED;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (fnmatch(table[i].pattern, name, FNM_CASEFOLD) == 0)
            return table[i].fate;
    return UNKNOWN;
}

/* Calls f with each entry of the folder and what becomes of it. */
typedef wagle_status entry_fn(wagle_ctx *ctx, void *user, const char *name, const char *path,
                              fate of);

static wagle_status each_entry(wagle_ctx *ctx, const char *folder, const wg_tensors *files,
                               entry_fn *f, void *user)
{
    char **names;
    wagle_status st = WAGLE_OK;

    WG_TRY(wg_list_folder(ctx, folder, &names));
    for (char **name = names; st == WAGLE_OK && *name != NULL; name++) {
        char *path = wg_path_join(ctx, folder, *name);
        st = path != NULL ? f(ctx, user, *name, path, fate_of(files, *name, path))
                          : WAGLE_E_RESOURCE;
        wg_free(path);
    }
    wg_free_names(names);
    return st;
}

/* --- writing -----------------------------------------------------------------------------------
 */

static wagle_status copy_template(wagle_ctx *ctx, void *user, const char *name, const char *path,
                                  fate of)
{
    char *to = wg_path_join(ctx, user, name);
    wagle_status st = to != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK && of == COPIED && wg_ends_with(name, ".jinja"))
        st = wg_copy_file(ctx, path, to);
    wg_free(to);
    return st;
}

static wagle_status copy_templates(wagle_ctx *ctx, const char *from, char *to)
{
    const wg_tensors none = {0};

    WG_TRY(wg_make_folder(ctx, to));
    return each_entry(ctx, from, &none, copy_template, to);
}

static wagle_status write_entry(wagle_ctx *ctx, void *user, const char *name, const char *path,
                                fate of)
{
    const writing *w = user;
    char *to;
    wagle_status st;

    if (of != COPIED || shard_of(w->files, name) >= 0)
        return WAGLE_OK;
    to = wg_path_join(ctx, w->out, name);
    st = to == NULL           ? WAGLE_E_RESOURCE
         : wg_is_folder(path) ? copy_templates(ctx, path, to)
                              : wg_copy_file(ctx, path, to);
    wg_free(to);
    return st;
}

/* All shards: also those that lie deeper in the folder (part/a.safetensors), and those of a GGUF
 * file, which have no name in its temporary folder any more. */
static wagle_status write_shards(wagle_ctx *ctx, const writing *w)
{
    wagle_status st = WAGLE_OK;

    for (int f = 0; st == WAGLE_OK && f < w->files->n_files; f++) {
        const char *shard = wg_tensors_shard(w->files, f);
        char *to = wg_path_join(ctx, w->out, shard);
        st = to != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
        for (char *at = st == WAGLE_OK ? to + strlen(to) - strlen(shard) : NULL;
             st == WAGLE_OK && (at = strchr(at, '/')) != NULL; at++) {
            *at = '\0';
            st = wg_make_folder(ctx, to);
            *at = '/';
        }
        if (st == WAGLE_OK)
            st = write_shard(ctx, w, f, to);
        wg_free(to);
    }
    return st;
}

wagle_status wg_write_folder(wagle_ctx *ctx, const char *folder, const wg_tensors *files,
                             const char *out, wg_write_tensor *write, void *user)
{
    writing w = {out, files, write, user};

    WG_TRY(each_entry(ctx, folder, files, write_entry, &w));
    return write_shards(ctx, &w);
}

typedef struct written {
    const wg_tensors *files;
    int64_t bytes;
} written;

static wagle_status add_bytes(wagle_ctx *ctx, void *user, const char *name, const char *path,
                              fate of)
{
    written *w = user;

    (void)ctx;
    if (of == COPIED && shard_of(w->files, name) < 0)
        w->bytes += wg_file_bytes(path);
    return WAGLE_OK;
}

wagle_status wg_written_bytes(wagle_ctx *ctx, const char *folder, const wg_tensors *files,
                              int64_t *bytes)
{
    written w = {files, 0};

    for (int f = 0; f < files->n_files; f++)
        w.bytes += (int64_t)files->map[f].bytes;
    const wagle_status st = each_entry(ctx, folder, files, add_bytes, &w);
    *bytes = w.bytes;
    return st;
}

/* --- telling -----------------------------------------------------------------------------------
 */

enum { NAMED = 12 };

typedef struct left_out {
    wg_text names[FATES];
    int64_t n[FATES];
} left_out;

static wagle_status note_entry(wagle_ctx *ctx, void *user, const char *name, const char *path,
                               fate of)
{
    left_out *l = user;

    (void)path;
    if (of == COPIED || of == OURS || l->n[of]++ >= NAMED)
        return WAGLE_OK;
    return wg_text_printf(ctx, &l->names[of], "%s%.64s%s", l->n[of] > 1 ? ", " : "", name,
                          of == FOLDER ? "/" : "");
}

wagle_status wg_tell_left_out(wagle_ctx *ctx, const char *folder, const wg_tensors *files)
{
    static const char *const why[FATES] = {[ADAPTER] = "an adapter, which is not applied either",
                                           [WEIGHTS] =
                                               "other weights, which would be the ones from before",
                                           [FOLDER] = "folders",
                                           [UNKNOWN] = "of no known kind"};
    wg_text line = {0};
    left_out l = {0};
    wagle_status st = each_entry(ctx, folder, files, note_entry, &l);

    for (int i = 0; st == WAGLE_OK && i < FATES; i++)
        if (l.n[i] > 0)
            st = wg_text_printf(ctx, &line, "%s %s%s (%s)", line.bytes > 0 ? ";" : "",
                                l.names[i].text, l.n[i] > NAMED ? " and more" : "", why[i]);
    if (st == WAGLE_OK && line.bytes > 0)
        wg_log(ctx, 0, "%.128s: not copied:%s", folder, line.text);
    for (int i = 0; i < FATES; i++)
        wg_text_free(&l.names[i]);
    wg_text_free(&line);
    return st;
}
