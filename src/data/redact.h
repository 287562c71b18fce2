/* redact.h - replaces the texts of rows by short keyed hashes, so that results can be shared.
 *
 *   tag(text)  = "[" + the first 12 hexadecimal digits of HMAC-SHA-256(key, row number, text) + "]"
 *   key        = HMAC-SHA-256("wagle redact 1", all questions and answers of the set, in order)
 *
 * The key is derived from the texts and is never written. Somebody who has the rows can compute the
 * tags again and check them. Somebody who does not would have to guess all questions and answers of
 * the set at once; with a plain hash or a published salt, they could guess a short answer alone.
 * Equal texts of one row have equal tags ("the model gave exactly the true answer"); equal texts of
 * different rows have different tags. docs/security.md lists what this does not hide. */
#ifndef WG_DATA_REDACT_H
#define WG_DATA_REDACT_H

#include "base/hash.h"
#include "base/json.h"

enum { WG_TAG = 15 }; /* bytes of a tag, including NUL */

typedef struct wg_redact_key {
    unsigned char byte[WG_SHA256_BYTES];
} wg_redact_key;

/* Computes the key of one set: all rows with the "suite" and "set" of `like`. */
WAGLE_CHECK wagle_status wg_redact_key_of(wagle_ctx *ctx, const json_t *rows, const json_t *like,
                                          wg_redact_key *key);
/* The tag of a text of row number `row`. */
WAGLE_CHECK wagle_status wg_redact_tag(wagle_ctx *ctx, const wg_redact_key *key, int64_t row,
                                       wg_str text, char tag[WG_TAG]);
/* Replaces the texts of all rows (an array of objects) and removes their token ids. Each row
 * gets "redacted": true. Numbers stay, and so do the names of suite, set, benchmark, subject and
 * chat template, which metrics need. Rows that are redacted already stay as they are. */
WAGLE_CHECK wagle_status wg_redact_rows(wagle_ctx *ctx, json_t *rows);
/* The same for JSON Lines; `what` names the text in error messages. */
WAGLE_CHECK wagle_status wg_redact_lines(wagle_ctx *ctx, const char *what, const wg_text *jsonl,
                                         wg_text *out);

#endif
