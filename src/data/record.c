#include "data/record.h"
#include "data/conversation.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const prompts[] = {"question", "prompt", NULL};
static const char *const answers[] = {"answer", "completion", "gt", NULL};
static const char *const texts[] = {"text", NULL};
static const char *const chats[] = {"messages", "conversations", "conversation", NULL};

wagle_status wg_record_fail(wagle_ctx *ctx, const wg_record *r, const char *format, ...)
{
    char what[700];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return wg_fail(ctx, WAGLE_E_INPUT, "%s:%lld: %s", r->path, (long long)r->line, what);
}

bool wg_is_messages(const json_t *value)
{
    return json_is_object(json_array_get(value, 0));
}

/* --- which rows and columns are read ---------------------------------------------------------- */

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(name, *names) != 0)
        names++;
    return *names != NULL;
}

static bool is_named(const char *name, const char *option)
{
    return option != NULL && strcmp(name, option) == 0;
}

/* Whether {name} is in the template. */
static bool is_in_template(const char *name, const char *template)
{
    const size_t n = strlen(name);

    for (const char *c = template; c != NULL && (c = strchr(c, '{')) != NULL; c++)
        if (strncmp(c + 1, name, n) == 0 && c[1 + n] == '}')
            return true;
    return false;
}

/* The columns that rows of training and evaluation may use. A column that is missing here is an
 * error where it is used, as all that was not read. */
static bool reads(const void *of, const char *name)
{
    static const char *const others[] = {"chosen",
                                         "rejected",
                                         "labels",
                                         "input_ids",
                                         "attention_mask",
                                         "token_weights",
                                         "position_ids",
                                         "token_type_ids",
                                         "tools",
                                         "documents",
                                         "system",
                                         "system_prompt",
                                         "chat_template_kwargs",
                                         NULL};
    const wagle_data *d = of;

    return is_one_of(name, prompts) || is_one_of(name, answers) || is_one_of(name, texts) ||
           is_one_of(name, chats) || is_one_of(name, others) || is_named(name, d->prompt_field) ||
           is_named(name, d->answer_field) || is_named(name, d->text_field) ||
           is_named(name, d->facts_field) || is_in_template(name, d->prompt);
}

wg_rows_select wg_data_select(const wagle_data *data, bool some)
{
    return (wg_rows_select){.limit = data->limit,
                            .where = data->where,
                            .fields = data->fields,
                            .reads = some ? reads : NULL,
                            .of = data};
}

/* --- columns ---------------------------------------------------------------------------------- */

static const char *first_of(const wg_record *r, const char *const *names)
{
    while (*names != NULL && json_object_get(r->fields, *names) == NULL)
        names++;
    return *names;
}

/* Rows of KnowUnDo: {"text": question, "labels": answer}. */
static bool has_text_labels(const wg_record *r)
{
    return json_is_string(json_object_get(r->fields, "labels")) &&
           json_object_get(r->fields, "input_ids") == NULL;
}

/* Whether messages have a question, and not only an answer. */
static bool asks_itself(const json_t *messages)
{
    json_t *message;
    size_t i;

    json_array_foreach (messages, i, message)
        if (wg_is_users(message))
            return true;
    return false;
}

wg_columns wg_record_columns(const wagle_data *data, const wg_record *r)
{
    wg_columns c = {
        .prompt = data->prompt_field != NULL ? data->prompt_field : first_of(r, prompts),
        .answer = data->answer_field != NULL ? data->answer_field : first_of(r, answers),
        .text = data->text_field != NULL ? data->text_field : first_of(r, texts),
        .messages = first_of(r, chats),
    };

    if (data->facts_field != NULL && json_object_get(r->fields, data->facts_field) != NULL)
        c.facts = data->facts_field;
    if (c.answer == NULL && has_text_labels(r)) {
        c.answer = "labels";
        c.prompt = c.prompt != NULL ? c.prompt : c.text;
    }
    if (c.answer != NULL && wg_is_messages(json_object_get(r->fields, c.answer)) &&
        (c.prompt == NULL || json_object_get(r->fields, c.prompt) == NULL ||
         asks_itself(json_object_get(r->fields, c.answer))))
        c.messages = c.answer; /* the whole conversation */
    return c;
}

/* Refuses a prompt that is not what the conversation beside it begins with: its first question, or
 * its first messages. */
static wagle_status check_prompt(wagle_ctx *ctx, const wg_record *r, const wg_columns *c)
{
    const json_t *prompt = c->prompt != NULL ? json_object_get(r->fields, c->prompt) : NULL;
    const json_t *messages = json_object_get(r->fields, c->messages);
    bool same = prompt == NULL;
    json_t *message;
    size_t i;

    json_array_foreach (messages, i, message)
        if (json_is_string(prompt) && wg_is_users(message)) {
            same = json_equal(prompt, json_object_get(message, wg_message_key(message)));
            break;
        }
    if (json_is_array(prompt))
        same = json_array_size(prompt) <= json_array_size(messages);
    for (i = 0; same && i < json_array_size(prompt); i++)
        same = json_equal(json_array_get(prompt, i), json_array_get(messages, i));
    return same ? WAGLE_OK
                : wg_record_fail(ctx, r,
                                 "'%.60s' is a whole conversation, and '%.60s' is not what it "
                                 "begins with; rename one of the two with @{fields}",
                                 c->messages, c->prompt);
}

bool wg_record_prefers(const wagle_data *data, const wg_record *r)
{
    return data->answer_field == NULL && data->text_field == NULL && first_of(r, answers) == NULL &&
           json_object_get(r->fields, "chosen") != NULL &&
           json_object_get(r->fields, "rejected") != NULL;
}

/* --- errors of a row as a whole --------------------------------------------------------------- */

/* Lists the row's columns as in "question, id (a number)". *only: the column, if there is exactly
 * one, that is text and is not `not`. */
static wagle_status list_columns(wagle_ctx *ctx, const wg_record *r, const char * not, wg_text *out,
                                 const char **only)
{
    const char *key;
    json_t *value;
    int candidates = 0;

    *only = NULL;
    WG_TRY(wg_text_addz(ctx, out, ""));
    json_object_foreach ((json_t *)(uintptr_t)r->fields, key, value) {
        const bool text = strcmp(wg_rows_kind(value), "a text") == 0;
        if (out->bytes > 300) {
            WG_TRY(wg_text_addz(ctx, out, ", .."));
            break;
        }
        WG_TRY(wg_text_printf(ctx, out, "%s%.40s%s%s%s", out->bytes > 0 ? ", " : "", key,
                              text ? "" : " (", text ? "" : wg_rows_kind(value), text ? "" : ")"));
        if (text && (not == NULL || strcmp(key, not ) != 0)) {
            *only = candidates++ == 0 ? key : NULL;
        }
    }
    if (out->bytes == 0)
        return wg_text_addz(ctx, out, "no column at all");
    return WAGLE_OK;
}

/* The column with a list of objects, which may be the intended rows, or NULL. */
static const char *rows_within(const wg_record *r)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)r->fields, key, value)
        if (wg_is_messages(value))
            return key;
    return NULL;
}

/* Whether 'chosen' and 'rejected' are texts, of which one is named as the answer: as in HH-RLHF,
 * where each is a whole dialogue. */
static bool has_dialogues(const wg_record *r, const wg_columns *c)
{
    return c->answer != NULL &&
           (strcmp(c->answer, "chosen") == 0 || strcmp(c->answer, "rejected") == 0) &&
           json_is_string(json_object_get(r->fields, "chosen")) &&
           json_is_string(json_object_get(r->fields, "rejected"));
}

static wagle_status missing(wagle_ctx *ctx, const wg_record *r, const wg_columns *c, bool answered)
{
    const bool no_prompt = c->prompt == NULL || json_object_get(r->fields, c->prompt) == NULL;
    const char *wanted = no_prompt ? c->prompt : c->answer, *only, *within = rows_within(r);
    const char *option = no_prompt ? "prompt" : "answer";
    wg_text found = {0};
    wagle_status st = list_columns(ctx, r, no_prompt ? c->answer : c->prompt, &found, &only);

    if (st == WAGLE_OK && c->answer == NULL && json_object_get(r->fields, "chosen") != NULL &&
        json_object_get(r->fields, "rejected") != NULL)
        st = wg_record_fail(ctx, r,
                            "'chosen' and 'rejected' are two answers; name the one that is meant "
                            "with @{answer_field=chosen} or @{answer_field=rejected} (found: %s)",
                            found.text);
    if (st == WAGLE_OK && no_prompt && has_dialogues(r, c))
        st = wg_record_fail(ctx, r,
                            "no field '%.60s' (found: %s); if '%s' is a whole dialogue, as in "
                            "HH-RLHF, read it as a text with @{text_field=%s}, or give its "
                            "questions a column of their own",
                            c->prompt != NULL ? c->prompt : "question", found.text, c->answer,
                            c->answer);
    if (st == WAGLE_OK && within != NULL)
        st = wg_record_fail(ctx, r,
                            "no column that is read (found: %s); if '%.40s' holds the rows, write "
                            "only that list to the file",
                            found.text, within);
    if (st == WAGLE_OK && no_prompt && c->answer == NULL && wanted == NULL)
        st = wg_record_fail(ctx, r,
                            "no field 'question'%s, 'text', 'messages' or 'input_ids' (found: %s); "
                            "name the columns with @{prompt_field} and @{answer_field}, or plain "
                            "text with @{text_field%s%.40s}",
                            answered ? " with 'answer'" : "", found.text, only != NULL ? "=" : "",
                            only != NULL ? only : "");
    if (st == WAGLE_OK)
        st = wg_record_fail(ctx, r, "no field '%.60s' (found: %s); name it with @{%s_field%s%.40s}",
                            wanted != NULL ? wanted
                            : no_prompt    ? "question"
                                           : "answer",
                            found.text, option, only != NULL ? "=" : "", only != NULL ? only : "");
    wg_text_free(&found);
    return st;
}

/* Refuses columns of pre-tokenised rows beside text, because the user expects them to be used. */
static wagle_status check_stray(wagle_ctx *ctx, const wg_record *r, const char *answer)
{
    static const char *const stray[] = {"labels", "attention_mask", "token_weights"};

    for (size_t i = 0; i < sizeof stray / sizeof *stray; i++) {
        const json_t *value = json_object_get(r->fields, stray[i]);
        if (value != NULL && (answer == NULL || strcmp(answer, stray[i]) != 0))
            return wg_record_fail(
                ctx, r,
                "'%s' is %s and there are no 'input_ids' for it; @{prompt_field} "
                "and @{answer_field}, or @{text_field}, choose the columns to read",
                stray[i], wg_json_kind(value));
    }
    return WAGLE_OK;
}

/* Refuses a question without an answer beside a text, which is ambiguous. */
static wagle_status check_either(wagle_ctx *ctx, const wg_record *r, const wg_columns *c)
{
    const bool asks = c->prompt != NULL && json_object_get(r->fields, c->prompt) != NULL;
    const char *half = asks ? c->prompt : c->answer;

    if (half == NULL || json_object_get(r->fields, half) == NULL)
        return WAGLE_OK;
    return wg_record_fail(ctx, r,
                          "'%.60s' without %s, and '%.60s'; @{text_field} %.60s reads the text, "
                          "@{prompt_field} and @{answer_field} name a question and its answer",
                          half, asks ? "an answer" : "a question", c->text, c->text);
}

wagle_status wg_record_kind_of(wagle_ctx *ctx, const wagle_data *data, const wg_record *r,
                               bool answered, wg_record_kind *out)
{
    const bool pair = data->prompt_field != NULL || data->answer_field != NULL;
    const bool named = pair || data->text_field != NULL;
    const wg_columns c = wg_record_columns(data, r);
#define HAS(column) ((column) != NULL && json_object_get(r->fields, (column)) != NULL)
    const bool asks = HAS(c.prompt) || data->prompt != NULL, answers_it = HAS(c.answer);
    const bool whole = answers_it && c.messages == c.answer;
    const bool chosen = (data->prompt_field != NULL && HAS(c.prompt)) ||
                        (data->answer_field != NULL && answers_it) ||
                        (data->text_field != NULL && HAS(c.text));

    *out = WG_RECORD_QUESTION;
    if (json_object_get(r->fields, "input_ids") != NULL && !chosen)
        *out = WG_RECORD_TOKENS;
    else if (asks && !whole && (answers_it || !answered) && (pair || data->text_field == NULL))
        ;
    else if (HAS(c.messages) && (!named || whole)) {
        *out = WG_RECORD_CHAT;
        if (whole)
            WG_TRY(check_prompt(ctx, r, &c));
    } else if (HAS(c.text) && (!pair || data->text_field != NULL)) {
        *out = WG_RECORD_TEXT;
        if (!named)
            WG_TRY(check_either(ctx, r, &c));
    } else if (data->text_field != NULL && !pair)
        return wg_record_text(ctx, r, data->text_field, &(wg_str){0});
    else
        return missing(ctx, r, &c, answered);
#undef HAS
    return *out == WG_RECORD_TOKENS || named ? WAGLE_OK : check_stray(ctx, r, c.answer);
}

/* --- fields ----------------------------------------------------------------------------------- */

/* Whether every value of the row is a list, as in a file of columns. */
static bool is_of_columns(const wg_record *r)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)r->fields, key, value)
        if (!json_is_array(value))
            return false;
    return true;
}

static wagle_status unusable(wagle_ctx *ctx, const wg_record *r, const char *name,
                             const json_t *value, const char *wanted)
{
    char *shown = json_is_number(value) || json_is_boolean(value)
                      ? json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15))
                      : NULL;
    const wagle_status st = wg_record_fail(
        ctx, r, "'%.60s' is %s%s%.40s; expected %s%s", name, wg_rows_kind(value),
        shown != NULL ? ": " : "", shown != NULL ? shown : "", wanted,
        is_of_columns(r) ? " (the file may be an object of columns; write one object for each row)"
                         : "");

    free(shown);
    return st;
}

wagle_status wg_record_text(wagle_ctx *ctx, const wg_record *r, const char *name, wg_str *out)
{
    const json_t *value = json_object_get(r->fields, name);
    wg_text found = {0};
    const char *only;
    wagle_status st;

    *out = wg_json_str(value);
    if (json_is_string(value))
        return WAGLE_OK;
    if (value != NULL)
        return unusable(ctx, r, name, value, "a text");
    st = list_columns(ctx, r, NULL, &found, &only);
    if (st == WAGLE_OK)
        st = wg_record_fail(ctx, r, "no field '%.60s' (found: %s)", name, found.text);
    wg_text_free(&found);
    return st;
}

wagle_status wg_record_texts(wagle_ctx *ctx, const wg_record *r, const char *name, wg_str **list,
                             int64_t *n)
{
    const json_t *value = json_object_get(r->fields, name);
    const bool is_list = json_is_array(value);

    *list = NULL;
    *n = is_list ? (int64_t)json_array_size(value) : 1;
    if (*n == 0)
        return unusable(ctx, r, name, value, "a text or a list of texts");
    WG_TRY(WG_ALLOC(ctx, list, *n));
    for (int64_t i = 0; i < *n; i++) {
        const json_t *one = is_list ? json_array_get(value, (size_t)i) : value;
        (*list)[i] = wg_json_str(one);
        if (!json_is_string(one)) {
            const wagle_status st =
                is_list         ? wg_record_fail(ctx, r, "'%.60s' holds %s; expected texts", name,
                                                 wg_rows_kind(one))
                : value == NULL ? wg_record_text(ctx, r, name, &(wg_str){0})
                                : unusable(ctx, r, name, value, "a text or a list of texts");
            wg_free(*list);
            *list = NULL;
            return st;
        }
    }
    return WAGLE_OK;
}

/* --- templates -------------------------------------------------------------------------------- */

/* The text that replaces {name}. */
static wagle_status value_of(wagle_ctx *ctx, const wg_record *r, const char *name,
                             const wg_columns *columns, wg_str prompt, wg_str *out)
{
    const bool own = json_object_get(r->fields, name) != NULL;

    *out = prompt;
    if (strcmp(name, "prompt") != 0 && (own || strcmp(name, "question") != 0))
        return wg_record_text(ctx, r, name, out);
    if (prompt.text != NULL)
        return WAGLE_OK;
    return columns->prompt != NULL ? wg_record_text(ctx, r, columns->prompt, out)
                                   : missing(ctx, r, columns, true);
}

wagle_status wg_record_fill(wagle_ctx *ctx, const wg_record *r, const char *template,
                            const wg_columns *columns, wg_str prompt, wg_text *out)
{
    for (const char *c = template; *c != '\0'; c++) {
        const char *end = *c == '{' ? strchr(c, '}') : NULL;
        char *name;
        wg_str value;
        wagle_status st;
        if ((c[0] == '{' && c[1] == '{') || (c[0] == '}' && c[1] == '}')) {
            WG_TRY(wg_text_add(ctx, out, c++, 1));
            continue;
        }
        if (end == NULL) {
            WG_TRY(wg_text_add(ctx, out, c, 1));
            continue;
        }
        name = wg_copy_text(ctx, c + 1, (size_t)(end - c - 1));
        if (name == NULL)
            return WAGLE_E_RESOURCE;
        st = value_of(ctx, r, name, columns, prompt, &value);
        if (st == WAGLE_OK)
            st = wg_text_adds(ctx, out, value);
        wg_free(name);
        WG_TRY(st);
        c = end;
    }
    return wg_text_addz(ctx, out, "");
}
