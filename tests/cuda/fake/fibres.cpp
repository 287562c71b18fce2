/* fibres.cpp - runs a kernel on the host: the threads of a block as fibres, in turn.
 *
 * A fibre runs one thread after the other for as long as they end without waiting, so a kernel
 * without barriers costs a call a thread. Where a thread waits, its fibre is left as it is, and
 * another fibre goes on with the next thread. Fibres are made once; a switch between them saves
 * no signal mask and so makes no system call. */
#include "device.h"

#include "fibres.h"
#include <cstdio>
#include <cstdlib>
#include <map>
#include <setjmp.h>
#include <string>
#include <ucontext.h>
#include <vector>

fake_index threadIdx, blockIdx, blockDim, gridDim;

namespace
{
/* The compiler's own jumps, which neither libc nor a sanitizer stands between, where it has them.
 */
#if defined(__x86_64__) || !defined(__clang__)
typedef void *place[5];
#define HERE(p) __builtin_setjmp(p)
#define GO(p) __builtin_longjmp(p, 1)
#else
typedef jmp_buf place;
#define HERE(p) _setjmp(p)
#define GO(p) _longjmp(p, 1)
#endif
#define APART __attribute__((noinline, no_sanitize("address")))

struct registered {
    void (*kernel)();
    fake_call *call;
    std::vector<size_t> bytes; /* of each argument */
};

std::map<std::string, registered> &kernels()
{
    static std::map<std::string, registered> all;
    return all;
}

/* Threads wait until as many have come as are alive. */
struct barrier {
    int live, waiting, ready; /* ready: may go on, and did not yet */
    unsigned long passed;
};

struct fibre {
    place at;
    bool begun;
    unsigned thread;
    const barrier *waits; /* where its thread waits, */
    unsigned long ticket; /* until so many have passed */
    unsigned shuffles;
};

/* Stacks begin at different places of a page, or all of them would want the same lines of the
 * processor's cache. */
const size_t stack_bytes = 1 << 18, stack_step = 17 * 64;
unsigned made;                 /* stacks */
std::vector<fibre *> idle;     /* at no thread */
std::vector<fibre *> at_work;  /* by thread; null: it has not begun, or has ended */
unsigned threads, next_thread; /* of the block; the first that has not begun */
fibre *now;
fibre outside; /* what called fake_launch */
barrier block;
std::vector<barrier> warps;
std::vector<uint64_t> slots;
int vote;
bool whole_loop; /* thread 0 did the work of its block's others */
const registered *running;
const char *running_name;
void **running_arguments;

[[noreturn]] APART void go(fibre *to)
{
    GO(to->at);
}

void work();

[[noreturn]] APART void begin(fibre *to)
{
    ucontext_t context;

    to->begun = true;
    getcontext(&context);
    context.uc_stack.ss_sp = malloc(stack_bytes);
    context.uc_stack.ss_size = stack_bytes - made++ % 64 * stack_step;
    context.uc_link = nullptr;
    if (context.uc_stack.ss_sp == nullptr)
        abort();
    makecontext(&context, work, 0);
    setcontext(&context);
    abort();
}

APART void switch_to(fibre *to)
{
    fibre *volatile from = now;

    now = to;
    if (HERE(from->at) == 0) {
        if (to->begun)
            go(to);
        begin(to);
    }
    threadIdx = {now->thread, 0, 0};
}

/* The fibre of a thread among [first, end) that can go on, after the given one; null: none can. */
fibre *ready_after(unsigned thread, unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++) {
        thread = thread + 1 < end ? thread + 1 : first;
        fibre *f = at_work[thread];
        if (f != nullptr && f->waits != nullptr && f->ticket != f->waits->passed)
            return f;
    }
    return nullptr;
}

fibre *some_fibre()
{
    if (idle.empty())
        return new fibre();
    fibre *f = idle.back();
    idle.pop_back();
    return f;
}

/* Leaves this fibre: for a thread of the same warp that can go on (its stack is in the cache), one
 * that has not begun, or another that can go on. */
void leave(unsigned thread)
{
    const unsigned first = thread / 32 * 32, end = first + 32 < threads ? first + 32 : threads;
    fibre *to = warps[thread / 32].ready > 0 ? ready_after(thread, first, end) : nullptr;

    if (to == nullptr)
        to = next_thread < threads ? some_fibre() : ready_after(thread, 0, threads);
    if (to == nullptr) {
        fprintf(stderr, "%s: thread %u waits for others that never come\n", running_name, thread);
        abort();
    }
    if (to != now)
        switch_to(to);
}

void pass_if_full(barrier *b)
{
    if (b->waiting > 0 && b->waiting >= b->live) {
        b->ready += b->waiting;
        b->waiting = 0;
        b->passed++;
    }
}

void wait(barrier *b)
{
    now->ticket = b->passed;
    b->waiting++;
    pass_if_full(b);
    if (now->ticket == b->passed) {
        now->waits = b;
        leave(now->thread);
        now->waits = nullptr;
    }
    b->ready--;
}

void run_thread(unsigned t)
{
    now->thread = t;
    now->shuffles = 0;
    at_work[t] = now;
    threadIdx = {t, 0, 0};
    running->call(running->kernel, running_arguments);
    at_work[t] = nullptr;
    if (whole_loop && t == 0 && next_thread == 1) {
        next_thread = threads;
        block.live = 0;
        return;
    }
    block.live--;
    warps[t / 32].live--;
    pass_if_full(&block);
    pass_if_full(&warps[t / 32]);
}

void work()
{
    for (;;) {
        while (next_thread < threads)
            run_thread(next_thread++);
        idle.push_back(now);
        if (block.live == 0)
            switch_to(&outside);
        else
            leave(now->thread);
    }
}

void run_block()
{
    block = {(int)threads, 0, 0, 0};
    warps.assign((threads + 31) / 32, {0, 0, 0, 0});
    for (unsigned t = 0; t < threads; t++)
        warps[t / 32].live++;
    next_thread = 0;
    whole_loop = false;
    outside.begun = true;
    now = &outside;
    switch_to(some_fibre());
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

bool fake_whole_loop()
{
    whole_loop = true;
    return threadIdx.x == 0;
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

void fake_register(const char *name, void (*kernel)(), fake_call *call, const size_t *bytes, int n)
{
    kernels()[name] = {kernel, call, std::vector<size_t>(bytes, bytes + n)};
}

std::vector<std::vector<char>> fake_copy_arguments(const void *function, void **arguments)
{
    const auto *entry = (const std::pair<const std::string, registered> *)function;
    std::vector<std::vector<char>> values;

    for (size_t i = 0; i < entry->second.bytes.size(); i++) {
        const char *from = (const char *)arguments[i];
        values.emplace_back(from, from + entry->second.bytes[i]);
    }
    return values;
}

const void *fake_find(const char *name)
{
    const auto found = kernels().find(name);
    return found == kernels().end() ? nullptr : &*found;
}

const char *fake_name(const void *function)
{
    return ((const std::pair<const std::string, registered> *)function)->first.c_str();
}

void fake_launch(const void *function, unsigned x, unsigned y, unsigned block_threads,
                 void **arguments)
{
    const auto *entry = (const std::pair<const std::string, registered> *)function;

    running = &entry->second;
    running_name = entry->first.c_str();
    running_arguments = arguments;
    threads = block_threads;
    at_work.assign(threads, nullptr);
    slots.assign(2 * threads + 64, 0);
    gridDim = {x, y, 1};
    blockDim = {threads, 1, 1};
    for (unsigned j = 0; j < y; j++)
        for (unsigned i = 0; i < x; i++) {
            blockIdx = {i, j, 0};
            run_block();
        }
}
