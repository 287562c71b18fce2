/* later.h - work that goes on in another thread while this one does something else: one job at a
 * time, in the order in which they were given. */
#ifndef WG_BASE_LATER_H
#define WG_BASE_LATER_H

#include "base/context.h"

typedef struct wg_later wg_later;
typedef wagle_status wg_later_job(void *user);

/* Close with wg_later_close, which waits for the last job. */
WAGLE_CHECK wagle_status wg_later_open(wagle_ctx *ctx, wg_later **out);
void wg_later_close(wg_later *l);
/* Waits until no job is under way. Returns what the last one came to. */
WAGLE_CHECK wagle_status wg_later_wait(wg_later *l);
/* Starts a job after that, unless one has failed. `user` is the job's until the next wait. */
WAGLE_CHECK wagle_status wg_later_do(wg_later *l, wg_later_job *job, void *user);

#endif
