/* ends.c - which tokens end a generated text: the eos_token_id of config.json together with that of
 * generation_config.json (one number, a list, or null). Transformers never meets an id outside the
 * vocabulary, so such ids are left out. */
#include "base/file.h"
#include "model/model.h"

static wagle_status add(wagle_ctx *ctx, const char *path, const json_t *value, wg_config *c)
{
    const json_int_t id = json_integer_value(value);

    if (!json_is_integer(value))
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: 'eos_token_id' must be a token id, a list or null",
                       path);
    for (int i = 0; i < c->n_eos; i++)
        if (c->eos[i] == id)
            return WAGLE_OK;
    if (id < 0 || id >= c->V)
        return WAGLE_OK;
    if (c->n_eos == WG_EOS_MOST)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: more than %d tokens that end a text", path,
                       WG_EOS_MOST);
    c->eos[c->n_eos++] = (int32_t)id;
    return WAGLE_OK;
}

static wagle_status add_all(wagle_ctx *ctx, const char *path, const json_t *json, wg_config *c)
{
    const json_t *eos = json_object_get(json, "eos_token_id"), *one;
    size_t i;

    if (eos == NULL || json_is_null(eos))
        return WAGLE_OK;
    if (!json_is_array(eos))
        return add(ctx, path, eos, c);
    json_array_foreach (eos, i, one)
        WG_TRY(add(ctx, path, one, c));
    return WAGLE_OK;
}

wagle_status wg_config_ends(wagle_ctx *ctx, const char *folder, const char *config_path,
                            const json_t *config, wg_config *c)
{
    char *path = wg_path_join(ctx, folder, "generation_config.json");
    json_t *json = NULL;
    wagle_status st = path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    c->n_eos = 0;
    if (st == WAGLE_OK)
        st = add_all(ctx, config_path, config, c);
    if (st == WAGLE_OK && wg_exists(path))
        st = wg_json_read(ctx, path, &json);
    if (st == WAGLE_OK && json != NULL && !json_is_object(json))
        st = wg_fail(ctx, WAGLE_E_INPUT, "%s: not a JSON object", path);
    if (st == WAGLE_OK)
        st = add_all(ctx, path, json, c);
    json_decref(json);
    wg_free(path);
    return st;
}
