/* SPDX-License-Identifier: MIT
 *
 * What the service thread does for the SAN side, from the first listener on [SW-INIT-1 step 10]: it
 * takes events of SAN sockets from the providers [SW-LISTEN-2, SW-ACCEPT-2] and changes from the
 * system [switch.md part 15]. Callbacks of the reactor; they hold a socket's lock or none.
 */
#include "san_priv.h"

#include "log.h"
#include "trace.h"
#include "upcalls.h"
#include "waiter.h"
#include "wsaname.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <wsd/abi.h>

enum { EVENTS_AT_ONCE = 32 };

#define SAN_OF(member, pointer) \
	((struct san *)(void *)((char *)(pointer)-offsetof(struct san, member)))

/* [SW-ACCEPT-2.1, .2] Are there requests? Caller holds the socket's lock. */
static bool take_events(struct companion *c)
{
	WSANETWORKEVENTS events;
	int error = 0;
	bool more = c->more;
	c->more = false;
	memset(&events, 0, sizeof(events));
	if (c->provider->table.lpWSPEnumNetworkEvents(c->desc, upcalls_event(c->handle), &events,
						      &error) == SOCKET_ERROR) {
		/* else the event would stay set and never be seen again */
		upcalls_reset(c->handle);
		wsd_log(WSD_LOG_WARNING, "provider %s: WSPEnumNetworkEvents: %s",
			c->provider->label, wsaname(error) ? wsaname(error) : "failed");
		return more;
	}
	return more || events.lNetworkEvents & FD_ACCEPT;
}

/* False: there may be more, and others have their turn first. */
static bool take_ready(struct san *san)
{
	struct sw_socket *s;
	SOCKET handle;
	for (int i = 0; i < EVENTS_AT_ONCE; i++) {
		if (!upcalls_take_ready(&s, &handle))
			return true;
		pthread_mutex_lock(&s->lock);
		struct companion *c = san_find_companion(s, handle);
		bool requests = c && take_events(c);
		pthread_mutex_unlock(&s->lock);
		if (requests)
			san_accept_event(san, s, handle);
		else if (!c) /* an attempt to connect; or closed meanwhile */
			san_connect_event(s, handle);
		sw_socket_put(s);
	}
	return false;
}

/* The next question that SW-PNP-2 asks for. */
static void set_requery(struct san *san)
{
	uint64_t next = 0;
	for (int i = 0; i < SAN_QUESTIONS; i++)
		if (san->requery_ns[i] && (!next || san->requery_ns[i] < next))
			next = san->requery_ns[i];
	if (next)
		reactor_timer_set(san->reactor, &san->requery, next);
}

static void on_requery(struct reactor_timer *t)
{
	struct san *san = SAN_OF(requery, t);
	uint64_t now = waiter_now_ns();
	bool due = false;
	for (int i = 0; i < SAN_QUESTIONS; i++) {
		if (!san->requery_ns[i] || san->requery_ns[i] > now)
			continue;
		san->requery_ns[i] = 0;
		due = true;
	}
	if (due)
		san_refresh(san, 0, true);
	set_requery(san);
}

static void arm(struct san *san, struct reactor_watch *w)
{
	int err = w->fd < 0 ? 0 : reactor_arm(san->reactor, w, EPOLLIN);
	if (err)
		wsd_log(WSD_LOG_ERROR, "service thread: %s", strerror(-err));
}

/* Whichever has news: all are asked, so that changes that come together are one. */
static void on_change(struct san *san)
{
	unsigned changes = san_watch_drain(san);
	if (changes)
		san_refresh(san, changes, true);
	set_requery(san);
}

static void on_addresses(struct reactor_watch *w, uint32_t events)
{
	struct san *san = SAN_OF(watches[SAN_WATCH_ADDRESSES], w);
	on_change(san);
	arm(san, w);
}

static void on_devices(struct reactor_watch *w, uint32_t events)
{
	struct san *san = SAN_OF(watches[SAN_WATCH_DEVICES], w);
	on_change(san);
	arm(san, w);
}

static void on_catalog(struct reactor_watch *w, uint32_t events)
{
	struct san *san = SAN_OF(watches[SAN_WATCH_CATALOG], w);
	on_change(san);
	arm(san, w);
}

static void on_wake(struct reactor_watch *w, uint32_t events)
{
	struct san *san = SAN_OF(watches[SAN_WATCH_WAKE], w);
	eventfd_t count;
	if (eventfd_read(w->fd, &count) < 0 && errno != EAGAIN)
		wsd_log(WSD_LOG_ERROR, "service thread: %s", strerror(errno));
	if (!take_ready(san) && eventfd_write(w->fd, 1) < 0)
		wsd_log(WSD_LOG_ERROR, "service thread: %s", strerror(errno));
	arm(san, w);
}

/* Listeners that came before it could start. */
static void apply(struct reactor_job *j)
{
	struct san *san = SAN_OF(late, j);
	san_apply(san);
}

static void close_wake(struct san *san)
{
	upcalls_wake_fd(-1);
	if (san->wake_fd < 0)
		return;
	sw_fds_begin();
	close(san->wake_fd);
	san->wake_fd = -1;
	sw_fds_end();
}

static void unwatch(struct san *san)
{
	for (int i = 0; i < SAN_WATCHES; i++)
		reactor_unwatch(san->reactor, &san->watches[i]);
	reactor_timer_stop(san->reactor, &san->requery);
	reactor_unpost(san->reactor, &san->late);
	close_wake(san);
}

static int watch(struct san *san)
{
	sw_fds_begin();
	san->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int err = san->wake_fd < 0 ? -errno : 0;
	sw_fds_end();
	if (err)
		return err;
	const struct reactor_watch watches[SAN_WATCHES] = {
		[SAN_WATCH_WAKE] = {.ready = on_wake, .fd = san->wake_fd},
		[SAN_WATCH_ADDRESSES] = {.ready = on_addresses, .fd = san->addrs_fd},
		[SAN_WATCH_DEVICES] = {.ready = on_devices, .fd = san->devices_fd},
		[SAN_WATCH_CATALOG] = {.ready = on_catalog, .fd = san->catalog_fd},
	};
	memcpy(san->watches, watches, sizeof(watches));
	san->requery = (struct reactor_timer){.fire = on_requery};
	san->late = (struct reactor_job){.run = apply};
	/* Only the first can fail the start: the others' callbacks may wait for the socket that our
	 * caller has locked, so they could not be taken back. */
	err = reactor_arm(san->reactor, &san->watches[SAN_WATCH_WAKE], EPOLLIN);
	if (err) {
		close_wake(san);
		return err;
	}
	upcalls_wake_fd(san->wake_fd);
	set_requery(san); /* before callbacks may do so */
	if (san->came_late)
		reactor_post(san->reactor, &san->late);
	for (int i = SAN_WATCH_WAKE + 1; i < SAN_WATCHES; i++)
		arm(san, &san->watches[i]);
	return 0;
}

static int start_locked(struct san *san)
{
	/* what changed while nobody watched; the thread applies it to listeners that came_late */
	unsigned changes = san_watch_drain(san);
	if (changes)
		san_refresh(san, changes, false);
	int err = reactor_start(san->process, &san->reactor);
	return err ? err : watch(san);
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
	unwatch(san);
	atomic_store(&san->running, false);
}
