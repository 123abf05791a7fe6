/* SPDX-License-Identifier: MIT
 *
 * The TCP/IP provider: start, sockets, names, listening, closing [SW-BIND-1, -2, SW-LISTEN-1].
 */
#include "tcpip.h"
#include "address.h"
#include "errmap.h"
#include "tcpip_data.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(enum errmap_call call, int error, enum errmap_state state, LPINT ret_error)
{
	*ret_error = errmap(call, error, state);
	return *ret_error ? SOCKET_ERROR : 0;
}

static int done(LPINT ret_error)
{
	*ret_error = 0;
	return 0;
}

/* What the kernel says of the socket: asked only after a failure whose meaning hangs on it. */
static enum errmap_state state_of(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in; /* the port of AF_INET6 is in the same place */
		struct sockaddr_storage room;
	} name = {.in = {0}}, peer;
	socklen_t len = sizeof(name), peer_len = sizeof(peer), int_len = sizeof(int);
	int accepts = 0;
	if (getsockname(fd, &name.any, &len) < 0)
		return ERRMAP_ANY_STATE;
	if (name.any.sa_family == AF_UNIX)
		return ERRMAP_UNIX;
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &int_len) == 0 && accepts)
		return ERRMAP_LISTENING;
	if (getpeername(fd, &peer.any, &peer_len) == 0)
		return ERRMAP_CONNECTED;
	return name.in.sin_port ? ERRMAP_BOUND : ERRMAP_UNBOUND;
}

static SOCKET tcpip_WSPSocket(int af, int type, int protocol, LPWSAPROTOCOL_INFOW info, GROUP g,
			      DWORD flags, LPINT error)
{
	int one = 1, family = address_family_to_linux(af);
	int fd = family < 0 ? -1 : socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	if (fd < 0) {
		fail(ERRMAP_SOCKET, family < 0 ? EAFNOSUPPORT : errno, ERRMAP_ANY_STATE, error);
		return INVALID_SOCKET;
	}
	/* Windows's default; Linux's hangs on a sysctl [WS-REUSE-8] */
	if (family == AF_INET6 && type != SOCK_RAW &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0) {
		fail(ERRMAP_SOCKET, errno, ERRMAP_ANY_STATE, error);
		close(fd);
		return INVALID_SOCKET;
	}
	*error = 0;
	return (SOCKET)fd;
}

int tcpip_probe_address(const struct wsd_sockaddr *name, int namelen)
{
	struct sockaddr_storage a;
	socklen_t len;
	int r = address_to_linux(name, namelen, &a, &len);
	if (r < 0)
		return errmap(ERRMAP_BIND, -r, ERRMAP_ANY_STATE);
	((struct sockaddr_in *)&a)->sin_port = 0; /* the same place in both families */
	int fd = socket(a.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errmap(ERRMAP_BIND, errno, ERRMAP_ANY_STATE);
	r = bind(fd, (struct sockaddr *)&a, len) < 0 ? errno : 0;
	close(fd);
	return errmap(ERRMAP_BIND, r, ERRMAP_UNBOUND);
}

/* The kernel keeps the scope id of a link-local bind that fails, and only a privileged program
 * could take it back: so it is tried on another socket first. */
static int try_scope(const struct sockaddr_storage *a, const struct wsd_sockaddr *name, int namelen)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)a;
	bool scoped = a->ss_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr) &&
		      six->sin6_scope_id;
	return scoped ? tcpip_probe_address(name, namelen) : 0;
}

/* Both options: SO_REUSEPORT for names shared within a user, SO_REUSEADDR across users and over
 * TIME_WAIT. Who may share what is decided before, by names [WS-REUSE-13]. */
static int tcpip_WSPBind(SOCKET s, const struct wsd_sockaddr *name, int namelen, LPINT error)
{
	static const int one = 1;
	struct sockaddr_storage a;
	socklen_t len;
	int fd = (int)s, r = address_to_linux(name, namelen, &a, &len);
	if (r < 0)
		return fail(ERRMAP_BIND, -r, ERRMAP_ANY_STATE, error);
	*error = try_scope(&a, name, namelen);
	if (*error)
		return SOCKET_ERROR;
	if (a.ss_family != AF_UNIX &&
	    (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	     setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0)) {
		r = errno;
		/* a raw socket knows no ports to reuse, and some kernels say so */
		if (r != EOPNOTSUPP && r != ENOPROTOOPT)
			return fail(ERRMAP_BIND, r, ERRMAP_ANY_STATE, error);
	}
	if (bind(fd, (struct sockaddr *)&a, len) < 0) {
		r = errno;
		return fail(ERRMAP_BIND, r, r == EINVAL ? state_of(fd) : ERRMAP_ANY_STATE, error);
	}
	return done(error);
}

static int tcpip_WSPListen(SOCKET s, int backlog, LPINT error)
{
	if (listen((int)s, backlog) < 0) {
		int r = errno;
		return fail(ERRMAP_LISTEN, r, r == EINVAL ? state_of((int)s) : ERRMAP_ANY_STATE,
			    error);
	}
	return done(error);
}

static int tcpip_WSPCloseSocket(SOCKET s, LPINT error)
{
	/* EINTR and EIO leave the descriptor closed on Linux */
	if (close((int)s) < 0 && errno == EBADF)
		return fail(ERRMAP_CLOSE, EBADF, ERRMAP_ANY_STATE, error);
	return done(error);
}

static int tcpip_WSPShutdown(SOCKET s, int how, LPINT error)
{
	static const int ways[] = {
		[WSD_SD_RECEIVE] = SHUT_RD, [WSD_SD_SEND] = SHUT_WR, [WSD_SD_BOTH] = SHUT_RDWR};
	int r = how < WSD_SD_RECEIVE || how > WSD_SD_BOTH ? EINVAL
		: shutdown((int)s, ways[how]) < 0         ? errno
							  : 0;
	return fail(ERRMAP_SHUTDOWN, r, ERRMAP_ANY_STATE, error);
}

static int tcpip_WSPGetSockName(SOCKET s, struct wsd_sockaddr *name, LPINT namelen, LPINT error)
{
	struct sockaddr_storage a;
	struct wsd_sockaddr_storage w;
	socklen_t len = sizeof(a);
	int size;
	if (getsockname((int)s, (struct sockaddr *)&a, &len) < 0)
		return fail(ERRMAP_GETSOCKNAME, errno, ERRMAP_ANY_STATE, error);
	int r = address_from_linux((struct sockaddr *)&a, len, &w, &size);
	if (r < 0)
		return fail(ERRMAP_GETSOCKNAME, -r, ERRMAP_ANY_STATE, error);
	if (*namelen < size)
		return fail(ERRMAP_GETSOCKNAME, EFAULT, ERRMAP_ANY_STATE, error);
	memcpy(name, &w, (size_t)size);
	*namelen = size;
	return done(error);
}

static int tcpip_WSPCleanup(LPINT error)
{
	return done(error); /* the switch has closed every socket; nothing else is kept */
}

int tcpip_WSPStartupEx(WORD version, LPWSPDATA data, LPWSAPROTOCOL_INFOW info,
		       LPWSPUPCALLTABLEEX upcalls, LPWSPPROC_TABLE table)
{
	static const WCHAR description[] = u"Linux TCP/IP";
	memset(data, 0, sizeof(*data));
	data->wVersion = data->wHighVersion = 0x0202;
	memcpy(data->szDescription, description, sizeof(description));
	tcpip_refuse(table);
	table->lpWSPAccept = tcpip_WSPAccept;
	table->lpWSPBind = tcpip_WSPBind;
	table->lpWSPCleanup = tcpip_WSPCleanup;
	table->lpWSPCloseSocket = tcpip_WSPCloseSocket;
	table->lpWSPConnect = tcpip_WSPConnect;
	table->lpWSPGetPeerName = tcpip_WSPGetPeerName;
	table->lpWSPGetSockName = tcpip_WSPGetSockName;
	table->lpWSPGetSockOpt = tcpip_WSPGetSockOpt;
	table->lpWSPIoctl = tcpip_WSPIoctl;
	table->lpWSPListen = tcpip_WSPListen;
	table->lpWSPRecv = tcpip_WSPRecv;
	table->lpWSPRecvFrom = tcpip_WSPRecvFrom;
	table->lpWSPSend = tcpip_WSPSend;
	table->lpWSPSendTo = tcpip_WSPSendTo;
	table->lpWSPSetSockOpt = tcpip_WSPSetSockOpt;
	table->lpWSPShutdown = tcpip_WSPShutdown;
	table->lpWSPSocket = tcpip_WSPSocket;
	return 0;
}
