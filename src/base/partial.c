/* partial.c - folders that are written atomically, by one process at a time.
 *
 * OUT is written as OUT.partial and then renamed. The process that writes it holds a lock (flock)
 * on OUT.partial/lock, which contains its process id. The lock of a dead process is free. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK "lock"

static wagle_status held_by_another(wagle_ctx *ctx, int fd, const char *folder)
{
    char text[32] = "";
    const ssize_t n = pread(fd, text, sizeof text - 1, 0);
    long process = 0;

    if (n <= 0 || sscanf(text, "%ld", &process) != 1)
        return wg_fail(ctx, WAGLE_E_USAGE, "%s: another process is using it", folder);
    return wg_fail(ctx, WAGLE_E_USAGE, "%s: process %ld is using it", folder, process);
}

/* Whether the locked file still has this path; its folder may have been renamed meanwhile. */
static bool is_current(int fd, const char *path)
{
    struct stat mine, named;

    return fstat(fd, &mine) == 0 && stat(path, &named) == 0 && mine.st_dev == named.st_dev &&
           mine.st_ino == named.st_ino;
}

static wagle_status take_lock(wagle_ctx *ctx, const char *folder, const char *path, int *out)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

    if (fd < 0)
        return wg_fail_errno(ctx, errno, "%s: cannot be written", path);
    /* on a file system without locks, works without a lock */
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        const wagle_status st = held_by_another(ctx, fd, folder);
        close(fd);
        return st;
    }
    if (ftruncate(fd, 0) == 0)
        (void)!dprintf(fd, "%ld\n", (long)getpid());
    *out = fd;
    return WAGLE_OK;
}

wagle_status wg_lock_folder(wagle_ctx *ctx, const char *folder, int *fd)
{
    char *path = wg_path_join(ctx, folder, LOCK);
    wagle_status st = path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
    bool taken = false;

    *fd = -1;
    while (st == WAGLE_OK && !taken) {
        st = wg_make_folder(ctx, folder);
        if (st == WAGLE_OK)
            st = take_lock(ctx, folder, path, fd);
        taken = st == WAGLE_OK && is_current(*fd, path);
        if (st == WAGLE_OK && !taken)
            close(*fd);
    }
    if (st != WAGLE_OK)
        *fd = -1;
    wg_free(path);
    return st;
}

void wg_unlock_folder(const char *folder, int *fd)
{
    char path[4096];

    if (*fd < 0)
        return;
    if (snprintf(path, sizeof path, "%s/" LOCK, folder) < (int)sizeof path && is_current(*fd, path))
        unlink(path);
    close(*fd);
    *fd = -1;
}

static bool is_one_of(const char *name, const char *const *list)
{
    for (; list != NULL && *list != NULL; list++)
        if (strcmp(name, *list) == 0)
            return true;
    return false;
}

wagle_status wg_empty_folder(wagle_ctx *ctx, const char *folder, const char *const *keep)
{
    char **names;
    wagle_status st = WAGLE_OK;

    WG_TRY(wg_list_folder(ctx, folder, &names));
    for (char **name = names; st == WAGLE_OK && *name != NULL; name++) {
        char *path = wg_path_join(ctx, folder, *name);
        st = path != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
        if (path != NULL && strcmp(*name, LOCK) != 0 && !is_one_of(*name, keep))
            wg_remove_tree(path);
        wg_free(path);
    }
    wg_free_names(names);
    return st;
}

wagle_status wg_partial_begin(wagle_ctx *ctx, const char *out, wg_partial *p)
{
    wg_text path = {0};
    wagle_status st;

    *p = (wg_partial){.lock = -1};
    WG_TRY(wg_text_printf(ctx, &path, "%s.partial", out));
    p->path = path.text;
    st = wg_lock_folder(ctx, p->path, &p->lock);
    if (st != WAGLE_OK) {
        wg_free(p->path);
        p->path = NULL;
    }
    return st;
}

wagle_status wg_partial_new(wagle_ctx *ctx, const char *out, wg_partial *p)
{
    WG_TRY(wg_partial_begin(ctx, out, p));
    const wagle_status st = wg_empty_folder(ctx, p->path, NULL);
    if (st != WAGLE_OK)
        wg_partial_end(p, false);
    return st;
}

wagle_status wg_partial_commit(wagle_ctx *ctx, wg_partial *p, const char *out)
{
    WG_TRY(wg_check_cut_off(ctx));
    WG_TRY(wg_replace_folder(ctx, p->path, out));
    wg_unlock_folder(out, &p->lock);
    return WAGLE_OK;
}

void wg_partial_end(wg_partial *p, bool keep)
{
    if (p->path != NULL && p->lock >= 0 && !keep)
        wg_remove_tree(p->path);
    if (p->path != NULL)
        wg_unlock_folder(p->path, &p->lock);
    wg_free(p->path);
    *p = (wg_partial){.lock = -1};
}
