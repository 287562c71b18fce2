/* support.h - shared helpers of the tests: a context per test, gold sequences, comparisons. */
#ifndef WG_TESTS_SUPPORT_H
#define WG_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/file.h"
#include "data/dataset.h"
#include "io/safetensors.h"
#include "model/model.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WG_MOST_SEQUENCES 32

/* Opens a back end as the tests want it: in memory that only operations can touch, or NULL: as a
 * context does. */
static inline wg_ops_opener *usual_opener(void)
{
#ifdef WG_HAS_GUARDED
    if (getenv("WG_TEST_GUARDED") != NULL)
        return wg_guarded_open;
#endif
    return NULL;
}

/* How contexts open back ends from now on; a test that changes it puts it back. */
static inline wg_ops_opener **test_opener(void)
{
    static wg_ops_opener *opener;
    return &opener;
}

static inline wagle_ctx *new_context(void)
{
    wagle_ctx *ctx = NULL;
    assert_int_equal(wagle_ctx_new(&ctx), WAGLE_OK);
    wg_ops_use(*test_opener() != NULL ? *test_opener() : usual_opener());
    if (getenv("WG_TEST_CARD") != NULL) { /* the same tests on a card, or a pretended one */
        ctx->device = 1;
        ctx->precision = WAGLE_PRECISION_F32;
    }
#ifndef WG_REAL_DOUBLE /* and on lesser units of the processor, as the command */
    assert_int_equal(wagle_set_cpu_units(ctx, getenv("WAGLE_CPU")), WAGLE_OK);
#endif
    return ctx;
}

#define assert_ok(ctx, call)                                                                       \
    do {                                                                                           \
        const wagle_status status_ = (call);                                                       \
        if (status_ != WAGLE_OK)                                                                   \
            print_error("%s: %s\n", #call, wagle_message(ctx));                                    \
        assert_int_equal(status_, WAGLE_OK);                                                       \
    } while (0)

/* Asserts that the call fails so, and that the message has the words. */
#define assert_refused(ctx, call, status, words)                                                   \
    do {                                                                                           \
        const wagle_status status_ = (call);                                                       \
        if (status_ != (status) || strstr(wagle_message(ctx), words) == NULL)                      \
            fail_msg("%s: %d, '%s'", #call, (int)status_, wagle_message(ctx));                     \
    } while (0)

/* Asserts that both files have the same bytes. */
static inline void assert_same_file(const char *what, const char *a, const char *b)
{
    wagle_ctx *ctx = new_context();
    wg_map x, y;

    assert_ok(ctx, wg_map_open(ctx, a, &x));
    assert_ok(ctx, wg_map_open(ctx, b, &y));
    if (x.bytes != y.bytes || memcmp(x.data, y.data, x.bytes) != 0)
        fail_msg("%s: %s and %s differ", what, a, b);
    wg_map_close(&x);
    wg_map_close(&y);
    wagle_ctx_free(ctx);
}

/* n rows of up to 9 token ids, all below 320, that `first` chooses. */
static inline void write_token_rows(wagle_ctx *ctx, const char *path, int n, int first)
{
    wg_text t = {0};

    for (int k = 0; k < n; k++) {
        assert_ok(ctx, wg_text_printf(ctx, &t, "{\"input_ids\":[%d", first + k));
        for (int i = 1; i < 6 + k % 4; i++)
            assert_ok(ctx, wg_text_printf(ctx, &t, ",%d", (first + 7 * i * (k + 1)) % 320));
        assert_ok(ctx, wg_text_addz(ctx, &t, "]}\n"));
    }
    assert_ok(ctx, wg_write_file(ctx, path, t.text, (size_t)t.bytes, true));
    wg_text_free(&t);
}

/* A gold model that a card does not run: mixtures of experts are refused there. The folder of
 * tools/portable, where WG_GOLD is not a whole path, is without these and another one. */
static inline bool card_lacks(const char *folder)
{
    const char *name = wg_path_name(folder);
    char path[512];

    snprintf(path, sizeof path, WG_GOLD "/models/%s", name);
    if (WG_GOLD[0] != '/' && !wg_exists(path))
        return true;
    return getenv("WG_TEST_CARD") != NULL &&
           (strcmp(name, "mixtral") == 0 || strstr(name, "moe") != NULL ||
            strncmp(name, "llama4", 6) == 0);
}

/* The name in the gold files: transformers 5 uses another name for GPT-NeoX's embed_out. */
static inline const char *gold_name(const char *stored)
{
    return strcmp(stored, "embed_out.weight") == 0 ? "lm_head.weight" : stored;
}

static inline const char *stored_name(const wg_model *m, const char *gold)
{
    return wg_tensors_find(&m->files, gold) == NULL ? "embed_out.weight" : gold;
}

static inline const wg_tensor *gold_tensor(const wg_tensors *file, const char *name)
{
    const wg_tensor *t = wg_tensors_find(file, name);
    if (t == NULL)
        fail_msg("no tensor %s in the gold file", name);
    return t;
}

/* Reads sequences PREFIXinput_ids.K and PREFIXlabels.K of a gold file, borrowed from its map. */
static inline int64_t gold_sequences(const wg_tensors *file, const char *prefix,
                                     wg_example out[WG_MOST_SEQUENCES])
{
    char name[128];
    int64_t n = 0;

    for (; n < WG_MOST_SEQUENCES; n++) {
        const wg_tensor *ids, *labels;
        snprintf(name, sizeof name, "%sinput_ids.%d", prefix, (int)n);
        ids = wg_tensors_find(file, name);
        snprintf(name, sizeof name, "%slabels.%d", prefix, (int)n);
        labels = wg_tensors_find(file, name);
        if (ids == NULL || labels == NULL)
            break;
        out[n] = (wg_example){.ids = (int32_t *)(uintptr_t)ids->data,
                              .labels = (int32_t *)(uintptr_t)labels->data,
                              .n = ids->count};
        for (int64_t i = 1; i < ids->count; i++)
            out[n].n_labels += out[n].labels[i] != WG_NO_LABEL;
    }
    assert_true(n > 0);
    return n;
}

static inline json_t *gold_json(const char *path)
{
    json_error_t error;
    json_t *json = json_load_file(path, 0, &error);
    if (json == NULL)
        fail_msg("%s: %s", path, error.text);
    return json;
}

static inline double json_at(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);
    if (!json_is_number(value))
        fail_msg("no number %s", key);
    return json_number_value(value);
}

/* The largest |a - b| over n elements. */
static inline double worst(const float *a, const float *b, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

static inline double largest(const float *a, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)a[i]));
    return most;
}

#endif
