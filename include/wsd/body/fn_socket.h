/* SPDX-License-Identifier: MIT */
/*
 * Startup, last error, sockets, binding, listening, options (winsock.md parts 1 to 7), written once
 * for both faces: WSD_FN(int, bind, (...)) is wsd_bind in api.h, and bind with the label wsd_bind
 * in winsock2.h. Never included directly, hence without a guard.
 *
 * What holds for every Winsock function of these files unless its own text says otherwise:
 * - Failure is SOCKET_ERROR (or INVALID_SOCKET, NULL, FALSE, as named) and a code for this thread,
 *   read by WSAGetLastError (WS-ERR-1). A failed call changes nothing. A success of a call on a
 * socket sets the code to 0 (WS-ERR-2).
 * - Any thread may call, also several on one socket.
 * - Memory stays the caller's and is not used after return; but an overlapped operation uses its
 *   data buffers and its WSAOVERLAPPED until it ends (the array of WSABUF not even then).
 * - Order of checks: WSANOTINITIALISED no successful WSAStartup, or after the last WSACleanup, or
 * in a child after fork (WS-STARTUP-5, 6); WSAENOTSOCK s is no socket of this process; then
 * pointers and lengths, WSAEFAULT; family; state; address (WS-ERR-3). WSAENETDOWN: the network
 * subsystem failed. WSAEINPROGRESS: called from within a condition function. WSAENOBUFS: out of
 * memory or of a resource. These five are "the common codes" below.
 * - Names are sockaddr of their family; address and port in network byte order. Lengths are bytes.
 */
#ifndef WSD_FN
#error "wsdirect: include <wsd/api.h> or <winsock2.h>, not a file of wsd/body"
#endif

/*
 * Start to use the library; counted, each success wants one WSACleanup. wVersionRequested has the
 * major version in its low byte; above 2.2 gets 2.2. Fills *lpWSAData (the caller's). Returns 0 or
 * the code itself: WSAEFAULT lpWSAData bad; WSAVERNOTSUPPORTED major 0; WSASYSNOTREADY the network
 * is not ready; WSAEPROCLIM too many users; WSAEINPROGRESS. WS-STARTUP-1 to 3.
 */
WSD_FN(int, WSAStartup, (WORD wVersionRequested, LPWSADATA lpWSAData));

/*
 * Take one WSAStartup back. The last one closes every socket of the process; old handles stay
 * invalid. WSANOTINITIALISED one call too many; WSAENETDOWN; WSAEINPROGRESS. WS-STARTUP-3, 4.
 */
WSD_FN(int, WSACleanup, (void));

/* This thread's last code; 0 none. Works at any time and changes nothing. WS-ERR-1. */
WSD_FN(int, WSAGetLastError, (void));
/* Set it. Never fails. WS-ERR-1. */
WSD_FN(void, WSASetLastError, (int iError));

/*
 * A new socket, overlapped, not inherited by exec. type is judged before af. The caller closes it.
 * INVALID_SOCKET: WSAESOCKTNOSUPPORT type; WSAEAFNOSUPPORT af; WSAEPROTONOSUPPORT protocol, or one
 * that does not fit the type; WSAEINVAL af and protocol both 0; WSAEACCES raw without privilege;
 * WSAEMFILE; the common codes (no WSAENOTSOCK). WS-SOCKET-1 to 4.
 */
WSD_FN(SOCKET, socket, (int af, int type, int protocol));

/*
 * The same with a catalogue entry, which FROM_PROTOCOL_INFO in af, type and protocol refers to, or
 * with the hand-over of WSADuplicateSocket (dwProviderReserved). dwFlags: WSA_FLAG_OVERLAPPED,
 * WSA_FLAG_NO_HANDLE_INHERIT. The codes of socket, and WSAEINVAL flags, group or a hand-over
 * already used; WSAEFAULT lpProtocolInfo bad; WSAEPROVIDERFAILEDINIT, WSAEINVALIDPROVIDER,
 * WSAEINVALIDPROCTABLE that provider cannot be used. WS-SOCKET-1.
 */
WSD_FN(SOCKET, WSASocketA,
       (int af, int type, int protocol, LPWSAPROTOCOL_INFOA lpProtocolInfo, GROUP g,
	DWORD dwFlags));
WSD_FN(SOCKET, WSASocketW,
       (int af, int type, int protocol, LPWSAPROTOCOL_INFOW lpProtocolInfo, GROUP g,
	DWORD dwFlags));

/*
 * Close: frees the handle and (but for exclusive names with lingering connections) the name at
 * once; pending operations end with WSA_OPERATION_ABORTED, blocked calls of other threads wake.
 * Unsent data is still delivered unless SO_LINGER is on with 0 seconds; on with more, a blocking
 * socket waits that long. WSAEWOULDBLOCK non-blocking with such a linger; the common codes.
 * WS-CLOSE-1, WS-ACCEPT-5, WS-REUSE-11.
 */
WSD_FN(int, closesocket, (SOCKET s));

/*
 * Give an unbound socket its local name, needed before listen. Address 0 is any; port 0 is picked
 * from the dynamic range. namelen may exceed the structure, to 128. WSAEFAULT name NULL or
 * unreadable, namelen short, or another family; WSAEINVAL already bound, connected or shut down;
 * WSAEADDRNOTAVAIL no address of this host; WSAEADDRINUSE taken (table of WS-REUSE); WSAEACCES held
 * exclusively, a broadcast address without SO_BROADCAST, or a port this user may not have;
 * WSAENAMETOOLONG, WSAELOOP AF_UNIX paths; WSAENOBUFS also: the dynamic range is used up; the
 * common codes. WS-BIND-1 to 11, WS-PORT-1 to 7, WS-REUSE-1 to 13.
 */
WSD_FN(int, bind, (SOCKET s, const struct WSD_NAME(sockaddr) * name, int namelen));

/*
 * The local name; *namelen is room in, size out. WSAEINVAL unbound; WSAEFAULT NULL, or too little
 * room (nothing is written); the common codes. WS-NAME-1 to 4, 6.
 */
WSD_FN(int, getsockname, (SOCKET s, struct WSD_NAME(sockaddr) * name, int *namelen));

/* The peer's name, likewise. WSAENOTCONN is judged before WSAEFAULT. WS-NAME-5, 6, WS-ERR-3. */
WSD_FN(int, getpeername, (SOCKET s, struct WSD_NAME(sockaddr) * name, int *namelen));

/*
 * Listen with room for backlog requests (SOMAXCONN: a reasonable maximum; SOMAXCONN_HINT(n); other
 * values become the nearest good one). Again: 0, nothing changes. WSAEOPNOTSUPP not a stream;
 * WSAEINVAL unbound; WSAEISCONN connected; WSAEADDRINUSE a conflict put off at bind; WSAEMFILE; the
 * common codes. WS-LISTEN-1 to 6.
 */
WSD_FN(int, listen, (SOCKET s, int backlog));

/*
 * Set an option of optlen bytes; booleans are DWORDs, time-outs are DWORDs in milliseconds.
 * SO_REUSEADDR and SO_EXCLUSIVEADDRUSE exclude each other and count only before bind. WSAEFAULT
 * optval NULL or short; WSAEINVAL level, value, or the other of the two is set; WSAENOPROTOOPT
 * option unknown, read-only, or not for this kind of socket; WSAENETRESET, WSAENOTCONN the
 * connection has gone; the common codes. WS-REUSE-1, 7, 12, WS-PORT-5, WS-LISTEN-5.
 */
WSD_FN(int, setsockopt, (SOCKET s, int level, int optname, const char *optval, int optlen));

/*
 * Read an option; *optlen is room in, size out. Shows the application's own values.
 * WSAEFAULT NULL or too little room; WSAEINVAL level; WSAENOPROTOOPT option; the common codes.
 * WS-NAME-7, WS-CONNECT-8, WS-ACCEPT-7.
 */
WSD_FN(int, getsockopt, (SOCKET s, int level, int optname, char *optval, int *optlen));

/*
 * FIONBIO (*argp non-zero: non-blocking), FIONREAD (bytes readable), SIOCATMARK (TRUE: no urgent
 * byte ahead). WSAEFAULT argp bad; WSAEINVAL another command, or blocking mode while event
 * selection is on; the common codes. WS-DATA-4.
 */
WSD_FN(int, ioctlsocket, (SOCKET s, LONG cmd, ULONG *argp));

/*
 * A control code with input and output buffer; lpcbBytesReturned counts bytes stored, or needed
 * with WSAEFAULT. SIO_GET_EXTENSION_FUNCTION_POINTER (a GUID of mswsock.h), SIO_ADDRESS_LIST_QUERY
 * (pointers into the caller's buffer), SIO_KEEPALIVE_VALS, and FIONBIO, FIONREAD, SIOCATMARK.
 * Overlapped or not. WSAEFAULT a buffer bad or short; WSAEINVAL unknown GUID or argument;
 * WSAEOPNOTSUPP unknown code; WSA_IO_PENDING started; WSAEWOULDBLOCK non-blocking and no answer
 * yet; the common codes. WS-NAME-8.
 */
WSD_FN(int, WSAIoctl,
       (SOCKET s, DWORD dwIoControlCode, LPVOID lpvInBuffer, DWORD cbInBuffer, LPVOID lpvOutBuffer,
	DWORD cbOutBuffer, LPDWORD lpcbBytesReturned, LPWSAOVERLAPPED lpOverlapped,
	LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine));

/*
 * The protocols of the catalogue, hidden ones left out, those in lpiProtocols (0-terminated) or all
 * for NULL. *lpdwBufferLength is bytes of room in, needed out. Returns their number. WSAENOBUFS too
 * little room (the size needed is stored); WSAEFAULT NULL; WSAENETDOWN; WSANOTINITIALISED.
 */
WSD_FN(int, WSAEnumProtocolsA,
       (LPINT lpiProtocols, LPWSAPROTOCOL_INFOA lpProtocolBuffer, LPDWORD lpdwBufferLength));
WSD_FN(int, WSAEnumProtocolsW,
       (LPINT lpiProtocols, LPWSAPROTOCOL_INFOW lpProtocolBuffer, LPDWORD lpdwBufferLength));

/*
 * Tell when the catalogue changes. *lpNotificationHandle NULL: makes a handle (close it with
 * CloseHandle); else waits for, or with lpOverlapped asks for, the next change. WSAEFAULT NULL;
 * WSAEINVAL a completion routine without lpOverlapped; WSA_INVALID_HANDLE a handle that is none;
 * WSA_IO_PENDING; WSANOTINITIALISED; WSAEOPNOTSUPP.
 */
WSD_FN(int, WSAProviderConfigChange,
       (LPHANDLE lpNotificationHandle, LPWSAOVERLAPPED lpOverlapped,
	LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine));

/*
 * Describe s so that process dwProcessId can take it over, once, by WSASocket. Both then share one
 * connection; each closes its own.
 * WSAEFAULT lpProtocolInfo bad; WSAEINVAL dwProcessId is no process, or the state of the socket;
 * WSAEMFILE; the common codes. PROV-DUP.
 */
WSD_FN(int, WSADuplicateSocketA, (SOCKET s, DWORD dwProcessId, LPWSAPROTOCOL_INFOA lpProtocolInfo));
WSD_FN(int, WSADuplicateSocketW, (SOCKET s, DWORD dwProcessId, LPWSAPROTOCOL_INFOW lpProtocolInfo));
