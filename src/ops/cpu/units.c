/* units.c - which units of the processor products use: found at run time, and what each has. */
#include "ops/cpu/tile.h"

#include <math.h>
#include <pthread.h>
#ifdef WG_CPU_X86
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

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

unsigned wg_flush_begin(void)
{
#ifdef WG_CPU_X86
    enum { FLUSH = 0x8040 }; /* results, and operands */
    const unsigned kept = _mm_getcsr();

    _mm_setcsr(kept | FLUSH);
    return kept;
#else
    return 0;
#endif
}

void wg_flush_end(unsigned kept)
{
#ifdef WG_CPU_X86
    _mm_setcsr(kept);
#else
    (void)kept;
#endif
}

/* float32 panels serve both precisions: that widens bf16 once, where registers are free. */
static const wg_tile portable = {4, 8, 1, false, tile_portable, NULL, NULL};
static const wg_tile portable_bf16 = {4, 8, 1, false, tile_portable, wg_flush_begin, wg_flush_end};
#ifdef WG_CPU_X86
static const wg_tile avx2 = {6, 16, 1, true, tile_avx2, NULL, NULL};
static const wg_tile avx2_bf16 = {6, 16, 1, true, tile_avx2, wg_flush_begin, wg_flush_end};
static const wg_tile avx512 = {14, 32, 1, true, tile_avx512, NULL, NULL};
static const wg_tile avx512_bf16 = {14, 32, 1, true, tile_avx512, wg_flush_begin, wg_flush_end};
static const wg_tile pairs = {14, 32, 2, true, wg_tile_avx512_bf16, wg_flush_begin, wg_flush_end};
static const wg_tile amx = {
    32, 32, 2 * WG_AMX_WORDS, true, wg_tile_amx, wg_tile_amx_begin, wg_tile_amx_end};
#endif

const char *const wg_cpu_unit_names[WG_CPU_UNITS] = {"portable", "avx2", "avx512", "avx512_bf16",
                                                     "amx"};

const wg_cpu_kernels wg_cpu_kernels_of[WG_CPU_UNITS] = {
    [WG_CPU_PORTABLE] = {WG_CPU_PORTABLE, &portable, &portable_bf16},
#ifdef WG_CPU_X86
    [WG_CPU_AVX2] = {WG_CPU_AVX2, &avx2, &avx2_bf16},
    [WG_CPU_AVX512] = {WG_CPU_AVX512, &avx512, &avx512_bf16},
    [WG_CPU_AVX512_BF16] = {WG_CPU_AVX512_BF16, &avx512, &pairs},
    [WG_CPU_AMX] = {WG_CPU_AMX, &avx512, &amx},
#endif
};

#ifdef WG_CPU_X86
static bool has_avx512_bf16(void)
{
    unsigned a = 0, b, c, d;

    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1) != 0;
}

/* The processor has it, the system saves its registers, and lets this process use them. */
static bool has_amx(void)
{
    enum { BF16 = 22, TILE = 24, REQUEST = 0x1023, TILE_DATA = 18, SAVED = 3 << 17, OSXSAVE = 27 };
    unsigned a, b, c, d = 0, low, high;

    if (!__get_cpuid(1, &a, &b, &c, &d) || (c >> OSXSAVE & 1) == 0)
        return false;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d >> BF16 & 1) == 0 || (d >> TILE & 1) == 0)
        return false;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & SAVED) == SAVED && syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0;
}

static wg_cpu_unit find(void)
{
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return WG_CPU_PORTABLE;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512vl"))
        return WG_CPU_AVX2;
    if (!has_avx512_bf16())
        return WG_CPU_AVX512;
    return has_amx() ? WG_CPU_AMX : WG_CPU_AVX512_BF16;
}
#else
static wg_cpu_unit find(void)
{
    return WG_CPU_PORTABLE;
}
#endif

#ifdef WG_CPU_X86
/* The least time of some runs of one tile over k = 384, which stays in the nearest cache. */
static double seconds_of(const wg_tile *tile)
{
    enum { DEEP = 384, RUNS = 8 };
    static float panels[DEEP * (WG_TILE_ROWS + WG_TILE_COLUMNS)];
    float c[WG_TILE_ROWS * WG_TILE_COLUMNS];
    double least = 1;

    for (int i = 0; i < RUNS; i++) {
        const double start = wg_seconds();
        tile->run(wg_tile_words(tile, DEEP), panels, panels + (ptrdiff_t)DEEP * WG_TILE_ROWS, c,
                  tile->columns, false);
        least = fmin(least, wg_seconds() - start);
    }
    return least;
}

/* Some processors take four times as long for vdpbf16ps as for a multiply-add of half as many
 * numbers. Both units give the same bits, so the faster one can be chosen by a clock. */
static wg_cpu_unit fastest(wg_cpu_unit best)
{
    if (best != WG_CPU_AVX512_BF16)
        return best;
    return seconds_of(&pairs) < seconds_of(&avx512_bf16) ? best : WG_CPU_AVX512;
}
#else
static wg_cpu_unit fastest(wg_cpu_unit best)
{
    return best;
}
#endif

static struct {
    wg_cpu_unit best, usual;
} found;

static void find_once(void)
{
    found.best = find();
    found.usual = fastest(found.best);
}

static void look(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, find_once);
}

wg_cpu_unit wg_cpu_best_unit(void)
{
    look();
    return found.best;
}

wg_cpu_unit wg_cpu_usual_unit(void)
{
    look();
    return found.usual;
}

const wg_cpu_kernels *wg_cpu_kernels_in(const wg_ops *self)
{
    return self->kernels != NULL ? self->kernels : &wg_cpu_kernels_of[wg_cpu_usual_unit()];
}
