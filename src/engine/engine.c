/* engine.c - an engine and its buffers. */
#include "engine/state.h"

#include <stdio.h>

wagle_status wg_buffer_reserve(wagle_ctx *ctx, wg_buffer *room, int64_t n)
{
    if (n <= room->capacity)
        return WAGLE_OK;
    wg_free(room->data); /* contents need not survive: nothing to copy */
    room->data = NULL;
    room->capacity = 0;
    WG_TRY(WG_ALLOC(ctx, &room->data, n));
    room->capacity = n;
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
    wg_buffer *const rooms[] = {
        &e->inputs,  &e->gradient,  &e->panel,   &e->saved,       &e->scratch,     &e->label_x,
        &e->label_h, &e->label_d,   &e->label_e, &e->label_de,    &e->embed,       &e->embed_d,
        &e->logits,  &e->label_row, &e->soft_q,  &e->soft[0].row, &e->soft[1].row, &e->tree.room};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
        wg_free(rooms[i]->data);
    for (int s = 0; s < WG_STREAMS; s++) {
        wg_free(e->layer_grad[s].data);
        wg_free(e->table_grad[s].data);
        wg_free(e->end_grad[s].data);
        wg_free(e->position_grad[s].data);
        wg_free(e->project_grad[s].data);
    }
    for (int i = 0; i < 2; i++) {
        wg_free(e->cosine[i]);
        wg_free(e->sine[i]);
    }
    wg_scratch_free(&e->spill);
    wg_free(e->chunk);
    wg_free(e->start);
    wg_free(e->tree.start);
    wg_free(e->tree.prefix_len);
    for (int i = 0; i < WG_SOFT_MOST; i++) {
        wg_free(e->soft[i].runner_up);
        wg_free(e->soft[i].cross);
    }
    wg_free(e);
}
