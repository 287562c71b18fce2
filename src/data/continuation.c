/* continuation.c - a text that is scored after a context, tokenised as in lm-evaluation-harness
 * (TemplateLM._encode_pair and HFLM.tok_encode of 0.4.13). */
#include "data/dataset.h"

#include "text/pystring.h"
#include <string.h>

/* Tokenises a text with the tokenizer's special tokens, or without them if the text already begins
 * with the first of them, as text from a chat template does. */
static wagle_status encode(wagle_ctx *ctx, const wagle_tokenizer *t, const char *text, size_t bytes,
                           wg_ids *out)
{
    wg_ids around = {0};
    wagle_status st = wg_encode(ctx, t, "", 0, true, &around);

    if (st == WAGLE_OK)
        st = wg_encode(ctx, t, text, bytes, false, out);
    if (st == WAGLE_OK && around.n > 0 && (out->n == 0 || out->id[0] != around.id[0])) {
        out->n = 0;
        st = wg_encode(ctx, t, text, bytes, true, out);
    }
    wg_free(around.id);
    return st;
}

/* Drops ids on the left until the rest fits the model. The last id is not an input. */
static wagle_status truncate_left(wagle_ctx *ctx, const wg_reader *r, const wagle_data *data,
                                  int64_t line, wg_ids *ids, int64_t *given)
{
    const int64_t allowed =
        data->max_length > 0 && data->max_length < r->max_length ? data->max_length : r->max_length;
    const int64_t surplus = ids->n - (allowed + 1);

    if (surplus <= 0)
        return WAGLE_OK;
    if (!data->truncate || surplus >= *given)
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s:%lld: prompt and choice have %lld tokens; the limit is %lld%s",
                       data->path, (long long)line, (long long)ids->n, (long long)allowed + 1,
                       data->truncate ? ", and the choice by itself is longer"
                                      : "; @{truncate=true} cuts the beginning");
    memmove(ids->id, ids->id + surplus, (size_t)(ids->n - surplus) * sizeof *ids->id);
    ids->n -= surplus;
    *given -= surplus;
    return WAGLE_OK;
}

/* Adds ids as an example. Labels begin after the first `given` tokens. */
static wagle_status add_example(wagle_ctx *ctx, const wg_reader *r, const wagle_data *data,
                                int64_t line, const wg_ids *ids, int64_t given, wg_dataset *out,
                                int64_t *capacity)
{
    wg_example e = {.n = ids->n, .n_labels = ids->n - given, .weight = 1};

    for (int64_t i = 0; i < ids->n; i++)
        if (ids->id[i] < 0 || ids->id[i] >= r->V)
            return wg_fail(ctx, WAGLE_E_INPUT,
                           "%s:%lld: token %d is outside the model's vocabulary of %lld",
                           data->path, (long long)line, ids->id[i], (long long)r->V);
    WG_TRY(WG_GROW(ctx, &out->example, capacity, out->n + 1));
    e.ids = wg_arena_alloc(ctx, &out->arena, (size_t)e.n * sizeof *e.ids);
    e.labels = wg_arena_alloc(ctx, &out->arena, (size_t)e.n * sizeof *e.labels);
    if (e.ids == NULL || e.labels == NULL)
        return WAGLE_E_RESOURCE;
    for (int64_t i = 0; i < e.n; i++) {
        e.ids[i] = ids->id[i];
        e.labels[i] = i < given ? WG_NO_LABEL : ids->id[i];
    }
    out->longest = e.n > out->longest ? e.n : out->longest;
    out->example[out->n++] = e;
    return WAGLE_OK;
}

wagle_status wg_dataset_add_continuation(wagle_ctx *ctx, wg_reader *r, const wagle_data *data,
                                         int64_t line, const wg_text *context,
                                         const wg_text *continuation, wg_dataset *out,
                                         int64_t *capacity)
{
    const size_t before = wg_py_rstrip(context->text, (size_t)context->bytes);
    wg_text all = {0};
    wg_ids head = {0}, whole = {0};
    int64_t given = 0;
    wagle_status st = wg_reader_tokenizer(ctx, r);

    if (st == WAGLE_OK)
        st = wg_text_add(ctx, &all, context->text, (size_t)context->bytes);
    if (st == WAGLE_OK)
        st = wg_text_add(ctx, &all, continuation->text, (size_t)continuation->bytes);
    if (st == WAGLE_OK)
        st = encode(ctx, r->tokenizer, context->text, before, &head);
    if (st == WAGLE_OK)
        st = encode(ctx, r->tokenizer, all.text, (size_t)all.bytes, &whole);
    if (st == WAGLE_OK && (head.n == 0 || whole.n <= head.n))
        st = wg_fail(ctx, WAGLE_E_INPUT, "%s:%lld: %s", data->path, (long long)line,
                     head.n == 0 ? "the question is empty"
                                 : "a choice adds no tokens to the question");
    if (st == WAGLE_OK) {
        given = head.n;
        memcpy(whole.id, head.id, (size_t)given * sizeof *head.id);
        st = truncate_left(ctx, r, data, line, &whole, &given);
    }
    if (st == WAGLE_OK)
        st = add_example(ctx, r, data, line, &whole, given, out, capacity);
    wg_text_free(&all);
    wg_free(head.id);
    wg_free(whole.id);
    return st;
}
