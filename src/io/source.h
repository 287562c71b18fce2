/* source.h - the bytes of a file, unpacked while they are read if it is compressed by gzip or
 * zstd. */
#ifndef WG_IO_SOURCE_H
#define WG_IO_SOURCE_H

#include "base/file.h"

typedef enum wg_packing { WG_PLAIN, WG_GZIP, WG_ZSTD } wg_packing;

/* How the bytes are compressed, by the first of them. */
wg_packing wg_packing_of(const unsigned char *data, size_t bytes);

typedef struct wg_source wg_source;

/* Unpacks data [bytes], which must stay. `what` names the file in errors. Close with
 * wg_source_close. */
WAGLE_CHECK wagle_status wg_source_open(wagle_ctx *ctx, const char *what, wg_packing packing,
                                        const unsigned char *data, size_t bytes, wg_source **out);
/* Unpacks up to n more bytes; *got is 0 at the end alone. WAGLE_E_INPUT: the data is damaged or
 * incomplete, or unpacks to more than a gigabyte and a thousand times its size. */
WAGLE_CHECK wagle_status wg_source_read(wagle_ctx *ctx, wg_source *s, void *to, size_t n,
                                        size_t *got);
void wg_source_close(wg_source *s);
/* Whether so many bytes of a file of `bytes` are more than a gigabyte and a thousand times its
 * size: it is meant to fill memory then. */
bool wg_unpacks_too_much(uint64_t unpacked, size_t bytes);
/* Adds the whole file to the text, unpacked. */
WAGLE_CHECK wagle_status wg_source_text(wagle_ctx *ctx, const char *path, wg_text *out);
/* Whether a file's name says that it is text without rows: .txt, also .txt.gz and .txt.zst. */
bool wg_named_text(const char *path);

#endif
