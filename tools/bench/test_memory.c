/* SPDX-License-Identifier: MIT
 *
 * test_memory.c - what an idle connection keeps pinned and resident, both ends together: the growth
 * of both processes by m connections, after a first one, so that what comes once is not counted;
 * and, for itself, that by the first one, with what comes once. Each contender is measured once for
 * a point: memory that was used before would be used again. So only the first point has a first
 * connection.
 */
#include "far.h"

#include "results.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PINNED, RESIDENT, FIRST_PINNED, FIRST_RESIDENT };
enum { MESSAGE = 64, SETTLE_MS = 200 };

static const struct figure_kind kinds[] = {
	[PINNED] = {"pinned", "memory pinned by an idle connection, both ends", "bytes", false},
	[RESIDENT] = {"resident", "resident memory of an idle connection, both ends", "bytes",
		      false},
	[FIRST_PINNED] = {"first_pinned",
			  "memory pinned by the first connection, with what comes once, both ends",
			  "bytes", false},
	[FIRST_RESIDENT] = {"first_resident",
			    "resident memory of the first connection, with what comes once, both "
			    "ends",
			    "bytes", false},
	{NULL, NULL, NULL, false},
};

struct state {
	struct usage first, all; /* growths by the first, and by @counted more */
	int counted;
	bool has_first;
	int count;
	struct conn *conns[];
};

static int points(const struct options *o, struct point *ret, int max, char *why, size_t size)
{
	const struct list *open = &o->open;
	if (open->n > max) {
		snprintf(why, size, "more than %d points", max);
		return -1;
	}
	for (int i = 0; i < open->n; i++) {
		if (!open->v[i]) {
			snprintf(why, size, "--open: no connection takes no memory");
			return -1;
		}
		ret[i] = (struct point){.open = (int)open->v[i]};
	}
	return open->n;
}

static int total(struct run *r, struct contestant *c, struct usage *ret, char *why, size_t size)
{
	struct far_figures far;
	usleep(SETTLE_MS * 1000);
	if (far_measure(r, c, &far, why, size))
		return -1;
	usage_read(ret);
	ret->pinned += far.usage.pinned;
	ret->resident += far.usage.resident;
	return 0;
}

static int connect_to(struct run *r, struct contestant *c, int count, char *why, size_t size)
{
	struct state *s = c->state;
	int before = s->count;
	for (; s->count < before + count && !atomic_load(&r->stopping); s->count++)
		if (c->who->conns->connect(&c->to, MESSAGE, &s->conns[s->count])) {
			snprintf(why, size, "connection %d: %s", s->count + 1, strerror(errno));
			return -1;
		}
	return far_wait(r, c, DUTY_HOLD, s->count - before, why, size);
}

static int grow_by(struct run *r, struct contestant *c, int count, struct usage *ret, char *why,
		   size_t size)
{
	struct usage before;
	if (total(r, c, &before, why, size) || connect_to(r, c, count, why, size) ||
	    far_on_san(r, c, why, size) || total(r, c, ret, why, size))
		return -1;
	ret->pinned -= before.pinned;
	ret->resident -= before.resident;
	return 0;
}

/* A second connection of rsockets stalls as long as the first is idle. */
static int grow(struct run *r, struct contestant *c, const struct point *p, char *why, size_t size)
{
	static const char stalls[] = "but for its first connection: a second one stalls as long as "
				     "the first is idle (rdma-core 44)";
	struct state *s = c->state;
	s->has_first = (size_t)p->open == r->o->open.v[0];
	if (c->who == &contend_rsockets && !s->has_first) {
		snprintf(why, size, "%s", stalls);
		return -1;
	}
	if (s->has_first ? grow_by(r, c, 1, &s->first, why, size) : connect_to(r, c, 1, why, size))
		return -1;
	if (c->who == &contend_rsockets)
		return results_leave_out(r->results, c->who->name, p, stalls);
	s->counted = p->open;
	return grow_by(r, c, p->open, &s->all, why, size);
}

static void release(const struct contestant *c)
{
	struct state *s = c->state;
	for (int i = 0; i < s->count; i++)
		c->who->conns->close(s->conns[i]);
	free(s);
}

static int prepare(struct run *r, struct contestant *c, const struct point *p, char *why,
		   size_t size)
{
	const struct far_terms terms = {.cold = true}; /* nothing is left for the next point */
	struct far_duty duty = {DUTY_HOLD, MESSAGE, 1, p->open + 1, 1};
	if (far_start(r, c, &terms, why, size))
		return -1;
	struct state *s = c->state =
		calloc(1, sizeof(*s) + ((size_t)p->open + 1) * sizeof(struct conn *));
	if (!s)
		return -1;
	if (!far_serve(r, c, &duty, why, size) && !grow(r, c, p, why, size))
		return 0;
	far_leave(r, c, release);
	return -1;
}

static int batch(struct batch *b, char *why, size_t size)
{
	const struct state *s = b->contestant->state;
	(void)why, (void)size;
	if (s->counted) {
		batch_mean(b, PINNED, s->all.pinned / s->counted, s->counted);
		batch_mean(b, RESIDENT, s->all.resident / s->counted, s->counted);
	}
	if (s->has_first) {
		batch_mean(b, FIRST_PINNED, s->first.pinned, 1);
		batch_mean(b, FIRST_RESIDENT, s->first.resident, 1);
	}
	return 0;
}

static void finish(struct run *r, struct contestant *c, const struct point *p)
{
	(void)p;
	far_leave(r, c, release);
}

static bool takes(const struct contender *who)
{
	return who->conns && who->conns->send;
}

const struct test test_memory = {
	.name = "memory",
	.help = "Memory pinned and resident for an idle connection",
	.two_ends = true,
	.options = OPT_OPEN | OPT_PROVIDER,
	.iterations = 1,
	.open = 100,
	.once = true,
	.kinds = kinds,
	.points = points,
	.prepare = prepare,
	.batch = batch,
	.finish = finish,
	.takes = takes,
};
