/* pool.c - one word, the gate, says whether a loop has blocks left and how many workers are in it.
 *
 * The calling thread describes the loop and opens the gate. Workers enter by adding themselves to
 * the open gate, take blocks from a counter, and leave. Whoever finds no block left shuts the gate;
 * the calling thread then waits until the workers inside have left. */
#include "base/pool.h"

#include "base/memory.h"
#include "base/thread.h"
#include <linux/futex.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { OPEN = 1, STOP = 2, WORKER = 4 };
enum { GRAIN = 8192, TURNS = 16, LINE = 64 /* bytes of the cache */ };
static const double longest_spin = 50e-6; /* seconds: about what falling asleep and waking costs */

struct wg_pool {
    int threads, running; /* with the calling thread; workers that were started */
    double spin;          /* seconds that one waits awake: 0 where threads outnumber processors */
    pid_t process;
    pthread_t *worker;
    atomic_flag busy;

    wg_block_fn *run; /* the loop; read by who is inside the gate */
    const void *task;
    int64_t n, grain;

    char apart[LINE];
    atomic_int_least64_t next; /* item that is handed out next */
    char from_next[LINE];
    atomic_uint gate;   /* OPEN, STOP, WORKER for each inside */
    atomic_uint asleep; /* workers that sleep at the gate */
    atomic_uint waits;  /* 1: the calling thread sleeps until all have left */
};

static void sleep_while(atomic_uint *word, unsigned value)
{
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void wake(atomic_uint *word, int most)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, most, NULL, NULL, 0);
}

static void pause_a_little(void)
{
    for (int i = 0; i < TURNS; i++) {
#if defined(__x86_64__) && defined(__GNUC__)
        __builtin_ia32_pause();
#else
        atomic_signal_fence(memory_order_seq_cst);
#endif
    }
}

static bool stirs(unsigned gate)
{
    return (gate & (OPEN | STOP)) != 0;
}

static bool is_empty(unsigned gate)
{
    return gate == 0;
}

/* Waits awake for what the gate shall show, at most so many seconds. Returns what it shows. */
static unsigned spin(atomic_uint *gate, bool (*shows)(unsigned), double seconds)
{
    const double end = seconds > 0 ? wg_seconds() + seconds : 0;
    unsigned seen = atomic_load(gate);

    while (!shows(seen) && seconds > 0 && wg_seconds() < end) {
        pause_a_little();
        seen = atomic_load(gate);
    }
    return seen;
}

static void take_blocks(wg_pool *p)
{
    const int64_t n = p->n, grain = p->grain;
    int64_t from;

    while ((from = atomic_fetch_add_explicit(&p->next, grain, memory_order_relaxed)) < n)
        p->run(p->task, from, from + grain < n ? from + grain : n);
    atomic_fetch_and(&p->gate, ~(unsigned)OPEN);
}

static void leave(wg_pool *p)
{
    const bool last = atomic_fetch_sub(&p->gate, WORKER) == WORKER;

    if (last && atomic_exchange(&p->waits, 0) == 1)
        wake(&p->waits, 1);
}

/* Sleeps at the shut gate. Returns how long one should wait awake the next time: a sleep that was
 * shorter than a spin was not worth falling asleep; after a longer one, half as long as so far. */
static double sleep_at_gate(wg_pool *p, unsigned seen, double patience)
{
    const double start = wg_seconds();

    atomic_fetch_add(&p->asleep, 1);
    sleep_while(&p->gate, seen);
    atomic_fetch_sub(&p->asleep, 1);
    return wg_seconds() - start < p->spin ? p->spin : patience / 2;
}

static void *work(void *user)
{
    wg_pool *p = user;
    double patience = p->spin;

    for (;;) {
        unsigned seen = spin(&p->gate, stirs, patience);
        if (seen & STOP)
            return NULL;
        if (!(seen & OPEN)) {
            patience = sleep_at_gate(p, seen, patience);
        } else if (atomic_compare_exchange_strong(&p->gate, &seen, seen + WORKER)) {
            take_blocks(p);
            leave(p);
            patience = p->spin;
        }
    }
}

/* --- the calling thread ---------------------------------------------------------------------- */

/* What a container may use, if it may not use all: "200000 100000" of its time is two processors.
 */
static int within_quota(int processors)
{
    double quota, period;
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "r");

    if (file != NULL && fscanf(file, "%lf %lf", &quota, &period) == 2 && period > 0 &&
        quota < period * processors)
        processors = quota > period ? (int)ceil(quota / period) : 1;
    if (file != NULL)
        fclose(file);
    return processors;
}

int wg_processors(void)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    return within_quota(sched_getaffinity(0, sizeof set, &set) == 0
                            ? CPU_COUNT(&set)
                            : (int)sysconf(_SC_NPROCESSORS_ONLN));
}

wagle_status wg_pool_open(wagle_ctx *ctx, int threads, wg_pool **out)
{
    wg_pool *p = NULL;

    *out = NULL;
    WG_TRY(WG_ALLOC(ctx, &p, 1));
    p->threads = threads > 1 ? threads : 1;
    p->process = getpid();
    p->spin = threads > 1 && threads <= wg_processors() ? longest_spin : 0;
    atomic_flag_clear(&p->busy);
    p->worker = wg_alloc(ctx, p->threads, sizeof *p->worker);
    if (p->worker == NULL) {
        wg_free(p);
        return WAGLE_E_RESOURCE;
    }
    *out = p;
    return WAGLE_OK;
}

static void start(wg_pool *p)
{
    while (p->running < p->threads - 1 && wg_thread_start(&p->worker[p->running], work, p))
        p->running++;
}

void wg_pool_close(wg_pool *p)
{
    if (p == NULL)
        return;
    if (p->running > 0 && p->process == getpid()) {
        atomic_store(&p->gate, STOP);
        wake(&p->gate, p->running);
        for (int i = 0; i < p->running; i++)
            pthread_join(p->worker[i], NULL);
    }
    wg_free(p->worker);
    wg_free(p);
}

int wg_pool_threads(const wg_pool *p)
{
    return p != NULL ? p->threads : 1;
}

static void wait_for_workers(wg_pool *p)
{
    while (spin(&p->gate, is_empty, p->spin) != 0) {
        atomic_store(&p->waits, 1);
        if (atomic_load(&p->gate) != 0)
            sleep_while(&p->waits, 1);
    }
}

static void share(wg_pool *p, int64_t n, int64_t grain, wg_block_fn *run, const void *task)
{
    const int64_t blocks = (n + grain - 1) / grain;

    if (p->running == 0)
        start(p);
    p->run = run;
    p->task = task;
    p->n = n;
    p->grain = grain;
    atomic_store(&p->next, 0);
    atomic_store(&p->gate, OPEN);
    if (atomic_load(&p->asleep) > 0)
        wake(&p->gate, blocks <= p->running ? (int)blocks - 1 : p->running);
    take_blocks(p);
    wait_for_workers(p);
}

void wg_parallel(wg_pool *p, int64_t n, int64_t grain, wg_block_fn *run, const void *task)
{
    if (p == NULL || p->threads == 1 || n <= grain || atomic_flag_test_and_set(&p->busy)) {
        if (n > 0)
            run(task, 0, n);
        return;
    }
    share(p, n, grain, run, task);
    atomic_flag_clear(&p->busy);
}

int64_t wg_grain(int64_t cost)
{
    return cost >= GRAIN ? 1 : cost <= 1 ? GRAIN : GRAIN / cost;
}
