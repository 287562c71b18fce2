#include "ops/cpu/cpu.h"

#include "base/memory.h"

wg_cpu_unit wg_cpu_unit_in(const wagle_ctx *ctx)
{
    const wg_cpu_unit best = wg_cpu_best_unit(), most = (wg_cpu_unit)(ctx->cpu_units - 1);

    if (ctx->cpu_units == 0)
        return wg_cpu_usual_unit();
    return most < best ? most : best;
}

/* And the table in float32 beside it, which has no room and no threads of its own. */
static void close_bf16(WG_SELF)
{
    wg_free((void *)(uintptr_t)self->on_host);
    wg_host_close(self);
}

/* Beside *own: the same in float32. */
static wagle_status add_f32(wagle_ctx *ctx, wg_ops *own)
{
    wg_ops *f32;

    WG_TRY(WG_ALLOC(ctx, &f32, 1));
    *f32 = *own;
    own->on_host = f32;
    own->precision = own->kernels->unit == WG_CPU_AMX ? "bf16 (amx)" : "bf16"; /* its own bits */
    own->panel_type = WG_BF16;
    own->close = close_bf16;
    return WAGLE_OK;
}

wagle_status wg_cpu_open_at(wagle_ctx *ctx, wagle_precision precision, const wg_ops **out)
{
    wg_ops cpu = wg_ops_cpu;

    cpu.kernels = &wg_cpu_kernels_of[wg_cpu_unit_in(ctx)];
    cpu.state = wg_alloc(ctx, wg_cpu_gemm_room(), 1);
    if (cpu.state == NULL)
        return WAGLE_E_RESOURCE;
    wagle_status st = wg_host_open(ctx, &cpu, out);
    if (st != WAGLE_OK) {
        wg_free(cpu.state);
        return st;
    }
    if (precision == WAGLE_PRECISION_BF16)
        st = add_f32(ctx, (wg_ops *)(uintptr_t)*out); /* a copy that was allocated */
    if (st != WAGLE_OK) {
        (*out)->close(*out);
        *out = NULL;
    }
    return st;
}

wagle_status wg_cpu_open(wagle_ctx *ctx, const wg_ops **out)
{
    return wg_cpu_open_at(ctx, ctx->device == 0 ? ctx->precision : WAGLE_PRECISION_F32, out);
}

const wg_ops wg_ops_cpu = {
    .name = "cpu",
    WG_HOST_OPS,
    .gemm = wg_cpu_gemm,
    .pack = wg_cpu_pack,
    .matvec = wg_cpu_matvec,
    .quantise = wg_cpu_quantise,
    .widen = wg_cpu_widen,
    .overlay = wg_cpu_overlay,
    .gather = wg_cpu_gather,
    .dot = wg_cpu_long_dot,
    .adamw = wg_cpu_adamw,
    .adamw_bf16 = wg_cpu_adamw_bf16,
    .adamw_in_bf16 = wg_cpu_adamw_in_bf16,
    .narrow = wg_cpu_narrow,
    .update = wg_cpu_update,
    .square_average = wg_cpu_square_average,
    .norm_forward = wg_cpu_norm_forward,
    .norm_backward = wg_cpu_norm_backward,
    .norm_weight = wg_cpu_norm_weight,
    .bias_forward = wg_cpu_bias_forward,
    .bias_backward = wg_cpu_bias_backward,
    .softcap = wg_cpu_softcap,
    .clip = wg_cpu_clip,
    .clip_backward = wg_cpu_clip_backward,
    .rope = wg_cpu_rope,
    .attention_forward = wg_cpu_attention_forward,
    .attention_backward = wg_cpu_attention_backward,
    .attention_decode = wg_cpu_attention_decode,
    .glu_forward = wg_cpu_glu_forward,
    .glu_backward = wg_cpu_glu_backward,
    .embed_backward = wg_cpu_embed_backward,
    .xent_forward = wg_cpu_xent_forward,
    .xent_backward = wg_cpu_xent_backward,
    .softmax = wg_cpu_softmax,
    .dot_rows = wg_cpu_dot_rows,
    .runner_up = wg_cpu_runner_up,
    .xent_soft_backward = wg_cpu_xent_soft_backward,
    .gemm_squares = wg_cpu_gemm_squares,
};
