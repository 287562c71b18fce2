/* encoder.c - opens an encoder and embeds texts, as many together as fit a batch. */
#include "encoder/parts.h"

#include "base/place.h"
#include <string.h>

enum { BATCH_TOKENS = 2048 };

struct wg_encoder {
    const wg_ops *ops;
    wg_encoder_folder folder;
    wg_encoder_config config;
    wg_encoder_weights weights;
    wagle_tokenizer *tokenizer;
    int64_t longest; /* tokens of a text, special ones included */
    bool left;       /* the beginning of a longer one is cut off */
    wg_encoder_room room;
    wg_lists lists;
    wg_host_room seen;
};

/* --- opening ---------------------------------------------------------------------------------- */

static wagle_status check_sizes(wagle_ctx *ctx, wg_encoder *e)
{
    const wg_encoder_folder *f = &e->folder;

    if (f->width != 0 && f->width != e->config.D)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: pooling of width %lld, hidden_size is %lld",
                       f->model, (long long)f->width, (long long)e->config.D);
    if (f->longest > e->config.P)
        return wg_fail(ctx, WAGLE_E_INPUT, "%s: max_seq_length %lld, the model has %lld positions",
                       f->model, (long long)f->longest, (long long)e->config.P);
    e->longest = f->longest > 0 ? f->longest : e->config.P;
    return WAGLE_OK;
}

/* Tokens of the template around a text. */
static int64_t around(const wagle_tokenizer *t)
{
    int64_t n = 0;

    for (int i = 0; i < t->n_form; i++)
        n += t->form[i] != WG_TEMPLATE_TEXT;
    return n;
}

static wagle_status open_parts(wagle_ctx *ctx, const char *folder, wg_encoder *e)
{
    WG_TRY(wg_encoder_folder_read(ctx, folder, &e->folder));
    WG_TRY(wg_encoder_config_read(ctx, e->folder.model, &e->config));
    WG_TRY(check_sizes(ctx, e));
    WG_TRY(wg_encoder_tokenizer(ctx, &e->folder, &e->longest, &e->left, &e->tokenizer));
    if (e->longest <= around(e->tokenizer) || e->tokenizer->n_form == 0)
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: %lld tokens a text leave no room, or the tokenizer puts no tokens "
                       "around it",
                       folder, (long long)e->longest);
    return wg_encoder_weights_open(ctx, e->ops, e->folder.model, &e->config, &e->weights);
}

wagle_status wg_encoder_open(wagle_ctx *ctx, const wg_ops *ops, const char *folder,
                             wg_encoder **out)
{
    wg_encoder *e;
    wagle_status st;

    *out = NULL;
    if (!wg_is_folder(folder))
        return wg_model_place(ctx, folder);
    WG_TRY(WG_ALLOC(ctx, &e, 1));
    e->ops = wg_ops_on_host(ops);
    st = open_parts(ctx, folder, e);
    if (st == WAGLE_OK)
        *out = e;
    else
        wg_encoder_close(e);
    return st;
}

void wg_encoder_close(wg_encoder *e)
{
    if (e == NULL)
        return;
    wg_free(e->seen.data);
    wg_lists_free(e->ops, &e->lists);
    wg_encoder_room_free(e->ops, &e->room);
    wg_encoder_weights_close(e->ops, &e->weights);
    wagle_tokenizer_free(e->tokenizer);
    wg_encoder_folder_free(&e->folder);
    wg_free(e);
}

int64_t wg_encoder_width(const wg_encoder *e)
{
    return e->folder.n_pooling * e->config.D;
}

/* --- tokens ----------------------------------------------------------------------------------- */

wagle_status wg_encoder_tokens(wagle_ctx *ctx, const wg_encoder *e, wg_str text, wg_ids *out)
{
    const wagle_tokenizer *t = e->tokenizer;
    const int64_t room = e->longest - around(t);
    wg_ids own = {0};
    wagle_status st = wg_encode(ctx, t, text.text, text.bytes, false, &own);
    const int64_t from = e->left && own.n > room ? own.n - room : 0;

    for (int i = 0; st == WAGLE_OK && i < t->n_form; i++) {
        if (t->form[i] != WG_TEMPLATE_TEXT)
            st = wg_ids_add(ctx, out, t->form[i]);
        for (int64_t k = from; t->form[i] == WG_TEMPLATE_TEXT && k < own.n && k < from + room; k++)
            if (st == WAGLE_OK)
                st = wg_ids_add(ctx, out, own.id[k]);
    }
    wg_free(own.id);
    return st;
}

/* Tokens of n texts; those of text i end at end[i]. */
static wagle_status add_texts(wagle_ctx *ctx, const wg_encoder *e, const wg_str *text, int64_t n,
                              wg_ids *out, int64_t *end)
{
    for (int64_t i = 0; i < n; i++) {
        WG_TRY(wg_encoder_tokens(ctx, e, text[i], out));
        end[i] = out->n;
    }
    for (int64_t k = 0; k < out->n; k++)
        if (out->id[k] >= e->config.V)
            return wg_fail(ctx, WAGLE_E_INPUT, "%s: token %d, vocab_size is %lld", e->folder.model,
                           (int)out->id[k], (long long)e->config.V);
    return WAGLE_OK;
}

/* --- batches ---------------------------------------------------------------------------------- */

/* Lays out tokens [begin,stop) of texts that end at end[..]. */
static wagle_status lay_out(wagle_ctx *ctx, wg_encoder *e, const int32_t *ids, int64_t begin,
                            int64_t stop, const int64_t *end, wg_encoder_batch *out)
{
    const int64_t N = stop - begin;
    wg_lists *l = &e->lists;

    WG_TRY(wg_lists_begin(ctx, e->ops, l, 5,
                          N * (int64_t)(3 * sizeof(int32_t) + 2 * sizeof(int64_t))));
    int32_t *own = wg_lists_take(l, N, sizeof *own), *position = wg_lists_take(l, N, sizeof *own),
            *segment = wg_lists_take(l, N, sizeof *own);
    int64_t *length = wg_lists_take(l, N, sizeof *length),
            *first = wg_lists_take(l, N, sizeof *first), longest = 0;
    for (int64_t at = begin; at < stop; end++) {
        const int64_t T = *end - at;
        longest = T > longest ? T : longest;
        for (int64_t t = 0; t < T; t++) {
            const int64_t k = at - begin + t;
            own[k] = ids[at + t];
            position[k] = (int32_t)t;
            segment[k] = 0;
            length[k] = T;
            first[k] = at - begin;
        }
        at = *end;
    }
    *out = (wg_encoder_batch){.N = N,
                              .longest = longest,
                              .ids = wg_lists_at(l, own),
                              .position = wg_lists_at(l, position),
                              .segment = wg_lists_at(l, segment),
                              .length = wg_lists_at(l, length),
                              .first = wg_lists_at(l, first)};
    wg_lists_upload(e->ops, l);
    return WAGLE_OK;
}

/* Embeddings of n texts, whose tokens are [begin,end[n-1]) of ids. */
static wagle_status embed_batch(wagle_ctx *ctx, wg_encoder *e, const int32_t *ids, int64_t begin,
                                const int64_t *end, int64_t n, float *embedding)
{
    const int64_t D = e->config.D, N = end[n - 1] - begin;
    wg_encoder_batch batch;
    const void *seen;

    WG_TRY(lay_out(ctx, e, ids, begin, end[n - 1], end, &batch));
    WG_TRY(wg_encoder_reserve(ctx, e->ops, &e->config, N, &e->room));
    WG_TRY(wg_encoder_forward(ctx, e->ops, &e->config, &e->weights, &batch, &e->room));
    WG_TRY(wg_host_view(ctx, e->ops, e->room.x.data, (size_t)(N * D) * sizeof(wg_real), &e->seen,
                        &seen));
    for (int64_t i = 0, at = begin; i < n; at = end[i++])
        wg_encoder_pool(&e->folder, end[i] - at, D, (const float *)seen + (at - begin) * D,
                        embedding + i * wg_encoder_width(e));
    return WAGLE_OK;
}

wagle_status wg_encoder_embed(wagle_ctx *ctx, wg_encoder *e, const wg_str *text, int64_t n,
                              float *embedding)
{
    wg_ids ids = {0};
    int64_t *end = NULL;
    wagle_status st = WG_ALLOC(ctx, &end, n + 1);

    if (st == WAGLE_OK)
        st = add_texts(ctx, e, text, n, &ids, end);
    for (int64_t from = 0, to = 0, begin = 0; st == WAGLE_OK && from < n; from = to) {
        while (to < n && (to == from || end[to] - begin <= BATCH_TOKENS))
            to++;
        st = embed_batch(ctx, e, ids.id, begin, end + from, to - from,
                         embedding + from * wg_encoder_width(e));
        begin = end[to - 1];
    }
    wg_free(ids.id);
    wg_free(end);
    return st;
}
