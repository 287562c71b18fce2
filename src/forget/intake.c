/* intake.c - the data to forget, as rows of questions and answers in rows/forget.jsonl. */
#include "data/record.h"
#include "forget/forget.h"

#include <string.h>

enum { PREVIEW_ROWS = 6 }; /* rows in the preview */

static wagle_status log_understood(wg_forget *f, const char *format, ...) WG_PRINTF(2);

static wagle_status log_understood(wg_forget *f, const char *format, ...)
{
    char text[512];
    wg_text all = {0};
    va_list args;
    wagle_status st;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    st = wg_text_addz(f->ctx, &all, text);
    if (st == WAGLE_OK)
        st = wg_forget_add_select(f, &all);
    if (st == WAGLE_OK) {
        f->understood = wg_arena_text(f->ctx, &f->arena, all.text, (size_t)all.bytes);
        wg_forget_log(f, "%s", all.text);
    }
    wg_text_free(&all);
    return st != WAGLE_OK ? st : f->understood != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

static wagle_status add_list(wagle_ctx *ctx, const char *const *list, const char **between,
                             wg_text *out)
{
    for (; list != NULL && *list != NULL; list++) {
        WG_TRY(wg_text_printf(ctx, out, "%s%s", *between, *list));
        *between = ", ";
    }
    return WAGLE_OK;
}

wagle_status wg_forget_add_select(const wg_forget *f, wg_text *out)
{
    const char *between = " (of the rows with ";

    WG_TRY(add_list(f->ctx, f->o->rows.where, &between, out));
    between = *between == ',' ? "; columns renamed: " : " (columns renamed: ";
    WG_TRY(add_list(f->ctx, f->o->rows.fields, &between, out));
    return *between == ',' || strncmp(between, "; ", 2) == 0 ? wg_text_addz(f->ctx, out, ")")
                                                             : WAGLE_OK;
}

wagle_status wg_forget_write_rows(wg_forget *f, const wg_rows *rows, int64_t every,
                                  const char *path)
{
    wg_text out = {0};
    wagle_status st = WAGLE_OK;

    for (int64_t i = 0; st == WAGLE_OK && i < rows->n; i += every)
        st = wg_json_add_line(f->ctx, rows->row[i], &out);
    if (st == WAGLE_OK)
        st = wg_write_file(f->ctx, path, out.text, (size_t)out.bytes, true);
    wg_text_free(&out);
    return st;
}

/* --- rows from the caller --------------------------------------------------------------------- */

static const char *kind_words(wg_record_kind kind)
{
    return kind == WG_RECORD_QUESTION ? "questions with answers"
           : kind == WG_RECORD_CHAT   ? "conversations"
           : kind == WG_RECORD_TEXT   ? "texts"
                                      : "rows of token ids";
}

/* Refuses texts and token rows: without a question they cannot be reworded or asked about invented
 * people. */
static wagle_status check_kind(wg_forget *f, const wg_rows *rows, wg_record_kind *kind)
{
    for (int64_t i = 0; i < rows->n; i++) {
        const wg_record r = {rows->row[i], f->o->data, rows->line[i]};
        WG_TRY(wg_record_kind_of(f->ctx, &f->o->rows, &r, true, kind));
        if (*kind == WG_RECORD_TEXT || *kind == WG_RECORD_TOKENS)
            return wg_record_fail(
                f->ctx, &r,
                "%s have no question, so that nobody can be asked about them; put "
                "texts into a folder of .txt files and give the folder as @{data}",
                kind_words(*kind));
    }
    return WAGLE_OK;
}

static wagle_status copy_rows(wg_forget *f, const wg_rows *rows, wg_text *out)
{
    wg_record_kind kind = WG_RECORD_QUESTION;

    WG_TRY(check_kind(f, rows, &kind));
    for (int64_t i = 0; i < rows->n; i++)
        WG_TRY(wg_json_add_line(f->ctx, rows->row[i], out));
    f->n_rows = rows->n;
    f->questions = kind == WG_RECORD_QUESTION;
    return log_understood(f, "%s: %lld %s", f->o->data, (long long)rows->n, kind_words(kind));
}

/* --- generated rows --------------------------------------------------------------------------- */

wagle_status wg_forget_add_question(wg_forget *f, const char *question, const char *answer,
                                    wg_text *out)
{
    json_t *row = json_pack("{s:o, s:o}", "question", wg_json_bytes(question), "answer",
                            wg_json_bytes(answer));
    wagle_status st = row != NULL ? wg_json_add_line(f->ctx, row, out) : wg_json_memory(f->ctx);

    f->n_rows += st == WAGLE_OK;
    json_decref(row);
    return st;
}

static wagle_status from_people(wg_forget *f, const wg_rows *rows, wg_text *out)
{
    WG_TRY(wg_people_rows(f, rows, out));
    f->generated = f->questions = true;
    return log_understood(f, "%s: a table of %lld people; %lld questions were made of its columns",
                          f->o->data, (long long)rows->n, (long long)f->n_rows);
}

static wagle_status from_file(wg_forget *f, wg_text *out)
{
    const bool named = f->o->rows.prompt_field != NULL || f->o->rows.text_field != NULL;
    wg_rows rows = {0};
    const wg_rows_select select = wg_data_select(&f->o->rows, false);
    wagle_status st;

    WG_TRY(wg_rows_read(f->ctx, f->o->data, &select, &rows));
    const wg_record first = {rows.n > 0 ? rows.row[0] : NULL, f->o->data, 1};
    const wg_columns columns = wg_record_columns(&f->o->rows, &first);
    const bool plain = columns.prompt != NULL || columns.messages != NULL || columns.text != NULL;
    if (!named && !plain && wg_people_table(&rows))
        st = from_people(f, &rows, out);
    else
        st = copy_rows(f, &rows, out);
    wg_rows_free(&rows);
    return st;
}

static wagle_status from_documents(wg_forget *f, wg_text *out)
{
    WG_TRY(wg_document_rows(f, out));
    f->generated = f->questions = true;
    return log_understood(f, "%s: %lld documents; %lld questions were made of them", f->o->data,
                          (long long)json_array_size(f->subjects), (long long)f->n_rows);
}

/* Shows the first rows to the user. */
static wagle_status preview(wg_forget *f, const char *path, const wg_text *rows, wg_text *out)
{
    const char *at = rows->text;
    size_t bytes;

    WG_TRY(wg_text_printf(f->ctx, out, "%s\n", f->understood));
    for (int i = 0; i < PREVIEW_ROWS; i++) {
        const char *line = wg_next_line(&at, &bytes);
        json_t *row = line != NULL ? json_loadb(line, bytes, 0, NULL) : NULL;
        if (row == NULL)
            break;
        wagle_status st = wg_text_printf(f->ctx, out, "  %s\n    %s\n",
                                         json_string_value(json_object_get(row, "question")),
                                         json_string_value(json_object_get(row, "answer")));
        json_decref(row);
        WG_TRY(st);
    }
    return wg_text_printf(f->ctx, out, "All of them are in %s.", path);
}

static wagle_status confirm(wg_forget *f, const char *path, const wg_text *rows)
{
    wg_text text = {0};
    wagle_status st = preview(f, path, rows, &text);

    if (st == WAGLE_OK && !f->o->confirm(f->o->confirm_user, text.text))
        st = wg_fail(
            f->ctx, WAGLE_E_USAGE,
            "stopped before anything was forgotten; the questions are in %s: give @{confirm=true} "
            "to go on with them, or change them and give the file as @{data}",
            path);
    wg_text_free(&text);
    return st;
}

/* --- the stage -------------------------------------------------------------------------------- */

wagle_status wg_forget_read(wg_forget *f)
{
    const char *path = wg_forget_path(f, "rows/forget.jsonl");
    wg_text rows = {0};
    wagle_status st;

    if (path == NULL)
        return WAGLE_E_RESOURCE;
    st = wg_is_folder(f->o->data) ? from_documents(f, &rows) : from_file(f, &rows);
    if (st == WAGLE_OK &&
        !wg_exists(path)) /* an existing file has the facts column already (invented.c) */
        st = wg_write_file(f->ctx, path, rows.text, (size_t)rows.bytes, true);
    if (st == WAGLE_OK && f->generated && f->o->confirm != NULL)
        st = confirm(f, path, &rows);
    wg_text_free(&rows);
    return st;
}
