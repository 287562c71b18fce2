/* facts.c - the facts of an answer: the words that only somebody who knows the subject can give.
 *
 * A fact is a word of the answer that is neither in the question nor ordinary. A word is ordinary
 * if the original model uses it in more than half of its answers to the same question about people
 * that do not exist. Adjacent facts are joined into one. If no word is left, the facts are the
 * words that occur in the answer more often than in the question (an e-mail address made of the
 * name). If there are none of these either, the whole answer is one fact. */
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

/* --- ordinary words --------------------------------------------------------------------------- */

/* A word of a true answer, and whether one answer about an invented person contains it. */
typedef struct occurrence {
    uint64_t word;
    bool present;
} occurrence;

static int by_hash(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static int by_word(const void *a, const void *b)
{
    return by_hash(&((const occurrence *)a)->word, &((const occurrence *)b)->word);
}

typedef struct word_counter {
    wagle_ctx *ctx;
    occurrence *all; /* [n] */
    int64_t n, capacity;
    wg_words question, answer, text;
} word_counter;

/* Looks up the words of a row's true answer in one of the original's answers about invented people.
 */
static wagle_status count_answer(word_counter *h, const wg_example *row, wg_str text)
{
    WG_TRY(wg_words_split(h->ctx, row->prompt, &h->question));
    WG_TRY(wg_words_split(h->ctx, row->answer[0], &h->answer));
    WG_TRY(wg_words_split(h->ctx, text, &h->text));
    WG_TRY(WG_GROW(h->ctx, &h->all, &h->capacity, h->n + h->answer.n));
    for (int64_t k = 0; k < h->answer.n; k++) {
        const uint64_t word = h->answer.word[k].hash;
        if (count_word(&h->answer, k, word) == 0 &&
            count_word(&h->question, h->question.n, word) == 0)
            h->all[h->n++] = (occurrence){word, count_word(&h->text, h->text.n, word) > 0};
    }
    return WAGLE_OK;
}

/* Selects the words that occur in more than half of the answers, sorted by hash. */
static wagle_status select_ordinary(word_counter *h, wg_ordinary *out)
{
    qsort(h->all, (size_t)h->n, sizeof *h->all, by_word);
    WG_TRY(WG_ALLOC(h->ctx, &out->word, h->n));
    for (int64_t i = 0, to; i < h->n; i = to) {
        int64_t count = 0;
        for (to = i; to < h->n && h->all[to].word == h->all[i].word; to++)
            count += h->all[to].present;
        if (2 * count > to - i)
            out->word[out->n++] = h->all[i].word;
    }
    return WAGLE_OK;
}

wagle_status wg_ordinary_words(wagle_ctx *ctx, const wg_dataset *rows,
                               const wg_invented_answer *answers, int64_t n, wg_ordinary *out)
{
    word_counter h = {.ctx = ctx};
    wagle_status st = WAGLE_OK;

    *out = (wg_ordinary){0};
    for (int64_t i = 0; st == WAGLE_OK && i < n; i++)
        st = count_answer(&h, &rows->example[answers[i].row], answers[i].text);
    if (st == WAGLE_OK && h.n > 0)
        st = select_ordinary(&h, out);
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

/* --- the facts of an answer ------------------------------------------------------------------- */

/* Whether word k of the answer is a fact. repeated: a word of the question is one too, if this is
 * an occurrence beyond those in the question. */
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

/* Adds each maximal run of fact words as one text. */
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

/* --- facts in another text -------------------------------------------------------------------- */

/* Adds the number of words of a fact to *all, and to *found the number that occur in the text. A
 * word that is also in the question counts as found if the text has it as often as the answer.
 * of: words of the question, the answer and the text. */
static wagle_status count_found(wagle_ctx *ctx, wg_str fact, const wg_words of[3],
                                wg_words *scratch, int64_t *all, int64_t *found)
{
    WG_TRY(wg_words_split(ctx, fact, scratch));
    for (int64_t k = 0; k < scratch->n; k++) {
        const uint64_t word = scratch->word[k].hash;
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
    wg_words of[3] = {{0}, {0}, {0}}, scratch = {0};
    const wg_str from[3] = {question, answer, text};
    int64_t all = 0, found = 0;
    const json_t *fact;
    size_t k;
    wagle_status st = WAGLE_OK;

    for (int i = 0; st == WAGLE_OK && i < 3; i++)
        st = wg_words_split(ctx, from[i], &of[i]);
    if (st == WAGLE_OK && json_is_string(facts))
        st = count_found(ctx, wg_json_str(facts), of, &scratch, &all, &found);
    json_array_foreach (facts, k, fact)
        if (st == WAGLE_OK)
            st = count_found(ctx, wg_json_str(fact), of, &scratch, &all, &found);
    for (int i = 0; i < 3; i++)
        wg_free(of[i].word);
    wg_free(scratch.word);
    *out = all > 0 ? (double)found / (double)all : NAN;
    return st;
}
