/* gemm.c - matrix products: packed panels and a register tile (Goto & van de Geijn 2008, "Anatomy
 * of high-performance matrix multiplication").
 *
 * Columns go in strips of NC, k in parts of at most KC. As many parts as there is room for are
 * packed at once, by all threads, into panels of as many rows and columns as the tile has; then
 * threads take blocks of tiles. Each element of C is one chain of multiply-adds in the order of k,
 * so its bits depend on neither the threads nor the other rows and columns; and with fused
 * multiply-add (AVX2 and AVX-512 alike) not on the vector width either. */
#include "ops/cpu/cpu.h"

#include <pthread.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define X86 1
#include <immintrin.h>

#define WG_KERNEL tile_avx2
#define WG_TARGET __attribute__((target("avx2,fma")))
#define WG_VECTOR __m256
#define WG_WIDTH 8
#define WG_LOAD _mm256_loadu_ps
#define WG_STORE _mm256_storeu_ps
#define WG_SPLAT _mm256_set1_ps
#define WG_ADD _mm256_add_ps
#define WG_FMA _mm256_fmadd_ps
#define WG_ROWS 6
#define WG_VECTORS 2
#include "ops/cpu/kernel.h"

#define WG_KERNEL tile_avx512
#define WG_TARGET __attribute__((target("avx512f")))
#define WG_VECTOR __m512
#define WG_WIDTH 16
#define WG_LOAD _mm512_loadu_ps
#define WG_STORE _mm512_storeu_ps
#define WG_SPLAT _mm512_set1_ps
#define WG_ADD _mm512_add_ps
#define WG_FMA _mm512_fmadd_ps
#define WG_ROWS 14
#define WG_VECTORS 2
#include "ops/cpu/kernel.h"
#endif

typedef float four __attribute__((vector_size(16)));

static inline four load4(const float *x)
{
    four v;
    memcpy(&v, x, sizeof v);
    return v;
}

static inline void store4(float *x, four v)
{
    memcpy(x, &v, sizeof v);
}

#define WG_KERNEL tile_portable
#define WG_TARGET
#define WG_VECTOR four
#define WG_WIDTH 4
#define WG_LOAD load4
#define WG_STORE store4
#define WG_SPLAT(x) ((four){(x), (x), (x), (x)})
#define WG_ADD(a, b) ((a) + (b))
#define WG_FMA(a, b, c) ((a) * (b) + (c))
#define WG_ROWS 4
#define WG_VECTORS 2
#include "ops/cpu/kernel.h"

enum {
    KC = 384,
    NC = 3072,
    MC = 4032,        /* rows packed at a time: a multiple of every tile's rows */
    TASK_ROWS = 96,   /* of C in one task, rounded down to tiles; a panel of it stays in L2 */
    TASK_PANELS = 16, /* column panels in one task, at most */
    TASKS = 96,       /* that many at least, if there are as many panels */
    PACK = 8,         /* panels packed together */
    SMALL = 64,       /* rows and columns of wg_cpu_gemm_small */
    MOST_ROWS = 14,
    MOST_COLUMNS = 32,
    ROOM_A = (MC + MOST_ROWS) * KC, /* of packed panels */
    ROOM_B = (NC + MOST_COLUMNS) * KC,
    LARGE_PAGE = 1 << 21
};

typedef struct tile_kind {
    const char *name;
    int64_t rows, columns;
    void (*run)(int64_t k, const float *a, const float *b, float *c, int64_t ldc, bool add);
    bool transposes; /* AVX2 is there to pack with */
} tile_kind;

static const tile_kind kinds[] = {
#ifdef X86
    {"avx512", 14, 32, tile_avx512, true},
    {"avx2", 6, 16, tile_avx2, true},
#endif
    {"portable", 4, 8, tile_portable, false},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

static bool runs_here(const tile_kind *kind)
{
#ifdef X86
    if (kind->run == tile_avx512)
        return __builtin_cpu_supports("avx512f");
    if (kind->run == tile_avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return kind->run == tile_portable;
}

static pthread_mutex_t choice = PTHREAD_MUTEX_INITIALIZER;
static const tile_kind *tile = &kinds[KINDS - 1]; /* the one in use */
static bool chosen;

bool wg_cpu_use_tile(const char *name)
{
    for (int i = 0; i < KINDS; i++)
        if (runs_here(&kinds[i]) && (name == NULL || strcmp(kinds[i].name, name) == 0)) {
            tile = &kinds[i];
            chosen = true;
            return true;
        }
    return false;
}

const char *wg_cpu_tile_name(void)
{
    pthread_mutex_lock(&choice);
    if (!chosen)
        (void)wg_cpu_use_tile(NULL);
    pthread_mutex_unlock(&choice);
    return tile->name;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* An operand: element (i,k) is at[i*step + k] (rows) or at[k*step + i] (columns). */
typedef struct operand {
    const float *at;
    int64_t step, extent; /* extent: number of i */
    bool rows;
} operand;

#ifdef X86
/* out[k*width + i] = in[i*step + k] for 8 k and the first `rows` of 8 i; the others come out 0, and
 * where width is less than 8, under the next k. */
__attribute__((target("avx2"), always_inline)) static inline void
transpose8(const float *in, int64_t step, int rows, float *out, int64_t width)
{
    __m256 r[8], t[8];

    for (int i = 0; i < 8; i++)
        r[i] = i < rows ? _mm256_loadu_ps(in + i * step) : _mm256_setzero_ps();
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xEE);
        r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
    }
    for (int i = 0; i < 4; i++)
        _mm256_storeu_ps(out + i * width, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
    for (int i = 0; i < 4; i++)
        _mm256_storeu_ps(out + (i + 4) * width, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
}

/* Whole 8 x 8 blocks of a panel of `width` rows; returns the k from which on it did nothing. */
__attribute__((target("avx2"))) static int64_t pack_blocks(const float *in, int64_t step,
                                                           int64_t width, int64_t kc, float *out)
{
    for (int64_t i = 0; i < width; i += 8)
        for (int64_t k = 0; k + 8 <= kc; k += 8)
            transpose8(in + i * step + k, step, 8, out + k * width + i, width);
    return kc / 8 * 8;
}

/* A panel of six rows: each store's surplus is overwritten by the next, so the last block is left
 * to the caller. */
__attribute__((target("avx2"))) static int64_t pack_six(const float *in, int64_t step, int64_t kc,
                                                        float *out)
{
    int64_t k = 0;

    for (; k + 16 <= kc; k += 8)
        transpose8(in + k, step, 6, out + k * 6, 6);
    return k;
}
#endif

/* n panels of an operand that lies along i, together: rows of memory are read as they lie. */
static inline __attribute__((always_inline)) void
copy_panels(const float *in, int64_t step, int64_t width, int64_t n, int64_t kc, float *out)
{
    for (int64_t k = 0; k < kc; k++)
        for (int64_t p = 0; p < n; p++)
            for (int64_t i = 0; i < width; i++)
                out[(p * kc + k) * width + i] = in[k * step + p * width + i];
}

static void copy_whole(const float *in, int64_t step, int64_t width, int64_t n, int64_t kc,
                       float *out)
{
    switch (width) { /* one loop for each, so that a row is a few moves */
    case 6:
        copy_panels(in, step, 6, n, kc, out);
        break;
    case 14:
        copy_panels(in, step, 14, n, kc, out);
        break;
    case 16:
        copy_panels(in, step, 16, n, kc, out);
        break;
    case 32:
        copy_panels(in, step, 32, n, kc, out);
        break;
    default:
        copy_panels(in, step, width, n, kc, out);
    }
}

/* A panel that is not whole: past the extent 0. */
static void pack_rest(const operand *o, int64_t first, int64_t width, int64_t k0, int64_t kc,
                      float *out)
{
    const int64_t here = o->extent - first, along = o->rows ? 1 : o->step;
    const int64_t across = o->rows ? o->step : 1;

    memset(out, 0, (size_t)(kc * width) * sizeof *out);
    for (int64_t i = 0; i < here; i++)
        for (int64_t k = 0; k < kc; k++)
            out[k * width + i] = o->at[(first + i) * across + (k0 + k) * along];
}

/* A whole panel of rows. */
static void pack_rows(const float *in, int64_t step, int64_t width, int64_t kc, float *out)
{
    int64_t done = 0;

#ifdef X86
    if (tile->transposes && width % 8 == 0)
        done = pack_blocks(in, step, width, kc, out);
    else if (tile->transposes && width == 6)
        done = pack_six(in, step, kc, out);
#endif
    for (int64_t k = done; k < kc; k++)
        for (int64_t i = 0; i < width; i++)
            out[k * width + i] = in[i * step + k];
}

/* Panels [p, p+n) of `width`: out[k*width + i] of panel p = element (p*width + i, k0 + k). */
static void pack(const operand *o, int64_t first, int64_t width, int64_t p, int64_t n, int64_t k0,
                 int64_t kc, float *out)
{
    const int64_t start = first + p * width;
    const int64_t whole = least(n, (o->extent - start) / width);

    out += p * width * kc;
    if (!o->rows)
        copy_whole(o->at + k0 * o->step + start, o->step, width, whole, kc, out);
    for (int64_t q = 0; o->rows && q < whole; q++)
        pack_rows(o->at + (start + q * width) * o->step + k0, o->step, width, kc,
                  out + q * width * kc);
    if (whole < n)
        pack_rest(o, start + whole * width, width, k0, kc, out + whole * width * kc);
}

/* One tile of which only rows x columns are in C. */
static void edge(int64_t kc, const float *a, const float *b, int64_t rows, int64_t columns,
                 float *c, int64_t ldc, bool add)
{
    float whole[MOST_ROWS * MOST_COLUMNS] = {0};
    const int64_t width = tile->columns;

    for (int64_t i = 0; add && i < rows; i++)
        memcpy(whole + i * width, c + i * ldc, (size_t)columns * sizeof *c);
    tile->run(kc, a, b, whole, width, add);
    for (int64_t i = 0; i < rows; i++)
        memcpy(c + i * ldc, whole + i * width, (size_t)columns * sizeof *c);
}

/* Tiles of rows [m0,m1) and columns [n0,n1), counted in tiles, of an M x N piece of C. */
static void run_tiles(int64_t kc, const float *a, const float *b, int64_t m0, int64_t m1,
                      int64_t n0, int64_t n1, int64_t M, int64_t N, float *c, int64_t ldc, bool add)
{
    const int64_t mr = tile->rows, nr = tile->columns;

    for (int64_t n = n0; n < n1; n++)
        for (int64_t m = m0; m < m1; m++) {
            float *at = c + m * mr * ldc + n * nr;
            const int64_t rows = least(mr, M - m * mr), columns = least(nr, N - n * nr);
            if (rows == mr && columns == nr)
                tile->run(kc, a + m * mr * kc, b + n * nr * kc, at, ldc, add);
            else
                edge(kc, a + m * mr * kc, b + n * nr * kc, rows, columns, at, ldc, add);
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
    const operand *A, *B;
    float *room_a, *room_b;           /* for packed panels */
    int64_t m0, M, j0, N;             /* rows, columns: the first, and how many */
    int64_t k0, K, deep;              /* of k: the first, how many, of them in one part */
    int64_t down, across;             /* tiles */
    int64_t groups_a, groups_b, wide; /* groups of panels to pack; column panels in a task */
    float *c;                         /* at (m0, j0) */
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

static float *panels_a(const piece *t, int64_t part)
{
    return t->room_a + part * t->down * tile->rows * t->deep;
}

static float *panels_b(const piece *t, int64_t part)
{
    return t->room_b + part * t->across * tile->columns * t->deep;
}

static void pack_group_of_a(const piece *t, int64_t group, int64_t part)
{
    const int64_t p = group * PACK;

    pack(t->A, t->m0, tile->rows, p, least(PACK, t->down - p), t->k0 + part * t->deep,
         depth(t, part), panels_a(t, part));
}

static void pack_group_of_b(const piece *t, int64_t group, int64_t part)
{
    const int64_t p = group * PACK;

    pack(t->B, t->j0, tile->columns, p, least(PACK, t->across - p), t->k0 + part * t->deep,
         depth(t, part), panels_b(t, part));
}

/* Groups of B come first: they are larger. */
static void pack_groups(const void *task, int64_t from, int64_t to)
{
    const piece *t = task;
    const int64_t parts = parts_of(t);

    for (int64_t i = from; i < to; i++)
        if (i < t->groups_b * parts)
            pack_group_of_b(t, i / parts, i % parts);
        else
            pack_group_of_a(t, i / parts - t->groups_b, i % parts);
}

static int64_t task_tall(void)
{
    return TASK_ROWS / tile->rows;
}

/* Task i: a strip of columns of a band of rows, whose panels stay in the cache for the next. */
static void multiply(const void *task, int64_t from, int64_t to)
{
    const piece *t = task;
    const int64_t tall = task_tall(), strips = pieces(t->across, t->wide);

    for (int64_t i = from; i < to; i++) {
        const int64_t m = i / strips * tall, n = i % strips * t->wide;
        for (int64_t part = 0; part < parts_of(t); part++)
            run_tiles(depth(t, part), panels_a(t, part), panels_b(t, part), m,
                      least(m + tall, t->down), n, least(n + t->wide, t->across), t->M, t->N, t->c,
                      t->ldc, t->add || part > 0);
    }
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

    t.groups_b = pieces(t.across, PACK);
    for (t.m0 = 0; t.m0 < t.A->extent; t.m0 += MC) {
        t.M = least(MC, t.A->extent - t.m0);
        t.down = pieces(t.M, tile->rows);
        t.groups_a = pieces(t.down, PACK);
        t.c = c + t.m0 * t.ldc;
        wg_parallel(pool, (t.groups_b + t.groups_a) * parts_of(&t), 1, pack_groups, &t);
        t.groups_b = 0; /* packed */
        const int64_t bands = pieces(t.down, task_tall());
        t.wide = task_wide(bands, t.across);
        wg_parallel(pool, bands * pieces(t.across, t.wide), 1, multiply, &t);
    }
}

/* How much of k is packed at once: as many parts as there is room for, at least one. */
static int64_t span_of(int64_t M, int64_t across, int64_t deep)
{
    const int64_t a = ROOM_A / (pieces(least(M, MC), tile->rows) * tile->rows * deep);
    const int64_t b = ROOM_B / (across * tile->columns * deep);

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

/* Without room for panels. */
static void in_bands(int64_t M, int64_t N, int64_t K, wg_operand A, wg_operand B, bool add,
                     float *C, int64_t ldc)
{
    const float *a = A.data;

    for (int64_t m = 0; m < M; m += SMALL)
        wg_cpu_gemm_small(A.transposed, B.transposed, least(SMALL, M - m), N, K,
                          a + m * (A.transposed ? 1 : A.ld), A.ld, B.data, B.ld, add, C + m * ldc,
                          ldc);
}

void wg_cpu_gemm(WG_SELF, int64_t M, int64_t N, int64_t K, wg_operand A, wg_operand B, bool add,
                 float *C, int64_t ldc)
{
    const operand a = {A.data, A.ld, M, !A.transposed}, b = {B.data, B.ld, N, B.transposed};
    const int64_t deep = part_of(K);
    wg_pool *pool = M * N * K > 1 << 16 ? self->pool : NULL;

    if (M <= 0 || N <= 0)
        return;
    if (K == 0 && !add)
        clear(M, N, C, ldc);
    if (self->state == NULL) {
        in_bands(M, N, K, A, B, add, C, ldc);
        return;
    }
    for (int64_t j0 = 0; j0 < N; j0 += NC) {
        const int64_t n = least(NC, N - j0), across = pieces(n, tile->columns);
        const int64_t span = span_of(M, across, deep);
        for (int64_t k0 = 0; k0 < K; k0 += span)
            run_piece(pool, (piece){.A = &a,
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

void wg_cpu_gemm_small(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const float *A,
                       int64_t lda, const float *B, int64_t ldb, bool add, float *C, int64_t ldc)
{
    _Alignas(64) float left[(SMALL + MOST_ROWS) * KC], right[(SMALL + MOST_COLUMNS) * KC];
    const int64_t mr = tile->rows, nr = tile->columns, deep = part_of(K);

    if (K == 0 && !add)
        clear(M, N, C, ldc);
    for (int64_t n0 = 0; n0 < N; n0 += SMALL)
        for (int64_t k0 = 0; k0 < K; k0 += deep) {
            const operand a = {A, lda, M, !ta}, b = {B, ldb, N, tb};
            const int64_t kc = least(deep, K - k0), n = least(SMALL, N - n0);
            pack(&b, n0, nr, 0, pieces(n, nr), k0, kc, right);
            pack(&a, 0, mr, 0, pieces(M, mr), k0, kc, left);
            run_tiles(kc, left, right, 0, pieces(M, mr), 0, pieces(n, nr), M, n, C + n0, ldc,
                      add || k0 > 0);
        }
}
