#include "protect/factors.h"

#include "base/memory.h"
#include "engine/per_sample_moments.h"
#include "protect/share_factors.h"
#include "session/budget.h"
#include <string.h>

/* --- matrices with the same input --------------------------------------------------------------
 */

/* Matrices whose inputs are collected, and others that have the same inputs. */
static const struct kind {
    wg_role role, same[2]; /* WG_EMBED: none */
} kinds[] = {
    {WG_QUERY, {WG_KEY, WG_VALUE}},         {WG_QKV, {WG_EMBED, WG_EMBED}},
    {WG_OUTPUT, {WG_EMBED, WG_EMBED}},      {WG_UP, {WG_GATE, WG_EMBED}},
    {WG_GATE_UP, {WG_EMBED, WG_EMBED}},     {WG_DOWN, {WG_EMBED, WG_EMBED}},
    {WG_HEAD, {WG_EMBED, WG_EMBED}},        {WG_PROJECT_IN, {WG_EMBED, WG_EMBED}},
    {WG_PROJECT_OUT, {WG_EMBED, WG_EMBED}},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static bool in_layer(wg_role role)
{
    return role >= WG_LAYER_ROLES;
}

/* The tensor of a kind in a layer; -1 if there is none or if it is tied to the embedding. */
static int tensor_of(const wg_model *m, wg_role role, int64_t layer)
{
    return role == WG_EMBED || (role == WG_HEAD && m->config.tied) || !m->config.has[role]
               ? -1
               : wg_model_tensor(m, role, layer);
}

/* A callback for every factor of the model. */
typedef void each_factor(void *user, const struct kind *kind, int64_t layer, int tensor);

static void walk(const wg_model *m, each_factor *each, void *user)
{
    for (int64_t layer = 0; layer < m->config.L; layer++)
        for (int k = 0; k < KINDS; k++) {
            const int t = tensor_of(m, kinds[k].role, layer);
            if (t >= 0 && (layer == 0 || in_layer(kinds[k].role)))
                each(user, &kinds[k], layer, t);
        }
}

/* --- memory -----------------------------------------------------------------------------
 */

static wg_factor_way way_of(const wagle_train_options *o)
{
    return (wg_factor_way){.damping = o->protect_damping, .rank = o->protect_rank};
}

enum { WAITING = 32 };

typedef struct sizes {
    const wg_model *model;
    wg_factor_way way;
    int64_t tokens, factors, bytes;
    int64_t update, block;        /* reals: of the largest matrix, and from wg_protect_block */
    int64_t widest;               /* inputs */
    const char *name;             /* of the widest matrix */
    wg_factor_job layer[WAITING]; /* of one layer, and of matrices outside layers */
    int n;
} sizes;

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void add_size(void *user, const struct kind *kind, int64_t layer, int tensor)
{
    sizes *s = user;
    const wg_tensor *w = &s->model->files.tensor[tensor];
    const int64_t I = wg_model_inputs(s->model, tensor);

    (void)kind;
    s->factors++;
    s->bytes += wg_factor_most(&s->way, I, s->tokens) * (int64_t)sizeof(wg_real);
    s->update = larger(s->update, w->count);
    s->block = larger(s->block, wg_protect_block(w, wg_model_is_transposed(s->model, tensor)));
    if (I > s->widest) {
        s->widest = I;
        s->name = w->name;
    }
    if (layer == 0)
        s->layer[s->n++].I = I;
}

static sizes sizes_of(const wg_model *m, const wagle_train_options *o, int64_t tokens)
{
    sizes s = {.model = m, .way = way_of(o), .tokens = tokens};

    walk(m, add_size, &s);
    return s;
}

wagle_status wg_protect_check_model(wagle_ctx *ctx, const wg_model *m, const wagle_train_options *o)
{
    const sizes s = sizes_of(m, o, 1);

    if (o->protect.path != NULL && m->config.X > 0)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{protect}: %s is a mixture of experts, and an expert may see too few of "
                       "the rows; leave @{protect} out, and keep weights as they are by @{exclude}",
                       m->folder);
    return o->protect.path == NULL || o->protect_rank <= s.widest
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_USAGE,
                         "@{protect_rank} %lld: the widest matrix, '%s', has %lld inputs; 0 "
                         "protects all directions",
                         (long long)o->protect_rank, s.name, (long long)s.widest);
}

int64_t wg_protect_tokens(const wg_dataset *rows)
{
    int64_t n = 0;

    for (int64_t i = 0; i < rows->n; i++)
        n += rows->example[i].n - 1;
    return n;
}

int64_t wg_protect_bytes(const wg_model *m, const wagle_train_options *o, int64_t tokens)
{
    return sizes_of(m, o, tokens).bytes;
}

int64_t wg_protect_update_bytes(const wg_model *m, const wagle_train_options *o, int64_t trained)
{
    const sizes s = sizes_of(m, o, 1);

    return ((s.update < trained ? s.update : trained) + 2 * s.block) * (int64_t)sizeof(wg_real);
}

enum { LAYERS = 2, FEW_BYTES = 256 << 20 };

static int64_t bytes_of_a_layer(const sizes *s)
{
    int64_t bytes = 0;

    for (int i = 0; i < s->n; i++)
        bytes += s->layer[i].I * s->layer[i].I * (int64_t)sizeof(wg_real);
    return bytes;
}

/* Number of layers whose inputs are collected before a flush, so that their largest factors are
 * computed in parallel. */
static int64_t layers_together(const wagle_ctx *ctx, const sizes *s)
{
    const int64_t alone = bytes_of_a_layer(s) < FEW_BYTES ? LAYERS : 1;
    const int64_t together = larger(alone, wg_ranks(ctx)); /* each process makes those of a layer */
    const int64_t most = larger(1, WAITING / larger(1, s->n)), L = s->model->config.L;

    return together < most ? (together < L ? together : L) : most < L ? most : L;
}

/* Bytes of what is collected of so many layers where rows are cut into parts: inputs of the largest
 * share of the tokens, their sums by part, and sums for the factors of one process. */
static int64_t bytes_of_parts(const wagle_ctx *ctx, const sizes *s, int64_t layers)
{
    const int64_t parts = wg_parts_of(ctx, wg_ranks(ctx) - 1, NULL);
    const int64_t tokens = (s->tokens * parts / wg_parts(ctx) + 1) * 5 / 4; /* rows differ */
    int64_t inputs = 0, square = 0;

    for (int i = 0; i < s->n; i++) {
        inputs += s->layer[i].I;
        square += s->layer[i].I * s->layer[i].I;
    }
    return (int64_t)sizeof(wg_real) *
           (layers * tokens * inputs + (layers + wg_ranks(ctx) - 1) / wg_ranks(ctx) * square +
            (wg_tree_levels((int)parts) + 2) * s->widest * s->widest);
}

/* Sorts the largest job first, so that no thread ends long after the others. */
static void sort_jobs(wg_factor_job *job, int n)
{
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && job[j].I > job[j - 1].I; j--) {
            const wg_factor_job swap = job[j];
            job[j] = job[j - 1];
            job[j - 1] = swap;
        }
}

int64_t wg_protect_work(const wagle_ctx *ctx, const wg_model *m, const wagle_train_options *o,
                        int64_t tokens)
{
    const sizes s = sizes_of(m, o, tokens);
    const int64_t together = layers_together(ctx, &s);
    wg_factor_job job[WAITING];
    int n = 0;

    for (int64_t l = 0; l < together; l++)
        for (int i = 0; i < s.n && n < WAITING; i++)
            job[n++] = s.layer[i];
    sort_jobs(job, n);
    return (wg_parts(ctx) > 1 ? bytes_of_parts(ctx, &s, together)
                              : together * bytes_of_a_layer(&s)) +
           wg_factors_work(job, n, wg_ops_on_host(m->ops)->pool);
}

wagle_status wg_protect_fits(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                             const wagle_train_options *o, int64_t factors)
{
    const int64_t tokens = wg_protect_tokens(rows);
    const wg_cost cost[] = {
        {.what = "factors", .bytes = factors},
        {.what = "covariances", .bytes = wg_protect_work(ctx, s->model, o, tokens)}};
    const wg_need need = {.intent = {.tokens = tokens,
                                     .labels = s->model->config.tied ? 1 : tokens,
                                     .longest = rows->longest},
                          .cost = cost,
                          .n = 2,
                          .only_check = true,
                          .hint = "fewer rows to @{protect} take less"};

    return tokens > 0 ? wg_budget(ctx, s, &need) : WAGLE_OK;
}

/* --- the pass ----------------------------------------------------------------------------------
 */

typedef struct waiting {
    wg_factor_job job;
    const struct kind *kind;
    int64_t layer, filled; /* tokens collected so far */
    int owner;             /* the process that makes the factor */
} waiting;

typedef struct pass {
    wagle_ctx *ctx;
    const wg_model *model;
    wg_factor_way way;
    const char *scratch;
    wg_protect *out;
    int64_t tokens, together;
    wg_token_parts parts;
    int made; /* factors so far, with those of other processes */
    waiting list[WAITING];
    int n;
    wg_host_room inputs; /* of the current matrix */
    wagle_status st;
} pass;

/* Assigns the next factor to this tensor and those with the same input. */
static void bind(void *user, const struct kind *kind, int64_t layer, int tensor)
{
    const pass *k = user;
    wg_protect *p = k->out;

    p->factor[p->n] = (wg_factor){.I = wg_model_inputs(k->model, tensor),
                                  .transposed = wg_model_is_transposed(k->model, tensor)};
    p->of[tensor] = (int)p->n;
    for (int i = 0; i < 2; i++) {
        const int t = tensor_of(k->model, kind->same[i], layer);
        if (t >= 0)
            p->of[t] = (int)p->n;
    }
    p->n++;
}

static wagle_status place(pass *k, int64_t factors)
{
    wg_protect *p = k->out;
    const wg_model *m = k->model;

    *p = (wg_protect){.table = m->config.tied ? wg_model_tensor(m, WG_EMBED, 0) : -1};
    WG_TRY(WG_ALLOC(k->ctx, &p->factor, factors));
    WG_TRY(WG_ALLOC(k->ctx, &p->of, m->files.n));
    for (int64_t t = 0; t < m->files.n; t++)
        p->of[t] = -1;
    walk(m, bind, k);
    return WAGLE_OK;
}

/* Makes the factors that are this process's. */
static wagle_status make_factors(pass *k)
{
    wg_factor_job job[WAITING];
    int n = 0;

    for (int i = 0; i < k->n; i++)
        if (k->list[i].owner == wg_rank(k->ctx))
            job[n++] = k->list[i].job;
    sort_jobs(job, n);
    return n > 0 ? wg_factors_make(k->ctx, wg_ops_on_host(k->model->ops)->pool, &k->way, k->scratch,
                                   job, n)
                 : WAGLE_OK;
}

/* Each factor is made by one process, from the inputs that all have collected. */
static wagle_status make_together(pass *k)
{
    const wg_ops *host = wg_ops_on_host(k->model->ops);

    for (int i = 0; i < k->n; i++) {
        k->list[i].owner = k->made++ % wg_ranks(k->ctx);
        WG_TRY(wg_share_inputs(k->ctx, host, &k->parts, k->list[i].owner, &k->list[i].job));
    }
    const wagle_status st = make_factors(k);
    int64_t failed = st != WAGLE_OK;
    WG_TRY(wg_add_counts(k->ctx, &failed, 1));
    WG_TRY(st);
    if (failed > 0)
        return wg_fail(k->ctx, WAGLE_E_RUN, "another process could not make its factors");
    for (int i = 0; i < k->n; i++)
        WG_TRY(wg_share_factor(k->ctx, k->scratch, k->list[i].owner, k->list[i].job.out));
    return WAGLE_OK;
}

/* Computes the factors of all collected matrices. */
static wagle_status flush(pass *k)
{
    wagle_status st = k->st;

    for (int i = 0; i < k->n; i++)
        k->list[i].owner = wg_rank(k->ctx);
    if (st == WAGLE_OK)
        st = k->parts.parts > 0 ? make_together(k) : make_factors(k);
    for (int i = 0; i < k->n; i++)
        wg_free(k->list[i].job.data);
    k->n = 0;
    return st;
}

/* Tokens of this process's rows. */
static int64_t own_tokens(const pass *k)
{
    return k->parts.parts > 0 ? k->parts.start[k->parts.parts] : k->tokens;
}

/* Finds or adds the entry that collects the inputs of a matrix. */
static wagle_status find(pass *k, const struct kind *kind, int64_t layer, int64_t I, waiting **out)
{
    const int tensor = wg_model_tensor(k->model, kind->role, layer);

    for (int i = 0; i < k->n; i++)
        if (k->list[i].kind == kind && k->list[i].layer == layer) {
            *out = &k->list[i];
            return WAGLE_OK;
        }
    if (k->n > 0 && (layer - k->list[0].layer >= k->together || k->n == WAITING))
        WG_TRY(flush(k));
    *out = &k->list[k->n];
    **out = (waiting){.job = {.I = I,
                              .T = k->tokens,
                              .out = &k->out->factor[k->out->of[tensor]],
                              .name = k->model->files.tensor[tensor].name},
                      .kind = kind,
                      .layer = layer};
    WG_TRY(WG_ALLOC(k->ctx, &(*out)->job.data, (k->parts.parts > 0 ? own_tokens(k) : I) * I));
    k->n++;
    return WAGLE_OK;
}

static void accumulate_covariance(void *user, int64_t layer, wg_role role, int64_t N, int64_t I,
                                  const wg_real *x)
{
    pass *k = user;
    const struct kind *kind = kinds;
    waiting *w = NULL;
    const void *view;

    while (kind < kinds + KINDS && kind->role != role)
        kind++;
    if (kind == kinds + KINDS || k->st != WAGLE_OK) /* its input is that of another matrix */
        return;
    k->st = find(k, kind, layer, I, &w);
    if (k->st == WAGLE_OK)
        k->st =
            wg_host_view(k->ctx, k->model->ops, x, (size_t)(N * I) * sizeof *x, &k->inputs, &view);
    if (k->st != WAGLE_OK)
        return;
    x = view;
    if (k->tokens < I || k->parts.parts > 0)
        memcpy(w->job.data + w->filled * I, x, (size_t)(N * I) * sizeof *x);
    else
        wg_add_products(wg_ops_on_host(k->model->ops), N, I, x, w->filled > 0, w->job.data);
    w->filled += N;
}

/* Runs the rows with every token but the first as a label, so that all tokens but the last of each
 * row are computed. */
static wagle_status look(pass *k, wg_session *s, const wg_dataset *rows)
{
    wg_example *example = NULL;
    const wg_example **list = NULL;
    int64_t *tokens = NULL, n = 0, first = 0, own = 0;
    wagle_status st = WG_ALLOC(k->ctx, &example, rows->n);

    if (st == WAGLE_OK)
        st = WG_ALLOC(k->ctx, &list, rows->n);
    if (st == WAGLE_OK)
        st = WG_ALLOC(k->ctx, &tokens, rows->n);
    for (int64_t i = 0; st == WAGLE_OK && i < rows->n; i++) {
        const wg_example *e = &rows->example[i];
        if (e->n < 2)
            continue;
        example[n] = (wg_example){.ids = e->ids, .labels = e->ids, .n = e->n, .n_labels = e->n - 1};
        list[n] = &example[n];
        tokens[n++] = e->n - 1;
    }
    if (st == WAGLE_OK)
        st = wg_token_parts_new(k->ctx, tokens, n, &k->parts, &first, &own);
    s->batch.keep_unlabelled = false;
    s->batch.n_full_label_seqs = 0;
    if (st == WAGLE_OK)
        st = wg_batch_fill(k->ctx, &s->batch, list + first, own, own);
    if (st == WAGLE_OK)
        st = wg_engine_inputs(k->ctx, s->engine, &s->batch, "rows to protect",
                              accumulate_covariance, k);
    if (k->st == WAGLE_OK)
        k->st = st;
    st = flush(k);
    wg_free(list);
    wg_free(tokens);
    wg_free(example);
    return k->st != WAGLE_OK ? k->st : st;
}

wagle_status wg_protect_make(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                             const wagle_train_options *o, const char *scratch, wg_protect *out)
{
    const sizes size = sizes_of(s->model, o, wg_protect_tokens(rows));
    pass k = {.ctx = ctx,
              .model = s->model,
              .way = way_of(o),
              .scratch = scratch,
              .out = out,
              .tokens = size.tokens};
    wagle_status st;

    k.together = layers_together(ctx, &size);
    st = place(&k, size.factors);
    if (st == WAGLE_OK)
        st = look(&k, s, rows);
    wg_free(k.inputs.data);
    wg_token_parts_free(&k.parts);
    if (st != WAGLE_OK)
        wg_protect_free(out);
    return st;
}
