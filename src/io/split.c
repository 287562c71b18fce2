/* split.c - tensors that hold the same matrix of all experts of a layer are seen as one tensor for
 * each expert, so that masks, gradients and patches name experts. The parts lie one after the other
 * in the file.
 *
 *   layers.1.feed_forward.experts.down_proj [X,F,D] -> layers.1.feed_forward.experts.0.down_proj
 * [F,D], layers.1.feed_forward.experts.1.down_proj, ... */
#include "io/safetensors.h"

#include <stdio.h>
#include <string.h>

enum { EXPERTS_MOST = 4096 };

static const char experts[] = ".feed_forward.experts.";
static const char *const matrices[] = {"gate_up_proj", "down_proj"};

/* What follows "experts." in the name of such a tensor; NULL: it is another. */
static const char *matrix_of(const wg_tensor *t)
{
    const char *at = strstr(t->name, experts);

    if (at == NULL || t->shape.rank != 3 || t->bytes == 0 || t->shape.dim[0] > EXPERTS_MOST)
        return NULL;
    at += sizeof experts - 1;
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++)
        if (strcmp(at, matrices[i]) == 0)
            return at;
    return NULL;
}

static int64_t parts_of(const wg_tensor *t)
{
    return matrix_of(t) != NULL ? t->shape.dim[0] : 1;
}

/* The part of expert e. */
static wagle_status take_part(wagle_ctx *ctx, wg_tensors *t, const wg_tensor *of,
                              const char *matrix, int64_t e, wg_tensor *out)
{
    const size_t before = (size_t)(matrix - of->name), room = strlen(of->name) + 24;
    const int64_t n = of->shape.dim[0];
    char *name = wg_alloc(ctx, (int64_t)room, 1);

    if (name == NULL)
        return WAGLE_E_RESOURCE;
    snprintf(name, room, "%.*s%lld.%s", (int)before, of->name, (long long)e, matrix);
    *out = *of;
    out->name = wg_arena_text(ctx, &t->arena, name, strlen(name));
    out->shape = (wg_shape){2, {of->shape.dim[1], of->shape.dim[2]}};
    out->count = of->count / n;
    out->bytes = of->bytes / (size_t)n;
    out->data = out->place = (const char *)of->place + (size_t)e * out->bytes;
    wg_free(name);
    return out->name != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

wagle_status wg_tensors_split(wagle_ctx *ctx, wg_tensors *t)
{
    wg_tensor *all;
    int64_t n = 0;

    for (int64_t i = 0; i < t->n; i++)
        n += parts_of(&t->tensor[i]);
    if (n == t->n)
        return WAGLE_OK;
    WG_TRY(WG_ALLOC(ctx, &all, n));
    n = 0;
    for (int64_t i = 0; i < t->n; i++) {
        const wg_tensor *of = &t->tensor[i];
        const char *matrix = matrix_of(of);
        if (matrix == NULL)
            all[n++] = *of;
        for (int64_t e = 0; matrix != NULL && e < of->shape.dim[0]; e++) {
            const wagle_status st = take_part(ctx, t, of, matrix, e, &all[n++]);
            if (st != WAGLE_OK) {
                wg_free(all);
                return st;
            }
        }
    }
    wg_free(t->tensor);
    t->tensor = all;
    t->n = n;
    return WAGLE_OK;
}
