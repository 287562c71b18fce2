/* Protected training, compared with gold. For every family: the inputs of each matrix, their side,
 * and that outputs on protected tokens do not change. */
#include "direct_factor.h"

#include "engine/per_sample_moments.h"
#include "io/mask.h"
#include "ops/cpu/cpu.h"
#include "protect/factors.h"

#define ROWS(name) WG_SCRATCH "/protect-" name

/* --- the gold's runs, through the public API -------------------------------------------------- */

static void write_ids(FILE *file, const char *key, const wg_tensor *t)
{
    const int32_t *id = t->data;

    fprintf(file, "\"%s\":[", key);
    for (int64_t i = 0; i < t->count; i++)
        fprintf(file, "%s%d", i > 0 ? "," : "", id[i]);
    fputc(']', file);
}

static void write_rows(const wg_tensors *data, const char *set, const char *path)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    for (int k = 0;; k++) {
        char name[64];
        const wg_tensor *ids, *labels;
        snprintf(name, sizeof name, "%s.input_ids.%d", set, k);
        ids = wg_tensors_find(data, name);
        snprintf(name, sizeof name, "%s.labels.%d", set, k);
        labels = wg_tensors_find(data, name);
        if (ids == NULL || labels == NULL)
            break;
        fputc('{', file);
        write_ids(file, "input_ids", ids);
        fputc(',', file);
        write_ids(file, "labels", labels);
        fputs("}\n", file);
    }
    fclose(file);
}

static void compare_weights(const char *run, const wg_mask *mask, const wg_tensors *gold,
                            const wg_tensors *before, const wg_tensors *after)
{
    for (int64_t i = 0; i < gold->n; i++) {
        const wg_tensor *want = &gold->tensor[i];
        const float *now = gold_tensor(after, want->name)->data, *right = want->data;
        const float *was = gold_tensor(before, want->name)->data;
        const wg_mask_tensor *m = wg_mask_find(mask, want->name);
        if (worst(now, right, want->count) > 2e-5)
            fail_msg("%s: %s differs by %g", run, want->name, worst(now, right, want->count));
        for (int64_t j = 0; j < want->count; j++)
            if (m == NULL || !wg_mask_has(m, j))
                assert_memory_equal(&now[j], &was[j], sizeof *now);
    }
}

static void check_gold(const char *model, const char *run)
{
    wagle_ctx *ctx = new_context();
    char folder[256], path[512], mask_path[512];
    wg_tensors data, gold, before, after;
    wg_mask mask;
    wagle_train_options o;

    snprintf(folder, sizeof folder, WG_GOLD "/protect/%s", model);
    snprintf(path, sizeof path, "%s/data.safetensors", folder);
    assert_ok(ctx, wg_tensors_open(ctx, path, &data));
    write_rows(&data, "forget", ROWS("forget.jsonl"));
    write_rows(&data, "retain", ROWS("retain.jsonl"));
    write_rows(&data, "protect", ROWS("protect.jsonl"));
    snprintf(path, sizeof path, "%s/protect.json", folder);
    json_t *facts = gold_json(path);
    assert_int_equal(json_dump_file(json_object_get(facts, "order"), ROWS("pairs.json"), 0), 0);
    json_decref(facts);

    wagle_unlearn_defaults(&o);
    snprintf(path, sizeof path, WG_GOLD "/models/%s", model);
    snprintf(mask_path, sizeof mask_path, "%s/mask_%s.safetensors", folder, strchr(run, '-') + 1);
    o.model = path;
    o.out = ROWS("out");
    o.force = true;
    o.forget.path = ROWS("forget.jsonl");
    o.retain.path = ROWS("retain.jsonl");
    o.protect.path = ROWS("protect.jsonl");
    o.protect_rank = 0;
    o.pairs = ROWS("pairs.json");
    o.mask = mask_path;
    o.lr = 1e-3;
    o.weight_decay = 0.1;
    o.warmup = 0;
    o.schedule = WAGLE_SCHEDULE_CONSTANT;
    o.optimizer = strncmp(run, "sgd", 3) == 0 ? "sgd" : "adamw";
    assert_ok(ctx, wagle_unlearn(ctx, &o, NULL));
    assert_ok(ctx, wg_tensors_open(ctx, path, &before));
    assert_ok(ctx, wg_tensors_open(ctx, ROWS("out"), &after));
    assert_ok(ctx, wg_mask_read(ctx, mask_path, &mask));
    snprintf(path, sizeof path, "%s/final_%s.safetensors", folder, run);
    assert_ok(ctx, wg_tensors_open(ctx, path, &gold));
    compare_weights(run, &mask, &gold, &before, &after);
    wg_mask_free(&mask);
    wg_tensors_close(&data);
    wg_tensors_close(&gold);
    wg_tensors_close(&before);
    wg_tensors_close(&after);
    wagle_ctx_free(ctx);
}

static void protected_training_is_as_the_gold(void **state)
{
    static const char *const models[] = {"llama-gqa-tied", "gpt2"};
    static const char *const runs[] = {"adamw-all", "adamw-rows", "adamw-elements", "sgd-all"};

    (void)state;
    for (int m = 0; m < 2; m++)
        for (int r = 0; r < 4; r++)
            check_gold(models[m], runs[r]);
}

/* --- factors ---------------------------------------------------------------------------------- */

static double noise(uint64_t i)
{
    i = (i + 1) * 0x9E3779B97F4A7C15u;
    i = (i ^ (i >> 29)) * 0xBF58476D1CE4E5B9u;
    return (double)(i >> 11) / (double)(1ull << 53) - 0.5;
}

/* Inputs whose directions have very different variances, as in real layers. */
static double *some_inputs(int64_t I, int64_t T)
{
    double *x = malloc((size_t)(T * I) * sizeof *x);

    for (int64_t t = 0; t < T; t++)
        for (int64_t i = 0; i < I; i++)
            x[t * I + i] = (double)(float)(noise((uint64_t)(t * I + i)) * 3 / (1 + (double)i) +
                                           0.3 * noise((uint64_t)t + 77777));
    return x;
}

/* The library's factor as a matrix p [I,I], of `repeat` copies of the inputs x. */
static void library_factor(wagle_ctx *ctx, int64_t I, int64_t T, const double *x, int64_t repeat,
                           int64_t rank, double *p)
{
    const wg_factor_way way = {.damping = 0.1, .rank = rank};
    float *data = calloc((size_t)(I * I), sizeof *data), *one = calloc((size_t)I, sizeof *one),
          *spare = calloc((size_t)I, sizeof *spare);
    wg_factor f = {0};
    const wg_factor_job job = {.I = I, .T = T * repeat, .data = data, .out = &f, .name = "x"};

    for (int64_t t = 0; t < T; t++)
        for (int64_t i = 0; i < I; i++)
            for (int64_t j = 0; j < I; j++)
                if (T * repeat >= I)
                    data[i * I + j] += (float)((double)repeat * x[t * I + i] * x[t * I + j]);
                else if (j == 0)
                    data[t * I + i] = (float)x[t * I + i];
    assert_ok(ctx, wg_factors_make(ctx, NULL, &way, NULL, &job, 1));
    for (int64_t i = 0; i < I; i++) {
        memset(one, 0, (size_t)I * sizeof *one);
        one[i] = 1;
        wg_factor_apply(&wg_ops_cpu, &f, 1, one, spare);
        for (int64_t j = 0; j < I; j++)
            p[i * I + j] = (double)one[j];
    }
    wg_factor_free(&f);
    free(data);
    free(one);
    free(spare);
}

static double difference(int64_t n, const double *a, const double *b)
{
    double most = 0;

    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs(a[i] - b[i]));
    return most;
}

static void factors_are_the_inverse(void **state)
{
    enum { I = 40 };
    static const int64_t tokens[] = {7, 15, 39, 40, 200};
    wagle_ctx *ctx = new_context();
    double mine[I * I], again[I * I];

    (void)state;
    for (int k = 0; k < 5; k++) {
        const int64_t T = tokens[k];
        double *x = some_inputs(I, T), *right = direct_factor(I, T, x, 0.1);
        library_factor(ctx, I, T, x, 1, 0, mine);
        assert_true(difference(I * I, mine, right) < 1e-5);
        library_factor(ctx, I, T, x, 100, 0, again); /* the same covariance, but not by Woodbury */
        assert_true(difference(I * I, again, right) < 1e-5);
        library_factor(ctx, I, T, x, 1, -1, mine); /* a quarter of 40 */
        library_factor(ctx, I, T, x, 100, 10, again);
        assert_true(difference(I * I, mine, again) < 1e-5);
        library_factor(ctx, I, T, x, 1, I, mine);
        library_factor(ctx, I, T, x, 100, I, again);
        assert_true(difference(I * I, mine, again) < 1e-5);
        /* the directions that are left out would shrink by less than a fifth */
        assert_true(difference(I * I, mine, right) < 0.2);
        assert_true(T < 200 || difference(I * I, mine, right) > 1e-4);
        library_factor(ctx, I, T, x, 1, 3, mine);
        library_factor(ctx, I, T, x, 100, 3, again);
        assert_true(difference(I * I, mine, again) < 1e-5);
        free(x);
        free(right);
    }
    wagle_ctx_free(ctx);
}

/* --- every family ----------------------------------------------------------------------------- */

enum { SEQUENCES = 3, LONGEST = 24 };

typedef struct rows {
    int32_t ids[SEQUENCES][LONGEST];
    wg_example example[SEQUENCES];
    wg_dataset set;
} rows;

static void make_rows(int64_t V, int64_t length, int64_t n, rows *out)
{
    for (int64_t s = 0; s < n; s++) {
        for (int64_t i = 0; i < length + s; i++)
            out->ids[s][i] = (int32_t)((37 * s + 11 * i + i * i) % V);
        out->example[s] = (wg_example){
            .ids = out->ids[s], .labels = out->ids[s], .n = length + s, .n_labels = length + s - 1};
    }
    out->set = (wg_dataset){.example = out->example, .n = n, .longest = length + n - 1};
}

static float *some_update(const wg_tensor *t)
{
    float *u = calloc((size_t)t->count, sizeof *u);

    for (int64_t i = 0; i < t->count; i++)
        u[i] = (float)noise((uint64_t)(i + t->count));
    return u;
}

/* Compares the library's update of a tensor with U P (or P U if it is stored [I,O]) in double. */
static void check_update(const wg_model *m, const wg_protect *p, const seen *k, int t, float *room)
{
    const wg_tensor *w = &m->files.tensor[t];
    const int64_t I = k->I[t], O = w->count / I;
    const bool turned = m->config.family->transposed && t != wg_model_tensor(m, WG_HEAD, 0);
    double *right = direct_factor(I, k->T[t], k->x[t], 0.1);
    float *u = some_update(w), *mine = some_update(w);

    wg_protect_update(wg_ops_host(), m, p, t, NULL, NULL, true, w->count, mine, room);
    for (int64_t o = 0; o < O; o++)
        for (int64_t i = 0; i < I; i++) {
            double want = 0;
            for (int64_t j = 0; j < I; j++)
                want += (double)u[turned ? j * O + o : o * I + j] * right[j * I + i];
            const double got = (double)mine[turned ? i * O + o : o * I + i];
            if (fabs(got - want) > 2e-5)
                fail_msg("%s [%d,%d]: %g, %g expected", w->name, (int)o, (int)i, got, want);
        }
    free(right);
    free(u);
    free(mine);
}

static wagle_train_options options(double damping)
{
    wagle_train_options o;

    wagle_unlearn_defaults(&o);
    o.protect_damping = damping;
    o.protect_rank = 0;
    return o;
}

static void check_inputs(const char *folder)
{
    wagle_ctx *ctx = new_context();
    const wagle_train_options o = options(0.1);
    const wg_example *list[SEQUENCES];
    wg_session s;
    wg_protect p = {0};
    static rows r;
    seen k = {0};
    int64_t matrices = 0;

    assert_ok(ctx, wg_session_open(ctx, folder, &s));
    assert_true(s.model->files.n <= TENSORS);
    make_rows(s.model->config.V, 20, SEQUENCES, &r);
    assert_ok(ctx, wg_protect_make(ctx, &s, &r.set, &o, NULL, &p));
    k.model = s.model;
    for (int64_t i = 0; i < SEQUENCES; i++)
        list[i] = &r.example[i];
    const wg_ops *own = s.model->ops;
    s.model->ops = own->host ? &wg_ops_ref : own;
    assert_ok(ctx, wg_batch_fill(ctx, &s.batch, list, SEQUENCES, SEQUENCES));
    assert_ok(ctx, wg_engine_inputs(ctx, s.engine, &s.batch, NULL, note, &k));
    s.model->ops = own;
    float *room = malloc((size_t)wg_protect_room(s.model, &p) * sizeof *room);
    for (int t = 0; t < s.model->files.n; t++) {
        const bool table = t == wg_model_tensor(s.model, WG_EMBED, 0) ||
                           t == wg_model_tensor(s.model, WG_POSITION, 0);
        const bool matrix =
            wg_model_is_weight(s.model, t) && s.model->files.tensor[t].shape.rank == 2 && !table;
        if ((p.of[t] >= 0) != matrix || (matrix && k.x[t] == NULL))
            fail_msg("%s: %s is %sprotected", folder, s.model->files.tensor[t].name,
                     matrix ? "not " : "");
        if (matrix)
            check_update(s.model, &p, &k, t, room);
        matrices += matrix;
        free(k.x[t]);
    }
    assert_true(matrices >= s.model->config.L * 3);
    assert_int_equal(p.table, s.model->config.tied ? wg_model_tensor(s.model, WG_EMBED, 0) : -1);
    free(room);
    wg_protect_free(&p);
    wg_session_close(&s);
    wagle_ctx_free(ctx);
}

/* Largest change of the logits of all tokens but the last. */
static double moved(wagle_ctx *ctx, wg_session *s, int64_t N, const float *before)
{
    const int64_t V = s->model->config.V;
    float *now = malloc((size_t)(N * V) * sizeof *now);
    float *nll = malloc((size_t)(N + 1) * sizeof *nll);
    double most;

    assert_ok(ctx, wg_engine_forward(ctx, s->engine, &s->batch, false, NULL, nll));
    assert_ok(ctx, wg_engine_logits(ctx, s->engine, 0, N, now));
    most = worst(now, before, N * V);
    free(now);
    free(nll);
    return most;
}

/* A protected update of one tensor leaves the model's outputs on the protected tokens unchanged.
 * This holds for every role; the test does not depend on roles. */
static void check_kept(const char *folder)
{
    wagle_ctx *ctx = new_context();
    const wagle_train_options o = options(1e-6);
    wg_session s;
    wg_protect p = {0};
    static rows r;

    assert_ok(ctx, wg_session_open(ctx, folder, &s));
    make_rows(s.model->config.V, 9, 1, &r);
    assert_ok(ctx, wg_protect_make(ctx, &s, &r.set, &o, NULL, &p));
    const wg_example *list[] = {&r.example[0]};
    const int64_t N = r.example[0].n - 1, V = s.model->config.V;
    float *before = malloc((size_t)(N * V) * sizeof *before), nll[LONGEST];
    float *room = malloc((size_t)wg_protect_room(s.model, &p) * sizeof *room);
    assert_ok(ctx, wg_batch_fill(ctx, &s.batch, list, 1, 1));
    assert_ok(ctx, wg_engine_forward(ctx, s.engine, &s.batch, false, NULL, nll));
    assert_ok(ctx, wg_engine_logits(ctx, s.engine, 0, N, before));
    for (int t = 0; t < s.model->files.n; t++) {
        const wg_tensor *w = &s.model->files.tensor[t];
        if (p.of[t] < 0)
            continue;
        const wg_ops *ops = s.model->ops;
        float *value = malloc((size_t)w->count * sizeof *value), *u = some_update(w);
        double change[2];
        for (int kept = 0; kept < 2; kept++) {
            if (kept)
                wg_protect_update(wg_ops_host(), s.model, &p, t, NULL, NULL, true, w->count, u,
                                  room);
            wg_to_float(w->dtype, w->data, w->count, value);
            for (int64_t i = 0; i < w->count; i++)
                value[i] += 0.05f * u[i];
            wg_scratch memory;
            assert_ok(ctx, ops->alloc(ops, ctx, w->count, sizeof *value, NULL, &memory));
            ops->upload(ops, memory.data, value, (size_t)w->count * sizeof *value);
            s.model->overlay[t] = (wg_overlay){.value = memory.data};
            change[kept] = moved(ctx, &s, N, before);
            s.model->overlay[t] = (wg_overlay){0};
            ops->free(ops, &memory);
        }
        if (!(change[1] < 0.01 * change[0]))
            fail_msg("%s: %s: logits move by %g with protection, by %g without", folder, w->name,
                     change[1], change[0]);
        free(value);
        free(u);
    }
    free(before);
    free(room);
    wg_protect_free(&p);
    wg_session_close(&s);
    wagle_ctx_free(ctx);
}

static void every_family_is_protected(void **state)
{
    static const char *const folders[] = {
#define GOLD_MIXTURE(id, folder) /* refused */
#define GOLD_MODEL(id, folder) WG_GOLD "/models/" folder,
#include "models.def"
#undef GOLD_MODEL
    };

    (void)state;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        check_inputs(folders[i]);
        check_kept(folders[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(factors_are_the_inverse),
        cmocka_unit_test(every_family_is_protected),
        cmocka_unit_test(protected_training_is_as_the_gold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
