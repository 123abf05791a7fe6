/* SPDX-License-Identifier: MIT
 *
 * Connecting: on the SAN first where there is one, else and then over TCP/IP.
 * [WS-CONNECT, WS-BIND-7, SW-CONNECT, SW-FALLBACK]
 */
#ifndef WSD_SWITCH_CONNECT_H
#define WSD_SWITCH_CONNECT_H

#include "socket.h"

/* Return a WSA code. The pointers are the application's, checked here.
 * @deadline_ns: of waiter.h; WSAETIMEDOUT when it comes: both ways together [SW-CONNECT-4]. */
int sw_connect(struct sw_process *p, SOCKET handle, const void *name, int namelen,
	       uint64_t deadline_ns);

/* What select's exceptfds tells: the last attempt failed, and none has been made since
 * [WS-CONNECT-3, -8]. Caller holds s->lock. */
bool connect_failed(const struct sw_socket *s);

/* The socket is being closed: the state is SW_CLOSED already, the caller holds no lock. Nothing of
 * an attempt is under way when it returns. */
void connect_stop(struct sw_socket *s);

/* The memory, at the end of the record or after a fork. */
void connect_free(struct sw_socket *s);

#endif
