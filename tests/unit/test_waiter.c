/* SPDX-License-Identifier: MIT
 *
 * Waiting threads: wake-ups by bits, deadlines, descriptors beside lists, the pool of eventfds.
 */
#include "check.h"
#include "waiter.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { MS = 1000000, LONG_MS = 20000 };

static uint64_t in_ms(uint32_t ms)
{
	return waiter_deadline(ms);
}

struct sleeper {
	struct waiter_list *list;
	unsigned want;
	_Atomic int result;
	pthread_t thread;
};

static void *sleep_in_thread(void *arg)
{
	struct sleeper *s = arg;
	struct waiter w;
	struct waiter_link link = {.list = NULL};
	cr_assert_eq(waiter_begin(&w), 0);
	waiter_link(s->list, &link, &w, s->want);
	s->result = waiter_sleep(&w, NULL, 0, in_ms(LONG_MS));
	waiter_unlink(&link);
	waiter_end(&w);
	return NULL;
}

static bool linked(struct waiter_list *list, unsigned n)
{
	wsd_lock(&list->lock);
	for (struct waiter_link *l = list->first; l; l = l->next)
		n -= atomic_load(&l->waiter->asleep) ? 1 : 0;
	wsd_unlock(&list->lock);
	return n == 0;
}

Test(waiter, SW_BLOCK_1_a_wake_reaches_those_who_want_its_bits)
{
	WSD_TEST_BEGIN();
	struct waiter_list list = WAITER_LIST_INITIALIZER;
	struct sleeper s[] = {{&list, SW_READY_READ, 0, 0},
			      {&list, SW_READY_READ | SW_READY_GONE, 0, 0},
			      {&list, SW_READY_WRITE, 0, 0}};
	waiter_list_wake(&list, SW_READY_ALL); /* nobody: nothing happens */
	for (int i = 0; i < 3; i++)
		pthread_create(&s[i].thread, NULL, sleep_in_thread, &s[i]);
	cr_assert(WSD_UNTIL(linked(&list, 3), LONG_MS));
	waiter_list_wake(&list, SW_READY_READ | SW_READY_CLOSE);
	pthread_join(s[0].thread, NULL);
	pthread_join(s[1].thread, NULL);
	cr_assert_eq(s[0].result, SW_READY_READ | SW_READY_CLOSE);
	cr_assert_eq(s[1].result, SW_READY_READ | SW_READY_CLOSE);
	cr_assert(linked(&list, 1), "the third sleeps on");
	waiter_list_wake(&list, SW_READY_WRITE);
	pthread_join(s[2].thread, NULL);
	cr_assert_eq(s[2].result, SW_READY_WRITE);
	waiter_cleanup();
	WSD_TEST_END();
}

Test(waiter, SW_BLOCK_1_bits_between_link_and_sleep_are_not_lost)
{
	WSD_TEST_BEGIN();
	struct waiter_list list = WAITER_LIST_INITIALIZER, other = WAITER_LIST_INITIALIZER;
	struct waiter w;
	struct waiter_link link = {.list = NULL}, link2 = {.list = NULL};
	cr_assert_eq(waiter_begin(&w), 0);
	waiter_link(&list, &link, &w, SW_READY_ALL);
	waiter_link(&other, &link2, &w, SW_READY_GONE);
	waiter_list_wake(&list, SW_READY_READ);
	waiter_list_wake(&other, SW_READY_READ); /* not wanted there */
	waiter_list_wake(&other, SW_READY_GONE);
	cr_assert_eq(waiter_sleep(&w, NULL, 0, WAITER_FOREVER), SW_READY_READ | SW_READY_GONE);
	cr_assert_eq(waiter_sleep(&w, NULL, 0, 0), -ETIMEDOUT, "told once");
	waiter_unlink(&link);
	waiter_unlink(&link);
	waiter_list_wake(&list, SW_READY_READ);
	cr_assert_eq(waiter_sleep(&w, NULL, 0, 0), -ETIMEDOUT, "not linked");
	waiter_unlink(&link2);
	waiter_end(&w);
	waiter_cleanup();
	WSD_TEST_END();
}

Test(waiter, SW_BLOCK_1_deadlines)
{
	WSD_TEST_BEGIN();
	struct waiter w;
	cr_assert_eq(waiter_begin(&w), 0);
	uint64_t start = waiter_now_ns();
	cr_assert_eq(waiter_sleep(&w, NULL, 0, in_ms(20)), -ETIMEDOUT);
	cr_assert_geq(waiter_now_ns() - start, (uint64_t)20 * MS);
	cr_assert_eq(waiter_sleep(&w, NULL, 0, 1), -ETIMEDOUT, "long past");
	cr_assert_eq(waiter_deadline(0xffffffff), WAITER_FOREVER);
	waiter_end(&w);
	waiter_cleanup();
	WSD_TEST_END();
}

Test(waiter, SW_BLOCK_4_descriptors_beside_lists)
{
	WSD_TEST_BEGIN();
	struct waiter_list list = WAITER_LIST_INITIALIZER;
	struct waiter w;
	struct waiter_link link = {.list = NULL};
	int fd = eventfd(0, EFD_CLOEXEC);
	struct pollfd fds[3] = {{.fd = fd, .events = POLLIN}, {.fd = -1}};
	cr_assert_eq(waiter_begin(&w), 0);
	waiter_link(&list, &link, &w, SW_READY_ALL);
	cr_assert_eq(waiter_sleep(&w, fds, 2, in_ms(1)), -ETIMEDOUT);
	cr_assert_eq(fds[0].revents, 0);
	eventfd_write(fd, 1);
	cr_assert_eq(waiter_sleep(&w, fds, 2, in_ms(LONG_MS)), 0);
	cr_assert_eq(fds[0].revents, POLLIN);
	waiter_list_wake(&list, SW_READY_CLOSE);
	cr_assert_eq(waiter_sleep(&w, fds, 2, in_ms(LONG_MS)), SW_READY_CLOSE);
	cr_assert(fds[0].revents == 0 || fds[0].revents == POLLIN, "set, never left as it was");
	waiter_unlink(&link);
	waiter_end(&w);
	close(fd);
	waiter_cleanup();
	WSD_TEST_END();
}

Test(waiter, SW_BLOCK_4_a_wake_that_is_left_over_ends_no_later_sleep)
{
	WSD_TEST_BEGIN();
	struct waiter w, next;
	cr_assert_eq(waiter_begin(&w), 0);
	int fd = w.fd;
	eventfd_write(fd, 1); /* as a waker does that was slow */
	waiter_end(&w);
	cr_assert_eq(waiter_begin(&next), 0);
	cr_assert_eq(next.fd, fd, "kept");
	uint64_t start = waiter_now_ns();
	cr_assert_eq(waiter_sleep(&next, NULL, 0, in_ms(20)), -ETIMEDOUT);
	cr_assert_geq(waiter_now_ns() - start, (uint64_t)20 * MS);
	waiter_end(&next);
	waiter_cleanup();
	WSD_TEST_END();
}

static bool is_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, 0) == 1;
}

Test(waiter, SW_BLOCK_4_wakes_that_are_held_back)
{
	WSD_TEST_BEGIN();
	struct waiter_list list = WAITER_LIST_INITIALIZER;
	struct sleeper s[10]; /* more than are held back */
	int fds[10], n = 0, woken = 0;
	for (int i = 0; i < 10; i++) {
		s[i] = (struct sleeper){&list, SW_READY_CONNECT, 0, 0};
		pthread_create(&s[i].thread, NULL, sleep_in_thread, &s[i]);
	}
	cr_assert(WSD_UNTIL(linked(&list, 10), LONG_MS));
	wsd_lock(&list.lock);
	for (struct waiter_link *l = list.first; l; l = l->next)
		fds[n++] = l->waiter->fd;
	waiter_hold();
	wsd_unlock(&list.lock);
	waiter_list_wake(&list, SW_READY_CONNECT);
	/* the two last ones are awake, or were: an event that was read is not seen any more */
	for (int i = 0; i < 8; i++)
		woken += is_readable(fds[i]);
	cr_assert_eq(woken, 0);
	waiter_let_go();
	for (int i = 0; i < 10; i++) {
		pthread_join(s[i].thread, NULL);
		cr_assert_eq(s[i].result, SW_READY_CONNECT);
	}
	waiter_cleanup();
	WSD_TEST_END();
}

Test(waiter, SW_BLOCK_4_who_is_gone_when_his_wake_comes)
{
	WSD_TEST_BEGIN();
	struct waiter_list list = WAITER_LIST_INITIALIZER;
	struct waiter w;
	struct waiter_link link = {.list = NULL};
	cr_assert_eq(waiter_begin(&w), 0);
	waiter_link(&list, &link, &w, SW_READY_ALL);
	atomic_store(&w.asleep, 1); /* as in a sleep whose time is over in this moment */
	waiter_hold();
	waiter_list_wake(&list, SW_READY_READ);
	waiter_unlink(&link);
	int fd = w.fd;
	waiter_end(&w);
	waiter_cleanup();
	int other = eventfd(0, EFD_CLOEXEC);
	cr_assert_neq(other, fd, "the number is nobody's yet");
	waiter_let_go();
	cr_assert_not(is_readable(other));
	close(other);
	WSD_TEST_END();
}

Test(waiter, SW_BLOCK_4_no_descriptors)
{
	WSD_TEST_BEGIN();
	struct rlimit before, none;
	struct waiter w, second;
	cr_assert_eq(waiter_begin(&w), 0);
	getrlimit(RLIMIT_NOFILE, &before);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
	setrlimit(RLIMIT_NOFILE, &none);
	cr_assert_eq(waiter_begin(&second), -EMFILE);
	setrlimit(RLIMIT_NOFILE, &before);
	waiter_end(&w);
	waiter_cleanup();
	WSD_TEST_END();
}

Test(waiter, WS_STARTUP_6_a_child_closes_what_the_parent_had)
{
	WSD_TEST_BEGIN();
	struct waiter used, w;
	cr_assert_eq(waiter_begin(&used), 0);
	cr_assert_eq(waiter_begin(&w), 0);
	waiter_end(&w); /* one idle, one in use */
	unsigned had = wsd_check_fds();
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		waiter_after_fork(); /* the library's handler has done so before: twice is fine */
		bool fewer = wsd_check_fds() == had - 2;
		bool usable = waiter_begin(&w) == 0;
		waiter_end(&w);
		_exit(fewer && usable ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	cr_assert_eq(status, 0);
	waiter_end(&used);
	waiter_cleanup();
	WSD_TEST_END();
}
