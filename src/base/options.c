#include "base/options.h"

#include <string.h>

enum { MOST = 1 << 16 }; /* bytes of a structure: more is memory that was never set */

static size_t size_of(const void *o)
{
    size_t size;

    memcpy(&size, o, sizeof size);
    return size;
}

void wg_options_fill(void *o, size_t size, const void *defaults, size_t known)
{
    memset(o, 0, size);
    memcpy(o, defaults, size < known ? size : known);
    memcpy(o, &size, sizeof size);
}

wagle_status wg_options_take(wagle_ctx *ctx, const char *name, const void *given, void *own,
                             size_t known)
{
    const size_t size = given != NULL ? size_of(given) : 0;
    const unsigned char *bytes = given;

    if (given == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "%s: options are NULL", name);
    if (size < sizeof size || size > MOST)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "%s: size of the options is %zu; call %s_defaults before setting members",
                       name, size, name);
    for (size_t i = known; i < size; i++)
        if (bytes[i] != 0)
            return wg_fail(ctx, WAGLE_E_USAGE,
                           "%s: sets an option that version " WAGLE_VERSION
                           " does not have; the program was built with a newer header",
                           name);
    memcpy(own, given, size < known ? size : known);
    memcpy(own, &known, sizeof known);
    return WAGLE_OK;
}

wagle_status wg_result_check(wagle_ctx *ctx, const char *name, const void *result)
{
    const size_t size = result != NULL ? size_of(result) : sizeof size;

    return size >= sizeof size && size <= MOST
               ? WAGLE_OK
               : wg_fail(ctx, WAGLE_E_USAGE, "%s: size of the result is %zu; call %s_init before",
                         name, size, name);
}

void wg_result_give(void *result, const void *own, size_t known)
{
    const size_t size = result != NULL ? size_of(result) : 0;

    if (result != NULL)
        wg_options_fill(result, size, own, known);
}
