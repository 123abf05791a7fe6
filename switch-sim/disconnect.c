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
#include "handle.h"
#include "linger.h"
#include "netevents.h"
#include "overlapped.h"
#include "reason.h"
#include "san_connect.h"
#include "tcp_io.h"
#include "tcpip.h"
#include "transport.h"

#include <stdlib.h>

/* What calls of a connection before may still look at: kept as long as any call is inside. */
struct retired {
	struct retired *next;
	struct tcp_io *io;
	struct sw_socket *old; /* a reference: has the session */
};

/* The table's reference and our caller's: nobody else is inside, and whoever comes finds what the
 * socket has now. */
enum { ALONE = 2 };

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

/* What is left to do is tcp_io_closed(), without s->lock: a closesocket that comes meanwhile finds
 * a socket that is whole. */
static void end_tcp(struct sw_socket *s)
{
	INT error;
	if (tcp_io_close(s, false))
		return;
	sw_fds_begin();
	s->process->tcpip.lpWSPCloseSocket(s->tcp, &error);
	s->tcp = INVALID_SOCKET;
	sw_fds_end();
}

/* Under one roof for a fork, which looks for descriptors in both places. */
static void retire(struct sw_socket *s, struct retired *r)
{
	sw_fds_begin();
	r->io = s->session ? NULL : atomic_exchange(&s->tcp_io, NULL);
	r->next = s->retired;
	s->retired = r;
	sw_fds_end();
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

/* *ret_old: has the session, and is to be closed; *ret_io: tcp_io_closed() is due. */
static int reuse(struct sw_socket *s, struct sw_socket **ret_old, struct tcp_io **ret_io)
{
	struct sw_process *p = s->process;
	INT error = 0;
	struct retired *retired = calloc(1, sizeof(*retired));
	if (!retired)
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
	if (!s->session)
		end_tcp(s);
	else
		retired->old = sw_socket_ref(*ret_old);
	retire(s, retired);
	*ret_io = retired->io;
	renew(s, fresh);
	netevents_watch(s);
	return 0;
}

static void free_retired(struct retired *r)
{
	while (r) {
		struct retired *next = r->next;
		tcp_io_free(r->io);
		sw_socket_put(r->old);
		free(r);
		r = next;
	}
}

void disconnect_tidy(struct sw_socket *s)
{
	struct retired *r = NULL;
	pthread_mutex_lock(&s->lock);
	/* of one that is closed the table's is another thread's by now */
	if (s->retired && s->state != SW_CLOSED && handle_refs(s->slot) <= ALONE) {
		r = s->retired;
		s->retired = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	free_retired(r);
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

int disconnect_reuse(struct sw_socket *s)
{
	struct sw_socket *old = NULL;
	struct tcp_io *io = NULL;
	pthread_mutex_lock(&s->lock);
	int code = judge(s, TF_REUSE_SOCKET, 0);
	if (!code)
		code = reuse(s, &old, &io);
	pthread_mutex_unlock(&s->lock);
	tcp_io_closed(io); /* s->retired keeps it as long as we have our reference to s */
	if (old) {
		sw_socket_leave(old);
		sw_socket_put(old);
		/* what it tells of requests that it ends, it tells of itself */
		waiter_list_wake(&s->waiters, SW_READY_REQUEST);
	}
	disconnect_tidy(s);
	return code;
}

static int disconnect(struct sw_socket *s, DWORD flags)
{
	return flags & TF_REUSE_SOCKET ? disconnect_reuse(s)
				       : sw_shutdown(s->process, sw_socket_handle(s), WSD_SD_BOTH);
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
	free_retired(s->retired);
	s->retired = NULL;
}

void disconnect_after_fork(struct sw_socket *s)
{
	for (const struct retired *r = s->retired; r; r = r->next)
		tcp_io_after_fork(r->io);
}
