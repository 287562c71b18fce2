#include "io/source.h"

#include <string.h>
#include <zlib.h>
#include <zstd.h>

struct wg_source {
    const char *what;
    wg_packing packing;
    const unsigned char *data;
    size_t bytes, at;  /* at: packed bytes used */
    uint64_t unpacked; /* bytes given */
    bool between;      /* no member or frame is open */
    z_stream gzip;
    ZSTD_DStream *zstd;
};

wg_packing wg_packing_of(const unsigned char *data, size_t bytes)
{
    return bytes >= 2 && memcmp(data, "\x1F\x8B", 2) == 0           ? WG_GZIP
           : bytes >= 4 && memcmp(data, "\x28\xB5\x2F\xFD", 4) == 0 ? WG_ZSTD
                                                                    : WG_PLAIN;
}

wagle_status wg_source_open(wagle_ctx *ctx, const char *what, wg_packing packing,
                            const unsigned char *data, size_t bytes, wg_source **out)
{
    enum { GZIP_ALONE = 16 };
    wg_source *s;
    bool ok = true;

    WG_TRY(WG_ALLOC(ctx, out, 1));
    s = *out;
    s->what = what;
    s->packing = packing;
    s->data = data;
    s->bytes = bytes;
    s->between = true;
    if (packing == WG_GZIP)
        ok = inflateInit2(&s->gzip, MAX_WBITS + GZIP_ALONE) == Z_OK;
    if (packing == WG_ZSTD)
        ok = (s->zstd = ZSTD_createDStream()) != NULL;
    if (ok)
        return WAGLE_OK;
    wg_source_close(s);
    *out = NULL;
    return wg_fail(ctx, WAGLE_E_RESOURCE, "%s: not enough memory to unpack it", what);
}

void wg_source_close(wg_source *s)
{
    if (s == NULL)
        return;
    inflateEnd(&s->gzip); /* does nothing where it was not begun */
    ZSTD_freeDStream(s->zstd);
    wg_free(s);
}

static wagle_status damaged(wagle_ctx *ctx, const wg_source *s, const char *why)
{
    return wg_fail(ctx, WAGLE_E_INPUT, "%s: the compressed file is damaged (%s)", s->what, why);
}

/* Unpacks some bytes; *got may be 0 before the end. */
static wagle_status step_gzip(wagle_ctx *ctx, wg_source *s, void *to, size_t n, size_t *got)
{
    const size_t most = 1u << 30, in = s->bytes - s->at < most ? s->bytes - s->at : most;
    const unsigned room = (unsigned)(n < most ? n : most);
    int status;

    if (s->between && s->at > 0 && inflateReset(&s->gzip) != Z_OK)
        return damaged(ctx, s, "gzip");
    s->gzip.next_in = (unsigned char *)(uintptr_t)(s->data + s->at);
    s->gzip.avail_in = (unsigned)in;
    s->gzip.next_out = to;
    s->gzip.avail_out = room;
    status = inflate(&s->gzip, Z_NO_FLUSH);
    s->at += in - s->gzip.avail_in;
    *got = room - s->gzip.avail_out;
    s->between = status == Z_STREAM_END;
    return status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR
               ? WAGLE_OK
               : damaged(ctx, s, s->gzip.msg != NULL ? s->gzip.msg : "gzip");
}

static wagle_status step_zstd(wagle_ctx *ctx, wg_source *s, void *to, size_t n, size_t *got)
{
    ZSTD_inBuffer in = {s->data, s->bytes, s->at};
    ZSTD_outBuffer out = {to, n, 0};
    const size_t status = ZSTD_decompressStream(s->zstd, &out, &in);

    s->at = in.pos;
    *got = out.pos;
    s->between = status == 0;
    return ZSTD_isError(status) ? damaged(ctx, s, ZSTD_getErrorName(status)) : WAGLE_OK;
}

bool wg_unpacks_too_much(uint64_t unpacked, size_t bytes)
{
    return unpacked > ((uint64_t)1 << 30) + 1000 * (uint64_t)bytes;
}

wagle_status wg_source_read(wagle_ctx *ctx, wg_source *s, void *to, size_t n, size_t *got)
{
    size_t before;

    *got = 0;
    while (*got == 0 && !(s->between && s->at == s->bytes)) {
        before = s->at;
        WG_TRY(s->packing == WG_GZIP ? step_gzip(ctx, s, to, n, got)
                                     : step_zstd(ctx, s, to, n, got));
        if (*got == 0 && s->at == before && !s->between)
            return wg_fail(ctx, WAGLE_E_INPUT,
                           "%s: the compressed file ends in the middle; the download or copy is "
                           "incomplete",
                           s->what);
    }
    s->unpacked += *got;
    if (wg_unpacks_too_much(s->unpacked, s->bytes))
        return wg_fail(ctx, WAGLE_E_INPUT,
                       "%s: it unpacks to more than a thousand times its size; unpack it yourself "
                       "if that is meant",
                       s->what);
    return WAGLE_OK;
}

static wagle_status read_all(wagle_ctx *ctx, wg_source *s, wg_text *out)
{
    char part[1 << 14];
    size_t got;

    do {
        WG_TRY(wg_source_read(ctx, s, part, sizeof part, &got));
        WG_TRY(wg_text_add(ctx, out, part, got));
    } while (got > 0);
    return WAGLE_OK;
}

wagle_status wg_source_text(wagle_ctx *ctx, const char *path, wg_text *out)
{
    wg_map map;
    wg_packing packing;
    wg_source *s = NULL;
    wagle_status st;

    WG_TRY(wg_map_open(ctx, path, &map));
    packing = wg_packing_of(map.data, map.bytes);
    if (packing == WG_PLAIN)
        st = wg_text_add(ctx, out, (const char *)map.data, map.bytes);
    else {
        st = wg_source_open(ctx, path, packing, map.data, map.bytes, &s);
        if (st == WAGLE_OK)
            st = read_all(ctx, s, out);
        wg_source_close(s);
    }
    wg_map_close(&map);
    return st;
}

bool wg_named_text(const char *path)
{
    return wg_ends_with(path, ".txt") || wg_ends_with(path, ".txt.gz") ||
           wg_ends_with(path, ".txt.zst");
}
