/* token_stats.c - more that label rows say than the loss: the likeliest token, the spread of log p.
 */
#include "engine/state.h"

#include <math.h>

typedef struct looking {
    const wg_token_stats *look;
    const wg_real *lse; /* [M] */
    wg_real *most;      /* [M] */
} looking;

static void look_chunk(wg_engine *e, void *user, const wg_batch *batch, int64_t at, int64_t n,
                       int64_t first, int64_t width, const wg_real *logits, int64_t ld)
{
    const looking *l = user;

    (void)e;
    (void)batch;
    for (int64_t i = 0; i < n; i++) {
        const wg_real *z = logits + i * ld;
        const int64_t j = at + i;
        for (int64_t v = 0; l->look->best != NULL && v < width; v++)
            if (z[v] > l->most[j]) {
                l->most[j] = z[v];
                l->look->best[j] = (int32_t)(first + v);
            }
        for (int64_t v = 0; l->look->mean != NULL && v < width; v++) {
            const double log_p = (double)(z[v] - l->lse[j]), p = exp(log_p);
            l->look->mean[j] += p * log_p;
            l->look->square[j] += p * log_p * log_p;
        }
    }
}

void wg_engine_token_stats(wg_engine *e, const wg_batch *batch, const wg_token_stats *look)
{
    looking l = {look, wg_label_lse(e, batch->M), wg_label_most(e, batch->M)};

    for (int64_t j = 0; j < batch->M; j++) {
        l.most[j] = (wg_real)-INFINITY;
        if (look->best != NULL)
            look->best[j] = 0;
        if (look->mean != NULL)
            look->mean[j] = look->square[j] = 0;
    }
    wg_each_label_chunk(e, batch, 0, batch->M, look_chunk, &l);
}
