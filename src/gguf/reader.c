#include "gguf/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t kind_size[WG_GGUF_KINDS] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
enum { MOST_KEYS = 1 << 16, MOST_TENSORS = 1 << 20 };

/* A bounds-checked cursor. After a read past the end, `bad` stays set. */
typedef struct cursor {
    const unsigned char *at, *end;
    bool bad;
} cursor;

static const unsigned char *read_bytes(cursor *c, uint64_t bytes)
{
    const unsigned char *here = c->at;

    if (c->bad || bytes > (uint64_t)(c->end - c->at)) {
        c->bad = true;
        return NULL;
    }
    c->at += bytes;
    return here;
}

static uint64_t read_number(cursor *c, size_t bytes)
{
    uint64_t x = 0;
    const unsigned char *here = read_bytes(c, bytes);

    if (here != NULL)
        memcpy(&x, here, bytes);
    return x;
}

static const char *read_string(cursor *c, uint64_t *bytes)
{
    *bytes = read_number(c, 8);
    return (const char *)read_bytes(c, *bytes);
}

static wagle_status read_name(wagle_ctx *ctx, wg_gguf *g, cursor *c, const char **out)
{
    uint64_t bytes;
    const char *text = read_string(c, &bytes);

    if (text == NULL || bytes > 65535)
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: truncated or damaged: a name extends past the end of the file",
                       g->path);
    *out = wg_arena_text(ctx, &g->arena, text, bytes);
    return *out != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

static void skip_elements(cursor *c, wg_gguf_kind kind, uint64_t count)
{
    uint64_t bytes;

    if (kind != WG_GGUF_STRING) {
        if (count > (uint64_t)(c->end - c->at))
            c->bad = true;
        else
            read_bytes(c, count * kind_size[kind]);
        return;
    }
    for (uint64_t i = 0; i < count && !c->bad; i++)
        read_string(c, &bytes);
}

static wagle_status read_value(wagle_ctx *ctx, wg_gguf *g, cursor *c, wg_gguf_value *v)
{
    uint32_t kind;

    WG_TRY(read_name(ctx, g, c, &v->key));
    kind = (uint32_t)read_number(c, 4);
    v->count = 1;
    v->array = kind == WG_GGUF_ARRAY;
    if (v->array) {
        kind = (uint32_t)read_number(c, 4);
        v->count = read_number(c, 8);
    }
    if (kind >= WG_GGUF_KINDS || kind == WG_GGUF_ARRAY)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: key '%.64s': unknown type %u", g->path, v->key,
                       kind);
    v->kind = (wg_gguf_kind)kind;
    v->data = c->at;
    skip_elements(c, v->kind, v->count);
    v->end = c->at;
    if (c->bad)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: truncated or damaged at key '%.64s'", g->path,
                       v->key);
    return WAGLE_OK;
}

/* --- tensors ---------------------------------------------------------------------------------- */

static wagle_status read_tensor(wagle_ctx *ctx, wg_gguf *g, cursor *c, wg_gguf_tensor *t,
                                uint64_t *offset)
{
    uint32_t dims;
    int64_t block;

    WG_TRY(read_name(ctx, g, c, &t->name));
    dims = (uint32_t)read_number(c, 4);
    if (dims < 1 || dims > WG_RANK)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: tensor '%.64s': %u dimensions, 1 to 4 expected",
                       g->path, t->name, dims);
    t->shape.rank = (int)dims;
    for (uint32_t i = 0; i < dims; i++)
        t->shape.dim[dims - 1 - i] = (int64_t)read_number(c, 8);
    t->type = (uint32_t)read_number(c, 4);
    *offset = read_number(c, 8);
    if (c->bad)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: truncated or damaged at tensor '%.64s'", g->path,
                       t->name);
    if (!wg_ggml_is_read(t->type))
        return wg_ggml_refuse(ctx, g->path, t->name, t->type);
    block = wg_ggml_block(t->type);
    if (!wg_shape_count(&t->shape, &t->count) || t->count > (int64_t)g->map.bytes * 256)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: tensor '%.64s': its shape does not fit the file",
                       g->path, t->name);
    if (t->count == 0 || t->shape.dim[dims - 1] % block != 0)
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: tensor '%.64s': rows of %lld values, and type %s has blocks of %lld",
                       g->path, t->name, (long long)t->shape.dim[dims - 1], wg_ggml_name(t->type),
                       (long long)block);
    t->bytes = (size_t)(t->count / block) * wg_ggml_block_bytes(t->type);
    return WAGLE_OK;
}

static wagle_status locate_tensors(wagle_ctx *ctx, wg_gguf *g, size_t data_start,
                                   const uint64_t *offset)
{
    for (int64_t i = 0; i < g->n_tensors; i++) {
        wg_gguf_tensor *t = &g->tensor[i];
        const size_t available = data_start < g->map.bytes ? g->map.bytes - data_start : 0;
        if (offset[i] > available || t->bytes > available - offset[i])
            return wg_fail(
                ctx, WAGLE_E_INPUT,
                "%s: tensor '%.64s': its data extends past the end of the file (truncated?)",
                g->path, t->name);
        t->data = g->map.data + data_start + offset[i];
    }
    return WAGLE_OK;
}

static wagle_status read_header(wagle_ctx *ctx, wg_gguf *g, cursor *c)
{
    const unsigned char *magic = read_bytes(c, 4);
    uint64_t n_tensors, n_values;

    g->version = (uint32_t)read_number(c, 4);
    n_tensors = read_number(c, 8);
    n_values = read_number(c, 8);
    if (c->bad || memcmp(magic, "GGUF", 4) != 0)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: not a GGUF file", g->path);
    if (g->version == 0x02000000u || g->version == 0x03000000u)
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: a big-endian GGUF file; only little-endian files are supported",
                       g->path);
    if (g->version != 2 && g->version != 3)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: GGUF version %u; supported are versions 2 and 3",
                       g->path, g->version);
    if (n_values > MOST_KEYS || n_tensors > MOST_TENSORS)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: damaged: claims %llu keys and %llu tensors",
                       g->path, (unsigned long long)n_values, (unsigned long long)n_tensors);
    WG_TRY(WG_ALLOC(ctx, &g->value, (int64_t)n_values));
    for (uint64_t i = 0; i < n_values; i++, g->n_values++)
        WG_TRY(read_value(ctx, g, c, &g->value[i]));
    WG_TRY(WG_ALLOC(ctx, &g->tensor, (int64_t)n_tensors));
    g->n_tensors = (int64_t)n_tensors;
    return WAGLE_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Refuses a file in which a key or a tensor appears twice. name [n] is sorted. */
static wagle_status check_once(wagle_ctx *ctx, const wg_gguf *g, const char *what,
                               const char **name, int64_t n)
{
    if (n > 1)
        qsort(name, (size_t)n, sizeof *name, compare_names);
    for (int64_t i = 1; i < n; i++)
        if (strcmp(name[i - 1], name[i]) == 0)
            return wg_fail(ctx, WAGLE_E_INPUT, "%s: %s '%.64s' occurs twice", g->path, what,
                           name[i]);
    return WAGLE_OK;
}

static wagle_status check_names(wagle_ctx *ctx, const wg_gguf *g)
{
    const char **name = NULL;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &name, g->n_values > g->n_tensors ? g->n_values : g->n_tensors));
    for (int64_t i = 0; i < g->n_values; i++)
        name[i] = g->value[i].key;
    st = check_once(ctx, g, "key", name, g->n_values);
    for (int64_t i = 0; i < g->n_tensors; i++)
        name[i] = g->tensor[i].name;
    if (st == WAGLE_OK)
        st = check_once(ctx, g, "tensor", name, g->n_tensors);
    wg_free(name);
    return st;
}

static wagle_status read_alignment(wagle_ctx *ctx, const wg_gguf *g, size_t *out)
{
    const wg_gguf_value *v = wg_gguf_find(g, "general.alignment");
    const double value = v == NULL                               ? 32
                         : v->array || v->kind == WG_GGUF_STRING ? 0
                                                                 : wg_gguf_element(v, 0);

    *out = value >= 1 && value <= 65536 ? (size_t)value : 0;
    if (*out == 0 || (double)*out != value || (*out & (*out - 1)) != 0)
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: general.alignment must be a power of two from 1 to 65536", g->path);
    return WAGLE_OK;
}

static wagle_status open_one(wagle_ctx *ctx, const char *path, wg_gguf *out)
{
    cursor c;
    uint64_t *offset = NULL;
    size_t unit = 0, used;
    wagle_status st;

    *out = (wg_gguf){.path = path};
    WG_TRY(wg_map_open(ctx, path, &out->map));
    c = (cursor){out->map.data, out->map.data + out->map.bytes, false};
    WG_TRY_GOTO(read_header(ctx, out, &c), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &offset, out->n_tensors), done);
    for (int64_t i = 0; i < out->n_tensors; i++)
        WG_TRY_GOTO(read_tensor(ctx, out, &c, &out->tensor[i], &offset[i]), done);
    WG_TRY_GOTO(read_alignment(ctx, out, &unit), done);
    used = (size_t)(c.at - out->map.data);
    st = locate_tensors(ctx, out, (used + unit - 1) / unit * unit, offset);
done:
    wg_free(offset);
    if (st != WAGLE_OK)
        wg_gguf_close(out);
    return st;
}

enum { MAX_PARTS = 4096, PART_NAME = 20 /* -00001-of-00003.gguf */ };

/* The path of part `no` (from 1) of `count`, derived from the first part's; in g's arena. */
static wagle_status part_name(wagle_ctx *ctx, wg_gguf *g, int no, int count, char **out)
{
    const size_t n = strlen(g->path);
    char expected[32], name[32];

    snprintf(expected, sizeof expected, "-%05d-of-%05d.gguf", 1, count);
    snprintf(name, sizeof name, "-%05d-of-%05d.gguf", no, count);
    if (n < PART_NAME || strcmp(g->path + n - PART_NAME, expected) != 0)
        return wg_fail(
            ctx, WAGLE_E_INPUT,
            "%s: one of %d files; give the first, NAME%s, and keep the others in the same folder",
            g->path, count, expected);
    *out = wg_arena_text(ctx, &g->arena, g->path, n);
    if (*out == NULL)
        return WAGLE_E_RESOURCE;
    memcpy(*out + n - PART_NAME, name, PART_NAME);
    return WAGLE_OK;
}

/* Adds the tensors of another part. */
static wagle_status join(wagle_ctx *ctx, wg_gguf *g, const wg_gguf *part, int no, int count)
{
    int64_t capacity = g->n_tensors;

    if (wg_gguf_number(part, "split.no", -1) != no - 1 ||
        wg_gguf_number(part, "split.count", -1) != count)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: not part %d of %d", part->path, no, count);
    WG_TRY(WG_GROW(ctx, &g->tensor, &capacity, g->n_tensors + part->n_tensors));
    for (int64_t i = 0; i < part->n_tensors; i++)
        g->tensor[g->n_tensors++] = part->tensor[i];
    return WAGLE_OK;
}

static wagle_status open_parts(wagle_ctx *ctx, wg_gguf *g)
{
    const double value = wg_gguf_number(g, "split.count", 1);
    const int count = value >= 1 && value <= MAX_PARTS ? (int)value : 0;

    if (count == 0)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: split.count %g", g->path, value);
    if (count > 1)
        WG_TRY(WG_ALLOC(ctx, &g->part, count - 1));
    for (int no = 2; no <= count; no++) {
        char *name = NULL;
        WG_TRY(part_name(ctx, g, no, count, &name));
        WG_TRY(open_one(ctx, name, &g->part[g->n_parts]));
        WG_TRY(join(ctx, g, &g->part[g->n_parts++], no, count));
    }
    return WAGLE_OK;
}

wagle_status wg_gguf_open(wagle_ctx *ctx, const char *path, wg_gguf *out)
{
    wagle_status st;

    WG_TRY(open_one(ctx, path, out));
    st = open_parts(ctx, out);
    if (st == WAGLE_OK)
        st = check_names(ctx, out);
    if (st != WAGLE_OK)
        wg_gguf_close(out);
    return st;
}

void wg_gguf_close(wg_gguf *g)
{
    for (int64_t i = 0; i < g->n_parts; i++)
        wg_gguf_close(&g->part[i]);
    wg_free(g->part);
    wg_map_close(&g->map);
    wg_free(g->value);
    wg_free(g->tensor);
    wg_arena_free(&g->arena);
    *g = (wg_gguf){0};
}

const wg_gguf_value *wg_gguf_find(const wg_gguf *g, const char *key)
{
    for (int64_t i = 0; i < g->n_values; i++)
        if (strcmp(g->value[i].key, key) == 0)
            return &g->value[i];
    return NULL;
}

const wg_gguf_tensor *wg_gguf_find_tensor(const wg_gguf *g, const char *name)
{
    for (int64_t i = 0; i < g->n_tensors; i++)
        if (strcmp(g->tensor[i].name, name) == 0)
            return &g->tensor[i];
    return NULL;
}

double wg_gguf_element(const wg_gguf_value *v, uint64_t i)
{
    const size_t size = kind_size[v->kind];
    union {
        uint64_t u;
        int64_t i;
        float f;
        double d;
    } x = {0};

    memcpy(&x, v->data + i * size, size);
    switch (v->kind) {
    case WG_GGUF_I8:
        return (int8_t)x.u;
    case WG_GGUF_I16:
        return (int16_t)x.u;
    case WG_GGUF_I32:
        return (int32_t)x.u;
    case WG_GGUF_I64:
        return (double)x.i;
    case WG_GGUF_F32:
        return (double)x.f;
    case WG_GGUF_F64:
        return x.d;
    default:
        return (double)x.u;
    }
}

double wg_gguf_number(const wg_gguf *g, const char *key, double fallback)
{
    const wg_gguf_value *v = wg_gguf_find(g, key);

    return v == NULL || v->array || v->kind == WG_GGUF_STRING ? fallback : wg_gguf_element(v, 0);
}

bool wg_gguf_next_string(const wg_gguf_value *v, const unsigned char **at, const char **text,
                         size_t *bytes)
{
    uint64_t length;

    if (*at >= v->end)
        return false;
    memcpy(&length, *at, sizeof length);
    *text = (const char *)*at + sizeof length;
    *bytes = (size_t)length;
    *at += sizeof length + length;
    return true;
}

wagle_status wg_gguf_string(wagle_ctx *ctx, wg_gguf *g, const char *key, char **out)
{
    const wg_gguf_value *v = wg_gguf_find(g, key);
    const unsigned char *at = v != NULL ? v->data : NULL;
    const char *text;
    size_t bytes;

    *out = NULL;
    if (v == NULL || v->array || v->kind != WG_GGUF_STRING ||
        !wg_gguf_next_string(v, &at, &text, &bytes))
        return WAGLE_OK;
    *out = wg_arena_text(ctx, &g->arena, text, bytes);
    return *out != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}
