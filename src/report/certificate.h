/* certificate.h - certificate.json of `wagle forget`, read as a file from a stranger. */
#ifndef WG_REPORT_CERTIFICATE_H
#define WG_REPORT_CERTIFICATE_H

#include "data/redact.h"

/* Reads and checks a certificate: its format and version, the kind of each value, lengths of texts
 * and lists, and words from fixed lists. Members that this version does not know are left alone.
 * Damage is one line that names the place ("tests[3].verdict"), WAGLE_E_INPUT. json_decref *out. */
WAGLE_CHECK wagle_status wg_certificate_read(wagle_ctx *ctx, const char *path, json_t **out);

/* Replaces the subjects' names, wherever they stand in its texts, by tags of the key; without a key
 * (NULL) by "[redacted]". */
WAGLE_CHECK wagle_status wg_certificate_redact(wagle_ctx *ctx, json_t *root,
                                               const wg_redact_key *key);

/* Text, number of a member; "" and NAN where it is missing or null. */
const char *wg_certificate_text(const json_t *object, const char *key);
double wg_certificate_real(const json_t *object, const char *key);
/* How many tests have that verdict, of one group or of all (NULL). */
int64_t wg_certificate_count(const json_t *tests, const char *group, const char *verdict);

#endif
