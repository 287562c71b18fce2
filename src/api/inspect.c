/* inspect.c - what is in a model folder, safetensors (scores and masks too) or GGUF file. */
#include "api/inspect_file.h"

#include "base/options.h"
#include "data/dataset.h"
#include "gguf/reader.h"
#include "gguf/unpack.h"
#include "io/mask.h"
#include "io/patch.h"
#include "mask/topk.h"
#include "model/model.h"
#include "session/session.h"
#include "text/chat.h"
#include "text/tokenizer.h"
#include <stdio.h>
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

/* How scores and masks were made, and a checkpoint's run: metadata as facts. */
static wagle_status inspect_made(wagle_ctx *ctx, const char *path, json_t *out)
{
    wg_tensors file;
    wagle_status st = wg_tensors_open(ctx, path, &file);

    if (st == WAGLE_OK)
        st = wg_inspect_metadata(ctx, &file, out);
    wg_tensors_close(&file);
    return st;
}

/* Whole neurons that a mask selects of each matrix, where it is made of such: rows, or columns of
 * matrices that the file lists as transposed, or of which only columns are whole. */
static wagle_status add_neurons(wagle_ctx *ctx, const wg_mask *mask, const json_t *transposed,
                                json_t *out)
{
    json_t *list = json_object();
    int64_t total = 0, weights = 0;
    wagle_status st = list != NULL ? WAGLE_OK : wg_json_memory(ctx);

    for (int64_t i = 0; st == WAGLE_OK && i < mask->n; i++) {
        const wg_mask_tensor *t = &mask->tensor[i];
        bool columns = wg_transposed_has(transposed, t->name);
        int64_t n = t->shape.rank == 2 && t->selected > 0
                        ? wg_mask_slices(t->bits, &t->shape, columns)
                        : -1;
        if (n < 0 && !columns && t->shape.rank == 2 && t->selected > 0) {
            columns = true;
            n = wg_mask_slices(t->bits, &t->shape, columns);
        }
        if (n < 0)
            continue;
        total += n;
        weights += t->selected;
        st = wg_json_set(ctx, list, t->name,
                         json_pack("{s:I, s:I, s:s}", "selected", (json_int_t)n, "of",
                                   (json_int_t)t->shape.dim[columns ? 1 : 0], "stored_as",
                                   columns ? "columns" : "rows"));
    }
    if (st == WAGLE_OK && total > 0 && weights == mask->selected)
        st = add_number(ctx, out, "neurons", total);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, out, "neurons_by_tensor", json_incref(list));
    json_decref(list);
    return st;
}

/* How a mask was made, and its neurons. */
static wagle_status inspect_mask_file(wagle_ctx *ctx, const char *path, const wg_mask *mask,
                                      json_t *out)
{
    wg_tensors file;
    json_t *transposed = NULL;
    wagle_status st = wg_tensors_open(ctx, path, &file);

    if (st == WAGLE_OK)
        st = wg_inspect_metadata(ctx, &file, out);
    if (st == WAGLE_OK)
        st = wg_transposed_read(ctx, &file, &transposed);
    if (st == WAGLE_OK)
        st = add_neurons(ctx, mask, transposed, out);
    json_decref(transposed);
    wg_tensors_close(&file);
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
        st = inspect_mask_file(ctx, path, &mask, out);
    if (st == WAGLE_OK)
        st = add_number(ctx, out, "weights", mask.count);
    if (st == WAGLE_OK)
        st = add_number(ctx, out, "selected", mask.selected);
    if (st == WAGLE_OK)
        st =
            wg_json_set(ctx, out, "share",
                        json_real(mask.count > 0 ? (double)mask.selected / (double)mask.count : 0));
    if (st == WAGLE_OK)
        st = add_number(ctx, out, "tensor_count", mask.n);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, out, "selected_by_tensor", json_incref(list));
    json_decref(list);
    wg_mask_free(&mask);
    return st;
}

/* Scores, checkpoints and others: what they say of themselves, then their tensors. */
static wagle_status inspect_scores(wagle_ctx *ctx, const char *path, json_t *out)
{
    WG_TRY(inspect_made(ctx, path, out));
    return inspect_tensors(ctx, path, out);
}

/* A tensor of a patch; where it stores rows or columns, how many of how many, and how many weights
 * of these kept their values. */
static wagle_status add_patched(wagle_ctx *ctx, json_t *list, const wg_patch_tensor *t)
{
    const bool columns = t->form == WG_PATCH_COLUMNS;
    json_t *one = json_pack("{s:s, s:o, s:s, s:I, s:s, s:s}", "dtype", wg_dtype_name(t->dtype),
                            "shape", shape_json(&t->shape), "name", t->name, "changed",
                            (json_int_t)t->changed, "before", t->before, "after", t->after);
    wagle_status st = one != NULL ? WAGLE_OK : wg_json_memory(ctx);

    if (st == WAGLE_OK && t->form != WG_PATCH_INDEX) {
        st = add_number(ctx, one, columns ? "columns" : "rows", t->slices);
        if (st == WAGLE_OK)
            st = add_number(ctx, one, "of", t->shape.dim[columns ? 1 : 0]);
        if (st == WAGLE_OK)
            st = add_number(ctx, one, "kept", t->kept);
    }
    if (st == WAGLE_OK && json_array_append(list, one) != 0)
        st = wg_json_memory(ctx);
    json_decref(one);
    return st;
}

static wagle_status inspect_patch(wagle_ctx *ctx, const char *path, json_t *out)
{
    json_t *list = json_array();
    wg_patch p = {0};
    int64_t by_slices = 0;
    wagle_status st = list != NULL ? wg_patch_open(ctx, path, &p) : wg_json_memory(ctx);

    for (int64_t i = 0; st == WAGLE_OK && i < p.n; i++) {
        by_slices += p.tensor[i].form != WG_PATCH_INDEX;
        st = add_patched(ctx, list, &p.tensor[i]);
    }
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, out, "patch", json_string(p.hash));
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, out, "old_values", json_string(p.keeps_old ? "kept" : "hashed"));
    if (st == WAGLE_OK)
        st = add_number(ctx, out, "touched_tensors", p.n);
    if (st == WAGLE_OK)
        st = add_number(ctx, out, "tensors_by_rows", by_slices);
    if (st == WAGLE_OK)
        st = add_number(ctx, out, "changed_weights", p.changed);
    if (st == WAGLE_OK)
        st = add_number(ctx, out, "bytes", (int64_t)p.bytes);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, out, "tensors", json_incref(list));
    if (p.n > 0)
        wg_patch_close(&p);
    json_decref(list);
    return st;
}

/* "BF16 98.5 %, F32 1.5 %": the types' names, and weights [n] of each. */
static wagle_status add_types(wagle_ctx *ctx, int n, const char *const *name,
                              const int64_t *weights, json_t *out)
{
    wg_text text = {0};
    wagle_status st = WAGLE_OK;
    int64_t total = 0;

    for (int i = 0; i < n; i++)
        total += weights[i];
    for (int i = 0; st == WAGLE_OK && i < n; i++)
        if (weights[i] > 0)
            st = wg_text_printf(ctx, &text, "%s%s %.4g %%", text.bytes > 0 ? ", " : "", name[i],
                                100.0 * (double)weights[i] / (double)total);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, out, "types", json_string(text.text != NULL ? text.text : ""));
    wg_text_free(&text);
    return st;
}

static wagle_status add_model_types(wagle_ctx *ctx, const wg_model *m, json_t *out)
{
    const char *name[WG_BF16 + 1];
    int64_t weights[WG_BF16 + 1] = {0};

    for (int type = 0; type <= WG_BF16; type++)
        name[type] = wg_dtype_name((wg_dtype)type);
    for (int t = 0; t < m->files.n; t++)
        if (wg_model_is_weight(m, t))
            weights[m->files.tensor[t].dtype] += m->files.tensor[t].count;
    return add_types(ctx, WG_BF16 + 1, name, weights, out);
}

static wagle_status add_gguf_types(wagle_ctx *ctx, const wg_gguf *g, json_t *out)
{
    enum { MOST = 64 };
    const char *name[MOST];
    int64_t weights[MOST] = {0};
    int n = 0;

    for (uint32_t type = 0; type < MOST; type++)
        if (wg_ggml_name(type) != NULL) {
            for (int64_t i = 0; i < g->n_tensors; i++)
                weights[n] += g->tensor[i].type == type ? g->tensor[i].count : 0;
            name[n++] = wg_ggml_name(type);
        }
    return add_types(ctx, n, name, weights, out);
}

/* "<end> (256)": the token's text as JSON escapes it, and its id. */
static wagle_status name_token(wagle_ctx *ctx, const wagle_tokenizer *t, int32_t id, wg_text *out)
{
    const bool known = t != NULL && id < t->n_ids && t->token[id] != NULL;

    return wg_text_printf(ctx, out, "%s%s (%d)", out->bytes > 0 ? ", " : "",
                          known ? t->token[id] : "no token of the tokenizer", id);
}

/* What is appended to a text, and at what a generated one stops. t may be NULL. */
static wagle_status add_ends(wagle_ctx *ctx, const wg_config *c, const wagle_tokenizer *t,
                             json_t *out)
{
    const wg_reader reader = {.eos = c->n_eos > 0 ? c->eos[0] : -1,
                              .tokenizer = (wagle_tokenizer *)(uintptr_t)t};
    const int32_t eos = wg_reader_eos(&reader);
    wg_text text = {0}, stops = {0};
    wagle_status st = eos >= 0 ? name_token(ctx, t, eos, &text) : wg_text_addz(ctx, &text, "none");

    for (int i = 0; st == WAGLE_OK && i < c->n_eos; i++)
        st = name_token(ctx, t, c->eos[i], &stops);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, out, "end_of_text", json_string(text.text));
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, out, "stops_at", json_string(c->n_eos > 0 ? stops.text : "none"));
    wg_text_free(&text);
    wg_text_free(&stops);
    return st;
}

/* Kind of the tokenizer and layout of chats; neither need be there. */
static wagle_status add_text_facts(wagle_ctx *ctx, const char *path, const wg_config *c,
                                   json_t *out)
{
    wagle_tokenizer *t = NULL;
    wagle_status st;
    wg_chat *chat = NULL;
    bool there = false;
    char what[96] = "none";

    if (wg_tokenizer_open(ctx, path, &t) == WAGLE_OK) {
        snprintf(what, sizeof what, "%s, %lld tokens",
                 t->kind == WG_MODEL_UNIGRAM     ? "Unigram"
                 : t->kind == WG_MODEL_WORDPIECE ? "WordPiece"
                 : t->kind == WG_MODEL_WORDLEVEL ? "WordLevel"
                 : t->byte_level                 ? "BPE of bytes"
                 : t->byte_fallback              ? "BPE of characters, bytes for the rest"
                                                 : "BPE of characters",
                 (long long)t->n_ids);
    }
    wg_forget_failure(ctx);
    st = wg_json_set(ctx, out, "tokenizer", json_string(what));
    if (st == WAGLE_OK)
        st = add_ends(ctx, c, t, out);
    wagle_tokenizer_free(t);
    WG_TRY(st);
    st = wg_chat_present(ctx, path, &there);
    if (st == WAGLE_OK && there)
        st = wg_chat_open(ctx, path, NULL, &chat);
    st = wg_json_set(ctx, out, "chat_template",
                     st != WAGLE_OK ? json_string(wagle_message(ctx))
                                    : json_string(chat != NULL ? wg_chat_name(chat) : "none"));
    wg_forget_failure(ctx);
    wg_chat_free(chat);
    return st;
}

static wagle_status add_ignored(wagle_ctx *ctx, const wg_model *m, json_t *out)
{
    wg_text keys = {0};
    wagle_status st = wg_config_ignored(ctx, m->folder, m->config.family, &keys);

    if (st == WAGLE_OK && keys.text != NULL)
        st = wg_json_set(ctx, out, "ignored_keys", json_string(keys.text));
    wg_text_free(&keys);
    return st;
}

static wagle_status add_layers(wagle_ctx *ctx, const wg_model *m, json_t *out)
{
    json_t *list = json_array();
    wagle_status st = list != NULL ? WAGLE_OK : wg_json_memory(ctx);

    for (int64_t l = 0; st == WAGLE_OK && l < m->config.L; l++) {
        int64_t parameters = 0, bytes = 0, n = 0;
        for (int role = WG_LAYER_ROLES; role < wg_config_roles(&m->config); role++) {
            const int t = wg_model_tensor(m, (wg_role)role, l);
            if (t < 0)
                continue;
            parameters += m->files.tensor[t].count;
            bytes += (int64_t)m->files.tensor[t].bytes;
            n++;
        }
        json_t *one =
            json_pack("{s:I, s:I, s:I, s:I, s:I}", "layer", (json_int_t)l, "tensors", (json_int_t)n,
                      "parameters", (json_int_t)parameters, "bytes", (json_int_t)bytes, "window",
                      (json_int_t)(wg_config_windowed(&m->config, l) ? m->config.window : 0));
        st = one != NULL && json_array_append_new(list, one) == 0 ? WAGLE_OK : wg_json_memory(ctx);
    }
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, out, "layer_list", json_incref(list));
    json_decref(list);
    return st;
}

/* parameters 0: not told. */
static wagle_status add_config(wagle_ctx *ctx, const wg_config *c, int64_t parameters, json_t *out)
{
    const struct {
        const char *key;
        int64_t value;
    } facts[] = {{"parameters", parameters},
                 {"layers", c->L},
                 {"hidden_size", c->D},
                 {"intermediate_size", c->F},
                 {"heads", c->H},
                 {"key_value_heads", c->K},
                 {"head_size", c->h},
                 {"vocabulary", c->V},
                 {"max_positions", c->max_position},
                 {"sliding_window", c->family->chunked ? 0 : c->window},
                 {"attention_chunk", c->family->chunked ? c->window : 0},
                 {"experts", c->X},
                 {"experts_per_token", c->used},
                 {"expert_size", c->FX},
                 {"shared_expert_size", c->FS}};
    wagle_status st = wg_json_set(ctx, out, "family", json_string(c->family->model_type[0]));

    for (size_t i = 0; st == WAGLE_OK && i < sizeof facts / sizeof *facts; i++)
        st = facts[i].value > 0 ? add_number(ctx, out, facts[i].key, facts[i].value) : WAGLE_OK;
    return st == WAGLE_OK ? wg_json_set(ctx, out, "tied_embeddings", json_boolean(c->tied)) : st;
}

/* The facts of the model that import makes of the file, or why it makes none. */
static wagle_status add_imported(wagle_ctx *ctx, const char *path, json_t *out)
{
    char *folder = NULL;
    wg_config config;
    wagle_status st = wg_gguf_unpack_texts(ctx, path, &folder);

    if (st == WAGLE_OK)
        st = wg_config_read(ctx, folder, &config);
    if (st == WAGLE_OK) {
        st = add_config(ctx, &config, 0, out);
        if (st == WAGLE_OK)
            st = add_text_facts(ctx, folder, &config, out);
    } else if (st == WAGLE_E_INPUT) {
        st = wg_json_set(ctx, out, "not_read", json_string(wagle_message(ctx)));
        wg_forget_failure(ctx);
    }
    wg_unpacked_remove(folder);
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
        st = add_gguf_types(ctx, &g, out);
    if (st == WAGLE_OK)
        st = add_imported(ctx, path, out);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, out, "tensors", json_incref(list));
    json_decref(list);
    wg_gguf_close(&g);
    return st;
}

static wagle_status inspect_model(wagle_ctx *ctx, const wagle_inspect_options *o, json_t *out)
{
    wg_model *m;
    wagle_status st;

    WG_TRY(wg_model_open(ctx, o->path, &m));
    st = add_config(ctx, &m->config, wg_model_parameters(m), out);
    if (st == WAGLE_OK)
        st = add_ignored(ctx, m, out);
    if (st == WAGLE_OK)
        st = add_model_types(ctx, m, out);
    if (st == WAGLE_OK)
        st = add_text_facts(ctx, o->path, &m->config, out);
    if (st == WAGLE_OK && o->layers)
        st = add_layers(ctx, m, out);
    wg_model_close(m);
    return st == WAGLE_OK ? inspect_tensors(ctx, o->path, out) : st;
}

static wagle_status inspect_json(wagle_ctx *ctx, const char *path, json_t *out)
{
    const char *kind;
    json_t *root = NULL;
    wagle_status st = wg_inspect_json_kind(ctx, path, &root, &kind);

    if (st == WAGLE_OK)
        st = wg_json_set(ctx, out, "kind", json_string(kind));
    if (st == WAGLE_OK)
        st = wg_inspect_json(ctx, kind, root, out);
    json_decref(root);
    return st;
}

/* A folder without config.json that a run left. */
static bool is_unfinished(wagle_ctx *ctx, const char *path)
{
    char *config = wg_path_join(ctx, path, "config.json");
    char *checkpoint = wg_path_join(ctx, path, "checkpoint.safetensors");
    const bool is =
        config != NULL && checkpoint != NULL && !wg_exists(config) && wg_exists(checkpoint);

    wg_free(config);
    wg_free(checkpoint);
    return is;
}

/* What kind of thing a path is, by its content. */
static const char *kind_of(wagle_ctx *ctx, const char *path)
{
    wg_map map;
    wg_tensors file;
    const char *kind = "safetensors";

    if (wg_is_folder(path))
        return is_unfinished(ctx, path) ? "run" : "model";
    if (wg_map_open(ctx, path, &map) != WAGLE_OK)
        return NULL;
    if (map.bytes >= 4 && memcmp(map.data, "GGUF", 4) == 0)
        kind = "gguf";
    else if (map.bytes > 0 && map.data[0] == '{' && wg_ends_with(path, ".json"))
        kind = "json";
    wg_map_close(&map);
    if (strcmp(kind, "safetensors") != 0)
        return kind;
    if (wg_tensors_open(ctx, path, &file) != WAGLE_OK)
        return NULL;
    kind = wg_inspect_kind(&file);
    wg_tensors_close(&file);
    return kind;
}

/* A run that did not end: the step of its checkpoint. */
static wagle_status inspect_run(wagle_ctx *ctx, const char *path, json_t *out)
{
    char *file = wg_path_join(ctx, path, "checkpoint.safetensors");
    wagle_status st = file != NULL ? inspect_scores(ctx, file, out) : WAGLE_E_RESOURCE;

    wg_free(file);
    return st;
}

/* A line for each of a list's objects: its values, numbers named. */
static wagle_status lines(wagle_ctx *ctx, const json_t *list, const char *const *keys, wg_text *out)
{
    const json_t *one;
    size_t i;

    json_array_foreach (list, i, one) {
        for (const char *const *key = keys; *key != NULL; key++) {
            const json_t *value = json_object_get(one, *key);
            char *text;
            if (value == NULL)
                continue;
            WG_TRY(wg_json_text(ctx, value, false, &text));
            const wagle_status st =
                json_is_string(value)
                    ? wg_text_printf(ctx, out, "  %-5s", json_string_value(value))
                    : wg_text_printf(ctx, out, "  %s%s%-10s", json_is_array(value) ? "" : *key,
                                     json_is_array(value) ? "" : " ", text);
            wg_free(text);
            WG_TRY(st);
        }
        while (out->bytes > 0 && out->text[out->bytes - 1] == ' ')
            out->text[--out->bytes] = '\0';
        WG_TRY(wg_text_addz(ctx, out, "\n"));
    }
    return WAGLE_OK;
}

/* A line for each weight tensor that a mask selects of. */
static wagle_status selected_lines(wagle_ctx *ctx, const json_t *facts, wg_text *out)
{
    const char *name;
    json_t *value;

    json_object_foreach (json_object_get(facts, "selected_by_tensor"), name, value) {
        const json_t *neurons = json_object_get(json_object_get(facts, "neurons_by_tensor"), name);
        WG_TRY(
            wg_text_printf(ctx, out, "  %12lld  %s", (long long)json_integer_value(value), name));
        if (neurons != NULL)
            WG_TRY(
                wg_text_printf(ctx, out, "  neurons: %lld of %lld",
                               (long long)json_integer_value(json_object_get(neurons, "selected")),
                               (long long)json_integer_value(json_object_get(neurons, "of"))));
        WG_TRY(wg_text_addz(ctx, out, "\n"));
    }
    return WAGLE_OK;
}

/* Scalars on one line each, then one line per layer and per tensor. */
static wagle_status as_text(wagle_ctx *ctx, const json_t *facts, bool tensors, wg_text *out)
{
    static const char *const layer[] = {"layer", "tensors", "parameters", "bytes", "window", NULL};
    static const char *const tensor[] = {"dtype",   "shape", "name", "changed", "rows",
                                         "columns", "of",    "kept", NULL};
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)facts, key, value) {
        char *text;
        if (json_is_array(value) || json_is_object(value))
            continue;
        if (json_is_real(value)) {
            WG_TRY(wg_text_printf(ctx, out, "%-18s %.9g\n", key, json_real_value(value)));
            continue;
        }
        WG_TRY(wg_json_text(ctx, value, false, &text));
        const wagle_status st = wg_text_printf(
            ctx, out, "%-18s %s\n", key, json_is_string(value) ? json_string_value(value) : text);
        wg_free(text);
        WG_TRY(st);
    }
    WG_TRY(lines(ctx, json_object_get(facts, "layer_list"), layer, out));
    if (tensors)
        WG_TRY(selected_lines(ctx, facts, out));
    return lines(ctx, json_object_get(facts, "tensors"), tensor, out);
}

static wagle_status inspect_kind(wagle_ctx *ctx, const wagle_inspect_options *o, const char *kind,
                                 json_t *facts)
{
    static const struct {
        const char *kind;
        wagle_status (*inspect)(wagle_ctx *ctx, const char *path, json_t *out);
    } kinds[] = {{"gguf", inspect_gguf},         {"mask", inspect_mask},
                 {"patch", inspect_patch},       {"scores", inspect_scores},
                 {"checkpoint", inspect_scores}, {"run", inspect_run},
                 {"json", inspect_json}};

    if (strcmp(kind, "model") == 0)
        return inspect_model(ctx, o, facts);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].kind, kind) == 0)
            return kinds[i].inspect(ctx, o->path, facts);
    return inspect_scores(ctx, o->path, facts);
}

WG_DEFAULTS(wagle_inspect_defaults, wagle_inspect_options, 0)

wagle_status wagle_inspect(wagle_ctx *ctx, const wagle_inspect_options *given, char **out)
{
    wagle_inspect_options own;
    const wagle_inspect_options *o = &own;
    json_t *facts;
    wg_text text = {0};
    wagle_status st;

    wg_begin(ctx);
    *out = NULL;
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_inspect));
    const char *kind = kind_of(ctx, o->path);
    if (kind == NULL)
        return WAGLE_E_INPUT;
    facts = json_pack("{s:s*, s:o, s:s}", "schema", o->json ? "wagle-inspect-1" : NULL, "path",
                      wg_json_bytes(o->path), "kind", kind);
    st = facts != NULL ? inspect_kind(ctx, o, kind, facts) : wg_json_memory(ctx);
    if (o->layers && strcmp(kind, "model") != 0)
        wg_log(ctx, 0, "@{layers} has no effect: %s is not a model", o->path);
    if (st == WAGLE_OK && !o->tensors)
        json_object_del(facts, "tensors");
    if (st == WAGLE_OK && o->json)
        st = wg_json_text(ctx, facts, true, out);
    else if (st == WAGLE_OK)
        st = as_text(ctx, facts, o->tensors, &text);
    if (st == WAGLE_OK && !o->json)
        *out = wg_text_take(ctx, &text);
    wg_text_free(&text);
    json_decref(facts);
    return st;
}

wagle_status wagle_sha256(wagle_ctx *ctx, const char *path, char out[65])
{
    wg_begin(ctx);
    out[0] = '\0';
    return wg_sha256_path(ctx, path, "", out);
}
