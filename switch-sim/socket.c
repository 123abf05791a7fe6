/* SPDX-License-Identifier: MIT
 *
 * Socket records: creation, look-up, the end. [WS-SOCKET-1 to 4, WS-CLOSE-1, SW-BIND-1]
 *
 * Locks: s->lock; the handle table's inside it.
 */
#include "socket.h"
#include "control.h"
#include "accept.h"
#include "close.h"
#include "connect.h"
#include "handle.h"
#include "names.h"
#include "netevents.h"
#include "san.h"
#include "san_connect.h"
#include "session.h"
#include "reason.h"
#include "sw_step.h"
#include "tcp_io.h"
#include "transport.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sw_socket *sw_socket_find(struct sw_process *p, SOCKET s)
{
	return handles_find(p->handles, HANDLE_SOCKET, s);
}

SOCKET sw_socket_handle(const struct sw_socket *s)
{
	return s->slot->value;
}

struct sw_socket *sw_socket_ref(struct sw_socket *s)
{
	handle_ref(s->slot);
	return s;
}

void sw_socket_put(struct sw_socket *s)
{
	if (!s || !handle_put(s->slot))
		return;
	handles_recycle(s->process->handles, s->slot);
	connect_free(s);
	accept_free(s);
	netevents_free(s);
	if (s->session)
		san_session_drop(s->session);
	tcp_io_free(atomic_load(&s->tcp_io));
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void sw_socket_each(struct sw_process *p, void (*fn)(struct sw_socket *s, void *arg), void *arg)
{
	struct sw_socket *s;
	unsigned at = 0;
	while ((s = handles_next(p->handles, HANDLE_SOCKET, &at))) {
		fn(s, arg);
		sw_socket_put(s);
	}
}

/* ---- creation ---- */

enum { RAW_PROTOCOL_MAX = 255, SESSION_MS = 30000 };

static bool known_type(int type)
{
	return type == 0 || type == WSD_SOCK_STREAM || type == WSD_SOCK_DGRAM ||
	       type == WSD_SOCK_RAW;
}

static bool known_family(int af)
{
	return af == WSD_AF_UNSPEC || af == WSD_AF_INET || af == WSD_AF_INET6 || af == WSD_AF_UNIX;
}

/* Type and protocol that go together; 0 stands for "whatever fits". The first row that fits
 * decides. */
static const struct pair {
	int af, type, protocol;
} pairs[] = {
	{WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP},
	{WSD_AF_INET, WSD_SOCK_DGRAM, WSD_IPPROTO_UDP},
	{WSD_AF_INET6, WSD_SOCK_STREAM, WSD_IPPROTO_TCP},
	{WSD_AF_INET6, WSD_SOCK_DGRAM, WSD_IPPROTO_UDP},
	{WSD_AF_UNIX, WSD_SOCK_STREAM, 0},
};

/* WS-SOCKET-1: the type is judged before the family, the protocol last. */
static int resolve(int *af, int *type, int *protocol)
{
	if (!known_type(*type))
		return WSAESOCKTNOSUPPORT;
	if (!known_family(*af))
		return WSAEAFNOSUPPORT;
	if (*af == WSD_AF_UNSPEC) {
		if (*protocol == 0)
			return WSAEINVAL;
		*af = WSD_AF_INET;
	}
	if (*type == WSD_SOCK_RAW) {
		if (*af == WSD_AF_UNIX)
			return WSAESOCKTNOSUPPORT;
		return *protocol < 0 || *protocol > RAW_PROTOCOL_MAX ? WSAEPROTONOSUPPORT : 0;
	}
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const struct pair *row = &pairs[i];
		if (row->af != *af || (*type && row->type != *type) ||
		    (*protocol && row->protocol != *protocol))
			continue;
		*type = row->type;
		*protocol = row->protocol;
		return 0;
	}
	return *af == WSD_AF_UNIX && *type == WSD_SOCK_DGRAM ? WSAESOCKTNOSUPPORT
							     : WSAEPROTONOSUPPORT;
}

static bool legal_flags(int type, DWORD flags)
{
	DWORD legal = WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT;
	if (type == WSD_SOCK_DGRAM) /* multicast knows no roots */
		legal |= WSA_FLAG_MULTIPOINT_C_LEAF | WSA_FLAG_MULTIPOINT_D_LEAF;
	return !(flags & ~legal);
}

static int make(struct sw_process *p, int af, int type, int protocol, DWORD flags, SOCKET *ret)
{
	INT error = 0;
	uint32_t handle;
	struct sw_socket *s = malloc(sizeof(*s));
	if (!s)
		return WSAENOBUFS;
	*s = (struct sw_socket){.process = p,
				.lock = PTHREAD_MUTEX_INITIALIZER,
				.waiters = WAITER_LIST_INITIALIZER,
				.af = af,
				.type = type,
				.protocol = protocol};
	s->options.v6only = 1;
	s->options.sndbuf = s->options.rcvbuf = -1;
	s->tcp = p->tcpip.lpWSPSocket(af, type, protocol, NULL, 0, flags | WSA_FLAG_OVERLAPPED,
				      &error);
	int code = s->tcp == INVALID_SOCKET ? error : 0;
	if (!code && handles_add(p->handles, HANDLE_SOCKET, s, &s->slot, &handle) < 0) {
		p->tcpip.lpWSPCloseSocket(s->tcp, &error);
		code = WSAENOBUFS;
	}
	if (code) {
		pthread_mutex_destroy(&s->lock);
		free(s);
		return code;
	}
	*ret = handle;
	return 0;
}

int sw_socket_create(struct sw_process *p, int af, int type, int protocol, DWORD flags, SOCKET *ret)
{
	if (sw_fault_netdown(p, "socket"))
		return WSAENETDOWN;
	if (sw_fault_nobufs(p, "socket"))
		return WSAENOBUFS;
	int code = resolve(&af, &type, &protocol);
	if (code)
		return code;
	if (!legal_flags(type, flags))
		return WSAEINVAL;
	sw_fds_begin();
	code = make(p, af, type, protocol, flags, ret);
	sw_fds_end();
	return code;
}

int sw_socket_adopt(struct sw_socket *listener, SOCKET tcp, const struct sw_name *local,
		    const struct sw_name *peer, struct sw_socket **ret)
{
	uint32_t handle;
	struct sw_socket *s = malloc(sizeof(*s));
	if (!s)
		return WSAENOBUFS;
	*s = (struct sw_socket){.process = listener->process,
				.lock = PTHREAD_MUTEX_INITIALIZER,
				.waiters = WAITER_LIST_INITIALIZER,
				.tcp = tcp,
				.af = listener->af,
				.type = listener->type,
				.protocol = listener->protocol,
				.state = SW_CONNECTED,
				.options = listener->options,
				.local = local->addr,
				.local_len = local->len,
				.peer = peer->addr,
				.peer_len = peer->len,
				.kernel_bound = true,
				.transport = &transport_tcp,
				.tcp_reason = SW_REASON_ACCEPTED,
				.connected_ns = waiter_now_ns()};
	if (handles_add(s->process->handles, HANDLE_SOCKET, s, &s->slot, &handle) < 0) {
		pthread_mutex_destroy(&s->lock);
		free(s);
		return WSAENOBUFS;
	}
	control_start(s->process);
	*ret = sw_socket_ref(s);
	return 0;
}

/* ---- the end ---- */

/* Caller holds s->lock. The name goes last: whoever gets it can listen at once [SW-SHARE-3]. */
static void tear_down(struct sw_socket *s)
{
	struct sw_process *p = s->process;
	struct wsd_linger linger;
	INT error;
	memcpy(&linger, &s->options.linger, sizeof(linger));
	if (s->san)
		san_unlisten(p->san, s);
	SW_STEP(companion_closed);
	/* A child that has just been forked may not have closed its copy yet, and a thread that
	 * polls holds on to the socket until it runs again: stop listening all the same. */
	if (s->kernel_listening && (atomic_load_explicit(&p->forked, memory_order_relaxed) ||
				    atomic_load(&s->waiters.first)))
		p->tcpip.lpWSPShutdown(s->tcp, WSD_SD_BOTH, &error);
	if (!tcp_io_close(s, linger.l_onoff && !linger.l_linger)) {
		sw_fds_begin();
		p->tcpip.lpWSPCloseSocket(s->tcp, &error);
		s->tcp = INVALID_SOCKET;
		sw_fds_end();
	}
	SW_STEP(kernel_closed);
	if (s->named) {
		names_release(p->names, s->name_id);
		atomic_fetch_sub(&p->bound, 1);
	}
	SW_STEP(name_released);
	s->named = s->head = s->kernel_listening = s->kernel_bound = false;
}

/* The session ends in the background; it has a reference to s until then [SW-CLOSE-2]. Caller holds
 * s->lock. */
static void close_session(struct sw_socket *s)
{
	struct wsd_linger l;
	memcpy(&l, &s->options.linger, sizeof(l));
	session_close(s->session, l.l_onoff ? l.l_linger * 1000u : SESSION_MS);
}

static int close_handle(struct sw_process *p, SOCKET handle)
{
	struct sw_socket *s = handles_remove(p->handles, HANDLE_SOCKET, handle);
	if (!s)
		return WSAENOTSOCK;
	pthread_mutex_lock(&s->lock);
	s->state = SW_CLOSED;
	bool connects = s->connector, accepts = s->acceptor;
	pthread_mutex_unlock(&s->lock);
	sw_notify(s, SW_READY_GONE, 0);
	netevents_stop(s);
	if (connects)
		connect_stop(s);
	if (accepts)
		accept_stop(s);
	pthread_mutex_lock(&s->lock);
	if (s->session)
		close_session(s);
	tear_down(s);
	pthread_mutex_unlock(&s->lock);
	tcp_io_closed(s);
	sw_socket_put(s);
	return 0;
}

int sw_socket_close(struct sw_process *p, SOCKET handle)
{
	if (sw_fault_netdown(p, "closesocket")) {
		struct sw_socket *s = sw_socket_find(p, handle);
		sw_socket_put(s);
		return s ? WSAENETDOWN : WSAENOTSOCK;
	}
	return close_handle(p, handle);
}

void sw_socket_abort(struct sw_socket *s)
{
	static const struct wsd_linger hard = {.l_onoff = 1};
	INT error;
	pthread_mutex_lock(&s->lock);
	memcpy(&s->options.linger, &hard, sizeof(hard));
	if (s->state != SW_CLOSED)
		s->process->tcpip.lpWSPSetSockOpt(s->tcp, WSD_SOL_SOCKET, WSD_SO_LINGER,
						  (const char *)&hard, sizeof(hard), &error);
	pthread_mutex_unlock(&s->lock);
	close_handle(s->process, sw_socket_handle(s));
}

static void close_one(struct sw_socket *s, void *arg)
{
	close_handle(s->process, sw_socket_handle(s));
}

void sw_socket_close_all(struct sw_process *p)
{
	sw_socket_each(p, close_one, NULL);
}

void sw_socket_after_fork(struct sw_socket *s)
{
	static struct sw_socket *abandoned;
	if (s->tcp != INVALID_SOCKET)
		close((int)s->tcp); /* the TCP/IP provider's descriptor is the kernel's */
	tcp_io_after_fork(atomic_load(&s->tcp_io));
	if (pthread_mutex_trylock(&s->lock)) {
		/* the fork came while a thread was changing it: kept reachable, never touched */
		s->abandoned = abandoned;
		abandoned = s;
		return;
	}
	san_forget(s);
	connect_free(s);
	accept_free(s);
	netevents_free(s);
	free(s);
}
