/* gemm.c - GFLOP/s of matrix products in the shapes of a training step, in float32 and in bf16,
 * beside OpenBLAS in float32 on as many threads: in turn, the best of several runs each.
 * `gemm [UNITS]`, as in WAGLE_CPU. */
#include "base/number.h"
#include "ops/cpu/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cblas.h>

static const struct {
    const char *name;
    bool ta, tb;
    int64_t M, N, K;
} shapes[] = {
    {"q", false, true, 470, 576, 576},
    {"k", false, true, 470, 192, 576},
    {"gate", false, true, 470, 1536, 576},
    {"down", false, true, 470, 576, 1536},
    {"dx of gate", false, false, 470, 576, 1536},
    {"dW of gate", true, false, 1536, 576, 470},
    {"dW of q", true, false, 576, 576, 470},
    {"head", false, true, 264, 4096, 576},
    {"dW of head", true, false, 4096, 576, 264},
    {"7B gate", false, true, 512, 11008, 4096},
    {"square", false, true, 2048, 2048, 2048},
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float *filled(int64_t n)
{
    float *x = malloc((size_t)n * sizeof *x);

    for (int64_t i = 0; x != NULL && i < n; i++)
        x[i] = (float)(wg_random_unit(1, 0, (uint64_t)i) - 0.5);
    return x;
}

/* The bf16 of x [n]. */
static uint16_t *shortened(const float *x, int64_t n)
{
    uint16_t *h = malloc((size_t)n * sizeof *h);

    for (int64_t i = 0; h != NULL && i < n; i++)
        h[i] = wg_float_bf16(x[i]);
    return h;
}

/* false: this machine does not have it. */
static bool use(wg_ops *cpu, const char *unit)
{
    cpu->kernels = NULL;
    for (int u = 0; u <= (int)wg_cpu_best_unit(); u++)
        if (unit == NULL || strcmp(unit, wg_cpu_unit_names[u]) == 0)
            cpu->kernels = &wg_cpu_kernels_of[u];
    return cpu->kernels != NULL;
}

enum { F32, BF16, CBLAS, WAYS };

int main(int argc, char **argv)
{
    const wg_ops *opened;
    wg_ops cpu, bf16;
    wagle_ctx ctx = {0};

    if (wg_cpu_open(&ctx, &opened) != WAGLE_OK)
        return fprintf(stderr, "%s\n", ctx.message), 4;
    cpu = *opened;
    if (!use(&cpu, argc > 1 ? argv[1] : NULL))
        return fprintf(stderr, "no %s here\n", argv[1]), 2;
    bf16 = cpu;
    bf16.panel_type = WG_BF16;
    printf("%-12s %-18s %8s %8s %8s   units: %s\n", "", "M x N x K", "f32", "bf16", "cblas",
           wg_cpu_unit_names[wg_cpu_kernels_in(&cpu)->unit]);
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const int64_t M = shapes[s].M, N = shapes[s].N, K = shapes[s].K;
        const bool ta = shapes[s].ta, tb = shapes[s].tb;
        float *A = filled(M * K), *B = filled(K * N), *C = filled(M * N);
        uint16_t *H = shortened(B, K * N);
        const wg_operand a = {WG_F32, A, ta ? M : K, ta}, b = {WG_F32, B, tb ? K : N, tb};
        /* of two activations or gradients both are float32; else B is weights as they are stored */
        const wg_operand h = ta ? b : (wg_operand){WG_BF16, H, b.ld, tb};
        const double flops = 2.0 * (double)M * (double)N * (double)K;
        double best[WAYS] = {1e30, 1e30, 1e30};
        for (int run = 0; run < 7 * WAYS; run++) {
            const int times = 1 + (int)(5e8 / flops);
            const double start = now();
            for (int i = 0; i < times; i++)
                if (run % WAYS == F32)
                    cpu.gemm(&cpu, M, N, K, a, b, false, C, N);
                else if (run % WAYS == BF16)
                    bf16.gemm(&bf16, M, N, K, a, h, false, C, N);
                else
                    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans,
                                tb ? CblasTrans : CblasNoTrans, (int)M, (int)N, (int)K, 1, A,
                                (int)(ta ? M : K), B, (int)(tb ? K : N), 0, C, (int)N);
            const double took = (now() - start) / times;
            best[run % WAYS] = took < best[run % WAYS] ? took : best[run % WAYS];
        }
        printf("%-12s %4d x %5d x %4d", shapes[s].name, (int)M, (int)N, (int)K);
        for (int w = 0; w < WAYS; w++)
            printf(" %8.1f", flops / best[w] / 1e9);
        puts("");
        free(A);
        free(B);
        free(C);
        free(H);
    }
    opened->close(opened);
    return 0;
}
