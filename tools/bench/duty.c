/* SPDX-License-Identifier: MIT
 *
 * duty.c - see duty.h. One thread accepts; connections that carry data have one each (both ways:
 * two), those that only come and go are closed by the accepting thread itself, or by `threads`
 * others.
 *
 * Lock: the duty's, around counts and lists; not held over calls of a contender.
 */
#include "duty.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *const duty_names[DUTY_KINDS] = {"echo", "sink", "both", "churn", "hold"};

/* A connection that was accepted. */
struct link {
	struct duty *duty;
	struct conn *conn;
	struct link *next;
	bool threaded;
	pthread_t thread;
	/* both ways: the receiving thread tells the sending one */
	sem_t begin, received;
	atomic_bool over;
};

struct duty {
	struct duty_plan plan;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	long accepted, ended, told;
	int running;         /* threads */
	struct link *links;  /* all that are to be joined, or are held */
	struct link *queued; /* churn with threads: nobody waits for its end yet */
	bool stopping;
	char error[120];
};

/* ---- what connections are for ---- */

static void echo(struct link *l, char *data)
{
	const struct duty_plan *p = &l->duty->plan;
	while (!p->ops->recv(l->conn, data, p->size) && !p->ops->send(l->conn, data, p->size))
		;
}

static void sink(struct link *l, char *data)
{
	const struct duty_plan *p = &l->duty->plan;
	for (;;) {
		for (long i = 0; i < p->window; i++)
			if (p->ops->recv(l->conn, data, p->size))
				return;
		if (p->ops->send(l->conn, data, 1))
			return;
	}
}

static void *source(void *arg)
{
	struct link *l = arg;
	const struct duty_plan *p = &l->duty->plan;
	char *data = calloc(1, p->size);
	for (bool good = data; good;) {
		sem_wait(&l->begin);
		good = !atomic_load(&l->over);
		for (long i = 0; good && i < p->window; i++)
			good = !p->ops->send(l->conn, data, p->size);
		sem_wait(&l->received);
		good = good && !atomic_load(&l->over) && !p->ops->send(l->conn, data, 1);
	}
	free(data);
	return NULL;
}

static void both(struct link *l, char *data)
{
	const struct duty_plan *p = &l->duty->plan;
	pthread_t other;
	bool good = true;
	sem_init(&l->begin, 0, 0);
	sem_init(&l->received, 0, 0);
	if (pthread_create(&other, NULL, source, l))
		return;
	while (good) {
		for (long i = 0; good && i < p->window; i++) {
			good = !p->ops->recv(l->conn, data, p->size);
			if (good && !i)
				sem_post(&l->begin);
		}
		if (good)
			sem_post(&l->received);
	}
	atomic_store(&l->over, true);
	sem_post(&l->begin);
	sem_post(&l->received);
	pthread_join(other, NULL);
	sem_destroy(&l->begin);
	sem_destroy(&l->received);
}

static void churn(struct link *l, char *data)
{
	l->duty->plan.ops->recv(l->conn, data, 1); /* the end, however it comes */
}

static void (*const acts[DUTY_KINDS])(struct link *, char *) = {
	[DUTY_ECHO] = echo, [DUTY_SINK] = sink, [DUTY_BOTH] = both, [DUTY_CHURN] = churn};

/* ---- threads ---- */

static void count_ended(struct duty *r)
{
	pthread_mutex_lock(&r->lock);
	r->ended++;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

static void count_thread(struct duty *r, int by)
{
	pthread_mutex_lock(&r->lock);
	r->running += by;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

static void attend(struct link *l, char *data)
{
	const struct duty_plan *p = &l->duty->plan;
	acts[p->kind](l, data);
	(p->reset && p->ops->reset ? p->ops->reset : p->ops->close)(l->conn);
	count_ended(l->duty);
}

static void *link_run(void *arg)
{
	struct link *l = arg;
	struct duty *r = l->duty;
	char *data = calloc(1, r->plan.size ? r->plan.size : 1);
	if (data)
		attend(l, data);
	free(data);
	count_thread(r, -1);
	return NULL;
}

static void *churn_run(void *arg)
{
	struct duty *r = arg;
	char byte;
	pthread_mutex_lock(&r->lock);
	while (!r->stopping || r->queued) {
		struct link *l = r->queued;
		if (!l) {
			pthread_cond_wait(&r->changed, &r->lock);
			continue;
		}
		r->queued = l->next;
		pthread_mutex_unlock(&r->lock);
		attend(l, &byte);
		free(l);
		pthread_mutex_lock(&r->lock);
	}
	r->running--;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

static void put(struct duty *r, struct link **list, struct link *l)
{
	pthread_mutex_lock(&r->lock);
	l->next = *list;
	*list = l;
	r->running += l->threaded;
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

/* @conn was accepted. 0 or -1 with errno. */
static int take(struct duty *r, struct conn *conn)
{
	struct link here = {.duty = r, .conn = conn}, *l;
	char byte;
	if (r->plan.kind == DUTY_CHURN && r->plan.threads <= 1) {
		attend(&here, &byte);
		return 0;
	}
	l = malloc(sizeof(*l));
	if (!l)
		return -1;
	*l = here;
	if (r->plan.kind == DUTY_CHURN) {
		put(r, &r->queued, l);
		return 0;
	}
	l->threaded = r->plan.kind != DUTY_HOLD;
	put(r, &r->links, l);
	int err = l->threaded ? pthread_create(&l->thread, NULL, link_run, l) : 0;
	if (err) {
		l->threaded = false; /* closed with the duty */
		count_thread(r, -1);
		errno = err;
	}
	return err ? -1 : 0;
}

static void fail(struct duty *r, const char *what)
{
	pthread_mutex_lock(&r->lock);
	if (!r->stopping && !r->error[0])
		snprintf(r->error, sizeof(r->error), "%s: %s", what, strerror(errno));
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

static bool more(struct duty *r)
{
	pthread_mutex_lock(&r->lock);
	bool yes = !r->stopping && (r->plan.kind != DUTY_HOLD || r->accepted < r->plan.count);
	pthread_mutex_unlock(&r->lock);
	return yes;
}

static void *accept_run(void *arg)
{
	struct duty *r = arg;
	while (more(r)) {
		struct conn *conn;
		if (r->plan.ops->accept(r->plan.listener, r->plan.size, &conn)) {
			/* a client that thought better of it; an interruption, which more() looks
			 * into */
			if (errno == ECONNABORTED || errno == ECONNRESET || errno == ECANCELED)
				continue;
			fail(r, "accept");
			break;
		}
		pthread_mutex_lock(&r->lock);
		r->accepted++;
		pthread_cond_broadcast(&r->changed);
		pthread_mutex_unlock(&r->lock);
		if (take(r, conn)) {
			fail(r, "a thread for a connection");
			break;
		}
	}
	count_thread(r, -1);
	return NULL;
}

/* ---- the duty ---- */

static int start_thread(struct duty *r, void *(*fn)(void *))
{
	pthread_t t;
	count_thread(r, 1);
	int err = pthread_create(&t, NULL, fn, r);
	if (err) {
		count_thread(r, -1);
		errno = err;
		return -1;
	}
	pthread_detach(t);
	return 0;
}

struct duty *duty_start(const struct duty_plan *plan)
{
	struct duty *r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->plan = *plan;
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, &attr);
	pthread_condattr_destroy(&attr);
	for (int i = 0; plan->kind == DUTY_CHURN && plan->threads > 1 && i < plan->threads; i++)
		if (start_thread(r, churn_run))
			goto bad;
	if (!start_thread(r, accept_run))
		return r;
bad:;
	int err = errno;
	duty_stop(r, 1000);
	errno = err;
	return NULL;
}

static struct timespec after_ms(int ms)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000L;
	if (t.tv_nsec >= 1000000000L) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000L;
	}
	return t;
}

int duty_wait(struct duty *r, long n, int timeout_ms, char *why, size_t size)
{
	struct timespec end = after_ms(timeout_ms);
	const long *count = r->plan.kind == DUTY_HOLD ? &r->accepted : &r->ended;
	int result = 0;
	pthread_mutex_lock(&r->lock);
	while (*count - r->told < n && !r->error[0] && !result)
		result = pthread_cond_timedwait(&r->changed, &r->lock, &end);
	long seen = *count - r->told;
	if (seen >= n)
		r->told += n;
	else if (r->error[0])
		snprintf(why, size, "%s", r->error);
	else
		snprintf(why, size, "the server saw %ld of %ld connections %s", seen, n,
			 r->plan.kind == DUTY_HOLD ? "come" : "end");
	pthread_mutex_unlock(&r->lock);
	return seen >= n ? 0 : -1;
}

static void release(struct duty *r)
{
	struct link *l = r->links;
	while (l) {
		struct link *next = l->next;
		if (l->threaded)
			pthread_join(l->thread, NULL);
		else
			r->plan.ops->close(l->conn);
		free(l);
		l = next;
	}
}

int duty_stop(struct duty *r, int timeout_ms)
{
	struct timespec end = after_ms(timeout_ms);
	int result = 0;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_broadcast(&r->changed);
	if (r->running && r->plan.listener && r->plan.ops->interrupt)
		r->plan.ops->interrupt(r->plan.listener);
	while (r->running && !result)
		result = pthread_cond_timedwait(&r->changed, &r->lock, &end);
	int running = r->running;
	pthread_mutex_unlock(&r->lock);
	if (running)
		return -1;
	release(r);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r);
	return 0;
}
