/* log.c - what can be watched while a run goes on: its log, as JSON Lines and as CSV, and events.
 *
 * The log itself is w->log, which checkpoints keep: a resumed run goes on with it, and cuts its
 * files back to it. OUT.partial/log.jsonl grows with it, for `tail -f`; the file that OUT gets is
 * written at the end (checkpoint.c). */
#include "train/run.h"

#include "base/file.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* What is logged of an update, in this order. */
static const struct scalar {
    const char *name; /* in log.jsonl; NULL: not there, because it differs from run to run */
    const char *tag;  /* of TensorBoard */
    size_t at;        /* in wg_logged */
    bool rectified;   /* only with --rectify */
} scalars[] = {
    {"loss", "loss/total", offsetof(wg_logged, of.loss), false},
    {"forget_term", "loss/forget", offsetof(wg_logged, of.forget_term), false},
    {"retain_term", "loss/retain", offsetof(wg_logged, of.retain_term), false},
    {"grad_norm", "update/gradient_norm", offsetof(wg_logged, of.grad_norm), false},
    {"lr", "update/learning_rate", offsetof(wg_logged, of.lr), false},
    {"cosine", "update/cosine", offsetof(wg_logged, cosine), true},
    {NULL, "speed/tokens_per_second", offsetof(wg_logged, tokens_per_second), false},
};

enum { SCALARS = sizeof scalars / sizeof *scalars };

/* --- CSV ---------------------------------------------------------------------------------------
 */

/* Adds the names that are new; returns whether there were any. */
static bool add_columns(json_t *columns, const json_t *line)
{
    const size_t before = json_object_size(columns);

    (void)json_object_update_missing(columns, (json_t *)(uintptr_t)line);
    return json_object_size(columns) > before;
}

/* line NULL: the names. */
static wagle_status add_csv_row(wagle_ctx *ctx, const json_t *columns, const json_t *line,
                                wg_text *out)
{
    const char *name, *between = "";
    json_t *any;

    json_object_foreach ((json_t *)(uintptr_t)columns, name, any) {
        const json_t *value = json_object_get(line, name);
        WG_TRY(wg_text_printf(ctx, out, "%s%s", between, line == NULL ? name : ""));
        if (json_is_integer(value))
            WG_TRY(wg_text_printf(ctx, out, "%lld", (long long)json_integer_value(value)));
        else if (json_is_real(value))
            WG_TRY(wg_text_printf(ctx, out, "%.9g", json_real_value(value)));
        between = ",";
    }
    return wg_text_addz(ctx, out, "\n");
}

/* One pass over the log: fills columns, or adds a row for each line to the text. */
static wagle_status each_line(wagle_ctx *ctx, const wg_run *w, json_t *columns, wg_text *rows)
{
    const char *at = w->log.text, *line;
    wagle_status st = WAGLE_OK;
    size_t bytes;

    while (st == WAGLE_OK && at != NULL && (line = wg_next_line(&at, &bytes)) != NULL) {
        json_t *object = NULL;
        st = wg_json_parse(ctx, "log.jsonl", line, bytes, &object);
        if (st == WAGLE_OK && rows == NULL)
            (void)add_columns(columns, object);
        else if (st == WAGLE_OK)
            st = add_csv_row(ctx, columns, object, rows);
        json_decref(object);
    }
    return st;
}

/* The whole log. */
static wagle_status write_csv(wagle_ctx *ctx, const wg_run *w)
{
    json_t *columns = json_object();
    wg_text text = {0};
    wagle_status st = columns != NULL ? each_line(ctx, w, columns, NULL) : wg_json_memory(ctx);

    if (st == WAGLE_OK)
        st = add_csv_row(ctx, columns, NULL, &text);
    if (st == WAGLE_OK)
        st = each_line(ctx, w, columns, &text);
    if (st == WAGLE_OK)
        st = wg_write_text(ctx, w->partial, "log.csv", &text);
    wg_text_free(&text);
    json_decref(columns);
    return st;
}

/* --- files that grow ---------------------------------------------------------------------------
 */

/* Best effort: the file is written again at the end, and then must succeed. */
static wagle_status grow(wagle_ctx *ctx, const wg_run *w, const char *name, const char *text,
                         int64_t bytes)
{
    char *path = wg_path_join(ctx, w->partial, name);
    FILE *file = path != NULL ? fopen(path, "ab") : NULL;

    if (file != NULL) {
        fwrite(text, 1, (size_t)bytes, file);
        fclose(file);
    }
    wg_free(path);
    return path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
}

/* A line more. A metric that comes later is a new column: then all of the file is written again. */
static wagle_status grow_csv(wagle_ctx *ctx, wg_run *w, const char *line, int64_t bytes)
{
    json_t *object = NULL;
    wg_text row = {0};
    wagle_status st = wg_json_parse(ctx, "log.jsonl", line, (size_t)bytes, &object);

    if (st == WAGLE_OK && add_columns(w->columns, object))
        st = write_csv(ctx, w);
    else if (st == WAGLE_OK)
        st = add_csv_row(ctx, w->columns, object, &row);
    if (st == WAGLE_OK && row.bytes > 0)
        st = grow(ctx, w, "log.csv", row.text, row.bytes);
    json_decref(object);
    wg_text_free(&row);
    return st;
}

/* The last line of the log, from `first` on. */
static wagle_status grow_files(wagle_ctx *ctx, wg_run *w, int64_t first)
{
    const char *line = w->log.text + first;
    const int64_t bytes = w->log.bytes - first;

    if (w->partial == NULL)
        return WAGLE_OK;
    WG_TRY(grow(ctx, w, "log.jsonl", line, bytes));
    return w->columns != NULL ? grow_csv(ctx, w, line, bytes) : WAGLE_OK;
}

/* --- lines -------------------------------------------------------------------------------------
 */

wagle_status wg_run_log_step(wagle_ctx *ctx, wg_run *w, const wg_logged *step)
{
    const int64_t first = w->log.bytes, number = step->of.step - 1;

    WG_TRY(wg_text_printf(ctx, &w->log, "{\"step\":%lld", (long long)number));
    for (const struct scalar *s = scalars; s < scalars + SCALARS; s++) {
        double value;
        memcpy(&value, (const char *)step + s->at, sizeof value);
        if (s->rectified && !(w->o->rectify > 0))
            continue;
        if (s->name != NULL)
            WG_TRY(wg_text_printf(ctx, &w->log, ",\"%s\":%.9g", s->name, value));
        WG_TRY(wg_events_scalar(ctx, &w->events, s->tag, value));
    }
    WG_TRY(wg_text_addz(ctx, &w->log, "}\n"));
    w->log_mark = w->log.bytes;
    WG_TRY(wg_events_write(ctx, &w->events, number));
    return grow_files(ctx, w, first);
}

wagle_status wg_run_log_metrics(wagle_ctx *ctx, wg_run *w, const json_t *metrics)
{
    const int64_t first = w->log.bytes;
    const char *name;
    json_t *value;

    WG_TRY(wg_text_printf(ctx, &w->log, "{\"step\":%lld", (long long)w->step));
    json_object_foreach ((json_t *)(uintptr_t)metrics, name, value) {
        char tag[200];
        if (!json_is_number(value) || !isfinite(json_number_value(value)))
            continue;
        WG_TRY(wg_text_printf(ctx, &w->log, ",\"%s\":%.9g", name, json_number_value(value)));
        snprintf(tag, sizeof tag, "metrics/%s", name);
        WG_TRY(wg_events_scalar(ctx, &w->events, tag, json_number_value(value)));
    }
    WG_TRY(wg_text_addz(ctx, &w->log, "}\n"));
    WG_TRY(wg_events_write(ctx, &w->events, w->step));
    return grow_files(ctx, w, first);
}

/* --- the run -----------------------------------------------------------------------------------
 */

wagle_status wg_run_log_check(wagle_ctx *ctx, const wagle_train_options *o)
{
    if (o->log != WAGLE_LOG_JSON && o->made != NULL)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{log} cannot be used with `made`: there is no folder for the file");
    if (o->tensorboard == NULL)
        return WAGLE_OK;
    if (o->out != NULL)
        WG_TRY(wg_output_apart(ctx, o->tensorboard, o->out));
    return wg_train_output_spares(ctx, o, o->tensorboard);
}

wagle_status wg_run_log_open(wagle_ctx *ctx, wg_run *w)
{
    const char *folder = w->o->tensorboard;

    if (w->o->log == WAGLE_LOG_CSV && (w->columns = json_object()) == NULL)
        return wg_json_memory(ctx);
    return folder != NULL ? wg_events_open(ctx, folder, w->fingerprint, w->o->force, &w->events)
                          : WAGLE_OK;
}

wagle_status wg_run_log_start(wagle_ctx *ctx, wg_run *w)
{
    if (w->columns != NULL)
        WG_TRY(each_line(ctx, w, w->columns, NULL));
    if (w->partial != NULL)
        WG_TRY(wg_run_log_write(ctx, w));
    return wg_events_start(ctx, &w->events, w->step);
}

wagle_status wg_run_log_write(wagle_ctx *ctx, const wg_run *w)
{
    WG_TRY(wg_write_text(ctx, w->partial, "log.jsonl", &w->log));
    return w->columns != NULL ? write_csv(ctx, w) : WAGLE_OK;
}

void wg_run_log_close(wg_run *w)
{
    wg_events_close(&w->events);
    json_decref(w->columns);
    wg_text_free(&w->log);
}
