/* Decoding with matrices in 8 bits, of every family: compared with the same model whose matrices
 * hold the rounded numbers in float32; and with the stored model.
 *
 * A weight moves by at most 1/254 of the largest of its block, by 1/254/sqrt(3) of it in the root
 * mean square. Of 32 normally distributed weights the largest is 2.15 times their deviation, so the
 * error of a product is about 0.005 of it; those of the products that lie behind a logit add up as
 * squares do. HEAVY is for weights and numbers that are not normally distributed. */
#include "support.h"

#include "base/memory.h"
#include "model/decode.h"

enum { STEPS = 6, TOGETHER = 3 };
#define EPSILON 0.005
#define HEAVY 2.0

static const int32_t ids[STEPS] = {5, 17, 3, 40, 8, 11};

/* logits [STEPS][B,V] of B sequences of the same tokens. */
static void decode(wagle_ctx *ctx, const wg_model *m, bool q8, int64_t B, float *logits)
{
    int64_t which[TOGETHER];
    int32_t token[TOGETHER];
    wg_decoder *d;

    assert_ok(ctx, wg_decoder_new(ctx, m, B, STEPS, &d));
    if (q8)
        assert_ok(ctx, wg_decoder_use_q8(ctx, d));
    for (int i = 0; i < STEPS; i++) {
        for (int64_t b = 0; b < B; b++) {
            which[b] = b;
            token[b] = ids[i];
        }
        assert_ok(ctx, wg_decoder_step(ctx, d, which, token, B, logits + i * B * m->config.V));
    }
    wg_decoder_free(d);
}

/* The nearest multiples of a scale, of a block of n whose numbers lie `step` apart. */
static void round_block(float *w, int64_t step, int64_t n)
{
    float most = 0;

    for (int64_t i = 0; i < n; i++)
        most = fmaxf(most, fabsf(w[i * step]));
    const float scale = most / 127;
    for (int64_t i = 0; most > 0 && i < n; i++)
        w[i * step] = nearbyintf(w[i * step] * (1 / scale)) * scale;
}

/* The tensor's numbers, rounded, in float32. */
static wg_tensor rounded(const wg_model *m, int tensor)
{
    wg_tensor t = m->files.tensor[tensor];
    const bool columns = wg_model_is_transposed(m, tensor);
    const wg_slices s = wg_matrix_slices(&t.shape, columns);
    float *w = malloc((size_t)t.count * sizeof *w);

    wg_to_float(t.dtype, t.data, t.count, w);
    for (int64_t o = 0; o < s.n; o++)
        for (int64_t i = 0; i < s.width; i += 32)
            round_block(w + o * s.step + i * s.stride, s.stride,
                        s.width - i < 32 ? s.width - i : 32);
    t.dtype = WG_F32;
    t.data = w;
    t.bytes = (size_t)t.count * sizeof *w;
    return t;
}

/* Routers of a mixture and the scale of its shared experts stay as they are. */
static bool is_kept(const wg_model *m, int tensor)
{
    bool kept = false;

    for (int64_t l = 0; m->config.X > 0 && l < m->config.L; l++)
        kept |= tensor == wg_model_tensor(m, WG_ROUTER, l) ||
                tensor == wg_model_tensor(m, WG_SHARED_SCALE, l);
    return kept;
}

/* As `decode`, of a model with rounded matrices; its head is a tensor of its own. */
static void decode_rounded(wagle_ctx *ctx, const wg_model *m, float *logits)
{
    const int n = (int)m->files.n, head = wg_model_tensor(m, WG_HEAD, 0);
    const int64_t places = wg_model_place_of(&m->config, WG_ATTENTION_NORM, m->config.L);
    wg_model own = *m;

    own.files.tensor = calloc((size_t)n + 1, sizeof *own.files.tensor);
    own.files.n = n + 1;
    own.overlay = calloc((size_t)n + 1, sizeof *own.overlay);
    own.index = malloc((size_t)places * sizeof *own.index);
    memcpy(own.files.tensor, m->files.tensor, (size_t)n * sizeof *own.files.tensor);
    memcpy(own.index, m->index, (size_t)places * sizeof *own.index);
    own.files.tensor[n] = rounded(m, head);
    own.index[WG_HEAD] = n;
    for (int64_t place = WG_PROJECT_OUT; place < places; place++) {
        const int t = m->index[place];
        if (t >= 0 && m->files.tensor[t].shape.rank == 2 && !is_kept(m, t))
            own.files.tensor[t] = rounded(m, t);
    }
    decode(ctx, &own, false, 1, logits);
    for (int t = 0; t <= n; t++)
        if (t == n || own.files.tensor[t].data != m->files.tensor[t].data) {
            m->ops->forget(m->ops, own.files.tensor[t].data, own.files.tensor[t].bytes);
            free((void *)(uintptr_t)own.files.tensor[t].data);
        }
    free(own.files.tensor);
    free(own.overlay);
    free(own.index);
}

static double norm(const float *x, const float *y, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += pow((double)x[i] - (y != NULL ? (double)y[i] : 0), 2);
    return sqrt(sum);
}

/* Three sequences at once on three threads have the bits of one on one. */
static void check_bits(const char *path, int64_t V, const float *alone)
{
    wagle_ctx *ctx = new_context();
    float *logits = malloc((size_t)(STEPS * TOGETHER * V) * sizeof *logits);
    wg_model *m;

    wagle_set_threads(ctx, 3);
    assert_ok(ctx, wg_model_open(ctx, path, &m));
    decode(ctx, m, true, TOGETHER, logits);
    for (int64_t i = 0; i < STEPS * TOGETHER; i++)
        assert_memory_equal(logits + i * V, alone + i / TOGETHER * V, (size_t)V * sizeof *logits);
    wg_model_close(m);
    wagle_ctx_free(ctx);
    free(logits);
}

static void check_refusal(wagle_ctx *ctx, wg_model *m)
{
    const wg_ops *kept = m->ops;
    wg_ops lacking = *kept;
    wg_decoder *d;

    lacking.name = "cuda";
    lacking.quantise = NULL;
    m->ops = &lacking;
    assert_ok(ctx, wg_decoder_new(ctx, m, 1, 1, &d));
    assert_int_equal(wg_decoder_use_q8(ctx, d), WAGLE_E_USAGE);
    assert_string_equal(
        wagle_message(ctx),
        "weights=q8 is for the CPU: device cuda has no products of weights in 8 bits");
    wg_decoder_free(d);
    m->ops = kept;
}

static void check_family(const char *path)
{
    wagle_ctx *ctx = new_context();
    wg_model *m;

    wagle_set_threads(ctx, 1);
    assert_ok(ctx, wg_model_open(ctx, path, &m));
    const int64_t V = m->config.V, n = STEPS * V;
    float *logits = malloc((size_t)(2 * n) * sizeof *logits), *other = logits + n;
    const double allowed = HEAVY * EPSILON * sqrt(7.0 * (double)m->config.L + 1);

    decode(ctx, m, true, 1, logits);
    decode_rounded(ctx, m, other);
    assert_true(worst(logits, other, n) <= 2e-5 * fmax(1, largest(other, n)));
    decode(ctx, m, false, 1, other);
    const double error = norm(logits, other, n) / norm(other, NULL, n);
    print_message("%s: logits differ by %.4f, %.4f allowed\n", strrchr(path, '/') + 1, error,
                  allowed);
    assert_true(error > 0 && error <= allowed);
    check_bits(path, V, logits);
    check_refusal(ctx, m);
    free(logits);
    wg_model_close(m);
    wagle_ctx_free(ctx);
}

#define CHECK_MODEL check_family
#include "each_model.h"
