/* forked.h - the same job in several processes of this machine, which reach each other by pairs of
 * sockets: what MPI does, without MPI. */
#ifndef WG_TESTS_FORKED_H
#define WG_TESTS_FORKED_H

#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FORKED_MOST = 8 };

typedef struct forked {
    wagle_processes table;
    int socket[FORKED_MOST];                     /* to each other process */
    int asks[FORKED_MOST], answers[FORKED_MOST]; /* the same for files that are read */
    pthread_t server;
} forked;

/* A question about a file. */
typedef struct forked_question {
    char path[512];
    int64_t at, bytes;
} forked_question;

/* Sends or receives all of it; false if the other end is gone. */
static inline bool forked_all(int fd, bool sends, void *data, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        const ssize_t n = sends ? send(fd, (char *)data + done, bytes - done, MSG_NOSIGNAL)
                                : recv(fd, (char *)data + done, bytes - done, 0);
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

/* Answers one question; false if the other end is gone. */
static inline bool forked_answer(int fd)
{
    forked_question q;
    bool ok = forked_all(fd, false, &q, sizeof q);
    char *room = ok ? malloc((size_t)q.bytes) : NULL;
    const int from = ok ? open(q.path, O_RDONLY) : -1;

    ok = ok && pread(from, room, (size_t)q.bytes, q.at) == q.bytes &&
         forked_all(fd, true, room, (size_t)q.bytes);
    close(from);
    free(room);
    return ok;
}

/* The thread that answers, until the process ends. */
static inline void *forked_serve(void *user)
{
    const forked *f = user;
    struct pollfd wait[FORKED_MOST];
    int left = f->table.count - 1;

    for (int r = 0; r < f->table.count; r++)
        wait[r] = (struct pollfd){.fd = r != f->table.rank ? f->answers[r] : -1, .events = POLLIN};
    while (left > 0 && poll(wait, (nfds_t)f->table.count, -1) > 0)
        for (int r = 0; r < f->table.count; r++)
            if (wait[r].fd >= 0 && wait[r].revents != 0 && !forked_answer(wait[r].fd)) {
                wait[r].fd = -1;
                left--;
            }
    return NULL;
}

static inline bool forked_read(void *user, const char *path, const wagle_piece *piece, int n,
                               char *why, size_t why_bytes)
{
    const forked *f = user;

    for (int i = 0; i < n; i++) {
        forked_question q = {.at = piece[i].at, .bytes = (int64_t)piece[i].bytes};
        const int fd = f->asks[piece[i].process];
        snprintf(q.path, sizeof q.path, "%s", path);
        if (!forked_all(fd, true, &q, sizeof q) ||
            !forked_all(fd, false, piece[i].into, piece[i].bytes)) {
            snprintf(why, why_bytes, "process %d is gone", piece[i].process);
            return false;
        }
    }
    return true;
}

/* Sends or receives some of what is left; false if the other end is gone. */
static inline bool forked_move(int fd, bool sends, char *data, size_t *done, size_t bytes)
{
    const ssize_t n = sends ? send(fd, data + *done, bytes - *done, MSG_DONTWAIT | MSG_NOSIGNAL)
                            : recv(fd, data + *done, bytes - *done, MSG_DONTWAIT);

    if (n > 0)
        *done += (size_t)n;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static inline bool forked_exchange(void *user, const void *const *send_data,
                                   const size_t *send_bytes, void *const *receive,
                                   const size_t *receive_bytes, char *why, size_t why_bytes)
{
    const forked *f = user;
    size_t sent[FORKED_MOST] = {0}, received[FORKED_MOST] = {0};

    for (;;) {
        struct pollfd wait[FORKED_MOST];
        bool left = false;
        for (int r = 0; r < f->table.count; r++) {
            const bool sends = r != f->table.rank && sent[r] < send_bytes[r];
            const bool receives = r != f->table.rank && received[r] < receive_bytes[r];
            wait[r] =
                (struct pollfd){.fd = sends || receives ? f->socket[r] : -1,
                                .events = (short)((sends ? POLLOUT : 0) | (receives ? POLLIN : 0))};
            left |= sends || receives;
        }
        if (!left)
            return true;
        if (poll(wait, (nfds_t)f->table.count, -1) < 0 && errno != EINTR)
            return false;
        for (int r = 0; r < f->table.count; r++) {
            bool there = true;
            if (wait[r].revents & POLLOUT)
                there &= forked_move(f->socket[r], true, (char *)(uintptr_t)send_data[r], &sent[r],
                                     send_bytes[r]);
            if (wait[r].revents & (POLLIN | POLLHUP))
                there &=
                    forked_move(f->socket[r], false, receive[r], &received[r], receive_bytes[r]);
            if (!there) {
                snprintf(why, why_bytes, "process %d is gone", r);
                return false;
            }
        }
    }
}

/* What a process of a job does. Its result is the process's exit code: of wagle_status. */
typedef wagle_status forked_job(wagle_ctx *ctx, int rank, void *user);

/* Ends of sockets [process][other]. */
typedef int forked_ends[FORKED_MOST][FORKED_MOST];

enum { FORKED_TALKS, FORKED_ASKS, FORKED_ANSWERS, FORKED_KINDS };

/* Whether forked children share weights (wagle_share_weights). */
static bool forked_shares;

static inline int forked_child(int rank, int count, int parts, forked_ends *end, forked_job *job,
                               void *user)
{
    forked f = {.table = {.size = sizeof f.table, .rank = rank, .count = count}};
    wagle_ctx *ctx = new_context();
    wagle_status st;

    f.table.user = &f;
    f.table.exchange = forked_exchange;
    f.table.read = forked_read;
    for (int r = 0; r < count; r++) {
        f.socket[r] = end[FORKED_TALKS][rank][r];
        f.asks[r] = end[FORKED_ASKS][rank][r];
        f.answers[r] = end[FORKED_ANSWERS][rank][r];
    }
    wagle_set_threads(ctx, 1);
    st = wagle_set_processes(ctx, &f.table, parts);
    if (st == WAGLE_OK && forked_shares) {
        pthread_create(&f.server, NULL, forked_serve, &f);
        st = wagle_share_weights(ctx, true);
    }
    if (st == WAGLE_OK)
        st = job(ctx, rank, user);
    if (st != WAGLE_OK)
        fprintf(stderr, "process %d of %d: %s\n", rank, count, wagle_message(ctx));
    wagle_ctx_free(ctx);
    if (forked_shares) { /* the others may still ask */
        for (int r = 0; r < count; r++) {
            if (r == rank)
                continue;
            shutdown(f.asks[r], SHUT_WR);
            if (st != WAGLE_OK)
                shutdown(f.socket[r], SHUT_RDWR);
        }
        pthread_join(f.server, NULL);
    }
    return (int)st;
}

static inline void forked_pair(forked_ends *end, int one, int other, int a, int b)
{
    int two[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, two), 0);
    end[one][a][b] = two[0];
    end[other][b][a] = two[1];
}

/* Closes the ends of all processes but one; -1: of all. */
static inline void forked_close(forked_ends *end, int count, int but)
{
    for (int kind = 0; kind < FORKED_KINDS; kind++)
        for (int a = 0; a < count; a++)
            for (int b = 0; b < count; b++)
                if (a != b && a != but)
                    close(end[kind][a][b]);
}

/* Runs the job in `count` processes with so many parts; code [count] are their exit codes, 128 plus
 * the signal of those that a signal ended. victim: -1, or the process that is killed after `after`
 * milliseconds. */
static inline void forked_run(int count, int parts, forked_job *job, void *user, int victim,
                              int after, int code[FORKED_MOST])
{
    forked_ends end[FORKED_KINDS];
    pid_t child[FORKED_MOST];

    for (int a = 0; a < count; a++)
        for (int b = 0; b < count; b++) {
            if (a < b)
                forked_pair(end, FORKED_TALKS, FORKED_TALKS, a, b);
            if (a != b)
                forked_pair(end, FORKED_ASKS, FORKED_ANSWERS, a, b);
        }
    fflush(NULL);
    for (int r = 0; r < count; r++) {
        child[r] = fork();
        assert_true(child[r] >= 0);
        if (child[r] == 0) {
            forked_close(end, count, r);
            _exit(forked_child(r, count, parts, end, job, user));
        }
    }
    forked_close(end, count, -1);
    if (victim >= 0) {
        usleep((useconds_t)after * 1000);
        kill(child[victim], SIGKILL);
    }
    for (int r = 0; r < count; r++) {
        int status;
        waitpid(child[r], &status, 0);
        code[r] = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
}

/* All must come to `expected`. */
static inline void forked_expect(const char *what, int count, int parts, forked_job *job,
                                 void *user, wagle_status expected)
{
    int code[FORKED_MOST];

    forked_run(count, parts, job, user, -1, 0, code);
    for (int r = 0; r < count; r++)
        if (code[r] != (int)expected)
            fail_msg("%s: process %d of %d came to %d", what, r, count, code[r]);
}

#endif
