#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t countdown;

int64_t wg_file_fail_at(int64_t n)
{
    const int64_t left = countdown;

    countdown = n;
    return left;
}

static bool fails_by_test(void)
{
    return countdown > 0 && countdown-- == 1;
}

#ifdef WG_SANITIZED
/* A copy of exact size, so that sanitizers detect reads past the end. */
static void *map_bytes(int fd, size_t bytes)
{
    char *data = malloc(bytes);
    size_t done = 0;

    while (data != NULL && done < bytes) {
        const ssize_t n = pread(fd, data + done, bytes - done, (off_t)done);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    if (data != NULL && done == bytes)
        return data;
    free(data);
    return MAP_FAILED;
}

static void unmap_bytes(void *data, size_t bytes)
{
    (void)bytes;
    free(data);
}
#else
static void *map_bytes(int fd, size_t bytes)
{
    return mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
}

static void unmap_bytes(void *data, size_t bytes)
{
    munmap(data, bytes);
}
#endif

wagle_status wg_map_open(wagle_ctx *ctx, const char *path, wg_map *map)
{
    struct stat info;
    int error = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* does not block on a pipe */

    *map = (wg_map){(const unsigned char *)"", 0};
    if (fd < 0)
        return wg_fail_errno(ctx, errno, "%s", path);
    if (fstat(fd, &info) != 0)
        error = errno;
    else if (S_ISDIR(info.st_mode))
        error = EISDIR;
    else if (!S_ISREG(info.st_mode)) {
        close(fd);
        return wg_fail(
            ctx, WAGLE_E_INPUT,
            "%s: a pipe or device; save it to a file first, because it is read more than once",
            path);
    } else if (info.st_size > 0) {
        void *data = map_bytes(fd, (size_t)info.st_size);
        if (data == MAP_FAILED)
            error = errno;
        else
            *map = (wg_map){data, (size_t)info.st_size};
    }
    close(fd);
    return error ? wg_fail_errno(ctx, error, "%s", path) : WAGLE_OK;
}

void wg_map_close(wg_map *map)
{
    if (map->bytes > 0)
        unmap_bytes((void *)(uintptr_t)map->data, map->bytes);
    *map = (wg_map){0};
}

wagle_status wg_read_text(wagle_ctx *ctx, const char *path, wg_text *out)
{
    wg_map map;
    wagle_status st;

    WG_TRY(wg_map_open(ctx, path, &map));
    st = wg_text_add(ctx, out, (const char *)map.data, map.bytes);
    wg_map_close(&map);
    return st;
}

#ifdef WG_SANITIZED
void wg_map_ahead(const void *data, size_t bytes)
{
    (void)data;
    (void)bytes;
}

void wg_map_release(const void *data, size_t bytes)
{
    (void)data;
    (void)bytes;
}
#else
enum { PAGE = 4096 };

/* Skips small ranges, which are not worth a system call. */
static void advise(const void *data, size_t bytes, int advice)
{
    const uintptr_t first = ((uintptr_t)data + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
    const uintptr_t last = ((uintptr_t)data + bytes) & ~(uintptr_t)(PAGE - 1);

    if (first + 16 * PAGE < last)
        (void)madvise((void *)first, last - first, advice);
}

void wg_map_ahead(const void *data, size_t bytes)
{
    advise(data, bytes, MADV_WILLNEED);
}

void wg_map_release(const void *data, size_t bytes)
{
    advise(data, bytes, MADV_DONTNEED);
}
#endif

wagle_status wg_scratch_new(wagle_ctx *ctx, const char *folder, int64_t count, size_t size,
                            bool filed, wg_scratch *out)
{
    int fd, error = 0;
    void *data;

    *out = (wg_scratch){0};
    if (!filed || count == 0) {
        out->data = wg_alloc(ctx, count, size);
        return out->data != NULL ? WAGLE_OK : WAGLE_E_RESOURCE;
    }
    *out = (wg_scratch){NULL, (size_t)count * size, true};
    fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return wg_fail_errno(ctx, errno, "%s: a scratch file", folder);
    error = fails_by_test() ? ENOSPC : posix_fallocate(fd, 0, (off_t)out->bytes);
    data = error == 0 ? mmap(NULL, out->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : NULL;
    if (data == MAP_FAILED)
        error = errno;
    close(fd);
    if (error != 0)
        return wg_fail_errno(ctx, error, "%s: a scratch file of %.1f GB", folder,
                             (double)out->bytes / 1e9);
    out->data = data;
    return WAGLE_OK;
}

size_t wg_whole_pages(size_t bytes)
{
    return (bytes + 4095) & ~(size_t)4095;
}

wagle_status wg_scratch_pages(wagle_ctx *ctx, size_t bytes, wg_scratch *out)
{
    void *data;

    *out = (wg_scratch){0};
    if (bytes == 0)
        return WAGLE_OK;
    data = fails_by_test()
               ? MAP_FAILED
               : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        return wg_fail(ctx, WAGLE_E_RESOURCE, "not enough memory: %.2f GB", (double)bytes / 1e9);
    *out = (wg_scratch){data, bytes, true};
    return WAGLE_OK;
}

void wg_scratch_free(wg_scratch *s)
{
    if (s->data != NULL && s->filed)
        munmap(s->data, s->bytes);
    else
        wg_free(s->data);
    *s = (wg_scratch){0};
}

enum { BUFFER = 1 << 18 };

wagle_status wg_output_open(wagle_ctx *ctx, const char *path, bool force, wg_output *out)
{
    wg_text partial = {0};

    *out = (wg_output){.fd = -1};
    WG_TRY(wg_check_absent(ctx, path, force));
    if (wg_is_folder(path))
        return wg_fail(ctx, WAGLE_E_USAGE, "%s: is a folder; give the name of a file", path);
    WG_TRY(wg_text_printf(ctx, &partial, "%s.partial", path));
    out->partial = wg_text_take(ctx, &partial);
    out->path = wg_copy_text(ctx, path, strlen(path));
    out->buffer = wg_alloc(ctx, BUFFER, 1);
    if (out->path == NULL || out->buffer == NULL) {
        wg_output_abort(out);
        return WAGLE_E_RESOURCE;
    }
    out->fd = open(out->partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (out->fd < 0) {
        const wagle_status st = wg_fail_errno(ctx, errno, "%s: cannot be written", path);
        wg_output_abort(out);
        return st;
    }
    return WAGLE_OK;
}

static wagle_status write_all(wagle_ctx *ctx, wg_output *out, const char *data, size_t bytes)
{
    while (bytes > 0) {
        const bool full = fails_by_test();
        const ssize_t n = full ? -1 : write(out->fd, data, bytes);
        if (n < 0 && !full && errno == EINTR)
            continue;
        if (n < 0)
            return wg_fail_errno(ctx, full ? ENOSPC : errno, "%s: writing", out->path);
        data += n;
        bytes -= (size_t)n;
    }
    return WAGLE_OK;
}

static wagle_status flush(wagle_ctx *ctx, wg_output *out)
{
    const size_t bytes = out->used;

    out->used = 0;
    return write_all(ctx, out, out->buffer, bytes);
}

wagle_status wg_output_write(wagle_ctx *ctx, wg_output *out, const void *data, size_t bytes)
{
    if (bytes > BUFFER - out->used)
        WG_TRY(flush(ctx, out));
    if (bytes >= BUFFER)
        return write_all(ctx, out, data, bytes);
    if (bytes > 0)
        memcpy(out->buffer + out->used, data, bytes);
    out->used += bytes;
    return WAGLE_OK;
}

wagle_status wg_output_reserve(wagle_ctx *ctx, wg_output *out, size_t bytes)
{
    const int error = posix_fallocate(out->fd, 0, (off_t)bytes);

    if (error != 0 && error != EOPNOTSUPP && error != EINVAL)
        return wg_fail_errno(ctx, error, "%s: %.1f MB", out->path, (double)bytes / 1e6);
    return WAGLE_OK;
}

wagle_status wg_output_write_at(wagle_ctx *ctx, wg_output *out, size_t at, const void *data,
                                size_t bytes)
{
    WG_TRY(flush(ctx, out));
    if (lseek(out->fd, (off_t)at, SEEK_SET) < 0)
        return wg_fail_errno(ctx, errno, "%s: seeking", out->path);
    return write_all(ctx, out, data, bytes);
}

/* Syncs the folder of `path`, which makes a rename durable. */
static void sync_parent(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    const size_t n = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    int fd;

    if (n >= sizeof folder)
        return;
    memcpy(folder, path, n);
    memcpy(folder + n, ".", 2);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

wagle_status wg_output_commit(wagle_ctx *ctx, wg_output *out)
{
    wagle_status st = wg_check_cut_off(ctx);

    if (st == WAGLE_OK)
        st = flush(ctx, out);
    if (st == WAGLE_OK && (fsync(out->fd) != 0 || rename(out->partial, out->path) != 0))
        st = wg_fail_errno(ctx, errno, "%s: finishing", out->path);
    if (st == WAGLE_OK) {
        sync_parent(out->path);
        wg_free(out->partial);
        out->partial = NULL;
    }
    wg_output_abort(out);
    return st;
}

void wg_output_abort(wg_output *out)
{
    if (out->fd >= 0)
        close(out->fd);
    if (out->fd >= 0 && out->partial != NULL)
        unlink(out->partial);
    wg_free(out->partial);
    wg_free(out->path);
    wg_free(out->buffer);
    *out = (wg_output){.fd = -1};
}

wagle_status wg_write_file(wagle_ctx *ctx, const char *path, const void *data, size_t bytes,
                           bool force)
{
    wg_output out;
    wagle_status st;

    WG_TRY(wg_output_open(ctx, path, force, &out));
    st = wg_output_write(ctx, &out, data, bytes);
    if (st == WAGLE_OK)
        return wg_output_commit(ctx, &out);
    wg_output_abort(&out);
    return st;
}

wagle_status wg_write_text(wagle_ctx *ctx, const char *folder, const char *name,
                           const wg_text *text)
{
    char *path = wg_path_join(ctx, folder, name);
    const wagle_status st = path != NULL
                                ? wg_write_file(ctx, path, text->text != NULL ? text->text : "",
                                                (size_t)text->bytes, true)
                                : WAGLE_E_RESOURCE;

    wg_free(path);
    return st;
}

bool wg_exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

bool wg_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

int64_t wg_file_bytes(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) ? (int64_t)info.st_size : 0;
}

char *wg_path_join(wagle_ctx *ctx, const char *folder, const char *name)
{
    wg_text t = {0};

    if (wg_text_printf(ctx, &t, "%s/%s", folder, name) != WAGLE_OK)
        return NULL;
    return t.text;
}

const char *wg_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

wagle_status wg_make_folder(wagle_ctx *ctx, const char *path)
{
    if (mkdir(path, 0777) != 0 && !(errno == EEXIST && wg_is_folder(path)))
        return wg_fail_errno(ctx, errno, "%s: cannot be made", path);
    return WAGLE_OK;
}

wagle_status wg_check_absent(wagle_ctx *ctx, const char *out, bool force)
{
    if (!force && wg_exists(out))
        return wg_fail(ctx, WAGLE_E_USAGE, "%s: exists already; add @{force=true} to replace it",
                       out);
    return WAGLE_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

wagle_status wg_list_folder(wagle_ctx *ctx, const char *path, char ***names)
{
    int64_t n = 0, capacity = 0;
    const struct dirent *entry;
    wagle_status st = WAGLE_OK;
    DIR *dir = opendir(path);

    *names = NULL;
    if (dir == NULL)
        return wg_fail_errno(ctx, errno, "%s", path);
    WG_TRY_GOTO(WG_GROW(ctx, names, &capacity, 1), done);
    (*names)[0] = NULL;
    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        WG_TRY_GOTO(WG_GROW(ctx, names, &capacity, n + 2), done);
        (*names)[n] = wg_copy_text(ctx, entry->d_name, strlen(entry->d_name));
        if ((*names)[n] == NULL) {
            st = WAGLE_E_RESOURCE;
            goto done;
        }
        (*names)[++n] = NULL;
    }
    qsort(*names, (size_t)n, sizeof **names, compare_names);
done:
    closedir(dir);
    if (st != WAGLE_OK) {
        wg_free_names(*names);
        *names = NULL;
    }
    return st;
}

void wg_free_names(char **names)
{
    for (char **name = names; name != NULL && *name != NULL; name++)
        wg_free(*name);
    wg_free(names);
}

wagle_status wg_copy_file(wagle_ctx *ctx, const char *from, const char *to)
{
    wg_map map;
    wagle_status st;

    WG_TRY(wg_map_open(ctx, from, &map));
    st = wg_write_file(ctx, to, map.data, map.bytes, true);
    wg_map_close(&map);
    return st;
}

void wg_remove_tree(const char *path)
{
    const struct dirent *entry;
    DIR *dir = opendir(path);
    char inner[4096];

    if (dir == NULL) {
        unlink(path);
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        struct stat info;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name) >= (int)sizeof inner)
            continue;
        if (lstat(inner, &info) == 0 && S_ISDIR(info.st_mode))
            wg_remove_tree(inner);
        else
            unlink(inner);
    }
    closedir(dir);
    rmdir(path);
}

wagle_status wg_replace_folder(wagle_ctx *ctx, const char *from, const char *to)
{
    if (rename(from, to) == 0) {
        sync_parent(to);
        return WAGLE_OK;
    }
    if ((errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR) &&
        renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0) {
        sync_parent(to);
        wg_remove_tree(from); /* this is now the old folder */
        return WAGLE_OK;
    }
    return wg_fail_errno(ctx, errno, "%s: cannot be replaced", to);
}
