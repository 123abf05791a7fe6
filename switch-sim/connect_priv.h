/* SPDX-License-Identifier: MIT
 *
 * Shared by connect.c and connect_ex.c: what a socket keeps of its attempts to connect. Guarded by
 * s->lock.
 */
#ifndef WSD_SWITCH_CONNECT_PRIV_H
#define WSD_SWITCH_CONNECT_PRIV_H

#include "connect.h"
#include "reactor.h"

enum connect_phase { CONNECT_IDLE, CONNECT_SAN, CONNECT_TCP };

/* Who waits for the end. */
enum connect_mode {
	CONNECT_PLAIN, /* nobody: a non-blocking call */
	CONNECT_BLOCKING,
	CONNECT_EX, /* an overlapped structure */
};

struct connector {
	struct sw_socket *s;
	enum connect_phase phase;
	enum connect_mode mode;
	uint64_t attempt; /* counts them */
	int code;         /* of the last one, once it has ended */
	bool failed;      /* so, and none was made since */
	bool implicit;    /* the port was the switch's choice: it may choose another */
	bool unnamed;     /* AF_UNIX: it had no name before */
	unsigned tries;   /* of other ports */
	struct wsd_sockaddr_storage bound; /* the name before */
	int bound_len;
	/* no thread waits: the reactor has a reference to s while it watches */
	struct reactor *reactor;
	struct reactor_watch watch;
	bool watching;
};

#endif
