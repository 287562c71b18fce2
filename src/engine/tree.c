/* tree.c - attention where sequences share their first tokens. All else of a block is row by row,
 * so a shared token is computed once; here alone each sequence is laid out whole. */
#include "engine/state.h"

#include <string.h>

/* Tokens of the paths of a chunk. */
static int64_t path_tokens(const wg_batch *b, const wg_chunk *c)
{
    return b->path_start[c->to] - b->path_start[c->from];
}

wagle_status wg_tree_room(wagle_ctx *ctx, wg_engine *e, const wg_batch *batch)
{
    const wg_config *c = &e->model->config;
    int64_t most = 0;

    if (!batch->shared)
        return WAGLE_OK;
    for (int64_t i = 0; i < e->n_chunks; i++)
        if (path_tokens(batch, &e->chunk[i]) > most)
            most = path_tokens(batch, &e->chunk[i]);
    WG_TRY(WG_GROW(ctx, &e->tree.start, &e->tree.start_room, batch->S + 1));
    return wg_room_for(ctx, &e->tree.room, most * (2 * c->H * c->h + 2 * c->K * c->h + c->H));
}

void wg_tree_attend(void *user, const wg_attention *how, int64_t layer, wg_activations *a)
{
    wg_engine *e = user;
    const wg_batch *b = e->tree.batch;
    const wg_chunk *c = &e->tree.chunk;
    const int64_t Q = how->H * how->h, P = how->K * how->h, n = path_tokens(b, c);
    const int64_t first = b->start[c->from], *path = b->path + b->path_start[c->from];
    wg_real *q = e->tree.room.data, *out = q + n * Q, *k = out + n * Q, *v = k + n * P;
    wg_attention whole = *how;

    (void)layer;
    for (int64_t s = c->from; s <= c->to; s++)
        e->tree.start[s - c->from] = b->path_start[s] - b->path_start[c->from];
    whole.S = c->to - c->from;
    whole.start = e->tree.start;
    for (int64_t i = 0; i < n; i++) {
        const int64_t row = path[i] - first;
        memcpy(q + i * Q, a->q + row * Q, (size_t)Q * sizeof *q);
        memcpy(k + i * P, a->k + row * P, (size_t)P * sizeof *k);
        memcpy(v + i * P, a->v + row * P, (size_t)P * sizeof *v);
    }
    e->model->ops->attention_forward(&whole, q, k, v, out, v + n * P);
    for (int64_t i = 0; i < n; i++) /* equal rows of several paths have equal bits */
        memcpy(a->attended + (path[i] - first) * Q, out + i * Q, (size_t)Q * sizeof *out);
}
