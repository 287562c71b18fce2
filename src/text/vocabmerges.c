/* vocabmerges.c - converts vocab.json and merges.txt, the format of GPT-2 and OPT, to the model of
 * a tokenizer.json.
 *
 * merges.txt has "left right" on each line, best first. Lines that begin with #version are skipped.
 */
#include "text/folder.h"

#include "base/file.h"
#include <string.h>

typedef struct merge_reader {
    wagle_ctx *ctx;
    const char *path;
    const json_t *vocab;
    int64_t line;
} merge_reader;

static wagle_status check_vocabulary(wagle_ctx *ctx, const char *path, json_t *vocab)
{
    const char *token;
    json_t *id;

    if (!json_is_object(vocab) || json_object_size(vocab) == 0)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: not an object of tokens and their ids", path);
    json_object_foreach (vocab, token, id)
        if (!json_is_integer(id) || json_integer_value(id) < 0)
            return wg_fail(ctx, WAGLE_E_INPUT, "%s: token '%.64s': its id is not valid", path,
                           token);
    return WAGLE_OK;
}

static wagle_status damaged(const merge_reader *r, const char *what, const char *text, size_t bytes)
{
    return wg_fail(r->ctx, WAGLE_E_INPUT, "%s:%lld: %s: '%.*s'", r->path, (long long)r->line, what,
                   (int)(bytes < 64 ? bytes : 64), text);
}

static wagle_status add_merge(const merge_reader *r, const char *line, size_t n, json_t *merges)
{
    const char *space = memchr(line, ' ', n);
    const size_t left = space != NULL ? (size_t)(space - line) : 0, right = n - left - 1;
    wg_text both = {0};

    if (!wg_utf8_valid(line, n) || memchr(line, '\0', n) != NULL)
        return wg_fail(r->ctx, WAGLE_E_INPUT, "%s:%lld: not UTF-8 text", r->path,
                       (long long)r->line);
    if (left == 0 || right == 0 || memchr(space + 1, ' ', right) != NULL)
        return damaged(r, "not two tokens with a space between", line, n);
    WG_TRY(wg_text_add(r->ctx, &both, line, left));
    const wagle_status st = wg_text_add(r->ctx, &both, space + 1, right);
    const bool known = st == WAGLE_OK && json_object_getn(r->vocab, line, left) != NULL &&
                       json_object_getn(r->vocab, space + 1, right) != NULL &&
                       json_object_getn(r->vocab, both.text, n - 1) != NULL;
    wg_text_free(&both);
    WG_TRY(st);
    if (!known)
        return damaged(r, "a merge of tokens that vocab.json lacks", line, n);
    json_t *pair =
        json_pack("[o, o]", json_stringn(line, left), json_stringn(space + 1, n - left - 1));
    return json_array_append_new(merges, pair) == 0 ? WAGLE_OK : wg_json_memory(r->ctx);
}

static wagle_status read_merges(wagle_ctx *ctx, const char *path, const json_t *vocab,
                                json_t *merges)
{
    merge_reader r = {ctx, path, vocab, 0};
    wagle_status st = WAGLE_OK;
    wg_map map;
    wg_str line;

    WG_TRY(wg_map_open(ctx, path, &map));
    const char *at = (const char *)map.data, *end = at + map.bytes;
    while (st == WAGLE_OK && wg_next_line_of(&at, end, &line)) {
        const bool ended = line.text + line.bytes < end;
        line.bytes -= ended && line.bytes > 0 && line.text[line.bytes - 1] == '\r';
        r.line++;
        if (line.bytes < 8 || memcmp(line.text, "#version", 8) != 0)
            st = add_merge(&r, line.text, line.bytes, merges);
    }
    wg_map_close(&map);
    return st;
}

wagle_status wg_vocab_merges_json(wagle_ctx *ctx, const char *vocab_path, const char *merges_path,
                                  json_t **out)
{
    json_t *vocab = NULL, *merges = json_array();
    wagle_status st = merges != NULL ? wg_json_read(ctx, vocab_path, &vocab) : wg_json_memory(ctx);

    *out = NULL;
    if (st == WAGLE_OK)
        st = check_vocabulary(ctx, vocab_path, vocab);
    if (st == WAGLE_OK)
        st = read_merges(ctx, merges_path, vocab, merges);
    if (st == WAGLE_OK) {
        *out = json_pack("{s:[], s:{s:s, s:O, s:O}}", "added_tokens", "model", "type", "BPE",
                         "vocab", vocab, "merges", merges);
        st = *out != NULL ? WAGLE_OK : wg_json_memory(ctx);
    }
    json_decref(vocab);
    json_decref(merges);
    return st;
}
