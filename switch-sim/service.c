/* SPDX-License-Identifier: MIT
 *
 * The service thread: one for each process, started with the first listener [SW-INIT-1 step 10]. It
 * takes FD_ACCEPT from the providers [SW-LISTEN-2, SW-ACCEPT-2] and changes from the system
 * [switch.md part 15]. It holds a socket's lock or none.
 */
#include "san_priv.h"

#include "log.h"
#include "thread.h"
#include "trace.h"
#include "upcalls.h"
#include "wsaname.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <wsd/abi.h>

enum { EVENTS_AT_ONCE = 8 };

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* [SW-ACCEPT-2.1, .2] Are there requests? Caller holds the socket's lock. */
static bool take_events(const struct companion *c)
{
	WSANETWORKEVENTS events;
	int error = 0;
	memset(&events, 0, sizeof(events));
	if (c->provider->table.lpWSPEnumNetworkEvents(c->desc, upcalls_event(c->handle), &events,
						      &error) == SOCKET_ERROR) {
		/* else the event would stay set and never be seen again */
		upcalls_reset(c->handle);
		wsd_log(WSD_LOG_WARNING, "provider %s: WSPEnumNetworkEvents: %s",
			c->provider->label, wsaname(error) ? wsaname(error) : "failed");
		return false;
	}
	return events.lNetworkEvents & FD_ACCEPT;
}

static void take_ready(struct san *san)
{
	struct sw_socket *s;
	SOCKET handle;
	while (upcalls_take_ready(&s, &handle)) {
		pthread_mutex_lock(&s->lock);
		const struct companion *c = san_find_companion(s, handle);
		bool requests = c && take_events(c);
		pthread_mutex_unlock(&s->lock);
		if (requests)
			san_accept_event(san, s, handle);
		else if (!c) /* an attempt to connect; or closed meanwhile */
			san_connect_event(s, handle);
		sw_socket_put(s);
	}
}

/* Milliseconds until the next question that SW-PNP-2 asks for; -1: none. */
static int next_timeout(const struct san *san)
{
	uint64_t now = now_ns(), next = 0;
	for (int i = 0; i < SAN_QUESTIONS; i++)
		if (san->requery_ns[i] && (!next || san->requery_ns[i] < next))
			next = san->requery_ns[i];
	if (!next)
		return -1;
	return next <= now ? 0 : (int)((next - now) / 1000000 + 1);
}

static bool requery_due(struct san *san)
{
	uint64_t now = now_ns();
	bool due = false;
	for (int i = 0; i < SAN_QUESTIONS; i++) {
		if (!san->requery_ns[i] || san->requery_ns[i] > now)
			continue;
		san->requery_ns[i] = 0;
		due = true;
	}
	return due;
}

static void *service(void *arg)
{
	struct san *san = arg;
	struct epoll_event events[EVENTS_AT_ONCE];
	pthread_setname_np(pthread_self(), "wsd-service");
	if (san->came_late)
		san_apply(san);
	while (!atomic_load(&san->stopping)) {
		int n = epoll_wait(san->epoll_fd, events, EVENTS_AT_ONCE, next_timeout(san));
		if (n < 0 && errno != EINTR) {
			wsd_log(WSD_LOG_ERROR, "service thread: epoll_wait: %s", strerror(errno));
			break;
		}
		bool watched = false;
		for (int i = 0; i < n; i++) {
			uint64_t count;
			if (events[i].data.fd != san->wake_fd)
				watched = true;
			else if (read(san->wake_fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
				wsd_log(WSD_LOG_ERROR, "service thread: %s", strerror(errno));
		}
		take_ready(san);
		unsigned changes = watched ? san_watch_drain(san) : 0;
		bool again = requery_due(san);
		if (changes || again)
			san_refresh(san, changes, true);
	}
	return NULL;
}

static int add(const struct san *san, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
	return fd < 0 || !epoll_ctl(san->epoll_fd, EPOLL_CTL_ADD, fd, &e) ? 0 : -errno;
}

static void close_fds(struct san *san)
{
	upcalls_wake_fd(-1);
	if (san->epoll_fd >= 0)
		close(san->epoll_fd);
	if (san->wake_fd >= 0)
		close(san->wake_fd);
	san->epoll_fd = san->wake_fd = -1;
}

static int open_fds(struct san *san)
{
	san->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	san->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int err = san->epoll_fd < 0 || san->wake_fd < 0 ? -errno : add(san, san->wake_fd);
	const int watched[] = {san->addrs_fd, san->devices_fd, san->catalog_fd};
	for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]) && !err; i++)
		err = add(san, watched[i]);
	if (err)
		close_fds(san);
	else
		upcalls_wake_fd(san->wake_fd);
	return err;
}

static int start_locked(struct san *san)
{
	/* what changed while nobody watched; the thread applies it to listeners that came_late */
	unsigned changes = san_watch_drain(san);
	if (changes)
		san_refresh(san, changes, false);
	int err = open_fds(san);
	if (err)
		return err;
	err = wsd_thread_start(&san->thread, service, san);
	if (err)
		close_fds(san);
	return err;
}

int san_service_start(struct san *san)
{
	if (atomic_load(&san->running))
		return 0;
	int err = 0;
	pthread_mutex_lock(&san->start_lock);
	if (!atomic_load(&san->running)) {
		err = start_locked(san);
		if (err)
			san->came_late = true;
		else
			atomic_store(&san->running, true);
	}
	pthread_mutex_unlock(&san->start_lock);
	return err;
}

void san_service_stop(struct san *san)
{
	if (!atomic_load(&san->running))
		return;
	uint64_t one = 1;
	atomic_store(&san->stopping, true);
	if (write(san->wake_fd, &one, sizeof(one)) < 0)
		wsd_log(WSD_LOG_ERROR, "service thread: %s", strerror(errno));
	pthread_join(san->thread, NULL);
	close_fds(san);
	atomic_store(&san->running, false);
}
