/* mpi_files.c - files that processes read from each other (--share-weights).
 *
 * A question is { int64 pieces; int64 at, bytes of each; char path[], with its end }. The answer
 * is the pieces, each a message. */
#include "meter.h"
#include "mpi_requests.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { AT = 1, BYTES = 2, NUMBERS = 2 }; /* of piece i: question[NUMBERS * i + AT] */

typedef struct file {
    struct file *next;
    const char *data;
    size_t bytes;
    char path[];
} file;

static file *files; /* that were asked for */
static pthread_t server;
static bool serves;
static atomic_bool over;
static cli_requests asked, answered;

static const char *path_of(const int64_t *question)
{
    return (const char *)(question + 1 + NUMBERS * question[0]);
}

/* --- answers -----------------------------------------------------------------------------------
 */

static const file *map_file(const char *path)
{
    struct stat info;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *data = fd >= 0 && fstat(fd, &info) == 0
                     ? mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0)
                     : MAP_FAILED;
    file *f = data != MAP_FAILED ? malloc(sizeof *f + strlen(path) + 1) : NULL;

    if (fd >= 0)
        close(fd);
    if (f == NULL)
        return NULL;
    *f = (file){.next = files, .data = data, .bytes = (size_t)info.st_size};
    strcpy(f->path, path);
    files = f;
    return f;
}

static const file *file_of(const char *path)
{
    for (const file *f = files; f != NULL; f = f->next)
        if (strcmp(f->path, path) == 0)
            return f;
    return map_file(path);
}

/* What was sent need not stay mapped: the system keeps it while it has room. */
static void release(const file *f, const int64_t *question)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);

    for (int64_t i = 0; i < question[0]; i++) {
        const size_t at = (size_t)question[NUMBERS * i + AT] / page * page;
        const size_t end = (size_t)(question[NUMBERS * i + AT] + question[NUMBERS * i + BYTES]);
        (void)madvise((void *)(uintptr_t)(f->data + at), end - at, MADV_DONTNEED);
    }
}

static bool answer(const int64_t *question, int process)
{
    const file *f = file_of(path_of(question));

    for (int64_t i = 0; f != NULL && i < question[0]; i++) {
        const size_t at = (size_t)question[NUMBERS * i + AT];
        const size_t bytes = (size_t)question[NUMBERS * i + BYTES];
        if (at > f->bytes || bytes > f->bytes - at ||
            !cli_start(&answered, true, f->data + at, bytes, process, CLI_ANSWERED))
            return false;
    }
    if (f == NULL || !cli_finish(&answered))
        return false;
    release(f, question);
    return true;
}

/* Ends all processes if it cannot be answered: one of them waits for that. */
static void take_question(MPI_Status *from)
{
    int bytes;
    int64_t *question;

    MPI_Get_count(from, MPI_BYTE, &bytes);
    question = malloc((size_t)bytes);
    if (question == NULL || MPI_Recv(question, bytes, MPI_BYTE, from->MPI_SOURCE, CLI_ASKED,
                                     MPI_COMM_WORLD, MPI_STATUS_IGNORE) != MPI_SUCCESS)
        cli_abort(WAGLE_E_RESOURCE, "not enough memory to answer another process");
    else if (!answer(question, from->MPI_SOURCE)) {
        char message[4096];
        snprintf(message, sizeof message, "%s: cannot be read for process %d", path_of(question),
                 from->MPI_SOURCE);
        cli_abort(WAGLE_E_RESOURCE, message);
    }
    free(question);
}

static void *serve(void *user)
{
    (void)user;
    while (!atomic_load(&over)) {
        MPI_Status from;
        int there = 0;
        if (MPI_Iprobe(MPI_ANY_SOURCE, CLI_ASKED, MPI_COMM_WORLD, &there, &from) != MPI_SUCCESS)
            cli_abort(WAGLE_E_RESOURCE, "MPI: nothing can be received");
        if (there)
            take_question(&from);
        else
            cli_doze();
    }
    return NULL;
}

bool cli_serve(void)
{
    int level = MPI_THREAD_SINGLE;

    if (!serves)
        serves = MPI_Query_thread(&level) == MPI_SUCCESS && level == MPI_THREAD_MULTIPLE &&
                 cli_start_thread(&server, serve, NULL);
    return serves;
}

void cli_serve_end(void)
{
    atomic_store(&over, true);
    if (serves)
        pthread_join(server, NULL);
    while (files != NULL) {
        file *next = files->next;
        munmap((void *)(uintptr_t)files->data, files->bytes);
        free(files);
        files = next;
    }
    free(asked.request);
    free(answered.request);
}

/* --- questions ---------------------------------------------------------------------------------
 */

/* Asks a process for its pieces, whose places are ready. */
static bool ask(int process, const char *path, const wagle_piece *piece, int n, int64_t *question)
{
    int64_t count = 0;

    for (int i = 0; i < n; i++) {
        if (piece[i].process != process)
            continue;
        question[NUMBERS * count + AT] = piece[i].at;
        question[NUMBERS * count++ + BYTES] = (int64_t)piece[i].bytes;
        if (!cli_start(&asked, false, piece[i].into, piece[i].bytes, process, CLI_ANSWERED))
            return false;
    }
    if (count == 0)
        return true;
    question[0] = count;
    strcpy((char *)(question + 1 + NUMBERS * count), path);
    const size_t bytes = (size_t)(1 + NUMBERS * count) * sizeof *question + strlen(path) + 1;
    return cli_start(&asked, true, question, bytes, process, CLI_ASKED);
}

bool cli_read(void *user, const char *path, const wagle_piece *piece, int n, char *why,
              size_t why_bytes)
{
    const wagle_processes *all = user;
    const size_t longest = (size_t)(1 + NUMBERS * n) + strlen(path) / sizeof(int64_t) + 1;
    int64_t *questions = malloc((size_t)all->count * longest * sizeof *questions);
    bool ok = questions != NULL;

    for (int i = 1; ok && i < all->count; i++) { /* each begins with its neighbour */
        const int process = (all->rank + i) % all->count;
        ok = ask(process, path, piece, n, questions + (size_t)process * longest);
    }
    ok = ok && cli_finish(&asked);
    free(questions);
    return ok ? true : cli_explain(&asked, why, why_bytes);
}
