#include "modeldir/adapter_config.h"

#include "base/pattern.h"
#include <math.h>
#include <string.h>

/* Keys that the file may have. Any other may only be off: null, false, "", [] or {}. */
static const char *const known[] = {
    /* read here */
    "peft_type", "task_type", "r", "lora_alpha", "use_rslora", "use_dora", "rank_pattern",
    "alpha_pattern", "target_modules", "base_model_name_or_path", "init_lora_weights",
    /* choose modules: the file of weights has those that were chosen */
    "modules_to_save", "exclude_modules", "layers_to_transform", "layers_pattern", "bias",
    /* without effect on merged weights; fan_in_fan_out follows from the model, as in PEFT */
    "fan_in_fan_out", "inference_mode", "lora_dropout", "revision", "peft_version", "auto_mapping",
    "runtime_config",
    /* without effect unless another key, which is checked, is on */
    "megatron_core", "loftq_config", "eva_config", "corda_config", "qalora_group_size"};

/* Ways to start an adapter that leave the base model as it is; others change it when PEFT loads the
 * adapter. true and false are among these too. */
static const char *const harmless_starts[] = {"gaussian", "eva", "orthogonal"};

static wagle_status refuse(wagle_ctx *ctx, const wg_adapter_config *c, const char *key,
                           const char *why)
{
    return wg_fail(ctx, WAGLE_E_INPUT, "%s: '%.64s' %s", c->path, key, why);
}

static bool is_off(const json_t *value)
{
    return value == NULL || json_is_null(value) || json_is_false(value) ||
           (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

static wagle_status check_keys(wagle_ctx *ctx, const wg_adapter_config *c)
{
    const char *key;
    json_t *value;

    json_object_foreach (c->json, key, value) {
        bool is_known = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            is_known |= strcmp(known[i], key) == 0;
        if (!is_known && !is_off(value))
            return refuse(ctx, c, key, "asks for something that is not supported");
    }
    return WAGLE_OK;
}

static wagle_status check_start(wagle_ctx *ctx, const wg_adapter_config *c)
{
    const json_t *start = json_object_get(c->json, "init_lora_weights");

    if (start == NULL || json_is_boolean(start) || json_is_null(start))
        return WAGLE_OK;
    for (size_t i = 0; i < sizeof harmless_starts / sizeof *harmless_starts; i++)
        if (json_is_string(start) && strcmp(json_string_value(start), harmless_starts[i]) == 0)
            return WAGLE_OK;
    return refuse(ctx, c, "init_lora_weights",
                  "says that the adapter goes with a changed base model (PiSSA, OLoRA, ...); in "
                  "PEFT, save it with path_initial_model_for_weight_conversion");
}

static wagle_status check_kind(wagle_ctx *ctx, const wg_adapter_config *c)
{
    const char *kind = json_string_value(json_object_get(c->json, "peft_type"));
    const json_t *task = json_object_get(c->json, "task_type");

    if (kind == NULL || strcmp(kind, "LORA") != 0)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: peft_type is %.32s; supported is LORA", c->path,
                       kind != NULL ? kind : "missing");
    if (!is_off(task) &&
        (!json_is_string(task) || strcmp(json_string_value(task), "CAUSAL_LM") != 0))
        return refuse(ctx, c, "task_type", "must be CAUSAL_LM or null");
    return WAGLE_OK;
}

static bool is_rank(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 1 &&
           json_integer_value(value) <= 1 << 20;
}

static bool is_alpha(const json_t *value)
{
    return json_is_number(value) && isfinite(json_number_value(value));
}

/* {"PATTERN": number}: the patterns are regular expressions. */
static wagle_status check_pattern_keys(wagle_ctx *ctx, const wg_adapter_config *c, const char *key,
                                       bool (*fits)(const json_t *value))
{
    const json_t *table = json_object_get(c->json, key);
    const char *pattern;
    json_t *value;

    if (is_off(table))
        return WAGLE_OK;
    if (!json_is_object(table))
        return refuse(ctx, c, key, "is not an object");
    json_object_foreach ((json_t *)(uintptr_t)table, pattern, value)
        if (!fits(value))
            return refuse(ctx, c, key, "has a value that is no number in range");
    return WAGLE_OK;
}

static wagle_status check_targets(wagle_ctx *ctx, const wg_adapter_config *c)
{
    const json_t *targets = json_object_get(c->json, "target_modules"), *name;
    size_t i;

    if (is_off(targets) || json_is_string(targets))
        return WAGLE_OK;
    if (!json_is_array(targets))
        return refuse(ctx, c, "target_modules", "is neither a list nor a text");
    json_array_foreach (targets, i, name)
        if (!json_is_string(name))
            return refuse(ctx, c, "target_modules", "has an entry that is not a text");
    return WAGLE_OK;
}

wagle_status wg_adapter_config_read(wagle_ctx *ctx, const char *path, json_t *json,
                                    wg_adapter_config *out)
{
    const json_t *alpha = json_object_get(json, "lora_alpha");

    *out = (wg_adapter_config){.json = json, .path = path};
    if (!json_is_object(json))
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: not a JSON object", path);
    WG_TRY(check_kind(ctx, out));
    WG_TRY(check_keys(ctx, out));
    WG_TRY(check_start(ctx, out));
    WG_TRY(check_targets(ctx, out));
    WG_TRY(check_pattern_keys(ctx, out, "rank_pattern", is_rank));
    WG_TRY(check_pattern_keys(ctx, out, "alpha_pattern", is_alpha));
    if (!is_rank(json_object_get(json, "r")))
        return refuse(ctx, out, "r", "must be a whole number of 1 or more");
    if (!is_alpha(alpha))
        return refuse(ctx, out, "lora_alpha", "must be a number");
    out->rank = json_integer_value(json_object_get(json, "r"));
    out->alpha = json_number_value(alpha);
    out->rslora = json_is_true(json_object_get(json, "use_rslora"));
    out->dora = json_is_true(json_object_get(json, "use_dora"));
    out->base = json_string_value(json_object_get(json, "base_model_name_or_path"));
    return WAGLE_OK;
}

void wg_adapter_config_free(wg_adapter_config *c)
{
    json_decref(c->json);
    *c = (wg_adapter_config){0};
}

/* --- names of modules -------------------------------------------------------------------------
 */

/* Whether the module's whole name is what the expression describes; `before` is put in front. */
static wagle_status fits(wagle_ctx *ctx, const char *before, const char *expression,
                         const char *module, bool *is)
{
    wg_text text = {0};
    wagle_status st = wg_text_printf(ctx, &text, "re:\\A%s(?:%s)\\z", before, expression);

    if (st == WAGLE_OK) {
        const char *const list[] = {text.text, NULL};
        st = wg_check_patterns(ctx, list);
        *is = st == WAGLE_OK && wg_matches_any(module, list);
    }
    wg_text_free(&text);
    return st == WAGLE_E_USAGE ? WAGLE_E_INPUT : st; /* the pattern is a file's, not an option's */
}

wagle_status wg_adapter_targets(wagle_ctx *ctx, const wg_adapter_config *c, const char *module,
                                bool *is)
{
    const json_t *targets = json_object_get(c->json, "target_modules"), *name;
    size_t i, n = strlen(module);

    *is = false;
    if (json_is_string(targets)) {
        *is = strcmp(json_string_value(targets), "all-linear") == 0;
        return *is ? WAGLE_OK : fits(ctx, "", json_string_value(targets), module, is);
    }
    json_array_foreach (targets, i, name) {
        const char *text = json_string_value(name);
        const size_t length = strlen(text);
        *is |= length <= n && strcmp(module + n - length, text) == 0 &&
               (length == n || module[n - length - 1] == '.');
    }
    return WAGLE_OK;
}

/* The number of the first pattern that describes the end of the module's name, or NULL. */
static wagle_status find_pattern(wagle_ctx *ctx, const wg_adapter_config *c, const char *key,
                                 const char *module, const json_t **out)
{
    json_t *table = json_object_get(c->json, key), *value;
    const char *pattern;

    *out = NULL;
    json_object_foreach (table, pattern, value) {
        bool is;
        WG_TRY(fits(ctx, "(?:.*\\.)?", pattern, module, &is));
        if (is) {
            *out = value;
            return WAGLE_OK;
        }
    }
    return WAGLE_OK;
}

wagle_status wg_adapter_scale(wagle_ctx *ctx, const wg_adapter_config *c, const char *module,
                              int64_t *rank, double *scale)
{
    const json_t *own_rank, *own_alpha;

    WG_TRY(find_pattern(ctx, c, "rank_pattern", module, &own_rank));
    WG_TRY(find_pattern(ctx, c, "alpha_pattern", module, &own_alpha));
    *rank = own_rank != NULL ? json_integer_value(own_rank) : c->rank;
    *scale = (own_alpha != NULL ? json_number_value(own_alpha) : c->alpha) /
             (c->rslora ? sqrt((double)*rank) : (double)*rank);
    return WAGLE_OK;
}
