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

/* ConnectEx: WSA_IO_PENDING, or why not [WS-CONNECT-7]. */
struct sw_connect_ex {
	void *data;
	DWORD len;
	LPWSAOVERLAPPED overlapped;
};
int sw_connect_ex(struct sw_process *p, SOCKET handle, const void *name, int namelen,
		  const struct sw_connect_ex *ex);

/* SO_UPDATE_CONNECT_CONTEXT. No lock held. WSA code. */
int connect_update_context(struct sw_socket *s);

/* A ConnectEx is pending; it has ended, and SO_UPDATE_CONNECT_CONTEXT is still to come
 * [WS-NAME-6]. Caller holds s->lock. */
bool connect_is_ex(const struct sw_socket *s);
bool connect_unnamed(const struct sw_socket *s);

/* What select's exceptfds tells: the last attempt failed, and none has been made since
 * [WS-CONNECT-3, -8]. Caller holds s->lock. */
bool connect_failed(const struct sw_socket *s);

/* It is connected no more, and may connect again: its name is what it was before. Caller holds
 * s->lock. */
void connect_forget(struct sw_socket *s);

/* The socket is being closed: the state is SW_CLOSED already, the caller holds no lock. Nothing of
 * an attempt is under way when it returns. */
void connect_stop(struct sw_socket *s);

/* The memory, at the end of the record or after a fork. */
void connect_free(struct sw_socket *s);

#endif
