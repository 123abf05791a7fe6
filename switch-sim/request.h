/* SPDX-License-Identifier: MIT
 *
 * One send or receive of the application from its call to its end, whatever the transport: blocking
 * calls wait for it on their stack, overlapped ones own one on the heap [SW-BLOCK-1].
 */
#ifndef WSD_SWITCH_REQUEST_H
#define WSD_SWITCH_REQUEST_H

#include "socket.h"

enum sw_op { SW_OP_SEND, SW_OP_RECV };

enum { SW_REQUEST_INLINE = 4 }; /* buffers that need no allocation */

struct sw_request {
	struct sw_request *prev, *next; /* of the transport's queue, while it is pending */
	struct sw_socket *s;            /* overlapped: a reference */
	enum sw_op op;
	bool nonblocking; /* the answer is due now: never left pending */
	DWORD flags;      /* MSG_*, as asked */
	DWORD ret_flags;  /* receives: MSG_PARTIAL, MSG_OOB, ... */
	WSABUF *buffers;  /* a copy: the application's array may go when the call returns */
	WSABUF first[SW_REQUEST_INLINE];
	DWORD count;
	uint64_t total; /* bytes of all buffers */
	uint64_t done;  /* bytes moved so far; final once over */
	int code;       /* WSA code of the end */
	_Atomic bool over;
	/* Ends a pending request: called once, with no lock held, after `over` is set, perhaps
	 * before submit() has returned; the request
	 * may be gone when it returns. Not called when submit() said that it is over. NULL: the
	 * request lies on the stack of a call that waits for `over`; nothing touches it after. */
	void (*finish)(struct sw_request *r);
	LPWSAOVERLAPPED overlapped; /* the application's, or NULL */
	/* Datagrams and messages (TCP/IP only): addresses and control data. */
	struct wsd_sockaddr_storage name;
	int name_len;
	void *control;
	DWORD control_len;
	/* The transport's own bookkeeping. */
	uint64_t offset;
	void *mark;
};

#endif
