/* device.c - which processor a context computes on. */
#include "base/choose.h"
#include "ops/cpu/cpu.h"
#include "ops/cuda/cuda.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "cuda" or "cuda:N"; false: it is neither. */
static bool card_number(const char *device, int *card)
{
    char *end;
    long n = 0;

    if (strncmp(device, "cuda", 4) != 0 || (device[4] != '\0' && device[4] != ':'))
        return false;
    if (device[4] == ':') {
        n = strtol(device + 5, &end, 10);
        if (end == device + 5 || *end != '\0' || n < 0 || n > 1023)
            return false;
    }
    *card = (int)n;
    return true;
}

/* Whether the first card can be used; if not, ctx->message says why. */
static bool there_is_a_card(wagle_ctx *ctx)
{
    wg_cuda_info info;

    return wg_cuda_look(ctx, 0, &info) == WAGLE_OK;
}

/* "auto" without a card is the CPU, which has no tf32. */
static wagle_status fall_back_to_cpu(wagle_ctx *ctx, wagle_precision precision)
{
    char why[sizeof ctx->message];

    snprintf(why, sizeof why, "%s", ctx->message);
    ctx->message[0] = '\0';
    if (precision == WAGLE_PRECISION_TF32)
        return wg_fail(ctx, WAGLE_E_RESOURCE,
                       "precision tf32 needs a card, and device auto found none (%s); the CPU "
                       "computes in f32 (the default) or bf16",
                       why);
    wg_log(ctx, 1, "device auto: no card (%s); computing on the CPU", why);
    return WAGLE_OK;
}

wagle_status wagle_set_device(wagle_ctx *ctx, const char *device, wagle_precision precision)
{
    int card = 0;
    bool cpu = device == NULL || strcmp(device, "cpu") == 0;
    const bool any = !cpu && strcmp(device, "auto") == 0;

    wg_begin(ctx);
    if (!cpu && !any && !card_number(device, &card))
        return wg_fail(ctx, WAGLE_E_USAGE, "no device '%.32s'; choose from cpu, cuda, cuda:N, auto",
                       device);
    WG_TRY(wg_check_choice(ctx, "precision", (int)precision, wg_words_of_wagle_precision));
    if (cpu && precision == WAGLE_PRECISION_TF32)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "precision tf32 is of a card; the CPU computes in f32 or bf16");
    if (any && !there_is_a_card(ctx)) {
        WG_TRY(fall_back_to_cpu(ctx, precision));
        cpu = true;
    }
    ctx->device = cpu ? 0 : card + 1;
    ctx->precision = precision;
    return WAGLE_OK;
}

wagle_status wagle_set_cpu_units(wagle_ctx *ctx, const char *most)
{
    const wg_cpu_unit best = wg_cpu_best_unit();
    int unit = 0;

    wg_begin(ctx);
    while (most != NULL && unit < WG_CPU_UNITS && strcmp(most, wg_cpu_unit_names[unit]) != 0)
        unit++;
    if (unit == WG_CPU_UNITS)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "no units '%.16s' of the processor (WAGLE_CPU); choose from portable, avx2, "
                       "avx512, avx512_bf16, amx",
                       most);
    if (most != NULL && unit > (int)best)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "no %s here (WAGLE_CPU); the best that this machine has is %s", most,
                       wg_cpu_unit_names[best]);
    ctx->cpu_units = most != NULL ? unit + 1 : 0;
    return WAGLE_OK;
}

void wagle_set_gpu_memory(wagle_ctx *ctx, int64_t bytes)
{
    ctx->card_memory = bytes;
}
