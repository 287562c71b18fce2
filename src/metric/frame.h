/* frame.h - columns of numbers by set and name, metrics of them, and intervals by resampling. */
#ifndef WG_METRIC_FRAME_H
#define WG_METRIC_FRAME_H

#include "base/memory.h"

/* A column. Value i of every column of a set belongs to the same row. */
typedef struct wg_column {
    const char *set, *name; /* in the frame's arena */
    double *value;          /* [n] */
    int64_t n, capacity;
} wg_column;

typedef struct wg_frame {
    wg_column *column; /* [n] */
    int64_t n, capacity;
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
    int64_t n;        /* number of rows */
    double low, high; /* 95 % interval from resampled rows, or NAN */
    double p;         /* of a difference, two-sided, or NAN */
    double side[2];   /* of a difference: the values of both sides */
    double *sample;   /* [resamples], or NULL */
    bool test;        /* a p value: has no interval and no difference */
} wg_measure;

typedef struct wg_measures {
    wg_measure *measure; /* [n] */
    int64_t n, capacity;
} wg_measures;

WAGLE_CHECK wagle_status wg_measures_add(wagle_ctx *ctx, wg_measures *m, double value, int64_t n,
                                         const char *format, ...) WG_PRINTF(5);
/* Marks the last metric as a p value. */
void wg_measures_is_test(wg_measures *m);
const wg_measure *wg_measures_find(const wg_measures *m, const char *name); /* or NULL */
void wg_measures_free(wg_measures *m);

/* Computes metrics. Their order must depend only on the columns. */
typedef wagle_status wg_measuring(wagle_ctx *ctx, const wg_frame *f, wg_measures *out);

/* Computes the metrics of f with percentile intervals (Efron 1979). Rows of each set are drawn with
 * replacement, with all their columns. 0 resamples: no intervals. */
WAGLE_CHECK wagle_status wg_bootstrap(wagle_ctx *ctx, const wg_frame *f, wg_measuring *measure,
                                      int64_t resamples, uint64_t seed, wg_measures *out);
/* Results of one method, trained with one or more seeds. */
typedef struct wg_side {
    const wg_frame *const *seed; /* [n] */
    int64_t n;
} wg_side;

/* The same for differences b - a of metrics that both sides have, averaged over seeds. Sets of
 * equal size are paired: both sides and all seeds use the same draws. If there are several seeds,
 * they are resampled too. `value` is the difference. */
WAGLE_CHECK wagle_status wg_bootstrap_difference(wagle_ctx *ctx, const wg_side *a, const wg_side *b,
                                                 wg_measuring *measure, int64_t resamples,
                                                 uint64_t seed, wg_measures *out);

#endif
