/* thread.h - threads of the library. */
#ifndef WG_BASE_THREAD_H
#define WG_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

/* Starts a thread that gets no signals: these are for the threads of the program. False: the system
 * has none to give. */
bool wg_thread_start(pthread_t *out, void *(*run)(void *user), void *user);

#endif
