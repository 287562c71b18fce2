/* layout.h - what stands before an answer: the prompt column within a template, or a conversation
 * as a chat template writes it. */
#ifndef WG_DATA_LAYOUT_H
#define WG_DATA_LAYOUT_H

#include "data/record.h"
#include "text/chat.h"

/* How rows are laid out; {0} is not opened. */
typedef struct wg_layout {
    bool open;
    wagle_data of; /* what it was opened for */
    wg_chat *chat; /* NULL: a template of fields */
} wg_layout;

/* Bytes [from, to) of a text. */
typedef struct wg_turn {
    int64_t from, to;
} wg_turn;

/* A row, laid out. Answers and question borrow from the row, which must outlive it. */
typedef struct wg_asked {
    wg_text prompt;   /* up to where the answer begins */
    bool chat;        /* by a chat template, which writes special tokens itself: none are added */
    wg_turn *earlier; /* answers within the prompt that are trained on too: --all-turns */
    int64_t n_earlier, room;
    wg_str *answer; /* [n_answers]: the first is trained on; of a prompt alone NULL */
    int64_t n_answers;
    wg_str question; /* as the row has it */
} wg_asked;

void wg_asked_free(wg_asked *a);

/* Goes before what is asked: text, within the user's message where there is one. */
typedef struct wg_before {
    wg_str text;
} wg_before;

/* For rows of `data` and the model in `folder`; the same again is kept. Says in the log how. */
WAGLE_CHECK wagle_status wg_layout_open(wagle_ctx *ctx, const char *folder, const wagle_data *data,
                                        wg_layout *l);
void wg_layout_close(wg_layout *l);
/* {"prompt": template} or {"chat": name, ..}, for manifests and results; NULL without memory. */
json_t *wg_layout_json(const wg_layout *l);
/* A row that is a question or a chat. before may be NULL. answered: it must have an answer. */
WAGLE_CHECK wagle_status wg_layout_ask(wagle_ctx *ctx, const wg_layout *l, const wg_record *r,
                                       const wg_before *before, bool answered, wg_asked *out);

#endif
