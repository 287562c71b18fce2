/* solved.c - questions after solved examples. */
#include "suite/suite.h"

#include "data/conversation.h"
#include <string.h>

wagle_status wg_answers_load_after(wagle_ctx *ctx, wg_evaluation *e, const char *path, int64_t n,
                                   const wg_preamble *before, wg_answers *out)
{
    wagle_status st = wg_answers_open(ctx, e, path, out);

    for (int64_t i = 0; st == WAGLE_OK && i < (n > 0 ? n : out->rows.n); i++) {
        wg_asked asked;
        st = wg_answers_ask(ctx, e, out, i, before, true, &asked);
        if (st != WAGLE_OK)
            break;
        st = wg_answers_add_to(ctx, e, out, i, &asked, asked.answer[0]);
        wg_answers_end_row(out, i);
        wg_asked_free(&asked);
    }
    return st;
}

/* Adds a solved row, as text or as turns of a chat. */
static wagle_status add_solved(wagle_ctx *ctx, wg_evaluation *e, const wg_answers *dev, int64_t i,
                               wg_text *text, json_t *turns)
{
    wg_asked asked;
    json_t *message;
    size_t k;
    wagle_status st;

    WG_TRY(wg_answers_ask(ctx, e, dev, i, NULL, true, &asked));
    if (!asked.chat) {
        st = wg_text_adds(ctx, text, wg_text_str(&asked.prompt));
        if (st == WAGLE_OK)
            st = wg_text_adds(ctx, text, asked.answer[0]);
        if (st == WAGLE_OK)
            st = wg_text_addz(ctx, text, "\n\n");
        wg_asked_free(&asked);
        return st;
    }
    k = json_array_size(asked.messages);
    st = wg_is_assistant(asked.messages, k - 1) ||
                 json_array_append_new(asked.messages,
                                       wg_message_new("assistant", asked.answer[0])) == 0
             ? WAGLE_OK
             : wg_json_memory(ctx);
    json_array_foreach (asked.messages, k, message) {
        const char *role = json_string_value(json_object_get(message, "role"));
        if (st == WAGLE_OK && strcmp(role, "system") != 0 && strcmp(role, "developer") != 0 &&
            json_array_append(turns, message) != 0)
            st = wg_json_memory(ctx);
    }
    wg_asked_free(&asked);
    return st;
}

wagle_status wg_solved_read(wagle_ctx *ctx, wg_evaluation *e, const char *path, int64_t n,
                            wg_solved *out)
{
    wg_answers dev;
    wagle_status st;

    *out = (wg_solved){.turns = json_array()};
    st = out->turns != NULL ? wg_answers_open(ctx, e, path, &dev) : wg_json_memory(ctx);
    if (out->turns == NULL)
        return st;
    for (int64_t i = 0; st == WAGLE_OK && i < (n > 0 ? n : dev.rows.n); i++)
        st = add_solved(ctx, e, &dev, i, &out->text, out->turns);
    wg_answers_close(&dev);
    out->before = (wg_preamble){wg_text_str(&out->text), out->turns};
    return st;
}

void wg_solved_free(wg_solved *s)
{
    wg_text_free(&s->text);
    json_decref(s->turns);
    *s = (wg_solved){0};
}
