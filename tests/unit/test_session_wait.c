/* SPDX-License-Identifier: MIT
 *
 * Who looks for completions, and what has time after closesocket. Two sessions in one process.
 */
#include "check.h"
#include "session_pair.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { LARGE = 40000 };

static struct pair p;
static struct pair_end *const a = &p.end[0], *const b = &p.end[1];

static void begin(void)
{
	pair_new(&p, &(struct pair_options){.max_rdma = 1 << 20, .attend = true});
	pair_run(&p);
}

/* As a blocking call that has slept. */
static void sleep_once(struct pair_end *e)
{
	int fd = -1;
	cr_assert(session_attend(e->ss, NULL, &fd));
	cr_assert_geq(fd, 0);
	cr_assert(e->attended);
	session_attended(e->ss);
	cr_assert(e->attended, "the next call may come soon");
}

/* ---- before a sleep the processor is given away ---- */

static unsigned yields;
static uint32_t yield_ms;           /* what a turn of the others takes */
static struct pair_request *answer; /* what the peer sends in its turn */

/* In place of libc's. */
int sched_yield(void)
{
	yields++;
	if (yield_ms)
		pair_time(&p, yield_ms);
	if (answer) {
		pair_submit(b, answer);
		pair_run(&p);
		answer = NULL;
	}
	return 0;
}

static void begin_spinning(unsigned spin_us)
{
	pair_look_ns = 100;
	pair_new(&p, &(struct pair_options){.config = {{.spin_us = spin_us}}, .attend = true});
	pair_run(&p);
}

static bool others;

static bool others_wait(void *ctx)
{
	return others;
}

/* A receive that spins, for 8 bytes. */
static bool spin_once(struct pair_request *r, char in[8])
{
	pair_request(r, SW_OP_RECV, in, 8, 0);
	return pair_submit(a, r) || session_spin(a->ss, &r->r, others_wait, NULL);
}

Test(session_wait, SW_BLOCK_01_a_peer_answers_in_its_turn)
{
	char in[8], out[8] = "answer";
	struct pair_request r, s;
	WSD_TEST_BEGIN();
	begin_spinning(1);
	for (unsigned i = 1; i <= 40; i++) {
		answer = &s;
		pair_request(&s, SW_OP_SEND, out, sizeof(out), 0);
		cr_assert(spin_once(&r, in), "no sleep");
		cr_assert_eq(r.r.done, sizeof(out));
		cr_assert_eq(yields, i);
	}
	pair_free(&p);
	WSD_TEST_END();
}

/* 64 receives, whose message comes in the turn that is given (if turns take time), or later. */
static void receive_64(void)
{
	char in[8], out[8] = "late";
	struct pair_request r, s;
	for (unsigned i = 0; i < 64; i++) {
		pair_request(&s, SW_OP_SEND, out, sizeof(out), 0);
		answer = yield_ms ? &s : NULL;
		if (!spin_once(&r, in)) {
			answer = NULL;
			pair_submit(b, &s);
			pair_run(&p);
		}
		cr_assert_eq(r.finished, 1);
	}
}

/* Else each message wakes the provider's thread as well as it finds the caller awake. */
Test(session_wait, SW_BLOCK_01_who_looks_awake_attends)
{
	char in[8], out[8] = "answer";
	struct pair_request r, s;
	WSD_TEST_BEGIN();
	begin_spinning(1);
	for (int i = 0; i < 3; i++) {
		answer = &s;
		pair_request(&s, SW_OP_SEND, out, sizeof(out), 0);
		cr_assert(spin_once(&r, in));
		cr_assert(a->attended, "the next call may come soon");
		pair_time(&p, 8);
	}
	cr_assert(a->attended, "24 ms after the first, 8 after the last");
	pair_time(&p, 10);
	cr_assert_not(a->attended);
	others = true;
	answer = &s;
	pair_request(&s, SW_OP_SEND, out, sizeof(out), 0);
	cr_assert(spin_once(&r, in));
	cr_assert_not(a->attended, "another thread waits");
	pair_free(&p);
	WSD_TEST_END();
}

Test(session_wait, SW_BLOCK_01_turns_that_nobody_takes_cost_nothing)
{
	WSD_TEST_BEGIN();
	begin_spinning(1);
	receive_64();
	cr_assert_eq(yields, 64);
	pair_free(&p);
	WSD_TEST_END();
}

Test(session_wait, SW_BLOCK_01_turns_that_take_long_are_seldom_given)
{
	WSD_TEST_BEGIN();
	begin_spinning(1);
	yield_ms = 3;
	receive_64();
	cr_assert_eq(yields, 8 + 3, "eight times, then one in sixteen: %u", yields);
	pair_free(&p);
	WSD_TEST_END();
}

Test(session_wait, SW_BLOCK_01_who_is_not_to_spin_gives_no_turn)
{
	char in[8];
	struct pair_request r;
	WSD_TEST_BEGIN();
	begin_spinning(0);
	cr_assert_not(spin_once(&r, in));
	cr_assert_eq(yields, 0);
	cr_assert(session_cancel(a->ss, &r.r, WSAETIMEDOUT));
	pair_free(&p);
	WSD_TEST_END();
}

Test(session_wait, SW_BLOCK_01_the_provider_looks_at_once_for_those_who_do_not)
{
	char in[8];
	struct pair_request r;
	WSD_TEST_BEGIN();
	begin();
	sleep_once(a);
	session_quit(a->ss, false);
	cr_assert(a->attended, "nobody waits");
	session_quit(a->ss, true);
	cr_assert_not(a->attended, "another thread waits");

	/* an overlapped receive that was there before the call that slept */
	pair_request(&r, SW_OP_RECV, in, sizeof(in), 0);
	cr_assert_not(pair_submit(a, &r));
	cr_assert_not(a->attended);
	sleep_once(a);
	session_quit(a->ss, false);
	cr_assert_not(a->attended, "it would be late");

	/* one that came while the call slept */
	struct pair_request out;
	static uint8_t data[LARGE];
	int fd;
	cr_assert(session_cancel(a->ss, &r.r, WSAETIMEDOUT));
	cr_assert(session_attend(a->ss, NULL, &fd));
	pair_request(&out, SW_OP_SEND, data, sizeof(data), 0);
	cr_assert_not(pair_submit(a, &out));
	cr_assert(a->attended, "the sleeper looks");
	session_attended(a->ss);
	session_quit(a->ss, false);
	cr_assert_not(a->attended);
	pair_free(&p);
	cr_assert_eq(out.finished, 1);
	WSD_TEST_END();
}

Test(session_wait, SW_BLOCK_01_what_is_left_to_send_is_looked_after_soon)
{
	static uint8_t data[LARGE];
	struct pair_request s;
	WSD_TEST_BEGIN();
	begin();
	sleep_once(a);
	for (int i = 0; i < 40; i++) { /* more than there are credits */
		pair_request(&s, SW_OP_SEND, data, 1000, 0);
		s.r.nonblocking = true;
		cr_assert(pair_submit(a, &s));
		cr_assert_eq(s.r.code, 0);
	}
	cr_assert(a->attended);
	pair_time(&p, 3); /* a use has come since the last look */
	pair_time(&p, 3);
	cr_assert_not(a->attended);
	sleep_once(a);
	cr_assert_eq(session_shutdown(b->ss, WSD_SD_SEND), 0);
	session_close(a->ss, 30000);
	cr_assert_not(a->attended, "nobody comes back");
	pair_free(&p);
	WSD_TEST_END();
}

/* Bytes that were told to be sent, which the peer does not read yet, and a send that pends behind
 * them: its time runs when theirs is over. */
Test(session_wait, SW_CLOSE_02_what_was_told_to_be_sent_outlives_what_was_not)
{
	static uint8_t told[LARGE], pending[LARGE], in[2 * LARGE];
	struct pair_request s, q, r; /* the peer fetches the first one alone without a receive */
	WSD_TEST_BEGIN();
	begin();
	memset(told, 't', sizeof(told));
	for (int i = 0; i < 2; i++) {
		pair_request(&s, SW_OP_SEND, told, sizeof(told), 0);
		s.r.nonblocking = true;
		cr_assert(pair_submit(a, &s));
		cr_assert_eq(s.r.done, sizeof(told));
		pair_run(&p);
	}
	pair_request(&q, SW_OP_SEND, pending, sizeof(pending), 0);
	cr_assert_not(pair_submit(a, &q));
	pair_run(&p);
	session_close(a->ss, 30000);
	pair_time(&p, 20000);
	cr_assert_not(a->closed, "what was told has 30 s");
	cr_assert_eq(q.finished, 0);
	pair_request(&r, SW_OP_RECV, in, sizeof(in), WSD_MSG_WAITALL);
	pair_submit(b, &r);
	pair_run(&p);
	cr_assert_eq(r.finished, 1);
	cr_assert_eq(r.r.done, sizeof(in));
	cr_assert_eq(memcmp(in, told, sizeof(told)), 0);
	cr_assert_eq(memcmp(in + LARGE, told, sizeof(told)), 0);
	pair_time(&p, 2000);
	cr_assert_eq(q.finished, 1);
	pair_free(&p);
	WSD_TEST_END();
}

/* Somebody receives and somebody else waits for readiness: what is left over is for him. */
Test(session_wait, SW_BLOCK_03_what_a_receive_leaves_is_told)
{
	static uint8_t data[LARGE], in[64];
	static const uint32_t sizes[] = {20, LARGE}; /* a message; a large transfer, by a bounce */
	struct pair_request s, r;
	WSD_TEST_BEGIN();
	begin();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		pair_request(&r, SW_OP_RECV, in, 10, 0);
		cr_assert_not(pair_submit(b, &r));
		cr_assert_not(session_ready(b->ss, SW_READY_READ));
		b->ready = 0;
		pair_request(&s, SW_OP_SEND, data, sizes[i], 0);
		pair_submit(a, &s);
		pair_run(&p);
		cr_assert_eq(r.finished, 1);
		cr_assert_eq(r.r.done, 10);
		cr_assert(b->ready & SW_READY_READ, "%u bytes", sizes[i]);
		cr_assert(session_ready(b->ss, SW_READY_READ));
		while (session_readable(b->ss)) {
			pair_request(&r, SW_OP_RECV, in, sizeof(in), 0);
			cr_assert(pair_submit(b, &r));
		}
		pair_run(&p);
	}
	/* nothing left, nothing told */
	pair_request(&r, SW_OP_RECV, in, 10, 0);
	cr_assert_not(pair_submit(b, &r));
	b->ready = 0;
	pair_request(&s, SW_OP_SEND, data, 10, 0);
	pair_submit(a, &s);
	pair_run(&p);
	cr_assert_eq(r.finished, 1);
	cr_assert_not(b->ready & SW_READY_READ);
	pair_free(&p);
	WSD_TEST_END();
}

/* Who is closed reads no end any more; who is only shut down does. */
Test(session_wait, SW_CLOSE_02_a_peer_that_is_closed_is_told_nothing)
{
	for (int shut = 0; shut < 2; shut++) {
		struct session_stats before, after;
		WSD_TEST_BEGIN();
		begin();
		session_get_stats(b->ss, &before);
		if (shut)
			cr_assert_eq(session_shutdown(a->ss, WSD_SD_SEND), 0);
		else
			session_close(a->ss, 30000);
		pair_run(&p);
		cr_assert_eq(session_ready(b->ss, SW_READY_CLOSE), SW_READY_CLOSE);
		cr_assert_eq(a->ends + b->ends, 0);
		session_close(b->ss, 30000);
		cr_assert_not(b->closed, "closesocket leaves it to the service thread");
		pair_run(&p);
		session_get_stats(b->ss, &after);
		cr_assert_eq(after.messages_sent - before.messages_sent, shut ? 1 : 0);
		if (shut) {
			cr_assert_eq(session_error(a->ss), 0);
			session_close(a->ss, 30000);
			pair_run(&p);
		}
		cr_assert_eq(a->ends, 1);
		cr_assert_eq(b->ends, 1);
		pair_free(&p);
		WSD_TEST_END();
	}
}
