/* SPDX-License-Identifier: MIT
 *
 * test_names.c - bind (make + bind + close) and listen (make + bind + listen + close): the whole
 * cycle and its steps, from some threads, each with a name of its own, beside names that are held.
 */
#include "names_held.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { CYCLE, RATE, MAKE, BIND, CLOSE, LISTEN, KINDS };

#define FIGURE_KINDS(what)                                                                \
	[CYCLE] = {"cycle", what, "ns", false},                                           \
	[RATE] = {"rate", "cycles of all threads together", "per_s", true},               \
	[MAKE] = {"make", "socket", "ns", false}, [BIND] = {"bind", "bind", "ns", false}, \
	[CLOSE] = {"close", "close", "ns", false}

static const struct figure_kind bind_kinds[] = {FIGURE_KINDS("socket + bind + close"), {NULL}};
static const struct figure_kind listen_kinds[] = {FIGURE_KINDS("socket + bind + listen + close"),
						  [LISTEN] = {"listen", "listen", "ns", false},
						  {NULL}};

struct member {
	struct samples samples[KINDS];
	double begun, ended;
	const char *failed;
	int error;
	long done;
};

struct crew {
	struct batch *batch;
	struct member *members;
	bool listening;
};

static int threads_of(const struct point *p)
{
	return p->threads > 1 ? p->threads : 1;
}

static int points(const struct options *o, struct point *ret, int max, char *why, size_t size)
{
	int n = 0;
	for (int i = 0; i < o->threads.n; i++)
		if (o->threads.v[i] > NAMES_OWN) {
			snprintf(why, size, "at most %d threads have a name of their own",
				 NAMES_OWN);
			return -1;
		}
	for (int i = 0; i < o->threads.n; i++)
		for (int k = 0; k < o->open.n && n < max; k++) {
			int t = (int)o->threads.v[i];
			ret[n++] = (struct point){.open = (int)o->open.v[k],
						  .threads = t > 1 || o->threads.n > 1 ? t : 0};
		}
	return n;
}

static int prepare_held(struct run *r, struct contestant *c, const struct point *p, bool listening,
			char *why, size_t size)
{
	struct held *h = malloc(sizeof(*h));
	if (!h)
		return -1;
	if (held_take(h, r, c, p->open, listening, why, size)) {
		free(h);
		return -1;
	}
	c->state = h;
	return 0;
}

static int prepare_bind(struct run *r, struct contestant *c, const struct point *p, char *why,
			size_t size)
{
	return prepare_held(r, c, p, false, why, size);
}

static int prepare_listen(struct run *r, struct contestant *c, const struct point *p, char *why,
			  size_t size)
{
	return prepare_held(r, c, p, true, why, size);
}

static void finish(struct run *r, struct contestant *c, const struct point *p)
{
	(void)r, (void)p;
	held_drop(c->state);
	free(c->state);
	c->state = NULL;
}

/* One cycle; the name of the step that failed, or NULL. */
static const char *cycle(const struct crew *crew, const struct sockaddr_in *name, struct member *m)
{
	const struct name_ops *ops = crew->batch->contestant->who->names;
	struct bound *b;
	double t[5];
	const char *failed = NULL;
	t[0] = bench_now_ns();
	if (ops->make(&b))
		return "socket";
	t[1] = bench_now_ns();
	if (ops->bind(b, name, 0))
		failed = "bind";
	t[2] = t[3] = bench_now_ns();
	if (crew->listening && !failed) {
		if (ops->listen(b, crew->batch->run->o->backlog))
			failed = "listen";
		t[3] = bench_now_ns();
	}
	int error = errno;
	if (ops->close(b) && !failed) {
		failed = "close";
		error = errno;
	}
	t[4] = bench_now_ns();
	errno = error;
	if (failed)
		return failed;
	const double took[KINDS] = {[CYCLE] = t[4] - t[0],
				    [MAKE] = t[1] - t[0],
				    [BIND] = t[2] - t[1],
				    [LISTEN] = t[3] - t[2],
				    [CLOSE] = t[4] - t[3]};
	for (int k = 0; k < KINDS; k++)
		if (k != RATE && (k != LISTEN || crew->listening) &&
		    samples_add(&m->samples[k], took[k]))
			return "memory";
	return NULL;
}

static int work(int i, void *arg)
{
	const struct crew *crew = arg;
	struct member *m = &crew->members[i];
	struct sockaddr_in name = names_own(crew->batch->run, crew->batch->contestant, i);
	m->begun = bench_now_ns();
	while (!m->failed && !batch_over(crew->batch, m->done)) {
		m->failed = cycle(crew, &name, m);
		m->error = errno;
		m->done++;
	}
	m->ended = bench_now_ns();
	return m->failed ? -1 : 0;
}

static void collect(const struct crew *crew, int n)
{
	double begun = crew->members[0].begun, ended = crew->members[0].ended;
	double done = 0;
	for (int i = 0; i < n; i++) {
		const struct member *m = &crew->members[i];
		begun = m->begun < begun ? m->begun : begun;
		ended = m->ended > ended ? m->ended : ended;
		done += (double)m->done;
		for (int k = 0; k < KINDS; k++)
			if (m->samples[k].n)
				batch_samples(crew->batch, k, &m->samples[k]);
	}
	if (ended > begun && done > 0)
		batch_sample(crew->batch, RATE, done * 1e9 / (ended - begun));
}

static int measure(struct batch *b, bool listening, char *why, size_t size)
{
	int n = threads_of(b->point);
	struct crew crew = {b, calloc((size_t)n, sizeof(struct member)), listening};
	if (!crew.members)
		return -1;
	int r = bench_threads(b->run->o, n, work, &crew);
	for (int i = 0; i < n; i++)
		if (crew.members[i].failed) {
			errno = crew.members[i].error;
			r = names_fail(why, size, crew.members[i].failed);
		}
	if (!r)
		collect(&crew, n);
	for (int i = 0; i < n; i++)
		for (int k = 0; k < KINDS; k++)
			samples_free(&crew.members[i].samples[k]);
	free(crew.members);
	return r;
}

static int batch_bind(struct batch *b, char *why, size_t size)
{
	return measure(b, false, why, size);
}

static int batch_listen(struct batch *b, char *why, size_t size)
{
	return measure(b, true, why, size);
}

const struct test test_bind = {
	.name = "bind",
	.help = "What a name costs: socket, bind, close",
	.options = OPT_OPEN | OPT_THREADS | OPT_DURATION | OPT_PROVIDER,
	.iterations = 100,
	.kinds = bind_kinds,
	.points = points,
	.prepare = prepare_bind,
	.batch = batch_bind,
	.finish = finish,
};

const struct test test_listen = {
	.name = "listen",
	.help = "What a listener costs: socket, bind, listen, close",
	.options = OPT_OPEN | OPT_THREADS | OPT_BACKLOG | OPT_DURATION | OPT_PROVIDER,
	.iterations = 100,
	.kinds = listen_kinds,
	.points = points,
	.prepare = prepare_listen,
	.batch = batch_listen,
	.finish = finish,
};
