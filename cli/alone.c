/* alone.c - a command in one process. */
#include "processes.h"

#include <stdio.h>
#include <stdlib.h>

/* How many processes the starter says there are. */
static const char *const counts[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", NULL};

bool cli_join(int *argc, char ***argv, const wagle_processes **out)
{
    (void)argc;
    (void)argv;
    *out = NULL;
    for (int i = 0; counts[i] != NULL; i++) {
        const char *n = getenv(counts[i]);
        if (n != NULL && strtol(n, NULL, 10) > 1) {
            fprintf(stderr,
                    "wagle: mpirun started %s processes; start wagle-mpi instead of wagle, which "
                    "runs in one process\n",
                    n);
            return false;
        }
    }
    return true;
}

bool cli_serve(void)
{
    return true;
}

int cli_leave(int status, const char *message)
{
    (void)message;
    return status;
}
