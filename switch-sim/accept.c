/* SPDX-License-Identifier: MIT
 *
 * accept and WSAAccept. Connections over TCP/IP wait in the kernel's queue; those over a SAN come
 * negotiated, and first take what the kernel holds into the listener's own queue, so that both
 * kinds are served in order of arrival. [WS-ACCEPT-1 to 5, SW-ACCEPT-1, -4 to -6, WS-LISTEN-4]
 *
 * Locks: the listener's s->lock, held over TCP/IP's accept; not over the condition function.
 */
#include "accept.h"
#include "accept_priv.h"
#include "address.h"
#include "close.h"
#include "netevents.h"
#include "san_connect.h"
#include "session.h"
#include "tcpip.h"
#include "transport.h"
#include "usermem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NEGOTIATING_MAX = 256 }; /* of one listener: each has memory and a queue pair */

static _Thread_local bool in_condition;

bool accept_in_condition(void)
{
	return in_condition;
}

/* ---- the queue; all with the listener's lock ---- */

struct acceptor *acceptor_of(struct sw_socket *s)
{
	if (!s->acceptor) {
		s->acceptor = calloc(1, sizeof(*s->acceptor));
		if (s->acceptor)
			s->acceptor->s = s;
	}
	return s->acceptor;
}

static void push(struct acceptor *a, struct sw_socket *conn)
{
	conn->next_ready = NULL;
	if (a->last)
		a->last->next_ready = conn;
	else
		a->first = conn;
	a->last = conn;
	a->count++;
}

static void push_front(struct acceptor *a, struct sw_socket *conn)
{
	conn->next_ready = a->first;
	a->first = conn;
	if (!a->last)
		a->last = conn;
	a->count++;
}

static struct sw_socket *pop(struct acceptor *a)
{
	struct sw_socket *conn = a->first;
	if (conn) {
		a->first = conn->next_ready;
		if (!a->first)
			a->last = NULL;
		conn->next_ready = NULL;
		a->count--;
	}
	return conn;
}

/* The name that the connection has at this end: the listener's, or if that is a wildcard what the
 * kernel says. */
static void local_name(struct sw_socket *s, SOCKET tcp, struct sw_name *ret)
{
	INT error, len = sizeof(ret->addr);
	ret->addr = s->local;
	ret->len = s->local_len;
	if (s->af == WSD_AF_UNIX || !address_is_wildcard(&s->local))
		return;
	if (s->process->tcpip.lpWSPGetSockName(tcp, (struct wsd_sockaddr *)&ret->addr, &len,
					       &error) == 0)
		ret->len = len;
}

/* From the kernel's queue. */
static int take_tcp(struct sw_socket *s, struct sw_socket **ret)
{
	struct sw_process *p = s->process;
	struct sw_name local, peer = {.len = sizeof(peer.addr)};
	INT error = 0;
	int code;
	if (!s->kernel_listening) /* another one of this name is first in rank */
		return WSAEWOULDBLOCK;
	sw_fds_begin();
	SOCKET tcp = p->tcpip.lpWSPAccept(s->tcp, (struct wsd_sockaddr *)&peer.addr, &peer.len,
					  NULL, 0, &error);
	code = tcp == INVALID_SOCKET ? error : 0;
	if (!code) {
		local_name(s, tcp, &local);
		code = sw_socket_adopt(s, tcp, &local, &peer, ret);
		if (code)
			p->tcpip.lpWSPCloseSocket(tcp, &error);
	}
	sw_fds_end();
	return code;
}

int accept_take(struct sw_socket *s, struct sw_socket **ret)
{
	*ret = s->acceptor ? pop(s->acceptor) : NULL;
	return *ret ? 0 : take_tcp(s, ret);
}

bool accept_ready(struct sw_socket *s, struct pollfd *fd)
{
	struct pollfd kernel = {.fd = s->kernel_listening ? (int)s->tcp : -1, .events = POLLIN};
	if (s->acceptor && s->acceptor->first)
		return true;
	if (fd)
		*fd = kernel;
	return poll(&kernel, 1, 0) == 1 && (kernel.revents & POLLIN);
}

/* ---- the SAN's [SW-ACCEPT-4 to -6] ---- */

/*
 * Those that negotiate are not in the queue: a peer that connects and says nothing for its ten
 * seconds takes nobody's place [SW-ACCEPT-7]. So the queue may become longer than the backlog by
 * those that were on their way when it was full, as the kernel's may.
 */
bool accept_has_room(const struct sw_socket *s)
{
	const struct acceptor *a = s->acceptor;
	unsigned most = s->backlog > 0 ? (unsigned)s->backlog : 1, ready = a ? a->count : 0;
	if (s->state != SW_LISTENING || !s->head || (a && a->negotiating >= NEGOTIATING_MAX))
		return false;
	/* the kernel's are in the queue as well, as nobody has taken them over yet */
	return ready < most && ready + (s->kernel_listening ? tcpip_waiting(s->tcp) : 0) < most;
}

void accept_san_negotiating(struct sw_socket *s, int by)
{
	struct acceptor *a = acceptor_of(s);
	if (a)
		a->negotiating += (unsigned)by;
}

/* The record of a connection that has no kernel socket yet: the application's socket is one for
 * life [SW-ACCEPT-6]. */
static int adopt_san(struct sw_socket *s, const struct sw_name *local, const struct sw_name *peer,
		     struct sw_socket **ret)
{
	struct sw_process *p = s->process;
	INT error = 0;
	sw_fds_begin();
	SOCKET tcp = p->tcpip.lpWSPSocket(s->af, s->type, s->protocol, NULL, 0, WSA_FLAG_OVERLAPPED,
					  &error);
	int code = tcp == INVALID_SOCKET ? error : 0;
	if (!code) {
		if (s->options.kernel_set)
			tcpip_copy_options(s->tcp, tcp);
		code = sw_socket_adopt(s, tcp, local, peer, ret);
		if (code)
			p->tcpip.lpWSPCloseSocket(tcp, &error);
	}
	sw_fds_end();
	return code;
}

static void drain_kernel(struct sw_socket *s)
{
	struct sw_socket *conn;
	while (take_tcp(s, &conn) == 0)
		push(s->acceptor, conn);
}

bool accept_san_ready(struct sw_socket *s, struct session *session,
		      const struct wsd_sockaddr_in *local, const struct wsd_sockaddr_in *peer)
{
	struct sw_name here = {.len = sizeof(*local)}, there = {.len = sizeof(*peer)};
	struct sw_socket *conn = NULL;
	memcpy(&here.addr, local, sizeof(*local));
	memcpy(&there.addr, peer, sizeof(*peer));
	pthread_mutex_lock(&s->lock);
	bool wanted = s->state == SW_LISTENING && acceptor_of(s) &&
		      adopt_san(s, &here, &there, &conn) == 0;
	if (s->acceptor && s->acceptor->negotiating)
		s->acceptor->negotiating--;
	if (wanted) {
		conn->session = session;
		conn->transport = &transport_san;
		conn->tcp_reason = SW_REASON_NONE;
		san_session_attach(session, conn);
		san_session_options(conn);
		drain_kernel(s);
		push(s->acceptor, conn);
		sw_notify(s, SW_READY_ACCEPT, 0);
	}
	pthread_mutex_unlock(&s->lock);
	if (wanted)
		accept_ex_serve(s);
	return wanted;
}

/* ---- waiting ---- */

int accept_check(const struct sw_socket *s)
{
	if (s->state == SW_CLOSED)
		return WSAENOTSOCK;
	if (s->type != WSD_SOCK_STREAM)
		return WSAEOPNOTSUPP;
	return s->state == SW_LISTENING ? 0 : WSAEINVAL;
}

/* One look at least. Caller holds s->lock, which is given up meanwhile. */
static int wait_for_one(struct sw_socket *s, struct sw_socket **ret)
{
	struct waiter w;
	struct waiter_link link = {0};
	int code = WSAEWOULDBLOCK;
	if (waiter_begin(&w) < 0) {
		code = accept_take(s, ret);
		return code == WSAEWOULDBLOCK ? WSAENOBUFS : code;
	}
	waiter_link(&s->waiters, &link, &w, SW_READY_ACCEPT | SW_READY_GONE);
	while (s->state == SW_LISTENING && (code = accept_take(s, ret)) == WSAEWOULDBLOCK) {
		struct pollfd fds[2] = {{.fd = (int)s->tcp, .events = POLLIN}};
		bool kernel = s->kernel_listening;
		pthread_mutex_unlock(&s->lock);
		waiter_sleep(&w, fds, kernel, WAITER_FOREVER);
		pthread_mutex_lock(&s->lock);
	}
	if (s->state != SW_LISTENING)
		code = WSAEINTR; /* WS-ACCEPT-5 */
	waiter_unlink(&link);
	waiter_end(&w);
	return code;
}

/* ---- the condition [WS-ACCEPT-4] ---- */

bool accept_put_back(struct sw_socket *s, struct sw_socket *conn)
{
	pthread_mutex_lock(&s->lock);
	bool kept = s->state == SW_LISTENING && acceptor_of(s);
	if (kept) {
		push_front(s->acceptor, conn);
		sw_notify(s, SW_READY_ACCEPT, 0);
	}
	pthread_mutex_unlock(&s->lock);
	if (kept) {
		accept_ex_serve(s);
	} else {
		sw_socket_abort(conn);
		sw_socket_put(conn);
	}
	return kept;
}

static int ask(const struct sw_accept *how, struct sw_socket *conn)
{
	WSABUF caller = {.len = (ULONG)conn->peer_len, .buf = (char *)&conn->peer};
	WSABUF callee = {.len = (ULONG)conn->local_len, .buf = (char *)&conn->local};
	WSABUF caller_data = {0}, callee_data = {0};
	GROUP group = 0;
	in_condition = true;
	int answer = how->condition(&caller, &caller_data, NULL, NULL, &callee, &callee_data,
				    &group, how->data);
	in_condition = false;
	return answer;
}

static int judge(struct sw_socket *s, const struct sw_accept *how, struct sw_socket *conn)
{
	int answer = ask(how, conn);
	if (answer == CF_ACCEPT)
		return 0;
	if (answer == CF_DEFER) {
		accept_put_back(s, conn);
		return WSATRY_AGAIN;
	}
	sw_socket_abort(conn);
	sw_socket_put(conn);
	return answer == CF_REJECT ? WSAECONNREFUSED : WSAEINVAL;
}

/* ---- accept ---- */

/* The room for the address, judged before a connection is taken: a failed call loses none. */
static int check_room(const struct sw_socket *s, const struct sw_accept *how)
{
	int room;
	if (!how->addr || !how->addrlen)
		return 0;
	if (memory_read(&room, how->addrlen, sizeof(room)) < 0)
		return WSAEFAULT;
	int need = address_size(s->af);
	return room < need || memory_probe(how->addr, (size_t)need) < 0 ? WSAEFAULT : 0;
}

static void give_name(const struct sw_accept *how, const struct sw_socket *conn)
{
	int room;
	if (!how->addr || !how->addrlen || memory_read(&room, how->addrlen, sizeof(room)) < 0)
		return;
	int n = conn->peer_len < room ? conn->peer_len : room;
	memory_write(how->addr, &conn->peer, (size_t)n);
	memory_write(how->addrlen, &n, sizeof(n));
}

/* Caller holds s->lock. */
static int take(struct sw_socket *s, const struct sw_accept *how, struct sw_socket **ret)
{
	int code = s->state == SW_CLOSED ? WSAENOTSOCK : check_room(s, how);
	if (!code)
		code = accept_check(s);
	if (!code && sw_fault_nobufs(s->process, "accept"))
		code = WSAENOBUFS;
	if (code)
		return code;
	return s->options.nonblocking ? accept_take(s, ret) : wait_for_one(s, ret);
}

static int hand_over(struct sw_socket *s, const struct sw_accept *how, struct sw_socket *conn,
		     SOCKET *ret)
{
	int code = netevents_inherit(s, conn); /* WS-ACCEPT-3 */
	if (code) {
		accept_put_back(s, conn);
		return code;
	}
	give_name(how, conn);
	*ret = sw_socket_handle(conn);
	sw_socket_put(conn);
	return 0;
}

int sw_accept(struct sw_process *p, SOCKET handle, const struct sw_accept *how, SOCKET *ret)
{
	struct sw_socket *conn = NULL, *s = sw_socket_find(p, handle);
	if (!s)
		return WSAENOTSOCK;
	int code = in_condition ? WSAEINPROGRESS : WSAENETDOWN;
	if (!in_condition && !sw_fault_netdown(p, "accept")) {
		pthread_mutex_lock(&s->lock);
		code = take(s, how, &conn);
		pthread_mutex_unlock(&s->lock);
	}
	if (!code && how->condition)
		code = judge(s, how, conn);
	if (!code)
		code = hand_over(s, how, conn, ret);
	if (code != WSATRY_AGAIN)
		netevents_reenable(s, FD_ACCEPT);
	sw_socket_put(s);
	return code;
}

/* ---- the end ---- */

void accept_stop(struct sw_socket *s)
{
	struct sw_socket *conn;
	accept_ex_stop(s);
	pthread_mutex_lock(&s->lock);
	struct acceptor *a = s->acceptor;
	for (;;) {
		conn = a ? pop(a) : NULL;
		if (!conn)
			break;
		pthread_mutex_unlock(&s->lock);
		sw_socket_abort(conn);
		sw_socket_put(conn);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
}

void accept_free(struct sw_socket *s)
{
	free(s->acceptor);
	s->acceptor = NULL;
}
