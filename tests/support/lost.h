/* SPDX-License-Identifier: MIT
 *
 * The clock of tests that hold a call to milliseconds, and how much of its time the machine itself
 * has lost. One at a time in a process. Locks: the ticker's. Header only.
 *
 * WSD_TEST_MEASURE=FILE: append what was measured.
 */
#ifndef WSD_TESTS_LOST_H
#define WSD_TESTS_LOST_H

#include "check.h"

#include <pthread.h>
#include <stdarg.h>

__attribute__((unused)) static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

__attribute__((unused, format(printf, 1, 2))) static void measured(const char *format, ...)
{
	const char *path = getenv("WSD_TEST_MEASURE");
	FILE *f = path ? fopen(path, "ae") : NULL;
	va_list args;

	if (!f)
		return;
	va_start(args, format);
	vfprintf(f, format, args);
	va_end(args);
	fclose(f);
}

/*
 * How much time this machine has lost: a thread sleeps 2 ms again and again and adds up by how much
 * it oversleeps. The guest is an emulated one whose processors share the host's with whoever else
 * is there; its clock runs on while it stands still. What was lost between a change and its being
 * seen is no fault of what is tested, and is allowed for.
 */
enum { TICK_MS = 2, TICKS = 8192, LOST_WAIT_MS = 5000 };

static struct {
	pthread_t thread;
	pthread_mutex_t lock; /* guards the rest */
	bool stop;
	size_t n;
	struct {
		double at_ms, lost_ms;
	} v[TICKS];
} ticker = {.lock = PTHREAD_MUTEX_INITIALIZER};

__attribute__((unused)) static void *tick(void *arg)
{
	double began, over, lost = 0;
	bool stop;

	do {
		began = now_ms();
		usleep(TICK_MS * 1000);
		over = now_ms() - began - TICK_MS;
		lost += over > 1 ? over - 1 : 0; /* a timer alone takes some of it */
		pthread_mutex_lock(&ticker.lock);
		ticker.v[ticker.n % TICKS].at_ms = now_ms();
		ticker.v[ticker.n++ % TICKS].lost_ms = lost;
		stop = ticker.stop;
		pthread_mutex_unlock(&ticker.lock);
	} while (!stop);
	return NULL;
}

__attribute__((unused)) static double lost_between(double from_ms, double to_ms)
{
	double first = -1, last = 0;
	size_t i;

	/* the tick that is late now belongs to it */
	WSD_UNTIL(({
			  pthread_mutex_lock(&ticker.lock);
			  bool past = ticker.n && ticker.v[(ticker.n - 1) % TICKS].at_ms >= to_ms;
			  pthread_mutex_unlock(&ticker.lock);
			  past;
		  }),
		  LOST_WAIT_MS);
	pthread_mutex_lock(&ticker.lock);
	for (i = ticker.n > TICKS ? ticker.n - TICKS : 0; i < ticker.n; i++) {
		if (ticker.v[i % TICKS].at_ms < from_ms)
			first = ticker.v[i % TICKS].lost_ms;
		last = ticker.v[i % TICKS].lost_ms;
		if (ticker.v[i % TICKS].at_ms >= to_ms)
			break;
	}
	pthread_mutex_unlock(&ticker.lock);
	return first < 0 ? last : last - first;
}

__attribute__((unused)) static void lost_begin(void)
{
	pthread_mutex_lock(&ticker.lock);
	ticker.stop = false;
	ticker.n = 0;
	pthread_mutex_unlock(&ticker.lock);
	cr_assert_eq(pthread_create(&ticker.thread, NULL, tick, NULL), 0);
}

__attribute__((unused)) static void lost_end(void)
{
	pthread_mutex_lock(&ticker.lock);
	ticker.stop = true;
	pthread_mutex_unlock(&ticker.lock);
	pthread_join(ticker.thread, NULL);
}

#endif
