/* doctor.c - the machine: processor, memory, disk, card, and which models fit. */
#include "base/context.h"
#include "base/file.h"
#include "base/json.h"
#include "ops/cpu/cpu.h"
#include "ops/cuda/cuda.h"
#include "optim/optimizer.h"
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

/* SmolLM2-135M, Llama-3.2-1B, Llama-3-8B. */
static const struct shape {
    const char *name;
    int64_t V, D, F, L, H, K;
    bool tied;
} shapes[] = {{"135M", 49152, 576, 1536, 30, 9, 3, true},
              {"1B", 128256, 2048, 8192, 16, 32, 8, true},
              {"8B", 128256, 4096, 14336, 32, 32, 8, false}};

static const char job[] =
    "the plan of an update with AdamW of a tenth of the weights, from 4 + 4 rows of 128 tokens; "
    "weights stored in bf16";

static wg_config config_of(const struct shape *s)
{
    static const wg_role roles[] = {WG_EMBED, WG_FINAL_NORM, WG_ATTENTION_NORM, WG_QUERY, WG_KEY,
                                    WG_VALUE, WG_OUTPUT,     WG_MLP_NORM,       WG_GATE,  WG_UP,
                                    WG_DOWN};
    wg_config c = {.family = wg_family_find("llama"),
                   .V = s->V,
                   .D = s->D,
                   .E = s->D,
                   .F = s->F,
                   .L = s->L,
                   .H = s->H,
                   .K = s->K,
                   .h = s->D / s->H,
                   .tied = s->tied};

    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        c.has[roles[i]] = true;
    c.has[WG_HEAD] = !s->tied;
    return c;
}

/* card: bytes of it, 0: on the processor. */
static wagle_status fit(wagle_ctx *ctx, const struct shape *s, int64_t card, int64_t host,
                        wg_fit *out)
{
    const wg_ops ops = {
        .card_bytes = card, .precision = "bf16", .panel_type = card > 0 ? WG_BF16 : WG_F32};
    const wagle_train_options plain = {.master = WAGLE_MASTER_F32, .state = WAGLE_STATE_F32};
    const wg_config config = config_of(s);
    wg_model m;

    WG_TRY(wg_model_outline(ctx, &config, WG_BF16, &ops, &m));
    const int64_t weights = wg_model_parameters(&m);
    const wg_cost cost[] = {
        {"state", wg_optimizer_bytes(wg_optimizer_kind_at(0), weights / 10, &plain), WG_COST_CARD},
        {"mask", weights / 8 + weights / WG_OVERLAY_BLOCK * 8, WG_COST_BOTH}};
    const wg_need need = {
        .intent = {.backward = true, .streams = 1, .tokens = 1024, .labels = 1024, .longest = 128},
        .cost = cost,
        .n = 2};
    *out = wg_budget_fit(&m, host, &need);
    wg_model_outline_free(&m);
    return WAGLE_OK;
}

static wagle_status add_fits(wagle_ctx *ctx, int64_t host, int64_t card, json_t *out)
{
    json_t *fits = json_object(), *list = json_array();
    wg_fit f;

    WG_TRY(wg_json_set(ctx, out, "fits", fits));
    WG_TRY(wg_json_set(ctx, fits, "estimate_of", json_string(job)));
    WG_TRY(wg_json_set(ctx, fits, "models", list));
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        WG_TRY(fit(ctx, &shapes[i], 0, host, &f));
        json_t *one = json_pack("{s:s, s:I, s:b}", "model", shapes[i].name, "cpu_bytes",
                                (json_int_t)f.host, "fits_cpu", (int)f.fits);
        if (one == NULL || json_array_append_new(list, one) != 0)
            return wg_json_memory(ctx);
        if (card <= 0)
            continue;
        WG_TRY(fit(ctx, &shapes[i], card, host, &f));
        WG_TRY(wg_json_set(ctx, one, "card_bytes", json_integer(f.card)));
        WG_TRY(wg_json_set(ctx, one, "card_streamed", json_boolean(f.streamed)));
        WG_TRY(wg_json_set(ctx, one, "fits_card", json_boolean(f.fits)));
    }
    return WAGLE_OK;
}

/* --- the parts --------------------------------------------------------------------------------
 */

static wagle_status add_cpu(wagle_ctx *ctx, json_t *out)
{
    const double f32 = wg_measure_cpu(ctx, WAGLE_PRECISION_F32);
    const double bf16 = wg_measure_cpu(ctx, WAGLE_PRECISION_BF16);
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

/* *bytes: memory of the card that a run may take, 0 where none can be used. */
static wagle_status add_card(wagle_ctx *ctx, json_t *out, int64_t *bytes)
{
    wagle_ctx quiet = {0};
    wg_cuda_info info = {0};
    const bool works =
        wg_cuda_look(&quiet, ctx->device > 0 ? ctx->device - 1 : 0, &info) == WAGLE_OK;
    json_t *card = json_pack("{s:b}", "usable", (int)works);
    char driver[160], text[64];

    *bytes = works ? info.free - info.free / 20 : 0;
    if (works && ctx->card_memory > 0 && ctx->card_memory < info.free)
        *bytes = ctx->card_memory;
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
    return add_fits(ctx, available, card, out);
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
