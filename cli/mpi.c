/* mpi.c - a command in several processes, started by mpirun or srun. */
#include "processes.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE = 1 << 30 }; /* bytes: MPI counts in int */

static wagle_processes all;
static FILE *errors; /* of processes but the first, whose stderr says nothing */
static char failure[MPI_MAX_ERROR_STRING];
static MPI_Request *request; /* of the exchange at hand */
static int room, requests;

static void doze(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
}

static bool add_request(MPI_Request **out)
{
    if (requests == room) {
        MPI_Request *more = realloc(request, (size_t)(2 * room + 16) * sizeof *more);
        if (more == NULL)
            return false;
        request = more;
        room = 2 * room + 16;
    }
    *out = &request[requests++];
    return true;
}

/* Whether an MPI call went well; notes why not. */
static bool went_well(int error)
{
    int n;

    if (error != MPI_SUCCESS && failure[0] == '\0')
        MPI_Error_string(error, failure, &n);
    return error == MPI_SUCCESS;
}

/* Starts to send or receive `bytes`, in messages of a bounded size. */
static bool start(bool sends, char *data, size_t bytes, int rank)
{
    for (size_t at = 0; at < bytes; at += MESSAGE) {
        const int n = bytes - at < MESSAGE ? (int)(bytes - at) : MESSAGE;
        MPI_Request *r;
        if (!add_request(&r))
            return false;
        if (!went_well(sends ? MPI_Isend(data + at, n, MPI_BYTE, rank, 0, MPI_COMM_WORLD, r)
                             : MPI_Irecv(data + at, n, MPI_BYTE, rank, 0, MPI_COMM_WORLD, r)))
            return false;
    }
    return true;
}

/* Waits without taking the processor from the threads of other processes here. */
static bool finish(void)
{
    int done = 0;

    for (int turns = 0; !done; turns++) {
        if (!went_well(MPI_Testall(requests, request, &done, MPI_STATUSES_IGNORE)))
            return false;
        if (!done && turns > 100)
            doze();
    }
    return true;
}

static bool exchange(void *user, const void *const *send, const size_t *send_bytes,
                     void *const *receive, const size_t *receive_bytes, char *why, size_t why_bytes)
{
    bool ok = true;

    (void)user;
    requests = 0;
    for (int i = 1; i < all.count; i++) { /* each begins with its neighbour */
        const int to = (all.rank + i) % all.count, from = (all.rank + all.count - i) % all.count;
        ok &= start(false, receive[from], receive_bytes[from], from);
        ok &= start(true, (char *)(uintptr_t)send[to], send_bytes[to], to);
    }
    ok = ok && finish();
    if (!ok)
        snprintf(why, why_bytes, "MPI: %s", failure[0] != '\0' ? failure : "not enough memory");
    return ok;
}

/* The first process prints what all of them would. */
static bool silence(void)
{
    const int copy = dup(STDERR_FILENO);

    errors = copy >= 0 ? fdopen(copy, "w") : NULL;
    return errors != NULL && freopen("/dev/null", "w", stdout) != NULL &&
           freopen("/dev/null", "w", stderr) != NULL;
}

bool cli_join(int *argc, char ***argv, const wagle_processes **out)
{
    *out = NULL;
    if (MPI_Init(argc, argv) != MPI_SUCCESS) {
        fputs("wagle-mpi: MPI cannot be used\n", stderr);
        return false;
    }
    all = (wagle_processes){.size = sizeof all, .exchange = exchange};
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &all.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &all.count);
    *out = &all;
    return all.rank == 0 || silence();
}

enum { LAST_WAIT = 10 }; /* seconds */

int cli_leave(int status, const char *message)
{
    MPI_Request barrier;
    const time_t start_time = time(NULL);
    int done = 0;

    MPI_Ibarrier(MPI_COMM_WORLD, &barrier);
    while (!done) {
        MPI_Test(&barrier, &done, MPI_STATUS_IGNORE);
        if (!done && status != 0 && time(NULL) - start_time >= LAST_WAIT) {
            if (errors != NULL) {
                fprintf(errors, "wagle: process %d of %d: %s\n", all.rank, all.count, message);
                fflush(errors);
            }
            MPI_Abort(MPI_COMM_WORLD, status);
        }
        if (!done)
            doze();
    }
    MPI_Finalize();
    free(request);
    return status;
}
