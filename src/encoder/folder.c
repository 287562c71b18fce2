/* folder.c - the files of sentence-transformers around a model: modules.json, the settings of its
 * modules, and how texts become tokens. Keys that would change the result are used, or refused by
 * name. A folder without modules.json is a model whose hidden states are averaged. */
#include "encoder/parts.h"

#include "base/json.h"
#include <string.h>

/* --- keys ------------------------------------------------------------------------------------- */

/* A key of a file, and the values that it may have: a JSON list; NULL: any. */
typedef struct key_rule {
    const char *name, *allowed;
} key_rule;

static const key_rule *find_rule(const key_rule *rules, const char *key)
{
    while (rules->name != NULL && strcmp(rules->name, key) != 0)
        rules++;
    return rules->name != NULL ? rules : NULL;
}

static wagle_status check_value(wagle_ctx *ctx, const char *where, const key_rule *rule,
                                const json_t *value)
{
    json_t *allowed = json_loads(rule->allowed, 0, NULL);
    bool found = false;
    const json_t *one;
    size_t i;

    if (allowed == NULL)
        return wg_json_memory(ctx);
    json_array_foreach (allowed, i, one)
        found |= json_equal(one, value);
    json_decref(allowed);
    return found ? WAGLE_OK
                 : wg_fail(ctx, WAGLE_E_INPUT, "%s: '%s' has a value that is not supported", where,
                           rule->name);
}

/* Checks the keys of a file. others: it may have more of them, which nobody reads. */
static wagle_status check_keys(wagle_ctx *ctx, const char *where, const json_t *json,
                               const key_rule *rules, bool others)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)json, key, value) {
        const key_rule *rule = find_rule(rules, key);
        if (rule == NULL && !others)
            return wg_fail(ctx, WAGLE_E_INPUT, "%s: '%.64s' is not supported", where, key);
        if (rule != NULL && rule->allowed != NULL)
            WG_TRY(check_value(ctx, where, rule, value));
    }
    return WAGLE_OK;
}

/* Reads folder/path/name, which must be an object, if it is there, and checks its keys. */
static wagle_status read_file(wagle_ctx *ctx, const char *folder, const char *name,
                              const key_rule *rules, bool others, json_t **out)
{
    char *where = wg_path_join(ctx, folder, name);
    wagle_status st =
        where != NULL ? wg_json_read_object(ctx, folder, name, out) : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK && *out != NULL)
        st = check_keys(ctx, where, *out, rules, others);
    wg_free(where);
    return st;
}

/* --- modules ---------------------------------------------------------------------------------- */

typedef struct reader {
    wagle_ctx *ctx;
    const char *folder;
    wg_encoder_folder *out;
} reader;

/* sentence_bert_config.json and its names for other models. */
static wagle_status read_transformer(const reader *r, const char *path)
{
    static const char *const names[] = {"bert",   "roberta",     "distilbert", "camembert",
                                        "albert", "xlm-roberta", "xlnet"};
    static const key_rule rules[] = {
        {"max_seq_length", NULL},
        {"do_lower_case", "[true, false, null]"},
        {"model_args", "[{}, null]"},
        {"model_kwargs", "[{}, null]"},
        {"tokenizer_args", "[{}, null]"},
        {"processor_kwargs", "[{}, null]"},
        {"config_args", "[{}, null]"},
        {"config_kwargs", "[{}, null]"},
        {"processing_kwargs", "[{}, null]"},
        {"tokenizer_name_or_path", "[null]"},
        {"transformer_task", "[\"feature-extraction\"]"},
        {"module_output_name", "[\"token_embeddings\"]"},
        {"modality_config", "[{\"text\": {\"method\": \"forward\", \"method_output_name\": "
                            "\"last_hidden_state\"}}]"},
        {"unpad_inputs", NULL}, /* the result is the same */
        {"query_length", NULL}, /* these three are for texts that are said to be queries or so */
        {"document_length", NULL},
        {"query_expansion", NULL},
        {0}};
    char name[64];
    json_t *json = NULL;
    wagle_status st = WAGLE_OK;

    r->out->model = wg_path_join(r->ctx, r->folder, path);
    if (r->out->model == NULL)
        return WAGLE_E_RESOURCE;
    for (size_t i = 0; st == WAGLE_OK && json == NULL && i < sizeof names / sizeof *names; i++) {
        snprintf(name, sizeof name, "sentence_%s_config.json", names[i]);
        st = read_file(r->ctx, r->out->model, name, rules, false, &json);
    }
    const json_t *longest = json_object_get(json, "max_seq_length");
    r->out->longest = json_integer_value(longest);
    r->out->lower = json_is_true(json_object_get(json, "do_lower_case"));
    if (st == WAGLE_OK && longest != NULL && !json_is_null(longest) && r->out->longest < 1)
        st = wg_fail(r->ctx, WAGLE_E_INPUT, "%s/%s: max_seq_length must be a whole number above 0",
                     r->out->model, name);
    json_decref(json);
    return st;
}

static const struct {
    const char *name, *older;
} poolings[] = {[WG_POOL_CLS] = {"cls", "pooling_mode_cls_token"},
                [WG_POOL_MAX] = {"max", "pooling_mode_max_tokens"},
                [WG_POOL_MEAN] = {"mean", "pooling_mode_mean_tokens"},
                [WG_POOL_MEAN_SQRT] = {"mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"},
                [WG_POOL_WEIGHTED] = {"weightedmean", "pooling_mode_weightedmean_tokens"},
                [WG_POOL_LAST] = {"lasttoken", "pooling_mode_lasttoken"}};

static wagle_status add_pooling(const reader *r, const char *where, const json_t *mode)
{
    const char *name = json_string_value(mode);
    wg_encoder_folder *f = r->out;
    int p = 0;

    while (p < WG_POOLINGS && (name == NULL || strcmp(poolings[p].name, name) != 0))
        p++;
    if (p == WG_POOLINGS || f->n_pooling == WG_POOLINGS)
        return wg_fail(r->ctx, WAGLE_E_INPUT, "%s: pooling_mode '%.32s' is not supported", where,
                       name != NULL ? name : "(no text)");
    f->pooling[f->n_pooling++] = (wg_pooling)p;
    return WAGLE_OK;
}

/* pooling_mode, a name or a list of names; or older, a flag of each. */
static wagle_status choose_pooling(const reader *r, const char *where, const json_t *json)
{
    const json_t *mode = json_object_get(json, "pooling_mode"), *one;
    wg_encoder_folder *f = r->out;
    size_t i;

    if (mode != NULL && !json_is_array(mode))
        return add_pooling(r, where, mode);
    json_array_foreach (mode, i, one)
        WG_TRY(add_pooling(r, where, one));
    for (int p = 0; mode == NULL && p < WG_POOLINGS; p++)
        if (json_is_true(json_object_get(json, poolings[p].older)))
            f->pooling[f->n_pooling++] = (wg_pooling)p;
    if (f->n_pooling == 0 && mode != NULL)
        return wg_fail(r->ctx, WAGLE_E_INPUT, "%s: pooling_mode names none", where);
    if (f->n_pooling == 0)
        f->pooling[f->n_pooling++] = WG_POOL_MEAN;
    return WAGLE_OK;
}

static wagle_status read_pooling(const reader *r, const char *path)
{
    static const key_rule rules[] = {{"word_embedding_dimension", NULL},
                                     {"embedding_dimension", NULL},
                                     {"pooling_mode", NULL},
                                     {"pooling_mode_cls_token", "[true, false]"},
                                     {"pooling_mode_max_tokens", "[true, false]"},
                                     {"pooling_mode_mean_tokens", "[true, false]"},
                                     {"pooling_mode_mean_sqrt_len_tokens", "[true, false]"},
                                     {"pooling_mode_weightedmean_tokens", "[true, false]"},
                                     {"pooling_mode_lasttoken", "[true, false]"},
                                     {"include_prompt", NULL}, /* prompts are refused */
                                     {0}};
    char *where = wg_path_join(r->ctx, r->folder, path);
    json_t *json = NULL;
    wagle_status st = where != NULL ? read_file(r->ctx, where, "config.json", rules, false, &json)
                                    : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK && json == NULL)
        st = wg_fail(r->ctx, WAGLE_E_INPUT, "%s: no config.json", where);
    if (st == WAGLE_OK)
        st = choose_pooling(r, where, json);
    const json_t *width = json_object_get(json, "embedding_dimension");
    if (width == NULL)
        width = json_object_get(json, "word_embedding_dimension");
    r->out->width = json_integer_value(width);
    json_decref(json);
    wg_free(where);
    return st;
}

static wagle_status read_normalize(const reader *r, const char *path)
{
    static const key_rule rules[] = {{"module_input_name", "[\"sentence_embedding\"]"},
                                     {"module_output_name", "[\"sentence_embedding\", null]"},
                                     {0}};
    char *where = wg_path_join(r->ctx, r->folder, path);
    json_t *json = NULL;
    wagle_status st = where != NULL ? read_file(r->ctx, where, "config.json", rules, false, &json)
                                    : WAGLE_E_RESOURCE;

    r->out->normalize = true;
    json_decref(json);
    wg_free(where);
    return st;
}

/* A folder within: no path that leads out. */
static bool is_within(const char *path)
{
    if (path[0] == '/')
        return false;
    for (const char *at = path; at != NULL; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL)
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0'))
            return false;
    return true;
}

/* Reads module i, which must be of the i-th kind, or the last. */
static wagle_status read_module(const reader *r, const json_t *module, size_t i)
{
    static const struct {
        const char *name;
        wagle_status (*read)(const reader *r, const char *path);
    } kinds[] = {{".Transformer", read_transformer},
                 {".Pooling", read_pooling},
                 {".Normalize", read_normalize}};
    const char *type = json_string_value(json_object_get(module, "type"));
    const char *path = json_string_value(json_object_get(module, "path"));
    const size_t last = sizeof kinds / sizeof *kinds - 1, k = i < last ? i : last;

    if (type == NULL || path == NULL || !is_within(path))
        return wg_fail(r->ctx, WAGLE_E_INPUT,
                       "%s/modules.json: module %zu has no type, or no path within the folder",
                       r->folder, i);
    if (strncmp(type, "sentence_transformers.", 22) != 0 || !wg_ends_with(type, kinds[k].name))
        return wg_fail(r->ctx, WAGLE_E_INPUT,
                       "%s/modules.json: module %zu, '%.96s', is not supported (Transformer, then "
                       "Pooling, then Normalize)",
                       r->folder, i, type);
    return kinds[k].read(r, path);
}

/* config_sentence_transformers.json: a text before each text, and shorter embeddings, are refused.
 */
static wagle_status check_whole(const reader *r)
{
    static const key_rule rules[] = {
        {"truncate_dim", "[null]"}, {"model_type", "[\"SentenceTransformer\", null]"}, {0}};
    json_t *json = NULL;
    wagle_status st =
        read_file(r->ctx, r->folder, "config_sentence_transformers.json", rules, true, &json);
    const char *name = json_string_value(json_object_get(json, "default_prompt_name"));

    if (st == WAGLE_OK && name != NULL &&
        json_string_length(json_object_get(json_object_get(json, "prompts"), name)) > 0)
        st = wg_fail(r->ctx, WAGLE_E_INPUT,
                     "%s/config_sentence_transformers.json: default_prompt_name '%.32s' is not "
                     "supported",
                     r->folder, name);
    json_decref(json);
    return st;
}

static wagle_status read_modules(const reader *r, const json_t *modules)
{
    const json_t *module;
    size_t i;

    if (!json_is_array(modules) || json_array_size(modules) < 2)
        return wg_fail(r->ctx, WAGLE_E_INPUT,
                       "%s/modules.json: not a list of Transformer, Pooling, ...", r->folder);
    json_array_foreach (modules, i, module)
        WG_TRY(read_module(r, module, i));
    return check_whole(r);
}

wagle_status wg_encoder_folder_read(wagle_ctx *ctx, const char *folder, wg_encoder_folder *out)
{
    const reader r = {ctx, folder, out};
    char *path = wg_path_join(ctx, folder, "modules.json");
    json_t *modules = NULL;
    wagle_status st = path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    *out = (wg_encoder_folder){0};
    if (st == WAGLE_OK && wg_exists(path)) {
        st = wg_json_read(ctx, path, &modules);
        if (st == WAGLE_OK)
            st = read_modules(&r, modules);
    } else if (st == WAGLE_OK) {
        out->model = wg_copy_text(ctx, folder, strlen(folder));
        out->pooling[out->n_pooling++] = WG_POOL_MEAN;
        st = out->model != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
    }
    json_decref(modules);
    wg_free(path);
    return st;
}

void wg_encoder_folder_free(wg_encoder_folder *f)
{
    wg_free(f->model);
}
