/* SPDX-License-Identifier: MIT
 *
 * One wait of one thread for any number of sockets: what select and WSAPoll share. Nothing of it
 * outlives the call.
 */
#ifndef WSD_SWITCH_WAITSET_H
#define WSD_SWITCH_WAITSET_H

#include "socket.h"

struct wait_item {
	struct sw_socket *s; /* a reference */
	unsigned want, got;  /* SW_READY_*; got has SW_READY_GONE when s was closed */
	bool deaf;           /* its descriptor tells only what nobody asked for */
	struct waiter_link link;
};

struct waitset {
	struct wait_item *items;
	unsigned count;
	struct pollfd *fds;  /* count + 1 */
	unsigned *fd_owners; /* whose descriptor fds[i] is: index into items */
	unsigned n_fds;
};

/* Room for @most items. False: no memory; waitset_end is not needed then. */
bool waitset_begin(struct waitset *w, unsigned most);
/* Puts the references. */
void waitset_end(struct waitset *w);
/* Takes the reference @s over. */
struct wait_item *waitset_add(struct waitset *w, struct sw_socket *s, unsigned want);

/**
 * waitset_wait - until an item has something of what it wants, or is gone, or the deadline
 * @deadline_ns: of waiter.h; 0: only look. Return: a WSA code; the items' `got` are set.
 */
int waitset_wait(struct waitset *w, uint64_t deadline_ns);

#endif
