/* budget_text.c - the plan of a dry run, as text and as JSON. */
#include "base/json.h"
#include "dist/dist.h"
#include "ops/cpu/cpu.h"
#include "session/budget.h"

/* Seconds that the optimizer takes for a weight. */
static double measure_update(wagle_ctx *ctx, const wg_ops *ops)
{
    enum { N = 1 << 23 };
    static const wg_adamw_step step = {1, 0.9f, 0.999f, 0.1f, 0.001f, 1, 1e-5f, 1, 1e-8f, 0, 1};
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

/* What products use, and what they would at the other precision. */
static wagle_status tell_units(wagle_ctx *ctx, wg_text *t, const wg_ops *ops)
{
    const wg_cpu_kernels *kernels = ops->kernels;

    if (kernels == NULL)
        return WAGLE_OK;
    if (ops->panel_type == WG_BF16)
        return wg_text_printf(ctx, t, "  products in bf16 by %s\n",
                              wg_cpu_unit_names[kernels->unit]);
    return wg_text_printf(
        ctx, t, "  products in float32 by %s; in bf16 they would have %.0f GFLOP/s\n",
        wg_cpu_unit_names[kernels->unit], wg_measure_cpu(ctx, WAGLE_PRECISION_BF16) / 1e9);
}

/* What the processes send each other, and how long a step of `seconds` takes with that. */
static wagle_status tell_network(wagle_ctx *ctx, wg_text *t, const wg_session *s,
                                 const wg_need *need, double seconds)
{
    static const double gigabits[] = {10, 100};
    const int ranks = wg_ranks(ctx), most = wg_parts_of(ctx, ranks - 1, NULL);
    const double steps = (double)need->steps;

    if (ranks == 1)
        return WAGLE_OK;
    WG_TRY(wg_text_printf(ctx, t,
                          "network: each of %d processes sends %.4f GB each time, %.3f GB in all\n",
                          ranks, need->traffic.bytes / 1e9, need->traffic.bytes * steps / 1e9));
    for (int i = 0; seconds > 0 && i < 2; i++) {
        const double sent = wg_traffic_seconds(ctx, &need->traffic, gigabits[i]);
        WG_TRY(wg_text_printf(
            ctx, t, "  at %3.0f Gbit/s: %.3f s more, so %.2f s each, %lld in all: %.0f s\n",
            gigabits[i], sent, seconds + sent, (long long)need->steps, (seconds + sent) * steps));
    }
    if (most > wg_parts_of(ctx, 0, NULL))
        WG_TRY(wg_text_printf(ctx, t,
                              "  the last processes have %d parts, the first %d; with a power of "
                              "two all processes have equally many\n",
                              most, wg_parts_of(ctx, 0, NULL)));
    return wg_text_printf(ctx, t, "  each process maps %.3f GB of stored weights from files\n",
                          (double)wg_mapped_weights(ctx, s->model) / 1e9);
}

/* *seconds: of a step; 0 where it is not known. */
static wagle_status tell_time(wagle_ctx *ctx, wg_text *t, const wg_session *s, const wg_need *need,
                              const wg_plan *p, double *seconds)
{
    const double flops = wg_plan_flops(s->model, &need->intent, p);
    const double rate = wg_measure_products(ctx, s->model->ops);
    const double update = need->updated > 0 ? measure_update(ctx, s->model->ops) : 0;
    const double pass = rate > 0 ? WG_BESIDE_PRODUCTS * flops / rate : 0;
    const int passes = need->passes > 1 ? need->passes : 1;
    const double step = passes * pass + update * (double)need->updated / wg_ranks(ctx);

    *seconds = step;
    WG_TRY(wg_text_printf(ctx, t,
                          "time: %.1f GFLOP a pass of %lld tokens; %.0f GFLOP/s measured here\n",
                          flops / 1e9, (long long)need->intent.tokens, rate / 1e9));
    WG_TRY(tell_units(ctx, t, s->model->ops));
    WG_TRY(wg_text_printf(ctx, t, "  products and what goes with them %.2f s, optimizer %.2f s\n",
                          passes * pass, update * (double)need->updated / wg_ranks(ctx)));
    WG_TRY(wg_text_printf(ctx, t, "  predicted: %.2f s each, %lld in all: %.0f s\n", step,
                          (long long)need->steps, step * (double)need->steps));
    return tell_network(ctx, t, s, need, step);
}

static wagle_status tell_lines(wagle_ctx *ctx, wg_text *t, const char *title, bool card,
                               const wg_budget_lines *l)
{
    int64_t all = 0;

    WG_TRY(wg_text_printf(ctx, t, "%s:\n", title));
    for (int i = 0; i < l->n; i++) {
        if (l->line[i].card != card)
            continue;
        WG_TRY(tell_bytes(ctx, t, l->line[i].what, l->line[i].bytes));
        all += l->line[i].bytes;
    }
    return tell_bytes(ctx, t, "in all", all);
}

static wagle_status tell(wagle_ctx *ctx, wg_text *t, const wg_session *s, const wg_need *need,
                         const wg_plan *p, const wg_budget_lines *l, double *seconds)
{
    const bool card = l->card_limit > 0;

    *seconds = 0;
    if (card)
        WG_TRY(tell_lines(ctx, t, "memory of the card", true, l));
    if (card)
        WG_TRY(tell_bytes(ctx, t, "of", l->card_limit));
    WG_TRY(tell_lines(ctx, t,
                      card               ? "memory of the host"
                      : wg_together(ctx) ? "memory of each process, at most"
                                         : "memory",
                      false, l));
    if (p->spilled && !card)
        WG_TRY(wg_text_printf(ctx, t, "  and %.3f GB of layer inputs in a scratch file\n",
                              (double)p->checkpoints / 1e9));
    WG_TRY(wg_text_printf(ctx, t, "  %lld of %lld layers keep their activations\n",
                          (long long)p->saved_layers, (long long)s->model->config.L));
    if (need->steps == 0) /* the caller tells the time */
        return WAGLE_OK;
    return card ? tell_network(ctx, t, s, need, 0) : tell_time(ctx, t, s, need, p, seconds);
}

/* --- as JSON -----------------------------------------------------------------------------------
 */

wagle_status wg_set_plan_json(wagle_ctx *ctx, const json_t *plan)
{
    wg_free(ctx->plan_json);
    ctx->plan_json = NULL;
    return wg_json_text(ctx, plan, true, &ctx->plan_json);
}

/* One memory: what takes how much of it. */
static wagle_status list_lines(wagle_ctx *ctx, json_t *plan, const char *key, bool card,
                               const wg_budget_lines *l)
{
    json_t *memory = json_object(), *parts = json_array();
    int64_t all = 0;

    WG_TRY(wg_json_set(ctx, plan, key, memory));
    WG_TRY(wg_json_set(ctx, memory, "parts", parts));
    for (int i = 0; i < l->n; i++) {
        const wg_budget_line *line = &l->line[i];
        if (line->card != card)
            continue;
        all += line->bytes;
        if (json_array_append_new(parts, json_pack("{s:s, s:I}", "what", line->what, "bytes",
                                                   (json_int_t)line->bytes)) != 0)
            return wg_json_memory(ctx);
    }
    if (card)
        WG_TRY(wg_json_set(ctx, memory, "limit_bytes", json_integer(l->card_limit)));
    return wg_json_set(ctx, memory, "bytes", json_integer(all));
}

static wagle_status list_processes(wagle_ctx *ctx, json_t *plan, const wg_session *s,
                                   const wg_need *need)
{
    if (!wg_together(ctx))
        return WAGLE_OK;
    return wg_json_set(ctx, plan, "processes",
                       json_pack("{s:i, s:I, s:I, s:I}", "count", wg_ranks(ctx), "sent_bytes",
                                 (json_int_t)need->traffic.bytes, "steps", (json_int_t)need->steps,
                                 "mapped_bytes", (json_int_t)wg_mapped_weights(ctx, s->model)));
}

static wagle_status fill(wagle_ctx *ctx, json_t *plan, const wg_session *s, const wg_need *need,
                         const wg_plan *p, const wg_budget_lines *l)
{
    WG_TRY(list_processes(ctx, plan, s, need));
    WG_TRY(list_lines(ctx, plan, "host", false, l));
    if (l->card_limit > 0) {
        WG_TRY(list_lines(ctx, plan, "card", true, l));
        WG_TRY(
            wg_json_set(ctx, plan, "weights", json_string(p->streamed ? "streamed" : "resident")));
    }
    WG_TRY(wg_json_set(ctx, plan, "checkpoints_spilled", json_boolean(p->spilled)));
    WG_TRY(wg_json_set(ctx, plan, "layers_kept", json_integer(p->saved_layers)));
    return wg_json_set(ctx, plan, "layers", json_integer(s->model->config.L));
}

/* seconds: of a step; 0: not known. */
static wagle_status tell_json(wagle_ctx *ctx, const wg_session *s, const wg_need *need,
                              const wg_plan *p, const wg_budget_lines *l, double seconds)
{
    json_t *plan = json_pack("{s:s}", "schema", "wagle-plan-1");
    wagle_status st = plan != NULL ? fill(ctx, plan, s, need, p, l) : wg_json_memory(ctx);

    if (st == WAGLE_OK && seconds > 0)
        st = wg_json_set(ctx, plan, "time",
                         json_pack("{s:f, s:I, s:f}", "step_seconds", seconds, "steps",
                                   (json_int_t)need->steps, "seconds",
                                   seconds * (double)need->steps));
    if (st == WAGLE_OK)
        st = wg_set_plan_json(ctx, plan);
    json_decref(plan);
    return st;
}

static wagle_status add_disk_json(wagle_ctx *ctx, const wg_disk *disk)
{
    json_t *plan = ctx->plan_json != NULL ? json_loads(ctx->plan_json, 0, NULL) : json_object();
    wagle_status st = wg_json_set(
        ctx, plan, "disk",
        json_pack("{s:I, s:I, s:I}", "model_bytes", (json_int_t)disk->model, "checkpoint_bytes",
                  (json_int_t)disk->checkpoint, "at_once_bytes", (json_int_t)disk->in_all));

    if (st == WAGLE_OK)
        st = wg_set_plan_json(ctx, plan);
    json_decref(plan);
    return st;
}

/* --- both --------------------------------------------------------------------------------------
 */

wagle_status wg_budget_tell(wagle_ctx *ctx, const wg_session *s, const wg_need *need,
                            const wg_plan *p, const wg_budget_lines *l)
{
    wg_text t = {0};
    double seconds;
    const wagle_status st = tell(ctx, &t, s, need, p, l, &seconds);

    wg_free(ctx->plan);
    ctx->plan = st == WAGLE_OK ? wg_text_take(ctx, &t) : NULL;
    wg_text_free(&t);
    return st == WAGLE_OK ? tell_json(ctx, s, need, p, l, seconds) : st;
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
    return st == WAGLE_OK ? add_disk_json(ctx, disk) : st;
}
