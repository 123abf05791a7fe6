/* SPDX-License-Identifier: MIT */
/*
 * The Microsoft extensions that are ordinary functions (winsock.md part 8), written once for both
 * faces. Never included directly, hence without a guard. "The common codes" are those of
 * fn_socket.h. They return TRUE, or FALSE with a code; WSA_IO_PENDING means started.
 */
#ifndef WSD_FN
#error "wsdirect: include <wsd/api.h> or <mswsock.h>, not a file of wsd/body"
#endif

/*
 * Accept into sAcceptSocket (fresh), and with dwReceiveDataLength > 0 wait for its first bytes too.
 * The buffer receives data, then the two names, each with 16 bytes more than its sockaddr; it and
 * lpOverlapped stay in use until the end. Afterwards SO_UPDATE_ACCEPT_CONTEXT makes the names
 * readable. WSA_IO_PENDING started; WSAENOTSOCK either; WSAEINVAL not listening, or sAcceptSocket
 * bound, connected, pending or no stream; WSAEFAULT buffer NULL or lengths short;
 * WSA_INVALID_PARAMETER lpOverlapped NULL; at the end WSA_OPERATION_ABORTED one of the two was
 * closed, WSAECONNRESET; the common codes. WS-ACCEPT-6, 7.
 */
WSD_FN(BOOL, AcceptEx,
       (SOCKET sListenSocket, SOCKET sAcceptSocket, PVOID lpOutputBuffer, DWORD dwReceiveDataLength,
	DWORD dwLocalAddressLength, DWORD dwRemoteAddressLength, LPDWORD lpdwBytesReceived,
	LPOVERLAPPED lpOverlapped));

/* Find the two names in such a buffer, with the same lengths; the pointers point into it. Never
 * fails. */
WSD_FN(void, GetAcceptExSockaddrs,
       (PVOID lpOutputBuffer, DWORD dwReceiveDataLength, DWORD dwLocalAddressLength,
	DWORD dwRemoteAddressLength, struct WSD_NAME(sockaddr) * *LocalSockaddr,
	LPINT LocalSockaddrLength, struct WSD_NAME(sockaddr) * *RemoteSockaddr,
	LPINT RemoteSockaddrLength));

/*
 * Send head, nNumberOfBytesToWrite bytes of a file (0: to its end) from its position, or Offset
 * with lpOverlapped, and tail. hFile is WSD_FILE_HANDLE(fd) or NULL. dwReserved: TF_* flags. The
 * descriptor stays the caller's. WSA_INVALID_HANDLE hFile; WSAENOTCONN; WSAEINVAL flags or length;
 * WSAEFAULT; WSA_IO_PENDING; the codes of send. It waits on a non-blocking socket, too. SW-OPT-4.
 */
WSD_FN(BOOL, TransmitFile,
       (SOCKET hSocket, HANDLE hFile, DWORD nNumberOfBytesToWrite, DWORD nNumberOfBytesPerSend,
	LPOVERLAPPED lpOverlapped, LPTRANSMIT_FILE_BUFFERS lpTransmitBuffers, DWORD dwReserved));

/*
 * recv, returning bytes or SOCKET_ERROR; *flags is in and out: MSG_PARTIAL says that the message
 * goes on. WSAEINVAL flags NULL.
 */
WSD_FN(int, WSARecvEx, (SOCKET s, char *buf, int len, int *flags));
