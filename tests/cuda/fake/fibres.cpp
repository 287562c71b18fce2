/* fibres.cpp - runs a kernel on the host: the threads of a block as fibres, in turn. */
#include "device.h"

#include "fibres.h"
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <ucontext.h>
#include <vector>

fake_index threadIdx, blockIdx, blockDim, gridDim;

namespace
{
struct registered {
    void (*kernel)();
    fake_call *call;
};

std::map<std::string, registered> &kernels()
{
    static std::map<std::string, registered> all;
    return all;
}

/* Threads wait until as many have come as are alive. */
struct barrier {
    int live, waiting;
    unsigned long passed;
};

struct fibre {
    ucontext_t context;
    std::vector<char> stack;
    bool done;
    const barrier *at;    /* where it waits, */
    unsigned long ticket; /* until so many have passed */
    unsigned shuffles;
};

const size_t stack_bytes = 1 << 18;
std::vector<fibre *> fibres;
fibre *now;
ucontext_t scheduler;
barrier block;
std::vector<barrier> warps;
std::vector<uint64_t> slots;
int vote;
const registered *running;
void **running_arguments;

void pass_if_full(barrier *b)
{
    if (b->waiting > 0 && b->waiting >= b->live) {
        b->waiting = 0;
        b->passed++;
    }
}

void wait(barrier *b)
{
    now->at = b;
    now->ticket = b->passed;
    b->waiting++;
    pass_if_full(b);
    while (now->ticket == b->passed)
        swapcontext(&now->context, &scheduler);
    now->at = nullptr;
}

void begin()
{
    running->call(running->kernel, running_arguments);
    now->done = true;
    block.live--;
    warps[threadIdx.x / 32].live--;
    pass_if_full(&block);
    pass_if_full(&warps[threadIdx.x / 32]);
    swapcontext(&now->context, &scheduler);
}

void start(unsigned t)
{
    fibre *f = fibres[t];

    getcontext(&f->context);
    f->context.uc_stack.ss_sp = f->stack.data();
    f->context.uc_stack.ss_size = f->stack.size();
    f->context.uc_link = nullptr;
    makecontext(&f->context, begin, 0);
    f->done = false;
    f->at = nullptr;
    f->shuffles = 0;
}

/* Runs each fibre that can go on; false if none could. */
bool round_robin(unsigned threads)
{
    bool moved = false;

    for (unsigned t = 0; t < threads; t++) {
        fibre *f = fibres[t];
        if (f->done || (f->at != nullptr && f->at->passed == f->ticket))
            continue;
        moved = true;
        now = f;
        threadIdx = {t, 0, 0};
        swapcontext(&scheduler, &f->context);
    }
    return moved;
}

void run_block(const char *name, unsigned threads)
{
    while (fibres.size() < threads) {
        fibres.push_back(new fibre());
        fibres.back()->stack.resize(stack_bytes);
    }
    block = {(int)threads, 0, 0};
    warps.assign((threads + 31) / 32, {0, 0, 0});
    slots.assign(2 * threads + 64, 0);
    for (unsigned t = 0; t < threads; t++) {
        warps[t / 32].live++;
        start(t);
    }
    while (round_robin(threads)) {
    }
    for (unsigned t = 0; t < threads; t++)
        if (!fibres[t]->done) {
            fprintf(stderr, "%s: thread %u waits for others that never come\n", name, t);
            abort();
        }
}
} // namespace

void fake_block_barrier()
{
    wait(&block);
}

void fake_warp_barrier()
{
    wait(&warps[threadIdx.x / 32]);
}

int fake_lane()
{
    return (int)(threadIdx.x % 32);
}

uint64_t *fake_warp_slots()
{
    return &slots[threadIdx.x / 32 * 64 + 32 * (now->shuffles++ % 2)];
}

int fake_block_or(int value)
{
    wait(&block); /* the last vote was read */
    vote = 0;
    wait(&block);
    vote |= value != 0;
    wait(&block);
    return vote;
}

void fake_register(const char *name, void (*kernel)(), fake_call *call)
{
    kernels()[name] = {kernel, call};
}

const void *fake_find(const char *name)
{
    const auto found = kernels().find(name);
    return found == kernels().end() ? nullptr : &*found;
}

void fake_launch(const void *function, unsigned x, unsigned y, unsigned threads, void **arguments)
{
    const auto *entry = (const std::pair<const std::string, registered> *)function;

    running = &entry->second;
    running_arguments = arguments;
    gridDim = {x, y, 1};
    blockDim = {threads, 1, 1};
    for (unsigned j = 0; j < y; j++)
        for (unsigned i = 0; i < x; i++) {
            blockIdx = {i, j, 0};
            run_block(entry->first.c_str(), threads);
        }
}
