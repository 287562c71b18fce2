#include "objective/objective.h"

#include "base/choose.h"
#include <math.h>
#include <string.h>

#define WG_OBJECTIVE(name) extern const wg_objective wg_objective_##name;
#include "objective/objective.def"
#undef WG_OBJECTIVE

const char *wg_retain_word(wg_retain kind)
{
    return wg_words_of_wagle_retain_term[(int)kind + WAGLE_RETAIN_NLL];
}

static const wg_objective *const objectives[] = {
#define WG_OBJECTIVE(name) &wg_objective_##name,
#include "objective/objective.def"
#undef WG_OBJECTIVE
    NULL,
};

const wg_objective *wg_objective_at(int i)
{
    return i >= 0 && i < (int)(sizeof objectives / sizeof *objectives) ? objectives[i] : NULL;
}

unsigned wg_objective_uses(const wg_objective *o, wg_retain retain)
{
    const bool base = (o->needs & WG_NEEDS_REFERENCE) || o->token == WG_LOSS_REFERENCE ||
                      o->token == WG_LOSS_HIDDEN || retain == WG_RETAIN_KL ||
                      retain == WG_RETAIN_HIDDEN;

    return (o->term != NULL || o->token == WG_LOSS_HIDDEN ? WAGLE_USES_FORGET : 0) |
           (retain != WG_RETAIN_NONE ? WAGLE_USES_RETAIN : 0) |
           (o->needs & WG_NEEDS_REFUSALS && !(o->needs & WG_RANDOM_LABELS) ? WAGLE_USES_REFUSAL
                                                                           : 0) |
           (base ? WAGLE_USES_REFERENCE : 0) |
           (o->token == WG_LOSS_HIDDEN ? WAGLE_USES_CONTROL : 0);
}

static const char *name_at(int i)
{
    return wg_objective_at(i) != NULL ? wg_objective_at(i)->name : NULL;
}

const wg_objective *wg_objective_named(const char *name)
{
    return wg_objective_at(wg_name_find(name_at, wg_strz(name)));
}

wagle_status wg_objective_find(wagle_ctx *ctx, const char *name, const wg_objective **out)
{
    int i;

    WG_TRY(wg_choose(ctx, "objective", name_at, wg_strz(name), &i));
    *out = objectives[i];
    return WAGLE_OK;
}

double wg_sum(const wg_real *x, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i];
    return sum;
}

void wg_fill(wg_real *x, int64_t n, double value)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (wg_real)value;
}

double wg_softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

double wg_sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

double wg_excess(const wg_answer *a)
{
    return wg_sum(a->loss, a->n) - wg_sum(a->reference, a->n);
}

/* sign * mean loss, and its weights. */
static double mean_term(double sign, const wg_answer *a)
{
    wg_fill(a->weight, a->n, sign / (double)a->n);
    return sign * wg_sum(a->loss, a->n) / (double)a->n;
}

double wg_term_ascent(const double *option, const wg_answer *forget, const wg_answer *refusal)
{
    (void)option;
    (void)refusal;
    return mean_term(-1, forget);
}

double wg_term_descent(const double *option, const wg_answer *forget, const wg_answer *refusal)
{
    (void)option;
    (void)refusal;
    return mean_term(1, forget);
}

double wg_term_refusal(const double *option, const wg_answer *forget, const wg_answer *refusal)
{
    (void)option;
    (void)forget;
    return mean_term(1, refusal);
}

double wg_term_preference(const double *option, const wg_answer *forget, const wg_answer *refusal)
{
    const double beta = option[0], margin = wg_excess(forget) - wg_excess(refusal);
    const double slope = 2.0 * wg_sigmoid(-beta * margin);

    wg_fill(forget->weight, forget->n, -slope);
    wg_fill(refusal->weight, refusal->n, slope);
    return 2.0 / beta * wg_softplus(-beta * margin);
}

bool wg_objective_has(const char *name, const char *key)
{
    const wg_objective *o = wg_objective_named(name);

    for (int k = 0; o != NULL && k < WG_OBJECTIVE_OPTIONS; k++)
        if (o->options[k].key != NULL && strcmp(o->options[k].key, key) == 0)
            return true;
    return false;
}
