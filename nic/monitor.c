/* SPDX-License-Identifier: MIT */
/*
 * monitor.c - makes a new snapshot when the kernel says that something changed.
 *
 * One epoll descriptor holds the events (rtnetlink, kobject uevents) and a timer. An event sets the
 * timer, the timer makes the look, so that a burst costs one look. Port state and GIDs change
 * without an event and later than what has one: after a burst there is always a second look, and
 * more of them, at growing distances, while the sources disagree.
 *
 * The lock guards the pointer to the current snapshot and is held for taking a reference or
 * exchanging it, never during a look. All else belongs to the one thread that dispatches.
 */
#include "nic_priv.h"
#include "netlink.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MS_NS  UINT64_C(1000000)
#define SEC_NS UINT64_C(1000000000)

/* When to look, counted from the first event of a burst. Up to SURE_LOOKS in any case, then only
 * while unsettled. */
static const uint64_t looks_at_ns[] = {10 * MS_NS,  60 * MS_NS,  110 * MS_NS, 180 * MS_NS,
				       400 * MS_NS, 800 * MS_NS, 1600 * MS_NS};
#define LOOKS      (sizeof(looks_at_ns) / sizeof(looks_at_ns[0]))
#define SURE_LOOKS 2
/*
 * From this look on GID tables are read to their end for what is missing. Not sooner: that takes
 * 0.1 s for each device in an emulated guest, and a GID that is merely late comes to stand where
 * every look finds it.
 */
#define THOROUGH_LOOK 4
/* The first look after an event is a quick one. One that takes nothing for granted follows, not
 * later than this. */
#define FULL_WITHIN_NS (40 * MS_NS)
/* After a failure the next one comes after 100 ms. */
#define RETRY_LOOK 2
/*
 * After a look the monitor rests as long as it took, however fast events come; but not for longer
 * than this: with 64 devices in an emulated guest a look takes 40 ms, and an event that just missed
 * one must be seen by the next within 200 ms.
 */
#define MAX_REST_NS (30 * MS_NS)
/* Where uevents cannot be had, RDMA devices are looked for this often. */
#define POLL_NS (150 * MS_NS)

#define KERNEL_UEVENTS 1 /* the kernel's own group; 2 is udev's */

struct nic_monitor {
	int epoll_fd, timer_fd, rtnl_fd, uevent_fd; /* uevent_fd: -1 if it cannot be had */
	struct nic_memory memory;
	uint64_t burst_ns; /* of the first event; 0: all is quiet */
	size_t next_look;  /* index into looks_at_ns */
	uint64_t not_before_ns;
	uint64_t full_due_ns; /* from then on a look is not a quick one; 0: none was since the last
				 full one */
	bool unsettled;
	uint64_t generation;
	pthread_mutex_t lock; /* guards current */
	const struct nic_snapshot *current;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SEC_NS + (uint64_t)t.tv_nsec;
}

/* The next moment to wake up at, or never (0). */
static uint64_t due_ns(const struct nic_monitor *m)
{
	uint64_t due;

	if (!m->burst_ns)
		return m->uevent_fd < 0 ? now_ns() + POLL_NS : 0;
	due = m->burst_ns + looks_at_ns[m->next_look];
	return due > m->not_before_ns ? due : m->not_before_ns;
}

static void set_timer(const struct nic_monitor *m)
{
	uint64_t due = due_ns(m);
	struct itimerspec t = {.it_value = {(time_t)(due / SEC_NS), (long)(due % SEC_NS)}};

	/* fails only for a bad descriptor or time */
	(void)timerfd_settime(m->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
}

static void burst(struct nic_monitor *m)
{
	/* events after the first look of a burst begin another; before it they belong to the burst
	 */
	if (m->burst_ns && !m->next_look)
		return;
	m->burst_ns = now_ns();
	m->next_look = 0;
	set_timer(m);
}

/* "add@/devices/virtual/infiniband/rxe0", then NAME=value strings, each with its zero. */
static bool is_rdma_uevent(const char *text, size_t len)
{
	static const char wanted[] = "SUBSYSTEM=infiniband";

	for (size_t at = 0; at + sizeof(wanted) <= len; at += strnlen(text + at, len - at) + 1)
		if (!memcmp(text + at, wanted, sizeof(wanted)))
			return true;
	return false;
}

static bool take_uevents(int fd)
{
	char buf[2048 + 64]; /* UEVENT_BUFFER_SIZE and the header before it */
	bool some = false;
	ssize_t n;

	for (;;) {
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n > 0)
			some = some || is_rdma_uevent(buf, (size_t)n);
		else if (n < 0 && errno == ENOBUFS)
			some = true;
		else if (n == 0 || errno != EINTR)
			return some;
	}
}

static void publish(struct nic_monitor *m, struct nic_snapshot *s)
{
	const struct nic_snapshot *old;

	s->generation = ++m->generation;
	pthread_mutex_lock(&m->lock);
	old = m->current;
	m->current = s;
	pthread_mutex_unlock(&m->lock);
	nic_snapshot_unref(old);
}

/* Plans the next look, or none. A failed look is repeated: what it would have seen is not lost. */
static void plan(struct nic_monitor *m, uint64_t began_ns, bool changed, int result)
{
	uint64_t end = now_ns(), rest = end - began_ns;

	m->not_before_ns = end + (rest < MAX_REST_NS ? rest : MAX_REST_NS);
	if (result) {
		m->burst_ns = end;
		m->next_look = RETRY_LOOK;
	} else if (m->burst_ns) {
		m->next_look++;
		if (m->next_look == LOOKS || (!m->unsettled && m->next_look >= SURE_LOOKS)) {
			m->burst_ns = 0;
			m->next_look = 0;
		}
	} else if (changed) { /* found by a poll or a refresh */
		m->burst_ns = began_ns;
		m->next_look = 1;
	}
	set_timer(m);
}

/* How the next look is to be. */
static int how_to_look(const struct nic_monitor *m, uint64_t began_ns)
{
	bool full = m->next_look > 0 || (m->full_due_ns && began_ns >= m->full_due_ns);

	return (full ? 0 : NIC_LOOK_QUICK) |
	       (m->next_look >= THOROUGH_LOOK ? NIC_LOOK_THOROUGH : 0);
}

static int look(struct nic_monitor *m, int how, bool *ret_changed)
{
	uint64_t began = now_ns();
	struct nic_snapshot *s;
	bool changed = false;
	int r = nic_look(&m->memory, how, &s, &m->unsettled);

	if (!r) {
		if (!(how & NIC_LOOK_QUICK))
			m->full_due_ns = 0;
		else if (!m->full_due_ns)
			m->full_due_ns = began + FULL_WITHIN_NS;
		changed = !m->current || !nic_snapshot_equal(s, m->current);
		if (changed)
			publish(m, s);
		else
			nic_snapshot_unref(s);
	}
	plan(m, began, changed, r);
	if (!r)
		*ret_changed = changed;
	return r;
}

static int watch(const struct nic_monitor *m, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(m->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

static int open_sources(struct nic_monitor *m)
{
	int r;

	m->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (m->epoll_fd < 0)
		return -errno;
	m->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (m->timer_fd < 0)
		return -errno;
	m->rtnl_fd = nic_rtnl_events_open();
	if (m->rtnl_fd < 0)
		return m->rtnl_fd;
	m->uevent_fd = nic_nl_open(NETLINK_KOBJECT_UEVENT, KERNEL_UEVENTS, SOCK_NONBLOCK);
	if (m->uevent_fd == -EMFILE || m->uevent_fd == -ENFILE || m->uevent_fd == -ENOMEM)
		return m->uevent_fd;
	r = watch(m, m->timer_fd);
	if (!r)
		r = watch(m, m->rtnl_fd);
	if (!r && m->uevent_fd >= 0)
		r = watch(m, m->uevent_fd);
	return r;
}

int nic_monitor_create(struct nic_monitor **ret)
{
	struct nic_monitor *m = calloc(1, sizeof(*m));
	bool changed;
	int r;

	if (!m)
		return -ENOMEM;
	m->epoll_fd = m->timer_fd = m->rtnl_fd = m->uevent_fd = -1;
	pthread_mutex_init(&m->lock, NULL); /* cannot fail without attributes */
	/* the sources first: what changes during the first look is not missed */
	r = open_sources(m);
	if (!r) {
		m->burst_ns = now_ns();
		r = look(m, NIC_LOOK_THOROUGH, &changed);
	}
	if (r) {
		nic_monitor_destroy(m);
		return r;
	}
	*ret = m;
	return 0;
}

int nic_monitor_fd(const struct nic_monitor *m)
{
	return m->epoll_fd;
}

int nic_monitor_dispatch(struct nic_monitor *m, bool *ret_changed)
{
	bool changed = false;
	uint64_t ticks;
	bool events;
	int r = 0;

	events = nic_rtnl_events_take(m->rtnl_fd);
	if (m->uevent_fd >= 0)
		events = take_uevents(m->uevent_fd) || events;
	if (events)
		burst(m);
	if (read(m->timer_fd, &ticks, sizeof(ticks)) == (ssize_t)sizeof(ticks))
		r = look(m, how_to_look(m, now_ns()), &changed);
	if (!r && ret_changed)
		*ret_changed = changed;
	return r;
}

int nic_monitor_refresh(struct nic_monitor *m, bool *ret_changed)
{
	bool changed;
	int r = look(m, 0, &changed);

	if (!r && ret_changed)
		*ret_changed = changed;
	return r;
}

const struct nic_snapshot *nic_monitor_snapshot(struct nic_monitor *m)
{
	const struct nic_snapshot *s;

	pthread_mutex_lock(&m->lock);
	s = nic_snapshot_ref(m->current);
	pthread_mutex_unlock(&m->lock);
	return s;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void close_all(const struct nic_monitor *m)
{
	close_fd(m->uevent_fd);
	close_fd(m->rtnl_fd);
	close_fd(m->timer_fd);
	close_fd(m->epoll_fd);
}

void nic_monitor_after_fork(struct nic_monitor *m)
{
	if (m)
		close_all(m);
}

void nic_monitor_destroy(struct nic_monitor *m)
{
	if (!m)
		return;
	close_all(m);
	nic_snapshot_unref(m->current);
	pthread_mutex_destroy(&m->lock);
	nic_memory_clear(&m->memory);
	free(m);
}
