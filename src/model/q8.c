#include "model/q8.h"

#include "base/memory.h"

/* A step multiplies by the tensor with few rows. Routers and the scale of shared experts stay as
 * they are: they are small, and choose. */
static bool is_read(const wg_model *m, wg_role role, int tensor)
{
    const bool layer = role >= WG_LAYER_ROLES;

    return tensor >= 0 && m->files.tensor[tensor].shape.rank == 2 && role != WG_ROUTER &&
           role != WG_SHARED_SCALE && (layer || role == WG_HEAD || role == WG_PROJECT_OUT);
}

/* Outputs and inputs of a matrix. */
static int64_t outputs_of(const wg_model *m, int tensor)
{
    return m->files.tensor[tensor].count / wg_model_inputs(m, tensor);
}

static int64_t bytes_of(const wg_model *m, int tensor)
{
    return wg_q8_bytes(outputs_of(m, tensor), wg_model_inputs(m, tensor));
}

/* Marks what is to be rounded: the tensor itself stands for its matrix until that has a place. */
static int64_t choose(const wg_model *m, wg_q8 *q8)
{
    int64_t bytes = 0;

    for (int role = 0; role < wg_config_roles(&m->config); role++)
        for (int64_t l = 0; l < wg_config_layers(&m->config, (wg_role)role); l++) {
            const int t = wg_model_tensor(m, (wg_role)role, l);
            if (!is_read(m, (wg_role)role, t) || q8->matrix[t] != NULL)
                continue;
            q8->matrix[t] = &m->files.tensor[t];
            bytes += bytes_of(m, t);
        }
    return bytes;
}

wagle_status wg_q8_new(wagle_ctx *ctx, const wg_model *m, wg_q8 *out)
{
    const wg_ops *ops = m->ops;
    int64_t bytes;
    char *at;

    if (ops->quantise == NULL)
        return wg_fail(
            ctx, WAGLE_E_USAGE,
            "@{weights=q8} is for the CPU: device %s has no products of weights in 8 bits",
            ops->name);
    if (ops->shared != NULL)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{weights=q8} keeps all matrices in memory; without @{share_weights} it "
                       "can be used");
    WG_TRY(WG_ALLOC(ctx, &out->matrix, m->files.n));
    bytes = choose(m, out);
    WG_TRY(ops->alloc(ops, ctx, bytes, 1, NULL, &out->memory));
    at = out->memory.data;
    for (int t = 0; t < m->files.n; t++) {
        if (out->matrix[t] == NULL)
            continue;
        WG_TRY(wg_check_interrupt(ctx));
        const wg_weights w = wg_model_weights(m, t);
        ops->quantise(ops, w.type, w.stored, wg_model_is_transposed(m, t), outputs_of(m, t),
                      wg_model_inputs(m, t), at);
        out->matrix[t] = at;
        at += bytes_of(m, t);
    }
    wg_log(ctx, 1, "the matrices take %.2f GB in 8 bits, beside the stored ones",
           (double)bytes / 1e9);
    return WAGLE_OK;
}

void wg_q8_free(const wg_model *m, wg_q8 *q8)
{
    m->ops->free(m->ops, &q8->memory);
    wg_free(q8->matrix);
    *q8 = (wg_q8){0};
}
