/* decode.cu - generation: one query row a sequence, and products of few rows with stored weights.
 */

enum { STRIP = WG_CUDA_DECODE_KEYS, MOST_COLUMNS = 256 / STRIP };

/* A block one head of one sequence; keys in strips, online softmax. Block (STRIP). */
KERNEL attention_decode(wg_cuda_decode a)
{
    __shared__ float score[STRIP];
    const i64 b = blockIdx.x, head = blockIdx.y, P = a.K * a.h, T = a.length[b];
    const i64 at = a.first[b] * P + head / (a.H / a.K) * a.h;
    const i64 from = a.window > 0 && T > a.window ? T - a.window : 0;
    const float *q = a.q + (b * a.H + head) * a.h;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    float most = -INFINITE, sum = 0, out[MOST_COLUMNS] = {};

    for (i64 j = from; j < T; j += STRIP) {
        const int n = T - j < STRIP ? (int)(T - j) : STRIP;
        __syncthreads();
        for (int t = warp; t < n; t += STRIP / 32) {
            const float *k = a.key + at + (j + t) * P;
            float dot = 0;
            for (int d = lane; d < a.h; d += 32)
                dot += q[d] * k[d];
            dot = warp_sum(dot) * a.scale;
            if (lane == 0)
                score[t] = a.cap > 0 ? a.cap * tanhf(dot / a.cap) : dot;
        }
        __syncthreads();
        float top = (int)threadIdx.x < n ? score[threadIdx.x] : -INFINITE;
        int none = 0;
        block_most(&top, &none);
        top = fmaxf(top, most);
        const float p = (int)threadIdx.x < n ? expf(score[threadIdx.x] - top) : 0;
        const float shrink = expf(most - top);
        sum = sum * shrink + block_sum(p);
        most = top;
        score[threadIdx.x] = p;
        __syncthreads();
#pragma unroll
        for (int c = 0; c < MOST_COLUMNS; c++) {
            const int d = threadIdx.x + c * STRIP;
            float mixed = out[c] * shrink;
            for (int t = 0; d < a.h && t < n; t++)
                mixed += score[t] * a.value[at + (j + t) * P + d];
            out[c] = mixed;
        }
    }
#pragma unroll
    for (int c = 0; c < MOST_COLUMNS; c++) {
        const int d = threadIdx.x + c * STRIP;
        if (d < a.h)
            a.out[(b * a.H + head) * a.h + d] = out[c] / sum;
    }
}

/* Eight stored numbers at a 16-byte aligned place. */
__device__ inline void load8(int type, const void *from, i64 i, float w[8])
{
    if (type == F32) {
        const float4 a = ((const float4 *)from)[i / 4], b = ((const float4 *)from)[i / 4 + 1];
        w[0] = a.x, w[1] = a.y, w[2] = a.z, w[3] = a.w;
        w[4] = b.x, w[5] = b.y, w[6] = b.z, w[7] = b.w;
        return;
    }
    const uint4 pack = ((const uint4 *)from)[i / 8];
    const u32 two[4] = {pack.x, pack.y, pack.z, pack.w};
#pragma unroll
    for (int k = 0; k < 4; k++) {
        w[2 * k] = type == BF16 ? from_bf16(two[k] & 0xFFFFu) : from_f16(two[k] & 0xFFFFu);
        w[2 * k + 1] = type == BF16 ? from_bf16(two[k] >> 16) : from_f16(two[k] >> 16);
    }
}

/* y[row,o] = x[row,:] . W[o,:] for rows [R*blockIdx.y, +R): a warp an output o. */
template <int R> __device__ inline void multiply(const wg_cuda_matvec &a)
{
    int k = 0;

    while (k + 1 < a.m && blockIdx.x >= a.before[k + 1])
        k++;
    const i64 o = (blockIdx.x - a.before[k]) * WG_CUDA_MATVEC_WARPS + threadIdx.x / 32;
    const i64 first = (i64)blockIdx.y * R, I = a.I;
    const int lane = threadIdx.x % 32, type = a.type[k];
    const char *W = (const char *)a.W[k] + o * I * (type == F32 ? 4 : 2);
    float sum[R] = {};

    if (o >= a.O[k])
        return;
    const float *x[R];
#pragma unroll
    for (int r = 0; r < R; r++)
        x[r] = a.x + (first + r < a.n ? first + r : a.n - 1) * I;
    if (I % 8 == 0 && (u64)W % 16 == 0 && (u64)a.x % 16 == 0)
        for (i64 i = 8 * lane; i < I; i += 256) {
            float w[8];
            load8(type, W, i, w);
#pragma unroll
            for (int r = 0; r < R; r++) {
                const float4 one = *(const float4 *)(x[r] + i);
                const float4 two = *(const float4 *)(x[r] + i + 4);
                sum[r] += w[0] * one.x + w[1] * one.y + w[2] * one.z + w[3] * one.w;
                sum[r] += w[4] * two.x + w[5] * two.y + w[6] * two.z + w[7] * two.w;
            }
        }
    else
        for (i64 i = lane; i < I; i += 32) {
            const float w = load(type, W, i);
#pragma unroll
            for (int r = 0; r < R; r++)
                sum[r] += w * x[r][i];
        }
#pragma unroll
    for (int r = 0; r < R; r++) {
        const float total = warp_sum(sum[r]);
        if (lane == 0 && first + r < a.n) {
            float *y = a.y[k] + (first + r) * a.O[k] + o;
            *y = (a.add ? *y : 0) + total;
        }
    }
}

KERNEL matvec_1(wg_cuda_matvec a)
{
    multiply<1>(a);
}

KERNEL matvec_4(wg_cuda_matvec a)
{
    multiply<4>(a);
}
