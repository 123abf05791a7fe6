/* SPDX-License-Identifier: MIT
 *
 * The slots that the TCP/IP provider does not serve: data, waiting. Each
 * is a named refusal, so that a call that should not happen is an error and not a crash.
 */
#include "tcpip.h"

#include <string.h>

static int refuse(LPINT error)
{
	*error = WSAEOPNOTSUPP;
	return SOCKET_ERROR;
}

static SOCKET refuse_WSPAccept(SOCKET s, struct wsd_sockaddr *addr, LPINT addrlen,
			       LPCONDITIONPROC condition, DWORD_PTR data, LPINT error)
{
	refuse(error);
	return INVALID_SOCKET;
}

static INT refuse_WSPAddressToString(LPSOCKADDR address, DWORD length, LPWSAPROTOCOL_INFOW info,
				     LPWSTR text, LPDWORD text_len, LPINT error)
{
	return refuse(error);
}

static int refuse_WSPAsyncSelect(SOCKET s, HWND window, unsigned int message, LONG events,
				 LPINT error)
{
	return refuse(error);
}

static int refuse_WSPCancelBlockingCall(LPINT error)
{
	return refuse(error);
}

static int refuse_WSPConnect(SOCKET s, const struct wsd_sockaddr *name, int namelen,
			     LPWSABUF caller, LPWSABUF callee, LPQOS sqos, LPQOS gqos, LPINT error)
{
	return refuse(error);
}

static int refuse_WSPDuplicateSocket(SOCKET s, DWORD process, LPWSAPROTOCOL_INFOW info, LPINT error)
{
	return refuse(error);
}

static int refuse_WSPEnumNetworkEvents(SOCKET s, WSAEVENT event, LPWSANETWORKEVENTS events,
				       LPINT error)
{
	return refuse(error);
}

static int refuse_WSPEventSelect(SOCKET s, WSAEVENT event, LONG events, LPINT error)
{
	return refuse(error);
}

static BOOL refuse_WSPGetOverlappedResult(SOCKET s, LPWSAOVERLAPPED overlapped, LPDWORD transfer,
					  BOOL wait, LPDWORD flags, LPINT error)
{
	refuse(error);
	return FALSE;
}

static int refuse_WSPName(SOCKET s, struct wsd_sockaddr *name, LPINT namelen, LPINT error)
{
	return refuse(error);
}

static int refuse_WSPGetSockOpt(SOCKET s, int level, int name, char *value, LPINT len, LPINT error)
{
	return refuse(error);
}

static BOOL refuse_WSPGetQOSByName(SOCKET s, LPWSABUF name, LPQOS qos, LPINT error)
{
	refuse(error);
	return FALSE;
}

static int refuse_WSPIoctl(SOCKET s, DWORD code, LPVOID in, DWORD in_len, LPVOID out, DWORD out_len,
			   LPDWORD ret_len, LPWSAOVERLAPPED overlapped,
			   LPWSAOVERLAPPED_COMPLETION_ROUTINE routine, LPWSATHREADID thread,
			   LPINT error)
{
	return refuse(error);
}

static SOCKET refuse_WSPJoinLeaf(SOCKET s, const struct wsd_sockaddr *name, int namelen,
				 LPWSABUF caller, LPWSABUF callee, LPQOS sqos, LPQOS gqos,
				 DWORD flags, LPINT error)
{
	refuse(error);
	return INVALID_SOCKET;
}

static int refuse_WSPListen(SOCKET s, int backlog, LPINT error)
{
	return refuse(error);
}

static int refuse_WSPRecv(SOCKET s, LPWSABUF buffers, DWORD count, LPDWORD received, LPDWORD flags,
			  LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
			  LPWSATHREADID thread, LPINT error)
{
	return refuse(error);
}

static int refuse_WSPDisconnect(SOCKET s, LPWSABUF data, LPINT error)
{
	return refuse(error);
}

static int refuse_WSPRecvFrom(SOCKET s, LPWSABUF buffers, DWORD count, LPDWORD received,
			      LPDWORD flags, struct wsd_sockaddr *from, LPINT from_len,
			      LPWSAOVERLAPPED overlapped,
			      LPWSAOVERLAPPED_COMPLETION_ROUTINE routine, LPWSATHREADID thread,
			      LPINT error)
{
	return refuse(error);
}

static int refuse_WSPSelect(int nfds, struct wsd_fd_set *readable, struct wsd_fd_set *writable,
			    struct wsd_fd_set *except, const struct timeval *timeout, LPINT error)
{
	return refuse(error);
}

static int refuse_WSPSend(SOCKET s, LPWSABUF buffers, DWORD count, LPDWORD sent, DWORD flags,
			  LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
			  LPWSATHREADID thread, LPINT error)
{
	return refuse(error);
}

static int refuse_WSPSendTo(SOCKET s, LPWSABUF buffers, DWORD count, LPDWORD sent, DWORD flags,
			    const struct wsd_sockaddr *to, int to_len, LPWSAOVERLAPPED overlapped,
			    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine, LPWSATHREADID thread,
			    LPINT error)
{
	return refuse(error);
}

static int refuse_WSPSetSockOpt(SOCKET s, int level, int name, const char *value, int len,
				LPINT error)
{
	return refuse(error);
}

static int refuse_WSPBind(SOCKET s, const struct wsd_sockaddr *name, int namelen, LPINT error)
{
	return refuse(error);
}

static int refuse_WSPShutdown(SOCKET s, int how, LPINT error)
{
	return refuse(error);
}

static SOCKET refuse_WSPSocket(int af, int type, int protocol, LPWSAPROTOCOL_INFOW info, GROUP g,
			       DWORD flags, LPINT error)
{
	refuse(error);
	return INVALID_SOCKET;
}

static int refuse_WSPCloseSocket(SOCKET s, LPINT error)
{
	return refuse(error);
}

static INT refuse_WSPStringToAddress(LPWSTR text, INT family, LPWSAPROTOCOL_INFOW info,
				     LPSOCKADDR address, LPINT address_len, LPINT error)
{
	return refuse(error);
}

void tcpip_refuse(WSPPROC_TABLE *table)
{
	static const WSPPROC_TABLE refusals = {
		.lpWSPAccept = refuse_WSPAccept,
		.lpWSPAddressToString = refuse_WSPAddressToString,
		.lpWSPAsyncSelect = refuse_WSPAsyncSelect,
		.lpWSPBind = refuse_WSPBind,
		.lpWSPCancelBlockingCall = refuse_WSPCancelBlockingCall,
		.lpWSPCleanup = refuse_WSPCancelBlockingCall,
		.lpWSPCloseSocket = refuse_WSPCloseSocket,
		.lpWSPConnect = refuse_WSPConnect,
		.lpWSPDuplicateSocket = refuse_WSPDuplicateSocket,
		.lpWSPEnumNetworkEvents = refuse_WSPEnumNetworkEvents,
		.lpWSPEventSelect = refuse_WSPEventSelect,
		.lpWSPGetOverlappedResult = refuse_WSPGetOverlappedResult,
		.lpWSPGetPeerName = refuse_WSPName,
		.lpWSPGetSockName = refuse_WSPName,
		.lpWSPGetSockOpt = refuse_WSPGetSockOpt,
		.lpWSPGetQOSByName = refuse_WSPGetQOSByName,
		.lpWSPIoctl = refuse_WSPIoctl,
		.lpWSPJoinLeaf = refuse_WSPJoinLeaf,
		.lpWSPListen = refuse_WSPListen,
		.lpWSPRecv = refuse_WSPRecv,
		.lpWSPRecvDisconnect = refuse_WSPDisconnect,
		.lpWSPRecvFrom = refuse_WSPRecvFrom,
		.lpWSPSelect = refuse_WSPSelect,
		.lpWSPSend = refuse_WSPSend,
		.lpWSPSendDisconnect = refuse_WSPDisconnect,
		.lpWSPSendTo = refuse_WSPSendTo,
		.lpWSPSetSockOpt = refuse_WSPSetSockOpt,
		.lpWSPShutdown = refuse_WSPShutdown,
		.lpWSPSocket = refuse_WSPSocket,
		.lpWSPStringToAddress = refuse_WSPStringToAddress,
	};
	*table = refusals;
}
