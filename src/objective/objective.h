/* objective.h - an unlearning objective is a rule from token losses to token weights.
 *
 *   loss = forget_weight * mean over forget sequences(term) + alpha * mean over retain(token mean)
 *
 * One file each; the line in objective.def makes the table. */
#ifndef WG_OBJECTIVE_OBJECTIVE_H
#define WG_OBJECTIVE_OBJECTIVE_H

#include "ops/ops.h"

enum {
    WG_NEEDS_REFERENCE_NLL = 1, /* nll of the untouched model */
    WG_NEEDS_REFUSALS = 2,      /* forget rows are answered by refusals */
    WG_NEEDS_RETAIN = 4,
    WG_TRAINS_ONLY = 8 /* not for unlearning: plain training */
};
enum { WG_OBJECTIVE_OPTIONS = 4 };

/* nll, reference [n] in nats (reference NULL unless asked for); option: values in the order of
 * the table. Writes weight [n] = d term / d nll_t; returns the term of the sequence. */
typedef double wg_objective_term(const double *option, const wg_real *nll, const wg_real *reference,
                                 int64_t n, wg_real *weight);

typedef struct wg_objective {
    const char *name, *summary;
    int needs;
    wagle_param_info options[WG_OBJECTIVE_OPTIONS];
    wg_objective_term *term;
} wg_objective;

const wg_objective *wg_objective_at(int i); /* NULL past the last */
WAGLE_CHECK wagle_status wg_objective_find(wagle_ctx *ctx, const char *name,
                                           const wg_objective **out);

double wg_sum(const wg_real *x, int64_t n);
/* sign * mean nll, and its weights: the term of plain descent (1) and ascent (-1). */
double wg_token_mean_term(double sign, const wg_real *nll, int64_t n, wg_real *weight);
void wg_fill(wg_real *x, int64_t n, double value);
double wg_softplus(double x); /* log(1 + e^x) */
double wg_sigmoid(double x);

#endif
