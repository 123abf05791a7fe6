/* SPDX-License-Identifier: MIT
 *
 * Shared by accept.c and accept_ex.c: what a listener keeps. Guarded by s->lock.
 */
#ifndef WSD_SWITCH_ACCEPT_PRIV_H
#define WSD_SWITCH_ACCEPT_PRIV_H

#include "accept.h"
#include "reactor.h"

struct acceptor {
	struct sw_socket *s;
	/* Connections that are ready, each a socket with a handle that nobody knows yet and a
	 * reference of ours. TCP/IP's wait in the kernel until somebody asks, or until one of a SAN
	 * queues up behind them [SW-ACCEPT-5]. */
	struct sw_socket *first, *last;
	unsigned count;
	unsigned negotiating; /* on a SAN, and not ready yet [SW-ACCEPT-4] */
	/* AcceptEx, served in order. The reactor has a reference to s while it watches. */
	struct accept_ex *wanted;
	struct accept_ex *receiving; /* have their connection, and wait for its first data */
	struct reactor *reactor;
	struct reactor_watch watch;
	bool watching, watched; /* armed; ever so */
};

/* Made at first use; NULL: no memory. Caller holds s->lock. */
struct acceptor *acceptor_of(struct sw_socket *s);

/* The oldest connection. Caller holds s->lock. WSA code; *ret with a reference for the caller. */
int accept_take(struct sw_socket *s, struct sw_socket **ret);

/* Back to the front of the queue, with the caller's reference. False: the listener is closed, and
 * so is the connection now. No lock held. */
bool accept_put_back(struct sw_socket *s, struct sw_socket *conn);

/* May the socket accept? Caller holds s->lock; it is not closed. WSA code. */
int accept_check(const struct sw_socket *s);

/* Connections that are there, to those AcceptEx that wait. No lock held. */
void accept_ex_serve(struct sw_socket *s);
void accept_ex_stop(struct sw_socket *s); /* part of accept_stop() */

#endif
