/* objective.h - an unlearning objective is a rule from token losses to token weights.
 *
 *   loss = forget_weight * mean over forget sequences(term) + alpha * mean over retain(its term)
 *
 * One file each; the line in objective.def makes the table. */
#ifndef WG_OBJECTIVE_OBJECTIVE_H
#define WG_OBJECTIVE_OBJECTIVE_H

#include "ops/ops.h"

enum {
    WG_NEEDS_REFERENCE = 1,  /* token losses of the untouched model */
    WG_NEEDS_REFUSALS = 2,   /* another answer to each forget row, from a file */
    WG_MAKES_ALTERNATES = 4, /* ... or, without a file, from the model itself */
    WG_RANDOM_LABELS = 8,    /* ... or each label drawn at random */
    WG_WITHOUT_FORGET = 16,  /* the forget answers themselves are not looked at */
    WG_TRAINS_ONLY = 32,     /* not for unlearning: plain training */
    WG_ADAPTS_ALPHA = 64,    /* alpha follows the retain loss (options: bound, rate) */
    WG_SPARSE = 128,         /* option 0 is the weight of the L1 norm of what is trained */
    WG_BY_TOKEN = 256        /* the term is a mean over label tokens: a batch's may be too */
};

/* What is asked of the retain set. */
typedef enum wg_retain {
    WG_RETAIN_NLL,
    WG_RETAIN_KL,     /* KL(reference || current) over the vocabulary, mean over all positions */
    WG_RETAIN_HIDDEN, /* distance of a layer's output from the reference's */
    WG_RETAIN_NONE,
    WG_RETAIN_KINDS
} wg_retain;

/* What stands in place of the token's negative log-likelihood in the forget term. */
typedef enum wg_token_loss {
    WG_LOSS_NLL,
    WG_LOSS_REFERENCE, /* cross-entropy to softmax(reference logits - option 0 at the label) */
    WG_LOSS_WITHOUT,   /* cross-entropy to the current softmax without the label, held constant */
    WG_LOSS_HINGE,     /* 1 + p(label) - the largest p of another token */
    WG_LOSS_HIDDEN     /* distance of a layer's output (option 0) from a random direction */
} wg_token_loss;

enum { WG_OBJECTIVE_OPTIONS = 4 };

/* Label tokens of one sequence. */
typedef struct wg_answer {
    int64_t n;
    const wg_real *loss, *reference; /* [n] nats; reference NULL unless asked for */
    const float *given;              /* [n] the row's own token weights, or NULL */
    wg_real *weight;                 /* [n] to be written: d term / d loss */
} wg_answer;

/* option: values in the order of the table. refusal: NULL unless there is one; forget: NULL with
 * WG_WITHOUT_FORGET. Writes weights; returns the term of the sequence. */
typedef double wg_objective_term(const double *option, const wg_answer *forget,
                                 const wg_answer *refusal);

typedef struct wg_objective {
    const char *name, *summary;
    const char *formula; /* of the forget term of a row, for readers; docs/reference/tables.md */
    const char *source;  /* the paper, or NULL */
    int needs;
    wg_retain retain;
    wg_token_loss token;
    wagle_param_info options[WG_OBJECTIVE_OPTIONS];
    wg_objective_term *term; /* NULL: there is no forget term, or it is of WG_LOSS_HIDDEN */
} wg_objective;

extern const char *const wg_retain_names[WG_RETAIN_KINDS];

const wg_objective *wg_objective_at(int i); /* NULL past the last */
/* NULL: there is none of that name. */
const wg_objective *wg_objective_named(const char *name);
/* Whether the objective of that name has an option of its own with this key. */
bool wg_objective_has(const char *name, const char *key);
/* WAGLE_USES_* of the objective with that retain term. */
unsigned wg_objective_uses(const wg_objective *o, wg_retain retain);
WAGLE_CHECK wagle_status wg_objective_find(wagle_ctx *ctx, const char *name,
                                           const wg_objective **out);

double wg_sum(const wg_real *x, int64_t n);
/* Terms that several objectives have: -mean and mean loss of the forget answer, mean loss of the
 * refusal, and the preference of the refusal (dpo.c). */
wg_objective_term wg_term_ascent, wg_term_descent, wg_term_refusal, wg_term_preference;
/* sum loss - sum reference */
double wg_excess(const wg_answer *a);
void wg_fill(wg_real *x, int64_t n, double value);
double wg_softplus(double x); /* log(1 + e^x) */
double wg_sigmoid(double x);

#endif
