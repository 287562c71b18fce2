/* parse.c - the command line into the options structure. */
#include "options.h"

#include <errno.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS = 160, PARAMS = 48 }; /* at most; of the table, of the objectives */

static const char common[] = "threads config quiet verbose help";

bool cli_listed(const char *names, const char *name)
{
    const size_t n = strlen(name);

    for (const char *at = strstr(names, name); at != NULL; at = strstr(at + 1, name))
        if ((at == names || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    return false;
}

bool cli_applies(const cli_command *c, const char *name)
{
    return cli_listed(c->options, name) || cli_listed(common, name);
}

/* npo.beta is --npo-beta */
void cli_flag_name(const char *key, char out[64])
{
    snprintf(out, 64, "%s", key);
    for (char *p = out; *p != '\0'; p++)
        *p = *p == '.' ? '-' : *p;
}

wagle_status cli_refuse(const char *format, const char *a, const char *b)
{
    fprintf(stderr, "wagle: ");
    fprintf(stderr, format, a, b);
    fputc('\n', stderr);
    return WAGLE_E_USAGE;
}

static bool parse_real(const char *text, double *out)
{
    char *end;

    errno = 0;
    *out = strtod(text, &end);
    return *text != '\0' && *end == '\0' && errno == 0;
}

/* 16G is 16 * 2^30. */
static bool parse_bytes(const char *text, int64_t *out)
{
    static const char units[] = "KMGT";
    char *end;
    double bytes = strtod(text, &end);
    const char *unit = *end != '\0' ? strchr(units, *end) : NULL;

    if (end == text || !(bytes > 0) || (*end != '\0' && (unit == NULL || end[1] != '\0')))
        return false;
    for (const char *u = units; unit != NULL && u <= unit; u++)
        bytes *= 1024;
    *out = (int64_t)bytes;
    return bytes < 1e15;
}

wagle_status cli_set(cli_options *o, const cli_option *t, const char *value)
{
    char *at = (char *)o + t->place, *end;
    double real;
    int64_t whole;

    switch (t->kind) {
    case CLI_FLAG:
        *(bool *)(void *)at = true;
        return WAGLE_OK;
    case CLI_TEXT:
        memcpy(at, &value, sizeof value);
        return WAGLE_OK;
    case CLI_TEXTS: {
        const char **list = (const char **)(void *)at;
        int n = 0;
        while (n < CLI_LIST && list[n] != NULL)
            n++;
        if (n == CLI_LIST)
            return cli_refuse("--%s: too many%s", t->name, "");
        list[n] = value;
        return WAGLE_OK;
    }
    case CLI_REAL:
        if (!parse_real(value, &real))
            return cli_refuse("--%s %s: not a number", t->name, value);
        memcpy(at, &real, sizeof real);
        return WAGLE_OK;
    case CLI_BYTES:
        if (!parse_bytes(value, &whole))
            return cli_refuse("--%s %s: a size, as in 800M or 16G", t->name, value);
        memcpy(at, &whole, sizeof whole);
        return WAGLE_OK;
    default:
        errno = 0;
        whole = strtoll(value, &end, 10);
        if (*value == '\0' || *end != '\0' || errno != 0 || whole < 0)
            return cli_refuse("--%s %s: not a whole number", t->name, value);
        memcpy(at, &whole, sizeof whole);
        return WAGLE_OK;
    }
}

static wagle_status set_param(cli_options *o, const wagle_param_info *p, const char *value)
{
    double real;

    if (!parse_real(value, &real) || o->n_params == CLI_PARAMS)
        return cli_refuse("%s %s: not a number", p->key, value);
    o->param[o->n_params++] = (wagle_param){p->key, real};
    return WAGLE_OK;
}

static const char *option_name(int i)
{
    return cli_table[i].name != NULL ? cli_table[i].name : NULL;
}

static int distance(const char *a, const char *b)
{
    int row[64], n = (int)strlen(a), m = (int)strlen(b);

    if (n > 62 || m > 62)
        return 99;
    for (int j = 0; j <= m; j++)
        row[j] = j;
    for (int i = 1; i <= n; i++) {
        int corner = row[0]++;
        for (int j = 1; j <= m; j++) {
            const int up = row[j], best = up < row[j - 1] ? up : row[j - 1];
            const int change = corner + (a[i - 1] != b[j - 1]);
            row[j] = best + 1 < change ? best + 1 : change;
            corner = up;
        }
    }
    return row[m];
}

const char *cli_nearest(const char *word, const char *(*name)(int i))
{
    const char *best = NULL, *candidate;
    int least = 3;

    for (int i = 0; (candidate = name(i)) != NULL; i++)
        if (distance(word, candidate) < least) {
            least = distance(word, candidate);
            best = candidate;
        }
    return best;
}

static wagle_status unknown_option(const cli_command *c, const char *flag)
{
    const char *word = flag + strspn(flag, "-");
    const char *near = cli_nearest(word, option_name);
    char line[256];

    snprintf(line, sizeof line, "%s: no option %s", c->name, flag);
    if (near != NULL && cli_applies(c, near))
        return cli_refuse("%s; did you mean --%s?", line, near);
    return cli_refuse("%s; 'wagle help %s' lists them", line, c->name);
}

static wagle_status take_arguments(const cli_command *c, poptContext popt, cli_options *o)
{
    const int most = c->argument == NULL            ? 0
                     : c->most_arguments == 0       ? 1
                     : c->most_arguments < CLI_LIST ? c->most_arguments
                                                    : CLI_LIST;
    const char *next;

    for (int n = 0; (next = poptGetArg(popt)) != NULL; n++) {
        if (n == most)
            return cli_refuse("%s: unexpected argument '%s'", c->name, next);
        o->argument[n] = next;
    }
    return WAGLE_OK;
}

/* val of popt: 1.. for the table, 1000.. for objectives' options. */
static wagle_status take(const cli_command *c, poptContext popt, cli_options *o)
{
    int val;

    while ((val = poptGetNextOpt(popt)) > 0) {
        const char *value = poptGetOptArg(popt);
        const wagle_param_info p = wagle_objective_param(val - 1000);
        const wagle_status st =
            val < 1000 ? cli_set(o, &cli_table[val - 1], value) : set_param(o, &p, value);
        if (st != WAGLE_OK)
            return st;
    }
    if (val == POPT_ERROR_BADOPT)
        return unknown_option(c, poptBadOption(popt, POPT_BADOPTION_NOALIAS));
    if (val < -1)
        return cli_refuse("%s: %s", poptBadOption(popt, POPT_BADOPTION_NOALIAS), poptStrerror(val));
    return take_arguments(c, popt, o);
}

static wagle_status parse_flags(const cli_command *c, int argc, const char **argv, cli_options *o)
{
    static struct poptOption popts[OPTIONS + PARAMS]; /* popt borrows them */
    static char names[PARAMS][64];
    int n = 0;
    poptContext popt;
    wagle_status st;

    for (int i = 0; cli_table[i].name != NULL; i++)
        if (cli_applies(c, cli_table[i].name))
            popts[n++] =
                (struct poptOption){cli_table[i].name,
                                    '\0',
                                    cli_table[i].kind == CLI_FLAG ? POPT_ARG_NONE : POPT_ARG_STRING,
                                    NULL,
                                    i + 1,
                                    cli_table[i].help,
                                    cli_table[i].value};
    for (int i = 0; cli_listed(c->options, "objective") && i < PARAMS - 1; i++) {
        const wagle_param_info p = wagle_objective_param(i);
        if (p.key == NULL)
            break;
        cli_flag_name(p.key, names[i]);
        popts[n++] =
            (struct poptOption){names[i], '\0', POPT_ARG_STRING, NULL, 1000 + i, p.help, "X"};
    }
    popts[n] = (struct poptOption)POPT_TABLEEND;
    popt = poptGetContext("wagle", argc, argv, popts, 0);
    st = take(c, popt, o);
    return st; /* the context owns the strings: it lives as long as the process */
}

wagle_status cli_parse(const cli_command *c, int argc, const char **argv, cli_options *o)
{
    const cli_options fresh = *o;
    wagle_status st = parse_flags(c, argc, argv, o);

    if (st != WAGLE_OK || o->help)
        return st;
    if (o->config != NULL &&
        !cli_listed(c->options, "config")) { /* again, with the file below the flags */
        const char *path = o->config;
        *o = fresh;
        st = cli_apply_config(c, path, o);
        if (st == WAGLE_OK)
            st = parse_flags(c, argc, argv, o);
        if (st != WAGLE_OK)
            return st;
    }
    if (c->argument_missing != NULL && o->argument[0] == NULL)
        return cli_refuse("%s: %s", c->name, c->argument_missing);
    return WAGLE_OK;
}
