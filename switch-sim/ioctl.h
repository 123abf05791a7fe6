/* SPDX-License-Identifier: MIT
 *
 * ioctlsocket and WSAIoctl. [WS-ERR-2, SW-SUBNET-5]
 */
#ifndef WSD_SWITCH_IOCTL_H
#define WSD_SWITCH_IOCTL_H

#include "socket.h"

struct sw_ioctl {
	DWORD code;
	void *in;
	DWORD in_len;
	void *out;
	DWORD out_len;
	DWORD *ret_len; /* bytes stored, or with WSAEFAULT needed */
	LPWSAOVERLAPPED overlapped;
	LPWSAOVERLAPPED_COMPLETION_ROUTINE routine;
};

/* Return a WSA code. Pointers are the application's, checked here. */
int sw_ioctlsocket(struct sw_process *p, SOCKET handle, LONG cmd, ULONG *value);
int sw_ioctl(struct sw_process *p, SOCKET handle, const struct sw_ioctl *call);

#endif
