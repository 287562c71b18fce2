#include "selector/selector.h"

#include "base/text.h"
#include <string.h>

#define WG_SELECTOR(name) extern const wg_selector wg_selector_##name;
#include "selector/selector.def"
#undef WG_SELECTOR

static const wg_selector *const selectors[] = {
#define WG_SELECTOR(name) &wg_selector_##name,
#include "selector/selector.def"
#undef WG_SELECTOR
    NULL,
};

const wg_selector *wg_selector_at(int i)
{
    return i >= 0 && i < (int)(sizeof selectors / sizeof *selectors) ? selectors[i] : NULL;
}

/* The option gamma chooses between wagle, wagle-diag and wagle-protect. */
unsigned wg_selector_uses(const wg_selector *s)
{
    return (s->needs & (WG_NEEDS_FORGET | WG_NEEDS_INPUTS) ? WAGLE_USES_FORGET : 0) |
           (s->needs & (WG_NEEDS_RETAIN_GRADIENT | WG_NEEDS_RETAIN_FISHER) ? WAGLE_USES_RETAIN
                                                                           : 0) |
           (s->needs & WG_NEEDS_GAMMA ? WAGLE_USES_GAMMA | WAGLE_USES_DAMPING : 0) |
           (s->needs & WG_NEEDS_MEAN_FISHER ? WAGLE_USES_DAMPING : 0) |
           (s->needs & WG_NEEDS_FACTORS ? WAGLE_USES_PROTECT : 0);
}

wagle_status wg_selector_find(wagle_ctx *ctx, const char *name, const wg_selector **out)
{
    wg_text known = {0};
    wagle_status st = WAGLE_OK;

    for (int i = 0; selectors[i] != NULL; i++)
        if (strcmp(selectors[i]->name, name) == 0) {
            *out = selectors[i];
            return WAGLE_OK;
        }
    for (int i = 0; selectors[i] != NULL && st == WAGLE_OK; i++)
        st = wg_text_printf(ctx, &known, "%s%s", i ? ", " : "", selectors[i]->name);
    if (st == WAGLE_OK)
        st = wg_fail(ctx, WAGLE_E_USAGE, "no selector '%.32s'; choose from %s", name, known.text);
    wg_text_free(&known);
    return st;
}
