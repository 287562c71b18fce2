/* guarded.h - the back end of builds with -DWAGLE_GUARDED=ON. */
#ifndef WG_TESTS_GUARDED_H
#define WG_TESTS_GUARDED_H

#include "ops/ops.h"

WAGLE_CHECK wagle_status wg_guarded_open(wagle_ctx *ctx, const wg_ops **out);

#endif
