#include "session/tally.h"

#include "base/json.h"
#include "model/decode.h"
#include "session/budget.h"

static int64_t most_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void wg_tally_pass(wg_tally *t, const wg_batch *b, bool back)
{
    wg_intent *in = &t->pass;

    in->tokens = most_of(in->tokens, b->N);
    in->labels = most_of(in->labels, b->M);
    in->backward |= back;
    in->longest = most_of(in->longest, wg_batch_longest(b));
    *(back ? &t->graded_tokens : &t->tokens) += b->N;
    *(back ? &t->graded_labels : &t->labels) += b->M;
}

void wg_tally_texts(wg_tally *t, const wg_ids *prompt, const int64_t *limit, int64_t most,
                    int64_t n, int64_t at_once)
{
    const int64_t together = n < at_once ? n : at_once;
    int64_t longest = 0, tokens = 0;

    for (int64_t i = 0; i < n; i++) {
        longest = most_of(longest, prompt[i].n);
        tokens += prompt[i].n;
        t->new_tokens += limit != NULL ? limit[i] : most;
    }
    t->texts += n;
    t->prompt_tokens += tokens;
    t->steps += (n + at_once - 1) / at_once * most;
    t->at_once = most_of(t->at_once, together);
    t->longest = most_of(t->longest, longest + most);
    t->read_at_once = most_of(t->read_at_once, wg_decoder_read_at_once(longest, tokens));
}

void wg_tally_second(wg_tally *t, const wg_model *m)
{
    wg_intent losses = t->pass;

    losses.backward = false;
    t->second = most_of(t->second, wg_plan_make(m, &losses).total);
}

/* --- memory ------------------------------------------------------------------------------------
 */

static wagle_status tell_memory(wagle_ctx *ctx, wg_session *s, const wg_tally *t)
{
    const wg_model *m = s->model;
    const int64_t V = m->config.V, memory = ctx->memory;
    const wg_decoder_size size = wg_decoder_size_of(m, t->at_once, t->longest, t->read_at_once);
    const bool writes = t->texts > 0;
    const wg_cost cost[] = {
        {.what = "keys and values of texts, at most",
         .bytes = writes ? size.caches : 0,
         .where = WG_COST_CARD},
        {.what = "reading prompts and writing texts",
         .bytes = writes ? size.scratch : 0,
         .where = WG_COST_CARD},
        {.what = "logits of texts",
         .bytes = writes ? (t->at_once + 4) * V * (int64_t)sizeof(float) : 0},
        {.what = "second model and its passes", .bytes = t->second, .where = WG_COST_CARD}};
    wg_need need = {.intent = t->pass, .cost = cost, .n = sizeof cost / sizeof *cost};
    wagle_status st;

    need.intent.tokens = most_of(need.intent.tokens, 1);
    need.intent.labels = most_of(need.intent.labels, 1);
    need.intent.longest = most_of(need.intent.longest, 1);
    ctx->memory = 0; /* an evaluation does not obey it */
    st = wg_budget(ctx, s, &need);
    ctx->memory = memory;
    return st;
}

/* --- time --------------------------------------------------------------------------------------
 */

/* Seconds for a weight that `n` texts together are multiplied with in a step: weights come from
 * memory, as they are stored. */
static wagle_status measure_weight(wagle_ctx *ctx, const wg_model *m, int64_t n, double *seconds)
{
    enum { MOST_BYTES = 64 << 20 };
    const wg_ops *ops = m->ops;
    const int64_t I = m->config.D, all = wg_model_parameters(m);
    const wg_dtype type = wg_model_weights(m, wg_model_tensor(m, WG_HEAD, 0)).type;
    const int64_t size = (int64_t)wg_dtype_size(type), each = (int64_t)sizeof(wg_real);
    const int64_t O = (all * size < MOST_BYTES ? all : MOST_BYTES / size) / I;
    const int64_t reals = (O * I * size + each - 1) / each;
    wg_buffer room = {0};
    wagle_status st = wg_buffer_reserve(ctx, ops, &room, reals + n * I + n * O);
    double start = 0, took = 0, done = 0;

    for (int i = 0; st == WAGLE_OK && took < 0.3; i++) {
        const wg_matvec one = {type, room.data, O, room.data + reals + n * I};
        if (i == 1) /* the first touches the pages */
            start = wg_seconds();
        ops->matvec(ops, 1, &one, n, I, room.data + reals, false);
        st = ops->sync(ops, ctx);
        done += i > 0 ? (double)(O * I) : 0;
        took = i > 0 ? wg_seconds() - start : 0;
    }
    wg_buffer_free(ops, &room);
    *seconds = done > 0 ? took / done : 0;
    return st;
}

typedef struct times {
    double rate, step;               /* operations a second; seconds of a step of texts */
    double losses, gradients, texts; /* seconds */
} times;

static double seconds_of(const wg_model *m, wg_intent in, double rate)
{
    wg_plan plan;

    if (in.tokens == 0)
        return 0;
    plan = wg_plan_make(m, &in);
    return WG_BESIDE_PRODUCTS * wg_plan_flops(m, &in, &plan) / rate;
}

static wagle_status measure(wagle_ctx *ctx, const wg_model *m, const wg_tally *t, times *out)
{
    const wg_config *c = &m->config;
    const wg_intent losses = {.tokens = t->tokens, .labels = t->labels, .longest = t->pass.longest};
    const wg_intent read = {.tokens = t->prompt_tokens, .longest = t->longest};
    const int64_t weights = wg_model_parameters(m) - (c->tied ? 0 : c->V * c->E);
    wg_intent back = losses;
    double each = 0;

    back.backward = true;
    back.tokens = t->graded_tokens;
    back.labels = t->graded_labels;
    out->rate = wg_measure_products(ctx, m->ops);
    if (!(out->rate > 0))
        return wg_fail(ctx, WAGLE_E_RESOURCE, "the speed of this machine cannot be measured");
    if (t->texts > 0)
        WG_TRY(measure_weight(ctx, m, t->at_once, &each));
    out->losses = seconds_of(m, losses, out->rate);
    out->gradients = seconds_of(m, back, out->rate);
    out->step = WG_BESIDE_PRODUCTS * (double)weights * each;
    out->texts = seconds_of(m, read, out->rate) + out->step * (double)t->steps;
    return WAGLE_OK;
}

/* --- as text and as JSON -----------------------------------------------------------------------
 */

static wagle_status tell_counts(wagle_ctx *ctx, wg_text *out, const wg_tally *t)
{
    WG_TRY(wg_text_addz(ctx, out, "evaluation:\n"));
    if (t->rows > 0)
        WG_TRY(wg_text_printf(ctx, out,
                              "  losses of %lld rows, %lld tokens (those that rows share, once)\n",
                              (long long)t->rows, (long long)t->tokens));
    if (t->graded_tokens > 0)
        WG_TRY(
            wg_text_printf(ctx, out, "  gradients of %lld tokens\n", (long long)t->graded_tokens));
    if (t->texts > 0)
        WG_TRY(wg_text_printf(
            ctx, out, "  texts after %lld prompts of %lld tokens, at most %lld new tokens\n",
            (long long)t->texts, (long long)t->prompt_tokens, (long long)t->new_tokens));
    return t->left_out != NULL ? wg_text_printf(ctx, out, "  not counted: %s\n", t->left_out)
                               : WAGLE_OK;
}

static wagle_status tell_times(wagle_ctx *ctx, wg_text *out, const wg_tally *t, const times *w)
{
    WG_TRY(wg_text_printf(ctx, out, "time: %.0f GFLOP/s measured here", w->rate / 1e9));
    if (t->texts > 0)
        WG_TRY(wg_text_printf(ctx, out, "; %.2f ms for a new token of %lld texts", 1e3 * w->step,
                              (long long)t->at_once));
    WG_TRY(wg_text_addz(ctx, out, "\n"));
    if (t->rows > 0 || t->graded_tokens > 0)
        WG_TRY(wg_text_printf(ctx, out, "  losses %.2f s\n", w->losses + w->gradients));
    if (t->texts > 0)
        WG_TRY(wg_text_printf(ctx, out,
                              "  texts at most %.2f s; less where the model ends them earlier\n",
                              w->texts));
    return wg_text_printf(ctx, out, "  predicted: %s%.0f s\n", t->texts > 0 ? "at most " : "",
                          w->losses + w->gradients + w->texts);
}

static wagle_status set_json(wagle_ctx *ctx, const wg_tally *t, const times *w)
{
    json_t *plan = json_loads(ctx->plan_json, 0, NULL);
    json_t *one =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "rows", (json_int_t)t->rows, "tokens",
                  (json_int_t)t->tokens, "gradient_tokens", (json_int_t)t->graded_tokens, "prompts",
                  (json_int_t)t->texts, "prompt_tokens", (json_int_t)t->prompt_tokens,
                  "most_new_tokens", (json_int_t)t->new_tokens);
    wagle_status st = wg_json_set(ctx, plan, "evaluation", one);

    if (st == WAGLE_OK && w != NULL)
        st = wg_json_set(ctx, one, "most_seconds", json_real(w->losses + w->gradients + w->texts));
    if (st == WAGLE_OK)
        st = wg_set_plan_json(ctx, plan);
    json_decref(plan);
    return st;
}

wagle_status wg_tally_tell(wagle_ctx *ctx, wg_session *s, const wg_tally *t)
{
    const bool card = s->model->ops->card_bytes > 0; /* whose speed is not known */
    wg_text out = {0};
    times w = {0};
    wagle_status st;

    WG_TRY(tell_memory(ctx, s, t));
    if (!card)
        WG_TRY(measure(ctx, s->model, t, &w));
    st = tell_counts(ctx, &out, t);
    if (st == WAGLE_OK)
        st = wg_text_addz(ctx, &out, ctx->plan);
    if (st == WAGLE_OK && !card)
        st = tell_times(ctx, &out, t, &w);
    if (st == WAGLE_OK)
        st = set_json(ctx, t, card ? NULL : &w);
    wg_free(ctx->plan);
    ctx->plan = st == WAGLE_OK ? wg_text_take(ctx, &out) : NULL;
    wg_text_free(&out);
    return st;
}
