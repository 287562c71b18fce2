/* product.c - products of matrices by cublasLt, and of few rows by a kernel (kernels/decode.cu).
 *
 * cublasLt has columns where we have rows, so C = op(A) op(B) is asked for as C^T = op(B)^T
 * op(A)^T: the same memory, operands swapped. What cublasLt advises for a shape is asked once and
 * kept; with the same workspace it is the same algorithm, and so the same bits, in every run. */
#include "ops/cuda/state.h"

#include <string.h>

/* --- plans --- */

static void plan_free(wg_cuda *c, wg_cuda_plan *p)
{
    if (p->desc != NULL)
        (void)c->lib.blas.desc_free(p->desc);
    if (p->a != NULL)
        (void)c->lib.blas.layout_free(p->a);
    if (p->b != NULL)
        (void)c->lib.blas.layout_free(p->b);
    if (p->c != NULL)
        (void)c->lib.blas.layout_free(p->c);
    *p = (wg_cuda_plan){0};
}

void wg_cuda_plans_free(wg_cuda *c)
{
    for (int i = 0; c->plan != NULL && i < WG_CUDA_PLANS; i++)
        plan_free(c, &c->plan[i]);
}

/* The largest power of two, 16 at most, that divides the address. */
static uint32_t alignment(const void *data)
{
    const uintptr_t at = (uintptr_t)data | 16;
    return (uint32_t)(at & (~at + 1));
}

static bool describe(wg_cuda *c, wg_cuda_plan *p, bool ta, bool tb, int64_t M, int64_t N, int64_t K,
                     int64_t lda, int64_t ldb, int64_t ldc)
{
    const wg_cuda_blas *blas = &c->lib.blas;
    const int type = c->precision == WAGLE_PRECISION_BF16 ? WG_BLAS_BF16 : WG_BLAS_F32;
    const int compute =
        c->precision == WAGLE_PRECISION_TF32 ? WG_BLAS_COMPUTE_TF32 : WG_BLAS_COMPUTE_F32;
    const int32_t first = tb ? WG_BLAS_TRANSPOSED : 0, second = ta ? WG_BLAS_TRANSPOSED : 0;

    /* cublasLt's A is our B, which it sees as [N,K] where we have [K,N]; its B is our A. */
    return blas->desc_new(&p->desc, compute, WG_BLAS_F32) == 0 &&
           blas->desc_set(p->desc, WG_BLAS_DESC_TRANSPOSE_A, &first, sizeof first) == 0 &&
           blas->desc_set(p->desc, WG_BLAS_DESC_TRANSPOSE_B, &second, sizeof second) == 0 &&
           blas->layout_new(&p->a, type, (uint64_t)(tb ? K : N), (uint64_t)(tb ? N : K), ldb) ==
               0 &&
           blas->layout_new(&p->b, type, (uint64_t)(ta ? M : K), (uint64_t)(ta ? K : M), lda) ==
               0 &&
           blas->layout_new(&p->c, WG_BLAS_F32, (uint64_t)N, (uint64_t)M, ldc) == 0;
}

static bool choose(wg_cuda *c, wg_cuda_plan *p, const uint32_t align[4])
{
    const wg_cuda_blas *blas = &c->lib.blas;
    const uint64_t workspace = WG_CUDA_WORKSPACE;
    wg_cuda_handle preference = NULL;
    wg_blas_choice choice = {0};
    int found = 0;

    bool done = blas->preference_new(&preference) == 0 &&
                blas->preference_set(preference, WG_BLAS_PREFER_WORKSPACE, &workspace,
                                     sizeof workspace) == 0;
    for (int i = 0; done && i < 4; i++)
        done = blas->preference_set(preference, WG_BLAS_PREFER_ALIGNMENT_A + i, &align[i],
                                    sizeof align[i]) == 0;
    done = done && blas->choose(c->blas, p->desc, p->a, p->b, p->c, p->c, preference, 1, &choice,
                                &found) == 0;
    if (preference != NULL)
        (void)blas->preference_free(preference);
    p->algorithm = choice.algorithm;
    return done && found > 0;
}

/* The plan for this product; NULL if it failed. */
static wg_cuda_plan *plan_for(wg_cuda *c, const wg_operand *A, const wg_operand *B, int64_t M,
                              int64_t N, int64_t K, const float *C, int64_t ldc)
{
    const uint32_t align[4] = {alignment(B->data), alignment(A->data), alignment(C), alignment(C)};
    const int64_t key[10] = {A->transposed,
                             B->transposed,
                             M,
                             N,
                             K,
                             A->ld,
                             B->ld,
                             ldc,
                             align[0] | (int64_t)align[1] << 8 | (int64_t)align[2] << 16,
                             1};
    const uint64_t hash = wg_hash_bytes(key, sizeof key);
    wg_cuda_plan *p = &c->plan[(hash ^ hash >> 32) % WG_CUDA_PLANS];

    if (p->ready && memcmp(p->key, key, sizeof key) == 0)
        return p;
    plan_free(c, p);
    if (!describe(c, p, A->transposed, B->transposed, M, N, K, A->ld, B->ld, ldc) ||
        !choose(c, p, align)) {
        plan_free(c, p);
        wg_cuda_break(c, WAGLE_E_RUN, "cublasLt has no product of [%lld,%lld] and [%lld,%lld]",
                      (long long)M, (long long)K, (long long)K, (long long)N);
        return NULL;
    }
    memcpy(p->key, key, sizeof key);
    p->ready = true;
    return p;
}

/* --- gemm --- */

/* Adds rows to those that are packed, into `to`; they are a factor then. */
static wg_operand add_pack(wg_cuda_packs *p, const wg_operand *x, int64_t rows, int64_t width,
                           void *to)
{
    const int k = p->m++;

    p->from[k] = x->data;
    p->to[k] = to;
    p->width[k] = width;
    p->ld[k] = x->ld;
    p->type[k] = (int)x->type;
    p->before[k + 1] = p->before[k] + rows;
    return (wg_operand){WG_BF16, to, wg_packed_ld(width), x->transposed};
}

static void pack_some(const wg_ops *self, const wg_cuda_packs *p)
{
    LAUNCH_ROWS(pack_bf16, p->before[p->m], p);
}

static void pack(const wg_ops *self, int m, const wg_pack *list, wg_operand *out)
{
    wg_cuda_packs p = {.m = 0};

    for (int i = 0; i < m; i++) {
        const wg_pack *k = &list[i];
        out[i] = wg_matrix(k->x, k->ld);
        if (self->panel_type != WG_BF16)
            continue;
        out[i] = add_pack(&p, &out[i], k->rows, k->width, k->room);
        if (p.m == WG_CUDA_PACKS || i == m - 1) {
            pack_some(self, &p);
            p = (wg_cuda_packs){.m = 0};
        }
    }
}

/* A factor [rows,width] whose rows begin at multiples of 16 bytes, which products on tensor cores
 * want: as it is, or among those to be packed, into `room`. False if there is no memory. */
static bool want_packed(wg_cuda *c, wg_cuda_room *room, int64_t rows, int64_t width, wg_operand *x,
                        wg_cuda_packs *p)
{
    if (x->type == WG_BF16 && x->ld % 8 == 0 && alignment(x->data) == 16)
        return true;
    if (!wg_cuda_grow(c, room, (size_t)(rows * wg_packed_ld(width)) * sizeof(uint16_t)))
        return false;
    *x = add_pack(p, x, rows, width, (void *)(uintptr_t)room->data);
    return true;
}

/* Both factors of a product as tensor cores want them. */
static bool pack_factors(const wg_ops *self, wg_cuda *c, int64_t M, int64_t N, int64_t K,
                         wg_operand *a, wg_operand *b)
{
    wg_cuda_packs p = {.m = 0};

    if (!want_packed(c, &c->left, a->transposed ? K : M, a->transposed ? M : K, a, &p) ||
        !want_packed(c, &c->right, b->transposed ? N : K, b->transposed ? K : N, b, &p))
        return false;
    pack_some(self, &p);
    return true;
}

static void gemm(const wg_ops *self, int64_t M, int64_t N, int64_t K, wg_operand a, wg_operand b,
                 bool add, float *C, int64_t ldc)
{
    wg_cuda *c = wg_cuda_ready(self);
    const float alpha = 1, beta = add ? 1 : 0, nothing = 0;

    if (c == NULL || M <= 0 || N <= 0)
        return;
    if (K <= 0) {
        for (int64_t m = 0; !add && m < M; m++)
            self->fill(self, N, nothing, C + m * ldc);
        return;
    }
    if (self->panel_type == WG_BF16 && !pack_factors(self, c, M, N, K, &a, &b))
        return;
    const wg_cuda_plan *p = plan_for(c, &a, &b, M, N, K, C, ldc);
    if (p == NULL)
        return;
    const int error = c->lib.blas.multiply(
        c->blas, p->desc, &alpha, b.data, p->a, a.data, p->b, &beta, C, p->c, C, p->c,
        &p->algorithm, (void *)(uintptr_t)c->workspace.data, WG_CUDA_WORKSPACE, c->stream);
    if (error != 0)
        wg_cuda_break(c, WAGLE_E_RUN,
                      "cublasLt fails at a product of [%lld,%lld] and [%lld,%lld] "
                      "(%d)",
                      (long long)M, (long long)K, (long long)K, (long long)N, error);
}

/* --- few rows --- */

static void matvec_some(const wg_ops *self, int m, const wg_matvec *list, int64_t n, int64_t I,
                        const float *x, bool add)
{
    wg_cuda_matvec a = {.n = n, .I = I, .x = x, .m = m, .add = add};

    for (int k = 0; k < m; k++) {
        a.W[k] = list[k].W;
        a.y[k] = list[k].y;
        a.O[k] = list[k].O;
        a.type[k] = (int)list[k].type;
        a.before[k + 1] = a.before[k] + wg_cuda_parts(list[k].O, WG_CUDA_MATVEC_WARPS);
    }
    if (n == 1)
        LAUNCH(matvec_1, a.before[m], 1, 32 * WG_CUDA_MATVEC_WARPS, &a);
    else
        LAUNCH(matvec_4, a.before[m], wg_cuda_parts(n, 4), 32 * WG_CUDA_MATVEC_WARPS, &a);
}

static void matvec(const wg_ops *self, int m, const wg_matvec *list, int64_t n, int64_t I,
                   const float *x, bool add)
{
    for (int k = 0; k < m; k += WG_CUDA_MATRICES)
        matvec_some(self, m - k < WG_CUDA_MATRICES ? m - k : WG_CUDA_MATRICES, list + k, n, I, x,
                    add);
}

static void widen(const wg_ops *self, wg_dtype type, const void *src, int64_t n, float *dst)
{
    const int kind = (int)type;

    LAUNCH_EACH(widen, n, &kind, &src, &n, &dst);
}

void wg_cuda_product_ops(wg_ops *ops)
{
    ops->gemm = gemm;
    ops->pack = pack;
    ops->matvec = matvec;
    ops->widen = widen;
}
