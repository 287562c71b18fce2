/* steps.c - the steps of a recipe, one after the other: the commands of wagle, with options from
 * the recipe and from the command line. */
#include "meter.h"
#include "steps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Options of several commands that reach only one of them, unless its own object has them. */
#define OF_PROTECT "protect protect-damping protect-rank"

const cli_step cli_steps[CLI_STEPS] = {
    [CLI_ORIGINAL] = {"original", "eval", "original.json", NULL, NULL, NULL, "", ""},
    [CLI_ATTRIBUTE] = {"attribute", "attribute", "scores", NULL, NULL, NULL, "",
                       OF_PROTECT " tensorboard"},
    [CLI_MASK] = {"mask", "mask", "mask", "scores", "attribute", "scores",
                  "model forget retain selector gamma damping loss draw seed " CLI_ROWS,
                  OF_PROTECT},
    [CLI_UNLEARN] = {"unlearn", "unlearn", "model", "mask", "mask", "mask",
                     "selector density gamma damping draw include exclude", CLI_OF_SUITES},
    [CLI_FORGOTTEN] = {"forgotten", "eval", "forgotten.json", "model", "unlearn", "model", "", ""},
    [CLI_REPORT] = {"report", "report", "report.html", NULL, NULL, NULL, "", "gold"},
};

const char *cli_in_out(const cli_run *r, const char *name)
{
    return cli_keep("%s/%s", r->out, name);
}

/* --- the steps -----------------------------------------------------------------------------------
 */

static void say(const cli_run *r, const cli_step *s, const char *what)
{
    char line[160];
    int n = 0, all = 0;

    for (int i = 0; i < CLI_STEPS; i++)
        if (cli_step_is_run(r, &cli_steps[i])) {
            all++;
            n += &cli_steps[i] <= s;
        }
    snprintf(line, sizeof line, "step %d of %d, %s: %s%s", n, all, s->name, s->command, what);
    if (r->o->dry_run)
        puts(line);
    else if (!r->o->quiet)
        cli_meter_print("wagle: ", "", line);
}

static wagle_status run_step(cli_run *r, const cli_step *s)
{
    static cli_options o;
    json_t *options;
    wagle_status st = cli_step_prepare(r, s, &o);

    o.again = true;
    if (st == WAGLE_OK)
        st = cli_check(o.command, &o);
    if (st != WAGLE_OK)
        return st;
    options = cli_step_record(r, &o);
    if (cli_step_is_done(r, s, &o, options)) {
        say(r, s, " is done");
        json_decref(options);
        return WAGLE_OK;
    }
    say(r, s, "");
    o.quiet = r->o->quiet;
    o.force = r->o->force || json_object_get(r->begun, s->name) != NULL;
    o.resume = strcmp(s->name, "unlearn") == 0 && cli_step_was_begun(r, s, options) &&
               (cli_exists(cli_in_out(r, "model.partial/checkpoint.safetensors")) ||
                cli_exists(cli_in_out(r, "model.partial/requests.json")));
    st = cli_write_begun(r, s, &o, options, false);
    wagle_on_name(r->ctx, cli_name_option, (void *)(uintptr_t)o.command);
    if (st == WAGLE_OK)
        st = o.command->run(r->ctx, &o);
    json_object_del(r->hashes, cli_in_out(r, s->out));
    if (st == WAGLE_OK)
        st = cli_write_begun(r, s, &o, options, true);
    json_decref(options);
    return st;
}

/* The plan of a step. A mask that is not made yet is planned as the selector and density that make
 * it. */
static wagle_status plan_step(cli_run *r, const cli_step *s, bool planned)
{
    static cli_options o, mask;
    wagle_mask_options standard;
    wagle_status st = cli_step_prepare(r, s, &o);
    json_t *options;

    if (st != WAGLE_OK)
        return st;
    options = cli_step_record(r, &o);
    const bool done = cli_step_is_done(r, s, &o, options);
    json_decref(options);
    say(r, s, done ? " is done" : "");
    if (strcmp(s->command, "eval") == 0) /* a changed model takes what this one does */
        o.model = r->o->model;
    if (done || !planned || strcmp(s->command, "report") == 0 ||
        (strcmp(s->name, "mask") == 0 && cli_step_is_fed(r, s)))
        return WAGLE_OK;
    if (strcmp(s->name, "unlearn") == 0 && cli_step_is_fed(r, s) && o.mask == NULL) {
        st = cli_step_prepare(r, &cli_steps[CLI_MASK], &mask);
        wagle_mask_defaults(&standard);
        o.selector = "magnitude";
        o.density = mask.density > 0 ? mask.density : standard.density;
    }
    o.out = cli_keep("%s-%s", r->out, s->out); /* OUT may not be there yet */
    o.dry_run = o.again = true;
    if (st == WAGLE_OK)
        st = cli_check(o.command, &o);
    if (st == WAGLE_OK)
        st = o.command->run(r->ctx, &o);
    if (st == WAGLE_OK)
        fputs(wagle_plan(r->ctx), stdout);
    return st;
}

static wagle_status plan(cli_run *r, bool planned)
{
    wagle_status st = WAGLE_OK;

    if (r->o->model == NULL)
        printf("The model (--model DIR): %s\n",
               json_string_value(json_object_get(r->recipe->json, "model")));
    for (int i = 0; i < CLI_STEPS && st == WAGLE_OK; i++)
        if (cli_step_is_run(r, &cli_steps[i]))
            st = plan_step(r, &cli_steps[i], planned && r->o->model != NULL);
    puts("Steps without numbers were not planned: masks and reports, and steps whose "
         "model or files are not there.");
    r->o->dry_run = false; /* the plans are printed */
    return st;
}

static wagle_status run_all(cli_run *r)
{
    wagle_status st = WAGLE_OK;

    if (mkdir(r->out, 0777) != 0 && errno != EEXIST) {
        cli_refuse("--out %s: %s", r->out, strerror(errno));
        return WAGLE_E_RESOURCE;
    }
    for (int i = 0; i < CLI_STEPS && st == WAGLE_OK; i++)
        if (cli_step_is_run(r, &cli_steps[i]))
            st = run_step(r, &cli_steps[i]);
    return st;
}

wagle_status cli_recipe_run(wagle_ctx *ctx, const cli_recipe *recipe, cli_options *o)
{
    cli_run r = {.ctx = ctx, .recipe = recipe, .o = o, .out = o->out, .others = ""};
    int missing = 0;
    wagle_status st;

    if (o->out == NULL)
        return cli_refuse("recipe run: --out DIR is missing");
    if (o->model == NULL && !o->dry_run)
        return cli_refuse("recipe run: --model DIR is missing: %s",
                          json_string_value(json_object_get(recipe->json, "model")));
    r.data = o->data[0] != NULL ? o->data[0] : ".";
    r.hashes = json_object();
    st = cli_read_begun(&r);
    if (st == WAGLE_OK)
        st = cli_steps_check(&r, &missing);
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
