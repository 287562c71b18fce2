/* layout.h - lays out rows as prompts: the prompt column in a template, or a conversation rendered
 * by a chat template. */
#ifndef WG_DATA_LAYOUT_H
#define WG_DATA_LAYOUT_H

#include "data/record.h"
#include "text/chat.h"

/* A layout; {0} is not open. */
typedef struct wg_layout {
    bool open, logged;
    wagle_data of; /* the options that it was opened with */
    wg_chat *chat; /* NULL: a template with fields */
    char date[16]; /* for strftime_now of the chat template */
} wg_layout;

/* Bytes [from, to) of a text. */
typedef struct wg_turn {
    int64_t from, to;
} wg_turn;

/* A laid-out row. Answers and question are borrowed from the row, which must outlive it. */
typedef struct wg_asked {
    wg_text prompt;   /* text up to the answer */
    bool chat;        /* rendered by a chat template, which includes the special tokens */
    json_t *messages; /* of a chat: its messages, answers included */
    wg_turn *earlier; /* earlier answers in the prompt that are also labels (--all-turns) */
    int64_t n_earlier, capacity;
    wg_str *answer; /* [n_answers] the first is trained on; NULL without answers */
    int64_t n_answers;
    wg_str *fact; /* [n_facts] facts of the first answer, from the facts column */
    int64_t n_facts;
    wg_str question;    /* as the row has it */
    wg_text own, asked; /* storage for an answer and a question that are no field of the row */
} wg_asked;

void wg_asked_free(wg_asked *a);

/* Context before the question: turns of a chat, and text before the prompt or before the user's
 * message. */
typedef struct wg_preamble {
    wg_str text;
    const json_t *turns; /* or NULL */
} wg_preamble;

/* Opens the layout for rows of `data` and the model in `folder`. An equal layout stays open. */
WAGLE_CHECK wagle_status wg_layout_open(wagle_ctx *ctx, const char *folder, const wagle_data *data,
                                        wg_layout *l);
/* Logs the layout, once. */
WAGLE_CHECK wagle_status wg_layout_say(wagle_ctx *ctx, wg_layout *l);
void wg_layout_close(wg_layout *l);
/* Whether the options request a chat layout explicitly. */
bool wg_data_asks_chat(const wagle_data *d);
/* The options for opening the chat template. */
wg_chat_options wg_data_chat(const wagle_data *d);
/* {"prompt": template} or {"chat": name, "system", "kwargs", "date"}, with "eos": true if answers
 * end with the end-of-text token. For manifests and results. NULL if memory runs out. */
json_t *wg_layout_json(const wg_layout *l);
/* Warns if, according to the manifest in `folder`, the model was trained with another layout. */
WAGLE_CHECK wagle_status wg_layout_compare(wagle_ctx *ctx, const char *folder, const wg_layout *l);
/* Lays out a question or a chat. before may be NULL. answered: the row must have an answer. */
WAGLE_CHECK wagle_status wg_layout_ask(wagle_ctx *ctx, const wg_layout *l, const wg_record *r,
                                       wg_record_kind kind, const wg_preamble *before,
                                       bool answered, wg_asked *out);
/* turns.c: renders out->messages, which end with an answer: the prompt, and the answer into
 * out->own. all: also finds earlier answers. */
WAGLE_CHECK wagle_status wg_turns_lay_out(wagle_ctx *ctx, const wg_chat *chat, const wg_record *r,
                                          bool all, wg_asked *out);
/* Renders messages; error messages name the row. */
WAGLE_CHECK wagle_status wg_turns_render(wagle_ctx *ctx, const wg_chat *chat, const wg_record *r,
                                         const json_t *messages, bool generation_prompt,
                                         wg_text *out);

#endif
