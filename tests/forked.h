/* forked.h - the same job in several processes of this machine, which reach each other by pairs of
 * sockets: what MPI does, without MPI. */
#ifndef WG_TESTS_FORKED_H
#define WG_TESTS_FORKED_H

#include "support.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FORKED_MOST = 8 };

typedef struct forked {
    wagle_processes table;
    int socket[FORKED_MOST]; /* to each other process */
} forked;

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

static inline int forked_child(int rank, int count, int parts, int pair[][FORKED_MOST],
                               forked_job *job, void *user)
{
    forked f = {.table = {.size = sizeof f.table, .rank = rank, .count = count}};
    wagle_ctx *ctx = new_context();
    wagle_status st;

    f.table.user = &f;
    f.table.exchange = forked_exchange;
    for (int r = 0; r < count; r++)
        f.socket[r] = pair[rank][r];
    wagle_set_threads(ctx, 1);
    st = wagle_set_processes(ctx, &f.table, parts);
    if (st == WAGLE_OK)
        st = job(ctx, rank, user);
    if (st != WAGLE_OK)
        fprintf(stderr, "process %d of %d: %s\n", rank, count, wagle_message(ctx));
    wagle_ctx_free(ctx);
    return (int)st;
}

/* Runs the job in `count` processes with so many parts; code [count] are their exit codes, 128 plus
 * the signal of those that a signal ended. victim: -1, or the process that is killed after `after`
 * milliseconds. */
static inline void forked_run(int count, int parts, forked_job *job, void *user, int victim,
                              int after, int code[FORKED_MOST])
{
    int pair[FORKED_MOST][FORKED_MOST];
    pid_t child[FORKED_MOST];

    for (int a = 0; a < count; a++)
        for (int b = a + 1; b < count; b++) {
            int two[2];
            assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, two), 0);
            pair[a][b] = two[0];
            pair[b][a] = two[1];
        }
    fflush(NULL);
    for (int r = 0; r < count; r++) {
        child[r] = fork();
        assert_true(child[r] >= 0);
        if (child[r] == 0) {
            for (int a = 0; a < count; a++)
                for (int b = 0; b < count; b++)
                    if (a != b && a != r)
                        close(pair[a][b]);
            _exit(forked_child(r, count, parts, pair, job, user));
        }
    }
    for (int a = 0; a < count; a++)
        for (int b = 0; b < count; b++)
            if (a != b)
                close(pair[a][b]);
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
