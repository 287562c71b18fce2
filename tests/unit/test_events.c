/* Event files: what is kept of a file that was cut off or damaged, and that numbers go on after it.
 */
#include "support.h"

#include "io/events.h"

#define FOLDER WG_SCRATCH "/events"
#define PATH FOLDER "/" WG_EVENTS_FILE

enum { STEPS = 5 };

static void write_steps(wagle_ctx *ctx, int64_t from, int64_t to)
{
    wg_events e;

    assert_ok(ctx, wg_events_open(ctx, FOLDER, "a run", false, &e));
    assert_ok(ctx, wg_events_start(ctx, &e, from));
    for (int64_t step = from; step < to; step++) {
        assert_ok(ctx, wg_events_scalar(ctx, &e, "loss", 0.5 * (double)step));
        assert_ok(ctx, wg_events_scalar(ctx, &e, "nothing", (double)NAN));
        assert_ok(ctx, wg_events_write(ctx, &e, step));
    }
    wg_events_close(&e);
}

/* Bytes of the file, into out. */
static int64_t read_file(unsigned char out[4096])
{
    FILE *file = fopen(PATH, "rb");
    const int64_t n = (int64_t)fread(out, 1, 4096, file);

    fclose(file);
    return n;
}

static void put_file(const unsigned char *data, int64_t n)
{
    FILE *file = fopen(PATH, "wb");

    fwrite(data, 1, (size_t)n, file);
    fclose(file);
}

static void begin(wagle_ctx *ctx, unsigned char whole[4096], int64_t *n)
{
    wg_remove_tree(FOLDER);
    write_steps(ctx, 0, STEPS);
    *n = read_file(whole);
}

/* All but the times of the events, which are 8 bytes after the head of 12 and the key. */
static void assert_same_events(const unsigned char *a, const unsigned char *b, int64_t n)
{
    for (int64_t at = 0; at < n;) {
        uint64_t length;
        memcpy(&length, a + at, sizeof length);
        assert_memory_equal(a + at, b + at, 13);
        assert_memory_equal(a + at + 21, b + at + 21, length - 9);
        at += (int64_t)length + 16;
    }
}

/* Bytes of the first n records. */
static int64_t records(const unsigned char *file, int n)
{
    int64_t at = 0;

    for (uint64_t length; n > 0; n--) {
        memcpy(&length, file + at, sizeof length);
        at += (int64_t)length + 16;
    }
    return at;
}

static void a_file_that_ends_anywhere_goes_on_after_its_last_whole_step(void **state)
{
    unsigned char whole[4096], again[4096];
    int64_t n;
    int steps = 0; /* that are whole */

    begin(*state, whole, &n);
    for (int64_t cut = records(whole, 1); cut <= n; cut++) {
        while (steps < STEPS && records(whole, steps + 2) <= cut)
            steps++;
        put_file(whole, cut);
        write_steps(*state, steps, STEPS);
        assert_int_equal(read_file(again), n);
        assert_same_events(whole, again, n);
    }
    assert_int_equal(steps, STEPS);
}

static void steps_that_come_again_replace_those_of_before(void **state)
{
    unsigned char whole[4096], again[4096];
    int64_t n;

    begin(*state, whole, &n);
    for (int64_t from = 0; from <= STEPS; from++) {
        write_steps(*state, from, STEPS);
        assert_int_equal(read_file(again), n);
        assert_same_events(whole, again, n);
    }
}

/* Every byte is changed in turn: what comes after it is gone, and nothing is read outside. */
static void a_damaged_byte_ends_the_file_there(void **state)
{
    unsigned char whole[4096], again[4096];
    wagle_ctx *ctx = *state;
    int64_t n;

    begin(ctx, whole, &n);
    for (int64_t at = 0; at < n; at++) {
        wg_events e;
        whole[at] ^= 0x81;
        put_file(whole, n);
        if (wg_events_open(ctx, FOLDER, "a run", true, &e) == WAGLE_OK) {
            assert_ok(ctx, wg_events_start(ctx, &e, INT64_MAX));
            wg_events_close(&e);
            assert_true(read_file(again) <= at || again[0] != whole[0]);
        } else {
            wg_forget_failure(ctx);
        }
        whole[at] ^= 0x81;
    }
}

static void another_writer_and_a_second_one_are_refused(void **state)
{
    unsigned char whole[4096];
    wagle_ctx *ctx = *state;
    wg_events e, second;
    int64_t n;

    begin(ctx, whole, &n);
    assert_int_equal(wg_events_open(ctx, FOLDER, "another", false, &e), WAGLE_E_USAGE);
    wg_forget_failure(ctx);
    assert_ok(ctx, wg_events_open(ctx, FOLDER, "a run", false, &e));
    assert_int_equal(wg_events_open(ctx, FOLDER, "a run", false, &second), WAGLE_E_RUN);
    wg_forget_failure(ctx);
    wg_events_close(&e);
}

static int new_state(void **state)
{
    *state = new_context();
    return 0;
}

static int end_state(void **state)
{
    wagle_ctx_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_ends_anywhere_goes_on_after_its_last_whole_step),
        cmocka_unit_test(steps_that_come_again_replace_those_of_before),
        cmocka_unit_test(a_damaged_byte_ends_the_file_there),
        cmocka_unit_test(another_writer_and_a_second_one_are_refused),
    };

    return cmocka_run_group_tests(tests, new_state, end_state);
}
