/* prefix_attention.c - attention where sequences share their first tokens. All else of a block is
 * row by row, so a shared token is computed once; here alone each sequence is laid out whole, as
 * keys: of queries only its own tokens count. */
#include "engine/state.h"

enum { LAID_TOKENS = 1024 }; /* that are laid out at a time, unless one sequence is longer */

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t wg_prefix_size(const wg_config *c, int64_t longest)
{
    return most(LAID_TOKENS, longest) * (2 * c->H * c->h + 2 * c->K * c->h + c->H);
}

/* Tokens of sequence s. */
static int64_t length(const wg_batch *b, int64_t s)
{
    return b->path_start[s + 1] - b->path_start[s];
}

static int64_t own_length(const wg_batch *b, int64_t s)
{
    return b->start[s + 1] - b->start[s];
}

/* Sequences from s on that are laid out together: [s, end), those without tokens of their own left
 * out. */
static int64_t choose(const wg_batch *b, int64_t s, int64_t to, wg_prefix_group *g)
{
    *g = (wg_prefix_group){0};
    for (; s < to; s++) {
        const int64_t n = length(b, s);
        if (own_length(b, s) == 0)
            continue;
        if (g->S > 0 && g->N + n > LAID_TOKENS)
            break;
        g->S++;
        g->N += n;
        g->own += own_length(b, s);
        g->longest = most(g->longest, n);
    }
    return s;
}

/* The group's lists, of sequences [from, to) of a chunk whose first token is `first`. */
static void lay_out(const wg_batch *b, int64_t from, int64_t to, int64_t first, wg_lists *l,
                    wg_prefix_group *g)
{
    int64_t *start = wg_lists_take(l, g->S + 1, sizeof *start);
    int64_t *prefix = wg_lists_take(l, g->S, sizeof *prefix);
    int64_t *path = wg_lists_take(l, g->N, sizeof *path);
    int64_t *row = wg_lists_take(l, g->own, sizeof *row);
    int64_t *place = wg_lists_take(l, g->own, sizeof *place), at = 0;

    g->start = wg_lists_at(l, start);
    g->prefix_len = wg_lists_at(l, prefix);
    g->path = wg_lists_at(l, path);
    g->own_row = wg_lists_at(l, row);
    g->own_place = wg_lists_at(l, place);
    for (int64_t s = from; s < to; s++) {
        const int64_t n = length(b, s), own = own_length(b, s);
        if (own == 0)
            continue;
        *start++ = at;
        *prefix++ = n - own;
        for (int64_t i = 0; i < n; i++)
            *path++ = b->path[b->path_start[s] + i] - first;
        for (int64_t i = 0; i < own; i++) {
            *row++ = b->start[s] - first + i;
            *place++ = at + n - own + i;
        }
        at += n;
    }
    *start = at;
}

wagle_status wg_prefix_prepare(wagle_ctx *ctx, wg_engine *e, const wg_batch *b)
{
    wg_prefix_groups *t = &e->prefix;
    const wg_ops *ops = e->model->ops;
    const int64_t elements = 3 * b->S + 2 * b->N + (b->shared ? b->path_start[b->S] : 0);
    int64_t n = 0;

    if (!b->shared)
        return WAGLE_OK;
    WG_TRY(WG_GROW(ctx, &t->group, &t->group_room, b->S));
    WG_TRY(WG_GROW(ctx, &t->first, &t->first_room, e->n_chunks + 1));
    WG_TRY(wg_lists_begin(ctx, ops, &t->lists, 5 * b->S, elements * (int64_t)sizeof(int64_t)));
    WG_TRY(wg_buffer_reserve(ctx, ops, &t->room,
                             wg_prefix_size(&e->model->config, wg_batch_longest(b))));
    for (int64_t c = 0; c < e->n_chunks; c++) {
        const wg_chunk *chunk = &e->chunk[c];
        t->first[c] = n;
        for (int64_t from = chunk->from, to; from < chunk->to; from = to) {
            to = choose(b, from, chunk->to, &t->group[n]);
            if (t->group[n].S > 0)
                lay_out(b, from, to, b->start[chunk->from], &t->lists, &t->group[n++]);
        }
    }
    t->first[e->n_chunks] = n;
    wg_lists_upload(ops, &t->lists);
    return WAGLE_OK;
}

static void attend_group(const wg_engine *e, const wg_prefix_group *g, const wg_attention *how,
                         wg_activations *a)
{
    const wg_ops *ops = e->model->ops;
    const int64_t Q = how->H * how->h, P = how->K * how->h;
    wg_real *q = e->prefix.room.data, *out = q + g->N * Q, *k = out + g->N * Q, *v = k + g->N * P;
    wg_attention whole = *how;

    whole.S = g->S;
    whole.N = g->N;
    whole.longest = g->longest;
    whole.start = g->start;
    whole.prefix_len = g->prefix_len;
    ops->copy_rows(ops, g->N, P, g->path, a->k, NULL, k);
    ops->copy_rows(ops, g->N, P, g->path, a->v, NULL, v);
    ops->copy_rows(ops, g->own, Q, g->own_row, a->q, g->own_place, q);
    ops->attention_forward(ops, &whole, q, k, v, out, v + g->N * P);
    ops->copy_rows(ops, g->own, Q, g->own_place, out, g->own_row, a->attended);
}

void wg_prefix_attend(void *user, const wg_attention *how, int64_t layer, wg_activations *a)
{
    const wg_engine *e = user;
    const wg_prefix_groups *t = &e->prefix;

    (void)layer;
    for (int64_t i = t->first[t->chunk]; i < t->first[t->chunk + 1]; i++)
        attend_group(e, &t->group[i], how, a);
}
