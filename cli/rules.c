/* rules.c - an option that would have no effect is refused, or said where nothing can go wrong.
 *
 * One table: options, the commands that it is about, when they have an effect, and why not else.
 * What objectives, selectors and suites read comes from the library's tables. */
#include "options.h"

#include <stdio.h>
#include <string.h>

/* --- what is chosen ----------------------------------------------------------------------------
 */

static unsigned uses(wagle_info (*at)(int i), const char *name)
{
    for (int i = 0; at(i).name != NULL; i++)
        if (strcmp(at(i).name, name) == 0)
            return at(i).uses;
    return ~0U; /* an unknown name is refused by the library */
}

static bool objective_uses(const cli_options *o, unsigned what)
{
    return uses(wagle_objective_info, o->objective != NULL ? o->objective : "graddiff") & what;
}

static bool term_is(const cli_options *o, const char *name)
{
    return o->retain_term != NULL && strcmp(o->retain_term, name) == 0;
}

static bool selector_is(const cli_options *o, const char *name)
{
    return strcmp(o->selector != NULL ? o->selector : "wagle", name) == 0;
}

static bool selector_uses(const cli_options *o, unsigned what)
{
    return uses(wagle_selector_info, o->selector != NULL ? o->selector : "wagle") & what;
}

static bool selector_is_known(const cli_options *o)
{
    return uses(wagle_selector_info, o->selector != NULL ? o->selector : "wagle") != ~0U;
}

/* Whether one of the suites, which have commas between them, reads it. */
static bool suites_use(const cli_options *o, unsigned what)
{
    char name[64];

    for (const char *at = o->suites; at != NULL && *at != '\0';) {
        const size_t n = strcspn(at, ",");
        snprintf(name, sizeof name, "%.*s", (int)(n < 63 ? n : 63), at);
        if (uses(wagle_suite_info, name) & what)
            return true;
        at += n + (at[n] == ',');
    }
    return false;
}

/* --- conditions --------------------------------------------------------------------------------
 */

static bool with_selector(const cli_options *o)
{
    return o->selector != NULL;
}

static bool with_scoring(const cli_options *o)
{
    return o->scores == NULL && o->op == NULL && !o->compare;
}

static bool without_op(const cli_options *o)
{
    return o->op == NULL;
}

static bool without_compare(const cli_options *o)
{
    return !o->compare;
}

static bool with_compare(const cli_options *o)
{
    return o->compare;
}

static bool with_join(const cli_options *o)
{
    return o->join;
}

static bool runs_sweep(const cli_options *o)
{
    return !o->join && !o->dry_run;
}

static bool without_densities(const cli_options *o)
{
    return o->densities == NULL;
}

static bool reads_gamma(const cli_options *o)
{
    return selector_uses(o, WAGLE_USES_GAMMA);
}

/* A gamma that is a number damps nothing. */
static bool reads_damping(const cli_options *o)
{
    return selector_uses(o, WAGLE_USES_DAMPING) &&
           (!selector_is(o, "wagle") || strcmp(o->gamma, "diag") == 0);
}

static bool scores_by_protect(const cli_options *o)
{
    return selector_uses(o, WAGLE_USES_PROTECT) ||
           (selector_is(o, "wagle") && strcmp(o->gamma, "protect") == 0);
}

static bool scores_forget(const cli_options *o)
{
    return selector_uses(o, WAGLE_USES_FORGET);
}

static bool scores_retain(const cli_options *o)
{
    return selector_uses(o, WAGLE_USES_RETAIN);
}

static bool scores_rows(const cli_options *o)
{
    return scores_forget(o) || scores_retain(o);
}

static bool trains_forget(const cli_options *o)
{
    return objective_uses(o, WAGLE_USES_FORGET);
}

static bool trains_retain(const cli_options *o)
{
    return o->retain_term != NULL ? !term_is(o, "none") : objective_uses(o, WAGLE_USES_RETAIN);
}

static bool protects(const cli_options *o, const char *rows)
{
    for (int i = 0; o->protect[i] != NULL; i++)
        if (strcmp(o->protect[i], rows) == 0)
            return true;
    return false;
}

/* By training, by the scores, or by what is measured during training. */
static bool reads_retain(const cli_options *o)
{
    return trains_retain(o) || (o->selector != NULL && scores_retain(o)) || o->monitor ||
           o->rectify > 0 || protects(o, "retain") ||
           (o->stop_when != NULL && strstr(o->stop_when, "retain") != NULL);
}

static bool reads_refusal(const cli_options *o)
{
    return objective_uses(o, WAGLE_USES_REFUSAL);
}

static bool reads_reference(const cli_options *o)
{
    return objective_uses(o, WAGLE_USES_REFERENCE) || term_is(o, "kl") || term_is(o, "hidden");
}

static bool reads_control(const cli_options *o)
{
    return objective_uses(o, WAGLE_USES_CONTROL);
}

static bool with_objective(const cli_options *o)
{
    return o->objective != NULL;
}

static bool without_objective(const cli_options *o)
{
    return o->objective == NULL;
}

static bool without_steps(const cli_options *o)
{
    return o->steps < 0;
}

static bool without_pairs(const cli_options *o)
{
    return o->pairs == NULL;
}

static bool with_lora(const cli_options *o)
{
    return o->lora > 0;
}

static bool chooses_moments(const cli_options *o)
{
    return o->master == NULL || strcmp(o->master, "bf16") != 0;
}

static bool names_rows(const cli_options *o)
{
    return o->forget[0] != NULL || o->requests[0] != NULL;
}

/* Rows that are named, or unlearn's own: those of --retain, where it searches the rate. */
static bool with_protect(const cli_options *o)
{
    if (o->protect[0] != NULL)
        return !protects(o, "none");
    return names_rows(o) && o->retain[0] != NULL && o->lr <= 0 && o->lora <= 0 && trains_retain(o);
}

static bool makes_factors(const cli_options *o)
{
    return with_protect(o) || (o->selector != NULL && scores_by_protect(o));
}

/* A rule that is given, or unlearn's own. */
static bool with_stop_when(const cli_options *o)
{
    const bool endless = o->steps < 0 && o->epochs < 0 && o->pairs == NULL;

    return o->stop_when != NULL || (names_rows(o) && (o->lr <= 0 || endless));
}

static bool evaluates_on_the_way(const cli_options *o)
{
    return with_stop_when(o) || o->monitor || o->suites != NULL;
}

static bool measures_chance(const cli_options *o)
{
    return with_stop_when(o) && (o->stop_when == NULL || strcmp(o->stop_when, "chance") == 0);
}

static bool without_requests(const cli_options *o)
{
    return o->requests[0] == NULL;
}

static bool with_requests(const cli_options *o)
{
    return o->requests[0] != NULL;
}

static bool with_suite(const cli_options *o)
{
    return o->suites != NULL;
}

static bool asks(const cli_options *o)
{
    return o->suites != NULL || o->requests[0] != NULL;
}

static bool with_suite_or_recompute(const cli_options *o)
{
    return o->suites != NULL || o->recompute != NULL;
}

static bool without_recompute(const cli_options *o)
{
    return o->recompute == NULL;
}

static bool with_tofu(const cli_options *o)
{
    return o->tofu != NULL;
}

static bool with_suite_tofu(const cli_options *o)
{
    return suites_use(o, WAGLE_USES_EOS);
}

static bool makes_texts(const cli_options *o)
{
    return suites_use(o, WAGLE_USES_TEXTS) ||
           ((o->suites == NULL || o->requests[0] != NULL) && o->metrics != NULL &&
            strstr(o->metrics, "rouge") != NULL);
}

static bool reads_gold(const cli_options *o)
{
    return suites_use(o, WAGLE_USES_GOLD) || o->recompute != NULL;
}

static bool suite_reads_reference(const cli_options *o)
{
    return suites_use(o, WAGLE_USES_REFERENCE);
}

static bool shows_examples(const cli_options *o)
{
    return suites_use(o, WAGLE_USES_SHOTS);
}

static bool measures_facts(const cli_options *o)
{
    return o->suites == NULL || suites_use(o, WAGLE_USES_FACTS);
}

static bool reads_scorer(const cli_options *o)
{
    return suites_use(o, WAGLE_USES_SCORER);
}

static bool reads_encoder(const cli_options *o)
{
    return suites_use(o, WAGLE_USES_ENCODER);
}

static bool without_chat(const cli_options *o)
{
    return !o->chat && o->chat_layout == NULL;
}

static bool samples(const cli_options *o)
{
    return o->temperature > 0;
}

static bool with_card(const cli_options *o)
{
    return o->device != NULL && strcmp(o->device, "cpu") != 0;
}

static bool with_dry_run(const cli_options *o)
{
    return o->dry_run;
}

static bool never(const cli_options *o)
{
    (void)o;
    return false;
}

/* --- the table ---------------------------------------------------------------------------------
 */

static const struct rule {
    const char *options, *commands;
    bool (*holds)(const cli_options *o);
    const char *why; /* it has no effect where that does not hold */
    bool said;       /* only said: the result is the one that was asked for */
} rules[] = {
    {"density", "unlearn", with_selector,
     "it needs --selector; a --mask has its own density, and without either every weight trains",
     false},
    {"include exclude", "unlearn", with_selector,
     "it needs --selector, and narrows its choice; to narrow a mask use 'wagle mask --op and'",
     false},
    {"gamma damping draw", "unlearn", with_selector, "it needs --selector", false},
    {"gpu-memory",
     "attribute mask unlearn finetune eval generate gradient logits forget sweep demo", with_card,
     "it needs --device cuda", true},
    {"baseline column margin seed", "sweep", with_join,
     "it needs --join, which compares methods; the seeds of a sweep are in its spec", false},
    {"jobs memory", "sweep", runs_sweep, "nothing runs with --join or --dry-run", false},
    {"svg", "mask", with_compare, "it needs --compare", false},
    {"json", "mask", with_compare, "it needs --compare", true},
    {"json", "attribute", with_dry_run, "it needs --dry-run", true},
    {"ranks", "attribute unlearn finetune", with_dry_run,
     "it needs --dry-run; to run in N processes, start `mpirun -n N wagle-mpi`", false},
    {"scores density densities scope include exclude format out op model forget retain selector "
     "gamma damping protect protect-damping protect-rank loss draw",
     "mask", without_compare, "--compare reads only masks", false},
    {"density densities scope", "mask", without_op, "--op combines masks as they are", false},
    {"selector gamma damping protect protect-damping protect-rank loss draw forget "
     "retain " CLI_ROWS,
     "mask", with_scoring, "it needs --model; with --scores or --op nothing is scored", false},
    {"density", "mask", without_densities, "--densities gives the densities", false},
    {"gamma", "attribute mask unlearn", reads_gamma, "it needs --selector wagle", false},
    {"damping", "attribute mask unlearn", reads_damping,
     "it needs a selector that divides by a Fisher diagonal: wagle with --gamma diag, or leverage",
     false},
    {"protect protect-damping protect-rank", "attribute mask", scores_by_protect,
     "it needs --gamma protect", false},
    {"loss", "attribute mask", scores_forget, "the selector reads no forget rows", false},
    {"forget", "attribute mask", scores_forget, "the selector reads no forget rows", true},
    {"retain", "attribute mask", scores_retain, "the selector reads no retain rows", true},
    {"draw", "attribute mask unlearn", scores_rows, "the selector reads no rows", false},
    {CLI_ROWS, "attribute mask", scores_rows, "the selector reads no rows", true},
    {"objective forget retain refusal reference alpha forget-weight retain-term rmu-control",
     "gradient", with_objective, "it needs --objective; without it the gradient is that of --data",
     false},
    {"data", "gradient", without_objective, "an objective reads --forget and --retain", false},
    {"alpha", "unlearn gradient", trains_retain,
     "the objective has no retain term; --retain-term nll gives it one", false},
    {"retain", "unlearn gradient", reads_retain,
     "the objective has no retain term; --retain-term nll gives it one", true},
    {"forget-weight", "unlearn gradient", trains_forget, "the objective has no forget term", false},
    {"refusal", "unlearn gradient", reads_refusal, "the objective reads no refusals", true},
    {"reference", "unlearn gradient", reads_reference,
     "neither the objective nor the retain term compares with the original model", true},
    {"rmu-control", "unlearn gradient", reads_control, "it needs --objective rmu", true},
    {"state", "finetune unlearn", chooses_moments, "--master bf16 keeps the moments in bf16 too",
     false},
    {"epochs", "finetune unlearn", without_steps, "--steps sets the number of updates", false},
    {"epochs steps", "finetune unlearn", without_pairs, "--pairs sets the number of updates",
     false},
    {"batch accumulate", "finetune unlearn", without_pairs, "--pairs sets the rows of each update",
     true},
    {"lora-alpha lora-targets out-adapter", "finetune unlearn", with_lora, "it needs --lora RANK",
     false},
    {"protect-damping protect-rank", "finetune unlearn", makes_factors,
     "it needs --protect ROWS, or --selector wagle --gamma protect", false},
    {"eval-every", "finetune unlearn", evaluates_on_the_way,
     "it needs --stop-when, --monitor or --suite", false},
    {"allow-unmet land", "finetune unlearn", with_stop_when, "it needs --stop-when", false},
    {"skip-forgotten", "unlearn", without_pairs, "--pairs sets the rows of each update", false},
    {"gold-model", "unlearn", measures_chance, "it needs --stop-when chance, whose level it gives",
     false},
    {"forget", "unlearn", without_requests, "--requests names the rows to forget", false},
    {"metrics", "unlearn", with_requests, "it needs --requests, whose rows are asked", false},
    {"max-tokens", "unlearn", asks, "it needs --suite NAME, or --requests", false},
    {"max-tokens", "finetune", with_suite, "it needs --suite NAME", false},
    {"set tofu split gold shots no-eos", "finetune unlearn", with_suite, "it needs --suite NAME",
     false},
    {"set tofu", "eval", with_suite_or_recompute,
     "it needs --suite; 'wagle help suites' lists the sets", false},
    {"split gold reference resamples shots prefix length verbatim samples leak-k temperature top-p "
     "scorer encoder min-k "
     "relearn-steps relearn-lr no-eos",
     "eval", with_suite_or_recompute, "it needs --suite", false},
    {"model data set tofu split reference shots prefix length verbatim samples leak-k temperature "
     "top-p "
     "scorer encoder min-k "
     "relearn-steps relearn-lr no-eos max-tokens stop metrics dry-run " CLI_ROWS,
     "eval", without_recompute, "--recompute reads only the rows of a result", false},
    {"facts-field all-turns", "logits", never, "logits of every token are written", false},
    {"facts-field", "eval", measures_facts,
     "it needs suite extraction, membership or robustness, or --data", false},
    {"split", "eval finetune unlearn", with_tofu, "it needs --tofu FOLDER", false},
    {"tofu no-eos", "eval finetune unlearn", with_suite_tofu, "it needs --suite tofu", false},
    {"gold", "eval finetune unlearn", reads_gold,
     "it needs suite tofu, muse or membership, which compare with the gold model", true},
    {"max-tokens", "unlearn", makes_texts,
     "no text is generated; some suites generate text, and so do --metrics rouge1, rouge2 and "
     "rougeL",
     false},
    {"reference", "eval", suite_reads_reference, "it needs suite membership or robustness", true},
    {"shots", "eval finetune unlearn", shows_examples, "it needs suite mcq or robustness", true},
    {"scorer", "eval", reads_scorer, "it needs suite toxicity, tofu or wagle-paper", true},
    {"encoder", "eval", reads_encoder, "it needs suite wagle-paper", true},
    {"no-chat", "logits gradient attribute mask finetune unlearn eval generate", without_chat,
     "--chat or --chat-layout asks for a template", false},
    {"top-k top-p", "generate", samples,
     "it needs --temperature above 0; at 0 the likeliest token is taken", false},
};

/* The first option of the rule that was given, as "--name"; NULL: none. */
static const char *given_of(const cli_command *c, const cli_options *o, const char *names)
{
    static char flag[80];

    for (const cli_option *t = cli_next(c, NULL); t != NULL; t = cli_next(c, t))
        if (o->given[t - cli_table] != CLI_UNSET && cli_listed(names, t->name)) {
            snprintf(flag, sizeof flag, "--%s", t->name);
            return flag;
        }
    return NULL;
}

static bool always(const cli_options *o)
{
    (void)o;
    return true;
}

static bool without_suite(const cli_options *o)
{
    return o->suites == NULL && o->recompute == NULL;
}

static bool needs_forget(const cli_options *o)
{
    return selector_is_known(o) && scores_forget(o);
}

static bool needs_retain(const cli_options *o)
{
    return selector_is_known(o) && scores_retain(o);
}

/* What a command cannot do without. */
static const struct needed {
    const char *option, *commands;
    bool (*when)(const cli_options *o);
    const char *what;
} needed[] = {
    {"model", "logits gradient attribute finetune unlearn generate", always,
     "--model DIR is missing"},
    {"model", "eval", without_recompute, "--model DIR is missing"},
    {"data", "logits finetune", always, "--data ROWS is missing"},
    {"data", "gradient", without_objective,
     "--data ROWS is missing (or --objective with --forget)"},
    {"data", "eval", without_suite, "--data ROWS or --suite NAME is missing"},
    {"forget", "unlearn", without_requests, "--forget ROWS is missing"},
    {"forget", "gradient", with_objective, "--forget ROWS is missing"},
    {"forget", "attribute", needs_forget, "--forget ROWS is missing"},
    {"retain", "attribute", needs_retain, "--retain ROWS is missing, which the selector reads"},
};

static wagle_status check_needed(const cli_command *c, const cli_options *o)
{
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (cli_listed(needed[i].commands, c->name) && !cli_was_given(o, needed[i].option) &&
            needed[i].when(o))
            return cli_refuse("%s: %s", c->name, needed[i].what);
    return WAGLE_OK;
}

/* Each objective's own options are of that objective. */
static wagle_status check_params(const cli_command *c, const cli_options *o)
{
    const char *name = o->objective != NULL ? o->objective : "graddiff";
    char flag[64];

    for (int64_t i = 0; i < o->n_params && !cli_passes_on(c, cli_find("objective")); i++) {
        cli_flag_name(o->param[i].key, flag);
        if (strcmp(c->name, "gradient") == 0 && o->objective == NULL)
            return cli_refuse("gradient: --%s has no effect: it needs --objective", flag);
        if (uses(wagle_objective_info, name) != ~0U && !wagle_objective_has(name, o->param[i].key))
            return cli_refuse("%s: objective %s has no option %s (--%s)", c->name, name,
                              o->param[i].key, flag);
    }
    return WAGLE_OK;
}

/* A flag wins over the other way of saying the same in --config. */
static void prefer(cli_options *o, const char *a, const char *b)
{
    const cli_option *pair[] = {cli_find(a), cli_find(b)};

    for (int i = 0; i < 2; i++)
        if (o->given[pair[i] - cli_table] == CLI_FROM_CONFIG &&
            o->given[pair[1 - i] - cli_table] == CLI_FROM_FLAG) {
            o->given[pair[i] - cli_table] = CLI_UNSET;
            cli_unset(o, pair[i]);
        }
}

static const char *const same[][2] = {
    {"steps", "epochs"}, {"chat", "no-chat"}, {"chat-layout", "no-chat"}, {"chat-layout", "chat"}};

wagle_status cli_check_rules(const cli_command *c, cli_options *o)
{
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        prefer(o, same[i][0], same[i][1]);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const struct rule *r = &rules[i];
        const char *flag = cli_listed(r->commands, c->name) ? given_of(c, o, r->options) : NULL;
        if (flag == NULL || r->holds(o))
            continue;
        if (!r->said)
            return cli_refuse("%s: %s has no effect: %s", c->name, flag, r->why);
        if (!o->again)
            fprintf(stderr, "wagle: warning: %s has no effect: %s\n", flag, r->why);
    }
    return check_params(c, o) == WAGLE_OK ? check_needed(c, o) : WAGLE_E_USAGE;
}
