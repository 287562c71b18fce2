/* attention.cu - causal attention over packed sequences by tiles with online softmax (Dao et al.
 * 2022, arXiv 2205.14135), in float32.
 *
 * A block makes one tile of rows of one head of one sequence, in 16 x 16 threads: thread (ty, tx)
 * holds rows 4*ty..4*ty+3 of a score tile and its columns 4*tx..4*tx+3; of an output tile
 * [TILE,h] the same rows and columns 64*c + 4*tx..+3. Both products pass through slices in shared
 * memory. The backward pass computes scores twice: a block a tile of keys sums dk and dv over all
 * queries that see them, a block a tile of queries sums dq; so no two blocks add to one number. */

enum { TILE = WG_CUDA_TILE, SLICE = 32, KEYS = 16, LD = TILE + 4 /* float4 stays aligned */ };
enum { SLICES = 2 * SLICE * LD, ROOM = SLICES }; /* floats; rows [KEYS, 256] fit too */

#define ROWS_OF(i) for (int i = 0; i < 4; i++)
#define TX ((int)threadIdx.x % 16)
#define TY ((int)threadIdx.x / 16)

/* to [SLICE,LD] = columns [d0, d0+SLICE) of rows [0,m) of x, transposed; 0 where there is none. */
__device__ inline void load_slice(float *to, const float *x, i64 ld, int m, int d0, int h)
{
#pragma unroll 4
    for (int i = threadIdx.x; i < TILE * SLICE; i += THREADS) {
        const int row = i / SLICE, d = i % SLICE;
        to[d * LD + row] = row < m && d0 + d < h ? x[row * ld + d0 + d] : 0;
    }
}

/* acc = a b^T for rows [0,m) of a and [0,n) of b, both of width h. */
__device__ inline void product(float acc[4][4], float *room, const float *a, i64 lda, int m,
                               const float *b, i64 ldb, int n, int h)
{
    float *left = room, *right = room + SLICE * LD;

#pragma unroll
    ROWS_OF(i)
#pragma unroll
    ROWS_OF(j)
    acc[i][j] = 0;
    for (int d0 = 0; d0 < h; d0 += SLICE) {
        __syncthreads();
        load_slice(left, a, lda, m, d0, h);
        load_slice(right, b, ldb, n, d0, h);
        __syncthreads();
#pragma unroll 4
        for (int d = 0; d < SLICE; d++) {
            const float4 x = *(const float4 *)(left + d * LD + 4 * TY);
            const float4 y = *(const float4 *)(right + d * LD + 4 * TX);
            const float xs[4] = {x.x, x.y, x.z, x.w}, ys[4] = {y.x, y.y, y.z, y.w};
#pragma unroll
            ROWS_OF(i)
#pragma unroll
            ROWS_OF(j)
            acc[i][j] += xs[i] * ys[j];
        }
    }
}

/* acc += p^T v: p [TILE,LD] in shared memory, transposed; rows [0,n) of v, of width h. */
template <int W>
__device__ inline void accumulate(float acc[4][4 * W], const float *p, float *room, const float *v,
                                  i64 ld, int n, int h)
{
    for (int k0 = 0; k0 < n; k0 += KEYS) {
        __syncthreads();
#pragma unroll(W == 4 ? 2 : 4)
        for (int i = threadIdx.x; i < KEYS * 64 * W; i += THREADS) {
            const int row = k0 + i / (64 * W), d = i % (64 * W);
            room[i] = row < n && d < h ? v[row * ld + d] : 0;
        }
        __syncthreads();
#pragma unroll(W == 4 ? 1 : 2)
        for (int k = 0; k < KEYS; k++) {
            const float4 x = *(const float4 *)(p + (k0 + k) * LD + 4 * TY);
            const float xs[4] = {x.x, x.y, x.z, x.w};
#pragma unroll
            for (int c = 0; c < W; c++) {
                const float4 y = *(const float4 *)(room + k * 64 * W + 64 * c + 4 * TX);
                const float ys[4] = {y.x, y.y, y.z, y.w};
#pragma unroll
                ROWS_OF(i)
#pragma unroll
                ROWS_OF(j)
                acc[i][4 * c + j] += xs[i] * ys[j];
            }
        }
    }
}

/* p [TILE,LD] = the transpose of a score tile. */
__device__ inline void keep(float *p, const float score[4][4])
{
    __syncthreads(); /* the last one was read */
#pragma unroll
    ROWS_OF(j)
    *(float4 *)(p + (4 * TX + j) * LD + 4 * TY) =
        make_float4(score[0][j], score[1][j], score[2][j], score[3][j]);
}

/* Rows [0,m) of to = acc, of width h. */
template <int W>
__device__ inline void store(float *to, i64 ld, int m, int h, const float acc[4][4 * W])
{
#pragma unroll
    ROWS_OF(i)
#pragma unroll
    for (int c = 0; c < 4 * W; c++) {
        const int row = 4 * TY + i, d = c / 4 * 64 + 4 * TX + c % 4;
        if (row < m && d < h)
            to[row * ld + d] = acc[i][c];
    }
}

__device__ inline bool visible(i64 query, i64 key, i64 window)
{
    return key <= query && (window <= 0 || key > query - window);
}

__device__ inline i64 first_key(i64 query, i64 window)
{
    return window > 0 && query >= window ? (query - window + 1) / TILE * TILE : 0;
}

__device__ inline float scored(float product, float scale, float cap)
{
    return cap > 0 ? cap * tanhf(scale * product / cap) : scale * product;
}

/* Over the 16 threads that hold a row. */
__device__ inline float row_most(float x)
{
    for (int step = 8; step > 0; step >>= 1)
        x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, step));
    return x;
}

__device__ inline float row_sum(float x)
{
    for (int step = 8; step > 0; step >>= 1)
        x += __shfl_xor_sync(ALL_LANES, x, step);
    return x;
}

/* Where a block works: its sequence's rows [first, first+T) and the tile of them. */
struct place {
    i64 first, T, tile;
};

__device__ inline place find(const wg_cuda_attention &a)
{
    const i64 s = blockIdx.x / a.tiles;
    place p;

    p.first = a.start[s] - a.start[0];
    p.T = a.start[s + 1] - a.start[s];
    p.tile = blockIdx.x % a.tiles * TILE;
    if (a.prefix != NULL)
        p.tile += a.prefix[s];
    return p;
}

/* Number of rows that are left for a tile. */
__device__ inline int tile_rows(i64 left)
{
    return left < TILE ? (int)left : TILE;
}

/* One step of online softmax: scores become exp(score - maximum); what was summed so far shrinks by
 * shrink. */
__device__ inline void soften(const wg_cuda_attention &a, i64 query, i64 key, i64 end,
                              float score[4][4], float most[4], float sum[4], float shrink[4])
{
#pragma unroll
    ROWS_OF(i)
    {
        float top = most[i], total = 0;
#pragma unroll
        ROWS_OF(j)
        {
            const bool seen = key + j < end && visible(query + i, key + j, a.window);
            score[i][j] = seen ? scored(score[i][j], a.scale, a.cap) : -INFINITE;
            top = fmaxf(top, score[i][j]);
        }
        top = row_most(top);
        shrink[i] = top > -INFINITE ? expf(most[i] - top) : 1;
#pragma unroll
        ROWS_OF(j)
        {
            score[i][j] = score[i][j] > -INFINITE ? expf(score[i][j] - top) : 0;
            total += score[i][j];
        }
        sum[i] = sum[i] * shrink[i] + row_sum(total);
        most[i] = top;
    }
}

template <int W> __device__ inline void forward(const wg_cuda_attention &a, const wg_cuda_heads &w)
{
    __shared__ __align__(16) float room[ROOM], p[TILE * LD];
    const i64 Q = a.H * a.h, P = a.K * a.h, head = blockIdx.y;
    const place at = find(a);
    const int h = (int)a.h, m = tile_rows(at.T - at.tile);
    float score[4][4], most[4], sum[4], shrink[4], out[4][4 * W];

    if (m <= 0)
        return;
    const float *q = w.q + (at.first + at.tile) * Q + head * h;
    const i64 shared = at.first * P + head / (a.H / a.K) * h;
#pragma unroll
    ROWS_OF(i)
    {
        most[i] = -INFINITE;
        sum[i] = 0;
#pragma unroll
        for (int c = 0; c < 4 * W; c++)
            out[i][c] = 0;
    }
    for (i64 j = first_key(at.tile, a.window); j < at.tile + m; j += TILE) {
        const int n = tile_rows(at.tile + m - j);
        product(score, room, q, Q, m, w.k + shared + j * P, P, n, h);
        soften(a, at.tile + 4 * TY, j + 4 * TX, at.tile + m, score, most, sum, shrink);
#pragma unroll
        ROWS_OF(i)
#pragma unroll
        for (int c = 0; c < 4 * W; c++)
            out[i][c] *= shrink[i];
        keep(p, score);
        accumulate<W>(out, p, room, w.v + shared + j * P, P, n, h);
    }
#pragma unroll
    ROWS_OF(i)
    {
        const i64 row = at.first + at.tile + 4 * TY + i;
#pragma unroll
        for (int c = 0; c < 4 * W; c++)
            out[i][c] /= sum[i];
        if (TX == 0 && 4 * TY + i < m)
            w.new_lse[row * a.H + head] = most[i] + logf(sum[i]);
    }
    store<W>(w.new_out + (at.first + at.tile) * Q + head * h, Q, m, h, out);
}

/* mean [N,H] = the inner product of dout and out; a warp a row of a head. */
KERNEL attention_mean(i64 rows, i64 h, const float *out, const float *dout, float *mean)
{
    const i64 row = (i64)blockIdx.x * (THREADS / 32) + threadIdx.x / 32;
    float sum = 0;

    if (row >= rows)
        return;
    for (i64 d = threadIdx.x % 32; d < h; d += 32)
        sum += out[row * h + d] * dout[row * h + d];
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0)
        mean[row] = sum;
}

/* A score and the gradient of its probability become the probability and the gradient of the
 * product before scaling. */
__device__ inline void differentiate(const wg_cuda_attention &a, bool seen, float lse, float mean,
                                     float *score, float *dp)
{
    const float x = scored(*score, a.scale, a.cap), t = a.cap > 0 ? x / a.cap : 0;
    const float p = seen ? expf(x - lse) : 0;

    *dp = seen ? a.scale * (1 - t * t) * p * (*dp - mean) : 0;
    *score = p;
}

/* dk, dv of a tile of keys of one key/value head. Tiles: rows are keys, columns queries. */
template <int W>
__device__ inline void backward_keys(const wg_cuda_attention &a, const wg_cuda_heads &w)
{
    __shared__ __align__(16) float room[ROOM], p[TILE * LD];
    const i64 Q = a.H * a.h, P = a.K * a.h, group = a.H / a.K;
    const place at = find(a);
    const int h = (int)a.h, n = tile_rows(at.T - at.tile);
    const i64 keys = (at.first + at.tile) * P + blockIdx.y * h;
    float score[4][4], dp[4][4], dk[4][4 * W], dv[4][4 * W];

    if (n <= 0)
        return;
#pragma unroll
    ROWS_OF(i)
#pragma unroll
    for (int c = 0; c < 4 * W; c++)
        dk[i][c] = dv[i][c] = 0;
    const i64 reach = a.window > 0 ? at.tile + n - 1 + a.window : at.T; /* queries that see a key */
    const i64 end = reach < at.T ? reach : at.T;
    for (i64 head = blockIdx.y * group; head < (blockIdx.y + 1) * group; head++)
        for (i64 i0 = at.tile; i0 < end; i0 += TILE) {
            const int m = tile_rows(at.T - i0);
            const float *q = w.q + (at.first + i0) * Q + head * h;
            const float *dout = w.dout + (at.first + i0) * Q + head * h;
            product(score, room, w.k + keys, P, n, q, Q, m, h);
            product(dp, room, w.v + keys, P, n, dout, Q, m, h);
#pragma unroll
            ROWS_OF(j)
            {
                const i64 query = i0 + 4 * TX + j, row = (at.first + query) * a.H + head;
                const bool there = query < at.T;
                const float lse = there ? w.lse[row] : 0, mean = there ? w.mean[row] : 0;
#pragma unroll
                ROWS_OF(i)
                {
                    const i64 key = at.tile + 4 * TY + i;
                    const bool seen = there && key < at.T && visible(query, key, a.window);
                    differentiate(a, seen, lse, mean, &score[i][j], &dp[i][j]);
                }
            }
            keep(p, score);
            accumulate<W>(dv, p, room, dout, Q, m, h);
            keep(p, dp);
            accumulate<W>(dk, p, room, q, Q, m, h);
        }
    store<W>(w.dk + keys, P, n, h, dk);
    store<W>(w.dv + keys, P, n, h, dv);
}

/* dq of a tile of queries of one head. Tiles: rows are queries, columns keys. */
template <int W>
__device__ inline void backward_queries(const wg_cuda_attention &a, const wg_cuda_heads &w)
{
    __shared__ __align__(16) float room[ROOM], p[TILE * LD];
    const i64 Q = a.H * a.h, P = a.K * a.h, head = blockIdx.y;
    const place at = find(a);
    const int h = (int)a.h, m = tile_rows(at.T - at.tile);
    const i64 queries = (at.first + at.tile) * Q + head * h;
    const i64 shared = at.first * P + head / (a.H / a.K) * h;
    float score[4][4], dp[4][4], dq[4][4 * W];

    if (m <= 0)
        return;
#pragma unroll
    ROWS_OF(i)
#pragma unroll
    for (int c = 0; c < 4 * W; c++)
        dq[i][c] = 0;
    for (i64 j0 = first_key(at.tile, a.window); j0 < at.tile + m; j0 += TILE) {
        const int n = tile_rows(at.tile + m - j0);
        product(score, room, w.q + queries, Q, m, w.k + shared + j0 * P, P, n, h);
        product(dp, room, w.dout + queries, Q, m, w.v + shared + j0 * P, P, n, h);
#pragma unroll
        ROWS_OF(i)
        {
            const i64 query = at.tile + 4 * TY + i, row = (at.first + query) * a.H + head;
            const bool there = query < at.T;
            const float lse = there ? w.lse[row] : 0, mean = there ? w.mean[row] : 0;
#pragma unroll
            ROWS_OF(j)
            {
                const i64 key = j0 + 4 * TX + j;
                const bool seen = there && key < at.T && visible(query, key, a.window);
                differentiate(a, seen, lse, mean, &score[i][j], &dp[i][j]);
            }
        }
        keep(p, dp);
        accumulate<W>(dq, p, room, w.k + shared + j0 * P, P, n, h);
    }
    store<W>(w.dq + queries, Q, m, h, dq);
}

/* One kernel for each padded head size 64*W; so many blocks fit a multiprocessor. */
#define SIZED(name, does, W, blocks)                                                               \
    extern "C" __global__ void __launch_bounds__(THREADS, blocks)                                  \
        name(wg_cuda_attention a, wg_cuda_heads w)                                                 \
    {                                                                                              \
        does<W>(a, w);                                                                             \
    }
SIZED(attention_forward_64, forward, 1, 2)
SIZED(attention_forward_128, forward, 2, 2)
SIZED(attention_forward_256, forward, 4, 1)
SIZED(attention_keys_64, backward_keys, 1, 1)
SIZED(attention_keys_128, backward_keys, 2, 1)
SIZED(attention_keys_256, backward_keys, 4, 1)
SIZED(attention_queries_64, backward_queries, 1, 1)
SIZED(attention_queries_128, backward_queries, 2, 1)
SIZED(attention_queries_256, backward_queries, 4, 1)
