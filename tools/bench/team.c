/* SPDX-License-Identifier: MIT
 *
 * team.c - bench_threads(): a test's threads, which begin together or not at all. Lock: the gate's.
 */
#include "run.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum { SHUT, OPEN, CALLED_OFF } is;
};

struct member {
	int (*fn)(int i, void *arg);
	void *arg;
	struct gate *gate;
	int index, ret;
	pthread_t thread;
};

static void *member_run(void *arg)
{
	struct member *m = arg;
	pthread_mutex_lock(&m->gate->lock);
	while (m->gate->is == SHUT)
		pthread_cond_wait(&m->gate->changed, &m->gate->lock);
	int is = m->gate->is;
	pthread_mutex_unlock(&m->gate->lock);
	m->ret = is == OPEN ? m->fn(m->index, m->arg) : -1;
	return NULL;
}

static int member_start(struct member *m, const struct options *o)
{
	pthread_attr_t attr;
	cpu_set_t cpus;
	pthread_attr_init(&attr);
	if (o->pin.n) {
		CPU_ZERO(&cpus);
		CPU_SET(o->pin.v[m->index % o->pin.n], &cpus);
		pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	}
	int err = pthread_create(&m->thread, &attr, member_run, m);
	pthread_attr_destroy(&attr);
	return err;
}

static void gate_set(struct gate *g, int is)
{
	pthread_mutex_lock(&g->lock);
	g->is = is;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

int bench_threads(const struct options *o, int n, int (*fn)(int i, void *arg), void *arg)
{
	struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, SHUT};
	int started = 0, err = 0, bad = 0;
	if (n <= 1) /* the worker is pinned already */
		return fn(0, arg);
	struct member *team = calloc((size_t)n, sizeof(*team));
	if (!team)
		return -1;
	for (; started < n && !err; started += !err) {
		team[started] = (struct member){fn, arg, &gate, started, 0, 0};
		err = member_start(&team[started], o);
	}
	gate_set(&gate, err ? CALLED_OFF : OPEN);
	for (int i = 0; i < started; i++) {
		pthread_join(team[i].thread, NULL);
		bad |= team[i].ret != 0;
	}
	free(team);
	if (err)
		errno = err;
	return err || bad ? -1 : 0;
}
