/* squares.c - sums of squared per-sequence gradients, a block that stays in cache at a time. */
#include "ops/cpu/cpu.h"

#include <string.h>

enum { ROWS = 64, COLUMNS = 256 };

WG_CLONES static void add_block(const float *g, int64_t n, float *sum, float *square)
{
    for (int64_t i = 0; i < n; i++) {
        sum[i] += g[i];
        square[i] += g[i] * g[i];
    }
}

typedef struct block {
    int64_t o, i, rows, columns;
} block;

/* Copies the block of `whole` [.,I] to or from the contiguous `part`; NULL is passed over. */
static void move(const block *b, int64_t I, float *whole, float *part, bool back)
{
    for (int64_t r = 0; whole != NULL && r < b->rows; r++) {
        float *at = whole + (b->o + r) * I + b->i, *mine = part + r * b->columns;
        memcpy(back ? at : mine, back ? mine : at, (size_t)b->columns * sizeof *at);
    }
}

typedef struct squares_task {
    const wg_ops *self;
    int64_t S, O, I, ldy, ldx;
    const int64_t *start;
    const float *dy, *x;
    bool add;
    float *sum, *square;
} squares_task;

static void run_block(const squares_task *t, const block *b)
{
    float g[ROWS * COLUMNS], total[ROWS * COLUMNS], squares[ROWS * COLUMNS];
    const int64_t n = b->rows * b->columns;

    memset(total, 0, (size_t)n * sizeof *total);
    memset(squares, 0, (size_t)n * sizeof *squares);
    if (t->add) {
        move(b, t->I, t->sum, total, false);
        move(b, t->I, t->square, squares, false);
    }
    for (int64_t s = 0; s < t->S; s++) {
        const int64_t first = t->start[s] - t->start[0], tokens = t->start[s + 1] - t->start[s];
        wg_cpu_gemm_small(t->self, true, false, b->rows, b->columns, tokens,
                          t->dy + first * t->ldy + b->o, t->ldy, t->x + first * t->ldx + b->i,
                          t->ldx, false, g, b->columns);
        add_block(g, n, total, squares);
    }
    move(b, t->I, t->sum, total, true);
    move(b, t->I, t->square, squares, true);
}

static int64_t blocks_across(const squares_task *t)
{
    return (t->I + COLUMNS - 1) / COLUMNS;
}

static void run_blocks(const void *task, int64_t from, int64_t to)
{
    const squares_task *t = task;

    for (int64_t k = from; k < to; k++) {
        block b = {.o = k / blocks_across(t) * ROWS, .i = k % blocks_across(t) * COLUMNS};
        b.rows = t->O - b.o < ROWS ? t->O - b.o : ROWS;
        b.columns = t->I - b.i < COLUMNS ? t->I - b.i : COLUMNS;
        run_block(t, &b);
    }
}

void wg_cpu_gemm_squares(WG_SELF, int64_t S, const int64_t *start, int64_t O, int64_t I,
                         const float *dy, int64_t ldy, const float *x, int64_t ldx, bool add,
                         float *sum, float *square)
{
    const squares_task task = {self, S, O, I, ldy, ldx, start, dy, x, add, sum, square};
    const int64_t down = (O + ROWS - 1) / ROWS;

    wg_parallel(self->pool, down * blocks_across(&task), 1, run_blocks, &task);
}
