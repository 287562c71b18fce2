/* device.h - what CUDA C has beyond C++, for kernels that are compiled for the host: the threads of
 * a block are fibres that run in turn, so blocks run one after the other and shared memory is
 * static. Only what the kernels of src/ops/cuda use. */
#ifndef WG_TESTS_CUDA_FAKE_DEVICE_H
#define WG_TESTS_CUDA_FAKE_DEVICE_H

#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

#define __global__
#define __device__
#define __shared__ static
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)

struct fake_index {
    unsigned x, y, z;
};
extern fake_index threadIdx, blockIdx, blockDim, gridDim; /* of the fibre that runs */

struct float4 {
    float x, y, z, w;
} __attribute__((aligned(16)));
struct uint4 {
    unsigned x, y, z, w;
} __attribute__((aligned(16)));

inline float4 make_float4(float x, float y, float z, float w)
{
    return {x, y, z, w};
}

template <class To, class From> inline To fake_bits(From from)
{
    To to;
    static_assert(sizeof to == sizeof from);
    memcpy(&to, &from, sizeof to);
    return to;
}

inline unsigned __float_as_uint(float x)
{
    return fake_bits<unsigned>(x);
}

inline float __uint_as_float(unsigned x)
{
    return fake_bits<float>(x);
}

inline float __int_as_float(int x)
{
    return fake_bits<float>(x);
}

inline int __popcll(unsigned long long x)
{
    return __builtin_popcountll(x);
}

inline int __ffs(int x)
{
    return __builtin_ffs(x);
}

/* fibres.cpp: waits for the other threads of the block or the warp. */
void fake_block_barrier();
void fake_warp_barrier();
/* A place for one value of each thread of the warp, another at every second call. */
uint64_t *fake_warp_slots();
int fake_lane();
int fake_block_or(int value);

inline void __syncthreads()
{
    fake_block_barrier();
}

inline int __syncthreads_or(int value)
{
    return fake_block_or(value);
}

/* The value of lane `from`, or one's own where there is none. */
template <class T> inline T fake_shuffle(T value, int from)
{
    uint64_t *slots = fake_warp_slots();
    T got = value;

    memcpy(&slots[fake_lane()], &value, sizeof value);
    fake_warp_barrier();
    if (from >= 0 && from < 32)
        memcpy(&got, &slots[from], sizeof got);
    return got;
}

template <class T> inline T __shfl_xor_sync(unsigned, T value, int mask)
{
    return fake_shuffle(value, fake_lane() ^ mask);
}

template <class T> inline T __shfl_up_sync(unsigned, T value, int step)
{
    return fake_shuffle(value, fake_lane() - step);
}

template <class T> inline T __shfl_down_sync(unsigned, T value, int step)
{
    return fake_shuffle(value, fake_lane() + step);
}

inline unsigned __ballot_sync(unsigned, int value)
{
    uint64_t *slots = fake_warp_slots();
    unsigned votes = 0;

    slots[fake_lane()] = value != 0;
    fake_warp_barrier();
    for (int lane = 0; lane < 32; lane++)
        votes |= (unsigned)slots[lane] << lane;
    return votes;
}

/* In place of common.cuh's: all five exchanges at one barrier, the same sums in the same order. */
#define WARP_SUM
template <class T> inline T warp_sum(T x)
{
    uint64_t *slots = fake_warp_slots();
    T sum[32];

    static_assert(sizeof x <= sizeof *slots);
    memcpy((char *)slots + sizeof x * fake_lane(), &x, sizeof x);
    fake_warp_barrier();
    memcpy(sum, slots, sizeof sum);
    for (int step = 16; step > 0; step >>= 1)
        for (int i = 0; i < step; i++)
            sum[i] += sum[i + step];
    return sum[0];
}

/* With -DWHOLE_LOOPS: what the threads of a grid or of a row share is one loop of the first of
 * them. Where that thread ends without waiting, the rest of its block is left out. Long runs take a
 * third of the time; sums over a vector have another order. */
#ifdef WHOLE_LOOPS
bool fake_whole_loop();
#define EACH(i, n) for (i64 i = fake_whole_loop() && blockIdx.x == 0 ? 0 : (n); i < (n); i++)
#define EACH_ELEMENT(v, n)                                                                         \
    for (i64 v = fake_whole_loop() && blockIdx.y == 0 ? 0 : (n); v < (n); v++)
#endif

/* --- kernels by name --- */

typedef void fake_call(void (*kernel)(), void **arguments);

void fake_register(const char *name, void (*kernel)(), fake_call *call, const size_t *bytes, int n);

template <class... A, size_t... I>
void fake_spread(void (*kernel)(A...), void **arguments, std::index_sequence<I...>)
{
    kernel(*(A *)arguments[I]...);
}

template <class... A> struct fake_kernel {
    static void call(void (*kernel)(), void **arguments)
    {
        fake_spread((void (*)(A...))kernel, arguments, std::index_sequence_for<A...>());
    }
};

template <class... A> struct fake_registration {
    fake_registration(const char *name, void (*kernel)(A...))
    {
        const size_t bytes[] = {sizeof(A)...};
        fake_register(name, (void (*)())kernel, fake_kernel<A...>::call, bytes, sizeof...(A));
    }
};

#define FAKE_REGISTER(name) static fake_registration fake_##name(#name, name);

#endif
