#include "data/distinct.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* The i-th file of a set, NULL past the last. */
static const char *file_of(const wagle_data *d, int i)
{
    if (i == 0)
        return d->path;
    return d->more != NULL ? d->more[i - 1] : NULL;
}

/* FILE, or FILE@WEIGHT. */
static bool look(const char *path, struct stat *out)
{
    char file[4096];
    const char *at = strrchr(path, '@');

    if (stat(path, out) == 0)
        return true;
    if (at == NULL || at - path >= (int)sizeof file)
        return false;
    snprintf(file, sizeof file, "%.*s", (int)(at - path), path);
    return stat(file, out) == 0;
}

void wg_data_warn_shared(wagle_ctx *ctx, const wagle_data *forget, const wagle_data *retain)
{
    const char *a, *b;

    for (int i = 0; (a = file_of(forget, i)) != NULL; i++)
        for (int k = 0; (b = file_of(retain, k)) != NULL; k++) {
            struct stat s, t;
            if (look(a, &s) && look(b, &t) && s.st_dev == t.st_dev && s.st_ino == t.st_ino)
                wg_log(ctx, 0,
                       "--forget %s and --retain %s are the same file: what is to be forgotten is "
                       "kept too",
                       a, b);
        }
}
