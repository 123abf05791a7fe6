/* SPDX-License-Identifier: MIT
 *
 * WSPEventSelect and WSPEnumNetworkEvents: the record of a socket's events. Takes sock->call by
 * sock_enter(), then prov->lock, where the record lives; none over an upcall. PROV-EVENT-1 to 7.
 */
#include <string.h>

#include "prov.h"
#include "wsp.h"

struct selection {
	WSAEVENT event;
	int32_t mask, record;
	/* What there was to tell when it was replaced. */
	unsigned queued;
	bool unreported;
};

/* Replaces mask and event together; true: a selected condition holds, *u is begun. */
static bool select_locked(struct sock *s, const struct selection *want, struct selection *ret_old,
			  struct upcall *u)
{
	*ret_old =
		(struct selection){s->event, s->mask, s->record, s->queued, s->connect_unreported};
	s->event = want->event;
	s->mask = want->mask;
	s->record = 0;
	if ((s->mask & FD_ACCEPT) && s->queued) {
		s->record |= FD_ACCEPT;
		s->accept_code = 0;
	}
	if ((s->mask & FD_CONNECT) && s->connect_unreported)
		s->record |= FD_CONNECT;
	if (!s->record)
		return false;
	upcall_begin(s->p, s, u);
	return true;
}

/* The switch does not know the new event: as before, and what came meanwhile is told as it would
 * have been. */
static void restore(struct prov *p, struct sock *s, const struct selection *want,
		    const struct selection *old)
{
	struct upcall u;
	int32_t news = 0;
	wsd_lock(&p->lock);
	if (s->event == want->event && s->mask == want->mask) {
		if (s->queued > old->queued)
			news |= FD_ACCEPT;
		if (s->connect_unreported && !old->unreported)
			news |= FD_CONNECT;
		news &= old->mask;
		s->event = old->event;
		s->mask = old->mask;
		s->record = old->record | news;
		if (news & FD_ACCEPT)
			s->accept_code = 0;
		if (news)
			upcall_begin(p, s, &u);
	}
	wsd_unlock(&p->lock);
	if (news)
		upcall_set_event(p, s, old->event, &u);
}

int WSPAPI prov_WSPEventSelect(SOCKET descriptor, WSAEVENT hEventObject, LONG lNetworkEvents,
			       LPINT lpErrno)
{
	struct sock *s;
	int code = sock_enter(descriptor, SC_QUERY, &s);
	if (code)
		return sock_fail(lpErrno, code);
	struct prov *p = s->p;
	if ((lNetworkEvents & ~(FD_ACCEPT | FD_CONNECT)) || (lNetworkEvents && !hEventObject)) {
		sock_leave(s);
		return sock_fail(lpErrno, WSAEINVAL);
	}
	struct selection old, want = {.event = lNetworkEvents ? hEventObject : WSA_INVALID_EVENT,
				      .mask = lNetworkEvents};
	struct upcall u;
	wsd_lock(&p->lock);
	bool set = select_locked(s, &want, &old, &u), quiet = !s->upcalls;
	wsd_unlock(&p->lock);
	wsd_unlock(&s->call);

	if (set && !upcall_set_event(p, s, want.event, &u)) {
		code = WSAEINVAL;
		restore(p, s, &want, &old);
	}
	if (!quiet)
		upcall_drain(p, s); /* nobody sets the former event after this */
	sock_unref(s);
	return sock_fail(lpErrno, code);
}

/* Resets the switch's event, with no lock held. Caller holds s->call, and again at return. */
static bool reset_event(struct prov *p, struct sock *s, WSAEVENT event)
{
	struct upcall u;
	int code = 0;
	wsd_lock(&p->lock);
	upcall_begin(p, s, &u);
	wsd_unlock(&p->lock);
	wsd_unlock(&s->call);
	BOOL ok = p->up.lpWPUResetEvent(event, &code);
	upcall_end(p, &u);
	wsd_lock(&s->call);
	return ok;
}

/*
 * The event is reset before the record is copied: what arrives in between is recorded, so it is in
 * the copy, and its event stays set, which costs the switch one look. The other way round it would
 * be lost [PROV-EVENT-5].
 */
int WSPAPI prov_WSPEnumNetworkEvents(SOCKET descriptor, WSAEVENT hEventObject,
				     LPWSANETWORKEVENTS lpNetworkEvents, LPINT lpErrno)
{
	struct sock *s;
	int code = sock_enter(descriptor, SC_QUERY, &s);
	if (code)
		return sock_fail(lpErrno, code);
	if (!lpNetworkEvents) {
		sock_leave(s);
		return sock_fail(lpErrno, WSAEINVAL);
	}
	struct prov *p = s->p;
	if (hEventObject) {
		bool ok = reset_event(p, s, hEventObject);
		code = ok ? sock_check(s->state, SC_QUERY) : WSAEINVAL;
	}
	if (!code) {
		WSANETWORKEVENTS out = {0};
		wsd_lock(&p->lock);
		out.lNetworkEvents = s->record;
		if (s->record & FD_ACCEPT)
			out.iErrorCode[FD_ACCEPT_BIT] = s->accept_code;
		if (s->record & FD_CONNECT) {
			out.iErrorCode[FD_CONNECT_BIT] = s->connect_code;
			s->connect_unreported = false;
		}
		s->record = 0;
		wsd_unlock(&p->lock);
		*lpNetworkEvents = out;
	}
	sock_leave(s);
	return sock_fail(lpErrno, code);
}
