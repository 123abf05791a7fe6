/* SPDX-License-Identifier: MIT
 *
 * The ends of connections: by the peer, by the transport, by the device, by WSPCloseSocket. Takes
 * sock->call, conn->lock and prov->lock for moments; none over the data side's completions.
 * PROV-CLOSE-1, PROV-CLOSE-3 to 5, PROV-CONNECT-9, provider.md part 5 (BROKEN).
 *
 * Closing waits for no peer: the cm id, and the queue pair whose number the peer still has, stay
 * until rdma_cm has the peer's answer or gives up ("parting"). So a lost message is sent again, and
 * a queue pair that is used again meets no peer that takes it for its former self.
 */
#include "conn.h"

/* Nothing is posted from now on. Under s->call. */
static void stop_locked(struct conn *c, int code)
{
	c->up = false;
	c->broken = code;
}

/* Or answers it. Under s->call. */
static void tell(struct conn *c)
{
	if (c->established && !c->told)
		c->told = !rdma_disconnect(c->id);
}

/* CONNECTED to BROKEN; false: it was not CONNECTED. Under s->call. */
static bool break_off(struct conn *c, int code)
{
	if (!sock_turn(c->s, SN_LOST))
		return false;
	pthread_mutex_lock(&c->lock);
	stop_locked(c, code);
	/* Under the lock: who finds it dead by a completion may make another queue pair. */
	endpoint_err(c->ep);
	pthread_mutex_unlock(&c->lock);
	tell(c);
	return true;
}

void conn_lost(struct conn *c, int code)
{
	struct sock *s = c->s;
	wsd_lock(&s->call);
	bool broken = break_off(c, code);
	wsd_unlock(&s->call);
	if (broken)
		transfer_break(c, code);
}

/* The device is removed: it is let go of, though the socket stays. No lock held. */
static void let_go(struct conn *c)
{
	struct sock *s = c->s;
	struct dev *dev;
	transfer_close(c);
	struct endpoint *ep = conn_take_endpoint(c);
	int fd = ep ? endpoint_hollow(ep) : -1;
	wsd_lock(&s->call);
	if (ep)
		c->hollow_fd = fd; /* closed with the connection's memory: soon, if s is closed */
	struct rdma_cm_id *id = c->id ? conn_take_id(c, &dev) : NULL;
	wsd_unlock(&s->call);
	if (id)
		conn_drop_id(c, id, dev);
}

/* The end of parting. Under s->call, which it gives up. */
static void part_unlock(struct conn *c, bool reuse)
{
	struct dev *dev;
	struct endpoint *ep = c->parting_ep;
	c->parting_ep = NULL;
	struct rdma_cm_id *id = conn_take_id(c, &dev);
	wsd_unlock(&c->s->call);
	if (ep)
		endpoint_put(ep, reuse);
	conn_drop_id(c, id, dev);
}

static int reason_of(enum rdma_cm_event_type event)
{
	return event == RDMA_CM_EVENT_DEVICE_REMOVAL ? WSAECONNABORTED : WSAECONNRESET;
}

void lost_event(struct conn *c, const struct conn_news *news)
{
	struct sock *s = c->s;
	bool removal = news->event == RDMA_CM_EVENT_DEVICE_REMOVAL, broken = false;
	switch ((int)news->event) {
	case RDMA_CM_EVENT_ESTABLISHED:
		c->established = true;
		if (c->parted || s->state == SS_BROKEN)
			tell(c);
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
	case RDMA_CM_EVENT_REJECTED:
	case RDMA_CM_EVENT_CONNECT_ERROR:
	case RDMA_CM_EVENT_UNREACHABLE:
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		if (c->parted) {
			part_unlock(c, news->event == RDMA_CM_EVENT_DISCONNECTED);
			return;
		}
		broken = break_off(c, reason_of(news->event));
		c->ended = true;
		break;
	default:
		break;
	}
	wsd_unlock(&s->call);
	/* Also if another thread has only just found it broken: nothing pending is to be ended by
	 * let_go(). */
	if (broken || removal)
		transfer_break(c, reason_of(news->event));
	if (removal)
		let_go(c);
}

/* ---- WSPCloseSocket [PROV-CLOSE-1] ---- */

void lost_close_begin(struct conn *c)
{
	if (c->s->state == SS_CONNECTING) {
		conn_end(c, true);
	} else if (c->s->state == SS_CONNECTED) {
		/* transfer_close() resets at once: ERR would only make completions, and where it is
		 * needed all the same (no hardware) it comes there */
		pthread_mutex_lock(&c->lock);
		stop_locked(c, WSAENOTSOCK);
		pthread_mutex_unlock(&c->lock);
		tell(c);
	}
}

void lost_close(struct conn *c)
{
	struct sock *s = c->s;
	struct dev *dev;
	if (!c->transfer)
		return; /* never connected */
	transfer_close(c);
	struct endpoint *ep = conn_take_endpoint(c);
	if (ep)
		memory_recycle(ep);
	wsd_lock(&s->call);
	struct rdma_cm_id *id = NULL;
	/* What was accepted and is not established yet is so for a moment: an id destroyed now
	 * would refuse the peer, which would go on to TCP/IP. */
	if (c->id)
		tell(c);
	bool part = c->id && !c->ended && (c->told || !c->established) &&
		    conn_time(c, &s->p->parting, PROV_PART_MS);
	if (part) {
		c->parting_ep = ep;
		c->parted = true;
	} else if (c->id) {
		id = conn_take_id(c, &dev);
	}
	wsd_unlock(&s->call);
	if (ep && !part)
		endpoint_put(ep, true);
	if (id)
		conn_drop_id(c, id, dev);
}
