/* SPDX-License-Identifier: MIT */
/*
 * gids.c - strikes out the addresses for which a RoCE device has no GID: rdma_bind_addr would
 * refuse them. The kernel makes GIDs some time after the address, and a device's table can be full.
 * No locks; hints belong to the caller.
 *
 * A table has 1024 files on rxe, and reading one costs 0.1 ms in an emulated guest: an address is
 * looked for where it was last time, then in the filled beginning of the table, and only at the
 * end, when asked, in all of it.
 */
#include "sysfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The kernel fills the first free slot, so holes are what removed addresses left. */
#define EMPTY_RUN 32
/* Hints of addresses that are not there now. */
#define MAX_KEPT 512

struct table {
	const struct nic_port *port;
	struct nic_cand *cands; /* of this port */
	size_t n_cands, missing;
	int fd;
	struct nic_gid_hints *found;
};

static int by_key(const void *x, const void *y)
{
	const struct nic_gid_hint *a = x, *b = y;

	if (a->device_index != b->device_index)
		return a->device_index < b->device_index ? -1 : 1;
	if (a->port_num != b->port_num)
		return a->port_num < b->port_num ? -1 : 1;
	if (a->ifindex != b->ifindex)
		return a->ifindex < b->ifindex ? -1 : 1;
	return memcmp(&a->addr_be, &b->addr_be, sizeof(a->addr_be));
}

static struct nic_gid_hint key_of(const struct table *t, const struct nic_cand *c)
{
	return (struct nic_gid_hint){.device_index = t->port->device_index,
				     .port_num = t->port->port_num,
				     .ifindex = c->a.ifindex,
				     .addr_be = c->a.addr_be};
}

/* ::ffff:a.b.c.d, the GID of an IPv4 address. */
static bool ipv4_of_gid(const uint8_t gid[NIC_GID_SIZE], uint32_t *ret_addr_be)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	if (memcmp(gid, prefix, sizeof(prefix)) != 0)
		return false;
	memcpy(ret_addr_be, gid + sizeof(prefix), sizeof(*ret_addr_be));
	return true;
}

static bool ndev_agrees(const struct table *t, const struct nic_cand *c, unsigned slot)
{
	char name[NIC_IFNAME_SIZE];

	return !c->check_ndev ||
	       (!nic_sysfs_gid_ndev(t->port->device, t->port->port_num, slot, name) &&
		!strcmp(name, c->a.ifname));
}

static void confirm(struct table *t, struct nic_cand *c, unsigned slot)
{
	struct nic_gid_hint hint = key_of(t, c);

	hint.slot = slot;
	t->found->v[t->found->n++] = hint;
	c->needs_gid = false;
	t->missing--;
}

static void try_hints(struct table *t, const struct nic_gid_hints *hints)
{
	const struct nic_gid_hint *hint;
	struct nic_gid_hint key;
	uint8_t gid[NIC_GID_SIZE];
	uint32_t addr_be;

	for (size_t i = 0; i < t->n_cands && hints->n; i++) {
		if (!t->cands[i].needs_gid)
			continue;
		key = key_of(t, &t->cands[i]);
		hint = bsearch(&key, hints->v, hints->n, sizeof(key), by_key);
		if (hint && !nic_sysfs_gid_at(t->fd, hint->slot, gid) &&
		    ipv4_of_gid(gid, &addr_be) && addr_be == key.addr_be &&
		    ndev_agrees(t, &t->cands[i], hint->slot))
			confirm(t, &t->cands[i], hint->slot);
	}
}

static void match_slot(struct table *t, const uint8_t gid[NIC_GID_SIZE], unsigned slot)
{
	uint32_t addr_be;

	if (!ipv4_of_gid(gid, &addr_be))
		return;
	for (size_t i = 0; i < t->n_cands; i++)
		if (t->cands[i].needs_gid && t->cands[i].a.addr_be == addr_be &&
		    ndev_agrees(t, &t->cands[i], slot)) {
			confirm(t, &t->cands[i], slot);
			return;
		}
}

static void scan(struct table *t, bool thorough)
{
	static const uint8_t none[NIC_GID_SIZE];
	uint8_t gid[NIC_GID_SIZE];
	unsigned empty = 0;

	for (unsigned slot = 0; t->missing; slot++) {
		if (nic_sysfs_gid_at(t->fd, slot, gid) < 0)
			return; /* beyond the end, or the device has gone */
		if (memcmp(gid, none, sizeof(gid)) != 0) {
			empty = 0;
			match_slot(t, gid, slot);
		} else if (++empty >= EMPTY_RUN && !thorough) {
			return;
		}
	}
}

/* All candidates of one port. */
static void confirm_port(struct table *t, const struct nic_gid_hints *hints, bool thorough)
{
	t->missing = 0;
	for (size_t i = 0; i < t->n_cands; i++)
		t->missing += t->cands[i].needs_gid;
	if (!t->missing)
		return;
	t->fd = nic_sysfs_gids_open(t->port->device, t->port->port_num);
	if (t->fd < 0)
		return;
	try_hints(t, hints);
	scan(t, thorough);
	close(t->fd);
}

/*
 * Where a GID was stays worth knowing while its address is away or its port is down: beyond a hole
 * only a thorough look would find it again.
 */
static void keep_hints(const struct nic_draft *d, const struct nic_gid_hints *old,
		       struct nic_gid_hints *found)
{
	size_t n = found->n;

	for (size_t i = 0; i < old->n && found->n < n + MAX_KEPT; i++) {
		if (n && bsearch(&old->v[i], found->v, n, sizeof(old->v[i]), by_key))
			continue;
		for (size_t k = 0; k < d->n_ports; k++)
			if (d->ports[k].device_index == old->v[i].device_index) {
				found->v[found->n++] = old->v[i];
				break;
			}
	}
}

static void sort_hints(struct nic_gid_hints *h)
{
	if (h->n)
		qsort(h->v, h->n, sizeof(*h->v), by_key);
}

int nic_gids_confirm(struct nic_draft *d, struct nic_gid_hints *hints, bool thorough)
{
	struct nic_gid_hints found = {.v = calloc(d->n_cands + MAX_KEPT, sizeof(*found.v))};
	struct table t = {.found = &found};
	size_t first = 0, end;

	if (!found.v)
		return -ENOMEM;
	/* without sysfs nobody can tell: take the addresses at their word */
	for (; first < d->n_cands && nic_sysfs_available(); first = end) {
		end = first + 1;
		while (end < d->n_cands &&
		       d->cands[end].a.port_index == d->cands[first].a.port_index)
			end++;
		t.port = &d->ports[d->cands[first].a.port_index];
		t.cands = d->cands + first;
		t.n_cands = end - first;
		confirm_port(&t, hints, thorough);
		for (size_t i = 0; i < t.n_cands; i++)
			if (t.cands[i].needs_gid) {
				t.cands[i].a.reason = NIC_NO_GID;
				d->unsettled = true;
			}
	}
	sort_hints(&found);
	keep_hints(d, hints, &found);
	sort_hints(&found);
	free(hints->v);
	*hints = found;
	return 0;
}
