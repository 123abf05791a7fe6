/* SPDX-License-Identifier: MIT
 *
 * Socket records: creation, look-up, references. [WS-SOCKET-1 to 4, SW-BIND-1]
 *
 * Locks: s->lock; the handle table's inside it.
 */
#include "socket.h"
#include "control.h"
#include "accept.h"
#include "connect.h"
#include "disconnect.h"
#include "handle.h"
#include "linger.h"
#include "netevents.h"
#include "san_connect.h"
#include "reason.h"
#include "san.h"
#include "tcp_io.h"
#include "transport.h"

#include <stdlib.h>
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

/* The end of a session that lived on after closesocket [SW-CLOSE-2.6]. */
static void end_session(struct sw_socket *s)
{
	INT error;
	san_session_drop(s->session);
	sw_fds_begin();
	if (s->tcp != INVALID_SOCKET)
		s->process->tcpip.lpWSPCloseSocket(s->tcp, &error);
	s->tcp = INVALID_SOCKET;
	sw_fds_end();
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
		end_session(s);
	linger_drop(s->hold); /* of one whose session went on after closesocket */
	tcp_io_free(atomic_load(&s->tcp_io));
	disconnect_free(s);
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

enum { RAW_PROTOCOL_MAX = 255 };

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
				.hold = linger_share(listener),
				.connected_ns = waiter_now_ns()};
	if (handles_add(s->process->handles, HANDLE_SOCKET, s, &s->slot, &handle) < 0) {
		linger_drop(s->hold);
		pthread_mutex_destroy(&s->lock);
		free(s);
		return WSAENOBUFS;
	}
	control_start(s->process);
	*ret = sw_socket_ref(s);
	return 0;
}

bool sw_socket_take_apart(struct sw_socket *s, struct sw_parts *ret)
{
	struct sw_process *p = s->process;
	if (!handles_remove(p->handles, HANDLE_SOCKET, sw_socket_handle(s)))
		return false;
	pthread_mutex_lock(&s->lock);
	*ret = (struct sw_parts){.tcp = s->tcp,
				 .session = s->session,
				 .transport = s->transport,
				 .options = s->options,
				 .local = {s->local, s->local_len},
				 .peer = {s->peer, s->peer_len},
				 .tcp_reason = s->tcp_reason,
				 .connected_ns = s->connected_ns,
				 .hold = s->hold};
	s->state = SW_CLOSED;
	s->session = NULL;
	s->hold = NULL;
	/* a fork finds the descriptor in the record that it goes to, whose lock is held */
	s->tcp = INVALID_SOCKET;
	pthread_mutex_unlock(&s->lock);
	sw_socket_put(s); /* the table's */
	return true;
}

void sw_socket_after_fork(struct sw_socket *s)
{
	static struct sw_socket *abandoned;
	if (s->tcp != INVALID_SOCKET)
		close((int)s->tcp); /* the TCP/IP provider's descriptor is the kernel's */
	tcp_io_after_fork(atomic_load(&s->tcp_io));
	disconnect_after_fork(s);
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
