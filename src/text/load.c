/* load.c - reads tokenizer.json. What it asks for and we do not do is refused by name. */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_ID = 1 << 24 };
static const char gpt2_pattern[] =
    "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

typedef struct loader {
    wagle_ctx *ctx;
    const char *what;
    wagle_tokenizer *t;
} loader;

static wagle_status refuse(const loader *l, const char *part, const char *name)
{
    return wg_fail(l->ctx, WAGLE_E_INPUT, "%s: %s '%.64s' is not supported", l->what, part,
                   name != NULL ? name : "(none)");
}

static wagle_status keep(const loader *l, const char *text, size_t bytes, const char **out)
{
    *out = wg_arena_text(l->ctx, &l->t->arena, text, bytes);
    return *out != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

static const char *type_of(const json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    return type != NULL ? type : "(none)";
}

static bool flag(const json_t *part, const char *key, bool fallback)
{
    const json_t *value = json_object_get(part, key);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

/* Calls one(l, part) for a part or for each member of a Sequence, NULL and null for nothing. */
static wagle_status each(const loader *l, const json_t *part, const char *members,
                         wagle_status (*one)(const loader *, const json_t *))
{
    const json_t *list = json_object_get(part, members);

    if (part == NULL || json_is_null(part))
        return WAGLE_OK;
    if (strcmp(type_of(part), "Sequence") != 0)
        return one(l, part);
    for (size_t i = 0; i < json_array_size(list); i++)
        WG_TRY(one(l, json_array_get(list, i)));
    return WAGLE_OK;
}

/* --- normalizers --------------------------------------------------------------------------- */

static wagle_status load_normalizer(const loader *l, const json_t *part)
{
    static const char *const names[] = {"NFC",       "NFD",     "NFKC",    "NFKD",
                                        "Lowercase", "Prepend", "Replace", "Strip"};
    const char *type = type_of(part), *content;
    const json_t *pattern = json_object_get(json_object_get(part, "pattern"), "String");
    wg_normal_step *step;
    int kind = 0;

    while (kind <= WG_NORMAL_STRIP && strcmp(names[kind], type) != 0)
        kind++;
    if (kind > WG_NORMAL_STRIP || l->t->n_normal == WG_STEPS ||
        (kind == WG_NORMAL_REPLACE && json_string_length(pattern) == 0))
        return refuse(l, "normalizer", type);
    step = &l->t->normal[l->t->n_normal++];
    step->kind = (wg_normal_kind)kind;
    step->left = flag(part, "strip_left", false);
    step->right = flag(part, "strip_right", false);
    content =
        json_string_value(json_object_get(part, kind == WG_NORMAL_PREPEND ? "prepend" : "content"));
    if (content != NULL)
        WG_TRY(keep(l, content, strlen(content), &step->content));
    if (pattern != NULL)
        WG_TRY(keep(l, json_string_value(pattern), json_string_length(pattern), &step->pattern));
    if (step->content == NULL && (kind == WG_NORMAL_PREPEND || kind == WG_NORMAL_REPLACE))
        return refuse(l, "normalizer without content", type);
    return WAGLE_OK;
}

/* --- pre-tokenizers ------------------------------------------------------------------------ */

static wagle_status compile(const loader *l, const char *pattern, bool literal, pcre2_code **out)
{
    int error;
    PCRE2_SIZE at;

    *out =
        pcre2_compile((PCRE2_SPTR)pattern, strlen(pattern),
                      PCRE2_UTF | (literal ? PCRE2_LITERAL : PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C),
                      &error, &at, NULL);
    if (*out == NULL) {
        PCRE2_UCHAR text[128];
        pcre2_get_error_message(error, text, sizeof text);
        return wg_fail(l->ctx, WAGLE_E_INPUT, "%s: pre-tokenizer's pattern, position %zu: %s",
                       l->what, at, (const char *)text);
    }
    pcre2_jit_compile(*out, PCRE2_JIT_COMPLETE);
    return WAGLE_OK;
}

static wagle_status load_pretokenizer(const loader *l, const json_t *part)
{
    static const char *const behaviors[] = {"Isolated", "Removed", "MergedWithPrevious",
                                            "MergedWithNext", "Contiguous"};
    const char *type = type_of(part);
    wg_split_step *step;

    if (l->t->n_split == WG_STEPS)
        return refuse(l, "a pre-tokenizer of so many steps, at", type);
    step = &l->t->split[l->t->n_split++];
    step->invert = flag(part, "invert", false);
    if (strcmp(type, "ByteLevel") == 0) {
        step->kind = WG_SPLIT_BYTE_LEVEL;
        step->prefix_space = flag(part, "add_prefix_space", true);
        return flag(part, "use_regex", true) ? compile(l, gpt2_pattern, false, &step->regex)
                                             : WAGLE_OK;
    }
    if (strcmp(type, "Digits") == 0) {
        step->kind = WG_SPLIT_DIGITS;
        step->behavior = flag(part, "individual_digits", false) ? WG_ISOLATED : WG_CONTIGUOUS;
        return WAGLE_OK;
    }
    if (strcmp(type, "Split") == 0) {
        const json_t *pattern = json_object_get(part, "pattern");
        const char *regex = json_string_value(json_object_get(pattern, "Regex"));
        const char *literal = json_string_value(json_object_get(pattern, "String"));
        const char *behavior = json_string_value(json_object_get(part, "behavior"));
        int b = 0;
        while (b < 5 && (behavior == NULL || strcmp(behaviors[b], behavior) != 0))
            b++;
        if (b == 5 || (regex == NULL && literal == NULL))
            return refuse(l, "pre-tokenizer Split, behavior", behavior);
        step->behavior = (wg_split_behavior)b;
        step->kind = WG_SPLIT_REGEX;
        return compile(l, regex != NULL ? regex : literal, regex == NULL, &step->regex);
    }
    return refuse(l, "pre-tokenizer", type);
}

/* --- post-processors ------------------------------------------------------------------------ */

static wagle_status load_template(const loader *l, const json_t *part)
{
    const json_t *form = json_object_get(part, "single"), *specials, *piece;
    wagle_tokenizer *t = l->t;
    size_t i, j;

    specials = json_object_get(part, "special_tokens");
    json_array_foreach (form, i, piece) {
        const char *name =
            json_string_value(json_object_get(json_object_get(piece, "SpecialToken"), "id"));
        const json_t *ids = json_object_get(json_object_get(specials, name ? name : ""), "ids");
        const json_t *id;
        if (json_is_object(json_object_get(piece, "Sequence")) && t->n_form < WG_TEMPLATE) {
            t->form[t->n_form++] = WG_TEMPLATE_TEXT;
            continue;
        }
        if (!json_is_array(ids))
            return refuse(l, "post-processor's special token", name);
        json_array_foreach (ids, j, id) {
            const json_int_t value = json_integer_value(id);
            if (value < 0 || value >= MOST_ID || t->n_form == WG_TEMPLATE)
                return refuse(l, "post-processor's special token", name);
            t->form[t->n_form++] = (int32_t)value;
        }
    }
    return WAGLE_OK;
}

static wagle_status load_processor(const loader *l, const json_t *part)
{
    if (strcmp(type_of(part), "ByteLevel") == 0) /* moves offsets only */
        return WAGLE_OK;
    if (strcmp(type_of(part), "TemplateProcessing") == 0 && l->t->n_form == 0)
        return load_template(l, part);
    return refuse(l, "post-processor", type_of(part));
}

static wagle_status load_decoder(const loader *l, const json_t *part)
{
    if (strcmp(type_of(part), "ByteLevel") != 0)
        return refuse(l, "decoder", type_of(part));
    l->t->decode_bytes = true;
    return WAGLE_OK;
}

/* --- vocabulary, merges, added tokens ------------------------------------------------------- */

static wagle_status put_token(const loader *l, const char *text, size_t bytes, const json_t *id)
{
    const json_int_t i = json_is_integer(id) ? json_integer_value(id) : -1;

    if (i < 0 || i >= l->t->n_ids)
        return wg_fail(l->ctx, WAGLE_E_INPUT, "%s: token '%.64s': not an id", l->what, text);
    WG_TRY(keep(l, text, bytes, &l->t->token[i]));
    wg_string_table_put(&l->t->by_text, l->t->token[i], bytes, (int32_t)i);
    return WAGLE_OK;
}

static json_int_t largest(json_int_t id, const json_t *value)
{
    return json_integer_value(value) > id ? json_integer_value(value) : id;
}

static wagle_status load_vocabulary(const loader *l, json_t *vocab, const json_t *added)
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
    WG_TRY(wg_string_table_new(l->ctx, &l->t->by_text,
                               (int64_t)(json_object_size(vocab) + json_array_size(added))));
    json_object_foreach (vocab, text, id)
        WG_TRY(put_token(l, text, strlen(text), id));
    return WAGLE_OK;
}

static wagle_status find_pair(const loader *l, const json_t *merge, size_t index, uint64_t *pair,
                              int32_t *joined)
{
    const char *text = json_string_value(merge), *a, *b;
    const char *space = text != NULL ? strchr(text, ' ') : NULL;
    wg_text both = {0};
    int32_t left, right;
    size_t n, m;

    a = space != NULL ? text : json_string_value(json_array_get(merge, 0));
    b = space != NULL ? space + 1 : json_string_value(json_array_get(merge, 1));
    n = space != NULL ? (size_t)(space - text) : a != NULL ? strlen(a) : 0;
    m = b != NULL ? strlen(b) : 0;
    if (a == NULL || b == NULL)
        return wg_fail(l->ctx, WAGLE_E_INPUT, "%s: merge %zu is not a pair", l->what, index);
    left = wg_string_table_get(&l->t->by_text, a, n);
    right = wg_string_table_get(&l->t->by_text, b, m);
    WG_TRY(wg_text_add(l->ctx, &both, a, n));
    const wagle_status st = wg_text_add(l->ctx, &both, b, m);
    *joined = st == WAGLE_OK ? wg_string_table_get(&l->t->by_text, both.text, n + m) : -1;
    wg_text_free(&both);
    WG_TRY(st);
    if (left < 0 || right < 0 || *joined < 0)
        return wg_fail(l->ctx, WAGLE_E_INPUT, "%s: merge %zu names no token", l->what, index);
    *pair = (uint64_t)left << 32 | (uint32_t)right;
    return WAGLE_OK;
}

static wagle_status load_merges(const loader *l, const json_t *merges)
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

static wagle_status load_added(const loader *l, const json_t *list)
{
    wagle_tokenizer *t = l->t;
    const json_t *entry;
    size_t i;

    WG_TRY(WG_ALLOC(l->ctx, &t->added, (int64_t)json_array_size(list)));
    json_array_foreach (list, i, entry) {
        const json_t *content = json_object_get(entry, "content");
        wg_added_token *a = &t->added[t->n_added++];
        wg_text text = {0};
        wagle_status st;
        if (json_string_length(content) == 0)
            return refuse(l, "an added token without content, number", "");
        a->special = flag(entry, "special", false);
        a->normalized = flag(entry, "normalized", !a->special);
        a->single_word = flag(entry, "single_word", false);
        a->lstrip = flag(entry, "lstrip", false);
        a->rstrip = flag(entry, "rstrip", false);
        WG_TRY(put_token(l, json_string_value(content), json_string_length(content),
                         json_object_get(entry, "id")));
        a->id = (int32_t)json_integer_value(json_object_get(entry, "id"));
        st = wg_text_add(l->ctx, &text, t->token[a->id], json_string_length(content));
        if (st == WAGLE_OK && a->normalized)
            st = wg_normalize(l->ctx, t, &text);
        if (st == WAGLE_OK)
            st = keep(l, text.text, (size_t)text.bytes, &a->text);
        a->bytes = (size_t)text.bytes;
        wg_text_free(&text);
        WG_TRY(st);
    }
    return WAGLE_OK;
}

static wagle_status load_model(const loader *l, const json_t *root)
{
    json_t *model = json_object_get(root, "model");
    const char *type = json_string_value(json_object_get(model, "type"));
    const char *unknown = json_string_value(json_object_get(model, "unk_token"));
    wagle_tokenizer *t = l->t;
    char text[4];

    if (type != NULL && strcmp(type, "BPE") != 0)
        return refuse(l, "model", type);
    if (!json_is_object(json_object_get(model, "vocab")) ||
        !json_is_array(json_object_get(model, "merges")))
        return wg_fail(l->ctx, WAGLE_E_INPUT, "%s: no vocabulary or no merges", l->what);
    if (json_is_true(json_object_get(model, "byte_fallback")))
        return refuse(l, "model BPE with", "byte_fallback");
    WG_TRY(
        load_vocabulary(l, json_object_get(model, "vocab"), json_object_get(root, "added_tokens")));
    WG_TRY(load_merges(l, json_object_get(model, "merges")));
    t->ignore_merges = flag(model, "ignore_merges", false);
    t->unknown = unknown != NULL ? wg_token_id(t, unknown) : -1;
    for (int b = 0; b < 256; b++)
        t->byte_id[b] =
            wg_string_table_get(&t->by_text, text, (size_t)wg_byte_to_char((unsigned char)b, text));
    return WAGLE_OK;
}

static wagle_status check_byte_level(const loader *l)
{
    const wagle_tokenizer *t = l->t;

    if (t->n_split == 0 || t->split[t->n_split - 1].kind != WG_SPLIT_BYTE_LEVEL)
        return refuse(l, "a BPE model without", "ByteLevel pre-tokenizer at the end");
    for (int i = 0; i < t->n_form; i++)
        if (t->form[i] >= t->n_ids)
            return refuse(l, "post-processor's special token", "outside the vocabulary");
    return WAGLE_OK;
}

wagle_status wg_tokenizer_parse(wagle_ctx *ctx, const char *what, const json_t *json,
                                wagle_tokenizer **out)
{
    wagle_tokenizer *t = NULL;
    loader l = {ctx, what, NULL};
    wagle_status st;

    *out = NULL;
    if (!json_is_object(json))
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: not a JSON object", what);
    WG_TRY(WG_ALLOC(ctx, &t, 1));
    l.t = t;
    WG_TRY_GOTO(each(&l, json_object_get(json, "normalizer"), "normalizers", load_normalizer),
                fail);
    WG_TRY_GOTO(
        each(&l, json_object_get(json, "pre_tokenizer"), "pretokenizers", load_pretokenizer), fail);
    WG_TRY_GOTO(load_model(&l, json), fail);
    WG_TRY_GOTO(load_added(&l, json_object_get(json, "added_tokens")), fail);
    WG_TRY_GOTO(each(&l, json_object_get(json, "post_processor"), "processors", load_processor),
                fail);
    WG_TRY_GOTO(each(&l, json_object_get(json, "decoder"), "decoders", load_decoder), fail);
    WG_TRY_GOTO(check_byte_level(&l), fail);
    *out = t;
    return WAGLE_OK;
fail:
    wagle_tokenizer_free(t);
    return st;
}
