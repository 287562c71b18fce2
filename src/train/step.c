/* step.c - the loss of a batch, its gradient, and one update. */
#include "train/train.h"

#include "base/number.h"
#include <math.h>
#include <string.h>

/* The reference's forward pass over forget sequences (if their loss wants it) and retain ones. */
static wagle_status forward_base(wagle_ctx *ctx, wg_trainer *t, int64_t n_first, int64_t total,
                                 bool forget, bool retain)
{
    wg_batch *b;
    const int64_t from = forget ? 0 : n_first, to = retain ? total : n_first;

    WG_TRY(wg_trainer_base(ctx, t));
    b = &t->base.batch;
    b->n_full_label_seqs = retain ? total - n_first : 0;
    WG_TRY(wg_batch_fill(ctx, b, t->list + from, to - from, to - from));
    WG_TRY(WG_GROW(ctx, &t->base_nll, &t->base_room, b->M));
    return wg_engine_forward(ctx, t->base.engine, b, false, NULL, t->base_nll);
}

/* Sequences whose loss is not that of their tokens. */
static wagle_status set_soft_targets(wagle_ctx *ctx, wg_trainer *t, int64_t n_first, int64_t total)
{
    static const wg_soft_kind kinds[] = {[WG_LOSS_REFERENCE] = WG_SOFT_SHIFTED,
                                         [WG_LOSS_WITHOUT] = WG_SOFT_SHIFTED,
                                         [WG_LOSS_HINGE] = WG_SOFT_HINGE};
    const wg_token_loss token = t->objective->token;
    const bool refers = token == WG_LOSS_REFERENCE;
    const bool divergence = t->retain_term == WG_RETAIN_KL && total > n_first;
    const wg_batch *b = &t->session->batch;
    const int64_t border = b->label_start[n_first];
    wg_engine *e = t->session->engine;

    if (refers || divergence)
        WG_TRY(forward_base(ctx, t, n_first, total, refers, divergence));
    if (token != WG_LOSS_NLL) {
        const double shift = token == WG_LOSS_WITHOUT ? (double)INFINITY : t->option[0];
        const wg_soft own = {.kind = kinds[token],
                             .to = border,
                             .reference = refers ? t->base.engine : NULL,
                             .shift = (wg_real)shift};
        WG_TRY(wg_engine_soften(ctx, e, b, &own, t->nll));
    }
    const wg_soft kept = {.kind = WG_SOFT_SHIFTED,
                          .from = border,
                          .to = b->M,
                          .reference = t->base.engine,
                          .reference_from = refers ? border : 0,
                          .divergence = true};
    return divergence ? wg_engine_soften(ctx, e, b, &kept, t->nll) : WAGLE_OK;
}

/* Rows' own token weights, laid out as label rows. */
static wagle_status lay_out_given(wagle_ctx *ctx, wg_trainer *t, int64_t n)
{
    const wg_batch *b = &t->session->batch;

    WG_TRY(WG_GROW(ctx, &t->given, &t->given_room, b->M));
    for (int64_t s = 0; s < n; s++) {
        const wg_example *e = t->list[s];
        float *next = t->given + b->label_start[s];
        for (int64_t i = 1; e->token_weights != NULL && i < e->n; i++)
            if (e->labels[i] != WG_NO_LABEL)
                *next++ = e->token_weights[i];
    }
    return WAGLE_OK;
}

static wg_answer answer(const wg_trainer *t, int64_t s, const wg_real *reference)
{
    const wg_batch *b = &t->session->batch;
    const int64_t j = b->label_start[s];

    return (wg_answer){.n = b->label_start[s + 1] - j,
                       .loss = t->nll + j,
                       .reference = reference,
                       .given = t->list[s]->token_weights != NULL ? t->given + j : NULL,
                       .weight = t->weight + j};
}

static void scale(const wg_answer *a, double by)
{
    for (int64_t i = 0; i < a->n; i++)
        a->weight[i] *= (wg_real)by;
}

/* --- how much a row counts ---------------------------------------------------------------------
 */

/* What the rows of an update share. */
typedef struct shares {
    double share;          /* of the batch in the update, where means are over rows */
    double forget, retain; /* tokens of the update */
} shares;

static bool forget_by_token(const wg_trainer *t)
{
    return t->tokens && (t->objective->needs & WG_BY_TOKEN);
}

/* Tokens that the forget term of a row is the mean of. */
static int64_t forget_tokens(const wg_trainer *t, int64_t row)
{
    const wg_dataset *d =
        t->objective->needs & WG_WITHOUT_FORGET ? &t->data->refusals : &t->data->forget;
    const int64_t n = d->example[row].n_labels;
    const int64_t skip = t->objective->token == WG_LOSS_WITHOUT ? (int64_t)t->option[0] : 0;

    return skip < n ? n - skip : 1;
}

static int64_t retain_tokens(const wg_trainer *t, int64_t row)
{
    const wg_example *e = &t->data->retain.example[row];

    return t->retain_term == WG_RETAIN_KL ? e->n : e->n_labels;
}

static shares share_out(const wg_trainer *t, const wg_batch_indices *pick, int64_t n)
{
    shares s = {.share = 1 / (double)n};

    for (int64_t i = 0; t->tokens && i < n; i++) {
        for (int64_t k = 0; forget_by_token(t) && t->objective->term != NULL && k < pick[i].nf; k++)
            s.forget += (double)forget_tokens(t, pick[i].f[k]);
        for (int64_t k = 0; t->retain_term != WG_RETAIN_NONE && k < pick[i].nr; k++)
            s.retain += (double)retain_tokens(t, pick[i].r[k]);
    }
    return s;
}

/* The total loss of its parts. */
static wagle_status total_loss(wagle_ctx *ctx, const wg_trainer *t, wg_loss *out)
{
    double l1;

    out->loss = t->forget_weight * out->forget + t->alpha * out->retain;
    if (!(t->objective->needs & WG_SPARSE) || t->optimizer == NULL)
        return WAGLE_OK;
    WG_TRY(wg_optimizer_l1(ctx, t->optimizer, &l1));
    out->loss += t->option[0] * l1;
    return WAGLE_OK;
}

/* --- token weights -----------------------------------------------------------------------------
 */

static void weigh_forget(wg_trainer *t, const wg_batch_indices *p, const shares *s, wg_loss *out,
                         double *per_sequence)
{
    const int needs = t->objective->needs;
    const bool forget = !(needs & WG_WITHOUT_FORGET), refusal = (needs & WG_NEEDS_REFUSALS) != 0;
    const bool by_token = forget_by_token(t);

    for (int64_t i = 0; t->objective->term != NULL && i < p->nf; i++) {
        const wg_real *mine = t->reference != NULL ? t->reference[p->f[i]] : NULL;
        const wg_real *other = t->refusal_reference != NULL ? t->refusal_reference[p->f[i]] : NULL;
        const wg_answer a = forget ? answer(t, i, mine) : (wg_answer){0};
        const wg_answer b = refusal ? answer(t, i + (forget ? p->nf : 0), other) : (wg_answer){0};
        const double term = t->objective->term(t->option, forget ? &a : NULL, refusal ? &b : NULL);
        const double weight = wg_row_weight(&t->data->forget.example[p->f[i]]);
        const double part = by_token ? (double)forget_tokens(t, p->f[i]) / s->forget : 0;
        const double each =
            by_token ? t->forget_weight * part : s->share * t->forget_weight / wg_forget_rows(p);
        scale(&a, weight * each);
        scale(&b, weight * each);
        out->forget += by_token ? weight * term * part : weight * term / wg_forget_rows(p);
        if (per_sequence != NULL)
            per_sequence[i] = term;
    }
}

static void weigh_retain(wg_trainer *t, const wg_batch_indices *p, const shares *s, int64_t n_first,
                         int64_t total, wg_loss *out)
{
    for (int64_t i = n_first; i < total; i++) {
        const wg_answer a = answer(t, i, NULL);
        const double weight = wg_row_weight(t->list[i]);
        const double sum = weight * wg_sum(a.loss, a.n);
        const double kept = t->tokens ? t->alpha / s->retain
                                      : s->share * t->alpha / wg_retain_rows(p) / (double)a.n;
        wg_fill(a.weight, a.n, weight * kept);
        out->retain += t->tokens ? sum / s->retain : sum / (double)a.n / wg_retain_rows(p);
    }
}

/* The batch's token losses, t->nll; every: label rows for all tokens of retain sequences. */
static wagle_status forward(wagle_ctx *ctx, wg_trainer *t, const wg_batch_indices *p, bool every,
                            int64_t *n_first, int64_t *total)
{
    wg_session *s = t->session;

    WG_TRY(wg_list_batch(ctx, t, p, n_first, total));
    s->batch.keep_unlabelled = false;
    s->batch.n_full_label_seqs = every ? *total - *n_first : 0;
    WG_TRY(wg_batch_fill(ctx, &s->batch, t->list, *total, *n_first));
    WG_TRY(WG_GROW(ctx, &t->nll, &t->nll_room, s->batch.M));
    WG_TRY(WG_GROW(ctx, &t->weight, &t->weight_room, s->batch.M));
    return wg_engine_forward(ctx, s->engine, &s->batch, true, NULL, t->nll);
}

static wagle_status token_loss(wagle_ctx *ctx, wg_trainer *t, const wg_batch_indices *p,
                               const shares *s, wg_loss *out, double *per_sequence)
{
    int64_t n_first, total;

    WG_TRY(forward(ctx, t, p, t->retain_term == WG_RETAIN_KL, &n_first, &total));
    WG_TRY(set_soft_targets(ctx, t, n_first, total));
    WG_TRY(lay_out_given(ctx, t, n_first));
    weigh_forget(t, p, s, out, per_sequence);
    weigh_retain(t, p, s, n_first, total, out);
    return WAGLE_OK;
}

static wagle_status loss_of(wagle_ctx *ctx, wg_trainer *t, const wg_batch_indices *p,
                            const shares *s, wg_loss *out, double *per_sequence)
{
    *out = (wg_loss){0};
    t->hidden = t->objective->token == WG_LOSS_HIDDEN;
    WG_TRY(t->hidden ? wg_hidden_loss(ctx, t, p, s->share, out, per_sequence)
                     : token_loss(ctx, t, p, s, out, per_sequence));
    WG_TRY(total_loss(ctx, t, out));
    return isfinite(out->loss) ? WAGLE_OK : wg_fail(ctx, WAGLE_E_RUN, "the loss is not finite");
}

wagle_status wg_train_loss(wagle_ctx *ctx, wg_trainer *t, const wg_batch_indices *p, wg_loss *out,
                           double *per_sequence)
{
    const shares s = share_out(t, p, 1);

    return loss_of(ctx, t, p, &s, out, per_sequence);
}

/* --- update ---------------------------------------------------------------------------------- */

wagle_status wg_train_backward(wagle_ctx *ctx, wg_trainer *t, const wg_sink *sink)
{
    wg_session *s = t->session;
    const int streams = t->optimizer != NULL && t->optimizer->rectify > 0 ? 2 : 1;

    return t->hidden
               ? wg_engine_backward_hidden(ctx, s->engine, &s->batch, t->layer, t->dh, sink)
               : wg_engine_backward(ctx, s->engine, &s->batch, t->weight, streams, NULL, sink);
}

/* The curvature of the batch's tokens: labels that the model draws itself, for each label row. */
static wagle_status update_hessian_diag(wagle_ctx *ctx, wg_trainer *t, const wg_batch_indices *p,
                                        int64_t step, const wg_sink *sink)
{
    wg_session *s = t->session;
    int64_t n_first, total;

    WG_TRY(forward(ctx, t, p, false, &n_first, &total));
    WG_TRY(wg_engine_draw_labels(ctx, s->engine, &s->batch, t->seed, (uint64_t)step));
    wg_fill(t->weight, s->batch.M, 1.0 / (double)s->batch.M);
    WG_TRY(wg_engine_backward(ctx, s->engine, &s->batch, t->weight, 1, NULL, sink));
    wg_optimizer_curve(t->optimizer, (double)s->batch.M);
    return WAGLE_OK;
}

/* --- an update in parts ------------------------------------------------------------------------
 */

static wg_batch_indices part_of(const wg_batch_indices *p, int part, int parts)
{
    wg_batch_indices own = {.whole_nf = p->nf, .whole_nr = p->nr};
    int64_t f, r;

    own.nf = wg_rows_of_part(p->nf, part, parts, &f);
    own.nr = wg_rows_of_part(p->nr, part, parts, &r);
    own.f = p->f + f;
    own.r = p->r + r;
    return own;
}

/* The gradient of one part of n batches, which goes to the sink, and what it adds to the losses. */
static wagle_status take_part(wagle_ctx *ctx, wg_trainer *t, const wg_batch_indices *pick,
                              int64_t n, const shares *s, int part, wg_part_sum *sums)
{
    const wg_sink sink = wg_optimizer_sink(t->optimizer);
    const int parts = wg_parts(ctx);
    bool begun = false;

    for (int64_t i = 0; i < n; i++) {
        const wg_batch_indices own = parts > 1 ? part_of(&pick[i], part, parts) : pick[i];
        wg_loss loss;
        if (parts > 1 && own.nf + own.nr == 0)
            continue;
        if (n > 1)
            WG_TRY(wg_optimizer_begin_adding(ctx, t->optimizer, begun));
        WG_TRY(loss_of(ctx, t, &own, s, &loss, NULL));
        sums->tokens += (double)t->session->batch.N;
        WG_TRY(wg_train_backward(ctx, t, &sink));
        begun = true;
        sums->forget += forget_by_token(t) ? loss.forget : loss.forget / (double)n;
        sums->retain += t->tokens ? loss.retain : loss.retain / (double)n;
    }
    if (!begun)
        wg_optimizer_zero_gradient(t->optimizer);
    return WAGLE_OK;
}

static wagle_status take_parts(wagle_ctx *ctx, wg_trainer *t, const wg_batch_indices *pick,
                               int64_t n, wg_step *out)
{
    const shares s = share_out(t, pick, n);
    const int parts = wg_parts(ctx);
    int first;
    const int own = wg_parts_of(ctx, wg_rank(ctx), &first);

    WG_TRY(WG_GROW(ctx, &t->sums, &t->sums_room, parts));
    for (int j = first; j < first + own; j++) {
        t->sums[j] = (wg_part_sum){0};
        WG_TRY(take_part(ctx, t, pick, n, &s, j, &t->sums[j]));
        wg_sharing_part(t->optimizer);
    }
    WG_TRY(wg_all_gather_parts(ctx, t->sums, sizeof *t->sums));
    for (int i = 0; i < parts; i++) {
        out->loss.forget += t->sums[i].forget;
        out->loss.retain += t->sums[i].retain;
        out->tokens += (int64_t)t->sums[i].tokens;
    }
    return WAGLE_OK;
}

wagle_status wg_train_step(wagle_ctx *ctx, wg_trainer *t, const wg_batch_indices *pick, int64_t n,
                           int64_t step, double lr, wg_step *out)
{
    const int64_t every = t->optimizer->rules->curvature_every;
    const wg_sink sink = wg_optimizer_sink(t->optimizer);

    *out = (wg_step){0};
    t->optimizer->sparse = t->objective->needs & WG_SPARSE ? t->option[0] : 0;
    if (every > 0 && step % every == 0 && t->hessian_step != step) {
        WG_TRY(update_hessian_diag(ctx, t, &pick[0], step, &sink));
        t->hessian_step =
            step; /* a step that is interrupted after this is taken again without it */
    }
    WG_TRY(take_parts(ctx, t, pick, n, out));
    WG_TRY(total_loss(ctx, t, &out->loss));
    t->optimizer->adding = false;
    if (t->optimizer->rectify > 0)
        WG_TRY(wg_rectify(ctx, t->optimizer, &out->cosine));
    WG_TRY(wg_optimizer_update(ctx, t->optimizer, step, lr, &out->grad_norm));
    if (t->objective->needs & WG_ADAPTS_ALPHA)
        t->alpha = fmax(0, t->alpha + t->option[1] * (out->loss.retain - t->option[0]));
    return isfinite(out->grad_norm)
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_RUN, "the gradient is not finite at step %lld",
                         (long long)step);
}
