/* SPDX-License-Identifier: MIT */
/*
 * join.c - which address belongs to which RDMA port: a pure function of the kernel's tables. No
 * system calls, no locks.
 *
 * What rdma_cm takes was tried, not guessed (Linux 6.1, rxe, two hosts): an address of the port's
 * interface, of a VLAN on it, of a VLAN on that, and of a bridge, bond or macvlan above it as well,
 * for all of these get GIDs. But rxe drops what arrives through anything other than a VLAN, and
 * what a bridge or bond takes away from its interface: the bind succeeds and nobody can connect.
 * There the reason is NIC_UPPER.
 */
#include "nic_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <stdlib.h>
#include <string.h>

/* Interfaces on interfaces: more than anyone stacks, and an end to a circle (which the kernel does
 * not make). */
#define MAX_STACK 8

/* IPoIB: four octets of flags and queue pair number, then the port's GID; its second half is the
 * GUID. */
#define IPOIB_HWADDR_SIZE 20
#define IPOIB_GUID_AT     12
#define GUID_SIZE         8

/* What of an Ethernet MTU remains for RDMA: less GRH or IP, UDP, BTH, extended headers and ICRC, as
 * the kernel counts. */
#define ROCE_OVERHEAD 96

enum via { VIA_DIRECT, VIA_VLAN, VIA_UPPER };

/* One interface on another. */
struct above {
	unsigned lower;
	const struct nic_link *upper;
};

struct join {
	const struct nic_facts *facts;
	struct above *by_lower; /* sorted by lower */
	size_t n_by_lower;
	struct nic_draft *draft;
	const struct nic_rdma_port *raw; /* the port at work, */
	struct nic_port *port;           /* and what becomes of it */
	const struct nic_link *base;     /* its interface */
};

static int by_device(const void *x, const void *y)
{
	const struct nic_rdma_port *a = x, *b = y;
	int r = strverscmp(a->device, b->device);

	return r ? r : (a->port_num > b->port_num) - (a->port_num < b->port_num);
}

static int by_ifindex(const void *x, const void *y)
{
	const struct nic_link *a = x, *b = y;

	return (a->ifindex > b->ifindex) - (a->ifindex < b->ifindex);
}

static int by_owner(const void *x, const void *y)
{
	const struct nic_ifaddr *a = x, *b = y;

	if (a->ifindex != b->ifindex)
		return a->ifindex < b->ifindex ? -1 : 1;
	return (ntohl(a->addr_be) > ntohl(b->addr_be)) - (ntohl(a->addr_be) < ntohl(b->addr_be));
}

static int by_lower(const void *x, const void *y)
{
	const struct above *a = x, *b = y;

	return (a->lower > b->lower) - (a->lower < b->lower);
}

static const struct nic_link *find_link(const struct nic_facts *f, unsigned ifindex)
{
	const struct nic_link key = {.ifindex = ifindex};

	return ifindex && f->n_links ? bsearch(&key, f->links, f->n_links, sizeof(key), by_ifindex)
				     : NULL;
}

/* The first address of the interface, or where it would stand. */
static size_t first_addr(const struct nic_facts *f, unsigned ifindex)
{
	size_t low = 0, high = f->n_addrs, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (f->addrs[mid].ifindex < ifindex)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static size_t first_above(const struct join *j, unsigned ifindex)
{
	size_t low = 0, high = j->n_by_lower, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (j->by_lower[mid].lower < ifindex)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool in_net(uint32_t addr_be, uint32_t net, unsigned bits)
{
	return (ntohl(addr_be) ^ net) >> (32 - bits) == 0;
}

static bool port_active(enum nic_port_state state)
{
	return state == NIC_STATE_ACTIVE || state == NIC_STATE_ACTIVE_DEFER;
}

static bool is_master(const struct nic_link *l)
{
	return l && l->kind == NIC_KIND_MASTER;
}

/*
 * On it, or on an interface whose packets it takes; VLAN tags are looked at before. An IPoIB
 * interface has the GUID of its port, bonds included, and that is all that rdma_cm looks at.
 */
static bool through_upper(const struct join *j, enum via via)
{
	if (j->raw->ll == NIC_LL_INFINIBAND)
		return false;
	return via == VIA_UPPER ||
	       (via == VIA_DIRECT && is_master(find_link(j->facts, j->base->master)));
}

static bool upper_served(const struct nic_rdma_port *p)
{
	return p->ll == NIC_LL_ROCE && !p->software;
}

/* The order is that of causes: what a user has to mend first comes first. */
static enum nic_unusable_reason reason_of(const struct join *j, const struct nic_link *l,
					  const struct nic_ifaddr *a, enum via via)
{
	if (j->raw->ll == NIC_LL_UNKNOWN)
		return NIC_UNSUPPORTED;
	if ((l->flags & IFF_LOOPBACK) || in_net(a->addr_be, 0x7f000000, 8) || !a->addr_be)
		return NIC_LOOPBACK;
	if (a->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED))
		return NIC_ADDR_TENTATIVE;
	if (!(l->flags & IFF_UP) || !(j->base->flags & IFF_UP))
		return NIC_NETDEV_DOWN;
	if (!port_active(j->raw->state) || !(l->flags & IFF_LOWER_UP))
		return NIC_PORT_DOWN;
	return through_upper(j, via) && !upper_served(j->raw) ? NIC_UPPER : NIC_OK;
}

static struct nic_cand *add_cand(struct nic_draft *d)
{
	size_t cap = d->cap_cands ? 2 * d->cap_cands : 16;
	struct nic_cand *v;

	if (d->n_cands == d->cap_cands) {
		v = realloc(d->cands, cap * sizeof(*v));
		if (!v)
			return NULL;
		d->cands = v;
		d->cap_cands = cap;
	}
	v = &d->cands[d->n_cands++];
	memset(v, 0, sizeof(*v));
	return v;
}

/* A link can be reached on two ways: a bond of two VLANs of one port. */
static bool seen(const struct join *j, unsigned ifindex)
{
	const unsigned port_index = (unsigned)(j->port - j->draft->ports);
	const struct nic_addr *a;

	for (size_t i = j->draft->n_cands; i-- > 0;) {
		a = &j->draft->cands[i].a;
		if (a->port_index != port_index)
			return false;
		if (a->ifindex == ifindex)
			return true;
	}
	return false;
}

static int take_addrs(struct join *j, const struct nic_link *l, enum via via)
{
	const struct nic_facts *f = j->facts;
	const struct nic_ifaddr *a;
	struct nic_cand *c;

	for (size_t i = first_addr(f, l->ifindex);
	     i < f->n_addrs && f->addrs[i].ifindex == l->ifindex; i++) {
		a = &f->addrs[i];
		c = add_cand(j->draft);
		if (!c)
			return -ENOMEM;
		c->a.addr_be = a->addr_be;
		c->a.prefix_len = a->prefix_len;
		c->a.autoconf = in_net(a->addr_be, 0xa9fe0000, 16);
		c->a.secondary = a->flags & IFA_F_SECONDARY;
		c->a.ifindex = l->ifindex;
		memcpy(c->a.ifname, l->name, sizeof(c->a.ifname));
		c->a.port_index = (unsigned)(j->port - j->draft->ports);
		c->a.reason = reason_of(j, l, a, via);
		c->needs_gid = c->a.reason == NIC_OK && j->raw->ll == NIC_LL_ROCE;
		c->check_ndev = via != VIA_DIRECT;
	}
	return 0;
}

/* The interface's addresses, then those of all that lies above it. */
static int climb(struct join *j, const struct nic_link *l, enum via via, int depth)
{
	const struct nic_link *up;
	enum via step;
	int r;

	if (depth > MAX_STACK || (depth && seen(j, l->ifindex)))
		return 0;
	r = take_addrs(j, l, via);
	for (size_t i = first_above(j, l->ifindex); !r && i < j->n_by_lower; i++) {
		if (j->by_lower[i].lower != l->ifindex)
			break;
		up = j->by_lower[i].upper;
		step = up->kind == NIC_KIND_VLAN ? VIA_VLAN : VIA_UPPER;
		r = climb(j, up, via > step ? via : step, depth + 1);
	}
	up = find_link(j->facts, l->master);
	if (!r && is_master(up))
		r = climb(j, up, VIA_UPPER, depth + 1);
	return r;
}

static bool is_ipoib_of(const struct nic_link *l, const struct nic_rdma_port *p)
{
	static const uint8_t none[GUID_SIZE];
	const uint8_t *guid = p->gid0 + NIC_GID_SIZE - GUID_SIZE;

	return l->type == ARPHRD_INFINIBAND && l->hwaddr_len == IPOIB_HWADDR_SIZE &&
	       memcmp(guid, none, GUID_SIZE) != 0 &&
	       !memcmp(l->hwaddr + IPOIB_GUID_AT, guid, GUID_SIZE);
}

static unsigned roce_path_mtu(unsigned mtu)
{
	static const unsigned steps[] = {4096, 2048, 1024, 512, 256};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (mtu >= steps[i] + ROCE_OVERHEAD)
			return steps[i];
	return 0;
}

static void set_netdev(struct join *j, const struct nic_link *l)
{
	j->base = l;
	j->port->ifindex = l->ifindex;
	j->port->mtu = l->mtu;
	j->port->path_mtu = j->raw->ll == NIC_LL_ROCE ? roce_path_mtu(l->mtu) : 0;
	memcpy(j->port->netdev, l->name, sizeof(j->port->netdev));
}

/* Every interface with the port's GUID: the port's own, those of further partitions, a bond of
 * them. */
static int join_infiniband(struct join *j)
{
	const struct nic_facts *f = j->facts;
	int r = 0;

	for (size_t i = 0; !r && i < f->n_links; i++) {
		if (!is_ipoib_of(&f->links[i], j->raw))
			continue;
		if (!j->base)
			set_netdev(j, &f->links[i]);
		r = take_addrs(j, &f->links[i], VIA_DIRECT);
	}
	return r;
}

static int join_ethernet(struct join *j)
{
	const struct nic_link *l = find_link(j->facts, j->raw->ifindex);

	if (!l)
		return 0;
	set_netdev(j, l);
	return climb(j, l, VIA_DIRECT, 0);
}

/* Without addresses; where there are some, sealing the draft puts theirs in its place. */
static enum nic_unusable_reason port_reason(const struct join *j)
{
	if (j->raw->ll == NIC_LL_UNKNOWN)
		return NIC_UNSUPPORTED;
	return j->base ? NIC_NO_ADDRESS : NIC_NO_NETDEV;
}

/* Link state reaches rtnetlink and the RDMA device at different times; and a device may be there
 * before its interface. */
static bool port_unsettled(const struct join *j)
{
	const unsigned up = IFF_UP | IFF_LOWER_UP;

	if (!j->base)
		return true;
	return port_active(j->raw->state) != ((j->base->flags & up) == up);
}

static int join_port(struct join *j, const struct nic_rdma_port *raw, struct nic_port *port)
{
	int r;

	j->raw = raw;
	j->port = port;
	j->base = NULL;
	memcpy(port->device, raw->device, sizeof(port->device));
	port->device_index = raw->device_index;
	port->port_num = raw->port_num;
	port->state = raw->state;
	port->ll = raw->ll;
	r = raw->ll == NIC_LL_INFINIBAND ? join_infiniband(j) : join_ethernet(j);
	port->reason = port_reason(j);
	if (port_unsettled(j))
		j->draft->unsettled = true;
	return r;
}

/* One address on two interfaces of a port: then the GID alone does not tell whose it is. */
static void mark_doubles(struct nic_draft *d)
{
	struct nic_cand *v = d->cands;

	for (size_t i = 0; i < d->n_cands; i++)
		for (size_t k = i + 1; k < d->n_cands && v[k].a.port_index == v[i].a.port_index;
		     k++)
			if (v[i].a.addr_be == v[k].a.addr_be)
				v[i].check_ndev = v[k].check_ndev = true;
}

static int index_links(struct join *j)
{
	const struct nic_facts *f = j->facts;

	j->by_lower = calloc(f->n_links ? f->n_links : 1, sizeof(*j->by_lower));
	if (!j->by_lower)
		return -ENOMEM;
	for (size_t i = 0; i < f->n_links; i++)
		if (f->links[i].lower)
			j->by_lower[j->n_by_lower++] =
				(struct above){f->links[i].lower, &f->links[i]};
	qsort(j->by_lower, j->n_by_lower, sizeof(*j->by_lower), by_lower);
	return 0;
}

int nic_join(struct nic_facts *f, struct nic_draft *ret)
{
	struct nic_draft draft = {.n_ports = f->n_ports};
	struct join j = {.facts = f, .draft = &draft};
	int r;

	if (f->n_ports)
		qsort(f->ports, f->n_ports, sizeof(*f->ports), by_device);
	if (f->n_links)
		qsort(f->links, f->n_links, sizeof(*f->links), by_ifindex);
	if (f->n_addrs)
		qsort(f->addrs, f->n_addrs, sizeof(*f->addrs), by_owner);
	draft.ports = calloc(f->n_ports ? f->n_ports : 1, sizeof(*draft.ports));
	r = draft.ports ? index_links(&j) : -ENOMEM;
	for (size_t i = 0; !r && i < f->n_ports; i++)
		r = join_port(&j, &f->ports[i], &draft.ports[i]);
	free(j.by_lower);
	if (r) {
		nic_draft_clear(&draft);
		return r;
	}
	mark_doubles(&draft);
	*ret = draft;
	return 0;
}

void nic_draft_clear(struct nic_draft *d)
{
	free(d->ports);
	free(d->cands);
	*d = (struct nic_draft){0};
}
