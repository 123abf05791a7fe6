/* SPDX-License-Identifier: MIT
 *
 * Shared by accept.c and accept_ex.c: what a listener keeps. Guarded by s->lock.
 */
#ifndef WSD_SWITCH_ACCEPT_PRIV_H
#define WSD_SWITCH_ACCEPT_PRIV_H

#include "accept.h"
#include "reactor.h"

struct acceptor {
	/* Connections that are ready, each a socket with a handle that nobody knows yet and a
	 * reference of ours. TCP/IP's wait in the kernel until somebody asks, or until one of a SAN
	 * queues up behind them [SW-ACCEPT-5]. */
	struct sw_socket *first, *last;
	unsigned count;
	unsigned negotiating; /* on a SAN, and not ready yet [SW-ACCEPT-4] */
};

/* Made at first use; NULL: no memory. Caller holds s->lock. */
struct acceptor *acceptor_of(struct sw_socket *s);

/* The oldest connection. Caller holds s->lock. WSA code; *ret with a reference for the caller. */
int accept_take(struct sw_socket *s, struct sw_socket **ret);

#endif
