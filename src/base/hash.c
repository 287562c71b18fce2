#include "base/hash.h"

#include "base/file.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

wagle_status wg_sha256_begin(wagle_ctx *ctx, wg_sha256 *h)
{
    EVP_MD_CTX *state = EVP_MD_CTX_new();

    h->state = state;
    if (state == NULL || EVP_DigestInit_ex(state, EVP_sha256(), NULL) != 1)
        return wg_fail(ctx, WAGLE_E_RESOURCE, "not enough memory for SHA-256");
    return WAGLE_OK;
}

void wg_sha256_add(wg_sha256 *h, const void *data, size_t bytes)
{
    EVP_DigestUpdate(h->state, data, bytes);
}

void wg_sha256_end(wg_sha256 *h, char text[WG_SHA256_TEXT])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    EVP_DigestFinal_ex(h->state, digest, &n);
    EVP_MD_CTX_free(h->state);
    h->state = NULL;
    for (unsigned i = 0; i < 32; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
}

wagle_status wg_sha256_file(wagle_ctx *ctx, const char *path, char text[WG_SHA256_TEXT])
{
    wg_map map;
    wg_sha256 h;

    WG_TRY(wg_map_open(ctx, path, &map));
    const wagle_status st = wg_sha256_begin(ctx, &h);
    if (st == WAGLE_OK) {
        wg_sha256_add(&h, map.data, map.bytes);
        wg_sha256_end(&h, text);
    }
    wg_map_close(&map);
    return st;
}

wagle_status wg_hmac_sha256(wagle_ctx *ctx, const void *key, size_t key_bytes, const void *data,
                            size_t bytes, unsigned char digest[WG_SHA256_BYTES])
{
    unsigned n = 0;

    if (HMAC(EVP_sha256(), key, (int)key_bytes, data, bytes, digest, &n) == NULL)
        return wg_fail(ctx, WAGLE_E_RESOURCE, "not enough memory for SHA-256");
    return WAGLE_OK;
}
