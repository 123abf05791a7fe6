/* SPDX-License-Identifier: MIT
 *
 * Changes interfaces, addresses and soft-RoCE devices by netlink, within the test's process: `ip`
 * and `rdma` take 0.1 s to start in an emulated guest, which would hide what is measured. Each
 * returns 0 or a negative errno.
 */
#ifndef WSD_TESTS_NL_DO_H
#define WSD_TESTS_NL_DO_H

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <rdma/rdma_netlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct nl_do {
	struct nlmsghdr head;
	uint8_t body[512];
};

static inline void nl_do_put(struct nl_do *m, const void *data, size_t size)
{
	uint8_t *end = (uint8_t *)m + NLMSG_ALIGN(m->head.nlmsg_len);

	if (NLMSG_ALIGN(m->head.nlmsg_len) + size > sizeof(*m))
		abort();
	memcpy(end, data, size);
	m->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(m->head.nlmsg_len) + size);
}

static inline void nl_do_attr(struct nl_do *m, int type, const void *data, size_t size)
{
	struct nlattr a = {(uint16_t)(NLA_HDRLEN + size), (uint16_t)type};

	nl_do_put(m, &a, sizeof(a));
	nl_do_put(m, data, size);
}

/* The start of a nested attribute, for nl_do_close(). */
static inline size_t nl_do_open(struct nl_do *m, int type)
{
	size_t at = NLMSG_ALIGN(m->head.nlmsg_len);

	nl_do_attr(m, type | NLA_F_NESTED, "", 0);
	return at;
}

static inline void nl_do_close(struct nl_do *m, size_t at)
{
	struct nlattr *a = (struct nlattr *)(void *)((uint8_t *)m + at);

	a->nla_len = (uint16_t)(m->head.nlmsg_len - at);
}

static inline struct nl_do nl_do_new(int type, int flags)
{
	return (struct nl_do){
		.head = {.nlmsg_len = NLMSG_HDRLEN,
			 .nlmsg_type = (uint16_t)type,
			 .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags)}};
}

static inline int nl_do_send(struct nl_do *m, int protocol)
{
	struct {
		struct nlmsghdr head;
		struct nlmsgerr err;
		uint8_t rest[2048];
	} answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), r = 0;

	if (fd < 0)
		return -errno;
	if (send(fd, m, m->head.nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0)
		r = -errno;
	close(fd);
	return r ? r : answer.head.nlmsg_type == NLMSG_ERROR ? answer.err.error : -EBADMSG;
}

/* A new interface: a dummy, or a VLAN (@vlan from 1) on @parent. It is down. */
static inline int do_link_add(const char *name, const char *parent, uint16_t vlan)
{
	struct nl_do m = nl_do_new(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC};
	const char *kind = parent ? "vlan" : "dummy";
	uint32_t lower = parent ? if_nametoindex(parent) : 0;
	size_t outer, inner;

	nl_do_put(&m, &info, sizeof(info));
	nl_do_attr(&m, IFLA_IFNAME, name, strlen(name) + 1);
	if (parent)
		nl_do_attr(&m, IFLA_LINK, &lower, sizeof(lower));
	outer = nl_do_open(&m, IFLA_LINKINFO);
	nl_do_attr(&m, IFLA_INFO_KIND, kind, strlen(kind) + 1);
	if (parent) {
		inner = nl_do_open(&m, IFLA_INFO_DATA);
		nl_do_attr(&m, IFLA_VLAN_ID, &vlan, sizeof(vlan));
		nl_do_close(&m, inner);
	}
	nl_do_close(&m, outer);
	return nl_do_send(&m, NETLINK_ROUTE);
}

static inline int do_link_set(const char *name, int up)
{
	struct nl_do m = nl_do_new(RTM_NEWLINK, 0);
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC,
				 .ifi_index = (int)if_nametoindex(name),
				 .ifi_flags = up ? IFF_UP : 0,
				 .ifi_change = IFF_UP};

	nl_do_put(&m, &info, sizeof(info));
	return nl_do_send(&m, NETLINK_ROUTE);
}

static inline int do_link_del(const char *name)
{
	struct nl_do m = nl_do_new(RTM_DELLINK, 0);
	struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = (int)if_nametoindex(name)};

	if (!info.ifi_index)
		return -ENODEV;
	nl_do_put(&m, &info, sizeof(info));
	return nl_do_send(&m, NETLINK_ROUTE);
}

/* RTM_NEWADDR or RTM_DELADDR. */
static inline int do_addr(int what, const char *name, const char *addr, uint8_t prefix_len)
{
	struct nl_do m = nl_do_new(what, what == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0);
	struct ifaddrmsg info = {.ifa_family = AF_INET,
				 .ifa_prefixlen = prefix_len,
				 .ifa_index = if_nametoindex(name)};
	struct in_addr ip;

	if (inet_pton(AF_INET, addr, &ip) != 1)
		return -EINVAL;
	nl_do_put(&m, &info, sizeof(info));
	nl_do_attr(&m, IFA_LOCAL, &ip, sizeof(ip));
	nl_do_attr(&m, IFA_ADDRESS, &ip, sizeof(ip));
	return nl_do_send(&m, NETLINK_ROUTE);
}

/* `rdma link add DEVICE type rxe netdev NETDEV` */
static inline int do_rxe_add(const char *device, const char *netdev)
{
	struct nl_do m = nl_do_new(RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_NEWLINK), 0);

	nl_do_attr(&m, RDMA_NLDEV_ATTR_DEV_NAME, device, strlen(device) + 1);
	nl_do_attr(&m, RDMA_NLDEV_ATTR_LINK_TYPE, "rxe", 4);
	nl_do_attr(&m, RDMA_NLDEV_ATTR_NDEV_NAME, netdev, strlen(netdev) + 1);
	return nl_do_send(&m, NETLINK_RDMA);
}

/* `rdma link del`, by the device's number */
static inline int do_rxe_del(uint32_t device_index)
{
	struct nl_do m = nl_do_new(RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_DELLINK), 0);

	nl_do_attr(&m, RDMA_NLDEV_ATTR_DEV_INDEX, &device_index, sizeof(device_index));
	return nl_do_send(&m, NETLINK_RDMA);
}

#endif
