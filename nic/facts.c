/* SPDX-License-Identifier: MIT */
/*
 * facts.c - reads the tables of RDMA ports, links and IPv4 addresses from the kernel, by netlink
 * and, where netlink does not tell, a few small files of sysfs. Opens no device [PROV-IOCTL-3]. No
 * state, no locks.
 */
#include "nic_priv.h"
#include "netlink.h"
#include "sysfs.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <rdma/rdma_netlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the RDMA side is made of; also bounds what a confused kernel can make us allocate. */
#define MAX_PORTS_OF_DEVICE 256
/* An interface that can be used. */
#define LINK_STATE (IFF_UP | IFF_LOWER_UP)

struct array {
	void *v;
	size_t n, cap, size;
};

/* One more element, zeroed. The array keeps its room, so that not every element is an allocation.
 */
static void *array_add(struct array *a)
{
	size_t cap = a->cap ? 2 * a->cap : 16;
	void *p;

	if (a->n == a->cap) {
		p = realloc(a->v, cap * a->size);
		if (!p)
			return NULL;
		a->v = p;
		a->cap = cap;
	}
	p = (char *)a->v + a->n++ * a->size;
	memset(p, 0, a->size);
	return p;
}

/* The list of RDMA devices. */

struct rdma_device {
	char name[NIC_DEVICE_SIZE];
	uint32_t index;
	uint32_t ports;
	enum nic_link_layer ll;
};

static const struct {
	const char *protocol; /* RDMA_NLDEV_ATTR_DEV_PROTOCOL */
	enum nic_link_layer ll;
} protocols[] = {
	{"roce", NIC_LL_ROCE},
	{"ib", NIC_LL_INFINIBAND},
	{"iw", NIC_LL_IWARP},
};

static enum nic_link_layer link_layer_of(const struct nlattr *protocol)
{
	char word[16];

	nic_nl_str(protocol, word, sizeof(word));
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (!strcmp(word, protocols[i].protocol))
			return protocols[i].ll;
	return NIC_LL_UNKNOWN;
}

static int take_device(const struct nlmsghdr *msg, void *arg)
{
	const struct nlattr *v[RDMA_NLDEV_ATTR_MAX];
	struct nic_nlattrs a = {v, RDMA_NLDEV_ATTR_MAX};
	struct rdma_device *d;

	nic_nl_attrs(msg, 0, &a);
	if (!v[RDMA_NLDEV_ATTR_DEV_INDEX] || !v[RDMA_NLDEV_ATTR_DEV_NAME])
		return 0;
	d = array_add(arg);
	if (!d)
		return -ENOMEM;
	d->index = nic_nl_u32(v[RDMA_NLDEV_ATTR_DEV_INDEX], 0);
	d->ports = nic_nl_u32(v[RDMA_NLDEV_ATTR_PORT_INDEX], 0);
	d->ll = link_layer_of(v[RDMA_NLDEV_ATTR_DEV_PROTOCOL]);
	nic_nl_str(v[RDMA_NLDEV_ATTR_DEV_NAME], d->name, sizeof(d->name));
	return 0;
}

/* Links. */

static const struct {
	const char *word; /* IFLA_INFO_KIND */
	enum nic_link_kind kind;
} kinds[] = {
	{"vlan", NIC_KIND_VLAN},     {"macvlan", NIC_KIND_CHILD}, {"macvtap", NIC_KIND_CHILD},
	{"ipvlan", NIC_KIND_CHILD},  {"bond", NIC_KIND_MASTER},   {"team", NIC_KIND_MASTER},
	{"bridge", NIC_KIND_MASTER},
};

static enum nic_link_kind kind_of(const struct nlattr *linkinfo)
{
	const struct nlattr *v[IFLA_INFO_MAX + 1];
	struct nic_nlattrs a = {v, IFLA_INFO_MAX + 1};
	char word[16];

	nic_nl_nested(linkinfo, &a);
	nic_nl_str(v[IFLA_INFO_KIND], word, sizeof(word));
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(word, kinds[i].word))
			return kinds[i].kind;
	return NIC_KIND_PLAIN;
}

static int take_link(const struct nlmsghdr *msg, void *arg)
{
	const struct ifinfomsg *info = NLMSG_DATA(msg);
	const struct nlattr *v[IFLA_MAX + 1];
	struct nic_nlattrs a = {v, IFLA_MAX + 1};
	struct nic_link *l;
	size_t len;

	if (msg->nlmsg_type != RTM_NEWLINK || msg->nlmsg_len < NLMSG_LENGTH(sizeof(*info)))
		return 0;
	nic_nl_attrs(msg, sizeof(*info), &a);
	l = array_add(arg);
	if (!l)
		return -ENOMEM;
	l->ifindex = (unsigned)info->ifi_index;
	l->flags = info->ifi_flags;
	l->type = info->ifi_type;
	l->mtu = nic_nl_u32(v[IFLA_MTU], 0);
	l->master = nic_nl_u32(v[IFLA_MASTER], 0);
	l->kind = kind_of(v[IFLA_LINKINFO]);
	/* IFLA_LINK is also the far end of a veth or tunnel, or an interface of another namespace
	 */
	if ((l->kind == NIC_KIND_VLAN || l->kind == NIC_KIND_CHILD) && !v[IFLA_LINK_NETNSID])
		l->lower = nic_nl_u32(v[IFLA_LINK], 0);
	nic_nl_str(v[IFLA_IFNAME], l->name, sizeof(l->name));
	if (v[IFLA_ADDRESS]) {
		len = nic_nl_len(v[IFLA_ADDRESS]);
		l->hwaddr_len = (uint8_t)(len < sizeof(l->hwaddr) ? len : sizeof(l->hwaddr));
		memcpy(l->hwaddr, nic_nl_data(v[IFLA_ADDRESS]), l->hwaddr_len);
	}
	return 0;
}

/* IPv4 addresses. */

static int take_addr(const struct nlmsghdr *msg, void *arg)
{
	const struct ifaddrmsg *info = NLMSG_DATA(msg);
	const struct nlattr *v[IFA_MAX + 1], *local;
	struct nic_nlattrs a = {v, IFA_MAX + 1};
	struct nic_ifaddr *f;

	if (msg->nlmsg_type != RTM_NEWADDR || msg->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) ||
	    info->ifa_family != AF_INET)
		return 0;
	nic_nl_attrs(msg, sizeof(*info), &a);
	/* of a point-to-point interface IFA_ADDRESS is the other end */
	local = v[IFA_LOCAL] ? v[IFA_LOCAL] : v[IFA_ADDRESS];
	if (!local)
		return 0;
	f = array_add(arg);
	if (!f)
		return -ENOMEM;
	f->ifindex = info->ifa_index;
	f->addr_be = nic_nl_u32(local, 0);
	f->prefix_len = info->ifa_prefixlen;
	f->flags = nic_nl_u32(v[IFA_FLAGS], info->ifa_flags);
	return 0;
}

int nic_facts_read_links(struct nic_facts *f)
{
	struct array links = {.size = sizeof(*f->links)}, addrs = {.size = sizeof(*f->addrs)};
	const struct ifinfomsg ask_links = {.ifi_family = AF_UNSPEC};
	const struct ifaddrmsg ask_addrs = {.ifa_family = AF_INET};
	int fd = nic_nl_open(NETLINK_ROUTE, 0, 0), r;

	if (fd < 0)
		return fd;
	r = nic_nl_dump(fd, RTM_GETLINK, &ask_links, sizeof(ask_links), take_link, &links);
	if (!r)
		r = nic_nl_dump(fd, RTM_GETADDR, &ask_addrs, sizeof(ask_addrs), take_addr, &addrs);
	close(fd);
	if (r) {
		free(links.v);
		free(addrs.v);
		return r;
	}
	f->links = links.v;
	f->n_links = links.n;
	f->addrs = addrs.v;
	f->n_addrs = addrs.n;
	return 0;
}

/* Ports: asked for one by one, or taken from the last look. */

struct port_reading {
	int fd;
	struct array *ports;
	const struct nic_facts *f; /* links, by now */
	const struct rdma_device *device;
	const struct nic_rdma_port *known;
	size_t n_known;
};

/* Up and with carrier, of the interface; 0 if there is none. */
static unsigned link_flags(const struct nic_facts *f, unsigned ifindex)
{
	for (size_t i = 0; i < f->n_links && ifindex; i++)
		if (f->links[i].ifindex == ifindex)
			return f->links[i].flags & LINK_STATE;
	return 0;
}

static int take_port(const struct nlmsghdr *msg, void *arg)
{
	const struct nlattr *v[RDMA_NLDEV_ATTR_MAX];
	struct nic_nlattrs a = {v, RDMA_NLDEV_ATTR_MAX};
	const struct port_reading *r = arg;
	struct nic_rdma_port *p;
	uint8_t state;

	nic_nl_attrs(msg, 0, &a);
	if (!v[RDMA_NLDEV_ATTR_PORT_INDEX])
		return -EBADMSG;
	p = array_add(r->ports);
	if (!p)
		return -ENOMEM;
	memcpy(p->device, r->device->name, sizeof(p->device));
	p->device_index = r->device->index;
	p->port_num = nic_nl_u32(v[RDMA_NLDEV_ATTR_PORT_INDEX], 0);
	p->ifindex = nic_nl_u32(v[RDMA_NLDEV_ATTR_NDEV_INDEX], 0);
	p->ll = r->device->ll;
	state = nic_nl_u8(v[RDMA_NLDEV_ATTR_PORT_STATE], NIC_STATE_NOP);
	p->state = state < NIC_STATE_COUNT ? (enum nic_port_state)state : NIC_STATE_NOP;
	return 0;
}

/* What netlink does not tell of a port. A device that goes away meanwhile loses nothing: it is gone
 * at the next look. */
static void complete_port(struct nic_rdma_port *p, const struct rdma_device *d)
{
	/* the protocol is that of the first port; there are devices with one port of each kind */
	if (d->ports > 1)
		p->ll = nic_sysfs_link_layer(p->device, p->port_num, p->ll);
	if (p->ll == NIC_LL_INFINIBAND)
		nic_sysfs_gid(p->device, p->port_num, 0, p->gid0);
	else
		p->software = nic_sysfs_is_software(p->device);
}

/* A RoCE or iWARP port goes with its interface: as long as that is as it was, and the two agree, so
 * is the port. */
static const struct nic_rdma_port *as_known(const struct port_reading *r, uint32_t port_num)
{
	const struct nic_rdma_port *p;

	for (size_t i = 0; i < r->n_known; i++) {
		p = &r->known[i];
		if (p->device_index == r->device->index && p->port_num == port_num)
			return p->ll != NIC_LL_INFINIBAND && !strcmp(p->device, r->device->name) &&
					       p->link_flags == LINK_STATE &&
					       p->state == NIC_STATE_ACTIVE &&
					       link_flags(r->f, p->ifindex) == LINK_STATE
				       ? p
				       : NULL;
	}
	return NULL;
}

static int ask_for_port(struct port_reading *r, uint32_t port_num)
{
	struct {
		struct nlattr device_head;
		uint32_t device;
		struct nlattr port_head;
		uint32_t port;
	} ask = {{8, RDMA_NLDEV_ATTR_DEV_INDEX},
		 r->device->index,
		 {8, RDMA_NLDEV_ATTR_PORT_INDEX},
		 port_num};
	struct nic_rdma_port *p;
	int e = nic_nl_get(r->fd, RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_PORT_GET), &ask,
			   sizeof(ask), take_port, r);

	if (e)
		return e;
	p = (struct nic_rdma_port *)r->ports->v + r->ports->n - 1;
	complete_port(p, r->device);
	p->link_flags = link_flags(r->f, p->ifindex);
	return 0;
}

static int read_ports_of(struct port_reading *r)
{
	const struct nic_rdma_port *known;
	struct nic_rdma_port *p;
	int e = 0;

	for (uint32_t i = 1; !e && i <= r->device->ports && i <= MAX_PORTS_OF_DEVICE; i++) {
		known = as_known(r, i);
		if (!known) {
			e = ask_for_port(r, i);
			continue;
		}
		p = array_add(r->ports);
		if (!p)
			return -ENOMEM;
		*p = *known;
	}
	/* gone since the list was made: then an event will tell, and it is not of the list */
	return e == -ENODEV || e == -EINVAL ? 0 : e;
}

static int read_all(struct port_reading *r, struct nic_facts *f)
{
	struct array devices = {.size = sizeof(struct rdma_device)};
	int e = nic_nl_dump(r->fd, RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_GET), NULL, 0,
			    take_device, &devices);

	/* without RDMA no address matters */
	if (!e && devices.n)
		e = nic_facts_read_links(f);
	for (size_t i = 0; !e && i < devices.n; i++) {
		r->device = (struct rdma_device *)devices.v + i;
		e = read_ports_of(r);
	}
	free(devices.v);
	return e;
}

int nic_facts_read(const struct nic_rdma_port *known, size_t n_known, struct nic_facts *ret)
{
	struct array ports = {.size = sizeof(*ret->ports)};
	struct nic_facts f = {0};
	struct port_reading reading = {.fd = nic_nl_open(NETLINK_RDMA, 0, 0),
				       .ports = &ports,
				       .f = &f,
				       .known = known,
				       .n_known = known ? n_known : 0};
	int r;

	/*
	 * No such protocol: the kernel has no RDMA, or has not loaded it. The socket is closed
	 * after each look, because an open one keeps ib_core from being unloaded.
	 */
	if (reading.fd == -EPROTONOSUPPORT || reading.fd == -EAFNOSUPPORT) {
		*ret = f;
		return 0;
	}
	if (reading.fd < 0)
		return reading.fd;
	r = read_all(&reading, &f);
	close(reading.fd);
	f.ports = ports.v;
	f.n_ports = ports.n;
	if (r)
		nic_facts_clear(&f);
	else
		*ret = f;
	return r;
}

void nic_facts_clear(struct nic_facts *f)
{
	free(f->ports);
	free(f->links);
	free(f->addrs);
	*f = (struct nic_facts){0};
}
