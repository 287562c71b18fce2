/* output.c - checks before work starts whether a command may write its output. */
#include "base/file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Truncates a path to its folder: "." for a bare name. */
static void cut_name(char path[PATH_MAX])
{
    char *slash = strrchr(path, '/');

    if (slash == NULL)
        memcpy(path, ".", 2);
    else
        slash[slash == path] = '\0';
}

static bool copy_path(const char *path, char out[PATH_MAX])
{
    size_t n = strlen(path);

    while (n > 1 && path[n - 1] == '/')
        n--;
    if (n == 0 || n >= PATH_MAX)
        return false;
    memcpy(out, path, n);
    out[n] = '\0';
    return true;
}

/* The folder of `path`, which need not exist, without symbolic links. */
static bool real_parent(const char *path, char out[PATH_MAX])
{
    char plain[PATH_MAX];

    if (!copy_path(path, plain))
        return false;
    cut_name(plain);
    return realpath(plain, out) != NULL;
}

static bool same_file(const char *path, const struct stat *other)
{
    struct stat info;

    return stat(path, &info) == 0 && info.st_dev == other->st_dev && info.st_ino == other->st_ino;
}

/* Whether a real path is `folder` or is inside it. */
static bool lies_in(const char *real, const struct stat *folder)
{
    char path[PATH_MAX];

    if (!copy_path(real, path))
        return false;
    while (!same_file(path, folder)) {
        if (strcmp(path, "/") == 0 || strcmp(path, ".") == 0)
            return false;
        cut_name(path);
    }
    return true;
}

/* Resolves an input. FILE@WEIGHT means FILE, unless a file has exactly that name. */
static bool find_input(const char *input, char real[PATH_MAX])
{
    char name[PATH_MAX];
    char *at;

    if (realpath(input, real) != NULL)
        return true;
    if (!copy_path(input, name) || (at = strrchr(name, '@')) == NULL)
        return false;
    *at = '\0';
    return realpath(name, real) != NULL;
}

static wagle_status spares(wagle_ctx *ctx, const char *path, const char *input)
{
    char real_input[PATH_MAX], real[PATH_MAX];
    struct stat in, out;

    if (!find_input(input, real_input) || stat(real_input, &in) != 0)
        return WAGLE_OK;
    if (same_file(path, &in))
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "%.256s: is the input %.256s; an output never replaces an input", path,
                       input);
    if (S_ISDIR(in.st_mode) && real_parent(path, real) && lies_in(real, &in))
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "%.256s: lies in the input %.256s; an output never replaces an input", path,
                       input);
    if (stat(path, &out) == 0 && S_ISDIR(out.st_mode) && lies_in(real_input, &out))
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "%.256s: the input %.256s lies in it; an output never replaces an "
                       "input",
                       path, input);
    return WAGLE_OK;
}

wagle_status wg_output_spares(wagle_ctx *ctx, const char *path, const char *input)
{
    /* suffixes of temporary files beside the output */
    static const char *const made[] = {"", ".partial", ".unsigned", ".models"};
    char name[PATH_MAX];

    for (size_t i = 0; path != NULL && input != NULL && i < sizeof made / sizeof *made; i++)
        if (snprintf(name, sizeof name, "%s%s", path, made[i]) < (int)sizeof name)
            WG_TRY(spares(ctx, name, input));
    return WAGLE_OK;
}

wagle_status wg_output_spares_data(wagle_ctx *ctx, const char *path, const wagle_data *data)
{
    WG_TRY(wg_output_spares(ctx, path, data->path));
    for (const char *const *more = data->more; more != NULL && *more != NULL; more++)
        WG_TRY(wg_output_spares(ctx, path, *more));
    return WAGLE_OK;
}

/* The path without symbolic links; it need not exist. */
static bool real_path(const char *path, char out[PATH_MAX])
{
    char plain[PATH_MAX];
    size_t n;

    if (realpath(path, out) != NULL)
        return true;
    if (!copy_path(path, plain) || !real_parent(path, out))
        return false;
    n = strlen(out);
    return snprintf(out + n, PATH_MAX - n, "/%s", wg_path_name(plain)) < (int)(PATH_MAX - n);
}

wagle_status wg_output_apart(wagle_ctx *ctx, const char *path, const char *folder)
{
    static const char *const made[] = {"", ".partial"};
    char name[PATH_MAX], real[PATH_MAX], other[PATH_MAX];

    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        size_t n = strlen(folder);
        while (n > 1 && folder[n - 1] == '/')
            n--;
        snprintf(name, sizeof name, "%.*s%s", (int)n, folder, made[i]);
        if (!real_path(path, real) || !real_path(name, other))
            continue;
        n = strlen(other);
        if (strncmp(real, other, n) == 0 && (real[n] == '\0' || real[n] == '/'))
            return wg_fail(ctx, WAGLE_E_USAGE, "%.256s: is, or lies in, the output folder %.256s",
                           path, name);
    }
    return WAGLE_OK;
}

wagle_status wg_output_check(wagle_ctx *ctx, const char *path, bool force,
                             const char *const *inputs, int n)
{
    char folder[PATH_MAX];
    struct stat info;

    if (!copy_path(path, folder))
        return wg_fail(ctx, WAGLE_E_USAGE, "@{out} '%.64s': not the name of a file or folder",
                       path);
    for (int i = 0; i < n; i++)
        WG_TRY(wg_output_spares(ctx, path, inputs[i]));
    WG_TRY(wg_output_spares(ctx, path, ctx->adapter));
    WG_TRY(wg_check_absent(ctx, path, force));
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))
        return wg_fail(ctx, WAGLE_E_USAGE, "%s: is neither a file nor a folder", path);
    cut_name(folder);
    if (access(folder, W_OK | X_OK) != 0)
        return wg_fail_errno(ctx, errno, "%s: cannot be written", path);
    return stat(folder, &info) == 0 && S_ISDIR(info.st_mode)
               ? WAGLE_OK
               : wg_fail_errno(ctx, ENOTDIR, "%s: cannot be written", path);
}
