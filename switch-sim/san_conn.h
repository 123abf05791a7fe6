/* SPDX-License-Identifier: MIT
 *
 * One connection on a SAN from its attempt or its arrival until its session has ended: what
 * san_connect.c, san_accept.c and san_conn.c share.
 *
 * Whatever happens to it happens on the service thread (its timer, its jobs, FD_CONNECT), or under
 * the lock of the socket whose attempt it is. It is freed on the service thread when its session
 * has ended, or with the socket that the session belongs to. Locks: socket.lock > session's >
 * conn->owner_lock, a leaf but for what sw_notify takes; san->conns_lock is a leaf.
 */
#ifndef WSD_SWITCH_SAN_CONN_H
#define WSD_SWITCH_SAN_CONN_H

#include "reactor.h"
#include "reason.h"
#include "san_priv.h"
#include "session.h"

enum san_conn_phase {
	SAN_CONN_ASKED,       /* WSPConnect has been called */
	SAN_CONN_NEGOTIATING, /* the session begins */
	SAN_CONN_UP,          /* the session belongs to a socket */
	SAN_CONN_OVER,        /* given up or failed */
};

struct san_conn {
	struct san_conn *prev, *next;   /* san->conns */
	struct san_conn *nprev, *nnext; /* a chain of san->named */
	struct san *san;
	struct reactor *reactor;
	struct san_provider *provider;
	struct sw_socket *s; /* the connecting one, or the listener; a reference until it is up */
	bool initiator;
	_Atomic(enum san_conn_phase) phase; /* of an initiator: under s->lock */
	struct session_link link;
	bool linked; /* link.desc is ours to close: no session has it */
	struct session_config config;
	struct session *session;
	int code;              /* of WSPConnect at once, or of ops->up */
	bool connected;        /* FD_CONNECT needs not be waited for */
	_Atomic bool unwanted; /* its listener is closed */
	bool ending;           /* on its way out; under san->conns_lock */
	bool named;            /* nobody else may connect by its names; likewise */
	uint64_t started_ns;
	struct reactor_timer timer;
	struct reactor_job step, end;
	pthread_mutex_t owner_lock;
	struct sw_socket *owner; /* hears of ops->ready; a reference until the end */
	bool ended;              /* ops->ended has come, or there never was a session */
};

/* A reference to @s is taken; caller holds s->lock. NULL: no memory. */
struct san_conn *san_conn_new(struct san *san, struct san_provider *p, struct sw_socket *s,
			      struct reactor *r, bool initiator);
/* The names of an attempt, c->link's, are its own from now on [SW-SHARE-5]. False: a connection of
 * this process has them. */
bool san_conn_claim(struct san_conn *c);
/* WSPCloseSocket of a SAN socket that no session has. */
void san_conn_unlink(struct san_conn *c);
/* Begin the session on c->link. Return a WSA code; then the SAN socket is closed. */
int san_conn_negotiate(struct san_conn *c);
/* The session belongs to a socket: c->s is let go. */
void san_conn_up(struct san_conn *c);
/* Its end is wanted, whatever it has come to. Caller holds san->conns_lock. */
void san_conn_unwanted(struct san_conn *c);
/* No session, or one that has been told to close: the rest is done on the service thread. */
void san_conn_over(struct san_conn *c);

/* san_connect.c: the session's negotiation has ended; on the service thread. */
void san_connect_step(struct san_conn *c);
/* san_accept.c: likewise. */
void san_accept_step(struct san_conn *c);

#endif
