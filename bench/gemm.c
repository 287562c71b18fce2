/* gemm.c - GFLOP/s of matrix products in the shapes of a training step, beside OpenBLAS on
 * as many threads: alternately, the best of several runs each. `gemm [TILE]`. */
#include "base/number.h"
#include "ops/cpu/cpu.h"

#include <stdio.h>
#include <stdlib.h>
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

int main(int argc, char **argv)
{
    const wg_ops *cpu;
    wagle_ctx ctx = {0};

    if (wg_cpu_open(&ctx, &cpu) != WAGLE_OK)
        return fprintf(stderr, "%s\n", ctx.message), 4;
    if (argc > 1 && !wg_cpu_use_tile(argv[1]))
        return fprintf(stderr, "no tile %s here\n", argv[1]), 2;
    printf("%-12s %-18s %8s %8s   tile %s\n", "", "M x N x K", "wagle", "cblas",
           wg_cpu_tile_name());
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const int64_t M = shapes[s].M, N = shapes[s].N, K = shapes[s].K;
        const bool ta = shapes[s].ta, tb = shapes[s].tb;
        float *A = filled(M * K), *B = filled(K * N), *C = filled(M * N);
        const double flops = 2.0 * (double)M * (double)N * (double)K;
        double best[2] = {1e30, 1e30};
        for (int run = 0; run < 14; run++) {
            const int times = 1 + (int)(5e8 / flops);
            const double start = now();
            for (int i = 0; i < times; i++)
                if (run % 2 == 0)
                    wg_cpu_gemm(cpu, M, N, K, (wg_operand){WG_F32, A, ta ? M : K, ta},
                                (wg_operand){WG_F32, B, tb ? K : N, tb}, false, C, N);
                else
                    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans,
                                tb ? CblasTrans : CblasNoTrans, (int)M, (int)N, (int)K, 1, A,
                                (int)(ta ? M : K), B, (int)(tb ? K : N), 0, C, (int)N);
            const double took = (now() - start) / times;
            best[run % 2] = took < best[run % 2] ? took : best[run % 2];
        }
        printf("%-12s %4d x %5d x %4d %8.1f", shapes[s].name, (int)M, (int)N, (int)K,
               flops / best[0] / 1e9);
        printf(" %8.1f", flops / best[1] / 1e9);
        puts("");
        free(A);
        free(B);
        free(C);
    }
    cpu->close(cpu);
    return 0;
}
