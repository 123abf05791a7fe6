/* SPDX-License-Identifier: MIT
 *
 * Results and upcalls: told or silent, once, in order, from which threads; closing and calling from
 * inside an upcall; a switch that attends itself. PROV-OVL-1 to 6, PROV-CLOSE-1, 7.
 */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "prov_pair.h"

#define BEGIN()       \
	pp_up(false); \
	WSD_TEST_BEGIN()
#define END()           \
	WSD_TEST_END(); \
	pp_down()

enum { SIZE = 1 << 16, POLLERS = 4, ROUNDS = 300 };

static void send_one(struct pp_bed *b, struct pp_op *s, bool silent)
{
	cr_assert_eq(pp_send(b->p.a, s, b->mem, 8, silent), WSA_IO_PENDING);
}

Test(ovl, PROV_OVL_01_the_low_bit_of_hEvent_says_who_asks)
{
	BEGIN();
	struct pp_bed b = pp_bed_up(SIZE, true);
	struct pp_op s[4] = {{{0}}}, r[4] = {{{0}}};
	for (int i = 0; i < 4; i++)
		cr_assert_eq(pp_recv(b.p.b, &r[i], b.mem + 4096, 64, i % 2), WSA_IO_PENDING);
	for (int i = 0; i < 4; i++)
		send_one(&b, &s[i], !(i % 2));
	for (int i = 0; i < 4; i++) {
		cr_assert_eq(i % 2 ? pp_wait(b.p.b, &r[i]) : pp_told_code(&r[i]), 0);
		cr_assert_eq(i % 2 ? pp_told_code(&s[i]) : pp_wait(b.p.a, &s[i]), 0);
	}
	usleep(20000);
	cr_assert_eq(atomic_load(&pp_told), 4);
	cr_assert_eq(atomic_load(&ph.wrong), 0, "told before the result was stored");
	pp_bed_down(&b);
	END();
}

Test(ovl, PROV_OVL_02_internal_is_published_last)
{
	BEGIN();
	struct pp_bed b = pp_bed_up(SIZE, true);
	struct pp_op s = {0}, r = {0};
	for (int i = 0; i < 100; i++) {
		cr_assert_eq(pp_recv(b.p.b, &r, b.mem + 4096, 64, true), WSA_IO_PENDING);
		cr_assert_eq(r.ov.Internal, WSS_OPERATION_IN_PROGRESS);
		send_one(&b, &s, true);
		cr_assert_eq(pp_wait(b.p.b, &r), 0);
		cr_assert_eq(r.ov.InternalHigh, 8);
		cr_assert_eq(r.ov.Offset, 0);
		cr_assert_eq(r.ov.OffsetHigh, 0);
		cr_assert_eq(pp_wait(b.p.a, &s), 0, "a silent tail that is polled for ends");
	}
	pp_bed_down(&b);
	END();
}

struct again {
	struct pp_bed *b;
	struct pp_op r;
	atomic_int left, bad;
};

/* From inside the upcall: the next receive, the next send, a registration, a poll. */
static void post_again(struct pp_op *op)
{
	struct again *a = op->arg;
	if (atomic_fetch_sub(&a->left, 1) <= 1)
		return;
	int code = 0;
	HANDLE h = pp_ext.reg(a->b->p.b, a->b->mem, 64, MEM_READ, &code);
	WSABUF in = {64, a->b->mem + 4096};
	DWORD n, flags = 0;
	struct pp_op s = {.ov.hEvent = (HANDLE)1};
	WSABUF out = {8, a->b->mem};
	ph.proc.lpWSPRecv(a->b->p.b, &in, 1, &n, &flags, &op->ov, NULL, NULL, &code);
	atomic_fetch_add(&a->bad, !h || code != WSA_IO_PENDING);
	ph.proc.lpWSPSend(a->b->p.a, &out, 1, &n, 0, &s.ov, NULL, NULL, &code);
	atomic_fetch_add(&a->bad, code != WSA_IO_PENDING);
	while (pp_poll(a->b->p.a, &s) == WSA_IO_INCOMPLETE)
		;
	atomic_fetch_add(&a->bad, pp_ext.dereg(a->b->p.b, h, &code) != 0);
}

Test(ovl, PROV_OVL_03_every_call_from_inside_an_upcall)
{
	BEGIN();
	struct pp_bed b = pp_bed_up(SIZE, true);
	struct again a = {.b = &b};
	struct pp_op s = {0};
	atomic_store(&a.left, 50);
	a.r.hook = post_again;
	a.r.arg = &a;
	cr_assert_eq(pp_recv(b.p.b, &a.r, b.mem + 4096, 64, false), WSA_IO_PENDING);
	send_one(&b, &s, true);
	cr_assert(WSD_UNTIL(atomic_load(&a.left) <= 0, PP_SOON_MS * 2), "it stops");
	cr_assert_eq(atomic_load(&a.bad), 0);
	cr_assert_eq(pp_wait(b.p.a, &s), 0);
	pp_bed_down(&b);
	END();
}

/* Clauses: PROV-OVL-6 */
Test(ovl, PROV_OVL_04_polling_and_waiting)
{
	BEGIN();
	struct pp_bed b = pp_bed_up(SIZE, true);
	struct pp_op s = {0}, r = {0};
	DWORD bytes = 7, flags = 7;
	int code = -1;
	cr_assert_eq(pp_recv(b.p.b, &r, b.mem + 4096, 64, true), WSA_IO_PENDING);
	cr_assert_eq(pp_poll(b.p.b, &r), WSA_IO_INCOMPLETE);
	send_one(&b, &s, true);
	cr_assert_eq(ph.proc.lpWSPGetOverlappedResult(b.p.b, &r.ov, &bytes, TRUE, &flags, &code),
		     TRUE);
	cr_assert(code == 0 && bytes == 8 && flags == 0);
	cr_assert_eq(ph.proc.lpWSPGetOverlappedResult(b.p.a, &s.ov, &bytes, TRUE, &flags, &code),
		     TRUE, "the silent tail is waited for");
	/* A failure: its code, and 0 bytes. */
	cr_assert_eq(pp_recv(b.p.b, &r, b.mem + 4096, 64, true), WSA_IO_PENDING);
	cr_assert_eq(ph_close(b.p.a), 0);
	cr_assert_eq(ph.proc.lpWSPGetOverlappedResult(b.p.b, &r.ov, &bytes, TRUE, &flags, &code),
		     FALSE);
	cr_assert(code == WSAECONNRESET && bytes == 0);
	/* [PROV-OVL-6] */
	ph.proc.lpWSPGetOverlappedResult(b.p.b, NULL, &bytes, FALSE, &flags, &code);
	cr_assert_eq(code, WSA_INVALID_PARAMETER);
	ph.proc.lpWSPGetOverlappedResult(b.p.b, &r.ov, NULL, FALSE, &flags, &code);
	cr_assert_eq(code, WSA_INVALID_PARAMETER);
	ph.proc.lpWSPGetOverlappedResult(b.p.a, &r.ov, &bytes, FALSE, &flags, &code);
	cr_assert_eq(code, WSAENOTSOCK);
	cr_assert_eq(ph_close(b.p.b), 0);
	pp_unmap(b.mem, SIZE);
	END();
}

Test(ovl, PROV_OVL_05_success_with_nothing)
{
	BEGIN();
	struct pp_bed b = pp_bed_up(SIZE, true);
	struct pp_op s = {0}, r = {0};
	cr_assert_eq(pp_recv(b.p.b, &r, b.mem + 4096, 64, false), WSA_IO_PENDING);
	cr_assert_eq(pp_send(b.p.a, &s, NULL, 0, true), WSA_IO_PENDING);
	cr_assert_eq(pp_told_code(&r), 0);
	cr_assert_eq(r.bytes, 0);
	pp_bed_down(&b);
	END();
}

struct poller {
	struct pp_bed *b;
	struct pp_op *ops;
	atomic_bool *stop;
};

static void *poll_all(void *arg)
{
	struct poller *p = arg;
	for (int i = 0; !atomic_load(p->stop); i++) {
		DWORD bytes, flags;
		int code;
		ph.proc.lpWSPGetOverlappedResult(p->b->p.b, &p->ops[i % 8].ov, &bytes, FALSE,
						 &flags, &code);
	}
	return NULL;
}

/* Several threads harvest, and the event thread: told once each, in order. */
Test(ovl, PROV_DATA_06_told_in_order_whoever_polls, .timeout = 120)
{
	BEGIN();
	struct pp_bed b = pp_bed_up(SIZE, true);
	static struct pp_op s[8], r[8];
	atomic_bool stop = false;
	pthread_t threads[POLLERS];
	struct poller p = {&b, r, &stop};
	for (int i = 0; i < POLLERS; i++)
		pthread_create(&threads[i], NULL, poll_all, &p);
	int last = -1;
	for (int round = 0; round < ROUNDS / 8; round++) {
		for (int i = 0; i < 8; i++)
			cr_assert_eq(pp_recv(b.p.b, &r[i], b.mem + 4096 + i * 64, 64, false),
				     WSA_IO_PENDING);
		for (int i = 0; i < 8; i++)
			send_one(&b, &s[i], true);
		for (int i = 0; i < 8; i++) {
			cr_assert_eq(pp_told_code(&r[i]), 0);
			cr_assert_gt(r[i].order, last, "round %d, receive %d", round, i);
			last = r[i].order;
			cr_assert_eq(pp_wait(b.p.a, &s[i]), 0);
		}
	}
	atomic_store(&stop, true);
	for (int i = 0; i < POLLERS; i++)
		pthread_join(threads[i], NULL);
	pp_bed_down(&b);
	END();
}

struct closing {
	struct pp_bed *b;
	struct pp_op r[6], s;
	atomic_int code;
	int told_at_return, closes_at_return;
};

static void close_it(struct pp_op *op)
{
	struct closing *c = op->arg;
	int code = ph_close(c->b->p.b);
	c->told_at_return = 0;
	for (int i = 1; i < 6; i++)
		c->told_at_return += atomic_load(&c->r[i].told);
	atomic_store(&c->code, code + 1);
}

Test(ovl, PROV_CLOSE_07_from_inside_a_completion)
{
	BEGIN();
	struct pp_bed b = pp_bed_up(SIZE, true);
	static struct closing c;
	ph.closes = 0; /* of the listener */
	c.b = &b;
	c.r[0].hook = close_it;
	c.r[0].arg = &c;
	for (int i = 0; i < 6; i++)
		cr_assert_eq(pp_recv(b.p.b, &c.r[i], b.mem + 4096, 64, false), WSA_IO_PENDING);
	send_one(&b, &c.s, true);
	cr_assert(WSD_UNTIL(atomic_load(&c.code), PP_SOON_MS), "a deadlock");
	cr_assert_eq(atomic_load(&c.code), 1);
	cr_assert_eq(c.told_at_return, 5, "not everything was complete when close returned");
	for (int i = 1; i < 6; i++)
		cr_assert_eq(pp_told_code(&c.r[i]), WSA_OPERATION_ABORTED);
	cr_assert(WSD_UNTIL(ph.closes == 1, PP_SOON_MS));
	cr_assert_eq(ph_close(b.p.a), 0);
	pp_unmap(b.mem, SIZE);
	END();
}

static void dawdle(struct pp_op *op)
{
	usleep(100000);
	*(int *)op->arg = (int)ph.closes;
}

Test(ovl, PROV_CLOSE_02_a_completion_that_runs_is_waited_for)
{
	BEGIN();
	struct pp_bed b = pp_bed_up(SIZE, true);
	int closes = -1;
	ph.closes = 0; /* of the listener */
	struct pp_op s = {0}, r = {.hook = dawdle, .arg = &closes};
	cr_assert_eq(pp_recv(b.p.b, &r, b.mem + 4096, 64, false), WSA_IO_PENDING);
	send_one(&b, &s, true);
	cr_assert_eq(pp_told_code(&r), 0);
	cr_assert_eq(ph_close(b.p.b), 0);
	cr_assert_eq(closes, 0, "the switch's handle was closed under the upcall");
	cr_assert_eq(ph.closes, 1);
	cr_assert_eq(ph_close(b.p.a), 0);
	pp_unmap(b.mem, SIZE);
	END();
}

static int attend(SOCKET s, BOOL on, int *fd, int *code)
{
	*code = -1;
	return pp_ext.attend(s, on, fd, code);
}

/* Clauses: PROV-OVL-4 */
Test(ovl, PROV_OVL_01_a_switch_that_attends_itself)
{
	BEGIN();
	struct pp_bed b = pp_bed_up(SIZE, true);
	int fd = -1, code;
	SOCKET other = ph_socket();
	cr_assert_eq(attend(other, TRUE, &fd, &code), SOCKET_ERROR);
	cr_assert_eq(code, WSAENOTCONN);
	cr_assert_eq(ph_close(other), 0);
	cr_assert_eq(attend(other, TRUE, &fd, &code), SOCKET_ERROR);
	cr_assert_eq(code, WSAENOTSOCK);
	cr_assert_eq(attend(b.p.b, TRUE, NULL, &code), SOCKET_ERROR);
	cr_assert_eq(code, WSAEFAULT);
	struct pp_op s = {0}, r = {0};
	for (int i = 0; i < 50; i++) {
		cr_assert_eq(pp_recv(b.p.b, &r, b.mem + 4096, 64, false), WSA_IO_PENDING);
		int got = attend(b.p.b, TRUE, &fd, &code);
		cr_assert(got == 0 && code == 0 && fd >= 0, "%d, %d", got, code);
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		send_one(&b, &s, true);
		cr_assert_eq(pp_wait(b.p.a, &s), 0);
		cr_assert_eq(poll(&pfd, 1, PP_SOON_MS), 1, "round %d: not woken", i);
		cr_assert_eq(atomic_load(&r.told), 0, "the provider's thread leaves it alone");
		while (!atomic_load(&r.told))
			cr_assert_geq(attend(b.p.b, TRUE, &fd, &code), 0);
		cr_assert(pthread_equal(r.thread, pthread_self()));
	}
	/* The end of the connection wakes, too. */
	cr_assert_eq(pp_recv(b.p.b, &r, b.mem + 4096, 64, true), WSA_IO_PENDING);
	while (attend(b.p.b, TRUE, &fd, &code) == 1)
		;
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	cr_assert_eq(ph_close(b.p.a), 0);
	cr_assert_eq(poll(&pfd, 1, PP_SOON_MS), 1);
	cr_assert_eq(pp_wait(b.p.b, &r), WSAECONNRESET);
	cr_assert_eq(attend(b.p.b, TRUE, &fd, &code), 1);
	cr_assert_eq(ph_close(b.p.b), 0);
	pp_unmap(b.mem, SIZE);
	END();
}

Test(ovl, PROV_OVL_01_given_back_to_the_providers_thread)
{
	BEGIN();
	struct pp_bed b = pp_bed_up(SIZE, true);
	int fd, code;
	struct pp_op s = {0}, r = {0};
	cr_assert_geq(attend(b.p.b, TRUE, &fd, &code), 0);
	cr_assert_eq(pp_recv(b.p.b, &r, b.mem + 4096, 64, false), WSA_IO_PENDING);
	send_one(&b, &s, true);
	cr_assert_eq(pp_wait(b.p.a, &s), 0);
	cr_assert_eq(attend(b.p.b, FALSE, NULL, &code), 0);
	cr_assert_eq(pp_told_code(&r), 0);
	cr_assert_eq(pp_recv(b.p.b, &r, b.mem + 4096, 64, false), WSA_IO_PENDING);
	send_one(&b, &s, true);
	cr_assert_eq(pp_told_code(&r), 0);
	cr_assert_not(pthread_equal(r.thread, pthread_self()));
	pp_bed_down(&b);
	END();
}
