/* SPDX-License-Identifier: MIT
 *
 * One attempt to connect, as a state machine: the SAN, then TCP/IP, then its end. It is driven by
 * whoever has news: the calling thread of a blocking call (which polls the kernel's descriptor
 * itself), the SAN side (connect_san_done), or the reactor. [WS-CONNECT-1 to -8, SW-CONNECT-2, -4,
 * SW-FALLBACK-3, -5, SW-SHARE-5]
 *
 * Locks: s->lock, held over names, TCP/IP and san_connect. Completions of ConnectEx are given with
 * no lock held.
 */
#include "connect.h"
#include "accept.h"
#include "control.h"
#include "address.h"
#include "addrs.h"
#include "bind.h"
#include "connect_priv.h"
#include "reactor.h"
#include "san_connect.h"
#include "session.h"
#include "tcpip.h"
#include "transport.h"
#include "usermem.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { OTHER_PORTS = 64 }; /* tried when a dynamic port turns out to lead to the peer already */

static void run_tcp(struct sw_socket *s);

/* ---- the end of an attempt; all with s->lock ---- */

static void use_kernels_name(struct sw_socket *s)
{
	INT error = 0, len = sizeof(s->local);
	struct wsd_sockaddr_storage local;
	if (s->process->tcpip.lpWSPGetSockName(s->tcp, (struct wsd_sockaddr *)&local, &len,
					       &error) == 0) {
		s->local = local;
		s->local_len = len;
	}
}

static void tell(struct sw_socket *s, int code)
{
	unsigned bits = SW_READY_CONNECT | (code ? SW_READY_ERROR : SW_READY_WRITE);
	sw_notify(s, bits, code);
}

static void succeed(struct sw_socket *s)
{
	struct connector *c = s->connector;
	c->phase = CONNECT_IDLE;
	c->code = 0;
	c->failed = false;
	s->error = 0;
	c->update_due = c->mode == CONNECT_EX;
	s->state = SW_CONNECTED;
	s->connected_ns = waiter_now_ns();
	control_start(s->process);
	tell(s, 0);
}

/* As before the attempt, with the same name; it may try again, or listen [WS-CONNECT-4,
 * WS-LISTEN-6]. */
static void fail(struct sw_socket *s, int code)
{
	struct connector *c = s->connector;
	if (c->phase == CONNECT_TCP)
		tcpip_disconnect(s->tcp);
	c->phase = CONNECT_IDLE;
	c->code = code;
	c->failed = true;
	s->error = c->mode == CONNECT_BLOCKING ? 0 : code; /* WS-CONNECT-8 */
	s->state = c->unnamed ? SW_CREATED : SW_BOUND;
	s->local = c->bound;
	s->local_len = c->bound_len;
	s->peer_len = 0;
	s->tcp_reason = SW_REASON_NONE;
	tell(s, code);
}

/* ---- over TCP/IP ---- */

static void tcp_up(struct sw_socket *s)
{
	s->transport = &transport_tcp;
	san_connect_by_tcp(s->process->san, s);
	if (s->connector->unnamed) { /* AF_UNIX: a name that says nothing */
		s->local.ss_family = WSD_AF_UNIX;
		s->local_len = address_size(WSD_AF_UNIX);
	} else if (s->af != WSD_AF_UNIX) {
		use_kernels_name(s);
	}
	succeed(s);
}

/* Nobody else asked for this port: then the one that leads to the peer already is not the only one.
 */
static bool take_other_port(struct sw_socket *s)
{
	struct connector *c = s->connector;
	if (!c->implicit || c->tries++ >= OTHER_PORTS || bind_other_port(s))
		return false;
	c->bound = s->local;
	return true;
}

static void kernel_ended(struct sw_socket *s, int code)
{
	struct connector *c = s->connector;
	if (!code)
		tcp_up(s);
	else if (code == WSAEADDRINUSE && take_other_port(s))
		run_tcp(s);
	else
		fail(s, code == WSAEADDRINUSE && c->implicit ? WSAENOBUFS : code);
}

/* The reactor's news, for attempts that no thread waits for. */
static void kernel_ready(struct reactor_watch *w, uint32_t events)
{
	struct connector *c =
		(struct connector *)(void *)((char *)w - offsetof(struct connector, watch));
	struct sw_socket *s = c->s;
	bool ended = false;
	pthread_mutex_lock(&s->lock);
	if (c->watching) { /* else connect_stop() waits for us, and has our reference */
		c->watching = false;
		ended = true;
		reactor_unwatch(c->reactor, w);
		if (s->state == SW_CONNECTING && c->phase == CONNECT_TCP)
			kernel_ended(s, tcpip_connect_result(s->tcp));
	}
	pthread_mutex_unlock(&s->lock);
	if (ended) {
		connect_ex_ended(s);
		sw_socket_put(s);
	}
}

/* Return: 0 or -errno. */
static int watch(struct sw_socket *s)
{
	struct connector *c = s->connector;
	int r = reactor_start(s->process, &c->reactor);
	if (r < 0)
		return r;
	c->watch = (struct reactor_watch){.ready = kernel_ready, .fd = (int)s->tcp};
	c->watching = true;
	sw_socket_ref(s);
	r = reactor_arm(c->reactor, &c->watch, EPOLLOUT);
	if (r < 0) {
		c->watching = false;
		sw_socket_put(s); /* the caller has another */
	}
	return r;
}

static void run_tcp(struct sw_socket *s)
{
	struct connector *c = s->connector;
	INT error = 0;
	c->phase = CONNECT_TCP;
	if (s->process->tcpip.lpWSPConnect(s->tcp, (struct wsd_sockaddr *)&s->peer, s->peer_len,
					   NULL, NULL, NULL, NULL, &error) == 0)
		error = 0;
	if (error != WSAEWOULDBLOCK)
		kernel_ended(s, error);
	else if (c->mode == CONNECT_BLOCKING)
		waiter_list_wake(&s->waiters, SW_READY_CONNECT); /* it polls from now on */
	else if (watch(s) < 0)
		fail(s, WSAENOBUFS);
}

/* ---- the SAN ---- */

/* True: the attempt is under way, or has ended. */
static bool try_san(struct sw_socket *s)
{
	struct connector *c = s->connector;
	const struct wsd_sockaddr_in *to = (const struct wsd_sockaddr_in *)&s->peer;
	enum sw_reason reason = SW_REASON_FAMILY;
	bool started = false;
	if (s->af == WSD_AF_INET && s->type == WSD_SOCK_STREAM) {
		do {
			c->phase = CONNECT_SAN;
			started = san_connect(s->process->san, s, to, &reason);
		} while (!started && reason == SW_REASON_TAKEN && take_other_port(s));
	}
	if (!started && reason == SW_REASON_TAKEN) { /* SW-SHARE-5 */
		fail(s, c->implicit ? WSAENOBUFS : WSAEADDRINUSE);
		return true;
	}
	if (!started)
		s->tcp_reason = reason;
	return started;
}

static void san_up(struct sw_socket *s, struct session *session,
		   const struct wsd_sockaddr_in *local)
{
	s->session = session;
	s->transport = &transport_san;
	s->tcp_reason = SW_REASON_NONE;
	san_session_options(s);
	memset(&s->local, 0, sizeof(s->local));
	memcpy(&s->local, local, sizeof(*local));
	s->local_len = sizeof(*local);
	succeed(s);
}

void connect_san_done(struct sw_socket *s, struct session *session,
		      const struct wsd_sockaddr_in *local, int code, enum sw_reason reason)
{
	pthread_mutex_lock(&s->lock);
	bool wanted = s->state == SW_CONNECTING && s->connector->phase == CONNECT_SAN;
	s->san_reports = false;
	if (wanted && session) {
		san_up(s, session, local);
	} else if (wanted && code) {
		fail(s, code == WSAECONNRESET ? WSAECONNREFUSED : code); /* SW-FALLBACK-3 */
	} else if (wanted) {
		s->tcp_reason = reason;
		run_tcp(s);
	}
	pthread_mutex_unlock(&s->lock);
	if (!wanted && session) /* given up in this moment */
		session_close(session, 0);
	connect_ex_ended(s);
}

/* ---- a thread that waits ---- */

static void give_up(struct sw_socket *s, int code)
{
	if (s->connector->phase == CONNECT_SAN)
		san_connect_cancel(s->process->san, s);
	fail(s, code);
}

/* s->lock is given up meanwhile. */
static void wait_for_end(struct sw_socket *s, struct waiter *w, uint64_t deadline_ns)
{
	struct connector *c = s->connector;
	uint64_t attempt = c->attempt;
	int r = 0;
	while (s->state == SW_CONNECTING && c->attempt == attempt) {
		bool tcp = c->phase == CONNECT_TCP;
		struct pollfd fds[2] = {{.fd = (int)s->tcp, .events = POLLOUT}};
		if (r == -ETIMEDOUT) {
			give_up(s, WSAETIMEDOUT);
			return;
		}
		pthread_mutex_unlock(&s->lock);
		r = waiter_sleep(w, fds, tcp, deadline_ns);
		pthread_mutex_lock(&s->lock);
		if (tcp && fds[0].revents && s->state == SW_CONNECTING && c->phase == CONNECT_TCP)
			kernel_ended(s, tcpip_connect_result(s->tcp));
	}
}

static int wait_connected(struct sw_socket *s, uint64_t deadline_ns)
{
	struct waiter w;
	struct waiter_link link = {0};
	if (s->state == SW_CONNECTING) {
		if (waiter_begin(&w) < 0) {
			give_up(s, WSAENOBUFS);
			return WSAENOBUFS;
		}
		waiter_link(&s->waiters, &link, &w, SW_READY_CONNECT | SW_READY_GONE);
		wait_for_end(s, &w, deadline_ns);
		waiter_unlink(&link);
		waiter_end(&w);
	}
	return s->state == SW_CLOSED ? WSAEINTR : s->connector->code;
}

/* ---- the beginning ---- */

static int check_state(const struct sw_socket *s, enum connect_mode mode)
{
	switch (s->state) {
	case SW_CLOSED:
	case SW_LISTENING:
		return WSAEINVAL; /* WS-LISTEN-5 */
	case SW_CONNECTING:
		return mode == CONNECT_EX ? WSAEINVAL : WSAEALREADY;
	case SW_CONNECTED:
		return s->type == WSD_SOCK_STREAM ? WSAEISCONN : 0;
	case SW_CREATED:
		return mode == CONNECT_EX || s->accepting ? WSAEINVAL : 0; /* WS-CONNECT-7 */
	case SW_BOUND:
	case SW_STATE_COUNT:
		break;
	}
	return s->accepting ? WSAEINVAL : 0;
}

/* The steps "pointer and length" and "family" of WS-ERR-3. */
static int read_name(const struct sw_socket *s, const void *name, int namelen,
		     struct wsd_sockaddr_storage *ret, int *ret_len)
{
	ADDRESS_FAMILY family;
	int least = address_size(s->af), room = least;
	if (!name || namelen < (int)sizeof(family) || memory_read(&family, name, sizeof(family)))
		return WSAEFAULT;
	memset(ret, 0, sizeof(*ret));
	if (family == WSD_AF_UNSPEC && s->type != WSD_SOCK_STREAM) {
		*ret_len = 0; /* WS-CONNECT-2 */
		return 0;
	}
	if (s->af == WSD_AF_UNIX)
		room = (int)sizeof(SOCKADDR_UN);
	if (namelen < least)
		return WSAEFAULT;
	*ret_len = namelen < room ? namelen : room;
	if (memory_read(ret, name, (size_t)*ret_len) < 0)
		return WSAEFAULT;
	if (ret->ss_family != s->af)
		return WSAEAFNOSUPPORT;
	if (s->af == WSD_AF_INET)
		memset(((SOCKADDR_IN *)ret)->sin_zero, 0, sizeof(((SOCKADDR_IN *)ret)->sin_zero));
	return 0;
}

/* What Linux would let through or say otherwise [WS-CONNECT-2, -5]. */
static int check_address(const struct sw_socket *s, const struct wsd_sockaddr_storage *to)
{
	uint32_t four;
	if (s->af == WSD_AF_UNIX)
		return ((const SOCKADDR_UN *)to)->sun_path[0] ? 0 : WSAEADDRNOTAVAIL;
	if (s->type == WSD_SOCK_STREAM)
		return address_is_wildcard(to) || !address_port(to) ? WSAEADDRNOTAVAIL : 0;
	if (s->process->settings.profile == SW_PROFILE_DOCUMENTED && !s->options.broadcast &&
	    address_ipv4(to, &four) && addrs_is_broadcast(four) > 0)
		return WSAEACCES;
	return 0;
}

/* A name, in the kernel too [WS-BIND-7]. AF_UNIX needs none. */
static int make_name(struct sw_socket *s)
{
	if (s->af == WSD_AF_UNIX || (s->state != SW_CREATED && s->kernel_bound))
		return 0;
	return s->state == SW_CREATED ? bind_implicit(s) : bind_kernel(s);
}

struct connector *connect_of(struct sw_socket *s)
{
	if (!s->connector) {
		s->connector = calloc(1, sizeof(*s->connector));
		if (s->connector)
			s->connector->s = s;
	}
	return s->connector;
}

int connect_begin(struct sw_socket *s, const struct wsd_sockaddr_storage *to, int to_len,
		  enum connect_mode mode)
{
	bool unnamed = s->state == SW_CREATED;
	struct connector *c = connect_of(s);
	int code = c ? make_name(s) : WSAENOBUFS;
	if (code)
		return code;
	c->mode = mode;
	c->attempt++;
	c->tries = 0;
	c->code = 0;
	c->failed = false;
	c->implicit |= unnamed;
	c->unnamed = s->state == SW_CREATED; /* AF_UNIX */
	c->bound = s->local;
	c->bound_len = s->local_len;
	s->peer = *to;
	s->peer_len = to_len;
	s->error = 0;
	s->state = SW_CONNECTING;
	if (!try_san(s))
		run_tcp(s);
	return 0;
}

/* Datagrams: the peer is a note in the kernel [WS-CONNECT-2]. */
static int associate(struct sw_socket *s, const struct wsd_sockaddr_storage *to, int to_len)
{
	INT error = 0;
	int code = make_name(s);
	if (code)
		return code;
	struct connector *c = connect_of(s);
	if (!c)
		return WSAENOBUFS;
	bool was = s->state == SW_CONNECTED;
	if (!was) {
		c->bound = s->local;
		c->bound_len = s->local_len;
	}
	if (!to_len || address_is_wildcard(to)) {
		if (was)
			tcpip_disconnect(s->tcp);
		s->local = c->bound;
		s->local_len = c->bound_len;
		s->peer_len = 0;
		s->transport = NULL;
		s->state = SW_BOUND;
		return 0;
	}
	if (was) /* the local address may be another one for the new peer */
		tcpip_disconnect(s->tcp);
	int r = s->process->tcpip.lpWSPConnect(s->tcp, (const struct wsd_sockaddr *)to, to_len,
					       NULL, NULL, NULL, NULL, &error);
	s->state = r ? SW_BOUND : SW_CONNECTED;
	s->peer = *to;
	s->peer_len = r ? 0 : to_len;
	s->transport = r ? NULL : &transport_tcp;
	if (r) {
		s->local = c->bound;
		s->local_len = c->bound_len;
		return error;
	}
	use_kernels_name(s);
	s->connected_ns = waiter_now_ns();
	s->error = 0;
	sw_notify(s, SW_READY_CONNECT | SW_READY_WRITE, 0);
	return 0;
}

int connect_judge(const struct sw_socket *s, const void *name, int namelen, enum connect_mode mode,
		  struct wsd_sockaddr_storage *ret, int *ret_len)
{
	int code = s->state == SW_CLOSED ? WSAENOTSOCK : read_name(s, name, namelen, ret, ret_len);
	if (!code)
		code = check_state(s, mode);
	if (!code && mode == CONNECT_EX && s->type != WSD_SOCK_STREAM)
		code = WSAEINVAL;
	if (!code && *ret_len)
		code = check_address(s, ret);
	if (!code && sw_fault_nobufs(s->process, "connect"))
		code = WSAENOBUFS;
	return code;
}

static int connect_locked(struct sw_socket *s, const void *name, int namelen, uint64_t deadline_ns)
{
	struct wsd_sockaddr_storage to;
	int len, code = connect_judge(s, name, namelen, CONNECT_PLAIN, &to, &len);
	if (code)
		return code;
	if (s->type != WSD_SOCK_STREAM)
		return associate(s, &to, len);
	enum connect_mode mode = s->options.nonblocking ? CONNECT_PLAIN : CONNECT_BLOCKING;
	code = connect_begin(s, &to, len, mode);
	if (code)
		return code;
	/* also when it has ended already: the result comes as Windows's does [WS-CONNECT-3] */
	return mode == CONNECT_BLOCKING ? wait_connected(s, deadline_ns) : WSAEWOULDBLOCK;
}

int sw_connect(struct sw_process *p, SOCKET handle, const void *name, int namelen,
	       uint64_t deadline_ns)
{
	struct sw_socket *s = sw_socket_find(p, handle);
	if (!s)
		return WSAENOTSOCK;
	int code = accept_in_condition() ? WSAEINPROGRESS : WSAENETDOWN;
	if (!accept_in_condition() && !sw_fault_netdown(p, "connect")) {
		pthread_mutex_lock(&s->lock);
		code = connect_locked(s, name, namelen, deadline_ns);
		pthread_mutex_unlock(&s->lock);
	}
	sw_socket_put(s);
	return code;
}

/* ---- for the rest of the switch ---- */

bool connect_failed(const struct sw_socket *s)
{
	return s->connector && s->connector->failed;
}

void connect_forget(struct sw_socket *s)
{
	struct connector *c = s->connector;
	if (!c)
		return;
	if (s->state == SW_BOUND) {
		s->local = c->bound;
		s->local_len = c->bound_len;
	}
	c->failed = c->update_due = false;
	c->code = 0;
}

void connect_stop(struct sw_socket *s)
{
	pthread_mutex_lock(&s->lock);
	struct connector *c = s->connector;
	bool watching = c && c->watching;
	if (c) {
		if (c->phase == CONNECT_SAN)
			san_connect_cancel(s->process->san, s);
		c->phase = CONNECT_IDLE;
		c->code = WSA_OPERATION_ABORTED;
		c->watching = false;
	}
	pthread_mutex_unlock(&s->lock);
	if (watching) {
		reactor_unwatch(c->reactor, &c->watch);
		sw_socket_put(s); /* the caller has another */
	}
	connect_ex_ended(s);
}

void connect_free(struct sw_socket *s)
{
	free(s->connector);
	s->connector = NULL;
}
