#include "data/distinct.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* The i-th file of a set, or NULL past the last. */
static const char *file_of(const wagle_data *d, int i)
{
    if (i == 0)
        return d->path;
    return d->more != NULL ? d->more[i - 1] : NULL;
}

/* stat of FILE or FILE@WEIGHT. */
static bool stat_entry(const char *path, struct stat *out)
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

/* Calls visit (or NULL) for each file that is in both sets. Returns whether there is one. */
static bool for_each_shared(wagle_ctx *ctx, const wagle_data *forget, const wagle_data *retain,
                            void (*visit)(wagle_ctx *ctx, const char *a, const char *b))
{
    const char *a, *b;
    bool any = false;

    if (forget->rows != NULL && forget->rows == retain->rows && visit != NULL)
        visit(ctx, forget->path, retain->path);
    if (forget->rows != NULL || retain->rows != NULL)
        return forget->rows == retain->rows;
    for (int i = 0; (a = file_of(forget, i)) != NULL; i++)
        for (int k = 0; (b = file_of(retain, k)) != NULL; k++) {
            struct stat s, t;
            if (!stat_entry(a, &s) || !stat_entry(b, &t) || s.st_dev != t.st_dev ||
                s.st_ino != t.st_ino)
                continue;
            any = true;
            if (visit != NULL)
                visit(ctx, a, b);
        }
    return any;
}

static void warn_shared(wagle_ctx *ctx, const char *a, const char *b)
{
    wg_log(
        ctx, 0,
        "@{forget} %s and @{retain} %s are the same file, so the same rows are forgotten and kept",
        a, b);
}

void wg_data_warn_shared(wagle_ctx *ctx, const wagle_data *forget, const wagle_data *retain)
{
    (void)for_each_shared(ctx, forget, retain, warn_shared);
}

bool wg_data_share(const wagle_data *forget, const wagle_data *retain)
{
    return for_each_shared(NULL, forget, retain, NULL);
}
