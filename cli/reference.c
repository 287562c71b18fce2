/* reference.c - docs/reference/commands.md and tables.md, from the tables. */
#include "page.h"

#include <stdio.h>

void cli_reference_commands(void)
{
    puts("# Commands\nEvery command with its options, their defaults and the values that they "
         "take. This page is written by `wagle help --reference`; the same text is in `wagle help "
         "COMMAND` and in the manual pages.");
    for (const cli_command *c = cli_commands; c->name != NULL; c++)
        cli_page_command(&cli_markdown, c);
    cli_markdown.start("Common options", "");
    cli_page_common(&cli_markdown);
    cli_markdown.end();
}

/* --- tables ------------------------------------------------------------------------------------
 */

/* A cell of a table. */
static void cell(const char *text)
{
    fputs(" | ", stdout);
    cli_markdown_text(text != NULL ? text : "");
}

static void table(const char *title, const char *intro, const char *columns,
                  wagle_info (*at)(int i), bool formulas)
{
    printf("\n## %s\n%s\n\n%s\n|---|---%s|---|\n", title, intro, columns, formulas ? "|---" : "");
    for (int i = 0; at(i).name != NULL; i++) {
        const wagle_info one = at(i);
        printf("| `%s`", one.name);
        cell(one.summary);
        if (formulas)
            cell(one.formula);
        cell(one.source);
        puts(" |");
    }
}

static void plain_table(const char *title, const char *intro, wagle_info (*at)(int i))
{
    printf("\n## %s\n%s\n\n| name | |\n|---|---|\n", title, intro);
    for (int i = 0; at(i).name != NULL; i++) {
        printf("| `%s`", at(i).name);
        cell(at(i).summary);
        puts(" |");
    }
}

static void params(void)
{
    wagle_param_info p;
    char flag[64], owners[256];

    puts("\n| parameter | | default | from | to | objectives |\n|---|---|---|---|---|---|");
    for (int i = 0; cli_param(NULL, i, &p, flag); i++) {
        char standard[32], low[32], high[32];
        cli_owners(p.key, " ", owners);
        cli_number(p.value, standard);
        cli_number(p.min, low);
        cli_number(p.max, high);
        printf("| `--%s`", flag);
        cell(p.help);
        printf(" | %s | %s | %s | %s |\n", standard, low, high, owners);
    }
}

static void suites(void)
{
    puts("\n## Suites\nTests of `wagle eval --suite NAME`, and the data sets that each reads "
         "(`--set NAME=FILE`).\n\n| suite | set | |\n|---|---|---|");
    for (int s = 0; wagle_suite_info(s).name != NULL; s++) {
        printf("| `%s` | ", wagle_suite_info(s).name);
        cell(wagle_suite_info(s).summary);
        puts(" |");
        for (int i = 0; wagle_suite_set_info(s, i).name != NULL; i++) {
            printf("| | `%s`", wagle_suite_set_info(s, i).name);
            cell(wagle_suite_set_info(s, i).summary);
            puts(" |");
        }
    }
}

void cli_reference_tables(void)
{
    puts("# Tables\nEvery objective, selector, optimizer, suite, metric, chat layout and model "
         "family. This page is written by `wagle help --reference tables`.");
    table("Objectives",
          "What `wagle unlearn --objective NAME` minimises: the forget term of each row, times "
          "`--forget-weight`, plus a retain term times `--alpha`. nll is the negative "
          "log-likelihood of a label token, p its probability; sums and means are over the label "
          "tokens of the row. [Definitions](definitions.md) says how rows become a batch's "
          "loss.",
          "| name | | forget term | source |", wagle_objective_info, true);
    params();
    table("Selectors",
          "What `--selector NAME` scores weights by. theta is a weight, gf and gr its gradients on "
          "the forget and the retain rows, F the Fisher diagonal of the retain rows, P the protect "
          "factor.",
          "| name | | score | source |", wagle_selector_info, true);
    plain_table("Optimizers", "Update rules of `--optimizer NAME`.", wagle_optimizer_info);
    suites();
    plain_table("Metrics", "Metrics of `wagle eval --data ROWS --metrics LIST`.",
                wagle_metric_info);
    plain_table("Chat layouts", "Built-in layouts of `--chat-layout NAME`.", wagle_chat_info);
    table("Model families", "Models that wagle reads, by `model_type` in their config.json.",
          "| model_type | models | source |", wagle_family_info, false);
}
