/* score.c - scores of weights, from the weights, gradients and inputs of their tensors. */
#include "mask/attribute.h"

#include "base/later.h"
#include "engine/per_sample_moments.h"
#include "mask/part_sums.h"

#include <math.h>
#include <string.h>

typedef struct scorer scorer;

/* A range of weights whose sums are complete in this process. */
typedef struct range {
    scorer *k;
    wagle_ctx *ctx;
    int tensor;
    int64_t first, n;
    const float *of[WG_SUMS];
    float *copy[WG_SUMS]; /* of gradients whose memory the pass uses again */
    int64_t room[WG_SUMS];
} range;

struct scorer {
    wg_attribution *of;
    wg_take_scores *take;
    void *user;
    bool own; /* take gets this process's slices; else process 0 gets everything */
    float *theta, *score, *spare[3]; /* [WG_SCORES_AT_ONCE] */
    double mean_fisher;
    wg_buffer *inputs; /* [tensors] squared column norms of each matrix's inputs, or NULL */
    wg_host_room input_room;
    wg_product product;
    wg_part_sums sums; /* where rows are cut into parts */
    float *slice;      /* scores of this process's slice of a range */
    int64_t slice_room, slice_first;
    wg_later *later; /* joins and scores a range while the pass goes on; or NULL */
    range late;
};

static void count_scores(const scorer *k, int tensor, const float *score, int64_t n)
{
    if (k->of->histograms != NULL)
        wg_histograms_add(k->of->histograms, tensor, score, n);
}

/* Stored weights as float32. The thread beside the pass leaves the pass its pool. */
static const float *weights_of(const scorer *k, int tensor, int64_t first, int64_t n)
{
    const wg_model *m = k->of->session.model;
    const wg_tensor *t = &m->files.tensor[tensor];
    const char *data = wg_tensor_bytes(&m->files, t);

    if (k->later == NULL)
        return wg_model_stored(m, tensor, first, n, k->theta);
    wg_to_float(t->dtype, data + (size_t)first * wg_dtype_size(t->dtype), n, k->theta);
    return k->theta;
}

/* Scores weights [first, first+n) of a tensor from the inputs in c. n is at most WG_SCORES_AT_ONCE.
 */
static wagle_status score_piece(wagle_ctx *ctx, scorer *k, wg_score_chunk *c)
{
    const wg_model *m = k->of->session.model;

    c->gamma = k->of->gamma;
    c->damping = k->of->damping * k->mean_fisher;
    c->n_retain = (double)k->of->retain.n;
    c->seed = k->of->seed;
    c->theta = weights_of(k, (int)c->tensor, c->first, c->n);
    k->of->selector->score(c, k->score);
    for (int64_t i = 0; i < c->n; i++)
        if (!isfinite(k->score[i]))
            return wg_fail(ctx, WAGLE_E_RUN, "score of '%s' at %lld is not finite",
                           m->files.tensor[c->tensor].name, (long long)(c->first + i));
    if (k->sums.parts == 0)
        count_scores(k, (int)c->tensor, k->score, c->n);
    return k->take(k->user, ctx, (int)c->tensor, c->first, k->score, c->n);
}

/* into [n] = from * factor. */
static const float *scaled(const float *from, int64_t n, double factor, float *into)
{
    for (int64_t i = 0; i < n; i++)
        into[i] = (float)((double)from[i] * factor);
    return into;
}

/* Scores weights [first, first+n) of a tensor from their sums, a piece at a time. */
static wagle_status score_range(wagle_ctx *ctx, scorer *k, int tensor, int64_t first, int64_t n,
                                const float *const of[WG_SUMS])
{
    const struct {
        double by;
        float *room;
    } fisher[WG_SUMS] = {[WG_SQUARE_FORGET] = {(double)k->of->forget.n, k->spare[0]},
                         [WG_SQUARE_RETAIN] = {(double)k->of->retain.n, k->spare[1]}};

    for (int64_t at = 0; at < n; at += WG_SCORES_AT_ONCE) {
        wg_score_chunk c = {.tensor = tensor,
                            .first = first + at,
                            .n = n - at < WG_SCORES_AT_ONCE ? n - at : WG_SCORES_AT_ONCE};
        const float *mean[WG_SUMS] = {NULL};
        for (int i = 0; i < WG_SUMS; i++) {
            mean[i] = of[i] != NULL ? of[i] + at : NULL;
            if (mean[i] != NULL && fisher[i].room != NULL)
                mean[i] = scaled(mean[i], c.n, 1 / fisher[i].by, fisher[i].room);
        }
        c.grad_forget = mean[WG_SUM_FORGET];
        c.grad_retain = mean[WG_SUM_RETAIN];
        c.fisher_forget = mean[WG_SQUARE_FORGET];
        c.fisher_retain = mean[WG_SQUARE_RETAIN];
        WG_TRY(score_piece(ctx, k, &c));
    }
    return WAGLE_OK;
}

/* The retain gradient of a whole tensor times its factor, where there is one. */
static wagle_status multiply(wagle_ctx *ctx, scorer *k, int tensor, int64_t first,
                             const float **retain)
{
    const wg_model *m = k->of->session.model;
    const float *whole = *retain;

    if (k->product.of == NULL || *retain == NULL)
        return WAGLE_OK;
    if (k->sums.parts > 0)
        WG_TRY(wg_part_sums_whole(ctx, &k->sums, *retain, true, &whole));
    *retain = wg_product_of(&k->product, m, tensor, whole) + first;
    return WAGLE_OK;
}

static wagle_status take_slice(void *user, wagle_ctx *ctx, int tensor, int64_t first,
                               const float *score, int64_t n)
{
    const scorer *k = user;

    (void)ctx;
    (void)tensor;
    memcpy(k->slice + (first - k->slice_first), score, (size_t)n * sizeof *score);
    return WAGLE_OK;
}

/* The scores of a range, of which this process has its slice, come to process 0. */
static wagle_status hand_over(wagle_ctx *ctx, scorer *k, int tensor, int64_t first)
{
    const int64_t n = k->sums.slice[wg_ranks(ctx)];
    const float *all;

    WG_TRY(wg_part_sums_whole(ctx, &k->sums, k->slice, false, &all));
    for (int64_t at = 0; wg_writes(ctx) && at < n; at += WG_SCORES_AT_ONCE) {
        const int64_t some = n - at < WG_SCORES_AT_ONCE ? n - at : WG_SCORES_AT_ONCE;
        count_scores(k, tensor, all + at, some);
        WG_TRY(k->take(k->user, ctx, tensor, first + at, all + at, some));
    }
    return WAGLE_OK;
}

/* Scores the slice [within, within + n) of a range that begins at `first`, for process 0. */
static wagle_status score_slice(wagle_ctx *ctx, scorer *k, int tensor, int64_t first,
                                int64_t within, int64_t n, const float *const of[WG_SUMS])
{
    wg_take_scores *const take = k->take;
    void *const user = k->user;

    WG_TRY(WG_GROW(ctx, &k->slice, &k->slice_room, n));
    k->slice_first = first + within;
    k->take = take_slice;
    k->user = k;
    const wagle_status st = score_range(ctx, k, tensor, first + within, n, of);
    k->take = take;
    k->user = user;
    return st == WAGLE_OK ? hand_over(ctx, k, tensor, first) : st;
}

/* Of n weights that this process alone knows all about: those that it scores. Returns the first. */
static int64_t own_slice(const wagle_ctx *ctx, const scorer *k, int64_t *n)
{
    const int64_t first = k->own ? wg_slice(ctx, *n, wg_rank(ctx)) : 0;

    *n = (k->own ? wg_slice(ctx, *n, wg_rank(ctx) + 1) : *n) - first;
    return first;
}

static wagle_status finish_range(range *w)
{
    scorer *k = w->k;
    const wg_tensors *files = &k->of->session.model->files;
    const wg_tensor *t = &files->tensor[w->tensor];
    int64_t within = 0, n = w->n;

    if (k->sums.parts > 0)
        WG_TRY(wg_part_sums_join(w->ctx, &k->sums, w->of, &within, &n));
    else
        within = own_slice(w->ctx, k, &n);
    WG_TRY(multiply(w->ctx, k, w->tensor, within, &w->of[WG_SUM_RETAIN]));
    WG_TRY(k->sums.parts > 0 && !k->own
               ? score_slice(w->ctx, k, w->tensor, w->first, within, n, w->of)
               : score_range(w->ctx, k, w->tensor, w->first + within, n, w->of));
    wg_map_release(wg_tensor_bytes(files, t), t->bytes);
    return WAGLE_OK;
}

static wagle_status finish_later(void *user)
{
    return finish_range(user);
}

/* The thread may have the range once it is done with the one before. */
static wagle_status hand_to_thread(scorer *k, const range *w)
{
    WG_TRY(wg_later_wait(k->later));
    k->late.k = k;
    k->late.ctx = w->ctx;
    k->late.tensor = w->tensor;
    k->late.first = w->first;
    k->late.n = w->n;
    for (int i = 0; i < WG_SUMS; i++) {
        k->late.of[i] = w->of[i];
        if (w->of[i] == NULL || k->sums.parts > 1)
            continue;
        WG_TRY(WG_GROW(w->ctx, &k->late.copy[i], &k->late.room[i], w->n));
        memcpy(k->late.copy[i], w->of[i], (size_t)w->n * sizeof *w->of[i]);
        k->late.of[i] = k->late.copy[i];
    }
    return wg_later_do(k->later, finish_later, &k->late);
}

/* Weights [first, first+n) of a tensor; of[i] are their sums over the rows at hand. */
static wagle_status take_sums(wagle_ctx *ctx, scorer *k, int tensor, int64_t first, int64_t n,
                              const float *of[WG_SUMS])
{
    range w = {.k = k, .ctx = ctx, .tensor = tensor, .first = first, .n = n};

    if (k->sums.parts > 0 && !wg_part_sums_add(&k->sums, of, n))
        return WAGLE_OK;
    memcpy(w.of, of, sizeof w.of);
    return k->later != NULL ? hand_to_thread(k, &w) : finish_range(&w);
}

static wagle_status score_tensor(void *user, wagle_ctx *ctx, int tensor, int64_t n,
                                 const wg_real *const grad[WG_STREAMS])
{
    const float *of[WG_SUMS] = {grad != NULL ? grad[0] : NULL, grad != NULL ? grad[1] : NULL};

    return take_sums(ctx, user, tensor, 0, n, of);
}

static wagle_status score_moments(void *user, wagle_ctx *ctx, const wg_moments *m)
{
    const float *of[WG_SUMS] = {m->sum[0], m->sum[1], m->square[0], m->square[1]};

    return take_sums(ctx, user, m->tensor, m->first, m->n, of);
}

/* --- inputs of matrices ----------------------------------------------------------------------- */

/* Adds the squared inputs of a matrix, by column. */
static void accumulate_input_sq_norms(void *user, int64_t layer, wg_role role, int64_t N, int64_t I,
                                      const wg_real *x)
{
    const scorer *k = user;
    const wg_model *m = k->of->session.model;

    m->ops->column_squares(m->ops, N, I, x, k->inputs[wg_model_tensor(m, role, layer)].data);
}

static bool is_matrix(const wg_model *m, int tensor)
{
    const int table = wg_model_tensor(m, WG_EMBED, 0), places = wg_model_tensor(m, WG_POSITION, 0);

    return wg_model_is_weight(m, tensor) && m->files.tensor[tensor].shape.rank == 2 &&
           tensor != table && tensor != places;
}

static wagle_status score_matrix(wagle_ctx *ctx, scorer *k, int tensor)
{
    const wg_model *m = k->of->session.model;
    const wg_tensor *t = &m->files.tensor[tensor];
    const int64_t inner = t->shape.dim[1];
    const bool turned = wg_model_is_transposed(m, tensor);
    const int64_t inputs = wg_model_inputs(m, tensor);
    const void *view;
    int64_t n = t->count;
    const int64_t begin = own_slice(ctx, k, &n), end = begin + n;

    WG_TRY(wg_host_view(ctx, m->ops, k->inputs[tensor].data, (size_t)inputs * sizeof(float),
                        &k->input_room, &view));
    const float *square = view;
    for (int64_t first = begin; first < end; first += WG_SCORES_AT_ONCE) {
        wg_score_chunk c = {.tensor = tensor,
                            .first = first,
                            .n = end - first < WG_SCORES_AT_ONCE ? end - first : WG_SCORES_AT_ONCE,
                            .input = k->spare[0]};
        for (int64_t i = 0; i < c.n; i++) {
            const int64_t at = first + i;
            k->spare[0][i] = sqrtf(square[turned ? at / inner : at % inner]);
        }
        WG_TRY(score_piece(ctx, k, &c));
    }
    return WAGLE_OK;
}

static wagle_status score_by_inputs(wagle_ctx *ctx, scorer *k)
{
    wg_session *s = &k->of->session;
    const int n = (int)s->model->files.n;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &k->inputs, n));
    for (int t = 0; t < n; t++)
        if (is_matrix(s->model, t))
            WG_TRY(
                wg_buffer_reserve(ctx, s->model->ops, &k->inputs[t], wg_model_inputs(s->model, t)));
    s->batch.n_full_label_seqs = k->of->forget.n;
    st = wg_session_batch(ctx, s, &k->of->forget, NULL);
    if (st == WAGLE_OK)
        st = wg_engine_inputs(ctx, s->engine, &s->batch, "inputs", accumulate_input_sq_norms, k);
    s->batch.n_full_label_seqs = 0;
    for (int t = 0; st == WAGLE_OK && t < n; t++)
        if (is_matrix(s->model, t))
            st = score_matrix(ctx, k, t);
    return st;
}

/* --- gradients -------------------------------------------------------------------------------- */

/* Part p of the rows of a data set. */
static wg_dataset rows_of_part(const wagle_ctx *ctx, const wg_dataset *all, int p)
{
    wg_dataset d = *all;
    int64_t first;

    d.n = wg_rows_of_part(all->n, p, wg_parts(ctx), &first);
    d.example = all->example + first;
    return d;
}

/* square [n] = squared norms of the gradients of n sequences. */
static wagle_status square_norms(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                                 double *square)
{
    wg_real *nll = NULL, *weight = NULL;
    wagle_status st;

    if (rows->n == 0)
        return WAGLE_OK;
    WG_TRY(wg_session_batch(ctx, s, rows, NULL));
    WG_TRY_GOTO(WG_ALLOC(ctx, &nll, s->batch.M), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &weight, s->batch.M), done);
    wg_token_mean_weights(&s->batch, weight);
    WG_TRY_GOTO(wg_engine_forward(ctx, s->engine, &s->batch, true, "gamma: forward", nll), done);
    st = wg_engine_square_norms(ctx, s->engine, &s->batch, weight, "gamma: backward", square);
done:
    wg_free(nll);
    wg_free(weight);
    return st;
}

/* Those of this process's rows, and then of all. */
static wagle_status all_square_norms(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                                     double *square)
{
    int first;
    const int own = wg_parts_of(ctx, wg_rank(ctx), &first);
    int64_t *start;
    wagle_status st;

    for (int p = first; p < first + own; p++) {
        wg_dataset part = rows_of_part(ctx, rows, p);
        WG_TRY(square_norms(ctx, s, &part, square + (part.example - rows->example)));
    }
    WG_TRY(wg_row_starts(ctx, rows->n, &start));
    st = wg_all_gather(ctx, square, sizeof *square, start);
    wg_free(start);
    return st;
}

/* Mean over all weights of the mean over sequences of squared per-sequence gradients. */
static wagle_status mean_fisher(wagle_ctx *ctx, wg_session *s, const wg_dataset *retain,
                                double *gamma)
{
    double *square, total = 0;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &square, retain->n));
    st = all_square_norms(ctx, s, retain, square);
    for (int64_t i = 0; i < retain->n; i++)
        total += square[i];
    wg_free(square);
    WG_TRY(st);
    *gamma = total / (double)retain->n / (double)wg_model_parameters(s->model);
    return *gamma > 0 && isfinite(*gamma)
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_RUN,
                         "@{gamma=auto} gives %g, which cannot be used; give a number", *gamma);
}

/* Computes the token weights of the label rows. Forget sequences use the attributed loss. */
static void compute_token_weights(const wg_attribution *a, const wg_real *nll, wg_real *weight)
{
    const wg_batch *b = &a->session.batch;
    const wg_objective *loss = a->loss;
    double option[WG_OBJECTIVE_OPTIONS];

    wg_token_mean_weights(b, weight);
    for (int i = 0; loss != NULL && i < WG_OBJECTIVE_OPTIONS; i++)
        option[i] = loss->options[i].value;
    for (int64_t s = 0; loss != NULL && s < b->n_forget; s++) {
        const int64_t j = b->label_start[s];
        const wg_answer answer = {.n = b->label_start[s + 1] - j,
                                  .loss = nll + j,
                                  .reference = nll + j, /* the model is its own reference */
                                  .weight = weight + j};
        (void)loss->term(option, &answer, NULL);
    }
}

static wagle_status backward(wagle_ctx *ctx, scorer *k, const wg_real *weight, int streams)
{
    wg_session *s = &k->of->session;
    const int needs = k->of->selector->needs;
    const wg_sink sink = {.user = k, .host = true, .accept = score_tensor};
    const wg_moment_sink moments = {
        .user = k,
        .square = {(needs & WG_NEEDS_FORGET_FISHER) != 0, (needs & WG_NEEDS_RETAIN_FISHER) != 0},
        .accept = score_moments};

    return needs & WG_NEEDS_RETAIN_FISHER
               ? wg_engine_moments(ctx, s->engine, &s->batch, weight, streams, "backward", &moments)
               : wg_engine_backward(ctx, s->engine, &s->batch, weight, streams, "backward", &sink);
}

/* A pass over one part of the rows. */
static wagle_status score_part(wagle_ctx *ctx, scorer *k, int part, bool both)
{
    const wg_dataset forget = rows_of_part(ctx, &k->of->forget, part);
    const wg_dataset retain = rows_of_part(ctx, &k->of->retain, part);
    wg_session *s = &k->of->session;
    wg_real *nll = NULL, *weight = NULL;
    wagle_status st;

    WG_TRY(wg_session_batch(ctx, s, &forget, both ? &retain : NULL));
    WG_TRY_GOTO(WG_ALLOC(ctx, &nll, s->batch.M), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &weight, s->batch.M), done);
    WG_TRY_GOTO(wg_engine_forward(ctx, s->engine, &s->batch, true, "forward", nll), done);
    compute_token_weights(k->of, nll, weight);
    st = backward(ctx, k, weight, both ? 2 : 1);
done:
    wg_free(nll);
    wg_free(weight);
    return st;
}

/* Each part needs a row of each set: its pass must hand over the same gradients as the others. */
static wagle_status check_parts(wagle_ctx *ctx, const wg_attribution *a, bool both)
{
    const int parts = wg_parts(ctx);
    const bool few_forget = a->forget.n < parts, few = both && a->retain.n < parts;

    return !few_forget && !few
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_USAGE,
                         "@{parts} %d: there are only %lld %s rows, and each part needs one", parts,
                         (long long)(few_forget ? a->forget.n : a->retain.n),
                         few_forget ? "forget" : "retain");
}

static wagle_status score_by_gradients(wagle_ctx *ctx, scorer *k)
{
    const int needs = k->of->selector->needs;
    const bool both = (needs & WG_NEEDS_RETAIN_ROWS) != 0;
    const bool wanted[WG_SUMS] = {true, both, (needs & WG_NEEDS_FORGET_FISHER) != 0,
                                  (needs & WG_NEEDS_RETAIN_FISHER) != 0};
    const wg_model *m = k->of->session.model;
    int first;
    const int n = wg_parts_of(ctx, wg_rank(ctx), &first);

    if (wg_parts(ctx) > 1) {
        WG_TRY(check_parts(ctx, k->of, both));
        WG_TRY(wg_part_sums_new(ctx, wg_model_parameters(m), wanted, &k->sums));
    }
    WG_TRY(wg_agree(ctx));
    if (wg_together(ctx) && k->product.of == NULL && m->ops->host)
        WG_TRY(wg_later_open(ctx, &k->later));
    for (int j = 0; j < n; j++) {
        WG_TRY(score_part(ctx, k, first + j, both));
        wg_part_sums_next(&k->sums);
    }
    return k->later != NULL ? wg_later_wait(k->later) : WAGLE_OK;
}

bool wg_is_scored(const wg_attribution *a, int tensor)
{
    return a->selector->needs & WG_NEEDS_INPUTS ? is_matrix(a->session.model, tensor)
                                                : wg_model_is_weight(a->session.model, tensor);
}

static wagle_status score_all(wagle_ctx *ctx, scorer *k)
{
    const int needs = k->of->selector->needs;
    const wg_model *m = k->of->session.model;

    WG_TRY(WG_ALLOC(ctx, &k->theta, WG_SCORES_AT_ONCE));
    WG_TRY(WG_ALLOC(ctx, &k->score, WG_SCORES_AT_ONCE));
    for (int i = 0; i < 3; i++)
        WG_TRY(WG_ALLOC(ctx, &k->spare[i], WG_SCORES_AT_ONCE));
    WG_TRY(wg_product_new(ctx, k->of, &k->product));
    if (needs & WG_NEEDS_INPUTS)
        return score_by_inputs(ctx, k);
    if (needs & WG_NEEDS_FORGET)
        return score_by_gradients(ctx, k);
    for (int t = 0; t < m->files.n; t++)
        if (wg_model_is_weight(m, t))
            WG_TRY(score_tensor(k, ctx, t, m->files.tensor[t].count, NULL));
    return WAGLE_OK;
}

wagle_status wg_find_gamma(wagle_ctx *ctx, wg_attribution *a)
{
    const int needs = a->selector->needs;

    return ((needs & WG_NEEDS_GAMMA) || (needs & WG_NEEDS_MEAN_FISHER)) && a->gamma == 0
               ? mean_fisher(ctx, &a->session, &a->retain, &a->gamma)
               : WAGLE_OK;
}

static wagle_status score(wagle_ctx *ctx, wg_attribution *a, bool own, wg_take_scores *take,
                          void *user)
{
    scorer k = {.of = a, .take = take, .user = user, .own = own};
    wagle_status st = wg_find_gamma(ctx, a);

    k.mean_fisher = a->gamma;
    if (st == WAGLE_OK)
        st = score_all(ctx, &k);
    wg_later_close(k.later);
    for (int i = 0; i < WG_SUMS; i++)
        wg_free(k.late.copy[i]);
    wg_free(k.theta);
    wg_free(k.score);
    for (int i = 0; i < 3; i++)
        wg_free(k.spare[i]);
    for (int t = 0; k.inputs != NULL && t < a->session.model->files.n; t++)
        wg_buffer_free(a->session.model->ops, &k.inputs[t]);
    wg_free(k.inputs);
    wg_free(k.input_room.data);
    wg_free(k.slice);
    wg_part_sums_free(&k.sums);
    wg_product_free(&k.product);
    return st;
}

wagle_status wg_score(wagle_ctx *ctx, wg_attribution *a, wg_take_scores *take, void *user)
{
    return score(ctx, a, false, take, user);
}

wagle_status wg_score_slices(wagle_ctx *ctx, wg_attribution *a, wg_take_scores *take, void *user)
{
    return score(ctx, a, true, take, user);
}
