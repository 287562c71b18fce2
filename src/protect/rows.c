/* rows.c - loads the rows to protect. */
#include "protect/factors.h"

#include "io/source.h"
#include "protect/self_rows.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PIECE = 256, SELF_MOST = 65536 };

typedef enum source { ROWS_OF_FILE, ROWS_OF_TEXT, ROWS_OF_RETAIN, ROWS_OF_SELF } source;

/* The kind of an entry of --protect. */
static source source_of(const char *entry)
{
    if (strcmp(entry, "retain") == 0)
        return ROWS_OF_RETAIN;
    if (strcmp(entry, "self") == 0 || strncmp(entry, "self:", 5) == 0)
        return ROWS_OF_SELF;
    return wg_named_text(entry) ? ROWS_OF_TEXT : ROWS_OF_FILE;
}

/* Entry i of the data's files, or NULL past the last. */
static const char *entry_at(const wagle_data *d, int64_t i)
{
    return i == 0 ? d->path : d->path == NULL || d->more == NULL ? NULL : d->more[i - 1];
}

/* N of self:N, or the default. -1 if no number follows the colon. */
static int64_t self_rows(const char *entry)
{
    long n = WG_SELF_ROWS;
    char end;

    if (entry[4] == ':' && (sscanf(entry + 5, "%ld%c", &n, &end) != 1 || n < 1 || n > SELF_MOST))
        return -1;
    return n;
}

bool wg_protect_by_self(const wagle_train_options *o)
{
    for (int64_t i = 0; entry_at(&o->protect, i) != NULL; i++)
        if (source_of(entry_at(&o->protect, i)) == ROWS_OF_SELF)
            return true;
    return false;
}

bool wg_protect_names_file(const char *entry)
{
    const source s = source_of(entry);

    return s == ROWS_OF_FILE || s == ROWS_OF_TEXT;
}

wagle_status wg_protect_check(wagle_ctx *ctx, const wagle_train_options *o, bool plain)
{
    if (o->protect.path == NULL)
        return WAGLE_OK;
    if (o->lora > 0)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{protect} cannot be used with @{lora}, whose adapters change a matrix in "
                       "directions of their own");
    if (!(o->protect_damping > 0) || !isfinite(o->protect_damping))
        return wg_fail(ctx, WAGLE_E_USAGE, "@{protect_damping} %g: must be above 0",
                       o->protect_damping);
    for (int64_t i = 0; entry_at(&o->protect, i) != NULL; i++) {
        const char *entry = entry_at(&o->protect, i);
        if (strcmp(entry, "none") == 0)
            return wg_fail(ctx, WAGLE_E_USAGE,
                           "@{protect=none} turns protection off; leave the others out");
        if (source_of(entry) == ROWS_OF_RETAIN && (plain || o->retain.path == NULL))
            return wg_fail(ctx, WAGLE_E_USAGE,
                           plain ? "@{protect=retain}: finetune has no retain rows; give a file"
                                 : "@{protect=retain} needs @{retain ROWS}");
        if (source_of(entry) == ROWS_OF_SELF && self_rows(entry) < 0)
            return wg_fail(ctx, WAGLE_E_USAGE, "@{protect} %.40s: write self:N with N from 1 to %d",
                           entry, SELF_MOST);
    }
    return WAGLE_OK;
}

/* --- loading -----------------------------------------------------------------------------------
 */

static wagle_status add(wagle_ctx *ctx, const wg_dataset *from, int64_t *room, wg_dataset *all)
{
    if (from->n == 0)
        return WAGLE_OK;
    WG_TRY(WG_GROW(ctx, &all->example, room, all->n + from->n));
    memcpy(all->example + all->n, from->example, (size_t)from->n * sizeof *from->example);
    all->n += from->n;
    all->longest = from->longest > all->longest ? from->longest : all->longest;
    return WAGLE_OK;
}

/* Loads the rows of all files together, so that layout options are checked once. Labels are
 * ignored. */
static wagle_status load_files(wagle_ctx *ctx, wg_session *s, const wagle_data *d,
                               wg_protect_rows *out)
{
    const char **list = NULL;
    wagle_data files = *d;
    int64_t n = 0, count = 0;
    wagle_status st;

    while (entry_at(d, count) != NULL)
        count++;
    WG_TRY(WG_ALLOC(ctx, &list, count + 1));
    for (int64_t i = 0; i < count; i++)
        if (source_of(entry_at(d, i)) == ROWS_OF_FILE)
            list[n++] = entry_at(d, i);
    files.path = list[0];
    files.more = n > 0 ? list + 1 : NULL;
    s->reader.labels_optional = true;
    st = n > 0 ? wg_dataset_load_preferred(ctx, &s->reader, &files, "chosen", &out->files)
               : WAGLE_OK;
    s->reader.labels_optional = false;
    wg_free(list);
    return st;
}

/* Loads a text file in chunks of up to PIECE tokens. */
static wagle_status load_text(wagle_ctx *ctx, wg_session *s, const char *path, int64_t *room,
                              wg_dataset *out)
{
    const int64_t piece = s->reader.max_length < PIECE ? s->reader.max_length : PIECE;
    wg_text text = {0};
    wg_ids ids = {0};
    wagle_status st = wg_reader_tokenizer(ctx, &s->reader);

    if (st == WAGLE_OK)
        st = wg_source_text(ctx, path, &text);
    if (st == WAGLE_OK && !wg_utf8_valid(text.text, (size_t)text.bytes))
        st = wg_fail(ctx, WAGLE_E_INPUT, "%s: not valid UTF-8", path);
    if (st == WAGLE_OK)
        st = wg_encode(ctx, s->reader.tokenizer, text.text, (size_t)text.bytes, true, &ids);
    for (int64_t at = 0; st == WAGLE_OK && at < ids.n; at += piece) {
        const int64_t n = ids.n - at < piece ? ids.n - at : piece;
        int32_t *own = wg_arena_alloc(ctx, &out->arena, (size_t)n * sizeof *own);
        st = own != NULL ? WG_GROW(ctx, &out->example, room, out->n + 1) : WAGLE_E_RESOURCE;
        if (st != WAGLE_OK)
            break;
        memcpy(own, ids.id + at, (size_t)n * sizeof *own);
        out->example[out->n++] = (wg_example){.ids = own, .labels = own, .n = n, .n_labels = n - 1};
        out->longest = n > out->longest ? n : out->longest;
    }
    wg_free(ids.id);
    wg_text_free(&text);
    return st;
}

/* For a dry run: rows with as many tokens as the model would generate. */
static wagle_status stand_in(wagle_ctx *ctx, int64_t n, int64_t tokens, wg_dataset *out)
{
    int32_t *ids = wg_arena_alloc(ctx, &out->arena, (size_t)tokens * sizeof *ids);

    if (ids == NULL)
        return WAGLE_E_RESOURCE;
    WG_TRY(WG_ALLOC(ctx, &out->example, n));
    for (; out->n < n; out->n++)
        out->example[out->n] =
            (wg_example){.ids = ids, .labels = ids, .n = tokens, .n_labels = tokens - 1};
    out->longest = tokens;
    return WAGLE_OK;
}

/* Generates the texts of the last self[:N]. */
static wagle_status write_self(wagle_ctx *ctx, wg_session *s, const wagle_train_options *o,
                               const wg_dataset *forget, wg_protect_rows *out)
{
    wg_self_options how = {.tokens = WG_SELF_TOKENS, .seed = o->seed};

    for (int64_t i = 0; entry_at(&o->protect, i) != NULL; i++)
        if (source_of(entry_at(&o->protect, i)) == ROWS_OF_SELF)
            how.n = self_rows(entry_at(&o->protect, i));
    if (ctx->dry_run && how.n > 0)
        return stand_in(ctx, how.n, how.tokens, &out->self);
    return how.n > 0 ? wg_self_rows(ctx, s, o->forget.path != NULL ? &o->forget : &o->retain,
                                    forget, &how, &out->self, &out->written)
                     : WAGLE_OK;
}

static wagle_status load_entry(wagle_ctx *ctx, wg_session *s, const char *entry,
                               const wg_dataset *retain, int64_t *room, int64_t *texts,
                               wg_protect_rows *out)
{
    switch (source_of(entry)) {
    case ROWS_OF_RETAIN:
        return add(ctx, retain, room, &out->all);
    case ROWS_OF_TEXT:
        return load_text(ctx, s, entry, texts, &out->texts);
    default:
        return WAGLE_OK;
    }
}

wagle_status wg_protect_rows_load(wagle_ctx *ctx, wg_session *s, const wagle_train_options *o,
                                  const wg_dataset *forget, const wg_dataset *retain,
                                  wg_protect_rows *out)
{
    int64_t room = 0, texts = 0;

    if (o->protect.path == NULL)
        return WAGLE_OK;
    WG_TRY(load_files(ctx, s, &o->protect, out));
    for (int64_t i = 0; entry_at(&o->protect, i) != NULL; i++)
        WG_TRY(load_entry(ctx, s, entry_at(&o->protect, i), retain, &room, &texts, out));
    WG_TRY(write_self(ctx, s, o, forget, out));
    WG_TRY(add(ctx, &out->files, &room, &out->all));
    WG_TRY(add(ctx, &out->texts, &room, &out->all));
    WG_TRY(add(ctx, &out->self, &room, &out->all));
    return wg_protect_tokens(&out->all) > 0 ? WAGLE_OK
                                            : wg_fail(ctx, WAGLE_E_INPUT,
                                                      "@{protect} %.200s: no row has two tokens or "
                                                      "more, so there is nothing to protect",
                                                      o->protect.path);
}

void wg_protect_rows_free(wg_protect_rows *rows)
{
    wg_free(rows->all.example); /* the rows belong to the other data sets */
    rows->all = (wg_dataset){0};
    wg_dataset_free(&rows->files);
    wg_dataset_free(&rows->texts);
    wg_dataset_free(&rows->self);
    wg_text_free(&rows->written);
}
