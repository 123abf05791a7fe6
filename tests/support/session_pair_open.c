/* SPDX-License-Identifier: MIT
 *
 * The sessions, requests and time of session_pair.h, over the provider of session_pair.c. One
 * thread; no locks.
 */
#include "session_asserts.h"
#include "session_pair.h"

#include "reactor.h"

#include <string.h>

/* ---- time: what the session links against ---- */

static uint64_t now_ns = 1000000000;
uint64_t pair_look_ns;

uint64_t waiter_now_ns(void)
{
	return now_ns += pair_look_ns;
}

static struct reactor_timer *timers[8];

void reactor_timer_set(struct reactor *r, struct reactor_timer *t, uint64_t when_ns)
{
	int place = -1;
	for (int i = 0; i < 8; i++) {
		if (timers[i] == t)
			place = i;
		else if (!timers[i] && place < 0)
			place = i;
	}
	cr_assert_geq(place, 0);
	timers[place] = t;
	t->when_ns = when_ns;
}

void reactor_timer_stop(struct reactor *r, struct reactor_timer *t)
{
	for (int i = 0; i < 8; i++)
		if (timers[i] == t)
			timers[i] = NULL;
}

/* What is due now. */
static bool fire_due(void)
{
	bool any = false;
	for (int i = 0; i < 8; i++) {
		struct reactor_timer *t = timers[i];
		if (!t || !t->when_ns || t->when_ns > now_ns)
			continue;
		t->when_ns = 0;
		t->fire(t);
		any = true;
	}
	return any;
}

void pair_run(struct pair *p)
{
	do
		for (unsigned i = 0; pair_step(p, i); i++)
			cr_assert_lt(i, 10000000u, "the two never come to rest");
	while (fire_due());
}

void pair_time(struct pair *p, uint32_t ms)
{
	uint64_t end = now_ns + ms * UINT64_C(1000000);
	for (;;) {
		struct reactor_timer *first = NULL;
		for (int i = 0; i < 8; i++)
			if (timers[i] && timers[i]->when_ns &&
			    (!first || timers[i]->when_ns < first->when_ns))
				first = timers[i];
		if (!first || first->when_ns > end)
			break;
		if (first->when_ns > now_ns)
			now_ns = first->when_ns;
		first->when_ns = 0;
		first->fire(first);
		pair_run(p);
	}
	now_ns = end;
}

/* ---- sessions ---- */

static void told_up(void *ctx, int code)
{
	struct pair_end *e = ctx;
	e->ups++;
	e->up_code = code;
	if (!e->closes_in_up)
		return;
	pair_close_handle(e);
	e->ends_in_up = e->ends;
}

static void told_ready(void *ctx, unsigned bits, int code)
{
	((struct pair_end *)ctx)->ready |= bits;
}

static void told_ended(void *ctx)
{
	((struct pair_end *)ctx)->ends++;
}

static const struct session_ops ops = {told_up, told_ready, told_ended};

static void session_open(struct pair_end *e, bool initiator, const struct session_config *config)
{
	struct session_config c = *config;
	SOCKET s = (SOCKET)(uintptr_t)e;
	struct session_link link = {.provider = e->provider, .desc = s, .handle = s};
	bool first = e == &e->pair->end[0];
	struct wsd_sockaddr_in a = {.sin_family = WSD_AF_INET, .sin_port = 1},
			       b = {.sin_family = WSD_AF_INET, .sin_port = 2};
	a.sin_addr.s_addr = 0x0100007f;
	b.sin_addr.s_addr = 0x0200007f;
	link.local = first ? a : b;
	link.peer = first ? b : a;
	if (!c.idle_buffers)
		c.idle_buffers = 4;
	if (!c.sndbuf)
		c.sndbuf = 65536;
	if (!c.rcvbuf)
		c.rcvbuf = 65536;
	cr_assert_eq(
		session_create(&link, initiator, &c, &ops, e, (struct reactor *)e->pair, &e->ss),
		0);
}

void pair_new(struct pair *p, const struct pair_options *o)
{
	memset(p, 0, sizeof(*p));
	for (int i = 0; i < 2; i++) {
		struct pair_end *e = &p->end[i];
		e->pair = p;
		e->peer = &p->end[1 - i];
		e->fail_register = e->fail_send = -1;
		pair_provider_open(e, o);
	}
	if (!o->alone)
		session_open(&p->end[1], false, &o->config[1]);
	session_open(&p->end[0], !o->responder, &o->config[0]);
}

void pair_free(struct pair *p)
{
	for (int i = 0; i < 2; i++)
		if (p->end[i].ss)
			session_close(p->end[i].ss, 0);
	pair_run(p);
	for (int i = 0; i < 2; i++) {
		struct pair_end *e = &p->end[i];
		if (e->ss) {
			cr_assert_eq(e->ends, 1, "end %d: `ended` came %u times", i, e->ends);
			cr_assert_eq(e->ups, 1, "end %d: `up` came %u times", i, e->ups);
			session_free(e->ss);
		}
		cr_assert_eq(e->late, 0, "end %d: %u messages met no buffer", i, e->late);
		cr_assert_eq(e->misuse, 0, "end %d: %u calls were wrong", i, e->misuse);
		pair_provider_close(e);
		e->ss = NULL;
	}
}

/* ---- requests ---- */

static void finished(struct sw_request *r)
{
	((struct pair_request *)(void *)((char *)r - offsetof(struct pair_request, r)))->finished++;
}

void pair_request(struct pair_request *q, enum sw_op op, void *data, uint32_t n, DWORD flags)
{
	memset(q, 0, sizeof(*q));
	q->r.op = op;
	q->r.flags = flags;
	q->r.finish = finished;
	q->r.buffers = q->bufs;
	q->r.count = 1;
	q->r.total = n;
	q->bufs[0] = (WSABUF){.len = n, .buf = data};
}

bool pair_submit(struct pair_end *e, struct pair_request *q)
{
	return session_submit(e->ss, &q->r);
}
