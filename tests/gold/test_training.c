/* Values and gradients of objectives, and ten steps of masked training, compared with gold. */
#include "support.h"

#include "modeldir/folder.h"
#include "train/train.h"

#define MODEL WG_GOLD "/models/llama-gqa-tied"

typedef struct rows {
    wg_example example[WG_MOST_SEQUENCES];
    wg_dataset set;
} rows;

static void read_rows(const wg_tensors *data, const char *prefix, rows *out)
{
    out->set = (wg_dataset){.example = out->example};
    out->set.n = gold_sequences(data, prefix, out->example);
}

static wagle_train_options options(void)
{
    wagle_train_options o;

    wagle_unlearn_defaults(&o);
    o.weight_decay = 0.1;
    o.lr = 1e-3;
    return o;
}

/* --- objectives ------------------------------------------------------------------------------- */

typedef struct comparison {
    const wg_tensors *model, *gold;
    double largest;
} comparison;

static wagle_status compare(void *user, wagle_ctx *ctx, int tensor, int64_t n,
                            const wg_real *const grad[WG_STREAMS])
{
    const comparison *c = user;
    const wg_tensor *want = gold_tensor(c->gold, c->model->tensor[tensor].name);
    const double error =
        worst(grad[0], want->data, n) / fmax(largest(want->data, n), 1e-3 * c->largest);

    (void)ctx;
    if (error > 1e-4)
        fail_msg("%s: relative error %g", want->name, error);
    return WAGLE_OK;
}

/* Makes a folder with the gold's reference model, whose weights are in reference.safetensors. */
static const char *reference_folder(wagle_ctx *ctx)
{
    static char folder[512];
    wg_session s;
    wg_tensors weights;

    snprintf(folder, sizeof folder, WG_SCRATCH "/reference");
    wg_remove_tree(folder);
    assert_ok(ctx, wg_make_folder(ctx, folder));
    assert_ok(ctx, wg_session_open(ctx, MODEL, &s));
    assert_ok(ctx, wg_tensors_open(ctx, WG_GOLD "/objectives/reference.safetensors", &weights));
    for (int i = 0; i < s.model->files.n; i++) {
        const wg_tensor *t = gold_tensor(&weights, s.model->files.tensor[i].name);
        s.model->overlay[i].value = s.model->ops->stored(s.model->ops, t->data, t->bytes);
    }
    assert_ok(ctx, wg_write_model(ctx, s.model, folder));
    wg_tensors_close(&weights);
    wg_session_close(&s);
    return folder;
}

static void check_objective(const char *name)
{
    wagle_ctx *ctx = new_context();
    wagle_train_options o = options();
    json_t *facts = gold_json(WG_GOLD "/objectives/objectives.json");
    const json_t *want = json_object_get(json_object_get(facts, "objectives"), name);
    const int64_t order[] = {0, 1, 2};
    const wg_batch_indices pick = {order, order, 3, 3, 0, 0};
    const wagle_param margin = {"simnpo.delta",
                                json_at(json_object_get(facts, "hyper"), "delta_simnpo")};
    wg_train_data material = {.options = &o};
    wg_tensors data, gold;
    wg_session s;
    wg_trainer t;
    rows forget, retain, refusal;
    wg_loss loss;
    double term[3];
    char path[512];

    o.model = MODEL;
    o.reference = reference_folder(ctx);
    o.params = &margin;
    o.n_params = strcmp(name, "simnpo") == 0;
    assert_ok(ctx, wg_objective_find(ctx, name, &material.objective));
    assert_ok(ctx, wg_tensors_open(ctx, WG_GOLD "/objectives/data.safetensors", &data));
    snprintf(path, sizeof path, WG_GOLD "/objectives/grad_%s.safetensors", name);
    assert_ok(ctx, wg_tensors_open(ctx, path, &gold));
    read_rows(&data, "forget.", &forget);
    read_rows(&data, "retain.", &retain);
    read_rows(&data, "refusal.", &refusal);
    material.forget = forget.set;
    material.retain = retain.set;
    material.refusals = refusal.set;
    assert_ok(ctx, wg_session_open(ctx, MODEL, &s));
    assert_ok(ctx, wg_trainer_new(ctx, &s, &material, &o, NULL, &t));
    if (t.control != NULL) {
        const wg_tensor *control = gold_tensor(&data, "rmu.control");
        memcpy(t.control, control->data, control->bytes);
    }
    assert_ok(ctx, wg_train_loss(ctx, &t, &pick, &loss, term));
    if (fabs(loss.loss - json_at(want, "loss")) > 1e-4 * fabs(json_at(want, "loss")) ||
        fabs(loss.retain - json_at(want, "retain")) > 1e-4 * fabs(json_at(want, "retain")))
        fail_msg("%s: loss %g retain %g, %g %g expected", name, loss.loss, loss.retain,
                 json_at(want, "loss"), json_at(want, "retain"));
    for (size_t i = 0; i < 3; i++) {
        const double value =
            json_number_value(json_array_get(json_object_get(want, "per_sequence"), i));
        if (fabs(term[i] - value) > 1e-4 * fabs(value))
            fail_msg("%s: term %g, %g expected", name, term[i], value);
    }
    comparison c = {&s.model->files, &gold, 0};
    for (int64_t i = 0; i < gold.n; i++)
        c.largest = fmax(c.largest, largest(gold.tensor[i].data, gold.tensor[i].count));
    const wg_sink sink = {.user = &c, .host = true, .accept = compare};
    assert_ok(ctx, wg_train_backward(ctx, &t, &sink));
    wg_trainer_free(&t);
    wg_session_close(&s);
    wg_tensors_close(&data);
    wg_tensors_close(&gold);
    json_decref(facts);
    wagle_ctx_free(ctx);
}

static void objectives_have_the_gold_values_and_gradients(void **state)
{
    (void)state;
    static const char *const names[] = {"undial", "kl",       "rmu", "dpo",
                                        "ceu",    "ga",       "npo", "po",
                                        "simnpo", "graddiff", "wga", "npo-token-mean",
                                        "satimp"};
    const size_t n = getenv("WG_FEW") != NULL ? 5 : sizeof names / sizeof *names;

    for (size_t i = 0; i < n; i++)
        check_objective(names[i]);
}

/* --- training --------------------------------------------------------------------------------- */

/* How far one tensor's weights are from the gold. */
typedef struct distance {
    int64_t equal, all;
    double most, most_ulps; /* of bf16 */
} distance;

static void compare_weights(const float *got, const wg_tensor *want, distance *d)
{
    float *gold = malloc((size_t)want->count * sizeof *gold);

    assert_non_null(gold);
    wg_to_float(want->dtype, want->data, want->count, gold);
    for (int64_t j = 0; j < want->count; j++, d->all++) {
        const double far = fabs((double)got[j] - (double)gold[j]);
        d->equal += far == 0;
        d->most = fmax(d->most, far);
        d->most_ulps = fmax(d->most_ulps, far / fmax(fabs((double)gold[j]), 1e-3) * 128);
    }
    free(gold);
}

/* Weights that the mask leaves out keep their bits. */
static void check_rest(const float *got, const wg_tensor *stored, const wg_mask *mask)
{
    const wg_mask_tensor *bits = mask != NULL ? wg_mask_find(mask, stored->name) : NULL;
    float before;

    for (int64_t j = 0; bits != NULL && j < stored->count; j++) {
        if (wg_mask_has(bits, j))
            continue;
        wg_to_float(stored->dtype,
                    (const char *)stored->data + (size_t)j * wg_dtype_size(stored->dtype), 1,
                    &before);
        assert_memory_equal(&got[j], &before, 4);
    }
}

static distance check_final(const wg_trainer *t, const wg_tensors *gold, const wg_mask *mask)
{
    const wg_model *m = t->session->model;
    distance d = {0};

    for (int i = 0; i < m->files.n; i++) {
        const wg_tensor *stored = &m->files.tensor[i];
        wg_buffer panel = {0};
        wg_host_room room = {0};
        const void *view;
        assert_ok(NULL, wg_buffer_reserve(NULL, m->ops, &panel, stored->count));
        assert_ok(NULL,
                  wg_host_view(NULL, m->ops, wg_model_view(m, i, 0, stored->count, panel.data),
                               (size_t)stored->count * sizeof(float), &room, &view));
        compare_weights(view, gold_tensor(gold, stored->name), &d);
        check_rest(view, stored, mask);
        wg_buffer_free(m->ops, &panel);
        wg_free(room.data);
    }
    return d;
}

static distance train(const char *name, const char *objective_name, bool masked,
                      wagle_master master, const char *scratch)
{
    wagle_ctx *ctx = new_context();
    wagle_train_options o = options();
    json_t *facts = gold_json(WG_GOLD "/training/training.json");
    const json_t *log = json_object_get(json_object_get(facts, "runs"), name);
    wg_train_data material = {.options = &o};
    wg_tensors data, gold;
    wg_mask mask;
    wg_session s;
    wg_trainer t;
    rows forget, retain;
    distance d;
    char path[512];

    o.model = master == WAGLE_MASTER_F32 ? MODEL : MODEL "-bf16";
    o.master = master;
    assert_ok(ctx, wg_objective_find(ctx, objective_name, &material.objective));
    assert_ok(ctx, wg_tensors_open(ctx, WG_GOLD "/training/data.safetensors", &data));
    assert_ok(ctx, wg_mask_read(ctx, WG_GOLD "/training/mask.safetensors", &mask));
    snprintf(path, sizeof path, WG_GOLD "/training/final_%s.safetensors", name);
    assert_ok(ctx, wg_tensors_open(ctx, path, &gold));
    read_rows(&data, "forget.", &forget);
    read_rows(&data, "retain.", &retain);
    assert_ok(ctx, wg_session_open(ctx, o.model, &s));
    material.forget = forget.set;
    material.retain = retain.set;
    assert_ok(ctx, wg_trainer_new(ctx, &s, &material, &o, NULL, &t));
    assert_ok(ctx, wg_optimizer_new(ctx, s.model, masked ? &mask : NULL, NULL, &o, scratch,
                                    &t.optimizer));
    for (size_t step = 0; step < 10; step++) {
        const json_t *pairs = json_array_get(json_object_get(facts, "order"), step);
        const json_t *want = json_array_get(log, step); /* NULL: only the weights are compared */
        const double lr = wg_schedule(WAGLE_SCHEDULE_LINEAR, o.lr, (int64_t)step, 1, 10);
        wg_step now;
        int64_t f[2], r[2];
        const wg_batch_indices pick = {f, r, 2, 2, 0, 0};
        for (size_t i = 0; i < 2; i++) {
            f[i] = json_integer_value(json_array_get(json_array_get(pairs, i), 0));
            r[i] = json_integer_value(json_array_get(json_array_get(pairs, i), 1));
        }
        assert_ok(ctx, wg_train_step(ctx, &t, &pick, 1, (int64_t)step, lr, &now));
        if (want == NULL)
            continue;
        assert_true(fabs(lr - json_at(want, "lr")) < 1e-12);
        if (fabs(now.loss.loss - json_at(want, "loss")) > 1e-4 * fabs(json_at(want, "loss")) ||
            fabs(now.grad_norm - json_at(want, "grad_norm")) > 1e-4 * json_at(want, "grad_norm"))
            fail_msg("%s step %d: loss %g norm %g, %g %g expected", name, (int)step, now.loss.loss,
                     now.grad_norm, json_at(want, "loss"), json_at(want, "grad_norm"));
    }
    d = check_final(&t, &gold, masked ? &mask : NULL);
    wg_trainer_free(&t);
    wg_session_close(&s);
    wg_mask_free(&mask);
    wg_tensors_close(&data);
    wg_tensors_close(&gold);
    json_decref(facts);
    wagle_ctx_free(ctx);
    return d;
}

static void check_run(const char *name, const char *objective, bool masked, const char *scratch)
{
    const distance d = train(name, objective, masked, WAGLE_MASTER_F32, scratch);

    if (d.most > 2e-5)
        fail_msg("%s: a weight differs by %g", name, d.most);
}

/* Gradients differ from the gold's in the last bits of float32, so a few are rounded to the other
 * neighbour (26 weights of 68,688 when this was written). */
static void weights_in_bf16_train_as_those_of_pytorch(void **state)
{
    const distance d = train("graddiff-bf16", "graddiff", true, WAGLE_MASTER_BF16, NULL);

    (void)state;
    if (1000 * (d.all - d.equal) > d.all || d.most_ulps > 2)
        fail_msg("%lld of %lld weights are equal, one is %g units of the last place away",
                 (long long)d.equal, (long long)d.all, d.most_ulps);
}

/* Ten updates of AdamW with given gradients: the bits of torch.optim.AdamW. */
static void adamw_in_bf16_has_the_bits_of_pytorch(void **state)
{
    wagle_ctx *ctx = new_context();
    wg_tensors gold;
    const wg_ops *ops;

    (void)state;
    assert_ok(ctx, wg_ops_open(ctx, &ops));
    assert_ok(ctx, wg_tensors_open(ctx, WG_GOLD "/training/adamw_bf16.safetensors", &gold));
    const wg_tensor *start = gold_tensor(&gold, "start"), *all = gold_tensor(&gold, "gradients");
    const int64_t n = start->count;
    const size_t bytes = (size_t)n * sizeof(uint16_t);
    wg_scratch gradient, half[3];
    float *real = malloc((size_t)n * sizeof *real);
    assert_non_null(real);
    assert_ok(ctx, ops->alloc(ops, ctx, n, sizeof(float), NULL, &gradient));
    for (int i = 0; i < 3; i++)
        assert_ok(ctx, ops->alloc(ops, ctx, n, sizeof(uint16_t), NULL, &half[i]));
    ops->upload(ops, half[2].data, start->data, bytes);
    for (int step = 0; step < 10; step++) {
        const double t = step + 1;
        const wg_adamw_step s = {.scale = 1,
                                 .beta2 = 0.999f,
                                 .one_minus_beta1 = (float)(1 - 0.9),
                                 .one_minus_beta2 = (float)(1 - 0.999),
                                 .decay_factor = (float)(1 - 1e-3 * 0.1),
                                 .rate = (float)(1e-3 / (1 - pow(0.9, t))),
                                 .epsilon = 1e-8f,
                                 .root_correction2 = (float)sqrt(1 - pow(0.999, t))};
        wg_to_float(WG_BF16, (const char *)all->data + (size_t)step * bytes, n, real);
        ops->upload(ops, gradient.data, real, (size_t)n * sizeof *real);
        ops->adamw_in_bf16(ops, &s, n, gradient.data, half[0].data, half[1].data, half[2].data);
    }
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"first", "second", "value"};
        uint16_t *got = malloc(bytes);
        assert_non_null(got);
        assert_ok(ctx, ops->download(ops, ctx, got, half[i].data, bytes));
        assert_memory_equal(got, gold_tensor(&gold, names[i])->data, bytes);
        free(got);
        ops->free(ops, &half[i]);
    }
    ops->free(ops, &gradient);
    free(real);
    ops->close(ops);
    wg_tensors_close(&gold);
    wagle_ctx_free(ctx);
}

static void graddiff_with_a_mask_trains_as_the_gold(void **state)
{
    (void)state;
    check_run("graddiff-masked", "graddiff", true, NULL);
    check_run("graddiff-masked", "graddiff", true,
              WG_SCRATCH); /* the optimizer state is in a file */
}

static void graddiff_on_all_weights_trains_as_the_gold(void **state)
{
    (void)state;
    check_run("graddiff-dense", "graddiff", false, NULL);
    check_run("graddiff-dense", "graddiff", false,
              WG_SCRATCH); /* the optimizer state is in a file */
}

static void npo_with_a_mask_trains_as_the_gold(void **state)
{
    (void)state;
    check_run("npo-masked", "npo", true, NULL);
    check_run("npo-masked", "npo", true, WG_SCRATCH); /* the optimizer state is in a file */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objectives_have_the_gold_values_and_gradients),
        cmocka_unit_test(graddiff_with_a_mask_trains_as_the_gold),
        cmocka_unit_test(graddiff_on_all_weights_trains_as_the_gold),
        cmocka_unit_test(npo_with_a_mask_trains_as_the_gold),
        cmocka_unit_test(adamw_in_bf16_has_the_bits_of_pytorch),
        cmocka_unit_test(weights_in_bf16_train_as_those_of_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
