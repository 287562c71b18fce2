/* memory.c - open models, and rows, scores and masks in memory. */
#include "data/held.h"
#include "mask/views.h"
#include "session/opened.h"

#include <string.h>

/* --- open models ------------------------------------------------------------------------------ */

wagle_status wagle_model_open(wagle_ctx *ctx, const char *path, wagle_model **out)
{
    wg_begin(ctx);
    return wg_opened_new(ctx, path, out);
}

void wagle_model_close(wagle_model *model)
{
    wg_opened_free(model);
}

wagle_status wagle_model_save(wagle_ctx *ctx, const wagle_model *model, const char *out, bool force)
{
    wg_begin(ctx);
    return wg_opened_save(ctx, model, out, force);
}

const char *wagle_model_folder(const wagle_model *model)
{
    return wg_opened_path(model);
}

const wagle_tokenizer *wagle_model_tokenizer(const wagle_model *model)
{
    return model->tokenizer;
}

wagle_weight wagle_model_weight(const wagle_model *model, int64_t i)
{
    const wg_tensors *files = &model->model->files;
    wagle_weight w = {0};

    if (i < 0 || i >= files->n)
        return w;
    w.name = files->tensor[i].name;
    w.type = wg_dtype_name(files->tensor[i].dtype);
    w.rank = files->tensor[i].shape.rank;
    memcpy(w.shape, files->tensor[i].shape.dim, sizeof w.shape);
    w.data = wg_tensor_bytes(files, &files->tensor[i]);
    w.bytes = files->tensor[i].bytes;
    return w;
}

wagle_status wagle_model_with(wagle_ctx *ctx, const wagle_model *model, const wagle_weight *weights,
                              int64_t n, wagle_model **out)
{
    wg_begin(ctx);
    return wg_opened_with(ctx, model, weights, n, out);
}

/* --- rows ------------------------------------------------------------------------------------- */

wagle_status wagle_dataset_new(wagle_ctx *ctx, wagle_dataset **out)
{
    wg_begin(ctx);
    return WG_ALLOC(ctx, out, 1);
}

void wagle_dataset_free(wagle_dataset *rows)
{
    if (rows != NULL)
        wg_rows_free(&rows->rows);
    wg_free(rows);
}

int64_t wagle_dataset_count(const wagle_dataset *rows)
{
    return rows->rows.n;
}

static wagle_status put_text(wagle_ctx *ctx, const wagle_dataset *rows, json_t *row,
                             const char *column, const char *text)
{
    json_t *value = json_string(text);

    if (value == NULL)
        return wg_fail(ctx, WAGLE_E_INPUT, "rows in memory:%lld: '%s' is %s",
                       (long long)rows->rows.n + 1, column, text == NULL ? "NULL" : "not UTF-8");
    return wg_json_set(ctx, row, column, value);
}

wagle_status wagle_dataset_add_text(wagle_ctx *ctx, wagle_dataset *rows, const char *prompt,
                                    const char *answer)
{
    json_t *row = json_object();
    wagle_status st;

    wg_begin(ctx);
    st = row != NULL ? WAGLE_OK : wg_json_memory(ctx);
    if (st == WAGLE_OK && prompt != NULL)
        st = put_text(ctx, rows, row, "prompt", prompt);
    if (st == WAGLE_OK)
        st = put_text(ctx, rows, row, prompt != NULL ? "answer" : "text", answer);
    if (st == WAGLE_OK)
        return wg_held_add(ctx, rows, row);
    json_decref(row);
    return st;
}

static wagle_status put_numbers(wagle_ctx *ctx, json_t *row, const char *column,
                                const int32_t *number, int64_t n)
{
    json_t *list = json_array();

    for (int64_t i = 0; list != NULL && i < n; i++)
        if (json_array_append_new(list, json_integer(number[i])) != 0) {
            json_decref(list);
            list = NULL;
        }
    return wg_json_set(ctx, row, column, list);
}

wagle_status wagle_dataset_add_tokens(wagle_ctx *ctx, wagle_dataset *rows, const int32_t *ids,
                                      const int32_t *labels, int64_t n)
{
    json_t *row = json_object();
    wagle_status st;

    wg_begin(ctx);
    st = row != NULL ? WAGLE_OK : wg_json_memory(ctx);
    if (st == WAGLE_OK)
        st = put_numbers(ctx, row, "input_ids", ids, n);
    if (st == WAGLE_OK && labels != NULL)
        st = put_numbers(ctx, row, "labels", labels, n);
    if (st == WAGLE_OK)
        return wg_held_add(ctx, rows, row);
    json_decref(row);
    return st;
}

wagle_status wagle_dataset_add_json(wagle_ctx *ctx, wagle_dataset *rows, const char *json,
                                    size_t bytes)
{
    json_t *row;

    wg_begin(ctx);
    WG_TRY(wg_json_parse(ctx, "rows in memory", json, bytes, &row));
    return wg_held_add(ctx, rows, row);
}

/* --- scores and masks ------------------------------------------------------------------------- */

void wagle_tensors_free(wagle_tensors *tensors)
{
    wg_views_free(tensors);
}
