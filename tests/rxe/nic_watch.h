/* SPDX-License-Identifier: MIT
 *
 * Watches nic/ as the provider does, in a thread of its own, and measures how soon what changed was
 * seen. For one program; one watcher at a time.  Locks: the watcher's.
 */
#ifndef WSD_TESTS_NIC_WATCH_H
#define WSD_TESTS_NIC_WATCH_H

#include "check.h"
#include "lost.h"
#include "nic.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/eventfd.h>

enum { SEEN_MS = 200, SURELY_MS = 5000, RECORDS = 4096, LOOKS = 16 };

__attribute__((unused)) static uint32_t ip(const char *text)
{
	struct in_addr a;

	cr_assert_eq(inet_pton(AF_INET, text, &a), 1);
	return a.s_addr;
}

/* A thread that dispatches a monitor, as the provider's does, and notes when each snapshot came. */
struct watcher {
	struct nic_monitor *m;
	pthread_t thread;
	int stop_fd;
	pthread_mutex_t lock; /* guards the rest */
	size_t n;
	struct {
		double at_ms;
		const struct nic_snapshot *s;
	} v[RECORDS];
	double worst_ms; /* the longest dispatch */
	double fastest_ms;
	unsigned looks; /* dispatches that took long enough to be one; the latest: */
	struct {
		double began_ms, took_ms;
	} look[LOOKS];
};

__attribute__((unused)) static void note(struct watcher *w)
{
	pthread_mutex_lock(&w->lock);
	if (w->n == RECORDS)
		abort();
	w->v[w->n].s = nic_monitor_snapshot(w->m);
	w->v[w->n++].at_ms = now_ms();
	pthread_mutex_unlock(&w->lock);
}

__attribute__((unused)) static void *watch(void *arg)
{
	struct watcher *w = arg;
	struct pollfd p[] = {{nic_monitor_fd(w->m), POLLIN, 0}, {w->stop_fd, POLLIN, 0}};
	double began, took;
	bool changed;

	for (;;) {
		poll(p, 2, -1);
		if (p[1].revents)
			return NULL;
		changed = false;
		began = now_ms();
		if (nic_monitor_dispatch(w->m, &changed) == 0 && changed)
			note(w);
		took = now_ms() - began;
		pthread_mutex_lock(&w->lock);
		if (took > w->worst_ms)
			w->worst_ms = took;
		if (took > 0.5 && (!w->fastest_ms || took < w->fastest_ms))
			w->fastest_ms = took;
		if (took > 0.5) {
			w->look[w->looks % LOOKS].began_ms = began;
			w->look[w->looks++ % LOOKS].took_ms = took;
		}
		pthread_mutex_unlock(&w->lock);
	}
}

__attribute__((unused)) static struct watcher *watcher_start(void)
{
	struct watcher *w = calloc(1, sizeof(*w));

	cr_assert_not_null(w);
	cr_assert_eq(nic_monitor_create(&w->m), 0);
	pthread_mutex_init(&w->lock, NULL);
	w->stop_fd = eventfd(0, EFD_CLOEXEC);
	note(w);
	cr_assert_eq(pthread_create(&w->thread, NULL, watch, w), 0);
	lost_begin();
	return w;
}

__attribute__((unused)) static void watcher_stop(struct watcher *w)
{
	cr_assert_eq(eventfd_write(w->stop_fd, 1), 0);
	pthread_join(w->thread, NULL);
	lost_end();
	close(w->stop_fd);
	nic_monitor_destroy(w->m);
	for (size_t i = 0; i < w->n; i++)
		nic_snapshot_unref(w->v[i].s);
	free(w);
}

/* What is waited for. */
struct want {
	const char *addr; /* usable or not, or with this reason */
	bool usable;
	enum nic_unusable_reason reason; /* if not usable; NIC_OK: not listed */
	const char *device;              /* or: this device is there (usable) or not */
};

__attribute__((unused)) static bool fulfilled(const struct nic_snapshot *s, const struct want *w)
{
	const struct nic_addr *a;
	const struct nic_port *p;
	bool listed = false;

	if (w->device) {
		for (size_t i = 0; (p = nic_snapshot_port(s, i)); i++)
			if (!strcmp(p->device, w->device))
				listed = true;
		return listed == w->usable;
	}
	if (w->usable)
		return nic_snapshot_find(s, ip(w->addr)) != NULL;
	for (size_t i = 0; (a = nic_snapshot_addr(s, i)); i++)
		if (a->addr_be == ip(w->addr)) {
			listed = true;
			if (w->reason && a->reason == w->reason)
				return true;
		}
	return !listed && !w->reason;
}

/* When the monitor had first seen it, not before @from_ms; negative if it has not. */
__attribute__((unused)) static double seen_at(struct watcher *w, const struct want *want,
					      double from_ms)
{
	double at = -1;

	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < w->n && at < 0; i++)
		if (w->v[i].at_ms >= from_ms && fulfilled(w->v[i].s, want))
			at = w->v[i].at_ms;
	pthread_mutex_unlock(&w->lock);
	return at;
}

/* "12.3+4.5": the looks since @from_ms, when they began and how long they took. For the message of
 * a failed test. */
__attribute__((unused)) static const char *looks_since(struct watcher *w, double from_ms)
{
	static char text[LOOKS * 24];
	size_t n = 0;

	text[0] = 0;
	pthread_mutex_lock(&w->lock);
	for (unsigned i = w->looks > LOOKS ? w->looks - LOOKS : 0; i < w->looks; i++)
		if (w->look[i % LOOKS].began_ms >= from_ms - SEEN_MS && n < sizeof(text) - 24)
			n += (size_t)snprintf(text + n, 24, " %.1f+%.1f",
					      w->look[i % LOOKS].began_ms - from_ms,
					      w->look[i % LOOKS].took_ms);
	pthread_mutex_unlock(&w->lock);
	return text;
}

/*
 * By how much the looks that began since @from_ms took longer than the fastest one ever: what is
 * theirs of the time that the machine has lost; and one look as such. That looks are not slow in
 * themselves is asserted of nic_discover(), by the fastest of many.
 */
__attribute__((unused)) static double slow_looks(struct watcher *w, double from_ms)
{
	double sum;

	pthread_mutex_lock(&w->lock);
	sum = w->fastest_ms;
	for (unsigned i = w->looks > LOOKS ? w->looks - LOOKS : 0; i < w->looks; i++)
		if (w->look[i % LOOKS].began_ms + w->look[i % LOOKS].took_ms >= from_ms)
			sum += w->look[i % LOOKS].took_ms - w->fastest_ms;
	pthread_mutex_unlock(&w->lock);
	return sum;
}

/* Counted from @done_ms; from before the change is asked for, where asking for it takes no time
 * worth mention. */
__attribute__((unused)) static double expect_seen_since(struct watcher *w, const struct want *want,
							double from_ms, double done_ms,
							const char *what)
{
	const char *whose = want->addr ? want->addr : want->device;
	double at = -1, lost;

	cr_assert(WSD_UNTIL((at = seen_at(w, want, from_ms)) >= 0, SURELY_MS), "%s %s: not seen",
		  what, whose);
	lost = lost_between(from_ms, at) + slow_looks(w, from_ms);
	cr_assert_lt(at - done_ms, SEEN_MS + lost,
		     "%s %s: seen after %.1f ms (%.1f lost), %.1f from asking; looks:%s", what,
		     whose, at - done_ms, lost, at - from_ms, looks_since(w, from_ms));
	if (at - done_ms >= SEEN_MS)
		measured("%s: %.1f ms, %.1f ms of them lost\n", what, at - done_ms, lost);
	return at > done_ms ? at - done_ms : 0;
}

__attribute__((unused)) static double expect_seen(struct watcher *w, const struct want *want,
						  double from_ms, const char *what)
{
	return expect_seen_since(w, want, from_ms, from_ms, what);
}

struct stats {
	double v[1024];
	size_t n;
};

__attribute__((unused)) static void add(struct stats *s, double x)
{
	if (s->n < sizeof(s->v) / sizeof(s->v[0]))
		s->v[s->n++] = x;
}

__attribute__((unused)) static int by_size(const void *a, const void *b)
{
	return (*(const double *)a > *(const double *)b) -
	       (*(const double *)a < *(const double *)b);
}

__attribute__((unused)) static void tell(struct stats *s, const char *what)
{
	qsort(s->v, s->n, sizeof(s->v[0]), by_size);
	measured("%-28s n %4zu  median %6.1f ms  max %6.1f ms\n", what, s->n, s->v[s->n / 2],
		 s->v[s->n - 1]);
}

/* A discovery must be this fast at least once. */
__attribute__((unused)) static void expect_fast(const struct stats *s, double ms)
{
#ifdef WSD_CHECK_ASAN
	ms *= 4;
#endif
	cr_assert_lt(s->v[0], ms, "the fastest look took %.1f ms", s->v[0]); /* sorted by tell() */
}

#endif
