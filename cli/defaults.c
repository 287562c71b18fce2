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
STRUCTURE(of_join, wagle_join_options, wagle_join_defaults)
STRUCTURE(of_compare, wagle_difference_options, wagle_difference_defaults)
STRUCTURE(of_report, wagle_report_options, wagle_report_defaults)
STRUCTURE(of_demo, wagle_demo_options, wagle_demo_defaults)

/* --- where a default lies ----------------------------------------------------------------------
 */

typedef enum form {
    WORDS, /* of no structure */
    TEXT,
    REAL,
    WHOLE,
    SEED,   /* uint64_t */
    WARMUP, /* wagle_train_options, whose warm-up may be a share of the updates */
    GAMMA,
    TOKENS /* of eval: a structure for suites, another for --data */
} form;

static const struct place {
    const char *option, *commands; /* commands NULL: all that take the option */
    const void *(*structure)(void);
    form form;
    size_t at;
    const char *unset; /* words for NULL, and for numbers of 0 and below; NULL: there are none */
} places[] = {
#define AT(type, member) offsetof(wagle_##type##_options, member)
#define TRAINED(name, form, member, unset)                                                         \
    {name, "finetune", of_finetune, form, AT(train, member), unset},                               \
    {                                                                                              \
        name, "unlearn", of_unlearn, form, AT(train, member), unset                                \
    }
    {"objective", "unlearn", of_unlearn, TEXT, AT(train, objective), NULL},
    {"alpha", "unlearn gradient", of_unlearn, REAL, AT(train, alpha), NULL},
    {"forget-weight", "unlearn gradient", of_unlearn, REAL, AT(train, forget_weight), NULL},
    {"reduction", "gradient", of_unlearn, TEXT, AT(train, reduction), NULL},
    {"seed", "gradient", of_unlearn, SEED, AT(train, seed), NULL},
    {"retain-term", NULL, NULL, WORDS, 0, "the objective's own"},
    {"reference", "unlearn gradient", NULL, WORDS, 0, "that of --model"},
    {"rmu-control", NULL, NULL, WORDS, 0, "a random direction by --seed"},
    {"density", "unlearn", of_unlearn, REAL, AT(train, density), NULL},
    TRAINED("lr", REAL, lr, "auto"),
    TRAINED("epochs", REAL, epochs, "as many as 300 updates take"),
    TRAINED("batch", WHOLE, batch, NULL),
    TRAINED("accumulate", WHOLE, accumulate, NULL),
    TRAINED("warmup", WARMUP, warmup, NULL),
    TRAINED("schedule", TEXT, schedule, "constant with --lr auto, else linear"),
    TRAINED("optimizer", TEXT, optimizer, NULL),
    TRAINED("state", TEXT, state, NULL),
    TRAINED("weight-decay", REAL, weight_decay, NULL),
    TRAINED("clip", REAL, clip, "none"),
    TRAINED("reduction", TEXT, reduction, NULL),
    TRAINED("checkpoint-every", WHOLE, checkpoint_every, NULL),
    TRAINED("eval-every", WHOLE, eval_every, NULL),
    {"stop-when", "finetune", NULL, WORDS, 0, "none"},
    {"stop-when", "unlearn", NULL, WORDS, 0, "chance, unless --lr and a length are given"},
    TRAINED("protect-damping", REAL, protect_damping, NULL),
    TRAINED("protect-rank", WHOLE, protect_rank, "a quarter of the inputs"),
    TRAINED("lora-alpha", REAL, lora_alpha, "twice the rank"),
    TRAINED("lora-targets", TEXT, lora_targets, "every matrix of the layers"),
    TRAINED("seed", SEED, seed, NULL),

    {"selector", "attribute mask", of_attribute, TEXT, AT(attribute, selector), NULL},
    {"gamma", NULL, of_attribute, GAMMA, AT(attribute, gamma), NULL},
    {"damping", NULL, of_attribute, REAL, AT(attribute, damping), NULL},
    {"loss", NULL, of_attribute, TEXT, AT(attribute, loss), "nll"},
    {"protect", "attribute mask", NULL, WORDS, 0, "retain"},
    {"protect", "unlearn", NULL, WORDS, 0, "retain, where the learning rate is searched"},
    {"protect-damping", "attribute mask", of_attribute, REAL, AT(attribute, protect_damping), NULL},
    {"protect-rank", "attribute mask", of_attribute, WHOLE, AT(attribute, protect_rank),
     "a quarter of the inputs"},
    {"seed", "attribute mask", of_attribute, SEED, AT(attribute, seed), NULL},
    {"density", "mask", of_mask, REAL, AT(mask, density), NULL},
    {"scope", NULL, of_mask, TEXT, AT(mask, scope), NULL},
    {"format", NULL, of_mask, TEXT, AT(mask, format), NULL},

    {"split", NULL, NULL, WORDS, 0, CLI_TOFU_SPLIT},
    {"metrics", NULL, of_eval, TEXT, AT(eval, metrics), NULL},
    {"max-tokens", "generate", of_generate, WHOLE, AT(generate, max_tokens), NULL},
    {"temperature", "generate", of_generate, REAL, AT(generate, temperature), NULL},
    {"top-k", NULL, of_generate, WHOLE, AT(generate, top_k), NULL},
    {"top-p", NULL, of_generate, REAL, AT(generate, top_p), NULL},
    {"seed", "generate", of_generate, SEED, AT(generate, seed), NULL},
    {"max-tokens", "eval", NULL, TOKENS, 0, NULL},
    {"max-tokens", NULL, of_suite, WHOLE, AT(suite, max_tokens), NULL},
    {"temperature", NULL, of_suite, REAL, AT(suite, temperature), NULL},
    {"resamples", "eval", of_suite, WHOLE, AT(suite, resamples), NULL},
    {"shots", NULL, of_suite, WHOLE, AT(suite, shots), NULL},
    {"prefix", NULL, of_suite, WHOLE, AT(suite, prefix), NULL},
    {"length", NULL, of_suite, WHOLE, AT(suite, length), NULL},
    {"verbatim", NULL, of_suite, WHOLE, AT(suite, verbatim), NULL},
    {"relearn-steps", NULL, of_suite, WHOLE, AT(suite, relearn_steps), NULL},
    {"relearn-lr", NULL, of_suite, REAL, AT(suite, relearn_lr), NULL},
    {"seed", "eval", of_suite, SEED, AT(suite, seed), NULL},
    {"resamples", "compare", of_compare, WHOLE, AT(difference, resamples), NULL},
    {"seed", "compare", of_compare, SEED, AT(difference, seed), NULL},

    {"baseline", NULL, of_join, TEXT, AT(join, baseline), "all weights"},
    {"column", NULL, of_join, TEXT, AT(join, column), "the first one that the specs keep"},
    {"margin", NULL, of_join, REAL, AT(join, margin), NULL},
    {"seed", "sweep", of_join, SEED, AT(join, seed), NULL},
    {"title", NULL, of_report, TEXT, AT(report, title), "what the page shows"},
    {"resamples", "report", of_report, WHOLE, AT(report, resamples), NULL},
    {"out", "demo", of_demo, TEXT, AT(demo, out), NULL},
    {"seed", "demo", of_demo, SEED, AT(demo, seed), NULL},
    {"dtype", "init", of_init, TEXT, AT(init, dtype), NULL},
    {"seed", "init", of_init, SEED, AT(init, seed), NULL},
    {"dtype", "import", NULL, WORDS, 0, "the file's own, or bf16 where weights are quantised"},
    {"type", NULL, NULL, WORDS, 0, "the model's own"},
    {"old", NULL, NULL, WORDS, 0, "keep"},

    {"prompt-field", NULL, NULL, WORDS, 0, "question or prompt"},
    {"answer-field", NULL, NULL, WORDS, 0, "answer or completion"},
    {"text-field", NULL, NULL, WORDS, 0, "text"},
    {"facts-field", "forget", NULL, WORDS, 0, "facts; made where it is missing"},
    {"facts-field", NULL, NULL, WORDS, 0, "none: the whole answer"},
    {"date", NULL, NULL, WORDS, 0, "today"},
    {"max-length", NULL, NULL, WORDS, 0, "what the model allows"},
    {"limit", NULL, NULL, WORDS, 0, "all"},
    {"threads", NULL, NULL, WORDS, 0, "OMP_NUM_THREADS, or every processor"},
    {"memory", NULL, NULL, WORDS, 0, "no limit"},
    {"device", NULL, NULL, WORDS, 0, "cpu"},
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
    if (g->kind == WAGLE_GAMMA_NUMBER && g->value > 0)
        cli_number(g->value, out);
    else
        snprintf(out, 96, "%s",
                 g->kind == WAGLE_GAMMA_DIAG      ? "diag"
                 : g->kind == WAGLE_GAMMA_PROTECT ? "protect"
                                                  : "auto");
}

static void eval_tokens(char out[96])
{
    const wagle_suite_options *suite = of_suite();
    const wagle_eval_options *rows = of_eval();

    snprintf(out, 96, "%lld with --suite, %lld with --data", (long long)suite->max_tokens,
             (long long)rows->max_tokens);
}

static void text(const struct place *p, const void *at, char out[96])
{
    const char *const *value = at;

    switch (p->form) {
    case TEXT:
        snprintf(out, 96, "%s", *value != NULL ? *value : p->unset != NULL ? p->unset : "");
        break;
    case REAL:
        number(*(const double *)at, p->unset, out);
        break;
    case WHOLE:
        number((double)*(const int64_t *)at, p->unset, out);
        break;
    case SEED:
        snprintf(out, 96, "%llu", (unsigned long long)*(const uint64_t *)at);
        break;
    case WARMUP:
        warmup(p->structure(), out);
        break;
    case GAMMA:
        gamma_text(at, out);
        break;
    case WORDS:
    case TOKENS: /* they have no structure */
        break;
    }
}

void cli_default(const cli_command *c, const char *option, char out[96])
{
    out[0] = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const struct place *p = &places[i];
        if (strcmp(p->option, option) != 0 ||
            (p->commands != NULL && !cli_listed(p->commands, c->name)))
            continue;
        if (p->form == TOKENS)
            eval_tokens(out);
        else if (p->form == WORDS)
            snprintf(out, 96, "%s", p->unset);
        else
            text(p, (const char *)p->structure() + p->at, out);
        return;
    }
}
