/* SPDX-License-Identifier: MIT
 *
 * A random mix of everything that two applications may do with one connection, against a reference
 * stream of bytes: not a byte lost, doubled or reordered, and no state without a way out. Each run
 * prints nothing unless it fails; then its seed: WSD_SEED=N runs that one alone.
 */
#include "check.h"
#include "session_pair.h"

#include <string.h>

enum { REQUESTS = 6, LARGEST = 200000, STREAM = 1 << 20 };

struct job {
	struct pair_request q;
	uint8_t *memory;
	bool used;
};

struct side {
	struct pair_end *e;
	uint64_t sent, received, limit; /* bytes accepted for sending; arrived; to be sent */
	struct job sends[REQUESTS], receives[REQUESTS];
};

struct mix {
	struct pair p;
	struct side side[2];
	uint32_t seed, state;
};

static uint32_t draw(struct mix *m, uint32_t below)
{
	m->state = m->state * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(m->state >> 4) * below >> 28);
}

/* Byte @at of what side @i sends. */
static uint8_t stream(int i, uint64_t at)
{
	return (uint8_t)(at * 7 + (at >> 8) * 13 + (at >> 16) + (uint64_t)i * 101);
}

static uint32_t size(struct mix *m)
{
	switch (draw(m, 5)) {
	case 0:
		return 1 + draw(m, 64);
	case 1:
		return 1 + draw(m, 4096);
	case 2:
		return 1 + draw(m, 20000);
	case 3:
		return 1 + draw(m, LARGEST);
	default:
		return 64;
	}
}

/* Cut the one buffer into some. */
static void scatter(struct mix *m, struct pair_request *q)
{
	unsigned parts = 1 + draw(m, PAIR_SEGMENTS);
	char *at = q->bufs[0].buf;
	uint32_t left = (uint32_t)q->r.total;
	for (unsigned i = 0; i < parts; i++) {
		uint32_t n = i + 1 == parts ? left : draw(m, left + 1);
		q->bufs[i] = (WSABUF){.len = n, .buf = at};
		at += n;
		left -= n;
	}
	q->r.count = parts;
}

static struct job *spare(struct job *jobs)
{
	for (int i = 0; i < REQUESTS; i++)
		if (!jobs[i].used)
			return &jobs[i];
	return NULL;
}

static unsigned pending(struct job *jobs)
{
	unsigned n = 0;
	for (int i = 0; i < REQUESTS; i++)
		n += jobs[i].used;
	return n;
}

static void job_free(struct job *j)
{
	free(j->memory);
	j->memory = NULL;
	j->used = false;
}

static void begin_send(struct mix *m, int i)
{
	struct side *s = &m->side[i];
	struct job *j = spare(s->sends);
	uint32_t n = size(m);
	if (s->limit - s->sent < n)
		n = (uint32_t)(s->limit - s->sent);
	if (!j || !n)
		return;
	j->used = true;
	j->memory = malloc(n);
	for (uint32_t k = 0; k < n; k++)
		j->memory[k] = stream(i, s->sent + k);
	pair_request(&j->q, SW_OP_SEND, j->memory, n, 0);
	scatter(m, &j->q);
	j->q.r.nonblocking = draw(m, 3) == 0;
	bool over = pair_submit(s->e, &j->q);
	cr_assert(over || !j->q.r.nonblocking, "seed %u", m->seed);
	if (over && j->q.r.code == WSAEWOULDBLOCK) {
		cr_assert_eq(j->q.r.done, 0, "seed %u", m->seed);
		job_free(j);
		return;
	}
	s->sent += n;
	if (over) {
		cr_assert_eq(j->q.r.code, 0, "seed %u: code %d", m->seed, j->q.r.code);
		cr_assert_eq(j->q.r.done, n, "seed %u", m->seed);
		job_free(j);
	}
}

static void check_receive(struct mix *m, int i, struct job *j)
{
	struct side *s = &m->side[i];
	struct sw_request *r = &j->q.r;
	cr_assert_eq(r->code, 0, "seed %u: receive: code %d", m->seed, r->code);
	for (uint64_t k = 0; k < r->done; k++)
		cr_assert_eq(j->memory[k], stream(1 - i, s->received + k),
			     "seed %u: byte %lu of the stream, %lu of %lu here", m->seed,
			     (unsigned long)(s->received + k), (unsigned long)k,
			     (unsigned long)r->done);
	if (!(r->flags & WSD_MSG_PEEK))
		s->received += r->done;
	job_free(j);
}

static void begin_receive(struct mix *m, int i)
{
	struct side *s = &m->side[i];
	struct job *j = spare(s->receives);
	uint32_t n = size(m);
	DWORD flags = draw(m, 4) == 0 ? WSD_MSG_WAITALL : 0;
	/* where a peek among pending receives would look is nobody's promise */
	if (!j || (flags && m->side[1 - i].limit - s->received < n))
		return;
	j->used = true;
	j->memory = malloc(n);
	if (draw(m, 8) == 0 && pending(s->receives) == 1)
		flags = WSD_MSG_PEEK;
	pair_request(&j->q, SW_OP_RECV, j->memory, n, flags);
	scatter(m, &j->q);
	j->q.r.nonblocking = draw(m, 3) == 0 || flags & WSD_MSG_PEEK;
	if (!pair_submit(s->e, &j->q))
		return;
	if (j->q.r.code == WSAEWOULDBLOCK)
		job_free(j);
	else
		check_receive(m, i, j);
}

/* Those that have ended, in their order: receives take the stream in the order of submission. */
static void reap(struct mix *m, int i)
{
	struct side *s = &m->side[i];
	for (int k = 0; k < REQUESTS; k++) {
		struct job *j = &s->sends[k];
		if (j->used && j->q.finished) {
			cr_assert_eq(j->q.r.code, 0, "seed %u: send: %d", m->seed, j->q.r.code);
			cr_assert_eq(j->q.r.done, j->q.r.total, "seed %u", m->seed);
			job_free(j);
		}
	}
	/* receives are compared at once where only one is out, else in order of `finished` */
}

static void reap_receives(struct mix *m, int i)
{
	struct side *s = &m->side[i];
	for (int k = 0; k < REQUESTS; k++)
		if (s->receives[k].used && s->receives[k].q.finished)
			check_receive(m, i, &s->receives[k]);
}

static void cancel_one(struct mix *m, int i)
{
	struct side *s = &m->side[i];
	for (int k = 0; k < REQUESTS; k++) {
		struct job *j = &s->receives[k];
		if (!j->used || !session_cancel(s->e->ss, &j->q.r, WSA_OPERATION_ABORTED))
			continue;
		cr_assert_eq(j->q.finished, 0, "seed %u", m->seed);
		j->q.r.code = 0; /* WAITALL may have bytes by now */
		check_receive(m, i, j);
		return;
	}
}

static void act(struct mix *m)
{
	int i = (int)draw(m, 2);
	switch (draw(m, 12)) {
	case 0:
	case 1:
		begin_send(m, i);
		break;
	case 2:
	case 3:
		if (!pending(m->side[i].receives))
			begin_receive(m, i);
		break;
	case 4:
		if (draw(m, 8) == 0)
			cancel_one(m, i);
		break;
	case 5:
		if (draw(m, 16) == 0)
			pair_time(&m->p, 1 + draw(m, 6000));
		break;
	case 6:
		session_ready(m->side[i].e->ss, SW_READY_READ | SW_READY_WRITE);
		break;
	case 7:
		session_poll(m->side[i].e->ss, NULL, 0);
		break;
	default:
		pair_step(&m->p, draw(m, 4));
		break;
	}
	for (int k = 0; k < 2; k++) {
		reap(m, k);
		reap_receives(m, k);
	}
}

static bool finished(struct mix *m)
{
	for (int i = 0; i < 2; i++)
		if (m->side[i].received < m->side[1 - i].limit || pending(m->side[i].sends))
			return false;
	return true;
}

static void run(uint32_t seed)
{
	struct mix m = {.seed = seed, .state = seed * 2654435761u + 1};
	struct pair_options o = {
		.max_rdma = draw(&m, 2) ? 1 << 16 : 1 << 20,
		.no_read = draw(&m, 2),
		.max_message = draw(&m, 4) == 0 ? 1024 : 65536,
	};
	for (int i = 0; i < 2; i++) {
		o.config[i].no_rdma_read = draw(&m, 4) == 0;
		o.config[i].threshold = draw(&m, 2) ? 2000 : 0;
		o.config[i].full_buffers = draw(&m, 3) == 0 ? 4 : 0; /* few: credits run low */
		o.config[i].rcvbuf = 1 + draw(&m, 65536);
		o.config[i].sndbuf = 1 + draw(&m, 65536);
	}
	pair_new(&m.p, &o);
	pair_run(&m.p);
	for (int i = 0; i < 2; i++) {
		m.side[i].e = &m.p.end[i];
		m.side[i].limit = draw(&m, STREAM);
		m.p.end[i].deaf = draw(&m, 2);
	}
	for (unsigned long n = 0; !finished(&m); n++) {
		cr_assert_lt(n, 400000ul, "seed %u: no end: %lu of %lu, %lu of %lu", seed,
			     (unsigned long)m.side[0].received, (unsigned long)m.side[1].limit,
			     (unsigned long)m.side[1].received, (unsigned long)m.side[0].limit);
		act(&m);
	}
	for (int i = 0; i < 2; i++)
		for (int k = 0; k < REQUESTS; k++)
			if (m.side[i].receives[k].used) {
				session_cancel(m.side[i].e->ss, &m.side[i].receives[k].q.r, 0);
				job_free(&m.side[i].receives[k]);
			}
	for (int i = 0; i < 2; i++)
		session_close(m.p.end[i].ss, 30000);
	pair_run(&m.p);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(m.p.end[i].ends, 1, "seed %u: the graceful end", seed);
	pair_free(&m.p);
}

Test(session_mix, SW_FLOW_13_random_mixes_against_a_reference, .timeout = 110)
{
	WSD_TEST_BEGIN();
	const char *one = getenv("WSD_SEED");
	unsigned runs = getenv("WSD_TEST_LONG") ? 400 : 30;
	if (one)
		run((uint32_t)strtoul(one, NULL, 10));
	for (uint32_t seed = 1; !one && seed <= runs; seed++)
		run(seed);
	WSD_TEST_END();
}
