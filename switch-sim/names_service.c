/* SPDX-License-Identifier: MIT */
/*
 * names_service.c: the one thread that listens to all descriptors of a handle, whatever role it
 * has. Takes `lock` for each round, never waits with it.
 */
#include "names_priv.h"
#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { ROUND = 32 };

/* What epoll gives back: kind, generation (24 bits), index. Descriptors that were closed meanwhile
 * are told by it. */
static uint64_t pack(enum watch kind, uint32_t generation, uint32_t index)
{
	return (uint64_t)kind << 56 | (uint64_t)(generation & 0xffffff) << 32 | index;
}

int service_watch(struct names *n, int fd, enum watch kind, uint32_t generation, uint32_t index)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = pack(kind, generation, index)};

	if (kind == WATCH_ALARM)
		e.events |=
			EPOLLET; /* only the keeper takes it; the others just hear that it rang */
	return epoll_ctl(n->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

void service_unwatch(struct names *n, int fd)
{
	if (n->epoll >= 0 && fd >= 0)
		epoll_ctl(n->epoll, EPOLL_CTL_DEL, fd, NULL);
}

void service_wake(struct names *n)
{
	uint64_t one = 1;

	if (n->wake >= 0 && write(n->wake, &one, sizeof(one)) < 0)
		return; /* full: it will wake anyway */
}

void service_reserve(struct names *n)
{
	for (int i = 0; i < RESERVE_FDS && n->wake >= 0; i++)
		if (n->reserve[i] < 0)
			n->reserve[i] = fcntl(n->wake, F_DUPFD_CLOEXEC, 0);
}

bool service_spend(struct names *n)
{
	bool had = n->reserve[0] >= 0;

	for (int i = 0; i < RESERVE_FDS; i++)
		wire_close(&n->reserve[i]);
	return had;
}

void service_starve(struct names *n)
{
	n->starved_until = wire_now_ms() + STARVED_MS;
	service_unwatch(n, n->beacon);
	service_unwatch(n, n->listener);
	for (int i = 0; i < CALLS; i++)
		service_unwatch(n, n->calls[i]);
}

void service_recover(struct names *n)
{
	n->starved_until = 0;
	service_reserve(n);
	service_watch(n, n->beacon, WATCH_BEACON, 0, 0);
	if (n->role == ROLE_KEEPER)
		service_watch(n, n->listener, WATCH_LISTENER, 0, 0);
	for (uint32_t i = 0; i < CALLS; i++)
		if (n->calls[i] >= 0)
			service_watch(n, n->calls[i], WATCH_CALL, (uint32_t)n->calls[i], i);
}

static void dispatch(struct names *n, const struct epoll_event *e)
{
	enum watch kind = (enum watch)(e->data.u64 >> 56);
	uint32_t generation = e->data.u64 >> 32 & 0xffffff, index = (uint32_t)e->data.u64;
	uint64_t count;

	switch (kind) {
	case WATCH_WAKE:
		if (read(n->wake, &count, sizeof(count)) < 0)
			return;
		break;
	case WATCH_LISTENER:
		broker_accept(n);
		break;
	case WATCH_ALARM:
		if (n->role == ROLE_KEEPER)
			broker_alarm(n);
		else
			n->suspect = true;
		break;
	case WATCH_BEACON:
		call_beacon_ready(n);
		break;
	case WATCH_CALL:
		call_ready(n, index, generation);
		break;
	case WATCH_EVENT:
		if (generation == (n->connection & 0xffffff))
			call_event_ready(n);
		break;
	case WATCH_PEER_ASK:
		broker_ask_ready(n, index, generation);
		break;
	case WATCH_PEER_EVENT:
		broker_event_ready(n, index, generation, e->events);
		break;
	case WATCH_COUNT:
		break;
	}
}

static int patience(const struct names *n)
{
	int64_t next = ring_next(n);

	if (next == INT64_MAX)
		return -1;
	int64_t left = next - wire_now_ms();
	return left < 0 ? 0 : left > WAIT_MS ? WAIT_MS : (int)left;
}

static void *serve(void *arg)
{
	struct names *n = arg;
	struct epoll_event e[ROUND];

	pthread_setname_np(pthread_self(), "wsd-names");
	pthread_mutex_lock(&n->lock);
	while (!n->stop) {
		int wait = patience(n);
		pthread_mutex_unlock(&n->lock);
		int count = epoll_wait(n->epoll, e, ROUND, wait);
		pthread_mutex_lock(&n->lock);
		unsigned turn = n->turn;
		for (int i = 0; i < count && turn == n->turn && !n->stop; i++)
			dispatch(n, &e[i]);
		if (!n->stop)
			ring_tick(n);
	}
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

static void close_descriptors(struct names *n)
{
	wire_close(&n->epoll);
	wire_close(&n->wake);
}

int service_start(struct names *n)
{
	n->stop = false;
	n->epoll = epoll_create1(EPOLL_CLOEXEC);
	n->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = n->epoll < 0 || n->wake < 0 ? -errno : 0;
	if (r == 0)
		r = service_watch(n, n->wake, WATCH_WAKE, 0, 0);
	if (r == 0)
		r = service_watch(n, n->beacon, WATCH_BEACON, 0, 0);
	if (r == 0)
		r = service_watch(n, n->alarm, WATCH_ALARM, 0, 0);
	if (r == 0 && n->role == ROLE_KEEPER)
		r = service_watch(n, n->listener, WATCH_LISTENER, 0, 0);
	if (r == 0)
		r = wsd_thread_start(&n->service, serve, n);
	if (r < 0)
		close_descriptors(n);
	n->serving = r == 0;
	if (r == 0)
		service_reserve(n);
	return r;
}

void service_stop(struct names *n)
{
	pthread_mutex_lock(&n->lock);
	bool serving = n->serving;
	n->stop = true;
	service_wake(n);
	pthread_mutex_unlock(&n->lock);
	if (!serving)
		return;
	pthread_join(n->service, NULL);
	pthread_mutex_lock(&n->lock);
	n->serving = false;
	close_descriptors(n);
	pthread_mutex_unlock(&n->lock);
}
