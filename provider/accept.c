/* SPDX-License-Identifier: MIT
 *
 * WSPAccept: takes the oldest request, asks the condition function on the calling thread, and makes
 * the connection there, under no lock: any number of threads may accept from one listener at once.
 * Takes sock->call by sock_enter() for a moment, prov->lock for moments. PROV-ACCEPT-1 to 12.
 */
#include <errno.h>
#include <string.h>

#include "conn.h"
#include "wsp.h"

/* What the call works with. */
struct offer {
	struct sock *l; /* the listener, with a reference */
	struct request *r;
	struct ibv_qp_attr attr; /* of INIT */
	int mask;
};

/* The oldest whose peer is still there [PROV-ACCEPT-10]. The code. */
static int take(struct offer *o)
{
	struct prov *p = o->l->p;
	for (;;) {
		wsd_lock(&p->lock);
		bool open = o->l->backlog;
		struct request *r = request_next_locked(o->l);
		wsd_unlock(&p->lock);
		if (!r)
			return open ? WSAEWOULDBLOCK : WSAENOTSOCK;
		o->r = r;
		if (request_alive(r, &o->attr, &o->mask))
			return 0;
		r->next = NULL;
		request_refuse(p, r, false);
	}
}

/* Not for good: the next listener may take the peer, or TCP/IP will. */
static void turn_away(struct offer *o)
{
	o->r->next = NULL;
	request_refuse(o->l->p, o->r, false);
}

/* [PROV-ACCEPT-3 PROV-ACCEPT-4] */
static int ask(const struct offer *o, LPCONDITIONPROC condition, DWORD_PTR data)
{
	struct prov *p = o->l->p;
	struct wsd_sockaddr_in peer = o->r->peer, local = o->r->local;
	WSABUF caller = {sizeof(peer), (char *)&peer}, callee = {sizeof(local), (char *)&local};
	struct upcall u;
	if (!condition)
		return CF_ACCEPT;
	wsd_lock(&p->lock);
	upcall_begin(p, o->l, &u); /* closing the listener waits for it */
	wsd_unlock(&p->lock);
	int answer = condition(&caller, NULL, NULL, NULL, &callee, NULL, NULL, data);
	upcall_end(p, &u);
	return answer;
}

/* Back into the queue, unless the listener was closed [PROV-ACCEPT-8]. */
static int defer(struct offer *o)
{
	struct prov *p = o->l->p;
	wsd_lock(&p->lock);
	bool open = o->l->backlog;
	if (open)
		request_back_locked(o->l, o->r);
	wsd_unlock(&p->lock);
	if (!open)
		turn_away(o);
	return open ? WSATRY_AGAIN : WSAENOTSOCK;
}

/* The connection, but for the answer to the peer. Takes the request, and o->r is NULL then; on
 * failure it may be left. Nobody else knows s yet. 0 or -errno. */
static int make_connection(struct offer *o, struct sock *s)
{
	struct conn *c;
	int err = conn_make(s, &c);
	if (err)
		return err;
	c->local = o->r->local;
	c->peer = o->r->peer;
	wsd_lock(&s->p->lock);
	c->dev = o->r->dev;
	c->dev->ids++; /* until the id comes with its own */
	wsd_unlock(&s->p->lock);
	err = conn_give_endpoint(c);
	if (!err)
		err = conn_open(c, &o->attr, o->mask);
	if (!err)
		err = endpoint_ready(c->ep, o->r->id);
	wsd_lock(&s->p->lock);
	dev_release_locked(c->dev);
	wsd_unlock(&s->p->lock);
	c->dev = NULL;
	if (err) {
		conn_end(c, true);
		return err;
	}
	struct dev *dev;
	struct rdma_cm_id *id = request_own(s->p, o->r, &dev);
	o->r = NULL;
	conn_begin(c, id, dev);
	/* What the id said while it was a request's was not heard. */
	wsd_lock(&s->p->lock);
	bool left = dev->left;
	wsd_unlock(&s->p->lock);
	if (left)
		conn_end(c, false);
	return left ? -ENODEV : 0;
}

/* CONNECTED before the peer is answered: its data and its end may come at once. The caller holds
 * s->call. 0 or -errno. */
static int answer(struct sock *s)
{
	struct conn *c = atomic_load(&s->conn);
	struct rdma_conn_param param = {
		.responder_resources = c->dev->reads,
		.initiator_depth = c->dev->reads,
		.rnr_retry_count = 7,
		.qp_num = c->ep->qp->qp_num,
	};
	if (rdma_accept(c->id, &param))
		return -errno;
	conn_up(c);
	sock_turn(s, SN_ACCEPTED);
	return 0;
}

/* A socket with the connection in it, and the switch's handle. The code; on failure nothing is
 * left but, perhaps, the request. */
static int make_socket(struct offer *o, struct sock **ret, struct hslot **ret_slot)
{
	struct sock *spare = NULL, *s;
	struct prov *p = prov_get(&spare);
	if (!p)
		return errmap(EO_ACCEPT, -ESHUTDOWN);
	int err = sock_create(p, spare, &s, ret_slot);
	if (err) {
		prov_put(p);
		return errmap(EO_ACCEPT, err);
	}
	s->debug = o->l->debug; /* [PROV-ACCEPT-5] */
	s->local = o->r->local;
	int code = errmap(EO_ACCEPT, p == o->l->p ? make_connection(o, s) : -ESHUTDOWN);
	if (!code) {
		s->switch_handle = p->up.lpWPUCreateSocketHandle(p->tcp.dwCatalogEntryId,
								 s->descriptor, &code);
		if (s->switch_handle != INVALID_SOCKET) {
			*ret = s;
			return 0;
		}
		code = code ? code : WSAENOBUFS;
		conn_end(atomic_load(&s->conn), true); /* refuses, since nothing was answered */
	}
	htable_release(&prov_process.handles, *ret_slot);
	sock_unref(s);
	return code;
}

/* The peer is answered and the descriptor there, or nothing is left. The code. */
static int finish(struct sock *s, struct hslot *slot)
{
	wsd_lock(&s->call);
	int code = errmap(EO_ACCEPT, answer(s));
	if (code)
		conn_end(atomic_load(&s->conn), true);
	wsd_unlock(&s->call);
	if (!code)
		return sock_publish(s, slot);
	htable_release(&prov_process.handles, slot);
	upcall_close_handle(s->p, s, true);
	return code;
}

static int accept_offer(struct offer *o, SOCKET *ret)
{
	struct prov *p = o->l->p;
	struct hslot *slot;
	struct sock *s = NULL;
	wsd_lock(&p->lock);
	bool open = o->l->backlog;
	wsd_unlock(&p->lock);
	int code = open ? make_socket(o, &s, &slot) : WSAENOTSOCK;
	if (code) {
		if (o->r)
			turn_away(o);
		return code;
	}
	SOCKET descriptor = s->descriptor;
	code = finish(s, slot);
	if (!code)
		*ret = descriptor;
	return code;
}

/* The listener's event can be set again; at once, if requests are left [PROV-ACCEPT-6]. */
static void rearm(struct sock *l)
{
	struct prov *p = l->p;
	struct upcall u;
	int code = 0;
	wsd_lock(&p->lock);
	WSAEVENT event = l->mask & FD_ACCEPT ? l->event : WSA_INVALID_EVENT;
	if (event)
		upcall_begin(p, l, &u);
	wsd_unlock(&p->lock);
	if (!event)
		return;
	p->up.lpWPUResetEvent(event, &code);
	upcall_end(p, &u);
	wsd_lock(&p->lock);
	bool set = (l->mask & FD_ACCEPT) && l->queued;
	if (set) {
		l->record |= FD_ACCEPT;
		l->accept_code = 0;
		event = l->event;
		upcall_begin(p, l, &u);
	}
	wsd_unlock(&p->lock);
	if (set)
		upcall_set_event(p, l, event, &u);
}

static int check_name(const struct wsd_sockaddr *addr, const INT *addrlen)
{
	if (!addr)
		return 0;
	return !addrlen || *addrlen < (INT)sizeof(struct wsd_sockaddr_in) ? WSAEFAULT : 0;
}

static int decide(struct offer *o, int answer, SOCKET *ret)
{
	switch (answer) {
	case CF_ACCEPT:
		return accept_offer(o, ret);
	case CF_DEFER:
		return defer(o);
	default:
		request_reject(o->l->p, o->r);
		return answer == CF_REJECT ? WSAECONNREFUSED : WSAEINVAL;
	}
}

SOCKET WSPAPI prov_WSPAccept(SOCKET descriptor, struct wsd_sockaddr *addr, LPINT addrlen,
			     LPCONDITIONPROC lpfnCondition, DWORD_PTR dwCallbackData, LPINT lpErrno)
{
	SOCKET accepted = INVALID_SOCKET;
	struct offer o = {0};
	int code = sock_enter(descriptor, SC_COUNT, &o.l);
	if (code) {
		sock_fail(lpErrno, code);
		return INVALID_SOCKET;
	}
	code = check_name(addr, addrlen);
	if (!code)
		code = sock_check(o.l->state, SC_ACCEPT);
	wsd_unlock(&o.l->call);
	if (!code)
		code = take(&o);
	if (!code) {
		struct wsd_sockaddr_in peer = o.r->peer;
		int answer = ask(&o, lpfnCondition, dwCallbackData);
		code = decide(&o, answer, &accepted);
		if (!code && addr) {
			memcpy(addr, &peer, sizeof(peer));
			*addrlen = sizeof(peer);
		}
		if (answer != CF_DEFER)
			rearm(o.l);
	}
	sock_unref(o.l);
	sock_fail(lpErrno, code);
	return accepted;
}
