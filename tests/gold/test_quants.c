/* GGUF's block formats, compared with the `gguf` package. */
#include "support.h"

#include "gguf/reader.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(blocks_unpack_to_the_reference_values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
