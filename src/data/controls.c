#include "data/controls.h"

#include "base/number.h"
#include "data/conversation.h"
#include "data/example.h"
#include "data/held.h"
#include "data/names.h"
#include "io/rows.h"
#include <string.h>

/* A forget row, and whether its question contains a name. */
typedef struct row {
    wg_record record;
    wg_record_kind kind;
    bool prompted, named;
    uint64_t form; /* hash of its question without names (wg_names_form) */
} row;

typedef struct builder {
    wagle_ctx *ctx;
    const wagle_data *data;
    const wg_dataset *forget;
    wg_rows *file; /* [n_files] */
    int64_t n_files, files_capacity;
    row *row; /* [n] */
    int64_t n, capacity;
    wg_names *names;
    int64_t *other; /* [n] row whose answer a row gets; -1: its own */
    wg_arena arena;
    uint64_t seed, stream;
    wg_controls *out;
} builder;

/* --- reading the forget rows ------------------------------------------------------------------ */

/* Rows [n], which stay where they are. */
static wagle_status add_rows(builder *m, const wg_rows *rows, int64_t n, const char *path)
{
    WG_TRY(WG_GROW(m->ctx, &m->row, &m->capacity, m->n + n));
    for (int64_t i = 0; i < n; i++) {
        row *r = &m->row[m->n];
        *r = (row){.record = {rows->row[i], path, rows->line[i]}};
        WG_TRY(wg_record_kind_of(m->ctx, m->data, &r->record, true, &r->kind));
        m->n++;
    }
    return WAGLE_OK;
}

static wagle_status read_file(builder *m, const char *entry)
{
    const char *path;
    float weight;
    wg_rows *file;

    WG_TRY(WG_GROW(m->ctx, &m->file, &m->files_capacity, m->n_files + 1));
    file = &m->file[m->n_files++];
    *file = (wg_rows){0};
    WG_TRY(wg_data_entry(m->ctx, entry, &m->arena, &path, &weight));
    const wg_rows_select select = wg_data_select(m->data, false);
    WG_TRY(wg_rows_read(m->ctx, path, &select, file));
    return add_rows(m, file, file->n, path);
}

/* Whether a row has a prompt. Plain text has none; a row of tokens has one if tokens precede the
 * labels. */
static bool has_prompt(const builder *m, int64_t i)
{
    const row *r = &m->row[i];

    return r->kind == WG_RECORD_TOKENS ? wg_example_given(&m->forget->example[i]) > 1
                                       : r->kind != WG_RECORD_TEXT;
}

static wagle_status read_rows(builder *m)
{
    if (m->data->rows != NULL)
        WG_TRY(add_rows(m, &m->data->rows->rows, m->forget->n, m->data->path));
    else
        WG_TRY(read_file(m, m->data->path));
    for (const char *const *more = m->data->more; more != NULL && *more != NULL; more++)
        WG_TRY(read_file(m, *more));
    if (m->n != m->forget->n)
        return wg_fail(m->ctx, WAGLE_E_INPUT, "%s: changed while it was read", m->data->path);
    for (int64_t i = 0; i < m->n; i++)
        m->row[i].prompted = has_prompt(m, i);
    return WG_ALLOC(m->ctx, &m->other, m->n);
}

/* --- texts of a row --------------------------------------------------------------------------- */

typedef wagle_status text_fn(builder *m, void *user, wg_str text);

/* Calls f for every text in a value, except the names of roles. */
static wagle_status for_each_text(builder *m, const json_t *value, text_fn *f, void *user)
{
    const char *key;
    json_t *part;
    size_t i;

    if (json_is_string(value))
        return f(m, user, wg_json_str(value));
    json_array_foreach (value, i, part)
        WG_TRY(for_each_text(m, part, f, user));
    json_object_foreach ((json_t *)(uintptr_t)value, key, part)
        if (strcmp(key, "role") != 0 && strcmp(key, "from") != 0)
            WG_TRY(for_each_text(m, part, f, user));
    return WAGLE_OK;
}

/* Calls f for the texts of a question's column: a text, or the user's messages in a list. */
static wagle_status for_each_question_text(builder *m, const json_t *value, text_fn *f, void *user)
{
    json_t *message;
    size_t i;

    if (!wg_is_messages(value))
        return for_each_text(m, value, f, user);
    json_array_foreach (value, i, message)
        if (wg_is_users(message))
            WG_TRY(for_each_text(m, message, f, user));
    return WAGLE_OK;
}

static bool is_column(const char *key, const char *column)
{
    return column != NULL && strcmp(key, column) == 0;
}

/* Calls f for the texts of a row's question. With --prompt, these are all columns but the answer's.
 */
static wagle_status for_each_question(builder *m, const row *r, text_fn *f, void *user)
{
    const wg_columns c = wg_record_columns(m->data, &r->record);
    const char *key;
    json_t *value;

    if (r->kind == WG_RECORD_CHAT)
        return for_each_question_text(m, json_object_get(r->record.fields, c.messages), f, user);
    if (r->kind != WG_RECORD_QUESTION)
        return WAGLE_OK;
    if (m->data->prompt == NULL)
        return for_each_question_text(m, json_object_get(r->record.fields, c.prompt), f, user);
    json_object_foreach ((json_t *)(uintptr_t)r->record.fields, key, value)
        if (!is_column(key, c.answer) && !is_column(key, c.facts))
            WG_TRY(for_each_question_text(m, value, f, user));
    return WAGLE_OK;
}

static wagle_status read_text(builder *m, void *user, wg_str text)
{
    (void)user;
    return wg_names_read(m->ctx, m->names, text);
}

static wagle_status find_names(builder *m, void *user, wg_str text)
{
    bool any;

    WG_TRY(wg_names_find(m->ctx, m->names, text, &any));
    *(bool *)user |= any;
    return WAGLE_OK;
}

static wagle_status find_form(builder *m, void *user, wg_str text)
{
    uint64_t form;

    WG_TRY(wg_names_form(m->ctx, m->names, text, &form));
    *(uint64_t *)user = *(uint64_t *)user * 31 + form;
    return WAGLE_OK;
}

/* Searches twice, because a name at the start of a sentence may be recognisable only from a later
 * row.
 */
static wagle_status find_all_names(builder *m)
{
    WG_TRY(wg_names_new(m->ctx, &m->names));
    for (int64_t i = 0; i < m->n; i++)
        if (m->row[i].kind != WG_RECORD_TOKENS)
            WG_TRY(for_each_text(m, m->row[i].record.fields, read_text, NULL));
    for (int64_t i = 0; i < 2 * m->n; i++)
        WG_TRY(for_each_question(m, &m->row[i % m->n], find_names, &m->row[i % m->n].named));
    for (int64_t i = 0; i < m->n; i++)
        WG_TRY(for_each_question(m, &m->row[i], find_form, &m->row[i].form));
    m->out->names = wg_names_count(m->names);
    return WAGLE_OK;
}

/* --- answers of other rows -------------------------------------------------------------------- */

static bool same_answer(const builder *m, int64_t a, int64_t b)
{
    const wg_example *x = &m->forget->example[a], *y = &m->forget->example[b];
    const int64_t from = wg_example_given(x), other = wg_example_given(y);

    if (m->row[a].kind != WG_RECORD_TOKENS)
        return wg_str_equal(x->answer[0], y->answer[0]);
    return x->n - from == y->n - other &&
           memcmp(x->ids + from, y->ids + other, (size_t)(x->n - from) * sizeof *x->ids) == 0;
}

/* Chooses the row whose answer row i gets: the one `shift` positions later, or the next one with a
 * different answer. Rows that ask the same about somebody else are preferred. */
static int64_t partner(const builder *m, int64_t i, int64_t shift)
{
    const row *r = &m->row[i];

    for (int64_t k = 0; k < 2 * m->n; k++) {
        const int64_t j = (i + shift + k) % m->n;
        const row *o = &m->row[j];
        if (o->prompted && (r->kind == WG_RECORD_TOKENS) == (o->kind == WG_RECORD_TOKENS) &&
            (k >= m->n || (r->kind != WG_RECORD_TOKENS && r->form == o->form)) &&
            !same_answer(m, i, j))
            return j;
    }
    return -1;
}

static void pair_rows(builder *m, int draw)
{
    const int64_t shift =
        m->n > 1 ? 1 + wg_random_below(m->seed, m->stream, (uint64_t)draw << 32, m->n - 1) : 0;

    for (int64_t i = 0; i < m->n; i++)
        m->other[i] = m->row[i].prompted ? partner(m, i, shift) : -1;
}

static json_t *numbers(const int32_t *x, int64_t n)
{
    json_t *list = json_array();

    for (int64_t i = 0; list != NULL && i < n; i++)
        if (json_array_append_new(list, json_integer(x[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    return list;
}

/* A row of the tokens of row i's prompt and of row j's answer. */
static wagle_status pair_tokens(builder *m, int64_t i, int64_t j, json_t **out)
{
    const wg_example *x = &m->forget->example[i], *y = &m->forget->example[j];
    const int64_t own = wg_example_given(x), from = wg_example_given(y);
    json_t *ids = numbers(x->ids, own), *rest = numbers(y->ids + from, y->n - from);
    json_t *labels = json_array(), *more = numbers(y->labels + from, y->n - from);
    bool good = ids != NULL && rest != NULL && labels != NULL && more != NULL;

    for (int64_t k = 0; good && k < own; k++)
        good = json_array_append_new(labels, json_integer(WG_NO_LABEL)) == 0;
    good = good && json_array_extend(ids, rest) == 0 && json_array_extend(labels, more) == 0;
    *out = good ? json_pack("{s:O, s:O}", "input_ids", ids, "labels", labels) : NULL;
    json_decref(ids);
    json_decref(rest);
    json_decref(labels);
    json_decref(more);
    return *out != NULL ? WAGLE_OK : wg_json_memory(m->ctx);
}

/* A copy of row i with row j's facts. */
static wagle_status pair_facts(builder *m, int64_t i, int64_t j, json_t **out)
{
    const char *column = m->data->facts_field;
    json_t *facts = column != NULL ? json_object_get(m->row[j].record.fields, column) : NULL;

    *out = json_deep_copy(m->row[i].record.fields);
    if (*out == NULL)
        return wg_json_memory(m->ctx);
    if (column != NULL)
        json_object_del(*out, column);
    return facts != NULL ? wg_json_set(m->ctx, *out, column, json_incref(facts)) : WAGLE_OK;
}

/* A copy of row i with row j's answer. */
static wagle_status pair_texts(builder *m, int64_t i, int64_t j, json_t **out)
{
    const row *r = &m->row[i];
    const wg_columns c = wg_record_columns(m->data, &r->record);
    const wg_str answer = m->forget->example[j].answer[0];
    json_t *text = json_stringn(answer.text, answer.bytes), *messages, *last;

    const wagle_status st = pair_facts(m, i, j, out);
    if (st != WAGLE_OK || text == NULL) {
        json_decref(text);
        return st != WAGLE_OK ? st : wg_json_memory(m->ctx);
    }
    if (r->kind == WG_RECORD_QUESTION)
        return wg_json_set(m->ctx, *out, c.answer, text);
    messages = json_object_get(*out, c.messages);
    last = json_array_get(messages, json_array_size(messages) - 1);
    return wg_json_set(m->ctx, last, wg_message_key(last), text);
}

/* --- invented names --------------------------------------------------------------------------- */

static wagle_status rename_value(builder *m, const json_t *value, json_t **out);

static wagle_status rename_text(builder *m, const json_t *value, json_t **out)
{
    wg_text text = {0};
    wagle_status st = wg_names_replace(m->ctx, m->names, wg_json_str(value), &text);

    if (st == WAGLE_OK)
        *out = json_stringn(text.text, (size_t)text.bytes);
    wg_text_free(&text);
    return st == WAGLE_OK && *out == NULL ? wg_json_memory(m->ctx) : st;
}

static wagle_status rename_list(builder *m, const json_t *value, json_t **out)
{
    json_t *part;
    size_t i;

    *out = json_array();
    if (*out == NULL)
        return wg_json_memory(m->ctx);
    json_array_foreach (value, i, part) {
        json_t *renamed = NULL;
        WG_TRY(rename_value(m, part, &renamed));
        if (json_array_append_new(*out, renamed) != 0)
            return wg_json_memory(m->ctx);
    }
    return WAGLE_OK;
}

static wagle_status rename_object(builder *m, const json_t *value, json_t **out)
{
    const char *key;
    json_t *part;

    *out = json_object();
    if (*out == NULL)
        return wg_json_memory(m->ctx);
    json_object_foreach ((json_t *)(uintptr_t)value, key, part) {
        json_t *renamed = NULL;
        if (strcmp(key, "role") == 0 || strcmp(key, "from") == 0)
            renamed = json_incref(part);
        else
            WG_TRY(rename_value(m, part, &renamed));
        WG_TRY(wg_json_set(m->ctx, *out, key, renamed));
    }
    return WAGLE_OK;
}

/* Copies a value with invented names. After failure, *out may be a partial copy. */
static wagle_status rename_value(builder *m, const json_t *value, json_t **out)
{
    if (json_is_string(value))
        return rename_text(m, value, out);
    if (json_is_array(value))
        return rename_list(m, value, out);
    if (json_is_object(value))
        return rename_object(m, value, out);
    *out = json_incref((json_t *)(uintptr_t)value);
    return WAGLE_OK;
}

/* --- draws ------------------------------------------------------------------------------------ */

static wagle_status add_line(builder *m, int64_t i, bool paired, const json_t *value)
{
    wg_controls *out = m->out;
    char *line = NULL;
    wagle_status st = wg_json_text(m->ctx, value, false, &line);

    if (st == WAGLE_OK)
        st = WG_GROW(m->ctx, &out->control, &out->capacity, out->n + 1);
    if (st == WAGLE_OK) {
        wg_control *c = &out->control[out->n];
        *c = (wg_control){i, paired, wg_strz(line)};
        c->line.text = wg_arena_text(m->ctx, &out->arena, line, c->line.bytes);
        st = c->line.text != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
    }
    out->n += st == WAGLE_OK;
    wg_free(line);
    return st;
}

static wagle_status add_row(builder *m, int64_t i, bool paired)
{
    const row *r = &m->row[i];
    json_t *whole = NULL, *renamed = NULL;
    wagle_status st = WAGLE_OK;

    if (!paired)
        whole = json_incref((json_t *)(uintptr_t)r->record.fields);
    else if (r->kind == WG_RECORD_TOKENS)
        st = pair_tokens(m, i, m->other[i], &whole);
    else
        st = pair_texts(m, i, m->other[i], &whole);
    if (st == WAGLE_OK)
        st = rename_value(m, whole, &renamed);
    if (st == WAGLE_OK)
        st = add_line(m, i, paired, renamed);
    json_decref(whole);
    json_decref(renamed);
    return st;
}

static wagle_status make_draw(builder *m, int draw)
{
    const uint64_t stream = (uint64_t)(draw + 1) << 8 | (m->stream & 0xFF);

    WG_TRY(wg_names_invent(m->ctx, m->names, m->seed, stream));
    pair_rows(m, draw);
    for (int64_t i = 0; i < m->n; i++) {
        if (m->row[i].named)
            WG_TRY(add_row(m, i, false));
        if (m->other[i] >= 0)
            WG_TRY(add_row(m, i, true));
    }
    return WAGLE_OK;
}

wagle_status wg_controls_make(wagle_ctx *ctx, const wagle_data *data, const wg_dataset *forget,
                              const wagle_tokenizer *tokenizer, int64_t V, int draws, uint64_t seed,
                              uint64_t stream, wg_controls *out)
{
    builder m = {
        .ctx = ctx, .data = data, .forget = forget, .seed = seed, .stream = stream, .out = out};
    wagle_status st;

    *out = (wg_controls){0};
    st = read_rows(&m);
    if (st == WAGLE_OK)
        st = find_all_names(&m);
    if (st == WAGLE_OK && tokenizer != NULL)
        st = wg_names_from_vocabulary(ctx, m.names, tokenizer, V);
    for (int draw = 0; st == WAGLE_OK && draw < draws; draw++)
        st = make_draw(&m, draw);
    for (int64_t i = 0; i < m.n_files; i++)
        wg_rows_free(&m.file[i]);
    wg_free(m.file);
    wg_free(m.row);
    wg_free(m.other);
    wg_names_free(m.names);
    wg_arena_free(&m.arena);
    return st;
}

void wg_controls_free(wg_controls *c)
{
    wg_free(c->control);
    wg_arena_free(&c->arena);
    *c = (wg_controls){0};
}
