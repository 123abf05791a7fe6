/* SPDX-License-Identifier: MIT
 *
 * The TCP/IP provider's socket options: Winsock's levels, numbers and units to the kernel's and
 * back [WS-NAME-9]. Which options the application may use, and what it reads, is the switch's
 * matter.
 */
#include "tcpip.h"
#include "errmap.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

enum kind {
	NUMBER,      /* 32 bits on both sides */
	LINGER_PAIR, /* two USHORTs; two ints */
	TIMEOUT_MS,  /* DWORD of milliseconds; timeval */
	BYTES,       /* the same structure on both sides */
	SOURCE_MREQ, /* ip_mreq_source: the order of the members differs */
	DONTFRAG,    /* BOOL; IP_MTU_DISCOVER */
	SO_ERROR_CODE,
};

struct option_row {
	int level, name;
	int linux_level, linux_name;
	enum kind kind;
	int size; /* of BYTES */
};

static const struct option_row rows[] = {
	{WSD_SOL_SOCKET, WSD_SO_KEEPALIVE, SOL_SOCKET, SO_KEEPALIVE, NUMBER, 0},
	{WSD_SOL_SOCKET, WSD_SO_BROADCAST, SOL_SOCKET, SO_BROADCAST, NUMBER, 0},
	{WSD_SOL_SOCKET, WSD_SO_OOBINLINE, SOL_SOCKET, SO_OOBINLINE, NUMBER, 0},
	{WSD_SOL_SOCKET, WSD_SO_SNDBUF, SOL_SOCKET, SO_SNDBUF, NUMBER, 0},
	{WSD_SOL_SOCKET, WSD_SO_RCVBUF, SOL_SOCKET, SO_RCVBUF, NUMBER, 0},
	{WSD_SOL_SOCKET, WSD_SO_LINGER, SOL_SOCKET, SO_LINGER, LINGER_PAIR, 0},
	{WSD_SOL_SOCKET, WSD_SO_SNDTIMEO, SOL_SOCKET, SO_SNDTIMEO, TIMEOUT_MS, 0},
	{WSD_SOL_SOCKET, WSD_SO_RCVTIMEO, SOL_SOCKET, SO_RCVTIMEO, TIMEOUT_MS, 0},
	{WSD_SOL_SOCKET, WSD_SO_ERROR, SOL_SOCKET, SO_ERROR, SO_ERROR_CODE, 0},
	{WSD_SOL_SOCKET, WSD_SO_ACCEPTCONN, SOL_SOCKET, SO_ACCEPTCONN, NUMBER, 0},
	{WSD_IPPROTO_TCP, WSD_TCP_NODELAY, IPPROTO_TCP, TCP_NODELAY, NUMBER, 0},
	{WSD_IPPROTO_TCP, WSD_TCP_MAXSEG, IPPROTO_TCP, TCP_MAXSEG, NUMBER, 0},
	{WSD_IPPROTO_TCP, WSD_TCP_KEEPIDLE, IPPROTO_TCP, TCP_KEEPIDLE, NUMBER, 0},
	{WSD_IPPROTO_TCP, WSD_TCP_KEEPINTVL, IPPROTO_TCP, TCP_KEEPINTVL, NUMBER, 0},
	{WSD_IPPROTO_TCP, WSD_TCP_KEEPCNT, IPPROTO_TCP, TCP_KEEPCNT, NUMBER, 0},
	{WSD_IPPROTO_IP, WSD_IP_HDRINCL, IPPROTO_IP, IP_HDRINCL, NUMBER, 0},
	{WSD_IPPROTO_IP, WSD_IP_TOS, IPPROTO_IP, IP_TOS, NUMBER, 0},
	{WSD_IPPROTO_IP, WSD_IP_TTL, IPPROTO_IP, IP_TTL, NUMBER, 0},
	{WSD_IPPROTO_IP, IP_DONTFRAGMENT, IPPROTO_IP, IP_MTU_DISCOVER, DONTFRAG, 0},
	{WSD_IPPROTO_IP, WSD_IP_MULTICAST_IF, IPPROTO_IP, IP_MULTICAST_IF, BYTES, 4},
	{WSD_IPPROTO_IP, WSD_IP_MULTICAST_TTL, IPPROTO_IP, IP_MULTICAST_TTL, NUMBER, 0},
	{WSD_IPPROTO_IP, WSD_IP_MULTICAST_LOOP, IPPROTO_IP, IP_MULTICAST_LOOP, NUMBER, 0},
	{WSD_IPPROTO_IP, WSD_IP_ADD_MEMBERSHIP, IPPROTO_IP, IP_ADD_MEMBERSHIP, BYTES, 8},
	{WSD_IPPROTO_IP, WSD_IP_DROP_MEMBERSHIP, IPPROTO_IP, IP_DROP_MEMBERSHIP, BYTES, 8},
	{WSD_IPPROTO_IP, WSD_IP_ADD_SOURCE_MEMBERSHIP, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP,
	 SOURCE_MREQ, 12},
	{WSD_IPPROTO_IP, WSD_IP_DROP_SOURCE_MEMBERSHIP, IPPROTO_IP, IP_DROP_SOURCE_MEMBERSHIP,
	 SOURCE_MREQ, 12},
	{WSD_IPPROTO_IP, WSD_IP_BLOCK_SOURCE, IPPROTO_IP, IP_BLOCK_SOURCE, SOURCE_MREQ, 12},
	{WSD_IPPROTO_IP, WSD_IP_UNBLOCK_SOURCE, IPPROTO_IP, IP_UNBLOCK_SOURCE, SOURCE_MREQ, 12},
	{WSD_IPPROTO_IP, WSD_IP_PKTINFO, IPPROTO_IP, IP_PKTINFO, NUMBER, 0},
	{WSD_IPPROTO_IPV6, WSD_IPV6_V6ONLY, IPPROTO_IPV6, IPV6_V6ONLY, NUMBER, 0},
	{WSD_IPPROTO_IPV6, WSD_IPV6_UNICAST_HOPS, IPPROTO_IPV6, IPV6_UNICAST_HOPS, NUMBER, 0},
	{WSD_IPPROTO_IPV6, WSD_IPV6_MULTICAST_IF, IPPROTO_IPV6, IPV6_MULTICAST_IF, NUMBER, 0},
	{WSD_IPPROTO_IPV6, WSD_IPV6_MULTICAST_HOPS, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, NUMBER, 0},
	{WSD_IPPROTO_IPV6, WSD_IPV6_MULTICAST_LOOP, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, NUMBER, 0},
	{WSD_IPPROTO_IPV6, WSD_IPV6_ADD_MEMBERSHIP, IPPROTO_IPV6, IPV6_JOIN_GROUP, BYTES, 20},
	{WSD_IPPROTO_IPV6, WSD_IPV6_DROP_MEMBERSHIP, IPPROTO_IPV6, IPV6_LEAVE_GROUP, BYTES, 20},
	{WSD_IPPROTO_IPV6, WSD_IPV6_PKTINFO, IPPROTO_IPV6, IPV6_RECVPKTINFO, NUMBER, 0},
	{WSD_IPPROTO_IPV6, WSD_IPV6_HOPLIMIT, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, NUMBER, 0},
};

union value {
	int number;
	struct linger linger;
	struct timeval time;
	char bytes[32];
};

static const struct option_row *find(int level, int name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].level == level && rows[i].name == name)
			return &rows[i];
	return NULL;
}

static int fail(enum errmap_call call, int error, LPINT ret_error)
{
	*ret_error = errmap(call, error, ERRMAP_ANY_STATE);
	return SOCKET_ERROR;
}

static int winsock_size(const struct option_row *row)
{
	return row->kind == BYTES || row->kind == SOURCE_MREQ ? row->size : (int)sizeof(DWORD);
}

static void swap_source(char *to, const char *from)
{
	/* Winsock: group, source, interface. Linux: group, interface, source. */
	memcpy(to, from, 4);
	memcpy(to + 4, from + 8, 4);
	memcpy(to + 8, from + 4, 4);
}

/* Winsock's value as the kernel's. Return: its length. */
static socklen_t encode(const struct option_row *row, const char *value, union value *out)
{
	DWORD number = 0;
	struct wsd_linger linger;
	if (row->kind != BYTES && row->kind != SOURCE_MREQ)
		memcpy(&number, value, sizeof(number));
	switch (row->kind) {
	case LINGER_PAIR:
		memcpy(&linger, value, sizeof(linger));
		out->linger = (struct linger){linger.l_onoff != 0, linger.l_linger};
		return sizeof(out->linger);
	case TIMEOUT_MS:
		out->time = (struct timeval){number / 1000, (long)(number % 1000) * 1000};
		return sizeof(out->time);
	case BYTES:
		memcpy(out->bytes, value, (size_t)row->size);
		return (socklen_t)row->size;
	case SOURCE_MREQ:
		swap_source(out->bytes, value);
		return (socklen_t)row->size;
	case DONTFRAG:
		out->number = number ? IP_PMTUDISC_DO : IP_PMTUDISC_WANT;
		return sizeof(out->number);
	case NUMBER:
	case SO_ERROR_CODE:
		break;
	}
	out->number = (int)number;
	return sizeof(out->number);
}

static void decode(const struct option_row *row, const union value *in, char *value)
{
	DWORD number = (DWORD)in->number;
	struct wsd_linger linger;
	switch (row->kind) {
	case LINGER_PAIR:
		linger = (struct wsd_linger){(USHORT)in->linger.l_onoff,
					     (USHORT)in->linger.l_linger};
		memcpy(value, &linger, sizeof(linger));
		return;
	case TIMEOUT_MS:
		number = (DWORD)(in->time.tv_sec * 1000 + in->time.tv_usec / 1000);
		break;
	case BYTES:
		memcpy(value, in->bytes, (size_t)row->size);
		return;
	case SOURCE_MREQ:
		swap_source(value, in->bytes);
		return;
	case DONTFRAG:
		number = in->number == IP_PMTUDISC_DO;
		break;
	case SO_ERROR_CODE:
		number = (DWORD)errmap(ERRMAP_CONNECT, in->number, ERRMAP_ANY_STATE);
		break;
	case NUMBER:
		break;
	}
	memcpy(value, &number, sizeof(number));
}

int tcpip_WSPSetSockOpt(SOCKET s, int level, int name, const char *value, int len, LPINT error)
{
	const struct option_row *row = find(level, name);
	union value v;
	if (!row)
		return fail(ERRMAP_SETSOCKOPT, ENOPROTOOPT, error);
	if (!value || len < winsock_size(row))
		return fail(ERRMAP_SETSOCKOPT, EFAULT, error);
	socklen_t size = encode(row, value, &v);
	if (setsockopt((int)s, row->linux_level, row->linux_name, &v, size) < 0)
		return fail(ERRMAP_SETSOCKOPT, errno, error);
	*error = 0;
	return 0;
}

int tcpip_WSPGetSockOpt(SOCKET s, int level, int name, char *value, LPINT len, LPINT error)
{
	const struct option_row *row = find(level, name);
	union value v = {0};
	socklen_t size = sizeof(v);
	if (!row)
		return fail(ERRMAP_GETSOCKOPT, ENOPROTOOPT, error);
	if (!value || !len || *len < winsock_size(row))
		return fail(ERRMAP_GETSOCKOPT, EFAULT, error);
	if (getsockopt((int)s, row->linux_level, row->linux_name, &v, &size) < 0)
		return fail(ERRMAP_GETSOCKOPT, errno, error);
	decode(row, &v, value);
	*len = winsock_size(row);
	*error = 0;
	return 0;
}

/* Memberships are left out: a stream, the only one whom this serves, has none. What cannot be set
 * cannot have been changed. */
void tcpip_copy_options(SOCKET from, SOCKET to)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct option_row *row = &rows[i];
		union value v = {0}, now = {0};
		socklen_t len = sizeof(v), now_len = sizeof(now);
		if (row->kind == BYTES || row->kind == SOURCE_MREQ || row->kind == SO_ERROR_CODE ||
		    (row->linux_level == SOL_SOCKET && row->linux_name == SO_ACCEPTCONN) ||
		    (row->linux_level == IPPROTO_TCP && row->linux_name == TCP_MAXSEG) ||
		    getsockopt((int)from, row->linux_level, row->linux_name, &v, &len) < 0 ||
		    getsockopt((int)to, row->linux_level, row->linux_name, &now, &now_len) < 0 ||
		    (now_len == len && memcmp(v.bytes, now.bytes, len) == 0))
			continue;
		/* the kernel keeps twice what it is told */
		if (row->linux_level == SOL_SOCKET &&
		    (row->linux_name == SO_SNDBUF || row->linux_name == SO_RCVBUF))
			v.number /= 2;
		setsockopt((int)to, row->linux_level, row->linux_name, &v, len);
	}
}
