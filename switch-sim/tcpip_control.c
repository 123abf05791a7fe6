/* SPDX-License-Identifier: MIT
 *
 * Control data of WSASendMsg and WSARecvMsg: the headers have one shape on both systems, numbers
 * and contents differ [WS-NAME-9]. No locks.
 */
#include "tcpip_data.h"
#include "usermem.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

_Static_assert(sizeof(WSACMSGHDR) == sizeof(struct cmsghdr) &&
		       offsetof(WSACMSGHDR, cmsg_type) == offsetof(struct cmsghdr, cmsg_type),
	       "one shape");

enum { DATA_MAX = 32 };

/* Both return the size of what they have made. */
static size_t pktinfo_to_linux(const void *from, void *to)
{
	const IN_PKTINFO *w = from;
	struct in_pktinfo l = {.ipi_ifindex = (int)w->ipi_ifindex};
	memcpy(&l.ipi_spec_dst, &w->ipi_addr, sizeof(l.ipi_spec_dst));
	memcpy(to, &l, sizeof(l));
	return sizeof(l);
}

static size_t pktinfo_from_linux(const void *from, void *to)
{
	const struct in_pktinfo *l = from;
	IN_PKTINFO w = {.ipi_ifindex = (ULONG)l->ipi_ifindex};
	memcpy(&w.ipi_addr, &l->ipi_addr, sizeof(w.ipi_addr));
	memcpy(to, &w, sizeof(w));
	return sizeof(w);
}

static const struct row {
	int winsock_level, winsock_type;
	int linux_level, linux_type;
	size_t winsock_size, linux_size;
	size_t (*to_linux)(const void *from, void *to); /* NULL: as it is */
	size_t (*from_linux)(const void *from, void *to);
} rows[] = {
	{WSD_IPPROTO_IP, WSD_IP_PKTINFO, IPPROTO_IP, IP_PKTINFO, sizeof(IN_PKTINFO),
	 sizeof(struct in_pktinfo), pktinfo_to_linux, pktinfo_from_linux},
	{WSD_IPPROTO_IPV6, WSD_IPV6_PKTINFO, IPPROTO_IPV6, IPV6_PKTINFO, sizeof(IN6_PKTINFO),
	 sizeof(struct in6_pktinfo), NULL, NULL},
	{WSD_IPPROTO_IPV6, WSD_IPV6_HOPLIMIT, IPPROTO_IPV6, IPV6_HOPLIMIT, sizeof(INT), sizeof(int),
	 NULL, NULL},
};

static size_t align(size_t n)
{
	return (n + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1);
}

/* ---- sending ---- */

static const struct row *find_winsock(const WSACMSGHDR *c)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].winsock_level == c->cmsg_level && rows[i].winsock_type == c->cmsg_type)
			return &rows[i];
	return NULL;
}

/* One of the application's, at @data; its size is checked. Return: bytes used in @to, or -EINVAL.
 */
static ssize_t put_one(const WSACMSGHDR *c, const char *data, char *to, size_t room)
{
	const struct row *row = find_winsock(c);
	size_t len = c->cmsg_len - sizeof(*c);
	if (!row || len < row->winsock_size || CMSG_SPACE(row->linux_size) > room)
		return -EINVAL;
	struct cmsghdr l = {.cmsg_len = CMSG_LEN(row->linux_size),
			    .cmsg_level = row->linux_level,
			    .cmsg_type = row->linux_type};
	memset(to, 0, CMSG_SPACE(row->linux_size));
	memcpy(to, &l, sizeof(l));
	if (row->to_linux)
		row->to_linux(data, to + sizeof(l));
	else
		memcpy(to + sizeof(l), data, row->linux_size);
	return (ssize_t)CMSG_SPACE(row->linux_size);
}

int tcpip_control_to_linux(const void *control, DWORD len, struct msghdr *m)
{
	_Alignas(WSACMSGHDR) char copy[TCPIP_CONTROL_MAX];
	size_t used = 0;
	if (!control || !len) {
		m->msg_control = NULL;
		m->msg_controllen = 0;
		return 0;
	}
	if (len > sizeof(copy))
		return -EINVAL;
	if (memory_read(copy, control, len) < 0)
		return -EFAULT;
	for (size_t at = 0; at + sizeof(WSACMSGHDR) <= len;) {
		WSACMSGHDR c;
		memcpy(&c, copy + at, sizeof(c));
		if (c.cmsg_len < sizeof(c) || c.cmsg_len > len - at)
			return -EINVAL;
		ssize_t n = put_one(&c, copy + at + sizeof(c), (char *)m->msg_control + used,
				    m->msg_controllen - used);
		if (n < 0)
			return (int)n;
		used += (size_t)n;
		at += align(c.cmsg_len);
	}
	m->msg_controllen = used;
	return 0;
}

/* ---- receiving ---- */

static const struct row *find_linux(const struct cmsghdr *c)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].linux_level == c->cmsg_level && rows[i].linux_type == c->cmsg_type &&
		    c->cmsg_len >= CMSG_LEN(rows[i].linux_size))
			return &rows[i];
	return NULL;
}

int tcpip_control_from_linux(struct msghdr *m, void *control, DWORD *len)
{
	_Alignas(WSACMSGHDR) char out[TCPIP_CONTROL_MAX] = {0};
	size_t used = 0, room = *len < sizeof(out) ? *len : sizeof(out);
	bool cut = false;
	*len = 0;
	if (!control)
		return 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		const struct row *row = find_linux(c);
		if (!row)
			continue;
		WSACMSGHDR w = {.cmsg_len = WSA_CMSG_LEN(row->winsock_size),
				.cmsg_level = row->winsock_level,
				.cmsg_type = row->winsock_type};
		if (w.cmsg_len > room - used) {
			cut = true;
			break;
		}
		char data[DATA_MAX];
		memcpy(data, CMSG_DATA(c), row->linux_size);
		memcpy(out + used, &w, sizeof(w));
		if (row->from_linux)
			row->from_linux(data, out + used + sizeof(w));
		else
			memcpy(out + used + sizeof(w), data, row->winsock_size);
		used += align(w.cmsg_len);
		used = used < room ? used : room;
	}
	if (memory_write(control, out, used) < 0)
		return -EFAULT;
	*len = (DWORD)used;
	return cut ? -ENOSPC : 0;
}
