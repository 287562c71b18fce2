/* shared.h - structures that kernels take by value: C and CUDA C alike, so plain types alone. */
#ifndef WG_OPS_CUDA_SHARED_H
#define WG_OPS_CUDA_SHARED_H

/* wg_attention, and how many tiles of queries or keys the longest sequence has. */
typedef struct wg_cuda_attention {
    const long long *start, *prefix; /* [S+1]; [S] or NULL */
    long long H, K, h, window, tiles;
    float scale, cap;
} wg_cuda_attention;

/* The operands of attention: q, out, dout, dq [N,H*h]; k, v, dk, dv [N,K*h]; lse, mean [N,H].
 * new_out and new_lse are what the forward pass writes. */
typedef struct wg_cuda_heads {
    const float *q, *k, *v, *out, *dout, *lse, *mean;
    float *dq, *dk, *dv, *new_out, *new_lse;
} wg_cuda_heads;

typedef struct wg_cuda_decode {
    const long long *length, *first; /* [B] */
    const float *key, *value, *q;
    float *out;
    long long H, K, h, window;
    float scale, cap;
} wg_cuda_decode;

enum { WG_CUDA_MATRICES = 8 };

/* wg_matvec, several at once. */
typedef struct wg_cuda_matvec {
    long long n, I, before[WG_CUDA_MATRICES + 1]; /* blocks before each matrix */
    const float *x;
    const void *W[WG_CUDA_MATRICES];
    float *y[WG_CUDA_MATRICES];
    long long O[WG_CUDA_MATRICES];
    int type[WG_CUDA_MATRICES], m, add;
} wg_cuda_matvec;

typedef struct wg_cuda_weights {
    const void *stored;
    const unsigned long long *bits;
    const long long *rank;
    const float *value;
    const unsigned short *half;
    int type;
} wg_cuda_weights;

enum { WG_CUDA_PACKS = 4, WG_CUDA_PANELS = 24 };

/* wg_pack, several at once. */
typedef struct wg_cuda_packs {
    const void *from[WG_CUDA_PACKS];
    unsigned short *to[WG_CUDA_PACKS];
    long long width[WG_CUDA_PACKS], ld[WG_CUDA_PACKS];
    long long before[WG_CUDA_PACKS + 1]; /* rows before each matrix */
    int type[WG_CUDA_PACKS], m;
} wg_cuda_packs;

/* wg_panel, several at once. */
typedef struct wg_cuda_panels {
    wg_cuda_weights weights[WG_CUDA_PANELS];
    long long first[WG_CUDA_PANELS], n[WG_CUDA_PANELS];
    long long before[WG_CUDA_PANELS + 1]; /* blocks before each panel */
    void *to[WG_CUDA_PANELS];
    int type[WG_CUDA_PANELS], m;
} wg_cuda_panels;

enum { WG_CUDA_GATHERS = 32 };

/* wg_gather, several at once. */
typedef struct wg_cuda_gathers {
    const unsigned long long *bits[WG_CUDA_GATHERS];
    const long long *rank[WG_CUDA_GATHERS];
    const float *src[WG_CUDA_GATHERS];
    float *value[WG_CUDA_GATHERS];
    long long first[WG_CUDA_GATHERS], n[WG_CUDA_GATHERS];
    long long before[WG_CUDA_GATHERS + 1]; /* blocks before each part */
    int m;
} wg_cuda_gathers;

/* wg_adamw_step. */
typedef struct wg_cuda_step {
    float scale, beta1, beta2, rest1, rest2, keep, rate, unbias, epsilon, bound, root;
} wg_cuda_step;

typedef struct wg_cuda_embed_moments {
    long long T, D, first, n, M, ld;
    const int *ids;
    const float *dx, *dlogits, *h;
    float *sum, *square;
} wg_cuda_embed_moments;

/* Sums over the rows of a matrix: what of each element is summed, and where it goes. */
enum { WG_CUDA_SUM, WG_CUDA_SQUARES, WG_CUDA_NORM_WEIGHT };

enum {
    WG_CUDA_THREADS = 256,     /* of a block, where nothing else is said */
    WG_CUDA_PARTS = 1024,      /* blocks that share a sum over a vector */
    WG_CUDA_ROWS = 128,        /* rows of a matrix whose sum one block makes */
    WG_CUDA_TILE = 64,         /* queries or keys of an attention tile */
    WG_CUDA_OVERLAY = 4096,    /* WG_OVERLAY_BLOCK */
    WG_CUDA_COLUMNS = 1024,    /* of a row of logits that one block takes */
    WG_CUDA_SQUARES_O = 128,   /* outputs of a tile of gemm_squares */
    WG_CUDA_SQUARES_I = 64,    /* and its inputs */
    WG_CUDA_DECODE_KEYS = 128, /* keys of a strip, and threads of a block, of attention_decode */
    WG_CUDA_MATVEC_WARPS = 4   /* of a block; a warp makes one output of each row */
};

#endif
