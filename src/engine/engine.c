/* engine.c - an engine and its buffers. */
#include "engine/state.h"

#include <stdio.h>
#include <string.h>

/* Copies n elements to the next place of what is packed; returns where they will be uploaded to. */
static void *pack(wg_index *x, int64_t *used, const void *from, int64_t n, size_t size)
{
    void *there = (char *)x->uploaded.data + *used;

    if (n > 0)
        memcpy(x->packed + *used, from, (size_t)n * size); /* on the host */
    *used += (n * (int64_t)size + 15) / 16 * 16;
    return there;
}

wagle_status wg_index_upload(wagle_ctx *ctx, wg_engine *e, const wg_batch *b)
{
    const wg_ops *ops = e->model->ops;
    const int64_t words = 2 * (b->S + 1) + b->M, halves = 2 * b->N + b->M;
    const int64_t most = words * (int64_t)sizeof(int64_t) + halves * (int64_t)sizeof(int32_t) + 96;
    wg_index *x = &e->index;
    int64_t used = 0;

    WG_TRY(WG_GROW(ctx, &x->packed, &x->packed_room, most));
    WG_TRY(wg_buffer_reserve(ctx, ops, &x->uploaded, wg_reals_for(most, 1)));
    x->start = pack(x, &used, b->start, b->S + 1, sizeof *b->start);
    x->label_start = pack(x, &used, b->label_start, b->S + 1, sizeof *b->label_start);
    x->row = pack(x, &used, b->row, b->M, sizeof *b->row);
    x->ids = pack(x, &used, b->ids, b->N, sizeof *b->ids);
    x->position = pack(x, &used, b->position, b->N, sizeof *b->position);
    x->target = pack(x, &used, b->target, b->M, sizeof *b->target);
    ops->upload(ops, x->uploaded.data, x->packed, (size_t)used);
    return WAGLE_OK;
}

wagle_status wg_engine_host_view(wagle_ctx *ctx, const wg_engine *e, wg_host_room *room, int64_t n,
                                 const wg_real **x)
{
    const void *view = NULL;

    if (*x == NULL)
        return WAGLE_OK;
    WG_TRY(wg_host_view(ctx, e->model->ops, *x, (size_t)n * sizeof **x, room, &view));
    *x = view;
    return WAGLE_OK;
}

wagle_status wg_engine_new(wagle_ctx *ctx, const wg_model *model, wg_engine **out)
{
    wg_engine *e = NULL;

    *out = NULL;
    WG_TRY(WG_ALLOC(ctx, &e, 1));
    e->model = model;
    e->limit.streams = WG_STREAMS;
    *out = e;
    return WAGLE_OK;
}

void wg_engine_limit(wg_engine *e, const wg_limit *limit)
{
    e->limit = *limit;
    if (limit->folder != NULL) {
        snprintf(e->folder, sizeof e->folder, "%s", limit->folder);
        e->limit.folder = e->folder;
    }
}

void wg_engine_free(wg_engine *e)
{
    if (e == NULL)
        return;
    const wg_ops *ops = e->model->ops;
    wg_buffer *const buffers[] = {
        &e->inputs,        &e->spill,          &e->gradient,          &e->panel,
        &e->saved,         &e->scratch,        &e->label_x,           &e->label_h,
        &e->label_d,       &e->label_e,        &e->label_de,          &e->embed,
        &e->embed_d,       &e->logits,         &e->label_row,         &e->stats,
        &e->soft_q,        &e->soft[0].row,    &e->soft[0].cross,     &e->soft[0].runner_up,
        &e->soft[1].row,   &e->soft[1].cross,  &e->soft[1].runner_up, &e->tree.room,
        &e->tree.uploaded, &e->index.uploaded, &e->cosine[0],         &e->cosine[1],
        &e->sine[0],       &e->sine[1]};
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++)
        wg_buffer_free(ops, buffers[i]);
    for (int s = 0; s < WG_STREAMS; s++) {
        wg_buffer_free(ops, &e->layer_grad[s]);
        wg_buffer_free(ops, &e->table_grad[s]);
        wg_buffer_free(ops, &e->end_grad[s]);
        wg_buffer_free(ops, &e->position_grad[s]);
        wg_buffer_free(ops, &e->project_grad[s]);
    }
    wg_free(e->chunk);
    wg_free(e->index.packed);
    wg_free(e->tree.group);
    wg_free(e->tree.first);
    wg_free(e->tree.lists);
    wg_free(e->hidden.data);
    for (size_t i = 0; i < sizeof e->sunk / sizeof *e->sunk; i++)
        wg_free(e->sunk[i].data);
    wg_free(e);
}
