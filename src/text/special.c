#include "text/special.h"

#include <stdlib.h>
#include <string.h>

static const char *const standard[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                       "pad_token", "cls_token", "mask_token"};
enum { STANDARD = sizeof standard / sizeof *standard, PAD = 4 };

static wagle_status refuse(const wg_special *s, const char *what)
{
    return wg_fail(s->ctx, WAGLE_E_INPUT,
                   "%s: tokenizer_config.json: '%.64s' must be a text, or an object with content",
                   s->files->path, what);
}

/* special_tokens_map.json, which is only used without an added_tokens_decoder. */
static const json_t *map_of(const wg_special *s)
{
    return json_object_get(s->files->config, "added_tokens_decoder") == NULL ? s->files->specials
                                                                             : NULL;
}

/* The value of a key in the map, else in tokenizer_config.json, else NULL. */
static const json_t *value_of(const wg_special *s, const char *key)
{
    const json_t *value = json_object_get(map_of(s), key);
    return value != NULL ? value : json_object_get(s->files->config, key);
}

/* --- added_tokens_decoder, or the older files ------------------------------------------------- */

static wagle_status add_decoder(wg_special *s, json_int_t id, const wg_token *token)
{
    WG_TRY(WG_GROW(s->ctx, &s->decoder, &s->capacity_decoder, s->n_decoder + 1));
    s->decoder[s->n_decoder] = (struct wg_decoder_token){id, s->n_decoder, *token};
    s->n_decoder++;
    return WAGLE_OK;
}

static wagle_status read_decoder(wg_special *s, const json_t *list)
{
    const char *key;
    json_t *value;

    if (!json_is_object(list))
        return refuse(s, "added_tokens_decoder");
    json_object_foreach ((json_t *)(uintptr_t)list, key, value) {
        wg_token token;
        char *end;
        const long long id = strtoll(key, &end, 10);
        if (end == key || *end != '\0' || id < 0 || !json_is_object(value) ||
            !wg_token_read(value, &token))
            return refuse(s, "added_tokens_decoder");
        WG_TRY(add_decoder(s, id, &token));
    }
    return WAGLE_OK;
}

/* The list or object of additional special tokens in tokenizer_config.json: extra_special_tokens,
 * or its old name additional_special_tokens. */
static const json_t *further_of(const wg_special *s)
{
    const json_t *extra = json_object_get(s->files->config, "extra_special_tokens");
    const json_t *older = json_object_get(s->files->config, "additional_special_tokens");
    const bool empty = json_array_size(extra) == 0 && json_object_size(extra) == 0;

    return older != NULL && empty ? older : extra;
}

static bool same_text(const json_t *value, const char *text, bool objects)
{
    wg_token token;

    return wg_token_read(value, &token) && (token.plain || objects) &&
           strcmp(token.text, text) == 0;
}

static bool holds(const json_t *list, const char *text, bool objects)
{
    const json_t *one;
    size_t i;

    json_array_foreach (list, i, one)
        if (same_text(one, text, objects))
            return true;
    return false;
}

/* Whether the text is a special token in the files. Objects in tokenizer_config.json do not count,
 * because transformers has not converted them to tokens at that point. */
static bool named_special(const wg_special *s, const char *text)
{
    for (int k = 0; k < STANDARD; k++) {
        const json_t *mapped = json_object_get(map_of(s), standard[k]);
        if (mapped != NULL ? same_text(mapped, text, true)
                           : same_text(json_object_get(s->files->config, standard[k]), text, false))
            return true;
    }
    return holds(further_of(s), text, false) ||
           holds(json_object_get(map_of(s), "extra_special_tokens"), text, true);
}

static wagle_status read_added(wg_special *s)
{
    const json_t *list = json_object_get(s->files->tokenizer, "added_tokens"), *one;
    const char *text;
    json_t *id;
    size_t i;

    json_object_foreach (s->files->added, text, id) {
        const bool special = named_special(s, text);
        const wg_token token = {.text = text, .special = special, .normalized = !special};
        if (!json_is_integer(id))
            return wg_fail(s->ctx, WAGLE_E_INPUT,
                           "%s: added_tokens.json: '%.64s': its id is not valid", s->files->path,
                           text);
        WG_TRY(add_decoder(s, json_integer_value(id), &token));
    }
    json_array_foreach (s->files->whole ? list : NULL, i, one) {
        wg_token token;
        if (wg_token_read(one, &token))
            WG_TRY(add_decoder(s, json_integer_value(json_object_get(one, "id")), &token));
    }
    return WAGLE_OK;
}

static int by_id(const void *x, const void *y)
{
    const struct wg_decoder_token *a = x, *b = y;

    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

/* Sorts by id and keeps the last of several tokens with the same id. */
static void order_decoder(wg_special *s)
{
    int64_t n = 0;

    if (s->n_decoder > 0)
        qsort(s->decoder, (size_t)s->n_decoder, sizeof *s->decoder, by_id);
    for (int64_t i = 0; i < s->n_decoder; i++)
        if (i + 1 == s->n_decoder || s->decoder[i].id != s->decoder[i + 1].id)
            s->decoder[n++] = s->decoder[i];
    s->n_decoder = n;
}

/* --- special tokens by name ------------------------------------------------------------------- */

static const char *default_of(const wg_special *s, int k)
{
    const wg_token_class *c = s->class;
    const char *const texts[] = {c->bos, c->eos, c->unknown, c->sep, c->pad, c->cls, c->mask};

    if (c->name == NULL && !s->files->whole) /* names from the SentencePiece model */
        return json_string_value(
            json_object_get(json_object_get(s->files->tokenizer, "wagle"), standard[k]));
    return texts[k];
}

/* Copies the flags of a token from added_tokens_decoder, if it is there. */
static void copy_flags(const wg_special *s, wg_token *token)
{
    for (int64_t i = 0; token->text != NULL && i < s->n_decoder; i++)
        if (strcmp(s->decoder[i].token.text, token->text) == 0)
            *token = s->decoder[i].token;
}

static wagle_status read_standard(wg_special *s)
{
    const json_t *padding = json_object_get(s->files->tokenizer, "padding");

    for (int k = 0; k < STANDARD; k++) {
        const json_t *value = value_of(s, standard[k]);
        wg_token *token = &s->named[s->n_named].token;
        s->named[s->n_named++].name = standard[k];
        if (value == NULL && default_of(s, k) != NULL)
            *token = (wg_token){
                .text = default_of(s, k), .plain = true, .by_class = true, .special = true};
        else if (value == NULL && k == PAD && !s->class->pad_is_none && json_is_object(padding))
            (void)wg_token_read(json_object_get(padding, "pad_token"), token);
        else if (value != NULL && !json_is_null(value) && !wg_token_read(value, token))
            return refuse(s, standard[k]);
        if (value != NULL && value == json_object_get(map_of(s), standard[k]) && !token->plain)
            wg_token_make_special(token);
        if (value != NULL)
            copy_flags(s, token);
    }
    return WAGLE_OK;
}

static wagle_status add_named(wg_special *s, const char *name, const wg_token *token)
{
    for (int k = 0; k < s->n_named; k++)
        if (strcmp(s->named[k].name, name) == 0) {
            s->named[k].token = *token;
            return WAGLE_OK;
        }
    if (s->n_named == WG_MAX_NAMED)
        return wg_fail(s->ctx, WAGLE_E_INPUT, "%s: more than %d named special tokens",
                       s->files->path, WG_MAX_NAMED);
    s->named[s->n_named].name = name;
    s->named[s->n_named++].token = *token;
    return WAGLE_OK;
}

static wagle_status add_named_all(wg_special *s, const json_t *from)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)from, name, value) {
        wg_token token;
        if (!wg_token_read(value, &token))
            return refuse(s, name);
        WG_TRY(add_named(s, name, &token));
    }
    return WAGLE_OK;
}

/* Reads keys like image_token: all keys with that ending whose value is a token (text or object).
 */
static wagle_status read_other_names(wg_special *s, const json_t *from, bool texts, bool objects)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)from, name, value) {
        wg_token token;
        bool known = !wg_ends_with(name, "_token");
        for (int k = 0; k < STANDARD; k++)
            known |= strcmp(name, standard[k]) == 0;
        if (known || !wg_token_read(value, &token) || !(token.plain ? texts : objects))
            continue;
        s->n_other++;
        WG_TRY(add_named(s, name, &token));
    }
    return WAGLE_OK;
}

static wagle_status add_further(wg_special *s, const wg_token *token)
{
    WG_TRY(WG_GROW(s->ctx, &s->further, &s->capacity_further, s->n_further + 1));
    s->further[s->n_further++] = *token;
    return WAGLE_OK;
}

static wagle_status add_further_all(wg_special *s, const char *key, const json_t *list)
{
    const json_t *one;
    size_t i;

    json_array_foreach (list, i, one) {
        wg_token token;
        if (!wg_token_read(one, &token))
            return refuse(s, key);
        WG_TRY(add_further(s, &token));
    }
    return WAGLE_OK;
}

/* Adds the five fill-in-the-middle tokens of CodeLlama. */
static wagle_status add_infill(wg_special *s)
{
    static const char *const names[][2] = {{"prefix_token", "\xE2\x96\x81<PRE>"},
                                           {"middle_token", "\xE2\x96\x81<MID>"},
                                           {"suffix_token", "\xE2\x96\x81<SUF>"},
                                           {"eot_token", "\xE2\x96\x81<EOT>"},
                                           {"fill_token", "<FILL_ME>"}};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const wg_token token = {
            .text = names[i][1], .plain = true, .by_class = true, .special = true};
        WG_TRY(add_named(s, names[i][0], &token));
        WG_TRY(add_further(s, &token));
    }
    return WAGLE_OK;
}

/* Reads the named tokens of tokenizer_config.json. model_specific_special_tokens is only used if no
 * other key names any. */
static wagle_status read_explicit(wg_special *s)
{
    const json_t *config = s->files->config, *list = further_of(s);
    const int before = s->n_other;

    WG_TRY(read_other_names(s, config, true, false));
    if (s->n_other == before && json_object_size(list) == 0)
        WG_TRY(add_named_all(s, json_object_get(config, "model_specific_special_tokens")));
    return json_is_object(list) ? add_named_all(s, list) : WAGLE_OK;
}

/* Reads the additional special tokens. If extra_special_tokens is an object, the list comes from
 * the older name. Without the older name, it is the control and user-defined pieces of a
 * SentencePiece model. */
static wagle_status read_further(wg_special *s)
{
    const json_t *list = further_of(s);
    const json_t *map = json_object_get(map_of(s), "extra_special_tokens");
    const json_t *pieces =
        s->files->whole ? NULL : json_object_get(s->files->tokenizer, "added_tokens");
    const json_t *older = pieces != NULL ? pieces : value_of(s, "additional_special_tokens");
    const bool listed = list != NULL && !json_is_object(list);

    if (listed)
        WG_TRY(add_further_all(s, "extra_special_tokens", list));
    if (json_is_object(map))
        WG_TRY(add_named_all(s, map));
    else if (map != NULL)
        return add_further_all(s, "extra_special_tokens", map);
    return listed ? WAGLE_OK : add_further_all(s, "additional_special_tokens", older);
}

static wagle_status read_all(wg_special *s)
{
    const json_t *config = s->files->config;
    const json_t *decoder = json_object_get(config, "added_tokens_decoder");

    WG_TRY(decoder != NULL ? read_decoder(s, decoder) : read_added(s));
    order_decoder(s);
    WG_TRY(read_standard(s));
    if (s->class->infills)
        WG_TRY(add_infill(s));
    WG_TRY(read_other_names(s, config, false, true));
    WG_TRY(read_other_names(s, map_of(s), true, true));
    WG_TRY(read_explicit(s));
    return read_further(s);
}

wagle_status wg_special_read(wagle_ctx *ctx, const wg_token_files *files,
                             const wg_token_class *class, wg_special *out)
{
    *out = (wg_special){.ctx = ctx, .files = files, .class = class};
    return read_all(out);
}

void wg_special_free(wg_special *s)
{
    wg_free(s->further);
    wg_free(s->decoder);
}
