/* paths.c - checks the files that options name before anything is read: input files must exist, and
 * no output may be an input. The library checks model folders. */
#include "common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void cli_without_weight(const char *path, char out[4096])
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
        cli_without_weight(path, file);
        if (folder || stat(file, &s) != 0)
            return false;
    }
    return !folder || S_ISDIR(s.st_mode);
}

static wagle_status missing(const char *option, const char *path, bool folder)
{
    cli_refuse("--%s %s: %s", option, path,
               cli_exists(path) ? "a file; expected a folder"
               : folder         ? "no such folder"
                                : "no such file");
    return WAGLE_E_INPUT;
}

bool cli_is_no_file(const cli_option *t, const char *path)
{
    return strcmp(t->name, "protect") == 0 &&
           (strcmp(path, "retain") == 0 || strcmp(path, "self") == 0 || strcmp(path, "none") == 0 ||
            strncmp(path, "self:", 5) == 0);
}

static wagle_status check(const cli_option *t, const char *path, bool folder)
{
    return cli_is_no_file(t, path) || exists(path, folder) ? WAGLE_OK
                                                           : missing(t->name, path, folder);
}

/* The i-th text of an option that names files or folders; NULL past the last. */
static const char *path_at(const cli_options *o, const cli_option *t, int i)
{
    const char *const *list = (const void *)((const char *)o + t->place);

    return i < (t->kind == CLI_TEXTS ? CLI_LIST : 1) ? list[i] : NULL;
}

/* --model is the library's to look at; --gold of report is a label. */
static bool is_looked_at(const cli_command *c, const cli_option *t)
{
    return (t->path == CLI_FILE || t->path == CLI_FOLDER) && strcmp(t->name, "model") != 0 &&
           (strcmp(t->name, "gold") != 0 || strcmp(c->name, "report") != 0);
}

wagle_status cli_check_paths(const cli_command *c, const cli_options *o)
{
    wagle_status st = WAGLE_OK;

    for (const cli_option *t = cli_next(c, NULL); t != NULL; t = cli_next(c, t))
        for (int i = 0; is_looked_at(c, t) && st == WAGLE_OK && path_at(o, t, i) != NULL; i++)
            st = check(t, path_at(o, t, i), t->path == CLI_FOLDER);
    return st;
}

/* --- outputs ---------------------------------------------------------------------------------- */

/* what may be X.json of a result, whose rows are in X.rows.jsonl */
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
    cli_without_weight(path, file);
    return st == WAGLE_OK ? refuse_same(out, file, false) : st;
}

static wagle_status check_output(const cli_command *c, const cli_options *o, const output *out)
{
    wagle_status st = WAGLE_OK;

    for (int i = 0; st == WAGLE_OK && o->argument[i] != NULL; i++)
        st = check_input(out, NULL, o->argument[i]);
    for (const cli_option *t = cli_next(c, NULL); t != NULL; t = cli_next(c, t)) {
        const bool read = t->path == CLI_FILE || t->path == CLI_SETS;
        for (int i = 0; read && st == WAGLE_OK && path_at(o, t, i) != NULL; i++)
            st = check_input(out, t->name, path_at(o, t, i));
    }
    return st;
}

wagle_status cli_check_outputs(const cli_command *c, const cli_options *o)
{
    for (const cli_option *t = cli_next(c, NULL); t != NULL; t = cli_next(c, t)) {
        output out = {.option = t->name};
        wagle_status st;
        if (t->path != CLI_WRITTEN || path_at(o, t, 0) == NULL)
            continue;
        out.path = path_at(o, t, 0);
        if (o->suites != NULL || o->recompute != NULL)
            rows_of(out.path, out.rows);
        st = check_output(c, o, &out);
        if (st != WAGLE_OK)
            return st;
    }
    return WAGLE_OK;
}
