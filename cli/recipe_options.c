/* recipe_options.c - which options a recipe may have, and those of each of its steps: from the
 * recipe, from the command line, and what earlier steps made. */
#include "steps.h"

#include <stdio.h>
#include <string.h>

/* Options of the command line that are for `recipe run` itself, or that a recipe has no use for. */
static const char kept_back[] =
    "model adapter data out force dry-run memory threads parts device "
    "gpu-memory precision ranks share-weights config quiet verbose help scores mask op "
    "compare svg densities recompute resume json";
/* Options that run a command, or write outside the output folder: a recipe may be anybody's. */
static const char never_in_recipe[] = "scorer out-patch out-adapter tensorboard";

const cli_command *cli_recipe_command(int i)
{
    static const char *const names[] = {"attribute", "mask", "unlearn", "eval", "report"};

    return i < 5 ? cli_command_find(names[i]) : NULL;
}

bool cli_passes_on(const cli_command *c, const cli_option *t)
{
    const cli_command *one;

    if (strcmp(c->name, "recipe") != 0 || cli_listed(kept_back, t->name))
        return false;
    for (int i = 0; (one = cli_recipe_command(i)) != NULL; i++)
        if (cli_takes(one, t))
            return true;
    return false;
}

bool cli_recipe_may_set(const cli_option *t)
{
    return !cli_listed(kept_back, t->name) && !cli_listed(never_in_recipe, t->name);
}

wagle_status cli_recipe_check_key(const char *where, const char *key, const cli_option *t)
{
    if (cli_recipe_may_set(t))
        return WAGLE_OK;
    cli_refuse("%s: '%s': a recipe cannot set it: %s", where, key,
               cli_listed(kept_back, t->name)
                   ? "it is an option of the command line, or made by an earlier step"
                   : "it runs a command or writes outside the output folder; give it on the "
                     "command line");
    return WAGLE_E_INPUT;
}

/* --- the options of a step -----------------------------------------------------------------------
 */

static const json_t *section(const cli_run *r, const char *command)
{
    return json_object_get(r->recipe->json, command);
}

bool cli_step_is_run(const cli_run *r, const cli_step *s)
{
    return section(r, s->command) != NULL &&
           (strcmp(s->name, "forgotten") != 0 || section(r, "unlearn") != NULL);
}

/* Whether an earlier step makes what the step reads. */
bool cli_step_is_fed(const cli_run *r, const cli_step *s)
{
    return s->from != NULL && section(r, s->from) != NULL;
}

/* Whether options that all commands share reach the step. */
static bool reaches(const cli_run *r, const cli_step *s, const cli_option *t)
{
    return !cli_listed(s->kept, t->name) &&
           !(cli_step_is_fed(r, s) && cli_listed(s->given, t->name));
}

bool cli_step_has(const cli_options *o, const cli_option *t)
{
    return o->given[t - cli_table] != CLI_UNSET;
}

static wagle_status apply_section(const cli_run *r, const cli_step *s, const cli_command *c,
                                  cli_options *o)
{
    const char *key;
    json_t *value;

    o->keys = cli_keep("%s: %s", r->recipe->name, s->command);
    json_object_foreach ((json_t *)(uintptr_t)section(r, s->command), key, value) {
        const cli_option *t = cli_key_option(c, key);
        wagle_status st;
        if (t != NULL && cli_recipe_check_key(o->keys, key, t) != WAGLE_OK)
            return WAGLE_E_INPUT;
        st = cli_apply_key(c, o, key, value);
        if (st != WAGLE_OK)
            return st;
    }
    return WAGLE_OK;
}

/* What all commands share, where the step's own object does not have it. */
static wagle_status apply_shared(const cli_run *r, const cli_step *s, const cli_command *c,
                                 cli_options *o)
{
    const char *key;
    json_t *value;
    wagle_status st = WAGLE_OK;

    o->keys = cli_keep("%s: options", r->recipe->name);
    json_object_foreach (json_object_get(r->recipe->json, "options"), key, value) {
        const cli_option *t = cli_key_option(c, key);
        const int p = cli_key_param(c, key);
        if (t != NULL ? reaches(r, s, t) && !cli_step_has(o, t)
                      : p >= 0 && o->given_param[p] == CLI_UNSET)
            st = cli_apply_key(c, o, key, value);
        if (st != WAGLE_OK)
            break;
    }
    return st;
}

static size_t size_of(const cli_option *t)
{
    return t->kind == CLI_TEXTS   ? sizeof((cli_options *)NULL)->forget
           : t->kind == CLI_FLAG  ? sizeof(bool)
           : t->kind == CLI_REAL  ? sizeof(double)
           : t->kind == CLI_WHOLE ? sizeof(int64_t)
           : t->kind == CLI_BYTES ? sizeof(int64_t)
                                  : sizeof(const char *);
}

/* The command line wins. */
static void apply_flags(const cli_run *r, const cli_step *s, const cli_command *c, cli_options *o)
{
    wagle_param_info p;
    char flag[64];

    for (const cli_option *t = cli_next(c, NULL); t != NULL; t = cli_next(c, t))
        if (cli_step_has(r->o, t) && cli_passes_on(r->o->command, t) && reaches(r, s, t)) {
            memcpy((char *)o + t->place, (const char *)r->o + t->place, size_of(t));
            o->given[t - cli_table] = CLI_FROM_FLAG;
        }
    for (int i = 0; cli_param(c, i, &p, flag); i++)
        if (r->o->given_param[i] != CLI_UNSET) {
            o->given_param[i] = CLI_FROM_FLAG;
            o->param_value[i] = r->o->param_value[i];
        }
}

/* --- files ---------------------------------------------------------------------------------------
 */

/* A path of the recipe, which is relative to the folder of --data; NAME=PATH keeps its name. */
static const char *in_data(const cli_run *r, const cli_option *t, const char *path)
{
    const char *file = t->path == CLI_SETS ? strchr(path, '=') : NULL;
    const char *name = file != NULL ? file + 1 : path;

    if (*name == '/' || cli_is_no_file(t, path))
        return path;
    if (strcmp(name, ".") == 0)
        return r->data;
    return cli_keep("%.*s%s/%s", (int)(name - path), path, r->data, name);
}

static void find_files(const cli_run *r, const cli_command *c, cli_options *o)
{
    for (const cli_option *t = cli_next(c, NULL); t != NULL; t = cli_next(c, t)) {
        const char **list = (const char **)((char *)o + t->place);
        const bool label = strcmp(c->name, "report") == 0 && strcmp(t->name, "gold") == 0;
        if (t->path == CLI_NO_PATH || label || o->given[t - cli_table] != CLI_FROM_CONFIG)
            continue;
        for (int i = 0; i < (t->kind == CLI_TEXTS ? CLI_LIST : 1) && list[i] != NULL; i++)
            list[i] = in_data(r, t, list[i]);
    }
}

static void set_text(cli_options *o, const char *name, const char *value)
{
    const cli_option *t = cli_find(name);

    *(const char **)((char *)o + t->place) = value;
    o->given[t - cli_table] = value != NULL ? CLI_FROM_FLAG : CLI_UNSET;
}

/* The folder of TOFU as the sets that it stands for. */
static wagle_status list_tofu(cli_options *o)
{
    const cli_option *sets = cli_find("set");

    if (o->tofu == NULL)
        return WAGLE_OK;
    if (cli_tofu_sets(o) != WAGLE_OK)
        return WAGLE_E_USAGE;
    if (o->given[sets - cli_table] == CLI_UNSET)
        o->given[sets - cli_table] = CLI_FROM_CONFIG;
    set_text(o, "tofu", NULL);
    set_text(o, "split", NULL);
    return WAGLE_OK;
}

/* Model, outputs, and what earlier steps made, if it is there. */
static void connect(const cli_run *r, const cli_step *s, const cli_command *c, cli_options *o)
{
    const char *read = cli_step_is_fed(r, s) ? cli_in_out(r, s->file) : NULL;
    int n = 0;

    set_text(o, "out", cli_in_out(r, s->out));
    if (cli_applies(c, "model") && reaches(r, s, cli_find("model")))
        set_text(o, "model", r->o->model);
    if (read != NULL && (cli_exists(read) || strcmp(s->reads, "model") == 0))
        set_text(o, s->reads, read);
    if (strcmp(s->name, "report") != 0)
        return;
    if (cli_step_is_run(r, &cli_steps[CLI_ORIGINAL]))
        o->argument[n++] = cli_keep("original=%s", cli_in_out(r, "original.json"));
    if (cli_step_is_run(r, &cli_steps[CLI_FORGOTTEN]))
        o->argument[n++] = cli_keep("forgotten=%s", cli_in_out(r, "forgotten.json"));
    if (cli_step_is_run(r, &cli_steps[CLI_UNLEARN]))
        o->argument[n++] = cli_keep("forgotten=%s", cli_in_out(r, "model"));
}

/* The options of a step as far as they are known before the steps before it have run; unchecked. */
wagle_status cli_step_prepare(const cli_run *r, const cli_step *s, cli_options *o)
{
    const cli_command *c = cli_command_find(s->command);
    wagle_status st;

    cli_begin(c, o);
    st = apply_section(r, s, c, o);
    if (st == WAGLE_OK)
        st = apply_shared(r, s, c, o);
    if (st != WAGLE_OK)
        return WAGLE_E_INPUT;
    find_files(r, c, o);
    apply_flags(r, s, c, o);
    st = list_tofu(o);
    connect(r, s, c, o);
    return st;
}
