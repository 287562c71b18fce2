/* export.c - a model folder as one GGUF file: keys, then by its roles every tensor. */
#include "run/export.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct exporter {
    wagle_ctx *ctx;
    const wagle_export_options *o;
    const wg_gguf_arch *arch;
    wg_gguf_type type;
    wg_model *m;
    wg_gguf_head head;
} exporter;

static wagle_status choose_type(wagle_ctx *ctx, const char *name, wg_gguf_type *out)
{
    static const struct {
        const char *name;
        wg_gguf_type type;
    } types[] = {
        {"f32", WG_GGML_F32}, {"f16", WG_GGML_F16}, {"bf16", WG_GGML_BF16}, {"q8_0", WG_GGML_Q8_0}};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].name, name) == 0) {
            *out = types[i].type;
            return WAGLE_OK;
        }
    return wg_fail(ctx, WAGLE_E_USAGE, "no type '%.32s'; there are f32, f16, bf16, q8_0", name);
}

static wagle_status whole(exporter *e, const char *key, int64_t value)
{
    char full[96];

    snprintf(full, sizeof full, "%s.%s", e->arch->name, key);
    return wg_gguf_put_whole(e->ctx, &e->head, full, value);
}

static wagle_status real(exporter *e, const char *key, double value)
{
    char full[96];

    snprintf(full, sizeof full, "%s.%s", e->arch->name, key);
    return wg_gguf_put_real(e->ctx, &e->head, full, value);
}

/* Llama 3's scaling goes with the file as a tensor. */
static bool has_rope_factors(const wg_config *c)
{
    return c->rope[0].kind == WG_ROPE_LLAMA3 && c->r > 0;
}

/* What the architecture has no key for. */
static wagle_status check(const exporter *e)
{
    const wg_config *c = &e->m->config;

    if (c->rope[0].kind != WG_ROPE_DEFAULT && !has_rope_factors(c) && c->r > 0)
        return wg_fail(e->ctx, WAGLE_E_INPUT, "%s: this rope scaling is not exported", e->o->model);
    if (c->window > 0 && !e->arch->windows)
        return wg_fail(e->ctx, WAGLE_E_INPUT,
                       "%s: llama.cpp's %s has no sliding window, and this model has one of %lld",
                       e->o->model, e->arch->name, (long long)c->window);
    return WAGLE_OK;
}

static wagle_status put_config(exporter *e)
{
    static const int file_type[] = {
        [WG_GGML_F32] = 0, [WG_GGML_F16] = 1, [WG_GGML_Q8_0] = 7, [WG_GGML_BF16] = 32};
    const wg_config *c = &e->m->config;
    const char *name = wg_path_name(e->o->model);

    WG_TRY(wg_gguf_put_text(e->ctx, &e->head, "general.architecture", e->arch->name));
    WG_TRY(wg_gguf_put_text(e->ctx, &e->head, "general.name", *name != '\0' ? name : "model"));
    WG_TRY(wg_gguf_put_whole(e->ctx, &e->head, "general.file_type", file_type[e->type]));
    WG_TRY(wg_gguf_put_whole(e->ctx, &e->head, "general.quantization_version", 2));
    WG_TRY(whole(e, "context_length", c->max_position));
    WG_TRY(whole(e, "embedding_length", c->D));
    WG_TRY(whole(e, "block_count", c->L));
    WG_TRY(whole(e, "feed_forward_length", c->F));
    WG_TRY(whole(e, "attention.head_count", c->H));
    WG_TRY(whole(e, "attention.head_count_kv", c->K));
    WG_TRY(whole(e, "attention.key_length", c->h));
    WG_TRY(whole(e, "attention.value_length", c->h));
    WG_TRY(whole(e, "vocab_size", c->V));
    WG_TRY(real(e, e->arch->eps_key, c->eps));
    if (c->window > 0)
        WG_TRY(whole(e, "attention.sliding_window", c->window));
    if (c->attention_cap > 0)
        WG_TRY(real(e, "attn_logit_softcapping", c->attention_cap));
    if (c->final_cap > 0)
        WG_TRY(real(e, "final_logit_softcapping", c->final_cap));
    if (c->r == 0)
        return WAGLE_OK;
    WG_TRY(whole(e, "rope.dimension_count", c->r));
    return real(e, "rope.freq_base", c->rope[0].theta);
}

/* Vectors stay float32, as llama.cpp wants them; so does a row that is no whole number of blocks.
 */
static wg_gguf_type type_of(const exporter *e, const wg_shape *shape)
{
    if (shape->rank == 1)
        return WG_GGML_F32;
    if (e->type == WG_GGML_Q8_0 && shape->dim[1] % 32 != 0)
        return WG_GGML_F16;
    return e->type;
}

static wg_shape shape_of(const exporter *e, wg_role role, int64_t layer)
{
    const wg_shape s = e->m->files.tensor[wg_model_tensor(e->m, role, layer)].shape;

    return wg_gguf_turned(&e->m->config, role, &s) ? (wg_shape){2, {s.dim[1], s.dim[0]}} : s;
}

/* Row r of the file's tensor, `width` values. */
static void fetch_row(const exporter *e, wg_role role, int tensor, int64_t r, int64_t width,
                      float *row)
{
    const wg_tensor *t = &e->m->files.tensor[tensor];
    const size_t size = wg_dtype_size(t->dtype);
    const char *data = t->data;

    if (wg_gguf_turned(&e->m->config, role, &t->shape)) {
        for (int64_t i = 0; i < width; i++)
            wg_to_float(t->dtype, data + (size_t)(i * t->shape.dim[1] + r) * size, 1, row + i);
        return;
    }
    wg_to_float(t->dtype, data + (size_t)(r * width) * size, width, row);
    for (int64_t i = 0; e->m->config.family->norm_plus_one && wg_is_norm(role) && i < width; i++)
        row[i] += 1;
}

static wagle_status write_tensor(exporter *e, wg_role role, int64_t layer, wg_output *out)
{
    const int tensor = wg_model_tensor(e->m, role, layer);
    const wg_shape shape = shape_of(e, role, layer);
    const wg_gguf_type type = type_of(e, &shape);
    const bool permuted = wg_gguf_permuted(e->arch, role);
    const bool split = permuted && shape.rank == 1;
    const int64_t width = split ? 1 : shape.dim[shape.rank - 1];
    const int64_t rows = e->m->files.tensor[tensor].count / width;
    const size_t bytes = wg_ggml_bytes(type, width);
    float *row = NULL;
    char *stored = NULL;
    wagle_status st;

    WG_TRY_GOTO(WG_ALLOC(e->ctx, &row, width), done);
    WG_TRY_GOTO(WG_ALLOC(e->ctx, &stored, (int64_t)bytes), done);
    for (int64_t r = 0; r < rows; r++) {
        fetch_row(e, role, tensor, permuted ? wg_gguf_our_row(r, e->m->config.h) : r, width, row);
        wg_ggml_quantise(type, row, width, stored);
        WG_TRY_GOTO(wg_output_write(e->ctx, out, stored, bytes), done);
    }
    st = wg_gguf_pad(e->ctx, out, bytes * (size_t)rows);
done:
    wg_free(row);
    wg_free(stored);
    return st;
}

/* Calls one() for every tensor, in the order of the file. */
static wagle_status each_tensor(exporter *e, wg_output *out,
                                wagle_status (*one)(exporter *, wg_role, int64_t, wg_output *))
{
    const wg_config *c = &e->m->config;

    for (int role = 0; role < WG_LAYER_ROLES; role++)
        if (wg_config_has(c, (wg_role)role, 0))
            WG_TRY(one(e, (wg_role)role, 0, out));
    for (int64_t layer = 0; layer < c->L; layer++) {
        for (int role = WG_LAYER_ROLES; role < WG_ROLES; role++)
            if (wg_config_has(c, (wg_role)role, layer))
                WG_TRY(one(e, (wg_role)role, layer, out));
        WG_TRY(wg_check_interrupt(e->ctx));
        if (out != NULL)
            wg_progress(e->ctx, "export", layer + 1, c->L, NULL);
    }
    return WAGLE_OK;
}

static wagle_status name_tensor(exporter *e, wg_role role, int64_t layer, wg_output *out)
{
    const wg_shape shape = shape_of(e, role, layer);
    char name[WG_NAME_BYTES];

    (void)out;
    wg_gguf_role_name(role, layer, name);
    return wg_gguf_put_tensor(e->ctx, &e->head, name, &shape, type_of(e, &shape));
}

static wagle_status name_rope_factors(exporter *e)
{
    const wg_shape shape = {1, {e->m->config.r / 2}};

    return has_rope_factors(&e->m->config)
               ? wg_gguf_put_tensor(e->ctx, &e->head, "rope_freqs.weight", &shape, WG_GGML_F32)
               : WAGLE_OK;
}

static wagle_status write_rope_factors(const exporter *e, wg_output *out)
{
    const wg_config *c = &e->m->config;
    const size_t bytes = (size_t)(c->r / 2) * sizeof(float);
    float factor[WG_PAIRS_MOST];

    if (!has_rope_factors(c))
        return WAGLE_OK;
    for (int64_t i = 0; i < c->r / 2; i++)
        factor[i] = (float)wg_rope_factor(c, 0, i);
    WG_TRY(wg_output_write(e->ctx, out, factor, bytes));
    return wg_gguf_pad(e->ctx, out, bytes);
}

static wagle_status write_file(exporter *e)
{
    wg_output out = {.fd = -1};
    wagle_status st;

    WG_TRY_GOTO(check(e), done);
    WG_TRY_GOTO(put_config(e), done);
    WG_TRY_GOTO(wg_export_tokenizer(e->ctx, e->o->model, e->m->config.V, &e->head), done);
    WG_TRY_GOTO(name_rope_factors(e), done);
    WG_TRY_GOTO(each_tensor(e, NULL, name_tensor), done);
    WG_TRY_GOTO(wg_output_open(e->ctx, e->o->out, e->o->force, &out), done);
    WG_TRY_GOTO(wg_gguf_write_head(e->ctx, &e->head, &out), done);
    WG_TRY_GOTO(write_rope_factors(e, &out), done);
    WG_TRY_GOTO(each_tensor(e, &out, write_tensor), done);
    st = wg_output_commit(e->ctx, &out);
done:
    wg_output_abort(&out);
    return st;
}

void wagle_export_defaults(wagle_export_options *o)
{
    *o = (wagle_export_options){.type = "bf16"};
}

wagle_status wagle_export(wagle_ctx *ctx, const wagle_export_options *o)
{
    exporter e = {.ctx = ctx, .o = o};
    wagle_status st;

    wg_begin(ctx);
    if (o->out == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "export wants DIR and --out FILE.gguf");
    WG_TRY(choose_type(ctx, o->type, &e.type));
    WG_TRY(wg_output_check(ctx, o->out, o->force, WG_INPUTS(o->model)));
    WG_TRY(wg_model_open(ctx, o->model, &e.m));
    e.arch = wg_gguf_arch_of(e.m->config.family->model_type[0]);
    st = e.arch != NULL ? write_file(&e)
                        : wg_fail(ctx, WAGLE_E_INPUT, "%s: '%s' is not exported; %s are", o->model,
                                  e.m->config.family->model_type[0], wg_gguf_arch_list);
    wg_gguf_head_free(&e.head);
    wg_model_close(e.m);
    return st;
}
