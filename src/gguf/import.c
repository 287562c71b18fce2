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
    char *name, key[96];

    WG_TRY(wg_gguf_string(m->ctx, &m->g, "general.architecture", &name));
    name = name != NULL ? name : "(none)";
    snprintf(key, sizeof key, "%.64s.expert_count", name);
    m->arch = wg_gguf_arch_named(name, wg_gguf_number(&m->g, key, 0) > 0);
    if (m->arch == NULL)
        return wg_fail(m->ctx, WAGLE_E_INPUT,
                       "%s: architecture '%.64s' is not supported; supported are %s", m->o->gguf,
                       name, wg_gguf_arch_names);
    if (embed == NULL || embed->shape.rank != 2)
        return wg_import_refuse(m, "a model without a matrix", "token_embd.weight");
    m->V = embed->shape.dim[0];
    return wg_gguf_check_keys(m->ctx, &m->g, m->arch->name);
}

/* --- tensors ---------------------------------------------------------------------------------- */

/* The source of a tensor of the folder. */
typedef struct entry {
    wg_role role;
    const wg_gguf_tensor *from;
    const wg_gguf_tensor *also; /* the second of two matrices that are one here, or NULL */
    int64_t first;              /* row of `from` where it begins */
} entry;

/* The tensors of the folder. */
typedef struct listing {
    wg_tensor *tensor;
    entry *entry;
    int64_t n, room[2]; /* of each array */
    bool *taken;        /* [g.n_tensors] a tensor of the folder comes from it */
} listing;

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

static wg_dtype dtype_of(const wg_importer *m, const entry *e)
{
    const wg_dtype exact = exact_dtype(e->from);

    return !m->exact ? m->dtype : e->also == NULL || exact_dtype(e->also) == exact ? exact : WG_F32;
}

/* stored: buffer for the row in the output type. */
static wagle_status write_row(const wg_importer *m, const wg_tensor *to, const entry *e,
                              const float *row, int64_t n, char *stored, wg_output *out)
{
    const float beyond = to->dtype == WG_F16 ? wg_beyond(row, n, WG_F16_LIMIT) : 0;

    if (beyond != 0)
        return wg_fail(m->ctx, WAGLE_E_INPUT,
                       "%s: tensor '%.64s' holds %g, which f16 cannot hold; use @{dtype=f32}",
                       m->o->gguf, e->from->name, (double)beyond);
    wg_from_float(to->dtype, row, n, stored);
    return wg_output_write(m->ctx, out, stored, (size_t)n * wg_dtype_size(to->dtype));
}

/* Writes matrix `index` of tensors stored as [out, in], or [n, out, in], transposed: as [in, out],
 * the columns of `also` after those of `from`. */
static wagle_status write_transposed(const wg_importer *m, const wg_tensor *to, const entry *e,
                                     int64_t index, wg_output *out)
{
    const wg_shape *s = &e->from->shape;
    const int64_t O = s->dim[s->rank - 2], I = s->dim[s->rank - 1];
    const int64_t both = e->also != NULL ? 2 * O : O;
    float *all = NULL, *row = NULL;
    char *stored = NULL;
    wagle_status st;

    WG_TRY_GOTO(WG_ALLOC(m->ctx, &all, both * I), done);
    WG_TRY_GOTO(WG_ALLOC(m->ctx, &row, both), done);
    WG_TRY_GOTO(WG_ALLOC(m->ctx, &stored, both * 4), done);
    wg_gguf_dequantise(e->from, index * O * I, O * I, all);
    if (e->also != NULL)
        wg_gguf_dequantise(e->also, index * O * I, O * I, all + O * I);
    for (int64_t i = 0; i < I; i++) {
        for (int64_t o = 0; o < both; o++)
            row[o] = all[o * I + i];
        WG_TRY_GOTO(write_row(m, to, e, row, both, stored, out), done);
    }
    st = WAGLE_OK;
done:
    wg_free(all);
    wg_free(row);
    wg_free(stored);
    return st;
}

static wagle_status write_rows(const wg_importer *m, const wg_config *c, const wg_tensor *to,
                               const entry *e, wg_output *out)
{
    const wg_gguf_tensor *t = e->from;
    const bool permuted = wg_gguf_permuted(m->arch, e->role);
    const bool split = permuted && t->shape.rank == 1;
    const int64_t width = split ? 1 : t->shape.dim[t->shape.rank - 1], rows = to->count / width;
    const float less = c->family->norm_plus_one && wg_is_norm(e->role) ? 1 : 0;
    float *row = NULL;
    char *stored = NULL;
    wagle_status st;

    WG_TRY_GOTO(WG_ALLOC(m->ctx, &row, width), done);
    WG_TRY_GOTO(WG_ALLOC(m->ctx, &stored, width * 4), done);
    for (int64_t r = 0; r < rows; r++) {
        const int64_t from = e->first + (permuted ? wg_gguf_row(r, c->h) : r);
        wg_gguf_dequantise(t, from * width, width, row);
        for (int64_t i = 0; less > 0 && i < width; i++)
            row[i] -= less;
        WG_TRY_GOTO(write_row(m, to, e, row, width, stored, out), done);
    }
    st = WAGLE_OK;
done:
    wg_free(row);
    wg_free(stored);
    return st;
}

static wagle_status write_tensor(const wg_importer *m, const wg_config *c, const wg_tensor *to,
                                 const entry *e, wg_output *out)
{
    const int64_t n = to->shape.rank == 3 ? to->shape.dim[0] : 1;

    if (!wg_is_stored_turned(c->family, e->role) || to->shape.rank == 1)
        return write_rows(m, c, to, e, out);
    for (int64_t i = 0; i < n; i++)
        WG_TRY(write_transposed(m, to, e, i, out));
    return WAGLE_OK;
}

/* Finds the tensor of a role, which must have this shape. */
static wagle_status take(const wg_importer *m, listing *l, wg_role role, int64_t layer,
                         const wg_shape *shape, const wg_gguf_tensor **out)
{
    char name[WG_NAME_BYTES], expected[96], found[96];
    const wg_gguf_tensor *t;

    wg_gguf_role_name(role, layer, name);
    *out = t = wg_gguf_find_tensor(&m->g, name);
    if (t == NULL)
        return wg_fail(m->ctx, WAGLE_E_INPUT, "%s: no tensor '%s'", m->o->gguf, name);
    if (!wg_shape_equal(&t->shape, shape))
        return wg_fail(m->ctx, WAGLE_E_INPUT, "%s: tensor '%s': shape %s, expected %s", m->o->gguf,
                       name, wg_shape_text(&t->shape, found), wg_shape_text(shape, expected));
    l->taken[t - m->g.tensor] = true;
    return WAGLE_OK;
}

static wagle_status add(wg_importer *m, listing *l, const char *name, const wg_shape *shape,
                        const entry *e)
{
    const wg_dtype dtype = dtype_of(m, e);
    wg_tensor *t;

    WG_TRY(WG_GROW(m->ctx, &l->tensor, &l->room[0], l->n + 1));
    WG_TRY(WG_GROW(m->ctx, &l->entry, &l->room[1], l->n + 1));
    l->entry[l->n] = *e;
    t = &l->tensor[l->n++];
    *t = (wg_tensor){.name = wg_arena_text(m->ctx, &m->g.arena, name, strlen(name)),
                     .dtype = dtype,
                     .shape = *shape};
    if (!wg_shape_count(shape, &t->count))
        return wg_import_refuse(m, "the size of tensor", name);
    t->bytes = (size_t)t->count * wg_dtype_size(dtype);
    return t->name != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

/* The experts of a layer are one tensor in GGUF. Here they are one too where the family stores them
 * so, and else one each. */
static wagle_status describe_experts(wg_importer *m, const wg_config *c, wg_role role,
                                     int64_t layer, listing *l)
{
    const bool two = role == WG_EXPERT_GATE_UP, turned = wg_is_stored_turned(c->family, role);
    char name[WG_NAME_BYTES];
    wg_shape shape, theirs;
    entry e = {.role = role};

    wg_config_tensor(c, role, layer, name, &shape);
    theirs = (wg_shape){3, {c->X, shape.dim[turned], shape.dim[!turned]}};
    theirs.dim[1] /= two ? 2 : 1;
    WG_TRY(take(m, l, two ? WG_EXPERT_GATE : role, layer, &theirs, &e.from));
    if (two)
        WG_TRY(take(m, l, WG_EXPERT_UP, layer, &theirs, &e.also));
    for (int64_t x = 0; x < c->X; x++) {
        if (wg_config_stored(c, wg_role_of(role, x), layer, name, &shape)) {
            e.first = x * theirs.dim[1];
            WG_TRY(add(m, l, name, &shape, &e));
        }
    }
    return WAGLE_OK;
}

/* Converters write the one row of WG_SHARED_SCALE as a list or as a matrix. */
static bool is_matrix(const wg_importer *m, wg_role role, int64_t layer)
{
    char name[WG_NAME_BYTES];
    const wg_gguf_tensor *t;

    wg_gguf_role_name(role, layer, name);
    t = wg_gguf_find_tensor(&m->g, name);
    return t != NULL && t->shape.rank == 2;
}

static wagle_status describe(wg_importer *m, const wg_config *c, wg_role role, int64_t layer,
                             listing *l)
{
    char name[WG_NAME_BYTES];
    wg_shape shape, theirs;
    entry e = {.role = role};

    if (role >= WG_EXPERT_ROLES)
        return describe_experts(m, c, role, layer, l);
    wg_config_tensor(c, role, layer, name, &shape);
    theirs = shape;
    if (wg_gguf_transposed(c, role, &shape))
        theirs = (wg_shape){2, {shape.dim[1], shape.dim[0]}};
    if (role == WG_SHARED_SCALE && !is_matrix(m, role, layer))
        theirs = (wg_shape){1, {shape.dim[1]}};
    WG_TRY(take(m, l, role, layer, &theirs, &e.from));
    return add(m, l, name, &shape, &e);
}

/* Describes the tensors of the model; the file must have exactly these. */
static wagle_status describe_all(wg_importer *m, const wg_config *c, listing *l)
{
    for (int64_t layer = 0; layer < c->L; layer++)
        for (int role = 0; role < WG_ROLES; role++)
            if (wg_config_has(c, (wg_role)role, layer))
                WG_TRY(describe(m, c, (wg_role)role, layer, l));
    for (int64_t i = 0; i < m->g.n_tensors; i++)
        if (!l->taken[i] && !wg_import_makes_config(m, m->g.tensor[i].name))
            return wg_import_refuse(m, "tensor", m->g.tensor[i].name);
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
    listing l = {0};
    wg_output out = {.fd = -1};
    size_t start;
    json_t *facts = json_pack("{s:s}", "format", "pt");
    wagle_status st;

    WG_TRY_GOTO(WG_ALLOC(m->ctx, &l.taken, m->g.n_tensors), done);
    WG_TRY_GOTO(describe_all(m, c, &l), done);
    WG_TRY_GOTO(wg_output_open(m->ctx, path, true, &out), done);
    WG_TRY_GOTO(wg_safetensors_header(m->ctx, &out, l.tensor, l.n, facts, &start), done);
    if (m->exact)
        WG_TRY_GOTO(reserve(m, &out, start, l.tensor, l.n), done);
    for (int64_t i = 0; i < l.n; i++) {
        WG_TRY_GOTO(write_tensor(m, c, &l.tensor[i], &l.entry[i], &out), done);
        WG_TRY_GOTO(wg_check_interrupt(m->ctx), done);
        wg_progress(m->ctx, "import", i + 1, l.n, NULL);
    }
    st = wg_output_commit(m->ctx, &out);
done:
    wg_output_abort(&out);
    wg_free(l.tensor);
    wg_free(l.entry);
    wg_free(l.taken);
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

/* llama.cpp stores routers in F32 whatever the type of the file. */
static bool is_router(const wg_gguf_tensor *t)
{
    return strstr(t->name, ".ffn_gate_inp.weight") != NULL && is_type(t, "F32");
}

static bool fits(const wg_gguf_tensor *t, wg_dtype dtype)
{
    enum { N = 256 };
    float value[N], back[N];
    uint16_t half[N];

    for (int64_t first = 0; first < t->count; first += N) {
        const int64_t n = t->count - first < N ? t->count - first : N;
        wg_gguf_dequantise(t, first, n, value);
        wg_from_float(dtype, value, n, half);
        wg_to_float(dtype, half, n, back);
        if (memcmp(value, back, (size_t)n * sizeof *value) != 0)
            return false;
    }
    return true;
}

/* The type that represents all matrices of the file exactly. Quantised ones count if `exact`; else
 * bf16 if all are quantised. Where none is, routers count if they do not fit the type of the
 * others.
 */
static wg_dtype own_dtype(const wg_gguf *g, bool exact)
{
    bool f32 = false, f16 = false, bf16 = false, blocks = false;

    for (int64_t i = 0; i < g->n_tensors; i++) {
        const wg_gguf_tensor *t = &g->tensor[i];
        if (t->shape.rank < 2)
            continue;
        blocks |= wg_ggml_block(t->type) > 1;
        f16 |= is_type(t, "F16");
        bf16 |= is_type(t, "BF16");
        f32 |= exact ? exact_dtype(t) == WG_F32 : is_type(t, "F32") && !is_router(t);
    }
    for (int64_t i = 0; i < g->n_tensors && f16 != bf16 && !blocks; i++)
        f32 |= is_router(&g->tensor[i]) && !fits(&g->tensor[i], f16 ? WG_F16 : WG_BF16);
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
