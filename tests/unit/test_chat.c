/* Chat templates are recognised by what is in them, and laid out. */
#include "support.h"

#include "base/file.h"
#include "text/chat.h"

static const struct {
    const char *template, *system, *want; /* of the prompt "Hi" */
} cases[] = {
    {"{% for m in messages %}{% if loop.first and m.role != 'system' %}{{ "
     "'<|im_start|>system\\nYou are "
     "Qwen.<|im_end|>\\n' }}{% endif %}{{ '<|im_start|>' + m.role }}{% endfor %}",
     NULL,
     "<|im_start|>system\nYou are Qwen.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>"
     "assistant\n"},
    {"{{ '<|im_start|>' + message['role'] }}", "Be brief.",
     "<|im_start|>system\nBe "
     "brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"},
    {"{{ '<|start_header_id|>' + m.role + '<|end_header_id|>' }}", NULL,
     "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>"
     "assistant<|end_header_id|>\n\n"},
    {"{{ '<start_of_turn>' + role }}", NULL,
     "<start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n"},
    {"{{ '<start_of_turn>' + role }}", "Be brief.",
     "<start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\n"},
    {"{{ '<|' + role + '|>\\n' + content + '<|end|>\\n' }}", NULL,
     "<|user|>\nHi<|end|>\n<|assistant|>\n"},
    {"{{ '<|user|>\n' + m.content + eos_token }}", "Be brief.",
     "<|system|>\nBe brief.</s>\n<|user|>\nHi</s>\n<|assistant|>\n"},
    {"{{ '[INST] <<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' }}", "Be brief.",
     "[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST]"},
    {"{{ '[INST] ' + content + ' [/INST]' }}", "Be brief.", "[INST] Be brief.\n\nHi [/INST]"},
    {"{{ '[INST] ' + content + ' [/INST]' }}", NULL, "[INST] Hi [/INST]"},
};

static void templates_are_recognised_and_laid_out(void **state)
{
    wagle_ctx *ctx = new_context();

    (void)state;
    assert_ok(ctx, wg_make_folder(ctx, WG_SCRATCH "/chat"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *template = cases[i].template;
        wg_arena arena = {0};
        wg_chat chat;
        wg_text text = {0};
        assert_ok(ctx, wg_write_file(ctx, WG_SCRATCH "/chat/chat_template.jinja", template,
                                     strlen(template), true));
        assert_ok(ctx, wg_chat_choose(ctx, "auto", WG_SCRATCH "/chat", &arena, &chat));
        assert_ok(ctx, wg_chat_render(ctx, &chat, cases[i].system, "Hi", &text));
        assert_string_equal(text.text, cases[i].want);
        wg_text_free(&text);
        wg_arena_free(&arena);
    }
    wagle_ctx_free(ctx);
}

static void an_unknown_template_names_the_layouts(void **state)
{
    static const char odd[] = "{{ '### Instruction' }}";
    wagle_ctx *ctx = new_context();
    wg_arena arena = {0};
    wg_chat chat;

    (void)state;
    assert_ok(ctx, wg_make_folder(ctx, WG_SCRATCH "/chat"));
    assert_ok(
        ctx, wg_write_file(ctx, WG_SCRATCH "/chat/chat_template.jinja", odd, sizeof odd - 1, true));
    assert_int_equal(wg_chat_choose(ctx, "auto", WG_SCRATCH "/chat", &arena, &chat), WAGLE_E_USAGE);
    assert_non_null(strstr(wagle_message(ctx), "--chat-layout"));
    wg_arena_free(&arena);
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_are_recognised_and_laid_out),
        cmocka_unit_test(an_unknown_template_names_the_layouts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
