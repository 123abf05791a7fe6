/* SPDX-License-Identifier: MIT
 *
 * shutdown. Datagram sockets may shut down without a peer; a listener is not connected, whatever
 * Linux says of it. [WS-DATA-1, WS-LISTEN-5, SW-CLOSE-1]
 *
 * Locks: s->lock, held over the transport's shutdown.
 */
#include "close.h"
#include "transport.h"

static int kernel_shutdown(struct sw_socket *s, int how)
{
	INT error = 0;
	int r = s->process->tcpip.lpWSPShutdown(s->tcp, how, &error);
	/* a datagram socket without a peer: done all the same */
	return r && error != WSAENOTCONN ? error : 0;
}

static int shutdown_locked(struct sw_socket *s, int how)
{
	int code = 0;
	bool send = how != WSD_SD_RECEIVE, receive = how != WSD_SD_SEND;
	if (s->state == SW_CLOSED)
		return WSAENOTSOCK;
	if (how < WSD_SD_RECEIVE || how > WSD_SD_BOTH)
		return WSAEINVAL;
	if (s->type == WSD_SOCK_STREAM && s->state != SW_CONNECTED)
		return WSAENOTCONN;
	if (sw_fault_nobufs(s->process, "shutdown"))
		return WSAENOBUFS;
	if ((!send || s->shut_send) && (!receive || s->shut_receive))
		return 0; /* again */
	if (s->transport && s->transport->shutdown)
		code = s->transport->shutdown(s, how);
	else
		code = kernel_shutdown(s, how);
	if (code)
		return code;
	s->shut_send |= send;
	s->shut_receive |= receive;
	/* a select that waits: a call would answer at once now */
	waiter_list_wake(&s->waiters,
			 (send ? SW_READY_WRITE : 0u) | (receive ? SW_READY_READ : 0u));
	return 0;
}

int sw_shutdown(struct sw_process *p, SOCKET handle, int how)
{
	struct sw_socket *s = sw_socket_find(p, handle);
	if (!s)
		return WSAENOTSOCK;
	int code = WSAENETDOWN;
	if (!sw_fault_netdown(p, "shutdown")) {
		pthread_mutex_lock(&s->lock);
		code = shutdown_locked(s, how);
		pthread_mutex_unlock(&s->lock);
	}
	sw_socket_put(s);
	return code;
}
