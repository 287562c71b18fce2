#include "options.h"

#include <errno.h>
#include <jansson.h>
#include <popt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum kind { TEXT, LIST, REAL, WHOLE, BYTES, FLAG } kind;

static const struct option {
    const char *name, *value;
    kind kind;
    size_t place;
    const char *help;
} table[] = {
#define AT(member) offsetof(cli_options, member)
    {"model", "DIR", TEXT, AT(model), "model folder"},
    {"data", "ROWS", TEXT, AT(data), "rows: JSON Lines, JSON array or CSV"},
    {"forget", "ROWS", LIST, AT(forget),
     "rows to forget (may repeat; FILE@W: its terms times W in training)"},
    {"retain", "ROWS", LIST, AT(retain), "rows to keep (the same)"},
    {"out", "PATH", TEXT, AT(out), "what to write"},
    {"selector", "NAME", TEXT, AT(selector), "how weights are scored; listed below"},
    {"gamma", "X", TEXT, AT(gamma),
     "curvature of wagle: diag (default): of each weight; auto, as in the paper; or a number"},
    {"damping", "X", REAL, AT(damping),
     "added to Fisher diagonals that are divided by, as a share of their mean"},
    {"loss", "NAME", TEXT, AT(loss), "forget loss that is attributed: nll, or an objective"},
    {"scores", "FILE", TEXT, AT(scores), "scores from attribute"},
    {"density", "D", REAL, AT(density), "share of the weights to select, 0 to 1"},
    {"densities", "D,D", TEXT, AT(densities),
     "several, from one reading of --scores; in --out {} becomes each"},
    {"scope", "KIND", TEXT, AT(scope), "the density is a share of all (global), tensor or row"},
    {"include", "PATTERN", LIST, AT(include),
     "only tensors that match (may repeat): '*.mlp.*', embeddings, attention, ffn, norms, biases, "
     "head, layers:4-9, re:EXPRESSION"},
    {"exclude", "PATTERN", LIST, AT(exclude), "no tensor that matches (may repeat)"},
    {"op", "NAME", TEXT, AT(op), "of masks: and, or, minus, invert; patterns intersect"},
    {"compare", NULL, FLAG, AT(compare), "what masks have in common, and where they lie"},
    {"svg", "FILE", TEXT, AT(svg), "a heat map of layers and modules to write"},
    {"format", "KIND", TEXT, AT(format), "mask file: bits or bool"},
    {"mask", "FILE", TEXT, AT(mask), "train only these weights"},
    {"objective", "NAME", TEXT, AT(objective), "what is asked of both sets; listed below"},
    {"refusal", "FILE", TEXT, AT(refusal),
     "other answers for po, dpo, altpo: rows, one a forget row; or refusals, a line each"},
    {"reference", "DIR", TEXT, AT(reference), "the untouched model, if not --model"},
    {"retain-term", "KIND", TEXT, AT(retain_term),
     "nll, kl, hidden (rmu) or none, in place of the objective's own"},
    {"rmu-control", "FILE", TEXT, AT(rmu_control), "rmu's direction, one F32 tensor"},
    {"alpha", "A", REAL, AT(alpha), "weight of the retain term"},
    {"forget-weight", "W", REAL, AT(forget_weight), "weight of the forget term"},
    {"lr", "X", REAL, AT(lr), "peak learning rate"},
    {"epochs", "N", REAL, AT(epochs), "passes over the rows"},
    {"steps", "N", WHOLE, AT(steps), "updates, instead of epochs"},
    {"batch", "N", WHOLE, AT(batch), "rows (of each set) an update"},
    {"warmup", "N", WHOLE, AT(warmup), "updates until the peak learning rate"},
    {"weight-decay", "X", REAL, AT(weight_decay), "decoupled decay of selected weights"},
    {"clip", "X", TEXT, AT(clip),
     "largest gradient norm: a number, none, global, layer (each tensor's) or layer:X"},
    {"optimizer", "NAME", TEXT, AT(optimizer), "adamw, sgd, lion or sophia"},
    {"schedule", "KIND", TEXT, AT(schedule), "of the learning rate: linear, cosine or constant"},
    {"accumulate", "N", WHOLE, AT(accumulate), "batches an update"},
    {"pairs", "FILE", TEXT, AT(pairs),
     "JSON list of steps, each a list of [forget row, retain row]: exactly this order"},
    {"rectify", "G", REAL, AT(rectify),
     "GRU: take out of the forget gradient what goes against the retain gradients' moving mean "
     "(G: weight of the newest, 0.8 in the paper) in place of adding them"},
    {"lora", "RANK", WHOLE, AT(lora), "train adapters of this rank instead, and merge them"},
    {"lora-alpha", "X", REAL, AT(lora_alpha), "their scale times the rank (default: twice it)"},
    {"lora-targets", "PATTERN", LIST, AT(lora_targets),
     "matrices that get one (may repeat; default: all of the layers)"},
    {"out-patch", "FILE", TEXT, AT(out_patch), "also write what changed, as a patch"},
    {"old", "KIND", TEXT, AT(old), "old values in the patch: keep, or hash (smaller, no way back)"},
    {"seed", "N", WHOLE, AT(seed), "of every random choice"},
    {"stop-when", "RULE", TEXT, AT(stop_when),
     "as in 'forget.probability<0.1'; with --suite also 'mcq.wmdp.acc<0.3'"},
    {"eval-every", "N", WHOLE, AT(eval_every),
     "updates between evaluations: --stop-when, --monitor, --suite"},
    {"monitor", NULL, FLAG, AT(monitor),
     "each --eval-every updates both sets' means go into the log"},
    {"checkpoint-every", "N", WHOLE, AT(checkpoint_every),
     "updates between checkpoints, 0: only when interrupted"},
    {"resume", NULL, FLAG, AT(resume), "go on from OUT.partial"},
    {"text", "S", TEXT, AT(text), "text to tokenise"},
    {"file", "F", TEXT, AT(file), "a file, read byte for byte"},
    {"decode", "IDS", TEXT, AT(decode), "turn ids (1,2,3) back into text"},
    {"no-special", NULL, FLAG, AT(no_special), "no tokens around the text"},
    {"layers", NULL, FLAG, AT(layers), "a line a layer"},
    {"tensors", NULL, FLAG, AT(tensors), "a line a tensor"},
    {"type", "KIND", TEXT, AT(type), "of matrices: bf16, f16, f32 or q8_0"},
    {"dtype", "KIND", TEXT, AT(dtype), "bf16, f32 or f16"},
    {"suite", "NAME", TEXT, AT(suites), "what is evaluated: one of the suites below, or a,b"},
    {"suites", "A,B", TEXT, AT(suites), "the same"},
    {"set", "NAME=FILE", LIST, AT(sets), "a data set of the suite (may repeat)"},
    {"tofu", "FOLDER", TEXT, AT(tofu), "the sets of suite tofu as TOFU names its files"},
    {"split", "NAME", TEXT, AT(split),
     "which forget set of it: forget01 (default), forget05, forget10"},
    {"gold", "FILE", TEXT, AT(gold),
     "result of the same suite for the model that never saw the forget set; report: its label"},
    {"original", "LABEL", TEXT, AT(original), "which model is that before unlearning"},
    {"title", "TEXT", TEXT, AT(title), "of the page"},
    {"recompute", "FILE", TEXT, AT(recompute), "metrics anew from the rows of a result; no model"},
    {"resamples", "N", WHOLE, AT(resamples), "of the rows, for 95 % intervals (2000)"},
    {"shots", "N", WHOLE, AT(shots), "mcq: solved examples (of set dev) before each question"},
    {"prefix", "N", WHOLE, AT(prefix), "tokens of a text that are given (50)"},
    {"length", "N", WHOLE, AT(length), "tokens that are to come (50)"},
    {"verbatim", "N", WHOLE, AT(verbatim), "tokens in a row that count as reproduced (20)"},
    {"scorer", "COMMAND", TEXT, AT(scorer),
     "toxicity: reads a text a line, writes a number from 0 to 1 a line"},
    {"relearn-steps", "N", WHOLE, AT(relearn_steps), "robustness: updates of relearning (20)"},
    {"relearn-lr", "X", REAL, AT(relearn_lr), "robustness: their learning rate (5e-5)"},
    {"no-eos", NULL, FLAG, AT(no_eos), "tofu: answers do not end with the end-of-text token"},
    {"metrics", "LIST", TEXT, AT(metrics), "nll,perplexity,probability,rouge1,rouge2,rougeL"},
    {"prompt", "TEXT", LIST, AT(prompt),
     "text before the answer, with {field} of the row; generate: a prompt (may repeat)"},
    {"prompt-field", "NAME", TEXT, AT(prompt_field), "column of the prompt"},
    {"answer-field", "NAME", TEXT, AT(answer_field), "column of the answer"},
    {"text-field", "NAME", TEXT, AT(text_field), "column of plain text"},
    {"chat", NULL, FLAG, AT(chat), "lay prompts out as the model's chat template does"},
    {"chat-layout", "NAME", TEXT, AT(chat_layout),
     "chatml, llama3, gemma, phi3, zephyr, llama2, mistral, plain"},
    {"system", "TEXT", TEXT, AT(system), "system message of the chat"},
    {"eos", NULL, FLAG, AT(eos), "end each answer with the end-of-text token"},
    {"truncate", NULL, FLAG, AT(truncate), "cut rows that are too long"},
    {"max-length", "N", WHOLE, AT(max_length), "most tokens a row"},
    {"limit", "N", WHOLE, AT(limit), "first rows only"},
    {"max-tokens", "N", WHOLE, AT(max_tokens), "most tokens to generate"},
    {"temperature", "X", REAL, AT(temperature), "0 is greedy"},
    {"top-k", "N", WHOLE, AT(top_k), "sample among the k likeliest"},
    {"top-p", "X", REAL, AT(top_p), "sample among the likeliest of total probability p"},
    {"state", "KIND", TEXT, AT(state), "moments of the optimizer: f32, or bf16 (less memory)"},
    {"dry-run", NULL, FLAG, AT(dry_run),
     "only say what it would take: memory, time; sweep: what is done"},
    {"memory", "SIZE", BYTES, AT(memory), "what it may take, as in 16G; obeyed or refused"},
    {"json", NULL, FLAG, AT(json), "result as JSON"},
    {"force", NULL, FLAG, AT(force), "replace what is there"},
    {"threads", "N", WHOLE, AT(threads),
     "worker threads (default: OMP_NUM_THREADS, or every processor); on a busy machine fewer are "
     "faster; results do not depend on it"},
    {"config", "FILE", TEXT, AT(config),
     "options from a JSON object; flags win (init: the model's config.json)"},
    {"quiet", NULL, FLAG, AT(quiet), "no progress, no log"},
    {"verbose", NULL, FLAG, AT(verbose), "more log"},
    {"help", NULL, FLAG, AT(help), "this page"},
#undef AT
};
enum { OPTIONS = sizeof table / sizeof *table, PARAMS = 48 };

static const char common[] = "threads config quiet verbose help";

static bool listed(const char *names, const char *name)
{
    const size_t n = strlen(name);

    for (const char *at = strstr(names, name); at != NULL; at = strstr(at + 1, name))
        if ((at == names || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    return false;
}

static bool applies(const cli_command *c, const char *name)
{
    return listed(c->options, name) || listed(common, name);
}

/* npo.beta is --npo-beta */
static void flag_name(const char *key, char out[64])
{
    snprintf(out, 64, "%s", key);
    for (char *p = out; *p != '\0'; p++)
        *p = *p == '.' ? '-' : *p;
}

static wagle_status refuse(const char *format, const char *a, const char *b)
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

static wagle_status set(cli_options *o, const struct option *t, const char *value)
{
    char *at = (char *)o + t->place, *end;
    double real;
    int64_t whole;

    switch (t->kind) {
    case FLAG:
        *(bool *)(void *)at = true;
        return WAGLE_OK;
    case TEXT:
        memcpy(at, &value, sizeof value);
        return WAGLE_OK;
    case LIST: {
        const char **list = (const char **)(void *)at;
        int n = 0;
        while (n < CLI_LIST && list[n] != NULL)
            n++;
        if (n == CLI_LIST)
            return refuse("--%s: too many%s", t->name, "");
        list[n] = value;
        return WAGLE_OK;
    }
    case REAL:
        if (!parse_real(value, &real))
            return refuse("--%s %s: not a number", t->name, value);
        memcpy(at, &real, sizeof real);
        return WAGLE_OK;
    case BYTES:
        if (!parse_bytes(value, &whole))
            return refuse("--%s %s: a size, as in 800M or 16G", t->name, value);
        memcpy(at, &whole, sizeof whole);
        return WAGLE_OK;
    default:
        errno = 0;
        whole = strtoll(value, &end, 10);
        if (*value == '\0' || *end != '\0' || errno != 0 || whole < 0)
            return refuse("--%s %s: not a whole number", t->name, value);
        memcpy(at, &whole, sizeof whole);
        return WAGLE_OK;
    }
}

static wagle_status set_param(cli_options *o, const wagle_param_info *p, const char *value)
{
    double real;

    if (!parse_real(value, &real) || o->n_params == CLI_PARAMS)
        return refuse("%s %s: not a number", p->key, value);
    o->param[o->n_params++] = (wagle_param){p->key, real};
    return WAGLE_OK;
}

static const char *option_name(int i)
{
    return i < OPTIONS ? table[i].name : NULL;
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
    if (near != NULL && applies(c, near))
        return refuse("%s; did you mean --%s?", line, near);
    return refuse("%s; 'wagle help %s' lists them", line, c->name);
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
            return refuse("%s: unexpected argument '%s'", c->name, next);
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
            val < 1000 ? set(o, &table[val - 1], value) : set_param(o, &p, value);
        if (st != WAGLE_OK)
            return st;
    }
    if (val == POPT_ERROR_BADOPT)
        return unknown_option(c, poptBadOption(popt, POPT_BADOPTION_NOALIAS));
    if (val < -1)
        return refuse("%s: %s", poptBadOption(popt, POPT_BADOPTION_NOALIAS), poptStrerror(val));
    return take_arguments(c, popt, o);
}

static wagle_status parse_flags(const cli_command *c, int argc, const char **argv, cli_options *o)
{
    static struct poptOption popts[OPTIONS + PARAMS]; /* popt borrows them */
    static char names[PARAMS][64];
    int n = 0;
    poptContext popt;
    wagle_status st;

    for (int i = 0; i < OPTIONS; i++)
        if (applies(c, table[i].name))
            popts[n++] = (struct poptOption){
                table[i].name, '\0',  table[i].kind == FLAG ? POPT_ARG_NONE : POPT_ARG_STRING,
                NULL,          i + 1, table[i].help,
                table[i].value};
    for (int i = 0; listed(c->options, "objective") && i < PARAMS - 1; i++) {
        const wagle_param_info p = wagle_objective_param(i);
        if (p.key == NULL)
            break;
        flag_name(p.key, names[i]);
        popts[n++] =
            (struct poptOption){names[i], '\0', POPT_ARG_STRING, NULL, 1000 + i, p.help, "X"};
    }
    popts[n] = (struct poptOption)POPT_TABLEEND;
    popt = poptGetContext("wagle", argc, argv, popts, 0);
    st = take(c, popt, o);
    return st; /* the context owns the strings: it lives as long as the process */
}

/* One key of --config: text, number, true, or a list of texts. */
static wagle_status set_key(const cli_command *c, cli_options *o, const char *key,
                            const json_t *value)
{
    const struct option *t = NULL;
    char *text = NULL;
    wagle_status st = WAGLE_OK;

    for (int i = 0; i < OPTIONS; i++)
        if (strcmp(table[i].name, key) == 0 && applies(c, key))
            t = &table[i];
    for (int i = 0; wagle_objective_param(i).key != NULL; i++)
        if (strcmp(wagle_objective_param(i).key, key) == 0 && json_is_number(value)) {
            o->param[o->n_params++] =
                (wagle_param){wagle_objective_param(i).key, json_number_value(value)};
            return WAGLE_OK;
        }
    if (t == NULL)
        return refuse("--config: %s has no option '%s'", c->name, key);
    if (t->kind == LIST && json_is_string(value))
        return set(o, t, json_string_value(value));
    for (size_t i = 0; t->kind == LIST && st == WAGLE_OK && i < json_array_size(value); i++)
        st = json_is_string(json_array_get(value, i))
                 ? set(o, t, json_string_value(json_array_get(value, i)))
                 : refuse("--config: '%s' wants texts%s", key, "");
    if (t->kind == LIST && json_is_array(value))
        return st;
    if (t->kind == FLAG)
        return json_is_true(value)    ? set(o, t, "")
               : json_is_false(value) ? WAGLE_OK
                                      : refuse("--config: '%s' is true or false%s", key, "");
    text = json_is_string(value) ? strdup(json_string_value(value))
                                 : json_dumps(value, JSON_ENCODE_ANY);
    return text != NULL ? set(o, t, text) : WAGLE_E_RESOURCE;
}

/* The document stays: options point into it. */
static wagle_status apply_config(const cli_command *c, const char *path, cli_options *o)
{
    json_error_t error;
    json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, &error), *value;
    const char *key;

    if (!json_is_object(json)) {
        fprintf(stderr, "wagle: %s:%d: %s\n", path, error.line > 0 ? error.line : 1,
                json == NULL ? error.text : "not a JSON object");
        return WAGLE_E_INPUT;
    }
    json_object_foreach (json, key, value) {
        const wagle_status st = set_key(c, o, key, value);
        if (st != WAGLE_OK)
            return st;
    }
    return WAGLE_OK;
}

wagle_status cli_parse(const cli_command *c, int argc, const char **argv, cli_options *o)
{
    const cli_options fresh = *o;
    wagle_status st = parse_flags(c, argc, argv, o);

    if (st != WAGLE_OK || o->help)
        return st;
    if (o->config != NULL &&
        !listed(c->options, "config")) { /* again, with the file below the flags */
        const char *path = o->config;
        *o = fresh;
        st = apply_config(c, path, o);
        if (st == WAGLE_OK)
            st = parse_flags(c, argc, argv, o);
        if (st != WAGLE_OK)
            return st;
    }
    if (c->argument_missing != NULL && o->argument[0] == NULL)
        return refuse("%s: %s", c->name, c->argument_missing);
    return WAGLE_OK;
}

/* Calls show for each option of the command: its flag, its value's name or "", what it does. */
static void each_option(const cli_command *c,
                        void (*show)(const char *flag, const char *value, const char *help))
{
    for (int i = 0; i < OPTIONS; i++)
        if (applies(c, table[i].name))
            show(table[i].name, table[i].value != NULL ? table[i].value : "", table[i].help);
    for (int i = 0; listed(c->options, "objective"); i++) {
        const wagle_param_info p = wagle_objective_param(i);
        char name[64], help[160];
        if (p.key == NULL)
            break;
        flag_name(p.key, name);
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
    each_option(c, show_help);
    if (c->defaults != NULL)
        c->defaults();
    if (listed(c->options, "objective"))
        list("objectives", wagle_objective_info);
    if (listed(c->options, "selector"))
        list("selectors", wagle_selector_info);
    if (listed(c->options, "optimizer"))
        list("optimizers", wagle_optimizer_info);
    if (listed(c->options, "metrics"))
        list("metrics, of --data", wagle_metric_info);
    if (listed(c->options, "suite"))
        list_suites();
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
        each_option(c, show_manual);
    }
    puts(".SH EXIT STATUS\n0 ok, 1 the run failed, 2 usage, 3 bad input, 4 not enough memory or "
         "disk, 130 interrupted.");
}
