/* exchange.c - sums, slices and messages between processes, all by one function of the caller's. */
#include "dist/dist.h"

#include "base/memory.h"
#include "dist/shared.h"
#include <string.h>

enum { ADDED = 1 << 24, LEAST_BLOCK = 1 << 14 }; /* numbers of all processes at a time */

/* What goes to each process and comes from it, and the room for sums that are added. */
struct wg_mail {
    const void **send;
    void **receive;
    size_t *send_bytes, *receive_bytes;
    int64_t *part; /* [ranks + 1] first part of each process */
    float *sums;   /* [ranks][wg_sum_block] */
    int64_t room, block;
};

void wg_leave_processes(wagle_ctx *ctx)
{
    struct wg_mail *m = ctx->mail;

    wg_shared_free(ctx->shared);
    ctx->shared = NULL;
    atomic_store(&ctx->cut_off, false);
    if (m != NULL) {
        wg_free(m->send);
        wg_free(m->receive);
        wg_free(m->send_bytes);
        wg_free(m->receive_bytes);
        wg_free(m->part);
        wg_free(m->sums);
    }
    wg_free(m);
    ctx->mail = NULL;
    ctx->processes = (wagle_processes){0};
    ctx->sent = 0;
}

wagle_status wg_join_processes(wagle_ctx *ctx, const wagle_processes *p)
{
    struct wg_mail *m;

    WG_TRY(WG_ALLOC(ctx, &m, 1));
    ctx->mail = m;
    WG_TRY(WG_ALLOC(ctx, &m->send, p->count));
    WG_TRY(WG_ALLOC(ctx, &m->receive, p->count));
    WG_TRY(WG_ALLOC(ctx, &m->send_bytes, p->count));
    WG_TRY(WG_ALLOC(ctx, &m->receive_bytes, p->count));
    WG_TRY(WG_ALLOC(ctx, &m->part, p->count + 1));
    memcpy(&ctx->processes, p, p->size < sizeof *p ? p->size : sizeof *p);
    for (int r = 0; r < p->count; r++)
        m->part[r + 1] = wg_parts_of(ctx, r, NULL) + m->part[r];
    return WAGLE_OK;
}

int64_t wg_sent_bytes(const wagle_ctx *ctx)
{
    return ctx->sent;
}

/* --- one exchange ------------------------------------------------------------------------------
 */

/* Nothing to nobody yet. */
static struct wg_mail *clear_mail(wagle_ctx *ctx)
{
    struct wg_mail *m = ctx->mail;
    const size_t n = (size_t)wg_ranks(ctx);

    memset(m->send, 0, n * sizeof *m->send);
    memset(m->receive, 0, n * sizeof *m->receive);
    memset(m->send_bytes, 0, n * sizeof *m->send_bytes);
    memset(m->receive_bytes, 0, n * sizeof *m->receive_bytes);
    return m;
}

static void send(struct wg_mail *m, int rank, const void *data, size_t bytes)
{
    m->send[rank] = data;
    m->send_bytes[rank] = bytes;
}

static void receive(struct wg_mail *m, int rank, void *data, size_t bytes)
{
    m->receive[rank] = data;
    m->receive_bytes[rank] = bytes;
}

static wagle_status exchange(wagle_ctx *ctx)
{
    const struct wg_mail *m = ctx->mail;
    char why[WG_MESSAGE_BYTES / 2] = "";

    WG_TRY(wg_check_cut_off(ctx));
    for (int r = 0; r < wg_ranks(ctx); r++)
        ctx->sent += (int64_t)m->send_bytes[r];
    if (ctx->processes.exchange(ctx->processes.user, m->send, m->send_bytes, m->receive,
                                m->receive_bytes, why, sizeof why))
        return WAGLE_OK;
    return wg_fail(ctx, WAGLE_E_RESOURCE, "process %d of %d: %s", wg_rank(ctx), wg_ranks(ctx), why);
}

/* --- sums --------------------------------------------------------------------------------------
 */

int64_t wg_sum_block(const wagle_ctx *ctx)
{
    const int64_t block = ADDED / wg_ranks(ctx);

    return block > LEAST_BLOCK ? block : LEAST_BLOCK;
}

int64_t wg_sum_bytes(const wagle_ctx *ctx, int64_t n)
{
    const int64_t most = wg_sum_block(ctx) * wg_ranks(ctx);

    return wg_together(ctx) ? (n < most ? n : most) * (int64_t)sizeof(float) : 0;
}

/* Of the slice of process r, from `at` on, what is added at a time. */
static int64_t in_block(const int64_t *slice, int r, int64_t at, int64_t block)
{
    const int64_t left = slice[r + 1] - slice[r] - at;

    return left < 0 ? 0 : left < block ? left : block;
}

static float *sum_of(const wagle_ctx *ctx, int rank)
{
    return ctx->mail->sums + (int64_t)rank * ctx->mail->block;
}

static void add(float *into, const float *from, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        into[i] += from[i];
}

/* The sums [n] of all processes become one, at that of process 0, in the order of the tree. */
static void add_nodes(const wagle_ctx *ctx, int64_t n)
{
    struct {
        int rank, parts;
    } waits[WG_TREE_LEVELS + 1];
    int w = 0;

    for (int r = 0; r < wg_ranks(ctx); r++) {
        waits[w].rank = r;
        waits[w++].parts = wg_parts_of(ctx, r, NULL);
        for (; w > 1 && waits[w - 1].parts == waits[w - 2].parts; w--) {
            add(sum_of(ctx, waits[w - 2].rank), sum_of(ctx, waits[w - 1].rank), n);
            waits[w - 2].parts *= 2;
        }
    }
}

static wagle_status sum_block(wagle_ctx *ctx, const float *sum, const int64_t *slice, int64_t at,
                              float *own)
{
    const int me = wg_rank(ctx);
    const int64_t mine = in_block(slice, me, at, ctx->mail->block);
    const size_t bytes = (size_t)mine * sizeof *own;
    struct wg_mail *m = clear_mail(ctx);

    for (int r = 0; r < wg_ranks(ctx); r++) {
        if (r == me)
            continue;
        send(m, r, sum + slice[r] + at,
             (size_t)in_block(slice, r, at, ctx->mail->block) * sizeof *sum);
        receive(m, r, sum_of(ctx, r), bytes);
    }
    WG_TRY(exchange(ctx));
    memcpy(sum_of(ctx, me), sum + slice[me] + at, bytes);
    add_nodes(ctx, mine);
    memcpy(own + at, sum_of(ctx, 0), bytes);
    return WAGLE_OK;
}

wagle_status wg_reduce_scatter(wagle_ctx *ctx, const float *sum, const int64_t *slice, float *own)
{
    const int ranks = wg_ranks(ctx);
    int64_t longest = 0;

    if (ranks == 1) {
        if (own != sum + slice[0])
            memcpy(own, sum + slice[0], (size_t)(slice[1] - slice[0]) * sizeof *own);
        return WAGLE_OK;
    }
    for (int r = 0; r < ranks; r++)
        longest = slice[r + 1] - slice[r] > longest ? slice[r + 1] - slice[r] : longest;
    ctx->mail->block = longest < wg_sum_block(ctx) ? longest : wg_sum_block(ctx);
    WG_TRY(WG_GROW(ctx, &ctx->mail->sums, &ctx->mail->room, (int64_t)ranks * ctx->mail->block));
    for (int64_t at = 0; at < longest; at += ctx->mail->block)
        WG_TRY(sum_block(ctx, sum, slice, at, own));
    return WAGLE_OK;
}

/* --- slices ------------------------------------------------------------------------------------
 */

static char *place(void *all, size_t size, const int64_t *slice, int r)
{
    return (char *)all + (size_t)slice[r] * size;
}

static size_t bytes_of(size_t size, const int64_t *slice, int r)
{
    return (size_t)(slice[r + 1] - slice[r]) * size;
}

typedef enum slice_way { EACH_TO_EACH, EACH_TO_FIRST, FIRST_TO_EACH } slice_way;

/* This process's part of an exchange of slices with process r. */
static void address(wagle_ctx *ctx, int r, slice_way way, void *all, size_t size,
                    const int64_t *slice)
{
    const int me = wg_rank(ctx);
    const bool sends = way == EACH_TO_EACH || (way == EACH_TO_FIRST ? r == 0 : me == 0);
    const bool receives = way == EACH_TO_EACH || (way == EACH_TO_FIRST ? me == 0 : r == 0);
    const int sent = way == FIRST_TO_EACH ? r : me, received = way == FIRST_TO_EACH ? me : r;

    if (sends)
        send(ctx->mail, r, place(all, size, slice, sent), bytes_of(size, slice, sent));
    if (receives)
        receive(ctx->mail, r, place(all, size, slice, received), bytes_of(size, slice, received));
}

static wagle_status move_slices(wagle_ctx *ctx, slice_way way, void *all, size_t size,
                                const int64_t *slice)
{
    if (!wg_together(ctx))
        return WAGLE_OK;
    clear_mail(ctx);
    for (int r = 0; r < wg_ranks(ctx); r++)
        if (r != wg_rank(ctx))
            address(ctx, r, way, all, size, slice);
    return exchange(ctx);
}

wagle_status wg_all_gather(wagle_ctx *ctx, void *all, size_t size, const int64_t *slice)
{
    return move_slices(ctx, EACH_TO_EACH, all, size, slice);
}

/* Each process adds the slice that is its own. */
wagle_status wg_add_counts(wagle_ctx *ctx, int64_t *count, int64_t n)
{
    const int me = wg_rank(ctx), ranks = wg_ranks(ctx);
    const int64_t first = wg_slice(ctx, n, me), own = wg_slice(ctx, n, me + 1) - first;
    int64_t *theirs = NULL, slice[WAGLE_PARTS_MOST + 1];
    struct wg_mail *m;
    wagle_status st;

    if (!wg_together(ctx))
        return WAGLE_OK;
    WG_TRY(WG_ALLOC(ctx, &theirs, own * ranks + 1));
    m = clear_mail(ctx);
    for (int r = 0; r < ranks; r++) {
        slice[r] = wg_slice(ctx, n, r);
        if (r == me)
            continue;
        send(m, r, count + slice[r], (size_t)(wg_slice(ctx, n, r + 1) - slice[r]) * sizeof *count);
        receive(m, r, theirs + r * own, (size_t)own * sizeof *count);
    }
    slice[ranks] = n;
    st = exchange(ctx);
    for (int r = 0; st == WAGLE_OK && r < ranks; r++)
        for (int64_t i = 0; r != me && i < own; i++)
            count[first + i] += theirs[r * own + i];
    wg_free(theirs);
    return st == WAGLE_OK ? wg_all_gather(ctx, count, sizeof *count, slice) : st;
}

wagle_status wg_all_gather_parts(wagle_ctx *ctx, void *all, size_t size)
{
    return wg_all_gather(ctx, all, size, ctx->mail != NULL ? ctx->mail->part : NULL);
}

wagle_status wg_gather_slices(wagle_ctx *ctx, void *all, size_t size, const int64_t *slice)
{
    return move_slices(ctx, EACH_TO_FIRST, all, size, slice);
}

wagle_status wg_scatter_slices(wagle_ctx *ctx, void *all, size_t size, const int64_t *slice)
{
    return move_slices(ctx, FIRST_TO_EACH, all, size, slice);
}

wagle_status wg_spread(wagle_ctx *ctx, int from, void *data, size_t bytes)
{
    const int me = wg_rank(ctx);
    struct wg_mail *m;

    if (!wg_together(ctx))
        return WAGLE_OK;
    m = clear_mail(ctx);
    for (int r = 0; me == from && r < wg_ranks(ctx); r++)
        if (r != me)
            send(m, r, data, bytes);
    if (me != from)
        receive(m, from, data, bytes);
    return exchange(ctx);
}

wagle_status wg_broadcast(wagle_ctx *ctx, void *data, size_t bytes)
{
    return wg_spread(ctx, 0, data, bytes);
}

wagle_status wg_agree(wagle_ctx *ctx)
{
    const unsigned char mine = ctx->interrupted != 0;
    bool any = mine;
    struct wg_mail *m;

    if (!wg_together(ctx))
        return WAGLE_OK;
    unsigned char theirs[WAGLE_PARTS_MOST] = {0};
    m = clear_mail(ctx);
    for (int r = 0; r < wg_ranks(ctx); r++) {
        if (r == wg_rank(ctx))
            continue;
        send(m, r, &mine, sizeof mine);
        receive(m, r, &theirs[r], sizeof theirs[r]);
    }
    WG_TRY(exchange(ctx));
    for (int r = 0; r < wg_ranks(ctx); r++)
        any |= theirs[r] != 0;
    ctx->agreed = any;
    ctx->interrupted |= any;
    return wg_check_interrupt(ctx);
}

wagle_status wg_broadcast_text(wagle_ctx *ctx, char **text)
{
    int64_t n = *text != NULL ? (int64_t)strlen(*text) : -1;

    WG_TRY(wg_broadcast(ctx, &n, sizeof n));
    if (n < 0)
        return WAGLE_OK;
    if (*text == NULL)
        WG_TRY(WG_ALLOC(ctx, text, n + 1));
    return wg_broadcast(ctx, *text, (size_t)n);
}
