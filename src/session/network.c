#include "session/network.h"

#include "dist/dist.h"

/* Of a step beside its sums: the question whether to stop, the losses, the norms, the new values.
 */
static const int64_t small_exchanges = 4;
/* Seconds, assumed of TCP between machines: an exchange, and each message of it. */
static const double latency = 60e-6, message = 6e-6;

static double others(const wagle_ctx *ctx)
{
    const double ranks = wg_ranks(ctx);

    return (ranks - 1) / ranks;
}

static int64_t blocks(const wagle_ctx *ctx, int64_t weights)
{
    return weights / wg_ranks(ctx) / wg_sum_block(ctx) + 1;
}

wg_traffic wg_step_traffic(const wagle_ctx *ctx, int64_t weights, int64_t value)
{
    return (wg_traffic){(double)((4 + value) * weights) * others(ctx),
                        blocks(ctx, weights) + small_exchanges};
}

wg_traffic wg_attribution_traffic(const wagle_ctx *ctx, int64_t weights, int64_t tensors, int kinds)
{
    return (wg_traffic){4.0 * (double)weights * (kinds * others(ctx) + 1.0 / wg_ranks(ctx)),
                        (blocks(ctx, weights) + tensors) * kinds + tensors};
}

double wg_traffic_seconds(const wagle_ctx *ctx, const wg_traffic *t, double gigabits)
{
    return t->bytes * 8e-9 / gigabits +
           (double)t->exchanges * (latency + message * (wg_ranks(ctx) - 1));
}

int wg_most_passes(const wagle_ctx *ctx, int64_t rows)
{
    int most = 0;

    for (int r = 0; r < wg_ranks(ctx); r++) {
        int first, passes = 0;
        const int parts = wg_parts_of(ctx, r, &first);
        for (int p = first; p < first + parts; p++) {
            int64_t at;
            passes += wg_rows_of_part(rows, p, wg_parts(ctx), &at) > 0;
        }
        most = passes > most ? passes : most;
    }
    return most > 0 ? most : 1;
}

int64_t wg_mapped_weights(const wagle_ctx *ctx, const wg_model *m)
{
    int64_t bytes = 0;

    for (int t = 0; t < m->files.n; t++)
        bytes += wg_model_is_weight(m, t) ? (int64_t)m->files.tensor[t].bytes : 0;
    return ctx->shared != NULL ? bytes / wg_ranks(ctx) : bytes;
}

void wg_add_shared_traffic(const wagle_ctx *ctx, const wg_model *m, int passes, wg_traffic *t)
{
    if (ctx->shared == NULL)
        return;
    t->bytes += 2.0 * passes * (double)wg_mapped_weights(ctx, m) * (wg_ranks(ctx) - 1);
    t->exchanges += 2 * passes * m->config.L;
}
