#include "engine/plan.h"

#include "engine/state.h"

#include <string.h>

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static bool on_card(const wg_model *m)
{
    return m->ops->card_bytes > 0;
}

static int64_t bytes_of(const wg_model *m, wg_role role)
{
    const int t = wg_model_tensor(m, role, 0);

    return t >= 0 ? (int64_t)m->files.tensor[t].bytes : 0;
}

/* Stored bytes of the largest layer. */
static int64_t layer_bytes(const wg_model *m)
{
    int64_t largest = 0;

    for (int64_t l = 0; l < m->config.L; l++) {
        int64_t bytes = 0;
        for (int role = WG_LAYER_ROLES; role < wg_config_roles(&m->config); role++) {
            const int t = wg_model_tensor(m, (wg_role)role, l);
            bytes += t >= 0 ? (int64_t)m->files.tensor[t].bytes : 0;
        }
        largest = most(largest, bytes);
    }
    return largest;
}

/* Stored weights that are in memory at a time. Shared ones of the next layer come meanwhile, and
 * the tables come whole. */
static int64_t mapped_bytes(const wg_model *m)
{
    const int64_t table = most(bytes_of(m, WG_EMBED), bytes_of(m, WG_HEAD));

    return m->ops->shared == NULL ? most(layer_bytes(m), bytes_of(m, WG_HEAD))
                                  : most(2 * layer_bytes(m), table);
}

/* Stored weights on a card: all of them; or a layer and the next one, or a table, beside the
 * vectors that stay. */
static int64_t card_stored(const wg_model *m, bool streamed)
{
    const int64_t table = most(bytes_of(m, WG_EMBED), bytes_of(m, WG_HEAD));
    int64_t all = 0, small = 0;

    for (int t = 0; t < m->files.n; t++)
        all += wg_model_is_weight(m, t) ? (int64_t)m->files.tensor[t].bytes : 0;
    for (int role = 0; role < WG_LAYER_ROLES; role++)
        small += role != WG_EMBED && role != WG_HEAD ? bytes_of(m, (wg_role)role) : 0;
    return streamed ? least(all, small + most(2 * layer_bytes(m), table)) : all;
}

/* What else a card needs: packed operands, parts of sums (ops/cuda); lists of the batch, numbers of
 * each token and label row, positions. */
static int64_t card_products(const wg_model *m, const wg_intent *in, int64_t chunk,
                             int64_t vocabulary)
{
    const wg_config *c = &m->config;
    const int64_t M = least(in->labels, WG_CHUNK_TOKENS), widest = most(2 * c->F, 3 * c->H * c->h);
    const bool aligned = c->D % 8 == 0 && c->E % 8 == 0 && c->F % 8 == 0 && c->H * c->h % 8 == 0;
    const int64_t matrix = aligned ? 0 : most(widest, vocabulary) * most(c->D, c->E);
    const int64_t operand = most(most(chunk * most(widest, c->D), M * vocabulary), matrix);
    const bool packs = strcmp(m->ops->precision, "bf16") == 0;

    const int64_t lists = 24 * in->tokens + 48 * in->labels + 8 * in->longest * c->r;

    return lists + (packs ? 2 * (int64_t)sizeof(uint16_t) * operand : 0) +
           (int64_t)sizeof(wg_real) * (chunk * c->H + (chunk / 128 + 1) * most(widest, vocabulary));
}

static void size_up(const wg_model *m, const wg_intent *in, wg_plan *p)
{
    const wg_config *c = &m->config;
    const int64_t real = sizeof(wg_real), N = in->tokens, M = in->labels;
    const int64_t chunk = least(N, most(p->chunk_tokens, in->longest));
    const int64_t vocabulary = least(c->V, WG_VOCAB_CHUNK);
    const int64_t held = in->placed ? 0 : in->streams;

    p->checkpoints = real * N * c->D * (in->backward ? c->L + 1 : 1);
    p->saved = real * p->saved_layers * wg_saved_size(c, chunk);
    p->working =
        real * (wg_saved_size(c, chunk) + wg_recomputed_size(c, chunk) + wg_packed_size(m, chunk) +
                (in->backward ? wg_backward_scratch_size(c, chunk) + N * c->D : 0) +
                (in->shared ? wg_prefix_size(c, in->longest) : 0));
    p->weights = real * wg_panel_size(m, vocabulary);
    p->gradients = real * held * (wg_layer_size(c) + c->V * c->D);
    p->head = real * (3 * M * c->D +
                      (p->logits_saved ? M * c->V : least(M, WG_CHUNK_TOKENS) * vocabulary));
    p->products = on_card(m) ? card_products(m, in, chunk, vocabulary) : 0;
    p->stored = on_card(m) ? card_stored(m, p->streamed) : mapped_bytes(m);
    p->total = p->saved + p->working + p->weights + p->gradients + p->head + p->products +
               p->stored + (p->spilled ? 0 : p->checkpoints);
}

/* Bytes that are left, at most so many. */
static int64_t room(const wg_intent *in, const wg_plan *p, int64_t at_most)
{
    return in->budget > 0 ? most(0, least(in->budget - p->total, at_most)) : at_most;
}

static bool too_much(const wg_intent *in, const wg_plan *p)
{
    return in->budget > 0 && p->total > in->budget;
}

/* Smaller chunks, and checkpoints in a file: what the host does. */
static void fit_host(const wg_model *m, const wg_intent *in, wg_plan *p)
{
    const int64_t logits = (int64_t)sizeof(wg_real) * in->labels * m->config.V;

    while (too_much(in, p) && p->chunk_tokens > WG_LEAST_CHUNK) {
        p->chunk_tokens /= 2;
        size_up(m, in, p);
    }
    if (too_much(in, p) && in->folder != NULL && in->backward) {
        p->spilled = true;
        size_up(m, in, p);
    }
    p->logits_saved = in->backward && logits <= room(in, p, WG_KEEP_LOGITS_BYTES);
}

/* Weights from the host, then checkpoints there too. */
static void fit_card(const wg_model *m, const wg_intent *in, wg_plan *p)
{
    const int64_t logits = (int64_t)sizeof(wg_real) * in->labels * m->config.V;

    p->logits_saved = in->backward && logits <= WG_KEEP_LOGITS_BYTES;
    size_up(m, in, p);
    p->streamed = too_much(in, p);
    size_up(m, in, p);
    p->spilled = in->most != NULL ? in->most->spilled
                                  : too_much(in, p) && in->folder != NULL && in->backward;
}

wg_plan wg_plan_make(const wg_model *m, const wg_intent *in)
{
    const wg_config *c = &m->config;
    wg_plan p = {.chunk_tokens = in->chunk_tokens > 0 ? in->chunk_tokens : WG_CHUNK_TOKENS};
    const int64_t one = (int64_t)sizeof(wg_real) * wg_saved_size(c, in->tokens);

    size_up(m, in, &p);
    if (on_card(m))
        fit_card(m, in, &p);
    else
        fit_host(m, in, &p);
    size_up(m, in, &p);
    if (in->backward && in->tokens <= most(p.chunk_tokens, in->longest))
        p.saved_layers =
            least(c->L, room(in, &p, in->most != NULL ? in->most->saved : WG_KEEP_BYTES) / one);
    size_up(m, in, &p);
    return p;
}

double wg_plan_flops(const wg_model *m, const wg_intent *in, const wg_plan *p)
{
    const wg_config *c = &m->config;
    const double N = (double)in->tokens, M = (double)in->labels;
    double layer = 0; /* of the mean layer */
    for (int64_t l = 0; l < c->L; l++)
        layer += 2 * N * (double)(wg_layer_used(c, l) - 2 * c->D) / (double)c->L;
    const double head = 2 * M * (double)(c->V * c->D);
    const double made = in->streams > 0 ? 1 : 0;

    if (!in->backward)
        return (double)c->L * layer + head;
    return layer * ((double)c->L * (2 + made) + (double)(c->L - p->saved_layers)) +
           head * (2 + made + (p->logits_saved ? 0 : 1));
}
