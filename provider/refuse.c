/* SPDX-License-Identifier: MIT
 *
 * Named refusals. A bad descriptor is WSAENOTSOCK, everything else WSAEOPNOTSUPP, nothing changes.
 * WSPDuplicateSocket is not built yet; the others no switch ever calls.
 */
#include "prov.h"
#include "wsp.h"

/* The answer for this descriptor, stored; SOCKET_ERROR. */
static int refuse(SOCKET descriptor, LPINT lpErrno)
{
	struct sock *s;
	int code = sock_enter(descriptor, SC_COUNT, &s);
	if (!code) {
		sock_leave(s);
		code = WSAEOPNOTSUPP;
	}
	return sock_fail(lpErrno, code);
}

int WSPAPI refuse_WSPDuplicateSocket(SOCKET s, DWORD dwProcessId,
				     LPWSAPROTOCOL_INFOW lpProtocolInfo, LPINT lpErrno)
{
	return refuse(s, lpErrno);
}

INT WSPAPI refuse_WSPAddressToString(LPSOCKADDR lpsaAddress, DWORD dwAddressLength,
				     LPWSAPROTOCOL_INFOW lpProtocolInfo, LPWSTR lpszAddressString,
				     LPDWORD lpdwAddressStringLength, LPINT lpErrno)
{
	return sock_fail(lpErrno, WSAEOPNOTSUPP);
}

int WSPAPI refuse_WSPAsyncSelect(SOCKET s, HWND hWnd, unsigned int wMsg, LONG lEvent, LPINT lpErrno)
{
	return refuse(s, lpErrno);
}

int WSPAPI refuse_WSPCancelBlockingCall(LPINT lpErrno)
{
	return sock_fail(lpErrno, WSAEOPNOTSUPP);
}

int WSPAPI refuse_WSPGetPeerName(SOCKET s, struct wsd_sockaddr *name, LPINT namelen, LPINT lpErrno)
{
	return refuse(s, lpErrno);
}

int WSPAPI refuse_WSPGetSockName(SOCKET s, struct wsd_sockaddr *name, LPINT namelen, LPINT lpErrno)
{
	return refuse(s, lpErrno);
}

SOCKET WSPAPI refuse_WSPJoinLeaf(SOCKET s, const struct wsd_sockaddr *name, int namelen,
				 LPWSABUF lpCallerData, LPWSABUF lpCalleeData, LPQOS lpSQOS,
				 LPQOS lpGQOS, DWORD dwFlags, LPINT lpErrno)
{
	refuse(s, lpErrno);
	return INVALID_SOCKET;
}

int WSPAPI refuse_WSPRecvDisconnect(SOCKET s, LPWSABUF lpInboundDisconnectData, LPINT lpErrno)
{
	return refuse(s, lpErrno);
}

int WSPAPI refuse_WSPRecvFrom(SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount,
			      LPDWORD lpNumberOfBytesRecvd, LPDWORD lpFlags,
			      struct wsd_sockaddr *lpFrom, LPINT lpFromlen,
			      LPWSAOVERLAPPED lpOverlapped,
			      LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
			      LPWSATHREADID lpThreadId, LPINT lpErrno)
{
	return refuse(s, lpErrno);
}

int WSPAPI refuse_WSPSelect(int nfds, struct wsd_fd_set *readfds, struct wsd_fd_set *writefds,
			    struct wsd_fd_set *exceptfds, const struct timeval *timeout,
			    LPINT lpErrno)
{
	return sock_fail(lpErrno, WSAEOPNOTSUPP);
}

int WSPAPI refuse_WSPSendDisconnect(SOCKET s, LPWSABUF lpOutboundDisconnectData, LPINT lpErrno)
{
	return refuse(s, lpErrno);
}

int WSPAPI refuse_WSPSendTo(SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount,
			    LPDWORD lpNumberOfBytesSent, DWORD dwFlags,
			    const struct wsd_sockaddr *lpTo, int iTolen,
			    LPWSAOVERLAPPED lpOverlapped,
			    LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
			    LPWSATHREADID lpThreadId, LPINT lpErrno)
{
	return refuse(s, lpErrno);
}

int WSPAPI refuse_WSPShutdown(SOCKET s, int how, LPINT lpErrno)
{
	return refuse(s, lpErrno);
}

INT WSPAPI refuse_WSPStringToAddress(LPWSTR AddressString, INT AddressFamily,
				     LPWSAPROTOCOL_INFOW lpProtocolInfo, LPSOCKADDR lpAddress,
				     LPINT lpAddressLength, LPINT lpErrno)
{
	return sock_fail(lpErrno, WSAEOPNOTSUPP);
}
