/* SPDX-License-Identifier: MIT
 *
 * The session protocol: negotiation, credits, the stream, the end. Two sessions in one process, or
 * one and a peer that the test plays.
 */
#include "check.h"
#include "session_pair.h"
#include "wire.h"

#include <string.h>

#define BEGIN(...)                                         \
	WSD_TEST_BEGIN();                                  \
	struct pair p;                                     \
	pair_new(&p, &(struct pair_options){__VA_ARGS__}); \
	struct pair_end *a = &p.end[0], *b = &p.end[1];    \
	(void)a;                                           \
	(void)b;                                           \
	pair_run(&p)
#define END()          \
	pair_free(&p); \
	WSD_TEST_END()

static void fill(uint8_t *at, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		at[i] = (uint8_t)((i * 31 + seed) ^ (i >> 8));
}

Test(session, SW_SESSION_01_two_sides_come_up)
{
	BEGIN(.max_rdma = 1 << 20);
	for (int i = 0; i < 2; i++) {
		cr_expect_eq(p.end[i].ups, 1);
		cr_expect_eq(p.end[i].up_code, 0);
		struct session_stats s;
		session_get_stats(p.end[i].ss, &s);
		/* HELLO_ACK costs a credit, which the initiator gives back with what it sends next
		 */
		cr_expect_eq(s.credits, i ? 4 : 5, "end %d has %u", i, s.credits);
		cr_expect_eq(s.buffers, 5);
	}
	END();
}

Test(session, SW_FLOW_01_small_messages_both_ways)
{
	BEGIN(.max_rdma = 1 << 20);
	char in[64], out[64] = "ping";
	struct pair_request s, r;
	for (int i = 0; i < 200; i++) {
		struct pair_end *from = &p.end[i & 1], *to = from->peer;
		pair_request(&r, SW_OP_RECV, in, sizeof(in), 0);
		cr_assert_not(pair_submit(to, &r));
		out[5] = (char)i;
		pair_request(&s, SW_OP_SEND, out, sizeof(out), 0);
		cr_assert(pair_submit(from, &s));
		cr_assert_eq(s.r.code, 0);
		pair_run(&p);
		cr_assert_eq(r.finished, 1, "round %d", i);
		cr_assert_eq(r.r.done, sizeof(in));
		cr_assert_eq(memcmp(in, out, sizeof(in)), 0);
	}
	struct session_stats st;
	session_get_stats(a->ss, &st);
	cr_expect_eq(st.copied, 200 * 64, "%lu", (unsigned long)st.copied);
	cr_expect_lt(st.messages_sent, 200);
	END();
}

static void large(bool no_read)
{
	WSD_TEST_BEGIN();
	struct pair p;
	pair_new(&p, &(struct pair_options){.no_read = no_read, .max_rdma = 1 << 18});
	struct pair_end *a = &p.end[0], *b = &p.end[1];
	pair_run(&p);
	enum { N = 1 << 20 };
	uint8_t *out = malloc(N), *in = calloc(1, N);
	fill(out, N, 7);
	struct pair_request s, r;
	pair_request(&r, SW_OP_RECV, in, N, WSD_MSG_WAITALL);
	cr_assert_not(pair_submit(b, &r));
	pair_request(&s, SW_OP_SEND, out, N, 0);
	cr_assert_not(pair_submit(a, &s));
	pair_run(&p);
	cr_assert_eq(s.finished, 1);
	cr_assert_eq(r.finished, 1);
	cr_assert_eq(r.r.done, N);
	cr_assert_eq(memcmp(in, out, N), 0);
	struct session_stats sa, sb;
	session_get_stats(a->ss, &sa);
	session_get_stats(b->ss, &sb);
	cr_expect_eq(sa.copied + sb.copied, 0);
	cr_expect_eq(b->reads, no_read ? 0 : 4);
	cr_expect_eq(a->writes, no_read ? 4 : 0);
	cr_expect_eq(sa.bytes_sent, N);
	cr_expect_eq(sb.bytes_received, N);
	free(out);
	free(in);
	END();
}

Test(session, SW_FLOW_05_large_transfers_by_read_copy_nothing)
{
	large(false);
}

Test(session, SW_FLOW_06_large_transfers_by_write_copy_nothing)
{
	large(true);
}

Test(session, SW_FLOW_08_a_small_receive_takes_a_large_transfer_by_a_bounce)
{
	BEGIN(.max_rdma = 1 << 20);
	enum { N = 100000, STEP = 1000 };
	uint8_t *out = malloc(N), *in = calloc(1, N);
	fill(out, N, 3);
	struct pair_request s, r;
	pair_request(&s, SW_OP_SEND, out, N, 0);
	cr_assert_not(pair_submit(a, &s));
	pair_run(&p);
	for (uint32_t at = 0; at < N; at += (uint32_t)r.r.done) {
		pair_request(&r, SW_OP_RECV, in + at, STEP < N - at ? STEP : N - at, 0);
		if (!pair_submit(b, &r))
			pair_run(&p);
		cr_assert(r.r.over);
		cr_assert_gt(r.r.done, 0);
	}
	cr_assert_eq(memcmp(in, out, N), 0);
	cr_assert_eq(b->reads, 2);
	pair_run(&p);
	cr_assert_eq(s.finished, 1);
	free(out);
	free(in);
	END();
}

Test(session, WS_DATA_3_a_nonblocking_send_takes_all_or_nothing)
{
	BEGIN(.max_rdma = 1 << 20);
	enum { N = 50 << 20 };
	uint8_t *out = malloc(N), *in = calloc(1, N);
	fill(out, N, 9);
	struct pair_request s, r;
	pair_request(&s, SW_OP_SEND, out, N, 0);
	s.r.nonblocking = true;
	cr_assert(pair_submit(a, &s));
	cr_assert_eq(s.r.code, 0);
	cr_assert_eq(s.r.done, N);
	cr_assert_eq(session_ready(a->ss, SW_READY_WRITE), 0);
	pair_request(&s, SW_OP_SEND, out, 1, 0);
	s.r.nonblocking = true;
	cr_assert(pair_submit(a, &s));
	cr_assert_eq(s.r.code, WSAEWOULDBLOCK);
	pair_request(&r, SW_OP_RECV, in, N, WSD_MSG_WAITALL);
	a->ready = 0;
	if (!pair_submit(b, &r))
		pair_run(&p);
	cr_assert(r.r.over);
	cr_assert_eq(r.r.done, N);
	cr_assert_eq(memcmp(in, out, N), 0);
	cr_assert(a->ready & SW_READY_WRITE);
	free(out);
	free(in);
	END();
}

Test(session, SW_SESSION_10_buffers_grow_with_data_and_shrink_when_idle)
{
	BEGIN(.max_rdma = 1 << 20);
	struct session_stats st;
	struct pair_request s, r;
	char in[32], out[32] = "data";
	for (int round = 0; round < 3; round++) {
		pair_request(&s, SW_OP_SEND, out, sizeof(out), 0);
		cr_assert(pair_submit(a, &s));
		pair_run(&p);
		pair_request(&r, SW_OP_RECV, in, sizeof(in), 0);
		cr_assert(pair_submit(b, &r));
		pair_run(&p);
		session_get_stats(b->ss, &st);
		cr_expect_eq(st.buffers, 12);
		session_get_stats(a->ss, &st);
		cr_expect_eq(st.buffers, 5, "nothing has come this way");
		cr_expect_geq(st.credits, 12);
		pair_time(&p, 12000);
		session_get_stats(b->ss, &st);
		cr_expect_eq(st.buffers, 5);
		session_get_stats(a->ss, &st);
		cr_expect(st.credits >= 4 && st.credits <= 5, "%u", st.credits);
	}
	END();
}

Test(session, SW_CLOSE_01_half_close_and_graceful_end)
{
	BEGIN(.max_rdma = 1 << 20);
	char in[32], out[32] = "last words";
	struct pair_request s, r;
	pair_request(&s, SW_OP_SEND, out, sizeof(out), 0);
	cr_assert(pair_submit(a, &s));
	cr_assert_eq(session_shutdown(a->ss, WSD_SD_SEND), 0);
	pair_request(&s, SW_OP_SEND, out, 1, 0);
	cr_assert(pair_submit(a, &s));
	cr_assert_eq(s.r.code, WSAESHUTDOWN);
	pair_run(&p);
	pair_request(&r, SW_OP_RECV, in, sizeof(in), 0);
	cr_assert(pair_submit(b, &r));
	cr_assert_eq(r.r.done, sizeof(in));
	for (int i = 0; i < 2; i++) {
		pair_request(&r, SW_OP_RECV, in, sizeof(in), 0);
		cr_assert(pair_submit(b, &r));
		cr_assert_eq(r.r.done, 0);
		cr_assert_eq(r.r.code, 0);
	}
	/* the other direction lives */
	pair_request(&s, SW_OP_SEND, out, sizeof(out), 0);
	cr_assert(pair_submit(b, &s));
	pair_run(&p);
	pair_request(&r, SW_OP_RECV, in, sizeof(in), 0);
	cr_assert(pair_submit(a, &r));
	session_close(a->ss, 30000);
	pair_run(&p);
	cr_assert_eq(a->ends, 0, "it waits for the peer's SHUT_SEND");
	session_close(b->ss, 30000);
	pair_run(&p);
	cr_assert_eq(a->ends, 1);
	cr_assert_eq(b->ends, 1);
	END();
}

/* Also when the peer has nothing more to say. */
static void close_with_data(bool peer_first)
{
	BEGIN(.max_rdma = 1 << 20);
	enum { N = 60000 };
	uint8_t *out = malloc(N), *in = calloc(1, N);
	fill(out, N, 1);
	struct pair_request s, r;
	if (peer_first)
		session_shutdown(b->ss, WSD_SD_SEND);
	pair_run(&p);
	pair_request(&s, SW_OP_SEND, out, N, 0);
	s.r.nonblocking = true;
	cr_assert(pair_submit(a, &s));
	memset(out, 0, N);
	session_close(a->ss, 30000);
	cr_assert_not(a->closed);
	pair_run(&p);
	for (uint32_t at = 0; at < N; at += (uint32_t)r.r.done) {
		pair_request(&r, SW_OP_RECV, in + at, N - at, 0);
		if (!pair_submit(b, &r))
			pair_run(&p);
		cr_assert(r.r.over);
		cr_assert_gt(r.r.done, 0, "code %d at %u", r.r.code, at);
	}
	fill(out, N, 1);
	cr_assert_eq(memcmp(in, out, N), 0);
	session_close(b->ss, 30000);
	pair_run(&p);
	cr_assert_eq(a->ends + b->ends, 2);
	free(out);
	free(in);
	END();
}

Test(session, SW_CLOSE_02_what_is_queued_is_sent_before_the_end)
{
	close_with_data(false);
	close_with_data(true);
}

Test(session, SW_CLOSE_05_a_lost_connection_gives_what_came_before)
{
	BEGIN(.max_rdma = 1 << 20);
	char in[32], out[32] = "still there";
	struct pair_request s, r, waiting;
	pair_request(&s, SW_OP_SEND, out, sizeof(out), 0);
	cr_assert(pair_submit(a, &s));
	pair_run(&p);
	pair_request(&waiting, SW_OP_RECV, in, sizeof(in), 0);
	cr_assert_not(pair_submit(a, &waiting));
	pair_cut(&p);
	pair_run(&p);
	cr_assert_eq(waiting.finished, 1);
	cr_assert_eq(waiting.r.code, WSAECONNRESET);
	cr_assert_eq(session_error(b->ss), WSAECONNRESET);
	pair_request(&r, SW_OP_RECV, in, sizeof(in), 0);
	cr_assert(pair_submit(b, &r));
	cr_assert_eq(r.r.done, sizeof(in));
	pair_request(&r, SW_OP_RECV, in, sizeof(in), 0);
	cr_assert(pair_submit(b, &r));
	cr_assert_eq(r.r.code, WSAECONNRESET);
	pair_request(&s, SW_OP_SEND, out, sizeof(out), 0);
	cr_assert(pair_submit(b, &s));
	cr_assert_eq(s.r.code, WSAECONNRESET);
	END();
}

Test(session, SW_BLOCK_01_SW_BLOCK_02_cancel_and_then_the_end)
{
	BEGIN(.max_rdma = 1 << 20);
	enum { N = 40000 };
	uint8_t *out = malloc(N);
	char in[8];
	struct pair_request s, r;
	pair_request(&r, SW_OP_RECV, in, sizeof(in), 0);
	cr_assert_not(pair_submit(b, &r));
	cr_assert(session_cancel(b->ss, &r.r, WSAETIMEDOUT));
	cr_assert_eq(r.r.code, WSAETIMEDOUT);
	cr_assert_eq(r.finished, 0);
	cr_assert_not(session_cancel(b->ss, &r.r, WSAETIMEDOUT));
	pair_request(&s, SW_OP_SEND, out, N, 0);
	cr_assert_not(pair_submit(a, &s));
	cr_assert_not(session_cancel(a->ss, &s.r, WSAETIMEDOUT), "the peer may be reading it");
	a->broken = true; /* and goes on for ever */
	pair_time(&p, 6000);
	cr_assert_eq(s.finished, 1);
	cr_assert(a->closed);
	free(out);
	END();
}

Test(session, SW_ACCEPT_07_silence_ends_after_ten_seconds)
{
	BEGIN(.alone = true, .responder = true);
	pair_time(&p, 9900);
	cr_assert_eq(a->ups, 0);
	pair_time(&p, 200);
	cr_assert_eq(a->ups, 1);
	cr_assert_eq(a->up_code, WSAETIMEDOUT);
	END();
}

Test(session, SW_OPT_03_keepalive)
{
	BEGIN(.max_rdma = 1 << 20);
	session_keepalive(a->ss, 1000, 100, 3);
	struct session_stats st;
	pair_time(&p, 5500);
	session_get_stats(a->ss, &st);
	cr_expect_geq(st.messages_received, 3, "PONGs");
	cr_expect_eq(session_error(a->ss), 0);
	struct session *silent = b->ss;
	b->ss = NULL; /* nothing is carried any more */
	pair_time(&p, 3000);
	cr_expect_eq(session_error(a->ss), WSAENETRESET);
	b->ss = silent;
	END();
}

Test(session, SW_SESSION_05_limits_are_asked_for_before_anything_is_sized)
{
	BEGIN(.max_message = 700, .max_rdma = 1 << 20);
	cr_expect_eq(a->asked, 3);
	cr_expect_not(a->early);
	/* and nothing exceeds them: the provider takes no longer message */
	uint8_t out[5000] = {1}, in[5000];
	struct pair_request s, r;
	pair_request(&s, SW_OP_SEND, out, sizeof(out), 0);
	cr_assert(pair_submit(a, &s));
	pair_request(&r, SW_OP_RECV, in, sizeof(in), WSD_MSG_WAITALL);
	if (!pair_submit(b, &r))
		pair_run(&p);
	cr_assert_eq(r.r.done, sizeof(in));
	cr_expect_geq(a->sends, 8);
	END();
}

Test(session, SW_FLOW_07_the_length_of_descriptors_is_learned_by_a_call_that_fails)
{
	BEGIN(.max_rdma = 1 << 20);
	cr_expect_eq(a->probes, 1);
	cr_expect_eq(a->exposed, 0);
	END();
}

Test(session, SW_FLOW_02_sends_are_silent_but_the_last_of_the_buffers)
{
	BEGIN(.max_rdma = 1 << 20);
	char out[64] = "x", in[64];
	struct pair_request s, r;
	for (int i = 0; i < 40; i++) {
		pair_request(&r, SW_OP_RECV, in, sizeof(in), 0);
		pair_submit(b, &r);
		pair_request(&s, SW_OP_SEND, out, sizeof(out), 0);
		cr_assert(pair_submit(a, &s));
		pair_run(&p);
		cr_assert(r.r.over);
	}
	cr_expect_geq(a->silent, 38, "%u of %u", a->silent, a->sends);
	END();
}

Test(session, SW_FLOW_04_the_threshold_is_exact)
{
	for (uint32_t n = 16383; n <= 16385; n++) {
		BEGIN(.max_rdma = 1 << 20);
		uint8_t *out = calloc(1, n), *in = calloc(1, n);
		struct pair_request s, r;
		pair_request(&r, SW_OP_RECV, in, n, WSD_MSG_WAITALL);
		cr_assert_not(pair_submit(b, &r));
		pair_request(&s, SW_OP_SEND, out, n, 0);
		pair_submit(a, &s);
		pair_run(&p);
		cr_assert(r.r.over);
		cr_expect_eq(b->reads, n > 16384 ? 1 : 0, "%u bytes", n);
		free(out);
		free(in);
		END();
	}
}

Test(session, SW_FLOW_03_segments_of_both_sides_in_one_read)
{
	BEGIN(.max_rdma = 1 << 20);
	enum { N = 80000 };
	uint8_t *out = malloc(N), *in = calloc(1, N);
	fill(out, N, 5);
	struct pair_request s, r;
	pair_request(&r, SW_OP_RECV, in, N, 0);
	r.r.count = 4;
	for (unsigned i = 0; i < 4; i++)
		r.bufs[i] = (WSABUF){.len = N / 4, .buf = (CHAR *)in + i * (N / 4)};
	cr_assert_not(pair_submit(b, &r));
	pair_request(&s, SW_OP_SEND, out, N, 0);
	cr_assert_not(pair_submit(a, &s));
	pair_run(&p);
	cr_assert_eq(r.r.done, N);
	cr_assert_eq(memcmp(in, out, N), 0);
	cr_expect_eq(b->reads, 1);
	free(out);
	free(in);
	END();
}

Test(session, SW_FLOW_12_two_idle_sides_are_silent)
{
	BEGIN(.max_rdma = 1 << 20);
	char out[64] = "x", in[4096];
	struct pair_request s, r;
	for (int i = 0; i < 100; i++) {
		pair_request(&s, SW_OP_SEND, out, sizeof(out), 0);
		s.r.nonblocking = true;
		pair_submit(a, &s);
		pair_run(&p); /* comes to rest, or fails */
		pair_request(&r, SW_OP_RECV, in, sizeof(in), 0);
		r.r.nonblocking = true;
		pair_submit(b, &r);
		pair_run(&p);
	}
	unsigned before = a->sends + b->sends;
	pair_time(&p, 1000);
	cr_expect_eq(a->sends + b->sends, before);
	/* credits alone: a sixth of the messages, and some for the growing */
	cr_expect_leq(b->sends, 100 / 6 + 8, "%u", b->sends);
	END();
}

Test(session, SW_FLOW_11_what_is_in_no_operation_is_deregistered_before_the_close)
{
	BEGIN(.max_rdma = 1 << 20);
	session_close(a->ss, 1000);
	session_close(b->ss, 1000);
	pair_run(&p);
	cr_expect_eq(a->left_at_close, 0);
	cr_expect_eq(b->left_at_close, 0);
	END();
}

Test(session, SW_CLOSE_03_the_record_stays_until_the_handle_is_given_back)
{
	BEGIN(.max_rdma = 1 << 20);
	char in[8];
	struct pair_request r;
	pair_request(&r, SW_OP_RECV, in, sizeof(in), 0);
	cr_assert_not(pair_submit(a, &r));
	a->keeps_handle = true;
	session_close(a->ss, 0);
	cr_expect_eq(r.finished, 1);
	cr_expect_eq(r.r.code, WSA_OPERATION_ABORTED);
	cr_expect(a->closed);
	cr_expect_eq(a->ends, 0);
	pair_close_handle(a);
	cr_expect_eq(a->ends, 1);
	END();
}

Test(session, SW_OOB_03_urgent_sends_never_use_rdma)
{
	BEGIN(.max_rdma = 1 << 20);
	enum { N = 60000 };
	uint8_t *out = malloc(N), *in = calloc(1, N);
	fill(out, N, 5);
	struct pair_request s, r;
	pair_request(&s, SW_OP_SEND, out, N, WSD_MSG_OOB);
	cr_assert(pair_submit(a, &s));
	pair_request(&r, SW_OP_RECV, in, N - 1, WSD_MSG_WAITALL);
	if (!pair_submit(b, &r))
		pair_run(&p);
	cr_assert_eq(r.r.done, N - 1);
	cr_assert_eq(memcmp(in, out, N - 1), 0);
	cr_expect_eq(a->exposed + b->reads, 0);
	free(out);
	free(in);
	END();
}

Test(session, SW_SESSION_04_small_messages_in_a_row_always_meet_a_buffer)
{
	BEGIN(.max_rdma = 1 << 20);
	char out[300] = "x", in[300 * 64];
	struct pair_request s, r;
	unsigned taken = 0;
	for (int i = 0; i < 5000; i++) {
		pair_request(&s, SW_OP_SEND, out, sizeof(out), 0);
		s.r.nonblocking = true;
		cr_assert(pair_submit(a, &s));
		taken += s.r.code == 0;
	}
	cr_expect_gt(taken, 200);
	for (uint64_t got = 0; got < taken * sizeof(out); got += r.r.done) {
		pair_request(&r, SW_OP_RECV, in, sizeof(in), 0);
		if (!pair_submit(b, &r))
			pair_run(&p);
		cr_assert(r.r.over);
	}
	END(); /* which looks at `late` */
}
