/* paths.c - files that options name are there before anything is read: which option names a file
 * that is not, and what may be meant. Model folders are the library's to look at. */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char files[] = "data forget retain scores mask refusal rmu-control pairs recompute "
                            "file config";
static const char folders[] = "reference tofu";

/* FILE@WEIGHT is FILE, unless a file has that very name. */
static void without_weight(const char *path, char out[4096])
{
    const char *at = strrchr(path, '@');
    char *end = NULL;

    if (at != NULL)
        strtod(at + 1, &end);
    snprintf(out, 4096, "%.*s",
             end != NULL && end > at + 1 && *end == '\0' ? (int)(at - path) : 4095, path);
}

static bool exists(const char *path, bool folder)
{
    struct stat s;
    char file[4096];

    if (stat(path, &s) != 0) {
        without_weight(path, file);
        if (folder || stat(file, &s) != 0)
            return false;
    }
    return !folder || S_ISDIR(s.st_mode);
}

static wagle_status missing(const char *option, const char *path, bool folder)
{
    struct stat s;
    const bool there = stat(path, &s) == 0;

    cli_refuse("--%s %s: %s", option, path,
               there    ? "a file; a folder is wanted"
               : folder ? "no such folder"
                        : "no such file");
    return WAGLE_E_INPUT;
}

static wagle_status check(const cli_option *t, const char *path, bool folder)
{
    return path == NULL || exists(path, folder) ? WAGLE_OK : missing(t->name, path, folder);
}

wagle_status cli_check_paths(const cli_command *c, const cli_options *o)
{
    for (const cli_option *t = cli_table; t->name != NULL; t++) {
        const bool folder = cli_listed(folders, t->name);
        const void *at = (const char *)o + t->place;
        wagle_status st = WAGLE_OK;
        if (!cli_applies(c, t->name) || (!folder && !cli_listed(files, t->name)))
            continue;
        if (t->kind == CLI_TEXT)
            st = check(t, *(const char *const *)at, folder);
        for (int i = 0; t->kind == CLI_TEXTS && st == WAGLE_OK && i < CLI_LIST; i++)
            st = check(t, ((const char *const *)at)[i], folder);
        if (st != WAGLE_OK)
            return st;
    }
    return WAGLE_OK;
}
