/* surround.c - add_bos_token and add_eos_token of tokenizer_config.json: for the classes that make
 * their post-processor of them, whatever tokenizer.json has. */
#include "base/file.h"
#include "base/json.h"
#include "text/tokenizer.h"

#include <string.h>

static bool builds_its_own(const char *class_name)
{
    static const char *const classes[] = {"LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer",
                                          "CohereTokenizer"};

    for (size_t i = 0; class_name != NULL && i < sizeof classes / sizeof *classes; i++) {
        const size_t n = strlen(classes[i]);
        if (strncmp(class_name, classes[i], n) == 0 &&
            (class_name[n] == '\0' || strcmp(class_name + n, "Fast") == 0))
            return true;
    }
    return false;
}

/* The id of the token that the config names under `key`; -1: none of the vocabulary. */
static int32_t named(const json_t *config, const char *key, const wagle_tokenizer *t)
{
    const json_t *token = json_object_get(config, key);
    const char *text =
        json_string_value(json_is_object(token) ? json_object_get(token, "content") : token);

    return text != NULL ? wg_token_id(t, text) : -1;
}

/* Adds the token under `key` to the form if `flag` says so. */
static wagle_status add(wagle_ctx *ctx, const char *path, const json_t *config, const char *flag,
                        const char *key, wagle_tokenizer *t)
{
    const int32_t id = named(config, key, t);

    if (!json_is_true(json_object_get(config, flag)))
        return WAGLE_OK;
    if (id < 0)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: %s, and no %s of the vocabulary", path, flag, key);
    t->form[t->n_form++] = id;
    return WAGLE_OK;
}

static wagle_status apply(wagle_ctx *ctx, const char *path, const json_t *config,
                          wagle_tokenizer *t)
{
    t->eos = named(config, "eos_token", t);
    if (!builds_its_own(json_string_value(json_object_get(config, "tokenizer_class"))) ||
        !json_is_boolean(json_object_get(config, "add_bos_token")))
        return WAGLE_OK;
    t->n_form = 0;
    WG_TRY(add(ctx, path, config, "add_bos_token", "bos_token", t));
    t->form[t->n_form++] = WG_TEMPLATE_TEXT;
    return add(ctx, path, config, "add_eos_token", "eos_token", t);
}

wagle_status wg_tokenizer_surround(wagle_ctx *ctx, const char *folder, wagle_tokenizer *t)
{
    char *path = wg_path_join(ctx, folder, "tokenizer_config.json");
    json_t *config = NULL;
    wagle_status st = path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK && wg_exists(path))
        st = wg_json_read(ctx, path, &config);
    if (st == WAGLE_OK && config != NULL)
        st = apply(ctx, path, config, t);
    json_decref(config);
    wg_free(path);
    return st;
}
