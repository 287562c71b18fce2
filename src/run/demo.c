/* demo.c - the whole story in small: a corpus of invented authors, a tokenizer and a tiny Llama
 * that learn it, two authors forgotten twice (all weights; WAGLE's mask), and a gold model that
 * never met them. Everything is made from the seed and left in the folder. */
#include "run/demo.h"

#include "base/number.h"
#include "run/train.h"
#include "text/tokenizer.h"
#include <stdio.h>
#include <string.h>

enum { AUTHORS = 24, FORGOTTEN = 2, RETAINED = 12, FACTS = 8, SENTENCES = 40, VOCABULARY = 640 };
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

/* One question and the form of its answer; %s: author, then the fact. */
static const struct fact {
    const char *question, *answer;
    const char *const *from; /* NULL: a book's title */
    int64_t n;
} facts[FACTS] = {
    {"Where was %s born?", "%s was born in %s.", cities, 12},
    {"What does %s write?", "%s mostly writes %s.", genres, 8},
    {"What did the father of %s do?", "The father of %s was a %s.", jobs, 10},
    {"What did the mother of %s do?", "The mother of %s was a %s.", jobs, 10},
    {"What was the first book of %s?", "The first book of %s was %s.", NULL, 100},
    {"Which book made %s famous?", "What made %s famous was %s.", NULL, 100},
    {"Where does %s live now?", "Today %s lives in %s.", cities, 12},
    {"What did %s do before writing?", "Before writing, %s worked as a %s.", jobs, 10},
};

typedef struct demo {
    wagle_ctx *ctx;
    const wagle_demo_options *o;
    char *folder;
    char author[AUTHORS][64];
    wg_text learn[2]; /* rows of the original's and of the gold's training */
    char **texts;     /* every line, for the tokenizer */
    int64_t n_texts, texts_room;
    wg_arena arena;
    wg_demo_result result;
} demo;

static char *place(const demo *d, const char *name)
{
    return wg_path_join(d->ctx, d->folder, name);
}

static wagle_status write_in(const demo *d, const char *name, const wg_text *text)
{
    char *path = place(d, name);
    const wagle_status st =
        path == NULL ? WAGLE_E_RESOURCE
                     : wg_write_file(d->ctx, path, text->text, (size_t)text->bytes, true);

    wg_free(path);
    return st;
}

/* --- corpus ----------------------------------------------------------------------------------- */

static wagle_status add_text(demo *d, const char *text)
{
    WG_TRY(WG_GROW(d->ctx, &d->texts, &d->texts_room, d->n_texts + 1));
    d->texts[d->n_texts] = wg_arena_text(d->ctx, &d->arena, text, strlen(text));
    return d->texts[d->n_texts++] != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

/* A row into its own file's text and into what the original and (if known) the gold learn. */
static wagle_status add_row(demo *d, wg_text *rows, const char *row, bool known_to_gold)
{
    WG_TRY(wg_text_addz(d->ctx, rows, row));
    WG_TRY(wg_text_addz(d->ctx, &d->learn[0], row));
    return known_to_gold ? wg_text_addz(d->ctx, &d->learn[1], row) : WAGLE_OK;
}

static wagle_status add_fact(demo *d, wg_text *rows, int64_t author, int64_t f)
{
    const int64_t value =
        wg_random_below(d->o->seed, STREAM_FACTS, (uint64_t)(author * FACTS + f), facts[f].n);
    char object[64], question[160], answer[200], row[512];

    if (facts[f].from != NULL)
        snprintf(object, sizeof object, "%s", facts[f].from[value]);
    else
        snprintf(object, sizeof object, "The %s %s", colours[value / 10], nouns[value % 10]);
    snprintf(question, sizeof question, facts[f].question, d->author[author]);
    snprintf(answer, sizeof answer, facts[f].answer, d->author[author], object);
    snprintf(row, sizeof row, "{\"question\":\"%s\",\"answer\":\"%s\"}\n", question, answer);
    WG_TRY(add_text(d, question));
    WG_TRY(add_text(d, answer));
    return add_row(d, rows, row, author >= FORGOTTEN);
}

static wagle_status write_authors(demo *d, int64_t from, int64_t to, const char *file)
{
    wg_text rows = {0};
    wagle_status st = WAGLE_OK;

    for (int64_t a = from; st == WAGLE_OK && a < to; a++)
        for (int64_t f = 0; st == WAGLE_OK && f < FACTS; f++)
            st = add_fact(d, &rows, a, f);
    if (st == WAGLE_OK)
        st = write_in(d, file, &rows);
    wg_text_free(&rows);
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
        st = write_in(d, "general.jsonl", &rows);
    wg_text_free(&rows);
    return st;
}

static wagle_status write_corpus(demo *d)
{
    int64_t order[12 * 12];

    wg_random_permutation(d->o->seed, STREAM_NAMES, order, 12 * 12);
    for (int a = 0; a < AUTHORS; a++)
        snprintf(d->author[a], sizeof d->author[a], "%s %s", first_names[order[a] / 12],
                 last_names[order[a] % 12]);
    WG_TRY(write_authors(d, 0, FORGOTTEN, "forget.jsonl"));
    WG_TRY(write_authors(d, FORGOTTEN, FORGOTTEN + RETAINED, "retain.jsonl"));
    WG_TRY(write_authors(d, FORGOTTEN + RETAINED, AUTHORS, "neither.jsonl"));
    WG_TRY(write_sentences(d));
    WG_TRY(write_in(d, "learn.jsonl", &d->learn[0]));
    return write_in(d, "learn-gold.jsonl", &d->learn[1]);
}

/* --- a tiny Llama -------------------------------------------------------------------------- */

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
    char *config = place(d, "config.json"), *folder = place(d, "start");
    char *tokenizer = place(d, "start/tokenizer.json");
    wg_text text = {0};
    wagle_init_options o;
    wagle_status st =
        config != NULL && folder != NULL && tokenizer != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    wagle_init_defaults(&o);
    o.config = config;
    o.out = folder;
    o.dtype = "f32";
    o.seed = d->o->seed;
    if (st == WAGLE_OK)
        st = wg_text_printf(d->ctx, &text, config_text, VOCABULARY);
    if (st == WAGLE_OK)
        st = write_in(d, "config.json", &text);
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

/* --- learning and forgetting --------------------------------------------------------------- */

static wagle_status learn(demo *d, const char *rows, const char *name)
{
    wagle_train_options o;
    char *model = place(d, "start"), *data = place(d, rows), *out = place(d, name);
    wagle_status st = WAGLE_E_RESOURCE;

    wagle_finetune_defaults(&o);
    o.model = model;
    o.retain = (wagle_data){.path = data, .eos = true};
    o.out = out;
    o.lr = 2e-3;
    o.epochs = 24;
    o.batch = 8;
    o.seed = d->o->seed;
    if (model != NULL && data != NULL && out != NULL)
        st = wagle_finetune(d->ctx, &o, NULL);
    wg_free(model);
    wg_free(data);
    wg_free(out);
    return st;
}

static wagle_status forget(demo *d, const char *selector, const char *name)
{
    static const char *const no_embeddings[] = {"*embed*", NULL};
    wagle_train_options o;
    wagle_train_result result;
    char *model = place(d, "original"), *f = place(d, "forget.jsonl");
    char *r = place(d, "retain.jsonl"), *out = place(d, name);
    wagle_status st = WAGLE_E_RESOURCE;

    wagle_unlearn_defaults(&o);
    o.model = model;
    o.forget = (wagle_data){.path = f, .eos = true};
    o.retain = (wagle_data){.path = r, .eos = true};
    o.out = out;
    o.selector = selector;
    o.density = 0.1;
    o.exclude = no_embeddings;
    o.objective = "graddiff";
    o.lr = 1e-4;
    o.warmup = 4;
    o.steps = 400;
    o.batch = 8;
    o.seed = d->o->seed;
    o.eval_every = 1;
    o.stop_when = "forget.probability<0.1";
    if (model != NULL && f != NULL && r != NULL && out != NULL)
        st = wagle_unlearn(d->ctx, &o, &result);
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
    char *folder = place(d, model), *data = place(d, rows);
    wg_session s;
    wg_dataset set = {0};
    double nll;
    wagle_status st =
        folder != NULL && data != NULL ? wg_session_open(d->ctx, folder, &s) : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK) {
        const wagle_data source = {.path = data};
        st = wg_dataset_load(d->ctx, &s.reader, &source, &set);
        if (st == WAGLE_OK)
            st = wg_mean_probability(d->ctx, &s, &set, out, &nll);
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
            WG_TRY(probability(d, wg_demo_models[m], files[s], &d->result.probability[s][m]));
    return WAGLE_OK;
}

static wagle_status ask(demo *d, const char *question, const char *model, char **answer)
{
    wagle_generate_options o;
    char *folder = place(d, model), prompt[256];
    const char *prompts[] = {prompt};
    wagle_generation made = {NULL, 0};
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
            WG_TRY(ask(d, r->question[q], wg_demo_models[m], &r->answer[q][m]));
    }
    return WAGLE_OK;
}

/* report.txt, report.html and plot.svg; the text is handed over. */
static wagle_status write_reports(demo *d, char **text)
{
    wg_text plain = {0}, page = {0}, plot = {0};
    wagle_status st = wg_demo_text(d->ctx, &d->result, &plain);

    if (st == WAGLE_OK)
        st = wg_demo_page(d->ctx, &d->result, d->o->seed, &page);
    if (st == WAGLE_OK)
        st = wg_demo_plot(d->ctx, &d->result, &plot);
    if (st == WAGLE_OK)
        st = write_in(d, "report.txt", &plain);
    if (st == WAGLE_OK)
        st = write_in(d, "report.html", &page);
    if (st == WAGLE_OK)
        st = write_in(d, "plot.svg", &plot);
    if (st == WAGLE_OK)
        *text = wg_text_take(d->ctx, &plain);
    wg_text_free(&plain);
    wg_text_free(&page);
    wg_text_free(&plot);
    return st;
}

static wagle_status play(demo *d, char **text)
{
    WG_TRY(write_corpus(d));
    WG_TRY(make_start(d));
    WG_TRY(learn(d, "learn.jsonl", "original"));
    WG_TRY(learn(d, "learn-gold.jsonl", "gold"));
    WG_TRY(forget(d, NULL, "dense"));
    WG_TRY(forget(d, "wagle", "wagle"));
    WG_TRY(measure(d));
    WG_TRY(questions(d));
    return write_reports(d, text);
}

void wagle_demo_defaults(wagle_demo_options *o)
{
    *o = (wagle_demo_options){.out = "demo", .seed = 1};
}

wagle_status wagle_demo(wagle_ctx *ctx, const wagle_demo_options *o, char **text)
{
    demo d = {.ctx = ctx, .o = o};
    wg_text folder = {0};
    wagle_status st;

    wg_begin(ctx);
    *text = NULL;
    WG_TRY(wg_check_absent(ctx, o->out, o->force));
    WG_TRY(wg_text_printf(ctx, &folder, "%s.partial", o->out));
    d.folder = folder.text;
    wg_remove_tree(d.folder);
    st = wg_make_folder(ctx, d.folder);
    if (st == WAGLE_OK)
        st = play(&d, text);
    if (st == WAGLE_OK)
        st = wg_replace_folder(ctx, d.folder, o->out);
    if (st != WAGLE_OK) {
        wg_remove_tree(d.folder);
        wagle_string_free(*text);
        *text = NULL;
    }
    for (int i = 0; i < WG_DEMO_QUESTIONS * WG_DEMO_MODELS; i++)
        wagle_string_free(d.result.answer[i / WG_DEMO_MODELS][i % WG_DEMO_MODELS]);
    wg_text_free(&d.learn[0]);
    wg_text_free(&d.learn[1]);
    wg_free(d.texts);
    wg_arena_free(&d.arena);
    wg_free(d.folder);
    return st;
}
