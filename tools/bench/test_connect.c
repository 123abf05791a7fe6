/* SPDX-License-Identifier: MIT
 *
 * test_connect.c - connecting: connect() alone, and whole cycles of connect, accept and close at
 * both ends, one after the other on each of t threads, with m connections open beside; with
 * recycled endpoints (warm) and without (cold).
 */
#include "far.h"

#include "results.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT, CYCLE, RATE };
enum { STALLING_MAX = 8, HELD_MESSAGE = 64 };

static const struct figure_kind kinds[] = {
	[CONNECT] = {"connect", "connect() until it is connected", "ns", false},
	[CYCLE] = {"cycle", "connect, accept and close at both ends", "ns", false},
	[RATE] = {"rate", "connections made and closed", "per_s", true},
	{NULL, NULL, NULL, false},
};

struct state {
	struct conn **held;
	long count;
};

static int points(const struct options *o, struct point *ret, int max, char *why, size_t size)
{
	static const char *const modes[] = {"warm", "cold"};
	static const struct list none = {1, {0}}, one = {1, {1}};
	const struct list *open = o->open.n ? &o->open : &none,
			  *threads = o->threads.n ? &o->threads : &one;
	int n = 0;
	for (int m = 0; m < 2; m++) {
		if (m ? o->warm && !o->cold : o->cold && !o->warm)
			continue;
		for (int t = 0; t < threads->n; t++)
			for (int i = 0; i < open->n; i++) {
				if (n == max) {
					snprintf(why, size, "more than %d points", max);
					return -1;
				}
				ret[n++] = (struct point){.open = (int)open->v[i],
							  .threads = (int)threads->v[t],
							  .mode = modes[m]};
			}
	}
	return n;
}

static void release(const struct contestant *c)
{
	struct state *s = c->state;
	for (long i = 0; i < s->count; i++)
		c->who->conns->close(s->held[i]);
	free(s->held);
	free(s);
}

static int fail(const char *what, char *why, size_t size)
{
	snprintf(why, size, "%s: %s", what, strerror(errno));
	return -1;
}

/* Connections that stay open beside. */
static int hold(struct run *r, struct contestant *c, const struct point *p, char *why, size_t size)
{
	struct state *s = c->state;
	struct far_duty duty = {.kind = DUTY_HOLD, .size = HELD_MESSAGE, .count = p->open};
	if (!p->open)
		return 0;
	s->held = calloc((size_t)p->open, sizeof(struct conn *));
	if (!s->held || far_serve(r, c, &duty, why, size))
		return -1;
	while (s->count < p->open && !atomic_load(&r->stopping)) {
		if (c->who->conns->connect(&c->to, HELD_MESSAGE, &s->held[s->count]))
			return fail("a connection that stays open", why, size);
		s->count++;
	}
	return far_wait(r, c, DUTY_HOLD, s->count, why, size);
}

static int prepare(struct run *r, struct contestant *c, const struct point *p, char *why,
		   size_t size)
{
	struct far_terms terms = {.cold = !strcmp(p->mode, "cold")};
	/* Over TCP/IP by a reset, the switch as well as kernel TCP. The server's: one of ours may
	 * overtake the last step of connect(), and then the server never hears of the connection.
	 */
	bool tcp = c->who == &contend_tcp || !r->results->hosts[0].device[0];
	struct far_duty duty = {.kind = DUTY_CHURN, .threads = p->threads, .reset = tcp};
	if (c->who == &contend_rsockets && (p->threads > 1 || p->open)) {
		snprintf(why, size,
			 "rsockets stall with several connections in a process (rdma-core 44)");
		return -1;
	}
	if (far_start(r, c, &terms, why, size))
		return -1;
	struct state *s = c->state = calloc(1, sizeof(*s));
	if (!s)
		return -1;
	if (!hold(r, c, p, why, size) && !far_serve(r, c, &duty, why, size))
		return 0;
	far_leave(r, c, release);
	return -1;
}

struct job {
	struct batch *b;
	long each; /* by -n: cycles of a thread */
	struct job_thread {
		struct samples connect;
		int error;
	} * threads;
};

static bool over(const struct job *j, long done)
{
	bool by_n = j->b->until <= 0 && !atomic_load(&j->b->run->stopping);
	return by_n ? done >= j->each : batch_over(j->b, done);
}

static int cycles(int i, void *arg)
{
	struct job *j = arg;
	const struct contestant *c = j->b->contestant;
	struct job_thread *t = &j->threads[i];
	long done = 0;
	while (!over(j, done)) {
		struct conn *conn;
		double start = bench_now_ns();
		if (c->who->conns->connect(&c->to, 0, &conn)) {
			t->error = errno;
			return -1;
		}
		double up = bench_now_ns();
		c->who->conns->close(conn);
		if (samples_add(&t->connect, up - start))
			abort();
		done++;
	}
	return 0;
}

/* One connection that is not counted: does it go over the SAN? */
static int look(struct run *r, struct contestant *c, char *why, size_t size)
{
	struct conn *conn;
	if (c->who->conns->connect(&c->to, 0, &conn))
		return fail("connect", why, size);
	int result = far_on_san(r, c, why, size);
	c->who->conns->close(conn);
	return far_wait(r, c, DUTY_CHURN, 1, why, size) || result ? -1 : 0;
}

static int run_threads(struct job *j, int n, double *ret_took, long *ret_done, char *why,
		       size_t size)
{
	struct batch *b = j->b;
	char unseen[160] = "";
	double start = bench_now_ns();
	int result = bench_threads(b->run->o, n, cycles, j);
	long done = 0;
	for (int i = 0; i < n; i++) {
		done += (long)j->threads[i].connect.n;
		errno = j->threads[i].error ? j->threads[i].error : errno;
	}
	if (result)
		fail("connect", why, size);
	if (far_wait(b->run, b->contestant, DUTY_CHURN, done, unseen, sizeof(unseen))) {
		if (!result)
			snprintf(why, size, "%s", unseen);
		result = -1;
	}
	*ret_took = bench_now_ns() - start;
	*ret_done = done;
	return result;
}

static int batch(struct batch *b, char *why, size_t size)
{
	struct contestant *c = b->contestant;
	int n = b->point->threads;
	long total = c->who == &contend_rsockets && b->iterations > STALLING_MAX ? STALLING_MAX
										 : b->iterations;
	struct job j = {.b = b, .each = (total + n - 1) / n};
	double took;
	long done;
	if (look(b->run, c, why, size))
		return -1;
	j.threads = calloc((size_t)n, sizeof(*j.threads));
	if (!j.threads)
		return -1;
	int result = run_threads(&j, n, &took, &done, why, size);
	if (!result && !atomic_load(&b->run->stopping))
		result = look(b->run, c, why, size); /* a SAN that failed is remembered */
	for (int i = 0; i < n; i++) {
		if (!result)
			batch_samples(b, CONNECT, &j.threads[i].connect);
		samples_free(&j.threads[i].connect);
	}
	free(j.threads);
	if (result || !done)
		return result;
	batch_sample(b, CYCLE, took / (double)done);
	batch_sample(b, RATE, (double)done * 1e9 / took);
	return 0;
}

static void finish(struct run *r, struct contestant *c, const struct point *p)
{
	(void)p;
	far_leave(r, c, release);
}

const struct test test_connect = {
	.name = "connect",
	.help = "Rate and latency of connect, accept and close",
	.two_ends = true,
	.options = OPT_OPEN | OPT_THREADS | OPT_COLD | OPT_DURATION | OPT_PROVIDER,
	.iterations = 100,
	.kinds = kinds,
	.points = points,
	.prepare = prepare,
	.batch = batch,
	.finish = finish,
};
