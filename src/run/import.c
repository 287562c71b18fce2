/* import.c - GGUF to a model folder: names, q/k rows, types, config, tokenizer, chat template. */
#include "io/gguf.h"
#include "io/safetensors.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct importer {
    wagle_ctx *ctx;
    const wagle_import_options *o;
    wg_gguf g;
    wg_dtype dtype;
    char *partial;
    int64_t V, D, F, L, H, K, h;
} importer;

/* Where llama.cpp's names go; %d is the layer. permuted: rows of heads were interleaved. */
static const struct rename {
    const char *from, *to;
    bool permuted;
} renames[] = {
    {"token_embd.weight", "model.embed_tokens.weight", false},
    {"output_norm.weight", "model.norm.weight", false},
    {"output.weight", "lm_head.weight", false},
    {"blk.%d.attn_norm.weight", "model.layers.%d.input_layernorm.weight", false},
    {"blk.%d.attn_q.weight", "model.layers.%d.self_attn.q_proj.weight", true},
    {"blk.%d.attn_k.weight", "model.layers.%d.self_attn.k_proj.weight", true},
    {"blk.%d.attn_v.weight", "model.layers.%d.self_attn.v_proj.weight", false},
    {"blk.%d.attn_output.weight", "model.layers.%d.self_attn.o_proj.weight", false},
    {"blk.%d.ffn_norm.weight", "model.layers.%d.post_attention_layernorm.weight", false},
    {"blk.%d.ffn_gate.weight", "model.layers.%d.mlp.gate_proj.weight", false},
    {"blk.%d.ffn_up.weight", "model.layers.%d.mlp.up_proj.weight", false},
    {"blk.%d.ffn_down.weight", "model.layers.%d.mlp.down_proj.weight", false},
};
enum { RENAMES = sizeof renames / sizeof *renames };

static wagle_status refuse(const importer *m, const char *what, const char *name)
{
    return wg_fail(m->ctx, WAGLE_E_INPUT, "%s: %s '%.64s' is not supported", m->o->gguf, what,
                   name != NULL ? name : "(none)");
}

static wagle_status size_of(const importer *m, const char *key, double fallback, int64_t *out)
{
    char full[96];
    double value;

    snprintf(full, sizeof full, "llama.%s", key);
    value = wg_gguf_number(&m->g, full, fallback);
    *out = (int64_t)value;
    if (!(value >= 1 && value <= 1 << 24) || (double)*out != value)
        return wg_fail(m->ctx, WAGLE_E_INPUT, "%s: key '%s' is missing or absurd", m->o->gguf,
                       full);
    return WAGLE_OK;
}

static wagle_status read_sizes(importer *m)
{
    const wg_gguf_tensor *embed = wg_gguf_find_tensor(&m->g, "token_embd.weight");
    char *architecture;

    WG_TRY(wg_gguf_string(m->ctx, &m->g, "general.architecture", &architecture));
    if (architecture == NULL || strcmp(architecture, "llama") != 0)
        return refuse(m, "architecture", architecture);
    if (wg_gguf_find_tensor(&m->g, "rope_freqs.weight") != NULL)
        return refuse(m, "tensor", "rope_freqs.weight");
    WG_TRY(size_of(m, "embedding_length", 0, &m->D));
    WG_TRY(size_of(m, "feed_forward_length", 0, &m->F));
    WG_TRY(size_of(m, "block_count", 0, &m->L));
    WG_TRY(size_of(m, "attention.head_count", 0, &m->H));
    WG_TRY(size_of(m, "attention.head_count_kv", (double)m->H, &m->K));
    WG_TRY(size_of(m, "rope.dimension_count", (double)(m->D / m->H), &m->h));
    if (embed == NULL || embed->shape.rank != 2)
        return refuse(m, "a model without a matrix", "token_embd.weight");
    m->V = embed->shape.dim[0];
    return WAGLE_OK;
}

/* --- tensors --------------------------------------------------------------------------------- */

static const struct rename *find_rename(const char *name, int *layer)
{
    char candidate[128];

    *layer = 0;
    sscanf(name, "blk.%d.", layer);
    for (int i = 0; i < RENAMES; i++) {
        snprintf(candidate, sizeof candidate, renames[i].from, *layer);
        if (strcmp(candidate, name) == 0)
            return &renames[i];
    }
    return NULL;
}

/* Row of the file that becomes row `r`: llama.cpp stores a head's halves interleaved. */
static int64_t source_row(const importer *m, const struct rename *n, int64_t r)
{
    const int64_t head = r / m->h, i = r % m->h;

    return n->permuted ? head * m->h + i % (m->h / 2) * 2 + i / (m->h / 2) : r;
}

static wagle_status write_tensor(const importer *m, const wg_gguf_tensor *t, const struct rename *n,
                                 wg_output *out)
{
    const int64_t width = t->shape.dim[t->shape.rank - 1], rows = t->count / width;
    const size_t bytes = (size_t)width * wg_dtype_size(m->dtype);
    float *row = NULL;
    char *stored = NULL;
    wagle_status st;

    WG_TRY_GOTO(WG_ALLOC(m->ctx, &row, width), done);
    WG_TRY_GOTO(WG_ALLOC(m->ctx, &stored, (int64_t)bytes), done);
    for (int64_t r = 0; r < rows; r++) {
        wg_gguf_dequantise(t, source_row(m, n, r) * width, width, row);
        wg_from_float(m->dtype, row, width, stored);
        WG_TRY_GOTO(wg_output_write(m->ctx, out, stored, bytes), done);
    }
    st = WAGLE_OK;
done:
    wg_free(row);
    wg_free(stored);
    return st;
}

static wagle_status describe(importer *m, wg_tensor *list, const struct rename **from)
{
    for (int64_t i = 0; i < m->g.n_tensors; i++) {
        const wg_gguf_tensor *t = &m->g.tensor[i];
        char name[128];
        int layer;
        from[i] = find_rename(t->name, &layer);
        if (from[i] == NULL)
            return refuse(m, "tensor", t->name);
        if (from[i]->permuted && (t->shape.rank != 2 || t->shape.dim[0] % m->h != 0))
            return refuse(m, "shape of tensor", t->name);
        snprintf(name, sizeof name, from[i]->to, layer);
        list[i] = (wg_tensor){.name = wg_arena_text(m->ctx, &m->g.arena, name, strlen(name)),
                              .dtype = m->dtype,
                              .shape = t->shape,
                              .bytes = (size_t)t->count * wg_dtype_size(m->dtype)};
        if (list[i].name == NULL)
            return WAGLE_E_RESOURCE;
    }
    return WAGLE_OK;
}

static wagle_status write_weights(importer *m)
{
    char *path = wg_path_join(m->ctx, m->partial, "model.safetensors");
    const struct rename **from = NULL;
    wg_tensor *list = NULL;
    wg_output out = {.fd = -1};
    json_t *facts = json_pack("{s:s}", "format", "pt");
    wagle_status st = path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    WG_TRY_GOTO(st, done);
    WG_TRY_GOTO(WG_ALLOC(m->ctx, &from, m->g.n_tensors), done);
    WG_TRY_GOTO(WG_ALLOC(m->ctx, &list, m->g.n_tensors), done);
    WG_TRY_GOTO(describe(m, list, from), done);
    WG_TRY_GOTO(wg_output_open(m->ctx, path, true, &out), done);
    WG_TRY_GOTO(wg_safetensors_header(m->ctx, &out, list, m->g.n_tensors, facts, NULL), done);
    for (int64_t i = 0; i < m->g.n_tensors; i++) {
        WG_TRY_GOTO(write_tensor(m, &m->g.tensor[i], from[i], &out), done);
        WG_TRY_GOTO(wg_check_interrupt(m->ctx), done);
        wg_progress(m->ctx, "import", i + 1, m->g.n_tensors, NULL);
    }
    st = wg_output_commit(m->ctx, &out);
done:
    wg_output_abort(&out);
    wg_free(from);
    wg_free(list);
    wg_free(path);
    json_decref(facts);
    return st;
}

/* --- config and tokenizer -------------------------------------------------------------------- */

/* Steals json. */
static wagle_status put(importer *m, const char *name, json_t *json)
{
    char *path = wg_path_join(m->ctx, m->partial, name);
    wagle_status st = path == NULL ? WAGLE_E_RESOURCE : WAGLE_OK;

    if (st == WAGLE_OK)
        st = json != NULL ? wg_json_write(m->ctx, path, json, true) : wg_json_memory(m->ctx);
    json_decref(json);
    wg_free(path);
    return st;
}

static json_int_t token_number(const importer *m, const char *key)
{
    return (json_int_t)wg_gguf_number(&m->g, key, -1);
}

static json_t *id_or_null(json_int_t id)
{
    return id >= 0 ? json_integer(id) : json_null();
}

static wagle_status write_config(importer *m)
{
    const json_int_t bos = token_number(m, "tokenizer.ggml.bos_token_id");
    const json_int_t eos = token_number(m, "tokenizer.ggml.eos_token_id");
    const char *dtype = m->dtype == WG_BF16  ? "bfloat16"
                        : m->dtype == WG_F16 ? "float16"
                                             : "float32";
    const double eps = wg_gguf_number(&m->g, "llama.attention.layer_norm_rms_epsilon", 1e-5);

    WG_TRY(put(
        m, "config.json",
        json_pack("{s:[s], s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:s, "
                  "s:b, s:o, s:o, s:b, s:b}",
                  "architectures", "LlamaForCausalLM", "model_type", "llama", "dtype", dtype,
                  "vocab_size", (json_int_t)m->V, "hidden_size", (json_int_t)m->D,
                  "intermediate_size", (json_int_t)m->F, "num_hidden_layers", (json_int_t)m->L,
                  "num_attention_heads", (json_int_t)m->H, "num_key_value_heads", (json_int_t)m->K,
                  "head_dim", (json_int_t)m->h, "max_position_embeddings",
                  (json_int_t)wg_gguf_number(&m->g, "llama.context_length", 2048), "rms_norm_eps",
                  eps, "rope_theta", wg_gguf_number(&m->g, "llama.rope.freq_base", 10000),
                  "hidden_act", "silu", "tie_word_embeddings",
                  (int)(wg_gguf_find_tensor(&m->g, "output.weight") == NULL), "bos_token_id",
                  id_or_null(bos), "eos_token_id", id_or_null(eos), "attention_bias", 0, "mlp_bias",
                  0)));
    return put(m, "generation_config.json",
               json_pack("{s:b, s:o, s:o}", "_from_model_config", 1, "bos_token_id",
                         id_or_null(bos), "eos_token_id", id_or_null(eos)));
}

/* Pre-tokenizers by the name that llama.cpp gives them. */
static json_t *pre_tokenizer(const char *name)
{
    static const char *const plain[] = {"default", "gpt-2"}, *const digits[] = {
                                                                 "smollm", "starcoder", "refact",
                                                                 "command-r", "codeshell"};
    static const char llama3[] =
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
        "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    json_t *bytes = json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", 0,
                              "trim_offsets", 1, "use_regex", 1);

    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(name, plain[i]) == 0)
            return bytes;
    for (size_t i = 0; i < sizeof digits / sizeof *digits; i++)
        if (strcmp(name, digits[i]) == 0)
            return json_pack("{s:s, s:[{s:s, s:b}, o]}", "type", "Sequence", "pretokenizers",
                             "type", "Digits", "individual_digits", 1, bytes);
    json_object_set_new(bytes, "use_regex", json_false());
    if (strcmp(name, "llama-bpe") == 0 || strcmp(name, "llama3") == 0)
        return json_pack("{s:s, s:[{s:s, s:{s:s}, s:s, s:b}, o]}", "type", "Sequence",
                         "pretokenizers", "type", "Split", "pattern", "Regex", llama3, "behavior",
                         "Isolated", "invert", 0, bytes);
    json_decref(bytes);
    return NULL;
}

/* Vocabulary and added tokens (types 3 control and 4 user-defined); texts [V] are kept in `all`. */
static wagle_status read_tokens(importer *m, json_t *vocab, json_t *added, json_t *all)
{
    const wg_gguf_value *tokens = wg_gguf_find(&m->g, "tokenizer.ggml.tokens");
    const wg_gguf_value *types = wg_gguf_find(&m->g, "tokenizer.ggml.token_type");
    const unsigned char *at = tokens != NULL ? tokens->data : NULL;
    const char *text;
    size_t bytes;

    if (tokens == NULL || !tokens->array || tokens->kind != WG_GGUF_STRING ||
        (int64_t)tokens->count != m->V)
        return refuse(m, "the token list", "tokenizer.ggml.tokens");
    if (types != NULL &&
        (!types->array || types->count != tokens->count || types->kind == WG_GGUF_STRING))
        return refuse(m, "the type list", "tokenizer.ggml.token_type");
    for (uint64_t i = 0; wg_gguf_next_string(tokens, &at, &text, &bytes); i++) {
        const int type = types != NULL ? (int)wg_gguf_element(types, i) : 1;
        json_t *key = json_stringn(text, bytes);
        if (key == NULL || json_array_append_new(all, key) != 0)
            return wg_fail(m->ctx, WAGLE_E_INPUT, "%s: token %llu is not valid UTF-8", m->o->gguf,
                           (unsigned long long)i);
        if (json_object_set_new(vocab, json_string_value(key), json_integer((json_int_t)i)) != 0)
            return wg_json_memory(m->ctx);
        if ((type == 3 || type == 4) &&
            json_array_append_new(added, json_pack("{s:I, s:O, s:b, s:b, s:b, s:b, s:b}", "id",
                                                   (json_int_t)i, "content", key, "single_word", 0,
                                                   "lstrip", 0, "rstrip", 0, "normalized", 0,
                                                   "special", type == 3)) != 0)
            return wg_json_memory(m->ctx);
    }
    return WAGLE_OK;
}

static wagle_status read_merges(importer *m, json_t *merges)
{
    const wg_gguf_value *list = wg_gguf_find(&m->g, "tokenizer.ggml.merges");
    const unsigned char *at = list != NULL ? list->data : NULL;
    const char *text;
    size_t bytes;

    if (list == NULL || !list->array || list->kind != WG_GGUF_STRING)
        return refuse(m, "the merge list", "tokenizer.ggml.merges");
    while (wg_gguf_next_string(list, &at, &text, &bytes)) {
        const char *space = memchr(text, ' ', bytes);
        const size_t n = space != NULL ? (size_t)(space - text) : 0;
        if (space == NULL || json_array_append_new(merges, json_pack("[s%, s%]", text, n, space + 1,
                                                                     bytes - n - 1)) != 0)
            return refuse(m, "a merge in", "tokenizer.ggml.merges");
    }
    return WAGLE_OK;
}

static json_t *token_text(const importer *m, const json_t *all, const char *key)
{
    const json_int_t id = token_number(m, key);
    json_t *text = id >= 0 ? json_array_get(all, (size_t)id) : NULL;

    return text != NULL ? json_incref(text) : json_null();
}

static wagle_status write_tokenizer_config(importer *m, const json_t *all)
{
    json_t *config =
        json_pack("{s:s, s:o, s:o, s:o, s:o}", "tokenizer_class", "PreTrainedTokenizerFast",
                  "bos_token", token_text(m, all, "tokenizer.ggml.bos_token_id"), "eos_token",
                  token_text(m, all, "tokenizer.ggml.eos_token_id"), "unk_token",
                  token_text(m, all, "tokenizer.ggml.unknown_token_id"), "pad_token",
                  token_text(m, all, "tokenizer.ggml.padding_token_id"));
    char *template;

    if (config == NULL)
        return wg_json_memory(m->ctx);
    WG_TRY(wg_gguf_string(m->ctx, &m->g, "tokenizer.chat_template", &template));
    if (template != NULL)
        json_object_set_new(config, "chat_template", json_string(template));
    return put(m, "tokenizer_config.json", config);
}

static json_t *post_processor(const importer *m, const json_t *all)
{
    const json_int_t bos = token_number(m, "tokenizer.ggml.bos_token_id");
    const char *text = json_string_value(bos >= 0 ? json_array_get(all, (size_t)bos) : NULL);

    if (wg_gguf_number(&m->g, "tokenizer.ggml.add_bos_token", 0) == 0 || text == NULL)
        return json_null();
    return json_pack("{s:s, s:[{s:{s:s, s:i}}, {s:{s:s, s:i}}], s:[], s:{s:{s:s, s:[I], s:[s]}}}",
                     "type", "TemplateProcessing", "single", "SpecialToken", "id", text, "type_id",
                     0, "Sequence", "id", "A", "type_id", 0, "pair", "special_tokens", text, "id",
                     text, "ids", bos, "tokens", text);
}

static wagle_status write_tokenizer(importer *m)
{
    json_t *vocab = json_object(), *merges = json_array(), *added = json_array();
    json_t *all = json_array(), *pre;
    char *model, *name;
    wagle_status st;

    WG_TRY_GOTO(wg_gguf_string(m->ctx, &m->g, "tokenizer.ggml.model", &model), done);
    WG_TRY_GOTO(wg_gguf_string(m->ctx, &m->g, "tokenizer.ggml.pre", &name), done);
    if (model == NULL || strcmp(model, "gpt2") != 0) {
        st = refuse(m, "tokenizer model", model);
        goto done;
    }
    pre = pre_tokenizer(name != NULL ? name : "default");
    if (pre == NULL) {
        st = refuse(m, "pre-tokenizer", name);
        goto done;
    }
    st = read_tokens(m, vocab, added, all);
    if (st == WAGLE_OK)
        st = read_merges(m, merges);
    if (st == WAGLE_OK)
        st = put(m, "tokenizer.json",
                 json_pack(
                     "{s:s, s:n, s:n, s:O, s:n, s:O, s:o, s:{s:s, s:b, s:b, s:b}, s:{s:s, s:n, "
                     "s:n, s:b, s:b, s:b, s:O, s:O}}",
                     "version", "1.0", "truncation", "padding", "added_tokens", added, "normalizer",
                     "pre_tokenizer", pre, "post_processor", post_processor(m, all), "decoder",
                     "type", "ByteLevel", "add_prefix_space", 1, "trim_offsets", 1, "use_regex", 1,
                     "model", "type", "BPE", "dropout", "unk_token", "fuse_unk", 0, "byte_fallback",
                     0, "ignore_merges", (int)(name != NULL && strcmp(name, "llama-bpe") == 0),
                     "vocab", vocab, "merges", merges));
    json_decref(pre);
    if (st == WAGLE_OK)
        st = write_tokenizer_config(m, all);
done:
    json_decref(vocab);
    json_decref(merges);
    json_decref(added);
    json_decref(all);
    return st;
}

void wagle_import_defaults(wagle_import_options *o)
{
    *o = (wagle_import_options){.dtype = "bf16"};
}

static wagle_status import(importer *m)
{
    wg_text t = {0};
    wagle_status st;

    WG_TRY(read_sizes(m));
    WG_TRY(wg_text_printf(m->ctx, &t, "%s.partial", m->o->out));
    m->partial = t.text;
    wg_remove_tree(m->partial);
    st = wg_make_folder(m->ctx, m->partial);
    if (st == WAGLE_OK)
        st = write_config(m);
    if (st == WAGLE_OK)
        st = write_tokenizer(m);
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
    importer m = {.ctx = ctx, .o = o};
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
