/* SPDX-License-Identifier: MIT
 *
 * Data over TCP/IP: a queue of requests for each direction. A request is tried at once; a thread
 * that blocks polls the descriptor itself; what nobody waits for is served by the reactor, armed
 * for one event at a time [WS-DATA-1 to 4, SW-BLOCK-1]. Datagram and raw sockets are served too.
 *
 * Whoever finds the descriptor ready tries the queue from its head, so requests of one direction
 * end in order (those for urgent data among themselves), and their finish() is called in that order
 * by one thread at a time.
 */
#include "tcp_io_priv.h"
#include "errmap.h"
#include "usermem.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define IO_OF(w) ((struct tcp_io *)(void *)((char *)(w)-offsetof(struct tcp_io, watch)))

static void ready_on_reactor(struct reactor_watch *w, uint32_t events);

/* ---- the record ---- */

static struct tcp_io *create(struct sw_socket *s)
{
	struct tcp_io *io = calloc(1, sizeof(*io));
	if (!io)
		return NULL;
	io->s = s;
	io->fd = s->tcp;
	io->watch = (struct reactor_watch){.ready = ready_on_reactor, .fd = (int)s->tcp};
	pthread_mutex_init(&io->watch_lock, NULL);
	for (int i = 0; i < 2; i++)
		pthread_mutex_init(&io->direction[i].lock, NULL);
	return io;
}

void tcp_io_free(struct tcp_io *io)
{
	if (!io)
		return;
	for (int i = 0; i < 2; i++)
		pthread_mutex_destroy(&io->direction[i].lock);
	pthread_mutex_destroy(&io->watch_lock);
	free(io);
}

/* Return a WSA code. */
static int get(struct sw_socket *s, struct tcp_io **ret)
{
	struct tcp_io *io = atomic_load(&s->tcp_io);
	int code = 0;
	if (!io) {
		pthread_mutex_lock(&s->lock);
		io = atomic_load(&s->tcp_io);
		if (s->state == SW_CLOSED)
			code = WSAENOTSOCK;
		else if (!io && !(io = create(s)))
			code = WSAENOBUFS;
		else
			atomic_store(&s->tcp_io, io);
		pthread_mutex_unlock(&s->lock);
	}
	*ret = io;
	return code;
}

/* ---- queues; the caller holds the direction's lock ---- */

static void append(struct tcp_direction *d, struct sw_request *r)
{
	r->next = NULL;
	r->prev = d->last;
	if (d->last)
		d->last->next = r;
	else
		d->first = r;
	d->last = r;
	d->urgent += tcp_is_urgent(r);
	r->queued = true;
}

void tcp_unlink(struct tcp_direction *d, struct sw_request *r)
{
	if (r->prev)
		r->prev->next = r->next;
	else
		d->first = r->next;
	if (r->next)
		r->next->prev = r->prev;
	else
		d->last = r->prev;
	d->urgent -= tcp_is_urgent(r);
	r->queued = false;
}

void tcp_ended(struct tcp_direction *d, struct sw_request *r)
{
	r->next = NULL;
	if (d->ended)
		d->ended_last->next = r;
	else
		d->ended = r;
	d->ended_last = r;
}

/* The reactor serves what no thread waits for. WSA code. */
static int arm(struct tcp_io *io, uint32_t events)
{
	int err = 0;
	pthread_mutex_lock(&io->watch_lock);
	if (!io->reactor)
		err = reactor_start(io->s->process, &io->reactor);
	if (!err)
		err = reactor_arm(io->reactor, &io->watch, io->wanted | events);
	if (!err) {
		io->wanted |= events;
		if (!io->armed)
			sw_socket_ref(io->s);
		io->armed = true;
	}
	pthread_mutex_unlock(&io->watch_lock);
	return err ? WSAENOBUFS : 0;
}

static uint32_t events_of(const struct sw_request *r)
{
	if (r->op == SW_OP_SEND)
		return EPOLLOUT;
	return tcp_is_urgent(r) ? EPOLLPRI | EPOLLRDHUP : EPOLLIN | EPOLLRDHUP;
}

int tcp_enqueue(struct tcp_io *io, struct sw_request *r)
{
	append(&io->direction[r->op], r);
	int code = tcp_is_waited(r) ? 0 : arm(io, events_of(r));
	if (code)
		tcp_unlink(&io->direction[r->op], r);
	return code;
}

void tcp_emptied(struct tcp_io *io, struct tcp_direction *d)
{
	INT error;
	if (d->first || d != &io->direction[SW_OP_SEND])
		return;
	if (d->shut_after && io->fd != INVALID_SOCKET)
		io->s->process->tcpip.lpWSPShutdown(io->fd, WSD_SD_SEND, &error);
	d->shut_after = false;
	sw_notify(io->s, SW_READY_WRITE, 0);
}

static void rearm(struct tcp_io *io, struct tcp_direction *d)
{
	uint32_t events = 0;
	for (struct sw_request *r = d->first; r; r = r->next)
		if (!tcp_is_waited(r))
			events |= events_of(r);
	int code = events ? arm(io, events) : 0;
	for (struct sw_request *r = d->first, *next; code && r; r = next) {
		next = r->next;
		if (tcp_is_waited(r))
			continue;
		r->code = code; /* nobody would ever serve it */
		tcp_unlink(d, r);
		tcp_ended(d, r);
	}
}

/* The descriptor may be ready: try. @fired: the reactor is not armed any more. No lock held. */
static void serve(struct tcp_io *io, struct tcp_direction *d, bool fired)
{
	bool any = false, stuck[2] = {false, false}; /* [1]: those for urgent data */
	pthread_mutex_lock(&d->lock);
	for (struct sw_request *r = d->first, *next; r; r = next) {
		bool *waits = &stuck[tcp_is_urgent(r)];
		next = r->next;
		if (!*waits && tcp_attempt(io, r)) {
			tcp_unlink(d, r);
			tcp_ended(d, r);
			any = true;
		} else {
			*waits = true;
			if (stuck[0] && (stuck[1] || !d->urgent))
				break;
		}
	}
	if (any)
		tcp_emptied(io, d);
	if (fired)
		rearm(io, d);
	pthread_mutex_unlock(&d->lock);
	tcp_finish(io, d);
}

void tcp_finish(struct tcp_io *io, struct tcp_direction *d)
{
	struct sw_request *r;
	pthread_mutex_lock(&d->lock);
	if (d->finishing) { /* that thread takes ours along */
		pthread_mutex_unlock(&d->lock);
		return;
	}
	d->finishing = true;
	while ((r = d->ended)) {
		d->ended = r->next;
		pthread_mutex_unlock(&d->lock);
		void (*finish)(struct sw_request *) = r->finish;
		atomic_store(&r->over, true);
		if (finish)
			finish(r);
		else /* its call may have returned already */
			waiter_list_wake(&io->s->waiters, SW_READY_REQUEST);
		pthread_mutex_lock(&d->lock);
	}
	d->finishing = false;
	pthread_mutex_unlock(&d->lock);
}

static void ready_on_reactor(struct reactor_watch *w, uint32_t events)
{
	struct tcp_io *io = IO_OF(w);
	struct sw_socket *s = io->s;
	pthread_mutex_lock(&io->watch_lock);
	bool ours = io->armed; /* the reference; otherwise tcp_io_closed has taken it */
	io->armed = false;
	io->wanted = 0;
	pthread_mutex_unlock(&io->watch_lock);
	serve(io, &io->direction[SW_OP_RECV], true);
	serve(io, &io->direction[SW_OP_SEND], true);
	tcp_drained(io);
	if (ours)
		sw_socket_put(s);
}

/* ---- the table ---- */

/* What a non-blocking send left to us. */
struct rest {
	struct sw_request r;
	char bytes[];
};

static void finish_rest(struct sw_request *r)
{
	free(r);
}

bool tcp_is_rest(const struct sw_request *r)
{
	return r->finish == finish_rest;
}

/* The kernel took the first r->done bytes. Takes as many of the others as may be; the send has
 * succeeded in any case, if only in part. Caller holds the direction's lock. */
static void keep_rest(struct tcp_io *io, struct sw_request *r)
{
	uint64_t left = r->total - r->done;
	size_t n = left < TCP_REST_MAX ? (size_t)left : TCP_REST_MAX, at = 0;
	WSABUF part;
	struct rest *rest = malloc(sizeof(*rest) + n);
	if (!rest)
		return;
	for (; at < n && sw_request_window(r, at, n - at, &part, 1); at += part.len)
		if (memory_read_long(rest->bytes + at, part.buf, part.len) < 0)
			break; /* the kernel would have stopped there, too */
	sw_request_init(&rest->r, io->s, SW_OP_SEND, r->flags & WSD_MSG_DONTROUTE);
	sw_request_one(&rest->r, rest->bytes, (DWORD)at);
	rest->r.finish = finish_rest;
	/* its last byte, and so the urgent one */
	rest->r.flags |= at == left ? r->flags & WSD_MSG_OOB : 0;
	if (!at || tcp_enqueue(io, &rest->r))
		free(rest);
	else
		r->done += at;
}

/* A non-blocking request that could not end by itself. */
static void end_now(struct tcp_io *io, struct sw_request *r)
{
	if (r->op == SW_OP_SEND && r->done)
		keep_rest(io, r);
	else if (!r->done)
		r->code = WSAEWOULDBLOCK;
}

/* One of its kind waits already. Caller holds the direction's lock. */
static bool has_before(const struct tcp_direction *d, const struct sw_request *r)
{
	const struct sw_request *before = d->first;
	if (tcp_is_urgent(r))
		return d->urgent;
	while (before && d->urgent && tcp_is_urgent(before))
		before = before->next;
	return before;
}

static bool submit(struct sw_socket *s, struct sw_request *r)
{
	struct tcp_io *io;
	r->code = get(s, &io);
	bool over = r->code != 0;
	if (!over) {
		struct tcp_direction *d = &io->direction[r->op];
		pthread_mutex_lock(&d->lock);
		over = (io->closed || !has_before(d, r)) && tcp_attempt(io, r);
		if (!over && r->nonblocking) {
			end_now(io, r);
			over = true;
		} else if (!over) {
			r->code = tcp_enqueue(io, r);
			over = r->code != 0;
		}
		pthread_mutex_unlock(&d->lock);
	}
	if (over)
		atomic_store(&r->over, true);
	return over;
}

static bool cancel(struct sw_socket *s, struct sw_request *r, int code)
{
	struct tcp_io *io = atomic_load(&s->tcp_io);
	if (!io) /* DisconnectEx has taken the connection away, and ended r */
		return false;
	struct tcp_direction *d = &io->direction[r->op];
	pthread_mutex_lock(&d->lock);
	bool found = r->queued;
	if (found) {
		tcp_unlink(d, r);
		r->code = code;
		atomic_store(&r->over, true);
		tcp_emptied(io, d);
	}
	pthread_mutex_unlock(&d->lock);
	return found;
}

static int wait_polling(struct tcp_io *io, struct sw_request *r, struct waiter *w,
			uint64_t deadline_ns)
{
	short events = r->op == SW_OP_SEND ? POLLOUT
		       : tcp_is_urgent(r)  ? POLLPRI | POLLRDHUP
					   : POLLIN;
	while (!atomic_load(&r->over)) {
		struct pollfd fds[2] = {{.fd = (int)io->fd, .events = events}};
		int n = waiter_sleep(w, fds, 1, deadline_ns);
		if (atomic_load(&r->over))
			break;
		if (n == -ETIMEDOUT)
			return WSAETIMEDOUT;
		if (n < 0)
			return WSAENOBUFS;
		if (n & SW_READY_GONE)
			return WSAEINTR;
		if (fds[0].revents)
			serve(io, &io->direction[r->op], false);
	}
	return 0;
}

static int wait(struct sw_socket *s, struct sw_request *r, uint64_t deadline_ns)
{
	struct waiter w;
	struct waiter_link link = {0};
	struct tcp_io *io = atomic_load(&s->tcp_io);
	if (!io) /* DisconnectEx was quicker: it ends r */
		return WSAEINTR;
	if (waiter_begin(&w) < 0)
		return WSAENOBUFS;
	waiter_link(&s->waiters, &link, &w, SW_READY_REQUEST | SW_READY_GONE);
	int code = wait_polling(io, r, &w, deadline_ns);
	waiter_unlink(&link);
	waiter_end(&w);
	return code;
}

/* ---- readiness ---- */

static bool in_line(const struct sw_socket *s)
{
	return s->type != WSD_SOCK_STREAM || tcp_in_line(s->tcp);
}

static unsigned bits_of(const struct sw_socket *s, short events)
{
	bool stream = s->type == WSD_SOCK_STREAM;
	unsigned bits = 0;
	if (events & (POLLIN | POLLHUP | POLLERR | POLLRDHUP))
		bits |= SW_READY_READ;
	if (events & (POLLOUT | POLLHUP | POLLERR))
		bits |= SW_READY_WRITE;
	if (stream && (events & (POLLHUP | POLLERR | POLLRDHUP)))
		bits |= SW_READY_CLOSE;
	if (stream && (events & POLLERR))
		bits |= SW_READY_ERROR;
	if ((events & POLLPRI) && !in_line(s))
		bits |= SW_READY_URGENT;
	if (s->shut_receive) /* a call would answer at once */
		bits |= SW_READY_READ;
	if (s->shut_send)
		bits |= SW_READY_WRITE;
	return bits;
}

/* What we know and the kernel does not. */
static unsigned own_bits(struct tcp_io *io, unsigned bits, bool *ret_busy)
{
	struct tcp_direction *d = &io->direction[SW_OP_SEND];
	pthread_mutex_lock(&d->lock);
	*ret_busy = d->first;
	pthread_mutex_unlock(&d->lock);
	if (atomic_load(&io->unreachable))
		bits |= SW_READY_READ;
	if (atomic_load(&io->lost))
		return bits | SW_READY_READ | SW_READY_WRITE | SW_READY_CLOSE | SW_READY_ERROR;
	return *ret_busy ? bits & ~(unsigned)SW_READY_WRITE : bits;
}

static unsigned ready(struct sw_socket *s, unsigned want, struct pollfd *fd)
{
	unsigned bits = SW_READY_GONE;
	bool busy = false, inline_urgent = true;
	pthread_mutex_lock(&s->lock);
	struct pollfd p = {.fd = (int)s->tcp, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP};
	if (s->state != SW_CLOSED) {
		if (!fd && poll(&p, 1, 0) < 0) /* with fd the caller polls many at once */
			p.revents = 0;
		bits = bits_of(s, p.revents);
		inline_urgent = !(want & SW_READY_URGENT) || in_line(s);
	}
	struct tcp_io *io = atomic_load(&s->tcp_io);
	if (io && s->state != SW_CLOSED)
		bits = own_bits(io, bits, &busy);
	pthread_mutex_unlock(&s->lock);
	if (!fd)
		return bits & (want | SW_READY_GONE);
	fd->fd = p.fd;
	fd->events = 0;
	if (want & SW_READY_READ)
		fd->events |= POLLIN;
	if (want & SW_READY_CLOSE)
		fd->events |= POLLRDHUP;
	if ((want & SW_READY_WRITE) && !busy) /* else sw_notify tells */
		fd->events |= POLLOUT;
	if (!inline_urgent)
		fd->events |= POLLPRI;
	return bits & (want | SW_READY_GONE);
}

/* Under both locks: an attempt between the kernel's answer and its note would take the loss for the
 * end of the stream. */
int tcp_note_loss(struct tcp_io *io)
{
	int error = 0, none = 0;
	socklen_t len = sizeof(error);
	if (!atomic_load(&io->lost) && io->fd != INVALID_SOCKET &&
	    getsockopt((int)io->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error) {
		atomic_store(&io->after_end, error == EPIPE);
		atomic_compare_exchange_strong(&io->lost, &none,
					       errmap(ERRMAP_RECV, error, ERRMAP_ANY_STATE));
	}
	return atomic_load(&io->lost);
}

int tcp_send_code(const struct tcp_io *io)
{
	int lost = atomic_load(&io->lost);
	return lost == WSAECONNRESET && atomic_load(&io->after_end) ? WSAECONNABORTED : lost;
}

int tcp_io_lost(struct sw_socket *s)
{
	struct tcp_io *io;
	if (get(s, &io))
		return 0;
	pthread_mutex_lock(&io->direction[SW_OP_SEND].lock);
	pthread_mutex_lock(&io->direction[SW_OP_RECV].lock);
	int lost = tcp_note_loss(io);
	pthread_mutex_unlock(&io->direction[SW_OP_RECV].lock);
	pthread_mutex_unlock(&io->direction[SW_OP_SEND].lock);
	return lost;
}

/* ---- the rest of the table ---- */

/* Receiving is shut in the switch alone: a request that waits still gets its data [WS-DATA-1]. */
static int shut(struct sw_socket *s, int how)
{
	struct tcp_io *io = atomic_load(&s->tcp_io);
	INT error = 0;
	if (how == WSD_SD_RECEIVE)
		return 0;
	struct tcp_direction *d = io ? &io->direction[SW_OP_SEND] : NULL;
	if (d)
		pthread_mutex_lock(&d->lock);
	if (d && d->first)
		d->shut_after = true;
	else
		s->process->tcpip.lpWSPShutdown(s->tcp, WSD_SD_SEND, &error);
	if (d)
		pthread_mutex_unlock(&d->lock);
	return error == WSAENOTCONN ? 0 : error; /* the connection is lost: nothing to shut */
}

static int ask(struct sw_socket *s, DWORD code, DWORD *ret)
{
	INT error = WSAENOTSOCK;
	DWORD returned;
	pthread_mutex_lock(&s->lock);
	if (s->state != SW_CLOSED &&
	    !s->process->tcpip.lpWSPIoctl(s->tcp, code, NULL, 0, ret, sizeof(*ret), &returned, NULL,
					  NULL, NULL, &error))
		error = 0;
	pthread_mutex_unlock(&s->lock);
	return error;
}

static int readable(struct sw_socket *s, uint32_t *ret_bytes)
{
	return ask(s, WSD_FIONREAD, ret_bytes);
}

static int at_mark(struct sw_socket *s, bool *ret_at)
{
	DWORD at;
	int code = ask(s, WSD_SIOCATMARK, &at);
	if (!code)
		*ret_at = at != 0;
	return code;
}

const struct sw_transport transport_tcp = {
	.name = "TCP/IP",
	.submit = submit,
	.cancel = cancel,
	.wait = wait,
	.ready = ready,
	.shutdown = shut,
	.readable = readable,
	.at_mark = at_mark,
	.pieces = true,
};
