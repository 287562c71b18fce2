#include "base/place.h"

#include "base/file.h"
#include "base/text.h"
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

/* Whether a name looks like OWNER/NAME, a model on the Hugging Face hub. */
static bool looks_like_hub_name(const char *name)
{
    int slashes = 0;

    for (const char *p = name; *p != '\0'; p++) {
        slashes += *p == '/';
        if (!isalnum((unsigned char)*p) && strchr("/-_.", *p) == NULL)
            return false;
    }
    return slashes == 1 && isalnum((unsigned char)name[0]) && !wg_ends_with(name, "/");
}

bool wg_is_gguf(const char *path)
{
    char head[4] = "";
    FILE *file = fopen(path, "rb");
    const size_t n = file != NULL ? fread(head, 1, sizeof head, file) : 0;

    if (file != NULL)
        fclose(file);
    return n == sizeof head && memcmp(head, "GGUF", sizeof head) == 0;
}

/* Finds the first entry of a folder whose name has this ending. */
static bool find_ending(const char *folder, const char *ending, char out[256])
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    bool found = false;

    while (dir != NULL && !found && (entry = readdir(dir)) != NULL) {
        found = wg_ends_with(entry->d_name, ending);
        snprintf(out, 256, "%s", entry->d_name);
    }
    if (dir != NULL)
        closedir(dir);
    return found;
}

static bool has(const char *folder, const char *name)
{
    char path[4096];

    return snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path && wg_exists(path);
}

static wagle_status not_a_folder(wagle_ctx *ctx, const char *path)
{
    if (wg_is_gguf(path))
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: a GGUF file, not a model folder; import it first: wagle import %s "
                       "--out DIR",
                       path, path);
    if (wg_exists(path))
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: a file; give the model folder, which holds config.json and the weights",
                       path);
    if (looks_like_hub_name(path))
        return wg_fail(
            ctx, WAGLE_E_INPUT,
            "%s: no such model folder; if it is a name on the Hugging Face hub, download "
            "it first (hf download %s --local-dir DIR): wagle reads local folders",
            path, path);
    return wg_fail(ctx, WAGLE_E_INPUT, "%s: no such model folder", path);
}

wagle_status wg_model_place(wagle_ctx *ctx, const char *folder)
{
    char name[256];

    if (!wg_is_folder(folder))
        return not_a_folder(ctx, folder);
    if (has(folder, "config.json"))
        return WAGLE_OK;
    if (find_ending(folder, ".gguf", name))
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: no config.json in this folder, but %s: import it first (wagle import)",
                       folder, name);
    if (has(folder, "snapshots"))
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: no config.json in this folder; it belongs to the Hugging Face cache; "
                       "the model is in a folder below snapshots/",
                       folder);
    if (has(folder, "adapter_config.json"))
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: no config.json in this folder: it holds only an adapter; name the "
                       "folder of its model, and this one as @{adapter}",
                       folder);
    if (has(folder, "manifest.json"))
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: no config.json in this folder; it is an unfinished run (continue it "
                       "with @{resume=true})",
                       folder);
    return wg_fail(ctx, WAGLE_E_INPUT,
                   "%s: no config.json in this folder, so it is not a model folder", folder);
}
