/* generation.c - what the folder says about generated text: which tokens end it (the eos_token_id
 * of config.json together with that of generation_config.json: one number, a list, or null) and how
 * tokens that are already in it are penalised. Transformers never meets an id outside the
 * vocabulary, so such ids are left out. */
#include "base/file.h"
#include "model/model.h"
#include <math.h>

/* Keys of generation_config.json that change what transformers generates and that we do not apply,
 * with the number that changes nothing. Whether to sample, and how, is chosen by our own options.
 */
static const struct unapplied {
    const char *key;
    double neutral;
} unapplied[] = {
    {"no_repeat_ngram_size", 0},
    {"min_new_tokens", 0},
    {"min_length", 0},
    {"num_beams", 1},
    {"num_beam_groups", 1},
    {"encoder_repetition_penalty", 1},
    {"penalty_alpha", 0},
    {"guidance_scale", 1},
    {"bad_words_ids", NAN},
    {"force_words_ids", NAN},
    {"suppress_tokens", NAN},
    {"begin_suppress_tokens", NAN},
    {"forced_bos_token_id", NAN},
    {"forced_eos_token_id", NAN},
    {"sequence_bias", NAN},
    {"exponential_decay_length_penalty", NAN},
    {"stop_strings", NAN},
    {"token_healing", NAN},
    {"dola_layers", NAN},
    {"watermarking_config", NAN},
};

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

static void note_unapplied(const json_t *json, wg_config *c)
{
    for (size_t i = 0; i < sizeof unapplied / sizeof *unapplied; i++) {
        const json_t *value = json_object_get(json, unapplied[i].key);
        const bool off =
            value == NULL || json_is_null(value) || json_is_false(value) ||
            (json_is_array(value) && json_array_size(value) == 0) ||
            (json_is_number(value) && json_number_value(value) == unapplied[i].neutral);
        c->unapplied |= (uint32_t)!off << i;
    }
}

void wg_config_warn_generation(wagle_ctx *ctx, wg_config *c)
{
    for (size_t i = 0; i < sizeof unapplied / sizeof *unapplied; i++)
        if (c->unapplied >> i & 1)
            wg_log(ctx, 0, "%s: %s is not applied to generated text",
                   c->generation_in_config ? "config.json" : "generation_config.json",
                   unapplied[i].key);
    c->unapplied = 0;
}

static wagle_status read_penalty(wagle_ctx *ctx, const char *path, const json_t *json, wg_config *c)
{
    const json_t *value = json_object_get(json, "repetition_penalty");
    const double penalty = json_number_value(value);

    if (value == NULL || json_is_null(value))
        return WAGLE_OK;
    if (!json_is_number(value) || !(penalty > 0) || !isfinite(penalty))
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: 'repetition_penalty' must be a number above 0",
                       path);
    c->repetition_penalty = penalty;
    return WAGLE_OK;
}

wagle_status wg_config_generation(wagle_ctx *ctx, const char *folder, const char *config_path,
                                  const json_t *config, wg_config *c)
{
    char *path = wg_path_join(ctx, folder, "generation_config.json");
    json_t *json = NULL;
    wagle_status st = path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    c->n_eos = 0;
    c->repetition_penalty = 1;
    if (st == WAGLE_OK)
        st = add_all(ctx, config_path, config, c);
    if (st == WAGLE_OK)
        st = wg_json_read_object(ctx, folder, "generation_config.json", &json);
    if (st == WAGLE_OK)
        st = add_all(ctx, path, json, c);
    c->generation_in_config = json == NULL; /* where older folders have these keys */
    if (st == WAGLE_OK)
        st = read_penalty(ctx, json == NULL ? config_path : path, json == NULL ? config : json, c);
    note_unapplied(json == NULL ? config : json, c);
    json_decref(json);
    wg_free(path);
    return st;
}
