/* engine.c - an engine and its buffers. */
#include "engine/state.h"

#include <stdio.h>

wagle_status wg_index_upload(wagle_ctx *ctx, wg_engine *e, const wg_batch *b)
{
    const int64_t bytes = (2 * (b->S + 1) + b->M) * (int64_t)sizeof(int64_t) +
                          (2 * b->N + b->M) * (int64_t)sizeof(int32_t);
    wg_index *x = &e->index;
    wg_lists *l = &x->lists;

    WG_TRY(wg_lists_begin(ctx, e->model->ops, l, 6, bytes));
    x->start = wg_lists_put(l, b->start, b->S + 1, sizeof *b->start);
    x->label_start = wg_lists_put(l, b->label_start, b->S + 1, sizeof *b->label_start);
    x->row = wg_lists_put(l, b->row, b->M, sizeof *b->row);
    x->ids = wg_lists_put(l, b->ids, b->N, sizeof *b->ids);
    x->position = wg_lists_put(l, b->position, b->N, sizeof *b->position);
    x->target = wg_lists_put(l, b->target, b->M, sizeof *b->target);
    wg_lists_upload(e->model->ops, l);
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
    wg_buffer *const buffers[] = {&e->inputs,      &e->spill,         &e->gradient,
                                  &e->panel,       &e->packed,        &e->saved,
                                  &e->scratch,     &e->label_x,       &e->label_h,
                                  &e->label_d,     &e->label_e,       &e->label_de,
                                  &e->embed,       &e->embed_d,       &e->logits,
                                  &e->label_row,   &e->stats,         &e->soft_q,
                                  &e->soft[0].row, &e->soft[0].cross, &e->soft[0].runner_up,
                                  &e->soft[1].row, &e->soft[1].cross, &e->soft[1].runner_up,
                                  &e->prefix.room, &e->cosine[0],     &e->cosine[1],
                                  &e->sine[0],     &e->sine[1]};
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
    wg_lists_free(ops, &e->index.lists);
    wg_lists_free(ops, &e->prefix.lists);
    wg_free(e->prefix.group);
    wg_free(e->prefix.first);
    wg_free(e->hidden.data);
    for (size_t i = 0; i < sizeof e->sunk / sizeof *e->sunk; i++)
        wg_free(e->sunk[i].data);
    wg_free(e);
}
