/* commands.c - each command: its options into the library's structure, its result onto stdout. */
#include "options.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cli_given(double *to, double value)
{
    if (value >= 0)
        *to = value;
}

void cli_given_whole(int64_t *to, int64_t value)
{
    if (value >= 0)
        *to = value;
}

static int64_t count(const char *const *list)
{
    int64_t n = 0;

    while (list[n] != NULL)
        n++;
    return n;
}

wagle_data cli_rows(const cli_options *o, const char *path)
{
    const int64_t prompts = count(o->prompt);

    return (wagle_data){.path = path,
                        .prompt_field = o->prompt_field,
                        .answer_field = o->answer_field,
                        .text_field = o->text_field,
                        .prompt = prompts > 0 ? o->prompt[prompts - 1] : NULL,
                        .chat = o->chat_layout ? o->chat_layout
                                : o->chat      ? "auto"
                                               : NULL,
                        .system = o->system,
                        .max_length = o->max_length,
                        .limit = o->limit,
                        .truncate = o->truncate,
                        .eos = o->eos};
}

/* Of several files. */
static wagle_data files(const cli_options *o, const char *const *list)
{
    wagle_data d = cli_rows(o, list[0]);

    d.more = list[0] != NULL ? list + 1 : NULL;
    return d;
}

static wagle_status cmd_import(wagle_ctx *ctx, cli_options *o)
{
    wagle_import_options i;

    wagle_import_defaults(&i);
    i.gguf = o->argument[0];
    i.out = o->out;
    i.dtype = o->dtype != NULL ? o->dtype : i.dtype;
    i.force = o->force;
    return wagle_import(ctx, &i);
}

static wagle_status cmd_export(wagle_ctx *ctx, cli_options *o)
{
    wagle_export_options e;

    wagle_export_defaults(&e);
    e.model = o->argument[0];
    e.out = o->out;
    e.type = o->type != NULL ? o->type : e.type;
    e.force = o->force;
    return wagle_export(ctx, &e);
}

static wagle_status cmd_init(wagle_ctx *ctx, cli_options *o)
{
    wagle_init_options i;

    wagle_init_defaults(&i);
    i.config = o->config;
    i.out = o->out;
    i.dtype = o->dtype != NULL ? o->dtype : i.dtype;
    i.seed = o->seed > 0 ? (uint64_t)o->seed : i.seed;
    i.force = o->force;
    return wagle_init(ctx, &i);
}

static wagle_status cmd_inspect(wagle_ctx *ctx, cli_options *o)
{
    const wagle_inspect_options i = {o->argument[0], o->json, o->layers, o->tensors};
    char *text;
    const wagle_status st = wagle_inspect(ctx, &i, &text);

    if (st != WAGLE_OK)
        return st;
    puts(text);
    wagle_string_free(text);
    return st;
}

static wagle_status cmd_logits(wagle_ctx *ctx, cli_options *o)
{
    const wagle_data data = cli_rows(o, o->data);
    return wagle_logits(ctx, o->model, &data, o->out, o->force);
}

static wagle_attribute_options attribution(const cli_options *o)
{
    wagle_attribute_options a;

    wagle_attribute_defaults(&a);
    a.model = o->model;
    a.out = o->out;
    a.forget = files(o, o->forget);
    a.retain = files(o, o->retain);
    a.selector = o->selector != NULL ? o->selector : a.selector;
    a.seed = (uint64_t)o->seed;
    a.force = o->force;
    wagle_gamma_read(o->gamma, &a.gamma, &a.gamma_diag);
    a.loss = o->loss;
    cli_given(&a.damping, o->damping);
    return a;
}

static wagle_status cmd_attribute(wagle_ctx *ctx, cli_options *o)
{
    const wagle_attribute_options a = attribution(o);

    return wagle_attribute(ctx, &a);
}

wagle_status cli_print(wagle_status st, char *text)
{
    if (st == WAGLE_OK)
        puts(text);
    wagle_string_free(text);
    return st;
}

static wagle_status compare_masks(wagle_ctx *ctx, const cli_options *o)
{
    const wagle_compare_options c = {.masks = o->argument,
                                     .n = count(o->argument),
                                     .svg = o->svg,
                                     .json = o->json,
                                     .force = o->force};
    char *text = NULL;
    const wagle_status st = wagle_compare_masks(ctx, &c, &text);

    return cli_print(st, text);
}

enum { DENSITIES = 16 };

/* Numbers with commas between them, none if text is NULL. */
static wagle_status parse_densities(const char *text, double list[DENSITIES], int64_t *n)
{
    char *end = NULL;

    for (*n = 0; text != NULL && *n < DENSITIES; text = end + 1) {
        list[(*n)++] = strtod(text, &end);
        if (end == text || (*end != ',' && *end != '\0'))
            return cli_complain("--densities: as in 0.02,0.1,0.4");
        if (*end == '\0')
            return WAGLE_OK;
    }
    return text == NULL ? WAGLE_OK : cli_complain("--densities: at most 16");
}

static wagle_status cmd_mask(wagle_ctx *ctx, cli_options *o)
{
    wagle_mask_options m;
    double density[DENSITIES];

    if (o->compare)
        return compare_masks(ctx, o);

    wagle_mask_defaults(&m);
    m.scores = o->scores;
    m.data = attribution(o);
    m.out = o->out;
    m.include = o->include;
    m.exclude = o->exclude;
    m.format = o->format != NULL ? o->format : m.format;
    m.scope = o->scope != NULL ? o->scope : m.scope;
    m.op = o->op;
    m.masks = o->argument;
    m.n_masks = count(o->argument);
    m.force = o->force;
    m.densities = density;
    cli_given(&m.density, o->density);
    if (parse_densities(o->densities, density, &m.n_densities) != WAGLE_OK)
        return WAGLE_E_USAGE;
    return wagle_mask(ctx, &m);
}

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
    fprintf(stderr, "wagle: --clip %s: a number, none, global, layer or layer:X\n", text);
    return WAGLE_E_USAGE;
}

static wagle_status train_options(cli_options *o, wagle_train_options *t,
                                  wagle_suite_options *watch)
{
    if (o->suites != NULL && cli_suites(o, watch) != WAGLE_OK)
        return WAGLE_E_USAGE;
    if (o->suites == NULL && (o->sets[0] != NULL || o->tofu != NULL || o->gold != NULL))
        return cli_complain("--set, --tofu and --gold are for --suite NAME: which suite?");
    t->watch = o->suites != NULL ? watch : NULL;
    t->model = o->model;
    t->out = o->out;
    t->objective = o->objective != NULL ? o->objective : t->objective;
    t->params = o->param;
    t->n_params = o->n_params;
    t->refusal = o->refusal;
    t->state = o->state != NULL ? o->state : t->state;
    t->mask = o->mask;
    t->selector = o->selector;
    t->include = o->include;
    t->exclude = o->exclude;
    t->stop_when = o->stop_when;
    t->seed = (uint64_t)o->seed;
    t->resume = o->resume;
    t->monitor = o->monitor;
    t->force = o->force;
    cli_given(&t->density, o->density);
    cli_given(&t->alpha, o->alpha);
    cli_given(&t->forget_weight, o->forget_weight);
    cli_given(&t->lr, o->lr);
    cli_given(&t->weight_decay, o->weight_decay);
    cli_given(&t->epochs, o->epochs);
    cli_given_whole(&t->steps, o->steps);
    cli_given_whole(&t->batch, o->batch);
    cli_given_whole(&t->warmup, o->warmup);
    cli_given_whole(&t->eval_every, o->eval_every);
    cli_given_whole(&t->checkpoint_every, o->checkpoint_every);
    cli_given_whole(&t->accumulate, o->accumulate);
    cli_given_whole(&t->lora, o->lora);
    cli_given(&t->lora_alpha, o->lora_alpha);
    cli_given(&t->damping, o->damping);
    cli_given(&t->rectify, o->rectify);
    t->lora_targets = o->lora_targets;
    t->reference = o->reference;
    t->retain_term = o->retain_term;
    t->rmu_control = o->rmu_control;
    t->pairs = o->pairs;
    t->out_patch = o->out_patch;
    t->optimizer = o->optimizer != NULL ? o->optimizer : t->optimizer;
    t->schedule = o->schedule != NULL ? o->schedule : t->schedule;
    return parse_clip(o->clip, t);
}

static void print_defaults(const wagle_train_options *o)
{
    printf("\ndefaults: --objective %s --lr %g --epochs %g --batch %lld --weight-decay %g --clip "
           "%g\n  --eval-every %lld, and a warm-up of %g of the steps\n",
           o->objective, o->lr, o->epochs, (long long)o->batch, o->weight_decay, o->clip,
           (long long)o->eval_every, o->warmup_ratio);
}

static void finetune_defaults(void)
{
    wagle_train_options o;

    wagle_finetune_defaults(&o);
    print_defaults(&o);
}

static void unlearn_defaults(void)
{
    wagle_train_options o;

    wagle_unlearn_defaults(&o);
    print_defaults(&o);
    printf("  --density %g --alpha %g --forget-weight %g; without --mask and --selector every "
           "weight trains\n",
           o.density, o.alpha, o.forget_weight);
}

static void sweep_example(void)
{
    fputs("\na spec (docs/sweep.md has every key; paths are relative to it; the axes may grow "
          "later):\n"
          "  {\"model\": \"model\", \"forget\": \"forget.jsonl\", \"retain\": \"retain.jsonl\",\n"
          "   \"eval\": {\"forget\": \"forget.jsonl\", \"retain\": \"retain.jsonl\", \"unseen\": "
          "\"unseen.jsonl\"},\n"
          "   \"objectives\": [\"graddiff\", \"npo\"], \"selectors\": [\"none\", \"wagle@diag\", "
          "\"random\"],\n"
          "   \"densities\": [0.02, 0.1], \"lr\": [1e-5, 3e-5, 1e-4], \"seeds\": [1, 2, 3], "
          "\"tune\": "
          "true,\n"
          "   \"steps\": 200, \"stop_when\": \"forget.probability<0.1\", \"eval_every\": 2}\n",
          stdout);
}

static wagle_status report(const cli_options *o, const wagle_train_result *r, wagle_status st)
{
    char each[32] = "";

    if (st != WAGLE_OK || o->dry_run)
        return st;
    if (!isnan(r->step_seconds)) /* of one step there is none but the first */
        snprintf(each, sizeof each, " (%.2f s a step)", r->step_seconds);
    if (o->json)
        printf("{\"out\":\"%s\",\"steps\":%lld,\"stopped\":%s,\"loss\":%.9g,\"selected\":%lld,"
               "\"weights\":%lld,\"seconds\":%.3f,\"step_seconds\":%.4f,\"peak_bytes\":%lld}\n",
               o->out, (long long)r->steps, r->stopped ? "true" : "false", r->loss,
               (long long)r->selected, (long long)r->weights, r->seconds,
               isnan(r->step_seconds) ? 0 : r->step_seconds, (long long)wagle_peak_memory());
    else
        printf(
            "%s: %lld steps%s, last loss %.4f, %lld of %lld weights trained, %.1f s%s, peak %.2f "
            "GB\n",
            o->out, (long long)r->steps, r->stopped ? " (stopped by --stop-when)" : "", r->loss,
            (long long)r->selected, (long long)r->weights, r->seconds, each,
            (double)wagle_peak_memory() / 1e9);
    return st;
}

static wagle_status cmd_finetune(wagle_ctx *ctx, cli_options *o)
{
    wagle_train_options t;
    wagle_suite_options watch;
    wagle_train_result r;

    wagle_finetune_defaults(&t);
    if (train_options(o, &t, &watch) != WAGLE_OK)
        return WAGLE_E_USAGE;
    t.retain = cli_rows(o, o->data);
    return report(o, &r, wagle_finetune(ctx, &t, &r));
}

static wagle_status cmd_unlearn(wagle_ctx *ctx, cli_options *o)
{
    wagle_train_options t;
    wagle_suite_options watch;
    wagle_train_result r;

    wagle_unlearn_defaults(&t);
    if (train_options(o, &t, &watch) != WAGLE_OK)
        return WAGLE_E_USAGE;
    t.forget = files(o, o->forget);
    t.retain = files(o, o->retain);
    wagle_gamma_read(o->gamma, &t.gamma, &t.gamma_diag);
    return report(o, &r, wagle_unlearn(ctx, &t, &r));
}

/* With --objective: of its total loss; else of --data's token-mean NLL. */
static wagle_status cmd_gradient(wagle_ctx *ctx, cli_options *o)
{
    const wagle_data data = cli_rows(o, o->data);
    wagle_train_options t;
    char *json = NULL;
    wagle_status st;

    if (o->objective == NULL)
        return wagle_gradient(ctx, o->model, &data, o->out, o->force);
    wagle_unlearn_defaults(&t);
    if (train_options(o, &t, NULL) != WAGLE_OK)
        return WAGLE_E_USAGE;
    t.forget = files(o, o->forget);
    t.retain = files(o, o->retain);
    st = wagle_objective_gradient(ctx, &t, &json);
    return cli_print(st, json);
}

static wagle_status cmd_sweep(wagle_ctx *ctx, cli_options *o)
{
    const wagle_sweep_options s = {o->argument[0], o->out, o->force};
    char *table = NULL;
    const wagle_status st = wagle_sweep(ctx, &s, &table);

    return cli_print(st, table);
}

/* --- patches -------------------------------------------------------------------------------- */

static wagle_status cmd_diff(wagle_ctx *ctx, cli_options *o)
{
    const wagle_diff_options d = {.before = o->argument[0],
                                  .after = o->argument[1],
                                  .out = o->out,
                                  .hash_old = o->old != NULL && strcmp(o->old, "hash") == 0,
                                  .force = o->force};

    if (o->old != NULL && !d.hash_old && strcmp(o->old, "keep") != 0)
        return cli_complain("--old is keep or hash");
    return wagle_diff(ctx, &d);
}

static wagle_patch_options patch(const cli_options *o)
{
    return (wagle_patch_options){o->argument[0], o->argument[1], o->out, o->force};
}

static wagle_status cmd_apply(wagle_ctx *ctx, cli_options *o)
{
    const wagle_patch_options p = patch(o);

    return wagle_apply(ctx, &p);
}

static wagle_status cmd_revert(wagle_ctx *ctx, cli_options *o)
{
    const wagle_patch_options p = patch(o);

    return wagle_revert(ctx, &p);
}

/* --- tokenize ------------------------------------------------------------------------------- */

wagle_status cli_complain(const char *what)
{
    fprintf(stderr, "wagle: %s\n", what);
    return WAGLE_E_USAGE;
}

/* A whole file, NUL added; NULL on failure. */
static char *read_file(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t room = 0;

    *bytes = 0;
    if (file == NULL)
        return NULL;
    for (;;) {
        if (room - *bytes < 65536) {
            char *more = realloc(text, room = 2 * room + 131072);
            if (more == NULL)
                break;
            text = more;
        }
        const size_t n = fread(text + *bytes, 1, room - *bytes - 1, file);
        if (n == 0)
            break;
        *bytes += n;
    }
    if (ferror(file)) {
        free(text);
        text = NULL;
    }
    fclose(file);
    if (text != NULL)
        text[*bytes] = '\0';
    return text;
}

static wagle_status decode_ids(wagle_ctx *ctx, const cli_options *o, const wagle_tokenizer *t)
{
    const size_t length = strlen(o->decode);
    int32_t *ids = calloc(length + 1, sizeof *ids);
    char *end = NULL, *text;
    size_t bytes;
    int64_t n = 0;
    wagle_status st;

    if (ids == NULL)
        return WAGLE_E_RESOURCE;
    for (const char *at = o->decode + strspn(o->decode, "[ ,"); *at != '\0' && *at != ']';
         at = end + strspn(end, " ,")) {
        const long id = strtol(at, &end, 10);
        if (end == at || id < INT32_MIN || id > INT32_MAX) {
            free(ids);
            return cli_complain("--decode wants ids as in 1,2,3");
        }
        ids[n++] = (int32_t)id;
    }
    st = wagle_decode(ctx, t, ids, n, o->no_special, &text, &bytes);
    if (st == WAGLE_OK) {
        fwrite(text, 1, bytes, stdout);
        fputc('\n', stdout);
        wagle_string_free(text);
    }
    free(ids);
    return st;
}

static wagle_status encode_text(wagle_ctx *ctx, const cli_options *o, const wagle_tokenizer *t)
{
    char *content = NULL;
    const char *text = o->text;
    size_t bytes = text != NULL ? strlen(text) : 0;
    int32_t *ids;
    int64_t n;
    wagle_status st;

    if (o->file != NULL) {
        text = content = read_file(o->file, &bytes);
        if (content == NULL) {
            fprintf(stderr, "wagle: %s: cannot be read\n", o->file);
            return WAGLE_E_INPUT;
        }
    }
    st = wagle_encode(ctx, t, text, bytes, !o->no_special, &ids, &n);
    if (st == WAGLE_OK) {
        fputs(o->json ? "{\"ids\":[" : "", stdout);
        for (int64_t i = 0; i < n; i++)
            printf("%s%d", i == 0 ? "" : o->json ? "," : " ", ids[i]);
        puts(o->json ? "]}" : "");
        wagle_ids_free(ids);
    }
    free(content);
    return st;
}

static wagle_status cmd_tokenize(wagle_ctx *ctx, cli_options *o)
{
    wagle_tokenizer *t;
    wagle_status st;

    if (o->model == NULL || (o->text != NULL) + (o->file != NULL) + (o->decode != NULL) != 1)
        return cli_complain("tokenize wants --model DIR and one of --text, --file, --decode");
    st = wagle_tokenizer_open(ctx, o->model, &t);
    if (st != WAGLE_OK)
        return st;
    st = o->decode != NULL ? decode_ids(ctx, o, t) : encode_text(ctx, o, t);
    wagle_tokenizer_free(t);
    return st;
}

/* One text as it is; several, or --json, as a JSON object a line. */
static wagle_status print_texts(const wagle_generate_options *g, const wagle_generation *made,
                                bool as_json)
{
    for (int64_t i = 0; i < g->n; i++) {
        json_t *line;
        char *dump;
        if (g->n == 1 && !as_json) {
            puts(made[i].text);
            continue;
        }
        line = json_pack("{s:s, s:s, s:I}", "prompt", g->prompts[i], "text", made[i].text, "tokens",
                         (json_int_t)made[i].tokens);
        dump = line != NULL ? json_dumps(line, JSON_COMPACT) : NULL;
        json_decref(line);
        if (dump == NULL)
            return cli_complain("a text that is no UTF-8 cannot be written as JSON");
        puts(dump);
        free(dump);
    }
    return WAGLE_OK;
}

static void generate_options(const cli_options *o, wagle_generate_options *g)
{
    wagle_generate_defaults(g);
    g->model = o->model;
    g->prompts = o->prompt;
    g->n = count(o->prompt);
    g->chat = o->chat_layout ? o->chat_layout : o->chat ? "auto" : NULL;
    g->system = o->system;
    g->seed = (uint64_t)o->seed;
    g->top_k = o->top_k;
    cli_given(&g->temperature, o->temperature);
    cli_given(&g->top_p, o->top_p);
    cli_given_whole(&g->max_tokens, o->max_tokens);
}

static wagle_status cmd_generate(wagle_ctx *ctx, cli_options *o)
{
    wagle_generate_options g;
    wagle_generation made[CLI_LIST] = {{NULL, 0}};
    char *content = NULL;
    size_t bytes;
    wagle_status st;

    if ((o->prompt[0] != NULL) + (o->file != NULL) != 1)
        return cli_complain("generate wants --prompt TEXT (may repeat) or --file F");
    if (o->file != NULL) {
        o->prompt[0] = content = read_file(o->file, &bytes);
        if (content == NULL) {
            fprintf(stderr, "wagle: %s: cannot be read\n", o->file);
            return WAGLE_E_INPUT;
        }
    }
    generate_options(o, &g);
    st = wagle_generate(ctx, &g, made);
    if (st == WAGLE_OK)
        st = print_texts(&g, made, o->json);
    for (int i = 0; i < CLI_LIST; i++)
        wagle_string_free(made[i].text);
    free(content);
    return st;
}

static wagle_status cmd_demo(wagle_ctx *ctx, cli_options *o)
{
    wagle_demo_options d;
    char *text;
    wagle_status st;

    wagle_demo_defaults(&d);
    d.out = o->out != NULL ? o->out : d.out;
    d.seed = o->seed > 0 ? (uint64_t)o->seed : d.seed;
    d.force = o->force;
    st = wagle_demo(ctx, &d, &text);
    if (st != WAGLE_OK)
        return st;
    fputs(text, stdout);
    printf("\n%s holds the corpus, the models and report.html. Try\n"
           "  wagle inspect %s/wagle\n"
           "  wagle eval --model %s/wagle --data %s/forget.jsonl\n",
           d.out, d.out, d.out, d.out);
    wagle_string_free(text);
    return st;
}

#define ROWS                                                                                       \
    " prompt prompt-field answer-field text-field chat chat-layout system eos truncate "           \
    "max-length limit"
#define TRAIN                                                                                      \
    " lr epochs steps batch accumulate warmup schedule optimizer weight-decay clip seed "          \
    "stop-when eval-every monitor suite suites set tofu split gold max-tokens shots no-eos "       \
    "checkpoint-every state resume force memory dry-run json mask lora "                           \
    "lora-alpha "                                                                                  \
    "lora-targets out-patch pairs"

const cli_command cli_commands[] = {
    {"import", "FILE.gguf", "GGUF to a model folder", "wagle import model.gguf --out DIR",
     "out dtype force", cmd_import, "which FILE.gguf?", NULL, 0},
    {"export", "DIR", "a model folder to GGUF, for llama.cpp",
     "wagle export model --out model.gguf --type q8_0", "out type force", cmd_export, "which DIR?",
     NULL, 0},
    {"init", NULL, "a model with random weights, of any size: for benchmarks and tests",
     "wagle init --config config.json --dtype bf16 --out DIR", "config out dtype seed force",
     cmd_init, NULL, NULL, 0},
    {"inspect", "PATH", "what is in a model folder, safetensors, GGUF, score or mask file",
     "wagle inspect model --layers", "layers tensors json", cmd_inspect, "which PATH?", NULL, 0},
    {"tokenize", NULL, "text to token ids, and back",
     "wagle tokenize --model DIR --text 'Hello world' --json",
     "model text file decode no-special json", cmd_tokenize, NULL, NULL, 0},
    {"logits", NULL, "logits of rows, into a safetensors file",
     "wagle logits --model DIR --data rows.jsonl --out logits.safetensors",
     "model data out force" ROWS, cmd_logits, NULL, NULL, 0},
    {"gradient", NULL, "gradient of an objective's loss, or of rows' token-mean NLL",
     "wagle gradient --objective npo --model DIR --forget F --retain R --out gradient.safetensors",
     "objective model data forget retain refusal reference alpha forget-weight retain-term "
     "rmu-control seed out json force" ROWS,
     cmd_gradient, NULL, NULL, 0},
    {"attribute", NULL, "score every weight by its influence on forgetting",
     "wagle attribute --model DIR --forget forget.jsonl --retain retain.jsonl --out scores",
     "model forget retain out selector gamma damping loss seed force memory dry-run" ROWS,
     cmd_attribute, NULL, NULL, 0},
    {"mask", "[MASK...]",
     "select the most influential share of the weights, combine and compare such masks",
     "wagle mask --scores scores --density 0.1 --exclude embeddings --out mask",
     "scores density densities scope include exclude format out op compare svg json model forget "
     "retain "
     "selector gamma damping loss seed force memory dry-run" ROWS,
     cmd_mask, NULL, NULL, CLI_LIST},
    {"finetune", NULL, "train on rows", "wagle finetune --model DIR --data rows.jsonl --out DIR2",
     "model data out" ROWS TRAIN, cmd_finetune, NULL, finetune_defaults, 0},
    {"unlearn", NULL, "forget rows, keep others, touch selected weights only",
     "wagle unlearn --model DIR --forget forget.jsonl --retain retain.jsonl --mask mask "
     "--objective npo --out DIR2",
     "model forget retain out objective selector density gamma damping include exclude refusal "
     "reference retain-term rmu-control alpha forget-weight rectify" ROWS TRAIN,
     cmd_unlearn, NULL, unlearn_defaults, 0},
    {"sweep", "SPEC.json", "a grid of objectives, selectors, densities, learning rates and seeds",
     "wagle sweep grid.json --out grid", "out force dry-run", cmd_sweep, "which SPEC.json?",
     sweep_example, 0},
    {"diff", "BASE NEW", "what changed between two model folders, as a patch",
     "wagle diff base forgotten --out forget.patch", "out old force", cmd_diff, "which BASE, NEW?",
     NULL, 2},
    {"apply", "DIR PATCH", "a model folder with a patch applied",
     "wagle apply base forget.patch --out forgotten", "out force", cmd_apply, "which DIR, PATCH?",
     NULL, 2},
    {"revert", "DIR PATCH", "a model folder with a patch taken back",
     "wagle revert forgotten forget.patch --out base2", "out force", cmd_revert,
     "which DIR, PATCH?", NULL, 2},
    {"generate", NULL, "continue a prompt", "wagle generate --model DIR --prompt 'Who is' --chat",
     "model prompt file chat chat-layout system max-tokens temperature top-k top-p seed json",
     cmd_generate, NULL, NULL, 0},
    {"eval", NULL, "metrics of rows, or suites of the field's benchmarks, with intervals",
     "wagle eval --suite tofu --model DIR --tofu FOLDER --split forget01 --out eval.json",
     "model data metrics suite suites set tofu split gold reference recompute out resamples seed "
     "max-tokens shots prefix length verbatim temperature scorer relearn-steps relearn-lr no-eos "
     "force json" ROWS,
     cli_eval, NULL, NULL, 0},
    {"compare", "A.json[,..] B.json[,..]",
     "what differs significantly between two results of eval, or between seeds of two methods",
     "wagle compare dense.json masked.json", "resamples seed json", cli_compare,
     "which A.json, B.json?", NULL, 2},
    {"report", "[LABEL=]RUN...", "one HTML page of runs and results of eval",
     "wagle report original.json gold.json dense.json wagle.json runs/dense runs/wagle --out "
     "report.html",
     "out title original gold resamples force", cli_report, "which runs?", NULL, CLI_LIST},
    {"demo", NULL, "a tiny model forgets two invented authors; a few minutes, no download",
     "wagle demo --out demo", "out seed force", cmd_demo, NULL, NULL, 0},
    {0},
};
