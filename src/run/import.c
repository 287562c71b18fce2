/* import.c - GGUF to a model folder: the config first, then by its roles every tensor. */
#include "run/import.h"

#include <math.h>
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

json_int_t wg_import_token(const wg_importer *m, const char *key)
{
    return (json_int_t)wg_gguf_number(&m->g, key, -1);
}

/* --- config -------------------------------------------------------------------------------- */

static double number(const wg_importer *m, const char *key, double fallback)
{
    char full[96];

    snprintf(full, sizeof full, "%s.%s", m->arch->name, key);
    return wg_gguf_number(&m->g, full, fallback);
}

static wagle_status read_architecture(wg_importer *m)
{
    static const char *const scaled[] = {"rope_factors_short.weight", "rope_factors_long.weight"};
    const wg_gguf_tensor *embed = wg_gguf_find_tensor(&m->g, "token_embd.weight");
    char *name;

    WG_TRY(wg_gguf_string(m->ctx, &m->g, "general.architecture", &name));
    m->arch = name != NULL ? wg_gguf_arch_named(name) : NULL;
    if (m->arch == NULL)
        return wg_import_refuse(m, "architecture", name);
    for (size_t i = 0; i < sizeof scaled / sizeof *scaled; i++)
        if (wg_gguf_find_tensor(&m->g, scaled[i]) != NULL)
            return wg_import_refuse(m, "tensor", scaled[i]);
    if (embed == NULL || embed->shape.rank != 2)
        return wg_import_refuse(m, "a model without a matrix", "token_embd.weight");
    m->V = embed->shape.dim[0];
    return WAGLE_OK;
}

static wagle_status set_size(const wg_importer *m, json_t *config, const char *key,
                             const char *from, double fallback)
{
    const double value = number(m, from, fallback);

    if (!(value >= 1 && value <= 1 << 24) || floor(value) != value)
        return wg_fail(m->ctx, WAGLE_E_INPUT, "%s: key '%s.%s' is missing or absurd", m->o->gguf,
                       m->arch->name, from);
    return wg_json_set(m->ctx, config, key, json_integer((json_int_t)value));
}

/* Names as GPT-2's config has them, or as all others. */
static wagle_status set_sizes(const wg_importer *m, json_t *c)
{
    const bool old = strcmp(m->arch->name, "gpt2") == 0;
    const double D = number(m, "embedding_length", 0), H = number(m, "attention.head_count", 0);
    const double h = number(m, "attention.key_length",
                            m->arch->permuted ? number(m, "rope.dimension_count", D / H) : D / H);

    WG_TRY(set_size(m, c, old ? "n_embd" : "hidden_size", "embedding_length", 0));
    WG_TRY(set_size(m, c, old ? "n_inner" : "intermediate_size", "feed_forward_length", 0));
    WG_TRY(set_size(m, c, old ? "n_layer" : "num_hidden_layers", "block_count", 0));
    WG_TRY(set_size(m, c, old ? "n_head" : "num_attention_heads", "attention.head_count", 0));
    WG_TRY(set_size(m, c, old ? "n_positions" : "max_position_embeddings", "context_length", 2048));
    if (old)
        return WAGLE_OK;
    WG_TRY(set_size(m, c, "num_key_value_heads", "attention.head_count_kv", H));
    return set_size(m, c, "head_dim", "attention.key_length", h);
}

static wagle_status set_real(const wg_importer *m, json_t *c, const char *key, double value)
{
    return value > 0 ? wg_json_set(m->ctx, c, key, json_real(value)) : WAGLE_OK;
}

static wagle_status set_features(const wg_importer *m, json_t *c)
{
    const char *name = m->arch->name;
    const double window = number(m, "attention.sliding_window", 0);
    const double D = number(m, "embedding_length", 0), H = number(m, "attention.head_count", 1);
    const double h = number(m, "attention.key_length", D / H);

    WG_TRY(set_real(m, c, strcmp(name, "gpt2") == 0 ? "layer_norm_epsilon" : "rms_norm_eps",
                    number(m, m->arch->eps_key, 1e-5)));
    if (strcmp(name, "gpt2") == 0)
        return WAGLE_OK;
    WG_TRY(set_real(m, c, "rope_theta", number(m, "rope.freq_base", 10000)));
    if (window > 0)
        WG_TRY(wg_json_set(m->ctx, c, "sliding_window", json_integer((json_int_t)window)));
    if (strcmp(name, "gemma2") ==
        0) { /* 27B, of 46 layers, scales by the width of a head's share */
        WG_TRY(
            set_real(m, c, "query_pre_attn_scalar", number(m, "block_count", 0) == 46 ? D / H : h));
        WG_TRY(set_real(m, c, "attn_logit_softcapping", number(m, "attn_logit_softcapping", 50)));
        WG_TRY(set_real(m, c, "final_logit_softcapping", number(m, "final_logit_softcapping", 30)));
    }
    if (strcmp(name, "phi3") == 0)
        WG_TRY(set_real(m, c, "partial_rotary_factor", number(m, "rope.dimension_count", h) / h));
    return strcmp(name, "gemma") == 0 || strcmp(name, "gemma2") == 0
               ? wg_json_set(m->ctx, c, "hidden_activation", json_string("gelu_pytorch_tanh"))
               : WAGLE_OK;
}

static bool makes_factors(const wg_config *like, const float *factor, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const double want = wg_rope_factor(like, 0, i);
        if (!(fabs((double)factor[i] - want) <= 1e-4 * want))
            return false;
    }
    return true;
}

/* Llama 3's scaling of positions is stored as what it divides each frequency by. The largest is its
 * factor; with the bounds that all such models have, some pre-training length makes the others, or
 * it is refused. */
static wagle_status set_rope_scaling(const wg_importer *m, json_t *c)
{
    const wg_gguf_tensor *t = wg_gguf_find_tensor(&m->g, "rope_freqs.weight");
    wg_config like = {
        .rope = {{WG_ROPE_LLAMA3, number(m, "rope.freq_base", 10000), 1, 1, 4, 32, 1, {0}}}};
    float factor[WG_PAIRS_MOST];

    if (t == NULL)
        return WAGLE_OK;
    if (t->shape.rank != 1 || t->count > WG_PAIRS_MOST || wg_ggml_block(t->type) != 1)
        return wg_import_refuse(m, "tensor", t->name);
    wg_gguf_dequantise(t, 0, t->count, factor);
    like.r = 2 * t->count;
    for (int64_t i = 0; i < t->count; i++)
        like.rope[0].factor = fmax(like.rope[0].factor, (double)factor[i]);
    while (!makes_factors(&like, factor, t->count)) {
        like.rope[0].original *= 2;
        if (like.rope[0].original > 1 << 24)
            return wg_import_refuse(m, "scaling of positions other than Llama 3's, in", t->name);
    }
    return wg_json_set(m->ctx, c, "rope_scaling",
                       json_pack("{s:s, s:f, s:f, s:f, s:i}", "rope_type", "llama3", "factor",
                                 like.rope[0].factor, "low_freq_factor", 1.0, "high_freq_factor",
                                 4.0, "original_max_position_embeddings",
                                 (int)like.rope[0].original));
}

static json_t *id_or_null(json_int_t id)
{
    return id >= 0 ? json_integer(id) : json_null();
}

/* Biases that a family may have or not. */
static json_t *has_bias(const wg_importer *m, const char *tensor)
{
    return json_boolean(m->arch->permuted && wg_gguf_find_tensor(&m->g, tensor) != NULL);
}

static wagle_status write_config(wg_importer *m)
{
    const json_int_t bos = wg_import_token(m, "tokenizer.ggml.bos_token_id");
    const json_int_t eos = wg_import_token(m, "tokenizer.ggml.eos_token_id");
    const char *dtype = m->dtype == WG_BF16  ? "bfloat16"
                        : m->dtype == WG_F16 ? "float16"
                                             : "float32";
    json_t *c =
        json_pack("{s:[s], s:s, s:s, s:I, s:b, s:o, s:o, s:o, s:o}", "architectures",
                  m->arch->class_name, "model_type", m->arch->model_type, "dtype", dtype,
                  "vocab_size", (json_int_t)m->V, "tie_word_embeddings",
                  (int)(wg_gguf_find_tensor(&m->g, "output.weight") == NULL), "attention_bias",
                  has_bias(m, "blk.0.attn_q.bias"), "mlp_bias", has_bias(m, "blk.0.ffn_gate.bias"),
                  "bos_token_id", id_or_null(bos), "eos_token_id", id_or_null(eos));
    wagle_status st = c != NULL ? set_sizes(m, c) : wg_json_memory(m->ctx);

    if (st == WAGLE_OK)
        st = set_features(m, c);
    if (st == WAGLE_OK)
        st = set_rope_scaling(m, c);
    if (st != WAGLE_OK) {
        json_decref(c);
        return st;
    }
    WG_TRY(wg_import_put(m, "config.json", c));
    return wg_import_put(m, "generation_config.json",
                         json_pack("{s:b, s:o, s:o}", "_from_model_config", 1, "bos_token_id",
                                   id_or_null(bos), "eos_token_id", id_or_null(eos)));
}

/* --- tensors ------------------------------------------------------------------------------- */

/* A tensor of the folder, and where it comes from. */
typedef struct entry {
    wg_role role;
    const wg_gguf_tensor *from;
} entry;

/* All of a tensor stored [out, in], as [in, out]. */
static wagle_status write_turned(const wg_importer *m, const wg_gguf_tensor *t, wg_output *out)
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
        wg_from_float(m->dtype, row, O, stored);
        WG_TRY_GOTO(wg_output_write(m->ctx, out, stored, (size_t)O * wg_dtype_size(m->dtype)),
                    done);
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
    const size_t bytes = (size_t)width * wg_dtype_size(m->dtype);
    const float less = c->family->norm_plus_one && wg_is_norm(e->role) ? 1 : 0;
    float *row = NULL;
    char *stored = NULL;
    wagle_status st;

    WG_TRY_GOTO(WG_ALLOC(m->ctx, &row, width), done);
    WG_TRY_GOTO(WG_ALLOC(m->ctx, &stored, (int64_t)bytes), done);
    for (int64_t r = 0; r < rows; r++) {
        wg_gguf_dequantise(t, (permuted ? wg_gguf_row(r, c->h) : r) * width, width, row);
        for (int64_t i = 0; less > 0 && i < width; i++)
            row[i] -= less;
        wg_from_float(m->dtype, row, width, stored);
        WG_TRY_GOTO(wg_output_write(m->ctx, out, stored, bytes), done);
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
    if (wg_gguf_turned(c, role, &shape))
        stored = (wg_shape){2, {shape.dim[1], shape.dim[0]}};
    if (!wg_shape_equal(&t->shape, &stored))
        return wg_fail(m->ctx, WAGLE_E_INPUT, "%s: tensor '%s': shape %s, expected %s", m->o->gguf,
                       theirs, wg_shape_text(&t->shape, found), wg_shape_text(&stored, expected));
    list[*n] = (wg_tensor){.name = wg_arena_text(m->ctx, &m->g.arena, ours, strlen(ours)),
                           .dtype = m->dtype,
                           .shape = shape,
                           .bytes = (size_t)t->count * wg_dtype_size(m->dtype)};
    from[(*n)++] = (entry){role, t};
    return list[*n - 1].name != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

/* Every tensor that the config asks for, and none that it does not. */
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
        if (k == *n && strcmp(m->g.tensor[i].name, "rope_freqs.weight") != 0)
            return wg_import_refuse(m, "tensor", m->g.tensor[i].name);
    }
    return WAGLE_OK;
}

static wagle_status write_tensors(wg_importer *m, const wg_config *c, const char *path)
{
    entry *from = NULL;
    wg_tensor *list = NULL;
    wg_output out = {.fd = -1};
    int64_t n;
    json_t *facts = json_pack("{s:s}", "format", "pt");
    wagle_status st;

    WG_TRY_GOTO(WG_ALLOC(m->ctx, &from, m->g.n_tensors), done);
    WG_TRY_GOTO(WG_ALLOC(m->ctx, &list, m->g.n_tensors), done);
    WG_TRY_GOTO(describe_all(m, c, list, from, &n), done);
    WG_TRY_GOTO(wg_output_open(m->ctx, path, true, &out), done);
    WG_TRY_GOTO(wg_safetensors_header(m->ctx, &out, list, n, facts, NULL), done);
    for (int64_t i = 0; i < n; i++) {
        WG_TRY_GOTO(wg_gguf_turned(c, from[i].role, &list[i].shape)
                        ? write_turned(m, from[i].from, &out)
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

void wagle_import_defaults(wagle_import_options *o)
{
    *o = (wagle_import_options){.dtype = "bf16"};
}

static wagle_status import(wg_importer *m)
{
    wg_text t = {0};
    wagle_status st;

    WG_TRY(read_architecture(m));
    WG_TRY(wg_text_printf(m->ctx, &t, "%s.partial", m->o->out));
    m->partial = t.text;
    wg_remove_tree(m->partial);
    st = wg_make_folder(m->ctx, m->partial);
    if (st == WAGLE_OK)
        st = write_config(m);
    if (st == WAGLE_OK)
        st = wg_import_tokenizer(m);
    if (st == WAGLE_OK)
        st = write_weights(m);
    if (st == WAGLE_OK)
        st = wg_replace_folder(m->ctx, m->partial, m->o->out);
    if (st != WAGLE_OK)
        wg_remove_tree(m->partial);
    wg_free(m->partial);
    return st;
}

wagle_status wagle_import(wagle_ctx *ctx, const wagle_import_options *o)
{
    wg_importer m = {.ctx = ctx, .o = o};
    wagle_status st;

    wg_begin(ctx);
    if (o->gguf == NULL || o->out == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "import wants FILE.gguf and --out DIR");
    WG_TRY(wg_weight_dtype(ctx, o->dtype, &m.dtype));
    WG_TRY(wg_check_absent(ctx, o->out, o->force));
    WG_TRY(wg_gguf_open(ctx, o->gguf, &m.g));
    st = import(&m);
    wg_gguf_close(&m.g);
    return st;
}
