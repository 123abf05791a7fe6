/* SPDX-License-Identifier: MIT
 *
 * The table of transport.h over a SAN session, and what waits for it [SW-BLOCK-1, -4]. No lock of
 * its own; blocking calls drive the session themselves.
 */
#include "transport.h"

#include "netevents.h"
#include "session.h"

#include <errno.h>

enum { LOOK_MS = 10 };

/* DisconnectEx may take a session away from its socket while calls are inside: they go on with it,
 * and it stays as long as any of them is [disconnect.c]. */
static bool san_submit(struct sw_socket *s, struct sw_request *r)
{
	struct session *ss = s->session;
	if (ss)
		return session_submit(ss, r);
	r->code = WSA_OPERATION_ABORTED;
	atomic_store_explicit(&r->over, true, memory_order_release);
	return true;
}

/* One of a session that is gone has been ended by its end, or will be. */
static bool san_cancel(struct sw_socket *s, struct sw_request *r, int code)
{
	struct session *ss = s->session;
	return ss && session_cancel(ss, r, code);
}

DWORD transport_san_now(struct sw_socket *s, enum sw_op op, char *buffer, DWORD len)
{
	struct session *ss = s->session;
	if (!ss)
		return 0;
	if (op == SW_OP_RECV)
		return session_receive_now(ss, buffer, len);
	return session_send_now(ss, buffer, len) ? len : 0;
}

static bool is_over(const struct sw_request *r)
{
	return atomic_load_explicit(&r->over, memory_order_acquire);
}

/* DisconnectEx has woken us when the session was taken away; what it tells from then on reaches
 * those of another socket, so we look by ourselves. */
static uint64_t next_look(struct sw_socket *s, const struct session *ss, uint64_t deadline_ns)
{
	if (s->session == ss)
		return deadline_ns;
	uint64_t soon = waiter_deadline(LOOK_MS);
	return deadline_ns < soon ? deadline_ns : soon;
}

/* closesocket has told those who waited already; who comes later is told by nobody, since a session
 * that is closing has no news for the socket. */
static bool is_closed(struct sw_socket *s)
{
	pthread_mutex_lock(&s->lock);
	bool closed = s->state == SW_CLOSED;
	pthread_mutex_unlock(&s->lock);
	return closed;
}

/* A select of another thread, events, or the end of a call that could not be cancelled yet: they do
 * not look themselves. */
static bool others_wait(void *ctx)
{
	struct sw_socket *s = ctx;
	return atomic_load(&s->waiters.first) || netevents_selected(s);
}

/* Sleep until @r is over. 0, WSAETIMEDOUT or WSAEINTR. *ret_quit: the session knows already that we
 * are gone. */
static int sleep_for(struct sw_socket *s, struct session *ss, struct waiter *w,
		     struct sw_request *r, uint64_t deadline_ns, bool *ret_quit)
{
	struct waiter_link link = {0};
	int code = 0;
	while (!code && !is_over(r)) {
		struct pollfd fds[2];
		int fd = -1, woken = 0;
		/* Linked anew for each sleep: so the session can tell us from others. */
		waiter_link(&s->waiters, &link, w, SW_READY_REQUEST | SW_READY_GONE);
		if (is_closed(s)) {
			code = WSAEINTR;
		} else if (session_attend(ss, r, &fd)) {
			fds[0] = (struct pollfd){.fd = fd, .events = POLLIN};
			if (!is_over(r))
				woken = waiter_sleep(w, fds, fd >= 0,
						     next_look(s, ss, deadline_ns));
			waiter_unlink(&link);
			*ret_quit = session_woken(ss, r, others_wait, s);
			if (*ret_quit)
				return 0;
			if (woken == -ETIMEDOUT && waiter_now_ns() >= deadline_ns)
				code = WSAETIMEDOUT;
			else if (woken > 0 && woken & SW_READY_GONE)
				code = WSAEINTR;
		}
		waiter_unlink(&link);
	}
	return code;
}

static int san_wait(struct sw_socket *s, struct sw_request *r, uint64_t deadline_ns)
{
	struct waiter w;
	struct session *ss = s->session;
	bool quit = false;
	if (!ss) /* it has ended r */
		return WSAEINTR;
	if (session_spin(ss, r, others_wait, s))
		return 0;
	if (waiter_begin(&w) < 0) {
		/* no descriptor to sleep on: the processor, then */
		while (!is_over(r) && waiter_now_ns() < deadline_ns)
			session_poll(ss, r, 1000);
		return is_over(r) ? 0 : WSAETIMEDOUT;
	}
	int code = sleep_for(s, ss, &w, r, deadline_ns, &quit);
	waiter_end(&w);
	if (!quit)
		session_quit(ss, code || others_wait(s));
	return code;
}

static unsigned san_ready(struct sw_socket *s, unsigned want, struct pollfd *fd)
{
	struct session *ss = s->session;
	unsigned bits = ss ? session_ready(ss, want) : SW_READY_GONE;
	if (fd) {
		fd->fd = -1;
		fd->events = 0;
		if (!bits)
			session_detach(ss);
	}
	return bits;
}

static int san_shutdown(struct sw_socket *s, int how)
{
	return session_shutdown(s->session, how);
}

static int san_readable(struct sw_socket *s, uint32_t *ret_bytes)
{
	struct session *ss = s->session;
	*ret_bytes = ss ? session_readable(ss) : 0;
	return ss ? 0 : WSAENOTCONN;
}

static int san_at_mark(struct sw_socket *s, bool *ret_at)
{
	struct session *ss = s->session;
	*ret_at = !ss || session_at_mark(ss);
	return ss ? 0 : WSAENOTCONN;
}

const struct sw_transport transport_san = {
	.name = "SAN",
	.submit = san_submit,
	.cancel = san_cancel,
	.wait = san_wait,
	.ready = san_ready,
	.shutdown = san_shutdown,
	.readable = san_readable,
	.at_mark = san_at_mark,
};
