/* processes.h - the processes that run a command together. The command `wagle` runs alone
 * (alone.c); `wagle-mpi`, which is built with -DWAGLE_MPI=ON, runs with those that mpirun or srun
 * started (mpi.c). They are two programs, because libmpi brings some twenty libraries, which would
 * be opened at each start. */
#ifndef CLI_PROCESSES_H
#define CLI_PROCESSES_H

#include <wagle/wagle.h>

/* Before anything else: joins the others. *out: they, NULL: this process is alone. false: it cannot
 * be, and said why. */
bool cli_join(int *argc, char ***argv, const wagle_processes **out);
/* Answers what other processes want to read of files, in a thread of its own, until the end; false:
 * it cannot. */
bool cli_serve(void);
/* At the end, with what the command came to and its message: once every process is here, or, where
 * one has failed and others do not come, ends them all. Returns the exit code. */
int cli_leave(int status, const char *message);

#endif
