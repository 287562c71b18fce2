#include "suite/similar.h"

#include "encoder/encoder.h"
#include "metric/rouge.h"
#include "suite/scorer.h"
#include <string.h>

wagle_status wg_similar_begin(wagle_ctx *ctx, wg_evaluation *e)
{
    return e->o->encoder != NULL
               ? wg_encoder_open(ctx, e->session->model->ops, e->o->encoder, &e->encoder)
               : WAGLE_OK;
}

void wg_similar_end(wg_evaluation *e)
{
    wg_encoder_close(e->encoder);
    e->encoder = NULL;
}

bool wg_similar_by_meaning(const wg_evaluation *e)
{
    return e->o->encoder != NULL || e->o->scorer != NULL;
}

/* --- by the cosine of embeddings -------------------------------------------------------------- */

/* Different texts, and the place of each text of the pairs among them. */
typedef struct texts {
    wg_string_table place_of;
    wg_str *text; /* [n] */
    int64_t n;
} texts;

static int32_t find_or_add(texts *t, wg_str text)
{
    const char *key = text.text != NULL ? text.text : "";
    int32_t at = wg_string_table_get(&t->place_of, key, text.bytes);

    if (at < 0) {
        at = (int32_t)t->n++;
        t->text[at] = (wg_str){key, text.bytes};
        wg_string_table_put(&t->place_of, key, text.bytes, at);
    }
    return at;
}

static wagle_status by_encoder(wagle_ctx *ctx, wg_encoder *encoder, const wg_text_pair *pair,
                               int64_t n, double *similarity)
{
    const int64_t width = wg_encoder_width(encoder);
    texts t = {0};
    float *embedding = NULL;
    wagle_status st;

    WG_TRY_GOTO(wg_string_table_new(ctx, &t.place_of, 2 * n), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &t.text, 2 * n), done);
    for (int64_t i = 0; i < n; i++) {
        (void)find_or_add(&t, pair[i].made);
        (void)find_or_add(&t, pair[i].answer);
    }
    WG_TRY_GOTO(WG_ALLOC(ctx, &embedding, t.n * width), done);
    WG_TRY_GOTO(wg_encoder_embed(ctx, encoder, t.text, t.n, embedding), done);
    for (int64_t i = 0; i < n; i++)
        similarity[i] = wg_cosine(embedding + find_or_add(&t, pair[i].made) * width,
                                  embedding + find_or_add(&t, pair[i].answer) * width, width);
done:
    wg_free(embedding);
    wg_free(t.text);
    wg_free(t.place_of.slot);
    return st;
}

/* --- by the user's command, and by ROUGE ------------------------------------------------------ */

static wagle_status add_line(wagle_ctx *ctx, const wg_text_pair *pair, wg_text *lines)
{
    WG_TRY(wg_scorer_add(ctx, lines, pair->made));
    WG_TRY(wg_text_addz(ctx, lines, "\t"));
    WG_TRY(wg_scorer_add(ctx, lines, pair->answer));
    return wg_text_addz(ctx, lines, "\n");
}

static wagle_status by_scorer(wagle_ctx *ctx, const char *command, const wg_text_pair *pair,
                              int64_t n, double *similarity)
{
    wg_text lines = {0};
    wagle_status st = WAGLE_OK;

    for (int64_t i = 0; st == WAGLE_OK && i < n; i++)
        st = add_line(ctx, &pair[i], &lines);
    if (st == WAGLE_OK)
        st = wg_scorer_run(ctx, command, &lines, n, -1, similarity);
    wg_text_free(&lines);
    return st;
}

static wagle_status by_rouge(wagle_ctx *ctx, const wg_text_pair *pair, int64_t n,
                             double *similarity)
{
    for (int64_t i = 0; i < n; i++) {
        double rouge[3][3];
        WG_TRY(wg_rouge(ctx, &pair[i].answer, 1, pair[i].made, true, rouge));
        similarity[i] = rouge[2][2];
    }
    return WAGLE_OK;
}

wagle_status wg_similar(wagle_ctx *ctx, const wg_evaluation *e, const wg_text_pair *pair, int64_t n,
                        double *similarity)
{
    if (ctx->dry_run) {
        memset(similarity, 0, (size_t)n * sizeof *similarity);
        return WAGLE_OK;
    }
    return e->encoder != NULL     ? by_encoder(ctx, e->encoder, pair, n, similarity)
           : e->o->scorer != NULL ? by_scorer(ctx, e->o->scorer, pair, n, similarity)
                                  : by_rouge(ctx, pair, n, similarity);
}
