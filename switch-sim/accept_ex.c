/* SPDX-License-Identifier: MIT
 *
 * AcceptEx: a connection into a socket that is there already, with its first data and both names in
 * one buffer. Calls wait in a queue at the listener and are served in order, by whoever brings the
 * connection or by the reactor. [WS-ACCEPT-6, -7, WS-NAME-5, SW-ACCEPT-8]
 *
 * Locks: the listener's or the accepted socket's, not both; completions are given, and data is
 * received, with no lock held.
 */
#include "accept_priv.h"
#include "address.h"
#include "close.h"
#include "disconnect.h"
#include "netevents.h"
#include "overlapped.h"
#include "san_connect.h"
#include "session.h"
#include "transport.h"
#include "usermem.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { NAME_EXTRA = 16 }; /* bytes that each name needs beside its sockaddr */

struct accept_ex {
	struct sw_request r;            /* of the data */
	struct accept_ex *next, *prev;  /* prev: of those that receive */
	struct sw_socket *listener, *s; /* a reference to each */
	_Atomic unsigned refs;
	bool linked, received; /* under the listener's lock */
	struct sw_accept_ex how;
	WSAEVENT event;
	const struct sw_transport *t; /* of the connection: DisconnectEx may take it away from s */
};

/* ---- the end ---- */

/* The names behind the data. What the application has taken away meanwhile is its own loss. */
static void put_names(const struct accept_ex *ax)
{
	struct sw_socket *s = ax->s;
	char *at = (char *)ax->how.buffer + ax->how.data_len;
	pthread_mutex_lock(&s->lock);
	memory_write(at, &s->local, (size_t)s->local_len);
	memory_write(at + ax->how.local_len, &s->peer, (size_t)s->peer_len);
	pthread_mutex_unlock(&s->lock);
}

static void drop(struct accept_ex *ax)
{
	if (atomic_fetch_sub(&ax->refs, 1) == 1)
		free(ax);
}

static void complete(struct accept_ex *ax, int code, uint64_t bytes)
{
	pthread_mutex_lock(&ax->s->lock);
	ax->s->accepting = NULL;
	pthread_mutex_unlock(&ax->s->lock);
	overlapped_end(ax->listener, ax->how.overlapped, ax->event, code, code ? 0 : (DWORD)bytes,
		       0);
	sw_socket_put(ax->s);
	sw_socket_put(ax->listener);
	drop(ax);
}

/* Caller holds the listener's lock. */
static void unlink_receiving(struct accept_ex *ax)
{
	if (!ax->linked)
		return;
	ax->linked = false;
	*(ax->prev ? &ax->prev->next : &ax->listener->acceptor->receiving) = ax->next;
	if (ax->next)
		ax->next->prev = ax->prev;
}

static void received(struct sw_request *r)
{
	struct accept_ex *ax = (struct accept_ex *)(void *)r;
	pthread_mutex_lock(&ax->listener->lock);
	unlink_receiving(ax);
	ax->received = true;
	pthread_mutex_unlock(&ax->listener->lock);
	complete(ax, r->code, r->done);
}

/* The receive under way ends with the listener [WS-ACCEPT-7]. False: that is closed already. */
static bool link_receiving(struct accept_ex *ax)
{
	struct sw_socket *l = ax->listener;
	pthread_mutex_lock(&l->lock);
	bool listens = l->state == SW_LISTENING && l->acceptor;
	if (listens && !ax->received) {
		ax->prev = NULL;
		ax->next = l->acceptor->receiving;
		if (ax->next)
			ax->next->prev = ax;
		l->acceptor->receiving = ax;
		ax->linked = true;
	}
	pthread_mutex_unlock(&l->lock);
	return listens;
}

/* Caller has references to both. */
static void give_up_receiving(struct accept_ex *ax, struct sw_socket *s)
{
	if (ax->t->cancel(s, &ax->r, WSA_OPERATION_ABORTED))
		received(&ax->r);
}

/* ---- a connection ---- */

/* Into the application's socket, which was fresh. Caller holds s->lock. */
static void fill(struct sw_socket *s, const struct sw_parts *parts)
{
	INT error;
	bool nonblocking = s->options.nonblocking;
	netevents_unwatch(s);
	sw_fds_begin();
	s->process->tcpip.lpWSPCloseSocket(s->tcp, &error);
	s->tcp = parts->tcp;
	sw_fds_end();
	s->options = parts->options;
	s->options.nonblocking = nonblocking;
	s->local = parts->local.addr;
	s->local_len = parts->local.len;
	s->peer = parts->peer.addr;
	s->peer_len = parts->peer.len;
	s->transport = parts->transport;
	s->tcp_reason = parts->tcp_reason;
	s->session = parts->session;
	s->hold = parts->hold;
	s->connected_ns = parts->connected_ns;
	s->kernel_bound = true;
	s->accepted_ex = true;
	s->state = SW_CONNECTED;
	if (s->session)
		san_session_attach(s->session, s);
	netevents_watch(s);
}

/* False: one of the two has been closed meanwhile; if it is the application's, the connection waits
 * for another accept. Both locks: the connection is nobody's yet, and never comes first. */
static bool move(struct accept_ex *ax, struct sw_socket *conn)
{
	struct sw_socket *s = ax->s;
	struct sw_parts parts;
	pthread_mutex_lock(&s->lock);
	bool fresh = s->state == SW_CREATED;
	bool moved = fresh && sw_socket_take_apart(conn, &parts);
	if (moved) {
		fill(s, &parts);
		ax->t = parts.transport;
	}
	pthread_mutex_unlock(&s->lock);
	if (fresh)
		sw_socket_put(conn);
	else
		accept_put_back(ax->listener, conn);
	return moved;
}

static void receive(struct accept_ex *ax)
{
	struct sw_socket *s = sw_socket_ref(ax->s), *l = sw_socket_ref(ax->listener);
	atomic_fetch_add(&ax->refs, 1);
	if (ax->t->submit(s, &ax->r))
		received(&ax->r);
	else if (!link_receiving(ax))
		give_up_receiving(ax, s);
	drop(ax);
	sw_socket_put(s);
	sw_socket_put(l);
}

static void deliver(struct accept_ex *ax, struct sw_socket *conn)
{
	if (!move(ax, conn)) {
		complete(ax, WSA_OPERATION_ABORTED, 0);
		return;
	}
	put_names(ax);
	sw_notify(ax->s, SW_READY_WRITE, 0);
	if (!ax->how.data_len) {
		complete(ax, 0, 0);
		return;
	}
	sw_request_init(&ax->r, ax->s, SW_OP_RECV, 0);
	sw_request_one(&ax->r, ax->how.buffer, ax->how.data_len);
	ax->r.finish = received;
	receive(ax);
}

/* ---- the queue at the listener ---- */

static struct accept_ex *next_wanted(struct acceptor *a)
{
	struct accept_ex *ax = a->wanted;
	if (ax)
		a->wanted = ax->next;
	return ax;
}

static void listener_ready(struct reactor_watch *w, uint32_t events)
{
	struct acceptor *a =
		(struct acceptor *)(void *)((char *)w - offsetof(struct acceptor, watch));
	struct sw_socket *s = a->s;
	pthread_mutex_lock(&s->lock);
	bool ours = a->watching; /* else accept_ex_stop() has our reference */
	a->watching = false;
	pthread_mutex_unlock(&s->lock);
	if (ours) {
		accept_ex_serve(s);
		sw_socket_put(s);
	}
}

/* The kernel's next connection will tell. Caller holds the listener's lock. WSA code. */
static int watch(struct sw_socket *s)
{
	struct acceptor *a = s->acceptor;
	if (a->watching || !s->kernel_listening)
		return 0;
	if (!a->reactor && reactor_start(s->process, &a->reactor) < 0)
		return WSAENOBUFS;
	a->watch.ready = listener_ready;
	a->watch.fd = (int)s->tcp;
	a->watching = true;
	a->watched = true;
	sw_socket_ref(s);
	if (reactor_arm(a->reactor, &a->watch, EPOLLIN) == 0)
		return 0;
	a->watching = false;
	sw_socket_put(s); /* the caller has another */
	return WSAENOBUFS;
}

/* One step. False: nothing to do any more. */
static bool serve_one(struct sw_socket *s)
{
	struct sw_socket *conn = NULL;
	struct accept_ex *ax = NULL;
	int code = WSAEWOULDBLOCK;
	pthread_mutex_lock(&s->lock);
	struct acceptor *a = s->acceptor;
	if (s->state == SW_LISTENING && a && a->wanted) {
		code = accept_take(s, &conn);
		if (code == WSAEWOULDBLOCK && watch(s))
			code = WSAENOBUFS;
		if (code != WSAEWOULDBLOCK)
			ax = next_wanted(a);
	}
	pthread_mutex_unlock(&s->lock);
	if (ax && code)
		complete(ax, code, 0);
	else if (ax)
		deliver(ax, conn);
	return ax;
}

void accept_ex_serve(struct sw_socket *s)
{
	while (serve_one(s))
		;
}

void accept_listening(struct sw_socket *s)
{
	waiter_list_wake(&s->waiters, SW_READY_ACCEPT);
	if (s->acceptor && s->acceptor->wanted)
		watch(s);
}

/* ---- the call ---- */

static int check_buffer(const struct sw_socket *s, const struct sw_accept_ex *how)
{
	DWORD least = (DWORD)address_size(s->af) + NAME_EXTRA;
	if (s->af == WSD_AF_UNIX)
		least = sizeof(SOCKADDR_UN) + NAME_EXTRA;
	if (!how->buffer || how->local_len < least || how->remote_len < least)
		return WSAEFAULT;
	size_t size = (size_t)how->data_len + how->local_len + how->remote_len;
	return memory_probe(how->buffer, size) < 0 ? WSAEFAULT : 0;
}

/* The fresh socket is spoken for. WSA code. */
static int claim(struct sw_socket *s, struct sw_socket *listener)
{
	pthread_mutex_lock(&s->lock);
	bool fresh = s->state == SW_CREATED && !s->accepting && s->type == WSD_SOCK_STREAM &&
		     s->af == listener->af;
	if (fresh)
		s->accepting = listener;
	int code = fresh ? 0 : s->state == SW_CLOSED ? WSAENOTSOCK : WSAEINVAL;
	pthread_mutex_unlock(&s->lock);
	return code;
}

/* Closed while it was queued: whoever closed it did not find it [accept_ex_withdraw()]. */
static void check_closed(struct sw_socket *listener, struct sw_socket *s)
{
	pthread_mutex_lock(&s->lock);
	bool closed = s->state == SW_CLOSED;
	pthread_mutex_unlock(&s->lock);
	if (closed)
		accept_ex_withdraw(listener, s);
}

/* Caller holds the listener's lock. */
static int queue(struct sw_socket *listener, struct sw_socket *s, const struct sw_accept_ex *how)
{
	int code = accept_check(listener);
	if (code)
		return code;
	struct acceptor *a = acceptor_of(listener);
	struct accept_ex *ax = calloc(1, sizeof(*ax));
	code = a && ax ? overlapped_begin(how->overlapped, &ax->event) : WSAENOBUFS;
	if (code) {
		free(ax);
		return code;
	}
	atomic_init(&ax->refs, 1);
	ax->listener = sw_socket_ref(listener);
	ax->s = sw_socket_ref(s);
	ax->how = *how;
	struct accept_ex **at = &a->wanted;
	while (*at)
		at = &(*at)->next;
	*at = ax;
	return 0;
}

static int accept_ex(struct sw_socket *listener, struct sw_socket *s,
		     const struct sw_accept_ex *how)
{
	int code = !how->overlapped ? WSA_INVALID_PARAMETER : check_buffer(listener, how);
	if (!code && sw_fault_nobufs(listener->process, "accept"))
		code = WSAENOBUFS;
	if (!code)
		code = claim(s, listener);
	if (code)
		return code;
	disconnect_tidy(s);
	pthread_mutex_lock(&listener->lock);
	code = queue(listener, s, how);
	pthread_mutex_unlock(&listener->lock);
	if (!code) {
		check_closed(listener, s);
		accept_ex_serve(listener);
		return WSA_IO_PENDING;
	}
	pthread_mutex_lock(&s->lock);
	s->accepting = NULL;
	pthread_mutex_unlock(&s->lock);
	return code;
}

int sw_accept_ex(struct sw_process *p, SOCKET listening, SOCKET accepting,
		 const struct sw_accept_ex *how)
{
	struct sw_socket *listener = sw_socket_find(p, listening);
	struct sw_socket *s = listener ? sw_socket_find(p, accepting) : NULL;
	int code = !s                              ? WSAENOTSOCK
		   : accept_in_condition()         ? WSAEINPROGRESS
		   : sw_fault_netdown(p, "accept") ? WSAENETDOWN
						   : accept_ex(listener, s, how);
	if (listener)
		netevents_reenable(listener, FD_ACCEPT);
	sw_socket_put(s);
	sw_socket_put(listener);
	return code;
}

/* ---- closing ---- */

/* False: none. */
static bool stop_receiving(struct sw_socket *l)
{
	struct sw_socket *s = NULL;
	pthread_mutex_lock(&l->lock);
	struct accept_ex *ax = l->acceptor ? l->acceptor->receiving : NULL;
	if (ax) {
		unlink_receiving(ax);
		atomic_fetch_add(&ax->refs, 1);
		s = sw_socket_ref(ax->s);
	}
	pthread_mutex_unlock(&l->lock);
	if (!ax)
		return false;
	give_up_receiving(ax, s);
	drop(ax);
	sw_socket_put(s);
	return true;
}

void accept_ex_stop(struct sw_socket *s)
{
	struct accept_ex *ax;
	pthread_mutex_lock(&s->lock);
	struct acceptor *a = s->acceptor;
	bool watching = a && a->watching;
	struct accept_ex *all = a ? a->wanted : NULL;
	if (a) {
		a->watching = false;
		a->wanted = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	if (a && a->watched)
		reactor_unwatch(a->reactor, &a->watch);
	if (watching)
		sw_socket_put(s); /* the caller has another */
	while ((ax = all)) {
		all = ax->next;
		complete(ax, WSA_OPERATION_ABORTED, 0);
	}
	while (stop_receiving(s))
		;
}

/* If it is not in the queue any more, its connection is just coming, and finds it closed. */
void accept_ex_withdraw(struct sw_socket *listener, struct sw_socket *s)
{
	struct accept_ex *ax = NULL;
	pthread_mutex_lock(&listener->lock);
	struct accept_ex **at = listener->acceptor ? &listener->acceptor->wanted : NULL;
	while (at && *at && (*at)->s != s)
		at = &(*at)->next;
	if (at && *at) {
		ax = *at;
		*at = ax->next;
	}
	pthread_mutex_unlock(&listener->lock);
	if (ax)
		complete(ax, WSA_OPERATION_ABORTED, 0);
}

/* ---- SO_UPDATE_ACCEPT_CONTEXT ---- */

int accept_update_context(struct sw_socket *s, SOCKET handle)
{
	struct sw_socket *listener = sw_socket_find(s->process, handle);
	if (!listener)
		return WSAENOTSOCK;
	pthread_mutex_lock(&listener->lock);
	bool listens = listener->state == SW_LISTENING;
	struct sw_options options = listener->options;
	pthread_mutex_unlock(&listener->lock);
	sw_socket_put(listener);
	pthread_mutex_lock(&s->lock);
	int code = s->state == SW_CLOSED      ? WSAENOTSOCK
		   : s->state != SW_CONNECTED ? WSAENOTCONN
		   : !listens                 ? WSAEINVAL
					      : 0;
	if (!code && s->accepted_ex) {
		options.nonblocking = s->options.nonblocking; /* the mode is no property */
		options.kernel_set |= s->options.kernel_set;
		s->options = options;
		s->accepted_ex = false;
	}
	pthread_mutex_unlock(&s->lock);
	return code;
}
