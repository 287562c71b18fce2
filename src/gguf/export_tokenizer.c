/* export_tokenizer.c - writes the tokenizer of a model folder as GGUF keys. Refuses, by name, what
 * llama.cpp does not support. */
#include "gguf/export.h"

#include "text/tokenizer.h"
#include <stdio.h>
#include <string.h>

#define GGML "tokenizer.ggml."
#define SPACE "\xE2\x96\x81"

typedef struct token_exporter {
    wg_exporter *e;
    wagle_ctx *ctx;
    const char *path; /* of the tokenizer file */
    wg_gguf_head *head;
    const json_t *root, *model;
    const json_t *config;     /* tokenizer_config.json, or NULL */
    const wagle_tokenizer *t; /* the loaded tokenizer */
    json_t **text;            /* [V] text of each token; NULL if no token has the id */
    int *type;                /* [V] type of each token */
    int64_t V;
} token_exporter;

static wagle_status refuse(const token_exporter *x, const char *what, const char *name)
{
    return wg_fail(x->ctx, WAGLE_E_INPUT, "%s: %s%s%.64s%s has no place in a GGUF file", x->path,
                   what, name != NULL ? " '" : "", name != NULL ? name : "",
                   name != NULL ? "'" : "");
}

static const char *text_of(const json_t *part, const char *key)
{
    const char *text = json_string_value(json_object_get(part, key));
    return text != NULL ? text : "";
}

static bool is_type(const json_t *part, const char *type)
{
    return strcmp(text_of(part, "type"), type) == 0;
}

/* Step i of a part, which is a Sequence with steps under `list`, a single step, or null. NULL past
 * the last. */
static const json_t *step_of(const json_t *part, const char *list, size_t i)
{
    if (is_type(part, "Sequence"))
        return json_array_get(json_object_get(part, list), i);
    return i == 0 && json_is_object(part) ? part : NULL;
}

/* --- vocabulary ------------------------------------------------------------------------------- */

static wagle_status set_token(token_exporter *x, json_int_t at, json_t *text, int type)
{
    if (at < 0 || at >= x->V)
        return refuse(x, "a token beyond the model's vocabulary,", json_string_value(text));
    json_decref(x->text[at]);
    x->text[at] = json_incref(text);
    x->type[at] = type;
    return WAGLE_OK;
}

static wagle_status collect_vocabulary(token_exporter *x)
{
    const bool bytes = json_is_true(json_object_get(x->model, "byte_fallback"));
    const char *unknown = text_of(x->model, "unk_token"), *key;
    json_t *id;

    json_object_foreach (json_object_get(x->model, "vocab"), key, id) {
        unsigned byte;
        const int type = bytes && sscanf(key, "<0x%2X>", &byte) == 1 && strlen(key) == 6
                             ? WG_PIECE_BYTE
                         : bytes && strcmp(key, unknown) == 0 ? WG_PIECE_UNKNOWN
                                                              : WG_PIECE_NORMAL;
        json_t *text = json_string(key);
        wagle_status st = text != NULL ? set_token(x, json_integer_value(id), text, type)
                                       : wg_json_memory(x->ctx);
        json_decref(text);
        WG_TRY(st);
    }
    return WAGLE_OK;
}

/* For models named Phi 3, llama.cpp strips the space after all special tokens except these. */
static bool strips_as_phi3(const token_exporter *x, const char *text, bool rstrip)
{
    static const char *const not_these[] = {"<unk>", "<s>", "<|endoftext|>"};
    bool strips = true;

    if (strcmp(x->e->arch->name, "phi3") != 0)
        return !rstrip;
    for (size_t i = 0; i < sizeof not_these / sizeof *not_these; i++)
        strips = strips && strcmp(text, not_these[i]) != 0;
    return rstrip == strips;
}

static wagle_status collect_added(token_exporter *x, bool *rstrips)
{
    const json_t *added = json_object_get(x->root, "added_tokens"), *entry;
    size_t i;

    *rstrips = false;
    json_array_foreach (added, i, entry) {
        json_t *text = json_object_get(entry, "content");
        const json_int_t at = json_integer_value(json_object_get(entry, "id"));
        const bool special = json_is_true(json_object_get(entry, "special"));
        const bool unknown = at >= 0 && at < x->V && x->type[at] == WG_PIECE_UNKNOWN;
        if (at >= x->V && json_is_true(json_object_get(entry, "by_class")))
            continue; /* a default of the tokenizer class, in no file */
        if (!json_is_string(text))
            return refuse(x, "an added token without text", NULL);
        if (json_is_true(json_object_get(entry, "lstrip")) ||
            json_is_true(json_object_get(entry, "single_word")))
            return refuse(x, "lstrip or single_word of the added token", json_string_value(text));
        *rstrips = *rstrips || json_is_true(json_object_get(entry, "rstrip"));
        WG_TRY(set_token(x, at, text,
                         unknown   ? WG_PIECE_UNKNOWN
                         : special ? WG_PIECE_CONTROL
                                   : WG_PIECE_USER_DEFINED));
    }
    return WAGLE_OK;
}

/* If any token strips the space after it, exactly those must that llama.cpp lets strip. */
static wagle_status check_rstrip(token_exporter *x)
{
    static const char *const needed[] = {"<unk>", "<s>", "</s>", "<|endoftext|>"};
    const json_t *added = json_object_get(x->root, "added_tokens"), *entry;
    size_t i;

    json_array_foreach (added, i, entry) {
        const char *text = text_of(entry, "content");
        if (!strips_as_phi3(x, text, json_is_true(json_object_get(entry, "rstrip"))))
            return refuse(x, "rstrip of the added token", text);
    }
    for (i = 0; i < sizeof needed / sizeof *needed; i++)
        if (wg_token_id(x->t, needed[i]) < 0)
            return refuse(x, "rstrip of added tokens without a token", needed[i]);
    return WAGLE_OK;
}

static wagle_status put_tokens(const token_exporter *x)
{
    WG_TRY(wg_gguf_begin_array(x->ctx, x->head, GGML "tokens", WG_GGUF_STRING, x->V));
    for (int64_t i = 0; i < x->V; i++) {
        char spare[32];
        const int n = snprintf(spare, sizeof spare, "[PAD%lld]", (long long)i);
        if (x->text[i] == NULL && wg_token_id(x->t, spare) >= 0)
            return refuse(x, "a row without a token beside the token", spare);
        WG_TRY(x->text[i] != NULL ? wg_gguf_add_text(x->ctx, x->head, json_string_value(x->text[i]),
                                                     json_string_length(x->text[i]))
                                  : wg_gguf_add_text(x->ctx, x->head, spare, (size_t)n));
    }
    WG_TRY(wg_gguf_begin_array(x->ctx, x->head, GGML "token_type", WG_GGUF_I32, x->V));
    for (int64_t i = 0; i < x->V; i++)
        WG_TRY(wg_gguf_add_number(x->ctx, x->head, WG_GGUF_I32,
                                  x->text[i] != NULL ? x->type[i] : WG_PIECE_UNUSED));
    return WAGLE_OK;
}

/* --- byte-level BPE --------------------------------------------------------------------------- */

/* Joins the two parts of a merge, "a b" or ["a", "b"], with `between`. */
static wagle_status join(const token_exporter *x, const json_t *merge, const char *between,
                         wg_text *out)
{
    const char *text = json_string_value(merge), *space = text != NULL ? strchr(text, ' ') : NULL;
    const char *a = space != NULL ? text : json_string_value(json_array_get(merge, 0));
    const char *b = space != NULL ? space + 1 : json_string_value(json_array_get(merge, 1));

    out->bytes = 0;
    if (a == NULL || b == NULL)
        return refuse(x, "a merge that is not a pair", NULL);
    WG_TRY(wg_text_add(x->ctx, out, a, space != NULL ? (size_t)(space - text) : strlen(a)));
    return wg_text_printf(x->ctx, out, "%s%s", between, b);
}

/* Fails, naming the step that no pre-tokenizer of llama.cpp has. */
static wagle_status refuse_steps(const token_exporter *x, bool nfc)
{
    const json_t *normalizer = json_object_get(x->root, "normalizer");
    const json_t *pre = json_object_get(x->root, "pre_tokenizer"), *step;

    for (size_t i = 0; (step = step_of(normalizer, "normalizers", i)) != NULL; i++)
        if (!nfc || !is_type(step, "NFC"))
            return refuse(x, "normalizer", text_of(step, "type"));
    for (size_t i = 0; (step = step_of(pre, "pretokenizers", i)) != NULL; i++)
        if (json_is_true(json_object_get(step, "add_prefix_space")))
            return refuse(x, "add_prefix_space of pre-tokenizer", text_of(step, "type"));
    return wg_fail(x->ctx, WAGLE_E_INPUT,
                   "%s: llama.cpp has no name for its pre-tokenizer '%s'%s%s", x->path,
                   text_of(pre, "type"), nfc ? " with normalizer 'NFC'" : "",
                   x->t->ignore_merges ? " and ignore_merges" : "");
}

static wagle_status choose_pre(const token_exporter *x, char name[WG_PRE_BYTES])
{
    const json_t *normalizer = json_object_get(x->root, "normalizer");
    const bool nfc = is_type(step_of(normalizer, "normalizers", 0), "NFC") &&
                     step_of(normalizer, "normalizers", 1) == NULL;

    if ((step_of(normalizer, "normalizers", 0) != NULL && !nfc) ||
        wg_gguf_pretokenizer_name(json_object_get(x->root, "pre_tokenizer"), x->t->ignore_merges,
                                  nfc, name) == NULL)
        return refuse_steps(x, nfc);
    if (nfc)
        wg_log(
            x->ctx, 0,
            "%s: llama.cpp does not apply its normalizer NFC: text in another form becomes other "
            "tokens",
            x->path);
    return WAGLE_OK;
}

static wagle_status put_byte_level(const token_exporter *x)
{
    const json_t *merges = json_object_get(x->model, "merges"), *merge;
    char name[WG_PRE_BYTES];
    wg_text both = {0};
    wagle_status st;
    size_t i;

    WG_TRY(choose_pre(x, name));
    WG_TRY(wg_gguf_put_text(x->ctx, x->head, GGML "model", "gpt2"));
    WG_TRY(wg_gguf_put_text(x->ctx, x->head, GGML "pre", name));
    WG_TRY(put_tokens(x));
    st = wg_gguf_begin_array(x->ctx, x->head, GGML "merges", WG_GGUF_STRING,
                             (int64_t)json_array_size(merges));
    json_array_foreach (merges, i, merge) {
        if (st == WAGLE_OK)
            st = join(x, merge, " ", &both);
        if (st == WAGLE_OK)
            st = wg_gguf_add_text(x->ctx, x->head, both.text, (size_t)both.bytes);
    }
    wg_text_free(&both);
    return st;
}

/* --- SentencePiece's BPE ---------------------------------------------------------------------- */

/* Derives scores from the order of merges: a piece gets the score of the first merge that produces
 * it.
 */
static wagle_status find_scores(const token_exporter *x, double *score)
{
    const json_t *merges = json_object_get(x->model, "merges"), *merge;
    const json_t *vocab = json_object_get(x->model, "vocab");
    wg_text both = {0};
    wagle_status st = WAGLE_OK;
    size_t i;

    json_array_foreach (merges, i, merge) {
        st = join(x, merge, "", &both);
        if (st != WAGLE_OK)
            break;
        const json_t *id = json_object_get(vocab, both.text);
        const json_int_t at = json_is_integer(id) ? json_integer_value(id) : -1;
        if (at >= 0 && at < x->V && score[at] == 0)
            score[at] = -1 - (double)i;
    }
    wg_text_free(&both);
    return st;
}

/* Whether a step replaces every space by U+2581. */
static bool shows_spaces(const json_t *step)
{
    return is_type(step, "Replace") && strcmp(text_of(step, "content"), SPACE) == 0 &&
           strcmp(text_of(json_object_get(step, "pattern"), "String"), " ") == 0;
}

/* Finds a token that contains a space after its first character. */
static const char *holds_space(const token_exporter *x)
{
    for (int64_t i = 0; i < x->V; i++) {
        const char *text = x->type[i] == WG_PIECE_NORMAL ? json_string_value(x->text[i]) : NULL;
        if (text != NULL && text[0] != '\0' && strstr(text + 1, SPACE) != NULL)
            return text;
    }
    return NULL;
}

/* Metaspace is what llama.cpp does, unless it splits the text. */
static wagle_status read_metaspace(const token_exporter *x, const json_t *step, bool *prefix)
{
    const char *scheme = text_of(step, "prepend_scheme"), *token = holds_space(x);
    const json_t *older = json_object_get(step, "add_prefix_space");

    if (strcmp(text_of(step, "replacement"), SPACE) != 0)
        return refuse(x, "pre-tokenizer Metaspace with the replacement",
                      text_of(step, "replacement"));
    if (!json_is_false(json_object_get(step, "split")) && token != NULL)
        return refuse(x, "pre-tokenizer Metaspace that splits the token", token);
    *prefix = scheme[0] != '\0' ? strcmp(scheme, "never") != 0 : !json_is_false(older);
    if (*prefix)
        wg_log(
            x->ctx, 0,
            "%s: llama.cpp puts a space before each part of a text, Metaspace does not where one "
            "is there or after special tokens: such texts become other tokens",
            x->path);
    return WAGLE_OK;
}

/* Checks the space prefix: llama.cpp adds a space before the text and after each special token, or
 * never. */
static wagle_status check_pieces(const token_exporter *x, bool *prefix)
{
    const json_t *normalizer = json_object_get(x->root, "normalizer");
    const json_t *pre = json_object_get(x->root, "pre_tokenizer"), *step;
    bool shown = false;
    char byte[8];

    *prefix = false;
    for (size_t i = 0; (step = step_of(normalizer, "normalizers", i)) != NULL; i++) {
        if (is_type(step, "Prepend") && strcmp(text_of(step, "prepend"), SPACE) == 0 && !shown)
            *prefix = true;
        else if (shows_spaces(step))
            shown = true;
        else
            return refuse(x, "normalizer", text_of(step, "type"));
    }
    for (size_t i = 0; (step = step_of(pre, "pretokenizers", i)) != NULL; i++) {
        const bool at_spaces =
            is_type(step, "Split") &&
            strcmp(text_of(json_object_get(step, "pattern"), "String"), " ") == 0;
        if (is_type(step, "Metaspace") && !shown) {
            WG_TRY(read_metaspace(x, step, prefix));
            shown = true;
        } else if (!at_spaces || !shown) { /* there are no spaces left to split at */
            return refuse(x, "pre-tokenizer", text_of(step, "type"));
        }
    }
    if (!shown)
        return refuse(x, "a vocabulary with byte_fallback whose spaces are not written as " SPACE,
                      NULL);
    for (unsigned b = 0; b < 256; b++) {
        snprintf(byte, sizeof byte, "<0x%02X>", b);
        if (json_object_get(json_object_get(x->model, "vocab"), byte) == NULL)
            return refuse(x, "byte_fallback without the token", byte);
    }
    return WAGLE_OK;
}

static wagle_status put_pieces(const token_exporter *x)
{
    double *score = NULL;
    bool prefix;
    wagle_status st;

    WG_TRY(check_pieces(x, &prefix));
    WG_TRY(wg_gguf_put_text(x->ctx, x->head, GGML "model", "llama"));
    WG_TRY(wg_gguf_put_text(x->ctx, x->head, GGML "pre", "default"));
    WG_TRY(put_tokens(x));
    WG_TRY(WG_ALLOC(x->ctx, &score, x->V));
    st = find_scores(x, score);
    if (st == WAGLE_OK)
        st = wg_gguf_begin_array(x->ctx, x->head, GGML "scores", WG_GGUF_F32, x->V);
    for (int64_t i = 0; st == WAGLE_OK && i < x->V; i++)
        st = wg_gguf_add_number(x->ctx, x->head, WG_GGUF_F32,
                                score[i] != 0                   ? score[i]
                                : x->type[i] == WG_PIECE_NORMAL ? -1e6 - (double)i
                                                                : 0);
    wg_free(score);
    WG_TRY(st);
    return wg_gguf_put_bool(x->ctx, x->head, GGML "add_space_prefix", prefix);
}

/* --- special tokens --------------------------------------------------------------------------- */

/* Id of a named token, given as text or {"content": text}; -1 if there is none. */
static int32_t named(const token_exporter *x, const char *name)
{
    const json_t *merged = json_object_get(x->root, "wagle");
    const json_t *value = json_object_get(merged != NULL ? merged : x->config, name);
    const char *text = json_is_object(value) ? text_of(value, "content") : json_string_value(value);

    return text != NULL ? wg_token_id(x->t, text) : -1;
}

static wagle_status put_id(const token_exporter *x, const char *key, int64_t id)
{
    return id >= 0 && id < x->V ? wg_gguf_put_whole(x->ctx, x->head, key, id) : WAGLE_OK;
}

static bool asked_for(const token_exporter *x, const char *key)
{
    return json_is_true(json_object_get(x->config, key));
}

/* Writes the tokens around a text: there are keys for one token before and one after it. */
static wagle_status put_form(const token_exporter *x, int32_t *bos, int32_t *eos)
{
    const wagle_tokenizer *t = x->t;
    int before = 0, after = 0;

    while (before < t->n_form && t->form[before] != WG_TEMPLATE_TEXT)
        before++;
    after = t->n_form > 0 ? t->n_form - before - 1 : 0;
    if (before > 1 || after > 1)
        return refuse(x, "a post-processor that adds several tokens", NULL);
    if (after == 1 && *eos >= 0 && t->form[before + 1] != *eos)
        return refuse(x, "a post-processor that ends a text with a token other than eos_token,",
                      t->token[t->form[before + 1]]);
    *bos = before == 1 ? t->form[0] : *bos;
    *eos = after == 1 ? t->form[before + 1] : *eos;
    /* if tokenizer.json adds no tokens, llama.cpp's converter uses tokenizer_config.json */
    const bool says = before + after == 0;
    WG_TRY(wg_gguf_put_bool(x->ctx, x->head, GGML "add_bos_token",
                            before == 1 || (says && asked_for(x, "add_bos_token"))));
    return wg_gguf_put_bool(x->ctx, x->head, GGML "add_eos_token",
                            after == 1 || (says && asked_for(x, "add_eos_token")));
}

/* Writes the end tokens. Besides eos_token, two more have a key; llama.cpp knows some by their
 * text. */
static wagle_status put_ends(const token_exporter *x, int32_t eos)
{
    static const char *const keys[] = {GGML "eot_token_id", GGML "eom_token_id"};
    const wg_config *c = &x->e->m->config;
    size_t used = 0;

    if (eos < 0 && c->n_eos > 0)
        eos = c->eos[0];
    WG_TRY(put_id(x, GGML "eos_token_id", eos));
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < c->n_eos; i++) {
            const json_t *text = c->eos[i] < x->V ? x->text[c->eos[i]] : NULL;
            const bool known = text != NULL &&
                               wg_gguf_ends_text(json_string_value(text), json_string_length(text));
            if (c->eos[i] == eos || known != (pass == 1))
                continue;
            if (used < sizeof keys / sizeof *keys)
                WG_TRY(put_id(x, keys[used++], c->eos[i]));
            else if (!known)
                return refuse(x, "a fourth token that ends a text,", json_string_value(text));
        }
    return WAGLE_OK;
}

static wagle_status put_special(const token_exporter *x)
{
    int32_t bos = named(x, "bos_token"), eos = x->t->eos;

    WG_TRY(put_form(x, &bos, &eos));
    WG_TRY(put_id(x, GGML "bos_token_id", bos));
    WG_TRY(put_ends(x, eos));
    WG_TRY(put_id(x, GGML "unknown_token_id", named(x, "unk_token")));
    WG_TRY(put_id(x, GGML "padding_token_id", named(x, "pad_token")));
    WG_TRY(put_id(x, GGML "seperator_token_id", named(x, "sep_token")));
    return put_id(x, GGML "mask_token_id", named(x, "mask_token"));
}

/* --- all keys --------------------------------------------------------------------------------- */

static wagle_status put_all(token_exporter *x)
{
    const char *name = wg_path_name(x->e->o->model);
    bool rstrips;

    if (json_object_get(x->model, "merges") == NULL)
        return refuse(x, "a vocabulary of the type", text_of(x->model, "type"));
    if (text_of(x->model, "end_of_word_suffix")[0] != '\0' ||
        text_of(x->model, "continuing_subword_prefix")[0] != '\0')
        return refuse(x, "end_of_word_suffix or continuing_subword_prefix", NULL);
    if (json_is_true(json_object_get(json_object_get(x->root, "wagle"), "split_special_tokens")))
        return refuse(x, "split_special_tokens", NULL);
    WG_TRY(WG_ALLOC(x->ctx, &x->text, x->V));
    WG_TRY(WG_ALLOC(x->ctx, &x->type, x->V));
    WG_TRY(collect_vocabulary(x));
    WG_TRY(collect_added(x, &rstrips));
    if (rstrips)
        WG_TRY(check_rstrip(x));
    WG_TRY(wg_gguf_put_text(x->ctx, x->head, "general.name",
                            rstrips           ? "phi-3"
                            : name[0] != '\0' ? name
                                              : "model"));
    if (x->t->byte_level)
        WG_TRY(put_byte_level(x));
    else if (json_is_true(json_object_get(x->model, "byte_fallback")))
        WG_TRY(put_pieces(x));
    else
        return refuse(x, "a vocabulary of characters without byte_fallback", NULL);
    return put_special(x);
}

wagle_status wg_export_tokenizer(wg_exporter *e)
{
    token_exporter x = {.e = e, .ctx = e->ctx, .head = &e->head, .V = e->m->config.V};
    wagle_tokenizer *t = NULL;
    json_t *root, *config = NULL;
    char *path;
    wagle_status st = wg_tokenizer_json(e->ctx, e->o->model, &path, &root);

    if (st == WAGLE_OK)
        st = wg_tokenizer_open(e->ctx, e->o->model, &t);
    if (st == WAGLE_OK)
        st = wg_export_read(e, "tokenizer_config.json", &config);
    x.path = path;
    x.root = root;
    x.model = json_object_get(root, "model");
    x.config = config;
    x.t = t;
    if (st == WAGLE_OK)
        st = put_all(&x);
    for (int64_t i = 0; x.text != NULL && i < x.V; i++)
        json_decref(x.text[i]);
    wg_free(x.text);
    wg_free(x.type);
    wagle_tokenizer_free(t);
    json_decref(root);
    json_decref(config);
    wg_free(path);
    return st == WAGLE_OK ? wg_export_templates(e) : st;
}
