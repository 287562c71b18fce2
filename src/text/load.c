/* load.c - reads tokenizer.json. What it asks for and we do not do is refused by name. */
#include "text/loader.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static const char gpt2_pattern[] =
    "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

wagle_status wg_load_refuse(const wg_loader *l, const char *part, const char *name)
{
    return wg_fail(l->ctx, WAGLE_E_INPUT, "%s: %s '%.64s' is not supported", l->what, part,
                   name != NULL ? name : "(none)");
}

wagle_status wg_load_keep(const wg_loader *l, const char *text, size_t bytes, const char **out)
{
    *out = wg_arena_text(l->ctx, &l->t->arena, text, bytes);
    return *out != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

static const char *type_of(const json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    return type != NULL ? type : "(none)";
}

bool wg_load_flag(const json_t *part, const char *key, bool fallback)
{
    const json_t *value = json_object_get(part, key);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

/* Calls one(l, part) for a part or for each member of a Sequence, NULL and null for nothing. */
static wagle_status each(const wg_loader *l, const json_t *part, const char *members,
                         wagle_status (*one)(const wg_loader *, const json_t *))
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

static wagle_status compile(const wg_loader *l, const char *pattern, bool literal, pcre2_code **out)
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
        return wg_fail(l->ctx, WAGLE_E_INPUT, "%s: pattern, position %zu: %s", l->what, at,
                       (const char *)text);
    }
    pcre2_jit_compile(*out, PCRE2_JIT_COMPLETE);
    return WAGLE_OK;
}

/* A charsmap in base64, kept aligned in the arena. */
static wagle_status load_charsmap(const wg_loader *l, const json_t *part, wg_charsmap *out)
{
    const json_t *value = json_object_get(part, "precompiled_charsmap");
    const size_t n = json_string_length(value);
    const char *text = json_string_value(value);
    size_t spare = 0;
    unsigned char *bytes;
    int length;

    while (text != NULL && spare < 2 && spare < n && text[n - 1 - spare] == '=')
        spare++;
    if (text == NULL || n % 4 != 0 || n > 1 << 28)
        return wg_load_refuse(l, "normalizer Precompiled with", "a charsmap that is not base64");
    bytes = wg_arena_alloc(l->ctx, &l->t->arena, n / 4 * 3 + 4);
    if (bytes == NULL)
        return WAGLE_E_RESOURCE;
    length = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)n);
    if (length < 0)
        return wg_load_refuse(l, "normalizer Precompiled with", "a charsmap that is not base64");
    return wg_charsmap_read(l->ctx, l->what, bytes, (size_t)length - spare, out);
}

static wagle_status load_normalizer(const wg_loader *l, const json_t *part)
{
    static const char *const names[] = {"NFC",     "NFD",     "NFKC",  "NFKD",       "Lowercase",
                                        "Prepend", "Replace", "Strip", "Precompiled"};
    const char *type = type_of(part), *content;
    const json_t *pattern = json_object_get(json_object_get(part, "pattern"), "String");
    const char *regex =
        json_string_value(json_object_get(json_object_get(part, "pattern"), "Regex"));
    wg_normal_step *step;
    int kind = 0;

    while (kind <= WG_NORMAL_CHARSMAP && strcmp(names[kind], type) != 0)
        kind++;
    if (kind > WG_NORMAL_CHARSMAP || l->t->n_normal == WG_STEPS ||
        (kind == WG_NORMAL_REPLACE && json_string_length(pattern) == 0 && regex == NULL))
        return wg_load_refuse(l, "normalizer", type);
    step = &l->t->normal[l->t->n_normal++];
    step->kind = (wg_normal_kind)kind;
    step->left = wg_load_flag(part, "strip_left", false);
    step->right = wg_load_flag(part, "strip_right", false);
    if (kind == WG_NORMAL_CHARSMAP)
        return load_charsmap(l, part, &step->map);
    content =
        json_string_value(json_object_get(part, kind == WG_NORMAL_PREPEND ? "prepend" : "content"));
    if (content != NULL)
        WG_TRY(wg_load_keep(l, content, strlen(content), &step->content));
    if (pattern != NULL)
        WG_TRY(wg_load_keep(l, json_string_value(pattern), json_string_length(pattern),
                            &step->pattern));
    if (step->content == NULL && (kind == WG_NORMAL_PREPEND || kind == WG_NORMAL_REPLACE))
        return wg_load_refuse(l, "normalizer without content", type);
    return kind == WG_NORMAL_REPLACE && pattern == NULL ? compile(l, regex, false, &step->regex)
                                                        : WAGLE_OK;
}

/* --- pre-tokenizers ------------------------------------------------------------------------ */

/* prepend_scheme and split; before tokenizers 0.15: add_prefix_space. */
static wagle_status load_metaspace(const wg_loader *l, const json_t *part, wg_split_step *step)
{
    static const char *const schemes[] = {"always", "first", "never"};
    const char *space = json_string_value(json_object_get(part, "replacement"));
    const char *scheme = json_string_value(json_object_get(part, "prepend_scheme"));
    int i = wg_load_flag(part, "add_prefix_space", true) ? WG_PREPEND_ALWAYS : WG_PREPEND_NEVER;

    for (int k = 0; scheme != NULL && k < 3; k++)
        i = strcmp(schemes[k], scheme) == 0 ? k : i;
    if (space == NULL || space[0] == '\0')
        return wg_load_refuse(l, "pre-tokenizer Metaspace without", "replacement");
    step->kind = WG_SPLIT_METASPACE;
    step->prepend = (wg_prepend)i;
    step->behavior = WG_MERGED_WITH_NEXT;
    WG_TRY(wg_load_keep(l, space, strlen(space), &step->space));
    return wg_load_flag(part, "split", true) ? compile(l, space, true, &step->regex) : WAGLE_OK;
}

static wagle_status load_pretokenizer(const wg_loader *l, const json_t *part)
{
    static const char *const behaviors[] = {"Isolated", "Removed", "MergedWithPrevious",
                                            "MergedWithNext", "Contiguous"};
    const char *type = type_of(part);
    wg_split_step *step;

    if (l->t->n_split == WG_STEPS)
        return wg_load_refuse(l, "a pre-tokenizer of so many steps, at", type);
    step = &l->t->split[l->t->n_split++];
    step->invert = wg_load_flag(part, "invert", false);
    if (strcmp(type, "ByteLevel") == 0) {
        step->kind = WG_SPLIT_BYTE_LEVEL;
        step->prefix_space = wg_load_flag(part, "add_prefix_space", true);
        return wg_load_flag(part, "use_regex", true) ? compile(l, gpt2_pattern, false, &step->regex)
                                                     : WAGLE_OK;
    }
    if (strcmp(type, "Metaspace") == 0)
        return load_metaspace(l, part, step);
    if (strcmp(type, "Digits") == 0) {
        step->kind = WG_SPLIT_DIGITS;
        step->behavior =
            wg_load_flag(part, "individual_digits", false) ? WG_ISOLATED : WG_CONTIGUOUS;
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
            return wg_load_refuse(l, "pre-tokenizer Split, behavior", behavior);
        step->behavior = (wg_split_behavior)b;
        step->kind = WG_SPLIT_REGEX;
        return compile(l, regex != NULL ? regex : literal, regex == NULL, &step->regex);
    }
    return wg_load_refuse(l, "pre-tokenizer", type);
}

/* --- post-processors ------------------------------------------------------------------------ */

static wagle_status load_template(const wg_loader *l, const json_t *part)
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
            return wg_load_refuse(l, "post-processor's special token", name);
        json_array_foreach (ids, j, id) {
            const json_int_t value = json_integer_value(id);
            if (value < 0 || value > INT32_MAX || t->n_form == WG_TEMPLATE)
                return wg_load_refuse(l, "post-processor's special token", name);
            t->form[t->n_form++] = (int32_t)value;
        }
    }
    return WAGLE_OK;
}

static wagle_status load_processor(const wg_loader *l, const json_t *part)
{
    if (strcmp(type_of(part), "ByteLevel") == 0) /* moves offsets only */
        return WAGLE_OK;
    if (strcmp(type_of(part), "TemplateProcessing") == 0 && l->t->n_form == 0)
        return load_template(l, part);
    return wg_load_refuse(l, "post-processor", type_of(part));
}

static wagle_status load_decoder(const wg_loader *l, const json_t *part)
{
    static const char *const names[] = {"ByteLevel", "ByteFallback", "Fuse",
                                        "Replace",   "Strip",        "Metaspace"};
    const char *type = type_of(part), *content, *pattern;
    const json_t *start = json_object_get(part, "start"), *stop = json_object_get(part, "stop");
    wg_decode_step *step;
    int kind = 0;

    while (kind <= WG_DECODE_METASPACE && strcmp(names[kind], type) != 0)
        kind++;
    if (kind > WG_DECODE_METASPACE || l->t->n_decode == WG_STEPS)
        return wg_load_refuse(l, "decoder", type);
    step = &l->t->decode[l->t->n_decode++];
    step->kind = (wg_decode_kind)kind;
    content = json_string_value(json_object_get(part, "content"));
    pattern = kind == WG_DECODE_METASPACE
                  ? json_string_value(json_object_get(part, "replacement"))
                  : json_string_value(json_object_get(json_object_get(part, "pattern"), "String"));
    if ((content == NULL && (kind == WG_DECODE_REPLACE || kind == WG_DECODE_STRIP)) ||
        ((pattern == NULL || pattern[0] == '\0') &&
         (kind == WG_DECODE_REPLACE || kind == WG_DECODE_METASPACE)))
        return wg_load_refuse(l, "decoder, as it is written,", type);
    if (content != NULL)
        WG_TRY(wg_load_keep(l, content, strlen(content), &step->content));
    if (pattern != NULL)
        WG_TRY(wg_load_keep(l, pattern, strlen(pattern), &step->pattern));
    step->start = json_integer_value(start);
    step->stop = json_integer_value(stop);
    if (kind == WG_DECODE_METASPACE) {
        const char *scheme = json_string_value(json_object_get(part, "prepend_scheme"));
        step->start = scheme != NULL ? strcmp(scheme, "never") != 0
                                     : wg_load_flag(part, "add_prefix_space", true);
    }
    return WAGLE_OK;
}

/* Byte-level vocabularies are used through a ByteLevel step at the end. */
static wagle_status check(const wg_loader *l)
{
    wagle_tokenizer *t = l->t;

    for (int i = 0; i < t->n_split; i++)
        if (t->split[i].kind == WG_SPLIT_BYTE_LEVEL && i + 1 < t->n_split)
            return wg_load_refuse(l, "pre-tokenizer", "ByteLevel before others");
    t->byte_level = t->n_split > 0 && t->split[t->n_split - 1].kind == WG_SPLIT_BYTE_LEVEL;
    if (t->byte_level && t->score != NULL)
        return wg_load_refuse(l, "Unigram with pre-tokenizer", "ByteLevel");
    for (int i = 0; i < t->n_form; i++)
        if (t->form[i] >= t->n_ids)
            return wg_load_refuse(l, "post-processor's special token", "outside the vocabulary");
    return WAGLE_OK;
}

wagle_status wg_tokenizer_parse(wagle_ctx *ctx, const char *what, const json_t *json,
                                wagle_tokenizer **out)
{
    wagle_tokenizer *t = NULL;
    wg_loader l = {ctx, what, NULL};
    wagle_status st;

    *out = NULL;
    if (!json_is_object(json))
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: not a JSON object", what);
    WG_TRY(WG_ALLOC(ctx, &t, 1));
    l.t = t;
    t->eos = -1;
    WG_TRY_GOTO(each(&l, json_object_get(json, "normalizer"), "normalizers", load_normalizer),
                fail);
    WG_TRY_GOTO(
        each(&l, json_object_get(json, "pre_tokenizer"), "pretokenizers", load_pretokenizer), fail);
    WG_TRY_GOTO(wg_load_model(ctx, what, t, json), fail);
    WG_TRY_GOTO(each(&l, json_object_get(json, "post_processor"), "processors", load_processor),
                fail);
    WG_TRY_GOTO(each(&l, json_object_get(json, "decoder"), "decoders", load_decoder), fail);
    WG_TRY_GOTO(check(&l), fail);
    *out = t;
    return WAGLE_OK;
fail:
    wagle_tokenizer_free(t);
    return st;
}
