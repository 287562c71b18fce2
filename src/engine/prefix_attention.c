/* prefix_attention.c - attention where sequences share their first tokens. All else of a block is
 * row by row, so a shared token is computed once; here alone each sequence is laid out whole, as
 * keys: of queries only its own tokens count. */
#include "engine/state.h"

#include <string.h>

enum { LAID_TOKENS = 1024 }; /* that are laid out at a time, unless one sequence is longer */

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t wg_tree_size(const wg_config *c, int64_t longest)
{
    return most(LAID_TOKENS, longest) * (2 * c->H * c->h + 2 * c->K * c->h + c->H);
}

wagle_status wg_tree_room(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch)
{
    if (!batch->shared)
        return WAGLE_OK;
    WG_TRY(WG_GROW(ctx, &e->tree.start, &e->tree.start_room, batch->S + 1));
    WG_TRY(WG_GROW(ctx, &e->tree.prefix_len, &e->tree.prefix_len_capacity, batch->S));
    return wg_buffer_reserve(ctx, &e->tree.room,
                             wg_tree_size(&e->model->config, wg_longest_of(batch)));
}

/* Tokens of sequence s. */
static int64_t length(const wg_batch *b, int64_t s)
{
    return b->path_start[s + 1] - b->path_start[s];
}

/* Sequences from s on that are laid out together: [s, end), of which n have tokens of their own. */
static int64_t choose(wg_tree *t, int64_t s, int64_t *n)
{
    const wg_batch *b = t->batch;

    *n = 0;
    t->start[0] = 0;
    for (; s < t->chunk.to; s++) {
        const int64_t own = b->start[s + 1] - b->start[s];
        if (own == 0)
            continue;
        if (*n > 0 && t->start[*n] + length(b, s) > LAID_TOKENS)
            break;
        t->prefix_len[*n] = length(b, s) - own;
        t->start[*n + 1] = t->start[*n] + length(b, s);
        ++*n;
    }
    return s;
}

typedef struct laid_out {
    wg_real *q, *out, *k, *v, *lse; /* by rows of the paths */
    int64_t Q, P;                   /* wide */
} laid_out;

/* Sequence s to row `at`. */
static void lay_out(const wg_tree *t, int64_t s, int64_t at, const wg_activations *a, laid_out *to)
{
    const wg_batch *b = t->batch;
    const int64_t *path = b->path + b->path_start[s], first = b->start[t->chunk.from];
    const int64_t n = length(b, s), own = b->start[s + 1] - b->start[s];

    for (int64_t i = 0; i < n; i++) {
        memcpy(to->k + (at + i) * to->P, a->k + (path[i] - first) * to->P,
               (size_t)to->P * sizeof *to->k);
        memcpy(to->v + (at + i) * to->P, a->v + (path[i] - first) * to->P,
               (size_t)to->P * sizeof *to->v);
    }
    memcpy(to->q + (at + n - own) * to->Q, a->q + (b->start[s] - first) * to->Q,
           (size_t)(own * to->Q) * sizeof *to->q);
}

void wg_tree_attend(void *user, const wg_attention *how, int64_t layer, wg_activations *a)
{
    wg_engine *e = user;
    wg_tree *t = &e->tree;
    const wg_batch *b = t->batch;
    const int64_t Q = how->H * how->h, P = how->K * how->h, first = b->start[t->chunk.from];
    wg_attention whole = *how;

    (void)layer;
    whole.start = t->start;
    whole.prefix_len = t->prefix_len;
    for (int64_t from = t->chunk.from, to; from < t->chunk.to; from = to) {
        to = choose(t, from, &whole.S);
        const int64_t n = t->start[whole.S];
        laid_out w = {.q = t->room.data, .Q = Q, .P = P};
        w.out = w.q + n * Q;
        w.k = w.out + n * Q;
        w.v = w.k + n * P;
        w.lse = w.v + n * P;
        for (int64_t s = from, i = 0; s < to; s++)
            if (b->start[s + 1] > b->start[s])
                lay_out(t, s, t->start[i++], a, &w);
        e->model->ops->attention_forward(&whole, w.q, w.k, w.v, w.out, w.lse);
        for (int64_t s = from, i = 0; s < to; s++) {
            const int64_t own = b->start[s + 1] - b->start[s];
            if (own > 0)
                memcpy(a->attended + (b->start[s] - first) * Q, w.out + (t->start[++i] - own) * Q,
                       (size_t)(own * Q) * sizeof *w.out);
        }
    }
}
