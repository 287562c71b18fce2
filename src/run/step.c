#include "run/train.h"

#include <math.h>
#include <string.h>

enum { EVAL_TOKENS = 4096 };

static wagle_status find_options(wagle_ctx *ctx, wg_trainer *t, const wagle_train_options *o)
{
    const wagle_param_info *known = t->objective->options;

    for (int i = 0; i < WG_OBJECTIVE_OPTIONS; i++)
        t->option[i] = known[i].value;
    for (int64_t p = 0; p < o->n_params; p++) {
        int i = 0;
        while (i < WG_OBJECTIVE_OPTIONS && known[i].key != NULL &&
               strcmp(known[i].key, o->params[p].key) != 0)
            i++;
        if (i == WG_OBJECTIVE_OPTIONS || known[i].key == NULL)
            return wg_fail(ctx, WAGLE_E_USAGE, "objective %s has no option %s", t->objective->name,
                           o->params[p].key);
        if (!(o->params[p].value >= known[i].min && o->params[p].value <= known[i].max))
            return wg_fail(ctx, WAGLE_E_USAGE, "%s %g: from %g to %g", known[i].key,
                           o->params[p].value, known[i].min, known[i].max);
        t->option[i] = o->params[p].value;
    }
    return WAGLE_OK;
}

wagle_status wg_rows_nll(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                         const char *progress, wg_real **row_nll)
{
    const wg_example **list = NULL;
    wg_real *nll = NULL;
    int64_t room = 0;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &list, rows->n));
    for (int64_t from = 0, n = 0; from < rows->n; from += n) {
        int64_t tokens = 0;
        for (n = 0; from + n < rows->n; n++) {
            tokens += rows->example[from + n].n;
            if (n > 0 && tokens > EVAL_TOKENS)
                break;
            list[n] = &rows->example[from + n];
        }
        WG_TRY_GOTO(wg_batch_fill(ctx, &s->batch, list, n, n), done);
        WG_TRY_GOTO(WG_GROW(ctx, &nll, &room, s->batch.M), done);
        WG_TRY_GOTO(wg_engine_forward(ctx, s->engine, &s->batch, false, NULL, nll), done);
        for (int64_t i = 0; i < n; i++) {
            const int64_t m = s->batch.label_start[i + 1] - s->batch.label_start[i];
            WG_TRY_GOTO(WG_ALLOC(ctx, &row_nll[from + i], m), done);
            memcpy(row_nll[from + i], nll + s->batch.label_start[i], (size_t)m * sizeof *nll);
        }
        if (progress != NULL)
            wg_progress(ctx, progress, from + n, rows->n, NULL);
    }
    st = WAGLE_OK;
done:
    wg_free(list);
    wg_free(nll);
    return st;
}

static void free_rows(wg_real **row_nll, int64_t n)
{
    for (int64_t i = 0; row_nll != NULL && i < n; i++)
        wg_free(row_nll[i]);
    wg_free(row_nll);
}

wagle_status wg_mean_probability(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                                 double *probability, double *nll)
{
    wg_real **row_nll = NULL;
    wagle_status st;

    *probability = *nll = 0;
    WG_TRY(WG_ALLOC(ctx, &row_nll, rows->n));
    st = wg_rows_nll(ctx, s, rows, NULL, row_nll);
    for (int64_t i = 0; st == WAGLE_OK && i < rows->n; i++) {
        const int64_t m = rows->example[i].n_labels;
        const double mean = wg_sum(row_nll[i], m) / (double)m;
        *nll += mean / (double)rows->n;
        *probability += exp(-mean) / (double)rows->n;
    }
    free_rows(row_nll, rows->n);
    return st;
}

wagle_status wg_trainer_new(wagle_ctx *ctx, wg_session *s, const wg_objective *objective,
                            const wagle_train_options *o, const wg_dataset *forget,
                            const wg_dataset *retain, const wg_mask *mask, const char *scratch,
                            wg_trainer *out)
{
    wagle_status st;

    *out = (wg_trainer){.session = s,
                        .objective = objective,
                        .forget_weight = o->forget_weight,
                        .alpha = o->alpha,
                        .forget = forget,
                        .retain = objective->needs & WG_NEEDS_RETAIN ? retain : NULL};
    WG_TRY_GOTO(find_options(ctx, out, o), fail);
    if (objective->needs & WG_NEEDS_REFERENCE_NLL) {
        WG_TRY_GOTO(WG_ALLOC(ctx, &out->reference, forget->n), fail);
        WG_TRY_GOTO(wg_rows_nll(ctx, s, forget, "reference losses", out->reference), fail);
    }
    WG_TRY_GOTO(wg_adamw_new(ctx, s->model, mask, o, scratch, &out->adamw), fail);
    return WAGLE_OK;
fail:
    wg_trainer_free(out);
    return st;
}

void wg_trainer_free(wg_trainer *t)
{
    wg_adamw_free(t->adamw);
    free_rows(t->reference, t->forget != NULL ? t->forget->n : 0);
    wg_free(t->nll);
    wg_free(t->weight);
    wg_free(t->list);
    *t = (wg_trainer){0};
}

/* Turns nll into token weights; returns the loss. per_sequence [n] or NULL: forget terms. */
static double weigh(wg_trainer *t, const int64_t *f, int64_t n, double *per_sequence)
{
    const wg_batch *b = &t->session->batch;
    double loss = 0;

    for (int64_t s = 0; s < b->S; s++) {
        const int64_t j = b->label_start[s], m = b->label_start[s + 1] - j;
        if (s < n) {
            const double share = t->forget_weight / (double)n;
            const double term = t->objective->term(
                t->option, t->nll + j, t->reference ? t->reference[f[s]] : NULL, m, t->weight + j);
            for (int64_t i = 0; i < m; i++)
                t->weight[j + i] *= (wg_real)share;
            loss += share * term;
            if (per_sequence != NULL)
                per_sequence[s] = term;
        } else {
            const double share = t->alpha / (double)n;
            wg_fill(t->weight + j, m, share / (double)m);
            loss += share * wg_sum(t->nll + j, m) / (double)m;
        }
    }
    return loss;
}

wagle_status wg_train_loss(wagle_ctx *ctx, wg_trainer *t, const int64_t *f, const int64_t *r,
                           int64_t n, double *loss, double *per_sequence)
{
    wg_session *s = t->session;
    const int64_t total = t->retain != NULL ? 2 * n : n;

    WG_TRY(WG_GROW(ctx, &t->list, &t->list_room, total));
    for (int64_t i = 0; i < total; i++)
        t->list[i] = i < n ? &t->forget->example[f[i]] : &t->retain->example[r[i - n]];
    WG_TRY(wg_batch_fill(ctx, &s->batch, t->list, total, n));
    WG_TRY(WG_GROW(ctx, &t->nll, &t->room, s->batch.M));
    WG_TRY(WG_GROW(ctx, &t->weight, &t->weight_room, s->batch.M));
    WG_TRY(wg_engine_forward(ctx, s->engine, &s->batch, true, NULL, t->nll));
    *loss = weigh(t, f, n, per_sequence);
    return isfinite(*loss) ? WAGLE_OK : wg_fail(ctx, WAGLE_E_RUN, "the loss is not finite");
}

wagle_status wg_train_step(wagle_ctx *ctx, wg_trainer *t, const int64_t *f, const int64_t *r,
                           int64_t n, int64_t step, wg_step *out)
{
    const wg_sink sink = wg_adamw_sink(t->adamw);

    WG_TRY(wg_train_loss(ctx, t, f, r, n, &out->loss, NULL));
    WG_TRY(
        wg_engine_backward(ctx, t->session->engine, &t->session->batch, t->weight, 1, NULL, &sink));
    out->grad_norm = wg_adamw_update(t->adamw, step, out->lr);
    return isfinite(out->grad_norm)
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_RUN, "the gradient is not finite at step %lld",
                         (long long)step);
}
