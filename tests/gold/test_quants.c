/* GGUF's block formats, compared with the `gguf` package. */
#include "support.h"

#include "base/number.h"
#include "gguf/writer.h"

static void blocks_unpack_to_the_reference_values(void **state)
{
    static const struct {
        uint32_t number;
        const char *name;
        bool bits; /* no addition, so bits must be equal */
    } kinds[] = {{2, "Q4_0", true},   {3, "Q4_1", false},   {6, "Q5_0", true},
                 {7, "Q5_1", false},  {8, "Q8_0", true},    {10, "Q2_K", false},
                 {11, "Q3_K", true},  {12, "Q4_K", false},  {13, "Q5_K", false},
                 {14, "Q6_K", true},  {20, "IQ4_NL", true}, {23, "IQ4_XS", true},
                 {34, "TQ1_0", true}, {35, "TQ2_0", true},  {39, "MXFP4", true}};
    wagle_ctx *ctx = new_context();
    wg_tensors gold;
    static float out[8192], want[8192];
    char name[64];

    (void)state;
    assert_ok(ctx, wg_tensors_open(ctx, WG_GOLD "/quants/quants.safetensors", &gold));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        snprintf(name, sizeof name, "%s.blocks", kinds[i].name);
        const wg_tensor *blocks = gold_tensor(&gold, name);
        snprintf(name, sizeof name, "%s.values", kinds[i].name);
        const wg_tensor *values = gold_tensor(&gold, name);
        const wg_gguf_tensor t = {
            .type = kinds[i].number, .count = values->count, .data = blocks->data};

        assert_true(values->count <= 8192);
        memcpy(want, values->data, values->bytes); /* the source may be unaligned */
        assert_string_equal(wg_ggml_name(kinds[i].number), kinds[i].name);
        wg_gguf_dequantise(&t, 0, values->count, out);
        for (int64_t j = 0; j < values->count; j++)
            if (kinds[i].bits
                    ? memcmp(&out[j], &want[j], sizeof *out) != 0
                    : fabs((double)out[j] - (double)want[j]) > 1e-6 * fabs((double)want[j]) + 1e-9)
                fail_msg("%s %d: %.9g, gold %.9g", kinds[i].name, (int)j, (double)out[j],
                         (double)want[j]);
    }
    wg_tensors_close(&gold);
    wagle_ctx_free(ctx);
}

static void rows_become_the_bytes_of_llama_cpp(void **state)
{
    static const wg_gguf_type types[] = {WG_GGML_Q4_0, WG_GGML_Q5_0, WG_GGML_Q5_1, WG_GGML_Q8_0,
                                         WG_GGML_Q4_K, WG_GGML_Q5_K, WG_GGML_Q6_K};
    wagle_ctx *ctx = new_context();
    wg_tensors gold;
    static float x[8192];
    static unsigned char bytes[sizeof x];
    char name[64];

    (void)state;
    assert_ok(ctx, wg_tensors_open(ctx, WG_GOLD "/quants/quantised.safetensors", &gold));
    const wg_tensor *values = gold_tensor(&gold, "values");
    const int64_t rows = values->shape.dim[0], width = values->shape.dim[1];
    assert_true(values->count <= 8192);
    memcpy(x, values->data, values->bytes);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        snprintf(name, sizeof name, "%s.bytes", wg_ggml_name(types[i]));
        const wg_tensor *want = gold_tensor(&gold, name);
        const size_t size = wg_ggml_bytes(types[i], width);
        assert_int_equal(want->bytes, size * (size_t)rows);
        for (int64_t r = 0; r < rows; r++) {
            wg_ggml_quantise(types[i], x + r * width, width, bytes);
            if (memcmp(bytes, (const char *)want->data + (size_t)r * size, size) != 0)
                fail_msg("%s: row %d has other bytes", wg_ggml_name(types[i]), (int)r);
        }
    }
    wg_tensors_close(&gold);
    wagle_ctx_free(ctx);
}

/* error: of the largest magnitude of a row; float16 scales add a little. */
static void quantised_values_are_within_the_error_of_their_format(void **state)
{
    static const struct {
        wg_gguf_type type;
        double error;
    } formats[] = {{WG_GGML_Q4_0, 1.0 / 8},   {WG_GGML_Q5_0, 1.0 / 16}, {WG_GGML_Q5_1, 1.0 / 30},
                   {WG_GGML_Q8_0, 1.0 / 254}, {WG_GGML_Q4_K, 1.0 / 8},  {WG_GGML_Q5_K, 1.0 / 16},
                   {WG_GGML_Q6_K, 1.0 / 26}};
    float x[256], back[256];
    unsigned char bytes[512];

    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        for (int row = 0; row < 64; row++) {
            float most = 0;
            for (int j = 0; j < 256; j++) {
                x[j] = (float)wg_random_normal(5, (uint64_t)row, (uint64_t)j);
                most = fabsf(x[j]) > most ? fabsf(x[j]) : most;
            }
            wg_ggml_quantise(formats[i].type, x, 256, bytes);
            wg_gguf_dequantise(
                &(wg_gguf_tensor){.type = formats[i].type, .data = bytes, .count = 256}, 0, 256,
                back);
            for (int j = 0; j < 256; j++)
                if (fabs((double)x[j] - (double)back[j]) > (formats[i].error + 1e-3) * (double)most)
                    fail_msg("%s: %g became %g", wg_ggml_name(formats[i].type), (double)x[j],
                             (double)back[j]);
        }
}

static void what_float16_scales_cannot_hold_is_found(void **state)
{
    static const wg_gguf_type types[] = {WG_GGML_Q4_0, WG_GGML_Q5_0, WG_GGML_Q5_1, WG_GGML_Q8_0,
                                         WG_GGML_Q4_K, WG_GGML_Q5_K, WG_GGML_Q6_K};
    float x[256] = {1, 2, 3};

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        static const float bad[] = {NAN, INFINITY, -INFINITY, 1e30f};
        assert_null(wg_ggml_beyond(types[i], x, 256));
        for (int j = 0; j < 4; j++) {
            x[200] = bad[j];
            assert_ptr_equal(wg_ggml_beyond(types[i], x, 256), &x[200]);
        }
        x[200] = 4;
    }
    x[7] = INFINITY;
    assert_null(wg_ggml_beyond(WG_GGML_F16, x, 256)); /* float16 has infinity */
    assert_null(wg_ggml_beyond(WG_GGML_F32, x, 256));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_unpack_to_the_reference_values),
        cmocka_unit_test(rows_become_the_bytes_of_llama_cpp),
        cmocka_unit_test(quantised_values_are_within_the_error_of_their_format),
        cmocka_unit_test(what_float16_scales_cannot_hold_is_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
