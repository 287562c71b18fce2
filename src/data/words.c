#include "data/words.h"

#include "text/tokenizer.h"
#include <string.h>
#include <utf8proc.h>

/* Whether a character belongs to a script without spaces: Thai and related scripts, kana, Han. */
static bool stands_alone(int32_t code)
{
    return (code >= 0x0E00 && code < 0x1100) || (code >= 0x2E80 && code < 0xAC00) ||
           (code >= 0xF900 && code < 0xFB00) || code >= 0x20000;
}

static bool ends_sentence(int32_t code)
{
    return code < 128 ? code == 0 || strchr(".!?:\n\"#*", code) != NULL : !wg_is_space(code);
}

static bool is_quote(int32_t code)
{
    return code == '"' || code == '\'' || code == 0xAB || code == 0xBB ||
           (code >= 0x2018 && code <= 0x201F) || code == 0x2039 || code == 0x203A ||
           (code >= 0x300C && code <= 0x300F);
}

static const uint64_t hash_start = 0xCBF29CE484222325u; /* FNV-1a, over characters */

static uint64_t hash_next(uint64_t hash, int32_t lower)
{
    return (hash ^ (uint64_t)lower) * 0x100000001B3u;
}

uint64_t wg_word_hash(const char *lower, size_t bytes)
{
    uint64_t hash = hash_start;
    int32_t code = 0;
    int step;

    for (size_t at = 0; at < bytes; at += (size_t)step) {
        step = wg_utf8_decode(lower + at, bytes - at, &code);
        if (step == 0)
            break;
        hash = hash_next(hash, code);
    }
    return hash;
}

/* Reads a word at the start of text [bytes]. Returns its length in bytes, 0 if there is none. */
static size_t read_word(const char *text, size_t bytes, wg_word *out)
{
    int64_t characters = 0, digits = 0, capitals = 0, small = 0;
    size_t at = 0;
    int32_t code = 0;
    int step = 0;

    *out = (wg_word){.hash = hash_start};
    while (at < bytes && (step = wg_utf8_decode(text + at, bytes - at, &code)) > 0 &&
           wg_is_word(code) && (characters == 0 || !stands_alone(code))) {
        const int32_t lower = utf8proc_tolower(code);
        out->capital |= characters == 0 && lower != code;
        out->hash = hash_next(out->hash, lower);
        digits += wg_is_number(code);
        capitals += lower != code;
        small += lower == code && utf8proc_toupper(code) != code;
        characters++;
        at += (size_t)step;
        if (stands_alone(code))
            break;
    }
    out->initial = characters == 1 && capitals == 1;
    out->capitals = capitals > 1 && small == 0;
    out->capital &= characters > 1;
    out->figures = digits == characters && digits >= WG_FIGURES;
    out->bytes = at;
    return at;
}

/* The text between two words. */
typedef struct gap {
    bool inside, begins, quoted;
} gap;

static void cross(gap *g, int32_t code)
{
    g->inside &= !ends_sentence(code);
    if (is_quote(code))
        g->quoted = true;
    else if (ends_sentence(code) && code != '-' && code != 0x2013 && code != 0x2014)
        g->begins = true;
    if (code == '\n')
        g->quoted = false;
}

wagle_status wg_words_split(wagle_ctx *ctx, wg_str text, wg_words *out)
{
    gap g = {.begins = true};
    size_t at = 0;

    out->n = 0;
    while (at < text.bytes) {
        wg_word w = {0};
        int32_t code = 0;
        const size_t n = read_word(text.text + at, text.bytes - at, &w);
        if (n == 0) {
            const int step = wg_utf8_decode(text.text + at, text.bytes - at, &code);
            cross(&g, step > 0 ? code : 0);
            at += step > 0 ? (size_t)step : 1;
            continue;
        }
        WG_TRY(WG_GROW(ctx, &out->word, &out->capacity, out->n + 1));
        w.at = at;
        w.inside = g.inside;
        w.begins = g.begins && !g.quoted;
        out->word[out->n++] = w;
        g = (gap){.inside = true};
        at += n;
    }
    return WAGLE_OK;
}
