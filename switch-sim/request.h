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

/* What a send may consist of instead of buffers: memory and parts of files, in this order. */
struct sw_piece {
	const char *memory; /* NULL: of @file */
	int file;           /* descriptor of a regular file */
	uint64_t offset;    /* in the file; a file that ends before counts as shorter */
	uint64_t length;
};

struct sw_request {
	struct sw_request *prev, *next; /* of the transport's queue, while it is pending */
	struct sw_socket *s;            /* overlapped: a reference */
	enum sw_op op;
	bool nonblocking; /* the answer is due now: never left pending */
	DWORD flags;      /* MSG_*, as asked */
	DWORD ret_flags;  /* receives: MSG_PARTIAL, MSG_OOB, ... */
	WSABUF *buffers;  /* a copy: the application's array may go when the call returns */
	DWORD count;
	/* Sends, in place of buffers, where the transport says that it takes them. */
	struct sw_piece *pieces;
	DWORD n_pieces;
	uint64_t total; /* bytes of all buffers or pieces */
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
	int name_len;
	void *control;
	DWORD control_len;
	/* The transport's own bookkeeping. */
	bool queued;
	uint64_t offset;
	void *mark;
	/* From here on nothing is zero at the start. */
	WSABUF first[SW_REQUEST_INLINE];
	struct wsd_sockaddr_storage name; /* name_len bytes of it */
};

/* All zero but these, `first` and `name`. */
void sw_request_init(struct sw_request *r, struct sw_socket *s, enum sw_op op, DWORD flags);
/* The application's buffers: its array is copied, what they point to is not looked at. WSAEFAULT,
 * WSAEINVAL (none, or more than 4 GiB together), WSAENOBUFS. */
int sw_request_buffers(struct sw_request *r, const WSABUF *array, DWORD count);
void sw_request_one(struct sw_request *r, const void *buffer, DWORD len);
void sw_request_release(struct sw_request *r); /* the copy of the array */
/* The buffers from r->done + @skip on, at most @bytes and @max of them. Return: their number. */
unsigned sw_request_window(const struct sw_request *r, uint64_t skip, uint64_t bytes, WSABUF *ret,
			   unsigned max);

#endif
