/* adapter_config.json: ranks, scales, targets, and what is refused. */
#include "support.h"

#include "modeldir/adapter_config.h"

static wagle_status read_config(wagle_ctx *ctx, const char *text, wg_adapter_config *c)
{
    json_t *json = NULL;

    assert_ok(ctx, wg_json_parse(ctx, "config", text, strlen(text), &json));
    return wg_adapter_config_read(ctx, "config", json, c);
}

#define BASE "\"peft_type\": \"LORA\", \"r\": 8, \"lora_alpha\": 16"
#define Q "model.layers.1.self_attn.q_proj"

static void scales_are_those_of_peft(void **state)
{
    static const struct {
        const char *keys;
        int64_t rank;
        double scale;
    } cases[] = {
        {"", 8, 2},
        {", \"use_rslora\": true", 8, 16 / 2.8284271247461903},
        {", \"rank_pattern\": {\"q_proj\": 4}", 4, 4},
        {", \"rank_pattern\": {\"k_proj\": 4}", 8, 2},
        {", \"rank_pattern\": {\"proj\": 4}", 8, 2}, /* a whole part of the name */
        {", \"rank_pattern\": {\"layers.1.self_attn.q_proj\": 2}", 2, 8},
        {", \"rank_pattern\": {\"layers\\\\.\\\\d+\\\\..*q_proj\": 2}", 2, 8},
        {", \"rank_pattern\": {\"[qk]_proj\": 4, \"q_proj\": 2}", 4, 4}, /* the first that fits */
        {", \"rank_pattern\": {\"k_proj|q_proj\": 2}", 2, 8},
        {", \"alpha_pattern\": {\"q_proj\": 3}", 8, 0.375},
        {", \"alpha_pattern\": {\"q_proj\": 3}, \"rank_pattern\": {\"" Q "\": 4}", 4, 0.75},
        {", \"alpha_pattern\": {\"q_proj\": 6}, \"rank_pattern\": {\"q_proj\": 4}, \"use_rslora\": "
         "true",
         4, 3},
    };
    wagle_ctx *ctx = new_context();
    wg_adapter_config c;
    char text[512];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t rank;
        double scale;
        snprintf(text, sizeof text, "{" BASE "%s}", cases[i].keys);
        assert_ok(ctx, read_config(ctx, text, &c));
        assert_ok(ctx, wg_adapter_scale(ctx, &c, Q, &rank, &scale));
        if (rank != cases[i].rank || fabs(scale - cases[i].scale) > 1e-15)
            fail_msg("%s: rank %d, scale %.17g", text, (int)rank, scale);
        wg_adapter_config_free(&c);
    }
    wagle_ctx_free(ctx);
}

static void targets_are_ends_of_names_or_an_expression_for_all_of_it(void **state)
{
    static const struct {
        const char *targets;
        bool is;
    } cases[] = {
        {"[\"k_proj\", \"q_proj\"]", true},
        {"[\"self_attn.q_proj\"]", true},
        {"[\"" Q "\"]", true},
        {"[\"proj\"]", false},
        {"[\"q_proj.weight\"]", false},
        {"[]", false},
        {"\"all-linear\"", true},
        {"\".*\\\\.[qv]_proj\"", true},
        {"\"[qv]_proj\"", false},
        {"\"model\\\\.layers\\\\.\\\\d+\"", false},
    };
    wagle_ctx *ctx = new_context();
    wg_adapter_config c;
    char text[512];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool is;
        snprintf(text, sizeof text, "{" BASE ", \"target_modules\": %s}", cases[i].targets);
        assert_ok(ctx, read_config(ctx, text, &c));
        assert_ok(ctx, wg_adapter_targets(ctx, &c, Q, &is));
        if (is != cases[i].is)
            fail_msg("%s: %d", text, is);
        wg_adapter_config_free(&c);
    }
    wagle_ctx_free(ctx);
}

static void what_is_not_known_is_refused_by_name(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"[]", "not a JSON object"},
        {"{}", "peft_type is missing"},
        {"{\"peft_type\": \"IA3\"}", "peft_type is IA3"},
        {"{\"peft_type\": \"LORA\", \"lora_alpha\": 1}", "'r' must be a whole number"},
        {"{\"peft_type\": \"LORA\", \"r\": 0, \"lora_alpha\": 1}", "'r' must be a whole number"},
        {"{\"peft_type\": \"LORA\", \"r\": 4}", "'lora_alpha' must be a number"},
        {"{" BASE ", \"task_type\": \"SEQ_CLS\"}", "'task_type' must be CAUSAL_LM"},
        {"{" BASE ", \"lora_bias\": true}", "'lora_bias' asks for something"},
        {"{" BASE ", \"layer_replication\": [[0, 2]]}", "'layer_replication'"},
        {"{" BASE ", \"ensure_weight_tying\": true}", "'ensure_weight_tying'"},
        {"{" BASE ", \"rank_pattern\": {\"q\": \"4\"}}", "'rank_pattern' has a value"},
        {"{" BASE ", \"alpha_pattern\": [1]}", "'alpha_pattern' is not an object"},
        {"{" BASE ", \"target_modules\": [1]}", "'target_modules' has an entry"},
        {"{" BASE ", \"target_modules\": 1}", "'target_modules' is neither"},
        {"{" BASE ", \"init_lora_weights\": \"olora\"}", "'init_lora_weights'"},
        {"{" BASE ", \"init_lora_weights\": 1}", "'init_lora_weights'"},
    };
    wagle_ctx *ctx = new_context();
    wg_adapter_config c;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wg_begin(ctx);
        assert_int_equal(read_config(ctx, cases[i].text, &c), WAGLE_E_INPUT);
        if (strstr(wagle_message(ctx), cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].text, wagle_message(ctx));
        wg_adapter_config_free(&c);
    }
    assert_ok(ctx, read_config(
                       ctx, "{" BASE ", \"new_idea\": null, \"other\": [], \"third\": false}", &c));
    wg_adapter_config_free(&c);
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scales_are_those_of_peft),
        cmocka_unit_test(targets_are_ends_of_names_or_an_expression_for_all_of_it),
        cmocka_unit_test(what_is_not_known_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
