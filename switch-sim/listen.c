/* SPDX-License-Identifier: MIT
 *
 * listen, and what `names` tells a listener later: takeover, shadows, a kernel bind to try again.
 * Of the sockets that share a name only the first in rank is in kernel LISTEN and has companions.
 *
 * Locks: s->lock, held over names_listen, the TCP/IP provider and san_*. The callbacks come on a
 * thread of names' with nothing held.
 */
#include "listen.h"
#include "accept.h"
#include "bind.h"
#include "log.h"
#include "san.h"
#include "sw_step.h"
#include "trace.h"
#include "control.h"
#include "naming.h"

#include <limits.h>
#include <stdlib.h>

enum {
	BACKLOG_MAX = 65535,
	HINT_MIN = 200, /* SOMAXCONN_HINT(n) clamps n to 200-65535 [WS-LISTEN-3] */
};

static int legal_backlog(int asked)
{
	if (asked == WSD_SOMAXCONN) /* the kernel and each provider take what they can */
		return asked;
	if (asked >= 0)
		return asked < BACKLOG_MAX ? asked : BACKLOG_MAX;
	if (asked < -BACKLOG_MAX)
		return BACKLOG_MAX;
	return -asked < HINT_MIN ? HINT_MIN : -asked;
}

/*
 * The kernel refuses, and retry() goes on from here: when whoever is in the way leaves the book,
 * or, if nobody of the book is, in a while. A process that is killed leaves the book before the
 * kernel has closed all its sockets.
 */
static void put_off(struct sw_socket *s)
{
	if (bind_in_way(s))
		naming_defer(s->process, s->name_id);
	else
		naming_again(s->process, s->name_id, sw_socket_handle(s));
}

/* Kernel listen, then companions [SW-LISTEN-1, -2]; the kernel bind first if it was put off and can
 * be had by now. What Linux still refuses because of another holder is put off [WS-REUSE-13].
 * Caller holds s->lock; s is first in rank. Return: a WSA code. */
static int bring_up(struct sw_socket *s)
{
	struct sw_process *p = s->process;
	INT error = 0;
	if (!s->kernel_bound) {
		int code = bind_kernel(s);
		if (code == WSAEADDRINUSE) {
			put_off(s);
			return 0;
		}
		if (code)
			return code;
	}
	if (p->tcpip.lpWSPListen(s->tcp, s->backlog, &error)) {
		if (error != WSAEADDRINUSE || !s->named || !bind_in_way(s))
			return error;
		naming_defer(p, s->name_id);
		return 0;
	}
	s->kernel_listening = true;
	accept_listening(s);
	SW_STEP(kernel_listening);
	san_listen(p->san, s);
	SW_STEP(companions_up);
	if (s->named)
		naming_note(p, s->name_id, san_companions(s));
	SW_STEP(listener_noted);
	return 0;
}

/* ---- listen ---- */

/* Out of the rank again, the name kept: the next one, if any, takes over. */
static void leave_rank(struct sw_socket *s)
{
	naming_unlisten(s->process, s->name_id);
	s->head = false;
}

static int listen_named(struct sw_socket *s)
{
	struct sw_process *p = s->process;
	struct names_shadow shadow = {0};
	int code = naming_listen(p, s->name_id, &s->head, &shadow);
	if (code)
		return code;
	if (s->head) {
		san_shadow_all(p->san, s, (const uint8_t(*)[4])shadow.addr, shadow.count);
		code = bring_up(s);
		if (code)
			leave_rank(s);
	} else {
		san_wait_turn(p->san);
	}
	free(shadow.addr);
	return code;
}

static int listen_locked(struct sw_socket *s, int backlog)
{
	int code;
	if (s->state == SW_CLOSED)
		return WSAENOTSOCK;
	if (s->type != WSD_SOCK_STREAM) /* before "unbound" [WS-LISTEN-1] */
		return WSAEOPNOTSUPP;
	if (s->state == SW_CREATED || s->state == SW_CONNECTING)
		return WSAEINVAL;
	if (s->state == SW_CONNECTED)
		return WSAEISCONN;
	if (s->state == SW_LISTENING)
		return 0; /* and the backlog stays [WS-LISTEN-3] */
	if (sw_fault_nobufs(s->process, "listen"))
		return WSAENOBUFS;
	s->backlog = legal_backlog(backlog);
	if (s->named) {
		code = listen_named(s);
	} else { /* AF_UNIX has no names here */
		s->head = true;
		code = bring_up(s);
		s->head = !code;
	}
	if (!code)
		s->state = SW_LISTENING;
	return code;
}

int sw_listen(struct sw_process *p, SOCKET handle, int backlog)
{
	struct sw_socket *s = sw_socket_find(p, handle);
	if (!s)
		return WSAENOTSOCK;
	int code = accept_in_condition() ? WSAEINPROGRESS : WSAENETDOWN;
	if (!accept_in_condition() && !sw_fault_netdown(p, "listen")) {
		pthread_mutex_lock(&s->lock);
		code = listen_locked(s, backlog);
		pthread_mutex_unlock(&s->lock);
	}
	if (!code) /* a server is asked while it waits, too */
		control_start(p);
	sw_socket_put(s);
	return code;
}

/* ---- what names tells later ---- */

/* The socket that an event is about, locked and referenced; NULL: it has gone meanwhile. */
static struct sw_socket *event_socket(struct sw_process *p, uint64_t id, uint64_t cookie)
{
	struct sw_socket *s = sw_socket_find(p, (SOCKET)cookie);
	if (!s)
		return NULL;
	pthread_mutex_lock(&s->lock);
	if (s->named && s->name_id == id)
		return s;
	pthread_mutex_unlock(&s->lock);
	sw_socket_put(s);
	return NULL;
}

static void event_done(struct sw_socket *s)
{
	pthread_mutex_unlock(&s->lock);
	sw_socket_put(s);
}

static void span_enter(struct sw_socket *s, struct trace_span *span, const char *call)
{
	span->trace = NULL;
	struct trace *t = trace_now(&s->process->trace);
	if (t)
		trace_enter(t, span, TRACE_SWITCH, "", call, "s=%s, name=%s",
			    trace_number(sw_socket_handle(s), TRACE_TEXT),
			    trace_name((const struct wsd_sockaddr *)&s->local, s->local_len,
				       TRACE_TEXT));
}

/* A listener whose turn came and failed: the next one has it, and this one queues up again. */
static void fall(struct sw_socket *s, const char *call, int code)
{
	wsd_log(s->fallen ? WSD_LOG_DEBUG : WSD_LOG_WARNING,
		"%s: the listener cannot take its turn now: code %d", call, code);
	s->fallen = true;
	naming_again(s->process, s->name_id, sw_socket_handle(s));
}

/* Go on with a listen that had to wait: for its turn, or for the kernel. */
static void go_on(struct sw_socket *s, const char *call)
{
	struct trace_span span;
	span_enter(s, &span, call);
	int code = bring_up(s);
	if (code) {
		leave_rank(s);
		fall(s, call, code);
	}
	trace_leave(&span, code ? SOCKET_ERROR : 0, code, "%s", "");
}

static void queue_again(struct sw_socket *s)
{
	static const char call[] = "listen again";
	struct trace_span span;
	span_enter(s, &span, call);
	int code = listen_named(s);
	if (code)
		fall(s, call, code);
	else
		s->fallen = false;
	trace_leave(&span, code ? SOCKET_ERROR : 0, code, "%s", "");
}

/* SW-SHARE-3 */
static void takeover(void *ctx, uint64_t id, uint64_t cookie)
{
	SW_STEP(takeover_told);
	struct sw_socket *s = event_socket(ctx, id, cookie);
	if (!s)
		return;
	/* an event from before it fell is no news */
	if (s->state == SW_LISTENING && !s->kernel_listening && !s->fallen) {
		s->head = true;
		go_on(s, "takeover");
	}
	event_done(s);
}

/* SW-WILD-5 */
static void shadow(void *ctx, uint64_t id, uint64_t cookie, const uint8_t (*addr)[4], size_t count)
{
	struct sw_process *p = ctx;
	struct sw_socket *s = event_socket(p, id, cookie);
	if (!s)
		return;
	if (s->state == SW_LISTENING) {
		struct trace_span span;
		span_enter(s, &span, "shadow");
		san_shadow_all(p->san, s, addr, count);
		trace_leave(&span, (long long)count, 0, "%s", "");
		naming_note(p, id, san_companions(s));
	}
	event_done(s);
}

/* WS-REUSE-13: the kernel bind that was put off. */
static void bind_again(struct sw_socket *s)
{
	struct trace_span span;
	span_enter(s, &span, "bind again");
	int code = bind_kernel(s);
	trace_leave(&span, code ? SOCKET_ERROR : 0, code, "%s", "");
	if (code == WSAEADDRINUSE) {
		put_off(s);
	} else if (code) {
		wsd_log(WSD_LOG_WARNING, "a bind that was put off fails: code %d", code);
		naming_again(s->process, s->name_id, sw_socket_handle(s));
	}
}

static void retry(void *ctx, uint64_t id, uint64_t cookie)
{
	struct sw_socket *s = event_socket(ctx, id, cookie);
	if (!s)
		return;
	if (!s->kernel_bound)
		bind_again(s);
	if (s->kernel_bound && s->state == SW_LISTENING && !s->kernel_listening) {
		if (s->fallen)
			queue_again(s);
		else if (s->head)
			go_on(s, "listen again");
	}
	event_done(s);
}

const struct names_ops listen_names_ops = {
	.takeover = takeover,
	.shadow = shadow,
	.retry = retry,
};
