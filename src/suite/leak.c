#include "suite/leak.h"

#include "metric/aggregate.h"
#include "metric/rouge.h"
#include <stdio.h>
#include <string.h>

static const char scores_begin[] = "leak_", counts_key[] = "leak_k";

/* Powers of two up to the number of samples. */
static void own_counts(int64_t samples, wg_counts *k)
{
    *k = (wg_counts){0};
    for (int64_t at = 1; at <= samples && k->n < WG_COUNTS; at *= 2)
        k->at[k->n++] = at;
}

wagle_status wg_leak_counts(wagle_ctx *ctx, const wagle_suite_options *o, wg_counts *k)
{
    *k = (wg_counts){0};
    if (o->samples < 0 || o->samples > WG_MAX_SAMPLES)
        return wg_fail(ctx, WAGLE_E_USAGE, "@{samples} must be from 0 to %d", WG_MAX_SAMPLES);
    if (o->samples == 0)
        return o->leak_k == NULL
                   ? WAGLE_OK
                   : wg_fail(ctx, WAGLE_E_USAGE, "@{leak_k} has no effect: it needs @{samples N}");
    if (o->max_tokens == 0)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{samples} generates text, so @{max_tokens} must be 1 or more");
    if (!(o->temperature > 0))
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{samples} needs @{temperature} above 0: at 0 all samples are the same");
    if (o->leak_k != NULL)
        return wg_counts_read(ctx, "@{leak_k}", o->leak_k, 1, o->samples, k);
    own_counts(o->samples, k);
    return WAGLE_OK;
}

wagle_status wg_leak_draw(wagle_ctx *ctx, wg_evaluation *e, wg_answers *a, const char *set,
                          wg_leak *out)
{
    wg_sampling how = wg_answers_sampling(e, a, set, e->o->temperature);
    int64_t n;

    how.stage = "samples";
    *out = (wg_leak){0};
    if (e->o->samples == 0 || !wg_evaluation_samples(e, set))
        return WAGLE_OK;
    *out = (wg_leak){.rows = a->rows.n, .samples = e->o->samples};
    n = out->rows * out->samples;
    WG_TRY(wg_leak_counts(ctx, e->o, &out->k));
    WG_TRY(WG_ALLOC(ctx, &out->made, n));
    WG_TRY(WG_ALLOC(ctx, &out->text, n));
    return wg_answers_sample(ctx, e, a, out->samples, &how, out->made, out->text);
}

static wagle_status add_sample(wagle_ctx *ctx, const wg_leak_score *how, const wg_str *reference,
                               int64_t n, wg_str text, json_t *scores, json_t *texts)
{
    double rouge[3][3];

    WG_TRY(wg_rouge(ctx, reference, n, text, how->stem, rouge));
    if (json_array_append_new(scores, json_real(rouge[2][how->part])) != 0)
        return wg_json_memory(ctx);
    return wg_row_add_text(ctx, texts, text);
}

static wagle_status add_counts(wagle_ctx *ctx, const wg_counts *k, json_t *row)
{
    json_t *list = json_array();

    WG_TRY(wg_json_set(ctx, row, counts_key, list));
    for (int i = 0; i < k->n; i++)
        if (json_array_append_new(list, json_integer(k->at[i])) != 0)
            return wg_json_memory(ctx);
    return WAGLE_OK;
}

wagle_status wg_leak_write(wagle_ctx *ctx, const wg_leak *leak, int64_t i, const wg_leak_score *how,
                           const wg_str *reference, int64_t n, json_t *row)
{
    json_t *scores, *texts;
    char key[32];

    if (leak->samples == 0)
        return WAGLE_OK;
    snprintf(key, sizeof key, "%s%s", scores_begin, how->name);
    WG_TRY(add_counts(ctx, &leak->k, row));
    scores = json_array();
    WG_TRY(wg_json_set(ctx, row, key, scores));
    texts = json_array();
    WG_TRY(wg_json_set(ctx, row, "samples", texts));
    for (int64_t j = 0; j < leak->samples; j++)
        WG_TRY(add_sample(ctx, how, reference, n, wg_text_str(&leak->text[j * leak->rows + i]),
                          scores, texts));
    return WAGLE_OK;
}

void wg_leak_free(wg_leak *leak)
{
    const int64_t n = leak->rows * leak->samples;

    for (int64_t i = 0; leak->text != NULL && i < n; i++)
        wg_text_free(&leak->text[i]);
    wg_free(leak->text);
    wg_free_lists(leak->made, leak->made != NULL ? n : 0);
    *leak = (wg_leak){0};
}

/* --- saved rows ------------------------------------------------------------------------------- */

/* Adds leak_NAME_at_K for each of k [m]. */
static wagle_status derive_scores(wagle_ctx *ctx, const json_t *row, const char *key,
                                  const double *k, int64_t m, const char *set, wg_frame *f)
{
    double *x, highest;
    int64_t n;
    wagle_status st = wg_row_numbers(ctx, row, key, &x, &n);

    for (int64_t i = 0; st == WAGLE_OK && i < m; i++) {
        char name[64];
        if (k[i] < 1 || k[i] > (double)n || k[i] != (double)(int64_t)k[i])
            st = wg_row_fail(ctx, row, counts_key, "has a number that is no count of its samples");
        if (st == WAGLE_OK)
            st = wg_expected_highest(ctx, x, n, (int64_t)k[i], &highest);
        snprintf(name, sizeof name, "%.40s_at_%lld", key, (long long)k[i]);
        if (st == WAGLE_OK)
            st = wg_frame_add(ctx, f, set, name, highest);
    }
    wg_free(x);
    return st;
}

wagle_status wg_leak_derive(wagle_ctx *ctx, const json_t *row, const char *set, wg_frame *f)
{
    const char *key;
    json_t *value;
    double *k;
    int64_t m;
    wagle_status st;

    if (json_object_get(row, counts_key) == NULL)
        return WAGLE_OK;
    st = wg_row_numbers(ctx, row, counts_key, &k, &m);
    json_object_foreach ((json_t *)(uintptr_t)row, key, value)
        if (st == WAGLE_OK && strncmp(key, scores_begin, strlen(scores_begin)) == 0 &&
            strcmp(key, counts_key) != 0)
            st = derive_scores(ctx, row, key, k, m, set, f);
    wg_free(k);
    return st;
}

wagle_status wg_leak_measure(wagle_ctx *ctx, const wg_frame *f, const char *set, wg_measures *out)
{
    for (int64_t i = 0; i < f->n; i++)
        if (strcmp(f->column[i].set, set) == 0 &&
            strncmp(f->column[i].name, scores_begin, strlen(scores_begin)) == 0)
            WG_TRY(wg_measure_mean(ctx, f, set, f->column[i].name, out));
    return WAGLE_OK;
}
