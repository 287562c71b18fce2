/* events.h - event files, which TensorBoard reads while they grow.
 *
 *   file     records, one after the other
 *   record   u64 length | u32 masked crc32c of the length | data | u32 masked crc32c of the data
 *   data     an Event, as protocol buffers encode it
 *     Event      1 wall_time (double)   2 step (varint)   5 Summary
 *                first record: 3 file_version ("brain.Event:2")   10 { 1 writer (string) }
 *     Summary    1 Value, any number of them
 *     Value      1 tag (string)   2 simple_value (float) or 5 HistogramProto
 *     Histogram  1 min  2 max  3 num  4 sum  5 sum_squares (double)
 *                6 bucket_limit  7 bucket (packed doubles): bucket i counts up to bucket_limit i
 *
 * Numbers are little endian; the mask of a crc c is (c >> 15 | c << 17) + 0xa282ead8. */
#ifndef WG_IO_EVENTS_H
#define WG_IO_EVENTS_H

#include "base/text.h"

#define WG_EVENTS_FILE "events.out.tfevents.wagle"

/* {.fd = -1}: no file; then every function below does nothing. */
typedef struct wg_events {
    int fd;    /* locked while it is open */
    bool anew; /* the file has no record to keep */
    char *path, *writer;
    wg_text pending; /* Values of the next Event */
} wg_events;

/* Opens FOLDER/events.out.tfevents.wagle, and makes it and its folders if necessary. writer: names
 * what writes, a run's fingerprint; "" is never the same. WAGLE_E_USAGE if the file has events of
 * another writer, unless force; WAGLE_E_INPUT if it is no event file; WAGLE_E_RUN if another
 * process writes it. */
WAGLE_CHECK wagle_status wg_events_open(wagle_ctx *ctx, const char *folder, const char *writer,
                                        bool force, wg_events *out);
/* To be called once, before the first event: keeps the events of earlier steps and removes the
 * others, also a record that is cut off. */
WAGLE_CHECK wagle_status wg_events_start(wagle_ctx *ctx, wg_events *e, int64_t step);

/* Add to the next event. Values that are not finite are left out. */
WAGLE_CHECK wagle_status wg_events_scalar(wagle_ctx *ctx, wg_events *e, const char *tag,
                                          double value);

/* count[i] values were above limit[i-1] and up to limit[i]. */
typedef struct wg_histogram {
    double min, max, sum, sum_squares;
    const double *limit, *count; /* [n] */
    int n;
} wg_histogram;

WAGLE_CHECK wagle_status wg_events_histogram(wagle_ctx *ctx, wg_events *e, const char *tag,
                                             const wg_histogram *h);
/* Appends the event by one write, so that a reader sees all of it or nothing. A write that fails is
 * logged as a warning, and nothing is written from then on: the run goes on without its events. */
WAGLE_CHECK wagle_status wg_events_write(wagle_ctx *ctx, wg_events *e, int64_t step);
void wg_events_close(wg_events *e);
/* The masked crc32c of data [n]. */
uint32_t wg_events_crc(const void *data, size_t n);

#endif
