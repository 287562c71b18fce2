/* libcuda.cpp - a pretended driver whose card is the host. Built as libcuda.so.1 together with the
 * kernels, and found by the linker's path before any real one. */
#include "counting.h"
#include "failing.h"
#include "fibres.h"
#include "stream.h"

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

typedef unsigned long long address;
typedef void *handle;

#define API extern "C" __attribute__((visibility("default"))) int

/* WG_FAKE_MEMORY: bytes of the card. */
static size_t card_bytes()
{
    const char *bytes = getenv("WG_FAKE_MEMORY");
    return bytes != nullptr ? strtoull(bytes, nullptr, 10) : (size_t)8 << 30;
}

/* What is allocated; WG_FAKE_PEAK names a file that gets the most it ever was. */
static struct counter {
    size_t used = 0, peak = 0;
    ~counter()
    {
        const char *path = getenv("WG_FAKE_PEAK");
        FILE *file = path != nullptr ? fopen(path, "w") : nullptr;
        if (file != nullptr) {
            fprintf(file, "%zu\n", peak);
            fclose(file);
        }
    }
} taken;

/* --- streams: stream.h --- */

struct stream : fake_stream {
    bool late;
    std::deque<std::function<void()>> waiting;
    uint64_t submitted, ran;
};

struct event {
    stream *on;
    uint64_t at;
};

static void run_until(stream *s, uint64_t at)
{
    while (s->ran < at) {
        const std::function<void()> next = s->waiting.front();
        s->waiting.pop_front();
        s->ran++;
        next();
    }
}

static void add(stream *s, std::function<void()> work)
{
    if (!s->late)
        return work();
    s->waiting.push_back(work);
    s->submitted++;
}

static void submit(fake_stream *s, void (*run)(void *data), const void *data, size_t bytes)
{
    std::vector<char> copy((const char *)data, (const char *)data + bytes);

    add((stream *)s, [run, copy]() mutable { run(copy.data()); });
}

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
    *bytes = card_bytes();
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
    *total = card_bytes();
    *free_bytes = *total - taken.used;
    return 0;
}

/* What is allocated, on the card or pinned: first byte to size. As on a card, copies outside it
 * are refused. */
static std::map<address, size_t> blocks, pinned;
static std::mutex in_use; /* of these and `taken` */

static bool within(const std::map<address, size_t> &all, address at, size_t bytes)
{
    std::lock_guard<std::mutex> held(in_use);
    auto block = all.upper_bound(at);

    if (block == all.begin())
        return false;
    --block;
    return at - block->first + bytes <= block->second;
}

static bool inside(address at, size_t bytes)
{
    return within(blocks, at, bytes) || within(pinned, at, bytes);
}

/* Filled with what no operation may rely on. */
API cuMemAlloc_v2(address *memory, size_t bytes)
{
    MAY_FAIL(2);
    std::lock_guard<std::mutex> held(in_use);
    const size_t whole = (bytes + 255) / 256 * 256;
    void *made = taken.used + whole <= card_bytes() ? aligned_alloc(256, whole) : nullptr;

    if (made == nullptr)
        return 2;
    memset(made, 0xA5, whole);
    *memory = (address)(uintptr_t)made;
    blocks[*memory] = bytes;
    taken.used += whole;
    taken.peak = taken.used > taken.peak ? taken.used : taken.peak;
    return 0;
}

API cuMemFree_v2(address memory)
{
    MAY_FAIL(700);
    std::lock_guard<std::mutex> held(in_use);
    const auto block = blocks.find(memory);

    if (block == blocks.end())
        return 1;
    const size_t whole = (block->second + 255) / 256 * 256;
    memset((void *)(uintptr_t)memory, 0xA5, whole);
    taken.used -= whole;
    blocks.erase(block);
    free((void *)(uintptr_t)memory);
    return 0;
}

API cuMemHostAlloc(void **memory, size_t bytes, unsigned)
{
    MAY_FAIL(2);
    *memory = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    if (*memory == nullptr)
        return 2;
    std::lock_guard<std::mutex> held(in_use);
    pinned[(address)(uintptr_t)*memory] = bytes;
    return 0;
}

API cuMemFreeHost(void *memory)
{
    MAY_FAIL(700);
    std::lock_guard<std::mutex> held(in_use);
    if (pinned.erase((address)(uintptr_t)memory) == 0)
        return 1;
    free(memory);
    return 0;
}

API cuMemsetD8Async(address to, unsigned char value, size_t bytes, handle on)
{
    MAY_FAIL(700);
    fake_counted("memset");
    if (!inside(to, bytes))
        return 1;
    add((stream *)on, [=] { memset((void *)(uintptr_t)to, value, bytes); });
    return 0;
}

API cuMemcpyDtoDAsync_v2(address to, address from, size_t bytes, handle on)
{
    MAY_FAIL(700);
    fake_counted("copy");
    if (!inside(to, bytes) || !inside(from, bytes))
        return 1;
    add((stream *)on,
        [=] { memmove((void *)(uintptr_t)to, (const void *)(uintptr_t)from, bytes); });
    return 0;
}

/* Memory that is not pinned has been read when this returns. */
API cuMemcpyHtoDAsync_v2(address to, const void *from, size_t bytes, handle on)
{
    MAY_FAIL(700);
    fake_counted("upload");
    stream *s = (stream *)on;

    if (!inside(to, bytes))
        return 1;
    if (!s->late || within(pinned, (address)(uintptr_t)from, bytes)) {
        add(s, [=] { memcpy((void *)(uintptr_t)to, from, bytes); });
        return 0;
    }
    const std::vector<char> copy((const char *)from, (const char *)from + bytes);
    add(s, [=] { memcpy((void *)(uintptr_t)to, copy.data(), bytes); });
    return 0;
}

API cuMemcpyDtoHAsync_v2(void *to, address from, size_t bytes, handle on)
{
    MAY_FAIL(700);
    fake_counted("download");
    if (!inside(from, bytes))
        return 1;
    add((stream *)on, [=] { memcpy(to, (const void *)(uintptr_t)from, bytes); });
    return 0;
}

API cuStreamCreate(handle *out, unsigned)
{
    MAY_FAIL(700);
    static std::atomic<int> made;
    const char *late = getenv("WG_FAKE_LATE");
    stream *s = new stream();

    s->submit = submit;
    s->late = strstr(late != nullptr ? late : "copies", made++ % 2 == 0 ? "operations" : "copies");
    *out = s;
    return 0;
}

API cuStreamSynchronize(handle on)
{
    MAY_FAIL(700);
    stream *s = (stream *)on;

    run_until(s, s->submitted);
    return 0;
}

API cuStreamDestroy_v2(handle on)
{
    MAY_FAIL(700);
    fake_counted("wait");
    stream *s = (stream *)on;

    run_until(s, s->submitted);
    delete s;
    return 0;
}

API cuEventCreate(handle *out, unsigned)
{
    MAY_FAIL(700);
    *out = new event();
    return 0;
}

API cuEventDestroy_v2(handle which)
{
    MAY_FAIL(700);
    delete (event *)which;
    return 0;
}

API cuEventRecord(handle which, handle on)
{
    MAY_FAIL(700);
    *(event *)which = {(stream *)on, ((stream *)on)->submitted};
    return 0;
}

API cuEventSynchronize(handle which)
{
    MAY_FAIL(700);
    const event e = *(event *)which;

    if (e.on != nullptr)
        run_until(e.on, e.at);
    return 0;
}

API cuStreamWaitEvent(handle on, handle which, unsigned)
{
    MAY_FAIL(700);
    const event e = *(event *)which;

    if (e.on != nullptr)
        add((stream *)on, [e] { run_until(e.on, e.at); });
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

/* One kernel at a time: its fibres have one place. */
static void launch_one(handle function, unsigned x, unsigned y, unsigned threads, void **arguments)
{
    static std::mutex running;
    std::lock_guard<std::mutex> held(running);

    fake_launch(function, x, y, threads, arguments);
}

API cuLaunchKernel(handle function, unsigned x, unsigned y, unsigned, unsigned threads, unsigned,
                   unsigned, unsigned, handle on, void **arguments, void **)
{
    MAY_FAIL(700);
    if (x == 0 || y == 0 || y > 65535 || threads == 0 || threads > 1024)
        return 1;
    fake_counted(fake_name(function));
    if (!((stream *)on)->late) {
        launch_one(function, x, y, threads, arguments);
        return 0;
    }
    const std::vector<std::vector<char>> values = fake_copy_arguments(function, arguments);
    add((stream *)on, [=] {
        std::vector<const void *> places;
        for (const auto &value : values)
            places.push_back(value.data());
        launch_one(function, x, y, threads, (void **)places.data());
    });
    return 0;
}
