/* SPDX-License-Identifier: MIT
 *
 * Endpoints: what a connection needs of a device, made once and recycled through a pool of the
 * device [PROV-MEM-8]. A protection domain each, so that one connection's keys are nothing to
 * another. Takes prov->lock; is inside the gate while it makes one, so that a fork finds every
 * descriptor on record. PROV-DATA-8 (the early buffer).
 *
 * On a NIC without hardware an endpoint whose connection was cut off in the middle rests, and then
 * gets another queue pair. RESET leaves something in the old one: rxe (Linux 6.1 and later) forgets
 * neither the answer of an RdmaRead that was cut off nor that it gives one itself, and then ends
 * the first message of the next connection with an error. And to destroy it waits in the kernel
 * until its packets have left the machine: many seconds, if they wait for a slow wire; after 50 s
 * it goes on, and the kernel dies of those that are left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utlist.h>

#include "conn.h"

enum {
	RNR_TIMER = 8, /* 0.16 ms: a receiver that has nothing posted is asked again soon */
	RETRIES = 6,   /* of an acknowledgement each; soft-RoCE never gives up at 7 */
	RNR_FOREVER = 7,
	REST_MAX = 64, /* of each device; then the oldest has rested enough */
};

static int make_pair(struct endpoint *ep)
{
	struct ibv_qp_init_attr attr = {
		.send_cq = ep->cq,
		.recv_cq = ep->cq,
		.cap = {EP_SEND_DEPTH, EP_RECV_DEPTH, EP_SGE, EP_SGE, EP_INLINE},
		.qp_type = IBV_QPT_RC,
	};
	ep->qp = ibv_create_qp(ep->pd, &attr);
	if (!ep->qp)
		return -errno;
	ep->max_inline = attr.cap.max_inline_data;
	ep->max_sge = attr.cap.max_send_sge < attr.cap.max_recv_sge ? attr.cap.max_send_sge
								    : attr.cap.max_recv_sge;
	ep->send_depth = attr.cap.max_send_wr;
	ep->recv_depth = attr.cap.max_recv_wr;
	ep->clean = true;
	ep->torn = ep->stalled = false;
	return 0;
}

static int make_queues(struct endpoint *ep)
{
	ep->pd = ibv_alloc_pd(ep->verbs);
	if (!ep->pd)
		return -errno;
	ep->channel = ibv_create_comp_channel(ep->verbs);
	if (!ep->channel || fcntl(ep->channel->fd, F_SETFL, O_NONBLOCK))
		return -errno;
	ep->cq = ibv_create_cq(ep->verbs, EP_CQ_DEPTH, NULL, ep->channel, 0);
	return ep->cq ? make_pair(ep) : -errno;
}

static int make_memory(struct endpoint *ep)
{
	ep->early = aligned_alloc(EP_EARLY_SIZE, EP_EARLY_SIZE);
	if (!ep->early)
		return -ENOMEM;
	ep->early_mr = ibv_reg_mr(ep->pd, ep->early, EP_EARLY_SIZE, IBV_ACCESS_LOCAL_WRITE);
	return ep->early_mr ? memory_create(ep) : -errno;
}

/* Another queue pair, which knows nothing of the last one's. */
static bool renew(struct endpoint *ep)
{
	if (ibv_destroy_qp(ep->qp))
		return false;
	ep->qp = NULL;
	return !make_pair(ep);
}

/* Everything but the channel. */
static void unmake(struct endpoint *ep)
{
	if (ep->memory)
		memory_destroy(ep);
	if (ep->qp)
		ibv_destroy_qp(ep->qp);
	if (ep->cq)
		ibv_destroy_cq(ep->cq);
	if (ep->early_mr)
		ibv_dereg_mr(ep->early_mr);
	free(ep->early);
	if (ep->pd)
		ibv_dealloc_pd(ep->pd);
}

/* Off the record before its descriptor is closed: a child of a fork must not close another's. */
static void forget(struct endpoint *ep)
{
	struct prov *p = ep->p;
	wsd_lock(&p->lock);
	gate_enter_locked(p);
	DL_DELETE2(p->endpoints, ep, aprev, anext);
	wsd_unlock(&p->lock);
}

static void leave(struct prov *p, struct dev *dev)
{
	wsd_lock(&p->lock);
	dev_release_locked(dev);
	gate_leave_locked(p);
	wsd_unlock(&p->lock);
}

static void destroy(struct endpoint *ep)
{
	forget(ep);
	unmake(ep);
	ibv_destroy_comp_channel(ep->channel);
	leave(ep->p, ep->dev);
	free(ep);
}

int endpoint_hollow(struct endpoint *ep)
{
	int fd = ep->channel->fd;
	int ready = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	forget(ep);
	unmake(ep);
	/* Its number stays taken; libibverbs, whose context may go, is not asked again: it would
	 * close the number, and free this. */
	int saved = ready < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (saved >= 0) {
		ep->channel->fd = saved;
		dup3(ready, fd, O_CLOEXEC);
	}
	ibv_destroy_comp_channel(ep->channel);
	if (ready >= 0)
		close(ready);
	leave(ep->p, ep->dev);
	free(ep);
	return saved < 0 ? -1 : fd;
}

/* Inside the gate. */
static int make(struct prov *p, struct dev *dev, struct endpoint **ret)
{
	struct endpoint *ep = calloc(1, sizeof(*ep));
	if (!ep)
		return -ENOMEM;
	ep->p = p;
	ep->dev = dev;
	ep->verbs = dev_verbs(p, dev);
	errno = ENODEV;
	int err = ep->verbs ? make_queues(ep) : -ENODEV;
	if (!err)
		err = make_memory(ep);
	if (!err) {
		*ret = ep;
		return 0;
	}
	unmake(ep);
	if (ep->channel)
		ibv_destroy_comp_channel(ep->channel);
	free(ep);
	return err;
}

int endpoint_get(struct prov *p, struct dev *dev, struct endpoint **ret)
{
	struct endpoint *ep;
	int err = 0;
	wsd_lock(&p->lock);
	if (dev->gone) {
		err = -ENODEV;
	} else if ((ep = dev->pool)) {
		DL_DELETE(dev->pool, ep);
		dev->pool_count--;
	} else {
		dev->ids++;
		gate_enter_locked(p);
		wsd_unlock(&p->lock);
		err = make(p, dev, &ep);
		wsd_lock(&p->lock);
		if (err)
			dev_release_locked(dev);
		else
			DL_APPEND2(p->endpoints, ep, aprev, anext);
		gate_leave_locked(p);
	}
	wsd_unlock(&p->lock);
	if (!err)
		*ret = ep;
	return err;
}

/* Into the pool, if it is one more connection's and there is room. */
static bool keep_locked(struct endpoint *ep)
{
	struct dev *dev = ep->dev;
	struct prov *p = ep->p;
	if (ep->spoiled || !ep->clean || dev->gone || atomic_load(&p->closing) ||
	    dev->pool_count >= p->max_endpoints)
		return false;
	DL_PREPEND(dev->pool, ep);
	dev->pool_count++;
	return true;
}

static bool rest_locked(struct endpoint *ep)
{
	struct dev *dev = ep->dev;
	struct prov *p = ep->p;
	if (!p->rest_ms || dev->gone || atomic_load(&p->closing))
		return false;
	ep->rest_until_ms = cm_now_ms() + p->rest_ms;
	DL_APPEND(dev->resting, ep);
	dev->rest_count++;
	cm_timer_locked(p, dev->rest_count > REST_MAX ? 0 : p->rest_ms);
	return true;
}

/* Nobody's any more, and rested if it has to be. */
static void settle(struct endpoint *ep)
{
	struct prov *p = ep->p;
	if (ep->dev->soft && ep->torn && !ep->spoiled)
		ep->spoiled = !renew(ep);
	wsd_lock(&p->lock);
	bool kept = keep_locked(ep);
	wsd_unlock(&p->lock);
	if (!kept)
		destroy(ep);
}

void endpoint_put(struct endpoint *ep, bool reuse)
{
	struct prov *p = ep->p;
	bool soft = ep->dev->soft, cut = ep->cut;
	ep->spoiled |= !reuse || !endpoint_reset(ep);
	ep->cut = false;
	wsd_lock(&p->lock);
	bool done = !(soft && ep->torn) && keep_locked(ep);
	done = done || (soft && (ep->torn || cut) && rest_locked(ep));
	wsd_unlock(&p->lock);
	if (!done)
		settle(ep);
}

static struct endpoint *take(struct endpoint **list, unsigned *count)
{
	struct endpoint *ep = *list;
	if (ep) {
		DL_DELETE(*list, ep);
		--*count;
	}
	return ep;
}

void endpoint_pool_drain(struct prov *p, struct dev *dev)
{
	struct endpoint *ep;
	do {
		wsd_lock(&p->lock);
		ep = take(&dev->pool, &dev->pool_count);
		if (!ep)
			ep = take(&dev->resting, &dev->rest_count);
		wsd_unlock(&p->lock);
		if (ep)
			destroy(ep);
	} while (ep);
}

/* The next one that has rested enough; until when the others rest, if some do. */
static struct endpoint *take_rested_locked(struct prov *p, int64_t now, int64_t *ret_next)
{
	for (struct dev *dev = p->devs; dev; dev = dev->next) {
		struct endpoint *ep = dev->resting;
		if (ep && (ep->rest_until_ms <= now || dev->rest_count > REST_MAX))
			return take(&dev->resting, &dev->rest_count);
		if (ep && (!*ret_next || ep->rest_until_ms < *ret_next))
			*ret_next = ep->rest_until_ms;
	}
	return NULL;
}

void endpoint_timer(struct prov *p)
{
	struct endpoint *ep;
	do {
		int64_t now = cm_now_ms(), next = 0;
		wsd_lock(&p->lock);
		ep = take_rested_locked(p, now, &next);
		if (!ep && next)
			cm_timer_locked(p, next > now ? (int)(next - now) : 1);
		wsd_unlock(&p->lock);
		if (ep)
			settle(ep);
	} while (ep);
}

int endpoint_init(struct endpoint *ep, struct ibv_qp_attr *attr, int mask)
{
	/* rdma_cm does not know yet what the peer may do; what it really may, registrations say. */
	attr->qp_access_flags = IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ;
	ep->port = attr->port_num;
	ep->pkey_index = attr->pkey_index;
	ep->clean = false;
	return -ibv_modify_qp(ep->qp, attr, mask | IBV_QP_ACCESS_FLAGS);
}

int endpoint_ready(struct endpoint *ep, struct rdma_cm_id *id)
{
	struct ibv_qp_attr attr = {.qp_state = IBV_QPS_RTR};
	int mask;
	if (rdma_init_qp_attr(id, &attr, &mask))
		return -errno;
	attr.min_rnr_timer = RNR_TIMER;
	int err = ibv_modify_qp(ep->qp, &attr, mask | IBV_QP_MIN_RNR_TIMER);
	if (err)
		return -err;
	attr = (struct ibv_qp_attr){.qp_state = IBV_QPS_RTS};
	if (rdma_init_qp_attr(id, &attr, &mask))
		return -errno;
	attr.retry_cnt = RETRIES;
	attr.rnr_retry = RNR_FOREVER;
	return -ibv_modify_qp(ep->qp, &attr, mask | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY);
}

void endpoint_err(struct endpoint *ep)
{
	struct ibv_qp_attr attr = {.qp_state = IBV_QPS_ERR};
	if (ep->qp)
		ibv_modify_qp(ep->qp, &attr, IBV_QP_STATE);
}

bool endpoint_reset(struct endpoint *ep)
{
	struct ibv_qp_attr attr = {.qp_state = IBV_QPS_RESET};
	if (!ep->clean)
		/* rxe must not be reset beside those who handle its packets. */
		ep->clean = ep->qp && (ep->stalled && ep->dev->soft
					       ? renew(ep)
					       : !ibv_modify_qp(ep->qp, &attr, IBV_QP_STATE));
	return ep->clean;
}

int endpoint_fail(struct endpoint *ep)
{
	if (!ep->clean || !ep->qp)
		return ep->qp ? 0 : -ENODEV;
	/* There is no other way from RESET; nobody may reach anything by it. */
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_INIT,
		.port_num = ep->port,
		.pkey_index = ep->pkey_index,
	};
	int err =
		ibv_modify_qp(ep->qp, &attr,
			      IBV_QP_STATE | IBV_QP_PORT | IBV_QP_PKEY_INDEX | IBV_QP_ACCESS_FLAGS);
	if (err)
		return -err;
	ep->clean = false;
	attr = (struct ibv_qp_attr){.qp_state = IBV_QPS_ERR};
	return -ibv_modify_qp(ep->qp, &attr, IBV_QP_STATE);
}
