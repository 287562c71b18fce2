/* gradient.c - the gradient of an objective's total loss, laid open. */
#include "data/distinct.h"

#include "base/options.h"
#include "mask/tensorfile.h"
#include "session/budget.h"
#include "train/members.h"

#include <math.h>

typedef struct writing {
    wg_tensor_file file;
    const wg_model *model;
    double square;          /* of the norm so far */
    double sparse, l1;      /* weight of the L1 norm, and what it came to */
    float *changed, *theta; /* [widest] where there is one */
} writing;

/* grad [n] with sparse*sign(theta) added. */
static const wg_real *with_penalty(writing *w, int tensor, int64_t n, const wg_real *grad)
{
    const wg_real *theta = wg_model_stored(w->model, tensor, 0, n, w->theta);

    for (int64_t i = 0; i < n; i++) {
        w->changed[i] = grad[i] + (float)w->sparse * (float)((theta[i] > 0) - (theta[i] < 0));
        w->l1 += fabs((double)theta[i]);
    }
    return w->changed;
}

static wagle_status put(void *user, wagle_ctx *ctx, int tensor, int64_t n,
                        const wg_real *const grad[WG_STREAMS])
{
    writing *w = user;
    const wg_real *g = w->sparse > 0 ? with_penalty(w, tensor, n, grad[0]) : grad[0];

    const wg_ops *host = wg_ops_on_host(w->model->ops);
    double square;

    host->dot(host, n, g, g, &square);
    w->square += square;
    return wg_tensor_file_put(ctx, &w->file, tensor, 0, g, n);
}

static wagle_status tell(wagle_ctx *ctx, const wg_train_data *data, const wg_loss *loss,
                         const double *term, const writing *w, char **json)
{
    json_t *list = json_array(), *all;
    wagle_status st;

    for (int64_t i = 0; i < data->forget.n; i++)
        json_array_append_new(list, json_real(term[i]));
    all = json_pack("{s:s, s:s, s:f, s:f, s:f, s:o, s:f}", "schema", "wagle-objective-gradient-1",
                    "objective", data->objective->name, "loss", loss->loss + w->sparse * w->l1,
                    "forget", loss->forget, "retain", loss->retain, "per_sequence", list,
                    "grad_norm", sqrt(w->square));
    st = all != NULL ? wg_json_text(ctx, all, false, json) : wg_json_memory(ctx);
    json_decref(all);
    return st;
}

/* All rows as one batch. */
static wagle_status differentiate(wagle_ctx *ctx, wg_trainer *t, writing *w, wg_loss *loss,
                                  double *term)
{
    const int64_t nf = t->data->forget.n, nr = t->data->retain.n, most = nf > nr ? nf : nr;
    const wg_sink sink = {.user = w, .host = true, .accept = put};
    int64_t *all;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &all, most));
    for (int64_t i = 0; i < most; i++)
        all[i] = i;
    st = wg_train_loss(ctx, t, &(wg_batch_indices){all, all, nf, nr, 0, 0}, loss, term);
    if (st == WAGLE_OK)
        st = wg_train_backward(ctx, t, &sink);
    wg_free(all);
    return st;
}

static wagle_status run(wagle_ctx *ctx, const wagle_train_options *o, wg_trainer *t, char **json)
{
    writing w = {.model = t->session->model};
    wg_loss loss;
    double *term = NULL;
    wagle_status st;

    w.sparse = t->objective->needs & WG_SPARSE ? t->option[0] : 0;
    WG_TRY(wg_tensor_file_open(ctx, o->out, w.model, NULL, NULL, NULL, o->force, &w.file));
    WG_TRY_GOTO(WG_ALLOC(ctx, &term, t->data->forget.n), done);
    if (w.sparse > 0) {
        WG_TRY_GOTO(WG_ALLOC(ctx, &w.changed, w.model->widest), done);
        WG_TRY_GOTO(WG_ALLOC(ctx, &w.theta, w.model->widest), done);
    }
    WG_TRY_GOTO(differentiate(ctx, t, &w, &loss, term), done);
    st = json != NULL ? tell(ctx, t->data, &loss, term, &w, json) : WAGLE_OK;
done:
    wg_free(term);
    wg_free(w.changed);
    wg_free(w.theta);
    return wg_tensor_file_close(ctx, &w.file, st);
}

wagle_status wagle_objective_gradient(wagle_ctx *ctx, const wagle_train_options *given, char **json)
{
    wagle_train_options own;
    const wagle_train_options *o = &own;
    const wg_objective *objective;
    wg_session s = {0};
    wg_train_data data = {0};
    wg_trainer t = {0};
    wagle_status st;

    wg_begin(ctx);
    if (json != NULL)
        *json = NULL;
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_unlearn));
    wg_train_hold(&own);
    if (o->out == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "@{out FILE} is missing");
    WG_TRY(wg_objective_find(ctx, o->objective, &objective));
    if (objective->needs & WG_TRAINS_ONLY)
        return wg_fail(ctx, WAGLE_E_USAGE, "objective %s is not for unlearning", o->objective);
    WG_TRY(wg_members_check(ctx, o));
    WG_TRY(wg_train_output_check(ctx, o, o->out, o->force));
    wg_data_warn_shared(ctx, &o->forget, &o->retain);
    WG_TRY(wg_session_begin(ctx, o->model, o->opened, &s));
    st = wg_train_data_load(ctx, &s, objective, o, &data);
    if (st == WAGLE_OK)
        st = wg_trainer_new(ctx, &s, &data, o, NULL, &t);
    if (st == WAGLE_OK)
        st = run(ctx, o, &t, json);
    wg_trainer_free(&t);
    wg_train_data_free(&data);
    wg_session_close(&s);
    return st;
}
