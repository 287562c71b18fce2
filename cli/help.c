/* help.c - `wagle help COMMAND` and the manual page, from the tables. */
#include "options.h"

#include <stdio.h>
#include <string.h>

const char cli_exit_codes[] = "0 ok, 1 the run failed, 2 wrong usage, 3 bad input, 4 not enough "
                              "memory or disk, 5 --stop-when "
                              "was not reached, 130 interrupted";

/* Calls show for each option of the command: its flag, its value's name or "", what it does. */
static void cli_each_option(const cli_command *c,
                            void (*show)(const char *flag, const char *value, const char *help))
{
    for (int i = 0; cli_table[i].name != NULL; i++)
        if (cli_applies(c, cli_table[i].name))
            show(cli_table[i].name, cli_table[i].value != NULL ? cli_table[i].value : "",
                 cli_table[i].help);
    for (int i = 0; cli_listed(c->options, "objective"); i++) {
        const wagle_param_info p = wagle_objective_param(i);
        char name[64], help[160];
        if (p.key == NULL)
            break;
        cli_flag_name(p.key, name);
        snprintf(help, sizeof help, "%s (default %g)", p.help, p.value);
        show(name, "X", help);
    }
}

static void list(const char *title, wagle_info (*at)(int i))
{
    printf("\n%s\n", title);
    for (int i = 0; at(i).name != NULL; i++)
        printf("  %-18s %s\n", at(i).name, at(i).summary);
}

static void list_suites(void)
{
    puts("\nsuites, and their sets (--set NAME=FILE)");
    for (int s = 0; wagle_suite_info(s).name != NULL; s++) {
        printf("  %-18s %s\n", wagle_suite_info(s).name, wagle_suite_info(s).summary);
        for (int i = 0; wagle_suite_set_info(s, i).name != NULL; i++)
            printf("    %-18s %s\n", wagle_suite_set_info(s, i).name,
                   wagle_suite_set_info(s, i).summary);
    }
}

static void show_help(const char *flag, const char *value, const char *help)
{
    char left[96];

    snprintf(left, sizeof left, "--%s %s", flag, value);
    printf("  %-24s %s\n", left, help);
}

void cli_help(const cli_command *c)
{
    printf("wagle %s%s%s - %s\n", c->name, c->argument ? " " : "", c->argument ? c->argument : "",
           c->summary);
    if (c->example != NULL)
        printf("\n  %s\n", c->example);
    puts("");
    cli_each_option(c, show_help);
    if (c->defaults != NULL)
        c->defaults();
    if (cli_listed(c->options, "objective"))
        list("objectives", wagle_objective_info);
    if (cli_listed(c->options, "selector"))
        list("selectors", wagle_selector_info);
    if (cli_listed(c->options, "optimizer"))
        list("optimizers", wagle_optimizer_info);
    if (cli_listed(c->options, "metrics"))
        list("metrics, of --data", wagle_metric_info);
    if (cli_listed(c->options, "suite"))
        list_suites();
    printf("\nexit codes\n  %s\n", cli_exit_codes);
}

static void show_manual(const char *flag, const char *value, const char *help)
{
    printf(".TP\n\\fB\\-\\-%s\\fR \\fI%s\\fR\n%s\n", flag, value, help);
}

void cli_manual(void)
{
    printf(".TH WAGLE 1 \"\" \"wagle " WAGLE_VERSION "\"\n.SH NAME\nwagle \\- make a large "
           "language model forget chosen data and keep the rest\n.SH SYNOPSIS\n\\fBwagle\\fR "
           "\\fICOMMAND\\fR [\\fIOPTION\\fR...]\n.SH DESCRIPTION\nResults go to standard output, "
           "log and progress to standard error. Every option is also a key of the JSON object "
           "that \\fB\\-\\-config\\fR names; flags win.\n");
    for (const cli_command *c = cli_commands; c->name != NULL; c++) {
        printf(".SH %s\n%s.\n", c->name, c->summary);
        if (c->example != NULL)
            printf(".PP\n.RS\n%s\n.RE\n", c->example);
        cli_each_option(c, show_manual);
    }
    printf(".SH EXIT STATUS\n%s.\n", cli_exit_codes);
}
