/* config.c - config.json of a BERT model, as BertConfig of transformers reads it. */
#include "encoder/parts.h"

#include "base/json.h"
#include <math.h>
#include <string.h>

typedef struct reader {
    wagle_ctx *ctx;
    const char *path;
    const json_t *json;
} reader;

static wagle_status read_size(const reader *r, const char *key, int64_t fallback, int64_t most,
                              int64_t *out)
{
    const json_t *value = json_object_get(r->json, key);

    *out = value == NULL ? fallback : json_integer_value(value);
    return value == NULL || (json_is_integer(value) && *out >= 1 && *out <= most)
               ? WAGLE_OK
               : wg_fail(r->ctx, WAGLE_E_INPUT, "%s: %s must be a whole number from 1 to %lld",
                         r->path, key, (long long)most);
}

static wagle_status read_sizes(const reader *r, wg_encoder_config *c)
{
    const struct {
        const char *key;
        int64_t fallback, most, *to;
    } sizes[] = {{"vocab_size", 30522, 1 << 24, &c->V},
                 {"hidden_size", 768, 1 << 16, &c->D},
                 {"intermediate_size", 3072, 1 << 20, &c->F},
                 {"num_hidden_layers", 12, 1024, &c->L},
                 {"num_attention_heads", 12, 1024, &c->H},
                 {"max_position_embeddings", 512, 1 << 20, &c->P},
                 {"type_vocab_size", 2, 1 << 10, &c->K}};
    const json_t *eps = json_object_get(r->json, "layer_norm_eps");

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        WG_TRY(read_size(r, sizes[i].key, sizes[i].fallback, sizes[i].most, sizes[i].to));
    if (c->D % c->H != 0)
        return wg_fail(r->ctx, WAGLE_E_INPUT,
                       "%s: hidden_size %lld is no multiple of num_attention_heads %lld", r->path,
                       (long long)c->D, (long long)c->H);
    c->eps = eps == NULL ? 1e-12 : json_number_value(eps);
    return eps == NULL || (json_is_number(eps) && c->eps >= 0 && c->eps < 1)
               ? WAGLE_OK
               : wg_fail(r->ctx, WAGLE_E_INPUT, "%s: layer_norm_eps must be a number from 0 to 1",
                         r->path);
}

static wagle_status read_activation(const reader *r, wg_encoder_config *c)
{
    static const struct {
        const char *name;
        wg_activation act;
    } known[] = {{"gelu", WG_GELU},          {"gelu_python", WG_GELU},
                 {"gelu_new", WG_GELU_TANH}, {"gelu_pytorch_tanh", WG_GELU_TANH},
                 {"relu", WG_RELU},          {"silu", WG_SILU},
                 {"swish", WG_SILU}};
    const json_t *value = json_object_get(r->json, "hidden_act");
    const char *name = value == NULL ? "gelu" : json_string_value(value);

    for (size_t i = 0; name != NULL && i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, name) == 0) {
            c->activation = known[i].act;
            return WAGLE_OK;
        }
    return wg_fail(r->ctx, WAGLE_E_INPUT, "%s: hidden_act '%.32s' is not supported", r->path,
                   name != NULL ? name : "(no text)");
}

/* Refuses what would change the result and is not computed here. */
static wagle_status refuse_others(const reader *r)
{
    static const char *const off[] = {"is_decoder", "add_cross_attention", "quantization_config",
                                      "pruned_heads"};
    const char *type = json_string_value(json_object_get(r->json, "model_type"));
    const json_t *position = json_object_get(r->json, "position_embedding_type");

    if (type == NULL || strcmp(type, "bert") != 0)
        return wg_fail(r->ctx, WAGLE_E_INPUT, "%s: model_type '%.32s' is no encoder (bert)",
                       r->path, type != NULL ? type : "(none)");
    for (size_t i = 0; i < sizeof off / sizeof *off; i++) {
        const json_t *value = json_object_get(r->json, off[i]);
        if (value != NULL && !json_is_false(value) && !json_is_null(value) &&
            !(json_is_object(value) && json_object_size(value) == 0))
            return wg_fail(r->ctx, WAGLE_E_INPUT, "%s: %s is not supported", r->path, off[i]);
    }
    if (position != NULL && !json_is_null(position) &&
        (!json_is_string(position) || strcmp(json_string_value(position), "absolute") != 0))
        return wg_fail(r->ctx, WAGLE_E_INPUT,
                       "%s: position_embedding_type '%.32s' is not supported (absolute)", r->path,
                       json_is_string(position) ? json_string_value(position) : "(no text)");
    return WAGLE_OK;
}

wagle_status wg_encoder_config_read(wagle_ctx *ctx, const char *folder, wg_encoder_config *out)
{
    char *path = wg_path_join(ctx, folder, "config.json");
    json_t *json = NULL;
    wagle_status st = path != NULL ? wg_json_read(ctx, path, &json) : WAGLE_E_RESOURCE;
    const reader r = {ctx, path, json};

    *out = (wg_encoder_config){0};
    if (st == WAGLE_OK && !json_is_object(json))
        st = wg_fail(ctx, WAGLE_E_INPUT, "%s: not a JSON object", path);
    if (st == WAGLE_OK)
        st = refuse_others(&r);
    if (st == WAGLE_OK)
        st = read_sizes(&r, out);
    if (st == WAGLE_OK)
        st = read_activation(&r, out);
    json_decref(json);
    wg_free(path);
    return st;
}
