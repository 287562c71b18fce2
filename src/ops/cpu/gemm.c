/* gemm.c - matrix products: packed panels and a register tile (Goto & van de Geijn 2008, "Anatomy
 * of high-performance matrix multiplication").
 *
 * Columns go in strips of NC, k in parts of at most KC. As many parts as there is room for are
 * packed at once, by all threads, into panels of as many rows and columns as the tile has; then
 * threads take blocks of tiles. Each element of C is one chain of multiply-adds in the order of k,
 * so its bits depend on neither the threads nor the other rows and columns; and with fused
 * multiply-add (AVX2 and AVX-512 alike) not on the vector width either. */
#include "ops/cpu/tile.h"

#include <string.h>

enum {
    KC = 384,
    NC = 3072,
    MC = 4032,        /* rows packed at a time: a multiple of every tile's rows */
    TASK_ROWS = 96,   /* of C in one task, rounded down to tiles; a panel of it stays in L2 */
    TASK_PANELS = 16, /* column panels in one task, at most */
    TASKS = 96,       /* that many at least, if there are as many panels */
    PACK = 8,         /* panels packed together */
    SMALL = 64,       /* rows and columns of wg_cpu_gemm_small */
    ROOM_A = (MC + WG_TILE_ROWS) * KC, /* of packed panels */
    ROOM_B = (NC + WG_TILE_COLUMNS) * KC,
    LARGE_PAGE = 1 << 21
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* One tile of which only rows x columns are in C. */
static void edge(const wg_tile *tile, int64_t words, const float *a, const float *b, int64_t rows,
                 int64_t columns, float *c, int64_t ldc, bool add)
{
    float whole[WG_TILE_ROWS * WG_TILE_COLUMNS] = {0};
    const int64_t width = tile->columns;

    for (int64_t i = 0; add && i < rows; i++)
        memcpy(whole + i * width, c + i * ldc, (size_t)columns * sizeof *c);
    tile->run(words, a, b, whole, width, add);
    for (int64_t i = 0; i < rows; i++)
        memcpy(c + i * ldc, whole + i * width, (size_t)columns * sizeof *c);
}

/* Tiles of rows [m0,m1) and columns [n0,n1), counted in tiles, of an M x N piece of C. */
static void run_tiles(const wg_tile *tile, int64_t words, const float *a, const float *b,
                      int64_t m0, int64_t m1, int64_t n0, int64_t n1, int64_t M, int64_t N,
                      float *c, int64_t ldc, bool add)
{
    const int64_t mr = tile->rows, nr = tile->columns;

    for (int64_t n = n0; n < n1; n++)
        for (int64_t m = m0; m < m1; m++) {
            float *at = c + m * mr * ldc + n * nr;
            const int64_t rows = least(mr, M - m * mr), columns = least(nr, N - n * nr);
            const float *left = a + m * mr * words, *right = b + n * nr * words;
            if (rows == mr && columns == nr)
                tile->run(words, left, right, at, ldc, add);
            else
                edge(tile, words, left, right, rows, columns, at, ldc, add);
        }
}

static int64_t pieces(int64_t n, int64_t size)
{
    return (n + size - 1) / size;
}

/* Length of the equal parts (multiples of 8) that k is cut into. */
static int64_t part_of(int64_t K)
{
    return K == 0 ? 1 : (pieces(K, pieces(K, KC)) + 7) / 8 * 8;
}

/* A piece of C, and the parts of k that are added to it at once. */
typedef struct piece {
    const wg_tile *tile;
    const wg_source *A, *B;
    float *room_a, *room_b; /* for packed panels */
    int64_t m0, M, j0, N;   /* rows, columns: the first, and how many */
    int64_t k0, K, deep;    /* of k: the first, how many, of them in one part */
    int64_t down, across;   /* tiles */
    int64_t tasks_b, wide;  /* tasks that pack B; column panels in a task */
    float *c;               /* at (m0, j0) */
    int64_t ldc;
    bool add;
} piece;

static int64_t parts_of(const piece *t)
{
    return pieces(t->K, t->deep);
}

static int64_t depth(const piece *t, int64_t part)
{
    return least(t->deep, t->K - part * t->deep);
}

/* Where the packed panels of a part lie; of A (left) or B. */
static float *panels_of(const piece *t, bool left, int64_t part)
{
    const int64_t width =
        left ? t->down * t->tile->rows : t->across * t->tile->columns; /* of all panels */

    return (left ? t->room_a : t->room_b) + part * width * wg_tile_words(t->tile, t->deep);
}

/* Rows are packed by groups of panels, each along k. Of columns a task takes some k of all panels,
 * so that it reads memory as it lies. */
static int64_t tasks_in_part(const piece *t, bool left)
{
    return (left ? t->A : t->B)->rows ? pieces(left ? t->down : t->across, PACK)
                                      : pieces(t->deep, WG_CHUNK);
}

static void pack_task(const piece *t, bool left, int64_t i)
{
    const wg_source *source = left ? t->A : t->B;
    const int64_t panels = left ? t->down : t->across, parts = parts_of(t), part = i % parts;
    wg_panels which = {.first = left ? t->m0 : t->j0,
                       .width = left ? t->tile->rows : t->tile->columns,
                       .n = panels,
                       .k0 = t->k0 + part * t->deep,
                       .deep = depth(t, part)};

    if (source->rows) {
        which.p = i / parts * PACK;
        which.n = least(PACK, panels - which.p);
        which.kc = which.deep;
    } else {
        which.from = i / parts * WG_CHUNK;
        which.kc = least(WG_CHUNK, which.deep - which.from);
    }
    if (which.kc > 0) /* the last part may be shorter */
        wg_pack_panels(t->tile, source, &which, left, panels_of(t, left, part));
}

/* B comes first: it is larger. */
static void pack_tasks(const void *task, int64_t from, int64_t to)
{
    const piece *t = task;

    for (int64_t i = from; i < to; i++)
        pack_task(t, i >= t->tasks_b, i >= t->tasks_b ? i - t->tasks_b : i);
}

static int64_t task_tall(const wg_tile *tile)
{
    return TASK_ROWS / tile->rows;
}

/* Task i: a strip of columns of a band of rows, whose panels stay in the cache for the next. */
static void multiply(const void *task, int64_t from, int64_t to)
{
    const piece *t = task;
    const wg_tile *tile = t->tile;
    const int64_t tall = task_tall(tile), strips = pieces(t->across, t->wide);
    const unsigned kept = tile->begin != NULL ? tile->begin() : 0;

    for (int64_t i = from; i < to; i++) {
        const int64_t m = i / strips * tall, n = i % strips * t->wide;
        for (int64_t part = 0; part < parts_of(t); part++)
            run_tiles(tile, wg_tile_words(tile, depth(t, part)), panels_of(t, true, part),
                      panels_of(t, false, part), m, least(m + tall, t->down), n,
                      least(n + t->wide, t->across), t->M, t->N, t->c, t->ldc, t->add || part > 0);
    }
    if (tile->end != NULL)
        tile->end(kept);
}

/* Narrower tasks where there would be too few for many threads. */
static int64_t task_wide(int64_t bands, int64_t across)
{
    int64_t wide = TASK_PANELS;

    while (wide > 1 && bands * pieces(across, wide) < TASKS)
        wide /= 2;
    return wide;
}

/* C [M,N] of one strip of columns and some parts of k. */
static void run_piece(wg_pool *pool, piece t)
{
    float *const c = t.c;

    t.tasks_b = tasks_in_part(&t, false) * parts_of(&t);
    for (t.m0 = 0; t.m0 < t.A->extent; t.m0 += MC) {
        t.M = least(MC, t.A->extent - t.m0);
        t.down = pieces(t.M, t.tile->rows);
        t.c = c + t.m0 * t.ldc;
        wg_parallel(pool, t.tasks_b + tasks_in_part(&t, true) * parts_of(&t), 1, pack_tasks, &t);
        t.tasks_b = 0; /* packed */
        const int64_t bands = pieces(t.down, task_tall(t.tile));
        t.wide = task_wide(bands, t.across);
        wg_parallel(pool, bands * pieces(t.across, t.wide), 1, multiply, &t);
    }
}

/* How much of k is packed at once: as many parts as there is room for, at least one. */
static int64_t span_of(const wg_tile *tile, int64_t M, int64_t across, int64_t deep)
{
    const int64_t words = wg_tile_words(tile, deep);
    const int64_t a = ROOM_A / (pieces(least(M, MC), tile->rows) * tile->rows * words);
    const int64_t b = ROOM_B / (across * tile->columns * words);

    return least(a, b) * deep;
}

static void clear(int64_t M, int64_t N, float *c, int64_t ldc)
{
    for (int64_t m = 0; m < M; m++)
        memset(c + m * ldc, 0, (size_t)N * sizeof *c);
}

int64_t wg_cpu_gemm_room(void)
{
    return (ROOM_A + ROOM_B) * (int64_t)sizeof(float) + LARGE_PAGE;
}

static float *aligned(void *room)
{
    return (float *)(((uintptr_t)room + LARGE_PAGE - 1) & ~(uintptr_t)(LARGE_PAGE - 1));
}

/* Without room for panels; in float32. */
static void in_bands(WG_SELF, int64_t M, int64_t N, int64_t K, wg_operand A, wg_operand B, bool add,
                     float *C, int64_t ldc)
{
    const float *a = A.data;

    for (int64_t m = 0; m < M; m += SMALL)
        wg_cpu_gemm_small(self, A.transposed, B.transposed, least(SMALL, M - m), N, K,
                          a + m * (A.transposed ? 1 : A.ld), A.ld, B.data, B.ld, add, C + m * ldc,
                          ldc);
}

void wg_cpu_gemm(WG_SELF, int64_t M, int64_t N, int64_t K, wg_operand A, wg_operand B, bool add,
                 float *C, int64_t ldc)
{
    const bool rounds = self->panel_type == WG_BF16;
    const wg_cpu_kernels *kernels = wg_cpu_kernels_in(self);
    const wg_tile *tile = rounds ? kernels->bf16 : kernels->f32;
    const wg_source a = {A.type, A.data, A.ld, M, !A.transposed, rounds},
                    b = {B.type, B.data, B.ld, N, B.transposed, rounds};
    const int64_t deep = part_of(K);
    wg_pool *pool = M * N * K > 1 << 16 ? self->pool : NULL;

    if (M <= 0 || N <= 0)
        return;
    if (K == 0 && !add)
        clear(M, N, C, ldc);
    if (self->state == NULL) {
        in_bands(self, M, N, K, A, B, add, C, ldc);
        return;
    }
    for (int64_t j0 = 0; j0 < N; j0 += NC) {
        const int64_t n = least(NC, N - j0), across = pieces(n, tile->columns);
        const int64_t span = span_of(tile, M, across, deep);
        for (int64_t k0 = 0; k0 < K; k0 += span)
            run_piece(pool, (piece){.tile = tile,
                                    .A = &a,
                                    .B = &b,
                                    .room_a = aligned(self->state),
                                    .room_b = aligned(self->state) + ROOM_A,
                                    .j0 = j0,
                                    .N = n,
                                    .k0 = k0,
                                    .K = least(span, K - k0),
                                    .deep = deep,
                                    .across = across,
                                    .c = C + j0,
                                    .ldc = ldc,
                                    .add = add || k0 > 0});
    }
}

/* Products pack panels of their own, whose order depends on the tile. */
void wg_cpu_pack(WG_SELF, int m, const wg_pack *list, wg_operand *out)
{
    for (int i = 0; i < m; i++)
        out[i] = wg_matrix(list[i].x, list[i].ld);
}

void wg_cpu_gemm_small(WG_SELF, bool ta, bool tb, int64_t M, int64_t N, int64_t K, const float *A,
                       int64_t lda, const float *B, int64_t ldb, bool add, float *C, int64_t ldc)
{
    _Alignas(64) float left[(SMALL + WG_TILE_ROWS) * KC], right[(SMALL + WG_TILE_COLUMNS) * KC];
    const wg_tile *tile = wg_cpu_kernels_in(self)->f32;
    const int64_t mr = tile->rows, nr = tile->columns, deep = part_of(K);
    const wg_source a = {WG_F32, A, lda, M, !ta, false}, b = {WG_F32, B, ldb, N, tb, false};

    if (K == 0 && !add)
        clear(M, N, C, ldc);
    for (int64_t n0 = 0; n0 < N; n0 += SMALL)
        for (int64_t k0 = 0; k0 < K; k0 += deep) {
            const int64_t kc = least(deep, K - k0), n = least(SMALL, N - n0);
            wg_pack_panels(tile, &b, &(wg_panels){n0, nr, 0, pieces(n, nr), k0, kc, 0, kc}, false,
                           right);
            wg_pack_panels(tile, &a, &(wg_panels){0, mr, 0, pieces(M, mr), k0, kc, 0, kc}, true,
                           left);
            run_tiles(tile, kc, left, right, 0, pieces(M, mr), 0, pieces(n, nr), M, n, C + n0, ldc,
                      add || k0 > 0);
        }
}
