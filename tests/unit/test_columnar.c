/* Parquet and Arrow files that pyarrow wrote (gold/make/columnar.py): their rows are those beside
 * them. */
#include "support.h"

#include "base/file.h"
#include "io/rows.h"

#define FOLDER WG_GOLD "/columnar"

static void check_file(wagle_ctx *ctx, const char *name)
{
    char path[512];
    wg_rows rows, wanted;

    snprintf(path, sizeof path, FOLDER "/%s", name);
    assert_ok(ctx, wg_rows_read(ctx, path, NULL, &rows));
    snprintf(path, sizeof path, FOLDER "/%.*s.jsonl", (int)strcspn(name, "-."), name);
    assert_ok(ctx, wg_rows_read(ctx, path, NULL, &wanted));
    assert_int_equal(rows.n, wanted.n);
    for (int64_t i = 0; i < rows.n; i++)
        if (!json_equal(rows.row[i], wanted.row[i])) {
            char *a = json_dumps(rows.row[i], 0), *b = json_dumps(wanted.row[i], 0);
            fail_msg("%s: row %lld is\n%s, wanted\n%s", name, (long long)i + 1, a, b);
        }
    wg_rows_free(&rows);
    wg_rows_free(&wanted);
}

static void every_encoding_and_codec_gives_the_rows_that_were_written(void **state)
{
    wagle_ctx *ctx = new_context();
    char **names;
    int n = 0;

    (void)state;
    assert_ok(ctx, wg_list_folder(ctx, FOLDER, &names));
    for (char **name = names; *name != NULL; name++)
        if (!wg_ends_with(*name, ".jsonl")) {
            check_file(ctx, *name);
            n++;
        }
    assert_true(n > 30);
    wg_free_names(names);
    wagle_ctx_free(ctx);
}

static bool reads_text(const void *of, const char *column)
{
    (void)of;
    return strcmp(column, "text") == 0;
}

static void check_columns(wagle_ctx *ctx, const char *path)
{
    const wg_rows_select select = {.reads = reads_text, .limit = 7};
    wg_rows rows, wanted;

    assert_ok(ctx, wg_rows_read(ctx, path, &select, &rows));
    assert_ok(ctx, wg_rows_read(ctx, FOLDER "/nested.jsonl", NULL, &wanted));
    assert_int_equal(rows.n, 7);
    for (int64_t i = 0; i < rows.n; i++) {
        const json_t *row = rows.row[i];
        assert_true(
            json_equal(json_object_get(row, "text"), json_object_get(wanted.row[i], "text")));
        assert_string_equal(wg_rows_kind(json_object_get(row, "messages")), "a list");
        assert_string_equal(wg_rows_kind(json_object_get(row, "meta")), "an object");
        assert_int_equal(json_object_size(row), json_object_size(wanted.row[i]));
    }
    wg_rows_free(&rows);
    wg_rows_free(&wanted);
}

static void columns_that_are_not_asked_for_are_not_read(void **state)
{
    wagle_ctx *ctx = new_context();

    (void)state;
    check_columns(ctx, FOLDER "/nested-plain.parquet");
    check_columns(ctx, FOLDER "/nested-stream.arrow");
    check_columns(ctx, FOLDER "/nested-zstd.arrow");
    wagle_ctx_free(ctx);
}

static void a_file_that_is_cut_is_refused(void **state)
{
    static const char *const names[] = {"/flat-groups.parquet", "/nested-item.parquet",
                                        "/arrow_kinds-file.arrow"};
    wagle_ctx *ctx = new_context();
    wg_rows rows;
    wg_map map;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char path[512];
        snprintf(path, sizeof path, FOLDER "%s", names[i]);
        assert_ok(ctx, wg_map_open(ctx, path, &map));
        for (size_t n = 4; n < map.bytes; n++) {
            char *part = malloc(n); /* of exact size, for the sanitizer */
            memcpy(part, map.data, n);
            wg_begin(ctx);
            assert_int_equal(wg_rows_parse(ctx, "f", part, n, NULL, &rows), WAGLE_E_INPUT);
            free(part);
        }
        wg_map_close(&map);
    }
    wagle_ctx_free(ctx);
}

static void a_wrong_checksum_is_said(void **state)
{
    wagle_ctx *ctx = new_context();
    wg_rows rows;
    wg_text copy = {0};

    (void)state;
    assert_ok(ctx, wg_read_text(ctx, FOLDER "/flat-checksums.parquet", &copy));
    copy.text[200] ^= 1;
    assert_refused(ctx, wg_rows_parse(ctx, "f", copy.text, (size_t)copy.bytes, NULL, &rows),
                   WAGLE_E_INPUT, "whose checksum is wrong");
    wg_text_free(&copy);
    wagle_ctx_free(ctx);
}

static int64_t allocations; /* that still succeed */

static void *fail_later(size_t bytes)
{
    return allocations-- > 0 ? malloc(bytes) : NULL;
}

static void memory_that_runs_out_is_said_and_nothing_leaks(void **state)
{
    static const char *const names[] = {"/flat-delta.parquet", "/nested-pages.parquet",
                                        "/arrow_kinds-growing.arrow", "/arrow_kinds-zstd.arrow"};
    wagle_ctx *ctx = new_context();
    const int64_t live = wg_memory_live();
    wg_rows rows;

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        char path[512];
        wagle_status st = WAGLE_E_RESOURCE;
        snprintf(path, sizeof path, FOLDER "%s", names[i / 2]);
        for (int64_t k = 0; st != WAGLE_OK; k += 1 + k / 16) {
            wg_begin(ctx);
            allocations = i % 2 == 0 ? k : INT64_MAX;
            json_set_alloc_funcs(fail_later, free);
            wg_memory_fail_at(i % 2 == 1 ? k + 1 : 0);
            st = wg_rows_read(ctx, path, NULL, &rows);
            wg_memory_fail_at(0);
            json_set_alloc_funcs(malloc, free);
            assert_true(st == WAGLE_OK || st == WAGLE_E_RESOURCE);
            if (st == WAGLE_OK)
                wg_rows_free(&rows);
            assert_int_equal(wg_memory_live(), live);
        }
    }
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_encoding_and_codec_gives_the_rows_that_were_written),
        cmocka_unit_test(columns_that_are_not_asked_for_are_not_read),
        cmocka_unit_test(a_file_that_is_cut_is_refused),
        cmocka_unit_test(a_wrong_checksum_is_said),
        cmocka_unit_test(memory_that_runs_out_is_said_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
