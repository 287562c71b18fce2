/* redact.c - replaces the texts of the saved rows by hashes (--redact). */
#include "data/redact.h"
#include "forget/forget.h"

#include <string.h>

static wagle_status redact_file(wagle_ctx *ctx, const char *path)
{
    wg_text rows = {0}, out = {0};
    wagle_status st = wg_read_text(ctx, path, &rows);

    if (st == WAGLE_OK)
        st = wg_redact_lines(ctx, path, &rows, &out);
    if (st == WAGLE_OK)
        st = wg_write_file(ctx, path, out.text, (size_t)out.bytes, true);
    wg_text_free(&rows);
    wg_text_free(&out);
    return st;
}

/* Skips log.jsonl, which contains only numbers. */
static wagle_status redact_folder(wg_forget *f, const char *folder)
{
    char **names = NULL;
    wagle_status st = folder != NULL ? wg_list_folder(f->ctx, folder, &names) : WAGLE_E_RESOURCE;

    for (char **name = names; st == WAGLE_OK && *name != NULL; name++) {
        char *path;
        if (!wg_ends_with(*name, ".jsonl") || strcmp(*name, "log.jsonl") == 0)
            continue;
        path = wg_path_join(f->ctx, folder, *name);
        st = path != NULL ? redact_file(f->ctx, path) : WAGLE_E_RESOURCE;
        wg_free(path);
    }
    if (names != NULL)
        wg_free_names(names);
    return st;
}

wagle_status wg_forget_redact(wg_forget *f)
{
    static const char *const folders[] = {"rows", "evidence", "model"};

    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        WG_TRY(redact_folder(f, wg_forget_path(f, "%s", folders[i])));
    return WAGLE_OK;
}
