/* load.c - reads tokenizer.json. Unsupported features are refused by name. */
#include "text/loader.h"

#include <string.h>

wagle_status wg_load_refuse(const wg_loader *l, const char *part, const char *name)
{
    return wg_fail(l->ctx, WAGLE_E_INPUT, "%s: %s '%.64s' is not supported", l->what, part,
                   name != NULL ? name : "(none)");
}

wagle_status wg_load_keep(const wg_loader *l, const char *text, size_t bytes, const char **out)
{
    *out = wg_arena_text(l->ctx, &l->t->arena, text, bytes);
    return *out != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

const char *wg_load_type(const json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    return type != NULL ? type : "(none)";
}

bool wg_load_flag(const json_t *part, const char *key, bool fallback)
{
    const json_t *value = json_object_get(part, key);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

/* Calls visit(l, part) for a part, or for each member of a Sequence. NULL and null are skipped. */
static wagle_status for_each(const wg_loader *l, const json_t *part, const char *members, int depth,
                             wagle_status (*visit)(const wg_loader *, const json_t *))
{
    const json_t *list = json_object_get(part, members);

    if (depth == 0 && (part == NULL || json_is_null(part)))
        return WAGLE_OK;
    if (strcmp(wg_load_type(part), "Sequence") != 0)
        return visit(l, part);
    if (!json_is_array(list) || depth > 8)
        return wg_load_refuse(l, "a Sequence without, or too deep in,", members);
    for (size_t i = 0; i < json_array_size(list); i++)
        WG_TRY(for_each(l, json_array_get(list, i), members, depth + 1, visit));
    return WAGLE_OK;
}

/* --- post-processors -------------------------------------------------------------------------- */

static wagle_status form_add(const wg_loader *l, int32_t *form, int *n, int64_t id)
{
    if (*n == WG_TEMPLATE || id < WG_TEMPLATE_TEXT || id > INT32_MAX)
        return wg_load_refuse(l, "post-processor's special token", "beyond the vocabulary");
    form[(*n)++] = (int32_t)id;
    return WAGLE_OK;
}

/* Sets the template. A second post-processor that adds tokens is refused: the `tokenizers` library
 * would then apply the first one's template for pairs of texts. */
static wagle_status set_form(const wg_loader *l, const int32_t *form, int n)
{
    wagle_tokenizer *t = l->t;

    if (t->n_form > 1)
        return wg_load_refuse(l,
                              "a Sequence of two post-processors that add tokens:", "the second");
    memcpy(t->form, form, (size_t)n * sizeof *form);
    t->n_form = n;
    return WAGLE_OK;
}

static wagle_status load_template(const wg_loader *l, const json_t *part)
{
    const json_t *single = json_object_get(part, "single"), *specials, *piece, *id;
    int32_t form[WG_TEMPLATE];
    int n = 0;
    size_t i, j;

    specials = json_object_get(part, "special_tokens");
    if (json_array_size(single) == 0)
        return wg_load_refuse(l, "post-processor TemplateProcessing without", "single");
    json_array_foreach (single, i, piece) {
        const json_t *text = json_object_get(piece, "Sequence");
        const char *which = json_string_value(json_object_get(text, "id"));
        const char *name =
            json_string_value(json_object_get(json_object_get(piece, "SpecialToken"), "id"));
        const json_t *ids = json_object_get(json_object_get(specials, name ? name : ""), "ids");
        if (text != NULL && (which == NULL || strcmp(which, "A") == 0)) {
            WG_TRY(form_add(l, form, &n, WG_TEMPLATE_TEXT));
            continue;
        }
        if (!json_is_array(ids))
            return wg_load_refuse(l, "post-processor's special token", name);
        json_array_foreach (ids, j, id)
            WG_TRY(form_add(l, form, &n, json_is_integer(id) ? json_integer_value(id) : -2));
    }
    return set_form(l, form, n);
}

/* The id in [text, id] of BertProcessing and RobertaProcessing. */
static json_int_t pair_id(const json_t *part, const char *key)
{
    const json_t *id = json_array_get(json_object_get(part, key), 1);
    return json_is_integer(id) ? json_integer_value(id) : -2;
}

static wagle_status load_processor(const wg_loader *l, const json_t *part)
{
    const char *type = wg_load_type(part);
    int32_t form[WG_TEMPLATE];
    int n = 0;

    if (strcmp(type, "ByteLevel") == 0) /* affects only offsets */
        return WAGLE_OK;
    if (strcmp(type, "TemplateProcessing") == 0)
        return load_template(l, part);
    if (strcmp(type, "BertProcessing") != 0 && strcmp(type, "RobertaProcessing") != 0)
        return wg_load_refuse(l, "post-processor", type);
    WG_TRY(form_add(l, form, &n, pair_id(part, "cls")));
    WG_TRY(form_add(l, form, &n, WG_TEMPLATE_TEXT));
    WG_TRY(form_add(l, form, &n, pair_id(part, "sep")));
    return set_form(l, form, n);
}

/* Uses bytes directly if ByteLevel is the last step and each byte has a token, which is common and
 * faster. Otherwise bytes are mapped to the characters that represent them. */
static void choose_bytes(wagle_tokenizer *t)
{
    bool plain = t->kind == WG_MODEL_BPE && !t->byte_fallback && t->prefix == NULL &&
                 t->suffix == NULL && t->n_split > 0 &&
                 t->split[t->n_split - 1].kind == WG_SPLIT_BYTE_LEVEL;

    for (int b = 0; plain && b < 256; b++)
        plain = t->byte_id[b] >= 0 || (t->unknown < 0 && t->unknown_name == NULL);
    t->byte_level = plain;
    for (int i = 0; i < t->n_split; i++)
        t->split[i].maps_bytes =
            t->split[i].kind == WG_SPLIT_BYTE_LEVEL && !(plain && i + 1 == t->n_split);
}

static wagle_status check(const wg_loader *l)
{
    wagle_tokenizer *t = l->t;

    choose_bytes(t);
    for (int i = 0; i < t->n_form; i++)
        if (t->form[i] >= t->n_ids)
            return wg_load_refuse(l, "post-processor's special token", "beyond the vocabulary");
    return WAGLE_OK;
}

/* Reads the member "wagle" (folder.h). */
static void load_rest(const wg_loader *l, const json_t *rest)
{
    const char *eos = json_string_value(json_object_get(rest, "eos_token"));

    l->t->eos = eos != NULL ? wg_token_id(l->t, eos) : -1;
    l->t->split_special = wg_load_flag(rest, "split_special_tokens", false);
    l->t->clean_up = wg_load_flag(rest, "clean_up", false);
}

wagle_status wg_tokenizer_parse(wagle_ctx *ctx, const char *what, const json_t *json,
                                wagle_tokenizer **out)
{
    wagle_tokenizer *t = NULL;
    wg_loader l = {ctx, what, NULL};
    wagle_status st;

    *out = NULL;
    if (!json_is_object(json))
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: not a JSON object", what);
    WG_TRY(WG_ALLOC(ctx, &t, 1));
    l.t = t;
    WG_TRY_GOTO(
        for_each(&l, json_object_get(json, "normalizer"), "normalizers", 0, wg_load_normalizer),
        fail);
    WG_TRY_GOTO(for_each(&l, json_object_get(json, "pre_tokenizer"), "pretokenizers", 0,
                         wg_load_pretokenizer),
                fail);
    WG_TRY_GOTO(wg_load_model(ctx, what, t, json), fail);
    WG_TRY_GOTO(
        for_each(&l, json_object_get(json, "post_processor"), "processors", 0, load_processor),
        fail);
    WG_TRY_GOTO(for_each(&l, json_object_get(json, "decoder"), "decoders", 0, wg_load_decoder),
                fail);
    WG_TRY_GOTO(check(&l), fail);
    load_rest(&l, json_object_get(json, "wagle"));
    *out = t;
    return WAGLE_OK;
fail:
    wagle_tokenizer_free(t);
    return st;
}
