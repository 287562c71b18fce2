/* Loops that worker threads share: every item once, the same bits however many threads there are,
 * also where they outnumber the processors. */
#include "support.h"

#include "base/later.h"
#include "base/pool.h"
#include "ops/cpu/cpu.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ITEMS = 1000, CROWD = 8 };

static wagle_ctx ctx;

static wg_pool *pool_of(int threads)
{
    wg_pool *pool;

    assert_ok(&ctx, wg_pool_open(&ctx, threads, &pool));
    return pool;
}

typedef struct counted {
    int64_t grain;
    atomic_int *times;   /* [ITEMS] how often each was run */
    atomic_int too_long; /* blocks of more than `grain` */
    wg_pool *within;     /* a loop in each block */
} counted;

static void count(const void *task, int64_t from, int64_t to)
{
    counted *t = (counted *)(uintptr_t)task;

    if (to - from > t->grain || from >= to)
        atomic_fetch_add(&t->too_long, 1);
    for (int64_t i = from; i < to; i++)
        atomic_fetch_add(&t->times[i], 1);
}

static void each_item_runs_once(void **state)
{
    static const int threads[] = {1, 2, 3, 16};

    (void)state;
    for (size_t k = 0; k < sizeof threads / sizeof *threads; k++) {
        wg_pool *pool = pool_of(threads[k]);
        for (int64_t n = 0; n <= ITEMS; n += n < 20 ? 1 : 245)
            for (int64_t grain = 1; grain <= 64; grain *= 4) {
                atomic_int times[ITEMS] = {0};
                counted t = {.grain = threads[k] == 1 ? ITEMS : grain, .times = times};
                wg_parallel(pool, n, grain, count, &t);
                for (int i = 0; i < ITEMS; i++)
                    assert_int_equal(times[i], i < n);
                assert_int_equal(t.too_long, 0);
            }
        wg_pool_close(pool);
    }
}

static void count_within(const void *task, int64_t from, int64_t to)
{
    const counted *t = task;

    for (int64_t i = from; i < to; i++)
        wg_parallel(t->within, ITEMS, 1, count, t);
}

static void a_loop_within_a_loop_runs(void **state)
{
    atomic_int times[ITEMS] = {0};
    counted t = {.grain = ITEMS, .times = times, .within = pool_of(4)};

    (void)state;
    wg_parallel(t.within, 5, 1, count_within, &t);
    for (int i = 0; i < ITEMS; i++)
        assert_int_equal(times[i], 5);
    wg_pool_close(t.within);
}

/* --- bits ------------------------------------------------------------------------------------ */

enum { M = 70, N = 90, K = 400, ROUNDS = 40 };

static float left[M * K], right[N * K];

/* Products and norms, one after the other: loops of a few microseconds. */
static void work(wg_pool *pool, float *out)
{
    wg_ops cpu = wg_ops_cpu;
    float product[M * N], rstd[M];

    cpu.pool = pool;
    cpu.state = calloc(1, (size_t)wg_cpu_gemm_room());
    assert_non_null(cpu.state);
    for (int i = 0; i < ROUNDS; i++) {
        cpu.gemm(&cpu, M, N, K, wg_matrix(left, K), wg_transpose(wg_matrix(right, K)), i % 2 == 1,
                 product, N);
        cpu.norm_forward(&cpu, M, N, 1e-5f, product, right, NULL, out, NULL, rstd);
        cpu.axpy(&cpu, (int64_t)M * N, 0.5f, out, product);
    }
    free(cpu.state);
}

static void fill(void)
{
    for (int i = 0; i < M * K; i++)
        left[i] = (float)wg_random_normal(3, 0, (uint64_t)i);
    for (int i = 0; i < N * K; i++)
        right[i] = (float)wg_random_normal(3, 1, (uint64_t)i);
}

static void threads_that_outnumber_the_processors_give_the_same_bits(void **state)
{
    float alone[M * N], many[M * N];
    wg_pool *pool = pool_of(CROWD * wg_processors());

    (void)state;
    fill();
    work(NULL, alone);
    work(pool, many);
    assert_memory_equal(alone, many, sizeof alone);
    wg_pool_close(pool);
}

typedef struct job {
    pthread_t thread;
    wg_pool *pool;
    float out[M * N];
} job;

static void *run_job(void *user)
{
    job *j = user;

    work(j->pool, j->out);
    return NULL;
}

/* `shared`: one of them finds the pool busy, and works alone. */
static void two_threads_work(bool shared)
{
    static job jobs[2];
    float alone[M * N];
    wg_pool *one = pool_of(2), *other = shared ? one : pool_of(3);

    fill();
    work(NULL, alone);
    jobs[0].pool = one;
    jobs[1].pool = other;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&jobs[i].thread, NULL, run_job, &jobs[i]), 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(jobs[i].thread, NULL);
        assert_memory_equal(alone, jobs[i].out, sizeof alone);
    }
    wg_pool_close(one);
    if (!shared)
        wg_pool_close(other);
}

static void pools_of_two_threads_work_at_once(void **state)
{
    (void)state;
    two_threads_work(false);
}

static void a_pool_that_two_threads_use_works(void **state)
{
    (void)state;
    two_threads_work(true);
}

static void a_child_of_fork_works_alone(void **state)
{
    float before[M * N], after[M * N];
    wg_pool *pool = pool_of(2);
    int status = -1;

    (void)state;
    fill();
    work(pool, before);
    const pid_t child = fork();
    if (child == 0) {
        work(pool, after);
        wg_pool_close(pool);
        _exit(memcmp(before, after, sizeof before) != 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    work(pool, after);
    assert_memory_equal(before, after, sizeof before);
    wg_pool_close(pool);
}

/* --- jobs in another thread --------------------------------------------------------------------
 */

typedef struct order {
    int n, number[16];
    int next;
} order;

static wagle_status note_next(void *user)
{
    order *o = user;

    o->number[o->n++] = o->next;
    return o->next == 7 ? WAGLE_E_RUN : WAGLE_OK;
}

/* One after the other; after one that failed none is started. */
static void jobs_come_in_order_until_one_fails(void **state)
{
    order o = {0};
    wg_later *l;

    (void)state;
    assert_ok(&ctx, wg_later_open(&ctx, &l));
    assert_int_equal(wg_later_wait(l), WAGLE_OK);
    for (int i = 0; i < 10; i++) {
        const wagle_status before = wg_later_wait(l);
        o.next = i;
        assert_int_equal(wg_later_do(l, note_next, &o), before);
        assert_int_equal(before, i > 7 ? WAGLE_E_RUN : WAGLE_OK);
    }
    assert_int_equal(wg_later_wait(l), WAGLE_E_RUN);
    wg_later_close(l);
    assert_int_equal(o.n, 8);
    for (int i = 0; i < 8; i++)
        assert_int_equal(o.number[i], i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_item_runs_once),
        cmocka_unit_test(a_loop_within_a_loop_runs),
        cmocka_unit_test(threads_that_outnumber_the_processors_give_the_same_bits),
        cmocka_unit_test(pools_of_two_threads_work_at_once),
        cmocka_unit_test(a_pool_that_two_threads_use_works),
        cmocka_unit_test(a_child_of_fork_works_alone),
        cmocka_unit_test(jobs_come_in_order_until_one_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
