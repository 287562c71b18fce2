/* stored.c - stored weights on the card.
 *
 * A tensor's bytes are copied when they are first asked for, and stay while there is room. Where
 * there is none, memory is taken from those that were released last: a pass goes through the layers
 * in order, and back, so these are wanted again last, and the others stay for good. Which go
 * depends on the sequence of calls and on sizes alone.
 *
 * Bytes go through pinned buffers on a stream of their own. The operations wait for them by an
 * event; a copy into memory that operations may still read waits for these. */
#include "ops/cuda/state.h"

#include "base/memory.h"

static bool contains(const wg_cuda_stored *s, const char *mapped, size_t bytes)
{
    const uintptr_t from = (uintptr_t)mapped, low = (uintptr_t)s->mapped;

    return from >= low && from + bytes <= low + s->bytes;
}

/* What holds the bytes, on the card or not; NULL: they were never asked for. Layers ask in order,
 * so that the next one is looked at first. */
static wg_cuda_stored *find(wg_cuda *c, const char *mapped, size_t bytes)
{
    if (c->found + 1 < c->n_stored && contains(&c->stored[c->found + 1], mapped, bytes))
        return &c->stored[++c->found];
    for (int64_t i = 0; i < c->n_stored; i++)
        if (contains(&c->stored[i], mapped, bytes))
            return &c->stored[c->found = i];
    return NULL;
}

/* --- giving up --- */

/* Of another model, perhaps: nobody asked for it in the time of two passes. */
static bool is_stale(const wg_cuda *c, const wg_cuda_stored *s)
{
    return s->released > 0 && c->clock - s->released > 8 * c->n_stored;
}

/* The one that may go first, of so many bytes on the card (0: of any); NULL: none may. `expected`:
 * also one that was fetched ahead and not yet used. */
static wg_cuda_stored *victim(const wg_cuda *c, size_t bytes, bool expected)
{
    wg_cuda_stored *best = NULL;

    for (int64_t i = 0; i < c->n_stored; i++) {
        wg_cuda_stored *s = &c->stored[i];
        const bool fits = bytes == 0 || wg_cuda_whole(s->bytes) == bytes;
        if (s->data == 0 || s->held || !fits || (s->released == 0 && !expected))
            continue;
        if (is_stale(c, s))
            return s;
        if (best == NULL || s->released > best->released)
            best = s;
    }
    return best;
}

/* Gives its memory back to the card. */
static void give_up(wg_cuda *c, wg_cuda_stored *s)
{
    if (s->data == 0)
        return;
    (void)c->lib.driver.stream_wait(c->copies);
    wg_cuda_give(c, s->data, s->bytes);
    s->data = 0;
}

bool wg_cuda_evict(wg_cuda *c)
{
    wg_cuda_stored *s = victim(c, 0, true);

    if (s != NULL)
        give_up(c, s);
    return s != NULL;
}

/* --- fetching --- */

/* Memory for s: new, or that of another of the same size, which the copy may overwrite once the
 * operations so far have run. needed: others of any size may go. */
static bool place(wg_cuda *c, wg_cuda_stored *s, bool needed)
{
    const wg_cuda_driver *d = &c->lib.driver;
    const size_t bytes = wg_cuda_whole(s->bytes);
    wg_cuda_stored *other = c->used + bytes > c->limit ? victim(c, bytes, needed) : NULL;

    if (other != NULL) {
        if (!wg_cuda_did(c, d->event_record(c->read, c->stream), "an event") ||
            !wg_cuda_did(c, d->stream_wait_event(c->copies, c->read, 0), "an event"))
            return false;
        s->data = other->data;
        other->data = 0;
        return true;
    }
    if (!needed && c->used + bytes > c->limit)
        return false;
    return wg_cuda_take(c, s->bytes, &s->data);
}

/* The next pinned buffer, once the copy out of it is done; NULL: it failed. */
static wg_cuda_staging *next_buffer(wg_cuda *c)
{
    const wg_cuda_driver *d = &c->lib.driver;
    wg_cuda_staging *b = &c->staging[c->turn++ % WG_CUDA_STAGINGS];
    const bool made =
        b->host != NULL
            ? wg_cuda_did(c, d->event_wait(b->copied), "waiting for a copy")
            : wg_cuda_did(c, d->event_new(&b->copied, WG_CUDA_EVENT_UNTIMED), "an event") &&
                  wg_cuda_did(c, d->host_alloc(&b->host, WG_CUDA_STAGING, 0), "pinned memory");

    return made ? b : NULL;
}

/* The bytes on their way to s->data; false if it failed. */
static bool send(wg_cuda *c, const wg_cuda_stored *s)
{
    const wg_cuda_driver *d = &c->lib.driver;
    const wg_ops *host = c->ops.on_host;

    wg_shared_need(host->shared, s->mapped, s->bytes);
    for (size_t at = 0; at < s->bytes; at += WG_CUDA_STAGING) {
        const size_t left = s->bytes - at, n = left < WG_CUDA_STAGING ? left : WG_CUDA_STAGING;
        const wg_cuda_staging *b = next_buffer(c);
        if (b == NULL)
            return false;
        host->copy(host, b->host, s->mapped + at, n);
        if (!wg_cuda_did(c, d->upload(s->data + at, b->host, n, c->copies), "uploading") ||
            !wg_cuda_did(c, d->event_record(b->copied, c->copies), "an event"))
            return false;
    }
    wg_shared_release(host->shared, s->mapped, s->bytes);
    return wg_cuda_did(c, d->event_record(s->arrived, c->copies), "an event");
}

/* False: there is no room, or it failed. */
static bool fetch(wg_cuda *c, wg_cuda_stored *s, bool needed)
{
    if (s->arrived == NULL &&
        !wg_cuda_did(c, c->lib.driver.event_new(&s->arrived, WG_CUDA_EVENT_UNTIMED), "an event"))
        return false;
    if (!place(c, s, needed))
        return false;
    s->awaited = false;
    s->released = 0;
    return send(c, s);
}

/* --- the verbs --- */

static wg_cuda_stored *add(wg_cuda *c, const char *mapped, size_t bytes)
{
    wagle_ctx quiet = {0};

    if (WG_GROW(&quiet, &c->stored, &c->room_stored, c->n_stored + 1) != WAGLE_OK) {
        wg_cuda_break(c, WAGLE_E_RESOURCE, "%s", quiet.message);
        return NULL;
    }
    c->found = c->n_stored;
    c->stored[c->n_stored] = (wg_cuda_stored){.mapped = mapped, .bytes = bytes};
    return &c->stored[c->n_stored++];
}

static const void *stored(const wg_ops *self, const void *mapped, size_t bytes)
{
    wg_cuda *c = wg_cuda_ready(self);
    wg_cuda_stored *s;

    if (c == NULL)
        return NULL;
    s = find(c, mapped, bytes);
    s = s != NULL ? s : add(c, mapped, bytes);
    if (s == NULL || (s->data == 0 && !fetch(c, s, true))) {
        wg_cuda_lacks(c, bytes);
        return NULL;
    }
    if (!s->awaited && !wg_cuda_did(c, c->lib.driver.stream_wait_event(c->stream, s->arrived, 0),
                                    "waiting for a copy"))
        return NULL;
    s->awaited = s->held = true;
    c->clock++;
    return (const void *)(uintptr_t)(s->data + (size_t)((const char *)mapped - s->mapped));
}

/* Fetches what was there before, if that costs no more than the memory of what was released. */
static void ahead(const wg_ops *self, const void *data, size_t bytes)
{
    wg_cuda *c = wg_cuda_ready(self);
    wg_cuda_stored *s = c != NULL ? find(c, data, bytes) : NULL;

    if (s != NULL && s->data == 0)
        (void)fetch(c, s, false);
}

static void release(const wg_ops *self, const void *data, size_t bytes)
{
    wg_cuda *c = self->state;
    wg_cuda_stored *s = find(c, data, bytes);

    if (s != NULL && s->held) {
        s->held = false;
        s->released = c->clock;
    }
}

static void drop(wg_cuda *c, wg_cuda_stored *s)
{
    give_up(c, s);
    if (s->arrived != NULL)
        (void)c->lib.driver.event_free(s->arrived);
}

static void forget(const wg_ops *self, const void *mapped, size_t bytes)
{
    wg_cuda *c = self->state;
    const wg_cuda_stored whole = {.mapped = mapped, .bytes = bytes};

    if (c->lib.driver.set_current(c->context) != WG_CUDA_SUCCESS)
        return;
    for (int64_t i = 0; i < c->n_stored; i++)
        if (contains(&whole, c->stored[i].mapped, c->stored[i].bytes)) {
            drop(c, &c->stored[i]);
            c->stored[i--] = c->stored[--c->n_stored];
        }
    c->found = -1;
}

void wg_cuda_stored_free(wg_cuda *c)
{
    const wg_cuda_driver *d = &c->lib.driver;

    for (int64_t i = 0; i < c->n_stored; i++)
        drop(c, &c->stored[i]);
    for (int i = 0; i < WG_CUDA_STAGINGS; i++) {
        if (c->staging[i].copied != NULL)
            (void)d->event_free(c->staging[i].copied);
        if (c->staging[i].host != NULL)
            (void)d->host_free(c->staging[i].host);
    }
    wg_free(c->stored);
}

void wg_cuda_stored_ops(wg_ops *ops)
{
    ops->stored = stored;
    ops->forget = forget;
    ops->ahead = ahead;
    ops->release = release;
}
