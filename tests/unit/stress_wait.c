/* SPDX-License-Identifier: MIT */
/*
 * stress_wait.c: threads that wait on several lists against threads that wake them, and a reactor
 * whose watches, timers and jobs come and go from all sides. No wake-up may be lost, nothing may
 * run after it was taken away. Built with ThreadSanitizer; a plain program: `stress_wait
 * [SECONDS]`.
 */
#include "process.h"
#include "reactor.h"
#include "tsan.h"
#include "waiter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The process object's, not needed here. */
void sw_fds_begin(void)
{
}

void sw_fds_end(void)
{
}

enum { LISTS = 4, WAITERS = 6, WAKERS = 2, USERS = 4, PATIENCE_MS = 20000 };

static atomic_bool stop;
static atomic_uint failures;

static void fail(const char *what)
{
	fprintf(stderr, "stress_wait: %s\n", what);
	failures++;
	stop = true;
}

/* ---- waiters: tokens that are put into lists and taken by whoever waits ---- */

static struct {
	struct waiter_list waiters;
	atomic_uint tokens;
} lists[LISTS];
static atomic_ulong put, taken;

static bool take(unsigned i)
{
	unsigned n = lists[i].tokens;
	while (n)
		if (atomic_compare_exchange_weak(&lists[i].tokens, &n, n - 1)) {
			taken++;
			return true;
		}
	return false;
}

static bool take_any(void)
{
	for (unsigned i = 0; i < LISTS; i++)
		if (take(i))
			return true;
	return false;
}

static void *wait_for_tokens(void *arg)
{
	struct waiter w;
	while (!stop) {
		struct waiter_link links[LISTS];
		if (waiter_begin(&w)) {
			fail("no eventfd");
			break;
		}
		for (unsigned i = 0; i < LISTS; i++)
			waiter_link(&lists[i].waiters, &links[i], &w, SW_READY_READ);
		while (!take_any() && !stop)
			/* a lost wake-up shows: with nobody to repeat it this takes long */
			if (waiter_sleep(&w, NULL, 0, waiter_deadline(PATIENCE_MS)) < 0 && !stop &&
			    take_any()) {
				fail("a wake-up was lost");
				break;
			}
		for (unsigned i = 0; i < LISTS; i++)
			waiter_unlink(&links[i]);
		waiter_end(&w);
	}
	return NULL;
}

/* One token at a time: the next comes when it was taken, so every wake-up counts. */
static void *wake_for_tokens(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	while (!stop) {
		unsigned i = (unsigned)rand_r(&seed) % LISTS;
		uint64_t deadline = waiter_deadline(PATIENCE_MS);
		lists[i].tokens++;
		put++;
		waiter_list_wake(&lists[i].waiters, SW_READY_READ);
		while (taken + WAKERS <= put && !stop)
			if (waiter_now_ns() > deadline)
				fail("a token was not taken: a wake-up was lost");
	}
	return NULL;
}

/* ---- the reactor: objects that die right after they were taken away ---- */

static struct sw_process process = {.reactor_lock = PTHREAD_MUTEX_INITIALIZER};
static struct reactor *reactor;

struct object {
	struct reactor_watch watch, edge;
	struct reactor_timer timer;
	struct reactor_job job;
	int calls; /* plain: TSan sees who writes when */
};

#define OBJECT(member, pointer) \
	((struct object *)(void *)((char *)(pointer)-offsetof(struct object, member)))

static void on_watch(struct reactor_watch *w, uint32_t events)
{
	struct object *o = OBJECT(watch, w);
	o->calls++;
	reactor_arm(reactor, w, EPOLLIN);
}

static void on_edge(struct reactor_watch *w, uint32_t events)
{
	eventfd_t n;
	OBJECT(edge, w)->calls++;
	(void)!eventfd_read(w->fd, &n);
}

static void on_timer(struct reactor_timer *t)
{
	OBJECT(timer, t)->calls++;
	reactor_timer_set(reactor, t, waiter_now_ns() + 20000);
}

static void on_job(struct reactor_job *j)
{
	OBJECT(job, j)->calls++;
}

static void *use_reactor(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	while (!stop) {
		struct object *o = calloc(1, sizeof(*o));
		int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		o->watch = (struct reactor_watch){.ready = on_watch, .fd = fd};
		o->edge = (struct reactor_watch){.ready = on_edge, .fd = fd};
		o->timer.fire = on_timer;
		o->job.run = on_job;
		if (reactor_arm(reactor, &o->watch, EPOLLIN) ||
		    (rand_r(&seed) % 2 && reactor_arm_edge(reactor, &o->edge, EPOLLIN)))
			fail("a watch cannot be armed");
		reactor_timer_set(reactor, &o->timer, waiter_now_ns() + 10000);
		for (int i = rand_r(&seed) % 8; i; i--) {
			eventfd_write(fd, 1);
			reactor_post(reactor, &o->job);
			if (rand_r(&seed) % 4 == 0)
				usleep((useconds_t)(rand_r(&seed) % 200));
		}
		reactor_unwatch(reactor, &o->watch);
		reactor_unwatch(reactor, &o->edge);
		reactor_timer_stop(reactor, &o->timer);
		reactor_unpost(reactor, &o->job);
		close(fd);
		o->calls = -1;
		free(o);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 3;
	pthread_t threads[WAITERS + WAKERS + USERS];
	unsigned n = 0;
	wsd_tsan_places(argv);
	if (reactor_start(&process, &reactor))
		return 1;
	for (unsigned i = 0; i < LISTS; i++)
		wsd_lock_init(&lists[i].waiters.lock);
	for (uintptr_t i = 0; i < WAITERS; i++)
		pthread_create(&threads[n++], NULL, wait_for_tokens, NULL);
	for (uintptr_t i = 0; i < WAKERS; i++)
		pthread_create(&threads[n++], NULL, wake_for_tokens, (void *)(i + 1));
	for (uintptr_t i = 0; i < USERS; i++)
		pthread_create(&threads[n++], NULL, use_reactor, (void *)(i + 1));
	for (unsigned i = 0; i < seconds * 20 && !stop; i++)
		usleep(50000);
	stop = true;
	for (unsigned i = 0; i < LISTS; i++)
		waiter_list_wake(&lists[i].waiters, SW_READY_READ);
	while (n)
		pthread_join(threads[--n], NULL);
	reactor_stop(reactor);
	waiter_cleanup();
	printf("%lu tokens\n", (unsigned long)taken);
	return failures || !taken;
}
