/* guarded.c - a back end for tests: the CPU operations, in memory that only they can access.
 *
 * The addresses that it returns can be neither read nor written; the operations use a second
 * mapping of the same pages. So code outside src/ops that reads or writes tensor memory crashes,
 * and an operation that gets host memory stops the program with its name. Freed memory is removed
 * from both mappings. Results have the same bits as the CPU back end, or another one of the host
 * (wg_guarded_over). */
#include "base/memory.h"
#include "ops/cpu/cpu.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096 };
static const size_t room = (size_t)1 << 40; /* address space; unused pages take no memory */

static struct {
    pthread_once_t once;
    pthread_mutex_t lock;
    char *given, *real; /* the same pages, inaccessible and accessible */
    size_t used;
} arena = {.once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER};

static void open_arena(void)
{
    const int fd = memfd_create("guarded", MFD_CLOEXEC);

    if (fd < 0 || ftruncate(fd, (off_t)room) != 0)
        abort();
    arena.given = mmap(NULL, room, PROT_NONE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    arena.real = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    close(fd);
    if (arena.given == MAP_FAILED || arena.real == MAP_FAILED)
        abort();
    (void)madvise(arena.given, room, MADV_DONTDUMP);
    (void)madvise(arena.real, room, MADV_DONTDUMP);
}

static bool is_given(const void *p)
{
    return (const char *)p >= arena.given && (const char *)p < arena.given + room;
}

/* The accessible address of a given address. */
static void *real(const char *operation, const void *p)
{
    if (p == NULL)
        return NULL;
    if (!is_given(p)) {
        fprintf(stderr, "guarded: %s was given memory of the host\n", operation);
        abort();
    }
    return arena.real + ((const char *)p - arena.given);
}

/* The inverse. */
static const void *given(const void *p)
{
    return arena.given + ((const char *)p - arena.real);
}

static const void *host(const char *operation, const void *p)
{
    if (is_given(p)) {
        fprintf(stderr, "guarded: %s was given memory of the back end\n", operation);
        abort();
    }
    return p;
}

/* D(p): the accessible address of a parameter; H(p): a parameter that must be host memory. */
#define D(p) ((__typeof__(p))real(__func__, (p)))
#define H(p) ((__typeof__(p))host(__func__, (p)))

/* A cached copy of mapped bytes. */
typedef struct copy {
    const void *mapped;
    wg_scratch memory;
} copy;

typedef struct state {
    wg_ops inner;
    copy *copy;
    int64_t n_copies;
} state;

#define STATE ((state *)self->state)
#define IN(name) STATE->inner.name
#define INNER &STATE->inner

/* --- memory ----------------------------------------------------------------------------------- */

static void take(size_t bytes, wg_scratch *out)
{
    out->bytes = (bytes + 2 * PAGE - 1) / PAGE * PAGE; /* whole pages, and one more after them */
    pthread_mutex_lock(&arena.lock);
    out->data = arena.given + arena.used;
    arena.used += out->bytes;
    pthread_mutex_unlock(&arena.lock);
    if (arena.used > room)
        abort();
}

static wagle_status alloc(WG_SELF, wagle_ctx *ctx, int64_t count, size_t size, const char *folder,
                          wg_scratch *out)
{
    size_t bytes;
    void *probe = wg_alloc(ctx, 1, 1); /* so that tests can make this allocation fail */

    (void)folder;
    *out = (wg_scratch){0};
    if (probe == NULL)
        return WAGLE_E_RESOURCE;
    wg_free(probe);
    if (count < 0 || __builtin_mul_overflow((size_t)count, size, &bytes) || bytes > room / 4)
        return wg_fail(ctx, WAGLE_E_RESOURCE, "not enough memory");
    take(bytes, out);
    return WAGLE_OK;
}

static void release_memory(WG_SELF, wg_scratch *memory)
{
    if (memory->data != NULL) {
        char *at = D((char *)memory->data);
        (void)madvise(at, memory->bytes, MADV_REMOVE);
        (void)mprotect(at, memory->bytes, PROT_NONE);
    }
    *memory = (wg_scratch){0};
}

static void zero(WG_SELF, void *to, size_t bytes)
{
    IN(zero)(INNER, D(to), bytes);
}

static void copy_bytes(WG_SELF, void *to, const void *from, size_t bytes)
{
    IN(copy)(INNER, D(to), D(from), bytes);
}

static void copy2d(WG_SELF, int64_t rows, int64_t width, const wg_real *from, int64_t from_ld,
                   wg_real *to, int64_t to_ld)
{
    IN(copy2d)(INNER, rows, width, D(from), from_ld, D(to), to_ld);
}

static void copy_rows(WG_SELF, int64_t n, int64_t width, const int64_t *from_row,
                      const wg_real *from, const int64_t *to_row, wg_real *to)
{
    IN(copy_rows)(INNER, n, width, D(from_row), D(from), D(to_row), D(to));
}

static void upload(WG_SELF, void *to, const void *from, size_t bytes)
{
    IN(upload)(INNER, D(to), H(from), bytes);
}

static wagle_status download(WG_SELF, wagle_ctx *ctx, void *to, const void *from, size_t bytes)
{
    return IN(download)(INNER, ctx, (void *)(uintptr_t)H((const void *)to), D(from), bytes);
}

static const void *stored(WG_SELF, const void *mapped, size_t bytes)
{
    state *s = STATE;

    for (int64_t i = 0; i < s->n_copies; i++)
        if (s->copy[i].mapped == mapped)
            return s->copy[i].memory.data;
    s->copy = realloc(s->copy, (size_t)(s->n_copies + 1) * sizeof *s->copy);
    copy *c = &s->copy[s->n_copies++];
    *c = (copy){.mapped = mapped};
    take(bytes, &c->memory);
    upload(self, c->memory.data, mapped, bytes);
    return c->memory.data;
}

static void forget(WG_SELF, const void *mapped, size_t bytes)
{
    state *s = STATE;

    (void)bytes;
    for (int64_t i = 0; i < s->n_copies; i++)
        if (s->copy[i].mapped == mapped) {
            release_memory(self, &s->copy[i].memory);
            s->copy[i--] = s->copy[--s->n_copies];
        }
}

static void advise(WG_SELF, const void *data, size_t bytes)
{
    (void)data;
    (void)bytes;
}

static void close_guarded(WG_SELF)
{
    state *s = STATE;

    for (int64_t i = 0; i < s->n_copies; i++)
        release_memory(self, &s->copy[i].memory);
    free(s->copy);
    self->on_host->close(self->on_host);
    wg_free(s);
    wg_free((void *)(uintptr_t)self);
}

/* --- vectors ---------------------------------------------------------------------------------- */

static void fill(WG_SELF, int64_t n, wg_real value, wg_real *x)
{
    IN(fill)(INNER, n, value, D(x));
}

static void scale(WG_SELF, int64_t n, wg_real a, wg_real *x)
{
    IN(scale)(INNER, n, a, D(x));
}

static void shift(WG_SELF, int64_t n, wg_real a, wg_real *x)
{
    IN(shift)(INNER, n, a, D(x));
}

static void axpy(WG_SELF, int64_t n, wg_real a, const wg_real *x, wg_real *y)
{
    IN(axpy)(INNER, n, a, D(x), D(y));
}

static void axpby(WG_SELF, int64_t n, wg_real a, const wg_real *x, wg_real b, wg_real *y)
{
    IN(axpby)(INNER, n, a, D(x), b, D(y));
}

static void interpolate(WG_SELF, int64_t n, double share, const float *x, float *y)
{
    IN(interpolate)(INNER, n, share, D(x), D(y));
}

static void add_sign(WG_SELF, int64_t n, float a, const float *x, float *y)
{
    IN(add_sign)(INNER, n, a, D(x), D(y));
}

static void add_squares(WG_SELF, int64_t n, const wg_real *x, wg_real *sum, wg_real *square)
{
    IN(add_squares)(INNER, n, D(x), D(sum), D(square));
}

static void round_to(WG_SELF, wg_dtype type, int64_t n, float *x)
{
    IN(round)(INNER, type, n, D(x));
}

static void dot(WG_SELF, int64_t n, const float *x, const float *y, double *out)
{
    IN(dot)(INNER, n, D(x), D(y), D(out));
}

static void abs_sum(WG_SELF, int64_t n, const float *x, double *out)
{
    IN(abs_sum)(INNER, n, D(x), D(out));
}

static void column_squares(WG_SELF, int64_t N, int64_t I, const wg_real *x, float *sum)
{
    IN(column_squares)(INNER, N, I, D(x), D(sum));
}

/* --- products --------------------------------------------------------------------------------- */

static void gemm(WG_SELF, int64_t M, int64_t N, int64_t K, wg_operand A, wg_operand B, bool add,
                 wg_real *C, int64_t ldc)
{
    A.data = D(A.data);
    B.data = D(B.data);
    IN(gemm)(INNER, M, N, K, A, B, add, D(C), ldc);
}

static void pack(WG_SELF, int m, const wg_pack *list, wg_operand *out)
{
    for (int i = 0; i < m; i++) {
        wg_pack own = list[i];
        own.x = D(own.x);
        own.room = D(own.room);
        IN(pack)(INNER, 1, &own, &out[i]);
        out[i].data = given(out[i].data);
    }
}

static void matvec(WG_SELF, int m, const wg_matvec *list, int64_t n, int64_t I, const wg_real *x,
                   bool add)
{
    wg_matvec own[8];

    if (m > 8)
        abort();
    for (int i = 0; i < m; i++)
        own[i] = (wg_matvec){list[i].type, D(list[i].W), list[i].O, D(list[i].y)};
    IN(matvec)(INNER, m, own, n, I, D(x), add);
}

static void quantise(WG_SELF, wg_dtype type, const void *stored, bool transposed, int64_t O,
                     int64_t I, void *to)
{
    IN(quantise)(INNER, type, D(stored), transposed, O, I, D(to));
}

static void widen(WG_SELF, wg_dtype type, const void *src, int64_t n, wg_real *dst)
{
    IN(widen)(INNER, type, D(src), n, D(dst));
}

static wg_weights real_weights(const wg_weights *w)
{
    return (wg_weights){w->type, D(w->stored), D(w->bits), D(w->rank), D(w->value), D(w->half)};
}

static void fill_panels(WG_SELF, int m, const wg_panel *list)
{
    for (int i = 0; i < m; i++) {
        wg_panel own = list[i];
        own.weights = real_weights(&list[i].weights);
        own.to = D(own.to);
        IN(fill_panels)(INNER, 1, &own);
    }
}

static void overlay(WG_SELF, int64_t first, int64_t n, const uint64_t *bits, const int64_t *rank,
                    const wg_real *value, wg_real *dst)
{
    IN(overlay)(INNER, first, n, D(bits), D(rank), D(value), D(dst));
}

static void gather(WG_SELF, int m, const wg_gather *list)
{
    for (int i = 0; i < m; i++) {
        wg_gather own = list[i];
        own.bits = D(own.bits);
        own.rank = D(own.rank);
        own.src = D(own.src);
        own.value = D(own.value);
        IN(gather)(INNER, 1, &own);
    }
}

static void adamw(WG_SELF, const wg_adamw_step *step, int64_t n, const float *gradient, float *m,
                  float *v, float *value)
{
    IN(adamw)(INNER, step, n, D(gradient), D(m), D(v), D(value));
}

static void adamw_bf16(WG_SELF, const wg_adamw_step *step, uint32_t seed, int64_t n,
                       const float *gradient, uint16_t *m, uint16_t *v, float *value)
{
    IN(adamw_bf16)(INNER, step, seed, n, D(gradient), D(m), D(v), D(value));
}

static void adamw_in_bf16(WG_SELF, const wg_adamw_step *step, int64_t n, const float *gradient,
                          uint16_t *m, uint16_t *v, uint16_t *value)
{
    IN(adamw_in_bf16)(INNER, step, n, D(gradient), D(m), D(v), D(value));
}

static void narrow(WG_SELF, bool random, uint32_t seed, int64_t n, const float *x, uint16_t *to)
{
    IN(narrow)(INNER, random, seed, n, D(x), D(to));
}

static void update(WG_SELF, wg_rule rule, const wg_adamw_step *step, bool bf16, uint32_t seed,
                   int64_t n, const float *gradient, void *m, const float *v, float *value)
{
    IN(update)(INNER, rule, step, bf16, seed, n, D(gradient), D(m), D(v), D(value));
}

static void square_average(WG_SELF, int64_t n, float decay, float rest, const float *x, float *v)
{
    IN(square_average)(INNER, n, decay, rest, D(x), D(v));
}

/* --- layers ----------------------------------------------------------------------------------- */

static void embed(WG_SELF, const wg_weights *table, int64_t N, int64_t width, const int32_t *ids,
                  int64_t offset, wg_real factor, bool add, wg_real *x)
{
    const wg_weights own = real_weights(table);

    IN(embed)(INNER, &own, N, width, D(ids), offset, factor, add, D(x));
}

static void norm_forward(WG_SELF, int64_t N, int64_t width, wg_real eps, const wg_real *x,
                         const wg_real *weight, const wg_real *bias, wg_real *y, wg_real *mean,
                         wg_real *rstd)
{
    IN(norm_forward)(INNER, N, width, eps, D(x), D(weight), D(bias), D(y), D(mean), D(rstd));
}

static void norm_backward(WG_SELF, int64_t N, int64_t width, const wg_real *x,
                          const wg_real *weight, const wg_real *mean, const wg_real *rstd,
                          const wg_real *dy, wg_real *dx)
{
    IN(norm_backward)(INNER, N, width, D(x), D(weight), D(mean), D(rstd), D(dy), D(dx));
}

static void norm_weight(WG_SELF, int64_t N, int64_t width, const wg_real *x, const wg_real *mean,
                        const wg_real *rstd, const wg_real *dy, wg_real *dweight)
{
    IN(norm_weight)(INNER, N, width, D(x), D(mean), D(rstd), D(dy), D(dweight));
}

static void bias_forward(WG_SELF, int64_t N, int64_t O, const wg_real *bias, wg_real *y, int64_t ld)
{
    IN(bias_forward)(INNER, N, O, D(bias), D(y), ld);
}

static void bias_backward(WG_SELF, int64_t N, int64_t O, const wg_real *dy, int64_t ld,
                          wg_real *dbias)
{
    IN(bias_backward)(INNER, N, O, D(dy), ld, D(dbias));
}

static void softcap(WG_SELF, int64_t N, int64_t O, wg_real cap, wg_real *y, int64_t ld)
{
    IN(softcap)(INNER, N, O, cap, D(y), ld);
}

static void clip(WG_SELF, int64_t n, wg_real most, wg_real *x)
{
    IN(clip)(INNER, n, most, D(x));
}

static void clip_backward(WG_SELF, int64_t n, wg_real most, const wg_real *x, wg_real *dx)
{
    IN(clip_backward)(INNER, n, most, D(x), D(dx));
}

static void rope(WG_SELF, int64_t N, int64_t H, int64_t K, int64_t h, int64_t r, bool neighbours,
                 const int32_t *position, const wg_real *cosine, const wg_real *sine, int direction,
                 wg_real *q, wg_real *k)
{
    IN(rope)
    (INNER, N, H, K, h, r, neighbours, D(position), D(cosine), D(sine), direction, D(q), D(k));
}

static wg_attention real_attention(const wg_attention *a)
{
    wg_attention own = *a;

    own.start = D(a->start);
    own.prefix_len = D(a->prefix_len);
    return own;
}

static void attention_forward(WG_SELF, const wg_attention *a, const wg_real *q, const wg_real *k,
                              const wg_real *v, wg_real *out, wg_real *lse)
{
    const wg_attention own = real_attention(a);

    IN(attention_forward)(INNER, &own, D(q), D(k), D(v), D(out), D(lse));
}

static void attention_backward(WG_SELF, const wg_attention *a, const wg_real *q, const wg_real *k,
                               const wg_real *v, const wg_real *out, const wg_real *lse,
                               const wg_real *dout, wg_real *dq, wg_real *dk, wg_real *dv)
{
    const wg_attention own = real_attention(a);

    IN(attention_backward)
    (INNER, &own, D(q), D(k), D(v), D(out), D(lse), D(dout), D(dq), D(dk), D(dv));
}

static void attention_decode(WG_SELF, const wg_decode_attention *a, const wg_real *q, wg_real *out)
{
    wg_decode_attention own = *a;

    own.length = D(a->length);
    own.first = D(a->first);
    own.key = D(a->key);
    own.value = D(a->value);
    IN(attention_decode)(INNER, &own, D(q), D(out));
}

static void glu_forward(WG_SELF, wg_activation act, int64_t n, const wg_real *gate,
                        const wg_real *up, wg_real *out)
{
    IN(glu_forward)(INNER, act, n, D(gate), D(up), D(out));
}

static void glu_backward(WG_SELF, wg_activation act, int64_t n, const wg_real *gate,
                         const wg_real *up, const wg_real *dout, wg_real *dgate, wg_real *dup)
{
    IN(glu_backward)(INNER, act, n, D(gate), D(up), D(dout), D(dgate), D(dup));
}

static void embed_backward(WG_SELF, int64_t N, int64_t width, const int32_t *ids, const wg_real *dx,
                           wg_real *dtable)
{
    IN(embed_backward)(INNER, N, width, D(ids), D(dx), D(dtable));
}

/* --- rows of logits --------------------------------------------------------------------------- */

static void xent_forward(WG_SELF, int64_t M, int64_t first, int64_t n, const wg_real *logits,
                         int64_t ld, const int32_t *target, wg_real *maximum, wg_real *sum,
                         wg_real *picked)
{
    IN(xent_forward)
    (INNER, M, first, n, D(logits), ld, D(target), D(maximum), D(sum), D(picked));
}

static void xent_backward(WG_SELF, int64_t M, int64_t first, int64_t n, wg_real *logits, int64_t ld,
                          const int32_t *target, const wg_real *lse, const wg_real *weight,
                          wg_real cap)
{
    IN(xent_backward)(INNER, M, first, n, D(logits), ld, D(target), D(lse), D(weight), cap);
}

static void xent_finish(WG_SELF, int64_t M, wg_real *maximum, const wg_real *sum,
                        const wg_real *picked, wg_real *nll)
{
    IN(xent_finish)(INNER, M, D(maximum), D(sum), D(picked), D(nll));
}

static void row_stats(WG_SELF, int64_t M, int64_t first, int64_t n, const wg_real *logits,
                      int64_t ld, const wg_real *lse, wg_real *most, int32_t *best, double *mean,
                      double *square)
{
    IN(row_stats)
    (INNER, M, first, n, D(logits), ld, D(lse), D(most), D(best), D(mean), D(square));
}

static void sample_rows(WG_SELF, int64_t M, int64_t first, int64_t n, const wg_real *logits,
                        int64_t ld, int64_t row, uint64_t seed, uint64_t stream, double *most,
                        int32_t *which)
{
    IN(sample_rows)(INNER, M, first, n, D(logits), ld, row, seed, stream, D(most), D(which));
}

static void softmax(WG_SELF, int64_t M, int64_t n, const wg_real *lse, const wg_real *factor,
                    wg_real *x, int64_t ld)
{
    IN(softmax)(INNER, M, n, D(lse), D(factor), D(x), ld);
}

static void dot_rows(WG_SELF, int64_t M, int64_t n, const wg_real *a, int64_t lda, const wg_real *b,
                     int64_t ldb, double *sum)
{
    IN(dot_rows)(INNER, M, n, D(a), lda, D(b), ldb, D(sum));
}

static void runner_up(WG_SELF, int64_t M, int64_t first, int64_t n, const wg_real *logits,
                      int64_t ld, const int32_t *target, wg_real *most, int32_t *which)
{
    IN(runner_up)(INNER, M, first, n, D(logits), ld, D(target), D(most), D(which));
}

static void shift_target(WG_SELF, int64_t M, int64_t first, int64_t n, const int32_t *target,
                         wg_real by, const wg_real *logits, int64_t ld, wg_real *q)
{
    IN(shift_target)(INNER, M, first, n, D(target), by, D(logits), ld, D(q));
}

static void soft_finish(WG_SELF, int64_t M, bool divergence, const wg_real *lse,
                        const wg_real *target_lse, const double *cross, wg_real *nll)
{
    IN(soft_finish)(INNER, M, divergence, D(lse), D(target_lse), D(cross), D(nll));
}

static void hinge_finish(WG_SELF, int64_t M, const wg_real *lse, wg_real *token, wg_real *other,
                         wg_real *nll)
{
    IN(hinge_finish)(INNER, M, D(lse), D(token), D(other), D(nll));
}

static void hinge_target(WG_SELF, int64_t M, int64_t first, int64_t n, const int32_t *target,
                         const int32_t *runner, const wg_real *weight, const wg_real *token,
                         const wg_real *other, wg_real *q, wg_real *share)
{
    IN(hinge_target)
    (INNER, M, first, n, D(target), D(runner), D(weight), D(token), D(other), D(q), D(share));
}

static void xent_soft_backward(WG_SELF, int64_t M, int64_t n, wg_real *logits, int64_t ld,
                               const wg_real *q, const wg_real *lse, const wg_real *weight,
                               wg_real cap)
{
    IN(xent_soft_backward)(INNER, M, n, D(logits), ld, D(q), D(lse), D(weight), cap);
}

/* --- gradients of single sequences ------------------------------------------------------------ */

static void gather_columns(WG_SELF, int64_t T, const int32_t *ids, int64_t first, int64_t n,
                           int64_t M, const wg_real *dlogits, int64_t ld, wg_real *out)
{
    IN(gather_columns)(INNER, T, D(ids), first, n, M, D(dlogits), ld, D(out));
}

static void embed_squares(WG_SELF, int64_t T, int64_t width, const int32_t *ids, const wg_real *dx,
                          double *square)
{
    IN(embed_squares)(INNER, T, width, D(ids), D(dx), D(square));
}

static void embed_moments(WG_SELF, const wg_embed_moments *of)
{
    wg_embed_moments own = *of;

    own.ids = D(of->ids);
    own.dx = D(of->dx);
    own.dlogits = D(of->dlogits);
    own.h = of->dlogits != NULL ? D(of->h) : NULL;
    own.sum = D(of->sum);
    own.square = D(of->square);
    IN(embed_moments)(INNER, &own);
}

static void bias_squares(WG_SELF, int64_t M, int64_t n, const wg_real *d, int64_t ld, wg_real *sum,
                         wg_real *square)
{
    IN(bias_squares)(INNER, M, n, D(d), ld, D(sum), D(square));
}

static void gemm_squares(WG_SELF, int64_t S, const int64_t *start, int64_t O, int64_t I,
                         const wg_real *dy, int64_t ldy, const wg_real *x, int64_t ldx, bool add,
                         wg_real *sum, wg_real *square)
{
    IN(gemm_squares)(INNER, S, D(start), O, I, D(dy), ldy, D(x), ldx, add, D(sum), D(square));
}

#define ROUTING(r)                                                                                 \
    (wg_routing)                                                                                   \
    {                                                                                              \
        (r)->N, (r)->X, (r)->used, (r)->S, (r)->sum_to_one, (r)->sigmoid, D((r)->start),           \
            D((r)->share), D((r)->expert), D((r)->row), D((r)->token), D((r)->weight),             \
            D((r)->sequence)                                                                       \
    }

static void route(WG_SELF, const wg_routing *r, int64_t *first)
{
    const wg_routing own = ROUTING(r);

    (void)H((const void *)first);
    IN(route)(INNER, &own, first);
}

static void route_backward(WG_SELF, const wg_routing *r, const double *dweight, wg_real *dlogits)
{
    const wg_routing own = ROUTING(r);

    IN(route_backward)(INNER, &own, D(dweight), D(dlogits));
}

static void sum_rows(WG_SELF, int64_t N, int64_t k, int64_t width, const int64_t *row,
                     const wg_real *weight, const wg_real *x, wg_real *y)
{
    IN(sum_rows)(INNER, N, k, width, D(row), D(weight), D(x), D(y));
}

static void scale_rows(WG_SELF, int64_t N, int64_t width, const wg_real *weight, wg_real *x)
{
    IN(scale_rows)(INNER, N, width, D(weight), D(x));
}

static void sigmoid(WG_SELF, int64_t n, wg_real *x)
{
    IN(sigmoid)(INNER, n, D(x));
}

static void sigmoid_backward(WG_SELF, int64_t n, const wg_real *y, const double *dy, wg_real *dx)
{
    IN(sigmoid_backward)(INNER, n, D(y), D(dy), D(dx));
}

static const wg_ops table = {
    .name = "guarded",
    .close = close_guarded,
    .alloc = alloc,
    .free = release_memory,
    .zero = zero,
    .copy = copy_bytes,
    .copy2d = copy2d,
    .copy_rows = copy_rows,
    .upload = upload,
    .download = download,
    .stored = stored,
    .forget = forget,
    .ahead = advise,
    .release = advise,
    .fill = fill,
    .scale = scale,
    .shift = shift,
    .axpy = axpy,
    .axpby = axpby,
    .interpolate = interpolate,
    .add_sign = add_sign,
    .add_squares = add_squares,
    .round = round_to,
    .dot = dot,
    .abs_sum = abs_sum,
    .column_squares = column_squares,
    .gemm = gemm,
    .pack = pack,
    .matvec = matvec,
    .quantise = quantise,
    .widen = widen,
    .fill_panels = fill_panels,
    .overlay = overlay,
    .gather = gather,
    .adamw = adamw,
    .adamw_bf16 = adamw_bf16,
    .adamw_in_bf16 = adamw_in_bf16,
    .narrow = narrow,
    .update = update,
    .square_average = square_average,
    .embed = embed,
    .norm_forward = norm_forward,
    .norm_backward = norm_backward,
    .norm_weight = norm_weight,
    .bias_forward = bias_forward,
    .bias_backward = bias_backward,
    .softcap = softcap,
    .clip = clip,
    .clip_backward = clip_backward,
    .rope = rope,
    .attention_forward = attention_forward,
    .attention_backward = attention_backward,
    .attention_decode = attention_decode,
    .glu_forward = glu_forward,
    .glu_backward = glu_backward,
    .embed_backward = embed_backward,
    .xent_forward = xent_forward,
    .xent_backward = xent_backward,
    .xent_finish = xent_finish,
    .row_stats = row_stats,
    .sample_rows = sample_rows,
    .softmax = softmax,
    .dot_rows = dot_rows,
    .runner_up = runner_up,
    .shift_target = shift_target,
    .soft_finish = soft_finish,
    .hinge_finish = hinge_finish,
    .hinge_target = hinge_target,
    .xent_soft_backward = xent_soft_backward,
    .gather_columns = gather_columns,
    .embed_squares = embed_squares,
    .embed_moments = embed_moments,
    .bias_squares = bias_squares,
    .gemm_squares = gemm_squares,
    .route = route,
    .route_backward = route_backward,
    .sum_rows = sum_rows,
    .scale_rows = scale_rows,
    .sigmoid = sigmoid,
    .sigmoid_backward = sigmoid_backward,
    .sync = wg_host_sync,
};

wagle_status wg_guarded_over(wagle_ctx *ctx, const wg_ops *inner, const wg_ops **out)
{
    state *s = NULL;
    wg_ops *own = NULL;
    wagle_status st;

    *out = NULL;
    pthread_once(&arena.once, open_arena);
    st = WG_ALLOC(ctx, &s, 1);
    if (st == WAGLE_OK)
        st = WG_ALLOC(ctx, &own, 1);
    if (st == WAGLE_OK) {
        *s = (state){.inner = *inner};
        *own = table;
        own->state = s;
        own->device = inner->device;
        own->precision = inner->precision;
        own->panel_type = inner->panel_type;
        own->kernels = inner->kernels;
        own->on_host = inner;
        *out = own;
        return WAGLE_OK;
    }
    wg_free(s);
    inner->close(inner);
    return st;
}

wagle_status wg_guarded_open(wagle_ctx *ctx, const wg_ops **out)
{
    const wg_ops *inner = NULL;

    *out = NULL;
    WG_TRY(wg_cpu_open(ctx, &inner));
    return wg_guarded_over(ctx, inner, out);
}
