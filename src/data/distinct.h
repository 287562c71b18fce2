/* distinct.h - two sets that must not be the same rows. */
#ifndef WG_DATA_DISTINCT_H
#define WG_DATA_DISTINCT_H

#include "base/context.h"

/* Warns where a file is in both sets, through links too. A set without a path has none. */
void wg_data_warn_shared(wagle_ctx *ctx, const wagle_data *forget, const wagle_data *retain);
/* Whether a file is in both, through links too. */
bool wg_data_share(const wagle_data *forget, const wagle_data *retain);

#endif
