#include "metric/rouge.h"

#include <string.h>

typedef struct words {
    char **word;
    int64_t n, capacity;
    wg_arena arena;
} words;

/* Python's lower() if the result is ASCII; any other character separates words. */
static int lower_ascii(int32_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A' + 'a';
    if (c == 0x130)
        return 'i';
    if (c == 0x212A)
        return 'k';
    return c < 128 ? c : ' ';
}

static wagle_status add_word(wagle_ctx *ctx, words *w, const wg_text *text, bool stem)
{
    char *word;

    if (text->bytes == 0)
        return WAGLE_OK;
    word = wg_arena_alloc(ctx, &w->arena, (size_t)text->bytes + 2);
    if (word == NULL)
        return WAGLE_E_RESOURCE;
    memcpy(word, text->text, (size_t)text->bytes);
    if (stem && text->bytes > 3)
        wg_porter_stem(word);
    WG_TRY(WG_GROW(ctx, &w->word, &w->capacity, w->n + 1));
    w->word[w->n++] = word;
    return WAGLE_OK;
}

static wagle_status split(wagle_ctx *ctx, wg_str whole, bool stem, words *out)
{
    const char *text = whole.text;
    const size_t bytes = whole.bytes;
    wg_text word = {0};
    wagle_status st = WAGLE_OK;

    for (size_t i = 0; st == WAGLE_OK && i <= bytes;) {
        int32_t code = ' ';
        const int n = i < bytes ? wg_utf8_decode(text + i, bytes - i, &code) : 1;
        const char c = (char)lower_ascii(n > 0 ? code : ' ');
        i += n > 0 ? (size_t)n : 1;
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            st = wg_text_add(ctx, &word, &c, 1);
        } else {
            st = add_word(ctx, out, &word, stem);
            word.bytes = 0;
        }
        if (code == 0x130 &&
            st == WAGLE_OK) { /* becomes i and a combining dot, which separates words */
            st = add_word(ctx, out, &word, stem);
            word.bytes = 0;
        }
    }
    wg_text_free(&word);
    return st;
}

static void score(double hits, double reference, double candidate, double out[3])
{
    out[0] = hits / (candidate > 1 ? candidate : 1);
    out[1] = hits / (reference > 1 ? reference : 1);
    out[2] = out[0] + out[1] > 0 ? 2 * out[0] * out[1] / (out[0] + out[1]) : 0;
}

static bool same_gram(char *const *a, char *const *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (strcmp(a[i], b[i]) != 0)
            return false;
    return true;
}

/* Scores the n-grams of the candidate that match one in the reference; each of these matches once.
 */
static wagle_status score_grams(wagle_ctx *ctx, const words *r, const words *c, int64_t n,
                                double out[3])
{
    const int64_t grams_r = r->n >= n ? r->n - n + 1 : 0, grams_c = c->n >= n ? c->n - n + 1 : 0;
    bool *taken;
    int64_t hits = 0;

    WG_TRY(WG_ALLOC(ctx, &taken, grams_r));
    for (int64_t i = 0; i < grams_c; i++)
        for (int64_t j = 0; j < grams_r; j++)
            if (!taken[j] && same_gram(c->word + i, r->word + j, n)) {
                taken[j] = true;
                hits++;
                break;
            }
    wg_free(taken);
    score((double)hits, (double)grams_r, (double)grams_c, out);
    return WAGLE_OK;
}

static wagle_status score_lcs(wagle_ctx *ctx, const words *r, const words *c, double out[3])
{
    int64_t *row, longest;

    WG_TRY(WG_ALLOC(ctx, &row, c->n + 1));
    for (int64_t i = 0; i < r->n; i++)
        for (int64_t j = 0, corner = 0; j < c->n; j++) {
            const int64_t up = row[j + 1];
            row[j + 1] = strcmp(r->word[i], c->word[j]) == 0 ? corner + 1
                         : up > row[j]                       ? up
                                                             : row[j];
            corner = up;
        }
    longest = row[c->n];
    wg_free(row);
    score((double)longest, (double)r->n, (double)c->n, out);
    return WAGLE_OK;
}

static void free_words(words *w)
{
    wg_free(w->word);
    wg_arena_free(&w->arena);
}

static wagle_status score_one(wagle_ctx *ctx, wg_str reference, const words *c, bool stem,
                              double out[3][3])
{
    words r = {0};
    wagle_status st = split(ctx, reference, stem, &r);

    for (int64_t n = 1; st == WAGLE_OK && n <= 2; n++)
        st = score_grams(ctx, &r, c, n, out[n - 1]);
    if (st == WAGLE_OK)
        st = score_lcs(ctx, &r, c, out[2]);
    free_words(&r);
    return st;
}

wagle_status wg_rouge(wagle_ctx *ctx, const wg_str *reference, int64_t n, wg_str candidate,
                      bool stem, double out[3][3])
{
    words c = {0};
    wagle_status st = split(ctx, candidate, stem, &c);

    for (int64_t i = 0; st == WAGLE_OK && i < n; i++) {
        double one[3][3];
        st = score_one(ctx, reference[i], &c, stem, one);
        for (int k = 0; st == WAGLE_OK && k < 3; k++)
            if (i == 0 || one[k][2] > out[k][2])
                memcpy(out[k], one[k], sizeof one[k]);
    }
    free_words(&c);
    return st;
}

wagle_status wagle_rouge(wagle_ctx *ctx, const char *reference, const char *candidate, bool stem,
                         double out[3][3])
{
    wg_begin(ctx);
    return wg_rouge(ctx, &(wg_str){reference, strlen(reference)}, 1, wg_strz(candidate), stem, out);
}
