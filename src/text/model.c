/* model.c - reads the vocabulary of a tokenizer.json: merges of BPE, scores of Unigram, added
 * tokens. */
#include "text/loader.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ID = 1 << 24 };

static wagle_status put_token(const wg_loader *l, const char *text, size_t bytes, const json_t *id)
{
    const json_int_t i = json_is_integer(id) ? json_integer_value(id) : -1;

    if (i < 0 || i >= l->t->n_ids)
        return wg_fail(l->ctx, WAGLE_E_INPUT, "%s: token '%.64s': its id is not valid", l->what,
                       text);
    WG_TRY(wg_load_keep(l, text, bytes, &l->t->token[i]));
    wg_string_table_put(&l->t->by_text, l->t->token[i], bytes, (int32_t)i);
    l->t->longest = bytes > l->t->longest ? bytes : l->t->longest;
    return WAGLE_OK;
}

static json_int_t largest(json_int_t id, const json_t *value)
{
    return json_integer_value(value) > id ? json_integer_value(value) : id;
}

static wagle_status load_vocabulary(const wg_loader *l, json_t *vocab, const json_t *added)
{
    json_int_t last = -1;
    const char *text;
    json_t *id;
    size_t i;

    json_object_foreach (vocab, text, id)
        last = largest(last, id);
    json_array_foreach (added, i, id)
        last = largest(last, json_object_get(id, "id"));
    if (last < 0 || last >= MOST_ID)
        return wg_fail(l->ctx, WAGLE_E_INPUT, "%s: largest token id %lld, below %d expected",
                       l->what, (long long)last, MOST_ID);
    l->t->n_ids = last + 1;
    WG_TRY(WG_ALLOC(l->ctx, &l->t->token, l->t->n_ids));
    WG_TRY(WG_ALLOC(l->ctx, &l->t->skipped, l->t->n_ids));
    WG_TRY(wg_string_table_new(l->ctx, &l->t->by_text, (int64_t)json_object_size(vocab)));
    json_object_foreach (vocab, text, id)
        WG_TRY(put_token(l, text, strlen(text), id));
    return WAGLE_OK;
}

static wagle_status find_pair(const wg_loader *l, const json_t *merge, size_t index, uint64_t *pair,
                              int32_t *joined)
{
    const char *text = json_string_value(merge), *a, *b;
    const char *space = text != NULL ? strchr(text, ' ') : NULL;
    const size_t cut = l->t->prefix != NULL ? strlen(l->t->prefix) : 0;
    wg_text both = {0};
    int32_t left, right;
    size_t n, m;

    a = space != NULL ? text : json_string_value(json_array_get(merge, 0));
    b = space != NULL ? space + 1 : json_string_value(json_array_get(merge, 1));
    n = space != NULL ? (size_t)(space - text) : a != NULL ? strlen(a) : 0;
    m = b != NULL ? strlen(b) : 0;
    if (a == NULL || b == NULL)
        return wg_fail(l->ctx, WAGLE_E_INPUT, "%s: merge %zu is not a pair", l->what, index);
    if (cut > m || (space != NULL && strchr(b, ' ') != NULL))
        return wg_fail(l->ctx, WAGLE_E_INPUT, "%s: merge %zu is not a pair", l->what, index);
    left = wg_string_table_get(&l->t->by_text, a, n);
    right = wg_string_table_get(&l->t->by_text, b, m);
    WG_TRY(wg_text_add(l->ctx, &both, a, n));
    const wagle_status st = wg_text_add(l->ctx, &both, b + cut, m - cut);
    *joined = st == WAGLE_OK ? wg_string_table_get(&l->t->by_text, both.text, n + m - cut) : -1;
    wg_text_free(&both);
    WG_TRY(st);
    if (left < 0 || right < 0 || *joined < 0)
        return wg_fail(l->ctx, WAGLE_E_INPUT, "%s: merge %zu names no token", l->what, index);
    *pair = (uint64_t)left << 32 | (uint32_t)right;
    return WAGLE_OK;
}

static wagle_status load_merges(const wg_loader *l, const json_t *merges)
{
    wagle_tokenizer *t = l->t;

    for (t->merge_size = 16; t->merge_size < 2 * json_array_size(merges);)
        t->merge_size *= 2;
    WG_TRY(WG_ALLOC(l->ctx, &t->merge, (int64_t)t->merge_size));
    for (uint64_t i = 0; i < t->merge_size; i++)
        t->merge[i].pair = UINT64_MAX;
    for (size_t i = 0; i < json_array_size(merges); i++) {
        uint64_t pair, at;
        int32_t joined = -1;
        WG_TRY(find_pair(l, json_array_get(merges, i), i, &pair, &joined));
        at = wg_hash_bytes(&pair, sizeof pair);
        while (t->merge[at & (t->merge_size - 1)].pair != UINT64_MAX &&
               t->merge[at & (t->merge_size - 1)].pair != pair)
            at++;
        t->merge[at & (t->merge_size - 1)] = (wg_merge_slot){pair, (int32_t)i, joined};
    }
    return WAGLE_OK;
}

/* --- added tokens ----------------------------------------------------------------------------- */

/* Copies the normalised text to the arena. */
static wagle_status keep_normalised(const wg_loader *l, const char *text, size_t bytes,
                                    const char **out, size_t *n)
{
    bool first = true;
    wg_text copy = {0};
    wagle_status st = wg_text_add(l->ctx, &copy, text, bytes);

    if (st == WAGLE_OK)
        st = wg_normalize(l->ctx, l->t, &copy, &first);
    if (st == WAGLE_OK)
        st = wg_load_keep(l, copy.text, (size_t)copy.bytes, out);
    *n = (size_t)copy.bytes;
    wg_text_free(&copy);
    return st;
}

static wagle_status load_one_added(const wg_loader *l, const json_t *entry, wg_added_token *a)
{
    const json_t *content = json_object_get(entry, "content"), *id = json_object_get(entry, "id");
    const size_t bytes = json_string_length(content);
    wagle_tokenizer *t = l->t;
    const char *text, *decoded;
    size_t n;

    if (bytes == 0 || !json_is_integer(id) || json_integer_value(id) < 0 ||
        json_integer_value(id) >= t->n_ids)
        return wg_load_refuse(l, "an added token without content or id,",
                              json_string_value(content));
    a->special = wg_load_flag(entry, "special", false);
    a->normalized = wg_load_flag(entry, "normalized", !a->special);
    a->single_word = wg_load_flag(entry, "single_word", false);
    a->lstrip = wg_load_flag(entry, "lstrip", false);
    a->rstrip = wg_load_flag(entry, "rstrip", false);
    a->skipped = wg_load_flag(entry, "skipped", a->special);
    a->id = (int32_t)json_integer_value(id);
    WG_TRY(wg_load_keep(l, json_string_value(content), bytes, &text));
    wg_string_table_put(&t->by_name, text, bytes, a->id);
    WG_TRY(keep_normalised(l, text, bytes, &decoded, &n));
    if (!wg_load_flag(entry, "decodes_normalized", a->normalized))
        decoded = text;
    a->text = a->normalized ? decoded : text;
    a->bytes = a->normalized ? n : bytes;
    t->token[a->id] = decoded;
    /* a special token that decodes to another text is not skipped */
    t->skipped[a->id] = a->skipped && strcmp(decoded, text) == 0;
    return WAGLE_OK;
}

static int by_first_byte(const void *x, const void *y)
{
    const wg_added_token *a = x, *b = y;
    const unsigned char p = (unsigned char)a->text[0], q = (unsigned char)b->text[0];

    if (a->normalized != b->normalized)
        return a->normalized ? 1 : -1;
    if (p != q)
        return p < q ? -1 : 1;
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

static wagle_status load_added(const wg_loader *l, const json_t *list)
{
    wagle_tokenizer *t = l->t;
    const json_t *entry;
    int64_t at = 0;
    size_t i;

    WG_TRY(WG_ALLOC(l->ctx, &t->added, (int64_t)json_array_size(list) + 1));
    WG_TRY(wg_string_table_new(l->ctx, &t->by_name, (int64_t)json_array_size(list)));
    json_array_foreach (list, i, entry) {
        WG_TRY(load_one_added(l, entry, &t->added[t->n_added]));
        t->n_added += t->added[t->n_added].bytes > 0;
    }
    if (t->n_added > 0)
        qsort(t->added, (size_t)t->n_added, sizeof *t->added, by_first_byte);
    for (int kind = 0; kind < 2; kind++)
        for (int byte = 0; byte <= 256; byte++) {
            while (at < t->n_added && t->added[at].normalized == kind &&
                   (unsigned char)t->added[at].text[0] < byte)
                at++;
            t->added_from[kind][byte] = at;
        }
    return WAGLE_OK;
}

/* --- models ----------------------------------------------------------------------------------- */

/* Reads the unknown token of the model's vocabulary. */
static wagle_status load_unknown(const wg_loader *l, const json_t *model)
{
    const char *name = json_string_value(json_object_get(model, "unk_token"));
    wagle_tokenizer *t = l->t;

    t->unknown = name != NULL ? wg_string_table_get(&t->by_text, name, strlen(name)) : -1;
    if (name == NULL || t->unknown >= 0)
        return WAGLE_OK;
    WG_TRY(wg_load_keep(l, l->what, strlen(l->what), &t->unknown_where));
    return wg_load_keep(l, name, strlen(name), &t->unknown_name);
}

/* Reads a non-empty text member. */
static wagle_status load_text(const wg_loader *l, const json_t *model, const char *key,
                              const char **out)
{
    const char *text = json_string_value(json_object_get(model, key));

    return text != NULL && text[0] != '\0' ? wg_load_keep(l, text, strlen(text), out) : WAGLE_OK;
}

static wagle_status load_bpe(const wg_loader *l, const json_t *root, const json_t *model)
{
    const json_t *dropout = json_object_get(model, "dropout");
    wagle_tokenizer *t = l->t;

    if (!json_is_object(json_object_get(model, "vocab")) ||
        !json_is_array(json_object_get(model, "merges")))
        return wg_fail(l->ctx, WAGLE_E_INPUT, "%s: no vocabulary or no merges", l->what);
    if (json_is_number(dropout) && json_number_value(dropout) != 0)
        return wg_load_refuse(l, "model BPE with", "dropout");
    WG_TRY(load_text(l, model, "continuing_subword_prefix", &t->prefix));
    WG_TRY(load_text(l, model, "end_of_word_suffix", &t->suffix));
    WG_TRY(
        load_vocabulary(l, json_object_get(model, "vocab"), json_object_get(root, "added_tokens")));
    WG_TRY(load_merges(l, json_object_get(model, "merges")));
    t->ignore_merges = wg_load_flag(model, "ignore_merges", false);
    t->fuse_unknown = wg_load_flag(model, "fuse_unk", false);
    return load_unknown(l, model);
}

static wagle_status load_words(const wg_loader *l, const json_t *root, const json_t *model)
{
    const json_t *most = json_object_get(model, "max_input_chars_per_word");
    wagle_tokenizer *t = l->t;

    if (!json_is_object(json_object_get(model, "vocab")) ||
        !json_is_string(json_object_get(model, "unk_token")))
        return wg_fail(l->ctx, WAGLE_E_INPUT, "%s: no vocabulary or no unk_token", l->what);
    WG_TRY(
        load_vocabulary(l, json_object_get(model, "vocab"), json_object_get(root, "added_tokens")));
    t->max_word = most != NULL ? json_integer_value(most) : 100;
    t->prefix = "";
    WG_TRY(load_text(l, model, "continuing_subword_prefix", &t->prefix));
    return load_unknown(l, model);
}

/* Reads a list of [token, log-probability]; the id is the index. */
static wagle_status load_unigram(const wg_loader *l, const json_t *root, const json_t *model)
{
    const json_t *list = json_object_get(model, "vocab"), *entry, *unknown;
    json_t *vocab = json_object();
    wagle_tokenizer *t = l->t;
    wagle_status st = vocab != NULL ? WAGLE_OK : wg_json_memory(l->ctx);
    size_t i;

    if (st == WAGLE_OK && json_array_size(list) == 0)
        st = wg_fail(l->ctx, WAGLE_E_INPUT, "%s: no vocabulary", l->what);
    json_array_foreach (list, i, entry) {
        const json_t *token = json_array_get(entry, 0), *score = json_array_get(entry, 1);
        if (st == WAGLE_OK && (!json_is_string(token) || !json_is_number(score)))
            st = wg_fail(l->ctx, WAGLE_E_INPUT, "%s: token %zu is not [text, number]", l->what, i);
        if (st == WAGLE_OK)
            st = wg_json_set(l->ctx, vocab, json_string_value(token), json_integer((json_int_t)i));
    }
    if (st == WAGLE_OK)
        st = load_vocabulary(l, vocab, json_object_get(root, "added_tokens"));
    json_decref(vocab);
    WG_TRY(st);
    WG_TRY(WG_ALLOC(l->ctx, &t->score, t->n_ids));
    for (int64_t k = 0; k < t->n_ids; k++)
        t->score[k] = NAN;
    json_array_foreach (list, i, entry) {
        t->score[i] = json_number_value(json_array_get(entry, 1));
        t->least_score = i == 0 || t->score[i] < t->least_score ? t->score[i] : t->least_score;
    }
    unknown = json_object_get(model, "unk_id");
    t->unknown = json_is_integer(unknown) ? (int32_t)json_integer_value(unknown) : -1;
    if (t->unknown < 0 || t->unknown >= t->n_ids)
        return wg_load_refuse(l, "model Unigram without", "unk_id");
    return WAGLE_OK;
}

wagle_status wg_load_model(wagle_ctx *ctx, const char *what, wagle_tokenizer *t, const json_t *root)
{
    static const struct {
        const char *name;
        wagle_status (*load)(const wg_loader *, const json_t *root, const json_t *model);
    } kinds[] = {[WG_MODEL_BPE] = {"BPE", load_bpe},
                 [WG_MODEL_UNIGRAM] = {"Unigram", load_unigram},
                 [WG_MODEL_WORDPIECE] = {"WordPiece", load_words},
                 [WG_MODEL_WORDLEVEL] = {"WordLevel", load_words}};
    const wg_loader loader = {ctx, what, t}, *l = &loader;
    const json_t *model = json_object_get(root, "model");
    const char *type = json_string_value(json_object_get(model, "type"));
    int kind = WG_MODEL_BPE;
    char text[8];

    while (type != NULL && kind <= WG_MODEL_WORDLEVEL && strcmp(kinds[kind].name, type) != 0)
        kind++;
    if (kind > WG_MODEL_WORDLEVEL)
        return wg_load_refuse(l, "model", type);
    t->kind = (wg_model_kind)kind;
    t->unknown = -1;
    WG_TRY(kinds[kind].load(l, root, model));
    t->byte_fallback = wg_load_flag(model, "byte_fallback", false);
    for (int b = 0; b < 256; b++) {
        const int n = t->byte_fallback ? snprintf(text, sizeof text, "<0x%02X>", (unsigned)b)
                                       : wg_byte_to_char((unsigned char)b, text);
        t->byte_id[b] = wg_string_table_get(&t->by_text, text, (size_t)n);
    }
    return load_added(l, json_object_get(root, "added_tokens"));
}
