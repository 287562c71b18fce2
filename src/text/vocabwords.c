/* vocabwords.c - converts vocab.txt, the vocabulary of BERT, to the model of a tokenizer.json. */
#include "text/folder.h"

#include "base/file.h"
#include <string.h>

/* Bytes of a line without the white space at its end. */
static size_t trimmed(const char *line, size_t n)
{
    size_t end = 0;
    int32_t c;

    for (size_t i = 0; i < n;) {
        i += (size_t)wg_utf8_decode(line + i, n - i, &c); /* the line is valid */
        end = wg_is_space(c) ? end : i;
    }
    return end;
}

static wagle_status add_line(wagle_ctx *ctx, const char *path, const char *line, size_t n,
                             json_int_t id, json_t *vocab)
{
    if (!wg_utf8_valid(line, n) || memchr(line, '\0', n) != NULL)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s:%lld: not UTF-8 text", path, (long long)id + 1);
    return json_object_setn_new(vocab, line, trimmed(line, n), json_integer(id)) == 0
               ? WAGLE_OK
               : wg_json_memory(ctx);
}

static wagle_status read_lines(wagle_ctx *ctx, const char *path, json_t *vocab)
{
    json_int_t id = 0;
    wagle_status st = WAGLE_OK;
    wg_map map;
    wg_str line;

    WG_TRY(wg_map_open(ctx, path, &map));
    const char *at = (const char *)map.data, *end = at + map.bytes;
    while (st == WAGLE_OK && wg_next_line_of(&at, end, &line))
        st = add_line(ctx, path, line.text, line.bytes, id++, vocab);
    wg_map_close(&map);
    return st;
}

wagle_status wg_vocab_words_json(wagle_ctx *ctx, const char *path, json_t **out)
{
    json_t *vocab = json_object();
    wagle_status st = vocab != NULL ? read_lines(ctx, path, vocab) : wg_json_memory(ctx);

    *out = NULL;
    if (st == WAGLE_OK && json_object_size(vocab) == 0)
        st = wg_fail(ctx, WAGLE_E_INPUT, "%s: no tokens", path);
    if (st == WAGLE_OK) {
        *out = json_pack("{s:[], s:{s:s, s:O}}", "added_tokens", "model", "type", "WordPiece",
                         "vocab", vocab);
        st = *out != NULL ? WAGLE_OK : wg_json_memory(ctx);
    }
    json_decref(vocab);
    return st;
}
