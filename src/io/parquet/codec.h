/* codec.h - Parquet's compressed pages. */
#ifndef WG_IO_PARQUET_CODEC_H
#define WG_IO_PARQUET_CODEC_H

#include "base/text.h"

/* Unpacks data [n] to exactly out [bytes]; codec as in the file. False: the data is damaged, or of
 * another size. */
bool wg_pq_unpack(int64_t codec, const unsigned char *data, size_t n, unsigned char *out,
                  size_t bytes);
/* Whether wg_pq_unpack knows it; *name is set for those that it does not know. */
bool wg_pq_codec_known(int64_t codec, const char **name);

#endif
