/* failing.h - calls that fail on demand: WG_FAKE_FAILS=NAME:N makes the N-th call of the function
 * NAME fail, and all after it. */
#ifndef WG_TESTS_CUDA_FAKE_FAILING_H
#define WG_TESTS_CUDA_FAKE_FAILING_H

#include <stdlib.h>
#include <string.h>

static inline int fake_fails(const char *function)
{
    static long calls;
    const char *wanted = getenv("WG_FAKE_FAILS");
    const size_t bytes = strlen(function);

    if (wanted == NULL || strncmp(wanted, function, bytes) != 0 || wanted[bytes] != ':')
        return 0;
    return ++calls >= strtol(wanted + bytes + 1, NULL, 10);
}

/* The first line of a function that gives an error code. */
#define MAY_FAIL(code)                                                                             \
    if (fake_fails(__func__))                                                                      \
    return code

#endif
