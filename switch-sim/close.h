/* SPDX-License-Identifier: MIT
 *
 * The end of connections: shutdown, linger, what still goes on after closesocket.
 * [WS-DATA-1, WS-CLOSE-1, WS-REUSE-11, SW-CLOSE-1, -2]
 */
#ifndef WSD_SWITCH_CLOSE_H
#define WSD_SWITCH_CLOSE_H

#include "socket.h"

/* Return a WSA code. */
int sw_shutdown(struct sw_process *p, SOCKET handle, int how);

/* A connection that the application has never seen, closed abortively: the peer sees a reset. The
 * caller's reference stays its own. */
void sw_socket_abort(struct sw_socket *s);
/* As closesocket, without waiting, whatever SO_LINGER says. The reference likewise. */
void sw_socket_leave(struct sw_socket *s);

#endif
