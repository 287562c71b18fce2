/* The lists of changed weights in a patch: in every form, reading returns what was written, and
 * damaged bytes never give an index outside the tensor. */
#include "support.h"

#include "base/number.h"
#include "io/patchform.h"

enum { ROWS = 37, WIDE = 150, COUNT = ROWS * WIDE, ROOM = 1 << 16 };
static unsigned char before[4 * COUNT], after[4 * COUNT], bytes[ROOM];
static size_t used;

static wagle_status put(void *user, const void *data, size_t n)
{
    (void)user;
    assert_true(used + n <= ROOM);
    memcpy(bytes + used, data, n);
    used += n;
    return WAGLE_OK;
}

static uint64_t draw(uint64_t a, uint64_t b)
{
    return wg_random(11, a, b);
}

/* Changes `share` of 16 weights in every second row or column (or in all). Returns how many. */
static int64_t change(int pattern, int share, size_t size)
{
    int64_t changed = 0;

    memset(before, 0, sizeof before);
    memset(after, 0, sizeof after);
    for (int64_t i = 0; i < COUNT; i++) {
        const bool in = pattern == 0 || (pattern == 1 ? i / WIDE : i % WIDE) % 2 == 1;
        if (!in || (int)(draw(1, (uint64_t)i) % 16) >= share)
            continue;
        after[(size_t)i * size + size - 1] = 1;
        changed++;
    }
    return changed;
}

static void check_iteration(const wg_patch_tensor *t, size_t size)
{
    wg_patch_walk w = {0};
    int64_t last = -1;

    while (wg_patch_next(t, &w)) {
        assert_in_range(w.index, last + 1, COUNT - 1);
        for (int64_t i = last + 1; i <= w.index; i++)
            assert_int_equal(after[(size_t)i * size + size - 1], i == w.index);
        last = w.index;
    }
    assert_int_equal(w.next, t->changed);
}

static void iteration_returns_the_changes_in_every_form(void **state)
{
    static const wg_dtype types[] = {WG_F32, WG_BF16, WG_U8};
    wagle_ctx *ctx = new_context();

    (void)state;
    for (int i = 0; i < 3 * 3 * 4; i++) {
        const wg_dtype type = types[i % 3];
        const int pattern = i / 3 % 3, share = (int[]){1, 8, 15, 16}[i / 9];
        const wg_tensor a = {
            .dtype = type, .shape = {2, {ROWS, WIDE}}, .count = COUNT, .data = before};
        wg_tensor b = a;
        wg_patch_form best;
        size_t fewest = SIZE_MAX, chosen;
        const int64_t changed = change(pattern, share, wg_dtype_size(type));
        b.data = after;
        for (int f = 0; f < WG_PATCH_FORMS; f++) {
            wg_patch_tensor t = {.dtype = type,
                                 .shape = a.shape,
                                 .count = COUNT,
                                 .changed = changed,
                                 .form = (wg_patch_form)f,
                                 .index = bytes};
            used = 0;
            assert_ok(ctx, wg_patch_encode(ctx, &a, &b, t.form, put, NULL, &t.index_bytes));
            assert_int_equal(used, t.index_bytes);
            assert_true(wg_patch_read_form(&t));
            check_iteration(&t, wg_dtype_size(type));
            fewest = used < fewest ? used : fewest;
        }
        assert_ok(ctx, wg_patch_choose(ctx, &a, &b, &best, &chosen));
        assert_int_equal(chosen, fewest);
        /* If most weights of rows or columns change, rows or columns are stored. */
        if (share >= 15 && pattern > 0)
            assert_int_equal(best, pattern == 1 ? WG_PATCH_ROWS : WG_PATCH_COLUMNS);
        if (share == 1)
            assert_int_equal(best, WG_PATCH_INDEX);
    }
    wagle_ctx_free(ctx);
}

/* Uses small numbers, so that many are accepted. */
static void accepted_bytes_stay_inside_the_tensor(void **state)
{
    int64_t taken[WG_PATCH_FORMS] = {0};

    (void)state;
    for (uint64_t round = 0; round < 1000000; round++) {
        const int64_t rows = 1 + (int64_t)(draw(round, 90) % 4),
                      wide = 1 + (int64_t)(draw(round, 91) % 4);
        wg_patch_tensor t = {.shape = {2, {rows, wide}},
                             .count = rows * wide,
                             .changed = 1 + (int64_t)(draw(round, 92) % 6),
                             .form = (wg_patch_form)(round % WG_PATCH_FORMS),
                             .index = bytes,
                             .index_bytes = draw(round, 93) % 8};
        wg_patch_walk w = {0};
        int64_t last = -1;
        for (size_t i = 0; i < t.index_bytes; i++)
            bytes[i] = (unsigned char)(draw(round, i) % 16 == 0 ? draw(round, i) >> 32
                                                                : draw(round, i) >> 32 & 3);
        if (!wg_patch_read_form(&t))
            continue;
        for (; wg_patch_next(&t, &w); last = w.index)
            assert_in_range(w.index, last + 1, t.count - 1);
        assert_int_equal(w.next, t.changed);
        taken[t.form]++;
    }
    for (int f = 0; f < WG_PATCH_FORMS; f++)
        assert_true(taken[f] > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iteration_returns_the_changes_in_every_form),
        cmocka_unit_test(accepted_bytes_stay_inside_the_tensor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
