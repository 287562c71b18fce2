/* forward.c - the hidden states of a BERT encoder.
 *
 *   x = norm(word + segment + position)
 *   each layer: x = norm(x + output(attention(x)));  x = norm(x + down(act(up(x))))
 *
 * Every token sees every token of its text. That is attention_decode with each token as the one
 * query of its text, whose keys and values are the cache. */
#include "encoder/parts.h"

#include <math.h>

wagle_status wg_encoder_reserve(wagle_ctx *ctx, const wg_ops *ops, const wg_encoder_config *c,
                                int64_t N, wg_encoder_room *room)
{
    const struct {
        wg_buffer *buffer;
        int64_t width;
    } parts[] = {{&room->x, c->D}, {&room->y, c->D}, {&room->q, c->D},
                 {&room->k, c->D}, {&room->v, c->D}, {&room->f, c->F > c->D ? c->F : c->D},
                 {&room->mean, 1}, {&room->rstd, 1}};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        WG_TRY(wg_buffer_reserve(ctx, ops, parts[i].buffer, N * parts[i].width));
    return WAGLE_OK;
}

void wg_encoder_room_free(const wg_ops *ops, wg_encoder_room *room)
{
    wg_buffer *const buffers[] = {&room->x, &room->y, &room->q,    &room->k,
                                  &room->v, &room->f, &room->mean, &room->rstd};

    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        wg_buffer_free(ops, buffers[i]);
}

/* y [N,O] = x [N,I] W^T + b */
static void affine(const wg_ops *ops, const wg_affine *a, int64_t N, int64_t O, int64_t I,
                   const wg_real *x, wg_real *y)
{
    ops->gemm(ops, N, O, I, wg_matrix(x, I), wg_transpose(wg_matrix(a->weight, I)), false, y, O);
    ops->bias_forward(ops, N, O, a->bias, y, O);
}

/* x [N,D] = norm(y) */
static void normalise(const wg_ops *ops, const wg_encoder_config *c, const wg_affine *norm,
                      int64_t N, const wg_encoder_room *room)
{
    ops->norm_forward(ops, N, c->D, (wg_real)c->eps, room->y.data, norm->weight, norm->bias,
                      room->x.data, room->mean.data, room->rstd.data);
}

static void forward_layer(const wg_ops *ops, const wg_encoder_config *c, const wg_encoder_layer *l,
                          const wg_encoder_batch *b, const wg_encoder_room *room)
{
    const int64_t N = b->N, D = c->D, F = c->F;
    wg_real *x = room->x.data, *y = room->y.data, *q = room->q.data, *f = room->f.data;
    const wg_decode_attention attention = {.B = N,
                                           .H = c->H,
                                           .K = c->H,
                                           .h = D / c->H,
                                           .longest = b->longest,
                                           .length = b->length,
                                           .first = b->first,
                                           .key = room->k.data,
                                           .value = room->v.data,
                                           .scale = (wg_real)(1 / sqrt((double)(D / c->H)))};

    affine(ops, &l->query, N, D, D, x, q);
    affine(ops, &l->key, N, D, D, x, room->k.data);
    affine(ops, &l->value, N, D, D, x, room->v.data);
    ops->attention_decode(ops, &attention, q, f);
    affine(ops, &l->output, N, D, D, f, y);
    ops->axpy(ops, N * D, 1, x, y);
    normalise(ops, c, &l->attention_norm, N, room);
    affine(ops, &l->up, N, F, D, x, f);
    ops->glu_forward(ops, c->activation, N * F, f, NULL, f);
    affine(ops, &l->down, N, D, F, f, y);
    ops->axpy(ops, N * D, 1, x, y);
    normalise(ops, c, &l->norm, N, room);
}

wagle_status wg_encoder_forward(wagle_ctx *ctx, const wg_ops *ops, const wg_encoder_config *c,
                                const wg_encoder_weights *w, const wg_encoder_batch *b,
                                wg_encoder_room *room)
{
    wg_real *y = room->y.data;

    ops->embed(ops, &w->words, b->N, c->D, b->ids, 0, 1, false, y);
    ops->embed(ops, &w->segments, b->N, c->D, b->segment, 0, 1, true, y);
    ops->embed(ops, &w->positions, b->N, c->D, b->position, 0, 1, true, y);
    normalise(ops, c, &w->norm, b->N, room);
    for (int64_t l = 0; l < c->L; l++) {
        WG_TRY(wg_check_interrupt(ctx));
        forward_layer(ops, c, &w->layer[l], b, room);
    }
    return ops->sync(ops, ctx);
}
