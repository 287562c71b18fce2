/* libcuda.cpp - a pretended driver whose card is the host. Built as libcuda.so.1 together with the
 * kernels, and found by the linker's path before any real one. */
#include "counting.h"
#include "failing.h"
#include "fibres.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

typedef unsigned long long address;
typedef void *handle;

#define API extern "C" __attribute__((visibility("default"))) int

static const size_t card_bytes = (size_t)8 << 30;

API cuInit(unsigned)
{
    MAY_FAIL(700);
    return 0;
}

API cuDriverGetVersion(int *version)
{
    MAY_FAIL(700);
    *version = 13000;
    return 0;
}

API cuGetErrorString(int error, const char **text)
{
    *text = error == 2     ? "out of memory"
            : error == 500 ? "named symbol not found"
            : error == 700 ? "an illegal memory access was encountered"
                           : "invalid";
    return 0;
}

API cuDeviceGetCount(int *n)
{
    MAY_FAIL(700);
    *n = 1;
    return 0;
}

API cuDeviceGet(int *card, int ordinal)
{
    MAY_FAIL(700);
    *card = ordinal;
    return 0;
}

API cuDeviceGetName(char *name, int bytes, int)
{
    MAY_FAIL(700);
    strncpy(name, "pretended card", (size_t)bytes);
    return 0;
}

API cuDeviceTotalMem_v2(size_t *bytes, int)
{
    MAY_FAIL(700);
    *bytes = card_bytes;
    return 0;
}

API cuDeviceGetAttribute(int *value, int attribute, int)
{
    MAY_FAIL(700);
    *value = attribute == 75 ? 9 : attribute == 76 ? 0 : 4;
    return 0;
}

API cuDevicePrimaryCtxRetain(handle *context, int)
{
    MAY_FAIL(700);
    static char made;
    *context = &made;
    return 0;
}

API cuDevicePrimaryCtxRelease_v2(int)
{
    MAY_FAIL(700);
    return 0;
}

API cuCtxSetCurrent(handle)
{
    MAY_FAIL(700);
    return 0;
}

API cuMemGetInfo_v2(size_t *free_bytes, size_t *total)
{
    MAY_FAIL(700);
    *free_bytes = *total = card_bytes;
    return 0;
}

/* What is allocated: first byte to size. As on a card, copies outside it are refused. */
static std::map<address, size_t> blocks;
static std::mutex in_use; /* of `blocks` */

static bool inside(address at, size_t bytes)
{
    std::lock_guard<std::mutex> held(in_use);
    auto block = blocks.upper_bound(at);

    if (block == blocks.begin())
        return false;
    --block;
    return at - block->first + bytes <= block->second;
}

/* Filled with what no operation may rely on. */
API cuMemAlloc_v2(address *memory, size_t bytes)
{
    MAY_FAIL(2);
    void *made = bytes <= card_bytes ? aligned_alloc(256, (bytes + 255) / 256 * 256) : nullptr;

    if (made == nullptr)
        return 2;
    memset(made, 0xA5, (bytes + 255) / 256 * 256);
    *memory = (address)(uintptr_t)made;
    std::lock_guard<std::mutex> held(in_use);
    blocks[*memory] = bytes;
    return 0;
}

API cuMemFree_v2(address memory)
{
    MAY_FAIL(700);
    std::lock_guard<std::mutex> held(in_use);
    if (blocks.erase(memory) == 0)
        return 1;
    free((void *)(uintptr_t)memory);
    return 0;
}

API cuMemsetD8Async(address to, unsigned char value, size_t bytes, handle)
{
    MAY_FAIL(700);
    fake_counted("memset");
    if (!inside(to, bytes))
        return 1;
    memset((void *)(uintptr_t)to, value, bytes);
    return 0;
}

API cuMemcpyDtoDAsync_v2(address to, address from, size_t bytes, handle)
{
    MAY_FAIL(700);
    fake_counted("copy");
    if (!inside(to, bytes) || !inside(from, bytes))
        return 1;
    memmove((void *)(uintptr_t)to, (const void *)(uintptr_t)from, bytes);
    return 0;
}

API cuMemcpyHtoDAsync_v2(address to, const void *from, size_t bytes, handle)
{
    MAY_FAIL(700);
    fake_counted("upload");
    if (!inside(to, bytes))
        return 1;
    memcpy((void *)(uintptr_t)to, from, bytes);
    return 0;
}

API cuMemcpyDtoHAsync_v2(void *to, address from, size_t bytes, handle)
{
    MAY_FAIL(700);
    fake_counted("download");
    if (!inside(from, bytes))
        return 1;
    memcpy(to, (const void *)(uintptr_t)from, bytes);
    return 0;
}

API cuStreamCreate(handle *stream, unsigned)
{
    MAY_FAIL(700);
    static char made;
    *stream = &made;
    return 0;
}

API cuStreamDestroy_v2(handle)
{
    MAY_FAIL(700);
    return 0;
}

API cuStreamSynchronize(handle)
{
    MAY_FAIL(700);
    fake_counted("wait");
    return 0;
}

/* All kernels are in this library, so a module is nothing but what NVRTC's pretence gave. */
API cuModuleLoadData(handle *module, const void *image)
{
    MAY_FAIL(700);
    static char made;

    *module = &made;
    return strncmp((const char *)image, "pretended code", 14) == 0 ? 0 : 209;
}

API cuModuleUnload(handle)
{
    MAY_FAIL(700);
    return 0;
}

API cuModuleGetFunction(handle *function, handle, const char *name)
{
    MAY_FAIL(700);
    *function = (handle)(uintptr_t)fake_find(name);
    return *function != nullptr ? 0 : 500;
}

API cuLaunchKernel(handle function, unsigned x, unsigned y, unsigned, unsigned threads, unsigned,
                   unsigned, unsigned, handle, void **arguments, void **)
{
    MAY_FAIL(700);
    if (x == 0 || y == 0 || y > 65535 || threads == 0 || threads > 1024)
        return 1;
    static std::mutex running; /* one kernel at a time: its fibres have one place */
    std::lock_guard<std::mutex> held(running);
    fake_counted(fake_name(function));
    fake_launch(function, x, y, threads, arguments);
    return 0;
}
