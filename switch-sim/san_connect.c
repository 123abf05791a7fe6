/* SPDX-License-Identifier: MIT
 *
 * Connecting on a SAN: which way it goes, the attempt, its end [SW-CONNECT-1 to -4, SW-SUBNET-2 to
 * -4, SW-BIND-4, -6, SW-FALLBACK-1 to -6]. An attempt begins on the application's thread and goes
 * on on the service thread; s->lock guards it, and is held over its downcalls, none of which waits.
 */
#include "san_connect.h"

#include "log.h"
#include "san_conn.h"
#include "upcalls.h"
#include "wsaname.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>
#include <wsd/abi.h>

enum { MS = 1000000 };

/* ---- which way [SW-SUBNET-2 to -4] ---- */

/* The row is borrowed from @view. */
static enum sw_reason choose(struct san *san, const struct subnets *view, uint32_t bound_be,
			     const struct wsd_sockaddr_in *to, const struct subnets_row **ret_row)
{
	uint32_t to_be = to->sin_addr.s_addr;
	if (!san->process->settings.san_ms)
		return SW_REASON_OFF;
	if (!subnets_providers(view))
		return SW_REASON_NO_PROVIDER;
	if ((ntohl(to_be) >> 24) == 127)
		return SW_REASON_LOOPBACK;
	const struct subnets_row *row = subnets_route(view, to_be, bound_be);
	if (!row)
		return bound_be && subnets_route(view, to_be, 0) ? SW_REASON_LOCAL
								 : SW_REASON_OFF_SUBNET;
	if (negcache_has(&san->negcache, to_be, to->sin_port, waiter_now_ns()))
		return SW_REASON_REMEMBERED;
	*ret_row = row;
	return SW_REASON_NONE;
}

/* The row, copied; its provider is held by p->companions, taken under view_lock so that no change
 * comes in between [SW-PNP-4]. */
static enum sw_reason look_up(struct san *san, uint32_t bound_be, const struct wsd_sockaddr_in *to,
			      struct subnets_row *ret_row)
{
	const struct subnets_row *row;
	pthread_mutex_lock(&san->view_lock);
	enum sw_reason reason = choose(san, san->view, bound_be, to, &row);
	if (reason == SW_REASON_NONE) {
		atomic_fetch_add(&row->provider->companions, 1);
		*ret_row = *row;
	}
	pthread_mutex_unlock(&san->view_lock);
	return reason;
}

enum sw_reason san_explain(struct san *san, const struct wsd_sockaddr_in *local,
			   const struct wsd_sockaddr_in *to)
{
	struct subnets_row row;
	if (to->sin_family != WSD_AF_INET)
		return SW_REASON_FAMILY;
	enum sw_reason reason = look_up(san, local ? local->sin_addr.s_addr : 0, to, &row);
	if (reason == SW_REASON_NONE)
		atomic_fetch_sub(&row.provider->companions, 1);
	return reason;
}

/* ---- the end of an attempt ---- */

/* Caller holds s->lock, which is given up. One of: a session; a final code; a reason to go on over
 * TCP/IP. The attempt is no longer the socket's. */
static void report(struct san_conn *c, struct session *session, int code, enum sw_reason reason)
{
	struct sw_socket *s = sw_socket_ref(c->s);
	struct wsd_sockaddr_in local = c->link.local;
	s->attempt = NULL;
	s->san_reports = true;
	if (session) {
		c->phase = SAN_CONN_UP;
		san_session_attach(session, s);
	} else {
		san_conn_over(c);
	}
	pthread_mutex_unlock(&s->lock);
	reactor_timer_stop(c->reactor, &c->timer);
	connect_san_done(s, session, &local, code, reason);
	sw_socket_put(s);
}

static void remember(struct san_conn *c)
{
	uint32_t to_be = c->link.peer.sin_addr.s_addr;
	char dotted[INET_ADDRSTRLEN];
	unsigned seconds = negcache_add(&c->san->negcache, to_be, 0, waiter_now_ns());
	inet_ntop(AF_INET, &to_be, dotted, sizeof(dotted));
	wsd_log(WSD_LOG_INFO, "%s does not answer on its SAN: TCP/IP for %u s", dotted, seconds);
	neigh_watch(&c->san->neigh, c->reactor, &c->san->negcache);
}

/* The listener is one that has no switch: to ask it again costs each connect a round trip and the
 * peer's CM a request. Not entered before TCP/IP has answered: a server that is yet to start would
 * be taken for one. Neighbours are not watched for it (that is the service thread's): it is soon
 * over. */
void san_connect_by_tcp(struct san *san, const struct sw_socket *s)
{
	const struct wsd_sockaddr_in *to = (const struct wsd_sockaddr_in *)&s->peer;
	if (!san || (s->tcp_reason != SW_REASON_NO_WSD && s->tcp_reason != SW_REASON_NEGOTIATION))
		return; /* no san: the last WSACleanup has begun, and the service thread still runs
			 */
	unsigned seconds =
		negcache_add(&san->negcache, to->sin_addr.s_addr, to->sin_port, waiter_now_ns());
	wsd_log(WSD_LOG_INFO, "port %u of this peer is served by TCP/IP alone: TCP/IP for %u s",
		ntohs(to->sin_port), seconds);
}

static bool is_final(int code) /* [SW-FALLBACK-1] */
{
	return code == WSAECONNREFUSED || code == WSAECONNRESET || code == WSAEHOSTUNREACH;
}

/* A provider says WSAETIMEDOUT of a reject as well as of silence; only silence takes time, and only
 * silence is remembered [SW-FALLBACK-6, PROV-CONNECT-7]. */
static bool was_silence(const struct san_conn *c, int code)
{
	uint64_t waited = waiter_now_ns() - c->started_ns;
	uint64_t share = (uint64_t)c->san->process->settings.san_ms * MS;
	return code == WSAENETUNREACH || (code == WSAETIMEDOUT && waited >= share - share / 4);
}

/* WSPConnect has failed, at once or later. Caller holds s->lock, which is given up. */
static void failed(struct san_conn *c, int code)
{
	enum sw_reason reason = SW_REASON_BUSY;
	wsd_log(WSD_LOG_DEBUG, "provider %s: WSPConnect: %s", c->provider->label,
		wsaname(code) ? wsaname(code) : "failed");
	san_conn_unlink(c);
	if (is_final(code)) {
		report(c, NULL, code, SW_REASON_NONE);
		return;
	}
	if (was_silence(c, code)) {
		reason = SW_REASON_TIMEOUT;
		remember(c);
	} else if (code == WSAETIMEDOUT) {
		reason = SW_REASON_NO_WSD;
	}
	report(c, NULL, 0, reason);
}

/* Step 7. Caller holds s->lock, which is given up. */
static void connected(struct san_conn *c)
{
	negcache_remove(&c->san->negcache, c->link.peer.sin_addr.s_addr, c->link.peer.sin_port);
	int code = san_conn_negotiate(c);
	if (!code) {
		pthread_mutex_unlock(&c->s->lock);
		return;
	}
	wsd_log(WSD_LOG_WARNING, "provider %s: no session: %s", c->provider->label,
		wsaname(code) ? wsaname(code) : "failed");
	report(c, NULL, 0, SW_REASON_NEGOTIATION);
}

/* ---- on the service thread ---- */

/* Step 6. */
void san_connect_event(struct sw_socket *s, SOCKET handle)
{
	WSANETWORKEVENTS events;
	int error = 0;
	pthread_mutex_lock(&s->lock);
	struct san_conn *c = s->attempt;
	/* given up meanwhile; or WSPConnect had its end at once, and the step is on its way */
	if (!c || c->phase != SAN_CONN_ASKED || c->connected || c->link.handle != handle) {
		pthread_mutex_unlock(&s->lock);
		return;
	}
	memset(&events, 0, sizeof(events));
	if (c->provider->table.lpWSPEnumNetworkEvents(c->link.desc, upcalls_event(handle), &events,
						      &error) == SOCKET_ERROR)
		failed(c, error ? error : WSASYSCALLFAILURE);
	else if (!(events.lNetworkEvents & FD_CONNECT))
		pthread_mutex_unlock(&s->lock);
	else if (events.iErrorCode[FD_CONNECT_BIT])
		failed(c, events.iErrorCode[FD_CONNECT_BIT]);
	else
		connected(c);
}

/* WSPConnect had its end at once; or the negotiation has ended; or everything ends. */
void san_connect_step(struct san_conn *c)
{
	struct sw_socket *s = c->s;
	pthread_mutex_lock(&s->lock);
	bool ours = s->attempt == c;
	if (atomic_load(&c->unwanted) && c->session) {
		pthread_mutex_unlock(&s->lock);
		session_close(c->session, 0);
	} else if (!ours) { /* given up meanwhile */
		pthread_mutex_unlock(&s->lock);
	} else if (c->phase == SAN_CONN_ASKED && c->connected) {
		connected(c);
	} else if (c->phase == SAN_CONN_ASKED) {
		failed(c, c->code);
	} else if (!c->code) {
		report(c, c->session, 0, SW_REASON_NONE);
	} else { /* [SW-FALLBACK-4] */
		session_close(c->session, 0);
		report(c, NULL, 0, SW_REASON_NEGOTIATION);
	}
}

/* The SAN's share of the time is over [SW-CONNECT-4]. */
static void on_timer(struct reactor_timer *t)
{
	struct san_conn *c =
		(struct san_conn *)(void *)((char *)t - offsetof(struct san_conn, timer));
	struct sw_socket *s = c->s;
	pthread_mutex_lock(&s->lock);
	if (s->attempt != c) {
		pthread_mutex_unlock(&s->lock);
	} else if (c->phase == SAN_CONN_ASKED) {
		san_conn_unlink(c);
		remember(c);
		report(c, NULL, 0, SW_REASON_TIMEOUT);
	} else {
		session_close(c->session, 0);
		report(c, NULL, 0, SW_REASON_NEGOTIATION);
	}
}

/* ---- the beginning ---- */

/* Steps 2 to 4 [SW-BIND-4]; *ret_step: which one failed. Return the code of WSPConnect, or of the
 * step before. */
static int begin(struct san_conn *c, const struct sw_socket *s, const char **ret_step)
{
	const WSPPROC_TABLE *t = &c->provider->table;
	struct session_link *l = &c->link;
	int error = 0;
	*ret_step = "WSPSocket";
	int code = upcalls_socket(t, &c->provider->info, c->s, &l->desc, &l->handle);
	if (code)
		return code;
	c->linked = true;
	*ret_step = "WSPBind";
	if (t->lpWSPBind(l->desc, (const struct wsd_sockaddr *)&l->local, sizeof(l->local), &error))
		return error ? error : WSASYSCALLFAILURE;
	*ret_step = "WSPSetSockOpt";
	code = san_forward_options(c->provider, l->desc, s);
	if (code)
		return code;
	*ret_step = "WSPEventSelect";
	if (t->lpWSPEventSelect(l->desc, upcalls_event(l->handle), FD_CONNECT, &error))
		return error ? error : WSASYSCALLFAILURE;
	*ret_step = NULL;
	if (t->lpWSPConnect(l->desc, (const struct wsd_sockaddr *)&l->peer, sizeof(l->peer), NULL,
			    NULL, NULL, NULL, &error) == 0)
		return 0;
	return error ? error : WSASYSCALLFAILURE;
}

/* It did not begin. Caller holds s->lock. */
static bool refuse(struct san_conn *c, const char *step, int code)
{
	wsd_log(WSD_LOG_WARNING, "provider %s: no connect on the SAN, TCP/IP instead: %s: %s",
		c->provider->label, step ? step : "WSPConnect",
		wsaname(code) ? wsaname(code) : "failed");
	c->s->attempt = NULL;
	san_conn_unlink(c);
	san_conn_over(c);
	return false;
}

static bool try(struct san *san, struct sw_socket *s, const struct wsd_sockaddr_in *to,
		const struct subnets_row *row, enum sw_reason *ret_reason)
{
	struct reactor *r;
	const char *step;
	*ret_reason = SW_REASON_SOCKET;
	if (san_service_start(san) < 0 || reactor_start(san->process, &r) < 0)
		return false;
	struct san_conn *c = san_conn_new(san, row->provider, s, r, true);
	if (!c)
		return false;
	memcpy(&c->link.local, &s->local, sizeof(c->link.local));
	c->link.local.sin_addr.s_addr = row->addr_be; /* [SW-BIND-6] */
	c->link.peer = *to;
	c->started_ns = waiter_now_ns();
	c->timer.fire = on_timer;
	if (!san_conn_claim(c)) {
		*ret_reason = SW_REASON_TAKEN;
		san_conn_over(c);
		return false;
	}
	s->attempt = c;
	int code = begin(c, s, &step);
	if (step)
		return refuse(c, step, code);
	if (code && code != WSAEWOULDBLOCK && !is_final(code)) {
		*ret_reason = SW_REASON_BUSY;
		return refuse(c, step, code);
	}
	/* also of the negotiation, where the provider was done at once [SW-CONNECT-4] */
	if (!code || code == WSAEWOULDBLOCK)
		reactor_timer_set(r, &c->timer,
				  c->started_ns + (uint64_t)san->process->settings.san_ms * MS);
	if (code == WSAEWOULDBLOCK)
		return true;
	c->connected = !code;
	c->code = code;
	reactor_post(r, &c->step);
	return true;
}

bool san_connect(struct san *san, struct sw_socket *s, const struct wsd_sockaddr_in *to,
		 enum sw_reason *ret_reason)
{
	struct subnets_row row;
	uint32_t bound_be = ((const struct wsd_sockaddr_in *)&s->local)->sin_addr.s_addr;
	*ret_reason = look_up(san, bound_be, to, &row);
	if (*ret_reason != SW_REASON_NONE)
		return false;
	if (s->san_reports) { /* an attempt that was given up; its end must not be taken for ours */
		atomic_fetch_sub(&row.provider->companions, 1);
		*ret_reason = SW_REASON_BUSY;
		return false;
	}
	bool begun = try(san, s, to, &row, ret_reason);
	atomic_fetch_sub(&row.provider->companions, 1); /* the connection has its own */
	return begun;
}

void san_connect_cancel(struct san *san, struct sw_socket *s)
{
	struct san_conn *c = s->attempt;
	if (!c)
		return;
	struct session *session = c->session;
	s->attempt = NULL;
	san_conn_unlink(c); /* while it is asked for: prompt [SW-BLOCK-1] */
	san_conn_over(c);
	if (session) /* and then c, perhaps, is no more */
		session_close(session, 0);
}
