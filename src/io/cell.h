/* cell.h - values of typed columns (Parquet, Arrow) as JSON. NULL: not enough memory. */
#ifndef WG_IO_CELL_H
#define WG_IO_CELL_H

#include "base/json.h"

/* Little-endian bits; bytes: up to 8. */
uint64_t wg_cell_bits(const unsigned char *at, size_t bytes);
/* A text, or what stands for bytes that are not UTF-8. */
json_t *wg_cell_text(wg_str text);
/* NaN and Infinity become what they become in JSON Lines (base/json.h). */
json_t *wg_cell_real(double x);
/* A float32 or float64 from its bits. */
json_t *wg_cell_float(uint64_t bits, int width);
/* A whole number of `width` bits, of which the higher bits are ignored. */
json_t *wg_cell_whole(uint64_t bits, int width, bool is_unsigned);

#endif
