/* unigram.c - the likeliest segmentation of a piece (Kudo 2018, arXiv 1804.10959), by Viterbi. */
#include "text/tokenizer.h"

#include <math.h>

static const double unknown_penalty = 10;

/* The best segmentation of a prefix of the piece. */
typedef struct node {
    double score;
    int64_t start; /* start of the last token; -1: not reachable */
    int32_t id;
} node;

static void relax(node *n, double score, int64_t start, int32_t id)
{
    if (n->start < 0 || score > n->score)
        *n = (node){score, start, id};
}

static void viterbi(const wagle_tokenizer *t, const char *piece, int64_t bytes, node *best)
{
    int32_t code;

    for (int64_t at = 0; at < bytes;) {
        const int found = wg_utf8_decode(piece + at, (size_t)(bytes - at), &code);
        const int64_t char_bytes = found > 0 ? found : 1;
        const int64_t max = bytes - at < (int64_t)t->longest ? bytes - at : (int64_t)t->longest;
        bool single = false;
        for (int64_t n = 1; n <= max; n++) {
            const int32_t id = wg_string_table_get(&t->by_text, piece + at, (size_t)n);
            if (id < 0 || isnan(t->score[id]))
                continue; /* an added token */
            relax(&best[at + n], best[at].score + t->score[id], at, id);
            single |= n == char_bytes;
        }
        if (!single)
            relax(&best[at + char_bytes], best[at].score + t->least_score - unknown_penalty, at,
                  t->unknown);
        at += char_bytes;
    }
}

/* Adds a range without a token: the tokens of its bytes, or one unknown token. */
static wagle_status add_unknown(wagle_ctx *ctx, const wagle_tokenizer *t, const char *text,
                                size_t bytes, wg_ids *out)
{
    bool done;

    WG_TRY(wg_add_bytes(ctx, t, text, bytes, &done, out));
    return done ? WAGLE_OK : wg_ids_add(ctx, out, t->unknown);
}

wagle_status wg_unigram(wagle_ctx *ctx, const wagle_tokenizer *t, const char *piece, int64_t bytes,
                        wg_ids *out)
{
    node *best;
    wagle_status st = WAGLE_OK;
    int64_t path = 0, at = 0, *end = NULL;

    WG_TRY(WG_ALLOC(ctx, &best, bytes + 1));
    for (int64_t i = 1; i <= bytes; i++)
        best[i].start = -1;
    viterbi(t, piece, bytes, best);
    st = WG_ALLOC(ctx, &end, bytes + 1);
    for (int64_t i = bytes; st == WAGLE_OK && i > 0; i = best[i].start)
        end[path++] = i;
    for (int64_t i = path - 1; st == WAGLE_OK && i >= 0; i--) {
        const node *n = &best[end[i]];
        if (n->id != t->unknown) {
            st = wg_ids_add(ctx, out, n->id);
            continue;
        }
        at = n->start;
        while (i > 0 && best[end[i - 1]].id == t->unknown)
            i--;
        st = add_unknown(ctx, t, piece + at, (size_t)(end[i] - at), out);
    }
    wg_free(end);
    wg_free(best);
    return st;
}
