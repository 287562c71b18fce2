#include "run/generate.h"

#include "base/number.h"
#include "model/decode.h"
#include "text/chat.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 16 };

typedef struct choice {
    double weight;
    int32_t id;
} choice;

static int by_weight(const void *a, const void *b)
{
    const choice *x = a, *y = b;

    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    return x->id - y->id;
}

/* Samples among the likeliest; choices [V] is scratch. */
static int32_t sample(const float *logits, int64_t V, const wg_sampling *how, uint64_t stream,
                      uint64_t counter, choice *choices)
{
    double most = -INFINITY, total = 0, kept = 0, at;
    int64_t n = 0;

    for (int64_t v = 0; v < V; v++)
        most = fmax(most, (double)logits[v]);
    for (int64_t v = 0; v < V; v++) {
        choices[v] = (choice){exp(((double)logits[v] - most) / how->temperature), (int32_t)v};
        total += choices[v].weight;
    }
    qsort(choices, (size_t)V, sizeof *choices, by_weight);
    while (n < V && (how->top_k == 0 || n < how->top_k) && (n == 0 || kept < how->top_p * total))
        kept += choices[n++].weight;
    at = wg_random_unit(how->seed, stream, counter) * kept;
    for (int64_t i = 0; i + 1 < n; i++) {
        at -= choices[i].weight;
        if (at < 0)
            return choices[i].id;
    }
    return choices[n - 1].id;
}

static int32_t likeliest(const float *logits, int64_t V)
{
    int64_t best = 0;

    for (int64_t v = 1; v < V; v++)
        best = logits[v] > logits[best] ? v : best;
    return (int32_t)best;
}

static bool ends(const wg_config *c, int32_t id)
{
    for (int i = 0; i < c->n_eos; i++)
        if (c->eos[i] == id)
            return true;
    return false;
}

/* The prompts but for their last tokens go first, together; then each step feeds every open
 * sequence its next token. */
static wagle_status run_group(wagle_ctx *ctx, const wg_config *c, wg_decoder *d,
                              const wg_ids *prompts, int64_t first, int64_t n,
                              const wg_sampling *how, wg_ids *out, float *logits, choice *choices)
{
    int64_t which[AT_ONCE], fed[AT_ONCE] = {0};
    int32_t token[AT_ONCE];
    const int32_t *ids[AT_ONCE] = {NULL};
    bool closed[AT_ONCE] = {false};

    for (int64_t i = 0; i < n; i++) {
        ids[i] = prompts[i].id;
        fed[i] = prompts[i].n - 1;
    }
    WG_TRY(wg_decoder_prefill(ctx, d, ids, fed, n));
    for (;;) {
        int64_t open = 0;
        for (int64_t i = 0; i < n; i++) {
            if (closed[i])
                continue;
            token[open] =
                fed[i] < prompts[i].n ? prompts[i].id[fed[i]] : out[i].id[fed[i] - prompts[i].n];
            fed[i]++;
            which[open++] = i;
        }
        if (open == 0)
            return WAGLE_OK;
        WG_TRY(wg_check_interrupt(ctx));
        wg_decoder_step(d, which, token, open, logits);
        for (int64_t j = 0; j < open; j++) {
            const int64_t i = which[j];
            const float *row = logits + j * c->V;
            if (fed[i] < prompts[i].n)
                continue;
            const int32_t id =
                how->temperature > 0
                    ? sample(row, c->V, how, (uint64_t)(first + i) << 8 | WG_STREAM_SAMPLE,
                             (uint64_t)out[i].n, choices)
                    : likeliest(row, c->V);
            closed[i] = ends(c, id) || out[i].n + 1 >= how->max_tokens;
            if (ends(c, id))
                continue;
            WG_TRY(wg_ids_add(ctx, &out[i], id));
        }
    }
}

wagle_status wg_generate(wagle_ctx *ctx, wg_session *s, const wg_ids *prompts, int64_t n,
                         const wg_sampling *how, wg_ids *out)
{
    const wg_config *c = &s->model->config;
    float *logits = NULL;
    choice *choices = NULL;
    wagle_status st;

    for (int64_t i = 0; i < n; i++)
        if (prompts[i].n == 0 || prompts[i].n + how->max_tokens > c->max_position)
            return wg_fail(ctx, WAGLE_E_INPUT,
                           "prompt %lld: %lld tokens and %lld new ones; the model takes %lld",
                           (long long)i, (long long)prompts[i].n, (long long)how->max_tokens,
                           (long long)c->max_position);
    WG_TRY_GOTO(WG_ALLOC(ctx, &logits, AT_ONCE * c->V), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &choices, c->V), done);
    st = WAGLE_OK;
    for (int64_t first = 0; st == WAGLE_OK && first < n; first += AT_ONCE) {
        const int64_t group = n - first < AT_ONCE ? n - first : AT_ONCE;
        int64_t longest = 0;
        wg_decoder *d;
        for (int64_t i = 0; i < group; i++)
            longest = prompts[first + i].n > longest ? prompts[first + i].n : longest;
        st = wg_decoder_new(ctx, s->model, group, longest + how->max_tokens, &d);
        if (st == WAGLE_OK)
            st = run_group(ctx, c, d, prompts + first, first, group, how, out + first, logits,
                           choices);
        wg_decoder_free(d);
        wg_progress(ctx, "generate", first + group, n, NULL);
    }
done:
    wg_free(logits);
    wg_free(choices);
    return st;
}

void wagle_generate_defaults(wagle_generate_options *o)
{
    *o = (wagle_generate_options){.max_tokens = 64, .top_p = 1};
}

static wagle_status read_prompts(wagle_ctx *ctx, wg_session *s, const wagle_generate_options *o,
                                 wg_ids *prompts)
{
    wg_arena arena = {0};
    wg_chat chat;
    wagle_status st = wg_reader_tokenizer(ctx, &s->reader);

    if (st == WAGLE_OK && o->chat != NULL)
        st = wg_chat_choose(ctx, o->chat, s->model->folder, &arena, &chat);
    for (int64_t i = 0; st == WAGLE_OK && i < o->n; i++) {
        wg_text text = {0};
        st = o->chat != NULL ? wg_chat_render(ctx, &chat, o->system, o->prompts[i], &text)
                             : wg_text_addz(ctx, &text, o->prompts[i]);
        if (st == WAGLE_OK)
            st = wg_encode(ctx, s->reader.tokenizer, text.text, (size_t)text.bytes, true,
                           &prompts[i]);
        wg_text_free(&text);
    }
    wg_arena_free(&arena);
    return st;
}

wagle_status wagle_generate(wagle_ctx *ctx, const wagle_generate_options *o, wagle_generation *made)
{
    const wg_sampling how = {o->temperature, o->top_p, o->top_k, o->max_tokens, o->seed};
    wg_ids *prompts = NULL, *out = NULL;
    wg_session s = {0};
    wagle_status st;

    wg_begin(ctx);
    if (o->n < 1 || o->max_tokens < 1)
        return wg_fail(ctx, WAGLE_E_USAGE, "generate wants a prompt and --max-tokens of 1 or more");
    if (!(o->temperature >= 0) || !(o->top_p > 0 && o->top_p <= 1) || o->top_k < 0)
        return wg_fail(ctx, WAGLE_E_USAGE, "--temperature and --top-k: 0 or more; --top-p: (0,1]");
    WG_TRY(wg_session_open(ctx, o->model, &s));
    for (int64_t i = 0; i < o->n; i++)
        made[i] = (wagle_generation){NULL, 0};
    WG_TRY_GOTO(WG_ALLOC(ctx, &prompts, o->n), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &out, o->n), done);
    WG_TRY_GOTO(read_prompts(ctx, &s, o, prompts), done);
    st = wg_generate(ctx, &s, prompts, o->n, &how, out);
    for (int64_t i = 0; st == WAGLE_OK && i < o->n; i++) {
        wg_text text = {0};
        st = wg_decode(ctx, s.reader.tokenizer, out[i].id, out[i].n, true, &text);
        made[i] = (wagle_generation){text.text, out[i].n};
    }
done:
    for (int64_t i = 0; i < o->n; i++) {
        if (prompts != NULL)
            wg_free(prompts[i].id);
        if (out != NULL)
            wg_free(out[i].id);
        if (st != WAGLE_OK) {
            wg_free(made[i].text);
            made[i].text = NULL;
        }
    }
    wg_free(prompts);
    wg_free(out);
    wg_session_close(&s);
    return st;
}
