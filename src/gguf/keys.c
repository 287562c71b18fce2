#include "gguf/keys.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef enum kind { NUMBER, FLAG, TEXT, LAYERS, LIST, ANY } kind;
typedef enum rule {
    USED,    /* read by the import */
    IGNORED, /* affects neither arithmetic nor tokens, or is ignored by llama.cpp too */
    NOTED,   /* the same, but logged */
    NEUTRAL  /* has an effect, so only values that change nothing are accepted */
} rule;

typedef struct known {
    const char *name; /* without "ARCH."; a final '*' matches any rest */
    kind kind;
    rule rule;
    const char *archs;   /* architectures to which the row applies; NULL: all */
    const char *neutral; /* accepted values, separated by | */
} known;

#define QWEN_ARCHS "qwen2 qwen3 qwen2moe qwen3moe"
#define MIXTURES "llama olmoe qwen2moe qwen3moe llama4" /* llama: Mixtral */
#define SILU_ARCHS MIXTURES " qwen2 qwen3 phi3 olmo olmo2"
#define RMS_ARCHS MIXTURES " qwen2 qwen3 phi3 gemma gemma2 olmo2"

/* Keys ARCH.*; the first matching row applies. */
static const known arch_keys[] = {
    {"context_length", NUMBER, USED, NULL, NULL},
    {"embedding_length", NUMBER, USED, NULL, NULL},
    {"block_count", NUMBER, USED, NULL, NULL},
    {"vocab_size", NUMBER, USED, NULL, NULL},
    {"feed_forward_length", LAYERS, USED, NULL, NULL},
    {"attention.head_count", LAYERS, USED, NULL, NULL},
    {"attention.head_count_kv", LAYERS, USED, NULL, NULL},
    {"attention.key_length", NUMBER, USED, NULL, NULL},
    {"attention.value_length", NUMBER, USED, NULL, NULL},
    {"attention.scale", NUMBER, USED, NULL, NULL},
    /* norms */
    {"attention.layer_norm_rms_epsilon", NUMBER, USED, RMS_ARCHS, NULL},
    {"attention.layer_norm_rms_epsilon", NUMBER, IGNORED, NULL, NULL},
    {"attention.layer_norm_epsilon", NUMBER, USED, "gpt2 olmo", NULL},
    {"attention.layer_norm_epsilon", NUMBER, IGNORED, NULL, NULL},
    {"swin_norm", FLAG, NEUTRAL, NULL, "0"},
    /* positions */
    {"rope.*", ANY, IGNORED, "gpt2", NULL}, /* GPT-2 learns its positions */
    {"rope.dimension_count", NUMBER, USED, NULL, NULL},
    {"rope.freq_base", NUMBER, USED, NULL, NULL},
    {"rope.freq_base_swa", NUMBER, USED, NULL, NULL},
    {"rope.scale_linear", NUMBER, USED, NULL, NULL},
    {"rope.scaling.type", TEXT, USED, NULL, NULL},
    {"rope.scaling.factor", NUMBER, USED, NULL, NULL},
    {"rope.scaling.original_context_length", NUMBER, USED, NULL, NULL},
    {"rope.scaling.attn_factor", NUMBER, USED, NULL, NULL},
    {"rope.scaling.yarn_attn_factor", NUMBER, USED, NULL, NULL},
    {"rope.scaling.yarn_ext_factor", NUMBER, NEUTRAL, NULL, "1|-1"},
    {"rope.scaling.yarn_beta_fast", NUMBER, NEUTRAL, NULL, "32"},
    {"rope.scaling.yarn_beta_slow", NUMBER, NEUTRAL, NULL, "1"},
    {"rope.scaling.yarn_log_multiplier", NUMBER, NEUTRAL, NULL, "0"},
    {"rope.scaling.alpha", NUMBER, NEUTRAL, NULL, "0"},
    {"rope.scaling.finetuned", FLAG, IGNORED, NULL, NULL},
    /* windows */
    {"attention.sliding_window", NUMBER, USED, "gemma2 phi3", NULL},
    {"attention.sliding_window", NUMBER, NOTED, "llama olmoe " QWEN_ARCHS, NULL},
    {"attention.sliding_window", NUMBER, NEUTRAL, "llama4", "8192"},
    {"attention.sliding_window", NUMBER, NEUTRAL, NULL, "0"},
    {"attention.sliding_window_pattern", LAYERS, USED, "gemma2", NULL},
    {"attention.sliding_window_pattern", LAYERS, NEUTRAL, "llama4", "4"},
    /* caps and factors */
    {"attn_logit_softcapping", NUMBER, USED, "gemma2", NULL},
    {"attn_logit_softcapping", NUMBER, NEUTRAL, NULL, "0"},
    {"final_logit_softcapping", NUMBER, USED, "gemma2", NULL},
    {"final_logit_softcapping", NUMBER, NEUTRAL, NULL, "0"},
    {"router_logit_softcapping", NUMBER, NEUTRAL, NULL, "0"},
    {"logit_scale", NUMBER, NEUTRAL, NULL, "1|0"},
    {"residual_scale", NUMBER, NEUTRAL, NULL, "1|0"},
    {"embedding_scale", NUMBER, NEUTRAL, SILU_ARCHS " gpt2", "1|0"},
    {"attention.output_scale", NUMBER, NEUTRAL, NULL, "1|0"},
    {"attention.value_scale", NUMBER, NEUTRAL, NULL, "1|0"},
    {"attention.temperature_length", NUMBER, NEUTRAL, NULL, "0"},
    {"attention.temperature_scale", NUMBER, NEUTRAL, NULL, "0"},
    {"attention.clamp_kqv", NUMBER, USED, "olmo", NULL},
    {"attention.clamp_kqv", NUMBER, NEUTRAL, NULL, "0"},
    {"attention.max_alibi_bias", NUMBER, NEUTRAL, NULL, "0"},
    /* structure of the network */
    {"attention.causal", FLAG, NEUTRAL, NULL, "1"},
    {"pooling_type", NUMBER, NEUTRAL, NULL, "0"},
    {"use_parallel_residual", FLAG, NEUTRAL, NULL, "0"},
    {"hidden_activation", TEXT, NEUTRAL, SILU_ARCHS, "silu"},
    {"hidden_activation", TEXT, NEUTRAL, NULL, "gelu_pytorch_tanh|gelu_new"},
    {"tensor_data_layout", TEXT, NEUTRAL, "llama", "Meta AI original pth"},
    {"tensor_data_layout", TEXT, NEUTRAL, NULL, "reference"},
    {"nextn_predict_layers", NUMBER, NEUTRAL, NULL, "0"},
    {"attention.shared_kv_layers", NUMBER, NEUTRAL, NULL, "0"},
    {"rescale_every_n_layers", NUMBER, NEUTRAL, NULL, "0"},
    /* experts */
    {"expert_count", NUMBER, USED, MIXTURES, NULL},
    {"expert_count", NUMBER, NEUTRAL, NULL, "0"},
    {"expert_used_count", LAYERS, USED, MIXTURES, NULL},
    {"expert_used_count", NUMBER, NEUTRAL, NULL, "0"},
    {"expert_shared_count", NUMBER, NEUTRAL, "qwen2moe llama4", "0|1"},
    {"expert_shared_count", NUMBER, NEUTRAL, NULL, "0"},
    {"expert_group_count", NUMBER, NEUTRAL, NULL, "0"},
    {"expert_group_used_count", NUMBER, NEUTRAL, NULL, "0"},
    {"expert_feed_forward_length", NUMBER, USED, "qwen2moe qwen3moe llama4", NULL},
    {"expert_feed_forward_length", NUMBER, NEUTRAL, NULL, "0"},
    {"expert_shared_feed_forward_length", NUMBER, USED, "qwen2moe", NULL},
    {"expert_shared_feed_forward_length", NUMBER, NEUTRAL, NULL, "0"},
    {"expert_weights_scale", NUMBER, NEUTRAL, NULL, "0|1"},
    {"expert_weights_norm", FLAG, USED, "llama", NULL}, /* true for Mixtral alone */
    {"expert_weights_norm", FLAG, NEUTRAL, "qwen3moe", "1"},
    {"expert_weights_norm", FLAG, NEUTRAL, NULL, "0"},
    {"expert_gating_func", NUMBER, NEUTRAL, "llama4", "0|2"}, /* sigmoid */
    {"expert_gating_func", NUMBER, NEUTRAL, NULL, "0|1"},     /* softmax */
    {"interleave_moe_layer_step", NUMBER, USED, "llama4", NULL},
    {"leading_dense_block_count", NUMBER, NEUTRAL, NULL, "0"},
    {"interleave_moe_layer_step", NUMBER, NEUTRAL, NULL, "0"},
    {"moe_every_n_layers", NUMBER, NEUTRAL, NULL, "0"},
};

/* Keys tokenizer.*, and keys general.* that are not only descriptions. */
static const known other_keys[] = {
    {"general.type", TEXT, NEUTRAL, NULL, "model"},
    {"general.quantization_version", NUMBER, NEUTRAL, NULL, "2"},
    {"general.*", ANY, IGNORED, NULL, NULL},
    {"tokenizer.ggml.model", TEXT, USED, NULL, NULL},
    {"tokenizer.ggml.pre", TEXT, USED, NULL, NULL},
    {"tokenizer.ggml.tokens", LIST, USED, NULL, NULL},
    {"tokenizer.ggml.token_type", LIST, USED, NULL, NULL},
    {"tokenizer.ggml.scores", LIST, USED, NULL, NULL},
    {"tokenizer.ggml.merges", LIST, USED, NULL, NULL},
    {"tokenizer.ggml.bos_token_id", NUMBER, USED, NULL, NULL},
    {"tokenizer.ggml.eos_token_id", NUMBER, USED, NULL, NULL},
    {"tokenizer.ggml.eos_token_ids", LIST, USED, NULL, NULL}, /* written by Ollama */
    {"tokenizer.ggml.eot_token_id", NUMBER, USED, NULL, NULL},
    {"tokenizer.ggml.eom_token_id", NUMBER, USED, NULL, NULL},
    {"tokenizer.ggml.unknown_token_id", NUMBER, USED, NULL, NULL},
    {"tokenizer.ggml.padding_token_id", NUMBER, USED, NULL, NULL},
    {"tokenizer.ggml.seperator_token_id", NUMBER, USED, NULL, NULL}, /* as llama.cpp spells it */
    {"tokenizer.ggml.mask_token_id", NUMBER, USED, NULL, NULL},
    {"tokenizer.ggml.fim_pad_token_id", NUMBER, USED, NULL, NULL}, /* end tokens */
    {"tokenizer.ggml.fim_rep_token_id", NUMBER, USED, NULL, NULL},
    {"tokenizer.ggml.fim_sep_token_id", NUMBER, USED, NULL, NULL},
    {"tokenizer.ggml.add_bos_token", FLAG, USED, NULL, NULL},
    {"tokenizer.ggml.add_eos_token", FLAG, USED, NULL, NULL},
    {"tokenizer.ggml.add_space_prefix", FLAG, USED, NULL, NULL},
    {"tokenizer.chat_template", TEXT, USED, NULL, NULL},
    {"tokenizer.chat_template.*", TEXT, USED, NULL, NULL},
    {"tokenizer.chat_templates", LIST, IGNORED, NULL, NULL}, /* names of the templates */
    {"tokenizer.ggml.cls_token_id", NUMBER, IGNORED, NULL, NULL},
    {"tokenizer.ggml.fim_pre_token_id", NUMBER, IGNORED, NULL, NULL},
    {"tokenizer.ggml.fim_suf_token_id", NUMBER, IGNORED, NULL, NULL},
    {"tokenizer.ggml.fim_mid_token_id", NUMBER, IGNORED, NULL, NULL},
    {"tokenizer.ggml.prefix_token_id", NUMBER, IGNORED, NULL, NULL},
    {"tokenizer.ggml.suffix_token_id", NUMBER, IGNORED, NULL, NULL},
    {"tokenizer.ggml.middle_token_id", NUMBER, IGNORED, NULL, NULL},
    {"tokenizer.ggml.token_type_count", NUMBER, IGNORED, NULL, NULL},
    {"tokenizer.ggml.added_tokens", LIST, IGNORED, NULL, NULL},
    {"tokenizer.huggingface.json", TEXT, IGNORED, NULL, NULL}, /* duplicates the keys above */
    {"tokenizer.ggml.add_sep_token", FLAG, NEUTRAL, NULL, "0"},
    {"tokenizer.ggml.remove_extra_whitespaces", FLAG, NEUTRAL, NULL, "0"},
    {"tokenizer.ggml.normalizer.lowercase", FLAG, NEUTRAL, NULL, "0"},
    {"tokenizer.ggml.normalizer.strip_accents", FLAG, NEUTRAL, NULL, "0"},
};

/* Whether a name is in a space-separated list. */
static bool listed(const char *list, const char *name)
{
    const size_t n = strlen(name);

    for (const char *at = list; at != NULL && (at = strstr(at, name)) != NULL; at += n)
        if ((at == list || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    return list == NULL;
}

static const known *find(const known *table, size_t n, const char *name, const char *arch)
{
    for (size_t i = 0; i < n; i++) {
        const size_t length = strlen(table[i].name);
        const bool any = table[i].name[length - 1] == '*';
        if ((any ? strncmp(table[i].name, name, length - 1) : strcmp(table[i].name, name)) == 0 &&
            listed(table[i].archs, arch))
            return &table[i];
    }
    return NULL;
}

/* Formats a value, for messages and for comparison with the table. */
static void value_text(const wg_gguf_value *v, char *out, size_t size)
{
    const unsigned char *at = v->data;
    const char *text;
    size_t bytes;

    if (v->array)
        snprintf(out, size, "a list of %llu", (unsigned long long)v->count);
    else if (v->kind != WG_GGUF_STRING)
        snprintf(out, size, "%.6g", wg_gguf_element(v, 0));
    else if (wg_gguf_next_string(v, &at, &text, &bytes))
        snprintf(out, size, "%.*s", (int)(bytes < size ? bytes : size - 1), text);
}

wagle_status wg_gguf_refuse_key(wagle_ctx *ctx, const wg_gguf *g, const char *key,
                                const char *expected)
{
    const wg_gguf_value *v = wg_gguf_find(g, key);
    char text[64] = "missing";

    if (v != NULL)
        value_text(v, text, sizeof text);
    return wg_fail(ctx, WAGLE_E_INPUT, "%s: key '%.96s' is %s; %s", g->path, key, text, expected);
}

static bool kind_fits(kind k, const wg_gguf_value *v)
{
    const bool number = v->kind != WG_GGUF_STRING && v->kind != WG_GGUF_BOOL;

    switch (k) {
    case NUMBER:
        return !v->array && number;
    case FLAG:
        return !v->array && v->kind == WG_GGUF_BOOL;
    case TEXT:
        return !v->array && v->kind == WG_GGUF_STRING;
    case LAYERS:
        return v->kind != WG_GGUF_STRING && v->count > 0;
    case LIST:
        return v->array;
    default:
        return true;
    }
}

static bool is_neutral(const known *k, const wg_gguf_value *v)
{
    char text[64] = "";

    value_text(v, text, sizeof text);
    for (const char *at = k->neutral; *at != '\0';) {
        const size_t n = strcspn(at, "|");
        if (strlen(text) == n && strncmp(at, text, n) == 0)
            return true;
        at += n + (at[n] == '|');
    }
    return false;
}

static wagle_status check(wagle_ctx *ctx, const wg_gguf *g, const wg_gguf_value *v, const known *k)
{
    static const char *const kinds[] = {[NUMBER] = "a number was expected",
                                        [FLAG] = "true or false was expected",
                                        [TEXT] = "a text was expected",
                                        [LAYERS] = "a number, or one a layer, was expected",
                                        [LIST] = "a list was expected"};
    char expected[128];

    if (k == NULL)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: key '%.96s' is not supported", g->path, v->key);
    if (!kind_fits(k->kind, v))
        return wg_gguf_refuse_key(ctx, g, v->key, kinds[k->kind]);
    if (k->rule == NEUTRAL && !is_neutral(k, v)) {
        snprintf(expected, sizeof expected, "supported is %s%s", k->neutral,
                 k->kind == FLAG ? " (of 0 false, 1 true)" : "");
        return wg_gguf_refuse_key(ctx, g, v->key, expected);
    }
    if (k->rule == NOTED)
        wg_log(ctx, 1, "%s: key '%s' is not used: llama.cpp does not use it either", g->path,
               v->key);
    return WAGLE_OK;
}

wagle_status wg_gguf_check_keys(wagle_ctx *ctx, const wg_gguf *g, const char *arch)
{
    const size_t n = strlen(arch);

    for (int64_t i = 0; i < g->n_values; i++) {
        const wg_gguf_value *v = &g->value[i];
        if (strncmp(v->key, arch, n) == 0 && v->key[n] == '.')
            WG_TRY(
                check(ctx, g, v,
                      find(arch_keys, sizeof arch_keys / sizeof *arch_keys, v->key + n + 1, arch)));
        else if (strncmp(v->key, "general.", 8) == 0 || strncmp(v->key, "tokenizer.", 10) == 0)
            WG_TRY(check(ctx, g, v,
                         find(other_keys, sizeof other_keys / sizeof *other_keys, v->key, arch)));
        else if (strncmp(v->key, "adapter.", 8) == 0 || strncmp(v->key, "xielu.", 6) == 0)
            WG_TRY(check(ctx, g, v, NULL));
    }
    return WAGLE_OK;
}
