/* addtokens.c - add_tokens of the `tokenizers` library (AddedVocabulary). A token of the vocabulary
 * keeps its id; a new token gets the next id. A later call overwrites the flags. */
#include "text/loader.h"
#include "text/special.h"

#include <stdlib.h>
#include <string.h>

bool wg_token_same(const wg_token *a, const wg_token *b)
{
    return strcmp(a->text, b->text) == 0 && a->special == b->special &&
           a->normalized == b->normalized && a->single_word == b->single_word &&
           a->lstrip == b->lstrip && a->rstrip == b->rstrip;
}

bool wg_token_read(const json_t *value, wg_token *out)
{
    const json_t *text = json_is_object(value) ? json_object_get(value, "content") : value;

    *out = (wg_token){.text = json_string_value(text),
                      .plain = json_is_string(value),
                      .special = json_is_string(value) || wg_load_flag(value, "special", false),
                      .single_word = wg_load_flag(value, "single_word", false),
                      .lstrip = wg_load_flag(value, "lstrip", false),
                      .rstrip = wg_load_flag(value, "rstrip", false),
                      .says_normalized = json_is_boolean(json_object_get(value, "normalized"))};
    out->normalized = wg_load_flag(value, "normalized", !out->special);
    return out->text != NULL;
}

void wg_token_make_special(wg_token *t)
{
    t->special = true;
    t->normalized &= t->says_normalized;
}

wagle_status wg_added_begin(wagle_ctx *ctx, const json_t *vocab, int64_t most, wg_added *out)
{
    const json_t *entry;
    size_t i;

    *out = (wg_added){.ctx = ctx, .vocab = vocab, .last = -1};
    WG_TRY(wg_string_table_new(ctx, &out->index, most));
    if (!json_is_array(vocab))
        return WAGLE_OK;
    WG_TRY(wg_string_table_new(ctx, &out->by_text, (int64_t)json_array_size(vocab)));
    json_array_foreach (vocab, i, entry) {
        const json_t *text = json_array_get(entry, 0);
        if (json_is_string(text))
            wg_string_table_put(&out->by_text, json_string_value(text), json_string_length(text),
                                (int32_t)i);
    }
    return WAGLE_OK;
}

static json_int_t vocabulary_size(const wg_added *a)
{
    return (json_int_t)(json_is_array(a->vocab) ? json_array_size(a->vocab)
                                                : json_object_size(a->vocab));
}

static json_int_t vocabulary_id(const wg_added *a, const char *text)
{
    const json_t *id = json_object_get(a->vocab, text);

    if (json_is_array(a->vocab))
        return wg_string_table_get(&a->by_text, text, strlen(text));
    return json_is_integer(id) ? json_integer_value(id) : -1;
}

const struct wg_added_entry *wg_added_find(const wg_added *a, const char *text)
{
    const int32_t at = wg_string_table_get(&a->index, text, strlen(text));
    return at >= 0 ? &a->entry[at] : NULL;
}

static wagle_status put(wg_added *a, const wg_token *token, json_int_t *next)
{
    const int32_t at = wg_string_table_get(&a->index, token->text, strlen(token->text));
    struct wg_added_entry *e = at >= 0 ? &a->entry[at] : NULL;

    if (token->text[0] == '\0' || (e != NULL && wg_token_same(&e->token, token)))
        return WAGLE_OK;
    if (e == NULL) {
        WG_TRY(WG_GROW(a->ctx, &a->entry, &a->capacity, a->n + 1));
        e = &a->entry[a->n];
        *e = (struct wg_added_entry){.id = vocabulary_id(a, token->text),
                                     .by_class = token->by_class};
        if (e->id < 0)
            e->id = (*next)++;
        wg_string_table_put(&a->index, token->text, strlen(token->text), (int32_t)a->n++);
        a->last = e->id > a->last ? e->id : a->last;
    }
    e->token = *token;
    e->turn = a->turns++;
    e->skipped |= token->special;
    e->was_normalized |= token->normalized;
    return WAGLE_OK;
}

wagle_status wg_added_put(wg_added *a, const wg_token *tokens, int64_t n)
{
    const json_int_t size = vocabulary_size(a);
    json_int_t next = a->last >= size ? a->last + 1 : size;

    for (int64_t i = 0; i < n; i++)
        WG_TRY(put(a, &tokens[i], &next));
    return WAGLE_OK;
}

static int by_id(const void *x, const void *y)
{
    const struct wg_added_entry *a = x, *b = y;

    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return a->turn < b->turn ? -1 : a->turn > b->turn;
}

wagle_status wg_added_json(const wg_added *a, json_t **out)
{
    struct wg_added_entry *sorted = NULL;
    wagle_status st = WG_ALLOC(a->ctx, &sorted, a->n + 1);

    *out = json_array();
    if (st == WAGLE_OK && *out == NULL)
        st = wg_json_memory(a->ctx);
    if (st == WAGLE_OK && a->n > 0) {
        memcpy(sorted, a->entry, (size_t)a->n * sizeof *sorted);
        qsort(sorted, (size_t)a->n, sizeof *sorted, by_id);
    }
    for (int64_t i = 0; st == WAGLE_OK && i < a->n; i++) {
        const wg_token *t = &sorted[i].token;
        if (i + 1 < a->n && sorted[i + 1].id == sorted[i].id)
            continue; /* a later token has the same id */
        json_t *one = json_pack(
            "{s:I, s:s, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b}", "id", sorted[i].id, "content",
            t->text, "single_word", t->single_word, "lstrip", t->lstrip, "rstrip", t->rstrip,
            "normalized", t->normalized, "special", t->special, "skipped", sorted[i].skipped,
            "decodes_normalized", sorted[i].was_normalized, "by_class", sorted[i].by_class);
        if (json_array_append_new(*out, one) != 0)
            st = wg_json_memory(a->ctx);
    }
    wg_free(sorted);
    return st;
}

void wg_added_free(wg_added *a)
{
    wg_free(a->entry);
    wg_free(a->index.slot);
    wg_free(a->by_text.slot);
}
