/* example.h - adds examples to a data set; shared by dataset.c and tokens.c. */
#ifndef WG_DATA_EXAMPLE_H
#define WG_DATA_EXAMPLE_H

#include "data/dataset.h"

typedef struct wg_adding {
    wagle_ctx *ctx;
    wg_reader *reader;
    const wagle_data *data;
    wg_dataset *out;  /* has capacity for one more example */
    int64_t capacity; /* of out->example */
    wg_record record;
    float weight;
} wg_adding;

/* Allocates an example with n tokens. */
WAGLE_CHECK wagle_status wg_example_new(const wg_adding *a, int64_t n, wg_example **out);
/* Truncates or refuses an example that is too long, counts its labels, and adds it. */
WAGLE_CHECK wagle_status wg_example_accept(const wg_adding *a, wg_example *e);
/* Splits FILE@WEIGHT into a path in the arena and a weight (default 1). If a file has the whole
 * name, that file is meant. */
WAGLE_CHECK wagle_status wg_data_entry(wagle_ctx *ctx, const char *entry, wg_arena *arena,
                                       const char **path, float *weight);
/* tokens.c: adds a pre-tokenised row. */
WAGLE_CHECK wagle_status wg_add_tokens(const wg_adding *a);

#endif
