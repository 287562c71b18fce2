/* chance.c - the level of chance: the answer probability that the forget rows would have in a model
 * that knows nothing of their subject.
 *
 * It is measured on the model before training, on control rows (data/controls.h): the same
 * questions about people whose names are invented, in DRAWS draws of names. Where the model gives
 * the answer of a row that it knows to invented people too, the wording of the question alone tells
 * it the answer; that row's control row has another row's answer then. With --gold-model the level
 * is the forget rows' own probability in that model. */
#include "run/run.h"

#include <math.h>
#include <string.h>

enum { DRAWS = 3 };
static const double KNOWN = 0.5;  /* answer probability of a row that the model knows for sure */
static const double TOLD = 0.5;   /* share of it that a control row has whose wording tells all */
static const double ABOVE = 1.25; /* times the level: what a model that knows the rows has */

static wagle_status read_controls(wagle_ctx *ctx, wg_run *w)
{
    wg_chance *c = &w->chance;
    wagle_data data = w->o->forget;
    wg_text all = {0};
    wagle_status st = WAGLE_OK;

    data.path = "controls.jsonl";
    data.more = NULL;
    data.truncate = true; /* an invented name may take more tokens */
    for (int64_t i = 0; st == WAGLE_OK && i < c->made.n; i++)
        st = wg_text_printf(ctx, &all, "%s\n", c->made.control[i].line.text);
    if (st == WAGLE_OK)
        st = wg_dataset_parse(ctx, &w->session.reader, &data, wg_text_str(&all), &c->rows);
    wg_text_free(&all);
    return st;
}

wagle_status wg_chance_load(wagle_ctx *ctx, wg_run *w)
{
    if (!w->stop.chance || w->o->gold != NULL)
        return WAGLE_OK;
    WG_TRY(wg_controls_make(ctx, &w->o->forget, &w->data.forget, DRAWS, w->o->seed, WG_STREAM_NAMES,
                            &w->chance.made));
    if (w->chance.made.n == 0)
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%.200s: no level of chance can be measured, as %s; name --stop-when RULE, "
                       "or --gold-model DIR, a model that never saw the rows",
                       w->o->forget.path,
                       w->data.forget.n > 1 ? "no row is a question with an answer of its own"
                                            : "the only row has no name in its question");
    return read_controls(ctx, w);
}

/* --- measuring ---------------------------------------------------------------------------------
 */

/* Answer probability of each row; wg_free. */
static wagle_status probabilities(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                                  double **out)
{
    wg_real **nll = NULL;
    wagle_status st;

    *out = NULL;
    WG_TRY(WG_ALLOC(ctx, &nll, rows->n));
    st = WG_ALLOC(ctx, out, rows->n);
    if (st == WAGLE_OK)
        st = wg_rows_nll(ctx, s, rows, NULL, nll);
    for (int64_t i = 0; st == WAGLE_OK && i < rows->n; i++)
        (*out)[i] =
            exp(-wg_sum(nll[i], rows->example[i].n_labels) / (double)rows->example[i].n_labels);
    wg_free_rows(nll, rows->n);
    if (st != WAGLE_OK) {
        wg_free(*out);
        *out = NULL;
    }
    return st;
}

static double mean(const double *x, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += x[i] / (double)n;
    return sum;
}

/* The forget rows in the model that never saw them, read by its own tokenizer. */
static wagle_status ask_gold(wagle_ctx *ctx, wg_run *w, double *level)
{
    wg_session gold;
    wg_dataset rows = {0};
    double nll;
    wagle_status st;

    WG_TRY(wg_session_open(ctx, w->o->gold, &gold));
    st = wg_dataset_load(ctx, &gold.reader, &w->o->forget, &rows);
    if (st == WAGLE_OK) {
        wg_need need = {.intent = wg_largest_batch(&rows, NULL, 1), .only_check = true};
        need.intent.backward = false;
        st = wg_budget(ctx, &gold, &need);
    }
    if (st == WAGLE_OK)
        st = wg_mean_probability(ctx, &gold, &rows, level, &nll);
    w->chance.by_gold = true;
    w->chance.measured = rows.n;
    wg_dataset_free(&rows);
    wg_session_close(&gold);
    return st;
}

/* What the control rows of one forget row came to. */
typedef struct kinds {
    double sum[2];
    int64_t n[2]; /* with its own answer, with another row's */
} kinds;

/* Whether a forget row is judged by the control rows with other answers. */
static bool takes_paired(const kinds *k, double known)
{
    if (k->n[0] == 0 || k->n[1] == 0)
        return k->n[0] == 0;
    return known > KNOWN && k->sum[0] / (double)k->n[0] > TOLD * known;
}

/* The control rows that count, and the mean of their probabilities p [made.n]. known [forget rows].
 */
static wagle_status choose(wagle_ctx *ctx, wg_run *w, kinds *of, const double *p,
                           const double *known, double *level)
{
    wg_chance *c = &w->chance;
    double sum = 0;

    for (int64_t i = 0; i < c->made.n; i++) {
        kinds *k = &of[c->made.control[i].row];
        k->sum[c->made.control[i].paired] += p[i];
        k->n[c->made.control[i].paired]++;
    }
    for (int64_t i = 0; i < w->data.forget.n; i++) {
        const bool paired = takes_paired(&of[i], known[i]);
        c->renamed += !paired;
        c->paired += paired && of[i].n[1] > 0;
    }
    for (int64_t i = 0; i < c->made.n; i++) {
        const wg_control *one = &c->made.control[i];
        if (one->paired != takes_paired(&of[one->row], known[one->row]))
            continue;
        sum += p[i];
        c->measured++;
        WG_TRY(wg_text_printf(ctx, &c->jsonl, "%s\n", one->line.text));
    }
    *level = sum / (double)c->measured;
    return WAGLE_OK;
}

static wagle_status ask_controls(wagle_ctx *ctx, wg_run *w, const double *known, double *level)
{
    kinds *of = NULL;
    double *p = NULL;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &of, w->data.forget.n));
    st = probabilities(ctx, &w->session, &w->chance.rows, &p);
    if (st == WAGLE_OK)
        st = choose(ctx, w, of, p, known, level);
    wg_free(p);
    wg_free(of);
    return st;
}

/* --- what is said of it ------------------------------------------------------------------------
 */

static void tell(const wg_run *w, char *out, size_t room)
{
    const wg_chance *c = &w->chance;
    const char *measured = "the answer probability of";

    if (c->by_gold)
        snprintf(out, room, "%s the forget rows in the model of --gold-model", measured);
    else if (c->paired == 0)
        snprintf(out, room, "%s %lld control rows, the forget rows with invented names in %d draws",
                 measured, (long long)c->measured, DRAWS);
    else
        snprintf(out, room,
                 "%s %lld control rows in %d draws: %lld forget rows with invented names, and "
                 "%lld with the answer of another row, as they have no name or their wording alone "
                 "gives the answer away",
                 measured, (long long)c->measured, DRAWS, (long long)c->renamed,
                 (long long)c->paired);
}

static wagle_status conclude(wagle_ctx *ctx, wg_run *w, double level)
{
    char how[320];

    if (!isfinite(level))
        return wg_fail(ctx, WAGLE_E_RUN, "the level of chance is no finite number");
    w->stop.bound = w->result.chance = level;
    tell(w, how, sizeof how);
    if (w->chance.original <= ABOVE * level)
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "the model does not know the forget rows, so there is nothing to forget: "
                       "their answer probability is %.4g, and the level of chance is %.4g (%s)",
                       w->chance.original, level, how);
    wg_log(ctx, 1, "the level of chance is %.4g: %s; the forget rows have %.4g", level, how,
           w->chance.original);
    return WAGLE_OK;
}

wagle_status wg_chance_measure(wagle_ctx *ctx, wg_run *w)
{
    double level = NAN, *known;
    wagle_status st;

    if (!w->stop.chance)
        return WAGLE_OK;
    WG_TRY(probabilities(ctx, &w->session, &w->data.forget, &known));
    w->chance.original = mean(known, w->data.forget.n);
    st = w->o->gold != NULL ? ask_gold(ctx, w, &level) : ask_controls(ctx, w, known, &level);
    wg_free(known);
    return st == WAGLE_OK ? conclude(ctx, w, level) : st;
}

wagle_status wg_chance_json(wagle_ctx *ctx, const wg_run *w, json_t **out)
{
    const wg_chance *c = &w->chance;

    *out = json_pack("{s:f, s:s, s:I, s:f}", "probability", w->stop.bound, "how",
                     c->by_gold ? "gold" : "controls", "rows", (json_int_t)c->measured, "original",
                     c->original);
    if (*out == NULL)
        return wg_json_memory(ctx);
    if (c->by_gold)
        return WAGLE_OK;
    WG_TRY(wg_json_set(ctx, *out, "draws", json_integer(DRAWS)));
    WG_TRY(wg_json_set(ctx, *out, "rows_with_invented_names", json_integer(c->renamed)));
    return wg_json_set(ctx, *out, "rows_with_other_answers", json_integer(c->paired));
}

void wg_chance_free(wg_chance *c)
{
    wg_controls_free(&c->made);
    wg_dataset_free(&c->rows);
    wg_text_free(&c->jsonl);
}
