/* api.h - the functions that are taken from libcuda, libnvrtc and libcublasLt, and the few types
 * and values that they need (CUDA Driver API, NVRTC and cuBLASLt references of CUDA 12 and 13). */
#ifndef WG_OPS_CUDA_API_H
#define WG_OPS_CUDA_API_H

#include <stddef.h>
#include <stdint.h>

/* Handles are pointers to what only the libraries know. */
typedef void *wg_cuda_handle;
typedef unsigned long long wg_cuda_address; /* CUdeviceptr */

enum {
    WG_CUDA_SUCCESS = 0,
    WG_CUDA_OUT_OF_MEMORY = 2,
    WG_CUDA_NO_DEVICE = 100,
    WG_CUDA_ATTRIBUTE_PROCESSORS = 16,
    WG_CUDA_ATTRIBUTE_MAJOR = 75,
    WG_CUDA_ATTRIBUTE_MINOR = 76,
    WG_CUDA_STREAM_NON_BLOCKING = 1,
    WG_CUDA_EVENT_UNTIMED = 2,
    WG_CUDA_HOST_MAPPED = 2 /* kernels may use it at its address */
};

/* cublasLt: data types, ways to compute, attributes. */
enum {
    WG_BLAS_F32 = 0,
    WG_BLAS_BF16 = 14,
    WG_BLAS_COMPUTE_F32 = 68,
    WG_BLAS_COMPUTE_TF32 = 77,
    WG_BLAS_DESC_TRANSPOSE_A = 3,
    WG_BLAS_DESC_TRANSPOSE_B = 4,
    WG_BLAS_PREFER_WORKSPACE = 1,
    WG_BLAS_PREFER_ALIGNMENT_A = 5, /* then B, C, D */
    WG_BLAS_TRANSPOSED = 1
};

typedef struct wg_blas_algorithm {
    uint64_t data[8];
} wg_blas_algorithm;

typedef struct wg_blas_choice {
    wg_blas_algorithm algorithm;
    size_t workspace;
    int status;
    float waves;
    int reserved[4];
} wg_blas_choice;

/* Member, exported name, parameters; each returns 0 or an error, but where given. */
#define WG_CUDA_DRIVER(F)                                                                          \
    F(init, "cuInit", (unsigned flags))                                                            \
    F(version, "cuDriverGetVersion", (int *version))                                               \
    F(error_text, "cuGetErrorString", (int error, const char **text))                              \
    F(cards, "cuDeviceGetCount", (int *n))                                                         \
    F(card, "cuDeviceGet", (int *card, int ordinal))                                               \
    F(card_name, "cuDeviceGetName", (char *name, int bytes, int card))                             \
    F(card_bytes, "cuDeviceTotalMem_v2", (size_t * bytes, int card))                               \
    F(attribute, "cuDeviceGetAttribute", (int *value, int attribute, int card))                    \
    F(retain, "cuDevicePrimaryCtxRetain", (wg_cuda_handle * context, int card))                    \
    F(release, "cuDevicePrimaryCtxRelease_v2", (int card))                                         \
    F(set_current, "cuCtxSetCurrent", (wg_cuda_handle context))                                    \
    F(memory, "cuMemGetInfo_v2", (size_t * free, size_t * total))                                  \
    F(alloc, "cuMemAlloc_v2", (wg_cuda_address * memory, size_t bytes))                            \
    F(free, "cuMemFree_v2", (wg_cuda_address memory))                                              \
    F(host_alloc, "cuMemHostAlloc", (void **memory, size_t bytes, unsigned flags))                 \
    F(host_free, "cuMemFreeHost", (void *memory))                                                  \
    F(set, "cuMemsetD8Async",                                                                      \
      (wg_cuda_address to, unsigned char value, size_t bytes, wg_cuda_handle stream))              \
    F(copy, "cuMemcpyDtoDAsync_v2",                                                                \
      (wg_cuda_address to, wg_cuda_address from, size_t bytes, wg_cuda_handle stream))             \
    F(upload, "cuMemcpyHtoDAsync_v2",                                                              \
      (wg_cuda_address to, const void *from, size_t bytes, wg_cuda_handle stream))                 \
    F(download, "cuMemcpyDtoHAsync_v2",                                                            \
      (void *to, wg_cuda_address from, size_t bytes, wg_cuda_handle stream))                       \
    F(stream_new, "cuStreamCreate", (wg_cuda_handle * stream, unsigned flags))                     \
    F(stream_free, "cuStreamDestroy_v2", (wg_cuda_handle stream))                                  \
    F(stream_wait, "cuStreamSynchronize", (wg_cuda_handle stream))                                 \
    F(stream_wait_event, "cuStreamWaitEvent",                                                      \
      (wg_cuda_handle stream, wg_cuda_handle event, unsigned flags))                               \
    F(event_new, "cuEventCreate", (wg_cuda_handle * event, unsigned flags))                        \
    F(event_free, "cuEventDestroy_v2", (wg_cuda_handle event))                                     \
    F(event_record, "cuEventRecord", (wg_cuda_handle event, wg_cuda_handle stream))                \
    F(event_wait, "cuEventSynchronize", (wg_cuda_handle event))                                    \
    F(module_load, "cuModuleLoadData", (wg_cuda_handle * module, const void *image))               \
    F(module_unload, "cuModuleUnload", (wg_cuda_handle module))                                    \
    F(module_function, "cuModuleGetFunction",                                                      \
      (wg_cuda_handle * function, wg_cuda_handle module, const char *name))                        \
    F(launch, "cuLaunchKernel",                                                                    \
      (wg_cuda_handle function, unsigned grid_x, unsigned grid_y, unsigned grid_z,                 \
       unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,                      \
       wg_cuda_handle stream, void **arguments, void **extra))

#define WG_CUDA_COMPILER(F)                                                                        \
    F(version, "nvrtcVersion", (int *major, int *minor))                                           \
    F(count, "nvrtcGetNumSupportedArchs", (int *n))                                                \
    F(supported, "nvrtcGetSupportedArchs", (int *architectures))                                   \
    F(create, "nvrtcCreateProgram",                                                                \
      (wg_cuda_handle * program, const char *source, const char *name, int headers,                \
       const char *const *header_sources, const char *const *header_names))                        \
    F(destroy, "nvrtcDestroyProgram", (wg_cuda_handle * program))                                  \
    F(compile, "nvrtcCompileProgram", (wg_cuda_handle program, int n, const char *const *options)) \
    F(log_bytes, "nvrtcGetProgramLogSize", (wg_cuda_handle program, size_t * bytes))               \
    F(log, "nvrtcGetProgramLog", (wg_cuda_handle program, char *log))                              \
    F(cubin_bytes, "nvrtcGetCUBINSize", (wg_cuda_handle program, size_t * bytes))                  \
    F(cubin, "nvrtcGetCUBIN", (wg_cuda_handle program, char *image))                               \
    F(ptx_bytes, "nvrtcGetPTXSize", (wg_cuda_handle program, size_t * bytes))                      \
    F(ptx, "nvrtcGetPTX", (wg_cuda_handle program, char *image))

#define WG_CUDA_BLAS(F)                                                                            \
    F(create, "cublasLtCreate", (wg_cuda_handle * blas))                                           \
    F(destroy, "cublasLtDestroy", (wg_cuda_handle blas))                                           \
    F(desc_new, "cublasLtMatmulDescCreate", (wg_cuda_handle * desc, int compute, int scale_type))  \
    F(desc_free, "cublasLtMatmulDescDestroy", (wg_cuda_handle desc))                               \
    F(desc_set, "cublasLtMatmulDescSetAttribute",                                                  \
      (wg_cuda_handle desc, int attribute, const void *value, size_t bytes))                       \
    F(layout_new, "cublasLtMatrixLayoutCreate",                                                    \
      (wg_cuda_handle * layout, int type, uint64_t rows, uint64_t columns, int64_t ld))            \
    F(layout_free, "cublasLtMatrixLayoutDestroy", (wg_cuda_handle layout))                         \
    F(preference_new, "cublasLtMatmulPreferenceCreate", (wg_cuda_handle * preference))             \
    F(preference_free, "cublasLtMatmulPreferenceDestroy", (wg_cuda_handle preference))             \
    F(preference_set, "cublasLtMatmulPreferenceSetAttribute",                                      \
      (wg_cuda_handle preference, int attribute, const void *value, size_t bytes))                 \
    F(choose, "cublasLtMatmulAlgoGetHeuristic",                                                    \
      (wg_cuda_handle blas, wg_cuda_handle desc, wg_cuda_handle a, wg_cuda_handle b,               \
       wg_cuda_handle c, wg_cuda_handle d, wg_cuda_handle preference, int wanted,                  \
       wg_blas_choice *choices, int *found))                                                       \
    F(multiply, "cublasLtMatmul",                                                                  \
      (wg_cuda_handle blas, wg_cuda_handle desc, const void *alpha, const void *A,                 \
       wg_cuda_handle a, const void *B, wg_cuda_handle b, const void *beta, const void *C,         \
       wg_cuda_handle c, void *D, wg_cuda_handle d, const wg_blas_algorithm *algorithm,            \
       void *workspace, size_t bytes, wg_cuda_handle stream))

#define WG_CUDA_MEMBER(member, name, parameters) int(*member) parameters;
typedef struct wg_cuda_driver {
    WG_CUDA_DRIVER(WG_CUDA_MEMBER)
} wg_cuda_driver;
typedef struct wg_cuda_compiler {
    WG_CUDA_COMPILER(WG_CUDA_MEMBER)
} wg_cuda_compiler;
typedef struct wg_cuda_blas {
    WG_CUDA_BLAS(WG_CUDA_MEMBER)
    size_t (*version)(void);
} wg_cuda_blas;

#endif
