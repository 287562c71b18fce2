#include "ops/ops.h"

const wg_ops *wg_ops_default(void)
{
#ifdef WG_REAL_DOUBLE
    return &wg_ops_ref;
#else
    return &wg_ops_cpu;
#endif
}
