/* SPDX-License-Identifier: MIT
 *
 * test_fallback.c - how long it takes until a TCP/IP connection works, to a peer that has no WSD
 * listener: one with RDMA whose port only TCP/IP serves (met for the first time, and again, since
 * the switch remembers it), and one at an address without RDMA. Beside it kernel TCP, which tries
 * nothing else.
 */
#include "far.h"

#include "results.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKING, CONNECT };

static const struct figure_kind kinds[] = {
	[WORKING] = {"working", "from connect() to the first byte there and back", "ns", false},
	[CONNECT] = {"connect", "connect() until it is connected", "ns", false},
	{NULL, NULL, NULL, false},
};

static const struct mode {
	const char *name;
	struct far_terms terms;
	bool fresh; /* a port that was never met, each time */
} modes[] = {
	{"a port without RDMA, met first", {.plain = true, .impatient = true}, true},
	{"a port without RDMA, known", {.plain = true, .impatient = true}, false},
	{"an address without RDMA", {.plain = true, .elsewhere = true, .impatient = true}, false},
};
enum { MODES = sizeof(modes) / sizeof(modes[0]) };

static const struct mode *mode_of(const struct point *p)
{
	int i = 0;
	while (strcmp(modes[i].name, p->mode) != 0)
		i++;
	return &modes[i];
}

static int points(const struct options *o, struct point *ret, int max, char *why, size_t size)
{
	(void)o, (void)max, (void)why, (void)size;
	for (int i = 0; i < MODES; i++)
		ret[i] = (struct point){.mode = modes[i].name};
	return MODES;
}

static const struct far_duty echo = {DUTY_ECHO, 1, 1, 0, 1, true};

/* One connection; not counted without @b. */
static int once(struct run *r, struct contestant *c, struct batch *b, char *why, size_t size)
{
	const struct conn_ops *ops = c->who->conns;
	struct conn *conn;
	uint64_t ignored[COUNTS];
	char text[160], byte = 0;
	double start = bench_now_ns();
	if (ops->connect(&c->to, 1, &conn)) {
		snprintf(why, size, "connect: %s", strerror(errno));
		return -1;
	}
	double up = bench_now_ns();
	int result = ops->send(conn, &byte, 1) || ops->recv(conn, &byte, 1) ? -1 : 0;
	double working = bench_now_ns();
	if (result)
		snprintf(why, size, "the first byte: %s", strerror(errno));
	else if (c->who == &contend_switch && counts_read(ignored, text, sizeof(text)) > 0) {
		snprintf(why, size, "the connection went over the SAN");
		result = -1;
	}
	ops->close(conn); /* the server resets it */
	if (!result && b) {
		batch_sample(b, CONNECT, up - start);
		batch_sample(b, WORKING, working - start);
	}
	return result ? -1 : far_wait(r, c, DUTY_ECHO, 1, why, size);
}

static int prepare(struct run *r, struct contestant *c, const struct point *p, char *why,
		   size_t size)
{
	const struct mode *m = mode_of(p);
	if (!r->results->hosts[0].device[0] && !m->terms.elsewhere) {
		snprintf(why, size, "there is no RDMA at this end's address");
		return -1;
	}
	if (far_start(r, c, &m->terms, why, size))
		return -1;
	if (m->fresh)
		return 0;
	/* the first meeting is not counted */
	return far_serve(r, c, &echo, why, size) || once(r, c, NULL, why, size) ? -1 : 0;
}

static int batch(struct batch *b, char *why, size_t size)
{
	const struct mode *m = mode_of(b->point);
	struct run *r = b->run;
	struct contestant *c = b->contestant;
	for (long done = 0; !batch_over(b, done); done++) {
		if (m->fresh && (far_renew(r, c, why, size) || far_serve(r, c, &echo, why, size)))
			return -1;
		if (once(r, c, b, why, size))
			return -1;
	}
	return 0;
}

static void finish(struct run *r, struct contestant *c, const struct point *p)
{
	char ignored[160];
	(void)p;
	far_renew(r, c, ignored, sizeof(ignored));
}

static bool takes(const struct contender *who)
{
	return who == &contend_switch || who == &contend_tcp;
}

const struct test test_fallback = {
	.name = "fallback",
	.help = "Time to a TCP/IP connection when the peer is not there on the SAN",
	.two_ends = true,
	.options = OPT_DURATION,
	.iterations = 20,
	.kinds = kinds,
	.points = points,
	.prepare = prepare,
	.batch = batch,
	.finish = finish,
	.takes = takes,
};
