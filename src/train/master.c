/* master.c - what --master bf16 and bf16-stochastic need, and do not go with. */
#include "train/run.h"

#include <string.h>

/* A tensor that may be trained and is not stored as BF16, or -1. */
static int other_type(const wg_run *w)
{
    const wg_model *m = w->session.model;

    for (int t = 0; t < m->files.n; t++)
        if (wg_model_is_weight(m, t) && m->files.tensor[t].dtype != WG_BF16 &&
            (w->mask.n == 0 || wg_mask_find(&w->mask, m->files.tensor[t].name) != NULL))
            return t;
    return -1;
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
        {o->land || w->stop.chance, "landing, which scales the change of float32 masters"},
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
