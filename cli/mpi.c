/* mpi.c - a command in several processes, started by mpirun or srun. */
#include "mpi_requests.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE = 1 << 30 };         /* bytes: MPI counts in int */
enum { SPINS = 100, AWAKE = 3000 }; /* tests before others may run, and before a pause */

static wagle_processes all;
static FILE *errors; /* of processes but the first, whose stderr says nothing */
static cli_requests exchanged;

/* --- messages ----------------------------------------------------------------------------------
 */

void cli_doze(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
}

static bool add_request(cli_requests *q, MPI_Request **out)
{
    if (q->n == q->room) {
        MPI_Request *more = realloc(q->request, (size_t)(2 * q->room + 16) * sizeof *more);
        if (more == NULL)
            return false;
        q->request = more;
        q->room = 2 * q->room + 16;
    }
    *out = &q->request[q->n++];
    return true;
}

/* Whether an MPI call went well; notes why not. */
static bool went_well(cli_requests *q, int error)
{
    int n;

    if (error != MPI_SUCCESS && q->failure[0] == '\0')
        MPI_Error_string(error, q->failure, &n);
    return error == MPI_SUCCESS;
}

bool cli_start(cli_requests *q, bool sends, const void *data, size_t bytes, int rank, int tag)
{
    char *place = (char *)(uintptr_t)data;

    for (size_t at = 0; at < bytes; at += MESSAGE) {
        const int n = bytes - at < MESSAGE ? (int)(bytes - at) : MESSAGE;
        MPI_Request *r;
        if (!add_request(q, &r) ||
            !went_well(q, sends ? MPI_Isend(place + at, n, MPI_BYTE, rank, tag, MPI_COMM_WORLD, r)
                                : MPI_Irecv(place + at, n, MPI_BYTE, rank, tag, MPI_COMM_WORLD, r)))
            return false;
    }
    return true;
}

bool cli_finish(cli_requests *q)
{
    int done = 0;

    for (int turns = 0; !done; turns++) {
        if (!went_well(q, MPI_Testall(q->n, q->request, &done, MPI_STATUSES_IGNORE)))
            return false;
        if (!done && turns > AWAKE)
            cli_doze();
        else if (!done && turns > SPINS)
            sched_yield();
    }
    q->n = 0;
    return true;
}

bool cli_explain(const cli_requests *q, char *why, size_t why_bytes)
{
    snprintf(why, why_bytes, "MPI: %s", q->failure[0] != '\0' ? q->failure : "not enough memory");
    return false;
}

static bool exchange(void *user, const void *const *send, const size_t *send_bytes,
                     void *const *receive, const size_t *receive_bytes, char *why, size_t why_bytes)
{
    cli_requests *q = &exchanged;
    bool ok = true;

    (void)user;
    for (int i = 1; i < all.count; i++) { /* each begins with its neighbour */
        const int to = (all.rank + i) % all.count, from = (all.rank + all.count - i) % all.count;
        ok &= cli_start(q, false, receive[from], receive_bytes[from], from, CLI_EXCHANGED);
        ok &= cli_start(q, true, send[to], send_bytes[to], to, CLI_EXCHANGED);
    }
    ok = ok && cli_finish(q);
    return ok ? true : cli_explain(q, why, why_bytes);
}

/* --- beginning and end -------------------------------------------------------------------------
 */

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
    int level;

    *out = NULL;
    if (MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, &level) != MPI_SUCCESS ||
        level < MPI_THREAD_SERIALIZED) {
        fputs("wagle-mpi: MPI cannot be used, or not by several threads\n", stderr);
        return false;
    }
    all =
        (wagle_processes){.size = sizeof all, .user = &all, .exchange = exchange, .read = cli_read};
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &all.rank);
    MPI_Comm_size(MPI_COMM_WORLD, &all.count);
    *out = &all;
    return all.rank == 0 || silence();
}

void cli_abort(int status, const char *message)
{
    FILE *to = errors != NULL ? errors : stderr;

    fprintf(to, "wagle: process %d of %d: %s\n", all.rank, all.count, message);
    fflush(to);
    MPI_Abort(MPI_COMM_WORLD, status);
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
        if (!done && status != 0 && time(NULL) - start_time >= LAST_WAIT)
            cli_abort(status, message);
        if (!done)
            cli_doze();
    }
    cli_serve_end();
    MPI_Finalize();
    free(exchanged.request);
    return status;
}
