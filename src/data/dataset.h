/* dataset.h - rows of a data file as token sequences with labels, and batches of them. */
#ifndef WG_DATA_DATASET_H
#define WG_DATA_DATASET_H

#include "data/layout.h"
#include "text/tokenizer.h"

enum { WG_NO_LABEL = -100 };

typedef struct wg_example {
    int32_t *ids, *labels; /* [n]; labels[i] is ids[i] or WG_NO_LABEL; labels[0] is never used */
    int64_t n, n_labels;   /* n_labels: labels other than WG_NO_LABEL, at least 1 */
    int64_t given;         /* tokens before the last answer; 0: tokens before the first label */
    wg_ids alone;          /* the prompt's own tokens, where the answer changes the last ones; else
                            * none: they are the first `given` */
    wg_str prompt;         /* as tokenised; NULL text for pre-tokenised rows */
    const wg_str *answer;  /* [n_answers] right answers; ids contains the first */
    int64_t n_answers;
    bool chat;                  /* the prompt text contains its special tokens */
    const float *token_weights; /* [n] from the row, or NULL */
    float weight;               /* of its loss term in training; 0 means 1 */
} wg_example;

typedef struct wg_dataset {
    wg_example *example; /* [n] */
    int64_t n, longest;
    wg_arena arena;
} wg_dataset;

/* Converts rows to token sequences for one model. */
typedef struct wg_reader {
    const char *folder; /* the model's */
    int64_t V, max_length;
    int32_t eos;                /* from the config, see wg_reader_eos; -1: none */
    wagle_tokenizer *tokenizer; /* opened when first needed */
    wg_layout layout;           /* opened when first needed */
    int64_t laid_out;           /* number of rows laid out */
    int64_t by_facts;           /* number of rows with only facts as labels */
    bool labels_optional;       /* accept rows without labels */
    int64_t by_preference;      /* number of rows with `chosen` and `rejected` */
    const char *preferred;      /* answer of rows with `chosen` and `rejected`; NULL: refuse them */
} wg_reader;

void wg_reader_close(wg_reader *r);
WAGLE_CHECK wagle_status wg_reader_tokenizer(wagle_ctx *ctx, wg_reader *r);
/* The end-of-text token: the eos_token of the tokenizer, if it is open and has one, else the
 * model's; -1 if there is none. */
int32_t wg_reader_eos(const wg_reader *r);

/* Free with wg_dataset_free. */
WAGLE_CHECK wagle_status wg_dataset_load(wagle_ctx *ctx, wg_reader *r, const wagle_data *data,
                                         wg_dataset *out);
/* The same; `preferred` says which answer of rows with `chosen` and `rejected` is meant. */
WAGLE_CHECK wagle_status wg_dataset_load_preferred(wagle_ctx *ctx, wg_reader *r,
                                                   const wagle_data *data, const char *preferred,
                                                   wg_dataset *out);
/* The same for JSON Lines in memory; data->path only appears in error messages. */
WAGLE_CHECK wagle_status wg_dataset_parse(wagle_ctx *ctx, wg_reader *r, const wagle_data *data,
                                          wg_str text, wg_dataset *out);
/* Lays out a row that is a question or a chat; other kinds are refused. before may be NULL.
 * answered: the row must have an answer. wg_asked_free. */
WAGLE_CHECK wagle_status wg_row_ask(wagle_ctx *ctx, wg_reader *r, const wagle_data *data,
                                    const wg_record *record, const wg_preamble *before,
                                    bool answered, wg_asked *out);
/* Adds an example: the prompt with `answer`, whose tokens are the labels. *capacity starts at 0. */
WAGLE_CHECK wagle_status wg_dataset_add(wagle_ctx *ctx, wg_reader *r, const wagle_data *data,
                                        const wg_record *record, const wg_asked *asked,
                                        wg_str answer, wg_dataset *out, int64_t *capacity);
/* Adds an example: `continuation` after `context`, tokenised as in lm-evaluation-harness. White
 * space at the context's end moves to the continuation. Both texts are tokenised together; the
 * labels are the tokens after as many as the context alone has. A sequence that is too long is
 * refused, or with data->truncate shortened on the left. */
WAGLE_CHECK wagle_status wg_dataset_add_continuation(wagle_ctx *ctx, wg_reader *r,
                                                     const wagle_data *data, int64_t line,
                                                     const wg_text *context,
                                                     const wg_text *continuation, wg_dataset *out,
                                                     int64_t *capacity);
/* Copies the rows with other answers: row i gets answers[choice[i]]. */
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
    int64_t capacity_S, capacity_N, capacity_M;
    bool keep_unlabelled;      /* also include trailing tokens that predict no label */
    int64_t n_full_label_seqs; /* the last n sequences have a label row for each token;
                      target is WG_NO_LABEL for tokens without a label */
    /* shared: a sequence may continue a prefix of an earlier one of its group. Its own tokens then
     * begin at start, and path lists the rows of all its tokens. */
    bool shared;
    int64_t *path_start; /* [S+1] */
    int64_t *path;       /* [path_start[S]] */
    int64_t *root;       /* [S] first sequence of the group, whose tokens are computed together */
    int64_t capacity_paths, capacity_path;
} wg_batch;

/* Number of input tokens of an example: up to the token before the last label. */
int64_t wg_example_inputs(const wg_example *e);
/* Number of tokens before the answer's labels. */
int64_t wg_example_given(const wg_example *e);
/* What a text generated after its prompt begins with; borrowed. */
wg_ids wg_example_prompt(const wg_example *e);
/* Fills the batch with examples [n]. Buffers only grow, so a batch that was once filled with the
 * largest content never allocates again. */
WAGLE_CHECK wagle_status wg_batch_fill(wagle_ctx *ctx, wg_batch *b,
                                       const wg_example *const *examples, int64_t n,
                                       int64_t n_forget);
/* Fills the batch with the first b->S of examples [n]: at least one, and as many as fit into `most`
 * tokens and label rows. A sequence that has an eighth or more of its tokens in common with an
 * earlier one shares them, in groups of up to `together` tokens. For forward passes only; losses
 * have the same bits as with wg_batch_fill. */
WAGLE_CHECK wagle_status wg_batch_fill_shared(wagle_ctx *ctx, wg_batch *b,
                                              const wg_example *examples, int64_t n, int64_t most,
                                              int64_t together);
/* Tokens of the longest sequence. */
int64_t wg_batch_longest(const wg_batch *b);
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
