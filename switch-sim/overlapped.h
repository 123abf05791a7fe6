/* SPDX-License-Identifier: MIT
 *
 * The application's WSAOVERLAPPED: begun, ended, asked for [winsock.md part 10; PROV-OVL-2 says the
 * same of providers]. While it runs Internal is WSS_OPERATION_IN_PROGRESS; at its end Internal is
 * the WSA code, InternalHigh the bytes, Offset the flags. Its memory is the application's: a bad
 * one answers WSAEFAULT, one that has gone meanwhile is left alone.
 *
 * No locks but the leaves of events and waiters.
 */
#ifndef WSD_SWITCH_OVERLAPPED_H
#define WSD_SWITCH_OVERLAPPED_H

#include "socket.h"

/**
 * overlapped_begin - mark it as running and reset its event
 * @ret_event: the event of hEvent without its lowest bit, which on Windows only tells completion
 *             ports; NULL: none
 * Return: 0, WSAEFAULT, or WSA_INVALID_HANDLE (hEvent is no event); then nothing has changed.
 */
int overlapped_begin(LPWSAOVERLAPPED o, WSAEVENT *ret_event);

/* The start has failed after overlapped_begin: the result is @code, nobody is told. */
void overlapped_refuse(LPWSAOVERLAPPED o, int code);

/* The end: the results, then the event, then whoever waits in WSAGetOverlappedResult on s. */
void overlapped_end(struct sw_socket *s, LPWSAOVERLAPPED o, WSAEVENT event, int code, DWORD bytes,
		    DWORD flags);

/* WSAGetOverlappedResult. Return: a WSA code. Pointers are the application's. */
int sw_overlapped_result(struct sw_process *p, SOCKET handle, LPWSAOVERLAPPED o, DWORD *ret_bytes,
			 bool wait, DWORD *ret_flags);

#endif
