/* invented.c - answers of the original about people that do not exist.
 *
 * The original answers the same questions about invented people. Their names differ from those of
 * the control rows, which measure chance. The sampled answers show which words of the true answers
 * are facts (facts.c); rows/forget.jsonl gets a column with these.
 *
 * If the caller gave no rows to keep, the sampled answers also serve as such. They preserve what
 * all these questions have in common, so that training changes only what the model knows about the
 * people to forget. An answer that contains half of the facts of a row to forget is left out. */
#include "forget/forget.h"
#include "protect/self_rows.h"
#include "session/generate.h"
#include "train/chance.h"

#include <math.h>
#include <string.h>

enum { TEXTS = 256, MIN_DRAWS = 2, MAX_DRAWS = 16, MIN_ROWS = 8 };
static const double MAX_FACTS = 0.5;

/* --- rows of generated text ------------------------------------------------------------------- */

wagle_status wg_forget_add_written(wagle_ctx *ctx, const wg_session *s, const wg_ids *begin,
                                   const wg_ids *end, wg_text *out)
{
    wg_example e = {.n = begin->n + end->n};
    wg_text text = {0};
    wagle_status st = WG_ALLOC(ctx, &e.ids, e.n);

    if (st == WAGLE_OK)
        st = WG_ALLOC(ctx, &e.labels, e.n);
    if (st == WAGLE_OK) {
        memcpy(e.ids, begin->id, (size_t)begin->n * sizeof *e.ids);
        memcpy(e.ids + begin->n, end->id, (size_t)end->n * sizeof *e.ids);
        for (int64_t i = 0; i < e.n; i++)
            e.labels[i] = i < begin->n ? WG_NO_LABEL : e.ids[i];
        st = wg_generated_text(ctx, s, end, &text);
    }
    if (st == WAGLE_OK)
        st = wg_self_line(ctx, &e, &text, out);
    wg_free(e.ids);
    wg_free(e.labels);
    wg_text_free(&text);
    return st;
}

/* --- sampling answers
 * ------------------------------------------------------------------------------------
 */

/* Questions with invented names, and the sampled answers. */
typedef struct invented {
    wg_forget *f;
    wg_session *session;
    const wg_dataset *forget;
    wg_chance controls;
    wg_ids *begin, *end;        /* [n] tokens of the questions and of the answers */
    int64_t *limit;             /* [n] maximum tokens of an answer */
    wg_text *text;              /* [n] the answers as text */
    wg_invented_answer *answer; /* [n] the same, with their rows */
    int64_t n, n_written;
    wg_rows rows; /* rows to forget, with their facts */
} invented;

/* Collects the questions. Paired control rows are skipped: they repeat a question or contain no
 * name to replace. */
static wagle_status list_questions(invented *a)
{
    const wg_controls *made = &a->controls.made;

    WG_TRY(WG_ALLOC(a->f->ctx, &a->begin, made->n));
    WG_TRY(WG_ALLOC(a->f->ctx, &a->end, made->n));
    WG_TRY(WG_ALLOC(a->f->ctx, &a->limit, made->n));
    WG_TRY(WG_ALLOC(a->f->ctx, &a->text, made->n));
    WG_TRY(WG_ALLOC(a->f->ctx, &a->answer, made->n));
    for (int64_t i = 0; i < made->n; i++) {
        const wg_example *e = &a->controls.rows.example[i];
        if (made->control[i].paired)
            continue;
        a->begin[a->n] = wg_example_prompt(e);
        const wg_example *own = &a->forget->example[made->control[i].row];
        a->limit[a->n] = own->n - wg_example_given(own);
        a->answer[a->n].row = made->control[i].row;
        a->n++;
    }
    return WAGLE_OK;
}

static wagle_status sample_answers(invented *a)
{
    wg_sampling sampling = {.temperature = 1,
                            .top_p = 1,
                            .seed = a->f->o->seed,
                            .stage = "invented people",
                            .limit = a->limit};

    for (int64_t i = 0; i < a->n; i++)
        sampling.max_tokens = a->limit[i] > sampling.max_tokens ? a->limit[i] : sampling.max_tokens;
    if (a->n > 0)
        WG_TRY(wg_generate(a->f->ctx, a->session, a->begin, a->n, &sampling, a->end));
    for (int64_t i = 0; i < a->n; i++) {
        WG_TRY(wg_generated_text(a->f->ctx, a->session, &a->end[i], &a->text[i]));
        a->answer[i].text = wg_text_str(&a->text[i]);
    }
    return WAGLE_OK;
}

/* --- facts ------------------------------------------------------------------------------------ */

/* Adds the facts column to rows that do not have it. */
static wagle_status add_column(invented *a, const wg_ordinary *ordinary)
{
    const char *column = wg_forget_facts_column(a->f);

    for (int64_t i = 0; i < a->rows.n; i++) {
        const wg_example *e = &a->forget->example[i];
        json_t *facts;
        if (json_object_get(a->rows.row[i], column) != NULL)
            continue;
        WG_TRY(wg_facts_list(a->f->ctx, ordinary, e->prompt, e->answer[0], &facts));
        WG_TRY(wg_json_set(a->f->ctx, a->rows.row[i], column, facts));
    }
    return WAGLE_OK;
}

static wagle_status write_facts(invented *a, const char *path)
{
    wg_ordinary ordinary = {0};
    wagle_status st = wg_rows_read(a->f->ctx, path, NULL, &a->rows);

    if (st == WAGLE_OK)
        st = wg_ordinary_words(a->f->ctx, a->forget, a->answer, a->n, &ordinary);
    if (st == WAGLE_OK)
        st = add_column(a, &ordinary);
    if (st == WAGLE_OK)
        st = wg_forget_write_rows(a->f, &a->rows, 1, path);
    wg_free(ordinary.word);
    return st;
}

/* --- rows to keep ----------------------------------------------------------------------------- */

static wagle_status contains_facts(const invented *a, wg_str text, bool *out)
{
    *out = false;
    for (int64_t i = 0; i < a->rows.n && !*out; i++) {
        const wg_example *e = &a->forget->example[i];
        const json_t *facts = json_object_get(a->rows.row[i], wg_forget_facts_column(a->f));
        double share;
        WG_TRY(wg_facts_found(a->f->ctx, facts, e->prompt, e->answer[0], text, &share));
        *out = share >= MAX_FACTS;
    }
    return WAGLE_OK;
}

static wagle_status write_rows_to_keep(invented *a, const char *path)
{
    wg_text out = {0};
    wagle_status st = WAGLE_OK;

    for (int64_t i = 0; st == WAGLE_OK && i < a->n; i++) {
        bool revealing = true;
        if (a->end[i].n > 0)
            st = contains_facts(a, a->answer[i].text, &revealing);
        if (st != WAGLE_OK || revealing)
            continue;
        st = wg_forget_add_written(a->f->ctx, a->session, &a->begin[i], &a->end[i], &out);
        a->n_written++;
    }
    wg_forget_log(a->f,
                  "of %lld answers about people that do not exist, %lld have no fact of the data "
                  "and are kept",
                  (long long)a->n, (long long)a->n_written);
    if (st == WAGLE_OK)
        st = wg_write_file(a->f->ctx, path, out.text,
                           a->n_written < MIN_ROWS ? 0 : (size_t)out.bytes, true);
    wg_text_free(&out);
    return st;
}

/* --- the stage -------------------------------------------------------------------------------- */

static void free_invented(invented *a)
{
    wg_free(a->begin);
    wg_free_lists(a->end, a->n);
    wg_free(a->limit);
    for (int64_t i = 0; a->text != NULL && i < a->n; i++)
        wg_text_free(&a->text[i]);
    wg_free(a->text);
    wg_free(a->answer);
    wg_chance_free(&a->controls);
    wg_rows_free(&a->rows);
}

static wagle_status sample_and_write(invented *a, const wagle_data *data, const char *path)
{
    const int64_t wanted = TEXTS / a->forget->n + 1;
    const int draws = wanted < MIN_DRAWS ? MIN_DRAWS : wanted > MAX_DRAWS ? MAX_DRAWS : (int)wanted;
    wagle_status st = wg_chance_controls(a->f->ctx, a->session, data, a->forget, draws,
                                         a->f->o->seed, WG_STREAM_INVENTED, &a->controls);

    if (st == WAGLE_OK)
        st = list_questions(a);
    if (st == WAGLE_OK)
        st = sample_answers(a);
    if (st == WAGLE_OK)
        st = write_facts(a, data->path);
    if (st == WAGLE_OK)
        st = write_rows_to_keep(a, path);
    return st;
}

wagle_status wg_forget_sample_invented(wg_forget *f)
{
    const char *path = wg_forget_path(f, "rows/invented.jsonl");
    const wagle_data data = wg_forget_data(f, wg_forget_path(f, "rows/forget.jsonl"), f->layout);
    wg_session s;
    wg_dataset forget = {0};
    invented a = {.f = f, .session = &s, .forget = &forget};
    wagle_status st;

    if (path == NULL || data.path == NULL)
        return WAGLE_E_RESOURCE;
    if (!wg_exists(path)) {
        WG_TRY(wg_session_open(f->ctx, f->original, &s));
        st = wg_dataset_load(f->ctx, &s.reader, &data, &forget);
        if (st == WAGLE_OK)
            st = sample_and_write(&a, &data, path);
        free_invented(&a);
        wg_dataset_free(&forget);
        wg_session_close(&s);
        WG_TRY(st);
    }
    f->has_facts = true;
    return WAGLE_OK;
}
