/* export_config.c - writes a model's config as GGUF keys. */
#include "gguf/export.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static wagle_status whole(wg_exporter *e, const char *key, int64_t value)
{
    char full[96];

    snprintf(full, sizeof full, "%s.%s", e->arch->name, key);
    return wg_gguf_put_whole(e->ctx, &e->head, full, value);
}

static wagle_status real(wg_exporter *e, const char *key, double value)
{
    char full[96];

    snprintf(full, sizeof full, "%s.%s", e->arch->name, key);
    return wg_gguf_put_real(e->ctx, &e->head, full, value);
}

static wagle_status text(wg_exporter *e, const char *key, const char *value)
{
    char full[96];

    snprintf(full, sizeof full, "%s.%s", e->arch->name, key);
    return wg_gguf_put_text(e->ctx, &e->head, full, value);
}

static wagle_status refuse(const wg_exporter *e, const char *what)
{
    return wg_fail(e->ctx, WAGLE_E_INPUT, "%s: llama.cpp's %s has no %s", e->o->model,
                   e->arch->name, what);
}

wagle_status wg_export_read(wg_exporter *e, const char *name, json_t **out)
{
    char *path = wg_path_join(e->ctx, e->o->model, name);
    wagle_status st = path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;

    *out = NULL;
    if (st == WAGLE_OK && wg_exists(path))
        st = wg_json_read(e->ctx, path, out);
    wg_free(path);
    return st;
}

/* --- unsupported features --------------------------------------------------------------------- */

/* llama.cpp divides attention scores by the square root of this. */
static double score_size(const wg_exporter *e)
{
    const wg_config *c = &e->m->config;

    return (double)(strcmp(e->arch->name, "gemma2") == 0 && c->L == 46 ? c->D / c->H : c->h);
}

/* Every n-th layer is a mixture of experts; 0: it is otherwise. */
static int64_t mixture_step(const wg_config *c)
{
    int64_t first = 0;

    while (first < c->L && !wg_config_is_mixture(c, first))
        first++;
    for (int64_t l = 0; l < c->L; l++)
        if (wg_config_is_mixture(c, l) != ((l + 1) % (first + 1) == 0))
            return 0;
    return first < c->L ? first + 1 : 0;
}

/* Every fourth layer has no positions, and no chunks. */
static bool has_usual_layers(const wg_config *c)
{
    for (int64_t l = 0; l < c->L; l++) {
        const bool turns = (l + 1) % WG_LLAMA4_UNTURNED != 0;
        if (wg_config_turns(c, l) != turns || wg_config_windowed(c, l) != turns)
            return false;
    }
    return true;
}

/* What llama.cpp computes with for Llama 4, without keys. */
static wagle_status check_llama4(const wg_exporter *e)
{
    const wg_config *c = &e->m->config;

    if (c->window != WG_LLAMA4_CHUNK)
        return refuse(e, "chunks of another size than 8192 tokens (attention_chunk_size)");
    if (!has_usual_layers(c))
        return refuse(e,
                      "other layers without positions or chunks than every fourth (no_rope_layers, "
                      "layer_types)");
    if (c->stretch_from != WG_LLAMA4_CHUNK || fabs(c->stretch - WG_LLAMA4_STRETCH) > 1e-6)
        return refuse(e,
                      "queries that grow otherwise than by attn_scale 0.1 after floor_scale 8192 "
                      "(attn_temperature_tuning)");
    if (c->bare_head_norms != (c->X != WG_LLAMA4_MAVERICK))
        return refuse(
            e,
            c->bare_head_norms
                ? "norms of q and k in a model with 128 experts (use_qk_norm)"
                : "way to leave out the norms of q and k, except with 128 experts (use_qk_norm)");
    if (mixture_step(c) == 0)
        return refuse(e, "other mixtures of experts than in every n-th layer (moe_layers)");
    return WAGLE_OK;
}

static wagle_status check(const wg_exporter *e)
{
    const wg_config *c = &e->m->config;
    const struct {
        bool found;
        const char *what;
    } lacks[] = {
        {c->activation != e->arch->activation, "activation like this model's (hidden_act)"},
        {c->window > 0 && c->window < c->max_position && !e->arch->windows && !e->arch->chunked,
         "sliding window, and this model has one (sliding_window)"},
        {(c->attention_cap > 0 || c->final_cap > 0) && !e->arch->caps,
         "cap of logits (attn_logit_softcapping, final_logit_softcapping)"},
        {e->arch->caps && !(c->attention_cap > 0 && c->final_cap > 0),
         "way to leave out attn_logit_softcapping or final_logit_softcapping"},
        {(c->has[WG_OUTPUT_BIAS] || c->has[WG_UP_BIAS]) && !e->arch->output_bias,
         "biases of attention's output or the feed-forward layer (attention_bias, mlp_bias)"},
        {c->has[WG_HEAD] && e->arch->tied, "head of its own (tie_word_embeddings false)"},
        {!c->has[WG_HEAD] && e->arch->untied, "head that is the embedding (tie_word_embeddings)"},
        {c->h * c->H != c->D && e->arch->square, "heads of another size than hidden_size / "
                                                 "num_attention_heads (head_dim)"},
        {fabs(c->attention_scale * sqrt(score_size(e)) - 1) > 1e-6,
         "scale of scores other than 1 / sqrt(head size) (query_pre_attn_scalar, "
         "scale_attn_weights)"},
        {c->clip_qkv > 0 && !e->arch->clips, "clipping of q, k and v (clip_qkv)"},
        {c->layer_scale, "scale of scores by layer (scale_attn_by_inverse_layer_idx)"},
        {c->local_rope, "positions of their own for layers with a window"},
        {e->arch->ungrouped && c->K != c->H, "key/value heads that heads share "
                                             "(num_key_value_heads)"},
        {c->X > 0 && c->sum_to_one && !e->arch->sum_to_one,
         "division of the experts' weights by their sum (norm_topk_prob)"},
        {c->X > 0 && !c->sum_to_one && e->arch->sum_to_one,
         "weights of experts that are not divided by their sum (norm_topk_prob)"},
        {e->arch->mixture && mixture_step(c) != 1 && !e->arch->chunked,
         "layer that is no mixture of experts (mlp_only_layers, decoder_sparse_step)"},
    };

    for (size_t i = 0; i < sizeof lacks / sizeof *lacks; i++)
        if (lacks[i].found)
            return refuse(e, lacks[i].what);
    return e->arch->chunked ? check_llama4(e) : WAGLE_OK;
}

/* --- positions -------------------------------------------------------------------------------- */

/* The object of config.json with the RoPE scaling, or NULL. */
static const json_t *scaling_of(const json_t *config)
{
    const json_t *before = json_object_get(config, "rope_scaling");

    return json_is_object(before) ? before : json_object_get(config, "rope_parameters");
}

static wagle_status put_linear(wg_exporter *e)
{
    WG_TRY(text(e, "rope.scaling.type", "linear"));
    return real(e, "rope.scaling.factor", e->m->config.rope[0].factor);
}

/* The divisor of the frequency of pair i under YaRN, as llama.cpp computes it. */
static double yarn_divisor(const wg_config *c, double factor, int64_t i)
{
    const double r = (double)c->r, base = 2 * log(c->rope[0].theta);
    const double turn = c->rope[0].original / 6.283185307179586;
    const double low = fmax(floor(r * log(turn / 32) / base), 0);
    const double high = fmin(ceil(r * log(turn) / base), r - 1);
    const double slowed = fmin(fmax(((double)i - low) / fmax(high - low, 0.001), 0), 1);

    return 1 / (slowed / factor + 1 - slowed);
}

static wagle_status put_yarn(wg_exporter *e, const json_t *config)
{
    const wg_config *c = &e->m->config;
    const wg_rope *rope = &c->rope[0];
    const double factor = json_number_value(json_object_get(scaling_of(config), "factor"));

    if (!(factor > 0) || floor(rope->original) != rope->original)
        return refuse(e, "such YaRN (rope_scaling)");
    for (int64_t i = 0; i < c->r / 2; i++)
        if (!(fabs(rope->divide[i] / yarn_divisor(c, factor, i) - 1) < 1e-5))
            return refuse(e, "YaRN with other bounds than 32 and 1 (beta_fast, beta_slow, "
                             "truncate)");
    WG_TRY(text(e, "rope.scaling.type", "yarn"));
    WG_TRY(real(e, "rope.scaling.factor", factor));
    WG_TRY(whole(e, "rope.scaling.original_context_length", (int64_t)rope->original));
    return real(e, "rope.scaling.attn_factor", rope->scale / (0.1 * log(factor) + 1));
}

/* Writes the two factor lists of Phi 3; wagle itself uses only the first. */
static wagle_status put_long(wg_exporter *e, const json_t *config)
{
    const wg_config *c = &e->m->config;
    const json_t *far = json_object_get(scaling_of(config), "long_factor");

    if ((int64_t)json_array_size(far) != c->r / 2)
        return refuse(e, "longrope without as many numbers in long_factor as in short_factor");
    e->rope[0].name = "rope_factors_long.weight";
    e->rope[1].name = "rope_factors_short.weight";
    for (int64_t i = 0; i < c->r / 2; i++) {
        const double factor = json_number_value(json_array_get(far, (size_t)i));
        if (!(factor > 0))
            return refuse(e, "long_factor that is not above 0");
        e->rope[0].factor[i] = (float)factor;
        e->rope[1].factor[i] = (float)c->rope[0].divide[i];
    }
    WG_TRY(text(e, "rope.scaling.type", "longrope"));
    WG_TRY(whole(e, "rope.scaling.original_context_length", (int64_t)c->rope[0].original));
    return real(e, "rope.scaling.attn_factor", c->rope[0].scale);
}

/* Llama 3's scaling is stored as a tensor. */
static wagle_status put_llama3(wg_exporter *e)
{
    const wg_config *c = &e->m->config;

    if (strcmp(e->arch->name, "llama") != 0 && !e->arch->chunked)
        return refuse(e, "rope scaling 'llama3'");
    e->rope[0].name = "rope_freqs.weight";
    for (int64_t i = 0; i < c->r / 2; i++)
        e->rope[0].factor[i] = (float)wg_rope_factor(c, 0, i);
    return WAGLE_OK;
}

static wagle_status put_positions(wg_exporter *e, const json_t *config)
{
    const wg_config *c = &e->m->config;

    if (c->r == 0)
        return WAGLE_OK;
    WG_TRY(whole(e, "rope.dimension_count", c->r));
    WG_TRY(real(e, "rope.freq_base", c->rope[0].theta));
    switch (c->rope[0].kind) {
    case WG_ROPE_DEFAULT:
        return WAGLE_OK;
    case WG_ROPE_LINEAR:
        return put_linear(e);
    case WG_ROPE_LLAMA3:
        return put_llama3(e);
    case WG_ROPE_YARN:
        return put_yarn(e, config);
    case WG_ROPE_LONG:
        return strcmp(e->arch->name, "phi3") == 0 ? put_long(e, config)
                                                  : refuse(e, "rope scaling 'longrope'");
    default:
        return refuse(e, "rope scaling of this kind ('dynamic')");
    }
}

/* --- all keys --------------------------------------------------------------------------------- */

/* Whether every layer has a window, except each `every`-th; 0: all have one. */
static bool is_every(const wg_config *c, int64_t every)
{
    for (int64_t l = 0; l < c->L; l++)
        if (wg_config_windowed(c, l) != (every == 0 || l % every < every - 1))
            return false;
    return true;
}

/* By default, llama.cpp uses windows in every other layer for Gemma 2, and in all layers for
 * others. */
static wagle_status put_windows(wg_exporter *e)
{
    const wg_config *c = &e->m->config;
    const bool by_layer = strcmp(e->arch->name, "gemma2") == 0;
    int64_t every = 0;

    if (c->window <= 0 || !e->arch->windows)
        return by_layer ? refuse(e, "way to leave out sliding_window") : WAGLE_OK;
    WG_TRY(whole(e, "attention.sliding_window", c->window));
    if (is_every(c, by_layer ? 2 : 0))
        return WAGLE_OK;
    while (every <= c->L && !is_every(c, every))
        every++;
    if (!by_layer || every > c->L)
        return refuse(e, "windows in such layers alone (layer_types)");
    return whole(e, "attention.sliding_window_pattern", every);
}

/* Where the family has one size for experts and feed-forward layers, llama.cpp reads that. */
static wagle_status put_experts(wg_exporter *e)
{
    const wg_config *c = &e->m->config;
    const bool sized = c->family->key[WG_CFG_EXPERT_F].name != NULL;

    WG_TRY(whole(e, "expert_count", c->X));
    WG_TRY(whole(e, "expert_used_count", c->used));
    if (sized)
        WG_TRY(whole(e, "expert_feed_forward_length", c->FX));
    if (c->has[WG_SHARED_SCALE])
        WG_TRY(whole(e, "expert_shared_feed_forward_length", c->FS));
    return e->arch->chunked ? whole(e, "interleave_moe_layer_step", mixture_step(c)) : WAGLE_OK;
}

static wagle_status put_general(wg_exporter *e)
{
    WG_TRY(wg_gguf_put_text(e->ctx, &e->head, "general.architecture", e->arch->name));
    WG_TRY(wg_gguf_put_text(e->ctx, &e->head, "general.type", "model"));
    WG_TRY(wg_gguf_put_whole(e->ctx, &e->head, "general.file_type", wg_export_file_type(e)));
    return wg_gguf_put_whole(e->ctx, &e->head, "general.quantization_version", 2);
}

/* The context length of the model. With longrope it exceeds the positions that wagle supports. */
static int64_t positions(const wg_exporter *e, const json_t *config)
{
    const json_t *all = json_object_get(config, "max_position_embeddings");
    const json_int_t n = json_integer_value(all);

    return e->m->config.rope[0].kind == WG_ROPE_LONG && n > e->m->config.max_position
               ? (int64_t)n
               : e->m->config.max_position;
}

static wagle_status put_all(wg_exporter *e, const json_t *config)
{
    const wg_config *c = &e->m->config;

    WG_TRY(check(e));
    WG_TRY(put_general(e));
    WG_TRY(whole(e, "context_length", positions(e, config)));
    WG_TRY(whole(e, "embedding_length", c->D));
    WG_TRY(whole(e, "block_count", c->L));
    WG_TRY(whole(e, "feed_forward_length", c->F));
    WG_TRY(whole(e, "attention.head_count", c->H));
    WG_TRY(whole(e, "attention.head_count_kv", c->K));
    WG_TRY(whole(e, "attention.key_length", c->h));
    WG_TRY(whole(e, "attention.value_length", c->h));
    WG_TRY(whole(e, "vocab_size", c->V));
    WG_TRY(real(e, e->arch->eps_key, c->eps));
    WG_TRY(put_windows(e));
    if (c->X > 0)
        WG_TRY(put_experts(e));
    if (c->clip_qkv > 0)
        WG_TRY(real(e, "attention.clamp_kqv", c->clip_qkv));
    if (e->arch->caps) {
        WG_TRY(real(e, "attn_logit_softcapping", c->attention_cap));
        WG_TRY(real(e, "final_logit_softcapping", c->final_cap));
    }
    return put_positions(e, config);
}

wagle_status wg_export_config(wg_exporter *e)
{
    json_t *config = NULL;
    const wg_family *inside;
    wagle_status st = wg_export_read(e, "config.json", &config);

    if (st == WAGLE_OK)
        st = put_all(e, wg_config_of_text(config, &inside));
    if (st == WAGLE_OK && e->m->config.inside)
        wg_log(e->ctx, 0, "%s: the model of images is left out: the file has the text model alone",
               e->o->model);
    json_decref(config);
    return st;
}
