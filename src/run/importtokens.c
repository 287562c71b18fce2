/* importtokens.c - the tokenizer in a GGUF file as tokenizer.json. */
#include "run/import.h"
#include "text/tokenizer.h"
#include <math.h>
#include <string.h>

/* Vocabulary and added tokens (types 3 control and 4 user-defined); texts [V] are kept in `all`. */
static wagle_status read_tokens(wg_importer *m, json_t *vocab, json_t *added, json_t *all)
{
    const wg_gguf_value *tokens = wg_gguf_find(&m->g, "tokenizer.ggml.tokens");
    const wg_gguf_value *types = wg_gguf_find(&m->g, "tokenizer.ggml.token_type");
    const unsigned char *at = tokens != NULL ? tokens->data : NULL;
    const char *text;
    size_t bytes;

    if (tokens == NULL || !tokens->array || tokens->kind != WG_GGUF_STRING ||
        (int64_t)tokens->count != m->V)
        return wg_import_refuse(m, "the token list", "tokenizer.ggml.tokens");
    if (types != NULL &&
        (!types->array || types->count != tokens->count || types->kind == WG_GGUF_STRING))
        return wg_import_refuse(m, "the type list", "tokenizer.ggml.token_type");
    for (uint64_t i = 0; wg_gguf_next_string(tokens, &at, &text, &bytes); i++) {
        const int type = types != NULL ? (int)wg_gguf_element(types, i) : 1;
        json_t *key = json_stringn(text, bytes);
        if (key == NULL || json_array_append_new(all, key) != 0)
            return wg_fail(m->ctx, WAGLE_E_INPUT, "%s: token %llu is not valid UTF-8", m->o->gguf,
                           (unsigned long long)i);
        if (json_object_set_new(vocab, json_string_value(key), json_integer((json_int_t)i)) != 0)
            return wg_json_memory(m->ctx);
        if ((type == 3 || type == 4) &&
            json_array_append_new(added, json_pack("{s:I, s:O, s:b, s:b, s:b, s:b, s:b}", "id",
                                                   (json_int_t)i, "content", key, "single_word", 0,
                                                   "lstrip", 0, "rstrip", 0, "normalized", 0,
                                                   "special", type == 3)) != 0)
            return wg_json_memory(m->ctx);
    }
    return WAGLE_OK;
}

static wagle_status read_merges(wg_importer *m, json_t *merges)
{
    const wg_gguf_value *list = wg_gguf_find(&m->g, "tokenizer.ggml.merges");
    const unsigned char *at = list != NULL ? list->data : NULL;
    const char *text;
    size_t bytes;

    if (list == NULL || !list->array || list->kind != WG_GGUF_STRING)
        return wg_import_refuse(m, "the merge list", "tokenizer.ggml.merges");
    while (wg_gguf_next_string(list, &at, &text, &bytes)) {
        const char *space = memchr(text, ' ', bytes);
        const size_t n = space != NULL ? (size_t)(space - text) : 0;
        if (space == NULL || json_array_append_new(merges, json_pack("[s%, s%]", text, n, space + 1,
                                                                     bytes - n - 1)) != 0)
            return wg_import_refuse(m, "a merge in", "tokenizer.ggml.merges");
    }
    return WAGLE_OK;
}

static json_t *token_text(const wg_importer *m, const json_t *all, const char *key)
{
    const json_int_t id = wg_import_token(m, key);
    json_t *text = id >= 0 ? json_array_get(all, (size_t)id) : NULL;

    return text != NULL ? json_incref(text) : json_null();
}

static wagle_status write_tokenizer_config(wg_importer *m, const json_t *all)
{
    json_t *config =
        json_pack("{s:s, s:o, s:o, s:o, s:o}", "tokenizer_class", "PreTrainedTokenizerFast",
                  "bos_token", token_text(m, all, "tokenizer.ggml.bos_token_id"), "eos_token",
                  token_text(m, all, "tokenizer.ggml.eos_token_id"), "unk_token",
                  token_text(m, all, "tokenizer.ggml.unknown_token_id"), "pad_token",
                  token_text(m, all, "tokenizer.ggml.padding_token_id"));
    char *template;

    if (config == NULL)
        return wg_json_memory(m->ctx);
    WG_TRY(wg_gguf_string(m->ctx, &m->g, "tokenizer.chat_template", &template));
    if (template != NULL)
        json_object_set_new(config, "chat_template", json_string(template));
    return wg_import_put(m, "tokenizer_config.json", config);
}

/* Such models begin with bos unless they say otherwise. */
static bool sentencepiece(const wg_importer *m)
{
    return wg_gguf_find(&m->g, "tokenizer.ggml.scores") != NULL &&
           wg_gguf_find(&m->g, "tokenizer.ggml.merges") == NULL;
}

static json_t *post_processor(const wg_importer *m, const json_t *all)
{
    const json_int_t bos = wg_import_token(m, "tokenizer.ggml.bos_token_id");
    const char *text = json_string_value(bos >= 0 ? json_array_get(all, (size_t)bos) : NULL);

    if (wg_gguf_number(&m->g, "tokenizer.ggml.add_bos_token", sentencepiece(m)) == 0 ||
        text == NULL)
        return json_null();
    return json_pack("{s:s, s:[{s:{s:s, s:i}}, {s:{s:s, s:i}}], s:[], s:{s:{s:s, s:[I], s:[s]}}}",
                     "type", "TemplateProcessing", "single", "SpecialToken", "id", text, "type_id",
                     0, "Sequence", "id", "A", "type_id", 0, "pair", "special_tokens", text, "id",
                     text, "ids", bos, "tokens", text);
}

/* Byte-level BPE with the merges of the file. */
static wagle_status make_byte_level(wg_importer *m, json_t *all, json_t **out)
{
    json_t *vocab = json_object(), *merges = json_array(), *added = json_array();
    json_t *pre = NULL, *normalizer = NULL;
    bool known;
    char *name;
    wagle_status st = wg_gguf_string(m->ctx, &m->g, "tokenizer.ggml.pre", &name);

    if (st == WAGLE_OK) {
        wg_gguf_pretokenizer(name != NULL ? name : "default", &pre, &normalizer, &known);
        st = known ? WAGLE_OK : wg_import_refuse(m, "pre-tokenizer", name);
    }
    if (st == WAGLE_OK)
        st = read_tokens(m, vocab, added, all);
    if (st == WAGLE_OK)
        st = read_merges(m, merges);
    if (st == WAGLE_OK)
        *out = json_pack("{s:s, s:n, s:n, s:O, s:O, s:O, s:{s:s, s:b, s:b, s:b}, s:{s:s, s:n, "
                         "s:n, s:b, s:b, s:b, s:O, s:O}}",
                         "version", "1.0", "truncation", "padding", "added_tokens", added,
                         "normalizer", normalizer, "pre_tokenizer", pre, "decoder", "type",
                         "ByteLevel", "add_prefix_space", 1, "trim_offsets", 1, "use_regex", 1,
                         "model", "type", "BPE", "dropout", "unk_token", "fuse_unk", 0,
                         "byte_fallback", 0, "ignore_merges",
                         (int)(name != NULL && strcmp(name, "llama-bpe") == 0), "vocab", vocab,
                         "merges", merges);
    json_decref(pre);
    json_decref(normalizer);
    json_decref(vocab);
    json_decref(merges);
    json_decref(added);
    return st;
}

/* SentencePiece's BPE: the merges follow from the scores. */
static wagle_status make_pieces(wg_importer *m, json_t *all, json_t **out)
{
    const wg_gguf_value *tokens = wg_gguf_find(&m->g, "tokenizer.ggml.tokens");
    const wg_gguf_value *types = wg_gguf_find(&m->g, "tokenizer.ggml.token_type");
    const wg_gguf_value *scores = wg_gguf_find(&m->g, "tokenizer.ggml.scores");
    const unsigned char *at = tokens != NULL ? tokens->data : NULL;
    const double unknown = wg_gguf_number(&m->g, "tokenizer.ggml.unknown_token_id", 0);
    json_t *vocab = json_object(), *added = json_array();
    wg_sp_piece *piece = NULL;
    wagle_status st = read_tokens(m, vocab, added, all);

    if (st == WAGLE_OK && (tokens == NULL || types == NULL || scores == NULL || !scores->array ||
                           scores->count != tokens->count || scores->kind == WG_GGUF_STRING))
        st = wg_import_refuse(m, "the score list", "tokenizer.ggml.scores");
    if (st == WAGLE_OK)
        st = WG_ALLOC(m->ctx, &piece, m->V);
    for (int64_t i = 0; st == WAGLE_OK && i < m->V; i++) {
        wg_gguf_next_string(tokens, &at, &piece[i].text, &piece[i].bytes);
        piece[i].score = (float)wg_gguf_element(scores, (uint64_t)i);
        piece[i].type = (int)wg_gguf_element(types, (uint64_t)i);
        if (piece[i].bytes == 0 || piece[i].bytes > 1 << 16 || !isfinite(piece[i].score))
            st = wg_import_refuse(m, "a token in", "tokenizer.ggml.tokens");
    }
    if (st == WAGLE_OK && !(unknown >= 0 && unknown < (double)m->V))
        st = wg_import_refuse(m, "the id in", "tokenizer.ggml.unknown_token_id");
    if (st == WAGLE_OK)
        st = wg_pieces_json(m->ctx, m->o->gguf, piece, m->V, (int32_t)unknown,
                            wg_gguf_number(&m->g, "tokenizer.ggml.add_space_prefix", 1) != 0, out);
    wg_free(piece);
    json_decref(vocab);
    json_decref(added);
    return st;
}

wagle_status wg_import_tokenizer(wg_importer *m)
{
    json_t *all = json_array(), *root = NULL;
    char *model;
    wagle_status st = wg_gguf_string(m->ctx, &m->g, "tokenizer.ggml.model", &model);

    if (st == WAGLE_OK && model != NULL && strcmp(model, "gpt2") == 0)
        st = make_byte_level(m, all, &root);
    else if (st == WAGLE_OK && model != NULL && strcmp(model, "llama") == 0)
        st = make_pieces(m, all, &root);
    else if (st == WAGLE_OK)
        st = wg_import_refuse(m, "tokenizer model", model);
    if (st == WAGLE_OK && root == NULL)
        st = wg_json_memory(m->ctx);
    if (st == WAGLE_OK)
        st = wg_json_set(m->ctx, root, "post_processor", post_processor(m, all));
    if (st == WAGLE_OK)
        st = wg_import_put(m, "tokenizer.json", json_incref(root));
    if (st == WAGLE_OK)
        st = write_tokenizer_config(m, all);
    json_decref(root);
    json_decref(all);
    return st;
}
