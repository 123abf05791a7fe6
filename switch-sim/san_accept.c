/* SPDX-License-Identifier: MIT
 *
 * Accepting on a SAN: requests become sessions, sessions that have been negotiated go to the
 * listener [SW-ACCEPT-2 to -4, -6, -7, -9]. All on the service thread, which waits for nobody; the
 * listener's lock is held over one WSPAccept at a time.
 */
#include "log.h"
#include "san_conn.h"
#include "san_connect.h"
#include "upcalls.h"
#include "wsaname.h"

#include <string.h>
#include <wsd/abi.h>

enum { AT_ONCE = 16 }; /* requests of one listener before the others have their turn */

/* [SW-ACCEPT-4]; on this thread, inside WSPAccept. */
static int CALLBACK condition(LPWSABUF caller, LPWSABUF caller_data, LPQOS sqos, LPQOS gqos,
			      LPWSABUF callee, LPWSABUF callee_data, GROUP *g, DWORD_PTR data)
{
	struct san_conn *c = (struct san_conn *)data; /* DWORD_PTR holds a pointer */
	if (callee && callee->buf && callee->len >= sizeof(c->link.local))
		memcpy(&c->link.local, callee->buf, sizeof(c->link.local));
	return accept_has_room(c->s) ? CF_ACCEPT : CF_REJECT;
}

/* Steps 3 to 6. Caller holds s->lock. Return a WSA code. */
static int take(const struct companion *m, struct san_conn *c)
{
	int len = sizeof(c->link.peer);
	/* told by the condition; a provider that does not, accepts on the companion's name */
	memcpy(&c->link.local, &c->s->local, sizeof(c->link.local));
	if (m->addr_be)
		c->link.local.sin_addr.s_addr = m->addr_be;
	int code =
		upcalls_accept(&m->provider->table, m->desc, (struct wsd_sockaddr *)&c->link.peer,
			       &len, condition, (DWORD_PTR)c, &c->link.desc, &c->link.handle);
	c->linked = !code;
	return code;
}

static void forget(struct san_conn *c)
{
	san_conn_unlink(c);
	san_conn_over(c);
}

/* [SW-ACCEPT-7] Caller holds no lock. */
static void negotiate(struct san_conn *c)
{
	int code = san_conn_negotiate(c);
	if (!code)
		return;
	wsd_log(WSD_LOG_WARNING, "provider %s: no session: %s", c->provider->label,
		wsaname(code) ? wsaname(code) : "failed");
	pthread_mutex_lock(&c->s->lock);
	accept_san_negotiating(c->s, -1);
	pthread_mutex_unlock(&c->s->lock);
	forget(c);
}

/* One request. False: no more, or nobody wants them. */
static bool accept_one(struct san *san, struct sw_socket *s, SOCKET handle, struct reactor *r)
{
	struct san_conn *c = NULL;
	int code = WSAENOTSOCK;
	pthread_mutex_lock(&s->lock);
	const struct companion *m = san_find_companion(s, handle);
	if (m)
		c = san_conn_new(san, m->provider, s, r, false);
	if (c) {
		code = take(m, c);
		if (!code)
			accept_san_negotiating(s, 1);
	}
	pthread_mutex_unlock(&s->lock);
	if (!c)
		return false;
	if (!code) {
		negotiate(c);
		return true;
	}
	forget(c);
	return code == WSAECONNREFUSED || code == WSAEMFILE || code == WSAENOBUFS;
}

void san_accept_event(struct san *san, struct sw_socket *s, SOCKET handle)
{
	struct reactor *r;
	if (reactor_start(san->process, &r) < 0)
		return;
	int n = 0;
	while (n < AT_ONCE && accept_one(san, s, handle, r))
		n++;
	if (n < AT_ONCE)
		return;
	pthread_mutex_lock(&s->lock);
	struct companion *m = san_find_companion(s, handle);
	if (m)
		m->more = true; /* whatever the provider records [SW-ACCEPT-3] */
	pthread_mutex_unlock(&s->lock);
	upcalls_again(handle);
}

/* The negotiation has ended, or the listener has, or everything does. */
void san_accept_step(struct san_conn *c)
{
	bool unwanted = atomic_load(&c->unwanted);
	if (!c->session)
		return;
	if (c->phase != SAN_CONN_NEGOTIATING) {
		if (unwanted)
			session_close(c->session, 0);
	} else if (!unwanted && !c->code) { /* else `up` may be about to write it */
		c->phase = SAN_CONN_UP;
		if (!accept_san_ready(c->s, c->session, &c->link.local, &c->link.peer))
			session_close(c->session, 0);
		san_conn_up(c);
	} else {
		pthread_mutex_lock(&c->s->lock);
		accept_san_negotiating(c->s, -1);
		pthread_mutex_unlock(&c->s->lock);
		c->phase = SAN_CONN_OVER;
		session_close(c->session, 0);
	}
}

/*
 * Those of a listener that is closed [SW-ACCEPT-9]. One that is up is the application's, or was in
 * the listener's queue, which ends it, or accept_san_ready() is about to refuse it: its reference
 * to the listener only has not been given back yet. Caller holds s->lock.
 */
void san_accept_drop(struct san *san, const struct sw_socket *s)
{
	pthread_mutex_lock(&san->conns_lock);
	for (struct san_conn *c = san->conns; c; c = c->next)
		if (!c->initiator && c->s == s && c->phase != SAN_CONN_UP)
			san_conn_unwanted(c);
	pthread_mutex_unlock(&san->conns_lock);
}
