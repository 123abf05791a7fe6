/* SPDX-License-Identifier: MIT
 *
 * Connection requests from their arrival until WSPAccept: queued on one listener within its
 * backlog, refused, or dropped when the peer gives up. They are bare cm ids without a queue pair.
 * Takes prov->lock. PROV-LISTEN-3, PROV-ACCEPT-10, PROV-ACCEPT-12, PROV-BIND-22.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "cmdata.h"
#include "log.h"
#include "prov.h"

enum {
	PURGE_BATCH = 64,
	FULL_MS = 20, /* a full queue is looked through this often: each look asks rdma_cm of all */
};

static void request_unref(struct prov *p, struct request *r)
{
	wsd_lock(&p->lock);
	bool last = --r->refs == 0;
	if (!last && !r->s)
		prov_wake_locked(p); /* request_own() may wait */
	wsd_unlock(&p->lock);
	if (!last)
		return;
	gate_destroy_id(p, r->id); /* tells the peer, if nothing else did */
	wsd_lock(&p->lock);
	dev_release_locked(r->dev);
	wsd_unlock(&p->lock);
	free(r);
}

/* The caller has the queue's reference now. */
static void dequeue_locked(struct prov *p, struct request *r)
{
	DL_DELETE(r->s->queue, r);
	DL_DELETE2(p->requests, r, pprev, pnext);
	r->s->queued--;
	r->s = NULL;
}

/* The newest requests beyond @keep, as a list by next. */
struct request *request_take_locked(struct sock *s, unsigned keep)
{
	struct request *list = NULL;
	while (s->queued > keep) {
		struct request *r = s->queue->prev; /* the newest */
		dequeue_locked(s->p, r);
		r->next = list;
		list = r;
	}
	return list;
}

/* With our tag the refusal is final for the peer; without it, it goes on to TCP/IP
 * [PROV-CONNECT-7]. */
static void reject_final(struct rdma_cm_id *id, enum cmdata_reason reason)
{
	uint8_t tag[CMDATA_REJECT_SIZE];
	cmdata_put_reject(tag, reason);
	rdma_reject(id, tag, sizeof(tag));
}

void request_refuse(struct prov *p, struct request *list, bool final)
{
	for (struct request *next; list; list = next) {
		next = list->next;
		if (final)
			reject_final(list->id, CMDATA_BACKLOG);
		request_unref(p, list);
	}
}

/* ---- for WSPAccept ---- */

/* The oldest, out of the queue; the caller has the queue's reference. NULL: there is none. */
struct request *request_next_locked(struct sock *s)
{
	struct request *r = s->queue;
	if (r)
		dequeue_locked(s->p, r);
	return r;
}

/* To the head of the queue again, however long that is. */
void request_back_locked(struct sock *s, struct request *r)
{
	r->s = s;
	DL_PREPEND(s->queue, r);
	DL_APPEND2(s->p->requests, r, pprev, pnext);
	s->queued++;
	cm_timer_locked(s->p, PROV_PURGE_MS);
}

/* The application said no [PROV-ACCEPT-7]. Takes r. */
void request_reject(struct prov *p, struct request *r)
{
	reject_final(r->id, CMDATA_REFUSED);
	request_unref(p, r);
}

/* rdma_cm says nothing to a queued id whose peer gave up; asking for queue pair attributes (here
 * those of INIT) fails then. */
bool request_alive(struct request *r, struct ibv_qp_attr *attr, int *ret_mask)
{
	*attr = (struct ibv_qp_attr){.qp_state = IBV_QPS_INIT};
	return !rdma_init_qp_attr(r->id, attr, ret_mask) || errno == ENOMEM;
}

/* Takes r, which is in no queue, and gives its id and the count of the device. The event thread may
 * be looking at it for a moment. */
struct rdma_cm_id *request_own(struct prov *p, struct request *r, struct dev **ret_dev)
{
	struct rdma_cm_id *id = r->id;
	wsd_lock(&p->lock);
	while (r->refs > 1)
		prov_wait_locked(p);
	*ret_dev = r->dev;
	wsd_unlock(&p->lock);
	free(r);
	return id;
}

/* The CM's names, and over them the true ones that a peer of our kind claims. False: reject it. */
static bool true_names(const struct rdma_cm_id *id, const struct rdma_conn_param *param,
		       struct wsd_sockaddr_in *peer, struct wsd_sockaddr_in *local)
{
	const struct sockaddr_in *src = (const struct sockaddr_in *)&id->route.addr.dst_addr;
	const struct sockaddr_in *dst = (const struct sockaddr_in *)&id->route.addr.src_addr;
	*peer = (struct wsd_sockaddr_in){
		.sin_family = WSD_AF_INET,
		.sin_port = src->sin_port,
		.sin_addr.s_addr = src->sin_addr.s_addr,
	};
	*local = (struct wsd_sockaddr_in){
		.sin_family = WSD_AF_INET,
		.sin_port = dst->sin_port,
		.sin_addr.s_addr = dst->sin_addr.s_addr,
	};
	struct cmdata_request claim;
	switch (cmdata_get_request(param->private_data, param->private_data_len, &claim)) {
	case CMDATA_FOREIGN:
		return true;
	case CMDATA_OURS:
		peer->sin_port = claim.src_port_be;
		return claim.src_addr_be == src->sin_addr.s_addr && claim.src_port_be &&
		       claim.dst_addr_be == dst->sin_addr.s_addr &&
		       claim.dst_port_be == dst->sin_port;
	case CMDATA_GARBLED:
		return false;
	}
	return false;
}

enum fate { QUEUED, FULL, NOBODY };

/* Puts r on the listener in rank, or says why not. On QUEUED, *u is begun if *ret_event is to be
 * set. */
static enum fate enqueue(struct prov *p, struct name *n, struct request *r, struct sock **ret_s,
			 WSAEVENT *ret_event, struct upcall *u)
{
	enum fate fate = NOBODY;
	*ret_event = WSA_INVALID_EVENT;
	wsd_lock(&p->lock);
	struct use *first = name_first_listener(n);
	struct sock *s = first ? first->s : NULL;
	if (s && !r->dev->gone)
		fate = s->queued < s->backlog ? QUEUED : FULL;
	if (fate == FULL)
		sock_ref(s);
	if (fate == QUEUED) {
		r->s = s;
		DL_APPEND(s->queue, r);
		DL_APPEND2(p->requests, r, pprev, pnext);
		s->queued++;
		cm_timer_locked(p, PROV_PURGE_MS);
		if (s->mask & FD_ACCEPT) {
			/* Record first, set second [PROV-EVENT-4]. */
			s->record |= FD_ACCEPT;
			s->accept_code = 0;
			*ret_event = s->event;
			upcall_begin(p, s, u);
		}
	}
	wsd_unlock(&p->lock);
	*ret_s = s;
	return fate;
}

/* The event thread alone. */
static bool look_due(struct sock *s)
{
	int64_t now = cm_now_ms();
	bool due = now - s->purged_ms >= FULL_MS;
	if (due)
		s->purged_ms = now;
	return due;
}

static void queue_or_refuse(struct prov *p, struct name *n, struct request *r)
{
	struct sock *s;
	WSAEVENT event;
	struct upcall u;
	enum fate fate = enqueue(p, n, r, &s, &event, &u);
	if (fate == FULL) {
		bool look = look_due(s);
		if (look)
			request_purge(p, s); /* those who gave up make room */
		sock_unref(s);
		if (look)
			fate = enqueue(p, n, r, &s, &event, &u);
		if (look && fate == FULL)
			sock_unref(s);
	}
	if (fate == QUEUED) {
		if (event)
			upcall_set_event(p, s, event, &u);
		return;
	}
	if (fate == FULL)
		reject_final(r->id,
			     CMDATA_BACKLOG); /* and nothing is signalled here [PROV-LISTEN-3] */
	request_unref(p, r);
}

/* librdmacm may have opened the device anew since the listener was bound. */
static int take_device(struct prov *p, struct request *r)
{
	int err = 0;
	wsd_lock(&p->lock);
	r->dev = dev_count_locked(p, r->id->verbs);
	if (!r->dev) {
		gate_enter_locked(p);
		wsd_unlock(&p->lock);
		err = dev_take(p, r->id, r->local.sin_addr.s_addr, &r->dev);
		wsd_lock(&p->lock);
		gate_leave_locked(p);
	}
	wsd_unlock(&p->lock);
	return err;
}

/*
 * What of a CONNECT_REQUEST is needed after its event is acknowledged; the name cannot go before.
 * NULL: it is to be destroyed.
 */
struct request *request_read(struct prov *p, const struct rdma_cm_event *event, struct name **ret_n)
{
	struct name *n = event->listen_id->context;
	struct request *r = calloc(1, sizeof(*r));
	if (r && !true_names(event->id, &event->param.conn, &r->peer, &r->local)) {
		wsd_log(WSD_LOG_INFO, "provider: a request with a false or garbled name");
		free(r);
		r = NULL;
	}
	if (r) {
		r->id = event->id;
		r->refs = 1;
	}
	wsd_lock(&p->lock);
	n->refs++;
	wsd_unlock(&p->lock);
	*ret_n = n;
	return r;
}

/* Takes r, which may be NULL, id and the reference to n. */
void request_arrived(struct prov *p, struct name *n, struct rdma_cm_id *id, struct request *r)
{
	if (r && !take_device(p, r)) {
		queue_or_refuse(p, n, r);
	} else {
		free(r);
		gate_destroy_id(p, id);
	}
	name_put(n);
}

/* One look at each queued request, of one socket or all. The event thread alone. */
void request_purge(struct prov *p, const struct sock *only)
{
	struct request *batch[PURGE_BATCH];
	unsigned n;
	uint64_t pass = ++p->purge_pass;
	do {
		n = 0;
		wsd_lock(&p->lock);
		for (struct request *r = p->requests; r && n < PURGE_BATCH; r = r->pnext) {
			if (r->pass == pass || (only && r->s != only))
				continue;
			r->pass = pass;
			r->refs++;
			batch[n++] = r;
		}
		wsd_unlock(&p->lock);
		for (unsigned i = 0; i < n; i++) {
			struct ibv_qp_attr attr;
			int mask;
			bool dead = !request_alive(batch[i], &attr, &mask);
			wsd_lock(&p->lock);
			dead = dead && batch[i]->s;
			if (dead)
				dequeue_locked(p, batch[i]);
			wsd_unlock(&p->lock);
			if (dead)
				request_unref(p, batch[i]);
			request_unref(p, batch[i]);
		}
	} while (n == PURGE_BATCH);
}

/* The device is removed: its requests are lost with it. */
void request_drop_device(struct prov *p, const struct dev *dev)
{
	struct request *list = NULL;
	wsd_lock(&p->lock);
	for (struct request *r = p->requests, *next; r; r = next) {
		next = r->pnext;
		if (r->dev != dev)
			continue;
		dequeue_locked(p, r);
		r->next = list;
		list = r;
	}
	wsd_unlock(&p->lock);
	request_refuse(p, list, false);
}
