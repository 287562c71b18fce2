/* exporttokens.c - tokenizer.json and tokenizer_config.json as keys of a GGUF file. */
#include "run/export.h"

#include "text/tokenizer.h"
#include <stdio.h>
#include <string.h>

#define SPACE "\xE2\x96\x81"

typedef struct token_exporter {
    wagle_ctx *ctx;
    const char *path; /* of the tokenizer */
    wg_gguf_head *head;
    const json_t *root, *model;
    json_t **text; /* [V] a token's text; NULL: no token has the id */
    int *type;     /* [V] */
    int64_t V;
} token_exporter;

static wagle_status refuse(const token_exporter *e, const char *what)
{
    return wg_fail(e->ctx, WAGLE_E_INPUT, "%s: %s has no place in a GGUF file", e->path, what);
}

static const char *text_of(const json_t *part, const char *key)
{
    const char *text = json_string_value(json_object_get(part, key));
    return text != NULL ? text : "";
}

static wagle_status collect(token_exporter *e)
{
    const json_t *added = json_object_get(e->root, "added_tokens"), *entry;
    const bool bytes = json_is_true(json_object_get(e->model, "byte_fallback"));
    const char *unknown = text_of(e->model, "unk_token"), *key;
    json_t *id;
    size_t i;

    json_object_foreach (json_object_get(e->model, "vocab"), key, id) {
        const json_int_t at = json_integer_value(id);
        unsigned byte;
        if (at < 0 || at >= e->V)
            return refuse(e, "a token beyond the model's vocabulary");
        e->text[at] = json_string(key);
        e->type[at] = bytes && sscanf(key, "<0x%2X>", &byte) == 1 && strlen(key) == 6
                          ? WG_PIECE_BYTE
                      : bytes && strcmp(key, unknown) == 0 ? WG_PIECE_UNKNOWN
                                                           : WG_PIECE_NORMAL;
    }
    json_array_foreach (added, i, entry) {
        const json_int_t at = json_integer_value(json_object_get(entry, "id"));
        const bool special = json_is_true(json_object_get(entry, "special"));
        if (at < 0 || at >= e->V)
            return refuse(e, "an added token beyond the model's vocabulary");
        json_decref(e->text[at]);
        e->text[at] = json_incref(json_object_get(entry, "content"));
        if (e->type[at] != WG_PIECE_UNKNOWN)
            e->type[at] = special ? WG_PIECE_CONTROL : WG_PIECE_USER_DEFINED;
    }
    return WAGLE_OK;
}

static wagle_status put_tokens(const token_exporter *e)
{
    WG_TRY(wg_gguf_begin_array(e->ctx, e->head, "tokenizer.ggml.tokens", WG_GGUF_STRING, e->V));
    for (int64_t i = 0; i < e->V; i++) {
        char spare[32];
        const int n = snprintf(spare, sizeof spare, "[PAD%lld]", (long long)i);
        WG_TRY(e->text[i] != NULL ? wg_gguf_add_text(e->ctx, e->head, json_string_value(e->text[i]),
                                                     json_string_length(e->text[i]))
                                  : wg_gguf_add_text(e->ctx, e->head, spare, (size_t)n));
    }
    WG_TRY(wg_gguf_begin_array(e->ctx, e->head, "tokenizer.ggml.token_type", WG_GGUF_I32, e->V));
    for (int64_t i = 0; i < e->V; i++)
        WG_TRY(wg_gguf_add_number(e->ctx, e->head, WG_GGUF_I32,
                                  e->text[i] != NULL ? e->type[i] : WG_PIECE_UNUSED));
    return WAGLE_OK;
}

/* The two parts of a merge, "a b" or ["a", "b"], with `between` between them. */
static wagle_status join(const token_exporter *e, const json_t *merge, const char *between,
                         wg_text *out)
{
    const char *text = json_string_value(merge), *space = text != NULL ? strchr(text, ' ') : NULL;
    const char *a = space != NULL ? text : json_string_value(json_array_get(merge, 0));
    const char *b = space != NULL ? space + 1 : json_string_value(json_array_get(merge, 1));

    out->bytes = 0;
    if (a == NULL || b == NULL)
        return refuse(e, "a merge that is not a pair");
    WG_TRY(wg_text_add(e->ctx, out, a, space != NULL ? (size_t)(space - text) : strlen(a)));
    return wg_text_printf(e->ctx, out, "%s%s", between, b);
}

static wagle_status put_byte_level(const token_exporter *e, const char *pre)
{
    const json_t *merges = json_object_get(e->model, "merges"), *merge;
    wg_text both = {0};
    wagle_status st = wg_gguf_put_text(e->ctx, e->head, "tokenizer.ggml.model", "gpt2");
    size_t i;

    if (st == WAGLE_OK)
        st = wg_gguf_put_text(e->ctx, e->head, "tokenizer.ggml.pre", pre);
    if (st == WAGLE_OK)
        st = put_tokens(e);
    if (st == WAGLE_OK)
        st = wg_gguf_begin_array(e->ctx, e->head, "tokenizer.ggml.merges", WG_GGUF_STRING,
                                 (int64_t)json_array_size(merges));
    json_array_foreach (merges, i, merge) {
        if (st == WAGLE_OK)
            st = join(e, merge, " ", &both);
        if (st == WAGLE_OK)
            st = wg_gguf_add_text(e->ctx, e->head, both.text, (size_t)both.bytes);
    }
    wg_text_free(&both);
    return st;
}

/* Scores in the order of the merges: a piece is as good as the first merge that makes it. */
static wagle_status find_scores(const token_exporter *e, double *score)
{
    const json_t *merges = json_object_get(e->model, "merges"), *merge;
    const json_t *vocab = json_object_get(e->model, "vocab");
    wg_text both = {0};
    wagle_status st = WAGLE_OK;
    size_t i;

    json_array_foreach (merges, i, merge) {
        st = join(e, merge, "", &both);
        if (st != WAGLE_OK)
            break;
        const json_t *id = json_object_get(vocab, both.text);
        const json_int_t at = json_is_integer(id) ? json_integer_value(id) : -1;
        if (at >= 0 && at < e->V && score[at] == 0)
            score[at] = -1 - (double)i;
    }
    wg_text_free(&both);
    return st;
}

static wagle_status put_pieces(const token_exporter *e)
{
    const char *normal = NULL;
    double *score = NULL;
    char *steps;
    bool prefix;
    wagle_status st = WG_ALLOC(e->ctx, &score, e->V);

    if (st == WAGLE_OK)
        st = find_scores(e, score);
    if (st == WAGLE_OK)
        st = wg_gguf_put_text(e->ctx, e->head, "tokenizer.ggml.model", "llama");
    if (st == WAGLE_OK)
        st = wg_gguf_put_text(e->ctx, e->head, "tokenizer.ggml.pre", "default");
    if (st == WAGLE_OK)
        st = put_tokens(e);
    if (st == WAGLE_OK)
        st = wg_gguf_begin_array(e->ctx, e->head, "tokenizer.ggml.scores", WG_GGUF_F32, e->V);
    for (int64_t i = 0; st == WAGLE_OK && i < e->V; i++)
        st = wg_gguf_add_number(e->ctx, e->head, WG_GGUF_F32,
                                score[i] != 0                   ? score[i]
                                : e->type[i] == WG_PIECE_NORMAL ? -1e6 - (double)i
                                                                : 0);
    wg_free(score);
    if (st == WAGLE_OK)
        st = wg_json_text(e->ctx, e->root, false, &steps);
    WG_TRY(st);
    normal = text_of(json_object_get(e->root, "pre_tokenizer"), "prepend_scheme");
    prefix = strstr(steps, "\"type\":\"Prepend\"") != NULL ||
             (normal[0] != '\0' && strcmp(normal, "never") != 0);
    wg_free(steps);
    return wg_gguf_put_bool(e->ctx, e->head, "tokenizer.ggml.add_space_prefix", prefix);
}

/* Id of a special token that tokenizer_config.json names, as text or {"content": text}. */
static wagle_status put_special(const token_exporter *e, const json_t *config, const char *name,
                                const char *key)
{
    const json_t *value = json_object_get(config, name);
    const char *text = json_is_object(value) ? text_of(value, "content") : json_string_value(value);

    for (int64_t i = 0; text != NULL && i < e->V; i++)
        if (e->text[i] != NULL && strcmp(json_string_value(e->text[i]), text) == 0)
            return wg_gguf_put_whole(e->ctx, e->head, key, i);
    return WAGLE_OK;
}

static bool begins_with_special(const json_t *root)
{
    const json_t *single = json_object_get(json_object_get(root, "post_processor"), "single");
    return json_is_object(json_object_get(json_array_get(single, 0), "SpecialToken"));
}

static wagle_status put_config(const token_exporter *e, const json_t *config)
{
    const char *template = json_string_value(json_object_get(config, "chat_template"));

    WG_TRY(put_special(e, config, "bos_token", "tokenizer.ggml.bos_token_id"));
    WG_TRY(put_special(e, config, "eos_token", "tokenizer.ggml.eos_token_id"));
    WG_TRY(put_special(e, config, "unk_token", "tokenizer.ggml.unknown_token_id"));
    WG_TRY(put_special(e, config, "pad_token", "tokenizer.ggml.padding_token_id"));
    WG_TRY(wg_gguf_put_bool(e->ctx, e->head, "tokenizer.ggml.add_bos_token",
                            begins_with_special(e->root)));
    return template != NULL ? wg_gguf_put_text(e->ctx, e->head, "tokenizer.chat_template", template)
                            : WAGLE_OK;
}

static wagle_status put_all(token_exporter *e, const json_t *config)
{
    const json_t *pre = json_object_get(e->root, "pre_tokenizer");
    char spare[WG_PRE_BYTES];
    const char *name = wg_gguf_pretokenizer_name(pre, false, false, spare);

    e->model = json_object_get(e->root, "model");
    if (json_object_get(e->model, "merges") == NULL)
        return refuse(e, "a tokenizer other than BPE");
    WG_TRY(WG_ALLOC(e->ctx, &e->text, e->V));
    WG_TRY(WG_ALLOC(e->ctx, &e->type, e->V));
    WG_TRY(collect(e));
    if (json_is_true(json_object_get(e->model, "byte_fallback")))
        WG_TRY(put_pieces(e));
    else if (name != NULL)
        WG_TRY(put_byte_level(e, name));
    else
        return refuse(e, "this pre-tokenizer");
    return put_config(e, config);
}

static wagle_status read_config(wagle_ctx *ctx, const char *folder, json_t **out)
{
    char *path = wg_path_join(ctx, folder, "tokenizer_config.json");
    wagle_status st = path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK && wg_exists(path))
        st = wg_json_read(ctx, path, out);
    wg_free(path);
    return st;
}

wagle_status wg_export_tokenizer(wagle_ctx *ctx, const char *folder, int64_t V, wg_gguf_head *head)
{
    token_exporter e = {.ctx = ctx, .head = head, .V = V};
    json_t *root, *config = NULL;
    char *path;
    wagle_status st = wg_tokenizer_json(ctx, folder, &path, &root);

    e.path = path;
    e.root = root;
    if (st == WAGLE_OK)
        st = read_config(ctx, folder, &config);
    if (st == WAGLE_OK)
        st = put_all(&e, config);
    for (int64_t i = 0; e.text != NULL && i < V; i++)
        json_decref(e.text[i]);
    wg_free(e.text);
    wg_free(e.type);
    json_decref(root);
    json_decref(config);
    wg_free(path);
    return st;
}
