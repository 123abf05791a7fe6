/* SPDX-License-Identifier: MIT
 *
 * Sending and receiving for the application: what is checked, in which order, and how a call waits
 * or does not; the same for both transports. [WS-DATA-1 to 4, WS-BIND-7, -8, WS-ERR-3, -4]
 *
 * Locks: s->lock while a call is judged, never while data moves.
 */
#ifndef WSD_SWITCH_DATA_H
#define WSD_SWITCH_DATA_H

#include "request.h"
#include "transport.h"

/* One call as the application made it; all pointers are its own, checked here. */
struct data_call {
	const char *name; /* of the call, for the fault knobs */
	enum sw_op op;
	/* one buffer, or an array of them: */
	const WSABUF *buffers;
	DWORD count;
	bool plain; /* the buffer is `one` */
	WSABUF one;
	DWORD flags;
	DWORD *flags_at; /* WSARecv: where they are and where the result's go */
	DWORD *moved_at; /* the WSA forms: where the number of bytes goes */
	bool sendto;     /* a name may be given: `to`; without one WSAEDESTADDRREQ */
	const struct wsd_sockaddr *to;
	int to_len;
	struct wsd_sockaddr *from;
	int *from_len;
	bool by_message; /* WSASendMsg, WSARecvMsg: buffers, names, control data, flags in: */
	WSAMSG *message;
	LPWSAOVERLAPPED overlapped;
	LPWSAOVERLAPPED_COMPLETION_ROUTINE routine;
};

/* The buffer of a short form; none has a negative length: WSAEFAULT in its turn. */
static inline void data_one_buffer(struct data_call *c, const char *buffer, int len)
{
	c->plain = true;
	c->one.buf = len < 0 ? NULL : (CHAR *)(uintptr_t)buffer;
	c->one.len = (ULONG)len;
}

/* Return: a WSA code; 0 with *ret_moved; WSAEMSGSIZE has moved, too. *ret_flags: MSG_* of a
 * receive. */
int sw_data(struct sw_process *p, SOCKET handle, const struct data_call *call, DWORD *ret_moved,
	    DWORD *ret_flags);

/* send() and recv(): the same for one buffer and nothing else. @name: of the call. */
int sw_data_plain(struct sw_process *p, SOCKET handle, const char *name, enum sw_op op,
		  char *buffer, int len, int flags, DWORD *ret_moved);

/* Between the files of this part. */

/* The request of an application's call, from its start to its end. */
struct data_request {
	struct sw_request r;
	WSAEVENT event;
	/* where the end of an overlapped receive is told */
	struct wsd_sockaddr *from;
	int *from_len;
	WSAMSG *message;
	/* more to do (WSA code: of a request that succeeded till then) and to free at the end; may
	 * be NULL */
	int (*ended)(struct data_request *d);
	void (*destroy)(struct data_request *d);
};

/* A call that moves data of a connected stream is allowed now? Caller holds s->lock. WSA code. */
int data_judge_stream(const struct sw_socket *s, enum sw_op op);

/**
 * data_run - submit, and wait or not
 * @heap: d is allocated and r.overlapped set; when it ends later, it is freed then
 * Return: a WSA code; WSA_IO_PENDING: d is not the caller's any more.
 */
int data_run(struct sw_socket *s, const struct sw_transport *t, struct data_request *d, bool heap,
	     DWORD timeout_ms);

/* The same in parts, for a call that makes several requests out of one: submit r and wait; */
int data_wait(struct sw_socket *s, const struct sw_transport *t, struct sw_request *r,
	      DWORD timeout_ms);
/* the end of an overlapped one, with r.code and r.done: gives up r.s, frees. */
void data_finish(struct sw_request *r);
void data_release(struct data_request *d, bool heap);

#endif
