/* SPDX-License-Identifier: MIT
 *
 * The service thread's loop: watches, timers, jobs, and that nothing runs after it was taken away.
 */
#include "check.h"
#include "process.h"
#include "reactor.h"
#include "waiter.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

enum { LONG_MS = 20000, MS = 1000000 };

static struct sw_process process = {.reactor_lock = PTHREAD_MUTEX_INITIALIZER};

static struct reactor *started(void)
{
	struct reactor *r = NULL;
	cr_assert_eq(reactor_start(&process, &r), 0);
	return r;
}

/* ---- watches ---- */

struct watched {
	struct reactor_watch w;
	struct reactor *r;
	atomic_uint calls, events;
	atomic_bool hold, inside, take, rearm, unwatch, here;
};

static void on_ready(struct reactor_watch *w, uint32_t events)
{
	struct watched *x = (struct watched *)w;
	eventfd_t n;
	x->here = reactor_here(x->r);
	x->inside = true;
	while (x->hold)
		usleep(100);
	if (x->take)
		eventfd_read(w->fd, &n);
	if (x->unwatch)
		reactor_unwatch(x->r, w);
	if (x->rearm)
		reactor_arm(x->r, w, EPOLLIN);
	x->inside = false;
	x->events = events;
	x->calls++;
}

static void init(struct watched *x, struct reactor *r, int fd)
{
	memset(x, 0, sizeof(*x));
	x->w.ready = on_ready;
	x->w.fd = fd;
	x->r = r;
	x->take = true;
}

/* ---- memory that goes with its callback ---- */

struct fleeting {
	struct reactor_watch w;
	struct reactor *r;
	atomic_uint *gone;
};

static void vanish(struct reactor_watch *w, uint32_t events)
{
	struct fleeting *f = (struct fleeting *)w;
	atomic_uint *gone = f->gone;
	reactor_unwatch(f->r, w);
	close(w->fd);
	memset(f, 0xff, sizeof(*f));
	free(f);
	(*gone)++;
}

/* The thread has done all that was due. */
static void nothing(struct reactor_job *j)
{
	atomic_uint *done = (atomic_uint *)(void *)(j + 1);
	(*done)++;
}

static void settle(struct reactor *r)
{
	struct {
		struct reactor_job j;
		atomic_uint done;
	} x = {.j = {.run = nothing}};
	for (unsigned i = 0; i < 3; i++) {
		reactor_post(r, &x.j);
		cr_assert(WSD_UNTIL(x.done == i + 1, LONG_MS));
	}
	reactor_unpost(r, &x.j);
}

Test(reactor, SW_INIT_1_one_thread_on_first_use)
{
	WSD_TEST_BEGIN();
	unsigned before = wsd_check_threads();
	reactor_stop(NULL);
	struct reactor *r = started();
	cr_assert_eq(started(), r);
	cr_assert_eq(wsd_check_threads(), before + 1);
	cr_assert_not(reactor_here(r));
	reactor_stop(r);
	cr_assert_null(process.reactor);
	WSD_TEST_END();
}

Test(reactor, SW_BLOCK_4_one_shot_watches)
{
	WSD_TEST_BEGIN();
	struct reactor *r = started();
	struct watched x;
	init(&x, r, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	reactor_unwatch(r, &x.w); /* not watched: nothing */
	cr_assert_eq(reactor_arm(r, &x.w, EPOLLIN), 0);
	eventfd_write(x.w.fd, 1);
	cr_assert(WSD_UNTIL(x.calls == 1, LONG_MS));
	cr_assert_eq(x.events, EPOLLIN);
	cr_assert(x.here);
	eventfd_write(x.w.fd, 1);
	settle(r);
	cr_assert_eq(x.calls, 1, "once");
	x.rearm = true;
	cr_assert_eq(reactor_arm(r, &x.w, EPOLLIN), 0, "what holds already is told");
	cr_assert(WSD_UNTIL(x.calls == 2, LONG_MS));
	eventfd_write(x.w.fd, 1);
	cr_assert(WSD_UNTIL(x.calls == 3, LONG_MS), "armed by its own callback");
	reactor_unwatch(r, &x.w);
	eventfd_write(x.w.fd, 1);
	settle(r);
	cr_assert_eq(x.calls, 3);
	close(x.w.fd);
	x.w.fd = 9999;
	cr_assert_eq(reactor_arm(r, &x.w, EPOLLIN), -EBADF);
	reactor_unwatch(r, &x.w);
	x.w.fd = -1;
	cr_assert_eq(reactor_arm(r, &x.w, EPOLLIN), -EBADF);
	reactor_stop(r);
	WSD_TEST_END();
}

Test(reactor, SW_BLOCK_4_lasting_watches_are_told_each_edge)
{
	WSD_TEST_BEGIN();
	struct reactor *r = started();
	struct watched x;
	init(&x, r, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	x.take = false;
	cr_assert_eq(reactor_arm_edge(r, &x.w, EPOLLIN), 0);
	for (unsigned i = 1; i < 4; i++) {
		eventfd_write(x.w.fd, 1);
		cr_assert(WSD_UNTIL(x.calls == i, LONG_MS));
		settle(r);
		cr_assert_eq(x.calls, i, "a level is not told again");
	}
	reactor_unwatch(r, &x.w);
	close(x.w.fd);
	reactor_stop(r);
	WSD_TEST_END();
}

Test(reactor, SW_BLOCK_4_a_level_is_told_as_long_as_it_holds)
{
	WSD_TEST_BEGIN();
	struct reactor *r = started();
	struct watched x;
	eventfd_t count;
	init(&x, r, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	x.take = false;
	cr_assert_eq(reactor_arm_level(r, &x.w, EPOLLIN), 0);
	settle(r);
	cr_assert_eq(x.calls, 0);
	for (int i = 0; i < 2; i++) {
		unsigned before = x.calls;
		eventfd_write(x.w.fd, 1);
		cr_assert(WSD_UNTIL(x.calls >= before + 3, LONG_MS));
		cr_assert_eq(eventfd_read(x.w.fd, &count), 0);
		settle(r);
		unsigned seen = x.calls;
		settle(r);
		cr_assert_eq(x.calls, seen);
	}
	reactor_unwatch(r, &x.w);
	close(x.w.fd);
	reactor_stop(r);
	WSD_TEST_END();
}

Test(reactor, SW_BLOCK_4_several_watches_of_one_descriptor)
{
	WSD_TEST_BEGIN();
	struct reactor *r = started();
	struct watched in, out, edge;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	init(&in, r, fd);
	init(&out, r, fd);
	init(&edge, r, fd);
	edge.take = false;
	cr_assert_eq(reactor_arm(r, &in.w, EPOLLIN), 0);
	cr_assert_eq(reactor_arm(r, &out.w, EPOLLOUT), 0);
	cr_assert(WSD_UNTIL(out.calls == 1, LONG_MS));
	cr_assert_eq(in.calls, 0);
	eventfd_write(fd, 1);
	cr_assert(WSD_UNTIL(in.calls == 1, LONG_MS), "it waited on");
	cr_assert_eq(out.calls, 1);
	/* with a lasting one beside them */
	cr_assert_eq(reactor_arm_edge(r, &edge.w, EPOLLIN), 0);
	settle(r);
	cr_assert_eq(edge.calls, 0);
	eventfd_write(fd, 1);
	cr_assert(WSD_UNTIL(edge.calls == 1, LONG_MS));
	cr_assert_eq(reactor_arm(r, &in.w, EPOLLIN), 0, "holds already");
	cr_assert(WSD_UNTIL(in.calls == 2, LONG_MS));
	settle(r);
	eventfd_write(fd, 1);
	unsigned seen = edge.calls;
	cr_assert(WSD_UNTIL(edge.calls >= 2, LONG_MS));
	cr_assert_leq(seen, 3);
	cr_assert_eq(in.calls, 2);
	reactor_unwatch(r, &edge.w);
	cr_assert_eq(reactor_arm(r, &in.w, EPOLLIN), 0, "one-shot again");
	cr_assert(WSD_UNTIL(in.calls == 3, LONG_MS));
	reactor_unwatch(r, &in.w);
	reactor_unwatch(r, &out.w);
	close(fd);
	reactor_stop(r);
	WSD_TEST_END();
}

static void *unwatch(void *arg)
{
	struct watched *x = arg;
	reactor_unwatch(x->r, &x->w);
	cr_assert_not(x->inside);
	return NULL;
}

Test(reactor, SW_BLOCK_4_unwatch_waits_for_its_callback_but_not_inside_it)
{
	WSD_TEST_BEGIN();
	struct reactor *r = started();
	struct watched x;
	pthread_t t;
	init(&x, r, eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
	x.hold = true;
	cr_assert_eq(reactor_arm(r, &x.w, EPOLLIN), 0);
	cr_assert(WSD_UNTIL(x.inside, LONG_MS));
	pthread_create(&t, NULL, unwatch, &x);
	usleep(10000);
	x.hold = false;
	pthread_join(t, NULL);
	x.unwatch = true;
	eventfd_write(x.w.fd, 1);
	cr_assert_eq(reactor_arm(r, &x.w, EPOLLIN), 0);
	cr_assert(WSD_UNTIL(x.calls == 2, LONG_MS));
	close(x.w.fd);
	reactor_stop(r);
	WSD_TEST_END();
}

/* Events that the kernel reported together: the first callback takes the others away. */
static struct watched batch[8];

static void take_all(struct reactor_watch *w, uint32_t events)
{
	atomic_fetch_add(&batch[0].calls, 1);
	for (int i = 0; i < 8; i++) {
		reactor_unwatch(batch[0].r, &batch[i].w);
		int fd = batch[i].w.fd;
		close(fd);
		batch[i].w.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); /* the number again */
		cr_assert_eq(batch[i].w.fd, fd);
		reactor_arm(batch[0].r, &batch[i].w, EPOLLIN);
	}
}

Test(reactor, SW_BLOCK_4_reported_events_do_not_reach_a_later_watch)
{
	WSD_TEST_BEGIN();
	struct reactor *r = started();
	struct watched gate;
	init(&gate, r, eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
	gate.hold = true;
	cr_assert_eq(reactor_arm(r, &gate.w, EPOLLIN), 0);
	cr_assert(WSD_UNTIL(gate.inside, LONG_MS));
	for (int i = 0; i < 8; i++) {
		init(&batch[i], r, eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
		batch[i].w.ready = take_all;
		cr_assert_eq(reactor_arm(r, &batch[i].w, EPOLLIN), 0);
	}
	gate.hold = false;
	cr_assert(WSD_UNTIL(batch[0].calls, LONG_MS));
	settle(r);
	cr_assert_eq(batch[0].calls, 1);
	for (int i = 0; i < 8; i++) {
		reactor_unwatch(r, &batch[i].w);
		close(batch[i].w.fd);
	}
	reactor_unwatch(r, &gate.w);
	close(gate.w.fd);
	reactor_stop(r);
	WSD_TEST_END();
}

/* ---- timers ---- */

enum { TIMERS = 200 };

static struct fired {
	struct reactor_timer t;
	unsigned number;
} timers[TIMERS];
static atomic_uint n_fired;
static unsigned order[TIMERS * 2];

static void on_timer(struct reactor_timer *t)
{
	unsigned n = n_fired;
	order[n] = ((struct fired *)t)->number;
	atomic_store(&n_fired, n + 1);
}

Test(reactor, SW_BLOCK_4_timers_fire_in_their_order)
{
	WSD_TEST_BEGIN();
	struct reactor *r = started();
	uint64_t base = waiter_now_ns() + (uint64_t)1000 * MS; /* all are set by then */
	for (unsigned i = 0; i < TIMERS; i++) {
		timers[i] = (struct fired){{.fire = on_timer}, i};
		/* far away first: then each is moved */
		reactor_timer_set(r, &timers[i].t, base + (uint64_t)3600000 * MS);
	}
	unsigned expected = 0;
	for (unsigned i = 0; i < TIMERS; i++) {
		unsigned k = i * 77 % TIMERS;
		reactor_timer_set(r, &timers[k].t, base + k);
	}
	for (unsigned k = 0; k < TIMERS; k += 3)
		reactor_timer_stop(r, &timers[k].t);
	for (unsigned k = 0; k < TIMERS; k++)
		expected += k % 3 != 0;
	cr_assert_eq(n_fired, 0);
	cr_assert(WSD_UNTIL(n_fired == expected, LONG_MS));
	cr_assert_geq(waiter_now_ns(), base);
	for (unsigned i = 1; i < expected; i++)
		cr_assert_lt(order[i - 1], order[i]);
	for (unsigned k = 0; k < TIMERS; k++)
		cr_assert_eq(timers[k].t.when_ns, 0);
	/* one in the past is due at once, also when the thread sleeps for long */
	reactor_timer_set(r, &timers[1].t, waiter_now_ns() + (uint64_t)3600000 * MS);
	settle(r);
	reactor_timer_set(r, &timers[0].t, 1);
	cr_assert(WSD_UNTIL(n_fired == expected + 1, LONG_MS));
	reactor_timer_stop(r, &timers[1].t);
	reactor_timer_stop(r, &timers[1].t);
	reactor_stop(r);
	WSD_TEST_END();
}

struct again {
	struct reactor_timer t;
	struct reactor *r;
	atomic_uint calls;
};

static void set_again(struct reactor_timer *t)
{
	struct again *a = (struct again *)t;
	a->calls++;
	reactor_timer_set(a->r, t, 1); /* always due */
}

Test(reactor, SW_BLOCK_4_a_timer_that_is_always_due_does_not_starve_the_rest)
{
	WSD_TEST_BEGIN();
	struct reactor *r = started();
	struct again a = {{.fire = set_again}, r, 0};
	struct watched x;
	reactor_timer_set(r, &a.t, 1);
	cr_assert(WSD_UNTIL(a.calls > 100, LONG_MS));
	init(&x, r, eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
	cr_assert_eq(reactor_arm(r, &x.w, EPOLLIN), 0);
	cr_assert(WSD_UNTIL(x.calls == 1, LONG_MS));
	settle(r);
	reactor_timer_stop(r, &a.t);
	unsigned calls = a.calls;
	settle(r);
	cr_assert_eq(a.calls, calls);
	reactor_unwatch(r, &x.w);
	close(x.w.fd);
	reactor_stop(r);
	WSD_TEST_END();
}

/* ---- jobs ---- */

struct counted {
	struct reactor_job j;
	struct reactor *r;
	atomic_uint calls, more;
};

static void count(struct reactor_job *j)
{
	struct counted *c = (struct counted *)j;
	c->calls++;
	if (c->more) {
		c->more--;
		cr_assert(reactor_post(c->r, j));
	}
}

Test(reactor, SW_BLOCK_4_jobs)
{
	WSD_TEST_BEGIN();
	struct reactor *r = started();
	struct counted c = {{.run = count}, r, 0, 5}, taken = {{.run = count}, r, 0, 0};
	struct watched gate;
	init(&gate, r, eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
	gate.hold = true;
	cr_assert_eq(reactor_arm(r, &gate.w, EPOLLIN), 0);
	cr_assert(WSD_UNTIL(gate.inside, LONG_MS));
	cr_assert(reactor_post(r, &taken.j));
	cr_assert(reactor_post(r, &c.j));
	cr_assert_not(reactor_post(r, &c.j), "queued once");
	reactor_unpost(r, &taken.j);
	reactor_unpost(r, &taken.j);
	gate.hold = false;
	cr_assert(WSD_UNTIL(c.calls == 6, LONG_MS));
	settle(r);
	cr_assert_eq(taken.calls, 0);
	reactor_unwatch(r, &gate.w);
	close(gate.w.fd);
	/* what is queued runs before the end */
	c.more = 3;
	cr_assert(reactor_post(r, &c.j));
	reactor_stop(r);
	cr_assert_eq(c.calls, 10);
	WSD_TEST_END();
}

Test(reactor, WS_STARTUP_6_a_child_drops_it)
{
	WSD_TEST_BEGIN();
	struct reactor *r = started();
	unsigned had = wsd_check_fds();
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		reactor_after_fork(process.reactor_fds);
		_exit(wsd_check_fds() == had - 2 ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	cr_assert_eq(status, 0);
	settle(r);
	reactor_stop(r);
	WSD_TEST_END();
}

/* As a connection's that ends in the background: it may be over before the call has returned. */
Test(reactor, SW_BLOCK_4_a_callback_frees_the_watch_that_is_being_armed)
{
	enum { N = 3000 };
	WSD_TEST_BEGIN();
	struct reactor *r = started();
	static atomic_uint gone;
	for (unsigned i = 0; i < N; i++) {
		struct fleeting *f = calloc(1, sizeof(*f));
		*f = (struct fleeting){.w = {.ready = vanish, .fd = eventfd(1, EFD_CLOEXEC)},
				       .r = r,
				       .gone = &gone};
		cr_assert_eq(reactor_arm_edge(r, &f->w, EPOLLIN), 0);
		while (gone + 50 < i)
			sched_yield();
	}
	cr_assert(WSD_UNTIL(gone == N, LONG_MS));
	reactor_stop(r);
	WSD_TEST_END();
}
