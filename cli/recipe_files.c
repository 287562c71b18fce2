/* recipe_files.c - checks before the first step of a recipe: files that are missing, files that
 * differ from the published ones, and options that the steps would refuse. */
#include "steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- files that a recipe reads -------------------------------------------------------------------
 */

/* The recipe's name of a path in the folder of --data, or NULL. */
static const char *name_in_data(const cli_run *r, const char *path)
{
    const size_t n = strlen(r->data);

    return strncmp(path, r->data, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

static void tell_file(const char *name, const json_t *file)
{
    const json_t *columns = json_object_get(file, "columns"), *column;
    const json_t *bytes = json_object_get(file, "bytes");
    size_t i;

    printf("  %s: %s", name, json_string_value(json_object_get(file, "from")));
    json_array_foreach (columns, i, column)
        printf("%s%s", i == 0 ? "; columns " : ", ", json_string_value(column));
    if (bytes != NULL)
        printf("; %lld bytes", (long long)json_integer_value(bytes));
    puts("");
}

/* Adds the file to r->others if its hash is not that of the published file. */
static void compare_file(cli_run *r, const char *name, const json_t *file)
{
    const char *wanted = json_string_value(json_object_get(file, "sha256"));
    json_t *hash = wanted != NULL ? cli_step_hash(r, cli_keep("%s/%s", r->data, name)) : NULL;

    if (hash != NULL && strcmp(json_string_value(hash), wanted) != 0)
        r->others = cli_keep("%s%s%s", r->others, *r->others != '\0' ? ", " : "", name);
    json_decref(hash);
}

/* Checks a file that a step reads: prints it if it is missing, else compares its hash. seen: the
 * files that were checked before. */
static wagle_status check_file(cli_run *r, const cli_step *s, const char *path, json_t *seen,
                               int *missing)
{
    const char *name = name_in_data(r, path);
    const json_t *file =
        name != NULL ? json_object_get(json_object_get(r->recipe->json, "files"), name) : NULL;

    if (name == NULL || json_object_get(seen, name) != NULL)
        return WAGLE_OK;
    if (file == NULL && !cli_exists(path))
        return cli_refuse("recipe %s: %s reads '%s', which 'files' does not name", r->recipe->name,
                          s->name, name);
    json_object_set_new_nocheck(seen, name, json_true());
    if (file != NULL && cli_exists(path))
        compare_file(r, name, file);
    if (cli_exists(path))
        return WAGLE_OK;
    if ((*missing)++ == 0)
        printf("Files to fetch into %s:\n", r->data);
    tell_file(name, file);
    return WAGLE_OK;
}

static wagle_status check_files(cli_run *r, const cli_step *s, const cli_options *o, json_t *seen,
                                int *missing)
{
    for (const cli_option *t = cli_next(o->command, NULL); t != NULL; t = cli_next(o->command, t)) {
        const char *const *list = (const void *)((const char *)o + t->place);
        const bool read = t->path == CLI_FILE || t->path == CLI_SETS;
        for (int i = 0; read && i < (t->kind == CLI_TEXTS ? CLI_LIST : 1) && list[i] != NULL; i++) {
            const char *equals = t->path == CLI_SETS ? strchr(list[i], '=') : NULL;
            char path[4096];
            snprintf(path, sizeof path, "%s", equals != NULL ? equals + 1 : list[i]);
            if (!cli_exists(path))
                cli_without_weight(equals != NULL ? equals + 1 : list[i], path);
            const wagle_status st = check_file(r, s, path, seen, missing);
            if (st != WAGLE_OK)
                return st;
        }
    }
    return WAGLE_OK;
}

/* Everything that can be refused before the first step. */
wagle_status cli_steps_check(cli_run *r, int *missing)
{
    json_t *seen = json_object();
    cli_options *o = malloc(sizeof *o);
    wagle_status st = o != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    *missing = 0;
    for (int i = 0; i < CLI_STEPS && st == WAGLE_OK; i++)
        if (cli_step_is_run(r, &cli_steps[i])) {
            st = cli_step_prepare(r, &cli_steps[i], o);
            if (st == WAGLE_OK)
                st = check_files(r, &cli_steps[i], o, seen, missing);
        }
    for (int i = 0; i < CLI_STEPS && st == WAGLE_OK && *missing == 0 && r->o->model != NULL; i++)
        if (cli_step_is_run(r, &cli_steps[i])) {
            st = cli_step_prepare(r, &cli_steps[i], o);
            if (st == WAGLE_OK)
                st = cli_check(o->command, o);
        }
    free(o);
    json_decref(seen);
    return st;
}
