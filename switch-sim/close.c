/* SPDX-License-Identifier: MIT
 *
 * closesocket. Everything that waits on the socket ends, its name is free at once, and what was
 * sent is still delivered unless SO_LINGER says otherwise. [WS-CLOSE-1, WS-ACCEPT-5, SW-CLOSE-2]
 *
 * Locks: s->lock; not while a call of another thread is waited for, nor while the socket lingers.
 */
#include "close.h"
#include "accept.h"
#include "connect.h"
#include "handle.h"
#include "linger.h"
#include "netevents.h"
#include "san.h"
#include "san_connect.h"
#include "session.h"
#include "sw_step.h"
#include "tcp_io.h"
#include "tcpip.h"
#include "transport.h"
#include "naming.h"

#include <string.h>

static struct wsd_linger linger_of(const struct sw_socket *s)
{
	struct wsd_linger l;
	memcpy(&l, &s->options.linger, sizeof(l));
	return l;
}

static void set_linger(struct sw_socket *s, bool hard)
{
	const struct wsd_linger l = {.l_onoff = hard};
	INT error;
	memcpy(&s->options.linger, &l, sizeof(l));
	if (s->tcp != INVALID_SOCKET)
		s->process->tcpip.lpWSPSetSockOpt(s->tcp, WSD_SOL_SOCKET, WSD_SO_LINGER,
						  (const char *)&l, sizeof(l), &error);
}

/* ---- the pieces; caller holds s->lock ---- */

/* A child that has just been forked may not have closed its copy yet, and a thread that polls holds
 * on to the socket until it runs again: stop listening all the same. */
static void stop_listening(struct sw_socket *s)
{
	INT error;
	if (s->kernel_listening &&
	    (atomic_load_explicit(&s->process->forked, memory_order_relaxed) ||
	     atomic_load(&s->waiters.first) || s->acceptor))
		s->process->tcpip.lpWSPShutdown(s->tcp, WSD_SD_BOTH, &error);
}

static void close_kernel(struct sw_socket *s)
{
	INT error;
	if (tcp_io_close(s, linger_of(s).l_onoff)) /* closed by tcp_io_closed() or later */
		return;
	if (s->hold && !s->named && linger_keep(s)) /* an EXCLUSIVE name goes with it */
		return;
	sw_fds_begin();
	s->process->tcpip.lpWSPCloseSocket(s->tcp, &error);
	s->tcp = INVALID_SOCKET;
	sw_fds_end();
}

/* Whoever gets the name can listen at once [SW-SHARE-3]. */
static void release_name(struct sw_socket *s)
{
	struct sw_process *p = s->process;
	struct name_hold *hold = s->hold;
	if (!s->named && s->session && !linger_of(s).l_onoff)
		return; /* it keeps its share until it has ended [WS-REUSE-11] */
	s->hold = NULL;
	if (!s->named) {
		linger_drop(hold);
		return;
	}
	if (hold) { /* connections keep it [WS-REUSE-11] */
		naming_unlisten(p, s->name_id);
		linger_drop(hold);
		return;
	}
	naming_release(p, s->name_id);
	atomic_fetch_sub(&p->bound, 1);
}

/* The name goes last. */
static void tear_down(struct sw_socket *s)
{
	if (s->san)
		san_unlisten(s->process->san, s);
	SW_STEP(companion_closed);
	stop_listening(s);
	if (!s->session)
		close_kernel(s);
	SW_STEP(kernel_closed);
	release_name(s);
	SW_STEP(name_released);
	s->named = s->head = s->kernel_listening = s->kernel_bound = false;
}

/* ---- lingering in the call ---- */

/* On a blocking socket, until everything is sent and answered; after that time hard. */
static void linger(struct sw_socket *s, struct wsd_linger l)
{
	uint64_t deadline = waiter_deadline(l.l_linger * 1000u);
	bool hard = tcp_io_flush(s, deadline) || !linger_wait_sent(s->tcp, deadline);
	pthread_mutex_lock(&s->lock);
	set_linger(s, hard);
	pthread_mutex_unlock(&s->lock);
}

static bool lingers(const struct sw_socket *s, bool connected, bool wait)
{
	struct wsd_linger l = linger_of(s);
	return connected && !s->session && s->type == WSD_SOCK_STREAM && l.l_onoff && l.l_linger &&
	       wait && !s->options.nonblocking;
}

/* Bytes that a call was told are sent. Caller holds s->lock. */
static bool unsent(struct sw_socket *s)
{
	if (s->session)
		return session_unsent(s->session);
	return tcp_io_flush(s, 0) || linger_unsent(s->tcp);
}

/* Windows refuses to close a non-blocking socket that would have to wait; a failed call changes
 * nothing. */
static int check_linger(struct sw_socket *s)
{
	pthread_mutex_lock(&s->lock);
	struct wsd_linger l = linger_of(s);
	bool waits = s->state == SW_CONNECTED && s->type == WSD_SOCK_STREAM &&
		     s->options.nonblocking && l.l_onoff && l.l_linger && unsent(s);
	pthread_mutex_unlock(&s->lock);
	return waits ? WSAEWOULDBLOCK : 0;
}

/* ---- the end ---- */

static int close_handle(struct sw_process *p, SOCKET handle, bool wait)
{
	struct sw_socket *s = handles_remove(p->handles, HANDLE_SOCKET, handle);
	if (!s)
		return WSAENOTSOCK;
	pthread_mutex_lock(&s->lock);
	bool connected = s->state == SW_CONNECTED;
	bool connects = s->connector, accepts = s->acceptor;
	struct sw_socket *listener = s->accepting ? sw_socket_ref(s->accepting) : NULL;
	s->state = SW_CLOSED;
	pthread_mutex_unlock(&s->lock);
	sw_notify(s, SW_READY_GONE, 0);
	netevents_stop(s);
	if (connects)
		connect_stop(s);
	if (accepts)
		accept_stop(s);
	if (listener) {
		accept_ex_withdraw(listener, s);
		sw_socket_put(listener);
	}
	if (lingers(s, connected, wait))
		linger(s, linger_of(s));
	pthread_mutex_lock(&s->lock);
	if (connected && !s->session && linger_of(s).l_linger) /* the kernel must not wait */
		set_linger(s, false);
	tear_down(s);
	struct session *session = s->session;
	pthread_mutex_unlock(&s->lock);
	if (session) {
		san_session_closing(session);
		linger_session(s, wait);
	} else {
		tcp_io_closed(atomic_load(&s->tcp_io));
	}
	sw_socket_put(s);
	return 0;
}

int sw_socket_close(struct sw_process *p, SOCKET handle)
{
	struct sw_socket *s = sw_socket_find(p, handle);
	int code = !s                                   ? WSAENOTSOCK
		   : accept_in_condition()              ? WSAEINPROGRESS
		   : sw_fault_netdown(p, "closesocket") ? WSAENETDOWN
							: check_linger(s);
	sw_socket_put(s);
	return code ? code : close_handle(p, handle, true);
}

void sw_socket_abort(struct sw_socket *s)
{
	pthread_mutex_lock(&s->lock);
	if (s->state != SW_CLOSED)
		set_linger(s, true);
	pthread_mutex_unlock(&s->lock);
	close_handle(s->process, sw_socket_handle(s), true);
}

void sw_socket_leave(struct sw_socket *s)
{
	close_handle(s->process, sw_socket_handle(s), false);
}

static void close_one(struct sw_socket *s, void *arg)
{
	sw_socket_leave(s);
}

void sw_socket_close_all(struct sw_process *p)
{
	sw_socket_each(p, close_one, NULL);
}
