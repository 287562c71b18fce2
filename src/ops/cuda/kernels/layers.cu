/* layers.cu - what lies between the products of a layer: tables, norms, positions, activations. */

/* --- tables --- */

/* Bits of the block of weight i that stand before it. */
__device__ inline i64 selected_before(const wg_cuda_weights &w, i64 i)
{
    i64 before = w.rank[i / WG_CUDA_OVERLAY];

    for (i64 word = i / WG_CUDA_OVERLAY * (WG_CUDA_OVERLAY / 64); word < i / 64; word++)
        before += __popcll(w.bits[word]);
    return before + __popcll(w.bits[i / 64] & (((u64)1 << (i % 64)) - 1));
}

__device__ inline float weight_at(const wg_cuda_weights &w, i64 i)
{
    const bool apart = w.value != NULL || w.half != NULL;

    if (!apart || (w.bits != NULL && !(w.bits[i / 64] >> (i % 64) & 1)))
        return load(w.type, w.stored, i);
    const i64 at = w.bits != NULL ? selected_before(w, i) : i;
    return w.value != NULL ? w.value[at] : from_bf16(w.half[at]);
}

/* A block a token. */
KERNEL embed(wg_cuda_weights table, i64 D, const int *ids, i64 offset, float scale, int add,
             float *x)
{
    const i64 row = (ids[blockIdx.x] + offset) * D;

    x += blockIdx.x * D;
    for (i64 d = threadIdx.x; d < D; d += blockDim.x) {
        const float value = weight_at(table, row + d) * scale;
        x[d] = add ? x[d] + value : value;
    }
}

/* Whether token n is the first of ids with its number; all threads of a block ask together. */
__device__ inline bool first_of_its_kind(i64 n, const int *ids)
{
    const int mine = ids[n];

    for (i64 from = 0; from < n; from += blockDim.x) {
        const i64 at = from + threadIdx.x;
        if (__syncthreads_or(at < n && ids[at] == mine))
            return false;
    }
    return true;
}

/* A block a token; the first of a number adds the rows of all that have it, in order. */
KERNEL embed_backward(i64 N, i64 D, const int *ids, const float *dx, float *dtable)
{
    __shared__ u32 found[THREADS / 32];
    const i64 n = blockIdx.x;
    const int mine = ids[n];

    if (!first_of_its_kind(n, ids))
        return;
    dtable += mine * D;
    for (i64 from = n; from < N; from += THREADS) {
        const i64 at = from + threadIdx.x;
        const u32 same = __ballot_sync(ALL_LANES, at < N && ids[at] == mine);
        __syncthreads();
        if (threadIdx.x % 32 == 0)
            found[threadIdx.x / 32] = same;
        __syncthreads();
        for (int w = 0; w < THREADS / 32; w++)
            for (u32 left = found[w]; left != 0; left &= left - 1) {
                const float *row = dx + (from + 32 * w + __ffs(left) - 1) * D;
                for (i64 d = threadIdx.x; d < D; d += THREADS)
                    dtable[d] += row[d];
            }
    }
}

/* --- norms, a block a row --- */

KERNEL norm_forward(i64 D, float eps, const float *x, const float *weight, const float *bias,
                    float *y, float *mean, float *rstd)
{
    const i64 n = blockIdx.x;
    float sum = 0, square = 0, middle = 0;

    x += n * D;
    y += n * D;
    if (mean != NULL) {
        for (i64 d = threadIdx.x; d < D; d += THREADS)
            sum += x[d];
        middle = block_sum(sum) / (float)D;
    }
    for (i64 d = threadIdx.x; d < D; d += THREADS)
        square += (x[d] - middle) * (x[d] - middle);
    const float r = 1 / sqrtf(block_sum(square) / (float)D + eps);
    for (i64 d = threadIdx.x; d < D; d += THREADS)
        y[d] = (x[d] - middle) * r * weight[d] + (bias != NULL ? bias[d] : 0);
    if (threadIdx.x == 0) {
        rstd[n] = r;
        if (mean != NULL)
            mean[n] = middle;
    }
}

KERNEL norm_backward(i64 D, const float *x, const float *weight, const float *mean,
                     const float *rstd, const float *dy, float *dx)
{
    const i64 n = blockIdx.x;
    const float middle = mean != NULL ? mean[n] : 0, r = rstd[n];
    float dot = 0, sum = 0;

    x += n * D;
    dy += n * D;
    dx += n * D;
    for (i64 d = threadIdx.x; d < D; d += THREADS) {
        const float g = dy[d] * weight[d];
        dot += g * (x[d] - middle);
        sum += g;
    }
    const float pull = block_sum(dot) * r * r / (float)D;
    const float push = mean != NULL ? block_sum(sum) / (float)D : 0;
    for (i64 d = threadIdx.x; d < D; d += THREADS)
        dx[d] += r * (dy[d] * weight[d] - push - (x[d] - middle) * pull);
}

/* --- biases, caps, positions --- */

KERNEL bias_forward(i64 O, const float *bias, float *y, i64 ld)
{
    EACH_ELEMENT(o, O)
    y[blockIdx.x * ld + o] += bias[o];
}

KERNEL softcap(i64 O, float cap, float *y, i64 ld)
{
    EACH_ELEMENT(o, O)
    {
        float *at = y + blockIdx.x * ld + o;
        *at = cap * tanhf(*at / cap);
    }
}

KERNEL clip(i64 n, float most, float *x)
{
    EACH(i, n)
    x[i] = x[i] > most ? most : x[i] < -most ? -most : x[i];
}

KERNEL clip_backward(i64 n, float most, const float *x, float *dx)
{
    EACH(i, n)
    dx[i] = x[i] >= most || x[i] <= -most ? 0 : dx[i];
}

/* A block a token, a thread a pair of a query or a key head: `apart` from each other, `step` from
 * the next. */
KERNEL rope(int H, int K, int h, int half, int step, int apart, const int *position,
            const float *cosine, const float *sine, int direction, float *q, float *k)
{
    const i64 n = blockIdx.x, row = (i64)position[n] * half;

    for (int pair = threadIdx.x; pair < (H + K) * half; pair += THREADS) {
        const int head = pair / half, i = pair % half;
        float *at = (head < H ? q + (n * H + head) * h : k + (n * K + head - H) * h) + step * i;
        const float c = cosine[row + i], s = (float)direction * sine[row + i];
        const float a = at[0], b = at[apart];
        at[0] = a * c - b * s;
        at[apart] = b * c + a * s;
    }
}

/* --- activations --- */

#define ROOT_HALF 0.70710678f
#define ROOT_TWO_OVER_PI 0.79788456f

/* act(x), and its slope. tanh(u) = 2 sigmoid(2u) - 1, so x (1 + tanh(u)) / 2 = x sigmoid(2u). */
__device__ inline float activate(int act, float x, float *slope)
{
    if (act == RELU) {
        *slope = x > 0 ? 1 : 0;
        return x > 0 ? x : 0;
    }
    if (act == GELU) {
        const float half = 0.5f * erfcf(-x * ROOT_HALF);
        *slope = half + x * 0.5f * ROOT_TWO_OVER_PI * expf(-0.5f * x * x);
        return x * half;
    }
    const float inner = act == SILU ? x : 2 * ROOT_TWO_OVER_PI * (x + 0.044715f * x * x * x);
    const float rise = act == SILU ? 1 : 2 * ROOT_TWO_OVER_PI * (1 + 3 * 0.044715f * x * x);
    const float s = 1 / (1 + expf(-inner));
    *slope = s + x * s * (1 - s) * rise;
    return x * s;
}

KERNEL glu_forward(int act, i64 n, const float *gate, const float *up, float *out)
{
    EACH(i, n)
    {
        float slope;
        out[i] = activate(act, gate[i], &slope) * (up != NULL ? up[i] : 1);
    }
}

KERNEL glu_backward(int act, i64 n, const float *gate, const float *up, const float *dout,
                    float *dgate, float *dup)
{
    EACH(i, n)
    {
        float slope;
        const float value = activate(act, gate[i], &slope), d = dout[i];
        dgate[i] = d * (up != NULL ? up[i] : 1) * slope;
        if (up != NULL)
            dup[i] = d * value;
    }
}
