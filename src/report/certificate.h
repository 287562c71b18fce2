/* certificate.h - reads certificate.json of `wagle forget` as untrusted input. */
#ifndef WG_REPORT_CERTIFICATE_H
#define WG_REPORT_CERTIFICATE_H

#include "data/redact.h"

/* Reads and checks a certificate: format and version, types, lengths of texts and lists, and words
 * from fixed lists. Unknown members are ignored. The error message names the member, as in
 * "tests[3].verdict" (WAGLE_E_INPUT). json_decref *out. */
WAGLE_CHECK wagle_status wg_certificate_read(wagle_ctx *ctx, const char *path, json_t **out);

/* Replaces the subjects' names in all texts by tags of the key, or by "[redacted]" if key is NULL.
 */
WAGLE_CHECK wagle_status wg_certificate_redact(wagle_ctx *ctx, json_t *root,
                                               const wg_redact_key *key);

/* Text and number of a member; "" and NAN if it is missing or null. */
const char *wg_certificate_text(const json_t *object, const char *key);
double wg_certificate_real(const json_t *object, const char *key);
/* Number of tests with that verdict, in one group or in all (NULL). */
int64_t wg_certificate_count(const json_t *tests, const char *group, const char *verdict);

#endif
