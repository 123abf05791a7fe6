/* SPDX-License-Identifier: MIT
 *
 * The service thread's loop: kernel descriptors, timers and jobs, one thread for each process,
 * started on first use [SW-INIT-1 step 10, SW-BLOCK-4]. Cost is by event, never by what is watched.
 *
 * Callbacks run on that thread, one at a time, with no lock held; they may take any lock, and must
 * not wait for anything (an application, a peer, another callback). Functions may be called from
 * any thread and under any lock but the reactor's own leaf lock; only reactor_unwatch and
 * reactor_timer_stop may wait, for a callback of the same object that runs now: the caller holds no
 * lock that this callback takes (it does not wait when it is called on the reactor's thread).
 * reactor_unpost likewise.
 *
 * A descriptor may have several watches, of different owners, one-shot and lasting ones.
 */
#ifndef WSD_SWITCH_REACTOR_H
#define WSD_SWITCH_REACTOR_H

#include <stdbool.h>
#include <stdint.h>

struct reactor;
struct sw_process;

/* Part of the owner's object; zero before first use. */
struct reactor_watch {
	void (*ready)(struct reactor_watch *w, uint32_t epoll_events);
	int fd; /* constant while it is watched */
	/* the reactor's */
	bool added;
	enum reactor_mode { REACTOR_ONCE, REACTOR_EDGE, REACTOR_LEVEL } mode;
	uint32_t armed; /* epoll events that the next callback waits for */
	uint64_t turn;  /* the event that it was last called for */
	struct reactor_watch *next;
};

struct reactor_timer {
	void (*fire)(struct reactor_timer *t);
	/* the reactor's */
	uint64_t when_ns; /* 0: off */
	/* a pairing heap; prev: the elder sibling, or the parent of the eldest */
	struct reactor_timer *prev, *next, *child;
};

struct reactor_job {
	void (*run)(struct reactor_job *j);
	/* the reactor's */
	struct reactor_job *next;
	bool queued;
};

/* The process's reactor, its thread running. Return 0 or -errno. */
int reactor_start(struct sw_process *p, struct reactor **ret);

/* Watch w->fd for @epoll_events, once (EPOLLONESHOT is added): armed again by the next call.
 * Return 0 or -errno. */
int reactor_arm(struct reactor *r, struct reactor_watch *w, uint32_t epoll_events);
/* The same, edge-triggered and lasting. */
int reactor_arm_edge(struct reactor *r, struct reactor_watch *w, uint32_t epoll_events);
/* The same, as long as it is ready, and lasting. */
int reactor_arm_level(struct reactor *r, struct reactor_watch *w, uint32_t epoll_events);
/* No callback of w runs after this; before its descriptor is closed. No-op when it is not watched.
 */
void reactor_unwatch(struct reactor *r, struct reactor_watch *w);

/* (Re)set: replaces an earlier time, of CLOCK_MONOTONIC. No allocation, cannot fail. */
void reactor_timer_set(struct reactor *r, struct reactor_timer *t, uint64_t when_ns);
/* No callback of t runs after this. */
void reactor_timer_stop(struct reactor *r, struct reactor_timer *t);

/* Run j->run on the thread, before reactor_stop returns at the latest; it may free j. A job that is
 * queued already is queued once: false. */
bool reactor_post(struct reactor *r, struct reactor_job *j);
/* j does not run after this. */
void reactor_unpost(struct reactor *r, struct reactor_job *j);
/* Is this the reactor's thread? */
bool reactor_here(const struct reactor *r);

void reactor_stop(struct reactor *r); /* joins the thread; NULL is fine; p->reactor is NULL then */
void reactor_after_fork(struct reactor *r); /* in the child: forget it, close its descriptors */

#endif
