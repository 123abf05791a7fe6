/* SPDX-License-Identifier: MIT */
/*
 * snapshot.c - the immutable, reference-counted result, and the words for what is in it. No locks:
 * after nic_snapshot_seal() only the reference count changes.
 */
#include "nic_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *name, *text;
} reasons[] = {
	[NIC_OK] = {"ok", "usable"},
	[NIC_NO_NETDEV] = {"no-netdev", "no network interface here belongs to the port"},
	[NIC_NETDEV_DOWN] = {"netdev-down", "the network interface is down"},
	[NIC_PORT_DOWN] = {"port-down", "the port is not active or has no carrier"},
	[NIC_NO_ADDRESS] = {"no-address", "the network interface has no IPv4 address"},
	[NIC_LOOPBACK] = {"loopback", "a loopback address cannot be given to RDMA"},
	[NIC_ADDR_TENTATIVE] = {"tentative", "the address is not confirmed as unique"},
	[NIC_UPPER] = {"upper",
		       "a bridge, bond or macvlan stands between the address and the device"},
	[NIC_NO_GID] = {"no-gid", "the device has no GID for the address"},
	[NIC_UNSUPPORTED] = {"unsupported", "neither InfiniBand, RoCE nor iWARP"},
};
_Static_assert(ARRAY_SIZE(reasons) == NIC_REASON_COUNT, "a text for each reason");

static const char *const states[] = {
	[NIC_STATE_NOP] = "NOP",       [NIC_STATE_DOWN] = "DOWN",
	[NIC_STATE_INIT] = "INIT",     [NIC_STATE_ARMED] = "ARMED",
	[NIC_STATE_ACTIVE] = "ACTIVE", [NIC_STATE_ACTIVE_DEFER] = "ACTIVE_DEFER",
};
_Static_assert(ARRAY_SIZE(states) == NIC_STATE_COUNT, "a name for each state");

static const char *const link_layers[] = {
	[NIC_LL_UNKNOWN] = "unknown",
	[NIC_LL_INFINIBAND] = "InfiniBand",
	[NIC_LL_ROCE] = "RoCE",
	[NIC_LL_IWARP] = "iWARP",
};
_Static_assert(ARRAY_SIZE(link_layers) == NIC_LL_COUNT, "a name for each link layer");

const char *nic_reason_text(enum nic_unusable_reason reason)
{
	return (size_t)reason < ARRAY_SIZE(reasons) ? reasons[reason].text : "unknown reason";
}

const char *nic_reason_name(enum nic_unusable_reason reason)
{
	return (size_t)reason < ARRAY_SIZE(reasons) ? reasons[reason].name : "unknown";
}

const char *nic_state_name(enum nic_port_state state)
{
	return (size_t)state < ARRAY_SIZE(states) ? states[state] : "unknown";
}

const char *nic_link_layer_name(enum nic_link_layer ll)
{
	return (size_t)ll < ARRAY_SIZE(link_layers) ? link_layers[ll] : "unknown";
}

static int by_value(const void *x, const void *y)
{
	const struct nic_addr *a = x, *b = y;
	uint32_t va = ntohl(a->addr_be), vb = ntohl(b->addr_be);

	if (va != vb)
		return va < vb ? -1 : 1;
	if (a->usable != b->usable)
		return a->usable ? -1 : 1;
	if (a->port_index != b->port_index)
		return a->port_index < b->port_index ? -1 : 1;
	return (a->ifindex > b->ifindex) - (a->ifindex < b->ifindex);
}

/* What an address says about its port: the port is usable if one is, else the first one's reason is
 * the port's. */
static void tell_port(struct nic_port *p, const struct nic_addr *a)
{
	p->addr_count++;
	if (a->usable) {
		p->usable = true;
		p->reason = NIC_OK;
	} else if (p->reason == NIC_NO_ADDRESS) {
		p->reason = a->reason;
	}
}

int nic_snapshot_seal(struct nic_draft *d, struct nic_snapshot **ret)
{
	struct nic_snapshot *s = calloc(1, sizeof(*s));
	struct nic_addr *addrs = calloc(d->n_cands ? d->n_cands : 1, sizeof(*addrs));

	if (!s || !addrs) {
		free(s);
		free(addrs);
		return -ENOMEM;
	}
	for (size_t i = 0; i < d->n_cands; i++) {
		addrs[i] = d->cands[i].a;
		addrs[i].usable = addrs[i].reason == NIC_OK;
		tell_port(&d->ports[addrs[i].port_index], &addrs[i]);
	}
	qsort(addrs, d->n_cands, sizeof(*addrs), by_value);
	atomic_init(&s->refs, 1);
	s->generation = 1;
	s->ports = d->ports;
	s->n_ports = d->n_ports;
	s->addrs = addrs;
	s->n_addrs = d->n_cands;
	d->ports = NULL;
	d->n_ports = 0;
	nic_draft_clear(d);
	*ret = s;
	return 0;
}

const struct nic_snapshot *nic_snapshot_ref(const struct nic_snapshot *s)
{
	/* the count is the one thing of it that is not constant */
	if (s)
		atomic_fetch_add_explicit(&((struct nic_snapshot *)(uintptr_t)s)->refs, 1,
					  memory_order_relaxed);
	return s;
}

void nic_snapshot_unref(const struct nic_snapshot *s)
{
	struct nic_snapshot *mine = (struct nic_snapshot *)(uintptr_t)s;

	/* release: what this thread read of it is done; acquire: before the last one frees it */
	if (!s || atomic_fetch_sub_explicit(&mine->refs, 1, memory_order_acq_rel) != 1)
		return;
	free(mine->ports);
	free(mine->addrs);
	free(mine);
}

size_t nic_snapshot_ports(const struct nic_snapshot *s)
{
	return s->n_ports;
}

const struct nic_port *nic_snapshot_port(const struct nic_snapshot *s, size_t i)
{
	return i < s->n_ports ? &s->ports[i] : NULL;
}

size_t nic_snapshot_addrs(const struct nic_snapshot *s)
{
	return s->n_addrs;
}

const struct nic_addr *nic_snapshot_addr(const struct nic_snapshot *s, size_t i)
{
	return i < s->n_addrs ? &s->addrs[i] : NULL;
}

const struct nic_addr *nic_snapshot_find(const struct nic_snapshot *s, uint32_t addr_be)
{
	size_t low = 0, high = s->n_addrs, mid;
	uint32_t value = ntohl(addr_be);

	while (low < high) { /* the first that is not less: usable ones come first among equals */
		mid = low + (high - low) / 2;
		if (ntohl(s->addrs[mid].addr_be) < value)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->n_addrs && s->addrs[low].addr_be == addr_be && s->addrs[low].usable
		       ? &s->addrs[low]
		       : NULL;
}

uint64_t nic_snapshot_generation(const struct nic_snapshot *s)
{
	return s->generation;
}

static bool port_equal(const struct nic_port *a, const struct nic_port *b)
{
	return !strcmp(a->device, b->device) && !strcmp(a->netdev, b->netdev) &&
	       a->device_index == b->device_index && a->port_num == b->port_num &&
	       a->ifindex == b->ifindex && a->state == b->state && a->ll == b->ll &&
	       a->mtu == b->mtu && a->path_mtu == b->path_mtu && a->addr_count == b->addr_count &&
	       a->usable == b->usable && a->reason == b->reason;
}

static bool addr_equal(const struct nic_addr *a, const struct nic_addr *b)
{
	return a->addr_be == b->addr_be && a->prefix_len == b->prefix_len &&
	       a->autoconf == b->autoconf && a->secondary == b->secondary &&
	       a->usable == b->usable && a->reason == b->reason && a->ifindex == b->ifindex &&
	       a->port_index == b->port_index && !strcmp(a->ifname, b->ifname);
}

bool nic_snapshot_equal(const struct nic_snapshot *a, const struct nic_snapshot *b)
{
	if (a->n_ports != b->n_ports || a->n_addrs != b->n_addrs)
		return false;
	for (size_t i = 0; i < a->n_ports; i++)
		if (!port_equal(&a->ports[i], &b->ports[i]))
			return false;
	for (size_t i = 0; i < a->n_addrs; i++)
		if (!addr_equal(&a->addrs[i], &b->addrs[i]))
			return false;
	return true;
}
