/* import.c - imports a GGUF file to a model folder: the config, then the tensors by role. */
#include "gguf/import.h"

#include "base/options.h"
#include "gguf/keys.h"

#include <stdio.h>
#include <string.h>

wagle_status wg_import_refuse(const wg_importer *m, const char *what, const char *name)
{
    return wg_fail(m->ctx, WAGLE_E_INPUT, "%s: %s '%.64s' is not supported", m->o->gguf, what,
                   name != NULL ? name : "(none)");
}

wagle_status wg_import_put(wg_importer *m, const char *name, json_t *json)
{
    char *path = wg_path_join(m->ctx, m->partial, name);
    wagle_status st = path == NULL ? WAGLE_E_RESOURCE : WAGLE_OK;

    if (st == WAGLE_OK)
        st = json != NULL ? wg_json_write(m->ctx, path, json, true) : wg_json_memory(m->ctx);
    json_decref(json);
    wg_free(path);
    return st;
}

static wagle_status read_architecture(wg_importer *m)
{
    const wg_gguf_tensor *embed = wg_gguf_find_tensor(&m->g, "token_embd.weight");
    char *name;

    WG_TRY(wg_gguf_string(m->ctx, &m->g, "general.architecture", &name));
    m->arch = name != NULL ? wg_gguf_arch_named(name) : NULL;
    if (m->arch == NULL)
        return wg_fail(m->ctx, WAGLE_E_INPUT,
                       "%s: architecture '%.64s' is not supported; supported are %s", m->o->gguf,
                       name != NULL ? name : "(none)", wg_gguf_arch_list);
    if (embed == NULL || embed->shape.rank != 2)
        return wg_import_refuse(m, "a model without a matrix", "token_embd.weight");
    m->V = embed->shape.dim[0];
    return wg_gguf_check_keys(m->ctx, &m->g, m->arch->name);
}

/* --- tensors ---------------------------------------------------------------------------------- */

/* A tensor of the folder, and its source. */
typedef struct entry {
    wg_role role;
    const wg_gguf_tensor *from;
} entry;

static bool is_type(const wg_gguf_tensor *t, const char *name)
{
    const char *type = wg_ggml_name(t->type);

    return type != NULL && strcmp(type, name) == 0;
}

/* The type that holds its values exactly. Vectors are small, and some change as they are read. */
static wg_dtype exact_dtype(const wg_gguf_tensor *t)
{
    return t->shape.rank < 2    ? WG_F32
           : is_type(t, "BF16") ? WG_BF16
           : is_type(t, "F16")  ? WG_F16
                                : WG_F32;
}

static wg_dtype dtype_of(const wg_importer *m, const wg_gguf_tensor *t)
{
    return m->exact ? exact_dtype(t) : m->dtype;
}

/* stored: buffer for the row in the output type. */
static wagle_status write_row(const wg_importer *m, const wg_gguf_tensor *t, const float *row,
                              int64_t n, char *stored, wg_output *out)
{
    const wg_dtype dtype = dtype_of(m, t);
    const float beyond = dtype == WG_F16 ? wg_beyond(row, n, WG_F16_LIMIT) : 0;

    if (beyond != 0)
        return wg_fail(m->ctx, WAGLE_E_INPUT,
                       "%s: tensor '%.64s' holds %g, which f16 cannot hold; use @{dtype=f32}",
                       m->o->gguf, t->name, (double)beyond);
    wg_from_float(dtype, row, n, stored);
    return wg_output_write(m->ctx, out, stored, (size_t)n * wg_dtype_size(dtype));
}

/* Writes a tensor stored as [out, in] transposed, as [in, out]. */
static wagle_status write_transposed(const wg_importer *m, const wg_gguf_tensor *t, wg_output *out)
{
    const int64_t O = t->shape.dim[0], I = t->shape.dim[1];
    float *all = NULL, *row = NULL;
    char *stored = NULL;
    wagle_status st;

    WG_TRY_GOTO(WG_ALLOC(m->ctx, &all, t->count), done);
    WG_TRY_GOTO(WG_ALLOC(m->ctx, &row, O), done);
    WG_TRY_GOTO(WG_ALLOC(m->ctx, &stored, O * 4), done);
    wg_gguf_dequantise(t, 0, t->count, all);
    for (int64_t i = 0; i < I; i++) {
        for (int64_t o = 0; o < O; o++)
            row[o] = all[o * I + i];
        WG_TRY_GOTO(write_row(m, t, row, O, stored, out), done);
    }
    st = WAGLE_OK;
done:
    wg_free(all);
    wg_free(row);
    wg_free(stored);
    return st;
}

static wagle_status write_rows(const wg_importer *m, const wg_config *c, const entry *e,
                               wg_output *out)
{
    const wg_gguf_tensor *t = e->from;
    const bool permuted = wg_gguf_permuted(m->arch, e->role);
    const bool vector = t->shape.rank == 1, split = permuted && vector;
    const int64_t width = split ? 1 : t->shape.dim[t->shape.rank - 1], rows = t->count / width;
    const float less = c->family->norm_plus_one && wg_is_norm(e->role) ? 1 : 0;
    float *row = NULL;
    char *stored = NULL;
    wagle_status st;

    WG_TRY_GOTO(WG_ALLOC(m->ctx, &row, width), done);
    WG_TRY_GOTO(WG_ALLOC(m->ctx, &stored, width * 4), done);
    for (int64_t r = 0; r < rows; r++) {
        wg_gguf_dequantise(t, (permuted ? wg_gguf_row(r, c->h) : r) * width, width, row);
        for (int64_t i = 0; less > 0 && i < width; i++)
            row[i] -= less;
        WG_TRY_GOTO(write_row(m, t, row, width, stored, out), done);
    }
    st = WAGLE_OK;
done:
    wg_free(row);
    wg_free(stored);
    return st;
}

static wagle_status describe(wg_importer *m, const wg_config *c, wg_role role, int64_t layer,
                             wg_tensor *list, entry *from, int64_t *n)
{
    char theirs[WG_NAME_BYTES], ours[WG_NAME_BYTES], expected[96], found[96];
    const wg_gguf_tensor *t;
    wg_shape shape, stored;

    wg_gguf_role_name(role, layer, theirs);
    wg_config_tensor(c, role, layer, ours, &shape);
    t = wg_gguf_find_tensor(&m->g, theirs);
    if (t == NULL)
        return wg_fail(m->ctx, WAGLE_E_INPUT, "%s: no tensor '%s'", m->o->gguf, theirs);
    stored = shape;
    if (wg_gguf_transposed(c, role, &shape))
        stored = (wg_shape){2, {shape.dim[1], shape.dim[0]}};
    if (!wg_shape_equal(&t->shape, &stored))
        return wg_fail(m->ctx, WAGLE_E_INPUT, "%s: tensor '%s': shape %s, expected %s", m->o->gguf,
                       theirs, wg_shape_text(&t->shape, found), wg_shape_text(&stored, expected));
    list[*n] = (wg_tensor){.name = wg_arena_text(m->ctx, &m->g.arena, ours, strlen(ours)),
                           .dtype = dtype_of(m, t),
                           .shape = shape,
                           .bytes = (size_t)t->count * wg_dtype_size(dtype_of(m, t))};
    from[(*n)++] = (entry){role, t};
    return list[*n - 1].name != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

/* Describes the tensors of the model; the file must have exactly these. */
static wagle_status describe_all(wg_importer *m, const wg_config *c, wg_tensor *list, entry *from,
                                 int64_t *n)
{
    *n = 0;
    for (int64_t layer = 0; layer < c->L; layer++)
        for (int role = 0; role < WG_ROLES; role++)
            if (wg_config_has(c, (wg_role)role, layer)) {
                if (*n == m->g.n_tensors)
                    return wg_import_refuse(m, "a file of so few tensors for", m->arch->name);
                WG_TRY(describe(m, c, (wg_role)role, layer, list, from, n));
            }
    for (int64_t i = 0; i < m->g.n_tensors; i++) {
        int64_t k = 0;
        while (k < *n && from[k].from != &m->g.tensor[i])
            k++;
        if (k == *n && !wg_import_makes_config(m, m->g.tensor[i].name))
            return wg_import_refuse(m, "tensor", m->g.tensor[i].name);
    }
    return WAGLE_OK;
}

/* Takes the disk space of a file that is unpacked before it is written. Nobody named its folder, so
 * the message says how to choose another. */
static wagle_status reserve(const wg_importer *m, wg_output *out, size_t start,
                            const wg_tensor *list, int64_t n)
{
    size_t bytes = start;

    for (int64_t i = 0; i < n; i++)
        bytes += list[i].bytes;
    if (wg_output_reserve(m->ctx, out, bytes) == WAGLE_OK)
        return WAGLE_OK;
    wg_forget_failure(m->ctx);
    return wg_fail(
        m->ctx, WAGLE_E_RESOURCE,
        "%s: unpacked it takes %.2f GB, for which %s has no room; set TMPDIR to a folder "
        "on a larger disk",
        m->o->gguf, (double)bytes / 1e9, m->partial);
}

static wagle_status write_tensors(wg_importer *m, const wg_config *c, const char *path)
{
    entry *from = NULL;
    wg_tensor *list = NULL;
    wg_output out = {.fd = -1};
    size_t start;
    int64_t n;
    json_t *facts = json_pack("{s:s}", "format", "pt");
    wagle_status st;

    WG_TRY_GOTO(WG_ALLOC(m->ctx, &from, m->g.n_tensors), done);
    WG_TRY_GOTO(WG_ALLOC(m->ctx, &list, m->g.n_tensors), done);
    WG_TRY_GOTO(describe_all(m, c, list, from, &n), done);
    WG_TRY_GOTO(wg_output_open(m->ctx, path, true, &out), done);
    WG_TRY_GOTO(wg_safetensors_header(m->ctx, &out, list, n, facts, &start), done);
    if (m->exact)
        WG_TRY_GOTO(reserve(m, &out, start, list, n), done);
    for (int64_t i = 0; i < n; i++) {
        WG_TRY_GOTO(wg_gguf_transposed(c, from[i].role, &list[i].shape)
                        ? write_transposed(m, from[i].from, &out)
                        : write_rows(m, c, &from[i], &out),
                    done);
        WG_TRY_GOTO(wg_check_interrupt(m->ctx), done);
        wg_progress(m->ctx, "import", i + 1, n, NULL);
    }
    st = wg_output_commit(m->ctx, &out);
done:
    wg_output_abort(&out);
    wg_free(from);
    wg_free(list);
    json_decref(facts);
    return st;
}

static wagle_status write_weights(wg_importer *m)
{
    char *path = wg_path_join(m->ctx, m->partial, "model.safetensors");
    wg_config config;
    wagle_status st = path != NULL ? wg_config_read(m->ctx, m->partial, &config) : WAGLE_E_RESOURCE;

    if (st == WAGLE_OK)
        st = write_tensors(m, &config, path);
    wg_free(path);
    return st;
}

WG_DEFAULTS(wagle_import_defaults, wagle_import_options, 0)

/* The type that represents all matrices of the file exactly. Quantised ones count if `exact`; else
 * bf16 if all are quantised. */
static wg_dtype own_dtype(const wg_gguf *g, bool exact)
{
    bool f32 = false, f16 = false, bf16 = false;

    for (int64_t i = 0; i < g->n_tensors; i++) {
        const wg_gguf_tensor *t = &g->tensor[i];
        if (t->shape.rank < 2)
            continue;
        f16 |= is_type(t, "F16");
        bf16 |= is_type(t, "BF16");
        f32 |= exact ? exact_dtype(t) == WG_F32 : is_type(t, "F32");
    }
    return f32 || (f16 && bf16) ? WG_F32 : f16 ? WG_F16 : WG_BF16;
}

/* Writes the files of the model to m->partial. */
static wagle_status write_files(wg_importer *m, bool weights)
{
    WG_TRY(wg_import_ids(m));
    WG_TRY(wg_import_config(m));
    WG_TRY(wg_import_tokenizer(m));
    return weights ? write_weights(m) : WAGLE_OK;
}

static wagle_status import(wg_importer *m)
{
    wg_partial folder;
    wagle_status st;

    WG_TRY(read_architecture(m));
    WG_TRY(wg_partial_new(m->ctx, m->o->out, &folder));
    m->partial = folder.path;
    st = write_files(m, true);
    if (st == WAGLE_OK)
        st = wg_partial_commit(m->ctx, &folder, m->o->out);
    wg_partial_end(&folder, false);
    return st;
}

static wagle_status open_file(wg_importer *m)
{
    WG_TRY(wg_gguf_open(m->ctx, m->o->gguf, &m->g));
    if (m->o->dtype == WAGLE_DTYPE_AUTO)
        m->dtype = own_dtype(&m->g, m->exact);
    return WAGLE_OK;
}

wagle_status wg_import_files(wagle_ctx *ctx, const char *gguf, const char *folder, bool weights)
{
    const wagle_import_options o = {.gguf = gguf, .out = folder, .dtype = WAGLE_DTYPE_AUTO};
    wg_importer m = {.ctx = ctx, .o = &o, .partial = folder, .exact = true};
    wagle_status st;

    WG_TRY(open_file(&m));
    st = read_architecture(&m);
    if (st == WAGLE_OK)
        st = write_files(&m, weights);
    wg_gguf_close(&m.g);
    return st;
}

wagle_status wagle_import(wagle_ctx *ctx, const wagle_import_options *given)
{
    wagle_import_options own;
    const wagle_import_options *o = &own;
    wg_importer m = {.ctx = ctx, .o = o};
    wagle_status st;

    wg_begin(ctx);
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_import));
    if (o->gguf == NULL || o->out == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "import needs FILE.gguf and @{out DIR}");
    WG_TRY(wg_weight_dtype(ctx, o->dtype, &m.dtype));
    WG_TRY(wg_output_check(ctx, o->out, o->force, WG_INPUTS(o->gguf)));
    WG_TRY(open_file(&m));
    st = import(&m);
    wg_gguf_close(&m.g);
    return st;
}
