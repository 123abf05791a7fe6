/* SPDX-License-Identifier: MIT
 *
 * The thread on which a run's batches are done, one at a time, and what the main thread hears
 * meanwhile.
 */
#ifndef WSD_BENCH_WORKER_H
#define WSD_BENCH_WORKER_H

struct worker;

enum worker_news {
	WORKER_DONE,        /* the job's return value is in @ret */
	WORKER_LATE,        /* not done @timeout_ms after it was given */
	WORKER_INTERRUPTED, /* one of bench_signals() */
	WORKER_HUNG_UP,     /* @watched: the other end went away */
	WORKER_TICK,        /* a fifth of a second has passed */
};

/* @watched: a descriptor whose hang-up is news, or -1; @processor to run on, or -1. NULL with
 * errno. */
struct worker *worker_new(int watched, int processor);
/* Ends the thread; one that is busy is left behind, with all that it holds. */
void worker_free(struct worker *w);

/* Gives a job. */
void worker_do(struct worker *w, int (*job)(void *arg), void *arg);
/* The time of the job that runs begins anew. */
void worker_hurry(struct worker *w);
/* What comes next. After LATE, INTERRUPTED and HUNG_UP it may be asked again for a DONE. HUNG_UP
 * comes once, LATE once a job. */
enum worker_news worker_wait(struct worker *w, int timeout_ms, int *ret);

#endif
