/* manifest.c - manifest.json: what was done, without times or places, so that the same run writes
 * the same bytes. */
#include "train/members.h"

#include "base/choose.h"
#include "mask/attribute.h"
#include <string.h>

static wagle_status add_file(wagle_ctx *ctx, const char *path, json_t *list);

/* The files of a folder of rows. */
static wagle_status add_folder(wagle_ctx *ctx, const char *folder, json_t *list)
{
    char **names;
    wagle_status st = wg_list_folder(ctx, folder, &names);

    if (st != WAGLE_OK)
        return st;
    for (char **name = names; st == WAGLE_OK && *name != NULL; name++) {
        char *path = wg_path_join(ctx, folder, *name);
        st = path == NULL              ? WAGLE_E_RESOURCE
             : wg_rows_named_so(*name) ? add_file(ctx, path, list)
                                       : WAGLE_OK;
        wg_free(path);
    }
    wg_free_names(names);
    return st;
}

static wagle_status add_file(wagle_ctx *ctx, const char *path, json_t *list)
{
    char hash[WG_SHA256_TEXT];

    if (path != NULL && wg_is_folder(path))
        return add_folder(ctx, path, list);

    if (path == NULL || !wg_exists(path)) /* FILE@WEIGHT is told by its name alone */
        return path == NULL || json_array_append_new(list, wg_json_bytes(wg_path_name(path))) == 0
                   ? WAGLE_OK
                   : wg_json_memory(ctx);
    WG_TRY(wg_sha256_file(ctx, path, hash));
    return json_array_append_new(list,
                                 json_pack("{s:o, s:s}", "file", wg_json_bytes(wg_path_name(path)),
                                           "sha256", hash)) == 0
               ? WAGLE_OK
               : wg_json_memory(ctx);
}

static wagle_status add_data(wagle_ctx *ctx, const wagle_data *d, const char *key, json_t *m)
{
    json_t *list = json_array();

    WG_TRY(wg_json_set(ctx, m, key, list));
    WG_TRY(add_file(ctx, d->path, list));
    for (const char *const *more = d->more; more != NULL && *more != NULL; more++)
        WG_TRY(add_file(ctx, *more, list));
    return WAGLE_OK;
}

/* gamma of wagle, and how the factors of its scores were made. */
static wagle_status add_gamma(wagle_ctx *ctx, const wagle_train_options *o, json_t *m)
{
    char gamma[40];

    wg_gamma_text(&o->gamma, gamma);
    if (strcmp(o->selector, "wagle") == 0)
        WG_TRY(wg_json_set(ctx, m, "gamma", json_string(gamma)));
    if (!wg_scores_by_factors(o))
        return WAGLE_OK;
    WG_TRY(wg_json_set(ctx, m, "protect_damping", json_real(o->protect_damping)));
    return wg_json_set(ctx, m, "protect_rank", json_integer(o->protect_rank));
}

/* How the weights were chosen, and the share of each tensor. */
static wagle_status add_mask(wagle_ctx *ctx, const wg_run *w, json_t *m)
{
    json_t *share = json_object();

    WG_TRY(wg_json_set(ctx, m, "share", share));
    if (w->o->mask != NULL && w->o->mask_tensors == NULL) {
        char hash[WG_SHA256_TEXT];
        WG_TRY(wg_sha256_file(ctx, w->o->mask, hash));
        WG_TRY(wg_json_set(ctx, m, "mask_sha256", json_string(hash)));
    }
    if (w->o->selector != NULL)
        WG_TRY(add_gamma(ctx, w->o, m));
    for (int64_t i = 0; i < w->mask.n; i++) {
        const wg_mask_tensor *t = &w->mask.tensor[i];
        WG_TRY(wg_json_set(ctx, share, t->name,
                           json_real(t->count > 0 ? (double)t->selected / (double)t->count : 0)));
    }
    return WAGLE_OK;
}

static wagle_status add_protection(wagle_ctx *ctx, const wg_run *w, json_t *m)
{
    const wagle_train_options *o = w->o;
    const wg_dataset *rows = &w->protect_rows.all;

    return wg_json_set(ctx, m, "protection",
                       json_pack("{s:f, s:I, s:I, s:I}", "damping", o->protect_damping, "rank",
                                 (json_int_t)o->protect_rank, "rows", (json_int_t)rows->n, "tokens",
                                 (json_int_t)wg_protect_tokens(rows)));
}

static wagle_status add_chance(wagle_ctx *ctx, const wg_run *w, json_t *m)
{
    json_t *chance;

    WG_TRY(wg_chance_json(ctx, w, &chance));
    return wg_json_set(ctx, m, "chance", chance);
}

/* --- options of the table ----------------------------------------------------------------------
 */

static wagle_status add_list(wagle_ctx *ctx, const char *key, const char *const *texts, json_t *m)
{
    json_t *list = json_array();

    WG_TRY(wg_json_set(ctx, m, key, list));
    for (; texts != NULL && *texts != NULL; texts++)
        if (json_array_append_new(list, json_string(*texts)) != 0)
            return wg_json_memory(ctx);
    return WAGLE_OK;
}

/* Which rows of the files were read, and under which names. */
static wagle_status add_select(wagle_ctx *ctx, const wagle_data *d, const char *set, json_t *m)
{
    const struct {
        const char *key;
        const char *const *list;
    } parts[] = {{"where", d->where}, {"fields", d->fields}};

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].list == NULL || *parts[i].list == NULL)
            continue;
        if (json_object_get(m, "select") == NULL)
            WG_TRY(wg_json_set(ctx, m, "select", json_object()));
        json_t *select = json_object_get(m, "select");
        if (json_object_get(select, set) == NULL)
            WG_TRY(wg_json_set(ctx, select, set, json_object()));
        WG_TRY(add_list(ctx, parts[i].key, parts[i].list, json_object_get(select, set)));
    }
    return WAGLE_OK;
}

static wagle_status add_rows(wagle_ctx *ctx, const wagle_data *d, const char *set, json_t *m)
{
    WG_TRY(add_data(ctx, d, set, m));
    return add_select(ctx, d, set, m);
}

static wagle_status add_member(wagle_ctx *ctx, const wg_member *m, const wagle_train_options *o,
                               json_t *into)
{
    const wg_value v = wg_member_value(m, o);

    switch (m->kind) {
    case WG_MEMBER_DATA:
        return add_data(ctx, (const void *)((const char *)o + m->at), m->name, into);
    case WG_MEMBER_PATTERNS:
        return add_list(ctx, m->name, v.list, into);
    case WG_MEMBER_FLAG:
        return wg_json_set(ctx, into, m->name, json_boolean(v.flag));
    case WG_MEMBER_WHOLE:
    case WG_MEMBER_SEED:
        return wg_json_set(ctx, into, m->name, json_integer(v.whole));
    case WG_MEMBER_REAL:
    case WG_MEMBER_CLIP:
        return wg_json_set(ctx, into, m->name, json_real(v.real));
    default:
        return wg_json_set(ctx, into, m->name, json_string(v.text));
    }
}

static wagle_status add_members(wagle_ctx *ctx, const wagle_train_options *o, json_t *into)
{
    for (const wg_member *m = wg_train_members; m->name != NULL; m++)
        if (m->manifest == WG_IF_ALWAYS ? wg_member_matters(m, o, false)
                                        : m->manifest == WG_IF_SET && wg_member_is_set(m, o))
            WG_TRY(add_member(ctx, m, o, into));
    return WAGLE_OK;
}

/* --- the file ----------------------------------------------------------------------------------
 */

/* The result, and the values of options that were searched for or follow from others. */
static json_t *outcome(const wg_run *w)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:f, s:f, s:s}",
                     "wagle", WAGLE_VERSION, "objective", w->objective->name, "retain_term",
                     wg_retain_word(w->trainer.retain_term), "optimizer", w->rules->name,
                     "schedule", wg_words_of_wagle_schedule[w->o->schedule], "run", w->fingerprint,
                     "steps", (json_int_t)w->step, "planned_steps", (json_int_t)w->steps,
                     "selected", (json_int_t)w->trainer.optimizer->n, "weights",
                     (json_int_t)wg_model_parameters(w->session.model), "stopped",
                     (int)w->result.stopped, "lr", w->lr, "alpha", w->trainer.alpha, "reduction",
                     w->trainer.tokens ? "tokens" : "rows");
}

/* The adapter that the model was read with. */
static wagle_status add_adapter(wagle_ctx *ctx, json_t *m)
{
    char *path = wg_path_join(ctx, ctx->adapter, "adapter_model.safetensors");
    char hash[WG_SHA256_TEXT];
    wagle_status st = path != NULL ? wg_sha256_file(ctx, path, hash) : WAGLE_E_RESOURCE;

    wg_free(path);
    return st == WAGLE_OK ? wg_json_set(ctx, m, "adapter_sha256", json_string(hash)) : st;
}

static wagle_status fill(wagle_ctx *ctx, const wg_run *w, json_t *m)
{
    const wagle_train_options *o = w->o;
    const wg_ops *ops = w->session.model->ops;

    WG_TRY(wg_json_set(ctx, m, "model", wg_json_bytes(wg_path_name(o->model))));
    WG_TRY(wg_json_set(ctx, m, "model_sha256", json_string(wg_run_model_hash(w))));
    if (o->forget.path != NULL)
        WG_TRY(add_rows(ctx, &o->forget, "forget", m));
    if (o->retain.path != NULL)
        WG_TRY(add_rows(ctx, &o->retain, o->forget.path != NULL ? "retain" : "data", m));
    if (w->data.n_lines > 0 && o->refusal == NULL)
        WG_TRY(wg_json_set(ctx, m, "refusals", json_string("built-in")));
    if (ctx->adapter != NULL)
        WG_TRY(add_adapter(ctx, m));
    if (w->masked)
        WG_TRY(add_mask(ctx, w, m));
    WG_TRY(add_members(ctx, o, m));
    if (ops->device != NULL)
        WG_TRY(wg_json_set(ctx, m, "device", json_string(ops->device)));
    if (ops->precision != NULL)
        WG_TRY(wg_json_set(ctx, m, "precision", json_string(ops->precision)));
    if (wg_parts(ctx) > 1)
        WG_TRY(wg_json_set(ctx, m, "parts", json_integer(wg_parts(ctx))));
    if (o->protect.path != NULL)
        WG_TRY(add_protection(ctx, w, m));
    if (w->stop.chance)
        WG_TRY(add_chance(ctx, w, m));
    if (w->tries != NULL)
        WG_TRY(wg_json_set(ctx, m, "lr_search", json_incref(w->tries)));
    if (o->land && w->result.stopped)
        WG_TRY(wg_json_set(ctx, m, "land", json_real(w->result.land)));
    return w->layout != NULL ? wg_json_set(ctx, m, "layout", json_incref(w->layout)) : WAGLE_OK;
}

wagle_status wg_run_manifest(wagle_ctx *ctx, const wg_run *w)
{
    char *path = wg_path_join(ctx, w->partial, "manifest.json");
    json_t *m = outcome(w);
    wagle_status st = path != NULL && m != NULL ? fill(ctx, w, m) : wg_json_memory(ctx);

    if (st == WAGLE_OK)
        st = wg_json_write(ctx, path, m, true);
    json_decref(m);
    wg_free(path);
    return st;
}
