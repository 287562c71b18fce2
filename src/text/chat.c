#include "text/chat.h"

#include "base/file.h"
#include "text/folder.h"
#include "text/jinja/jinja.h"
#include <string.h>

struct wg_chat {
    wg_jinja *template;
    json_t *variables; /* special tokens and options, which are the same for every conversation */
    char *name;
    char *date; /* or NULL */
};

/* The templates of a folder, with their sources: {"name": {"text":, "where":}}. */
typedef struct templates {
    wagle_ctx *ctx;
    const char *folder;
    json_t *config; /* tokenizer_config.json, or NULL */
    json_t *found;
} templates;

static void close_templates(templates *t)
{
    json_decref(t->config);
    json_decref(t->found);
}

/* --- templates of a folder, in transformers' order -------------------------------------------- */

static wagle_status add_template(templates *t, const char *name, const char *where,
                                 const char *text, size_t bytes)
{
    json_t *entry = json_object();
    wagle_status st = entry != NULL ? WAGLE_OK : wg_json_memory(t->ctx);

    if (st == WAGLE_OK)
        st = wg_json_set(t->ctx, entry, "where", json_string(where));
    if (st == WAGLE_OK && !wg_utf8_valid(text, bytes))
        st = wg_fail(t->ctx, WAGLE_E_INPUT, "%s/%s: the template is not UTF-8", t->folder, where);
    if (st == WAGLE_OK)
        st = wg_json_set(t->ctx, entry, "text", json_stringn(text, bytes));
    if (st == WAGLE_OK)
        return wg_json_set(t->ctx, t->found, name, entry);
    json_decref(entry);
    return st;
}

static wagle_status add_file(templates *t, const char *name, const char *where)
{
    char *path = wg_path_join(t->ctx, t->folder, where);
    wg_map map = {0};
    wagle_status st;

    if (path == NULL)
        return WAGLE_E_RESOURCE;
    st = wg_utf8_valid(name, strlen(name))
             ? wg_map_open(t->ctx, path, &map)
             : wg_fail(t->ctx, WAGLE_E_INPUT, "%s: the name of the file is not UTF-8", path);
    if (st == WAGLE_OK)
        st = add_template(t, name, where, (const char *)map.data, map.bytes);
    wg_map_close(&map);
    wg_free(path);
    return st;
}

static wagle_status add_more_files(templates *t)
{
    static const char inside[] = "additional_chat_templates";
    char *path = wg_path_join(t->ctx, t->folder, inside), **names = NULL;
    wagle_status st = path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK && wg_is_folder(path))
        st = wg_list_folder(t->ctx, path, &names);
    for (char **n = names; st == WAGLE_OK && n != NULL && *n != NULL; n++) {
        if (!wg_ends_with(*n, ".jinja"))
            continue;
        char *where = wg_path_join(t->ctx, inside, *n);
        (*n)[strlen(*n) - strlen(".jinja")] = '\0';
        st = where != NULL ? add_file(t, *n, where) : WAGLE_E_RESOURCE;
        wg_free(where);
    }
    if (names != NULL)
        wg_free_names(names);
    wg_free(path);
    return st;
}

static wagle_status bad_config(templates *t, const char *what)
{
    return wg_fail(t->ctx, WAGLE_E_INPUT, "%s/tokenizer_config.json: chat_template: %s", t->folder,
                   what);
}

static wagle_status add_named(templates *t, const char *name, const json_t *text)
{
    wg_text where = {0};
    wagle_status st;

    if (name == NULL || !json_is_string(text))
        return bad_config(t, "a list of {\"name\": text, \"template\": text} was expected");
    st = wg_text_printf(t->ctx, &where, "tokenizer_config.json chat_template '%s'", name);
    if (st == WAGLE_OK)
        st = add_template(t, name, where.text, json_string_value(text), json_string_length(text));
    wg_text_free(&where);
    return st;
}

static wagle_status add_configured(templates *t)
{
    const json_t *value = json_object_get(t->config, "chat_template");
    const char *name;
    const json_t *text;

    if (value == NULL || json_is_null(value))
        return WAGLE_OK;
    if (json_is_string(value))
        return add_template(t, "default", "tokenizer_config.json chat_template",
                            json_string_value(value), json_string_length(value));
    for (size_t i = 0; json_is_array(value) && i < json_array_size(value); i++) {
        const json_t *entry = json_array_get(value, i);
        WG_TRY(add_named(t, json_string_value(json_object_get(entry, "name")),
                         json_object_get(entry, "template")));
    }
    if (json_is_object(value))
        json_object_foreach ((json_t *)(uintptr_t)value, name, text)
            WG_TRY(add_named(t, name, text));
    return json_is_array(value) || json_is_object(value)
               ? WAGLE_OK
               : bad_config(t, "text or a list of named templates was expected");
}

/* Finds the templates. Files take precedence over tokenizer_config.json. */
static wagle_status find_templates(wagle_ctx *ctx, const char *folder, templates *t)
{
    static const char file[] = "chat_template.jinja";
    char *path = wg_path_join(ctx, folder, file);
    wagle_status st = path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    *t = (templates){.ctx = ctx, .folder = folder, .found = json_object()};
    if (st == WAGLE_OK && t->found == NULL)
        st = wg_json_memory(ctx);
    if (st == WAGLE_OK)
        st = wg_json_read_object(ctx, folder, "tokenizer_config.json", &t->config);
    if (st == WAGLE_OK && wg_exists(path))
        st = add_file(t, "default", file);
    if (st == WAGLE_OK)
        st = add_more_files(t);
    if (st == WAGLE_OK && json_object_size(t->found) == 0)
        st = add_configured(t);
    wg_free(path);
    return st;
}

wagle_status wg_chat_present(wagle_ctx *ctx, const char *folder, bool *out)
{
    templates t;
    const wagle_status st = find_templates(ctx, folder, &t);

    *out = json_object_size(t.found) > 0;
    close_templates(&t);
    return st;
}

/* --- variables -------------------------------------------------------------------------------- */

static json_t *read_value(const char *text)
{
    static const struct {
        const char *text;
        json_t *(*make)(void);
    } words[] = {{"True", json_true}, {"False", json_false}, {"None", json_null}};
    json_error_t error;
    json_t *value = json_loads(text, JSON_DECODE_ANY, &error);

    for (size_t i = 0; value == NULL && i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i].text) == 0)
            value = words[i].make();
    return value != NULL ? value : json_string(text);
}

static wagle_status add_option(wagle_ctx *ctx, const char *pair, json_t *to)
{
    static const char *const ours[] = {"messages", "add_generation_prompt", "chat_template",
                                       "tokenize", "continue_final_message"};
    const char *equals = strchr(pair, '=');
    char *key;
    wagle_status st = WAGLE_OK;

    if (equals == NULL || equals == pair)
        return wg_fail(ctx, WAGLE_E_USAGE, "chat option '%.60s': write it as NAME=VALUE", pair);
    key = wg_copy_text(ctx, pair, (size_t)(equals - pair));
    if (key == NULL)
        return WAGLE_E_RESOURCE;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (st == WAGLE_OK && strcmp(key, ours[i]) == 0)
            st = wg_fail(ctx, WAGLE_E_USAGE, "chat option '%s' cannot be set: wagle sets it", key);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, to, key, read_value(equals + 1));
    wg_free(key);
    return st;
}

/* Refuses options that the template does not read. */
static wagle_status check_options(wagle_ctx *ctx, const wg_chat *c, const wg_chat_options *o)
{
    for (const char *const *k = o->kwargs; k != NULL && *k != NULL; k++) {
        char *key = wg_copy_text(ctx, *k, strcspn(*k, "="));
        wagle_status st = key != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
        if (st == WAGLE_OK && !wg_jinja_reads(c->template, key))
            st = wg_fail(ctx, WAGLE_E_USAGE, "chat option '%.60s': %s does not use it", key,
                         c->name);
        wg_free(key);
        WG_TRY(st);
    }
    return WAGLE_OK;
}

static wagle_status make_variables(wagle_ctx *ctx, const templates *t, const wg_chat_options *o,
                                   json_t **out)
{
    wagle_status st = WAGLE_OK;

    *out = json_object();
    if (*out == NULL)
        return wg_json_memory(ctx);
    st = wg_json_set(ctx, *out, "tools", json_null());
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, *out, "documents", json_null());
    if (st == WAGLE_OK)
        st = wg_token_names(ctx, t->folder, *out);
    for (const char *const *k = o->kwargs; st == WAGLE_OK && k != NULL && *k != NULL; k++)
        st = add_option(ctx, *k, *out);
    return st;
}

/* --- opening ---------------------------------------------------------------------------------- */

static wagle_status unknown(wagle_ctx *ctx, const templates *t, const char *name)
{
    wg_text text = {0};
    const char *key;
    const json_t *value;
    wagle_status st =
        name == NULL ? wg_text_printf(ctx, &text, "no %schat template in %s",
                                      json_object_size(t->found) > 0 ? "default " : "", t->folder)
                     : wg_text_printf(ctx, &text, "no chat template or layout '%.60s'", name);

    json_object_foreach (t->found, key, value)
        if (st == WAGLE_OK)
            st = wg_text_printf(ctx, &text, "%s%.60s", strchr(text.text, ';') ? ", " : "; it has ",
                                key);
    for (const wg_chat_layout *l = wg_chat_layouts; st == WAGLE_OK && l->name != NULL; l++)
        st = wg_text_printf(ctx, &text, "%s%s", l == wg_chat_layouts ? "; layouts are " : ", ",
                            l->name);
    if (st == WAGLE_OK)
        st = wg_fail(ctx, WAGLE_E_USAGE, "%s: name one with @{chat}, or use @{prompt}", text.text);
    wg_text_free(&text);
    return st;
}

static wagle_status compile(wagle_ctx *ctx, const char *folder, const char *where, const char *text,
                            size_t bytes, wg_chat *c)
{
    char *path =
        folder != NULL ? wg_path_join(ctx, folder, where) : wg_copy_text(ctx, where, strlen(where));
    wagle_status st = WAGLE_E_RESOURCE;

    c->name = wg_copy_text(ctx, where, strlen(where));
    if (path != NULL && c->name != NULL)
        st = wg_jinja_compile(ctx, path, text, bytes, &c->template);
    wg_free(path);
    return st;
}

/* Chooses a template by name; NULL or "auto" means the default one. */
static wagle_status choose(wagle_ctx *ctx, const templates *t, const char *name, wg_chat *c)
{
    const bool by_default = name == NULL || strcmp(name, "auto") == 0;
    const json_t *tools = json_object_get(c->variables, "tools"), *entry = NULL, *text;

    if (by_default && !json_is_null(tools))
        entry = json_object_get(t->found, "tool_use");
    if (entry == NULL)
        entry = json_object_get(t->found, by_default ? "default" : name);
    if (entry != NULL) {
        text = json_object_get(entry, "text");
        return compile(ctx, t->folder, json_string_value(json_object_get(entry, "where")),
                       json_string_value(text), json_string_length(text), c);
    }
    for (const wg_chat_layout *l = wg_chat_layouts; !by_default && l->name != NULL; l++)
        if (strcmp(l->name, name) == 0)
            return compile(ctx, NULL, l->name, l->text, strlen(l->text), c);
    return unknown(ctx, t, by_default ? NULL : name);
}

wagle_status wg_chat_open(wagle_ctx *ctx, const char *folder, const wg_chat_options *o,
                          wg_chat **out)
{
    static const wg_chat_options none = {0};
    wg_chat *c = NULL;
    templates t = {0};
    struct tm date;
    wagle_status st;

    o = o != NULL ? o : &none;
    *out = NULL;
    WG_TRY_GOTO(WG_ALLOC(ctx, &c, 1), done);
    WG_TRY_GOTO(wg_jinja_date(ctx, o->date, &date), done);
    WG_TRY_GOTO(find_templates(ctx, folder, &t), done);
    WG_TRY_GOTO(make_variables(ctx, &t, o, &c->variables), done);
    WG_TRY_GOTO(choose(ctx, &t, o->name, c), done);
    WG_TRY_GOTO(check_options(ctx, c, o), done);
    if (o->date != NULL && (c->date = wg_copy_text(ctx, o->date, strlen(o->date))) == NULL)
        st = WAGLE_E_RESOURCE;
done:
    close_templates(&t);
    if (st == WAGLE_OK)
        *out = c;
    else
        wg_chat_free(c);
    return st;
}

void wg_chat_free(wg_chat *c)
{
    if (c == NULL)
        return;
    wg_jinja_free(c->template);
    json_decref(c->variables);
    wg_free(c->name);
    wg_free(c->date);
    wg_free(c);
}

const char *wg_chat_name(const wg_chat *c)
{
    return c->name;
}

bool wg_chat_reads(const wg_chat *c, const char *name)
{
    return wg_jinja_reads(c->template, name);
}

/* --- conversations ---------------------------------------------------------------------------- */

/* Prepares a message as transformers does: omits keys that are null, and provides the reasoning
 * under each name that templates read. */
static wagle_status normal_message(wagle_ctx *ctx, const json_t *message, json_t *out)
{
    static const char *const names[] = {"reasoning_content", "thinking", "reasoning"};
    json_t *reasoning = NULL, *value;
    const char *key;

    for (size_t i = 0; reasoning == NULL && i < sizeof names / sizeof *names; i++) {
        reasoning = json_object_get(message, names[i]);
        reasoning = json_is_null(reasoning) ? NULL : reasoning;
    }
    if (reasoning != NULL)
        WG_TRY(wg_json_set(ctx, out, "thinking", json_incref(reasoning)));
    json_object_foreach ((json_t *)(uintptr_t)message, key, value)
        if (!json_is_null(value))
            WG_TRY(wg_json_set(ctx, out, key, json_incref(value)));
    return reasoning != NULL ? wg_json_set(ctx, out, "reasoning_content", json_incref(reasoning))
                             : WAGLE_OK;
}

static wagle_status normal_messages(wagle_ctx *ctx, const json_t *messages, json_t *out)
{
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *message = json_array_get(messages, i);
        json_t *made = json_object();
        wagle_status st = made != NULL ? WAGLE_OK : wg_json_memory(ctx);
        if (st == WAGLE_OK && !json_is_object(message))
            st = wg_fail(ctx, WAGLE_E_INPUT, "message %zu of a conversation is not an object",
                         i + 1);
        if (st == WAGLE_OK)
            st = normal_message(ctx, message, made);
        if (st != WAGLE_OK) {
            json_decref(made);
            return st;
        }
        if (json_array_append_new(out, made) != 0)
            return wg_json_memory(ctx);
    }
    return WAGLE_OK;
}

wagle_status wg_chat_render(wagle_ctx *ctx, const wg_chat *c, const json_t *messages,
                            bool generation_prompt, wg_text *out)
{
    json_t *variables, *list = json_array();
    wagle_status st = list != NULL ? WAGLE_OK : wg_json_memory(ctx);

    if (!json_is_array(messages) || json_array_size(messages) == 0) {
        json_decref(list);
        return wg_fail(ctx, WAGLE_E_INPUT, "the conversation has no messages");
    }
    variables = json_copy(c->variables);
    if (st == WAGLE_OK && variables == NULL)
        st = wg_json_memory(ctx);
    if (st == WAGLE_OK)
        st = normal_messages(ctx, messages, list);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, variables, "messages", json_incref(list));
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, variables, "add_generation_prompt", json_boolean(generation_prompt));
    if (st == WAGLE_OK)
        st = wg_jinja_render(ctx, c->template, variables, c->date, out);
    json_decref(variables);
    json_decref(list);
    return st;
}

wagle_status wg_chat_render_prompt(wagle_ctx *ctx, const wg_chat *c, const char *system,
                                   const char *prompt, wg_text *out)
{
    json_t *messages = system != NULL
                           ? json_pack("[{s:s,s:s},{s:s,s:s}]", "role", "system", "content", system,
                                       "role", "user", "content", prompt)
                           : json_pack("[{s:s,s:s}]", "role", "user", "content", prompt);
    const wagle_status st =
        messages != NULL ? wg_chat_render(ctx, c, messages, true, out) : wg_json_memory(ctx);

    json_decref(messages);
    return st;
}
