/* common.cuh - what all kernels share; put before each of them when it is compiled.
 *
 * Every sum has one order, whatever the card: blocks have fixed sizes, partial sums are written to
 * memory and added in order, nothing is added by atomics. */

typedef long long i64;
typedef unsigned long long u64;
typedef unsigned int u32;
typedef unsigned short u16;

#define KERNEL extern "C" __global__ void
#define INFINITE __int_as_float(0x7F800000)
/* Of a row, where a block has it to itself. */
#define EACH_COLUMN(v, n) for (i64 v = threadIdx.x; v < (n); v += THREADS)
#ifndef EACH /* a pretended card may run them as one loop */
#define EACH(i, n)                                                                                 \
    for (i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x; i < (n);                              \
         i += (i64)gridDim.x * blockDim.x)
/* Of a row that grid (rows, ceil(n/WG_CUDA_COLUMNS)) shares. */
#define EACH_ELEMENT(v, n)                                                                         \
    for (i64 v = (i64)blockIdx.y * WG_CUDA_COLUMNS + threadIdx.x;                                  \
         v < (n) && v < ((i64)blockIdx.y + 1) * WG_CUDA_COLUMNS; v += THREADS)
#endif

enum { F32, F16, BF16 };                   /* wg_dtype */
enum { SILU, GELU, GELU_TANH, RELU };      /* wg_activation */
enum { RULE_SGD, RULE_LION, RULE_SOPHIA }; /* wg_rule */
#define ALL_LANES 0xFFFFFFFFu
enum { THREADS = WG_CUDA_THREADS };

/* --- stored numbers (base/number.h) --- */

__device__ inline float from_bf16(u32 h)
{
    return __uint_as_float(h << 16);
}

__device__ inline u32 to_bf16(float x)
{
    const u32 bits = __float_as_uint(x);

    if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
        return (bits >> 16) | 0x40u;
    return (bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16;
}

__device__ inline u32 to_bf16_random(float x, u32 random)
{
    const u32 bits = __float_as_uint(x);
    const u32 add = (bits & 0x7F800000u) == 0x7F800000u ? 0 : random & 0xFFFFu;

    return (bits + add) >> 16;
}

__device__ inline float from_f16(u32 h)
{
    const u32 sign = (h & 0x8000u) << 16, rest = (h & 0x7FFFu) << 13;

    if ((h & 0x7C00u) == 0x7C00u)
        return __uint_as_float(sign | 0x7F800000u | rest);
    /* the exponent moves from a bias of 15 to 127; exact for subnormals too */
    return __uint_as_float(sign | __float_as_uint(__uint_as_float(rest) * 0x1p112f));
}

__device__ inline u32 to_f16(float x)
{
    const u32 bits = __float_as_uint(x), sign = (bits >> 16) & 0x8000u;
    const u32 magnitude = bits & 0x7FFFFFFFu;

    if (magnitude > 0x7F800000u)
        return sign | 0x7E00u;
    if (magnitude >= 0x477FF000u)
        return sign | 0x7C00u;
    if (magnitude < 0x38800000u)
        return sign | (__float_as_uint(__uint_as_float(magnitude) + 0.5f) - 0x3F000000u);
    const u32 rebased = magnitude - 0x38000000u;
    return sign | ((rebased + 0xFFFu + ((rebased >> 13) & 1u)) >> 13);
}

/* Element i of stored numbers. */
__device__ inline float load(int type, const void *from, i64 i)
{
    if (type == F32)
        return ((const float *)from)[i];
    const u32 h = ((const u16 *)from)[i];
    return type == BF16 ? from_bf16(h) : from_f16(h);
}

__device__ inline u32 mix(u32 seed, u32 i)
{
    u32 x = i ^ seed * 0x9E3779B9u;

    x = (x ^ x >> 16) * 0x7FEB352Du;
    x = (x ^ x >> 15) * 0x846CA68Bu;
    return x ^ x >> 16;
}

/* --- sums over a block of threads --- */

#ifndef WARP_SUM /* a card that is pretended for tests has its own, with the same bits */
template <class T> __device__ inline T warp_sum(T x)
{
    for (int step = 16; step > 0; step >>= 1)
        x += __shfl_xor_sync(ALL_LANES, x, step);
    return x;
}
#endif

/* The sum over all threads, to all of them. */
template <class T> __device__ inline T block_sum(T x)
{
    __shared__ T part[32];
    T total = 0;

    x = warp_sum(x);
    __syncthreads(); /* the last sum was read */
    if (threadIdx.x % 32 == 0)
        part[threadIdx.x / 32] = x;
    __syncthreads();
    for (int w = 0; w < (int)blockDim.x / 32; w++)
        total += part[w];
    return total;
}

/* The largest value over all threads and its place, to all of them; of equal ones the first place.
 * A thread that has none gives -INFINITE and place NONE. */
#define NONE 0x7FFFFFFF

template <class T> __device__ inline void better(T *most, int *place, T other, int at)
{
    if (other > *most || (other == *most && at < *place)) {
        *most = other;
        *place = at;
    }
}

template <class T> __device__ inline void block_most(T *most, int *place)
{
    __shared__ T value[32];
    __shared__ int index[32];

    for (int step = 16; step > 0; step >>= 1) {
        const T other = __shfl_xor_sync(ALL_LANES, *most, step);
        const int at = __shfl_xor_sync(ALL_LANES, *place, step);
        better(most, place, other, at);
    }
    __syncthreads();
    if (threadIdx.x % 32 == 0) {
        value[threadIdx.x / 32] = *most;
        index[threadIdx.x / 32] = *place;
    }
    __syncthreads();
    for (int w = 0; w < (int)blockDim.x / 32; w++)
        better(most, place, value[w], index[w]);
}
