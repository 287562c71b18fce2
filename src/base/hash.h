/* hash.h - SHA-256 and HMAC-SHA-256 (libcrypto). */
#ifndef WG_BASE_HASH_H
#define WG_BASE_HASH_H

#include "base/context.h"

typedef struct wg_sha256 {
    void *state;
} wg_sha256;

enum { WG_SHA256_TEXT = 65, /* hexadecimal digits and NUL */ WG_SHA256_BYTES = 32 };

WAGLE_CHECK wagle_status wg_sha256_begin(wagle_ctx *ctx, wg_sha256 *h);
void wg_sha256_add(wg_sha256 *h, const void *data, size_t bytes);
void wg_sha256_end(wg_sha256 *h, char text[WG_SHA256_TEXT]); /* frees the state */
WAGLE_CHECK wagle_status wg_sha256_file(wagle_ctx *ctx, const char *path,
                                        char text[WG_SHA256_TEXT]);
/* Of a file, or of a folder: the hash of what sha256sum prints for its files (not those in folders
 * of it, nor hidden ones) whose names end with `ending`. */
WAGLE_CHECK wagle_status wg_sha256_path(wagle_ctx *ctx, const char *path, const char *ending,
                                        char text[WG_SHA256_TEXT]);
/* HMAC (RFC 2104) with SHA-256. */
WAGLE_CHECK wagle_status wg_hmac_sha256(wagle_ctx *ctx, const void *key, size_t key_bytes,
                                        const void *data, size_t bytes,
                                        unsigned char digest[WG_SHA256_BYTES]);

#endif
