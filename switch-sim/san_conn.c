/* SPDX-License-Identifier: MIT
 *
 * Connections on SANs: their life, and what their sessions tell. See san_conn.h for locks.
 */
#include "san_conn.h"

#include "log.h"
#include "san_connect.h"
#include "transport.h"
#include "upcalls.h"
#include "wsaname.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utlist.h>
#include <wsd/abi.h>

enum { GRACE_S = 3, STOP_PATIENCE_S = 10 };

#define CONN_OF(member, pointer) \
	((struct san_conn *)(void *)((char *)(pointer)-offsetof(struct san_conn, member)))

static void add(struct san_conn *c)
{
	struct san *san = c->san;
	pthread_mutex_lock(&san->conns_lock);
	c->next = san->conns;
	if (c->next)
		c->next->prev = c;
	san->conns = c;
	pthread_mutex_unlock(&san->conns_lock);
	atomic_fetch_add(&c->provider->companions, 1); /* it stays loaded */
}

static void destroy(struct san_conn *c)
{
	struct san *san = c->san;
	if (c->session)
		session_free(c->session);
	atomic_fetch_sub(&c->provider->companions, 1);
	pthread_mutex_lock(&san->conns_lock);
	*(c->prev ? &c->prev->next : &san->conns) = c->next;
	if (c->next)
		c->next->prev = c->prev;
	if (!san->conns)
		pthread_cond_broadcast(&san->conns_gone);
	pthread_mutex_unlock(&san->conns_lock);
	pthread_mutex_destroy(&c->owner_lock);
	free(c);
}

/*
 * On the service thread: nothing of c runs any more. If a socket has the session, threads may still
 * be inside calls on it: then the session goes with the socket.
 */
static void run_end(struct reactor_job *j)
{
	struct san_conn *c = CONN_OF(end, j);
	struct sw_socket *owner;
	pthread_mutex_lock(&c->san->conns_lock);
	struct sw_socket *s = c->s;
	c->s = NULL;
	c->ending = true; /* nobody posts its step from now on */
	pthread_mutex_unlock(&c->san->conns_lock);
	reactor_timer_stop(c->reactor, &c->timer);
	reactor_unpost(c->reactor, &c->step);
	pthread_mutex_lock(&c->owner_lock);
	owner = c->owner;
	c->owner = NULL;
	c->ended = true;
	pthread_mutex_unlock(&c->owner_lock);
	bool kept = false;
	if (owner) {
		pthread_mutex_lock(&owner->lock);
		kept = c->session && owner->session == c->session;
		pthread_mutex_unlock(&owner->lock);
		waiter_list_wake(&owner->waiters, SW_READY_CLOSE); /* who lingers */
	}
	if (!kept)
		destroy(c);
	sw_socket_put(owner); /* the last one destroys what is kept */
	sw_socket_put(s);
}

static void run_step(struct reactor_job *j)
{
	struct san_conn *c = CONN_OF(step, j);
	waiter_hold(); /* who waits for the end of a connect, or accepts, takes the socket's lock */
	if (c->initiator)
		san_connect_step(c);
	else
		san_accept_step(c);
	waiter_let_go();
}

struct san_conn *san_conn_new(struct san *san, struct san_provider *p, struct sw_socket *s,
			      struct reactor *r, bool initiator)
{
	struct san_conn *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->san = san;
	c->reactor = r;
	c->provider = p;
	c->initiator = initiator;
	c->s = sw_socket_ref(s);
	c->step.run = run_step;
	c->end.run = run_end;
	c->link.provider = p;
	c->config = san->process->settings.session;
	if (s->options.sndbuf >= 0)
		c->config.sndbuf = (uint32_t)s->options.sndbuf;
	if (s->options.rcvbuf >= 0)
		c->config.rcvbuf = (uint32_t)s->options.rcvbuf;
	pthread_mutex_init(&c->owner_lock, NULL);
	add(c);
	return c;
}

void san_conn_unlink(struct san_conn *c)
{
	int error = 0;
	if (!c->linked)
		return;
	c->linked = false;
	upcalls_detach(c->link.handle);
	if (c->provider->table.lpWSPCloseSocket(c->link.desc, &error) == SOCKET_ERROR)
		wsd_log(WSD_LOG_WARNING, "provider %s: WSPCloseSocket: %s", c->provider->label,
			wsaname(error) ? wsaname(error) : "failed");
}

static bool same(const struct wsd_sockaddr_in *a, const struct wsd_sockaddr_in *b)
{
	return a->sin_port == b->sin_port && a->sin_addr.s_addr == b->sin_addr.s_addr;
}

/* The chain of its names: they differ in their ports, if in anything. */
static struct san_conn **chain_of(struct san_conn *c)
{
	uint32_t ports = (uint32_t)c->link.local.sin_port << 16 | c->link.peer.sin_port;
	uint32_t hash = (ports ^ c->link.peer.sin_addr.s_addr) * 0x9e3779b9u;
	return &c->san->named[hash >> 16 & (SAN_NAME_CHAINS - 1)];
}

bool san_conn_claim(struct san_conn *c)
{
	bool taken = false;
	struct san_conn **chain = chain_of(c);
	pthread_mutex_lock(&c->san->conns_lock);
	for (const struct san_conn *o = *chain; o && !taken; o = o->nnext)
		taken = same(&o->link.local, &c->link.local) && same(&o->link.peer, &c->link.peer);
	if (!taken)
		DL_APPEND2(*chain, c, nprev, nnext);
	c->named = !taken;
	pthread_mutex_unlock(&c->san->conns_lock);
	return !taken;
}

static void unclaim(struct san_conn *c)
{
	pthread_mutex_lock(&c->san->conns_lock);
	if (c->named)
		DL_DELETE2(*chain_of(c), c, nprev, nnext);
	c->named = false;
	pthread_mutex_unlock(&c->san->conns_lock);
}

void san_session_closing(struct session *session)
{
	unclaim(session_context(session));
}

void san_conn_over(struct san_conn *c)
{
	unclaim(c);
	c->phase = SAN_CONN_OVER;
	if (!c->session)
		reactor_post(c->reactor, &c->end);
}

/* ---- what the session tells ---- */

static void on_up(void *ctx, int code)
{
	struct san_conn *c = ctx;
	c->code = code;
	reactor_post(c->reactor, &c->step);
}

static void on_ready(void *ctx, unsigned bits, int code)
{
	struct san_conn *c = ctx;
	if (bits & SW_READY_ERROR) /* lost */
		unclaim(c);
	pthread_mutex_lock(&c->owner_lock);
	if (c->owner)
		sw_notify(c->owner, bits, code);
	pthread_mutex_unlock(&c->owner_lock);
}

static void on_ended(void *ctx)
{
	struct san_conn *c = ctx;
	reactor_post(c->reactor, &c->end);
}

static const struct session_ops ops = {.up = on_up, .ready = on_ready, .ended = on_ended};

int san_conn_negotiate(struct san_conn *c)
{
	upcalls_detach(c->link.handle);
	c->phase = SAN_CONN_NEGOTIATING;
	int code = session_create(&c->link, c->initiator, &c->config, &ops, c, c->reactor,
				  &c->session);
	if (code)
		san_conn_unlink(c);
	c->linked = false;
	return code;
}

void san_conn_up(struct san_conn *c)
{
	pthread_mutex_lock(&c->san->conns_lock);
	struct sw_socket *s = c->s;
	c->s = NULL;
	pthread_mutex_unlock(&c->san->conns_lock);
	sw_socket_put(s);
}

void san_conn_unwanted(struct san_conn *c)
{
	if (c->ending)
		return;
	atomic_store(&c->unwanted, true);
	reactor_post(c->reactor, &c->step);
}

/* ---- whose session it is ---- */

void san_session_attach(struct session *session, struct sw_socket *s)
{
	struct san_conn *c = session_context(session);
	pthread_mutex_lock(&c->owner_lock);
	struct sw_socket *before = c->owner;
	c->owner = c->ended ? NULL : sw_socket_ref(s);
	pthread_mutex_unlock(&c->owner_lock);
	sw_socket_put(before);
}

/* An option that only the kernel's socket keeps; 0 if it does not say. */
static uint32_t kernel_option(struct sw_socket *s, int level, int name)
{
	int32_t value = 0;
	INT len = sizeof(value), error = 0;
	if (!s->options.kernel_set || s->tcp == INVALID_SOCKET ||
	    s->process->tcpip.lpWSPGetSockOpt(s->tcp, level, name, (char *)&value, &len, &error))
		return 0;
	return value > 0 ? (uint32_t)value : 0;
}

void san_session_options(struct sw_socket *s)
{
	const struct session_config *standard = &s->process->settings.session;
	uint32_t idle = 0, interval = 0, count = 0;
	session_set_buffers(s->session,
			    s->options.sndbuf >= 0 ? (uint32_t)s->options.sndbuf : standard->sndbuf,
			    s->options.rcvbuf >= 0 ? (uint32_t)s->options.rcvbuf : standard->rcvbuf,
			    kernel_option(s, WSD_SOL_SOCKET, WSD_SO_OOBINLINE));
	if (kernel_option(s, WSD_SOL_SOCKET, WSD_SO_KEEPALIVE)) {
		idle = kernel_option(s, WSD_IPPROTO_TCP, WSD_TCP_KEEPIDLE);
		interval = kernel_option(s, WSD_IPPROTO_TCP, WSD_TCP_KEEPINTVL);
		count = kernel_option(s, WSD_IPPROTO_TCP, WSD_TCP_KEEPCNT);
	}
	idle = idle < UINT32_MAX / 1000 ? idle : UINT32_MAX / 1000;
	interval = interval < UINT32_MAX / 1000 ? interval : UINT32_MAX / 1000;
	session_keepalive(s->session, idle * 1000, interval * 1000, count);
}

void san_session_drop(struct session *session)
{
	destroy(session_context(session));
}

/* ---- the end of everything ---- */

/* @all: those too that would end by themselves. */
static void abort_conns(struct san *san, bool all)
{
	pthread_mutex_lock(&san->conns_lock);
	for (struct san_conn *c = san->conns; c; c = c->next) {
		if (all || c->phase != SAN_CONN_UP)
			san_conn_unwanted(c);
	}
	pthread_mutex_unlock(&san->conns_lock);
}

static bool wait_gone(struct san *san, unsigned seconds)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += seconds;
	pthread_mutex_lock(&san->conns_lock);
	while (san->conns &&
	       pthread_cond_timedwait(&san->conns_gone, &san->conns_lock, &until) == 0)
		;
	bool gone = !san->conns;
	pthread_mutex_unlock(&san->conns_lock);
	return gone;
}

void san_conns_stop(struct san *san)
{
	/* what the application has sent before closesocket is still on its way */
	abort_conns(san, false);
	if (wait_gone(san, GRACE_S))
		return;
	abort_conns(san, true);
	if (!wait_gone(san, STOP_PATIENCE_S))
		wsd_log(WSD_LOG_ERROR, "connections on a SAN do not end");
}
