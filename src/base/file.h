/* file.h - files read whole through mmap, files and folders written all or nothing. */
#ifndef WG_BASE_FILE_H
#define WG_BASE_FILE_H

#include "base/text.h"

/* A file mapped for reading; {0} is closed. An empty file has data "" and bytes 0. */
typedef struct wg_map {
    const unsigned char *data;
    size_t bytes;
} wg_map;

WAGLE_CHECK wagle_status wg_map_open(wagle_ctx *ctx, const char *path, wg_map *map);
void wg_map_close(wg_map *map);
/* Adds a whole file to the text, NUL after it. */
WAGLE_CHECK wagle_status wg_read_text(wagle_ctx *ctx, const char *path, wg_text *out);
/* Advice about bytes of a map: they are read soon; they are not needed for now (whole pages only,
 * which are read again when touched). */
void wg_map_ahead(const void *data, size_t bytes);
void wg_map_release(const void *data, size_t bytes);

/* Memory, or (filed) a map of an unnamed file in `folder`, for what may be larger than memory: the
 * system writes its pages out and reads them back. Zeroed; {0} is empty. */
typedef struct wg_scratch {
    void *data;
    size_t bytes;
    bool filed;
} wg_scratch;

/* A full disk is reported now (WAGLE_E_RESOURCE), not when the map is written. */
WAGLE_CHECK wagle_status wg_scratch_new(wagle_ctx *ctx, const char *folder, int64_t count,
                                        size_t size, bool filed, wg_scratch *out);
/* Memory whose pages may be given back with wg_map_release, as those of a file: they keep what is
 * in them. */
WAGLE_CHECK wagle_status wg_scratch_pages(wagle_ctx *ctx, size_t bytes, wg_scratch *out);
void wg_scratch_free(wg_scratch *s);

/* A file that appears under its name only when whole: written beside it as NAME.partial, synced
 * and renamed by wg_output_commit. wg_output_abort (also after a failed commit) removes it. */
typedef struct wg_output {
    int fd;
    char *path, *partial;
    char *buffer;
    size_t used;
} wg_output;

/* Refuses an existing `path` unless force. */
WAGLE_CHECK wagle_status wg_output_open(wagle_ctx *ctx, const char *path, bool force,
                                        wg_output *out);
WAGLE_CHECK wagle_status wg_output_write(wagle_ctx *ctx, wg_output *out, const void *data,
                                         size_t bytes);
/* Room for `bytes` in all, so that a full disk is reported now; then data at any place in it. */
WAGLE_CHECK wagle_status wg_output_reserve(wagle_ctx *ctx, wg_output *out, size_t bytes);
WAGLE_CHECK wagle_status wg_output_write_at(wagle_ctx *ctx, wg_output *out, size_t at,
                                            const void *data, size_t bytes);
WAGLE_CHECK wagle_status wg_output_commit(wagle_ctx *ctx, wg_output *out);
void wg_output_abort(wg_output *out);
/* All of it in one call. */
WAGLE_CHECK wagle_status wg_write_file(wagle_ctx *ctx, const char *path, const void *data,
                                       size_t bytes, bool force);

/* A text as the file folder/name, which it replaces. */
WAGLE_CHECK wagle_status wg_write_text(wagle_ctx *ctx, const char *folder, const char *name,
                                       const wg_text *text);

/* Tests only: the n-th write, or new scratch file, from now on fails as on a full disk (1 = the
 * next), 0 = never; returns how far off the last failure asked for still was, 0: it came. */
int64_t wg_file_fail_at(int64_t n);

bool wg_exists(const char *path);
bool wg_is_folder(const char *path);
int64_t wg_file_bytes(const char *path); /* 0: there is no such file */
/* folder/name, to be freed with wg_free; NULL without memory. */
char *wg_path_join(wagle_ctx *ctx, const char *folder, const char *name);
const char *wg_path_name(const char *path); /* the part after the last '/' */
WAGLE_CHECK wagle_status wg_make_folder(wagle_ctx *ctx, const char *path);
/* Checks that `out` may be made: does not exist, or force. */
WAGLE_CHECK wagle_status wg_check_absent(wagle_ctx *ctx, const char *out, bool force);
/* Names in a folder, sorted by byte order, NULL-terminated; free with wg_free_names. */
WAGLE_CHECK wagle_status wg_list_folder(wagle_ctx *ctx, const char *path, char ***names);
void wg_free_names(char **names);
WAGLE_CHECK wagle_status wg_copy_file(wagle_ctx *ctx, const char *from, const char *to);
void wg_remove_tree(const char *path); /* a folder with its files; best effort */
/* Puts the finished folder in the place of `to`, which is removed first if it exists. */
WAGLE_CHECK wagle_status wg_replace_folder(wagle_ctx *ctx, const char *from, const char *to);

/* --- output.c: what a command writes, looked at before it works --------------------------------
 */

/* The inputs of a command, as the last two arguments of wg_output_check; NULL ones are skipped. */
#define WG_INPUTS(...)                                                                             \
    (const char *const[]){__VA_ARGS__},                                                            \
        (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* Whether `path` may be written: it does not exist, or force; the folder that it lies in is there
 * and can be written; and it is none of the inputs [n], lies in none and holds none, not through
 * links either, force or not. */
WAGLE_CHECK wagle_status wg_output_check(wagle_ctx *ctx, const char *path, bool force,
                                         const char *const *inputs, int n);
/* The last of it for one more input; NULL is none, FILE@WEIGHT is FILE. */
WAGLE_CHECK wagle_status wg_output_spares(wagle_ctx *ctx, const char *path, const char *input);
WAGLE_CHECK wagle_status wg_output_spares_data(wagle_ctx *ctx, const char *path,
                                               const wagle_data *data);
/* Whether a second output of a command lies outside the folder that it makes. */
WAGLE_CHECK wagle_status wg_output_apart(wagle_ctx *ctx, const char *path, const char *folder);

/* --- partial.c: folders that appear whole, and that one process at a time works in -------------
 */

/* Makes the folder if it is not there and locks it; refused, naming the process, while another
 * process has it. */
WAGLE_CHECK wagle_status wg_lock_folder(wagle_ctx *ctx, const char *folder, int *fd);
void wg_unlock_folder(const char *folder, int *fd); /* fd -1: nothing is locked */
/* Removes what is in the folder, but for its lock and the files `keep` (NULL-terminated, or NULL).
 */
WAGLE_CHECK wagle_status wg_empty_folder(wagle_ctx *ctx, const char *folder,
                                         const char *const *keep);

typedef struct wg_partial {
    char *path; /* OUT.partial */
    int lock;   /* -1: none */
} wg_partial;

/* Locks OUT.partial, made if it is not there; wg_partial_new also empties it. */
WAGLE_CHECK wagle_status wg_partial_begin(wagle_ctx *ctx, const char *out, wg_partial *p);
WAGLE_CHECK wagle_status wg_partial_new(wagle_ctx *ctx, const char *out, wg_partial *p);
/* It becomes OUT; what is there is replaced. wg_partial_end is still due. */
WAGLE_CHECK wagle_status wg_partial_commit(wagle_ctx *ctx, wg_partial *p, const char *out);
/* Gives up the lock, and unless keep removes the folder, if it was not committed. */
void wg_partial_end(wg_partial *p, bool keep);

#endif
