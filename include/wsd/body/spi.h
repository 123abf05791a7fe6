/* SPDX-License-Identifier: MIT */
/*
 * The service provider interface between switch and provider (docs/spec/provider.md), written once
 * for both faces. Never included directly, hence without a guard.
 *
 * What holds for every function of a provider, unless its own text says otherwise:
 * - Failure is SOCKET_ERROR with the code at *lpErrno; success stores 0 there. Codes never travel
 *   through a per-thread error (provider.md part 0).
 * - Any function may be called from any thread of the switch, also concurrently on one socket; the
 *   provider serialises inside. No lock is held while an upcall runs (PROV-OVL-3).
 * - The caller owns every buffer it passes; the provider keeps none after return but the data
 *   buffers and the WSAOVERLAPPED of an operation that is still running (PROV-DATA-12).
 * - WSAENETDOWN: the device failed or is gone. WSAENOTSOCK: s is stale or unknown. WSAENOBUFS: no
 *   memory or no device resources. These are not repeated in full below.
 * - These texts are for any provider. wsd-rdma is not complete yet: "wsd-rdma: WSAEOPNOTSUPP" says
 *   that its function answers this to whatever it is given, after WSAENOTSOCK, and changes nothing.
 * - Never WSAEINPROGRESS, WSAEINTR (the switch itself blocks and cancels) nor WSAEADDRINUSE (names
 *   belong to the switch).
 */
#ifndef WSD_NAME
#error "wsdirect: include <wsd/abi.h> or <ws2spi.h>, not a file of wsd/body"
#endif

/* What a provider says of itself at startup (PROV-INIT-3). szDescription is NUL-terminated UTF-16.
 */
typedef struct WSPData {
	WORD wVersion;     /* the SPI version to use: 0x0202 */
	WORD wHighVersion; /* unused: 0x0202 */
	WCHAR szDescription[WSPDESCRIPTION_LEN + 1];
} WSPDATA, *LPWSPDATA;

/* The thread of an asynchronous call. SAN providers get NULL on WSPRecv (PROV-DATA-1). */
typedef struct _WSATHREADID {
	HANDLE ThreadHandle;
	DWORD_PTR Reserved;
} WSATHREADID, *LPWSATHREADID;

typedef BOOL(CALLBACK *LPBLOCKINGCALLBACK)(DWORD_PTR dwContext);
typedef void(CALLBACK *LPWSAUSERAPC)(DWORD_PTR dwContext);

/* ---- the provider's functions: slots of WSPPROC_TABLE ---- */

/*
 * Take the oldest queued request. Calls lpfnCondition once, on this thread, before returning; on
 * CF_ACCEPT builds the new socket and returns the provider's descriptor, connected; stores the
 * peer's sockaddr_in at addr and 16 at *addrlen (bytes; in: room). Never waits. Failure:
 * INVALID_SOCKET.
 * WSAEWOULDBLOCK nothing queued; WSAEINVAL not listening, or the condition function gave an unknown
 * answer (rejected); WSAEFAULT *addrlen < 16 (the request stays); WSAECONNREFUSED the answer was
 * CF_REJECT; WSATRY_AGAIN it was CF_DEFER (the request stays first); WSAEMFILE, WSAENOBUFS no
 * resources after CF_ACCEPT (the peer is refused); WSAENETDOWN; WSAENOTSOCK. PROV-ACCEPT-1 to 12.
 * wsd-rdma: WSAEOPNOTSUPP.
 */
typedef SOCKET(WSPAPI *LPWSPACCEPT)(SOCKET s, struct WSD_NAME(sockaddr) * addr, LPINT addrlen,
				    LPCONDITIONPROC lpfnCondition, DWORD_PTR dwCallbackData,
				    LPINT lpErrno);

/* Not required of a SAN provider: may be NULL (provider.md part 1). */
typedef INT(WSPAPI *LPWSPADDRESSTOSTRING)(LPSOCKADDR lpsaAddress, DWORD dwAddressLength,
					  LPWSAPROTOCOL_INFOW lpProtocolInfo,
					  LPWSTR lpszAddressString, LPDWORD lpdwAddressStringLength,
					  LPINT lpErrno);

/* Not required of a SAN provider: may be NULL. */
typedef int(WSPAPI *LPWSPASYNCSELECT)(SOCKET s, HWND hWnd, unsigned int wMsg, LONG lEvent,
				      LPINT lpErrno);

/*
 * Give an unbound socket its local name: a sockaddr_in of namelen bytes (16 or more), read before
 * return. Keeps address and port unchanged, picks no port, waits for nothing, costs no queue pair;
 * the same name may be bound any number of times.
 * Order of checks and codes: WSAENOTSOCK; WSAEFAULT name NULL, namelen < 16, or another family;
 * WSAEINVAL already bound; WSAEADDRNOTAVAIL port 0, an address of no NIC served, 127/8, or 0.0.0.0
 * where wildcards are off; WSAENETDOWN; WSAENOBUFS. A failure changes nothing. PROV-BIND-1 to 25.
 */
typedef int(WSPAPI *LPWSPBIND)(SOCKET s, const struct WSD_NAME(sockaddr) * name, int namelen,
			       LPINT lpErrno);

/* Not required of a SAN provider: may be NULL. */
typedef int(WSPAPI *LPWSPCANCELBLOCKINGCALL)(LPINT lpErrno);

/*
 * Take back one WSPStartupEx. The last one frees everything, sockets included that were never
 * closed. WSANOTINITIALISED no startup; WSAENETDOWN. PROV-INIT-6, 9, 10.
 */
typedef int(WSPAPI *LPWSPCLEANUP)(LPINT lpErrno);

/*
 * Close: always abortive, never waits for the peer. Everything pending completes with
 * WSA_OPERATION_ABORTED, then lpWPUCloseSocketHandle is called last; after return the descriptor is
 * stale. May be called from inside an upcall. WSAENETDOWN, WSAENOTSOCK. PROV-CLOSE-1 to 7.
 */
typedef int(WSPAPI *LPWSPCLOSESOCKET)(SOCKET s, LPINT lpErrno);

/*
 * Start to connect a bound socket to name (sockaddr_in, namelen >= 16, read before return). Never
 * waits: 0, a code, or WSAEWOULDBLOCK and later exactly one FD_CONNECT with its code.
 * WSAEFAULT name NULL or short; WSAEAFNOSUPPORT another family; WSAEADDRNOTAVAIL zero address or
 * port; WSAEINVAL unbound or listening; WSAEALREADY under way; WSAEISCONN connected;
 * WSAEPROTONOSUPPORT lpCallerData given (lpCalleeData->len becomes 0; the QOS are ignored);
 * WSAENOBUFS; WSAENETDOWN; WSAENOTSOCK. As result of the event: WSAECONNREFUSED refused by the
 * remote switch or application, final; WSAETIMEDOUT everything that may still work over TCP/IP;
 * WSAENOBUFS; WSAENETDOWN. Only codes that rule TCP/IP out are final. PROV-CONNECT-1 to 11.
 * wsd-rdma: WSAEOPNOTSUPP.
 */
typedef int(WSPAPI *LPWSPCONNECT)(SOCKET s, const struct WSD_NAME(sockaddr) * name, int namelen,
				  LPWSABUF lpCallerData, LPWSABUF lpCalleeData, LPQOS lpSQOS,
				  LPQOS lpGQOS, LPINT lpErrno);

/*
 * Hand a connected or listening socket to process dwProcessId: completes its receives with 0 bytes
 * and writes lpProtocolInfo->dwProviderReserved, non-zero, good for one WSPSocket there. The
 * descriptor stays until WSPCloseSocket.
 * WSAEINVAL another state; WSAEMFILE; WSAENOBUFS; WSAENETDOWN; WSAENOTSOCK. PROV-DUP-1 to 9.
 * wsd-rdma: WSAEOPNOTSUPP.
 */
typedef int(WSPAPI *LPWSPDUPLICATESOCKET)(SOCKET s, DWORD dwProcessId,
					  LPWSAPROTOCOL_INFOW lpProtocolInfo, LPINT lpErrno);

/*
 * Copy the record of events to lpNetworkEvents, clear it and reset hEventObject (unless NULL), as
 * one step. WSAEINVAL lpNetworkEvents NULL, or lpWPUResetEvent refuses hEventObject; WSAENETDOWN;
 * WSAENOTSOCK. A failure changes nothing.
 * PROV-EVENT-5 to 7.
 */
typedef int(WSPAPI *LPWSPENUMNETWORKEVENTS)(SOCKET s, WSAEVENT hEventObject,
					    LPWSANETWORKEVENTS lpNetworkEvents, LPINT lpErrno);

/*
 * Choose the events (FD_ACCEPT, FD_CONNECT, or 0 to stop) that are recorded and set hEventObject;
 * replaces the former choice. What already holds sets the event before return. The event belongs to
 * the switch and is set by lpWPUSetEvent. WSAEINVAL another event, events without hEventObject, or
 * an hEventObject that lpWPUSetEvent refuses (the former choice stays); WSAENETDOWN; WSAENOTSOCK.
 * PROV-EVENT-1 to 4.
 */
typedef int(WSPAPI *LPWSPEVENTSELECT)(SOCKET s, WSAEVENT hEventObject, LONG lNetworkEvents,
				      LPINT lpErrno);

/*
 * The result of an overlapped operation: TRUE with bytes and flags; FALSE with the operation's own
 * code, 0 bytes. Polling also reaps completions. fWait: wait for it.
 * WSA_IO_INCOMPLETE still running and no fWait; WSA_INVALID_HANDLE fWait with a bad hEvent;
 * WSA_INVALID_PARAMETER lpOverlapped is none of this socket; WSAENETDOWN; WSAENOTSOCK. PROV-OVL-4
 * to 6.
 */
typedef BOOL(WSPAPI *LPWSPGETOVERLAPPEDRESULT)(SOCKET s, LPWSAOVERLAPPED lpOverlapped,
					       LPDWORD lpcbTransfer, BOOL fWait, LPDWORD lpdwFlags,
					       LPINT lpErrno);

/* Not required of a SAN provider: may be NULL. */
typedef int(WSPAPI *LPWSPGETPEERNAME)(SOCKET s, struct WSD_NAME(sockaddr) * name, LPINT namelen,
				      LPINT lpErrno);

/* Not required of a SAN provider: may be NULL. */
typedef int(WSPAPI *LPWSPGETSOCKNAME)(SOCKET s, struct WSD_NAME(sockaddr) * name, LPINT namelen,
				      LPINT lpErrno);

/*
 * Read an option of level SOL_SOCKET, 32 bits: SO_DEBUG, SO_MAX_MSG_SIZE, SO_MAX_RDMA_SIZE,
 * SO_RDMA_THRESHOLD_SIZE (bytes: above it the switch moves data by RDMA), SO_GROUP_ID,
 * SO_GROUP_PRIORITY.
 * WSAEFAULT optval or optlen NULL, or *optlen too small (the size needed is stored); WSAEINVAL
 * level; WSAENOPROTOOPT option; WSAENETDOWN; WSAENOTSOCK. Level and option are judged before the
 * pointers. PROV-OPT-1 to 3.
 */
typedef int(WSPAPI *LPWSPGETSOCKOPT)(SOCKET s, int level, int optname, char *optval, LPINT optlen,
				     LPINT lpErrno);

/*
 * No QoS: FALSE with WSAEOPNOTSUPP whatever the arguments are, NULL included; before it only
 * WSAENOTSOCK. A provider with QoS may also answer WSAEFAULT lpQOSName or lpQOS NULL; WSAEINVAL;
 * WSAENETDOWN. PROV-OPT-4.
 */
typedef BOOL(WSPAPI *LPWSPGETQOSBYNAME)(SOCKET s, LPWSABUF lpQOSName, LPQOS lpQOS, LPINT lpErrno);

/*
 * SIO_GET_EXTENSION_FUNCTION_POINTER (s is ignored): the GUID in, a function pointer out.
 * SIO_ADDRESS_LIST_QUERY (an unbound socket will do): every IPv4 address served, as
 * SOCKET_ADDRESS_LIST with pointers into the caller's buffer; none is success with count 0.
 * *lpcbBytesReturned: bytes stored, or with WSAEFAULT for a short output buffer the bytes needed.
 * WSAEFAULT a buffer NULL or short, or lpcbBytesReturned NULL; WSAEINVAL unknown GUID;
 * WSAEOPNOTSUPP optional function not offered, QoS, unknown code; WSAENETDOWN; WSAENOTSOCK. The
 * functions that wsd-rdma hands out answer WSAEOPNOTSUPP yet. PROV-IOCTL-1 to 5.
 */
typedef int(WSPAPI *LPWSPIOCTL)(SOCKET s, DWORD dwIoControlCode, LPVOID lpvInBuffer,
				DWORD cbInBuffer, LPVOID lpvOutBuffer, DWORD cbOutBuffer,
				LPDWORD lpcbBytesReturned, LPWSAOVERLAPPED lpOverlapped,
				LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
				LPWSATHREADID lpThreadId, LPINT lpErrno);

/* Not required of a SAN provider: may be NULL. */
typedef SOCKET(WSPAPI *LPWSPJOINLEAF)(SOCKET s, const struct WSD_NAME(sockaddr) * name, int namelen,
				      LPWSABUF lpCallerData, LPWSABUF lpCalleeData, LPQOS lpSQOS,
				      LPQOS lpGQOS, DWORD dwFlags, LPINT lpErrno);

/*
 * Listen on a bound socket; backlog is the number of requests that may wait for WSPAccept
 * (SOMAXCONN: the provider's choice; below 1: 1). More are refused to the peer at once. Again: a
 * new backlog, the newest excess requests are refused. WSAEINVAL not bound; WSAEISCONN connected;
 * WSAEMFILE; WSAENOBUFS; WSAENETDOWN; WSAENOTSOCK. PROV-LISTEN-1 to 6.
 */
typedef int(WSPAPI *LPWSPLISTEN)(SOCKET s, int backlog, LPINT lpErrno);

/*
 * Post a receive of one message into registered buffers. 0: done; WSA_IO_PENDING: completes later,
 * once; any other code: not started, no completion. lpCompletionRoutine and lpThreadId NULL.
 * WSAEINVAL lpOverlapped NULL, a completion routine or flags, or more than 4 segments that are not
 * empty; WSAEFAULT a buffer without registration; WSAENOTCONN; WSAECONNRESET the peer closed;
 * WSAECONNABORTED the transport failed; WSAENETRESET keep-alive; WSAENOBUFS; WSAENETDOWN;
 * WSAENOTSOCK. On completion also WSAEMSGSIZE, message too long (0 bytes; the connection is
 * broken), and WSA_OPERATION_ABORTED. PROV-DATA-1 to 13, PROV-OVL-1, 2.
 */
typedef int(WSPAPI *LPWSPRECV)(SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount,
			       LPDWORD lpNumberOfBytesRecvd, LPDWORD lpFlags,
			       LPWSAOVERLAPPED lpOverlapped,
			       LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
			       LPWSATHREADID lpThreadId, LPINT lpErrno);

/* Not required of a SAN provider: may be NULL. */
typedef int(WSPAPI *LPWSPRECVDISCONNECT)(SOCKET s, LPWSABUF lpInboundDisconnectData, LPINT lpErrno);

/* Not required of a SAN provider: may be NULL. */
typedef int(WSPAPI *LPWSPRECVFROM)(SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount,
				   LPDWORD lpNumberOfBytesRecvd, LPDWORD lpFlags,
				   struct WSD_NAME(sockaddr) * lpFrom, LPINT lpFromlen,
				   LPWSAOVERLAPPED lpOverlapped,
				   LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
				   LPWSATHREADID lpThreadId, LPINT lpErrno);

/* Not required of a SAN provider: may be NULL. timeval is libc's. */
typedef int(WSPAPI *LPWSPSELECT)(int nfds, struct wsd_fd_set *readfds, struct wsd_fd_set *writefds,
				 struct wsd_fd_set *exceptfds, const struct timeval *timeout,
				 LPINT lpErrno);

/*
 * Post one message from registered buffers; consumes one receive of the peer, in order. Results as
 * WSPRecv. WSAEINVAL dwFlags not 0, or lpOverlapped NULL; WSAEMSGSIZE longer than SO_MAX_MSG_SIZE
 * (not posted); WSAEFAULT a buffer without registration; WSAENOTCONN; WSAECONNRESET;
 * WSAECONNABORTED; WSAENOBUFS; WSAENETDOWN; WSAENOTSOCK; on completion WSA_OPERATION_ABORTED.
 * PROV-DATA-1 to 13.
 */
typedef int(WSPAPI *LPWSPSEND)(SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount,
			       LPDWORD lpNumberOfBytesSent, DWORD dwFlags,
			       LPWSAOVERLAPPED lpOverlapped,
			       LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
			       LPWSATHREADID lpThreadId, LPINT lpErrno);

/* Not required of a SAN provider: may be NULL. */
typedef int(WSPAPI *LPWSPSENDDISCONNECT)(SOCKET s, LPWSABUF lpOutboundDisconnectData,
					 LPINT lpErrno);

/* Not required of a SAN provider: may be NULL. */
typedef int(WSPAPI *LPWSPSENDTO)(SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount,
				 LPDWORD lpNumberOfBytesSent, DWORD dwFlags,
				 const struct WSD_NAME(sockaddr) * lpTo, int iTolen,
				 LPWSAOVERLAPPED lpOverlapped,
				 LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
				 LPWSATHREADID lpThreadId, LPINT lpErrno);

/*
 * Set SO_DEBUG or SO_GROUP_PRIORITY (SOL_SOCKET, 32 bits).
 * WSAEFAULT optval NULL or short; WSAEINVAL level; WSAENOPROTOOPT option; WSAENETRESET, WSAENOTCONN
 * the connection was reset; WSAENETDOWN; WSAENOTSOCK. PROV-OPT-2, 3.
 */
typedef int(WSPAPI *LPWSPSETSOCKOPT)(SOCKET s, int level, int optname, const char *optval,
				     int optlen, LPINT lpErrno);

/* Not required of a SAN provider: may be NULL (the switch shuts down by its own protocol). */
typedef int(WSPAPI *LPWSPSHUTDOWN)(SOCKET s, int how, LPINT lpErrno);

/*
 * Make a socket: AF_INET, SOCK_STREAM, IPPROTO_TCP, WSA_FLAG_OVERLAPPED; returns the provider's
 * descriptor, having got the switch's handle from lpWPUCreateSocketHandle.
 * lpProtocolInfo->dwProviderReserved non-zero: take over a duplicated socket, in the state it had.
 * Failure: INVALID_SOCKET. WSAEAFNOSUPPORT af; WSAESOCKTNOSUPPORT type; WSAEPROTONOSUPPORT
 * protocol; WSAEPROTOTYPE protocol and type clash; WSAEINVAL g, flags without OVERLAPPED or with
 * others than it and NO_HANDLE_INHERIT, or a dwProviderReserved that names no duplicated socket
 * (wsd-rdma: any, taking over is not built yet); WSAEMFILE more than rdma.max_sockets; WSAENOBUFS;
 * WSAENETDOWN no startup, or the last WSPCleanup is under way; the code of lpWPUCreateSocketHandle.
 * PROV-SOCKET-1 to 8, PROV-DUP-4.
 */
typedef SOCKET(WSPAPI *LPWSPSOCKET)(int af, int type, int protocol,
				    LPWSAPROTOCOL_INFOW lpProtocolInfo, GROUP g, DWORD dwFlags,
				    LPINT lpErrno);

/* Not required of a SAN provider: may be NULL. */
typedef INT(WSPAPI *LPWSPSTRINGTOADDRESS)(LPWSTR AddressString, INT AddressFamily,
					  LPWSAPROTOCOL_INFOW lpProtocolInfo, LPSOCKADDR lpAddress,
					  LPINT lpAddressLength, LPINT lpErrno);

/* The 30 slots (PROV part 14), filled by WSPStartupEx. */
typedef struct _WSPPROC_TABLE {
	LPWSPACCEPT lpWSPAccept;
	LPWSPADDRESSTOSTRING lpWSPAddressToString;
	LPWSPASYNCSELECT lpWSPAsyncSelect;
	LPWSPBIND lpWSPBind;
	LPWSPCANCELBLOCKINGCALL lpWSPCancelBlockingCall;
	LPWSPCLEANUP lpWSPCleanup;
	LPWSPCLOSESOCKET lpWSPCloseSocket;
	LPWSPCONNECT lpWSPConnect;
	LPWSPDUPLICATESOCKET lpWSPDuplicateSocket;
	LPWSPENUMNETWORKEVENTS lpWSPEnumNetworkEvents;
	LPWSPEVENTSELECT lpWSPEventSelect;
	LPWSPGETOVERLAPPEDRESULT lpWSPGetOverlappedResult;
	LPWSPGETPEERNAME lpWSPGetPeerName;
	LPWSPGETSOCKNAME lpWSPGetSockName;
	LPWSPGETSOCKOPT lpWSPGetSockOpt;
	LPWSPGETQOSBYNAME lpWSPGetQOSByName;
	LPWSPIOCTL lpWSPIoctl;
	LPWSPJOINLEAF lpWSPJoinLeaf;
	LPWSPLISTEN lpWSPListen;
	LPWSPRECV lpWSPRecv;
	LPWSPRECVDISCONNECT lpWSPRecvDisconnect;
	LPWSPRECVFROM lpWSPRecvFrom;
	LPWSPSELECT lpWSPSelect;
	LPWSPSEND lpWSPSend;
	LPWSPSENDDISCONNECT lpWSPSendDisconnect;
	LPWSPSENDTO lpWSPSendTo;
	LPWSPSETSOCKOPT lpWSPSetSockOpt;
	LPWSPSHUTDOWN lpWSPShutdown;
	LPWSPSOCKET lpWSPSocket;
	LPWSPSTRINGTOADDRESS lpWSPStringToAddress;
} WSPPROC_TABLE, *LPWSPPROC_TABLE;
