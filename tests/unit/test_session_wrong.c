/* SPDX-License-Identifier: MIT
 *
 * Peers that break the rules cost their connection and nothing else [SW-FLOW-14], providers that
 * fail cost what they must [SW-FLOW-9]. The test plays the peer.
 */
#include "check.h"
#include "session_pair.h"
#include "wire.h"

#include <string.h>

struct peer {
	struct pair p;
	struct pair_end *e;
	uint32_t seq;
};

static bool say(struct peer *t, struct sm_message m)
{
	uint8_t bytes[8192];
	m.seq = t->seq++;
	uint32_t n = sm_encode(&m, bytes, sizeof(bytes));
	cr_assert_gt(n, 0);
	bool ok = pair_inject(t->e, bytes, n);
	pair_run(&t->p);
	return ok;
}

static struct sm_message hello(uint8_t opcode)
{
	struct sm_message m = {.opcode = opcode};
	m.hello = (struct sm_hello){
		.version_min = SM_VERSION,
		.version_max = SM_VERSION,
		.descriptor_length = 24,
		.features = SM_CAN_RDMA_READ | SM_CAN_RDMA_WRITE | SM_CAN_URGENT,
		.buffers = 8,
		.buffer_size = 1024,
		.max_message = 65536,
		.max_rdma = 1 << 20,
		.threshold = 16384,
	};
	return m;
}

/* What the session sent last; the wire is emptied. */
static uint8_t last_opcode(struct peer *t, uint32_t *ret_code)
{
	uint8_t bytes[8192], opcode = 0;
	struct sm_message m;
	uint32_t n;
	while ((n = pair_take(t->e, bytes, sizeof(bytes)))) {
		cr_assert_eq(sm_decode(bytes, n, &m), SM_FINE);
		opcode = (uint8_t)m.opcode;
		if (ret_code)
			*ret_code = m.code;
		pair_run(&t->p);
	}
	return opcode;
}

/* A responder whose peer is the test; @up: through the negotiation. */
static void begin(struct peer *t, bool up)
{
	memset(t, 0, sizeof(*t));
	pair_new(&t->p, &(struct pair_options){.alone = true, .responder = true});
	t->e = &t->p.end[0];
	if (!up)
		return;
	say(t, hello(SM_HELLO));
	cr_assert_eq(last_opcode(t, NULL), SM_HELLO_ACK);
	cr_assert_eq(t->e->ups, 1);
	cr_assert_eq(t->e->up_code, 0);
}

static void expect_cut(struct peer *t, const char *what)
{
	uint32_t code = 0;
	pair_run(&t->p);
	cr_expect_eq(session_error(t->e->ss), WSAECONNABORTED, "%s: code %d", what,
		     session_error(t->e->ss));
	cr_expect_eq(last_opcode(t, &code), SM_ABORT, "%s: no ABORT", what);
	cr_expect_eq(code, WSAECONNABORTED);
	pair_run(&t->p);
	pair_time(&t->p, 1100);
	cr_expect(t->e->closed, "%s: the socket is not closed", what);
	struct pair_request r;
	char in[8];
	pair_request(&r, SW_OP_RECV, in, sizeof(in), 0);
	cr_expect(pair_submit(t->e, &r));
	cr_expect_eq(r.r.code, WSAECONNABORTED, "%s", what);
	pair_free(&t->p);
}

Test(session_wrong, SW_FLOW_14_messages_that_cost_the_connection)
{
	WSD_TEST_BEGIN();
	static const uint8_t bytes[64] = {1};
	struct row {
		struct sm_message m;
		int again;    /* sent so many times more */
		uint32_t gap; /* in the sequence */
		char what[40];
	};
	static const struct row rows[] = {
		{{.opcode = SM_CREDIT}, 0, 1, "a gap"},
		{{.opcode = SM_CREDIT, .credits = 60000}, 0, 0, "credits from nowhere"},
		/* the HELLO_ACK has cost one */
		{{.opcode = SM_CREDIT, .credits = 2}, 0, 0, "one credit too many"},
		{{.opcode = SM_HELLO_NAK, .code = 1}, 0, 0, "a late NAK"},
		{{.opcode = SM_SUSPEND}, 0, 0, "what was not offered"},
		{{.opcode = SM_READ_DONE, .xid = 1, .bytes = 1}, 0, 0, "READ_DONE of nothing"},
		{{.opcode = SM_WRITE_DONE, .xid = 1, .bytes = 1}, 0, 0, "WRITE_DONE of nothing"},
		{{.opcode = SM_SINK_AVAIL,
		  .xid = 1,
		  .bytes = 1,
		  .descriptor = bytes,
		  .descriptor_length = 24},
		 0,
		 0,
		 "SINK_AVAIL of nothing"},
		{{.opcode = SM_XFER_ABORT, .xid = 5}, 0, 0, "XFER_ABORT of nothing"},
		{{.opcode = SM_SRC_AVAIL,
		  .xid = 1,
		  .total = 99999,
		  .descriptor = bytes,
		  .descriptor_length = 23},
		 0,
		 0,
		 "a descriptor of another length"},
		{{.opcode = SM_WRITE_REQ, .xid = 1, .total = 99999}, 1, 0, "an xid twice"},
		{{.opcode = SM_SHUT_SEND}, 1, 0, "SHUT_SEND twice"},
		{{.opcode = SM_BUFFERS, .count = 8, .size = 4096}, 1, 0, "BUFFERS twice"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct peer t;
		begin(&t, true);
		t.seq += rows[i].gap;
		for (int k = 0; k <= rows[i].again; k++)
			say(&t, rows[i].m);
		expect_cut(&t, rows[i].what);
	}
	WSD_TEST_END();
}

Test(session_wrong, SW_FLOW_14_data_after_the_end_and_beyond_credits)
{
	WSD_TEST_BEGIN();
	struct peer t;
	struct sm_message data = {
		.opcode = SM_DATA, .payload = (const uint8_t *)"x", .payload_length = 1};
	begin(&t, true);
	say(&t, (struct sm_message){.opcode = SM_SHUT_SEND});
	say(&t, data);
	expect_cut(&t, "data after SHUT_SEND");
	/* bytes that are no message */
	begin(&t, true);
	pair_inject(t.e, "garbage that is long enough for a header", 40);
	expect_cut(&t, "garbage");
	/* a peer that does not count */
	begin(&t, true);
	for (int i = 0; i < 100 && !session_error(t.e->ss); i++)
		say(&t, data);
	cr_expect_eq(session_error(t.e->ss), WSAECONNABORTED);
	pair_time(&t.p, 1100);
	cr_expect(t.e->closed);
	pair_free(&t.p);
	WSD_TEST_END();
}

Test(session_wrong, SW_SESSION_09_a_version_or_a_name_that_does_not_fit)
{
	WSD_TEST_BEGIN();
	enum { LATER, EARLIER, LOCAL, REMOTE, ROWS };
	for (int i = 0; i < ROWS; i++) {
		struct peer t;
		uint32_t reason = 0;
		begin(&t, false);
		struct sm_message m = hello(SM_HELLO);
		uint8_t *name = i == LOCAL ? m.hello.local : m.hello.remote;
		if (i == LATER)
			m.hello.version_min = m.hello.version_max = 0x20;
		else if (i == EARLIER)
			m.hello.version_min = m.hello.version_max = 0x01;
		else
			name[7] = 99, name[4] = 1; /* another address */
		say(&t, m);
		cr_expect_eq(t.e->ups, 1);
		cr_expect_eq(t.e->up_code, WSAEOPNOTSUPP);
		cr_expect_eq(last_opcode(&t, &reason), SM_HELLO_NAK);
		cr_expect_eq(reason, i < LOCAL ? SM_NAK_VERSION : SM_NAK_NAMES, "row %d", i);
		pair_free(&t.p);
	}
	WSD_TEST_END();
}

Test(session_wrong, SW_SESSION_07_later_opcodes_are_skipped)
{
	WSD_TEST_BEGIN();
	struct peer t;
	uint8_t bytes[SM_HEADER + 5] = {0};
	begin(&t, true);
	sm_put_header(bytes, 0x90, 0, 0, t.seq++, 0, 5);
	cr_assert(pair_inject(t.e, bytes, sizeof(bytes)));
	pair_run(&t.p);
	cr_expect_eq(session_error(t.e->ss), 0);
	say(&t, (struct sm_message){.opcode = SM_PING});
	cr_expect_eq(last_opcode(&t, NULL), SM_PONG);
	pair_free(&t.p);
	WSD_TEST_END();
}

Test(session_wrong, SW_FLOW_14_the_other_side_of_an_ABORT)
{
	WSD_TEST_BEGIN();
	struct peer t;
	begin(&t, true);
	say(&t, (struct sm_message){.opcode = SM_ABORT, .code = WSAECONNABORTED});
	cr_expect_eq(session_error(t.e->ss), WSAECONNRESET);
	pair_free(&t.p);
	WSD_TEST_END();
}

Test(session_wrong, SW_FLOW_09_memory_that_cannot_be_registered)
{
	WSD_TEST_BEGIN();
	enum { N = 50000 };
	uint8_t *out = calloc(1, N), *in = calloc(1, N);
	struct pair p;
	struct pair_request s, r;
	char small[4] = "abc";
	/* at the source: the send fails, the stream lives */
	pair_new(&p, &(struct pair_options){.no_read = false});
	pair_run(&p);
	p.end[0].fail_register = 0;
	pair_request(&s, SW_OP_SEND, out, N, 0);
	cr_assert(pair_submit(&p.end[0], &s));
	cr_expect_eq(s.r.code, WSAENOBUFS);
	pair_request(&s, SW_OP_SEND, small, 4, 0);
	cr_assert(pair_submit(&p.end[0], &s));
	pair_run(&p);
	pair_request(&r, SW_OP_RECV, in, N, 0);
	cr_assert(pair_submit(&p.end[1], &r));
	cr_expect_eq(r.r.done, 4);
	/* at the target: the transfer is given up on both sides */
	p.end[0].fail_register = -1;
	p.end[1].fail_register = 0;
	pair_request(&s, SW_OP_SEND, out, N, 0);
	cr_assert_not(pair_submit(&p.end[0], &s));
	pair_request(&r, SW_OP_RECV, in, N, 0);
	pair_submit(&p.end[1], &r);
	pair_run(&p);
	cr_expect_eq(s.finished, 1);
	cr_expect_eq(s.r.code, WSAENOBUFS);
	cr_expect_eq(r.r.code, WSAENOBUFS);
	cr_expect_eq(session_error(p.end[0].ss), WSAECONNRESET);
	pair_free(&p);
	free(out);
	free(in);
	WSD_TEST_END();
}

Test(session_wrong, SW_SESSION_02_failures_at_create)
{
	WSD_TEST_BEGIN();
	/* sends that cannot be posted are told by `up` */
	struct pair p;
	pair_new(&p, &(struct pair_options){.alone = true});
	pair_run(&p);
	pair_cut(&p);
	pair_run(&p);
	cr_expect_eq(p.end[0].ups, 1);
	cr_expect_eq(p.end[0].up_code, WSAECONNRESET);
	pair_free(&p);
	WSD_TEST_END();
}

/* A provider may give the handle back on another thread, at any time after WSPCloseSocket: after
 * `ended` there is nobody to tell that it is up. */
Test(session_wrong, SW_CLOSE_02_ended_is_told_after_up)
{
	WSD_TEST_BEGIN();
	struct pair p;
	pair_new(&p, &(struct pair_options){.alone = true});
	struct pair_end *a = &p.end[0];
	a->keeps_handle = a->closes_in_up = true;
	session_close(a->ss, 0);
	cr_expect_eq(a->ups, 1);
	cr_expect_eq(a->ends_in_up, 0);
	cr_expect_eq(a->ends, 1);
	pair_free(&p);
	WSD_TEST_END();
}

/* The application's call holds a lock of its own meanwhile, and WSPCloseSocket waits for upcalls,
 * one of which may want that lock. */
Test(session_wrong, SW_FLOW_14_nothing_is_closed_under_the_lock_of_a_caller)
{
	WSD_TEST_BEGIN();
	struct peer t;
	char value[4];
	int len = sizeof(value);
	begin(&t, true);
	t.e->fail_send = 0; /* no ABORT goes out: it would be closed at once */
	t.e->tells_in_option = true;
	pair_inject(t.e, "garbage that is long enough for a header", 40);
	session_get_option(t.e->ss, SO_MAX_MSG_SIZE, value, &len);
	t.e->tells_in_option = false;
	cr_expect_not(t.e->closed);
	pair_time(&t.p, 2);
	cr_expect(t.e->closed);
	cr_expect_eq(session_error(t.e->ss), WSAECONNABORTED);
	pair_free(&t.p);
	WSD_TEST_END();
}
