/* state.h - the state of the back end, and how its parts call the card. */
#ifndef WG_OPS_CUDA_STATE_H
#define WG_OPS_CUDA_STATE_H

#include "ops/cuda/api.h"
#include "ops/cuda/cuda.h"
#include "ops/cuda/kernels/shared.h"

typedef enum wg_cuda_kernel {
#define MODULE(name)
#define KERNEL(module, name) WG_K_##name,
#include "ops/cuda/kernels.def"
#undef MODULE
#undef KERNEL
    WG_CUDA_KERNELS
} wg_cuda_kernel;

typedef enum wg_cuda_module {
#define MODULE(name) WG_M_##name,
#define KERNEL(module, name)
#include "ops/cuda/kernels.def"
#undef MODULE
#undef KERNEL
    WG_CUDA_MODULES
} wg_cuda_module;

/* The three libraries: where they are, and their functions. */
typedef struct wg_cuda_libraries {
    void *opened[4]; /* of dlopen; the last is a part of NVRTC */
    wg_cuda_driver driver;
    wg_cuda_compiler compiler;
    wg_cuda_blas blas;
    wg_cuda_info info;
    int card;
} wg_cuda_libraries;

/* Memory of the card that grows and never shrinks, for what one operation needs while it runs. */
typedef struct wg_cuda_room {
    wg_cuda_address data;
    size_t bytes;
} wg_cuda_room;

/* Bytes of a mapped file that were asked for. */
typedef struct wg_cuda_stored {
    const char *mapped;
    size_t bytes;
    wg_cuda_address data;   /* 0: not on the card at present */
    wg_cuda_handle arrived; /* event: they were copied */
    bool awaited;           /* the operations wait for it */
    bool held;              /* asked for and not yet released */
    int64_t released;       /* when, by the clock; 0: fetched ahead */
} wg_cuda_stored;

/* Pinned memory through which they go: one part of it. */
typedef struct wg_cuda_staging {
    void *host;
    wg_cuda_handle copied; /* event: it may be filled again */
} wg_cuda_staging;

enum { WG_CUDA_PLANS = 1024, WG_CUDA_STAGING = WG_CUDA_PINNED / WG_CUDA_STAGINGS };

/* A product of one shape: what cublasLt is to do. */
typedef struct wg_cuda_plan {
    int64_t key[10];
    wg_cuda_handle desc, a, b, c;
    wg_blas_algorithm algorithm;
    bool ready;
} wg_cuda_plan;

typedef struct wg_cuda {
    wg_ops ops; /* first: what callers hold */
    wagle_ctx *owner;
    int ordinal;      /* N of cuda:N */
    int users;        /* models that hold it */
    char device[256]; /* wg_ops.device */
    wg_cuda_libraries lib;
    wagle_precision precision;
    wg_cuda_handle context, stream, blas;
    wg_cuda_handle module[WG_CUDA_MODULES], function[WG_CUDA_KERNELS];
    bool broken;
    wagle_status status; /* if broken */
    char message[512];
    wg_cuda_room parts, left, right, workspace; /* of sums; of products */
    size_t limit, used;                         /* bytes of the card */
    wg_cuda_handle copies, read;                /* stored.c: its stream; operations so far */
    wg_cuda_stored *stored;
    int64_t n_stored, room_stored, found, clock; /* found: the last one */
    wg_cuda_staging staging[WG_CUDA_STAGINGS];
    int64_t turn;       /* of the pinned buffers */
    wg_cuda_plan *plan; /* [WG_CUDA_PLANS], a hash table */
} wg_cuda;

/* --- library.c --- */

/* Opens the libraries and looks at the card; with failures in ctx. */
WAGLE_CHECK wagle_status wg_cuda_libraries_open(wagle_ctx *ctx, int ordinal,
                                                wg_cuda_libraries *lib);
void wg_cuda_libraries_close(wg_cuda_libraries *lib);
/* The folder of compiled kernels, to be freed with wg_free; NULL: there is none. */
char *wg_cuda_cache_folder(wagle_ctx *ctx);

/* --- cuda.c --- */

/* The state, with the card's context current; NULL once an operation has failed. */
wg_cuda *wg_cuda_ready(const wg_ops *self);
/* Remembers the first failure. */
void wg_cuda_break(wg_cuda *c, wagle_status status, const char *format, ...) WG_PRINTF(3);
/* True if the driver's call went well; else remembers what it was. */
bool wg_cuda_did(wg_cuda *c, int result, const char *what);
/* Makes room for so many bytes; false if it failed. */
bool wg_cuda_grow(wg_cuda *c, wg_cuda_room *room, size_t bytes);
/* x*y blocks of so many threads. None of them: nothing happens. */
void wg_cuda_launch(const wg_ops *self, wg_cuda_kernel kernel, int64_t x, int64_t y, int threads,
                    const void **arguments);
/* Addresses of the kernel's arguments, whose types must be those of its parameters. */
#define LAUNCH(kernel, x, y, threads, ...)                                                         \
    wg_cuda_launch(self, WG_K_##kernel, (x), (y), (threads), (const void *[]){__VA_ARGS__})
/* A thread an element of n. */
#define LAUNCH_EACH(kernel, n, ...)                                                                \
    LAUNCH(kernel, wg_cuda_blocks(n), 1, WG_CUDA_THREADS, __VA_ARGS__)
/* A block a row; a block a row and WG_CUDA_COLUMNS columns. */
#define LAUNCH_ROWS(kernel, M, ...) LAUNCH(kernel, M, 1, WG_CUDA_THREADS, __VA_ARGS__)
#define LAUNCH_ELEMENTS(kernel, M, n, ...)                                                         \
    LAUNCH(kernel, M, wg_cuda_parts(n, WG_CUDA_COLUMNS), WG_CUDA_THREADS, __VA_ARGS__)
int64_t wg_cuda_blocks(int64_t n);

static inline int64_t wg_cuda_parts(int64_t n, int64_t size)
{
    return (n + size - 1) / size;
}

/* The weights as kernels take them. */
static inline wg_cuda_weights wg_cuda_weights_of(const wg_weights *w)
{
    return (wg_cuda_weights){w->stored,
                             (const unsigned long long *)w->bits,
                             (const long long *)w->rank,
                             w->value,
                             w->half,
                             (int)w->type};
}

/* --- memory.c --- */

/* Memory of the card within the limit; released weights go where there is too little. False: there
 * is none. */
bool wg_cuda_take(wg_cuda *c, size_t bytes, wg_cuda_address *out);
/* Gives it back once the operations so far have run. */
void wg_cuda_give(wg_cuda *c, wg_cuda_address data, size_t bytes);
/* Remembers that so many bytes were too much. */
void wg_cuda_lacks(wg_cuda *c, size_t bytes);

/* What an allocation takes. */
static inline size_t wg_cuda_whole(size_t bytes)
{
    return bytes > 0 ? (bytes + 255) / 256 * 256 : 256;
}

/* --- stored.c --- */

/* Gives up the memory of stored weights that are not in use; false: all are. */
bool wg_cuda_evict(wg_cuda *c);
void wg_cuda_stored_free(wg_cuda *c);

/* --- compile.c --- */

/* The kernel, compiled when its module is first asked for; NULL if that failed. */
wg_cuda_handle wg_cuda_function(wg_cuda *c, wg_cuda_kernel kernel);

/* --- product.c --- */

void wg_cuda_plans_free(wg_cuda *c);

/* --- the operations (ops/ops.h) --- */

wagle_status wg_cuda_alloc(const wg_ops *self, wagle_ctx *ctx, int64_t count, size_t size,
                           const char *folder, wg_scratch *out);
wagle_status wg_cuda_download(const wg_ops *self, wagle_ctx *ctx, void *host, const void *from,
                              size_t bytes);
wagle_status wg_cuda_sync(const wg_ops *self, wagle_ctx *ctx);
/* g = the sum over the rows of y [N,D] (row stride ld) of y, y^2, or y*(x - mean)*rstd, as `what`
 * says (kernels/shared.h); sum [D] += g, square += g^2. x to square may be NULL but for sum. */
void wg_cuda_columns(const wg_ops *self, int what, int64_t N, int64_t D, const float *y, int64_t ld,
                     const float *x, const float *mean, const float *rstd, float *sum,
                     float *square);
/* Fill in a part of the table. */
void wg_cuda_memory_ops(wg_ops *ops);
void wg_cuda_stored_ops(wg_ops *ops);
void wg_cuda_vector_ops(wg_ops *ops);
void wg_cuda_product_ops(wg_ops *ops);
void wg_cuda_layer_ops(wg_ops *ops);
void wg_cuda_loss_ops(wg_ops *ops);
void wg_cuda_selected_ops(wg_ops *ops);
void wg_cuda_sequence_ops(wg_ops *ops);

#endif
