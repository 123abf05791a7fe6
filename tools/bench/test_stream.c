/* SPDX-License-Identifier: MIT
 *
 * test_stream.c - messages one way, or both ways at once: bw counts bytes (and, of the switch, what
 * the library copied and asked of the NIC), rate counts small messages and the processors' time.
 * A unit is a window of messages that the server answers with one byte.
 */
#include "far.h"

#include "results.h"

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BANDWIDTH, COPIED_RATIO, REQUESTS_MIB };
enum { RATE, PER_CORE };
enum { WINDOW = 64, MIB = 1 << 20 };

static const struct figure_kind bw_kinds[] = {
	[BANDWIDTH] = {"bandwidth", "bytes that arrive in a second", "bytes_per_s", true},
	[COPIED_RATIO] = {"copied", "bytes copied by the library, both ends, for each that arrives",
			  "ratio", false},
	[REQUESTS_MIB] = {"work_requests", "work requests for a MiB, both ends", "count", false},
	{NULL, NULL, NULL, false},
};

static const struct figure_kind rate_kinds[] = {
	[RATE] = {"rate", "messages that arrive in a second", "per_s", true},
	[PER_CORE] = {"per_core", "messages for a second of processor time, both ends", "per_s",
		      true},
	{NULL, NULL, NULL, false},
};

/* One connection and its two directions. */
struct line {
	struct conn *conn;
	char *out, *in;
	sem_t go, received; /* both ways: the sending thread leads */
	bool over;
};

struct state {
	int count;
	long window;
	bool both;
	struct line lines[];
};

static int some_points(const struct options *o, size_t usual, struct point *ret, int max, char *why,
		       size_t size)
{
	const struct list one_size = {1, {usual}}, one_thread = {1, {1}};
	const struct list *sizes = o->sizes.n ? &o->sizes : &one_size,
			  *threads = o->threads.n ? &o->threads : &one_thread;
	int n = 0;
	for (int t = 0; t < threads->n; t++)
		for (int i = 0; i < sizes->n; i++) {
			if (n == max) {
				snprintf(why, size, "more than %d points", max);
				return -1;
			}
			ret[n++] = (struct point){.size = sizes->v[i],
						  .threads = (int)threads->v[t],
						  .mode = o->both_ways ? "both ways" : NULL};
		}
	return n;
}

static int bw_points(const struct options *o, struct point *ret, int max, char *why, size_t size)
{
	int n = some_points(o, 65536, ret, max, why, size);
	for (int i = 0; i < n; i++)
		ret[i].threads = 0; /* it has one */
	return n;
}

static int rate_points(const struct options *o, struct point *ret, int max, char *why, size_t size)
{
	return some_points(o, 64, ret, max, why, size);
}

static void release(const struct contestant *c)
{
	struct state *s = c->state;
	for (int i = 0; i < s->count; i++) {
		struct line *l = &s->lines[i];
		if (l->conn)
			c->who->conns->close(l->conn);
		free(l->out);
		free(l->in);
		sem_destroy(&l->go);
		sem_destroy(&l->received);
	}
	free(s);
}

static int open_lines(struct run *r, struct contestant *c, const struct point *p, char *why,
		      size_t size)
{
	struct state *s = c->state;
	for (int i = 0; i < s->count; i++) {
		struct line *l = &s->lines[i];
		sem_init(&l->go, 0, 0);
		sem_init(&l->received, 0, 0);
		l->out = calloc(1, p->size);
		l->in = calloc(1, p->size);
		if (!l->out || !l->in)
			return -1;
	}
	for (int i = 0; i < s->count; i++)
		if (c->who->conns->connect(&c->to, p->size, &s->lines[i].conn)) {
			snprintf(why, size, "connect: %s", strerror(errno));
			return -1;
		}
	return far_on_san(r, c, why, size);
}

static int prepare(struct run *r, struct contestant *c, const struct point *p, char *why,
		   size_t size)
{
	const struct far_terms terms = {0};
	const struct options *o = r->o;
	int n = p->threads ? p->threads : 1;
	long iterations = o->iterations ? o->iterations : o->test->iterations;
	long window = o->duration_s > 0 ? WINDOW : (iterations + n - 1) / n;
	struct far_duty duty = {o->both_ways ? DUTY_BOTH : DUTY_SINK, p->size, window, 0, n};
	if (far_is_tool(c->who))
		return 0;
	if (c->who == &contend_rsockets && (n > 1 || o->both_ways)) {
		snprintf(why, size, "rsockets stall with several %s (rdma-core 44)",
			 n > 1 ? "connections in a process" : "threads on a connection");
		return -1;
	}
	if (far_start(r, c, &terms, why, size))
		return -1;
	struct state *s = c->state = calloc(1, sizeof(*s) + (size_t)n * sizeof(s->lines[0]));
	if (!s)
		return -1;
	s->count = n;
	s->window = window;
	s->both = o->both_ways;
	if (!far_serve(r, c, &duty, why, size) && !open_lines(r, c, p, why, size))
		return 0;
	far_leave(r, c, release);
	return -1;
}

/* ---- a batch ---- */

struct job {
	struct batch *b;
	long *units; /* of each line, by its sending thread */
	int error;
};

static int failed(struct job *j, struct line *l)
{
	j->error = errno;
	l->over = true; /* the other direction must not wait */
	sem_post(&l->go);
	sem_post(&l->received);
	return -1;
}

static bool done(const struct job *j, long units)
{
	const struct state *s = j->b->contestant->state;
	return j->b->until > 0 ? batch_over(j->b, units * s->window) : units > 0;
}

static int send_units(struct job *j, int i)
{
	const struct conn_ops *ops = j->b->contestant->who->conns;
	struct state *s = j->b->contestant->state;
	struct line *l = &s->lines[i];
	for (; !done(j, j->units[i]); j->units[i]++) {
		if (s->both)
			sem_post(&l->go);
		for (long k = 0; k < s->window; k++)
			if (ops->send(l->conn, l->out, j->b->point->size))
				return failed(j, l);
		if (!s->both && ops->recv(l->conn, l->in, 1))
			return failed(j, l);
		if (s->both)
			sem_wait(&l->received);
		if (l->over)
			return -1;
	}
	l->over = s->both;
	sem_post(&l->go);
	return 0;
}

static int receive_units(struct job *j, int i)
{
	const struct conn_ops *ops = j->b->contestant->who->conns;
	struct state *s = j->b->contestant->state;
	struct line *l = &s->lines[i];
	for (;;) {
		sem_wait(&l->go);
		if (l->over)
			return 0;
		for (long k = 0; k < s->window; k++)
			if (ops->recv(l->conn, l->in, j->b->point->size))
				return failed(j, l);
		if (ops->recv(l->conn, l->in, 1))
			return failed(j, l);
		sem_post(&l->received);
	}
}

static int run_line(int i, void *arg)
{
	struct job *j = arg;
	const struct state *s = j->b->contestant->state;
	if (!s->both)
		return send_units(j, i);
	return i % 2 ? receive_units(j, i / 2) : send_units(j, i / 2);
}

/* What a batch was. */
struct sums {
	double took_ns, cpu_ns;
	double messages, bytes;
	long units;
	uint64_t counts[COUNTS];
	bool counted; /* by the library */
};

static int look(struct batch *b, struct sums *ret, char *why, size_t size)
{
	struct far_figures far;
	struct usage here;
	uint64_t counts[COUNTS] = {0};
	if (far_measure(b->run, b->contestant, &far, why, size))
		return -1;
	usage_read(&here);
	ret->cpu_ns = here.cpu_ns + far.usage.cpu_ns;
	if (b->contestant->who == &contend_switch && b->run->results->hosts[0].device[0]) {
		ret->counted = counts_read(counts, why, size) > 0 && far.san > 0;
		if (!ret->counted)
			return -1;
	}
	for (int i = 0; i < COUNTS; i++)
		ret->counts[i] = counts[i] + far.counts[i];
	return 0;
}

static int measure(struct batch *b, struct sums *ret, char *why, size_t size)
{
	const struct state *s = b->contestant->state;
	struct sums before = {0}, after = {0};
	struct job j = {.b = b, .units = calloc((size_t)s->count, sizeof(long))};
	if (!j.units || look(b, &before, why, size)) {
		free(j.units);
		return -1;
	}
	for (int i = 0; i < s->count; i++)
		((struct state *)b->contestant->state)->lines[i].over = false;
	double start = bench_now_ns();
	int r = bench_threads(b->run->o, s->count * (s->both ? 2 : 1), run_line, &j);
	after.took_ns = bench_now_ns() - start;
	for (int i = 0; i < s->count; i++)
		after.units += j.units[i];
	free(j.units);
	if (r)
		snprintf(why, size, "messages: %s", strerror(j.error));
	if (r || look(b, &after, why, size))
		return -1;
	after.messages = (double)after.units * (double)s->window * (s->both ? 2 : 1);
	after.bytes = after.messages * (double)b->point->size;
	after.cpu_ns -= before.cpu_ns;
	for (int i = 0; i < COUNTS; i++)
		after.counts[i] -= before.counts[i];
	*ret = after;
	return 0;
}

static int tool_bw(struct batch *b, char *why, size_t size)
{
	struct tool_job j = {.stream = true,
			     .both = b->run->o->both_ways,
			     .size = b->point->size,
			     .iterations = b->iterations};
	double rate;
	if (j.both && b->contestant->who == &contend_rstream) {
		snprintf(why, size, "it goes one way only");
		return -1;
	}
	if (far_tool(b->run, b->contestant, j, &rate, why, size))
		return -1;
	batch_sample(b, BANDWIDTH, rate);
	return 0;
}

static int bw_batch(struct batch *b, char *why, size_t size)
{
	struct sums s;
	if (far_is_tool(b->contestant->who))
		return tool_bw(b, why, size);
	if (measure(b, &s, why, size))
		return -1;
	if (!s.units)
		return 0;
	batch_sample(b, BANDWIDTH, s.bytes * 1e9 / s.took_ns);
	if (!s.counted)
		return 0;
	/* but the byte that ends a unit, at both ends */
	double copied = (double)s.counts[COPIED] - 2.0 * (double)s.units;
	batch_sample(b, COPIED_RATIO, copied > 0 ? copied / s.bytes : 0);
	batch_sample(b, REQUESTS_MIB, (double)s.counts[WORK_REQUESTS] / (s.bytes / MIB));
	return 0;
}

static int rate_batch(struct batch *b, char *why, size_t size)
{
	struct sums s;
	if (measure(b, &s, why, size))
		return -1;
	if (!s.units)
		return 0;
	batch_sample(b, RATE, s.messages * 1e9 / s.took_ns);
	if (s.cpu_ns > 0)
		batch_sample(b, PER_CORE, s.messages * 1e9 / s.cpu_ns);
	return 0;
}

static void finish(struct run *r, struct contestant *c, const struct point *p)
{
	(void)p;
	far_leave(r, c, release);
}

static bool rate_takes(const struct contender *who)
{
	return who->conns && who->conns->send;
}

static bool bw_takes(const struct contender *who)
{
	return far_is_tool(who) || rate_takes(who);
}

const struct test test_bw = {
	.name = "bw",
	.help = "Bytes a second, one way or both",
	.two_ends = true,
	.options = OPT_SIZE | OPT_BOTH | OPT_DURATION | OPT_GBITS | OPT_PROVIDER,
	.iterations = 200,
	.kinds = bw_kinds,
	.points = bw_points,
	.prepare = prepare,
	.batch = bw_batch,
	.finish = finish,
	.takes = bw_takes,
};

const struct test test_rate = {
	.name = "rate",
	.help = "Small messages a second, and for each processor",
	.two_ends = true,
	.options = OPT_SIZE | OPT_THREADS | OPT_DURATION | OPT_PROVIDER,
	.iterations = 1000,
	.kinds = rate_kinds,
	.points = rate_points,
	.prepare = prepare,
	.batch = rate_batch,
	.finish = finish,
	.takes = rate_takes,
};
