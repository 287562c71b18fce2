/* recipe.c - `wagle recipe list | show NAME | run NAME`: the recipes that the program has, and
 * those in files. */
#include "recipes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The files of recipes/, put into the object file by the assembler, NUL after each. */
#define RECIPE(id, name)                                                                           \
    __asm__(".section .rodata\n"                                                                   \
            "cli_recipe_" #id ":\n"                                                                \
            ".incbin \"recipes/" name ".json\"\n"                                                  \
            ".byte 0\n"                                                                            \
            ".previous\n");                                                                        \
    extern const char cli_recipe_##id[];
#include "recipes.def"
#undef RECIPE

#define RECIPE(id, name) {name, cli_recipe_##id},
static const struct recipe {
    const char *name, *text;
} recipes[] = {
#include "recipes.def"
};
#undef RECIPE

enum { RECIPES = sizeof recipes / sizeof *recipes };

const char *cli_recipe_name(int i)
{
    return i < RECIPES ? recipes[i].name : NULL;
}

static const char *built_in(const char *name)
{
    for (int i = 0; i < RECIPES; i++)
        if (strcmp(recipes[i].name, name) == 0)
            return recipes[i].text;
    return NULL;
}

static wagle_status unknown_recipe(const char *name)
{
    const char *names[RECIPES];
    char near[64];

    for (int i = 0; i < RECIPES; i++)
        names[i] = recipes[i].name;
    cli_nearest(name, names, RECIPES, near);
    cli_refuse("recipe: no recipe and no file '%s'%s%s; 'wagle recipe list' lists them", name,
               near[0] != '\0' ? "; did you mean " : "", near);
    return WAGLE_E_INPUT;
}

/* After read_recipe failed; errno is that of the file. */
static wagle_status unreadable(const char *name)
{
    if (errno == ENOENT)
        return unknown_recipe(name);
    cli_refuse("recipe %s: %s", name, strerror(errno));
    return WAGLE_E_INPUT;
}

/* The text of a recipe, to be freed with free(); NULL: there is none. */
static char *read_recipe(const char *name)
{
    const char *text = built_in(name);
    size_t bytes;

    return text != NULL ? strdup(text) : cli_read_file(name, &bytes);
}

/* --- what a recipe may say ---------------------------------------------------------------------
 */

typedef struct key {
    const char *name;
    json_type type;
} key;

static const key of_recipe[] = {{"$schema", JSON_STRING}, {"about", JSON_STRING},
                                {"source", JSON_STRING},  {"model", JSON_STRING},
                                {"files", JSON_OBJECT},   {"options", JSON_OBJECT}};
static const key of_file[] = {{"from", JSON_STRING},
                              {"columns", JSON_ARRAY},
                              {"sha256", JSON_STRING},
                              {"bytes", JSON_INTEGER}};

enum {
    OF_RECIPE = sizeof of_recipe / sizeof *of_recipe,
    OF_FILE = sizeof of_file / sizeof *of_file,
    MOST = 32
};

static wagle_status bad_key(const char *where, const char *name, const key *known, int n)
{
    const char *names[MOST];
    char near[64];

    for (int i = 0; i < n; i++)
        names[i] = known[i].name;
    cli_nearest(name, names, (size_t)n, near);
    cli_refuse(
        "%s: no key '%.64s'%s%s%s", where, name, near[0] != '\0' ? "; did you mean " : "", near,
        known == of_file ? "" : "; options stand in the object of their command, or in 'options'");
    return WAGLE_E_INPUT;
}

static const char *type_name(json_type type)
{
    return type == JSON_STRING    ? "text"
           : type == JSON_OBJECT  ? "an object"
           : type == JSON_ARRAY   ? "a list"
           : type == JSON_INTEGER ? "a whole number"
                                  : "something else";
}

static wagle_status check_keys(const char *where, const json_t *object, const key *known, int n)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)object, name, value) {
        int k = 0;
        while (k < n && strcmp(known[k].name, name) != 0)
            k++;
        if (k == n)
            return bad_key(where, name, known, n);
        if (json_typeof(value) != known[k].type) {
            cli_refuse("%s: '%s' must be %s", where, name, type_name(known[k].type));
            return WAGLE_E_INPUT;
        }
    }
    return WAGLE_OK;
}

static bool are_texts(const json_t *list)
{
    const json_t *one;
    size_t i;

    json_array_foreach (list, i, one)
        if (!json_is_string(one))
            return false;
    return true;
}

static wagle_status check_files(const cli_recipe *r)
{
    char where[200];
    const char *name;
    json_t *file;
    wagle_status st = WAGLE_OK;

    json_object_foreach (json_object_get(r->json, "files"), name, file) {
        snprintf(where, sizeof where, "%.90s: files: '%.90s'", r->name, name);
        st = check_keys(where, file, of_file, OF_FILE);
        if (st == WAGLE_OK && !json_is_string(json_object_get(file, "from"))) {
            cli_refuse("%s: 'from' must say where the file comes from", where);
            st = WAGLE_E_INPUT;
        } else if (st == WAGLE_OK && !are_texts(json_object_get(file, "columns"))) {
            cli_refuse("%s: 'columns' must be a list of texts", where);
            st = WAGLE_E_INPUT;
        }
        if (st != WAGLE_OK)
            break;
    }
    return st;
}

/* Each option that all commands share is one of theirs. */
static wagle_status check_options(const cli_recipe *r)
{
    const cli_command *c = cli_command_find("recipe");
    char where[128];
    const char *name;
    json_t *value;

    snprintf(where, sizeof where, "%.90s: options", r->name);
    json_object_foreach (json_object_get(r->json, "options"), name, value) {
        const cli_option *t = cli_key_option(c, name);
        if (t != NULL && cli_recipe_check_key(where, name, t) != WAGLE_OK)
            return WAGLE_E_INPUT;
        if (cli_key_param(c, name) < 0 && (t == NULL || !cli_passes_on(c, t)))
            return cli_unknown_key(c, where, name);
    }
    return WAGLE_OK;
}

static wagle_status check(const cli_recipe *r)
{
    static const char *const needed[] = {"about", "model"};
    key known[MOST];
    int n = 0;
    wagle_status st;

    for (; n < OF_RECIPE; n++)
        known[n] = of_recipe[n];
    for (int i = 0; cli_recipe_command(i) != NULL; i++)
        known[n++] = (key){cli_recipe_command(i)->name, JSON_OBJECT};
    st = check_keys(r->name, r->json, known, n);
    for (int i = 0; st == WAGLE_OK && i < 2; i++)
        if (json_object_get(r->json, needed[i]) == NULL) {
            cli_refuse("%s: no key '%s'", r->name, needed[i]);
            st = WAGLE_E_INPUT;
        }
    if (st == WAGLE_OK)
        st = check_files(r);
    return st == WAGLE_OK ? check_options(r) : st;
}

wagle_status cli_recipe_open(const char *name, cli_recipe *out)
{
    char *text = read_recipe(name);

    *out = (cli_recipe){.name = name};
    if (text == NULL)
        return unreadable(name);
    out->json = cli_read_object(name, text);
    free(text);
    return out->json != NULL ? check(out) : WAGLE_E_INPUT;
}

/* --- the command -------------------------------------------------------------------------------
 */

static wagle_status list(void)
{
    cli_recipe r;

    for (int i = 0; i < RECIPES; i++) {
        const wagle_status st = cli_recipe_open(recipes[i].name, &r);
        if (st != WAGLE_OK)
            return st;
        printf("%-26s %s\n", r.name, json_string_value(json_object_get(r.json, "about")));
    }
    return WAGLE_OK;
}

static wagle_status show(const char *name)
{
    char *text = read_recipe(name);

    if (text == NULL)
        return unreadable(name);
    fputs(text, stdout);
    free(text);
    return WAGLE_OK;
}

wagle_status cli_recipe_main(wagle_ctx *ctx, cli_options *o)
{
    const char *verb = o->argument[0], *name = o->argument[1];
    cli_recipe r;

    if (strcmp(verb, "list") == 0 && name == NULL)
        return list();
    if (strcmp(verb, "show") != 0 && strcmp(verb, "run") != 0)
        return cli_refuse("recipe %s: there are list, show NAME and run NAME", verb);
    if (name == NULL)
        return cli_refuse("recipe %s: which recipe? 'wagle recipe list' lists them", verb);
    if (strcmp(verb, "show") == 0)
        return show(name);
    const wagle_status st = cli_recipe_open(name, &r);
    return st == WAGLE_OK ? cli_recipe_run(ctx, &r, o) : st;
}
