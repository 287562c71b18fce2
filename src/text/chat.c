#include "text/chat.h"

#include "base/file.h"
#include <string.h>

const wg_chat wg_chats[] = {
    {"chatml", "<|im_start|>user ... <|im_end|> (SmolLM2, Qwen)", "<|im_start|>", "",
     "<|im_start|>system\n", "<|im_end|>\n", "<|im_start|>user\n",
     "<|im_end|>\n<|im_start|>assistant\n", NULL},
    {"llama3", "<|start_header_id|>user<|end_header_id|> ...", "<|start_header_id|>",
     "<|begin_of_text|>", "<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>",
     "<|start_header_id|>user<|end_header_id|>\n\n",
     "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n", NULL},
    {"llama2", "[INST] ... [/INST]", "[INST]", "", "[INST] <<SYS>>\n", "\n<</SYS>>\n\n", "[INST] ",
     " [/INST]", NULL},
    {"zephyr", "<|user|> ... </s> <|assistant|>", "<|user|>", "", "<|system|>\n", "</s>\n",
     "<|user|>\n", "</s>\n<|assistant|>\n", NULL},
    {"plain", "User: ... Assistant:", NULL, "", "", "\n\n", "User: ", "\nAssistant: ", NULL},
    {0},
};

static wagle_status read_template(wagle_ctx *ctx, const char *folder, wg_arena *arena,
                                  const char **out)
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
    return wg_fail(ctx, WAGLE_E_USAGE,
                   "%s %s; layouts are chatml, llama3, llama2, zephyr, plain: name one with "
                   "--chat-layout, or use --prompt",
                   what, name);
}

wagle_status wg_chat_choose(wagle_ctx *ctx, const char *name, const char *folder, wg_arena *arena,
                            wg_chat *out)
{
    const bool by_template = strcmp(name, "auto") == 0;
    const char *template = NULL;

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
    const bool inside = strcmp(chat->name, "llama2") == 0; /* its system stands in the user turn */

    WG_TRY(wg_text_addz(ctx, out, chat->begin));
    if (message != NULL && message[0] != '\0') {
        WG_TRY(wg_text_addz(ctx, out, chat->system_before));
        WG_TRY(wg_text_addz(ctx, out, message));
        WG_TRY(wg_text_addz(ctx, out, chat->system_after));
    }
    if (!(inside && message != NULL && message[0] != '\0'))
        WG_TRY(wg_text_addz(ctx, out, chat->user_before));
    WG_TRY(wg_text_addz(ctx, out, prompt));
    return wg_text_addz(ctx, out, chat->user_after);
}
