/* inspect.c - what is in a model folder, safetensors (scores and masks too) or GGUF file. */
#include "io/gguf.h"
#include "io/mask.h"
#include "model/model.h"
#include <string.h>

static wagle_status add_number(wagle_ctx *ctx, json_t *o, const char *key, int64_t n)
{
    return wg_json_set(ctx, o, key, json_integer(n));
}

static json_t *shape_json(const wg_shape *s)
{
    json_t *list = json_array();

    for (int i = 0; i < s->rank; i++)
        json_array_append_new(list, json_integer(s->dim[i]));
    return list;
}

static wagle_status add_tensor(wagle_ctx *ctx, json_t *list, const char *name, const char *type,
                               const wg_shape *shape)
{
    json_t *one =
        json_pack("{s:s, s:s, s:o}", "name", name, "dtype", type, "shape", shape_json(shape));

    return one != NULL && json_array_append_new(list, one) == 0 ? WAGLE_OK : wg_json_memory(ctx);
}

static wagle_status inspect_tensors(wagle_ctx *ctx, const char *path, json_t *out)
{
    wg_tensors files;
    int64_t count = 0;
    size_t bytes = 0;
    json_t *list = json_array();
    wagle_status st = wg_tensors_open(ctx, path, &files);

    for (int64_t i = 0; st == WAGLE_OK && i < files.n; i++) {
        const wg_tensor *t = &files.tensor[i];
        count += t->count;
        bytes += t->bytes;
        st = add_tensor(ctx, list, t->name, wg_dtype_name(t->dtype), &t->shape);
    }
    if (st == WAGLE_OK)
        st = add_number(ctx, out, "files", files.n_files);
    if (st == WAGLE_OK)
        st = add_number(ctx, out, "elements", count);
    if (st == WAGLE_OK)
        st = add_number(ctx, out, "bytes", (int64_t)bytes);
    if (st == WAGLE_OK && files.metadata != NULL)
        st = wg_json_set(ctx, out, "metadata", json_incref(files.metadata));
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, out, "tensors", json_incref(list));
    json_decref(list);
    wg_tensors_close(&files);
    return st;
}

static wagle_status inspect_mask(wagle_ctx *ctx, const char *path, json_t *out)
{
    wg_mask mask;
    json_t *list = json_object();
    wagle_status st = wg_mask_read(ctx, path, &mask);

    for (int64_t i = 0; st == WAGLE_OK && i < mask.n; i++)
        st = add_number(ctx, list, mask.tensor[i].name, mask.tensor[i].selected);
    if (st == WAGLE_OK)
        st = add_number(ctx, out, "weights", mask.count);
    if (st == WAGLE_OK)
        st = add_number(ctx, out, "selected", mask.selected);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, out, "selected_by_tensor", json_incref(list));
    json_decref(list);
    wg_mask_free(&mask);
    return st;
}

static wagle_status inspect_gguf(wagle_ctx *ctx, const char *path, json_t *out)
{
    wg_gguf g;
    json_t *list = json_array();
    int64_t count = 0;
    char *architecture = NULL;
    wagle_status st = wg_gguf_open(ctx, path, &g);

    if (st == WAGLE_OK)
        st = wg_gguf_string(ctx, &g, "general.architecture", &architecture);
    for (int64_t i = 0; st == WAGLE_OK && i < g.n_tensors; i++) {
        count += g.tensor[i].count;
        st = add_tensor(ctx, list, g.tensor[i].name, wg_ggml_name(g.tensor[i].type),
                        &g.tensor[i].shape);
    }
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, out, "architecture",
                         json_string(architecture != NULL ? architecture : "?"));
    if (st == WAGLE_OK)
        st = add_number(ctx, out, "elements", count);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, out, "tensors", json_incref(list));
    json_decref(list);
    wg_gguf_close(&g);
    return st;
}

static wagle_status inspect_model(wagle_ctx *ctx, const char *path, json_t *out)
{
    wg_model *m;
    wagle_status st;

    WG_TRY(wg_model_open(ctx, path, &m));
    const struct {
        const char *key;
        int64_t value;
    } facts[] = {{"parameters", wg_model_parameters(m)},
                 {"layers", m->config.L},
                 {"hidden_size", m->config.D},
                 {"intermediate_size", m->config.F},
                 {"heads", m->config.H},
                 {"key_value_heads", m->config.K},
                 {"head_size", m->config.h},
                 {"vocabulary", m->config.V},
                 {"max_positions", m->config.max_position}};
    st = wg_json_set(ctx, out, "family", json_string(m->config.family->model_type[0]));
    for (size_t i = 0; st == WAGLE_OK && i < sizeof facts / sizeof *facts; i++)
        st = add_number(ctx, out, facts[i].key, facts[i].value);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, out, "tied_embeddings", json_boolean(m->config.tied));
    wg_model_close(m);
    return st == WAGLE_OK ? inspect_tensors(ctx, path, out) : st;
}

/* What kind of thing a path is, by its content. */
static const char *kind_of(wagle_ctx *ctx, const char *path)
{
    wg_map map;
    wg_tensors file;
    const char *format = NULL, *kind = "safetensors";

    if (wg_is_folder(path))
        return "model";
    if (wg_map_open(ctx, path, &map) != WAGLE_OK)
        return NULL;
    if (map.bytes >= 4 && memcmp(map.data, "GGUF", 4) == 0)
        kind = "gguf";
    wg_map_close(&map);
    if (strcmp(kind, "safetensors") != 0)
        return kind;
    if (wg_tensors_open(ctx, path, &file) != WAGLE_OK)
        return NULL;
    format = wg_tensors_metadata(&file, "format");
    kind = format != NULL && strcmp(format, "wagle-mask") == 0 ? "mask" : kind;
    wg_tensors_close(&file);
    return kind;
}

/* Scalars a line each, then a line a tensor. */
static wagle_status as_text(wagle_ctx *ctx, const json_t *facts, wg_text *out)
{
    const char *key;
    json_t *value, *one;
    size_t i;

    json_object_foreach ((json_t *)(uintptr_t)facts, key, value) {
        char *text;
        if (json_is_array(value))
            continue;
        WG_TRY(wg_json_text(ctx, value, false, &text));
        const wagle_status st = wg_text_printf(
            ctx, out, "%-18s %s\n", key, json_is_string(value) ? json_string_value(value) : text);
        wg_free(text);
        WG_TRY(st);
    }
    json_array_foreach (json_object_get(facts, "tensors"), i, one) {
        char *shape;
        WG_TRY(wg_json_text(ctx, json_object_get(one, "shape"), false, &shape));
        const wagle_status st = wg_text_printf(
            ctx, out, "  %-5s %-14s %s\n", json_string_value(json_object_get(one, "dtype")), shape,
            json_string_value(json_object_get(one, "name")));
        wg_free(shape);
        WG_TRY(st);
    }
    return WAGLE_OK;
}

wagle_status wagle_inspect(wagle_ctx *ctx, const char *path, bool json, char **out)
{
    json_t *facts;
    wg_text text = {0};
    wagle_status st;

    wg_begin(ctx);
    *out = NULL;
    const char *kind = kind_of(ctx, path);
    if (kind == NULL)
        return WAGLE_E_INPUT;
    facts = json_pack("{s:s, s:s}", "path", path, "kind", kind);
    st = facts == NULL                ? wg_json_memory(ctx)
         : strcmp(kind, "model") == 0 ? inspect_model(ctx, path, facts)
         : strcmp(kind, "gguf") == 0  ? inspect_gguf(ctx, path, facts)
         : strcmp(kind, "mask") == 0  ? inspect_mask(ctx, path, facts)
                                      : inspect_tensors(ctx, path, facts);
    if (st == WAGLE_OK && json)
        st = wg_json_text(ctx, facts, true, out);
    else if (st == WAGLE_OK)
        st = as_text(ctx, facts, &text);
    if (st == WAGLE_OK && !json)
        *out = wg_text_take(ctx, &text);
    wg_text_free(&text);
    json_decref(facts);
    return st;
}
