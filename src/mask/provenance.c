/* provenance.c - metadata of score files and masks: how they were computed. */
#include "mask/attribute.h"

#include "dist/dist.h"

#include "base/file.h"
#include "base/hash.h"
#include <stdio.h>
#include <string.h>

/* The files of a set: comma-separated names and hashes. An entry that is not a file appears
 * unchanged in both. */
typedef struct file_list {
    wg_text names, hashes;
} file_list;

static wagle_status add_entry(wagle_ctx *ctx, const char *name, const char *hash, file_list *list)
{
    const char *comma = list->names.bytes > 0 ? ", " : "";

    WG_TRY(wg_text_printf(ctx, &list->names, "%s%s", comma, name));
    return wg_text_printf(ctx, &list->hashes, "%s%s", comma, hash);
}

static wagle_status add_file(wagle_ctx *ctx, const char *path, bool protect, file_list *list)
{
    const char *at = strrchr(path, '@');
    char file[4096], hash[WG_SHA256_TEXT];

    if (protect && !wg_protect_names_file(path))
        return add_entry(ctx, path, path, list);
    snprintf(file, sizeof file, "%.*s",
             at != NULL && !wg_exists(path) ? (int)(at - path) : (int)sizeof file - 1, path);
    WG_TRY(wg_sha256_file(ctx, file, hash));
    return add_entry(ctx, wg_path_name(path), hash, list);
}

/* Adds NAME, NAME_sha256 and NAME_rows of a data set. */
static wagle_status add_set(wagle_ctx *ctx, const char *name, const wagle_data *from, int64_t rows,
                            json_t *facts)
{
    const bool protect = strcmp(name, "protect") == 0;
    file_list list = {{0}, {0}};
    char key[32], count[32];
    wagle_status st = WAGLE_OK;

    if (from == NULL || from->path == NULL || rows == 0)
        return WAGLE_OK;
    st = from->rows != NULL ? add_entry(ctx, from->path, "", &list)
                            : add_file(ctx, from->path, protect, &list);
    for (const char *const *more = from->more; st == WAGLE_OK && more != NULL && *more != NULL;
         more++)
        st = add_file(ctx, *more, protect, &list);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, facts, name, wg_json_bytes(list.names.text));
    snprintf(key, sizeof key, "%s_sha256", name);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, facts, key, json_string(list.hashes.text));
    snprintf(key, sizeof key, "%s_rows", name);
    snprintf(count, sizeof count, "%lld", (long long)rows);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, facts, key, json_string(count));
    wg_text_free(&list.names);
    wg_text_free(&list.hashes);
    return st;
}

/* gamma as given, or as implied by the selector's name. */
static void gamma_given(const wg_attribution *a, char out[40])
{
    const int needs = a->selector->needs;
    const wagle_gamma named = {needs & WG_NEEDS_FACTORS ? WAGLE_GAMMA_PROTECT : WAGLE_GAMMA_DIAG,
                               0};

    wg_gamma_text(needs & WG_NEEDS_GAMMA ? &a->given_gamma : &named, out);
}

/* Adds names and hashes of the rows to protect. `retain` and `self` appear as such. */
static wagle_status add_protect(wagle_ctx *ctx, const wg_attribution *a, json_t *facts)
{
    char damping[32], rank[32];

    if (!(a->selector->needs & WG_NEEDS_FACTORS))
        return WAGLE_OK;
    snprintf(damping, sizeof damping, "%.9g", a->protection.protect_damping);
    snprintf(rank, sizeof rank, "%lld", (long long)a->protection.protect_rank);
    WG_TRY(add_set(ctx, "protect", &a->protection.protect, a->protect_rows.all.n, facts));
    WG_TRY(wg_json_set(ctx, facts, "protect_damping", json_string(damping)));
    return wg_json_set(ctx, facts, "protect_rank", json_string(rank));
}

/* Adds the names of matrices that are stored [in, out], as a JSON list. Every score file has the
 * list, even if empty, so that files of earlier versions can be recognised. */
static wagle_status add_transposed(wagle_ctx *ctx, const wg_model *m, json_t *facts)
{
    json_t *names = json_array();
    char *text = NULL;
    wagle_status st = names != NULL ? WAGLE_OK : wg_json_memory(ctx);

    for (int t = 0; st == WAGLE_OK && t < m->files.n; t++)
        if (wg_model_is_transposed(m, t) &&
            json_array_append_new(names, json_string(m->files.tensor[t].name)) != 0)
            st = wg_json_memory(ctx);
    if (st == WAGLE_OK)
        st = wg_json_text(ctx, names, false, &text);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, facts, WG_TRANSPOSED, json_string(text));
    wg_free(text);
    json_decref(names);
    return st;
}

wagle_status wg_attribution_facts(wagle_ctx *ctx, const wg_attribution *a, json_t *facts)
{
    const wg_ops *ops = a->session.model->ops;
    const int needs = a->selector->needs;
    char gamma[40], value[32], damping[32], seed[32];

    gamma_given(a, gamma);
    snprintf(value, sizeof value, "%.17g", a->gamma);
    snprintf(damping, sizeof damping, "%.9g", a->damping);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)a->seed);
    WG_TRY(wg_json_set(ctx, facts, "selector", json_string(a->selector->name)));
    WG_TRY(wg_json_set(ctx, facts, "gamma", json_string(value)));
    if (needs & (WG_NEEDS_GAMMA | WG_NEEDS_RETAIN_GRADIENT))
        WG_TRY(wg_json_set(ctx, facts, "gamma_given", json_string(gamma)));
    if (needs & WG_NEEDS_MEAN_FISHER)
        WG_TRY(wg_json_set(ctx, facts, "damping", json_string(damping)));
    if (needs & WG_NEEDS_FORGET)
        WG_TRY(
            wg_json_set(ctx, facts, "loss", json_string(a->loss != NULL ? a->loss->name : "nll")));
    if (a->draw > 0) {
        snprintf(value, sizeof value, "%lld", (long long)a->draw);
        WG_TRY(wg_json_set(ctx, facts, "draw", json_string(value)));
    }
    if (strcmp(a->selector->name, "random") == 0 || a->draw > 0 ||
        wg_protect_by_self(&a->protection))
        WG_TRY(wg_json_set(ctx, facts, "seed", json_string(seed)));
    if (ops->device != NULL)
        WG_TRY(wg_json_set(ctx, facts, "device", json_string(ops->device)));
    if (ops->precision != NULL)
        WG_TRY(wg_json_set(ctx, facts, "precision", json_string(ops->precision)));
    if (wg_parts(ctx) > 1) {
        snprintf(seed, sizeof seed, "%d", wg_parts(ctx));
        WG_TRY(wg_json_set(ctx, facts, "parts", json_string(seed)));
    }
    WG_TRY(add_transposed(ctx, a->session.model, facts));
    WG_TRY(add_protect(ctx, a, facts));
    WG_TRY(add_set(ctx, "forget", a->forget_data, a->forget.n, facts));
    return add_set(ctx, "retain", a->retain_data, a->retain.n, facts);
}

wagle_status wg_scores_facts(wagle_ctx *ctx, const wg_tensors *scores, json_t *facts)
{
    /* same order as in wg_attribution_facts */
    static const char *const keys[] = {
        "selector",      "gamma",      "gamma_given",    "damping",      "loss",
        "draw",          "seed",       "device",         "precision",    "parts",
        WG_TRANSPOSED,   "protect",    "protect_sha256", "protect_rows", "protect_damping",
        "protect_rank",  "forget",     "forget_sha256",  "forget_rows",  "retain",
        "retain_sha256", "retain_rows"};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *value = wg_tensors_metadata(scores, keys[i]);
        if (value != NULL)
            WG_TRY(wg_json_set(ctx, facts, keys[i], json_string(value)));
    }
    return WAGLE_OK;
}
