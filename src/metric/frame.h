/* frame.h - numbers of rows, by set and name; what is measured of them; intervals by resampling. */
#ifndef WG_METRIC_FRAME_H
#define WG_METRIC_FRAME_H

#include "base/memory.h"

/* Row i of every column of a set is of the same row of data. */
typedef struct wg_column {
    const char *set, *name; /* in the frame's arena */
    double *value;          /* [n] */
    int64_t n, room;
} wg_column;

typedef struct wg_frame {
    wg_column *column; /* [n] */
    int64_t n, room;
    wg_arena names;
} wg_frame;

WAGLE_CHECK wagle_status wg_frame_add(wagle_ctx *ctx, wg_frame *f, const char *set,
                                      const char *name, double value);
const wg_column *wg_frame_find(const wg_frame *f, const char *set, const char *name); /* or NULL */
void wg_frame_free(wg_frame *f);

/* A metric. NAN where it is undefined. */
typedef struct wg_measure {
    char name[120];
    double value;
    int64_t n;        /* rows it is of */
    double low, high; /* 95 % by resampling of rows; NAN: none */
    double p;         /* of a difference, two-sided; NAN: none */
    double side[2];   /* what it is a difference of */
    double *sample;   /* [resamples], or NULL */
    bool test;        /* says how likely chance is: has no interval, and no difference */
} wg_measure;

typedef struct wg_measures {
    wg_measure *measure; /* [n] */
    int64_t n, room;
} wg_measures;

WAGLE_CHECK wagle_status wg_measures_add(wagle_ctx *ctx, wg_measures *m, double value, int64_t n,
                                         const char *format, ...) WG_PRINTF(5);
/* The newest is the outcome of a test. */
void wg_measures_is_test(wg_measures *m);
const wg_measure *wg_measures_find(const wg_measures *m, const char *name); /* or NULL */
void wg_measures_free(wg_measures *m);

/* Names of metrics, in an order that the columns alone decide, and their values. */
typedef wagle_status wg_measuring(wagle_ctx *ctx, const wg_frame *f, wg_measures *out);

/* out: the metrics of f with percentile intervals (Efron 1979): rows of each set are drawn with
 * replacement, all columns of a row together. 0 resamples: no intervals. */
WAGLE_CHECK wagle_status wg_bootstrap(wagle_ctx *ctx, const wg_frame *f, wg_measuring *measure,
                                      int64_t resamples, uint64_t seed, wg_measures *out);
/* Results of one method with one or several seeds of its training. */
typedef struct wg_side {
    const wg_frame *const *seed; /* [n] */
    int64_t n;
} wg_side;

/* The same of differences b - a of metrics that both have, means over seeds. Sets of equal size are
 * paired: the same draws of rows for both sides and all seeds; several seeds are drawn too. `value`
 * is the difference. */
WAGLE_CHECK wagle_status wg_bootstrap_difference(wagle_ctx *ctx, const wg_side *a, const wg_side *b,
                                                 wg_measuring *measure, int64_t resamples,
                                                 uint64_t seed, wg_measures *out);

#endif
