#include "session/budget.h"

#include "ops/cpu/cpu.h"

#include <stdlib.h>
#include <string.h>

/* The program, its libraries, packed panels of products, buffers of files: measured. */
static const int64_t base_bytes = 40 << 20;

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

double wg_measure_cpu(wagle_ctx *ctx, wg_precision precision)
{
    const wg_ops *ops;
    double rate;

    if (wg_cpu_open_at(ctx, precision, &ops) != WAGLE_OK)
        return 0;
    rate = wg_measure_products(ctx, ops);
    ops->close(ops);
    return rate;
}

/* Seconds that the optimizer takes for a weight. */
static double measure_update(wagle_ctx *ctx, const wg_ops *ops)
{
    enum { N = 1 << 23 };
    static const wg_adamw_step step = {1, 0.9f, 0.999f, 0.1f, 0.001f, 1, 1e-5f, 1, 1e-8f, 0};
    wg_buffer room = {0};
    double best = 1;

    if (wg_buffer_reserve(ctx, ops, &room, 4 * (int64_t)N) != WAGLE_OK)
        return 0;
    for (int i = 0; i < 4; i++) {
        const double start = wg_seconds();
        float *x = room.data;
        ops->adamw(ops, &step, N, x, x + N, x + 2 * N, x + 3 * (int64_t)N);
        if (ops->sync(ops, ctx) != WAGLE_OK)
            break;
        if (i > 0 && wg_seconds() - start < best) /* the first touches the pages */
            best = wg_seconds() - start;
    }
    wg_buffer_free(ops, &room);
    return best / N;
}

static wagle_status tell_bytes(wagle_ctx *ctx, wg_text *t, const char *what, int64_t bytes)
{
    return bytes > 0 ? wg_text_printf(ctx, t, "  %-44s %10.3f GB\n", what, (double)bytes / 1e9)
                     : WAGLE_OK;
}

static wagle_status tell_time(wagle_ctx *ctx, wg_text *t, const wg_session *s, const wg_need *need,
                              const wg_plan *p)
{
    const double flops = wg_plan_flops(s->model, &need->intent, p);
    const double rate = wg_measure_products(ctx, s->model->ops);
    const double update = need->updated > 0 ? measure_update(ctx, s->model->ops) : 0;
    /* beside products: activations, norms, attention, packing; a share that was measured */
    const double pass = rate > 0 ? 1.12 * flops / rate : 0;
    const double step = pass + update * (double)need->updated;
    const wg_cpu_kernels *kernels = s->model->ops->kernels;
    const char *units = kernels != NULL ? wg_cpu_unit_names[kernels->unit] : NULL;
    const bool short_operands = s->model->ops->panel_type == WG_BF16;

    WG_TRY(wg_text_printf(ctx, t,
                          "time: %.1f GFLOP a pass of %lld tokens; %.0f GFLOP/s measured here\n",
                          flops / 1e9, (long long)need->intent.tokens, rate / 1e9));
    if (units != NULL && !short_operands)
        WG_TRY(wg_text_printf(ctx, t,
                              "  products in float32 by %s; in bf16 they would have %.0f GFLOP/s\n",
                              units, wg_measure_cpu(ctx, WG_PRECISION_BF16) / 1e9));
    else if (units != NULL)
        WG_TRY(wg_text_printf(ctx, t, "  products in bf16 by %s\n", units));
    WG_TRY(wg_text_printf(ctx, t, "  products and what goes with them %.2f s, optimizer %.2f s\n",
                          pass, update * (double)need->updated));
    return wg_text_printf(ctx, t, "  predicted: %.2f s each, %lld in all: %.0f s\n", step,
                          (long long)need->steps, step * (double)need->steps);
}

static wagle_status tell(wagle_ctx *ctx, const wg_session *s, const wg_need *need, const wg_plan *p,
                         int64_t total)
{
    const struct {
        const char *what;
        int64_t bytes;
    } part[] = {{"layer inputs (checkpoints)", p->spilled ? 0 : p->checkpoints},
                {"activations kept", p->saved},
                {"activations of the layer at hand", p->working},
                {"weights of the layer at hand, widened", p->weights},
                {"stored weights mapped", p->mapped},
                {"gradients of the layer at hand and the table", p->gradients},
                {"head", p->head},
                {"program and buffers", base_bytes}};
    wg_text t = {0};
    wagle_status st = wg_text_addz(ctx, &t, "memory:\n");

    for (int i = 0; st == WAGLE_OK && i < need->n; i++)
        st = tell_bytes(ctx, &t, need->cost[i].what, need->cost[i].bytes);
    for (size_t i = 0; st == WAGLE_OK && i < sizeof part / sizeof *part; i++)
        st = tell_bytes(ctx, &t, part[i].what, part[i].bytes);
    if (st == WAGLE_OK)
        st = tell_bytes(ctx, &t, "in all", total);
    if (st == WAGLE_OK && p->spilled)
        st = wg_text_printf(ctx, &t, "  and %.3f GB of layer inputs in a scratch file\n",
                            (double)p->checkpoints / 1e9);
    if (st == WAGLE_OK)
        st = wg_text_printf(ctx, &t, "  %lld of %lld layers keep their activations\n",
                            (long long)p->saved_layers, (long long)s->model->config.L);
    if (st == WAGLE_OK)
        st = tell_time(ctx, &t, s, need, p);
    wg_free(ctx->plan);
    ctx->plan = st == WAGLE_OK ? wg_text_take(ctx, &t) : NULL;
    wg_text_free(&t);
    return st;
}

wagle_status wg_budget_add(wagle_ctx *ctx, const wg_disk *disk)
{
    wg_text t = {0};
    wagle_status st = wg_text_printf(ctx, &t, "%sdisk:\n", ctx->plan != NULL ? ctx->plan : "");

    if (st == WAGLE_OK)
        st = tell_bytes(ctx, &t, "model", disk->model);
    if (st == WAGLE_OK)
        st = tell_bytes(ctx, &t, "checkpoint, if it is interrupted", disk->checkpoint);
    if (st == WAGLE_OK)
        st = tell_bytes(ctx, &t, "at once, if it is not", disk->in_all);
    wg_free(ctx->plan);
    ctx->plan = st == WAGLE_OK ? wg_text_take(ctx, &t) : NULL;
    wg_text_free(&t);
    return st;
}

wagle_status wg_budget(wagle_ctx *ctx, wg_session *s, const wg_need *need)
{
    wg_need full = *need;
    int64_t held = base_bytes;
    wg_plan plan;

    for (int i = 0; i < need->n; i++)
        held += need->cost[i].bytes;
    if (ctx->memory > 0)
        full.intent.budget = ctx->memory > held ? ctx->memory - held : 1;
    plan = wg_plan_make(s->model, &full.intent);
    wg_engine_limit(s->engine, &(wg_limit){.budget = full.intent.budget,
                                           .folder = full.intent.folder,
                                           .streams = full.intent.streams,
                                           .placed = full.intent.placed});
    if (ctx->dry_run && !need->only_check)
        WG_TRY(tell(ctx, s, &full, &plan, held + plan.total));
    if (ctx->memory > 0 && held + plan.total > ctx->memory)
        return wg_fail(ctx, WAGLE_E_RESOURCE,
                       "not enough memory: the plan needs %.2f GB and @{memory} is %.2f GB%s%s",
                       (double)(held + plan.total) / 1e9, (double)ctx->memory / 1e9,
                       need->hint != NULL ? "; " : "", need->hint != NULL ? need->hint : "");
    return WAGLE_OK;
}

wagle_status wg_budget_spilling(wagle_ctx *ctx, wg_session *s, const wg_need *need,
                                const wg_spill *part, int n)
{
    enum { MOST = 4 };
    int64_t bytes[MOST] = {0};
    wagle_status st = wg_budget(ctx, s, need);

    for (int i = 0; i < n && i < MOST && st == WAGLE_E_RESOURCE && ctx->memory > 0; i++) {
        bytes[i] = part[i].cost->bytes;
        if (bytes[i] == 0)
            continue;
        wg_forget_failure(ctx);
        part[i].cost->bytes = 0;
        *part[i].spilled = true;
        st = wg_budget(ctx, s, need);
    }
    for (int i = 0; i < MOST && st == WAGLE_OK; i++)
        if (bytes[i] > 0)
            wg_log(
                ctx, 1,
                "%s into a scratch file of up to %.1f GB, because @{memory} has no room for them",
                part[i].what, (double)bytes[i] / 1e9);
    return st;
}
