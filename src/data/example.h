/* example.h - examples that are added to a data set: what dataset.c and tokens.c share. */
#ifndef WG_DATA_EXAMPLE_H
#define WG_DATA_EXAMPLE_H

#include "data/dataset.h"

typedef struct wg_adding {
    wagle_ctx *ctx;
    wg_reader *reader;
    const wagle_data *data;
    wg_dataset *out; /* has room for one more example */
    wg_record record;
    float weight;
} wg_adding;

/* Room for one more example with n tokens. */
WAGLE_CHECK wagle_status wg_example_new(const wg_adding *a, int64_t n, wg_example **out);
/* Cuts or refuses what is too long, counts labels, and takes the example in. */
WAGLE_CHECK wagle_status wg_example_accept(const wg_adding *a, wg_example *e);
/* The file of FILE@WEIGHT, in the arena, and the weight; 1 where none is named. A file that has the
 * whole name wins. */
WAGLE_CHECK wagle_status wg_data_entry(wagle_ctx *ctx, const char *entry, wg_arena *arena,
                                       const char **path, float *weight);
/* tokens.c: a pre-tokenised row. */
WAGLE_CHECK wagle_status wg_add_tokens(const wg_adding *a);

#endif
