/* SPDX-License-Identifier: MIT
 *
 * Threads that wait for something to happen on sockets [SW-BLOCK-1, -4]. A waiter is a thread that
 * is about to sleep; links put it on the lists of the sockets that it waits for. Whoever makes a
 * condition true calls waiter_list_wake(), which costs one atomic read when nobody waits.
 *
 * Order of use, so that no wake-up is lost: waiter_begin, waiter_link each list, look at the
 * conditions, waiter_sleep, look again, ..., waiter_unlink each, waiter_end.
 *
 * Locks: one leaf lock in each list; a wake may be given under any lock of the switch.
 */
#ifndef WSD_SWITCH_WAITER_H
#define WSD_SWITCH_WAITER_H

#include "lock.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What can become true on a socket, as bits: levels for readiness, reasons for a wake-up. */
enum sw_ready {
	SW_READY_READ = 1 << 0,    /* data, or the end of the stream, or an error to be read */
	SW_READY_WRITE = 1 << 1,   /* a send would take something, or fail */
	SW_READY_URGENT = 1 << 2,  /* urgent data that is not in line */
	SW_READY_ACCEPT = 1 << 3,  /* a connection waits for accept */
	SW_READY_CONNECT = 1 << 4, /* a connect has ended; its code is the socket's */
	SW_READY_CLOSE = 1 << 5,   /* the peer has ended the stream or the connection is lost */
	SW_READY_ERROR = 1 << 6,   /* the connection is lost or the connect failed */
	SW_READY_GONE = 1 << 7,    /* closesocket, or WSACleanup: whoever waits gives up */
	SW_READY_REQUEST = 1 << 8, /* a pending request has ended */
	SW_READY_ALL = (1 << 9) - 1,
};

#define WAITER_FOREVER UINT64_MAX

struct waiter_fd;

struct waiter {
	_Atomic unsigned woken; /* bits that were given */
	int fd;                 /* an eventfd, its own from begin to end */
	_Atomic int asleep;
	struct waiter_fd *kept; /* whose fd it is: of a pool, for the next wait */
};

struct waiter_link {
	struct waiter_link *prev, *next;
	struct waiter_list *list; /* NULL: not linked */
	struct waiter *waiter;
	unsigned want;
};

struct waiter_list {
	struct wsd_lock lock;
	_Atomic(struct waiter_link *) first;
};

#define WAITER_LIST_INITIALIZER              \
	{                                    \
		.lock = WSD_LOCK_INITIALIZER \
	}

/* Return 0, or -EMFILE, -ENFILE, -ENOMEM when no eventfd can be had. */
int waiter_begin(struct waiter *w);
void waiter_end(struct waiter *w);

void waiter_link(struct waiter_list *list, struct waiter_link *link, struct waiter *w,
		 unsigned want);
void waiter_unlink(struct waiter_link *link); /* no-op when it is not linked */

/* Wakes those whose want has a bit of @bits. */
void waiter_list_wake(struct waiter_list *list, unsigned bits);

/* Between these, on one thread, sleeps are ended at the end only: for who gives wakes under locks
 * that the woken take first, and would meet taken. For a moment: nothing may be waited for. */
void waiter_hold(void);
void waiter_let_go(void);

/* Clock: CLOCK_MONOTONIC. */
uint64_t waiter_now_ns(void);
/* The deadline @ms from now; WSA_INFINITE: WAITER_FOREVER. */
uint64_t waiter_deadline(uint32_t ms);

/**
 * waiter_sleep - until woken, until one of @fds is ready (revents are set), or until the deadline
 * @fds: may be NULL; one entry more must be free behind the last (for the eventfd)
 * Return: the bits given since the last sleep (0 if only a descriptor is ready or a signal came);
 * -ETIMEDOUT, only when there is nothing else to tell; -ENOMEM or -EINVAL when the kernel cannot
 * poll so many.
 */
int waiter_sleep(struct waiter *w, struct pollfd *fds, unsigned count, uint64_t deadline_ns);

/* The last WSACleanup: closes the pool's descriptors. */
void waiter_cleanup(void);

/* In the child after fork: the parent's threads' descriptors are closed. */
void waiter_after_fork(void);

#endif
