#include "optim/protect.h"

#include "base/memory.h"
#include <string.h>

void wg_protect_free(wg_protect *p)
{
    for (int64_t i = 0; p->factor != NULL && i < p->n; i++)
        wg_factor_free(&p->factor[i]);
    wg_free(p->factor);
    wg_free(p->of);
    *p = (wg_protect){0};
}

wagle_status wg_protect_upload(wagle_ctx *ctx, const wg_ops *ops, int64_t tensors,
                               const wg_protect *from, wg_protect *out)
{
    *out = (wg_protect){.n = from->n, .table = from->table};
    WG_TRY(WG_ALLOC(ctx, &out->factor, from->n));
    WG_TRY(WG_ALLOC(ctx, &out->of, tensors));
    memcpy(out->of, from->of, (size_t)tensors * sizeof *out->of); /* on the host */
    for (int64_t i = 0; i < from->n; i++) {
        const wg_factor *f = &from->factor[i];
        out->factor[i] = *f;
        out->factor[i].memory = (wg_scratch){0};
        if (f->r == 0)
            continue;
        WG_TRY(ops->alloc(ops, ctx, f->r * f->I, sizeof(wg_real), NULL, &out->factor[i].memory));
        ops->upload(ops, out->factor[i].memory.data, f->memory.data,
                    (size_t)(f->r * f->I) * sizeof(wg_real));
    }
    return WAGLE_OK;
}

void wg_protect_drop(const wg_ops *ops, wg_protect *p)
{
    for (int64_t i = 0; p->factor != NULL && i < p->n; i++)
        ops->free(ops, &p->factor[i].memory);
    wg_free(p->factor);
    wg_free(p->of);
    *p = (wg_protect){0};
}

/* --- blocks of rows ----------------------------------------------------------------------------
 * A large matrix goes a block of rows at a time; a transposed one goes whole.
 */

enum { BLOCK = 1 << 22 };

static int64_t block_rows(const wg_tensor *w, bool transposed)
{
    const int64_t inner = w->shape.dim[1];

    return transposed || w->count <= BLOCK ? w->shape.dim[0] : inner < BLOCK ? BLOCK / inner : 1;
}

int64_t wg_protect_block(const wg_tensor *w, bool transposed)
{
    return block_rows(w, transposed) * w->shape.dim[1];
}

static int64_t largest_block(const wg_model *m, const wg_protect *p)
{
    int64_t most = 0;

    for (int t = 0; t < m->files.n; t++)
        if (p->of[t] >= 0) {
            const int64_t n = wg_protect_block(&m->files.tensor[t], p->factor[p->of[t]].transposed);
            most = n > most ? n : most;
        }
    return most;
}

int64_t wg_protect_room(const wg_model *m, const wg_protect *p)
{
    return 2 * largest_block(m, p);
}

/* --- selected weights --------------------------------------------------------------------------
 */

/* The update is a matrix, of `count` weights. */
static void update_neurons(const wg_ops *ops, const wg_factor *f, int64_t rows, int64_t count,
                           float *update, float *room)
{
    const int64_t O = count / f->I, step = f->transposed ? O : rows;

    for (int64_t o = 0; o < O; o += step)
        wg_factor_apply(ops, f, o + step < O ? step : O - o, update + o * f->I, room);
}

void wg_protect_update(const wg_ops *ops, const wg_model *m, const wg_protect *p, int t,
                       const uint64_t *bits, const int64_t *rank, bool neurons, int64_t count,
                       float *update, float *room)
{
    const wg_tensor *w = &m->files.tensor[t];
    const wg_factor *f = &p->factor[p->of[t]];
    const int64_t outer = w->shape.dim[0], inner = w->shape.dim[1],
                  rows = block_rows(w, f->transposed);
    float *whole = room + largest_block(m, p);

    if (neurons) {
        update_neurons(ops, f, rows, count, update, room);
        return;
    }
    for (int64_t o = 0; o < outer; o += rows) {
        const int64_t to = o + rows < outer ? o + rows : outer, n = (to - o) * inner;
        ops->zero(ops, whole, (size_t)n * sizeof *whole);
        ops->overlay(ops, o * inner, n, bits, rank, update, whole);
        wg_factor_apply(ops, f, f->transposed ? inner : to - o, whole, room);
        ops->gather(ops, 1, &(wg_gather){o * inner, n, bits, rank, whole, update});
    }
}
