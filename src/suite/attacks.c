#include "suite/attacks.h"

#include "metric/membership.h"
#include "metric/statistics.h"
#include "session/tally.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In all attacks, members have lower scores. Those with `shares` are of a percentage of the tokens,
 * which follows their name. */
static const struct attack {
    const char *name;
    bool shares;
} attacks[] = {{"loss", false},    {"zlib", false},      {"min_k_", true},
               {"min_kpp_", true}, {"grad_norm", false}, {"reference", false}};
enum { ATTACKS = sizeof attacks / sizeof *attacks, MOST_PERCENT = 100 };

static bool is_percent(const char *text)
{
    const size_t digits = strspn(text, "0123456789");

    return digits > 0 && digits <= 3 && text[digits] == '\0' && text[0] != '0' &&
           strtol(text, NULL, 10) <= MOST_PERCENT;
}

static bool is_attack(const char *key)
{
    for (int i = 0; i < ATTACKS; i++) {
        const size_t n = strlen(attacks[i].name);
        if (strncmp(key, attacks[i].name, n) == 0 &&
            (attacks[i].shares ? is_percent(key + n) : key[n] == '\0'))
            return true;
    }
    return false;
}

wagle_status wg_attack_percents(wagle_ctx *ctx, const wagle_suite_options *o, wg_counts *out)
{
    return wg_counts_read(ctx, "@{min_k}", o->min_k, 1, MOST_PERCENT, out);
}

static wagle_status write_min_k(wagle_ctx *ctx, json_t *row, const char *name, const double *x,
                                int64_t n, const wg_counts *percents)
{
    for (int i = 0; i < percents->n; i++) {
        char key[24];
        double value;
        snprintf(key, sizeof key, "%s%lld", name, (long long)percents->at[i]);
        WG_TRY(wg_min_k(ctx, x, n, (double)percents->at[i] / 100, &value));
        WG_TRY(wg_json_set(ctx, row, key, json_real(value)));
    }
    return WAGLE_OK;
}

/* Writes the scores that are computed from the token losses of a row. */
static wagle_status write_loss_scores(wagle_ctx *ctx, const wg_example *example,
                                      const wg_row_score *s, const wg_counts *percents, json_t *row)
{
    double *lp = NULL, *z = NULL, loss;
    int64_t bytes = 0;
    wagle_status st = WG_ALLOC(ctx, &lp, s->n);

    if (st == WAGLE_OK)
        st = WG_ALLOC(ctx, &z, s->n);
    for (int64_t t = 0; st == WAGLE_OK && t < s->n; t++) {
        lp[t] = -(double)s->nll[t];
        z[t] = wg_standardised(lp[t], s->mean[t], s->square[t]);
    }
    loss = wg_sum(s->nll, s->n) / (double)s->n;
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, row, "loss", json_real(loss));
    if (st == WAGLE_OK && example->answer != NULL)
        st = wg_zlib_bytes(ctx, example->answer[0], &bytes);
    if (st == WAGLE_OK && bytes > 0)
        st = wg_json_set(ctx, row, "zlib", json_real(loss / (double)bytes));
    if (st == WAGLE_OK)
        st = write_min_k(ctx, row, "min_k_", lp, s->n, percents);
    if (st == WAGLE_OK)
        st = write_min_k(ctx, row, "min_kpp_", z, s->n, percents);
    wg_free(lp);
    wg_free(z);
    return st;
}

/* Computes the gradient norm of each row's token-mean loss: norm [rows->n]. */
static wagle_status gradient_norms(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                                   double *norm)
{
    enum { AT_ONCE = 8 };
    wg_real *nll = NULL, *weight = NULL;
    int64_t room = 0, same = 0;
    wagle_status st = WAGLE_OK;

    for (int64_t from = 0; st == WAGLE_OK && from < rows->n; from += AT_ONCE) {
        const wg_example *list[AT_ONCE];
        const int64_t n = rows->n - from < AT_ONCE ? rows->n - from : AT_ONCE;
        for (int64_t i = 0; i < n; i++)
            list[i] = &rows->example[from + i];
        st = wg_batch_fill(ctx, &s->batch, list, n, n);
        if (st == WAGLE_OK && s->tally != NULL) {
            wg_tally_pass(s->tally, &s->batch, true);
            continue;
        }
        if (st == WAGLE_OK)
            st = WG_GROW(ctx, &nll, &room, s->batch.M);
        if (st == WAGLE_OK)
            st = WG_GROW(ctx, &weight, &same, s->batch.M);
        if (st == WAGLE_OK)
            st = wg_engine_forward(ctx, s->engine, &s->batch, true, NULL, nll);
        if (st != WAGLE_OK)
            break;
        wg_token_mean_weights(&s->batch, weight);
        st = wg_engine_square_norms(ctx, s->engine, &s->batch, weight, NULL, norm + from);
        for (int64_t i = 0; i < n; i++)
            norm[from + i] = sqrt(norm[from + i]);
        wg_progress(ctx, "gradient norms", from + n, rows->n, NULL);
    }
    wg_free(nll);
    wg_free(weight);
    return st;
}

/* Computes token-mean losses under the reference model; without one, `loss` is unchanged. */
static wagle_status reference_losses(wagle_ctx *ctx, const wg_evaluation *e, const wg_dataset *rows,
                                     double *loss)
{
    wg_session other;
    wg_row_score *score = NULL;
    wagle_status st;

    if (e->o->reference == NULL)
        return WAGLE_OK;
    WG_TRY(wg_session_open(ctx, e->o->reference, &other));
    other.tally = e->session->tally;
    st =
        other.model->config.V == e->session->model->config.V
            ? WG_ALLOC(ctx, &score, rows->n)
            : wg_fail(ctx, WAGLE_E_INPUT, "%s: its vocabulary is not the model's", e->o->reference);
    if (st == WAGLE_OK)
        st = wg_rows_score(ctx, &other, rows, &(wg_scoring){.progress = "reference"}, score);
    if (st == WAGLE_OK && other.tally != NULL)
        wg_tally_second(other.tally, other.model);
    for (int64_t i = 0; st == WAGLE_OK && i < rows->n; i++)
        loss[i] = wg_sum(score[i].nll, score[i].n) / (double)score[i].n;
    wg_free_scores(score, rows->n);
    wg_session_close(&other);
    return st;
}

typedef struct extras {
    double *norm, *reference; /* [rows], or NULL */
} extras;

static wagle_status measure_extras(wagle_ctx *ctx, wg_evaluation *e, const wg_dataset *rows,
                                   extras *x)
{
    WG_TRY(WG_ALLOC(ctx, &x->norm, rows->n));
    WG_TRY(gradient_norms(ctx, e->session, rows, x->norm));
    if (e->o->reference == NULL)
        return WAGLE_OK;
    WG_TRY(WG_ALLOC(ctx, &x->reference, rows->n));
    return reference_losses(ctx, e, rows, x->reference);
}

static wagle_status write_rows(wagle_ctx *ctx, wg_evaluation *e, const char *set,
                               const wg_dataset *rows, const wg_row_score *score,
                               const wg_counts *percents, const extras *x)
{
    for (int64_t i = 0; i < rows->n; i++) {
        json_t *row;
        WG_TRY(wg_evaluation_row(ctx, e, set, i, &row));
        WG_TRY(write_loss_scores(ctx, &rows->example[i], &score[i], percents, row));
        if (x->norm != NULL)
            WG_TRY(wg_json_set(ctx, row, "grad_norm", json_real(x->norm[i])));
        if (x->reference != NULL)
            WG_TRY(wg_json_set(
                ctx, row, "reference",
                json_real(json_number_value(json_object_get(row, "loss")) - x->reference[i])));
    }
    return WAGLE_OK;
}

wagle_status wg_attack_rows(wagle_ctx *ctx, wg_evaluation *e, const char *set, const char *path,
                            const wg_counts *percents, bool gradients)
{
    const wagle_data data = wg_evaluation_data(e, path);
    const wg_scoring how = {.spread = true, .progress = set};
    wg_dataset rows = {0};
    wg_row_score *score = NULL;
    extras x = {0};
    wagle_status st = wg_dataset_load(ctx, &e->session->reader, &data, &rows);

    if (st == WAGLE_OK)
        st = WG_ALLOC(ctx, &score, rows.n);
    if (st == WAGLE_OK)
        st = wg_rows_score(ctx, e->session, &rows, &how, score);
    if (st == WAGLE_OK && gradients)
        st = measure_extras(ctx, e, &rows, &x);
    if (st == WAGLE_OK)
        st = write_rows(ctx, e, set, &rows, score, percents, &x);
    wg_free(x.norm);
    wg_free(x.reference);
    wg_free_scores(score, rows.n);
    wg_dataset_free(&rows);
    return st;
}

/* --- the gold result ---------------------------------------------------------------------------
 */

/* A row of set members of the current suite in the gold result, or NULL. */
static const json_t *gold_row(const wg_evaluation *e)
{
    const json_t *row;
    size_t i;

    json_array_foreach (e->gold, i, row)
        if (strcmp(json_string_value(json_object_get(row, "suite")), e->suite->name) == 0 &&
            strcmp(json_string_value(json_object_get(row, "set")), "members") == 0)
            return row;
    return NULL;
}

/* Adds the percentages of Min-k that a row has, with commas between them. */
static wagle_status add_percents(wagle_ctx *ctx, const json_t *row, wg_text *out)
{
    static const char name[] = "min_k_";
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)row, key, value)
        if (strncmp(key, name, sizeof name - 1) == 0 && is_percent(key + sizeof name - 1))
            WG_TRY(
                wg_text_printf(ctx, out, "%s%s", out->bytes > 0 ? "," : "", key + sizeof name - 1));
    return WAGLE_OK;
}

static wagle_status refuse_percent(wagle_ctx *ctx, const wg_evaluation *e, const json_t *row,
                                   int64_t percent)
{
    wg_text have = {0};
    wagle_status st = add_percents(ctx, row, &have);

    if (st == WAGLE_OK)
        st = wg_fail(ctx, WAGLE_E_USAGE,
                     "gold result %s has Min-k at %s %%, not at %lld %%, so PrivLeak could not be "
                     "computed; give @{min_k} %s, or evaluate the gold model with @{min_k} %s",
                     e->o->gold, have.bytes > 0 ? have.text : "no", (long long)percent,
                     have.bytes > 0 ? have.text : "LIST", e->o->min_k);
    wg_text_free(&have);
    return st;
}

wagle_status wg_attack_check_gold(wagle_ctx *ctx, const wg_evaluation *e, const wg_counts *percents)
{
    const json_t *row = gold_row(e);
    char key[24];

    if (row == NULL || wg_evaluation_set(e, "members") == NULL)
        return WAGLE_OK;
    for (int i = 0; i < percents->n; i++) {
        snprintf(key, sizeof key, "min_k_%lld", (long long)percents->at[i]);
        if (json_object_get(row, key) == NULL)
            return refuse_percent(ctx, e, row, percents->at[i]);
    }
    return e->o->reference != NULL && (e->suite->uses & WAGLE_USES_REFERENCE) != 0 &&
                   json_object_get(row, "reference") == NULL
               ? wg_fail(ctx, WAGLE_E_USAGE,
                         "gold result %s was made without @{reference}, so PrivLeak of that attack "
                         "could not be computed; evaluate the gold model with @{reference} %s, or "
                         "leave it out here",
                         e->o->gold, e->o->reference)
               : WAGLE_OK;
}

wagle_status wg_attack_left_out(wagle_ctx *ctx, const wg_frame *f, const wg_measures *m,
                                json_t *into)
{
    char name[64];

    for (int64_t i = 0; i < f->n; i++) {
        const wg_column *c = &f->column[i];
        if (strcmp(c->set, "members") != 0 || wg_frame_find(f, "nonmembers", c->name) == NULL)
            continue;
        snprintf(name, sizeof name, "%.40s.privleak", c->name);
        if (wg_frame_has_gold(f) && wg_measures_find(m, name) == NULL)
            WG_TRY(wg_json_set(ctx, into, name,
                               json_sprintf("the gold result has no %s of sets members and "
                                            "nonmembers",
                                            c->name)));
    }
    return WAGLE_OK;
}

/* --- saved rows ------------------------------------------------------------------------------- */

wagle_status wg_attack_derive(wagle_ctx *ctx, const json_t *row, const char *set, wg_frame *f)
{
    const char *key;
    json_t *value;

    WG_TRY(wg_row_column(ctx, row, set, "loss", f));
    json_object_foreach ((json_t *)(uintptr_t)row, key, value)
        if (is_attack(key) && strcmp(key, "loss") != 0)
            WG_TRY(wg_row_column(ctx, row, set, key, f));
    return WAGLE_OK;
}

/* AUC of an attack and TPR at 1 % FPR. *n is 0 if one of the two sets is missing. */
static wagle_status compute_auc(wagle_ctx *ctx, const wg_frame *f, const char *prefix,
                                const char *attack, double *auc, double *tpr, int64_t *n)
{
    char members[32], others[32];
    double *score[2] = {NULL, NULL};
    wagle_status st = WAGLE_OK;

    snprintf(members, sizeof members, "%smembers", prefix);
    snprintf(others, sizeof others, "%snonmembers", prefix);
    const wg_column *side[2] = {wg_frame_find(f, members, attack),
                                wg_frame_find(f, others, attack)};
    *auc = *tpr = NAN;
    *n = 0;
    if (side[0] == NULL || side[1] == NULL)
        return WAGLE_OK;
    *n = side[0]->n + side[1]->n;
    for (int k = 0; st == WAGLE_OK && k < 2; k++) {
        st = WG_ALLOC(ctx, &score[k], side[k]->n);
        for (int64_t i = 0; st == WAGLE_OK && i < side[k]->n; i++)
            score[k][i] = -side[k]->value[i];
    }
    if (st == WAGLE_OK)
        st = wg_auc(ctx, score[0], side[0]->n, score[1], side[1]->n, auc);
    if (st == WAGLE_OK)
        st = wg_tpr_at(ctx, score[0], side[0]->n, score[1], side[1]->n, 0.01, tpr);
    wg_free(score[0]);
    wg_free(score[1]);
    return st;
}

wagle_status wg_attack_measure(wagle_ctx *ctx, const wg_frame *f, wg_measures *out)
{
    for (int64_t i = 0; i < f->n; i++) {
        const char *name = f->column[i].name;
        double auc, tpr, gold, unused;
        int64_t n, gold_n;
        if (strcmp(f->column[i].set, "members") != 0)
            continue;
        WG_TRY(compute_auc(ctx, f, "", name, &auc, &tpr, &n));
        if (n == 0)
            continue;
        WG_TRY(wg_measures_add(ctx, out, auc, n, "%s.auc", name));
        WG_TRY(wg_measures_add(ctx, out, tpr, n, "%s.tpr_at_1_fpr", name));
        WG_TRY(compute_auc(ctx, f, "gold/", name, &gold, &unused, &gold_n));
        if (gold_n > 0)
            WG_TRY(wg_measures_add(ctx, out, gold > 0 ? (auc - gold) / gold : NAN, n, "%s.privleak",
                                   name));
    }
    return WAGLE_OK;
}
