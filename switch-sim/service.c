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

#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
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

static void on_ready(struct reactor_job *j)
{
	struct san *san = SAN_OF(ready, j);
	if (!take_ready(san))
		reactor_post(san->reactor, j);
}

/* Listeners that came before it could start. */
static void apply(struct reactor_job *j)
{
	struct san *san = SAN_OF(late, j);
	san_apply(san);
}

static void unwatch(struct san *san)
{
	upcalls_wake(NULL, NULL);
	reactor_unpost(san->reactor, &san->ready);
	for (int i = 0; i < SAN_WATCHES; i++)
		reactor_unwatch(san->reactor, &san->watches[i]);
	reactor_timer_stop(san->reactor, &san->requery);
	reactor_unpost(san->reactor, &san->late);
	/* the watches are gone: nobody changes the lists */
	for (size_t i = 0; i < san->n_providers; i++)
		san_provider_unserve(san->providers[i]);
	for (size_t i = 0; i < san->n_retired; i++)
		san_provider_unserve(san->retired[i]);
}

static void watch(struct san *san)
{
	const struct reactor_watch watches[SAN_WATCHES] = {
		[SAN_WATCH_ADDRESSES] = {.ready = on_addresses, .fd = san->addrs_fd},
		[SAN_WATCH_DEVICES] = {.ready = on_devices, .fd = san->devices_fd},
		[SAN_WATCH_CATALOG] = {.ready = on_catalog, .fd = san->catalog_fd},
	};
	memcpy(san->watches, watches, sizeof(watches));
	san->requery = (struct reactor_timer){.fire = on_requery};
	san->late = (struct reactor_job){.run = apply};
	san->ready = (struct reactor_job){.run = on_ready};
	/* Before callbacks may change the list. Nothing of this can fail the start: callbacks may
	 * wait for the socket that our caller has locked, so they could not be taken back. */
	for (size_t i = 0; i < san->n_providers; i++)
		san_provider_serve(san->providers[i], san->reactor);
	upcalls_wake(san->reactor, &san->ready);
	set_requery(san); /* before callbacks may do so */
	if (san->came_late)
		reactor_post(san->reactor, &san->late);
	for (int i = 0; i < SAN_WATCHES; i++)
		arm(san, &san->watches[i]);
}

static int start_locked(struct san *san)
{
	/* what changed while nobody watched; the thread applies it to listeners that came_late */
	unsigned changes = san_watch_drain(san);
	if (changes)
		san_refresh(san, changes, false);
	int err = reactor_start(san->process, &san->reactor);
	if (!err)
		watch(san);
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
	unwatch(san);
	atomic_store(&san->running, false);
}
