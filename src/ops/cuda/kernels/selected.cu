/* selected.cu - selected weights: their place among a tensor's, and what optimizers do to them. */

/* Block `block` of WG_CUDA_OVERLAY weights of a tensor, of which only those below `end` matter:
 * before[w] = selected weights of the tensor before word w of the block. */
__device__ inline void rank_words(i64 block, i64 end, const u64 *bits, const i64 *rank, i64 *before)
{
    const i64 words = (end + 63) / 64;
    const int lane = threadIdx.x;
    const i64 word = block * (WG_CUDA_OVERLAY / 64) + 2 * lane;

    if (lane < 32) {
        const int one = word < words ? __popcll(bits[word]) : 0;
        const int two = word + 1 < words ? __popcll(bits[word + 1]) : 0;
        int sum = one + two;
        for (int step = 1; step < 32; step <<= 1) {
            const int other = __shfl_up_sync(ALL_LANES, sum, step);
            sum += lane >= step ? other : 0;
        }
        before[2 * lane] = rank[block] + sum - one - two;
        before[2 * lane + 1] = rank[block] + sum - two;
    }
    __syncthreads();
}

/* Weight i of the block is number `at` among the tensor's selected ones, if it is selected. */
__device__ inline i64 rank_at(i64 i, u64 word, const i64 *before)
{
    return before[i % WG_CUDA_OVERLAY / 64] + __popcll(word & (((u64)1 << (i % 64)) - 1));
}

/* Runs the statement for each selected weight i of [first, first+n) in block `block`, number `at`
 * among the tensor's. */
#define EACH_SELECTED(block, i, at, statement)                                                     \
    do {                                                                                           \
        __shared__ i64 before[WG_CUDA_OVERLAY / 64];                                               \
        rank_words(block, first + n, bits, rank, before);                                          \
        for (int e = threadIdx.x; e < WG_CUDA_OVERLAY; e += THREADS) {                             \
            const i64 i = (block) * WG_CUDA_OVERLAY + e;                                           \
            if (i < first || i >= first + n)                                                       \
                continue;                                                                          \
            const u64 word = bits[i / 64];                                                         \
            const i64 at = rank_at(i, word, before);                                               \
            if (word >> (i % 64) & 1)                                                              \
                statement;                                                                         \
        }                                                                                          \
    } while (0)

/* Weights of one block of one panel. */
__device__ inline void fill_block(const wg_cuda_weights *w, i64 block, i64 first, i64 n, int type,
                                  void *to)
{
    __shared__ i64 before[WG_CUDA_OVERLAY / 64];
    const bool apart = w->value != NULL || w->half != NULL;
    const bool some = apart && w->bits != NULL, all = apart && !some;

    if (some)
        rank_words(block, first + n, w->bits, w->rank, before);
    for (int e = threadIdx.x; e < WG_CUDA_OVERLAY; e += THREADS) {
        const i64 i = block * WG_CUDA_OVERLAY + e;
        if (i < first || i >= first + n)
            continue;
        const u64 word = some ? w->bits[i / 64] : 0;
        const bool selected = word >> (i % 64) & 1;
        const i64 at = selected ? rank_at(i, word, before) : i;
        const float x = !selected && !all  ? load(w->type, w->stored, i)
                        : w->value != NULL ? w->value[at]
                                           : from_bf16(w->half[at]);
        if (type == BF16)
            ((u16 *)to)[i - first] = (u16)to_bf16(x);
        else
            ((float *)to)[i - first] = x;
    }
}

/* A block a block of WG_CUDA_OVERLAY weights, of one panel after the other. */
KERNEL fill_panels(wg_cuda_panels a)
{
    int k = 0;

    while (k + 1 < a.m && (i64)blockIdx.x >= a.before[k + 1])
        k++;
    fill_block(&a.weights[k], a.first[k] / WG_CUDA_OVERLAY + (blockIdx.x - a.before[k]), a.first[k],
               a.n[k], a.type[k], a.to[k]);
}

KERNEL overlay(i64 first, i64 n, const u64 *bits, const i64 *rank, const float *value, float *dst)
{
    const i64 block = first / WG_CUDA_OVERLAY + blockIdx.x;

    EACH_SELECTED(block, i, at, dst[i - first] = value[at]);
}

/* A block a block of WG_CUDA_OVERLAY weights, of one part after the other. */
KERNEL gather(wg_cuda_gathers a)
{
    int k = 0;

    while (k + 1 < a.m && (i64)blockIdx.x >= a.before[k + 1])
        k++;
    const i64 first = a.first[k], n = a.n[k];
    const i64 block = first / WG_CUDA_OVERLAY + (blockIdx.x - a.before[k]);
    const u64 *bits = a.bits[k];
    const i64 *rank = a.rank[k];
    const float *src = a.src[k];
    float *value = a.value[k];
    EACH_SELECTED(block, i, at, value[at] = src[i - first]);
}

KERNEL adamw(wg_cuda_step s, i64 n, const float *gradient, float *m, float *v, float *value)
{
    EACH(i, n)
    {
        const float g = gradient[i] * s.scale;
        const float one = s.beta1 * m[i] + s.rest1 * g, two = s.beta2 * v[i] + s.rest2 * g * g;
        m[i] = one;
        v[i] = two;
        value[i] = value[i] * s.keep - s.rate * one / (sqrtf(two * s.unbias) + s.epsilon);
    }
}

KERNEL adamw_bf16(wg_cuda_step s, u32 seed, i64 n, const float *gradient, u16 *m, u16 *v,
                  float *value)
{
    EACH(i, n)
    {
        const u32 chance = mix(seed, (u32)i);
        const float g = gradient[i] * s.scale;
        const float one = s.beta1 * from_bf16(m[i]) + s.rest1 * g;
        const float two = s.beta2 * from_bf16(v[i]) + s.rest2 * g * g;
        m[i] = (u16)to_bf16_random(one, chance);
        v[i] = (u16)to_bf16_random(two, chance >> 16);
        value[i] = value[i] * s.keep - s.rate * one / (sqrtf(two * s.unbias) + s.epsilon);
    }
}

__device__ inline float nearest(float x)
{
    return from_bf16(to_bf16(x));
}

KERNEL adamw_in_bf16(wg_cuda_step s, i64 n, const float *gradient, u16 *m, u16 *v, u16 *value)
{
    EACH(i, n)
    {
        const float g = nearest(nearest(gradient[i]) * s.scale), old = from_bf16(m[i]);
        const float one = nearest(fmaf(s.rest1, g - old, old));
        const float kept = nearest(s.beta2 * from_bf16(v[i]));
        const float two = nearest(fmaf(s.rest2 * g, g, kept));
        const float root = nearest(nearest(sqrtf(two)) / s.root);
        const float theta = nearest(from_bf16(value[i]) * s.keep);
        m[i] = (u16)to_bf16(one);
        v[i] = (u16)to_bf16(two);
        value[i] = (u16)to_bf16(theta - s.rate * one / nearest(root + s.epsilon));
    }
}

KERNEL narrow(int random, u32 seed, i64 n, const float *x, u16 *to)
{
    EACH(i, n)
    to[i] = (u16)(random ? to_bf16_random(x[i], mix(seed, (u32)i)) : to_bf16(x[i]));
}

/* m is float, or bf16; v may be NULL. */
KERNEL update(int rule, wg_cuda_step s, int bf16, u32 seed, i64 n, const float *gradient, void *m,
              const float *v, float *value)
{
    float *whole = (float *)m;
    u16 *half = (u16 *)m;

    EACH(i, n)
    {
        const float g = gradient[i] * s.scale, old = bf16 ? from_bf16(half[i]) : whole[i];
        const float blend = s.beta1 * old + (rule == RULE_SGD ? g : s.rest1 * g);
        float moment = blend, move = blend;
        if (rule == RULE_LION) {
            moment = s.beta2 * old + s.rest2 * g;
            move = (float)((blend > 0) - (blend < 0));
        } else if (rule == RULE_SOPHIA) {
            const float curvature = fmaxf(s.bound * (v != NULL ? v[i] : 0), s.epsilon);
            move = fminf(fmaxf(blend / curvature, -1.0f), 1.0f);
        }
        value[i] = value[i] * s.keep - s.rate * move;
        if (bf16)
            half[i] = (u16)to_bf16_random(moment, mix(seed, (u32)i));
        else
            whole[i] = moment;
    }
}

KERNEL square_average(i64 n, float decay, float rest, const float *x, float *v)
{
    EACH(i, n)
    v[i] = decay * v[i] + rest * x[i] * x[i];
}
