/* sentencepiece.c - converts a tokenizer.model (protobuf, sentencepiece_model.proto) to a
 * tokenizer.json, like transformers.
 *
 *   ModelProto:     1 piece (1 text, 2 score float, 3 type) | 2 trainer | 3 normalizer
 *   TrainerSpec:    3 model_type (1 unigram, 2 BPE) | 35 byte_fallback | 40 unk_id | 41 bos_id
 *                   42 eos_id (-1: none) | 45 unk_piece | 46 bos_piece | 47 eos_piece
 *   NormalizerSpec: 2 precompiled_charsmap | 3 add_dummy_prefix | 4 remove_extra_whitespaces
 *                   5 escape_whitespaces
 *
 * A message is fields of (number << 3 | wire type) and a value: 0 varint, 1 eight bytes, 2 length
 * and bytes, 5 four bytes. */
#include "text/tokenizer.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define SPACE "\xE2\x96\x81" /* U+2581 */

enum { MAX_PIECES = 1 << 22, MAX_PIECE_BYTES = 1 << 16 };

typedef struct bytes {
    const unsigned char *at;
    size_t n;
} bytes;

typedef struct field {
    uint64_t number, value; /* value: of a varint or fixed-size field */
    bytes body;             /* of a message or text field */
} field;

typedef struct reader {
    wagle_ctx *ctx;
    const char *what;
    wg_sp_piece *piece; /* [n] */
    int64_t n, capacity;
    uint64_t model_type, unknown;
    bool byte_fallback, dummy_prefix, remove_spaces;
    struct {
        const char *key;
        int64_t id;
        bytes text;
    } named[3];          /* unknown, begin and end of text */
    bool splits_defined; /* user-defined pieces are split off after the prefix is added */
    bool legacy;
    bytes charsmap;
    wg_string_table by_text;
} reader;

static wagle_status broken(const reader *r)
{
    return wg_fail(r->ctx, WAGLE_E_INPUT, "%s: not a SentencePiece model, or truncated", r->what);
}

static bool varint(bytes *in, uint64_t *out)
{
    *out = 0;
    for (int shift = 0; shift < 64 && in->n > 0; shift += 7) {
        const unsigned char c = *in->at++;
        in->n--;
        *out |= (uint64_t)(c & 0x7F) << shift;
        if (c < 0x80)
            return true;
    }
    return false;
}

static bool fixed(bytes *in, size_t n, uint64_t *out)
{
    *out = 0;
    if (in->n < n)
        return false;
    memcpy(out, in->at, n);
    in->at += n;
    in->n -= n;
    return true;
}

/* Reads the next field of a message; false if it is malformed. */
static bool next_field(bytes *in, field *f)
{
    uint64_t key;

    *f = (field){0};
    if (!varint(in, &key))
        return false;
    f->number = key >> 3;
    switch (key & 7) {
    case 0:
        return varint(in, &f->value);
    case 1:
        return fixed(in, 8, &f->value);
    case 5:
        return fixed(in, 4, &f->value);
    case 2:
        if (!varint(in, &f->value) || f->value > in->n)
            return false;
        f->body = (bytes){in->at, (size_t)f->value};
        in->at += f->value;
        in->n -= (size_t)f->value;
        return true;
    default:
        return false;
    }
}

static wagle_status read_piece(reader *r, bytes in)
{
    wg_sp_piece p = {.type = WG_PIECE_NORMAL};
    uint32_t score;
    field f;

    while (in.n > 0) {
        if (!next_field(&in, &f))
            return broken(r);
        if (f.number == 1)
            p = (wg_sp_piece){(const char *)f.body.at, f.body.n, p.score, p.type};
        score = (uint32_t)f.value;
        if (f.number == 2)
            memcpy(&p.score, &score, sizeof score);
        if (f.number == 3)
            p.type = (int)(f.value & 0xFF);
    }
    if (p.text == NULL || p.bytes == 0 || p.bytes > MAX_PIECE_BYTES || r->n == MAX_PIECES ||
        !wg_utf8_valid(p.text, p.bytes) || memchr(p.text, '\0', p.bytes) != NULL ||
        !(p.score - p.score == 0))
        return wg_fail(r->ctx, WAGLE_E_INPUT, "%s: piece %lld is not a text with a score", r->what,
                       (long long)r->n);
    WG_TRY(WG_GROW(r->ctx, &r->piece, &r->capacity, r->n + 1));
    r->piece[r->n++] = p;
    return WAGLE_OK;
}

static wagle_status read_trainer(reader *r, bytes in)
{
    field f;

    while (in.n > 0) {
        if (!next_field(&in, &f))
            return broken(r);
        if (f.number == 3)
            r->model_type = f.value;
        if (f.number == 35)
            r->byte_fallback = f.value != 0;
        if (f.number == 40)
            r->unknown = f.value;
        if (f.number >= 40 && f.number <= 42)
            r->named[f.number - 40].id = (int32_t)f.value;
        if (f.number >= 45 && f.number <= 47 && f.body.n > 0)
            r->named[f.number - 45].text = f.body;
    }
    return WAGLE_OK;
}

static wagle_status read_normalizer(reader *r, bytes in)
{
    field f;

    while (in.n > 0) {
        if (!next_field(&in, &f))
            return broken(r);
        if (f.number == 2)
            r->charsmap = f.body;
        if (f.number == 3)
            r->dummy_prefix = f.value != 0;
        if (f.number == 4)
            r->remove_spaces = f.value != 0;
        if (f.number == 5 && f.value == 0)
            return wg_fail(r->ctx, WAGLE_E_INPUT, "%s: escape_whitespaces = false is not supported",
                           r->what);
    }
    return WAGLE_OK;
}

static wagle_status read_all(reader *r, bytes in)
{
    field f;

    while (in.n > 0) {
        if (!next_field(&in, &f))
            return broken(r);
        if (f.number == 1)
            WG_TRY(read_piece(r, f.body));
        if (f.number == 2)
            WG_TRY(read_trainer(r, f.body));
        if (f.number == 3)
            WG_TRY(read_normalizer(r, f.body));
    }
    if (r->n == 0)
        return broken(r);
    if (r->model_type != 1 && r->model_type != 2)
        return wg_fail(
            r->ctx, WAGLE_E_INPUT,
            "%s: SentencePiece model type %llu is not supported; supported are unigram and BPE",
            r->what, (unsigned long long)r->model_type);
    return WAGLE_OK;
}

/* --- merges ----------------------------------------------------------------------------------- */

typedef struct merge {
    int32_t left, right, whole;
    int64_t length; /* code points of left */
    float score;
} merge;

/* Best score first. Ties as in transformers: the longer left part first. */
static int by_score(const void *a, const void *b)
{
    const merge *x = a, *y = b;

    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    if (x->length != y->length)
        return x->length < y->length ? 1 : -1;
    if (x->whole != y->whole)
        return x->whole < y->whole ? -1 : 1;
    return x->left < y->left ? -1 : x->left > y->left;
}

static int64_t code_points(const char *text, size_t n)
{
    int64_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

/* Finds the merges: every split of a piece into two pieces, ordered by the score of the piece. */
static wagle_status find_merges(const reader *r, merge **out, int64_t *n)
{
    int64_t capacity = 0;

    for (int64_t i = 0; i < r->n; i++) {
        const wg_sp_piece *p = &r->piece[i];
        for (size_t cut = 1; cut < p->bytes; cut++) {
            const int32_t left = wg_string_table_get(&r->by_text, p->text, cut);
            const int32_t right = wg_string_table_get(&r->by_text, p->text + cut, p->bytes - cut);
            if (left < 0 || right < 0 || p->type != WG_PIECE_NORMAL)
                continue;
            WG_TRY(WG_GROW(r->ctx, out, &capacity, *n + 1));
            (*out)[(*n)++] = (merge){left, right, (int32_t)i, code_points(p->text, cut), p->score};
        }
    }
    if (*n > 0)
        qsort(*out, (size_t)*n, sizeof **out, by_score);
    return WAGLE_OK;
}

static json_t *text_of(const reader *r, int32_t i)
{
    return json_stringn(r->piece[i].text, r->piece[i].bytes);
}

static wagle_status append(const reader *r, json_t *list, json_t *value)
{
    return json_array_append_new(list, value) == 0 ? WAGLE_OK : wg_json_memory(r->ctx);
}

static wagle_status put_merges(const reader *r, json_t *list)
{
    merge *merges = NULL;
    int64_t n = 0;
    wagle_status st = find_merges(r, &merges, &n);

    for (int64_t i = 0; st == WAGLE_OK && i < n; i++)
        st = append(r, list,
                    json_pack("[o, o]", text_of(r, merges[i].left), text_of(r, merges[i].right)));
    wg_free(merges);
    return st;
}

/* --- the parts of a tokenizer.json ------------------------------------------------------------ */

/* Whether there are user-defined pieces, which are split off by a pattern. */
static bool has_defined(const reader *r)
{
    for (int64_t i = 0; r->splits_defined && i < r->n; i++)
        if (r->piece[i].type == WG_PIECE_USER_DEFINED)
            return true;
    return false;
}

static wagle_status put_model(const reader *r, json_t *root)
{
    const bool bpe = r->model_type == 2;
    json_t *vocab = bpe ? json_object() : json_array();
    json_t *merges = json_array(), *model = NULL;
    wagle_status st = vocab != NULL && merges != NULL ? WAGLE_OK : wg_json_memory(r->ctx);

    for (int64_t i = 0; st == WAGLE_OK && i < r->n; i++) {
        const wg_sp_piece *p = &r->piece[i];
        if (bpe)
            st = json_object_setn_new(vocab, p->text, p->bytes, json_integer(i)) == 0
                     ? WAGLE_OK
                     : wg_json_memory(r->ctx);
        else
            st = append(r, vocab, json_pack("[o, f]", text_of(r, (int32_t)i), (double)p->score));
    }
    if (st == WAGLE_OK && bpe)
        st = put_merges(r, merges);
    if (st == WAGLE_OK && bpe)
        model =
            json_pack("{s:s, s:o, s:b, s:b, s:b, s:O, s:O}", "type", "BPE", "unk_token",
                      r->unknown < (uint64_t)r->n ? text_of(r, (int32_t)r->unknown) : json_null(),
                      "fuse_unk", 1, "byte_fallback", r->byte_fallback, "ignore_merges",
                      has_defined(r), "vocab", vocab, "merges", merges);
    else if (st == WAGLE_OK)
        model =
            json_pack("{s:s, s:I, s:b, s:O}", "type", "Unigram", "unk_id", (json_int_t)r->unknown,
                      "byte_fallback", r->byte_fallback, "vocab", vocab);
    json_decref(vocab);
    json_decref(merges);
    return st == WAGLE_OK ? wg_json_set(r->ctx, root, "model", model) : st;
}

static wagle_status put_added(const reader *r, json_t *root)
{
    json_t *list = json_array();
    wagle_status st = list != NULL ? WAGLE_OK : wg_json_memory(r->ctx);

    for (int64_t i = 0; st == WAGLE_OK && i < r->n; i++) {
        const int type = r->piece[i].type;
        if (type == WG_PIECE_CONTROL || (type == WG_PIECE_UNKNOWN && r->named[0].key == NULL) ||
            (type == WG_PIECE_USER_DEFINED && !r->splits_defined))
            st = append(r, list,
                        json_pack("{s:I, s:o, s:b, s:b, s:b, s:b, s:b}", "id", (json_int_t)i,
                                  "content", text_of(r, (int32_t)i), "single_word", 0, "lstrip", 0,
                                  "rstrip", 0, "normalized", 0, "special",
                                  type != WG_PIECE_USER_DEFINED));
    }
    if (st == WAGLE_OK)
        st = wg_json_set(r->ctx, root, "added_tokens", json_incref(list));
    json_decref(list);
    return st;
}

static wagle_status charsmap_text(const reader *r, char **out)
{
    *out = NULL;
    if (r->charsmap.n == 0 || r->charsmap.n > 1 << 27)
        return WAGLE_OK;
    WG_TRY(WG_ALLOC(r->ctx, out, (int64_t)(r->charsmap.n / 3 + 2) * 4));
    EVP_EncodeBlock((unsigned char *)*out, r->charsmap.at, (int)r->charsmap.n);
    return WAGLE_OK;
}

/* Writes the normalizer. Models like Llama keep spaces; others (T5) normalise and merge them. */
static wagle_status put_text_steps(const reader *r, json_t *root)
{
    json_t *steps = json_array();
    char *map = NULL;
    wagle_status st = steps != NULL ? charsmap_text(r, &map) : wg_json_memory(r->ctx);

    if (st == WAGLE_OK && map != NULL)
        st = append(r, steps,
                    json_pack("{s:s, s:s}", "type", "Precompiled", "precompiled_charsmap", map));
    if (st == WAGLE_OK && r->remove_spaces) {
        st = append(r, steps,
                    json_pack("{s:s, s:{s:s}, s:s}", "type", "Replace", "pattern", "Regex",
                              "\\A +| +\\z", "content", ""));
        if (st == WAGLE_OK)
            st = append(r, steps,
                        json_pack("{s:s, s:{s:s}, s:s}", "type", "Replace", "pattern", "Regex",
                                  " {2,}", "content", " "));
    }
    if (st == WAGLE_OK && r->dummy_prefix && r->legacy)
        st = append(r, steps, json_pack("{s:s, s:s}", "type", "Prepend", "prepend", SPACE));
    if (st == WAGLE_OK)
        st = append(r, steps,
                    json_pack("{s:s, s:{s:s}, s:s}", "type", "Replace", "pattern", "String", " ",
                              "content", SPACE));
    if (st == WAGLE_OK)
        st = wg_json_set(r->ctx, root, "normalizer",
                         json_pack("{s:s, s:O}", "type", "Sequence", "normalizers", steps));
    json_decref(steps);
    wg_free(map);
    return st;
}

static int longer_first(const void *x, const void *y)
{
    const wg_sp_piece *const *a = x, *const *b = y;

    if ((*a)->bytes != (*b)->bytes)
        return (*a)->bytes > (*b)->bytes ? -1 : 1;
    return *a < *b ? -1 : *a > *b;
}

/* Writes a pattern of all user-defined pieces, longest first. */
static wagle_status defined_pattern(const reader *r, const wg_sp_piece **sorted, wg_text *out)
{
    int64_t n = 0;

    for (int64_t i = 0; i < r->n; i++)
        if (r->piece[i].type == WG_PIECE_USER_DEFINED)
            sorted[n++] = &r->piece[i];
    qsort(sorted, (size_t)n, sizeof *sorted, longer_first);
    for (int64_t i = 0; i < n; i++) {
        if (i > 0)
            WG_TRY(wg_text_addz(r->ctx, out, "|"));
        for (size_t k = 0; k < sorted[i]->bytes; k++) {
            const char c = sorted[i]->text[k];
            if (strchr("\\^$.|?*+()[]{}-#&~ \t", c) != NULL)
                WG_TRY(wg_text_addz(r->ctx, out, "\\"));
            WG_TRY(wg_text_add(r->ctx, out, &c, 1));
        }
    }
    return WAGLE_OK;
}

static wagle_status put_defined(const reader *r, json_t *steps)
{
    const wg_sp_piece **sorted = NULL;
    wg_text pattern = {0};
    wagle_status st = WG_ALLOC(r->ctx, &sorted, r->n);

    if (st == WAGLE_OK)
        st = defined_pattern(r, sorted, &pattern);
    if (st == WAGLE_OK)
        st = append(r, steps,
                    json_pack("{s:s, s:{s:s}, s:s, s:b}", "type", "Split", "pattern", "Regex",
                              pattern.text, "behavior", "Isolated", "invert", 0));
    wg_text_free(&pattern);
    wg_free(sorted);
    return st;
}

/* Writes the pre-tokenizer: a space only before the whole text, and split-off user-defined pieces.
 */
static wagle_status put_pretokenizer(const reader *r, json_t *root)
{
    json_t *steps = json_array();
    wagle_status st = steps != NULL ? WAGLE_OK : wg_json_memory(r->ctx);

    if (st == WAGLE_OK && r->dummy_prefix && !r->legacy)
        st = append(r, steps,
                    json_pack("{s:s, s:s, s:s, s:b}", "type", "Metaspace", "replacement", SPACE,
                              "prepend_scheme", "first", "split", 0));
    if (st == WAGLE_OK && has_defined(r))
        st = put_defined(r, steps);
    if (st == WAGLE_OK && json_array_size(steps) > 0)
        st = wg_json_set(r->ctx, root, "pre_tokenizer",
                         json_pack("{s:s, s:O}", "type", "Sequence", "pretokenizers", steps));
    json_decref(steps);
    return st;
}

/* Writes the names of the begin and end tokens. */
static wagle_status put_names(const reader *r, json_t *root)
{
    json_t *names = json_object();
    wagle_status st = names != NULL ? WAGLE_OK : wg_json_memory(r->ctx);

    for (int i = 0; st == WAGLE_OK && i < 3; i++)
        if (r->named[i].key != NULL && r->named[i].id >= 0)
            st = wg_json_set(r->ctx, names, r->named[i].key,
                             json_stringn((const char *)r->named[i].text.at, r->named[i].text.n));
    if (st == WAGLE_OK)
        st = wg_json_set(r->ctx, root, "wagle", json_incref(names));
    json_decref(names);
    return st;
}

static wagle_status put_decoder(const reader *r, json_t *root)
{
    json_t *steps =
        json_pack("[{s:s, s:{s:s}, s:s}, {s:s}, {s:s}]", "type", "Replace", "pattern", "String",
                  SPACE, "content", " ", "type", "ByteFallback", "type", "Fuse");
    wagle_status st = steps != NULL ? WAGLE_OK : wg_json_memory(r->ctx);

    if (st == WAGLE_OK && r->dummy_prefix)
        st = append(r, steps,
                    json_pack("{s:s, s:s, s:i, s:i}", "type", "Strip", "content", " ", "start", 1,
                              "stop", 0));
    if (st == WAGLE_OK)
        st = wg_json_set(r->ctx, root, "decoder",
                         json_pack("{s:s, s:O}", "type", "Sequence", "decoders", steps));
    json_decref(steps);
    return st;
}

static wagle_status make_json(reader *r, json_t **out)
{
    json_t *root = json_object();
    wagle_status st = root != NULL ? WAGLE_OK : wg_json_memory(r->ctx);

    if (st == WAGLE_OK)
        st = wg_string_table_new(r->ctx, &r->by_text, r->n);
    for (int64_t i = 0; st == WAGLE_OK && i < r->n; i++)
        wg_string_table_put(&r->by_text, r->piece[i].text, r->piece[i].bytes, (int32_t)i);
    if (st == WAGLE_OK)
        st = wg_json_set(r->ctx, root, "version", json_string("1.0"));
    if (st == WAGLE_OK)
        st = put_added(r, root);
    if (st == WAGLE_OK)
        st = put_text_steps(r, root);
    if (st == WAGLE_OK)
        st = put_pretokenizer(r, root);
    if (st == WAGLE_OK && r->named[0].key != NULL)
        st = put_names(r, root);
    if (st == WAGLE_OK)
        st = put_decoder(r, root);
    if (st == WAGLE_OK)
        st = put_model(r, root);
    wg_free(r->by_text.slot);
    if (st != WAGLE_OK) {
        json_decref(root);
        return st;
    }
    *out = root;
    return WAGLE_OK;
}

wagle_status wg_sentencepiece_json(wagle_ctx *ctx, const char *what, const void *data, size_t n,
                                   const wg_sp_form *form, json_t **out)
{
    reader r = {.ctx = ctx,
                .what = what,
                .model_type = 1,
                .dummy_prefix = true,
                .remove_spaces = true,
                .named = {{"unk_token", 0, {(const unsigned char *)"<unk>", 5}},
                          {"bos_token", 1, {(const unsigned char *)"<s>", 3}},
                          {"eos_token", 2, {(const unsigned char *)"</s>", 4}}},
                .splits_defined = !form->in_class,
                .legacy = form->legacy || form->in_class};
    wagle_status st;

    *out = NULL;
    st = read_all(&r, (bytes){data, n});
    if (st == WAGLE_OK)
        st = make_json(&r, out);
    wg_free(r.piece);
    return st;
}

wagle_status wg_pieces_json(wagle_ctx *ctx, const char *what, const wg_sp_piece *pieces, int64_t n,
                            int32_t unknown, bool dummy_prefix, json_t **out)
{
    reader r = {.ctx = ctx,
                .what = what,
                .piece = (wg_sp_piece *)(uintptr_t)pieces,
                .n = n,
                .model_type = 2,
                .unknown = (uint64_t)unknown,
                .byte_fallback = true,
                .legacy = true,
                .dummy_prefix = dummy_prefix};

    *out = NULL;
    return make_json(&r, out);
}
