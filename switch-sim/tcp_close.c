/* SPDX-License-Identifier: MIT
 *
 * The end of a socket's data on TCP/IP: requests that wait are ended, what non-blocking sends left
 * is still sent [WS-CLOSE-1, WS-DATA-3].
 *
 * A descriptor that the reactor may know is closed here, after it was taken out of the reactor.
 */
#include "tcp_io_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Caller holds the direction's lock. */
static void end_all(struct tcp_direction *d, bool with_rest)
{
	for (struct sw_request *r = d->first, *next; r; r = next) {
		next = r->next;
		if (tcp_is_rest(r) && !with_rest)
			continue;
		r->code = tcp_is_waited(r) ? WSAEINTR : WSA_OPERATION_ABORTED;
		tcp_unlink(d, r);
		tcp_ended(d, r);
	}
}

/* ---- the process's list of those that are still sent ---- */

static void list_add(struct tcp_io *io)
{
	struct sw_process *p = io->s->process;
	pthread_mutex_lock(&p->drain_lock);
	io->drain_next = p->drains;
	if (p->drains)
		p->drains->drain_prev = io;
	p->drains = io;
	pthread_mutex_unlock(&p->drain_lock);
}

/* True: it was in the list; of two callers one is told so. */
static bool list_remove(struct tcp_io *io)
{
	struct sw_process *p = io->s->process;
	pthread_mutex_lock(&p->drain_lock);
	bool found = io->drain_prev || p->drains == io;
	if (found && io->drain_prev)
		io->drain_prev->drain_next = io->drain_next;
	else if (found)
		p->drains = io->drain_next;
	if (found && io->drain_next)
		io->drain_next->drain_prev = io->drain_prev;
	io->drain_prev = io->drain_next = NULL;
	pthread_mutex_unlock(&p->drain_lock);
	return found;
}

/* ---- closing ---- */

bool tcp_io_close(struct sw_socket *s, bool abort)
{
	struct tcp_io *io = atomic_load(&s->tcp_io);
	if (!io)
		return false;
	struct tcp_direction *send = &io->direction[SW_OP_SEND];
	struct tcp_direction *receive = &io->direction[SW_OP_RECV];
	pthread_mutex_lock(&send->lock);
	pthread_mutex_lock(&receive->lock);
	end_all(send, abort);
	end_all(receive, true);
	io->closed = true;
	io->draining = send->first != NULL;
	if (!io->draining)
		io->fd = INVALID_SOCKET;
	pthread_mutex_lock(&io->watch_lock);
	io->ours = io->reactor != NULL;
	pthread_mutex_unlock(&io->watch_lock);
	if (io->ours) {
		io->closing = s->tcp;
		s->tcp = INVALID_SOCKET;
	}
	if (io->draining) {
		sw_socket_ref(s);
		list_add(io);
	}
	bool ours = io->ours;
	pthread_mutex_unlock(&receive->lock);
	pthread_mutex_unlock(&send->lock);
	return ours;
}

/* The reactor forgets the descriptor; it is closed, and the watch's reference given up. */
static void let_go(struct tcp_io *io)
{
	INT error;
	reactor_unwatch(io->reactor, &io->watch);
	pthread_mutex_lock(&io->watch_lock);
	bool armed = io->armed;
	io->armed = false;
	pthread_mutex_unlock(&io->watch_lock);
	sw_fds_begin();
	io->s->process->tcpip.lpWSPCloseSocket(io->closing, &error);
	io->closing = INVALID_SOCKET;
	sw_fds_end();
	if (armed)
		sw_socket_put(io->s);
}

void tcp_io_closed(struct tcp_io *io)
{
	if (!io)
		return;
	if (io->ours && !io->draining)
		let_go(io);
	tcp_finish(io, &io->direction[SW_OP_SEND]);
	tcp_finish(io, &io->direction[SW_OP_RECV]);
}

static void drop_drain(struct tcp_io *io)
{
	struct sw_socket *s = io->s;
	struct waiter_list *gone = &s->process->drained;
	struct tcp_direction *d = &io->direction[SW_OP_SEND];
	pthread_mutex_lock(&d->lock);
	end_all(d, true);
	io->fd = INVALID_SOCKET;
	pthread_mutex_unlock(&d->lock);
	tcp_finish(io, d);
	let_go(io);
	waiter_list_wake(gone, SW_READY_CLOSE);
	sw_socket_put(s);
}

void tcp_drained(struct tcp_io *io)
{
	static const struct wsd_linger off;
	struct tcp_direction *d = &io->direction[SW_OP_SEND];
	INT error;
	pthread_mutex_lock(&d->lock);
	bool done = io->draining && !d->first;
	if (done && io->closing != INVALID_SOCKET) /* the close must not wait on this thread */
		io->s->process->tcpip.lpWSPSetSockOpt(io->closing, WSD_SOL_SOCKET, WSD_SO_LINGER,
						      (const char *)&off, sizeof(off), &error);
	pthread_mutex_unlock(&d->lock);
	if (done && list_remove(io))
		drop_drain(io);
}

int tcp_io_flush(struct sw_socket *s, uint64_t deadline_ns)
{
	struct tcp_io *io = atomic_load(&s->tcp_io);
	struct waiter w;
	struct waiter_link link = {0};
	int code = WSAEWOULDBLOCK;
	if (!io)
		return 0;
	struct tcp_direction *d = &io->direction[SW_OP_SEND];
	if (waiter_begin(&w) < 0)
		return WSAENOBUFS;
	waiter_link(&s->waiters, &link, &w, SW_READY_WRITE);
	for (;;) {
		bool left = false;
		pthread_mutex_lock(&d->lock);
		for (const struct sw_request *r = d->first; r; r = r->next)
			left |= tcp_is_rest(r);
		pthread_mutex_unlock(&d->lock);
		if (!left)
			code = 0;
		if (!left || waiter_sleep(&w, NULL, 0, deadline_ns) < 0)
			break;
	}
	waiter_unlink(&link);
	waiter_end(&w);
	return code;
}

void tcp_io_cleanup(struct sw_process *p)
{
	uint64_t deadline = waiter_deadline(TCP_DRAIN_MS);
	struct waiter w;
	struct waiter_link link = {0};
	pthread_mutex_lock(&p->drain_lock);
	struct tcp_io *io = p->drains;
	pthread_mutex_unlock(&p->drain_lock);
	if (!io)
		return;
	bool begun = waiter_begin(&w) == 0, waiting = begun;
	if (begun)
		waiter_link(&p->drained, &link, &w, SW_READY_CLOSE);
	for (;;) {
		pthread_mutex_lock(&p->drain_lock);
		io = p->drains;
		if (io)
			sw_socket_ref(io->s);
		pthread_mutex_unlock(&p->drain_lock);
		if (!io)
			break;
		if (!waiting || waiter_sleep(&w, NULL, 0, deadline) < 0) {
			waiting = waiting && waiter_now_ns() < deadline;
			if (list_remove(io))
				drop_drain(io);
		}
		sw_socket_put(io->s);
	}
	if (begun) {
		waiter_unlink(&link);
		waiter_end(&w);
	}
}

/* Requests may wait: all stays reachable. */
void tcp_io_after_fork(struct tcp_io *io)
{
	static struct tcp_io *abandoned;
	if (!io)
		return;
	if (io->ours && io->closing != INVALID_SOCKET)
		close((int)io->closing);
	io->drain_next = abandoned;
	abandoned = io;
}
