/* library.c - finds and opens libcuda, libnvrtc and libcublasLt.
 *
 * Searched in this order: the linker's path, $CUDA_PATH, /usr/local/cuda, Conda's environment, and
 * the packages nvidia-* of Python (which PyTorch brings): of the virtual environment, of the
 * python3 in PATH, of the user, of the system. */
#include "ops/cuda/state.h"

#include "base/memory.h"
#include "base/text.h"
#include <dlfcn.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A function of a library, and where its address goes. */
typedef struct symbol {
    const char *name;
    size_t at;
} symbol;

#define DRIVER_AT(member, name, parameters) {name, offsetof(wg_cuda_driver, member)},
#define COMPILER_AT(member, name, parameters) {name, offsetof(wg_cuda_compiler, member)},
#define BLAS_AT(member, name, parameters) {name, offsetof(wg_cuda_blas, member)},
static const symbol driver_symbols[] = {WG_CUDA_DRIVER(DRIVER_AT){0}};
static const symbol compiler_symbols[] = {WG_CUDA_COMPILER(COMPILER_AT){0}};
static const symbol blas_symbols[] = {
    WG_CUDA_BLAS(BLAS_AT){"cublasLtGetVersion", offsetof(wg_cuda_blas, version)}, {0}};

static wagle_status resolve(wagle_ctx *ctx, void *library, const char *path, const symbol *s,
                            void *table)
{
    for (; s->name != NULL; s++) {
        void *address = dlsym(library, s->name);
        if (address == NULL)
            return wg_fail(ctx, WAGLE_E_RESOURCE, "%s: has no %s; it is too old", path, s->name);
        memcpy((char *)table + s->at, &address, sizeof address);
    }
    return WAGLE_OK;
}

/* Besides OMP_NUM_THREADS (base/context.c) the library reads the environment only here (cuda.h
 * lists the variables): where CUDA, Python and the user's cache lie is said nowhere else, and no
 * result depends on it. A program with another user's rights gets nothing. */
static const char *environment(const char *name)
{
    const char *value = secure_getenv(name);
    return value != NULL ? value : "";
}

/* --- where libraries may lie --- */

static void say_path(void *library, const char *symbol_name, char *path, size_t bytes)
{
    Dl_info info;
    void *address = dlsym(library, symbol_name);

    if (address != NULL && dladdr(address, &info) != 0 && info.dli_fname != NULL)
        snprintf(path, bytes, "%s", info.dli_fname);
}

static void *open_in(const char *folder, const char *name)
{
    char path[1024];

    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return NULL;
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

/* The first file of that name in a folder that fits the pattern. */
static void *open_match(const char *pattern, const char *name)
{
    char whole[1024];
    glob_t found;
    void *library = NULL;

    if (snprintf(whole, sizeof whole, "%s/%s", pattern, name) >= (int)sizeof whole)
        return NULL;
    if (glob(whole, 0, NULL, &found) != 0)
        return NULL;
    for (size_t i = 0; library == NULL && i < found.gl_pathc; i++)
        library = dlopen(found.gl_pathv[i], RTLD_NOW | RTLD_LOCAL);
    globfree(&found);
    return library;
}

/* Beside the interpreters in PATH: ROOT/bin/python3 has ROOT/lib/python3.x/site-packages. */
static void *open_beside_python(const char *name)
{
    const char *at = environment("PATH");
    void *library = NULL;

    while (library == NULL && *at != '\0') {
        const size_t bytes = strcspn(at, ":");
        char pattern[1024];
        if (bytes > 4 && bytes < 512 && memcmp(at + bytes - 4, "/bin", 4) == 0) {
            snprintf(pattern, sizeof pattern, "%.*s/lib/python3*/*-packages/nvidia/*/lib",
                     (int)(bytes - 4), at);
            library = open_match(pattern, name);
        }
        at += bytes + (at[bytes] == ':');
    }
    return library;
}

static void *open_named(const char *name)
{
    static const struct {
        const char *variable, *below; /* NULL variable: a place of the system */
    } places[] = {{"CUDA_PATH", "/lib64"},
                  {"CUDA_PATH", "/lib"},
                  {NULL, "/usr/local/cuda/lib64"},
                  {NULL, "/usr/local/cuda/lib"},
                  {"CONDA_PREFIX", "/lib"},
                  {"VIRTUAL_ENV", "/lib/python3*/site-packages/nvidia/*/lib"},
                  {"CONDA_PREFIX", "/lib/python3*/site-packages/nvidia/*/lib"}};
    static const char *const packages[] = {"/.local/lib/python3*/site-packages/nvidia/*/lib",
                                           "/usr/local/lib/python3*/*-packages/nvidia/*/lib",
                                           "/usr/lib/python3*/*-packages/nvidia/*/lib"};
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    char pattern[1024];

    for (size_t i = 0; library == NULL && i < sizeof places / sizeof *places; i++) {
        const char *root = places[i].variable != NULL ? environment(places[i].variable) : "";
        if (places[i].variable != NULL && *root == '\0')
            continue;
        snprintf(pattern, sizeof pattern, "%.512s%s", root, places[i].below);
        library = open_match(pattern, name);
    }
    if (library == NULL)
        library = open_beside_python(name);
    for (size_t i = 0; library == NULL && i < sizeof packages / sizeof *packages; i++) {
        snprintf(pattern, sizeof pattern, "%.512s%s", i == 0 ? environment("HOME") : "",
                 packages[i]);
        library = open_match(pattern, name);
    }
    return library;
}

/* A toolkit's library, of the driver's own major version first, then of older and newer ones. */
static void *open_toolkit(const char *stem, int driver)
{
    static const int majors[] = {0, 13, 12, 11, 14};
    void *library = NULL;
    char name[64];

    for (size_t i = 0; library == NULL && i < sizeof majors / sizeof *majors; i++) {
        const int major = i == 0 ? driver / 1000 : majors[i];
        if (i > 0 && major == driver / 1000)
            continue;
        snprintf(name, sizeof name, major == 11 && strstr(stem, "nvrtc") ? "%s.11.2" : "%s.%d",
                 stem, major);
        library = open_named(name);
    }
    return library != NULL ? library : open_named(stem);
}

/* NVRTC opens this part by name: from its own folder it is there already. */
static void *open_builtins(const char *nvrtc_path, int version)
{
    const char *slash = strrchr(nvrtc_path, '/');
    char folder[256], name[64];

    if (slash == NULL)
        return NULL;
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - nvrtc_path), nvrtc_path);
    snprintf(name, sizeof name, "libnvrtc-builtins.so.%d.%d", version / 1000, version % 1000 / 10);
    return open_in(folder, name);
}

/* --- opening --- */

static wagle_status missing(wagle_ctx *ctx, const char *library, const char *package)
{
    return wg_fail(
        ctx, WAGLE_E_RESOURCE,
        "%s was not found by the linker, in $CUDA_PATH, in /usr/local/cuda or in Python's "
        "packages; 'pip install %s' brings it",
        library, package);
}

static const char *error_text(const wg_cuda_libraries *lib, int error)
{
    const char *text = NULL;
    return lib->driver.error_text(error, &text) == 0 && text != NULL ? text : "unknown error";
}

static wagle_status open_driver(wagle_ctx *ctx, wg_cuda_libraries *lib)
{
    wg_cuda_info *info = &lib->info;

    lib->opened[0] = open_named("libcuda.so.1");
    if (lib->opened[0] == NULL)
        return wg_fail(ctx, WAGLE_E_RESOURCE,
                       "libcuda.so.1 was not found: this machine has no "
                       "driver for NVIDIA cards");
    say_path(lib->opened[0], "cuInit", info->driver_path, sizeof info->driver_path);
    WG_TRY(resolve(ctx, lib->opened[0], info->driver_path, driver_symbols, &lib->driver));
    const int error = lib->driver.init(0);
    if (error != 0)
        return wg_fail(ctx, WAGLE_E_RESOURCE, "the CUDA driver does not start: %s",
                       error_text(lib, error));
    (void)lib->driver.version(&info->driver);
    return WAGLE_OK;
}

static wagle_status look_at_card(wagle_ctx *ctx, int ordinal, wg_cuda_libraries *lib)
{
    const wg_cuda_driver *d = &lib->driver;
    wg_cuda_info *info = &lib->info;
    size_t bytes = 0;

    if (d->cards(&info->cards) != 0 || info->cards == 0)
        return wg_fail(ctx, WAGLE_E_RESOURCE, "the CUDA driver shows no card");
    if (ordinal < 0 || ordinal >= info->cards)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "cuda:%d: there is no such card; the first of %d is "
                       "cuda:0",
                       ordinal, info->cards);
    const bool known =
        d->card(&lib->card, ordinal) == 0 &&
        d->card_name(info->name, sizeof info->name, lib->card) == 0 &&
        d->card_bytes(&bytes, lib->card) == 0 &&
        d->attribute(&info->major, WG_CUDA_ATTRIBUTE_MAJOR, lib->card) == 0 &&
        d->attribute(&info->minor, WG_CUDA_ATTRIBUTE_MINOR, lib->card) == 0 &&
        d->attribute(&info->processors, WG_CUDA_ATTRIBUTE_PROCESSORS, lib->card) == 0;
    if (!known)
        return wg_fail(ctx, WAGLE_E_RESOURCE, "cuda:%d: the driver does not describe the card",
                       ordinal);
    info->bytes = (int64_t)bytes;
    return WAGLE_OK;
}

wagle_status wg_cuda_libraries_open(wagle_ctx *ctx, int ordinal, wg_cuda_libraries *lib)
{
    wg_cuda_info *info = &lib->info;
    int major = 0, minor = 0;

    WG_TRY(open_driver(ctx, lib));
    WG_TRY(look_at_card(ctx, ordinal, lib));
    lib->opened[1] = open_toolkit("libnvrtc.so", info->driver);
    if (lib->opened[1] == NULL)
        return missing(ctx, "libnvrtc, which compiles the kernels,", "nvidia-cuda-nvrtc");
    say_path(lib->opened[1], "nvrtcVersion", info->nvrtc_path, sizeof info->nvrtc_path);
    WG_TRY(resolve(ctx, lib->opened[1], info->nvrtc_path, compiler_symbols, &lib->compiler));
    (void)lib->compiler.version(&major, &minor);
    info->nvrtc = 1000 * major + 10 * minor;
    lib->opened[3] = open_builtins(info->nvrtc_path, info->nvrtc);
    lib->opened[2] = open_toolkit("libcublasLt.so", info->driver);
    if (lib->opened[2] == NULL)
        return missing(ctx, "libcublasLt, which multiplies matrices,", "nvidia-cublas");
    say_path(lib->opened[2], "cublasLtMatmul", info->cublaslt_path, sizeof info->cublaslt_path);
    WG_TRY(resolve(ctx, lib->opened[2], info->cublaslt_path, blas_symbols, &lib->blas));
    info->cublaslt = (int64_t)lib->blas.version();
    return WAGLE_OK;
}

void wg_cuda_libraries_close(wg_cuda_libraries *lib)
{
    /* The libraries stay loaded: they keep threads and handlers of their own. */
    memset(lib->opened, 0, sizeof lib->opened);
}

char *wg_cuda_cache_folder(wagle_ctx *ctx)
{
    const char *cache = environment("XDG_CACHE_HOME"), *home = environment("HOME");
    wg_text t = {0};
    wagle_status st = WAGLE_E_RUN;

    if (*cache == '/')
        st = wg_text_printf(ctx, &t, "%s", cache);
    else if (*home == '/')
        st = wg_text_printf(ctx, &t, "%s/.cache", home);
    if (st == WAGLE_OK)
        st = wg_make_folder(ctx, t.text);
    if (st == WAGLE_OK)
        st = wg_text_addz(ctx, &t, "/wagle");
    if (st == WAGLE_OK)
        st = wg_make_folder(ctx, t.text);
    if (st == WAGLE_OK)
        return wg_text_take(ctx, &t);
    wg_text_free(&t);
    return NULL;
}
