/* SPDX-License-Identifier: MIT
 *
 * The exported calls of winsock.md parts 1 to 7: startup, last error, sockets, names, listening.
 */
#include "api_call.h"
#include "bind.h"
#include "conname.h"
#include "listen.h"
#include "usermem.h"
#include "socket.h"

#include <stddef.h>

enum { GROUP_CONSTRAINED = 2 }; /* SG_CONSTRAINED_GROUP; the one before it is unconstrained */

/* The A form and the W form of the structure agree up to the name. */
enum { INFO_BYTES = offsetof(WSAPROTOCOL_INFOW, szProtocol) };
_Static_assert(offsetof(WSAPROTOCOL_INFOA, szProtocol) == INFO_BYTES, "A and W agree");

const IN6_ADDR wsd_in6addr_any = {{{0}}};
const IN6_ADDR wsd_in6addr_loopback = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}};

int wsd_WSAStartup(WORD version, LPWSADATA data)
{
	return sw_startup(version, data);
}

int wsd_WSACleanup(void)
{
	int code = sw_cleanup();
	if (code)
		lasterror_set((DWORD)code);
	return code ? SOCKET_ERROR : 0;
}

int wsd_WSAGetLastError(void)
{
	return (int)lasterror_get();
}

void wsd_WSASetLastError(int error)
{
	lasterror_set((DWORD)error);
}

static SOCKET leave_socket(struct sw_process *p, struct trace_span *span, int code, SOCKET s)
{
	if (__builtin_expect(span->trace != NULL, 0))
		trace_leave(span, code ? SOCKET_ERROR : (long long)s, code, "%s", "");
	sw_leave(p);
	if (!code)
		return s;
	lasterror_set((DWORD)code);
	return INVALID_SOCKET;
}

SOCKET wsd_socket(int af, int type, int protocol)
{
	SOCKET s = INVALID_SOCKET;
	API_ENTER(INVALID_SOCKET);
	API_TRACE("socket", "af=%s, type=%s, protocol=%s", trace_family(af, TRACE_TEXT),
		  trace_type(type, TRACE_TEXT), trace_protocol(protocol, TRACE_TEXT));
	int code = sw_socket_create(p, af, type, protocol, WSA_FLAG_OVERLAPPED, &s);
	return leave_socket(p, &span, code, s);
}

/* @info is the application's, in either form. To found a group has no effect; to join one is an
 * error, since no socket is in any. */
static int create_with_info(struct sw_process *p, int af, int type, int protocol, const void *info,
			    GROUP g, DWORD flags, SOCKET *ret)
{
	if (g > GROUP_CONSTRAINED)
		return WSAEINVAL;
	WSAPROTOCOL_INFOW entry;
	if (info) {
		if (memory_read(&entry, info, INFO_BYTES) < 0)
			return WSAEFAULT;
		if (entry.dwProviderReserved) /* the hand-over of WSADuplicateSocket */
			return WSAEOPNOTSUPP;
		af = af == FROM_PROTOCOL_INFO ? entry.iAddressFamily : af;
		type = type == FROM_PROTOCOL_INFO ? entry.iSocketType : type;
		protocol = protocol == FROM_PROTOCOL_INFO ? entry.iProtocol : protocol;
	}
	return sw_socket_create(p, af, type, protocol, flags, ret);
}

static SOCKET wsasocket(int af, int type, int protocol, const void *info, GROUP g, DWORD flags,
			const char *call)
{
	SOCKET s = INVALID_SOCKET;
	API_ENTER(INVALID_SOCKET);
	API_TRACE(call, "af=%s, type=%s, protocol=%s, flags=0x%x", trace_family(af, TRACE_TEXT),
		  trace_type(type, TRACE_TEXT), trace_protocol(protocol, TRACE_TEXT), flags);
	int code = create_with_info(p, af, type, protocol, info, g, flags, &s);
	return leave_socket(p, &span, code, s);
}

SOCKET wsd_WSASocketA(int af, int type, int protocol, LPWSAPROTOCOL_INFOA info, GROUP g,
		      DWORD flags)
{
	return wsasocket(af, type, protocol, info, g, flags, "WSASocketA");
}

SOCKET wsd_WSASocketW(int af, int type, int protocol, LPWSAPROTOCOL_INFOW info, GROUP g,
		      DWORD flags)
{
	return wsasocket(af, type, protocol, info, g, flags, "WSASocketW");
}

int wsd_closesocket(SOCKET s)
{
	API_ENTER(SOCKET_ERROR);
	API_TRACE("closesocket", "s=%s", API_S);
	return api_leave(p, &span, sw_socket_close(p, s));
}

int wsd_bind(SOCKET s, const struct wsd_sockaddr *name, int namelen)
{
	API_ENTER(SOCKET_ERROR);
	API_TRACE("bind", "s=%s, name=%s, namelen=%d", API_S, API_NAME(name, namelen), namelen);
	return api_leave(p, &span, sw_bind(p, s, name, namelen));
}

int wsd_getsockname(SOCKET s, struct wsd_sockaddr *name, int *namelen)
{
	API_ENTER(SOCKET_ERROR);
	API_TRACE("getsockname", "s=%s", API_S);
	int code = sw_getsockname(p, s, name, namelen);
	if (__builtin_expect(span.trace != NULL, 0) && !code) {
		trace_leave(&span, 0, 0, "name=%s", API_NAME(name, *namelen));
		span.trace = NULL;
	}
	return api_leave(p, &span, code);
}

int wsd_getpeername(SOCKET s, struct wsd_sockaddr *name, int *namelen)
{
	API_ENTER(SOCKET_ERROR);
	API_TRACE("getpeername", "s=%s", API_S);
	int code = sw_getpeername(p, s, name, namelen);
	if (__builtin_expect(span.trace != NULL, 0) && !code) {
		trace_leave(&span, 0, 0, "name=%s", API_NAME(name, *namelen));
		span.trace = NULL;
	}
	return api_leave(p, &span, code);
}

int wsd_listen(SOCKET s, int backlog)
{
	API_ENTER(SOCKET_ERROR);
	API_TRACE("listen", "s=%s, backlog=%d", API_S, backlog);
	return api_leave(p, &span, sw_listen(p, s, backlog));
}
