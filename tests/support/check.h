/* SPDX-License-Identifier: MIT
 *
 * What every test body begins and ends with: no leaked memory, descriptor or thread.
 *
 * Criterion lets a test pass whose memory leaks, and whose .fini asserts: so the check is the last
 * line of the body. Header only: include it, depend on support_dep. No locks; one thread.
 */
#ifndef WSD_TESTS_CHECK_H
#define WSD_TESTS_CHECK_H

#include "forks.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef WSD_CHECK_ASAN
#include <sanitizer/lsan_interface.h>
#endif

enum {
	WSD_PATIENCE_MS = 20000,    /* only a test that fails waits so long */
	WSD_CHECK_SETTLE_MS = 2000, /* a joined thread may stay in /proc for a moment */
	WSD_CHECK_LOOKS = 5,
	WSD_CHECK_LOOK_US = 4000,
	WSD_CHECK_FDS = 512, /* descriptors remembered one by one; more are only counted */
};

struct wsd_check {
	unsigned threads, fds;
	bool open[WSD_CHECK_FDS];
};

/* Entries of /proc/self/@dir other than "." and ".."; the directory's own descriptor left out. */
__attribute__((unused)) static unsigned wsd_check_count(const char *dir, bool open[WSD_CHECK_FDS])
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/%s", dir);
	DIR *d = opendir(path);
	cr_assert_not_null(d, "cannot read %s", path);
	if (open)
		memset(open, 0, WSD_CHECK_FDS * sizeof(*open));
	unsigned n = 0;
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		long number = strtol(e->d_name, NULL, 10);
		if (open && number == dirfd(d))
			continue;
		if (open && number < WSD_CHECK_FDS)
			open[number] = true;
		n++;
	}
	closedir(d);
	return n;
}

__attribute__((unused)) static unsigned wsd_check_fds(void)
{
	bool open[WSD_CHECK_FDS];
	return wsd_check_count("fd", open);
}

__attribute__((unused)) static unsigned wsd_check_threads(void)
{
	return wsd_check_count("task", NULL);
}

__attribute__((unused)) static long long wsd_check_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

__attribute__((unused)) static long long wsd_check_patience(long long ms)
{
	return ms < WSD_PATIENCE_MS ? WSD_PATIENCE_MS : ms;
}

/* True as soon as @cond is, looked at each millisecond; false when @ms have passed. For what may
 * stay away; what must come is waited for by WSD_UNTIL. */
#define WSD_WITHIN(cond, ms)                                                      \
	__extension__({                                                           \
		long long wsd_deadline_ = wsd_check_now_ms() + (ms);              \
		bool wsd_ok_;                                                     \
		while (!(wsd_ok_ = (cond)) && wsd_check_now_ms() < wsd_deadline_) \
			usleep(1000);                                             \
		wsd_ok_;                                                          \
	})
/* @ms is what a quiet machine needs at the most; a busy one has more time, so that it fails no
 * test. */
#define WSD_UNTIL(cond, ms) WSD_WITHIN(cond, wsd_check_patience(ms))

__attribute__((unused)) static void wsd_check_begin(struct wsd_check *c)
{
	memset(c, 0, sizeof(*c));
	c->threads = wsd_check_threads();
	c->fds = wsd_check_count("fd", c->open);
	/* a service thread may have one open for a moment: the fewest of some looks is the start */
	for (int i = 0; i < WSD_CHECK_LOOKS; i++) {
		struct wsd_check again;
		usleep(WSD_CHECK_LOOK_US);
		again.fds = wsd_check_count("fd", again.open);
		if (again.fds < c->fds) {
			c->fds = again.fds;
			memcpy(c->open, again.open, sizeof(c->open));
		}
	}
}

__attribute__((unused)) static void wsd_check_end(const struct wsd_check *c)
{
	cr_assert(WSD_UNTIL(wsd_check_threads() == c->threads, WSD_CHECK_SETTLE_MS),
		  "%u threads at the start, %u at the end", c->threads, wsd_check_threads());
	bool open[WSD_CHECK_FDS];
	unsigned fds = 0;
	WSD_UNTIL((fds = wsd_check_count("fd", open)) <= c->fds, WSD_CHECK_SETTLE_MS);
	char text[512] = "";
	for (int i = 0; fds > c->fds && i < WSD_CHECK_FDS; i++) {
		if (open[i] == c->open[i])
			continue;
		char path[32], target[128] = "closed";
		snprintf(path, sizeof(path), "/proc/self/fd/%d", i);
		ssize_t n = open[i] ? readlink(path, target, sizeof(target) - 1) : -1;
		if (n > 0)
			target[n] = '\0';
		size_t len = strlen(text);
		snprintf(text + len, sizeof(text) - len, " %d=%s", i, target);
	}
	cr_assert_leq(fds, c->fds, "%u descriptors at the start, %u at the end:%s", c->fds, fds,
		      text);
#ifdef WSD_CHECK_ASAN
	cr_assert_eq(__lsan_do_recoverable_leak_check(), 0, "memory leaked");
#endif
}

/* First and last line of a test's body. */
#define WSD_TEST_BEGIN()             \
	struct wsd_check wsd_check_; \
	wsd_check_begin(&wsd_check_)
#define WSD_TEST_END() wsd_check_end(&wsd_check_)

#endif
