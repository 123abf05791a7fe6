/* SPDX-License-Identifier: MIT
 *
 * The exported calls that accept.
 */
#include "api_call.h"
#include "accept.h"
#include "address.h"

static SOCKET accepted(SOCKET s, const struct sw_accept *how, const char *call)
{
	SOCKET conn = INVALID_SOCKET;
	API_ENTER(INVALID_SOCKET);
	API_TRACE(call, "s=%s", API_S);
	int code = sw_accept(p, s, how, &conn);
	if (__builtin_expect(span.trace != NULL, 0))
		trace_leave(&span, code ? SOCKET_ERROR : (long long)conn, code, "%s", "");
	sw_leave(p);
	lasterror_set((DWORD)code);
	return code ? INVALID_SOCKET : conn;
}

SOCKET wsd_accept(SOCKET s, struct wsd_sockaddr *addr, int *addrlen)
{
	return accepted(s, &(struct sw_accept){.addr = addr, .addrlen = addrlen}, "accept");
}

SOCKET wsd_WSAAccept(SOCKET s, struct wsd_sockaddr *addr, LPINT addrlen, LPCONDITIONPROC condition,
		     DWORD_PTR data)
{
	return accepted(s, &(struct sw_accept){addr, addrlen, condition, data}, "WSAAccept");
}
