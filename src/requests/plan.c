/* plan.c - a dry run: the plan of each request, on the model that was given, and what all need. */
#include "requests/requests.h"

#include "session/budget.h"
#include <string.h>

typedef struct total {
    double bytes, seconds; /* at most; of all updates */
    json_t *each;
} total;

static double number_at(const json_t *plan, const char *part, const char *key)
{
    return json_number_value(json_object_get(json_object_get(plan, part), key));
}

static wagle_status add_plan(wg_requests *r, int k, wg_text *text, total *all)
{
    const wagle_train_options t = wg_request_options(r, k, r->t->model, r->t->out);
    json_t *plan = NULL;
    double bytes;

    WG_TRY(wagle_unlearn(r->ctx, &t, NULL));
    WG_TRY(wg_text_printf(r->ctx, text, "request %d of %d (%.160s):\n%s", k, r->n,
                          wg_request_name(r, k - 1), wagle_plan(r->ctx)));
    WG_TRY(wg_json_parse(r->ctx, "the plan", wagle_plan_json(r->ctx),
                         strlen(wagle_plan_json(r->ctx)), &plan));
    bytes = number_at(plan, "host", "bytes");
    all->bytes = bytes > all->bytes ? bytes : all->bytes;
    all->seconds += number_at(plan, "time", "seconds");
    return json_array_append_new(all->each, plan) == 0 ? WAGLE_OK : wg_json_memory(r->ctx);
}

/* Sets of rows that are asked: all of the untouched model, then those so far; and the retain rows.
 */
static long long evaluations(const wg_requests *r)
{
    const long long n = r->n, rows = n + n * (n + 1) / 2;

    return rows + (r->t->retain.path != NULL ? n + 1 : 0);
}

static wagle_status tell(wg_requests *r, wg_text *text, const total *all)
{
    json_t *json =
        json_pack("{s:s, s:i, s:I, s:I, s:f, s:O}", "schema", "wagle-plan-requests-1", "runs", r->n,
                  "evaluations", (json_int_t)evaluations(r), "bytes", (json_int_t)all->bytes,
                  "seconds", all->seconds, "requests", all->each);
    wagle_status st = wg_set_plan_json(r->ctx, json);

    json_decref(json);
    WG_TRY(st);
    st =
        wg_text_printf(r->ctx, text,
                       "in all: %d runs, one after another, and %lld evaluations of a file of rows "
                       "between them; at most %.3f GB of memory",
                       r->n, evaluations(r), all->bytes / 1e9);
    if (st == WAGLE_OK && all->seconds > 0)
        st = wg_text_printf(r->ctx, text, "; updates: %.0f s, without evaluations", all->seconds);
    if (st == WAGLE_OK && r->t->watch != NULL)
        st = wg_text_printf(r->ctx, text, "; the suites run %d times between them", r->n + 1);
    if (st == WAGLE_OK)
        st = wg_text_printf(
            r->ctx, text, "\ndisk: two models at once, that of a request and the one before it\n");
    wg_free(r->ctx->plan);
    r->ctx->plan = st == WAGLE_OK ? wg_text_take(r->ctx, text) : NULL;
    return st;
}

wagle_status wg_requests_plan(wg_requests *r)
{
    wg_text text = {0};
    total all = {.each = json_array()};
    wagle_status st = all.each != NULL ? WAGLE_OK : wg_json_memory(r->ctx);

    for (int k = 1; k <= r->n && st == WAGLE_OK; k++)
        st = add_plan(r, k, &text, &all);
    if (st == WAGLE_OK)
        st = tell(r, &text, &all);
    json_decref(all.each);
    wg_text_free(&text);
    return st;
}
