/* forget.c - `wagle forget`: the confirmation at a terminal, and the summary. */
#include "common.h"
#include "meter.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Shows the generated rows and asks for confirmation; returns false without a terminal. */
static bool confirm(void *user, const char *text)
{
    const bool asks = isatty(0);
    char line[16] = "";
    bool yes;

    (void)user;
    cli_meter_pause(true);
    printf("%s\n", text);
    if (asks)
        fputs("Forget these? [y/N] ", stdout);
    fflush(stdout);
    yes = asks && fgets(line, sizeof line, stdin) != NULL && (line[0] == 'y' || line[0] == 'Y');
    cli_meter_pause(false);
    return yes;
}

wagle_status cli_forget(wagle_ctx *ctx, cli_options *o)
{
    wagle_forget_options f;
    wagle_forget_result result;
    wagle_status st;

    wagle_forget_result_init(&result);
    wagle_forget_defaults(&f);
    f.model = o->argument[0];
    f.data = o->data[0];
    f.rows = cli_rows(o, NULL);
    f.retain = o->retain[0];
    f.adapter = o->adapter;
    f.gold_model = o->gold;
    f.out = o->out;
    f.export_file = o->export_file;
    f.export_type = CLI_CHOSEN(o, type);
    f.no_undo = o->no_undo;
    f.redact = o->redact;
    f.force = o->force;
    cli_given_seed(&f.seed, o->seed);
    f.confirm = o->yes ? NULL : confirm;
    wagle_set_dry_run(ctx, o->plan);
    o->dry_run = o->plan;
    st = wagle_forget(ctx, &f, &result);
    if (st != WAGLE_OK || o->plan)
        return st;
    fputs(result.text, stdout);
    wagle_string_free(result.text);
    return result.forgotten ? WAGLE_OK : WAGLE_E_RUN;
}
