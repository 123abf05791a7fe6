/* SPDX-License-Identifier: MIT
 *
 * Namespaces, links and addresses by rtnetlink. No state, no locks.
 */
#include "netbed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct request {
	struct nlmsghdr h;
	char body[512];
};

static void *begin(struct request *r, uint16_t type, uint16_t flags, size_t size)
{
	memset(r, 0, sizeof(*r));
	r->h.nlmsg_type = type;
	r->h.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	r->h.nlmsg_len = (uint32_t)NLMSG_LENGTH(size);
	return r->body;
}

static struct rtattr *put(struct request *r, uint16_t type, const void *data, size_t size)
{
	struct rtattr *a = (struct rtattr *)((char *)r + NLMSG_ALIGN(r->h.nlmsg_len));
	a->rta_type = type;
	a->rta_len = (uint16_t)RTA_LENGTH(size);
	if (size)
		memcpy(RTA_DATA(a), data, size);
	r->h.nlmsg_len = (uint32_t)(NLMSG_ALIGN(r->h.nlmsg_len) + RTA_ALIGN(a->rta_len));
	return a;
}

static int ask(struct request *r)
{
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char more[512];
	} answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	int err = send(fd, r, r->h.nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0
			  ? -errno
			  : answer.e.error;
	close(fd);
	return err;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
	if (fd >= 0)
		close(fd);
	return n < 0 ? -errno : 0;
}

int netbed_set_link(const char *name, bool up)
{
	struct ifreq request;
	memset(&request, 0, sizeof(request));
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int err = ioctl(fd, SIOCGIFFLAGS, &request) < 0 ? -errno : 0;
	request.ifr_flags = (short)(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
	if (!err && ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		err = -errno;
	close(fd);
	return err;
}

bool netbed_enter(void)
{
	char map[64];
	uid_t uid = geteuid();
	gid_t gid = getegid();
	if (unshare(CLONE_NEWNET) == 0)
		return netbed_set_link("lo", true) == 0;
	/* not root: root of a user namespace will do */
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (write_file("/proc/self/uid_map", map))
		return false;
	snprintf(map, sizeof(map), "0 %u 1", gid);
	write_file("/proc/self/setgroups", "deny");
	return !write_file("/proc/self/gid_map", map) && netbed_set_link("lo", true) == 0;
}

int netbed_here(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int netbed_go(int fd)
{
	return setns(fd, CLONE_NEWNET) ? -errno : 0;
}

int netbed_fresh(void)
{
	int here = netbed_here();
	if (here < 0)
		return here;
	int fresh = unshare(CLONE_NEWNET) ? -errno : netbed_here();
	if (fresh >= 0) {
		int err = netbed_set_link("lo", true);
		int back = netbed_go(here);
		if (err || back) {
			close(fresh);
			fresh = err ? err : back;
		}
	}
	close(here);
	return fresh;
}

static void end_nest(const struct request *r, struct rtattr *nest)
{
	nest->rta_len = (uint16_t)((const char *)r + r->h.nlmsg_len - (const char *)nest);
}

int netbed_add_cable(int fd, const char *name, const char *bridge)
{
	struct request r;
	uint32_t there = (uint32_t)fd, master = if_nametoindex(bridge);
	struct ifinfomsg *msg = begin(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*msg));
	msg->ifi_family = AF_UNSPEC;
	put(&r, IFLA_IFNAME, name, strlen(name) + 1); /* both ends: they never meet */
	put(&r, IFLA_MASTER, &master, sizeof(master));
	struct rtattr *info = put(&r, IFLA_LINKINFO, NULL, 0);
	put(&r, IFLA_INFO_KIND, "veth", sizeof("veth"));
	struct rtattr *data = put(&r, IFLA_INFO_DATA, NULL, 0);
	const struct ifinfomsg peer_msg = {.ifi_family = AF_UNSPEC};
	struct rtattr *peer = put(&r, VETH_INFO_PEER, &peer_msg, sizeof(peer_msg));
	put(&r, IFLA_IFNAME, name, strlen(name) + 1);
	put(&r, IFLA_NET_NS_FD, &there, sizeof(there));
	end_nest(&r, peer);
	end_nest(&r, data);
	end_nest(&r, info);
	int err = ask(&r);
	return err ? err : netbed_set_link(name, true);
}

int netbed_add_link(const char *name)
{
	struct request r;
	struct ifinfomsg *msg = begin(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*msg));
	msg->ifi_family = AF_UNSPEC;
	put(&r, IFLA_IFNAME, name, strlen(name) + 1);
	struct rtattr *info = put(&r, IFLA_LINKINFO, NULL, 0);
	put(&r, IFLA_INFO_KIND, "bridge", sizeof("bridge"));
	end_nest(&r, info);
	int err = ask(&r);
	return err ? err : netbed_set_link(name, true);
}

int netbed_del_link(const char *name)
{
	struct request r;
	struct ifinfomsg *msg = begin(&r, RTM_DELLINK, 0, sizeof(*msg));
	msg->ifi_family = AF_UNSPEC;
	msg->ifi_index = (int)if_nametoindex(name);
	return msg->ifi_index ? ask(&r) : -ENODEV;
}

static int change_addr(uint16_t type, uint16_t flags, const char *link, const char *addr,
		       int prefix_len)
{
	struct request r;
	uint32_t addr_be;
	struct ifaddrmsg *msg = begin(&r, type, flags, sizeof(*msg));
	msg->ifa_family = AF_INET;
	msg->ifa_prefixlen = (uint8_t)prefix_len;
	msg->ifa_index = if_nametoindex(link);
	if (!msg->ifa_index || inet_pton(AF_INET, addr, &addr_be) != 1)
		return -EINVAL;
	put(&r, IFA_LOCAL, &addr_be, sizeof(addr_be));
	put(&r, IFA_ADDRESS, &addr_be, sizeof(addr_be));
	if (type == RTM_NEWADDR && prefix_len < 31) {
		uint32_t broadcast_be = addr_be | htonl(UINT32_MAX >> prefix_len);
		put(&r, IFA_BROADCAST, &broadcast_be, sizeof(broadcast_be));
	}
	return ask(&r);
}

int netbed_add_addr(const char *link, const char *addr, int prefix_len)
{
	return change_addr(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, link, addr, prefix_len);
}

int netbed_del_addr(const char *link, const char *addr, int prefix_len)
{
	return change_addr(RTM_DELADDR, 0, link, addr, prefix_len);
}

int netbed_bind_reuse(const char *addr, unsigned short port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	int yes = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || inet_pton(AF_INET, addr, &in.sin_addr) != 1)
		return -EINVAL;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
	    bind(fd, (struct sockaddr *)&in, sizeof(in))) {
		int err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int netbed_listen(int fd)
{
	return listen(fd, 1) ? -errno : 0;
}
