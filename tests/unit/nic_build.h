/* SPDX-License-Identifier: MIT
 *
 * Builds the kernel's tables (struct nic_facts) by hand, for the tests of nic/. Fixed room; sizes
 * are checked.
 */
#ifndef WSD_TESTS_NIC_BUILD_H
#define WSD_TESTS_NIC_BUILD_H

#include "nic_priv.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUILD_MAX = 512, BUILD_UP = IFF_UP | IFF_RUNNING | IFF_LOWER_UP };

struct build {
	struct nic_facts f;
	struct nic_rdma_port ports[BUILD_MAX];
	struct nic_link links[BUILD_MAX];
	struct nic_ifaddr addrs[BUILD_MAX];
};

__attribute__((unused)) static struct build *build_new(void)
{
	struct build *b = calloc(1, sizeof(*b));

	if (!b)
		abort();
	b->f.ports = b->ports;
	b->f.links = b->links;
	b->f.addrs = b->addrs;
	return b;
}

static inline uint32_t ip(const char *text)
{
	struct in_addr a;

	if (inet_pton(AF_INET, text, &a) != 1)
		abort();
	return a.s_addr;
}

/* An interface that is up; the caller changes what is to be different. */
__attribute__((unused)) static struct nic_link *build_link(struct build *b, unsigned ifindex,
							   const char *name)
{
	struct nic_link *l = &b->links[b->f.n_links++];

	if (b->f.n_links > BUILD_MAX)
		abort();
	l->ifindex = ifindex;
	l->flags = BUILD_UP;
	l->mtu = 1500;
	l->type = ARPHRD_ETHER;
	l->hwaddr_len = 6;
	snprintf(l->name, sizeof(l->name), "%s", name);
	return l;
}

/* An interface of @kind on another. */
__attribute__((unused)) static struct nic_link *build_on(struct build *b, unsigned ifindex,
							 const char *name, enum nic_link_kind kind,
							 unsigned lower)
{
	struct nic_link *l = build_link(b, ifindex, name);

	l->kind = kind;
	l->lower = lower;
	return l;
}

/* An IPoIB interface of the port with this GUID. */
__attribute__((unused)) static struct nic_link *build_ipoib(struct build *b, unsigned ifindex,
							    const char *name, uint8_t guid)
{
	struct nic_link *l = build_link(b, ifindex, name);

	l->type = ARPHRD_INFINIBAND;
	l->mtu = 2044;
	l->hwaddr_len = 20;
	l->hwaddr[3] = (uint8_t)ifindex; /* the queue pair differs from interface to interface */
	l->hwaddr[4] = 0xfe;
	l->hwaddr[5] = 0x80;
	l->hwaddr[12] = 0x02;
	l->hwaddr[19] = guid;
	return l;
}

/* An active soft-RoCE port on an interface. */
__attribute__((unused)) static struct nic_rdma_port *build_port(struct build *b, const char *device,
								unsigned port_num, unsigned ifindex)
{
	struct nic_rdma_port *p = &b->ports[b->f.n_ports++];

	if (b->f.n_ports > BUILD_MAX)
		abort();
	snprintf(p->device, sizeof(p->device), "%s", device);
	p->device_index = (uint32_t)b->f.n_ports;
	p->port_num = port_num;
	p->ifindex = ifindex;
	p->state = NIC_STATE_ACTIVE;
	p->ll = NIC_LL_ROCE;
	p->software = true;
	return p;
}

__attribute__((unused)) static struct nic_rdma_port *build_ib_port(struct build *b,
								   const char *device,
								   unsigned port_num, uint8_t guid)
{
	struct nic_rdma_port *p = build_port(b, device, port_num, 0);

	p->ll = NIC_LL_INFINIBAND;
	p->software = false;
	p->gid0[0] = 0xfe;
	p->gid0[1] = 0x80;
	p->gid0[8] = 0x02;
	p->gid0[15] = guid;
	return p;
}

__attribute__((unused)) static struct nic_ifaddr *build_addr(struct build *b, unsigned ifindex,
							     const char *addr)
{
	struct nic_ifaddr *a = &b->addrs[b->f.n_addrs++];

	if (b->f.n_addrs > BUILD_MAX)
		abort();
	a->ifindex = ifindex;
	a->addr_be = ip(addr);
	a->prefix_len = 24;
	a->flags = IFA_F_PERMANENT;
	return a;
}

/* Join and seal, with all GIDs there. NULL if there is no memory. */
__attribute__((unused)) static struct nic_snapshot *build_snapshot(struct build *b)
{
	struct nic_snapshot *s = NULL;
	struct nic_draft d;

	if (nic_join(&b->f, &d))
		return NULL;
	if (nic_snapshot_seal(&d, &s))
		nic_draft_clear(&d);
	return s;
}

#endif
