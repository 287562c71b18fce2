/* neurons.c - masks of whole neurons.
 *
 * A neuron is a row of a matrix, or a column if the score file says that the matrix is stored
 * [in, out]. Its score is the sum of its weights' scores. Neurons of all matrices are selected in
 * order of score, ties to the earlier (name, index), until k = floor(density*n + 0.5) of the n
 * weights are reached. The neuron that crosses k is selected only if the count is then closer to k.
 * Vectors (norms, biases) are not selected.
 *
 * With the selector random, the sum would mainly measure the width of the matrix. A neuron's score
 * is then that of its first weight. */
#include "mask/topk.h"

#include <stdlib.h>
#include <string.h>

typedef struct neuron {
    double score;
    int64_t matrix, index; /* index into selection.matrix, index of the slice */
} neuron;

typedef struct matrix {
    const wg_tensor *scores;
    bool transposed;
    wg_slices slices;
} matrix;

typedef struct selection {
    matrix *matrix; /* [n] sorted by name */
    int64_t n, count;
    neuron *neuron; /* [neurons], best first */
    int64_t neurons;
} selection;

wagle_status wg_transposed_read(wagle_ctx *ctx, const wg_tensors *file, json_t **names)
{
    const char *text = wg_tensors_metadata(file, WG_TRANSPOSED);

    *names = NULL;
    if (text == NULL)
        return WAGLE_OK;
    WG_TRY(wg_json_parse(ctx, file->file[0], text, strlen(text), names));
    if (json_is_array(*names))
        return WAGLE_OK;
    json_decref(*names);
    *names = NULL;
    return wg_fail(ctx, WAGLE_E_INPUT, "%s: '" WG_TRANSPOSED "' in its metadata is not a list",
                   file->file[0]);
}

bool wg_transposed_has(const json_t *names, const char *name)
{
    const json_t *one;
    size_t i;

    json_array_foreach (names, i, one)
        if (json_is_string(one) && strcmp(json_string_value(one), name) == 0)
            return true;
    return false;
}

/* Refuses score files of old versions of wagle, which do not list transposed matrices. Scores of
 * other programs need no list: their matrices are taken as [out, in]. */
static wagle_status check_origin(wagle_ctx *ctx, const wg_tensors *scores, const json_t *names)
{
    const char *format = wg_tensors_metadata(scores, "format");

    return names != NULL || format == NULL || strcmp(format, "wagle-scores") != 0
               ? WAGLE_OK
               : wg_fail(
                     ctx, WAGLE_E_INPUT,
                     "%s: made by an earlier version, so it does not say which matrices are stored "
                     "as [in, out]; @{scope=neurons} needs that: make it again with wagle "
                     "attribute",
                     scores->file[0]);
}

static wagle_status choose_matrices(wagle_ctx *ctx, const wg_tensors *scores,
                                    const wg_tensor *const *tensor, int64_t n, selection *s)
{
    json_t *names;
    wagle_status st = wg_transposed_read(ctx, scores, &names);

    if (st == WAGLE_OK)
        st = check_origin(ctx, scores, names);
    if (st == WAGLE_OK)
        st = WG_ALLOC(ctx, &s->matrix, n);
    for (int64_t i = 0; st == WAGLE_OK && i < n; i++) {
        matrix *m = &s->matrix[s->n];
        if (tensor[i]->shape.rank != 2)
            continue;
        *m = (matrix){.scores = tensor[i], .transposed = wg_transposed_has(names, tensor[i]->name)};
        m->slices = wg_matrix_slices(&tensor[i]->shape, m->transposed);
        s->n++;
        s->count += tensor[i]->count;
        s->neurons += m->slices.n;
        st = wg_check_finite(ctx, tensor[i]);
    }
    if (st == WAGLE_OK && s->count == 0)
        st = wg_fail(
            ctx, WAGLE_E_USAGE,
            "%s: no matrix is left after @{include} and @{exclude}; @{scope=neurons} selects "
            "rows of matrices",
            scores->file[0]);
    json_decref(names);
    return st;
}

/* Computes the scores of a matrix's neurons, reading the weights in storage order. */
static void add_up(const matrix *m, int64_t place, bool first_alone, neuron *of)
{
    const char *data = m->scores->data;
    const int64_t rows = m->scores->shape.dim[0], wide = m->scores->shape.dim[1];

    for (int64_t i = 0; i < m->slices.n; i++) {
        of[i].matrix = place;
        of[i].index = i;
    }
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < wide; c++, data += sizeof(float)) {
            float score;
            memcpy(&score, data, sizeof score);
            if (!first_alone || (m->transposed ? r : c) == 0)
                of[m->transposed ? c : r].score += (double)score;
        }
}

static int best_first(const void *a, const void *b)
{
    const neuron *x = a, *y = b;

    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    if (x->matrix != y->matrix)
        return x->matrix < y->matrix ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static wagle_status rank(wagle_ctx *ctx, const wg_tensors *scores, selection *s)
{
    const char *selector = wg_tensors_metadata(scores, "selector");
    const bool first_alone = selector != NULL && strcmp(selector, "random") == 0;
    int64_t at = 0;

    WG_TRY(WG_ALLOC(ctx, &s->neuron, s->neurons));
    for (int64_t i = 0; i < s->n; i++) {
        add_up(&s->matrix[i], i, first_alone, s->neuron + at);
        at += s->matrix[i].slices.n;
    }
    qsort(s->neuron, (size_t)s->neurons, sizeof *s->neuron, best_first);
    return WAGLE_OK;
}

static void set(const wg_slices *slices, int64_t index, wg_mask_tensor *t)
{
    for (int64_t j = 0; j < slices->width; j++) {
        const int64_t at = index * slices->step + j * slices->stride;
        t->bits[at >> 6] |= (uint64_t)1 << (at & 63);
    }
}

static wagle_status take(wagle_ctx *ctx, const selection *s, double density, wg_mask *out)
{
    int64_t k, taken = 0;

    WG_TRY(wg_density_count(ctx, density, s->count, &k));
    for (int64_t i = 0; i < s->neurons && taken < k; i++) {
        const neuron *n = &s->neuron[i];
        const matrix *m = &s->matrix[n->matrix];
        const int64_t after = taken + m->slices.width;
        if (after > k && after - k >= k - taken)
            break;
        set(&m->slices, n->index, (wg_mask_tensor *)(uintptr_t)wg_mask_find(out, m->scores->name));
        taken = after;
    }
    return taken > 0 ? WAGLE_OK
                     : wg_fail(ctx, WAGLE_E_USAGE,
                               "@{density} %g selects no neuron: it is %lld weights, and the best "
                               "neuron has %lld",
                               density, (long long)k,
                               (long long)s->matrix[s->neuron[0].matrix].slices.width);
}

wagle_status wg_select_neurons(wagle_ctx *ctx, const wg_tensors *scores,
                               const wg_tensor *const *tensor, int64_t n_tensors,
                               const double *density, int64_t n, wg_mask *out)
{
    selection s = {0};
    wagle_status st = choose_matrices(ctx, scores, tensor, n_tensors, &s);

    if (st == WAGLE_OK)
        st = rank(ctx, scores, &s);
    for (int64_t i = 0; st == WAGLE_OK && i < n; i++)
        st = take(ctx, &s, density[i], &out[i]);
    wg_free(s.neuron);
    wg_free(s.matrix);
    return st;
}
