/* tokens.c - pre-tokenised rows: input_ids and other per-token lists. */
#include "data/example.h"

#include <math.h>

static const json_t *field(const wg_adding *a, const char *name)
{
    return json_object_get(a->record.fields, name);
}

/* Reads a list of n integers or booleans into out. */
static wagle_status read_numbers(const wg_adding *a, const char *name, int32_t *out, int64_t n)
{
    const json_t *list = field(a, name);

    if (!json_is_array(list))
        return wg_record_fail(a->ctx, &a->record, "'%s' is %s; expected a list of whole numbers",
                              name, wg_json_kind(list));
    if ((int64_t)json_array_size(list) != n)
        return wg_record_fail(
            a->ctx, &a->record,
            "'%s' has %zu numbers and 'input_ids' has %lld; they must have the same length", name,
            json_array_size(list), (long long)n);
    for (int64_t i = 0; i < n; i++) {
        const json_t *value = json_array_get(list, (size_t)i);
        const json_int_t x =
            json_is_boolean(value) ? json_is_true(value) : json_integer_value(value);
        if (json_is_integer(value) && (x < INT32_MIN || x > INT32_MAX))
            return wg_record_fail(a->ctx, &a->record, "'%s' holds %lld, which is not a token id",
                                  name, (long long)x);
        if (!json_is_integer(value) && !json_is_boolean(value))
            return wg_record_fail(a->ctx, &a->record, "'%s' holds %s; expected whole numbers", name,
                                  wg_json_kind(value));
        out[i] = (int32_t)x;
    }
    return WAGLE_OK;
}

static wagle_status read_token_weights(const wg_adding *a, int64_t n, wg_example *e)
{
    const json_t *list = field(a, "token_weights");
    float *weight;

    if (list == NULL)
        return WAGLE_OK;
    if (!json_is_array(list) || (int64_t)json_array_size(list) != n)
        return wg_record_fail(a->ctx, &a->record,
                              "'token_weights' must be a list as long as 'input_ids'");
    weight = wg_arena_alloc(a->ctx, &a->out->arena, (size_t)n * sizeof *weight);
    if (weight == NULL)
        return WAGLE_E_RESOURCE;
    for (int64_t i = 0; i < n; i++) {
        const json_t *value = json_array_get(list, (size_t)i);
        weight[i] = (float)json_number_value(value);
        if (!json_is_number(value) || !(fabsf(weight[i]) < INFINITY))
            return wg_record_fail(a->ctx, &a->record, "'token_weights' holds %s; expected numbers",
                                  json_is_number(value) ? "a number too large for float32"
                                                        : wg_json_kind(value));
    }
    e->token_weights = weight;
    return WAGLE_OK;
}

/* Removes tokens that attention_mask masks: padding on the left and right. */
static wagle_status drop_masked(const wg_adding *a, int32_t *scratch, wg_example *e)
{
    int64_t from = 0, to = e->n;

    if (field(a, "attention_mask") == NULL)
        return WAGLE_OK;
    WG_TRY(read_numbers(a, "attention_mask", scratch, e->n));
    while (from < to && scratch[from] == 0)
        from++;
    while (to > from && scratch[to - 1] == 0)
        to--;
    if (from == to)
        return wg_record_fail(a->ctx, &a->record, "'attention_mask' is 0 for every token");
    for (int64_t i = from; i < to; i++)
        if (scratch[i] != 1)
            return wg_record_fail(a->ctx, &a->record,
                                  "'attention_mask' is %d at token %lld, between tokens that are "
                                  "not masked; only padding at the start and the end can be masked",
                                  scratch[i], (long long)i);
    e->ids += from;
    e->labels += from;
    if (e->token_weights != NULL)
        e->token_weights += from;
    e->n = to - from;
    return WAGLE_OK;
}

/* Checks lists that are not supported: only values that would not change the result are accepted.
 */
static wagle_status check_others(const wg_adding *a, int32_t *scratch, int64_t n, int64_t dropped,
                                 const wg_example *e)
{
    static const char *const masks[] = {"completion_mask", "assistant_masks", "loss_mask"};

    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++)
        if (field(a, masks[i]) != NULL && field(a, "labels") == NULL)
            return wg_record_fail(
                a->ctx, &a->record,
                "'%s' is not supported; mark tokens without loss by -100 in 'labels'", masks[i]);
    if (field(a, "token_type_ids") != NULL) {
        WG_TRY(read_numbers(a, "token_type_ids", scratch, n));
        for (int64_t i = 0; i < n; i++)
            if (scratch[i] != 0)
                return wg_record_fail(a->ctx, &a->record,
                                      "'token_type_ids' must be 0; other values are not supported");
    }
    if (field(a, "position_ids") == NULL)
        return WAGLE_OK;
    WG_TRY(read_numbers(a, "position_ids", scratch, n));
    for (int64_t i = 0; i < e->n; i++)
        if (scratch[dropped + i] != i)
            return wg_record_fail(a->ctx, &a->record,
                                  "'position_ids' has %d at token %lld; positions must be 0, 1, 2, "
                                  ".. from the first token that is not masked",
                                  scratch[dropped + i], (long long)(dropped + i));
    return WAGLE_OK;
}

wagle_status wg_add_tokens(const wg_adding *a)
{
    const json_t *ids = field(a, "input_ids");
    const int64_t n = (int64_t)json_array_size(ids);
    wg_example *e;
    int32_t *scratch, *first;

    if (n == 0)
        return wg_record_fail(a->ctx, &a->record, "'input_ids' is %s; expected a list of token ids",
                              wg_json_kind(ids));
    WG_TRY(wg_example_new(a, n, &e));
    scratch = wg_arena_alloc(a->ctx, &a->out->arena, (size_t)n * sizeof *scratch);
    if (scratch == NULL)
        return WAGLE_E_RESOURCE;
    first = e->ids;
    WG_TRY(read_numbers(a, "input_ids", e->ids, n));
    WG_TRY(read_numbers(a, field(a, "labels") != NULL ? "labels" : "input_ids", e->labels, n));
    WG_TRY(read_token_weights(a, n, e));
    WG_TRY(drop_masked(a, scratch, e));
    WG_TRY(check_others(a, scratch, n, e->ids - first, e));
    return wg_example_accept(a, e);
}
