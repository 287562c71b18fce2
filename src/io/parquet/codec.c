#include "io/parquet/codec.h"

#include <snappy-c.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

static bool stored(const unsigned char *data, size_t n, unsigned char *out, size_t bytes)
{
    if (n != bytes)
        return false;
    memcpy(out, data, n);
    return true;
}

static bool snappy(const unsigned char *data, size_t n, unsigned char *out, size_t bytes)
{
    size_t found = 0, written = bytes;

    /* the size is checked first: snappy writes as much as the data says */
    return snappy_uncompressed_length((const char *)data, n, &found) == SNAPPY_OK &&
           found == bytes &&
           snappy_uncompress((const char *)data, n, (char *)out, &written) == SNAPPY_OK &&
           written == bytes;
}

static bool gzip(const unsigned char *data, size_t n, unsigned char *out, size_t bytes)
{
    enum { ZLIB_OR_GZIP = 32 };
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)data, .avail_in = (unsigned)n};
    int status = Z_OK;

    if (n > UINT32_MAX || bytes > UINT32_MAX || inflateInit2(&z, MAX_WBITS + ZLIB_OR_GZIP) != Z_OK)
        return false;
    z.next_out = out;
    z.avail_out = (unsigned)bytes;
    while ((status = inflate(&z, Z_FINISH)) == Z_STREAM_END && z.avail_in > 0 && z.avail_out > 0)
        if (inflateReset(&z) != Z_OK) /* another member follows */
            break;
    inflateEnd(&z);
    return status == Z_STREAM_END && z.avail_out == 0;
}

static bool zstd(const unsigned char *data, size_t n, unsigned char *out, size_t bytes)
{
    return ZSTD_decompress(out, bytes, data, n) == bytes;
}

/* By the number in the file. */
static const struct codec {
    const char *name;
    bool (*unpack)(const unsigned char *data, size_t n, unsigned char *out, size_t bytes);
} codecs[] = {
    {"none", stored}, {"snappy", snappy}, {"gzip", gzip}, {"LZO", NULL},
    {"Brotli", NULL}, {"LZ4", NULL},      {"zstd", zstd}, {"LZ4_RAW", NULL},
};
enum { CODECS = sizeof codecs / sizeof *codecs };

bool wg_pq_codec_known(int64_t codec, const char **name)
{
    const bool listed = codec >= 0 && codec < CODECS;

    *name = listed ? codecs[codec].name : "a codec that is not known";
    return listed && codecs[codec].unpack != NULL;
}

bool wg_pq_unpack(int64_t codec, const unsigned char *data, size_t n, unsigned char *out,
                  size_t bytes)
{
    const char *name;

    return wg_pq_codec_known(codec, &name) && codecs[codec].unpack(data, n, out, bytes);
}
