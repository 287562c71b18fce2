/* two_threads.h - the CPU's operations on two threads, as the group setup and teardown of a test:
 * `cpu` may be given other kernels. */
#ifndef WG_UNIT_TWO_THREADS_H
#define WG_UNIT_TWO_THREADS_H

#include "ops/cpu/cpu.h"

static wagle_ctx opening = {.threads = 2};
static const wg_ops *opened;
static wg_ops cpu; /* a copy of it */

static int open_at(wagle_precision precision)
{
    if (wg_cpu_open_at(&opening, precision, &opened) != WAGLE_OK)
        return -1;
    cpu = *opened;
    return 0;
}

static int end_threads(void **state)
{
    (void)state;
    opened->close(opened);
    return 0;
}

#endif
