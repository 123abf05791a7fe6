/* SPDX-License-Identifier: MIT */
/*
 * The functions that an application gets by SIO_GET_EXTENSION_FUNCTION_POINTER only; prefixed face
 * only, because programs give these names to their own pointers. Included by api.h alone.
 */
#ifndef WSD_FN
#error "wsdirect: include <wsd/api.h>, not a file of wsd/body"
#endif

/*
 * Connect a bound stream socket and send lpSendBuffer (or NULL), overlapped always. Afterwards
 * SO_UPDATE_CONNECT_CONTEXT makes the names readable. WSA_IO_PENDING started; WSAEINVAL unbound,
 * listening, or connecting; WSAEISCONN; WSA_INVALID_PARAMETER lpOverlapped NULL; the codes of
 * connect. WS-CONNECT-7, WS-NAME-6.
 */
WSD_FN(BOOL, ConnectEx,
       (SOCKET s, const struct WSD_NAME(sockaddr) * name, int namelen, PVOID lpSendBuffer,
	DWORD dwSendDataLength, LPDWORD lpdwBytesSent, LPOVERLAPPED lpOverlapped));

/*
 * Close the connection, with TF_REUSE_SOCKET so that the socket serves AcceptEx or ConnectEx again.
 * WSAEFAULT lpOverlapped bad; WSAEINVAL flags; WSAENOTCONN; WSA_IO_PENDING; the common codes.
 */
WSD_FN(BOOL, DisconnectEx, (SOCKET s, LPOVERLAPPED lpOverlapped, DWORD dwFlags, DWORD dwReserved));

/*
 * As WSARecvFrom, with control data; datagram and raw sockets. WSAEFAULT lpMsg NULL; WSAEINVAL
 * another type.
 */
WSD_FN(INT, WSARecvMsg,
       (SOCKET s, LPWSAMSG lpMsg, LPDWORD lpdwNumberOfBytesRecvd, LPWSAOVERLAPPED lpOverlapped,
	LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine));

/*
 * Send pieces of memory and of files as one stream; nSendSize: bytes a packet, 0 the system's
 * choice. dwFlags: TP_*. What the array points to stays in use until the end. The codes of
 * TransmitFile; stream sockets only.
 */
WSD_FN(BOOL, TransmitPackets,
       (SOCKET hSocket, LPTRANSMIT_PACKETS_ELEMENT lpPacketArray, DWORD nElementCount,
	DWORD nSendSize, LPOVERLAPPED lpOverlapped, DWORD dwFlags));
