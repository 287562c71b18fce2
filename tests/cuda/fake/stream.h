/* stream.h - streams of the pretended driver: work that runs in order, at once or late.
 *
 * WG_FAKE_LATE names streams whose work runs only when somebody waits for it: "operations" (each
 * first of two that are made) or "copies" (the others, which are late by default). So an operation
 * that does not wait for a copy reads what was there before, and a copy that does not wait for the
 * operations overwrites what they have yet to read. */
#ifndef WG_TESTS_CUDA_FAKE_STREAM_H
#define WG_TESTS_CUDA_FAKE_STREAM_H

#include <stddef.h>

typedef struct fake_stream {
    /* Runs the function on a copy of the data, at once or late. */
    void (*submit)(struct fake_stream *stream, void (*run)(void *data), const void *data,
                   size_t bytes);
} fake_stream;

#endif
