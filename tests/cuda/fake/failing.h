/* failing.h - calls that fail on demand: WG_FAKE_FAILS=NAME:N makes the N-th call of the function
 * NAME fail, and all after it; WG_FAKE_KILLS=NAME:N makes the N-th call kill the process. */
#ifndef WG_TESTS_CUDA_FAKE_FAILING_H
#define WG_TESTS_CUDA_FAKE_FAILING_H

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* N of the variable where it names the function; 0: it does not. */
static inline long fake_call_of(const char *variable, const char *function)
{
    const char *wanted = getenv(variable);
    const size_t bytes = strlen(function);

    if (wanted == NULL || strncmp(wanted, function, bytes) != 0 || wanted[bytes] != ':')
        return 0;
    return strtol(wanted + bytes + 1, NULL, 10);
}

static inline int fake_fails(const char *function)
{
    static long calls, calls_to_death;
    const long fails = fake_call_of("WG_FAKE_FAILS", function),
               kills = fake_call_of("WG_FAKE_KILLS", function);

    if (kills > 0 && ++calls_to_death == kills)
        (void)raise(SIGKILL);
    return fails > 0 && ++calls >= fails;
}

/* The first line of a function that gives an error code. */
#define MAY_FAIL(code)                                                                             \
    if (fake_fails(__func__))                                                                      \
    return code

#endif
