/* rows.c - rows of tables, of logits and of soft targets. */
#include "ops/host/host.h"

#include "base/number.h"
#include <math.h>
#include <string.h>

void wg_host_embed(WG_SELF, const wg_weights *table, int64_t N, int64_t D, const int32_t *ids,
                   int64_t offset, wg_real scale, bool add, wg_real *x)
{
    wg_ops alone = *self; /* a row is too short for more threads */

    alone.threads = 1;
#pragma omp parallel for num_threads(self->threads) if (N * D > WG_HOST_SMALL)
    for (int64_t n = 0; n < N; n++) {
        wg_real *to = x + n * D, room[WG_HOST_ROW];
        for (int64_t d = 0; add && d < D; d += WG_HOST_ROW) {
            const int64_t some = D - d < WG_HOST_ROW ? D - d : WG_HOST_ROW;
            const wg_real *from =
                wg_weights_view(&alone, table, (ids[n] + offset) * D + d, some, room);
            for (int64_t i = 0; i < some; i++)
                to[d + i] += from[i] * scale;
        }
        if (!add) {
            const wg_real *from = wg_weights_view(&alone, table, (ids[n] + offset) * D, D, to);
            for (int64_t d = 0; d < D && (from != to || scale != 1); d++)
                to[d] = from[d] * scale;
        }
    }
}

void wg_host_xent_finish(WG_SELF, int64_t M, wg_real *maximum, const wg_real *sum,
                         const wg_real *picked, wg_real *nll)
{
    for (int64_t m = 0; m < M; m++) {
        maximum[m] += (wg_real)log((double)sum[m]);
        nll[m] = maximum[m] - picked[m];
    }
}

void wg_host_row_stats(WG_SELF, int64_t M, int64_t first, int64_t n, const wg_real *logits,
                       int64_t ld, const wg_real *lse, wg_real *most, int32_t *best, double *mean,
                       double *square)
{
#pragma omp parallel for num_threads(self->threads) if (M * n > WG_HOST_SMALL)
    for (int64_t m = 0; m < M; m++) {
        const wg_real *z = logits + m * ld;
        for (int64_t v = 0; best != NULL && v < n; v++)
            if (z[v] > most[m]) {
                most[m] = z[v];
                best[m] = (int32_t)(first + v);
            }
        for (int64_t v = 0; mean != NULL && v < n; v++) {
            const double log_p = (double)(z[v] - lse[m]), p = exp(log_p);
            mean[m] += p * log_p;
            square[m] += p * log_p * log_p;
        }
    }
}

void wg_host_sample_rows(WG_SELF, int64_t M, int64_t first, int64_t n, const wg_real *logits,
                         int64_t ld, int64_t row, uint64_t seed, uint64_t stream, double *most,
                         int32_t *which)
{
#pragma omp parallel for num_threads(self->threads) if (M * n > WG_HOST_SMALL)
    for (int64_t m = 0; m < M; m++) {
        const uint32_t draw = (uint32_t)wg_random(seed, stream, (uint64_t)(row + m));
        most[m] = first == 0 ? -INFINITY : most[m];
        for (int64_t v = 0; v < n; v++) {
            const double u = ((double)wg_mix(draw, (uint32_t)(first + v)) + 0.5) / 0x1p32;
            const double value = (double)logits[m * ld + v] - log(-log(u));
            if (value > most[m]) {
                most[m] = value;
                which[m] = (int32_t)(first + v);
            }
        }
    }
}

void wg_host_shift_target(WG_SELF, int64_t M, int64_t first, int64_t n, const int32_t *target,
                          wg_real shift, const wg_real *logits, int64_t ld, wg_real *q)
{
#pragma omp parallel for num_threads(self->threads) if (M * n > WG_HOST_SMALL)
    for (int64_t m = 0; m < M; m++) {
        const int64_t token = target[m] - first;
        memcpy(q + m * n, logits + m * ld, (size_t)n * sizeof *q);
        if (shift != 0 && token >= 0 && token < n)
            q[m * n + token] -= shift;
    }
}

void wg_host_soft_finish(WG_SELF, int64_t M, bool divergence, const wg_real *lse,
                         const wg_real *target_lse, const double *cross, wg_real *nll)
{
    for (int64_t m = 0; m < M; m++)
        nll[m] = (wg_real)((double)lse[m] - cross[m] +
                           (divergence ? cross[M + m] - (double)target_lse[m] : 0));
}

void wg_host_hinge_finish(WG_SELF, int64_t M, const wg_real *lse, wg_real *token, wg_real *other,
                          wg_real *nll)
{
    for (int64_t m = 0; m < M; m++) {
        token[m] = (wg_real)exp(-(double)nll[m]);
        other[m] = (wg_real)exp((double)other[m] - (double)lse[m]);
        nll[m] = 1 + token[m] - other[m];
    }
}

void wg_host_hinge_target(WG_SELF, int64_t M, int64_t first, int64_t n, const int32_t *target,
                          const int32_t *runner_up, const wg_real *weight, const wg_real *token,
                          const wg_real *other, wg_real *q, wg_real *share)
{
    memset(q, 0, (size_t)(M * n) * sizeof *q);
    for (int64_t m = 0; m < M; m++) {
        const int64_t label = target[m] - first, second = runner_up[m] - first;
        if (label >= 0 && label < n)
            q[m * n + label] = -weight[m] * token[m];
        if (second >= 0 && second < n)
            q[m * n + second] = weight[m] * other[m];
        share[m] = weight[m] * (other[m] - token[m]);
    }
}
