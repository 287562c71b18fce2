#include "base/later.h"

#include "base/memory.h"
#include "base/thread.h"

struct wg_later {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool runs, stops;
    wg_later_job *job; /* under way or about to be; or NULL */
    void *user;
    wagle_status st;
};

static void *work(void *user)
{
    wg_later *l = user;

    pthread_mutex_lock(&l->lock);
    while (!l->stops) {
        if (l->job == NULL) {
            pthread_cond_wait(&l->changed, &l->lock);
            continue;
        }
        pthread_mutex_unlock(&l->lock);
        const wagle_status st = l->job(l->user);
        pthread_mutex_lock(&l->lock);
        l->st = st;
        l->job = NULL;
        pthread_cond_broadcast(&l->changed);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

wagle_status wg_later_open(wagle_ctx *ctx, wg_later **out)
{
    wg_later *l;

    WG_TRY(WG_ALLOC(ctx, out, 1));
    l = *out;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->changed, NULL);
    l->runs = wg_thread_start(&l->thread, work, l);
    if (l->runs)
        return WAGLE_OK;
    wg_later_close(l);
    *out = NULL;
    return wg_fail(ctx, WAGLE_E_RESOURCE, "no thread can be started");
}

void wg_later_close(wg_later *l)
{
    if (l == NULL)
        return;
    if (l->runs) {
        (void)!wg_later_wait(l);
        pthread_mutex_lock(&l->lock);
        l->stops = true;
        pthread_cond_broadcast(&l->changed);
        pthread_mutex_unlock(&l->lock);
        pthread_join(l->thread, NULL);
    }
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    wg_free(l);
}

wagle_status wg_later_wait(wg_later *l)
{
    pthread_mutex_lock(&l->lock);
    while (l->job != NULL)
        pthread_cond_wait(&l->changed, &l->lock);
    const wagle_status st = l->st;
    pthread_mutex_unlock(&l->lock);
    return st;
}

wagle_status wg_later_do(wg_later *l, wg_later_job *job, void *user)
{
    WG_TRY(wg_later_wait(l));
    pthread_mutex_lock(&l->lock);
    l->job = job;
    l->user = user;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
    return WAGLE_OK;
}
