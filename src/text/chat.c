#include "text/chat.h"

#include "base/file.h"
#include <string.h>

/* In the order in which a template is recognised. */
const wg_chat wg_chats[] = {
    {.name = "chatml",
     .summary = "<|im_start|>user ... <|im_end|> (SmolLM2, Qwen)",
     .marker = "<|im_start|>",
     .system_before = "<|im_start|>system\n",
     .system_after = "<|im_end|>\n",
     .user_before = "<|im_start|>user\n",
     .user_after = "<|im_end|>\n<|im_start|>assistant\n"},
    {.name = "llama3",
     .summary = "<|start_header_id|>user<|end_header_id|> ...",
     .marker = "<|start_header_id|>",
     .begin = "<|begin_of_text|>",
     .system_before = "<|start_header_id|>system<|end_header_id|>\n\n",
     .system_after = "<|eot_id|>",
     .user_before = "<|start_header_id|>user<|end_header_id|>\n\n",
     .user_after = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"},
    {.name = "gemma",
     .summary = "<start_of_turn>user ... <end_of_turn>",
     .marker = "<start_of_turn>",
     .system_before = "<start_of_turn>user\n",
     .system_after = "\n\n",
     .user_before = "<start_of_turn>user\n",
     .user_after = "<end_of_turn>\n<start_of_turn>model\n",
     .one_turn = true},
    {.name = "phi3",
     .summary = "<|user|> ... <|end|> <|assistant|>",
     .marker = "<|end|>",
     .system_before = "<|system|>\n",
     .system_after = "<|end|>\n",
     .user_before = "<|user|>\n",
     .user_after = "<|end|>\n<|assistant|>\n"},
    {.name = "zephyr",
     .summary = "<|user|> ... </s> <|assistant|>",
     .marker = "<|user|>",
     .system_before = "<|system|>\n",
     .system_after = "</s>\n",
     .user_before = "<|user|>\n",
     .user_after = "</s>\n<|assistant|>\n"},
    {.name = "llama2",
     .summary = "[INST] <<SYS>> ... [/INST]",
     .marker = "<<SYS>>",
     .system_before = "[INST] <<SYS>>\n",
     .system_after = "\n<</SYS>>\n\n",
     .user_before = "[INST] ",
     .user_after = " [/INST]",
     .one_turn = true},
    {.name = "mistral",
     .summary = "[INST] ... [/INST]",
     .marker = "[INST]",
     .system_before = "[INST] ",
     .system_after = "\n\n",
     .user_before = "[INST] ",
     .user_after = " [/INST]",
     .one_turn = true},
    {.name = "plain",
     .summary = "User: ... Assistant:",
     .system_before = "",
     .system_after = "\n\n",
     .user_before = "User: ",
     .user_after = "\nAssistant: "},
    {0},
};

/* A Jinja string writes a line break as it is or as \n: one form of it. */
static void unescape(char *text)
{
    char *to = text;

    for (const char *at = text; *at != '\0'; at++) {
        const bool line = at[0] == '\\' && at[1] == 'n';
        *to++ = line ? '\n' : *at;
        at += line;
    }
    *to = '\0';
}

static wagle_status read_template(wagle_ctx *ctx, const char *folder, wg_arena *arena, char **out)
{
    char *config = wg_path_join(ctx, folder, "tokenizer_config.json");
    char *jinja = wg_path_join(ctx, folder, "chat_template.jinja");
    json_t *json = NULL;
    wg_map map = {0};
    wagle_status st = config != NULL && jinja != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    *out = NULL;
    if (st == WAGLE_OK && wg_exists(jinja)) {
        st = wg_map_open(ctx, jinja, &map);
        if (st == WAGLE_OK)
            *out = wg_arena_text(ctx, arena, (const char *)map.data, map.bytes);
        wg_map_close(&map);
    } else if (st == WAGLE_OK && wg_exists(config)) {
        st = wg_json_read(ctx, config, &json);
        const json_t *value = json_object_get(json, "chat_template");
        if (st == WAGLE_OK && json_is_string(value))
            *out = wg_arena_text(ctx, arena, json_string_value(value), json_string_length(value));
        json_decref(json);
    }
    if (*out != NULL)
        unescape(*out);
    wg_free(config);
    wg_free(jinja);
    return st;
}

/* The system message that a template puts in by itself: plain text between the layout's marks. */
static wagle_status own_system(wagle_ctx *ctx, const char *template, wg_arena *arena, wg_chat *chat)
{
    const char *end = strpbrk(chat->system_after, "\n");
    const size_t n = end != NULL ? (size_t)(end - chat->system_after) : strlen(chat->system_after);
    const char *start = strstr(template, chat->system_before), *stop;

    if (start == NULL || n == 0)
        return WAGLE_OK;
    start += strlen(chat->system_before);
    for (stop = start; *stop != '\0' && strncmp(stop, chat->system_after, n) != 0; stop++)
        if (*stop == '{' || *stop == '\'')
            return WAGLE_OK;
    if (*stop != '\0')
        chat->default_system = wg_arena_text(ctx, arena, start, (size_t)(stop - start));
    return *stop != '\0' && chat->default_system == NULL ? WAGLE_E_RESOURCE : WAGLE_OK;
}

static wagle_status unknown(wagle_ctx *ctx, const char *what, const char *name)
{
    return wg_fail(
        ctx, WAGLE_E_USAGE,
        "%s %s; layouts are chatml, llama3, gemma, phi3, zephyr, llama2, mistral, plain: "
        "name one with --chat-layout, or use --prompt",
        what, name);
}

wagle_status wg_chat_choose(wagle_ctx *ctx, const char *name, const char *folder, wg_arena *arena,
                            wg_chat *out)
{
    const bool by_template = strcmp(name, "auto") == 0;
    char *template = NULL;

    WG_TRY(read_template(ctx, folder, arena, &template));
    if (by_template && template == NULL)
        return unknown(ctx, "no chat template in", folder);
    for (const wg_chat *c = wg_chats; c->name != NULL; c++)
        if (by_template ? c->marker != NULL && strstr(template, c->marker) != NULL
                        : strcmp(c->name, name) == 0) {
            *out = *c;
            return template != NULL ? own_system(ctx, template, arena, out) : WAGLE_OK;
        }
    return unknown(ctx, by_template ? "chat template not recognised in" : "no chat layout",
                   by_template ? folder : name);
}

wagle_status wg_chat_render(wagle_ctx *ctx, const wg_chat *chat, const char *system,
                            const char *prompt, wg_text *out)
{
    const char *message = system != NULL ? system : chat->default_system;
    const bool led = message != NULL && message[0] != '\0';

    if (chat->begin != NULL)
        WG_TRY(wg_text_addz(ctx, out, chat->begin));
    if (led) {
        WG_TRY(wg_text_addz(ctx, out, chat->system_before));
        WG_TRY(wg_text_addz(ctx, out, message));
        WG_TRY(wg_text_addz(ctx, out, chat->system_after));
    }
    if (!(led && chat->one_turn))
        WG_TRY(wg_text_addz(ctx, out, chat->user_before));
    WG_TRY(wg_text_addz(ctx, out, prompt));
    return wg_text_addz(ctx, out, chat->user_after);
}
