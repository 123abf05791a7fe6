/* SPDX-License-Identifier: MIT
 *
 * The short way of plain sends and receives: all at once, or nothing has happened. Two sessions in
 * one process.
 */
#include "check.h"
#include "session_pair.h"

#include <string.h>
#include <sys/mman.h>

enum { SMALL = 100, LARGE = 40000, PAGE = 4096 };

static struct pair p;
static struct pair_end *const a = &p.end[0], *const b = &p.end[1];
static char data[LARGE], room[LARGE];

static void begin(void)
{
	pair_new(&p, &(struct pair_options){.max_rdma = 1 << 20});
	pair_run(&p);
	for (int i = 0; i < LARGE; i++)
		data[i] = (char)(i * 7 + (i >> 8));
	a->ready = b->ready = 0;
}

static uint64_t sent(const struct pair_end *e)
{
	struct session_stats st;
	session_get_stats(e->ss, &st);
	return st.bytes_sent;
}

/* A page that is not there. */
static char *nowhere(void)
{
	char *at = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(at, MAP_FAILED);
	return at;
}

Test(session_now, SW_FLOW_01_bytes_come_in_order_and_nobody_is_told_of_what_is_gone)
{
	WSD_TEST_BEGIN();
	begin();
	cr_assert_eq(session_receive_now(b->ss, room, SMALL), 0, "nothing is there");
	cr_assert(session_send_now(a->ss, data, SMALL));
	cr_assert(session_send_now(a->ss, data + SMALL, 1));
	pair_run(&p);
	cr_assert_eq(b->ready, SW_READY_READ, "it came by itself: who waits is told");
	cr_assert_eq(session_receive_now(b->ss, room, 60), 60);
	cr_assert_eq(session_receive_now(b->ss, room + 60, LARGE), SMALL + 1 - 60);
	cr_assert_eq(memcmp(room, data, SMALL + 1), 0);
	cr_assert_eq(session_receive_now(b->ss, room, SMALL), 0);
	pair_free(&p);
	WSD_TEST_END();
}

/* What the receive itself finds. Clauses: SW-BLOCK-3 */
Test(session_now, SW_FLOW_01_a_receive_that_finds_its_bytes_tells_of_the_rest_only)
{
	WSD_TEST_BEGIN();
	begin();
	cr_assert(session_send_now(a->ss, data, SMALL));
	while (b->told == NULL)
		cr_assert(pair_step(&p, 0));
	cr_assert_eq(session_receive_now(b->ss, room, SMALL), SMALL);
	cr_assert_eq(b->ready & SW_READY_READ, 0, "it is gone");
	cr_assert(session_send_now(a->ss, data, SMALL));
	while (b->told == NULL)
		cr_assert(pair_step(&p, 0));
	cr_assert_eq(session_receive_now(b->ss, room, 10), 10);
	cr_assert_eq(b->ready & SW_READY_READ, SW_READY_READ, "others may wait for the rest");
	pair_free(&p);
	WSD_TEST_END();
}

/* What is gone needs no telling, the end of the stream behind it does: a select for reading sleeps.
 * Clauses: SW-BLOCK-3, SW-CLOSE-1 */
Test(session_now, SW_FLOW_01_a_receive_that_finds_the_end_as_well_tells_of_it)
{
	WSD_TEST_BEGIN();
	begin();
	cr_assert(session_send_now(a->ss, data, SMALL));
	cr_assert_eq(session_shutdown(a->ss, WSD_SD_SEND), 0);
	while (a->wire)
		cr_assert(pair_step(&p, 0));
	cr_assert_eq(b->ready, 0);
	cr_assert_eq(session_receive_now(b->ss, room, SMALL), SMALL);
	cr_assert_eq(b->ready & SW_READY_READ, SW_READY_READ, "the end can be read");
	pair_free(&p);
	WSD_TEST_END();
}

Test(session_now, SW_FLOW_01_what_stands_in_the_way_of_a_send)
{
	struct pair_request q;
	char *bad = nowhere();
	WSD_TEST_BEGIN();
	begin();
	cr_assert_not(session_send_now(a->ss, data, LARGE), "by RDMA");
	cr_assert_not(session_send_now(a->ss, bad, SMALL), "memory that is not there");
	cr_assert_eq(sent(a), 0);
	uint64_t n = 0;
	while (session_send_now(a->ss, data + n, SMALL))
		n += SMALL;
	cr_assert_gt(n, 0);
	cr_assert_eq(sent(a), n, "until there are no credits");
	/* one that waits comes first */
	pair_request(&q, SW_OP_SEND, data + n, SMALL, 0);
	cr_assert(pair_submit(a, &q), "kept");
	cr_assert_not(session_send_now(a->ss, data, SMALL));
	pair_run(&p);
	for (uint64_t got = 0; got < n + SMALL; pair_run(&p))
		got += session_receive_now(b->ss, room + got, (uint32_t)(n + SMALL - got));
	cr_assert_eq(memcmp(room, data, n + SMALL), 0);
	cr_assert(session_send_now(a->ss, data, SMALL));
	cr_assert_eq(session_shutdown(a->ss, WSD_SD_SEND), 0);
	cr_assert_not(session_send_now(a->ss, data, SMALL), "shut down");
	pair_run(&p);
	cr_assert_eq(session_receive_now(b->ss, room, LARGE), SMALL);
	cr_assert_eq(session_receive_now(b->ss, room, LARGE), 0, "the end is another's to tell");
	pair_free(&p);
	munmap(bad, PAGE);
	WSD_TEST_END();
}

Test(session_now, SW_FLOW_01_what_stands_in_the_way_of_a_receive)
{
	struct pair_request q;
	char *bad = nowhere(), byte[4];
	WSD_TEST_BEGIN();
	begin();
	/* one that waits already */
	pair_request(&q, SW_OP_RECV, room, SMALL, 0);
	cr_assert_not(pair_submit(b, &q));
	cr_assert(session_send_now(a->ss, data, SMALL));
	while (b->told == NULL)
		cr_assert(pair_step(&p, 0));
	cr_assert_eq(session_receive_now(b->ss, byte, sizeof(byte)), 0);
	cr_assert_eq(q.finished, 1);
	cr_assert_eq(q.r.done, SMALL);
	/* memory that is not there: nothing is lost */
	cr_assert(session_send_now(a->ss, data, SMALL));
	pair_run(&p);
	cr_assert_eq(session_receive_now(b->ss, bad, SMALL), 0);
	cr_assert_eq(session_receive_now(b->ss, room, SMALL), SMALL);
	cr_assert_eq(memcmp(room, data, SMALL), 0);
	/* urgent data */
	pair_request(&q, SW_OP_SEND, data, 1, WSD_MSG_OOB);
	cr_assert(pair_submit(a, &q));
	(void)session_send_now(a->ss, data, SMALL); /* behind the mark, if at all */
	pair_run(&p);
	cr_assert_eq(session_receive_now(b->ss, room, SMALL), 0, "a mark lies there");
	pair_free(&p);
	begin();
	cr_assert(session_send_now(a->ss, data, SMALL));
	pair_run(&p);
	cr_assert_eq(session_shutdown(b->ss, WSD_SD_RECEIVE), 0);
	cr_assert_eq(session_receive_now(b->ss, room, SMALL), 0, "shut down");
	pair_cut(&p);
	pair_run(&p);
	cr_assert_not(session_send_now(a->ss, data, SMALL), "lost");
	pair_free(&p);
	munmap(bad, PAGE);
	WSD_TEST_END();
}
