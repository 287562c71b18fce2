#include "data/conversation.h"

#include <stdio.h>
#include <string.h>

static const char *const roles[] = {"system", "developer", "user", "assistant", "tool"};
enum { ROLES = sizeof roles / sizeof *roles };

/* Names of roles in ShareGPT and other formats. */
static const struct alias {
    const char *from, *role;
} aliases[] = {
    {"human", "user"},          {"user", "user"},         {"gpt", "assistant"},
    {"assistant", "assistant"}, {"chatgpt", "assistant"}, {"model", "assistant"},
    {"system", "system"},       {"tool", "tool"},
};
enum { ALIASES = sizeof aliases / sizeof *aliases };

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

wagle_status wg_message_text(wagle_ctx *ctx, const json_t *message, wg_text *out)
{
    const json_t *content = json_object_get(message, "content"), *part;
    size_t i;

    WG_TRY(wg_text_addz(ctx, out, ""));
    if (json_is_string(content))
        return wg_text_adds(ctx, out, wg_json_str(content));
    json_array_foreach (content, i, part)
        WG_TRY(wg_text_adds(ctx, out, wg_json_str(json_object_get(part, "text"))));
    return WAGLE_OK;
}

json_t *wg_message_new(const char *role, wg_str content)
{
    return json_pack("{s:s, s:o}", "role", role, "content",
                     json_stringn(content.text, content.bytes));
}

static bool has_role(const json_t *message, const char *role)
{
    const char *own = text_of(message, "role");

    return own != NULL && strcmp(own, role) == 0;
}

bool wg_is_assistant(const json_t *messages, size_t i)
{
    return has_role(json_array_get(messages, i), "assistant");
}

bool wg_is_users(const json_t *message)
{
    const char *role = text_of(message, "role");

    if (role == NULL)
        role = text_of(message, "from");
    return role != NULL && (strcmp(role, "user") == 0 || strcmp(role, "human") == 0);
}

const char *wg_message_key(const json_t *message)
{
    return json_object_get(message, "role") != NULL ? "content" : "value";
}

bool wg_opens_with_system(const json_t *messages)
{
    const json_t *first = json_array_get(messages, 0);

    return has_role(first, "system") || has_role(first, "developer");
}

/* Copies a message with a text before its content. */
static json_t *message_after(wagle_ctx *ctx, json_t *message, wg_str before)
{
    const json_t *content = json_object_get(message, "content");
    json_t *copy, *longer = NULL;
    wg_text text = {0};

    if (before.bytes == 0)
        return json_incref(message);
    if (json_is_array(content)) {
        longer = json_copy((json_t *)(uintptr_t)content);
        if (json_array_insert_new(longer, 0,
                                  json_pack("{s:s, s:o}", "type", "text", "text",
                                            json_stringn(before.text, before.bytes))) != 0) {
            json_decref(longer);
            return NULL;
        }
    } else if (wg_text_adds(ctx, &text, before) == WAGLE_OK &&
               wg_text_adds(ctx, &text, wg_json_str(content)) == WAGLE_OK)
        longer = json_stringn(text.text, (size_t)text.bytes);
    wg_text_free(&text);
    copy = json_copy(message);
    if (json_object_set_new(copy, "content", longer) != 0) {
        json_decref(copy);
        return NULL;
    }
    return copy;
}

static wagle_status extend(wagle_ctx *ctx, const json_t *messages, const char *system,
                           const json_t *turns, wg_str before, json_t *out)
{
    bool asked = false;
    json_t *message;
    size_t i;

    if (system != NULL && !wg_opens_with_system(messages) &&
        json_array_append_new(out, wg_message_new("system", wg_strz(system))) != 0)
        return wg_json_memory(ctx);
    json_array_foreach (messages, i, message) {
        const bool opens = !asked && has_role(message, "user");
        if (opens && turns != NULL && json_array_extend(out, (json_t *)(uintptr_t)turns) != 0)
            return wg_json_memory(ctx);
        if (json_array_append_new(out, opens ? message_after(ctx, message, before)
                                             : json_incref(message)) != 0)
            return wg_json_memory(ctx);
        asked |= opens;
    }
    return WAGLE_OK;
}

wagle_status wg_conversation_extend(wagle_ctx *ctx, const json_t *messages, const char *system,
                                    const json_t *turns, wg_str before, json_t **out)
{
    wagle_status st;

    *out = json_array();
    st = *out != NULL ? extend(ctx, messages, system, turns, before, *out) : wg_json_memory(ctx);
    if (st != WAGLE_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return st;
}

/* --- one message ------------------------------------------------------------------------------ */

/* A position within a row, for error messages. */
typedef struct position {
    wagle_ctx *ctx;
    const wg_record *record;
    const char *column;
    size_t i;
} position;

static wagle_status refuse(const position *s, const char *format, const char *a, const char *b)
{
    char what[300];

    snprintf(what, sizeof what, format, a, b);
    return wg_record_fail(s->ctx, s->record, "%.40s[%zu]: %s", s->column, s->i, what);
}

static wagle_status check_parts(const position *s, const json_t *content)
{
    const json_t *part;
    size_t k;

    json_array_foreach (content, k, part) {
        const char *type = text_of(part, "type");
        if (type != NULL && strcmp(type, "text") != 0)
            return refuse(s, "a part of type '%.40s'; only text is read%s", type, "");
        if (type == NULL || text_of(part, "text") == NULL)
            return refuse(s, "a part of content that is not {\"type\": \"text\", \"text\": ..}%s%s",
                          "", "");
    }
    return WAGLE_OK;
}

static wagle_status check_content(const position *s, const json_t *message)
{
    const json_t *content = json_object_get(message, "content");
    const json_t *weight = json_object_get(message, "weight");

    if (weight != NULL && !json_is_null(weight) && json_number_value(weight) != 1)
        return refuse(s, "'weight' must be 1; other weights are not supported%s%s", "", "");
    if (json_is_string(content))
        return WAGLE_OK;
    if (json_is_array(content) && json_array_size(content) > 0)
        return check_parts(s, content);
    if ((content == NULL || json_is_null(content)) &&
        !json_is_null(json_object_get(message, "tool_calls")) &&
        json_object_get(message, "tool_calls") != NULL)
        return WAGLE_OK;
    return content == NULL
               ? refuse(s, "no 'content'%s%s", "", "")
               : refuse(s, "'content' is %s; expected a text%s", wg_json_kind(content), "");
}

static wagle_status check_role(const position *s, const json_t *message)
{
    const json_t *value = json_object_get(message, "role");
    const char *role = json_string_value(value);

    for (int i = 0; role != NULL && i < ROLES; i++)
        if (strcmp(role, roles[i]) == 0)
            return WAGLE_OK;
    return role != NULL
               ? refuse(s, "role '%.40s'; expected system, user, assistant, tool or developer%s",
                        role, "")
               : refuse(s, "'role' is %s; expected a text%s", wg_json_kind(value), "");
}

/* Converts {"from", "value"} to {"role", "content"}. */
static wagle_status rename_keys(const position *s, const json_t *message, json_t **out)
{
    const json_t *from = json_object_get(message, "from");
    json_t *value = json_object_get(message, "value");
    const char *name = json_string_value(from);
    int i = 0;

    *out = NULL;
    while (name != NULL && i < ALIASES && strcmp(name, aliases[i].from) != 0)
        i++;
    if (name == NULL)
        return refuse(s, "'from' is %s; expected a text%s", wg_json_kind(from), "");
    if (i == ALIASES)
        return refuse(s, "from '%.40s'; expected human, gpt, system or tool%s", name, "");
    if (!json_is_string(value))
        return refuse(s, "'value' is %s; expected a text%s", wg_json_kind(value), "");
    *out = json_pack("{s:s, s:O}", "role", aliases[i].role, "content", value);
    return *out != NULL ? WAGLE_OK : wg_json_memory(s->ctx);
}

/* --- all messages ----------------------------------------------------------------------------- */

/* Adds the messages of a column's list to `out`. */
static wagle_status add_list(wagle_ctx *ctx, const wg_record *r, const char *column, json_t *out)
{
    const json_t *list = json_object_get(r->fields, column);
    json_t *message;
    size_t i;

    if (!json_is_array(list) || json_array_size(list) == 0)
        return wg_record_fail(ctx, r, "'%.60s' is %s; expected a list of messages", column,
                              wg_json_kind(list));
    json_array_foreach (list, i, message) {
        const position s = {ctx, r, column, i};
        json_t *taken = NULL;
        if (!json_is_object(message))
            return refuse(&s, "is %s; expected {\"role\": .., \"content\": ..}%s",
                          wg_json_kind(message), "");
        if (json_object_get(message, "from") != NULL && json_object_get(message, "role") == NULL)
            WG_TRY(rename_keys(&s, message, &taken));
        else {
            WG_TRY(check_role(&s, message));
            WG_TRY(check_content(&s, message));
            taken = json_incref(message);
        }
        if (json_array_append_new(out, taken) != 0)
            return wg_json_memory(ctx);
    }
    return WAGLE_OK;
}

/* Adds a column of messages. A text, or the first of a list of texts, becomes a message of that
 * role. */
static wagle_status add_column(wagle_ctx *ctx, const wg_record *r, const char *column,
                               const char *role, json_t *out)
{
    wg_str *text;
    int64_t n;

    if (wg_is_messages(json_object_get(r->fields, column)))
        return add_list(ctx, r, column, out);
    WG_TRY(wg_record_texts(ctx, r, column, &text, &n));
    const int failed = json_array_append_new(out, wg_message_new(role, text[0]));
    wg_free(text);
    return failed ? wg_json_memory(ctx) : WAGLE_OK;
}

/* Refuses columns that templates can use but that are not passed to them. */
static wagle_status check_extras(wagle_ctx *ctx, const wg_record *r)
{
    static const char *const extras[] = {"tools", "documents", "chat_template_kwargs"};

    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++) {
        const json_t *value = json_object_get(r->fields, extras[i]);
        const bool empty = value == NULL || json_is_null(value) ||
                           (json_is_array(value) && json_array_size(value) == 0) ||
                           (json_is_object(value) && json_object_size(value) == 0) ||
                           (json_is_string(value) && json_string_length(value) == 0);
        if (!empty)
            return wg_record_fail(
                ctx, r,
                "'%s' in a row is not passed to the chat template (@{chat_kwargs} "
                "sets it for all rows)",
                extras[i]);
    }
    return WAGLE_OK;
}

static wagle_status read_all(wagle_ctx *ctx, const wg_record *r, const wg_columns *c, bool split,
                             bool answered, json_t *out)
{
    const char *last;

    WG_TRY(check_extras(ctx, r));
    if (!split)
        WG_TRY(add_list(ctx, r, c->messages, out));
    else {
        WG_TRY(add_column(ctx, r, c->prompt, "user", out));
        if (c->answer != NULL && json_object_get(r->fields, c->answer) != NULL)
            WG_TRY(add_column(ctx, r, c->answer, "assistant", out));
    }
    last = text_of(json_array_get(out, json_array_size(out) - 1), "role");
    if (answered && strcmp(last, "assistant") != 0)
        return wg_record_fail(
            ctx, r, "the last message has role %s; it must be the assistant's answer", last);
    if (answered && json_array_size(out) == 1)
        return wg_record_fail(ctx, r, "only one message; add the assistant's answer");
    return WAGLE_OK;
}

wagle_status wg_conversation_read(wagle_ctx *ctx, const wg_record *r, const wg_columns *columns,
                                  bool split, bool answered, json_t **out)
{
    wagle_status st;

    *out = json_array();
    st = *out != NULL ? read_all(ctx, r, columns, split, answered, *out) : wg_json_memory(ctx);
    if (st != WAGLE_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return st;
}
