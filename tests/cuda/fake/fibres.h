/* fibres.h - kernels that were compiled for the host: found by name, and run. */
#ifndef WG_TESTS_CUDA_FAKE_FIBRES_H
#define WG_TESTS_CUDA_FAKE_FIBRES_H

const void *fake_find(const char *name); /* null: there is none */
const char *fake_name(const void *function);
void fake_launch(const void *function, unsigned x, unsigned y, unsigned threads, void **arguments);

#endif
