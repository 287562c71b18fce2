#include "protect/self_rows.h"

#include "data/resemble.h"
#include "protect/self_write.h"
#include <string.h>

enum { SHORTEST = 8 }; /* minimum tokens of a usable text */

/* The verdict on a text: one of wg_resemblance, or these. */
enum { IS_SHORT = WG_SHARES_WORD + 1, IS_REPEATED, VERDICTS };

typedef struct self {
    wagle_ctx *ctx;
    const wg_self_options *how;
    wg_self_writer writer;
    wg_text *forget; /* [n_forget] the rows' texts without layout */
    int64_t n_forget;
    int *verdict; /* [writer.n] */
    int64_t room, count[VERDICTS];
} self;

/* --- the words of the forget rows ------------------------------------------------------------- */

/* A prompt without the layout around its question. */
static wg_str question_of(const wg_self_writer *w, wg_str prompt)
{
    const wg_str before = wg_text_str(&w->before), after = wg_text_str(&w->after);

    if (before.bytes + after.bytes > prompt.bytes ||
        (before.bytes > 0 && memcmp(prompt.text, before.text, before.bytes) != 0) ||
        (after.bytes > 0 &&
         memcmp(prompt.text + prompt.bytes - after.bytes, after.text, after.bytes) != 0))
        return prompt;
    return (wg_str){prompt.text + before.bytes, prompt.bytes - before.bytes - after.bytes};
}

static wagle_status read_forget(self *f, const wg_example *e, wg_text *out)
{
    WG_TRY(wg_text_addz(f->ctx, out, ""));
    if (e->prompt.text == NULL)
        return wg_self_read(f->ctx, f->writer.session, e->ids, e->n, out);
    WG_TRY(wg_text_adds(f->ctx, out, question_of(&f->writer, e->prompt)));
    for (int64_t i = 0; i < e->n_answers; i++) {
        WG_TRY(wg_text_addz(f->ctx, out, "\n"));
        WG_TRY(wg_text_adds(f->ctx, out, e->answer[i]));
    }
    return WAGLE_OK;
}

static wagle_status open_self(self *f, wg_session *s, const wagle_data *options,
                              const wg_dataset *forget)
{
    wg_self_writer *w = &f->writer;
    int64_t room;

    WG_TRY(wg_self_writer_open(f->ctx, s, options, forget, w));
    room = s->reader.max_length - w->begin.n - w->opening.n - w->closing.n;
    w->tokens = f->how->tokens < room ? f->how->tokens : room;
    w->seed = f->how->seed;
    if (w->tokens < 1)
        return wg_fail(f->ctx, WAGLE_E_INPUT,
                       "the model has %lld positions, and the layout of a question has %lld "
                       "tokens, so it cannot write texts itself; give rows instead of 'self'",
                       (long long)s->reader.max_length, (long long)(w->opening.n + w->closing.n));
    WG_TRY(WG_ALLOC(f->ctx, &f->forget, forget->n));
    for (f->n_forget = 0; f->n_forget < forget->n; f->n_forget++)
        WG_TRY(read_forget(f, &forget->example[f->n_forget], &f->forget[f->n_forget]));
    return WAGLE_OK;
}

static void close_self(self *f, int64_t n_forget)
{
    for (int64_t i = 0; f->forget != NULL && i < n_forget; i++)
        wg_text_free(&f->forget[i]);
    wg_free(f->forget);
    wg_free(f->verdict);
    wg_self_writer_close(&f->writer);
}

/* --- selection of texts --------------------------------------------------------------------------
 */

static bool is_repeated(const wg_self_writer *w, int64_t i)
{
    const wg_ids *a = &w->text[i].ids;

    for (int64_t k = 0; k < i; k++) {
        const wg_ids *b = &w->text[k].ids;
        if (a->n == b->n && memcmp(a->id, b->id, (size_t)a->n * sizeof *a->id) == 0)
            return true;
    }
    return false;
}

static int worth(const wg_self_writer *w, int64_t i)
{
    const int64_t least = w->tokens < SHORTEST ? w->tokens : SHORTEST;

    return w->text[i].ids.n - w->text[i].given < least ? IS_SHORT
           : is_repeated(w, i)                         ? IS_REPEATED
                                                       : WG_RESEMBLES_NOT;
}

/* Compares the usable texts with the rows. which [n]: their numbers. */
static wagle_status compare(self *f, const int64_t *which, int64_t n, wg_str *text, wg_str *row,
                            wg_resemblance *out)
{
    wg_comparison c = {.row = row, .text = text, .n_rows = f->n_forget, .n_texts = n};
    wg_text layout = {0};
    wagle_status st;

    for (int64_t i = 0; i < n; i++)
        text[i] = wg_text_str(&f->writer.text[which[i]].text);
    for (int64_t i = 0; i < f->n_forget; i++)
        row[i] = wg_text_str(&f->forget[i]);
    st = wg_text_printf(f->ctx, &layout, "%s\n%s",
                        f->writer.before.text != NULL ? f->writer.before.text : "",
                        f->writer.after.text != NULL ? f->writer.after.text : "");
    c.layout = wg_text_str(&layout);
    if (st == WAGLE_OK)
        st = wg_resemble(f->ctx, &c, out);
    for (int64_t i = 0; st == WAGLE_OK && i < n; i++)
        f->verdict[which[i]] = (int)out[i];
    wg_text_free(&layout);
    return st;
}

/* Computes a verdict for each text; it depends on all of them. */
static wagle_status judge(self *f)
{
    const int64_t all = f->writer.n;
    int64_t *which = NULL, n = 0;
    wg_str *text = NULL, *row = NULL;
    wg_resemblance *out = NULL;
    wagle_status st;

    WG_TRY(WG_GROW(f->ctx, &f->verdict, &f->room, all));
    WG_TRY_GOTO(WG_ALLOC(f->ctx, &which, all), done);
    WG_TRY_GOTO(WG_ALLOC(f->ctx, &text, all), done);
    WG_TRY_GOTO(WG_ALLOC(f->ctx, &row, f->n_forget), done);
    WG_TRY_GOTO(WG_ALLOC(f->ctx, &out, all), done);
    for (int64_t i = 0; i < all; i++) {
        f->verdict[i] = worth(&f->writer, i);
        if (f->verdict[i] == WG_RESEMBLES_NOT)
            which[n++] = i;
    }
    WG_TRY_GOTO(compare(f, which, n, text, row, out), done);
    memset(f->count, 0, sizeof f->count);
    for (int64_t i = 0; i < all; i++)
        f->count[f->verdict[i]]++;
done:
    wg_free(which);
    wg_free(text);
    wg_free(row);
    wg_free(out);
    return st;
}

/* Number of texts to generate next, estimated from the share accepted so far; 0 if there are
 * enough. */
static int64_t missing(const self *f)
{
    const int64_t kept = f->count[WG_RESEMBLES_NOT],
                  left = WG_SELF_ROUNDS * f->how->n - f->writer.n;
    int64_t more;

    if (kept >= f->how->n)
        return 0;
    more = f->writer.n == 0 ? f->how->n
           : kept == 0      ? left
                            : (f->how->n - kept) * f->writer.n / kept + 1;
    return more < left ? more : left;
}

/* --- results ---------------------------------------------------------------------------------- */

static wagle_status log_kept(const self *f, int64_t kept)
{
    const int64_t *c = f->count, all = f->writer.n;
    const int64_t least = f->how->n < WG_SELF_LEAST ? f->how->n : WG_SELF_LEAST;

    wg_log(f->ctx, 1,
           "the model wrote %lld texts: %lld dropped (with a name of the forget rows %lld, a "
           "phrase %lld, a characteristic word %lld; too short %lld, repeated %lld), %lld kept",
           (long long)all, (long long)(all - c[WG_RESEMBLES_NOT]), (long long)c[WG_SHARES_NAME],
           (long long)c[WG_SHARES_PHRASE], (long long)c[WG_SHARES_WORD], (long long)c[IS_SHORT],
           (long long)c[IS_REPEATED], (long long)kept);
    if (kept >= least)
        return WAGLE_OK;
    return wg_fail(f->ctx, WAGLE_E_INPUT,
                   "of %lld texts that the model wrote, only %lld do not resemble the forget rows, "
                   "and at least %lld are needed; give rows to keep instead of 'self'",
                   (long long)all, (long long)kept, (long long)least);
}

static wagle_status add_row(wagle_ctx *ctx, const wg_self_text *t, wg_dataset *out)
{
    wg_example *e = &out->example[out->n];
    const size_t bytes = (size_t)t->ids.n * sizeof *e->ids;

    *e = (wg_example){.n = t->ids.n, .n_labels = t->ids.n - t->given, .weight = 1};
    e->ids = wg_arena_alloc(ctx, &out->arena, bytes);
    e->labels = wg_arena_alloc(ctx, &out->arena, bytes);
    if (e->ids == NULL || e->labels == NULL)
        return WAGLE_E_RESOURCE;
    memcpy(e->ids, t->ids.id, bytes);
    for (int64_t i = 0; i < e->n; i++)
        e->labels[i] = i < t->given ? WG_NO_LABEL : e->ids[i];
    out->longest = e->n > out->longest ? e->n : out->longest;
    out->n++;
    return WAGLE_OK;
}

static wagle_status add_numbers(wagle_ctx *ctx, const char *key, const int32_t *x, int64_t n,
                                wg_text *out)
{
    WG_TRY(wg_text_printf(ctx, out, "\"%s\":[", key));
    for (int64_t i = 0; i < n; i++)
        WG_TRY(wg_text_printf(ctx, out, "%s%d", i > 0 ? "," : "", x[i]));
    return wg_text_addz(ctx, out, "],");
}

wagle_status wg_self_line(wagle_ctx *ctx, const wg_example *e, const wg_text *text, wg_text *out)
{
    json_t *value = json_stringn(text->text, (size_t)text->bytes);
    char *quoted = NULL;
    wagle_status st = wg_json_text(ctx, value, false, &quoted);

    json_decref(value);
    if (st == WAGLE_OK)
        st = wg_text_addz(ctx, out, "{");
    if (st == WAGLE_OK)
        st = add_numbers(ctx, "input_ids", e->ids, e->n, out);
    if (st == WAGLE_OK)
        st = add_numbers(ctx, "labels", e->labels, e->n, out);
    if (st == WAGLE_OK)
        st = wg_text_printf(ctx, out, "\"written\":%s}\n", quoted);
    wg_free(quoted);
    return st;
}

static wagle_status take(const self *f, wg_dataset *rows, wg_text *jsonl)
{
    const int64_t kept = f->count[WG_RESEMBLES_NOT];
    const int64_t n = kept < f->how->n ? kept : f->how->n;

    WG_TRY(log_kept(f, n));
    WG_TRY(WG_ALLOC(f->ctx, &rows->example, n));
    for (int64_t i = 0; rows->n < n; i++) {
        const wg_self_text *t = &f->writer.text[i];
        if (f->verdict[i] != WG_RESEMBLES_NOT)
            continue;
        WG_TRY(add_row(f->ctx, t, rows));
        if (jsonl != NULL)
            WG_TRY(wg_self_line(f->ctx, &rows->example[rows->n - 1], &t->text, jsonl));
    }
    return WAGLE_OK;
}

wagle_status wg_self_rows(wagle_ctx *ctx, wg_session *s, const wagle_data *options,
                          const wg_dataset *forget, const wg_self_options *how, wg_dataset *rows,
                          wg_text *jsonl)
{
    self f = {.ctx = ctx, .how = how};
    int64_t more;
    wagle_status st = open_self(&f, s, options, forget);

    *rows = (wg_dataset){0};
    while (st == WAGLE_OK && (more = missing(&f)) > 0) {
        st = wg_self_write(ctx, &f.writer, more);
        if (st == WAGLE_OK)
            st = judge(&f);
    }
    if (st == WAGLE_OK)
        st = take(&f, rows, jsonl);
    if (st != WAGLE_OK)
        wg_dataset_free(rows);
    close_self(&f, forget->n);
    return st;
}
