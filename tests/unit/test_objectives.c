/* The token weights of each objective are the derivative of its term, or follow its formula if they
 * are held constant. */
#include "support.h"

#include "objective/objective.h"

enum { N = 7 };

typedef struct answers {
    wg_answer forget, refusal;
    float loss[2][N], reference[2][N], weight[2][N], given[N];
} answers;

static void fill(answers *a)
{
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < N; i++) {
            a->loss[k][i] = 0.3f + 0.4f * (float)((i * 5 + k) % N);
            a->reference[k][i] = 0.5f + 0.3f * (float)((i * 3 + k) % N);
            a->given[i] = (float)(i - 3);
        }
    a->forget = (wg_answer){N, a->loss[0], a->reference[0], a->given, a->weight[0]};
    a->refusal = (wg_answer){N, a->loss[1], a->reference[1], NULL, a->weight[1]};
}

static double term_of(const wg_objective *o, const answers *a)
{
    double option[WG_OBJECTIVE_OPTIONS];

    for (int i = 0; i < WG_OBJECTIVE_OPTIONS; i++)
        option[i] = o->options[i].value;
    return o->term(option, o->needs & WG_WITHOUT_FORGET ? NULL : &a->forget,
                   o->needs & WG_NEEDS_REFUSALS ? &a->refusal : NULL);
}

static double slope_at(const wg_objective *o, answers *a, float *at)
{
    const float was = *at, step = 1e-2f;
    double up, down;

    *at = was + step;
    up = term_of(o, a);
    *at = was - step;
    down = term_of(o, a);
    *at = was;
    return (up - down) / (2 * (double)step);
}

/* Whether the weights are held constant: the term is then the sum of weight times loss. */
static bool holds_weights(const wg_objective *o)
{
    return strcmp(o->name, "wga") == 0 || strcmp(o->name, "satimp") == 0;
}

static void weights_are_the_slope_of_the_term(void **state)
{
    (void)state;
    for (int k = 0; wg_objective_at(k) != NULL; k++) {
        const wg_objective *o = wg_objective_at(k);
        float weight[2][N];
        answers a;
        if (o->term == NULL)
            continue;
        fill(&a);
        const double term = term_of(o, &a);
        double sum = 0;
        memcpy(weight, a.weight, sizeof weight);
        for (int i = 0; i < N; i++)
            sum += (double)weight[0][i] * (double)a.loss[0][i];
        if (holds_weights(o)) {
            assert_true(fabs(sum - term) <= 1e-5 * fabs(term));
            continue;
        }
        for (int s = 0; s < 2; s++)
            for (int i = 0; i < N; i++) {
                if (s == 0 ? o->needs & WG_WITHOUT_FORGET : !(o->needs & WG_NEEDS_REFUSALS))
                    continue;
                const double slope = slope_at(o, &a, &a.loss[s][i]);
                if (fabs(slope - (double)weight[s][i]) > 2e-3 * fabs(slope) + 1e-4)
                    fail_msg("%s[%d]: weight %g, slope %g", o->name, i, (double)weight[s][i],
                             slope);
            }
    }
}

static void held_weights_follow_their_formula(void **state)
{
    answers a;

    (void)state;
    for (int k = 0; wg_objective_at(k) != NULL; k++) {
        const wg_objective *o = wg_objective_at(k);
        if (!holds_weights(o))
            continue;
        fill(&a);
        (void)term_of(o, &a);
        for (int i = 0; i < N; i++) {
            const double p = exp(-(double)a.loss[0][i]);
            const double want = strcmp(o->name, "wga") == 0 ? -p / N : -pow(p, 5) * (1 - p) / N;
            assert_true(fabs(want - (double)a.weight[0][i]) <= 1e-5 * fabs(want));
        }
    }
}

/* Rows without weights use gradient ascent, as in ga. */
static void custom_takes_the_weights_that_are_given(void **state)
{
    wagle_ctx *ctx = new_context();
    const wg_objective *o;
    answers a;

    (void)state;
    assert_ok(ctx, wg_objective_find(ctx, "custom", &o));
    fill(&a);
    (void)term_of(o, &a);
    for (int i = 0; i < N; i++)
        assert_true(fabsf(a.weight[0][i] - a.given[i] / N) < 1e-6f);
    a.forget.given = NULL;
    (void)term_of(o, &a);
    for (int i = 0; i < N; i++)
        assert_true(fabsf(a.weight[0][i] + 1.0f / N) < 1e-6f);
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_the_slope_of_the_term),
        cmocka_unit_test(held_weights_follow_their_formula),
        cmocka_unit_test(custom_takes_the_weights_that_are_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
