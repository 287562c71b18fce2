/* Parquet files that pyarrow wrote (gold/make/parquet.py): their rows are those beside them. */
#include "support.h"

#include "base/file.h"
#include "io/rows.h"

#define FOLDER WG_GOLD "/parquet"

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
        if (wg_ends_with(*name, ".parquet")) {
            check_file(ctx, *name);
            n++;
        }
    assert_true(n > 20);
    wg_free_names(names);
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_encoding_and_codec_gives_the_rows_that_were_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
