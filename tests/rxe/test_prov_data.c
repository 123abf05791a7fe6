/* SPDX-License-Identifier: MIT
 *
 * WSPSend and WSPRecv: messages, their order and bounds, queues that overflow, the early message,
 * and what ends a connection with operations pending. PROV-DATA-1 to 13.
 */
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "prov_pair.h"

#define BEGIN()       \
	pp_up(false); \
	WSD_TEST_BEGIN()
#define END()           \
	WSD_TEST_END(); \
	pp_down()

enum { SIZE = 1 << 20, MANY = 200, DEEP = 100 };

/* A pair with one registered buffer for both ends, past its first messages. */
/* Clauses: PROV-DATA-3 */
Test(data, PROV_DATA_01_overlapped_without_a_routine_or_not_at_all)
{
	BEGIN();
	struct pp_bed b = pp_bed_up(SIZE, true);
	struct pp_op op = {0};
	WSABUF buf = {.len = 4, .buf = b.mem};
	DWORD n = 0, flags = 0;
	int code;
	LPWSAOVERLAPPED_COMPLETION_ROUTINE routine =
		(LPWSAOVERLAPPED_COMPLETION_ROUTINE)(uintptr_t)0x10;
	WSATHREADID thread = {0};
#define SEND(ov, routine_, flags_) \
	(ph.proc.lpWSPSend(b.p.a, &buf, 1, &n, flags_, ov, routine_, NULL, &code), code)
#define RECV(ov, routine_, thread_, flags_) \
	(flags = (flags_),                  \
	 ph.proc.lpWSPRecv(b.p.a, &buf, 1, &n, &flags, ov, routine_, thread_, &code), code)
	cr_assert_eq(SEND(NULL, NULL, 0), WSAEINVAL);
	cr_assert_eq(SEND(&op.ov, routine, 0), WSAEINVAL);
	cr_assert_eq(RECV(NULL, NULL, NULL, 0), WSAEINVAL);
	cr_assert_eq(RECV(&op.ov, routine, NULL, 0), WSAEINVAL);
	cr_assert_eq(RECV(&op.ov, NULL, &thread, 0), WSAEINVAL);
	cr_assert_eq(RECV(&op.ov, NULL, NULL, MSG_OOB), WSAEINVAL);
	/* [PROV-DATA-3]: urgent data are ordinary messages. */
	cr_assert_eq(SEND(&op.ov, NULL, MSG_OOB), WSAEINVAL);
	cr_assert_eq(SEND(&op.ov, NULL, MSG_PARTIAL), WSAEINVAL);
	cr_assert_neq(op.ov.Internal, WSS_OPERATION_IN_PROGRESS, "nothing was started");
	/* Neither was anything sent: the next message is the first. */
	struct pp_op s = {0}, r = {0};
	memcpy(b.mem, "good", 4);
	cr_assert_eq(pp_recv(b.p.b, &r, b.mem + 100, 10, true), WSA_IO_PENDING);
	cr_assert_eq(pp_send(b.p.a, &s, b.mem, 4, true), WSA_IO_PENDING);
	cr_assert_eq(pp_wait(b.p.b, &r), 0);
	cr_assert_eq(r.bytes, 4);
	cr_assert_eq(pp_wait(b.p.a, &s), 0);
	cr_assert_eq(atomic_load(&pp_told), 0);
	pp_bed_down(&b);
	END();
}

/* The harness spoils each array of buffers after the call. Clauses: PROV-DATA-12 */
Test(data, PROV_DATA_02_pending_now_complete_later_once)
{
	BEGIN();
	struct pp_bed b = pp_bed_up(SIZE, false);
	struct pp_op s = {0}, r = {0};
	memcpy(b.mem, "hello", 5);
	cr_assert_eq(pp_recv(b.p.b, &r, b.mem + 4096, 100, false), WSA_IO_PENDING);
	cr_assert_eq(r.ov.Internal, WSS_OPERATION_IN_PROGRESS);
	cr_assert_eq(pp_send(b.p.a, &s, b.mem, 5, false), WSA_IO_PENDING);
	cr_assert_eq(pp_told_code(&s), 0);
	cr_assert_eq(pp_told_code(&r), 0);
	cr_assert_eq(s.bytes, 5);
	cr_assert_eq(r.bytes, 5);
	cr_assert_eq(memcmp(b.mem + 4096, "hello", 5), 0);
	usleep(20000);
	cr_assert_eq(atomic_load(&pp_told), 2, "told once each");
	pp_bed_down(&b);
	END();
}

Test(data, PROV_DATA_04_the_registration_is_found_by_address)
{
	BEGIN();
	struct pp_pair p = pp_pair();
	pp_first_messages(&p);
	char *mem = pp_mem(SIZE);
	struct pp_op s = {0}, r = {0}, r2 = {0};
	/* Without, beside, and across registrations; with rights that do not do. */
	cr_assert_eq(pp_send(p.a, &s, mem, 10, true), WSAEFAULT);
	HANDLE low = pp_reg(p.a, mem, 4096, MEM_READ),
	       high = pp_reg(p.a, mem + 4096, 4096, MEM_READ);
	cr_assert_eq(pp_send(p.a, &s, mem + 8190, 10, true), WSAEFAULT);
	cr_assert_eq(pp_send(p.a, &s, mem + 4090, 10, true), WSAEFAULT, "across two of them");
	cr_assert_eq(pp_send(p.a, &s, mem - 1, 2, true), WSAEFAULT);
	cr_assert_eq(pp_recv(p.a, &r, mem, 10, true), WSAEFAULT, "read-only memory");
	HANDLE target = pp_reg(p.b, mem + 16384, 4096, MEM_WRITE);
	cr_assert_eq(pp_send(p.b, &s, mem + 16384, 10, true), WSAEFAULT, "write-only memory");
	cr_assert_eq(pp_recv(p.a, &r, mem + 16384, 10, true), WSAEFAULT, "of the other socket");
	/* Many around it, nested and overlapping. */
	HANDLE more[64];
	for (int i = 0; i < 64; i++)
		more[i] = pp_reg(p.a, mem + 65536 + i * 512, (size_t)(64 - i) * 1024, MEM_READ);
	memcpy(mem + 65536 + 63 * 512, "inside", 6);
	cr_assert_eq(pp_recv(p.b, &r, mem + 16384, 10, true), WSA_IO_PENDING);
	cr_assert_eq(pp_recv(p.b, &r2, mem + 16484, 10, true), WSA_IO_PENDING);
	cr_assert_eq(pp_send(p.a, &s, mem + 65536 + 63 * 512, 6, true), WSA_IO_PENDING);
	cr_assert_eq(pp_wait(p.b, &r), 0);
	cr_assert_eq(memcmp(mem + 16384, "inside", 6), 0);
	cr_assert_eq(pp_wait(p.a, &s), 0);
	for (int i = 0; i < 64; i++)
		cr_assert_eq(pp_dereg(p.a, more[(i * 7) % 64]), 0);
	cr_assert_eq(pp_send(p.a, &s, mem + 65536 + 63 * 512, 6, true), WSAEFAULT);
	cr_assert_eq(pp_send(p.a, &s, mem + 4096, 4096, true), WSA_IO_PENDING);
	cr_assert_eq(pp_dereg(p.a, low), 0);
	/* Too long for what is posted: the end of this connection. */
	cr_assert_eq(pp_wait(p.b, &r2), WSAEMSGSIZE);
	cr_assert_neq(pp_wait(p.a, &s), 0);
	(void)WSD_WITHIN(pp_dereg(p.a, high) == 0, 100);
	cr_assert_eq(pp_dereg(p.b, target), 0, "legal when broken, too");
	pp_close(&p);
	pp_unmap(mem, SIZE);
	END();
}

/* Sizes around every limit: nothing, inline, the early buffer, a page, the network's unit. */
static const uint32_t sizes[] = {0,   1,    2,    47,   48,   49,   63,   64,   255,   256,
				 257, 1000, 1023, 1024, 1025, 4095, 4096, 4097, 16384, 65536};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static char pattern(unsigned message, unsigned i)
{
	return (char)(message * 31 + i * 7 + (i >> 8));
}

Test(data, PROV_DATA_05_boundaries_and_order_at_mixed_sizes, .timeout = 120)
{
	BEGIN();
	struct pp_bed b = pp_bed_up(SIZE, true);
	struct pp_op s[8] = {{{0}}}, r[8] = {{{0}}};
	for (unsigned base = 0; base < MANY; base += 8) {
		char *to = b.mem + SIZE / 2, *from = b.mem;
		for (unsigned i = 0; i < 8; i++)
			cr_assert_eq(pp_recv(b.p.b, &r[i], to + i * 65536, 65536, i % 2),
				     WSA_IO_PENDING);
		for (unsigned i = 0; i < 8; i++) {
			uint32_t len = sizes[(base + i) * 7 % SIZES];
			if (i * 65536 + len > SIZE / 2)
				len = 100;
			for (unsigned k = 0; k < len; k++)
				from[i * 65536 + k] = pattern(base + i, k);
			cr_assert_eq(pp_send(b.p.a, &s[i], from + i * 65536, len, i % 3 != 0),
				     WSA_IO_PENDING);
		}
		for (unsigned i = 0; i < 8; i++) {
			uint32_t len = sizes[(base + i) * 7 % SIZES];
			int code = i % 2 ? pp_wait(b.p.b, &r[i]) : pp_told_code(&r[i]);
			cr_assert_eq(code, 0);
			cr_assert_eq(r[i].bytes, len, "message %u: %u of %u", base + i, r[i].bytes,
				     len);
			for (unsigned k = 0; k < len; k++)
				cr_assert_eq(to[i * 65536 + k], pattern(base + i, k));
			code = i % 3 ? pp_wait(b.p.a, &s[i]) : pp_told_code(&s[i]);
			cr_assert_eq(code, 0);
			cr_assert_eq(s[i].bytes, len);
		}
	}
	pp_bed_down(&b);
	END();
}

Test(data, PROV_DATA_05_segments_make_one_message)
{
	BEGIN();
	struct pp_bed b = pp_bed_up(SIZE, true);
	char *m = b.mem;
	strcpy(m, "one two three");
	WSABUF from[6] = {{3, m}, {0, NULL}, {4, m + 3}, {6, m + 7}, {0, m}, {0, NULL}};
	WSABUF to[3] = {{5, m + 1000}, {1, m + 2000}, {100, m + 3000}};
	struct pp_op s = {.ov.hEvent = (HANDLE)1}, r = {.ov.hEvent = (HANDLE)1};
	DWORD n, flags = 0;
	int code;
	ph.proc.lpWSPRecv(b.p.b, to, 3, &n, &flags, &r.ov, NULL, NULL, &code);
	cr_assert_eq(code, WSA_IO_PENDING);
	ph.proc.lpWSPSend(b.p.a, from, 6, &n, 0, &s.ov, NULL, NULL, &code);
	cr_assert_eq(code, WSA_IO_PENDING);
	cr_assert_eq(pp_wait(b.p.b, &r), 0);
	cr_assert_eq(r.bytes, 13);
	cr_assert_eq(memcmp(m + 1000, "one t", 5) | memcmp(m + 2000, "w", 1) |
			     memcmp(m + 3000, "o three", 7),
		     0);
	cr_assert_eq(pp_wait(b.p.a, &s), 0);
	/* More segments than one request takes, and no array. */
	WSABUF many[5] = {{1, m}, {1, m}, {1, m}, {1, m}, {1, m}};
	ph.proc.lpWSPSend(b.p.a, many, 5, &n, 0, &s.ov, NULL, NULL, &code);
	cr_assert_eq(code, WSAEINVAL);
	ph.proc.lpWSPSend(b.p.a, NULL, 1, &n, 0, &s.ov, NULL, NULL, &code);
	cr_assert_eq(code, WSAEFAULT);
	pp_bed_down(&b);
	END();
}

static void check_order(struct pp_op *ops, int n)
{
	for (int i = 1; i < n; i++)
		cr_assert_gt(ops[i].order, ops[i - 1].order, "upcall %d came before %d", i, i - 1);
}

/* Far beyond the queue pair's depth, in both directions, with and without upcalls. */
Test(data, PROV_DATA_07_depths_are_not_the_switchs_affair, .timeout = 200)
{
	BEGIN();
	struct pp_bed b = pp_bed_up(SIZE, true);
	static struct pp_op s[DEEP], r[DEEP];
	for (int silent = 0; silent < 2; silent++) {
		for (int i = 0; i < DEEP; i++)
			cr_assert_eq(pp_recv(b.p.b, &r[i], b.mem + SIZE / 2 + i * 64, 64, silent),
				     WSA_IO_PENDING);
		for (int i = 0; i < DEEP; i++) {
			memset(b.mem + i * 64, i + 1, 64);
			cr_assert_eq(pp_send(b.p.a, &s[i], b.mem + i * 64, (ULONG)i % 65, silent),
				     WSA_IO_PENDING);
		}
		for (int i = 0; i < DEEP; i++) {
			cr_assert_eq(silent ? pp_wait(b.p.b, &r[i]) : pp_told_code(&r[i]), 0);
			cr_assert_eq(silent ? pp_wait(b.p.a, &s[i]) : pp_told_code(&s[i]), 0);
			cr_assert_eq(r[i].bytes, (DWORD)i % 65, "message %d", i);
			for (DWORD k = 0; k < r[i].bytes; k++)
				cr_assert_eq(b.mem[SIZE / 2 + i * 64 + (int)k], (char)(i + 1));
		}
		if (!silent) {
			check_order(s, DEEP);
			check_order(r, DEEP);
		}
	}
	pp_bed_down(&b);
	END();
}

/* Silent sends beyond the depth that nobody polls for: they go, all the same. */
Test(data, PROV_DATA_07_what_waits_needs_no_poll)
{
	BEGIN();
	struct pp_bed b = pp_bed_up(SIZE, true);
	static struct pp_op s[DEEP], r[DEEP];
	for (int i = 0; i < DEEP; i++)
		cr_assert_eq(pp_send(b.p.a, &s[i], b.mem, 100, true), WSA_IO_PENDING);
	for (int i = 0; i < DEEP; i++)
		cr_assert_eq(pp_recv(b.p.b, &r[i], b.mem + 4096, 100, false), WSA_IO_PENDING);
	cr_assert(pp_told_n(r, DEEP, PP_SOON_MS), "sends stay in their queue");
	for (int i = 0; i < DEEP; i++)
		cr_assert_eq(pp_wait(b.p.a, &s[i]), 0);
	pp_bed_down(&b);
	END();
}

/* The peer's first message comes before anything is posted; it and those behind it keep order. */
/* Clauses: PROV-DATA-9 */
Test(data, PROV_DATA_08_an_early_message_waits)
{
	BEGIN();
	for (int silent = 0; silent < 2; silent++) {
		struct pp_bed b = pp_bed_up(SIZE, false);
		struct pp_op s[3] = {{{0}}}, r[3] = {{{0}}};
		memset(b.mem, 'e', 256);
		cr_assert_eq(pp_send(b.p.a, &s[0], b.mem, 256, true), WSA_IO_PENDING);
		cr_assert_eq(pp_wait(b.p.a, &s[0]), 0, "it arrived");
		memcpy(b.mem + 512, "second", 6);
		cr_assert_eq(pp_send(b.p.a, &s[1], b.mem + 512, 6, true), WSA_IO_PENDING);
		usleep(20000);
		/* [PROV-DATA-9]: one to one, in order, then from the NIC. */
		int told = atomic_load(&pp_told);
		for (int i = 0; i < 3; i++)
			cr_assert_eq(pp_recv(b.p.b, &r[i], b.mem + 4096 + i * 300, 300, silent),
				     WSA_IO_PENDING);
		cr_assert_eq(pp_send(b.p.a, &s[2], b.mem + 513, 3, true), WSA_IO_PENDING);
		static const DWORD bytes[] = {256, 6, 3};
		for (int i = 0; i < 3; i++) {
			cr_assert_eq(silent ? pp_wait(b.p.b, &r[i]) : pp_told_code(&r[i]), 0);
			cr_assert_eq(r[i].bytes, bytes[i]);
		}
		cr_assert_eq(b.mem[4096 + 255], 'e');
		cr_assert_eq(memcmp(b.mem + 4396, "second", 6), 0);
		cr_assert_eq(memcmp(b.mem + 4696, "eco", 3), 0);
		if (!silent) {
			check_order(r, 3);
			cr_assert_not(pthread_equal(r[0].thread, pthread_self()),
				      "no upcall from inside WSPRecv");
		}
		cr_assert_eq(atomic_load(&pp_told) - told, silent ? 0 : 3);
		pp_bed_down(&b);
	}
	END();
}

/* Nothing comes after it, so nothing but the receive itself can notice it. */
Test(data, PROV_DATA_08_an_early_message_alone_is_noticed)
{
	BEGIN();
	for (int round = 0; round < 5; round++) {
		struct pp_bed b = pp_bed_up(SIZE, false);
		struct pp_op s = {{0}}, r = {{0}};
		memset(b.mem, 'e', 100);
		cr_assert_eq(pp_send(b.p.a, &s, b.mem, 100, true), WSA_IO_PENDING);
		cr_assert_eq(pp_wait(b.p.a, &s), 0, "it arrived");
		cr_assert_eq(pp_recv(b.p.b, &r, b.mem + 4096, 300, false), WSA_IO_PENDING);
		cr_assert_eq(pp_told_code(&r), 0);
		cr_assert_eq(r.bytes, 100);
		pp_bed_down(&b);
	}
	END();
}

Test(data, PROV_DATA_10_a_receive_that_is_too_small)
{
	BEGIN();
	for (int early = 0; early < 2; early++) {
		struct pp_bed b = pp_bed_up(SIZE, !early);
		struct pp_op s = {0}, r[2] = {{{0}}}, back = {0};
		cr_assert_eq(pp_recv(b.p.b, &r[0], b.mem + 4096, 10, false), WSA_IO_PENDING);
		cr_assert_eq(pp_recv(b.p.b, &r[1], b.mem + 8192, 100, false), WSA_IO_PENDING);
		cr_assert_eq(pp_recv(b.p.a, &back, b.mem + 12288, 100, false), WSA_IO_PENDING);
		cr_assert_eq(pp_send(b.p.a, &s, b.mem, 11, false), WSA_IO_PENDING);
		cr_assert_eq(pp_told_code(&r[0]), WSAEMSGSIZE);
		cr_assert_eq(r[0].bytes, 0);
		cr_assert_eq(pp_told_code(&r[1]), WSAECONNABORTED);
		/* Broken, here and at the peer. */
		cr_assert_eq(pp_recv(b.p.b, &r[0], b.mem, 10, true), WSAECONNABORTED);
		int code = pp_told_code(&back);
		cr_assert(code == WSAECONNRESET || code == WSAECONNABORTED, "%d", code);
		code = pp_told_code(&s);
		cr_assert(early ? code == 0 || code == WSAECONNRESET || code == WSAECONNABORTED
				: code == WSAECONNRESET || code == WSAECONNABORTED,
			  "%d", code);
		pp_bed_down(&b);
	}
	END();
}

Test(data, PROV_DATA_11_longer_than_SO_MAX_MSG_SIZE)
{
	BEGIN();
	struct pp_pair p = pp_pair();
	uint32_t max = 0;
	int len = sizeof(max), code;
	ph.proc.lpWSPGetSockOpt(p.a, WSD_SOL_SOCKET, SO_MAX_MSG_SIZE, (char *)&max, &len, &code);
	cr_assert_eq(code, 0);
	size_t size = (size_t)max + 4096;
	char *mem = pp_mem(size);
	pp_first_messages(&p);
	pp_reg(p.a, mem, size, MEM_READ);
	struct pp_op s = {0};
	cr_assert_eq(pp_send(p.a, &s, mem, max + 1, true), WSAEMSGSIZE);
	cr_assert_neq(s.ov.Internal, WSS_OPERATION_IN_PROGRESS);
	/* Not posted, and the connection lives. */
	pp_first_messages(&p);
	pp_close(&p);
	pp_unmap(mem, size);
	END();
}

/* Everything pending, in both directions, and more than the queues hold: how it ends. */
static void pend(struct pp_bed *b, SOCKET s, struct pp_op *r, struct pp_op *w, int n)
{
	for (int i = 0; i < n; i++) {
		cr_assert_eq(pp_recv(s, &r[i], b->mem + i * 64, 64, i % 2), WSA_IO_PENDING);
		cr_assert_eq(pp_send(s, &w[i], b->mem + SIZE / 2, 64, i % 2), WSA_IO_PENDING);
	}
}

/* Each completed exactly once, with 0 or @code; after that calls fail with @code. */
static void all_ended(struct pp_bed *b, SOCKET s, struct pp_op *ops, int n, int code, bool all)
{
	for (int i = 0; i < n; i++) {
		int got = i % 2 ? pp_wait(s, &ops[i]) : pp_told_code(&ops[i]);
		cr_assert(got == code || (!all && !got), "operation %d: %d", i, got);
		if (got)
			cr_assert_eq(ops[i].bytes, 0);
	}
	struct pp_op op = {0};
	cr_assert_eq(pp_send(s, &op, b->mem, 1, true), code);
	cr_assert_eq(pp_recv(s, &op, b->mem, 1, true), code);
}

Test(data, PROV_DATA_13_the_peer_closes_with_everything_pending)
{
	BEGIN();
	struct pp_bed b = pp_bed_up(SIZE, true);
	static struct pp_op r[40], w[40];
	pend(&b, b.p.a, r, w, 40);
	cr_assert_eq(ph_close(b.p.b), 0);
	all_ended(&b, b.p.a, r, 40, WSAECONNRESET, true);
	all_ended(&b, b.p.a, w, 40, WSAECONNRESET, false);
	usleep(50000);
	for (int i = 0; i < 40; i += 2)
		cr_assert(r[i].told == 1 && w[i].told == 1);
	for (int i = 1; i < 40; i += 2)
		cr_assert(r[i].told == 0 && w[i].told == 0, "silent ones are not told");
	check_order((struct pp_op[]){r[0], r[2], r[4], r[38]}, 4);
	cr_assert_eq(ph_close(b.p.a), 0);
	pp_unmap(b.mem, SIZE);
	END();
}

/* What arrived before the peer closed is delivered. */
Test(data, PROV_DATA_13_what_came_before_the_end_counts)
{
	BEGIN();
	for (int i = 0; i < 5; i++) {
		struct pp_bed b = pp_bed_up(SIZE, true);
		struct pp_op s = {0}, r[2] = {{{0}}};
		cr_assert_eq(pp_recv(b.p.b, &r[0], b.mem, 64, true), WSA_IO_PENDING);
		cr_assert_eq(pp_recv(b.p.b, &r[1], b.mem + 64, 64, true), WSA_IO_PENDING);
		cr_assert_eq(pp_send(b.p.a, &s, b.mem + 4096, 5, true), WSA_IO_PENDING);
		cr_assert_eq(pp_wait(b.p.a, &s), 0);
		cr_assert_eq(ph_close(b.p.a), 0);
		cr_assert_eq(pp_wait(b.p.b, &r[1]), WSAECONNRESET);
		cr_assert_eq(pp_wait(b.p.b, &r[0]), 0);
		cr_assert_eq(r[0].bytes, 5);
		cr_assert_eq(ph_close(b.p.b), 0);
		pp_unmap(b.mem, SIZE);
	}
	END();
}

Test(data, PROV_CLOSE_01_everything_pending_is_aborted_before_close_returns)
{
	BEGIN();
	struct pp_bed b = pp_bed_up(SIZE, true);
	static struct pp_op r[40], w[40];
	pend(&b, b.p.a, r, w, 40);
	cr_assert_eq(ph_close(b.p.a), 0);
	for (int i = 0; i < 40; i++) {
		cr_assert_neq(r[i].ov.Internal, WSS_OPERATION_IN_PROGRESS);
		cr_assert_eq(r[i].ov.OffsetHigh, WSA_OPERATION_ABORTED);
		cr_assert_eq(r[i].ov.InternalHigh, 0);
		cr_assert_eq(atomic_load(&r[i].told), i % 2 ? 0 : 1);
		cr_assert(w[i].ov.OffsetHigh == WSA_OPERATION_ABORTED || !w[i].ov.OffsetHigh);
		cr_assert_eq(atomic_load(&w[i].told), i % 2 ? 0 : 1);
	}
	cr_assert_eq(pp_poll(b.p.a, &r[1]), WSAENOTSOCK);
	cr_assert_eq(pp_send(b.p.a, &w[0], b.mem, 1, true), WSAENOTSOCK);
	cr_assert_eq(ph_close(b.p.b), 0);
	pp_unmap(b.mem, SIZE);
	END();
}

Test(data, PROV_DATA_13_calls_without_a_connection)
{
	BEGIN();
	SOCKET s = ph_socket();
	char c = 0;
	struct pp_op op = {0};
	cr_assert_eq(pp_send(s, &op, &c, 1, true), WSAENOTCONN);
	cr_assert_eq(pp_recv(s, &op, &c, 1, true), WSAENOTCONN);
	cr_assert_eq(ph_bind(s, PH_SAN0, ph_port()), 0);
	cr_assert_eq(pp_send(s, &op, &c, 1, true), WSAENOTCONN);
	cr_assert_eq(ph_listen(s, 5), 0);
	cr_assert_eq(pp_recv(s, &op, &c, 1, true), WSAENOTCONN);
	cr_assert_eq(ph_close(s), 0);
	cr_assert_eq(pp_send(s, &op, &c, 1, true), WSAENOTSOCK);
	cr_assert_eq(pp_recv(s, &op, &c, 1, true), WSAENOTSOCK);
	END();
}

/* A raw peer that has a queue pair but posts no receive: sends wait for it for ever, and close does
 * not. */
Test(data, PROV_DATA_08_a_peer_without_receives_is_waited_for)
{
	BEGIN();
	unsigned short port = ph_port();
	SOCKET listener = ph_listener(PH_SAN0, port, 5);
	struct pp_raw raw;
	SOCKET s = pp_raw_connect(&raw, listener, PH_SAN0, port);
	char *mem = pp_mem(4096);
	pp_reg(s, mem, 4096, MEM_READWRITE);
	struct pp_op w[2] = {{{0}}};
	memcpy(mem, "patience", 8);
	cr_assert_eq(pp_send(s, &w[0], mem, 8, false), WSA_IO_PENDING);
	cr_assert_eq(pp_send(s, &w[1], mem, 8, false), WSA_IO_PENDING);
	usleep(200000);
	cr_assert_eq(atomic_load(&w[0].told), 0);
	pp_raw_recv(&raw, 64);
	struct ibv_wc wc;
	cr_assert_eq(pp_raw_wait(&raw, &wc, PP_SOON_MS), IBV_WC_SUCCESS);
	cr_assert_eq(wc.byte_len, 8);
	cr_assert_eq(memcmp(raw.buf, "patience", 8), 0);
	cr_assert_eq(pp_told_code(&w[0]), 0);
	long long start = wsd_check_now_ms();
	cr_assert_eq(ph_close(s), 0);
	cr_assert_lt(wsd_check_now_ms() - start, 10000);
	cr_assert_eq(pp_told_code(&w[1]), WSA_OPERATION_ABORTED);
	pp_raw_close(&raw);
	cr_assert_eq(ph_close(listener), 0);
	pp_unmap(mem, 4096);
	END();
}

/* The queue pairs are on a device that the child has opened itself. */
static int childs_data(void)
{
	alarm(60);
	pp_up(false);
	struct pp_bed b = pp_bed_up(SIZE, true);
	for (int i = 0; i < 20; i++) {
		struct pp_op s = {0}, r = {0};
		SOCKET from = i % 2 ? b.p.a : b.p.b, to = i % 2 ? b.p.b : b.p.a;
		snprintf(b.mem, 64, "message %d", i);
		if (pp_recv(to, &r, b.mem + 4096, 64, i % 4 < 2) != WSA_IO_PENDING ||
		    pp_send(from, &s, b.mem, 64, i % 4 < 2) != WSA_IO_PENDING)
			return 1;
		if (i % 4 < 2 ? pp_wait(to, &r) || pp_wait(from, &s)
			      : pp_told_code(&r) || pp_told_code(&s))
			return 2;
		if (memcmp(b.mem, b.mem + 4096, 64) != 0)
			return 3;
	}
	pp_bed_down(&b);
	return 0;
}

Test(data, PROV_MEM_14_a_child_moves_data_of_its_own, .timeout = 100)
{
	enum { WHILE, AFTER, WAYS };
	for (int way = 0; way < WAYS; way++) {
		pp_up(false);
		struct pp_bed b = pp_bed_up(SIZE, true);
		if (way == AFTER) {
			pp_bed_down(&b);
			pp_down();
		}
		fflush(NULL);
		pid_t pid = wsd_fork();
		if (!pid)
			_exit(childs_data());
		int status = -1;
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert_eq(status, 0, "way %d: the child: %#x", way, (unsigned)status);
		if (way == WHILE) {
			pp_bed_down(&b);
			pp_down();
		}
	}
}
