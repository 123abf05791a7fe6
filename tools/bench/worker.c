/* SPDX-License-Identifier: MIT
 *
 * worker.c - see worker.h. Two semaphores made of eventfds: jobs that were given, jobs that are
 * done.
 */
#include "worker.h"

#include "bench.h"
#include "run.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { TICK_MS = 200 };

struct worker {
	pthread_t thread;
	int given, done, signals, watched;
	int (*job)(void *arg); /* NULL: end */
	void *arg;
	int returned;
	double since;
	bool busy, late, hung_up; /* main thread only: news that were told */
};

static void *work(void *arg)
{
	struct worker *w = arg;
	uint64_t one;
	while (read(w->given, &one, sizeof(one)) == sizeof(one) && w->job) {
		w->returned = w->job(w->arg);
		one = 1;
		if (write(w->done, &one, sizeof(one)) != sizeof(one))
			break;
	}
	return NULL;
}

static void close_all(struct worker *w)
{
	int fds[] = {w->given, w->done, w->signals};
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	free(w);
}

struct worker *worker_new(int watched, int processor)
{
	struct worker *w = calloc(1, sizeof(*w));
	sigset_t set;
	cpu_set_t cpus;
	pthread_attr_t attr;
	if (!w)
		return NULL;
	bench_signals(&set);
	w->watched = watched;
	w->given = eventfd(0, EFD_CLOEXEC);
	w->done = eventfd(0, EFD_CLOEXEC);
	w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	pthread_attr_init(&attr);
	if (processor >= 0) {
		CPU_ZERO(&cpus);
		CPU_SET((unsigned)processor, &cpus);
		pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus);
	}
	int err = w->given < 0 || w->done < 0 || w->signals < 0
			  ? errno
			  : pthread_create(&w->thread, &attr, work, w);
	pthread_attr_destroy(&attr);
	if (err) {
		close_all(w);
		errno = err;
		return NULL;
	}
	return w;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	if (w->busy) { /* it may come back any time: nothing of it can be freed */
		pthread_detach(w->thread);
		return;
	}
	worker_do(w, NULL, NULL);
	pthread_join(w->thread, NULL);
	close_all(w);
}

void worker_do(struct worker *w, int (*job)(void *arg), void *arg)
{
	uint64_t one = 1;
	w->job = job;
	w->arg = arg;
	w->since = bench_now_ns();
	w->busy = job != NULL;
	w->late = false;
	if (write(w->given, &one, sizeof(one)) != sizeof(one))
		abort(); /* an eventfd of ours with room */
}

void worker_hurry(struct worker *w)
{
	w->since = bench_now_ns();
	w->late = false;
}

/* Tells each piece of news once. */
static bool once(bool *told)
{
	bool first = !*told;
	*told = true;
	return first;
}

enum worker_news worker_wait(struct worker *w, int timeout_ms, int *ret)
{
	struct pollfd p[] = {{.fd = w->done, .events = POLLIN},
			     {.fd = w->signals, .events = POLLIN},
			     {.fd = w->hung_up ? -1 : w->watched, .events = POLLRDHUP}};
	struct signalfd_siginfo info;
	uint64_t one;
	int n = poll(p, 3, TICK_MS);
	if (n > 0 && p[0].revents && read(w->done, &one, sizeof(one)) == sizeof(one)) {
		w->busy = false;
		*ret = w->returned;
		return WORKER_DONE;
	}
	if (n > 0 && p[1].revents && read(w->signals, &info, sizeof(info)) == sizeof(info))
		return WORKER_INTERRUPTED;
	if (n > 0 && p[2].revents && once(&w->hung_up))
		return WORKER_HUNG_UP;
	if (bench_now_ns() - w->since > timeout_ms * 1e6 && once(&w->late))
		return WORKER_LATE;
	return WORKER_TICK;
}
