#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/pattern.h"

#include <fnmatch.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Shell patterns of each group; names that match a pattern with ! are excluded. */
static const struct {
    const char *name;
    const char *pattern[9];
} groups[] = {
    {"embeddings",
     {"*embed_tokens.*", "*.wte.*", "wte.*", "*.wpe.*", "wpe.*", "*embed_in.*",
      "*word_embeddings.*", "*embed_positions.*"}},
    {"head", {"lm_head.*", "*.lm_head.*", "embed_out.*"}},
    {"attention", {"*attn*", "*attention.*", "!*norm*", "!*.ln_*"}},
    {"ffn", {"*mlp*", "*block_sparse_moe*", "*.feed_forward.*", "*.fc1.*", "*.fc2.*", "!*norm*"}},
    {"norms", {"*norm*", "*.ln_*", "ln_f.*"}},
    {"biases", {"*.bias"}},
};

static bool in_group(const char *name, const char *const *pattern)
{
    bool in = false;

    for (; *pattern != NULL; pattern++) {
        const bool out = **pattern == '!';
        if (fnmatch(*pattern + out, name, 0) == 0)
            in = !out;
    }
    return in;
}

/* Parses layers:A-B or layers:A. */
static bool read_range(const char *text, long range[2])
{
    char *end;

    range[0] = range[1] = strtol(text, &end, 10);
    if (end == text || range[0] < 0)
        return false;
    if (*end == '-') {
        text = end + 1;
        range[1] = strtol(text, &end, 10);
    }
    return end != text && *end == '\0' && range[1] >= range[0];
}

/* Whether a number between two dots of the name is in the range. */
static bool in_layers(const char *name, const char *text)
{
    long range[2];

    if (!read_range(text, range))
        return false;
    for (const char *dot = strchr(name, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        char *end;
        const long layer = strtol(dot + 1, &end, 10);
        if (end > dot + 1 && *end == '.')
            return layer >= range[0] && layer <= range[1];
    }
    return false;
}

static pcre2_code *compile(const char *text, char error[128])
{
    int code;
    PCRE2_SIZE at;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, 0, &code, &at, NULL);

    if (re == NULL)
        pcre2_get_error_message(code, (PCRE2_UCHAR *)error, 128);
    return re;
}

static bool found(const char *name, const char *text)
{
    char error[128];
    pcre2_code *re = compile(text, error);
    pcre2_match_data *match = re != NULL ? pcre2_match_data_create(1, NULL) : NULL;
    const bool is =
        match != NULL && pcre2_match(re, (PCRE2_SPTR)name, strlen(name), 0, 0, match, NULL) >= 0;

    pcre2_match_data_free(match);
    pcre2_code_free(re);
    return is;
}

static bool matches_one(const char *name, const char *pattern)
{
    if (strncmp(pattern, "layers:", 7) == 0)
        return in_layers(name, pattern + 7);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (strcmp(pattern, groups[i].name) == 0)
            return in_group(name, groups[i].pattern);
    return fnmatch(pattern, name, 0) == 0;
}

enum { PART = 256 };

/* Reads the next of the comma-separated patterns; false at the end. */
static bool next_part(const char **at, char part[PART])
{
    const size_t n = strcspn(*at, ",");

    if (**at == '\0')
        return false;
    snprintf(part, PART, "%.*s", (int)n, *at);
    *at += n + ((*at)[n] == ',');
    return true;
}

static bool matches(const char *name, const char *pattern)
{
    char part[PART];

    if (strncmp(pattern, "re:", 3) == 0)
        return found(name, pattern + 3);
    while (next_part(&pattern, part))
        if (matches_one(name, part))
            return true;
    return false;
}

bool wg_matches_any(const char *name, const char *const *patterns)
{
    for (; patterns != NULL && *patterns != NULL; patterns++)
        if (matches(name, *patterns))
            return true;
    return false;
}

static wagle_status check_pattern(wagle_ctx *ctx, const char *pattern)
{
    char part[PART], error[128];
    long range[2];

    if (strncmp(pattern, "re:", 3) == 0) {
        pcre2_code *re = compile(pattern + 3, error);
        if (re == NULL)
            return wg_fail(ctx, WAGLE_E_USAGE, "pattern '%.64s': %s", pattern, error);
        pcre2_code_free(re);
        return WAGLE_OK;
    }
    for (const char *at = pattern; next_part(&at, part);) {
        if (part[0] == '\0' || strlen(part) == PART - 1)
            return wg_fail(ctx, WAGLE_E_USAGE, "pattern '%.64s': a part is empty or not closed",
                           pattern);
        if (strncmp(part, "layers:", 7) == 0 && !read_range(part + 7, range))
            return wg_fail(ctx, WAGLE_E_USAGE,
                           "pattern '%.64s': write a range of layers as layers:4-9", part);
    }
    return WAGLE_OK;
}

wagle_status wg_check_patterns(wagle_ctx *ctx, const char *const *patterns)
{
    for (; patterns != NULL && *patterns != NULL; patterns++)
        WG_TRY(check_pattern(ctx, *patterns));
    return WAGLE_OK;
}
