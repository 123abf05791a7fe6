/* SPDX-License-Identifier: MIT
 *
 * What the switch must never call on a SAN provider [SW-INIT-5]: in a debug build such a call is
 * logged and ends the process, else it answers WSAEOPNOTSUPP. No state, no locks.
 */
#include "provider.h"

#include "log.h"

#include <stdlib.h>
#include <wsd/abi.h>

static int trapped(const char *call, int *error)
{
	wsd_log(WSD_LOG_ERROR,
		"the switch called %s of a SAN provider, which it never may "
		"[SW-INIT-5]",
		call);
#if WSD_DEBUG_TRAPS
	abort();
#else
	if (error)
		*error = WSAEOPNOTSUPP;
	return SOCKET_ERROR;
#endif
}

#define UNPACK(...) __VA_ARGS__
#define TRAP(type, call, params)                      \
	static type trap_##call params                \
	{                                             \
		return (type)trapped(#call, lpErrno); \
	}

TRAP(INT, WSPAddressToString,
     (LPSOCKADDR lpsaAddress, DWORD dwAddressLength, LPWSAPROTOCOL_INFOW lpProtocolInfo,
      LPWSTR lpszAddressString, LPDWORD lpdwAddressStringLength, LPINT lpErrno))
TRAP(int, WSPAsyncSelect, (SOCKET s, HWND hWnd, unsigned int wMsg, LONG lEvent, LPINT lpErrno))
TRAP(int, WSPCancelBlockingCall, (LPINT lpErrno))
TRAP(int, WSPGetPeerName, (SOCKET s, struct wsd_sockaddr *name, LPINT namelen, LPINT lpErrno))
TRAP(int, WSPGetSockName, (SOCKET s, struct wsd_sockaddr *name, LPINT namelen, LPINT lpErrno))
TRAP(SOCKET, WSPJoinLeaf,
     (SOCKET s, const struct wsd_sockaddr *name, int namelen, LPWSABUF lpCallerData,
      LPWSABUF lpCalleeData, LPQOS lpSQOS, LPQOS lpGQOS, DWORD dwFlags, LPINT lpErrno))
TRAP(int, WSPRecvDisconnect, (SOCKET s, LPWSABUF lpInboundDisconnectData, LPINT lpErrno))
TRAP(int, WSPRecvFrom,
     (SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount, LPDWORD lpNumberOfBytesRecvd,
      LPDWORD lpFlags, struct wsd_sockaddr *lpFrom, LPINT lpFromlen, LPWSAOVERLAPPED lpOverlapped,
      LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine, LPWSATHREADID lpThreadId,
      LPINT lpErrno))
TRAP(int, WSPSelect,
     (int nfds, struct wsd_fd_set *readfds, struct wsd_fd_set *writefds,
      struct wsd_fd_set *exceptfds, const struct timeval *timeout, LPINT lpErrno))
TRAP(int, WSPSendDisconnect, (SOCKET s, LPWSABUF lpOutboundDisconnectData, LPINT lpErrno))
TRAP(int, WSPSendTo,
     (SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount, LPDWORD lpNumberOfBytesSent, DWORD dwFlags,
      const struct wsd_sockaddr *lpTo, int iTolen, LPWSAOVERLAPPED lpOverlapped,
      LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine, LPWSATHREADID lpThreadId,
      LPINT lpErrno))
TRAP(int, WSPShutdown, (SOCKET s, int how, LPINT lpErrno))
TRAP(INT, WSPStringToAddress,
     (LPWSTR AddressString, INT AddressFamily, LPWSAPROTOCOL_INFOW lpProtocolInfo,
      LPSOCKADDR lpAddress, LPINT lpAddressLength, LPINT lpErrno))

void san_provider_trap(WSPPROC_TABLE *t)
{
	t->lpWSPAddressToString = trap_WSPAddressToString;
	t->lpWSPAsyncSelect = trap_WSPAsyncSelect;
	t->lpWSPCancelBlockingCall = trap_WSPCancelBlockingCall;
	t->lpWSPGetPeerName = trap_WSPGetPeerName;
	t->lpWSPGetSockName = trap_WSPGetSockName;
	t->lpWSPJoinLeaf = trap_WSPJoinLeaf;
	t->lpWSPRecvDisconnect = trap_WSPRecvDisconnect;
	t->lpWSPRecvFrom = trap_WSPRecvFrom;
	t->lpWSPSelect = trap_WSPSelect;
	t->lpWSPSendDisconnect = trap_WSPSendDisconnect;
	t->lpWSPSendTo = trap_WSPSendTo;
	t->lpWSPShutdown = trap_WSPShutdown;
	t->lpWSPStringToAddress = trap_WSPStringToAddress;
}
