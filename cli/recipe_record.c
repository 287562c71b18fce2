/* recipe_record.c - OUT/recipe.json: the options of each step that was begun, with the SHA-256 of
 * a file in place of its path. A step whose options are still the same, and whose output is there,
 * is not run again. */
#include "steps.h"

#include <stdio.h>
#include <string.h>

/* Options of `recipe run` itself that another result comes of. */
static const char decides[] = "adapter parts precision device";

/* --- what a step depends on ----------------------------------------------------------------------
 */

json_t *cli_step_hash(cli_run *r, const char *path)
{
    json_t *known = json_object_get(r->hashes, path);
    char hash[65];

    if (known != NULL)
        return json_incref(known);
    if (!cli_exists(path) || wagle_sha256(r->ctx, path, hash) != WAGLE_OK)
        return NULL;
    known = json_string(hash);
    json_object_set_nocheck(r->hashes, path, known);
    return known;
}

/* A text of an option; of a path, what is in the file: NAME=HASH, HASH@WEIGHT. */
static json_t *text_of(cli_run *r, const cli_option *t, const char *text)
{
    const char *equals = t == NULL || t->path == CLI_SETS ? strchr(text, '=') : NULL;
    const char *file = equals != NULL ? equals + 1 : text;
    char path[4096] = "";
    json_t *hash = NULL, *all;

    if (t != NULL && (t->path == CLI_NO_PATH || cli_is_no_file(t, text)))
        return cli_json_bytes(text);
    if (!cli_exists(file))
        cli_without_weight(file, path);
    hash = cli_step_hash(r, *path != '\0' ? path : file);
    if (hash == NULL)
        return cli_json_bytes(text);
    all = json_sprintf("%.*s%s%s", (int)(file - text), text, json_string_value(hash),
                       *path != '\0' ? file + strlen(path) : "");
    json_decref(hash);
    return all;
}

static json_t *texts_of(cli_run *r, const cli_option *t, const char *const *list)
{
    json_t *all = json_array();

    for (int i = 0; i < CLI_LIST && list[i] != NULL; i++)
        json_array_append_new(all, text_of(r, t, list[i]));
    return all;
}

static json_t *value_of(cli_run *r, const cli_options *o, const cli_option *t)
{
    const void *at = (const char *)o + t->place;

    switch (t->kind) {
    case CLI_FLAG:
        return json_true();
    case CLI_REAL:
        return json_real(*(const double *)at);
    case CLI_WHOLE:
    case CLI_BYTES:
        return json_integer(*(const int64_t *)at);
    case CLI_TEXTS:
        return texts_of(r, t, at);
    default:
        return text_of(r, t, *(const char *const *)at);
    }
}

/* All that the result of a step depends on. */
json_t *cli_step_record(cli_run *r, const cli_options *o)
{
    json_t *all = json_object();
    wagle_param_info p;
    char flag[64];

    for (const cli_option *t = cli_next(o->command, NULL); t != NULL; t = cli_next(o->command, t))
        if (cli_step_has(o, t) && t->path != CLI_WRITTEN && !cli_listed("resume force", t->name))
            json_object_set_new(all, t->name, value_of(r, o, t));
    for (const cli_option *t = cli_next(NULL, NULL); t != NULL; t = cli_next(NULL, t))
        if (cli_step_has(r->o, t) && cli_listed(decides, t->name))
            json_object_set_new(all, t->name, value_of(r, r->o, t));
    for (int i = 0; cli_param(o->command, i, &p, flag); i++)
        if (o->given_param[i] != CLI_UNSET)
            json_object_set_new(all, flag, json_real(o->param_value[i]));
    if (o->argument[0] != NULL)
        json_object_set_new(all, "of", texts_of(r, NULL, o->argument));
    return all;
}

/* The path that an option writes; `out` is in the output folder. NULL: another option. */
static const char *written(const cli_options *o, const cli_option *t)
{
    if (!cli_step_has(o, t) || t->path != CLI_WRITTEN || strcmp(t->name, "out") == 0)
        return NULL;
    return *(const char *const *)((const char *)o + t->place);
}

/* What a step writes outside the output folder. */
static json_t *written_by(const cli_options *o)
{
    json_t *all = json_object();

    for (const cli_option *t = cli_next(o->command, NULL); t != NULL; t = cli_next(o->command, t))
        if (written(o, t) != NULL)
            json_object_set_new(all, t->name, cli_json_bytes(written(o, t)));
    return all;
}

/* --- OUT/recipe.json -----------------------------------------------------------------------------
 */

/* A recipe's name; of a file, without its folders. */
static const char *short_name(const char *name)
{
    const char *slash = strrchr(name, '/');

    for (int i = 0; cli_recipe_name(i) != NULL; i++)
        if (strcmp(cli_recipe_name(i), name) == 0)
            return name;
    return slash != NULL ? slash + 1 : name;
}

/* Steps stay known as begun, so that their outputs are replaced, but none is done. */
static void run_again(json_t *begun)
{
    const char *name;
    json_t *one;

    json_object_foreach (begun, name, one) {
        json_object_set_new(one, "done", json_false());
        json_object_set_new(one, "options", json_object());
    }
}

wagle_status cli_read_begun(cli_run *r)
{
    json_t *file = json_load_file(cli_in_out(r, "recipe.json"), 0, NULL);
    json_t *there = json_object_get(file, "steps");
    const char *recipe = json_string_value(json_object_get(file, "recipe"));
    const char *version = json_string_value(json_object_get(file, "wagle"));
    const bool other = version != NULL && strcmp(version, WAGLE_VERSION) != 0;
    wagle_status st = WAGLE_OK;

    r->begun = json_is_object(there) ? json_incref(there) : json_object();
    if (r->o->force || other)
        run_again(r->begun);
    if (recipe != NULL && !r->o->force &&
        strcmp(short_name(recipe), short_name(r->recipe->name)) != 0)
        st = cli_refuse("--out %s: it has the results of recipe %s; choose another folder, or "
                        "replace them with --force",
                        r->out, recipe);
    else if (other && !r->o->force)
        fprintf(stderr,
                "wagle: warning: %s: its steps are of wagle %s, so this version runs them "
                "again\n",
                r->out, version);
    json_decref(file);
    return st;
}

wagle_status cli_write_begun(cli_run *r, const cli_step *s, const cli_options *o, json_t *options,
                             bool done)
{
    const char *path = cli_in_out(r, "recipe.json"),
               *partial = cli_in_out(r, "recipe.json.partial");
    json_t *file;
    int failed;

    json_object_set_new(r->begun, s->name,
                        json_pack("{s:s, s:b, s:O, s:o}", "command", s->command, "done", (int)done,
                                  "options", options, "written", written_by(o)));
    file = json_pack("{s:s, s:o, s:s, s:O}", "schema", "wagle-recipe-run-1", "recipe",
                     cli_json_bytes(r->recipe->name), "wagle", WAGLE_VERSION, "steps", r->begun);
    failed = file == NULL || json_dump_file(file, partial, JSON_INDENT(2)) != 0 ||
             rename(partial, path) != 0;
    json_decref(file);
    if (!failed)
        return WAGLE_OK;
    cli_refuse("%s: cannot be written", path);
    return WAGLE_E_RESOURCE;
}

/* Whether the step was begun with these options. */
bool cli_step_was_begun(const cli_run *r, const cli_step *s, const json_t *options)
{
    const json_t *begun = json_object_get(r->begun, s->name);

    return begun != NULL &&
           json_equal(json_object_get(begun, "options"), (json_t *)(uintptr_t)options);
}

/* Whether what an option writes is there. With --requests, {} in it is 1 to their number. */
static bool is_written(const cli_options *o, const char *path)
{
    const char *at = strstr(path, "{}");
    int k = 0;

    if (at == NULL || o->requests[0] == NULL)
        return cli_exists(path);
    while (k < CLI_LIST && o->requests[k] != NULL) {
        k++;
        if (!cli_exists(cli_keep("%.*s%d%s", (int)(at - path), path, k, at + 2)))
            return false;
    }
    return true;
}

/* Whether it also ended, and all that it writes with the options in o is there. */
bool cli_step_is_done(const cli_run *r, const cli_step *s, const cli_options *o,
                      const json_t *options)
{
    const json_t *begun = json_object_get(r->begun, s->name);
    const json_t *before = json_object_get(begun, "written");

    for (const cli_option *t = cli_next(o->command, NULL); t != NULL; t = cli_next(o->command, t)) {
        const char *path = written(o, t);
        const char *then = json_string_value(json_object_get(before, t->name));
        if (path != NULL && (then == NULL || strcmp(path, then) != 0 || !is_written(o, path)))
            return false;
    }
    return cli_step_was_begun(r, s, options) && json_is_true(json_object_get(begun, "done")) &&
           cli_exists(cli_in_out(r, s->out));
}
