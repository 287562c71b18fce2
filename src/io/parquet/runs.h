/* runs.h - numbers as Parquet packs them: runs of equal or bit-packed numbers, and differences. All
 * are read one number at a time and never beyond `end`. Functions that return false met the end of
 * the bytes or damaged ones. */
#ifndef WG_IO_PARQUET_RUNS_H
#define WG_IO_PARQUET_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The number in bits [at, at + width) of bytes [n], lowest bits first; width at most 64. */
bool wg_pq_bits(const unsigned char *bytes, size_t n, uint64_t at, int width, uint64_t *out);

/* RLE: a varint h, then for h odd (h >> 1) * 8 bit-packed numbers, for h even one number that
 * stands h >> 1 times. */
typedef struct wg_pq_runs {
    const unsigned char *at, *end;
    int width; /* bits of a number, 0 to 32 */
    uint64_t left;
    uint32_t value;              /* of a run of equal numbers */
    const unsigned char *packed; /* of a bit-packed run, or NULL */
    size_t packed_bytes;
    uint64_t bit;
} wg_pq_runs;

bool wg_pq_runs_next(wg_pq_runs *r, uint32_t *out);

/* DELTA_BINARY_PACKED: varints of the values in a block, its miniblocks, and all values; the first
 * value (zigzag). Then blocks: the smallest difference (zigzag), a byte for the width of each
 * miniblock, and the miniblocks: bit-packed differences less the smallest one. */
typedef struct wg_pq_deltas {
    const unsigned char *at, *end;
    uint64_t count, left; /* values in all, and not yet read */
    uint64_t value, smallest;
    uint64_t minis, in_mini;     /* miniblocks of a block, values of a miniblock */
    uint64_t mini, mini_left;    /* the next miniblock, values left in the present one */
    const unsigned char *widths; /* [minis] */
    const unsigned char *packed; /* the present miniblock */
    size_t packed_bytes;
    uint64_t bit;
    int width;
} wg_pq_deltas;

/* Refuses more than `most` values. */
bool wg_pq_deltas_open(wg_pq_deltas *d, const unsigned char *at, const unsigned char *end,
                       uint64_t most);
bool wg_pq_deltas_next(wg_pq_deltas *d, int64_t *out);

#endif
