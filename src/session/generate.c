#include "session/generate.h"

#include "base/choose.h"
#include "base/options.h"
#include "base/number.h"
#include "data/conversation.h"
#include "dist/dist.h"
#include "model/decode.h"
#include "session/tally.h"
#include <math.h>
#include <string.h>

enum { AT_ONCE = 16 };

typedef struct choice {
    double weight;
    int32_t id;
} choice;

/* The likelier one, ties to the smaller id. */
static bool before(const choice *a, const choice *b)
{
    return a->weight > b->weight || (a->weight == b->weight && a->id < b->id);
}

/* Makes a heap [n] of one whose element i alone may be out of order. */
static void sift(choice *heap, int64_t n, int64_t i)
{
    const choice moved = heap[i];

    for (int64_t child; (child = 2 * i + 1) < n; i = child) {
        child += child + 1 < n && before(&heap[child + 1], &heap[child]);
        if (!before(&heap[child], &moved))
            break;
        heap[i] = heap[child];
    }
    heap[i] = moved;
}

/* Moves the likeliest of heap [n] behind the others, which stay a heap [n - 1]. */
static void take_likeliest(choice *heap, int64_t n)
{
    const choice top = heap[0];

    heap[0] = heap[n - 1];
    heap[n - 1] = top;
    sift(heap, n - 1, 0);
}

/* Samples among the likeliest; c [V] is scratch. A few tokens have most of the probability: they
 * are taken off a heap, which ends up as c[V - 1], c[V - 2], .., and the others are not sorted. */
static int32_t sample(const float *logits, int64_t V, const wg_sampling *how, uint64_t stream,
                      uint64_t counter, choice *c)
{
    const bool all = how->top_k == 0 && how->top_p >= 1;
    double most = -INFINITY, total = 0, kept = 0, at;
    int64_t n = 0, last;

    for (int64_t v = 0; v < V; v++)
        most = fmax(most, (double)logits[v]);
    for (int64_t v = 0; v < V; v++) {
        c[v] = (choice){exp(((double)logits[v] - most) / how->temperature), (int32_t)v};
        total += c[v].weight;
    }
    for (int64_t i = V / 2 - 1; i >= 0; i--)
        sift(c, V, i);
    while (!all && n < V && (how->top_k == 0 || n < how->top_k) &&
           (n == 0 || kept < how->top_p * total)) {
        take_likeliest(c, V - n++);
        kept += c[V - n].weight;
    }
    last = all ? V : n;
    at = wg_random_unit(how->seed, stream, counter) * (all ? total : kept);
    for (int64_t i = 0; i + 1 < last; i++) {
        if (i == n)
            take_likeliest(c, V - n++);
        at -= c[V - 1 - i].weight;
        if (at < 0)
            return c[V - 1 - i].id;
    }
    return c[V - last].id;
}

static int32_t likeliest(const float *logits, int64_t V)
{
    int64_t best = 0;

    for (int64_t v = 1; v < V; v++)
        best = logits[v] > logits[best] ? v : best;
    return (int32_t)best;
}

/* Lowers the logits [V] of tokens that are in the text already. seen [V] is scratch, all false. */
static void penalise(const wg_ids *const text[2], double penalty, bool *seen, float *logits)
{
    for (int part = 0; part < 2; part++)
        for (int64_t i = 0; i < text[part]->n; i++) {
            const int32_t id = text[part]->id[i];
            if (!seen[id])
                logits[id] *= (float)(logits[id] < 0 ? penalty : 1 / penalty);
            seen[id] = true;
        }
    for (int part = 0; part < 2; part++)
        for (int64_t i = 0; i < text[part]->n; i++)
            seen[text[part]->id[i]] = false;
}

static bool ends(const wg_config *c, const wg_sampling *how, int32_t id)
{
    for (int64_t i = 0; how->passed != NULL && i < how->passed->n; i++)
        if (how->passed->id[i] == id)
            return false;
    for (int i = 0; i < c->n_eos; i++)
        if (c->eos[i] == id)
            return true;
    return false;
}

/* Prompts that are continued, AT_ONCE at a time: one that has ended gives its slot to the next. */
typedef struct writing {
    wg_session *session;
    const wg_ids *prompt;  /* [n] */
    int64_t n, next, done; /* prompts are continued up to n */
    int64_t all;           /* of them */
    const wg_sampling *how;
    wg_ids *out; /* [n] */
    wg_decoder *decoder;
    int64_t slot[AT_ONCE]; /* prompt that is in it; -1: free */
    float *logits;
    choice *choices;
    bool *seen; /* [V] scratch of penalise */
} writing;

/* Free slots take the prompts that come next, all but their last tokens, together: few at a time
 * would read all weights for few tokens, so some slots wait for others. */
static wagle_status refill(wagle_ctx *ctx, writing *w)
{
    int64_t which[AT_ONCE], length[AT_ONCE], n = 0, left = w->n - w->next;
    const int32_t *ids[AT_ONCE];

    for (int64_t i = 0; i < AT_ONCE && n < left; i++)
        if (w->slot[i] < 0)
            which[n++] = i;
    if (n == 0 || (n < left && n < AT_ONCE / 4))
        return WAGLE_OK;
    for (int64_t i = 0; i < n; i++) {
        w->slot[which[i]] = w->next++;
        ids[i] = w->prompt[w->slot[which[i]]].id;
        length[i] = w->prompt[w->slot[which[i]]].n - 1;
    }
    return wg_decoder_prefill(ctx, w->decoder, which, ids, length, n);
}

/* logits [V] are overwritten. */
static wagle_status take_token(wagle_ctx *ctx, writing *w, int64_t i, float *logits)
{
    const wg_config *c = &w->session->model->config;
    const int64_t p = w->slot[i];
    const int64_t most = w->how->limit != NULL ? w->how->limit[p] : w->how->max_tokens;
    int32_t id;
    bool ended, stop;

    if (c->repetition_penalty != 1)
        penalise((const wg_ids *[]){&w->prompt[p], &w->out[p]}, c->repetition_penalty, w->seen,
                 logits);
    id = w->how->temperature > 0 ? sample(logits, c->V, w->how, (uint64_t)p << 8 | WG_STREAM_SAMPLE,
                                          (uint64_t)w->out[p].n, w->choices)
                                 : likeliest(logits, c->V);
    ended = stop = ends(c, w->how, id);
    if (!ended)
        WG_TRY(wg_ids_add(ctx, &w->out[p], id));
    if (!ended && w->how->stop != NULL)
        WG_TRY(wg_stop_reached(ctx, w->session, w->how->stop, &w->out[p], &stop));
    if (w->how->take != NULL)
        WG_TRY(w->how->take(w->how->user, ctx, p, &w->out[p], id, ended, &stop));
    if (stop || w->out[p].n >= most) {
        w->slot[i] = -1;
        wg_progress(ctx, w->how->stage != NULL ? w->how->stage : "generate", ++w->done, w->all,
                    NULL);
    }
    return WAGLE_OK;
}

/* Each step feeds every open sequence its newest token. */
static wagle_status step(wagle_ctx *ctx, writing *w)
{
    const int64_t V = w->session->model->config.V;
    int64_t which[AT_ONCE], open = 0;
    int32_t token[AT_ONCE];

    for (int64_t i = 0; i < AT_ONCE; i++) {
        if (w->slot[i] < 0)
            continue;
        const wg_ids *prompt = &w->prompt[w->slot[i]], *out = &w->out[w->slot[i]];
        token[open] = out->n > 0 ? out->id[out->n - 1] : prompt->id[prompt->n - 1];
        which[open++] = i;
    }
    WG_TRY(wg_check_interrupt(ctx));
    WG_TRY(wg_decoder_step(ctx, w->decoder, which, token, open, w->logits));
    for (int64_t j = 0; j < open; j++)
        WG_TRY(take_token(ctx, w, which[j], w->logits + j * V));
    return WAGLE_OK;
}

/* Texts that other processes have made. */
static wagle_status share_texts(wagle_ctx *ctx, int64_t n, wg_ids *out)
{
    int64_t *count = NULL;
    void **list = NULL;
    wagle_status st;

    WG_TRY_GOTO(WG_ALLOC(ctx, &count, n), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &list, n), done);
    for (int64_t i = 0; i < n; i++) {
        count[i] = out[i].n;
        list[i] = out[i].id;
    }
    st = wg_all_gather_lists(ctx, n, count, list, sizeof *out->id);
    for (int64_t i = 0; i < n; i++) {
        out[i].id = list[i];
        out[i].n = count[i];
    }
done:
    wg_free(count);
    wg_free(list);
    return st;
}

/* *longest: tokens of a prompt. */
static wagle_status check_prompts(wagle_ctx *ctx, const wg_config *c, const wg_ids *prompts,
                                  int64_t n, const wg_sampling *how, int64_t *longest)
{
    *longest = 0;
    for (int64_t i = 0; i < n; i++) {
        if (prompts[i].n == 0)
            return wg_fail(ctx, WAGLE_E_INPUT,
                           "prompt %lld has no tokens, so there is nothing to continue",
                           (long long)i);
        if (prompts[i].n + how->max_tokens > c->max_position)
            return wg_fail(ctx, WAGLE_E_INPUT,
                           "prompt %lld: %lld tokens and %lld new ones are more than the model's "
                           "%lld positions",
                           (long long)i, (long long)prompts[i].n, (long long)how->max_tokens,
                           (long long)c->max_position);
        for (int64_t t = 0; t < prompts[i].n; t++)
            if (prompts[i].id[t] < 0 || prompts[i].id[t] >= c->V)
                return wg_fail(ctx, WAGLE_E_INPUT,
                               "prompt %lld: token %d is outside the model's vocabulary of %lld",
                               (long long)i, prompts[i].id[t], (long long)c->V);
        *longest = prompts[i].n > *longest ? prompts[i].n : *longest;
    }
    return WAGLE_OK;
}

/* The prompts [from, to) alone. */
static wagle_status continue_prompts(wagle_ctx *ctx, wg_session *s, const wg_ids *prompts,
                                     int64_t from, int64_t to, int64_t longest,
                                     const wg_sampling *how, wg_ids *out)
{
    const wg_config *c = &s->model->config;
    const int64_t n = to - from;
    writing w = {
        .session = s, .prompt = prompts, .n = to, .next = from, .all = n, .how = how, .out = out};
    wagle_status st;

    for (int64_t i = 0; i < AT_ONCE; i++)
        w.slot[i] = -1;
    WG_TRY_GOTO(WG_ALLOC(ctx, &w.logits, AT_ONCE * c->V), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &w.choices, c->V), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &w.seen, c->V), done);
    st = wg_decoder_new(ctx, s->model, n < AT_ONCE ? n : AT_ONCE, longest + how->max_tokens,
                        &w.decoder);
    if (st == WAGLE_OK && how->weights == WAGLE_WEIGHTS_Q8)
        st = wg_decoder_use_q8(ctx, w.decoder);
    while (st == WAGLE_OK && w.done < n) {
        st = refill(ctx, &w);
        if (st == WAGLE_OK)
            st = step(ctx, &w);
    }
    wg_decoder_free(w.decoder);
done:
    wg_free(w.logits);
    wg_free(w.choices);
    wg_free(w.seen);
    return st;
}

wagle_status wg_generate(wagle_ctx *ctx, wg_session *s, const wg_ids *prompts, int64_t n,
                         const wg_sampling *how, wg_ids *out)
{
    const bool shared = how->take == NULL; /* a stream comes to all of them */
    int first = 0;
    const int own = shared ? wg_parts_of(ctx, wg_rank(ctx), &first) : 1;
    const int parts = shared ? wg_parts(ctx) : 1;
    int64_t longest;

    WG_TRY(check_prompts(ctx, &s->model->config, prompts, n, how, &longest));
    if (s->tally != NULL) {
        wg_tally_texts(s->tally, prompts, how->limit, how->max_tokens, n, AT_ONCE);
        return WAGLE_OK;
    }
    wg_config_warn_generation(ctx, &s->model->config);
    for (int p = first; p < first + own; p++) { /* those that are continued together */
        int64_t from;
        const int64_t some = wg_rows_of_part(n, p, parts, &from);
        if (some > 0)
            WG_TRY(continue_prompts(ctx, s, prompts, from, from + some, longest, how, out));
    }
    return shared && wg_together(ctx) ? share_texts(ctx, n, out) : WAGLE_OK;
}

void wg_free_lists(wg_ids *list, int64_t n)
{
    for (int64_t i = 0; list != NULL && i < n; i++)
        wg_free(list[i].id);
    wg_free(list);
}

wagle_status wg_generated_text(wagle_ctx *ctx, const wg_session *s, const wg_ids *made,
                               wg_text *out)
{
    const wagle_tokenizer *t = s->reader.tokenizer;
    wg_ids known = {0};
    wagle_status st = WG_GROW(ctx, &known.id, &known.capacity, made->n + 1);

    for (int64_t i = 0; st == WAGLE_OK && i < made->n; i++)
        if (made->id[i] < t->n_ids && t->token[made->id[i]] != NULL)
            known.id[known.n++] = made->id[i];
    if (st == WAGLE_OK)
        st = wg_decode(ctx, t, known.id, known.n, true, out);
    wg_free(known.id);
    return st;
}

WG_DEFAULTS(wagle_generate_defaults, wagle_generate_options, .max_tokens = 64, .top_p = 1)

/* A prompt as tokens: continued as it is, or a question to a chat model. */
static wagle_status read_prompt(wagle_ctx *ctx, wg_session *s, const wagle_generate_options *o,
                                int64_t i, wg_ids *out)
{
    const wg_layout *l = &s->reader.layout;
    const wg_str given = o->prompt_bytes != NULL
                             ? (wg_str){o->prompts[i], (size_t)o->prompt_bytes[i]}
                             : wg_strz(o->prompts[i]);
    json_t *messages = json_array();
    wg_text text = {0};
    wagle_status st = messages != NULL ? WAGLE_OK : wg_json_memory(ctx);

    if (st == WAGLE_OK && o->system != NULL &&
        json_array_append_new(messages, wg_message_new("system", wg_strz(o->system))) != 0)
        st = wg_json_memory(ctx);
    if (st == WAGLE_OK && json_array_append_new(messages, wg_message_new("user", given)) != 0)
        st = wg_fail(ctx, WAGLE_E_INPUT, "prompt %lld is not valid UTF-8", (long long)i);
    if (st == WAGLE_OK)
        st = l->chat != NULL ? wg_chat_render(ctx, l->chat, messages, true, &text)
                             : wg_text_adds(ctx, &text, given);
    if (st == WAGLE_OK) /* a template writes its special tokens itself */
        st = wg_encode(ctx, s->reader.tokenizer, text.text, (size_t)text.bytes, l->chat == NULL,
                       out);
    wg_text_free(&text);
    json_decref(messages);
    return st;
}

static wagle_status read_prompts(wagle_ctx *ctx, wg_session *s, const wagle_generate_options *o,
                                 wg_ids *prompts)
{
    const wagle_data data = {
        .chat = o->chat, .system = o->system, .chat_kwargs = o->chat_kwargs, .date = o->date};

    WG_TRY(wg_reader_tokenizer(ctx, &s->reader));
    WG_TRY(wg_layout_open(ctx, s->model->folder, &data, &s->reader.layout));
    if (s->reader.layout.chat != NULL)
        WG_TRY(wg_layout_say(ctx, &s->reader.layout));
    for (int64_t i = 0; i < o->n; i++)
        WG_TRY(read_prompt(ctx, s, o, i, &prompts[i]));
    return WAGLE_OK;
}

/* --- tokens as they are made ------------------------------------------------------------------
 */

typedef struct telling {
    const wagle_generate_options *o;
    const wg_session *session;
    int64_t *told; /* [prompts] bytes of the text that the caller has */
} telling;

/* Bytes of a text that later tokens do not change: not the beginning of a character or of what
 * ends the text, nor a space that punctuation may take away. */
static int64_t settled(const wagle_tokenizer *t, const char *const *stop, const wg_text *text)
{
    static const char unfinished[] = "\xEF\xBF\xBD"; /* U+FFFD stands for such a beginning */
    int64_t n = text->bytes;

    while (n >= 3 && memcmp(text->text + n - 3, unfinished, 3) == 0)
        n -= 3;
    while (t->clean_up && n > 0 && text->text[n - 1] == ' ')
        n--;
    return n - wg_stop_begun(stop, text->text, n);
}

static wagle_status tell_token(void *user, wagle_ctx *ctx, int64_t p, const wg_ids *ids, int32_t id,
                               bool ended, bool *stop)
{
    const telling *t = user;
    bool cut;
    wg_text text = {0};
    wagle_token token = {.prompt = p, .index = ended ? ids->n : ids->n - 1, .id = id};
    int64_t n, from = t->told[p];

    WG_TRY(wg_stop_text(ctx, t->session, t->o->stop, ids, &text, &cut));
    n = cut || ended || ids->n >= t->o->max_tokens
            ? text.bytes
            : settled(t->session->reader.tokenizer, t->o->stop, &text);
    if (n > from)
        t->told[p] = n;
    token.text = n > from ? text.text + from : "";
    token.bytes = n > from ? (size_t)(n - from) : 0;
    if (!ended || token.bytes > 0)
        *stop |= !t->o->on_token(t->o->on_token_user, &token);
    wg_text_free(&text);
    return WAGLE_OK;
}

wagle_status wagle_generate(wagle_ctx *ctx, const wagle_generate_options *given,
                            wagle_generation *made)
{
    wagle_generate_options own;
    const wagle_generate_options *o = &own;
    wg_session s = {0};
    telling told = {.o = o, .session = &s};
    wg_sampling how;
    wg_ids *prompts = NULL, *out = NULL;
    wagle_status st;

    wg_begin(ctx);
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_generate));
    how = (wg_sampling){.temperature = o->temperature,
                        .top_p = o->top_p,
                        .top_k = o->top_k,
                        .max_tokens = o->max_tokens,
                        .seed = o->seed,
                        .weights = o->weights,
                        .stop = o->stop,
                        .take = o->on_token != NULL ? tell_token : NULL,
                        .user = &told};
    if (o->n < 1 || o->max_tokens < 1)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "generate needs a prompt, and @{max_tokens} of 1 or more");
    if (!(o->temperature >= 0) || !(o->top_p > 0 && o->top_p <= 1) || o->top_k < 0)
        return wg_fail(
            ctx, WAGLE_E_USAGE,
            "@{temperature} and @{top_k} must be 0 or more, @{top_p} above 0 and at most 1");
    WG_TRY(wg_check_choice(ctx, "weights", (int)o->weights, wg_words_of_wagle_weights));
    WG_TRY(wg_stop_check(ctx, o->stop));
    WG_TRY(wg_session_begin(ctx, o->model, o->opened, &s));
    for (int64_t i = 0; i < o->n; i++)
        made[i] = (wagle_generation){NULL, 0, 0};
    WG_TRY_GOTO(WG_ALLOC(ctx, &told.told, o->n), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &prompts, o->n), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &out, o->n), done);
    WG_TRY_GOTO(read_prompts(ctx, &s, o, prompts), done);
    st = wg_generate(ctx, &s, prompts, o->n, &how, out);
    for (int64_t i = 0; st == WAGLE_OK && i < o->n; i++) {
        wg_text text = {0};
        st = wg_stop_text(ctx, &s, o->stop, &out[i], &text, NULL);
        made[i] = (wagle_generation){text.text, (size_t)text.bytes, out[i].n};
    }
done:
    for (int64_t i = 0; st != WAGLE_OK && i < o->n; i++) {
        wg_free(made[i].text);
        made[i].text = NULL;
    }
    wg_free(told.told);
    wg_free_lists(prompts, o->n);
    wg_free_lists(out, o->n);
    wg_session_close(&s);
    return st;
}
