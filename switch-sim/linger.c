/* SPDX-License-Identifier: MIT
 *
 * What goes on after closesocket.
 *
 * A connection that was accepted in an EXCLUSIVE name keeps the name from other sockets until it is
 * inactive, also when listener and connection are closed: its descriptor stays with us until the
 * peer has answered the FIN, or the kernel would not wait for that any longer [WS-REUSE-11].
 *
 * A session ends in the background: it has a reference to its socket's record, which has the TCP/IP
 * socket and the share of a name, until then [SW-CLOSE-2].
 */
#include "linger.h"
#include "reactor.h"
#include "session.h"
#include "transport.h"
#include "naming.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	FIN_MS = 60000,      /* as long as the kernel waits for a peer's FIN */
	SESSION_MS = 30000,  /* SW-CLOSE-2 */
	LOOK_FIRST_US = 200, /* between looks at a connection that ends */
	LOOK_MOST_US = 10000,
};

/* ---- shares of a name ---- */

struct name_hold {
	atomic_uint shares;
	struct sw_process *process;
	uint64_t name_id;
};

struct name_hold *linger_share(struct sw_socket *listener)
{
	struct name_hold *hold = listener->hold;
	if (!listener->named || !listener->exclusive)
		return NULL;
	if (!hold) {
		hold = malloc(sizeof(*hold));
		if (!hold)
			return NULL;
		*hold = (struct name_hold){1, listener->process, listener->name_id};
		listener->hold = hold;
	}
	atomic_fetch_add(&hold->shares, 1);
	return hold;
}

void linger_drop(struct name_hold *hold)
{
	if (!hold || atomic_fetch_sub(&hold->shares, 1) != 1)
		return;
	naming_release(hold->process, hold->name_id);
	atomic_fetch_sub(&hold->process->bound, 1);
	free(hold);
}

/* ---- connections that end, with a share ---- */

struct lingering {
	struct lingering *prev, *next; /* of the process */
	struct sw_process *process;
	struct name_hold *hold;
	int fd;
	struct reactor *reactor;
	struct reactor_watch watch;
	struct reactor_timer timer;
};

static int tcp_state(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ? TCP_CLOSE : info.tcpi_state;
}

static bool unread(int fd)
{
	int n = 0;
	return ioctl(fd, FIONREAD, &n) == 0 && n > 0;
}

/* True: it was in the list; of two callers one is told so. */
static bool unlist(struct lingering *l)
{
	struct sw_process *p = l->process;
	pthread_mutex_lock(&p->close_lock);
	bool found = l->prev || p->lingering == l;
	if (found && l->prev)
		l->prev->next = l->next;
	else if (found)
		p->lingering = l->next;
	if (found && l->next)
		l->next->prev = l->prev;
	l->prev = l->next = NULL;
	pthread_mutex_unlock(&p->close_lock);
	return found;
}

static void finish(struct lingering *l)
{
	reactor_timer_stop(l->reactor, &l->timer);
	reactor_unwatch(l->reactor, &l->watch);
	sw_fds_begin();
	close(l->fd);
	sw_fds_end();
	linger_drop(l->hold);
	free(l);
}

/* Data that comes now is for nobody: the close that follows says so to the peer. */
static void look(struct reactor_watch *w, uint32_t events)
{
	struct lingering *l =
		(struct lingering *)(void *)((char *)w - offsetof(struct lingering, watch));
	if ((tcp_state(l->fd) == TCP_CLOSE || unread(l->fd)) && unlist(l))
		finish(l);
}

static void too_long(struct reactor_timer *t)
{
	struct lingering *l =
		(struct lingering *)(void *)((char *)t - offsetof(struct lingering, timer));
	if (unlist(l))
		finish(l);
}

static struct lingering *prepare(struct sw_socket *s)
{
	struct lingering *l = malloc(sizeof(*l));
	if (!l)
		return NULL;
	*l = (struct lingering){.process = s->process,
				.fd = (int)s->tcp,
				.watch = {.ready = look, .fd = (int)s->tcp},
				.timer = {.fire = too_long}};
	if (reactor_start(s->process, &l->reactor) < 0) {
		free(l);
		return NULL;
	}
	return l;
}

bool linger_keep(struct sw_socket *s)
{
	struct sw_process *p = s->process;
	struct wsd_linger how;
	memcpy(&how, &s->options.linger, sizeof(how));
	int fd = (int)s->tcp;
	if (how.l_onoff || s->session || unread(fd)) /* it will be reset */
		return false;
	if (shutdown(fd, SHUT_WR) < 0 || tcp_state(fd) == TCP_CLOSE)
		return false;
	struct lingering *l = prepare(s);
	if (!l)
		return false;
	l->hold = s->hold;
	pthread_mutex_lock(&p->close_lock);
	l->next = p->lingering;
	if (l->next)
		l->next->prev = l;
	p->lingering = l;
	pthread_mutex_unlock(&p->close_lock);
	s->hold = NULL;
	s->tcp = INVALID_SOCKET;
	reactor_timer_set(l->reactor, &l->timer, waiter_deadline(FIN_MS));
	if (reactor_arm_edge(l->reactor, &l->watch, EPOLLIN | EPOLLRDHUP) < 0 && unlist(l))
		finish(l);
	return true;
}

/* ---- TCP/IP ---- */

static bool sent(int fd)
{
	switch (tcp_state(fd)) {
	case TCP_FIN_WAIT1:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
	case TCP_ESTABLISHED:
	case TCP_CLOSE_WAIT:
		return false;
	default:
		return true;
	}
}

/* The kernel tells nobody that the last byte is acknowledged: look now and then. */
bool linger_wait_sent(SOCKET tcp, uint64_t deadline_ns)
{
	useconds_t pause = LOOK_FIRST_US;
	if (shutdown((int)tcp, SHUT_WR) < 0)
		return true; /* there is no connection any more */
	while (!sent((int)tcp)) {
		if (waiter_now_ns() >= deadline_ns)
			return false;
		usleep(pause);
		pause = pause * 2 < LOOK_MOST_US ? pause * 2 : LOOK_MOST_US;
	}
	return true;
}

bool linger_unsent(SOCKET tcp)
{
	int n = 0;
	return ioctl((int)tcp, SIOCOUTQ, &n) == 0 && n > 0;
}

/* ---- the SAN ---- */

/* Until the peer has everything, whether it closes or not: the session's time limit ends it. */
static void wait_delivered(struct sw_socket *s, struct session *session)
{
	struct waiter w;
	struct waiter_link link = {0};
	if (waiter_begin(&w) < 0)
		return;
	waiter_link(&s->waiters, &link, &w, SW_READY_CLOSE);
	while (!session_delivered(session) && waiter_sleep(&w, NULL, 0, WAITER_FOREVER) >= 0)
		;
	waiter_unlink(&link);
	waiter_end(&w);
}

void linger_session(struct sw_socket *s, bool wait)
{
	struct wsd_linger l;
	pthread_mutex_lock(&s->lock);
	memcpy(&l, &s->options.linger, sizeof(l));
	struct session *session = s->session;
	bool lingers = wait && l.l_onoff && l.l_linger && !s->options.nonblocking;
	pthread_mutex_unlock(&s->lock);
	session_close(session, lingers                    ? l.l_linger * 1000u
			       : l.l_onoff && !l.l_linger ? 0
							  : SESSION_MS);
	if (lingers)
		wait_delivered(s, session);
}

/* ---- WSACleanup ---- */

void linger_cleanup(struct sw_process *p)
{
	for (;;) {
		pthread_mutex_lock(&p->close_lock);
		struct lingering *l = p->lingering;
		if (l) { /* as unlist() */
			p->lingering = l->next;
			if (l->next)
				l->next->prev = NULL;
			l->prev = l->next = NULL;
		}
		pthread_mutex_unlock(&p->close_lock);
		if (!l)
			return;
		finish(l);
	}
}

/* The memory stays: nobody knows what the parent's threads were doing with it. */
void linger_after_fork(struct sw_process *p)
{
	for (const struct lingering *l = p->lingering; l; l = l->next)
		close(l->fd);
}
