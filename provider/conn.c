/* SPDX-License-Identifier: MIT
 *
 * The life of connections: from a cm id and an endpoint to their end, their deadlines, and which
 * connection an event of rdma_cm is of. Takes sock->call, conn->lock and prov->lock (conn.h).
 * PROV-CONNECT-9.
 */
#include "conn.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

#include "cmdata.h"

/* In the context of an id: a connection, not a name. */
enum { TAG = 1 };

int conn_make(struct sock *s, struct conn **ret)
{
	struct conn *c = atomic_load(&s->conn);
	if (!c) {
		c = calloc(1, sizeof(*c));
		if (!c)
			return -ENOMEM;
		pthread_mutex_init(&c->lock, NULL);
		c->s = s;
		c->hollow_fd = -1;
		atomic_store(&s->conn, c);
	}
	*ret = c;
	return 0;
}

void conn_free(struct conn *c)
{
	if (!c)
		return;
	transfer_free(c);
	if (c->hollow_fd >= 0)
		close(c->hollow_fd);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void conn_begin(struct conn *c, struct rdma_cm_id *id, struct dev *dev)
{
	struct prov *p = c->s->p;
	sock_ref(c->s);
	atomic_fetch_add(&c->attempt, 1);
	wsd_lock(&p->lock); /* conn_read() sees it all */
	id->context = (char *)c + TAG;
	wsd_unlock(&p->lock);
	c->id = id;
	c->dev = dev;
	c->established = c->told = c->ended = c->parted = false;
}

int conn_give_endpoint(struct conn *c)
{
	struct endpoint *ep;
	int err = endpoint_get(c->s->p, c->dev, &ep);
	if (err)
		return err;
	pthread_mutex_lock(&c->lock);
	c->ep = ep;
	pthread_mutex_unlock(&c->lock);
	return 0;
}

int conn_open(struct conn *c, struct ibv_qp_attr *attr, int mask)
{
	int err = endpoint_init(c->ep, attr, mask);
	return err ? err : transfer_open(c);
}

void conn_up(struct conn *c)
{
	pthread_mutex_lock(&c->lock);
	c->up = true;
	c->broken = 0;
	pthread_mutex_unlock(&c->lock);
}

struct rdma_cm_id *conn_take_id(struct conn *c, struct dev **ret_dev)
{
	struct rdma_cm_id *id = c->id;
	*ret_dev = c->dev;
	c->id = NULL;
	c->dev = NULL;
	c->parted = false;
	atomic_fetch_add(&c->attempt, 1);
	conn_untime(c);
	return id;
}

void conn_drop_id(struct conn *c, struct rdma_cm_id *id, struct dev *dev)
{
	struct prov *p = c->s->p;
	wsd_lock(&p->lock);
	gate_enter_locked(p);
	wsd_unlock(&p->lock);
	rdma_destroy_id(id);
	wsd_lock(&p->lock);
	if (dev)
		dev_release_locked(dev);
	gate_leave_locked(p);
	wsd_unlock(&p->lock);
	sock_unref(c->s);
}

struct endpoint *conn_take_endpoint(struct conn *c)
{
	pthread_mutex_lock(&c->lock);
	struct endpoint *ep = c->ep;
	if (ep && c->watched)
		cm_unwatch(c->s->p, ep->channel->fd);
	c->watched = false;
	c->ep = NULL;
	pthread_mutex_unlock(&c->lock);
	return ep;
}

/* The caller has a reference to the socket. Nothing was posted but the early receive. */
void conn_end(struct conn *c, bool reuse)
{
	struct dev *dev;
	struct rdma_cm_id *id = c->id ? conn_take_id(c, &dev) : NULL;
	if (c->transfer) {
		transfer_close(c);
		transfer_free(c);
	}
	struct endpoint *ep = conn_take_endpoint(c);
	if (ep)
		endpoint_put(ep, reuse);
	if (id)
		conn_drop_id(c, id, dev);
}

/* ---- deadlines: each list has one length of time, so the first is the next ---- */

bool conn_time(struct conn *c, struct conn **list, int ms)
{
	struct prov *p = c->s->p;
	c->deadline_ms = cm_now_ms() + ms;
	wsd_lock(&p->lock);
	bool open = !atomic_load(&p->closing); /* before conn_part_all(), if it is not */
	if (open) {
		c->timed = list;
		DL_APPEND2(*list, c, tprev, tnext);
		cm_timer_locked(p, ms);
	}
	wsd_unlock(&p->lock);
	return open;
}

void conn_untime(struct conn *c)
{
	struct prov *p = c->s->p;
	wsd_lock(&p->lock);
	if (c->timed)
		DL_DELETE2(*c->timed, c, tprev, tnext);
	c->timed = NULL;
	wsd_unlock(&p->lock);
}

/* The next one whose time is up, with a reference. */
static bool take_expired(struct prov *p, struct conn **list, int64_t now_ms, struct conn_news *ret)
{
	wsd_lock(&p->lock);
	struct conn *c = *list;
	if (c && c->deadline_ms > now_ms)
		c = NULL;
	if (c) {
		DL_DELETE2(*list, c, tprev, tnext);
		c->timed = NULL;
		sock_ref(c->s);
		ret->c = c;
		ret->attempt = atomic_load(&c->attempt);
	}
	wsd_unlock(&p->lock);
	return c;
}

static void expire(struct prov *p, int64_t now_ms)
{
	struct conn_news news = {.status = -ETIMEDOUT};
	news.event = RDMA_CM_EVENT_UNREACHABLE;
	while (take_expired(p, &p->attempts, now_ms, &news))
		conn_event(&news);
	news.event = RDMA_CM_EVENT_TIMEWAIT_EXIT;
	while (take_expired(p, &p->parting, now_ms, &news))
		conn_event(&news);
}

int conn_timer(struct prov *p)
{
	int64_t now = cm_now_ms(), next = 0;
	expire(p, now);
	wsd_lock(&p->lock);
	if (p->attempts)
		next = p->attempts->deadline_ms;
	if (p->parting && (!next || p->parting->deadline_ms < next))
		next = p->parting->deadline_ms;
	wsd_unlock(&p->lock);
	return next > now ? (int)(next - now) : next ? 1 : 0;
}

void conn_part_all(struct prov *p)
{
	expire(p, INT64_MAX);
}

/* ---- events ---- */

/* False: not of a connection. */
bool conn_read(struct prov *p, const struct rdma_cm_event *event, struct conn_news *ret)
{
	const struct rdma_conn_param *param = &event->param.conn;
	enum cmdata_reason reason;
	wsd_lock(&p->lock);
	uintptr_t context = (uintptr_t)event->id->context;
	struct dev *left = event->event == RDMA_CM_EVENT_DEVICE_REMOVAL && !(context & TAG)
				   ? dev_find_locked(p, event->id->verbs)
				   : NULL;
	if (left)
		left->left = true;
	wsd_unlock(&p->lock);
	if (event->event == RDMA_CM_EVENT_CONNECT_REQUEST || !(context & TAG))
		return false;
	struct conn *c = (struct conn *)((char *)event->id->context - TAG);
	sock_ref(c->s); /* the id has one, and is not destroyed before the acknowledgement */
	*ret = (struct conn_news){
		.c = c,
		.attempt = atomic_load(&c->attempt),
		.event = event->event,
		.status = event->status,
		.refused = event->event == RDMA_CM_EVENT_REJECTED && param->private_data &&
			   cmdata_get_reject(param->private_data, param->private_data_len,
					     &reason) == CMDATA_OURS,
	};
	return true;
}

void conn_event(const struct conn_news *news)
{
	struct conn *c = news->c;
	struct sock *s = c->s;
	wsd_lock(&s->call);
	if (!c->id || atomic_load(&c->attempt) != news->attempt) {
		wsd_unlock(&s->call); /* late: touches nothing [PROV-CONNECT-9] */
	} else if (s->state == SS_CONNECTING) {
		WSAEVENT event;
		struct upcall u;
		bool set = connect_step(c, news, &event, &u);
		wsd_unlock(&s->call);
		if (set)
			upcall_set_event(s->p, s, event, &u);
	} else {
		lost_event(c, news);
	}
	sock_unref(s);
}

/* ---- what the data side asks for ---- */

struct conn *conn_find(SOCKET descriptor, struct sock **ret_s, int *ret_code)
{
	struct sock *s = sock_find(descriptor);
	struct conn *c = s ? atomic_load(&s->conn) : NULL;
	if (c)
		*ret_s = s;
	else
		*ret_code = s ? WSAENOTCONN : WSAENOTSOCK;
	if (s && !c)
		sock_unref(s);
	return c;
}

void conn_leave(struct sock *s)
{
	sock_unref(s);
}

int conn_watch(struct conn *c, bool on)
{
	struct prov *p = c->s->p;
	int err = 0;
	if (on && !c->watched)
		err = cm_watch(p, c->ep->channel->fd, c->s->descriptor);
	else if (!on && c->watched)
		cm_unwatch(p, c->ep->channel->fd);
	if (!err)
		c->watched = on;
	return err;
}

void conn_readable(SOCKET descriptor)
{
	struct sock *s = sock_find(descriptor);
	if (!s)
		return; /* closed meanwhile */
	transfer_on_channel(atomic_load(&s->conn));
	sock_unref(s);
}
