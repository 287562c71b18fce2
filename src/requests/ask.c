/* ask.c - what the model knows after k requests: of each request so far, of the retain rows, and by
 * the suites that are named. */
#include "requests/requests.h"

#include "suite/results.h"

#include <string.h>

/* --- rows --------------------------------------------------------------------------------------
 */

/* Means over the rows, as wagle_eval has them under "overall". */
static wagle_status ask_rows(wg_requests *r, const char *model, const wagle_data *rows,
                             json_t **overall)
{
    wagle_eval_options e;
    char *text = NULL;
    json_t *root = NULL;
    wagle_status st;

    *overall = NULL;
    wagle_eval_defaults(&e);
    e.model = model;
    e.data = *rows;
    e.metrics = r->o->metrics != NULL ? r->o->metrics : e.metrics;
    if (wg_requests_write(r->o))
        e.max_tokens = r->o->max_tokens;
    e.redact = r->t->redact;
    st = wagle_eval(r->ctx, &e, &text);
    if (st == WAGLE_OK)
        st = wg_json_parse(r->ctx, "the result of eval", text, strlen(text), &root);
    if (st == WAGLE_OK)
        *overall = json_incref(json_object_get(root, "overall"));
    json_decref(root);
    wagle_string_free(text);
    return st;
}

/* Adds value * rows to the sum under that key; ROUGE has three numbers. */
static wagle_status add_number(wagle_ctx *ctx, json_t *sums, const char *key, const json_t *value,
                               double rows)
{
    const char *part;
    json_t *one;

    if (json_is_number(value))
        return wg_json_set(ctx, sums, key,
                           json_real(json_number_value(json_object_get(sums, key)) +
                                     rows * json_number_value(value)));
    if (json_object_get(sums, key) == NULL)
        WG_TRY(wg_json_set(ctx, sums, key, json_object()));
    json_object_foreach ((json_t *)(uintptr_t)value, part, one)
        WG_TRY(add_number(ctx, json_object_get(sums, key), part, one, rows));
    return WAGLE_OK;
}

static wagle_status divide(wagle_ctx *ctx, json_t *sums, double rows)
{
    const char *key;
    json_t *value;

    json_object_foreach (sums, key, value) {
        if (json_is_object(value))
            WG_TRY(divide(ctx, value, rows));
        else if (json_real_set(value, json_number_value(value) / rows) != 0)
            return wg_json_memory(ctx);
    }
    return WAGLE_OK;
}

/* Means over the rows of all that were asked, but for perplexity, which is no mean over rows. */
static wagle_status pool(wagle_ctx *ctx, const json_t *asked, json_t **out)
{
    const json_t *one;
    double rows = 0;
    size_t i;

    *out = json_object();
    if (*out == NULL)
        return wg_json_memory(ctx);
    json_array_foreach (asked, i, one) {
        const double n = json_number_value(json_object_get(one, "rows"));
        const char *key;
        json_t *value;
        rows += n;
        json_object_foreach ((json_t *)(uintptr_t)one, key, value)
            if (strcmp(key, "file") != 0 && strcmp(key, "rows") != 0 &&
                strcmp(key, "perplexity") != 0)
                WG_TRY(add_number(ctx, *out, key, value, n));
    }
    WG_TRY(divide(ctx, *out, rows));
    return wg_json_set(ctx, *out, "rows", json_integer((json_int_t)rows));
}

static wagle_status ask_requests(wg_requests *r, const char *model, int n, json_t *row)
{
    json_t *asked = json_array(), *overall, *forget = NULL;

    WG_TRY(wg_json_set(r->ctx, row, "asked", asked));
    for (int i = 0; i < n; i++) {
        const wagle_data rows = wg_request_rows(r, i);
        WG_TRY(ask_rows(r, model, &rows, &overall));
        if (json_array_append_new(asked, overall) != 0)
            return wg_json_memory(r->ctx);
        WG_TRY(wg_json_set(r->ctx, overall, "file", wg_json_bytes(wg_request_name(r, i))));
    }
    const wagle_status st = pool(r->ctx, asked, &forget);
    if (st != WAGLE_OK) {
        json_decref(forget);
        return st;
    }
    return wg_json_set(r->ctx, row, "forget", forget);
}

static wagle_status ask_retain(wg_requests *r, const char *model, json_t *row)
{
    json_t *overall;

    if (r->t->retain.path == NULL)
        return WAGLE_OK;
    WG_TRY(ask_rows(r, model, &r->t->retain, &overall));
    return wg_json_set(r->ctx, row, "retain", overall);
}

/* --- suites ------------------------------------------------------------------------------------
 */

static wagle_status ask_suites(wg_requests *r, const char *model, int k, json_t *row)
{
    wagle_suite_options s;
    char *json = NULL;
    wagle_status st;

    if (r->t->watch == NULL)
        return WAGLE_OK;
    s = *r->t->watch;
    s.model = model;
    s.out = wg_requests_path(r, "requests/%d/result.json", k);
    s.force = true;
    s.redact |= r->t->redact;
    if (s.out == NULL)
        return WAGLE_E_RESOURCE;
    st = wagle_suite_run(r->ctx, &s, &json);
    if (st == WAGLE_OK)
        st = wg_results_values(r->ctx, json, row);
    wagle_string_free(json);
    return st;
}

/* --- the row -----------------------------------------------------------------------------------
 */

/* How the run went, from what it wrote. */
static wagle_status add_run(wg_requests *r, int k, json_t *row)
{
    static const char *const keys[] = {"steps", "lr", "selected", "stopped"};
    const char *path = wg_requests_path(r, "model-%d/manifest.json", k);
    json_t *m;
    wagle_status st;

    if (path == NULL)
        return WAGLE_E_RESOURCE;
    WG_TRY(wg_json_read(r->ctx, path, &m));
    st = wg_json_set(r->ctx, row, "file", wg_json_bytes(wg_request_name(r, k - 1)));
    for (int i = 0; i < 4 && st == WAGLE_OK; i++)
        if (json_object_get(m, keys[i]) != NULL)
            st = wg_json_set(r->ctx, row, keys[i], json_incref(json_object_get(m, keys[i])));
    if (st == WAGLE_OK && json_object_get(m, "stop_when") != NULL)
        st = wg_json_set(r->ctx, row, "unmet",
                         json_boolean(!json_is_true(json_object_get(m, "stopped"))));
    json_decref(m);
    return st;
}

static wagle_status fill(wg_requests *r, int k, json_t *row)
{
    const char *model = wg_requests_model(r, k);

    if (model == NULL)
        return WAGLE_E_RESOURCE;
    if (k > 0)
        WG_TRY(add_run(r, k, row));
    WG_TRY(ask_requests(r, model, k > 0 ? k : r->n, row));
    WG_TRY(ask_retain(r, model, row));
    return ask_suites(r, model, k, row);
}

static wagle_status make_row(wg_requests *r, int k, json_t **row)
{
    *row = json_pack("{s:i}", "requests", k);
    return *row != NULL ? fill(r, k, *row) : wg_json_memory(r->ctx);
}

wagle_status wg_requests_ask(wg_requests *r, int k)
{
    json_t *row;
    wagle_status st = make_row(r, k, &row);

    if (st == WAGLE_OK && json_array_append(json_object_get(r->state, "table"), row) != 0)
        st = wg_json_memory(r->ctx);
    json_decref(row);
    return st;
}

wagle_status wg_requests_ask_again(wg_requests *r)
{
    json_t *row;
    wagle_status st = make_row(r, 0, &row);

    if (st == WAGLE_OK && json_array_set(json_object_get(r->state, "table"), 0, row) != 0)
        st = wg_json_memory(r->ctx);
    json_decref(row);
    return st;
}
