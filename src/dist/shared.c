#include "dist/shared.h"

#include "base/memory.h"
#include "base/thread.h"
#include "dist/dist.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PIECES = 1024, WAITING = 256, BLOCKS = 8192, LEAST_BLOCK = 4096, LARGEST = 1 << 27 };

/* A file. Pages are counted from its beginning. */
typedef struct region {
    struct region *next;
    char *path;
    unsigned char *data;
    size_t bytes, pages, block; /* block: in pages */
    uint64_t *here, *coming;    /* a bit for each page */
} region;

/* Pages that somebody wants. */
typedef struct range {
    region *of;
    size_t from, to;
} range;

struct wg_shared {
    wagle_ctx *ctx;
    size_t page;
    pthread_mutex_t lock;
    pthread_cond_t asked, came;
    pthread_t reader;
    bool runs, stops, reads, failed; /* reads: without the lock */
    region *first;
    range waiting[WAITING]; /* [n] */
    int n;
    wagle_piece piece[PIECES]; /* of one file, on their way */
    int n_pieces;
    int64_t received;
};

static bool is_set(const uint64_t *bits, size_t i)
{
    return bits[i / 64] >> (i % 64) & 1;
}

static void set(uint64_t *bits, size_t from, size_t to, bool on)
{
    for (size_t i = from; i < to; i++)
        bits[i / 64] = on ? bits[i / 64] | 1ull << (i % 64) : bits[i / 64] & ~(1ull << (i % 64));
}

static bool all_here(const region *r, size_t from, size_t to)
{
    while (from < to && (from % 64 == 0 && from + 64 <= to ? r->here[from / 64] == UINT64_MAX
                                                           : is_set(r->here, from)))
        from += from % 64 == 0 && from + 64 <= to ? 64 : 1;
    return from >= to;
}

static int owner(const wg_shared *s, const region *r, size_t page)
{
    return (int)(page / r->block % (size_t)wg_ranks(s->ctx));
}

/* Where the block that a page is in ends, or `most`. */
static size_t block_end(const region *r, size_t page, size_t most)
{
    const size_t end = (page / r->block + 1) * r->block;

    return end < most ? end : most;
}

/* --- the thread that reads ---------------------------------------------------------------------
 */

/* The process at hand cannot go on. What it still computes meets zeros, and is never used. */
static void give_up(wg_shared *s, const char *path, const char *why)
{
    s->failed = true;
    wg_cut_off(s->ctx, "process %d of %d: weights of %s from other processes: %s", wg_rank(s->ctx),
               wg_ranks(s->ctx), path, why);
    for (const region *r = s->first; r != NULL; r = r->next)
        (void)mprotect(r->data, r->pages * s->page, PROT_READ);
}

/* Adds what a range lacks to the pieces; moves its beginning. */
static void cut(wg_shared *s, range *w)
{
    region *r = w->of;

    while (w->from < w->to && s->n_pieces < PIECES) {
        const size_t from = w->from, longest = from + LARGEST / s->page;
        const size_t most = block_end(r, from, w->to < longest ? w->to : longest);
        size_t to = from;
        while (to < most && !is_set(r->here, to) && !is_set(r->coming, to))
            to++;
        if (to > from) {
            const size_t last = to * s->page < r->bytes ? to * s->page : r->bytes;
            set(r->coming, from, to, true);
            s->piece[s->n_pieces++] = (wagle_piece){.process = owner(s, r, from),
                                                    .at = (int64_t)(from * s->page),
                                                    .bytes = last - from * s->page,
                                                    .into = r->data + from * s->page};
        }
        w->from = to > from ? to : from + 1;
    }
}

/* Takes what is wanted of the first one's file, as much as there is room for. */
static region *take(wg_shared *s)
{
    region *r = s->waiting[0].of;
    int kept = 0;

    s->n_pieces = 0;
    for (int i = 0; i < s->n; i++) {
        if (s->waiting[i].of == r)
            cut(s, &s->waiting[i]);
        if (s->waiting[i].from < s->waiting[i].to)
            s->waiting[kept++] = s->waiting[i];
    }
    s->n = kept;
    return r;
}

static bool protect(const wg_shared *s, int how)
{
    for (int i = 0; i < s->n_pieces; i++)
        if (mprotect(s->piece[i].into, (s->piece[i].bytes + s->page - 1) / s->page * s->page,
                     how) != 0)
            return false;
    return true;
}

static bool read_pieces(wg_shared *s, const region *r, char *why, size_t why_bytes)
{
    const wagle_processes *p = &s->ctx->processes;

    if (s->n_pieces == 0)
        return true;
    if (!protect(s, PROT_READ | PROT_WRITE)) {
        snprintf(why, why_bytes, "no memory for them");
        return false;
    }
    return p->read(p->user, r->path, s->piece, s->n_pieces, why, why_bytes) &&
           protect(s, PROT_READ);
}

static void note_arrival(wg_shared *s, const region *r)
{
    for (int i = 0; i < s->n_pieces; i++) {
        const size_t from = (size_t)s->piece[i].at / s->page;
        const size_t to = from + (s->piece[i].bytes + s->page - 1) / s->page;
        set(r->coming, from, to, false);
        set(r->here, from, to, true);
        s->received += (int64_t)s->piece[i].bytes;
    }
}

static void *read_what_is_wanted(void *user)
{
    wg_shared *s = user;
    char why[WG_MESSAGE_BYTES / 2] = "";

    pthread_mutex_lock(&s->lock);
    while (!s->stops) {
        if (s->n == 0 || s->failed) {
            pthread_cond_wait(&s->asked, &s->lock);
            continue;
        }
        const region *r = take(s);
        s->reads = true;
        pthread_mutex_unlock(&s->lock);
        const bool ok = read_pieces(s, r, why, sizeof why);
        pthread_mutex_lock(&s->lock);
        s->reads = false;
        if (ok)
            note_arrival(s, r);
        else
            give_up(s, r->path, why);
        pthread_cond_broadcast(&s->came);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* --- files -------------------------------------------------------------------------------------
 */

wagle_status wagle_share_weights(wagle_ctx *ctx, bool share)
{
    wg_shared *s;

    wg_begin(ctx);
    if (ctx->shared != NULL && ctx->shared->first != NULL)
        return wg_fail(ctx, WAGLE_E_USAGE, "@{share_weights}: a model is open that is shared");
    wg_shared_free(ctx->shared);
    ctx->shared = NULL;
    if (!share || !wg_together(ctx))
        return WAGLE_OK;
    if (ctx->processes.read == NULL)
        return wg_fail(ctx, WAGLE_E_USAGE,
                       "@{share_weights}: these processes cannot read from each other");
    WG_TRY(WG_ALLOC(ctx, &s, 1));
    s->ctx = ctx;
    s->page = (size_t)sysconf(_SC_PAGESIZE);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->asked, NULL);
    pthread_cond_init(&s->came, NULL);
    s->runs = wg_thread_start(&s->reader, read_what_is_wanted, s);
    if (s->runs) {
        ctx->shared = s;
        return WAGLE_OK;
    }
    wg_shared_free(s);
    return wg_fail(ctx, WAGLE_E_RESOURCE, "@{share_weights}: no thread can be started");
}

void wg_shared_free(wg_shared *s)
{
    if (s == NULL)
        return;
    pthread_mutex_lock(&s->lock);
    s->stops = true;
    pthread_cond_broadcast(&s->asked);
    pthread_mutex_unlock(&s->lock);
    if (s->runs)
        pthread_join(s->reader, NULL);
    pthread_cond_destroy(&s->asked);
    pthread_cond_destroy(&s->came);
    pthread_mutex_destroy(&s->lock);
    wg_free(s);
}

int64_t wg_shared_received(const wagle_ctx *ctx)
{
    wg_shared *s = ctx->shared;
    int64_t bytes = 0;

    if (s != NULL) {
        pthread_mutex_lock(&s->lock);
        bytes = s->received;
        pthread_mutex_unlock(&s->lock);
    }
    return bytes;
}

static void free_region(const wg_shared *s, region *r)
{
    if (r->data != NULL)
        munmap(r->data, r->pages * s->page);
    wg_free(r->path);
    wg_free(r->here);
    wg_free(r->coming);
    wg_free(r);
}

/* Maps the blocks of this process in their places. */
static wagle_status map_own(wagle_ctx *ctx, const wg_shared *s, region *r)
{
    const int fd = open(r->path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0;

    for (size_t from = 0, to; ok && from < r->pages; from = to) {
        to = block_end(r, from, r->pages);
        if (owner(s, r, from) != wg_rank(s->ctx))
            continue;
        ok = mmap(r->data + from * s->page, (to - from) * s->page, PROT_READ,
                  MAP_PRIVATE | MAP_FIXED, fd, (off_t)(from * s->page)) != MAP_FAILED;
        set(r->here, from, to, true);
    }
    const int error = errno;
    if (fd >= 0)
        close(fd);
    return ok ? WAGLE_OK : wg_fail_errno(ctx, error, "%s: cannot be mapped", r->path);
}

/* Blocks so large that the files of a model have not too many maps. */
static size_t block_pages(const wg_shared *s, size_t bytes, int64_t files)
{
    size_t block = LEAST_BLOCK;

    while (bytes / block > (size_t)(BLOCKS / files))
        block *= 2;
    return (block + s->page - 1) / s->page;
}

static wagle_status make_region(wagle_ctx *ctx, const wg_shared *s, const char *path,
                                const wg_map *file, int64_t files, region *r)
{
    r->bytes = file->bytes;
    r->pages = (file->bytes + s->page - 1) / s->page;
    r->block = block_pages(s, file->bytes, files);
    r->path = wg_copy_text(ctx, path, strlen(path));
    WG_TRY(r->path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE);
    WG_TRY(WG_ALLOC(ctx, &r->here, (int64_t)(r->pages / 64 + 1)));
    WG_TRY(WG_ALLOC(ctx, &r->coming, (int64_t)(r->pages / 64 + 1)));
    /* shared, so that advice that pages are not needed does not turn them into zeros */
    r->data = mmap(NULL, r->pages * s->page, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    if (r->data == MAP_FAILED) {
        r->data = NULL;
        return wg_fail_errno(ctx, errno, "%s: no addresses for its weights", path);
    }
    return map_own(ctx, s, r);
}

wagle_status wg_shared_open(wagle_ctx *ctx, const char *path, const wg_map *file, int64_t files,
                            const unsigned char **data)
{
    wg_shared *s = ctx->shared;
    region *r;

    *data = file->data;
    if (s == NULL || file->bytes == 0)
        return WAGLE_OK;
    WG_TRY(wg_check_cut_off(ctx));
    WG_TRY(WG_ALLOC(ctx, &r, 1));
    const wagle_status st = make_region(ctx, s, path, file, files, r);
    if (st != WAGLE_OK) {
        free_region(s, r);
        return st;
    }
    *data = r->data;
    pthread_mutex_lock(&s->lock);
    r->next = s->first;
    s->first = r;
    if (s->failed)
        (void)mprotect(r->data, r->pages * s->page, PROT_READ);
    pthread_mutex_unlock(&s->lock);
    return WAGLE_OK;
}

/* Leaves out what is wanted of the file, and waits for what is on its way. */
static void forget(wg_shared *s, const region *r)
{
    int kept = 0;

    for (int i = 0; i < s->n; i++)
        if (s->waiting[i].of != r)
            s->waiting[kept++] = s->waiting[i];
    s->n = kept;
    while (s->reads)
        pthread_cond_wait(&s->came, &s->lock);
}

void wg_shared_close(wg_shared *s, const unsigned char *data)
{
    region **at, *r;

    if (s == NULL)
        return;
    pthread_mutex_lock(&s->lock);
    for (at = &s->first; *at != NULL && (*at)->data != data;)
        at = &(*at)->next;
    r = *at;
    if (r != NULL) {
        forget(s, r);
        *at = r->next;
    }
    pthread_mutex_unlock(&s->lock);
    if (r != NULL)
        free_region(s, r);
}

/* --- bytes -------------------------------------------------------------------------------------
 */

/* The file that the bytes are of, and their pages; false: none. With the lock. */
static bool find(const wg_shared *s, const void *data, size_t bytes, range *out)
{
    const uintptr_t at = (uintptr_t)data;

    for (region *r = s->first; r != NULL; r = r->next) {
        const uintptr_t low = (uintptr_t)r->data;
        if (at < low || at >= low + r->bytes)
            continue;
        *out = (range){r, (at - low) / s->page, (at - low + bytes + s->page - 1) / s->page};
        return true;
    }
    return false;
}

/* Once there is room, which there is for whoever waits. */
static void want(wg_shared *s, range w)
{
    s->waiting[s->n++] = w;
    pthread_cond_signal(&s->asked);
}

bool wg_shared_ahead(wg_shared *s, const void *data, size_t bytes)
{
    range w;

    if (s == NULL)
        return false;
    pthread_mutex_lock(&s->lock);
    const bool ours = find(s, data, bytes, &w);
    if (ours && s->n < WAITING && !s->failed && !all_here(w.of, w.from, w.to))
        want(s, w);
    pthread_mutex_unlock(&s->lock);
    return ours;
}

bool wg_shared_need(wg_shared *s, const void *data, size_t bytes)
{
    range w;

    if (s == NULL)
        return false;
    pthread_mutex_lock(&s->lock);
    const bool ours = find(s, data, bytes, &w);
    for (bool asked = false; ours && !s->failed && !all_here(w.of, w.from, w.to);) {
        if (!asked && s->n < WAITING) {
            want(s, w);
            asked = true;
        }
        pthread_cond_wait(&s->came, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return ours;
}

static bool is_coming(const range *w)
{
    for (size_t i = w->from; i < w->to; i++)
        if (is_set(w->of->coming, i))
            return true;
    return false;
}

/* Pages of the file stay in the system's memory as long as there is room. */
static void give_back(const wg_shared *s, const range *w)
{
    for (size_t from = w->from, to; from < w->to; from = to) {
        unsigned char *first = w->of->data + from * s->page;
        to = block_end(w->of, from, w->to);
        if (owner(s, w->of, from) == wg_rank(s->ctx)) {
            wg_map_release(first, (to - from) * s->page);
            continue;
        }
        set(w->of->here, from, to, false);
        (void)madvise(first, (to - from) * s->page, MADV_REMOVE);
        (void)mprotect(first, (to - from) * s->page, PROT_NONE);
    }
}

bool wg_shared_release(wg_shared *s, const void *data, size_t bytes)
{
    range w;

    if (s == NULL)
        return false;
    pthread_mutex_lock(&s->lock);
    const bool ours = find(s, data, bytes, &w);
    while (ours && !s->failed && is_coming(&w))
        pthread_cond_wait(&s->came, &s->lock);
    if (ours && !s->failed) {
        const size_t at = (size_t)((const unsigned char *)data - w.of->data);
        w.from = (at + s->page - 1) / s->page; /* whole pages: others have the rest */
        w.to = (at + bytes) / s->page;
        give_back(s, &w);
    }
    pthread_mutex_unlock(&s->lock);
    return ours;
}
