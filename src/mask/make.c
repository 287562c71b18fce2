/* make.c - masks from scores, from data, and from other masks. */
#include "mask/attribute.h"
#include "mask/topk.h"

#include "base/choose.h"
#include "base/options.h"
#include "base/pattern.h"
#include <stdio.h>
#include <string.h>

WG_DEFAULTS(wagle_mask_defaults, wagle_mask_options, .density = 0.1)

static void warn_if_lopsided(wagle_ctx *ctx, const wg_mask *mask)
{
    for (int64_t i = 0; i < mask->n; i++)
        if (mask->n > 1 && 2 * mask->tensor[i].selected > mask->selected)
            wg_log(ctx, 0, "more than half of the mask (%.0f %%) lies in '%s'",
                   100.0 * (double)mask->tensor[i].selected / (double)mask->selected,
                   mask->tensor[i].name);
}

wagle_status wg_scope_find(wagle_ctx *ctx, const char *name, wagle_scope *out)
{
    int i;

    WG_TRY(wg_choose_word(ctx, "scope", name, wg_words_of_wagle_scope, &i));
    *out = (wagle_scope)i;
    return WAGLE_OK;
}

static wagle_status find_choice(wagle_ctx *ctx, const wagle_mask_options *o, wg_choice *out)
{
    *out = (wg_choice){o->density, o->scope, o->include, o->exclude};
    WG_TRY(wg_check_patterns(ctx, o->include));
    return wg_check_patterns(ctx, o->exclude);
}

static wagle_status from_views(wagle_ctx *ctx, const wagle_tensors *views, const wg_choice *choice,
                               wg_mask *out)
{
    wg_tensors scores;
    wagle_status st;

    WG_TRY(wg_views_scores(ctx, views, &scores));
    st = wg_select(ctx, &scores, choice, out);
    wg_tensors_close(&scores);
    return st;
}

static wagle_status from_scores(wagle_ctx *ctx, const char *path, const wg_choice *choice,
                                const double *density, int64_t n, wg_mask *out, json_t *facts)
{
    wg_tensors scores;
    wagle_status st;

    WG_TRY(wg_tensors_open(ctx, path, &scores));
    st = wg_select_several(ctx, &scores, choice, density, n, out);
    if (st == WAGLE_OK && facts != NULL)
        st = wg_scores_facts(ctx, &scores, facts);
    wg_tensors_close(&scores);
    return st;
}

wagle_status wg_select_in_memory(wagle_ctx *ctx, wg_attribution *a, const wg_choice *choice,
                                 wg_mask *out)
{
    wagle_tensors *scores;
    wagle_status st;

    WG_TRY(wg_attribute_in_memory(ctx, a, &scores));
    st = from_views(ctx, scores, choice, out);
    wg_views_free(scores);
    return st;
}

wagle_status wg_select_through_file(wagle_ctx *ctx, wg_attribution *a, const char *path,
                                    const wg_choice *choice, wg_mask *out)
{
    wagle_status st = wg_attribute(ctx, a, path, true);

    if (st == WAGLE_OK)
        st = from_scores(ctx, path, choice, &choice->density, 1, out, NULL);
    wg_remove_tree(path);
    return st;
}

/* Selects through a temporary score file beside OUT. Ranking within tensors or rows, or of neurons,
 * needs stored scores. */
static wagle_status through_file(wagle_ctx *ctx, wg_attribution *a, const char *out,
                                 const wg_choice *choice, wg_mask *mask)
{
    wg_text path = {0};
    wagle_status st;

    WG_TRY(wg_text_printf(ctx, &path, "%s.scores", out));
    st = wg_select_through_file(ctx, a, path.text, choice, mask);
    wg_text_free(&path);
    return st;
}

static wagle_status from_data(wagle_ctx *ctx, const wagle_mask_options *o, const wg_choice *choice,
                              wg_mask *out, json_t *facts)
{
    wagle_attribute_options data = *o->data;
    wg_attribution a;
    wagle_status st = WAGLE_OK;

    data.out = o->out;
    data.force = o->force;
    WG_TRY(wg_attribution_open(ctx, &data, &a));
    if (!ctx->dry_run)
        st = choice->scope == WAGLE_SCOPE_GLOBAL ? wg_select_directly(ctx, &a, choice, out)
             : o->out == NULL                    ? wg_select_in_memory(ctx, &a, choice, out)
                                                 : through_file(ctx, &a, o->out, choice, out);
    if (st == WAGLE_OK && !ctx->dry_run)
        st = wg_attribution_facts(ctx, &a, facts);
    wg_attribution_close(&a);
    return st;
}

/* --- algebra ---------------------------------------------------------------------------------- */

static uint64_t combine(wagle_mask_op op, uint64_t a, uint64_t b)
{
    return op == WAGLE_MASK_AND     ? a & b
           : op == WAGLE_MASK_OR    ? a | b
           : op == WAGLE_MASK_MINUS ? a & ~b
                                    : ~a;
}

/* a = a op b (b is NULL for invert). A tensor that b does not have counts as all zeros. */
static void apply(wagle_mask_op op, wg_mask *a, const wg_mask *b)
{
    for (int64_t i = 0; i < a->n; i++) {
        wg_mask_tensor *t = &a->tensor[i];
        const wg_mask_tensor *other = b != NULL ? wg_mask_find(b, t->name) : NULL;
        const int64_t words = (t->count + 63) / 64, tail = t->count & 63;
        for (int64_t w = 0; w < words; w++)
            t->bits[w] = combine(op, t->bits[w], other != NULL ? other->bits[w] : 0);
        if (tail != 0)
            t->bits[words - 1] &= ((uint64_t)1 << tail) - 1;
    }
}

/* Checks that both masks belong to one model: tensors in both must have the same shape. */
static wagle_status check_fit(wagle_ctx *ctx, const wg_mask *a, const char *path_a,
                              const wg_mask *b, const char *path_b)
{
    for (int64_t i = 0; i < b->n; i++) {
        const wg_mask_tensor *t = wg_mask_find(a, b->tensor[i].name);
        if (t == NULL || !wg_shape_equal(&t->shape, &b->tensor[i].shape))
            return wg_fail(ctx, WAGLE_E_INPUT,
                           "%s: tensor '%s' differs from %s; the masks must be of one model",
                           path_b, b->tensor[i].name, path_a);
    }
    return WAGLE_OK;
}

/* Clears the bits of tensors that the patterns exclude. */
static void keep_included(wg_mask *m, const wg_choice *choice)
{
    for (int64_t i = 0; i < m->n; i++)
        if (!wg_is_included(m->tensor[i].name, choice))
            memset(m->tensor[i].bits, 0, (size_t)(m->tensor[i].count + 63) / 64 * 8);
}

static wagle_status from_masks(wagle_ctx *ctx, const wagle_mask_options *o, const wg_choice *choice,
                               wg_mask *out)
{
    const bool inverts = o->op == WAGLE_MASK_INVERT;

    if (o->n_masks < 1 || (inverts && o->n_masks > 1))
        return wg_fail(ctx, WAGLE_E_USAGE, "@{op} %s needs %s", wg_words_of_wagle_mask_op[o->op],
                       inverts ? "one mask" : "masks");
    WG_TRY(wg_mask_read(ctx, o->masks[0], out));
    if (inverts)
        apply(o->op, out, NULL);
    for (int64_t i = 1; i < o->n_masks; i++) {
        wg_mask next;
        wagle_status st;
        WG_TRY(wg_mask_read(ctx, o->masks[i], &next));
        st = check_fit(ctx, out, o->masks[0], &next, o->masks[i]);
        if (st == WAGLE_OK)
            apply(o->op, out, &next);
        wg_mask_free(&next);
        WG_TRY(st);
    }
    keep_included(out, choice);
    wg_mask_count(out);
    return WAGLE_OK;
}

/* --- the command ------------------------------------------------------------------------------ */

static wagle_status make_mask(wagle_ctx *ctx, const wagle_mask_options *o, wg_mask *out,
                              json_t *facts)
{
    wg_choice choice;

    WG_TRY(find_choice(ctx, o, &choice));
    if (o->op != WAGLE_MASK_NO_OP)
        return from_masks(ctx, o, &choice, out);
    if (o->score_tensors != NULL)
        return from_views(ctx, o->score_tensors, &choice, out);
    return o->scores != NULL ? from_scores(ctx, o->scores, &choice, &o->density, 1, out, facts)
                             : from_data(ctx, o, &choice, out, facts);
}

static wagle_status write_mask(wagle_ctx *ctx, const wagle_mask_options *o, const char *out,
                               double asked, const wg_mask *mask, json_t *facts)
{
    const bool combined = o->op != WAGLE_MASK_NO_OP;
    char density[32];
    wagle_status st;

    snprintf(density, sizeof density, "%.15g",
             combined ? (double)mask->selected / (double)mask->count : asked);
    st = wg_json_set(ctx, facts, "density", json_string(density));
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, facts, combined ? "op" : "scope",
                         json_string(combined ? wg_words_of_wagle_mask_op[o->op]
                                              : wg_words_of_wagle_scope[o->scope]));
    if (st == WAGLE_OK)
        st = wg_mask_write(ctx, out, mask, o->format == WAGLE_MASK_BITS, facts, o->force);
    WG_TRY(st);
    warn_if_lopsided(ctx, mask);
    wg_log(ctx, 1, "%s: %lld of %lld weights selected", out, (long long)mask->selected,
           (long long)mask->count);
    return WAGLE_OK;
}

static wagle_status check_options(wagle_ctx *ctx, const wagle_mask_options *o)
{
    const bool combined = o->op != WAGLE_MASK_NO_OP;

    WG_TRY(wg_check_choice(ctx, "op", (int)o->op, wg_words_of_wagle_mask_op));
    WG_TRY(wg_check_choice(ctx, "scope", (int)o->scope, wg_words_of_wagle_scope));
    WG_TRY(wg_check_choice(ctx, "format", (int)o->format, wg_words_of_wagle_mask_format));
    if ((o->scores != NULL) + (o->data->model != NULL) + combined != 1 ||
        (o->out == NULL) == (o->made == NULL))
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "mask needs @{out}, and one of @{scores}, @{model} and @{op}");
    if (o->n_densities > 0 && (o->scores == NULL || o->score_tensors != NULL || o->out == NULL ||
                               strstr(o->out, "{}") == NULL))
        return wg_fail(
            ctx, WAGLE_E_USAGE,
            "@{densities} needs @{scores}, and {} in @{out}, which becomes each density");
    if (!combined && o->n_densities == 0)
        WG_TRY(wg_check_density(ctx, o->density));
    for (int64_t i = 0; i < o->n_densities; i++)
        WG_TRY(wg_check_density(ctx, o->densities[i]));
    for (int64_t i = 1; i < o->n_densities; i++)
        for (int64_t k = 0; k < i; k++)
            if (o->densities[i] == o->densities[k])
                return wg_fail(ctx, WAGLE_E_USAGE, "density %g is given twice", o->densities[k]);
    return WAGLE_OK;
}

/* Checks that a mask may be written there and overwrites none of its inputs. */
static wagle_status check_out(wagle_ctx *ctx, const wagle_mask_options *o, const char *out)
{
    WG_TRY(wg_output_check(ctx, out, o->force, WG_INPUTS(o->scores, o->data->model)));
    for (int64_t i = 0; i < o->n_masks; i++)
        WG_TRY(wg_output_spares(ctx, out, o->masks[i]));
    WG_TRY(wg_output_spares_data(ctx, out, &o->data->forget));
    WG_TRY(wg_output_spares_data(ctx, out, &o->data->protect));
    return wg_output_spares_data(ctx, out, &o->data->retain);
}

static wagle_status one_mask(wagle_ctx *ctx, const wagle_mask_options *o)
{
    wg_mask mask = {0};
    json_t *facts;
    wagle_status st;

    if (o->out != NULL)
        WG_TRY(check_out(ctx, o, o->out));
    facts = json_object();
    st = make_mask(ctx, o, &mask, facts);
    if (st == WAGLE_OK && !ctx->dry_run && o->made != NULL)
        st = wg_views_of_mask(ctx, &mask, o->made);
    else if (st == WAGLE_OK && !ctx->dry_run)
        st = write_mask(ctx, o, o->out, o->density, &mask, facts);
    wg_mask_free(&mask);
    json_decref(facts);
    return st;
}

/* --- several densities ------------------------------------------------------------------------ */

/* o->out with {} replaced by the density. */
static wagle_status name_of(wagle_ctx *ctx, const wagle_mask_options *o, double density,
                            wg_text *out)
{
    const char *at = strstr(o->out, "{}");

    out->bytes = 0;
    WG_TRY(wg_text_printf(ctx, out, "%.*s%.6g%s", (int)(at - o->out), o->out, density, at + 2));
    return check_out(ctx, o, out->text);
}

static wagle_status several_masks(wagle_ctx *ctx, const wagle_mask_options *o, wg_mask *mask)
{
    const int64_t n = o->n_densities;
    wg_text name = {0};
    wg_choice choice;
    json_t *facts = json_object();
    wagle_status st = find_choice(ctx, o, &choice);

    for (int64_t i = 0; st == WAGLE_OK && i < n; i++)
        st = name_of(ctx, o, o->densities[i], &name);
    if (st == WAGLE_OK)
        st = from_scores(ctx, o->scores, &choice, o->densities, n, mask, facts);
    for (int64_t i = 0; st == WAGLE_OK && i < n; i++) {
        st = name_of(ctx, o, o->densities[i], &name);
        if (st == WAGLE_OK)
            st = write_mask(ctx, o, name.text, o->densities[i], &mask[i], facts);
    }
    wg_text_free(&name);
    json_decref(facts);
    return st;
}

wagle_status wagle_mask(wagle_ctx *ctx, const wagle_mask_options *given)
{
    wagle_mask_options own;
    wagle_attribute_options data;
    const wagle_mask_options *o = &own;
    wg_mask *mask;
    wagle_status st;

    wg_begin(ctx);
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_mask));
    wagle_attribute_defaults(&data);
    if (own.data != NULL)
        WG_TRY(WG_TAKE(ctx, own.data, &data, wagle_attribute));
    own.data = &data;
    wg_attribute_hold(&data);
    if (own.score_tensors != NULL)
        own.scores = WG_SCORES_IN_MEMORY;
    if (own.made != NULL)
        *own.made = NULL;
    WG_TRY(check_options(ctx, o));
    if (o->n_densities == 0)
        return one_mask(ctx, o);
    WG_TRY(WG_ALLOC(ctx, &mask, o->n_densities));
    st = several_masks(ctx, o, mask);
    for (int64_t i = 0; i < o->n_densities; i++)
        wg_mask_free(&mask[i]);
    wg_free(mask);
    return st;
}
