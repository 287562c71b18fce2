#include "data/dataset.h"

#include "base/file.h"
#include "io/rows.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct row_reader {
    wagle_ctx *ctx;
    wg_reader *r;
    const wagle_data *data;
    wg_dataset *out;
    const json_t *row;
    const char *path; /* of the file at hand */
    float weight;     /* of its rows */
    int64_t line;
    const wg_chat *chat; /* or NULL */
} row_reader;

void wg_reader_close(wg_reader *r)
{
    wagle_tokenizer_free(r->tokenizer);
    r->tokenizer = NULL;
}

wagle_status wg_reader_tokenizer(wagle_ctx *ctx, wg_reader *r)
{
    return r->tokenizer != NULL ? WAGLE_OK : wagle_tokenizer_open(ctx, r->folder, &r->tokenizer);
}

int32_t wg_reader_eos(const wg_reader *r)
{
    return r->tokenizer != NULL && r->tokenizer->eos >= 0 ? r->tokenizer->eos : r->eos;
}

static wagle_status bad_row(const row_reader *rr, const char *what)
{
    return wg_fail(rr->ctx, WAGLE_E_INPUT, "%s:%lld: %s", rr->path, (long long)rr->line, what);
}

static const char *text_field(const row_reader *rr, const char *chosen, const char *first,
                              const char *second)
{
    const char *found;

    if (chosen != NULL)
        return json_string_value(json_object_get(rr->row, chosen));
    found = json_string_value(json_object_get(rr->row, first));
    return found != NULL || second == NULL ? found
                                           : json_string_value(json_object_get(rr->row, second));
}

static wagle_status missing_field(const row_reader *rr)
{
    const bool no_prompt = text_field(rr, rr->data->prompt_field, "question", "prompt") == NULL;
    const char *chosen = no_prompt ? rr->data->prompt_field : rr->data->answer_field;
    wg_text found = {0};
    const char *key;
    json_t *value;
    wagle_status st = WAGLE_OK;

    json_object_foreach ((json_t *)(uintptr_t)rr->row, key, value) {
        if (st == WAGLE_OK && json_is_string(value))
            st = wg_text_printf(rr->ctx, &found, "%s%.40s", found.bytes ? ", " : "", key);
    }
    if (st == WAGLE_OK)
        st = wg_fail(rr->ctx, WAGLE_E_INPUT,
                     "%s:%lld: no text field '%s' (found: %s); name it with --%s-field", rr->path,
                     (long long)rr->line,
                     chosen != NULL ? chosen
                     : no_prompt    ? "question"
                                    : "answer",
                     found.bytes ? found.text : "none", no_prompt ? "prompt" : "answer");
    wg_text_free(&found);
    return st;
}

/* {name} of the template by the row's fields; {{ and }} are braces. */
static wagle_status fill_template(const row_reader *rr, const char *template, const char *prompt,
                                  wg_text *out)
{
    for (const char *c = template; *c != '\0'; c++) {
        const char *end = *c == '{' ? strchr(c, '}') : NULL;
        char name[64];
        const char *value;
        if ((c[0] == '{' && c[1] == '{') || (c[0] == '}' && c[1] == '}')) {
            WG_TRY(wg_text_add(rr->ctx, out, c++, 1));
            continue;
        }
        if (end == NULL || (size_t)(end - c - 1) >= sizeof name) {
            WG_TRY(wg_text_add(rr->ctx, out, c, 1));
            continue;
        }
        memcpy(name, c + 1, (size_t)(end - c - 1));
        name[end - c - 1] = '\0';
        value = strcmp(name, "question") == 0 || strcmp(name, "prompt") == 0
                    ? prompt
                    : json_string_value(json_object_get(rr->row, name));
        if (value == NULL)
            return wg_fail(rr->ctx, WAGLE_E_INPUT,
                           "%s:%lld: the prompt template names {%s}, the row has no such text",
                           rr->path, (long long)rr->line, name);
        WG_TRY(wg_text_addz(rr->ctx, out, value));
        c = end;
    }
    return wg_text_add(rr->ctx, out, "", 0);
}

/* Room for one more example with n tokens. */
static wagle_status new_example(const row_reader *rr, int64_t n, wg_example **out)
{
    wg_example *e = &rr->out->example[rr->out->n];

    e->ids = wg_arena_alloc(rr->ctx, &rr->out->arena, (size_t)n * sizeof *e->ids);
    e->labels = wg_arena_alloc(rr->ctx, &rr->out->arena, (size_t)n * sizeof *e->labels);
    e->n = n;
    *out = e;
    return e->ids != NULL && e->labels != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

/* Cuts or refuses what is too long, counts labels, and takes the example in. */
static wagle_status accept(const row_reader *rr, wg_example *e)
{
    const int64_t allowed = rr->data->max_length > 0 && rr->data->max_length < rr->r->max_length
                                ? rr->data->max_length
                                : rr->r->max_length;

    if (e->n > allowed && !rr->data->truncate)
        return wg_fail(rr->ctx, WAGLE_E_INPUT,
                       "%s:%lld: %lld tokens, at most %lld are allowed; --truncate cuts the rest",
                       rr->path, (long long)rr->line, (long long)e->n, (long long)allowed);
    e->n = e->n > allowed ? allowed : e->n;
    for (int64_t i = 0; i < e->n; i++) {
        if (e->ids[i] < 0 || e->ids[i] >= rr->r->V)
            return wg_fail(rr->ctx, WAGLE_E_INPUT,
                           "%s:%lld: token %d is outside the model's vocabulary of %lld", rr->path,
                           (long long)rr->line, e->ids[i], (long long)rr->r->V);
        if (e->labels[i] != WG_NO_LABEL && (e->labels[i] < 0 || e->labels[i] >= rr->r->V))
            return wg_fail(rr->ctx, WAGLE_E_INPUT,
                           "%s:%lld: label %d is outside the model's vocabulary of %lld", rr->path,
                           (long long)rr->line, e->labels[i], (long long)rr->r->V);
        e->n_labels += i > 0 && e->labels[i] != WG_NO_LABEL;
    }
    if (e->n_labels == 0)
        return bad_row(rr, "no label token after the first: nothing to learn or forget");
    e->weight = rr->weight;
    rr->out->longest = e->n > rr->out->longest ? e->n : rr->out->longest;
    rr->out->n++;
    return WAGLE_OK;
}

static wagle_status read_numbers(const row_reader *rr, const json_t *list, int32_t *out, int64_t n)
{
    if (!json_is_array(list) || (int64_t)json_array_size(list) != n)
        return bad_row(rr, "input_ids and labels must be arrays of one length");
    for (int64_t i = 0; i < n; i++) {
        const json_t *value = json_array_get(list, (size_t)i);
        const json_int_t x = json_integer_value(value);
        if (!json_is_integer(value) || x < INT32_MIN || x > INT32_MAX)
            return bad_row(rr, "input_ids and labels hold whole numbers");
        out[i] = (int32_t)x;
    }
    return WAGLE_OK;
}

static wagle_status read_token_weights(const row_reader *rr, int64_t n, wg_example *e)
{
    const json_t *list = json_object_get(rr->row, "token_weights");
    float *weight;

    if (list == NULL)
        return WAGLE_OK;
    if (!json_is_array(list) || (int64_t)json_array_size(list) != n)
        return bad_row(rr, "token_weights must be an array as long as input_ids");
    weight = wg_arena_alloc(rr->ctx, &rr->out->arena, (size_t)n * sizeof *weight);
    if (weight == NULL)
        return WAGLE_E_RESOURCE;
    for (int64_t i = 0; i < n; i++) {
        const json_t *value = json_array_get(list, (size_t)i);
        weight[i] = (float)json_number_value(value);
        if (!json_is_number(value) || !(fabsf(weight[i]) < INFINITY))
            return bad_row(rr, "token_weights holds numbers");
    }
    e->token_weights = weight;
    return WAGLE_OK;
}

static wagle_status read_tokenised(const row_reader *rr)
{
    const json_t *ids = json_object_get(rr->row, "input_ids");
    const json_t *labels = json_object_get(rr->row, "labels");
    const int64_t n = (int64_t)json_array_size(ids);
    wg_example *e;

    if (n == 0)
        return bad_row(rr, "input_ids is empty");
    WG_TRY(new_example(rr, n, &e));
    WG_TRY(read_numbers(rr, ids, e->ids, n));
    WG_TRY(read_numbers(rr, labels != NULL ? labels : ids, e->labels, n));
    WG_TRY(read_token_weights(rr, n, e));
    return accept(rr, e);
}

/* Labels begin after the common prefix of encode(prompt) and encode(prompt + answer). */
static wagle_status add_text(const row_reader *rr, const wg_text *prompt, const char *answer)
{
    wg_text all = {0};
    wg_ids head = {0}, whole = {0};
    wg_example *e = NULL;
    int64_t first = 0;
    const bool special = rr->data->chat == NULL; /* a template writes its special tokens itself */
    wagle_status st = wg_reader_tokenizer(rr->ctx, rr->r);

    if (st == WAGLE_OK)
        st = wg_text_printf(rr->ctx, &all, "%s%s", prompt->text, answer);
    if (st == WAGLE_OK)
        st = wg_encode(rr->ctx, rr->r->tokenizer, prompt->text, (size_t)prompt->bytes, special,
                       &head);
    if (st == WAGLE_OK)
        st = wg_encode(rr->ctx, rr->r->tokenizer, all.text, (size_t)all.bytes, special, &whole);
    if (st == WAGLE_OK && rr->data->eos) {
        st = WG_GROW(rr->ctx, &whole.id, &whole.capacity, whole.n + 1);
        if (st == WAGLE_OK && wg_reader_eos(rr->r) >= 0)
            whole.id[whole.n++] = wg_reader_eos(rr->r);
    }
    if (st == WAGLE_OK && whole.n == 0)
        st = bad_row(rr, "the text is empty");
    if (st == WAGLE_OK)
        st = new_example(rr, whole.n, &e);
    if (st == WAGLE_OK) {
        while (first < head.n && first < whole.n && head.id[first] == whole.id[first])
            first++;
        for (int64_t i = 0; i < whole.n; i++) {
            e->ids[i] = whole.id[i];
            e->labels[i] = i < first ? WG_NO_LABEL : whole.id[i];
        }
        e->prompt = wg_arena_text(rr->ctx, &rr->out->arena, prompt->text, (size_t)prompt->bytes);
        e->answer = wg_arena_text(rr->ctx, &rr->out->arena, answer, strlen(answer));
        st = e->prompt != NULL && e->answer != NULL ? accept(rr, e) : WAGLE_E_RESOURCE;
    }
    wg_text_free(&all);
    wg_free(head.id);
    wg_free(whole.id);
    return st;
}

/* What stands before the answer of a row with this prompt. */
static wagle_status lay_out(const row_reader *rr, const char *prompt, wg_text *out)
{
    const char *template = rr->data->prompt;
    wg_text filled = {0};
    wagle_status st;

    if (template == NULL) /* prompt/completion rows and chats are taken as they are */
        template = rr->chat != NULL || json_object_get(rr->row, "question") == NULL
                       ? "{prompt}"
                       : WAGLE_DEFAULT_PROMPT;
    st = fill_template(rr, template, prompt, &filled);
    if (st == WAGLE_OK)
        st = rr->chat != NULL
                 ? wg_chat_render_prompt(rr->ctx, rr->chat, rr->data->system, filled.text, out)
                 : wg_text_add(rr->ctx, out, filled.text, (size_t)filled.bytes);
    wg_text_free(&filled);
    return st;
}

static wagle_status read_text(const row_reader *rr)
{
    const char *prompt = text_field(rr, rr->data->prompt_field, "question", "prompt");
    const char *answer = text_field(rr, rr->data->answer_field, "answer", "completion");
    const char *text = text_field(rr, rr->data->text_field, "text", NULL);
    wg_text head = {0};
    wagle_status st;

    if (text != NULL && (prompt == NULL || answer == NULL)) {
        st = wg_text_add(rr->ctx, &head, "", 0);
        if (st == WAGLE_OK)
            st = add_text(rr, &head, text);
        wg_text_free(&head);
        return st;
    }
    if (prompt == NULL || answer == NULL)
        return missing_field(rr);
    st = lay_out(rr, prompt, &head);
    if (st == WAGLE_OK)
        st = add_text(rr, &head, answer);
    wg_text_free(&head);
    return st;
}

/* FILE@WEIGHT, unless a file has that very name. */
static wagle_status split_weight(row_reader *rr, const char *entry)
{
    const char *at = strrchr(entry, '@');
    char *end = NULL;
    const double weight = at != NULL ? strtod(at + 1, &end) : 0;
    char *path;

    rr->path = entry;
    rr->weight = 1;
    if (at == NULL || wg_exists(entry) || end == at + 1 || *end != '\0')
        return WAGLE_OK;
    if (!(weight > 0 && weight < 1e6))
        return wg_fail(rr->ctx, WAGLE_E_USAGE, "%s: a weight above 0", entry);
    path = wg_arena_text(rr->ctx, &rr->out->arena, entry, (size_t)(at - entry));
    rr->path = path;
    rr->weight = (float)weight;
    return path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

static wagle_status load_file(row_reader *rr, const char *entry, int64_t *room)
{
    wg_rows rows = {0};
    wagle_status st;

    WG_TRY(split_weight(rr, entry));
    WG_TRY(wg_rows_read(rr->ctx, rr->path, rr->data->limit, &rows));
    st = WG_GROW(rr->ctx, &rr->out->example, room, rr->out->n + rows.n);
    if (st == WAGLE_OK)
        memset(rr->out->example + rr->out->n, 0, (size_t)rows.n * sizeof *rr->out->example);
    for (int64_t i = 0; st == WAGLE_OK && i < rows.n; i++) {
        rr->row = rows.row[i];
        rr->line = rows.line[i];
        st = json_object_get(rr->row, "input_ids") != NULL ? read_tokenised(rr) : read_text(rr);
        if (st == WAGLE_E_INPUT)
            st = wg_note(rr->ctx, st, rr->path);
    }
    wg_rows_free(&rows);
    return st;
}

wagle_status wg_dataset_load(wagle_ctx *ctx, wg_reader *r, const wagle_data *data, wg_dataset *out)
{
    row_reader rr = {.ctx = ctx, .r = r, .data = data, .out = out};
    wg_chat *chat = NULL;
    int64_t room = 0;
    wagle_status st = WAGLE_OK;

    *out = (wg_dataset){0};
    if (data->path == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "no data file was named");
    if (data->chat != NULL)
        st = wg_chat_open(ctx, r->folder, &(wg_chat_options){.name = data->chat}, &chat);
    rr.chat = chat;
    if (st == WAGLE_OK)
        st = load_file(&rr, data->path, &room);
    for (const char *const *more = data->more; st == WAGLE_OK && more != NULL && *more != NULL;
         more++)
        st = load_file(&rr, *more, &room);
    wg_chat_free(chat);
    if (st != WAGLE_OK)
        wg_dataset_free(out);
    return st;
}

wagle_status wg_dataset_with_answers(wagle_ctx *ctx, wg_reader *r, const wagle_data *data,
                                     const wg_dataset *rows, const char *const *answers,
                                     const int64_t *choice, wg_dataset *out)
{
    row_reader rr = {.ctx = ctx, .r = r, .data = data, .out = out, .path = data->path};
    wagle_status st;

    *out = (wg_dataset){0};
    st = WG_ALLOC(ctx, &out->example, rows->n);
    for (int64_t i = 0; st == WAGLE_OK && i < rows->n; i++) {
        wg_text prompt = {0};
        rr.line = i + 1;
        rr.weight = rows->example[i].weight;
        if (rows->example[i].prompt == NULL)
            st = bad_row(&rr, "refusals need rows of text, not of input_ids");
        if (st == WAGLE_OK)
            st = wg_text_printf(ctx, &prompt, "%s", rows->example[i].prompt);
        if (st == WAGLE_OK)
            st = add_text(&rr, &prompt, answers[choice[i]]);
        wg_text_free(&prompt);
    }
    if (st != WAGLE_OK)
        wg_dataset_free(out);
    return st;
}

void wg_dataset_free(wg_dataset *d)
{
    wg_free(d->example);
    wg_arena_free(&d->arena);
    *d = (wg_dataset){0};
}

wagle_status wg_row_prompt(wagle_ctx *ctx, const wagle_data *data, const wg_chat *chat,
                           int64_t line, const json_t *row, wg_text *out)
{
    const row_reader rr = {
        .ctx = ctx, .data = data, .row = row, .path = data->path, .line = line, .chat = chat};
    const char *prompt = text_field(&rr, data->prompt_field, "question", "prompt");

    return prompt != NULL ? lay_out(&rr, prompt, out) : missing_field(&rr);
}

wagle_status wg_dataset_add(wagle_ctx *ctx, wg_reader *r, const wagle_data *data, int64_t line,
                            const char *prompt, const char *answer, wg_dataset *out, int64_t *room)
{
    const row_reader rr = {.ctx = ctx,
                           .r = r,
                           .data = data,
                           .out = out,
                           .path = data->path,
                           .line = line,
                           .weight = 1};
    wg_text head = {0};
    wagle_status st;

    WG_TRY(WG_GROW(ctx, &out->example, room, out->n + 1));
    out->example[out->n] = (wg_example){0};
    st = wg_text_printf(ctx, &head, "%s", prompt);
    if (st == WAGLE_OK)
        st = add_text(&rr, &head, answer);
    wg_text_free(&head);
    return st;
}
