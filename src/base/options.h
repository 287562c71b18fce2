/* options.h - structures of options of a caller that was compiled with another version of the
 * header. The first member of each is its size there: nothing is read or written past it. */
#ifndef WG_BASE_OPTIONS_H
#define WG_BASE_OPTIONS_H

#include "base/context.h"

/* Defaults [known bytes] into the caller's structure of `size` bytes. */
void wg_options_fill(void *o, size_t size, const void *defaults, size_t known);
/* The caller's structure over the defaults in `own` [known bytes]. WAGLE_E_USAGE where its size was
 * never set, or where it sets members that this version does not have. name: wagle_eval. */
WAGLE_CHECK wagle_status wg_options_take(wagle_ctx *ctx, const char *name, const void *given,
                                         void *own, size_t known);
/* WG_TRY(WG_TAKE(ctx, given, &own, wagle_eval)): own becomes the caller's options. */
#define WG_TAKE(ctx, given, own, name)                                                             \
    (name##_defaults(own), wg_options_take((ctx), #name, (given), (own), sizeof *(own)))

/* Defines a function that the header declares by WAGLE_SIZED. Members that are not named are 0:
 *
 *     WG_DEFAULTS(wagle_mask_defaults, wagle_mask_options, .density = 0.1)
 *     WG_DEFAULTS(wagle_diff_defaults, wagle_diff_options, 0) */
#define WG_DEFAULTS(function, structure, ...)                                                      \
    void function##_sized(structure *o, size_t size)                                               \
    {                                                                                              \
        static const structure defaults = {__VA_ARGS__};                                           \
        wg_options_fill(o, size, &defaults, sizeof defaults);                                      \
    }

/* A structure that the library fills, own [known bytes], into the caller's, which may be NULL. */
void wg_result_give(void *result, const void *own, size_t known);
WAGLE_CHECK wagle_status wg_result_check(wagle_ctx *ctx, const char *name, const void *result);

#endif
