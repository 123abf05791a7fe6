/* SPDX-License-Identifier: MIT */
/*
 * Accepting, connecting, shutting down (winsock.md parts 8 to 10), written once for both faces.
 * Never included directly, hence without a guard. "The common codes" are those of fn_socket.h.
 */
#ifndef WSD_FN
#error "wsdirect: include <wsd/api.h> or <winsock2.h>, not a file of wsd/body"
#endif

/*
 * The next connection, as a new socket that inherits mode, event selection and options; waits for
 * one if blocking. addr and addrlen may be NULL, else *addrlen is room in, size out.
 * INVALID_SOCKET: WSAEWOULDBLOCK none and non-blocking; WSAEINVAL not listening; WSAEOPNOTSUPP not
 * a stream; WSAEFAULT too little room; WSAECONNRESET the peer gave up; WSAEINTR the listener was
 * closed meanwhile; WSAEMFILE; the common codes. WS-ACCEPT-1 to 3, 5.
 */
WSD_FN(SOCKET, accept, (SOCKET s, struct WSD_NAME(sockaddr) * addr, int *addrlen));

/*
 * The same, asking lpfnCondition (NULL: take it) on this thread. The codes of accept, and
 * WSAECONNREFUSED it said CF_REJECT; WSATRY_AGAIN it said CF_DEFER (the request stays first);
 * WSAEACCES the request has gone; WSAEINVAL another answer. WS-ACCEPT-4.
 */
WSD_FN(SOCKET, WSAAccept,
       (SOCKET s, struct WSD_NAME(sockaddr) * addr, LPINT addrlen, LPCONDITIONPROC lpfnCondition,
	DWORD_PTR dwCallbackData));

/*
 * Connect, binding an unbound socket to a dynamic port; waits if blocking. Datagram sockets get a
 * default peer; address 0 takes it away. Over the SAN where both sides can, else over TCP/IP.
 * WSAEWOULDBLOCK started, non-blocking; WSAEALREADY under way; WSAEISCONN connected; WSAEINVAL
 * listening; WSAEAFNOSUPPORT another family; WSAEFAULT NULL or namelen short; WSAEADDRNOTAVAIL zero
 * address or port on a stream; WSAECONNREFUSED; WSAETIMEDOUT; WSAENETUNREACH; WSAEHOSTUNREACH;
 * WSAEADDRINUSE the wildcard name turns out taken; WSAEACCES broadcast without SO_BROADCAST;
 * WSAEINTR closed meanwhile; WSAENOBUFS no port left; the common codes. After a failure it may be
 * tried again. WS-CONNECT-1 to 6, 8.
 */
WSD_FN(int, connect, (SOCKET s, const struct WSD_NAME(sockaddr) * name, int namelen));

/*
 * The same with connect data (no protocol here has it) and QOS (ignored). The codes of connect, and
 * WSAEPROTONOSUPPORT lpCallerData given; lpCalleeData->len becomes 0.
 */
WSD_FN(int, WSAConnect,
       (SOCKET s, const struct WSD_NAME(sockaddr) * name, int namelen, LPWSABUF lpCallerData,
	LPWSABUF lpCalleeData, LPQOS lpSQOS, LPQOS lpGQOS));

/*
 * Add a leaf to a multipoint session. No protocol here has such sessions of its own; multicast
 * groups are joined with IP_ADD_MEMBERSHIP. dwFlags: JL_*. INVALID_SOCKET: WSAEOPNOTSUPP, now and
 * whatever the arguments; before it only WSANOTINITIALISED and WSAENOTSOCK.
 */
WSD_FN(SOCKET, WSAJoinLeaf,
       (SOCKET s, const struct WSD_NAME(sockaddr) * name, int namelen, LPWSABUF lpCallerData,
	LPWSABUF lpCalleeData, LPQOS lpSQOS, LPQOS lpGQOS, DWORD dwFlags));

/*
 * The flow specification that goes by a name, or the names for an empty one. There is no quality of
 * service here: FALSE with WSAEOPNOTSUPP, whatever the arguments; before it only WSANOTINITIALISED
 * and WSAENOTSOCK. As PROV-OPT-4 below the switch.
 */
WSD_FN(BOOL, WSAGetQOSByName, (SOCKET s, LPWSABUF lpQOSName, LPQOS lpQOS));

/*
 * Resolve and try each address in turn, for at most *timeout (NULL: no limit); Reserved is NULL.
 * Stores the names used if asked; lengths are room in, size out. Blocking stream sockets only.
 * FALSE: WSAEHOSTUNREACH no address answered; WSAETIMEDOUT; WSAEINVAL nodename or servicename NULL,
 * Reserved not NULL, or the socket bound, connected or non-blocking; WSAEFAULT too little room; the
 * codes of getaddrinfo and connect.
 */
WSD_FN(BOOL, WSAConnectByNameA,
       (SOCKET s, LPCSTR nodename, LPCSTR servicename, LPDWORD LocalAddressLength,
	LPSOCKADDR LocalAddress, LPDWORD RemoteAddressLength, LPSOCKADDR RemoteAddress,
	const struct timeval *timeout, LPWSAOVERLAPPED Reserved));
WSD_FN(BOOL, WSAConnectByNameW,
       (SOCKET s, LPWSTR nodename, LPWSTR servicename, LPDWORD LocalAddressLength,
	LPSOCKADDR LocalAddress, LPDWORD RemoteAddressLength, LPSOCKADDR RemoteAddress,
	const struct timeval *timeout, LPWSAOVERLAPPED Reserved));

/*
 * The same with a list of addresses instead of a name. WSAEINVAL an empty list too.
 */
WSD_FN(BOOL, WSAConnectByList,
       (SOCKET s, PSOCKET_ADDRESS_LIST SocketAddress, LPDWORD LocalAddressLength,
	LPSOCKADDR LocalAddress, LPDWORD RemoteAddressLength, LPSOCKADDR RemoteAddress,
	const struct timeval *timeout, LPWSAOVERLAPPED Reserved));

/*
 * Shut down receiving (SD_RECEIVE), sending (SD_SEND: what was sent still arrives) or both; never
 * waits. Again: success. The socket is still to be closed. WSAEINVAL how; WSAENOTCONN a stream that
 * is not connected, a listener; the common codes. WS-DATA-1.
 */
WSD_FN(int, shutdown, (SOCKET s, int how));

/*
 * shutdown(SD_SEND) and shutdown(SD_RECEIVE) with disconnect data, which no protocol here has:
 * WSAENOPROTOOPT buffer not NULL; else as shutdown.
 */
WSD_FN(int, WSASendDisconnect, (SOCKET s, LPWSABUF lpOutboundDisconnectData));
WSD_FN(int, WSARecvDisconnect, (SOCKET s, LPWSABUF lpInboundDisconnectData));
