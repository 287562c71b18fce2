/* defaults.c - what an option is where it is not given, as help shows it.
 *
 * Numbers and names are read from the structures that the library's *_defaults() fill, so that help
 * cannot differ from what runs. Where a value there stands for something else (0: none), the table
 * has words for it. */
#include "common.h"

#include <stdio.h>
#include <string.h>

/* --- the library's structures ------------------------------------------------------------------
 */

#define STRUCTURE(name, type, fill)                                                                \
    static const void *name(void)                                                                  \
    {                                                                                              \
        static type o;                                                                             \
        fill(&o);                                                                                  \
        return &o;                                                                                 \
    }

STRUCTURE(of_finetune, wagle_train_options, wagle_finetune_defaults)
STRUCTURE(of_unlearn, wagle_train_options, wagle_unlearn_defaults)
STRUCTURE(of_attribute, wagle_attribute_options, wagle_attribute_defaults)
STRUCTURE(of_mask, wagle_mask_options, wagle_mask_defaults)
STRUCTURE(of_suite, wagle_suite_options, wagle_suite_defaults)
STRUCTURE(of_eval, wagle_eval_options, wagle_eval_defaults)
STRUCTURE(of_generate, wagle_generate_options, wagle_generate_defaults)
STRUCTURE(of_init, wagle_init_options, wagle_init_defaults)
STRUCTURE(of_sweep, wagle_sweep_options, wagle_sweep_defaults)
STRUCTURE(of_join, wagle_join_options, wagle_join_defaults)
STRUCTURE(of_compare, wagle_difference_options, wagle_difference_defaults)
STRUCTURE(of_report, wagle_report_options, wagle_report_defaults)
STRUCTURE(of_demo, wagle_demo_options, wagle_demo_defaults)

/* --- where a default lies ----------------------------------------------------------------------
 */

/* Forms that are in no structure. */
enum {
    WORDS = 100,
    EVAL_TOKENS, /* two structures */
    SUITE_TOKENS /* by suite */,
    WARMUP /* two members */
};

static const struct place {
    const char *option, *commands; /* commands NULL: all that take the option */
    const void *(*structure)(void);
    int form; /* cli_form, or */
    size_t at;
    const char *unset; /* words for NULL, and for numbers of 0 and below; NULL: there are none */
} places[] = {
#define AT(type, member) offsetof(wagle_##type##_options, member)
    /* of training: only where it is not the value of wagle_train_options */
    {"objective", "gradient", NULL, WORDS, 0, ""},
    {"warmup", NULL, NULL, WARMUP, 0, NULL},
    {"stop-when", "finetune", NULL, WORDS, 0, "none"},
    {"stop-when", "unlearn", NULL, WORDS, 0, "chance, unless --lr and a length are given"},

    {"selector", "attribute mask", of_attribute, CLI_AS_TEXT, AT(attribute, selector), NULL},
    {"gamma", NULL, of_attribute, CLI_AS_GAMMA, AT(attribute, gamma), NULL},
    {"damping", NULL, of_attribute, CLI_AS_REAL, AT(attribute, damping), NULL},
    {"draw", "attribute mask", of_attribute, CLI_AS_WHOLE, AT(attribute, draw), "every row once"},
    {"loss", NULL, of_attribute, CLI_AS_TEXT, AT(attribute, loss), "nll"},
    {"protect", "attribute mask", NULL, WORDS, 0, "retain"},
    {"protect", "unlearn", NULL, WORDS, 0, "retain, where the learning rate is searched"},
    {"protect-damping", "attribute mask", of_attribute, CLI_AS_REAL, AT(attribute, protect_damping),
     NULL},
    {"protect-rank", "attribute mask", of_attribute, CLI_AS_WHOLE, AT(attribute, protect_rank),
     "a quarter of the inputs"},
    {"seed", "attribute mask", of_attribute, CLI_AS_SEED, AT(attribute, seed), NULL},
    {"density", "mask", of_mask, CLI_AS_REAL, AT(mask, density), NULL},
    {"scope", NULL, of_mask, CLI_AS_CHOICE, AT(mask, scope), NULL},
    {"format", NULL, of_mask, CLI_AS_CHOICE, AT(mask, format), NULL},

    {"split", NULL, NULL, WORDS, 0, CLI_TOFU_SPLIT},
    {"metrics", NULL, of_eval, CLI_AS_TEXT, AT(eval, metrics), NULL},
    {"max-tokens", "generate", of_generate, CLI_AS_WHOLE, AT(generate, max_tokens), NULL},
    {"temperature", "generate", of_generate, CLI_AS_REAL, AT(generate, temperature), NULL},
    {"top-k", NULL, of_generate, CLI_AS_WHOLE, AT(generate, top_k), NULL},
    {"top-p", "generate", of_generate, CLI_AS_REAL, AT(generate, top_p), NULL},
    {"seed", "generate", of_generate, CLI_AS_SEED, AT(generate, seed), NULL},
    {"weights", "generate", of_generate, CLI_AS_CHOICE, AT(generate, weights), NULL},
    {"max-tokens", "eval", NULL, EVAL_TOKENS, 0, NULL},
    {"max-tokens", NULL, NULL, SUITE_TOKENS, 0, NULL},
    {"stop", "eval", NULL, WORDS, 0,
     "none; muse, after solved examples: its own, which this replaces"},
    {"temperature", NULL, of_suite, CLI_AS_REAL, AT(suite, temperature), NULL},
    {"resamples", "eval", of_suite, CLI_AS_WHOLE, AT(suite, resamples), NULL},
    {"shots", NULL, of_suite, CLI_AS_WHOLE, AT(suite, shots), NULL},
    {"prefix", NULL, of_suite, CLI_AS_WHOLE, AT(suite, prefix), NULL},
    {"length", NULL, of_suite, CLI_AS_WHOLE, AT(suite, length), NULL},
    {"verbatim", NULL, of_suite, CLI_AS_WHOLE, AT(suite, verbatim), NULL},
    {"top-p", "eval", of_suite, CLI_AS_REAL, AT(suite, top_p), NULL},
    {"samples", NULL, of_suite, CLI_AS_WHOLE, AT(suite, samples), "none"},
    {"leak-k", NULL, NULL, WORDS, 0, "1, 2, 4, .. up to --samples"},
    {"min-k", NULL, of_suite, CLI_AS_TEXT, AT(suite, min_k), NULL},
    {"relearn-steps", NULL, of_suite, CLI_AS_WHOLE, AT(suite, relearn_steps), NULL},
    {"relearn-lr", NULL, of_suite, CLI_AS_REAL, AT(suite, relearn_lr), NULL},
    {"seed", "eval", of_suite, CLI_AS_SEED, AT(suite, seed), NULL},
    {"resamples", "compare", of_compare, CLI_AS_WHOLE, AT(difference, resamples), NULL},
    {"seed", "compare", of_compare, CLI_AS_SEED, AT(difference, seed), NULL},

    {"jobs", NULL, of_sweep, CLI_AS_WHOLE, AT(sweep, jobs), NULL},
    {"baseline", NULL, of_join, CLI_AS_TEXT, AT(join, baseline), "all weights"},
    {"column", NULL, of_join, CLI_AS_TEXT, AT(join, column), "the first one that the specs keep"},
    {"margin", NULL, of_join, CLI_AS_REAL, AT(join, margin), NULL},
    {"seed", "sweep", of_join, CLI_AS_SEED, AT(join, seed), NULL},
    {"title", NULL, of_report, CLI_AS_TEXT, AT(report, title), "what the page shows"},
    {"resamples", "report", of_report, CLI_AS_WHOLE, AT(report, resamples), NULL},
    {"out", "demo", of_demo, CLI_AS_TEXT, AT(demo, out), NULL},
    {"seed", "demo", of_demo, CLI_AS_SEED, AT(demo, seed), NULL},
    {"dtype", "init", of_init, CLI_AS_CHOICE, AT(init, dtype), NULL},
    {"seed", "init", of_init, CLI_AS_SEED, AT(init, seed), NULL},
    {"dtype", "import", NULL, WORDS, 0, "the file's own, or bf16 where weights are quantised"},
    {"type", NULL, NULL, WORDS, 0, "the model's own"},
    {"old", NULL, NULL, WORDS, 0, "keep"},
    {"scale", NULL, NULL, WORDS, 0, "1: the patch as it is"},

    {"prompt-field", NULL, NULL, WORDS, 0, "question or prompt"},
    {"answer-field", NULL, NULL, WORDS, 0, "answer or completion"},
    {"text-field", NULL, NULL, WORDS, 0, "text"},
    {"facts-field", "forget", NULL, WORDS, 0, "facts; made where it is missing"},
    {"facts-field", NULL, NULL, WORDS, 0, "none: the whole answer"},
    {"date", NULL, NULL, WORDS, 0, "today"},
    {"max-length", NULL, NULL, WORDS, 0, "what the model allows"},
    {"limit", NULL, NULL, WORDS, 0, "all"},
    {"threads", NULL, NULL, WORDS, 0, "OMP_NUM_THREADS, or every processor"},
    {"parts", NULL, NULL, WORDS, 0, "1; of wagle-mpi 8, or more for more processes"},
    {"memory", NULL, NULL, WORDS, 0, "no limit"},
    {"device", NULL, NULL, WORDS, 0, "cpu"},
    {"gpu-memory", NULL, NULL, WORDS, 0, "what is free, less 5 %"},
    {"precision", NULL, NULL, WORDS, 0, "bf16 on a card, f32 on the CPU"},
};

/* --- as text -----------------------------------------------------------------------------------
 */

static void number(double value, const char *unset, char out[96])
{
    if (unset != NULL && value <= 0)
        snprintf(out, 96, "%s", unset);
    else
        cli_number(value, out);
}

static void warmup(const wagle_train_options *o, char out[96])
{
    if (o->warmup >= 0)
        cli_number((double)o->warmup, out);
    else
        snprintf(out, 96, "%g %% of the updates", 100 * o->warmup_ratio);
}

static void gamma_text(const wagle_gamma *g, char out[96])
{
    if (g->kind == WAGLE_GAMMA_NUMBER)
        cli_number(g->value, out);
    else
        snprintf(out, 96, "%s",
                 g->kind == WAGLE_GAMMA_DIAG      ? "diag"
                 : g->kind == WAGLE_GAMMA_PROTECT ? "protect"
                                                  : "auto");
}

static void suite_tokens(char out[64])
{
    snprintf(out, 64, "%d; of suite muse %d, verbatim %d", WAGLE_SUITE_TOKENS,
             WAGLE_MUSE_KNOWLEDGE_TOKENS, WAGLE_MUSE_VERBATIM_TOKENS);
}

static void eval_tokens(char out[96])
{
    const wagle_eval_options *rows = of_eval();
    char suite[64];

    suite_tokens(suite);
    snprintf(out, 96, "%s; with --data %lld", suite, (long long)rows->max_tokens);
}

/* The value at `at`, or the words that it stands for. */
static void text(const cli_option *t, int form, const void *at, const char *unset, char out[96])
{
    const char *const *value = at;
    int chosen;

    switch (form) {
    case CLI_AS_TEXT:
        snprintf(out, 96, "%s", *value != NULL ? *value : unset != NULL ? unset : "");
        break;
    case CLI_AS_CHOICE:
        memcpy(&chosen, at, sizeof chosen);
        snprintf(out, 96, "%s",
                 *t->words[chosen] == '\0' && unset != NULL ? unset : t->words[chosen]);
        break;
    case CLI_AS_REAL:
        number(*(const double *)at, unset, out);
        break;
    case CLI_AS_WHOLE:
        number((double)*(const int64_t *)at, unset, out);
        break;
    case CLI_AS_SEED:
        snprintf(out, 96, "%llu", (unsigned long long)*(const uint64_t *)at);
        break;
    case CLI_AS_GAMMA:
        gamma_text(at, out);
        break;
    default:
        break;
    }
}

/* Of an option of training, for the commands of its table. */
static void text_of_training(const cli_command *c, const cli_option *t, char out[96])
{
    const char *from = strcmp(c->name, "finetune") == 0 ? of_finetune() : of_unlearn();

    if (t->commands != NULL && cli_listed(t->commands, c->name))
        text(t, t->form, from + t->at, t->unset, out);
}

void cli_default(const cli_command *c, const char *option, char out[96])
{
    const cli_option *t = cli_find(option);

    out[0] = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const struct place *p = &places[i];
        if (strcmp(p->option, option) != 0 ||
            (p->commands != NULL && !cli_listed(p->commands, c->name)))
            continue;
        if (p->form == EVAL_TOKENS)
            eval_tokens(out);
        else if (p->form == SUITE_TOKENS)
            suite_tokens(out);
        else if (p->form == WARMUP)
            warmup(strcmp(c->name, "finetune") == 0 ? of_finetune() : of_unlearn(), out);
        else if (p->form == WORDS)
            snprintf(out, 96, "%s", p->unset);
        else
            text(t, p->form, (const char *)p->structure() + p->at, p->unset, out);
        return;
    }
    text_of_training(c, t, out);
}
