/* SPDX-License-Identifier: MIT
 *
 * Network events [SW-BLOCK-3, WS-CONNECT-3, WS-ACCEPT-3]. An event has three marks: selected;
 * armed, until it is recorded; recorded, until it is read. The rules are those of Microsoft's pages
 * on WSAEventSelect and WSAAsyncSelect.
 *
 * Two ways lead to a record. sw_notify() knows that something has become true and may be called
 * under any lock: what needs no second look is recorded there and then (SAN data, SAN connections,
 * the end of a connect). All else, and every edge of a kernel descriptor, ends in look(), which
 * asks what holds now: in the application's thread where its call re-enables something, else as a
 * job of the service thread.
 *
 * Locks: n->lock, inside s->lock and every lock of transports; inside it the handle table's alone.
 */
#include "netevents.h"
#include "event.h"
#include "reactor.h"
#include "ready.h"
#include "tcp_io.h"
#include "transport.h"
#include "usermem.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { LOOKED_AT = FD_READ | FD_WRITE | FD_OOB | FD_ACCEPT | FD_CONNECT | FD_CLOSE };

struct netevents {
	struct sw_socket *s;
	pthread_mutex_t lock; /* all below */
	struct event *event;  /* NULL: nothing is selected */
	LONG mask, armed, recorded;
	uint64_t turn; /* one more when something is armed: what was seen before is old */
	int codes[FD_MAX_EVENTS];
	int lost; /* the code that sw_notify gave for the end of the connection */
	/* Constant from the first selection on; armed and removed with s->lock or when closing. */
	struct reactor *reactor;
	struct reactor_watch watch;
	struct reactor_job job; /* holds a reference to s while it is queued */
};

static struct netevents *of(struct sw_socket *s)
{
	return atomic_load_explicit(&s->netevents, memory_order_acquire);
}

/* Caller holds n->lock. */
static void record(struct netevents *n, LONG events, int code)
{
	events &= n->mask & n->armed;
	if (!events || !n->event)
		return;
	n->armed &= ~events;
	n->recorded |= events;
	for (int i = 0; i < FD_MAX_EVENTS; i++)
		if (events & (1 << i))
			n->codes[i] = code;
	event_raise(n->event);
}

static void post_look(struct netevents *n)
{
	sw_socket_ref(n->s);
	if (!reactor_post(n->reactor, &n->job))
		sw_socket_put(n->s); /* queued already; the caller has another reference */
}

/* ---- looking ---- */

static LONG connected_events(struct sw_socket *s, unsigned bits)
{
	LONG events = 0;
	bool data = sw_has_data(s, bits);
	if (data)
		events |= FD_READ;
	if (bits & SW_READY_URGENT)
		events |= FD_OOB;
	if ((bits & SW_READY_WRITE) && !(bits & SW_READY_ERROR))
		events |= FD_WRITE;
	/* a graceful end is told when all data has been read, an abortive one at once */
	if ((bits & SW_READY_ERROR) || ((bits & SW_READY_CLOSE) && !data))
		events |= FD_CLOSE;
	return events;
}

/* A thread that slept for the socket may still attend to its completions: nobody does from now on
 * but the provider, whose news come by sw_notify. */
static unsigned let_go(struct sw_socket *s, const struct sw_transport *t, unsigned bits)
{
	static const unsigned in = SW_READY_READ | SW_READY_URGENT | SW_READY_CLOSE;
	struct pollfd fd;
	if (!(bits & in))
		return bits | t->ready(s, in, &fd);
	if (!(bits & SW_READY_WRITE))
		return bits | t->ready(s, SW_READY_WRITE, &fd);
	return bits;
}

static LONG look(struct sw_socket *s, unsigned *ret_bits)
{
	pthread_mutex_lock(&s->lock);
	enum sw_state state = s->state;
	const struct sw_transport *t = s->transport; /* DisconnectEx may take it away */
	pthread_mutex_unlock(&s->lock);
	unsigned bits = sw_ready(s, SW_READY_ALL, NULL);
	if (state == SW_CONNECTED && t == &transport_san && !(bits & SW_READY_GONE))
		bits = let_go(s, t, bits);
	*ret_bits = bits;
	if (bits & SW_READY_GONE)
		return 0;
	if (state == SW_LISTENING)
		return bits & SW_READY_ACCEPT ? FD_ACCEPT : 0;
	if (state == SW_CONNECTED || s->type != WSD_SOCK_STREAM)
		return connected_events(s, bits);
	return 0;
}

/* The kernel tells nobody by itself; a SAN has told sw_notify. */
static int tcp_loss(struct sw_socket *s)
{
	return s->transport == &transport_tcp ? tcp_io_lost(s) : 0;
}

/* WSAEventSelect's page knows three: dropped by the network, by the peer, or for any other reason,
 * a time-out among them. */
static int close_code(int lost)
{
	return lost == WSAENETDOWN              ? WSAENETDOWN
	       : !lost || lost == WSAECONNRESET ? WSAECONNRESET
						: WSAECONNABORTED;
}

void netevents_look(struct sw_socket *s, LONG rearm)
{
	struct netevents *n = of(s);
	unsigned bits;
	pthread_mutex_lock(&n->lock);
	n->armed |= rearm; /* before the look: what comes after it is told by sw_notify */
	n->turn += rearm != 0;
	uint64_t turn = n->turn;
	LONG wanted = n->mask & n->armed & LOOKED_AT;
	pthread_mutex_unlock(&n->lock);
	if (!wanted)
		return;
	LONG events = look(s, &bits);
	int lost = events & FD_CLOSE && bits & SW_READY_ERROR ? tcp_loss(s) : 0;
	pthread_mutex_lock(&n->lock);
	if (turn != n->turn) /* whoever armed looks, too, and sees more */
		events = 0;
	record(n, events & ~FD_CLOSE, 0);
	if (events & FD_CLOSE)
		record(n, FD_CLOSE,
		       bits & SW_READY_ERROR ? close_code(n->lost ? n->lost : lost) : 0);
	pthread_mutex_unlock(&n->lock);
}

static void run_look(struct reactor_job *job)
{
	struct netevents *n =
		(struct netevents *)(void *)((char *)job - offsetof(struct netevents, job));
	struct sw_socket *s = n->s;
	netevents_look(s, 0);
	sw_socket_put(s);
}

static void on_edge(struct reactor_watch *w, uint32_t events)
{
	post_look((struct netevents *)(void *)((char *)w - offsetof(struct netevents, watch)));
}

/* ---- news ---- */

void sw_notify(struct sw_socket *s, unsigned bits, int code)
{
	waiter_list_wake(&s->waiters, bits);
	struct netevents *n = of(s);
	if (!n)
		return;
	/* the end of a stream, and what a new connection brings, needs a second look */
	bool again = bits & (SW_READY_CLOSE | SW_READY_ERROR | SW_READY_CONNECT);
	pthread_mutex_lock(&n->lock);
	again &= n->mask != 0;
	if (bits & SW_READY_CONNECT) { /* each attempt is told, however the last one ended */
		n->armed = FD_ALL_EVENTS;
		n->lost = 0;
		record(n, FD_CONNECT, code);
		record(n, code ? 0 : FD_WRITE, 0);
	} else if (code && again) {
		n->lost = code;
	}
	record(n, bits & SW_READY_ACCEPT ? FD_ACCEPT : 0, 0);
	if (!again) {
		record(n, bits & SW_READY_READ ? FD_READ : 0, 0);
		record(n, bits & SW_READY_URGENT ? FD_OOB : 0, 0);
		record(n, bits & SW_READY_WRITE ? FD_WRITE : 0, 0);
	}
	pthread_mutex_unlock(&n->lock);
	if (again)
		post_look(n);
}

/* ---- selecting ---- */

/* Caller holds s->lock. WSA code. */
static int make(struct sw_socket *s)
{
	if (of(s))
		return 0;
	struct netevents *n = calloc(1, sizeof(*n));
	if (!n)
		return WSAENOBUFS;
	if (reactor_start(s->process, &n->reactor) < 0) {
		free(n);
		return WSAENOBUFS;
	}
	n->s = s;
	n->watch.ready = on_edge;
	n->watch.fd = -1;
	n->job.run = run_look;
	pthread_mutex_init(&n->lock, NULL);
	atomic_store_explicit(&s->netevents, n, memory_order_release);
	return 0;
}

/* Caller holds s->lock. WSA code; on failure it is as before. */
static int watch(struct netevents *n, LONG mask)
{
	uint32_t events = 0;
	if (mask & (FD_READ | FD_ACCEPT | FD_CLOSE))
		events |= EPOLLIN;
	if (mask & FD_CLOSE)
		events |= EPOLLRDHUP;
	if (mask & FD_OOB)
		events |= EPOLLPRI;
	if (mask & FD_WRITE)
		events |= EPOLLOUT;
	if (!events) { /* the end of a connect is told by sw_notify */
		reactor_unwatch(n->reactor, &n->watch);
		return 0;
	}
	n->watch.fd = (int)n->s->tcp;
	return reactor_arm_edge(n->reactor, &n->watch, events) < 0 ? WSAENOBUFS : 0;
}

/* Caller holds s->lock. Takes @event (NULL: none) over on success, and gives back what was there
 * before. @inherited: the socket comes from accept, so that it is connected is no news. */
static int replace(struct sw_socket *s, struct event **event, LONG mask, bool inherited)
{
	if (s->state == SW_CLOSED)
		return WSAENOTSOCK;
	int code = mask ? make(s) : 0;
	struct netevents *n = of(s);
	if (!code && n)
		code = watch(n, mask);
	if (code)
		return code;
	s->options.nonblocking = true;
	if (!n)
		return 0;
	pthread_mutex_lock(&n->lock);
	struct event *before = n->event;
	n->event = *event;
	*event = before;
	n->mask = mask;
	n->armed = FD_ALL_EVENTS;
	n->recorded = 0;
	n->turn++;
	if (s->state == SW_CONNECTED && !inherited)
		record(n, FD_CONNECT, 0);
	pthread_mutex_unlock(&n->lock);
	return 0;
}

int netevents_select(struct sw_process *p, SOCKET handle, WSAEVENT event, LONG mask)
{
	struct sw_socket *s = sw_socket_find(p, handle);
	struct event *e = NULL;
	int code = 0;
	if (!s)
		return WSAENOTSOCK;
	if (sw_fault_netdown(p, "WSAEventSelect"))
		code = WSAENETDOWN;
	else if ((mask & ~FD_ALL_EVENTS) || (mask && !(e = event_ref(event))))
		code = WSAEINVAL;
	if (!code) {
		pthread_mutex_lock(&s->lock);
		code = replace(s, &e, mask, false);
		pthread_mutex_unlock(&s->lock);
	}
	event_unref(e);
	if (!code && mask)
		netevents_look(s, 0);
	sw_socket_put(s);
	return code;
}

int netevents_inherit(struct sw_socket *listener, struct sw_socket *accepted)
{
	struct netevents *n = of(listener);
	struct event *e = NULL;
	LONG mask = 0;
	if (!n)
		return 0;
	pthread_mutex_lock(&n->lock);
	if (n->event) {
		e = event_again(n->event);
		mask = n->mask;
	}
	pthread_mutex_unlock(&n->lock);
	if (!e)
		return 0;
	pthread_mutex_lock(&accepted->lock);
	int code = replace(accepted, &e, mask, true);
	pthread_mutex_unlock(&accepted->lock);
	event_unref(e);
	if (!code)
		netevents_look(accepted, 0);
	return code;
}

bool netevents_selected(struct sw_socket *s)
{
	struct netevents *n = of(s);
	if (!n)
		return false;
	pthread_mutex_lock(&n->lock);
	bool selected = n->mask != 0;
	pthread_mutex_unlock(&n->lock);
	return selected;
}

/* ---- reading ---- */

int netevents_enum(struct sw_process *p, SOCKET handle, WSAEVENT event, LPWSANETWORKEVENTS ret)
{
	struct sw_socket *s = sw_socket_find(p, handle);
	WSANETWORKEVENTS now = {0};
	int code = 0;
	if (!s)
		return WSAENOTSOCK;
	if (sw_fault_netdown(p, "WSAEnumNetworkEvents"))
		code = WSAENETDOWN;
	else if (!ret || memory_probe(ret, sizeof(*ret)) < 0)
		code = WSAEFAULT;
	struct event *e = code || !event ? NULL : event_ref(event);
	if (!code && event && !e)
		code = WSAEINVAL;
	struct netevents *n = of(s);
	if (!code && n)
		pthread_mutex_lock(&n->lock);
	if (e)
		event_lower(e);
	if (!code && n) {
		now.lNetworkEvents = n->recorded;
		for (int i = 0; i < FD_MAX_EVENTS; i++)
			now.iErrorCode[i] = n->recorded & (1 << i) ? n->codes[i] : 0;
		n->recorded = 0;
		pthread_mutex_unlock(&n->lock);
	}
	event_unref(e);
	if (!code)
		memory_write(ret, &now, sizeof(now));
	sw_socket_put(s);
	return code;
}

/* ---- the descriptor, the end ---- */

void netevents_unwatch(struct sw_socket *s)
{
	struct netevents *n = of(s);
	if (n)
		reactor_unwatch(n->reactor, &n->watch);
}

void netevents_watch(struct sw_socket *s)
{
	struct netevents *n = of(s);
	if (n && n->mask)
		watch(n, n->mask);
}

void netevents_stop(struct sw_socket *s)
{
	struct netevents *n = of(s);
	if (!n)
		return;
	reactor_unwatch(n->reactor, &n->watch);
	pthread_mutex_lock(&n->lock);
	struct event *e = n->event;
	n->event = NULL;
	n->mask = n->recorded = 0;
	pthread_mutex_unlock(&n->lock);
	event_unref(e);
}

void netevents_free(struct sw_socket *s)
{
	struct netevents *n = of(s);
	if (!n)
		return;
	pthread_mutex_destroy(&n->lock);
	free(n);
}
