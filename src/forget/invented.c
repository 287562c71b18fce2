/* invented.c - what the original says about people that do not exist, to be kept.
 *
 * The original is asked the same questions about invented people, and its sampled answers become
 * rows to keep. Their names differ from those of the control rows, which measure chance. Such rows
 * keep what the questions have in common, so that training changes only what the model knows about
 * the people to forget. An answer is left out if it contains half of the facts of a row to forget.
 */
#include "forget/forget.h"
#include "run/chance.h"
#include "run/generate.h"
#include "run/selfrows.h"

#include <math.h>
#include <string.h>

enum { TEXTS = 256, DRAWS_MOST = 16, LEAST = 8 };
static const double FACTS_MOST = 0.5;

/* --- which answers are kept ---------------------------------------------------------------------
 */

/* Whether the text contains at least half of the facts of a row. Rows of tokens have no words to
 * compare. */
static wagle_status gives_away(wagle_ctx *ctx, const wg_dataset *forget, wg_str text, bool *out)
{
    *out = false;
    for (int64_t i = 0; i < forget->n && !*out; i++) {
        const wg_example *e = &forget->example[i];
        double share = NAN;
        if (e->prompt.text != NULL)
            WG_TRY(wg_forget_facts(ctx, NULL, e->prompt, e->answer[0], text, &share));
        *out = share >= FACTS_MOST;
    }
    return WAGLE_OK;
}

/* --- rows of what the model wrote --------------------------------------------------------------
 */

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

/* --- asking ------------------------------------------------------------------------------------
 */

/* Questions with invented names, and how long the answers may be. */
typedef struct asking {
    wg_forget *f;
    wg_session *session;
    const wg_dataset *forget;
    wg_chance controls;
    wg_ids *begin, *end; /* [n] */
    int64_t *limit;      /* [n] */
    int64_t n, kept;
} asking;

/* Paired control rows are left out: they repeat a question, or have no name to replace. */
static wagle_status list(asking *a)
{
    const wg_controls *made = &a->controls.made;

    WG_TRY(WG_ALLOC(a->f->ctx, &a->begin, made->n));
    WG_TRY(WG_ALLOC(a->f->ctx, &a->end, made->n));
    WG_TRY(WG_ALLOC(a->f->ctx, &a->limit, made->n));
    for (int64_t i = 0; i < made->n; i++) {
        const wg_example *e = &a->controls.rows.example[i];
        if (made->control[i].paired)
            continue;
        a->begin[a->n] = (wg_ids){.id = e->ids, .n = wg_example_given(e)};
        a->limit[a->n] = a->forget->example[made->control[i].row].n_labels;
        a->n++;
    }
    return WAGLE_OK;
}

static wagle_status ask(asking *a)
{
    wg_sampling how = {.temperature = 1,
                       .top_p = 1,
                       .seed = a->f->o->seed,
                       .stage = "invented people",
                       .limit = a->limit};

    for (int64_t i = 0; i < a->n; i++)
        how.max_tokens = a->limit[i] > how.max_tokens ? a->limit[i] : how.max_tokens;
    return a->n > 0 ? wg_generate(a->f->ctx, a->session, a->begin, a->n, &how, a->end) : WAGLE_OK;
}

static wagle_status take(asking *a, wg_text *out)
{
    wg_text text = {0};
    wagle_status st = WAGLE_OK;

    for (int64_t i = 0; st == WAGLE_OK && i < a->n; i++) {
        bool given = false;
        if (a->end[i].n == 0)
            continue;
        text.bytes = 0;
        st = wg_generated_text(a->f->ctx, a->session, &a->end[i], &text);
        if (st == WAGLE_OK)
            st = gives_away(a->f->ctx, a->forget, wg_text_str(&text), &given);
        if (st == WAGLE_OK && !given) {
            st = wg_forget_add_written(a->f->ctx, a->session, &a->begin[i], &a->end[i], out);
            a->kept++;
        }
    }
    wg_text_free(&text);
    return st;
}

static void close_asking(asking *a)
{
    wg_free(a->begin);
    wg_free_lists(a->end, a->n);
    wg_free(a->limit);
    wg_chance_free(&a->controls);
}

static wagle_status write_invented(wg_forget *f, wg_session *s, const wagle_data *data,
                                   const wg_dataset *forget, wg_text *out)
{
    const int64_t draws = TEXTS / forget->n + 1;
    asking a = {.f = f, .session = s, .forget = forget};
    wagle_status st =
        wg_chance_controls(f->ctx, s, data, forget, (int)(draws < DRAWS_MOST ? draws : DRAWS_MOST),
                           f->o->seed, WG_STREAM_INVENTED, &a.controls);

    if (st == WAGLE_OK)
        st = list(&a);
    if (st == WAGLE_OK)
        st = ask(&a);
    if (st == WAGLE_OK)
        st = take(&a, out);
    if (st == WAGLE_OK)
        wg_forget_say(f,
                      "of %lld answers about people that do not exist, %lld have no fact of the "
                      "data and are kept",
                      (long long)a.n, (long long)a.kept);
    if (a.kept < LEAST)
        out->bytes = 0;
    close_asking(&a);
    return st;
}

/* --- the stage ---------------------------------------------------------------------------------
 */

wagle_status wg_forget_ask_invented(wg_forget *f)
{
    const char *path = wg_forget_path(f, "rows/invented.jsonl");
    const wagle_data data = wg_forget_data(f, wg_forget_path(f, "rows/forget.jsonl"), f->layout);
    wg_session s;
    wg_dataset forget = {0};
    wg_text out = {0};
    wagle_status st;

    if (path == NULL || data.path == NULL)
        return WAGLE_E_RESOURCE;
    if (f->o->retain != NULL || f->planning || wg_exists(path))
        return WAGLE_OK;
    WG_TRY(wg_session_open(f->ctx, f->original, &s));
    st = wg_dataset_load(f->ctx, &s.reader, &data, &forget);
    if (st == WAGLE_OK)
        st = write_invented(f, &s, &data, &forget, &out);
    if (st == WAGLE_OK)
        st = wg_write_file(f->ctx, path, out.text, (size_t)out.bytes, true);
    wg_text_free(&out);
    wg_dataset_free(&forget);
    wg_session_close(&s);
    return st;
}
