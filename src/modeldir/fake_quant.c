#include "modeldir/fake_quant.h"

#include "base/file.h"
#include "base/number.h"
#include <math.h>
#include <string.h>

enum { BLOCK = 32 };

static void round_q8_0(float *x)
{
    float most = 0;

    for (int i = 0; i < BLOCK; i++)
        most = fmaxf(most, fabsf(x[i]));
    const float scale = most / 127, inverse = scale > 0 ? 1 / scale : 0;
    const float kept = wg_f16_float(wg_float_f16(scale));
    for (int i = 0; i < BLOCK; i++)
        x[i] = (float)(int)roundf(x[i] * inverse) * kept; /* as a byte: -0 is 0 */
}

/* The largest in magnitude becomes -8, so that one of sixteen steps is never lost. */
static void round_q4_0(float *x)
{
    float most = 0;

    for (int i = 0; i < BLOCK; i++)
        most = fabsf(x[i]) > fabsf(most) ? x[i] : most;
    const float scale = most / -8, inverse = scale != 0 ? 1 / scale : 0;
    const float kept = wg_f16_float(wg_float_f16(scale));
    for (int i = 0; i < BLOCK; i++) {
        const float step = floorf(x[i] * inverse + 8.5f);
        x[i] = ((step > 15 ? 15 : step) - 8) * kept;
    }
}

void wg_block_round(wg_block_kind kind, int64_t n, float *x)
{
    for (int64_t i = 0; i + BLOCK <= n; i += BLOCK)
        (kind == WG_BLOCK_Q8_0 ? round_q8_0 : round_q4_0)(x + i);
}

/* Rounded; routers and the scale of shared experts are not, as in llama.cpp. */
static bool is_rounded(const wg_model *m, int tensor)
{
    const wg_tensor *t = &m->files.tensor[tensor];

    for (int64_t l = 0; m->config.X > 0 && l < m->config.L; l++)
        if (tensor == wg_model_tensor(m, WG_ROUTER, l) ||
            tensor == wg_model_tensor(m, WG_SHARED_SCALE, l))
            return false;
    return t->shape.rank == 2 && t->shape.dim[1] % BLOCK == 0;
}

/* Rows at a time, so that a large tensor is never held whole. */
static wagle_status write_tensor(wagle_ctx *ctx, const wg_model *m, int tensor, wg_block_kind kind,
                                 float *chunk, int64_t room, wg_output *out)
{
    const wg_tensor *t = &m->files.tensor[tensor];
    const bool rounded = is_rounded(m, tensor);
    const bool end = tensor == wg_model_tensor(m, WG_EMBED, 0) ||
                     tensor == wg_model_tensor(m, WG_HEAD, 0) || tensor == m->copy;

    if (!wg_dtype_is_weight(t->dtype))
        return wg_output_write(ctx, out, t->data, t->bytes);
    for (int64_t first = 0; first < t->count; first += room) {
        const int64_t n = t->count - first < room ? t->count - first : room;
        wg_to_float(t->dtype, (const char *)t->data + (size_t)first * wg_dtype_size(t->dtype), n,
                    chunk);
        if (rounded)
            wg_block_round(end ? WG_BLOCK_Q8_0 : kind, n, chunk);
        WG_TRY(wg_output_write(ctx, out, chunk, (size_t)n * sizeof *chunk));
    }
    return WAGLE_OK;
}

static wagle_status write_weights(wagle_ctx *ctx, const wg_model *m, wg_block_kind kind,
                                  const char *path)
{
    enum { CHUNK = BLOCK << 15 };
    wg_tensor *as_float = NULL;
    float *chunk = NULL;
    wg_output out = {.fd = -1};
    wagle_status st;

    WG_TRY_GOTO(WG_ALLOC(ctx, &as_float, m->files.n), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &chunk, CHUNK), done);
    for (int64_t i = 0; i < m->files.n; i++) {
        as_float[i] = m->files.tensor[i];
        if (!wg_dtype_is_weight(as_float[i].dtype))
            continue;
        as_float[i].dtype = WG_F32;
        as_float[i].bytes = (size_t)as_float[i].count * sizeof(float);
    }
    WG_TRY_GOTO(wg_output_open(ctx, path, true, &out), done);
    WG_TRY_GOTO(wg_safetensors_header(ctx, &out, as_float, m->files.n, NULL, NULL), done);
    for (int64_t i = 0; i < m->files.n; i++)
        WG_TRY_GOTO(write_tensor(ctx, m, (int)i, kind, chunk, CHUNK, &out), done);
    st = wg_output_commit(ctx, &out);
done:
    wg_output_abort(&out);
    wg_free(as_float);
    wg_free(chunk);
    return st;
}

int wg_block_kind_find(const char *name)
{
    static const char *const names[] = {[WG_BLOCK_Q8_0] = "q8_0", [WG_BLOCK_Q4_0] = "q4_0"};

    for (int i = 0; i < 2; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

wagle_status wg_write_rounded(wagle_ctx *ctx, const wg_model *m, wg_block_kind kind,
                              const char *out)
{
    char *from = wg_path_join(ctx, m->folder, "config.json");
    char *config = wg_path_join(ctx, out, "config.json");
    char *weights = wg_path_join(ctx, out, "model.safetensors");
    wagle_status st = from != NULL && config != NULL && weights != NULL ? wg_make_folder(ctx, out)
                                                                        : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK)
        st = wg_copy_file(ctx, from, config);
    if (st == WAGLE_OK)
        st = write_weights(ctx, m, kind, weights);
    wg_free(from);
    wg_free(config);
    wg_free(weights);
    return st;
}
