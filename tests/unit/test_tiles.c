/* Products in bf16: every unit against the specification, over odd shapes and both types. Units
 * that this machine lacks run with plain C in place of their instructions (stand_in.h). */
#include "support.h"

#include "ops/cpu/tile.h"
#include "stand_in.h"
#include "two_threads.h"

#define wg_tile_avx512_bf16 stood_in_avx512_bf16
#define wg_tile_amx stood_in_amx
#define wg_tile_amx_begin stood_in_amx_begin
#define wg_tile_amx_end stood_in_amx_end
void stood_in_avx512_bf16(int64_t words, const float *a, const float *b, float *c, int64_t ldc,
                          bool add);
void stood_in_amx(int64_t words, const float *a, const float *b, float *c, int64_t ldc, bool add);
unsigned stood_in_amx_begin(void);
void stood_in_amx_end(unsigned kept);
#undef WG_VECTOR /* of model/family.h: the tile has its own */
#include "ops/cpu/tile_bf16.c"

enum { MOST = 100000, PART = 384 };

static float a[MOST], b[MOST], before[MOST], made[MOST], wanted[MOST];
static uint16_t short_a[MOST], short_b[MOST];

static int use_two_threads(void **state)
{
    (void)state;
    return open_at(WAGLE_PRECISION_BF16);
}

/* What is multiplied: both operands in float32 and as their bf16. */
typedef struct problem {
    int64_t M, N, K;
    bool ta, tb, short_a, short_b, add;
} problem;

static void fill(const problem *p, double scale)
{
    for (int64_t i = 0; i < p->M * p->K; i++) {
        a[i] = (float)(scale * wg_random_normal(17, 1, (uint64_t)i));
        short_a[i] = wg_float_bf16(a[i]);
    }
    for (int64_t i = 0; i < p->K * p->N; i++) {
        b[i] = (float)(scale * wg_random_normal(17, 2, (uint64_t)i));
        short_b[i] = wg_float_bf16(b[i]);
    }
    for (int64_t i = 0; i < p->M * p->N; i++)
        before[i] = (float)(scale * scale * wg_random_normal(17, 3, (uint64_t)i));
}

static float left(const problem *p, int64_t m, int64_t k)
{
    return k < p->K ? wg_rounded(a[p->ta ? k * p->M + m : m * p->K + k]) : 0;
}

static float right(const problem *p, int64_t k, int64_t n)
{
    return k < p->K ? wg_rounded(b[p->tb ? n * p->K + k : k * p->N + n]) : 0;
}

/* Of [k0, k0+kc): one chain in the order of k, added to c. */
static float chain(const problem *p, int64_t m, int64_t n, int64_t k0, int64_t kc, bool add,
                   float c)
{
    float sum = 0;

    for (int64_t k = k0; k < k0 + kc; k++)
        sum = fma_step(left(p, m, k), right(p, k, n), sum);
    return add ? ftz((double)daz(c) + sum) : sum;
}

/* Of [k0, k0+kc): 32 k at a time, the even and the odd ones apart, added to c. */
static float blocks(const problem *p, int64_t m, int64_t n, int64_t k0, int64_t kc, bool add,
                    float c)
{
    float sum = add ? c : 0;

    for (int64_t from = k0; from < k0 + kc; from += 32) {
        float even = 0, odd = 0;
        for (int64_t k = from; k < from + 32 && k < k0 + kc; k += 2) {
            even = fma_step(left(p, m, k), right(p, k, n), even);
            if (k + 1 < k0 + kc)
                odd = fma_step(left(p, m, k + 1), right(p, k + 1, n), odd);
        }
        sum = ftz((double)daz(sum) + ftz((double)even + odd));
    }
    return sum;
}

typedef float sum_rule(const problem *p, int64_t m, int64_t n, int64_t k0, int64_t kc, bool add,
                       float c);

/* k in equal parts of at most PART, multiples of 8. */
static void specify(const problem *p, sum_rule *sum)
{
    const int64_t parts = (p->K + PART - 1) / PART;
    const int64_t part = p->K == 0 ? 1 : ((p->K + parts - 1) / parts + 7) / 8 * 8;

    for (int64_t m = 0; m < p->M; m++)
        for (int64_t n = 0; n < p->N; n++) {
            float c = p->add ? before[m * p->N + n] : 0;
            for (int64_t k = 0; k < p->K; k += part)
                c = sum(p, m, n, k, p->K - k < part ? p->K - k : part, p->add || k > 0, c);
            wanted[m * p->N + n] = c;
        }
}

static void multiply(const problem *p)
{
    const wg_operand A = {p->short_a ? WG_BF16 : WG_F32, p->short_a ? (void *)short_a : a,
                          p->ta ? p->M : p->K, p->ta};
    const wg_operand B = {p->short_b ? WG_BF16 : WG_F32, p->short_b ? (void *)short_b : b,
                          p->tb ? p->K : p->N, p->tb};

    memcpy(made, before, sizeof made);
    cpu.gemm(&cpu, p->M, p->N, p->K, A, B, p->add, made, p->N);
}

/* Equal bits, but that a 0 may have either sign. */
static void agree(const char *unit, const problem *p)
{
    for (int64_t i = 0; i < p->M * p->N; i++)
        if (wg_float_bits(made[i] + 0.0f) != wg_float_bits(wanted[i] + 0.0f))
            fail_msg("%s, %lld x %lld x %lld, kind %d%d%d%d%d: element %lld is %a, not %a", unit,
                     (long long)p->M, (long long)p->N, (long long)p->K, p->ta, p->tb, p->short_a,
                     p->short_b, p->add, (long long)i, made[i], wanted[i]);
}

static void check(const char *unit, const wg_cpu_kernels *kernels, sum_rule *sum, double scale)
{
    static const int64_t shapes[][3] = {{1, 1, 1},    {3, 5, 7},    {14, 32, 2},   {17, 16, 15},
                                        {64, 1, 9},   {1, 70, 33},  {33, 65, 31},  {100, 31, 13},
                                        {13, 33, 64}, {7, 17, 385}, {20, 40, 770}, {2, 3100, 5},
                                        {4100, 3, 2}, {5, 7, 0}};

    cpu.kernels = kernels;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (int kind = 0; kind < 8; kind++) {
            problem p = {.M = shapes[s][0],
                         .N = shapes[s][1],
                         .K = shapes[s][2],
                         .ta = kind & 1,
                         .tb = kind & 2,
                         .add = kind & 4};
            assert_true(p.M * p.N <= MOST && p.M * p.K <= MOST && p.K * p.N <= MOST);
            fill(&p, scale);
            specify(&p, sum);
            for (int types = 0; types < 4; types++) {
                p.short_a = types & 1;
                p.short_b = types & 2;
                multiply(&p);
                agree(unit, &p);
            }
        }
    cpu.kernels = NULL;
}

static void every_unit_of_this_machine_sums_in_the_order_of_k(void **state)
{
    (void)state;
    for (int u = 0; u <= (int)wg_cpu_best_unit(); u++)
        check(wg_cpu_unit_names[u], &wg_cpu_kernels_of[u], u == WG_CPU_AMX ? blocks : chain, 1);
}

/* Products and sums about 2^-126, the least that is not denormal. */
static void numbers_below_the_normal_ones_are_0(void **state)
{
    (void)state;
    for (int u = WG_CPU_AVX2; u <= (int)wg_cpu_best_unit(); u++)
        check(wg_cpu_unit_names[u], &wg_cpu_kernels_of[u], u == WG_CPU_AMX ? blocks : chain,
              0x1p-63);
}

#ifdef WG_CPU_X86
static const wg_tile pairs = {14, 32, 2, true, stood_in_avx512_bf16, NULL, NULL};
static const wg_tile amx = {
    32, 32, 2 * WG_AMX_WORDS, true, stood_in_amx, stood_in_amx_begin, stood_in_amx_end};
#endif

static void units_with_plain_c_in_place_of_their_instructions(void **state)
{
    (void)state;
#ifdef WG_CPU_X86
    if (wg_cpu_best_unit() >= WG_CPU_AVX2) { /* which packs */
        const wg_tile *f32 = wg_cpu_kernels_of[WG_CPU_AVX2].f32;
        cpu.pool = NULL; /* of tiles that stand in there is one set */
        for (double scale = 1; scale > 0x1p-70; scale *= 0x1p-63) {
            check("avx512_bf16", &(wg_cpu_kernels){WG_CPU_AVX512_BF16, f32, &pairs}, chain, scale);
            check("amx", &(wg_cpu_kernels){WG_CPU_AMX, f32, &amx}, blocks, scale);
        }
        cpu.pool = opened->pool;
        return;
    }
#endif
    skip();
}

/* One element of a product with few rows: eight lanes of pairs, of which the later k comes first.
 */
static float few(int64_t I, const float *w, const float *x, bool add, float y)
{
    float lane[8] = {0}, half[4];

    for (int64_t i = 0; i < I; i += 2) {
        float *sum = &lane[i / 2 % 8];
        if (i + 1 < I)
            *sum = fma_step(wg_rounded(w[i + 1]), wg_rounded(x[i + 1]), *sum);
        *sum = fma_step(wg_rounded(w[i]), wg_rounded(x[i]), *sum);
    }
    for (int j = 0; j < 4; j++)
        half[j] = lane[j] + lane[j + 4];
    return (add ? y : 0) + ((half[0] + half[2]) + (half[1] + half[3]));
}

static void few_rows_times_weights_of_each_type(void **state)
{
    static const int64_t shapes[][3] = {{1, 1, 1},    {1, 33, 70},  {2, 9, 16},  {5, 17, 100},
                                        {3, 3, 4103}, {16, 40, 64}, {1, 1, 5000}};
    static float stored[MOST];

    (void)state;
    for (int u = 0; u <= (int)wg_cpu_best_unit(); u++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
            for (int kind = 0; kind < 6; kind++) {
                const problem p = {.M = shapes[s][0], .N = shapes[s][1], .K = shapes[s][2]};
                const wg_dtype type = (wg_dtype)(kind / 2);
                const bool add = kind & 1;
                char *raw = (char *)made + 2; /* unaligned for floats */
                cpu.kernels = &wg_cpu_kernels_of[u];
                fill(&p, 1);
                wg_from_float(type, b, p.N * p.K, raw);
                wg_to_float(type, raw, p.N * p.K, stored);
                memcpy(wanted, before, sizeof wanted);
                cpu.matvec(&cpu, 1, &(wg_matvec){type, raw, p.N, wanted}, p.M, p.K, a, add);
                for (int64_t t = 0; t < p.M; t++)
                    for (int64_t o = 0; o < p.N; o++) {
                        const int64_t i = t * p.N + o;
                        const float want = few(p.K, stored + o * p.K, a + t * p.K, add, before[i]);
                        if (wg_float_bits(wanted[i]) != wg_float_bits(want))
                            fail_msg("%s, shape %zu, kind %d: element %lld is %a, not %a",
                                     wg_cpu_unit_names[u], s, kind, (long long)i, wanted[i], want);
                    }
            }
    cpu.kernels = NULL;
}

/* Of which more do not fit the room for rounded ones: these stay in float32. */
static void very_wide_rows_are_multiplied_too(void **state)
{
    enum { WIDE = (1 << 20) + 3 };
    float *x = calloc(WIDE, sizeof *x), y = 0;

    (void)state;
    assert_non_null(x);
    x[0] = x[WIDE - 1] = 3;
    cpu.matvec(&cpu, 1, &(wg_matvec){WG_F32, x, 1, &y}, 1, WIDE, x, false);
    free(x);
    assert_true(y == 18);
}

static void the_bits_do_not_depend_on_the_threads(void **state)
{
    static float one[MOST];

    (void)state;
    for (int u = 0; u <= (int)wg_cpu_best_unit(); u++) {
        const problem p = {150, 200, 450, false, true, false, true, false};
        cpu.kernels = &wg_cpu_kernels_of[u];
        fill(&p, 1);
        cpu.pool = NULL;
        multiply(&p);
        memcpy(one, made, sizeof one);
        cpu.pool = opened->pool;
        multiply(&p);
        assert_memory_equal(one, made, sizeof(float) * (size_t)(p.M * p.N));
        cpu.kernels = NULL;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_unit_of_this_machine_sums_in_the_order_of_k),
        cmocka_unit_test(numbers_below_the_normal_ones_are_0),
        cmocka_unit_test(units_with_plain_c_in_place_of_their_instructions),
        cmocka_unit_test(few_rows_times_weights_of_each_type),
        cmocka_unit_test(very_wide_rows_are_multiplied_too),
        cmocka_unit_test(the_bits_do_not_depend_on_the_threads),
    };

    return cmocka_run_group_tests(tests, use_two_threads, end_threads);
}
