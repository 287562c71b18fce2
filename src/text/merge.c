/* merge.c - merges tokenizer.json, tokenizer_config.json and the tokenizer class into one document.
 */
#include "text/loader.h"
#include "text/special.h"

#include <string.h>

typedef struct merger {
    wagle_ctx *ctx;
    const wg_token_files *files;
    const wg_token_class *class;
    const json_t *model, *vocab;
    wg_special special;
    wg_added added;
    json_t *out;
} merger;

static wagle_status refuse(const merger *m, const char *what)
{
    return wg_fail(m->ctx, WAGLE_E_INPUT, "%s: %s", m->files->path, what);
}

static wagle_status set(const merger *m, const char *key, json_t *value)
{
    return wg_json_set(m->ctx, m->out, key, value);
}

static wagle_status set_text(const merger *m, const char *key, const char *json)
{
    json_t *value = json != NULL ? json_loads(json, 0, NULL) : json_null();

    return value != NULL ? set(m, key, value) : wg_json_memory(m->ctx);
}

/* Text of a standard special token by its index, or NULL. */
enum { BOS, EOS, UNKNOWN, SEP, PAD, CLS };

static const char *named(const merger *m, int which)
{
    return m->special.named[which].token.text;
}

/* --- added tokens ----------------------------------------------------------------------------- */

typedef struct token_list {
    wg_token *token; /* [n] */
    int64_t n, capacity;
} token_list;

static wagle_status list_add(const merger *m, token_list *list, const wg_token *token)
{
    WG_TRY(WG_GROW(m->ctx, &list->token, &list->capacity, list->n + 1));
    list->token[list->n++] = *token;
    return WAGLE_OK;
}

/* Adds a token that is neither an added token of the vocabulary nor among the first `known` of the
 * list. */
static wagle_status list_add_new(const merger *m, token_list *list, int64_t known,
                                 const wg_token *token)
{
    if (token->text == NULL || wg_added_find(&m->added, token->text) != NULL)
        return WAGLE_OK;
    for (int64_t i = 0; i < list->n; i++) {
        const wg_token *t = &list->token[i];
        if (strcmp(t->text, token->text) == 0 &&
            (i < known || (t->plain == token->plain && wg_token_same(t, token))))
            return WAGLE_OK;
    }
    return list_add(m, list, token);
}

static bool is_named(const merger *m, const char *text)
{
    for (int i = 0; i < m->special.n_named; i++) {
        const char *name = m->special.named[i].token.text;
        if (name != NULL && strcmp(name, text) == 0)
            return true;
    }
    return false;
}

/* Adds the tokens of tokenizer.json, in its order. */
static wagle_status add_own(merger *m)
{
    const json_t *list = json_object_get(m->files->tokenizer, "added_tokens"), *one;
    token_list own = {0};
    wagle_status st = WAGLE_OK;
    size_t i;

    json_array_foreach (list, i, one) {
        wg_token token;
        if (st == WAGLE_OK && !wg_token_read(one, &token))
            st = refuse(m, "an added token without content");
        if (st == WAGLE_OK)
            st = list_add(m, &own, &token);
    }
    if (st == WAGLE_OK)
        st = wg_added_put(&m->added, own.token, own.n);
    wg_free(own.token);
    return st;
}

static wagle_status collect(const merger *m, token_list *list)
{
    const wg_special *s = &m->special;
    int64_t known;

    for (int64_t i = 0; i < s->n_decoder; i++)
        WG_TRY(list_add(m, list, &s->decoder[i].token));
    known = list->n;
    for (int i = 0; i < s->n_named; i++)
        WG_TRY(list_add_new(m, list, known, &s->named[i].token));
    for (int64_t i = 0; i < s->n_further; i++)
        WG_TRY(list_add_new(m, list, known, &s->further[i]));
    for (int64_t i = 0; i < list->n; i++)
        if (!list->token[i].special && is_named(m, list->token[i].text))
            wg_token_make_special(&list->token[i]);
    return WAGLE_OK;
}

/* Collects the special tokens again: by their texts, or unchanged. */
static wagle_status collect_again(const merger *m, bool by_text, token_list *list)
{
    const wg_special *s = &m->special;

    for (int64_t i = 0; i < s->n_named + s->n_further; i++) {
        wg_token t = i < s->n_named ? s->named[i].token : s->further[i - s->n_named];
        if (t.text == NULL)
            continue;
        if (by_text)
            t = (wg_token){.text = t.text, .plain = true};
        wg_token_make_special(&t);
        WG_TRY(list_add(m, list, &t));
    }
    return WAGLE_OK;
}

static wagle_status add_tokens(merger *m)
{
    token_list list = {0};
    wagle_status st = collect(m, &list);

    if (st == WAGLE_OK)
        st = wg_added_put(&m->added, list.token, list.n);
    list.n = 0;
    if (st == WAGLE_OK && (m->class->adds_again || m->class->makes_special))
        st = collect_again(m, m->class->adds_again, &list);
    if (st == WAGLE_OK)
        st = wg_added_put(&m->added, list.token, list.n);
    wg_free(list.token);
    return st;
}

/* --- post-processor --------------------------------------------------------------------------- */

static wagle_status put_piece(const merger *m, json_t *single, json_t *specials, const char *text)
{
    const struct wg_added_entry *e = wg_added_find(&m->added, text);
    const json_int_t id = e != NULL ? e->id : 0;
    json_t *piece = json_pack("{s:{s:s, s:i}}", "SpecialToken", "id", text, "type_id", 0);

    if (json_array_append_new(single, piece) != 0)
        return wg_json_memory(m->ctx);
    return wg_json_set(m->ctx, specials, text,
                       json_pack("{s:s, s:[I], s:[s]}", "id", text, "ids", id, "tokens", text));
}

/* Writes a template with these tokens, or NULL, around the text. */
static wagle_status put_form(const merger *m, const char *before, const char *after)
{
    json_t *single = json_array(), *specials = json_object();
    wagle_status st = single != NULL && specials != NULL ? WAGLE_OK : wg_json_memory(m->ctx);

    if (st == WAGLE_OK && before != NULL)
        st = put_piece(m, single, specials, before);
    if (st == WAGLE_OK && json_array_append_new(single, json_pack("{s:{s:s, s:i}}", "Sequence",
                                                                  "id", "A", "type_id", 0)) != 0)
        st = wg_json_memory(m->ctx);
    if (st == WAGLE_OK && after != NULL)
        st = put_piece(m, single, specials, after);
    if (st == WAGLE_OK)
        st = set(m, "post_processor",
                 json_pack("{s:s, s:O, s:O}", "type", "TemplateProcessing", "single", single,
                           "special_tokens", specials));
    json_decref(single);
    json_decref(specials);
    return st;
}

/* Merges the post-processor. add_bos_token and add_eos_token apply only without a tokenizer.json.
 */
static wagle_status merge_form(const merger *m)
{
    const json_t *config = m->files->config;
    json_t *own = json_object_get(m->files->tokenizer, "post_processor");
    const json_t *bos = m->files->whole ? NULL : json_object_get(config, "add_bos_token");
    const json_t *eos = m->files->whole ? NULL : json_object_get(config, "add_eos_token");

    if (m->class->bert)
        return put_form(m, named(m, CLS), named(m, SEP));
    if (bos == NULL && eos == NULL && !m->class->infills && !m->class->drops_form && own != NULL &&
        !json_is_null(own))
        return set(m, "post_processor", json_incref(own));
    return put_form(m, (bos == NULL ? m->class->infills : json_is_true(bos)) ? named(m, BOS) : NULL,
                    json_is_true(eos) ? named(m, EOS) : NULL);
}

/* --- the parts of the class ------------------------------------------------------------------- */

static wagle_status merge_model(const merger *m)
{
    const wg_token_class *c = m->class;
    const char *type = json_string_value(json_object_get(m->model, "type"));
    const char *want = c->bert ? "WordPiece" : "BPE";

    if (c->name == NULL)
        return set(m, "model", json_incref((json_t *)(uintptr_t)m->model));
    if ((type != NULL && strcmp(type, want) != 0) || !json_is_object(m->vocab))
        return wg_fail(m->ctx, WAGLE_E_INPUT, "%s: a model %s, and %s wants %s", m->files->path,
                       type != NULL ? type : "without type", c->name, want);
    if (c->bert) {
        for (int k = UNKNOWN; k <= CLS; k++)
            if (k != PAD && named(m, k) == NULL)
                return wg_fail(m->ctx, WAGLE_E_INPUT,
                               "%s: %s needs unk_token, sep_token, cls_token", m->files->path,
                               c->name);
        return set(m, "model",
                   json_pack("{s:s, s:s, s:s, s:O}", "type", want, "unk_token", named(m, UNKNOWN),
                             "continuing_subword_prefix", "##", "vocab", m->vocab));
    }
    return set(m, "model",
               json_pack("{s:s, s:s?, s:b, s:b, s:O, s:O?}", "type", "BPE", "unk_token",
                         c->unknown_model ? named(m, UNKNOWN) : NULL, "fuse_unk", c->pieces,
                         "byte_fallback", c->pieces, "vocab", m->vocab, "merges",
                         json_object_get(m->model, "merges")));
}

/* A setting of tokenizer_config.json that is true, false, or left to `fallback`. */
static wagle_status setting(const merger *m, const char *key, bool fallback, bool *out)
{
    const json_t *value = json_object_get(m->files->config, key);

    *out = json_is_boolean(value) ? json_is_true(value) : fallback;
    return value == NULL || json_is_boolean(value) || json_is_null(value)
               ? WAGLE_OK
               : wg_fail(m->ctx, WAGLE_E_INPUT,
                         "%s: tokenizer_config.json: %s must be true or false", m->files->path,
                         key);
}

/* BertNormalizer. Without strip_accents, it strips them if it makes letters lower case. */
static wagle_status set_bert(const merger *m)
{
    bool lower, chinese, accents;

    WG_TRY(setting(m, "do_lower_case", true, &lower));
    WG_TRY(setting(m, "tokenize_chinese_chars", true, &chinese));
    WG_TRY(setting(m, "strip_accents", lower, &accents));
    return set(m, "normalizer",
               json_pack("{s:s, s:b, s:b, s:b, s:b}", "type", "BertNormalizer", "clean_text", 1,
                         "handle_chinese_chars", chinese, "strip_accents", accents, "lowercase",
                         lower));
}

static wagle_status merge_steps(const merger *m)
{
    static const char *const parts[] = {"normalizer", "pre_tokenizer", "decoder"};
    const wg_token_class *c = m->class;
    bool prefix = false;

    if (c->name == NULL) {
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
            json_t *part = json_object_get(m->files->tokenizer, parts[i]);
            WG_TRY(set(m, parts[i], part != NULL ? json_incref(part) : json_null()));
        }
        return WAGLE_OK;
    }
    WG_TRY(setting(m, "add_prefix_space", c->prefix_space, &prefix));
    WG_TRY(c->bert ? set_bert(m) : set_text(m, "normalizer", c->normalizer));
    WG_TRY(set_text(m, "pre_tokenizer", c->pre_tokenizer[prefix]));
    WG_TRY(set_text(m, "decoder", c->decoder[prefix]));
    if (!c->scheme_legacy || !prefix || !wg_load_flag(m->files->config, "legacy", false))
        return WAGLE_OK;
    return wg_json_set(m->ctx, json_object_get(m->out, "pre_tokenizer"), "prepend_scheme",
                       json_string("always"));
}

/* Writes the settings that are no part of tokenizer.json. */
static wagle_status merge_rest(const merger *m)
{
    const json_t *config = m->files->config;
    const char *type = json_string_value(json_object_get(m->model, "type"));
    const bool bpe = type == NULL || strcmp(type, "BPE") == 0;
    const bool clean =
        wg_load_flag(config, "clean_up_tokenization_spaces", false) &&
        (!bpe ||
         wg_load_flag(config,
                      "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output",
                      false));
    json_t *rest =
        json_pack("{s:b, s:b}", "split_special_tokens",
                  wg_load_flag(config, "split_special_tokens", false), "clean_up", clean);
    wagle_status st = rest != NULL ? WAGLE_OK : wg_json_memory(m->ctx);

    for (int i = 0; st == WAGLE_OK && i < m->special.n_named; i++)
        if (m->special.named[i].token.text != NULL)
            st = wg_json_set(m->ctx, rest, m->special.named[i].name,
                             json_string(m->special.named[i].token.text));
    if (st == WAGLE_OK)
        st = set(m, "wagle", json_incref(rest));
    json_decref(rest);
    return st;
}

static wagle_status merge_all(merger *m)
{
    const json_t *own = json_object_get(m->files->tokenizer, "added_tokens");
    json_t *added = NULL;
    int64_t most;

    WG_TRY(wg_special_read(m->ctx, m->files, m->class, &m->special));
    most = (int64_t)json_array_size(own) + m->special.n_decoder + m->special.n_named +
           m->special.n_further;
    WG_TRY(wg_added_begin(m->ctx, m->vocab, most, &m->added));
    if (m->class->name == NULL && m->files->whole)
        WG_TRY(add_own(m));
    WG_TRY(add_tokens(m));
    const wagle_status st = wg_added_json(&m->added, &added);
    if (st != WAGLE_OK) {
        json_decref(added);
        return st;
    }
    WG_TRY(set(m, "added_tokens", added));
    WG_TRY(merge_steps(m));
    WG_TRY(merge_form(m));
    WG_TRY(merge_model(m));
    return merge_rest(m);
}

wagle_status wg_token_files_merge(wagle_ctx *ctx, const wg_token_files *files,
                                  const wg_token_class *class, json_t **out)
{
    const json_t *model = json_object_get(files->tokenizer, "model");
    merger m = {.ctx = ctx,
                .files = files,
                .class = class,
                .model = model,
                .vocab = json_object_get(model, "vocab")};
    wagle_status st;

    *out = NULL;
    if (!json_is_object(files->tokenizer))
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: not a JSON object", files->path);
    if (m.vocab == NULL)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: no vocabulary", files->path);
    m.out = json_object();
    st = m.out != NULL ? merge_all(&m) : wg_json_memory(ctx);
    wg_special_free(&m.special);
    wg_added_free(&m.added);
    if (st == WAGLE_OK)
        *out = m.out;
    else
        json_decref(m.out);
    return st;
}
