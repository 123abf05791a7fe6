/* SPDX-License-Identifier: MIT
 *
 * The data side when something below fails: registrations, posting, memory, the device; and sockets
 * that close each other inside completions. The provider is linked in, with calls wrapped
 * (-Wl,--wrap) or replaced in the device's table. A call that fails changes nothing; what is
 * pending ends exactly once. PROV-DATA-2, PROV-DATA-13, PROV-MEM-2, PROV-CLOSE-1, 4, 7.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "prov_conn.h"
#include "prov_pair.h"
#include "wrap.h"

#define BEGIN()                      \
	pp_use(WSPStartupEx, false); \
	WSD_TEST_BEGIN()
#define END()           \
	WSD_TEST_END(); \
	pp_down()

enum { SIZE = 1 << 18, MANY = 200, PENDING = 40, QUIET_US = 50000 };

enum wrapped { W_CALLOC, W_MALLOC, W_REALLOC, W_REG, W_COUNT };

/* Of this thread's calls that numbered @skip and those behind it fail, @times of them. */
static _Thread_local struct {
	int skip, times, err;
} faults[W_COUNT];

static int fault(enum wrapped w)
{
	if (!faults[w].times)
		return 0;
	if (faults[w].skip > 0) {
		faults[w].skip--;
		return 0;
	}
	faults[w].times--;
	return faults[w].err;
}

static void arm(enum wrapped w, int skip, int times, int err)
{
	faults[w].skip = skip;
	faults[w].times = times;
	faults[w].err = err;
}

/* Whether all that was armed has happened; disarms. */
static bool hit(enum wrapped w)
{
	bool all = !faults[w].times;
	faults[w].times = 0;
	return all;
}

WSD_WRAP(W_CALLOC, void *, NULL, calloc, (size_t n, size_t size), (n, size))
WSD_WRAP(W_MALLOC, void *, NULL, malloc, (size_t size), (size))
WSD_WRAP(W_REALLOC, void *, NULL, realloc, (void *at, size_t size), (at, size))
/* macros that come to one of three */
#undef ibv_reg_mr
#undef ibv_reg_mr_iova
WSD_WRAP(W_REG, struct ibv_mr *, NULL, ibv_reg_mr,
	 (struct ibv_pd * pd, void *a, size_t len, int access), (pd, a, len, access))
WSD_WRAP(W_REG, struct ibv_mr *, NULL, ibv_reg_mr_iova,
	 (struct ibv_pd * pd, void *a, size_t len, uint64_t iova, int access),
	 (pd, a, len, iova, access))
WSD_WRAP(W_REG, struct ibv_mr *, NULL, ibv_reg_mr_iova2,
	 (struct ibv_pd * pd, void *a, size_t len, uint64_t iova, unsigned access),
	 (pd, a, len, iova, access))

/* ---- posting: the device's own functions, one of which fails ---- */

static struct {
	struct ibv_context *context;
	struct ibv_context_ops ops;
	struct ibv_qp *only;          /* NULL: all */
	atomic_int sends, recvs, err; /* how many fail */
} nic;

static int post_send(struct ibv_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad)
{
	if (qp == nic.only && atomic_load(&nic.sends) > 0) {
		atomic_fetch_sub(&nic.sends, 1);
		*bad = wr;
		return atomic_load(&nic.err);
	}
	return nic.ops.post_send(qp, wr, bad);
}

static int post_recv(struct ibv_qp *qp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	if (qp == nic.only && atomic_load(&nic.recvs) > 0) {
		atomic_fetch_sub(&nic.recvs, 1);
		*bad = wr;
		return atomic_load(&nic.err);
	}
	return nic.ops.post_recv(qp, wr, bad);
}

/* Posting to the queue pair of @s goes by way of the functions above. */
static void nic_take(SOCKET s)
{
	struct sock *held = NULL;
	int code;
	const struct conn *c = conn_enter(s, &held, &code);
	cr_assert_not_null(c);
	nic.only = c->ep->qp;
	nic.context = nic.only->context;
	nic.ops = nic.context->ops;
	nic.context->ops.post_send = post_send;
	nic.context->ops.post_recv = post_recv;
	conn_leave(held);
}

static void nic_give_back(void)
{
	nic.context->ops = nic.ops;
	atomic_store(&nic.sends, 0);
	atomic_store(&nic.recvs, 0);
}

/* The connection is as good as new. */
static void talks(struct pp_bed *b)
{
	for (int i = 0; i < 3; i++) {
		struct pp_op s = {0}, r = {0};
		SOCKET from = i % 2 ? b->p.b : b->p.a, to = i % 2 ? b->p.a : b->p.b;
		snprintf(b->mem, 32, "message %d", i);
		cr_assert_eq(pp_recv(to, &r, b->mem + 4096, 64, true), WSA_IO_PENDING);
		cr_assert_eq(pp_send(from, &s, b->mem, 32, true), WSA_IO_PENDING);
		cr_assert_eq(pp_wait(to, &r), 0);
		cr_assert_eq(pp_wait(from, &s), 0);
		cr_assert_eq(r.bytes, 32);
		cr_assert_eq(memcmp(b->mem, b->mem + 4096, 32), 0);
	}
}

/* ---- registrations ---- */

static const struct row {
	enum wrapped w;
	int skip, times, err, code;
} register_rows[] = {
	{W_REG, 0, 2, ENOMEM, WSAENOBUFS}, /* again once what is idle has gone */
	{W_REG, 0, 2, EAGAIN, WSAENOBUFS},
	{W_REG, 0, 1, EFAULT, WSAEFAULT},
	{W_REG, 0, 1, EINVAL, WSAEFAULT},
	{W_REG, 0, 1, EIO, WSAENOBUFS},
	{W_REG, 0, 1, ENOMEM, 0},
	{W_CALLOC, 0, 1, ENOMEM, WSAENOBUFS},
	{W_CALLOC, 1, 1, ENOMEM, WSAENOBUFS},
};

static int reg_local(SOCKET s, char *at, size_t len)
{
	int code = 0;
	HANDLE h = pp_ext.reg(s, at, (DWORD)len, MEM_READ, &code);
	if (!h)
		return code;
	cr_assert_eq(pp_dereg(s, h), 0);
	return 0;
}

static int reg_remote(SOCKET s, char *at, size_t len)
{
	char descriptor[256];
	DWORD room = sizeof(descriptor);
	int code = 0;
	if (pp_ext.reg_rdma(s, at, (DWORD)len, MEM_READ, descriptor, &room, &code))
		return code;
	cr_assert_eq(pp_ext.dereg_rdma(s, descriptor, room, &code), 0);
	return 0;
}

/* Clauses: PROV-MEM-13 */
Test(data_wrap, PROV_MEM_02_a_registration_that_fails_leaves_nothing, .timeout = 200)
{
	static int (*const calls[])(SOCKET s, char *at, size_t len) = {reg_local, reg_remote};
	BEGIN();
	struct pp_bed b = pp_bed_up(SIZE, true);
	char *more = pp_mem(SIZE);
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < sizeof(register_rows) / sizeof(register_rows[0]); i++) {
			const struct row *r = &register_rows[i];
			if (k == 1 && r->skip)
				continue; /* it allocates once */
			arm(r->w, r->skip, r->times, r->err);
			int code = calls[k](b.p.a, more, 8192);
			cr_assert(hit(r->w), "call %zu, row %zu is never taken", k, i);
			cr_assert_eq(code, r->code, "call %zu, row %zu: %d", k, i, code);
			cr_assert_eq(calls[k](b.p.a, more, 8192), 0);
		}
	/* growing tables: every allocation of many registrations fails once */
	HANDLE h[40];
	int n = 0, code, failures = 0;
	while (n < 40) {
		arm(W_REALLOC, 0, 1, ENOMEM);
		h[n] = pp_ext.reg(b.p.a, more + n * 4096, 4096, MEM_READWRITE, &code);
		if (!hit(W_REALLOC)) {
			cr_assert_not_null(h[n]);
			n++;
			continue;
		}
		failures++;
		cr_assert(!h[n] && code == WSAENOBUFS, "%d", code);
		h[n] = pp_ext.reg(b.p.a, more + n * 4096, 4096, MEM_READWRITE, &code);
		cr_assert_not_null(h[n++]);
	}
	cr_assert_gt(failures, 0);
	while (n)
		cr_assert_eq(pp_dereg(b.p.a, h[--n]), 0);
	talks(&b);
	pp_bed_down(&b);
	pp_unmap(more, SIZE);
	END();
}

/* ---- posting ---- */

Test(data_wrap, PROV_DATA_02_a_request_that_the_NIC_does_not_take, .timeout = 200)
{
	static const struct {
		int err, code;
	} rows[] = {{ENOMEM, WSAENOBUFS}, {EIO, WSAENETDOWN}, {EINVAL, WSAENETDOWN}};
	BEGIN();
	struct pp_bed b = pp_bed_up(SIZE, true);
	nic_take(b.p.a);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int told = 0; told < 2; told++) {
			struct pp_op op = {0};
			atomic_store(&nic.err, rows[i].err);
			atomic_store(&nic.sends, 1);
			cr_assert_eq(pp_send(b.p.a, &op, b.mem, 32, !told), rows[i].code);
			atomic_store(&nic.recvs, 1);
			cr_assert_eq(pp_recv(b.p.a, &op, b.mem, 32, !told), rows[i].code);
			cr_assert_neq(op.ov.Internal, WSS_OPERATION_IN_PROGRESS);
			usleep(QUIET_US);
			cr_assert_eq(atomic_load(&op.told), 0, "not started: no completion");
			talks(&b);
		}
	nic_give_back();
	pp_bed_down(&b);
	END();
}

/* Everything of @ops has ended, once, with 0, @code, or @other. The number of those that failed. */
static int all_ended_either(SOCKET s, struct pp_op *ops, int n, int code, int other)
{
	int failed = 0;
	for (int i = 0; i < n; i++) {
		int got = i % 2 ? pp_wait(s, &ops[i]) : pp_told_code(&ops[i]);
		cr_assert(!got || got == code || got == other, "operation %d: %d", i, got);
		failed += got != 0;
	}
	usleep(QUIET_US);
	for (int i = 0; i < n; i++)
		cr_assert_eq(atomic_load(&ops[i].told), i % 2 ? 0 : 1, "operation %d", i);
	return failed;
}

static int all_ended(SOCKET s, struct pp_op *ops, int n, int code)
{
	return all_ended_either(s, ops, n, code, code);
}

/* What waits for a place is posted later, when no call can say that it fails. */
Test(data_wrap, PROV_DATA_13_posting_fails_when_no_call_can_say_so, .timeout = 100)
{
	enum { SENDS, RECEIVES, WAYS };
	static struct pp_op mine[MANY], theirs[MANY];
	BEGIN();
	for (int way = 0; way < WAYS; way++) {
		struct pp_bed b = pp_bed_up(SIZE, true);
		memset(mine, 0, sizeof(mine));
		memset(theirs, 0, sizeof(theirs));
		for (int i = 0; i < MANY; i++) /* more than any queue holds */
			cr_assert_eq((way == SENDS ? pp_send : pp_recv)(b.p.a, &mine[i], b.mem, 64,
									i % 2),
				     WSA_IO_PENDING);
		nic_take(b.p.a);
		atomic_store(&nic.err, ENOMEM);
		atomic_store(way == SENDS ? &nic.sends : &nic.recvs, 1);
		for (int i = 0; i < MANY; i++) {
			int code = (way == SENDS ? pp_recv : pp_send)(b.p.b, &theirs[i],
								      b.mem + 4096, 64, i % 2);
			if (code != WSA_IO_PENDING) {
				cr_assert_eq(code, WSAECONNRESET, "%d", code);
				theirs[i].ov.Internal = 0;
				theirs[i].ov.OffsetHigh = WSAECONNRESET;
				atomic_store(&theirs[i].told, i % 2 ? 0 : 1);
				theirs[i].code = WSAECONNRESET;
			}
		}
		cr_assert_gt(all_ended(b.p.a, mine, MANY, WSAECONNABORTED), 0);
		cr_assert_gt(all_ended(b.p.b, theirs, MANY, WSAECONNRESET), 0);
		struct pp_op op = {0};
		cr_assert_eq(pp_send(b.p.a, &op, b.mem, 1, true), WSAECONNABORTED);
		nic_give_back();
		pp_bed_down(&b);
	}
	END();
}

/* An RDMA transfer's requests are posted like those. */
Test(data_wrap, PROV_RDMA_03_posting_a_transfer_fails, .timeout = 200)
{
	BEGIN();
	for (int read = 0; read < 2; read++) {
		struct pp_bed b = pp_bed_up(SIZE, true);
		char descriptor[256];
		DWORD room = sizeof(descriptor);
		int code;
		struct pp_op op = {0}, r = {0};
		HANDLE h = pp_reg(b.p.a, b.mem, 8192, MEM_READWRITE);
		cr_assert_eq(pp_ext.reg_rdma(b.p.b, b.mem + 65536, 8192, MEM_READWRITE, descriptor,
					     &room, &code),
			     0);
		WSABUFEX v = {.len = 4096, .buf = b.mem, .handle = h};
		arm(W_MALLOC, 0, 1, ENOMEM);
		arm(W_CALLOC, 0, 1, ENOMEM);
		code = pp_rdma(b.p.a, read, &op, &v, 1, descriptor, 0, false);
		cr_assert_eq(code, WSAENOBUFS, "%d", code);
		cr_assert(hit(W_MALLOC) != hit(W_CALLOC));
		talks(&b);
		cr_assert_eq(pp_recv(b.p.b, &r, b.mem + 8192, 64, false), WSA_IO_PENDING);
		nic_take(b.p.a);
		atomic_store(&nic.err, ENOMEM);
		atomic_store(&nic.sends, 1);
		code = pp_rdma(b.p.a, read, &op, &v, 1, descriptor, 0, false);
		cr_assert(code == WSA_IO_PENDING, "%d", code);
		cr_assert_eq(pp_told_code(&op), WSAECONNABORTED);
		cr_assert_eq(pp_told_code(&r), WSAECONNRESET);
		nic_give_back();
		pp_bed_down(&b);
	}
	END();
}

/* No memory for an operation that must wait: the call says so, the others go on. */
Test(data_wrap, PROV_DATA_13_no_memory_for_what_must_wait, .timeout = 200)
{
	static struct pp_op s[MANY], r[MANY];
	BEGIN();
	struct pp_bed b = pp_bed_up(SIZE, true);
	int refused = 0;
	for (int i = 0; i < MANY; i++) {
		arm(W_MALLOC, 0, 1, ENOMEM);
		arm(W_CALLOC, 0, 1, ENOMEM);
		int code = pp_recv(b.p.b, &r[i], b.mem + 4096, 64, true);
		faults[W_MALLOC].times = faults[W_CALLOC].times = 0;
		if (code == WSAENOBUFS) {
			refused++;
			cr_assert_neq(r[i].ov.Internal, WSS_OPERATION_IN_PROGRESS);
			code = pp_recv(b.p.b, &r[i], b.mem + 4096, 64, true);
		}
		cr_assert_eq(code, WSA_IO_PENDING, "receive %d: %d", i, code);
	}
	cr_assert_gt(refused, 0);
	for (int i = 0; i < MANY; i++)
		cr_assert_eq(pp_send(b.p.a, &s[i], b.mem, 8, true), WSA_IO_PENDING);
	for (int i = 0; i < MANY; i++) {
		cr_assert_eq(pp_wait(b.p.b, &r[i]), 0);
		cr_assert_eq(pp_wait(b.p.a, &s[i]), 0);
	}
	talks(&b);
	pp_bed_down(&b);
	END();
}

/* ---- the device goes ---- */

Test(data_wrap, PROV_CLOSE_04_the_device_goes_with_everything_pending, .timeout = 120)
{
	static struct pp_op r[2][PENDING], w[2][PENDING];
	pp_use(WSPStartupEx, false);
	struct pp_bed other = pp_bed_up(SIZE, true);
	struct ph_pair v;
	ph_pair(&v, PH_SAN1);
	char *mem = pp_mem(SIZE);
	const SOCKET end[2] = {v.client, v.server};
	struct pp_op op = {0};
	for (int k = 0; k < 2; k++)
		pp_reg(end[k], mem, SIZE, MEM_READWRITE);
	for (int k = 0; k < 2; k++)
		for (int i = 0; i < PENDING; i++) { /* nobody's sends meet a receive for long */
			int code = pp_send(end[k], &w[k][i], mem, 64, i % 2);
			cr_assert_eq(code, WSA_IO_PENDING, "%d", code);
			if (i < PENDING / 4)
				pp_recv(end[k], &r[k][i], mem + 4096, 64, i % 2);
		}
	int gone = PH_RUN("rdma", "link", "delete", "rxe1");
	bool ended = true;
	for (int k = 0; k < 2; k++)
		for (int i = 0; i < PENDING; i++)
			ended &= WSD_UNTIL(w[k][i].ov.Internal != WSS_OPERATION_IN_PROGRESS,
					   PP_SOON_MS);
	int again = PH_RUN("rdma", "link", "add", "rxe1", "type", "rxe", "netdev", "san1");
	cr_assert_eq(gone, 0);
	cr_assert_eq(again, 0, "the device is still held");
	cr_assert(ended, "an operation is pending on a device that is gone");
	for (int k = 0; k < 2; k++) { /* the other end may go first, and is the peer */
		all_ended_either(end[k], w[k], PENDING, WSAECONNABORTED, WSAECONNRESET);
		all_ended_either(end[k], r[k], PENDING / 4, WSAECONNABORTED, WSAECONNRESET);
		int code = pp_send(end[k], &op, mem, 1, true);
		cr_assert(code == WSAECONNABORTED || code == WSAECONNRESET, "%d", code);
		cr_assert_eq(reg_local(end[k], mem, 4096), WSAENOTCONN);
	}
	talks(&other);
	ph_unpair(&v);
	pp_bed_down(&other);
	pp_unmap(mem, SIZE);
	pp_down();
}

/* ---- sockets that close each other inside completions ---- */

struct cross {
	SOCKET s, other;
	struct pp_op r;
	atomic_int *meeting;
	atomic_int code;
};

/* Until both threads are inside: each holds its own socket's upcall and waits for the other's. */
static void close_other(struct pp_op *op)
{
	struct cross *x = op->arg;
	atomic_fetch_add(x->meeting, 1);
	(void)WSD_WITHIN(atomic_load(x->meeting) == 2, PP_SOON_MS);
	atomic_store(&x->code, ph_close(x->other) + 1);
}

static void *poll_it(void *arg)
{
	struct cross *x = arg;
	while (!atomic_load(&x->r.told) && !atomic_load(&x->code))
		pp_poll(x->s, &x->r);
	return NULL;
}

Test(data_wrap, PROV_CLOSE_07_two_threads_close_each_others_sockets_in_completions, .timeout = 200)
{
	BEGIN();
	for (int round = 0; round < 5; round++) {
		struct pp_bed b[2] = {pp_bed_up(SIZE, true), pp_bed_up(SIZE, true)};
		static struct cross x[2];
		atomic_int meeting = 0;
		struct pp_op s[2] = {{{0}}};
		pthread_t threads[2];
		memset(x, 0, sizeof(x));
		for (int i = 0; i < 2; i++) {
			x[i].s = b[i].p.b;
			x[i].other = b[!i].p.b;
			x[i].meeting = &meeting;
			x[i].r.hook = close_other;
			x[i].r.arg = &x[i];
			cr_assert_eq(pp_recv(x[i].s, &x[i].r, b[i].mem + 4096, 64, false),
				     WSA_IO_PENDING);
			cr_assert_eq(pthread_create(&threads[i], NULL, poll_it, &x[i]), 0);
		}
		for (int i = 0; i < 2; i++)
			cr_assert_eq(pp_send(b[i].p.a, &s[i], b[i].mem, 8, true), WSA_IO_PENDING);
		for (int i = 0; i < 2; i++) {
			cr_assert(WSD_UNTIL(atomic_load(&x[i].code), 2 * PP_SOON_MS), "a deadlock");
			cr_assert_eq(pthread_join(threads[i], NULL), 0);
		}
		for (int i = 0; i < 2; i++) {
			cr_assert_eq(ph_close(b[i].p.a), 0);
			pp_unmap(b[i].mem, SIZE);
		}
	}
	cr_assert(WSD_UNTIL(ph_open_handles() == 0, PP_SOON_MS));
	END();
}
