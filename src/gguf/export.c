/* export.c - exports a model folder to a GGUF file: metadata keys, then the tensors by role. */
#include "gguf/export.h"

#include "base/choose.h"
#include "base/options.h"
#include "base/pool.h"

#include <string.h>

/* A tensor holds the matrices of all experts of a layer, and gate and up lie apart. */
static wg_shape shape_of(const wg_exporter *e, wg_role role, int64_t layer)
{
    const wg_config *c = &e->m->config;
    const wg_shape s = e->m->files.tensor[wg_model_tensor(e->m, role, layer)].shape;
    const bool turned = wg_gguf_transposed(c, role, &s);

    if (role >= WG_EXPERT_ROLES)
        return (wg_shape){
            3, {c->X, s.dim[turned] / (role == WG_EXPERT_GATE_UP ? 2 : 1), s.dim[!turned]}};
    if (role == WG_SHARED_SCALE)
        return (wg_shape){1, {s.dim[1]}};
    return turned ? (wg_shape){2, {s.dim[1], s.dim[0]}} : s;
}

/* Some rows of a tensor on their way to the file. */
typedef struct rows {
    wg_gguf_type type;
    int64_t width;
    float *value;         /* [rows, width] */
    unsigned char *bytes; /* [rows, wg_ggml_bytes(width)] */
} rows;

/* Reads rows [first, first + n) of a matrix that is stored [in, out]. */
static void fetch_columns(const wg_exporter *e, const wg_tensor *t, const rows *to, int64_t first,
                          int64_t n)
{
    enum { N = 256 };
    const size_t size = wg_dtype_size(t->dtype);
    const char *data = wg_tensor_bytes(&e->m->files, t);
    float value[N];

    for (int64_t i = 0; i < to->width; i++)
        for (int64_t r = 0; r < n; r += N) {
            const int64_t some = n - r < N ? n - r : N;
            wg_to_float(t->dtype, data + (size_t)(i * t->shape.dim[1] + first + r) * size, some,
                        value);
            for (int64_t k = 0; k < some; k++)
                to->value[(r + k) * to->width + i] = value[k];
        }
}

/* Reads rows [first, first + n) of the exported tensor, of which the files' tensor is a part. */
static void fetch_rows(const wg_exporter *e, wg_role role, int tensor, const rows *to,
                       int64_t first, int64_t n)
{
    const wg_tensor *t = &e->m->files.tensor[tensor];
    const size_t size = wg_dtype_size(t->dtype);
    const char *data = wg_tensor_bytes(&e->m->files, t);
    const bool permuted = wg_gguf_permuted(e->arch, role);
    const bool plus_one = e->m->config.family->norm_plus_one && wg_is_norm(role);

    if (wg_gguf_transposed(&e->m->config, role, &t->shape)) {
        fetch_columns(e, t, to, first, n);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        const int64_t r = permuted ? wg_gguf_our_row(first + i, e->m->config.h) : first + i;
        float *row = to->value + i * to->width;
        wg_to_float(t->dtype, data + (size_t)(r * to->width) * size, to->width, row);
        for (int64_t k = 0; plus_one && k < to->width; k++)
            row[k] += 1;
    }
}

static wagle_status refuse_value(const wg_exporter *e, int tensor, float value)
{
    return wg_fail(e->ctx, WAGLE_E_INPUT,
                   "%s: tensor '%.64s' holds %g, which @{type} %s cannot hold; use @{type=f32}",
                   e->o->model, e->m->files.tensor[tensor].name, (double)value,
                   wg_words_of_wagle_gguf_type[e->type]);
}

static void quantise_rows(const void *task, int64_t from, int64_t to)
{
    const rows *t = task;
    const int64_t bytes = (int64_t)wg_ggml_bytes(t->type, t->width);

    wg_ggml_quantise(t->type, t->value + from * t->width, (to - from) * t->width,
                     t->bytes + from * bytes);
}

/* Writes rows [first, first + n) of a matrix. */
static wagle_status write_rows(wg_exporter *e, wg_role role, int tensor, const rows *t,
                               int64_t first, int64_t n, wg_output *out)
{
    fetch_rows(e, role, tensor, t, first, n);
    const float *beyond = wg_ggml_beyond(t->type, t->value, n * t->width);
    if (beyond != NULL)
        return refuse_value(e, tensor, *beyond);
    wg_parallel(e->m->ops->pool, n, 1 + (1 << 13) / t->width, quantise_rows, t);
    WG_TRY(wg_check_interrupt(e->ctx));
    return wg_output_write(e->ctx, out, t->bytes, (size_t)n * wg_ggml_bytes(t->type, t->width));
}

/* Writes a tensor: the matrix of each expert, or the only one. */
static wagle_status write_tensor(wg_exporter *e, const wg_export_tensor *of, wg_output *out)
{
    enum { VALUES_MOST = 1 << 20 };
    const wg_shape *s = &of->shape;
    const bool split = wg_gguf_permuted(e->arch, of->role) && s->rank == 1;
    const int64_t experts = s->rank == 3 ? s->dim[0] : 1;
    const int64_t width = split ? 1 : s->dim[s->rank - 1];
    const int64_t height = s->rank > 1 ? s->dim[s->rank - 2] : split ? s->dim[0] : 1;
    const int64_t begin = of->role != of->as && of->as == WG_EXPERT_UP ? height : 0;
    const int64_t most = width < VALUES_MOST ? VALUES_MOST / width : 1;
    bool fell_back;
    rows t = {.type = wg_export_type(e, of, &fell_back), .width = width};
    const size_t bytes = wg_ggml_bytes(t.type, width);
    wagle_status st;

    WG_TRY_GOTO(WG_ALLOC(e->ctx, &t.value, most * width), done);
    WG_TRY_GOTO(WG_ALLOC(e->ctx, &t.bytes, most * (int64_t)bytes), done);
    for (int64_t x = 0; x < experts; x++) {
        const int tensor = wg_model_tensor(e->m, wg_role_of(of->role, x), of->layer);
        for (int64_t r = 0; r < height; r += most)
            WG_TRY_GOTO(write_rows(e, of->role, tensor, &t, begin + r,
                                   height - r < most ? height - r : most, out),
                        done);
    }
    st = wg_gguf_pad(e->ctx, out, bytes * (size_t)(experts * height));
done:
    wg_free(t.value);
    wg_free(t.bytes);
    return st;
}

typedef wagle_status visitor(wg_exporter *, const wg_export_tensor *, wg_output *);

/* Calls visit() for the tensors of a role: two for WG_EXPERT_GATE_UP. */
static wagle_status visit_role(wg_exporter *e, wg_role role, int64_t layer, wg_output *out,
                               visitor *visit)
{
    const bool two = role == WG_EXPERT_GATE_UP;
    wg_export_tensor t = {.role = role, .as = two ? WG_EXPERT_GATE : role, .layer = layer};

    if (!wg_config_has(&e->m->config, role, layer))
        return WAGLE_OK;
    t.shape = shape_of(e, role, layer);
    WG_TRY(visit(e, &t, out));
    t.as = WG_EXPERT_UP;
    return two ? visit(e, &t, out) : WAGLE_OK;
}

/* Calls visit() for every tensor, in file order. */
static wagle_status for_each_tensor(wg_exporter *e, wg_output *out, visitor *visit)
{
    const wg_config *c = &e->m->config;

    for (int role = 0; role < WG_LAYER_ROLES; role++)
        WG_TRY(visit_role(e, (wg_role)role, 0, out, visit));
    for (int64_t layer = 0; layer < c->L; layer++) {
        for (int role = WG_LAYER_ROLES; role < WG_ROLES; role++)
            WG_TRY(visit_role(e, (wg_role)role, layer, out, visit));
        WG_TRY(wg_check_interrupt(e->ctx));
        if (out != NULL)
            wg_progress(e->ctx, "export", layer + 1, c->L, NULL);
    }
    return WAGLE_OK;
}

static wagle_status name_tensor(wg_exporter *e, const wg_export_tensor *t, wg_output *out)
{
    char name[WG_NAME_BYTES];
    bool fell_back;
    const wg_gguf_type type = wg_export_type(e, t, &fell_back);

    (void)out;
    e->fell_back[type] += fell_back;
    wg_gguf_role_name(t->as, t->layer, name);
    return wg_gguf_put_tensor(e->ctx, &e->head, name, &t->shape, type);
}

/* One warning with the number of matrices that are not in the type that was asked for. */
static wagle_status tell_fallbacks(const wg_exporter *e)
{
    wg_text list = {0};
    int64_t n = 0;
    wagle_status st = WAGLE_OK;

    for (int type = 0; st == WAGLE_OK && type < WG_GGML_TYPES; type++) {
        if (e->fell_back[type] == 0)
            continue;
        st = wg_text_printf(e->ctx, &list, "%s%lld as %s", n > 0 ? ", " : "",
                            (long long)e->fell_back[type], wg_ggml_name((uint32_t)type));
        n += e->fell_back[type];
    }
    if (st == WAGLE_OK && n > 0)
        wg_log(e->ctx, 0,
               "@{type=%s}: the rows of %lld matrices are not whole blocks of the type that they "
               "would have; these are stored %s, by llama.cpp's rule",
               wg_words_of_wagle_gguf_type[e->type], (long long)n, list.text);
    wg_text_free(&list);
    return st;
}

static wagle_status name_rope_factors(wg_exporter *e)
{
    const wg_shape shape = {1, {e->m->config.r / 2}};

    for (int i = 0; i < WG_ROPE_LISTS; i++)
        if (e->rope[i].name != NULL)
            WG_TRY(wg_gguf_put_tensor(e->ctx, &e->head, e->rope[i].name, &shape, WG_GGML_F32));
    return WAGLE_OK;
}

static wagle_status write_rope_factors(const wg_exporter *e, wg_output *out)
{
    const size_t bytes = (size_t)(e->m->config.r / 2) * sizeof(float);

    for (int i = 0; i < WG_ROPE_LISTS; i++)
        if (e->rope[i].name != NULL) {
            WG_TRY(wg_output_write(e->ctx, out, e->rope[i].factor, bytes));
            WG_TRY(wg_gguf_pad(e->ctx, out, bytes));
        }
    return WAGLE_OK;
}

static wagle_status write_file(wg_exporter *e)
{
    wg_output out = {.fd = -1};
    wagle_status st;

    WG_TRY_GOTO(wg_export_config(e), done);
    WG_TRY_GOTO(wg_export_tokenizer(e), done);
    WG_TRY_GOTO(name_rope_factors(e), done);
    WG_TRY_GOTO(for_each_tensor(e, NULL, name_tensor), done);
    WG_TRY_GOTO(tell_fallbacks(e), done);
    WG_TRY_GOTO(wg_output_open(e->ctx, e->o->out, e->o->force, &out), done);
    WG_TRY_GOTO(wg_gguf_write_head(e->ctx, &e->head, &out), done);
    WG_TRY_GOTO(write_rope_factors(e, &out), done);
    WG_TRY_GOTO(for_each_tensor(e, &out, write_tensor), done);
    st = wg_output_commit(e->ctx, &out);
done:
    wg_output_abort(&out);
    return st;
}

WG_DEFAULTS(wagle_export_defaults, wagle_export_options, 0)

/* The type that represents all matrices of the model exactly. */
static wagle_gguf_type own_type(const wg_tensors *files)
{
    bool f32 = false, f16 = false, bf16 = false;

    for (int64_t i = 0; i < files->n; i++) {
        const wg_tensor *t = &files->tensor[i];
        f32 |= t->shape.rank >= 2 && t->dtype == WG_F32;
        f16 |= t->shape.rank >= 2 && t->dtype == WG_F16;
        bf16 |= t->shape.rank >= 2 && t->dtype == WG_BF16;
    }
    return f32 || f16 == bf16 ? WAGLE_GGUF_F32 : f16 ? WAGLE_GGUF_F16 : WAGLE_GGUF_BF16;
}

static wagle_status refuse_family(const wg_exporter *e)
{
    const char *type = e->m->config.family->model_type[0];

    return wg_fail(
        e->ctx, WAGLE_E_INPUT, "%s: '%s' cannot be exported%s; supported are %s", e->o->model, type,
        strcmp(type, "gptj") == 0 ? " (llama.cpp does not load it)" : "", wg_gguf_model_types);
}

wagle_status wagle_export(wagle_ctx *ctx, const wagle_export_options *given)
{
    wagle_export_options own;
    const wagle_export_options *o = &own;
    wg_exporter e = {.ctx = ctx, .o = o};
    wagle_status st;

    wg_begin(ctx);
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_export));
    if (o->out == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "export needs DIR and @{out FILE.gguf}");
    WG_TRY(wg_check_choice(ctx, "type", (int)o->type, wg_words_of_wagle_gguf_type));
    WG_TRY(wg_output_check(ctx, o->out, o->force, WG_INPUTS(o->model)));
    WG_TRY(wg_model_open(ctx, o->model, &e.m));
    e.type = o->type != WAGLE_GGUF_AUTO ? o->type : own_type(&e.m->files);
    e.arch = wg_gguf_arch_of(e.m->config.family->model_type[0]);
    st = e.arch != NULL ? write_file(&e) : refuse_family(&e);
    wg_gguf_head_free(&e.head);
    wg_model_close(e.m);
    return st;
}
