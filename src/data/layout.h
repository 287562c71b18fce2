/* layout.h - what stands before an answer: the prompt column within a template, or a conversation
 * as a chat template writes it. */
#ifndef WG_DATA_LAYOUT_H
#define WG_DATA_LAYOUT_H

#include "data/record.h"
#include "text/chat.h"

/* How rows are laid out; {0} is not opened. */
typedef struct wg_layout {
    bool open, said;
    wagle_data of; /* what it was opened for */
    wg_chat *chat; /* NULL: a template of fields */
    char date[16]; /* for strftime_now of the chat template */
} wg_layout;

/* Bytes [from, to) of a text. */
typedef struct wg_turn {
    int64_t from, to;
} wg_turn;

/* A row, laid out. Answers and question borrow from the row, which must outlive it. */
typedef struct wg_asked {
    wg_text prompt;   /* up to where the answer begins */
    bool chat;        /* by a chat template, which writes special tokens itself: none are added */
    json_t *messages; /* of a chat: what it was made of, answers included */
    wg_turn *earlier; /* answers within the prompt that are trained on too: --all-turns */
    int64_t n_earlier, room;
    wg_str *answer; /* [n_answers]: the first is trained on; of a prompt alone NULL */
    int64_t n_answers;
    wg_str *fact; /* [n_facts] of the first answer, as the facts column has them */
    int64_t n_facts;
    wg_str question;    /* as the row has it */
    wg_text own, asked; /* an answer and a question that no field holds as they are */
} wg_asked;

void wg_asked_free(wg_asked *a);

/* Goes before what is asked: messages of other turns (chats), and text (else, or within the user's
 * message). */
typedef struct wg_before {
    wg_str text;
    const json_t *turns; /* or NULL */
} wg_before;

/* For rows of `data` and the model in `folder`; the same again is kept. */
WAGLE_CHECK wagle_status wg_layout_open(wagle_ctx *ctx, const char *folder, const wagle_data *data,
                                        wg_layout *l);
/* Once, in the log. */
WAGLE_CHECK wagle_status wg_layout_say(wagle_ctx *ctx, wg_layout *l);
void wg_layout_close(wg_layout *l);
/* Whether a chat layout is asked for, not taken because the model has one. */
bool wg_data_asks_chat(const wagle_data *d);
/* What of it the template is opened with. */
wg_chat_options wg_data_chat(const wagle_data *d);
/* {"prompt": template} or {"chat": name, "system", "kwargs", "date"}, both with "eos": true where
 * answers end with the end-of-text token; for manifests and results. NULL without memory. */
json_t *wg_layout_json(const wg_layout *l);
/* Warns where the manifest in `folder` says that the model was trained with another layout. */
WAGLE_CHECK wagle_status wg_layout_compare(wagle_ctx *ctx, const char *folder, const wg_layout *l);
/* A row that is a question or a chat. before may be NULL. answered: it must have an answer. */
WAGLE_CHECK wagle_status wg_layout_ask(wagle_ctx *ctx, const wg_layout *l, const wg_record *r,
                                       wg_record_kind kind, const wg_before *before, bool answered,
                                       wg_asked *out);
/* turns.c: out->messages, which end with an answer, as the chat template writes them: the prompt,
 * the answer into out->own; all: earlier answers too. */
WAGLE_CHECK wagle_status wg_turns_lay_out(wagle_ctx *ctx, const wg_chat *chat, const wg_record *r,
                                          bool all, wg_asked *out);
/* Rendering whose errors name the row. */
WAGLE_CHECK wagle_status wg_turns_render(wagle_ctx *ctx, const wg_chat *chat, const wg_record *r,
                                         const json_t *messages, bool generation_prompt,
                                         wg_text *out);

#endif
