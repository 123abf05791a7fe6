/* SPDX-License-Identifier: MIT
 *
 * The TCP/IP provider's data calls that the SPI's table has no slot for, and what its files share.
 * None waits: WSAEWOULDBLOCK. None raises SIGPIPE [WS-DATA-1]. No locks.
 */
#ifndef WSD_SWITCH_TCPIP_DATA_H
#define WSD_SWITCH_TCPIP_DATA_H

#include <wsd/abi.h>

#include <stdbool.h>
#include <sys/socket.h>

/* A flag beside MSG_*, between the switch and this provider: more follows at once. */
#define TCPIP_MORE 0x40000000u

struct tcpip_message {
	const WSABUF *buffers;
	DWORD count;
	DWORD flags; /* MSG_* in and out */
	DWORD moved; /* out: bytes */
	struct wsd_sockaddr_storage *name;
	int name_len;      /* 0: none; receives: out */
	void *control;     /* the application's, in Winsock's shape */
	DWORD control_len; /* receives: room in, size out */
};

/* Return a WSA code. A receive that answers WSAEMSGSIZE has filled all its fields. */
int tcpip_sendmsg(SOCKET s, struct tcpip_message *m);
int tcpip_recvmsg(SOCKET s, struct tcpip_message *m);

/* Part of a regular file, as much as fits; 0 bytes: the file ends before @offset. @more: data
 * follows. Return a WSA code. */
int tcpip_sendfile(SOCKET s, int file, uint64_t offset, uint64_t length, bool more,
		   DWORD *ret_sent);

/* Control data between the two systems' shapes; what one of them does not know is left out. Return:
 * 0, -EFAULT (the application's memory), -EINVAL (no control data); receiving -ENOSPC: it does not
 * fit, the rest was cut. */
enum { TCPIP_CONTROL_MAX = 512 };
int tcpip_control_to_linux(const void *control, DWORD len, struct msghdr *m);
int tcpip_control_from_linux(struct msghdr *m, void *control, DWORD *len);

int tcpip_WSPSend(SOCKET s, LPWSABUF buffers, DWORD count, LPDWORD sent, DWORD flags,
		  LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
		  LPWSATHREADID thread, LPINT error);
int tcpip_WSPSendTo(SOCKET s, LPWSABUF buffers, DWORD count, LPDWORD sent, DWORD flags,
		    const struct wsd_sockaddr *to, int to_len, LPWSAOVERLAPPED overlapped,
		    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine, LPWSATHREADID thread, LPINT error);
int tcpip_WSPRecv(SOCKET s, LPWSABUF buffers, DWORD count, LPDWORD received, LPDWORD flags,
		  LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
		  LPWSATHREADID thread, LPINT error);
int tcpip_WSPRecvFrom(SOCKET s, LPWSABUF buffers, DWORD count, LPDWORD received, LPDWORD flags,
		      struct wsd_sockaddr *from, LPINT from_len, LPWSAOVERLAPPED overlapped,
		      LPWSAOVERLAPPED_COMPLETION_ROUTINE routine, LPWSATHREADID thread,
		      LPINT error);

#endif
