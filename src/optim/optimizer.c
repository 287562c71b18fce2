#include "optim/lora.h"

#include "base/pattern.h"
#include <math.h>
#include <string.h>

static const wg_optimizer_kind rules[] = {
    {"adamw", "adaptive moments, decoupled decay (arXiv 1711.05101)", true, WG_RULE_SGD, 0.9, 0.999,
     true, 0, 0, 1e-8},
    {"sgd", "momentum", false, WG_RULE_SGD, 0.9, 0, false, 0, 0, 0},
    {"lion", "sign of a momentum (arXiv 2302.06675)", false, WG_RULE_LION, 0.9, 0.99, false, 0, 0,
     0},
    {"sophia", "second order: a sampled Gauss-Newton diagonal (arXiv 2305.14342)", false,
     WG_RULE_SOPHIA, 0.965, 0.99, true, 10, 0.05, 1e-12},
};

const wg_optimizer_kind *wg_optimizer_kind_at(int i)
{
    return i >= 0 && i < (int)(sizeof rules / sizeof *rules) ? &rules[i] : NULL;
}

wagle_status wg_optimizer_kind_find(wagle_ctx *ctx, const char *name, const wg_optimizer_kind **out)
{
    for (int i = 0; wg_optimizer_kind_at(i) != NULL; i++)
        if (strcmp(rules[i].name, name) == 0) {
            *out = &rules[i];
            return WAGLE_OK;
        }
    return wg_fail(ctx, WAGLE_E_USAGE, "no optimizer '%.32s'; choose from adamw, sgd, lion, sophia",
                   name);
}

/* The compact copy of a tensor's selected weights. */
static void gather(const wg_optimizer *a, int t, const float *whole, float *compact)
{
    const int64_t n = a->model->files.tensor[t].count;

    if (a->bits[t] == NULL)
        memcpy(compact, whole, (size_t)n * sizeof *whole);
    else
        a->model->ops->gather(n, a->bits[t], a->rank[t], whole, compact);
}

static wagle_status rank_blocks(wagle_ctx *ctx, const uint64_t *bits, int64_t n, int64_t **out)
{
    int64_t before = 0;

    WG_TRY(WG_ALLOC(ctx, out, n / WG_OVERLAY_BLOCK + 1));
    for (int64_t w = 0; w < (n + 63) / 64; w++) {
        if (w % (WG_OVERLAY_BLOCK / 64) == 0)
            (*out)[w / (WG_OVERLAY_BLOCK / 64)] = before;
        before += __builtin_popcountll(bits[w]);
    }
    return WAGLE_OK;
}

/* The mask's view of tensor t. */
static wagle_status place_tensor(wagle_ctx *ctx, wg_optimizer *a, const wg_mask *mask, int t)
{
    const wg_tensor *tensor = &a->model->files.tensor[t];
    const wg_mask_tensor *m = mask != NULL ? wg_mask_find(mask, tensor->name) : NULL;
    char found[96], expected[96];

    a->first[t] = -1;
    if (!wg_model_is_weight(a->model, t))
        return WAGLE_OK;
    if (m != NULL && !wg_shape_equal(&m->shape, &tensor->shape))
        return wg_fail(ctx, WAGLE_E_INPUT, "mask: tensor '%s': shape %s, but the model has %s",
                       tensor->name, wg_shape_text(&m->shape, found),
                       wg_shape_text(&tensor->shape, expected));
    a->count[t] = mask == NULL ? tensor->count : m != NULL ? m->selected : 0;
    if (mask == NULL && a->protect != NULL && t == a->protect->table)
        a->count[t] = 0;
    if (a->count[t] == 0)
        return WAGLE_OK;
    a->first[t] = a->n;
    a->n += a->count[t];
    if (a->count[t] == tensor->count)
        return WAGLE_OK;
    a->bits[t] = m->bits;
    return rank_blocks(ctx, m->bits, tensor->count, &a->rank[t]);
}

static wagle_status check_names(wagle_ctx *ctx, const wg_model *model, const wg_mask *mask)
{
    for (int64_t i = 0; mask != NULL && i < mask->n; i++) {
        const wg_tensor *t = wg_tensors_find(&model->files, mask->tensor[i].name);
        if (t == NULL || !wg_model_is_weight(model, (int)(t - model->files.tensor)))
            return wg_fail(ctx, WAGLE_E_INPUT,
                           "mask: tensor '%.128s' is not in %s: the mask of another model?",
                           mask->tensor[i].name, model->folder);
    }
    if (mask != NULL && mask->selected == 0)
        return wg_fail(ctx, WAGLE_E_INPUT, "mask: it selects no weight");
    return WAGLE_OK;
}

static wagle_status start_masters(wagle_ctx *ctx, wg_optimizer *a)
{
    float *panel = NULL;

    WG_TRY(WG_ALLOC(ctx, &panel, a->model->widest));
    for (int t = 0; t < a->model->files.n; t++) {
        const wg_tensor *tensor = &a->model->files.tensor[t];
        if (a->first[t] < 0)
            continue;
        wg_to_float(tensor->dtype, tensor->data, tensor->count, panel);
        gather(a, t, panel, a->master + a->first[t]);
        wg_map_release(tensor->data, tensor->bytes);
        a->model->overlay[t] = (wg_overlay){a->bits[t], a->rank[t], a->master + a->first[t]};
    }
    wg_free(panel);
    return WAGLE_OK;
}

static wagle_status place(wagle_ctx *ctx, wg_optimizer *a, const wg_mask *mask,
                          const wagle_train_options *o)
{
    const int64_t n = a->model->files.n;

    WG_TRY(WG_ALLOC(ctx, &a->first, n));
    WG_TRY(WG_ALLOC(ctx, &a->count, n));
    WG_TRY(WG_ALLOC(ctx, &a->bits, n));
    WG_TRY(WG_ALLOC(ctx, &a->rank, n));
    for (int t = 0; o->lora > 0 && t < n; t++)
        a->first[t] = -1;
    if (o->lora > 0)
        return wg_lora_new(ctx, a, o);
    for (int t = 0; t < n; t++)
        WG_TRY(place_tensor(ctx, a, mask, t));
    return WAGLE_OK;
}

/* Which tensors have no weight decay, and where gradients' norms are noted. */
static wagle_status note_tensors(wagle_ctx *ctx, wg_optimizer *a, const wagle_train_options *o)
{
    const wg_tensors *files = &a->model->files;
    bool any = false;

    if (o->clip_before_mask)
        WG_TRY(WG_ALLOC(ctx, &a->passed, files->n));
    if (o->no_decay == NULL || *o->no_decay == NULL)
        return WAGLE_OK;
    WG_TRY(WG_ALLOC(ctx, &a->spared, files->n));
    for (int t = 0; t < files->n; t++)
        any |= a->spared[t] = wg_matches_any(files->tensor[t].name, o->no_decay);
    return any ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_USAGE, "--no-decay %.64s: matches no tensor of %.256s",
                         *o->no_decay, a->model->folder);
}

/* Room for the updates of protected tensors. */
static wagle_status prepare_protection(wagle_ctx *ctx, wg_optimizer *a)
{
    const wg_tensors *files = &a->model->files;
    int64_t most = 0;

    if (a->protect == NULL)
        return WAGLE_OK;
    WG_TRY(WG_ALLOC(ctx, &a->neurons, files->n));
    for (int t = 0; t < files->n; t++) {
        if (a->first[t] < 0 || a->protect->of[t] < 0)
            continue;
        const bool columns = a->protect->factor[a->protect->of[t]].transposed;
        a->neurons[t] =
            a->bits[t] == NULL || wg_mask_slices(a->bits[t], &files->tensor[t].shape, columns) >= 0;
        most = a->count[t] > most ? a->count[t] : most;
    }
    WG_TRY(WG_ALLOC(ctx, &a->update, most));
    return WG_ALLOC(ctx, &a->room, wg_protect_room(a->model, a->protect));
}

/* master, gradient, m, v, retain_grad_ema, retain */
static wagle_status allocate(wagle_ctx *ctx, wg_optimizer *a, const char *scratch)
{
    const size_t moment = a->bf16 ? sizeof(uint16_t) : sizeof(float);
    const size_t size[] = {sizeof(float), sizeof(float),
                           moment,        a->rules->adamw ? moment : sizeof(float),
                           sizeof(float), sizeof(float)};

    for (int i = 0; i < 6; i++)
        if (i < 3 || (i == 3 && a->rules->second) || (i > 3 && a->rectify > 0))
            WG_TRY(wg_scratch_new(ctx, scratch, a->n, size[i], scratch != NULL, &a->memory[i]));
    a->master = a->memory[0].data;
    a->gradient = a->memory[1].data;
    a->m = a->memory[2].data;
    a->v = a->memory[3].data;
    a->retain_grad_ema = a->memory[4].data;
    a->retain = a->memory[5].data;
    return WAGLE_OK;
}

wagle_status wg_optimizer_new(wagle_ctx *ctx, wg_model *model, const wg_mask *mask,
                              const wg_protect *protect, const wagle_train_options *o,
                              const char *scratch, wg_optimizer **out)
{
    wg_optimizer *a = NULL;
    wagle_status st;

    *out = NULL;
    WG_TRY(check_names(ctx, model, mask));
    WG_TRY(WG_ALLOC(ctx, &a, 1));
    a->model = model;
    a->protect = protect;
    WG_TRY_GOTO(wg_optimizer_kind_find(ctx, o->optimizer, &a->rules), fail);
    a->beta1 = o->beta1 >= 0 ? o->beta1 : a->rules->beta1;
    a->beta2 = o->beta2 >= 0 ? o->beta2 : a->rules->beta2;
    a->epsilon = o->epsilon >= 0 ? o->epsilon : a->rules->epsilon;
    a->weight_decay = o->weight_decay;
    a->clip = o->clip;
    a->clip_each = o->clip_each;
    a->rectify = o->rectify;
    a->bf16 = o->state != NULL && strcmp(o->state, "bf16") == 0;
    a->seed = (uint32_t)o->seed;
    WG_TRY_GOTO(place(ctx, a, mask, o), fail);
    WG_TRY_GOTO(note_tensors(ctx, a, o), fail);
    WG_TRY_GOTO(prepare_protection(ctx, a), fail);
    WG_TRY_GOTO(allocate(ctx, a, scratch), fail);
    if (a->lora != NULL)
        wg_lora_start(a, o->seed);
    else
        WG_TRY_GOTO(start_masters(ctx, a), fail);
    *out = a;
    return WAGLE_OK;
fail:
    wg_optimizer_free(a);
    return st;
}

wagle_status wg_optimizer_restart(wagle_ctx *ctx, wg_optimizer *a, uint64_t seed)
{
    const size_t n = (size_t)a->n, moment = a->bf16 ? sizeof(uint16_t) : sizeof(float);

    memset(a->m, 0, n * moment);
    if (a->v != NULL)
        memset(a->v, 0, n * (a->rules->adamw ? moment : sizeof(float)));
    if (a->retain_grad_ema != NULL)
        memset(a->retain_grad_ema, 0, n * sizeof *a->retain_grad_ema);
    if (a->lora == NULL)
        return start_masters(ctx, a);
    memset(a->master, 0, n * sizeof *a->master);
    wg_lora_start(a, seed);
    return WAGLE_OK;
}

int64_t wg_optimizer_bytes(const wg_optimizer_kind *r, int64_t n, bool bf16, bool rectify)
{
    const int64_t moment = bf16 ? 2 : 4;

    return n * (8 + moment + (r->adamw ? moment : r->second ? 4 : 0) + (rectify ? 8 : 0));
}

void wg_optimizer_free(wg_optimizer *a)
{
    if (a == NULL)
        return;
    for (int t = 0; t < a->model->files.n; t++) {
        if (a->rank != NULL)
            wg_free(a->rank[t]);
        a->model->overlay[t] = (wg_overlay){0};
    }
    wg_free(a->first);
    wg_free(a->count);
    wg_free(a->bits);
    wg_free(a->rank);
    wg_free(a->spare);
    wg_free(a->spared);
    wg_free(a->passed);
    wg_free(a->neurons);
    wg_free(a->update);
    wg_free(a->room);
    for (int i = 0; i < 6; i++)
        wg_scratch_free(&a->memory[i]);
    wg_lora_free(a->lora);
    wg_free(a);
}

void wg_optimizer_restored(wg_optimizer *a)
{
    if (a->lora != NULL)
        wg_lora_merge(a);
}

static void round_to(wg_dtype type, int64_t n, float *x)
{
    enum { SOME = 4096 };
    float stored[SOME];

    for (int64_t i = 0; type != WG_F32 && i < n; i += SOME) {
        const int64_t some = n - i < SOME ? n - i : SOME;
        wg_from_float(type, x + i, some, stored);
        wg_to_float(type, stored, some, x + i);
    }
}

void wg_optimizer_keep(wg_optimizer *a)
{
    memcpy(a->gradient, a->master, (size_t)a->n * sizeof *a->master);
}

void wg_optimizer_round(wg_optimizer *a)
{
    const wg_tensors *files = &a->model->files;

    if (a->lora != NULL) {
        wg_lora_each(a->lora, files, round_to);
        return;
    }
    for (int t = 0; t < files->n; t++)
        if (a->first[t] >= 0)
            round_to(files->tensor[t].dtype, a->count[t], a->master + a->first[t]);
}

void wg_optimizer_as_stored(wg_optimizer *a, bool stored)
{
    if (!stored) {
        wg_optimizer_scale(a, 1);
        return;
    }
    wg_optimizer_keep(a);
    wg_optimizer_round(a);
}

/* The trained weights of tensor t, a block at a time. */
static void scale_tensor(wg_optimizer *a, int t, double share)
{
    const wg_tensor *tensor = &a->model->files.tensor[t];
    const size_t size = wg_dtype_size(tensor->dtype);
    const float *end = a->gradient + a->first[t];
    float *value = a->master + a->first[t], stored[WG_OVERLAY_BLOCK];

    for (int64_t at = 0; at < tensor->count; at += WG_OVERLAY_BLOCK) {
        const int64_t left = tensor->count - at;
        const int64_t n = left < WG_OVERLAY_BLOCK ? left : WG_OVERLAY_BLOCK;
        wg_to_float(tensor->dtype, (const char *)tensor->data + (size_t)at * size, n, stored);
        for (int64_t i = at; i < at + n; i++)
            if (a->bits[t] == NULL || a->bits[t][i / 64] >> (i % 64) & 1) {
                const double before = (double)stored[i - at];
                *value++ = (float)(before + share * ((double)*end++ - before));
            }
    }
    wg_map_release(tensor->data, tensor->bytes);
}

void wg_optimizer_scale(wg_optimizer *a, double share)
{
    memcpy(a->master, a->gradient, (size_t)a->n * sizeof *a->master);
    if (a->lora != NULL) {
        wg_lora_scale(a, share);
        return;
    }
    for (int t = 0; share != 1 && t < a->model->files.n; t++)
        if (a->first[t] >= 0)
            scale_tensor(a, t, share);
}

/* --- gradients ------------------------------------------------------------------------------- */

wagle_status wg_optimizer_begin_adding(wagle_ctx *ctx, wg_optimizer *a, bool adding)
{
    a->adding = adding;
    return a->spare != NULL || a->lora != NULL ? WAGLE_OK
                                               : WG_ALLOC(ctx, &a->spare, a->model->widest);
}

static bool sink_wants(void *user, int tensor)
{
    const wg_optimizer *a = user;

    if (a->lora != NULL)
        return wg_lora_wants(a->lora, tensor);
    return a->first[tensor] >= 0 || (a->passed != NULL && wg_model_is_weight(a->model, tensor));
}

static bool whole(const wg_optimizer *a, int tensor)
{
    return a->first[tensor] >= 0 && a->bits[tensor] == NULL;
}

/* A tensor's gradient to its place in `all` [n], or added there. */
static void take(wg_optimizer *a, int tensor, const wg_real *gradient, float *all)
{
    float *into = all + a->first[tensor];

    gather(a, tensor, gradient, a->adding ? a->spare : into);
    for (int64_t i = 0; a->adding && i < a->count[tensor]; i++)
        into[i] += a->spare[i];
}

static wagle_status sink_accept(void *user, wagle_ctx *ctx, int tensor, int64_t n,
                                const wg_real *const grad[WG_STREAMS])
{
    wg_optimizer *a = user;

    (void)ctx;
    if (a->lora != NULL) {
        wg_lora_accept(a, tensor, grad[0]);
        return WAGLE_OK;
    }
    if (a->passed != NULL && !whole(a, tensor))
        a->passed[tensor] = a->model->ops->dot(n, grad[0], grad[0]);
    if (a->first[tensor] < 0)
        return WAGLE_OK;
    if (a->rectify > 0 && grad[1] != NULL)
        take(a, tensor, grad[1], a->retain);
    take(a, tensor, grad[0], a->gradient);
    return WAGLE_OK;
}

/* A tensor of which every weight is selected: the compact gradient is the gradient. */
static wg_real *sink_place(void *user, int tensor)
{
    const wg_optimizer *a = user;

    return a->lora == NULL && !a->adding && whole(a, tensor) ? a->gradient + a->first[tensor]
                                                             : NULL;
}

wg_sink wg_optimizer_sink(wg_optimizer *a)
{
    return (wg_sink){.user = a, .wants = sink_wants, .place = sink_place, .accept = sink_accept};
}

/* --- updates --------------------------------------------------------------------------------- */

static wg_adamw_step factors(const wg_optimizer *a, int64_t step, double lr)
{
    const double t = (double)(step + 1);
    const bool bias_correction2 = a->rules->adamw;

    return (wg_adamw_step){
        .beta1 = (float)a->beta1,
        .beta2 = (float)a->beta2,
        .one_minus_beta1 = (float)(1 - a->beta1),
        .one_minus_beta2 = (float)(1 - a->beta2),
        .decay_factor = (float)(1 - lr * a->weight_decay),
        .rate = (float)(bias_correction2 ? lr / (1 - pow(a->beta1, t)) : lr),
        .bias_correction2 = (float)(bias_correction2 ? 1 / (1 - pow(a->beta2, t)) : 1),
        .epsilon = (float)a->epsilon,
        .bound = (float)a->rules->bound,
    };
}

/* Weights [first, first+n) of the compact arrays; `value` [n] is what changes. */
static void update_values(const wg_optimizer *a, const wg_adamw_step *s, uint32_t seed,
                          int64_t first, int64_t n, float *value)
{
    const wg_ops *ops = a->model->ops;
    float *v = a->v != NULL ? (float *)a->v + first : NULL;
    const float *gradient = a->gradient + first;
    void *m = (char *)a->m + (size_t)first * (a->bf16 ? sizeof(uint16_t) : sizeof(float));

    if (!a->rules->adamw)
        ops->update(a->rules->rule, s, a->bf16, seed + (uint32_t)first, n, gradient, m, v, value);
    else if (a->bf16)
        ops->adamw_bf16(s, seed + (uint32_t)first, n, gradient, m, (uint16_t *)a->v + first, value);
    else
        ops->adamw(s, n, gradient, m, v, value);
}

static void update_stretch(const wg_optimizer *a, const wg_adamw_step *s, uint32_t seed,
                           int64_t first, int64_t n)
{
    update_values(a, s, seed, first, n, a->master + first);
}

/* The weights of tensor t: what the rule would add to them, decay included, times the factor. */
static void update_protected(const wg_optimizer *a, const wg_adamw_step *s, uint32_t seed, int t)
{
    const int64_t first = a->first[t], n = a->count[t];
    const float decay = s->decay_factor - 1;
    wg_adamw_step alone = *s;
    float *master = a->master + first, *update = a->update;

    alone.decay_factor = 1;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++)
        update[i] = decay * master[i];
    update_values(a, &alone, seed, first, n, update);
    wg_protect_update(a->model, a->protect, t, a->bits[t], a->neurons[t], n, update, a->room);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++)
        master[i] += update[i];
}

static float clip_scale(const wg_optimizer *a, double norm)
{
    return (float)(a->clip > 0 && a->clip < norm + 1e-6 ? a->clip / (norm + 1e-6) : 1.0);
}

static void add_sparsity(const wg_optimizer *a)
{
    const float weight = (float)a->sparse;

    for (int64_t i = 0; weight > 0 && i < a->n; i++)
        a->gradient[i] += weight * (float)((a->master[i] > 0) - (a->master[i] < 0));
}

/* The squared norm that tensor t is clipped by, or has its part in: of its trained weights, or of
 * all of it. */
static double square_of(const wg_optimizer *a, int t)
{
    const float *own = a->gradient + (a->first[t] < 0 ? 0 : a->first[t]);

    if (a->passed != NULL && !whole(a, t))
        return a->passed[t];
    return a->first[t] < 0 ? 0 : a->model->ops->dot(a->count[t], own, own);
}

static double norm_of(const wg_optimizer *a)
{
    double square = 0;

    if (a->passed == NULL)
        return sqrt(a->model->ops->dot(a->n, a->gradient, a->gradient));
    for (int t = 0; t < a->model->files.n; t++)
        square += square_of(a, t);
    return sqrt(square);
}

double wg_optimizer_update(wg_optimizer *a, int64_t step, double lr)
{
    const uint32_t seed = a->seed + (uint32_t)step * 0x85EBCA6Bu;
    wg_adamw_step s = factors(a, step, lr);
    const float decay_factor = s.decay_factor;
    double norm;

    add_sparsity(a);
    norm = norm_of(a);
    s.scale = clip_scale(a, norm);
    if (a->lora != NULL || (!a->clip_each && a->spared == NULL && a->protect == NULL)) {
        update_stretch(a, &s, seed, 0, a->n);
    } else {
        for (int t = 0; t < a->model->files.n; t++) {
            if (a->first[t] < 0)
                continue;
            if (a->clip_each)
                s.scale = clip_scale(a, sqrt(square_of(a, t)));
            s.decay_factor = a->spared != NULL && a->spared[t] ? 1 : decay_factor;
            if (a->protect != NULL && a->protect->of[t] >= 0)
                update_protected(a, &s, seed, t);
            else
                update_stretch(a, &s, seed, a->first[t], a->count[t]);
        }
    }
    if (a->lora != NULL)
        wg_lora_merge(a);
    return norm;
}

void wg_optimizer_curve(wg_optimizer *a, double samples)
{
    a->model->ops->square_average(a->n, (float)a->beta2, (float)((1 - a->beta2) * samples),
                                  a->gradient, a->v);
}

double wg_optimizer_l1(const wg_optimizer *a)
{
    double sum = 0;

    for (int64_t i = 0; i < a->n; i++)
        sum += fabs((double)a->master[i]);
    return sum;
}

/* --- learning rates -------------------------------------------------------------------------- */

wagle_status wg_lr_schedule_find(wagle_ctx *ctx, const char *name, wg_lr_schedule *out)
{
    static const char *const names[] = {"linear", "cosine", "constant"};

    for (int i = 0; i < 3; i++)
        if (strcmp(name, names[i]) == 0) {
            *out = (wg_lr_schedule)i;
            return WAGLE_OK;
        }
    return wg_fail(ctx, WAGLE_E_USAGE, "--schedule %.16s: must be linear, cosine or constant",
                   name);
}

double wg_schedule(wg_lr_schedule kind, double lr, int64_t step, int64_t warmup, int64_t steps)
{
    const double left = steps > warmup ? (double)(steps - step) / (double)(steps - warmup) : 1;

    if (step < warmup)
        return lr * (double)step / (double)warmup;
    if (kind == WG_DECAY_COSINE)
        return lr * 0.5 * (1 - cos(acos(-1) * left));
    return kind == WG_DECAY_LINEAR ? lr * left : lr;
}
