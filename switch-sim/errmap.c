/* SPDX-License-Identifier: MIT
 *
 * The error table of the TCP/IP provider. Rows that name a call or a state stand before the general
 * one of their errno.
 */
#include "errmap.h"
#include "log.h"

#include <errno.h>
#include <wsd/errors.h>

#define ANY      ERRMAP_ANY_CALL
#define ANYSTATE ERRMAP_ANY_STATE

static const struct errmap_row rows[] = {
	{ERRMAP_BIND, EACCES, ANYSTATE, WSAEACCES, "privileged port, or AF_UNIX search permission"},
	{ERRMAP_BIND, EPERM, ANYSTATE, WSAEACCES, "a filter of the kernel forbids the bind"},
	{ERRMAP_SOCKET, EACCES, ANYSTATE, WSAEACCES, "raw socket without privilege"},
	{ERRMAP_SOCKET, EPERM, ANYSTATE, WSAEACCES, "raw socket without privilege"},
	{ANY, EACCES, ANYSTATE, WSAEACCES, "forbidden, e.g. broadcast or firewall"},
	{ANY, EPERM, ANYSTATE, WSAEACCES, "forbidden by firewall"},

	{ANY, EADDRINUSE, ANYSTATE, WSAEADDRINUSE, "a foreign program has the name"},
	{ERRMAP_CONNECT, EADDRNOTAVAIL, ERRMAP_BOUND, WSAEADDRINUSE, "this pair of names is taken"},
	{ERRMAP_CONNECT, EADDRNOTAVAIL, ANYSTATE, WSAENOBUFS, "no free port left"},
	{ANY, EADDRNOTAVAIL, ANYSTATE, WSAEADDRNOTAVAIL, "no address of this host"},
	{ERRMAP_BIND, ENODEV, ANYSTATE, WSAEADDRNOTAVAIL, "IPv6 scope id of no interface"},
	{ERRMAP_BIND, ENXIO, ANYSTATE, WSAEADDRNOTAVAIL, "IPv6 scope id of no interface"},

	{ERRMAP_BIND, EAFNOSUPPORT, ANYSTATE, WSAEFAULT, "family differs from the socket's"},
	{ANY, EAFNOSUPPORT, ANYSTATE, WSAEAFNOSUPPORT, "family unusable here"},
	{ANY, EPFNOSUPPORT, ANYSTATE, WSAEPFNOSUPPORT, "no such protocol family"},

	{ERRMAP_BIND, EAGAIN, ANYSTATE, WSAENOBUFS, "resources"},
	{ERRMAP_CONNECT, EAGAIN, ERRMAP_UNIX, WSAENOBUFS, "AF_UNIX: the queue is full"},
	{ANY, EAGAIN, ANYSTATE, WSAEWOULDBLOCK, "would have to wait"},
	{ANY, EALREADY, ANYSTATE, WSAEALREADY, "under way"},
	{ERRMAP_CONNECT, EINPROGRESS, ANYSTATE, WSAEWOULDBLOCK, "started"},

	{ANY, EBADF, ANYSTATE, WSAENOTSOCK, "Windows has one code for both"},
	{ANY, ENOTSOCK, ANYSTATE, WSAENOTSOCK, "no socket"},

	{ERRMAP_ACCEPT, ECONNABORTED, ANYSTATE, WSAECONNRESET, "the peer gave up"},
	{ERRMAP_ACCEPT, EPROTO, ANYSTATE, WSAECONNRESET, "the peer gave up"},
	{ANY, ECONNABORTED, ANYSTATE, WSAECONNABORTED, "dropped by this host"},
	{ERRMAP_RECV, ECONNREFUSED, ANYSTATE, WSAECONNRESET, "datagram: nobody at the port"},
	{ANY, ECONNREFUSED, ANYSTATE, WSAECONNREFUSED, "refused"},
	{ANY, ECONNRESET, ANYSTATE, WSAECONNRESET, "dropped by the peer"},
	{ANY, ENETRESET, ANYSTATE, WSAENETRESET, "keep-alive"},

	{ERRMAP_SEND, EDESTADDRREQ, ANYSTATE, WSAENOTCONN, "no default peer"},
	{ANY, EDESTADDRREQ, ANYSTATE, WSAEDESTADDRREQ, "no destination"},
	{ANY, EFAULT, ANYSTATE, WSAEFAULT, "bad pointer"},
	{ANY, EMSGSIZE, ANYSTATE, WSAEMSGSIZE, "datagram too long"},

	{ANY, EHOSTDOWN, ANYSTATE, WSAEHOSTDOWN, "host down"},
	{ANY, EHOSTUNREACH, ANYSTATE, WSAEHOSTUNREACH, "no route to host"},
	{ANY, ENETDOWN, ANYSTATE, WSAENETDOWN, "network down"},
	{ANY, ENETUNREACH, ANYSTATE, WSAENETUNREACH, "no route to network"},
	{ANY, ENONET, ANYSTATE, WSAENETDOWN, "no network"},

	{ANY, EINTR, ANYSTATE, WSAEINTR, "cancelled (plain signals restart the call)"},

	{ERRMAP_BIND, EINVAL, ERRMAP_UNBOUND, WSAEADDRNOTAVAIL, "e.g. link-local without scope"},
	{ERRMAP_BIND, EINVAL, ANYSTATE, WSAEINVAL, "already bound, or shut down"},
	{ERRMAP_LISTEN, EINVAL, ERRMAP_CONNECTED, WSAEISCONN, "connected"},
	{ERRMAP_SENDTO, EINVAL, ANYSTATE, 0, "datagram to port 0: dropped"},
	{ERRMAP_CONNECT, EINVAL, ANYSTATE, WSAEADDRNOTAVAIL, "e.g. link-local without scope"},
	{ANY, EINVAL, ANYSTATE, WSAEINVAL, "bad argument or state"},

	{ERRMAP_CONNECT, EISCONN, ERRMAP_LISTENING, WSAEINVAL, "a listener"},
	{ANY, EISCONN, ANYSTATE, WSAEISCONN, "connected"},
	{ERRMAP_BIND, EMFILE, ANYSTATE, WSAENOBUFS, "no descriptor to look at the address"},
	{ANY, EMFILE, ANYSTATE, WSAEMFILE, "descriptors of the process used up"},
	{ANY, ENFILE, ANYSTATE, WSAENOBUFS, "descriptors of the system used up"},
	{ANY, ENOBUFS, ANYSTATE, WSAENOBUFS, "no memory"},
	{ANY, ENOMEM, ANYSTATE, WSAENOBUFS, "no memory"},

	{ANY, ENAMETOOLONG, ANYSTATE, WSAENAMETOOLONG, "AF_UNIX path too long"},
	{ANY, ELOOP, ANYSTATE, WSAELOOP, "AF_UNIX path: symlink loop"},
	{ERRMAP_BIND, ENOENT, ANYSTATE, WSAEADDRNOTAVAIL, "AF_UNIX path: no such directory"},
	{ERRMAP_BIND, ENOTDIR, ANYSTATE, WSAEADDRNOTAVAIL, "AF_UNIX path: no directory"},
	{ERRMAP_CONNECT, ENOENT, ANYSTATE, WSAECONNREFUSED, "AF_UNIX path: nobody is there"},
	{ERRMAP_CONNECT, ENOTDIR, ANYSTATE, WSAECONNREFUSED, "AF_UNIX path: nobody is there"},
	{ERRMAP_BIND, EROFS, ANYSTATE, WSAEACCES, "AF_UNIX path: read-only file system"},
	{ERRMAP_BIND, EIO, ANYSTATE, WSASYSCALLFAILURE, "AF_UNIX path: input or output failed"},
	{ERRMAP_BIND, ENOSPC, ANYSTATE, WSAENOBUFS, "AF_UNIX path: no room for the file"},
	{ERRMAP_BIND, EDQUOT, ANYSTATE, WSAENOBUFS, "AF_UNIX path: no room for the file"},

	{ANY, ENOPROTOOPT, ANYSTATE, WSAENOPROTOOPT, "no such option"},
	{ANY, ENOTCONN, ANYSTATE, WSAENOTCONN, "not connected"},
	{ERRMAP_SEND, EPIPE, ERRMAP_SHUT, WSAESHUTDOWN, "shut down here"},
	{ERRMAP_RECV, EPIPE, ANYSTATE, WSAECONNRESET, "dropped by the peer after its end"},
	{ANY, EPIPE, ANYSTATE, WSAECONNABORTED, "the connection is gone"},
	{ERRMAP_IOCTL, ENOTTY, ANYSTATE, WSAEOPNOTSUPP, "no such control code"},
	{ANY, EOPNOTSUPP, ANYSTATE, WSAEOPNOTSUPP, "not for this kind of socket"},
	{ANY, EPROTONOSUPPORT, ANYSTATE, WSAEPROTONOSUPPORT, "no such protocol"},
	{ANY, EPROTOTYPE, ANYSTATE, WSAEPROTOTYPE, "protocol unfit for the type"},
	{ANY, ESOCKTNOSUPPORT, ANYSTATE, WSAESOCKTNOSUPPORT, "no such type"},
	{ANY, ETIMEDOUT, ANYSTATE, WSAETIMEDOUT, "timed out"},
};

const struct errmap_row *errmap_rows(size_t *ret_count)
{
	*ret_count = sizeof(rows) / sizeof(rows[0]);
	return rows;
}

int errmap(enum errmap_call call, int error, enum errmap_state state)
{
	if (!error)
		return 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct errmap_row *r = &rows[i];
		if (r->error == error && (r->call == call || r->call == ERRMAP_ANY_CALL) &&
		    (r->state == state || r->state == ERRMAP_ANY_STATE))
			return r->code;
	}
	wsd_log(WSD_LOG_ERROR, "the kernel answered errno %d, which no row of the table expects",
		error);
	return WSASYSCALLFAILURE;
}
