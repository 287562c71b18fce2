/* batch.c - packs sequences without padding; sequences may share a common prefix. */
#include "data/dataset.h"

static wagle_status reserve(wagle_ctx *ctx, wg_batch *b, int64_t S, int64_t N, int64_t M)
{
    int64_t capacity = b->capacity_S;

    WG_TRY(WG_GROW(ctx, &b->start, &capacity, S + 1));
    WG_TRY(WG_GROW(ctx, &b->label_start, &b->capacity_S, S + 1));
    capacity = b->capacity_N;
    WG_TRY(WG_GROW(ctx, &b->ids, &capacity, N));
    WG_TRY(WG_GROW(ctx, &b->position, &b->capacity_N, N));
    capacity = b->capacity_M;
    WG_TRY(WG_GROW(ctx, &b->row, &capacity, M));
    return WG_GROW(ctx, &b->target, &b->capacity_M, M);
}

int64_t wg_example_inputs(const wg_example *e)
{
    int64_t i = e->n - 1;

    while (i > 0 && e->labels[i] == WG_NO_LABEL)
        i--;
    return i;
}

int64_t wg_example_given(const wg_example *e)
{
    int64_t i = 1;

    if (e->given > 0 && e->given <= e->n)
        return e->given;
    while (i < e->n && e->labels[i] == WG_NO_LABEL)
        i++;
    return i;
}

wg_ids wg_example_prompt(const wg_example *e)
{
    return e->alone.n > 0 ? e->alone : (wg_ids){.id = e->ids, .n = wg_example_given(e)};
}

wagle_status wg_batch_fill(wagle_ctx *ctx, wg_batch *b, const wg_example *const *examples,
                           int64_t n, int64_t n_forget)
{
    int64_t N = 0, M = 0;

    for (int64_t s = 0; s < n; s++) {
        N += examples[s]->n;
        M += s >= n - b->n_full_label_seqs ? examples[s]->n : examples[s]->n_labels;
    }
    WG_TRY(reserve(ctx, b, n, N, M));
    b->S = n;
    b->N = b->M = 0;
    b->n_forget = n_forget;
    b->shared = false;
    for (int64_t s = 0; s < n; s++) {
        const wg_example *e = examples[s];
        b->start[s] = b->N;
        b->label_start[s] = b->M;
        const bool full_labels = s >= n - b->n_full_label_seqs;
        const int64_t end = b->keep_unlabelled || full_labels ? e->n : wg_example_inputs(e);
        for (int64_t i = 0; i < end; i++) {
            b->ids[b->N] = e->ids[i];
            b->position[b->N] = (int32_t)i;
            const int32_t label = i + 1 < e->n ? e->labels[i + 1] : WG_NO_LABEL;
            if (full_labels || label != WG_NO_LABEL) {
                b->row[b->M] = b->N;
                b->target[b->M++] = label;
            }
            b->N++;
        }
    }
    b->start[n] = b->N;
    b->label_start[n] = b->M;
    return WAGLE_OK;
}

/* A sequence that is about to be added. */
typedef struct candidate {
    const wg_example *e;
    int64_t inputs, root, parent, common;
} candidate;

/* Finds the earlier sequence of the group that has the longest common prefix with s. */
static void find_parent(const wg_batch *b, int64_t s, candidate *c)
{
    c->common = 0;
    for (int64_t p = c->root; p < s; p++) {
        const int64_t *path = b->path + b->path_start[p];
        const int64_t n = b->path_start[p + 1] - b->path_start[p];
        int64_t k = 0;
        while (k < n && k < c->inputs && b->ids[path[k]] == c->e->ids[k])
            k++;
        if (k > c->common) {
            c->common = k;
            c->parent = p;
        }
    }
}

/* Decides whether sequence s extends an earlier one of the last group or starts a new group. */
static candidate choose_group(const wg_batch *b, const wg_example *e, int64_t s, int64_t max_group)
{
    candidate c = {.e = e, .inputs = wg_example_inputs(e), .root = s > 0 ? b->root[s - 1] : 0};

    find_parent(b, s, &c);
    if (s == 0 || c.common * 8 < c.inputs ||
        b->N + c.inputs - c.common - b->start[c.root] > max_group) {
        c.common = 0;
        c.root = s;
    }
    return c;
}

static wagle_status reserve_shared(wagle_ctx *ctx, wg_batch *b, int64_t S, const candidate *c)
{
    int64_t capacity = b->capacity_paths;

    WG_TRY(reserve(ctx, b, S, b->N + c->inputs, b->M + c->e->n_labels));
    WG_TRY(WG_GROW(ctx, &b->path_start, &capacity, S + 1));
    WG_TRY(WG_GROW(ctx, &b->root, &b->capacity_paths, S + 1));
    return WG_GROW(ctx, &b->path, &b->capacity_path,
                   (S > 1 ? b->path_start[S - 1] : 0) + c->inputs);
}

static void add_shared(wg_batch *b, int64_t s, const candidate *c)
{
    const int64_t from = s > 0 ? b->path_start[s] : 0;
    int64_t *path = b->path + from;

    b->start[s] = b->N;
    b->label_start[s] = b->M;
    b->root[s] = c->root;
    b->path_start[s] = from;
    for (int64_t i = 0; i < c->inputs; i++) {
        path[i] = i < c->common ? b->path[b->path_start[c->parent] + i] : b->N;
        if (i >= c->common) {
            b->ids[b->N] = c->e->ids[i];
            b->position[b->N++] = (int32_t)i;
        }
        if (c->e->labels[i + 1] != WG_NO_LABEL) {
            b->row[b->M] = path[i];
            b->target[b->M++] = c->e->labels[i + 1];
        }
    }
    b->path_start[s + 1] = from + c->inputs;
    b->start[s + 1] = b->N;
    b->label_start[s + 1] = b->M;
}

wagle_status wg_batch_fill_shared(wagle_ctx *ctx, wg_batch *b, const wg_example *examples,
                                  int64_t n, int64_t max_tokens, int64_t max_group)
{
    int64_t s;

    b->N = b->M = 0;
    b->shared = false;
    for (s = 0; s < n; s++) {
        const candidate c = choose_group(b, &examples[s], s, max_group);
        if (s > 0 && (b->N + c.inputs - c.common > max_tokens || b->M + c.e->n_labels > max_tokens))
            break;
        WG_TRY(reserve_shared(ctx, b, s + 1, &c));
        add_shared(b, s, &c);
        b->shared |= c.common > 0;
    }
    b->S = b->n_forget = s;
    return WAGLE_OK;
}

void wg_batch_free(wg_batch *b)
{
    wg_free(b->start);
    wg_free(b->label_start);
    wg_free(b->ids);
    wg_free(b->position);
    wg_free(b->row);
    wg_free(b->target);
    wg_free(b->path_start);
    wg_free(b->path);
    wg_free(b->root);
    *b = (wg_batch){0};
}

int64_t wg_batch_longest(const wg_batch *batch)
{
    const int64_t *start = batch->shared ? batch->path_start : batch->start;
    int64_t longest = 0;

    for (int64_t s = 0; s < batch->S; s++)
        longest = start[s + 1] - start[s] > longest ? start[s + 1] - start[s] : longest;
    return longest;
}
