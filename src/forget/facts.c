/* facts.c - the facts of an answer: what a model has to know of the subject to give it.
 *
 * They are the words of the answer that are neither in the question nor ordinary. A word is
 * ordinary if the original also says it, more often than not, when it is asked the same about
 * people that do not exist. Words that follow each other are one fact. Where no word is left, the
 * facts are the words that the answer repeats from the question once more than the question has
 * them (an e-mail address that is made of the name), and else the whole answer. */
#include "data/words.h"
#include "forget/forget.h"

#include <math.h>
#include <stdlib.h>

static int64_t count_word(const wg_words *of, int64_t n, uint64_t hash)
{
    int64_t count = 0;

    for (int64_t i = 0; i < n; i++)
        count += of->word[i].hash == hash;
    return count;
}

/* --- ordinary words ----------------------------------------------------------------------------
 */

/* A word of a true answer, and whether it is in one answer about somebody that does not exist. */
typedef struct heard {
    uint64_t word;
    bool said;
} heard;

static int by_hash(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static int by_word(const void *a, const void *b)
{
    return by_hash(&((const heard *)a)->word, &((const heard *)b)->word);
}

typedef struct hearing {
    wagle_ctx *ctx;
    heard *all; /* [n] */
    int64_t n, room;
    wg_words question, answer, text;
} hearing;

/* One answer of the original to the question of a row. */
static wagle_status hear(hearing *h, const wg_example *row, wg_str text)
{
    WG_TRY(wg_words_split(h->ctx, row->prompt, &h->question));
    WG_TRY(wg_words_split(h->ctx, row->answer[0], &h->answer));
    WG_TRY(wg_words_split(h->ctx, text, &h->text));
    WG_TRY(WG_GROW(h->ctx, &h->all, &h->room, h->n + h->answer.n));
    for (int64_t k = 0; k < h->answer.n; k++) {
        const uint64_t word = h->answer.word[k].hash;
        if (count_word(&h->answer, k, word) == 0 &&
            count_word(&h->question, h->question.n, word) == 0)
            h->all[h->n++] = (heard){word, count_word(&h->text, h->text.n, word) > 0};
    }
    return WAGLE_OK;
}

/* Of all words that were listened for, those that were said more often than not; sorted. */
static wagle_status keep_ordinary(hearing *h, wg_ordinary *out)
{
    qsort(h->all, (size_t)h->n, sizeof *h->all, by_word);
    WG_TRY(WG_ALLOC(h->ctx, &out->word, h->n));
    for (int64_t i = 0, to; i < h->n; i = to) {
        int64_t said = 0;
        for (to = i; to < h->n && h->all[to].word == h->all[i].word; to++)
            said += h->all[to].said;
        if (2 * said > to - i)
            out->word[out->n++] = h->all[i].word;
    }
    return WAGLE_OK;
}

wagle_status wg_ordinary_words(wagle_ctx *ctx, const wg_dataset *rows, const wg_said *said,
                               int64_t n, wg_ordinary *out)
{
    hearing h = {.ctx = ctx};
    wagle_status st = WAGLE_OK;

    *out = (wg_ordinary){0};
    for (int64_t i = 0; st == WAGLE_OK && i < n; i++)
        st = hear(&h, &rows->example[said[i].row], said[i].text);
    if (st == WAGLE_OK && h.n > 0)
        st = keep_ordinary(&h, out);
    wg_free(h.all);
    wg_free(h.question.word);
    wg_free(h.answer.word);
    wg_free(h.text.word);
    return st;
}

static bool is_ordinary(const wg_ordinary *o, uint64_t hash)
{
    return o->n > 0 && bsearch(&hash, o->word, (size_t)o->n, sizeof *o->word, by_hash) != NULL;
}

/* --- the facts of an answer --------------------------------------------------------------------
 */

/* Whether word k of the answer is a fact. repeated: also one that the question has, less often. */
static bool is_fact(const wg_ordinary *ordinary, const wg_words *question, const wg_words *answer,
                    int64_t k, bool repeated)
{
    const uint64_t word = answer->word[k].hash;
    const int64_t asked = count_word(question, question->n, word);

    return !is_ordinary(ordinary, word) &&
           (repeated ? count_word(answer, k, word) >= asked : asked == 0);
}

static wagle_status add_text(wagle_ctx *ctx, json_t *list, const char *text, size_t bytes)
{
    return json_array_append_new(list, json_stringn(text, bytes)) == 0 ? WAGLE_OK
                                                                       : wg_json_memory(ctx);
}

/* Adds what from its first word to its last is fact. */
static wagle_status add_facts(wagle_ctx *ctx, const wg_ordinary *ordinary, const wg_words *question,
                              const wg_words *words, wg_str answer, bool repeated, json_t *list)
{
    for (int64_t k = 0, to; k < words->n; k = to) {
        to = k + 1;
        if (!is_fact(ordinary, question, words, k, repeated))
            continue;
        while (to < words->n && is_fact(ordinary, question, words, to, repeated))
            to++;
        const size_t from = words->word[k].at;
        const size_t end = words->word[to - 1].at + words->word[to - 1].bytes;
        WG_TRY(add_text(ctx, list, answer.text + from, end - from));
    }
    return WAGLE_OK;
}

wagle_status wg_facts_list(wagle_ctx *ctx, const wg_ordinary *ordinary, wg_str question,
                           wg_str answer, json_t **out)
{
    wg_words asked = {0}, words = {0};
    json_t *list = json_array();
    wagle_status st = list != NULL ? wg_words_split(ctx, question, &asked) : wg_json_memory(ctx);

    if (st == WAGLE_OK)
        st = wg_words_split(ctx, answer, &words);
    for (int repeated = 0; st == WAGLE_OK && repeated < 2 && json_array_size(list) == 0; repeated++)
        st = add_facts(ctx, ordinary, &asked, &words, answer, repeated, list);
    if (st == WAGLE_OK && json_array_size(list) == 0)
        st = add_text(ctx, list, answer.text, answer.bytes);
    wg_free(asked.word);
    wg_free(words.word);
    *out = list;
    if (st != WAGLE_OK) {
        json_decref(list);
        *out = NULL;
    }
    return st;
}

/* --- facts in another text ---------------------------------------------------------------------
 */

/* Counts the words of a fact, and those of them that the text has: as often as the answer, where
 * the question has them too. */
static wagle_status find(wagle_ctx *ctx, wg_str fact, const wg_words of[3], wg_words *now,
                         int64_t *all, int64_t *found)
{
    WG_TRY(wg_words_split(ctx, fact, now));
    for (int64_t k = 0; k < now->n; k++) {
        const uint64_t word = now->word[k].hash;
        const bool asked = count_word(&of[0], of[0].n, word) > 0;
        const int64_t wanted = asked ? count_word(&of[1], of[1].n, word) : 1;
        ++*all;
        *found += count_word(&of[2], of[2].n, word) >= wanted;
    }
    return WAGLE_OK;
}

wagle_status wg_facts_found(wagle_ctx *ctx, const json_t *facts, wg_str question, wg_str answer,
                            wg_str text, double *out)
{
    wg_words of[3] = {{0}, {0}, {0}}, now = {0};
    const wg_str from[3] = {question, answer, text};
    int64_t all = 0, found = 0;
    const json_t *fact;
    size_t k;
    wagle_status st = WAGLE_OK;

    for (int i = 0; st == WAGLE_OK && i < 3; i++)
        st = wg_words_split(ctx, from[i], &of[i]);
    if (st == WAGLE_OK && json_is_string(facts))
        st = find(ctx, wg_json_str(facts), of, &now, &all, &found);
    json_array_foreach (facts, k, fact)
        if (st == WAGLE_OK)
            st = find(ctx, wg_json_str(fact), of, &now, &all, &found);
    for (int i = 0; i < 3; i++)
        wg_free(of[i].word);
    wg_free(now.word);
    *out = all > 0 ? (double)found / (double)all : NAN;
    return st;
}
