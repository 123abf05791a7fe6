/* SPDX-License-Identifier: MIT
 *
 * How the switch moves a connected socket's data: over the TCP/IP provider or over a SAN session.
 * The calls above (data.c, select, WSAEventSelect, overlapped results) know only this table.
 *
 * All functions: the caller holds no lock but may hold s->lock where it says so; the socket is
 * referenced. Lock order: s->lock > session's or tcp queue's lock > leaves (waiters, events).
 */
#ifndef WSD_SWITCH_TRANSPORT_H
#define WSD_SWITCH_TRANSPORT_H

#include "request.h"
#include "waiter.h"

struct sw_transport {
	const char *name; /* "TCP/IP", "SAN" */

	/**
	 * submit - begin a request; requests of one direction end in the order of submission
	 * The request is over at return (true), or pending and finish() will come (false). With
	 * r->nonblocking it is always over: WSAEWOULDBLOCK when nothing can be done now. A send
	 * takes all its bytes or, non-blocking, as WS-DATA-3 says.
	 */
	bool (*submit)(struct sw_socket *s, struct sw_request *r);

	/**
	 * cancel - end a pending request with @code, if it is still pending
	 * True: it is over and out of the queue, finish() was not and will not be called. False:
	 * not now: it is over already or its finish() is under way; or the peer is reading or
	 * writing the application's memory, then it ends as soon as that does [SW-BLOCK-1].
	 */
	bool (*cancel)(struct sw_socket *s, struct sw_request *r, int code);

	/* Wait for a pending request of a blocking call: it is over at return (0), or the deadline
	 * came (WSAETIMEDOUT), or the socket is closing (WSAEINTR): the caller cancels. Spins,
	 * then sleeps; drives the transport itself, so that no other thread need run. */
	int (*wait)(struct sw_socket *s, struct sw_request *r, uint64_t deadline_ns);

	/**
	 * ready - what is true now of @want (SW_READY_* bits), without waiting
	 * @fd: when it is not NULL and the answer is not final, set to the kernel descriptor and
	 * poll(2) events to sleep on beside s->waiters; fd->fd = -1: s->waiters tells everything.
	 * The caller polls all its descriptors at once and asks again, with NULL, for those that
	 * have revents: so with @fd the kernel need not be asked, only what is known besides.
	 */
	unsigned (*ready)(struct sw_socket *s, unsigned want, struct pollfd *fd);

	int (*shutdown)(struct sw_socket *s, int how); /* WSA code; caller holds s->lock */
	/* FIONREAD, SIOCATMARK. WSA code. */
	int (*readable)(struct sw_socket *s, uint32_t *ret_bytes);
	int (*at_mark)(struct sw_socket *s, bool *ret_at); /* no urgent byte lies ahead */
	bool pieces; /* submit takes sends that consist of r->pieces */
};

extern const struct sw_transport transport_tcp; /* transport_tcp.c */
extern const struct sw_transport transport_san; /* transport_san.c */

/* The short way for a plain send or receive of more than no bytes: how many were moved; 0: nothing
 * has happened, the request that submit() takes finds out why. A socket that has a session is
 * connected, and what it may not do its session refuses, so nothing is judged before and no lock of
 * the socket's taken. */
DWORD transport_san_now(struct sw_socket *s, enum sw_op op, char *buffer, DWORD len);

/* Something became true on s: wakes those who wait and raises network events. Callable under any
 * lock but netevents' and the waiters' own. @code: WSA code of CONNECT, ACCEPT or CLOSE. */
void sw_notify(struct sw_socket *s, unsigned bits, int code);

#endif
