/* batch.c - the sequences of an update, and the untouched model that they are compared with. */
#include "train/train.h"

wagle_status wg_trainer_base(wagle_ctx *ctx, wg_trainer *t)
{
    if (t->base.model != NULL)
        return WAGLE_OK;
    return t->reference_folder != NULL ? wg_session_open(ctx, t->reference_folder, &t->base)
                                       : wg_session_borrow(ctx, t->session, &t->base);
}

wagle_status wg_list_batch(wagle_ctx *ctx, wg_trainer *t, const wg_batch_indices *p,
                           int64_t *n_first, int64_t *total)
{
    const int needs = t->objective->needs;
    const bool forget = !(needs & WG_WITHOUT_FORGET), refusal = (needs & WG_NEEDS_REFUSALS) != 0;
    int64_t n = 0;

    *n_first = p->nf * (forget + refusal);
    *total = *n_first + (t->retain_term != WG_RETAIN_NONE ? p->nr : 0);
    WG_TRY(WG_GROW(ctx, &t->list, &t->list_room, *total));
    for (int64_t i = 0; forget && i < p->nf; i++)
        t->list[n++] = &t->data->forget.example[p->f[i]];
    for (int64_t i = 0; refusal && i < p->nf; i++)
        t->list[n++] = &t->data->refusals.example[p->f[i]];
    for (int64_t i = 0; n < *total; i++)
        t->list[n++] = &t->data->retain.example[p->r[i]];
    return WAGLE_OK;
}
