/* SPDX-License-Identifier: MIT
 *
 * Devices that librdmacm has open because of us: an anchor for each, and letting go when one is
 * removed [PROV-BIND-12 PROV-BIND-24]. Takes prov->dev_op, then
 * prov->lock.
 *
 * The anchor is an id in the UDP port space, which no name of ours lives in: it keeps librdmacm's
 * protection domain (else each bind would make one) and tells of the removal.
 */
#include <errno.h>
#include <fcntl.h>
#include <infiniband/verbs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "conn.h"
#include "log.h"
#include "sysfs.h"

enum { LOST_BATCH = 64 };

struct dev *dev_find_locked(struct prov *p, const struct ibv_context *verbs)
{
	struct dev *d = p->devs;
	while (d && d->verbs != verbs)
		d = d->next;
	return d;
}

/* One more id on a device that is known and not gone; else NULL. */
struct dev *dev_count_locked(struct prov *p, const struct ibv_context *verbs)
{
	struct dev *d = dev_find_locked(p, verbs);
	if (!d || d->gone)
		return NULL;
	d->ids++;
	return d;
}

void dev_release_locked(struct dev *dev)
{
	dev->ids--;
}

/* The smallest max_msg_sz of its ports; 0 if the context answers nothing. */
static uint32_t ask_max_msg(struct ibv_context *verbs)
{
	struct ibv_device_attr attr;
	struct ibv_port_attr port;
	uint32_t min = 0;
	if (ibv_query_device(verbs, &attr))
		return 0;
	for (uint8_t i = 1; i <= attr.phys_port_cnt; i++)
		if (!ibv_query_port(verbs, i, &port) && (!min || port.max_msg_sz < min))
			min = port.max_msg_sz;
	return min;
}

/* As many as a NIC has would cost soft-RoCE 24 KiB of cleared memory for each connection. */
static uint8_t ask_reads(struct ibv_context *verbs)
{
	struct ibv_device_attr attr;
	if (ibv_query_device(verbs, &attr))
		return RDMA_MAX_RESP_RES; /* what it has */
	int most = attr.max_qp_rd_atom < attr.max_qp_init_rd_atom ? attr.max_qp_rd_atom
								  : attr.max_qp_init_rd_atom;
	return (uint8_t)(most < PROV_READS ? most : PROV_READS);
}

/* After a fork librdmacm's context is the parent's: it answers nothing, and then one of our own is
 * asked; or it was left to us (fork.c), and its queue pairs would be the parent's for the kernel.
 */
static uint32_t query_max_msg(struct ibv_context *verbs, bool *ret_foreign)
{
	uint32_t max = ask_max_msg(verbs);
	*ret_foreign = !max || prov_process.forked;
	struct ibv_context *own = max ? NULL : ibv_open_device(verbs->device);
	if (own) {
		max = ask_max_msg(own);
		ibv_close_device(own);
	}
	return max ? max : PROV_MSG_UNBOUND;
}

/* What queue pairs are made on: librdmacm's context or, after a fork, one of our own. */
struct ibv_context *dev_verbs(struct prov *p, struct dev *dev)
{
	if (!dev->foreign)
		return dev->verbs;
	pthread_mutex_lock(&p->dev_op);
	if (!dev->own)
		dev->own = ibv_open_device(dev->verbs->device);
	struct ibv_context *verbs = dev->own;
	pthread_mutex_unlock(&p->dev_op);
	return verbs;
}

static void close_own(struct dev *d)
{
	if (d->own)
		ibv_close_device(d->own);
	d->own = NULL;
}

/* An id in the UDP port space on the device that has @addr_be; 0 or -errno. */
static int udp_id(struct rdma_event_channel *channel, uint32_t addr_be, struct rdma_cm_id **ret)
{
	struct rdma_cm_id *id;
	if (rdma_create_id(channel, &id, NULL, RDMA_PS_UDP))
		return -errno;
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = addr_be};
	int err = rdma_bind_addr(id, (struct sockaddr *)&addr) ? -errno : 0;
	if (!err && !id->verbs)
		err = -ENODEV;
	if (err)
		rdma_destroy_id(id);
	else
		*ret = id;
	return err;
}

static struct dev *dev_new(struct ibv_context *verbs)
{
	struct dev *d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->verbs = verbs;
	d->cmd_fd = verbs->cmd_fd;
	d->async_fd = verbs->async_fd;
	d->soft = nic_sysfs_is_software(ibv_get_device_name(verbs->device));
	int index = ibv_get_device_index(verbs->device);
	d->index = index < 0 ? UINT32_MAX : (uint32_t)index;
	return d;
}

/* Caller holds dev_op and is in the gate. */
static int make_anchor(struct prov *p, struct dev *d, uint32_t addr_be)
{
	struct rdma_cm_id *id;
	int err = udp_id(p->channel, addr_be, &id);
	if (!err && id->verbs != d->verbs) {
		rdma_destroy_id(id);
		err = -ENODEV;
	}
	if (err)
		wsd_log(WSD_LOG_WARNING, "provider: no anchor on %s: %s",
			ibv_get_device_name(d->verbs->device), strerror(-err));
	else
		d->anchor = id;
	return err;
}

static void drop_anchor(struct prov *p, struct dev *d)
{
	pthread_mutex_lock(&p->dev_op);
	struct rdma_cm_id *anchor = d->anchor;
	d->anchor = NULL;
	pthread_mutex_unlock(&p->dev_op);
	if (anchor)
		gate_destroy_id(p, anchor);
}

/* The first id on a device: its record and anchor. Caller holds dev_op and is in the gate. */
static int dev_first(struct prov *p, struct ibv_context *verbs, uint32_t addr_be)
{
	struct dev *d = dev_new(verbs);
	if (!d)
		return -ENOMEM;
	d->max_msg = query_max_msg(verbs, &d->foreign);
	d->reads = ask_reads(verbs);
	/* Without an anchor nobody would tell of a removal that has begun already. */
	d->gone = make_anchor(p, d, addr_be) == -ENODEV;
	wsd_lock(&p->lock);
	if (d->gone)
		cm_timer_locked(p, PROV_RETRY_MS);
	bool raced = dev_find_locked(p, verbs); /* the event thread has seen it go */
	if (!raced)
		DL_PREPEND(p->devs, d);
	wsd_unlock(&p->lock);
	if (raced) {
		if (d->anchor)
			rdma_destroy_id(d->anchor);
		free(d);
	}
	return 0;
}

/* Counts a bound id on its device, which it makes known if need be. The caller is in the gate. */
int dev_take(struct prov *p, struct rdma_cm_id *id, uint32_t addr_be, struct dev **ret)
{
	if (!id->verbs)
		return -EADDRNOTAVAIL; /* rdma_cm took it for a wildcard */
	for (;;) {
		wsd_lock(&p->lock);
		struct dev *d = dev_count_locked(p, id->verbs);
		bool gone = !d && dev_find_locked(p, id->verbs);
		wsd_unlock(&p->lock);
		if (d)
			*ret = d;
		if (d || gone)
			return gone ? -ENODEV : 0;
		pthread_mutex_lock(&p->dev_op);
		wsd_lock(&p->lock);
		d = dev_find_locked(p, id->verbs);
		wsd_unlock(&p->lock);
		int err = d ? 0 : dev_first(p, id->verbs, addr_be);
		pthread_mutex_unlock(&p->dev_op);
		if (err)
			return err;
	}
}

/* Whether the address is on a device of ours, whoever holds the port. */
int dev_probe(struct prov *p, uint32_t addr_be, uint32_t *ret_max_msg)
{
	struct rdma_event_channel *channel;
	struct rdma_cm_id *id;
	struct dev *d;
	wsd_lock(&p->lock);
	int err = gate_enter_channel_locked(p, &channel);
	wsd_unlock(&p->lock);
	if (err)
		return err;
	err = udp_id(channel, addr_be, &id);
	if (!err) {
		err = dev_take(p, id, addr_be, &d);
		rdma_destroy_id(id);
	}
	wsd_lock(&p->lock);
	if (!err) {
		*ret_max_msg = d->max_msg;
		dev_release_locked(d);
	}
	gate_leave_locked(p);
	wsd_unlock(&p->lock);
	return err;
}

/* ---- removal; the event thread alone, with no unacknowledged event ---- */

/* Takes the names off the device, a batch at a time: no new ones come, since it is gone. */
static void lose_names(struct prov *p, struct dev *d)
{
	struct name *batch[LOST_BATCH];
	unsigned n;
	do {
		n = 0;
		wsd_lock(&p->lock);
		for (size_t b = 0; b < p->bucket_count && n < LOST_BATCH; b++) {
			for (struct name *i = p->buckets[b]; i && n < LOST_BATCH; i = i->hnext) {
				if (i->dev != d)
					continue;
				i->refs++;
				batch[n++] = i;
			}
		}
		wsd_unlock(&p->lock);
		for (unsigned i = 0; i < n; i++) {
			name_lost(batch[i], d);
			name_put(batch[i]);
		}
	} while (n);
}

void dev_removed(struct prov *p, struct ibv_context *verbs)
{
	wsd_lock(&p->lock);
	struct dev *d = dev_find_locked(p, verbs);
	bool known = d && d->gone;
	if (!d && (d = dev_new(verbs)))
		DL_PREPEND(p->devs, d);
	if (d)
		d->gone = true;
	wsd_unlock(&p->lock);
	if (!d || known)
		return;
	wsd_log(WSD_LOG_INFO, "provider: device %s is removed", ibv_get_device_name(verbs->device));
	lose_names(p, d);
	endpoint_pool_drain(p, d);
	request_drop_device(p, d);
	drop_anchor(p, d);
}

/* Are there devices at all? True when that cannot be found out. */
static bool any_device(void)
{
	int n = 0;
	struct ibv_device **list = ibv_get_device_list(&n);
	if (!list)
		return errno != ENOSYS && errno != ENODEV;
	ibv_free_device_list(list);
	return n > 0;
}

/*
 * The last device: librdmacm drops no device when it finds none. Nothing of ours is on the context,
 * so its two descriptors become others (hollow_open); librdmacm closes it when another device
 * comes.
 */
static bool hollow_out(const struct dev *d)
{
	int null = hollow_open();
	if (null < 0)
		return false;
	bool ok = dup3(null, d->cmd_fd, O_CLOEXEC) >= 0 && dup3(null, d->async_fd, O_CLOEXEC) >= 0;
	close(null);
	return ok;
}

/*
 * rdma_get_devices() makes librdmacm look, and drop what is gone; it also opens all the others,
 * which therefore must be watched from now on. The gate is closed. True: the device is let go.
 */
static bool make_librdmacm_look(struct prov *p, const struct dev *gone)
{
	int n = 0;
	struct ibv_context **list = rdma_get_devices(&n);
	if (!list)
		return !any_device() && hollow_out(gone);
	bool still = false;
	for (int i = 0; i < n; i++) {
		if (list[i] == gone->verbs) {
			still = true;
			continue;
		}
		wsd_lock(&p->lock);
		bool known = dev_find_locked(p, list[i]);
		wsd_unlock(&p->lock);
		struct dev *d = known ? NULL : dev_new(list[i]);
		if (!d)
			continue;
		d->max_msg = query_max_msg(list[i], &d->foreign);
		wsd_lock(&p->lock);
		DL_PREPEND(p->devs, d);
		wsd_unlock(&p->lock);
	}
	rdma_free_devices(list);
	return !still;
}

/* Lets go of the devices that are gone and free of our objects. False: some are left. */
bool dev_let_go(struct prov *p)
{
	bool more = true, left = false;
	while (more) {
		wsd_lock(&p->lock);
		struct dev *d = p->devs;
		while (d && (!d->gone || d->ids))
			d = d->next;
		if (d)
			gate_close_locked(p); /* d stays: this thread alone takes records away */
		wsd_unlock(&p->lock);
		if (d)
			close_own(d);
		more = d && make_librdmacm_look(p, d);
		wsd_lock(&p->lock);
		if (more) {
			DL_DELETE(p->devs, d);
			free(d);
		}
		if (d)
			gate_open_locked(p);
		if (!more)
			for (d = p->devs; d; d = d->next)
				left |= d->gone;
		wsd_unlock(&p->lock);
	}
	return !left;
}

/* Records and anchors in step with a new snapshot. Only this thread takes records away. */
void dev_watch(struct prov *p, const struct nic_snapshot *snap)
{
	wsd_lock(&p->lock);
	struct dev *d = p->devs;
	wsd_unlock(&p->lock);
	for (; d; d = d->next) {
		uint32_t addr_be = 0;
		bool here = false;
		for (size_t i = 0; i < nic_snapshot_ports(snap); i++)
			here |= nic_snapshot_port(snap, i)->device_index == d->index;
		for (size_t i = 0; i < nic_snapshot_addrs(snap) && !addr_be; i++) {
			const struct nic_addr *a = nic_snapshot_addr(snap, i);
			const struct nic_port *port = nic_snapshot_port(snap, a->port_index);
			if (a->usable && port && port->device_index == d->index)
				addr_be = a->addr_be;
		}
		if (!here && d->seen && !d->gone)
			dev_removed(p, d->verbs);
		d->seen |= here;
		if (d->anchor || d->gone || !addr_be)
			continue;
		wsd_lock(&p->lock);
		gate_enter_locked(p);
		wsd_unlock(&p->lock);
		pthread_mutex_lock(&p->dev_op);
		make_anchor(p, d, addr_be);
		pthread_mutex_unlock(&p->dev_op);
		wsd_lock(&p->lock);
		gate_leave_locked(p);
		wsd_unlock(&p->lock);
	}
}

/* The end: no socket, no event thread any more. librdmacm keeps the devices open (README). */
void dev_free_all(struct prov *p)
{
	for (struct dev *d = p->devs; d; d = d->next) {
		endpoint_pool_drain(p, d);
		drop_anchor(p, d);
	}
	dev_let_go(p);
	for (struct dev *d = p->devs, *next; d; d = next) {
		next = d->next;
		close_own(d);
		free(d);
	}
	p->devs = NULL;
}
