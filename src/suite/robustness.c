/* robustness.c - measures the answers of the forget set again under these conditions:
 *
 *   relearn_K     after K updates on rows of set `relearn` (a few of the forget rows)
 *   q8_0, q4_0    with weights quantised to these block formats
 *   rewind_50     with the half of the changes undone that moved least from --reference
 *   jailbreak     with a line of set `prefixes` before the prompt; the best line of each row
 *   few_shot      after --shots solved rows of set `dev`
 *   other sets    with other rows: paraphrased questions, another language
 *
 * comes_back is the answer probability under a condition minus the plain one. */
#include "base/place.h"
#include "dist/dist.h"
#include "suite/suite.h"

#include "metric/membership.h"
#include "metric/statistics.h"
#include "modeldir/fake_quant.h"
#include "modeldir/rewind.h"
#include "session/opened.h"
#include "session/tally.h"
#include <math.h>
#include <string.h>

/* --- rows of a condition ---------------------------------------------------------------------- */

static wagle_status write_row(wagle_ctx *ctx, wg_evaluation *e, const char *condition, int64_t i,
                              const wg_row_score *s)
{
    json_t *row;

    WG_TRY(wg_evaluation_row(ctx, e, condition, i, &row));
    WG_TRY(wg_json_set(ctx, row, "probability",
                       json_real(wg_answer_probability(wg_token_mean(s->nll, s->n)))));
    return wg_json_set(ctx, row, "extraction_strength",
                       json_real(wg_extraction_strength(s->hit, s->n)));
}

/* Scores the rows of `set` with the model of a session. */
static wagle_status score_rows(wagle_ctx *ctx, wg_evaluation *e, wg_session *session,
                               const wg_dataset *set, const char *condition)
{
    const wg_scoring how = {.hits = true, .progress = condition};
    wg_row_score *score;
    wagle_status st;

    WG_TRY(WG_ALLOC(ctx, &score, set->n));
    st = wg_rows_score(ctx, session, set, &how, score);
    for (int64_t i = 0; st == WAGLE_OK && i < set->n; i++)
        st = write_row(ctx, e, condition, i, &score[i]);
    wg_free_scores(score, set->n);
    return st;
}

static wagle_status score_folder(wagle_ctx *ctx, wg_evaluation *e, const char *folder,
                                 const wg_dataset *set, const char *condition)
{
    wg_session other;
    wagle_status st;

    WG_TRY(wg_session_open(ctx, folder, &other));
    st = score_rows(ctx, e, &other, set, condition);
    wg_session_close(&other);
    return st;
}

/* --- other prompts ---------------------------------------------------------------------------- */

/* Updates the best score of each row with its score after one more prefix. */
static wagle_status try_prefix(wagle_ctx *ctx, wg_evaluation *e, const wg_answers *plain,
                               const char *prefix, size_t bytes, double (**best)[2])
{
    wg_answers a = {0};
    wg_text before = {0};
    wagle_status st = wg_text_printf(ctx, &before, "%.*s\n", (int)bytes, prefix);

    if (st == WAGLE_OK)
        st = wg_answers_load_after(ctx, e, plain->path, plain->set.n,
                                   &(wg_preamble){.text = wg_text_str(&before)}, &a);
    if (st == WAGLE_OK)
        st = wg_answers_score(ctx, e, &a, true, false, "jailbreak");
    if (st == WAGLE_OK && *best == NULL)
        st = WG_ALLOC(ctx, best, a.set.n);
    for (int64_t i = 0; st == WAGLE_OK && i < a.set.n; i++) {
        const wg_row_score *s = &a.score[i];
        (*best)[i][0] = fmax((*best)[i][0], wg_answer_probability(wg_answers_mean(&a, i)));
        (*best)[i][1] = fmax((*best)[i][1], wg_extraction_strength(s->hit, s->n));
    }
    wg_answers_close(&a);
    wg_text_free(&before);
    return st;
}

static wagle_status jailbreak(wagle_ctx *ctx, wg_evaluation *e, const wg_answers *plain,
                              const char *path)
{
    double(*best)[2] = NULL;
    wg_text lines = {0};
    wagle_status st = wg_read_list(ctx, path, "prefixes", &lines);
    const char *at = lines.text, *line;

    for (size_t bytes; st == WAGLE_OK && (line = wg_next_line(&at, &bytes)) != NULL;)
        st = try_prefix(ctx, e, plain, line, bytes, &best);
    for (int64_t i = 0; st == WAGLE_OK && best != NULL && i < plain->set.n; i++) {
        json_t *row;
        st = wg_evaluation_row(ctx, e, "jailbreak", i, &row);
        if (st == WAGLE_OK)
            st = wg_json_set(ctx, row, "probability", json_real(best[i][0]));
        if (st == WAGLE_OK)
            st = wg_json_set(ctx, row, "extraction_strength", json_real(best[i][1]));
    }
    wg_free(best);
    wg_text_free(&lines);
    return st;
}

static wagle_status few_shot(wagle_ctx *ctx, wg_evaluation *e, const wg_answers *plain,
                             const char *path)
{
    wg_answers a = {0};
    wg_solved solved;
    wagle_status st = wg_solved_read(ctx, e, path, e->o->shots, &solved);

    if (st == WAGLE_OK)
        st = wg_answers_load_after(ctx, e, plain->path, plain->set.n, &solved.before, &a);
    if (st == WAGLE_OK)
        st = score_rows(ctx, e, e->session, &a.set, "few_shot");
    wg_answers_close(&a);
    wg_solved_free(&solved);
    return st;
}

/* --- other weights ---------------------------------------------------------------------------- */

static wagle_status relearn(wagle_ctx *ctx, wg_evaluation *e, const wg_dataset *set,
                            const char *rows, int64_t steps, const char *folder)
{
    wagle_train_options o;
    char condition[48];

    wagle_finetune_defaults(&o);
    o.model = e->o->model;
    o.opened = e->o->opened;
    o.retain = wg_evaluation_data(e, rows);
    o.out = folder;
    o.steps = steps;
    o.lr = e->o->relearn_lr;
    o.batch = 4;
    o.warmup = 0;
    o.schedule = WAGLE_SCHEDULE_CONSTANT;
    o.seed = e->o->seed;
    o.force = true;
    wg_nest(ctx);
    const wagle_status st = wg_train(ctx, &o, true, &(wg_train_hooks){0}, NULL);
    wg_unnest(ctx);
    if (st == WAGLE_E_INTERRUPTED) { /* no checkpoint is left */
        wg_forget_failure(ctx);
        return wg_fail(ctx, st, "interrupted");
    }
    WG_TRY(st);
    snprintf(condition, sizeof condition, "relearn_%lld", (long long)steps);
    return score_folder(ctx, e, folder, set, condition);
}

static wagle_status change_weights(wagle_ctx *ctx, wg_evaluation *e, const wg_dataset *set,
                                   const char *folder)
{
    static const char *const rounded[] = {"q8_0", "q4_0"};
    const char *rows = wg_evaluation_set(e, "relearn");
    const int64_t steps = e->o->relearn_steps;

    for (int64_t part = 4; rows != NULL && part > 0; part /= 2)
        if (steps / part > 0)
            WG_TRY(relearn(ctx, e, set, rows, steps / part, folder));
    if (e->o->reference != NULL && e->o->opened != NULL && e->o->opened->base != NULL)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "robustness: changes are taken back of a model in a folder alone; call "
                       "wagle_model_save, and name that folder");
    if (e->o->reference != NULL) {
        wg_remove_tree(folder);
        WG_TRY(wg_make_folder(ctx, folder));
        WG_TRY(wg_write_rewound(ctx, e->o->reference, e->o->model, 0.5, folder));
        WG_TRY(score_folder(ctx, e, folder, set, "rewind_50"));
    }
    for (int k = 0; k < 2; k++) {
        wg_remove_tree(folder);
        WG_TRY(wg_write_rounded(ctx, e->session->model, (wg_block_kind)k, folder));
        WG_TRY(score_folder(ctx, e, folder, set, rounded[k]));
    }
    return WAGLE_OK;
}

/* In a dry run: losses under each changed model; making these is not counted. */
static wagle_status count_changed_weights(wagle_ctx *ctx, wg_evaluation *e, const wg_dataset *set)
{
    int64_t changes = 2 + (e->o->reference != NULL);

    for (int64_t part = 4; wg_evaluation_set(e, "relearn") != NULL && part > 0; part /= 2)
        changes += e->o->relearn_steps / part > 0;
    for (int64_t i = 0; i < changes; i++)
        WG_TRY(score_rows(ctx, e, e->session, set, "changed"));
    wg_tally_second(e->session->tally, e->session->model);
    e->session->tally->left_out = wg_evaluation_set(e, "relearn") != NULL
                                      ? "relearning, and writing changed models"
                                      : "writing changed models";
    return WAGLE_OK;
}

/* Writes the changed models to a temporary folder beside the result. */
static wagle_status run_changed_weights(wagle_ctx *ctx, wg_evaluation *e, const wg_dataset *set)
{
    wg_text folder = {0}, partial = {0};
    wagle_status st;

    if (wg_together(ctx))
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "suite robustness trains and writes models, which it does in one process "
                       "only; start it without mpirun");
    if (e->session->tally != NULL)
        return count_changed_weights(ctx, e, set);
    st = wg_text_printf(ctx, &folder, "%s.models",
                        e->o->out != NULL ? e->o->out : "wagle-robustness");
    if (st == WAGLE_OK)
        st = wg_text_printf(ctx, &partial, "%s.partial", folder.text);
    if (st == WAGLE_OK && wg_exists(folder.text))
        st = wg_fail(ctx, WAGLE_E_USAGE, "%s: is in the way; remove it, or give another @{out}",
                     folder.text);
    else if (st == WAGLE_OK) {
        st = change_weights(ctx, e, set, folder.text);
        wg_remove_tree(folder.text);
        wg_remove_tree(partial.text);
    }
    wg_text_free(&folder);
    wg_text_free(&partial);
    return st;
}

/* --- the suite -------------------------------------------------------------------------------- */

/* Checks that a set does not have the name of a condition. */
static wagle_status check_name(wagle_ctx *ctx, const char *name)
{
    static const char *const conditions[] = {"plain", "jailbreak", "few_shot", "q8_0",
                                             "q4_0",  "rewind_50", "relearn_*"};

    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
        const size_t n = strcspn(conditions[i], "*");
        if (strncmp(name, conditions[i], n) == 0 && (conditions[i][n] == '*' || name[n] == '\0'))
            return wg_fail(ctx, WAGLE_E_USAGE,
                           "@{sets} %s: this name is a test of suite robustness; choose another",
                           name);
    }
    return WAGLE_OK;
}

/* Runs the other sets. Row i must ask the same as row i of the forget set. */
static wagle_status run_others(wagle_ctx *ctx, wg_evaluation *e, int64_t n)
{
    char name[64];
    const char *file;

    for (int i = 0; wg_evaluation_set_at(e, i, name, &file); i++) {
        wg_answers a = {0};
        if (!wg_evaluation_is_spare(e, name))
            continue;
        wagle_status st = check_name(ctx, name);
        if (st == WAGLE_OK)
            st = wg_answers_load(ctx, e, file, WG_ANSWERED, &a);
        if (st == WAGLE_OK && a.rows.n != n)
            st =
                wg_fail(ctx, WAGLE_E_INPUT,
                        "%s: %lld rows, the forget set has %lld; each row must ask what the forget "
                        "row of that number asks",
                        file, (long long)a.rows.n, (long long)n);
        if (st == WAGLE_OK)
            st = score_rows(ctx, e, e->session, &a.set, name);
        wg_answers_close(&a);
        WG_TRY(st);
    }
    return WAGLE_OK;
}

/* Checks in advance that there are enough solved rows. */
static wagle_status check_shots(wagle_ctx *ctx, const wg_evaluation *e, const char *dev)
{
    wg_rows rows;
    int64_t n;

    if (dev == NULL)
        return WAGLE_OK;
    const wg_rows_select select = wg_data_select(&e->o->data, false);
    WG_TRY(wg_rows_read(ctx, dev, &select, &rows));
    n = rows.n;
    wg_rows_free(&rows);
    return n >= e->o->shots
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_INPUT, "%s: %lld solved rows, @{shots} %lld needs more", dev,
                         (long long)n, (long long)e->o->shots);
}

/* Training and taking back changes need the files of the model. */
static wagle_status check_folder(wagle_ctx *ctx, const wg_evaluation *e)
{
    return e->session->unpacked != NULL &&
                   (wg_evaluation_set(e, "relearn") != NULL || e->o->reference != NULL)
               ? wg_model_place(ctx, e->o->model)
               : WAGLE_OK;
}

static wagle_status run(wagle_ctx *ctx, wg_evaluation *e)
{
    const char *prefixes = wg_evaluation_set(e, "prefixes"), *dev = wg_evaluation_set(e, "dev");
    wg_answers a = {0};
    wagle_status st = check_folder(ctx, e);

    if (st == WAGLE_OK)
        st = check_shots(ctx, e, dev);
    if (st == WAGLE_OK)
        st = wg_answers_load(ctx, e, wg_evaluation_set(e, "forget"), WG_ANSWERED, &a);
    if (st == WAGLE_OK)
        st = score_rows(ctx, e, e->session, &a.set, "plain");
    if (st == WAGLE_OK && prefixes != NULL)
        st = jailbreak(ctx, e, &a, prefixes);
    if (st == WAGLE_OK && dev != NULL)
        st = few_shot(ctx, e, &a, dev);
    if (st == WAGLE_OK)
        st = run_others(ctx, e, a.rows.n);
    if (st == WAGLE_OK)
        st = run_changed_weights(ctx, e, &a.set);
    wg_answers_close(&a);
    return st;
}

/* Conditions become columns of one set, so that they are resampled together by row. */
static wagle_status derive(wagle_ctx *ctx, const json_t *row, const char *set, wg_frame *f)
{
    static const char *const own[] = {"probability", "extraction_strength"};
    const bool gold = strncmp(set, "gold/", 5) == 0;

    for (int i = 0; i < 2; i++) {
        char name[128];
        double value;
        snprintf(name, sizeof name, "%s.%s", gold ? set + 5 : set, own[i]);
        WG_TRY(wg_row_number(ctx, row, own[i], &value));
        WG_TRY(wg_frame_add(ctx, f, gold ? "gold/forget" : "forget", name, value));
    }
    return WAGLE_OK;
}

static wagle_status measure(wagle_ctx *ctx, const wg_frame *f, wg_measures *out)
{
    const wg_column *plain = wg_frame_find(f, "forget", "plain.probability");

    for (int64_t i = 0; i < f->n; i++) {
        const wg_column *c = &f->column[i];
        if (strcmp(c->set, "forget") == 0)
            WG_TRY(wg_measures_add(ctx, out, wg_mean(c->value, c->n), c->n, "%s", c->name));
    }
    for (int64_t i = 0; plain != NULL && i < f->n; i++) {
        const wg_column *c = &f->column[i];
        const int condition = (int)strcspn(c->name, ".");
        if (strcmp(c->set, "forget") == 0 && c != plain && c->n == plain->n &&
            wg_ends_with(c->name, ".probability"))
            WG_TRY(wg_measures_add(ctx, out,
                                   wg_mean(c->value, c->n) - wg_mean(plain->value, plain->n), c->n,
                                   "%.*s.comes_back", condition, c->name));
    }
    return WAGLE_OK;
}

const wg_suite wg_suite_robustness = {
    .name = "robustness",
    .summary = "whether it stays forgotten: relearning, 8 and 4 bits, prefixes, other prompts",
    .remakes_model = true,
    .uses = WAGLE_USES_FACTS | WAGLE_USES_SHOTS | WAGLE_USES_REFERENCE,
    .set = {{"forget", "questions and answers that were forgotten", true, 0, 0, false},
            {"relearn", "some of the forget rows, for the relearning attack", false,
             WAGLE_USES_RELEARN, 0, false},
            {"prefixes", "text file; each line is tried before the prompt", false, 0, 0, false},
            {"dev", "solved examples to show as shots", false, 0, 0, false},
            {"*", "the forget rows in other words: paraphrased, or in another language", false, 0,
             0, false}},
    .run = run,
    .derive = derive,
    .measure = measure,
};
