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
 * memory or of a resource. These five are "the common codes" below: what a call may answer.
 * WSAENETDOWN comes from a fault setting (wsd(7)) or a call of libc's that fails, WSAEINPROGRESS
 * from bind, listen, the calls that connect and accept, and closesocket.
 * - "Not built yet: WSAEOPNOTSUPP" says that the call answers this to whatever it is given, after
 *   WSANOTINITIALISED and, where it takes a socket, WSAENOTSOCK, and changes nothing. What its
 *   contract says otherwise is what it is to do.
 * - Names are sockaddr of their family; address and port in network byte order. Lengths are bytes.
 */
#ifndef WSD_FN
#error "wsdirect: include <wsd/api.h> or <winsock2.h>, not a file of wsd/body"
#endif

/*
 * Start to use the library; counted, each success wants one WSACleanup. wVersionRequested has the
 * major version in its low byte; the highest of 1.0, 1.1, 2.0, 2.1, 2.2 that is not above it is
 * used. Fills *lpWSAData (the caller's). Returns 0 or the code itself, which is no last error:
 * WSAVERNOTSUPPORTED major 0, judged first; WSAEFAULT lpWSAData NULL or not writable;
 * WSASYSNOTREADY the configuration, the TCP/IP provider or the book of names cannot be had;
 * WSAEPROCLIM more start-ups than limit.startups (wsd(7)) allows. WS-STARTUP-1 to 3.
 */
WSD_FN(int, WSAStartup, (WORD wVersionRequested, LPWSADATA lpWSAData));

/*
 * Take one WSAStartup back. The last one closes every socket of the process; old handles stay
 * invalid. Waits for calls of other threads to come back. WSANOTINITIALISED one call too many.
 * WS-STARTUP-3, 4.
 */
WSD_FN(int, WSACleanup, (void));

/* This thread's last code; 0 none. Works at any time and changes nothing. WS-ERR-1. */
WSD_FN(int, WSAGetLastError, (void));
/* Set it. Never fails. WS-ERR-1. */
WSD_FN(void, WSASetLastError, (int iError));

/*
 * A new socket, overlapped, not inherited by exec. type is judged before af, then protocol; type 0
 * and protocol 0 are what fits, af 0 with a protocol is AF_INET. The caller closes it.
 * INVALID_SOCKET: WSAESOCKTNOSUPPORT type; WSAEAFNOSUPPORT af; WSAEPROTONOSUPPORT protocol, or one
 * that does not fit the type; WSAEINVAL af and protocol both 0; WSAEACCES raw without privilege;
 * WSAEMFILE the process has no descriptor left; WSASYSCALLFAILURE an errno of the kernel's that no
 * row of errmap.c expects; the common codes (no WSAENOTSOCK). WS-SOCKET-1 to 4.
 */
WSD_FN(SOCKET, socket, (int af, int type, int protocol));

/*
 * The same with a catalogue entry, whose values FROM_PROTOCOL_INFO in af, type and protocol stands
 * for; its provider is not chosen by it: whether a SAN serves the socket is the switch's affair.
 * dwFlags: WSA_FLAG_OVERLAPPED (in any case), WSA_FLAG_NO_HANDLE_INHERIT (likewise), for datagrams
 * also WSA_FLAG_MULTIPOINT_C_LEAF and _D_LEAF. The codes of socket, and WSAEINVAL flags, group;
 * WSAEFAULT lpProtocolInfo unreadable. dwProviderReserved not 0, the hand-over of
 * WSADuplicateSocket, is not built yet: WSAEOPNOTSUPP. WS-SOCKET-1.
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
 * socket waits that long, and then drops what is left; a non-blocking one fails with WSAEWOULDBLOCK
 * while bytes are unsent. The common codes. WS-CLOSE-1, WS-ACCEPT-5, WS-REUSE-11.
 */
WSD_FN(int, closesocket, (SOCKET s));

/*
 * Give an unbound socket its local name, needed before listen. Address 0 is any; port 0 is picked
 * from the dynamic range. namelen may exceed the structure, to 128. WSAEFAULT name NULL or
 * unreadable, namelen short or above 128, or another family (with "profile = observed", wsd(7),
 * that is WSAEAFNOSUPPORT); WSAEINVAL already bound, connected or shut down; WSAEADDRNOTAVAIL no
 * address of this host, a multicast one, a stream's broadcast address, a mapped IPv4 address with
 * IPV6_V6ONLY, an unknown scope, an empty AF_UNIX path or one without its directory; WSAEADDRINUSE
 * taken (table of WS-REUSE), also by a program that is not ours; WSAEACCES held exclusively, a
 * datagram socket's broadcast address without SO_BROADCAST, a port or AF_UNIX path this user may
 * not have, a raw socket of TCP; WSAENAMETOOLONG, WSAELOOP AF_UNIX paths; WSAENOBUFS also: the
 * dynamic range is used up, limit.sockets (wsd(7)) is reached, the book of names cannot be asked,
 * no room for an AF_UNIX path's file; WSAEMFILE no descriptor to try a link-local address with;
 * WSASYSCALLFAILURE AF_UNIX path: input or output failed (EIO), or an errno of the kernel's that no
 * row of errmap.c expects; the common codes. WS-BIND-1 to 11, WS-PORT-1 to 7, WS-REUSE-1 to 13.
 */
WSD_FN(int, bind, (SOCKET s, const struct WSD_NAME(sockaddr) * name, int namelen));

/*
 * The local name; *namelen is room in, size out. WSAEFAULT NULL, unreadable, or too little room
 * (nothing is written), judged before WSAEINVAL unbound; the common codes. WS-NAME-1 to 4, 6.
 */
WSD_FN(int, getsockname, (SOCKET s, struct WSD_NAME(sockaddr) * name, int *namelen));

/* The peer's name, likewise; of a non-blocking connect under way, too. WSAENOTCONN is judged before
 * WSAEFAULT. WS-NAME-5, 6, WS-ERR-3. */
WSD_FN(int, getpeername, (SOCKET s, struct WSD_NAME(sockaddr) * name, int *namelen));

/*
 * Listen with room for backlog requests (SOMAXCONN: a reasonable maximum; SOMAXCONN_HINT(n); other
 * values become the nearest good one). Again: 0, nothing changes. A SAN that fails does not make it
 * fail: TCP/IP goes on. WSAEOPNOTSUPP not a stream, judged before WSAEINVAL unbound; WSAEISCONN
 * connected (to come); WSAEADDRINUSE a conflict put off at bind; WSAEMFILE; where the kernel's bind
 * was put off, its codes; WSASYSCALLFAILURE as bind; the common codes. WS-LISTEN-1 to 6.
 */
WSD_FN(int, listen, (SOCKET s, int backlog));

/*
 * Set an option of optlen bytes; booleans are DWORDs (level SOL_SOCKET takes any length, none is
 * FALSE), time-outs are DWORDs in milliseconds. SO_REUSEADDR and SO_EXCLUSIVEADDRUSE exclude each
 * other and count only before bind. SO_OPENTYPE takes any s. Level and option are judged before the
 * pointer. WSAEINVAL level, value, the other of the two is set, or IPV6_V6ONLY after bind;
 * WSAENOPROTOOPT option unknown, read-only, or not for this kind of socket; WSAEFAULT optval NULL,
 * unreadable or short; what the kernel says of the value, by errmap.c; WSAENETRESET, WSAENOTCONN
 * the connection has gone (to come); the common codes. WS-REUSE-1, 7, 12, WS-PORT-5, WS-LISTEN-5.
 */
WSD_FN(int, setsockopt, (SOCKET s, int level, int optname, const char *optval, int optlen));

/*
 * Read an option; *optlen is room in, size out; a boolean is cut to the room. Shows the
 * application's own values. SO_OPENTYPE takes any s. WSAEINVAL level; WSAENOPROTOOPT option
 * unknown, write-only, or not for this kind of socket; WSAEFAULT
 * NULL, unreadable, or too little room; the common codes. WS-NAME-7, WS-CONNECT-8, WS-ACCEPT-7.
 */
WSD_FN(int, getsockopt, (SOCKET s, int level, int optname, char *optval, int *optlen));

/*
 * FIONBIO (*argp non-zero: non-blocking), FIONREAD (bytes readable), SIOCATMARK (TRUE: no urgent
 * byte ahead; to come with data: now the kernel's answer). WSAEFAULT argp bad, judged before
 * WSAEINVAL another command, or (to come) blocking mode while event selection is on; WSAEOPNOTSUPP,
 * WSAEINVAL the kernel has none for this kind of socket; the common codes. WS-DATA-4.
 */
WSD_FN(int, ioctlsocket, (SOCKET s, LONG cmd, ULONG *argp));

/*
 * A control code with input and output buffer; lpcbBytesReturned counts bytes stored, or needed
 * with WSAEFAULT for a short output buffer. SIO_ADDRESS_LIST_QUERY (pointers into the caller's
 * buffer), SIO_KEEPALIVE_VALS (milliseconds, rounded to seconds, 1 at least), and FIONBIO,
 * FIONREAD, SIOCATMARK. WSAEFAULT a buffer or lpcbBytesReturned bad or short; WSAEINVAL argument;
 * WSAEOPNOTSUPP unknown code, a code that is not for this kind of socket, and what is not built
 * yet: SIO_GET_EXTENSION_FUNCTION_POINTER and any call with lpOverlapped or a completion routine,
 * which are to answer WSA_IO_PENDING and WSAEWOULDBLOCK; the common codes. WS-NAME-8.
 */
WSD_FN(int, WSAIoctl,
       (SOCKET s, DWORD dwIoControlCode, LPVOID lpvInBuffer, DWORD cbInBuffer, LPVOID lpvOutBuffer,
	DWORD cbOutBuffer, LPDWORD lpcbBytesReturned, LPWSAOVERLAPPED lpOverlapped,
	LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine));

/*
 * The protocols of the catalogue, hidden ones left out, those in lpiProtocols (0-terminated) or all
 * for NULL. *lpdwBufferLength is bytes of room in, needed out. Returns their number. WSAENOBUFS too
 * little room or no buffer (the size needed is stored), or no memory; WSAEFAULT lpdwBufferLength
 * NULL, or memory that cannot be read or written; WSANOTINITIALISED. SW-INIT-7.
 */
WSD_FN(int, WSAEnumProtocolsA,
       (LPINT lpiProtocols, LPWSAPROTOCOL_INFOA lpProtocolBuffer, LPDWORD lpdwBufferLength));
WSD_FN(int, WSAEnumProtocolsW,
       (LPINT lpiProtocols, LPWSAPROTOCOL_INFOW lpProtocolBuffer, LPDWORD lpdwBufferLength));

/*
 * Tell when the catalogue changes. *lpNotificationHandle NULL: makes a handle (close it with
 * CloseHandle); else waits for, or with lpOverlapped asks for, the next change. WSAEFAULT NULL;
 * WSAEINVAL a completion routine without lpOverlapped; WSA_INVALID_HANDLE a handle that is none;
 * WSA_IO_PENDING; WSANOTINITIALISED. Not built yet: WSAEOPNOTSUPP.
 */
WSD_FN(int, WSAProviderConfigChange,
       (LPHANDLE lpNotificationHandle, LPWSAOVERLAPPED lpOverlapped,
	LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine));

/*
 * Describe s so that process dwProcessId can take it over, once, by WSASocket. Both then share one
 * connection; each closes its own.
 * WSAEFAULT lpProtocolInfo bad; WSAEINVAL dwProcessId is no process, or the state of the socket;
 * WSAEMFILE; the common codes. PROV-DUP. Not built yet: WSAEOPNOTSUPP.
 */
WSD_FN(int, WSADuplicateSocketA, (SOCKET s, DWORD dwProcessId, LPWSAPROTOCOL_INFOA lpProtocolInfo));
WSD_FN(int, WSADuplicateSocketW, (SOCKET s, DWORD dwProcessId, LPWSAPROTOCOL_INFOW lpProtocolInfo));
