#include "gguf/unpack.h"

#include "base/place.h"
#include "base/text.h"
#include "gguf/import.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static wagle_status new_folder(wagle_ctx *ctx, char **out)
{
    const char *place = getenv("TMPDIR"); /* POSIX: where programs make temporary files */
    wg_text path = {0};

    WG_TRY(wg_text_printf(ctx, &path, "%s/wagle-XXXXXX",
                          place != NULL && *place != '\0' ? place : "/tmp"));
    *out = path.text;
    if (mkdtemp(path.text) != NULL)
        return WAGLE_OK;
    const int error = errno;
    const wagle_status st = wg_fail_errno(ctx, error, "%s: cannot be created", path.text);
    wg_free(path.text);
    *out = NULL;
    return st;
}

static wagle_status forget_weights(wagle_ctx *ctx, const char *folder)
{
    char *path = wg_path_join(ctx, folder, "model.safetensors");

    if (path == NULL)
        return WAGLE_E_RESOURCE;
    unlink(path);
    wg_free(path);
    return WAGLE_OK;
}

static wagle_status open_gguf(wagle_ctx *ctx, const char *gguf, wg_model **out, char **folder)
{
    wagle_status st;

    *out = NULL;
    if (ctx->shared != NULL) /* each process would have a folder of its own */
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{share_weights}: %s is a GGUF file; import it first (wagle import)", gguf);
    WG_TRY(new_folder(ctx, folder));
    st = wg_import_files(ctx, gguf, *folder, true);
    if (st == WAGLE_OK)
        st = wg_model_open(ctx, *folder, out);
    if (st == WAGLE_OK)
        st = forget_weights(ctx, *folder);
    if (st == WAGLE_OK)
        wg_log(ctx, 1, "%s: unpacked to %s while it is in use", gguf, *folder);
    else {
        wg_model_close(*out);
        *out = NULL;
        wg_unpacked_remove(*folder);
        *folder = NULL;
    }
    return st;
}

wagle_status wg_model_open_path(wagle_ctx *ctx, const char *path, wg_model **out, char **folder)
{
    *folder = NULL;
    return path != NULL && wg_is_gguf(path) ? open_gguf(ctx, path, out, folder)
                                            : wg_model_open(ctx, path, out);
}

wagle_status wg_gguf_unpack_texts(wagle_ctx *ctx, const char *gguf, char **folder)
{
    WG_TRY(new_folder(ctx, folder));
    const wagle_status st = wg_import_files(ctx, gguf, *folder, false);
    if (st != WAGLE_OK) {
        wg_unpacked_remove(*folder);
        *folder = NULL;
    }
    return st;
}

void wg_unpacked_remove(char *folder)
{
    if (folder != NULL)
        wg_remove_tree(folder);
    wg_free(folder);
}
