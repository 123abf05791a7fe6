/* SPDX-License-Identifier: MIT
 *
 * The SAN side of connecting and accepting, as connect.c and accept.c see it: which way a
 * connection goes, the attempt on the SAN, connections that arrive there.
 */
#ifndef WSD_SWITCH_SAN_CONNECT_H
#define WSD_SWITCH_SAN_CONNECT_H

#include "reason.h"
#include "socket.h"

/**
 * san_connect - begin an attempt on the SAN, if the table says so [SW-CONNECT-1, SW-SUBNET-2 to -4]
 * Caller holds s->lock; s has a fixed local port (SW-BIND-6). Return: true: the attempt is under
 * way and connect_san_done() will be called from another thread; false with *ret_reason: TCP/IP,
 * or with SW_REASON_TAKEN: neither.
 */
bool san_connect(struct san *san, struct sw_socket *s, const struct wsd_sockaddr_in *to,
		 enum sw_reason *ret_reason);

/* Give up an attempt [SW-BLOCK-1]; no connect_san_done comes after this. Caller holds s->lock. */
void san_connect_cancel(struct san *san, struct sw_socket *s);

/* An attempt went on over TCP/IP and is up: what the SAN said of the port is remembered
 * [SW-FALLBACK-6]. Caller holds s->lock. */
void san_connect_by_tcp(struct san *san, const struct sw_socket *s);

/**
 * connect_san_done - connect.c's: the attempt has ended
 * @session: negotiated, the socket's from now on; NULL with a final @code, or with code 0 and a
 * @reason to go on over TCP/IP [SW-FALLBACK-1]. @local: the name of the SAN connection.
 * Called without locks.
 */
void connect_san_done(struct sw_socket *s, struct session *session,
		      const struct wsd_sockaddr_in *local, int code, enum sw_reason reason);

/**
 * accept_san_ready - accept.c's: a negotiated connection for a listener [SW-ACCEPT-5, -7]
 * False: the listener wants it no more; the session is the caller's, to be closed. Either way it
 * is no negotiation any more. Called without locks.
 */
bool accept_san_ready(struct sw_socket *listener, struct session *session,
		      const struct wsd_sockaddr_in *local, const struct wsd_sockaddr_in *peer);

/* accept.c's: a negotiation for the listener begins (1), or ends without accept_san_ready (-1).
 * Caller holds s->lock. */
void accept_san_negotiating(struct sw_socket *listener, int by);

/* From now on the session's events are those of @s: accept.c calls it for the record of a
 * connection, and again when AcceptEx moves it into another. Caller holds s->lock. */
void san_session_attach(struct session *session, struct sw_socket *s);

/* What setsockopt has told the socket and its kernel socket, to the session: buffers, urgent data
 * in line, keep-alive [SW-OPT-1]. Caller holds s->lock; s has a session. */
void san_session_options(struct sw_socket *s);

/* The socket is being closed: its session's names may serve another one [SW-SHARE-5]. */
void san_session_closing(struct session *session);
/* The socket goes, and with it its session, which has ended. */
void san_session_drop(struct session *session);

/* accept.c's: is there room below the backlog [SW-ACCEPT-4]? Caller holds s->lock. */
bool accept_has_room(const struct sw_socket *listener);

/* What would happen now, without doing it: for wsd explain and tests. */
enum sw_reason san_explain(struct san *san, const struct wsd_sockaddr_in *local,
			   const struct wsd_sockaddr_in *to);

#endif
