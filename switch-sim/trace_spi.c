/* SPDX-License-Identifier: MIT
 *
 * The recording provider: for each function of WSPPROC_TABLE one that records and passes on, and
 * for each set and function a door that knows its set. No lock, no state of its own.
 */
#include "trace_priv.h"

#include <wsd/abi.h>

/* Record a function that returns @type; @failed says whether *lpErrno holds a code. */
#define RECORD(type, call, params, args, failed, enter, leave)                         \
	static type rec_##call(struct wrapped *w, UNPACK params)                       \
	{                                                                              \
		struct trace_span span;                                                \
		trace_enter(trace_now(w->trace), &span, TRACE_DOWNCALL, w->who, #call, \
			    UNPACK enter);                                             \
		type result = w->inner.lp##call args;                                  \
		trace_leave(&span, (long long)(intptr_t)result,                        \
			    (failed) && lpErrno ? *lpErrno : 0, UNPACK leave);         \
		return result;                                                         \
	}                                                                              \
	DOORS(type, call, params, args, w->inner.lp##call)

#define NOTHING    ("%s", "")
#define FAILED_INT result == SOCKET_ERROR
#define S          trace_number(s, TRACE_TEXT)

#define RECORD_INT(call, params, args, enter) \
	RECORD(int, call, params, args, FAILED_INT, enter, NOTHING)

static const char *given_name(int result, const struct wsd_sockaddr *name, const int *len,
			      char *text, size_t size)
{
	return result == 0 && name && len ? trace_name(name, *len, text, size) : "";
}

RECORD(SOCKET, WSPAccept,
       (SOCKET s, struct wsd_sockaddr *addr, LPINT addrlen, LPCONDITIONPROC lpfnCondition,
	DWORD_PTR dwCallbackData, LPINT lpErrno),
       (s, addr, addrlen, lpfnCondition, dwCallbackData, lpErrno), result == INVALID_SOCKET,
       ("s=%s", S),
       ("%s%s", result == INVALID_SOCKET ? "" : "addr=",
	given_name(result == INVALID_SOCKET, addr, addrlen, TRACE_TEXT)))
RECORD_INT(WSPAddressToString,
	   (LPSOCKADDR lpsaAddress, DWORD dwAddressLength, LPWSAPROTOCOL_INFOW lpProtocolInfo,
	    LPWSTR lpszAddressString, LPDWORD lpdwAddressStringLength, LPINT lpErrno),
	   (lpsaAddress, dwAddressLength, lpProtocolInfo, lpszAddressString,
	    lpdwAddressStringLength, lpErrno),
	   ("address=%s", trace_name(lpsaAddress, (int)dwAddressLength, TRACE_TEXT)))
RECORD_INT(WSPAsyncSelect, (SOCKET s, HWND hWnd, unsigned int wMsg, LONG lEvent, LPINT lpErrno),
	   (s, hWnd, wMsg, lEvent, lpErrno),
	   ("s=%s, events=%s", S, trace_events(lEvent, TRACE_TEXT)))
RECORD_INT(WSPBind, (SOCKET s, const struct wsd_sockaddr *name, int namelen, LPINT lpErrno),
	   (s, name, namelen, lpErrno),
	   ("s=%s, name=%s, namelen=%d", S, trace_name(name, namelen, TRACE_TEXT), namelen))
RECORD_INT(WSPCancelBlockingCall, (LPINT lpErrno), (lpErrno), NOTHING)
RECORD_INT(WSPCleanup, (LPINT lpErrno), (lpErrno), NOTHING)
RECORD_INT(WSPCloseSocket, (SOCKET s, LPINT lpErrno), (s, lpErrno), ("s=%s", S))
RECORD_INT(WSPConnect,
	   (SOCKET s, const struct wsd_sockaddr *name, int namelen, LPWSABUF lpCallerData,
	    LPWSABUF lpCalleeData, LPQOS lpSQOS, LPQOS lpGQOS, LPINT lpErrno),
	   (s, name, namelen, lpCallerData, lpCalleeData, lpSQOS, lpGQOS, lpErrno),
	   ("s=%s, name=%s, namelen=%d", S, trace_name(name, namelen, TRACE_TEXT), namelen))
RECORD_INT(WSPDuplicateSocket,
	   (SOCKET s, DWORD dwProcessId, LPWSAPROTOCOL_INFOW lpProtocolInfo, LPINT lpErrno),
	   (s, dwProcessId, lpProtocolInfo, lpErrno), ("s=%s, process=%u", S, dwProcessId))
RECORD(int, WSPEnumNetworkEvents,
       (SOCKET s, WSAEVENT hEventObject, LPWSANETWORKEVENTS lpNetworkEvents, LPINT lpErrno),
       (s, hEventObject, lpNetworkEvents, lpErrno), FAILED_INT,
       ("s=%s, event=%s", S, trace_number((uintptr_t)hEventObject, TRACE_TEXT)),
       ("%s%s", result || !lpNetworkEvents ? "" : "events=",
	result || !lpNetworkEvents ? ""
				   : trace_events(lpNetworkEvents->lNetworkEvents, TRACE_TEXT)))
RECORD_INT(WSPEventSelect, (SOCKET s, WSAEVENT hEventObject, LONG lNetworkEvents, LPINT lpErrno),
	   (s, hEventObject, lNetworkEvents, lpErrno),
	   ("s=%s, event=%s, events=%s", S, trace_number((uintptr_t)hEventObject, TRACE_TEXT),
	    trace_events(lNetworkEvents, TRACE_TEXT)))
RECORD(BOOL, WSPGetOverlappedResult,
       (SOCKET s, LPWSAOVERLAPPED lpOverlapped, LPDWORD lpcbTransfer, BOOL fWait, LPDWORD lpdwFlags,
	LPINT lpErrno),
       (s, lpOverlapped, lpcbTransfer, fWait, lpdwFlags, lpErrno), !result,
       ("s=%s, overlapped=%p, wait=%d", S, (void *)lpOverlapped, fWait),
       ("%s%u", result ? "bytes=" : "", result &&lpcbTransfer ? *lpcbTransfer : 0))
RECORD(int, WSPGetPeerName, (SOCKET s, struct wsd_sockaddr *name, LPINT namelen, LPINT lpErrno),
       (s, name, namelen, lpErrno), FAILED_INT, ("s=%s, namelen=%d", S, namelen ? *namelen : 0),
       ("%s%s", result ? "" : "name=", given_name(result, name, namelen, TRACE_TEXT)))
RECORD(int, WSPGetSockName, (SOCKET s, struct wsd_sockaddr *name, LPINT namelen, LPINT lpErrno),
       (s, name, namelen, lpErrno), FAILED_INT, ("s=%s, namelen=%d", S, namelen ? *namelen : 0),
       ("%s%s", result ? "" : "name=", given_name(result, name, namelen, TRACE_TEXT)))
RECORD(int, WSPGetSockOpt,
       (SOCKET s, int level, int optname, char *optval, LPINT optlen, LPINT lpErrno),
       (s, level, optname, optval, optlen, lpErrno), FAILED_INT,
       ("s=%s, option=%s, optlen=%d", S, trace_option(level, optname, TRACE_TEXT),
	optlen ? *optlen : 0),
       ("%s%s",
	result ? "" : "value=", result ? "" : trace_int(optval, optlen ? *optlen : 0, TRACE_TEXT)))
RECORD(BOOL, WSPGetQOSByName, (SOCKET s, LPWSABUF lpQOSName, LPQOS lpQOS, LPINT lpErrno),
       (s, lpQOSName, lpQOS, lpErrno), !result, ("s=%s", S), NOTHING)

static const char *ioctl_input(DWORD code, const void *in, DWORD size_in, char *text, size_t size)
{
	return code == SIO_GET_EXTENSION_FUNCTION_POINTER && size_in >= sizeof(GUID)
		       ? trace_guid(in, text, size)
		       : "";
}

RECORD(int, WSPIoctl,
       (SOCKET s, DWORD dwIoControlCode, LPVOID lpvInBuffer, DWORD cbInBuffer, LPVOID lpvOutBuffer,
	DWORD cbOutBuffer, LPDWORD lpcbBytesReturned, LPWSAOVERLAPPED lpOverlapped,
	LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine, LPWSATHREADID lpThreadId,
	LPINT lpErrno),
       (s, dwIoControlCode, lpvInBuffer, cbInBuffer, lpvOutBuffer, cbOutBuffer, lpcbBytesReturned,
	lpOverlapped, lpCompletionRoutine, lpThreadId, lpErrno),
       FAILED_INT,
       ("s=%s, code=%s, in=%u%s%s, out=%u", S, trace_ioctl(dwIoControlCode, TRACE_TEXT), cbInBuffer,
	cbInBuffer >= sizeof(GUID) ? ":" : "",
	ioctl_input(dwIoControlCode, lpvInBuffer, cbInBuffer, TRACE_TEXT), cbOutBuffer),
       ("bytes=%u", lpcbBytesReturned ? *lpcbBytesReturned : 0))
RECORD(SOCKET, WSPJoinLeaf,
       (SOCKET s, const struct wsd_sockaddr *name, int namelen, LPWSABUF lpCallerData,
	LPWSABUF lpCalleeData, LPQOS lpSQOS, LPQOS lpGQOS, DWORD dwFlags, LPINT lpErrno),
       (s, name, namelen, lpCallerData, lpCalleeData, lpSQOS, lpGQOS, dwFlags, lpErrno),
       result == INVALID_SOCKET, ("s=%s, name=%s", S, trace_name(name, namelen, TRACE_TEXT)),
       NOTHING)
RECORD_INT(WSPListen, (SOCKET s, int backlog, LPINT lpErrno), (s, backlog, lpErrno),
	   ("s=%s, backlog=%d", S, backlog))
RECORD_INT(WSPRecv,
	   (SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount, LPDWORD lpNumberOfBytesRecvd,
	    LPDWORD lpFlags, LPWSAOVERLAPPED lpOverlapped,
	    LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine, LPWSATHREADID lpThreadId,
	    LPINT lpErrno),
	   (s, lpBuffers, dwBufferCount, lpNumberOfBytesRecvd, lpFlags, lpOverlapped,
	    lpCompletionRoutine, lpThreadId, lpErrno),
	   ("s=%s, buffers=%u, overlapped=%p", S, dwBufferCount, (void *)lpOverlapped))
RECORD_INT(WSPRecvDisconnect, (SOCKET s, LPWSABUF lpInboundDisconnectData, LPINT lpErrno),
	   (s, lpInboundDisconnectData, lpErrno), ("s=%s", S))
RECORD_INT(WSPRecvFrom,
	   (SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount, LPDWORD lpNumberOfBytesRecvd,
	    LPDWORD lpFlags, struct wsd_sockaddr *lpFrom, LPINT lpFromlen,
	    LPWSAOVERLAPPED lpOverlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
	    LPWSATHREADID lpThreadId, LPINT lpErrno),
	   (s, lpBuffers, dwBufferCount, lpNumberOfBytesRecvd, lpFlags, lpFrom, lpFromlen,
	    lpOverlapped, lpCompletionRoutine, lpThreadId, lpErrno),
	   ("s=%s, buffers=%u", S, dwBufferCount))
RECORD_INT(WSPSelect,
	   (int nfds, struct wsd_fd_set *readfds, struct wsd_fd_set *writefds,
	    struct wsd_fd_set *exceptfds, const struct timeval *timeout, LPINT lpErrno),
	   (nfds, readfds, writefds, exceptfds, timeout, lpErrno), NOTHING)
RECORD_INT(WSPSend,
	   (SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount, LPDWORD lpNumberOfBytesSent,
	    DWORD dwFlags, LPWSAOVERLAPPED lpOverlapped,
	    LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine, LPWSATHREADID lpThreadId,
	    LPINT lpErrno),
	   (s, lpBuffers, dwBufferCount, lpNumberOfBytesSent, dwFlags, lpOverlapped,
	    lpCompletionRoutine, lpThreadId, lpErrno),
	   ("s=%s, buffers=%u, bytes=%u, data=%s, flags=0x%x, overlapped=%p", S, dwBufferCount,
	    dwBufferCount ? lpBuffers->len : 0,
	    dwBufferCount ? trace_hex(lpBuffers->buf, lpBuffers->len, TRACE_TEXT) : "", dwFlags,
	    (void *)lpOverlapped))
RECORD_INT(WSPSendDisconnect, (SOCKET s, LPWSABUF lpOutboundDisconnectData, LPINT lpErrno),
	   (s, lpOutboundDisconnectData, lpErrno), ("s=%s", S))
RECORD_INT(WSPSendTo,
	   (SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount, LPDWORD lpNumberOfBytesSent,
	    DWORD dwFlags, const struct wsd_sockaddr *lpTo, int iTolen,
	    LPWSAOVERLAPPED lpOverlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
	    LPWSATHREADID lpThreadId, LPINT lpErrno),
	   (s, lpBuffers, dwBufferCount, lpNumberOfBytesSent, dwFlags, lpTo, iTolen, lpOverlapped,
	    lpCompletionRoutine, lpThreadId, lpErrno),
	   ("s=%s, buffers=%u, to=%s", S, dwBufferCount, trace_name(lpTo, iTolen, TRACE_TEXT)))
RECORD_INT(WSPSetSockOpt,
	   (SOCKET s, int level, int optname, const char *optval, int optlen, LPINT lpErrno),
	   (s, level, optname, optval, optlen, lpErrno),
	   ("s=%s, option=%s, value=%s, optlen=%d", S, trace_option(level, optname, TRACE_TEXT),
	    trace_int(optval, optlen, TRACE_TEXT), optlen))
RECORD_INT(WSPShutdown, (SOCKET s, int how, LPINT lpErrno), (s, how, lpErrno),
	   ("s=%s, how=%d", S, how))
RECORD(SOCKET, WSPSocket,
       (int af, int type, int protocol, LPWSAPROTOCOL_INFOW lpProtocolInfo, GROUP g, DWORD dwFlags,
	LPINT lpErrno),
       (af, type, protocol, lpProtocolInfo, g, dwFlags, lpErrno), result == INVALID_SOCKET,
       ("af=%s, type=%s, protocol=%s, group=%u, flags=%s", trace_family(af, TRACE_TEXT),
	trace_type(type, TRACE_TEXT), trace_protocol(protocol, TRACE_TEXT), g,
	dwFlags == WSA_FLAG_OVERLAPPED ? "WSA_FLAG_OVERLAPPED" : trace_number(dwFlags, TRACE_TEXT)),
       NOTHING)
RECORD_INT(WSPStringToAddress,
	   (LPWSTR AddressString, INT AddressFamily, LPWSAPROTOCOL_INFOW lpProtocolInfo,
	    LPSOCKADDR lpAddress, LPINT lpAddressLength, LPINT lpErrno),
	   (AddressString, AddressFamily, lpProtocolInfo, lpAddress, lpAddressLength, lpErrno),
	   ("family=%s", trace_family(AddressFamily, TRACE_TEXT)))

#define TABLE(n)                                                               \
	[n] = {                                                                \
		.lpWSPAccept = door_##n##_WSPAccept,                           \
		.lpWSPAddressToString = door_##n##_WSPAddressToString,         \
		.lpWSPAsyncSelect = door_##n##_WSPAsyncSelect,                 \
		.lpWSPBind = door_##n##_WSPBind,                               \
		.lpWSPCancelBlockingCall = door_##n##_WSPCancelBlockingCall,   \
		.lpWSPCleanup = door_##n##_WSPCleanup,                         \
		.lpWSPCloseSocket = door_##n##_WSPCloseSocket,                 \
		.lpWSPConnect = door_##n##_WSPConnect,                         \
		.lpWSPDuplicateSocket = door_##n##_WSPDuplicateSocket,         \
		.lpWSPEnumNetworkEvents = door_##n##_WSPEnumNetworkEvents,     \
		.lpWSPEventSelect = door_##n##_WSPEventSelect,                 \
		.lpWSPGetOverlappedResult = door_##n##_WSPGetOverlappedResult, \
		.lpWSPGetPeerName = door_##n##_WSPGetPeerName,                 \
		.lpWSPGetSockName = door_##n##_WSPGetSockName,                 \
		.lpWSPGetSockOpt = door_##n##_WSPGetSockOpt,                   \
		.lpWSPGetQOSByName = door_##n##_WSPGetQOSByName,               \
		.lpWSPIoctl = door_##n##_WSPIoctl,                             \
		.lpWSPJoinLeaf = door_##n##_WSPJoinLeaf,                       \
		.lpWSPListen = door_##n##_WSPListen,                           \
		.lpWSPRecv = door_##n##_WSPRecv,                               \
		.lpWSPRecvDisconnect = door_##n##_WSPRecvDisconnect,           \
		.lpWSPRecvFrom = door_##n##_WSPRecvFrom,                       \
		.lpWSPSelect = door_##n##_WSPSelect,                           \
		.lpWSPSend = door_##n##_WSPSend,                               \
		.lpWSPSendDisconnect = door_##n##_WSPSendDisconnect,           \
		.lpWSPSendTo = door_##n##_WSPSendTo,                           \
		.lpWSPSetSockOpt = door_##n##_WSPSetSockOpt,                   \
		.lpWSPShutdown = door_##n##_WSPShutdown,                       \
		.lpWSPSocket = door_##n##_WSPSocket,                           \
		.lpWSPStringToAddress = door_##n##_WSPStringToAddress,         \
	},

const WSPPROC_TABLE wsd_trace_tables[TRACE_WRAPPED_MAX] = {FOR_EACH_SET(TABLE)};
