/* paths.c - checks the files that options name before anything is read: input files must exist, and
 * no output may be an input. The library checks model folders. */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char files[] =
    "data forget retain protect scores mask refusal rmu-control pairs recompute "
    "file config gold";
static const char folders[] = "reference tofu gold-model";

/* Removes the weight from FILE@WEIGHT, unless a file has exactly that name. */
static void without_weight(const char *path, char out[4096])
{
    const char *at = strrchr(path, '@');
    char *end = NULL;

    if (at != NULL)
        strtod(at + 1, &end);
    snprintf(out, 4096, "%.*s",
             end != NULL && end > at + 1 && *end == '\0' ? (int)(at - path) : 4095, path);
}

static bool exists(const char *path, bool folder)
{
    struct stat s;
    char file[4096];

    if (stat(path, &s) != 0) {
        without_weight(path, file);
        if (folder || stat(file, &s) != 0)
            return false;
    }
    return !folder || S_ISDIR(s.st_mode);
}

static wagle_status missing(const char *option, const char *path, bool folder)
{
    struct stat s;
    const bool there = stat(path, &s) == 0;

    cli_refuse("--%s %s: %s", option, path,
               there    ? "a file; expected a folder"
               : folder ? "no such folder"
                        : "no such file");
    return WAGLE_E_INPUT;
}

/* Whether an entry of --protect is not a file. */
static bool is_no_file(const cli_option *t, const char *path)
{
    return strcmp(t->name, "protect") == 0 &&
           (strcmp(path, "retain") == 0 || strcmp(path, "self") == 0 || strcmp(path, "none") == 0 ||
            strncmp(path, "self:", 5) == 0);
}

static wagle_status check(const cli_option *t, const char *path, bool folder)
{
    return path == NULL || is_no_file(t, path) || exists(path, folder)
               ? WAGLE_OK
               : missing(t->name, path, folder);
}

wagle_status cli_check_paths(const cli_command *c, const cli_options *o)
{
    for (const cli_option *t = cli_table; t->name != NULL; t++) {
        const bool folder = cli_listed(folders, t->name);
        const void *at = (const char *)o + t->place;
        wagle_status st = WAGLE_OK;
        if (!cli_applies(c, t->name) || (!folder && !cli_listed(files, t->name)) ||
            (strcmp(t->name, "gold") == 0 &&
             strcmp(c->name, "report") == 0)) /* there it is a label */
            continue;
        if (t->kind == CLI_TEXT)
            st = check(t, *(const char *const *)at, folder);
        for (int i = 0; t->kind == CLI_TEXTS && st == WAGLE_OK && i < CLI_LIST; i++)
            st = check(t, ((const char *const *)at)[i], folder);
        if (st != WAGLE_OK)
            return st;
    }
    return WAGLE_OK;
}

/* --- outputs ---------------------------------------------------------------------------------- */

static const char inputs[] =
    "data forget retain protect scores mask refusal rmu-control pairs recompute "
    "file config gold set";
static const char outputs[] = "out out-patch svg";
/* options that may name a result X.json, whose rows are in X.rows.jsonl */
static const char results[] = "recompute gold";

/* The rows file of a result X.json; "" for other files. */
static void rows_of(const char *path, char out[4096])
{
    const size_t n = strlen(path);

    out[0] = '\0';
    if (n > 5 && n < 4000 && strcmp(path + n - 5, ".json") == 0)
        snprintf(out, 4096, "%.*s.rows.jsonl", (int)(n - 5), path);
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;

    return stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

typedef struct output {
    const char *option, *path;
    char rows[4096]; /* "" if there is none */
} output;

static wagle_status refuse_same(const output *out, const char *path, bool result)
{
    char rows[4096] = "";

    if (result)
        rows_of(path, rows);
    if (!same_file(out->path, path) && !same_file(out->path, rows) && !same_file(out->rows, path) &&
        !same_file(out->rows, rows))
        return WAGLE_OK;
    return cli_refuse("--%s %s: is the input %s; an output never replaces an input", out->option,
                      out->path, path);
}

/* Checks an input, which may also be written as NAME=FILE or FILE@WEIGHT. */
static wagle_status check_input(const output *out, const char *option, const char *path)
{
    const char *equals = strchr(path, '=');
    char file[4096];
    wagle_status st = refuse_same(out, path, option == NULL || cli_listed(results, option));

    if (st == WAGLE_OK && equals != NULL && (option == NULL || strcmp(option, "set") == 0))
        st = refuse_same(out, equals + 1, option == NULL);
    without_weight(path, file);
    return st == WAGLE_OK ? refuse_same(out, file, false) : st;
}

static wagle_status check_output(const cli_command *c, const cli_options *o, const output *out)
{
    wagle_status st = WAGLE_OK;

    for (int i = 0; st == WAGLE_OK && o->argument[i] != NULL; i++)
        st = check_input(out, NULL, o->argument[i]);
    for (const cli_option *t = cli_table; st == WAGLE_OK && t->name != NULL; t++) {
        const void *at = (const char *)o + t->place;
        const char *const *list = at;
        const int most = t->kind == CLI_TEXTS ? CLI_LIST : t->kind == CLI_TEXT;
        if (!cli_applies(c, t->name) || !cli_listed(inputs, t->name))
            continue;
        for (int i = 0; st == WAGLE_OK && i < most; i++)
            if (list[i] != NULL)
                st = check_input(out, t->name, list[i]);
    }
    return st;
}

wagle_status cli_check_outputs(const cli_command *c, const cli_options *o)
{
    for (const cli_option *t = cli_table; t->name != NULL; t++) {
        output out = {.option = t->name};
        wagle_status st;
        if (!cli_applies(c, t->name) || !cli_listed(outputs, t->name))
            continue;
        out.path = *(const char *const *)(const void *)((const char *)o + t->place);
        if (out.path == NULL)
            continue;
        if (o->suites != NULL || o->recompute != NULL)
            rows_of(out.path, out.rows);
        st = check_output(c, o, &out);
        if (st != WAGLE_OK)
            return st;
    }
    return WAGLE_OK;
}
