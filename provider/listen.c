/* SPDX-License-Identifier: MIT
 *
 * WSPListen: first, and again with a new backlog. Takes sock->call by sock_enter(), then what names
 * take. PROV-LISTEN-1 to 6.
 */
#include "prov.h"
#include "wsp.h"

/* [PROV-LISTEN-2] SOMAXCONN, and whatever is above it, is the provider's own maximum. */
static unsigned clamp_backlog(const struct prov *p, int backlog)
{
	if (backlog < 1)
		return 1;
	return (unsigned)backlog > p->max_backlog ? p->max_backlog : (unsigned)backlog;
}

static void set_listening_locked(struct sock *s, unsigned backlog)
{
	s->backlog = backlog;
	s->listen_seq = backlog ? ++s->p->listen_seq : 0;
	for (struct use *u = s->uses; u; u = u->next) {
		if (backlog)
			use_listen_locked(u);
		else
			use_unlisten_locked(u);
	}
}

/* Bound before; the listener is in rank first, so that no request finds nobody. */
static int listen_first(struct sock *s, unsigned backlog)
{
	struct prov *p = s->p;
	int code = 0;
	wsd_lock(&p->lock);
	set_listening_locked(s, backlog);
	struct use *u = s->uses;
	if (!u)
		wsd_unlock(&p->lock);
	for (; u && !code; u = u->next) {
		if (u != s->uses)
			wsd_lock(&p->lock);
		code = errmap(EO_LISTEN, name_listen_unlock(u->n));
		if (s->wildcard && code == WSAENETDOWN)
			code = 0; /* one NIC of many: it joins when it is back [PROV-LISTEN-5] */
	}
	if (!code)
		return 0;
	wsd_lock(&p->lock);
	set_listening_locked(s, 0);
	struct request *list = request_take_locked(s, 0);
	wsd_unlock(&p->lock);
	request_refuse(p, list, false);
	for (u = s->uses; u; u = u->next)
		name_quiet(u->n);
	return code;
}

/* A new backlog; the newest excess requests are refused [PROV-LISTEN-4]. Dormant names are tried at
 * once. */
static void listen_again(struct sock *s, unsigned backlog)
{
	wsd_lock(&s->p->lock);
	s->backlog = backlog;
	struct request *list = request_take_locked(s, backlog);
	wsd_unlock(&s->p->lock);
	request_refuse(s->p, list, true);
	for (struct use *u = s->uses; u; u = u->next) {
		wsd_lock(&s->p->lock);
		name_listen_unlock(u->n);
	}
}

int WSPAPI prov_WSPListen(SOCKET descriptor, int backlog, LPINT lpErrno)
{
	struct sock *s;
	int code = sock_enter(descriptor, SC_LISTEN, &s);
	if (code)
		return sock_fail(lpErrno, code);
	unsigned limit = clamp_backlog(s->p, backlog);
	if (s->state == SS_LISTENING)
		listen_again(s, limit);
	else
		code = listen_first(s, limit);
	if (!code)
		sock_move(s, SC_LISTEN);
	sock_leave(s);
	return sock_fail(lpErrno, code);
}
