/* config.c - reads --config FILE: options from a JSON object. */
#include "common.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Compares names; keys may have underscores or points instead of hyphens. */
static bool is_same_name(const char *key, const char *name)
{
    for (; *key != '\0' && *name != '\0'; key++, name++)
        if ((*key == '_' || *key == '.' ? '-' : *key) != (*name == '.' ? '-' : *name))
            return false;
    return *key == *name;
}

const cli_option *cli_key_option(const cli_command *c, const char *key)
{
    const cli_option *t = cli_next(c, NULL);

    while (t != NULL && !is_same_name(key, t->name))
        t = cli_next(c, t);
    return t;
}

int cli_key_param(const cli_command *c, const char *key)
{
    wagle_param_info p;
    char flag[64];

    for (int i = 0; cli_param(c, i, &p, flag); i++)
        if (is_same_name(key, p.key))
            return i;
    return -1;
}

static wagle_status wrong_type(const cli_options *o, const char *key, const char *wanted)
{
    return cli_refuse("%s: '%s' must be %s", o->keys, key, wanted);
}

/* A number as text, like a flag's value; NULL if memory runs out. Options keep the text. */
static char *number_text(const json_t *value)
{
    char text[64];

    if (json_is_integer(value))
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
    else
        snprintf(text, sizeof text, "%.17g", json_real_value(value));
    return strdup(text);
}

static wagle_status set_number(const cli_command *c, cli_options *o, const cli_option *t,
                               const json_t *value)
{
    const char *text = number_text(value);

    return text != NULL ? cli_set(c, o, t, text, CLI_FROM_CONFIG) : WAGLE_E_RESOURCE;
}

static wagle_status set_param(cli_options *o, int p, const json_t *value)
{
    char *text = number_text(value);
    const wagle_status st =
        text != NULL ? cli_set_param(o, p, text, CLI_FROM_CONFIG) : WAGLE_E_RESOURCE;

    free(text);
    return st;
}

static wagle_status set_list(const cli_command *c, cli_options *o, const cli_option *t,
                             const char *key, const json_t *value)
{
    const bool several = cli_repeats(c->name, t->name);
    wagle_status st = WAGLE_OK;

    if (json_is_string(value))
        return cli_set(c, o, t, json_string_value(value), CLI_FROM_CONFIG);
    if (!several || !json_is_array(value))
        return wrong_type(o, key, several ? "text or a list of texts" : "text");
    for (size_t k = 0; st == WAGLE_OK && k < json_array_size(value); k++)
        st = json_is_string(json_array_get(value, k))
                 ? cli_set(c, o, t, json_string_value(json_array_get(value, k)), CLI_FROM_CONFIG)
                 : wrong_type(o, key, "text or a list of texts");
    return st;
}

/* Sets an option. The JSON type must be that of the option; text options that may be numbers accept
 * both. */
wagle_status cli_apply_key(const cli_command *c, cli_options *o, const char *key,
                           const json_t *value)
{
    const cli_option *t = cli_key_option(c, key);
    const int p = t == NULL ? cli_key_param(c, key) : -1;

    if (t == NULL && p < 0)
        return cli_unknown_key(c, o->keys, key);
    if (t != NULL && strcmp(t->name, "config") == 0)
        return cli_refuse("%s: 'config': a file of options cannot name another one", o->keys);
    if (t == NULL)
        return json_is_number(value) ? set_param(o, p, value) : wrong_type(o, key, "a number");
    switch (t->kind) {
    case CLI_TEXTS:
        return set_list(c, o, t, key, value);
    case CLI_FLAG:
        return json_is_true(value)    ? cli_set(c, o, t, "", CLI_FROM_CONFIG)
               : json_is_false(value) ? WAGLE_OK
                                      : wrong_type(o, key, "true or false");
    case CLI_WHOLE:
        return json_is_integer(value) ? set_number(c, o, t, value)
                                      : wrong_type(o, key, "a whole number");
    case CLI_REAL:
        if (json_is_string(value) && cli_word(t) != NULL &&
            strcmp(json_string_value(value), cli_word(t)) == 0)
            return cli_set(c, o, t, json_string_value(value), CLI_FROM_CONFIG);
        return json_is_number(value) ? set_number(c, o, t, value) : wrong_type(o, key, "a number");
    default:
        break;
    }
    if (json_is_number(value) && (t->kind == CLI_BYTES || strcmp(t->value, "X") == 0))
        return set_number(c, o, t, value);
    return json_is_string(value) ? cli_set(c, o, t, json_string_value(value), CLI_FROM_CONFIG)
                                 : wrong_type(o, key, "text");
}

/* --- files -------------------------------------------------------------------------------------
 */

/* Blanks comments (two slashes to the end of the line, or slash and star), so that lines and
 * columns of what is left stay. */
static void blank_comments(char *at)
{
    bool text = false;

    while (*at != '\0') {
        size_t n = 0;
        if (*at == '"')
            text = !text;
        if (text && *at == '\\' && at[1] != '\0')
            at++;
        else if (!text && at[0] == '/' && at[1] == '/')
            n = strcspn(at, "\n");
        else if (!text && at[0] == '/' && at[1] == '*' && strstr(at + 2, "*/") != NULL)
            n = (size_t)(strstr(at + 2, "*/") - at) + 2;
        if (n == 0)
            at += *at != '\0';
        for (; n > 0; n--, at++)
            *at = *at == '\n' ? '\n' : ' ';
    }
}

json_t *cli_read_object(const char *what, char *text)
{
    json_error_t error;
    json_t *json;

    blank_comments(text);
    json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(json))
        return json;
    cli_refuse("%s:%d: %s", what, error.line > 0 ? error.line : 1,
               json == NULL ? error.text : "not a JSON object");
    json_decref(json);
    return NULL;
}

/* The document is not freed, because options point into it. */
wagle_status cli_apply_config(const cli_command *c, const char *path, cli_options *o)
{
    char what[4200], *text;
    size_t bytes;
    json_t *json, *value;
    const char *key;

    snprintf(what, sizeof what, "--config %.4096s", path);
    text = access(path, R_OK) == 0 ? cli_read_file(path, &bytes) : NULL;
    if (text == NULL) {
        cli_refuse("%s: %s", what, errno == ENOENT ? "no such file" : strerror(errno));
        return WAGLE_E_INPUT;
    }
    json = cli_read_object(what, text);
    free(text);
    if (json == NULL)
        return WAGLE_E_INPUT;
    json_object_foreach (json, key, value) {
        const wagle_status st = cli_apply_key(c, o, key, value);
        if (st != WAGLE_OK)
            return st;
    }
    return WAGLE_OK;
}
