#include "engine/plan.h"

#include "engine/state.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Stored bytes that are mapped at a time: a layer, or the head. */
static int64_t mapped_bytes(const wg_model *m)
{
    int64_t layer = 0;

    for (int role = WG_LAYER_ROLES; role < WG_ROLES; role++)
        if (m->config.has[role])
            layer += (int64_t)m->files.tensor[wg_model_tensor(m, (wg_role)role, 0)].bytes;
    return most(layer, (int64_t)m->files.tensor[wg_model_tensor(m, WG_HEAD, 0)].bytes);
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
                (in->shared ? wg_tree_size(c, in->longest) : 0));
    p->weights = real * wg_panel_size(m, vocabulary);
    p->gradients = real * held * (wg_layer_size(c) + c->V * c->D);
    p->head = real * (3 * M * c->D +
                      (p->logits_saved ? M * c->V : least(M, WG_CHUNK_TOKENS) * vocabulary));
    p->mapped = mapped_bytes(m);
    p->total = p->saved + p->working + p->weights + p->gradients + p->head + p->mapped +
               (p->spilled ? 0 : p->checkpoints);
}

wg_plan wg_plan_make(const wg_model *m, const wg_intent *in)
{
    const wg_config *c = &m->config;
    const int64_t real = sizeof(wg_real);
    wg_plan p = {.chunk_tokens = in->chunk_tokens > 0 ? in->chunk_tokens : WG_CHUNK_TOKENS};
    int64_t one, room;

    size_up(m, in, &p);
    while (in->budget > 0 && p.total > in->budget && p.chunk_tokens > WG_LEAST_CHUNK) {
        p.chunk_tokens /= 2;
        size_up(m, in, &p);
    }
    if (in->budget > 0 && p.total > in->budget && in->folder != NULL && in->backward) {
        p.spilled = true;
        size_up(m, in, &p);
    }
    room = in->budget > 0 ? in->budget - p.total : INT64_MAX;
    p.logits_saved = in->backward && real * in->labels * c->V <= least(room, WG_KEEP_LOGITS_BYTES);
    size_up(m, in, &p);
    room = least(in->budget > 0 ? in->budget - p.total : INT64_MAX, WG_KEEP_BYTES);
    one = real * wg_saved_size(c, in->tokens);
    if (in->backward && in->tokens <= most(p.chunk_tokens, in->longest))
        p.saved_layers = most(0, least(c->L, room / one));
    size_up(m, in, &p);
    return p;
}

double wg_plan_flops(const wg_model *m, const wg_intent *in, const wg_plan *p)
{
    const wg_config *c = &m->config;
    const double N = (double)in->tokens, M = (double)in->labels;
    const double layer = 2 * N * (double)(wg_layer_size(c) - 2 * c->D);
    const double head = 2 * M * (double)(c->V * c->D);
    const double made = in->streams > 0 ? 1 : 0;

    if (!in->backward)
        return (double)c->L * layer + head;
    return layer * ((double)c->L * (2 + made) + (double)(c->L - p->saved_layers)) +
           head * (2 + made + (p->logits_saved ? 0 : 1));
}
