/* import_tokenizer.c - converts the tokenizer in a GGUF file to tokenizer.json and
 * tokenizer_config.json, with the same ids as in llama.cpp (src/llama-vocab.cpp). */
#include "gguf/import.h"
#include "gguf/keys.h"
#include "text/tokenizer.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#define GGML "tokenizer.ggml."

/* --- special tokens --------------------------------------------------------------------------- */

/* Reads an id. If there is no such key or the value is -1, the default is used. */
static wagle_status read_id(const wg_importer *m, const char *key, json_int_t otherwise,
                            json_int_t *out)
{
    const double value = wg_gguf_number(&m->g, key, -1);

    *out = otherwise < m->V ? otherwise : -1;
    if (value == -1 || value == 4294967295.0)
        return WAGLE_OK;
    if (!(value >= 0 && value < (double)m->V) || floor(value) != value)
        return wg_gguf_refuse_key(m->ctx, &m->g, key, "no token has that id");
    *out = (json_int_t)value;
    return WAGLE_OK;
}

wagle_status wg_import_ids(wg_importer *m)
{
    char *model;

    WG_TRY(wg_gguf_string(m->ctx, &m->g, GGML "model", &model));
    m->pieces = model != NULL && strcmp(model, "llama") == 0;
    if (model == NULL || (!m->pieces && strcmp(model, "gpt2") != 0))
        return wg_gguf_refuse_key(m->ctx, &m->g, GGML "model", "llama and gpt2 are supported");
    WG_TRY(read_id(m, GGML "bos_token_id", m->pieces ? 1 : -1, &m->bos));
    WG_TRY(read_id(m, GGML "eos_token_id", m->pieces ? 2 : -1, &m->eos));
    WG_TRY(read_id(m, GGML "unknown_token_id", m->pieces ? 0 : -1, &m->unknown));
    WG_TRY(read_id(m, GGML "eot_token_id", -1, &m->eot));
    WG_TRY(read_id(m, GGML "eom_token_id", -1, &m->eom));
    WG_TRY(read_id(m, GGML "padding_token_id", -1, &m->pad));
    WG_TRY(read_id(m, GGML "seperator_token_id", -1, &m->sep));
    return read_id(m, GGML "mask_token_id", -1, &m->mask);
}

/* Marks the ids that keys name as end tokens. */
static wagle_status mark_named(const wg_importer *m, bool *ends)
{
    static const char *const keys[] = {GGML "fim_pad_token_id", GGML "fim_rep_token_id",
                                       GGML "fim_sep_token_id"};
    const wg_gguf_value *list = wg_gguf_find(&m->g, GGML "eos_token_ids");
    const json_int_t named[] = {m->eos, m->eot, m->eom};

    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (named[i] >= 0)
            ends[named[i]] = true;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_int_t id;
        WG_TRY(read_id(m, keys[i], -1, &id));
        if (id >= 0)
            ends[id] = true;
    }
    for (uint64_t i = 0; list != NULL && i < list->count; i++) {
        const double id = list->kind != WG_GGUF_STRING ? wg_gguf_element(list, i) : -1;
        if (!(id >= 0 && id < (double)m->V) || floor(id) != id)
            return wg_gguf_refuse_key(m->ctx, &m->g, GGML "eos_token_ids", "ids were expected");
        ends[(int64_t)id] = true;
    }
    return WAGLE_OK;
}

wagle_status wg_import_ends(wg_importer *m, json_t **out)
{
    const wg_gguf_value *tokens = wg_gguf_find(&m->g, GGML "tokens");
    const unsigned char *at = tokens != NULL ? tokens->data : NULL;
    const char *text;
    size_t bytes;
    bool *ends = NULL;
    json_t *list = json_array();
    wagle_status st = WG_ALLOC(m->ctx, &ends, m->V);

    if (list == NULL && st == WAGLE_OK)
        st = wg_json_memory(m->ctx);
    if (st == WAGLE_OK)
        st = mark_named(m, ends);
    for (int64_t i = 0; st == WAGLE_OK && i < m->V; i++) {
        const bool known = tokens != NULL && tokens->kind == WG_GGUF_STRING &&
                           wg_gguf_next_string(tokens, &at, &text, &bytes) &&
                           wg_gguf_ends_text(text, bytes);
        if ((ends[i] || known) && json_array_append_new(list, json_integer(i)) != 0)
            st = wg_json_memory(m->ctx);
    }
    wg_free(ends);
    if (st == WAGLE_OK)
        *out = list;
    else
        json_decref(list);
    return st;
}

/* --- vocabulary ------------------------------------------------------------------------------- */

/* The type of a token, as llama.cpp interprets it. */
static int type_of(const wg_gguf_value *types, uint64_t i, const char *text, size_t bytes)
{
    return wg_gguf_special(text, bytes) ? WG_PIECE_CONTROL
           : types != NULL              ? (int)wg_gguf_element(types, i)
                                        : WG_PIECE_NORMAL;
}

static json_t *added_token(int64_t id, json_t *text, bool special)
{
    return json_pack("{s:I, s:O, s:b, s:b, s:b, s:b, s:b}", "id", (json_int_t)id, "content", text,
                     "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0, "special",
                     special);
}

/* Reads vocabulary and added tokens. `all` gets the texts [V]. */
static wagle_status read_tokens(wg_importer *m, json_t *vocab, json_t *added, json_t *all)
{
    const wg_gguf_value *tokens = wg_gguf_find(&m->g, GGML "tokens");
    const wg_gguf_value *types = wg_gguf_find(&m->g, GGML "token_type");
    const unsigned char *at = tokens != NULL ? tokens->data : NULL;
    const char *text;
    size_t bytes;

    if (tokens == NULL || tokens->kind != WG_GGUF_STRING || (int64_t)tokens->count != m->V)
        return wg_gguf_refuse_key(m->ctx, &m->g, GGML "tokens",
                                  "a text for each row of token_embd.weight was expected");
    if (types != NULL && (types->count != tokens->count || types->kind == WG_GGUF_STRING))
        return wg_gguf_refuse_key(m->ctx, &m->g, GGML "token_type", "one a token was expected");
    for (uint64_t i = 0; wg_gguf_next_string(tokens, &at, &text, &bytes); i++) {
        const int type = type_of(types, i, text, bytes);
        json_t *key = json_stringn(text, bytes);
        if (key == NULL || bytes == 0 || json_array_append_new(all, key) != 0)
            return wg_fail(m->ctx, WAGLE_E_INPUT, "%s: token %llu is empty or not valid UTF-8",
                           m->o->gguf, (unsigned long long)i);
        if (json_object_getn(vocab, text, bytes) != NULL)
            return wg_fail(m->ctx, WAGLE_E_INPUT,
                           "%s: token %llu: another one has its text '%.64s'", m->o->gguf,
                           (unsigned long long)i, json_string_value(key));
        if (json_object_setn_new(vocab, text, bytes, json_integer((json_int_t)i)) != 0)
            return wg_json_memory(m->ctx);
        if ((type == WG_PIECE_CONTROL || type == WG_PIECE_USER_DEFINED ||
             type == WG_PIECE_UNKNOWN) &&
            json_array_append_new(added,
                                  added_token((int64_t)i, key, type != WG_PIECE_USER_DEFINED)) != 0)
            return wg_json_memory(m->ctx);
    }
    return WAGLE_OK;
}

static wagle_status read_merges(wg_importer *m, json_t *merges)
{
    const wg_gguf_value *list = wg_gguf_find(&m->g, GGML "merges");
    const unsigned char *at = list != NULL ? list->data : NULL;
    const char *text;
    size_t bytes;

    if (list == NULL || list->kind != WG_GGUF_STRING)
        return wg_gguf_refuse_key(m->ctx, &m->g, GGML "merges", "a list of texts was expected");
    while (wg_gguf_next_string(list, &at, &text, &bytes)) {
        const char *space = bytes > 1 ? memchr(text + 1, ' ', bytes - 1) : NULL;
        const size_t n = space != NULL ? (size_t)(space - text) : 0;
        if (space == NULL || json_array_append_new(merges, json_pack("[s%, s%]", text, n, space + 1,
                                                                     bytes - n - 1)) != 0)
            return wg_import_refuse(m, "a merge in", GGML "merges");
    }
    return WAGLE_OK;
}

/* Makes byte-level BPE with the merges of the file. */
static wagle_status make_byte_level(wg_importer *m, const wg_gguf_pre *pre, json_t *all,
                                    json_t **out)
{
    json_t *vocab = json_object(), *merges = json_array(), *added = json_array();
    wagle_status st = read_tokens(m, vocab, added, all);

    if (st == WAGLE_OK)
        st = read_merges(m, merges);
    if (st == WAGLE_OK)
        *out = json_pack("{s:s, s:n, s:n, s:O, s:O, s:O, s:{s:s, s:b, s:b, s:b}, s:{s:s, s:n, "
                         "s:n, s:b, s:b, s:b, s:O, s:O}}",
                         "version", "1.0", "truncation", "padding", "added_tokens", added,
                         "normalizer", pre->normalizer, "pre_tokenizer", pre->pre, "decoder",
                         "type", "ByteLevel", "add_prefix_space", 1, "trim_offsets", 1, "use_regex",
                         1, "model", "type", "BPE", "dropout", "unk_token", "fuse_unk", 0,
                         "byte_fallback", 0, "ignore_merges", (int)pre->ignore_merges, "vocab",
                         vocab, "merges", merges);
    json_decref(vocab);
    json_decref(merges);
    json_decref(added);
    return st;
}

static wagle_status read_pieces(const wg_importer *m, wg_sp_piece *piece)
{
    const wg_gguf_value *tokens = wg_gguf_find(&m->g, GGML "tokens");
    const wg_gguf_value *types = wg_gguf_find(&m->g, GGML "token_type");
    const wg_gguf_value *scores = wg_gguf_find(&m->g, GGML "scores");
    const unsigned char *at = tokens->data;

    if (scores == NULL || scores->count != tokens->count || scores->kind == WG_GGUF_STRING)
        return wg_gguf_refuse_key(m->ctx, &m->g, GGML "scores", "one a token was expected");
    for (int64_t i = 0;
         i < m->V && wg_gguf_next_string(tokens, &at, &piece[i].text, &piece[i].bytes); i++) {
        piece[i].score = (float)wg_gguf_element(scores, (uint64_t)i);
        piece[i].type = type_of(types, (uint64_t)i, piece[i].text, piece[i].bytes);
        if (piece[i].bytes > 1 << 16 || !isfinite(piece[i].score))
            return wg_fail(m->ctx, WAGLE_E_INPUT, "%s: token %lld: its score or length is absurd",
                           m->o->gguf, (long long)i);
    }
    return WAGLE_OK;
}

/* Makes SentencePiece's BPE; the merges follow from the scores. */
static wagle_status make_pieces(wg_importer *m, json_t *all, json_t **out)
{
    json_t *vocab = json_object(), *added = json_array();
    wg_sp_piece *piece = NULL;
    wagle_status st = read_tokens(m, vocab, added, all);

    if (st == WAGLE_OK)
        st = WG_ALLOC(m->ctx, &piece, m->V);
    if (st == WAGLE_OK)
        st = read_pieces(m, piece);
    if (st == WAGLE_OK)
        st = wg_pieces_json(m->ctx, m->o->gguf, piece, m->V, (int32_t)m->unknown,
                            wg_gguf_number(&m->g, GGML "add_space_prefix", 1) != 0, out);
    wg_free(piece);
    json_decref(vocab);
    json_decref(added);
    return st;
}

/* For models named Phi 3, llama.cpp strips the space after special tokens. */
static wagle_status strip_phi3(wg_importer *m, json_t *root)
{
    static const char *const not_these[] = {"<unk>", "<s>", "<|endoftext|>"};
    char *name;
    json_t *token;
    size_t i;

    WG_TRY(wg_gguf_string(m->ctx, &m->g, "general.name", &name));
    for (char *c = name; c != NULL && *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    if (name == NULL || (strstr(name, "phi-3") == NULL && strstr(name, "phi3") == NULL))
        return WAGLE_OK;
    json_array_foreach (json_object_get(root, "added_tokens"), i, token) {
        const char *text = json_string_value(json_object_get(token, "content"));
        bool strips = true;
        for (size_t k = 0; k < sizeof not_these / sizeof *not_these; k++)
            strips = strips && strcmp(text, not_these[k]) != 0;
        if (strips)
            WG_TRY(wg_json_set(m->ctx, token, "rstrip", json_true()));
    }
    return WAGLE_OK;
}

/* --- tokens around a text --------------------------------------------------------------------- */

static json_t *token_text(const json_t *all, json_int_t id)
{
    json_t *text = id >= 0 ? json_array_get(all, (size_t)id) : NULL;

    return text != NULL ? json_incref(text) : json_null();
}

/* Adds a special token to a template's parts and to its table. */
static wagle_status put_around(const wg_importer *m, const char *flag, const char *key,
                               json_int_t id, const json_t *all, json_t *parts, json_t *table)
{
    const char *text = json_string_value(id >= 0 ? json_array_get(all, (size_t)id) : NULL);

    if (text == NULL)
        return wg_fail(m->ctx, WAGLE_E_INPUT, "%s: %s is true, and key '%s' is missing", m->o->gguf,
                       flag, key);
    if (json_array_append_new(
            parts, json_pack("{s:{s:s, s:i}}", "SpecialToken", "id", text, "type_id", 0)) != 0)
        return wg_json_memory(m->ctx);
    return wg_json_set(m->ctx, table, text,
                       json_pack("{s:s, s:[I], s:[s]}", "id", text, "ids", id, "tokens", text));
}

static wagle_status put_form(wg_importer *m, bool bos, bool eos, const json_t *all, json_t *root)
{
    json_t *parts = json_array(), *table = json_object();
    wagle_status st = parts != NULL && table != NULL ? WAGLE_OK : wg_json_memory(m->ctx);

    if (st == WAGLE_OK && bos)
        st = put_around(m, GGML "add_bos_token", GGML "bos_token_id", m->bos, all, parts, table);
    if (st == WAGLE_OK && json_array_append_new(parts, json_pack("{s:{s:s, s:i}}", "Sequence", "id",
                                                                 "A", "type_id", 0)) != 0)
        st = wg_json_memory(m->ctx);
    if (st == WAGLE_OK && eos)
        st = put_around(m, GGML "add_eos_token", GGML "eos_token_id", m->eos, all, parts, table);
    if (st == WAGLE_OK)
        st = wg_json_set(m->ctx, root, "post_processor",
                         bos || eos
                             ? json_pack("{s:s, s:O, s:[], s:O}", "type", "TemplateProcessing",
                                         "single", parts, "pair", "special_tokens", table)
                             : json_null());
    json_decref(parts);
    json_decref(table);
    return st;
}

/* Writes the chat template, or a list if there are named ones. */
static wagle_status put_templates(wg_importer *m, json_t *config)
{
    static const char prefix[] = "tokenizer.chat_template.";
    json_t *list = json_array();
    char *text;
    wagle_status st = list != NULL ? WAGLE_OK : wg_json_memory(m->ctx);

    for (int64_t i = 0; st == WAGLE_OK && i < m->g.n_values; i++) {
        const char *key = m->g.value[i].key;
        const bool main = strcmp(key, "tokenizer.chat_template") == 0;
        if (!main && strncmp(key, prefix, sizeof prefix - 1) != 0)
            continue;
        st = wg_gguf_string(m->ctx, &m->g, key, &text);
        if (st == WAGLE_OK &&
            json_array_append_new(list, json_pack("{s:s, s:s}", "name",
                                                  main ? "default" : key + sizeof prefix - 1,
                                                  "template", text)) != 0)
            st = wg_fail(m->ctx, WAGLE_E_INPUT, "%s: key '%.96s' is not valid UTF-8", m->o->gguf,
                         key);
    }
    if (st == WAGLE_OK && json_array_size(list) > 0) {
        const json_t *only = json_array_get(list, 0);
        const bool one = json_array_size(list) == 1 &&
                         strcmp(json_string_value(json_object_get(only, "name")), "default") == 0;
        st = wg_json_set(m->ctx, config, "chat_template",
                         json_incref(one ? json_object_get(only, "template") : list));
    }
    json_decref(list);
    return st;
}

static wagle_status write_tokenizer_config(wg_importer *m, bool bos, bool eos, const json_t *all)
{
    json_t *config =
        json_pack("{s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "tokenizer_class",
                  "PreTrainedTokenizerFast", "add_bos_token", (int)bos, "add_eos_token", (int)eos,
                  "bos_token", token_text(all, m->bos), "eos_token", token_text(all, m->eos),
                  "unk_token", token_text(all, m->unknown), "pad_token", token_text(all, m->pad),
                  "sep_token", token_text(all, m->sep), "mask_token", token_text(all, m->mask));
    wagle_status st = config != NULL ? put_templates(m, config) : wg_json_memory(m->ctx);

    if (st == WAGLE_OK)
        return wg_import_put(m, "tokenizer_config.json", config);
    json_decref(config);
    return st;
}

static wagle_status choose_pre(wg_importer *m, wg_gguf_pre *out)
{
    char *name;

    WG_TRY(wg_gguf_string(m->ctx, &m->g, GGML "pre", &name));
    if (!wg_gguf_pretokenizer(name != NULL ? name : "default", out))
        return wg_gguf_refuse_key(m->ctx, &m->g, GGML "pre", "that pre-tokenizer is not supported");
    return out->pre != NULL && out->normalizer != NULL ? WAGLE_OK : wg_json_memory(m->ctx);
}

/* --- verification ----------------------------------------------------------------------------- */

static const char *const probes[] = {
    "Hello, world! It's 12345 o'clock... (don't) [x]=={y};\n\n\n\tend  of   line \r\n",
    " leading CamelCase HTTPServer's 3.14159 $5 50% a_b #tag @me ^~` \"quoted\" <tag/>",
    "na\xC3\xAFve \xE2\x80\x94 \xE6\x97\xA5\xE6\x9C\xAC\xE3\x80\x82 \xD0\x96 \xF0\x9F\x98\x80",
};
enum { PROBES = sizeof probes / sizeof *probes };

/* Makes text i to compare. One text contains all special tokens around a text. */
static wagle_status make_probe(const wg_importer *m, const json_t *all, int i, wg_text *out)
{
    const json_int_t ids[] = {m->bos, m->eos, m->pad};

    if (i < PROBES)
        return wg_text_addz(m->ctx, out, probes[i]);
    for (size_t k = 0; k < sizeof ids / sizeof *ids; k++) {
        const char *text =
            ids[k] >= 0 ? json_string_value(json_array_get(all, (size_t)ids[k])) : "";
        WG_TRY(wg_text_printf(m->ctx, out, "a %s b", text != NULL ? text : ""));
    }
    return WAGLE_OK;
}

static wagle_status compare(const wg_importer *m, const wagle_tokenizer *read,
                            const wagle_tokenizer *meant, const wg_text *text)
{
    wg_ids a = {0}, b = {0};
    wagle_status st = wg_encode(m->ctx, read, text->text, (size_t)text->bytes, true, &a);

    if (st == WAGLE_OK)
        st = wg_encode(m->ctx, meant, text->text, (size_t)text->bytes, true, &b);
    if (st == WAGLE_OK &&
        (a.n != b.n || (a.n > 0 && memcmp(a.id, b.id, (size_t)a.n * sizeof *a.id) != 0)))
        st = wg_gguf_refuse_key(m->ctx, &m->g, m->pieces ? GGML "model" : GGML "pre",
                                "transformers has a tokenizer of its own for this model type, "
                                "which gives other tokens");
    wg_free(a.id);
    wg_free(b.id);
    return st;
}

/* Checks that the folder gives the intended ids when it is read. For some model types, transformers
 * (and therefore wagle) uses a specific tokenizer class regardless of tokenizer.json. */
static wagle_status check_as_read(const wg_importer *m, const json_t *root, const json_t *all)
{
    wagle_tokenizer *read = NULL, *meant = NULL;
    wagle_status st = wg_tokenizer_open(m->ctx, m->partial, &read);

    if (st == WAGLE_OK)
        st = wg_tokenizer_parse(m->ctx, m->o->gguf, root, &meant);
    for (int i = 0; st == WAGLE_OK && i <= PROBES; i++) {
        wg_text text = {0};
        st = make_probe(m, all, i, &text);
        if (st == WAGLE_OK)
            st = compare(m, read, meant, &text);
        wg_text_free(&text);
    }
    wagle_tokenizer_free(read);
    wagle_tokenizer_free(meant);
    return st;
}

static wagle_status write_all(wg_importer *m, bool adds_bos, json_t *root, const json_t *all)
{
    const bool bos = wg_gguf_number(&m->g, GGML "add_bos_token", adds_bos) != 0;
    const bool eos = wg_gguf_number(&m->g, GGML "add_eos_token", 0) != 0;

    WG_TRY(strip_phi3(m, root));
    WG_TRY(put_form(m, bos, eos, all, root));
    WG_TRY(wg_import_put(m, "tokenizer.json", json_incref(root)));
    WG_TRY(write_tokenizer_config(m, bos, eos, all));
    return check_as_read(m, root, all);
}

wagle_status wg_import_tokenizer(wg_importer *m)
{
    json_t *all = json_array(), *root = NULL;
    wg_gguf_pre pre = {.adds_bos = m->pieces};
    wagle_status st = m->pieces ? WAGLE_OK : choose_pre(m, &pre);

    if (st == WAGLE_OK)
        st = m->pieces ? make_pieces(m, all, &root) : make_byte_level(m, &pre, all, &root);
    if (st == WAGLE_OK && root == NULL)
        st = wg_json_memory(m->ctx);
    if (st == WAGLE_OK)
        st = write_all(m, pre.adds_bos, root, all);
    json_decref(pre.pre);
    json_decref(pre.normalizer);
    json_decref(root);
    json_decref(all);
    return st;
}
