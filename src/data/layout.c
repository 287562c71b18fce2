#include "data/layout.h"

#include "base/file.h"
#include "data/conversation.h"
#include <string.h>
#include <time.h>

void wg_asked_free(wg_asked *a)
{
    wg_text_free(&a->prompt);
    wg_text_free(&a->own);
    wg_text_free(&a->asked);
    wg_free(a->earlier);
    wg_free(a->answer);
    wg_free(a->fact);
    json_decref(a->messages);
    *a = (wg_asked){0};
}

/* --- choosing the layout
 * -------------------------------------------------------------------------------------
 */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool is_for(const wg_layout *l, const wagle_data *d)
{
    return l->open && same_text(l->of.prompt, d->prompt) && same_text(l->of.chat, d->chat) &&
           same_text(l->of.system, d->system) && same_text(l->of.date, d->date) &&
           l->of.chat_kwargs == d->chat_kwargs && l->of.all_turns == d->all_turns;
}

void wg_layout_close(wg_layout *l)
{
    wg_chat_free(l->chat);
    *l = (wg_layout){0};
}

static bool has_kwargs(const wagle_data *d)
{
    return d->chat_kwargs != NULL && d->chat_kwargs[0] != NULL;
}

/* Checks that texts in options are UTF-8, because they become JSON. */
static wagle_status check_texts(wagle_ctx *ctx, const wagle_data *d)
{
    const struct {
        const char *option, *text;
    } texts[] = {
        {"@{prompt}", d->prompt}, {"@{system}", d->system}, {"@{facts_field}", d->facts_field}};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].text != NULL && !wg_utf8_valid(texts[i].text, strlen(texts[i].text)))
            return wg_fail(ctx, WAGLE_E_USAGE, "%s is not valid UTF-8", texts[i].option);
    for (const char *const *k = d->chat_kwargs; k != NULL && *k != NULL; k++)
        if (!wg_utf8_valid(*k, strlen(*k)))
            return wg_fail(ctx, WAGLE_E_USAGE, "@{chat_kwargs} '%.60s' is not valid UTF-8", *k);
    return WAGLE_OK;
}

/* Refuses chat options without a chat template. */
static wagle_status check_plain(wagle_ctx *ctx, const wagle_data *d, const char *folder)
{
    const char *option = d->system != NULL ? "@{system}"
                         : has_kwargs(d)   ? "@{chat_kwargs}"
                         : d->date != NULL ? "@{date}"
                         : d->all_turns    ? "@{all_turns}"
                                           : NULL;

    if (option == NULL)
        return WAGLE_OK;
    if (same_text(d->chat, "none") || d->prompt != NULL)
        return wg_fail(
            ctx, WAGLE_E_USAGE, "%s needs a chat template, which %s turns off%s", option,
            same_text(d->chat, "none") ? "@{chat=none}" : "@{prompt}",
            same_text(d->chat, "none") ? "" : "; @{chat=required} with @{prompt} lays out both");
    return wg_fail(ctx, WAGLE_E_USAGE,
                   "%s needs a chat template, and %s has none; choose one with @{chat NAME}",
                   option, folder);
}

bool wg_data_asks_chat(const wagle_data *d)
{
    return d->chat != NULL && strcmp(d->chat, "auto") != 0 && strcmp(d->chat, "none") != 0;
}

wg_chat_options wg_data_chat(const wagle_data *d)
{
    return (wg_chat_options){same_text(d->chat, "required") ? NULL : d->chat, d->chat_kwargs,
                             d->date};
}

static wagle_status wants_chat(wagle_ctx *ctx, const char *folder, const wagle_data *d, bool *out)
{
    *out = wg_data_asks_chat(d);
    return *out || same_text(d->chat, "none") || d->prompt != NULL
               ? WAGLE_OK
               : wg_chat_present(ctx, folder, out);
}

static void set_date(wg_layout *l)
{
    const time_t now = time(NULL);
    struct tm local;

    if (l->of.date != NULL)
        snprintf(l->date, sizeof l->date, "%.10s", l->of.date);
    else if (localtime_r(&now, &local) == NULL ||
             strftime(l->date, sizeof l->date, "%Y-%m-%d", &local) == 0)
        snprintf(l->date, sizeof l->date, "1970-01-01");
}

static wagle_status open_chat(wagle_ctx *ctx, const char *folder, wg_layout *l)
{
    wg_chat_options o = wg_data_chat(&l->of);

    set_date(l);
    o.date = o.date != NULL ? o.date : l->date;
    WG_TRY(wg_chat_open(ctx, folder, &o, &l->chat));
    if (l->of.date != NULL && !wg_chat_reads(l->chat, "strftime_now"))
        wg_log(ctx, 0, "@{date} has no effect: %s does not print a date", wg_chat_name(l->chat));
    return WAGLE_OK;
}

wagle_status wg_layout_say(wagle_ctx *ctx, wg_layout *l)
{
    json_t *json;
    char *text = NULL;
    wagle_status st;

    if (l->logged)
        return WAGLE_OK;
    json = wg_layout_json(l);
    st = wg_json_text(ctx, json, false, &text);
    json_decref(json);
    if (st == WAGLE_OK)
        wg_log(ctx, 1, "questions are laid out by %.700s", text);
    l->logged = true;
    wg_free(text);
    return st;
}

wagle_status wg_layout_open(wagle_ctx *ctx, const char *folder, const wagle_data *data,
                            wg_layout *l)
{
    bool chat;

    if (is_for(l, data)) {
        l->of = *data;
        return WAGLE_OK;
    }
    wg_layout_close(l);
    l->of = *data;
    WG_TRY(check_texts(ctx, data));
    WG_TRY(wants_chat(ctx, folder, data, &chat));
    WG_TRY(chat ? open_chat(ctx, folder, l) : check_plain(ctx, data, folder));
    l->open = true;
    return WAGLE_OK;
}

static json_t *list_of(const char *const *texts)
{
    json_t *list = json_array();

    for (; texts != NULL && *texts != NULL; texts++)
        if (json_array_append_new(list, json_string(*texts)) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

json_t *wg_layout_json(const wg_layout *l)
{
    const wagle_data *d = &l->of;
    json_t *eos = d->eos ? json_true() : NULL; /* omitted if false */

    if (l->chat == NULL)
        return json_pack("{s:s, s:o*, s:s*}", "prompt",
                         d->prompt != NULL ? d->prompt : WAGLE_DEFAULT_PROMPT, "eos", eos, "facts",
                         d->facts_field);
    return json_pack("{s:s, s:s*, s:s*, s:o*, s:s*, s:o*, s:s*}", "chat", wg_chat_name(l->chat),
                     "prompt", d->prompt, "system", d->system, "kwargs",
                     has_kwargs(d) ? list_of(d->chat_kwargs) : NULL, "date",
                     wg_chat_reads(l->chat, "strftime_now") ? l->date : NULL, "eos", eos, "facts",
                     d->facts_field);
}

static bool same_eos(const json_t *a, const json_t *b)
{
    return json_is_true(json_object_get(a, "eos")) == json_is_true(json_object_get(b, "eos"));
}

wagle_status wg_layout_compare(wagle_ctx *ctx, const char *folder, const wg_layout *l)
{
    char *path = wg_path_join(ctx, folder, "manifest.json"), *text[2] = {NULL, NULL};
    json_t *manifest = NULL, *now = NULL, *then = NULL;
    wagle_status st = path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK && l->open && wg_exists(path)) {
        st = wg_json_read(ctx, path, &manifest);
        then = json_object_get(manifest, "layout");
    }
    if (st == WAGLE_OK && then != NULL) {
        now = wg_layout_json(l);
        json_object_del(then, "facts"); /* "facts" is about labels, not about the layout */
        json_object_del(now, "facts");
        st = wg_json_text(ctx, now, false, &text[0]);
    }
    if (st == WAGLE_OK && then != NULL && !json_equal(then, now)) {
        st = wg_json_text(ctx, then, false, &text[1]);
        if (st == WAGLE_OK)
            wg_log(ctx, 0,
                   "%s was trained with the layout %.300s, and the layout here is %.300s: %s",
                   folder, text[1], text[0],
                   same_eos(then, now)
                       ? "its answers may differ"
                       : "only one of the two counts the end-of-text token as part of an answer "
                         "(@{eos}; suite tofu: unless @{no_eos=true}), so probabilities differ");
    }
    wg_free(text[0]);
    wg_free(text[1]);
    wg_free(path);
    json_decref(manifest);
    json_decref(now);
    return st;
}

/* --- questions -------------------------------------------------------------------------------- */

/* The user's text: the prompt column or the filled template. */
static wagle_status fill(wagle_ctx *ctx, const wg_layout *l, const wg_record *r,
                         const wg_columns *c, wg_asked *a, wg_text *out)
{
    const char *template = l->of.prompt != NULL ? l->of.prompt
                           : l->chat != NULL    ? "{prompt}"
                                                : WAGLE_DEFAULT_PROMPT;

    if (a->question.text == NULL && c->prompt != NULL &&
        json_is_string(json_object_get(r->fields, c->prompt)))
        WG_TRY(wg_record_text(ctx, r, c->prompt, &a->question));
    return wg_record_fill(ctx, r, template, c, a->question, out);
}

/* Checks the row's own system column, if it has one. */
static wagle_status check_system(wagle_ctx *ctx, const wg_layout *l, const wg_record *r)
{
    static const char *const columns[] = {"system", "system_prompt"};

    for (size_t i = 0; l->of.system == NULL && i < sizeof columns / sizeof *columns; i++)
        if (json_string_length(json_object_get(r->fields, columns[i])) > 0)
            return wg_record_fail(ctx, r,
                                  "'%s' in a row is not passed to the chat template; write it as "
                                  "the first of 'messages', or give @{system TEXT} for all rows",
                                  columns[i]);
    return WAGLE_OK;
}

/* Lays out one question as a conversation. */
static wagle_status ask_in_chat(wagle_ctx *ctx, const wg_layout *l, const wg_record *r,
                                const wg_preamble *before, const wg_text *user, wg_asked *a)
{
    json_t *one = json_array();
    wagle_status st =
        one != NULL && json_array_append_new(one, wg_message_new("user", wg_text_str(user))) == 0
            ? WAGLE_OK
            : wg_json_memory(ctx);

    if (st == WAGLE_OK)
        st = wg_conversation_extend(ctx, one, l->of.system, before->turns, before->text,
                                    &a->messages);
    if (st == WAGLE_OK)
        st = wg_turns_render(ctx, l->chat, r, a->messages, true, &a->prompt);
    json_decref(one);
    return st;
}

static wagle_status ask_question(wagle_ctx *ctx, const wg_layout *l, const wg_record *r,
                                 const wg_columns *c, const wg_preamble *before, wg_asked *a)
{
    wg_text user = {0};
    wagle_status st = l->chat == NULL        ? wg_text_adds(ctx, &a->prompt, before->text)
                      : l->of.prompt == NULL ? check_system(ctx, l, r)
                                             : WAGLE_OK;

    if (st == WAGLE_OK)
        st = fill(ctx, l, r, c, a, l->chat != NULL ? &user : &a->prompt);
    if (st == WAGLE_OK && l->chat != NULL)
        st = ask_in_chat(ctx, l, r, before, &user, a);
    wg_text_free(&user);
    return st;
}

/* --- chats ------------------------------------------------------------------------------------ */

static wagle_status one_answer(wagle_ctx *ctx, wg_asked *a)
{
    if (a->answer == NULL)
        WG_TRY(WG_ALLOC(ctx, &a->answer, 1));
    a->n_answers = a->n_answers > 0 ? a->n_answers : 1;
    a->answer[0] = wg_text_str(&a->own);
    return WAGLE_OK;
}

/* Finds the last user message. */
static wagle_status last_question(wagle_ctx *ctx, const json_t *messages, wg_asked *a)
{
    const json_t *message;
    size_t i = json_array_size(messages);

    while (i > 0) {
        const char *role =
            json_string_value(json_object_get(json_array_get(messages, --i), "role"));
        if (role != NULL && strcmp(role, "user") == 0)
            break;
    }
    message = json_array_get(messages, i);
    WG_TRY(wg_message_text(ctx, message, &a->asked));
    a->question = wg_text_str(&a->asked);
    return WAGLE_OK;
}

/* Lays out a chat without a chat template: one question and its answer; anything else is refused.
 */
static wagle_status ask_without_chat(wagle_ctx *ctx, const wg_layout *l, const wg_record *r,
                                     const wg_columns *c, const wg_preamble *before, wg_asked *a)
{
    const size_t n = json_array_size(a->messages);
    const bool answered = n > 1 && wg_is_assistant(a->messages, n - 1);

    if (n - answered != 1 || wg_is_assistant(a->messages, 0) ||
        strcmp(json_string_value(json_object_get(json_array_get(a->messages, 0), "role")),
               "user") != 0)
        return wg_record_fail(ctx, r,
                              "a chat of %zu messages needs a chat template, and %s; choose one "
                              "with @{chat NAME}",
                              n,
                              same_text(l->of.chat, "none") ? "@{chat=none} turns it off"
                              : l->of.prompt != NULL        ? "@{prompt} turns it off"
                                                            : "the model's folder has none");
    if (answered) {
        WG_TRY(wg_message_text(ctx, json_array_get(a->messages, n - 1), &a->own));
        WG_TRY(one_answer(ctx, a));
    }
    return ask_question(ctx, l, r, c, before, a);
}

static wagle_status ask_with_chat(wagle_ctx *ctx, const wg_layout *l, const wg_record *r,
                                  const wg_preamble *before, bool answered, wg_asked *a)
{
    json_t *whole;
    size_t n;

    if (l->of.prompt != NULL)
        return wg_record_fail(ctx, r,
                              "@{prompt} cannot be used with a chat layout for rows of messages");
    WG_TRY(wg_conversation_extend(ctx, a->messages, l->of.system, before->turns, before->text,
                                  &whole));
    json_decref(a->messages);
    a->messages = whole;
    n = json_array_size(whole);
    if (!answered && !wg_is_assistant(whole, n - 1))
        return wg_turns_render(ctx, l->chat, r, whole, true, &a->prompt);
    WG_TRY(wg_turns_lay_out(ctx, l->chat, r, l->of.all_turns, a));
    return one_answer(ctx, a);
}

static wagle_status ask_chat(wagle_ctx *ctx, const wg_layout *l, const wg_record *r,
                             const wg_columns *c, bool split, const wg_preamble *before,
                             bool answered, wg_asked *a)
{
    WG_TRY(wg_conversation_read(ctx, r, c, split, answered, &a->messages));
    if (!wg_opens_with_system(a->messages))
        WG_TRY(check_system(ctx, l, r));
    WG_TRY(last_question(ctx, a->messages, a));
    return l->chat != NULL ? ask_with_chat(ctx, l, r, before, answered, a)
                           : ask_without_chat(ctx, l, r, c, before, a);
}

wagle_status wg_layout_ask(wagle_ctx *ctx, const wg_layout *l, const wg_record *r,
                           wg_record_kind kind, const wg_preamble *before, bool answered,
                           wg_asked *out)
{
    const wg_columns c = wg_record_columns(&l->of, r);
    const wg_preamble none = {{"", 0}, NULL};
    const json_t *prompt = c.prompt != NULL ? json_object_get(r->fields, c.prompt) : NULL;
    const json_t *answer = c.answer != NULL ? json_object_get(r->fields, c.answer) : NULL;
    const bool split = wg_is_messages(prompt) || wg_is_messages(answer);
    wagle_status st = WAGLE_OK;

    *out = (wg_asked){.chat = l->chat != NULL};
    before = before != NULL ? before : &none;
    if (kind == WG_RECORD_QUESTION && !wg_is_messages(answer) && (answered || answer != NULL))
        st = wg_record_texts(ctx, r, c.answer, &out->answer, &out->n_answers);
    if (st == WAGLE_OK)
        st = kind == WG_RECORD_CHAT || split
                 ? ask_chat(ctx, l, r, &c, kind != WG_RECORD_CHAT, before, answered, out)
                 : ask_question(ctx, l, r, &c, before, out);
    if (st == WAGLE_OK && c.facts != NULL)
        st = wg_record_texts(ctx, r, c.facts, &out->fact, &out->n_facts);
    if (st != WAGLE_OK)
        wg_asked_free(out);
    return st;
}
