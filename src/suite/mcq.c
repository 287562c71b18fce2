/* mcq.c - multiple choice, as lm-evaluation-harness defines it:
 *
 *   letter   "QUESTION / A. .. / B. .. / Answer:" and the likeliest of " A", " B", ..
 *   text     "Question: QUESTION / Answer:" and the likeliest choice as text (acc), or the
 * likeliest a character (acc_norm)
 *
 * Solved examples of set `dev` may stand before each question: those of its subject. */
#include "suite/question.h"

#include "metric/statistics.h"
#include <math.h>
#include <string.h>

/* --- prompts -----------------------------------------------------------------------------------
 */

static wagle_status add_letter_question(wagle_ctx *ctx, const wg_question *q, wg_text *out)
{
    WG_TRY(wg_text_printf(ctx, out, "%s\n", q->text));
    for (int64_t k = 0; k < q->n; k++)
        WG_TRY(wg_text_printf(ctx, out, "%c. %s\n", (char)('A' + k), q->choice[k]));
    return wg_text_addz(ctx, out, "Answer:");
}

static wagle_status add_text_question(wagle_ctx *ctx, const wg_question *q, wg_text *out)
{
    return wg_text_printf(ctx, out, "Question: %s\nAnswer:", q->text);
}

static wagle_status add_question(wagle_ctx *ctx, bool letter, const wg_question *q, wg_text *out)
{
    return letter ? add_letter_question(ctx, q, out) : add_text_question(ctx, q, out);
}

static wagle_status add_header(wagle_ctx *ctx, const char *subject, wg_text *out)
{
    if (subject == NULL)
        return WAGLE_OK;
    WG_TRY(wg_text_addz(ctx, out,
                        "The following are multiple choice questions (with answers) about "));
    for (; *subject != '\0'; subject++)
        WG_TRY(wg_text_add(ctx, out, *subject == '_' ? " " : subject, 1));
    return wg_text_addz(ctx, out, ".\n\n");
}

static bool same_subject(const char *a, const char *b)
{
    return a == NULL || (b != NULL && strcmp(a, b) == 0);
}

/* The first `shots` solved examples of the question's subject. */
static wagle_status add_shots(wagle_ctx *ctx, const wg_evaluation *e, const wg_answers *dev,
                              bool letter, const char *subject, wg_text *out)
{
    int64_t had = 0;

    for (int64_t i = 0; i < dev->rows.n && had < e->o->shots; i++) {
        wg_question q;
        WG_TRY(wg_question_read(ctx, dev, i, &q));
        if (!same_subject(subject, q.subject))
            continue;
        WG_TRY(add_question(ctx, letter, &q, out));
        WG_TRY(letter ? wg_text_printf(ctx, out, " %c\n\n", (char)('A' + q.answer))
                      : wg_text_printf(ctx, out, " %s\n\n", q.choice[q.answer]));
        had++;
    }
    return had == e->o->shots
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_INPUT,
                         "%s: %lld solved examples of subject '%s', --shots %lld", dev->path,
                         (long long)had, subject != NULL ? subject : "any", (long long)e->o->shots);
}

/* The choices of row i, as examples. */
static wagle_status add_choices(wagle_ctx *ctx, wg_evaluation *e, wg_answers *a,
                                const wg_answers *dev, bool letter, int64_t i)
{
    wg_question q;
    wg_text prompt = {0}, choice = {0};
    wagle_status st = wg_question_read(ctx, a, i, &q);

    if (st == WAGLE_OK && letter)
        st = add_header(ctx, q.subject, &prompt);
    if (st == WAGLE_OK && e->o->shots > 0)
        st = add_shots(ctx, e, dev, letter, q.subject, &prompt);
    if (st == WAGLE_OK)
        st = add_question(ctx, letter, &q, &prompt);
    for (int64_t k = 0; st == WAGLE_OK && k < q.n; k++) {
        choice.bytes = 0;
        st = letter ? wg_text_printf(ctx, &choice, " %c", (char)('A' + k))
                    : wg_text_printf(ctx, &choice, " %s", q.choice[k]);
        if (st == WAGLE_OK)
            st = wg_answers_add(ctx, e, a, i, prompt.text, choice.text);
    }
    wg_answers_end_row(a, i);
    wg_text_free(&prompt);
    wg_text_free(&choice);
    return st;
}

/* --- rows --------------------------------------------------------------------------------------
 */

/* Sums of the losses of row i's choices. */
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

/* Characters of a text. */
static int64_t characters(const char *text)
{
    int64_t n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

static wagle_status note(wagle_ctx *ctx, wg_evaluation *e, const wg_answers form[2],
                         const char *set, int64_t i)
{
    wg_question q;
    json_t *row, *length = json_array();
    wagle_status st = wg_question_read(ctx, &form[0], i, &q);

    for (int64_t k = 0; st == WAGLE_OK && k < q.n; k++)
        if (json_array_append_new(length, json_integer(characters(q.choice[k]))) != 0)
            st = wg_json_memory(ctx);
    if (st == WAGLE_OK)
        st = wg_evaluation_row(ctx, e, set, i, &row);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, row, "length", json_incref(length));
    json_decref(length);
    if (st != WAGLE_OK)
        return st;
    if (q.subject != NULL)
        WG_TRY(wg_json_set(ctx, row, "subject", json_string(q.subject)));
    WG_TRY(wg_json_set(ctx, row, "answer", json_integer(q.answer)));
    WG_TRY(set_losses(ctx, &form[0], i, "letter_nll", row));
    return set_losses(ctx, &form[1], i, "text_nll", row);
}

static wagle_status run_set(wagle_ctx *ctx, wg_evaluation *e, const wg_answers *dev,
                            const char *set, const char *path)
{
    wg_answers form[2] = {{.path = path}, {.path = path}}; /* by letter, by text */
    wagle_status st = WAGLE_OK;

    for (int k = 0; st == WAGLE_OK && k < 2; k++) {
        st = wg_answers_open(ctx, e, path, &form[k]);
        for (int64_t i = 0; st == WAGLE_OK && i < form[k].rows.n; i++)
            st = add_choices(ctx, e, &form[k], dev, k == 0, i);
        if (st == WAGLE_OK)
            st = wg_answers_score(ctx, e, &form[k], false, false, set);
    }
    for (int64_t i = 0; st == WAGLE_OK && i < form[0].rows.n; i++)
        st = note(ctx, e, form, set, i);
    wg_answers_close(&form[0]);
    wg_answers_close(&form[1]);
    return st;
}

static wagle_status run(wagle_ctx *ctx, wg_evaluation *e)
{
    const char *solved = wg_evaluation_set(e, "dev"), *file;
    wg_answers dev = {0};
    char name[64];
    wagle_status st = WAGLE_OK;

    if (e->o->shots > 0 && solved == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "--shots wants solved examples: --set dev=FILE");
    if (solved != NULL)
        st = wg_answers_open(ctx, e, solved, &dev);
    for (int i = 0; st == WAGLE_OK && wg_evaluation_set_at(e, i, name, &file); i++)
        if (wg_evaluation_is_spare(e, name))
            st = run_set(ctx, e, &dev, name, file);
    wg_answers_close(&dev);
    return st;
}

/* --- numbers -----------------------------------------------------------------------------------
 */

/* The likeliest choice; losses divided by length, if there is one. The first of equals. */
static int64_t likeliest(const double *nll, const double *length, int64_t n)
{
    int64_t best = 0;

    for (int64_t k = 1; k < n; k++)
        if (nll[k] / (length != NULL ? length[k] : 1) <
            nll[best] / (length != NULL ? length[best] : 1))
            best = k;
    return best;
}

/* Columns of one row, in `set`. */
static wagle_status add_columns(wagle_ctx *ctx, const char *set, int64_t letter, int64_t text,
                                int64_t normed, int64_t answer, wg_frame *f)
{
    WG_TRY(wg_frame_add(ctx, f, set, "letter_acc", letter == answer));
    WG_TRY(wg_frame_add(ctx, f, set, "acc", text == answer));
    return wg_frame_add(ctx, f, set, "acc_norm", normed == answer);
}

static wagle_status derive(wagle_ctx *ctx, const json_t *row, const char *set, wg_frame *f)
{
    const char *subject = json_string_value(json_object_get(row, "subject"));
    double *letter = NULL, *text = NULL, *length = NULL, answer;
    int64_t n, m, k;
    char name[160];
    wagle_status st = wg_row_number(ctx, row, "answer", &answer);

    if (st == WAGLE_OK)
        st = wg_row_numbers(ctx, row, "letter_nll", &letter, &n);
    if (st == WAGLE_OK)
        st = wg_row_numbers(ctx, row, "text_nll", &text, &m);
    if (st == WAGLE_OK)
        st = wg_row_numbers(ctx, row, "length", &length, &k);
    if (st == WAGLE_OK && (m != n || k != n || !(answer >= 0 && answer < (double)n)))
        st = wg_row_fail(ctx, row, "answer", "does not fit the choices");
    if (st == WAGLE_OK) {
        const int64_t said = likeliest(letter, NULL, n), right = (int64_t)answer;
        const int64_t plain = likeliest(text, NULL, n), normed = likeliest(text, length, n);
        st = add_columns(ctx, set, said, plain, normed, right, f);
        if (st == WAGLE_OK)
            st = wg_frame_add(ctx, f, set, "_said", (double)said);
        if (st == WAGLE_OK)
            st = wg_frame_add(ctx, f, set, "_right", answer);
        snprintf(name, sizeof name, "%s/%.64s", set, subject != NULL ? subject : "");
        if (st == WAGLE_OK && subject != NULL)
            st = add_columns(ctx, name, said, plain, normed, right, f);
    }
    wg_free(letter);
    wg_free(text);
    wg_free(length);
    return st;
}

/* How often each letter is said, and is right. */
static wagle_status balance(wagle_ctx *ctx, const wg_frame *f, const wg_column *said,
                            wg_measures *out)
{
    const wg_column *right = wg_frame_find(f, said->set, "_right");
    double most = 0, says[WG_CHOICES_MOST] = {0}, has[WG_CHOICES_MOST] = {0};

    for (int64_t i = 0; i < said->n; i++) {
        says[(int)said->value[i]] += 1.0 / (double)said->n;
        has[(int)right->value[i]] += 1.0 / (double)said->n;
    }
    for (int k = 0; k < 4; k++) {
        WG_TRY(wg_measures_add(ctx, out, says[k], said->n, "%s.says_%c", said->set, 'A' + k));
        WG_TRY(wg_measures_add(ctx, out, has[k], said->n, "%s.right_%c", said->set, 'A' + k));
    }
    for (int k = 0; k < WG_CHOICES_MOST; k++)
        most = fmax(most, fabs(says[k] - has[k]));
    return wg_measures_add(ctx, out, most, said->n, "%s.imbalance", said->set);
}

static wagle_status measure(wagle_ctx *ctx, const wg_frame *f, wg_measures *out)
{
    for (int64_t i = 0; i < f->n; i++)
        if (strcmp(f->column[i].name, "_said") == 0 && strncmp(f->column[i].set, "gold/", 5) != 0)
            WG_TRY(balance(ctx, f, &f->column[i], out));
    return wg_measure_means(ctx, f, out);
}

const wg_suite wg_suite_mcq = {
    .name = "mcq",
    .summary =
        "multiple choice (MMLU, WMDP, ARC, HellaSwag, TruthfulQA): acc, acc_norm, by subject",
    .uses = WAGLE_USES_SHOTS,
    .set = {{"*", "questions with choices; any name", false},
            {"dev", "solved examples for --shots", false}},
    .run = run,
    .derive = derive,
    .measure = measure,
};
