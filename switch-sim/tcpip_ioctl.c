/* SPDX-License-Identifier: MIT
 *
 * The TCP/IP provider's WSPIoctl: the mode and counts of a socket, and the host's own addresses as
 * TCP/IP sees them [SW-SUBNET-5].
 */
#include "tcpip.h"
#include "address.h"
#include "addrs.h"
#include "errmap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KEEPALIVE_MAX = 32767 };

struct call {
	SOCKET s;
	const void *in;
	DWORD in_len;
	void *out;
	DWORD out_len;
	DWORD returned;
};

/* Each returns a WSA code and sets c->returned. */
static int set_nonblocking(struct call *c)
{
	/* the switch keeps the mode; the kernel's never changes */
	return !c->in || c->in_len < sizeof(DWORD) ? WSAEFAULT : 0;
}

static int store(struct call *c, DWORD value)
{
	if (!c->out || c->out_len < sizeof(value))
		return WSAEFAULT;
	memcpy(c->out, &value, sizeof(value));
	c->returned = sizeof(value);
	return 0;
}

/* At an urgent mark Linux says 0, but a receive gets what lies behind it. An error is left to the
 * call that must report it. */
static int behind_mark(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	if (sockatmark(fd) != 1 || poll(&p, 1, 0) < 0 || p.revents & POLLERR)
		return 0;
	/* only counted: nothing is written */
	long n = syscall(SYS_recvfrom, fd, NULL, (size_t)INT_MAX,
			 MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT, NULL, NULL);
	return n > 0 ? (int)n : 0;
}

static int readable(struct call *c)
{
	int n = 0;
	if (ioctl((int)c->s, FIONREAD, &n) < 0) /* EINVAL on a listener: nothing to read */
		return errno == EINVAL ? store(c, 0)
				       : errmap(ERRMAP_IOCTL, errno, ERRMAP_ANY_STATE);
	return store(c, (DWORD)(n ? n : behind_mark((int)c->s)));
}

/* On Windows it is TRUE unless an urgent byte lies ahead; Linux asks for the place alone. */
static int at_mark(struct call *c)
{
	int n = sockatmark((int)c->s), in_line = 0;
	socklen_t len = sizeof(in_line);
	struct pollfd urgent = {.fd = (int)c->s, .events = POLLPRI};
	if (n < 0 || getsockopt((int)c->s, SOL_SOCKET, SO_OOBINLINE, &in_line, &len) < 0 ||
	    poll(&urgent, 1, 0) < 0)
		return errmap(ERRMAP_IOCTL, errno, ERRMAP_ANY_STATE);
	return store(c, !(urgent.revents & POLLPRI) || (in_line && n));
}

static int keepalive(struct call *c)
{
	struct tcp_keepalive k;
	if (!c->in || c->in_len < sizeof(k))
		return WSAEFAULT;
	memcpy(&k, c->in, sizeof(k));
	int on = k.onoff != 0, idle = (int)(k.keepalivetime / 1000),
	    interval = (int)(k.keepaliveinterval / 1000), fd = (int)c->s;
	/* the kernel counts in seconds, and not further than this */
	idle = idle < 1 ? 1 : idle < KEEPALIVE_MAX ? idle : KEEPALIVE_MAX;
	interval = interval < 1 ? 1 : interval < KEEPALIVE_MAX ? interval : KEEPALIVE_MAX;
	if ((on && setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle)) < 0) ||
	    (on && setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval)) < 0) ||
	    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) < 0)
		return errmap(ERRMAP_IOCTL, errno, ERRMAP_ANY_STATE);
	return 0;
}

/* The list, with pointers into the caller's buffer, or WSAEFAULT and the bytes needed. */
static int put_list(struct call *c, const void *addresses, size_t size, size_t count)
{
	size_t head = offsetof(SOCKET_ADDRESS_LIST, Address) + count * sizeof(SOCKET_ADDRESS);
	size_t need = head + count * size;
	if (need < sizeof(SOCKET_ADDRESS_LIST))
		need = sizeof(SOCKET_ADDRESS_LIST);
	c->returned = (DWORD)need;
	if (!c->out || c->out_len < need)
		return WSAEFAULT;
	char *out = c->out; /* of any alignment */
	INT number = (INT)count;
	memcpy(out + offsetof(SOCKET_ADDRESS_LIST, iAddressCount), &number, sizeof(number));
	memcpy(out + head, addresses, count * size);
	for (size_t i = 0; i < count; i++) {
		SOCKET_ADDRESS one = {.lpSockaddr = (LPSOCKADDR)(void *)(out + head + i * size),
				      .iSockaddrLength = (INT)size};
		memcpy(out + offsetof(SOCKET_ADDRESS_LIST, Address) + i * sizeof(one), &one,
		       sizeof(one));
	}
	return 0;
}

static int list_ipv4(struct call *c)
{
	struct addrs_row *row;
	size_t count, n = 0;
	int r = addrs_list(&row, &count);
	if (r < 0)
		return errmap(ERRMAP_IOCTL, -r, ERRMAP_ANY_STATE);
	SOCKADDR_IN *list = calloc(count + 1, sizeof(*list));
	for (size_t i = 0; list && i < count; i++) {
		if (ntohl(row[i].addr_be) >> 24 == IN_LOOPBACKNET)
			continue;
		list[n].sin_family = WSD_AF_INET;
		list[n++].sin_addr.s_addr = row[i].addr_be;
	}
	r = list ? put_list(c, list, sizeof(*list), n) : WSAENOBUFS;
	free(list);
	free(row);
	return r;
}

static bool listed_ipv6(const struct ifaddrs *i)
{
	return i->ifa_addr && i->ifa_addr->sa_family == AF_INET6 && (i->ifa_flags & IFF_UP) &&
	       !(i->ifa_flags & IFF_LOOPBACK);
}

static int list_ipv6(struct call *c)
{
	struct ifaddrs *all;
	size_t count = 0, n = 0;
	if (getifaddrs(&all) < 0)
		return errmap(ERRMAP_IOCTL, errno, ERRMAP_ANY_STATE);
	for (struct ifaddrs *i = all; i; i = i->ifa_next)
		count += listed_ipv6(i);
	SOCKADDR_IN6 *list = calloc(count + 1, sizeof(*list));
	for (struct ifaddrs *i = all; list && i; i = i->ifa_next) {
		if (!listed_ipv6(i))
			continue;
		memcpy(&list[n], i->ifa_addr, sizeof(list[n]));
		list[n++].sin6_family = WSD_AF_INET6;
	}
	int r = list ? put_list(c, list, sizeof(*list), n) : WSAENOBUFS;
	free(list);
	freeifaddrs(all);
	return r;
}

static int address_list(struct call *c)
{
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);
	if (getsockname((int)c->s, (struct sockaddr *)&name, &len) < 0)
		return errmap(ERRMAP_IOCTL, errno, ERRMAP_ANY_STATE);
	switch (name.ss_family) {
	case AF_INET:
		return list_ipv4(c);
	case AF_INET6:
		return list_ipv6(c);
	default:
		return WSAEOPNOTSUPP;
	}
}

static const struct {
	DWORD code;
	int (*fn)(struct call *c);
} calls[] = {
	{WSD_FIONBIO, set_nonblocking},
	{WSD_FIONREAD, readable},
	{WSD_SIOCATMARK, at_mark},
	{SIO_KEEPALIVE_VALS, keepalive},
	{SIO_ADDRESS_LIST_QUERY, address_list},
};

int tcpip_WSPIoctl(SOCKET s, DWORD code, LPVOID in, DWORD in_len, LPVOID out, DWORD out_len,
		   LPDWORD ret_len, LPWSAOVERLAPPED overlapped,
		   LPWSAOVERLAPPED_COMPLETION_ROUTINE routine, LPWSATHREADID thread, LPINT error)
{
	struct call c = {s, in, in_len, out, out_len, 0};
	*error = WSAEOPNOTSUPP;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].code == code)
			*error = calls[i].fn(&c);
	if (ret_len)
		*ret_len = c.returned;
	return *error ? SOCKET_ERROR : 0;
}
