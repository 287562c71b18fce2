/* processes.h - one call on several processes, on one machine or many. Include wagle.h. */
#ifndef WAGLE_PROCESSES_H
#define WAGLE_PROCESSES_H

#include <wagle/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of a file that are read from another process. */
typedef struct wagle_piece {
    int process;
    int64_t at;   /* in the file */
    size_t bytes; /* at most 2^27 */
    void *into;
} wagle_piece;

/* How the processes of a run reach each other. The library does not start processes and knows no
 * network: a program gives it this function. cli/mpi.c has the one of MPI. */
typedef struct wagle_processes {
    size_t size;     /* of this structure: sizeof(wagle_processes) */
    int rank, count; /* this process, from 0; how many there are */
    void *user;
    /* Sends send_bytes[r] bytes at send[r] to each process r, and receives receive_bytes[r] bytes
     * from it at receive[r]; nothing goes to the process itself. The processes call it in the same
     * order, with sizes that fit. Returns once all has arrived and may be changed. False: a process
     * cannot be reached any more, and why [why_bytes] says which and how that is known. Called by
     * one thread at a time, which may be one of the library's. */
    bool (*exchange)(void *user, const void *const *send, const size_t *send_bytes,
                     void *const *receive, const size_t *receive_bytes, char *why,
                     size_t why_bytes);
    /* Reads n pieces of the file `path`, each as the process that it names reads it. That process
     * answers whatever it is doing: the program has a thread for it, which reads the same file. The
     * library calls this from a thread of its own, one call at a time, also while `exchange` runs.
     * False as above. NULL: wagle_share_weights is refused. */
    bool (*read)(void *user, const char *path, const wagle_piece *piece, int n, char *why,
                 size_t why_bytes);
} wagle_processes;

enum { WAGLE_PARTS_MOST = 4096 };

/* attribute, finetune, unlearn, eval, generate and sweep then work together with the same call of
 * the other processes: all make the same calls with the same options, on files that all can read.
 * Process 0 alone writes files; of a sweep, each process also writes in the folder `running` of its
 * output. p is copied; NULL: this process alone.
 *
 * parts: the rows of an update, or of an attribution, are cut into so many parts. The gradients of
 * the parts are added in an order that does not depend on the number of processes, so results do
 * not either. A power of two, at least p->count and at most WAGLE_PARTS_MOST; 1 for a process that
 * is alone is the default. 0: 1 if p is NULL, else 8, or the first power of two that is not below
 * p->count. WAGLE_E_USAGE: not that. Between calls only. */
WAGLE_API WAGLE_CHECK wagle_status wagle_set_processes(wagle_ctx *ctx, const wagle_processes *p,
                                                       int parts);

/* Models that are opened from now on are shared: each process keeps 1/count of the weights, and
 * reads the others from the processes that keep them, a layer ahead, in each pass. Results have the
 * same bits. Does nothing for a process that is alone. WAGLE_E_USAGE: the processes cannot read
 * from each other. After wagle_set_processes, which ends it; between calls only. Such a model is
 * used by the context that opened it, by one thread at a time, and closed before sharing ends. */
WAGLE_API WAGLE_CHECK wagle_status wagle_share_weights(wagle_ctx *ctx, bool share);

#ifdef __cplusplus
}
#endif
#endif
