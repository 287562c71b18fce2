#include "base/hash.h"

#include "base/file.h"
#include "base/text.h"
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

/* Adds what sha256sum prints for the files. */
static wagle_status list_hashes(wagle_ctx *ctx, const char *folder, const char *ending,
                                char **names, wg_text *list)
{
    for (; *names != NULL; names++) {
        char hash[WG_SHA256_TEXT], *path;
        wagle_status st = WAGLE_OK;
        if (!wg_ends_with(*names, ending) || (*names)[0] == '.')
            continue;
        path = wg_path_join(ctx, folder, *names);
        if (path == NULL)
            return WAGLE_E_RESOURCE;
        if (!wg_is_folder(path)) {
            st = wg_sha256_file(ctx, path, hash);
            if (st == WAGLE_OK)
                st = wg_text_printf(ctx, list, "%s  %s\n", hash, *names);
        }
        wg_free(path);
        WG_TRY(st);
    }
    return WAGLE_OK;
}

wagle_status wg_sha256_path(wagle_ctx *ctx, const char *path, const char *ending,
                            char text[WG_SHA256_TEXT])
{
    char **names = NULL;
    wg_text list = {0};
    wg_sha256 h;
    wagle_status st;

    if (!wg_is_folder(path))
        return wg_sha256_file(ctx, path, text);
    WG_TRY(wg_list_folder(ctx, path, &names));
    st = list_hashes(ctx, path, ending, names, &list);
    wg_free_names(names);
    if (st == WAGLE_OK)
        st = wg_sha256_begin(ctx, &h);
    if (st == WAGLE_OK) {
        wg_sha256_add(&h, list.text, (size_t)list.bytes);
        wg_sha256_end(&h, text);
    }
    wg_text_free(&list);
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
