#include "suite/passages.h"

#include "io/source.h"
#include "metric/statistics.h"
#include <math.h>
#include <string.h>

enum { WINDOW = 512 };

static wagle_status read_file(wagle_ctx *ctx, const char *path, wg_text *out)
{
    WG_TRY(wg_source_text(ctx, path, out));
    return wg_utf8_valid(out->text, (size_t)out->bytes)
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_INPUT, "%s: not valid UTF-8", path);
}

static wagle_status read_rows(wagle_ctx *ctx, const wg_evaluation *e, const char *path,
                              wg_text *out)
{
    const char *field = e->o->data.text_field != NULL ? e->o->data.text_field : "text";
    wg_rows rows;
    wg_rows_select select = wg_data_select(&e->o->data, false);
    wagle_status st = WAGLE_OK;

    select.limit = 0; /* of windows, not of rows */
    WG_TRY(wg_rows_read(ctx, path, &select, &rows));
    for (int64_t i = 0; st == WAGLE_OK && i < rows.n; i++) {
        wg_str text;
        st = wg_record_text(ctx, &(wg_record){rows.row[i], path, rows.line[i]}, field, &text);
        if (st == WAGLE_OK && i > 0)
            st = wg_text_addz(ctx, out, "\n\n");
        if (st == WAGLE_OK)
            st = wg_text_adds(ctx, out, text);
    }
    wg_rows_free(&rows);
    return st;
}

wagle_status wg_passages_read(wagle_ctx *ctx, wg_evaluation *e, const char *path, wg_ids *out)
{
    wg_text text = {0};
    wagle_status st = wg_reader_tokenizer(ctx, &e->session->reader);

    if (st == WAGLE_OK)
        st = wg_named_text(path) ? read_file(ctx, path, &text) : read_rows(ctx, e, path, &text);
    if (st == WAGLE_OK)
        st = wg_encode(ctx, e->session->reader.tokenizer, text.text != NULL ? text.text : "",
                       (size_t)text.bytes, true, out);
    wg_text_free(&text);
    return st;
}

/* Cuts a text into the first `limit` windows (0: all) of `window` tokens with a stride of half a
 * window. Only tokens that no earlier window contains have labels. */
static wagle_status cut(wagle_ctx *ctx, const wg_ids *text, int64_t window, int64_t limit,
                        wg_dataset *out)
{
    const int64_t stride = window / 2;

    WG_TRY(WG_ALLOC(ctx, &out->example, text->n / stride + 1));
    for (int64_t from = 0, had = 1; had < text->n && (limit == 0 || out->n < limit);
         from += stride) {
        wg_example *e = &out->example[out->n];
        const int64_t end = from + window < text->n ? from + window : text->n;
        e->ids = text->id + from;
        e->n = end - from;
        e->labels = wg_arena_alloc(ctx, &out->arena, (size_t)e->n * sizeof *e->labels);
        if (e->labels == NULL)
            return WAGLE_E_RESOURCE;
        for (int64_t i = 0; i < e->n; i++)
            e->labels[i] = from + i < had ? WG_NO_LABEL : e->ids[i];
        e->n_labels = end - had;
        had = end;
        out->n++;
    }
    return WAGLE_OK;
}

wagle_status wg_passages_losses(wagle_ctx *ctx, wg_evaluation *e, const char *set, const char *path)
{
    const int64_t most = e->session->reader.max_length;
    wg_ids text = {0};
    wg_dataset windows = {0};
    wg_row_score *score = NULL;
    wagle_status st = wg_passages_read(ctx, e, path, &text);

    if (st == WAGLE_OK && text.n < 2)
        st = wg_fail(ctx, WAGLE_E_INPUT, "%s: the file has no text", path);
    if (st == WAGLE_OK)
        st = cut(ctx, &text, most < WINDOW ? most : WINDOW, e->o->data.limit, &windows);
    if (st == WAGLE_OK)
        st = WG_ALLOC(ctx, &score, windows.n);
    if (st == WAGLE_OK)
        st = wg_rows_score(ctx, e->session, &windows, &(wg_scoring){.progress = set}, score);
    for (int64_t i = 0; st == WAGLE_OK && i < windows.n; i++) {
        json_t *row;
        st = wg_evaluation_row(ctx, e, set, i, &row);
        if (st == WAGLE_OK)
            st = wg_json_set(ctx, row, "nll", json_real(wg_sum(score[i].nll, score[i].n)));
        if (st == WAGLE_OK)
            st = wg_json_set(ctx, row, "tokens", json_integer(score[i].n));
    }
    wg_free_scores(score, windows.n);
    wg_dataset_free(&windows);
    wg_free(text.id);
    return st;
}

wagle_status wg_passages_derive(wagle_ctx *ctx, const json_t *row, const char *set, wg_frame *f)
{
    double value;

    WG_TRY(wg_row_number(ctx, row, "nll", &value));
    WG_TRY(wg_frame_add(ctx, f, set, "_nll", value));
    WG_TRY(wg_row_number(ctx, row, "tokens", &value));
    if (!(value >= 1))
        return wg_row_fail(ctx, row, "tokens", "is no number of tokens");
    return wg_frame_add(ctx, f, set, "_tokens", value);
}

wagle_status wg_passages_measure(wagle_ctx *ctx, const wg_frame *f, const char *set,
                                 wg_measures *out)
{
    const wg_column *nll = wg_frame_find(f, set, "_nll"),
                    *tokens = wg_frame_find(f, set, "_tokens");

    if (nll == NULL || tokens == NULL)
        return WAGLE_OK;
    return wg_measures_add(ctx, out,
                           exp(wg_mean(nll->value, nll->n) / wg_mean(tokens->value, tokens->n)),
                           nll->n, "%s.perplexity", set);
}
