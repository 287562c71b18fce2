/* processes.h - one call on several processes, on one machine or many. Include wagle.h. */
#ifndef WAGLE_PROCESSES_H
#define WAGLE_PROCESSES_H

#include <wagle/base.h>

#ifdef __cplusplus
extern "C" {
#endif

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
     * the thread that called the library. */
    bool (*exchange)(void *user, const void *const *send, const size_t *send_bytes,
                     void *const *receive, const size_t *receive_bytes, char *why,
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

#ifdef __cplusplus
}
#endif
#endif
