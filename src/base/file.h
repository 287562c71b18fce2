/* file.h - reads files through mmap; writes files and folders atomically. */
#ifndef WG_BASE_FILE_H
#define WG_BASE_FILE_H

#include "base/text.h"

/* A file mapped for reading; {0} is closed. For an empty file, data is "" and bytes is 0. */
typedef struct wg_map {
    const unsigned char *data;
    size_t bytes;
} wg_map;

WAGLE_CHECK wagle_status wg_map_open(wagle_ctx *ctx, const char *path, wg_map *map);
void wg_map_close(wg_map *map);
/* Adds the content of a file to the text. */
WAGLE_CHECK wagle_status wg_read_text(wagle_ctx *ctx, const char *path, wg_text *out);
/* Advice about a range of a map. wg_map_ahead: it is read soon. wg_map_release: it is not needed
 * for now; applies to whole pages, which are read again when accessed. */
void wg_map_ahead(const void *data, size_t bytes);
void wg_map_release(const void *data, size_t bytes);

/* Zeroed memory, or (filed) a map of an unnamed file in `folder` for data that may be larger than
 * memory: the system can write its pages to disk. {0} is empty. */
typedef struct wg_scratch {
    void *data;
    size_t bytes;
    bool filed;
} wg_scratch;

/* Reserves the space on disk, so that a full disk is reported here (WAGLE_E_RESOURCE). */
WAGLE_CHECK wagle_status wg_scratch_new(wagle_ctx *ctx, const char *folder, int64_t count,
                                        size_t size, bool filed, wg_scratch *out);
/* Memory whose pages may be given back with wg_map_release, as those of a file: they keep what is
 * in them. */
WAGLE_CHECK wagle_status wg_scratch_pages(wagle_ctx *ctx, size_t bytes, wg_scratch *out);
/* Bytes of the whole pages that hold so many: what is given back on its own begins on a page. */
size_t wg_whole_pages(size_t bytes);
void wg_scratch_free(wg_scratch *s);

/* A file that is written atomically: as NAME.partial, which wg_output_commit syncs and renames.
 * wg_output_abort (also after a failed commit) removes it. */
typedef struct wg_output {
    int fd;
    char *path, *partial;
    char *buffer;
    size_t used;
} wg_output;

/* Fails if `path` exists, unless force. */
WAGLE_CHECK wagle_status wg_output_open(wagle_ctx *ctx, const char *path, bool force,
                                        wg_output *out);
WAGLE_CHECK wagle_status wg_output_write(wagle_ctx *ctx, wg_output *out, const void *data,
                                         size_t bytes);
/* wg_output_reserve reserves `bytes` on disk, so that a full disk is reported here.
 * wg_output_write_at then writes at any offset. */
WAGLE_CHECK wagle_status wg_output_reserve(wagle_ctx *ctx, wg_output *out, size_t bytes);
WAGLE_CHECK wagle_status wg_output_write_at(wagle_ctx *ctx, wg_output *out, size_t at,
                                            const void *data, size_t bytes);
WAGLE_CHECK wagle_status wg_output_commit(wagle_ctx *ctx, wg_output *out);
void wg_output_abort(wg_output *out);
/* Opens, writes and commits in one call. */
WAGLE_CHECK wagle_status wg_write_file(wagle_ctx *ctx, const char *path, const void *data,
                                       size_t bytes, bool force);

/* Writes a text to folder/name, replacing the file. */
WAGLE_CHECK wagle_status wg_write_text(wagle_ctx *ctx, const char *folder, const char *name,
                                       const wg_text *text);

/* Tests only: the n-th write or new scratch file from now fails as on a full disk (1 = the next), 0
 * = never. Returns how many calls the previously requested failure was still away; 0 if it
 * happened. */
int64_t wg_file_fail_at(int64_t n);

bool wg_exists(const char *path);
bool wg_is_folder(const char *path);
int64_t wg_file_bytes(const char *path); /* 0 if there is no such file */
/* folder/name; free with wg_free. NULL if memory runs out. */
char *wg_path_join(wagle_ctx *ctx, const char *folder, const char *name);
const char *wg_path_name(const char *path); /* the part after the last '/' */
WAGLE_CHECK wagle_status wg_make_folder(wagle_ctx *ctx, const char *path);
/* Checks that `out` does not exist, or force is set. */
WAGLE_CHECK wagle_status wg_check_absent(wagle_ctx *ctx, const char *out, bool force);
/* Lists the names in a folder in byte order, NULL-terminated; free with wg_free_names. */
WAGLE_CHECK wagle_status wg_list_folder(wagle_ctx *ctx, const char *path, char ***names);
void wg_free_names(char **names);
WAGLE_CHECK wagle_status wg_copy_file(wagle_ctx *ctx, const char *from, const char *to);
void wg_remove_tree(const char *path); /* a folder with its files; best effort */
/* Replaces the folder `to`, if it exists, by the finished folder `from`. */
WAGLE_CHECK wagle_status wg_replace_folder(wagle_ctx *ctx, const char *from, const char *to);

/* --- output.c: checks outputs before work starts ---------------------------------------------- */

/* The inputs of a command, as the last two arguments of wg_output_check; NULL entries are skipped.
 */
#define WG_INPUTS(...)                                                                             \
    (const char *const[]){__VA_ARGS__},                                                            \
        (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* Checks that `path` may be written. It must not exist, unless force. Its folder must exist and be
 * writable. Even with force, it must not be an input [n], be inside one or contain one, also via
 * links. */
WAGLE_CHECK wagle_status wg_output_check(wagle_ctx *ctx, const char *path, bool force,
                                         const char *const *inputs, int n);
/* The check against inputs for one more input; may be NULL, FILE@WEIGHT means FILE. */
WAGLE_CHECK wagle_status wg_output_spares(wagle_ctx *ctx, const char *path, const char *input);
WAGLE_CHECK wagle_status wg_output_spares_data(wagle_ctx *ctx, const char *path,
                                               const wagle_data *data);
/* Checks that a second output of a command is outside its output folder. */
WAGLE_CHECK wagle_status wg_output_apart(wagle_ctx *ctx, const char *path, const char *folder);

/* --- partial.c: folders that are written atomically, by one process at a time ----------------- */

/* Creates the folder if necessary and locks it. Fails, naming the process, if another process has
 * the lock. */
WAGLE_CHECK wagle_status wg_lock_folder(wagle_ctx *ctx, const char *folder, int *fd);
void wg_unlock_folder(const char *folder, int *fd); /* fd -1: no lock is held */
/* Removes the content of the folder, except its lock and the files `keep` (NULL-terminated, or
 * NULL). */
WAGLE_CHECK wagle_status wg_empty_folder(wagle_ctx *ctx, const char *folder,
                                         const char *const *keep);

typedef struct wg_partial {
    char *path; /* OUT.partial */
    int lock;   /* file descriptor; -1: none */
} wg_partial;

/* Creates OUT.partial if necessary and locks it. wg_partial_new also empties it. */
WAGLE_CHECK wagle_status wg_partial_begin(wagle_ctx *ctx, const char *out, wg_partial *p);
WAGLE_CHECK wagle_status wg_partial_new(wagle_ctx *ctx, const char *out, wg_partial *p);
/* Renames it to OUT, replacing an existing folder. wg_partial_end must still be called. */
WAGLE_CHECK wagle_status wg_partial_commit(wagle_ctx *ctx, wg_partial *p, const char *out);
/* Releases the lock. Removes the folder, unless it was committed or keep is set. */
void wg_partial_end(wg_partial *p, bool keep);

#endif
