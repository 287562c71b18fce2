/* fuzz.c - a table of all parsers of untrusted files, for fuzzing.
 *
 *   replay CORPUS [ROUNDS]    each file of CORPUS/TARGET, and ROUNDS seeded mutations of each
 *   fuzz_TARGET               libFuzzer (clang, cmake -DWAGLE_FUZZ=ON): tests/fuzz/README.md
 *
 * A target may return any status, but must not crash or cause a sanitizer report. */
#include "base/file.h"
#include "base/number.h"
#include "data/dataset.h"
#include "encoder/parts.h"
#include "gguf/reader.h"
#include "io/events.h"
#include "io/mask.h"
#include "io/patch.h"
#include "io/rows.h"
#include "model/model.h"
#include "modeldir/adapter.h"
#include "suite/question.h"
#include "suite/results.h"
#include "sweep/sweep.h"
#include "text/chat.h"
#include "text/jinja/jinja.h"
#include "text/tokenizer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef WG_FUZZ_TARGET
#define FOLDER WG_SCRATCH "/fuzz-" WG_FUZZ_TARGET /* several targets may run at once */
#else
#define FOLDER WG_SCRATCH "/fuzz"
#endif
#define OUT WG_SCRATCH "/fuzz-out"

/* Reads rows with the default layout, and as chats with all turns. */
static void as_rows(wagle_ctx *ctx, const char *path)
{
    static wg_reader reader = {
        .folder = WG_GOLD "/tokenizers/gpt2", .V = 60000, .max_length = 2048};
    const wagle_data data[] = {
        {.path = path, .eos = true},
        {.path = path, .eos = true, .chat = "chatml", .all_turns = true, .truncate = true},
        {.path = path, .chat = "mistral", .system = "Be brief.", .limit = 2},
    };
    wg_dataset set;

    for (size_t i = 0; i < sizeof data / sizeof *data; i++) {
        wg_begin(ctx);
        if (wg_dataset_load(ctx, &reader, &data[i], &set) == WAGLE_OK)
            wg_dataset_free(&set);
    }
}

/* Reads all columns, and those that rows of training use. */
static void as_columns(wagle_ctx *ctx, const char *path)
{
    wg_rows rows;

    if (wg_rows_read(ctx, path, NULL, &rows) == WAGLE_OK)
        wg_rows_free(&rows);
    as_rows(ctx, path);
}

static void as_safetensors(wagle_ctx *ctx, const char *path)
{
    wg_tensors tensors;
    unsigned sum = 0;

    if (wg_tensors_open(ctx, path, &tensors) == WAGLE_OK)
        for (int64_t i = 0; i < tensors.n; i++)
            for (size_t b = 0; b < tensors.tensor[i].bytes; b++)
                sum += ((const unsigned char *)tensors.tensor[i].data)[b];
    wg_tensors_close(&tensors);
    wg_log(ctx, 2, "%u", sum);
}

static void as_index(wagle_ctx *ctx, const char *path)
{
    (void)path;
    as_safetensors(ctx, FOLDER);
}

static void as_patch(wagle_ctx *ctx, const char *path)
{
    wg_patch patch;
    int64_t sum = 0;

    if (wg_patch_open(ctx, path, &patch) == WAGLE_OK)
        for (int64_t i = 0; i < patch.n; i++) {
            wg_patch_walk w = {0};
            while (wg_patch_next(&patch.tensor[i], &w))
                sum += patch.tensor[i].fresh[w.next - 1];
        }
    wg_log(ctx, 2, "%lld", (long long)sum);
    wg_patch_close(&patch);
}

static void as_mask(wagle_ctx *ctx, const char *path)
{
    wg_mask mask;

    if (wg_mask_read(ctx, path, &mask) == WAGLE_OK)
        wg_mask_count(&mask);
    wg_mask_free(&mask);
}

static void as_gguf(wagle_ctx *ctx, const char *path)
{
    wagle_import_options o;

    wagle_import_defaults(&o);
    o.gguf = path;
    o.out = OUT;
    o.force = true;
    if (wagle_import(ctx, &o) != WAGLE_OK)
        wg_begin(ctx);
    wg_remove_tree(OUT);
}

static void as_config(wagle_ctx *ctx, const char *path)
{
    enum { POSITIONS = 8 };
    static wg_real cosine[POSITIONS * WG_PAIRS_MOST], sine[POSITIONS * WG_PAIRS_MOST];
    char name[WG_NAME_BYTES];
    wg_shape shape;
    wg_config config;

    (void)path;
    if (wg_config_read(ctx, FOLDER, &config) != WAGLE_OK) {
        wg_begin(ctx);
        return;
    }
    for (int i = 0; i < wg_config_tables(&config); i++)
        wg_rope_tables(&config, i, POSITIONS, cosine, sine);
    for (int role = 0; role < wg_config_roles(&config); role++)
        if (wg_config_has(&config, (wg_role)role, 0))
            wg_config_tensor(&config, (wg_role)role, 0, name, &shape);
}

static void as_tokenizer(wagle_ctx *ctx, const char *path)
{
    static const char text[] =
        "Hello <|end|> 12345 w\xC3\xB6rld\n\n  don't \xF0\x9F\x98\x80 e\xCC\x81";
    wagle_tokenizer *t;
    wg_ids ids = {0};
    wg_text back = {0};

    (void)path;
    if (wagle_tokenizer_open(ctx, FOLDER, &t) != WAGLE_OK)
        return;
    if (wg_encode(ctx, t, text, sizeof text - 1, true, &ids) == WAGLE_OK &&
        wg_decode(ctx, t, ids.id, ids.n, false, &back) != WAGLE_OK)
        wg_begin(ctx);
    wg_free(ids.id);
    wg_text_free(&back);
    wagle_tokenizer_free(t);
}

/* Writes a file to the folder for one run. */
static void put_file(wagle_ctx *ctx, const char *path, const char *text, size_t bytes)
{
    if (wg_write_file(ctx, path, text, bytes, true) != WAGLE_OK)
        abort();
}

/* The file is a tokenizer_config.json, and a special_tokens_map.json. */
static void as_token_config(wagle_ctx *ctx, const char *path)
{
    static const char json[] =
        "{\"added_tokens\":[{\"id\":4,\"content\":\"<x>\",\"special\":true}],\"pre_tokenizer\":"
        "{\"type\":\"ByteLevel\",\"add_prefix_space\":false},\"model\":{\"type\":\"BPE\",\"vocab\":"
        "{\"e\":0,\"l\":1,\"o\":2,\"lo\":3},\"merges\":[\"l o\"]}}";
    wg_map map;

    if (wg_map_open(ctx, path, &map) != WAGLE_OK)
        return;
    put_file(ctx, FOLDER "/tokenizer.json", json, sizeof json - 1);
    put_file(ctx, FOLDER "/special_tokens_map.json", (const char *)map.data, map.bytes);
    as_tokenizer(ctx, path);
    remove(FOLDER "/tokenizer.json");
    remove(FOLDER "/special_tokens_map.json");
    wg_map_close(&map);
}

/* The file is vocab.json, a line "---", and merges.txt. */
static void as_vocabulary(wagle_ctx *ctx, const char *path)
{
    static const char mark[] = "\n---\n";
    wg_text text = {0};

    if (wg_read_text(ctx, path, &text) != WAGLE_OK)
        return;
    const char *cut = strstr(text.text, mark);
    const size_t n = cut != NULL ? (size_t)(cut - text.text) : (size_t)text.bytes;
    const size_t skip = cut != NULL ? n + sizeof mark - 1 : n;
    put_file(ctx, FOLDER "/vocab.json", text.text, n);
    put_file(ctx, FOLDER "/merges.txt", text.text + skip, (size_t)text.bytes - skip);
    as_tokenizer(ctx, path);
    remove(FOLDER "/vocab.json");
    remove(FOLDER "/merges.txt");
    wg_text_free(&text);
}

/* The file is the vocab.txt of a BertTokenizer. */
static void as_words(wagle_ctx *ctx, const char *path)
{
    static const char json[] = "{\"tokenizer_class\":\"BertTokenizer\",\"strip_accents\":false}";

    put_file(ctx, FOLDER "/tokenizer_config.json", json, sizeof json - 1);
    as_tokenizer(ctx, path);
    remove(FOLDER "/tokenizer_config.json");
}

/* The file is an object whose members are files of a folder of sentence-transformers. */
static void as_encoder(wagle_ctx *ctx, const char *path)
{
    static const char *const files[] = {FOLDER "/modules.json",
                                        FOLDER "/config.json",
                                        FOLDER "/sentence_bert_config.json",
                                        FOLDER "/config_sentence_transformers.json",
                                        FOLDER "/tokenizer_config.json",
                                        FOLDER "/tokenizer.json",
                                        FOLDER "/1_Pooling/config.json"};
    wg_encoder_folder folder = {0};
    wg_encoder_config config;
    wagle_tokenizer *t = NULL;
    int64_t longest = 512;
    bool left;
    json_t *root;

    if (wg_json_read(ctx, path, &root) != WAGLE_OK)
        return;
    if (wg_make_folder(ctx, FOLDER "/1_Pooling") != WAGLE_OK)
        abort();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (json_object_get(root, files[i] + sizeof FOLDER) != NULL)
            (void)json_dump_file(json_object_get(root, files[i] + sizeof FOLDER), files[i],
                                 JSON_ENCODE_ANY);
    json_decref(root);
    if (wg_encoder_folder_read(ctx, FOLDER, &folder) == WAGLE_OK &&
        wg_encoder_config_read(ctx, folder.model, &config) == WAGLE_OK &&
        wg_encoder_tokenizer(ctx, &folder, &longest, &left, &t) != WAGLE_OK)
        wg_begin(ctx);
    wagle_tokenizer_free(t);
    wg_encoder_folder_free(&folder);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        remove(files[i]);
}

static void as_text(wagle_ctx *ctx, const char *path)
{
    static wagle_tokenizer *t;
    wg_map map;
    wg_ids ids = {0};

    if (t == NULL && wagle_tokenizer_open(ctx, WG_GOLD "/tokenizers/llama3", &t) != WAGLE_OK)
        abort();
    if (wg_map_open(ctx, path, &map) != WAGLE_OK)
        return;
    if (wg_encode(ctx, t, (const char *)map.data, map.bytes, true, &ids) != WAGLE_OK)
        wg_begin(ctx);
    wg_free(ids.id);
    wg_map_close(&map);
}

static void as_chat(wagle_ctx *ctx, const char *path)
{
    wg_chat *chat;
    wg_text text = {0};

    (void)path;
    if (wg_chat_open(ctx, FOLDER, NULL, &chat) == WAGLE_OK &&
        wg_chat_render_prompt(ctx, chat, NULL, "hello", &text) != WAGLE_OK)
        wg_begin(ctx);
    wg_text_free(&text);
    wg_chat_free(chat);
}

/* Renders a template with one conversation with tools. */
static void as_jinja(wagle_ctx *ctx, const char *path)
{
    static const char variables[] =
        "{\"messages\": [{\"role\": \"system\", \"content\": \" s\\n\"}, {\"role\": \"user\", "
        "\"content\": \"W\u00f6 \U0001F600?\"}, {\"role\": \"assistant\", \"content\": "
        "[{\"type\": "
        "\"text\", \"text\": \"<think>a</think>b\"}], \"tool_calls\": [{\"function\": {\"name\": "
        "\"f\", \"arguments\": {\"x\": [1, 2.5, null, true]}}}]}], \"tools\": [{\"a\": 1}], \"n\": "
        "7, "
        "\"s\": \"a, b\", \"l\": [3, 1, 2], \"d\": {\"b\": 1, \"a\": null}, "
        "\"add_generation_prompt\": true, \"bos_token\": \"<s>\"}";
    static json_t *given;
    wg_jinja *t = NULL;
    wg_text text = {0};
    wg_map map;

    if (given == NULL)
        given = json_loads(variables, 0, NULL);
    if (wg_map_open(ctx, path, &map) != WAGLE_OK)
        return;
    if (wg_jinja_compile(ctx, "t", (const char *)map.data, map.bytes, &t) == WAGLE_OK &&
        wg_jinja_render(ctx, t, given, "2026-07-31", &text) == WAGLE_OK &&
        !wg_utf8_valid(text.text, (size_t)text.bytes))
        abort();
    wg_text_free(&text);
    wg_jinja_free(t);
    wg_map_close(&map);
}

/* Rows of an evaluation: computes the metrics of every suite. */
static void as_results(wagle_ctx *ctx, const char *path)
{
    json_t *rows;

    if (wg_results_read(ctx, path, &rows) != WAGLE_OK)
        return;
    for (int i = 0; wg_suite_at(i) != NULL; i++) {
        const wg_suite *s = wg_suite_at(i);
        wg_frame f = {0};
        wg_measures m = {0};
        wg_begin(ctx);
        if (wg_results_frame(ctx, s, rows, "", &f) == WAGLE_OK &&
            wg_results_frame(ctx, s, rows, "gold/", &f) == WAGLE_OK &&
            wg_bootstrap(ctx, &f, s->measure, 2, 1, &m) != WAGLE_OK)
            wg_begin(ctx);
        wg_measures_free(&m);
        wg_frame_free(&f);
    }
    json_decref(rows);
}

static void as_questions(wagle_ctx *ctx, const char *path)
{
    wg_answers a = {.path = path};
    const wg_benchmark *b;
    wg_question q;

    if (wg_rows_read(ctx, path, NULL, &a.rows) != WAGLE_OK)
        return;
    for (int64_t i = 0; i < a.rows.n; i++) {
        wagle_status st = wg_benchmark_choose(ctx, "set", &a, i, &b);
        if (st == WAGLE_OK) {
            st = wg_question_read(ctx, b, &a, i, &q);
            wg_question_free(&q);
        }
        if (st != WAGLE_OK)
            wg_begin(ctx);
    }
    wg_rows_free(&a.rows);
}

/* A manifest, shown in a report. */
static void as_manifest(wagle_ctx *ctx, const char *path)
{
    const char *const runs[] = {"a=" FOLDER, NULL};
    wagle_report_options o;

    (void)path;
    wagle_report_defaults(&o);
    o.runs = runs;
    o.out = OUT ".html";
    o.force = true;
    if (wagle_report(ctx, &o) != WAGLE_OK)
        wg_begin(ctx);
    remove(OUT ".html");
}

/* A certificate, shown in a report, with its names redacted. */
static void as_certificate(wagle_ctx *ctx, const char *path)
{
    const char *const runs[] = {path, NULL};
    wagle_report_options o;

    wagle_report_defaults(&o);
    o.runs = runs;
    o.out = OUT ".html";
    o.force = true;
    for (int redact = 0; redact < 2; redact++) {
        o.redact = redact;
        if (wagle_report(ctx, &o) != WAGLE_OK)
            wg_begin(ctx);
        remove(OUT ".html");
    }
}

/* The grid of a sweep. */
static void as_spec(wagle_ctx *ctx, const char *path)
{
    wg_sweep s = {.out = OUT, .folder = "."};

    if (wg_json_read(ctx, path, &s.spec) != WAGLE_OK)
        return;
    if (wg_sweep_check(ctx, &s) != WAGLE_OK || wg_sweep_grid(ctx, &s) != WAGLE_OK ||
        wg_sweep_check_files(ctx, &s) != WAGLE_OK)
        wg_begin(ctx);
    json_decref(s.spec);
    wg_free(s.point);
    wg_arena_free(&s.arena);
}

/* Makes the checksums of an event file right, as far as its lengths lead. */
static void check_events(char *text, size_t bytes)
{
    for (size_t at = 0; bytes - at >= 16;) {
        const uint32_t head = wg_events_crc(text + at, 8);
        uint64_t length;
        memcpy(&length, text + at, sizeof length);
        memcpy(text + at + 8, &head, sizeof head);
        if (length > bytes - at - 16)
            return;
        const uint32_t tail = wg_events_crc(text + at + 12, (size_t)length);
        memcpy(text + at + 12 + length, &tail, sizeof tail);
        at += length + 16;
    }
}

static void go_on_with_events(wagle_ctx *ctx)
{
    wg_events e;

    if (wg_events_open(ctx, FOLDER, "a", true, &e) == WAGLE_OK &&
        (wg_events_start(ctx, &e, 2) != WAGLE_OK || wg_events_scalar(ctx, &e, "x", 1) != WAGLE_OK ||
         wg_events_write(ctx, &e, 2) != WAGLE_OK))
        abort();
    wg_events_close(&e);
    wg_begin(ctx);
}

/* An event file that a run goes on with, as it is and with right checksums. */
static void as_events(wagle_ctx *ctx, const char *path)
{
    wg_text text = {0};

    if (wg_read_text(ctx, path, &text) != WAGLE_OK)
        return;
    go_on_with_events(ctx);
    check_events(text.text, (size_t)text.bytes);
    put_file(ctx, path, text.text, (size_t)text.bytes);
    go_on_with_events(ctx);
    wg_text_free(&text);
}

/* The config, and the scale of some modules. */
static void as_adapter_config(wagle_ctx *ctx, const char *path)
{
    static const char *const modules[] = {"model.layers.0.self_attn.q_proj", "lm_head", ""};
    wg_adapter_config c = {0};
    json_t *json;

    if (wg_json_read(ctx, path, &json) != WAGLE_OK)
        return;
    if (wg_adapter_config_read(ctx, path, json, &c) == WAGLE_OK)
        for (int i = 0; i < 3; i++) {
            int64_t rank;
            double scale;
            bool is;
            wg_begin(ctx);
            if (wg_adapter_targets(ctx, &c, modules[i], &is) == WAGLE_OK && is &&
                wg_adapter_scale(ctx, &c, modules[i], &rank, &scale) == WAGLE_OK && rank < 1)
                abort();
        }
    wg_adapter_config_free(&c);
}

/* The weights, with a config of rank 2 for the attention of a gold model; merged, too. */
static void as_adapter(wagle_ctx *ctx, const char *path)
{
    static const char config[] = "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,"
                                 "\"use_dora\":true,\"target_modules\":\".*\"}";
    static const char model[] = WG_GOLD "/models/llama-gqa-tied";
    wg_adapter a = {0};
    wg_tensors files;

    (void)path;
    put_file(ctx, FOLDER "/adapter_config.json", config, sizeof config - 1);
    if (wg_tensors_open(ctx, model, &files) != WAGLE_OK)
        abort();
    if (wg_adapter_open(ctx, FOLDER, model, &files, &a) == WAGLE_OK)
        for (int64_t i = 0; i < a.n; i++) {
            void *out = malloc(a.change[i].base->bytes);
            wg_begin(ctx);
            if (wg_adapter_merge(ctx, NULL, &a.change[i], out) != WAGLE_OK)
                wg_log(ctx, 2, "%s", ctx->message);
            free(out);
        }
    wg_adapter_close(&a);
    wg_tensors_close(&files);
}

static const struct target {
    const char *name, *file;
    void (*run)(wagle_ctx *ctx, const char *path);
} targets[] = {
    {"rows", "rows", as_rows},
    {"parquet", "rows.parquet", as_columns},
    {"arrow", "rows.arrow", as_columns},
    {"safetensors", "model.safetensors", as_safetensors},
    {"index", "model.safetensors.index.json", as_index},
    {"mask", "mask", as_mask},
    {"patch", "patch", as_patch},
    {"gguf", "model.gguf", as_gguf},
    {"config", "config.json", as_config},
    {"tokenizer", "tokenizer.json", as_tokenizer},
    {"sentencepiece", "tokenizer.model", as_tokenizer},
    {"token_config", "tokenizer_config.json", as_token_config},
    {"vocabulary", "vocabulary", as_vocabulary},
    {"words", "vocab.txt", as_words},
    {"encoder", "encoder", as_encoder},
    {"text", "text", as_text},
    {"chat", "tokenizer_config.json", as_chat},
    {"jinja", "template.jinja", as_jinja},
    {"results", "x.rows.jsonl", as_results},
    {"questions", "questions.jsonl", as_questions},
    {"manifest", "manifest.json", as_manifest},
    {"certificate", "certificate.json", as_certificate},
    {"spec", "spec.json", as_spec},
    {"events", WG_EVENTS_FILE, as_events},
    {"adapter_config", "adapter_config.json", as_adapter_config},
    {"adapter", "adapter_model.safetensors", as_adapter},
};
enum { TARGETS = sizeof targets / sizeof *targets };

static void run_one(const struct target *t, const unsigned char *data, size_t bytes)
{
    static wagle_ctx *ctx;
    char path[1024];
    FILE *file;

    if (ctx == NULL && wagle_ctx_new(&ctx) != WAGLE_OK)
        abort();
    wg_begin(ctx);
    snprintf(path, sizeof path, FOLDER "/%s", t->file);
    file = fopen(path, "wb"); /* without fsync, which would take most of the time */
    if (file == NULL || fwrite(data, 1, bytes, file) != bytes || fclose(file) != 0)
        abort();
    t->run(ctx, path);
    remove(path);
}

static void make_folder(void)
{
    wagle_ctx *ctx;

    if (wagle_ctx_new(&ctx) != WAGLE_OK)
        abort();
    wg_remove_tree(FOLDER);
    if (wg_make_folder(ctx, FOLDER) != WAGLE_OK)
        abort();
    wagle_ctx_free(ctx);
}

#ifdef WG_FUZZ_TARGET
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    make_folder();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    for (int t = 0; t < TARGETS; t++)
        if (strcmp(targets[t].name, WG_FUZZ_TARGET) == 0)
            run_one(&targets[t], data, bytes);
    return 0;
}
#else
/* Seeded mutations: bits, bytes, runs copied or cut, numbers set to extremes. */
static size_t mutate(unsigned char *data, size_t bytes, uint64_t seed, uint64_t round)
{
    static const unsigned char extremes[] = {0, 1, 0x7F, 0x80, 0xFF, '"', '{', '\n'};
    uint64_t counter = 0;
#define BELOW(n) ((size_t)wg_random_below(seed, round, counter++, (int64_t)(n)))
    for (size_t times = 1 + BELOW(6); times > 0 && bytes > 1; times--) {
        const size_t reach = BELOW(2) || bytes < 2048 ? bytes : 2048; /* headers come first */
        const size_t at = BELOW(reach), run = 1 + BELOW(bytes - at < 16 ? bytes - at : 16);
        switch (BELOW(5)) {
        case 0:
            data[at] ^= (unsigned char)(1 << BELOW(8));
            break;
        case 1:
            data[at] = extremes[BELOW(sizeof extremes)];
            break;
        case 2:
            memset(data + at, extremes[BELOW(sizeof extremes)], run);
            break;
        case 3:
            memmove(data + BELOW(bytes - run + 1), data + at, run);
            break;
        default:
            memmove(data + at, data + at + run, bytes - at - run);
            bytes -= run;
        }
    }
#undef BELOW
    return bytes;
}

static long replay_file(wagle_ctx *ctx, const struct target *t, const char *path, long rounds)
{
    wg_map map;
    unsigned char *copy;

    if (wg_map_open(ctx, path, &map) != WAGLE_OK)
        abort();
    run_one(t, map.data, map.bytes);
    copy = malloc(map.bytes + 1);
    for (long r = 0; r < rounds && copy != NULL; r++) {
        memcpy(copy, map.data, map.bytes);
        run_one(t, copy, mutate(copy, map.bytes, wg_hash_bytes(path, strlen(path)), (uint64_t)r));
    }
    free(copy);
    wg_map_close(&map);
    return rounds + 1;
}

int main(int argc, char **argv)
{
    const long rounds = argc > 2 ? atol(argv[2]) : 0;
    wagle_ctx *ctx;

    if (argc < 2 || wagle_ctx_new(&ctx) != WAGLE_OK)
        return 2;
    make_folder();
    for (int t = 0; t < TARGETS; t++) {
        char folder[4096], path[8192];
        char **names;
        long runs = 0;
        snprintf(folder, sizeof folder, "%s/%s", argv[1], targets[t].name);
        if (wg_list_folder(ctx, folder, &names) != WAGLE_OK)
            return 2;
        for (char **name = names; *name != NULL; name++) {
            snprintf(path, sizeof path, "%s/%s", folder, *name);
            runs += replay_file(ctx, &targets[t], path, rounds);
        }
        wg_free_names(names);
        printf("%-14s %ld inputs\n", targets[t].name, runs);
        if (runs == 0)
            return 1;
    }
    wagle_ctx_free(ctx);
    return 0;
}
#endif
