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

static void gather_queued(void *user)
{
    wg_optimizer *a = user;

    if (a->n_queued > 0)
        a->model->ops->gather(a->model->ops, a->n_queued, a->queue);
    a->n_queued = 0;
}

/* The compact copy of a tensor's selected weights; of a selection only after gather_queued. */
static void gather(wg_optimizer *a, int t, const float *whole, float *compact)
{
    const wg_ops *ops = a->model->ops;
    const wg_weights *w = &a->selected[t];
    const int64_t n = a->model->files.tensor[t].count;

    if (w->bits == NULL) {
        ops->copy(ops, compact, whole, (size_t)n * sizeof *whole);
        return;
    }
    if (a->n_queued == WG_GATHERS)
        gather_queued(a);
    a->queue[a->n_queued++] = (wg_gather){0, n, w->bits, w->rank, whole, compact};
}

enum { PANEL = 1 << 22 }; /* stored weights that are widened at a time */

static wagle_status reserve_panel(wagle_ctx *ctx, wg_optimizer *a)
{
    return wg_buffer_reserve(ctx, a->model->ops, &a->panel,
                             a->model->widest < PANEL ? a->model->widest : PANEL);
}

/* compact = the stored values of a tensor's selected weights. */
static void gather_stored(wg_optimizer *a, int t, float *compact)
{
    const wg_ops *ops = a->model->ops;
    const wg_tensor *tensor = &a->model->files.tensor[t];
    const wg_weights *w = &a->selected[t];
    const char *stored = ops->stored(ops, tensor->data, tensor->bytes);
    const size_t size = wg_dtype_size(tensor->dtype);

    for (int64_t at = 0; at < tensor->count; at += PANEL) {
        const int64_t n = tensor->count - at < PANEL ? tensor->count - at : PANEL;
        float *into = w->bits == NULL ? compact + at : a->panel.data;
        ops->widen(ops, tensor->dtype, stored + (size_t)at * size, n, into);
        if (w->bits != NULL)
            ops->gather(ops, 1, &(wg_gather){at, n, w->bits, w->rank, into, compact});
    }
    ops->release(ops, tensor->data, tensor->bytes);
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
    if (n % WG_OVERLAY_BLOCK == 0)
        (*out)[n / WG_OVERLAY_BLOCK] = before; /* the end is a place too */
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
    const wg_ops *ops = a->model->ops;
    float *values = a->half != NULL ? a->gradient : a->master;

    WG_TRY(reserve_panel(ctx, a));
    for (int t = 0; t < a->model->files.n; t++) {
        const wg_weights *w = &a->selected[t];
        const int64_t first = a->first[t];
        if (first < 0)
            continue;
        gather_stored(a, t, values + first);
        if (a->half != NULL)
            ops->narrow(ops, false, 0, a->count[t], values + first, a->half + first);
        a->model->overlay[t] = (wg_overlay){.bits = w->bits,
                                            .rank = w->rank,
                                            .value = a->half == NULL ? values + first : NULL,
                                            .half = a->half != NULL ? a->half + first : NULL,
                                            .host_bits = a->bits[t],
                                            .host_rank = a->rank[t]};
    }
    if (a->half != NULL)
        wg_optimizer_zero_gradient(a);
    return WAGLE_OK;
}

/* A list [n] in memory of the back end. */
static wagle_status upload_list(wagle_ctx *ctx, const wg_ops *ops, int64_t n, const void *host,
                                wg_scratch *memory, const void **out)
{
    *out = host;
    if (ops->host)
        return WAGLE_OK;
    WG_TRY(ops->alloc(ops, ctx, n, sizeof(int64_t), NULL, memory));
    ops->upload(ops, memory->data, host, (size_t)n * sizeof(int64_t));
    *out = memory->data;
    return WAGLE_OK;
}

/* The selection in memory of the back end. */
static wagle_status upload_selection(wagle_ctx *ctx, wg_optimizer *a)
{
    const wg_tensors *files = &a->model->files;

    WG_TRY(WG_ALLOC(ctx, &a->selected, files->n));
    WG_TRY(WG_ALLOC(ctx, &a->lists, 2 * files->n));
    for (int t = 0; t < files->n; t++) {
        const int64_t n = files->tensor[t].count;
        const void *bits, *rank;
        if (a->bits[t] == NULL)
            continue;
        WG_TRY(upload_list(ctx, a->model->ops, (n + 63) / 64, a->bits[t], &a->lists[2 * t], &bits));
        WG_TRY(upload_list(ctx, a->model->ops, n / WG_OVERLAY_BLOCK + 1, a->rank[t],
                           &a->lists[2 * t + 1], &rank));
        a->selected[t].bits = bits;
        a->selected[t].rank = rank;
    }
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
    const wg_ops *ops = a->model->ops;
    bool any = false;

    a->clip_before_mask = o->clip_before_mask;
    WG_TRY(WG_ALLOC(ctx, &a->square, files->n + 1));
    WG_TRY(ops->alloc(ops, ctx, files->n + 3, sizeof(double), NULL, &a->squares));
    if (o->no_decay == NULL || *o->no_decay == NULL)
        return WAGLE_OK;
    WG_TRY(WG_ALLOC(ctx, &a->spared, files->n));
    for (int t = 0; t < files->n; t++)
        any |= a->spared[t] = wg_matches_any(files->tensor[t].name, o->no_decay);
    return any ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_USAGE, "@{no_decay} %.64s: matches no tensor of %.256s",
                         *o->no_decay, a->model->folder);
}

/* Room for the updates of protected tensors. */
static wagle_status prepare_protection(wagle_ctx *ctx, wg_optimizer *a)
{
    const wg_tensors *files = &a->model->files;
    const wg_ops *ops = a->model->ops;
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
    WG_TRY(wg_buffer_reserve(ctx, ops, &a->update, most));
    WG_TRY(wg_buffer_reserve(ctx, ops, &a->room, wg_protect_room(a->model, a->protect)));
    if (ops->host)
        return WAGLE_OK;
    WG_TRY(wg_protect_upload(ctx, ops, files->n, a->protect, &a->uploaded));
    a->protect = &a->uploaded;
    return WAGLE_OK;
}

/* master or half, gradient, m, v, retain_grad_ema, retain */
static wagle_status allocate(wagle_ctx *ctx, wg_optimizer *a, const char *scratch)
{
    const size_t moment = a->bf16 ? sizeof(uint16_t) : sizeof(float);
    const bool half = a->kept != WAGLE_MASTER_F32;
    const wg_ops *ops = a->model->ops;
    const size_t size[] = {half ? sizeof(uint16_t) : sizeof(float),  sizeof(float), moment,
                           a->rules->adamw ? moment : sizeof(float), sizeof(float), sizeof(float)};

    for (int i = 0; i < 6; i++)
        if (i < 3 || (i == 3 && a->rules->second) || (i > 3 && a->rectify > 0))
            WG_TRY(ops->alloc(ops, ctx, a->n, size[i], scratch, &a->memory[i]));
    a->master = half ? NULL : a->memory[0].data;
    a->half = half ? a->memory[0].data : NULL;
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
    a->kept = o->master;
    a->bf16 = o->state == WAGLE_STATE_BF16 || o->master == WAGLE_MASTER_BF16;
    a->seed = (uint32_t)o->seed;
    WG_TRY_GOTO(place(ctx, a, mask, o), fail);
    WG_TRY_GOTO(upload_selection(ctx, a), fail);
    WG_TRY_GOTO(note_tensors(ctx, a, o), fail);
    WG_TRY_GOTO(prepare_protection(ctx, a), fail);
    WG_TRY_GOTO(allocate(ctx, a, scratch), fail);
    WG_TRY_GOTO(wg_sharing_new(ctx, a), fail);
    WG_TRY_GOTO(a->lora != NULL ? wg_lora_start(ctx, a, o->seed) : start_masters(ctx, a), fail);
    *out = a;
    return WAGLE_OK;
fail:
    wg_optimizer_free(a);
    return st;
}

/* This process's slice of a state, of `size` bytes a weight. Memory of the others' is never
 * touched.
 */
static void zero_own(const wg_optimizer *a, void *state, size_t size)
{
    int64_t first, n;

    wg_sharing_slice(a, &first, &n);
    if (state != NULL)
        a->model->ops->zero(a->model->ops, (char *)state + (size_t)first * size, (size_t)n * size);
}

wagle_status wg_optimizer_restart(wagle_ctx *ctx, wg_optimizer *a, uint64_t seed)
{
    const size_t moment = a->bf16 ? sizeof(uint16_t) : sizeof(float);
    const wg_ops *ops = a->model->ops;

    zero_own(a, a->m, moment);
    zero_own(a, a->v, a->rules->adamw ? moment : sizeof(float));
    zero_own(a, a->retain_grad_ema, sizeof *a->retain_grad_ema);
    if (a->lora == NULL)
        return start_masters(ctx, a);
    ops->zero(ops, a->master, (size_t)a->n * sizeof *a->master);
    return wg_lora_start(ctx, a, seed);
}

int64_t wg_optimizer_bytes(const wg_optimizer_kind *r, int64_t n, const wagle_train_options *o)
{
    const bool bf16 = o->state == WAGLE_STATE_BF16 || o->master == WAGLE_MASTER_BF16;
    const int64_t moment = bf16 ? 2 : 4, master = o->master == WAGLE_MASTER_F32 ? 4 : 2;
    const int64_t second = r->adamw ? moment : r->second ? 4 : 0;

    return n * (master + 4 + moment + second + (o->rectify > 0 ? 8 : 0));
}

void wg_optimizer_free(wg_optimizer *a)
{
    if (a == NULL)
        return;
    const wg_ops *ops = a->model->ops;
    for (int t = 0; t < a->model->files.n; t++) {
        if (a->rank != NULL)
            wg_free(a->rank[t]);
        a->model->overlay[t] = (wg_overlay){0};
    }
    wg_free(a->first);
    wg_free(a->count);
    wg_free(a->bits);
    wg_free(a->rank);
    wg_free(a->selected);
    wg_free(a->spared);
    wg_free(a->square);
    wg_free(a->neurons);
    for (int64_t i = 0; a->lists != NULL && i < 2 * a->model->files.n; i++)
        ops->free(ops, &a->lists[i]);
    wg_free(a->lists);
    for (int i = 0; i < 6; i++)
        ops->free(ops, &a->memory[i]);
    ops->free(ops, &a->squares);
    wg_buffer_free(ops, &a->spare);
    wg_buffer_free(ops, &a->panel);
    wg_buffer_free(ops, &a->update);
    wg_buffer_free(ops, &a->room);
    wg_protect_drop(ops, &a->uploaded);
    wg_sharing_free(ops, &a->sharing);
    wg_lora_free(ops, a->lora);
    wg_free(a);
}

void wg_optimizer_restored(wg_optimizer *a)
{
    if (a->lora != NULL)
        wg_lora_merge(a);
}

void wg_optimizer_keep(wg_optimizer *a)
{
    a->model->ops->copy(a->model->ops, a->gradient, a->master, (size_t)a->n * sizeof *a->master);
}

void wg_optimizer_round(wg_optimizer *a)
{
    const wg_tensors *files = &a->model->files;
    const wg_ops *ops = a->model->ops;

    if (a->lora != NULL) {
        wg_lora_round(a);
        return;
    }
    for (int t = 0; t < files->n; t++)
        if (a->first[t] >= 0)
            ops->round(ops, files->tensor[t].dtype, a->count[t], a->master + a->first[t]);
}

void wg_optimizer_as_stored(wg_optimizer *a, bool stored)
{
    if (a->half != NULL) /* they are what would be written */
        return;
    if (!stored) {
        wg_optimizer_scale(a, 1);
        return;
    }
    wg_optimizer_keep(a);
    wg_optimizer_round(a);
}

void wg_optimizer_scale(wg_optimizer *a, double share)
{
    const wg_ops *ops = a->model->ops;

    ops->copy(ops, a->master, a->gradient, (size_t)a->n * sizeof *a->master);
    if (a->lora != NULL) {
        wg_lora_scale(a, share);
        return;
    }
    for (int t = 0; share != 1 && t < a->model->files.n; t++) {
        float *value = a->master + a->first[t];
        if (a->first[t] < 0)
            continue;
        gather_stored(a, t, value);
        ops->interpolate(ops, a->count[t], share, a->gradient + a->first[t], value);
    }
}

/* --- gradients ------------------------------------------------------------------------------- */

wagle_status wg_optimizer_begin_adding(wagle_ctx *ctx, wg_optimizer *a, bool adding)
{
    a->adding = adding;
    return a->lora != NULL ? WAGLE_OK
                           : wg_buffer_reserve(ctx, a->model->ops, &a->spare, a->model->widest);
}

void wg_optimizer_zero_gradient(wg_optimizer *a)
{
    a->model->ops->zero(a->model->ops, a->gradient, (size_t)a->n * sizeof *a->gradient);
}

static bool sink_wants(void *user, int tensor)
{
    const wg_optimizer *a = user;

    if (a->lora != NULL)
        return wg_lora_wants(a->lora, tensor);
    return a->first[tensor] >= 0 || (a->clip_before_mask && wg_model_is_weight(a->model, tensor));
}

static bool whole(const wg_optimizer *a, int tensor)
{
    return a->first[tensor] >= 0 && a->bits[tensor] == NULL;
}

/* A tensor's gradient to its place in `all` [n], or added there. */
static void take(wg_optimizer *a, int tensor, const wg_real *gradient, float *all)
{
    float *into = all + a->first[tensor];
    const wg_ops *ops = a->model->ops;

    gather(a, tensor, gradient, a->adding ? a->spare.data : into);
    if (!a->adding)
        return;
    gather_queued(a);
    ops->axpy(ops, a->count[tensor], 1, a->spare.data, into);
}

static wagle_status sink_accept(void *user, wagle_ctx *ctx, int tensor, int64_t n,
                                const wg_real *const grad[WG_STREAMS])
{
    wg_optimizer *a = user;
    const wg_ops *ops = a->model->ops;

    (void)ctx;
    if (a->lora != NULL) {
        wg_lora_accept(a, tensor, grad[0]);
        return WAGLE_OK;
    }
    if (a->clip_before_mask && !whole(a, tensor))
        ops->dot(ops, n, grad[0], grad[0], (double *)a->squares.data + tensor);
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
    return (wg_sink){.user = a,
                     .wants = sink_wants,
                     .place = sink_place,
                     .accept = sink_accept,
                     .flush = gather_queued};
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
        .root_correction2 = (float)(bias_correction2 ? sqrt(1 - pow(a->beta2, t)) : 1),
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
        ops->update(ops, a->rules->rule, s, a->bf16, seed + (uint32_t)first, n, gradient, m, v,
                    value);
    else if (a->bf16)
        ops->adamw_bf16(ops, s, seed + (uint32_t)first, n, gradient, m, (uint16_t *)a->v + first,
                        value);
    else
        ops->adamw(ops, s, n, gradient, m, v, value);
}

/* Weights in bf16: in place, or through float32 and then rounded at random. */
static void update_half(const wg_optimizer *a, const wg_adamw_step *s, uint32_t seed, int64_t first,
                        int64_t n)
{
    enum { OTHER_STREAM = 0x6D617374 };
    const wg_ops *ops = a->model->ops;
    const int64_t most = a->panel.capacity < PANEL ? a->panel.capacity : PANEL;

    if (a->kept == WAGLE_MASTER_BF16) {
        ops->adamw_in_bf16(ops, s, n, a->gradient + first, (uint16_t *)a->m + first,
                           (uint16_t *)a->v + first, a->half + first);
        return;
    }
    for (int64_t at = first; at < first + n; at += most) {
        const int64_t some = first + n - at < most ? first + n - at : most;
        ops->widen(ops, WG_BF16, a->half + at, some, a->panel.data);
        update_values(a, s, seed, at, some, a->panel.data);
        ops->narrow(ops, true, (seed ^ OTHER_STREAM) + (uint32_t)at, some, a->panel.data,
                    a->half + at);
    }
}

static void update_stretch(const wg_optimizer *a, const wg_adamw_step *s, uint32_t seed,
                           int64_t first, int64_t n)
{
    if (a->half != NULL)
        update_half(a, s, seed, first, n);
    else
        update_values(a, s, seed, first, n, a->master + first);
}

/* The weights of tensor t: what the rule would add to them, decay included, times the factor. */
static void update_protected(const wg_optimizer *a, const wg_adamw_step *s, uint32_t seed, int t)
{
    const int64_t first = a->first[t], n = a->count[t];
    const wg_weights *w = &a->selected[t];
    const wg_ops *ops = a->model->ops;
    float *master = a->master + first, *update = a->update.data;
    wg_adamw_step alone = *s;

    alone.decay_factor = 1;
    ops->copy(ops, update, master, (size_t)n * sizeof *update);
    ops->scale(ops, n, s->decay_factor - 1, update);
    update_values(a, &alone, seed, first, n, update);
    wg_protect_update(ops, a->model, a->protect, t, w->bits, w->rank, a->neurons[t], n, update,
                      a->room.data);
    ops->axpy(ops, n, 1, update, master);
}

static float clip_scale(const wg_optimizer *a, double norm)
{
    return (float)(a->clip > 0 && a->clip < norm + 1e-6 ? a->clip / (norm + 1e-6) : 1.0);
}

/* Squared norms into a->square: of each tensor's gradient (where something depends on it: of its
 * trained weights, or of all of them), and the one that all are clipped by, which is the last. */
static wagle_status measure(wagle_ctx *ctx, wg_optimizer *a)
{
    const wg_ops *ops = a->model->ops;
    const int n = (int)a->model->files.n;
    double *sum = a->squares.data, total = 0;

    if (a->sharing.parts > 0)
        return wg_sharing_measure(ctx, a);
    for (int t = 0; (a->clip_each || a->clip_before_mask) && t < n; t++) {
        const float *own = a->gradient + a->first[t];
        if (a->first[t] >= 0 && (!a->clip_before_mask || whole(a, t)))
            ops->dot(ops, a->count[t], own, own, sum + t);
    }
    if (!a->clip_before_mask)
        ops->dot(ops, a->n, a->gradient, a->gradient, sum + n);
    WG_TRY(ops->download(ops, ctx, a->square, sum, (size_t)(n + 1) * sizeof *sum));
    for (int t = 0; a->clip_before_mask && t < n; t++)
        total += a->square[t];
    if (a->clip_before_mask)
        a->square[n] = total;
    return WAGLE_OK;
}

/* Some weights of one tensor, or all of them where the tensor is protected. */
static void update_tensor(const wg_optimizer *a, wg_adamw_step s, uint32_t seed,
                          const wg_stretch *of)
{
    const int t = of->tensor;

    s.scale = clip_scale(a, sqrt(a->square[a->clip_each ? t : a->model->files.n]));
    if (a->spared != NULL && a->spared[t])
        s.decay_factor = 1;
    if (a->protect != NULL && a->protect->of[t] >= 0)
        update_protected(a, &s, seed, t);
    else
        update_stretch(a, &s, seed, of->first, of->n);
}

/* All weights, or those of this process. */
static void update_all(const wg_optimizer *a, wg_adamw_step s, uint32_t seed)
{
    const wg_sharing *of = &a->sharing;

    for (int64_t i = 0; of->parts > 0 && i < of->from[of->rank + 1]; i++)
        if (i >= of->from[of->rank])
            update_tensor(a, s, seed, &of->stretch[i]);
    if (of->parts > 0)
        return;
    if (a->lora != NULL || (!a->clip_each && a->spared == NULL && a->protect == NULL)) {
        s.scale = clip_scale(a, sqrt(a->square[a->model->files.n]));
        update_stretch(a, &s, seed, 0, a->n);
        return;
    }
    for (int t = 0; t < a->model->files.n; t++)
        if (a->first[t] >= 0)
            update_tensor(a, s, seed, &(wg_stretch){t, a->first[t], a->count[t]});
}

wagle_status wg_optimizer_update(wagle_ctx *ctx, wg_optimizer *a, int64_t step, double lr,
                                 double *norm)
{
    const uint32_t seed = a->seed + (uint32_t)step * 0x85EBCA6Bu;
    const wg_ops *ops = a->model->ops;
    int64_t first, n;

    WG_TRY(wg_sharing_sum(ctx, a));
    wg_sharing_slice(a, &first, &n);
    if (a->sparse > 0)
        ops->add_sign(ops, n, (float)a->sparse, a->master + first, a->gradient + first);
    WG_TRY(measure(ctx, a));
    *norm = sqrt(a->square[a->model->files.n]);
    update_all(a, factors(a, step, lr), seed);
    if (a->lora != NULL)
        wg_lora_merge(a);
    return wg_sharing_spread(ctx, a);
}

void wg_optimizer_curve(wg_optimizer *a, double samples)
{
    int64_t first, n;

    wg_sharing_slice(a, &first, &n);
    a->model->ops->square_average(a->model->ops, n, (float)a->beta2,
                                  (float)((1 - a->beta2) * samples), a->gradient + first,
                                  (float *)a->v + first);
}

wagle_status wg_optimizer_l1(wagle_ctx *ctx, const wg_optimizer *a, double *sum)
{
    const wg_ops *ops = a->model->ops;

    ops->abs_sum(ops, a->n, a->master, a->squares.data);
    return ops->download(ops, ctx, sum, a->squares.data, sizeof *sum);
}

/* --- learning rates -------------------------------------------------------------------------- */

double wg_schedule(wagle_schedule kind, double lr, int64_t step, int64_t warmup, int64_t steps)
{
    const double left = steps > warmup ? (double)(steps - step) / (double)(steps - warmup) : 1;

    if (step < warmup)
        return lr * (double)step / (double)warmup;
    if (kind == WAGLE_SCHEDULE_COSINE)
        return lr * 0.5 * (1 - cos(acos(-1) * left));
    return kind == WAGLE_SCHEDULE_LINEAR ? lr * left : lr;
}
