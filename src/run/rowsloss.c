/* rowsloss.c - token losses of rows, in batches of bounded size. */
#include "run/train.h"

#include <math.h>
#include <string.h>

enum { EVAL_TOKENS = 4096 };

wagle_status wg_rows_nll(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                         const char *progress, wg_real **row_nll)
{
    const wg_example **list = NULL;
    wg_real *nll = NULL;
    int64_t room = 0;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &list, rows->n));
    for (int64_t from = 0, n = 0; from < rows->n; from += n) {
        int64_t tokens = 0;
        for (n = 0; from + n < rows->n; n++) {
            tokens += rows->example[from + n].n;
            if (n > 0 && tokens > EVAL_TOKENS)
                break;
            list[n] = &rows->example[from + n];
        }
        s->batch.whole = false;
        s->batch.every = 0;
        WG_TRY_GOTO(wg_batch_fill(ctx, &s->batch, list, n, n), done);
        WG_TRY_GOTO(WG_GROW(ctx, &nll, &room, s->batch.M), done);
        WG_TRY_GOTO(wg_engine_forward(ctx, s->engine, &s->batch, false, NULL, nll), done);
        for (int64_t i = 0; i < n; i++) {
            const int64_t m = s->batch.label_start[i + 1] - s->batch.label_start[i];
            WG_TRY_GOTO(WG_ALLOC(ctx, &row_nll[from + i], m), done);
            memcpy(row_nll[from + i], nll + s->batch.label_start[i], (size_t)m * sizeof *nll);
        }
        if (progress != NULL)
            wg_progress(ctx, progress, from + n, rows->n, NULL);
    }
    st = WAGLE_OK;
done:
    wg_free(list);
    wg_free(nll);
    return st;
}

void wg_free_rows(wg_real **row_nll, int64_t n)
{
    for (int64_t i = 0; row_nll != NULL && i < n; i++)
        wg_free(row_nll[i]);
    wg_free(row_nll);
}

wagle_status wg_mean_probability(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                                 double *probability, double *nll)
{
    wg_real **row_nll = NULL;
    wagle_status st;

    *probability = *nll = 0;
    WG_TRY(WG_ALLOC(ctx, &row_nll, rows->n));
    st = wg_rows_nll(ctx, s, rows, NULL, row_nll);
    for (int64_t i = 0; st == WAGLE_OK && i < rows->n; i++) {
        const int64_t m = rows->example[i].n_labels;
        const double mean = wg_sum(row_nll[i], m) / (double)m;
        *nll += mean / (double)rows->n;
        *probability += exp(-mean) / (double)rows->n;
    }
    wg_free_rows(row_nll, rows->n);
    return st;
}
