/* doctor.c - the machine: processor, memory, disk, card, and an estimate of which models fit. */
#include "base/context.h"
#include "base/file.h"
#include "base/json.h"
#include "ops/cpu/cpu.h"
#include "ops/cuda/cuda.h"
#include "session/budget.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

/* The rest of the first line of a file of /proc that begins with `key`, without ": "; "": none. */
static void line_of(const char *path, const char *key, char out[160])
{
    char line[1024];
    FILE *file = fopen(path, "r");

    out[0] = '\0';
    while (file != NULL && out[0] == '\0' && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, strlen(key)) == 0) {
            const char *at = line + strlen(key);
            snprintf(out, 160, "%.*s", (int)strcspn(at + strspn(at, " \t:"), "\n"),
                     at + strspn(at, " \t:"));
        }
    if (file != NULL)
        fclose(file);
}

/* Bytes of a line of /proc/meminfo, which are in kB. */
static int64_t memory_of(const char *key)
{
    char text[160];

    line_of("/proc/meminfo", key, text);
    return strtoll(text, NULL, 10) * 1024;
}

/* What a container may take, if it may not take all. */
static int64_t within_limit(int64_t bytes)
{
    char text[160];
    int64_t limit;

    line_of("/sys/fs/cgroup/memory.max", "", text);
    limit = strtoll(text, NULL, 10); /* "max": 0 */
    return limit > 0 && limit < bytes ? limit : bytes;
}

/* --- what fits --------------------------------------------------------------------------------
 */

/* weights: of the model, of a layer, of the table of embeddings. */
static const struct shape {
    const char *name;
    double weights, layer, table;
} shapes[] = {{"135M", 0.1345e9, 3.5e6, 28.3e6},
              {"1B", 1.236e9, 60.8e6, 262.7e6},
              {"8B", 8.03e9, 218.1e6, 525.3e6}};

static const char formula[] =
    "stored weights in bf16, 2 bytes each (on the processor they stay in the mapped file and are "
    "not counted); 16 bytes for each selected weight (value, gradient, two moments in float32), of "
    "which there are a tenth; a bit of the mask for each weight; 8 bytes for each weight of a "
    "layer "
    "and of the table of embeddings; 1 GB for the activations of a small batch and buffers";

static double needed(const struct shape *s, bool card)
{
    return (card ? 2 * s->weights : 0) + 16 * 0.1 * s->weights + s->weights / 8 +
           8 * (s->layer + s->table) + 1e9;
}

static wagle_status add_fits(wagle_ctx *ctx, double host, double card, json_t *out)
{
    json_t *fits = json_object(), *list = json_array();

    WG_TRY(wg_json_set(ctx, out, "fits", fits));
    WG_TRY(wg_json_set(ctx, fits, "estimate_of", json_string(formula)));
    WG_TRY(wg_json_set(ctx, fits, "models", list));
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct shape *s = &shapes[i];
        json_t *one = json_pack("{s:s, s:I, s:b}", "model", s->name, "cpu_bytes",
                                (json_int_t)needed(s, false), "fits_cpu", needed(s, false) < host);
        if (one == NULL || json_array_append_new(list, one) != 0)
            return wg_json_memory(ctx);
        if (card <= 0)
            continue;
        WG_TRY(wg_json_set(ctx, one, "card_bytes", json_integer((json_int_t)needed(s, true))));
        WG_TRY(wg_json_set(ctx, one, "fits_card", json_boolean(needed(s, true) < card)));
    }
    return WAGLE_OK;
}

/* --- the parts --------------------------------------------------------------------------------
 */

static wagle_status add_cpu(wagle_ctx *ctx, json_t *out)
{
    const double f32 = wg_measure_cpu(ctx, WG_PRECISION_F32);
    const double bf16 = wg_measure_cpu(ctx, WG_PRECISION_BF16);
    char model[160];

    line_of("/proc/cpuinfo", "model name", model);
    return wg_json_set(ctx, out, "cpu",
                       json_pack("{s:o, s:s, s:i, s:f, s:f}", "model", wg_json_bytes(model),
                                 "vector_units", wg_cpu_unit_names[wg_cpu_unit_in(ctx)], "threads",
                                 wg_threads(ctx), "gflops", f32 / 1e9, "gflops_bf16", bf16 / 1e9));
}

static wagle_status add_library(wagle_ctx *ctx, json_t *card, const char *name, const char *path)
{
    return *path == '\0' ? WAGLE_OK : wg_json_set(ctx, card, name, wg_json_bytes(path));
}

/* *bytes: memory of the card that is free, 0 where none can be used. */
static wagle_status add_card(wagle_ctx *ctx, json_t *out, int64_t *bytes)
{
    wagle_ctx quiet = {0};
    wg_cuda_info info = {0};
    const bool works =
        wg_cuda_look(&quiet, ctx->device > 0 ? ctx->device - 1 : 0, &info) == WAGLE_OK;
    json_t *card = json_pack("{s:b}", "usable", (int)works);
    char driver[160], text[64];

    *bytes = works ? info.free : 0;
    WG_TRY(wg_json_set(ctx, out, "card", card));
    if (!works)
        WG_TRY(wg_json_set(ctx, card, "why", wg_json_bytes(quiet.message)));
    if (info.name[0] != '\0') {
        line_of("/sys/module/nvidia/version", "", driver);
        snprintf(text, sizeof text, "%d.%d", info.major, info.minor);
        WG_TRY(wg_json_set(ctx, card, "name", wg_json_bytes(info.name)));
        WG_TRY(wg_json_set(ctx, card, "cards", json_integer(info.cards)));
        WG_TRY(wg_json_set(ctx, card, "compute_capability", json_string(text)));
        WG_TRY(wg_json_set(ctx, card, "memory_bytes", json_integer(info.bytes)));
        if (works)
            WG_TRY(wg_json_set(ctx, card, "free_bytes", json_integer(info.free)));
        WG_TRY(add_library(ctx, card, "driver", driver));
    }
    WG_TRY(add_library(ctx, card, "libcuda", info.driver_path));
    WG_TRY(add_library(ctx, card, "libnvrtc", info.nvrtc_path));
    return add_library(ctx, card, "libcublasLt", info.cublaslt_path);
}

static wagle_status fill(wagle_ctx *ctx, json_t *out)
{
    const int64_t total = within_limit(memory_of("MemTotal"));
    const int64_t available = within_limit(memory_of("MemAvailable"));
    int64_t card;
    struct statvfs disk;

    WG_TRY(add_cpu(ctx, out));
    WG_TRY(wg_json_set(ctx, out, "memory",
                       json_pack("{s:I, s:I}", "total_bytes", (json_int_t)total, "available_bytes",
                                 (json_int_t)available)));
    if (statvfs(".", &disk) == 0)
        WG_TRY(wg_json_set(ctx, out, "disk_free_bytes",
                           json_integer((json_int_t)disk.f_bavail * (json_int_t)disk.f_frsize)));
    WG_TRY(add_card(ctx, out, &card));
    return add_fits(ctx, (double)available, (double)card, out);
}

wagle_status wagle_doctor(wagle_ctx *ctx, char **json)
{
    json_t *out;
    wagle_status st;

    wg_begin(ctx);
    *json = NULL;
    out = json_pack("{s:s, s:s}", "schema", "wagle-doctor-1", "wagle", WAGLE_VERSION);
    st = out != NULL ? fill(ctx, out) : wg_json_memory(ctx);
    if (st == WAGLE_OK)
        st = wg_json_text(ctx, out, true, json);
    json_decref(out);
    return st;
}
