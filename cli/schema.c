/* schema.c - JSON Schemas from the table of options: of the object that --config names, and of keys
 * in other files. */
#include "page.h"
#include "recipes.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static json_t *type(const char *name)
{
    return json_pack("{s:s}", "type", name);
}

/* Keys are written with underscores: weight_decay, npo.beta. */
static void key_of(const char *name, char out[64])
{
    snprintf(out, 64, "%s", name);
    for (char *p = out; *p != '\0'; p++)
        *p = *p == '-' ? '_' : *p;
}

static void add_range(json_t *o, const char *range)
{
    const cli_interval in = cli_interval_read(range);

    if (in.low != -INFINITY)
        json_object_set_new(o, in.above ? "exclusiveMinimum" : "minimum", json_real(in.low));
    if (in.high != INFINITY)
        json_object_set_new(o, in.below ? "exclusiveMaximum" : "maximum", json_real(in.high));
}

static json_t *choices(const cli_option *t)
{
    json_t *list = json_array();
    char word[32];

    for (int i = 0; cli_choice(t, i, word); i++)
        json_array_append_new(list, json_string(word));
    return json_pack("{s:o}", "enum", list);
}

static json_t *value_of(const cli_command *c, const cli_option *t)
{
    json_t *number;
    char word[32];

    switch (t->kind) {
    case CLI_FLAG:
        return type("boolean");
    case CLI_TEXTS:
        return cli_repeats(c->name, t->name)
                   ? json_pack("{s:[o, {s:s, s:o}]}", "anyOf", type("string"), "type", "array",
                               "items", type("string"))
                   : type("string");
    case CLI_REAL:
    case CLI_WHOLE:
        number = type(t->kind == CLI_REAL ? "number" : "integer");
        add_range(number, cli_range(t));
        return cli_word(t) != NULL
                   ? json_pack("{s:[o, {s:s}]}", "anyOf", number, "const", cli_word(t))
                   : number;
    case CLI_BYTES:
        return json_pack("{s:[s, s]}", "type", "string", "number");
    default:
        break;
    }
    if (cli_choice(t, 0, word))
        return choices(t);
    return strcmp(t->value, "X") == 0 ? json_pack("{s:[s, s]}", "type", "string", "number")
                                      : type("string");
}

static void add_option(json_t *keys, const cli_command *c, const cli_option *t)
{
    json_t *value = value_of(c, t);
    char key[64], standard[96];

    key_of(t->name, key);
    cli_default(c, t->name, standard);
    json_object_set_new(value, "description",
                        json_sprintf("%s%s%s%s", cli_option_help(c, t),
                                     standard[0] != '\0' ? " [default: " : "", standard,
                                     standard[0] != '\0' ? "]" : ""));
    json_object_set_new(keys, key, value);
}

static void add_params(json_t *keys, const cli_command *c)
{
    wagle_param_info p;
    char flag[64];

    for (int i = 0; cli_param(c, i, &p, flag); i++)
        json_object_set_new(keys, p.key,
                            json_pack("{s:s, s:f, s:f, s:s, s:f}", "type", "number", "minimum",
                                      p.min, "maximum", p.max, "description", p.help, "default",
                                      p.value));
}

/* The keys that a command reads; all but the file of options itself, and help. */
static json_t *command_schema(const cli_command *c)
{
    json_t *keys = json_object();

    for (const cli_option *t = cli_next(c, NULL); t != NULL; t = cli_next(c, t))
        if (strcmp(t->name, "help") != 0 && strcmp(t->name, "config") != 0)
            add_option(keys, c, t);
    add_params(keys, c);
    return json_pack("{s:s, s:s, s:o, s:b}", "type", "object", "description", c->summary,
                     "properties", keys, "additionalProperties", 0);
}

static void print(json_t *root)
{
    if (root == NULL || json_dumpf(root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) != 0)
        fputs("wagle: not enough memory\n", stderr);
    putchar('\n');
    json_decref(root);
}

/* What a recipe says of a file. */
static json_t *file_schema(void)
{
    return json_pack("{s:s, s:{s:{s:s, s:s}, s:{s:s, s:{s:s}}, s:{s:s}, s:{s:s}}, s:[s], s:b}",
                     "type", "object", "properties", "from", "type", "string", "description",
                     "where the file comes from", "columns", "type", "array", "items", "type",
                     "string", "sha256", "type", "string", "bytes", "type", "integer", "required",
                     "from", "additionalProperties", 0);
}

static json_t *said(const char *what)
{
    return json_pack("{s:s, s:s}", "type", "string", "description", what);
}

/* Options that a recipe leaves to the command line are no keys of it. */
static json_t *step_schema(const cli_command *c)
{
    json_t *schema = command_schema(c), *keys = json_object_get(schema, "properties");
    const cli_command *recipe = cli_command_find("recipe");
    char key[64];

    for (const cli_option *t = cli_next(c, NULL); t != NULL; t = cli_next(c, t))
        if (!cli_passes_on(recipe, t) || !cli_recipe_may_set(t)) {
            key_of(t->name, key);
            json_object_del(keys, key);
        }
    return schema;
}

void cli_reference_recipe(void)
{
    json_t *keys = json_object(), *shared = json_object(), *key, *files = file_schema();
    const cli_command *c;
    const char *name;

    json_object_set_new(keys, "$schema", json_pack("{s:s}", "type", "string"));
    json_object_set_new(keys, "about", said("one line for `wagle recipe list`"));
    json_object_set_new(keys, "source", said("where the values are published"));
    json_object_set_new(keys, "model", said("what --model is, and where it comes from"));
    json_object_set_new(keys, "files",
                        json_pack("{s:s, s:s, s:o}", "type", "object", "description",
                                  "files in the folder of --data, by their paths",
                                  "additionalProperties", files));
    for (int i = 0; (c = cli_recipe_command(i)) != NULL; i++) {
        json_t *step = step_schema(c);
        json_object_foreach (json_object_get(step, "properties"), name, key)
            if (json_object_get(shared, name) == NULL)
                json_object_set(shared, name, key);
        json_object_set_new(keys, c->name, step);
    }
    json_object_set_new(keys, "options",
                        json_pack("{s:s, s:s, s:o, s:b}", "type", "object", "description",
                                  "options of every command that takes them", "properties", shared,
                                  "additionalProperties", 0));
    print(json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:[ss], s:b}", "$schema",
        "https://json-schema.org/draft/2020-12/schema", "title", "Recipe (wagle recipe)",
        "description", "Comments are allowed, as in C. docs/recipes.md has an example.", "type",
        "object", "properties", keys, "required", "about", "model", "additionalProperties", 0));
}

void cli_reference_config(void)
{
    json_t *commands = json_object(), *any = json_array(), *root;

    for (const cli_command *c = cli_commands; c->name != NULL; c++) {
        if (cli_listed(c->options, "config")) /* init, whose config is another file */
            continue;
        json_object_set_new(commands, c->name, command_schema(c));
        json_array_append_new(any, json_pack("{s:o}", "$ref", json_sprintf("#/$defs/%s", c->name)));
    }
    root = json_pack(
        "{s:s, s:s, s:s, s:o, s:o}", "$schema", "https://json-schema.org/draft/2020-12/schema",
        "title", "Options of a command (--config FILE)", "description",
        "Each command takes the keys of its options; see $defs. Hyphens may stand for underscores.",
        "anyOf", any, "$defs", commands);
    print(root);
}

/* --- keys of other files -----------------------------------------------------------------------
 */

/* As a file of wagle has the value of an option of training. */
static json_t *stored(const cli_option *t)
{
    if (t->kind == CLI_TEXTS)
        return json_pack("{s:s, s:o}", "type", "array", "items", type("string"));
    return type(t->kind == CLI_FLAG                                 ? "boolean"
                : t->form == CLI_AS_REAL                            ? "number"
                : t->form == CLI_AS_WHOLE || t->form == CLI_AS_SEED ? "integer"
                                                                    : "string");
}

void cli_reference_training(void)
{
    json_t *manifest = json_object(), *spec = json_object();

    for (const cli_option *t = cli_next(NULL, NULL); t != NULL; t = cli_next(NULL, t)) {
        if (t->recorded)
            json_object_set_new(manifest, t->key, stored(t));
        if (t->swept)
            json_object_set_new(spec, t->key, stored(t));
    }
    print(json_pack("{s:o, s:o}", "manifest", manifest, "sweep-spec", spec));
}
