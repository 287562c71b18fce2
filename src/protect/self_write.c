#include "protect/self_write.h"

#include "base/number.h"
#include "text/folder.h"
#include <string.h>

/* --- begin-of-text token -------------------------------------------------------- */

/* Reads bos_token from the tokenizer's files; -1 if there is none. */
static wagle_status named_begin(wagle_ctx *ctx, const wg_session *s, int32_t *id)
{
    json_t *names = json_object();
    wagle_status st = names != NULL ? WAGLE_OK : wg_json_memory(ctx);
    const char *bos;

    *id = -1;
    if (st == WAGLE_OK)
        st = wg_token_names(ctx, s->reader.folder, names);
    if (st == WAGLE_OK && (bos = json_string_value(json_object_get(names, "bos_token"))) != NULL)
        *id = wg_token_id(s->reader.tokenizer, bos);
    *id = *id < s->reader.V ? *id : -1;
    json_decref(names);
    return st;
}

/* Reads bos_token_id from a file of the folder; -1 if there is none. */
static wagle_status begin_in(wagle_ctx *ctx, const wg_session *s, const char *file, int32_t *id)
{
    json_t *json = NULL;
    const json_t *value;

    WG_TRY(wg_json_read_object(ctx, s->reader.folder, file, &json));
    value = json_object_get(json, "bos_token_id");
    *id = json_is_integer(value) && json_integer_value(value) >= 0 &&
                  json_integer_value(value) < s->reader.V
              ? (int32_t)json_integer_value(value)
              : -1;
    json_decref(json);
    return WAGLE_OK;
}

static wagle_status find_begin(wagle_ctx *ctx, wg_self_writer *w)
{
    static const char *const files[] = {"generation_config.json", "config.json"};
    const wg_session *s = w->session;
    const char *what = "bos_token of the tokenizer";
    int32_t id = -1;

    if (s->reader.tokenizer != NULL)
        WG_TRY(named_begin(ctx, s, &id));
    for (int i = 0; id < 0 && i < 2; i++) {
        WG_TRY(begin_in(ctx, s, files[i], &id));
        what = i == 0 ? "bos_token_id of generation_config.json" : "bos_token_id of config.json";
    }
    if (id < 0) {
        id = wg_reader_eos(&s->reader);
        what = "the end-of-text token, for there is no bos_token";
    }
    if (id < 0 || id >= s->reader.V)
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s has no token for the start of a text (bos_token, bos_token_id, "
                       "eos_token_id): the model cannot write texts itself; give rows instead",
                       s->reader.folder);
    wg_log(ctx, 1, "texts that the model writes begin with token %d (%s)", id, what);
    return wg_ids_add(ctx, &w->begin, id);
}

/* --- layout around a question -------------------------------------------------- */

#define MARK "Zq7questionQz"

/* Lays out a forget row with a mark in place of its question. */
static wagle_status ask_mark(wagle_ctx *ctx, const wg_self_writer *w, const wagle_data *options,
                             wg_asked *out)
{
    const char *name = options->prompt_field != NULL ? options->prompt_field : "question";
    json_t *fields = json_pack("{s:s}", name, MARK);
    const wg_record record = {fields, "a question of the model's own", 1};
    wagle_status st = fields != NULL ? WAGLE_OK : wg_json_memory(ctx);

    *out = (wg_asked){0};
    if (st == WAGLE_OK)
        st = wg_layout_ask(ctx, &w->session->reader.layout, &record, WG_RECORD_QUESTION, NULL,
                           false, out);
    json_decref(fields);
    return st;
}

/* Length without trailing spaces, because the next token contains them. */
static size_t without_spaces(const char *text, size_t bytes)
{
    while (bytes > 0 && text[bytes - 1] == ' ')
        bytes--;
    return bytes;
}

static wagle_status take_layout(wagle_ctx *ctx, wg_self_writer *w, const wg_text *laid_out)
{
    const wagle_tokenizer *t = w->session->reader.tokenizer;
    const char *mark = laid_out->text != NULL ? strstr(laid_out->text, MARK) : NULL;
    const char *after;

    if (mark == NULL)
        return WAGLE_OK;
    after = mark + strlen(MARK);
    WG_TRY(wg_text_add(ctx, &w->before, laid_out->text, (size_t)(mark - laid_out->text)));
    WG_TRY(wg_text_add(ctx, &w->after, after, (size_t)(laid_out->text + laid_out->bytes - after)));
    WG_TRY(wg_encode(ctx, t, w->before.text,
                     without_spaces(w->before.text, (size_t)w->before.bytes), !w->chat,
                     &w->opening));
    return wg_encode(ctx, t, w->after.text, without_spaces(w->after.text, (size_t)w->after.bytes),
                     false, &w->closing);
}

static bool has_questions(const wg_dataset *d)
{
    for (int64_t i = 0; i < d->n; i++)
        if (d->example[i].prompt.bytes > 0)
            return true;
    return false;
}

static wagle_status find_layout(wagle_ctx *ctx, wg_self_writer *w, const wagle_data *options,
                                const wg_dataset *forget)
{
    wg_layout *l = &w->session->reader.layout;
    wg_asked asked = {0};
    wagle_status st;

    WG_TRY(wg_layout_open(ctx, w->session->reader.folder, options, l));
    w->chat = l->chat != NULL;
    if (!w->chat && !has_questions(forget))
        return WAGLE_OK;
    st = ask_mark(ctx, w, options, &asked);
    if (st == WAGLE_E_INPUT) {
        wg_log(ctx, 1, "the model writes no questions itself: %s", ctx->message);
        wg_forget_failure(ctx);
        st = WAGLE_OK;
    } else if (st == WAGLE_OK)
        st = take_layout(ctx, w, &asked.prompt);
    wg_asked_free(&asked);
    return st;
}

/* A folder may have no tokenizer. Its rows are then token numbers, and these are compared. */
static wagle_status open_tokenizer(wagle_ctx *ctx, wg_session *s)
{
    const wagle_status st = wg_reader_tokenizer(ctx, &s->reader);

    if (st != WAGLE_E_INPUT)
        return st;
    wg_log(ctx, 1, "no tokenizer: the model's own texts are compared by token numbers (%s)",
           ctx->message);
    wg_forget_failure(ctx);
    return WAGLE_OK;
}

wagle_status wg_self_writer_open(wagle_ctx *ctx, wg_session *s, const wagle_data *options,
                                 const wg_dataset *forget, wg_self_writer *w)
{
    w->session = s;
    WG_TRY(open_tokenizer(ctx, s));
    WG_TRY(find_begin(ctx, w));
    return s->reader.tokenizer != NULL ? find_layout(ctx, w, options, forget) : WAGLE_OK;
}

void wg_self_writer_close(wg_self_writer *w)
{
    wg_ids *const ids[] = {&w->begin, &w->opening, &w->closing};

    for (int64_t i = 0; i < w->n; i++) {
        wg_free(w->text[i].ids.id);
        wg_text_free(&w->text[i].text);
    }
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        wg_free(ids[i]->id);
    wg_free(w->text);
    wg_text_free(&w->before);
    wg_text_free(&w->after);
    *w = (wg_self_writer){0};
}

/* --- writing -----------------------------------------------------------------------------------
 */

wagle_status wg_self_read(wagle_ctx *ctx, const wg_session *s, const int32_t *ids, int64_t n,
                          wg_text *out)
{
    const wg_ids all = {.id = (int32_t *)(uintptr_t)ids, .n = n};

    if (s->reader.tokenizer != NULL)
        return wg_generated_text(ctx, s, &all, out);
    for (int64_t i = 0; i < n; i++)
        WG_TRY(wg_text_printf(ctx, out, "t%d ", ids[i]));
    return WAGLE_OK;
}

static wagle_status add_ids(wagle_ctx *ctx, wg_ids *to, const wg_ids *ids)
{
    for (int64_t i = 0; i < ids->n; i++)
        WG_TRY(wg_ids_add(ctx, to, ids->id[i]));
    return WAGLE_OK;
}

/* Texts that are continued together. */
typedef struct batch {
    int64_t *which, *limit; /* [n] number of each text, and maximum of new tokens */
    wg_ids *prompt, *made;
    int64_t n;
} batch;

static wagle_status batch_new(wagle_ctx *ctx, batch *b, int64_t n)
{
    *b = (batch){0};
    WG_TRY(WG_ALLOC(ctx, &b->which, n));
    WG_TRY(WG_ALLOC(ctx, &b->limit, n));
    WG_TRY(WG_ALLOC(ctx, &b->prompt, n));
    return WG_ALLOC(ctx, &b->made, n);
}

static void batch_free(batch *b)
{
    wg_free(b->which);
    wg_free(b->limit);
    wg_free(b->prompt);
    wg_free_lists(b->made, b->n);
}

static void batch_take(batch *b, const wg_self_writer *w, int64_t text, int64_t limit)
{
    b->which[b->n] = text;
    b->limit[b->n] = limit;
    b->prompt[b->n++] = w->text[text].ids;
}

/* Continues the batch's texts by up to `limit` tokens each. */
static wagle_status continue_batch(wagle_ctx *ctx, wg_self_writer *w, batch *b,
                                   const wg_ids *passed)
{
    const wg_sampling how = {.temperature = 1,
                             .top_p = 1,
                             .max_tokens = w->tokens,
                             .seed = wg_random(w->seed, WG_STREAM_SELF, w->calls++),
                             .stage = "the model writes texts",
                             .limit = b->limit,
                             .passed = passed};

    if (b->n == 0)
        return WAGLE_OK;
    WG_TRY(wg_generate(ctx, w->session, b->prompt, b->n, &how, b->made));
    for (int64_t i = 0; i < b->n; i++)
        WG_TRY(add_ids(ctx, &w->text[b->which[i]].ids, &b->made[i]));
    return WAGLE_OK;
}

/* Generates texts without a question. Tokens of the chat layout, such as end of turn, do not end
 * them. */
static wagle_status write_plain(wagle_ctx *ctx, wg_self_writer *w, int64_t from)
{
    batch b;
    wagle_status st = batch_new(ctx, &b, w->n - from);

    for (int64_t i = from; st == WAGLE_OK && i < w->n; i++)
        if (w->opening.n == 0 || i % 2 == 0)
            batch_take(&b, w, i, w->tokens);
    if (st == WAGLE_OK)
        st = continue_batch(ctx, w, &b, w->chat ? &w->closing : NULL);
    batch_free(&b);
    return st;
}

/* Truncates a question after its first question mark or before its first line break; without a chat
 * template, no token marks the end. *ended: an end was found. */
static wagle_status end_question(wagle_ctx *ctx, const wg_self_writer *w, wg_self_text *t,
                                 bool *ended)
{
    for (int64_t i = t->given; !*ended && i < t->ids.n; i++) {
        wg_text token = {0};
        const wagle_status st = wg_self_read(ctx, w->session, t->ids.id + i, 1, &token);
        const bool mark = st == WAGLE_OK && strchr(token.text, '?') != NULL;
        *ended = st == WAGLE_OK && (mark || strchr(token.text, '\n') != NULL);
        if (*ended)
            t->ids.n = i + mark;
        wg_text_free(&token);
        WG_TRY(st);
    }
    return WAGLE_OK;
}

/* Adds the closing and an answer to questions that have ended and have tokens left. */
static wagle_status write_answers(wagle_ctx *ctx, wg_self_writer *w, const batch *questions)
{
    batch b;
    wagle_status st = batch_new(ctx, &b, questions->n);

    for (int64_t i = 0; st == WAGLE_OK && i < questions->n; i++) {
        wg_self_text *t = &w->text[questions->which[i]];
        bool ended = questions->made[i].n < w->tokens;
        if (!w->chat)
            st = end_question(ctx, w, t, &ended);
        const int64_t made = t->ids.n - t->given;
        if (st != WAGLE_OK || !ended || made == 0 || made == w->tokens)
            continue;
        st = add_ids(ctx, &t->ids, &w->closing);
        batch_take(&b, w, questions->which[i], w->tokens - made);
    }
    if (st == WAGLE_OK)
        st = continue_batch(ctx, w, &b, NULL);
    batch_free(&b);
    return st;
}

static wagle_status write_questions(wagle_ctx *ctx, wg_self_writer *w, int64_t from)
{
    batch b;
    wagle_status st = batch_new(ctx, &b, w->n - from);

    for (int64_t i = from; st == WAGLE_OK && i < w->n; i++)
        if (i % 2 == 1)
            batch_take(&b, w, i, w->tokens);
    if (st == WAGLE_OK)
        st = continue_batch(ctx, w, &b, NULL);
    if (st == WAGLE_OK && b.n > 0)
        st = write_answers(ctx, w, &b);
    batch_free(&b);
    return st;
}

/* Adds the openings of n more texts. */
static wagle_status open_texts(wagle_ctx *ctx, wg_self_writer *w, int64_t n)
{
    WG_TRY(WG_GROW(ctx, &w->text, &w->room, w->n + n));
    for (int64_t i = 0; i < n; i++) {
        const wg_ids *opening = w->opening.n > 0 && w->n % 2 == 1 ? &w->opening : &w->begin;
        wg_self_text *t = &w->text[w->n++];
        *t = (wg_self_text){.given = opening->n};
        WG_TRY(add_ids(ctx, &t->ids, opening));
    }
    return WAGLE_OK;
}

wagle_status wg_self_write(wagle_ctx *ctx, wg_self_writer *w, int64_t n)
{
    const int64_t from = w->n;

    WG_TRY(open_texts(ctx, w, n));
    WG_TRY(write_plain(ctx, w, from));
    if (w->opening.n > 0)
        WG_TRY(write_questions(ctx, w, from));
    for (int64_t i = from; i < w->n; i++) {
        wg_self_text *t = &w->text[i];
        WG_TRY(wg_text_addz(ctx, &t->text, ""));
        WG_TRY(wg_self_read(ctx, w->session, t->ids.id + t->given, t->ids.n - t->given, &t->text));
    }
    return WAGLE_OK;
}
