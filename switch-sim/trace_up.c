/* SPDX-License-Identifier: MIT
 *
 * The recording upcall table: as trace_spi.c, the other way round. No lock, no state of its own.
 */
#include "trace_priv.h"

#include <stdio.h>
#include <wsd/abi.h>

#define RECORD(type, call, params, args, code, enter)                                \
	static type rec_##call(struct wrapped *w, UNPACK params)                     \
	{                                                                            \
		struct trace_span span;                                              \
		trace_enter(trace_now(w->trace), &span, TRACE_UPCALL, w->who, #call, \
			    UNPACK enter);                                           \
		type result = w->inner_up.lp##call args;                             \
		trace_leave(&span, (long long)(intptr_t)result, (code), "%s", "");   \
		return result;                                                       \
	}                                                                            \
	DOORS(type, call, params, args, w->inner_up.lp##call)

#define NONZERO   (result && lpErrno ? *lpErrno : 0)
#define ZERO      (!result && lpErrno ? *lpErrno : 0)
#define NO_SOCKET (result == INVALID_SOCKET && lpErrno ? *lpErrno : 0)
#define NUMBER(v) trace_number((uintptr_t)(v), TRACE_TEXT)

static const char *completion(DWORD error, DWORD bytes, char *text, size_t size)
{
	snprintf(text, size, "error=%u, bytes=%u", error, bytes);
	return text;
}

RECORD(BOOL, WPUCloseEvent, (WSAEVENT hEvent, LPINT lpErrno), (hEvent, lpErrno), ZERO,
       ("event=%s", NUMBER(hEvent)))
RECORD(int, WPUCloseSocketHandle, (SOCKET s, LPINT lpErrno), (s, lpErrno), NONZERO,
       ("handle=%s", NUMBER(s)))
RECORD(WSAEVENT, WPUCreateEvent, (LPINT lpErrno), (lpErrno), ZERO, ("%s", ""))
RECORD(SOCKET, WPUCreateSocketHandle, (DWORD dwCatalogEntryId, DWORD_PTR dwContext, LPINT lpErrno),
       (dwCatalogEntryId, dwContext, lpErrno), NO_SOCKET,
       ("catalog=%u, context=%s", dwCatalogEntryId, NUMBER(dwContext)))
RECORD(int, WPUFDIsSet, (SOCKET s, struct wsd_fd_set *fdset), (s, fdset), 0,
       ("handle=%s", NUMBER(s)))
RECORD(int, WPUGetProviderPath,
       (GUID * lpProviderId, WCHAR *lpszProviderDllPath, LPINT lpProviderDllPathLen, LPINT lpErrno),
       (lpProviderId, lpszProviderDllPath, lpProviderDllPathLen, lpErrno), NONZERO,
       ("provider=%s", trace_guid(lpProviderId, TRACE_TEXT)))
RECORD(SOCKET, WPUModifyIFSHandle, (DWORD dwCatalogEntryId, SOCKET ProposedHandle, LPINT lpErrno),
       (dwCatalogEntryId, ProposedHandle, lpErrno), NO_SOCKET,
       ("catalog=%u, handle=%s", dwCatalogEntryId, NUMBER(ProposedHandle)))
RECORD(BOOL, WPUPostMessage, (HWND hWnd, UINT Msg, WPARAM wParam, LPARAM lParam),
       (hWnd, Msg, wParam, lParam), 0, ("message=%u", Msg))
RECORD(int, WPUQueryBlockingCallback,
       (DWORD dwCatalogEntryId, LPBLOCKINGCALLBACK *lplpfnCallback, PDWORD_PTR lpdwContext,
	LPINT lpErrno),
       (dwCatalogEntryId, lplpfnCallback, lpdwContext, lpErrno), NONZERO,
       ("catalog=%u", dwCatalogEntryId))
RECORD(int, WPUQuerySocketHandleContext, (SOCKET s, PDWORD_PTR lpContext, LPINT lpErrno),
       (s, lpContext, lpErrno), NONZERO, ("handle=%s", NUMBER(s)))
RECORD(int, WPUQueueApc,
       (LPWSATHREADID lpThreadId, LPWSAUSERAPC lpfnUserApc, DWORD_PTR dwContext, LPINT lpErrno),
       (lpThreadId, lpfnUserApc, dwContext, lpErrno), NONZERO, ("%s", ""))
RECORD(BOOL, WPUResetEvent, (WSAEVENT hEvent, LPINT lpErrno), (hEvent, lpErrno), ZERO,
       ("event=%s", NUMBER(hEvent)))
RECORD(BOOL, WPUSetEvent, (WSAEVENT hEvent, LPINT lpErrno), (hEvent, lpErrno), ZERO,
       ("event=%s", NUMBER(hEvent)))
RECORD(int, WPUOpenCurrentThread, (LPWSATHREADID lpThreadId, LPINT lpErrno), (lpThreadId, lpErrno),
       NONZERO, ("%s", ""))
RECORD(int, WPUCloseThread, (LPWSATHREADID lpThreadId, LPINT lpErrno), (lpThreadId, lpErrno),
       NONZERO, ("%s", ""))
RECORD(int, WPUCompleteOverlappedRequest,
       (SOCKET s, LPWSAOVERLAPPED lpOverlapped, DWORD dwError, DWORD cbTransferred, LPINT lpErrno),
       (s, lpOverlapped, dwError, cbTransferred, lpErrno), NONZERO,
       ("handle=%s, overlapped=%p, %s", NUMBER(s), (void *)lpOverlapped,
	completion(dwError, cbTransferred, TRACE_TEXT)))

#define TABLE(n)                                                                           \
	[n] = {                                                                            \
		.lpWPUCloseEvent = door_##n##_WPUCloseEvent,                               \
		.lpWPUCloseSocketHandle = door_##n##_WPUCloseSocketHandle,                 \
		.lpWPUCreateEvent = door_##n##_WPUCreateEvent,                             \
		.lpWPUCreateSocketHandle = door_##n##_WPUCreateSocketHandle,               \
		.lpWPUFDIsSet = door_##n##_WPUFDIsSet,                                     \
		.lpWPUGetProviderPath = door_##n##_WPUGetProviderPath,                     \
		.lpWPUModifyIFSHandle = door_##n##_WPUModifyIFSHandle,                     \
		.lpWPUPostMessage = door_##n##_WPUPostMessage,                             \
		.lpWPUQueryBlockingCallback = door_##n##_WPUQueryBlockingCallback,         \
		.lpWPUQuerySocketHandleContext = door_##n##_WPUQuerySocketHandleContext,   \
		.lpWPUQueueApc = door_##n##_WPUQueueApc,                                   \
		.lpWPUResetEvent = door_##n##_WPUResetEvent,                               \
		.lpWPUSetEvent = door_##n##_WPUSetEvent,                                   \
		.lpWPUOpenCurrentThread = door_##n##_WPUOpenCurrentThread,                 \
		.lpWPUCloseThread = door_##n##_WPUCloseThread,                             \
		.lpWPUCompleteOverlappedRequest = door_##n##_WPUCompleteOverlappedRequest, \
	},

const WSPUPCALLTABLEEX wsd_trace_upcalls[TRACE_WRAPPED_MAX] = {FOR_EACH_SET(TABLE)};
