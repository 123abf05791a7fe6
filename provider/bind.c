/* SPDX-License-Identifier: MIT
 *
 * WSPBind: the checks in their order, then the name. Takes sock->call by sock_enter(), then what
 * names take. PROV-BIND-1 to 25.
 */
#include <string.h>

#include "prov.h"
#include "wsp.h"

static bool is_loopback(uint32_t addr_be)
{
	return (ntohl(addr_be) >> 24) == 127;
}

/* Pointer, length, family: what can be said without the socket's state [PROV-BIND-5 to 7]. */
static int read_name(const struct wsd_sockaddr *name, int namelen, struct wsd_sockaddr_in *ret)
{
	struct wsd_sockaddr_in in;
	if (!name || namelen < (int)sizeof(in))
		return WSAEFAULT;
	memcpy(&in, name, sizeof(in)); /* it need not be aligned */
	if (in.sin_family != WSD_AF_INET)
		return WSAEFAULT;
	*ret = in;
	return 0;
}

static int bind_exact(struct sock *s, const struct wsd_sockaddr_in *in)
{
	uint32_t addr_be = in->sin_addr.s_addr;
	if (is_loopback(addr_be)) /* rdma_cm would make it a wildcard */
		return WSAEADDRNOTAVAIL;
	return errmap(EO_BIND, use_add(s, addr_be, in->sin_port, false));
}

static int bind_wildcard(struct sock *s, const struct wsd_sockaddr_in *in)
{
	if (!s->p->wildcard_available)
		return WSAEADDRNOTAVAIL;
	s->local = *in;
	s->wildcard = true;
	int err = wild_bind(s);
	if (err) {
		memset(&s->local, 0, sizeof(s->local));
		s->wildcard = false;
	}
	return errmap(EO_BIND, err);
}

int WSPAPI prov_WSPBind(SOCKET descriptor, const struct wsd_sockaddr *name, int namelen,
			LPINT lpErrno)
{
	struct wsd_sockaddr_in in;
	struct sock *s;
	int code = sock_enter(descriptor, SC_COUNT, &s);
	if (code)
		return sock_fail(lpErrno, code);
	code = read_name(name, namelen, &in);
	if (!code)
		code = sock_check(s->state, SC_BIND);
	if (!code && !in.sin_port)
		code = WSAEADDRNOTAVAIL; /* [PROV-BIND-16] */
	if (!code)
		code = in.sin_addr.s_addr ? bind_exact(s, &in) : bind_wildcard(s, &in);
	if (!code) {
		s->local = in;
		sock_move(s, SC_BIND);
	}
	sock_leave(s);
	return sock_fail(lpErrno, code);
}
