/* tokenizer.c - the tokenizer of an encoder, and to which length it cuts texts. */
#include "encoder/parts.h"

#include "base/json.h"
#include <string.h>

static bool has_lowercase(const json_t *normalizer)
{
    const char *type = json_string_value(json_object_get(normalizer, "type"));
    const json_t *part;
    size_t i;

    json_array_foreach (json_object_get(normalizer, "normalizers"), i, part)
        if (has_lowercase(part))
            return true;
    return type != NULL && strcmp(type, "Lowercase") == 0;
}

/* Puts a step before all others that makes letters lower case, unless there is one. */
static wagle_status add_lowercase(wagle_ctx *ctx, json_t *tokenizer)
{
    json_t *own = json_object_get(tokenizer, "normalizer");

    if (has_lowercase(own))
        return WAGLE_OK;
    return wg_json_set(ctx, tokenizer, "normalizer",
                       json_is_object(own) ? json_pack("{s:s, s:[{s:s}, O]}", "type", "Sequence",
                                                       "normalizers", "type", "Lowercase", own)
                                           : json_pack("{s:s}", "type", "Lowercase"));
}

/* Whether a template gives a token of a single text another segment than 0. */
static bool has_segments(const json_t *processor)
{
    const json_t *part;
    const char *kind;
    json_t *of;
    size_t i;

    json_array_foreach (json_object_get(processor, "processors"), i, part)
        if (has_segments(part))
            return true;
    json_array_foreach (json_object_get(processor, "single"), i, part)
        json_object_foreach ((json_t *)(uintptr_t)part, kind, of)
            if (json_integer_value(json_object_get(of, "type_id")) != 0)
                return true;
    return false;
}

static wagle_status adapt(wagle_ctx *ctx, const wg_encoder_folder *folder, json_t *tokenizer)
{
    if (has_segments(json_object_get(tokenizer, "post_processor")))
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: tokenizer.json: a type_id above 0 for a single text is not supported",
                       folder->model);
    return folder->lower ? add_lowercase(ctx, tokenizer) : WAGLE_OK;
}

/* tokenizer_config.json says at which end, or else tokenizer.json. */
static wagle_status read_side(wagle_ctx *ctx, const char *folder, const json_t *config, bool *left)
{
    const json_t *side = json_object_get(config, "truncation_side");
    json_t *whole = NULL;
    const char *name = json_string_value(side);

    if (side == NULL) {
        WG_TRY(wg_json_read_object(ctx, folder, "tokenizer.json", &whole));
        name =
            json_string_value(json_object_get(json_object_get(whole, "truncation"), "direction"));
        *left = name != NULL && strcmp(name, "Left") == 0;
        json_decref(whole);
        return WAGLE_OK;
    }
    *left = name != NULL && strcmp(name, "left") == 0;
    return *left || (name != NULL && strcmp(name, "right") == 0)
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_INPUT,
                         "%s/tokenizer_config.json: truncation_side must be left or right", folder);
}

/* model_max_length may be a number far beyond all others. */
static wagle_status read_limits(wagle_ctx *ctx, const wg_encoder_folder *folder, int64_t *longest,
                                bool *left)
{
    json_t *config = NULL;
    wagle_status st = wg_json_read_object(ctx, folder->model, "tokenizer_config.json", &config);
    const json_t *value = json_object_get(config, "model_max_length");
    const double most = json_number_value(value);

    if (st == WAGLE_OK && value != NULL && !json_is_null(value) && !(most >= 1))
        st = wg_fail(ctx, WAGLE_E_INPUT,
                     "%s/tokenizer_config.json: model_max_length must be a number above 0",
                     folder->model);
    if (st == WAGLE_OK && folder->longest == 0 && most >= 1 && most < (double)*longest)
        *longest = (int64_t)most;
    if (st == WAGLE_OK)
        st = read_side(ctx, folder->model, config, left);
    json_decref(config);
    return st;
}

wagle_status wg_encoder_tokenizer(wagle_ctx *ctx, const wg_encoder_folder *folder, int64_t *longest,
                                  bool *left, wagle_tokenizer **out)
{
    char *path = NULL;
    json_t *json = NULL;
    wagle_status st;

    *out = NULL;
    WG_TRY(read_limits(ctx, folder, longest, left));
    st = wg_tokenizer_json(ctx, folder->model, &path, &json);
    if (st == WAGLE_OK)
        st = adapt(ctx, folder, json);
    if (st == WAGLE_OK)
        st = wg_tokenizer_parse(ctx, path, json, out);
    json_decref(json);
    wg_free(path);
    return st;
}
