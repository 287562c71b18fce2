/* row_losses.c - token losses of rows, in batches of bounded size. */
#include "session/row_losses.h"

#include "dist/dist.h"
#include "objective/objective.h"
#include "session/tally.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

enum { EVAL_TOKENS = 4096 };

typedef struct scoring {
    wg_session *session;
    bool looks, spread;
    wg_real *nll; /* [M] of the batch at hand */
    int32_t *best;
    double *mean, *square;
    int64_t room, best_room, mean_room, square_room;
} scoring;

/* Counts the pass. What it would give are numbers that a model could give. */
static void count(scoring *s)
{
    const wg_batch *b = &s->session->batch;

    wg_tally_pass(s->session->tally, b, false);
    for (int64_t j = 0; j < b->M; j++) {
        s->nll[j] = 1;
        if (s->looks)
            s->best[j] = -1;
        if (s->spread) {
            s->mean[j] = -1;
            s->square[j] = 2;
        }
    }
}

static wagle_status walk(wagle_ctx *ctx, scoring *s)
{
    const wg_batch *b = &s->session->batch;

    WG_TRY(WG_GROW(ctx, &s->nll, &s->room, b->M));
    if (s->looks)
        WG_TRY(WG_GROW(ctx, &s->best, &s->best_room, b->M));
    if (s->spread) {
        WG_TRY(WG_GROW(ctx, &s->mean, &s->mean_room, b->M));
        WG_TRY(WG_GROW(ctx, &s->square, &s->square_room, b->M));
    }
    if (s->session->tally != NULL) {
        count(s);
        return WAGLE_OK;
    }
    WG_TRY(wg_engine_forward(ctx, s->session->engine, b, false, NULL, s->nll));
    if (!s->looks)
        return WAGLE_OK;
    return wg_engine_token_stats(
        ctx, s->session->engine, b,
        &(wg_token_stats){s->best, s->spread ? s->mean : NULL, s->spread ? s->square : NULL});
}

static wagle_status keep(wagle_ctx *ctx, const scoring *s, int64_t from, int64_t m,
                         wg_row_score *out)
{
    out->n = m;
    WG_TRY(WG_ALLOC(ctx, &out->nll, m));
    memcpy(out->nll, s->nll + from, (size_t)m * sizeof *s->nll);
    if (s->looks) {
        WG_TRY(WG_ALLOC(ctx, &out->hit, m));
        for (int64_t j = 0; j < m; j++)
            out->hit[j] = s->best[from + j] == s->session->batch.target[from + j];
    }
    if (s->spread) {
        WG_TRY(WG_ALLOC(ctx, &out->mean, m));
        WG_TRY(WG_ALLOC(ctx, &out->square, m));
        memcpy(out->mean, s->mean + from, (size_t)m * sizeof *s->mean);
        memcpy(out->square, s->square + from, (size_t)m * sizeof *s->square);
    }
    return WAGLE_OK;
}

/* The rows [from, to) alone. */
static wagle_status score_rows(wagle_ctx *ctx, wg_session *session, const wg_dataset *rows,
                               int64_t from, int64_t to, const wg_scoring *how, wg_row_score *out)
{
    scoring s = {.session = session, .looks = how->hits || how->spread, .spread = how->spread};
    wg_batch *b = &session->batch;
    const int64_t together = wg_engine_chunk_tokens(session->engine, EVAL_TOKENS);
    wagle_status st = WAGLE_OK;

    b->keep_unlabelled = false;
    b->n_full_label_seqs = 0;
    for (int64_t at = from; at < to; at += b->S) {
        WG_TRY_GOTO(
            wg_batch_fill_shared(ctx, b, rows->example + at, to - at, EVAL_TOKENS, together), done);
        WG_TRY_GOTO(walk(ctx, &s), done);
        for (int64_t i = 0; i < b->S; i++)
            WG_TRY_GOTO(keep(ctx, &s, b->label_start[i], wg_labels_in(b, i), &out[at + i]), done);
        if (how->progress != NULL && session->tally == NULL)
            wg_progress(ctx, how->progress, at + b->S - from, to - from, NULL);
    }
done:
    wg_free(s.nll);
    wg_free(s.best);
    wg_free(s.mean);
    wg_free(s.square);
    return st;
}

/* What a row has of each label token. */
static const struct {
    size_t at, size;
} fields[] = {{offsetof(wg_row_score, nll), sizeof(wg_real)},
              {offsetof(wg_row_score, hit), sizeof(bool)},
              {offsetof(wg_row_score, mean), sizeof(double)},
              {offsetof(wg_row_score, square), sizeof(double)}};

static void **field(wg_row_score *row, int i)
{
    return (void **)((char *)row + fields[i].at);
}

/* Rows that other processes have scored. */
static wagle_status share_scores(wagle_ctx *ctx, const wg_scoring *how, int64_t n,
                                 wg_row_score *out)
{
    const bool wanted[] = {true, how->hits || how->spread, how->spread, how->spread};
    int64_t *count = NULL;
    void **list = NULL;
    wagle_status st;

    WG_TRY_GOTO(WG_ALLOC(ctx, &count, n), done);
    WG_TRY_GOTO(WG_ALLOC(ctx, &list, n), done);
    for (int64_t i = 0; i < n; i++)
        count[i] = out[i].n;
    for (int f = 0; f < (int)(sizeof fields / sizeof *fields); f++) {
        for (int64_t i = 0; i < n; i++)
            list[i] = *field(&out[i], f);
        if (wanted[f])
            st = wg_all_gather_lists(ctx, n, count, list, fields[f].size);
        for (int64_t i = 0; i < n; i++)
            *field(&out[i], f) = list[i];
        WG_TRY_GOTO(st, done);
    }
    for (int64_t i = 0; i < n; i++)
        out[i].n = count[i];
done:
    wg_free(count);
    wg_free(list);
    return st;
}

wagle_status wg_rows_score(wagle_ctx *ctx, wg_session *session, const wg_dataset *rows,
                           const wg_scoring *how, wg_row_score *out)
{
    int first;
    const int own = wg_parts_of(ctx, wg_rank(ctx), &first);

    if (session->tally != NULL)
        session->tally->rows += rows->n;
    for (int p = first; p < first + own; p++) { /* no batch has rows of two parts */
        int64_t from;
        const int64_t n = wg_rows_of_part(rows->n, p, wg_parts(ctx), &from);
        WG_TRY(score_rows(ctx, session, rows, from, from + n, how, out));
    }
    return wg_together(ctx) ? share_scores(ctx, how, rows->n, out) : WAGLE_OK;
}

wg_intent wg_rows_intent(const wg_dataset *rows)
{
    wg_intent in = {.longest = rows->longest};

    for (int64_t i = 0; i < rows->n; i++) {
        in.tokens += wg_example_inputs(&rows->example[i]);
        in.labels += rows->example[i].n_labels;
    }
    const int64_t most = EVAL_TOKENS > in.longest ? EVAL_TOKENS : in.longest;
    in.tokens = in.tokens < most ? in.tokens : most;
    in.labels = in.labels < most ? in.labels : most;
    return in;
}

void wg_free_scores(wg_row_score *score, int64_t n)
{
    for (int64_t i = 0; score != NULL && i < n; i++) {
        wg_free(score[i].nll);
        wg_free(score[i].hit);
        wg_free(score[i].mean);
        wg_free(score[i].square);
    }
    wg_free(score);
}

wagle_status wg_rows_nll(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                         const char *progress, wg_real **row_nll)
{
    wg_row_score *score;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &score, rows->n));
    st = wg_rows_score(ctx, s, rows, &(wg_scoring){.progress = progress}, score);
    for (int64_t i = 0; i < rows->n; i++) {
        row_nll[i] = score[i].nll;
        score[i].nll = NULL;
    }
    wg_free_scores(score, rows->n);
    return st;
}

void wg_free_rows(wg_real **row_nll, int64_t n)
{
    for (int64_t i = 0; row_nll != NULL && i < n; i++)
        wg_free(row_nll[i]);
    wg_free(row_nll);
}

double wg_token_mean(const wg_real *nll, int64_t n)
{
    return wg_sum(nll, n) / (double)n;
}

double wg_answer_probability(double token_mean)
{
    return exp(-token_mean);
}

wagle_status wg_mean_probability(wagle_ctx *ctx, wg_session *s, const wg_dataset *rows,
                                 double *each, double *probability, double *nll)
{
    wg_real **row_nll = NULL;
    wagle_status st;

    *probability = *nll = 0;
    WG_TRY(WG_ALLOC(ctx, &row_nll, rows->n));
    st = wg_rows_nll(ctx, s, rows, NULL, row_nll);
    for (int64_t i = 0; st == WAGLE_OK && i < rows->n; i++) {
        const double mean = wg_token_mean(row_nll[i], rows->example[i].n_labels);
        *nll += mean;
        *probability += wg_answer_probability(mean);
        if (each != NULL)
            each[i] = wg_answer_probability(mean);
    }
    *nll /= (double)rows->n;
    *probability /= (double)rows->n;
    wg_free_rows(row_nll, rows->n);
    return st;
}
