/* forget.h - from a deletion request to a model that has forgotten, and the evidence.
 *
 * The stages, in order; each has a file:
 *
 *   intake.c       the data become rows of questions and answers (people.c: from a table of people,
 *                  documents.c: from documents)
 *   know.c         the layout in which the model knows them best
 *   invented.c     what the model answers about people that do not exist: which words of the true
 *                  answers are facts (facts.c), and rows to keep
 *   know.c         how well the model knows the facts, and the level of chance
 *   train.c        one unlearning run: rate searched for, other knowledge protected
 *   tests.c        the forgotten model is tested: reworded questions, extraction,
 *                  rounding, relearning (kept.c: what else it says; earlier.c: earlier requests)
 *   certificate.c  verdict, certificate.json, the report and the last screen
 *
 * Everything is made in OUT.partial. A file that exists there is not made again, so that an
 * interrupted call continues. */
#ifndef WG_FORGET_FORGET_H
#define WG_FORGET_FORGET_H

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "io/rows.h"
#include "session/session.h"

enum { WG_FORGET_LAYOUTS = 3 };

/* How questions can be put to a model; flag: of the command that asks for it. */
typedef struct wg_forget_layout {
    const char *name, *words, *chat, *prompt, *flag;
} wg_forget_layout;

/* An option of a command and its value: "" for one without, NULL: it is left out. */
typedef struct wg_flag {
    const char *name, *value;
} wg_flag;

/* What was measured of one set of rows. */
typedef struct wg_level {
    double mean, high; /* high: the upper end of the mean's 95 % interval */
    int64_t n;
} wg_level;

typedef struct wg_forget {
    wagle_ctx *ctx;
    const wagle_forget_options *o;
    wg_arena arena;            /* paths and other texts of the whole call */
    wg_partial folder;         /* OUT.partial */
    const char *original;      /* folder of the model as it was */
    const char *original_name; /* the same for people: what the caller named, or what it became */
    char original_hash[WG_SHA256_TEXT], data_hash[WG_SHA256_TEXT];
    bool planning;       /* commands are noted, nothing is done */
    const char *earlier; /* folder of an earlier call whose model this is, or NULL */
    int64_t n_rows;
    bool made;              /* the rows were made here */
    int64_t shots;          /* solved questions that fit before another one */
    bool questions;         /* they are questions with answers, no conversations */
    json_t *subjects;       /* names of a table's people, or of documents */
    const char *understood; /* one sentence about the data */
    const wg_forget_layout *layout;
    bool marked; /* the rows have the column with the facts of their answers */
    wg_level known, chance;
    wagle_train_result run;
    json_t *tests, *answers, *requests; /* of the certificate */
    json_t *commands;
    double began;
    wagle_log_fn *log; /* the caller's */
    void *log_user;
    bool inside, running; /* a call inside is at work; it is the unlearning run */
} wg_forget;

/* A path in OUT.partial, and the same file's name once OUT is made; of f's arena, NULL without
 * memory. */
const char *wg_forget_path(wg_forget *f, const char *format, ...) WG_PRINTF(2);
const char *wg_forget_out(wg_forget *f, const char *name);
/* NAME=PATH, of f's arena; NULL without memory, where path is NULL, and where it is too long. */
const char *wg_forget_entry(wg_forget *f, const char *name, const char *path);
/* A line of the log. */
void wg_forget_say(wg_forget *f, const char *format, ...) WG_PRINTF(2);
/* Notes a command that does what a stage does, for the certificate and the plan. rows: it has the
 * options that say how rows are read. flags end with {0}. A flag of which the name or the value is
 * NULL is left out. */
WAGLE_CHECK wagle_status wg_forget_command(wg_forget *f, const char *command, bool rows,
                                           const wg_flag *flags);
/* How rows to forget, or control rows, are read and laid out: in the layout at hand or in another.
 */
wagle_data wg_forget_data(const wg_forget *f, const char *path, const wg_forget_layout *layout);
/* The column with the facts of the answers. */
const char *wg_forget_facts_column(const wg_forget *f);
/* Whether the model has a chat template. */
WAGLE_CHECK wagle_status wg_forget_has_chat(wg_forget *f, bool *out);
/* Layout i of WG_FORGET_LAYOUTS that are tried. */
const wg_forget_layout *wg_forget_layout_at(int i);
/* The layout of that name, or NULL. */
const wg_forget_layout *wg_forget_layout_find(const char *name);

/* Answer probabilities of a file's rows, by `model` (a folder): their mean and its interval. */
WAGLE_CHECK wagle_status wg_forget_level(wg_forget *f, const char *model, const wagle_data *rows,
                                         wg_level *out);
wg_level wg_level_of(const double *x, int64_t n);

/* --- stages ------------------------------------------------------------------------------------
 */

WAGLE_CHECK wagle_status wg_forget_read(wg_forget *f);
WAGLE_CHECK wagle_status wg_forget_choose_layout(wg_forget *f);
/* The facts column of rows/forget.jsonl; without rows to keep also rows/invented.jsonl, which is
 * empty where the model gives too few answers. */
WAGLE_CHECK wagle_status wg_forget_ask_invented(wg_forget *f);
WAGLE_CHECK wagle_status wg_forget_know(wg_forget *f);
WAGLE_CHECK wagle_status wg_forget_train(wg_forget *f);
WAGLE_CHECK wagle_status wg_forget_test(wg_forget *f);
WAGLE_CHECK wagle_status wg_forget_certify(wg_forget *f, wagle_forget_result *result);

/* earlier.c: whether the model is what an earlier call made, and whether it still does not know
 * what was forgotten then. */
WAGLE_CHECK wagle_status wg_forget_find_earlier(wg_forget *f);
WAGLE_CHECK wagle_status wg_forget_test_earlier(wg_forget *f);

/* redact.c: replaces the texts of the rows in OUT.partial by keyed hashes. */
WAGLE_CHECK wagle_status wg_forget_redact(wg_forget *f);

/* SHA-256 of the list that `sha256sum NAMES` prints for the files of a folder that end so, or of
 * one file itself. */
WAGLE_CHECK wagle_status wg_forget_hash(wagle_ctx *ctx, const char *path, const char *ending,
                                        char out[WG_SHA256_TEXT]);

/* One line of the certificate. group: "forgotten", where `after` is to be at most the threshold, or
 * "kept", where it is to be at least that. why: it was not tested; or NULL. */
typedef struct wg_finding {
    const char *group, *name, *words, *why;
    double before, after, threshold;
    int64_t rows;
} wg_finding;

WAGLE_CHECK wagle_status wg_forget_add_test(wg_forget *f, const wg_finding *t);
/* kept.c: what the model answered before, and `model` now. */
WAGLE_CHECK wagle_status wg_forget_test_kept(wg_forget *f, const char *model);

/* --- facts.c -----------------------------------------------------------------------------------
 */

/* Words that say nothing about a subject: sorted hashes (data/words.h). Free word with wg_free. */
typedef struct wg_ordinary {
    uint64_t *word; /* [n] */
    int64_t n;
} wg_ordinary;

/* What the original answered to the question of a row, asked about somebody that does not exist. */
typedef struct wg_said {
    int64_t row;
    wg_str text;
} wg_said;

/* Of the words of the rows' answers those that said [n] has more often than not. */
WAGLE_CHECK wagle_status wg_ordinary_words(wagle_ctx *ctx, const wg_dataset *rows,
                                           const wg_said *said, int64_t n, wg_ordinary *out);
/* The facts of an answer, a list of texts that stand in it; at least one. */
WAGLE_CHECK wagle_status wg_facts_list(wagle_ctx *ctx, const wg_ordinary *ordinary, wg_str question,
                                       wg_str answer, json_t **out);
/* Share of the words of `facts` (a text or a list of texts of the answer) that a text has; NAN
 * where there are none. */
WAGLE_CHECK wagle_status wg_facts_found(wagle_ctx *ctx, const json_t *facts, wg_str question,
                                        wg_str answer, wg_str text, double *out);
/* invented.c: adds a row of given tokens and those that the model wrote after them, its labels. */
WAGLE_CHECK wagle_status wg_forget_add_written(wagle_ctx *ctx, const wg_session *s,
                                               const wg_ids *begin, const wg_ids *end,
                                               wg_text *out);

/* intake.c: adds a row with a question and its answer. */
WAGLE_CHECK wagle_status wg_forget_add_question(wg_forget *f, const char *question,
                                                const char *answer, wg_text *out);
/* intake.c: writes every so many rows to a file of JSON Lines. */
WAGLE_CHECK wagle_status wg_forget_write_rows(wg_forget *f, const wg_rows *rows, int64_t every,
                                              const char *path);
/* people.c: whether the rows are a table of people (or other things with names), and its questions
 * as JSON Lines. */
bool wg_people_table(const wg_rows *rows);
WAGLE_CHECK wagle_status wg_people_rows(wg_forget *f, const wg_rows *rows, wg_text *out);
/* documents.c: questions about the files of the folder o->data, as JSON Lines. */
WAGLE_CHECK wagle_status wg_document_rows(wg_forget *f, wg_text *out);

#endif
