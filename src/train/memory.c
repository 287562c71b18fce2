/* memory.c - what memory a run takes, and what goes into files if that is too much. */
#include "optim/lora.h"
#include "train/run.h"

#include <string.h>

/* The largest batch, or part of one: forget answers, what stands for them, retain rows. */
static wg_intent largest_batch(const wagle_ctx *ctx, const wg_run *w, wg_retain term)
{
    const int64_t parts = w->rules->curvature_every > 0 ? 1 : wg_parts(ctx);
    const int64_t rows = (w->o->batch + parts - 1) / parts;
    const int needs = w->objective->needs;
    const wg_dataset *retain = term != WG_RETAIN_NONE ? &w->data.retain : NULL;
    const bool forget = !(needs & WG_WITHOUT_FORGET), refusal = (needs & WG_NEEDS_REFUSALS) != 0;
    const wg_dataset *first = forget || !refusal ? &w->data.forget : &w->data.refusals;
    wg_intent in = wg_largest_batch(first, retain, rows);

    if (forget && refusal) {
        const wg_intent more = wg_largest_batch(&w->data.refusals, NULL, rows);
        in.tokens += more.tokens;
        in.labels += more.labels;
        in.longest = more.longest > in.longest ? more.longest : in.longest;
    }
    return in;
}

int64_t wg_run_trained(const wg_run *w)
{
    const wagle_train_options *o = w->o;
    const wg_model *m = w->session.model;
    const int64_t weights = wg_model_parameters(m);
    int64_t adapters, targets;

    wg_lora_sizes(m, o, &adapters, &targets);
    if (o->lora > 0)
        return adapters;
    if (o->mask == NULL && o->selector == NULL) /* under protection a tied table does not train */
        return o->protect.path != NULL && m->config.tied
                   ? weights - m->files.tensor[wg_model_tensor(m, WG_EMBED, 0)].count
                   : weights;
    return w->mask.n > 0 ? w->mask.selected : (int64_t)(o->density * (double)weights + 0.5);
}

/* What the untouched model takes when its outputs are wanted at every step. */
static int64_t reference_bytes(const wg_run *w, wg_retain term, const wg_intent *batch)
{
    const wg_model *m = w->session.model;
    wg_intent forward = *batch;
    wg_plan plan;

    forward.backward = false;
    forward.streams = 0;
    plan = wg_plan_make(m, &forward);
    if (m->ops->card_bytes > 0) /* both models read one copy there */
        plan.total -= plan.stored + plan.products;
    return wg_trainer_compares(w->objective, term) ? plan.total : 0;
}

static int64_t above(int64_t a, int64_t b)
{
    return a > b ? a - b : 0;
}

/* On a card, what losses of whole data sets take beyond the steps: of the untouched model, of rules
 * and searches. On the host such passes adapt to the limit. */
static int64_t measuring_bytes(const wg_run *w, const wg_intent *batch)
{
    const wg_model *m = w->session.model;
    const bool measures = w->o->monitor || w->stop.metric[0] != '\0' || w->o->lr == 0 ||
                          (w->objective->needs & WG_NEEDS_REFERENCE);
    wg_intent rows = wg_rows_intent(&w->data.forget), steps = *batch;
    wg_plan more, plan;

    if (m->ops->card_bytes == 0 || !measures)
        return 0;
    if (w->data.retain.n > 0 && wg_rows_intent(&w->data.retain).tokens > rows.tokens)
        rows = wg_rows_intent(&w->data.retain);
    more = wg_plan_make(m, &rows);
    plan = wg_plan_make(m, &steps);
    return above(more.checkpoints, plan.checkpoints) + above(more.working, plan.working) +
           above(more.head, plan.head) + above(more.products, plan.products);
}

/* --- protection --------------------------------------------------------------------------------
 */

static int64_t factor_bytes(const wg_run *w)
{
    const int64_t tokens = wg_protect_tokens(&w->protect_rows.all);

    return tokens > 0 ? wg_protect_bytes(w->session.model, w->o, tokens) : 0;
}

static int64_t update_bytes(const wg_run *w)
{
    return w->protect_rows.all.n > 0
               ? wg_protect_update_bytes(w->session.model, w->o, wg_run_trained(w))
               : 0;
}

/* --- the run's need ----------------------------------------------------------------------------
 */

enum { STATE, FACTORS, UPDATE, UPLOADED, MASK, REFERENCE, MEASURING, MERGED, MADE, PARTS, COSTS };

/* The trained model of a run in memory, at most: each tensor that may change is there whole. */
static int64_t made_bytes(const wg_run *w)
{
    const wg_model *m = w->session.model;
    int64_t bytes = 0;

    for (int t = 0; w->o->made != NULL && t < m->files.n; t++)
        if (wg_model_is_weight(m, t) &&
            (!w->masked || w->mask.n == 0 || wg_mask_find(&w->mask, m->files.tensor[t].name)))
            bytes += (int64_t)m->files.tensor[t].bytes;
    return bytes;
}

static int64_t value_bytes(const wg_run *w)
{
    return w->o->master == WAGLE_MASTER_F32 ? 4 : 2;
}

/* On the host, a process does not touch memory for moments of the others' slices, but the one that
 * writes checkpoints gathers them there. */
static int64_t state_bytes(const wagle_ctx *ctx, const wg_run *w)
{
    const int64_t n = wg_run_trained(w), all = wg_optimizer_bytes(w->rules, n, w->o);
    const int64_t every = n * (value_bytes(w) + 4); /* weights, gradients */
    const bool whole = w->session.model->ops->card_bytes > 0 || (wg_writes(ctx) && w->files);

    return whole ? all : every + (all - every) / wg_ranks(ctx);
}

static void list_costs(const wagle_ctx *ctx, const wg_run *w, const wg_intent *batch,
                       wg_retain term, wg_cost cost[COSTS])
{
    const wagle_train_options *o = w->o;
    const int64_t weights = wg_model_parameters(w->session.model);
    const int64_t mask = weights / 8 + weights / WG_OVERLAY_BLOCK * 8;
    const int64_t state = state_bytes(ctx, w);
    const bool masked = o->mask != NULL || o->selector != NULL;
    const bool card = w->session.model->ops->card_bytes > 0;
    int64_t adapters, targets;

    wg_lora_sizes(w->session.model, o, &adapters, &targets);
    cost[STATE] = (wg_cost){o->master == WAGLE_MASTER_F32 ? "optimizer: masters, gradient, moments"
                                                          : "optimizer: weights in bf16, gradient, "
                                                            "moments",
                            state, WG_COST_CARD};
    cost[FACTORS] = (wg_cost){"factors of protected matrices, at most",
                              w->spill_factors ? 0 : factor_bytes(w), WG_COST_HOST};
    cost[UPDATE] = (wg_cost){"update of a protected matrix", update_bytes(w), WG_COST_CARD};
    cost[UPLOADED] = (wg_cost){"factors of protected matrices, uploaded",
                               card ? factor_bytes(w) : 0, WG_COST_CARD};
    cost[MASK] = (wg_cost){"mask", masked ? mask : 0, WG_COST_BOTH};
    cost[REFERENCE] =
        (wg_cost){"untouched model's pass", reference_bytes(w, term, batch), WG_COST_CARD};
    cost[MEASURING] =
        (wg_cost){"losses of whole data sets", measuring_bytes(w, batch), WG_COST_CARD};
    cost[MERGED] =
        (wg_cost){"merged matrices", o->lora > 0 ? 4 * (targets + WG_LORA_BLOCK) : 0, WG_COST_CARD};
    cost[PARTS] = (wg_cost){"gradients of parts that wait for others",
                            wg_sharing_bytes(ctx, wg_run_trained(w)), WG_COST_CARD};
    cost[MADE] = (wg_cost){"trained model in memory, at most", made_bytes(w), WG_COST_HOST};
}

static wg_traffic step_traffic(const wagle_ctx *ctx, const wg_run *w)
{
    const int64_t batches = w->o->accumulate; /* of an update; one is followed by sums */
    wg_traffic t = wg_step_traffic(ctx, wg_run_trained(w), value_bytes(w));

    t.bytes /= (double)batches;
    t.exchanges = (t.exchanges + batches - 1) / batches;
    return t;
}

/* What the optimizer's state takes less than with --master f32 and the same --state. */
static void say_saved(wagle_ctx *ctx, const wg_run *w)
{
    wagle_train_options usual = *w->o;
    const int64_t n = wg_run_trained(w), bytes = wg_optimizer_bytes(w->rules, n, &usual);

    usual.master = WAGLE_MASTER_F32;
    if (w->o->master != WAGLE_MASTER_F32)
        wg_log(ctx, 1,
               "weights are trained in bf16: that takes %.1f MB less than @{master=f32}, whose "
               "optimizer takes %.1f MB",
               (double)(wg_optimizer_bytes(w->rules, n, &usual) - bytes) / 1e6,
               (double)wg_optimizer_bytes(w->rules, n, &usual) / 1e6);
}

wagle_status wg_run_budget(wagle_ctx *ctx, wg_run *w, wg_retain term)
{
    const wagle_train_options *o = w->o;
    const bool masked = o->mask != NULL || o->selector != NULL;
    const wg_intent batch = largest_batch(ctx, w, term);
    wg_cost cost[COSTS];
    const wg_spill part[] = {
        {&cost[FACTORS], &w->spill_factors, "factors of protected matrices go"},
        {&cost[STATE], &w->spill_state, "the optimizer's state goes"}};
    wg_need need = {.intent = batch,
                    .cost = cost,
                    .n = COSTS,
                    .steps = w->steps * o->accumulate,
                    .updated = wg_run_trained(w),
                    .passes = wg_most_passes(ctx, o->batch),
                    .traffic = step_traffic(ctx, w),
                    .hint = o->state == WAGLE_STATE_BF16 || o->master == WAGLE_MASTER_BF16
                                ? "a lower @{density} or @{batch} takes less"
                                : "@{state=bf16} and a lower @{density} or @{batch} take less"};

    wg_add_shared_traffic(ctx, w->session.model, need.passes, &need.traffic);
    list_costs(ctx, w, &batch, term, cost);
    say_saved(ctx, w);
    need.intent.folder = w->partial;
    need.intent.streams = o->rectify > 0 ? 2 : 1;
    need.intent.placed = !masked && o->accumulate == 1 && o->lora == 0 && o->rectify == 0;
    WG_TRY(wg_budget_spilling(ctx, &w->session, &need, part, w->partial != NULL ? 2 : 0));
    WG_TRY(wg_protect_fits(ctx, &w->session, &w->protect_rows.all, o, cost[FACTORS].bytes));
    need.only_check = true; /* the engine's limit is that of the steps again */
    return wg_budget(ctx, &w->session, &need);
}
