/* SPDX-License-Identifier: MIT
 *
 * The service thread's loop over one epoll instance [SW-INIT-1 step 10, SW-BLOCK-4].
 *
 * An event names a descriptor and the serial of its registration, not a watch: so one that the
 * kernel reported before an unwatch finds nothing, even if descriptor and memory serve somebody
 * else by then. All watches of a descriptor share one registration.
 *
 * Locks: r->lock, a leaf, held over epoll_ctl but over no callback.
 */
#include "reactor.h"

#include "log.h"
#include "process.h"
#include "thread.h"
#include "waiter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	EVENTS_AT_ONCE = 64,
	TIMERS_AT_ONCE = 64, /* then descriptors have their turn */
	CHUNK = 256,         /* descriptors whose places are made together */
	TIMEOUT_MAX_MS = 3600000,
};

/* By descriptor. Zero: nobody watches it. */
struct place {
	struct reactor_watch *first;
	uint32_t serial;     /* of the registration: one more each time */
	uint32_t registered; /* what the kernel waits for; 0: one-shot, and it has fired */
	bool known;          /* the kernel knows the descriptor */
};

struct reactor {
	struct sw_process *process;
	pthread_t thread;
	int epoll_fd, wake_fd;
	pthread_mutex_t lock; /* all below */
	pthread_cond_t done;  /* a callback that somebody waits for has returned */
	const void *running;  /* watch, timer or job whose callback runs */
	uint64_t runs;        /* how many have begun */
	bool stopping, asleep;
	struct place **chunks;
	unsigned n_chunks;
	uint64_t turn;
	struct reactor_timer *timers; /* the heap's root: the first that is due */
	struct reactor_job *first_job, **last_job;
	struct reactor *abandoned; /* of a fork, in the child */
};

bool reactor_here(const struct reactor *r)
{
	return pthread_equal(pthread_self(), r->thread);
}

/* Caller holds r->lock. True: reactor_wake, after the lock is given up. */
static bool must_wake(struct reactor *r)
{
	bool asleep = r->asleep;
	r->asleep = false; /* one wake is enough */
	return asleep;
}

static void reactor_wake(struct reactor *r)
{
	if (eventfd_write(r->wake_fd, 1) < 0)
		return; /* the counter is full: it is awake */
}

/* Caller holds r->lock. The callback of @object does not run when this returns, or this is it.
 * True: it ran meanwhile. */
static bool wait_for(struct reactor *r, const void *object)
{
	if (r->running != object)
		return false;
	if (reactor_here(r)) {
		r->running = NULL; /* its memory may serve another from now on */
		return false;
	}
	uint64_t run = r->runs;
	while (r->running == object && r->runs == run)
		pthread_cond_wait(&r->done, &r->lock);
	return true;
}

/* With r->lock around, which is not held over the callback: @call uses nothing of r. */
#define RUN(r, object, call)                        \
	do {                                        \
		(r)->runs++;                        \
		(r)->running = (object);            \
		pthread_mutex_unlock(&(r)->lock);   \
		call;                               \
		pthread_mutex_lock(&(r)->lock);     \
		(r)->running = NULL;                \
		pthread_cond_broadcast(&(r)->done); \
	} while (0)

/* ---- watches ---- */

static struct place *find_place(const struct reactor *r, unsigned fd)
{
	unsigned chunk = fd / CHUNK;
	return chunk < r->n_chunks && r->chunks[chunk] ? &r->chunks[chunk][fd % CHUNK] : NULL;
}

static struct place *make_place(struct reactor *r, unsigned fd)
{
	unsigned chunk = fd / CHUNK;
	if (chunk >= r->n_chunks) {
		unsigned n = chunk + 1 > r->n_chunks * 2 ? chunk + 1 : r->n_chunks * 2;
		struct place **more = realloc(r->chunks, n * sizeof(struct place *));
		if (!more)
			return NULL;
		memset(more + r->n_chunks, 0, (n - r->n_chunks) * sizeof(struct place *));
		r->chunks = more;
		r->n_chunks = n;
	}
	if (!r->chunks[chunk])
		r->chunks[chunk] = calloc(CHUNK, sizeof(struct place));
	return find_place(r, fd);
}

/* What the kernel shall wait for. With a lasting watch the registration is edge- or
 * level-triggered; setting it anew reports what holds already, so one-shot watches are served by
 * it, too. */
static uint32_t waited_for(const struct place *at)
{
	static const uint32_t flags[] = {
		[REACTOR_ONCE] = EPOLLONESHOT, [REACTOR_EDGE] = EPOLLET, [REACTOR_LEVEL] = 0};
	uint32_t events = 0;
	enum reactor_mode mode = REACTOR_ONCE;
	for (const struct reactor_watch *w = at->first; w; w = w->next) {
		events |= w->armed;
		mode = w->mode > mode ? w->mode : mode;
	}
	/* one-shot without events: the kernel would report EPOLLHUP again and again */
	return events | flags[mode];
}

static int enrol(struct reactor *r, struct place *at, int fd)
{
	uint32_t events = waited_for(at);
	if (!at->known)
		at->serial++;
	struct epoll_event e = {.events = events,
				.data.u64 = (uint64_t)at->serial << 32 | (uint32_t)fd};
	if (epoll_ctl(r->epoll_fd, at->known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e) < 0)
		return -errno;
	at->known = true;
	at->registered = events;
	return 0;
}

static void remove_watch(struct place *at, struct reactor_watch *w)
{
	struct reactor_watch **link = &at->first;
	while (*link != w)
		link = &(*link)->next;
	*link = w->next;
	w->added = false;
	w->mode = REACTOR_ONCE;
	w->armed = 0;
}

static int arm(struct reactor *r, struct reactor_watch *w, uint32_t events, enum reactor_mode mode)
{
	int err = w->fd < 0 ? -EBADF : -ENOMEM;
	pthread_mutex_lock(&r->lock);
	struct place *at = w->fd < 0 ? NULL : make_place(r, (unsigned)w->fd);
	if (at) {
		struct reactor_watch before = *w;
		w->armed = events;
		w->mode = mode;
		if (!w->added) {
			w->turn = r->turn; /* what is being told is older */
			w->next = at->first;
			at->first = w;
			w->added = true;
		}
		err = enrol(r, at, w->fd);
		if (err && before.added) {
			w->armed = before.armed;
			w->mode = before.mode;
		} else if (err) {
			remove_watch(at, w);
		}
	}
	pthread_mutex_unlock(&r->lock);
	return err; /* its callback may have freed w by now */
}

int reactor_arm(struct reactor *r, struct reactor_watch *w, uint32_t epoll_events)
{
	return arm(r, w, epoll_events, REACTOR_ONCE);
}

int reactor_arm_edge(struct reactor *r, struct reactor_watch *w, uint32_t epoll_events)
{
	return arm(r, w, epoll_events, REACTOR_EDGE);
}

int reactor_arm_level(struct reactor *r, struct reactor_watch *w, uint32_t epoll_events)
{
	return arm(r, w, epoll_events, REACTOR_LEVEL);
}

/* Caller holds r->lock. */
static void unwatch(struct reactor *r, struct reactor_watch *w)
{
	struct place *at = find_place(r, (unsigned)w->fd);
	remove_watch(at, w);
	if (at->first)
		return;
	if (at->known && epoll_ctl(r->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL) < 0)
		wsd_log(WSD_LOG_ERROR, "service thread: descriptor %d: %s", w->fd, strerror(errno));
	at->known = false;
	at->registered = 0;
}

void reactor_unwatch(struct reactor *r, struct reactor_watch *w)
{
	pthread_mutex_lock(&r->lock);
	do
		if (w->added)
			unwatch(r, w);
	while (wait_for(r, w)); /* it may have armed itself */
	pthread_mutex_unlock(&r->lock);
}

/* The next watch that @events are for and that had none of this turn. */
static struct reactor_watch *next_watch(const struct reactor *r, const struct place *at,
					uint32_t events)
{
	for (struct reactor_watch *w = at->first; w; w = w->next)
		if (w->turn != r->turn && w->armed && (events & (w->armed | EPOLLERR | EPOLLHUP)))
			return w;
	return NULL;
}

static void dispatch(struct reactor *r, const struct epoll_event *e)
{
	int fd = (int)(uint32_t)e->data.u64;
	struct reactor_watch *w;
	bool served = false;
	pthread_mutex_lock(&r->lock);
	struct place *at = find_place(r, (unsigned)fd);
	if (at && at->known && at->serial == e->data.u64 >> 32) {
		r->turn++;
		if (at->registered & EPOLLONESHOT)
			at->registered = 0;
		/* a place never moves; that the watches change meanwhile is what `turn` is for */
		while ((w = next_watch(r, at, e->events))) {
			served = true;
			w->turn = r->turn;
			if (w->mode == REACTOR_ONCE)
				w->armed = 0;
			RUN(r, w, w->ready(w, e->events));
		}
		/* watches that wait on; or events that nobody awaits any more */
		uint32_t left = waited_for(at);
		bool more = left != (uint32_t)EPOLLONESHOT && (left & ~at->registered);
		bool fewer = !served && at->registered && left != at->registered;
		if (at->known && (more || fewer))
			enrol(r, at, fd);
	}
	pthread_mutex_unlock(&r->lock);
}

/* ---- timers: a pairing heap ---- */

static struct reactor_timer *meld(struct reactor_timer *a, struct reactor_timer *b)
{
	if (!a || !b)
		return a ? a : b;
	if (b->when_ns < a->when_ns) {
		struct reactor_timer *t = a;
		a = b;
		b = t;
	}
	b->prev = a;
	b->next = a->child;
	if (b->next)
		b->next->prev = b;
	a->child = b;
	return a;
}

/* The siblings from @t on as one heap: pairs from left to right, then the pairs back to front. */
static struct reactor_timer *meld_siblings(struct reactor_timer *t)
{
	struct reactor_timer *pairs = NULL, *heap = NULL;
	while (t) {
		struct reactor_timer *a = t, *b = t->next;
		t = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct reactor_timer *a = pairs;
		pairs = a->next;
		a->next = NULL;
		heap = meld(heap, a);
	}
	return heap;
}

static void remove_timer(struct reactor *r, struct reactor_timer *t)
{
	if (!t->when_ns)
		return;
	struct reactor_timer *rest = meld_siblings(t->child);
	if (t == r->timers) {
		r->timers = rest;
	} else {
		if (t->prev->child == t)
			t->prev->child = t->next;
		else
			t->prev->next = t->next;
		if (t->next)
			t->next->prev = t->prev;
		r->timers = meld(r->timers, rest);
	}
	t->when_ns = 0;
	t->prev = t->next = t->child = NULL;
}

void reactor_timer_set(struct reactor *r, struct reactor_timer *t, uint64_t when_ns)
{
	pthread_mutex_lock(&r->lock);
	remove_timer(r, t);
	t->prev = t->next = t->child = NULL;
	t->when_ns = when_ns ? when_ns : 1;
	r->timers = meld(r->timers, t);
	bool wake = r->timers == t && must_wake(r);
	pthread_mutex_unlock(&r->lock);
	if (wake)
		reactor_wake(r);
}

void reactor_timer_stop(struct reactor *r, struct reactor_timer *t)
{
	pthread_mutex_lock(&r->lock);
	do
		remove_timer(r, t);
	while (wait_for(r, t)); /* it may have set itself */
	pthread_mutex_unlock(&r->lock);
}

/* Caller holds r->lock. */
static void fire_timers(struct reactor *r)
{
	uint64_t now = r->timers ? waiter_now_ns() : 0;
	for (unsigned n = 0; n < TIMERS_AT_ONCE; n++) {
		struct reactor_timer *t = r->timers;
		if (!t || t->when_ns > now)
			return;
		remove_timer(r, t);
		RUN(r, t, t->fire(t));
	}
}

/* ---- jobs ---- */

bool reactor_post(struct reactor *r, struct reactor_job *j)
{
	pthread_mutex_lock(&r->lock);
	bool fresh = !j->queued, wake = false;
	if (fresh) {
		j->queued = true;
		j->next = NULL;
		*r->last_job = j;
		r->last_job = &j->next;
		wake = must_wake(r);
	}
	pthread_mutex_unlock(&r->lock);
	if (wake)
		reactor_wake(r);
	return fresh;
}

/* Caller holds r->lock. */
static void remove_job(struct reactor *r, struct reactor_job *j)
{
	struct reactor_job **link = &r->first_job;
	while (*link != j)
		link = &(*link)->next;
	*link = j->next;
	if (r->last_job == &j->next)
		r->last_job = link;
	j->queued = false;
}

void reactor_unpost(struct reactor *r, struct reactor_job *j)
{
	pthread_mutex_lock(&r->lock);
	do
		if (j->queued)
			remove_job(r, j);
	while (wait_for(r, j)); /* it may have posted itself */
	pthread_mutex_unlock(&r->lock);
}

/* Caller holds r->lock. Those that are there now: what they post has its turn later. */
static void run_jobs(struct reactor *r)
{
	unsigned n = 0;
	for (const struct reactor_job *j = r->first_job; j; j = j->next)
		n++;
	for (; n && r->first_job; n--) {
		struct reactor_job *j = r->first_job;
		r->first_job = j->next;
		if (!r->first_job)
			r->last_job = &r->first_job;
		j->queued = false;
		RUN(r, j, j->run(j));
	}
}

/* ---- the thread ---- */

/* Caller holds r->lock. Milliseconds to sleep; -1: until something comes. */
static int timeout_ms(const struct reactor *r)
{
	if (r->first_job || r->stopping)
		return 0;
	if (!r->timers)
		return -1;
	uint64_t now = waiter_now_ns();
	if (r->timers->when_ns <= now)
		return 0;
	uint64_t ms = (r->timers->when_ns - now + 999999) / 1000000;
	return ms > TIMEOUT_MAX_MS ? TIMEOUT_MAX_MS : (int)ms;
}

static void take_wake(const struct reactor *r)
{
	eventfd_t count;
	(void)eventfd_read(r->wake_fd, &count);
}

static void *loop(void *arg)
{
	struct reactor *r = arg;
	struct epoll_event events[EVENTS_AT_ONCE];
	pthread_setname_np(pthread_self(), "wsd-service");
	pthread_mutex_lock(&r->lock);
	while (!r->stopping || r->first_job) {
		run_jobs(r);
		fire_timers(r);
		int ms = timeout_ms(r);
		r->asleep = ms != 0;
		pthread_mutex_unlock(&r->lock);
		int n = epoll_wait(r->epoll_fd, events, EVENTS_AT_ONCE, ms);
		if (n < 0 && errno != EINTR)
			wsd_log(WSD_LOG_ERROR, "service thread: epoll_wait: %s", strerror(errno));
		/* before the callbacks: what they post needs no wake-up */
		pthread_mutex_lock(&r->lock);
		r->asleep = false;
		pthread_mutex_unlock(&r->lock);
		for (int i = 0; i < n; i++)
			if (events[i].data.u64 == UINT64_MAX)
				take_wake(r);
			else
				dispatch(r, &events[i]);
		pthread_mutex_lock(&r->lock);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* The process knows the descriptors before a fork can come. */
static int open_fds(struct reactor *r)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
	int err = 0;
	sw_fds_begin();
	r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r->wake_fd = r->epoll_fd < 0 ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (r->wake_fd < 0 || epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, r->wake_fd, &e) < 0) {
		err = -errno;
		if (r->wake_fd >= 0)
			close(r->wake_fd);
		if (r->epoll_fd >= 0)
			close(r->epoll_fd);
	} else {
		atomic_store(&r->process->reactor_fds, r);
	}
	sw_fds_end();
	return err;
}

static void destroy(struct reactor *r)
{
	sw_fds_begin();
	atomic_store(&r->process->reactor_fds, NULL);
	close(r->wake_fd);
	close(r->epoll_fd);
	sw_fds_end();
	for (unsigned i = 0; i < r->n_chunks; i++)
		free(r->chunks[i]);
	free(r->chunks);
	pthread_cond_destroy(&r->done);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static int start(struct sw_process *p, struct reactor **ret)
{
	struct reactor *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->process = p;
	r->last_job = &r->first_job;
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->done, NULL);
	int err = open_fds(r);
	if (err) {
		pthread_cond_destroy(&r->done);
		pthread_mutex_destroy(&r->lock);
		free(r);
		return err;
	}
	err = wsd_thread_start(&r->thread, loop, r);
	if (err) {
		destroy(r);
		return err;
	}
	*ret = r;
	return 0;
}

int reactor_start(struct sw_process *p, struct reactor **ret)
{
	struct reactor *r = atomic_load(&p->reactor);
	if (!r) {
		int err = 0;
		pthread_mutex_lock(&p->reactor_lock);
		r = atomic_load(&p->reactor);
		if (!r)
			err = start(p, &r);
		if (!err)
			atomic_store(&p->reactor, r);
		pthread_mutex_unlock(&p->reactor_lock);
		if (err)
			return err;
	}
	*ret = r;
	return 0;
}

void reactor_stop(struct reactor *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	bool wake = must_wake(r);
	pthread_mutex_unlock(&r->lock);
	if (wake)
		reactor_wake(r);
	pthread_join(r->thread, NULL);
	atomic_store(&r->process->reactor, NULL);
	destroy(r);
}

void reactor_after_fork(struct reactor *r)
{
	static struct reactor *abandoned;
	if (!r)
		return;
	close(r->wake_fd);
	close(r->epoll_fd);
	r->abandoned = abandoned; /* the parent's threads may have been changing it */
	abandoned = r;
}
