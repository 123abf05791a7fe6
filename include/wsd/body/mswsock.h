/* SPDX-License-Identifier: MIT */
/*
 * Pointer types and GUIDs of the Microsoft extensions, written once for both faces. Never included
 * directly, hence without a guard. Each pointer's contract is that of its function in fn_mswsock.h,
 * fn_extension.h, fn_data.h or fn_event.h.
 */
#ifndef WSD_NAME
#error "wsdirect: include <wsd/abi.h> or <mswsock.h>, not a file of wsd/body"
#endif

/* clang-format off */
#define WSAID_TRANSMITFILE \
	{0xb5367df0, 0xcbac, 0x11cf, {0x95, 0xca, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92}}
#define WSAID_TRANSMITPACKETS \
	{0xd9689da0, 0x1f90, 0x11d3, {0x99, 0x71, 0x00, 0xc0, 0x4f, 0x68, 0xc8, 0x76}}
#define WSAID_ACCEPTEX \
	{0xb5367df1, 0xcbac, 0x11cf, {0x95, 0xca, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92}}
#define WSAID_GETACCEPTEXSOCKADDRS \
	{0xb5367df2, 0xcbac, 0x11cf, {0x95, 0xca, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92}}
#define WSAID_CONNECTEX \
	{0x25a207b9, 0xddf3, 0x4660, {0x8e, 0xe9, 0x76, 0xe5, 0x8c, 0x74, 0x06, 0x3e}}
#define WSAID_DISCONNECTEX \
	{0x7fda2e11, 0x8630, 0x436f, {0xa0, 0x31, 0xf5, 0x36, 0xa6, 0xee, 0xc1, 0x57}}
#define WSAID_WSARECVMSG \
	{0xf689d7c8, 0x6f1f, 0x436b, {0x8a, 0x53, 0xe5, 0x4f, 0xe3, 0x51, 0xc3, 0x22}}
#define WSAID_WSASENDMSG \
	{0xa441e712, 0x754f, 0x43ca, {0x84, 0xa7, 0x0d, 0xee, 0x44, 0xcf, 0x60, 0x6d}}
#define WSAID_WSAPOLL \
	{0x18c76f85, 0xdc66, 0x4964, {0x97, 0x2e, 0x23, 0xc2, 0x72, 0x38, 0x31, 0x2b}}
/* clang-format on */

/*
 * TransmitFile's hFile is made of an open file descriptor: tagged, so that it is never mistaken for
 * the address of an event.
 */
#define WSD_FILE_HANDLE(fd) ((HANDLE)(((uintptr_t)(unsigned int)(fd) << 4) | 0xf))
#define WSD_FILE_HANDLE_VALID(handle) \
	(((uintptr_t)(handle)&0xf) == 0xf && (uintptr_t)(handle) >> 4 <= 0x7fffffff)
#define WSD_FILE_HANDLE_FD(handle) ((int)((uintptr_t)(handle) >> 4))

typedef BOOL(PASCAL *LPFN_ACCEPTEX)(SOCKET sListenSocket, SOCKET sAcceptSocket,
				    PVOID lpOutputBuffer, DWORD dwReceiveDataLength,
				    DWORD dwLocalAddressLength, DWORD dwRemoteAddressLength,
				    LPDWORD lpdwBytesReceived, LPOVERLAPPED lpOverlapped);

typedef void(PASCAL *LPFN_GETACCEPTEXSOCKADDRS)(PVOID lpOutputBuffer, DWORD dwReceiveDataLength,
						DWORD dwLocalAddressLength,
						DWORD dwRemoteAddressLength,
						struct WSD_NAME(sockaddr) * *LocalSockaddr,
						LPINT LocalSockaddrLength,
						struct WSD_NAME(sockaddr) * *RemoteSockaddr,
						LPINT RemoteSockaddrLength);

typedef BOOL(PASCAL *LPFN_CONNECTEX)(SOCKET s, const struct WSD_NAME(sockaddr) * name, int namelen,
				     PVOID lpSendBuffer, DWORD dwSendDataLength,
				     LPDWORD lpdwBytesSent, LPOVERLAPPED lpOverlapped);

typedef BOOL(PASCAL *LPFN_DISCONNECTEX)(SOCKET s, LPOVERLAPPED lpOverlapped, DWORD dwFlags,
					DWORD dwReserved);

typedef BOOL(PASCAL *LPFN_TRANSMITFILE)(SOCKET hSocket, HANDLE hFile, DWORD nNumberOfBytesToWrite,
					DWORD nNumberOfBytesPerSend, LPOVERLAPPED lpOverlapped,
					LPTRANSMIT_FILE_BUFFERS lpTransmitBuffers,
					DWORD dwReserved);

typedef BOOL(PASCAL *LPFN_TRANSMITPACKETS)(SOCKET hSocket, LPTRANSMIT_PACKETS_ELEMENT lpPacketArray,
					   DWORD nElementCount, DWORD nSendSize,
					   LPOVERLAPPED lpOverlapped, DWORD dwFlags);

typedef INT(PASCAL *LPFN_WSARECVMSG)(SOCKET s, LPWSAMSG lpMsg, LPDWORD lpdwNumberOfBytesRecvd,
				     LPWSAOVERLAPPED lpOverlapped,
				     LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine);

typedef INT(PASCAL *LPFN_WSASENDMSG)(SOCKET s, LPWSAMSG lpMsg, DWORD dwFlags,
				     LPDWORD lpNumberOfBytesSent, LPWSAOVERLAPPED lpOverlapped,
				     LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine);

typedef INT(WSAAPI *LPFN_WSAPOLL)(LPWSAPOLLFD fdArray, ULONG fds, INT timeout);
