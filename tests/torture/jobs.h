/* Jobs of test_torture.c that are in a file of their own. */
#ifndef WG_TESTS_JOBS_H
#define WG_TESTS_JOBS_H

#include "textmodel.h"

#define OUT WG_SCRATCH "/torture-out"

wagle_status encode(wagle_ctx *ctx);
wagle_status encode_older(wagle_ctx *ctx);
wagle_status encode_flags(wagle_ctx *ctx);
wagle_status mask_by_factors(wagle_ctx *ctx);
wagle_status mask_by_rows(wagle_ctx *ctx);
wagle_status in_memory(wagle_ctx *ctx);
wagle_status mixture(wagle_ctx *ctx);
wagle_status embedded(wagle_ctx *ctx);
wagle_status compared_by_meaning(wagle_ctx *ctx);
wagle_status requests(wagle_ctx *ctx);

#endif
