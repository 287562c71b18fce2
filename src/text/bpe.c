/* bpe.c - byte-pair encoding of one piece (Sennrich et al. 2016, arXiv 1508.07909).
 *
 * Symbols form a linked list. Possible merges are in a heap ordered by (rank, position), so a piece
 * of n bytes takes O(n log n). */
#include "text/tokenizer.h"

#include <string.h>

typedef struct symbol {
    int32_t id;             /* -1: merged into its left neighbour */
    int32_t previous, next; /* indices in the list, -1: none */
} symbol;

typedef struct candidate {
    int32_t rank, place, id; /* id: of the merged token */
} candidate;

typedef struct heap {
    candidate *item;
    int64_t n, capacity;
} heap;

static bool before(const candidate *a, const candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->place < b->place;
}

static wagle_status heap_push(wagle_ctx *ctx, heap *h, candidate c)
{
    int64_t i = h->n;

    WG_TRY(WG_GROW(ctx, &h->item, &h->capacity, h->n + 1));
    h->n++;
    for (; i > 0 && before(&c, &h->item[(i - 1) / 2]); i = (i - 1) / 2)
        h->item[i] = h->item[(i - 1) / 2];
    h->item[i] = c;
    return WAGLE_OK;
}

static candidate heap_pop(heap *h)
{
    const candidate top = h->item[0], last = h->item[--h->n];
    int64_t i = 0, child;

    while ((child = 2 * i + 1) < h->n) {
        if (child + 1 < h->n && before(&h->item[child + 1], &h->item[child]))
            child++;
        if (!before(&h->item[child], &last))
            break;
        h->item[i] = h->item[child];
        i = child;
    }
    h->item[i] = last;
    return top;
}

static const wg_merge_slot *find_merge(const wagle_tokenizer *t, int32_t left, int32_t right)
{
    const uint64_t pair = (uint64_t)left << 32 | (uint32_t)right, mask = t->merge_size - 1;
    uint64_t at = wg_hash_bytes(&pair, sizeof pair) & mask;

    for (; t->merge[at].pair != UINT64_MAX; at = (at + 1) & mask)
        if (t->merge[at].pair == pair)
            return &t->merge[at];
    return NULL;
}

static wagle_status offer(wagle_ctx *ctx, const wagle_tokenizer *t, const symbol *list,
                          int32_t place, heap *h)
{
    const wg_merge_slot *merge;

    if (place < 0 || list[place].next < 0)
        return WAGLE_OK;
    merge = find_merge(t, list[place].id, list[list[place].next].id);
    return merge == NULL ? WAGLE_OK : heap_push(ctx, h, (candidate){merge->rank, place, merge->id});
}

static wagle_status merge_all(wagle_ctx *ctx, const wagle_tokenizer *t, symbol *list, int32_t n,
                              heap *h)
{
    for (int32_t i = 0; i + 1 < n; i++)
        WG_TRY(offer(ctx, t, list, i, h));
    while (h->n > 0) {
        const candidate c = heap_pop(h);
        symbol *left = &list[c.place];
        const wg_merge_slot *now;
        if (left->id < 0 || left->next < 0)
            continue;
        now = find_merge(t, left->id, list[left->next].id);
        if (now == NULL || now->id != c.id)
            continue; /* one of the two symbols has changed since */
        symbol *right = &list[left->next];
        left->id = c.id;
        right->id = -1;
        left->next = right->next;
        if (left->next >= 0)
            list[left->next].previous = c.place;
        WG_TRY(offer(ctx, t, list, left->previous, h));
        WG_TRY(offer(ctx, t, list, c.place, h));
    }
    return WAGLE_OK;
}

/* The id of the whole piece, for ignore_merges; -1 if it is no token. */
static wagle_status whole(wagle_ctx *ctx, const wagle_tokenizer *t, const char *piece,
                          int64_t bytes, int32_t *id)
{
    wg_text text = {0};
    wagle_status st;

    *id = t->byte_level ? -1 : wg_string_table_get(&t->by_text, piece, (size_t)bytes);
    if (!t->byte_level)
        return WAGLE_OK;
    st = wg_map_bytes(ctx, piece, bytes, &text);
    if (st == WAGLE_OK)
        *id = wg_string_table_get(&t->by_text, text.text, (size_t)text.bytes);
    wg_text_free(&text);
    return st;
}

wagle_status wg_add_unknown(wagle_ctx *ctx, const wagle_tokenizer *t, wg_ids *out)
{
    if (t->unknown_name != NULL)
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: the unknown token '%.64s' is not in the vocabulary, and this text "
                       "needs it",
                       t->unknown_where, t->unknown_name);
    return t->unknown >= 0 ? wg_ids_add(ctx, out, t->unknown) : WAGLE_OK;
}

wagle_status wg_add_bytes(wagle_ctx *ctx, const wagle_tokenizer *t, const char *text, size_t bytes,
                          bool *done, wg_ids *out)
{
    *done = false;
    for (size_t i = 0; i < bytes; i++)
        if (!t->byte_fallback || t->byte_id[(unsigned char)text[i]] < 0)
            return WAGLE_OK;
    for (size_t i = 0; i < bytes; i++)
        WG_TRY(wg_ids_add(ctx, out, t->byte_id[(unsigned char)text[i]]));
    *done = true;
    return WAGLE_OK;
}

/* Writes a character with the prefix for continuations and the suffix for the end of a word. */
static wagle_status add_affixes(wagle_ctx *ctx, const wagle_tokenizer *t, const char *text,
                                size_t n, bool first, bool last, wg_text *out)
{
    out->bytes = 0;
    if (!first && t->prefix != NULL)
        WG_TRY(wg_text_addz(ctx, out, t->prefix));
    WG_TRY(wg_text_add(ctx, out, text, n));
    return last && t->suffix != NULL ? wg_text_addz(ctx, out, t->suffix) : WAGLE_OK;
}

/* The initial tokens of a piece: its characters, or the bytes of characters that are no tokens. As
 * in the `tokenizers` library, an unknown token is added only when the next known one follows. */
static wagle_status characters(wagle_ctx *ctx, const wagle_tokenizer *t, const char *piece,
                               int64_t bytes, wg_text *spare, wg_ids *out)
{
    const bool dressed = t->prefix != NULL || t->suffix != NULL;
    const bool has_unknown = t->unknown >= 0 || t->unknown_name != NULL;
    bool waiting = false, done;
    int32_t code;

    for (int64_t i = 0, step; i < bytes; i += step) {
        const int found = wg_utf8_decode(piece + i, (size_t)(bytes - i), &code);
        const char *text = piece + i;
        size_t n = step = found > 0 ? found : 1;
        if (dressed) {
            WG_TRY(add_affixes(ctx, t, text, n, i == 0, i + step == bytes, spare));
            text = spare->text;
            n = (size_t)spare->bytes;
        }
        const int32_t id = wg_string_table_get(&t->by_text, text, n);
        if (id >= 0) {
            if (waiting)
                WG_TRY(wg_add_unknown(ctx, t, out));
            waiting = false;
            WG_TRY(wg_ids_add(ctx, out, id));
            continue;
        }
        WG_TRY(wg_add_bytes(ctx, t, text, n, &done, out));
        if (done || !has_unknown)
            continue;
        if (waiting && !t->fuse_unknown)
            WG_TRY(wg_add_unknown(ctx, t, out));
        waiting = true;
    }
    return waiting ? wg_add_unknown(ctx, t, out) : WAGLE_OK;
}

static wagle_status first_tokens(wagle_ctx *ctx, const wagle_tokenizer *t, const char *piece,
                                 int64_t bytes, wg_ids *out)
{
    wg_text spare = {0};
    const wagle_status st = characters(ctx, t, piece, bytes, &spare, out);

    wg_text_free(&spare);
    return st;
}

static wagle_status single_bytes(wagle_ctx *ctx, const wagle_tokenizer *t, const char *piece,
                                 int64_t bytes, wg_ids *out)
{
    for (int64_t i = 0; i < bytes; i++) {
        const int32_t id = t->byte_id[(unsigned char)piece[i]];
        if (id >= 0)
            WG_TRY(wg_ids_add(ctx, out, id));
    }
    return WAGLE_OK;
}

wagle_status wg_bpe(wagle_ctx *ctx, const wagle_tokenizer *t, const char *piece, int64_t bytes,
                    wg_ids *out)
{
    const int64_t before = out->n;
    symbol small[64], *list = small;
    heap h = {0};
    int32_t n, id;
    wagle_status st = WAGLE_OK;

    if (bytes > INT32_MAX / 2)
        return wg_fail(ctx, WAGLE_E_INPUT, "a piece of text of %lld bytes is too long",
                       (long long)bytes);
    if (t->ignore_merges) {
        WG_TRY(whole(ctx, t, piece, bytes, &id));
        if (id >= 0)
            return wg_ids_add(ctx, out, id);
    }
    WG_TRY((t->byte_level ? single_bytes : first_tokens)(ctx, t, piece, bytes, out));
    n = (int32_t)(out->n - before);
    if (n < 2)
        return WAGLE_OK;
    if (n > 64)
        WG_TRY(WG_ALLOC(ctx, &list, n));
    for (int32_t i = 0; i < n; i++)
        list[i] = (symbol){out->id[before + i], i - 1, i + 1 < n ? i + 1 : -1};
    st = merge_all(ctx, t, list, n, &h);
    out->n = before;
    for (int32_t i = 0; st == WAGLE_OK && i >= 0; i = list[i].next)
        st = wg_ids_add(ctx, out, list[i].id);
    wg_free(h.item);
    if (list != small)
        wg_free(list);
    return st;
}
