/* SPDX-License-Identifier: MIT
 *
 * The host's IPv4 addresses by rtnetlink. No state, no lock: each call asks the kernel anew, so the
 * answer is never older than the call [SW-SUBNET-1, SW-PNP-1].
 */
#include "addrs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	REPLY_BYTES = 32 * 1024, /* the kernel fills at most this much of a dump at a time */
	DUMP_TRIES = 5,          /* a dump that was interrupted by a change is asked again */
};

struct collect {
	struct addrs_row *rows;
	size_t count, room;
	bool interrupted;
	bool names; /* fill ifname: costs two system calls for each interface */
};

static int open_route_socket(int flags, uint32_t groups)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	struct sockaddr_nl self = {.nl_family = AF_NETLINK, .nl_groups = groups};
	if (bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0) {
		int err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static int add_row(struct collect *c, const struct addrs_row *row)
{
	if (c->count == c->room) {
		size_t room = c->room ? c->room * 2 : 16;
		struct addrs_row *rows = realloc(c->rows, room * sizeof(*rows));
		if (!rows)
			return -ENOMEM;
		c->rows = rows;
		c->room = room;
	}
	c->rows[c->count++] = *row;
	return 0;
}

/* The addresses of an interface come together, so the name is mostly known already. False: the
 * interface is gone again, and its address with it. */
static bool name_row(const struct collect *c, struct addrs_row *row)
{
	const struct addrs_row *last = c->count ? &c->rows[c->count - 1] : NULL;
	if (last && last->ifindex == row->ifindex)
		memcpy(row->ifname, last->ifname, sizeof(row->ifname));
	else if (!if_indextoname(row->ifindex, row->ifname))
		return false;
	return true;
}

static int take_address(struct collect *c, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *msg = NLMSG_DATA(h);
	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*msg)) || msg->ifa_family != AF_INET)
		return 0;
	struct addrs_row row = {.prefix_len = msg->ifa_prefixlen, .ifindex = msg->ifa_index};
	uint32_t address = 0;
	int left = (int)IFA_PAYLOAD(h);
	for (const struct rtattr *a = IFA_RTA(msg); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (RTA_PAYLOAD(a) < sizeof(uint32_t))
			continue;
		if (a->rta_type == IFA_LOCAL)
			memcpy(&row.addr_be, RTA_DATA(a), sizeof(row.addr_be));
		else if (a->rta_type == IFA_ADDRESS)
			memcpy(&address, RTA_DATA(a), sizeof(address));
		else if (a->rta_type == IFA_BROADCAST)
			memcpy(&row.broadcast_be, RTA_DATA(a), sizeof(row.broadcast_be));
	}
	if (!row.addr_be) /* IFA_ADDRESS is the peer's on a point-to-point link */
		row.addr_be = address;
	if (!row.addr_be || (c->names && !name_row(c, &row)))
		return 0;
	return add_row(c, &row);
}

/* Return 1 at the end of the dump, 0 to go on, -errno. */
static int take_messages(struct collect *c, const char *reply, size_t size)
{
	unsigned left = (unsigned)size;
	for (const struct nlmsghdr *h = (const void *)reply; NLMSG_OK(h, left);
	     h = NLMSG_NEXT(h, left)) {
		if (h->nlmsg_flags & NLM_F_DUMP_INTR)
			c->interrupted = true;
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *e = NLMSG_DATA(h);
			return e->error ? e->error : 1;
		}
		if (h->nlmsg_type != RTM_NEWADDR)
			continue;
		int err = take_address(c, h);
		if (err)
			return err;
	}
	return 0;
}

static int dump(struct collect *c)
{
	struct {
		struct nlmsghdr h;
		struct ifaddrmsg msg;
	} request = {
		.h = {.nlmsg_len = sizeof(request),
		      .nlmsg_type = RTM_GETADDR,
		      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.msg = {.ifa_family = AF_INET},
	};
	char *reply = malloc(REPLY_BYTES);
	int fd = reply ? open_route_socket(0, 0) : -ENOMEM;
	if (fd < 0) {
		free(reply);
		return fd;
	}
	int err = send(fd, &request, sizeof(request), 0) < 0 ? -errno : 0;
	while (!err) {
		ssize_t n = recv(fd, reply, REPLY_BYTES, 0);
		if (n < 0 && errno == EINTR)
			continue;
		err = n < 0 ? -errno : take_messages(c, reply, (size_t)n);
	}
	close(fd);
	free(reply);
	return err < 0 ? err : 0;
}

static int list(bool names, struct addrs_row **ret_rows, size_t *ret_count)
{
	struct collect c = {.names = names};
	int err = 0;
	for (int i = 0; i < DUMP_TRIES; i++) {
		c.count = 0;
		c.interrupted = false;
		err = dump(&c);
		if (err || !c.interrupted)
			break;
	}
	if (err) {
		free(c.rows);
		return err;
	}
	*ret_rows = c.rows;
	*ret_count = c.count;
	return 0;
}

int addrs_list(struct addrs_row **ret_rows, size_t *ret_count)
{
	return list(true, ret_rows, ret_count);
}

/* Its own broadcast address, or the one that the kernel routes for every subnet with room for one,
 * whether it was configured or not. */
static bool broadcasts_to(const struct addrs_row *row, uint32_t addr_be)
{
	if (row->broadcast_be && row->broadcast_be == addr_be)
		return true;
	if (row->prefix_len == 0 || row->prefix_len >= 31)
		return false;
	uint32_t hosts_be = htonl(UINT32_MAX >> row->prefix_len);
	return (row->addr_be | hosts_be) == addr_be;
}

int addrs_is_broadcast(uint32_t addr_be)
{
	struct addrs_row *rows = NULL;
	size_t count = 0;
	bool found = false;
	if (!addr_be || addr_be == UINT32_MAX)
		return addr_be == UINT32_MAX;
	int err = list(false, &rows, &count);
	if (err)
		return err;
	for (size_t i = 0; i < count && !found; i++)
		found = broadcasts_to(&rows[i], addr_be);
	free(rows);
	return found;
}

int addrs_monitor_open(void)
{
	return open_route_socket(SOCK_NONBLOCK, RTMGRP_IPV4_IFADDR | RTMGRP_LINK);
}

void addrs_drain(int fd)
{
	char scrap[4096];
	/* ENOBUFS says that messages were lost: what matters is only that something changed */
	while (recv(fd, scrap, sizeof(scrap), MSG_TRUNC) >= 0 || errno == EINTR || errno == ENOBUFS)
		;
}
