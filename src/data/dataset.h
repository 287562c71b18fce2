/* dataset.h - rows of a data file as token sequences with labels, and batches of them. */
#ifndef WG_DATA_DATASET_H
#define WG_DATA_DATASET_H

#include "data/layout.h"
#include "text/tokenizer.h"

enum { WG_NO_LABEL = -100 };

typedef struct wg_example {
    int32_t *ids, *labels; /* [n]; labels[i] is ids[i] or WG_NO_LABEL; labels[0] is never used */
    int64_t n, n_labels;   /* n_labels: those that carry a loss, at least 1 */
    int64_t given;         /* tokens before the last answer; 0: those before the first label */
    wg_str prompt;         /* as it is tokenised; no text for pre-tokenised rows */
    const wg_str *answer;  /* [n_answers] that are right; the first is in ids */
    int64_t n_answers;
    bool chat;                  /* prompt has its special tokens itself */
    const float *token_weights; /* [n] of the row, or NULL */
    float weight;               /* of its term in training; 0 stands for 1 */
} wg_example;

typedef struct wg_dataset {
    wg_example *example; /* [n] */
    int64_t n, longest;
    wg_arena arena;
} wg_dataset;

/* What turns text into sequences for one model. */
typedef struct wg_reader {
    const char *folder; /* of the model */
    int64_t V, max_length;
    int32_t eos;                /* the config's, see wg_reader_eos; -1: none */
    wagle_tokenizer *tokenizer; /* opened when a row first needs it */
    wg_layout layout;           /* the same */
    int64_t laid_out;           /* rows that were laid out by it */
    int64_t by_facts;           /* rows of which only the facts are labels */
    bool labels_optional;       /* rows without a label token are not refused */
} wg_reader;

void wg_reader_close(wg_reader *r);
WAGLE_CHECK wagle_status wg_reader_tokenizer(wagle_ctx *ctx, wg_reader *r);
/* The token that is appended to a text: the eos_token of the tokenizer, if it is open and has one,
 * else the model's; -1: none. */
int32_t wg_reader_eos(const wg_reader *r);

/* Free with wg_dataset_free. */
WAGLE_CHECK wagle_status wg_dataset_load(wagle_ctx *ctx, wg_reader *r, const wagle_data *data,
                                         wg_dataset *out);
/* The same of rows in a text, JSON Lines; data->path only names them in errors. */
WAGLE_CHECK wagle_status wg_dataset_parse(wagle_ctx *ctx, wg_reader *r, const wagle_data *data,
                                          wg_str text, wg_dataset *out);
/* The prompt of a row that is a question or a chat, and its answers; other kinds are refused.
 * before may be NULL. answered: without an answer it is refused too. wg_asked_free. */
WAGLE_CHECK wagle_status wg_row_ask(wagle_ctx *ctx, wg_reader *r, const wagle_data *data,
                                    const wg_record *record, const wg_before *before, bool answered,
                                    wg_asked *out);
/* One more example: that prompt with `answer`, whose tokens are the labels. *room is 0 at first. */
WAGLE_CHECK wagle_status wg_dataset_add(wagle_ctx *ctx, wg_reader *r, const wagle_data *data,
                                        const wg_record *record, const wg_asked *asked,
                                        wg_str answer, wg_dataset *out, int64_t *room);
/* One more example: `continuation` after `context`, in tokens as lm-evaluation-harness cuts them:
 * white space at the context's end belongs to the continuation; its tokens are those of both texts
 * together after as many as the context alone has. Too long: refused, or with data->truncate cut on
 * the left. */
WAGLE_CHECK wagle_status wg_dataset_add_continuation(wagle_ctx *ctx, wg_reader *r,
                                                     const wagle_data *data, int64_t line,
                                                     const wg_text *context,
                                                     const wg_text *continuation, wg_dataset *out,
                                                     int64_t *room);
/* The same rows with other answers: for row i, answers[choice[i]]. */
WAGLE_CHECK wagle_status wg_dataset_with_answers(wagle_ctx *ctx, wg_reader *r,
                                                 const wagle_data *data, const wg_dataset *rows,
                                                 const wg_str *answers, const int64_t *choice,
                                                 wg_dataset *out);
void wg_dataset_free(wg_dataset *d);

/* Sequences packed without padding. Label row j predicts target[j] from token row[j]. */
typedef struct wg_batch {
    int64_t S, N, M;         /* sequences, tokens, label rows */
    int64_t n_forget;        /* sequences [0, n_forget) are stream 0, the others stream 1 */
    int64_t *start;          /* [S+1] first token of each sequence */
    int64_t *label_start;    /* [S+1] first label row of each sequence */
    int32_t *ids, *position; /* [N] */
    int64_t *row;            /* [M] */
    int32_t *target;         /* [M] */
    int64_t room_S, room_N, room_M;
    bool keep_unlabelled;      /* also tokens that predict nothing, now or later */
    int64_t n_full_label_seqs; /* the last so many sequences have a label row for each token: target
                      WG_NO_LABEL where there is none */
    /* Sequences may go on from tokens of an earlier one of their group: start then has the tokens
     * that are new, and path the rows of all of a sequence's tokens. */
    bool shared;
    int64_t *path_start; /* [S+1] */
    int64_t *path;       /* [path_start[S]] */
    int64_t *root;       /* [S] first sequence of the group, whose tokens are computed together */
    int64_t room_paths, room_path;
} wg_batch;

/* Tokens of an example that are computed: those up to the last label's predecessor. */
int64_t wg_example_inputs(const wg_example *e);
/* Tokens before the first label: what an answer is generated from. */
int64_t wg_example_given(const wg_example *e);
/* Fills the batch with examples [n]; grows what is too small, so a batch made once with the
 * largest content never allocates again. */
WAGLE_CHECK wagle_status wg_batch_fill(wagle_ctx *ctx, wg_batch *b,
                                       const wg_example *const *examples, int64_t n,
                                       int64_t n_forget);
/* The same with the first of examples [n], b->S of them: at least one, and as many as have up to
 * `most` tokens and label rows. Those that have an eighth of their tokens or more in common with an
 * earlier one share them, in groups of up to `together` tokens. For forward passes; losses are bit
 * for bit those of wg_batch_fill. */
WAGLE_CHECK wagle_status wg_batch_fill_shared(wagle_ctx *ctx, wg_batch *b,
                                              const wg_example *examples, int64_t n, int64_t most,
                                              int64_t together);
void wg_batch_free(wg_batch *b);
/* The sequence after the last of s's group; a batch that is not shared has groups of one. */
static inline int64_t wg_group_end(const wg_batch *b, int64_t s)
{
    int64_t to = s + 1;

    while (b->shared && to < b->S && b->root[to] == b->root[s])
        to++;
    return to;
}
/* Label rows of sequence s. */
static inline int64_t wg_labels_in(const wg_batch *b, int64_t s)
{
    return b->label_start[s + 1] - b->label_start[s];
}

#endif
