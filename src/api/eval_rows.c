/* eval_rows.c - token-mean NLL, perplexity, answer probability and ROUGE of rows, as JSON. */
#include "dist/dist.h"
#include "data/held.h"

#include "base/options.h"
#include "data/redact.h"
#include "metric/rouge.h"
#include "session/generate.h"
#include "session/tally.h"
#include "suite/settings.h"
#include "train/train.h"
#include <math.h>
#include <string.h>

#define DEFAULT_METRICS "nll,perplexity,probability"

enum { NLL, PERPLEXITY, PROBABILITY, ROUGE1, ROUGE2, ROUGEL, METRICS };
static const wagle_info metrics[METRICS + 1] = {
    [NLL] = {.name = "nll",
             .summary = "mean negative log-likelihood of the answer's tokens, in nats"},
    [PERPLEXITY] = {.name = "perplexity",
                    .summary = "exp(nll); over all rows, of all label tokens together"},
    [PROBABILITY] = {.name = "probability",
                     .summary =
                         "exp(-nll), the geometric mean of the answer tokens' probabilities"},
    [ROUGE1] = {.name = "rouge1", .summary = "ROUGE-1 of the greedy answer: precision, recall, F1"},
    [ROUGE2] = {.name = "rouge2", .summary = "ROUGE-2 of the greedy answer: precision, recall, F1"},
    [ROUGEL] = {.name = "rougeL", .summary = "ROUGE-L of the greedy answer: precision, recall, F1"},
};

wagle_info wagle_metric_info(int i)
{
    return i >= 0 && i < METRICS ? metrics[i] : (wagle_info){0};
}

typedef struct evaluation {
    const wagle_eval_options *o;
    bool wanted[METRICS];
    wg_session session;
    wg_dataset rows;
    wg_real **nll;           /* [rows.n] */
    wg_ids *prompt, *answer; /* [rows.n] for ROUGE; what the labels follow, and what is made */
    double total[METRICS][3], tokens, nll_sum;
} evaluation;

static wagle_status choose(wagle_ctx *ctx, evaluation *e)
{
    const char *at = e->o->metrics != NULL ? e->o->metrics : DEFAULT_METRICS;

    if (*at == '\0')
        return wg_fail(ctx, WAGLE_E_USAGE, "@{metrics}: name at least one metric");
    while (*at != '\0') {
        const size_t n = strcspn(at, ",");
        int i = 0;
        while (i < METRICS && (strlen(metrics[i].name) != n || memcmp(metrics[i].name, at, n) != 0))
            i++;
        if (i == METRICS)
            return wg_fail(ctx, WAGLE_E_USAGE,
                           "no metric '%.*s'; there are nll, perplexity, probability, rouge1, "
                           "rouge2, rougeL",
                           (int)(n < 32 ? n : 32), at);
        e->wanted[i] = true;
        at += n + (at[n] == ',');
    }
    return WAGLE_OK;
}

static bool wants_rouge(const evaluation *e)
{
    return e->wanted[ROUGE1] || e->wanted[ROUGE2] || e->wanted[ROUGEL];
}

/* Greedy answers to the rows' prompts. */
static wagle_status answer(wagle_ctx *ctx, evaluation *e)
{
    const wg_sampling how = {.max_tokens = e->o->max_tokens, .top_p = 1, .stop = e->o->stop};
    const int64_t n = e->rows.n;

    WG_TRY(WG_ALLOC(ctx, &e->prompt, n));
    WG_TRY(WG_ALLOC(ctx, &e->answer, n));
    WG_TRY(wg_reader_tokenizer(ctx, &e->session.reader));
    for (int64_t i = 0; i < n; i++) {
        const wg_example *row = &e->rows.example[i];
        if (row->prompt.text == NULL || row->prompt.bytes == 0)
            return wg_fail(ctx, WAGLE_E_INPUT, "%s: row %lld has no prompt; ROUGE needs one",
                           e->o->data.path, (long long)i);
        e->prompt[i] = wg_example_prompt(row);
    }
    return wg_generate(ctx, &e->session, e->prompt, n, &how, e->answer);
}

static json_t *triple(const double v[3], double n)
{
    return json_pack("{s:f, s:f, s:f}", "precision", v[0] / n, "recall", v[1] / n, "f1", v[2] / n);
}

static wagle_status add_rouge(wagle_ctx *ctx, evaluation *e, int64_t i, json_t *row)
{
    double value[3][3];
    wg_text text = {0};
    wagle_status st = wg_stop_text(ctx, &e->session, e->o->stop, &e->answer[i], &text, NULL);

    if (st == WAGLE_OK)
        st = wg_rouge(ctx, e->rows.example[i].answer, e->rows.example[i].n_answers,
                      wg_text_str(&text), true, value);
    if (st == WAGLE_OK)
        st = wg_json_set(ctx, row, "generated", json_stringn(text.text, (size_t)text.bytes));
    for (int m = ROUGE1; st == WAGLE_OK && m <= ROUGEL; m++) {
        for (int k = 0; k < 3; k++)
            e->total[m][k] += value[m - ROUGE1][k];
        if (e->wanted[m])
            st = wg_json_set(ctx, row, metrics[m].name, triple(value[m - ROUGE1], 1));
    }
    wg_text_free(&text);
    return st;
}

static wagle_status add_row(wagle_ctx *ctx, evaluation *e, int64_t i, json_t *rows)
{
    const double n = (double)e->rows.example[i].n_labels;
    const double mean = wg_token_mean(e->nll[i], e->rows.example[i].n_labels);
    const double value[] = {mean, exp(mean), wg_answer_probability(mean)};
    json_t *row = json_pack("{s:I, s:I}", "row", (json_int_t)i, "label_tokens",
                            (json_int_t)e->rows.example[i].n_labels);

    if (row == NULL || json_array_append_new(rows, row) != 0)
        return wg_json_memory(ctx);
    e->tokens += n;
    e->nll_sum += mean * n;
    for (int m = NLL; m <= PROBABILITY; m++) {
        e->total[m][0] += value[m];
        if (e->wanted[m])
            WG_TRY(wg_json_set(ctx, row, metrics[m].name, json_real(value[m])));
    }
    return wants_rouge(e) ? add_rouge(ctx, e, i, row) : WAGLE_OK;
}

static wagle_status summarise(wagle_ctx *ctx, const evaluation *e, json_t *overall)
{
    const double n = (double)e->rows.n;

    WG_TRY(wg_json_set(ctx, overall, "rows", json_integer(e->rows.n)));
    for (int m = 0; m < METRICS; m++)
        if (e->wanted[m])
            WG_TRY(wg_json_set(ctx, overall, metrics[m].name,
                               m >= ROUGE1       ? triple(e->total[m], n)
                               : m == PERPLEXITY ? json_real(exp(e->nll_sum / e->tokens))
                                                 : json_real(e->total[m][0] / n)));
    return WAGLE_OK;
}

/* Losses, and answers if a metric needs them. */
static wagle_status ask(wagle_ctx *ctx, evaluation *e)
{
    WG_TRY(WG_ALLOC(ctx, &e->nll, e->rows.n));
    WG_TRY(wg_rows_nll(ctx, &e->session, &e->rows, "losses", e->nll));
    return wants_rouge(e) ? answer(ctx, e) : WAGLE_OK;
}

/* In a dry run. */
static wagle_status plan(wagle_ctx *ctx, evaluation *e)
{
    wg_tally tally = {0};
    wagle_status st;

    e->session.tally = &tally;
    st = ask(ctx, e);
    if (st == WAGLE_OK)
        st = wg_tally_tell(ctx, &e->session, &tally);
    e->session.tally = NULL;
    return st;
}

#define OF(name) #name, offsetof(wagle_eval_options, name)

/* Options of generated answers, besides those of how rows are read. */
static const wg_setting of_texts[] = {{OF(max_tokens), WG_SETTING_WHOLE},
                                      {OF(stop), WG_SETTING_TEXTS}};
enum { OF_TEXTS = sizeof of_texts / sizeof *of_texts };

/* Refuses them if no answer is generated. */
static wagle_status check_texts(wagle_ctx *ctx, const evaluation *e)
{
    wagle_eval_options usual;

    wagle_eval_defaults(&usual);
    if (wants_rouge(e) ||
        (e->o->stop == NULL && (e->o->max_tokens == usual.max_tokens || e->o->max_tokens == 0)))
        return WAGLE_OK;
    return wg_fail(ctx, WAGLE_E_USAGE,
                   "%s has no effect: it needs @{metrics} rouge1, rouge2 or rougeL, for which "
                   "answers are generated",
                   e->o->stop != NULL ? "@{stop}" : "@{max_tokens}");
}

/* The model, and options that are not the usual ones. */
static wagle_status describe(wagle_ctx *ctx, const evaluation *e, json_t *root)
{
    wagle_eval_options usual;

    wagle_eval_defaults(&usual);
    WG_TRY(wg_settings_add_model(ctx, e->o->model, root));
    WG_TRY(wg_settings_add(ctx, of_texts, OF_TEXTS, e->o, &usual, root));
    return wg_settings_add_data(ctx, &e->o->data, root);
}

static wagle_status evaluate(wagle_ctx *ctx, evaluation *e, char **out)
{
    json_t *root = json_pack("{s:s, s:o, s:{}, s:[]}", "schema", "wagle-rows-result-1", "data",
                             wg_json_bytes(e->o->data.path), "overall", "rows");
    wagle_status st = root != NULL ? WAGLE_OK : wg_json_memory(ctx);

    if (st == WAGLE_OK)
        st = ask(ctx, e);
    for (int64_t i = 0; st == WAGLE_OK && i < e->rows.n; i++)
        st = add_row(ctx, e, i, json_object_get(root, "rows"));
    if (st == WAGLE_OK)
        st = summarise(ctx, e, json_object_get(root, "overall"));
    if (st == WAGLE_OK && e->session.reader.laid_out > 0)
        st = wg_json_set(ctx, root, "layout", wg_layout_json(&e->session.reader.layout));
    if (st == WAGLE_OK)
        st = describe(ctx, e, root);
    if (st == WAGLE_OK && e->o->redact)
        st = wg_redact_rows(ctx, json_object_get(root, "rows"));
    if (st == WAGLE_OK && e->o->out != NULL && wg_writes(ctx))
        st = wg_json_write(ctx, e->o->out, root, e->o->force);
    if (st == WAGLE_OK)
        st = wg_json_text(ctx, root, true, out);
    json_decref(root);
    return st;
}

WG_DEFAULTS(wagle_eval_defaults, wagle_eval_options, .metrics = DEFAULT_METRICS, .max_tokens = 128)

wagle_status wagle_eval(wagle_ctx *ctx, const wagle_eval_options *given, char **json)
{
    wagle_eval_options own;
    const wagle_eval_options *o = &own;
    evaluation e = {.o = o};
    wagle_status st;

    wg_begin(ctx);
    *json = NULL;
    WG_TRY(WG_TAKE(ctx, given, &own, wagle_eval));
    wg_data_hold(&own.data);
    if (own.opened != NULL)
        own.model = wagle_model_folder(own.opened);
    WG_TRY(choose(ctx, &e));
    WG_TRY(wg_stop_check(ctx, o->stop));
    WG_TRY(check_texts(ctx, &e));
    if (o->out != NULL)
        WG_TRY(wg_output_check(ctx, o->out, o->force, WG_INPUTS(o->model, o->data.path)));
    WG_TRY(wg_session_begin(ctx, o->model, o->opened, &e.session));
    st = wg_dataset_load(ctx, &e.session.reader, &o->data, &e.rows);
    if (st == WAGLE_OK)
        st = wg_layout_compare(ctx, e.session.model->folder, &e.session.reader.layout);
    if (st == WAGLE_OK)
        st = ctx->dry_run ? plan(ctx, &e) : evaluate(ctx, &e, json);
    for (int64_t i = 0; i < e.rows.n; i++) {
        wg_free(e.nll != NULL ? e.nll[i] : NULL);
        wg_free(e.answer != NULL ? e.answer[i].id : NULL);
    }
    wg_free(e.nll);
    wg_free(e.prompt);
    wg_free(e.answer);
    wg_dataset_free(&e.rows);
    wg_session_close(&e.session);
    return st;
}
