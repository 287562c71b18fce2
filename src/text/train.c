/* train.c - learns a byte-level BPE tokenizer from texts (Sennrich et al. 2016). */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

typedef struct word {
    int32_t *id; /* [n] symbols, which merges reduce */
    int64_t n, count;
} word;

typedef struct trainer {
    wagle_ctx *ctx;
    wagle_tokenizer *pieces; /* only used to pre-tokenise */
    word *words;
    int64_t n, capacity;
    wg_arena arena;
    char **symbol; /* [n_symbols] text of each */
    int64_t n_symbols, max_symbols;
    int64_t *pair_count; /* [most*most] */
} trainer;

static wagle_status add_piece(trainer *t, const char *piece, int64_t bytes, int64_t first_byte)
{
    word *w;

    for (int64_t i = 0; i < t->n; i++) { /* a linear scan is enough for small corpora */
        bool same = t->words[i].n == bytes;
        for (int64_t j = 0; same && j < bytes; j++)
            same = t->words[i].id[j] == first_byte + (unsigned char)piece[j];
        if (same) {
            t->words[i].count++;
            return WAGLE_OK;
        }
    }
    WG_TRY(WG_GROW(t->ctx, &t->words, &t->capacity, t->n + 1));
    w = &t->words[t->n];
    *w = (word){wg_arena_alloc(t->ctx, &t->arena, (size_t)bytes * sizeof(int32_t)), bytes, 1};
    if (w->id == NULL)
        return WAGLE_E_RESOURCE;
    for (int64_t j = 0; j < bytes; j++)
        w->id[j] = (int32_t)(first_byte + (unsigned char)piece[j]);
    t->n++;
    return WAGLE_OK;
}

static wagle_status count_words(trainer *t, const char *const *texts, int64_t n, int64_t first_byte)
{
    for (int64_t i = 0; i < n; i++) {
        wg_text text = {0};
        wg_spans spans = {0};
        wagle_status st = wg_text_addz(t->ctx, &text, texts[i]);
        if (st == WAGLE_OK)
            st = wg_pretokenize(t->ctx, t->pieces, true, &text, &spans);
        for (int64_t s = 0; st == WAGLE_OK && s < spans.n; s++)
            st = add_piece(t, text.text + spans.span[s].start, spans.span[s].bytes, first_byte);
        wg_free(spans.span);
        wg_text_free(&text);
        WG_TRY(st);
    }
    return WAGLE_OK;
}

/* Finds the most frequent pair; ties go to the smaller ids. Returns its count. */
static int64_t best_pair(const trainer *t, int32_t *left, int32_t *right)
{
    int64_t best = 0;

    memset(t->pair_count, 0, (size_t)(t->max_symbols * t->max_symbols) * sizeof *t->pair_count);
    for (int64_t i = 0; i < t->n; i++)
        for (int64_t j = 0; j + 1 < t->words[i].n; j++)
            t->pair_count[t->words[i].id[j] * t->max_symbols + t->words[i].id[j + 1]] +=
                t->words[i].count;
    for (int64_t p = 0; p < t->max_symbols * t->max_symbols; p++)
        if (t->pair_count[p] > best) {
            best = t->pair_count[p];
            *left = (int32_t)(p / t->max_symbols);
            *right = (int32_t)(p % t->max_symbols);
        }
    return best;
}

static void merge(trainer *t, int32_t left, int32_t right, int32_t joined)
{
    for (int64_t i = 0; i < t->n; i++) {
        word *w = &t->words[i];
        int64_t n = 0;
        for (int64_t j = 0; j < w->n; j++) {
            const bool hit = j + 1 < w->n && w->id[j] == left && w->id[j + 1] == right;
            w->id[n++] = hit ? joined : w->id[j];
            j += hit;
        }
        w->n = n;
    }
}

static wagle_status add_symbol(trainer *t, const char *a, const char *b)
{
    wg_text text = {0};
    wagle_status st = wg_text_printf(t->ctx, &text, "%s%s", a, b);

    if (st == WAGLE_OK) {
        t->symbol[t->n_symbols] = wg_arena_text(t->ctx, &t->arena, text.text, (size_t)text.bytes);
        st = t->symbol[t->n_symbols++] != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
    }
    wg_text_free(&text);
    return st;
}

static wagle_status learn(trainer *t, json_t *merges)
{
    int32_t left = 0, right = 0;

    while (t->n_symbols < t->max_symbols && best_pair(t, &left, &right) > 1) {
        WG_TRY(add_symbol(t, t->symbol[left], t->symbol[right]));
        if (json_array_append_new(merges, json_pack("[s, s]", t->symbol[left], t->symbol[right])) !=
            0)
            return wg_json_memory(t->ctx);
        merge(t, left, right, (int32_t)t->n_symbols - 1);
    }
    return WAGLE_OK;
}

static wagle_status start(trainer *t, const char *const *specials, json_t *added)
{
    char text[5] = {0};

    for (int64_t i = 0; specials[i] != NULL; i++) {
        WG_TRY(add_symbol(t, specials[i], ""));
        if (json_array_append_new(added, json_pack("{s:I, s:s, s:b, s:b, s:b, s:b, s:b}", "id",
                                                   (json_int_t)i, "content", specials[i],
                                                   "single_word", 0, "lstrip", 0, "rstrip", 0,
                                                   "normalized", 0, "special", 1)) != 0)
            return wg_json_memory(t->ctx);
    }
    for (int b = 0; b < 256; b++) {
        text[wg_byte_to_char((unsigned char)b, text)] = '\0';
        WG_TRY(add_symbol(t, text, ""));
    }
    return WAGLE_OK;
}

static json_t *document(const trainer *t, json_t *added, json_t *merges)
{
    json_t *vocab = json_object(), *out;

    for (int64_t i = 0; i < t->n_symbols; i++)
        json_object_set_new(vocab, t->symbol[i], json_integer(i));
    out = json_pack("{s:s, s:O, s:n, s:{s:s, s:b, s:b, s:b}, s:n, s:{s:s, s:b, s:b, s:b}, s:{s:s, "
                    "s:n, s:n, s:b, s:b, s:b, s:o, s:O}}",
                    "version", "1.0", "added_tokens", added, "normalizer", "pre_tokenizer", "type",
                    "ByteLevel", "add_prefix_space", 0, "trim_offsets", 1, "use_regex", 1,
                    "post_processor", "decoder", "type", "ByteLevel", "add_prefix_space", 1,
                    "trim_offsets", 1, "use_regex", 1, "model", "type", "BPE", "dropout",
                    "unk_token", "fuse_unk", 0, "byte_fallback", 0, "ignore_merges", 0, "vocab",
                    vocab, "merges", merges);
    return out;
}

/* Makes a tokenizer with only bytes, to split texts into pieces. */
static wagle_status byte_pieces(wagle_ctx *ctx, wagle_tokenizer **out)
{
    json_t *json = json_pack("{s:{s:s, s:b, s:b}, s:{s:s, s:{s:i}, s:[]}}", "pre_tokenizer", "type",
                             "ByteLevel", "add_prefix_space", 0, "use_regex", 1, "model", "type",
                             "BPE", "vocab", "a", 0, "merges");
    const wagle_status st =
        json != NULL ? wg_tokenizer_parse(ctx, "byte pieces", json, out) : wg_json_memory(ctx);

    json_decref(json);
    return st;
}

wagle_status wg_bpe_train(wagle_ctx *ctx, const char *const *texts, int64_t n, int64_t vocab_size,
                          const char *const *specials, json_t **out)
{
    trainer t = {.ctx = ctx, .max_symbols = vocab_size};
    json_t *added = json_array(), *merges = json_array();
    wagle_status st;

    *out = NULL;
    WG_TRY_GOTO(byte_pieces(ctx, &t.pieces), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &t.symbol, vocab_size), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &t.pair_count, vocab_size * vocab_size), done);
    WG_TRY_GOTO(start(&t, specials, added), done);
    WG_TRY_GOTO(count_words(&t, texts, n, t.n_symbols - 256), done);
    WG_TRY_GOTO(learn(&t, merges), done);
    *out = document(&t, added, merges);
    st = *out != NULL ? WAGLE_OK : wg_json_memory(ctx);
done:
    wagle_tokenizer_free(t.pieces);
    wg_free(t.symbol);
    wg_free(t.pair_count);
    wg_free(t.words);
    wg_arena_free(&t.arena);
    json_decref(added);
    json_decref(merges);
    return st;
}
