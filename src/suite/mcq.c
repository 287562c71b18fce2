/* mcq.c - multiple choice, as defined by lm-evaluation-harness. Accuracy of the likeliest choice:
 * by letter (letter_acc), by text (acc), by text with the loss divided by its length in characters
 * (acc_norm); TruthfulQA's mc1 and mc2. Prompts are in benchmark.c. Solved examples from set `dev`
 * can precede each question. */
#include "suite/quiz.h"

#include "metric/statistics.h"
#include <math.h>
#include <string.h>

/* Key of each way's list of losses in a row. */
static const char *const losses[WG_WAYS] = {"letter_nll", "text_nll", "mc2_nll"};

/* --- rows ------------------------------------------------------------------------------------- */

/* Adds each choice of question i as an example. */
static wagle_status add_choices(wagle_ctx *ctx, wg_evaluation *e, const wg_quiz *quiz,
                                const wg_prompt_options *options, int64_t i, wg_answers *form)
{
    const wagle_data data = wg_evaluation_data(e, form->path);
    const wg_question *q = &quiz->question[i];
    wg_text context = {0}, continuation = {0};
    wagle_status st = WAGLE_OK;

    for (int64_t k = 0; st == WAGLE_OK && k < wg_quiz_choices(q, options->way); k++) {
        context.bytes = continuation.bytes = 0;
        st = wg_quiz_context(ctx, quiz, options, i, k, &context);
        if (st == WAGLE_OK)
            st = wg_quiz_continuation(ctx, q, options, k, &continuation);
        if (st == WAGLE_OK)
            st = wg_dataset_add_continuation(ctx, &e->session->reader, &data, form->rows.line[i],
                                             &context, &continuation, &form->set, &form->room);
    }
    wg_answers_end_row(form, i);
    wg_text_free(&context);
    wg_text_free(&continuation);
    return st;
}

/* Writes the loss of each choice of row i, summed over its tokens. */
static wagle_status set_losses(wagle_ctx *ctx, const wg_answers *a, int64_t i, const char *key,
                               json_t *row)
{
    json_t *list = json_array();

    WG_TRY(wg_json_set(ctx, row, key, list));
    for (int64_t k = a->first[i]; k < a->first[i + 1]; k++)
        if (json_array_append_new(list, json_real(wg_sum(a->score[k].nll, a->score[k].n))) != 0)
            return wg_json_memory(ctx);
    return WAGLE_OK;
}

/* Length of a text in characters. */
static int64_t characters(const json_t *text)
{
    const char *c = json_string_value(text);
    int64_t n = 0;

    for (size_t i = 0; i < json_string_length(text); i++)
        n += ((unsigned char)c[i] & 0xC0) != 0x80;
    return n;
}

static wagle_status set_lengths(wagle_ctx *ctx, const wg_question *q, json_t *row)
{
    json_t *list = json_array();

    WG_TRY(wg_json_set(ctx, row, "length", list));
    for (int64_t k = 0; k < q->n; k++)
        if (json_array_append_new(
                list, json_integer(characters(json_array_get(q->choices, (size_t)k)))) != 0)
            return wg_json_memory(ctx);
    return WAGLE_OK;
}

static wagle_status write_row(wagle_ctx *ctx, wg_evaluation *e, const wg_quiz *quiz,
                              const wg_prompt_options *options, const wg_answers form[WG_WAYS],
                              int64_t i)
{
    const wg_question *q = &quiz->question[i];
    json_t *row;

    WG_TRY(wg_evaluation_row(ctx, e, quiz->set, i, &row));
    WG_TRY(wg_json_set(ctx, row, "benchmark", json_string(quiz->benchmark->name)));
    if (options->chat != NULL)
        WG_TRY(wg_json_set(ctx, row, "chat", json_string(wg_chat_name(options->chat))));
    if (quiz->benchmark->subjects)
        WG_TRY(wg_json_set(ctx, row, "subject", json_incref(json_object_get(q->row, "subject"))));
    WG_TRY(wg_json_set(ctx, row, "answer", json_integer(q->answer)));
    WG_TRY(set_lengths(ctx, q, row));
    for (int w = 0; w < WG_WAYS; w++)
        if (form[w].score != NULL)
            WG_TRY(set_losses(ctx, &form[w], i, losses[w], row));
    return q->mc2 != NULL ? wg_json_set(ctx, row, "mc2_right", json_incref(q->mc2_right))
                          : WAGLE_OK;
}

/* Scores all choices of a quiz in one way. */
static wagle_status score_quiz(wagle_ctx *ctx, wg_evaluation *e, const wg_quiz *quiz,
                               const wg_prompt_options *options, wg_answers *form)
{
    WG_TRY(wg_answers_open(ctx, e, quiz->rows.path, form));
    for (int64_t i = 0; i < form->rows.n; i++)
        WG_TRY(add_choices(ctx, e, quiz, options, i, form));
    return wg_answers_score(ctx, e, form, false, false, quiz->set);
}

static wagle_status open_dev(wagle_ctx *ctx, wg_evaluation *e, const wg_quiz *quiz, wg_quiz *dev)
{
    if (e->o->shots == 0)
        return WAGLE_OK;
    if (quiz->benchmark->solved)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{shots} cannot be used with set '%s': the prompt of %s has six solved "
                       "examples already",
                       quiz->set, quiz->benchmark->name);
    wg_rows_select select = wg_data_select(&e->o->data, false);
    select.limit = 0;
    return wg_quiz_open(ctx, "dev", wg_evaluation_set(e, "dev"), &select, quiz->benchmark, dev);
}

static wagle_status run_set(wagle_ctx *ctx, wg_evaluation *e, const wg_chat *chat, const char *set,
                            const char *path)
{
    wg_answers form[WG_WAYS] = {0};
    wg_quiz quiz, dev = {0};
    wg_prompt_options options = {.shots = e->o->shots, .dev = &dev, .chat = chat};
    const wg_rows_select select = wg_data_select(&e->o->data, false);
    wagle_status st = wg_quiz_open(ctx, set, path, &select, NULL, &quiz);

    if (st == WAGLE_OK)
        st = open_dev(ctx, e, &quiz, &dev);
    options.system = chat != NULL ? e->o->data.system : NULL;
    for (int w = 0; st == WAGLE_OK && w < WG_WAYS; w++) {
        options.way = (wg_way)w;
        if (wg_benchmark_asks(quiz.benchmark, options.way, quiz.question[0].row))
            st = score_quiz(ctx, e, &quiz, &options, &form[w]);
    }
    for (int64_t i = 0; st == WAGLE_OK && i < quiz.rows.rows.n; i++)
        st = write_row(ctx, e, &quiz, &options, form, i);
    for (int w = 0; w < WG_WAYS; w++)
        wg_answers_close(&form[w]);
    wg_quiz_close(&quiz);
    wg_quiz_close(&dev);
    return st;
}

static wagle_status run(wagle_ctx *ctx, wg_evaluation *e)
{
    const wg_chat_options wanted = wg_data_chat(&e->o->data);
    const char *file;
    char name[64];
    wg_chat *chat = NULL;
    wagle_status st = WAGLE_OK;

    if (wg_data_asks_chat(&e->o->data))
        st = wg_chat_open(ctx, e->session->reader.folder, &wanted, &chat);
    for (int i = 0; st == WAGLE_OK && wg_evaluation_set_at(e, i, name, &file); i++)
        if (wg_evaluation_is_spare(e, name))
            st = run_set(ctx, e, chat, name, file);
    wg_chat_free(chat);
    return st;
}

/* --- numbers ---------------------------------------------------------------------------------- */

/* The choice with the lowest loss, or loss/length unless length is NULL; ties go to the first. */
static int64_t likeliest(const double *nll, const double *length, int64_t n)
{
    int64_t best = 0;

    for (int64_t k = 1; k < n; k++)
        if (nll[k] / (length != NULL ? length[k] : 1) <
            nll[best] / (length != NULL ? length[best] : 1))
            best = k;
    return best;
}

/* The numbers of a saved row; lists are NULL if the row has none. */
typedef struct saved_row {
    double *nll[WG_WAYS], *length, *mc2_right;
    int64_t n, n_mc2; /* choices */
    double answer;
    bool normed, truthful;
} saved_row;

static void kept_free(saved_row *r)
{
    for (int w = 0; w < WG_WAYS; w++)
        wg_free(r->nll[w]);
    wg_free(r->length);
    wg_free(r->mc2_right);
}

/* Reads an optional list of the row. All lists must have length *n, which is 0 before the first. */
static wagle_status read_list(wagle_ctx *ctx, const json_t *row, const char *key, double **out,
                              int64_t *n)
{
    int64_t m;

    if (json_object_get(row, key) == NULL)
        return WAGLE_OK;
    WG_TRY(wg_row_numbers(ctx, row, key, out, &m));
    if (*n != 0 && m != *n)
        return wg_row_fail(ctx, row, key, "does not fit the choices");
    *n = m;
    return WAGLE_OK;
}

static wagle_status read_kept(wagle_ctx *ctx, const json_t *row, saved_row *r)
{
    const char *name = json_string_value(json_object_get(row, "benchmark"));
    const wg_benchmark *b = wg_benchmark_find(name);

    r->normed = b == NULL || b->normed; /* rows of older versions have no name */
    r->truthful = b != NULL && b->solved;
    WG_TRY(wg_row_number(ctx, row, "answer", &r->answer));
    for (int w = 0; w < WG_WAYS; w++)
        WG_TRY(read_list(ctx, row, losses[w], &r->nll[w], w == WG_BY_MC2 ? &r->n_mc2 : &r->n));
    WG_TRY(read_list(ctx, row, "length", &r->length, &r->n));
    WG_TRY(read_list(ctx, row, "mc2_right", &r->mc2_right, &r->n_mc2));
    if ((r->mc2_right == NULL) != (r->nll[WG_BY_MC2] == NULL))
        return wg_row_fail(ctx, row, "mc2_right", "and 'mc2_nll' go together");
    if (r->nll[WG_BY_LETTER] == NULL && r->nll[WG_BY_TEXT] == NULL)
        return wg_row_fail(ctx, row, "text_nll", "is no list of numbers");
    return r->answer >= 0 && r->answer < (double)r->n && r->answer == floor(r->answer) &&
                   (r->nll[WG_BY_LETTER] == NULL || r->n <= WG_LETTERS)
               ? WAGLE_OK
               : wg_row_fail(ctx, row, "answer", "does not fit the choices");
}

/* Probability of the right choices over the probability of all choices. */
static double right_mass(const double *nll, const double *right, int64_t n)
{
    double least = nll[0], all = 0, of_right = 0;

    for (int64_t k = 1; k < n; k++)
        least = fmin(least, nll[k]);
    for (int64_t k = 0; k < n; k++) {
        all += exp(least - nll[k]);
        of_right += right[k] == 1 ? exp(least - nll[k]) : 0;
    }
    return of_right / all;
}

/* Adds one row to the columns of `set`. */
static wagle_status add_columns(wagle_ctx *ctx, const char *set, const saved_row *r, wg_frame *f)
{
    const int64_t answer = (int64_t)r->answer;
    const double *letter = r->nll[WG_BY_LETTER], *text = r->nll[WG_BY_TEXT];

    if (letter != NULL)
        WG_TRY(wg_frame_add(ctx, f, set, "letter_acc", likeliest(letter, NULL, r->n) == answer));
    if (text != NULL)
        WG_TRY(wg_frame_add(ctx, f, set, "acc", likeliest(text, NULL, r->n) == answer));
    if (text != NULL && r->truthful)
        WG_TRY(wg_frame_add(ctx, f, set, "mc1", likeliest(text, NULL, r->n) == answer));
    if (text != NULL && r->length != NULL && r->normed)
        WG_TRY(wg_frame_add(ctx, f, set, "acc_norm", likeliest(text, r->length, r->n) == answer));
    return r->mc2_right == NULL
               ? WAGLE_OK
               : wg_frame_add(ctx, f, set, "mc2",
                              right_mass(r->nll[WG_BY_MC2], r->mc2_right, r->n_mc2));
}

static wagle_status add_letters(wagle_ctx *ctx, const char *set, const saved_row *r, wg_frame *f)
{
    if (r->nll[WG_BY_LETTER] == NULL)
        return WAGLE_OK;
    WG_TRY(wg_frame_add(ctx, f, set, "_said", (double)likeliest(r->nll[WG_BY_LETTER], NULL, r->n)));
    return wg_frame_add(ctx, f, set, "_right", r->answer);
}

static wagle_status derive(wagle_ctx *ctx, const json_t *row, const char *set, wg_frame *f)
{
    const char *subject = json_string_value(json_object_get(row, "subject"));
    char name[160];
    saved_row r = {0};
    wagle_status st = read_kept(ctx, row, &r);

    if (st == WAGLE_OK)
        st = add_columns(ctx, set, &r, f);
    if (st == WAGLE_OK)
        st = add_letters(ctx, set, &r, f);
    if (st == WAGLE_OK && subject != NULL) {
        snprintf(name, sizeof name, "%s/%.64s", set, subject);
        st = add_columns(ctx, name, &r, f);
    }
    kept_free(&r);
    return st;
}

/* Measures how often each letter is predicted and how often it is right. */
static wagle_status measure_balance(wagle_ctx *ctx, const wg_frame *f, const wg_column *predicted,
                                    wg_measures *out)
{
    const wg_column *right = wg_frame_find(f, predicted->set, "_right");
    double most = 0, predicted_share[WG_LETTERS] = {0}, right_share[WG_LETTERS] = {0};

    for (int64_t i = 0; i < predicted->n; i++) {
        predicted_share[(int)predicted->value[i]] += 1.0 / (double)predicted->n;
        right_share[(int)right->value[i]] += 1.0 / (double)predicted->n;
    }
    for (int k = 0; k < 4; k++) {
        WG_TRY(wg_measures_add(ctx, out, predicted_share[k], predicted->n, "%s.says_%c",
                               predicted->set, 'A' + k));
        WG_TRY(wg_measures_add(ctx, out, right_share[k], predicted->n, "%s.right_%c",
                               predicted->set, 'A' + k));
    }
    for (int k = 0; k < WG_LETTERS; k++)
        most = fmax(most, fabs(predicted_share[k] - right_share[k]));
    return wg_measures_add(ctx, out, most, predicted->n, "%s.imbalance", predicted->set);
}

static wagle_status measure(wagle_ctx *ctx, const wg_frame *f, wg_measures *out)
{
    for (int64_t i = 0; i < f->n; i++)
        if (strcmp(f->column[i].name, "_said") == 0 && strncmp(f->column[i].set, "gold/", 5) != 0)
            WG_TRY(measure_balance(ctx, f, &f->column[i], out));
    return wg_measure_means(ctx, f, out);
}

const wg_suite wg_suite_mcq = {
    .name = "mcq",
    .summary =
        "multiple choice as lm-evaluation-harness asks it (MMLU, WMDP, ARC, HellaSwag, TruthfulQA, "
        "OpenBookQA, PIQA, WinoGrande, BoolQ, RTE)",
    .uses = WAGLE_USES_SHOTS,
    .own_prompts = true,
    .set = {{"*", "rows of a benchmark; any NAME, or NAME:BENCHMARK to say which", false, 0, 0,
             false},
            {"dev", "solved examples to show as shots", false, 0, 0, false}},
    .run = run,
    .derive = derive,
    .measure = measure,
};
