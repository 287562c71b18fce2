/* chat.h - one user turn laid out as chat models expect it, by named layouts. */
#ifndef WG_TEXT_CHAT_H
#define WG_TEXT_CHAT_H

#include "base/json.h"
#include "base/text.h"

typedef struct wg_chat {
    const char *name, *summary;
    const char *marker; /* what its Jinja template is recognised by, NULL: never */
    const char *begin;  /* start of the text, or NULL */
    const char *system_before, *system_after;
    const char *user_before, *user_after; /* user_after ends where the answer begins */
    const char *default_system;           /* NULL: none */
    bool one_turn;                        /* a system message stands in the user's turn */
} wg_chat;

extern const wg_chat wg_chats[]; /* ends with a NULL name */

/* name: a layout, or "auto": recognised from `folder`'s chat_template. */
WAGLE_CHECK wagle_status wg_chat_choose(wagle_ctx *ctx, const char *name, const char *folder,
                                        wg_arena *arena, wg_chat *out);
/* Appends the prompt up to where the answer begins. system: NULL, the layout's own. */
WAGLE_CHECK wagle_status wg_chat_render(wagle_ctx *ctx, const wg_chat *chat, const char *system,
                                        const char *prompt, wg_text *out);

#endif
