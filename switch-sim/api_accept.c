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

BOOL wsd_AcceptEx(SOCKET s, SOCKET accepting, PVOID buffer, DWORD data_len, DWORD local_len,
		  DWORD remote_len, LPDWORD received, LPOVERLAPPED overlapped)
{
	const struct sw_accept_ex how = {buffer, data_len, local_len, remote_len, overlapped};
	API_ENTER(FALSE);
	API_TRACE("AcceptEx", "s=%s, socket=%s, len=%u", API_S, trace_number(accepting, TRACE_TEXT),
		  data_len);
	return api_leave(p, &span, sw_accept_ex(p, s, accepting, &how)) == 0;
}

/* Pure arithmetic on AcceptEx's buffer: data, local name, remote name. */
void wsd_GetAcceptExSockaddrs(PVOID buffer, DWORD data_len, DWORD local_len, DWORD remote_len,
			      struct wsd_sockaddr **local, LPINT local_size,
			      struct wsd_sockaddr **remote, LPINT remote_size)
{
	char *at = (char *)buffer + data_len;
	*local = (struct wsd_sockaddr *)(void *)at;
	*local_size = address_size((*local)->sa_family);
	*remote = (struct wsd_sockaddr *)(void *)(at + local_len);
	*remote_size = address_size((*remote)->sa_family);
}
