/* SPDX-License-Identifier: MIT
 *
 * The application's WSAOVERLAPPED. Results are stored before Internal says that they are there.
 */
#include "overlapped.h"
#include "event.h"
#include "usermem.h"

#include <stddef.h>

enum { NO_NOTIFICATION = 1 }; /* bit 0 of hEvent: nothing for a completion port */

_Static_assert(offsetof(WSAOVERLAPPED, Internal) == 0 &&
		       offsetof(WSAOVERLAPPED, OffsetHigh) ==
			       2 * sizeof(ULONG_PTR) + sizeof(((WSAOVERLAPPED *)0)->Offset),
	       "code, bytes and flags are written together, the code last");

int overlapped_begin(LPWSAOVERLAPPED o, WSAEVENT *ret_event)
{
	WSAOVERLAPPED copy;
	if (!o || memory_read(&copy, o, sizeof(copy)) < 0)
		return WSAEFAULT;
	WSAEVENT event = (WSAEVENT)((uintptr_t)copy.hEvent & ~(uintptr_t)NO_NOTIFICATION);
	if (event && event_fd(event) < 0)
		return WSA_INVALID_HANDLE;
	copy.Internal = WSS_OPERATION_IN_PROGRESS;
	copy.InternalHigh = 0;
	if (memory_publish(o, &copy, offsetof(WSAOVERLAPPED, Offset)) < 0)
		return WSAEFAULT;
	if (event)
		event_reset(event);
	*ret_event = event;
	return 0;
}

void overlapped_refuse(LPWSAOVERLAPPED o, int code)
{
	ULONG_PTR internal = (ULONG_PTR)code;
	memory_publish(&o->Internal, &internal, sizeof(internal));
}

void overlapped_end(struct sw_socket *s, LPWSAOVERLAPPED o, WSAEVENT event, int code, DWORD bytes,
		    DWORD flags)
{
	WSAOVERLAPPED end = {.Internal = (ULONG_PTR)code, .InternalHigh = bytes, .Offset = flags};
	memory_publish(o, &end, offsetof(WSAOVERLAPPED, OffsetHigh));
	if (event)
		event_set(event); /* closed meanwhile: nobody is told */
	waiter_list_wake(&s->waiters, SW_READY_REQUEST);
}

/* ---- WSAGetOverlappedResult ---- */

/* Whatever the event says: it is the application's, which may set it at any time. */
static int await(struct sw_socket *s, LPWSAOVERLAPPED o, WSAOVERLAPPED *copy)
{
	struct waiter w;
	struct waiter_link link = {0};
	int code = 0;
	if (waiter_begin(&w) < 0)
		return WSAENOBUFS;
	waiter_link(&s->waiters, &link, &w, SW_READY_REQUEST);
	for (;;) {
		if (memory_read_published(copy, o, sizeof(*copy)) < 0)
			code = WSAEFAULT;
		if (code || copy->Internal != WSS_OPERATION_IN_PROGRESS)
			break;
		if (waiter_sleep(&w, NULL, 0, WAITER_FOREVER) < 0)
			code = WSAENOBUFS;
	}
	waiter_unlink(&link);
	waiter_end(&w);
	return code;
}

static int result(struct sw_socket *s, LPWSAOVERLAPPED o, WSAOVERLAPPED *copy, bool wait)
{
	unsigned index;
	if (memory_read_published(copy, o, sizeof(*copy)) < 0)
		return WSAEFAULT;
	if (copy->Internal != WSS_OPERATION_IN_PROGRESS)
		return 0;
	if (!wait)
		return WSA_IO_INCOMPLETE;
	WSAEVENT event = (WSAEVENT)((uintptr_t)copy->hEvent & ~(uintptr_t)NO_NOTIFICATION);
	if (!event || event_fd(event) < 0)
		return WSA_INVALID_HANDLE;
	int code = await(s, o, copy);
	if (!code) /* Windows waits on the event, so one that resets itself is reset now */
		event_wait(&event, 1, false, 0, &index);
	return code;
}

int sw_overlapped_result(struct sw_process *p, SOCKET handle, LPWSAOVERLAPPED o, DWORD *ret_bytes,
			 bool wait, DWORD *ret_flags)
{
	WSAOVERLAPPED copy = {0};
	struct sw_socket *s = sw_socket_find(p, handle);
	if (!s)
		return WSAENOTSOCK;
	int code = WSAENETDOWN;
	if (!sw_fault_netdown(p, "WSAGetOverlappedResult"))
		code = !o || memory_probe(ret_bytes, sizeof(*ret_bytes)) < 0 ||
				       memory_probe(ret_flags, sizeof(*ret_flags)) < 0
			       ? WSAEFAULT
			       : result(s, o, &copy, wait);
	if (!code) {
		DWORD bytes = (DWORD)copy.InternalHigh;
		code = (int)copy.Internal;
		memory_write(ret_bytes, &bytes, sizeof(bytes));
		memory_write(ret_flags, &copy.Offset, sizeof(copy.Offset));
	}
	sw_socket_put(s);
	return code;
}
