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
	struct connect_ex *ex; /* ConnectEx: pending, or about to be told its end */
	bool update_due;       /* SO_UPDATE_CONNECT_CONTEXT has not come */
};

/* Made at first use; NULL: no memory. These three: caller holds s->lock. */
struct connector *connect_of(struct sw_socket *s);
/* The checks of WS-ERR-3 and of the address. WSA code; *ret_len 0: take the association away. */
int connect_judge(const struct sw_socket *s, const void *name, int namelen, enum connect_mode mode,
		  struct wsd_sockaddr_storage *ret, int *ret_len);
/* 0: the attempt is under way, or has ended with s->connector->code. */
int connect_begin(struct sw_socket *s, const struct wsd_sockaddr_storage *to, int to_len,
		  enum connect_mode mode);

/* If an attempt of ConnectEx has ended, goes on with its data or completes it. No lock held. */
void connect_ex_ended(struct sw_socket *s);

#endif
