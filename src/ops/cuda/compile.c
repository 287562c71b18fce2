/* compile.c - kernels: sources inside the library, machine code by NVRTC for the card at hand, kept
 * in the user's cache folder.
 *
 * A cache file is named by a hash of all that goes into it (source, options, version of NVRTC) and
 * holds: "wagle kernels 1\n", bytes of the code (8), their hash (8), the code. One that does not
 * fit its hash, or that the driver does not take, is made again. */
#include "ops/cuda/state.h"

#include "base/memory.h"
#include "base/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The sources, put into the object file by the assembler, NUL after each. */
#define EMBED(name, file)                                                                          \
    __asm__(".section .rodata\n"                                                                   \
            ".global wg_cuda_source_" #name "\n"                                                   \
            ".hidden wg_cuda_source_" #name "\n"                                                   \
            "wg_cuda_source_" #name ":\n"                                                          \
            ".incbin \"ops/cuda/kernels/" file "\"\n"                                              \
            ".byte 0\n"                                                                            \
            ".previous\n");                                                                        \
    extern const char wg_cuda_source_##name[];
EMBED(shared, "shared.h")
EMBED(common, "common.cuh")
#define MODULE(name) EMBED(name, #name ".cu")
#define KERNEL(module, name)
#include "ops/cuda/kernels.def"
#undef MODULE
#undef KERNEL

#define MODULE(name) {#name, wg_cuda_source_##name},
#define KERNEL(module, name)
static const struct {
    const char *name, *source;
} modules[] = {
#include "ops/cuda/kernels.def"
};
#undef MODULE
#undef KERNEL

#define MODULE(name)
#define KERNEL(module, name) {#name, WG_M_##module},
static const struct {
    const char *name;
    wg_cuda_module module;
} kernels[] = {
#include "ops/cuda/kernels.def"
};
#undef MODULE
#undef KERNEL

/* --- the cache --- */

static const char magic[16] = "wagle kernels 1\n";

typedef struct header {
    char magic[16];
    uint64_t bytes, hash;
} header;

/* FOLDER/NAME-HASH; NULL: there is no folder. */
static char *cache_path(wagle_ctx *ctx, const char *name, uint64_t hash)
{
    char *folder = wg_cuda_cache_folder(ctx);
    wg_text t = {0};

    if (folder != NULL && wg_text_printf(ctx, &t, "%s/%s-%016llx", folder, name,
                                         (unsigned long long)hash) != WAGLE_OK)
        wg_text_free(&t);
    wg_free(folder);
    return t.text;
}

/* Loads the module from its cache file, if that is whole. */
static bool load_cached(wg_cuda *c, const char *path, wg_cuda_handle *module)
{
    wagle_ctx quiet = {0};
    wg_map map;
    header h;
    bool loaded = false;

    if (path == NULL || !wg_exists(path) || wg_map_open(&quiet, path, &map) != WAGLE_OK)
        return false;
    if (map.bytes > sizeof h) {
        const unsigned char *code = map.data + sizeof h;
        memcpy(&h, map.data, sizeof h);
        loaded = memcmp(h.magic, magic, sizeof magic) == 0 && h.bytes == map.bytes - sizeof h &&
                 h.hash == wg_hash_bytes(code, h.bytes) &&
                 c->lib.driver.module_load(module, code) == WG_CUDA_SUCCESS;
    }
    wg_map_close(&map);
    return loaded;
}

/* Best effort: without it the kernels are compiled again next time. */
static void keep(const char *path, const char *code, size_t bytes)
{
    wagle_ctx quiet = {0};
    header h = {.bytes = bytes, .hash = wg_hash_bytes(code, bytes)};
    wg_output out;

    memcpy(h.magic, magic, sizeof magic);
    if (path == NULL || wg_output_open(&quiet, path, true, &out) != WAGLE_OK)
        return;
    if (wg_output_write(&quiet, &out, &h, sizeof h) != WAGLE_OK ||
        wg_output_write(&quiet, &out, code, bytes) != WAGLE_OK ||
        wg_output_commit(&quiet, &out) != WAGLE_OK)
        wg_output_abort(&out);
}

/* --- compiling --- */

/* The --gpu-architecture option: machine code of the card (sm_90), or where NVRTC is older than the
 * card the newest intermediate code (compute_90), which the driver compiles on. */
static bool choose_architecture(wg_cuda *c, char option[40], bool *intermediate)
{
    const wg_cuda_compiler *n = &c->lib.compiler;
    const int card = 10 * c->lib.info.major + c->lib.info.minor;
    int count = 0, best = 0, list[128];

    if (n->count(&count) != 0 || count > 128 || n->supported(list) != 0)
        count = 0;
    for (int i = 0; i < count; i++)
        if (list[i] <= card && list[i] > best)
            best = list[i];
    if (best == 0) {
        wg_cuda_break(c, WAGLE_E_RESOURCE,
                      "%s has compute capability %d.%d, for which NVRTC %d.%d (%s) cannot compile",
                      c->lib.info.name, c->lib.info.major, c->lib.info.minor,
                      c->lib.info.nvrtc / 1000, c->lib.info.nvrtc % 1000 / 10,
                      c->lib.info.nvrtc_path);
        return false;
    }
    *intermediate = best != card;
    snprintf(option, 40, "--gpu-architecture=%s_%d", *intermediate ? "compute" : "sm", best);
    return true;
}

/* The first line of the compiler's log that says what is wrong. */
static void say_log(wg_cuda *c, const char *name, wg_cuda_handle program)
{
    char *log = NULL;
    size_t bytes = 0;
    wagle_ctx quiet = {0};

    if (c->lib.compiler.log_bytes(program, &bytes) == 0 &&
        WG_ALLOC(&quiet, &log, (int64_t)bytes + 1) == WAGLE_OK)
        (void)c->lib.compiler.log(program, log);
    const char *error = log != NULL ? strstr(log, "error") : NULL;
    wg_cuda_break(c, WAGLE_E_RUN, "NVRTC does not compile %s.cu: %.300s", name,
                  error != NULL ? error : "no reason given");
    wg_free(log);
}

static bool take_code(wg_cuda *c, wg_cuda_handle program, bool intermediate, char **code,
                      size_t *bytes)
{
    const wg_cuda_compiler *n = &c->lib.compiler;
    wagle_ctx quiet = {0};

    if ((intermediate ? n->ptx_bytes : n->cubin_bytes)(program, bytes) != 0 ||
        WG_ALLOC(&quiet, code, (int64_t)*bytes + 1) != WAGLE_OK)
        return false;
    return (intermediate ? n->ptx : n->cubin)(program, *code) == 0;
}

/* source: all of it. The code is to be freed with wg_free; NULL if it failed. */
static char *compile(wg_cuda *c, const char *name, const char *source, const char *architecture,
                     bool intermediate, size_t *bytes)
{
    const wg_cuda_compiler *n = &c->lib.compiler;
    const char *options[] = {architecture, "--std=c++17"};
    wg_cuda_handle program = NULL;
    char *code = NULL;

    if (n->create(&program, source, name, 0, NULL, NULL) != 0) {
        wg_cuda_break(c, WAGLE_E_RUN, "NVRTC does not start on %s.cu", name);
        return NULL;
    }
    if (n->compile(program, 2, options) != 0)
        say_log(c, name, program);
    else if (!take_code(c, program, intermediate, &code, bytes))
        wg_cuda_break(c, WAGLE_E_RESOURCE, "NVRTC gives no code of %s.cu", name);
    (void)n->destroy(&program);
    return code;
}

static bool build(wg_cuda *c, const char *name, const char *source, uint64_t hash,
                  const char *architecture, bool intermediate, wg_cuda_handle *module)
{
    wagle_ctx quiet = {0};
    char *path = cache_path(&quiet, name, hash), *code = NULL;
    size_t bytes = 0;
    bool loaded = load_cached(c, path, module);

    if (!loaded) {
        code = compile(c, name, source, architecture, intermediate, &bytes);
        loaded = code != NULL && wg_cuda_did(c, c->lib.driver.module_load(module, code), name);
        if (loaded)
            keep(path, code, bytes);
    }
    wg_free(code);
    wg_free(path);
    return loaded;
}

static bool load_module(wg_cuda *c, wg_cuda_module m)
{
    wagle_ctx quiet = {0};
    wg_text source = {0};
    char architecture[40];
    bool intermediate, loaded = false;

    if (!choose_architecture(c, architecture, &intermediate))
        return false;
    /* the last line only makes the hash differ by what the source does not say */
    if (wg_text_printf(&quiet, &source, "%s%s#line 1 \"%s.cu\"\n%s\n// %s, NVRTC %d\n",
                       wg_cuda_source_shared, wg_cuda_source_common, modules[m].name,
                       modules[m].source, architecture, c->lib.info.nvrtc) != WAGLE_OK)
        wg_cuda_break(c, WAGLE_E_RESOURCE, "not enough memory for the source of %s.cu",
                      modules[m].name);
    else
        loaded =
            build(c, modules[m].name, source.text, wg_hash_bytes(source.text, (size_t)source.bytes),
                  architecture, intermediate, &c->module[m]);
    wg_text_free(&source);
    return loaded;
}

wg_cuda_handle wg_cuda_function(wg_cuda *c, wg_cuda_kernel k)
{
    const wg_cuda_module m = kernels[k].module;

    if (c->function[k] != NULL)
        return c->function[k];
    if (c->module[m] == NULL && !load_module(c, m))
        return NULL;
    if (!wg_cuda_did(c,
                     c->lib.driver.module_function(&c->function[k], c->module[m], kernels[k].name),
                     kernels[k].name))
        return NULL;
    return c->function[k];
}
