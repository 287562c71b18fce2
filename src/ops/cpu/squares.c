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

static void run_block(const block *b, int64_t S, const int64_t *start, int64_t I, const float *dy,
                      int64_t ldy, const float *x, int64_t ldx, bool add, float *sum, float *square)
{
    float g[ROWS * COLUMNS], total[ROWS * COLUMNS], squares[ROWS * COLUMNS];
    const int64_t n = b->rows * b->columns;

    memset(total, 0, (size_t)n * sizeof *total);
    memset(squares, 0, (size_t)n * sizeof *squares);
    if (add) {
        move(b, I, sum, total, false);
        move(b, I, square, squares, false);
    }
    for (int64_t s = 0; s < S; s++) {
        const int64_t t = start[s] - start[0];
        wg_cpu_gemm_small(true, false, b->rows, b->columns, start[s + 1] - start[s],
                          dy + t * ldy + b->o, ldy, x + t * ldx + b->i, ldx, false, g, b->columns);
        add_block(g, n, total, squares);
    }
    move(b, I, sum, total, true);
    move(b, I, square, squares, true);
}

void wg_cpu_gemm_squares(WG_SELF, int64_t S, const int64_t *start, int64_t O, int64_t I,
                         const float *dy, int64_t ldy, const float *x, int64_t ldx, bool add,
                         float *sum, float *square)
{
    const int64_t down = (O + ROWS - 1) / ROWS, across = (I + COLUMNS - 1) / COLUMNS;

#pragma omp parallel for num_threads(self->threads) schedule(dynamic, 1)
    for (int64_t k = 0; k < down * across; k++) {
        block b = {.o = k / across * ROWS, .i = k % across * COLUMNS};
        b.rows = O - b.o < ROWS ? O - b.o : ROWS;
        b.columns = I - b.i < COLUMNS ? I - b.i : COLUMNS;
        run_block(&b, S, start, I, dy, ldy, x, ldx, add, sum, square);
    }
}
