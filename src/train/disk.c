/* disk.c - room on disk for what a run writes: asked for before it trains, and held for the model
 * until that is written. */
#include "modeldir/folder.h"
#include "train/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int64_t largest_file(const wg_run *w, int64_t checkpoint)
{
    const wg_tensors *files = &w->session.model->files;
    int64_t most = checkpoint;

    for (int f = 0; f < files->n_files; f++)
        if ((int64_t)files->map[f].bytes > most)
            most = (int64_t)files->map[f].bytes;
    return most;
}

static wagle_status measure(wagle_ctx *ctx, const wg_run *w, int64_t trained, wg_disk *d)
{
    const wagle_train_options *o = w->o;
    const wg_model *m = w->session.model;

    *d = (wg_disk){0};
    WG_TRY(wg_written_bytes(ctx, m->folder, &m->files, &d->model));
    /* masters and moments; gradients are not kept, but for the mean of those of retain rows */
    d->checkpoint = wg_optimizer_bytes(w->rules, trained, o) - (o->rectify > 0 ? 8 : 4) * trained;
    /* a checkpoint is written beside the one before, the model beside the last of them */
    d->in_all = o->checkpoint_every == 0   ? d->model
                : d->checkpoint > d->model ? 2 * d->checkpoint
                                           : d->checkpoint + d->model;
    return WAGLE_OK;
}

static wagle_status check(wagle_ctx *ctx, const wg_run *w, const wg_disk *d)
{
    const int64_t largest = largest_file(w, w->o->checkpoint_every > 0 ? d->checkpoint : 0);
    struct rlimit limit;
    struct statvfs info;
    int64_t room;

    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        (int64_t)limit.rlim_cur < largest)
        return wg_fail(
            ctx, WAGLE_E_RESOURCE,
            "%s: a file of %.1f MB would be written, and the limit for files is %.1f MB here",
            w->o->out, (double)largest / 1e6, (double)limit.rlim_cur / 1e6);
    if (statvfs(w->partial, &info) != 0)
        return WAGLE_OK;
    room = (int64_t)(info.f_bavail * info.f_frsize);
    if (room < d->in_all)
        return wg_fail(ctx, WAGLE_E_RESOURCE,
                       "%s: not enough disk space: the run writes %.2f GB and %.2f GB are free",
                       w->o->out, (double)d->in_all / 1e9, (double)room / 1e9);
    if (room < d->checkpoint)
        wg_log(ctx, 0,
               "%s: a checkpoint, written if the run is interrupted, needs %.2f GB of disk space, "
               "and %.2f GB are free",
               w->o->out, (double)d->checkpoint / 1e9, (double)room / 1e9);
    return WAGLE_OK;
}

/* An unnamed file: it disappears with the process, however that ends. */
static wagle_status hold(wagle_ctx *ctx, wg_run *w, int64_t bytes)
{
    struct rlimit limit;
    int error;

    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY)
        return WAGLE_OK;
    w->held = open(w->partial, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (w->held < 0)
        return WAGLE_OK; /* a file system without such files: it was asked what is free */
    do
        error = fallocate(w->held, 0, 0, (off_t)bytes) == 0 ? 0 : errno;
    while (error == EINTR);
    return error != ENOSPC && error != EDQUOT
               ? WAGLE_OK
               : wg_fail_errno(ctx, error, "%s: %.2f GB for the model", w->o->out,
                               (double)bytes / 1e9);
}

wagle_status wg_run_reserve(wagle_ctx *ctx, wg_run *w, int64_t trained)
{
    wg_disk d;

    WG_TRY(measure(ctx, w, trained, &d));
    if (ctx->dry_run)
        return wg_budget_add(ctx, &d);
    WG_TRY(check(ctx, w, &d));
    return hold(ctx, w, d.model);
}

void wg_run_release(wg_run *w)
{
    if (w->held >= 0)
        close(w->held);
    w->held = -1;
}
