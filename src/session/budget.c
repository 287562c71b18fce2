#include "session/budget.h"

#include "ops/cpu/cpu.h"
#include "ops/cuda/cuda.h"

#include <stdlib.h>
#include <string.h>

/* The program, its libraries, packed panels of products, buffers of files: measured. */
static const int64_t base_bytes = 40 << 20;
/* On a card: lists of batches, constants. */
static const int64_t card_base_bytes = 1 << 20;

static int downwards(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? 1 : x > y ? -1 : 0;
}

static int64_t size_of(const wg_example *e, bool labels)
{
    return labels ? e->n_labels : wg_example_inputs(e);
}

/* Sum over the n longest examples, of tokens or of labels; n below all of them is a batch, which
 * has at most 4096. */
static int64_t sum_of_largest(const wg_dataset *d, int64_t n, bool labels)
{
    int64_t kept[4096], k = 0, sum = 0;

    for (int64_t i = 0; n >= d->n && i < d->n; i++)
        sum += size_of(&d->example[i], labels);
    if (n >= d->n)
        return sum;
    n = n < 1 ? 1 : n < 4096 ? n : 4096;
    for (int64_t i = 0; i < d->n; i++) {
        const int64_t value = size_of(&d->example[i], labels);
        if (k < n) {
            kept[k++] = value;
            if (k == n)
                qsort(kept, (size_t)k, sizeof *kept, downwards);
            continue;
        }
        if (value <= kept[k - 1])
            continue;
        kept[k - 1] = value;
        for (int64_t j = k - 1; j > 0 && kept[j] > kept[j - 1]; j--) {
            const int64_t swap = kept[j];
            kept[j] = kept[j - 1];
            kept[j - 1] = swap;
        }
    }
    for (int64_t j = 0; j < k; j++)
        sum += kept[j];
    return sum;
}

wg_intent wg_largest_batch(const wg_dataset *a, const wg_dataset *b, int64_t n)
{
    wg_intent in = {.backward = true, .streams = 1, .longest = a->longest};

    in.tokens = sum_of_largest(a, n, false);
    in.labels = sum_of_largest(a, n, true);
    if (b == NULL || b->n == 0)
        return in;
    in.tokens += sum_of_largest(b, n, false);
    in.labels += sum_of_largest(b, n, true);
    in.longest = b->longest > in.longest ? b->longest : in.longest;
    return in;
}

double wg_measure_products(wagle_ctx *ctx, const wg_ops *ops)
{
    enum { M = 480, N = 1536, K = 768 };
    wg_buffer room = {0};
    double done = 0, took = 0;

    if (wg_buffer_reserve(ctx, ops, &room, M * K + N * K + M * N) != WAGLE_OK)
        return 0;
    const wg_real *x = room.data;
    const wg_operand weights = {ops->panel_type, x + M * K, K, true};
    const double start = wg_seconds();
    while (took < 0.7) {
        ops->gemm(ops, M, N, K, wg_matrix(x, K), weights, false, room.data + (M + N) * K, N);
        if (ops->sync(ops, ctx) != WAGLE_OK)
            break;
        done += 2.0 * M * N * K;
        took = wg_seconds() - start;
    }
    wg_buffer_free(ops, &room);
    return took > 0 ? done / took : 0;
}

double wg_measure_cpu(wagle_ctx *ctx, wagle_precision precision)
{
    const wg_ops *ops;
    double rate;

    if (wg_cpu_open_at(ctx, precision, &ops) != WAGLE_OK)
        return 0;
    rate = wg_measure_products(ctx, ops);
    ops->close(ops);
    return rate;
}

/* --- what a run takes, by purpose --------------------------------------------------------------
 */

static void add_line(wg_budget_lines *l, bool card, const char *what, int64_t bytes)
{
    if (bytes > 0 && l->n < WG_BUDGET_LINES)
        l->line[l->n++] = (wg_budget_line){what, bytes, card};
}

static int64_t sum(const wg_budget_lines *l, bool card)
{
    int64_t bytes = 0;

    for (int i = 0; i < l->n; i++)
        bytes += l->line[i].card == card ? l->line[i].bytes : 0;
    return bytes;
}

/* What the run holds beside the passes. */
static void list_held(const wg_need *need, bool card, wg_budget_lines *l)
{
    for (int i = 0; i < need->n; i++) {
        const wg_cost *c = &need->cost[i];
        if (!card || c->where != WG_COST_CARD)
            add_line(l, false, c->what, c->bytes);
        if (card && c->where != WG_COST_HOST)
            add_line(l, true, c->what, c->bytes);
    }
    add_line(l, false, "program and buffers", base_bytes);
    add_line(l, false, "pinned buffers for stored weights", card ? WG_CUDA_PINNED : 0);
    add_line(l, true, "workspace of products", card ? WG_CUDA_WORKSPACE + card_base_bytes : 0);
}

/* What the passes take; on a card all but what is spilled lies there. */
static void list_passes(const wg_plan *p, bool card, wg_budget_lines *l)
{
    add_line(l, false, "layer inputs (checkpoints), pinned",
             card && p->spilled ? p->checkpoints : 0);
    add_line(l, card, "layer inputs (checkpoints)", p->spilled ? 0 : p->checkpoints);
    add_line(l, card, "activations kept", p->saved);
    add_line(l, card, "activations of the layer at hand", p->working);
    add_line(l, card, "weights of the layer at hand, widened", p->weights);
    add_line(l, card,
             !card         ? "stored weights mapped"
             : p->streamed ? "stored weights, from the host in each pass"
                           : "stored weights",
             p->stored);
    add_line(l, card, "gradients of the layer at hand and the table", p->gradients);
    add_line(l, card, "head", p->head);
    add_line(l, card, "operands of products, lists", p->products);
}

/* --- deciding ----------------------------------------------------------------------------------
 */

/* Which memory is too small. */
typedef enum shortage { NONE, HOST, CARD } shortage;

/* memory: of the host, 0: no limit. */
static shortage decide(const wg_model *m, int64_t memory, wg_need *need, wg_plan *plan,
                       wg_budget_lines *l)
{
    const int64_t card_bytes = m->ops->card_bytes;
    const bool card = card_bytes > 0;
    const int64_t limit = card ? card_bytes : memory;

    *l = (wg_budget_lines){.card_limit = card_bytes};
    list_held(need, card, l);
    if (m->files.merged != NULL)
        add_line(l, false, "tensors merged with the adapter",
                 (int64_t)m->files.merged->pages.bytes);
    if (limit > 0)
        need->intent.budget = limit > sum(l, card) ? limit - sum(l, card) : 1;
    *plan = wg_plan_make(m, &need->intent);
    list_passes(plan, card, l);
    if (card && sum(l, true) > card_bytes)
        return CARD;
    return memory > 0 && sum(l, false) > memory ? HOST : NONE;
}

/* Passes to come obey the plan. */
static void limit_engine(wg_session *s, const wg_intent *in, const wg_plan *plan)
{
    wg_limit limit = {
        .budget = in->budget, .folder = in->folder, .streams = in->streams, .placed = in->placed};

    if (s->model->ops->card_bytes > 0)
        limit.most = *plan;
    wg_engine_limit(s->engine, &limit);
}

wg_fit wg_budget_fit(const wg_model *m, int64_t memory, const wg_need *need)
{
    wg_need full = *need;
    wg_budget_lines lines;
    wg_plan plan;
    const shortage lack = decide(m, memory, &full, &plan, &lines);

    return (wg_fit){.host = sum(&lines, false),
                    .card = sum(&lines, true),
                    .streamed = plan.streamed,
                    .fits = lack == NONE};
}

static wagle_status refuse(wagle_ctx *ctx, shortage lack, const wg_budget_lines *l,
                           const char *hint)
{
    const double needed = (double)sum(l, lack == CARD) / 1e9;
    const char *const by = hint != NULL ? "; " : "", *const how = hint != NULL ? hint : "";

    if (lack == HOST)
        return wg_fail(ctx, WAGLE_E_RESOURCE,
                       "not enough memory: the plan needs %.2f GB and @{memory} is %.2f GB%s%s",
                       needed, (double)ctx->memory / 1e9, by, how);
    return wg_fail(ctx, WAGLE_E_RESOURCE,
                   "not enough GPU memory: the plan needs %.3f GB and %s %.3f GB%s%s", needed,
                   ctx->card_memory > 0 ? "@{gpu_memory} is" : "what is free, less 5 %, is",
                   (double)l->card_limit / 1e9, by, how);
}

/* As wg_budget, which names the memory that is too small. */
static wagle_status look(wagle_ctx *ctx, wg_session *s, const wg_need *need, shortage *lack)
{
    wg_need full = *need;
    wg_budget_lines lines;
    wg_plan plan;

    *lack = decide(s->model, ctx->memory, &full, &plan, &lines);
    limit_engine(s, &full.intent, &plan);
    if (ctx->dry_run && !need->only_check)
        WG_TRY(wg_budget_tell(ctx, s, &full, &plan, &lines));
    return *lack == NONE ? WAGLE_OK : refuse(ctx, *lack, &lines, need->hint);
}

wagle_status wg_budget(wagle_ctx *ctx, wg_session *s, const wg_need *need)
{
    shortage lack;

    return look(ctx, s, need, &lack);
}

/* The part leaves the memory that is too small: for a scratch file, or from a card for the host. */
static void spill(const wg_spill *part, shortage lack)
{
    *part->spilled = true;
    if (lack == CARD)
        part->cost->where = WG_COST_HOST;
    else
        part->cost->bytes = 0;
}

static bool would_help(const wg_spill *part, bool card, shortage lack)
{
    const bool on_card = card && part->cost->where == WG_COST_CARD;

    return part->cost->bytes > 0 && !*part->spilled && lack == (on_card ? CARD : HOST);
}

wagle_status wg_budget_spilling(wagle_ctx *ctx, wg_session *s, const wg_need *need,
                                const wg_spill *part, int n)
{
    enum { MOST = 4 };
    const bool card = s->model->ops->card_bytes > 0;
    shortage where[MOST] = {NONE};
    int64_t bytes[MOST] = {0};
    shortage lack;
    wagle_status st = look(ctx, s, need, &lack);

    for (int i = 0; i < n && i < MOST && st == WAGLE_E_RESOURCE && lack != NONE; i++) {
        if (!would_help(&part[i], card, lack))
            continue;
        bytes[i] = part[i].cost->bytes;
        where[i] = lack;
        wg_forget_failure(ctx);
        spill(&part[i], lack);
        st = look(ctx, s, need, &lack);
    }
    for (int i = 0; i < MOST && st == WAGLE_OK; i++)
        if (bytes[i] > 0)
            wg_log(ctx, 1, "%s into %s of up to %.1f GB, because %s has no room for them",
                   part[i].what, where[i] == CARD ? "pinned memory of the host" : "a scratch file",
                   (double)bytes[i] / 1e9, where[i] == CARD ? "the card" : "@{memory}");
    return st;
}
