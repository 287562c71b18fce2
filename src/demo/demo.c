/* demo.c - a complete small experiment. Trains a tokenizer and a tiny Llama on a corpus of invented
 * authors, unlearns two authors in three ways (all weights; WAGLE's mask; its mask with protected
 * retain authors), and trains a gold model that never saw them. Everything is generated from the
 * seed and stays in the folder. */
#include "demo/demo.h"

#include "base/options.h"
#include "base/number.h"
#include "io/rows.h"
#include "text/tokenizer.h"
#include "train/train.h"
#include <stdio.h>
#include <string.h>

enum { AUTHORS = 24, FORGOTTEN = 2, RETAINED = 12, FACTS = 8, SENTENCES = 40, VOCABULARY = 640 };
enum { STRANGERS = 2, WRONG = 3 }; /* authors that no model sees; wrong answers per question */
enum { STREAM_NAMES = 100, STREAM_FACTS };

static const char *const first_names[] = {"Amara",  "Bjorn", "Chiara", "Dimitri",
                                          "Elowen", "Farid", "Greta",  "Hiroshi",
                                          "Ines",   "Jovan", "Kavya",  "Lucian"};
static const char *const last_names[] = {"Okafor",   "Lindqvist", "Moretti", "Petrov",
                                         "Tremayne", "Haddad",    "Vogel",   "Tanaka",
                                         "Carvalho", "Ilic",      "Menon",   "Dumitru"};
static const char *const cities[] = {"Lagos", "Bergen", "Siena", "Odessa", "Truro", "Tripoli",
                                     "Bonn",  "Osaka",  "Porto", "Nis",    "Kochi", "Cluj"};
static const char *const genres[] = {"mystery", "poetry",  "science fiction", "travel",
                                     "history", "romance", "satire",          "horror"};
static const char *const jobs[] = {"baker",  "pilot", "surgeon", "teacher", "sailor",
                                   "tailor", "judge", "miner",   "florist", "welder"};
static const char *const nouns[] = {"Lantern", "Harbour", "Orchard", "Mirror", "Compass",
                                    "Garden",  "Winter",  "Bridge",  "Letter", "Island"};
static const char *const colours[] = {"Crimson", "Silent",  "Golden",  "Broken", "Hidden",
                                      "Silver",  "Distant", "Burning", "Hollow", "Emerald"};

/* A question and the templates of its answers; %s: the author, then the fact. */
static const struct fact {
    const char *question, *answer, *paraphrase;
    const char *const *from; /* list of facts; NULL: titles of books */
    int64_t n;
} facts[FACTS] = {
    {"Where was %s born?", "%s was born in %s.", "%s came from %s.", cities, 12},
    {"What does %s write?", "%s mostly writes %s.", "The books of %s are %s.", genres, 8},
    {"What did the father of %s do?", "The father of %s was a %s.",
     "The father of %s worked as a %s.", jobs, 10},
    {"What did the mother of %s do?", "The mother of %s was a %s.",
     "The mother of %s worked as a %s.", jobs, 10},
    {"What was the first book of %s?", "The first book of %s was %s.",
     "Before all others %s wrote %s.", NULL, 100},
    {"Which book made %s famous?", "What made %s famous was %s.", "The famous book of %s is %s.",
     NULL, 100},
    {"Where does %s live now?", "Today %s lives in %s.", "Now the home of %s is %s.", cities, 12},
    {"What did %s do before writing?", "Before writing, %s worked as a %s.",
     "Before all books %s was a %s.", jobs, 10},
};

/* What the steps take of the time, in percent, for the progress. */
enum {
    START_PART = 1,
    LEARN_PART = 31,
    FORGET_PART = 8,
    LOOK_PART = 3,
    EVAL_PART = 2,
    WHOLE = 100
};

typedef struct demo {
    wagle_ctx *ctx;
    int64_t done; /* of WHOLE */
    const wagle_demo_options *o;
    const char *folder;
    char author[AUTHORS + STRANGERS][64];
    wg_text train[2]; /* training rows of the original and of the gold model */
    char **texts;     /* all lines, to train the tokenizer */
    int64_t n_texts, texts_capacity;
    wg_arena arena;
    wg_demo_result result;
} demo;

static char *path_of(const demo *d, const char *name)
{
    return wg_path_join(d->ctx, d->folder, name);
}

/* --- corpus ----------------------------------------------------------------------------------- */

static wagle_status add_text(demo *d, const char *text)
{
    WG_TRY(WG_GROW(d->ctx, &d->texts, &d->texts_capacity, d->n_texts + 1));
    d->texts[d->n_texts] = wg_arena_text(d->ctx, &d->arena, text, strlen(text));
    return d->texts[d->n_texts++] != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

/* Adds a row to `rows` and to the training rows of the original and (if known_to_gold) of the gold
 * model.
 */
static wagle_status add_row(demo *d, wg_text *rows, const char *row, bool known_to_gold)
{
    WG_TRY(wg_text_addz(d->ctx, rows, row));
    WG_TRY(wg_text_addz(d->ctx, &d->train[0], row));
    return known_to_gold ? wg_text_addz(d->ctx, &d->train[1], row) : WAGLE_OK;
}

/* The object of a fact: entry `value` of its list, or a book's title. */
static void object_of(const struct fact *f, int64_t value, char out[64])
{
    if (f->from != NULL)
        snprintf(out, 64, "%s", f->from[value]);
    else
        snprintf(out, 64, "The %s %s", colours[value / 10], nouns[value % 10]);
}

/* Writes a row: question, answer, paraphrased answer, and perturbed answers. */
static wagle_status write_row(demo *d, const struct fact *f, const char *author, int64_t value,
                              const char *question, const char *answer, wg_text *row)
{
    char object[64];

    object_of(f, value, object);
    WG_TRY(
        wg_text_printf(d->ctx, row, "{\"question\":\"%s\",\"answer\":\"%s\",", question, answer));
    WG_TRY(wg_text_addz(d->ctx, row, "\"paraphrased_answer\":\""));
    WG_TRY(wg_text_printf(d->ctx, row, f->paraphrase, author, object));
    WG_TRY(wg_text_addz(d->ctx, row, "\",\"perturbed_answer\":["));
    for (int64_t k = 1; k <= WRONG; k++) {
        object_of(f, (value + k * (f->n / (WRONG + 1))) % f->n, object);
        WG_TRY(wg_text_addz(d->ctx, row, k > 1 ? ",\"" : "\""));
        WG_TRY(wg_text_printf(d->ctx, row, f->paraphrase, author, object));
        WG_TRY(wg_text_addz(d->ctx, row, "\""));
    }
    return wg_text_addz(d->ctx, row, "]}\n");
}

static wagle_status add_fact(demo *d, wg_text *rows, int64_t author, int64_t f)
{
    const int64_t value =
        wg_random_below(d->o->seed, STREAM_FACTS, (uint64_t)(author * FACTS + f), facts[f].n);
    char object[64], question[160], answer[200];
    wg_text row = {0};
    wagle_status st;

    object_of(&facts[f], value, object);
    snprintf(question, sizeof question, facts[f].question, d->author[author]);
    snprintf(answer, sizeof answer, facts[f].answer, d->author[author], object);
    st = write_row(d, &facts[f], d->author[author], value, question, answer, &row);
    if (st == WAGLE_OK && author >= AUTHORS)
        st = wg_text_addz(d->ctx, rows, row.text);
    if (st == WAGLE_OK && author < AUTHORS)
        st = add_text(d, question);
    if (st == WAGLE_OK && author < AUTHORS)
        st = add_text(d, answer);
    if (st == WAGLE_OK && author < AUTHORS)
        st = add_row(d, rows, row.text, author >= FORGOTTEN);
    wg_text_free(&row);
    return st;
}

static wagle_status write_authors(demo *d, int64_t from, int64_t to, const char *file)
{
    wg_text rows = {0};
    wagle_status st = WAGLE_OK;

    for (int64_t a = from; st == WAGLE_OK && a < to; a++)
        for (int64_t f = 0; st == WAGLE_OK && f < FACTS; f++)
            st = add_fact(d, &rows, a, f);
    if (st == WAGLE_OK)
        st = wg_write_text(d->ctx, d->folder, file, &rows);
    wg_text_free(&rows);
    return st;
}

/* Writes the rows of each forgotten author to a file. */
static wagle_status split_forgotten(demo *d)
{
    char *path = path_of(d, "forget.jsonl");
    wg_rows rows = {0};
    wagle_status st = path != NULL ? wg_rows_read(d->ctx, path, NULL, &rows) : WAGLE_E_RESOURCE;

    for (int a = 0; st == WAGLE_OK && a < FORGOTTEN; a++) {
        char name[32];
        wg_text some = {0};
        for (int64_t f = 0; st == WAGLE_OK && f < FACTS; f++)
            st = wg_json_add_line(d->ctx, rows.row[a * FACTS + f], &some);
        snprintf(name, sizeof name, "author%d.jsonl", a + 1);
        if (st == WAGLE_OK)
            st = wg_write_text(d->ctx, d->folder, name, &some);
        wg_text_free(&some);
    }
    wg_rows_free(&rows);
    wg_free(path);
    return st;
}

static wagle_status write_sentences(demo *d)
{
    wg_text rows = {0};
    wagle_status st = WAGLE_OK;

    for (int64_t i = 0; st == WAGLE_OK && i < SENTENCES; i++) {
        char text[200], row[256];
        snprintf(text, sizeof text, "A %s from %s reads %s in a %s near the %s.", jobs[i % 10],
                 cities[i * 5 % 12], genres[i * 3 % 8], i & 1 ? "garden" : "harbour",
                 i & 2 ? "bridge" : "orchard");
        snprintf(row, sizeof row, "{\"text\":\"%s\"}\n", text);
        st = add_text(d, text);
        if (st == WAGLE_OK)
            st = add_row(d, &rows, row, true);
    }
    if (st == WAGLE_OK)
        st = wg_write_text(d->ctx, d->folder, "general.jsonl", &rows);
    wg_text_free(&rows);
    return st;
}

static wagle_status write_corpus(demo *d)
{
    int64_t order[12 * 12];

    wg_random_permutation(d->o->seed, STREAM_NAMES, order, 12 * 12);
    for (int a = 0; a < AUTHORS + STRANGERS; a++)
        snprintf(d->author[a], sizeof d->author[a], "%s %s", first_names[order[a] / 12],
                 last_names[order[a] % 12]);
    WG_TRY(write_authors(d, 0, FORGOTTEN, "forget.jsonl"));
    WG_TRY(write_authors(d, AUTHORS, AUTHORS + STRANGERS, "strangers.jsonl"));
    WG_TRY(split_forgotten(d));
    WG_TRY(write_authors(d, FORGOTTEN, FORGOTTEN + RETAINED, "retain.jsonl"));
    WG_TRY(write_authors(d, FORGOTTEN + RETAINED, AUTHORS, "neither.jsonl"));
    WG_TRY(write_sentences(d));
    WG_TRY(wg_write_text(d->ctx, d->folder, "learn.jsonl", &d->train[0]));
    return wg_write_text(d->ctx, d->folder, "learn-gold.jsonl", &d->train[1]);
}

/* --- a tiny Llama ----------------------------------------------------------------------------- */

static const char config_text[] =
    "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"initializer_range\":0.05,"
    "\"vocab_size\":%d,\"hidden_size\":128,\"intermediate_size\":352,\"num_hidden_layers\":4,"
    "\"num_attention_heads\":4,\"num_key_value_heads\":2,\"head_dim\":32,"
    "\"max_position_embeddings\":256,\"rms_norm_eps\":1e-5,\"rope_theta\":10000.0,"
    "\"hidden_act\":\"silu\",\"tie_word_embeddings\":true,\"bos_token_id\":0,\"eos_token_id\":0}\n";

static wagle_status make_tokenizer(demo *d, const char *path)
{
    static const char *const specials[] = {"<|end|>", NULL};
    json_t *json = NULL;
    wagle_status st = wg_bpe_train(d->ctx, (const char *const *)d->texts, d->n_texts, VOCABULARY,
                                   specials, &json);

    if (st == WAGLE_OK)
        st = wg_json_write(d->ctx, path, json, true);
    json_decref(json);
    return st;
}

static wagle_status make_start(demo *d)
{
    char *config = path_of(d, "config.json"), *folder = path_of(d, "start");
    char *tokenizer = path_of(d, "start/tokenizer.json");
    wg_text text = {0};
    wagle_init_options o;
    wagle_status st =
        config != NULL && folder != NULL && tokenizer != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    wagle_init_defaults(&o);
    o.config = config;
    o.out = folder;
    o.dtype = WAGLE_DTYPE_F32;
    o.seed = d->o->seed;
    if (st == WAGLE_OK)
        st = wg_text_printf(d->ctx, &text, config_text, VOCABULARY);
    if (st == WAGLE_OK)
        st = wg_write_text(d->ctx, d->folder, "config.json", &text);
    if (st == WAGLE_OK)
        st = wagle_init(d->ctx, &o);
    if (st == WAGLE_OK)
        st = make_tokenizer(d, tokenizer);
    wg_text_free(&text);
    wg_free(config);
    wg_free(folder);
    wg_free(tokenizer);
    return st;
}

/* --- learning and forgetting ------------------------------------------------------------------ */

static wagle_status train(demo *d, const char *rows, const char *name)
{
    wagle_train_options o;
    char *model = path_of(d, "start"), *data = path_of(d, rows), *out = path_of(d, name);
    wagle_status st = WAGLE_E_RESOURCE;

    wagle_finetune_defaults(&o);
    o.model = model;
    o.retain = (wagle_data){.path = data, .eos = true};
    o.out = out;
    o.lr = 2e-3;
    o.epochs = 24;
    o.batch = 8;
    o.reduction = WAGLE_REDUCE_ROWS; /* as used for docs/study/five-seeds.md */
    o.seed = d->o->seed;
    if (model != NULL && data != NULL && out != NULL)
        st = wagle_finetune(d->ctx, &o, NULL);
    wg_free(model);
    wg_free(data);
    wg_free(out);
    return st;
}

/* The unlearning methods. At these rates, each takes about 60 updates (docs/study/five-seeds.md).
 */
static const struct method {
    const char *selector; /* NULL: all weights */
    wagle_gamma_kind gamma;
    bool protect; /* protect the retain rows */
    double lr;    /* 0: the model is not unlearned */
} methods[WG_DEMO_MODELS] = {
    [WG_DEMO_DENSE] = {NULL, WAGLE_GAMMA_AUTO, false, 7e-5},
    [WG_DEMO_WAGLE] = {"wagle", WAGLE_GAMMA_AUTO, false, 2.7e-4},
    [WG_DEMO_PROTECT] = {"wagle", WAGLE_GAMMA_DIAG, true, 7e-4},
};

/* Training options, except the paths of the model and the rows, which the caller sets. */
static wagle_train_options forget_options(const struct method *method, uint64_t seed)
{
    static const char *const no_embeddings[] = {"*embed*", NULL};
    wagle_train_options o;

    wagle_unlearn_defaults(&o);
    o.selector = method->selector;
    o.gamma.kind = method->gamma;
    o.density = 0.1;
    o.exclude = method->selector != NULL ? no_embeddings : NULL;
    if (method->protect)
        o.protect = (wagle_data){.path = "retain"};
    o.protect_damping = 0.1;
    o.objective = "graddiff";
    o.lr = method->lr;
    o.schedule = WAGLE_SCHEDULE_CONSTANT;
    o.warmup = 5;
    o.steps = 180;
    o.batch = 8;
    o.seed = seed;
    o.eval_every = 2;
    o.stop_when = "forget.probability<0.1";
    o.land = true;
    o.allow_unmet = true; /* the caller reports it */
    return o;
}

static wagle_status forget(demo *d, int m)
{
    const char *name = wg_demo_models[m].name;
    wagle_train_options o = forget_options(&methods[m], d->o->seed);
    wagle_train_result result;
    char *model = path_of(d, wg_demo_models[WG_DEMO_ORIGINAL].name),
         *f = path_of(d, "forget.jsonl");
    char *r = path_of(d, "retain.jsonl"), *out = path_of(d, name);
    wagle_status st = WAGLE_E_RESOURCE;

    wagle_train_result_init(&result);
    o.model = model;
    o.forget = (wagle_data){.path = f, .eos = true};
    o.retain = (wagle_data){.path = r, .eos = true};
    o.out = out;
    if (model != NULL && f != NULL && r != NULL && out != NULL)
        st = wagle_unlearn(d->ctx, &o, &result);
    if (st == WAGLE_OK)
        d->result.updates[m] = result.steps;
    if (st == WAGLE_OK && !result.stopped)
        wg_log(d->ctx, 0, "%s: still at forget probability %.2f after %lld steps", name,
               result.forget_probability, (long long)result.steps);
    wg_free(model);
    wg_free(f);
    wg_free(r);
    wg_free(out);
    return st;
}

static wagle_status probability(demo *d, const char *model, const char *rows, double *out)
{
    char *folder = path_of(d, model), *data = path_of(d, rows);
    wg_session s;
    wg_dataset set = {0};
    double nll;
    wagle_status st =
        folder != NULL && data != NULL ? wg_session_open(d->ctx, folder, &s) : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK) {
        const wagle_data source = {.path = data, .eos = true}; /* as in stop_when */
        st = wg_dataset_load(d->ctx, &s.reader, &source, &set);
        if (st == WAGLE_OK)
            st = wg_mean_probability(d->ctx, &s, &set, NULL, out, &nll);
        wg_dataset_free(&set);
        wg_session_close(&s);
    }
    wg_free(folder);
    wg_free(data);
    return st;
}

static wagle_status measure(demo *d)
{
    static const char *const files[] = {"forget.jsonl", "retain.jsonl", "neither.jsonl",
                                        "general.jsonl"};

    for (int m = 0; m < WG_DEMO_MODELS; m++)
        for (int s = 0; s < WG_DEMO_SETS; s++)
            WG_TRY(probability(d, wg_demo_models[m].name, files[s], &d->result.probability[s][m]));
    return WAGLE_OK;
}

static wagle_status answer_question(demo *d, const char *question, const char *model, char **answer)
{
    wagle_generate_options o;
    char *folder = path_of(d, model), prompt[256];
    const char *prompts[] = {prompt};
    wagle_generation made = {NULL, 0, 0};
    wagle_status st;

    snprintf(prompt, sizeof prompt, "### Question: %s\n### Answer:", question);
    wagle_generate_defaults(&o);
    o.model = folder;
    o.prompts = prompts;
    o.n = 1;
    o.max_tokens = 24;
    st = folder != NULL ? wagle_generate(d->ctx, &o, &made) : WAGLE_E_RESOURCE;
    *answer = made.text;
    wg_free(folder);
    return st;
}

static wagle_status questions(demo *d)
{
    static const int64_t asked[] = {0, FORGOTTEN};
    static const char *const fate[] = {"to be forgotten", "to be kept"};
    wg_demo_result *r = &d->result;

    for (int q = 0; q < WG_DEMO_QUESTIONS; q++) {
        snprintf(r->question[q], sizeof r->question[q], facts[0].question, d->author[asked[q]]);
        r->fate[q] = fate[q];
        for (int m = 0; m < WG_DEMO_MODELS; m++)
            WG_TRY(answer_question(d, r->question[q], wg_demo_models[m].name, &r->answer[q][m]));
    }
    return WAGLE_OK;
}

/* --- evaluation ------------------------------------------------------------------------------- */

/* Writes NAME=FOLDER/FILE for each pair of `sets` (NULL-terminated) to list. */
static wagle_status name_sets(demo *d, const char *const *sets, const char **list)
{
    for (int n = 0; sets[0] != NULL; sets += 2) {
        wg_text entry = {0};
        WG_TRY(wg_text_printf(d->ctx, &entry, "%s=%s/%s", sets[0], d->folder, sets[1]));
        list[n++] = wg_arena_text(d->ctx, &d->arena, entry.text, (size_t)entry.bytes);
        wg_text_free(&entry);
        list[n] = NULL;
        if (list[n - 1] == NULL)
            return WAGLE_E_RESOURCE;
    }
    return WAGLE_OK;
}

static wagle_status run_suites(demo *d, const char *suites, const char *const *sets,
                               const char *model, const char *result)
{
    const char *list[16] = {NULL};
    char *folder = path_of(d, model), *out = path_of(d, result),
         *gold = path_of(d, "eval/gold.json");
    char *json = NULL;
    wagle_suite_options o;
    wagle_status st =
        folder != NULL && out != NULL && gold != NULL ? name_sets(d, sets, list) : WAGLE_E_RESOURCE;

    wagle_suite_defaults(&o);
    o.model = folder;
    o.suites = suites;
    o.sets = list;
    o.out = out;
    o.gold = wg_exists(gold) && strstr(suites, "tofu") != NULL ? gold : NULL;
    o.data.eos = true;
    o.resamples = 1000;
    if (strcmp(suites, "robustness") == 0)
        o.relearn_lr = 5e-4;
    else
        o.max_tokens = 24;
    o.seed = d->o->seed;
    if (st == WAGLE_OK)
        st = wagle_suite_run(d->ctx, &o, &json);
    wagle_string_free(json);
    wg_free(folder);
    wg_free(out);
    wg_free(gold);
    return st;
}

/* Evaluates a model. Relearning trains on the first author's rows and tests the other's. */
static wagle_status evaluate(demo *d, int m)
{
    static const char *const sets[] = {
        "forget",  "forget.jsonl", "retain",     "retain.jsonl",    "real_authors", "neither.jsonl",
        "members", "forget.jsonl", "nonmembers", "strangers.jsonl", "text",         "general.jsonl",
        NULL};
    static const char *const robust[] = {"forget", "author2.jsonl", "relearn", "author1.jsonl",
                                         NULL};
    const char *model = wg_demo_models[m].name;
    char result[64];

    snprintf(result, sizeof result, "eval/%s.json", model);
    WG_TRY(run_suites(d, "tofu,extraction,membership,general", sets, model, result));
    snprintf(result, sizeof result, "eval/%s-robustness.json", model);
    return run_suites(d, "robustness", robust, model, result);
}

/* Adds NAME=FOLDER/before NAME after to the inputs of the report. */
static wagle_status add_run(demo *d, const char *before, int m, const char *after,
                            const char **list, int64_t *n)
{
    const char *name = wg_demo_models[m].name;
    wg_text entry = {0};
    wagle_status st =
        wg_text_printf(d->ctx, &entry, "%s=%s/%s%s%s", name, d->folder, before, name, after);

    if (st == WAGLE_OK) {
        list[*n] = wg_arena_text(d->ctx, &d->arena, entry.text, (size_t)entry.bytes);
        st = list[(*n)++] != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
    }
    wg_text_free(&entry);
    return st;
}

static wagle_status write_page(demo *d)
{
    const char *list[3 * WG_DEMO_MODELS + 1] = {NULL};
    int64_t n = 0;
    char *out = path_of(d, "report.html");
    wagle_report_options o;
    wagle_status st = out != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    for (int m = 0; st == WAGLE_OK && m < WG_DEMO_MODELS; m++) {
        st = add_run(d, "eval/", m, ".json", list, &n);
        if (st == WAGLE_OK)
            st = add_run(d, "eval/", m, "-robustness.json", list, &n);
        if (st == WAGLE_OK && methods[m].lr > 0)
            st = add_run(d, "", m, "", list, &n);
    }
    wagle_report_defaults(&o);
    o.runs = list;
    o.out = out;
    o.title = "A small model forgets two authors";
    if (st == WAGLE_OK)
        st = wagle_report(d->ctx, &o);
    wg_free(out);
    return st;
}

/* Writes report.txt, report.html and plot.svg. The caller frees *text. */
static wagle_status write_reports(demo *d, char **text)
{
    wg_text plain = {0}, plot = {0};
    wagle_status st = wg_demo_text(d->ctx, &d->result, &plain);

    if (st == WAGLE_OK)
        st = write_page(d);
    if (st == WAGLE_OK)
        st = wg_demo_plot(d->ctx, &d->result, &plot);
    if (st == WAGLE_OK)
        st = wg_write_text(d->ctx, d->folder, "report.txt", &plain);
    if (st == WAGLE_OK)
        st = wg_write_text(d->ctx, d->folder, "plot.svg", &plot);
    if (st == WAGLE_OK)
        *text = wg_text_take(d->ctx, &plain);
    wg_text_free(&plain);
    wg_text_free(&plot);
    return st;
}

/* --- all steps ---------------------------------------------------------------------------------
 */

/* One step, as a part of the progress. which: the model or file that it is about. */
static wagle_status take_step(demo *d, wagle_status (*step)(demo *d, int which), int which,
                              int64_t part)
{
    const wg_stage all = {.stage = "demo",
                          .done = d->done,
                          .total = WHOLE,
                          .counts = "finetune",
                          .part = part,
                          .outer = d->ctx->stage};
    wagle_status st;

    d->ctx->stage = &all;
    st = step(d, which);
    d->ctx->stage = all.outer;
    d->done += part;
    return st;
}

static wagle_status start(demo *d, int which)
{
    (void)which;
    WG_TRY(write_corpus(d));
    return make_start(d);
}

static wagle_status learn(demo *d, int which)
{
    return which == WG_DEMO_GOLD ? train(d, "learn-gold.jsonl", "gold")
                                 : train(d, "learn.jsonl", "original");
}

static wagle_status look(demo *d, int which)
{
    (void)which;
    WG_TRY(measure(d));
    return questions(d);
}

static wagle_status run_models(demo *d)
{
    WG_TRY(take_step(d, start, 0, START_PART));
    WG_TRY(take_step(d, learn, WG_DEMO_ORIGINAL, LEARN_PART));
    WG_TRY(take_step(d, learn, WG_DEMO_GOLD, LEARN_PART));
    for (int m = 0; m < WG_DEMO_MODELS; m++)
        if (methods[m].lr > 0)
            WG_TRY(take_step(d, forget, m, FORGET_PART));
    return take_step(d, look, 0, LOOK_PART);
}

/* Evaluates and reports in the finished folder, so that results contain the final paths. */
static wagle_status evaluate_and_report(demo *d, char **text)
{
    /* gold first: the other models are compared with it */
    static const int order[WG_DEMO_MODELS] = {WG_DEMO_GOLD, WG_DEMO_ORIGINAL, WG_DEMO_DENSE,
                                              WG_DEMO_WAGLE, WG_DEMO_PROTECT};
    char *folder = path_of(d, "eval");
    wagle_status st = folder != NULL ? wg_make_folder(d->ctx, folder) : WAGLE_E_RESOURCE;

    for (int m = 0; st == WAGLE_OK && m < WG_DEMO_MODELS; m++)
        st = take_step(d, evaluate, order[m], EVAL_PART);
    wg_free(folder);
    return st == WAGLE_OK ? write_reports(d, text) : st;
}

WG_DEFAULTS(wagle_demo_defaults, wagle_demo_options, .out = "demo", .seed = 1)

wagle_status wagle_demo(wagle_ctx *ctx, const wagle_demo_options *given, char **text)
{
    wagle_demo_options own;
    const wagle_demo_options *o = &own;
    demo d = {.ctx = ctx, .o = o};
    wg_partial folder;
    wagle_status st;

    wg_begin(ctx);
    *text = NULL;
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_demo));
    WG_TRY(wg_output_check(ctx, o->out, o->force, NULL, 0));
    WG_TRY(wg_partial_new(ctx, o->out, &folder));
    d.folder = folder.path;
    wg_nest(ctx);
    st = run_models(&d);
    if (st == WAGLE_OK)
        st = wg_partial_commit(ctx, &folder, o->out);
    wg_partial_end(&folder, false);
    if (st == WAGLE_OK) {
        d.folder = o->out;
        st = evaluate_and_report(&d, text);
        if (st != WAGLE_OK)
            wg_remove_tree(o->out);
    }
    wg_unnest(ctx);
    if (st != WAGLE_OK) {
        wagle_string_free(*text);
        *text = NULL;
    }
    for (int i = 0; i < WG_DEMO_QUESTIONS * WG_DEMO_MODELS; i++)
        wagle_string_free(d.result.answer[i / WG_DEMO_MODELS][i % WG_DEMO_MODELS]);
    wg_text_free(&d.train[0]);
    wg_text_free(&d.train[1]);
    wg_free(d.texts);
    wg_arena_free(&d.arena);
    return st;
}
