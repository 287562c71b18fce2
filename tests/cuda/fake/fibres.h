/* fibres.h - kernels that were compiled for the host: found by name, and run. */
#ifndef WG_TESTS_CUDA_FAKE_FIBRES_H
#define WG_TESTS_CUDA_FAKE_FIBRES_H

#include <vector>

const void *fake_find(const char *name); /* null: there is none */
const char *fake_name(const void *function);
/* The values of a kernel's arguments. */
std::vector<std::vector<char>> fake_copy_arguments(const void *function, void **arguments);
void fake_launch(const void *function, unsigned x, unsigned y, unsigned threads, void **arguments);

#endif
