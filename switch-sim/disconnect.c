/* SPDX-License-Identifier: MIT
 *
 * DisconnectEx. Without TF_REUSE_SOCKET it is a shutdown in both directions. With it the connection
 * ends in the background, as closesocket's would, and the socket gets a new kernel socket: bound in
 * the name that it holds (for ConnectEx), or fresh when it was accepted (for AcceptEx).
 *
 * Locks: s->lock; completions are given with no lock held.
 */
#include "disconnect.h"
#include "close.h"
#include "connect.h"
#include "linger.h"
#include "netevents.h"
#include "overlapped.h"
#include "reason.h"
#include "san_connect.h"
#include "tcp_io.h"
#include "tcpip.h"
#include "transport.h"

#include <stdlib.h>

/* What data calls of a connection before may still look at: kept until the record ends. */
struct retired {
	struct retired *next;
	struct tcp_io *io;
};

/* ---- a socket that serves again; caller holds s->lock ---- */

/* The session in a record of its own, which ends as any other. *ret: to be closed. */
static int move_session(struct sw_socket *s, struct sw_socket **ret)
{
	const struct sw_name local = {s->local, s->local_len}, peer = {s->peer, s->peer_len};
	int code = sw_socket_adopt(s, s->tcp, &local, &peer, ret);
	if (code)
		return code;
	(*ret)->transport = s->transport;
	(*ret)->session = s->session;
	san_session_attach(s->session, *ret);
	return 0;
}

/* Pending requests are being ended, s->lock is given up for that. */
static void end_tcp(struct sw_socket *s, struct retired *retired)
{
	INT error;
	s->state = SW_CLOSED; /* for everybody else, for a moment */
	if (!tcp_io_close(s, false)) {
		sw_fds_begin();
		s->process->tcpip.lpWSPCloseSocket(s->tcp, &error);
		s->tcp = INVALID_SOCKET;
		sw_fds_end();
	}
	pthread_mutex_unlock(&s->lock);
	tcp_io_closed(s);
	pthread_mutex_lock(&s->lock);
	if (retired) {
		retired->io = atomic_exchange(&s->tcp_io, NULL);
		retired->next = s->retired;
		s->retired = retired;
	}
}

/* As after socket(), or after bind() if the name is its own. */
static void renew(struct sw_socket *s, SOCKET fresh)
{
	s->tcp = fresh;
	if (!s->named)
		linger_drop(s->hold);
	s->hold = s->named ? s->hold : NULL;
	s->session = NULL;
	s->transport = NULL;
	s->tcp_reason = SW_REASON_NONE;
	s->kernel_bound = false;
	s->shut_send = s->shut_receive = false;
	s->accepted_ex = false;
	s->error = 0;
	s->peer_len = 0;
	s->state = s->named ? SW_BOUND : SW_CREATED;
	connect_forget(s);
}

static int reuse(struct sw_socket *s, struct sw_socket **ret_old)
{
	struct sw_process *p = s->process;
	INT error = 0;
	bool has_io = atomic_load(&s->tcp_io);
	struct retired *retired = has_io ? calloc(1, sizeof(*retired)) : NULL;
	if (has_io && !retired)
		return WSAENOBUFS;
	sw_fds_begin();
	SOCKET fresh = p->tcpip.lpWSPSocket(s->af, s->type, s->protocol, NULL, 0,
					    WSA_FLAG_OVERLAPPED, &error);
	int code = fresh == INVALID_SOCKET ? error : 0;
	if (!code && s->session)
		code = move_session(s, ret_old);
	if (code && fresh != INVALID_SOCKET)
		p->tcpip.lpWSPCloseSocket(fresh, &error);
	sw_fds_end();
	if (code) {
		free(retired);
		return code;
	}
	netevents_unwatch(s);
	tcpip_copy_options(s->tcp, fresh);
	if (s->session)
		free(retired);
	else
		end_tcp(s, retired);
	renew(s, fresh);
	netevents_watch(s);
	return 0;
}

/* ---- the call ---- */

static int judge(const struct sw_socket *s, DWORD flags, DWORD reserved)
{
	if (s->state == SW_CLOSED)
		return WSAENOTSOCK;
	if ((flags & ~(DWORD)TF_REUSE_SOCKET) || reserved)
		return WSAEINVAL;
	return s->type == WSD_SOCK_STREAM && s->state == SW_CONNECTED ? 0 : WSAENOTCONN;
}

static int disconnect(struct sw_socket *s, DWORD flags)
{
	struct sw_socket *old = NULL;
	int code;
	if (!(flags & TF_REUSE_SOCKET)) {
		code = sw_shutdown(s->process, sw_socket_handle(s), WSD_SD_BOTH);
	} else {
		pthread_mutex_lock(&s->lock);
		code = judge(s, flags, 0);
		if (!code)
			code = reuse(s, &old);
		pthread_mutex_unlock(&s->lock);
	}
	if (old) {
		sw_socket_close(s->process, sw_socket_handle(old));
		sw_socket_put(old);
	}
	return code;
}

int sw_disconnect(struct sw_process *p, SOCKET handle, LPWSAOVERLAPPED overlapped, DWORD flags,
		  DWORD reserved)
{
	WSAEVENT event = NULL;
	struct sw_socket *s = sw_socket_find(p, handle);
	if (!s)
		return WSAENOTSOCK;
	pthread_mutex_lock(&s->lock);
	int code = judge(s, flags, reserved);
	pthread_mutex_unlock(&s->lock);
	if (!code && sw_fault_netdown(p, "DisconnectEx"))
		code = WSAENETDOWN;
	if (!code && overlapped)
		code = overlapped_begin(overlapped, &event);
	if (!code) {
		code = disconnect(s, flags);
		if (code && overlapped)
			overlapped_refuse(overlapped, code);
		else if (overlapped)
			overlapped_end(s, overlapped, event, 0, 0, 0);
	}
	sw_socket_put(s);
	return code || !overlapped ? code : WSA_IO_PENDING;
}

/* ---- the memory ---- */

void disconnect_free(struct sw_socket *s)
{
	for (struct retired *r; (r = s->retired);) {
		s->retired = r->next;
		tcp_io_free(r->io);
		free(r);
	}
}

void disconnect_after_fork(struct sw_socket *s)
{
	for (const struct retired *r = s->retired; r; r = r->next)
		tcp_io_after_fork(r->io);
}
