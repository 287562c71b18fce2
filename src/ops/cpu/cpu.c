#include "ops/cpu/cpu.h"

#include "base/memory.h"

wagle_status wg_cpu_open(wagle_ctx *ctx, const wg_ops **out)
{
    wg_ops cpu = wg_ops_cpu;

    (void)wg_cpu_tile_name(); /* chosen once */
    cpu.state = wg_alloc(ctx, wg_cpu_gemm_room(), 1);
    if (cpu.state == NULL)
        return WAGLE_E_RESOURCE;
    const wagle_status st = wg_host_open(ctx, &cpu, out);
    if (st != WAGLE_OK)
        wg_free(cpu.state);
    return st;
}

const wg_ops wg_ops_cpu = {
    .name = "cpu",
    WG_HOST_OPS,
    .gemm = wg_cpu_gemm,
    .matvec = wg_cpu_matvec,
    .widen = wg_cpu_widen,
    .overlay = wg_cpu_overlay,
    .gather = wg_cpu_gather,
    .dot = wg_cpu_long_dot,
    .adamw = wg_cpu_adamw,
    .adamw_bf16 = wg_cpu_adamw_bf16,
    .update = wg_cpu_update,
    .square_average = wg_cpu_square_average,
    .norm_forward = wg_cpu_norm_forward,
    .norm_backward = wg_cpu_norm_backward,
    .norm_weight = wg_cpu_norm_weight,
    .bias_forward = wg_cpu_bias_forward,
    .bias_backward = wg_cpu_bias_backward,
    .softcap = wg_cpu_softcap,
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
