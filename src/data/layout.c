#include "data/layout.h"

#include <string.h>

void wg_asked_free(wg_asked *a)
{
    wg_text_free(&a->prompt);
    wg_free(a->earlier);
    wg_free(a->answer);
    *a = (wg_asked){0};
}

static bool same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool is_for(const wg_layout *l, const wagle_data *d)
{
    return l->open && same(l->of.prompt, d->prompt) && same(l->of.chat, d->chat) &&
           same(l->of.system, d->system);
}

void wg_layout_close(wg_layout *l)
{
    wg_chat_free(l->chat);
    *l = (wg_layout){0};
}

wagle_status wg_layout_open(wagle_ctx *ctx, const char *folder, const wagle_data *data,
                            wg_layout *l)
{
    if (is_for(l, data)) {
        l->of = *data;
        return WAGLE_OK;
    }
    wg_layout_close(l);
    if (data->chat != NULL)
        WG_TRY(wg_chat_open(ctx, folder, &(wg_chat_options){.name = data->chat}, &l->chat));
    l->of = *data;
    l->open = true;
    return WAGLE_OK;
}

json_t *wg_layout_json(const wg_layout *l)
{
    return l->chat ? json_pack("{s:s}", "chat", wg_chat_name(l->chat))
                   : json_pack("{s:s}", "prompt",
                               l->of.prompt != NULL ? l->of.prompt : WAGLE_DEFAULT_PROMPT);
}

/* The user's text: the prompt column, or the template filled. */
static wagle_status fill(wagle_ctx *ctx, const wg_layout *l, const wg_record *r,
                         const wg_columns *c, const wg_before *before, wg_asked *a, wg_text *out)
{
    const char *template = l->of.prompt != NULL ? l->of.prompt
                           : l->chat            ? "{prompt}"
                                                : WAGLE_DEFAULT_PROMPT;

    if (a->question.text == NULL && c->prompt != NULL &&
        json_is_string(json_object_get(r->fields, c->prompt)))
        WG_TRY(wg_record_text(ctx, r, c->prompt, &a->question));
    if (before != NULL)
        WG_TRY(wg_text_adds(ctx, out, before->text));
    return wg_record_fill(ctx, r, template, c, a->question, out);
}

static wagle_status ask_question(wagle_ctx *ctx, const wg_layout *l, const wg_record *r,
                                 const wg_columns *c, const wg_before *before, bool answered,
                                 wg_asked *a)
{
    wg_text user = {0};
    wagle_status st = WAGLE_OK;

    if (answered || (c->answer != NULL && json_object_get(r->fields, c->answer) != NULL))
        st = wg_record_texts(ctx, r, c->answer, &a->answer, &a->n_answers);
    if (st == WAGLE_OK)
        st = fill(ctx, l, r, c, before, a, l->chat ? &user : &a->prompt);
    if (st == WAGLE_OK && l->chat)
        st = wg_chat_render_prompt(ctx, l->chat, l->of.system, user.text, &a->prompt);
    wg_text_free(&user);
    return st;
}

wagle_status wg_layout_ask(wagle_ctx *ctx, const wg_layout *l, const wg_record *r,
                           const wg_before *before, bool answered, wg_asked *out)
{
    const wg_columns c = wg_record_columns(&l->of, r);
    wagle_status st;

    *out = (wg_asked){.chat = l->chat != NULL};
    st = ask_question(ctx, l, r, &c, before, answered, out);
    if (st != WAGLE_OK)
        wg_asked_free(out);
    return st;
}
