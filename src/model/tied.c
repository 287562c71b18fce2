/* tied.c - an embedding that is the head too, in whatever way a folder stores it: once, under
 * either name, or twice. As transformers: two that differ are no tie, whatever config.json says. */
#include "model/model.h"

#include <stdio.h>
#include <string.h>

enum { NAMES = 3, CHUNK = 1 << 14 };

/* Names of a role's tensor in files: the family's, and one that some files have in its place. */
static int names_of(const wg_config *c, wg_role role, int64_t layer,
                    char name[NAMES][WG_NAME_BYTES])
{
    const char *prefix = c->family->prefix, *alias = c->family->head_alias;
    char own[WG_NAME_BYTES - 32]; /* patterns of families are short */
    wg_shape shape;
    int n = 1;

    wg_config_tensor(c, role, layer, name[0], &shape);
    if (role == WG_HEAD && alias != NULL)
        memcpy(name[n++], alias, strlen(alias) + 1);
    else if (prefix != NULL && strncmp(name[0], prefix, strlen(prefix)) == 0)
        memcpy(name[n++], name[0] + strlen(prefix), strlen(name[0] + strlen(prefix)) + 1);
    if (c->inside) {
        snprintf(own, sizeof own, "%s", name[0]);
        snprintf(name[n++], WG_NAME_BYTES, "%s%s", c->family->outer_prefix, own);
    }
    return n;
}

const wg_tensor *wg_stored_tensor(const wg_config *c, const wg_tensors *files, wg_role role,
                                  int64_t layer)
{
    char name[NAMES][WG_NAME_BYTES];
    const wg_tensor *t = NULL;
    const int n = names_of(c, role, layer, name);

    for (int i = 0; t == NULL && i < n; i++)
        t = wg_tensors_find(files, name[i]);
    return t;
}

bool wg_tie_names(const wg_config *c, const char *tensor)
{
    static const wg_role ends[] = {WG_EMBED, WG_HEAD};
    char name[NAMES][WG_NAME_BYTES];

    for (int k = 0; k < 2; k++)
        for (int i = names_of(c, ends[k], 0, name) - 1; i >= 0; i--)
            if (strcmp(name[i], tensor) == 0)
                return true;
    return false;
}

/* The same numbers; zeros of either sign are one number. */
static bool same_values(const wg_tensor *a, const wg_tensor *b)
{
    const size_t size = wg_dtype_size(a->dtype);
    float x[CHUNK / sizeof(float)], y[CHUNK / sizeof(float)];
    const int64_t most = (int64_t)(sizeof x / sizeof *x);

    for (int64_t first = 0; first < a->count; first += most) {
        const int64_t n = a->count - first < most ? a->count - first : most;
        const char *p = (const char *)a->data + (size_t)first * size;
        const char *q = (const char *)b->data + (size_t)first * size;
        if (memcmp(p, q, (size_t)n * size) == 0)
            continue;
        wg_to_float(a->dtype, p, n, x);
        wg_to_float(b->dtype, q, n, y);
        for (int64_t i = 0; i < n; i++)
            if (x[i] != y[i])
                return false;
    }
    return true;
}

wagle_status wg_tie_settle(wagle_ctx *ctx, const char *folder, const wg_tensors *files,
                           wg_config *c, wg_tie *out)
{
    const wg_tensor *table = wg_stored_tensor(c, files, WG_EMBED, 0);
    const wg_tensor *head = wg_stored_tensor(c, files, WG_HEAD, 0);

    *out = (wg_tie){NULL, NULL};
    if (!c->tied)
        return WAGLE_OK;
    out->stored = table != NULL ? table : head;
    if (table == NULL || head == NULL)
        return WAGLE_OK;
    if (head->dtype != table->dtype && wg_dtype_is_weight(head->dtype))
        return wg_fail(
            ctx, WAGLE_E_INPUT,
            "%s: '%s' is %s and '%s' is %s; tie_word_embeddings says that they are the same",
            folder, table->name, wg_dtype_name(table->dtype), head->name,
            wg_dtype_name(head->dtype));
    if (wg_dtype_is_weight(head->dtype) && wg_shape_equal(&head->shape, &table->shape) &&
        same_values(table, head)) {
        out->copy = head;
        return WAGLE_OK;
    }
    wg_log(ctx, 0, "%s: '%s' and '%s' differ, so they are not tied, whatever config.json says",
           folder, table->name, head->name);
    *out = (wg_tie){NULL, NULL};
    c->tied = false;
    c->has[WG_HEAD] = true;
    return WAGLE_OK;
}

wagle_status wg_tie_of_folder(wagle_ctx *ctx, const char *folder, const wg_tensors *files,
                              wg_config *c, wg_tie *out)
{
    const wagle_status st = wg_config_read(ctx, folder, c);

    *out = (wg_tie){NULL, NULL};
    if (st == WAGLE_OK)
        return wg_tie_settle(ctx, folder, files, c, out);
    if (st != WAGLE_E_INPUT)
        return st;
    wg_begin(ctx); /* of a model that we cannot run */
    return WAGLE_OK;
}
