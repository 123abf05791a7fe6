/* SPDX-License-Identifier: MIT
 *
 * Urgent bytes in the session protocol: where they lie, and who waits for them. Two sessions in one
 * process.
 */
#include "check.h"
#include "session_pair.h"

#include <string.h>

#define BEGIN(...)                                         \
	WSD_TEST_BEGIN();                                  \
	struct pair p;                                     \
	pair_new(&p, &(struct pair_options){__VA_ARGS__}); \
	struct pair_end *a = &p.end[0], *b = &p.end[1];    \
	pair_run(&p)
#define END()          \
	pair_free(&p); \
	WSD_TEST_END()

Test(session_urgent, SW_OOB_02_urgent_bytes_and_marks)
{
	BEGIN(.max_rdma = 1 << 20);
	char in[32];
	struct pair_request s, r;
	pair_request(&s, SW_OP_SEND, (char[]){"abcX"}, 4, WSD_MSG_OOB);
	cr_assert(pair_submit(a, &s));
	pair_request(&s, SW_OP_SEND, (char[]){"defY"}, 4, WSD_MSG_OOB);
	cr_assert(pair_submit(a, &s));
	pair_request(&s, SW_OP_SEND, (char[]){"ghi"}, 3, 0);
	cr_assert(pair_submit(a, &s));
	pair_run(&p);
	cr_assert_eq(session_ready(b->ss, SW_READY_URGENT), SW_READY_URGENT);
	cr_assert_not(session_at_mark(b->ss));
	pair_request(&r, SW_OP_RECV, in, sizeof(in), 0);
	cr_assert(pair_submit(b, &r));
	cr_assert_eq(r.r.done, 3, "a read stops at the mark");
	pair_request(&r, SW_OP_RECV, in, sizeof(in), WSD_MSG_OOB);
	cr_assert(pair_submit(b, &r));
	cr_assert(r.r.done == 1 && in[0] == 'X');
	pair_request(&r, SW_OP_RECV, in, sizeof(in), WSD_MSG_OOB);
	cr_assert(pair_submit(b, &r));
	cr_assert(r.r.done == 1 && in[0] == 'Y', "two urgent bytes queue");
	pair_request(&r, SW_OP_RECV, in, sizeof(in), WSD_MSG_OOB);
	r.r.nonblocking = true;
	cr_assert(pair_submit(b, &r));
	cr_assert_eq(r.r.code, WSAEWOULDBLOCK);
	pair_request(&r, SW_OP_RECV, in, sizeof(in), 0);
	cr_assert(pair_submit(b, &r));
	cr_assert(r.r.done == 3 && !memcmp(in, "def", 3));
	pair_request(&r, SW_OP_RECV, in, sizeof(in), 0);
	cr_assert(pair_submit(b, &r));
	cr_assert(r.r.done == 3 && !memcmp(in, "ghi", 3));
	END();
}

/* Receives of urgent data wait in a queue of their own: neither kind is in the other's way. */
Test(session_urgent, SW_OOB_01_receives_that_wait_for_urgent_bytes)
{
	BEGIN(.max_rdma = 1 << 20);
	char in[4][8];
	struct pair_request s, r[4];
	for (int i = 0; i < 3; i++) {
		pair_request(&r[i], SW_OP_RECV, in[i], 8, WSD_MSG_OOB);
		cr_assert_not(pair_submit(b, &r[i]));
	}
	pair_request(&r[3], SW_OP_RECV, in[3], 8, 0);
	cr_assert_not(pair_submit(b, &r[3]));
	b->ready = 0;
	pair_request(&s, SW_OP_SEND, (char[]){"X"}, 1, WSD_MSG_OOB);
	cr_assert(pair_submit(a, &s));
	pair_run(&p);
	cr_assert(r[0].finished == 1 && !r[0].r.code && r[0].r.done == 1 && in[0][0] == 'X');
	cr_assert_eq(r[0].r.ret_flags, WSD_MSG_OOB);
	cr_assert_not(b->ready & SW_READY_URGENT, "nobody else need look");
	cr_assert_eq(r[1].finished + r[3].finished, 0);
	pair_request(&s, SW_OP_SEND, (char[]){"abc"}, 3, 0);
	cr_assert(pair_submit(a, &s));
	pair_run(&p);
	cr_assert(r[3].finished == 1 && r[3].r.done == 3 && !memcmp(in[3], "abc", 3));
	/* one that gives up is passed over */
	cr_assert(session_cancel(b->ss, &r[1].r, WSA_OPERATION_ABORTED));
	cr_assert_eq(r[1].r.code, WSA_OPERATION_ABORTED);
	pair_request(&s, SW_OP_SEND, (char[]){"Y"}, 1, WSD_MSG_OOB);
	cr_assert(pair_submit(a, &s));
	pair_run(&p);
	cr_assert(r[2].finished == 1 && r[2].r.done == 1 && in[2][0] == 'Y');
	cr_assert_eq(r[1].finished, 0);
	END();
}

/* After the peer's end none can come, after a loss neither; closing ends them, too. */
Test(session_urgent, SW_OOB_01_receives_that_wait_until_the_end)
{
	for (int how = 0; how < 4; how++) {
		BEGIN(.max_rdma = 1 << 20);
		char in[8];
		struct pair_request r;
		pair_request(&r, SW_OP_RECV, in, sizeof(in), WSD_MSG_OOB);
		cr_assert_not(pair_submit(b, &r));
		if (how == 0)
			session_shutdown(a->ss, WSD_SD_SEND);
		else if (how == 1)
			pair_cut(&p);
		else if (how == 2)
			session_close(b->ss, 1000);
		else /* and what is asked for later */
			session_set_buffers(b->ss, 8192, 8192, true);
		if (how == 3) {
			struct pair_request s;
			pair_request(&s, SW_OP_SEND, (char[]){"X"}, 1, WSD_MSG_OOB);
			cr_assert(pair_submit(a, &s));
		}
		pair_run(&p);
		static const int codes[] = {0, WSAECONNRESET, WSA_OPERATION_ABORTED, WSAEINVAL};
		cr_assert_eq(r.finished, 1, "%d", how);
		cr_assert(r.r.code == codes[how] && !r.r.done, "%d: %d", how, r.r.code);
		if (how < 2) {
			pair_request(&r, SW_OP_RECV, in, sizeof(in), WSD_MSG_OOB);
			cr_assert(pair_submit(b, &r));
			cr_assert(r.r.code == codes[how] && !r.r.done, "%d: %d", how, r.r.code);
		}
		END();
	}
}

Test(session_urgent, SW_OOB_01_urgent_bytes_in_line)
{
	BEGIN(.config[1].oob_inline = true);
	char in[32];
	struct pair_request s, r;
	pair_request(&s, SW_OP_SEND, (char[]){"abX"}, 3, WSD_MSG_OOB);
	cr_assert(pair_submit(a, &s));
	pair_request(&s, SW_OP_SEND, (char[]){"cd"}, 2, 0);
	cr_assert(pair_submit(a, &s));
	pair_run(&p);
	pair_request(&r, SW_OP_RECV, in, sizeof(in), WSD_MSG_OOB);
	cr_assert(pair_submit(b, &r));
	cr_assert_eq(r.r.code, WSAEINVAL);
	pair_request(&r, SW_OP_RECV, in, sizeof(in), 0);
	cr_assert(pair_submit(b, &r));
	cr_assert(r.r.done == 2 && !memcmp(in, "ab", 2));
	cr_assert(session_at_mark(b->ss));
	pair_request(&r, SW_OP_RECV, in, sizeof(in), 0);
	cr_assert(pair_submit(b, &r));
	cr_assert(r.r.done == 3 && !memcmp(in, "Xcd", 3), "%lu", (unsigned long)r.r.done);
	END();
}
