/* train.c - finetune, unlearn, gradient and sweep. */
#include "common.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A number, none, global, layer, layer:X. */
static wagle_status parse_clip(const char *text, wagle_train_options *t)
{
    char *end;

    if (text == NULL || strcmp(text, "global") == 0)
        return WAGLE_OK;
    if (strncmp(text, "layer", 5) == 0) {
        t->clip_each = true;
        text += text[5] == ':' ? 6 : 5;
        if (*text == '\0')
            return WAGLE_OK;
    }
    if (strcmp(text, "none") == 0) {
        t->clip = 0;
        return WAGLE_OK;
    }
    t->clip = strtod(text, &end);
    if (end != text && *end == '\0' && t->clip >= 0)
        return WAGLE_OK;
    fprintf(stderr, "wagle: --clip %s: must be a number, none, global, layer or layer:X\n", text);
    return WAGLE_E_USAGE;
}

/* What was given of an option, by its kind in the table; the rest keeps its default. */
#define READ_TEXT(member)                                                                          \
    if (o->member != NULL)                                                                         \
        t->member = o->member;
#define READ_LIST(member) t->member = o->member;
#define READ_REAL(member) cli_given(&t->member, o->member);
#define READ_WHOLE(member) cli_given_whole(&t->member, o->member);
#define READ_SEED(member) cli_given_seed(&t->member, o->member);
#define READ_DATA(member)                                                                          \
    if (cli_applies(o->command, #member))                                                          \
        t->member = cli_files(o, o->member);
#define READ_GAMMA(member)                                                                         \
    if (cli_read_gamma(o->member, &t->member) != WAGLE_OK)                                         \
        return WAGLE_E_USAGE;
#define READ_CLIP(member)                                                                          \
    if (parse_clip(o->member, t) != WAGLE_OK)                                                      \
        return WAGLE_E_USAGE;
#define READ_NOTHING(member)
#define READ_CHOICE(member)                                                                        \
    if (o->member != NULL)                                                                         \
        t->member = CLI_CHOSEN(o, member);
#define READ_FILE READ_TEXT
#define READ_FOLDER READ_TEXT
#define READ_OUTPUT READ_TEXT
#define READ_PATTERNS READ_LIST
#define READ_FLAG READ_LIST
#define READ_PARAMS READ_NOTHING
#define READ_SUITE READ_NOTHING
#define READ_PART READ_NOTHING

static wagle_status train_options(cli_options *o, wagle_train_options *t,
                                  wagle_suite_options *watch)
{
    if (o->suites != NULL && cli_suites(o, watch) != WAGLE_OK)
        return WAGLE_E_USAGE;
    t->watch = o->suites != NULL ? watch : NULL;
    t->params = o->param;
    t->n_params = o->n_params;
#define WAGLE_OPTION(type, member, kind, ...) READ_##kind(member)
#include <wagle/train_options.def>
#undef WAGLE_OPTION
    return WAGLE_OK;
}

const char cli_sweep_notes[] = "A spec (docs/reference/sweep.md has every key):\n"
                               "\n"
                               "  {\"model\": \"model\",\n"
                               "   \"forget\": \"forget.jsonl\", \"retain\": \"retain.jsonl\",\n"
                               "   \"eval\": {\"forget\": \"forget.jsonl\",\n"
                               "            \"retain\": \"retain.jsonl\",\n"
                               "            \"unseen\": \"unseen.jsonl\"},\n"
                               "   \"objectives\": [\"graddiff\", \"npo\"],\n"
                               "   \"selectors\": [\"none\", \"wagle@diag\", \"random\"],\n"
                               "   \"densities\": [0.02, 0.1], \"lr\": [1e-5, 3e-5, 1e-4],\n"
                               "   \"seeds\": [1, 2, 3], \"tune\": true, \"steps\": 200,\n"
                               "   \"stop_when\": \"forget.probability<0.1\",\n"
                               "   \"eval_every\": 2}\n";

/* Why a run ended, in brackets, or nothing. */
static void tell_stop(const cli_options *o, const wagle_train_result *r, char *out, size_t room)
{
    const bool chance = isfinite(r->chance), lands = o->land || chance;
    const char *rule = o->stop_when != NULL && !chance ? o->stop_when + strspn(o->stop_when, " ")
                                                       : "forget.probability";
    const int name = (int)strcspn(rule, " <>");
    char why[64] = "stopped by --stop-when";

    *out = '\0';
    if (!r->stopped)
        return;
    if (chance)
        snprintf(why, sizeof why, "stopped below the level of chance, %.4g", r->chance);
    if (!lands)
        snprintf(out, room, " (%s)", why);
    else if (r->land < 1)
        snprintf(out, room, " (%s, then scaled back to %.4g of the change, where %.*s is %.4g)",
                 why, r->land, name, rule, r->stop_value);
    else
        snprintf(out, room, " (%s; %.*s is %.4g, and less change would not reach it)", why, name,
                 rule, r->stop_value);
}

static wagle_status report_json(const cli_options *o, const wagle_train_result *r)
{
    json_t *result =
        json_pack("{s:o, s:I, s:b, s:o, s:I, s:I, s:f, s:f, s:I, s:f, s:f, s:o, s:o}", "out",
                  cli_json_bytes(o->out), "steps", (json_int_t)r->steps, "stopped", (int)r->stopped,
                  "loss", isfinite(r->loss) ? json_real(r->loss) : json_null(), "selected",
                  (json_int_t)r->selected, "weights", (json_int_t)r->weights, "seconds", r->seconds,
                  "step_seconds", isfinite(r->step_seconds) ? r->step_seconds : 0.0, "peak_bytes",
                  (json_int_t)wagle_peak_memory(), "land", r->land, "lr", r->lr, "chance",
                  isfinite(r->chance) ? json_real(r->chance) : json_null(), "stop_value",
                  isfinite(r->stop_value) ? json_real(r->stop_value) : json_null());

    return cli_print_json(result);
}

/* A run whose --stop-when was not reached has a result too. */
static wagle_status report(const cli_options *o, const wagle_train_result *r, wagle_status st)
{
    char each[32] = "", stop[256];

    if ((st != WAGLE_OK && st != WAGLE_E_UNMET) || o->dry_run)
        return st;
    if (isfinite(r->step_seconds)) /* of one step there is none but the first */
        snprintf(each, sizeof each, " (%.2f s a step)", r->step_seconds);
    if (o->json)
        return report_json(o, r) == WAGLE_OK ? st : WAGLE_E_RESOURCE;
    tell_stop(o, r, stop, sizeof stop);
    printf("%s: %lld steps%s, last loss %.4f, %lld of %lld weights trained, %.1f s%s, peak %.2f "
           "GB\n",
           o->out, (long long)r->steps, stop, r->loss, (long long)r->selected,
           (long long)r->weights, r->seconds, each, (double)wagle_peak_memory() / 1e9);
    return st;
}

wagle_status cli_finetune(wagle_ctx *ctx, cli_options *o)
{
    wagle_train_options t;
    wagle_suite_options watch;
    wagle_train_result r;

    wagle_train_result_init(&r);
    wagle_finetune_defaults(&t);
    if (train_options(o, &t, &watch) != WAGLE_OK)
        return WAGLE_E_USAGE;
    t.retain = cli_files(o, o->data);
    return report(o, &r, wagle_finetune(ctx, &t, &r));
}

wagle_status cli_unlearn(wagle_ctx *ctx, cli_options *o)
{
    wagle_train_options t;
    wagle_suite_options watch;
    wagle_train_result r;

    wagle_train_result_init(&r);
    wagle_unlearn_defaults(&t);
    if (train_options(o, &t, &watch) != WAGLE_OK)
        return WAGLE_E_USAGE;
    return o->requests[0] != NULL ? cli_unlearn_requests(ctx, o, &t)
                                  : report(o, &r, wagle_unlearn(ctx, &t, &r));
}

/* With --objective: of its total loss; else of --data's token-mean NLL. */
wagle_status cli_gradient(wagle_ctx *ctx, cli_options *o)
{
    const wagle_rows_options rows = cli_rows_options(o);
    wagle_train_options t;
    char *json = NULL;
    wagle_status st;

    if (o->objective == NULL)
        return wagle_gradient(ctx, &rows);
    wagle_unlearn_defaults(&t);
    if (train_options(o, &t, NULL) != WAGLE_OK)
        return WAGLE_E_USAGE;
    st = wagle_objective_gradient(ctx, &t, &json);
    return cli_print(st, json);
}

static wagle_status join_sweeps(wagle_ctx *ctx, cli_options *o, char **table)
{
    wagle_join_options j;

    wagle_join_defaults(&j);
    j.sweeps = o->argument;
    j.n = cli_count(o->argument);
    j.out = o->out;
    j.baseline = o->baseline;
    j.column = o->column;
    j.force = o->force;
    cli_given(&j.margin, o->margin);
    cli_given_seed(&j.seed, o->seed);
    return wagle_join_sweeps(ctx, &j, table);
}

wagle_status cli_sweep(wagle_ctx *ctx, cli_options *o)
{
    wagle_sweep_options s;
    char *table = NULL;
    wagle_status st;

    wagle_sweep_defaults(&s);
    s.spec = o->argument[0];
    s.out = o->out;
    s.force = o->force;
    cli_given_whole(&s.jobs, o->jobs);
    if (!o->join && o->argument[1] != NULL)
        return cli_refuse("sweep: give one SPEC.json, not also '%s'; to join the folders of "
                          "several sweeps, add --join",
                          o->argument[1]);
    st = o->join ? join_sweeps(ctx, o, &table) : wagle_sweep(ctx, &s, &table);
    return cli_print(st, table);
}
