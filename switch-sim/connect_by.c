/* SPDX-License-Identifier: MIT
 *
 * WSAConnectByName and WSAConnectByList. One socket tries the addresses in turn; an attempt that
 * failed leaves it fit for the next [WS-CONNECT-4]. One time limit for all of them.
 *
 * Locks: s->lock for the checks; none while connecting.
 */
#include "connect_by.h"
#include "address.h"
#include "conname.h"
#include "connect.h"
#include "bind.h"
#include "usermem.h"

#include <string.h>

/* Room for a name of the socket's family, if it is asked for. */
static int check_room(const struct sw_socket *s, LPDWORD len, const void *name)
{
	DWORD room;
	if (!len && !name)
		return 0;
	if (!len || !name || memory_read(&room, len, sizeof(room)) < 0)
		return WSAEFAULT;
	return room < (DWORD)address_size(s->af) || memory_probe((void *)(uintptr_t)name,
								 (size_t)address_size(s->af)) < 0
		       ? WSAEFAULT
		       : 0;
}

static int read_deadline(const struct sw_connect_by *how, uint64_t *ret)
{
	struct timeval t;
	*ret = WAITER_FOREVER;
	if (!how->timeout)
		return 0;
	if (memory_read(&t, how->timeout, sizeof(t)) < 0)
		return WSAEFAULT;
	if (t.tv_sec < 0 || t.tv_usec < 0)
		return WSAEINVAL;
	*ret = waiter_now_ns() + (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u;
	return 0;
}

static int judge(struct sw_socket *s, const struct sw_connect_by *how)
{
	int code = check_room(s, how->local_len, how->local);
	if (!code)
		code = check_room(s, how->remote_len, how->remote);
	if (code)
		return code;
	if (s->state == SW_CLOSED)
		return WSAENOTSOCK;
	bool fit = s->type == WSD_SOCK_STREAM && s->af != WSD_AF_UNIX && s->state == SW_CREATED &&
		   !s->accepting && !s->options.nonblocking;
	return fit ? 0 : WSAEINVAL;
}

int sw_connect_by_begin(struct sw_process *p, SOCKET handle, const struct sw_connect_by *how,
			uint64_t *ret_deadline_ns)
{
	struct sw_socket *s = sw_socket_find(p, handle);
	if (!s)
		return WSAENOTSOCK;
	int code = read_deadline(how, ret_deadline_ns);
	if (!code) {
		pthread_mutex_lock(&s->lock);
		code = judge(s, how);
		pthread_mutex_unlock(&s->lock);
	}
	sw_socket_put(s);
	return code;
}

/* ---- one address after the other ---- */

struct trial {
	struct sw_process *p;
	SOCKET handle;
	int af;
	bool dual; /* AF_INET6 that takes IPv4 too */
	uint64_t deadline_ns;
	int code; /* WSAEHOSTUNREACH until something better is known */
};

static void map_ipv4(const SOCKADDR_IN *four, struct wsd_sockaddr_storage *ret)
{
	SOCKADDR_IN6 *six = (SOCKADDR_IN6 *)ret;
	memset(ret, 0, sizeof(*ret));
	six->sin6_family = WSD_AF_INET6;
	six->sin6_port = four->sin_port;
	memset(&six->sin6_addr.u.Byte[10], 0xff, 2);
	memcpy(&six->sin6_addr.u.Byte[12], &four->sin_addr, 4);
}

/* True: it is over, with t->code. */
static bool try_one(struct trial *t, const void *name, int len)
{
	struct wsd_sockaddr_storage a;
	if (len < (int)sizeof(SOCKADDR_IN) || len > (int)sizeof(a)) {
		t->code = WSAEFAULT;
		return true;
	}
	if (memory_read(&a, name, (size_t)len) < 0) {
		t->code = WSAEFAULT;
		return true;
	}
	if (a.ss_family == WSD_AF_INET && t->dual) {
		SOCKADDR_IN four;
		memcpy(&four, &a, sizeof(four));
		map_ipv4(&four, &a);
		len = sizeof(SOCKADDR_IN6);
	}
	if (a.ss_family != t->af)
		return false;
	t->code = sw_connect(t->p, t->handle, &a, len, t->deadline_ns);
	switch (t->code) {
	case WSAECONNREFUSED:
	case WSAENETUNREACH:
	case WSAEHOSTUNREACH:
	case WSAEHOSTDOWN:
	case WSAEADDRNOTAVAIL:
	case WSAEACCES:
		return false;
	case WSAETIMEDOUT: /* the kernel's, or all the time there was */
		return waiter_now_ns() >= t->deadline_ns;
	default:
		return true;
	}
}

static int begin(struct trial *t, struct sw_process *p, SOCKET handle, uint64_t deadline_ns)
{
	struct sw_socket *s = sw_socket_find(p, handle);
	if (!s)
		return WSAENOTSOCK;
	*t = (struct trial){.p = p,
			    .handle = handle,
			    .af = s->af,
			    .dual = s->af == WSD_AF_INET6 && !s->options.v6only,
			    .deadline_ns = deadline_ns,
			    .code = WSAEHOSTUNREACH};
	sw_socket_put(s);
	return 0;
}

/* A name where it is wanted; lengths are DWORDs of the same size as the int of the others. */
static int give(struct sw_process *p, SOCKET handle, const struct sw_connect_by *how)
{
	int code = 0;
	if (how->local)
		code = sw_getsockname(p, handle, how->local, (int *)(void *)how->local_len);
	if (!code && how->remote)
		code = sw_getpeername(p, handle, how->remote, (int *)(void *)how->remote_len);
	return code;
}

/* Nobody answered: the documents have one code for that, whatever each address said. */
static int conclude(const struct trial *t, const struct sw_connect_by *how)
{
	switch (t->code) {
	case 0:
		return give(t->p, t->handle, how);
	case WSAECONNREFUSED:
	case WSAENETUNREACH:
	case WSAEHOSTDOWN:
		return WSAEHOSTUNREACH;
	default:
		return t->code;
	}
}

int sw_connect_by_list(struct sw_process *p, SOCKET handle, const SOCKET_ADDRESS_LIST *list,
		       const struct sw_connect_by *how)
{
	struct trial t;
	INT count;
	uint64_t deadline;
	int code = sw_connect_by_begin(p, handle, how, &deadline);
	if (!code)
		code = begin(&t, p, handle, deadline);
	if (!code && (!list || memory_read(&count, &list->iAddressCount, sizeof(count)) < 0))
		code = list ? WSAEFAULT : WSAEINVAL;
	if (!code && count <= 0)
		code = WSAEINVAL;
	if (code)
		return code;
	for (INT i = 0; i < count; i++) {
		SOCKET_ADDRESS one;
		if (memory_read(&one, &list->Address[i], sizeof(one)) < 0)
			return WSAEFAULT;
		if (try_one(&t, one.lpSockaddr, one.iSockaddrLength))
			break;
	}
	return conclude(&t, how);
}

int sw_connect_by_info(struct sw_process *p, SOCKET handle, const ADDRINFOA *list,
		       const struct sw_connect_by *how, uint64_t deadline_ns)
{
	struct trial t;
	int code = begin(&t, p, handle, deadline_ns);
	if (code)
		return code;
	for (const ADDRINFOA *a = list; a; a = a->ai_next)
		if (try_one(&t, a->ai_addr, (int)a->ai_addrlen))
			break;
	return conclude(&t, how);
}
