/* SPDX-License-Identifier: MIT
 *
 * See neigh.h. By rtnetlink.
 */
#include "neigh.h"

#include "log.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 8192 };

static void take_neighbour(struct negcache *cache, const struct nlmsghdr *h)
{
	const struct ndmsg *m = NLMSG_DATA(h);
	int left = (int)NLMSG_PAYLOAD(h, sizeof(*m));
	size_t len = 0;
	const void *lladdr = NULL;
	uint32_t addr_be = 0;
	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)) || m->ndm_family != AF_INET)
		return;
	const struct rtattr *a = (const void *)((const char *)m + NLMSG_ALIGN(sizeof(*m)));
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == NDA_DST && RTA_PAYLOAD(a) == sizeof(addr_be))
			memcpy(&addr_be, RTA_DATA(a), sizeof(addr_be));
		if (a->rta_type == NDA_LLADDR) {
			lladdr = RTA_DATA(a);
			len = RTA_PAYLOAD(a);
		}
	}
	if (m->ndm_state & (NUD_REACHABLE | NUD_PERMANENT))
		negcache_neighbour(cache, addr_be, true, lladdr, len);
	else if (m->ndm_state & (NUD_FAILED | NUD_INCOMPLETE))
		negcache_neighbour(cache, addr_be, false, NULL, 0);
}

void neigh_take(struct negcache *cache, const void *messages, size_t size)
{
	const struct nlmsghdr *h = messages;
	int left = (int)size; /* signed: the last message's padding may be missing */
	for (; left > 0 && NLMSG_OK(h, (unsigned)left); h = NLMSG_NEXT(h, left)) {
		switch (h->nlmsg_type) {
		case RTM_NEWLINK:
		case RTM_DELLINK:
		case RTM_NEWROUTE:
		case RTM_DELROUTE:
			negcache_clear(cache);
			break;
		case RTM_NEWNEIGH:
			take_neighbour(cache, h);
			break;
		default:
			break;
		}
	}
}

static void on_news(struct reactor_watch *w, uint32_t events)
{
	struct neigh *n = (struct neigh *)(void *)((char *)w - offsetof(struct neigh, watch));
	_Alignas(struct nlmsghdr) char buffer[BUFFER];
	for (;;) {
		ssize_t got = recv(w->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
		if (got > 0)
			neigh_take(n->cache, buffer, (size_t)got);
		else if (got < 0 && errno == ENOBUFS) /* news were lost */
			negcache_clear(n->cache);
		else if (got >= 0 || errno != EINTR)
			break;
	}
	if (!atomic_load(&n->cache->count)) /* nothing to be cleared any more */
		neigh_stop(n);
	else
		reactor_arm(n->reactor, w, EPOLLIN);
}

static int open_news(void)
{
	static const int groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_ROUTE, RTNLGRP_NEIGH};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	struct sockaddr_nl self = {.nl_family = AF_NETLINK};
	int err = fd < 0 || bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0 ? -errno : 0;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]) && !err; i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			       sizeof(groups[i])) < 0)
			err = -errno;
	if (err && fd >= 0)
		close(fd);
	return err ? err : fd;
}

void neigh_watch(struct neigh *n, struct reactor *r, struct negcache *cache)
{
	if (n->watch.fd >= 0)
		return;
	int fd = open_news();
	if (fd < 0) {
		wsd_log(WSD_LOG_INFO, "changes of neighbours are not seen: %s", strerror(-fd));
		return;
	}
	n->reactor = r;
	n->cache = cache;
	n->watch = (struct reactor_watch){.ready = on_news, .fd = fd};
	if (reactor_arm(r, &n->watch, EPOLLIN) < 0) {
		close(fd);
		n->watch.fd = -1;
	}
}

void neigh_stop(struct neigh *n)
{
	if (n->watch.fd < 0)
		return;
	reactor_unwatch(n->reactor, &n->watch);
	close(n->watch.fd);
	n->watch.fd = -1;
}
