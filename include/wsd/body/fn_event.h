/* SPDX-License-Identifier: MIT */
/*
 * Events, select, poll (winsock.md part 10), written once for both faces. Never included directly,
 * hence without a guard. "The common codes" are those of fn_socket.h. Times are milliseconds but
 * for select's. Events are of this process; a wait ends when the condition holds, whichever thread
 * set it.
 */
#ifndef WSD_FN
#error "wsdirect: include <wsd/api.h> or <winsock2.h>, not a file of wsd/body"
#endif

/* A new event, manual reset, not set; close it. WSA_INVALID_EVENT: WSA_NOT_ENOUGH_MEMORY,
 * WSANOTINITIALISED. */
WSD_FN(WSAEVENT, WSACreateEvent, (void));
/* FALSE: WSA_INVALID_HANDLE hEvent is none; WSANOTINITIALISED. */
WSD_FN(BOOL, WSACloseEvent, (WSAEVENT hEvent));
WSD_FN(BOOL, WSASetEvent, (WSAEVENT hEvent));
WSD_FN(BOOL, WSAResetEvent, (WSAEVENT hEvent));

/*
 * Wait until one, or with fWaitAll each, of 1 to 64 events is set, at most dwTimeout ms
 * (WSA_INFINITE: no limit). Returns WSA_WAIT_EVENT_0 + index (lowest that is set),
 * WSA_WAIT_TIMEOUT, WSA_WAIT_IO_COMPLETION (alertable: routines ran; not yet, there are none) or
 * WSA_WAIT_FAILED: WSA_INVALID_PARAMETER cEvents 0 or above 64, or lphEvents NULL or unreadable;
 * WSA_INVALID_HANDLE one is none; WSA_NOT_ENOUGH_MEMORY; WSANOTINITIALISED.
 */
WSD_FN(DWORD, WSAWaitForMultipleEvents,
       (DWORD cEvents, const WSAEVENT *lphEvents, BOOL fWaitAll, DWORD dwTimeout, BOOL fAlertable));

/*
 * Have hEventObject set on these FD_ events, make the socket non-blocking; 0 stops it (it stays
 * non-blocking). Replaces the former choice; what holds already sets the event now.
 * WSAEINVAL an unknown event, or no hEventObject for a choice; WSAENOBUFS; the common codes.
 */
WSD_FN(int, WSAEventSelect, (SOCKET s, WSAEVENT hEventObject, LONG lNetworkEvents));

/* Read and clear the record, reset hEventObject (NULL: none) in one step. WSAEFAULT
 * lpNetworkEvents; WSAEINVAL hEventObject is none; the common codes. */
WSD_FN(int, WSAEnumNetworkEvents,
       (SOCKET s, WSAEVENT hEventObject, LPWSANETWORKEVENTS lpNetworkEvents));

/*
 * Wait until a socket of a set is ready, at most *timeout (NULL: no limit; never modified). nfds is
 * ignored. The sets keep those that are ready; returns how many, 0 on time-out. timeval is libc's.
 * WSAEINVAL no socket in any set, or a bad time; WSAENOTSOCK one is none (the sets stay);
 * WSAEFAULT; WSAEINTR a socket was closed meanwhile; the common codes. WS-SELECT-1, WS-CONNECT-3.
 */
WSD_FN(int, select,
       (int nfds, struct wsd_fd_set *readfds, struct wsd_fd_set *writefds,
	struct wsd_fd_set *exceptfds, const struct timeval *timeout));

/* Is s in the set? Non-zero if so. Needs no WSAStartup, never fails. */
WSD_FN(int, __WSAFDIsSet, (SOCKET s, struct wsd_fd_set *set));

/*
 * Wait until revents of an entry is non-zero, at most timeout ms (negative: no limit). Entries with
 * a negative fd are skipped; POLLNVAL marks one that is no socket. Returns how many, 0 on time-out.
 * WSAEINVAL fds 0, or events none may ask for; WSAENOTSOCK no valid entry; WSAEFAULT; WSAENOBUFS;
 * WSAENETDOWN; WSANOTINITIALISED.
 */
WSD_FN(int, WSAPoll, (LPWSAPOLLFD fdArray, ULONG fds, INT timeout));
