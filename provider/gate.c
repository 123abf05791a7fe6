/* SPDX-License-Identifier: MIT
 *
 * The gate to librdmacm: a thread is inside where librdmacm may hold its lock or open a device, or
 * where it has something open for a moment itself. It
 * is closed, and empty, while a device is let go and over a fork: so the child finds librdmacm's
 * lock free, and no device that we have no record of [PROV-MEM-14]. State under prov->lock. No
 * upcall is made inside, and nobody enters twice.
 */
#include <errno.h>

#include "prov.h"

void gate_enter_locked(struct prov *p)
{
	while (p->gate_closed)
		prov_wait_locked(p);
	p->in_cm++;
}

void gate_leave_locked(struct prov *p)
{
	if (--p->in_cm == 0 && p->gate_closed)
		prov_wake_locked(p);
}

/* Nobody is inside at return, and nobody enters until it is opened. */
void gate_close_locked(struct prov *p)
{
	while (p->gate_closed)
		prov_wait_locked(p);
	p->gate_closed = true;
	while (p->in_cm)
		prov_wait_locked(p);
}

void gate_open_locked(struct prov *p)
{
	p->gate_closed = false;
	prov_wake_locked(p);
}

/* The channel, made when the first device is needed. Inside the gate. */
static struct rdma_event_channel *open_channel(struct prov *p, int *ret_err)
{
	pthread_mutex_lock(&p->dev_op);
	struct rdma_event_channel *channel = p->channel;
	if (!channel) {
		channel = rdma_create_event_channel();
		*ret_err = channel ? cm_watch_channel(p, channel) : -errno;
		if (channel && *ret_err) {
			rdma_destroy_event_channel(channel);
			channel = NULL;
		}
		wsd_lock(&p->lock);
		p->channel = channel;
		wsd_unlock(&p->lock);
	}
	pthread_mutex_unlock(&p->dev_op);
	return channel;
}

/* 0, or -errno and outside. The lock is given up only if something is in the way. */
int gate_enter_channel_locked(struct prov *p, struct rdma_event_channel **ret_channel)
{
	int err = 0;
	gate_enter_locked(p);
	*ret_channel = p->channel;
	if (!p->channel) {
		wsd_unlock(&p->lock);
		*ret_channel = open_channel(p, &err);
		wsd_lock(&p->lock);
	}
	if (err)
		gate_leave_locked(p);
	return err;
}

/* rdma_destroy_id() for those who are outside. */
void gate_destroy_id(struct prov *p, struct rdma_cm_id *id)
{
	wsd_lock(&p->lock);
	gate_enter_locked(p);
	wsd_unlock(&p->lock);
	rdma_destroy_id(id);
	wsd_lock(&p->lock);
	gate_leave_locked(p);
	wsd_unlock(&p->lock);
}
