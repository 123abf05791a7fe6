/* SPDX-License-Identifier: MIT
 *
 * The table of Windows Sockets codes [winsock.md 1.1]. Data only; sorted by number, no locks.
 */
#include "wsaname.h"

#include <stdlib.h>
#include <wsd/errors.h>

static const struct wsaname rows[] = {
	/* clang-format off */
	{WSA_INVALID_HANDLE, "WSA_INVALID_HANDLE", "the event object handle is not valid"},
	{WSA_NOT_ENOUGH_MEMORY, "WSA_NOT_ENOUGH_MEMORY", "an underlying call had no memory"},
	{WSA_INVALID_PARAMETER, "WSA_INVALID_PARAMETER", "an underlying call disliked a parameter"},
	{WSA_OPERATION_ABORTED, "WSA_OPERATION_ABORTED", "overlapped request dropped: its socket was closed"},
	{WSA_IO_INCOMPLETE, "WSA_IO_INCOMPLETE", "polled overlapped request is not finished"},
	{WSA_IO_PENDING, "WSA_IO_PENDING", "overlapped request started"},
	{WSAEINTR, "WSAEINTR", "blocking call cancelled"},
	{WSAEBADF, "WSAEBADF", "bad file handle; sockets give WSAENOTSOCK"},
	{WSAEACCES, "WSAEACCES", "forbidden access"},
	{WSAEFAULT, "WSAEFAULT", "bad pointer, or buffer too short"},
	{WSAEINVAL, "WSAEINVAL", "bad argument, or wrong state of the socket"},
	{WSAEMFILE, "WSAEMFILE", "no more handles"},
	{WSAEWOULDBLOCK, "WSAEWOULDBLOCK", "a non-blocking call would have to wait"},
	{WSAEINPROGRESS, "WSAEINPROGRESS", "a 1.1 blocking call or a callback is running"},
	{WSAEALREADY, "WSAEALREADY", "the same operation is under way"},
	{WSAENOTSOCK, "WSAENOTSOCK", "the handle is no socket"},
	{WSAEDESTADDRREQ, "WSAEDESTADDRREQ", "destination missing"},
	{WSAEMSGSIZE, "WSAEMSGSIZE", "message longer than buffer or limit"},
	{WSAEPROTOTYPE, "WSAEPROTOTYPE", "protocol unfit for the type"},
	{WSAENOPROTOOPT, "WSAENOPROTOOPT", "option unknown or unsupported"},
	{WSAEPROTONOSUPPORT, "WSAEPROTONOSUPPORT", "no such protocol"},
	{WSAESOCKTNOSUPPORT, "WSAESOCKTNOSUPPORT", "no such type"},
	{WSAEOPNOTSUPP, "WSAEOPNOTSUPP", "not for this kind of socket"},
	{WSAEPFNOSUPPORT, "WSAEPFNOSUPPORT", "no such protocol family"},
	{WSAEAFNOSUPPORT, "WSAEAFNOSUPPORT", "address family unusable here"},
	{WSAEADDRINUSE, "WSAEADDRINUSE", "address taken"},
	{WSAEADDRNOTAVAIL, "WSAEADDRNOTAVAIL", "address not valid here"},
	{WSAENETDOWN, "WSAENETDOWN", "network subsystem failed"},
	{WSAENETUNREACH, "WSAENETUNREACH", "no route to the network"},
	{WSAENETRESET, "WSAENETRESET", "keep-alive ended the connection"},
	{WSAECONNABORTED, "WSAECONNABORTED", "dropped by software of this host"},
	{WSAECONNRESET, "WSAECONNRESET", "dropped by the peer"},
	{WSAENOBUFS, "WSAENOBUFS", "buffers or queue exhausted"},
	{WSAEISCONN, "WSAEISCONN", "already connected"},
	{WSAENOTCONN, "WSAENOTCONN", "not connected"},
	{WSAESHUTDOWN, "WSAESHUTDOWN", "this direction is shut down"},
	{WSAETOOMANYREFS, "WSAETOOMANYREFS", "too many references"},
	{WSAETIMEDOUT, "WSAETIMEDOUT", "timed out"},
	{WSAECONNREFUSED, "WSAECONNREFUSED", "actively refused"},
	{WSAELOOP, "WSAELOOP", "name cannot be translated"},
	{WSAENAMETOOLONG, "WSAENAMETOOLONG", "name too long"},
	{WSAEHOSTDOWN, "WSAEHOSTDOWN", "host down"},
	{WSAEHOSTUNREACH, "WSAEHOSTUNREACH", "host unreachable"},
	{WSAENOTEMPTY, "WSAENOTEMPTY", "directory not empty"},
	{WSAEPROCLIM, "WSAEPROCLIM", "process limit"},
	{WSAEUSERS, "WSAEUSERS", "user quota"},
	{WSAEDQUOT, "WSAEDQUOT", "disk quota"},
	{WSAESTALE, "WSAESTALE", "stale handle"},
	{WSAEREMOTE, "WSAEREMOTE", "item is remote"},
	{WSASYSNOTREADY, "WSASYSNOTREADY", "subsystem down"},
	{WSAVERNOTSUPPORTED, "WSAVERNOTSUPPORTED", "version not supported"},
	{WSANOTINITIALISED, "WSANOTINITIALISED", "no successful WSAStartup"},
	{WSAEDISCON, "WSAEDISCON", "graceful shutdown under way"},
	{WSAENOMORE, "WSAENOMORE", "look-up: no more results"},
	{WSAECANCELLED, "WSAECANCELLED", "look-up cancelled"},
	{WSAEINVALIDPROCTABLE, "WSAEINVALIDPROCTABLE", "provider: bad procedure table"},
	{WSAEINVALIDPROVIDER, "WSAEINVALIDPROVIDER", "provider: not 2.x, or unknown"},
	{WSAEPROVIDERFAILEDINIT, "WSAEPROVIDERFAILEDINIT", "provider: cannot be loaded or started"},
	{WSASYSCALLFAILURE, "WSASYSCALLFAILURE", "a system call failed that cannot"},
	{WSASERVICE_NOT_FOUND, "WSASERVICE_NOT_FOUND", "look-up: no such service"},
	{WSATYPE_NOT_FOUND, "WSATYPE_NOT_FOUND", "look-up: no such service class"},
	{WSA_E_NO_MORE, "WSA_E_NO_MORE", "look-up: no more results"},
	{WSA_E_CANCELLED, "WSA_E_CANCELLED", "look-up cancelled"},
	{WSAEREFUSED, "WSAEREFUSED", "look-up refused"},
	{WSAHOST_NOT_FOUND, "WSAHOST_NOT_FOUND", "resolver: no such host"},
	{WSATRY_AGAIN, "WSATRY_AGAIN", "resolver: not now; accept: request deferred"},
	{WSANO_RECOVERY, "WSANO_RECOVERY", "resolver: hard failure"},
	{WSANO_DATA, "WSANO_DATA", "resolver: name without an address"},
	{WSA_QOS_RECEIVERS, "WSA_QOS_RECEIVERS", "quality of service: never returned here"},
	{WSA_QOS_SENDERS, "WSA_QOS_SENDERS", "quality of service: never returned here"},
	{WSA_QOS_NO_SENDERS, "WSA_QOS_NO_SENDERS", "quality of service: never returned here"},
	{WSA_QOS_NO_RECEIVERS, "WSA_QOS_NO_RECEIVERS", "quality of service: never returned here"},
	{WSA_QOS_REQUEST_CONFIRMED, "WSA_QOS_REQUEST_CONFIRMED", "quality of service: never returned here"},
	{WSA_QOS_ADMISSION_FAILURE, "WSA_QOS_ADMISSION_FAILURE", "quality of service: never returned here"},
	{WSA_QOS_POLICY_FAILURE, "WSA_QOS_POLICY_FAILURE", "quality of service: never returned here"},
	{WSA_QOS_BAD_STYLE, "WSA_QOS_BAD_STYLE", "quality of service: never returned here"},
	{WSA_QOS_BAD_OBJECT, "WSA_QOS_BAD_OBJECT", "quality of service: never returned here"},
	{WSA_QOS_TRAFFIC_CTRL_ERROR, "WSA_QOS_TRAFFIC_CTRL_ERROR", "quality of service: never returned here"},
	{WSA_QOS_GENERIC_ERROR, "WSA_QOS_GENERIC_ERROR", "quality of service: never returned here"},
	{WSA_QOS_ESERVICETYPE, "WSA_QOS_ESERVICETYPE", "quality of service: never returned here"},
	{WSA_QOS_EFLOWSPEC, "WSA_QOS_EFLOWSPEC", "quality of service: never returned here"},
	{WSA_QOS_EPROVSPECBUF, "WSA_QOS_EPROVSPECBUF", "quality of service: never returned here"},
	{WSA_QOS_EFILTERSTYLE, "WSA_QOS_EFILTERSTYLE", "quality of service: never returned here"},
	{WSA_QOS_EFILTERTYPE, "WSA_QOS_EFILTERTYPE", "quality of service: never returned here"},
	{WSA_QOS_EFILTERCOUNT, "WSA_QOS_EFILTERCOUNT", "quality of service: never returned here"},
	{WSA_QOS_EOBJLENGTH, "WSA_QOS_EOBJLENGTH", "quality of service: never returned here"},
	{WSA_QOS_EFLOWCOUNT, "WSA_QOS_EFLOWCOUNT", "quality of service: never returned here"},
	{WSA_QOS_EUNKOWNPSOBJ, "WSA_QOS_EUNKOWNPSOBJ", "quality of service: never returned here"},
	{WSA_QOS_EPOLICYOBJ, "WSA_QOS_EPOLICYOBJ", "quality of service: never returned here"},
	{WSA_QOS_EFLOWDESC, "WSA_QOS_EFLOWDESC", "quality of service: never returned here"},
	{WSA_QOS_EPSFLOWSPEC, "WSA_QOS_EPSFLOWSPEC", "quality of service: never returned here"},
	{WSA_QOS_EPSFILTERSPEC, "WSA_QOS_EPSFILTERSPEC", "quality of service: never returned here"},
	{WSA_QOS_ESDMODEOBJ, "WSA_QOS_ESDMODEOBJ", "quality of service: never returned here"},
	{WSA_QOS_ESHAPERATEOBJ, "WSA_QOS_ESHAPERATEOBJ", "quality of service: never returned here"},
	{WSA_QOS_RESERVED_PETYPE, "WSA_QOS_RESERVED_PETYPE", "quality of service: never returned here"},
	/* clang-format on */
};

static int compare(const void *key, const void *row)
{
	int a = *(const int *)key, b = ((const struct wsaname *)row)->code;
	return (a > b) - (a < b);
}

const struct wsaname *wsaname_find(int code)
{
	return bsearch(&code, rows, sizeof(rows) / sizeof(rows[0]), sizeof(rows[0]), compare);
}

const char *wsaname(int code)
{
	const struct wsaname *row = wsaname_find(code);
	return row ? row->name : NULL;
}

size_t wsaname_count(void)
{
	return sizeof(rows) / sizeof(rows[0]);
}

const struct wsaname *wsaname_at(size_t i)
{
	return i < wsaname_count() ? &rows[i] : NULL;
}
