/* master.c - what --master bf16 and bf16-stochastic need, and do not go with. */
#include "train/run.h"

#include <string.h>

static bool may_train(const wg_run *w, int t)
{
    const wg_model *m = w->session.model;
    const wg_mask_tensor *of = wg_mask_find(&w->mask, m->files.tensor[t].name);

    return wg_model_is_weight(m, t) && (w->mask.n == 0 || (of != NULL && of->selected > 0));
}

/* A tensor that trains and is not stored as BF16, or -1. Before the mask is there one that is
 * stored as BF16 is enough: the mask may select in that alone. */
static int other_type(const wg_run *w)
{
    const wg_tensors *files = &w->session.model->files;
    const bool open = (w->o->mask != NULL || w->o->selector != NULL) && w->mask.n == 0;
    int other = -1;

    for (int t = 0; t < files->n; t++) {
        const bool bf16 = files->tensor[t].dtype == WG_BF16;
        if (bf16 && open && may_train(w, t))
            return -1;
        if (!bf16 && other < 0 && may_train(w, t))
            other = t;
    }
    return other;
}

static const char *kind(const wagle_train_options *o)
{
    return o->master == WAGLE_MASTER_BF16 ? "bf16" : "bf16-stochastic";
}

wagle_status wg_run_check_master(wagle_ctx *ctx, const wg_run *w)
{
    const wagle_train_options *o = w->o;
    const struct {
        bool given;
        const char *what;
    } against[] = {
        {o->lora > 0, "@{lora}, whose adapters are float32"},
        {o->lr == WAGLE_LR_AUTO, "a rate that is searched; give one with @{lr}"},
        {o->land, "landing (@{land}, @{stop_when=chance}), which scales the change of float32 "
                  "masters"},
        {o->protect.path != NULL, "@{protect}, whose updates are of float32 masters"},
        {(w->objective->needs & WG_SPARSE) != 0, "this objective, whose L1 norm is of masters"},
        {o->master == WAGLE_MASTER_BF16 && !w->rules->adamw,
         "another optimizer than adamw; bf16-stochastic does"},
    };

    for (size_t i = 0; o->master != WAGLE_MASTER_F32 && i < sizeof against / sizeof *against; i++)
        if (against[i].given)
            return wg_fail(ctx, WAGLE_E_USAGE, "@{master=%s} does not go with %s", kind(o),
                           against[i].what);
    return WAGLE_OK;
}

wagle_status wg_run_check_stored(wagle_ctx *ctx, const wg_run *w)
{
    const wg_model *m = w->session.model;
    const int t = w->o->master == WAGLE_MASTER_F32 ? -1 : other_type(w);

    return t < 0 ? WAGLE_OK
                 : wg_fail(ctx, WAGLE_E_USAGE,
                           "@{master=%s} trains weights that are stored as BF16, but '%.128s' of "
                           "%.256s is %s",
                           kind(w->o), m->files.tensor[t].name, m->folder,
                           wg_dtype_name(m->files.tensor[t].dtype));
}
