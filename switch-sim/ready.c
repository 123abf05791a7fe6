/* SPDX-License-Identifier: MIT
 *
 * Readiness by state [WS-SELECT-1, SW-BLOCK-3]: listeners by their queue, connected sockets by
 * their transport, datagram sockets by the kernel, a stream socket that is not connected by what
 * became of its last attempt.
 *
 * Locks: s->lock, not over the transport.
 */
#include "ready.h"
#include "accept.h"
#include "connect.h"
#include "transport.h"

#include <sys/socket.h>

/* Caller holds s->lock. */
static unsigned unconnected(struct sw_socket *s, struct pollfd *fd)
{
	if (s->state == SW_CLOSED)
		return SW_READY_GONE;
	if (s->state == SW_LISTENING)
		return accept_ready(s, fd) ? SW_READY_ACCEPT : 0;
	return connect_failed(s) ? SW_READY_CONNECT | SW_READY_ERROR : 0;
}

unsigned sw_ready(struct sw_socket *s, unsigned want, struct pollfd *fd)
{
	unsigned bits = 0;
	if (fd)
		*fd = (struct pollfd){.fd = -1};
	pthread_mutex_lock(&s->lock);
	const struct sw_transport *transport = s->state == SW_CONNECTED     ? s->transport
					       : s->type != WSD_SOCK_STREAM ? &transport_tcp
									    : NULL;
	if (s->state == SW_CLOSED)
		transport = NULL;
	if (!transport)
		bits = unconnected(s, fd);
	pthread_mutex_unlock(&s->lock);
	if (transport)
		bits = transport->ready(s, want, fd);
	return bits & (want | SW_READY_GONE);
}

/* FIONREAD counts up to the urgent mark only, so it is not asked; but after a loss a peek would
 * take the error away from the call that must report it. */
static bool peek(struct sw_socket *s)
{
	char byte;
	pthread_mutex_lock(&s->lock);
	bool some = s->state == SW_CONNECTED &&
		    recv((int)s->tcp, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
	pthread_mutex_unlock(&s->lock);
	return some;
}

bool sw_has_data(struct sw_socket *s, unsigned bits)
{
	uint32_t bytes = 0;
	if (!(bits & SW_READY_READ))
		return false;
	if (s->type != WSD_SOCK_STREAM)
		return true;
	pthread_mutex_lock(&s->lock);
	const struct sw_transport *transport = s->transport;
	pthread_mutex_unlock(&s->lock);
	if (!transport) /* DisconnectEx was quicker */
		return false;
	if (transport == &transport_tcp && !(bits & SW_READY_ERROR))
		return peek(s);
	return transport->readable(s, &bytes) == 0 && bytes;
}
