/* cuda.h - the back end for NVIDIA cards. Nothing of CUDA is needed to build it: libcuda, libnvrtc
 * and libcublasLt are opened at run time, and the kernels are compiled for the card at hand when
 * they are first used. The same command gives the same bits on the same kind of card.
 *
 * Read from the environment, here alone in the library (library.c): CUDA_PATH, CONDA_PREFIX,
 * VIRTUAL_ENV, PATH and HOME, to find the libraries; XDG_CACHE_HOME or HOME, to keep compiled
 * kernels. */
#ifndef WG_OPS_CUDA_CUDA_H
#define WG_OPS_CUDA_CUDA_H

#include "ops/ops.h"

/* Bytes that an open card takes beside its tensors: cublasLt's workspace in its own memory, and
 * pinned buffers on the host, through which stored weights go. */
enum { WG_CUDA_WORKSPACE = 32 << 20, WG_CUDA_PINNED = 32 << 20, WG_CUDA_STAGINGS = 4 };

/* What there is, for `wagle doctor`. */
typedef struct wg_cuda_info {
    int cards;           /* that the driver shows */
    char name[128];      /* of the card asked for */
    int driver;          /* newest CUDA version that the driver runs: 13000 is 13.0 */
    int major, minor;    /* compute capability */
    int processors;      /* multiprocessors */
    int64_t bytes, free; /* memory */
    int nvrtc;           /* version, as driver */
    int64_t cublaslt;    /* version: 130100 is 13.1 */
    /* Where each library was found. */
    char driver_path[256], nvrtc_path[256], cublaslt_path[256];
} wg_cuda_info;

/* Card number `ordinal`, products as ctx->precision says; what is open in the context already is
 * shared. WAGLE_E_RESOURCE where there is none or a library is missing; the message says which.
 * Close with ops->close, as often as it was opened. */
WAGLE_CHECK wagle_status wg_cuda_open(wagle_ctx *ctx, int ordinal, const wg_ops **out);
/* The same search; *out has what was found up to the first failure. */
WAGLE_CHECK wagle_status wg_cuda_look(wagle_ctx *ctx, int ordinal, wg_cuda_info *out);

#endif
