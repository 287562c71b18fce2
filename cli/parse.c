/* parse.c - parses the command line into the options structure. */
#include "common.h"

#include <popt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char common[] = "threads device gpu-memory precision config quiet verbose help";

bool cli_listed(const char *names, const char *name)
{
    const size_t n = strlen(name);

    for (const char *at = strstr(names, name); at != NULL; at = strstr(at + 1, name))
        if ((at == names || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    return false;
}

bool cli_takes(const cli_command *c, const cli_option *t)
{
    return cli_listed(c->options, t->name) || cli_listed(common, t->name) ||
           (t->commands != NULL && cli_listed(t->commands, c->name)) || cli_passes_on(c, t);
}

bool cli_applies(const cli_command *c, const char *name)
{
    const cli_option *t = cli_find(name);

    return t != NULL && cli_takes(c, t);
}

wagle_status cli_refuse(const char *format, ...)
{
    char text[8192];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *c = text; *c != '\0'; c++)
        *c = (unsigned char)*c < ' '
                 ? ' '
                 : *c; /* keeps the message on one line, whatever characters a name has */
    fprintf(stderr, "wagle: %s\n", text);
    return WAGLE_E_USAGE;
}

void cli_flag_name(const char *key, char out[64])
{
    snprintf(out, 64, "%s", key);
    for (char *p = out; *p != '\0'; p++)
        *p = *p == '.' ? '-' : *p;
}

bool cli_was_given(const cli_options *o, const char *name)
{
    const cli_option *t = cli_find(name);

    return t != NULL && o->given[t - cli_table] != CLI_UNSET;
}

/* --- one value -------------------------------------------------------------------------------- */

/* The name of an option in messages. */
static void label(const cli_options *o, const char *name, cli_source source, char out[160])
{
    if (source == CLI_FROM_FLAG)
        snprintf(out, 160, "--%s", name);
    else
        snprintf(out, 160, "%.90s: '%.60s'", o->keys, name);
}

/* The first row with the same place: other spellings of an option follow it. */
static const cli_option *main_row(const cli_option *t)
{
    const cli_option *first = cli_next(NULL, NULL);

    while (first->place != t->place)
        first = cli_next(NULL, first);
    return first;
}

/* An option given twice, where only the last would count, is refused; a flag wins over --config. */
static wagle_status claim(const cli_command *c, cli_options *o, const cli_option *t,
                          cli_source source)
{
    const cli_option *first = main_row(t);
    cli_source *given = &o->given[first - cli_table], before = *given;
    char name[160];

    *given = source;
    if (t->kind == CLI_TEXTS && before == CLI_FROM_CONFIG && source == CLI_FROM_FLAG)
        memset((char *)o + t->place, 0, sizeof o->forget);
    if (before != source || t->kind == CLI_FLAG ||
        (t->kind == CLI_TEXTS && cli_repeats(c->name, t->name)))
        return WAGLE_OK;
    label(o, t->name, source, name);
    if (first != t)
        return cli_refuse("%s was given twice: it is the same option as --%s", name, first->name);
    return cli_refuse("%s was given twice; %s takes only one", name, c->name);
}

static wagle_status add_text(const char *name, const char **list, const char *value)
{
    int n = 0;

    while (n < CLI_LIST && list[n] != NULL)
        n++;
    if (n == CLI_LIST)
        return cli_refuse("%s: give it at most %d times", name, CLI_LIST);
    list[n] = value;
    return WAGLE_OK;
}

/* A,B is A and B, unless there is a file of that very name. */
static wagle_status add_files(const char *name, const char **list, const char *value)
{
    wagle_status st = WAGLE_OK;

    while (st == WAGLE_OK && strchr(value, ',') != NULL && !cli_exists(value)) {
        const size_t n = strcspn(value, ",");
        st = add_text(name, list, cli_keep("%.*s", (int)n, value));
        value += n + 1;
    }
    return st == WAGLE_OK ? add_text(name, list, value) : st;
}

static wagle_status check_word(const char *name, const cli_option *t, const char *value)
{
    char words[128], word[32];

    for (int i = 0; cli_choice(t, i, word); i++)
        if (strcmp(word, value) == 0)
            return WAGLE_OK;
    cli_choices(t, words);
    return cli_refuse("%s %.16s: must be %s", name, value, words);
}

wagle_status cli_set(const cli_command *c, cli_options *o, const cli_option *t, const char *value,
                     cli_source source)
{
    void *at = (char *)o + t->place;
    char name[160];

    if (claim(c, o, t, source) != WAGLE_OK)
        return WAGLE_E_USAGE;
    label(o, t->name, source, name);
    switch (t->kind) {
    case CLI_FLAG:
        *(bool *)at = true;
        return WAGLE_OK;
    case CLI_TEXT:
        *(const char **)at = value;
        return WAGLE_OK;
    case CLI_CHOICE:
        *(const char **)at = value;
        return check_word(name, t, value);
    case CLI_TEXTS:
        return t->commas ? add_files(name, at, value) : add_text(name, at, value);
    case CLI_REAL:
        if (cli_word(t) != NULL && strcmp(value, cli_word(t)) == 0) {
            *(double *)at = 0;
            return WAGLE_OK;
        }
        return cli_read_real(name, value, cli_range(t), at);
    case CLI_BYTES:
        return cli_read_bytes(name, value, at);
    default:
        return cli_read_whole(name, value, cli_range(t), at);
    }
}

wagle_status cli_set_param(cli_options *o, int i, const char *value, cli_source source)
{
    wagle_param_info p;
    char flag[64], name[160], range[64];

    cli_param(NULL, i, &p, flag);
    label(o, source == CLI_FROM_FLAG ? flag : p.key, source, name);
    if (o->given_param[i] == source)
        return cli_refuse("%s was given twice", name);
    o->given_param[i] = source;
    snprintf(range, sizeof range, "[%.17g,%.17g]", p.min, p.max);
    return cli_read_real(name, value, range, &o->param_value[i]);
}

/* --- the command line ------------------------------------------------------------------------- */

enum { PARAM = 1000 }; /* val in popt: from 1 for the table, from PARAM for options of objectives */

static wagle_status take_arguments(const cli_command *c, poptContext popt, cli_options *o)
{
    const int most = c->argument == NULL            ? 0
                     : c->most_arguments == 0       ? 1
                     : c->most_arguments < CLI_LIST ? c->most_arguments
                                                    : CLI_LIST;
    const char *next;

    for (int n = 0; (next = poptGetArg(popt)) != NULL; n++) {
        if (n == most)
            return cli_refuse("%s: unexpected argument '%s'; 'wagle help %s' lists its options",
                              c->name, next, c->name);
        o->argument[n] = next;
    }
    return WAGLE_OK;
}

static wagle_status take(const cli_command *c, poptContext popt, const char **argv, cli_options *o)
{
    int val;

    while ((val = poptGetNextOpt(popt)) > 0) {
        const char *value = poptGetOptArg(popt);
        const wagle_status st = val < PARAM
                                    ? cli_set(c, o, &cli_table[val - 1], value, CLI_FROM_FLAG)
                                    : cli_set_param(o, val - PARAM, value, CLI_FROM_FLAG);
        if (st != WAGLE_OK)
            return st;
    }
    if (val == POPT_ERROR_BADOPT)
        return cli_unknown_option(c, poptBadOption(popt, POPT_BADOPTION_NOALIAS), argv);
    if (val == POPT_ERROR_NOARG)
        return cli_refuse("%s: its value is missing", poptBadOption(popt, POPT_BADOPTION_NOALIAS));
    if (val < -1)
        return cli_refuse("%s: %s", poptBadOption(popt, POPT_BADOPTION_NOALIAS), poptStrerror(val));
    return take_arguments(c, popt, o);
}

/* The table for popt, which borrows it. Names with hyphens are also accepted with underscores, as
 * in other tools. */
static struct poptOption popts[2 * (CLI_OPTIONS + CLI_PARAMS) + 1];
static char names[2 * (CLI_OPTIONS + CLI_PARAMS)][64];

static void add_popt(int *n, const char *name, bool flag, int val)
{
    const struct poptOption entry = {.argInfo = flag ? POPT_ARG_NONE : POPT_ARG_STRING, .val = val};

    for (int spelling = 0; spelling < 2; spelling++) {
        char *own = names[*n];
        snprintf(own, 64, "%s", name);
        for (char *p = own; spelling == 1 && *p != '\0'; p++)
            *p = *p == '-' ? '_' : *p;
        if (spelling == 1 && strcmp(own, name) == 0)
            return;
        popts[*n] = entry;
        popts[(*n)++].longName = own;
    }
}

static wagle_status parse_flags(const cli_command *c, int argc, const char **argv, cli_options *o)
{
    wagle_param_info p;
    char flag[64];
    int n = 0;

    for (const cli_option *t = cli_next(c, NULL); t != NULL; t = cli_next(c, t))
        add_popt(&n, t->name, t->kind == CLI_FLAG, (int)(t - cli_table) + 1);
    for (int i = 0; cli_param(c, i, &p, flag); i++)
        add_popt(&n, flag, false, PARAM + i);
    popts[n] = (struct poptOption)POPT_TABLEEND;
    /* the context owns the strings, so it is never freed */
    return take(c, poptGetContext("wagle", argc, argv, popts, 0), argv, o);
}

void cli_begin(const cli_command *c, cli_options *o)
{
    *o = (cli_options){.command = c, .keys = "--config"};
    cli_unset_all(o);
    o->gamma = "diag";
}

static void gather_params(cli_options *o)
{
    for (int i = 0; i < CLI_PARAMS; i++)
        if (o->given_param[i] != CLI_UNSET)
            o->param[o->n_params++] =
                (wagle_param){wagle_objective_param(i).key, o->param_value[i]};
}

static bool asks_help(int argc, const char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

wagle_status cli_check(const cli_command *c, cli_options *o)
{
    wagle_status st;

    gather_params(o);
    st = cli_check_rules(c, o);
    if (st == WAGLE_OK)
        st = cli_check_paths(c, o);
    return st == WAGLE_OK ? cli_check_outputs(c, o) : st;
}

wagle_status cli_parse(const cli_command *c, int argc, const char **argv, cli_options *o)
{
    wagle_status st;

    cli_begin(c, o);
    o->help = asks_help(argc, argv);
    if (o->help)
        return WAGLE_OK;
    st = parse_flags(c, argc, argv, o);
    if (st == WAGLE_OK && o->config != NULL && !cli_listed(c->options, "config")) {
        const char *path = o->config; /* again, with the file below the flags */
        cli_begin(c, o);
        st = cli_apply_config(c, path, o);
        if (st == WAGLE_OK)
            st = parse_flags(c, argc, argv, o);
    }
    if (st != WAGLE_OK)
        return st;
    if (c->argument_missing != NULL && o->argument[0] == NULL)
        return cli_refuse("%s: %s", c->name, c->argument_missing);
    return cli_check(c, o);
}
