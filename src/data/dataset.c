#include "data/example.h"

#include "base/file.h"
#include "data/held.h"
#include "data/words.h"
#include "io/rows.h"
#include <stdlib.h>
#include <string.h>

void wg_reader_close(wg_reader *r)
{
    wagle_tokenizer_free(r->tokenizer);
    r->tokenizer = NULL;
    wg_layout_close(&r->layout);
}

wagle_status wg_reader_tokenizer(wagle_ctx *ctx, wg_reader *r)
{
    return r->tokenizer != NULL ? WAGLE_OK : wg_tokenizer_open(ctx, r->folder, &r->tokenizer);
}

int32_t wg_reader_eos(const wg_reader *r)
{
    return r->tokenizer != NULL && r->tokenizer->eos >= 0 ? r->tokenizer->eos : r->eos;
}

/* --- examples --------------------------------------------------------------------------------- */

wagle_status wg_example_new(const wg_adding *a, int64_t n, wg_example **out)
{
    wg_example *e = &a->out->example[a->out->n];

    e->ids = wg_arena_alloc(a->ctx, &a->out->arena, (size_t)n * sizeof *e->ids);
    e->labels = wg_arena_alloc(a->ctx, &a->out->arena, (size_t)n * sizeof *e->labels);
    e->n = n;
    *out = e;
    return e->ids != NULL && e->labels != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

wagle_status wg_example_accept(const wg_adding *a, wg_example *e)
{
    const wg_record *r = &a->record;
    const int64_t allowed = a->data->max_length > 0 && a->data->max_length < a->reader->max_length
                                ? a->data->max_length
                                : a->reader->max_length;

    if (e->n > allowed && !a->data->truncate)
        return wg_record_fail(a->ctx, r,
                              "%lld tokens; the limit is %lld (@{truncate=true} cuts the rest)",
                              (long long)e->n, (long long)allowed);
    e->n = e->n > allowed ? allowed : e->n;
    for (int64_t i = 0; i < e->n; i++) {
        if (e->ids[i] < 0 || e->ids[i] >= a->reader->V)
            return wg_record_fail(a->ctx, r, "token %d is outside the model's vocabulary of %lld",
                                  e->ids[i], (long long)a->reader->V);
        if (e->labels[i] != WG_NO_LABEL && (e->labels[i] < 0 || e->labels[i] >= a->reader->V))
            return wg_record_fail(a->ctx, r, "label %d is outside the model's vocabulary of %lld",
                                  e->labels[i], (long long)a->reader->V);
        e->n_labels += i > 0 && e->labels[i] != WG_NO_LABEL;
    }
    if (e->n_labels == 0 && !a->reader->labels_optional)
        return wg_record_fail(
            a->ctx, r, "no label after the first token%s, so there is nothing to learn or forget",
            e->n == 1 ? ", which is the only one" : "");
    e->weight = a->weight;
    a->out->longest = e->n > a->out->longest ? e->n : a->out->longest;
    a->out->n++;
    return WAGLE_OK;
}

/* --- text ------------------------------------------------------------------------------------- */

/* A tokenised text. */
typedef struct tokenised {
    const wg_adding *a;
    wg_text text;
    wg_ids whole;
    bool special;
} tokenised;

/* Number of leading tokens that the whole text shares with its first `bytes` bytes, tokenised
 * alone. *clean: these are all tokens of that part, so no token crosses the boundary. */
static wagle_status tokens_before(const tokenised *t, int64_t bytes, int64_t *n, bool *clean)
{
    wg_ids head = {0};
    wagle_status st = wg_encode(t->a->ctx, t->a->reader->tokenizer, t->text.text, (size_t)bytes,
                                t->special, &head);

    *n = 0;
    while (st == WAGLE_OK && *n < head.n && *n < t->whole.n && head.id[*n] == t->whole.id[*n])
        ++*n;
    *clean = *n == head.n;
    wg_free(head.id);
    return st;
}

/* Labels the tokens of bytes [from, to), including one that crosses the end. If `ends` and --eos
 * are set, the end-of-text token after them is a label too. */
static wagle_status label_turn(const tokenised *t, const wg_turn *turn, bool ends, wg_example *e)
{
    wg_ids tail = {0};
    int64_t first, end, same = 0;
    bool clean;

    WG_TRY(tokens_before(t, turn->from, &first, &clean));
    WG_TRY(tokens_before(t, turn->to, &end, &clean));
    if (!clean) {
        WG_TRY(wg_encode(t->a->ctx, t->a->reader->tokenizer, t->text.text + turn->to,
                         (size_t)(t->text.bytes - turn->to), false, &tail));
        while (same < tail.n && same < e->n &&
               tail.id[tail.n - 1 - same] == t->whole.id[t->whole.n - 1 - same])
            same++;
        wg_free(tail.id);
        end = t->whole.n - same;
    } else if (ends && t->a->data->eos && end < e->n && e->ids[end] == wg_reader_eos(t->a->reader))
        end++;
    for (int64_t i = first; i < end; i++)
        e->labels[i] = e->ids[i];
    return WAGLE_OK;
}

/* Whether bytes [at, at + bytes) of the text begin and end at word boundaries. */
static bool is_whole(const wg_words *words, size_t at, size_t bytes)
{
    for (int64_t i = 0; i < words->n; i++) {
        const size_t from = words->word[i].at, to = from + words->word[i].bytes;
        if ((from < at && at < to) || (from < at + bytes && at + bytes < to))
            return false;
    }
    return true;
}

/* Labels all occurrences of a fact in the answer. */
static wagle_status label_fact(const tokenised *t, wg_str answer, const wg_words *words,
                               wg_str fact, wg_example *e)
{
    const int64_t begin = t->text.bytes - (int64_t)answer.bytes;
    const char *end = answer.text + answer.bytes, *hit = answer.text;
    bool any = false;

    while (fact.bytes > 0 &&
           (hit = memmem(hit, (size_t)(end - hit), fact.text, fact.bytes)) != NULL) {
        const int64_t at = hit - answer.text;
        if (is_whole(words, (size_t)at, fact.bytes)) {
            WG_TRY(
                label_turn(t, &(wg_turn){begin + at, begin + at + (int64_t)fact.bytes}, false, e));
            any = true;
        }
        hit += fact.bytes;
    }
    if (any)
        return WAGLE_OK;
    return wg_record_fail(t->a->ctx, &t->a->record,
                          "'%.60s' holds '%.100s', which is not in the answer '%.200s'",
                          t->a->data->facts_field, fact.bytes > 0 ? fact.text : "", answer.text);
}

static wagle_status label_facts(const tokenised *t, const wg_asked *asked, wg_str answer,
                                wg_example *e)
{
    wg_words words = {0};
    wagle_status st = wg_words_split(t->a->ctx, answer, &words);

    for (int64_t k = 0; st == WAGLE_OK && k < asked->n_facts; k++)
        st = label_fact(t, answer, &words, asked->fact[k], e);
    wg_free(words.word);
    t->a->reader->by_facts++;
    return st;
}

/* Whether the answer is the row's own, for which the row lists facts. */
static bool has_facts(const wg_asked *asked, wg_str answer)
{
    return asked->n_facts > 0 && asked->n_answers > 0 && wg_str_equal(asked->answer[0], answer);
}

static wagle_status keep_text(const wg_adding *a, wg_str text, wg_str *out)
{
    out->bytes = text.bytes;
    out->text = wg_arena_text(a->ctx, &a->out->arena, text.text, text.bytes);
    return out->text != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

/* Copies the prompt and the answers, with `answer` first, to the example. */
static wagle_status keep_texts(const wg_adding *a, const wg_asked *asked, wg_str answer,
                               wg_example *e)
{
    const int64_t n = asked->n_answers > 1 ? asked->n_answers : 1;
    wg_str *list = wg_arena_alloc(a->ctx, &a->out->arena, (size_t)n * sizeof *list);

    if (list == NULL)
        return WAGLE_E_RESOURCE;
    WG_TRY(keep_text(a, wg_text_str(&asked->prompt), &e->prompt));
    WG_TRY(keep_text(a, answer, &list[0]));
    for (int64_t i = 1; i < n; i++)
        WG_TRY(keep_text(a, asked->answer[i], &list[i]));
    e->answer = list;
    e->n_answers = n;
    e->chat = asked->chat;
    return WAGLE_OK;
}

/* Number of tokens up to the last one of the text alone: without those that the tokenizer adds at
 * the end. 0: the text's tokens are not among them. */
static int64_t without_end(const wg_ids *whole, const wg_ids *text)
{
    for (int64_t k = 0; text->n > 0 && k + text->n <= whole->n; k++)
        if (memcmp(whole->id + k, text->id, (size_t)text->n * sizeof *text->id) == 0)
            return k + text->n;
    return 0;
}

/* Keeps the prompt's own tokens, from which a text is generated, where a token of prompt and answer
 * crosses their boundary. A space at the end belongs to the answer's first token, as in lm-eval. */
static wagle_status keep_alone(const tokenised *t, wg_str prompt, wg_example *e)
{
    const wg_adding *a = t->a;
    wg_ids own = {0}, plain = {0};
    wagle_status st;

    if (prompt.bytes == 0 || prompt.text[prompt.bytes - 1] == ' ')
        return WAGLE_OK;
    st = wg_encode(a->ctx, a->reader->tokenizer, prompt.text, prompt.bytes, t->special, &own);
    if (st == WAGLE_OK)
        st = wg_encode(a->ctx, a->reader->tokenizer, prompt.text, prompt.bytes, false, &plain);
    const int64_t n = st == WAGLE_OK ? without_end(&own, &plain) : 0;
    if (n > e->given) {
        e->alone.id = wg_arena_alloc(a->ctx, &a->out->arena, (size_t)n * sizeof *own.id);
        st = e->alone.id != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
        if (st == WAGLE_OK)
            memcpy(e->alone.id, own.id, (size_t)n * sizeof *own.id);
        e->alone.n = st == WAGLE_OK ? n : 0;
    }
    wg_free(own.id);
    wg_free(plain.id);
    return st;
}

static wagle_status label(const tokenised *t, const wg_asked *asked, wg_str answer, wg_example *e)
{
    bool clean;

    for (int64_t i = 0; i < t->whole.n; i++) {
        e->ids[i] = t->whole.id[i];
        e->labels[i] = WG_NO_LABEL;
    }
    WG_TRY(tokens_before(t, asked->prompt.bytes, &e->given, &clean));
    if (!clean)
        WG_TRY(keep_alone(t, wg_text_str(&asked->prompt), e));
    if (has_facts(asked, answer))
        return label_facts(t, asked, answer, e);
    for (int64_t k = 0; k < asked->n_earlier; k++)
        WG_TRY(label_turn(t, &asked->earlier[k], true, e));
    for (int64_t i = e->given; i < e->n; i++)
        e->labels[i] = e->ids[i];
    return WAGLE_OK;
}

/* Labels begin after the common prefix of encode(prompt) and encode(prompt + answer). */
static wagle_status add_asked(const wg_adding *a, const wg_asked *asked, wg_str answer)
{
    tokenised t = {.a = a, .special = !asked->chat};
    wg_example *e = NULL;
    wagle_status st = wg_reader_tokenizer(a->ctx, a->reader);

    if (st == WAGLE_OK)
        st = wg_text_adds(a->ctx, &t.text, wg_text_str(&asked->prompt));
    if (st == WAGLE_OK)
        st = wg_text_adds(a->ctx, &t.text, answer);
    if (st == WAGLE_OK)
        st = wg_encode(a->ctx, a->reader->tokenizer, t.text.text, (size_t)t.text.bytes, t.special,
                       &t.whole);
    if (st == WAGLE_OK && a->data->eos && wg_reader_eos(a->reader) >= 0)
        st = wg_ids_add(a->ctx, &t.whole, wg_reader_eos(a->reader));
    if (st == WAGLE_OK && answer.bytes == 0 && asked->n_earlier == 0 && !a->data->eos)
        st = wg_record_fail(a->ctx, &a->record,
                            "the %s is empty, so there is nothing to learn or forget (@{eos} adds "
                            "an end-of-text token)",
                            asked->n_answers > 0 ? "answer" : "text");
    if (st == WAGLE_OK && t.whole.n == 0)
        st = wg_record_fail(a->ctx, &a->record, "the text is empty");
    if (st == WAGLE_OK)
        st = wg_example_new(a, t.whole.n, &e);
    if (st == WAGLE_OK)
        st = label(&t, asked, answer, e);
    if (st == WAGLE_OK)
        st = keep_texts(a, asked, answer, e);
    if (st == WAGLE_OK)
        st = wg_example_accept(a, e);
    wg_text_free(&t.text);
    wg_free(t.whole.id);
    return st;
}

/* --- rows ------------------------------------------------------------------------------------- */

static wagle_status add_plain(const wg_adding *a)
{
    const wg_columns c = wg_record_columns(a->data, &a->record);
    wg_str text;

    WG_TRY(wg_record_text(a->ctx, &a->record, c.text, &text));
    return add_asked(a, &(wg_asked){0}, text);
}

static wagle_status lay_out(const wg_adding *a, wg_record_kind kind, const wg_preamble *before,
                            bool answered, wg_asked *out)
{
    WG_TRY(wg_layout_open(a->ctx, a->reader->folder, a->data, &a->reader->layout));
    a->reader->laid_out++;
    return wg_layout_ask(a->ctx, &a->reader->layout, &a->record, kind, before, answered, out);
}

static wagle_status add_question(const wg_adding *a, wg_record_kind kind)
{
    wg_asked asked = {0};
    wagle_status st = lay_out(a, kind, NULL, true, &asked);

    if (st == WAGLE_OK)
        st = add_asked(a, &asked, asked.answer[0]);
    wg_asked_free(&asked);
    return st;
}

static wagle_status add_by_kind(const wg_adding *a)
{
    wg_record_kind kind;

    WG_TRY(wg_record_kind_of(a->ctx, a->data, &a->record, true, &kind));
    return kind == WG_RECORD_TOKENS ? wg_add_tokens(a)
           : kind == WG_RECORD_TEXT ? add_plain(a)
                                    : add_question(a, kind);
}

/* A row with `chosen` and `rejected` has the answer that is meant by the reader. */
static wagle_status add_row(wg_adding *a)
{
    const wagle_data *given = a->data;
    wagle_data preferred = *given;
    wagle_status st;

    if (a->reader->preferred != NULL && wg_record_prefers(given, &a->record)) {
        preferred.answer_field = a->reader->preferred;
        a->data = &preferred;
        a->reader->by_preference++;
    }
    st = add_by_kind(a);
    a->data = given;
    return st;
}

wagle_status wg_data_entry(wagle_ctx *ctx, const char *entry, wg_arena *arena, const char **path,
                           float *weight)
{
    const char *at = strrchr(entry, '@');
    char *end = NULL;
    const double value = at != NULL ? strtod(at + 1, &end) : 0;

    *path = entry;
    *weight = 1;
    if (at == NULL || wg_exists(entry) || end == at + 1 || *end != '\0')
        return WAGLE_OK;
    if (!(value > 0 && value < 1e6))
        return wg_fail(ctx, WAGLE_E_USAGE, "%s: the weight after @ must be a number above 0",
                       entry);
    *path = wg_arena_text(ctx, arena, entry, (size_t)(at - entry));
    *weight = (float)value;
    return *path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

/* A wg_row_fn. */
static wagle_status accept_row(void *user, json_t *row, const char *file, int64_t line)
{
    wg_adding *a = user;
    wagle_status st = WG_GROW(a->ctx, &a->out->example, &a->capacity, a->out->n + 1);

    if (st == WAGLE_OK) {
        a->out->example[a->out->n] = (wg_example){0};
        a->record = (wg_record){.fields = row, .path = file, .line = line};
        st = add_row(a);
        if (st == WAGLE_E_INPUT)
            st = wg_note(a->ctx, st, file);
    }
    json_decref(row);
    return st;
}

static wagle_status load_file(wg_adding *a, const char *entry)
{
    const wg_rows_select select = wg_data_select(a->data, true);
    const char *path;

    WG_TRY(wg_data_entry(a->ctx, entry, &a->out->arena, &path, &a->weight));
    return wg_rows_visit(a->ctx, path, &select, accept_row, a);
}

/* Rows in memory. */
static wagle_status load_held(wg_adding *a)
{
    const wg_rows_select select = wg_data_select(a->data, true);

    a->weight = 1;
    return wg_rows_offer(a->ctx, a->data->path, &a->data->rows->rows, &select, accept_row, a);
}

/* Warns about layout options if no row has a layout. */
static void warn_unused(wagle_ctx *ctx, const wagle_data *d)
{
    const char *option = d->prompt != NULL                                     ? "@{prompt}"
                         : d->system != NULL                                   ? "@{system}"
                         : d->chat_kwargs != NULL && d->chat_kwargs[0] != NULL ? "@{chat_kwargs}"
                         : d->date != NULL                                     ? "@{date}"
                         : d->all_turns                                        ? "@{all_turns}"
                         : wg_data_asks_chat(d)                                ? "@{chat=required}"
                                                                               : NULL;

    if (option != NULL)
        wg_log(ctx, 0, "%s: %s has no effect: the file has no questions or chats", d->path, option);
}

wagle_status wg_dataset_load(wagle_ctx *ctx, wg_reader *r, const wagle_data *data, wg_dataset *out)
{
    wg_adding a = {.ctx = ctx, .reader = r, .data = data, .out = out};
    const int64_t before = r->laid_out, by_facts = r->by_facts;
    wagle_status st;

    *out = (wg_dataset){0};
    if (data->path == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "no data file was named");
    st = data->rows != NULL ? load_held(&a) : load_file(&a, data->path);
    for (const char *const *more = data->more; st == WAGLE_OK && more != NULL && *more != NULL;
         more++)
        st = load_file(&a, *more);
    if (st == WAGLE_OK && r->laid_out == before)
        warn_unused(ctx, data);
    else if (st == WAGLE_OK)
        st = wg_layout_say(ctx, &r->layout);
    if (st == WAGLE_OK && data->facts_field != NULL && r->laid_out > before &&
        r->by_facts == by_facts)
        wg_log(ctx, 0, "%s: @{facts_field} has no effect: no row has a column '%.60s'", data->path,
               data->facts_field);
    if (st != WAGLE_OK)
        wg_dataset_free(out);
    return st;
}

wagle_status wg_dataset_load_preferred(wagle_ctx *ctx, wg_reader *r, const wagle_data *data,
                                       const char *preferred, wg_dataset *out)
{
    wagle_status st;

    r->preferred = preferred;
    st = wg_dataset_load(ctx, r, data, out);
    r->preferred = NULL;
    return st;
}

wagle_status wg_dataset_parse(wagle_ctx *ctx, wg_reader *r, const wagle_data *data, wg_str text,
                              wg_dataset *out)
{
    wg_adding a = {.ctx = ctx,
                   .reader = r,
                   .data = data,
                   .out = out,
                   .record = {.path = data->path},
                   .weight = 1};
    wg_rows rows = {0};
    wagle_status st;

    *out = (wg_dataset){0};
    WG_TRY(wg_rows_parse(ctx, data->path, text.text, text.bytes, NULL, &rows));
    st = wg_rows_offer(ctx, data->path, &rows, NULL, accept_row, &a);
    wg_rows_free(&rows);
    if (st != WAGLE_OK)
        wg_dataset_free(out);
    return st;
}

wagle_status wg_dataset_with_answers(wagle_ctx *ctx, wg_reader *r, const wagle_data *data,
                                     const wg_dataset *rows, const wg_str *answers,
                                     const int64_t *choice, wg_dataset *out)
{
    wg_adding a = {
        .ctx = ctx, .reader = r, .data = data, .out = out, .record = {.path = data->path}};
    wagle_status st;

    *out = (wg_dataset){0};
    st = WG_ALLOC(ctx, &out->example, rows->n);
    for (int64_t i = 0; st == WAGLE_OK && i < rows->n; i++) {
        const wg_example *e = &rows->example[i];
        wg_asked asked = {.chat = e->chat};
        a.record.line = i + 1;
        a.weight = e->weight;
        if (e->prompt.text == NULL)
            st = wg_record_fail(ctx, &a.record, "refusals need rows of text, not input_ids");
        if (st == WAGLE_OK)
            st = wg_text_adds(ctx, &asked.prompt, e->prompt);
        if (st == WAGLE_OK)
            st = add_asked(&a, &asked, answers[choice[i]]);
        wg_asked_free(&asked);
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

/* --- rows of suites --------------------------------------------------------------------------- */

wagle_status wg_row_ask(wagle_ctx *ctx, wg_reader *r, const wagle_data *data,
                        const wg_record *record, const wg_preamble *before, bool answered,
                        wg_asked *out)
{
    const wg_adding a = {.ctx = ctx, .reader = r, .data = data, .record = *record};
    wg_record_kind kind;

    *out = (wg_asked){0};
    WG_TRY(wg_record_kind_of(ctx, data, record, answered, &kind));
    if (kind == WG_RECORD_TOKENS || kind == WG_RECORD_TEXT)
        return wg_record_fail(
            ctx, record, "a row of %s; this set needs rows with a prompt%s",
            kind == WG_RECORD_TOKENS ? "input_ids" : "plain text",
            answered ? " and an answer (@{prompt_field} and @{answer_field} name the columns)"
                     : "");
    return lay_out(&a, kind, before, answered, out);
}

wagle_status wg_dataset_add(wagle_ctx *ctx, wg_reader *r, const wagle_data *data,
                            const wg_record *record, const wg_asked *asked, wg_str answer,
                            wg_dataset *out, int64_t *capacity)
{
    const wg_adding a = {
        .ctx = ctx, .reader = r, .data = data, .out = out, .record = *record, .weight = 1};

    WG_TRY(WG_GROW(ctx, &out->example, capacity, out->n + 1));
    out->example[out->n] = (wg_example){0};
    return add_asked(&a, asked, answer);
}
