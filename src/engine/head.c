/* head.c - final norm, logits and cross-entropy, on label rows and in chunks of the vocabulary. */
#include "engine/state.h"

#include <math.h>

/* Rows of e->label_row. */
enum { RSTD, MAXIMUM, SUM, PICKED, MEAN, NLL, WEIGHT, ROWS };

static wg_real *label_row(const wg_engine *e, int64_t M, int row)
{
    return e->label_row.data + row * M;
}

wg_real *wg_label_mean(const wg_engine *e, int64_t M)
{
    return e->model->config.family->layer_norm ? label_row(e, M, MEAN) : NULL;
}

/* h [n,D] = final norm of x, whose numbers go to e->label_row, laid out for M rows. */
static void final_norm(const wg_engine *e, int64_t n, int64_t M, const wg_real *x, wg_real *h)
{
    const wg_config *c = &e->model->config;
    const wg_ops *ops = e->model->ops;
    const wg_real *weight = wg_model_norm(e->model, WG_FINAL_NORM, 0, e->panel.data);
    const wg_real *bias = wg_model_norm(e->model, WG_FINAL_NORM_BIAS, 0, e->panel.data + c->D);

    if (weight == NULL)
        ops->copy(ops, h, x, (size_t)(n * c->D) * sizeof *h);
    else
        ops->norm_forward(ops, n, c->D, (wg_real)c->eps, x, weight, bias, h, wg_label_mean(e, M),
                          label_row(e, M, RSTD));
}

const wg_real *wg_head_input(const wg_engine *e)
{
    return e->model->config.has[WG_PROJECT_OUT] ? e->label_e.data : e->label_h.data;
}

static wagle_status project_out(wagle_ctx *ctx, wg_engine *e, int64_t n)
{
    const wg_config *c = &e->model->config;
    const wg_ops *ops = e->model->ops;

    if (!c->has[WG_PROJECT_OUT])
        return WAGLE_OK;
    WG_TRY(wg_buffer_reserve(ctx, ops, &e->label_e, n * c->E));
    ops->gemm(ops, n, c->E, c->D, wg_matrix(e->label_h.data, c->D),
              wg_transpose(wg_project_weights(e, WG_PROJECT_OUT)), false, e->label_e.data, c->E);
    return WAGLE_OK;
}

wg_operand wg_project_weights(const wg_engine *e, wg_role role)
{
    const int64_t n = e->model->config.D * e->model->config.E;

    return wg_model_matrix(e->model, wg_model_tensor(e->model, role, 0), 0, n, e->panel.data);
}

static wg_operand head_rows(const wg_engine *e, int64_t first, int64_t n)
{
    const int64_t E = e->model->config.E;

    return wg_model_matrix(e->model, wg_model_tensor(e->model, WG_HEAD, 0), first * E, n * E,
                           e->panel.data);
}

static void release_table(const wg_engine *e)
{
    const wg_tensor *t = &e->model->files.tensor[wg_model_tensor(e->model, WG_HEAD, 0)];

    e->model->ops->release(e->model->ops, t->data, t->bytes);
}

/* logits [n,width] (row stride ld) of h [n,E] for vocabulary [first, first+width). */
static void make_logits(const wg_engine *e, int64_t n, const wg_real *h, int64_t first,
                        int64_t width, wg_real *logits, int64_t ld)
{
    const wg_model *m = e->model;
    const wg_config *c = &m->config;
    const wg_ops *ops = m->ops;
    const int bias = wg_model_tensor(m, WG_HEAD_BIAS, 0);

    ops->gemm(ops, n, width, c->E, wg_matrix(h, c->E), wg_transpose(head_rows(e, first, width)),
              false, logits, ld);
    if (!ops->host) /* else its next rows are soon read */
        release_table(e);
    if (bias >= 0)
        ops->bias_forward(ops, n, width, wg_model_view(m, bias, first, width, e->panel.data),
                          logits, ld);
    if (c->final_cap > 0)
        ops->softcap(ops, n, width, (wg_real)c->final_cap, logits, ld);
}

wg_real *wg_head_logits(wg_engine *e, int64_t from, int64_t n, int64_t first, int64_t width,
                        int64_t *ld)
{
    const int64_t E = e->model->config.E;
    wg_real *logits = e->logits.data;

    *ld = e->logits_saved ? e->model->config.V : width;
    if (e->logits_saved)
        return logits + from * *ld + first;
    make_logits(e, n, wg_head_input(e) + from * E, first, width, logits, width);
    return logits;
}

int64_t wg_logits_chunk(const wg_engine *e, const wg_batch *batch)
{
    const int64_t V = e->model->config.V, M = batch->M;

    return (M < WG_CHUNK_TOKENS ? M : WG_CHUNK_TOKENS) * (V < WG_VOCAB_CHUNK ? V : WG_VOCAB_CHUNK);
}

static wagle_status reserve(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch, bool for_backward)
{
    const wg_config *c = &e->model->config;
    const int64_t M = batch->M, whole = M * c->V;

    e->logits_saved = for_backward && e->plan.logits_saved;
    WG_TRY(wg_buffer_reserve(ctx, e->model->ops, &e->label_x, M * c->D));
    WG_TRY(wg_buffer_reserve(ctx, e->model->ops, &e->label_h, M * c->D));
    WG_TRY(wg_buffer_reserve(ctx, e->model->ops, &e->label_row, ROWS * M));
    return wg_buffer_reserve(ctx, e->model->ops, &e->logits,
                             e->logits_saved ? whole : wg_logits_chunk(e, batch));
}

/* Label rows go in blocks, so that a chunk of logits is bounded. */
int64_t wg_label_block(int64_t from, int64_t to)
{
    return to - from < WG_CHUNK_TOKENS ? to - from : WG_CHUNK_TOKENS;
}

int64_t wg_vocabulary_chunk(const wg_config *c, int64_t first)
{
    return c->V - first < WG_VOCAB_CHUNK ? c->V - first : WG_VOCAB_CHUNK;
}

const wg_real *wg_label_lse(const wg_engine *e, int64_t M)
{
    return label_row(e, M, MAXIMUM);
}

wg_real *wg_label_most(const wg_engine *e, int64_t M)
{
    return label_row(e, M, SUM);
}

wg_real *wg_label_nll(const wg_engine *e, int64_t M)
{
    return label_row(e, M, NLL);
}

const wg_real *wg_label_weight(const wg_engine *e, int64_t M)
{
    return label_row(e, M, WEIGHT);
}

void wg_set_label_weight(wg_engine *e, const wg_batch *batch, const wg_real *weight)
{
    e->model->ops->upload(e->model->ops, label_row(e, batch->M, WEIGHT), weight,
                          (size_t)batch->M * sizeof *weight);
}

wagle_status wg_head_forward(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch, bool for_backward,
                             wg_real *nll)
{
    const wg_config *c = &e->model->config;
    const wg_ops *ops = e->model->ops;
    const int64_t M = batch->M, D = c->D;
    const wg_real *final = e->x + (e->checkpoints ? c->L * batch->N * D : 0);

    WG_TRY(reserve(ctx, e, batch, for_backward));
    ops->copy_rows(ops, M, D, e->index.row, final, NULL, e->label_x.data);
    wg_real *most = label_row(e, M, MAXIMUM);
    wg_real *sum = label_row(e, M, SUM), *picked = label_row(e, M, PICKED);
    final_norm(e, M, M, e->label_x.data, e->label_h.data);
    WG_TRY(project_out(ctx, e, M));
    ops->fill(ops, M, (wg_real)-INFINITY, most);
    ops->zero(ops, sum, (size_t)(2 * M) * sizeof *sum); /* and picked */
    for (int64_t first = 0; first < c->V; first += WG_VOCAB_CHUNK) {
        const int64_t width = wg_vocabulary_chunk(c, first);
        for (int64_t j = 0; j < M; j += WG_CHUNK_TOKENS) {
            const int64_t n = wg_label_block(j, M), ld = e->logits_saved ? c->V : width;
            wg_real *logits = e->logits.data + (e->logits_saved ? j * c->V + first : 0);
            make_logits(e, n, wg_head_input(e) + j * c->E, first, width, logits, ld);
            ops->xent_forward(ops, n, first, width, logits, ld, e->index.target + j, most + j,
                              sum + j, picked + j);
        }
    }
    release_table(e);
    WG_TRY(wg_check_cut_off(ctx));
    ops->xent_finish(ops, M, most, sum, picked, wg_label_nll(e, M));
    WG_TRY(ops->download(ops, ctx, nll, wg_label_nll(e, M), (size_t)M * sizeof *nll));
    for (int64_t j = 0; j < M; j++)
        if (!isfinite(nll[j])) /* on the host */
            return wg_fail(ctx, WAGLE_E_RUN, "the loss is not finite at label %lld of this batch",
                           (long long)j);
    return WAGLE_OK;
}

/* d logits^T h into the table's gradient: rows of each stream on their own, its first write it. */
static void table_gradient(wg_engine *e, const wg_batch *batch, int64_t j, int64_t n, int64_t first,
                           int64_t width, const wg_real *logits, int64_t ld, int streams)
{
    const int64_t E = e->model->config.E;
    const int64_t border = streams > 1 ? batch->label_start[batch->n_forget] : batch->M;
    const wg_ops *ops = e->model->ops;

    for (int s = 0; s < streams; s++) {
        const int64_t begin = s == 0 ? 0 : border;
        const int64_t low = j > begin ? j : begin;
        const int64_t high = s == 0 && border < j + n ? border : j + n;
        if (low < high)
            ops->gemm(
                ops, width, E, high - low, wg_transpose(wg_matrix(logits + (low - j) * ld, ld)),
                wg_matrix(wg_head_input(e) + low * E, E), low > begin, e->table[s] + first * E, E);
    }
}

/* Column sums of dlogits, of each stream on its own, added to the gradient of the head's bias. */
static void bias_gradient(wg_engine *e, const wg_batch *batch, int64_t j, int64_t n, int64_t first,
                          int64_t width, const wg_real *logits, int64_t ld, int streams)
{
    const int64_t border = streams > 1 ? batch->label_start[batch->n_forget] : batch->M;
    const int64_t cut = border <= j ? 0 : border >= j + n ? n : border - j;
    const wg_ops *ops = e->model->ops;

    if (cut > 0)
        ops->bias_backward(ops, cut, width, logits, ld,
                           e->end_grad[0].data + 2 * e->model->config.D + first);
    if (cut < n && streams > 1)
        ops->bias_backward(ops, n - cut, width, logits + cut * ld, ld,
                           e->end_grad[1].data + 2 * e->model->config.D + first);
}

/* d label_e^T label_h of each stream, to e->project_grad. */
static void project_gradient(wg_engine *e, const wg_batch *batch, int streams)
{
    const wg_config *c = &e->model->config;
    const int64_t border = streams > 1 ? batch->label_start[batch->n_forget] : batch->M;
    const wg_ops *ops = e->model->ops;

    for (int s = 0; s < streams; s++) {
        const int64_t from = s == 0 ? 0 : border, to = s == 0 ? border : batch->M;
        ops->gemm(ops, c->E, c->D, to - from,
                  wg_transpose(wg_matrix(e->label_de.data + from * c->E, c->E)),
                  wg_matrix(e->label_h.data + from * c->D, c->D), false, e->project_grad[s].data,
                  c->D);
    }
}

static void norm_gradient(wg_engine *e, const wg_batch *batch, int streams)
{
    const int64_t D = e->model->config.D;
    const wg_real *mean = wg_label_mean(e, batch->M);
    const wg_ops *ops = e->model->ops;
    const int64_t border = streams > 1 ? batch->label_start[batch->n_forget] : batch->M;

    for (int s = 0; e->model->config.has[WG_FINAL_NORM] && s < streams; s++) {
        const int64_t from = s == 0 ? 0 : border, to = s == 0 ? border : batch->M;
        ops->norm_weight(ops, to - from, D, e->label_x.data + from * D,
                         mean != NULL ? mean + from : NULL, label_row(e, batch->M, RSTD) + from,
                         e->label_d.data + from * D, e->end_grad[s].data);
        if (e->model->config.has[WG_FINAL_NORM_BIAS])
            ops->bias_backward(ops, to - from, D, e->label_d.data + from * D, D,
                               e->end_grad[s].data + D);
    }
}

void wg_head_renorm(wg_engine *e, const wg_batch *batch)
{
    final_norm(e, batch->M, batch->M, e->label_x.data, e->label_h.data);
}

void wg_head_gradient(wg_engine *e, const wg_batch *batch, int64_t from, int64_t n, int64_t first,
                      int64_t width, wg_real *logits, int64_t ld)
{
    const wg_ops *ops = e->model->ops;

    for (int64_t j = from, end; j < from + n; j = end) {
        wg_soft_rows *soft = NULL;
        end = from + n;
        for (int i = 0; i < e->n_soft; i++) {
            wg_soft_rows *s = &e->soft[i];
            const bool inside = j >= s->of.from && j < s->of.to;
            const int64_t border = inside ? s->of.to : s->of.from;
            soft = inside ? s : soft;
            end = border > j && border < end ? border : end;
        }
        if (soft != NULL)
            wg_soft_gradient(e, soft, batch, j, end - j, first, width, logits + (j - from) * ld,
                             ld);
        else
            ops->xent_backward(ops, end - j, first, width, logits + (j - from) * ld, ld,
                               e->index.target + j, wg_label_lse(e, batch->M) + j,
                               wg_label_weight(e, batch->M) + j,
                               (wg_real)e->model->config.final_cap);
    }
}

wagle_status wg_head_backward(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch, int streams,
                              bool want_table)
{
    const wg_config *c = &e->model->config;
    const wg_ops *ops = e->model->ops;
    const int64_t M = batch->M, D = c->D;

    WG_TRY(wg_buffer_reserve(ctx, e->model->ops, &e->label_d, M * D));
    WG_TRY(
        wg_buffer_reserve(ctx, e->model->ops, &e->label_de, c->has[WG_PROJECT_OUT] ? M * c->E : 0));
    WG_TRY(wg_buffer_reserve(ctx, e->model->ops, &e->gradient, batch->N * D));
    wg_real *to = c->has[WG_PROJECT_OUT] ? e->label_de.data : e->label_d.data;
    for (int64_t first = 0; first < c->V; first += WG_VOCAB_CHUNK) {
        const int64_t width = wg_vocabulary_chunk(c, first);
        for (int64_t j = 0; j < M; j += WG_CHUNK_TOKENS) {
            const int64_t n = wg_label_block(j, M);
            int64_t ld;
            wg_real *logits = wg_head_logits(e, j, n, first, width, &ld);
            wg_head_gradient(e, batch, j, n, first, width, logits, ld);
            ops->gemm(ops, n, c->E, width, wg_matrix(logits, ld), head_rows(e, first, width),
                      first > 0, to + j * c->E, c->E);
            if (want_table)
                table_gradient(e, batch, j, n, first, width, logits, ld, streams);
            if (streams > 0 && c->has[WG_HEAD_BIAS])
                bias_gradient(e, batch, j, n, first, width, logits, ld, streams);
        }
    }
    release_table(e);
    if (c->has[WG_PROJECT_OUT]) {
        project_gradient(e, batch, streams);
        ops->gemm(ops, M, D, c->E, wg_matrix(to, c->E), wg_project_weights(e, WG_PROJECT_OUT),
                  false, e->label_d.data, D);
    }
    norm_gradient(e, batch, streams);
    wg_real *dx = e->label_h.data; /* no longer needed: becomes the gradient of label_x */
    ops->zero(ops, dx, (size_t)(M * D) * sizeof *dx);
    if (wg_config_normed(c, WG_FINAL_NORM))
        ops->norm_backward(ops, M, D, e->label_x.data,
                           wg_model_norm(e->model, WG_FINAL_NORM, 0, e->panel.data),
                           wg_label_mean(e, M), label_row(e, M, RSTD), e->label_d.data, dx);
    else
        ops->copy(ops, dx, e->label_d.data, (size_t)(M * D) * sizeof *dx);
    ops->zero(ops, e->gradient.data, (size_t)(batch->N * D) * sizeof *dx);
    ops->copy_rows(ops, M, D, NULL, dx, e->index.row, e->gradient.data);
    return WAGLE_OK;
}

wagle_status wg_engine_logits(wagle_ctx *ctx, wg_engine *e, int64_t first, int64_t n,
                              wg_real *logits)
{
    const wg_config *c = &e->model->config;
    const wg_ops *ops = e->model->ops;
    const wg_real *final = e->x;

    WG_TRY(wg_buffer_reserve(ctx, ops, &e->logits, n * c->V));
    WG_TRY(wg_buffer_reserve(ctx, e->model->ops, &e->label_h, n * c->D));
    WG_TRY(wg_buffer_reserve(ctx, e->model->ops, &e->label_row, ROWS * n));
    final_norm(e, n, n, final + first * c->D, e->label_h.data);
    WG_TRY(project_out(ctx, e, n));
    for (int64_t v = 0; v < c->V; v += WG_VOCAB_CHUNK)
        make_logits(e, n, wg_head_input(e), v, wg_vocabulary_chunk(c, v), e->logits.data + v, c->V);
    return ops->download(ops, ctx, logits, e->logits.data, (size_t)(n * c->V) * sizeof *logits);
}

void wg_each_label_chunk(wg_engine *e, const wg_batch *batch, int64_t from, int64_t to,
                         wg_label_chunk *each, void *user)
{
    const wg_config *c = &e->model->config;

    for (int64_t first = 0; first < c->V; first += WG_VOCAB_CHUNK) {
        const int64_t width = wg_vocabulary_chunk(c, first);
        for (int64_t j = from; j < to; j += WG_CHUNK_TOKENS) {
            const int64_t n = wg_label_block(j, to);
            int64_t ld;
            const wg_real *own = wg_head_logits(e, j, n, first, width, &ld);
            each(e, user, batch, j, n, first, width, own, ld);
        }
    }
}
