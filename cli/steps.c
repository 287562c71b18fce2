/* steps.c - the steps of a recipe, one after the other: the commands of wagle, with options from
 * the recipe and from the command line.
 *
 * OUT/recipe.json has the options of each step that was begun, with the SHA-256 of a file in place
 * of its path. A step whose options are still the same, and whose output is there, is not run
 * again. */
#include "meter.h"
#include "recipes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Options of several commands that reach only one of them, unless its own object has them. */
#define OF_PROTECT "protect protect-damping protect-rank"
#define OF_TESTS "suite suites set tofu split gold max-tokens shots no-eos"

typedef struct step {
    const char *name, *command;
    const char *out;         /* in OUT */
    const char *reads;       /* the option that takes the output of an earlier step; or NULL */
    const char *from, *file; /* that step and its output */
    const char *given; /* options that do not reach the step then: that output stands for them */
    const char *kept;  /* options that never reach it */
} step;

static const step steps[] = {
    {"original", "eval", "original.json", NULL, NULL, NULL, "", ""},
    {"attribute", "attribute", "scores", NULL, NULL, NULL, "", OF_PROTECT " tensorboard"},
    {"mask", "mask", "mask", "scores", "attribute", "scores",
     "model forget retain selector gamma damping loss draw seed " CLI_ROWS, OF_PROTECT},
    {"unlearn", "unlearn", "model", "mask", "mask", "mask",
     "selector density gamma damping include exclude", OF_TESTS},
    {"forgotten", "eval", "forgotten.json", "model", "unlearn", "model", "", ""},
    {"report", "report", "report.html", NULL, NULL, NULL, "", "gold"},
};

enum { STEPS = sizeof steps / sizeof *steps };

/* Options of the command line that are for `recipe run` itself, or that a recipe has no use for. */
static const char kept_back[] = "model adapter data out force dry-run memory threads parts device "
                                "gpu-memory precision config quiet verbose help scores mask op "
                                "compare svg densities recompute resume json";
/* Those of them that another result comes of. */
static const char decides[] = "adapter parts precision device";
/* Options that run a command, or write outside the output folder: a recipe may be anybody's. */
static const char never_in_recipe[] = "scorer out-patch out-adapter tensorboard";

typedef struct run {
    wagle_ctx *ctx;
    const cli_recipe *recipe;
    cli_options *o; /* of the command line */
    const char *data, *out;
    json_t *begun;      /* OUT/recipe.json: steps that were begun */
    json_t *hashes;     /* of files, by path */
    const char *others; /* names of files that are not, byte for byte, the published ones */
} run;

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

/* --- texts that last as long as the program ------------------------------------------------------
 */

static struct text {
    struct text *before;
    char text[];
} * texts;

static const char *keep(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *keep(const char *format, ...)
{
    va_list args, again;
    struct text *t;

    va_start(args, format);
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    t = malloc(sizeof *t + (size_t)n + 1);
    if (t != NULL) {
        vsnprintf(t->text, (size_t)n + 1, format, again);
        t->before = texts;
        texts = t;
    }
    va_end(again);
    va_end(args);
    return t != NULL ? t->text : "";
}

static bool exists(const char *path)
{
    struct stat s;

    return stat(path, &s) == 0;
}

static const char *in_out(const run *r, const char *name)
{
    return keep("%s/%s", r->out, name);
}

/* --- the options of a step -----------------------------------------------------------------------
 */

static const json_t *section(const run *r, const char *command)
{
    return json_object_get(r->recipe->json, command);
}

static bool is_run(const run *r, const step *s)
{
    return section(r, s->command) != NULL &&
           (strcmp(s->name, "forgotten") != 0 || section(r, "unlearn") != NULL);
}

/* Whether an earlier step makes what the step reads. */
static bool is_fed(const run *r, const step *s)
{
    return s->from != NULL && section(r, s->from) != NULL;
}

/* Whether options that all commands share reach the step. */
static bool reaches(const run *r, const step *s, const cli_option *t)
{
    return !cli_listed(s->kept, t->name) && !(is_fed(r, s) && cli_listed(s->given, t->name));
}

static bool is_given(const cli_options *o, const cli_option *t)
{
    return o->given[t - cli_table] != CLI_UNSET;
}

static wagle_status apply_section(const run *r, const step *s, const cli_command *c, cli_options *o)
{
    const char *key;
    json_t *value;

    o->keys = keep("%s: %s", r->recipe->name, s->command);
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
static wagle_status apply_shared(const run *r, const step *s, const cli_command *c, cli_options *o)
{
    const char *key;
    json_t *value;
    wagle_status st = WAGLE_OK;

    o->keys = keep("%s: options", r->recipe->name);
    json_object_foreach (json_object_get(r->recipe->json, "options"), key, value) {
        const cli_option *t = cli_key_option(c, key);
        const int p = cli_key_param(c, key);
        if (t != NULL ? reaches(r, s, t) && !is_given(o, t)
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
static void apply_flags(const run *r, const step *s, const cli_command *c, cli_options *o)
{
    wagle_param_info p;
    char flag[64];

    for (const cli_option *t = cli_next(c, NULL); t != NULL; t = cli_next(c, t))
        if (is_given(r->o, t) && cli_passes_on(r->o->command, t) && reaches(r, s, t)) {
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
static const char *in_data(const run *r, const cli_option *t, const char *path)
{
    const char *file = t->path == CLI_SETS ? strchr(path, '=') : NULL;
    const char *name = file != NULL ? file + 1 : path;

    if (*name == '/' || cli_is_no_file(t, path))
        return path;
    if (strcmp(name, ".") == 0)
        return r->data;
    return keep("%.*s%s/%s", (int)(name - path), path, r->data, name);
}

static void find_files(const run *r, const cli_command *c, cli_options *o)
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
static void connect(const run *r, const step *s, const cli_command *c, cli_options *o)
{
    const char *read = is_fed(r, s) ? in_out(r, s->file) : NULL;
    int n = 0;

    set_text(o, "out", in_out(r, s->out));
    if (cli_applies(c, "model") && reaches(r, s, cli_find("model")))
        set_text(o, "model", r->o->model);
    if (read != NULL && (exists(read) || strcmp(s->reads, "model") == 0))
        set_text(o, s->reads, read);
    if (strcmp(s->name, "report") != 0)
        return;
    if (is_run(r, &steps[0]))
        o->argument[n++] = keep("original=%s", in_out(r, "original.json"));
    if (is_run(r, &steps[4]))
        o->argument[n++] = keep("forgotten=%s", in_out(r, "forgotten.json"));
    if (is_run(r, &steps[3]))
        o->argument[n++] = keep("forgotten=%s", in_out(r, "model"));
}

/* The options of a step as far as they are known before the steps before it have run; unchecked. */
static wagle_status prepare(const run *r, const step *s, cli_options *o)
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

/* --- what a step depends on ----------------------------------------------------------------------
 */

static json_t *hash_of(run *r, const char *path)
{
    json_t *known = json_object_get(r->hashes, path);
    char hash[65];

    if (known != NULL)
        return json_incref(known);
    if (!exists(path) || wagle_sha256(r->ctx, path, hash) != WAGLE_OK)
        return NULL;
    known = json_string(hash);
    json_object_set_nocheck(r->hashes, path, known);
    return known;
}

/* A text of an option; of a path, what is in the file: NAME=HASH, HASH@WEIGHT. */
static json_t *text_of(run *r, const cli_option *t, const char *text)
{
    const char *equals = t == NULL || t->path == CLI_SETS ? strchr(text, '=') : NULL;
    const char *file = equals != NULL ? equals + 1 : text;
    char path[4096] = "";
    json_t *hash = NULL, *all;

    if (t != NULL && (t->path == CLI_NO_PATH || cli_is_no_file(t, text)))
        return cli_json_bytes(text);
    if (!exists(file))
        cli_without_weight(file, path);
    hash = hash_of(r, *path != '\0' ? path : file);
    if (hash == NULL)
        return cli_json_bytes(text);
    all = json_sprintf("%.*s%s%s", (int)(file - text), text, json_string_value(hash),
                       *path != '\0' ? file + strlen(path) : "");
    json_decref(hash);
    return all;
}

static json_t *texts_of(run *r, const cli_option *t, const char *const *list)
{
    json_t *all = json_array();

    for (int i = 0; i < CLI_LIST && list[i] != NULL; i++)
        json_array_append_new(all, text_of(r, t, list[i]));
    return all;
}

static json_t *value_of(run *r, const cli_options *o, const cli_option *t)
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
static json_t *record_of(run *r, const cli_options *o)
{
    json_t *all = json_object();
    wagle_param_info p;
    char flag[64];

    for (const cli_option *t = cli_next(o->command, NULL); t != NULL; t = cli_next(o->command, t))
        if (is_given(o, t) && t->path != CLI_WRITTEN && !cli_listed("resume force", t->name))
            json_object_set_new(all, t->name, value_of(r, o, t));
    for (const cli_option *t = cli_next(NULL, NULL); t != NULL; t = cli_next(NULL, t))
        if (is_given(r->o, t) && cli_listed(decides, t->name))
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
    if (!is_given(o, t) || t->path != CLI_WRITTEN || strcmp(t->name, "out") == 0)
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

static wagle_status read_begun(run *r)
{
    json_t *file = json_load_file(in_out(r, "recipe.json"), 0, NULL);
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

static wagle_status write_begun(run *r, const step *s, const cli_options *o, json_t *options,
                                bool done)
{
    const char *path = in_out(r, "recipe.json"), *partial = in_out(r, "recipe.json.partial");
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
static bool was_begun(const run *r, const step *s, const json_t *options)
{
    const json_t *begun = json_object_get(r->begun, s->name);

    return begun != NULL &&
           json_equal(json_object_get(begun, "options"), (json_t *)(uintptr_t)options);
}

/* Whether it also ended, and all that it writes with the options in o is there. */
static bool is_done(const run *r, const step *s, const cli_options *o, const json_t *options)
{
    const json_t *begun = json_object_get(r->begun, s->name);
    const json_t *before = json_object_get(begun, "written");

    for (const cli_option *t = cli_next(o->command, NULL); t != NULL; t = cli_next(o->command, t)) {
        const char *path = written(o, t);
        const char *then = json_string_value(json_object_get(before, t->name));
        if (path != NULL && (then == NULL || strcmp(path, then) != 0 || !exists(path)))
            return false;
    }
    return was_begun(r, s, options) && json_is_true(json_object_get(begun, "done")) &&
           exists(in_out(r, s->out));
}

/* --- files that a recipe reads -------------------------------------------------------------------
 */

/* The recipe's name of a path in the folder of --data, or NULL. */
static const char *name_in_data(const run *r, const char *path)
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

/* Notes a file that is not the published one. */
static void compare_file(run *r, const char *name, const json_t *file)
{
    const char *wanted = json_string_value(json_object_get(file, "sha256"));
    json_t *hash = wanted != NULL ? hash_of(r, keep("%s/%s", r->data, name)) : NULL;

    if (hash != NULL && strcmp(json_string_value(hash), wanted) != 0)
        r->others = keep("%s%s%s", r->others, *r->others != '\0' ? ", " : "", name);
    json_decref(hash);
}

/* One file of a step: told if it is missing, compared if it is there; `seen` has those before. */
static wagle_status look_at(run *r, const step *s, const char *path, json_t *seen, int *missing)
{
    const char *name = name_in_data(r, path);
    const json_t *file =
        name != NULL ? json_object_get(json_object_get(r->recipe->json, "files"), name) : NULL;

    if (name == NULL || json_object_get(seen, name) != NULL)
        return WAGLE_OK;
    if (file == NULL && !exists(path))
        return cli_refuse("recipe %s: %s reads '%s', which 'files' does not name", r->recipe->name,
                          s->name, name);
    json_object_set_new_nocheck(seen, name, json_true());
    if (file != NULL && exists(path))
        compare_file(r, name, file);
    if (exists(path))
        return WAGLE_OK;
    if ((*missing)++ == 0)
        printf("Files to fetch into %s:\n", r->data);
    tell_file(name, file);
    return WAGLE_OK;
}

static wagle_status look_at_files(run *r, const step *s, const cli_options *o, json_t *seen,
                                  int *missing)
{
    for (const cli_option *t = cli_next(o->command, NULL); t != NULL; t = cli_next(o->command, t)) {
        const char *const *list = (const void *)((const char *)o + t->place);
        const bool read = t->path == CLI_FILE || t->path == CLI_SETS;
        for (int i = 0; read && i < (t->kind == CLI_TEXTS ? CLI_LIST : 1) && list[i] != NULL; i++) {
            const char *equals = t->path == CLI_SETS ? strchr(list[i], '=') : NULL;
            char path[4096];
            snprintf(path, sizeof path, "%s", equals != NULL ? equals + 1 : list[i]);
            if (!exists(path))
                cli_without_weight(equals != NULL ? equals + 1 : list[i], path);
            const wagle_status st = look_at(r, s, path, seen, missing);
            if (st != WAGLE_OK)
                return st;
        }
    }
    return WAGLE_OK;
}

/* Everything that can be refused before the first step. */
static wagle_status check_all(run *r, int *missing)
{
    json_t *seen = json_object();
    cli_options *o = malloc(sizeof *o);
    wagle_status st = o != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    *missing = 0;
    for (int i = 0; i < STEPS && st == WAGLE_OK; i++)
        if (is_run(r, &steps[i])) {
            st = prepare(r, &steps[i], o);
            if (st == WAGLE_OK)
                st = look_at_files(r, &steps[i], o, seen, missing);
        }
    for (int i = 0; i < STEPS && st == WAGLE_OK && *missing == 0 && r->o->model != NULL; i++)
        if (is_run(r, &steps[i])) {
            st = prepare(r, &steps[i], o);
            if (st == WAGLE_OK)
                st = cli_check(o->command, o);
        }
    free(o);
    json_decref(seen);
    return st;
}

/* --- the steps -----------------------------------------------------------------------------------
 */

static void say(const run *r, const step *s, const char *what)
{
    char line[160];
    int n = 0, all = 0;

    for (int i = 0; i < STEPS; i++)
        if (is_run(r, &steps[i])) {
            all++;
            n += &steps[i] <= s;
        }
    snprintf(line, sizeof line, "step %d of %d, %s: %s%s", n, all, s->name, s->command, what);
    if (r->o->dry_run)
        puts(line);
    else if (!r->o->quiet)
        cli_meter_print("wagle: ", "", line);
}

static wagle_status run_step(run *r, const step *s)
{
    static cli_options o;
    json_t *options;
    wagle_status st = prepare(r, s, &o);

    o.again = true;
    if (st == WAGLE_OK)
        st = cli_check(o.command, &o);
    if (st != WAGLE_OK)
        return st;
    options = record_of(r, &o);
    if (is_done(r, s, &o, options)) {
        say(r, s, " is done");
        json_decref(options);
        return WAGLE_OK;
    }
    say(r, s, "");
    o.quiet = r->o->quiet;
    o.force = r->o->force || json_object_get(r->begun, s->name) != NULL;
    o.resume = strcmp(s->name, "unlearn") == 0 && was_begun(r, s, options) &&
               exists(in_out(r, "model.partial/checkpoint.safetensors"));
    st = write_begun(r, s, &o, options, false);
    wagle_on_name(r->ctx, cli_name_option, (void *)(uintptr_t)o.command);
    if (st == WAGLE_OK)
        st = o.command->run(r->ctx, &o);
    json_object_del(r->hashes, in_out(r, s->out));
    if (st == WAGLE_OK)
        st = write_begun(r, s, &o, options, true);
    json_decref(options);
    return st;
}

/* The plan of a step. A mask that is not made yet is planned as the selector and density that make
 * it. */
static wagle_status plan_step(run *r, const step *s, bool planned)
{
    static cli_options o, mask;
    wagle_mask_options standard;
    wagle_status st = prepare(r, s, &o);
    json_t *options;

    if (st != WAGLE_OK)
        return st;
    options = record_of(r, &o);
    const bool done = is_done(r, s, &o, options);
    json_decref(options);
    say(r, s, done ? " is done" : "");
    if (strcmp(s->command, "eval") == 0) /* a changed model takes what this one does */
        o.model = r->o->model;
    if (done || !planned || strcmp(s->command, "report") == 0 ||
        (strcmp(s->name, "mask") == 0 && is_fed(r, s)))
        return WAGLE_OK;
    if (strcmp(s->name, "unlearn") == 0 && is_fed(r, s) && o.mask == NULL) {
        st = prepare(r, &steps[2], &mask);
        wagle_mask_defaults(&standard);
        o.selector = "magnitude";
        o.density = mask.density > 0 ? mask.density : standard.density;
    }
    o.out = keep("%s-%s", r->out, s->out); /* OUT may not be there yet */
    o.dry_run = o.again = true;
    if (st == WAGLE_OK)
        st = cli_check(o.command, &o);
    if (st == WAGLE_OK)
        st = o.command->run(r->ctx, &o);
    if (st == WAGLE_OK)
        fputs(wagle_plan(r->ctx), stdout);
    return st;
}

static wagle_status plan(run *r, bool planned)
{
    wagle_status st = WAGLE_OK;

    if (r->o->model == NULL)
        printf("The model (--model DIR): %s\n",
               json_string_value(json_object_get(r->recipe->json, "model")));
    for (int i = 0; i < STEPS && st == WAGLE_OK; i++)
        if (is_run(r, &steps[i]))
            st = plan_step(r, &steps[i], planned && r->o->model != NULL);
    puts("Steps without numbers were not planned: masks and reports, and steps whose "
         "model or files are not there.");
    r->o->dry_run = false; /* the plans are printed */
    return st;
}

static wagle_status run_all(run *r)
{
    wagle_status st = WAGLE_OK;

    if (mkdir(r->out, 0777) != 0 && errno != EEXIST) {
        cli_refuse("--out %s: %s", r->out, strerror(errno));
        return WAGLE_E_RESOURCE;
    }
    for (int i = 0; i < STEPS && st == WAGLE_OK; i++)
        if (is_run(r, &steps[i]))
            st = run_step(r, &steps[i]);
    return st;
}

wagle_status cli_recipe_run(wagle_ctx *ctx, const cli_recipe *recipe, cli_options *o)
{
    run r = {.ctx = ctx, .recipe = recipe, .o = o, .out = o->out, .others = ""};
    int missing = 0;
    wagle_status st;

    if (o->out == NULL)
        return cli_refuse("recipe run: --out DIR is missing");
    if (o->model == NULL && !o->dry_run)
        return cli_refuse("recipe run: --model DIR is missing: %s",
                          json_string_value(json_object_get(recipe->json, "model")));
    r.data = o->data[0] != NULL ? o->data[0] : ".";
    r.hashes = json_object();
    st = read_begun(&r);
    if (st == WAGLE_OK)
        st = check_all(&r, &missing);
    if (*r.others != '\0') /* they may be other copies of the same rows */
        fprintf(stderr, "wagle: warning: %s: not, byte for byte, the files that %s names: %s\n",
                r.data, recipe->name, r.others);
    if (st == WAGLE_OK && o->dry_run)
        st = plan(&r, missing == 0);
    else if (st == WAGLE_OK && missing > 0) {
        cli_refuse("recipe run %s: %d files are missing in %s; they are listed above", recipe->name,
                   missing, r.data);
        st = WAGLE_E_INPUT;
    } else if (st == WAGLE_OK)
        st = run_all(&r);
    json_decref(r.begun);
    json_decref(r.hashes);
    return st;
}
