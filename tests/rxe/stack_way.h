/* SPDX-License-Identifier: MIT
 *
 * Which way a connection went, for programs that are linked with the switch itself.
 */
#ifndef WSD_TESTS_STACK_WAY_H
#define WSD_TESTS_STACK_WAY_H

#include "reason.h"
#include "socket.h"
#include "transport.h"

/* "SAN", or why not. */
static inline const char *way_of(SOCKET s)
{
	struct sw_process *p = sw_enter();
	struct sw_socket *sock = sw_socket_find(p, s);
	pthread_mutex_lock(&sock->lock);
	const char *way = sock->transport == &transport_san
				  ? "SAN"
				  : sw_reason_text((enum sw_reason)sock->tcp_reason);
	pthread_mutex_unlock(&sock->lock);
	sw_socket_put(sock);
	sw_leave(p);
	return way;
}

#endif
