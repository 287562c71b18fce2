#include "selector/selector.h"

#include "base/choose.h"

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

static const char *name_at(int i)
{
    return wg_selector_at(i) != NULL ? wg_selector_at(i)->name : NULL;
}

wagle_status wg_selector_find(wagle_ctx *ctx, const char *name, const wg_selector **out)
{
    int i;

    WG_TRY(wg_choose(ctx, "selector", name_at, wg_strz(name), &i));
    *out = selectors[i];
    return WAGLE_OK;
}
