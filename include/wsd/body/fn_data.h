/* SPDX-License-Identifier: MIT */
/*
 * Moving data (winsock.md part 10), written once for both faces. Never included directly, hence
 * without a guard. "The common codes" are those of fn_socket.h; "the connection's codes":
 * WSAENOTCONN not connected; WSAESHUTDOWN this direction is shut down; WSAECONNRESET the peer
 * dropped it; WSAECONNABORTED this host dropped it; WSAENETRESET keep-alive; WSAETIMEDOUT the peer
 * is gone, or SO_RCVTIMEO or SO_SNDTIMEO ran out. No call raises SIGPIPE (WS-DATA-1).
 *
 * The WSA forms without lpOverlapped behave as the short ones. With it they return 0 (done), or
 * SOCKET_ERROR and WSA_IO_PENDING (started; hEvent is set at the end, WSAGetOverlappedResult
 * tells), or another code (not started). WSA_OPERATION_ABORTED: ended by closesocket. Completion
 * routines are refused: WSAEOPNOTSUPP.
 */
#ifndef WSD_FN
#error "wsdirect: include <wsd/api.h> or <winsock2.h>, not a file of wsd/body"
#endif

/*
 * Send len bytes; flags MSG_OOB, MSG_DONTROUTE. A blocking stream takes all of them, a non-blocking
 * one all or nothing. Returns bytes. WSAEWOULDBLOCK; WSAEMSGSIZE datagram too long; WSAEOPNOTSUPP
 * flags; WSAEINTR closed meanwhile; WSAEFAULT; the connection's codes; the common codes. WS-DATA-1
 * to 4.
 */
WSD_FN(int, send, (SOCKET s, const char *buf, int len, int flags));

/*
 * As send, to a name; on a stream the name is ignored. Binds an unbound datagram socket.
 * WSAEDESTADDRREQ no name; WSAEACCES broadcast without SO_BROADCAST; WSAEADDRNOTAVAIL,
 * WSAEAFNOSUPPORT, WSAENETUNREACH, WSAEHOSTUNREACH the name. WS-BIND-7.
 */
WSD_FN(int, sendto,
       (SOCKET s, const char *buf, int len, int flags, const struct WSD_NAME(sockaddr) * to,
	int tolen));

/*
 * Receive at most len bytes; flags MSG_PEEK, MSG_OOB, MSG_WAITALL. Returns bytes, 0 at the end of a
 * stream. WSAEWOULDBLOCK; WSAEINVAL unbound, or MSG_OOB without an urgent byte; WSAEMSGSIZE the
 * datagram was longer (the buffer is full, the rest lost); WSAEOPNOTSUPP flags; WSAEINTR closed
 * meanwhile; WSAEFAULT; the connection's codes; the common codes. WS-BIND-8, WS-DATA-1, 2, 4.
 */
WSD_FN(int, recv, (SOCKET s, char *buf, int len, int flags));

/*
 * As recv, with the sender's name (from and fromlen may be NULL; *fromlen is room in, size out).
 */
WSD_FN(int, recvfrom,
       (SOCKET s, char *buf, int len, int flags, struct WSD_NAME(sockaddr) * from, int *fromlen));

/*
 * Send from dwBufferCount buffers. lpNumberOfBytesSent (bytes) may be NULL with lpOverlapped. The
 * codes of send; WSAEFAULT lpBuffers NULL, or lpNumberOfBytesSent NULL without lpOverlapped.
 */
WSD_FN(int, WSASend,
       (SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount, LPDWORD lpNumberOfBytesSent,
	DWORD dwFlags, LPWSAOVERLAPPED lpOverlapped,
	LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine));

/* As WSASend, to a name. The codes of sendto. */
WSD_FN(int, WSASendTo,
       (SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount, LPDWORD lpNumberOfBytesSent,
	DWORD dwFlags, const struct WSD_NAME(sockaddr) * lpTo, int iTolen,
	LPWSAOVERLAPPED lpOverlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine));

/*
 * As WSASendTo, with control data; datagram and raw sockets. WSAEFAULT lpMsg NULL; WSAEINVAL
 * another type. WS-BIND-7.
 */
WSD_FN(int, WSASendMsg,
       (SOCKET s, LPWSAMSG lpMsg, DWORD dwFlags, LPDWORD lpNumberOfBytesSent,
	LPWSAOVERLAPPED lpOverlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine));

/*
 * Receive into dwBufferCount buffers; *lpFlags is in, and out when the call is done at once.
 * The codes of recv; WSAEFAULT lpBuffers or lpFlags NULL.
 */
WSD_FN(int, WSARecv,
       (SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount, LPDWORD lpNumberOfBytesRecvd,
	LPDWORD lpFlags, LPWSAOVERLAPPED lpOverlapped,
	LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine));

/*
 * As WSARecv, with the sender's name; lpFrom and lpFromlen must outlive an overlapped call.
 */
WSD_FN(int, WSARecvFrom,
       (SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount, LPDWORD lpNumberOfBytesRecvd,
	LPDWORD lpFlags, struct WSD_NAME(sockaddr) * lpFrom, LPINT lpFromlen,
	LPWSAOVERLAPPED lpOverlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine));

/*
 * The result of an overlapped operation: TRUE with bytes and flags. FALSE: WSA_IO_INCOMPLETE
 * running and no fWait; WSA_INVALID_HANDLE fWait without an event; WSAEFAULT NULL; else the
 * operation's own code; the common codes.
 */
WSD_FN(BOOL, WSAGetOverlappedResult,
       (SOCKET s, LPWSAOVERLAPPED lpOverlapped, LPDWORD lpcbTransfer, BOOL fWait,
	LPDWORD lpdwFlags));
