/* SPDX-License-Identifier: MIT
 *
 * send, recv and their kin over whatever transport the socket has.
 *
 * Order of the checks [WS-ERR-3]: handle, pointers and lengths, family, flags, state, address.
 */
#include "data.h"
#include "address.h"
#include "bind.h"
#include "netevents.h"
#include "overlapped.h"
#include "usermem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	SEND_FLAGS = WSD_MSG_OOB | WSD_MSG_DONTROUTE,
	RECV_FLAGS =
		WSD_MSG_OOB | WSD_MSG_PEEK | WSD_MSG_WAITALL | MSG_PARTIAL | MSG_PUSH_IMMEDIATE,
	CANCEL_LOOK_MS = 10, /* between looks at a request that cannot be cancelled yet */
};

/* ---- waiting ---- */

/* The request cannot be cancelled now: it ends by itself, soon. */
static void see_it_end(struct sw_socket *s, const struct sw_transport *t, struct sw_request *r)
{
	struct waiter w;
	struct waiter_link link = {0};
	if (waiter_begin(&w) < 0) {
		while (!atomic_load(&r->over))
			t->wait(s, r, waiter_deadline(CANCEL_LOOK_MS));
		return;
	}
	waiter_link(&s->waiters, &link, &w, SW_READY_REQUEST);
	while (!atomic_load(&r->over))
		waiter_sleep(&w, NULL, 0, waiter_deadline(CANCEL_LOOK_MS));
	waiter_unlink(&link);
	waiter_end(&w);
}

int data_wait(struct sw_socket *s, const struct sw_transport *t, struct sw_request *r,
	      DWORD timeout_ms)
{
	if (t->submit(s, r)) /* closed by another thread */
		return r->code == WSA_OPERATION_ABORTED ? WSAEINTR : r->code;
	uint64_t deadline = timeout_ms ? waiter_deadline(timeout_ms) : WAITER_FOREVER;
	int code = t->wait(s, r, deadline);
	if (code && !t->cancel(s, r, code))
		see_it_end(s, t, r);
	if (r->code == WSA_OPERATION_ABORTED)
		r->code = code ? code : WSAEINTR;
	/* MSG_WAITALL: what has come already is not thrown away */
	if (r->code == WSAETIMEDOUT && r->op == SW_OP_RECV && r->done)
		r->code = 0;
	return r->code;
}

/* ---- the end ---- */

/* The sender's name and what else came with a datagram, to the application. WSA code. */
static int tell(struct data_request *d)
{
	const struct sw_request *r = &d->r;
	if (r->op != SW_OP_RECV)
		return 0;
	if (d->message) {
		WSAMSG m;
		if (memory_read(&m, d->message, sizeof(m)) < 0)
			return WSAEFAULT;
		m.namelen = m.name ? r->name_len : 0;
		m.Control.len = r->control_len;
		m.dwFlags = r->ret_flags & ~(DWORD)MSG_PARTIAL;
		if ((m.name && memory_write(m.name, &r->name, (size_t)r->name_len) < 0) ||
		    memory_write(d->message, &m, sizeof(m)) < 0)
			return WSAEFAULT;
	}
	if (d->from && r->name_len &&
	    (memory_write(d->from, &r->name, (size_t)r->name_len) < 0 ||
	     memory_write(d->from_len, &r->name_len, sizeof(r->name_len)) < 0))
		return WSAEFAULT;
	return 0;
}

void data_release(struct data_request *d, bool heap)
{
	if (d->destroy)
		d->destroy(d);
	sw_request_release(&d->r);
	if (heap)
		free(d);
}

/* Success, or a datagram that was cut. */
static bool has_moved(int code)
{
	return code == 0 || code == WSAEMSGSIZE;
}

static int conclude(struct data_request *d, int code)
{
	int told = has_moved(code) ? tell(d) : 0;
	int last = d->ended ? d->ended(d) : 0;
	return code ? code : told ? told : last;
}

static DWORD told_flags(const struct sw_request *r)
{
	return r->ret_flags & (MSG_PARTIAL | WSD_MSG_OOB);
}

void data_finish(struct sw_request *r)
{
	struct data_request *d = (struct data_request *)(void *)r;
	struct sw_socket *s = r->s;
	int code = conclude(d, r->code);
	overlapped_end(s, r->overlapped, d->event, code, has_moved(code) ? (DWORD)r->done : 0,
		       told_flags(r));
	data_release(d, true);
	sw_socket_put(s);
}

int data_run(struct sw_socket *s, const struct sw_transport *t, struct data_request *d, bool heap,
	     DWORD timeout_ms)
{
	struct sw_request *r = &d->r;
	if (!heap)
		return conclude(d, data_wait(s, t, r, timeout_ms));
	int code = overlapped_begin(r->overlapped, &d->event);
	if (code)
		return code;
	r->finish = data_finish;
	sw_socket_ref(s);
	if (!t->submit(s, r))
		return WSA_IO_PENDING;
	code = conclude(d, r->code);
	if (code)
		overlapped_refuse(r->overlapped, code);
	else
		overlapped_end(s, r->overlapped, d->event, 0, (DWORD)r->done, told_flags(r));
	sw_socket_put(s);
	return code;
}

/* ---- what is judged before: pointers ---- */

/* The name to send to: pointer, length, family. */
static int read_to(const struct sw_socket *s, const void *to, int to_len, struct sw_request *r)
{
	int size = address_size(s->af);
	if (s->af == WSD_AF_UNIX || s->type == WSD_SOCK_STREAM) /* ignored */
		return 0;
	if (to_len < size || memory_read(&r->name, to, (size_t)size) < 0)
		return WSAEFAULT;
	if (r->name.ss_family != s->af)
		return WSAEAFNOSUPPORT;
	r->name_len = size;
	return 0;
}

static int check_from(const struct sw_socket *s, const void *from, int *from_len)
{
	int room;
	if (!from)
		return 0;
	if (!from_len || memory_read(&room, from_len, sizeof(room)) < 0 ||
	    room < address_size(s->af))
		return WSAEFAULT;
	return 0;
}

/* WSAMSG: its parts take the places of the arguments. */
static int read_message(const struct sw_socket *s, const struct data_call *c,
			struct data_request *d)
{
	WSAMSG m;
	if (memory_read(&m, c->message, sizeof(m)) < 0)
		return WSAEFAULT;
	int code = sw_request_buffers(&d->r, m.lpBuffers, m.dwBufferCount);
	if (code)
		return code;
	d->r.control = m.Control.len ? m.Control.buf : NULL;
	d->r.control_len = m.Control.len;
	if (m.Control.len && !m.Control.buf)
		return WSAEFAULT;
	if (c->op == SW_OP_RECV) {
		d->message = c->message;
		d->r.flags = m.dwFlags;
		return check_from(s, m.name, &m.namelen);
	}
	return m.name ? read_to(s, m.name, m.namelen, &d->r) : 0;
}

/* All that the call's pointers lead to but the data itself. */
static int read_call(const struct sw_socket *s, const struct data_call *c, struct data_request *d)
{
	int code = 0;
	if (c->moved_at ? memory_probe(c->moved_at, sizeof(DWORD)) < 0
			: !c->plain && !c->overlapped)
		return WSAEFAULT;
	if (c->by_message)
		return read_message(s, c, d);
	if (c->op == SW_OP_RECV && !c->plain && !c->flags_at)
		return WSAEFAULT;
	if (c->flags_at && memory_read(&d->r.flags, c->flags_at, sizeof(DWORD)) < 0)
		return WSAEFAULT;
	if (c->plain) {
		if (c->one.len && !c->one.buf)
			return WSAEFAULT;
		sw_request_one(&d->r, c->one.buf, c->one.len);
	} else {
		code = sw_request_buffers(&d->r, c->buffers, c->count);
	}
	if (!code && c->to)
		code = read_to(s, c->to, c->to_len, &d->r);
	if (!code)
		code = check_from(s, c->from, c->from_len);
	if (!code && s->type != WSD_SOCK_STREAM) { /* a stream's sender is known */
		d->from = c->from;
		d->from_len = c->from_len;
	}
	return code;
}

/* ---- flags, state, address ---- */

static int check_flags(const struct sw_socket *s, const struct sw_request *r)
{
	static const DWORD legal[] = {[SW_OP_SEND] = SEND_FLAGS, [SW_OP_RECV] = RECV_FLAGS};
	bool stream = s->type == WSD_SOCK_STREAM;
	if (r->flags & ~legal[r->op])
		return WSAEOPNOTSUPP;
	if ((r->flags & WSD_MSG_OOB) && (!stream || s->af == WSD_AF_UNIX))
		return WSAEOPNOTSUPP;
	if ((r->flags & WSD_MSG_WAITALL) &&
	    (!stream || r->nonblocking || (r->flags & (WSD_MSG_PEEK | WSD_MSG_OOB | MSG_PARTIAL))))
		return WSAEOPNOTSUPP;
	return 0;
}

int data_judge_stream(const struct sw_socket *s, enum sw_op op)
{
	if (s->state == SW_CLOSED)
		return WSAENOTSOCK;
	if (s->state != SW_CONNECTED)
		return WSAENOTCONN;
	return (op == SW_OP_SEND ? s->shut_send : s->shut_receive) ? WSAESHUTDOWN : 0;
}

/* A datagram to a name binds [WS-BIND-7]. Caller holds s->lock. */
static int bind_for_send(struct sw_socket *s)
{
	bool unbound = s->state == SW_CREATED || (s->state == SW_BOUND && !s->kernel_bound);
	return unbound && s->type == WSD_SOCK_DGRAM ? bind_implicit(s) : 0;
}

static int judge_datagram(struct sw_socket *s, const struct data_call *c,
			  const struct sw_request *r)
{
	uint32_t four;
	if (s->state == SW_CLOSED)
		return WSAENOTSOCK;
	if (c->op == SW_OP_RECV)
		return s->state == SW_CREATED ? WSAEINVAL : s->shut_receive ? WSAESHUTDOWN : 0;
	if (s->shut_send)
		return WSAESHUTDOWN;
	int code = r->name_len ? bind_for_send(s) : 0;
	if (code)
		return code;
	if (!r->name_len)
		return s->state == SW_CONNECTED ? 0 : c->sendto ? WSAEDESTADDRREQ : WSAENOTCONN;
	if (address_ipv4(&r->name, &four) ? !four : address_is_wildcard(&r->name))
		return WSAEADDRNOTAVAIL; /* Linux would take its own host */
	return 0;
}

/* Caller holds s->lock. */
static int judge(struct sw_socket *s, const struct data_call *c, struct sw_request *r,
		 const struct sw_transport **ret_transport, DWORD *ret_timeout)
{
	r->nonblocking = s->options.nonblocking && !c->overlapped;
	*ret_timeout = c->op == SW_OP_SEND ? s->options.sndtimeo : s->options.rcvtimeo;
	*ret_transport = s->transport ? s->transport : &transport_tcp;
	int code = check_flags(s, r);
	if (code)
		return code;
	return s->type == WSD_SOCK_STREAM ? data_judge_stream(s, c->op) : judge_datagram(s, c, r);
}

/* ---- the call ---- */

static int transfer(struct sw_socket *s, const struct data_call *c, struct data_request *d)
{
	const struct sw_transport *t;
	DWORD timeout;
	int bound = 0;
	if (c->by_message && !c->message)
		return WSAEFAULT;
	if (c->by_message && s->type == WSD_SOCK_STREAM)
		return WSAEINVAL;
	if (c->by_message && c->op == SW_OP_SEND) { /* binds before anything is looked at */
		pthread_mutex_lock(&s->lock);
		bound = bind_for_send(s);
		pthread_mutex_unlock(&s->lock);
	}
	int code = read_call(s, c, d);
	if (code || bound)
		return code ? code : bound;
	pthread_mutex_lock(&s->lock);
	code = judge(s, c, &d->r, &t, &timeout);
	pthread_mutex_unlock(&s->lock);
	return code ? code : data_run(s, t, d, c->overlapped != NULL, timeout);
}

/* What the call itself gives back. */
static void answer(const struct data_call *c, const struct sw_request *r, DWORD *ret_moved,
		   DWORD *ret_flags)
{
	DWORD flags = told_flags(r);
	*ret_moved = (DWORD)r->done;
	*ret_flags = flags;
	if (c->moved_at)
		memory_write(c->moved_at, ret_moved, sizeof(*ret_moved));
	if (c->flags_at)
		memory_write(c->flags_at, &flags, sizeof(flags));
}

static int data_of(struct sw_socket *s, const struct data_call *c, DWORD *ret_moved,
		   DWORD *ret_flags)
{
	const bool heap = c->overlapped != NULL;
	struct data_request here, *d = heap ? malloc(sizeof(*d)) : &here;
	struct sw_process *p = s->process;
	int code = sw_fault_netdown(p, c->name) ? WSAENETDOWN
		   : c->routine                 ? WSAEOPNOTSUPP /* completion routines come later */
						: 0;
	if (!code && !d)
		code = WSAENOBUFS;
	if (!code) {
		memset((char *)d + sizeof(d->r), 0, sizeof(*d) - sizeof(d->r));
		sw_request_init(&d->r, s, c->op, c->flags);
		d->r.overlapped = c->overlapped;
		code = transfer(s, c, d);
		if (has_moved(code))
			answer(c, &d->r, ret_moved, ret_flags);
		if (code != WSA_IO_PENDING)
			data_release(d, heap);
	} else if (heap) {
		free(d);
	}
	if (c->op == SW_OP_RECV)
		netevents_reenable(s, FD_READ | FD_OOB);
	else if (code == WSAEWOULDBLOCK)
		netevents_reenable(s, FD_WRITE);
	return code;
}

int sw_data(struct sw_process *p, SOCKET handle, const struct data_call *c, DWORD *ret_moved,
	    DWORD *ret_flags)
{
	struct sw_socket *s = sw_socket_find(p, handle);
	if (!s)
		return WSAENOTSOCK;
	int code = data_of(s, c, ret_moved, ret_flags);
	sw_socket_put(s);
	return code;
}

/* The long way of a short call. */
static __attribute__((noinline)) int plain_of(struct sw_socket *s, const char *name, enum sw_op op,
					      char *buffer, int len, int flags, DWORD *ret_moved)
{
	DWORD ignored;
	struct data_call c = {.name = name, .op = op, .flags = (DWORD)flags};
	data_one_buffer(&c, buffer, len);
	return data_of(s, &c, ret_moved, &ignored);
}

int sw_data_plain(struct sw_process *p, SOCKET handle, const char *name, enum sw_op op,
		  char *buffer, int len, int flags, DWORD *ret_moved)
{
	struct sw_socket *s = sw_socket_find(p, handle);
	int code = 0;
	if (!s)
		return WSAENOTSOCK;
	DWORD moved = 0;
	if (!flags && len > 0 && buffer && !sw_fault_netdown(p, name))
		moved = transport_san_now(s, op, buffer, (DWORD)len);
	if (!moved)
		code = plain_of(s, name, op, buffer, len, flags, &moved);
	else if (op == SW_OP_RECV)
		netevents_reenable(s, FD_READ | FD_OOB);
	*ret_moved = moved;
	sw_socket_put(s);
	return code;
}
