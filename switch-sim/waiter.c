/* SPDX-License-Identifier: MIT
 *
 * Waiting threads [SW-BLOCK-1, -4]. Their eventfds come from a pool, not from thread-local storage:
 * so none is left over when a thread ends, all are closed by the last WSACleanup, and a forked
 * child knows every one. A wait costs the pool's lock twice and no system call but the sleep's.
 *
 * Locks: one in each list, the pool's; leaves, never both.
 */
#include "waiter.h"
#include "process.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum {
	IDLE_MAX = 64, /* eventfds kept for the next waits */
	HELD_MAX = 8,  /* wakes that wait for waiter_let_go() */
};

struct waiter_fd {
	struct waiter_fd *prev, *next; /* all that are open, for a forked child */
	struct waiter_fd *next_idle;
	_Atomic unsigned users; /* the waiter or the pool; those who still have to write */
	int fd;
};

static struct {
	struct wsd_lock lock;
	struct waiter_fd *all, *idle;
	unsigned n_idle;
} pool = {.lock = WSD_LOCK_INITIALIZER};

/* Of a thread between waiter_hold() and waiter_let_go(). */
static _Thread_local struct {
	bool holds;
	unsigned count;
	struct waiter_fd *fds[HELD_MAX];
} held;

/* ---- eventfds ---- */

static struct waiter_fd *take_idle(void)
{
	wsd_lock(&pool.lock);
	struct waiter_fd *f = pool.idle;
	if (f) {
		pool.idle = f->next_idle;
		pool.n_idle--;
	}
	wsd_unlock(&pool.lock);
	return f;
}

/* The descriptor is on the list before a fork can come. */
static int open_fd(struct waiter_fd *f)
{
	int err = 0;
	sw_fds_begin();
	f->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->fd < 0) {
		err = -errno;
	} else {
		atomic_init(&f->users, 1);
		wsd_lock(&pool.lock);
		f->prev = NULL;
		f->next = pool.all;
		if (f->next)
			f->next->prev = f;
		pool.all = f;
		wsd_unlock(&pool.lock);
	}
	sw_fds_end();
	return err;
}

static void put_fd(struct waiter_fd *f)
{
	if (atomic_fetch_sub(&f->users, 1) > 1)
		return;
	sw_fds_begin();
	wsd_lock(&pool.lock);
	if (f->next)
		f->next->prev = f->prev;
	if (f->prev)
		f->prev->next = f->next;
	else
		pool.all = f->next;
	close(f->fd);
	wsd_unlock(&pool.lock);
	sw_fds_end();
	free(f);
}

int waiter_begin(struct waiter *w)
{
	struct waiter_fd *f = take_idle();
	if (!f) {
		f = malloc(sizeof(*f));
		int err = f ? open_fd(f) : -ENOMEM;
		if (err) {
			free(f);
			return err;
		}
	}
	atomic_init(&w->woken, 0);
	atomic_init(&w->asleep, 0);
	w->kept = f;
	w->fd = f->fd;
	return 0;
}

/* Nobody writes to it any more: w is on no list. A count that is left over is a sleep that ends
 * for nothing later, which every sleeper must bear; so it is not read away. */
void waiter_end(struct waiter *w)
{
	struct waiter_fd *f = w->kept;
	wsd_lock(&pool.lock);
	bool keep = pool.n_idle < IDLE_MAX;
	if (keep) {
		f->next_idle = pool.idle;
		pool.idle = f;
		pool.n_idle++;
	}
	wsd_unlock(&pool.lock);
	if (!keep)
		put_fd(f);
	w->kept = NULL;
	w->fd = -1;
}

void waiter_cleanup(void)
{
	struct waiter_fd *f;
	while ((f = take_idle()))
		put_fd(f);
}

void waiter_after_fork(void)
{
	wsd_lock_init(&pool.lock);
	while (pool.all) {
		struct waiter_fd *f = pool.all;
		pool.all = f->next;
		close(f->fd);
		free(f);
	}
	pool.idle = NULL;
	pool.n_idle = 0;
	held.count = 0;
}

/* ---- lists ---- */

void waiter_link(struct waiter_list *list, struct waiter_link *link, struct waiter *w,
		 unsigned want)
{
	link->waiter = w;
	link->want = want;
	link->list = list;
	link->prev = NULL;
	wsd_lock(&list->lock);
	link->next = atomic_load_explicit(&list->first, memory_order_relaxed);
	if (link->next)
		link->next->prev = link;
	atomic_store_explicit(&list->first, link, memory_order_relaxed);
	wsd_unlock(&list->lock);
	/* Before the conditions are looked at; its other half is in waiter_list_wake: either the
	 * waker sees the link, or we see what it made true. */
	atomic_thread_fence(memory_order_seq_cst);
}

void waiter_unlink(struct waiter_link *link)
{
	struct waiter_list *list = link->list;
	if (!list)
		return;
	wsd_lock(&list->lock);
	if (link->next)
		link->next->prev = link->prev;
	if (link->prev)
		link->prev->next = link->next;
	else
		atomic_store_explicit(&list->first, link->next, memory_order_relaxed);
	wsd_unlock(&list->lock);
	link->list = NULL;
}

static void end_sleep(int fd)
{
	if (eventfd_write(fd, 1) < 0)
		return; /* EAGAIN: the counter is full, so it is readable */
}

/* Under the lock of a list that it is on, so it cannot go meanwhile. */
static void wake(struct waiter *w, unsigned bits)
{
	atomic_fetch_or(&w->woken, bits);
	if (!atomic_exchange(&w->asleep, 0))
		return;
	if (!held.holds || held.count == HELD_MAX) {
		end_sleep(w->fd);
		return;
	}
	atomic_fetch_add(&w->kept->users, 1);
	held.fds[held.count++] = w->kept;
}

void waiter_hold(void)
{
	held.holds = true;
}

void waiter_let_go(void)
{
	held.holds = false;
	while (held.count) {
		struct waiter_fd *f = held.fds[--held.count];
		end_sleep(f->fd);
		put_fd(f);
	}
}

void waiter_list_wake(struct waiter_list *list, unsigned bits)
{
	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&list->first, memory_order_relaxed))
		return;
	wsd_lock(&list->lock);
	for (struct waiter_link *l = atomic_load_explicit(&list->first, memory_order_relaxed); l;
	     l = l->next)
		if (l->want & bits)
			wake(l->waiter, bits);
	wsd_unlock(&list->lock);
}

/* ---- sleeping ---- */

uint64_t waiter_now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

uint64_t waiter_deadline(uint32_t ms)
{
	return ms == WSA_INFINITE ? WAITER_FOREVER : waiter_now_ns() + (uint64_t)ms * 1000000U;
}

/* As ppoll(2). */
static int poll_until(struct pollfd *fds, nfds_t count, uint64_t deadline_ns)
{
	struct timespec left = {0};
	if (deadline_ns == WAITER_FOREVER)
		return ppoll(fds, count, NULL, NULL);
	uint64_t now = waiter_now_ns();
	if (deadline_ns > now) {
		left.tv_sec = (time_t)((deadline_ns - now) / 1000000000U);
		left.tv_nsec = (long)((deadline_ns - now) % 1000000000U);
	}
	return ppoll(fds, count, &left, NULL);
}

/* Asleep until the eventfd is written to, unless bits came before. 1: a descriptor of the caller's
 * or a signal; 0: look for bits; negative: -errno or -ETIMEDOUT. */
static int sleep_once(struct waiter *w, struct pollfd *fds, unsigned count, uint64_t deadline_ns)
{
	fds[count] = (struct pollfd){.fd = w->fd, .events = POLLIN};
	for (unsigned i = 0; i < count; i++)
		fds[i].revents = 0;
	atomic_store(&w->asleep, 1);
	if (atomic_load(&w->woken)) {
		atomic_store(&w->asleep, 0);
		return 0;
	}
	int n = poll_until(fds, count + 1, deadline_ns);
	int err = n < 0 ? -errno : 0;
	atomic_store(&w->asleep, 0);
	if (err)
		return err == -EINTR ? 1 : err;
	if (n == 0)
		return -ETIMEDOUT;
	eventfd_t counted;
	if (!fds[count].revents)
		return 1;
	(void)eventfd_read(w->fd, &counted);
	return n > 1;
}

int waiter_sleep(struct waiter *w, struct pollfd *fds, unsigned count, uint64_t deadline_ns)
{
	struct pollfd only[1];
	int r;
	if (!fds) {
		fds = only;
		count = 0;
	}
	do {
		r = sleep_once(w, fds, count, deadline_ns);
		unsigned bits = atomic_exchange(&w->woken, 0);
		if (bits)
			return (int)bits;
	} while (r == 0); /* an eventfd that an earlier wait left readable */
	return r < 0 ? r : 0;
}
