#include "jobs.h"

#include "encoder/encoder.h"

/* A mask straight from data, of scores by factors. */
wagle_status mask_by_factors(wagle_ctx *ctx)
{
    wagle_mask_options o;
    wagle_attribute_options data;

    wagle_mask_defaults(&o);
    wagle_attribute_defaults(&data);
    data.model = MODEL;
    data.forget.path = data.retain.path = WG_SCRATCH "/torture.jsonl";
    data.gamma.kind = WAGLE_GAMMA_PROTECT;
    o.data = &data;
    o.out = OUT;
    o.force = true;
    return wagle_mask(ctx, &o);
}

/* Scores by Fisher diagonals, through a file: --scope row. */
wagle_status mask_by_rows(wagle_ctx *ctx)
{
    wagle_mask_options o;
    wagle_attribute_options data;

    wagle_mask_defaults(&o);
    wagle_attribute_defaults(&data);
    data.model = MODEL;
    data.selector = "leverage";
    data.forget.path = data.retain.path = WG_SCRATCH "/torture.jsonl";
    o.data = &data;
    o.scope = WAGLE_SCOPE_ROW;
    o.out = OUT;
    o.force = true;
    return wagle_mask(ctx, &o);
}

/* Scores of a model whose files hold the experts of a layer in one tensor. */
wagle_status mixture(wagle_ctx *ctx)
{
    wagle_attribute_options o;

    wagle_attribute_defaults(&o);
    o.model = WG_GOLD "/models/llama4";
    o.forget.path = o.retain.path = WG_SCRATCH "/torture.jsonl";
    o.out = OUT;
    o.force = true;
    return wagle_attribute(ctx, &o);
}

/* Two requests, rows drawn for the scores of each, and a patch of each. */
wagle_status requests(wagle_ctx *ctx)
{
    static const char *const second[] = {WG_SCRATCH "/torture-2.jsonl", NULL};
    wagle_train_options t;
    wagle_requests_options o;
    char *json = NULL;
    wagle_status st;

    wagle_unlearn_defaults(&t);
    t.model = MODEL;
    t.out = OUT;
    t.force = true;
    t.forget.path = t.retain.path = WG_SCRATCH "/torture.jsonl";
    t.forget.more = second;
    t.selector = "wagle";
    t.draw = 3;
    t.steps = 1;
    t.warmup = 0;
    t.lr = 1e-3;
    t.out_patch = OUT "-{}.patch";
    wagle_requests_defaults(&o);
    o.train = &t;
    st = wagle_unlearn_requests(ctx, &o, &json);
    wagle_string_free(json);
    return st;
}

/* --- tokenizers ------------------------------------------------------------------------------ */

static wagle_status encode_with(wagle_ctx *ctx, const char *folder)
{
    wagle_tokenizer *t;
    int32_t *ids;
    int64_t n;
    const wagle_status st = wagle_tokenizer_open(ctx, folder, &t);

    if (st != WAGLE_OK)
        return st;
    const wagle_status encoded =
        wagle_encode(ctx, t, "Hello <mask> 123 w\xC3\xB6rld", 22, true, &ids, &n);
    wagle_ids_free(ids);
    wagle_tokenizer_free(t);
    return encoded;
}

wagle_status encode(wagle_ctx *ctx)
{
    return encode_with(ctx, WG_GOLD "/tokenizers/qwen2");
}

/* A folder of vocab.json, merges.txt and special_tokens_map.json. */
wagle_status encode_older(wagle_ctx *ctx)
{
    return encode_with(ctx, WG_GOLD "/../cases/tokens-opt-bos/model");
}

/* Added tokens of tokenizer_config.json, with all their flags. */
wagle_status encode_flags(wagle_ctx *ctx)
{
    return encode_with(ctx, WG_GOLD "/../cases/tokens-flags/model");
}

/* --- in memory ---------------------------------------------------------------------------------
 */

typedef struct held {
    wagle_model *model, *trained;
    wagle_dataset *rows;
    wagle_tensors *scores, *mask;
} held;

static wagle_status fill(wagle_ctx *ctx, held *h)
{
    static const int32_t ids[] = {3, 4, 5};

    WG_TRY(wagle_model_open(ctx, TEXT_MODEL, &h->model));
    WG_TRY(wagle_dataset_new(ctx, &h->rows));
    WG_TRY(wagle_dataset_add_text(ctx, h->rows, "Who", "me"));
    return wagle_dataset_add_tokens(ctx, h->rows, ids, NULL, 3);
}

static wagle_status choose(wagle_ctx *ctx, held *h)
{
    wagle_attribute_options a;
    wagle_mask_options m;

    wagle_attribute_defaults(&a);
    a.opened = h->model;
    a.selector = "snip";
    a.forget.rows = a.retain.rows = h->rows;
    a.made = &h->scores;
    WG_TRY(wagle_attribute(ctx, &a));
    wagle_mask_defaults(&m);
    m.score_tensors = h->scores;
    m.made = &h->mask;
    return wagle_mask(ctx, &m);
}

static bool hear(void *user, const wagle_token *token)
{
    (void)user;
    return token->index < 2;
}

static wagle_status use(wagle_ctx *ctx, held *h)
{
    static const char *const prompt[] = {"W"}, *const stop[] = {"nowhere", NULL};
    wagle_train_options t;
    wagle_generate_options g;
    wagle_generation made;

    wagle_unlearn_defaults(&t);
    t.opened = h->model;
    t.forget.rows = t.retain.rows = h->rows;
    t.mask_tensors = h->mask;
    t.lr = 1e-4;
    t.steps = 2;
    t.made = &h->trained;
    WG_TRY(wagle_unlearn(ctx, &t, NULL));
    wagle_generate_defaults(&g);
    g.opened = h->trained;
    g.prompts = prompt;
    g.n = 1;
    g.max_tokens = 4;
    g.on_token = hear;
    g.stop = stop;
    WG_TRY(wagle_generate(ctx, &g, &made));
    wagle_string_free(made.text);
    return wagle_model_save(ctx, h->trained, OUT, true);
}

/* Opens, scores, masks, trains, generates and saves. */
wagle_status in_memory(wagle_ctx *ctx)
{
    held h = {0};
    wagle_status st = fill(ctx, &h);

    if (st == WAGLE_OK)
        st = choose(ctx, &h);
    if (st == WAGLE_OK)
        st = use(ctx, &h);
    wagle_tensors_free(h.mask);
    wagle_tensors_free(h.scores);
    wagle_dataset_free(h.rows);
    wagle_model_close(h.model);
    wagle_model_close(h.trained);
    return st;
}

/* --- sentence encoders ------------------------------------------------------------------------ */

static wagle_status embed(wagle_ctx *ctx, const wg_ops *ops, const char *folder)
{
    const wg_str text[] = {wg_strz("The author's name"), wg_strz(""), wg_strz("[MASK] book")};
    float embedding[3 * 192];
    wg_encoder *e;
    wagle_status st = wg_encoder_open(ctx, ops, folder, &e);

    if (st == WAGLE_OK)
        st = wg_encoder_embed(ctx, e, text, 3, embedding);
    wg_encoder_close(e);
    return st;
}

/* vocab.txt, and weights that are widened; then a folder with modules. */
wagle_status embedded(wagle_ctx *ctx)
{
    const wg_ops *ops;
    wagle_status st;

    wg_begin(ctx);
    st = wg_ops_open(ctx, &ops);
    if (st != WAGLE_OK)
        return st;
    st = embed(ctx, ops, WG_GOLD "/encoder/cased");
    if (st == WAGLE_OK)
        st = embed(ctx, ops, WG_GOLD "/encoder/pooled");
    ops->close(ops);
    return st;
}

/* Suite wagle-paper, whose answers an encoder compares. */
wagle_status compared_by_meaning(wagle_ctx *ctx)
{
    const char *const sets[] = {"forget=" PARAPHRASED, NULL};
    wagle_suite_options o;
    char *json = NULL;

    wagle_suite_defaults(&o);
    o.model = TEXT_MODEL;
    o.suites = "wagle-paper";
    o.sets = sets;
    o.encoder = WG_GOLD "/encoder/uncased";
    o.max_tokens = 2;
    o.resamples = 2;
    const wagle_status st = wagle_suite_run(ctx, &o, &json);
    wagle_string_free(json);
    return st;
}
