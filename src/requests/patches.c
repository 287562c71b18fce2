/* patches.c - what the requests changed: one patch of all, or with {} in its name one of each. */
#include "requests/requests.h"

#include "train/train.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static bool is_of_each(const wg_requests *r)
{
    return r->t->out_patch != NULL && strstr(r->t->out_patch, "{}") != NULL;
}

/* The name with the request's number in place of {}. NULL without memory. */
static const char *name_of(wg_requests *r, int k)
{
    const char *form = r->t->out_patch, *at = strstr(form, "{}");
    const char *name = NULL;
    wg_text text = {0};

    if (at == NULL)
        return form;
    if (wg_text_printf(r->ctx, &text, "%.*s%d%s", (int)(at - form), form, k, at + 2) == WAGLE_OK)
        name = wg_arena_text(r->ctx, &r->arena, text.text, (size_t)text.bytes);
    wg_text_free(&text);
    return name;
}

wagle_status wg_requests_check_patches(wg_requests *r, bool known)
{
    const int n = r->t->out_patch == NULL ? 0 : is_of_each(r) ? r->n : 1;

    for (int k = 1; k <= n; k++) {
        const char *name = name_of(r, k);
        if (name == NULL)
            return WAGLE_E_RESOURCE;
        WG_TRY(wg_output_apart(r->ctx, name, r->t->out));
        WG_TRY(wg_train_output_check(r->ctx, r->t, name, r->t->force || known));
    }
    return WAGLE_OK;
}

static wagle_status write_patch(wg_requests *r, const char *from, const char *to, const char *name)
{
    wagle_diff_options d;
    wagle_status st;

    wagle_diff_defaults(&d);
    d.before = from;
    d.after = to;
    d.out = name;
    d.force = true; /* a call that was killed may have written it */
    if (d.before == NULL || d.after == NULL || name == NULL)
        return WAGLE_E_RESOURCE;
    st = wagle_diff(r->ctx, &d);
    if (st != WAGLE_E_RUN)
        return st;
    wg_forget_failure(r->ctx); /* both are the same */
    return wg_json_set(r->ctx, r->state, "unchanged", wg_json_bytes(name));
}

wagle_status wg_requests_patch(wg_requests *r, int k)
{
    return is_of_each(r)
               ? write_patch(r, wg_requests_model(r, k - 1), wg_requests_model(r, k), name_of(r, k))
               : WAGLE_OK;
}

wagle_status wg_requests_drop_patch(wg_requests *r, int k)
{
    const char *name;

    if (!is_of_each(r))
        return WAGLE_OK;
    name = name_of(r, k);
    if (name == NULL)
        return WAGLE_E_RESOURCE;
    return unlink(name) == 0 || errno == ENOENT
               ? WAGLE_OK
               : wg_fail_errno(r->ctx, errno, "%s: cannot be removed", name);
}

wagle_status wg_requests_whole_patch(wg_requests *r, const char *last)
{
    if (r->t->out_patch == NULL || is_of_each(r))
        return WAGLE_OK;
    json_object_del(r->state, "unchanged"); /* of fewer requests */
    return write_patch(r, wg_requests_model(r, 0), last, r->t->out_patch);
}

wagle_status wg_requests_finished_patch(wg_requests *r)
{
    return r->t->out_patch == NULL || wg_exists(r->t->out_patch) ||
                   json_object_get(r->state, "unchanged") != NULL
               ? WAGLE_OK
               : wg_requests_whole_patch(r, r->t->out);
}
