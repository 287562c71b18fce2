/* loss.cu - losses over the vocabulary, a chunk [first, first+n) of it at a time.
 *
 * logits [M,n] have row stride ld. Sums over a row: a block a row, each thread every THREADS-th
 * column. */

/* --- sums over rows --- */

/* A running maximum and sum of exp(x - maximum) takes up another. */
__device__ inline void join(float *most, float *sum, float other, float more)
{
    const float top = fmaxf(*most, other);

    if (top > -INFINITE) {
        *sum = *sum * expf(*most - top) + more * expf(other - top);
        *most = top;
    } else {
        *sum += more; /* 0, or not a number */
    }
}

KERNEL xent_forward(i64 first, i64 n, const float *logits, i64 ld, const int *target,
                    float *maximum, float *sum, float *picked)
{
    __shared__ float tops[THREADS / 32], totals[THREADS / 32];
    const i64 m = blockIdx.x, token = target[m] - first;
    const float *row = logits + m * ld;
    float most = -INFINITE, total = 0;

    EACH_COLUMN(v, n)
    {
        const float x = row[v];
        if (x > most) {
            total = total * expf(most - x) + 1;
            most = x;
        } else if (x != -INFINITE) {
            total += expf(x - most);
        }
    }
    for (int step = 1; step < 32; step <<= 1) {
        const float other = __shfl_down_sync(ALL_LANES, most, step);
        const float more = __shfl_down_sync(ALL_LANES, total, step);
        join(&most, &total, other, more);
    }
    if (threadIdx.x % 32 == 0) {
        tops[threadIdx.x / 32] = most;
        totals[threadIdx.x / 32] = total;
    }
    __syncthreads();
    if (threadIdx.x > 0)
        return;
    most = maximum[m];
    total = sum[m];
    for (int w = 0; w < THREADS / 32; w++)
        join(&most, &total, tops[w], totals[w]);
    maximum[m] = most;
    sum[m] = total;
    if (token >= 0 && token < n)
        picked[m] = row[token];
}

KERNEL row_stats(i64 first, i64 n, const float *logits, i64 ld, const float *lse, float *most,
                 int *best, double *mean, double *square)
{
    const i64 m = blockIdx.x;
    const float *row = logits + m * ld;

    if (best != NULL) {
        float top = -INFINITE;
        int place = NONE;
        EACH_COLUMN(v, n)
        if (row[v] > top) {
            top = row[v];
            place = (int)(first + v);
        }
        block_most(&top, &place);
        if (threadIdx.x == 0 && top > most[m]) {
            most[m] = top;
            best[m] = place;
        }
    }
    if (mean != NULL) {
        double one = 0, two = 0;
        EACH_COLUMN(v, n)
        {
            const float log_p = row[v] - lse[m], p = expf(log_p) * log_p;
            one += (double)p;
            two += (double)p * (double)log_p;
        }
        one = block_sum(one);
        two = block_sum(two);
        if (threadIdx.x == 0) {
            mean[m] += one;
            square[m] += two;
        }
    }
}

KERNEL runner_up(i64 first, i64 n, const float *logits, i64 ld, const int *target, float *most,
                 int *which)
{
    const i64 m = blockIdx.x;
    const float *row = logits + m * ld;
    float top = -INFINITE;
    int place = NONE;

    EACH_COLUMN(v, n)
    if (first + v != target[m] && row[v] > top) {
        top = row[v];
        place = (int)(first + v);
    }
    block_most(&top, &place);
    if (threadIdx.x == 0 && top > most[m]) {
        most[m] = top;
        which[m] = place;
    }
}

/* Philox4x32-10, as wg_random of base/number.h. */
__device__ inline u64 random_bits(u64 seed, u64 stream, u64 counter)
{
    u32 a = (u32)counter, b = (u32)(counter >> 32), c = (u32)stream, d = (u32)(stream >> 32);
    u32 k0 = (u32)seed, k1 = (u32)(seed >> 32);

    for (int round = 0; round < 10; round++) {
        const u64 p0 = 0xD2511F53u * (u64)a, p1 = 0xCD9E8D57u * (u64)c;
        a = (u32)(p1 >> 32) ^ b ^ k0;
        c = (u32)(p0 >> 32) ^ d ^ k1;
        b = (u32)p1;
        d = (u32)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return (u64)a | (u64)b << 32;
}

KERNEL sample_rows(i64 first, i64 n, const float *logits, i64 ld, i64 row, u64 seed, u64 stream,
                   double *most, int *which)
{
    const i64 m = blockIdx.x;
    const u32 draw = (u32)random_bits(seed, stream, (u64)(row + m));
    double top = -(double)INFINITE;
    int place = NONE;

    EACH_COLUMN(v, n)
    {
        const double u = ((double)mix(draw, (u32)(first + v)) + 0.5) / 0x1p32;
        const double value = (double)logits[m * ld + v] - log(-log(u));
        if (value > top) {
            top = value;
            place = (int)(first + v);
        }
    }
    block_most(&top, &place);
    if (threadIdx.x == 0 && top > most[m]) {
        most[m] = top;
        which[m] = place;
    }
}

KERNEL dot_rows(i64 n, const float *a, i64 lda, const float *b, i64 ldb, double *sum)
{
    const i64 m = blockIdx.x;
    double total = 0;

    EACH_COLUMN(v, n)
    total += (double)a[m * lda + v] * (double)b[m * ldb + v];
    total = block_sum(total);
    if (threadIdx.x == 0)
        sum[m] += total;
}

/* --- a number a row --- */

KERNEL xent_finish(i64 M, float *maximum, const float *sum, const float *picked, float *nll)
{
    EACH(m, M)
    {
        maximum[m] += (float)log((double)sum[m]);
        nll[m] = maximum[m] - picked[m];
    }
}

KERNEL soft_finish(i64 M, int divergence, const float *lse, const float *target_lse,
                   const double *cross, float *nll)
{
    EACH(m, M)
    nll[m] = (float)((double)lse[m] - cross[m] +
                     (divergence ? cross[M + m] - (double)target_lse[m] : 0));
}

KERNEL hinge_finish(i64 M, const float *lse, float *token, float *other, float *nll)
{
    EACH(m, M)
    {
        token[m] = (float)exp(-(double)nll[m]);
        other[m] = (float)exp((double)other[m] - (double)lse[m]);
        nll[m] = 1 + token[m] - other[m];
    }
}

/* --- element by element --- */

/* The slope of softcap where it gave x. */
__device__ inline float cap_slope(float x, float cap)
{
    return cap > 0 ? 1 - x / cap * (x / cap) : 1;
}

KERNEL xent_backward(i64 first, i64 n, float *logits, i64 ld, const int *target, const float *lse,
                     const float *weight, float cap)
{
    const i64 m = blockIdx.x, token = target[m] - first;
    float *row = logits + m * ld;

    EACH_ELEMENT(v, n)
    {
        const float x = row[v], p = expf(x - lse[m]);
        row[v] = cap_slope(x, cap) * weight[m] * (p - (v == token ? 1 : 0));
    }
}

KERNEL xent_soft_backward(i64 n, float *logits, i64 ld, const float *q, const float *lse,
                          const float *weight, float cap)
{
    const i64 m = blockIdx.x;
    float *row = logits + m * ld;

    EACH_ELEMENT(v, n)
    {
        const float x = row[v];
        row[v] = cap_slope(x, cap) * (weight[m] * expf(x - lse[m]) - q[m * n + v]);
    }
}

KERNEL softmax(i64 n, const float *lse, const float *scale, float *x, i64 ld)
{
    const i64 m = blockIdx.x;

    EACH_ELEMENT(v, n)
    x[m * ld + v] = scale[m] * expf(x[m * ld + v] - lse[m]);
}

KERNEL shift_target(i64 first, i64 n, const int *target, float shift, const float *logits, i64 ld,
                    float *q)
{
    const i64 m = blockIdx.x, token = target[m] - first;

    EACH_ELEMENT(v, n)
    q[m * n + v] = logits[m * ld + v] - (v == token ? shift : 0);
}

KERNEL hinge_target(i64 first, i64 n, const int *target, const int *runner_up, const float *weight,
                    const float *token, const float *other, float *q, float *share)
{
    const i64 m = blockIdx.x, label = target[m] - first, second = runner_up[m] - first;

    EACH_ELEMENT(v, n)
    q[m * n + v] = v == second ? weight[m] * other[m] : v == label ? -weight[m] * token[m] : 0;
    if (blockIdx.y == 0 && threadIdx.x == 0)
        share[m] = weight[m] * (other[m] - token[m]);
}
