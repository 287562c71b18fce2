/* names.c - suggestions for wrong names: names in other tools, options of other commands, and
 * similar spellings. */
#include "page.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

typedef struct other {
    const char *names; /* names in other tools, with hyphens */
    const char *ours;  /* our option or command, or NULL */
    const char *say;   /* an explanation or alternative, or NULL */
} other;

/* Options of transformers' Trainer, TOFU, open-unlearning, lm-evaluation-harness and llama.cpp. */
static const other options[] = {
    {"learning-rate lr-rate learningrate peak-lr eta", "lr", NULL},
    {"num-train-epochs num-epochs n-epochs epoch", "epochs", NULL},
    {"max-steps num-steps n-steps iterations iters num-iterations updates", "steps", NULL},
    {"batch-size per-device-train-batch-size per-device-eval-batch-size train-batch-size "
     "micro-batch-size bs",
     "batch", NULL},
    {"gradient-accumulation-steps grad-accum grad-accum-steps accumulation-steps "
     "gradient-accumulation",
     "accumulate", NULL},
    {"warmup-steps num-warmup-steps", "warmup", NULL},
    {"warmup-ratio", "warmup", "in updates"},
    {"decay wd l2", "weight-decay", NULL},
    {"max-grad-norm grad-clip gradient-clipping clip-grad-norm clip-grad", "clip", NULL},
    {"optim opt", "optimizer", NULL},
    {"lr-scheduler-type lr-scheduler scheduler lr-schedule", "schedule", NULL},
    {"model-name-or-path model-path pretrained model-name base-model model-dir checkpoint "
     "model-id hf-model m",
     "model", NULL},
    {"reference-model ref-model ref", "reference", NULL},
    {"tokenizer tokenizer-name tokenizer-path", NULL,
     "the tokenizer is read from the --model folder"},
    {"output-dir output-path output out-dir save-dir save-path output-file out-file o", "out",
     NULL},
    {"tasks task benchmark benchmarks", "suite", NULL},
    {"num-fewshot n-shot few-shot fewshot num-shots", "shots", NULL},
    {"apply-chat-template chat-template use-chat-template", "chat", NULL},
    {"system-instruction system-prompt system-message", "system", NULL},
    {"max-seq-length max-seq-len max-len seq-len block-size model-max-length max-source-length "
     "cutoff-len ctx-size",
     "max-length", NULL},
    {"max-new-tokens max-gen-toks n-predict num-predict max-generated-tokens", "max-tokens", NULL},
    {"temp t", "temperature", NULL},
    {"random-seed manual-seed rng-seed data-seed", "seed", NULL},
    {"processes nprocs np world-size num-processes", "ranks", NULL},
    {"num-workers nproc n-threads num-threads dataloader-num-workers cores jobs", "threads", NULL},
    {"dataset train-file train-data data-path dataset-path train-dataset input dataset-name f",
     "data", NULL},
    {"forget-data forget-set forget-file forget-dataset forget-path forget-split", "forget", NULL},
    {"retain-data retain-set retain-file retain-dataset retain-path retain-split", "retain", NULL},
    {"sparsity", "density", "the share that is selected: 1 minus the sparsity"},
    {"ratio mask-ratio keep-ratio topk-ratio", "density", NULL},
    {"lambda lamda retain-weight retain-coeff retain-alpha regularization", "alpha", NULL},
    {"forget-coeff forget-alpha gamma-forget", "forget-weight", NULL},
    {"forget-loss unlearn-method method unlearn-type loss-type trainer unlearning-method "
     "forget-objective algorithm",
     "objective", NULL},
    {"retain-loss retain-loss-type", "retain-term", NULL},
    {"mask-path mask-file with-mask", "mask", NULL},
    {"score scores-path score-path", "scores", NULL},
    {"attribution importance scoring saliency", "selector", NULL},
    {"save-steps save-every checkpoint-steps save-strategy", "checkpoint-every", NULL},
    {"eval-steps evaluation-strategy eval-strategy", "eval-every", NULL},
    {"resume-from-checkpoint continue", "resume", NULL},
    {"overwrite overwrite-output-dir overwrite-output exist-ok yes y", "force", NULL},
    {"lora-r lora-rank rank r", "lora", NULL},
    {"target-modules lora-target-modules", "lora-targets", NULL},
    {"num-samples max-samples n-samples max-train-samples max-eval-samples", "limit", NULL},
    {"question-key prompt-column prompt-key question-field input-column", "prompt-field", NULL},
    {"answer-key answer-column response-column output-column target-column label-column",
     "answer-field", NULL},
    {"text-column text-key dataset-text-field column", "text-field", NULL},
    {"prompt-template template", "prompt", NULL},
    {"torch-dtype", "dtype", NULL},
    {"outtype quantization quantize", "type", NULL},
    {"debug v log-level", "verbose", NULL},
    {"silent q", "quiet", NULL},
    {"config-file config-path yaml c", "config", NULL},
    {"max-memory mem ram memory-limit", "memory", NULL},
    {"gpu-mem vram max-gpu-memory gpu-memory-utilization", "gpu-memory", NULL},
    {"dry plan", "dry-run", NULL},
    {"early-stopping stop-at stop early-stop", "stop-when", NULL},
    {"until stop-strings stop-sequence stop-sequences stop-words", "stop", NULL},
    {"log-samples", "out", "the rows are beside its result"},
    {"bootstrap-iters bootstrap", "resamples", NULL},
    {"cuda gpu gpus cpu n-gpu-layers ngl device-map use-cuda no-cuda", "device", NULL},
    {"fp16 bf16 mixed-precision amp half", NULL,
     "products are in float32, or as --precision says; what is written keeps the model's type"},
    {"epsilon eps adam-epsilon adam-beta1 adam-beta2 beta1 beta2 momentum betas", NULL,
     "these constants are those of --optimizer"},
    {"report-to wandb wandb-project logging-dir logging-steps", "tensorboard", NULL},
    {"num-gpus deepspeed fsdp local-rank nproc-per-node tensor-parallel-size", NULL,
     "a run uses one card at most: --device cuda ('wagle help devices')"},
    {"gradient-checkpointing load-in-8bit load-in-4bit "
     "trust-remote-code use-flash-attention attn-implementation flash-attn",
     NULL, "not needed here: --memory SIZE says what a run may take"},
    {"version", NULL, "'wagle --version' prints it"},
};

static const other commands[] = {
    {"train fit sft tune-model fine-tune learn pretrain", "finetune", NULL},
    {"evaluate evaluation test benchmark bench lm-eval lm_eval metrics measure", "eval", NULL},
    {"chat complete completion infer inference predict sample prompt ask", "generate", NULL},
    {"score attribution saliency importance", "attribute", NULL},
    {"prune select sparsify", "mask", NULL},
    {"forget erase delete unlearning remove", "unlearn", NULL},
    {"info show describe stat stats ls cat view", "inspect", NULL},
    {"tokenise encode decode tokens detokenize", "tokenize", NULL},
    {"patch", "apply", NULL},
    {"undo rollback unpatch restore", "revert", NULL},
    {"grid tune hpo search", "sweep", NULL},
    {"join study aggregate", "sweep", "--join joins sweeps of several tasks"},
    {"plot html page summary summarize", "report", NULL},
    {"example examples tutorial quickstart try", "demo", NULL},
    {"grad grads backward", "gradient", NULL},
    {"forward", "logits", NULL},
    {"new create random", "init", NULL},
    {"convert gguf", NULL, "import reads GGUF, export writes it"},
    {"quantize", "export", "--type q4_k_m"},
    {"merge", "finetune", "--lora trains adapters and merges them"},
    {"download pull get fetch", NULL, "wagle reads local folders and fetches nothing"},
    {"version", NULL, "'wagle --version' prints it"},
};

static const other *find_other(const other *table, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (cli_listed(table[i].names, word))
            return &table[i];
    return NULL;
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

/* Updates `best` if `name` is closer to the word; at most a third of the letters may differ. */
static void consider(const char *word, const char *name, int *least, char best[64])
{
    const int d = distance(word, name), most = (int)strlen(word) / 3;

    if (d < *least && d <= (most < 1 ? 1 : most > 3 ? 3 : most)) {
        *least = d;
        snprintf(best, 64, "%s", name);
    }
}

void cli_nearest(const char *name, const char *const *list, size_t n, char near[64])
{
    int least = 99;

    near[0] = '\0';
    for (size_t i = 0; i < n; i++)
        consider(name, list[i], &least, near);
}

/* Normalises a flag: lower case, hyphens, without leading dashes and "=value". */
static void plain(const char *flag, char word[64])
{
    size_t n = 0;

    for (flag += strspn(flag, "-"); *flag != '\0' && *flag != '=' && n < 63; flag++)
        word[n++] = *flag == '_' || *flag == '.' ? '-' : (char)tolower((unsigned char)*flag);
    word[n] = '\0';
}

/* "finetune, unlearn": the commands that take an option of the table, or (NULL) options of
 * objectives. */
static void takers(const char *option, char out[256])
{
    size_t n = 0;

    out[0] = '\0';
    for (const cli_command *c = cli_commands; c->name != NULL && n < 200; c++)
        if (cli_applies(c, option != NULL ? option : "objective"))
            n += (size_t)snprintf(out + n, 256 - n, "%s%s", n > 0 ? ", " : "", c->name);
}

static bool is_param(const char *word)
{
    wagle_param_info p;
    char flag[64];

    for (int i = 0; cli_param(NULL, i, &p, flag); i++)
        if (strcmp(flag, word) == 0)
            return true;
    return false;
}

/* The value of --objective in argv, or NULL. */
static const char *objective_of(const char **argv)
{
    for (int i = 0; argv != NULL && argv[i] != NULL; i++) {
        if (strncmp(argv[i], "--objective=", 12) == 0)
            return argv[i] + 12;
        if (strcmp(argv[i], "--objective") == 0)
            return argv[i + 1];
    }
    return NULL;
}

/* Lists options of objectives whose last part is the word: --beta means --npo-beta of npo, and
 * others. */
static int own_options(const char *word, const char *objective, char out[256])
{
    wagle_param_info p;
    char flag[64];
    int found = 0;
    size_t n = 0;

    out[0] = '\0';
    for (int i = 0; cli_param(NULL, i, &p, flag) && n < 200; i++) {
        const char *last = strchr(p.key, '.');
        if (last != NULL && strcmp(last + 1, word) == 0 &&
            (objective == NULL || wagle_objective_has(objective, p.key)))
            n += (size_t)snprintf(out + n, 256 - n, "%s--%s", found++ > 0 ? ", " : "", flag);
    }
    return found;
}

static void nearest_option(const cli_command *c, const char *word, char best[64])
{
    wagle_param_info p;
    char flag[64];
    int least = 99;

    best[0] = '\0';
    for (const cli_option *t = cli_next(c, NULL); t != NULL; t = cli_next(c, t))
        consider(word, t->name, &least, best);
    for (int i = 0; cli_param(c, i, &p, flag); i++)
        consider(word, flag, &least, best);
}

/* Explains the meaning of another tool's name. `dashes`: "--", or "" for keys of --config. */
static wagle_status explain(const cli_command *c, const char *line, const other *o)
{
    char names[256];

    if (o->ours == NULL)
        return cli_refuse("%s: %s", line, o->say);
    if (cli_applies(c, o->ours))
        return cli_refuse("%s; it is --%s here%s%s", line, o->ours, o->say != NULL ? ", " : "",
                          o->say != NULL ? o->say : "");
    takers(o->ours, names);
    return cli_refuse("%s; it would be --%s, an option of %s", line, o->ours, names);
}

static wagle_status unknown(const cli_command *c, const char *line, const char *flag,
                            const char **argv)
{
    char word[64], names[256], near[64];
    const other *o;

    plain(flag, word);
    if (cli_applies(c, word))
        return cli_refuse("%s; did you mean --%s?", line, word);
    if (cli_find(word) != NULL || is_param(word)) {
        takers(cli_find(word) != NULL ? word : NULL, names);
        return cli_refuse("%s; --%s is an option of %s", line, word, names);
    }
    if (cli_applies(c, "objective") &&
        (own_options(word, objective_of(argv), names) > 0 || own_options(word, NULL, names) > 0))
        return cli_refuse("%s; the objectives have %s", line, names);
    o = find_other(options, sizeof options / sizeof *options, word);
    if (o != NULL)
        return explain(c, line, o);
    nearest_option(c, word, near);
    if (near[0] != '\0')
        return cli_refuse("%s; did you mean --%s?", line, near);
    return cli_refuse("%s; 'wagle help %s' lists them", line, c->name);
}

wagle_status cli_unknown_option(const cli_command *c, const char *flag, const char **argv)
{
    char line[256];

    snprintf(line, sizeof line, "%s: no option %.100s", c->name, flag);
    return unknown(c, line, flag, argv);
}

wagle_status cli_unknown_key(const cli_command *c, const char *where, const char *key)
{
    char line[512];

    snprintf(line, sizeof line, "%.256s: %s has no option '%.100s'", where, c->name, key);
    return unknown(c, line, key, NULL);
}

wagle_status cli_unknown_command(const char *name)
{
    const other *o = find_other(commands, sizeof commands / sizeof *commands, name);
    char near[64] = "";
    int least = 99;

    for (const cli_command *c = cli_commands; o == NULL && c->name != NULL; c++)
        consider(name, c->name, &least, near);
    if (o != NULL && o->ours == NULL)
        return cli_refuse("no command '%s': %s", name, o->say);
    if (o != NULL)
        return cli_refuse("no command '%s'; it is 'wagle %s' here%s%s", name, o->ours,
                          o->say != NULL ? ": " : "", o->say != NULL ? o->say : "");
    if (near[0] != '\0')
        return cli_refuse("no command '%s'; did you mean %s?", name, near);
    return cli_refuse("no command '%s'; 'wagle help' lists them", name);
}

/* The most similar command or topic, or "". */
static void nearest_page(const char *name, char near[64])
{
    int least = 99;

    near[0] = '\0';
    for (const cli_command *c = cli_commands; c->name != NULL; c++)
        consider(name, c->name, &least, near);
    for (const cli_topic *t = cli_topics; t->name != NULL; t++)
        consider(name, t->name, &least, near);
}

wagle_status cli_unknown_help(const char *name)
{
    char word[64] = "", near[64] = "", names[256];
    const other *o;

    plain(name, word);
    o = find_other(options, sizeof options / sizeof *options, word);
    if (cli_find(word) != NULL || is_param(word)) {
        takers(cli_find(word) != NULL ? word : NULL, names);
        return cli_refuse("help: --%s is an option of %s; 'wagle help COMMAND' explains it", word,
                          names[0] != '\0' ? names : "every command");
    }
    nearest_page(word, near);
    if (near[0] != '\0')
        return cli_refuse("help: no command or topic '%s'; did you mean 'wagle help %s'?", name,
                          near);
    if (o != NULL && o->ours != NULL)
        return cli_refuse("help: no command or topic '%s'; it is --%s here", name, o->ours);
    return cli_refuse("help: no command or topic '%s'; 'wagle help' lists them", name);
}
