/* SPDX-License-Identifier: MIT
 *
 * The event thread: CM events, changes of the NICs, the timer; nothing that a call waits for. A
 * switch may do its work on a thread of its own instead, which is "the event thread" then
 * [wsd/serve.h]; one of them at a time, by prov->serve.
 * Between reading and acknowledging a CM event it takes prov->lock alone; after that everything of
 * the lock order (prov.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>
#include <wsd/serve.h>

#include "conn.h"
#include "log.h"
#include "thread.h"
#include "wsp.h"

enum { EVENT_BATCH = 64, READY_BATCH = 32 };

/* What an epoll event is of; any other number is a descriptor of a socket. */
enum source { FROM_CM, FROM_NIC, FROM_TIMER, FROM_WAKE };

int64_t cm_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void cm_timer_locked(struct prov *p, int ms)
{
	int64_t at = cm_now_ms() + ms;
	if (p->timer_at_ms && p->timer_at_ms <= at)
		return;
	struct itimerspec when = {.it_value = {at / 1000, at % 1000 * 1000000}};
	if (!timerfd_settime(p->timer_fd, TFD_TIMER_ABSTIME, &when, NULL))
		p->timer_at_ms = at;
}

/* Names that wait for a device or for another process. True: again on the timer. */
static bool retry_names(struct prov *p)
{
	bool again = false;
	struct name *n, *last = NULL;
	wsd_lock(&p->lock);
	if (p->retry)
		last = p->retry->rprev; /* those that go back to the end are not tried twice */
	for (unsigned i = 0; last && (n = p->retry); i++) {
		if (i == PROV_RETRY_BATCH) {
			again = true;
			break;
		}
		bool end = n == last;
		name_forget_retry_locked(n);
		n->refs++;
		wsd_unlock(&p->lock);
		again |= name_retry(n);
		name_put(n);
		wsd_lock(&p->lock);
		if (end)
			break;
	}
	wsd_unlock(&p->lock);
	return again;
}

/* Whatever waits is looked at, and the timer armed again if something still does. */
static void on_timer(struct prov *p)
{
	wsd_lock(&p->lock);
	p->timer_at_ms = 0;
	bool pending = p->wild_pending;
	wsd_unlock(&p->lock);
	if (pending)
		wild_sync(p);
	bool soon = !dev_let_go(p);
	soon |= retry_names(p);
	request_purge(p, NULL);
	stall_look(p);
	endpoint_timer(p);
	int ms = conn_timer(p);
	wsd_lock(&p->lock);
	if (ms)
		cm_timer_locked(p, ms);
	if (soon || p->wild_pending)
		cm_timer_locked(p, PROV_RETRY_MS);
	else if (p->requests)
		cm_timer_locked(p, PROV_PURGE_MS);
	wsd_unlock(&p->lock);
}

static void on_nic(struct prov *p)
{
	bool changed = false;
	/* Inside the gate: what it opens for a moment a child of a fork does not get. */
	wsd_lock(&p->lock);
	gate_enter_locked(p);
	wsd_unlock(&p->lock);
	int err = nic_monitor_dispatch(p->nic, &changed);
	wsd_lock(&p->lock);
	gate_leave_locked(p);
	wsd_unlock(&p->lock);
	if (err)
		wsd_log(WSD_LOG_WARNING, "provider: the NICs cannot be read: %s", strerror(-err));
	if (!changed)
		return;
	const struct nic_snapshot *snap = nic_monitor_snapshot(p->nic);
	wsd_lock(&p->lock);
	const struct nic_snapshot *old = p->snap;
	p->snap = snap;
	wsd_unlock(&p->lock);
	nic_snapshot_unref(old);
	dev_watch(p, snap); /* this thread alone replaces it */
	wild_sync(p);
	on_timer(p); /* names that were down, devices that are gone */
}

static void on_removal(struct prov *p, struct ibv_context *verbs)
{
	dev_removed(p, verbs);
	if (dev_let_go(p))
		return;
	wsd_lock(&p->lock);
	cm_timer_locked(p, PROV_RETRY_MS);
	wsd_unlock(&p->lock);
}

/* What is needed of an event, which is acknowledged inside the gate and dealt with outside. */
struct cm_news {
	struct rdma_cm_id *id; /* of a request, else NULL */
	struct request *request;
	struct name *name;
	struct ibv_context *removed;
	struct conn_news conn; /* c is NULL if it is of none */
};

static bool read_cm_event(struct prov *p, struct cm_news *news)
{
	struct rdma_cm_event *event;
	*news = (struct cm_news){0};
	if (rdma_get_cm_event(p->channel, &event)) {
		if (errno != EAGAIN && errno != EINTR)
			wsd_log(WSD_LOG_WARNING, "provider: no CM event: %s", strerror(errno));
		return false;
	}
	if (event->event == RDMA_CM_EVENT_CONNECT_REQUEST) {
		news->id = event->id;
		news->request = request_read(p, event, &news->name);
	} else if (event->event == RDMA_CM_EVENT_DEVICE_REMOVAL) {
		/* An id is destroyed only after its events are acknowledged. */
		news->removed = event->id->verbs;
	}
	conn_read(p, event, &news->conn);
	wsd_log(WSD_LOG_DEBUG, "provider: %s, status %d", rdma_event_str(event->event),
		event->status);
	rdma_ack_cm_event(event);
	return true;
}

static void on_cm(struct prov *p)
{
	struct cm_news news;
	for (int i = 0; i < EVENT_BATCH && !atomic_load(&p->stop); i++) {
		wsd_lock(&p->lock);
		gate_enter_locked(p);
		wsd_unlock(&p->lock);
		bool some = read_cm_event(p, &news);
		wsd_lock(&p->lock);
		gate_leave_locked(p);
		wsd_unlock(&p->lock);
		if (!some)
			return;
		if (news.id)
			request_arrived(p, news.name, news.id, news.request);
		if (news.conn.c)
			conn_event(&news.conn);
		if (news.removed)
			on_removal(p, news.removed);
	}
}

static void drain_fd(int fd)
{
	uint64_t count;
	while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

/* Caller holds p->serve. */
static void serve_all(struct prov *p, const struct epoll_event *ready, int n)
{
	atomic_store(&p->server, pthread_self());
	for (int i = 0; i < n && !atomic_load(&p->stop); i++) {
		switch (ready[i].data.u64) {
		case FROM_CM:
			on_cm(p);
			break;
		case FROM_NIC:
			on_nic(p);
			break;
		case FROM_TIMER:
			drain_fd(p->timer_fd);
			on_timer(p);
			break;
		case FROM_WAKE:
			drain_fd(p->wake_fd);
			cm_run_kicks(p);
			break;
		default:
			conn_readable(ready[i].data.u64);
			break;
		}
	}
	atomic_store(&p->server, 0);
}

/* Returns whether the switch serves; @wait: when it does so no more. */
static bool is_lent(struct prov *p, bool wait)
{
	pthread_mutex_lock(&p->lent_lock);
	while (wait && p->lent && !atomic_load(&p->stop))
		pthread_cond_wait(&p->given_back, &p->lent_lock);
	bool lent = p->lent;
	pthread_mutex_unlock(&p->lent_lock);
	return lent;
}

static void *run(void *arg)
{
	struct prov *p = arg;
	pthread_setname_np(pthread_self(), "wsd-rdma");
	while (!atomic_load(&p->stop)) {
		struct epoll_event ready[READY_BATCH];
		if (is_lent(p, true))
			break; /* it is the end */
		int n = epoll_wait(p->epoll_fd, ready, READY_BATCH, -1);
		pthread_mutex_lock(&p->serve);
		if (n > 0 && !is_lent(p, false))
			serve_all(p, ready, n);
		pthread_mutex_unlock(&p->serve);
	}
	prov_put(p);
	return NULL;
}

static int watch(struct prov *p, int fd, uint64_t source)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = source};
	return epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

int cm_watch(struct prov *p, int fd, SOCKET descriptor)
{
	return watch(p, fd, descriptor);
}

void cm_unwatch(struct prov *p, int fd)
{
	epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static void wake(struct prov *p)
{
	uint64_t one = 1;
	while (write(p->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void cm_kick(struct sock *s)
{
	struct prov *p = s->p;
	wsd_lock(&p->lock);
	/* During the last cleanup its close tells what there is, and nobody else need. */
	bool first = !s->kicked && !atomic_load(&p->closing);
	if (first) {
		s->kicked = true;
		sock_ref(s);
		LL_PREPEND2(p->kicks, s, knext);
	}
	wsd_unlock(&p->lock);
	if (first)
		wake(p);
}

/* The event thread, and the last cleanup after it. */
void cm_run_kicks(struct prov *p)
{
	for (;;) {
		wsd_lock(&p->lock);
		struct sock *s = p->kicks;
		if (s) {
			p->kicks = s->knext;
			s->kicked = false;
		}
		wsd_unlock(&p->lock);
		if (!s)
			return;
		transfer_on_channel(atomic_load(&s->conn));
		sock_unref(s);
	}
}

int cm_watch_channel(struct prov *p, struct rdma_event_channel *channel)
{
	int flags = fcntl(channel->fd, F_GETFL);
	if (flags < 0 || fcntl(channel->fd, F_SETFL, flags | O_NONBLOCK))
		return -errno;
	return watch(p, channel->fd, FROM_CM);
}

static int start_thread(struct prov *p)
{
	atomic_fetch_add(&p->refs, 1);
	int err = wsd_thread_start(&p->thread, run, p);
	if (err)
		atomic_fetch_sub(&p->refs, 1);
	return err;
}

/* What is open on failure, prov_free() closes. */
int cm_thread_start(struct prov *p)
{
	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll_fd < 0)
		return -errno;
	p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (p->wake_fd < 0)
		return -errno;
	p->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (p->timer_fd < 0)
		return -errno;
	int err = watch(p, p->wake_fd, FROM_WAKE);
	if (!err)
		err = watch(p, p->timer_fd, FROM_TIMER);
	if (!err)
		err = watch(p, nic_monitor_fd(p->nic), FROM_NIC);
	if (!err && p->channel)
		err = cm_watch_channel(p, p->channel);
	return err ? err : start_thread(p);
}

/* ---- for a switch that serves [wsd/serve.h] ---- */

static void lend(struct prov *p, bool lent)
{
	pthread_mutex_lock(&p->lent_lock);
	p->lent = lent;
	pthread_cond_signal(&p->given_back);
	pthread_mutex_unlock(&p->lent_lock);
	if (lent)
		wake(p); /* our thread leaves its sleep */
}

static void serve_once(struct prov *p)
{
	struct epoll_event ready[READY_BATCH];
	pthread_mutex_lock(&p->serve);
	if (is_lent(p, false) && !atomic_load(&p->stop)) {
		int n = epoll_wait(p->epoll_fd, ready, READY_BATCH, 0);
		serve_all(p, ready, n);
	}
	pthread_mutex_unlock(&p->serve);
}

int WSPAPI prov_WSDServe(DWORD dwCommand, int *lpFd, LPINT lpErrno)
{
	int code = 0;
	struct prov *p = prov_live();
	if (!p)
		return sock_fail(lpErrno, WSANOTINITIALISED);
	if (dwCommand == WSD_SERVE_RUN) {
		serve_once(p);
	} else if (dwCommand == WSD_SERVE_TAKE && lpFd) {
		*lpFd = p->epoll_fd;
		lend(p, true);
	} else if (dwCommand == WSD_SERVE_GIVE) {
		lend(p, false);
	} else {
		code = dwCommand == WSD_SERVE_TAKE ? WSAEFAULT : WSAEINVAL;
	}
	prov_put(p);
	return sock_fail(lpErrno, code);
}

/* The last cleanup, which may run inside an upcall of this very thread: then it ends by itself. */
void cm_thread_stop(struct prov *p)
{
	pthread_mutex_lock(&p->lent_lock);
	atomic_store(&p->stop, true);
	pthread_cond_signal(&p->given_back);
	pthread_mutex_unlock(&p->lent_lock);
	wake(p);
	if (pthread_equal(p->thread, pthread_self()))
		pthread_detach(p->thread);
	else
		pthread_join(p->thread, NULL);
	if (!pthread_equal(atomic_load(&p->server), pthread_self())) {
		pthread_mutex_lock(&p->serve); /* the switch's thread may still be at it */
		pthread_mutex_unlock(&p->serve);
	}
}
