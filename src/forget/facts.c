/* facts.c - which facts of a true answer are in another text. */
#include "data/words.h"
#include "forget/forget.h"

#include <math.h>
#include <stdlib.h>

/* A word is ordinary if it is in the answers to at least so many rows, and to at least this share
 * of the rows. */
enum { ROWS_LEAST = 2 };
static const double SHARE_LEAST = 0.05;

/* --- ordinary words ----------------------------------------------------------------------------
 */

static int by_hash(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static bool has_word(const wg_words *of, uint64_t hash)
{
    for (int64_t i = 0; i < of->n; i++)
        if (of->word[i].hash == hash)
            return true;
    return false;
}

typedef struct heard {
    uint64_t *word; /* [n] the words in each row's answers, row by row */
    int64_t n, room, rows;
} heard;

/* Adds the words of one more answer to a row, each only once. The words of the row's other answers
 * begin at `begin`. */
static wagle_status hear(wagle_ctx *ctx, heard *h, int64_t begin, wg_str text, wg_words *now)
{
    WG_TRY(wg_words_split(ctx, text, now));
    WG_TRY(WG_GROW(ctx, &h->word, &h->room, h->n + now->n));
    for (int64_t k = 0; k < now->n; k++) {
        int64_t i = begin;
        while (i < h->n && h->word[i] != now->word[k].hash)
            i++;
        if (i == h->n)
            h->word[h->n++] = now->word[k].hash;
    }
    return WAGLE_OK;
}

static wagle_status hear_all(wagle_ctx *ctx, const json_t *result, heard *h)
{
    static const char *const texts[] = {"generated", "sampled"};
    wg_words now = {0};
    const json_t *row;
    size_t i;
    wagle_status st = WAGLE_OK;

    json_array_foreach (result, i, row) {
        const int64_t begin = h->n;
        bool any = false;
        for (int k = 0; k < 2 && st == WAGLE_OK; k++) {
            const json_t *text = json_object_get(row, texts[k]);
            if (!json_is_string(text))
                continue;
            st = hear(ctx, h, begin, wg_json_str(text), &now);
            any = true;
        }
        h->rows += any;
    }
    wg_free(now.word);
    return st;
}

/* Moves the ordinary words to the front, sorted; returns how many there are. */
static int64_t keep_ordinary(heard *h)
{
    int64_t n = 0;

    qsort(h->word, (size_t)h->n, sizeof *h->word, by_hash);
    for (int64_t i = 0, to; i < h->n; i = to) {
        for (to = i + 1; to < h->n && h->word[to] == h->word[i];)
            to++;
        if (to - i >= ROWS_LEAST && (double)(to - i) >= SHARE_LEAST * (double)h->rows)
            h->word[n++] = h->word[i];
    }
    return n;
}

wagle_status wg_forget_ordinary_words(wagle_ctx *ctx, const json_t *result, wg_ordinary *out)
{
    heard h = {0};
    const wagle_status st = hear_all(ctx, result, &h);

    *out = (wg_ordinary){0};
    if (st == WAGLE_OK && h.n > 0)
        *out = (wg_ordinary){h.word, keep_ordinary(&h)};
    else
        wg_free(h.word);
    return st;
}

/* --- facts -------------------------------------------------------------------------------------
 */

static bool is_ordinary(const wg_ordinary *o, uint64_t hash)
{
    return o != NULL && o->n > 0 &&
           bsearch(&hash, o->word, (size_t)o->n, sizeof *o->word, by_hash) != NULL;
}

wagle_status wg_forget_facts(wagle_ctx *ctx, const wg_ordinary *ordinary, wg_str question,
                             wg_str answer, wg_str text, double *out)
{
    wg_words of[3] = {{0}, {0}, {0}};
    const wg_str from[3] = {question, answer, text};
    int64_t all = 0, found = 0;
    wagle_status st = WAGLE_OK;

    for (int i = 0; st == WAGLE_OK && i < 3; i++)
        st = wg_words_split(ctx, from[i], &of[i]);
    for (int64_t k = 0; st == WAGLE_OK && k < of[1].n; k++) {
        const uint64_t word = of[1].word[k].hash;
        if (has_word(&of[0], word) || is_ordinary(ordinary, word))
            continue;
        all++;
        found += has_word(&of[2], word);
    }
    for (int i = 0; i < 3; i++)
        wg_free(of[i].word);
    *out = all > 0 ? (double)found / (double)all : NAN;
    return st;
}
