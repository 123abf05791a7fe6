/* SPDX-License-Identifier: MIT
 *
 * The functions that stand in the procedure table and behind the extension GUIDs. prov_: what the
 * provider does. refuse_: what it answers to a call that is not built yet, or that a switch never
 * makes (provider.md part 1); a slot is never NULL.
 */
#ifndef WSD_PROVIDER_WSP_H
#define WSD_PROVIDER_WSP_H

#include <wsd/abi.h>

int WSPAPI prov_WSPCleanup(LPINT lpErrno);
SOCKET WSPAPI prov_WSPSocket(int af, int type, int protocol, LPWSAPROTOCOL_INFOW lpProtocolInfo,
			     GROUP g, DWORD dwFlags, LPINT lpErrno);
int WSPAPI prov_WSPBind(SOCKET s, const struct wsd_sockaddr *name, int namelen, LPINT lpErrno);
int WSPAPI prov_WSPListen(SOCKET s, int backlog, LPINT lpErrno);
SOCKET WSPAPI prov_WSPAccept(SOCKET s, struct wsd_sockaddr *addr, LPINT addrlen,
			     LPCONDITIONPROC lpfnCondition, DWORD_PTR dwCallbackData,
			     LPINT lpErrno);
int WSPAPI prov_WSPConnect(SOCKET s, const struct wsd_sockaddr *name, int namelen,
			   LPWSABUF lpCallerData, LPWSABUF lpCalleeData, LPQOS lpSQOS, LPQOS lpGQOS,
			   LPINT lpErrno);
int WSPAPI prov_WSPCloseSocket(SOCKET s, LPINT lpErrno);
int WSPAPI prov_WSPEventSelect(SOCKET s, WSAEVENT hEventObject, LONG lNetworkEvents, LPINT lpErrno);
int WSPAPI prov_WSPEnumNetworkEvents(SOCKET s, WSAEVENT hEventObject,
				     LPWSANETWORKEVENTS lpNetworkEvents, LPINT lpErrno);
int WSPAPI prov_WSPGetSockOpt(SOCKET s, int level, int optname, char *optval, LPINT optlen,
			      LPINT lpErrno);
int WSPAPI prov_WSPSetSockOpt(SOCKET s, int level, int optname, const char *optval, int optlen,
			      LPINT lpErrno);
BOOL WSPAPI prov_WSPGetQOSByName(SOCKET s, LPWSABUF lpQOSName, LPQOS lpQOS, LPINT lpErrno);
int WSPAPI prov_WSPIoctl(SOCKET s, DWORD dwIoControlCode, LPVOID lpvInBuffer, DWORD cbInBuffer,
			 LPVOID lpvOutBuffer, DWORD cbOutBuffer, LPDWORD lpcbBytesReturned,
			 LPWSAOVERLAPPED lpOverlapped,
			 LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
			 LPWSATHREADID lpThreadId, LPINT lpErrno);

/* Data and memory: transfer.c, overlapped.c, memory.c, regcache.c, rdma.c, attend.c. */
BOOL WSPAPI prov_WSPGetOverlappedResult(SOCKET s, LPWSAOVERLAPPED lpOverlapped,
					LPDWORD lpcbTransfer, BOOL fWait, LPDWORD lpdwFlags,
					LPINT lpErrno);
int WSPAPI prov_WSPSend(SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount,
			LPDWORD lpNumberOfBytesSent, DWORD dwFlags, LPWSAOVERLAPPED lpOverlapped,
			LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
			LPWSATHREADID lpThreadId, LPINT lpErrno);
int WSPAPI prov_WSPRecv(SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount,
			LPDWORD lpNumberOfBytesRecvd, LPDWORD lpFlags, LPWSAOVERLAPPED lpOverlapped,
			LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
			LPWSATHREADID lpThreadId, LPINT lpErrno);
HANDLE WSPAPI prov_WSPRegisterMemory(SOCKET s, PVOID lpBuffer, DWORD dwBufferLength, DWORD dwFlags,
				     LPINT lpErrno);
int WSPAPI prov_WSPDeregisterMemory(SOCKET s, HANDLE Handle, LPINT lpErrno);
int WSPAPI prov_WSPRegisterRdmaMemory(SOCKET s, PVOID lpBuffer, DWORD dwBufferLength, DWORD dwFlags,
				      LPVOID lpRdmaBufferDescriptor, LPDWORD lpdwDescriptorLength,
				      LPINT lpErrno);
int WSPAPI prov_WSPDeregisterRdmaMemory(SOCKET s, LPVOID lpRdmaBufferDescriptor,
					DWORD dwDescriptorLength, LPINT lpErrno);
int WSPAPI prov_WSPRdmaWrite(SOCKET s, LPWSABUFEX lpBuffers, DWORD dwBufferCount,
			     LPVOID lpTargetBufferDescriptor, DWORD dwTargetDescriptorLength,
			     DWORD dwTargetBufferOffset, LPDWORD lpdwNumberOfBytesWritten,
			     DWORD dwFlags, LPWSAOVERLAPPED lpOverlapped,
			     LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
			     LPWSATHREADID lpThreadId, LPINT lpErrno);
int WSPAPI prov_WSPRdmaRead(SOCKET s, LPWSABUFEX lpBuffers, DWORD dwBufferCount,
			    LPVOID lpTargetBufferDescriptor, DWORD dwTargetDescriptorLength,
			    DWORD dwTargetBufferOffset, LPDWORD lpdwNumberOfBytesRead,
			    DWORD dwFlags, LPWSAOVERLAPPED lpOverlapped,
			    LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
			    LPWSATHREADID lpThreadId, LPINT lpErrno);
int WSPAPI prov_WSPMemoryRegistrationCacheCallback(LPVOID lpvAddress, SIZE_T Size, LPINT lpErrno);
int WSPAPI prov_WSPAttend(SOCKET s, BOOL fAttend, int *lpFd, LPINT lpErrno);
int WSPAPI prov_WSDServe(DWORD dwCommand, int *lpFd, LPINT lpErrno);

/* Issue B. */
int WSPAPI refuse_WSPDuplicateSocket(SOCKET s, DWORD dwProcessId,
				     LPWSAPROTOCOL_INFOW lpProtocolInfo, LPINT lpErrno);

/* Never called by a switch [SW-INIT-5]. */
INT WSPAPI refuse_WSPAddressToString(LPSOCKADDR lpsaAddress, DWORD dwAddressLength,
				     LPWSAPROTOCOL_INFOW lpProtocolInfo, LPWSTR lpszAddressString,
				     LPDWORD lpdwAddressStringLength, LPINT lpErrno);
int WSPAPI refuse_WSPAsyncSelect(SOCKET s, HWND hWnd, unsigned int wMsg, LONG lEvent,
				 LPINT lpErrno);
int WSPAPI refuse_WSPCancelBlockingCall(LPINT lpErrno);
int WSPAPI refuse_WSPGetPeerName(SOCKET s, struct wsd_sockaddr *name, LPINT namelen, LPINT lpErrno);
int WSPAPI refuse_WSPGetSockName(SOCKET s, struct wsd_sockaddr *name, LPINT namelen, LPINT lpErrno);
SOCKET WSPAPI refuse_WSPJoinLeaf(SOCKET s, const struct wsd_sockaddr *name, int namelen,
				 LPWSABUF lpCallerData, LPWSABUF lpCalleeData, LPQOS lpSQOS,
				 LPQOS lpGQOS, DWORD dwFlags, LPINT lpErrno);
int WSPAPI refuse_WSPRecvDisconnect(SOCKET s, LPWSABUF lpInboundDisconnectData, LPINT lpErrno);
int WSPAPI refuse_WSPRecvFrom(SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount,
			      LPDWORD lpNumberOfBytesRecvd, LPDWORD lpFlags,
			      struct wsd_sockaddr *lpFrom, LPINT lpFromlen,
			      LPWSAOVERLAPPED lpOverlapped,
			      LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
			      LPWSATHREADID lpThreadId, LPINT lpErrno);
int WSPAPI refuse_WSPSelect(int nfds, struct wsd_fd_set *readfds, struct wsd_fd_set *writefds,
			    struct wsd_fd_set *exceptfds, const struct timeval *timeout,
			    LPINT lpErrno);
int WSPAPI refuse_WSPSendDisconnect(SOCKET s, LPWSABUF lpOutboundDisconnectData, LPINT lpErrno);
int WSPAPI refuse_WSPSendTo(SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount,
			    LPDWORD lpNumberOfBytesSent, DWORD dwFlags,
			    const struct wsd_sockaddr *lpTo, int iTolen,
			    LPWSAOVERLAPPED lpOverlapped,
			    LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
			    LPWSATHREADID lpThreadId, LPINT lpErrno);
int WSPAPI refuse_WSPShutdown(SOCKET s, int how, LPINT lpErrno);
INT WSPAPI refuse_WSPStringToAddress(LPWSTR AddressString, INT AddressFamily,
				     LPWSAPROTOCOL_INFOW lpProtocolInfo, LPSOCKADDR lpAddress,
				     LPINT lpAddressLength, LPINT lpErrno);

#endif
