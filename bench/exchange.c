/* exchange.c - how long the exchange of wagle-mpi takes by size: `mpirun -n N exchange`, compiled
 * by bench/cluster-model. Sends and waits about as cli/mpi.c does. One line a size: bytes to each
 * other process, and the mean of seconds. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST = 1 << 21, ROUNDS = 200 };
static const double long_enough = 1; /* seconds a size */

static void finish(MPI_Request *request, int n)
{
    int done = 0;

    for (int turns = 0; !done; turns++) {
        MPI_Testall(n, request, &done, MPI_STATUSES_IGNORE);
        if (!done && turns > 100)
            nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    }
}

static void exchange(int rank, int ranks, char *out, char *in, int bytes, MPI_Request *request)
{
    int n = 0;

    for (int i = 1; i < ranks; i++) {
        const int to = (rank + i) % ranks, from = (rank + ranks - i) % ranks;
        MPI_Irecv(in + (size_t)from * MOST, bytes, MPI_BYTE, from, 0, MPI_COMM_WORLD,
                  &request[n++]);
        MPI_Isend(out, bytes, MPI_BYTE, to, 0, MPI_COMM_WORLD, &request[n++]);
    }
    finish(request, n);
}

int main(int argc, char **argv)
{
    int rank, ranks;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    char *out = malloc(MOST), *in = malloc((size_t)ranks * MOST);
    MPI_Request *request = malloc(2 * (size_t)ranks * sizeof *request);
    if (out == NULL || in == NULL || request == NULL)
        MPI_Abort(MPI_COMM_WORLD, 1);
    memset(out, 1, MOST);
    for (int bytes = 1; bytes <= MOST; bytes *= 8) {
        int rounds = 3; /* to connect; then as many as fit */
        for (int again = 0; again < 2; again++) {
            const double begin = MPI_Wtime();
            for (int n = 0; n < rounds; n++)
                exchange(rank, ranks, out, in, bytes, request);
            const double each = (MPI_Wtime() - begin) / rounds, fit = long_enough / each;
            if (rank == 0 && again == 1)
                printf("%d %.7f\n", bytes, each);
            rounds = fit < 5 ? 5 : fit > ROUNDS ? ROUNDS : (int)fit;
            MPI_Bcast(&rounds, 1, MPI_INT, 0, MPI_COMM_WORLD);
        }
    }
    free(out);
    free(in);
    free(request);
    MPI_Finalize();
    return 0;
}
