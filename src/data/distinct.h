/* distinct.h - finds files that are in both the forget and the retain set. */
#ifndef WG_DATA_DISTINCT_H
#define WG_DATA_DISTINCT_H

#include "base/context.h"

/* Warns about each file that is in both sets, also via links. A set without a path has no files. */
void wg_data_warn_shared(wagle_ctx *ctx, const wagle_data *forget, const wagle_data *retain);
/* Whether a file is in both sets, also via links. */
bool wg_data_share(const wagle_data *forget, const wagle_data *retain);

#endif
