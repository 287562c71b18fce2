/* mpi_requests.h - what the two halves of MPI's side share: mpi.c starts and ends the processes and
 * exchanges, mpi_files.c reads files of other processes. */
#ifndef CLI_MPI_REQUESTS_H
#define CLI_MPI_REQUESTS_H

#include "processes.h"

#include <mpi.h>
#include <stdio.h>

enum { CLI_EXCHANGED, CLI_ASKED, CLI_ANSWERED }; /* tags of messages */

/* Messages under way. Of one thread. */
typedef struct cli_requests {
    MPI_Request *request; /* [n] */
    int n, room;
    char failure[MPI_MAX_ERROR_STRING]; /* the first */
} cli_requests;

/* Starts to send or receive `bytes`. */
bool cli_start(cli_requests *q, bool sends, const void *data, size_t bytes, int rank, int tag);
/* Waits for all of them, without taking the processor from other threads. */
bool cli_finish(cli_requests *q);
void cli_doze(void);
/* Returns false, and says why. */
bool cli_explain(const cli_requests *q, char *why, size_t why_bytes);
/* Prints the message and ends all processes. */
void cli_abort(int status, const char *message);
/* wagle_processes.read; user: the table. */
bool cli_read(void *user, const char *path, const wagle_piece *piece, int n, char *why,
              size_t why_bytes);
void cli_serve_end(void);

#endif
