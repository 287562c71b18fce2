/* attribute.h - scores of all weights by one selector. */
#ifndef WG_RUN_ATTRIBUTE_H
#define WG_RUN_ATTRIBUTE_H

#include "run/tensorfile.h"

/* forget and retain may be NULL where the selector needs none. Writes a score file; *gamma is
 * read, and set where it was 0 (auto). */
WAGLE_CHECK wagle_status wg_attribute(wagle_ctx *ctx, wg_session *s, const wg_selector *selector,
                                      const wg_dataset *forget, const wg_dataset *retain,
                                      double *gamma, uint64_t seed, const char *out, bool force);

#endif
