#include "train/run.h"

#include "metric/statistics.h"

#include <math.h>
#include <string.h>

static const double KNOWN = 0.5;  /* answer probability of a row that the model knows for sure */
static const double TOLD = 0.5;   /* share of it that a control row has whose wording tells all */
static const double ABOVE = 1.25; /* times the level: what a model that knows the rows has */

/* --- control rows ------------------------------------------------------------------------------
 */

static wagle_status read_controls(wagle_ctx *ctx, wg_session *s, const wagle_data *forget,
                                  wg_chance *c)
{
    wagle_data data = *forget;
    wg_text all = {0};
    wagle_status st = WAGLE_OK;

    data.path = "controls.jsonl";
    data.more = NULL;
    data.truncate = true; /* an invented name may take more tokens */
    for (int64_t i = 0; st == WAGLE_OK && i < c->made.n; i++)
        st = wg_text_printf(ctx, &all, "%s\n", c->made.control[i].line.text);
    if (st == WAGLE_OK)
        st = wg_dataset_parse(ctx, &s->reader, &data, wg_text_str(&all), &c->rows);
    wg_text_free(&all);
    return st;
}

wagle_status wg_chance_controls(wagle_ctx *ctx, wg_session *s, const wagle_data *data,
                                const wg_dataset *forget, int draws, uint64_t seed, uint64_t stream,
                                wg_chance *c)
{
    WG_TRY(wg_controls_make(ctx, data, forget, s->reader.tokenizer, s->reader.V, draws, seed,
                            stream, &c->made));
    if (c->made.n == 0)
        return WAGLE_OK;
    WG_TRY(WG_ALLOC(ctx, &c->counts, c->made.n));
    return read_controls(ctx, s, data, c);
}

wagle_status wg_chance_load(wagle_ctx *ctx, wg_run *w)
{
    if (!w->stop.chance || w->o->gold != NULL)
        return WAGLE_OK;
    WG_TRY(wg_chance_controls(ctx, &w->session, &w->o->forget, &w->data.forget, WG_CHANCE_DRAWS,
                              w->o->seed, WG_STREAM_NAMES, &w->chance));
    if (w->chance.made.n == 0)
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%.200s: no level of chance can be measured, as %s; name @{stop_when RULE}, "
                       "or @{gold DIR}, a model that never saw the rows",
                       w->o->forget.path,
                       w->data.forget.n > 1 ? "no row is a question with an answer of its own"
                                            : "the only row has no name in its question");
    return WAGLE_OK;
}

/* --- measuring ---------------------------------------------------------------------------------
 */

wagle_status wg_probabilities(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows, double **out)
{
    wg_real **nll = NULL;
    wagle_status st;

    *out = NULL;
    WG_TRY(WG_ALLOC(ctx, &nll, rows->n));
    st = WG_ALLOC(ctx, out, rows->n);
    if (st == WAGLE_OK)
        st = wg_rows_nll(ctx, s, rows, NULL, nll);
    for (int64_t i = 0; st == WAGLE_OK && i < rows->n; i++)
        (*out)[i] = wg_answer_probability(wg_token_mean(nll[i], rows->example[i].n_labels));
    wg_free_rows(nll, rows->n);
    if (st != WAGLE_OK) {
        wg_free(*out);
        *out = NULL;
    }
    return st;
}

/* The forget rows in the model that never saw them, read by its own tokenizer. */
static wagle_status evaluate_gold(wagle_ctx *ctx, wg_run *w, double *level)
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
        st = wg_mean_probability(ctx, &gold, &rows, NULL, level, &nll);
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

/* Which control rows count, and the mean of their probabilities. known [n], of [n]. */
static double choose(wg_chance *c, kinds *of, const double *known, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < c->made.n; i++) {
        kinds *k = &of[c->made.control[i].row];
        k->sum[c->made.control[i].paired] += c->p[i];
        k->n[c->made.control[i].paired]++;
    }
    for (int64_t i = 0; i < n; i++) {
        const bool paired = takes_paired(&of[i], known[i]);
        c->renamed += !paired;
        c->paired += paired && of[i].n[1] > 0;
    }
    for (int64_t i = 0; i < c->made.n; i++) {
        const wg_control *one = &c->made.control[i];
        c->counts[i] = one->paired == takes_paired(&of[one->row], known[one->row]);
        sum += c->counts[i] ? c->p[i] : 0;
        c->measured += c->counts[i];
    }
    return sum / (double)c->measured;
}

wagle_status wg_chance_level(wagle_ctx *ctx, wg_session *s, const wg_dataset *forget,
                             const double *known, wg_chance *c, double *level)
{
    kinds *of = NULL;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &of, forget->n));
    st = wg_probabilities(ctx, s, &c->rows, &c->p);
    if (st == WAGLE_OK)
        *level = choose(c, of, known, forget->n);
    wg_free(of);
    return st;
}

wagle_status wg_chance_lines(wagle_ctx *ctx, const wg_chance *c, int draw, wg_text *out)
{
    const int64_t each = c->made.n / WG_CHANCE_DRAWS;
    const int64_t from = draw < 0 ? 0 : draw * each, to = draw < 0 ? c->made.n : from + each;

    for (int64_t i = from; i < to; i++)
        if (c->counts[i])
            WG_TRY(wg_text_printf(ctx, out, "%s\n", c->made.control[i].line.text));
    return WAGLE_OK;
}

/* --- what is said of it ------------------------------------------------------------------------
 */

static void tell(const wg_run *w, char *out, size_t room)
{
    const wg_chance *c = &w->chance;
    const char *measured = "the answer probability of";

    if (c->by_gold)
        snprintf(out, room, "%s the forget rows in the model of @{gold}", measured);
    else if (c->paired == 0)
        snprintf(out, room, "%s %lld control rows, the forget rows with invented names in %d draws",
                 measured, (long long)c->measured, WG_CHANCE_DRAWS);
    else
        snprintf(out, room,
                 "%s %lld control rows in %d draws: %lld forget rows with invented names, and "
                 "%lld with the answer of another row, as they have no name or their wording alone "
                 "gives the answer away",
                 measured, (long long)c->measured, WG_CHANCE_DRAWS, (long long)c->renamed,
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
    WG_TRY(wg_probabilities(ctx, &w->session, &w->data.forget, &known));
    w->chance.original = wg_mean(known, w->data.forget.n);
    st = w->o->gold != NULL
             ? evaluate_gold(ctx, w, &level)
             : wg_chance_level(ctx, &w->session, &w->data.forget, known, &w->chance, &level);
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
    WG_TRY(wg_json_set(ctx, *out, "draws", json_integer(WG_CHANCE_DRAWS)));
    WG_TRY(wg_json_set(ctx, *out, "rows_with_invented_names", json_integer(c->renamed)));
    return wg_json_set(ctx, *out, "rows_with_other_answers", json_integer(c->paired));
}

void wg_chance_free(wg_chance *c)
{
    wg_controls_free(&c->made);
    wg_dataset_free(&c->rows);
    wg_free(c->counts);
    wg_free(c->p);
}
