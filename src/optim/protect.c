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

/* The bits of word w that lie in [from, to). */
static uint64_t within(const uint64_t *bits, int64_t w, int64_t from, int64_t to)
{
    uint64_t word = bits[w];

    if (w == from >> 6)
        word &= ~(uint64_t)0 << (from & 63);
    if (w == to >> 6)
        word &= ((uint64_t)1 << (to & 63)) - 1;
    return word;
}

/* Compact values to where their bits [from, to) are set, zeros between; returns how many. */
static int64_t spread(const uint64_t *bits, int64_t from, int64_t to, const float *compact,
                      float *whole)
{
    int64_t n = 0;

    memset(whole, 0, (size_t)(to - from) * sizeof *whole);
    for (int64_t w = from >> 6; w * 64 < to; w++)
        for (uint64_t left = within(bits, w, from, to); left != 0; left &= left - 1)
            whole[w * 64 + __builtin_ctzll(left) - from] = compact[n++];
    return n;
}

static void collect(const uint64_t *bits, int64_t from, int64_t to, const float *whole,
                    float *compact)
{
    int64_t n = 0;

    for (int64_t w = from >> 6; w * 64 < to; w++)
        for (uint64_t left = within(bits, w, from, to); left != 0; left &= left - 1)
            compact[n++] = whole[w * 64 + __builtin_ctzll(left) - from];
}

/* The update is a matrix, of `count` weights. */
static void update_neurons(const wg_model *m, const wg_factor *f, int64_t rows, int64_t count,
                           float *update, float *room)
{
    const int64_t O = count / f->I, step = f->transposed ? O : rows;

    for (int64_t o = 0; o < O; o += step)
        wg_factor_apply(m->ops, f, o + step < O ? step : O - o, update + o * f->I, room);
}

void wg_protect_update(const wg_model *m, const wg_protect *p, int t, const uint64_t *bits,
                       bool neurons, int64_t count, float *update, float *room)
{
    const wg_tensor *w = &m->files.tensor[t];
    const wg_factor *f = &p->factor[p->of[t]];
    const int64_t outer = w->shape.dim[0], inner = w->shape.dim[1],
                  rows = block_rows(w, f->transposed);
    float *whole = room + largest_block(m, p);

    if (neurons) {
        update_neurons(m, f, rows, count, update, room);
        return;
    }
    for (int64_t o = 0; o < outer; o += rows) {
        const int64_t to = o + rows < outer ? o + rows : outer;
        const int64_t n = spread(bits, o * inner, to * inner, update, whole);
        wg_factor_apply(m->ops, f, f->transposed ? inner : to - o, whole, room);
        collect(bits, o * inner, to * inner, whole, update);
        update += n;
    }
}
