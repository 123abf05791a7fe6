/* SPDX-License-Identifier: MIT
 *
 * test_lat.c - round trips of messages over one connection, both ends asleep while they wait.
 */
#include "far.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUND_TRIP };
enum { SETTLE_TRIPS = 20, SETTLE_MS = 50 };

/* perftest tells one way: half of it. */
static const struct figure_kind kinds[] = {
	[ROUND_TRIP] = {"round_trip", "round trip, there and back", "ns", false},
	{NULL, NULL, NULL, false},
};

struct state {
	struct conn *conn;
	char *data;
};

static int points(const struct options *o, struct point *ret, int max, char *why, size_t size)
{
	static const struct list usual = {1, {64}};
	const struct list *sizes = o->sizes.n ? &o->sizes : &usual;
	if (sizes->n > max) {
		snprintf(why, size, "more than %d sizes", max);
		return -1;
	}
	for (int i = 0; i < sizes->n; i++)
		ret[i] = (struct point){.size = sizes->v[i]};
	return sizes->n;
}

static void release(const struct contestant *c)
{
	struct state *s = c->state;
	if (s->conn)
		c->who->conns->close(s->conn);
	free(s->data);
	free(s);
}

static int prepare(struct run *r, struct contestant *c, const struct point *p, char *why,
		   size_t size)
{
	const struct far_terms terms = {0};
	struct far_duty duty = {.kind = DUTY_ECHO, .size = p->size};
	if (far_is_tool(c->who))
		return 0;
	if (far_start(r, c, &terms, why, size))
		return -1;
	struct state *s = c->state = calloc(1, sizeof(*s));
	if (!s)
		return -1;
	s->data = calloc(1, p->size);
	if (s->data && !far_serve(r, c, &duty, why, size)) {
		if (!c->who->conns->connect(&c->to, p->size, &s->conn) &&
		    !far_on_san(r, c, why, size))
			return 0;
		if (!s->conn)
			snprintf(why, size, "connect: %s", strerror(errno));
	}
	far_leave(r, c, release);
	return -1;
}

/* One sample: its typical round trip. */
static int batch_of_tool(struct batch *b, char *why, size_t size)
{
	struct tool_job j = {.size = b->point->size, .iterations = b->iterations};
	double ns;
	if (far_tool(b->run, b->contestant, j, &ns, why, size))
		return -1;
	batch_sample(b, ROUND_TRIP, ns);
	return 0;
}

static int round_trip(const struct contestant *c, size_t n, char *why, size_t size)
{
	const struct conn_ops *ops = c->who->conns;
	struct state *s = c->state;
	if (!ops->send(s->conn, s->data, n) && !ops->recv(s->conn, s->data, n))
		return 0;
	snprintf(why, size, "a round trip: %s", strerror(errno));
	return -1;
}

/* While the others had their turns both ends slept, and their caches were used by others: the first
 * round trips of a batch, which take up to three times as long, are not counted. Nor is their time.
 */
static int settle(struct batch *b, char *why, size_t size)
{
	double start = bench_now_ns();
	for (int i = 0; i < SETTLE_TRIPS && bench_now_ns() < start + SETTLE_MS * 1e6; i++)
		if (atomic_load(&b->run->stopping) ||
		    round_trip(b->contestant, b->point->size, why, size))
			return -1;
	if (b->until > 0)
		b->until += bench_now_ns() - start;
	return 0;
}

static int batch(struct batch *b, char *why, size_t size)
{
	const struct contestant *c = b->contestant;
	if (far_is_tool(c->who))
		return batch_of_tool(b, why, size);
	if (settle(b, why, size))
		return -1;
	for (long done = 0; !batch_over(b, done); done++) {
		double start = bench_now_ns();
		if (round_trip(c, b->point->size, why, size))
			return -1;
		batch_sample(b, ROUND_TRIP, bench_now_ns() - start);
	}
	return far_on_san(b->run, b->contestant, why, size);
}

static void finish(struct run *r, struct contestant *c, const struct point *p)
{
	(void)p;
	far_leave(r, c, release);
}

static bool takes(const struct contender *who)
{
	return far_is_tool(who) || (who->conns && who->conns->send);
}

const struct test test_lat = {
	.name = "lat",
	.help = "Round trips of messages",
	.two_ends = true,
	.options = OPT_SIZE | OPT_DURATION | OPT_PROVIDER,
	.iterations = 1000,
	.kinds = kinds,
	.points = points,
	.prepare = prepare,
	.batch = batch,
	.finish = finish,
	.takes = takes,
};
