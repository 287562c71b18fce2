#include "data/resemble.h"

#include <string.h>

/* --- words and phrases of rows, and their counts ---------------------------------------------- */

/* A word or a phrase of the rows. */
typedef struct entry {
    uint64_t key;
    int64_t rows, texts;  /* number of rows and of texts that contain it */
    int64_t seen;         /* the row or text that was counted last */
    int64_t upper, lower; /* occurrences in texts: with a capital within a sentence, without one */
    bool used, named, lowered, in_layout;
} entry;

/* A hash table with open addressing; never full. */
typedef struct table {
    entry *slot;
    uint64_t size; /* a power of two */
} table;

static entry *slot_of(const table *t, uint64_t key)
{
    uint64_t i = (key ^ key >> 32) & (t->size - 1);

    while (t->slot[i].used && t->slot[i].key != key)
        i = (i + 1) & (t->size - 1);
    return &t->slot[i];
}

static entry *find(const table *t, uint64_t key)
{
    entry *e = slot_of(t, key);

    return e->used ? e : NULL;
}

static entry *find_or_add(const table *t, uint64_t key)
{
    entry *e = slot_of(t, key);

    e->used = true;
    e->key = key;
    return e;
}

static wagle_status table_new(wagle_ctx *ctx, table *t, int64_t n)
{
    for (t->size = 16; t->size < 2 * (uint64_t)n; t->size *= 2)
        ;
    return WG_ALLOC(ctx, &t->slot, (int64_t)t->size);
}

/* Whether row or text number `i` (from 1) is not counted yet. */
static bool is_new(entry *e, int64_t i)
{
    const bool new = e->seen != i;

    e->seen = i;
    return new;
}

/* The phrase that ends with word `last`, which is WG_PHRASE - 1 or more. */
static uint64_t phrase(const wg_words *w, int64_t last)
{
    uint64_t key = 0;

    for (int64_t i = last - WG_PHRASE + 1; i <= last; i++)
        key = (key ^ w->word[i].hash) * 0x9E3779B97F4A7C15u;
    return key;
}

/* --- comparison
 * -----------------------------------------------------------------------------------
 */

typedef struct comparison {
    wagle_ctx *ctx;
    const wg_comparison *c;
    table word, phrase;
    wg_words words; /* scratch: words of the current row or text */
    int64_t n_nameless;
    wg_resemblance *out;
} comparison;

static wagle_status make_tables(comparison *j)
{
    int64_t n = 0;

    for (int64_t i = 0; i < j->c->n_rows; i++) {
        WG_TRY(wg_words_split(j->ctx, j->c->row[i], &j->words));
        n += j->words.n;
    }
    WG_TRY(table_new(j->ctx, &j->word, n));
    return table_new(j->ctx, &j->phrase, n);
}

static wagle_status read_row(comparison *j, int64_t i)
{
    const wg_words *w = &j->words;

    WG_TRY(wg_words_split(j->ctx, j->c->row[i], &j->words));
    for (int64_t k = 0; k < w->n; k++) {
        entry *e = find_or_add(&j->word, w->word[k].hash);
        e->rows += is_new(e, i + 1);
        e->named |= w->word[k].figures || (w->word[k].capital && w->word[k].inside);
        e->lowered |= !w->word[k].figures && !w->word[k].capital;
        if (k + 1 >= WG_PHRASE)
            (void)find_or_add(&j->phrase, phrase(w, k));
    }
    return WAGLE_OK;
}

static wagle_status read_layout(comparison *j)
{
    const wg_words *w = &j->words;
    entry *e;

    WG_TRY(wg_words_split(j->ctx, j->c->layout, &j->words));
    for (int64_t k = 0; k < w->n; k++) {
        if ((e = find(&j->word, w->word[k].hash)) != NULL)
            e->in_layout = true;
        if (k + 1 >= WG_PHRASE && (e = find(&j->phrase, phrase(w, k))) != NULL)
            e->in_layout = true;
    }
    return WAGLE_OK;
}

static wagle_status count_words(comparison *j, int64_t i)
{
    const wg_words *w = &j->words;

    WG_TRY(wg_words_split(j->ctx, j->c->text[i], &j->words));
    for (int64_t k = 0; k < w->n; k++) {
        const wg_word *x = &w->word[k];
        entry *e = find(&j->word, x->hash);
        if (e == NULL)
            continue;
        e->texts += is_new(e, j->c->n_rows + i + 1);
        e->upper += x->capital && x->inside;
        e->lower += !x->capital && !x->figures;
    }
    return WAGLE_OK;
}

/* Whether a word is a name. Words that texts write without a capital at least as often as with one
 * are ordinary. */
static bool is_name(const entry *e)
{
    const bool ordinary = e->lower >= WG_ORDINARY && e->lower >= e->upper;

    return e->named && !e->lowered && !e->in_layout && !ordinary;
}

/* Whether a word is characteristic of the rows. The count of texts with it is incremented by one,
 * so that a few texts are not enough evidence. */
static bool is_characteristic(const comparison *j, const entry *e)
{
    const int64_t rows = j->c->n_rows;

    return !e->in_layout && (e->rows >= WG_KEYWORD_ROWS || rows < WG_KEYWORD_ROWS) &&
           (double)e->rows * (double)(j->c->n_texts + 1) >
               WG_KEYNESS * (double)(e->texts + 1) * (double)rows;
}

static bool is_common(const comparison *j, const entry *e)
{
    return e->in_layout ||
           (e->texts >= WG_COMMON_LEAST && 100 * e->texts >= WG_COMMON_PERCENT * j->n_nameless);
}

static wagle_status find_names(comparison *j, int64_t i)
{
    WG_TRY(wg_words_split(j->ctx, j->c->text[i], &j->words));
    for (int64_t k = 0; k < j->words.n; k++) {
        const entry *e = find(&j->word, j->words.word[k].hash);
        if (e != NULL && is_name(e))
            j->out[i] = WG_SHARES_NAME;
    }
    if (j->out[i] != WG_RESEMBLES_NOT)
        return WAGLE_OK;
    j->n_nameless++;
    for (int64_t k = WG_PHRASE - 1; k < j->words.n; k++) {
        entry *e = find(&j->phrase, phrase(&j->words, k));
        if (e != NULL)
            e->texts += is_new(e, i + 1);
    }
    return WAGLE_OK;
}

static wagle_status find_phrases_and_words(comparison *j, int64_t i)
{
    bool has_word = false;

    if (j->out[i] != WG_RESEMBLES_NOT)
        return WAGLE_OK;
    WG_TRY(wg_words_split(j->ctx, j->c->text[i], &j->words));
    for (int64_t k = 0; k < j->words.n; k++) {
        const entry *w = find(&j->word, j->words.word[k].hash);
        const entry *p = k + 1 < WG_PHRASE ? NULL : find(&j->phrase, phrase(&j->words, k));
        has_word |= w != NULL && is_characteristic(j, w);
        if (p != NULL && !is_common(j, p))
            j->out[i] = WG_SHARES_PHRASE;
    }
    if (j->out[i] == WG_RESEMBLES_NOT && has_word)
        j->out[i] = WG_SHARES_WORD;
    return WAGLE_OK;
}

static wagle_status compare(comparison *j)
{
    WG_TRY(make_tables(j));
    for (int64_t i = 0; i < j->c->n_rows; i++)
        WG_TRY(read_row(j, i));
    WG_TRY(read_layout(j));
    for (int64_t i = 0; i < j->c->n_texts; i++)
        WG_TRY(count_words(j, i));
    for (int64_t i = 0; i < j->c->n_texts; i++)
        WG_TRY(find_names(j, i));
    for (int64_t i = 0; i < j->c->n_texts; i++)
        WG_TRY(find_phrases_and_words(j, i));
    return WAGLE_OK;
}

wagle_status wg_resemble(wagle_ctx *ctx, const wg_comparison *c, wg_resemblance *out)
{
    comparison j = {.ctx = ctx, .c = c, .out = out};
    wagle_status st;

    for (int64_t i = 0; i < c->n_texts; i++)
        out[i] = WG_RESEMBLES_NOT;
    st = compare(&j);
    wg_free(j.word.slot);
    wg_free(j.phrase.slot);
    wg_free(j.words.word);
    return st;
}
