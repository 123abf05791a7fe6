/* SPDX-License-Identifier: MIT
 *
 * The TCP/IP provider: connecting, accepting, peers' names. Kernel sockets never block; who waits,
 * and how, is the switch's matter [SW-BLOCK-3, SW-CONNECT-2].
 */
#include "tcpip.h"
#include "address.h"
#include "errmap.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(enum errmap_call call, int error, enum errmap_state state, LPINT ret_error)
{
	*ret_error = errmap(call, error, state);
	return *ret_error ? SOCKET_ERROR : 0;
}

static bool is_unix(int fd)
{
	struct sockaddr_storage a = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(a);
	return getsockname(fd, (struct sockaddr *)&a, &len) == 0 && a.ss_family == AF_UNIX;
}

/* The caller has bound the socket, so "no address left" means that this pair of names is taken
 * [SW-SHARE-5]. */
static enum errmap_state state_of(int fd, int error)
{
	if (error == EADDRNOTAVAIL)
		return ERRMAP_BOUND;
	return is_unix(fd) ? ERRMAP_UNIX : ERRMAP_ANY_STATE;
}

int tcpip_WSPConnect(SOCKET s, const struct wsd_sockaddr *name, int namelen, LPWSABUF caller,
		     LPWSABUF callee, LPQOS sqos, LPQOS gqos, LPINT error)
{
	struct sockaddr_storage a;
	socklen_t len;
	int r = address_to_linux(name, namelen, &a, &len);
	if (r < 0)
		return fail(ERRMAP_CONNECT, -r, ERRMAP_ANY_STATE, error);
	do
		r = connect((int)s, (struct sockaddr *)&a, len) < 0 ? errno : 0;
	while (r == EINTR);
	return fail(ERRMAP_CONNECT, r, r ? state_of((int)s, r) : ERRMAP_ANY_STATE, error);
}

int tcpip_connect_result(SOCKET s)
{
	int error = 0;
	socklen_t len = sizeof(error);
	if (getsockopt((int)s, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	return errmap(ERRMAP_CONNECT, error, error ? state_of((int)s, error) : ERRMAP_ANY_STATE);
}

int tcpip_disconnect(SOCKET s)
{
	static const struct sockaddr none = {.sa_family = AF_UNSPEC};
	int r = connect((int)s, &none, sizeof(none)) < 0 ? errno : 0;
	return errmap(ERRMAP_CONNECT, r, ERRMAP_ANY_STATE);
}

/* What accept(2) says of the connection that it would have given, and not of the listener: the next
 * one is asked for [winsock.md part 11]. */
static bool of_the_connection(int error)
{
	static const int errors[] = {EINTR,  ENETDOWN,     ENOPROTOOPT, EHOSTDOWN,
				     ENONET, EHOSTUNREACH, ENETUNREACH};
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i] == error)
			return true;
	return false;
}

/* There is no condition to ask here: the kernel has accepted already. */
SOCKET tcpip_WSPAccept(SOCKET s, struct wsd_sockaddr *addr, LPINT addrlen,
		       LPCONDITIONPROC condition, DWORD_PTR data, LPINT error)
{
	struct sockaddr_storage a;
	struct wsd_sockaddr_storage w;
	socklen_t len;
	int fd, size;
	do {
		len = sizeof(a);
		fd = accept4((int)s, (struct sockaddr *)&a, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	} while (fd < 0 && of_the_connection(errno));
	if (fd < 0) {
		fail(ERRMAP_ACCEPT, errno, ERRMAP_ANY_STATE, error);
		return INVALID_SOCKET;
	}
	if (addr && addrlen && address_from_linux((struct sockaddr *)&a, len, &w, &size) == 0) {
		memcpy(addr, &w, (size_t)(*addrlen < size ? *addrlen : size));
		*addrlen = size;
	}
	*error = 0;
	return (SOCKET)fd;
}

int tcpip_WSPGetPeerName(SOCKET s, struct wsd_sockaddr *name, LPINT namelen, LPINT error)
{
	struct sockaddr_storage a;
	struct wsd_sockaddr_storage w;
	socklen_t len = sizeof(a);
	int size = 0;
	int r = getpeername((int)s, (struct sockaddr *)&a, &len) < 0 ? errno : 0;
	if (!r)
		r = -address_from_linux((struct sockaddr *)&a, len, &w, &size);
	if (!r && *namelen < size)
		r = EFAULT;
	if (r)
		return fail(ERRMAP_GETSOCKNAME, r, ERRMAP_ANY_STATE, error);
	memcpy(name, &w, (size_t)size);
	*namelen = size;
	*error = 0;
	return 0;
}
