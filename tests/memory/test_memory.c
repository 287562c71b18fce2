/* Models, rows, scores and masks in memory do what folders and files do, bit for bit, and an open
 * model never changes. */
#include "torture/textmodel.h"

#define ROWS WG_SCRATCH "/memory-rows.jsonl"
#define KEPT WG_SCRATCH "/memory-kept.jsonl"
#define OUT WG_SCRATCH "/memory-out"
#define SAVED WG_SCRATCH "/memory-saved"
#define BASE WG_SCRATCH "/memory-base"
#define SERVED WG_GOLD "/../cases/gguf-keeps-bf16/model.gguf"

static wagle_ctx *ctx;
static wagle_model *model;

static int begin(void **state)
{
    (void)state;
    ctx = new_context();
    make_text_model();
    write_text(ROWS,
               "{\"prompt\":\"Who\",\"answer\":\"me\"}\n{\"prompt\":\"Why\",\"answer\":\"so\"}\n");
    write_text(KEPT, "{\"input_ids\":[3,4,5,6],\"labels\":[-100,-100,5,6]}\n{\"text\":\"abc\"}\n");
    assert_ok(ctx, wagle_model_open(ctx, TEXT_MODEL, &model));
    return 0;
}

static int end(void **state)
{
    (void)state;
    wagle_model_close(model);
    wagle_ctx_free(ctx);
    assert_int_equal(wg_memory_live(), 0);
    return 0;
}

static wagle_train_options unlearning(void)
{
    wagle_train_options o;

    wagle_unlearn_defaults(&o);
    o.forget.path = ROWS;
    o.retain.path = KEPT;
    o.lr = 1e-2;
    o.steps = 3;
    o.batch = 2;
    o.warmup = 0;
    o.force = true;
    return o;
}

/* The answer to "Who" of a folder, or of an open model. */
static wagle_generation answer(const char *folder, const wagle_model *opened)
{
    static const char *const prompt[] = {"Who"};
    wagle_generate_options o;
    wagle_generation made;

    wagle_generate_defaults(&o);
    o.model = folder;
    o.opened = opened;
    o.prompts = prompt;
    o.n = 1;
    o.max_tokens = 12;
    assert_ok(ctx, wagle_generate(ctx, &o, &made));
    return made;
}

static void assert_same_answer(const char *folder, const wagle_model *opened)
{
    wagle_generation a = answer(folder, NULL), b = answer(NULL, opened);

    assert_int_equal(a.bytes, b.bytes);
    assert_memory_equal(a.text, b.text, a.bytes);
    wagle_string_free(a.text);
    wagle_string_free(b.text);
}

/* The weights in SAVED are those in OUT. */
static void assert_same_weights(const char *what)
{
    assert_same_file(what, SAVED "/model.safetensors", OUT "/model.safetensors");
}

static void assert_saved_as_out(const wagle_model *made)
{
    assert_ok(ctx, wagle_model_save(ctx, made, SAVED, true));
    assert_same_weights("saved");
}

static wagle_model *unlearn_in_memory(wagle_train_options o)
{
    wagle_model *made;

    o.opened = model;
    o.made = &made;
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    return made;
}

/* --- models ----------------------------------------------------------------------------------- */

static void an_open_model_answers_as_its_folder_does(void **state)
{
    (void)state;
    assert_string_equal(wagle_model_folder(model), TEXT_MODEL);
    assert_non_null(wagle_model_tokenizer(model));
    assert_same_answer(TEXT_MODEL, model);
    assert_same_answer(TEXT_MODEL, model);
}

static void training_in_memory_gives_the_bits_of_a_folder(void **state)
{
    wagle_train_options o = unlearning();
    wagle_model *made = unlearn_in_memory(o);

    (void)state;
    o.model = TEXT_MODEL;
    o.out = OUT;
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    assert_same_answer(OUT, made);
    assert_saved_as_out(made);
    assert_same_file("saved", SAVED "/tokenizer.json", TEXT_MODEL "/tokenizer.json");
    wagle_model_close(made);
}

/* A GGUF file is opened as the folder that import makes of it; its trained model is saved as one.
 */
/* Tensors of `saved` are those of `exact`, which are float32, rounded to their own types. */
static void assert_rounded(const char *saved, const char *exact)
{
    wg_tensors a, b;

    assert_ok(ctx, wg_tensors_open(ctx, saved, &a));
    assert_ok(ctx, wg_tensors_open(ctx, exact, &b));
    assert_int_equal(a.n, b.n);
    for (int64_t t = 0; t < a.n; t++) {
        const wg_tensor *x = &a.tensor[t], *y = &b.tensor[t];
        void *rounded = malloc(x->bytes);
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->count, y->count);
        assert_int_equal(y->dtype, WG_F32);
        wg_from_float(x->dtype, y->data, x->count, rounded);
        assert_memory_equal(x->data, rounded, x->bytes);
        free(rounded);
    }
    wg_tensors_close(&a);
    wg_tensors_close(&b);
}

static void a_gguf_file_is_opened_as_its_import_is(void **state)
{
    wagle_train_options o = unlearning();
    wagle_import_options i;
    wagle_model *served, *made;

    (void)state;
    wagle_import_defaults(&i);
    i.gguf = SERVED;
    i.out = OUT;
    i.dtype = WAGLE_DTYPE_F32; /* else quantised weights are rounded to bf16 */
    i.force = true;
    assert_ok(ctx, wagle_import(ctx, &i));
    assert_ok(ctx, wagle_model_open(ctx, SERVED, &served));
    assert_string_equal(wagle_model_folder(served), SERVED);
    assert_same_answer(OUT, served);
    assert_same_answer(SERVED, served);

    o.retain.path = ROWS;
    o.opened = served;
    o.out = SAVED;
    assert_refused(ctx, wagle_unlearn(ctx, &o, NULL), WAGLE_E_USAGE, "GGUF");
    o.out = NULL;
    o.made = &made;
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    assert_string_equal(wagle_model_folder(made), SERVED);
    wagle_model_close(served);
    assert_ok(ctx, wagle_model_save(ctx, made, SAVED, true));
    assert_same_answer(SAVED, made);
    wagle_model_close(made);
    o = unlearning();
    o.retain.path = ROWS;
    o.model = OUT;
    o.out = BASE;
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    assert_rounded(SAVED, BASE);
}

enum { MOST_WEIGHTS = 64 };

static int64_t weights_of(const wagle_model *m, wagle_weight w[MOST_WEIGHTS])
{
    int64_t n = 0;

    while ((w[n] = wagle_model_weight(m, n)).name != NULL)
        assert_true(++n < MOST_WEIGHTS);
    assert_true(n > 0);
    return n;
}

static void weights_of_a_trained_model_make_it_of_the_one_before(void **state)
{
    wagle_model *trained = unlearn_in_memory(unlearning()), *made, *back;
    wagle_weight before[MOST_WEIGHTS], after[MOST_WEIGHTS];
    const int64_t n = weights_of(model, before);

    (void)state;
    assert_int_equal(weights_of(trained, after), n);
    assert_memory_not_equal(before[0].data, after[0].data, before[0].bytes);
    assert_ok(ctx, wagle_model_with(ctx, model, after, n, &made));
    assert_ok(ctx, wagle_model_save(ctx, trained, OUT, true));
    assert_saved_as_out(made);
    assert_ok(ctx, wagle_model_with(ctx, trained, before, n, &back));
    wagle_model_close(trained);
    wagle_model_close(made);
    assert_same_answer(TEXT_MODEL, back);
    wagle_model_close(back);
}

static void a_weight_that_does_not_fit_is_named(void **state)
{
    wagle_weight w[MOST_WEIGHTS];
    wagle_model *made;

    (void)state;
    weights_of(model, w);
    w[1] = w[0];
    assert_refused(ctx, wagle_model_with(ctx, model, w, 2, &made), WAGLE_E_INPUT, "is given twice");
    assert_null(made);
    w[0].shape[0]++;
    assert_refused(ctx, wagle_model_with(ctx, model, w, 1, &made), WAGLE_E_INPUT, w[0].name);
    w[1].type = "I64";
    assert_refused(ctx, wagle_model_with(ctx, model, &w[1], 1, &made), WAGLE_E_INPUT, "type I64");
    w[2].name = "other";
    assert_refused(ctx, wagle_model_with(ctx, model, &w[2], 1, &made), WAGLE_E_INPUT,
                   "has no tensor 'other'");
}

static void training_in_memory_leaves_the_open_model_and_its_files(void **state)
{
    wagle_model *made = unlearn_in_memory(unlearning());

    (void)state;
    assert_same_file("files", TEXT_MODEL "/model.safetensors", MODEL "/model.safetensors");
    assert_same_answer(TEXT_MODEL, model);
    wagle_model_close(made);
}

static void a_selector_of_training_in_memory_gives_the_bits_of_a_folder(void **state)
{
    wagle_train_options o = unlearning();
    wagle_model *made;

    (void)state;
    o.selector = "wagle";
    o.density = 0.2;
    made = unlearn_in_memory(o);
    o.model = TEXT_MODEL;
    o.out = OUT;
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    assert_saved_as_out(made);
    wagle_model_close(made);
}

/* A second training begins with what the first one made, whose base is closed before it. */
static void a_trained_model_is_trained_again(void **state)
{
    wagle_train_options o = unlearning();
    wagle_model *opened, *first, *second;

    (void)state;
    assert_ok(ctx, wagle_model_open(ctx, TEXT_MODEL, &opened));
    o.opened = opened;
    o.made = &first;
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    assert_ok(ctx, wagle_model_save(ctx, first, SAVED, true));
    wagle_model_close(opened);
    o.opened = first;
    o.made = &second;
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    wagle_model_close(first);
    o = unlearning();
    o.model = SAVED;
    o.out = OUT;
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    assert_same_answer(OUT, second);
    wagle_model_close(second);
}

/* An open model, trained or not, into a folder: the bits, and what the manifest says of the run. */
static void open_models_are_trained_into_folders(void **state)
{
    wagle_train_options o = unlearning();
    wagle_model *made = unlearn_in_memory(o);

    (void)state;
    assert_ok(ctx, wg_make_folder(ctx, BASE));
    assert_ok(ctx, wagle_model_save(ctx, made, BASE "/memory-model", true));
    for (int trained = 0; trained < 2; trained++) {
        o.model = trained ? BASE "/memory-model" : TEXT_MODEL;
        o.opened = NULL;
        o.out = OUT;
        assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
        o.model = NULL;
        o.opened = trained ? made : model;
        o.out = SAVED;
        assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
        assert_same_weights("weights");
        assert_same_file("manifest", SAVED "/manifest.json", OUT "/manifest.json");
    }
    o.out_patch = OUT ".patch"; /* of a model that is in no folder */
    assert_int_equal(wagle_unlearn(ctx, &o, NULL), WAGLE_E_USAGE);
    wagle_model_close(made);
}

/* The level of chance, the search for a rate, protection and landing: nothing of them is in files.
 */
static void a_searched_run_in_memory_gives_the_bits_of_a_folder(void **state)
{
    static const char first[] = "{\"question\":\"Is Ann in?\",\"answer\":\"Ann is.\"}";
    static const char second[] = "{\"question\":\"why?\",\"answer\":\"so\"}";
    wagle_train_options o = unlearning();
    wagle_model *knowing, *made;
    wagle_dataset *rows;

    (void)state;
    know_once(); /* these rows */
    assert_ok(ctx, wagle_dataset_new(ctx, &rows));
    assert_ok(ctx, wagle_dataset_add_json(ctx, rows, first, sizeof first - 1));
    assert_ok(ctx, wagle_dataset_add_json(ctx, rows, second, sizeof second - 1));
    assert_ok(ctx, wagle_model_open(ctx, KNOWING, &knowing));
    o.forget.path = o.retain.path = KNOWN;
    o.objective = "ga";
    o.lr = 0;
    o.steps = 20;
    o.allow_unmet = true;
    o.opened = knowing;
    o.made = &made;
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    o.made = NULL;
    o.out = OUT;
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    assert_saved_as_out(made);
    o.forget = (wagle_data){.rows = rows};
    o.out = SAVED;
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    assert_same_weights("rows");
    wagle_dataset_free(rows);
    wagle_model_close(made);
    wagle_model_close(knowing);
}

/* What does not fit is refused before it starts: there are no scratch files. */
static void a_run_in_memory_obeys_the_limit(void **state)
{
    wagle_train_options o = unlearning();
    wagle_model *made;

    (void)state;
    o.opened = model;
    o.made = &made;
    wagle_set_memory(ctx, 1 << 20);
    assert_int_equal(wagle_unlearn(ctx, &o, NULL), WAGLE_E_RESOURCE);
    assert_null(made);
    wagle_set_memory(ctx, (int64_t)1 << 30);
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    wagle_model_close(made);
    wagle_set_memory(ctx, 0);
    wagle_set_dry_run(ctx, true);
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    assert_null(made);
    assert_non_null(strstr(wagle_plan(ctx), "trained model in memory"));
    wagle_set_dry_run(ctx, false);
}

static void a_run_in_memory_that_names_files_is_refused(void **state)
{
    wagle_train_options o = unlearning();
    wagle_model *made;

    (void)state;
    o.made = &made;
    o.model = TEXT_MODEL;
    assert_int_equal(wagle_unlearn(ctx, &o, NULL), WAGLE_E_USAGE);
    o.opened = model;
    o.out = OUT;
    assert_refused(ctx, wagle_unlearn(ctx, &o, NULL), WAGLE_E_USAGE, "made");
}

static void a_folder_that_is_no_model_is_not_opened(void **state)
{
    wagle_model *none;

    (void)state;
    assert_int_equal(wagle_model_open(ctx, WG_SCRATCH "/nowhere", &none), WAGLE_E_INPUT);
    assert_null(none);
    assert_int_equal(wagle_model_save(ctx, model, TEXT_MODEL, true), WAGLE_E_USAGE);
}

/* A folder's tokenizer is opened within a call, which must not forget that it was interrupted. */
static void what_a_call_does_on_its_way_keeps_an_interrupt(void **state)
{
    wg_reader reader = {.folder = TEXT_MODEL, .eos = -1};

    (void)state;
    wagle_interrupt(ctx);
    assert_ok(ctx, wg_reader_tokenizer(ctx, &reader));
    assert_int_equal(wg_check_interrupt(ctx), WAGLE_E_INTERRUPTED);
    wg_reader_close(&reader);
    assert_same_answer(TEXT_MODEL, model); /* the next call runs */
}

/* --- rows ------------------------------------------------------------------------------------- */

static wagle_dataset *rows_of(bool kept)
{
    static const int32_t ids[] = {3, 4, 5, 6}, labels[] = {-100, -100, 5, 6};
    static const char row[] = "{\"prompt\":\"Why\",\"answer\":\"so\"}";
    wagle_dataset *rows;

    assert_ok(ctx, wagle_dataset_new(ctx, &rows));
    if (kept) {
        assert_ok(ctx, wagle_dataset_add_tokens(ctx, rows, ids, labels, 4));
        assert_ok(ctx, wagle_dataset_add_text(ctx, rows, NULL, "abc"));
    } else {
        assert_ok(ctx, wagle_dataset_add_text(ctx, rows, "Who", "me"));
        assert_ok(ctx, wagle_dataset_add_json(ctx, rows, row, strlen(row)));
    }
    assert_int_equal(wagle_dataset_count(rows), 2);
    return rows;
}

static void rows_in_memory_train_as_those_of_files(void **state)
{
    wagle_train_options o = unlearning();
    wagle_dataset *forget = rows_of(false), *kept = rows_of(true);

    (void)state;
    o.model = TEXT_MODEL;
    o.out = OUT;
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    o.forget = (wagle_data){.rows = forget};
    o.retain = (wagle_data){.rows = kept};
    o.out = SAVED;
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    assert_same_weights("rows");
    wagle_dataset_free(forget);
    wagle_dataset_free(kept);
}

static void rows_that_are_none_are_named(void **state)
{
    wagle_dataset *rows;
    wagle_eval_options o;
    char *json;

    (void)state;
    assert_ok(ctx, wagle_dataset_new(ctx, &rows));
    assert_int_equal(wagle_dataset_add_json(ctx, rows, "[1]", 3), WAGLE_E_INPUT);
    assert_int_equal(wagle_dataset_add_text(ctx, rows, "a", "\xff"), WAGLE_E_INPUT);
    assert_int_equal(wagle_dataset_count(rows), 0);
    wagle_eval_defaults(&o);
    o.opened = model;
    o.data.rows = rows;
    assert_refused(ctx, wagle_eval(ctx, &o, &json), WAGLE_E_INPUT, "rows in memory");
    assert_ok(ctx, wagle_dataset_add_text(ctx, rows, "Who", "me"));
    assert_ok(ctx, wagle_eval(ctx, &o, &json));
    assert_non_null(strstr(json, "\"probability\""));
    wagle_string_free(json);
    wagle_dataset_free(rows);
}

/* --- scores and masks ------------------------------------------------------------------------- */

static wagle_tensors *attribute(void)
{
    wagle_attribute_options o;
    wagle_tensors *scores;

    wagle_attribute_defaults(&o);
    o.opened = model;
    o.forget.path = ROWS;
    o.retain.path = KEPT;
    o.made = &scores;
    assert_ok(ctx, wagle_attribute(ctx, &o));
    return scores;
}

static void scores_in_memory_are_those_of_a_file(void **state)
{
    wagle_tensors *scores = attribute();
    wagle_attribute_options o;
    wg_tensors file;

    (void)state;
    wagle_attribute_defaults(&o);
    o.model = TEXT_MODEL;
    o.forget.path = ROWS;
    o.retain.path = KEPT;
    o.out = OUT ".scores";
    o.force = true;
    assert_ok(ctx, wagle_attribute(ctx, &o));
    assert_ok(ctx, wg_tensors_open(ctx, o.out, &file));
    assert_int_equal(scores->n, file.n);
    for (int64_t i = 0; i < scores->n; i++) {
        const wg_tensor *t = wg_tensors_find(&file, scores->tensor[i].name);
        assert_non_null(t);
        assert_int_equal(scores->tensor[i].count, t->count);
        assert_memory_equal(scores->tensor[i].scores, t->data, t->bytes);
    }
    wg_tensors_close(&file);
    wagle_tensors_free(scores);
}

static void a_mask_in_memory_trains_as_its_file_does(void **state)
{
    wagle_tensors *scores = attribute(), *mask;
    wagle_train_options o = unlearning();
    wagle_mask_options m;
    wagle_model *made;

    (void)state;
    wagle_mask_defaults(&m);
    m.score_tensors = scores;
    m.density = 0.1;
    m.made = &mask;
    assert_ok(ctx, wagle_mask(ctx, &m));
    o.mask_tensors = mask;
    made = unlearn_in_memory(o);
    m.score_tensors = NULL;
    m.made = NULL;
    m.scores = OUT ".scores";
    m.out = OUT ".mask";
    m.force = true;
    assert_ok(ctx, wagle_mask(ctx, &m));
    o.mask_tensors = NULL;
    o.mask = m.out;
    o.model = TEXT_MODEL;
    o.out = OUT;
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    assert_saved_as_out(made);
    o.mask_tensors = mask; /* and into a folder */
    o.mask = NULL;
    o.out = SAVED;
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    assert_same_weights("mask");
    wagle_model_close(made);
    wagle_tensors_free(scores);
    wagle_tensors_free(mask);
}

static void a_mask_that_is_none_is_refused(void **state)
{
    static const uint64_t bits[] = {0xff};
    wagle_tensor t = {.name = "x", .rank = 1, .shape = {4}, .count = 4, .bits = bits};
    const wagle_tensors mask = {1, &t};
    wagle_train_options o = unlearning();
    wagle_model *made;

    (void)state;
    o.opened = model;
    o.made = &made;
    o.mask_tensors = &mask;
    assert_refused(ctx, wagle_unlearn(ctx, &o, NULL), WAGLE_E_USAGE, "past its last");
    t.count = 5;
    assert_int_equal(wagle_unlearn(ctx, &o, NULL), WAGLE_E_USAGE);
    t.bits = NULL;
    assert_int_equal(wagle_unlearn(ctx, &o, NULL), WAGLE_E_USAGE);
    assert_null(made);
}

/* --- callbacks -------------------------------------------------------------------------------- */

typedef struct heard {
    wg_text text;
    int64_t calls, stop_at;
} heard;

static bool hear_token(void *user, const wagle_token *token)
{
    heard *h = user;

    assert_int_equal(token->prompt, 0);
    assert_ok(ctx, wg_text_add(ctx, &h->text, token->text, token->bytes));
    return ++h->calls != h->stop_at;
}

/* Up to 20 tokens of one sampled text. */
static wagle_generate_options sampling(void)
{
    static const char *const prompt[] = {"Who"};
    wagle_generate_options o;

    wagle_generate_defaults(&o);
    o.opened = model;
    o.prompts = prompt;
    o.n = 1;
    o.max_tokens = 20;
    o.temperature = 1;
    return o;
}

static void each_token_is_told_and_the_pieces_are_the_text(void **state)
{
    wagle_generate_options o = sampling();
    wagle_generation made;

    (void)state;
    o.on_token = hear_token;
    for (int64_t stop = 0; stop < 8; stop += 7) {
        heard h = {.stop_at = stop};
        o.on_token_user = &h;
        o.seed = (uint64_t)stop;
        assert_ok(ctx, wagle_generate(ctx, &o, &made));
        assert_true(stop == 0 ? h.calls >= made.tokens : h.calls == 7 && made.tokens == 7);
        assert_true((int64_t)made.bytes >= h.text.bytes);
        assert_memory_equal(h.text.text, made.text, (size_t)h.text.bytes);
        if (stop == 0)
            assert_int_equal(made.bytes, h.text.bytes);
        wg_text_free(&h.text);
        wagle_string_free(made.text);
    }
}

/* A character of the text and the next one as the end: pieces never hold what may begin it. */
static void pieces_of_a_text_that_ends_early_are_what_is_left(void **state)
{
    wagle_generate_options o = sampling();
    wagle_generation whole, made;

    (void)state;
    assert_ok(ctx, wagle_generate(ctx, &o, &whole));
    assert_true(whole.bytes > 12);
    o.on_token = hear_token;
    for (size_t at = 2; at + 3 < whole.bytes; at++) {
        char end[4] = {whole.text[at], whole.text[at + 1], whole.text[at + 2]};
        const char *const ends[] = {"nowhere", end, NULL};
        const char *first = strstr(whole.text, end);
        heard h = {0};
        o.stop = ends;
        o.on_token_user = &h;
        assert_ok(ctx, wagle_generate(ctx, &o, &made));
        assert_true(made.bytes <= (size_t)(first - whole.text));
        assert_memory_equal(made.text, whole.text, made.bytes);
        assert_int_equal(h.text.bytes, made.bytes);
        if (made.bytes > 0)
            assert_memory_equal(h.text.text, made.text, made.bytes);
        assert_int_equal(made.text[made.bytes], 0);
        wg_text_free(&h.text);
        wagle_string_free(made.text);
    }
    wagle_string_free(whole.text);
    o.on_token = NULL;
    o.stop = (const char *const[]){"x", "", NULL};
    assert_int_equal(wagle_generate(ctx, &o, &made), WAGLE_E_USAGE);
}

static bool hear_step(void *user, const wagle_step *step)
{
    heard *h = user;

    assert_int_equal(step->step, ++h->calls);
    assert_int_equal(step->steps, 3);
    assert_true(isfinite(step->loss) && step->grad_norm > 0 && step->lr > 0);
    return h->calls != h->stop_at;
}

static void a_step_that_says_stop_ends_the_run_well(void **state)
{
    heard h = {.stop_at = 2};
    wagle_train_options o = unlearning();
    wagle_train_result result;

    (void)state;
    wagle_train_result_init(&result);
    o.model = TEXT_MODEL;
    o.out = SAVED;
    o.on_step = hear_step;
    o.on_step_user = &h;
    o.schedule = WAGLE_SCHEDULE_CONSTANT;
    assert_ok(ctx, wagle_unlearn(ctx, &o, &result));
    assert_int_equal(h.calls, 2);
    assert_int_equal(result.steps, 2);
    assert_true(result.stopped);
    o.on_step = NULL;
    o.out = OUT;
    o.steps = 2;
    assert_ok(ctx, wagle_unlearn(ctx, &o, &result));
    assert_same_weights("stopped");
}

/* A run with a rule that does not hold yet is no failure either. */
static void a_step_that_says_stop_wins_over_the_rule(void **state)
{
    heard h = {.stop_at = 1};
    wagle_train_options o = unlearning();
    wagle_train_result result;
    wagle_model *made;

    (void)state;
    wagle_train_result_init(&result);
    o.opened = model;
    o.made = &made;
    o.stop_when = "forget.probability<1e-30";
    o.land = true;
    o.on_step = hear_step;
    o.on_step_user = &h;
    assert_ok(ctx, wagle_unlearn(ctx, &o, &result));
    assert_true(result.stopped);
    assert_int_equal(result.steps, 1);
    wagle_model_close(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_model_answers_as_its_folder_does),
        cmocka_unit_test(training_in_memory_gives_the_bits_of_a_folder),
        cmocka_unit_test(a_gguf_file_is_opened_as_its_import_is),
        cmocka_unit_test(weights_of_a_trained_model_make_it_of_the_one_before),
        cmocka_unit_test(a_weight_that_does_not_fit_is_named),
        cmocka_unit_test(training_in_memory_leaves_the_open_model_and_its_files),
        cmocka_unit_test(a_selector_of_training_in_memory_gives_the_bits_of_a_folder),
        cmocka_unit_test(a_trained_model_is_trained_again),
        cmocka_unit_test(open_models_are_trained_into_folders),
        cmocka_unit_test(a_searched_run_in_memory_gives_the_bits_of_a_folder),
        cmocka_unit_test(a_run_in_memory_obeys_the_limit),
        cmocka_unit_test(a_run_in_memory_that_names_files_is_refused),
        cmocka_unit_test(a_folder_that_is_no_model_is_not_opened),
        cmocka_unit_test(what_a_call_does_on_its_way_keeps_an_interrupt),
        cmocka_unit_test(rows_in_memory_train_as_those_of_files),
        cmocka_unit_test(rows_that_are_none_are_named),
        cmocka_unit_test(scores_in_memory_are_those_of_a_file),
        cmocka_unit_test(a_mask_in_memory_trains_as_its_file_does),
        cmocka_unit_test(a_mask_that_is_none_is_refused),
        cmocka_unit_test(each_token_is_told_and_the_pieces_are_the_text),
        cmocka_unit_test(pieces_of_a_text_that_ends_early_are_what_is_left),
        cmocka_unit_test(a_step_that_says_stop_ends_the_run_well),
        cmocka_unit_test(a_step_that_says_stop_wins_over_the_rule),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
