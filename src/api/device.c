/* device.c - which processor a context computes on. */
#include "base/context.h"
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

/* "auto" without a card is the CPU, which has one precision. */
static wagle_status fall_back_to_cpu(wagle_ctx *ctx, int kind)
{
    char why[sizeof ctx->message];

    snprintf(why, sizeof why, "%s", ctx->message);
    ctx->message[0] = '\0';
    if (kind >= 0 && kind != WG_PRECISION_F32)
        return wg_fail(ctx, WAGLE_E_RESOURCE,
                       "precision %s needs a card, and device auto found none (%s); leave the "
                       "precision out, and the CPU computes in f32",
                       wg_precision_names[kind], why);
    wg_log(ctx, 1, "device auto: no card (%s); computing on the CPU", why);
    return WAGLE_OK;
}

wagle_status wagle_set_device(wagle_ctx *ctx, const char *device, const char *precision)
{
    int card = 0, kind = -1;
    bool cpu = device == NULL || strcmp(device, "cpu") == 0;
    const bool any = !cpu && strcmp(device, "auto") == 0;

    wg_begin(ctx);
    if (!cpu && !any && !card_number(device, &card))
        return wg_fail(ctx, WAGLE_E_USAGE, "no device '%.32s'; choose from cpu, cuda, cuda:N, auto",
                       device);
    for (int i = 0; precision != NULL && i < WG_PRECISIONS; i++)
        kind = strcmp(precision, wg_precision_names[i]) == 0 ? i : kind;
    if (precision != NULL && kind < 0)
        return wg_fail(ctx, WAGLE_E_USAGE, "no precision '%.16s'; choose from f32, tf32, bf16",
                       precision);
    if (cpu && kind >= 0 && kind != WG_PRECISION_F32)
        return wg_fail(ctx, WAGLE_E_USAGE, "precision %s is of a card; the CPU computes in f32",
                       precision);
    if (any && !there_is_a_card(ctx)) {
        WG_TRY(fall_back_to_cpu(ctx, kind));
        cpu = true;
    }
    ctx->device = cpu ? 0 : card + 1;
    ctx->precision = kind >= 0 ? kind : WG_PRECISION_BF16;
    return WAGLE_OK;
}
