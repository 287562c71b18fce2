/* WAGLE's score with the retain gradient multiplied by the protect factors, compared with double
 * precision: matrices in both orientations, fused matrices, tied and untied heads. */
#include "direct_factor.h"

#include "engine/per_sample_moments.h"
#include "mask/attribute.h"
#include "ops/cpu/cpu.h"

#define PATH(name) WG_SCRATCH "/protect-scores-" name

enum { ROWS = 4, LENGTH = 20 };

/* Token t of row s of a set. */
static int32_t token(int64_t set, int64_t s, int64_t t, int64_t V)
{
    return (int32_t)((53 * set + 37 * s + 11 * t + t * t) % V);
}

/* Writes rows of input_ids and labels; the first two tokens have no label. */
static void write_rows(const char *path, int64_t set, int64_t V)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    for (int64_t s = 0; s < ROWS; s++) {
        const int64_t n = LENGTH - 3 * s;
        for (int labels = 0; labels < 2; labels++)
            for (int64_t t = 0; t < n; t++)
                fprintf(file, "%s%d",
                        t > 0    ? ","
                        : labels ? "],\"labels\":["
                                 : "{\"input_ids\":[",
                        labels && t < 2 ? -100 : token(set, s, t, V));
        fputs("]}\n", file);
    }
    fclose(file);
}

/* Collects the inputs of every tensor on a set's rows, with the reference operations. */
static void collect_inputs(wagle_ctx *ctx, wg_session *s, int64_t set, seen *k)
{
    int32_t ids[ROWS][LENGTH];
    wg_example example[ROWS];
    const wg_example *list[ROWS];

    for (int64_t r = 0; r < ROWS; r++) {
        const int64_t n = LENGTH - 3 * r;
        for (int64_t t = 0; t < n; t++)
            ids[r][t] = token(set, r, t, s->model->config.V);
        example[r] = (wg_example){.ids = ids[r], .labels = ids[r], .n = n, .n_labels = n - 1};
        list[r] = &example[r];
    }
    *k = (seen){.model = s->model};
    const wg_ops *own = s->model->ops;
    s->model->ops = own->host ? &wg_ops_ref : own;
    assert_ok(ctx, wg_batch_fill(ctx, &s->batch, list, ROWS, ROWS));
    assert_ok(ctx, wg_engine_inputs(ctx, s->engine, &s->batch, NULL, note, k));
    s->model->ops = own;
}

/* The tensor whose input is recorded: k and v share q's input, gate shares up's. */
static int reads(const wg_model *m, const seen *k, int t)
{
    static const wg_role same[][2] = {{WG_KEY, WG_QUERY}, {WG_VALUE, WG_QUERY}, {WG_GATE, WG_UP}};

    for (int64_t layer = 0; k->x[t] == NULL && layer < m->config.L; layer++)
        for (int i = 0; i < 3; i++)
            if (m->config.has[same[i][0]] && t == wg_model_tensor(m, same[i][0], layer))
                return wg_model_tensor(m, same[i][1], layer);
    return t;
}

/* gr [count] times the factor, in double; gr itself if there is none. */
static double *multiplied(const wg_model *m, const seen *k, int t, const float *gr, double damping)
{
    const wg_tensor *w = &m->files.tensor[t];
    const int from = reads(m, k, t);
    const bool factor = k->x[from] != NULL && w->shape.rank == 2 &&
                        t != wg_model_tensor(m, WG_EMBED, 0) && wg_model_is_weight(m, t);
    const bool turned = factor && wg_model_is_transposed(m, t);
    double *out = calloc((size_t)w->count, sizeof *out);

    for (int64_t i = 0; !factor && i < w->count; i++)
        out[i] = (double)gr[i];
    if (!factor)
        return out;
    const int64_t I = k->I[from], O = w->count / I;
    double *p = direct_factor(I, k->T[from], k->x[from], damping);
    for (int64_t o = 0; o < O; o++)
        for (int64_t i = 0; i < I; i++)
            for (int64_t j = 0; j < I; j++)
                out[turned ? i * O + o : o * I + i] +=
                    (double)gr[turned ? j * O + o : o * I + j] * p[j * I + i];
    free(p);
    return out;
}

/* Returns the largest change of scores by the factor, relative to the largest score. */
static double check_tensor(const wg_model *m, const seen *k, const wg_tensor *mine, double damping,
                           const wg_tensors gradient[2])
{
    const int t = (int)(wg_tensors_find(&m->files, mine->name) - m->files.tensor);
    const float *gf = gold_tensor(&gradient[0], mine->name)->data, *score = mine->data;
    const float *gr = gold_tensor(&gradient[1], mine->name)->data;
    float *theta = malloc((size_t)mine->count * sizeof *theta);
    double *right = multiplied(m, k, t, gr, damping), most = 0, error = 0, moved = 0;

    wg_to_float(m->files.tensor[t].dtype, m->files.tensor[t].data, mine->count, theta);
    for (int64_t i = 0; i < mine->count; i++) {
        const double want = fabs(((double)theta[i] - right[i]) * (double)gf[i]);
        const double plain = fabs(((double)theta[i] - (double)gr[i]) * (double)gf[i]);
        most = fmax(most, want);
        error = fmax(error, fabs(want - (double)score[i]));
        moved = fmax(moved, fabs(want - plain));
    }
    if (error > 1e-4 * most)
        fail_msg("score of %s: %g of %g", mine->name, error, most);
    free(right);
    free(theta);
    return most > 0 ? moved / most : 0;
}

static wagle_attribute_options options(const char *model)
{
    wagle_attribute_options o;

    wagle_attribute_defaults(&o);
    o.model = model;
    o.forget.path = PATH("0.jsonl");
    o.retain.path = PATH("1.jsonl");
    o.gamma.kind = WAGLE_GAMMA_PROTECT;
    o.protect_rank = 0;
    o.out = PATH("out");
    o.force = true;
    return o;
}

static void check_model(const char *folder, int64_t matrices_least)
{
    static seen k;
    wagle_ctx *ctx = new_context();
    wagle_attribute_options o = options(folder);
    wg_tensors gradient[2], mine;
    wg_session s;
    int64_t matrices = 0;

    assert_ok(ctx, wg_session_open(ctx, folder, &s));
    for (int set = 0; set < 3; set++) {
        const char *const path[] = {PATH("0.jsonl"), PATH("1.jsonl"), PATH("2.jsonl")};
        const char *const to[] = {PATH("gf"), PATH("gr")};
        wagle_rows_options rows;
        write_rows(path[set], set, s.model->config.V);
        if (set == 2)
            break;
        wagle_rows_defaults(&rows);
        rows.model = folder;
        rows.data.path = path[set];
        rows.out = to[set];
        rows.force = true;
        assert_ok(ctx, wagle_gradient(ctx, &rows));
        assert_ok(ctx, wg_tensors_open(ctx, to[set], &gradient[set]));
    }
    collect_inputs(ctx, &s, 2, &k);
    o.protect.path = PATH("2.jsonl");
    o.protect_damping = 0.3;
    assert_ok(ctx, wagle_attribute(ctx, &o));
    assert_ok(ctx, wg_tensors_open(ctx, o.out, &mine));
    for (int64_t t = 0; t < mine.n; t++)
        matrices += check_tensor(s.model, &k, &mine.tensor[t], 0.3, gradient) > 1e-3;
    if (matrices < matrices_least)
        fail_msg("%s: factors move the scores of %d matrices only", folder, (int)matrices);
    wg_tensors_close(&mine);
    wg_tensors_close(&gradient[0]);
    wg_tensors_close(&gradient[1]);
    for (int t = 0; t < TENSORS; t++)
        free(k.x[t]);
    wg_session_close(&s);
    wagle_ctx_free(ctx);
}

static void scores_are_those_of_the_definition(void **state)
{
    (void)state;
    check_model(WG_GOLD "/models/llama-gqa-tied", 14); /* q k v o gate up down of two layers */
    check_model(WG_GOLD "/models/llama-mha", 15);      /* and an untied head */
    check_model(WG_GOLD "/models/gpt2", 8);            /* transposed, q k v in one */
    check_model(WG_GOLD "/models/phi3", 9);            /* gate and up in one */
}

static void without_rows_to_protect_the_retain_rows_are_taken(void **state)
{
    wagle_ctx *ctx = new_context();
    wagle_attribute_options o = options(WG_GOLD "/models/llama-gqa-tied");

    (void)state;
    write_rows(PATH("0.jsonl"), 0, 300);
    write_rows(PATH("1.jsonl"), 1, 300);
    assert_ok(ctx, wagle_attribute(ctx, &o));
    o.out = PATH("named");
    o.protect.path = "retain";
    assert_ok(ctx, wagle_attribute(ctx, &o));
    assert_same_file("retain rows", PATH("out"), PATH("named"));
    wagle_ctx_free(ctx);
}

/* With little damping, the factors remove the retain gradient; the score is then that of snip. */
static void strong_factors_leave_the_term_of_the_weights(void **state)
{
    wagle_ctx *ctx = new_context();
    wagle_attribute_options o = options(WG_GOLD "/models/llama-gqa-tied");
    wg_tensors mine, snip;

    (void)state;
    o.forget.path = o.retain.path;
    write_rows(PATH("1.jsonl"), 1, 300);
    o.protect_damping = 1e-7;
    assert_ok(ctx, wagle_attribute(ctx, &o));
    assert_ok(ctx, wg_tensors_open(ctx, o.out, &mine));
    o.selector = "snip";
    o.out = PATH("snip");
    assert_ok(ctx, wagle_attribute(ctx, &o));
    assert_ok(ctx, wg_tensors_open(ctx, o.out, &snip));
    const char *name = "model.layers.0.self_attn.q_proj.weight";
    const wg_tensor *a = gold_tensor(&mine, name), *b = gold_tensor(&snip, name);
    assert_true(worst(a->data, b->data, a->count) < 0.01 * largest(b->data, b->count));
    wg_tensors_close(&mine);
    wg_tensors_close(&snip);
    wagle_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_of_the_definition),
        cmocka_unit_test(without_rows_to_protect_the_retain_rows_are_taken),
        cmocka_unit_test(strong_factors_leave_the_term_of_the_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
