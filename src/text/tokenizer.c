#include "text/tokenizer.h"

#include "base/file.h"
#include "base/place.h"
#include <string.h>

wagle_status wg_string_table_new(wagle_ctx *ctx, wg_string_table *t, int64_t n)
{
    for (t->size = 16; t->size < 2 * (uint64_t)n;)
        t->size *= 2;
    return WG_ALLOC(ctx, &t->slot, (int64_t)t->size);
}

static struct wg_string_slot *slot_of(const wg_string_table *t, const char *key, size_t bytes)
{
    uint64_t at = wg_hash_bytes(key, bytes);

    for (;; at++) {
        struct wg_string_slot *s = &t->slot[at & (t->size - 1)];
        if (s->key == NULL || (s->bytes == (int32_t)bytes && memcmp(s->key, key, bytes) == 0))
            return s;
    }
}

void wg_string_table_put(wg_string_table *t, const char *key, size_t bytes, int32_t value)
{
    *slot_of(t, key, bytes) = (struct wg_string_slot){key, (int32_t)bytes, value};
}

int32_t wg_string_table_get(const wg_string_table *t, const char *key, size_t bytes)
{
    const struct wg_string_slot *s = slot_of(t, key, bytes);
    return s->key != NULL ? s->value : -1;
}

wagle_status wg_ids_add(wagle_ctx *ctx, wg_ids *ids, int32_t id)
{
    WG_TRY(WG_GROW(ctx, &ids->id, &ids->capacity, ids->n + 1));
    ids->id[ids->n++] = id;
    return WAGLE_OK;
}

int32_t wg_token_id(const wagle_tokenizer *t, const char *text)
{
    const int32_t added = wg_string_table_get(&t->by_name, text, strlen(text));
    return added >= 0 ? added : wg_string_table_get(&t->by_text, text, strlen(text));
}

wagle_status wagle_tokenizer_open(wagle_ctx *ctx, const char *folder, wagle_tokenizer **out)
{
    wg_begin(ctx);
    return wg_tokenizer_open(ctx, folder, out);
}

wagle_status wg_tokenizer_open(wagle_ctx *ctx, const char *folder, wagle_tokenizer **out)
{
    char *path;
    json_t *json;
    wagle_status st;

    *out = NULL;
    if (!wg_is_folder(folder))
        return wg_model_place(ctx, folder);
    st = wg_tokenizer_json(ctx, folder, &path, &json);
    if (st == WAGLE_OK)
        st = wg_tokenizer_parse(ctx, path, json, out);
    json_decref(json);
    wg_free(path);
    return st;
}

void wagle_tokenizer_free(wagle_tokenizer *t)
{
    if (t == NULL)
        return;
    for (int i = 0; i < t->n_split; i++)
        pcre2_code_free(t->split[i].regex);
    for (int i = 0; i < t->n_normal; i++)
        pcre2_code_free(t->normal[i].regex);
    for (int i = 0; i < t->n_decode; i++)
        pcre2_code_free(t->decode[i].regex);
    wg_free(t->score);
    wg_free(t->token);
    wg_free(t->skipped);
    wg_free(t->by_text.slot);
    wg_free(t->by_name.slot);
    wg_free(t->merge);
    wg_free(t->added);
    wg_arena_free(&t->arena);
    wg_free(t);
}

static wagle_status encode_pieces(wagle_ctx *ctx, const wagle_tokenizer *t, bool first,
                                  const char *text, int64_t bytes, wg_ids *out)
{
    static wagle_status (*const models[])(wagle_ctx *, const wagle_tokenizer *, const char *,
                                          int64_t,
                                          wg_ids *) = {[WG_MODEL_BPE] = wg_bpe,
                                                       [WG_MODEL_UNIGRAM] = wg_unigram,
                                                       [WG_MODEL_WORDPIECE] = wg_wordpiece,
                                                       [WG_MODEL_WORDLEVEL] = wg_wordlevel};
    wg_text copy = {0};
    wg_spans spans = {0};
    wagle_status st = wg_text_add(ctx, &copy, text, (size_t)bytes);

    if (st == WAGLE_OK)
        st = wg_pretokenize(ctx, t, first, &copy, &spans);
    for (int64_t i = 0; st == WAGLE_OK && i < spans.n; i++)
        st = models[t->kind](ctx, t, copy.text + spans.span[i].start, spans.span[i].bytes, out);
    wg_free(spans.span);
    wg_text_free(&copy);
    return st;
}

/* first: the part is at the start of the whole text. */
typedef wagle_status encode_part(wagle_ctx *, const wagle_tokenizer *, bool first, const char *,
                                 int64_t, wg_ids *);

/* Splits off added tokens of one kind; the text in between is passed to rest(). */
static wagle_status around_added(wagle_ctx *ctx, const wagle_tokenizer *t, bool normalized,
                                 bool first, const char *text, int64_t bytes, encode_part *rest,
                                 wg_ids *out)
{
    int64_t at = 0, from = 0, start, stop;
    const wg_added_token *a;

    while ((a = wg_added_next(t, normalized, text, bytes, from, &at, &start, &stop)) != NULL) {
        if (start > from)
            WG_TRY(rest(ctx, t, first && from == 0, text + from, start - from, out));
        WG_TRY(wg_ids_add(ctx, out, a->id));
        from = stop;
    }
    return from < bytes ? rest(ctx, t, first && from == 0, text + from, bytes - from, out)
                        : WAGLE_OK;
}

static wagle_status encode_normalised(wagle_ctx *ctx, const wagle_tokenizer *t, bool first,
                                      const char *text, int64_t bytes, wg_ids *out)
{
    wg_text copy = {0};
    wagle_status st = wg_text_add(ctx, &copy, text, (size_t)bytes);

    if (st == WAGLE_OK)
        st = wg_normalize(ctx, t, &copy, &first);
    if (st == WAGLE_OK)
        st = around_added(ctx, t, true, first, copy.text, copy.bytes, encode_pieces, out);
    wg_text_free(&copy);
    return st;
}

wagle_status wg_encode(wagle_ctx *ctx, const wagle_tokenizer *t, const char *text, size_t bytes,
                       bool special, wg_ids *out)
{
    const bool form = special && t->n_form > 0;

    if (!wg_utf8_valid(text, bytes))
        return wg_fail(ctx, WAGLE_E_INPUT, "text is not valid UTF-8");
    for (int i = 0; i < (form ? t->n_form : 1); i++)
        WG_TRY(
            form && t->form[i] != WG_TEMPLATE_TEXT
                ? wg_ids_add(ctx, out, t->form[i])
                : around_added(ctx, t, false, true, text, (int64_t)bytes, encode_normalised, out));
    return WAGLE_OK;
}

wagle_status wagle_encode(wagle_ctx *ctx, const wagle_tokenizer *t, const char *text, size_t bytes,
                          bool special, int32_t **ids, int64_t *n)
{
    wg_ids out = {0};
    wagle_status st;

    wg_begin(ctx);
    *ids = NULL;
    *n = 0;
    st = WG_GROW(ctx, &out.id, &out.capacity, 1);
    if (st == WAGLE_OK)
        st = wg_encode(ctx, t, text, bytes, special, &out);
    if (st != WAGLE_OK) {
        wg_free(out.id);
        return st;
    }
    *ids = out.id;
    *n = out.n;
    return WAGLE_OK;
}

wagle_status wagle_decode(wagle_ctx *ctx, const wagle_tokenizer *t, const int32_t *ids, int64_t n,
                          bool skip_special, char **text, size_t *bytes)
{
    wg_text out = {0};
    wagle_status st;

    wg_begin(ctx);
    st = wg_decode(ctx, t, ids, n, skip_special, &out);
    *bytes = (size_t)out.bytes;
    *text = out.text;
    if (st != WAGLE_OK) {
        wg_text_free(&out);
        *text = NULL;
    }
    return st;
}

void wagle_ids_free(int32_t *ids)
{
    wg_free(ids);
}
