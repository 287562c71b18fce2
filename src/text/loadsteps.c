/* loadsteps.c - normalizers, pre-tokenizers and decoders of a tokenizer.json. */
#include "text/loader.h"

#include <openssl/evp.h>
#include <string.h>

static const char gpt2_pattern[] =
    "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/* --- normalizers ------------------------------------------------------------------------------ */

/* Finds syntax that means something else in Oniguruma, the regex library of `tokenizers`; or NULL.
 */
static const char *read_otherwise(const char *pattern)
{
    bool in_class = false;

    for (const char *at = pattern; *at != '\0'; at++) {
        if (*at == '\\' && at[1] != '\0') {
            if (strchr("hHRXKGyYO", *++at) != NULL)
                return at - 1;
            if (at[1] == '{' && strchr(at, '}') != NULL) /* a Unicode property */
                at = strchr(at, '}');
        } else if (in_class) {
            if ((*at == '[' && at[1] != ':') || (at[0] == '&' && at[1] == '&'))
                return at;
            in_class = *at != ']';
        } else if (*at == '[') {
            in_class = true;
            at += at[1] == '^';
            at += at[1] == ']';
        } else if ((*at == '}' && at[1] == '+') ||
                   (*at == '(' && at[1] == '?' && strchr("msxaudPR&#0123456789", at[2]) != NULL)) {
            return at;
        }
    }
    return NULL;
}

/* Compiles a pattern. "^" and "$" match at line ends, as in Oniguruma's Ruby syntax. */
static wagle_status compile(const wg_loader *l, const char *pattern, bool literal, pcre2_code **out)
{
    const char *other = literal ? NULL : read_otherwise(pattern);
    const uint32_t how =
        literal ? PCRE2_LITERAL : PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C;
    int error;
    PCRE2_SIZE at;

    if (other != NULL)
        return wg_load_refuse(l, "a pattern with", other);
    *out = pcre2_compile((PCRE2_SPTR)pattern, strlen(pattern), PCRE2_UTF | how, &error, &at, NULL);
    if (*out == NULL) {
        PCRE2_UCHAR text[128];
        pcre2_get_error_message(error, text, sizeof text);
        return wg_fail(l->ctx, WAGLE_E_INPUT, "%s: pattern, position %zu: %s", l->what, at,
                       (const char *)text);
    }
    pcre2_jit_compile(*out, PCRE2_JIT_COMPLETE);
    return WAGLE_OK;
}

/* Decodes a base64 charsmap to aligned memory in the arena. */
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

wagle_status wg_load_normalizer(const wg_loader *l, const json_t *part)
{
    static const char *const names[] = {"NFC",         "NFD",          "NFKC",           "NFKD",
                                        "Lowercase",   "Prepend",      "Replace",        "Strip",
                                        "Precompiled", "StripAccents", "BertNormalizer", "Nmt",
                                        "ByteLevel"};
    const char *type = wg_load_type(part), *content;
    const json_t *pattern = json_object_get(json_object_get(part, "pattern"), "String");
    const char *regex =
        json_string_value(json_object_get(json_object_get(part, "pattern"), "Regex"));
    wg_normal_step *step;
    int kind = 0;

    while (kind <= WG_NORMAL_BYTE_LEVEL && strcmp(names[kind], type) != 0)
        kind++;
    if (kind > WG_NORMAL_BYTE_LEVEL || l->t->n_normal == WG_STEPS ||
        (kind == WG_NORMAL_REPLACE && json_string_length(pattern) == 0 && regex == NULL))
        return wg_load_refuse(l, "normalizer", type);
    step = &l->t->normal[l->t->n_normal++];
    step->kind = (wg_normal_kind)kind;
    step->left = wg_load_flag(part, "strip_left", false);
    step->right = wg_load_flag(part, "strip_right", false);
    step->clean = wg_load_flag(part, "clean_text", true);
    step->chinese = wg_load_flag(part, "handle_chinese_chars", true);
    step->lower = wg_load_flag(part, "lowercase", true);
    step->accents = wg_load_flag(part, "strip_accents", step->lower);
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

/* --- pre-tokenizers --------------------------------------------------------------------------- */

/* Reads prepend_scheme and split, or add_prefix_space from before tokenizers 0.15. */
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
    step->prepend = (wg_prepend)i;
    l->t->marks_first |= i == WG_PREPEND_FIRST;
    step->behavior = WG_MERGED_WITH_NEXT;
    WG_TRY(wg_load_keep(l, space, strlen(space), &step->space));
    return wg_load_flag(part, "split", true) ? compile(l, space, true, &step->regex) : WAGLE_OK;
}

static wagle_status load_behavior(const wg_loader *l, const json_t *part, const char *fallback,
                                  wg_split_step *step)
{
    static const char *const behaviors[] = {"Isolated", "Removed", "MergedWithPrevious",
                                            "MergedWithNext", "Contiguous"};
    const char *behavior = json_string_value(json_object_get(part, "behavior"));
    int b = 0;

    behavior = behavior == NULL ? fallback : behavior;
    while (b < 5 && (behavior == NULL || strcmp(behaviors[b], behavior) != 0))
        b++;
    step->behavior = (wg_split_behavior)b;
    return b < 5 ? WAGLE_OK : wg_load_refuse(l, "pre-tokenizer, behavior", behavior);
}

static wagle_status load_split(const wg_loader *l, const json_t *part, wg_split_step *step)
{
    const json_t *pattern = json_object_get(part, "pattern");
    const char *regex = json_string_value(json_object_get(pattern, "Regex"));
    const char *literal = json_string_value(json_object_get(pattern, "String"));

    WG_TRY(load_behavior(l, part, NULL, step));
    if (regex == NULL && literal == NULL)
        return wg_load_refuse(l, "pre-tokenizer Split without", "pattern");
    step->invert = wg_load_flag(part, "invert", false);
    return compile(l, regex != NULL ? regex : literal, regex == NULL, &step->regex);
}

static wagle_status load_byte_level(const wg_loader *l, const json_t *part, wg_split_step *step)
{
    step->prefix_space = wg_load_flag(part, "add_prefix_space", true);
    return wg_load_flag(part, "use_regex", true) ? compile(l, gpt2_pattern, false, &step->regex)
                                                 : WAGLE_OK;
}

static wagle_status load_digits(const wg_loader *l, const json_t *part, wg_split_step *step)
{
    (void)l;
    step->behavior = wg_load_flag(part, "individual_digits", false) ? WG_ISOLATED : WG_CONTIGUOUS;
    return WAGLE_OK;
}

static wagle_status load_removed(const wg_loader *l, const json_t *part, wg_split_step *step)
{
    const char *text = json_string_value(json_object_get(part, "delimiter"));
    const size_t n = text != NULL ? strlen(text) : 0;

    step->behavior = WG_REMOVED;
    if (step->kind == WG_SPLIT_DELIMITER &&
        (n == 0 || (size_t)wg_utf8_decode(text, n, &step->delimiter) != n))
        return wg_load_refuse(l, "pre-tokenizer CharDelimiterSplit without", "delimiter");
    return WAGLE_OK;
}

static wagle_status load_punctuation(const wg_loader *l, const json_t *part, wg_split_step *step)
{
    return load_behavior(l, part, "Isolated", step);
}

static wagle_status load_length(const wg_loader *l, const json_t *part, wg_split_step *step)
{
    const json_t *length = json_object_get(part, "length");

    step->length = length == NULL ? 5 : json_integer_value(length);
    return step->length > 0 ? WAGLE_OK
                            : wg_load_refuse(l, "pre-tokenizer FixedLength without", "length");
}

static wagle_status load_nothing(const wg_loader *l, const json_t *part, wg_split_step *step)
{
    (void)l;
    (void)part;
    (void)step;
    return WAGLE_OK;
}

wagle_status wg_load_pretokenizer(const wg_loader *l, const json_t *part)
{
    static const struct {
        const char *name;
        wg_split_kind kind;
        wagle_status (*load)(const wg_loader *, const json_t *, wg_split_step *);
    } kinds[] = {{"ByteLevel", WG_SPLIT_BYTE_LEVEL, load_byte_level},
                 {"Metaspace", WG_SPLIT_METASPACE, load_metaspace},
                 {"Digits", WG_SPLIT_DIGITS, load_digits},
                 {"Split", WG_SPLIT_REGEX, load_split},
                 {"Punctuation", WG_SPLIT_PUNCTUATION, load_punctuation},
                 {"Whitespace", WG_SPLIT_WORDS, load_nothing},
                 {"WhitespaceSplit", WG_SPLIT_SPACES, load_removed},
                 {"CharDelimiterSplit", WG_SPLIT_DELIMITER, load_removed},
                 {"FixedLength", WG_SPLIT_LENGTH, load_length},
                 {"BertPreTokenizer", WG_SPLIT_SPACES, load_removed}};
    const char *type = wg_load_type(part);
    const size_t n = sizeof kinds / sizeof *kinds;
    size_t i = 0;
    wg_split_step *step;

    while (i < n && strcmp(kinds[i].name, type) != 0)
        i++;
    if (i == n)
        return wg_load_refuse(l, "pre-tokenizer", type);
    if (l->t->n_split + 2 > WG_STEPS)
        return wg_load_refuse(l, "a pre-tokenizer of so many steps, at", type);
    step = &l->t->split[l->t->n_split++];
    step->kind = kinds[i].kind;
    if (i + 1 == n) /* after dropping spaces, splits off punctuation */
        l->t->split[l->t->n_split++].kind = WG_SPLIT_PUNCTUATION;
    return kinds[i].load(l, part, step);
}

/* --- decoders --------------------------------------------------------------------------------- */

/* The required text member of a kind of decoder. */
static const char *decoder_text(int kind, const json_t *part)
{
    static const char *const keys[] = {[WG_DECODE_METASPACE] = "replacement",
                                       [WG_DECODE_BPE] = "suffix",
                                       [WG_DECODE_WORDPIECE] = "prefix"};
    const json_t *pattern = json_object_get(part, "pattern");

    if (kind == WG_DECODE_REPLACE)
        return json_string_value(json_object_get(pattern, "String"));
    return kind < WG_DECODE_METASPACE ? NULL : json_string_value(json_object_get(part, keys[kind]));
}

wagle_status wg_load_decoder(const wg_loader *l, const json_t *part)
{
    static const char *const names[] = {"ByteLevel", "ByteFallback", "Fuse",       "Replace",
                                        "Strip",     "Metaspace",    "BPEDecoder", "WordPiece"};
    const char *type = wg_load_type(part), *content, *pattern, *scheme;
    const char *regex =
        json_string_value(json_object_get(json_object_get(part, "pattern"), "Regex"));
    wg_decode_step *step;
    int kind = 0;

    while (kind <= WG_DECODE_WORDPIECE && strcmp(names[kind], type) != 0)
        kind++;
    if (kind > WG_DECODE_WORDPIECE || l->t->n_decode == WG_STEPS)
        return wg_load_refuse(l, "decoder", type);
    step = &l->t->decode[l->t->n_decode++];
    step->kind = (wg_decode_kind)kind;
    content = json_string_value(json_object_get(part, "content"));
    pattern = decoder_text(kind, part);
    regex = kind == WG_DECODE_REPLACE && pattern == NULL ? regex : NULL;
    if ((content == NULL && (kind == WG_DECODE_REPLACE || kind == WG_DECODE_STRIP)) ||
        (kind == WG_DECODE_STRIP && content[0] == '\0') ||
        (regex == NULL && (pattern == NULL || pattern[0] == '\0') &&
         (kind == WG_DECODE_REPLACE || kind >= WG_DECODE_METASPACE)))
        return wg_load_refuse(l, "decoder, as it is written,", type);
    if (content != NULL)
        WG_TRY(wg_load_keep(l, content, strlen(content), &step->content));
    if (pattern != NULL)
        WG_TRY(wg_load_keep(l, pattern, strlen(pattern), &step->pattern));
    step->start = json_integer_value(json_object_get(part, "start"));
    step->stop = json_integer_value(json_object_get(part, "stop"));
    step->clean = wg_load_flag(part, "cleanup", true);
    scheme = json_string_value(json_object_get(part, "prepend_scheme"));
    if (kind == WG_DECODE_METASPACE)
        step->start = scheme != NULL ? strcmp(scheme, "never") != 0
                                     : wg_load_flag(part, "add_prefix_space", true);
    return regex != NULL ? compile(l, regex, false, &step->regex) : WAGLE_OK;
}
