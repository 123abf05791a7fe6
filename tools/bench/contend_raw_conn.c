/* SPDX-License-Identifier: MIT
 *
 * contend_raw_conn.c - connecting over bare librdmacm: with a queue pair, or by the CM alone (which
 * tells what is left of a connect when everything else is free). The channels of connecting ids are
 * kept for the next ones.
 *
 * Locks: the pool's; a channel's, around the state of its ids, not held while asleep. An event is
 * acknowledged after it was looked into, so that its id, and with it the connection, is still
 * there.
 */
#include "contend.h"
#include "contend_raw.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { STEP_MS = 20000, RESOLVE_MS = 5000, REQUESTS = 1024 };

struct chan {
	struct rdma_event_channel *events;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool asleep; /* a thread waits for events */
	int wake;    /* an eventfd; -1: a client's, which nobody interrupts */
	bool interrupted;
	struct rdma_cm_id *requests[REQUESTS]; /* a ring; a server's */
	unsigned first, count;
	struct chan *next; /* in the pool */
};

struct listener {
	struct chan *chan;
	struct rdma_cm_id *id;
};

/* ---- channels ---- */

static struct {
	pthread_mutex_t lock;
	struct chan *idle;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct chan *chan_new(bool server)
{
	struct chan *ch = calloc(1, sizeof(*ch));
	if (!ch)
		return NULL;
	ch->events = rdma_create_event_channel();
	ch->wake = server && ch->events ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
	if (!ch->events || (server && ch->wake < 0)) {
		int err = errno;
		if (ch->events)
			rdma_destroy_event_channel(ch->events);
		free(ch);
		errno = err;
		return NULL;
	}
	pthread_mutex_init(&ch->lock, NULL);
	pthread_cond_init(&ch->changed, NULL);
	return ch;
}

static void chan_free(struct chan *ch)
{
	rdma_destroy_event_channel(ch->events);
	if (ch->wake >= 0)
		close(ch->wake);
	pthread_cond_destroy(&ch->changed);
	pthread_mutex_destroy(&ch->lock);
	free(ch);
}

static struct chan *pool_take(void)
{
	pthread_mutex_lock(&pool.lock);
	struct chan *ch = pool.idle;
	if (ch)
		pool.idle = ch->next;
	pthread_mutex_unlock(&pool.lock);
	return ch ? ch : chan_new(false);
}

/* Connections go on using it: their events are looked into whenever somebody connects by it. */
static void pool_put(struct chan *ch)
{
	pthread_mutex_lock(&pool.lock);
	ch->next = pool.idle;
	pool.idle = ch;
	pthread_mutex_unlock(&pool.lock);
}

void contend_raw_idle(void)
{
	while (pool.idle) {
		struct chan *ch = pool.idle;
		pool.idle = ch->next;
		chan_free(ch);
	}
}

static int status_error(const struct rdma_cm_event *e)
{
	if (e->event == RDMA_CM_EVENT_REJECTED)
		return ECONNREFUSED;
	return e->status < 0 ? -e->status : e->status ? ETIMEDOUT : EPROTO;
}

/* Under the channel's lock. */
static void look_into(struct chan *ch, const struct rdma_cm_event *e)
{
	struct conn *c = e->id->context;
	switch ((int)e->event) {
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		if (ch->count < REQUESTS)
			ch->requests[(ch->first + ch->count++) % REQUESTS] = e->id;
		return; /* beyond: it times out, as with a full backlog */
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
		return;
	case RDMA_CM_EVENT_DISCONNECTED:
		if (!c || c->closing)
			return;
		c->ended = true;
		if (c->size) /* who waits for a message is woken by flushed receives */
			rdma_disconnect(c->id);
		return;
	case RDMA_CM_EVENT_ADDR_RESOLVED:
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
	case RDMA_CM_EVENT_CONNECT_RESPONSE:
	case RDMA_CM_EVENT_ESTABLISHED:
		if (c)
			c->event = e->event;
		return;
	default:
		if (c)
			c->error = status_error(e);
	}
}

/* Sleeps for an event and looks into it; the lock is held before and after. */
static int drive(struct chan *ch)
{
	struct rdma_cm_event *event = NULL;
	struct pollfd p[] = {{.fd = ch->events->fd, .events = POLLIN},
			     {.fd = ch->wake, .events = POLLIN}};
	uint64_t one;
	ch->asleep = true;
	pthread_mutex_unlock(&ch->lock);
	int n = poll(p, 2, ch->wake >= 0 ? -1 : STEP_MS);
	int err = n > 0 ? 0 : n ? errno : ETIMEDOUT;
	if (n > 0 && p[0].revents && rdma_get_cm_event(ch->events, &event))
		err = errno;
	pthread_mutex_lock(&ch->lock);
	ch->asleep = false;
	if (n > 0 && p[1].revents && read(ch->wake, &one, sizeof(one)) == sizeof(one))
		ch->interrupted = true;
	if (event)
		look_into(ch, event);
	pthread_cond_broadcast(&ch->changed);
	if (event) {
		pthread_mutex_unlock(&ch->lock);
		rdma_ack_cm_event(event);
		pthread_mutex_lock(&ch->lock);
	}
	errno = err;
	return err && err != EINTR ? -1 : 0;
}

static int wait_for(struct chan *ch, bool (*there)(const void *what), const void *what)
{
	int r = 0;
	while (!r && !there(what))
		if (ch->asleep)
			pthread_cond_wait(&ch->changed, &ch->lock);
		else
			r = drive(ch);
	return r;
}

/* ---- what is waited for ---- */

static bool addr_there(const void *what)
{
	const struct conn *c = what;
	return c->event == RDMA_CM_EVENT_ADDR_RESOLVED || c->error;
}

static bool route_there(const void *what)
{
	const struct conn *c = what;
	return c->event == RDMA_CM_EVENT_ROUTE_RESOLVED || c->error;
}

static bool up(const void *what)
{
	const struct conn *c = what;
	return c->event == RDMA_CM_EVENT_ESTABLISHED ||
	       c->event == RDMA_CM_EVENT_CONNECT_RESPONSE || c->error || c->ended;
}

static bool over(const void *what)
{
	const struct conn *c = what;
	return c->ended || c->error;
}

static bool asked(const void *what)
{
	const struct chan *ch = what;
	return ch->count || ch->interrupted;
}

static int step(struct conn *c, bool (*there)(const void *what))
{
	pthread_mutex_lock(&c->chan->lock);
	int r = wait_for(c->chan, there, c);
	int err = r ? errno : c->error ? c->error : c->ended && there == up ? ECONNRESET : 0;
	pthread_mutex_unlock(&c->chan->lock);
	errno = err;
	return err ? -1 : 0;
}

/* ---- listening ---- */

static void raw_unlisten(struct listener *l)
{
	if (l->id)
		rdma_destroy_id(l->id);
	if (l->chan)
		chan_free(l->chan);
	free(l);
}

static int raw_listen(struct sockaddr_in *at, int backlog, struct listener **ret)
{
	struct listener *l = calloc(1, sizeof(*l));
	if (!l)
		return -1;
	l->chan = chan_new(true);
	if (!l->chan || rdma_create_id(l->chan->events, &l->id, NULL, RDMA_PS_TCP) ||
	    rdma_bind_addr(l->id, (struct sockaddr *)at) || rdma_listen(l->id, backlog)) {
		int err = errno;
		raw_unlisten(l);
		errno = err;
		return -1;
	}
	at->sin_port = rdma_get_src_port(l->id);
	*ret = l;
	return 0;
}

static void raw_interrupt(struct listener *l)
{
	static const uint64_t one = 1;
	(void)!write(l->chan->wake, &one, sizeof(one));
}

static const struct rdma_conn_param parameters = {
	.responder_resources = 1,
	.initiator_depth = 1,
	.retry_count = 7,
	.rnr_retry_count = 7,
};

static void raw_close(struct conn *c)
{
	pthread_mutex_lock(&c->chan->lock);
	c->closing = true;
	pthread_mutex_unlock(&c->chan->lock);
	rdma_disconnect(c->id);
	raw_unmake(c);
	rdma_destroy_id(c->id);
	free(c);
}

static int abandon(struct conn *c)
{
	int err = errno;
	if (c->id) {
		raw_unmake(c);
		rdma_destroy_id(c->id);
	}
	free(c);
	errno = err;
	return -1;
}

/* The next request; NULL with errno. */
static struct rdma_cm_id *next_request(struct chan *ch)
{
	struct rdma_cm_id *id = NULL;
	pthread_mutex_lock(&ch->lock);
	int r = wait_for(ch, asked, ch);
	if (!r && ch->interrupted) {
		ch->interrupted = false;
		errno = ECANCELED;
	} else if (!r) {
		id = ch->requests[ch->first];
		ch->first = (ch->first + 1) % REQUESTS;
		ch->count--;
	}
	pthread_mutex_unlock(&ch->lock);
	return id;
}

/* Numbers that are no queue pair's, one for each end of each connection: a CM would take another
 * connection's for a stale one. */
static uint32_t dummy(bool server)
{
	static atomic_uint next;
	uint32_t own = ((uint32_t)getpid() * 8191 + atomic_fetch_add(&next, 1)) & 0x3fffff;
	return (server ? 0xc00000 : 0x800000) | own;
}

static struct conn *new_conn(struct chan *ch)
{
	struct conn *c = ch ? calloc(1, sizeof(*c)) : NULL;
	if (!c)
		return NULL;
	c->chan = ch;
	c->event = RDMA_CM_EVENT_TIMEWAIT_EXIT; /* none yet; 0 is one */
	return c;
}

static int accept_one(struct listener *l, bool qp, size_t message, struct conn **ret)
{
	struct rdma_conn_param param = parameters;
	struct rdma_cm_id *id = next_request(l->chan);
	struct conn *c = id ? new_conn(l->chan) : NULL;
	if (!c)
		return -1;
	c->id = id;
	id->context = c;
	if (!qp)
		param.qp_num = dummy(true);
	if ((qp && raw_make(c, message)) || rdma_accept(id, &param) || step(c, up))
		return abandon(c);
	*ret = c;
	return 0;
}

static int raw_accept(struct listener *l, size_t message, struct conn **ret)
{
	return accept_one(l, true, message, ret);
}

static int cm_accept(struct listener *l, size_t message, struct conn **ret)
{
	(void)message;
	return accept_one(l, false, 0, ret);
}

/* ---- connecting ---- */

static int go(struct conn *c, const struct sockaddr_in *to, bool qp, size_t message)
{
	struct rdma_conn_param param = parameters;
	if (rdma_create_id(c->chan->events, &c->id, c, RDMA_PS_TCP) ||
	    rdma_resolve_addr(c->id, NULL, (struct sockaddr *)(uintptr_t)to, RESOLVE_MS) ||
	    step(c, addr_there) || rdma_resolve_route(c->id, RESOLVE_MS) || step(c, route_there))
		return -1;
	if (qp && raw_make(c, message))
		return -1;
	if (!qp)
		param.qp_num = dummy(false);
	if (rdma_connect(c->id, &param) || step(c, up))
		return -1;
	return qp ? 0 : rdma_establish(c->id);
}

static int connect_one(const struct sockaddr_in *to, bool qp, size_t message, struct conn **ret)
{
	struct chan *ch = pool_take();
	struct conn *c = new_conn(ch);
	int r = c ? go(c, to, qp, message) : -1;
	int err = errno;
	if (r && c)
		abandon(c);
	if (ch)
		pool_put(ch);
	if (r) {
		errno = err;
		return -1;
	}
	*ret = c;
	return 0;
}

static int raw_connect(const struct sockaddr_in *to, size_t message, struct conn **ret)
{
	return connect_one(to, true, message, ret);
}

static int cm_connect(const struct sockaddr_in *to, size_t message, struct conn **ret)
{
	(void)message;
	return connect_one(to, false, 0, ret);
}

/* Without buffers there is nothing to wait for but the end. */
static int raw_receive(struct conn *c, void *data, size_t n)
{
	(void)data; /* it stays where it came */
	if (c->size)
		return raw_recv(c, n);
	if (!step(c, over))
		errno = EPIPE;
	return -1;
}

const struct conn_ops raw_conns = {
	.listen = raw_listen,
	.unlisten = raw_unlisten,
	.accept = raw_accept,
	.interrupt = raw_interrupt,
	.connect = raw_connect,
	.send = raw_send,
	.recv = raw_receive,
	.close = raw_close,
};

/* Connections that carry nothing. */
const struct conn_ops raw_cm_conns = {
	.listen = raw_listen,
	.unlisten = raw_unlisten,
	.accept = cm_accept,
	.interrupt = raw_interrupt,
	.connect = cm_connect,
	.recv = raw_receive,
	.close = raw_close,
};

static int start(const struct sockaddr_in *here, char *why, size_t size)
{
	return contend_rdma(here, why, size);
}

static void stop(void)
{
	contend_raw_idle();
	contend_rdma_done();
}

const struct contender contend_raw_cm = {
	.name = "raw-cm",
	.title = "rdma_cm alone, no queue pair",
	.start = start,
	.stop = stop,
	.conns = &raw_cm_conns,
};
