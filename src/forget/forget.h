/* forget.h - the pipeline of `wagle forget`: from a deletion request to a model and a certificate.
 *
 * The stages, in order; each has a file:
 *
 *   intake.c       makes rows of questions and answers from the data (people.c: from a table of
 *                  people; documents.c: from documents)
 *   know.c         chooses the layout in which the model knows the rows best
 *   invented.c     samples answers about people that do not exist; they show which words of the
 *                  true answers are facts (facts.c), and serve as rows to keep
 *   know.c         measures how well the model knows the facts, and the level of chance
 *   train.c        one unlearning run: searches for the learning rate, protects other knowledge
 *   tests.c        tests the forgotten model: reworded questions, extraction, quantisation,
 *                  relearning (kept.c: other abilities; earlier.c: earlier requests)
 *   certificate.c  verdict, certificate.json, the report and the summary on the terminal
 *
 * All files are written to OUT.partial. A file that exists there is not written again, so that an
 * interrupted call continues. */
#ifndef WG_FORGET_FORGET_H
#define WG_FORGET_FORGET_H

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "io/rows.h"
#include "session/session.h"

enum { WG_FORGET_LAYOUTS = 3 };

/* A layout of questions for a model. flag: the command-line flag that selects it. */
typedef struct wg_forget_layout {
    const char *name, *words, *chat, *prompt, *flag;
} wg_forget_layout;

/* An option of a command. value: "" for an option without a value; NULL leaves the option out. */
typedef struct wg_flag {
    const char *name, *value;
} wg_flag;

/* A measurement on one set of rows. */
typedef struct wg_level {
    double mean, high; /* high: the upper end of the mean's 95 % interval */
    int64_t n;
} wg_level;

typedef struct wg_forget {
    wagle_ctx *ctx;
    const wagle_forget_options *o;
    wg_arena arena;       /* paths and other texts of the whole call */
    wg_partial folder;    /* OUT.partial */
    const char *original; /* folder of the model as it was */
    const char
        *original_name; /* the same for messages: as the caller named it, or its imported copy */
    char original_hash[WG_SHA256_TEXT], data_hash[WG_SHA256_TEXT];
    bool planning;       /* only lists the commands */
    const char *earlier; /* OUT folder of the earlier call that made this model, or NULL */
    int64_t n_rows;
    bool generated;         /* rows were generated from a table or documents */
    int64_t shots;          /* solved questions that fit before another one */
    bool questions;         /* rows are questions with answers, not conversations */
    json_t *subjects;       /* names of a table's people, or of documents */
    const char *understood; /* one sentence about the data */
    const wg_forget_layout *layout;
    bool has_facts; /* rows/forget.jsonl has the facts column */
    wg_level known, chance;
    wagle_train_result run;
    json_t *tests, *answers, *requests; /* lists in the certificate */
    json_t *commands;
    double started;    /* seconds, wg_seconds() */
    wagle_log_fn *log; /* the caller's */
    void *log_user;
    bool nested, unlearning; /* in a nested call; in the unlearning run */
} wg_forget;

/* wg_forget_path: a path in OUT.partial. wg_forget_out: the path of that file in OUT. Both are in
 * f's arena; NULL if memory runs out. */
const char *wg_forget_path(wg_forget *f, const char *format, ...) WG_PRINTF(2);
const char *wg_forget_out(wg_forget *f, const char *name);
/* NAME=PATH, in f's arena. NULL if path is NULL, if the text is too long or if memory runs out. */
const char *wg_forget_entry(wg_forget *f, const char *name, const char *path);
/* Writes one line to the log at level 1. */
void wg_forget_log(wg_forget *f, const char *format, ...) WG_PRINTF(2);
/* Records the command line that repeats a stage, for the certificate and the plan. rows: adds the
 * options for reading rows. flags end with {0}; a flag whose name or value is NULL is left out. */
WAGLE_CHECK wagle_status wg_forget_command(wg_forget *f, const char *command, bool rows,
                                           const wg_flag *flags);
/* Options for reading rows to forget or control rows from `path` in the given layout. */
wagle_data wg_forget_data(const wg_forget *f, const char *path, const wg_forget_layout *layout);
/* Adds which rows and columns of the data are read, in brackets; nothing if all are. */
WAGLE_CHECK wagle_status wg_forget_add_select(const wg_forget *f, wg_text *out);
/* Name of the column with the facts of the answers. */
const char *wg_forget_facts_column(const wg_forget *f);
/* Whether the model has a chat template. */
WAGLE_CHECK wagle_status wg_forget_has_chat(wg_forget *f, bool *out);
/* Layout i of the WG_FORGET_LAYOUTS layouts that are tried. */
const wg_forget_layout *wg_forget_layout_at(int i);
/* The layout of that name, or NULL. */
const wg_forget_layout *wg_forget_layout_find(const char *name);

/* Mean probability that `model` (a folder) gives the answers of a file's rows, and its interval. */
WAGLE_CHECK wagle_status wg_forget_level(wg_forget *f, const char *model, const wagle_data *rows,
                                         wg_level *out);
wg_level wg_level_of(const double *x, int64_t n);

/* --- stages ----------------------------------------------------------------------------------- */

WAGLE_CHECK wagle_status wg_forget_read(wg_forget *f);
WAGLE_CHECK wagle_status wg_forget_choose_layout(wg_forget *f);
/* Adds the facts column to rows/forget.jsonl and writes rows/invented.jsonl. The latter is empty if
 * too few answers are usable. */
WAGLE_CHECK wagle_status wg_forget_sample_invented(wg_forget *f);
WAGLE_CHECK wagle_status wg_forget_know(wg_forget *f);
WAGLE_CHECK wagle_status wg_forget_train(wg_forget *f);
WAGLE_CHECK wagle_status wg_forget_test(wg_forget *f);
WAGLE_CHECK wagle_status wg_forget_certify(wg_forget *f, wagle_forget_result *result);

/* earlier.c: finds out whether an earlier call made the model, and tests whether the new model
 * still does not know what was forgotten then. */
WAGLE_CHECK wagle_status wg_forget_find_earlier(wg_forget *f);
WAGLE_CHECK wagle_status wg_forget_test_earlier(wg_forget *f);

/* redact.c: replaces the texts of the rows in OUT.partial by keyed hashes. */
WAGLE_CHECK wagle_status wg_forget_redact(wg_forget *f);

/* One test in the certificate. group: "forgotten" (passes if after <= threshold) or "kept" (passes
 * if after >= threshold). why: reason why it was not tested, or NULL. */
typedef struct wg_finding {
    const char *group, *name, *words, *why;
    double before, after, threshold;
    int64_t rows;
} wg_finding;

WAGLE_CHECK wagle_status wg_forget_add_test(wg_forget *f, const wg_finding *t);
/* kept.c: compares the answers of the original with those of `model` on other topics. */
WAGLE_CHECK wagle_status wg_forget_test_kept(wg_forget *f, const char *model);

/* --- facts.c ---------------------------------------------------------------------------------- */

/* Ordinary words, which are no facts: sorted hashes (data/words.h). Free word with wg_free. */
typedef struct wg_ordinary {
    uint64_t *word; /* [n] */
    int64_t n;
} wg_ordinary;

/* The original's answer to the question of a row, asked about an invented person. */
typedef struct wg_invented_answer {
    int64_t row;
    wg_str text;
} wg_invented_answer;

/* Ordinary words of the rows' answers: those that occur in more than half of answers [n]. */
WAGLE_CHECK wagle_status wg_ordinary_words(wagle_ctx *ctx, const wg_dataset *rows,
                                           const wg_invented_answer *answers, int64_t n,
                                           wg_ordinary *out);
/* Lists the facts of an answer: at least one text that occurs in it. */
WAGLE_CHECK wagle_status wg_facts_list(wagle_ctx *ctx, const wg_ordinary *ordinary, wg_str question,
                                       wg_str answer, json_t **out);
/* Share of the words of `facts` (a text or a list of texts) that occur in `text`; NAN if facts is
 * empty. */
WAGLE_CHECK wagle_status wg_facts_found(wagle_ctx *ctx, const json_t *facts, wg_str question,
                                        wg_str answer, wg_str text, double *out);
/* invented.c: adds a row of token ids: `begin`, then `end`, which the model generated. Only `end`
 * has labels. */
WAGLE_CHECK wagle_status wg_forget_add_written(wagle_ctx *ctx, const wg_session *s,
                                               const wg_ids *begin, const wg_ids *end,
                                               wg_text *out);

/* intake.c: adds a row with a question and its answer. */
WAGLE_CHECK wagle_status wg_forget_add_question(wg_forget *f, const char *question,
                                                const char *answer, wg_text *out);
/* intake.c: writes rows 0, every, 2 * every, ... to a JSON Lines file. */
WAGLE_CHECK wagle_status wg_forget_write_rows(wg_forget *f, const wg_rows *rows, int64_t every,
                                              const char *path);
/* people.c: whether the rows are a table of people (or other things with names), and questions
 * about them as JSON Lines. */
bool wg_people_table(const wg_rows *rows);
WAGLE_CHECK wagle_status wg_people_rows(wg_forget *f, const wg_rows *rows, wg_text *out);
/* documents.c: questions about the files of the folder o->data, as JSON Lines. */
WAGLE_CHECK wagle_status wg_document_rows(wg_forget *f, wg_text *out);

#endif
