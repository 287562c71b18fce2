#include "train/data.h"

#include "base/number.h"
#include "io/rows.h"
#include "io/source.h"
#include "session/generate.h"
#include <string.h>

/* --- refusals, a line each -------------------------------------------------------------------- */

static wagle_status read_lines(wagle_ctx *ctx, wg_train_data *m)
{
    int64_t room = 0;
    const char *at = m->text.text, *end = at + m->text.bytes;
    wg_str line;

    while (wg_next_line_of(&at, end, &line)) {
        line.bytes -= line.bytes > 0 && line.text[line.bytes - 1] == '\r';
        WG_TRY(WG_GROW(ctx, &m->line, &room, m->n_lines + 1));
        if (line.bytes > 0)
            m->line[m->n_lines++] = line;
    }
    return m->n_lines > 0
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_INPUT, "%s: the file has no refusals", m->options->refusal);
}

/* Those of wagle's own list. */
static wagle_status own_lines(wagle_ctx *ctx, wg_train_data *m)
{
    if (m->forget.n > 0 && m->forget.example[0].prompt.text == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "objective %s: the forget rows are input_ids, and so the refusals must be: "
                       "add @{refusal FILE}",
                       m->objective->name);
    WG_TRY(WG_ALLOC(ctx, &m->line, WG_REFUSALS));
    for (m->n_lines = 0; m->n_lines < WG_REFUSALS; m->n_lines++)
        m->line[m->n_lines] = wg_strz(wg_refusals[m->n_lines]);
    wg_log(ctx, 1, "no @{refusal}: refusals are drawn from %d built-in sentences", WG_REFUSALS);
    return WAGLE_OK;
}

static wagle_status draw_lines(wagle_ctx *ctx, wg_session *s, wg_train_data *m, wg_dataset *out)
{
    const int64_t n = m->forget.n;
    int64_t *choice;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &choice, n));
    for (int64_t i = 0; i < n; i++)
        choice[i] = wg_random_below(m->options->seed, WG_STREAM_REFUSAL,
                                    (uint64_t)(m->epoch * n + i), m->n_lines);
    st = wg_dataset_with_answers(ctx, &s->reader, &m->options->forget, &m->forget, m->line, choice,
                                 out);
    wg_free(choice);
    return st;
}

/* --- labels at random ------------------------------------------------------------------------- */

static wagle_status draw_labels(wagle_ctx *ctx, const wg_session *s, const wg_train_data *m,
                                wg_dataset *out)
{
    uint64_t at = 0;

    WG_TRY(WG_ALLOC(ctx, &out->example, m->forget.n));
    for (int64_t k = 0; k < m->forget.n; k++) {
        wg_example *e = &out->example[out->n++];
        *e = m->forget.example[k];
        e->labels = wg_arena_alloc(ctx, &out->arena, (size_t)e->n * sizeof *e->labels);
        if (e->labels == NULL)
            return WAGLE_E_RESOURCE;
        for (int64_t i = 0; i < e->n; i++, at++)
            e->labels[i] = m->forget.example[k].labels[i] == WG_NO_LABEL
                               ? WG_NO_LABEL
                               : (int32_t)wg_random_below(m->options->seed,
                                                          (uint64_t)m->epoch << 8 | WG_STREAM_LABEL,
                                                          at, s->reader.V);
        out->longest = m->forget.longest;
    }
    return WAGLE_OK;
}

/* --- alternates ------------------------------------------------------------------------------- */

/* The prompt of `row`, and `answer` in place of its own. */
static wagle_status add_alternate(wagle_ctx *ctx, const wg_session *s, const wg_example *row,
                                  const wg_ids *answer, wg_dataset *out)
{
    const wg_ids prompt = wg_example_prompt(row);
    const int64_t head = prompt.n;
    const bool ends = answer->n == 0; /* nothing to learn from is the end of the text */
    const int32_t eos = wg_reader_eos(&s->reader);
    wg_example *e = &out->example[out->n];

    *e = (wg_example){
        .n = head + answer->n + ends, .n_labels = answer->n + ends, .weight = row->weight};
    e->ids = wg_arena_alloc(ctx, &out->arena, (size_t)e->n * sizeof *e->ids);
    e->labels = wg_arena_alloc(ctx, &out->arena, (size_t)e->n * sizeof *e->labels);
    if (e->ids == NULL || e->labels == NULL)
        return WAGLE_E_RESOURCE;
    memcpy(e->ids, prompt.id, (size_t)head * sizeof *e->ids);
    if (answer->n > 0)
        memcpy(e->ids + head, answer->id, (size_t)answer->n * sizeof *e->ids);
    if (ends)
        e->ids[head] = eos >= 0 ? eos : row->ids[head < row->n ? head : 0];
    for (int64_t i = 0; i < e->n; i++)
        e->labels[i] = i < head ? WG_NO_LABEL : e->ids[i];
    out->longest = e->n > out->longest ? e->n : out->longest;
    out->n++;
    return WAGLE_OK;
}

/* Answers that the model gives itself, sampled: other than its most likely one. */
static wagle_status make_alternates(wagle_ctx *ctx, wg_session *s, const wg_train_data *m,
                                    wg_dataset *out)
{
    const int64_t n = m->forget.n;
    wg_sampling how = {.temperature = 1, .top_p = 0.95, .seed = m->options->seed, .max_tokens = 1};
    wg_ids *prompt = NULL, *answer = NULL;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &out->example, n));
    WG_TRY_GOTO(WG_ALLOC(ctx, &prompt, n), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &answer, n), done);
    for (int64_t i = 0; i < n; i++) {
        const wg_example *e = &m->forget.example[i];
        prompt[i] = wg_example_prompt(e);
        if (e->n - wg_example_given(e) > how.max_tokens)
            how.max_tokens = e->n - wg_example_given(e);
    }
    wg_log(ctx, 1, "the model makes %lld alternate answers", (long long)n);
    WG_TRY_GOTO(wg_generate(ctx, s, prompt, n, &how, answer), done);
    for (int64_t i = 0; i < n; i++)
        WG_TRY_GOTO(add_alternate(ctx, s, &m->forget.example[i], &answer[i], out), done);
done:
    wg_free(prompt);
    wg_free_lists(answer, n);
    return st;
}

/* --- all of it -------------------------------------------------------------------------------- */

static bool begins_as_json(const wg_train_data *m)
{
    const char *text = m->text.text;
    size_t i = 0;

    while (i < (size_t)m->text.bytes && strchr(" \t\r\n", text[i]) != NULL && text[i] != '\0')
        i++;
    return i < (size_t)m->text.bytes && (text[i] == '{' || text[i] == '[');
}

static wagle_status load_refusal_rows(wagle_ctx *ctx, wg_session *s, wg_train_data *m)
{
    wagle_data data = m->options->forget;

    data.path = m->options->refusal;
    data.more = NULL;
    data.rows = NULL;
    WG_TRY(wg_dataset_load(ctx, &s->reader, &data, &m->refusals));
    return m->refusals.n == m->forget.n
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_INPUT,
                         "%s: %lld rows, but %lld rows to forget; give one for each", data.path,
                         (long long)m->refusals.n, (long long)m->forget.n);
}

/* By its name alone: TOFU's idontknow.jsonl is a text file with one refusal per line, so that what
 * is in a file with such a name decides. */
static bool is_table(const char *path)
{
    const char *name = wg_path_name(path);

    return wg_is_folder(path) || (wg_rows_named_so(name) && strstr(name, ".json") == NULL &&
                                  strstr(name, ".ndjson") == NULL);
}

static wagle_status load_refusals(wagle_ctx *ctx, wg_session *s, wg_train_data *m)
{
    const int needs = m->objective->needs;
    bool changed;

    if (needs & WG_RANDOM_LABELS)
        return wg_train_data_epoch(ctx, s, m, 0, &changed);
    if (m->options->refusal == NULL && m->pairs)
        return wg_dataset_load_preferred(ctx, &s->reader, &m->options->forget, "chosen",
                                         &m->refusals);
    if (m->options->refusal == NULL && (needs & WG_MAKES_ALTERNATES))
        return make_alternates(ctx, s, m, &m->refusals);
    if (m->options->refusal == NULL) {
        WG_TRY(own_lines(ctx, m));
        return wg_train_data_epoch(ctx, s, m, 0, &changed);
    }
    if (is_table(m->options->refusal))
        return load_refusal_rows(ctx, s, m);
    WG_TRY(wg_source_text(ctx, m->options->refusal, &m->text));
    if (begins_as_json(m))
        return load_refusal_rows(ctx, s, m);
    WG_TRY(read_lines(ctx, m));
    return wg_train_data_epoch(ctx, s, m, 0, &changed);
}

wagle_status wg_train_data_load(wagle_ctx *ctx, wg_session *s, const wg_objective *objective,
                                const wagle_train_options *o, wg_train_data *out)
{
    const bool plain = (objective->needs & WG_TRAINS_ONLY) != 0;
    const int64_t before = s->reader.by_preference;

    *out = (wg_train_data){.objective = objective, .options = o, .epoch = -1};
    WG_TRY(wg_dataset_load_preferred(ctx, &s->reader, plain ? &o->retain : &o->forget,
                                     plain ? "chosen" : "rejected", &out->forget));
    out->pairs = !plain && s->reader.by_preference - before == out->forget.n;
    if (!plain && o->retain.path != NULL)
        WG_TRY(wg_dataset_load_preferred(ctx, &s->reader, &o->retain, "chosen", &out->retain));
    return objective->needs & WG_NEEDS_REFUSALS ? load_refusals(ctx, s, out) : WAGLE_OK;
}

wagle_status wg_train_data_epoch(wagle_ctx *ctx, wg_session *s, wg_train_data *m, int64_t epoch,
                                 bool *changed)
{
    const bool labels = (m->objective->needs & WG_RANDOM_LABELS) != 0;
    wagle_status st;

    *changed = (labels || m->n_lines > 0) && m->epoch != epoch;
    if (!*changed)
        return WAGLE_OK;
    wg_dataset_free(&m->refusals);
    m->epoch = epoch;
    st = labels ? draw_labels(ctx, s, m, &m->refusals) : draw_lines(ctx, s, m, &m->refusals);
    if (st != WAGLE_OK)
        m->epoch = -1;
    return st;
}

void wg_train_data_free(wg_train_data *m)
{
    wg_dataset_free(&m->forget);
    wg_dataset_free(&m->retain);
    wg_dataset_free(&m->refusals);
    wg_free(m->line);
    wg_text_free(&m->text);
}
