/* config.c - --config FILE: options from a JSON object. */
#include "options.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One key of --config: text, number, true, or a list of texts. */
static wagle_status set_key(const cli_command *c, cli_options *o, const char *key,
                            const json_t *value)
{
    const cli_option *t = NULL;
    char *text = NULL;
    wagle_status st = WAGLE_OK;

    for (int i = 0; cli_table[i].name != NULL; i++)
        if (strcmp(cli_table[i].name, key) == 0 && cli_applies(c, key))
            t = &cli_table[i];
    for (int i = 0; wagle_objective_param(i).key != NULL; i++)
        if (strcmp(wagle_objective_param(i).key, key) == 0 && json_is_number(value)) {
            o->param[o->n_params++] =
                (wagle_param){wagle_objective_param(i).key, json_number_value(value)};
            return WAGLE_OK;
        }
    if (t == NULL)
        return cli_refuse("--config: %s has no option '%s'", c->name, key);
    if (t->kind == CLI_TEXTS && json_is_string(value))
        return cli_set(o, t, json_string_value(value));
    for (size_t i = 0; t->kind == CLI_TEXTS && st == WAGLE_OK && i < json_array_size(value); i++)
        st = json_is_string(json_array_get(value, i))
                 ? cli_set(o, t, json_string_value(json_array_get(value, i)))
                 : cli_refuse("--config: '%s' wants texts%s", key, "");
    if (t->kind == CLI_TEXTS && json_is_array(value))
        return st;
    if (t->kind == CLI_FLAG)
        return json_is_true(value)    ? cli_set(o, t, "")
               : json_is_false(value) ? WAGLE_OK
                                      : cli_refuse("--config: '%s' is true or false%s", key, "");
    text = json_is_string(value) ? strdup(json_string_value(value))
                                 : json_dumps(value, JSON_ENCODE_ANY);
    return text != NULL ? cli_set(o, t, text) : WAGLE_E_RESOURCE;
}

/* The document stays: options point into it. */
wagle_status cli_apply_config(const cli_command *c, const char *path, cli_options *o)
{
    json_error_t error;
    json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, &error), *value;
    const char *key;

    if (!json_is_object(json)) {
        fprintf(stderr, "wagle: %s:%d: %s\n", path, error.line > 0 ? error.line : 1,
                json == NULL ? error.text : "not a JSON object");
        return WAGLE_E_INPUT;
    }
    json_object_foreach (json, key, value) {
        const wagle_status st = set_key(c, o, key, value);
        if (st != WAGLE_OK)
            return st;
    }
    return WAGLE_OK;
}
