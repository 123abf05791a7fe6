/* SPDX-License-Identifier: MIT
 *
 * The exported calls that wait for sockets, and those on network events.
 */
#include "api_call.h"
#include "netevents.h"
#include "select.h"

/* Ends a call that returns how many are ready. */
static int leave_counting(struct sw_process *p, struct trace_span *span, int code, int count)
{
	if (__builtin_expect(span->trace != NULL, 0))
		trace_leave(span, code ? SOCKET_ERROR : count, code, "%s", "");
	sw_leave(p);
	lasterror_set((DWORD)code);
	return code ? SOCKET_ERROR : count;
}

int wsd_select(int nfds, struct wsd_fd_set *readable, struct wsd_fd_set *writable,
	       struct wsd_fd_set *except, const struct timeval *timeout)
{
	int count = 0;
	API_ENTER(SOCKET_ERROR);
	API_TRACE("select", "%s", "");
	int code =
		sw_select(p, (struct wsd_fd_set *[]){readable, writable, except}, timeout, &count);
	return leave_counting(p, &span, code, count);
}

int wsd___WSAFDIsSet(SOCKET s, struct wsd_fd_set *set)
{
	for (UINT i = 0; i < set->fd_count; i++)
		if (set->fd_array[i] == s)
			return 1;
	return 0;
}

int wsd_WSAPoll(LPWSAPOLLFD sockets, ULONG count, INT timeout)
{
	int ready = 0;
	API_ENTER(SOCKET_ERROR);
	API_TRACE("WSAPoll", "count=%u timeout=%d", count, timeout);
	int code = sw_poll(p, sockets, count, timeout, &ready);
	return leave_counting(p, &span, code, ready);
}

int wsd_WSAEventSelect(SOCKET s, WSAEVENT event, LONG events)
{
	API_ENTER(SOCKET_ERROR);
	API_TRACE("WSAEventSelect", "s=%s events=0x%x", API_S, (unsigned)events);
	return api_leave(p, &span, netevents_select(p, s, event, events));
}

int wsd_WSAEnumNetworkEvents(SOCKET s, WSAEVENT event, LPWSANETWORKEVENTS events)
{
	API_ENTER(SOCKET_ERROR);
	API_TRACE("WSAEnumNetworkEvents", "s=%s", API_S);
	return api_leave(p, &span, netevents_enum(p, s, event, events));
}
