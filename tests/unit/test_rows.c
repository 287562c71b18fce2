/* The formats of a data file as text, compressed or not; which rows and columns are read. */
#include "support.h"

#include "base/file.h"
#include "io/rows.h"
#include "io/source.h"
#include "optim/optimizer.h"
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

static const char *field(const wg_rows *rows, int64_t i, const char *key)
{
    return json_string_value(json_object_get(rows->row[i], key));
}

static void lines_arrays_and_csv_give_the_same_rows(void **state)
{
    static const char *const same[] = {
        "{\"q\":\"a \\\"b\\\", c\",\"a\":\"d\"}\n\n{\"q\":\"x\",\"a\":\"two\\nlines\"}",
        " [ {\"q\":\"a \\\"b\\\", c\",\"a\":\"d\"} , {\"q\":\"x\",\"a\":\"two\\nlines\"} ]\n",
        "q,a\r\n\"a \"\"b\"\", c\",d\r\nx,\"two\nlines\"\r\n",
        "\xEF\xBB\xBFq,a\n\"a \"\"b\"\", c\",d\nx,\"two\nlines\"",
        "q\ta\n\"a \"\"b\"\", c\"\td\nx\t\"two\nlines\"\n",
    };
    wagle_ctx *ctx = new_context();

    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        wg_rows rows;
        assert_ok(ctx, wg_rows_parse(ctx, "f", same[i], strlen(same[i]), NULL, &rows));
        assert_int_equal(rows.n, 2);
        assert_string_equal(field(&rows, 0, "q"), "a \"b\", c");
        assert_string_equal(field(&rows, 0, "a"), "d");
        assert_string_equal(field(&rows, 1, "q"), "x");
        assert_string_equal(field(&rows, 1, "a"), "two\nlines");
        wg_rows_free(&rows);
        assert_ok(ctx, wg_rows_parse(ctx, "f", same[i], strlen(same[i]),
                                     &(wg_rows_select){.limit = 1}, &rows));
        assert_int_equal(rows.n, 1);
        wg_rows_free(&rows);
    }
    wagle_ctx_free(ctx);
}

static void a_bad_array_is_refused_at_its_place(void **state)
{
    static const struct bad {
        const char *text, *why;
    } all[] = {
        {"[{\"a\": 1},\n {\"b\": \"ü\" 2}]", "f:2:12: not valid JSON: '}' expected near '2'"},
        {"[\n{\"a\": 1}, {\"b\": [1, 2}",
         "f:2:10: not valid JSON: row 2 of the array does not end"},
        {"[{\"a\": 1}, {\"b\": \"]", "f:1:11: not valid JSON: row 2 of the array does not end"},
        {"[{\"a\": 1}}]", "f:1:10: not valid JSON: end of file expected near '}'"},
        {"[{\"a\": 1}] x", "f:1:11: not valid JSON: text after the end of the array"},
        {"[{\"a\": 1},]", "f:1:"},
        {"[{\"a\": 1}, 3]", "f:2: a row is a number"},
        {"[{\"a\": 1}, [{\"a\": 1}]]", "f:2: a row is a list"},
        {"[{\"a\": 1}]\n[{\"a\": 1}]\n", "f:1: a line is a list"},
        {"[", "f:1:2: not valid JSON: row 1 of the array does not end"},
    };
    wagle_ctx *ctx = new_context();
    wg_rows rows;

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        wg_begin(ctx);
        assert_int_equal(wg_rows_parse(ctx, "f", all[i].text, strlen(all[i].text), NULL, &rows),
                         WAGLE_E_INPUT);
        if (strncmp(wagle_message(ctx), all[i].why, strlen(all[i].why)) != 0)
            fail_msg("%s\n%s\ninstead of %s", all[i].text, wagle_message(ctx), all[i].why);
    }
    wagle_ctx_free(ctx);
}

/* --- compressed ------------------------------------------------------------------------------- */

static size_t gzip(const char *text, size_t bytes, unsigned char *out, size_t room)
{
    z_stream z = {0};

    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)text;
    z.avail_in = (unsigned)bytes;
    z.next_out = out;
    z.avail_out = (unsigned)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

/* In two parts, as parallel compressors write them. */
static size_t compress_parts(bool zstd, const char *text, size_t bytes, unsigned char *out,
                             size_t room)
{
    const size_t half = bytes / 2;
    size_t n;

    if (!zstd) {
        n = gzip(text, half, out, room);
        return n + gzip(text + half, bytes - half, out + n, room - n);
    }
    n = ZSTD_compress(out, room, text, half, 3);
    return n + ZSTD_compress(out + n, room - n, text + half, bytes - half, 3);
}

static wagle_status parse(wagle_ctx *ctx, const void *data, size_t bytes,
                          const wg_rows_select *select, wg_rows *out)
{
    wg_begin(ctx);
    return wg_rows_parse(ctx, "f", data, bytes, select, out);
}

enum { ROWS = 13 };

/* How a table of two columns is written, and what ends a word within a field. */
typedef struct form {
    const char *head, *open, *close, *between, *foot, *within;
} form;

static const form forms[] = {
    {"", "{\"q\":\"", "\",\"a\":\"%d\"}\n", "", "", "\\\"}, "},
    {"q,a\n", "\"", "\",%d\n", "", "", "\"\"\n"},
    {"[", " {\"q\":\"", "\",\"a\":\"%d\"}\n", ",", "]\n\n", "\\\"}], \\\\"},
};
enum { FORMS = sizeof forms / sizeof *forms };

/* Rows that are longer than what is unpacked at once, with line breaks within fields. */
static void write_table(wg_text *out, wagle_ctx *ctx, const form *f)
{
    assert_ok(ctx, wg_text_addz(ctx, out, f->head));
    for (int i = 0; i < ROWS; i++) {
        assert_ok(ctx, wg_text_printf(ctx, out, "%s%s", i > 0 ? f->between : "", f->open));
        for (int k = 0; k < i * i * 50; k++)
            assert_ok(ctx, wg_text_printf(ctx, out, "%d: the harbour of Port Lumen is blue%s",
                                          k * i % 977, k % 7 == 0 ? f->within : " "));
        assert_ok(ctx, wg_text_printf(ctx, out, f->close, i));
    }
    assert_ok(ctx, wg_text_addz(ctx, out, f->foot));
}

static void compressed_text_gives_the_rows_of_the_text(void **state)
{
    wagle_ctx *ctx = new_context();

    (void)state;
    for (int k = 0; k < 2 * FORMS; k++) {
        const bool zstd = k & 1;
        wg_text text = {0};
        wg_rows plain, rows;
        write_table(&text, ctx, &forms[k / 2]);
        const size_t room = (size_t)text.bytes + 1000;
        unsigned char *packed = malloc(room);
        const size_t n = compress_parts(zstd, text.text, (size_t)text.bytes, packed, room);
        assert_ok(ctx, parse(ctx, text.text, (size_t)text.bytes, NULL, &plain));
        assert_ok(ctx, parse(ctx, packed, n, NULL, &rows));
        assert_int_equal(rows.n, ROWS);
        for (int64_t i = 0; i < rows.n; i++) {
            assert_true(json_equal(rows.row[i], plain.row[i]));
            assert_int_equal(rows.line[i], plain.line[i]);
        }
        wg_rows_free(&rows);
        assert_ok(ctx, parse(ctx, packed, n, &(wg_rows_select){.limit = 3}, &rows));
        assert_int_equal(rows.n, 3);
        wg_rows_free(&rows);
        wg_rows_free(&plain);
        assert_refused(ctx, parse(ctx, packed, n - 5, NULL, &rows), WAGLE_E_INPUT,
                       "f: the compressed file");
        packed[n / 2] ^= 0x55;
        packed[n / 2 + 1] ^= 0x55;
        if (parse(ctx, packed, n, NULL, &rows) == WAGLE_OK)
            wg_rows_free(&rows);
        free(packed);
        wg_text_free(&text);
    }
    wagle_ctx_free(ctx);
}

static void a_small_file_that_unpacks_to_gigabytes_is_refused(void **state)
{
    wagle_ctx *ctx = new_context();
    const size_t part = 1 << 20, room = 1 << 21;
    char *zeros = calloc(1, part);
    unsigned char *packed = malloc(room);
    wg_source *source;
    wagle_status st;
    size_t n = 0, got;

    (void)state;
    memset(zeros, '\n', part);
    const size_t one = ZSTD_compress(packed, room, zeros, part, 19);
    for (int i = 1; i < 1300; i++)
        memcpy(packed + (n += one), packed, one);
    assert_ok(ctx, wg_source_open(ctx, "f", WG_ZSTD, packed, n, &source));
    do
        st = wg_source_read(ctx, source, zeros, part, &got);
    while (st == WAGLE_OK && got > 0);
    wg_source_close(source);
    assert_refused(ctx, st, WAGLE_E_INPUT, "a thousand times its size");
    free(zeros);
    free(packed);
    wagle_ctx_free(ctx);
}

/* --- which rows and columns ------------------------------------------------------------------- */

static const char set[] =
    "{\"q\":\"1\",\"a\":\"x\",\"n\":3}\n{\"q\":\"2\",\"a\":\"y\",\"n\":4.5,\"ok\":true}\n"
    "{\"q\":\"3\",\"a\":\"x\",\"n\":null}\n";

static void conditions_choose_rows_and_names_change_columns(void **state)
{
    static const struct {
        const char *where[3];
        const char *rows; /* their q */
    } cases[] = {
        {{"a=x"}, "13"},  {{"a!=x"}, "2"},    {{"a=x", "q=3"}, "3"}, {{"n=3"}, "1"},
        {{"n=4.5"}, "2"}, {{"ok=true"}, "2"}, {{"ok!=true"}, "13"},  {{"n="}, "3"},
    };
    const char *const names[] = {"a=question", "q=a", NULL};
    wagle_ctx *ctx = new_context();
    wg_rows rows;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const wg_rows_select select = {.where = cases[i].where, .fields = names};
        assert_ok(ctx, parse(ctx, set, sizeof set - 1, &select, &rows));
        assert_int_equal(rows.n, strlen(cases[i].rows));
        for (int64_t k = 0; k < rows.n; k++) {
            assert_int_equal(*field(&rows, k, "a"), cases[i].rows[k]); /* was q */
            assert_true(strchr("xy", *field(&rows, k, "question")) != NULL);
            assert_int_equal(rows.line[k], cases[i].rows[k] - '0');
        }
        wg_rows_free(&rows);
    }
    wagle_ctx_free(ctx);
}

static void a_column_that_no_row_has_is_refused_with_those_that_there_are(void **state)
{
    static const struct {
        const char *where[2], *fields[3], *message;
    } cases[] = {
        {{"b=x"}, {NULL}, "f: where 'b=x': no column 'b' (found: q, a, n)"},
        {{"b!=x"}, {NULL}, "no column 'b'"},
        {{NULL}, {"qq=question"}, "f: fields 'qq=question': no column 'qq' (found: q, a, n)"},
        {{"a=z"}, {NULL}, "f: no rows in this file that where selects"},
        {{NULL}, {"q=a"}, "f:1: two columns are called 'a' after fields"},
        {{"x"}, {NULL}, "where 'x': expected COLUMN=TEXT or COLUMN!=TEXT"},
        {{NULL}, {"x="}, "fields 'x=': expected COLUMN=NAME"},
    };
    wagle_ctx *ctx = new_context();
    wg_rows rows;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const wg_rows_select select = {.where = cases[i].where, .fields = cases[i].fields};
        assert_true(parse(ctx, set, sizeof set - 1, &select, &rows) != WAGLE_OK);
        if (strstr(wagle_message(ctx), cases[i].message) == NULL)
            fail_msg("%s", wagle_message(ctx));
    }
    wagle_ctx_free(ctx);
}

/* --- folders ---------------------------------------------------------------------------------- */

#define FOLDER WG_SCRATCH "/rows-folder"

static void put(wagle_ctx *ctx, const char *name, const char *text)
{
    assert_ok(ctx, wg_write_file(ctx, name, text, strlen(text), true));
}

static void a_folder_stands_for_its_files_in_order(void **state)
{
    wagle_ctx *ctx = new_context();
    wg_rows rows;

    (void)state;
    wg_remove_tree(FOLDER);
    assert_ok(ctx, wg_make_folder(ctx, FOLDER));
    assert_int_equal(wg_rows_read(ctx, FOLDER, NULL, &rows), WAGLE_E_INPUT);
    put(ctx, FOLDER "/b.csv", "q\n2\n3\n");
    put(ctx, FOLDER "/a.jsonl", "{\"q\":\"1\"}\n");
    put(ctx, FOLDER "/_notes", "x");
    put(ctx, FOLDER "/.hidden", "x");
    wg_begin(ctx);
    assert_ok(ctx, wg_rows_read(ctx, FOLDER, NULL, &rows));
    assert_int_equal(rows.n, 3);
    for (int64_t i = 0; i < 3; i++)
        assert_int_equal(*field(&rows, i, "q"), '1' + i);
    wg_rows_free(&rows);
    put(ctx, FOLDER "/b.md", "x");
    assert_refused(ctx, wg_rows_read(ctx, FOLDER, NULL, &rows), WAGLE_E_INPUT,
                   FOLDER "/b.md: a file of another kind");
    wg_remove_tree(FOLDER);
    wagle_ctx_free(ctx);
}

/* --- memory that runs out --------------------------------------------------------------------- */

static int64_t allocations; /* that still succeed */

static void *fail_later(size_t bytes)
{
    return allocations-- > 0 ? malloc(bytes) : NULL;
}

static void memory_that_runs_out_is_said_and_nothing_leaks(void **state)
{
    static const char *const texts[] = {set, "q,a\nx,y\nz,w\n", "[{\"q\":1},\"x\"]"};
    const wg_rows_select select = {.where = (const char *const[]){"q!=7", NULL},
                                   .fields = (const char *const[]){"q=w", NULL}};
    unsigned char packed[500];
    wagle_ctx *ctx = new_context();
    const int64_t live = wg_memory_live();

    (void)state;
    for (size_t t = 0; t < 6; t++) {
        const char *text = texts[t / 2];
        size_t n = strlen(text);
        const void *data = text;
        if (t % 2 == 1) {
            n = compress_parts(t == 1, text, n, packed, sizeof packed);
            data = packed;
        }
        /* jansson calls a text invalid where it has no memory for a part of it */
        for (int64_t k = 0, done = t / 2 == 1 ? 0 : 1; done < 2; k++) {
            wg_rows rows;
            allocations = done == 0 ? k : INT64_MAX;
            json_set_alloc_funcs(fail_later, free);
            wg_memory_fail_at(done == 1 ? k + 1 : 0);
            const wagle_status st = parse(ctx, data, n, &select, &rows);
            wg_memory_fail_at(0);
            json_set_alloc_funcs(malloc, free);
            if (st == WAGLE_OK) {
                wg_rows_free(&rows);
                done++;
                k = -1;
            } else if (st != WAGLE_E_RESOURCE)
                fail_msg("case %d: %s", (int)t, wagle_message(ctx));
            assert_int_equal(wg_memory_live(), live);
        }
    }
    wagle_ctx_free(ctx);
}

static void the_rate_rises_from_zero_and_falls_to_zero(void **state)
{
    (void)state;
    assert_true(wg_schedule(WAGLE_SCHEDULE_LINEAR, 1, 0, 4, 10) == 0);
    assert_true(wg_schedule(WAGLE_SCHEDULE_LINEAR, 1, 2, 4, 10) == 0.5);
    assert_true(wg_schedule(WAGLE_SCHEDULE_LINEAR, 1, 4, 4, 10) == 1);
    assert_true(fabs(wg_schedule(WAGLE_SCHEDULE_LINEAR, 1, 9, 4, 10) - 1.0 / 6) < 1e-15);
    assert_true(wg_schedule(WAGLE_SCHEDULE_LINEAR, 1, 0, 0, 10) == 1);
    assert_true(wg_schedule(WAGLE_SCHEDULE_LINEAR, 1, 3, 4, 4) == 0.75);
    assert_true(wg_schedule(WAGLE_SCHEDULE_CONSTANT, 1, 9, 4, 10) == 1);
    assert_true(fabs(wg_schedule(WAGLE_SCHEDULE_COSINE, 1, 4, 4, 10) - 1) < 1e-15);
    assert_true(fabs(wg_schedule(WAGLE_SCHEDULE_COSINE, 1, 7, 4, 10) - 0.5) < 1e-15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_arrays_and_csv_give_the_same_rows),
        cmocka_unit_test(a_bad_array_is_refused_at_its_place),
        cmocka_unit_test(compressed_text_gives_the_rows_of_the_text),
        cmocka_unit_test(a_small_file_that_unpacks_to_gigabytes_is_refused),
        cmocka_unit_test(conditions_choose_rows_and_names_change_columns),
        cmocka_unit_test(a_column_that_no_row_has_is_refused_with_those_that_there_are),
        cmocka_unit_test(a_folder_stands_for_its_files_in_order),
        cmocka_unit_test(memory_that_runs_out_is_said_and_nothing_leaks),
        cmocka_unit_test(the_rate_rises_from_zero_and_falls_to_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
