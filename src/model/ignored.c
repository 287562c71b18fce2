/* ignored.c - keys of config.json that would change what another model type computes. */
#include "model/model.h"

#include <string.h>

static const char *const arithmetic[] = {"activation",
                                         "activation_function",
                                         "alibi",
                                         "attention_bias",
                                         "attention_chunk_size",
                                         "attention_multiplier",
                                         "attn_logit_softcapping",
                                         "attn_temperature_tuning",
                                         "bias",
                                         "clip_qkv",
                                         "do_layer_norm_before",
                                         "embedding_multiplier",
                                         "enable_bias",
                                         "final_logit_softcapping",
                                         "head_dim",
                                         "hidden_act",
                                         "hidden_activation",
                                         "layer_norm_eps",
                                         "layer_norm_epsilon",
                                         "layer_types",
                                         "logits_scaling",
                                         "max_window_layers",
                                         "mlp_bias",
                                         "multi_query",
                                         "no_rope_layers",
                                         "num_experts",
                                         "num_key_value_heads",
                                         "num_kv_heads",
                                         "num_local_experts",
                                         "original_max_position_embeddings",
                                         "parallel_attn",
                                         "partial_rotary_factor",
                                         "qk_layernorm",
                                         "query_pre_attn_scalar",
                                         "residual_multiplier",
                                         "rms_norm_eps",
                                         "rope_local_base_freq",
                                         "rope_parameters",
                                         "rope_scaling",
                                         "rope_theta",
                                         "rotary_emb_base",
                                         "rotary_pct",
                                         "scale_attn_by_inverse_layer_idx",
                                         "scale_attn_weights",
                                         "sliding_window",
                                         "sliding_window_pattern",
                                         "use_parallel_residual",
                                         "use_qk_norm",
                                         "use_qkv_bias",
                                         "use_sliding_window"};

static bool is_among(const char *key, const char *const *list, int most)
{
    for (int i = 0; i < most && list[i] != NULL; i++)
        if (strcmp(list[i], key) == 0)
            return true;
    return false;
}

static bool is_spelling(const char *key, const char *names)
{
    const size_t n = strlen(key);

    for (const char *at = names; at != NULL; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strncmp(at, key, n) == 0 && (at[n] == '\0' || at[n] == '|'))
            return true;
    return false;
}

static bool is_read(const wg_family *f, const char *key)
{
    if (strcmp(key, "partial_rotary_factor") == 0)
        return f->turns_share && is_spelling(key, f->key[WG_CFG_ROTARY].name);
    for (int id = 0; id < WG_CFG_KEYS; id++)
        if (is_spelling(key, f->key[id].name))
            return true;
    if (strcmp(key, "rope_scaling") == 0 || strcmp(key, "rope_parameters") == 0)
        return !f->no_rope;
    return strcmp(key, f->activation_key) == 0 ||
           (f->layer_types && strcmp(key, "layer_types") == 0) ||
           (f->no_rope_layers && strcmp(key, "no_rope_layers") == 0) ||
           is_among(key, f->must_be_off, 8) || is_among(key, f->must_be_on, 4);
}

wagle_status wg_config_ignored(wagle_ctx *ctx, const char *folder, const wg_family *family,
                               wg_text *out)
{
    char *path = wg_path_join(ctx, folder, "config.json");
    const wg_family *inside;
    json_t *json = NULL;
    wagle_status st = path != NULL ? wg_json_read(ctx, path, &json) : WAGLE_E_RESOURCE;

    for (size_t i = 0; st == WAGLE_OK && i < sizeof arithmetic / sizeof *arithmetic; i++) {
        const json_t *value = json_object_get(wg_config_of_text(json, &inside), arithmetic[i]);
        if (value != NULL && !json_is_null(value) && !is_read(family, arithmetic[i]))
            st = wg_text_printf(ctx, out, "%s%s", out->bytes > 0 ? ", " : "", arithmetic[i]);
    }
    json_decref(json);
    wg_free(path);
    return st;
}
